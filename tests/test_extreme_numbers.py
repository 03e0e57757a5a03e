"""Numbers near the largest float: a result or one error, and no warning of NumPy."""

from contextlib import suppress

import numpy as np
import pytest
from scipy import sparse as sp
from sklearn.base import is_classifier

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd.preprocessing import PiecewiseLinearEncoder, TableEncoder

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 3))
Y = X[:, 0] + 0.1
SIGNS = np.where(RNG.uniform(size=60) > 0.5, 1, -1)
VALUES = [(1.7e308, "f8"), (-1.7e308, "f8"), (1e200, "f8"), (3e38, "f4")]
PLACES = ["one", "column", "both signs"]
ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
OPTIONS = [{}, {"standardize": False}, {"early_stopping": True}]


def with_large(column, value, place):
    new = column.copy()
    if place == "one":
        new[3] = value
    else:
        new[:] = value * SIGNS if place == "both signs" else value
    return new


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("value", "dtype"), VALUES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_estimators(estimator, value, dtype, place, options):
    large = X.astype(dtype)
    large[:, 1] = with_large(large[:, 1], value, place)
    y = np.where(Y > 0, "a", "b") if is_classifier(estimator()) else Y
    weights = np.abs(with_large(np.ones(60), value, place))
    first = {"classes": ["a", "b"]} if is_classifier(estimator()) else {}
    calls = [
        lambda model: model.fit(large, y),
        lambda model: model.fit(sp.csr_matrix(large), y),
        lambda model: model.fit(X, y, sample_weight=weights),
        lambda model: model.partial_fit(X, y, **first).partial_fit(large, y),
    ]
    if options.get("early_stopping"):
        calls.append(lambda model: model.fit(X, y, X_val=large, y_val=y))
    if estimator in (GDRegressor, MLPGDRegressor):
        calls.append(lambda model: model.fit(X, with_large(Y, value, place)))
    for call in calls:
        model = estimator(max_iter=3, random_state=0, **options)
        with suppress(ValueError):  # an error of our own
            call(model)
            assert np.isfinite(model.n_iter_)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("value", "dtype"), VALUES)
@pytest.mark.parametrize("encoder", [PiecewiseLinearEncoder, TableEncoder])
def test_encoders(encoder, value, dtype, place):
    large = X.astype(dtype)
    large[:, 1] = with_large(large[:, 1], value, place)
    with suppress(ValueError):
        assert encoder().fit_transform(large).shape[0] == 60


@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_numbers_that_are_too_large_for_float32(estimator):
    # The standard deviation became infinite, so that the column was ignored.
    large = X.astype(np.float32)
    large[:, 1] = np.float32(3e38) * SIGNS
    with pytest.raises(ValueError, match="Column 1 .* too large for float32: re"):
        estimator().fit(large, Y)


def test_large_weights_are_as_good_as_others():
    weights, y = RNG.uniform(1, 2, 60), Y + RNG.standard_normal(60)
    model = GDRegressor(penalty=None).fit(X, y, sample_weight=weights)
    large = GDRegressor(penalty=None).fit(X, y, sample_weight=weights * 2.0**330)
    np.testing.assert_allclose(large.coef_, model.coef_, rtol=1e-6)
    # beyond 1e100, the error says what to do
    with pytest.raises(ValueError, match="mean of sample_weight must be between"):
        GDRegressor().fit(X, y, sample_weight=weights * 2.0**1016)
