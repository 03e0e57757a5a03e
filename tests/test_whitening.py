"""Coordinates in which the objective of a linear model is round."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.linear_model import LinearRegression, Ridge

from skgd import GDClassifier, GDRegressor
from skgd._engine.architecture import Architecture
from skgd._engine.network import Data
from skgd._training import whitening as module
from skgd._training.whitening import Whitening
from skgd.losses import LogLoss, SquaredError

L2 = 0.3
RNG = np.random.RandomState(0)
# correlated columns with means, and of several sizes
ROWS = RNG.standard_normal((50, 4)) @ RNG.standard_normal((4, 4)) + RNG.uniform(
    -2, 2, 4
)
ROWS *= [1, 10, 0.1, 3]
SPARSE = sp.csr_array(np.where(np.abs(ROWS) > ROWS.std(axis=0), ROWS, 0))
WEIGHTS = RNG.uniform(0, 3, 50)
CASES = {
    "plain": {},
    "weighted": {"weights": WEIGHTS},
    "no intercept": {"intercept": False},
    "several outputs": {"n_outputs": 3, "weights": WEIGHTS},
    "several outputs, no intercept": {"n_outputs": 3, "intercept": False},
    "sparse": {"rows": SPARSE},
    "sparse, weighted": {"rows": SPARSE, "weights": WEIGHTS, "n_outputs": 2},
    "sparse, no intercept": {"rows": SPARSE, "intercept": False},
}


class Case:
    """A whitening, and the Hessian of half the squared error plus the penalty."""

    def __init__(
        self, rows=ROWS, weights=None, intercept=True, n_outputs=1, l2=L2, loss=None
    ):
        architecture = Architecture(
            sizes=(rows.shape[1], n_outputs),
            loss=SquaredError() if loss is None else loss,
            softmax=False,
            fit_intercept=intercept,
        )
        targets = np.zeros((rows.shape[0], n_outputs), rows.dtype)
        given = None if weights is None else weights.astype(rows.dtype)
        self.whitening = Whitening(architecture, Data(rows, targets, given), l2)
        dense = rows.toarray() if sp.issparse(rows) else rows.astype(np.float64)
        design = np.c_[dense, np.ones(len(dense))] if intercept else dense
        share = np.ones(len(dense)) if weights is None else weights
        plain = design.T @ (design * (share / share.sum())[:, np.newaxis])
        plain[np.diag_indices(rows.shape[1])] += l2
        # the parameters are the coefficients of all outputs, and then the intercepts
        self.plain = np.kron(plain, np.eye(n_outputs))
        self.n_params = len(self.plain)

    def hessian(self):
        columns = [self.whitening.theta(unit) for unit in np.eye(self.n_params)]
        return np.array(columns) @ self.plain @ np.array(columns).T


# ---------------------------------------------------------------- the map
@pytest.mark.parametrize("loss", [SquaredError(), LogLoss()])
@pytest.mark.parametrize("is_diagonal", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_point_and_theta_are_inverse(name, is_diagonal, loss, monkeypatch):
    if is_diagonal:
        monkeypatch.setattr(module, "MOST_DENSE_COLUMNS", 3)
        monkeypatch.setattr(module, "MOST_SPARSE_COLUMNS", 3)
    case = Case(loss=loss, **CASES[name])
    x = np.random.RandomState(2).standard_normal(case.n_params)
    before = x.copy()
    theta = case.whitening.theta(x)
    assert_allclose(case.whitening.point(theta), x, rtol=1e-9, atol=1e-12)
    assert_allclose(case.whitening.theta(case.whitening.point(x)), x, rtol=1e-9)
    assert_array_equal(x, before)
    # it is linear: zero stays zero
    assert_array_equal(case.whitening.theta(np.zeros_like(x)), 0)
    assert_array_equal(case.whitening.point(np.zeros_like(x)), 0)


@pytest.mark.parametrize("loss", [SquaredError(), LogLoss()])
@pytest.mark.parametrize("is_diagonal", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_gradient_is_the_derivative_through_theta(name, is_diagonal, loss, monkeypatch):
    if is_diagonal:
        monkeypatch.setattr(module, "MOST_DENSE_COLUMNS", 3)
        monkeypatch.setattr(module, "MOST_SPARSE_COLUMNS", 3)
    case = Case(loss=loss, **CASES[name])
    theta, centre = case.whitening.theta, np.linspace(-1, 1, case.n_params)

    def function(x):
        return np.sum((theta(x) - centre) ** 3) / 3

    x = np.random.RandomState(2).standard_normal(case.n_params)
    step = 1e-5
    slopes = [
        (function(x + step * unit) - function(x - step * unit)) / (2 * step)
        for unit in np.eye(case.n_params)
    ]
    gradient = case.whitening.gradient((theta(x) - centre) ** 2)
    assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-6 * np.abs(slopes).max())


# ---------------------------------------------------------------- the objective
@pytest.mark.parametrize("l2", [0.0, L2])
@pytest.mark.parametrize("name", CASES)
def test_a_squared_error_is_round(name, l2):
    case = Case(l2=l2, **CASES[name])
    assert_allclose(case.hessian(), np.eye(case.n_params), atol=1e-9)


def test_a_squared_error_is_round_in_float32():
    # (the moments are summed in float64)
    rows, weights = ROWS.astype(np.float32), WEIGHTS.astype(np.float32)
    for case in (Case(rows), Case(rows + np.float32(1000), weights, l2=0.0)):
        assert_allclose(case.hessian(), np.eye(5), atol=1e-4)
        assert case.whitening.theta(np.ones(5)).dtype == np.float64


def test_several_chunks_of_rows_are_summed(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    assert_allclose(Case(weights=WEIGHTS).hessian(), np.eye(5), atol=1e-9)


def test_the_curvature_of_the_log_loss_is_smaller():
    # (h * C + l2) is the Hessian where each sample has the curvature h
    h = module.CURVATURE["logistic"]
    case = Case(loss=LogLoss(), l2=L2)
    case.plain = h * Case(l2=L2 / h).plain
    assert_allclose(case.hessian(), np.eye(5), atol=1e-9)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("kind", ["dense", "sparse", "few rows"])
def test_many_columns_are_only_scaled(kind, intercept):
    n, p = {"dense": (1100, 1001), "sparse": (400, 301), "few rows": (8, 9)}[kind]
    rows = np.random.RandomState(0).standard_normal((n, p)) * np.arange(1, p + 1) + 0.5
    rows[:, 0] = 0
    case = Case(sp.csr_array(rows) if kind == "sparse" else rows, intercept=intercept)
    found = case.hessian()
    assert_allclose(np.diagonal(found), 1, rtol=1e-9)
    # the correlations are left
    assert np.abs(found - np.eye(len(found))).max() > 0.01
    theta = case.whitening.theta(np.arange(1.0, case.n_params + 1))
    squares = rows.var(axis=0) if intercept else np.mean(rows**2, axis=0)
    scale = 1 / np.sqrt(squares + L2)
    assert_allclose(theta[:p], np.arange(1, p + 1) * scale)
    # one column less, and they are whitened
    if kind != "few rows":
        fewer = rows[:, 1:].copy()
        case = Case(sp.csr_array(fewer) if kind == "sparse" else fewer, intercept=False)
        assert_allclose(case.hessian(), np.eye(p - 1), atol=1e-8)


# ---------------------------------------------------------------- hard columns
@pytest.mark.parametrize("form", [np.ascontiguousarray, sp.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0, 1e4, 1e8])
@pytest.mark.parametrize("seed", range(5))
def test_collinear_columns_without_penalty(seed, offset, dtype, form):
    rng = np.random.RandomState(seed)
    rows = rng.standard_normal((200, 3))[:, rng.randint(0, 3, 20)] + offset
    rows = rows * 10.0 ** rng.randint(-6, 7, 20)
    rows[:, 4], rows[:, 5] = 0, 7  # constant columns
    case = Case(form(rows.astype(dtype)), l2=0.0)
    x = rng.standard_normal(case.n_params)
    assert np.isfinite(case.whitening.theta(x)).all()
    assert np.isfinite(case.whitening.point(x)).all()


@pytest.mark.parametrize("form", [np.ascontiguousarray, sp.csr_array])
@pytest.mark.parametrize("standardize", [False, True])
def test_collinear_columns_are_fitted(standardize, form):
    rows = np.hstack([ROWS, ROWS[:, :2] + ROWS[:, 2:], np.ones((50, 1))])
    targets = ROWS @ [1.0, 0.2, -3, 0.5] + WEIGHTS
    model = GDRegressor(penalty=None, standardize=standardize).fit(form(rows), targets)
    exact = LinearRegression().fit(ROWS, targets)
    assert np.isnan(model.learning_rate_)
    assert_allclose(model.predict(rows), exact.predict(ROWS), atol=1e-4)


def test_columns_of_all_sizes_are_fitted_without_standardisation():
    sizes = np.array([1e-100, 1e-8, 1e9, 1e100])
    targets = ROWS @ [1.0, 0.2, -3, 0.5] + WEIGHTS
    model = GDRegressor(penalty=None, standardize=False, tol=None)
    model.fit(ROWS * sizes, targets)
    exact = LinearRegression().fit(ROWS, targets)
    assert_allclose(model.coef_ * sizes, exact.coef_, rtol=1e-6)


@pytest.mark.parametrize("form", [np.ascontiguousarray, sp.csr_array])
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("size", [1e160, 1e300])
def test_squares_that_overflow_are_an_error(size, standardize, form):
    rows = ROWS * [1, size, 1, 1]
    model = GDRegressor(standardize=standardize)
    with pytest.raises(ValueError, match="Column 1 has values up to .*: rescale it"):
        model.fit(form(rows), WEIGHTS)


# ---------------------------------------------------------------- in training
@pytest.mark.parametrize("form", [np.ascontiguousarray, sp.csr_array])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_two_iterations_find_the_optimum(n_outputs, intercept, form):
    targets = np.exp(ROWS @ np.random.RandomState(3).uniform(-0.1, 0.1, (4, n_outputs)))
    targets = targets[:, 0] if n_outputs == 1 else targets
    options = dict(alpha=L2, fit_intercept=intercept, standardize=False)
    model = GDRegressor(**options).fit(form(ROWS), targets, sample_weight=WEIGHTS)
    assert model.n_iter_ <= 2
    ridge = Ridge(L2 * WEIGHTS.sum(), fit_intercept=intercept, tol=1e-12)
    ridge.fit(ROWS, targets, sample_weight=WEIGHTS)
    assert_allclose(model.coef_, ridge.coef_, atol=1e-5)


def test_the_start_is_that_of_the_user():
    targets = (ROWS[:, 0] > 0).astype(int)
    start = dict(coef_init=np.arange(4.0), intercept_init=[1.0])
    options = dict(alpha=0.01, standardize=False, tol=None)
    model = GDClassifier(max_iter=1, **options).fit(ROWS, targets, **start)
    exact = GDClassifier(**options).fit(ROWS, targets)
    again = dict(coef_init=exact.coef_, intercept_init=exact.intercept_)
    model.set_params(tol=1e-5).fit(ROWS, targets, **again)
    assert model.loss_ == pytest.approx(exact.loss_, rel=1e-12)
    assert_allclose(model.coef_, exact.coef_, rtol=1e-6)
