"""Intervals and quantiles of `TabularRegressor`."""

import numpy as np
import pytest
from tabular_data import SMALL

from skgd import TabularRegressor


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_intervals_cover(coverage):
    rng = np.random.RandomState(1)
    X = rng.uniform(-2, 2, (1400, 3))
    y = np.sin(2 * X[:, 0]) + rng.exponential(size=1400)
    reg = TabularRegressor(**SMALL).fit(X[:400], y[:400])
    low, high = reg.predict_interval(X[400:], coverage).T
    covered = (y[400:] >= low) & (y[400:] <= high)
    # three standard errors of 400 residuals and of 1000 new rows
    error = np.sqrt(coverage * (1 - coverage) * (1 / 400 + 1 / 1000))
    assert abs(covered.mean() - coverage) < 3 * error + 0.01
    quantiles = reg.predict_quantiles(X[400:], [0.1, 0.5, 0.9])
    assert (np.diff(quantiles, axis=1) >= 0).all()


def test_intervals_are_those_of_the_mean_of_members():
    rng = np.random.RandomState(0)
    X = rng.uniform(-2, 2, (4200, 6))
    # no noise: what is left are the errors of the networks, which differ
    y = np.sin(3 * X[:, 0]) * np.cos(2 * X[:, 1]) + X[:, 2] * X[:, 3]
    reg = TabularRegressor(n_members=5, random_state=0).fit(X[:1200], y[:1200])
    for coverage in (0.5, 0.8, 0.9):
        low, high = reg.predict_interval(X[1200:], coverage).T
        covered = np.mean((y[1200:] >= low) & (y[1200:] <= high))
        assert abs(covered - coverage) < 0.05


def test_intervals_are_wide_where_residuals_are_large():
    rng = np.random.RandomState(0)
    X = rng.uniform(0, 1, (3000, 2))
    y = X[:, 0] * (3 + rng.standard_normal(len(X)))
    reg = TabularRegressor(**SMALL).fit(X[:1500], y[:1500])
    low, high = reg.predict_interval(X[1500:], 0.8).T
    covered = (y[1500:] >= low) & (y[1500:] <= high)
    for part in (X[1500:, 0] < 0.3, X[1500:, 0] > 0.7):
        assert abs(covered[part].mean() - 0.8) < 0.1
    widths = high - low
    assert widths[X[1500:, 0] < 0.2].mean() < widths[X[1500:, 0] > 0.8].mean() / 3


@pytest.mark.parametrize("loss", ["poisson", "absolute_error", "binomial"])
def test_intervals_keep_to_the_range_of_the_link(loss):
    rng = np.random.RandomState(0)
    X = rng.uniform(-2, 2, (1000, 2))
    draws = {
        "poisson": rng.poisson(np.exp(X[:, 0])).astype(float),
        "absolute_error": X[:, 0] + rng.standard_normal(1000),
        "binomial": rng.binomial(1, 1 / (1 + np.exp(-X[:, 0]))).astype(float),
    }
    y, least = draws[loss], {"absolute_error": -np.inf}.get(loss, 0)
    reg = TabularRegressor(loss, **SMALL).fit(X[:600], y[:600])
    low, high = reg.predict_interval(X[600:], 0.9).T
    assert (low >= least).all()
    assert (high >= low).all()
    assert loss != "binomial" or (high <= 1).all()
    # whole numbers are covered together, and so more often
    assert np.mean((y[600:] >= low) & (y[600:] <= high)) > 0.87


def test_intervals_of_few_rows_and_of_many_equal_targets():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((400, 2))
    y = np.maximum(X[:, 0] - 1.5, 0)  # nearly all are zero
    for n in (20, 400):
        reg = TabularRegressor(**SMALL).fit(X[:n], y[:n])
        found = reg.predict_quantiles(X, [0.01, 0.2, 0.5, 0.8, 0.99])
        assert np.isfinite(found).all()
        assert (np.diff(found, axis=1) >= 0).all()
