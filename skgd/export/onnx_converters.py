"""Converters of skl2onnx for all estimators."""

from functools import partial

import numpy as np

from .._rules.extras import import_extra
from ..linear import GDClassifier, GDRegressor
from ..losses import ModifiedHuber
from ..mlp import MLPGDClassifier, MLPGDRegressor
from ..tabular import TabularClassifier, TabularRegressor
from .onnx_graph import (
    class_labels,
    decoded,
    dtype_of,
    give_numbers,
    of_both_classes,
    probabilities,
    raw_predictions,
)
from .onnx_tables import (
    table_classifier,
    table_classifier_shapes,
    table_regressor,
    table_regressor_shapes,
)


def register_onnx_converters() -> None:
    """Register the estimators in skl2onnx, which can then convert them to ONNX.

    Afterwards, `skl2onnx.to_onnx` and `skl2onnx.convert_sklearn` convert the fitted
    classifiers and regressors of this package, also as a part of a pipeline or another
    estimator that skl2onnx can convert. The graph contains the published weights, which
    act on raw data, and computes in the dtype of `predict`.

    The conversion follows the conventions of skl2onnx. The predictions of a regressor
    have the shape (n_samples, n_outputs). A classifier has two results, the labels and
    the probabilities. If the estimator has no `predict_proba`, or with the option
    ``raw_scores=True``, the second result is the result of `decision_function`, for two
    classes with the columns ``-decision`` and ``decision``. The other options are
    'zipmap', 'nocl' and 'output_class_labels'. `TabularClassifier` has no decision
    function, and thus no option 'raw_scores'.

    The graph of a `TabularRegressor` or `TabularClassifier` contains its encoder and
    its boosted trees. Its input is an array of numbers, or one column for each column
    of a table with text.

    What cannot be converted is refused with an error that says what to do instead:
    columns of raw tables that contain dates, durations, long texts or numbers as text,
    losses whose predictions are written in Python, and networks that are transformers,
    as a step before the last one of a pipeline, for example.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skgd import MLPGDClassifier
    >>> from skgd.export import register_onnx_converters
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPGDClassifier(random_state=0).fit(X, y)
    >>> register_onnx_converters()
    >>> import skl2onnx
    >>> onnx = skl2onnx.to_onnx(clf, X[:1], options={"zipmap": False})
    >>> [output.name for output in onnx.graph.output]
    ['label', 'probabilities']
    """
    caller, packages = "register_onnx_converters", "skl2onnx onnxruntime"
    (skl2onnx,) = import_extra(caller, "onnx", packages, "skl2onnx")
    register = skl2onnx.update_registered_converter
    options = {
        "zipmap": [True, False, "columns"],
        "nocl": [True, False],
        "output_class_labels": [False, True],
    }
    functions = table_classifier_shapes, table_classifier
    register(TabularClassifier, "SkgdTabularClassifier", *functions, options=options)
    functions = table_regressor_shapes, table_regressor
    register(TabularRegressor, "SkgdTabularRegressor", *functions)
    options = {**options, "raw_scores": [True, False]}
    for kind in (GDClassifier, MLPGDClassifier):
        alias = f"Skgd{kind.__name__}"
        register(kind, alias, _classifier_shapes, _classifier, options=options)
    for kind in (GDRegressor, MLPGDRegressor):
        register(kind, f"Skgd{kind.__name__}", _regressor_shapes, _regressor)
    _refuse_hidden_features()


# ---------------------------------------------------------------- hidden features
def _refuse_hidden_features():
    # skl2onnx would convert the predictions of a network that is a transformer
    from skl2onnx import update_registered_parser
    from skl2onnx._parse import sklearn_parsers_map
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import FeatureUnion, Pipeline

    for kind in (Pipeline, FeatureUnion, ColumnTransformer):
        parser = sklearn_parsers_map[kind]
        if not isinstance(parser, partial):
            update_registered_parser(kind, partial(_parse, parser))


def _parse(parser, scope, model, inputs, custom_parsers=None):
    if hasattr(model, "steps"):
        parts = model.steps[:-1]
    else:
        names = ("transformers_", "transformer_list")
        parts = next(getattr(model, name) for name in names if hasattr(model, name))
    for name, part, *_ in parts:
        if isinstance(part, MLPGDClassifier | MLPGDRegressor):
            raise ValueError(
                f"{type(part).__name__} is a transformer in this "
                f"{type(model).__name__}, in the part {name!r}. The activations of its "
                "hidden layers cannot be converted to ONNX, only its predictions."
            )
    return parser(scope, model, inputs, custom_parsers=custom_parsers)


# ---------------------------------------------------------------- shapes
def _regressor_shapes(operator):
    from skl2onnx.common.data_types import guess_tensor_type
    from skl2onnx.common.shape_calculator import (
        calculate_linear_regressor_output_shapes,
    )

    calculate_linear_regressor_output_shapes(operator)
    estimator, source = operator.raw_operator, operator.inputs[0]
    kind = type(guess_tensor_type(source.type))
    shape = [source.get_first_dimension(), estimator._encoding.n_outputs]
    operator.outputs[0].set_type(kind(shape))


def _classifier_shapes(operator):
    from skl2onnx.common.data_types import Int64TensorType
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
    )

    calculate_linear_classifier_output_shapes(operator)
    encoding = operator.raw_operator._encoding
    if encoding.multilabel:
        n_rows = operator.inputs[0].get_first_dimension()
        shape = [n_rows, encoding.n_outputs]
        operator.outputs[0].set_type(Int64TensorType(shape))


# ---------------------------------------------------------------- predictions
def _raw(scope, operator, container):
    source, estimator = operator.inputs[0], operator.raw_operator
    dtype = dtype_of(source)
    return raw_predictions(estimator, scope, container, source.full_name, dtype)


def _regressor(scope, operator, container):
    estimator = operator.raw_operator
    graph, Z = _raw(scope, operator, container)
    found = decoded(graph, Z, estimator._fitted_loss)
    give_numbers(graph, found, operator.outputs[0])


def _classifier(scope, operator, container):
    estimator = operator.raw_operator
    graph, Z = _raw(scope, operator, container)
    label, scores = operator.outputs
    graph.give(_labels(graph, Z, operator), label.full_name)
    found = _scores(graph, Z, estimator, container)
    give_numbers(graph, found, scores)


def _labels(graph, Z, operator):
    # `ClassEncoding.decode` in ONNX
    encoding = operator.raw_operator._encoding
    if encoding.multilabel or encoding.n_outputs == 1 and len(encoding.classes) == 2:
        codes = graph.cast(graph.node("Greater", Z, 0.0), np.int64)
        if encoding.multilabel:
            return codes
        codes = graph.node("Reshape", codes, np.array([-1]))
    else:
        codes = graph.node("ArgMax", Z, axis=1, keepdims=0)
    return class_labels(graph, codes, operator)


def _scores(graph, Z, estimator, container):
    # `predict_proba`, or else `decision_function`
    loss, encoding = estimator._fitted_loss, estimator._encoding
    raw = container.get_options(estimator, {"raw_scores": False})["raw_scores"]
    is_binary = encoding.n_outputs == 1 and len(encoding.classes) == 2
    modified_huber = isinstance(loss, ModifiedHuber)
    if raw or not (encoding.probabilistic or modified_huber):
        opposite = graph.node("Neg", Z) if is_binary else None
        return graph.node("Concat", opposite, Z, axis=1) if is_binary else Z
    if not modified_huber:
        return probabilities(graph, Z, encoding)
    limited = graph.node("Min", graph.node("Max", Z, -1.0), 1.0)
    P = graph.node("Mul", graph.node("Add", limited, 1.0), 0.5)
    if is_binary:
        return of_both_classes(graph, P)
    return P if encoding.multilabel else _with_sum_one(graph, P, encoding.n_outputs)


def _with_sum_one(graph, P, n_classes):
    # if all probabilities are 0, all classes get the same probability
    column = np.ones((n_classes, 1))
    none = graph.node("Equal", graph.node("MatMul", P, column), 0.0)
    P = graph.node("Add", P, graph.cast(none, graph.dtype))
    return graph.node("Div", P, graph.node("MatMul", P, column))
