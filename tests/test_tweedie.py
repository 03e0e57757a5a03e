"""The Tweedie loss: its family, its limits, and its optimum."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes
from sklearn.linear_model import TweedieRegressor
from sklearn.metrics import mean_tweedie_deviance
from sklearn.preprocessing import scale

from skgd import GDRegressor, MLPGDRegressor
from skgd.losses import Gamma, Poisson, Tweedie

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

POWERS = [0, 1, 1.1, 1.5, 1.9, 2, 2.5, 3]
RNG = np.random.RandomState(0)
RAW, _ = load_diabetes(return_X_y=True, scaled=False)
X = scale(RAW)
MEAN = np.exp(0.3 * X[:, 2] + 0.1 * X[:, 8] + 1)
AMOUNTS = RNG.gamma(2.0, MEAN / 2)
# amounts of which a part is zero
CLAIMS = AMOUNTS * (RNG.uniform(size=len(X)) < 0.7)


def targets(power):
    """Targets in the domain of a power, with zeros where they may be."""
    return CLAIMS if power < 2 else AMOUNTS


@pytest.mark.parametrize("power", POWERS)
def test_it_is_half_of_scikit_learns_deviance(power):
    y, z = targets(power), RNG.standard_normal(len(X))
    loss, _ = Tweedie(power).evaluate(y, z)
    expected = mean_tweedie_deviance(y, np.exp(z), power=power) / 2
    assert_allclose(loss.mean(), expected, rtol=1e-12)


@pytest.mark.parametrize("power", POWERS)
def test_a_perfect_prediction_costs_nothing(power):
    loss, slope = Tweedie(power).evaluate(AMOUNTS, np.log(AMOUNTS))
    assert_allclose(loss, 0, atol=1e-14)
    assert_allclose(slope, 0, atol=1e-13)  # the rounding error of the logarithm


# A loss whose power is next to one or two would lose all digits in the formula. As a
# function of the power it is smooth: the distance of the power bounds that of the loss.
@pytest.mark.parametrize("distance", [0.0, 1e-15, 1e-12, 1e-9])
@pytest.mark.parametrize(("power", "limit"), [(1, Poisson()), (2, Gamma())])
def test_limits(power, limit, distance):
    z = np.r_[4 * RNG.standard_normal(len(X)), np.log(AMOUNTS) + 1e-6]
    y = np.r_[AMOUNTS, AMOUNTS]
    expected = limit.evaluate(y, z)
    for near in (power - distance, power + distance):
        if near >= 1:
            found = Tweedie(near).evaluate(y, z)
            # the loss has rounding errors of its terms, about as large as the target
            size = 1 + np.abs(expected[0]) + y * (1 + np.abs(z))
            error = np.abs(np.array(found) - expected) / size
            assert error.max() <= 4e-16 + 100 * distance


@pytest.mark.parametrize("power", [1, 1.5])
def test_a_target_of_zero_is_the_limit(power):
    z = np.linspace(-5, 5, 11)
    at_zero = Tweedie(power).evaluate(np.zeros(11), z)
    near = Tweedie(power).evaluate(np.full(11, 1e-300), z)
    assert_allclose(at_zero, near, rtol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("y", [1e-300, 1e-8, 1.0, 1e8, 1e300])
@pytest.mark.parametrize("power", POWERS)
def test_extremes_are_no_nan(power, y):
    z = np.array([-800.0, -700, -300, -30, 0, 30, 300, 700, 800])
    loss, slope = Tweedie(power).evaluate(np.full(z.size, y), z)
    with np.errstate(all="ignore"):
        wide, p, mean = np.longdouble(y), np.longdouble(power), np.exp(np.longdouble(z))
        exact = mean ** (1 - p) * (mean - wide)
        if power in (1, 2):
            rule = Poisson() if power == 1 else Gamma()
            exact_loss = rule.evaluate(np.full(z.size, y), z)[0]
        else:
            exact_loss = (
                wide ** (2 - p) / ((1 - p) * (2 - p))
                - wide * mean ** (1 - p) / (1 - p)
                + mean ** (2 - p) / (2 - p)
            )
        finite = np.abs(exact_loss).astype(float) < 1e308
        tame = np.abs(exact).astype(float) < 1e308
        beyond = np.abs(exact_loss).astype(float) == np.inf
    assert finite.any() or (power, y) == (0, 1e300)  # whose square is infinite
    tolerance = dict(rtol=1e-9, atol=1e-15 * min(1, y))
    assert_allclose(loss[finite], exact_loss[finite].astype(float), **tolerance)
    assert_allclose(slope[tame], exact[tame].astype(float), **tolerance)
    assert not np.isnan(slope).any()
    assert not np.isnan(loss).any()
    assert (loss[beyond] == np.inf).all()


@pytest.mark.parametrize("power", [-1, 0.5, 0.999, 3.001, 4, np.nan, "1.5", None, True])
def test_other_powers_are_refused(power):
    match = "The 'power' parameter of Tweedie must be a float >= 1 and <= 3 or 0. Got"
    with pytest.raises(ValueError, match=match):
        GDRegressor(Tweedie(power)).fit(X, AMOUNTS)


@pytest.mark.parametrize("power", POWERS)
def test_domain_of_the_targets(power):
    rule = Tweedie(power)
    for y, least in ((-1.0, 0), (0.0, 1), (1e-300, 2)):
        allowed = (0, 1, 2) if power == 0 else (1, 2) if power < 2 else (2,)
        if least in allowed:
            assert rule._check_target(np.array([1.0, y])) is None
            continue
        bound = "> 0" if power >= 2 else ">= 0"
        match = f"valid range of the loss Tweedie.*all must be {bound}"
        with pytest.raises(ValueError, match=match):
            rule._check_target(np.array([1.0, y]))


@pytest.mark.parametrize("power", [0, 1, 1.5, 2, 2.5, 3])
def test_the_optimum_is_that_of_scikit_learn(power):
    y = targets(power)
    glm = TweedieRegressor(
        power=power, link="log", alpha=0.01, solver="newton-cholesky", tol=1e-10
    ).fit(X, y)
    gd = GDRegressor(
        Tweedie(power),
        alpha=0.01,
        learning_rate="cosine",
        learning_rate_init=0.05,
        max_iter=6000,
        tol=None,
        solver="batch",
        standardize=False,
    ).fit(X, y)
    assert_allclose(gd.coef_, glm.coef_, atol=1e-4)
    assert_allclose(gd.intercept_, glm.intercept_, atol=1e-4)
    assert_allclose(gd.predict(X), glm.predict(X), rtol=1e-3)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("factor", [1e-4, 1.0, 1e5])
def test_raw_data(power, factor):
    # In units of the mean the objective is one, whatever the unit of the targets.
    y = factor * targets(power)
    exact = TweedieRegressor(
        power=power, link="log", alpha=1 / len(X), solver="newton-cholesky", tol=1e-9
    ).fit(X, y / y.mean())
    best = mean_tweedie_deviance(y, y.mean() * exact.predict(X), power=power) / 2
    linear = GDRegressor(Tweedie(power), random_state=0).fit(RAW, y)
    loss = mean_tweedie_deviance(y, linear.predict(RAW), power=power) / 2
    assert loss < 1.001 * best
    assert linear.loss_ == pytest.approx(loss, 0.05)
    network = MLPGDRegressor(
        loss=Tweedie(power), random_state=0, max_iter=100, tol=None
    ).fit(RAW, y)
    assert mean_tweedie_deviance(y, network.predict(RAW), power=power) / 2 < best


def test_the_power_zero_takes_targets_around_zero():
    for y in (AMOUNTS - AMOUNTS.mean(), -AMOUNTS, X[:, 2]):
        model = GDRegressor(Tweedie(power=0), random_state=0, max_iter=100).fit(RAW, y)
        prediction = model.predict(RAW)
        assert (np.isfinite(prediction) & (prediction >= 0)).all()


@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_as_poisson_and_gamma(estimator):
    options = dict(max_iter=20, tol=None, random_state=0)
    for power, name in ((1, "poisson"), (2, "gamma")):
        y = targets(power)
        ours = estimator(loss=Tweedie(power), **options).fit(RAW, y)
        named = estimator(loss=name, **options).fit(RAW, y)
        assert_allclose(ours.predict(RAW), named.predict(RAW), rtol=1e-6)
    by_name = estimator(loss="tweedie", **options).fit(RAW, CLAIMS)
    rule = estimator(loss=Tweedie(power=1.5), **options).fit(RAW, CLAIMS)
    assert_array_equal(by_name.predict(RAW), rule.predict(RAW))
