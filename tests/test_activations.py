"""The activations against extended precision."""

import numpy as np
import oracles
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skgd.activations import ACTIVATIONS, ELU, LeakyReLU

RULES = {
    **{name: rule() for name, rule in ACTIVATIONS.items()},
    "leaky_relu-0.3": LeakyReLU(negative_slope=0.3),
    "leaky_relu-0": LeakyReLU(negative_slope=0.0),
    "elu-0.3": ELU(alpha=0.3),
    "elu-0": ELU(alpha=0.0),
}
DTYPES = [np.float32, np.float64]


def grid(dtype):
    """Both signs of: zero, subnormal to huge numbers, and where things bend."""
    info = np.finfo(dtype)
    positive = [
        np.linspace(0, 1, 20_001),
        np.linspace(1, 45, 40_001),
        np.linspace(45, 1.1 * -np.log(float(info.smallest_normal)), 20_001),
        np.geomspace(info.smallest_normal, 1, 10_001),
        [info.smallest_subnormal, info.smallest_normal, 1e4, info.max / 2],
    ]
    z = np.concatenate(positive).astype(dtype)
    return np.concatenate([-z[::-1], z])


def in_ulps(result, exact, factor=1):
    """Error in units of the last place; subnormal results count as the least normal.

    So does a subnormal number that is multiplied by a `factor`.
    """
    dtype = result.dtype
    size = np.abs(exact.astype(dtype))
    unit = np.spacing(size)
    least = np.finfo(dtype).smallest_normal * np.maximum(factor, 1)
    unit = np.where(size <= least, least, unit)
    return np.abs(result - exact) / unit


def oracle_of(name):
    kind = type(RULES[name])
    return oracles.ACTIVATIONS[next(n for n, k in ACTIVATIONS.items() if k is kind)]


def exactly(function, z, rule):
    # The oracles underflow and overflow on their way to right results.
    with np.errstate(all="ignore"):
        return function(z.astype(np.longdouble), rule)


def test_every_activation_has_an_oracle():
    assert set(oracles.ACTIVATIONS) == set(ACTIVATIONS)
    assert {type(rule) for rule in RULES.values()} == set(ACTIVATIONS.values())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RULES)
def test_value_within_few_units_of_the_last_place(name, dtype):
    z = grid(dtype)
    value, _ = RULES[name].evaluate(z)
    exact = exactly(oracle_of(name).value, z, RULES[name])
    most = oracle_of(name).ulps
    error = in_ulps(value, exact, np.abs(z) if most > 2 else 1)
    worst = error.argmax()
    assert error[worst] <= most, f"{error[worst]:.3f} units at {z[worst]!r}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RULES)
def test_derivative(name, dtype):
    # As a function of the value it has the value's rounding error, up to 2 units,
    # where the curve is steep; 4 units in all.
    z = grid(dtype)
    _, derivative = RULES[name].evaluate(z)
    expected = exactly(oracle_of(name).slope, z, RULES[name]).astype(np.float64)
    assert derivative.dtype == dtype
    assert_allclose(derivative, expected, rtol=0, atol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RULES)
def test_derivative_is_the_central_difference(name, dtype):
    rng = np.random.RandomState(0)
    z = (4 * rng.standard_normal(2000)).astype(dtype)
    z = z[np.abs(z) > 1e-3]  # the corner of the rectified linear unit
    rule, h = RULES[name], 1e-5
    wide = z.astype(np.float64)
    ahead, behind = rule.evaluate(wide + h)[0], rule.evaluate(wide - h)[0]
    tolerance = 1e-9 + 4 * np.finfo(dtype).eps
    assert_allclose(
        rule.evaluate(z)[1], (ahead - behind) / (2 * h), rtol=0, atol=tolerance
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RULES)
def test_values_rise(name, dtype):
    # An error of few units may step back by as much, a wrong branch by more.
    z = np.sort(grid(dtype))
    rule, units = RULES[name], oracle_of(name).ulps
    value, _ = rule.evaluate(z)
    if units > 2:  # they fall first, to one minimum
        lowest = exactly(oracle_of(name).value, z, rule).argmin()
        assert -1.3 < z[lowest] < -0.7
        assert in_ulps(value[lowest], value.min()) <= units
        # left of it, seen from there, they rise to zero
        left, value = value[lowest::-1], value[lowest:]
        assert (left <= 0).all()
        back = np.maximum.accumulate(left) - left
        tail = np.finfo(dtype).smallest_normal * np.abs(z[lowest::-1])
        assert (back <= 2 * units * np.maximum(np.spacing(-left), tail)).all()
    back = np.maximum.accumulate(value) - value
    assert (back <= 2 * units * np.spacing(np.abs(value))).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_which_let_a_factor_pass(name):
    z, rule = np.linspace(-3, 3, 61), ACTIVATIONS[name]()
    passes = np.allclose(rule.evaluate(4 * z)[0], 4 * rule.evaluate(z)[0])
    assert rule._homogeneous == passes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RULES)
# alone, in the part of a loop that a vector covers, and in its rest
@pytest.mark.parametrize("n", [1, 7, 64, 67])
def test_nan_stays_nan(name, dtype, n):
    for at in range(n):
        z = np.ones(n, dtype)
        z[at] = np.nan
        value, _ = RULES[name].evaluate(z)
        assert_array_equal(np.isnan(value), np.isnan(z))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("identity", -np.inf, np.inf), ("logistic", 0, 1), ("tanh", -1, 1)]
    + [("relu", 0, np.inf), ("leaky_relu", -np.inf, np.inf), ("elu", -1, np.inf)]
    + [("selu", -1.7580993408473768, np.inf), ("gelu", 0, np.inf)]
    + [("silu", 0, np.inf), ("mish", 0, np.inf)],
)
def test_infinite_arguments(name, low, high, dtype):
    value, slope = RULES[name].evaluate(np.array([-np.inf, np.inf], dtype))
    info = np.finfo(dtype)
    # (a number that is not in float32 has the rounding error of that)
    assert_allclose(value, [low, high], rtol=info.eps, atol=info.smallest_normal)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("name", RULES)
def test_evaluate_keeps_shape_and_arguments(name):
    rule = RULES[name]
    z = np.asfortranarray(np.arange(6.0).reshape(2, 3) - 3)
    before = z.copy()
    value, derivative = rule.evaluate(z)
    assert value.shape == derivative.shape == (2, 3)
    flat_value, flat_derivative = rule.evaluate(z.ravel())
    assert_array_equal(value.ravel(), flat_value)
    assert_array_equal(derivative.ravel(), flat_derivative)
    assert_array_equal(z, before)
    assert rule.evaluate(2.0)[0].shape == ()
    assert rule.evaluate([])[0].shape == (0,)


@pytest.mark.parametrize(
    ("given", "got"),
    [(np.float32, np.float32), (np.float64, np.float64), (np.int64, np.float64)],
)
@pytest.mark.parametrize("name", RULES)
def test_evaluate_dtype(name, given, got):
    value, derivative = RULES[name].evaluate(np.arange(3, dtype=given))
    assert value.dtype == derivative.dtype == got
