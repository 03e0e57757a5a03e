"""Weighted moments of columns, from which the units of training are computed."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse as sp
from sklearn.utils.sparsefuncs import mean_variance_axis

from .._engine.distributed_rows import sums_of_parts
from .._rules.plain_state import stored_as_dict
from .magnitudes import extremes_of

# how many numbers are read at a time, so that the data are not copied as a whole
CHUNK = 2**17
# the number of rows in which usual and common values of a column are looked for
SAMPLE_ROWS = 10_000
# the number of rows from which pairs of rows show whether a value can be common
PAIRED_ROWS = 200
# Up to this number, ten times as many rows are drawn according to their weights. Then
# the share of any of them is exact to a tenth.
DRAWN_ROWS = 1000
# weights are summed with rounding errors, so half of them may be a little less
HALF = 0.5 - 1e-9
# a sum of squares is exact if it is about a value at most so many deviations away
NEAR = 4
# the unit of differences whose squares would overflow
HUGE = 2.0**500


@stored_as_dict
@dataclass(frozen=True)
class Moments:
    """Weighted moments and common values of columns, of all samples so far.

    Parameters
    ----------
    centre : bool
        Whether columns are centred at all. They are not if there is no intercept.
    stored : ndarray of shape (n_columns,)
        The share of the weight of the rows that store the column, which is 1 for dense
        rows.
    weight : float
        The sum of the weights.
    mean, square : ndarray of shape (n_columns,)
        The mean, and the mean square of the differences from it.
    low, high : ndarray of shape (n_columns,)
        The usual range of a column, or NaN if it is not needed.
    common, shares : ndarray of shape (2, n_columns)
        Two values of each column and their shares of the weight, the larger share
        first. If a value has at least half of the weight, it is the first one. If a
        column has only two values, they are these. Otherwise, the shares are lower
        bounds, which are 0 if no value seems to be common.
    """

    centre: bool
    stored: np.ndarray
    weight: float
    mean: np.ndarray
    square: np.ndarray
    low: np.ndarray
    high: np.ndarray
    common: np.ndarray
    shares: np.ndarray

    @property
    def centred(self):
        """Whether training subtracts the mean from a column.

        Returns
        -------
        centred : ndarray of bool of shape (n_columns,)
            True if more than half of the rows store the column. The others then store
            their zeros as well, which at most doubles the memory of the column.
        """
        return self.centre & _is_mostly_stored(self.stored)

    def merge(self, other):
        """Combine the moments of two samples.

        Parameters
        ----------
        other : Moments
            The moments of more samples of the same columns.

        Returns
        -------
        moments : Moments
            The moments of both samples together. If the moments of both samples are
            equal, the result is also equal to them, to the last bit.
        """
        share = other.weight / (self.weight + other.weight)
        shift = other.mean - self.mean
        square = self.square + share * (other.square - self.square)
        return Moments(
            self.centre and other.centre,
            self.stored + share * (other.stored - self.stored),
            self.weight + other.weight,
            self.mean + share * shift,
            square + share * (1 - share) * _squared(shift),
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
            *_merged_values(self, other, share),
        )

    def deviation_from_common(self):
        """Compute how much rows differ from a value that most of them share.

        Returns
        -------
        deviation : ndarray of shape (n_columns,)
            If at least half of the rows share one value, the root mean square of the
            differences of the other rows from it; otherwise 0. It is also 0 for a
            constant column.
        """
        share = self.shares[0]
        found = (share >= HALF) & (share < 1)
        with np.errstate(over="ignore", invalid="ignore"):
            square = self.square + (self.mean - self.common[0]) ** 2
        zero = np.zeros_like(square)
        return np.sqrt(np.divide(square, 1 - share, out=zero, where=found))


def moments_of(X, weights, centre, rows=None, *, usual=True, before=None):
    """Compute the moments of the columns of a sample.

    Parameters
    ----------
    X : ndarray, CSR or DistributedRows of shape (n_samples, n_columns)
        Validated data.
    weights : ndarray of shape (n_samples,) or None
        Sample weights. A row with weight zero is ignored.
    centre : bool
        Whether columns are centred, if more than half of the rows store them.
    rows : ndarray of intp, default=None
        The rows that are used; None for all.
    usual : bool, default=True
        Whether the usual range is needed. Without it, dense data take less time.
    before : Moments, default=None
        The moments of earlier rows, with which these will be merged. They determine
        which sparse columns are treated in the same way as dense columns.

    Returns
    -------
    moments : Moments
        The moments in float64.
    """
    if weights is not None and not weights.all():
        rows = np.arange(X.shape[0]) if rows is None else rows
        rows = rows[weights[rows] > 0]
    if not sp.issparse(X):
        return _dense_moments(X, weights, centre, rows, usual)
    if rows is not None:
        X, weights = X[rows], None if weights is None else weights[rows]
    return _sparse_moments(X, weights, centre, usual, before)


# ---------------------------------------------------------------- dense rows
def _dense_moments(X, weights, centre, rows, usual):
    n = X.shape[0] if rows is None else len(rows)
    step = 1 + n // SAMPLE_ROWS
    every = slice(None, None, step) if rows is None else rows[::step]
    sample, share = X[every], None if weights is None else weights[every]
    low = high = np.full(X.shape[1], np.nan)
    if usual:
        low, high = _usual_range(sample)
    columns, candidates = _candidates(sample, share)
    common = np.array([sample[0], sample[0]], dtype=np.float64)
    common[:, columns] = candidates
    # One pass is exact if the mean is near the values from which differences are taken.
    weight, mean, square = _mean_square(X, weights, rows, common[0])
    with np.errstate(over="ignore", invalid="ignore"):
        near = (mean - common[0]) ** 2 <= NEAR**2 * square
    far = np.flatnonzero(~(near & np.isfinite(square)))
    if far.size:
        about = np.where(np.isfinite(mean), mean, common[0])[far]
        unit = np.where(np.isfinite(square), 1.0, HUGE)[far]
        mean[far], square[far] = _mean_square(X, weights, rows, about, unit, far)[1:]
    shares = np.zeros(common.shape)
    if columns.size:
        args = X, weights, rows, candidates, columns
        (counted,) = sums_of_parts(_weights_of_values, *args)
        shares[:, columns] = counted / weight
        shares[1, common[0] == common[1]] = 0
    common, shares = _larger_first(common, shares)
    stored = np.ones(mean.shape)
    return Moments(centre, stored, weight, mean, square, low, high, common, shares)


def _usual_range(sample):
    # The range without the most extreme value on either side and without one value in a
    # thousand. Otherwise, a mistyped number would determine it.
    n = len(sample)
    k = min(1 + n // 1000, n - 1)
    # (columns that are contiguous in memory take less time)
    columns = np.partition(np.ascontiguousarray(sample.T), (k, n - 1 - k), axis=1)
    return columns[:, [k, -1 - k]].T.astype(np.float64)


def _squared(values):
    # infinite if too large; the caller checks this
    with np.errstate(over="ignore"):
        return np.square(values)


def _candidates(sample, weights):
    # The columns in which a value may have half of the weight, and two candidates each.
    n = len(sample)
    if weights is not None:  # draw rows systematically, as often as their weights say
        total = np.cumsum(weights, dtype=np.float64)
        n = max(n, min(10 * n, DRAWN_ROWS))
        sample = sample[np.searchsorted(total, total[-1] * ((np.arange(n) + 0.5) / n))]
    columns = np.arange(sample.shape[1])
    if n >= PAIRED_ROWS:
        # Of random pairs of rows, a fourth or more would share the value. The other
        # columns need not be sorted.
        other = np.random.default_rng(0).permutation(n)
        equal = np.count_nonzero(sample == sample[other], axis=0)
        columns = np.flatnonzero(equal > n / 16)
    values = np.sort(np.ascontiguousarray(sample[:, columns].T), axis=1)
    # A value of half of the rows is at two or at three fifths of the sorted rows. If it
    # is at both, the other candidate is an extreme value.
    first, second = values[:, 2 * n // 5], values[:, 3 * n // 5]
    extreme = np.where(values[:, 0] != first, values[:, 0], values[:, -1])
    return columns, np.array([first, np.where(first == second, extreme, second)])


def _mean_square(X, weights, rows, about, unit=None, columns=None):
    # the weight, the mean and the mean square of the differences from it, in one pass
    # with differences from the values `about`, in which constant columns are exact
    args = X, weights, rows, about, unit, columns
    with np.errstate(over="ignore", invalid="ignore"):
        weight, linear, square = sums_of_parts(_sums_of_powers, *args)
        linear /= weight
        square = square / weight - linear**2
        if unit is not None:
            linear, square = linear * unit, square * unit**2
        # (a column with an infinite square is ignored)
        return weight, about + linear, np.maximum(square, 0)


def _sums_of_powers(X, weights, rows, about, unit, columns):
    # the sums of the weights, of the differences, and of their squares
    weight, linear, square = 0.0, np.zeros(about.size), np.zeros(about.size)
    with np.errstate(over="ignore", invalid="ignore"):
        for part, share in _chunks(X, weights, rows, columns):
            difference = part.astype(np.float64)
            difference -= about
            if unit is not None:
                difference /= unit
            weight += share.sum()
            linear += share @ difference
            np.multiply(difference, difference, out=difference)
            square += share @ difference
    return weight, linear, square


def _weights_of_values(X, weights, rows, values, columns):
    # the weight of the rows that have these values, which have the dtype of X
    found = np.zeros(values.shape)
    for part, share in _chunks(X, weights, rows, columns):
        for total, value in zip(found, values, strict=True):
            total += share @ (part == value).astype(np.float64)
    return (found,)


def _chunks(X, weights, rows, columns=None):
    # rows of the columns and their weights in float64, a few at a time
    n = X.shape[0] if rows is None else len(rows)
    size = max(1, CHUNK // X.shape[1])
    for start in range(0, n, size):
        part = slice(start, min(start + size, n))
        part = part if rows is None else rows[part]
        values = X[part]
        share = np.ones(len(values)) if weights is None else weights[part]
        yield (
            values if columns is None else values[:, columns],
            share.astype(np.float64),
        )


# ---------------------------------------------------------------- sparse rows
def _sparse_moments(X, weights, centre, usual, before):
    weight = float(X.shape[0])
    if weights is not None:
        weights = weights.astype(np.float64)
        weight = float(weights.sum())
    low, high = (part.astype(np.float64) for part in extremes_of(X))
    reach = np.maximum(np.abs(low), np.abs(high))
    reach[reach == 0] = 1
    values = X.astype(np.float64)
    values.data /= reach[X.indices]
    mean, square = mean_variance_axis(values, axis=0, weights=weights)
    with np.errstate(invalid="ignore"):  # zero of a constant column, times infinity
        mean, square = mean * reach, square * _squared(reach)
    constant = low == high
    mean[constant], square[constant] = low[constant], 0
    common, shares = _zero_and_extreme(X, weights, weight, low, high)
    each = None if weights is None else np.repeat(weights, np.diff(X.indptr))
    stored = np.bincount(X.indices, each, minlength=X.shape[1]) / weight
    # The columns that will be centred have the same moments as if they were dense.
    together = stored
    if before is not None:
        share = weight / (before.weight + weight)
        together = before.stored + share * (stored - before.stored)
    columns = np.flatnonzero(_is_mostly_stored(together))
    if columns.size:
        part = X[:, columns].toarray()
        dense = _dense_moments(part, weights, centre, None, usual)
        mean[columns], square[columns] = dense.mean, dense.square
        low[columns], high[columns] = dense.low, dense.high
        common[:, columns], shares[:, columns] = dense.common, dense.shares
    return Moments(centre, stored, weight, mean, square, low, high, common, shares)


def _is_mostly_stored(stored):
    return stored > 1 - HALF


def _zero_and_extreme(X, weights, weight, low, high):
    # zero and the value furthest from it, and their shares
    extreme = np.where(high > -low, high, low)
    there = X.data != 0
    if weights is not None:
        there = there * np.repeat(weights, np.diff(X.indptr))
    stored = np.bincount(X.indices, there, minlength=X.shape[1])
    there = there * (X.data == extreme[X.indices])
    furthest = np.bincount(X.indices, there, minlength=X.shape[1])
    shares = np.array([np.maximum(weight - stored, 0), furthest]) / weight
    common = np.array([np.zeros_like(extreme), extreme])
    return _larger_first(common, shares)


# ---------------------------------------------------------------- common values
def _larger_first(common, shares):
    swap = shares[1] > shares[0]
    common[:, swap], shares[:, swap] = common[::-1, swap], shares[::-1, swap]
    return common, shares


def _merged_values(one, other, share):
    # The two most common of four values. A third one is subtracted from the second
    # (the vote of Boyer and Moore), so that a value that is common later replaces it.
    values = np.concatenate([one.common, other.common])
    one, other = (_shares_of(values, moments) for moments in (one, other))
    shares = one + share * (other - one)
    for k in range(1, 4):
        shares[k][(values[:k] == values[k]).any(axis=0)] = 0
    order = np.argsort(-shares, axis=0, kind="stable")
    shares = np.take_along_axis(shares, order, axis=0)
    shares[1] -= shares[2]
    return np.take_along_axis(values, order, axis=0)[:2], shares[:2]


def _shares_of(values, moments):
    shares = np.zeros(values.shape)
    for value, share in zip(moments.common, moments.shares, strict=True):
        shares += np.where(values == value, share, 0)
    return shares
