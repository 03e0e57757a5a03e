"""Samples that stand for a longer or shorter time, or for several cases."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from scipy.optimize import minimize
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgd import GDRegressor, MLPGDRegressor
from skgd.losses import Gamma, Poisson, Tweedie

ESTIMATORS = [GDRegressor, MLPGDRegressor]
POWERS = [("poisson", 1), ("gamma", 2), ("tweedie", 1.5), (Tweedie(1.2), 1.2)]
POWERS += [(Poisson(), 1), (Gamma(), 2), (Tweedie(0), 0), (Tweedie(3), 3)]
SETTINGS = {"max_iter": 8, "tol": None, "random_state": 0}


def claims(n=400, seed=0):
    """Counts of events in different times, with rates of different units."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3)) * [1, 100, 0.01]
    exposure = rng.uniform(0.1, 5, n)
    rate = np.exp(0.5 * X[:, 0] - 0.003 * X[:, 1] + 0.3)
    return X, rng.poisson(exposure * rate).astype(float), exposure


def positive(y):
    return y + 0.5


X, Y, EXPOSURE = claims()
WEIGHTS = np.random.default_rng(1).uniform(0.5, 2, len(Y))


# ---------------------------------------------------------------- what it means
def half_deviance(y, mean, p):
    if p == 1:
        return mean - y * np.log(mean)
    if p == 2:
        return y / mean + np.log(mean)
    return mean ** (2 - p) / (2 - p) - y * mean ** (1 - p) / (1 - p)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("loss", "power"), POWERS[:4], ids=str)
def test_a_generalised_linear_model_with_an_offset(loss, power, weighted):
    y = positive(Y) if loss == "gamma" else Y
    weights = WEIGHTS if weighted else np.ones(len(y))
    Z = StandardScaler().fit_transform(X)

    def objective(v):
        mean = np.exp(np.log(EXPOSURE) + Z @ v[:3] + v[3])
        return np.average(half_deviance(y, mean, power), weights=weights)

    expected = minimize(objective, np.zeros(4), method="BFGS", tol=1e-10).x
    reg = GDRegressor(loss=loss, penalty=None, tol=1e-9)
    reg.fit(Z, y, sample_weight=weights, exposure=EXPOSURE)
    assert_allclose(np.r_[reg.coef_, reg.intercept_], expected, atol=1e-5)
    expected = EXPOSURE * np.exp(Z @ expected[:3] + expected[3])
    assert_allclose(reg.predict(Z, exposure=EXPOSURE), expected, rtol=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("loss", "power"), POWERS, ids=str)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_same_as_rates_with_weights(estimator, loss, power, weighted):
    y = positive(Y)
    weights = WEIGHTS if weighted else None
    reg = estimator(loss=loss, **SETTINGS)
    reg.fit(X, y, sample_weight=weights, exposure=EXPOSURE)
    twin = estimator(loss=loss, **SETTINGS)
    rates = y / EXPOSURE
    product = (WEIGHTS if weighted else 1) * EXPOSURE ** (2 - power)
    product = product / np.average(EXPOSURE ** (2 - power), weights=weights)
    twin.fit(X, rates, sample_weight=product)
    assert_array_equal(reg.predict(X), twin.predict(X))
    assert reg.loss_curve_ == twin.loss_curve_
    assert_allclose(reg.predict(X, exposure=EXPOSURE), EXPOSURE * twin.predict(X))
    reg.partial_fit(X, y, weights, exposure=EXPOSURE)
    twin.partial_fit(X, rates, product)
    assert_array_equal(reg.predict(X), twin.predict(X))


@pytest.mark.parametrize("scoring", [None, "neg_mean_poisson_deviance"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_data_held_out(estimator, scoring):
    X_val, y_val, exposure_val = claims(100, seed=2)
    reg = estimator(loss="poisson", early_stopping=True, scoring=scoring, **SETTINGS)
    reg.set_params(optimizer="adam")
    held_out = {"X_val": X_val, "y_val": y_val, "exposure_val": exposure_val}
    reg.fit(X, Y, exposure=EXPOSURE, **held_out)
    twin = estimator(loss="poisson", early_stopping=True, scoring=scoring, **SETTINGS)
    twin.set_params(optimizer="adam")
    held_out = {"X_val": X_val, "y_val": y_val / exposure_val}
    held_out["sample_weight_val"] = exposure_val
    weights = EXPOSURE / EXPOSURE.mean()
    twin.fit(X, Y / EXPOSURE, sample_weight=weights, **held_out)
    assert_allclose(reg.validation_scores_, twin.validation_scores_, rtol=1e-12)
    assert_allclose(reg.validation_loss_curve_, twin.validation_loss_curve_, rtol=1e-12)
    assert_array_equal(reg.predict(X), twin.predict(X))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_data_that_are_held_out_in_a_stream(estimator):
    X_val, y_val, exposure_val = claims(100, seed=2)
    reg = estimator(loss="poisson", **SETTINGS).fit(X, Y, exposure=EXPOSURE)
    held_out = {"X_val": X_val, "y_val": y_val, "exposure_val": exposure_val}
    reg.partial_fit(X, Y, exposure=EXPOSURE, **held_out)
    mean = reg.predict(X_val)
    rate = y_val / exposure_val
    losses = half_deviance(rate, mean, 1) - half_deviance(
        rate, np.maximum(rate, 1e-300), 1
    )
    expected = np.average(losses, weights=exposure_val)
    assert_allclose(reg.validation_loss_curve_, [expected], rtol=1e-6)
    with pytest.raises(ValueError, match="exposure_val is provided, but X_val was not"):
        reg.partial_fit(X, Y, exposure=EXPOSURE, exposure_val=EXPOSURE)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", [2.0**-10, 2.0**10])
@pytest.mark.parametrize("loss", ["poisson", "gamma", "tweedie"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_unit_of_the_exposure_does_not_matter(estimator, loss, unit):
    y = positive(Y)
    one, other = (estimator(loss=loss, random_state=0) for _ in range(2))
    for call in ("fit", "partial_fit"):
        getattr(one, call)(X, y, exposure=EXPOSURE)
        getattr(other, call)(X, y, exposure=unit * EXPOSURE)
        assert_allclose(unit * other.predict(X), one.predict(X), rtol=1e-6)
        assert_allclose(other.alpha_, one.alpha_)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_later_samples_without_an_exposure(estimator):
    one, other = (estimator(loss="poisson", **SETTINGS) for _ in range(2))
    for reg in (one, other):
        reg.fit(X, Y, exposure=7 * EXPOSURE)
    one.partial_fit(X, Y, WEIGHTS)
    other.partial_fit(X, Y, WEIGHTS, exposure=np.ones(len(Y)))
    assert_array_equal(one.predict(X), other.predict(X))


def test_several_targets_and_kinds_of_data():
    both = np.c_[Y, Y + 1]
    reg = GDRegressor(loss="poisson", random_state=0).fit(X, both, exposure=EXPOSURE)
    expected = EXPOSURE[:, np.newaxis] * reg.predict(X)
    assert_array_equal(reg.predict(X, exposure=EXPOSURE), expected)
    one = GDRegressor(loss="poisson", random_state=0).fit(X, Y, exposure=EXPOSURE)
    for given, y, exposure in (
        (pd.DataFrame(X).to_numpy(), pd.Series(Y), pd.Series(EXPOSURE)),
        (X.tolist(), Y.tolist(), EXPOSURE.tolist()),
    ):
        twin = GDRegressor(loss="poisson", random_state=0)
        twin.fit(given, y, exposure=exposure)
        assert_array_equal(twin.coef_, one.coef_)
    sparse = GDRegressor(loss="poisson").fit(sp.csr_matrix(X), Y, exposure=EXPOSURE)
    assert_allclose(sparse.predict(X), one.predict(X), rtol=1e-3)
    single = GDRegressor(loss="poisson").fit(X.astype(np.float32), Y, exposure=EXPOSURE)
    predicted = single.predict(X.astype(np.float32), exposure=EXPOSURE)
    assert predicted.dtype == np.float32


def test_score():
    reg = GDRegressor(loss="poisson").fit(X, Y, exposure=EXPOSURE)
    predicted = reg.predict(X, exposure=EXPOSURE)
    score = reg.score(X, Y, WEIGHTS, exposure=EXPOSURE)
    assert score == r2_score(Y, predicted, sample_weight=WEIGHTS)
    assert score > reg.score(X, Y, WEIGHTS)


def test_ones_change_nothing():
    ones = np.ones(len(Y))
    reg = GDRegressor(loss="tweedie").fit(X, Y, exposure=ones)
    assert_array_equal(reg.coef_, GDRegressor(loss="tweedie").fit(X, Y).coef_)
    assert_array_equal(reg.predict(X, exposure=ones), reg.predict(X))


# ---------------------------------------------------------------- routing
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_metadata_routing(estimator):
    with sklearn.config_context(enable_metadata_routing=True):
        reg = estimator(loss="poisson", **SETTINGS)
        reg.set_fit_request(exposure=True).set_score_request(exposure=True)
        reg.set_predict_request(exposure=True)
        pipe = make_pipeline(StandardScaler(), reg).fit(X, Y, exposure=EXPOSURE)
        rates = pipe[-1].predict(pipe[0].transform(X))
        assert_allclose(pipe.predict(X, exposure=EXPOSURE), EXPOSURE * rates)
        search = GridSearchCV(reg, {"alpha": [0.1, 1.0]}, cv=3)
        search.fit(X, Y, exposure=EXPOSURE)
        best = search.best_estimator_.predict(X)
        twin = estimator(loss="poisson", **SETTINGS, alpha=search.best_params_["alpha"])
        assert_array_equal(best, twin.fit(X, Y, exposure=EXPOSURE).predict(X))


# ---------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("exposure", "match"),
    [
        (-EXPOSURE, r"All values of exposure must be > 0. The least is -4"),
        (np.r_[0, EXPOSURE[1:]], r"must be > 0. The least is 0.0"),
        (np.r_[np.nan, EXPOSURE[1:]], "exposure contains NaN"),
        (np.r_[np.inf, EXPOSURE[1:]], "exposure contains infinity"),
        (EXPOSURE[1:], r"exposure.shape == \(399,\), expected \(400,\)!"),
        (EXPOSURE[:, np.newaxis], r"exposure.shape == \(400, 1\), expected"),
        (2.0, r"exposure.shape == \(\), expected"),
        (["a"] * len(Y), r"exposure must be an array of numbers. Got \['a'"),
    ],
)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_wrong_exposure(estimator, exposure, match):
    reg = estimator(loss="poisson", **SETTINGS)
    for call in (reg.fit, reg.partial_fit):
        with pytest.raises(ValueError, match=match):
            call(X, Y, exposure=exposure)
    reg.fit(X, Y, exposure=EXPOSURE)
    with pytest.raises(ValueError, match=match):
        reg.predict(X, exposure=exposure)
    with pytest.raises(ValueError, match=match):
        reg.score(X, Y, exposure=exposure)


@pytest.mark.parametrize("loss", ["squared_error", "huber", "quantile"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_losses_without_exposure(estimator, loss):
    match = "exposure needs loss='poisson', 'gamma' or 'tweedie'"
    reg = estimator(loss=loss, **SETTINGS)
    with pytest.raises(ValueError, match=match):
        reg.fit(X, Y, exposure=EXPOSURE)
    with pytest.raises(ValueError, match=match):
        reg.fit(X, Y).predict(X, exposure=EXPOSURE)


def test_other_errors():
    reg = GDRegressor(loss="poisson", early_stopping=True)
    with pytest.raises(ValueError, match="exposure_val is provided, but X_val was not"):
        reg.fit(X, Y, exposure=EXPOSURE, exposure_val=EXPOSURE)
    with pytest.raises(ValueError, match=r"exposure_val.shape == \(400,\), expected"):
        reg.fit(X, Y, X_val=X[1:], y_val=Y[1:], exposure_val=EXPOSURE)
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(2,\), expected"):
        reg.fit(X, Y, sample_weight=[1, 1], exposure=EXPOSURE)
    with pytest.raises(ValueError, match="sample_weight must be a number or an array"):
        reg.fit(X, Y, sample_weight=["a"] * len(Y), exposure=EXPOSURE)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        reg.fit(X, Y[1:], exposure=EXPOSURE[1:])
    with pytest.raises(ValueError, match="requires y to be passed"):
        reg.fit(X, None, exposure=EXPOSURE)
    with pytest.raises(ValueError, match="least value of exposure is 1e-308: choose"):
        reg.fit(X, 10 + Y, exposure=np.full(len(Y), 1e-308))
    dates = pd.date_range("2020-01-01", periods=len(Y))
    wrong = {
        "must be numeric": [dates, pd.Series(dates), list(dates.to_numpy())],
        "'a'": [["a"] * len(Y)],
    }
    for match, targets in wrong.items():
        for target in targets:
            with pytest.raises(ValueError, match=match) as without:
                reg.fit(X, target)
            with pytest.raises(ValueError, match=match) as error:
                reg.fit(X, target, exposure=EXPOSURE)
            assert str(error.value) == str(without.value)
