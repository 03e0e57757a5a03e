"""The initial weights: their distribution, what it keeps, and in an estimator."""

import numpy as np
import oracles
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor

from skgd import MLPGDClassifier, MLPGDRegressor
from skgd.activations import ACTIVATIONS, SELU, LeakyReLU, ReLU, Tanh
from skgd.initializers import INITIALIZERS, Auto, Glorot, He, LeCun

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X, Y = RNG.standard_normal((60, 5)), RNG.standard_normal(60)
UNITS = {**{n: rule() for n, rule in ACTIVATIONS.items()}, "steep": LeakyReLU(0.5)}
KURTOSIS = {"uniform": 9 / 5, "normal": 3}


def filled(rule, activation, sizes, dtype=np.float64):
    weights = [np.full(s, np.nan, dtype) for s in zip(sizes, sizes[1:], strict=False)]
    intercepts = [np.full(n, np.nan, dtype) for n in sizes[1:]]
    rule.fill(weights, intercepts, activation, np.random.RandomState(0))
    return weights, intercepts


def test_every_rule_has_an_oracle():
    assert set(oracles.INITIALIZERS) == set(INITIALIZERS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("distribution", KURTOSIS)
@pytest.mark.parametrize("activation", UNITS)
@pytest.mark.parametrize("name", INITIALIZERS)
def test_distribution(name, activation, distribution, dtype):
    rule, unit = INITIALIZERS[name](distribution=distribution), UNITS[activation]
    weights, intercepts = filled(rule, unit, (300, 200, 300, 250), dtype)
    kind = next(n for n, k in ACTIVATIONS.items() if type(unit) is k)
    for layer, (W, b) in enumerate(zip(weights, intercepts, strict=True)):
        assert W.dtype == b.dtype == dtype
        variance = oracles.INITIALIZERS[name](*W.shape, kind, unit, layer == 1)
        # 60,000 weights and more: standard errors of 0.004 and 0.006, relative
        assert abs(W.mean()) < 0.02 * np.sqrt(variance)
        assert_allclose(W.var(), variance, rtol=0.03)
        shape = np.mean(W.astype(np.float64) ** 4) / variance**2
        assert_allclose(shape, KURTOSIS[distribution], rtol=0.06)
        if distribution == "uniform":
            bound = np.sqrt(3 * variance)
            assert_allclose(np.abs(W).max(), bound, rtol=1e-3)
        if name == "glorot":
            assert_allclose(b.var(), variance, rtol=0.4)
        else:
            assert_array_equal(b, 0)


def mean_squares(rule, activation, depth=20, width=400):
    """Of what each layer gives on, for inputs with mean square one."""
    weights, _ = filled(rule, activation, (width,) * (depth + 1))
    A = np.random.RandomState(1).standard_normal((500, width))
    squares = []
    for W in weights:
        A, _ = activation.evaluate(A @ W)
        squares.append(np.mean(A**2))
    return np.array(squares)


@pytest.mark.parametrize("distribution", KURTOSIS)
def test_what_each_is_made_for(distribution):
    # deep layers neither fade nor grow; with the other rule they fade
    for unit in (ReLU(), LeakyReLU(0.5)):
        kept = mean_squares(He(distribution=distribution), unit)
        assert ((kept > 0.5) & (kept < 2)).all()
        assert mean_squares(LeCun(distribution=distribution), unit)[-1] < 0.01
    kept = mean_squares(LeCun(distribution=distribution), SELU())
    assert ((kept > 0.8) & (kept < 1.25)).all()


@pytest.mark.parametrize("name", INITIALIZERS)
def test_last_layer(name):
    same = filled(INITIALIZERS[name](), ReLU(), (7, 5, 3))
    zeros = filled(INITIALIZERS[name](last_layer="zeros"), ReLU(), (7, 5, 3))
    for kind in (0, 1):
        assert_array_equal(same[kind][0], zeros[kind][0])
        assert_array_equal(zeros[kind][1], 0)
    assert same[0][1].all()


def test_glorot_is_scikit_learns():
    # a rate of next to nothing leaves the initial parameters
    shared = dict(learning_rate_init=1e-300, max_iter=1, random_state=7)
    shared["hidden_layer_sizes"] = (5, 4)
    for activation in ("relu", "logistic"):
        shared["activation"] = activation
        theirs = MLPRegressor(**shared).fit(X, Y)
        start = dict(weight_init="glorot", standardize=False)
        ours = MLPGDRegressor(**start, **shared).fit(X, Y)
        for name in ("coefs_", "intercepts_"):
            for a, b in zip(getattr(ours, name), getattr(theirs, name), strict=True):
                assert_array_equal(a, b)


@pytest.mark.parametrize("estimator", [MLPGDRegressor, MLPGDClassifier])
def test_in_an_estimator(estimator):
    y = Y if estimator is MLPGDRegressor else (Y > 0).astype(int)
    # a rate of next to nothing leaves the initial parameters
    still = dict(learning_rate_init=1e-300, max_iter=1, tol=None, random_state=0)
    still.update(standardize=False)
    default = estimator((6, 4), **still).fit(X, y)
    assert default.weight_init == "auto"
    for rule in (He(), Auto()):
        model = estimator((6, 4), weight_init=rule, **still).fit(X, y)
        factors = [2, 1, 2] if isinstance(rule, He) else [1, 1, 1]
        for W, auto, factor in zip(model.coefs_, default.coefs_, factors, strict=True):
            assert_allclose(W, np.sqrt(factor) * auto, rtol=1e-14)
        for b in model.intercepts_:
            assert_allclose(b, 0, atol=1e-299)
    # and from there it learns, all layers
    model.set_params(weight_init=Glorot(last_layer="zeros"), activation="tanh")
    model.set_params(learning_rate_init=0.01, max_iter=20)
    start, _ = filled(model.weight_init, Tanh(), (5, 6, 4, 1))
    model.fit(X, y)
    assert all((a != b).all() for a, b in zip(start, model.coefs_, strict=True))
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_parameters_are_searched():
    search = GridSearchCV(
        MLPGDRegressor(4, max_iter=2, tol=None, random_state=0),
        {
            "weight_init": ["lecun"],
            "weight_init__distribution": ["uniform", "normal"],
            "weight_init__last_layer": ["same", "zeros"],
        },
        cv=2,
    ).fit(X, Y)
    assert isinstance(search.best_estimator_.weight_init, LeCun)
    assert len(search.cv_results_["params"]) == 4


def test_warm_start_does_not_draw_again():
    model = MLPGDRegressor(4, max_iter=1, tol=None, warm_start=True).fit(X, Y)
    first = model.coefs_[0].copy()
    model.set_params(weight_init="lecun", learning_rate_init=1e-300).fit(X, Y)
    assert_array_equal(model.coefs_[0], first)
