"""TabularClassifier and TabularRegressor: errors that name their cause."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy import sparse as sp
from sklearn.base import clone
from tabular_data import BOTH, DEAR, FRAME, PRICE, SMALL, N

from skgd import TabularClassifier, TabularRegressor


@pytest.mark.parametrize(
    ("X", "y", "given", "message"),
    [
        (FRAME, PRICE * 1e200, {}, "values of y are too large: up to .*e.203"),
        (
            FRAME.assign(size=1e200 * PRICE),
            PRICE,
            {},
            "column 'size' of X: .*too large",
        ),
        (FRAME, DEAR, {}, "must be numeric: .*TabularClassifier"),
        (FRAME, PRICE, {"groups": np.ones(N)}, "at least two. Got"),
        (FRAME, PRICE, {"groups": [1, 2]}, "groups must have one value for each"),
        (FRAME["size"], PRICE, {}, "Expected 2D array, got 1D array"),
        (pl.from_pandas(FRAME).lazy(), PRICE, {}, "LazyFrame.*collect"),
        (
            FRAME.rename(columns={"age": "size"}),
            PRICE,
            {},
            "different names. More than one column has the name 'size'",
        ),
        (FRAME, np.where(PRICE > 0, np.nan, PRICE), {}, "y contains NaN"),
        (np.ones((N, 2)), PRICE, {}, "no column that can be used: .*single value"),
    ],
)
def test_wrong_data(X, y, given, message):
    with pytest.raises((TypeError, ValueError), match=message):
        TabularRegressor(**SMALL).fit(X, y, **given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_members": 0}, "'n_members' .* an int >= 1"),
        ({"alpha": "many"}, "'alpha' .* a float >= 0 or 'auto'"),
        ({"num_embedding": "bins"}, "'num_embedding' .*'piecewise_linear'"),
        ({"hidden_layer_sizes": "big"}, "'hidden_layer_sizes' .*'auto'"),
        ({"time_limit": -1}, "'time_limit'"),
        ({"cv": "5"}, "'cv'"),
        ({"verbose": "x"}, "'verbose' .* Got 'x'"),
        ({"verbose": -1}, "'verbose' .* Got -1"),
        ({"loss": "huge"}, "'loss'"),
        ({"random_state": -1}, "'random_state' .* Got -1"),
        ({"categorical_features": ["z"]}, "'categorical_features'.*'z'"),
    ],
)
def test_wrong_parameters(options, message):
    for estimator, y in BOTH:
        with pytest.raises(ValueError, match=message):
            estimator(**options).fit(FRAME, y)


@pytest.mark.parametrize("unit", [1e300, 1e-300, 1e-310])
def test_the_unit_of_a_sparse_table_does_not_matter(unit):
    X = sp.random_array((N, 4), density=0.5, random_state=np.random.RandomState(0))
    y = X.toarray()[:, 0]
    reg = TabularRegressor(alpha=1e-3, **SMALL)
    expected = clone(reg).fit(X, y).predict(X)
    predicted = reg.fit(X * unit, y).predict(X * unit)
    assert_allclose(predicted, expected, rtol=0, atol=0.05)
    assert reg.oob_score_ > 0.9


def test_wrong_targets():
    gaps = pd.Series(DEAR, dtype="string").where(PRICE > 0)
    clf, reg = TabularClassifier(**SMALL), TabularRegressor(**SMALL)
    with pytest.raises(ValueError, match="y contains missing values"):
        clf.fit(FRAME, gaps)
    with pytest.raises(ValueError, match="y_val contains missing values"):
        clf.fit(FRAME, DEAR, X_val=FRAME, y_val=[None] * N)
    with pytest.raises(ValueError, match=r"y .* must be numeric: .*('cheap'|'dear')"):
        reg.fit(FRAME, DEAR)
    with pytest.raises(ValueError, match=r"y_val .* must be numeric"):
        reg.fit(FRAME, PRICE, X_val=FRAME, y_val=DEAR)
    with pytest.raises(ValueError, match=r"must be numeric: values of type datetime64"):
        reg.fit(FRAME, FRAME["sold"])
    with pytest.raises(ValueError, match="Input y_val contains NaN"):
        reg.fit(FRAME, PRICE, X_val=FRAME, y_val=PRICE * np.nan)


def test_a_warm_start_has_the_same_rows():
    reg = TabularRegressor(warm_start=True, **SMALL).fit(FRAME, PRICE)
    reg.set_params(n_members=6)
    with pytest.raises(ValueError, match="X with 100 rows now, .* X with 300 rows"):
        reg.fit(FRAME[:100], PRICE[:100])
    with pytest.raises(ValueError, match="X_val with 50 rows now"):
        reg.fit(FRAME, PRICE, X_val=FRAME[:50], y_val=PRICE[:50])
    assert len(reg.estimators_) == len(reg._cross_fitted) >= 3


def test_wrong_arguments():
    reg = TabularRegressor(alpha=1e-3, num_embedding=None, **SMALL).fit(FRAME, PRICE)
    for coverage in (0, 1, "a", None):
        with pytest.raises(ValueError, match="coverage must be"):
            reg.predict_interval(FRAME, coverage)
    for quantiles in ([], [0.5, 1.0], "a", [None]):
        with pytest.raises(ValueError, match="quantiles must be"):
            reg.predict_quantiles(FRAME, quantiles)
    with pytest.raises(ValueError, match="n_repeats must be an int >= 1. Got 0"):
        reg.permutation_importance(FRAME, PRICE, n_repeats=0)


def test_the_error_of_a_loss_names_the_estimator():
    with pytest.raises(ValueError, match="'loss' parameter of TabularRegressor must"):
        TabularRegressor(loss="mse").fit(FRAME, PRICE)


def test_numbers_with_na_in_an_array_of_objects():
    frame = pd.DataFrame({"a": np.arange(40.0), "b": pd.array([1, 2, None, 5] * 10)})
    y = np.arange(40.0) + frame["b"].fillna(9).to_numpy(float)
    objects, numbers = frame.to_numpy(), frame.astype(float).to_numpy()
    assert any(value is pd.NA for value in objects[:, 1])
    reg = TabularRegressor(n_members=1, random_state=0).fit(objects, y)
    same = TabularRegressor(n_members=1, random_state=0).fit(numbers, y)
    assert_allclose(reg.predict(objects), same.predict(numbers), rtol=1e-12)
