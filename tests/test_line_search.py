"""learning_rate='line_search': the rate of each update by backtracking."""

import numpy as np
import pytest
from helpers import scale
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.linear_model import Lasso, LogisticRegression, Ridge

from skgd import (
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
)
from skgd._training import passes
from skgd.line_search import LineSearch
from skgd.optimizers import OPTIMIZERS, Momentum

X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X), scale(Y)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
SEARCH = dict(solver="batch", learning_rate="line_search", tol=None)
ALPHA = 0.01


def objective(model, l1=0.0, l2=0.0):
    w = model.coef_
    residual = model.predict(X) - Y
    return np.mean(residual**2) / 2 + l1 * np.abs(w).sum() + l2 * (w @ w) / 2


# ---------------------------------------------------------------- the rule
def test_the_search_is_backtracking():
    tried = []

    def attempt(rate):
        tried.append(rate)
        return (1 - 2 * rate) ** 2, 4 * rate  # of x^2 from 1, along the gradient

    assert LineSearch(shrink=0.1).search(100.0, 1.0, attempt) == pytest.approx(0.1)
    assert_allclose(tried, [100, 10, 1, 0.1])
    # c decides: the square falls from 1 to 0.36 at 0.2, of a promised 0.8
    assert LineSearch(sufficient_decrease=0.79).search(0.2, 1.0, attempt) == 0.2
    assert LineSearch(sufficient_decrease=0.81).search(0.2, 1.0, attempt) == 0.1


def test_the_search_gives_up():
    tried = []

    def never(rate):
        tried.append(rate)
        return np.nan, rate

    assert LineSearch().search(1.0, 0.0, never) is None
    assert min(tried) < 1e-19
    assert LineSearch().search(1.0, 0.0, lambda rate: (-1.0, -rate)) is None  # uphill
    assert LineSearch().search(1.0, 0.0, lambda rate: (0.0, np.nan)) is None


# ---------------------------------------------------------------- estimators
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet", None])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_objective_falls_in_every_epoch(optimizer, penalty, dtype):
    model = GDRegressor(
        optimizer=optimizer, penalty=penalty, alpha=0.05, max_iter=60, **SEARCH
    ).fit(X.astype(dtype), Y.astype(dtype))
    curve = np.array(model.loss_curve_)
    assert (np.diff(curve) <= 4 * np.finfo(dtype).eps).all()
    assert curve[-1] < curve[0] - 0.2
    assert model.coef_.dtype == dtype
    if dtype == np.float64:  # each entry is the objective before its update
        l1, l2 = {
            "l2": (0, 0.05),
            "l1": (0.05, 0),
            "elasticnet": (0.0075, 0.0425),
            None: (0, 0),
        }[penalty]
        now = objective(model, l1, l2)
        assert_allclose(model.partial_fit(X, Y).loss_curve_[-1], now, rtol=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_arrives_at_ridge(optimizer):
    ridge = Ridge(ALPHA * len(X)).fit(X, Y)
    model = GDRegressor(optimizer=optimizer, alpha=ALPHA, max_iter=1000, **SEARCH)
    assert_allclose(model.fit(X, Y).coef_, ridge.coef_, atol=2e-3)
    assert objective(model, l2=ALPHA) <= objective(ridge, l2=ALPHA) + 1e-6


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad", "rmsprop"])
def test_it_arrives_at_the_lasso_with_exact_zeros(optimizer):
    lasso = Lasso(0.1, tol=1e-14).fit(X, Y)
    model = GDRegressor(
        optimizer=optimizer, penalty="l1", alpha=0.1, max_iter=500, **SEARCH
    ).fit(X, Y)
    assert_allclose(model.coef_, lasso.coef_, atol=1e-4)
    assert_array_equal(model.coef_ == 0, lasso.coef_ == 0)
    assert (model.coef_ == 0).any()


def test_the_first_step_is_that_of_the_armijo_rule():
    # the gradient at zero is -X'y/n: backtracking by hand from rate 8
    rule = LineSearch(shrink=0.25, grow=1.0, sufficient_decrease=0.4)
    model = GDRegressor(
        optimizer="sgd",
        penalty=None,
        solver="batch",
        learning_rate=rule,
        learning_rate_init=8.0,
        max_iter=1,
        tol=None,
        fit_intercept=False,
    ).fit(X, Y)
    slope, rate = -X.T @ Y / len(X), 8.0
    value = np.mean(Y**2) / 2
    while (
        np.mean((X @ (-rate * slope) - Y) ** 2) / 2 > value - 0.4 * rate * slope @ slope
    ):
        rate *= 0.25
    assert model.learning_rate_ == rate < 8
    assert_allclose(model.coef_, -rate * slope, rtol=1e-10)
    assert model.loss_curve_ == [pytest.approx(value)]


def test_momentum_that_leads_uphill_begins_anew():
    # At this momentum the velocity soon points up the other side; the objective
    # falls all the same.
    rule = Momentum(momentum=0.99)
    model = GDRegressor(optimizer=rule, penalty=None, max_iter=200, **SEARCH).fit(X, Y)
    assert (np.diff(model.loss_curve_) <= 1e-15).all()
    exact = np.linalg.lstsq(X, Y, rcond=None)[0]
    assert_allclose(X @ model.coef_, X @ exact, atol=1e-3)
    plain = GDRegressor(
        optimizer=rule, penalty=None, max_iter=200, solver="batch", tol=None
    ).fit(X, Y)
    assert (np.diff(plain.loss_curve_) > 0).any()


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_networks(optimizer, batch_norm):
    digits, labels = load_digits(return_X_y=True)
    model = MLPGDClassifier(
        (30,), optimizer=optimizer, batch_norm=batch_norm, max_iter=40, random_state=0,
        **SEARCH,
    ).fit(digits[:600] / 16, labels[:600])  # fmt: skip
    assert (np.diff(model.loss_curve_) <= 0).all()
    assert model.score(digits[:600] / 16, labels[:600]) > 0.95


def test_with_dropout_weights_sparse_rows_and_early_stopping():
    rng = np.random.RandomState(0)
    weights = rng.uniform(0.5, 2, len(X_IRIS))
    model = MLPGDClassifier(
        20, dropout=0.2, early_stopping=True, max_iter=100, random_state=0, **SEARCH
    ).fit(X_IRIS, Y_IRIS, sample_weight=weights)
    assert model.score(X_IRIS, Y_IRIS) > 0.9
    assert model.t_ == 100 * 135  # trials are not counted

    rows = np.where(np.abs(X) > 0.7, X, 0)
    options = dict(max_iter=20, standardize=False, random_state=0, **SEARCH)
    for kind in (GDRegressor, MLPGDRegressor):
        dense = kind(**options).fit(rows, Y)
        sparse = kind(**options).fit(sp.csr_matrix(rows), Y)
        assert_allclose(sparse.predict(rows), dense.predict(rows), atol=1e-8)
        assert dense.t_ == 20 * len(X) + (kind is GDRegressor)


def test_weights_are_repetitions():
    weights = np.arange(len(X_IRIS)) % 3
    options = dict(max_iter=30, alpha=0.01, **SEARCH)
    weighted = GDClassifier(**options).fit(X_IRIS, Y_IRIS, sample_weight=weights)
    repeated = GDClassifier(**options).fit(
        np.repeat(X_IRIS, weights, axis=0), np.repeat(Y_IRIS, weights)
    )
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-6)


def test_logistic_regression():
    exact = LogisticRegression(C=1 / (150 * ALPHA), tol=1e-10).fit(X_IRIS, Y_IRIS)
    model = GDClassifier(optimizer="momentum", alpha=ALPHA, max_iter=2000, **SEARCH)
    P = model.fit(X_IRIS, Y_IRIS).predict_proba(X_IRIS)
    assert_allclose(P, exact.predict_proba(X_IRIS), atol=1e-4)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_partial_fit_goes_on_with_the_search(optimizer):
    options = dict(optimizer=optimizer, random_state=0, **SEARCH)
    whole = MLPGDRegressor(8, max_iter=12, **options).fit(X, Y)
    parts = MLPGDRegressor(8, **options)
    for _ in range(12):
        parts.partial_fit(X, Y)
    warm = MLPGDRegressor(8, max_iter=6, warm_start=True, **options).fit(X, Y).fit(X, Y)
    for other in (parts, warm):
        assert_array_equal(other.coefs_[0], whole.coefs_[0])
        assert other.loss_curve_ == whole.loss_curve_
        assert other.learning_rate_ == whole.learning_rate_


def test_averaging_counts_only_what_was_taken():
    model = GDRegressor(average=True, max_iter=3, optimizer="sgd", **SEARCH).fit(X, Y)
    single = [
        GDRegressor(max_iter=k, optimizer="sgd", **SEARCH).fit(X, Y).coef_
        for k in (1, 2, 3)
    ]
    assert_allclose(model.coef_, np.mean(single, axis=0), rtol=1e-10)


def test_at_the_optimum_nothing_moves_and_training_stops():
    model = GDRegressor(
        solver="batch", learning_rate="line_search", optimizer="sgd", penalty=None
    ).fit(np.zeros((5, 2)), np.zeros(5))
    assert_array_equal(model.coef_, 0)
    assert model.n_iter_ < 1000
    assert np.isfinite(model.learning_rate_)


@pytest.mark.parametrize("solver", ["minibatch", "sgd"])
@pytest.mark.parametrize(
    "estimator", [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
)
def test_other_solvers_are_refused(estimator, solver):
    for rate in ("line_search", LineSearch()):
        with pytest.raises(
            ValueError, match=f"needs solver='batch'.*solver='{solver}'"
        ):
            estimator(solver=solver, learning_rate=rate).fit(X_IRIS, Y_IRIS)


def test_it_is_a_rule_like_the_others():
    model = GDRegressor(solver="batch", learning_rate="line_search")
    model.set_params(learning_rate__shrink=0.1)
    assert model.learning_rate == LineSearch(shrink=0.1)
    with pytest.raises(ValueError, match="'shrink' parameter of LineSearch must be"):
        model.set_params(learning_rate__shrink=1.5).fit(X, Y)
    with pytest.raises(ValueError, match="'line_search'"):
        GDRegressor(learning_rate="nonsense").fit(X, Y)


# settings in which an update changes more than the parameters
REPLAYS = {
    "batch norm": dict(batch_norm=True),
    "dropout": dict(dropout=0.3),
    "inputs": dict(input_dropout=0.3, clip_norm=0.1),
    "both": dict(batch_norm=True, dropout=0.3),
    "l1": dict(penalty="l1", alpha=0.5),
    "elasticnet": dict(penalty="elasticnet", alpha=0.5),
}


# (momentum and Adam may lead uphill and begin anew, which no rate can replay)
@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "rmsprop"])
@pytest.mark.parametrize("case", REPLAYS)
def test_a_search_is_a_training_at_the_rates_that_it_finds(case, optimizer):
    # Trials leave no trace: not in running statistics, slots, masks or counts.
    options = dict(solver="batch", optimizer=optimizer, tol=None, random_state=0)
    options.update(REPLAYS[case])
    weights = np.random.RandomState(0).uniform(1, 5, len(X))
    searched = MLPGDRegressor(8, learning_rate=LineSearch(grow=8.0), **options)
    searched.set_params(learning_rate_init=0.01)
    rates = []
    for _ in range(25):
        searched.partial_fit(X, Y, sample_weight=weights)
        rates.append(searched.learning_rate_)
    replayed = MLPGDRegressor(8, learning_rate=lambda step: rates[step], **options)
    for _ in range(25):
        replayed.partial_fit(X, Y, sample_weight=weights)
    for name in ("coefs_", "intercepts_", "running_means_", "running_vars_"):
        if hasattr(replayed, name):
            for ours, theirs in zip(
                getattr(searched, name), getattr(replayed, name), strict=True
            ):
                assert_array_equal(ours, theirs)
    assert_allclose(searched.loss_curve_, replayed.loss_curve_, rtol=1e-14)
    assert searched.t_ == replayed.t_
    assert len(set(rates)) > 2


def test_the_curve_is_the_objective_with_weights_and_penalty():
    weights = np.random.RandomState(0).uniform(1, 5, len(X))
    model = MLPGDRegressor(8, alpha=30.0, max_iter=1, random_state=0, **SEARCH)
    model.set_params(standardize=False)
    model.fit(X, Y, sample_weight=weights)
    squares = sum(np.sum(w**2) for w in model.coefs_)
    losses = (model.predict(X) - Y) ** 2 / 2
    expected = np.average(losses, weights=weights) + 15 * squares / weights.sum()
    assert_allclose(model.partial_fit(X, Y, weights).loss_curve_[-1], expected)


@pytest.mark.parametrize("rows", [np.array, sp.csr_matrix])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_a_single_row_is_learned(optimizer, rows):
    one = rows([[1.0, 2.0]])
    model = GDRegressor(optimizer=optimizer, penalty=None, max_iter=50, **SEARCH)
    assert_allclose(model.fit(one, [10.0]).predict(one), [10.0], rtol=1e-3)


def test_a_failing_search_changes_nothing():
    # the objective cannot fall: at the least squares solution
    exact = np.linalg.lstsq(np.c_[X, np.ones(len(X))], Y, rcond=None)[0]
    model = GDRegressor(penalty=None, optimizer="momentum", max_iter=3, **SEARCH)
    model.fit(X, Y, coef_init=exact[:-1], intercept_init=exact[-1:])
    assert_allclose(model.coef_, exact[:-1], rtol=1e-6)
    assert (np.diff(model.loss_curve_) <= 0).all()
    wide = GDRegressor(average=True, optimizer="sgd", max_iter=5, **SEARCH)
    wide.fit(np.zeros((4, 2)), np.zeros(4))
    assert_array_equal(wide.coef_, 0)
    assert wide.t_ == 1  # no update was made
    assert np.isfinite(wide.learning_rate_)


@pytest.mark.parametrize("rate", [1, np.float32(0.5)])
def test_the_first_rate_may_be_any_number(rate):
    options = dict(learning_rate_init=rate, max_iter=5, **SEARCH)
    assert GDRegressor(**options).fit(X, Y).loss_ < 0.5


@pytest.mark.parametrize("call", [3, 8, 12])
def test_an_interrupted_search_leaves_no_trial(monkeypatch, call):
    looks = iter(range(1000))
    look = passes.training_loss

    def interrupted(*args, **kwargs):
        loss = look(*args, **kwargs)
        if next(looks) == call:
            raise KeyboardInterrupt
        return loss

    options = dict(batch_norm=True, random_state=0, solver="batch", optimizer="sgd")
    model = MLPGDRegressor(8, learning_rate=LineSearch(grow=1e6), **options)
    monkeypatch.setattr(passes, "training_loss", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, Y)
    monkeypatch.undo()
    whole = MLPGDRegressor(8, learning_rate=LineSearch(grow=1e6), **options)
    whole.set_params(max_iter=model.n_iter_, tol=None).fit(X, Y)
    assert_array_equal(model.predict(X), whole.predict(X))
    assert model.t_ == whole.t_ == model.n_iter_ * len(X)
