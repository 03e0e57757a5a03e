"""Which samples are held out: the last ones, those of a splitter, or whole groups."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import is_classifier
from sklearn.datasets import load_diabetes, load_iris
from sklearn.utils import shuffle

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NETWORKS = [MLPGDRegressor, MLPGDClassifier]
ESTIMATORS = [GDRegressor, GDClassifier, *NETWORKS]
REGRESSION = load_diabetes(return_X_y=True)
CLASSES = shuffle(*load_iris(return_X_y=True), random_state=0)


def data_for(estimator):
    return CLASSES if is_classifier(estimator()) else REGRESSION


def make(estimator, **options):
    options = {"max_iter": 5, "random_state": 0, **options}
    if estimator in NETWORKS:
        options = {"hidden_layer_sizes": (4,), **options}
    return estimator(**options)


def parameters(model):
    if hasattr(model, "coef_"):
        return np.r_[np.ravel(model.coef_), model.intercept_]
    return np.concatenate([a.ravel() for a in model.coefs_ + model.intercepts_])


@pytest.fixture
def held_out(monkeypatch):
    """The targets that each training of a fit has held out, in their order."""
    from skgd._data.held_out import validation

    seen = []

    def spy(samples, *args, **options):
        seen.append(samples.y)
        return validation(samples, *args, **options)

    for module in ("base", "trials"):
        monkeypatch.setattr(f"skgd._estimators.{module}.validation", spy)
    return seen


# ---------------------------------------------------------------- the last samples
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_without_shuffling_the_last_rows_are_held_out(estimator):
    X, y = data_for(estimator)
    first = len(y) - int(np.ceil(0.2 * len(y)))
    model = make(estimator, early_stopping=True, shuffle=False, validation_fraction=0.2)
    parts = make(estimator, early_stopping=True, shuffle=False)
    model.fit(X, y)
    parts.fit(X[:first], y[:first], X_val=X[first:], y_val=y[first:])
    assert_array_equal(parameters(model), parameters(parts))
    assert model.validation_loss_curve_ == parts.validation_loss_curve_


def test_the_last_rows_may_have_new_classes():
    X, y = CLASSES
    order = np.argsort(y)
    model = make(GDClassifier, early_stopping=True, shuffle=False)
    model.fit(X[order], y[order])
    assert model.classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("estimator", NETWORKS)
def test_without_shuffling_trials_hold_out_the_last_fifth(estimator, held_out):
    X, y = data_for(estimator)
    make(estimator, shuffle=False).fit(X, y)
    last = y[-(len(y) // 5) :]
    assert len(held_out) >= 2  # one fold for each of the penalties
    for part in held_out:
        assert_array_equal(part, last)


def test_the_last_fifth_of_the_rows_with_a_weight(held_out):
    X, y = REGRESSION
    weights = np.ones(len(y))
    weights[::2] = 0
    make(MLPGDRegressor, shuffle=False).fit(X, y, weights)
    used = y[1::2]
    assert_array_equal(held_out[0], used[-(len(used) // 5) :])
