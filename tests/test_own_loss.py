"""Losses that are written in Python."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from scipy.special import expit, log_softmax, softmax
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale
from sklearn.utils import shuffle

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd._rules.own_loss import OwnLoss

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
REGRESSION = scale(load_diabetes(return_X_y=True)[0]), load_diabetes().target / 100
CLASSES = shuffle(*load_iris(return_X_y=True), random_state=0)


class Squares(BaseEstimator):
    def __init__(self, factor=1.0):
        self.factor = factor

    def value_and_gradient(self, y_true, raw):
        error = raw - y_true
        return self.factor * (error**2).sum(axis=1) / 2, self.factor * error


class Exponential(Squares):
    """The squared error of positive predictions."""

    def value_and_gradient(self, y_true, raw):
        losses, slope = super().value_and_gradient(y_true, np.exp(raw))
        return losses, slope * np.exp(raw)

    def predict(self, raw):
        return np.exp(raw)


class Classes(BaseEstimator):
    """The log loss."""

    def value_and_gradient(self, y_true, raw):
        if raw.shape[1] == y_true.shape[1]:  # two classes, or labels
            losses = np.logaddexp(0, raw) - y_true * raw
            return losses.sum(axis=1), expit(raw) - y_true
        rows, codes = np.arange(len(raw)), y_true[:, 0].astype(int)
        gradient = softmax(raw, axis=1)
        gradient[rows, codes] -= 1
        return -log_softmax(raw, axis=1)[rows, codes], gradient


class Failing(Squares):
    """An error after some calls."""

    n_left = 5  # of which the check of the gradient takes three

    def value_and_gradient(self, y_true, raw):
        self.n_left -= 1
        if self.n_left < 0:
            raise ZeroDivisionError("own error")
        return super().value_and_gradient(y_true, raw)


class Wrong(Squares):
    def value_and_gradient(self, y_true, raw):
        losses, gradient = super().value_and_gradient(y_true, raw)
        gradient[:, -1] *= 2
        return losses, gradient


def data_for(estimator):
    return CLASSES if is_classifier(estimator()) else REGRESSION


def pair(estimator, **options):
    """Models with a compiled loss and with the same loss in Python."""
    options = {"max_iter": 10, "random_state": 0, **options}
    if estimator in (GDRegressor, MLPGDRegressor):
        # (with a loss of one's own, targets are not standardised)
        options.setdefault("standardize", False)
    own = Classes() if is_classifier(estimator()) else Squares()
    return estimator(**options), estimator(loss=own, **options)


def parameters(model):
    if hasattr(model, "coef_"):
        return np.r_[np.ravel(model.coef_), model.intercept_]
    return np.concatenate([a.ravel() for a in model.coefs_ + model.intercepts_])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize("solver", ["sgd", "minibatch", "batch", "lbfgs"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_as_the_compiled_loss(estimator, solver, form, dtype):
    X, y = data_for(estimator)
    X = form(X.astype(dtype))
    weights = np.random.RandomState(0).randint(3, size=len(y)).astype(float)
    options = dict(solver=solver, optimizer="sgd", learning_rate_init=0.01)
    if solver == "lbfgs":
        options = dict(solver="batch", optimizer="lbfgs")
    model, own = pair(estimator, early_stopping=True, **options)
    model.fit(X, y, sample_weight=weights)
    own.fit(X, y, sample_weight=weights)
    tolerance = 1e-9 if dtype == np.float64 else 1e-3
    assert_allclose(parameters(own), parameters(model), rtol=tolerance, atol=tolerance)
    curves = own.validation_loss_curve_, model.validation_loss_curve_
    assert_allclose(*curves, rtol=tolerance)
    assert_allclose(own.loss_curve_, model.loss_curve_, rtol=tolerance)
    assert_allclose(own.predict(X), model.predict(X), rtol=tolerance, atol=tolerance)
    if is_classifier(model):
        P = model.predict_proba(X)
        assert_allclose(own.predict_proba(X), P, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("estimator", [GDClassifier, MLPGDClassifier])
@pytest.mark.parametrize("kind", ["two classes", "labels"])
def test_two_classes_and_labels(estimator, kind):
    X, y = CLASSES
    Y = y > 0 if kind == "two classes" else np.c_[y > 0, y > 1].astype(int)
    model, own = pair(estimator)
    expected = model.fit(X, Y).predict_proba(X)
    assert_allclose(own.fit(X, Y).predict_proba(X), expected, atol=1e-9)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_streams_and_defaults(estimator):
    X, y = data_for(estimator)
    model, own = pair(estimator)
    first = {"classes": [0, 1, 2]} if is_classifier(model) else {}
    for k in range(0, 90, 30):
        piece = X[k : k + 30], y[k : k + 30]
        model.partial_fit(*piece, **first)
        own.partial_fit(*piece, **first)
    assert_allclose(parameters(own), parameters(model), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_several_targets_standardised_features_and_trials(estimator):
    X, y = data_for(estimator)
    Y = np.c_[y, y**2] if not is_classifier(estimator()) else y
    model = pair(estimator, standardize=True, max_iter=60)[1].fit(7 * X + 3, Y)
    assert model.score(7 * X + 3, Y) > 0.4
    again = pair(estimator, standardize=True, max_iter=60)[1].fit(7 * X + 3, Y)
    assert_array_equal(parameters(again), parameters(model))


def test_copies_and_search():
    X, y = REGRESSION
    model = GDRegressor(Exponential(), random_state=0).fit(X, y)
    assert (model.predict(X) > 0).all()
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert_array_equal(other.predict(X), model.predict(X))
    assert clone(model).loss is not model.loss
    assert model.get_params()["loss__factor"] == 1.0
    model.set_params(loss__factor=3.0)
    assert model.loss.factor == 3.0
    search = GridSearchCV(model, {"loss__factor": [1.0, 2.0]}).fit(X, y)
    assert search.best_params_["loss__factor"] in (1.0, 2.0)
    network = MLPGDRegressor(loss=Exponential(), max_iter=5, random_state=0)
    assert (network.fit(X, y).predict(X) > 0).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_wrong_gradient(estimator):
    X, y = data_for(estimator)
    with pytest.raises(ValueError, match="The gradient of loss=Wrong") as error:
        estimator(loss=Wrong()).fit(X, y)
    assert "but the difference quotient is" in str(error.value)
    model = estimator(loss=Wrong())
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("solver", ["sgd", "minibatch", "batch", "lbfgs"])
@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_errors_within_training(estimator, solver):
    X, y = REGRESSION
    options = dict(solver=solver, optimizer="sgd", learning_rate="constant")
    if solver == "lbfgs":
        options = dict(solver="batch", optimizer="lbfgs")
    options.update(warm_start=True, tol=None, max_iter=50, random_state=0)
    model = estimator(loss=Squares(), learning_rate_init=1e-3, **options).fit(X, y)
    before, n_iter = parameters(model), model.n_iter_
    twin = copy.deepcopy(model)
    with pytest.raises(ZeroDivisionError, match="own error"):
        model.set_params(loss=Failing()).fit(X, y)
    assert_array_equal(parameters(model), before)
    assert model.n_iter_ == n_iter
    model.set_params(loss=Squares()).fit(X, y)
    assert_array_equal(parameters(model), parameters(twin.fit(X, y)))


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (lambda y, z: z, "Got ndarray"),
        (
            lambda y, z: (z, z),
            r"\(8,\) and \(8, 1\). Got arrays of the shapes \(8, 1\)",
        ),
        (lambda y, z: (z[:, 0], z[:, 0]), r"and \(8,\)"),
        (lambda y, z: (z[:, 0], z, z), "Got tuple"),
        (lambda y, z: [z[:, 0], z], "Got list"),
    ],
)
def test_results_of_wrong_shape(result, text):
    class Odd:
        def value_and_gradient(self, y_true, raw):
            return result(y_true, raw)

    with pytest.raises(ValueError, match=text):
        GDRegressor(Odd()).fit(*REGRESSION)


@pytest.mark.parametrize("wrong", [np.ravel, np.transpose, lambda z: z[:-1]])
def test_predictions_of_wrong_shape(wrong):
    class Odd(Squares):
        def predict(self, raw):
            return wrong(np.c_[raw, raw])

    X, y = REGRESSION
    model = GDRegressor(Odd(), max_iter=2).fit(X, y)
    with pytest.raises(ValueError, match=r"must return an array of the shape \(5, 1\)"):
        model.predict(X[:5])


def test_objects_that_are_no_losses():
    for loss in (Squares, object(), np.square):
        with pytest.raises(ValueError, match="or an object with the method value_and"):
            GDRegressor(loss).fit(*REGRESSION)


def test_inputs_are_float64_and_may_be_changed():
    seen = []

    class Spy(Squares):
        def value_and_gradient(self, y_true, raw):
            seen.append((y_true.dtype, raw.dtype, y_true.shape, raw.shape))
            result = super().value_and_gradient(y_true, raw)
            y_true[:] = raw[:] = np.nan
            return result

    X, y = REGRESSION
    model = GDRegressor(Spy(), standardize=False).fit(np.float32(X), y)
    exact = GDRegressor(standardize=False).fit(np.float32(X), y)
    assert_allclose(model.predict(X), exact.predict(X), rtol=1e-3)
    assert {tuple(map(str, kinds[:2])) for kinds in seen} == {("float64", "float64")}
    assert all(len(y_shape) == 2 == len(shape) for _, _, y_shape, shape in seen)


# ---------------------------------------------------------------- check of the gradient
class Scaled:
    """A loss of one output whose gradient is multiplied by a factor."""

    def __init__(self, value, slope, factor=1.0):
        self.value, self.slope, self.factor = value, slope, factor

    def value_and_gradient(self, y_true, raw):
        return self.value(raw[:, 0]), self.factor * self.slope(raw)


SMOOTH = {
    "steep": (lambda z: (1e4 * z) ** 4, lambda z: 4e4 * (1e4 * z) ** 3),
    "flat": (lambda z: 1e-6 * np.sin(z), lambda z: 1e-6 * np.cos(z)),
    # values of this size have rounding errors of 1e-7
    "far from zero": (lambda z: 1e9 + np.sin(z), np.cos),
    # no difference tells the slope where the value is infinite
    "infinite": (
        lambda z: np.where(z < 0, np.inf, z),
        lambda z: np.where(z < 0, 0.0, 1.0),
    ),
}


@pytest.mark.parametrize("kind", SMOOTH)
def test_right_gradients_pass(kind):
    OwnLoss(Scaled(*SMOOTH[kind]), "custom")._check_slopes(np.zeros((30, 1)), 1)


@pytest.mark.parametrize("size", [1.0, 1e6])
def test_gradients_agree_to_a_thousandth(size):
    line = lambda z: 5 * size * z, lambda z: np.full_like(z, 5 * size)
    for error in (-0.0008, 0.0008):
        loss = OwnLoss(Scaled(*line, 1 + error), "custom")
        loss._check_slopes(np.zeros((30, 1)), 1)
    for error in (-0.0012, 0.0012):
        loss = OwnLoss(Scaled(*line, 1 + error), "custom")
        with pytest.raises(ValueError, match="does not agree with the differences"):
            loss._check_slopes(np.zeros((30, 1)), 1)


def test_the_largest_difference_is_the_one_that_is_named():
    class OneRow(Squares):
        def value_and_gradient(self, y_true, raw):
            losses, slope = super().value_and_gradient(y_true, raw)
            slope[:, 0] += 0.5
            slope[-1, 1] += 9.0
            return losses, slope

    Y = np.arange(6.0).reshape(3, 2)
    with pytest.raises(ValueError, match=r"y_true=\[4.0, 5.0\].*output 1 is"):
        OwnLoss(OneRow(), "custom")._check_slopes(Y, 2)


def test_values_are_not_converted_to_other_units():
    assert OwnLoss(Squares(), "custom")._unit(3.0) == 1
