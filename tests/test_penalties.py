"""The penalty's strengths and its value."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skgd.penalties import PENALTIES, penalty_strengths, penalty_value


@pytest.mark.parametrize(
    ("penalty", "l1_ratio", "expected"),
    [
        (None, 0.3, (0.0, 0.0)),
        ("l2", 0.3, (0.0, 0.8)),
        ("l1", 0.3, (0.8, 0.0)),
        ("elasticnet", 0.0, (0.0, 0.8)),
        ("elasticnet", 0.25, (0.2, 0.6)),
        ("elasticnet", 1.0, (0.8, 0.0)),
        # l1_ratio is for 'elasticnet' alone, and may be missing elsewhere
        ("l2", None, (0.0, 0.8)),
        ("l1", None, (0.8, 0.0)),
        (None, None, (0.0, 0.0)),
    ],
)
def test_strengths(penalty, l1_ratio, expected):
    strengths = penalty_strengths(penalty, 0.8, l1_ratio)
    assert_allclose(strengths, expected, rtol=1e-15)


def test_registry_is_what_is_tested():
    assert list(PENALTIES) == ["l2", "l1", "elasticnet"]


@pytest.mark.parametrize("l1_ratio", [0.0, 0.15, 1.0])
def test_elastic_net_is_scikit_learns_objective(l1_ratio):
    w = np.random.RandomState(0).standard_normal(50)
    value = penalty_value(w, *penalty_strengths("elasticnet", 0.3, l1_ratio))
    l1_part = 0.3 * l1_ratio * np.abs(w).sum()
    l2_part = 0.5 * 0.3 * (1 - l1_ratio) * (w**2).sum()
    assert_allclose(value, l1_part + l2_part, rtol=1e-13)


@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.7, 0.0), (0.0, 0.7), (0.7, 0.2)])
def test_value(l1, l2):
    value = penalty_value(np.array([3.0, -4.0, 0.0]), l1, l2)
    assert_allclose(value, 7 * l1 + 12.5 * l2, rtol=1e-15)
    assert isinstance(value, float)


def test_value_of_float32_weights():
    w = np.random.RandomState(1).standard_normal(100_000).astype(np.float32)
    single = penalty_value(w, 0.3, 0.7)
    double = penalty_value(w.astype(np.float64), 0.3, 0.7)
    assert_allclose(single, double, rtol=1e-5)
    assert isinstance(single, float)


def test_no_weights_no_penalty():
    assert penalty_value(np.empty(0), 1.0, 1.0) == 0.0
    # A penalty that is off does not turn infinite weights into NaN.
    assert penalty_value(np.array([np.inf, -np.inf]), 0.0, 0.0) == 0.0


def test_diverged_weights_show():
    assert penalty_value(np.array([1.0, np.inf]), 0.1, 0.0) == np.inf
    assert np.isnan(penalty_value(np.array([1.0, np.nan]), 0.0, 0.1))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("l1", "l2"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_overflow_is_infinite_without_a_warning(l1, l2, dtype):
    w = np.full(50, np.finfo(dtype).max)
    huge = np.finfo(np.float64).max  # the sum of absolute values is one of float64
    assert penalty_value(w, l1 and huge, l2) == np.inf
    w[0] = np.nan
    assert np.isnan(penalty_value(w, l1, l2))
