"""`to_sklearn`: estimators of scikit-learn with the same predictions."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import (
    GammaRegressor,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd.losses import CLASSIFICATION_LOSSES, LogLoss, Quantile, Tweedie

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_diabetes(return_X_y=True, scaled=False)
IRIS, SPECIES = load_iris(return_X_y=True)
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)
LABELS = np.column_stack([SPECIES == 0, SPECIES != 1, IRIS[:, 0] > 6]).astype(int)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
QUICK = {"max_iter": 20, "tol": None, "random_state": 0}
NETWORK = {"hidden_layer_sizes": (12, 7), "early_stopping": False, **QUICK}
LINEAR_IN_ONE = ("squared_error", "huber", "absolute_error", "quantile")


def check(model, data, y, kind):
    """The same predictions, up to rounding, by an estimator of scikit-learn."""
    found = model.fit(data, y).to_sklearn()
    assert type(found) is kind
    assert type(pickle.loads(pickle.dumps(found))) is kind
    rtol = 1e-4 if np.asarray(data).dtype == np.float32 else 1e-9
    names = ("predict_proba", "predict_log_proba", "decision_function")
    assert_same(found.predict(data), model.predict(data), rtol)
    for name in names:
        if hasattr(model, name) and hasattr(found, name):
            expected = getattr(model, name)(data)
            assert_same(getattr(found, name)(data), expected, rtol)
    if kind is not MLPClassifier:
        assert hasattr(found, names[0]) == hasattr(model, names[0])
        assert hasattr(found, names[2]) == hasattr(model, names[2])
    return found


def assert_same(found, expected, rtol):
    assert found.shape == expected.shape
    if expected.dtype.kind != "f":
        assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    else:
        largest = np.abs(expected[np.isfinite(expected)]).max()
        assert_allclose(found, expected, rtol=rtol, atol=rtol * largest)


# ---------------------------------------------------------------- linear models
@pytest.mark.parametrize("loss", LINEAR_IN_ONE)
def test_linear_regression(loss):
    check(GDRegressor(loss, **QUICK), X, Y, LinearRegression)
    several = np.column_stack([Y, -Y])
    check(GDRegressor(loss, **QUICK), X, several, LinearRegression)
    check(GDRegressor(loss, **QUICK), X, Y[:, np.newaxis], LinearRegression)
    check(GDRegressor(loss, fit_intercept=False, **QUICK), X, Y, LinearRegression)


class Squares(BaseEstimator):
    """Half the squared error, written in Python."""

    def value_and_gradient(self, y_true, raw):
        return ((raw - y_true) ** 2).sum(axis=1) / 2, raw - y_true


def test_own_losses():
    check(GDRegressor(Squares(), **QUICK), X, Y, LinearRegression)
    check(MLPGDRegressor(loss=Squares(), **NETWORK), X, Y, MLPRegressor)


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        ("poisson", PoissonRegressor),
        ("gamma", GammaRegressor),
        (Tweedie(power=1.7), TweedieRegressor),
    ],
)
def test_log_links(loss, kind):
    found = check(GDRegressor(loss, **QUICK), X, Y, kind)
    # also the deviance that the score is made of
    assert 0 < found.score(X, Y) < 1


# scikit-learn's logarithm of a probability of zero warns
@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("loss", sorted(CLASSIFICATION_LOSSES))
@pytest.mark.parametrize(
    ("data", "y"),
    [(CANCER, MALIGNANT == 1), (IRIS, NAMES), (IRIS, 10 * SPECIES - 7)],
    ids=["two classes", "names", "numbers"],
)
def test_linear_classification(loss, data, y):
    kind = LogisticRegression if loss == "log_loss" else SGDClassifier
    check(GDClassifier(loss, **QUICK), data, y, kind)


@pytest.mark.parametrize("loss", sorted(CLASSIFICATION_LOSSES))
def test_linear_classification_of_labels(loss):
    check(GDClassifier(loss, **QUICK), IRIS, LABELS, OneVsRestClassifier)
    check(GDClassifier(loss, **QUICK), IRIS, LABELS[:, :2], OneVsRestClassifier)


def test_batch_norm_label_smoothing_and_sparse_coefficients():
    model = GDClassifier(LogLoss(0.1), batch_norm=True, solver="minibatch", **QUICK)
    check(model, IRIS, SPECIES, LogisticRegression)
    model = GDClassifier(penalty="l1", alpha=0.02, **QUICK).fit(IRIS, SPECIES)
    expected = model.predict_proba(IRIS)
    assert_allclose(model.sparsify().to_sklearn().predict_proba(IRIS), expected)


# ---------------------------------------------------------------- networks
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_networks(activation, batch_norm, dtype):
    options = {"activation": activation, "batch_norm": batch_norm, **NETWORK}
    regressor, classifier = MLPGDRegressor(**options), MLPGDClassifier(**options)
    check(regressor, scale(X).astype(dtype), Y, MLPRegressor)
    # (rows that are near a boundary have another class in float32)
    check(classifier, IRIS.astype(dtype), NAMES, MLPClassifier)


@pytest.mark.parametrize(
    "y", [SPECIES == 1, NAMES, 10 * SPECIES - 7, LABELS, LABELS[:, :2]]
)
@pytest.mark.parametrize("hidden", [(), (5,), (6, 4, 3)])
def test_classes_of_networks(y, hidden):
    model = MLPGDClassifier(**{**NETWORK, "hidden_layer_sizes": hidden})
    check(model, IRIS, y, MLPClassifier)


def test_targets_of_networks():
    check(MLPGDRegressor(loss="huber", **NETWORK), X, Y, MLPRegressor)
    several = np.column_stack([Y, -Y])
    check(MLPGDRegressor(**NETWORK), X, several, MLPRegressor)
    for loss in ("poisson", "gamma", "tweedie"):
        check(MLPGDRegressor(loss=loss, **NETWORK), X, Y, MLPRegressor)
    column = MLPGDRegressor(**NETWORK).fit(X, Y[:, np.newaxis])
    found = column.to_sklearn().predict(X)
    assert_allclose(found, column.predict(X)[:, 0])


def test_the_input_scale_is_part_of_the_weights():
    model = MLPGDRegressor(input_scale=True, activation=("relu", "relu"), **NETWORK)
    check(model, X, Y, MLPRegressor)


# ---------------------------------------------------------------- attributes
def test_attributes():
    frame = pd.DataFrame(IRIS, columns=list("abcd"))
    for model in (GDClassifier(**QUICK), MLPGDClassifier(**NETWORK)):
        found = model.fit(frame, NAMES).to_sklearn()
        assert_array_equal(found.feature_names_in_, list("abcd"))
        assert found.n_features_in_ == 4
        with pytest.raises(ValueError, match="feature names"):
            found.predict(frame[["b", "a", "c", "d"]])
    assert found.loss_curve_ == model.loss_curve_
    assert (found.n_iter_, found.t_) == (model.n_iter_, model.t_)
    assert (found.n_layers_, found.out_activation_) == (4, "softmax")


def test_the_estimator_stays_as_it_is():
    model = MLPGDClassifier(**NETWORK).fit(IRIS, SPECIES)
    before = model.predict_proba(IRIS)
    found = model.to_sklearn()
    found.coefs_[0][:] = 0
    found.partial_fit(IRIS, SPECIES)
    assert_array_equal(model.predict_proba(IRIS), before)
    stripped = model.strip().to_sklearn()
    assert_allclose(stripped.predict_proba(IRIS), before)


def test_without_this_package(tmp_path):
    model = MLPGDClassifier(**NETWORK).fit(IRIS, NAMES)
    (tmp_path / "model").write_bytes(pickle.dumps(model.to_sklearn()))
    code = (
        "import pickle, sys\nsys.modules['skgd'] = None\n"
        "print(pickle.load(open('model', 'rb')).predict([[5.1, 3.5, 1.4, 0.2]]))\n"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert found.stdout == "['setosa']\n", found.stderr


# ---------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("model", "y", "message"),
    [
        (MLPGDRegressor(activation="gelu", **NETWORK), Y, "activation='gelu'"),
        (
            MLPGDRegressor(activation=["relu", "tanh"], **NETWORK),
            Y,
            r"activation=\['relu', 'tanh'\]",
        ),
        (
            MLPGDRegressor(num_embedding="piecewise_linear", **NETWORK),
            Y,
            "num_embedding='piecewise_linear'",
        ),
        (GDRegressor(Quantile([0.1, 0.9]), **QUICK), Y, r"loss=Quantile\(quantile="),
        (MLPGDRegressor(loss="binomial", **NETWORK), Y > 99, r"loss=Binomial\(\)"),
        (GDRegressor("poisson", **QUICK), np.column_stack([Y, Y]), "must be a vector"),
        (MLPGDClassifier(**NETWORK), np.ones(len(X)), "a single class, 1.0"),
    ],
    ids=lambda value: "",
)
def test_errors(model, y, message):
    with pytest.raises(ValueError, match=message):
        model.fit(X, y).to_sklearn()


def test_not_fitted():
    with pytest.raises(NotFittedError):
        GDRegressor().to_sklearn()
