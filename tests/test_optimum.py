"""Driven to convergence, the optimum of the objective."""

import numpy as np
import oracles
import pytest
from helpers import scale
from numpy.testing import assert_allclose
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
)

from skgd import GDClassifier, GDRegressor
from skgd.losses import Huber, Quantile
from skgd.optimizers import OPTIMIZERS
from skgd.schedules import Cosine

# Without stopping; all start from zeros.
LONG = dict(tol=None, solver="batch", standardize=False, random_state=0)
# Adam at a constant rate keeps swinging, by less than the rate; to the end of the
# cosine it comes to rest.
ADAM = dict(learning_rate_init=0.05, learning_rate="cosine", max_iter=6000, **LONG)


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return scale(X), scale(y)


# how each optimizer arrives
WAYS = {
    variant: dict(
        optimizer=OPTIMIZERS[name](way.rate, **way.params),
        learning_rate="cosine" if way.falling else "constant",
        max_iter=way.n_steps,
    )
    for name, oracle in oracles.OPTIMIZERS.items()
    for variant, way in oracle.to_optimum.items()
}


def test_every_optimizer_has_a_way():
    assert {type(way["optimizer"]) for way in WAYS.values()} == set(OPTIMIZERS.values())


@pytest.mark.parametrize("optimizer", WAYS)
def test_ridge(diabetes, optimizer):
    X, y = diabetes
    alpha = 0.01
    ridge = Ridge(alpha=len(X) * alpha).fit(X, y + 3)
    gd = GDRegressor(alpha=alpha, **WAYS[optimizer], **LONG).fit(X, y + 3)
    assert_allclose(gd.coef_, ridge.coef_, atol=1e-4)
    assert_allclose(gd.intercept_, ridge.intercept_, atol=1e-4)


@pytest.mark.parametrize("optimizer", WAYS)
@pytest.mark.parametrize("penalty", ["l1", "elasticnet"])
def test_lasso_and_elastic_net(diabetes, optimizer, penalty):
    # The proximal step: the same optimum and exact zeros in the same places.
    X, y = diabetes
    alpha, l1_ratio = 0.1, 0.7
    if penalty == "l1":
        reference = Lasso(alpha=alpha, tol=1e-10).fit(X, y)
    else:
        reference = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, tol=1e-10).fit(X, y)
    gd = GDRegressor(
        penalty=penalty,
        alpha=alpha,
        l1_ratio=l1_ratio,
        **WAYS[optimizer],
        **LONG,
    ).fit(X, y)
    assert_allclose(gd.coef_, reference.coef_, atol=1e-4)
    assert (reference.coef_ == 0).any()
    np.testing.assert_array_equal(gd.coef_ == 0, reference.coef_ == 0)


@pytest.mark.parametrize("solver", ["minibatch", "sgd"])
def test_ridge_from_noisy_updates(diabetes, solver):
    # A rate that falls to zero ends at the optimum, not around it. The distance is
    # bounded by the last rates; over ten seeds its largest value was 4e-4.
    X, y = diabetes
    ridge = Ridge(alpha=len(X) * 0.01).fit(X, y)
    rate, epochs = (0.02, 400) if solver == "minibatch" else (0.005, 400)
    gd = GDRegressor(
        alpha=0.01,
        solver=solver,
        batch_size=50,
        learning_rate_init=rate,
        learning_rate="cosine",
        max_iter=epochs,
        tol=None,
        random_state=0,
    ).fit(X, y)
    assert_allclose(gd.predict(X), ridge.predict(X), atol=5e-3)


@pytest.mark.parametrize("data", [load_breast_cancer, load_iris])
def test_logistic_regression(data):
    X, y = data(return_X_y=True)
    X = scale(X)
    alpha = 0.02
    lbfgs = LogisticRegression(C=1 / (len(X) * alpha), tol=1e-10, max_iter=10000)
    lbfgs.fit(X, y)
    gd = GDClassifier(alpha=alpha, **ADAM).fit(X, y)
    assert_allclose(gd.coef_, lbfgs.coef_, atol=1e-4)
    # The softmax leaves a common shift of the intercepts free.
    shift = gd.intercept_.mean() if len(gd.intercept_) > 1 else 0.0
    assert_allclose(gd.intercept_ - shift, lbfgs.intercept_, atol=1e-4)
    assert_allclose(gd.predict_proba(X), lbfgs.predict_proba(X), atol=1e-4)


def test_logistic_regression_with_weights():
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    weights = np.random.RandomState(0).uniform(0.1, 2.0, len(X))
    class_weight = {0: 2.0, 1: 0.5}
    alpha = 0.02
    total = (weights * np.where(y == 0, 2.0, 0.5)).sum()
    lbfgs = LogisticRegression(
        C=1 / (total * alpha), class_weight=class_weight, tol=1e-10, max_iter=10000
    ).fit(X, y, sample_weight=weights)
    gd = GDClassifier(alpha=alpha, class_weight=class_weight, **ADAM)
    gd.fit(X, y, sample_weight=weights)
    assert_allclose(gd.coef_, lbfgs.coef_, atol=1e-4)
    assert_allclose(gd.intercept_, lbfgs.intercept_, atol=1e-4)


def test_poisson():
    X, _ = load_diabetes(return_X_y=True)
    X = scale(X)
    y = np.random.RandomState(0).poisson(np.exp(0.3 * X[:, 2] + 0.1 * X[:, 8] + 1))
    glm = PoissonRegressor(alpha=0.01, tol=1e-10, max_iter=10000).fit(X, y)
    gd = GDRegressor("poisson", alpha=0.01, **ADAM).fit(X, y)
    assert_allclose(gd.coef_, glm.coef_, atol=1e-4)
    assert_allclose(gd.intercept_, glm.intercept_, atol=1e-4)
    assert_allclose(gd.predict(X), glm.predict(X), rtol=1e-3)


def test_gamma():
    X, _ = load_diabetes(return_X_y=True)
    X = scale(X)
    mean = np.exp(0.3 * X[:, 2] + 0.1 * X[:, 8] + 1)
    y = np.random.RandomState(0).gamma(2.0, mean / 2)
    glm = GammaRegressor(alpha=0.01, tol=1e-10, max_iter=10000).fit(X, y)
    gd = GDRegressor("gamma", alpha=0.01, **ADAM).fit(X, y)
    assert_allclose(gd.coef_, glm.coef_, atol=1e-4)
    assert_allclose(gd.intercept_, glm.intercept_, atol=1e-4)
    assert_allclose(gd.predict(X), glm.predict(X), rtol=1e-3)
    with pytest.raises(ValueError, match="all must be > 0"):
        gd.fit(X, y - y.min())


def test_huber(diabetes):
    X, y = diabetes
    y = y.copy()
    y[::20] += 10
    huber = HuberRegressor(epsilon=1.35, alpha=1.0, tol=1e-9, max_iter=10000).fit(X, y)
    # At the optimum of its scale, HuberRegressor minimises our Huber loss with the
    # threshold epsilon * scale_ (its loss is twice ours, over the scale).
    gd = GDRegressor(
        Huber(epsilon=1.35 * huber.scale_),
        alpha=huber.scale_ / len(X),
        learning_rate_init=0.02,
        max_iter=10000,
        **LONG,
    ).fit(X, y)
    assert_allclose(gd.coef_, huber.coef_, atol=1e-4)
    assert_allclose(gd.intercept_, huber.intercept_, atol=1e-4)


@pytest.mark.parametrize("quantile", [0.2, 0.5])
def test_quantile(diabetes, quantile):
    # The loss has kinks: a rate that falls to zero closes in on the optimum. The
    # objective is matched more closely than the coefficients, which it barely binds.
    X, y = diabetes
    exact = QuantileRegressor(quantile=quantile, alpha=0).fit(X, y)
    gd = GDRegressor(
        Quantile(quantile=quantile),
        penalty=None,
        optimizer="adam",
        learning_rate=Cosine(),
        learning_rate_init=0.02,
        max_iter=20000,
        **LONG,
    ).fit(X, y)

    def pinball(model):
        return Quantile(quantile=quantile).evaluate(y, model.predict(X))[0].mean()

    assert pinball(gd) >= pinball(exact) - 1e-10
    assert pinball(gd) - pinball(exact) < 1e-5
    assert_allclose(gd.predict(X), exact.predict(X), atol=2e-2)
    below = np.mean(y < gd.predict(X))
    assert abs(below - quantile) < 12 / len(X)


def test_several_quantiles_are_as_many_single_ones(diabetes):
    X, y = diabetes
    options = dict(penalty=None, max_iter=300, **LONG)
    levels = [0.2, 0.5, 0.9]
    several = GDRegressor(Quantile(levels), **options).fit(X, y)
    single = [GDRegressor(Quantile(q), **options).fit(X, y) for q in levels]
    for k, one in enumerate(single):
        assert_allclose(several.coef_[k], one.coef_, rtol=1e-9, atol=1e-12)
    assert_allclose(several.loss_, sum(one.loss_ for one in single), rtol=1e-9)


def test_absolute_error_is_the_median(diabetes):
    X, y = diabetes
    # The median's loss is half the absolute error: twice the rate, the same path.
    options = dict(penalty=None, optimizer="sgd", max_iter=300, **LONG)
    median = GDRegressor("quantile", learning_rate_init=0.2, **options).fit(X, y)
    absolute = GDRegressor("absolute_error", learning_rate_init=0.1, **options)
    assert_allclose(absolute.fit(X, y).coef_, median.coef_, rtol=1e-9)


def test_batch_norm_reaches_least_squares(diabetes):
    # Folded back, the coefficients act on raw inputs: least squares on raw columns
    # of very different scale, but for the unbiased variance at prediction.
    X, y = load_diabetes(return_X_y=True, scaled=False)
    # (no columns so small that the 1e-5 added to the variance counts)
    X = X * np.logspace(0, 4, X.shape[1])
    y = scale(y)
    n = len(y)
    exact = Ridge(alpha=1e-12).fit(scale(X), y).predict(scale(X))
    gd = GDRegressor(penalty=None, batch_norm=True, **ADAM).fit(X, y)
    assert_allclose(gd.predict(X), exact * np.sqrt((n - 1) / n), atol=1e-4)
    assert_allclose(X @ gd.coef_ + gd.intercept_, gd.predict(X), rtol=1e-9)


def test_multi_output_is_as_many_single_ones(diabetes):
    X, y = diabetes
    Y = np.column_stack([y, X[:, 0] - y, y**2])
    both = GDRegressor(alpha=0.01, **ADAM).fit(X, Y)
    for k in range(3):
        one = GDRegressor(alpha=0.01, **ADAM).fit(X, Y[:, k])
        assert_allclose(both.coef_[k], one.coef_, atol=1e-6)
        assert_allclose(both.intercept_[k], one.intercept_[0], atol=1e-6)
