"""The activations against extended precision."""

import numpy as np
import oracles
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skgd.activations import ACTIVATIONS

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


def in_ulps(result, exact):
    """Error in units of the last place; subnormal results count as the least normal."""
    dtype = result.dtype
    size = np.abs(exact.astype(dtype))
    unit = np.spacing(size)
    least = np.finfo(dtype).smallest_normal
    unit[size <= least] = least
    return np.abs(result - exact) / unit


def exactly(function, z):
    # The oracles underflow and overflow on their way to right results.
    with np.errstate(all="ignore"):
        return function(z.astype(np.longdouble))


def test_every_activation_has_an_oracle():
    assert set(oracles.ACTIVATIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_within_two_units_of_the_last_place(name, dtype):
    z = grid(dtype)
    value, _ = ACTIVATIONS[name]().evaluate(z)
    error = in_ulps(value, exactly(oracles.ACTIVATIONS[name][0], z))
    worst = error.argmax()
    assert error[worst] <= 2, f"{error[worst]:.3f} units at {z[worst]!r}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative(name, dtype):
    # As a function of the value it has the value's rounding error, up to 2 units,
    # where the curve is steep; 4 units in all.
    z = grid(dtype)
    _, derivative = ACTIVATIONS[name]().evaluate(z)
    expected = exactly(oracles.ACTIVATIONS[name][1], z).astype(np.float64)
    assert derivative.dtype == dtype
    assert_allclose(derivative, expected, rtol=0, atol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_is_the_central_difference(name, dtype):
    rng = np.random.RandomState(0)
    z = (4 * rng.standard_normal(2000)).astype(dtype)
    z = z[np.abs(z) > 1e-3]  # the corner of the rectified linear unit
    rule, h = ACTIVATIONS[name](), 1e-5
    wide = z.astype(np.float64)
    ahead, behind = rule.evaluate(wide + h)[0], rule.evaluate(wide - h)[0]
    tolerance = 1e-9 + 4 * np.finfo(dtype).eps
    assert_allclose(
        rule.evaluate(z)[1], (ahead - behind) / (2 * h), rtol=0, atol=tolerance
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_rise(name, dtype):
    # An error of two units may step back by as much, a wrong branch by more.
    z = np.sort(grid(dtype))
    value, _ = ACTIVATIONS[name]().evaluate(z)
    back = np.maximum.accumulate(value) - value
    assert (back <= 4 * np.spacing(np.abs(value))).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
# alone, in the part of a loop that a vector covers, and in its rest
@pytest.mark.parametrize("n", [1, 7, 64, 67])
def test_nan_stays_nan(name, dtype, n):
    for at in range(n):
        z = np.ones(n, dtype)
        z[at] = np.nan
        value, _ = ACTIVATIONS[name]().evaluate(z)
        assert_array_equal(np.isnan(value), np.isnan(z))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("identity", -np.inf, np.inf), ("logistic", 0, 1), ("tanh", -1, 1)]
    + [("relu", 0, np.inf)],
)
def test_infinite_arguments(name, low, high, dtype):
    value, _ = ACTIVATIONS[name]().evaluate(np.array([-np.inf, np.inf], dtype))
    assert_allclose(value, [low, high], atol=np.finfo(dtype).smallest_normal)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_evaluate_keeps_shape_and_arguments(name):
    rule = ACTIVATIONS[name]()
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
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_evaluate_dtype(name, given, got):
    value, derivative = ACTIVATIONS[name]().evaluate(np.arange(3, dtype=given))
    assert value.dtype == derivative.dtype == got
