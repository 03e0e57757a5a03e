"""PiecewiseLinearEncoder: knots and hat functions."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from skgd import GDRegressor
from skgd._data.knots import hats, knots_of
from skgd.preprocessing import PiecewiseLinearEncoder

RNG = np.random.RandomState(0)
X = RNG.standard_normal((400, 3))
X[:, 2] = X[:, 2] > 0


def test_checks_of_scikit_learn():
    check_estimator(PiecewiseLinearEncoder(), on_skip=None)
    check_estimator(
        PiecewiseLinearEncoder(4, include_linear=False, sparse_output=False),
        on_skip=None,
    )


def test_hats_interpolate():
    # weighted by the values of a function at the knots, hats give the function itself
    knots = np.array([-1.0, 0.0, 2.0, 5.0])
    values = np.array([-1, -0.5, 0, 0.5, 2, 4, 5, -3, 9, np.nan])
    heights = np.array([3.0, -1.0, 7.0, 2.0])
    found = hats(values, knots) @ (heights[1:] - heights[0]) + heights[0]
    assert_allclose(found[:-1], np.interp(values[:-1], knots, heights))
    assert hats(values, knots).getnnz(axis=1).max() == 2
    assert hats(values, knots)[-1].nnz == 0


def test_suffix_sums_are_the_encoding_of_the_paper():
    knots = np.array([0.0, 1.0, 3.0, 4.0])
    values = np.array([0.0, 0.5, 1.0, 2.0, 3.5, 4.0])
    sums = hats(values, knots).toarray()[:, ::-1].cumsum(axis=1)[:, ::-1]
    expected = np.clip((values[:, np.newaxis] - knots[:-1]) / np.diff(knots), 0, 1)
    assert_allclose(sums, expected)


def test_knots():
    assert_array_equal(knots_of(np.array([3.0, 1, 1, 2]), 4), [1, 2, 3])
    values = np.arange(1000.0)
    assert_allclose(knots_of(values, 10), np.linspace(0, 999, 11), atol=2)
    # a value that most rows share does not use up the knots
    values = np.concatenate([np.zeros(5000), np.arange(1, 501)])
    knots = knots_of(values, 10)
    assert len(knots) >= 9
    assert knots[0] == 0
    assert knots[-1] == 500


def test_columns_and_names():
    frame = pd.DataFrame(X, columns=["a", "b", "flag"])
    encoder = PiecewiseLinearEncoder(4).set_output(transform="default").fit(frame)
    names = encoder.get_feature_names_out()
    Z = encoder.transform(frame)
    assert sp.issparse(Z)
    assert Z.shape == (400, len(names)) == (400, 3 + 4 + 4)
    assert names[0] == "a"
    assert names[1].startswith("a_at_")
    assert names[-1] == "flag"  # two values have no knots
    assert_allclose(Z.toarray()[:, names == "a"].ravel(), frame["a"])
    dense = (
        clone(encoder).set_params(sparse_output=False).set_output(transform="pandas")
    )
    assert list(dense.fit_transform(frame)) == list(names)
    assert_array_equal(dense.transform(frame).to_numpy(), Z.toarray())


def test_gaps_and_values_beyond_the_knots():
    gaps = X[:, :2].copy()
    gaps[::7, 0] = np.nan
    encoder = PiecewiseLinearEncoder(5, sparse_output=False).fit(gaps)
    Z = encoder.transform(gaps)
    assert np.isnan(Z[::7, 0]).all()
    assert not Z[::7, 1:6].any()
    far = encoder.transform([[1e6, -1e6]])
    assert far[0, 0] == 1e6
    assert far[0, 5] == 1
    assert not far[0, 1:5].any()


def test_an_additive_model():
    rng = np.random.RandomState(0)
    U = rng.uniform(-3, 3, (3000, 2))
    y = np.sin(2 * U[:, 0]) + np.abs(U[:, 1]) + 0.1 * rng.standard_normal(3000)
    model = make_pipeline(PiecewiseLinearEncoder(), GDRegressor())
    assert model.fit(U[:2000], y[:2000]).score(U[2000:], y[2000:]) > 0.97


@pytest.mark.parametrize("n_knots", [0, 1.5, "many", True, None])
def test_wrong_numbers_of_knots(n_knots):
    with pytest.raises(ValueError, match="'n_knots' parameter .* at least 1 or 'auto'"):
        PiecewiseLinearEncoder(n_knots).fit(X)
