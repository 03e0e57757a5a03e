"""Gradients scaled down to a norm: `clip_norm`."""

import numpy as np
import oracles
import pytest
from helpers import X_REG, Y_REG, Trainer, as_csr, bind, data_for, linear
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_classifier

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd._training import passes
from skgd.optimizers import OPTIMIZERS, SGD, Adam, Momentum

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
FORMS = {"dense": np.array, "sparse": as_csr}
DTYPES = [np.float32, np.float64]
PLAIN = dict(
    alpha=1e-3,
    learning_rate="constant",
    learning_rate_init=0.1,
    standardize=False,
    early_stopping=False,
    tol=None,
    random_state=0,
)


# ---------------------------------------------------------------- epochs in NumPy
N, D, K = 23, 5, 2
RNG = np.random.RandomState(0)
X = RNG.standard_normal((N, D)) * (RNG.uniform(size=(N, D)) < 0.7)
Y = 2 * RNG.standard_normal((N, K))
WEIGHTS = RNG.uniform(0.2, 2.0, N)
THETA = RNG.standard_normal(D * K + K)


def gradient(theta, rows, fit_intercept):
    """Of the weighted mean of half the squares, in the order of the flat vector."""
    residual = X[rows] @ theta[: D * K].reshape(D, K) - Y[rows]
    if fit_intercept:
        residual = residual + theta[D * K :]
    delta = residual * WEIGHTS[rows, None] / (len(rows) * WEIGHTS.mean())
    g = (X[rows].T @ delta).ravel()
    return np.append(g, delta.sum(axis=0)) if fit_intercept else g


def epochs(rule, orders, size, rate, l1, l2, limit, fit_intercept):
    """Parameters after the epochs, and whether each gradient was too long."""
    name = next(n for n, kind in OPTIMIZERS.items() if type(rule) is kind)
    theta = THETA if fit_intercept else THETA[: D * K]
    oracle = oracles.OPTIMIZERS[name](rule, theta.size)
    weights, clipped = np.arange(theta.size) < D * K, []
    for order in orders:
        for start in range(0, N, size):
            g = gradient(theta, order[start : start + size], fit_intercept)
            length = np.sqrt(g @ g)
            clipped.append(length > limit)
            g = g * min(1.0, limit / length)
            theta = oracle.step(theta, g, rate, l1 * weights, l2 * weights, weights)
    return theta, clipped


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.2), (0.1, 0.2)])
# single rows of plain SGD have a path of their own; one batch of all
@pytest.mark.parametrize("size", [1, 7, N])
@pytest.mark.parametrize("rule", [SGD(), Momentum(nesterov=True), Adam()], ids=repr)
def test_epochs(rule, size, l1, l2, fit_intercept, form, dtype):
    limit = {1: 4.0, 7: 3.5, N: 1.0}[size]  # some gradients are longer
    rng = np.random.RandomState(1)
    orders = [np.arange(N) if size == N else rng.permutation(N) for _ in range(3)]
    expected, clipped = epochs(rule, orders, size, 0.05, l1, l2, limit, fit_intercept)
    assert sum(clipped) > 0
    assert size == N or not all(clipped)
    bound = bind(
        linear(D, K, fit_intercept=fit_intercept),
        THETA if fit_intercept else THETA[: D * K],
        FORMS[form](X),
        Y,
        WEIGHTS,
        batch_size=size,
        dtype=dtype,
    )
    options = dict(l1=l1, l2=l2, weight_mean=float(WEIGHTS.mean()), clip_norm=limit)
    trainer = Trainer(bound, rule, **options)
    for order in orders:
        n_updates = -(-N // size)
        trainer.epoch([0.05] * n_updates, order=None if size == N else order)
    # (Adam in float32: as far from the oracle as without clipping)
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    assert_allclose(bound.theta, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 7])
def test_short_gradients_are_left_alone(size, form, dtype):
    thetas = []
    for limit in (np.inf, 1e6):
        bound = bind(
            linear(D, K), THETA, FORMS[form](X), Y, batch_size=size, dtype=dtype
        )
        Trainer(bound, SGD(), clip_norm=limit).epoch([0.05] * (-(-N // size)))
        thetas.append(bound.theta)
    assert_array_equal(*thetas)


# ---------------------------------------------------------------- size of numbers
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize(
    ("dtype", "huge"), [(np.float32, 1e15), (np.float32, 1e18), (np.float64, 1e150)]
)
def test_the_norm_does_not_overflow(dtype, huge, size, form, intercept):
    # gradients of up to 1e36 and 1e300, whose squares are no numbers of their type
    features = huge * np.array([[1.0, -2.0, 0.5], [1.0, -2.0, 0.5]])
    targets = np.full(2, -3 * huge)
    theta = np.zeros(3 + intercept)
    architecture = linear(3, fit_intercept=intercept)
    bound = bind(
        architecture,
        theta,
        FORMS[form](features),
        targets,
        batch_size=size,
        dtype=dtype,
    )
    trainer = Trainer(bound, SGD(), clip_norm=2.0)
    trainer.epoch(np.array([0.25] + [0.0] * (2 - size)))
    step = -0.5 * np.array([1.0, -2.0, 0.5]) / np.sqrt(5.25)
    expected = np.append(step, 0.0) if intercept else step
    # (the intercept's share is 1 / huge)
    assert_allclose(bound.theta, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("solver", ["batch", "minibatch", "sgd"])
@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_divergence_is_seen(estimator, solver, form):
    # a gradient that is not finite is not made finite
    model = estimator(clip_norm=1.0, solver=solver, optimizer="sgd", **PLAIN)
    with pytest.raises(ValueError, match="Floating-point under-/overflow"):
        model.fit(FORMS[form](1e200 * X_REG), 1e200 * Y_REG)


# ---------------------------------------------------------------- estimators
def theta_after(model, n_epochs, X, y):
    kwargs = {"classes": np.unique(y)} if is_classifier(model) else {}
    for _ in range(n_epochs):
        model.partial_fit(X, y, **kwargs)
    return model._state.theta.astype(np.float64)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_update_is_as_long_as_the_clipped_gradient(
    estimator, form, dtype, batch_norm
):
    X, y = data_for(estimator)
    X = FORMS[form](np.where(X > 0, X, 0)).astype(dtype)
    options = {**PLAIN, "penalty": None, "solver": "batch", "optimizer": "sgd"}
    options.update(batch_norm=batch_norm)

    def move(clip_norm):
        model = estimator(clip_norm=clip_norm, **options)
        start = theta_after(model.set_params(learning_rate_init=1e-300), 1, X, y)
        return theta_after(model.set_params(learning_rate_init=0.1), 1, X, y) - start

    free = move(None)
    length = np.linalg.norm(free)
    clipped = move(float(length / 0.1 / 4))
    tolerance = 1e-10 if dtype == np.float64 else 1e-3
    assert_allclose(np.linalg.norm(clipped), length / 4, rtol=tolerance)
    assert_allclose(clipped, free / 4, rtol=0, atol=tolerance * length)
    assert_array_equal(move(1e6), free)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_calls_of_partial_fit_are_epochs(estimator):
    X, y = data_for(estimator)
    options = dict(clip_norm=0.1, batch_size=40, dropout=0.2, **PLAIN)
    whole = estimator(max_iter=3, **options).fit(X, y)
    parts = theta_after(estimator(**options), 3, X, y)
    assert_array_equal(parts, whole._state.theta)
    free = estimator(max_iter=3, **{**options, "clip_norm": None}).fit(X, y)
    assert np.abs(free._state.theta - parts).max() > 1e-3


def test_outliers_move_a_stream_less():
    # one row in fifty has a target of 1000: a mean squared error that SGD survives
    rng = np.random.RandomState(0)
    X = rng.standard_normal((2000, 5))
    y = X @ np.arange(1.0, 6.0)
    wild = np.where(rng.uniform(size=2000) < 0.02, 1000.0, y)
    options = {**PLAIN, "learning_rate_init": 0.02, "penalty": None, "max_iter": 5}
    options.update(solver="sgd", optimizer="sgd")
    clipped = GDRegressor(clip_norm=3.0, **options).fit(X, wild)
    free = GDRegressor(**options).fit(X, wild)
    assert clipped.score(X, y) > 0.95
    assert free.score(X, y) < 0.0


# ---------------------------------------------------------------- line search
SEARCH = {**PLAIN, "learning_rate": "line_search", "solver": "batch"}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_line_search_goes_along_the_clipped_gradient(estimator):
    # at a limit of 1e-3, the rate is that much larger, and the penalty goes with it
    X, y = data_for(estimator)
    options = {**SEARCH, "penalty": None, "optimizer": "sgd"}
    model = estimator(clip_norm=1e-3, **options)
    start = theta_after(
        estimator(**{**PLAIN, "learning_rate_init": 1e-300}, solver="batch"), 1, X, y
    )
    moved = theta_after(model, 1, X, y) - start
    assert_allclose(np.linalg.norm(moved), 1e-3 * model.learning_rate_, rtol=1e-7)
    for _ in range(60):
        model.partial_fit(X, y)
    assert (np.diff(model.loss_curve_) < 0).all()
    assert model.learning_rate_ > 10
    assert model.loss_curve_[-1] < 0.8 * model.loss_curve_[0]


def test_the_search_promises_what_the_objective_does(monkeypatch):
    # A strong penalty and a short gradient: along their sum the objective may rise,
    # which only its whole gradient tells. The parameters stay, at once.
    attempts, attempt = [], passes.attempt

    def count(*args):
        attempts.append(args)
        return attempt(*args)

    monkeypatch.setattr(passes, "attempt", count)
    model = GDRegressor(
        clip_norm=1e-6,
        max_iter=1,
        optimizer="sgd",
        **{**SEARCH, "alpha": 0.1, "learning_rate_init": 1.0},
    )
    model.fit(X_REG, Y_REG, coef_init=np.full(10, 0.01))
    start = np.full(10, 0.01)
    slope = X_REG.T @ (X_REG @ start - Y_REG) / len(Y_REG)
    direction = 1e-6 * slope / np.linalg.norm(slope) + 0.1 * start
    assert (slope + 0.1 * start) @ direction < 0
    assert_array_equal(model.coef_, start)
    assert len(attempts) == 1
