"""Standardisation: the units of training, computed from the data seen so far.

Training uses ``(x - mean) / scale`` for features and, likewise, for targets. When the
units change, `conversion.py` converts the weights.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse as sp
from sklearn.utils.sparsefuncs import mean_variance_axis, min_max_axis

# the number of rows that are read at a time, so that the data are not copied as a whole
CHUNK = 4096
# the number of rows from which the usual range of a column is computed
RANGE_ROWS = 10_000


@dataclass(frozen=True)
class Moments:
    """Weighted mean, mean square and usual range of columns, of all samples so far.

    Mean squares are those of the differences from the mean. `centred` says whether
    training can subtract the mean from a column. It cannot if there is no intercept, or
    if a sparse row does not store the column.
    """

    centred: np.ndarray
    weight: float
    mean: np.ndarray
    square: np.ndarray
    low: np.ndarray
    high: np.ndarray

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
            self.centred & other.centred,
            self.weight + other.weight,
            self.mean + share * shift,
            square + share * (1 - share) * shift**2,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )


def moments_of(X, weights, centre, rows=None):
    """Compute the moments of the columns of a sample.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_columns)
        Validated data.
    weights : ndarray of shape (n_samples,) or None
        Sample weights. A row with weight zero is ignored.
    centre : bool
        Whether columns are centred, if sparse rows remain sparse.
    rows : ndarray of intp, default=None
        The rows that are used; None for all.

    Returns
    -------
    moments : Moments
        The moments in float64, computed in two passes.
    """
    if weights is not None and not weights.all():
        rows = np.arange(X.shape[0]) if rows is None else rows
        rows = rows[weights[rows] > 0]
    if sp.issparse(X):
        if rows is not None:
            X, weights = X[rows], None if weights is None else weights[rows]
        return _sparse_moments(X, weights, centre)
    usual_low, usual_high = _usual_range(X, rows)
    # differences from the first row are exact for constant and nearly constant columns
    first = X[0 if rows is None else rows[0]].astype(np.float64)
    low = high = first
    total = weight = 0.0
    for part, share in _chunks(X, weights, rows):
        low, high = (
            np.minimum(low, part.min(axis=0)),
            np.maximum(high, part.max(axis=0)),
        )
        weight += share.sum()
        total = total + share @ (part - first)
    mean = first + total / weight
    reach = np.maximum(high - mean, mean - low)
    reach[reach == 0] = 1  # a divisor, so that no square over- or underflows
    square = 0.0
    for part, share in _chunks(X, weights, rows):
        square = square + share @ ((part - mean) / reach) ** 2
    with np.errstate(over="ignore"):  # a column with an infinite square is ignored
        square *= reach**2 / weight
    usual = usual_low, usual_high
    return Moments(np.full(mean.shape, centre), weight, mean, square, *usual)


def _usual_range(X, rows=None):
    # The range of dense columns without the most extreme value on either side and
    # without one value in a thousand. Otherwise, a mistyped number would determine it.
    n = X.shape[0] if rows is None else len(rows)
    every = slice(None, None, 1 + n // RANGE_ROWS)
    sample = X[every] if rows is None else X[rows[every]]
    sample = sample.astype(np.float64)
    k = min(1 + len(sample) // 1000, len(sample) - 1)
    sample = np.partition(sample, (k, len(sample) - 1 - k), axis=0)
    return sample[k], sample[-1 - k]


def _chunks(X, weights, rows):
    # rows and their weights in float64, a few at a time to avoid a copy of all data
    n = X.shape[0] if rows is None else len(rows)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        part = part if rows is None else rows[part]
        values = X[part].astype(np.float64)
        if weights is None:
            yield values, np.ones(len(values))
        else:
            yield values, weights[part].astype(np.float64)


def _sparse_moments(X, weights, centre):
    weight = float(X.shape[0])
    if weights is not None:
        weights = weights.astype(np.float64)
        weight = float(weights.sum())
    low, high = (part.astype(np.float64) for part in min_max_axis(X, axis=0))
    reach = np.maximum(np.abs(low), np.abs(high))
    reach[reach == 0] = 1
    values = X.astype(np.float64)
    values.data /= reach[X.indices]
    mean, square = mean_variance_axis(values, axis=0, weights=weights)
    mean, square = mean * reach, square * reach**2
    constant = low == high
    mean[constant], square[constant] = low[constant], 0
    full = np.bincount(X.indices, minlength=X.shape[1]) == X.shape[0]
    if full.any():
        low[full], high[full] = _usual_range(X[:, np.flatnonzero(full)].toarray())
    centred = centre & full
    return Moments(centred, weight, mean, square, low, high)


@dataclass(frozen=True)
class Units:
    """The units of training, expressed in the user's units.

    Parameters
    ----------
    features, targets : Moments or None
        The moments so far; None for targets that keep their units.
    mean, scale : ndarray of shape (n_features,)
        The mean and the scale of the features, in float64. The scale of a constant
        column is 1.
    varies : ndarray of bool of shape (n_features,)
        False for a constant column. It has no information, and its weights count as
        zero.
    target_mean, target_scale : ndarray of shape (n_targets,)
        A raw prediction in the user's units is the output of the network times this
        scale, plus this mean. With the log link, the mean is the logarithm of the mean
        of the targets, and the scale is 1.
    target_unit : ndarray of shape (n_targets,)
        The unit of the targets. It is `target_scale` or, with the log link, the mean of
        the targets.
    of_loss : float
        A loss of one in the user's units. For several targets, it is the mean over the
        targets.
    """

    features: Moments
    targets: Moments | None
    mean: np.ndarray
    scale: np.ndarray
    varies: np.ndarray
    target_mean: np.ndarray
    target_scale: np.ndarray
    target_unit: np.ndarray
    of_loss: float

    def of_targets(self, Y):
        """Convert targets to units of training.

        Parameters
        ----------
        Y : ndarray of shape (n_samples, n_targets)
            Targets in the user's units.

        Returns
        -------
        Y : ndarray of shape (n_samples, n_targets)
            Targets in units of training. They are a copy if the units differ.
        """
        if self.targets is None:
            return Y
        # with the log link, the mean is a logarithm, which is not subtracted
        linear = np.array_equal(self.target_unit, self.target_scale)
        mean = self.target_mean if linear else np.zeros_like(self.target_mean)
        return to_units(Y, mean, self.target_unit)

    def same_as(self, other):
        """Check whether other units are the same.

        Parameters
        ----------
        other : Units
            The other units.

        Returns
        -------
        same : bool
            True if all means and scales are equal, so that nothing has to be converted.
        """
        names = (
            "mean",
            "scale",
            "varies",
            "target_mean",
            "target_scale",
            "target_unit",
        )
        return all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in names
        )


def units_of(
    features, targets, n_outputs, loss_unit, dtype, *, most=None, log_link=False
):
    """Compute the units in which columns have mean 0 and standard deviation 1.

    Parameters
    ----------
    features, targets : Moments
        The moments of the data. If `targets` is None, the targets keep their units.
    n_outputs : int
        The number of outputs of the network.
    loss_unit : callable
        A function that takes the unit of each target and returns a loss of one in the
        user's units.
    dtype : dtype
        The dtype of the data. A mean is a number of this type, so that subtracting is
        exact.
    most : float, default=None
        The largest distance of a value from the mean, in standard deviations. Columns
        with larger distances get a larger unit.
    log_link : bool, default=False
        Whether raw predictions are logarithms of the means of the targets. In this
        case, the unit of the targets is their mean.

    Returns
    -------
    units : Units
        The units.
    """
    mean, scale, varies = _scales(features, dtype, most)
    if targets is None:
        target_mean, target_scale = np.zeros(n_outputs), np.ones(n_outputs)
    else:
        target_mean, target_scale, _ = _scales(targets, dtype, None)
    target_unit = target_scale
    if log_link and targets is not None:
        positive = (targets.mean > 0) & np.isfinite(targets.mean)
        target_unit = np.where(positive, targets.mean, 1.0)
        target_mean, target_scale = np.log(target_unit), np.ones(n_outputs)
    of_loss = float(np.mean(loss_unit(target_unit)))
    target = target_mean, target_scale, target_unit
    return Units(features, targets, mean, scale, varies, *target, of_loss)


def _scales(moments, dtype, most):
    mean = np.where(moments.centred, moments.mean.astype(dtype).astype(np.float64), 0)
    with np.errstate(over="ignore"):
        about_zero = moments.square + moments.mean**2
    scale = np.sqrt(np.where(moments.centred, moments.square, about_zero))
    if most is not None:
        reach = np.maximum(moments.high - mean, mean - moments.low)
        scale = np.maximum(scale, reach / most)
    varies = (scale > 0) & np.isfinite(scale)
    return mean, np.where(varies, scale, 1.0), varies


def training_units(estimator, samples, architecture, rows=None, earlier=None):
    """Compute the units of a training from its training samples.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator, which has the parameter `standardize`.
    samples : Samples
        The samples in the user's units.
    architecture : Architecture
        The architecture of the network.
    rows : ndarray of intp, default=None
        The training rows; None for all.
    earlier : Units, default=None
        The units of the earlier calls, which contain moments of the same stream.

    Returns
    -------
    units : Units or None
        The units; None if training keeps the user's units.
    """
    if not estimator.standardize:
        return None
    X, weights = samples.X, samples.weights
    centre = architecture.fit_intercept
    features, targets = moments_of(X, weights, centre, rows), None
    log_link = architecture.loss.link == "exp"
    # (without an intercept, nothing can be added to the logarithms)
    if estimator._y_numeric and (centre or not log_link):
        targets = moments_of(samples.Y, weights, centre, rows)
    if earlier is not None:
        features = earlier.features.merge(features)
        if targets is not None and earlier.targets is not None:
            targets = earlier.targets.merge(targets)
    return units_of(
        features,
        targets,
        architecture.n_outputs,
        architecture.loss._unit,
        X.dtype,
        most=estimator._most_deviations,
        log_link=log_link,
    )


def to_units(X, mean, scale):
    """Convert data to units of training.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_columns)
        Data in the user's units.
    mean, scale : ndarray of shape (n_columns,)
        The mean and the scale of each column, from `Units`.

    Returns
    -------
    X : ndarray or CSR of shape (n_samples, n_columns)
        A converted copy of the same dtype.
    """
    mean, scale = mean.astype(X.dtype), scale.astype(X.dtype)
    if sp.issparse(X):
        scaled = _with_stored(X, np.flatnonzero(mean))
        scaled.data -= mean[scaled.indices]
        scaled.data /= scale[scaled.indices]
        return scaled
    X = X - mean
    X /= scale
    return X


def _with_stored(X, columns):
    # a copy of sparse data in which every row stores the given columns, even if zero
    counts = np.bincount(X.indices, minlength=X.shape[1])
    columns = columns[counts[columns] < X.shape[0]]
    if not columns.size:
        return type(X)((X.data.copy(), X.indices, X.indptr), shape=X.shape)
    there = X.tocoo()
    rows = np.repeat(np.arange(X.shape[0]), columns.size)
    more = np.tile(columns, X.shape[0])
    data = np.r_[there.data, np.zeros(rows.size, X.dtype)]
    where = np.r_[there.row, rows], np.r_[there.col, more]
    stored = sp.coo_matrix((data, where), shape=X.shape).tocsr()
    stored.sum_duplicates()
    return stored
