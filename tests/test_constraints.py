"""Coefficients of linear models with constraints on their signs."""

import numpy as np
import pandas as pd
import pytest
from helpers import X_CLF, X_REG, Y_CLF, Y_REG, as_csr
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from skgd import GDClassifier, GDRegressor, learning_rate_range
from skgd.optimizers import LBFGS

BINARY = (Y_CLF == 2).astype(int)
SCALES = 10.0 ** np.arange(-5, 5)
X_RAW = X_REG * SCALES + 3 * SCALES
# the least-squares coefficients of diabetes have both signs
SIGNS = np.array([1, -1, 0, 1, -1, 1, 0, 0, -1, 1])


def objective(X, y, coef, intercept, alpha):
    errors = y - X @ coef - intercept
    return 0.5 * np.mean(errors**2) + 0.5 * alpha * np.sum(coef**2)


# ---------------------------------------------------------------- optima
def test_positive_ridge():
    # The objective is within a millionth of the optimum, and the coefficients within a
    # thousandth of the largest one. The same ones are zero.
    theirs = make_pipeline(
        StandardScaler(), Ridge(positive=True, solver="lbfgs", tol=1e-12)
    ).fit(X_RAW, Y_REG)[-1]
    ours = GDRegressor(positive=True, random_state=0).fit(X_RAW, Y_REG)
    coef = ours.coef_ * X_RAW.std(axis=0)
    assert_array_equal(coef == 0, theirs.coef_ < 1e-9)
    assert 0 < np.sum(coef == 0) < 10
    size = theirs.coef_.max()
    assert_allclose(coef, theirs.coef_, rtol=0, atol=0.001 * size)
    alpha = 1 / len(Y_REG)
    found = objective(X_REG, Y_REG, coef, 0, alpha)
    least = objective(X_REG, Y_REG, theirs.coef_, theirs.intercept_, alpha)
    assert least * (1 - 1e-9) <= found < (1 + 1e-6) * least


@pytest.mark.parametrize("optimizer", ["adam", "momentum", "sgd"])
def test_non_negative_least_squares(optimizer):
    expected, _ = nnls(X_REG, Y_REG)
    reg = GDRegressor(
        positive=True, penalty=None, fit_intercept=False, standardize=False
    )
    reg.set_params(solver="batch", optimizer=optimizer, max_iter=3000, tol=None)
    rate = {"adam": 0.01, "momentum": 0.02, "sgd": 0.2}[optimizer]
    reg.set_params(learning_rate_init=rate).fit(X_REG, Y_REG)
    assert_array_equal(reg.coef_ == 0, expected == 0)
    assert_allclose(reg.coef_, expected, rtol=0, atol=1e-6)


def test_line_search():
    expected, _ = nnls(X_REG, Y_REG)
    reg = GDRegressor(
        positive=True, penalty=None, fit_intercept=False, standardize=False
    )
    reg.set_params(solver="batch", optimizer="sgd", learning_rate="line_search")
    reg.set_params(max_iter=500, tol=None).fit(X_REG, Y_REG)
    assert_allclose(reg.coef_, expected, rtol=0, atol=1e-4)


def test_signs_that_the_optimum_has_change_nothing_there():
    free = GDRegressor(random_state=0).fit(X_RAW, Y_REG)
    signs = np.sign(free.coef_).astype(int)
    reg = GDRegressor(monotonic_cst=signs, random_state=0).fit(X_RAW, Y_REG)
    assert_allclose(reg.predict(X_RAW), free.predict(X_RAW), atol=0.01)
    # all the other way round, nothing but the mean is left
    wrong = GDRegressor(monotonic_cst=-signs, penalty=None, random_state=0)
    uncorrelated = np.linalg.qr(X_REG)[0] * 10
    signs = np.sign(uncorrelated.T @ Y_REG).astype(int)
    wrong.set_params(monotonic_cst=-signs).fit(uncorrelated, Y_REG)
    assert_array_equal(wrong.coef_, 0)
    assert_allclose(wrong.intercept_, Y_REG.mean(), atol=1e-3)


# ---------------------------------------------------------------- all trainings
def is_feasible(coef, signs=SIGNS):
    return bool((coef * signs >= 0).all()) and bool((coef != 0).any())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("solver", ["batch", "minibatch", "sgd"])
@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "penalty": "l1", "alpha": 0.01},
        {"optimizer": "sgd", "penalty": "elasticnet", "alpha": 0.01},
        {"optimizer": "adam", "average": True},
        {"optimizer": "lion", "average": "ema"},
        {"optimizer": "momentum", "batch_norm": True, "dropout": 0.2},
        {"optimizer": "adam", "early_stopping": True, "clip_norm": 0.5},
        {"loss": "huber"},
    ],
    ids=str,
)
def test_every_training_is_feasible(options, solver, sparse, dtype):
    X = X_REG.astype(dtype)
    X = as_csr(X) if sparse else X
    reg = GDRegressor(
        monotonic_cst=SIGNS, solver=solver, max_iter=4, tol=None, random_state=0
    )
    reg.set_params(**options)
    # from an infeasible start, too
    start = np.where(SIGNS == 0, 1, -SIGNS)
    for coef_init in (None, start):
        clone(reg).fit(X, Y_REG, coef_init=coef_init)
        assert is_feasible(clone(reg).fit(X, Y_REG, coef_init=coef_init).coef_)
    stream = clone(reg)
    for part in np.split(np.arange(440), 4):
        assert is_feasible(stream.partial_fit(X[part], Y_REG[part]).coef_)
    stream.coef_ = stream.coef_ - SIGNS
    assert is_feasible(stream.partial_fit(X, Y_REG).coef_)
    warm = clone(reg).set_params(warm_start=True, monotonic_cst=None).fit(X, Y_REG)
    if options.get("penalty") is None:
        assert not is_feasible(warm.coef_)
    for _ in range(2):
        assert is_feasible(warm.set_params(monotonic_cst=SIGNS).fit(X, Y_REG).coef_)


def test_single_rows_are_the_projected_rule():
    X, y, rate = X_REG[:40], Y_REG[:40], 0.1
    W = np.zeros(10)
    for x, t in zip(X, y, strict=True):
        W = W - rate * (x @ W - t) * x
        W[W * SIGNS < 0] = 0
    reg = GDRegressor(monotonic_cst=SIGNS, penalty=None, fit_intercept=False)
    reg.set_params(solver="sgd", optimizer="sgd", learning_rate_init=rate, max_iter=1)
    reg.set_params(shuffle=False, standardize=False, learning_rate="constant", tol=None)
    assert_allclose(reg.fit(X, y).coef_, W, rtol=1e-10)
    assert_allclose(reg.fit(as_csr(X), y).coef_, W, rtol=1e-10)


def test_several_outputs():
    Y = np.c_[Y_REG, -Y_REG]
    reg = GDRegressor(positive=True, random_state=0).fit(X_RAW, Y)
    for coef, y in zip(reg.coef_, Y.T, strict=True):
        assert is_feasible(coef, 1)
        single = GDRegressor(positive=True, random_state=0).fit(X_RAW, y)
        scale = np.abs(single.coef_ * SCALES).max()
        assert_allclose(coef * SCALES, single.coef_ * SCALES, atol=0.02 * scale)
    clf = GDClassifier(positive=True, random_state=0).fit(X_CLF, Y_CLF)
    assert is_feasible(clf.coef_, 1)
    assert clf.score(X_CLF, Y_CLF) > 0.6


def test_two_classes():
    free = GDClassifier(random_state=0).fit(X_CLF, BINARY)
    assert (free.coef_ < 0).any()
    clf = GDClassifier(monotonic_cst=[1, 1, -1, 0], random_state=0).fit(X_CLF, BINARY)
    assert is_feasible(clf.coef_, [1, 1, -1, 0])
    row = X_CLF[:1]
    rising = row + np.linspace(-3, 3, 13)[:, np.newaxis] * [1, 0, 0, 0]
    assert (np.diff(clf.predict_proba(rising)[:, 1]) >= 0).all()
    ones = clone(clf).set_params(monotonic_cst=[1] * 4).fit(X_CLF, BINARY)
    clf.set_params(monotonic_cst=None, positive=True).fit(X_CLF, BINARY)
    assert_array_equal(clf.coef_, ones.coef_)


# ---------------------------------------------------------------- parameters
def test_names_of_features():
    frame = pd.DataFrame(X_REG, columns=[f"c{j}" for j in range(10)])
    by_name = {f"c{j}": sign for j, sign in enumerate(SIGNS.tolist()) if sign}
    reg = GDRegressor(monotonic_cst=by_name, random_state=0).fit(frame, Y_REG)
    twin = GDRegressor(monotonic_cst=SIGNS, random_state=0).fit(X_REG, Y_REG)
    assert_array_equal(reg.coef_, twin.coef_)
    with pytest.raises(ValueError, match="1 unexpected feature names: .'d'."):
        clone(reg).set_params(monotonic_cst={"d": 1}).fit(frame, Y_REG)
    with pytest.raises(ValueError, match=r"monotonic_cst\['c1'\] must be either -1"):
        clone(reg).set_params(monotonic_cst={"c1": 2}).fit(frame, Y_REG)
    with pytest.raises(ValueError, match="not fitted on data with feature names"):
        clone(reg).fit(X_REG, Y_REG)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ([1, 2] + [0] * 8, r"-1, 0 or 1. Observed values: \[0.0, 1.0, 2.0\]"),
        ([1, 0], r"has shape \(2,\) but the input data X has 10 features"),
        (np.ones((1, 10)), r"has shape \(1, 10\)"),
        ("increasing", "array-like of -1, 0 or 1, or a dict"),
        ([np.nan] * 10, "array-like of -1, 0 or 1"),
    ],
)
def test_wrong_constraints(given, match):
    with pytest.raises(ValueError, match=match):
        GDRegressor(monotonic_cst=given).fit(X_REG, Y_REG)


def test_constraints_that_are_refused():
    with pytest.raises(ValueError, match="'positive' .* must be a bool"):
        GDRegressor(positive="yes").fit(X_REG, Y_REG)
    with pytest.raises(ValueError, match=r"contradicts .* features \[1, 4, 8\]"):
        GDRegressor(positive=True, monotonic_cst=SIGNS).fit(X_REG, Y_REG)
    for y in (Y_CLF, np.eye(3, dtype=int)[Y_CLF]):
        with pytest.raises(ValueError, match="not supported for multiclass"):
            GDClassifier(monotonic_cst=[1, 0, 0, 0]).fit(X_CLF, y)
    for optimizer in ("lbfgs", LBFGS()):
        for name, value in (("positive", True), ("monotonic_cst", SIGNS)):
            reg = GDRegressor(optimizer=optimizer, **{name: value})
            with pytest.raises(ValueError, match=f"'{name}' .* with optimizer='lbfgs'"):
                reg.fit(X_REG, Y_REG)


def test_not_by_lbfgs_and_searched():
    assert np.isnan(GDRegressor().fit(X_REG, Y_REG).learning_rate_)
    assert GDRegressor(positive=True).fit(X_REG, Y_REG).learning_rate_ >= 0
    search = GridSearchCV(
        GDRegressor(random_state=0), {"monotonic_cst": [None, SIGNS]}, cv=3
    )
    assert len(search.fit(X_REG, Y_REG).cv_results_["params"]) == 2


@pytest.mark.filterwarnings("ignore")
def test_checks_of_scikit_learn():
    check_estimator(GDRegressor(positive=True), on_skip=None)


def test_the_range_test_is_feasible():
    reg = GDRegressor(positive=True, optimizer="adam", random_state=0)
    assert learning_rate_range(reg, X_REG, Y_REG).suggestion > 0


def test_free_signs_are_no_constraint():
    options = {"optimizer": "adam", "random_state": 0}
    free = GDRegressor(**options).fit(X_REG, Y_REG)
    zeros = GDRegressor(monotonic_cst=[0] * 10, **options).fit(X_REG, Y_REG)
    assert_array_equal(free.coef_, zeros.coef_)
