"""The teaching systems, A to E, with the numbers that a right implementation gives.

All numbers were computed independently in float64.
"""

import math
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime
from scipy.special import expit

from skgd import GDRegressor, MLPGDClassifier, maximize, minimize, minimize_stochastic
from skgd.optimizers import OPTIMIZERS, SGD, AdaGrad, Adam, Momentum, RMSprop

STEP_SIZES = [100, 10, 1, 0.1, 0.01, 0.001, 0.0001, 0.00001]


# ---------------------------------------------------------------- A: mini-batches
RNG = np.random.default_rng(42)
X = 2 * RNG.random((100, 1))
Y = 4 + 3 * X[:, 0] + RNG.standard_normal(100)


def mean_squared_error(w, b):
    return np.mean((X[:, 0] * w + b - Y) ** 2)


@pytest.mark.parametrize("batch", [1, 16, 100])
def test_a_minibatch_regression_is_the_textbooks(batch):
    """Rate 0.01 on the mean squared error is 0.02 on its half; no shuffling here."""
    solver = {1: "sgd", 16: "minibatch", 100: "batch"}[batch]
    model = GDRegressor(
        penalty=None,
        solver=solver,
        batch_size=batch,
        optimizer="sgd",
        learning_rate_init=0.02,
        standardize=False,
        learning_rate="constant",
        shuffle=False,
    )
    w = b = 0.0
    for _ in range(50):
        for start in range(0, 100, batch):  # the last one has four samples
            x, y = X[start : start + batch, 0], Y[start : start + batch]
            residual = w * x + b - y
            w, b = (
                w - 0.01 * 2 / len(x) * np.sum(residual * x),
                b - 0.01 * 2 / len(x) * np.sum(residual),
            )
        model.partial_fit(X, Y)
        assert_allclose([model.coef_[0], model.intercept_[0]], [w, b], rtol=1e-10)


def test_a_every_epoch_has_a_new_order_and_the_cost_falls():
    options = dict(
        penalty=None,
        optimizer="sgd",
        learning_rate_init=0.02,
        batch_size=16,
        standardize=False,
        learning_rate="constant",
        random_state=0,
    )
    costs = {}
    for solver in ("batch", "minibatch", "sgd"):
        model = GDRegressor(solver=solver, **options)
        costs[solver] = []
        for _ in range(50):
            model.partial_fit(X, Y)
            costs[solver].append(
                mean_squared_error(model.coef_[0], model.intercept_[0])
            )
    least = np.polyfit(X[:, 0], Y, 1)
    best = mean_squared_error(*least)
    excess = {solver: np.array(cost) - best for solver, cost in costs.items()}
    assert (np.diff(costs["batch"]) < 0).all()  # smooth
    assert excess["batch"][-1] > 10 * excess["minibatch"][-1]  # slow
    assert (np.diff(costs["sgd"]) > 0).sum() > 10  # noisy
    assert min(excess["sgd"]) < 0.02  # fast
    assert excess["minibatch"][-1] < 0.1
    fixed = GDRegressor(shuffle=False, **options)
    shuffled = GDRegressor(shuffle=True, **options)
    assert fixed.partial_fit(X, Y).coef_ != shuffled.partial_fit(X, Y).coef_


# ---------------------------------------------------------------- B: descent, ascent
def camelback(v):
    a, b = v
    return (4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + (-4 + 4 * b**2) * b**2


def camelback_slope(v):
    a, b = v
    return np.array([8 * a - 8.4 * a**3 + 2 * a**5 + b, a - 8 * b + 16 * b**3])


def test_b_camelback_descent():
    result = minimize(
        camelback,
        [-0.5, 0.5],
        jac=camelback_slope,
        optimizer="sgd",
        learning_rate=0.01,
        gtol=1e-10,
        return_path=True,
    )
    path = [(-0.5, 0.5), (-0.474875, 0.525), (-0.45064736, 0.54859625)]
    values = [-0.1260416667, -0.2488766468, -0.3602379916]
    slopes = [(-2.5125, -2.5), (-2.42276449, -2.359625), (-2.32499623, -2.19774783)]
    assert_allclose(result.path[:3], path, rtol=0, atol=5e-9)
    assert_allclose(result.fun_path[:3], values, rtol=0, atol=5e-11)
    seen = [camelback_slope(x) for x in result.path[:3]]
    assert_allclose(seen, slopes, rtol=0, atol=5e-9)
    assert_allclose(result.x, [-0.08984201, 0.71265640], rtol=0, atol=5e-9)
    assert_allclose(result.fun, -1.0316284535, rtol=0, atol=5e-11)
    assert_allclose(result.jac, 0, atol=1e-10)


def test_b_the_end_depends_on_the_start():
    ends = [
        minimize(camelback, start, jac=camelback_slope, optimizer="sgd")
        for start in ([-0.5, 0.5], [0.5, -0.5], [1.5, 0.5], [-1.5, -0.5])
    ]
    values = [end.fun for end in ends]
    assert_allclose(values[:2], -1.0316284535, atol=1e-8)
    assert min(values[2:]) > -0.9  # local, not global
    assert_allclose(ends[0].x, -ends[1].x, atol=1e-4)


def test_b_ascent_is_the_way_up():
    up = maximize(
        camelback,
        [-0.5, 0.5],
        jac=camelback_slope,
        optimizer="sgd",
        learning_rate=0.01,
        max_iter=1,
        return_path=True,
    )
    assert_allclose(up.path[1], [-0.5 - 0.025125, 0.5 - 0.025], rtol=1e-12)
    assert up.fun > camelback([-0.5, 0.5])


@pytest.mark.parametrize(
    ("rate", "end"),
    [(10, "far"), (1.1, "far"), (1, "oscillates"), (0.1, "good"), (0.01, "slow")],
)
def test_b_rates_from_divergence_to_crawling(rate, end):
    start = np.array([1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the square overflows
        result = minimize(
            lambda v: float(v @ v),
            start,
            jac=lambda v: 2 * v,
            optimizer="sgd",
            learning_rate=rate,
            max_iter=3000,
            return_path=True,
        )
    factor = 1.0 - 2 * rate
    assert_allclose(
        result.path[:20], start * factor ** np.arange(20)[:, None], rtol=1e-9
    )
    if end == "far":
        assert result.status == 3
    elif end == "oscillates":
        assert_array_equal(result.path[::2], np.tile(start, (1501, 1)))
        assert_array_equal(result.path[1::2], np.tile(-start, (1500, 1)))
    else:
        assert result.success
        assert result.nit < 100 if end == "good" else result.nit > 500


# ---------------------------------------------------------------- C: minimisation
def test_c_estimated_gradient():
    def sum_of_squares(v):
        return np.sum(v * v)

    estimate = approx_fprime(np.ones(3), sum_of_squares, 1e-5)
    assert_allclose(estimate, 2.00001, rtol=0, atol=1e-9)
    # such an estimate is a gradient like any other
    result = minimize(
        sum_of_squares,
        [1.0, 1.0, 1.0],
        jac=lambda v: approx_fprime(v, sum_of_squares, 1e-5),
        optimizer="sgd",
        learning_rate=0.1,
    )
    assert_allclose(result.x, -5e-6, atol=1e-5)  # where the estimate is zero


class Dual:
    """Automatic differentiation in its smallest form: a number and its derivative."""

    def __init__(self, value, slope):
        self.value, self.slope = value, slope

    def __mul__(self, other):
        return Dual(
            self.value * other.value,
            self.value * other.slope + self.slope * other.value,
        )

    def sigmoid(self):
        s = expit(self.value)
        return Dual(s, s * (1 - s) * self.slope)


def test_c_automatic_differentiation_gives_a_gradient():
    def slope_of_square(x):
        dual = Dual(x[0], 1.0)
        return [(dual * dual).slope]

    assert slope_of_square([5.0]) == [10.0]
    assert Dual(0.0, 1.0).sigmoid().slope == 0.25
    result = minimize(
        lambda x: x[0] ** 2,
        [5.0],
        jac=slope_of_square,
        optimizer="sgd",
        learning_rate=0.1,
    )
    assert_allclose(result.x, 0, atol=1e-5)


def test_c_fixed_step_until_the_move_is_short():
    result = minimize(
        lambda v: float(v @ v),
        [3.0, -4.0, 1.0],
        jac=lambda v: 2 * v,
        optimizer="sgd",
        learning_rate=0.01,
        xtol=1e-5,
        gtol=None,
    )
    assert result.success
    assert (
        np.linalg.norm(0.02 * result.x) < 1e-5 <= np.linalg.norm(0.02 * result.x) / 0.98
    )


def quadratic(centre):
    centre = np.array(centre, dtype=float)
    return lambda v: float(np.sum((v - centre) ** 2)), lambda v: 2 * (v - centre)


@pytest.mark.parametrize(
    ("centre", "start", "end", "nit"),
    [
        ([0, 0, 0, 0], [10, 20, 4, 5],
         [0.00068056, 0.00136113, 0.00027223, 0.00034028], 44),
        ([3, 2], [5000, 50], [3.00160597, 2.00001543], 68),
        ([7, 70, 7, 4], [0, 0, 0, 0],
         [6.99984389, 69.99843895, 6.99984389, 3.9999108], 49),
    ],
)  # fmt: skip
@pytest.mark.parametrize("tolerance", [{}, {"tol": 1e-6}])
def test_c_batch_minimisation_with_step_sizes(centre, start, end, nit, tolerance):
    fun, jac = quadratic(centre)
    result = minimize(fun, start, jac=jac, step_sizes=STEP_SIZES, **tolerance)
    assert_allclose(result.x, end, rtol=0, atol=5e-9)
    assert result.nit == nit
    assert result.success


@pytest.mark.parametrize(
    "way", [{"step_sizes": STEP_SIZES}, {}, {"optimizer": "momentum"}]
)
def test_c_the_maximum_of_a_normal_density(way):
    def density(x, mu=1.0, sigma=1.0):
        z = (x[0] - mu) / sigma
        return math.exp(-z * z / 2) / (math.sqrt(2 * math.pi) * sigma)

    result = maximize(density, [0.0], **way)
    assert_allclose(result.x, 1, atol=3e-3)
    assert_allclose(result.fun, 1 / math.sqrt(2 * math.pi), atol=1e-5)


def test_c_stochastic_minimisation():
    def error(theta, x, y):
        return np.sum((theta[0] * x[:, 0] + theta[1] - y) ** 2)

    def slope(theta, x, y):
        r = 2 * (theta[0] * x[:, 0] + theta[1] - y)
        return [r @ x[:, 0], r.sum()]

    result = minimize_stochastic(error, X, Y, [0, 0], jac=slope, random_state=0)
    best = np.argmin(result.fun_path)
    assert result.nit == best + 100  # passes in a row without a new best
    assert result.fun == result.fun_path[best] < result.fun_path[-1]
    assert_allclose(result.rate_path[best:], 0.01 * 0.9 ** np.arange(101), rtol=1e-12)
    assert_allclose(result.x, np.polyfit(X[:, 0], Y, 1), atol=0.02)


# ---------------------------------------------------------------- D: optimizers
def rosenbrock(v):
    return (1 - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2


def rosenbrock_slope(v):
    a, b = v
    return np.array([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)])


ROSENBROCK = [
    (SGD(0.001), 100, (-1.43895475, 2.07827576), 5.954406181),
    (SGD(0.001), 10_000, (0.98963464, 0.97933498), 1.07615e-4),
    (RMSprop(0.01), 100, (-1.44510831, 2.10798598), 6.017158846),
    (RMSprop(0.01), 10_000, (0.98014172, 0.97552919), 0.0224507459),
    (Adam(0.01), 100, (-1.53115606, 2.35174454), 6.412088275),
]


@pytest.mark.parametrize(("rule", "n_steps", "end", "value"), ROSENBROCK)
def test_d_rosenbrock(rule, n_steps, end, value):
    params = {"v": np.array([-1.5, 2.5])}
    for _ in range(n_steps):
        rule.update(params, {"v": rosenbrock_slope(params["v"])})
    assert_allclose(params["v"], end, rtol=0, atol=2e-8)
    assert_allclose(rosenbrock(params["v"]), value, rtol=1e-5)
    result = minimize(
        rosenbrock,
        [-1.5, 2.5],
        jac=rosenbrock_slope,
        optimizer=rule,
        max_iter=n_steps,
        gtol=None,
    )
    assert_array_equal(result.x, params["v"])
    rule.reset()


def test_d_adam_on_rosenbrock_at_the_end():
    # Adam has arrived at step 5000, then rounding errors over rounding errors move it
    # about: 18 ways to write gradient and update were within 1.1e-4 and 7e-8 at step
    # 10,000, (0.99998104, 0.99996254) with 3.8e-10 among them.
    result = minimize(
        rosenbrock,
        [-1.5, 2.5],
        jac=rosenbrock_slope,
        learning_rate=0.01,
        max_iter=10_000,
        gtol=None,
    )
    assert_allclose(result.x, 1, atol=1e-3)
    assert result.fun < 1e-6
    assert minimize(rosenbrock, [-1.5, 2.5], jac=rosenbrock_slope).success


def test_d_defaults():
    rates = {"sgd": 0.01, "momentum": 0.01, "adagrad": 0.01, "rmsprop": 0.001}
    rates |= {"adam": 0.001, "adamw": 0.001, "nadam": 0.001}
    for name, rate in rates.items():
        assert OPTIMIZERS[name]().own_rate() == rate
    assert Momentum().momentum == 0.9
    assert AdaGrad().epsilon == 1e-7
    assert (RMSprop().rho, RMSprop().epsilon) == (0.9, 1e-8)
    assert (Adam().beta_1, Adam().beta_2, Adam().epsilon) == (0.9, 0.999, 1e-8)


def test_d_plain_descent_zigzags_and_the_others_bend():
    paths = {}
    rates = {"sgd": 0.95, "momentum": 0.1, "adagrad": 1.5, "adam": 0.3}
    for name, rate in rates.items():
        v, rule, path = np.array([-7.0, 2.0]), OPTIMIZERS[name](rate), []
        for _ in range(30):
            path.append(v.copy())
            rule.update(v, np.array([v[0] / 10, 2 * v[1]]))
        paths[name] = np.array(path)
    turns = {n: (np.diff(np.sign(path[:, 1])) != 0).sum() for n, path in paths.items()}
    assert turns["sgd"] == 29  # from side to side at each step
    assert max(turns["momentum"], turns["adagrad"], turns["adam"]) < 10


# ---------------------------------------------------------------- E: in a network
def test_e_batch_normalisation_of_two_rows():
    # Features of one batch are normalised over its rows: a hidden layer that is the
    # identity sees each of these columns.
    from skgd._engine.architecture import normalisation_map

    for row in ((2, 3, 4, 5), (1, 2, 3, 4)):
        values = np.array(row, dtype=float)
        scale, shift = normalisation_map(1.0, 0.0, values.mean(), values.var())
        expected = [-1.34163542, -0.44721181, 0.44721181, 1.34163542]
        assert_allclose(values * scale + shift, expected, rtol=0, atol=5e-9)


BLOBS = np.random.RandomState(0)
X_BLOBS = np.r_[
    BLOBS.standard_normal((20, 2)) * 0.5 - 1, BLOBS.standard_normal((20, 2)) * 0.5 + 1
]
Y_BLOBS = np.repeat([0, 1], 20)


@pytest.mark.parametrize("seed", range(3))
def test_e_regularisation_on_forty_points(seed):
    options = dict(
        solver="batch",
        optimizer="sgd",
        learning_rate_init=0.1,
        max_iter=2000,
        tol=None,
        standardize=False,
        random_state=seed,
    )
    norms, models = {}, {}
    for name, setting in {
        "none": {"alpha": 0.0},
        "l2": {"alpha": 0.1},
        "dropout": {"alpha": 0.0, "dropout": 0.3},
    }.items():
        model = MLPGDClassifier(20, **setting, **options).fit(X_BLOBS, Y_BLOBS)
        models[name] = model
        norms[name] = math.sqrt(sum(np.sum(w**2) for w in model.coefs_))
        assert model.score(X_BLOBS, Y_BLOBS) >= 0.95
        assert model.loss_curve_[-1] < 0.2 * model.loss_curve_[0]
    assert norms["l2"] < 0.97 * norms["none"]
    # dropout makes the loss noisy, the others fall all the way
    for name, model in models.items():
        rises = (np.diff(model.loss_curve_) > 0).sum()
        assert rises > 100 if name == "dropout" else rises == 0


def test_e_alpha_is_lambda_over_n():
    # loss + lambda / (2 n) * sum(w^2): of the first entry of the curve, at the start
    options = dict(solver="batch", max_iter=1, tol=None, random_state=0)
    options.update(standardize=False)
    plain = MLPGDClassifier(20, alpha=0.0, **options).fit(X_BLOBS, Y_BLOBS)
    ridge = MLPGDClassifier(20, alpha=0.1, **options).fit(X_BLOBS, Y_BLOBS)
    start = MLPGDClassifier(20, alpha=0.0, optimizer=SGD(1e-300), **options)
    weights = start.fit(X_BLOBS, Y_BLOBS).coefs_
    squares = sum(np.sum(w**2) for w in weights)
    penalty = ridge.loss_curve_[0] - plain.loss_curve_[0]
    assert_allclose(penalty, 0.1 / (2 * 40) * squares, rtol=1e-10)


@pytest.mark.parametrize("go_on", ["warm_start", "partial_fit"])
def test_e_adam_first_then_sgd(go_on):
    model = MLPGDClassifier(
        20, max_iter=30, tol=None, warm_start=True, random_state=0, alpha=0.0
    ).fit(X_BLOBS, Y_BLOBS)
    before = model.loss_curve_[-1]
    model.set_params(optimizer="sgd")
    if go_on == "warm_start":
        model.fit(X_BLOBS, Y_BLOBS)
    else:
        for _ in range(30):
            model.partial_fit(X_BLOBS, Y_BLOBS)
    assert len(model.loss_curve_) == 60
    assert model.loss_curve_[-1] < before
    assert (np.diff(model.loss_curve_[31:]) < 0).all()  # one batch: plain descent
