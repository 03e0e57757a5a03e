"""Probabilities as targets: the losses 'binomial' and 'multinomial'."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse as sp
from scipy.optimize import minimize
from scipy.special import expit, softmax, xlogy
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale
from sklearn.utils import get_tags

from skgd import GDClassifier, GDRegressor, MLPGDRegressor
from skgd.losses import Binomial, Multinomial

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

REGRESSORS = [GDRegressor, MLPGDRegressor]
LOSSES = ["binomial", "multinomial"]
RNG = np.random.RandomState(0)
X = scale(load_diabetes(return_X_y=True)[0])[:300]
SHARES = RNG.binomial(10, expit(X[:, 2] + 0.5 * X[:, 8] - 1)) / 10
DISTRIBUTIONS = RNG.dirichlet(np.full(3, 0.7), len(X))
DISTRIBUTIONS[:20] = np.eye(3)[RNG.randint(3, size=20)]
WEIGHTS = RNG.uniform(0.2, 2, len(X))


def targets(loss):
    return SHARES if loss == "binomial" else DISTRIBUTIONS


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_optimum_is_that_of_scipy(loss, weighted):
    alpha, y = 0.02, targets(loss)
    weights = WEIGHTS if weighted else np.ones(len(y))
    Y = np.c_[y] if loss == "binomial" else y
    k = Y.shape[1]

    def objective(parameters):
        W, b = parameters[:-k].reshape(-1, k), parameters[-k:]
        Z = X @ W + b
        if loss == "binomial":
            P = expit(Z)
            losses = -xlogy(Y, P) - xlogy(1 - Y, 1 - P)
        else:
            P = softmax(Z, axis=1)
            losses = -xlogy(Y, P)
        share = weights / weights.sum()
        value = share @ losses.sum(axis=1) + alpha / 2 * (W**2).sum()
        slope = share[:, np.newaxis] * (P - Y)
        gradient = np.r_[(X.T @ slope + alpha * W).ravel(), slope.sum(axis=0)]
        return value, gradient

    start = np.zeros((X.shape[1] + 1) * k)
    best = minimize(objective, start, jac=True, options={"gtol": 1e-9})
    model = GDRegressor(loss, alpha=alpha, standardize=False, tol=1e-9)
    model.fit(X, y, sample_weight=weights if weighted else None)
    W = best.x[:-k].reshape(-1, k).T
    assert_allclose(model.coef_, W if k > 1 else W[0], atol=1e-6)
    Z = X @ W.T + best.x[-k:]
    expected = softmax(Z, axis=1) if k > 1 else expit(Z[:, 0])
    assert_allclose(model.predict(X), expected, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("loss", LOSSES)
def test_as_classes_with_weights(loss, optimizer):
    # each sample is repeated once for each class, with its probability as the weight
    y = targets(loss)
    P = np.c_[1 - y, y] if loss == "binomial" else y
    k = P.shape[1]
    options = dict(solver="batch", optimizer=optimizer, max_iter=300, tol=1e-8)
    soft = GDRegressor(loss, **options).fit(5 * X + 3, y)
    hard = GDClassifier(**options)
    repeated = np.repeat(5 * X + 3, k, axis=0), np.tile(np.arange(k), len(y))
    hard.set_params(alpha=1 / len(y)).fit(*repeated, sample_weight=P.ravel())
    atol = 1e-5
    assert_allclose(soft.coef_, hard.coef_ if k > 2 else hard.coef_[0], atol=atol)
    expected = hard.predict_proba(5 * X + 3)
    assert_allclose(
        soft.predict(5 * X + 3), expected if k > 2 else expected[:, 1], atol=atol
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize("solver", ["batch", "minibatch", "sgd"])
@pytest.mark.parametrize("estimator", REGRESSORS)
def test_predictions_are_distributions(estimator, solver, form, dtype):
    options = dict(solver=solver, random_state=0, max_iter=20, early_stopping=True)
    options["optimizer"] = "adam"
    model = estimator(loss="multinomial", **options)
    model.fit(form(X.astype(dtype)), DISTRIBUTIONS, sample_weight=WEIGHTS)
    P = model.predict(form(X.astype(dtype)))
    assert P.dtype == dtype
    assert (P > 0).all()
    assert_allclose(P.sum(axis=1), 1, rtol=8 * np.finfo(dtype).eps)
    model.set_params(loss=Binomial()).fit(form(X.astype(dtype)), DISTRIBUTIONS)
    P = model.predict(form(X.astype(dtype)))
    assert ((P > 0) & (P < 1)).all()
    assert P.shape == DISTRIBUTIONS.shape


def test_several_shares_are_independent():
    both = np.c_[SHARES, 1 - SHARES]
    model = GDRegressor("binomial", tol=1e-9).fit(X, both)
    single = GDRegressor("binomial", tol=1e-9).fit(X, SHARES)
    assert_allclose(model.coef_[0], single.coef_, atol=1e-6)
    assert_allclose(model.coef_[1], -single.coef_, atol=1e-6)


def test_a_network_learns_probabilities():
    P = softmax(np.c_[X[:, 0] * X[:, 1], X[:, 2] ** 2, 0 * X[:, 0]], axis=1)
    network = MLPGDRegressor(loss="multinomial", random_state=0, max_iter=100)
    assert network.fit(X, P).out_activation_ == "softmax"
    assert network.score(X, P) > 0.7 > GDRegressor("multinomial").fit(X, P).score(X, P)
    network.set_params(loss="binomial").fit(X, SHARES)
    assert network.out_activation_ == "logistic"


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_partial_fit_and_held_out_losses(estimator):
    model = estimator(loss=Multinomial(), random_state=0)
    for _ in range(3):
        model.partial_fit(X, DISTRIBUTIONS, X_val=X, y_val=DISTRIBUTIONS)
    P = model.predict(X)
    ratio = np.where(DISTRIBUTIONS > 0, DISTRIBUTIONS / P, 1)
    expected = (DISTRIBUTIONS * np.log(ratio)).sum(axis=1).mean()
    assert model.validation_loss_curve_[-1] == pytest.approx(expected)


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_targets_out_of_range(estimator):
    shares = estimator(loss="binomial")
    for wrong in (-0.1, 1.01):
        y = SHARES.copy()
        y[3] = wrong
        with pytest.raises(ValueError, match=r"of y are out of .* must be in \[0, 1\]"):
            shares.fit(X, y)
    rows = estimator(loss="multinomial")
    with pytest.raises(ValueError, match="y must have a column for each class"):
        rows.fit(X, SHARES)
    for wrong in ([0.5, 0.5, 0.1], [1.5, -0.5, 0.0], [0.0, 0.0, 0.0]):
        Y = DISTRIBUTIONS.copy()
        Y[7] = wrong
        with pytest.raises(ValueError, match="Row 7 is") as error:
            rows.fit(X, Y)
        assert "each row of y must be non-negative with the sum 1" in str(error.value)
    with pytest.raises(ValueError, match="In X_val, y_val"):
        rows.set_params(early_stopping=True).fit(X, DISTRIBUTIONS, X_val=X, y_val=Y)


def test_tags():
    assert get_tags(GDRegressor("multinomial")).target_tags.positive_only
    assert get_tags(GDRegressor("binomial")).target_tags.positive_only


@pytest.mark.parametrize("loss", LOSSES)
def test_hard_targets_are_the_log_loss(loss):
    y = (SHARES > 0.3).astype(int)
    Y = y if loss == "binomial" else np.c_[1 - y, y]
    model = GDRegressor(loss, penalty=None, tol=1e-8).fit(X, Y)
    classes = GDClassifier(penalty=None, tol=1e-8).fit(X, y)
    P = classes.predict_proba(X)
    assert_allclose(model.predict(X), P[:, 1] if loss == "binomial" else P, atol=1e-4)
    assert model.loss_ == pytest.approx(classes.loss_, rel=1e-6)


def test_weights_of_zero():
    wild = X.copy()
    wild[0] = 1e150
    weights = np.ones(len(X))
    weights[0] = 0
    options = dict(standardize=False, optimizer="adam", max_iter=3, shuffle=False)
    model = GDRegressor("multinomial", solver="batch", **options)
    with_row = model.fit(wild, DISTRIBUTIONS, sample_weight=weights).coef_
    assert np.isfinite(with_row).all()
