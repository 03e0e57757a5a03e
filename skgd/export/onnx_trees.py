"""Boosted trees of scikit-learn as nodes of an ONNX graph."""

import numpy as np

DOMAIN = {"op_domain": "ai.onnx.ml", "op_version": 1}


def tree_outputs(graph, columns, model, n_codes):
    """Append the raw predictions of boosted trees.

    skl2onnx has a converter for these trees, but it does not know splits by sets of
    categories. The trees decide in float32, in which the columns are exact, so each row
    reaches the same leaf as in scikit-learn.

    Parameters
    ----------
    graph : Graph
        The graph.
    columns : str
        The name of the columns that `Table.columns` returns, as float32. Codes of
        categories begin with 1, and 0 stands for a level without a code.
    model : HistGradientBoostingClassifier or HistGradientBoostingRegressor
        The fitted trees.
    n_codes : ndarray of shape (n_columns,), int
        The number of codes of each column that is a category.

    Returns
    -------
    raw : str
        The name of the raw predictions, of shape (n_samples, n_outputs), in the dtype
        of the graph.
    """
    nodes = _Nodes(*_column_order(model, n_codes))
    baseline = np.ravel(model._baseline_prediction)
    for k, trees in enumerate(model._predictors):
        for output, tree in enumerate(trees):
            nodes.add_tree(k * len(trees) + output, tree, output)
    sums = graph.node(
        "TreeEnsembleRegressor",
        columns,
        **DOMAIN,
        **nodes.attributes(),
        n_targets=len(baseline),
    )
    return graph.node("Add", graph.cast(sums, graph.dtype), baseline.astype(float))


def _column_order(model, n_codes):
    # The column that each feature of the trees is, since categories come first, and for
    # a category what scikit-learn makes of each code: a number, or -1 for a level that
    # these trees have not seen.
    is_category = model.is_categorical_
    if is_category is None:
        return np.arange(model.n_features_in_), {}
    order = np.argsort(~is_category, kind="stable")
    encoder = model._preprocessor.named_transformers_["encoder"]
    numbers = {}
    for feature, levels in enumerate(encoder.categories_):
        column = order[feature]
        known = {level: number for number, level in enumerate(levels)}
        numbers[feature] = [known.get(code, -1) for code in range(n_codes[column])]
    return order, numbers


class _Nodes:
    # the attributes of the operator, node by node
    def __init__(self, order, numbers):
        self._order, self._numbers = order, numbers
        self._nodes, self._leaves = [], []

    def add_tree(self, tree_id, tree, output):
        n_nodes = len(tree.nodes)  # the number of the next node of a chain
        for i, node in enumerate(tree.nodes):
            if node["is_leaf"]:
                self._nodes.append((tree_id, i, 0, "LEAF", 0.0, 0, 0))
                self._leaves.append((tree_id, i, output, float(node["value"])))
                continue
            children = int(node["left"]), int(node["right"])
            column = int(self._order[node["feature_idx"]])
            if node["is_categorical"]:
                codes, inside, outside = self._side(tree, node, children)
                ids = [i, *range(n_nodes, n_nodes + len(codes) - 1)]
                n_nodes += len(codes) - 1
                # the code is compared with one after the other
                for here, other, code in zip(
                    ids, [*ids[1:], outside], codes, strict=True
                ):
                    end = "BRANCH_EQ", float(code), inside, other
                    self._nodes.append((tree_id, here, column, *end))
            else:
                end = "BRANCH_LEQ", _rounded_down(node["num_threshold"]), *children
                self._nodes.append((tree_id, i, column, *end))

    def _side(self, tree, node, children):
        # the codes on the side that has fewer, this child, and the other one
        bits = tree.raw_left_cat_bitsets[node["bitset_idx"]]
        missing = bool(node["missing_go_to_left"])
        goes_left = [missing] + [
            missing if number < 0 else bool(bits[number // 32] >> (number % 32) & 1)
            for number in self._numbers[node["feature_idx"]]
        ]
        left, right = np.flatnonzero(goes_left), np.flatnonzero(~np.array(goes_left))
        if len(left) > len(right):
            left, right, children = right, left, children[::-1]
        # If one level is all that there is besides missing values, scikit-learn can
        # send all codes to the same side. (No code is -1.)
        return left if len(left) else [-1], *children

    def attributes(self):
        names = "treeids", "nodeids", "featureids", "modes", "values"
        names += "truenodeids", "falsenodeids"
        found = zip(names, zip(*self._nodes, strict=True), strict=True)
        attributes = {f"nodes_{name}": list(values) for name, values in found}
        names = "treeids", "nodeids", "ids", "weights"
        found = zip(names, zip(*self._leaves, strict=True), strict=True)
        return attributes | {f"target_{name}": list(values) for name, values in found}


def _rounded_down(threshold):
    # the largest float32 that is not above; numbers in float32 are on the same side
    rounded = np.float32(threshold)
    if rounded > threshold:
        rounded = np.nextafter(rounded, np.float32(-np.inf))
    return float(rounded)
