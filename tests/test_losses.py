"""The losses against their formulas, differences, and scikit-learn's metrics."""

import numpy as np
import oracles
import pytest
from helpers import bind, linear
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics

from skgd._engine.epoch import loss_and_gradient
from skgd._rules.loss import losses_of_rows, softmax
from skgd.losses import (
    CLASSIFICATION_LOSSES,
    LOSSES,
    REGRESSION_LOSSES,
    Gamma,
    LogLoss,
    Poisson,
    Quantile,
)

RULES = {
    **{name: rule() for name, rule in LOSSES.items()},
    **{
        "-".join([name, *map(str, params.values())]): LOSSES[name](**params)
        for name, oracle in oracles.LOSSES.items()
        for params in oracle.variants
    },
}


def oracle_of(rule):
    name = next(name for name, kind in LOSSES.items() if type(rule) is kind)
    return oracles.LOSSES[name]


def targets(rule, n, seed=0):
    """Targets in the domain of a loss."""
    return oracle_of(rule).draw(np.random.RandomState(seed), n)


def test_every_loss_has_an_oracle():
    assert set(oracles.LOSSES) == set(LOSSES)
    assert {**REGRESSION_LOSSES, **CLASSIFICATION_LOSSES} == LOSSES
    assert {type(rule) for rule in RULES.values()} == set(LOSSES.values())


@pytest.mark.parametrize("name", RULES)
def test_value_and_derivative_are_the_oracles(name):
    rule = RULES[name]
    y = targets(rule, 5000)
    z = 4 * np.random.RandomState(1).standard_normal(y.shape)
    loss, slope = rule.evaluate(y, z)
    oracle = oracle_of(rule)
    expected = oracle.value(y, z, rule).reshape(5000, -1).sum(axis=1)
    assert_allclose(loss, expected, rtol=1e-13, atol=1e-14)
    assert_allclose(slope, oracle.slope(y, z, rule), rtol=1e-13, atol=1e-14)
    assert (loss >= 0).all()
    assert (loss > 0).any()


@pytest.mark.parametrize("name", RULES)
def test_derivative_is_the_central_difference(name):
    rule = RULES[name]
    h = 1e-5
    y = targets(rule, 2000)
    z = 3 * np.random.RandomState(2).standard_normal(y.shape)
    away = (oracle_of(rule).margin(y, z, rule) > 2 * h).reshape(2000, -1).all(axis=1)
    assert away.mean() > 0.99
    y, z = y[away], z[away]
    slope = rule.evaluate(y, z)[1].reshape(len(y), -1)
    for j in range(slope.shape[1]):
        step = np.zeros_like(slope)
        step[:, j] = h
        step = step.reshape(z.shape)
        ahead, behind = rule.evaluate(y, z + step)[0], rule.evaluate(y, z - step)[0]
        assert_allclose(slope[:, j], (ahead - behind) / (2 * h), rtol=1e-8, atol=1e-8)


# y, z, loss, derivative: on both sides of each corner, and on it
CORNERS = {
    "huber-0.3": ([0.0, 0.0, 0.0], [0.3, -0.3, 0.0], [0.045, 0.045, 0], [0.3, -0.3, 0]),
    "epsilon_insensitive-1.0": ([0.0, 0.0], [1.0, -1.0], [0, 0], [0, 0]),
    "squared_epsilon_insensitive-1.0": ([0.0, 0.0], [1.0, -1.0], [0, 0], [0, 0]),
    "absolute_error": ([2.0], [2.0], [0], [0]),
    "quantile": ([2.0], [2.0], [0], [0]),
    # scikit-learn's hinge has a slope on its corner too
    "hinge": ([1.0, -1.0], [1.0, -1.0], [0, 0], [-1, 1]),
    "perceptron": ([1.0, -1.0], [0.0, 0.0], [0, 0], [-1, 1]),
    "squared_hinge": ([1.0, -1.0], [1.0, -1.0], [0, 0], [0, 0]),
    "modified_huber": ([1.0, 1.0], [1.0, -1.0], [0, 4], [0, -4]),
}


@pytest.mark.parametrize("name", CORNERS)
def test_values_on_corners(name):
    y, z, loss, slope = CORNERS[name]
    assert_allclose(RULES[name].evaluate(y, z), (loss, slope), rtol=0, atol=1e-15)


def test_log_loss_is_scikit_learns():
    z = 3 * np.random.RandomState(3).standard_normal(100)
    y = targets(LogLoss(), 100)
    expected = metrics.log_loss(y, 1 / (1 + np.exp(-z)))
    assert_allclose(LogLoss().evaluate(y, z)[0].mean(), expected, rtol=1e-13)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_quantile_is_scikit_learns_pinball_loss(quantile):
    rng = np.random.RandomState(4)
    y, z = rng.standard_normal(100), rng.standard_normal(100)
    expected = metrics.mean_pinball_loss(y, z, alpha=quantile)
    loss = Quantile(quantile=quantile).evaluate(y, z)[0]
    assert_allclose(loss.mean(), expected, rtol=1e-13)


def test_poisson_is_half_of_scikit_learns_deviance():
    z = np.random.RandomState(5).standard_normal(100)
    y = targets(Poisson(), 100)
    assert (y == 0).any()
    expected = metrics.mean_poisson_deviance(y, np.exp(z)) / 2
    assert_allclose(Poisson().evaluate(y, z)[0].mean(), expected, rtol=1e-13)


def test_gamma_is_half_of_scikit_learns_deviance():
    z = np.random.RandomState(5).standard_normal(100)
    y = targets(Gamma(), 100)
    expected = metrics.mean_gamma_deviance(y, np.exp(z)) / 2
    assert_allclose(Gamma().evaluate(y, z)[0].mean(), expected, rtol=1e-13)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_smoothed_softmax(n_classes):
    rng = np.random.RandomState(7)
    z = 2 * rng.standard_normal((200, n_classes))
    y = np.arange(200) % n_classes
    loss, slope = LogLoss(label_smoothing=0.2).evaluate(y, z, softmax=True)
    expected_loss, expected_slope = oracles.softmax_loss(y, z, 0.2)
    assert_allclose(loss, expected_loss, rtol=1e-12)
    assert_allclose(slope, expected_slope, rtol=1e-12, atol=1e-15)
    if n_classes == 2:  # the same as one output, also here
        single = LogLoss(label_smoothing=0.2).evaluate(y, z[:, 1] - z[:, 0])
        assert_allclose(loss, single[0], rtol=1e-12)
        assert_allclose(slope[:, 1], single[1], rtol=1e-12, atol=1e-15)


def test_several_quantiles_add_up():
    rng = np.random.RandomState(4)
    y, z = rng.standard_normal(100), rng.standard_normal((100, 3))
    levels = [0.1, 0.5, 0.9]
    loss, slope = Quantile(levels).evaluate(y, z)
    single = [Quantile(q).evaluate(y, z[:, j]) for j, q in enumerate(levels)]
    assert_allclose(loss, sum(one for one, _ in single), rtol=1e-14)
    assert_array_equal(slope, np.column_stack([one for _, one in single]))
    # in order they cost less, at every target
    assert (Quantile(levels).evaluate(y, np.sort(z, axis=1))[0] <= loss + 1e-15).all()
    for shape in ((100,), (100, 2), (100, 4)):
        with pytest.raises(ValueError, match="z must have 3 columns"):
            Quantile(levels).evaluate(y, np.zeros(shape))
    with pytest.raises(ValueError, match="must have 100 rows of 3"):
        Quantile(levels).evaluate(z[:, :2], z)


def test_hinge_is_scikit_learns():
    z = np.random.RandomState(6).standard_normal(100)
    y = targets(RULES["hinge"], 100)
    expected = metrics.hinge_loss(y, z)
    assert_allclose(RULES["hinge"].evaluate(y, z)[0].mean(), expected, rtol=1e-13)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_softmax_loss_is_scikit_learns(n_classes):
    rng = np.random.RandomState(7)
    z = 2 * rng.standard_normal((200, n_classes))
    y = np.arange(200) % n_classes
    loss, slope = LogLoss().evaluate(y, z, softmax=True)
    expected_loss, expected_slope = oracles.softmax_loss(y, z)
    assert_allclose(loss, expected_loss, rtol=1e-12, atol=1e-14)
    assert_allclose(slope, expected_slope, rtol=1e-12, atol=1e-15)
    probabilities = slope + np.eye(n_classes)[y]
    assert_allclose(loss.mean(), metrics.log_loss(y, probabilities), rtol=1e-12)


def test_softmax_of_two_classes_is_the_log_loss_of_their_difference():
    z = 5 * np.random.RandomState(8).standard_normal((50, 2))
    y = np.arange(50) % 2
    pair, _ = LogLoss().evaluate(y, z, softmax=True)
    single, _ = LogLoss().evaluate(y, z[:, 1] - z[:, 0])
    assert_allclose(pair, single, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
# The compiled loop takes 64 rows at a time; up to 32 classes it goes by columns.
@pytest.mark.parametrize("n", [1, 63, 64, 65, 150])
@pytest.mark.parametrize("k", [4, 32, 33])
def test_softmax_of_many_rows(k, n, dtype):
    rng = np.random.RandomState(n)
    z = (20 * rng.standard_normal((n, k))).astype(dtype)
    expected = oracles.softmax_loss(np.zeros(n), z)[1] + np.eye(k)[0]
    tolerance = 8 * np.finfo(dtype).eps
    result = z.copy()
    softmax(result)
    assert_allclose(result, expected, rtol=0, atol=tolerance)
    assert_allclose(result.sum(axis=1), 1, rtol=0, atol=tolerance)

    # the same rows as a batch of a network whose outputs are its features
    codes = rng.randint(k, size=n)
    architecture = linear(k, k, loss=LogLoss(), softmax=True, fit_intercept=False)
    bound = bind(architecture, np.eye(k).ravel(), z, codes, dtype=dtype)
    loss, gradient = loss_and_gradient(bound.workspace)
    losses, slopes = oracles.softmax_loss(codes, z)
    assert_allclose(loss, losses.mean(), rtol=4 * tolerance)
    slopes = z.T.astype(float) @ slopes / n
    scale = np.abs(z).max()
    assert_allclose(gradient.reshape(k, k), slopes, rtol=0, atol=2 * scale * tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [2, 3, 10, 31, 33, 1000])
@pytest.mark.parametrize("n", [1, 20, 64])
def test_the_logarithm_in_the_softmax_loss(n, k, dtype):
    kernel, y = LogLoss()._kernel(True), np.zeros((n, 1), dtype)
    for distance in np.r_[0, np.logspace(-3, 1.5, 30)]:
        z = np.zeros((n, k), dtype)
        z[:, 1:] -= dtype(distance)
        total = 1 + (k - 1) * np.exp(-np.float64(dtype(distance)))
        losses = losses_of_rows(kernel, y, z)
        # of the sum, whose rounding error counts once it is near one
        eps = k * np.finfo(dtype).eps
        assert_allclose(losses, np.log(total), rtol=eps, atol=eps)
    z = np.zeros((n, k), dtype)
    z[-1, -1] = np.nan
    losses = losses_of_rows(kernel, y, z)
    assert np.isnan(losses[-1])
    assert np.isfinite(losses[:-1]).all()


def test_softmax_of_nothing():
    z = np.empty((0, 3))
    softmax(z)
    assert z.shape == (0, 3)


def test_extreme_raw_predictions_stay_finite():
    z = np.array([1000.0, -1000.0, 1000.0, -1000.0])
    y = np.array([1.0, 1.0, 0.0, 0.0])
    loss, slope = LogLoss().evaluate(y, z)
    assert_allclose(loss, [0, 1000, 1000, 0])
    assert_allclose(slope, [0, -1, 1, 0], atol=1e-15)
    rows = np.array([[1000.0, 0, -1000], [1000.0, 0, -1000]])
    loss, slope = LogLoss().evaluate([0, 2], rows, softmax=True)
    assert_allclose(loss, [0, 2000])
    assert_allclose(slope, [[0, 0, 0], [1, 0, -1]], atol=1e-15)


@pytest.mark.parametrize("name", RULES)
def test_nan_is_not_a_loss_of_zero(name):
    # Divergence is looked for in the loss: it must not look like a perfect fit.
    loss, _ = RULES[name].evaluate([1.0], [np.nan])
    assert np.isnan(loss).all()


def test_nan_in_softmax_is_not_a_loss():
    loss, _ = LogLoss().evaluate([0], [[0.0, np.nan, 1.0]], softmax=True)
    assert np.isnan(loss).all()


@pytest.mark.parametrize("y", [[-1e-9], [2.0, -3.0], [-np.inf]])
def test_poisson_refuses_negative_targets(y):
    with pytest.raises(ValueError, match="out of the valid range of the loss Poisson"):
        Poisson()._check_target(np.array(y))


@pytest.mark.parametrize("y", [[], [0.0], [0.0, 0.5, 7.0]])
def test_poisson_takes_counts_and_rates(y):
    assert Poisson()._check_target(np.array(y)) is None


@pytest.mark.parametrize("y", [[0.0], [2.0, -3.0], [-np.inf]])
def test_gamma_refuses_targets_that_are_not_positive(y):
    with pytest.raises(ValueError, match="out of the valid range of the loss Gamma"):
        Gamma()._check_target(np.array(y))
    assert Gamma()._check_target(np.array([1e-300, 7.0])) is None


@pytest.mark.parametrize(
    "name",
    [name for name in REGRESSION_LOSSES if oracles.LOSSES[name].link == "identity"],
)
def test_losses_with_the_identity_link_take_any_target(name):
    assert RULES[name]._check_target(np.array([-1e300, 0, 1e300])) is None


def test_links():
    links = {name: rule.link for name, rule in LOSSES.items()}
    assert links == {name: oracle.link for name, oracle in oracles.LOSSES.items()}


@pytest.mark.parametrize(
    "name", [name for name, rule in RULES.items() if rule.link != "softmax"]
)
def test_evaluate_sums_over_outputs_and_leaves_its_arguments(name):
    rule = RULES[name]
    y = targets(rule, 30).reshape(10, 3)
    z = np.asfortranarray(np.random.RandomState(9).standard_normal((10, 3)))
    y_before, z_before = y.copy(), z.copy()
    loss, slope = rule.evaluate(y, z)
    single, single_slope = rule.evaluate(y.ravel(), z.ravel())
    assert_allclose(loss, single.reshape(10, 3).sum(axis=1), rtol=1e-14)
    assert_array_equal(slope, single_slope.reshape(10, 3))
    assert loss.shape == (10,)
    assert loss.dtype == slope.dtype == np.float64
    assert_array_equal(y, y_before)
    assert_array_equal(z, z_before)


def test_evaluate_takes_lists_and_other_dtypes():
    loss, slope = RULES["squared_error"].evaluate([1, 2], np.float32([3, 2]))
    assert_array_equal(loss, [2, 0])
    assert_array_equal(slope, [2, 0])


def test_evaluate_refuses_shapes_that_do_not_match():
    with pytest.raises(ValueError, match="shape"):
        RULES["squared_error"].evaluate([1.0, 2.0], [1.0, 2.0, 3.0])


# Each would write beside its row, though within the table.
@pytest.mark.parametrize("codes", [[3, 0], [0, -1], [0.5, 1.0], [0.0, np.nan]])
def test_evaluate_refuses_codes_of_no_class(codes):
    with pytest.raises(ValueError, match="class code"):
        LogLoss().evaluate(codes, np.zeros((2, 3)), softmax=True)


@pytest.mark.parametrize("name", ["squared_error", "hinge"])
def test_softmax_is_for_the_log_loss_alone(name):
    with pytest.raises(ValueError, match="softmax"):
        RULES[name].evaluate([[1.0], [1.0]], np.zeros((2, 3)), softmax=True)
