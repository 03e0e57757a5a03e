"""Numbers that are too large or small to be squared, and what errors say of them."""

import numpy as np
from scipy import sparse as sp

from .._engine.distributed_rows import each_part

# The squares of smaller numbers lose digits in float64.
LEAST_SPREAD = 1e-150


def too_large(values, dtype, names=None, *, rows=None, targets=False):
    """Describe the columns that are too large for their dtype, or to be squared.

    Parameters
    ----------
    values : ndarray, CSR or DistributedRows of shape (n_samples, n_columns)
        Features or targets, which are finite.
    dtype : dtype
        The dtype in which the numbers are squared.
    names : sequence of str, default=None
        The names of the columns. If it is None, the columns are numbered.
    rows : ndarray of intp, default=None
        The rows that are used; None for all.
    targets : bool, default=False
        Whether the columns are targets.

    Returns
    -------
    text : str
        A sentence for each column, of three at most, with the advice to rescale it.
        It is empty if all sums are finite.
    """
    low, high = _extremes(values, rows)
    n = values.shape[0] if rows is None else len(rows)
    # (numbers in units of training can be infinite, but the advice is a number)
    reach = np.minimum(np.maximum(high, -low), np.finfo(np.float64).max)
    # (a sum of squares is finite if all numbers are below this limit)
    limit = np.sqrt(np.finfo(dtype).max / max(n, 1))
    own = np.finfo(values.dtype).max / 4  # a difference of two numbers is finite, too
    lines = []
    for column in np.flatnonzero(reach >= min(limit, own))[:3]:
        use = f"to be squared in {np.dtype(dtype)}"
        if reach[column] < limit:
            use = f"for {values.dtype}"
        power = np.floor(np.log10(reach[column]))
        lines.append(
            f"{name_of_column(column, len(reach), names, targets)} has values up to "
            f"{reach[column]:.3g}, which are too large {use}: rescale it, for "
            f"example divide it by {10.0**power:g}."
        )
    return " ".join(lines)


def too_small(values, rows, square, names=None, *, targets=False):
    """Describe the columns that vary, but whose variance or spread is too small.

    The variance must be a float64, and the spread a number of the dtype of the values
    that has all its digits, because numbers are divided by it in this dtype.

    Parameters
    ----------
    values : ndarray, CSR or DistributedRows of shape (n_samples, n_columns)
        Features or targets, which are finite.
    rows : ndarray of intp
        The rows that are used.
    square : ndarray of shape (n_columns,)
        The variances of the columns as they were computed.
    names : sequence of str, default=None
        The names of the columns. If it is None, the columns are numbered.
    targets : bool, default=False
        Whether the columns are targets.

    Returns
    -------
    text : str
        A sentence for each column, of three at most, with the advice to rescale it.
        It is empty if there are no such columns.
    """
    least = _least_spread(values.dtype)
    columns = np.flatnonzero(square < least**2)
    low, high = _extremes(values, rows, columns)
    spread = high.astype(np.float64) - low
    lines = []
    for k in np.flatnonzero((spread > 0) & (spread < least))[:3]:
        # (a power of ten that is itself a number)
        power = min(-np.floor(np.log10(spread[k])), 300)
        name = name_of_column(columns[k], len(square), names, targets)
        use = "to be squared in float64" if spread[k] < LEAST_SPREAD else "for float32"
        lines.append(
            f"{name} has values that differ by {spread[k]:.3g} at most, which is too "
            f"small {use}: rescale it, for example multiply it by {10.0**power:g}."
        )
    return " ".join(lines)


def _least_spread(dtype):
    return max(LEAST_SPREAD, float(np.finfo(dtype).tiny))


def _extremes(values, rows, columns=None):
    # of each column
    low, high = zip(*each_part(_extremes_of, values, None, rows, columns), strict=True)
    return np.min(low, axis=0), np.max(high, axis=0)


def _extremes_of(values, _, rows, columns):
    values = values if columns is None else values[:, columns]
    return extremes_of(values if rows is None else values[rows])


def extremes_of(X):
    """Find the smallest and the largest value of each column.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_columns)
        Finite numbers, without duplicates.

    Returns
    -------
    low, high : ndarray of shape (n_columns,)
        The values.
    """
    if not sp.issparse(X):
        return X.min(axis=0), X.max(axis=0)
    # (SciPy would sort all values by column, which takes four times as long, and in
    # which an interrupt has to wait)
    n_stored = np.bincount(X.indices, minlength=X.shape[1])
    low, high = np.where(n_stored < X.shape[0], 0, [[np.inf], [-np.inf]]).astype(
        X.dtype
    )
    np.minimum.at(low, X.indices, X.data)
    np.maximum.at(high, X.indices, X.data)
    return low, high


def name_of_column(column, n_columns, names=None, targets=False):
    """Name a column at the beginning of a sentence.

    Parameters
    ----------
    column : int
        The number of the column.
    n_columns : int
        The number of all columns.
    names : sequence of str, default=None
        The names of the columns. If it is None, the columns are numbered.
    targets : bool, default=False
        Whether the columns are targets.

    Returns
    -------
    name : str
        The beginning of the sentence.
    """
    if targets:
        return f"Column {column} of the target y" if n_columns > 1 else "The target y"
    return f"Column {column if names is None else repr(str(names[column]))}"


def check_not_large(estimator, samples, rows):
    """Raise an error that names the columns that are too large for a training.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator, which may know the names of the features.
    samples : Samples
        The samples in the user's units. A row with weight zero is ignored.
    rows : ndarray of intp or None
        The training rows; None for all.

    Raises
    ------
    ValueError
        If there are such columns.
    """
    used = _used(samples, rows)
    names = getattr(estimator, "feature_names_in_", None)
    text = too_large(samples.X, np.float64, names, rows=used)
    if not text and estimator._y_numeric:
        text = too_large(samples.Y, np.float64, rows=used, targets=True)
    if text:
        raise ValueError(text)


def check_not_small(estimator, samples, rows, features, targets):
    """Raise an error that names the columns that are too small for a training.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator, which may know the names of the features.
    samples : Samples
        The samples in the user's units. A row with weight zero is ignored.
    rows : ndarray of intp or None
        The training rows; None for all.
    features, targets : Moments or None
        The moments of the features and of the targets, also of earlier samples.
        `targets` is None if the targets keep their units.

    Raises
    ------
    ValueError
        If there are such columns.
    """
    names = getattr(estimator, "feature_names_in_", None)
    kinds = ((samples.X, features, names, False), (samples.Y, targets, None, True))
    for values, moments, names, are_targets in kinds:
        least = _least_spread(values.dtype)
        if moments is None or (moments.square >= least**2).all():
            continue
        used = _used(samples, rows)
        text = too_small(values, used, moments.square, names, targets=are_targets)
        if text:
            raise ValueError(text)


def _used(samples, rows):
    used = np.arange(len(samples.y)) if rows is None else rows
    return used if samples.weights is None else used[samples.weights[used] > 0]
