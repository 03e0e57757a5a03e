"""Coefficients that can be compared, and their table."""

import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, SelectFromModel

from skgd import GDClassifier, GDRegressor
from skgd.losses import Quantile

UNITS = np.array([1000.0, 0.001])


def informative_and_noise(n=300, units=UNITS):
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((n, 2))
    return Z * units, 3 * Z[:, 0] + 0.1 * rng.standard_normal(n)


# ---------------------------------------------------------------- selection
def test_selection_ranks_raw_columns():
    X, y = informative_and_noise()
    # by the coefficients alone, the unit decides
    assert list(RFE(GDRegressor(), n_features_to_select=1).fit(X, y).support_) == [0, 1]
    rfe = RFE(
        GDRegressor(), n_features_to_select=1, importance_getter="standardized_coef_"
    )
    assert_array_equal(rfe.fit(X, y).support_, [True, False])


def test_a_lasso_keeps_a_column_of_a_large_unit():
    X, y = informative_and_noise(units=[1e6, 1])
    lasso = GDRegressor(penalty="l1", alpha=0.2, random_state=0)
    assert not SelectFromModel(lasso).fit(X, y).get_support()[0]
    select = SelectFromModel(lasso, importance_getter="standardized_coef_").fit(X, y)
    assert_array_equal(select.get_support(), [True, False])


def test_selection_for_classes():
    X, y = load_iris(return_X_y=True)
    X = np.hstack([X, np.random.default_rng(0).standard_normal((150, 1)) * 1e-4])
    select = SelectFromModel(
        GDClassifier(), importance_getter="standardized_coef_", max_features=4
    )
    assert not select.fit(X, y).get_support()[-1]


# ---------------------------------------------------------------- values
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_coefficient_times_standard_deviation(fit_intercept, sparse, dtype):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4)) * [1, 10, 100, 0.1] + [0, 5, 0, 0]
    X[:, 2] = X[:, 2] > 90  # rare
    X[:, 3] = 7  # constant
    y = X @ [1, 0.1, 1, 0]
    X = X.astype(dtype)
    given = sp.csr_matrix(X) if sparse else X
    reg = GDRegressor(fit_intercept=fit_intercept).fit(given, y)
    assert reg.standardized_coef_.dtype == reg.coef_.dtype == dtype
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    deviation = X.std(axis=0, dtype=np.float64)
    assert_allclose(
        reg.standardized_coef_, reg.coef_ * deviation, rtol=tolerance, atol=1e-8
    )
    assert reg.standardized_coef_[3] == 0
    reg.coef_ = np.array([1, 2, 3, 4])  # ints were rounded
    assert_allclose(reg.standardized_coef_, reg.coef_ * deviation, rtol=1e-5)


def test_weights_and_streams():
    X, y = informative_and_noise()
    weights = np.r_[np.zeros(100), np.ones(200)]
    reg = GDRegressor(random_state=0).fit(X, y, sample_weight=weights)
    assert_allclose(reg.standardized_coef_, reg.coef_ * X[100:].std(axis=0))
    stream = GDRegressor(random_state=0)
    for part in np.split(np.arange(300), 3):
        stream.partial_fit(X[part], y[part])
    assert_allclose(stream.standardized_coef_, stream.coef_ * X.std(axis=0))


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_shape_and_sparsified_coefficients(n_outputs):
    X, y = load_iris(return_X_y=True)
    clf = GDClassifier(random_state=0).fit(X, y if n_outputs == 3 else y == 2)
    before = clf.standardized_coef_
    assert before.shape == clf.coef_.shape == (n_outputs, 4)
    assert_array_equal(clf.sparsify().standardized_coef_, before)
    reg = GDRegressor().fit(X, np.c_[y, y, -y] if n_outputs == 3 else y)
    assert reg.standardized_coef_.shape == reg.coef_.shape
    shape = reg.coef_.shape
    assert reg.sparsify().standardized_coef_.shape == shape


def test_not_available_without_statistics():
    X, y = informative_and_noise(units=[1, 1])
    with pytest.raises(NotFittedError):
        _ = GDRegressor().standardized_coef_
    reg = GDRegressor(standardize=False).fit(X, y)
    assert not hasattr(reg, "standardized_coef_")
    with pytest.raises(AttributeError, match="standardize=True and fit it again"):
        _ = reg.standardized_coef_
    # what counts is the fit, not what the parameter is now
    again = clone(reg).set_params(standardize=True).fit(X, y)
    assert hasattr(again, "standardized_coef_")
    assert not hasattr(reg.set_params(standardize=True), "standardized_coef_")


# ---------------------------------------------------------------- the table
def test_table_of_one_output():
    X, y = informative_and_noise()
    reg = GDRegressor().fit(X, y)
    frame = reg.coef_frame()
    assert list(frame.index) == ["x0", "x1"]
    assert frame.index.name == "feature"
    assert_array_equal(frame["coef"], reg.coef_)
    assert_array_equal(frame["standardized_coef"], reg.standardized_coef_)
    named = GDRegressor().fit(pd.DataFrame(X, columns=["a", "b"]), y)
    assert list(named.coef_frame().index) == ["a", "b"]
    binary = GDClassifier().fit(X, y > 0).sparsify()
    assert_array_equal(binary.coef_frame()["coef"], binary.densify().coef_[0])


def test_table_without_standardised_coefficients():
    X, y = informative_and_noise(units=[1, 1])
    frame = GDRegressor(standardize=False).fit(X, y).coef_frame()
    assert list(frame.columns) == ["coef"]


@pytest.mark.parametrize(
    ("estimator", "target", "kind", "outputs"),
    [
        (GDClassifier(), lambda y: np.array(["a", "b", "c"])[y], "class", list("abc")),
        (GDClassifier(), lambda y: np.eye(3, dtype=int)[y], "label", [0, 1, 2]),
        (GDRegressor(), lambda y: np.c_[y, -y], "target", [0, 1]),
        (GDRegressor(loss=Quantile([0.2, 0.8])), lambda y: y, "quantile", [0.2, 0.8]),
    ],
)
def test_table_of_several_outputs(estimator, target, kind, outputs):
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = estimator.set_params(random_state=0).fit(X, target(y.to_numpy()))
    frame = model.coef_frame()
    assert frame.index.names == [kind, "feature"]
    for output, coef in zip(outputs, model.coef_, strict=True):
        assert_array_equal(frame.loc[output, "coef"], coef)
        assert list(frame.loc[output].index) == list(X.columns)


def test_table_needs_pandas(monkeypatch):
    X, y = informative_and_noise()
    reg = GDRegressor().fit(X, y)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        reg.coef_frame()
    with pytest.raises(NotFittedError):
        GDRegressor().coef_frame()
