"""Knots of piecewise linear functions of a number, and the hat functions at them."""

import numpy as np
from scipy import sparse as sp


def knots_of(values, most):
    """Choose the knots of a column.

    The knots divide the column into intervals of equal mass, where a value that occurs
    :math:`c` times has the mass :math:`\\sqrt{c}`. This is between intervals with as
    many rows each and intervals with as many distinct values each: a value that many
    rows share does not use up the knots, and neither do a few outliers.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Finite numbers.
    most : int
        The largest number of intervals.

    Returns
    -------
    knots : ndarray of shape (n_knots,)
        Some of the values, in rising order: all distinct values if they are few. The
        first and the last are the least and the largest value.
    """
    levels, counts = np.unique(values, return_counts=True)
    if len(levels) <= most + 1:
        return levels
    mass = np.cumsum(np.sqrt(counts))
    inner = np.searchsorted(mass, mass[-1] * np.arange(1, most) / most)
    return levels[np.unique(np.concatenate([[0], inner, [len(levels) - 1]]))]


def hats(values, knots):
    """Evaluate the hat functions at all knots except the first.

    The hat function of a knot is 1 at this knot, 0 at the others, and linear in
    between. A number between two knots therefore has two values that are not zero, and
    they add up to 1. Numbers beyond the knots count as the nearest knot.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Numbers; all hat functions are 0 for NaN.
    knots : ndarray of shape (n_knots,)
        At least two knots, in rising order.

    Returns
    -------
    hats : CSR of shape (n_samples, n_knots - 1)
        The values.
    """
    known = ~np.isnan(values)
    values = np.clip(np.where(known, values, knots[0]), knots[0], knots[-1])
    left = np.clip(np.searchsorted(knots, values, side="right") - 1, 0, len(knots) - 2)
    share = (values - knots[left]) / (knots[left + 1] - knots[left])
    data = np.column_stack([1 - share, share])
    columns = np.column_stack([left - 1, left])
    stored = (columns >= 0) & (data > 0) & known[:, np.newaxis]
    indptr = np.concatenate([[0], np.cumsum(stored.sum(axis=1))])
    shape = len(values), len(knots) - 1
    return sp.csr_matrix((data[stored], columns[stored], indptr), shape=shape)
