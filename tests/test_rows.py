"""Plain SGD on single rows: the fused path against a loop, and an exact solution."""

import numpy as np
import oracles
import pytest
from helpers import Trainer, as_csr, bind, linear
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import solve_triangular

from skgd.losses import LOSSES
from skgd.optimizers import SGD

FORMS = {"dense": np.array, "sparse": as_csr}
PENALTIES = {"none": (0.0, 0.0), "l1": (0.05, 0.0), "l2": (0.0, 0.2)}
PENALTIES["both"] = (0.05, 0.2)


class Rows:
    """Data of a linear model and the loop over single rows in NumPy."""

    def __init__(self, n, d, k, loss="squared_error", softmax=False, weighted=False):
        rng = np.random.RandomState(d + k)
        self.rule, self.loss, self.softmax = LOSSES[loss](), loss, softmax
        self.X = rng.standard_normal((n, d)) * (rng.uniform(size=(n, d)) < 0.6)
        self.X[3] = 0.0  # a row without stored values
        self.Y = rng.standard_normal((n, k))
        if softmax:
            self.Y = rng.randint(k, size=(n, 1)).astype(float)
        elif loss == "hinge":
            self.Y = np.sign(self.Y)
        self.weights = rng.uniform(0.2, 2.0, n) if weighted else None
        if weighted:
            self.weights[7] = 0.0
        self.W, self.b = rng.standard_normal((d, k)), rng.standard_normal(k)

    @property
    def weight_mean(self):
        return 1.0 if self.weights is None else float(self.weights.mean())

    def theta(self, fit_intercept):
        parts = [self.W.ravel()] + ([self.b] if fit_intercept else [])
        return np.concatenate(parts)

    def loss_and_slope(self, i, z):
        if self.softmax:
            loss, slope = oracles.softmax_loss(self.Y[i], z[None])
            return loss[0], slope[0]
        oracle = oracles.LOSSES[self.loss]
        loss = oracle.value(self.Y[i], z, self.rule).sum()
        return loss, oracle.slope(self.Y[i], z, self.rule)

    def loop(self, orders, rates, l1, l2, fit_intercept):
        """Parameters after the epochs, and the sum of losses in each."""
        W, b = self.W.copy(), self.b.copy()
        sgd = oracles.SGDOracle(None, W.size)
        sums = []
        for order, epoch_rates in zip(orders, rates, strict=True):
            sums.append(0.0)
            for i, rate in zip(order, epoch_rates, strict=True):
                z = self.X[i] @ W + (b if fit_intercept else 0.0)
                loss, slope = self.loss_and_slope(i, z)
                weight = 1.0 if self.weights is None else self.weights[i]
                sums[-1] += weight * loss
                slope = slope * weight / self.weight_mean
                g = np.outer(self.X[i], slope).ravel()
                W = sgd.step(W.ravel(), g, rate, l1, l2).reshape(W.shape)
                b = b - rate * slope
        return np.concatenate([W.ravel()] + ([b] if fit_intercept else [])), sums

    def compiled(self, form, orders, rates, l1, l2, fit_intercept, dtype=np.float64):
        architecture = linear(
            *self.W.shape,
            loss=self.rule,
            softmax=self.softmax,
            fit_intercept=fit_intercept,
        )
        bound = bind(
            architecture,
            self.theta(fit_intercept),
            FORMS[form](self.X),
            self.Y,
            self.weights,
            batch_size=1,
            dtype=dtype,
        )
        trainer = Trainer(bound, SGD(), l1=l1, l2=l2, weight_mean=self.weight_mean)
        sums = [
            trainer.epoch(rate, order=None if (np.diff(order) == 1).all() else order)
            for order, rate in zip(orders, rates, strict=True)
        ]
        assert trainer.state.step == sum(map(len, orders))
        return bound.theta, sums


def schedule(n, n_epochs, scale=0.05, seed=0):
    """Orders and rates; the first epoch takes the rows as they stand."""
    rng = np.random.RandomState(seed)
    orders = [np.arange(n)] + [rng.permutation(n) for _ in range(n_epochs - 1)]
    rates = [scale * rng.uniform(0.5, 1.0, n) for _ in range(n_epochs)]
    return orders, rates


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("form", FORMS)
def test_epochs_of_single_rows(form, penalty, n_outputs, fit_intercept, weighted):
    rows = Rows(40, 21, n_outputs, weighted=weighted)
    plan = (*schedule(40, 3), *PENALTIES[penalty], fit_intercept)
    expected, expected_sums = rows.loop(*plan)
    theta, sums = rows.compiled(form, *plan)
    assert_allclose(theta, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    assert_allclose(sums, expected_sums, rtol=1e-12)
    assert_array_equal(theta == 0, expected == 0)


@pytest.mark.parametrize(
    ("loss", "softmax", "n_outputs"),
    [("log_loss", True, 3), ("hinge", False, 3), ("huber", False, 3)]
    + [("hinge", False, 1), ("huber", False, 1)],
)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("form", FORMS)
def test_other_losses(form, penalty, loss, softmax, n_outputs):
    rows = Rows(40, 21, n_outputs, loss=loss, softmax=softmax, weighted=True)
    plan = (*schedule(40, 3), *PENALTIES[penalty], True)
    expected, expected_sums = rows.loop(*plan)
    theta, sums = rows.compiled(form, *plan)
    assert_allclose(theta, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    assert_allclose(sums, expected_sums, rtol=1e-12)


def test_long_rows():
    # whose dot product is made of four parts
    rows = Rows(40, 531, 1)
    plan = (*schedule(40, 2, scale=0.002), *PENALTIES["l2"], True)
    expected, expected_sums = rows.loop(*plan)
    theta, sums = rows.compiled("dense", *plan)
    assert_allclose(theta, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    assert_allclose(sums, expected_sums, rtol=1e-12)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("form", FORMS)
def test_float32(form, penalty):
    rows = Rows(40, 21, 3)
    plan = (*schedule(40, 3), *PENALTIES[penalty], True)
    expected, _ = rows.loop(*plan)
    theta, _ = rows.compiled(form, *plan, dtype=np.float32)
    assert theta.dtype == np.float32
    # The worst of 20 other data sets was 9e-7.
    assert_allclose(theta, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_l1_leaves_exact_zeros():
    rows = Rows(40, 21, 1)
    plan = (*schedule(40, 10), 0.1, 0.0, True)
    dense, _ = rows.compiled("dense", *plan)
    sparse, _ = rows.compiled("sparse", *plan)
    assert 3 < (dense == 0).sum() < 21
    assert_array_equal(dense == 0, sparse == 0)


# the common scale falls below what float32 bears within an epoch; or to zero
@pytest.mark.parametrize("l2", [20.0, 1000.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", FORMS)
def test_strong_l2_penalty(form, dtype, l2):
    rows = Rows(80, 21, 2)
    plan = (*schedule(80, 2), 0.0, l2, True)
    expected, _ = rows.loop(*plan)
    theta, _ = rows.compiled(form, *plan, dtype=dtype)
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    assert_allclose(theta, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("penalty", ["none", "l1", "l2"])
def test_long_epochs_go_in_parts(penalty):
    # An epoch of much work is interrupted for the keyboard, here after 312 updates;
    # what a sparse row has put off is settled there, and goes on.
    rows = Rows(340, 1000, 100)
    rng = np.random.RandomState(5)
    rows.X[:] = 0
    rows.X[np.arange(340)[:, None], rng.randint(50, size=(340, 5))] = 1.0
    plan = (*schedule(340, 1), *PENALTIES[penalty], True)
    expected, expected_sums = rows.loop(*plan)
    theta, sums = rows.compiled("sparse", *plan)
    assert_allclose(theta, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    assert_allclose(sums, expected_sums, rtol=1e-12)


# ---------------------------------------------------------------- exact solution
def block_solution(X, y, w, b, rates, l2):
    """One epoch on the squared error without a loop over rows.

    The residual of each row depends linearly on those before it, through the inner
    products of the rows: a triangular system. An L2 penalty shrinks the weights by
    `1 - rate * l2` after each row.
    """
    keep = 1 - rates * l2
    before = np.concatenate([[1.0], np.cumprod(keep)])  # shrinkage up to each row
    gram = np.tril(before[:-1, None] / before[None, 1:] * (X @ X.T) + 1, k=-1)
    start = before[:-1] * (X @ w) + b - y
    residual = solve_triangular(np.eye(len(y)) + gram * rates, start, lower=True)
    moved = w - X.T @ (rates * residual / before[1:])
    return np.append(before[-1] * moved, b - rates @ residual), residual


@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("form", FORMS)
def test_squared_error_solves_the_triangular_system(form, l2):
    rows = Rows(200, 30, 1)
    orders, rates = schedule(200, 1, scale=0.03)
    theta, sums = rows.compiled(form, orders, rates, 0.0, l2, True)
    expected, residual = block_solution(
        rows.X, rows.Y.ravel(), rows.W.ravel(), rows.b[0], rates[0], l2
    )
    assert_allclose(theta, expected, rtol=0, atol=1e-13 * np.abs(expected).max())
    assert_allclose(sums[0], 0.5 * residual @ residual, rtol=1e-13)
