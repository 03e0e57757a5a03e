"""The function of a fitted estimator as nodes of an ONNX graph."""

from dataclasses import replace

import numpy as np

from .. import activations as rules
from .._estimators.linear_model import LinearModel


class Graph:
    """Nodes of an ONNX graph, which are appended one after the other.

    Parameters
    ----------
    scope, container : object
        What skl2onnx passes to a converter.
    dtype : dtype
        The dtype of all numbers.
    """

    def __init__(self, scope, container, dtype):
        self._scope, self._container = scope, container
        self.dtype = np.dtype(dtype)

    def node(self, kind, *inputs, n_outputs=1, **attributes):
        """Append a node.

        Parameters
        ----------
        kind : str
            The operator of ONNX.
        *inputs : str, float or ndarray
            Names of results of other nodes, or constants.
        n_outputs : int, default=1
            The number of outputs of the operator. Only the first one is used.
        **attributes : dict
            The attributes of the operator.

        Returns
        -------
        name : str
            The name of the (first) result.
        """
        new_name = self._scope.get_unique_variable_name
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        outputs = [new_name(f"skgd_{kind}") for _ in range(n_outputs)]
        label = self._scope.get_unique_operator_name(kind)
        self._container.add_node(kind, names, outputs, name=label, **attributes)
        return outputs[0]

    def constant(self, values, dtype=None):
        """Append a constant.

        Parameters
        ----------
        values : float or ndarray
            The values. Integers and texts keep their types.
        dtype : dtype, default=None
            The dtype of numbers of type float. None is the dtype of the graph.

        Returns
        -------
        name : str
            The name of the constant.
        """
        values = np.asarray(values)
        name = self._scope.get_unique_variable_name("skgd_constant")
        if values.dtype.kind == "f":
            values = values.astype(dtype or self.dtype)
        content = values.ravel()
        if values.dtype.kind not in "fi":
            content = [str(text).encode() for text in content]
        kind = _element_type(values.dtype)
        self._container.add_initializer(name, kind, values.shape, content)
        return name

    def cast(self, name, dtype):
        """Append a conversion to another dtype.

        Parameters
        ----------
        name : str
            What is converted.
        dtype : dtype
            The dtype.

        Returns
        -------
        name : str
            The name of the result.
        """
        return self.node("Cast", name, to=_element_type(np.dtype(dtype)))

    def give(self, name, output):
        """Append a copy with the name of an output of the graph.

        Parameters
        ----------
        name : str
            What is copied.
        output : str
            The name of the output.
        """
        label = self._scope.get_unique_operator_name("Identity")
        self._container.add_node("Identity", [name], [output], name=label)


def _element_type(dtype):
    from onnx import TensorProto

    kinds = {"f4": TensorProto.FLOAT, "f8": TensorProto.DOUBLE}
    return kinds.get(
        dtype.str[1:], TensorProto.INT64 if dtype.kind == "i" else TensorProto.STRING
    )


def working_dtype(estimator, layers, dtype):
    """Return the dtype in which `predict` works.

    Parameters
    ----------
    estimator : GradientDescent
        A fitted estimator.
    layers : PlainLayers
        Its layers.
    dtype : dtype
        The dtype of the data.

    Returns
    -------
    dtype : dtype
        float32 or float64. Networks work in the dtype of their training, and linear
        models in float64 if either the data or the coefficients are float64.
    """
    if isinstance(estimator, LinearModel):
        return np.result_type(dtype, layers.coefs[0], layers.intercepts[0], np.float32)
    return estimator._state.theta.dtype


def raw_predictions(estimator, scope, container, name, dtype):
    """Append the raw predictions of an estimator.

    Parameters
    ----------
    estimator : GradientDescent
        A fitted estimator.
    scope, container : object
        What skl2onnx passes to a converter.
    name : str
        The name of the data.
    dtype : dtype
        The dtype of the data.

    Returns
    -------
    graph : Graph
        The graph, for more nodes.
    Z : str
        The name of the raw predictions, an array of shape (n_samples, n_outputs).
    """
    layers = estimator._plain_layers()
    graph = Graph(scope, container, working_dtype(estimator, layers, dtype))
    found = graph.cast(name, graph.dtype)
    if layers.knots:
        found, first = _with_ramps(graph, found, layers.coefs[0], layers.knots)
        layers = replace(layers, coefs=[first, *layers.coefs[1:]])
    return graph, outputs_of(graph, found, layers)


def outputs_of(graph, found, layers):
    """Append the linear maps and the activations of an estimator.

    Parameters
    ----------
    graph : Graph
        The graph.
    found : str
        The name of the features, in the dtype of the graph.
    layers : PlainLayers
        The layers. Knots are not looked at.

    Returns
    -------
    Z : str
        The name of the outputs of the last layer.
    """
    for i, (W, b) in enumerate(zip(layers.coefs, layers.intercepts, strict=True)):
        found = graph.node("Add", graph.node("MatMul", found, W), b)
        if i < len(layers.activations):
            found = activated(graph, found, layers.activations[i])
    return found


def decoded(graph, Z, loss):
    """Append the predictions of a regressor, as `RegressionEncoding.decode` does.

    Parameters
    ----------
    graph : Graph
        The graph.
    Z : str
        The name of the raw predictions.
    loss : Loss
        The loss of the estimator.

    Returns
    -------
    name : str
        The name of the predictions.

    Raises
    ------
    ValueError
        If the loss converts raw predictions by Python code.
    """
    if loss.link == "custom" and hasattr(loss.rule, "predict"):
        raise ValueError(
            f"loss={loss!r} cannot be converted to ONNX, because its method predict is "
            "written in Python. Without this method, the raw predictions can be."
        )
    if loss.link == "exp":
        return graph.node("Exp", Z)
    if loss.link == "logistic":
        return graph.node("Sigmoid", Z)
    if loss.link == "softmax":
        return graph.node("Softmax", Z, axis=1)
    if loss.n_levels > 1:  # quantiles do not cross
        n = np.array([loss.n_levels])
        options = {"axis": 1, "largest": 0, "sorted": 1}
        return graph.node("TopK", Z, n, n_outputs=2, **options)
    return Z


def dtype_of(variable):
    """Return the dtype in which skl2onnx has a variable of the graph.

    Parameters
    ----------
    variable : Variable
        An input or an output of an operator.

    Returns
    -------
    dtype : type
        float32, or float64, to which scikit-learn converts whole numbers and truth
        values.
    """
    from skl2onnx.common.data_types import FloatTensorType

    return np.float32 if isinstance(variable.type, FloatTensorType) else np.float64


def give_numbers(graph, found, output):
    """Append the numbers of an output, in its dtype.

    Parameters
    ----------
    graph : Graph
        The graph.
    found : str
        The name of the numbers.
    output : Variable
        The output of the operator.
    """
    graph.give(graph.cast(found, dtype_of(output)), output.full_name)


def probabilities(graph, Z, encoding):
    """Append what `ClassEncoding.probabilities` returns.

    Parameters
    ----------
    graph : Graph
        The graph.
    Z : str
        The name of the raw predictions.
    encoding : ClassEncoding
        The encoding of the classes.

    Returns
    -------
    name : str
        The name of the probabilities.
    """
    if encoding.softmax:
        return graph.node("Softmax", Z, axis=1)
    P = graph.node("Sigmoid", Z)
    return P if encoding.multilabel else of_both_classes(graph, P)


def of_both_classes(graph, P):
    """Append the probabilities of two classes.

    Parameters
    ----------
    graph : Graph
        The graph.
    P : str
        The name of those of the second class, of shape (n_samples, 1).

    Returns
    -------
    name : str
        The name of both columns.
    """
    return graph.node("Concat", graph.node("Sub", 1.0, P), P, axis=1)


def class_labels(graph, codes, operator):
    """Append the labels of classes.

    Parameters
    ----------
    graph : Graph
        The graph.
    codes : str
        The name of the positions of the classes.
    operator : Operator
        The operator of skl2onnx, whose option 'nocl' is respected.

    Returns
    -------
    name : str
        The name of the labels.
    """
    from skl2onnx.common.utils_classifier import get_label_classes

    classes = get_label_classes(operator.scope_inst, operator.raw_operator)
    if classes.dtype.kind in "biuf":
        classes = classes.astype(np.int64)
    return graph.node("Gather", classes, codes)


def _with_ramps(graph, X, W, knots):
    # The features and a ramp for each interval between two knots: it rises from 0 to 1
    # in this interval and is constant elsewhere. The hat function of a knot is the ramp
    # before it minus the ramp behind it, so the weight of a ramp is the difference of
    # the weights of two hat functions.
    n_features, d = len(knots), W.shape[1]
    columns, left, width, weights = [], [], [], [W[:n_features]]
    start = n_features
    for column, points in enumerate(knots):
        n_hats = max(len(points) - 1, 0)
        hats = W[start : start + n_hats].astype(np.float64)
        weights.append(np.diff(hats, axis=0, prepend=np.zeros((1, d)))[:n_hats])
        columns += [column] * n_hats
        left.append(points[:-1])
        width.append(np.diff(points))
        start += n_hats
    if not columns:
        return X, W
    left, width = np.concatenate(left), np.concatenate(width)
    picked = graph.node("Gather", X, np.array(columns), axis=1)
    share = graph.node("Div", graph.node("Sub", picked, left), width)
    ramps = graph.node("Min", graph.node("Max", share, 0.0), 1.0)
    W = np.concatenate(weights).astype(W.dtype)
    return graph.node("Concat", X, ramps, axis=1), W


# ---------------------------------------------------------------- activations
# The operators of ONNX are not used if runtimes have them only for float32.
def activated(graph, z, rule):
    """Append an activation.

    Parameters
    ----------
    graph : Graph
        The graph.
    z : str
        The name of its argument.
    rule : Activation
        The activation.

    Returns
    -------
    name : str
        The name of the result.

    Raises
    ------
    ValueError
        If ONNX cannot represent the activation.
    """
    for kind, append in ACTIVATIONS.items():
        if type(rule) is kind:
            return append(graph, z, rule)
    raise ValueError(
        f"activation={rule!r} cannot be converted to ONNX. These activations can: "
        f"{', '.join(kind.__name__ for kind in ACTIVATIONS)}."
    )


def _parts(graph, z):
    # the positive and the negative part, whose sum is z
    return graph.node("Max", z, 0.0), graph.node("Min", z, 0.0)


def _leaky_relu(graph, z, rule):
    above, below = _parts(graph, z)
    return graph.node("Add", above, graph.node("Mul", below, rule.negative_slope))


def _elu(graph, z, rule):
    above, below = _parts(graph, z)
    falls = graph.node("Sub", graph.node("Exp", below), 1.0)
    return graph.node("Add", above, graph.node("Mul", falls, float(rule.alpha)))


def _selu(graph, z, rule):
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return graph.node("Mul", _elu(graph, z, rules.ELU(alpha)), scale)


def _gelu(graph, z, rule):
    # (ONNX Runtime has the error function for float32 only)
    scaled = graph.cast(graph.node("Mul", z, np.sqrt(0.5)), np.float32)
    erf = graph.cast(graph.node("Erf", scaled), graph.dtype)
    twice = graph.node("Mul", z, graph.node("Add", erf, 1.0))
    return graph.node("Mul", twice, 0.5)


def _silu(graph, z, rule):
    return graph.node("Mul", z, graph.node("Sigmoid", z))


def _mish(graph, z, rule):
    # log(1 + exp(z)) = max(z, 0) + log(1 + exp(-abs(z)))
    small = graph.node("Exp", graph.node("Neg", graph.node("Abs", z)))
    log = graph.node("Log", graph.node("Add", small, 1.0))
    soft = graph.node("Add", graph.node("Max", z, 0.0), log)
    return graph.node("Mul", z, graph.node("Tanh", soft))


ACTIVATIONS = {
    rules.Identity: lambda graph, z, rule: z,
    rules.Logistic: lambda graph, z, rule: graph.node("Sigmoid", z),
    rules.Tanh: lambda graph, z, rule: graph.node("Tanh", z),
    rules.ReLU: lambda graph, z, rule: graph.node("Relu", z),
    rules.LeakyReLU: _leaky_relu,
    rules.ELU: _elu,
    rules.SELU: _selu,
    rules.GELU: _gelu,
    rules.SiLU: _silu,
    rules.Mish: _mish,
}
