"""One activation for each hidden layer."""

import numpy as np
import pytest
from helpers import data_for
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skgd import MLPGDClassifier, MLPGDRegressor
from skgd.activations import ACTIVATIONS, Identity, LeakyReLU, Logistic, ReLU, Tanh
from skgd.initializers import INITIALIZERS

ESTIMATORS = [MLPGDRegressor, MLPGDClassifier]
SETTINGS = {"max_iter": 5, "tol": None, "random_state": 0}


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_same_for_all_is_a_single_one(estimator, activation, batch_norm):
    X, y = data_for(estimator)
    options = {**SETTINGS, "batch_norm": batch_norm, "dropout": (0.2, 0)}
    one = estimator((6, 4), activation=activation, **options).fit(X, y)
    each = [activation, ACTIVATIONS[activation]()]
    several = estimator((6, 4), activation=each, **options).fit(X, y)
    assert several.loss_curve_ == one.loss_curve_
    for ours, theirs in zip(several.coefs_, one.coefs_, strict=True):
        assert_array_equal(ours, theirs)
    assert_array_equal(several.predict(X), one.predict(X))


def test_prediction_by_hand():
    X, y = data_for(MLPGDRegressor)
    rules = ("tanh", LeakyReLU(negative_slope=0.3), Logistic())
    reg = MLPGDRegressor((7, 5, 3), activation=rules, **SETTINGS).fit(X, y)
    A = X
    for layer, rule in enumerate([Tanh(), *rules[1:]]):
        A, _ = rule.evaluate(A @ reg.coefs_[layer] + reg.intercepts_[layer])
    expected = A @ reg.coefs_[-1] + reg.intercepts_[-1]
    assert_allclose(reg.predict(X), expected.ravel(), rtol=1e-10)


def test_clone_and_search():
    X, y = data_for(MLPGDRegressor)
    reg = MLPGDRegressor((5, 4), activation=["tanh", LeakyReLU()], **SETTINGS)
    assert clone(reg).activation[0] == "tanh"
    search = GridSearchCV(reg, {"activation": ["relu", ("relu", "tanh")]}, cv=2)
    assert len(search.fit(X, y).cv_results_["params"]) == 2
    assert_array_equal(clone(reg).fit(X, y).coefs_[0], reg.fit(X, y).coefs_[0])


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initial_weights_are_those_of_the_layer(name):
    units = (ReLU(), Logistic(), LeakyReLU(0.5))

    def filled(activation):
        sizes = (6, 5, 4, 3, 2)
        weights = [np.empty(s) for s in zip(sizes[:-1], sizes[1:], strict=True)]
        intercepts = [np.empty(n) for n in sizes[1:]]
        rule = INITIALIZERS[name]()
        rule.fill(weights, intercepts, activation, np.random.RandomState(0))
        return weights

    found = filled(units)
    for layer, unit in enumerate([*units, units[-1]]):
        # (the random numbers are the same up to their scale)
        assert_array_equal(found[layer], filled(unit)[layer])


def test_no_hidden_layer():
    X, y = data_for(MLPGDRegressor)
    single = MLPGDRegressor((), activation="identity", **SETTINGS).fit(X, y)
    none = MLPGDRegressor((), activation=[], **SETTINGS).fit(X, y)
    assert_array_equal(none.coefs_[0], single.coefs_[0])


def test_a_stream_whose_units_change():
    # The predictions stay the same, although a factor passes through the rectified
    # units only, so that only these get back the norm of their weights.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2000, 3))
    y = X[:, 0]
    mixed = MLPGDRegressor((6, 6), activation=("tanh", "relu"), random_state=0)
    mixed.partial_fit(X, y)
    state, before = mixed._state, mixed.predict(X)
    norms = np.linalg.norm(mixed._architecture_.views(state.theta)["W"][1], axis=0)
    mixed.set_params(learning_rate_init=1e-300).partial_fit(50 * X, 50 * y)
    assert_allclose(mixed.predict(X), before, rtol=1e-9, atol=1e-12)
    views = mixed._architecture_.views(mixed._state.theta)
    assert_allclose(np.linalg.norm(views["W"][1], axis=0), norms)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("activation", "match"),
    [
        (["relu"], "'activation' .* one for each of the 2 hidden layers. Got .'relu'."),
        (("relu",) * 3, "one for each of the 2 hidden layers"),
        (["relu", "unknown"], "'activation' .* must be one of .*Got 'unknown'"),
        (["relu", Tanh], "'activation' .* must be one of"),
        (["relu", LeakyReLU(negative_slope="a")], "negative_slope"),
        (np.array(["relu", "tanh"]), "'activation' .* must be one of"),
    ],
)
def test_errors(estimator, activation, match):
    X, y = data_for(estimator)
    with pytest.raises(ValueError, match=match):
        estimator((5, 4), activation=activation).fit(X, y)


def test_a_part_of_several_cannot_be_set():
    model = MLPGDRegressor((5, 4), activation=["relu", Identity()])
    with pytest.raises(ValueError, match="has no parameter 'negative_slope'"):
        model.set_params(activation__negative_slope=0.1)
