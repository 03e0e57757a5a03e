"""Optimizers on their own: parameters updated in place, state by key."""

import copy
import pickle

import numpy as np
import oracles
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes

from skgd import GDRegressor
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

VARIANTS = {
    **{name: rule() for name, rule in OPTIMIZERS.items()},
    "nesterov": Momentum(nesterov=True),
    "centered": RMSprop(centered=True, epsilon=1e-2),
    "amsgrad": Adam(amsgrad=True),
}
SHAPES = {"W1": (3, 4), "b1": (4,), "scalar": (), "empty": (0, 2), "cube": (2, 3, 2)}


def name_of(rule):
    return next(name for name, kind in OPTIMIZERS.items() if type(rule) is kind)


def draw(rng, dtype=np.float64):
    return {k: np.array(rng.standard_normal(s), dtype) for k, s in SHAPES.items()}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("variant", VARIANTS)
def test_many_updates_follow_the_oracle(variant, dtype):
    rule = clone(VARIANTS[variant])
    rng = np.random.RandomState(0)
    params = draw(rng, dtype)
    expected = {key: value.astype(np.float64).ravel() for key, value in params.items()}
    oracle = {
        key: oracles.OPTIMIZERS[name_of(rule)](rule, value.size)
        for key, value in expected.items()
    }
    kept = dict(params)
    for t in range(100):
        grads = draw(rng, dtype)
        rate = 0.01 * 0.99**t
        assert rule.update(params, grads, learning_rate=rate) is None
        for key, value in expected.items():
            g = grads[key].astype(np.float64).ravel()
            expected[key] = oracle[key].step(value, g, rate, np.zeros(g.size), 0.0)
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    for key, value in params.items():
        assert value is kept[key]  # in place
        assert value.dtype == dtype
        assert_allclose(value.ravel(), expected[key], rtol=0, atol=tolerance)


# Rule, parameters after two updates by hand with the gradients 1 and 3, from 1.
# SGD 1 - .1 - .3; momentum v = -.1, then -.39; AdaGrad .1 / 1, then .3 / sqrt(10);
# RMSprop .1 / sqrt(.1), then .3 / sqrt(.99); Adam .1, then m .39 / .19, v .009999 /
# .001999.
BY_HAND = [
    (SGD(0.1), 0.6),
    (Momentum(0.1), 1 - 0.1 - 0.39),
    (AdaGrad(0.1, epsilon=1e-12), 1 - 0.1 - 0.3 / np.sqrt(10)),
    (RMSprop(0.1, epsilon=1e-12), 1 - 0.1 / np.sqrt(0.1) - 0.3 / np.sqrt(0.99)),
    (
        Adam(0.1, epsilon=1e-12),
        1 - 0.1 - 0.1 * (0.39 / 0.19) / np.sqrt(0.009999 / 0.001999),
    ),
]


@pytest.mark.parametrize(("rule", "expected"), BY_HAND)
def test_two_updates_by_hand(rule, expected):
    w = np.array([1.0, 1.0])
    for g in (1.0, 3.0):
        rule.update(w, np.full(2, g))
    assert_allclose(w, expected, rtol=1e-10)


@pytest.mark.parametrize("variant", VARIANTS)
def test_rates_are_the_rules_own_unless_given(variant):
    first, second, third = (np.ones(3) for _ in range(3))
    rule = clone(VARIANTS[variant])
    rate = rule.own_rate()
    rule.update(first, np.full(3, 0.5))
    rule.reset().update(second, np.full(3, 0.5), learning_rate=rate)
    rule.set_params(learning_rate=rate).reset().update(third, np.full(3, 0.5))
    assert_array_equal(first, second)
    assert_array_equal(first, third)
    rule.update(third, np.ones(3), learning_rate=0.0)  # where a schedule has ended
    assert (third != 1).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_reset_forgets(variant):
    rule = clone(VARIANTS[variant])
    once, again = np.ones(3), np.ones(3)
    rule.update(once, np.ones(3))
    assert rule.reset() is rule
    rule.update(again, np.ones(3))
    assert_array_equal(once, again)
    assert rule.reset().reset() == VARIANTS[variant]


def test_state_is_kept_by_key():
    # A key that comes later has its own number of updates: Adam's first move is the
    # rate, whenever that is.
    rule = Adam(0.1)
    params = {"a": np.zeros(2)}
    for _ in range(5):
        rule.update(params, {"a": np.ones(2)})
    params["b"] = np.zeros(2)
    rule.update(params, {"a": np.ones(2), "b": np.full(2, 7.0)})
    assert_allclose(params["b"], -0.1, rtol=1e-6)
    assert_allclose(params["a"], -0.6, rtol=1e-6)
    del params["b"]  # it may also stay away
    rule.update(params, {"a": np.ones(2)})


@pytest.mark.parametrize("variant", VARIANTS)
def test_strided_arrays_are_updated_in_place(variant):
    rule = clone(VARIANTS[variant])
    rng = np.random.RandomState(0)
    whole, g = rng.standard_normal((6, 8)), rng.standard_normal((4, 3))
    view = whole[::2, ::2].T
    contiguous = view.copy()
    before = whole.copy()
    for _ in range(3):
        rule.update({"v": view, "c": contiguous}, {"v": g, "c": g})
    assert_array_equal(view, contiguous)
    untouched = np.ones_like(whole, dtype=bool)
    untouched[::2, ::2] = False
    assert_array_equal(whole[untouched], before[untouched])
    assert (whole != before)[::2, ::2].all()


def test_a_gradient_may_be_the_parameter_itself():
    # of half the sum of squares, say
    w = np.arange(1.0, 9.0)
    SGD(0.5).update(w, w)
    assert_array_equal(w, np.arange(1.0, 9.0) / 2)
    whole = np.arange(10.0)
    SGD(1.0).update(whole[1:], whole[:-1])  # overlapping
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    SGD(0.1).update({"a": a, "b": b}, {"a": b, "b": a})  # of a * b
    assert_allclose([a, b], [[0.7, 1.6], [2.9, 3.8]])
    assert_array_equal(whole, [0, 1, 1, 1, 1, 1, 1, 1, 1, 1])


@pytest.mark.parametrize("variant", VARIANTS)
def test_state_is_no_parameter(variant):
    rule = clone(VARIANTS[variant])
    w = np.ones(3)
    rule.update(w, np.ones(3))
    assert rule == VARIANTS[variant]
    assert rule.get_params() == VARIANTS[variant].get_params()
    goes_on = [rule, copy.deepcopy(rule), pickle.loads(pickle.dumps(rule))]
    results = []
    for each in [*goes_on, clone(rule)]:
        v = w.copy()
        each.update(v, np.full(3, -0.05))
        results.append(v)
    assert_array_equal(results[0], results[1])
    assert_array_equal(results[0], results[2])
    if variant != "sgd":  # which has no state
        assert (results[0] != results[3]).all()


def test_a_used_optimizer_leaves_no_trace_in_an_estimator():
    X, y = load_diabetes(return_X_y=True)
    options = dict(max_iter=3, tol=None, random_state=0)
    used = Adam(0.1)
    used.update(np.ones(3), np.ones(3))
    a = GDRegressor(optimizer=used, **options).fit(X, y)
    b = GDRegressor(optimizer=Adam(0.1), **options).fit(X, y)
    assert_array_equal(a.coef_, b.coef_)


def new():
    return {"W": np.ones((2, 2)), "b": np.zeros(2)}


READ_ONLY = np.ones(2)
READ_ONLY.flags.writeable = False
REFUSED = {
    "grads miss a key": (
        new(),
        {"W": np.ones((2, 2))},
        KeyError,
        r"only in params: \['b'",
    ),
    "an unknown key": (
        new(),
        {**new(), "c": np.ones(1)},
        KeyError,
        r"Only in grads: \['c'\]",
    ),
    "shape": (
        new(),
        {**new(), "b": np.ones(3)},
        ValueError,
        r"grads\['b'\] must have the shape",
    ),
    "integers": (
        {**new(), "b": np.zeros(2, int)},
        new(),
        TypeError,
        r"params\['b'\].*Got int64",
    ),
    "half": (
        {**new(), "b": np.zeros(2, "f2")},
        new(),
        TypeError,
        r"params\['b'\].*float16",
    ),
    "integer gradient": (
        new(),
        {**new(), "b": [1, 2]},
        TypeError,
        r"grads\['b'\] must be an array of fl",
    ),
    "a list": (
        {**new(), "b": [0.0, 0.0]},
        new(),
        TypeError,
        r"params\['b'\].*Got list",
    ),
    "a number": (1.0, 1.0, TypeError, "params must be an ndarray.*Got float"),
    "read-only": (
        {**new(), "b": READ_ONLY},
        new(),
        ValueError,
        r"params\['b'\] is read",
    ),
    "nan": (
        new(),
        {**new(), "b": [np.nan, 0]},
        ValueError,
        r"grads\['b'\] is not finite",
    ),
    "inf": (new(), {**new(), "b": [0, np.inf]}, ValueError, r"grads\['b'\] is not fin"),
    "overflow in float32": (
        {**new(), "b": np.zeros(2, np.float32)},
        {**new(), "b": [1e300, 0.0]},
        ValueError,
        r"grads\['b'\] is not finite in float32",
    ),
    "a dict and an array": (new(), np.ones(2), TypeError, "both be dictionaries"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_changes_nothing(case):
    params, grads, error, match = REFUSED[case]
    before = copy.deepcopy(params)
    rule = Adam(0.1)
    with pytest.raises(error, match=match):
        rule.update(params, grads)
    if isinstance(params, dict):
        for key, value in before.items():
            assert_array_equal(params[key], value)
    # no state either: this is a first update
    w = np.zeros(1)
    rule.update({"W": w}, {"W": np.ones(1)})
    assert_allclose(w, -0.1, rtol=1e-6)


def test_a_change_of_shape_dtype_or_variant_asks_for_a_reset():
    rule = Adam(0.1)
    rule.update({"w": np.ones(3)}, {"w": np.ones(3)})
    for other in (np.ones(4), np.ones(3, np.float32), np.ones((3, 1))):
        before = other.copy()
        with pytest.raises(ValueError, match=r"params\['w'\].*Call reset\(\)"):
            rule.update({"w": other}, {"w": np.ones(other.shape)})
        assert_array_equal(other, before)
    rule.set_params(amsgrad=True)
    with pytest.raises(ValueError, match="in 2 slots, now it would be .* in 3"):
        rule.update({"w": np.ones(3)}, {"w": np.ones(3)})
    rule.reset().update({"w": np.ones(4)}, {"w": np.ones(4)})


@pytest.mark.parametrize("rate", [-0.1, np.nan, np.inf, "0.1", [0.1], True])
def test_a_bad_rate_is_refused(rate):
    w = np.ones(2)
    with pytest.raises(ValueError, match="learning_rate must be a float >= 0"):
        SGD().update(w, w, learning_rate=rate)
    assert_array_equal(w, 1)
    with pytest.raises(ValueError, match="'momentum' parameter of Momentum must be"):
        Momentum(momentum=2.0).update(w, w)


@pytest.mark.parametrize("rule", [AdaGrad, RMSprop, Adam, AdamW, NAdam])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_that_are_too_large_to_be_squared(rule, dtype):
    # The mean of the squares became infinite, so that all later steps were zero.
    w, limit = np.ones(2, dtype), float(np.finfo(dtype).max) ** 0.5
    with pytest.raises(ValueError, match="too large to be squared in float"):
        rule().update(w, np.array([0, -3 * limit], dtype))
    assert_array_equal(w, 1)
    SGD(1e-3 / limit).update(w, np.array([0, -3 * limit], dtype))
    assert_allclose(w, [1, 1.003])


@pytest.mark.parametrize("rule", [SGD, Momentum, Adam])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_rate_that_is_too_large_for_the_dtype(rule):
    w = np.ones(2, np.float32)
    with pytest.raises(ValueError, match="learning_rate is too large for float32"):
        rule(1e300).update(w, w)
    assert_array_equal(w, 1)
    rule(1e30).update(w, w)
    assert np.isfinite(w).all()
    rule().update(w, np.ones(2), learning_rate=np.float16(0.5))


def test_a_matrix_is_updated_in_place():
    w = np.ones((2, 3)).view(np.matrix)
    SGD(0.5).update(w, np.ones((2, 3)))
    assert_array_equal(w, np.full((2, 3), 0.5))
