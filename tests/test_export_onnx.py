"""ONNX: ONNX Runtime predicts as the estimators do, for all losses and activations."""

import subprocess
import sys

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import skl2onnx
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skgd import (
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
)
from skgd.activations import ACTIVATIONS, ELU, LeakyReLU
from skgd.export import register_onnx_converters
from skgd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES, Quantile

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# units far from one, and means far from zero, so that the folded units matter
X, Y = load_diabetes(return_X_y=True, scaled=False)
X[:, 0] = 1e4 * X[:, 0] + 3e6
IRIS, SPECIES = load_iris(return_X_y=True)
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)
LABELS = np.column_stack([SPECIES == 0, SPECIES != 1, IRIS[:, 0] > 6]).astype(int)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
QUICK = {"max_iter": 20, "tol": None, "random_state": 0}
NETWORK = {"hidden_layer_sizes": (12, 7), "early_stopping": False, **QUICK}
# single precision of the runtime, relative to the largest prediction
TOLERANCE = 1e-5


@pytest.fixture(autouse=True, scope="module")
def converters():
    register_onnx_converters()


def run(model, data, **options):
    graph = skl2onnx.to_onnx(model, data[:1], options=options or None)
    graph = graph.SerializeToString()
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(graph, providers=providers)
    return session.run(None, {session.get_inputs()[0].name: data})


def assert_close(found, expected):
    expected = expected.reshape(found.shape)
    scale = np.abs(expected).max()
    assert scale > 0
    assert_allclose(found, expected, rtol=0, atol=TOLERANCE * scale)


def check_regressor(model, data, y):
    model.fit(data, y)
    assert np.ptp(model.predict(data)) > 0
    for dtype in (np.float32, np.float64):
        rows = data.astype(dtype)
        (found,) = run(model, rows)
        assert found.dtype == dtype
        assert_close(found, model.predict(rows))


def check_classifier(model, data, y):
    model.fit(data, y)
    for dtype in (np.float32, np.float64):
        rows = data.astype(dtype)
        labels, scores = run(model, rows, zipmap=False)
        assert_array_equal(labels, model.predict(rows))
        assert scores.dtype == dtype
        if hasattr(model, "predict_proba"):
            assert_close(scores, model.predict_proba(rows))
        else:
            assert_close(scores, decision_columns(model, rows))


def decision_columns(model, rows):
    decision = model.decision_function(rows)
    return np.column_stack([-decision, decision]) if decision.ndim == 1 else decision


# ---------------------------------------------------------------- regressors
@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
@pytest.mark.parametrize("loss", sorted(REGRESSION_LOSSES))
def test_regressors(estimator, loss):
    targets = {
        "binomial": (Y > 140).astype(float),
        "multinomial": np.eye(2)[(Y > 140).astype(int)],
    }
    y = targets.get(loss, Y)
    options = NETWORK if estimator is MLPGDRegressor else QUICK
    check_regressor(estimator(loss=loss, **options), X, y)


@pytest.mark.parametrize("model", [GDRegressor(**QUICK), MLPGDRegressor(**NETWORK)])
def test_several_targets_and_a_column(model):
    check_regressor(model, X, np.column_stack([Y, np.sqrt(Y), -Y]))
    check_regressor(model, X, Y[:, np.newaxis])


@pytest.mark.parametrize("model", [GDRegressor(**QUICK), MLPGDRegressor(**NETWORK)])
def test_quantiles_do_not_cross(model):
    model.set_params(loss=Quantile([0.1, 0.5, 0.9])).fit(X, Y)
    # here the outputs themselves cross
    far = X + 30 * np.random.RandomState(0).standard_normal(X.shape) * X.std(axis=0)
    assert (np.diff(model._raw(far)) < 0).any()
    (found,) = run(model, far)
    assert_close(found, model.predict(far))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "activation",
    [*sorted(ACTIVATIONS), LeakyReLU(0.3), ELU(0.5), ("tanh", "relu")],
    ids=str,
)
def test_activations(activation, dtype):
    check_regressor(
        MLPGDRegressor(activation=activation, **NETWORK), X.astype(dtype), Y
    )


@pytest.mark.parametrize(
    "options",
    [
        {"batch_norm": True},
        {"num_embedding": "piecewise_linear"},
        {"num_embedding": "piecewise_linear", "batch_norm": True, "input_scale": True},
        {"standardize": False, "input_scale": True},
        {"hidden_layer_sizes": ()},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_networks(options, dtype):
    data = StandardScaler().fit_transform(X).astype(dtype)
    check_regressor(MLPGDRegressor(**{**NETWORK, **options}), data, Y)
    check_classifier(MLPGDClassifier(**{**NETWORK, **options}), data, Y > 140)


def test_features_without_knots():
    # an indicator has only two values, so no hat functions
    data = (IRIS.mean(axis=0) < IRIS).astype(float)
    model = MLPGDRegressor(num_embedding="piecewise_linear", **NETWORK)
    check_regressor(model, data, IRIS[:, 0])
    assert not any(len(knots) for knots in model.knots_)


def test_values_beyond_the_knots():
    model = MLPGDRegressor(num_embedding="piecewise_linear", **NETWORK).fit(X, Y)
    (found,) = run(model, 3 * X - 2 * X.mean(axis=0))
    assert_close(found, model.predict(3 * X - 2 * X.mean(axis=0)))


@pytest.mark.parametrize(
    "options",
    [
        {"fit_intercept": False},
        {"batch_norm": True, "solver": "minibatch"},
        {"penalty": "l1", "alpha": 0.1},
    ],
    ids=str,
)
def test_linear_models(options):
    check_regressor(GDRegressor(**QUICK, **options), X, Y)
    check_classifier(GDClassifier(**QUICK, **options), IRIS, SPECIES)


def test_sparse_coefficients_and_a_stripped_model():
    model = GDClassifier(penalty="l1", alpha=0.02, **QUICK).fit(IRIS, SPECIES)
    expected = model.predict_proba(IRIS)
    labels, P = run(model.sparsify().strip(), IRIS, zipmap=False)
    assert_close(P, expected)
    assert_array_equal(labels, model.predict(IRIS))
    network = MLPGDClassifier(**NETWORK).fit(IRIS, SPECIES).strip()
    assert_close(run(network, IRIS, zipmap=False)[1], network.predict_proba(IRIS))


# ---------------------------------------------------------------- classifiers
TARGETS = {
    "binary": (CANCER, MALIGNANT),
    "names of two": (IRIS, np.where(SPECIES == 1, "yes", "no")),
    "truth values": (IRIS, SPECIES == 2),
    "classes": (IRIS, 10 * SPECIES - 7),
    "floats": (IRIS, SPECIES.astype(float)),
    "names": (IRIS, NAMES),
    "objects": (IRIS, NAMES.astype(object)),
    "labels": (IRIS, LABELS),
    "one label": (IRIS, LABELS[:, :2]),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "model",
    [
        *(GDClassifier(loss, **QUICK) for loss in sorted(CLASSIFICATION_LOSSES)),
        MLPGDClassifier(**NETWORK),
    ],
    ids=lambda model: f"{type(model).__name__} {model.loss}",
)
def test_classifiers(model, target):
    check_classifier(model, *TARGETS[target])


def test_one_class():
    check_classifier(MLPGDClassifier(**NETWORK), IRIS, np.full(len(IRIS), "a"))


def test_no_class_is_probable():
    # 'modified_huber' clips the decisions, so that all probabilities can be zero
    model = GDClassifier("modified_huber", **QUICK).fit(IRIS, SPECIES)
    model.intercept_ = np.array([-1e3, -1e3, -1e3])
    _, P = run(model, IRIS, zipmap=False)
    assert_allclose(P, 1 / 3, rtol=1e-6)


def test_options_of_classifiers():
    for y in (SPECIES, SPECIES == 1):
        model = GDClassifier(**QUICK).fit(IRIS, y)
        _, found = run(model, IRIS, zipmap=False, raw_scores=True)
        assert_close(found, decision_columns(model, IRIS))
    model = GDClassifier(**QUICK).fit(IRIS, NAMES)
    # the default of skl2onnx, which ONNX has in single precision only
    labels, maps = run(model, IRIS.astype(np.float32))
    assert list(maps[0]) == list(model.classes_)
    found = np.array([list(row.values()) for row in maps])
    assert_close(found, model.predict_proba(IRIS))
    codes, _ = run(model, IRIS, zipmap=False, nocl=True)
    assert_array_equal(model.classes_[codes], labels)
    *_, classes = run(model, IRIS, zipmap=False, output_class_labels=True)
    assert_array_equal(classes, model.classes_)
    columns = run(model, IRIS, zipmap="columns")
    assert_close(np.column_stack(columns[1:]), model.predict_proba(IRIS))


def test_whole_numbers():
    data = np.round(X).astype(np.int64)
    for model in (GDRegressor(**QUICK), MLPGDRegressor(**NETWORK)):
        (found,) = run(model.fit(data, Y), data)
        assert_close(found, model.predict(data))


# ---------------------------------------------------------------- other estimators
def test_pipelines():
    scaled = make_pipeline(StandardScaler(), MLPGDClassifier(**NETWORK))
    check_classifier(scaled, IRIS, NAMES)
    check_regressor(make_pipeline(StandardScaler(), GDRegressor(**QUICK)), X, Y)
    encoder = OneHotEncoder(sparse_output=False)
    columns = make_column_transformer((encoder, [1]), remainder=StandardScaler())
    check_regressor(make_pipeline(columns, MLPGDRegressor(**NETWORK)), X, Y)


def test_a_table_with_text():
    frame = pd.DataFrame(X[:, :4], columns=list("abcd")).astype(np.float32)
    frame["city"] = np.array(["Bonn", "Ulm", "Kiel"], object)[np.arange(len(X)) % 3]
    frame["city"] = frame["city"].astype(object)
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["city"]), (StandardScaler(), list("abcd"))
    )
    network = MLPGDRegressor(num_embedding="piecewise_linear", **NETWORK)
    model = make_pipeline(columns, network).fit(frame, Y)
    graph = skl2onnx.to_onnx(model, frame[:1]).SerializeToString()
    session = onnxruntime.InferenceSession(graph)
    data = {name: frame[[name]].to_numpy() for name in frame.columns}
    (found,) = session.run(None, data)
    assert_close(found, model.predict(frame))


def test_a_frame_needs_a_column_transformer():
    frame = pd.DataFrame(IRIS, columns=list("abcd"))
    for model in (GDRegressor(**QUICK), GDClassifier(**QUICK)):
        model.fit(frame, SPECIES)
        with pytest.raises(RuntimeError, match=r"at most 1 input\(s\)"):
            skl2onnx.to_onnx(model, frame[:1])


@pytest.mark.parametrize(
    "model",
    [
        GridSearchCV(MLPGDRegressor(**NETWORK), {"alpha": [0.1, 1]}, cv=2),
        StackingRegressor(
            [("a", GDRegressor(**QUICK)), ("b", MLPGDRegressor(**NETWORK))],
            GDRegressor(**QUICK),
            cv=2,
        ),
        BaggingRegressor(GDRegressor(**QUICK), 2, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_other_estimators(model):
    check_regressor(model, X, Y)


def test_calibrated_margins():
    model = CalibratedClassifierCV(GDClassifier("hinge", **QUICK), cv=2)
    check_classifier(model, IRIS, SPECIES)
    check_classifier(model, CANCER, MALIGNANT)


def test_an_ensemble():
    models = [
        ("linear", GDClassifier(**QUICK)),
        ("network", MLPGDClassifier(**NETWORK)),
    ]
    vote = VotingClassifier(models, voting="soft", flatten_transform=False).fit(
        IRIS, SPECIES
    )
    labels, P = run(vote, IRIS, zipmap=False)
    assert_close(P, vote.predict_proba(IRIS))
    assert_array_equal(labels, vote.predict(IRIS))


def test_the_oldest_operators_are_enough():
    model = MLPGDClassifier(**NETWORK, num_embedding="piecewise_linear")
    model.fit(IRIS, SPECIES)
    graph = skl2onnx.to_onnx(
        model, IRIS[:1], target_opset=13, options={"zipmap": False}
    )
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    _, P = session.run(None, {"X": IRIS})
    assert_close(P, model.predict_proba(IRIS))


# ---------------------------------------------------------------- errors
class Shifted(BaseEstimator):
    """Half the squared error, with a prediction that is written in Python."""

    def value_and_gradient(self, y_true, raw):
        error = raw - y_true
        return (error**2).sum(axis=1) / 2, error

    def predict(self, raw):
        return raw + 1


class Plain(Shifted):
    """Half the squared error."""

    predict = property()


def test_losses_in_python():
    check_regressor(GDRegressor(Plain(), **QUICK), X, Y)
    model = GDRegressor(Shifted(), **QUICK).fit(X, Y)
    with pytest.raises(ValueError, match=r"loss=Shifted\(\) cannot .* its method pred"):
        run(model, X)


def test_hidden_features_are_refused():
    network = MLPGDRegressor(**NETWORK)
    columns = make_column_transformer((network, [0, 1]), remainder="passthrough")
    for steps in (network, make_union(network, StandardScaler()), columns):
        model = make_pipeline(steps, GDRegressor(**QUICK)).fit(X, Y)
        with pytest.raises(ValueError, match="MLPGDRegressor is a transformer in this"):
            run(model, X)


def test_the_packages_are_only_imported_for_a_conversion():
    code = (
        "import sys\nimport skgd.export\n"
        "assert not {'onnx', 'skl2onnx', 'onnxruntime'} & set(sys.modules)\n"
        "sys.modules['skl2onnx'] = None\n"
        "skgd.export.register_onnx_converters()\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ImportError: register_onnx_converters needs skl2onnx" in found.stderr
    assert "checkout[onnx]" in found.stderr
