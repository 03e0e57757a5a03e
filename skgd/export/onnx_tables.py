"""Converters of skl2onnx for the estimators of raw tables."""

from dataclasses import replace

import numpy as np
from scipy.linalg import block_diag

from .._members.table import MOST_LEVELS, tree_columns
from .onnx_encoder import TableInputs, encode
from .onnx_graph import (
    Graph,
    class_labels,
    decoded,
    give_numbers,
    outputs_of,
    probabilities,
)
from .onnx_trees import tree_outputs


# ---------------------------------------------------------------- shapes
def table_regressor_shapes(operator):
    """Set the type of the output of a `TabularRegressor`.

    Parameters
    ----------
    operator : Operator
        The operator of skl2onnx.
    """
    model = operator.raw_operator
    kind, n_rows = _kind_of_result(operator)
    operator.outputs[0].set_type(kind([n_rows, model._encoding.n_outputs]))


def table_classifier_shapes(operator):
    """Set the types of the outputs of a `TabularClassifier`.

    Parameters
    ----------
    operator : Operator
        The operator of skl2onnx.
    """
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType
    from skl2onnx.common.utils_classifier import get_label_classes

    model = operator.raw_operator
    kind, n_rows = _kind_of_result(operator)
    n_columns = len(model.classes_)
    operator.outputs[1].set_type(kind([n_rows, n_columns]))
    classes = get_label_classes(operator.scope_inst, model)
    label = Int64TensorType if classes.dtype.kind in "biuf" else StringTensorType
    shape = [n_rows, n_columns] if model._encoding.multilabel else [n_rows]
    operator.outputs[0].set_type(label(shape))


def _kind_of_result(operator):
    # double precision if an input has it; and the number of rows
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    inputs = operator.inputs
    doubles = any(isinstance(each.type, DoubleTensorType) for each in inputs)
    kind = DoubleTensorType if doubles else FloatTensorType
    return kind, inputs[0].get_first_dimension()


# ---------------------------------------------------------------- predictions
def table_regressor(scope, operator, container):
    """Append the predictions of a `TabularRegressor`.

    Parameters
    ----------
    scope, operator, container : object
        What skl2onnx passes to a converter.
    """
    model = operator.raw_operator
    graph = Graph(scope, container, np.float64)
    is_identity = model._encoding.loss.link == "identity"

    def link(raw):
        # `NumberTargets._link`
        if not is_identity:
            Y = decoded(graph, raw, model._encoding.loss)
            return graph.node("Mul", Y, model._scale)
        raw = graph.node("Mul", raw, model._scale)
        raw = graph.node("Add", raw, model._mean)
        return decoded(graph, raw, model._encoding.loss)

    found = _mean_of_members(graph, operator, link)
    give_numbers(graph, found, operator.outputs[0])


def table_classifier(scope, operator, container):
    """Append the labels and the probabilities of a `TabularClassifier`.

    Parameters
    ----------
    scope, operator, container : object
        What skl2onnx passes to a converter.
    """
    model = operator.raw_operator
    encoding = model._encoding
    graph = Graph(scope, container, np.float64)

    def link(raw):
        Z = graph.node("Div", raw, float(model.temperature_))
        return probabilities(graph, Z, encoding)

    P = _mean_of_members(graph, operator, link)
    label, scores = operator.outputs
    if encoding.multilabel:
        labels = graph.cast(graph.node("Greater", P, 0.5), np.int64)
    else:
        codes = graph.node("ArgMax", P, axis=1, keepdims=0)
        labels = class_labels(graph, codes, operator)
    graph.give(labels, label.full_name)
    give_numbers(graph, P, scores)


def _mean_of_members(graph, operator, link):
    model = operator.raw_operator
    encoder, share = model.encoder_, model.tree_share_
    features = encode(graph, encoder, TableInputs(graph, operator))
    doubles = graph.cast(features.name, graph.dtype)
    columns = None
    predictions = []
    for pair in model._final:
        layers = _layers(pair.network, encoder, features.order)
        raw = outputs_of(graph, doubles, layers)
        if pair.trees is not None:
            columns = columns or _tree_columns(graph, encoder, features)
            of_trees = tree_outputs(graph, columns[0], pair.trees.model, columns[1])
            raw = graph.node("Mul", raw, 1 - share)
            raw = graph.node("Add", raw, graph.node("Mul", of_trees, share))
        predictions.append(link(raw))
    return graph.node("Div", graph.node("Sum", *predictions), float(len(predictions)))


def _layers(network, encoder, order):
    # the weights for all features; those that the network does not see have none
    layers = network._plain_layers()
    first, *others = layers.coefs
    seen = np.ones(len(order), dtype=bool)
    if not network._setting.bends:
        seen = ~encoder.is_hat_
    W = np.zeros((len(order), first.shape[1]))
    W[seen] = first
    return replace(layers, coefs=[W[order], *others])


def _tree_columns(graph, encoder, features):
    # `Table.columns`: numbers, and then codes of categories. They begin with 1 here, so
    # that the code of a level is the product with its indicator.
    place = np.argsort(features.order)
    numbers, categories = tree_columns(encoder)
    parts, n_codes = [], [0] * len(numbers)
    if len(numbers):
        parts.append(graph.node("Gather", features.name, place[numbers], axis=1))
    if categories:
        n_levels = [len(levels) for levels in categories]
        n_codes += [min(n, MOST_LEVELS) for n in n_levels]
        codes = [np.arange(1, n + 1, dtype=np.float32)[:, None] for n in n_levels]
        weights = block_diag(*codes)
        weights[weights > MOST_LEVELS] = 0
        levels = place[np.concatenate(categories)]
        found = graph.node("Gather", features.name, levels, axis=1)
        found = graph.node("MatMul", found, graph.constant(weights, np.float32))
        parts.append(found)
    return graph.node("Concat", *parts, axis=1), np.array(n_codes)
