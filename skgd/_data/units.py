"""Standardisation: the units of training, computed from the data seen so far.

Training uses ``(x - mean) / scale`` for features and, likewise, for targets. When the
units change, `conversion.py` converts the weights.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse as sp

from .._rules.plain_state import stored_as_dict
from .features import as_rows
from .magnitudes import check_not_large, check_not_small
from .moments import Moments, moments_of

# Numbers that are smaller than the largest one by this factor can be added up.
MOST_ROWS = 1e12
LARGEST = np.finfo(np.float64).max


@stored_as_dict
@dataclass(frozen=True)
class Units:
    """The units of training, expressed in the user's units.

    Parameters
    ----------
    features, targets : Moments or None
        The moments so far; None for targets that keep their units.
    mean, scale : ndarray of shape (n_inputs,)
        The mean and the scale of the features, in float64. The scale of a constant
        column is 1. A network may have more inputs, see `beside`.
    varies : ndarray of bool of shape (n_inputs,)
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

    def beside(self, n_more):
        """Append inputs that keep their units.

        Parameters
        ----------
        n_more : int
            The number of these inputs, which follow the features.

        Returns
        -------
        units : Units
            The units of all inputs, with the moments of the features only.
        """
        if not n_more:
            return self
        return replace(
            self,
            mean=np.append(self.mean, np.zeros(n_more)),
            scale=np.append(self.scale, np.ones(n_more)),
            varies=np.append(self.varies, np.ones(n_more, dtype=bool)),
        )

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

    If at least half of the rows of a feature share one value, the root mean square of
    the differences of the other rows from it becomes 1 instead. A feature with two
    values thus keeps its range of one, whatever their shares.

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
    mean, deviation = _mean_and_deviation(features, dtype)
    # (A feature that is not centred may have a root mean square that is larger than all
    # differences between its rows. In that case, it keeps its root mean square.)
    deviation = np.maximum(deviation, features.deviation_from_common())
    if most is not None:
        reach = np.maximum(features.high - mean, mean - features.low)
        deviation = np.maximum(deviation, reach / most)
    scale, varies = _divisors(deviation)
    if targets is None:
        target_mean, target_scale = np.zeros(n_outputs), np.ones(n_outputs)
    else:
        target_mean, deviation = _mean_and_deviation(targets, dtype)
        target_scale, _ = _divisors(deviation)
    target_unit = target_scale
    if log_link and targets is not None:
        positive = (targets.mean > 0) & np.isfinite(targets.mean)
        target_unit = np.where(positive, targets.mean, 1.0)
        target_mean, target_scale = np.log(target_unit), np.ones(n_outputs)
    of_loss = float(np.mean(loss_unit(target_unit)))
    target = target_mean, target_scale, target_unit
    return Units(features, targets, mean, scale, varies, *target, of_loss)


def _mean_and_deviation(moments, dtype):
    mean = np.where(moments.centred, moments.mean.astype(dtype).astype(np.float64), 0)
    with np.errstate(over="ignore"):
        about_zero = moments.square + moments.mean**2
    return mean, np.sqrt(np.where(moments.centred, moments.square, about_zero))


def _divisors(deviation):
    varies = (deviation > 0) & np.isfinite(deviation)
    return np.where(varies, deviation, 1.0), varies


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
    most = estimator._most_deviations
    before = None if earlier is None else earlier.features
    usual = most is not None
    features = moments_of(X, weights, centre, rows, usual=usual, before=before)
    targets = None
    link = architecture.loss.link
    log_link = link == "exp"
    # (Probabilities keep their units. Without an intercept, nothing can be added to the
    # logarithms.)
    if estimator._y_numeric and (link == "identity" or log_link and centre):
        targets = moments_of(samples.Y, weights, centre, rows, usual=False)
    kinds = (features, False), (targets, True)
    if any(_may_be_large(m, X.dtype, is_target) for m, is_target in kinds if m):
        check_not_large(estimator, samples, rows)
    if earlier is not None:
        features = before.merge(features)
        if targets is not None and earlier.targets is not None:
            targets = earlier.targets.merge(targets)
    check_not_small(estimator, samples, rows, features, targets)
    units = units_of(
        features,
        targets,
        architecture.n_outputs,
        architecture.loss._unit,
        X.dtype,
        most=most,
        log_link=log_link,
    )
    return units.beside(architecture.sizes[0] - X.shape[1])


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
        X = _minus_mean(X, mean)
        X.data /= scale[X.indices]
        return X
    X = X - mean
    X /= scale
    return X


def _minus_mean(X, mean):
    # a copy of sparse data, in which rows store a column that has a mean, even if they
    # did not store its zeros
    columns = np.flatnonzero(mean)
    if not columns.size:
        return type(X)((X.data.copy(), X.indices, X.indptr), shape=X.shape)
    n = X.shape[0]
    indices = np.tile(columns.astype(X.indices.dtype), n)
    indptr = columns.size * np.arange(n + 1)
    means = type(X)((np.tile(mean[columns], n), indices, indptr), shape=X.shape)
    return as_rows(X - means)


def _may_be_large(moments, dtype, is_target):
    # whether some number of a column can be near the largest one of the dtype, or its
    # square infinite; of targets also whether the sum of the squares can be infinite,
    # because losses are reported in the user's units
    size = np.abs(moments.mean) + np.sqrt(moments.square)
    if not (size < np.finfo(dtype).max / MOST_ROWS).all():
        return True
    if not is_target:
        return False
    _, deviation = _mean_and_deviation(moments, np.float64)
    return (deviation >= np.sqrt(LARGEST / MOST_ROWS)).any()
