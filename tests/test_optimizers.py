"""The optimizers against their oracles, and where their fixed points are."""

import numpy as np
import oracles
import pytest
from helpers import Trainer, bind, linear
from sklearn.linear_model import Lasso

from skgd._engine.memory import all_finite
from skgd.optimizers import (
    OPTIMIZERS,
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Momentum,
    NAdam,
    RMSprop,
)

N, D, K = 12, 5, 2

VARIANTS = {
    **{name: rule() for name, rule in OPTIMIZERS.items()},
    **{
        variant: OPTIMIZERS[name](**params)
        for name, oracle in oracles.OPTIMIZERS.items()
        for variant, params in oracle.variants.items()
    },
}


def name_of(rule):
    return next(name for name, kind in OPTIMIZERS.items() if type(rule) is kind)


def problem(seed, n_steps):
    """Features, targets for each step, and a start of a linear model.

    The targets change: at a fixed optimum the adaptive rules would divide one
    rounding error by another.
    """
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((N, D))
    Y = X @ rng.standard_normal((D, K)) + 1 + 3 * rng.standard_normal((n_steps, N, K))
    return X, Y, rng.standard_normal(D * K + K)


def changing_rates(name, n_steps):
    steps = np.arange(n_steps)
    rate = oracles.OPTIMIZERS[name].rate
    return rate * (1 + 0.5 * np.sin(steps)) * 0.99**steps


def oracle_path(rule, X, Y, start, rates, l1, l2):
    """Parameters after each full-batch update, in NumPy."""
    oracle = oracles.OPTIMIZERS[name_of(rule)](rule, start.size)
    penalised = np.arange(start.size) < D * K
    w, path = start.copy(), []
    for rate, target in zip(rates, Y, strict=True):
        residual = X @ w[: D * K].reshape(D, K) + w[D * K :] - target
        g = np.concatenate([(X.T @ residual).ravel(), residual.sum(axis=0)]) / N
        w = oracle.step(w, g, rate, l1 * penalised, l2 * penalised, penalised)
        path.append(w)
    return np.array(path)


def compiled_path(rule, X, Y, start, rates, l1, l2, dtype):
    bound = bind(linear(D, K), start, X, Y[0], dtype=dtype)
    trainer = Trainer(bound, rule, l1=l1, l2=l2)
    path = []
    for rate, target in zip(rates, Y, strict=True):
        bound.workspace.data.Y[:] = target
        trainer.epoch(rate)
        path.append(bound.theta.copy())
    return np.array(path)


def worst_error(path, expected):
    """Largest error along a path, relative to the size of the parameters."""
    return np.abs(path - expected).max() / np.abs(expected).max()


def test_every_rule_has_an_oracle_and_is_a_variant():
    assert set(oracles.OPTIMIZERS) == set(OPTIMIZERS)
    assert {type(rule) for rule in VARIANTS.values()} == set(OPTIMIZERS.values())


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("l1", [0.0, 0.2])
@pytest.mark.parametrize("variant", VARIANTS)
def test_float64_follows_the_oracle(variant, l1, l2):
    rule = VARIANTS[variant]
    X, Y, start = problem(1, 200)
    rates = changing_rates(name_of(rule), 200)
    expected = oracle_path(rule, X, Y, start, rates, l1, l2)
    path = compiled_path(rule, X, Y, start, rates, l1, l2, np.float64)
    assert worst_error(path, expected) < 1e-12
    if l1:
        assert (expected == 0).any()
        np.testing.assert_array_equal(path == 0, expected == 0)
    # It went somewhere: the comparison is not one of two idle paths.
    assert worst_error(path[-1], start) > 0.05


@pytest.mark.parametrize("l1", [0.0, 0.2])
@pytest.mark.parametrize("variant", VARIANTS)
def test_float32_follows_the_oracle(variant, l1):
    # The worst of 60 seeds and all variants was 4e-5 after 40 steps.
    rule = VARIANTS[variant]
    X, Y, start = problem(2, 40)
    rates = changing_rates(name_of(rule), 40)
    expected = oracle_path(rule, X, Y, start, rates, l1, 0.3)
    path = compiled_path(rule, X, Y, start, rates, l1, 0.3, np.float32)
    assert path.dtype == np.float32
    assert worst_error(path, expected) < 1e-4


TO_LASSO = [
    pytest.param(OPTIMIZERS[name](**way.params), way, id=variant)
    for name, oracle in oracles.OPTIMIZERS.items()
    for variant, way in oracle.to_lasso.items()
]


def test_every_rule_goes_to_the_lasso():
    assert {type(param.values[0]) for param in TO_LASSO} == set(OPTIMIZERS.values())


@pytest.mark.parametrize(("rule", "way"), TO_LASSO)
def test_fixed_point_of_the_l1_penalty_is_the_lasso(rule, way):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((40, 8))
    y = X @ np.array([3.0, -2.0, 0, 0, 1.0, 0, 0, 0.5]) + rng.standard_normal(40)
    lasso = Lasso(alpha=0.4, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(X, y)
    assert 2 <= (lasso.coef_ == 0).sum() <= 6

    bound = bind(linear(8, fit_intercept=False), rng.standard_normal(8), X, y)
    trainer = Trainer(bound, rule, l1=0.4)
    for step in range(way.n_steps):
        trainer.epoch(way.rate * (1 - step / way.n_steps) ** way.falling)
    np.testing.assert_allclose(bound.theta, lasso.coef_, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(bound.theta == 0, lasso.coef_ == 0)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_vanishing_rate_leaves_finite_parameters(variant, dtype):
    # Schedules end at zero, or decay through the smallest numbers on their way.
    X, Y, start = problem(3, 1)
    start[:4] = 0.0
    tiny = np.finfo(dtype).smallest_normal
    bound = bind(linear(D, K), start, X, Y[0], dtype=dtype)
    trainer = Trainer(bound, VARIANTS[variant], l1=0.2, l2=0.1)
    for rate in (0.01, tiny, tiny / 8, tiny / 1024, 0.0):
        trainer.epoch(rate)
    assert np.isfinite(bound.theta).all()
    assert np.isfinite(trainer.state.slots).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_behind_the_prefix_are_not_penalised(variant):
    # No gradient, and a strong penalty: only weights move.
    X = np.zeros((4, D))
    start = np.arange(1.0, D * K + K + 1)
    Y = np.tile(start[D * K :], (4, 1))
    bound = bind(linear(D, K), start, X, Y)
    Trainer(bound, VARIANTS[variant], l1=0.5, l2=0.5).epoch(0.01)
    np.testing.assert_array_equal(bound.theta[D * K :], start[D * K :])
    assert (bound.theta[: D * K] < start[: D * K]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weight_decay_is_a_factor_of_weights_alone(dtype):
    # No gradient: the moments stay zero, and only the decay acts.
    X = np.zeros((4, D))
    start = np.arange(1.0, D * K + K + 1)
    Y = np.tile(start[D * K :], (4, 1))
    for decay, factor in ((0.5, 0.95), (0.0, 1.0), (20.0, 0.0)):
        bound = bind(linear(D, K), start, X, Y, dtype=dtype)
        Trainer(bound, AdamW(weight_decay=decay)).epoch(0.1)
        expected = np.where(np.arange(start.size) < D * K, factor, 1) * start
        np.testing.assert_allclose(bound.theta, expected, rtol=1e-6)


def test_without_decay_adamw_is_adam():
    X, Y, start = problem(4, 20)
    rates = changing_rates("adam", 20)
    paths = [
        compiled_path(rule, X, Y, start, rates, 0.1, 0.1, np.float64)
        for rule in (Adam(), AdamW(weight_decay=0.0), AdamW())
    ]
    np.testing.assert_array_equal(paths[0], paths[1])
    assert np.abs(paths[0] - paths[2]).max() > 1e-3


def test_fixed_point_of_adamw():
    # The moments are those of the gradient g with the penalty's part G, and
    # G / (|g| + epsilon) balances the decay.
    X, y = np.eye(3) * np.sqrt(3), np.sqrt(3) * np.array([3.0, -2.0, 0.1])
    rule = AdamW(weight_decay=0.2, epsilon=0.1)
    bound = bind(linear(3, fit_intercept=False), np.ones(3), X, y)
    trainer = Trainer(bound, rule, l1=0.4)
    for _ in range(20000):
        trainer.epoch(0.002)
    w, g = bound.theta, bound.theta - [3.0, -2.0, 0.1]
    assert w[2] == 0
    pull = g[:2] + 0.4 * np.sign(w[:2])
    np.testing.assert_allclose(pull / (np.abs(g[:2]) + 0.1), -0.2 * w[:2], rtol=1e-4)


def test_a_penalty_beyond_the_rate_does_not_overshoot():
    # Plain SGD multiplies by 1 - rate * l2: never by less than zero.
    X, Y = np.zeros((3, D)), np.zeros((3, K))
    bound = bind(linear(D, K), np.ones(D * K + K), X, Y)
    Trainer(bound, SGD(), l2=50.0).epoch(0.1)
    np.testing.assert_array_equal(bound.theta[: D * K], 0.0)


def test_defaults_are_those_of_the_literature():
    assert Momentum().momentum == 0.9
    assert AdaGrad().epsilon == 1e-7
    assert (RMSprop().rho, RMSprop().epsilon) == (0.9, 1e-8)
    assert (Adam().beta_1, Adam().beta_2, Adam().epsilon) == (0.9, 0.999, 1e-8)
    for name, rule in OPTIMIZERS.items():
        assert rule().own_rate() == oracles.OPTIMIZERS[name].published_rate
    assert AdamW().weight_decay == 0.01
    assert NAdam().get_params() | {"amsgrad": False} == Adam().get_params()


@pytest.mark.parametrize("kind", ["network", "single", "linear"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_own_rate_is_the_parameter_where_there_is_one(name, kind):
    assert OPTIMIZERS[name](learning_rate=0.7).own_rate(kind) == 0.7
    assert 0 < OPTIMIZERS[name]().own_rate(kind) < 1


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_own_rate_by_features(name):
    # where a step is as large as the rate, it falls with the root of their number
    rates = {
        (kind, p): OPTIMIZERS[name]().own_rate(kind, p)
        for kind in ("linear", "single linear", "network")
        for p in (1, 100, 400)
    }
    falls = oracles.OPTIMIZERS[name].normalises
    for (kind, p), rate in rates.items():
        divisor = 2 if falls and kind != "network" and p == 400 else 1
        assert rate == rates[kind, 1] / divisor


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_finite(dtype):
    big = np.finfo(dtype).max
    good = np.array([[0.0, -big, big], [np.finfo(dtype).tiny, 1.0, -1.0]], dtype=dtype)
    empty = np.empty(0, dtype)
    assert all_finite(good, empty)
    for bad in (np.nan, np.inf, -np.inf):
        for at in np.ndindex(good.shape):
            array = good.copy()
            array[at] = bad
            assert not all_finite(array)
            assert not all_finite(empty, array, good)
