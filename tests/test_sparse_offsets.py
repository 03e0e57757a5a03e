"""Sparse columns with an offset are centred, as if they were dense."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd._data.moments import moments_of
from skgd._data.units import to_units, units_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

REGRESSORS = [GDRegressor, MLPGDRegressor]
CLASSIFIERS = [GDClassifier, MLPGDClassifier]
ESTIMATORS = REGRESSORS + CLASSIFIERS
TOLERANCE = {np.float32: 1e-3, np.float64: 1e-6}


def offsets(dtype=np.float64, n=300):
    """Columns far from zero, of which some values are zero, and a target."""
    rng = np.random.RandomState(0)
    A = rng.standard_normal((n, 4)) * [1, 0.1, 20, 1] + [30, 5, -1000, 2]
    y = (A - A.mean(axis=0)) @ [1, 10, 0.05, 1] + 0.1 * rng.standard_normal(n)
    for k, share in enumerate([1 / n, 0.1, 0.4, 0]):
        A[rng.permutation(n)[: round(share * n)], k] = 0
    return A.astype(dtype), y.astype(dtype)


def target_of(estimator, y):
    return y > 0 if estimator in CLASSIFIERS else y


def output(model, A):
    """The numbers that a model predicts."""
    return (
        model.predict_proba(A) if hasattr(model, "predict_proba") else model.predict(A)
    )


def compare(estimator, A, y, *, fit=None, **options):
    """Fit to dense and to sparse rows, and compare predictions for dense rows."""
    y = target_of(estimator, y)
    options = {"max_iter": 20, "tol": None, "random_state": 0, **options}
    dense, sparse = estimator(**options), estimator(**options)
    fit = fit or (lambda model, form: model.fit(form(A), y))
    fit(dense, np.array)
    fit(sparse, sp.csr_matrix)
    tolerance = TOLERANCE[A.dtype.type]
    expected = output(dense, A)
    atol = tolerance * np.ptp(expected)
    assert_allclose(output(sparse, A), expected, rtol=tolerance, atol=atol)
    assert_allclose(output(sparse, sp.csr_matrix(A)), expected, tolerance, atol)
    return dense, sparse


# ---------------------------------------------------------------- two examples
def test_one_value_that_is_not_stored_in_a_regression():
    rng = np.random.default_rng(0)
    x = 30 + rng.standard_normal((300, 1))
    x[0] = 0
    y = x[:, 0] - 30 + 0.15 * rng.standard_normal(300)
    for estimator in REGRESSORS:
        model = estimator(random_state=0).fit(sp.csr_matrix(x), y)
        assert model.score(sp.csr_matrix(x[1:]), y[1:]) > 0.95


def test_one_value_that_is_not_stored_in_a_classification():
    rng = np.random.default_rng(0)
    x = 100 + rng.standard_normal((300, 1))
    y = x[:, 0] > 100
    x[0] = 0
    for estimator in CLASSIFIERS:
        dense = estimator(random_state=0).fit(x, y).score(x, y)
        sparse = estimator(random_state=0).fit(sp.csr_matrix(x), y)
        assert sparse.score(sp.csr_matrix(x), y) == dense > 0.8


# ---------------------------------------------------------------- agreement
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["batch", "minibatch", "sgd"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_solvers(estimator, solver, dtype):
    compare(estimator, *offsets(dtype), solver=solver, optimizer="sgd")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_weighted_rows(estimator):
    A, y = offsets()
    weights = np.random.RandomState(1).uniform(0, 2, len(y))
    weights[::7] = 0
    target = target_of(estimator, y)

    def fit(model, form):
        model.fit(form(A), target, sample_weight=weights)

    compare(estimator, A, y, fit=fit, optimizer="adam")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_lbfgs(estimator):
    options = {"solver": "batch", "optimizer": "lbfgs", "max_iter": 2000, "tol": 1e-9}
    A, y = offsets()
    if estimator in REGRESSORS[:1] + CLASSIFIERS[:1]:
        compare(estimator, A, y, **options)
    else:  # later iterations of a network multiply rounding errors
        compare(estimator, A, y, **{**options, "max_iter": 5, "tol": None})


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_held_out_rows(estimator):
    A, y = offsets()
    dense, sparse = compare(estimator, A, y, optimizer="adam", early_stopping=True)
    curves = dense.validation_loss_curve_, sparse.validation_loss_curve_
    assert_allclose(*curves, rtol=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_validation_data(estimator):
    A, y = offsets()
    rows = np.random.RandomState(1).permutation(len(y))[:50]
    V = np.where(A[rows] > 30, 0, A[rows])  # other values are zero
    target = target_of(estimator, y)

    def fit(model, form):
        model.fit(form(A), target, X_val=form(V), y_val=target[rows])

    options = {"optimizer": "adam", "early_stopping": True}
    dense, sparse = compare(estimator, A, y, fit=fit, **options)
    curves = dense.validation_loss_curve_, sparse.validation_loss_curve_
    assert_allclose(*curves, rtol=1e-6)


@pytest.mark.parametrize("solver", ["batch", "minibatch", "sgd"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_batch_norm_and_dropout(estimator, solver):
    name = "dropout" if estimator in (GDRegressor, GDClassifier) else "input_dropout"
    options = {"batch_norm": True, name: 0.2, "optimizer": "sgd", "solver": solver}
    if name == "input_dropout":
        options["input_scale"] = True
    compare(estimator, *offsets(), **options)


# ---------------------------------------------------------------- streams
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["minibatch", "sgd"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_pieces_that_store_other_columns(estimator, solver, dtype):
    A, y = offsets(dtype, n=1600)
    size = 200
    A[size : 2 * size : 2, 0] = 0  # half of the rows of the second piece are zero
    A[2 * size : 3 * size, 1] = 0  # no row of the third piece stores this column
    A[3 * size : 4 * size, 2] = -1000  # and here every row stores that one
    target = target_of(estimator, y)

    def fit(model, form):
        for k in range(0, len(A), size):
            rows = slice(k, k + size)
            more = {"classes": [False, True]} if estimator in CLASSIFIERS else {}
            model.partial_fit(form(A[rows]), target[rows], **more)

    dense, sparse = compare(estimator, A, y, fit=fit, solver=solver, optimizer="sgd")
    ours, theirs = sparse._state.units, dense._state.units
    assert_array_equal(ours.features.centred, True)
    assert_allclose(ours.mean, theirs.mean, rtol=1e-12)
    assert_allclose(ours.scale, theirs.scale, rtol=1e-12)


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_a_column_that_is_centred_later(estimator):
    # the conversion does not change predictions
    A, y = offsets(n=1600)
    A[:1200:3, 0] = A[1:1200:3, 0] = 0
    model = estimator(random_state=0, tol=None)
    for rows in (slice(0, 600), slice(600, 1200)):
        model.partial_fit(sp.csr_matrix(A[rows]), y[rows])
    assert model._state.units.mean[0] == 0
    before = model.predict(A)
    model.set_params(learning_rate_init=1e-12)
    for _ in range(4):
        model.partial_fit(sp.csr_matrix(A[1200:]), y[1200:])
    assert model._state.units.mean[0] > 0
    assert_allclose(model.predict(A), before, rtol=1e-6, atol=1e-6 * np.ptp(before))


# ---------------------------------------------------------------- which columns
@pytest.mark.parametrize("weighted", [False, True])
def test_columns_that_most_rows_store_are_centred(weighted):
    A = np.zeros((100, 5))
    for k, n_stored in enumerate([0, 49, 50, 51, 100]):
        A[:n_stored, k] = 30 + np.arange(n_stored)
    weights = np.full(100, 0.1) if weighted else None
    sparse, dense = (moments_of(f(A), weights, True) for f in (sp.csr_matrix, np.array))
    assert_array_equal(sparse.centred, [False, False, False, True, True])
    assert_array_equal(dense.centred, True)
    assert not moments_of(sp.csr_matrix(A), weights, False).centred.any()
    # the scales are the same, whether a column is centred or not
    ours, theirs = (
        units_of(moments, None, 1, np.ones_like, float) for moments in (sparse, dense)
    )
    assert_allclose(ours.scale, theirs.scale, rtol=1e-12)
    assert_allclose(ours.mean, np.where(sparse.centred, A.mean(axis=0), 0))
    standard = to_units(sp.csr_matrix(A), ours.mean, ours.scale)
    assert_allclose(standard.toarray(), (A - ours.mean) / ours.scale)
    assert_array_equal(standard.indices.max(), 4)
    assert standard.nnz <= 49 + 50 + 100 + 100


def test_the_weight_of_the_rows_decides():
    A = np.r_[np.zeros(90), np.ones(10)][:, np.newaxis]
    weights = np.r_[np.ones(90), np.full(10, 10.0)]
    repeated = np.repeat(A, weights.astype(int), axis=0)
    assert moments_of(sp.csr_matrix(A), weights, True).centred
    assert moments_of(sp.csr_matrix(repeated), None, True).centred
    assert not moments_of(sp.csr_matrix(A), None, True).centred


@pytest.mark.parametrize("form", [sp.csr_matrix, sp.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_data_of_the_user_do_not_change(form, dtype):
    A, _ = offsets(dtype)
    X = form(A)
    data, indices = X.data.copy(), X.indices.copy()
    mean = A.mean(axis=0, dtype=np.float64)
    standard = to_units(X, mean, np.full(4, 2.0))
    assert_array_equal(X.data, data)
    assert_array_equal(X.indices, indices)
    assert type(standard) is form
    assert standard.dtype == dtype
    assert standard.indices.dtype == standard.indptr.dtype == np.int32
    assert_array_equal(standard.toarray(), to_units(A, mean, np.full(4, 2.0)))
