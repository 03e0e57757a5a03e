"""Knots of piecewise linear functions of a number, and the hat functions at them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse as sp


def knots_of(values, most, weights=None):
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
    weights : ndarray of shape (n_samples,), default=None
        How often each value counts. None stands for 1.

    Returns
    -------
    knots : ndarray of shape (n_knots,)
        Some of the values, in rising order: all distinct values if they are few. The
        first and the last are the least and the largest value.
    """
    levels, codes = np.unique(values, return_inverse=True)
    if len(levels) <= most + 1:
        return levels
    mass = np.cumsum(np.sqrt(np.bincount(codes, weights)))
    inner = np.searchsorted(mass, mass[-1] * np.arange(1, most) / most)
    return levels[np.unique(np.concatenate([[0], inner, [len(levels) - 1]]))]


def bends_of(values, most, weights=None):
    """Choose the knots of a column, if a function of it can bend at any of them.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Finite numbers.
    most : int
        The largest number of intervals.
    weights : ndarray of shape (n_samples,), default=None
        How often each value counts. None stands for 1.

    Returns
    -------
    knots : ndarray of shape (n_knots,)
        The result of `knots_of`, or no knots if there are less than three.
    """
    knots = knots_of(values, most, weights)
    return knots if len(knots) > 2 else knots[:0]


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


@dataclass(frozen=True)
class Knots:
    """The knots of all columns of a matrix, which can then be expanded.

    Parameters
    ----------
    columns : list of ndarray
        The knots of each column; a column without knots has no hat functions.
    """

    columns: list

    @classmethod
    def learn(cls, X, most, weights=None):
        """Choose the knots of each column.

        Parameters
        ----------
        X : ndarray or CSR of shape (n_samples, n_columns)
            Finite numbers.
        most : int
            The largest number of intervals of a column.
        weights : ndarray of shape (n_samples,), default=None
            How often each row counts. None stands for 1.

        Returns
        -------
        knots : Knots
            The knots, in float64.
        """
        return cls([bends_of(column, most, weights) for column in _columns(X)])

    @cached_property
    def joined(self):
        """Whether a column of the result belongs to the group of the one before it.

        These are the hat functions of a number, except the first one.
        """
        groups = [np.arange(len(k) - 1) > 0 for k in self.columns if len(k)]
        return np.concatenate([np.zeros(len(self.columns), dtype=bool), *groups])

    @property
    def is_hat(self):
        """Whether a column of the result has the values of a hat function."""
        return np.arange(len(self.joined)) >= len(self.columns)

    def expand(self, X):
        """Append the values of the hat functions to a matrix.

        Parameters
        ----------
        X : ndarray or CSR of shape (n_samples, n_columns)
            Finite numbers.

        Returns
        -------
        expanded : CSR of shape (n_samples, n_columns + n_hats)
            The matrix, and then the hat functions of one column after the other, in the
            dtype of the matrix.
        """
        pairs = zip(_columns(X), self.columns, strict=True)
        # (training names the columns whose differences are infinite)
        with np.errstate(over="ignore", invalid="ignore"):
            blocks = [hats(column, knots) for column, knots in pairs if len(knots)]
        return sp.hstack([sp.csr_matrix(X), *blocks], format="csr", dtype=X.dtype)


def _columns(X):
    # one column after the other, in float64
    X = X.tocsc() if sp.issparse(X) else X
    for j in range(X.shape[1]):
        column = X[:, [j]].toarray()[:, 0] if sp.issparse(X) else X[:, j]
        yield column.astype(np.float64)
