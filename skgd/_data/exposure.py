"""Exposure: each sample stands for a longer or shorter time, or for several cases.

The mean of a sample is its exposure times a rate, and the rate is the exponential of
the output. The variance is proportional to the mean to the power p. So the loss of a
target y at the mean e * m is that of the target y / e at the mean m, with the weight
e^(2 - p). Training therefore uses y / e and this weight.

The weights of all samples are divided by the mean of e^(2 - p). Otherwise, the sum of
the weights, and with it the strength of the penalty, would depend on the unit of e.
"""

from dataclasses import replace

import numpy as np
from sklearn.utils import check_array

from ..losses import Gamma, Poisson, Tweedie
from .features import is_numeric


def as_rates(estimator, given, loss, before):
    """Convert targets with an exposure to rates, and the weights accordingly.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator that gets the data.
    given : Given
        The arguments of the call.
    loss : Loss
        The loss of the training.
    before : TrainingState or None
        The state of the training that is continued, whose weights are divided by the
        same number; None for a new training.

    Returns
    -------
    given : Given
        The arguments of a call with the same objective and without an exposure. Its
        `weight_of_exposure` is the number by which the weights were divided.

    Raises
    ------
    ValueError
        If the loss has no exposure, if an exposure is not a finite number above zero,
        if a rate is too large for a number, or if the numbers of samples differ.
    """
    if given.exposure_val is not None and given.X_val is None:
        raise ValueError("exposure_val is provided, but X_val was not provided.")
    mean = None if before is None else before.weight_of_exposure
    if given.exposure is given.exposure_val is None and mean in (None, 1.0):
        return given
    changed = {"exposure": None, "exposure_val": None}
    for end in ("", "_val"):
        y, weights = getattr(given, f"y{end}"), getattr(given, f"sample_weight{end}")
        exposure, factors = getattr(given, f"exposure{end}"), 1.0
        if np.ndim(y) == 0 or not is_numeric(y):  # `check_samples` refuses these
            continue
        weights = 1.0 if weights is None else weights
        if exposure is not None:
            exposure = check_exposure(
                estimator, exposure, loss, len(y), f"exposure{end}"
            )
            changed[f"y{end}"] = _rates(y, exposure, f"exposure{end}")
            factors = exposure ** (2 - _power(loss))
        # (`check_weights` refuses others)
        if is_numeric(weights) and np.shape(weights) in ((), (len(y),)):
            weights = np.asarray(weights, dtype=np.float64)
            if mean is None:
                mean = 1.0 if exposure is None else _mean(factors, weights)
            weights = np.full(len(y), weights * factors / mean)
        changed[f"sample_weight{end}"] = weights
    return replace(given, **changed, weight_of_exposure=mean or 1.0)


def check_exposure(estimator, exposure, loss, n_samples, name="exposure"):
    """Check the exposure of samples.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator that gets the data.
    exposure : array-like of shape (n_samples,)
        The exposure.
    loss : Loss
        The loss of the training.
    n_samples : int
        The number of samples.
    name : str, default="exposure"
        The name of the argument.

    Returns
    -------
    exposure : ndarray of shape (n_samples,)
        The exposure in float64.

    Raises
    ------
    ValueError
        As `as_rates`.
    """
    if _power(loss) is None:
        raise ValueError(
            f"{name} needs loss='poisson', 'gamma' or 'tweedie', or an instance of one "
            f"of their classes in skgd.losses. The loss of this "
            f"{type(estimator).__name__} is {loss!r}."
        )
    if np.shape(exposure) != (n_samples,):
        raise ValueError(
            f"{name}.shape == {np.shape(exposure)}, expected {(n_samples,)}!"
        )
    if not is_numeric(exposure):
        raise ValueError(f"{name} must be an array of numbers. Got {exposure!r}.")
    exposure = check_array(exposure, ensure_2d=False, dtype=np.float64, input_name=name)
    if (exposure <= 0).any():
        raise ValueError(
            f"All values of {name} must be > 0. The least is {exposure.min()}."
        )
    return exposure


def like_rows(exposure, y):
    """Give the exposure as many dimensions as targets or predictions have.

    Parameters
    ----------
    exposure : ndarray of shape (n_samples,)
        The exposure.
    y : ndarray of shape (n_samples, ...)
        Targets or predictions.

    Returns
    -------
    exposure : ndarray of shape (n_samples, ...)
        A view with the dtype of `y` that can be broadcast.
    """
    shape = (-1,) + (1,) * (y.ndim - 1)
    return exposure.reshape(shape).astype(y.dtype, copy=False)


def _rates(y, exposure, name):
    # targets per unit of the exposure
    y = np.asarray(y, dtype=np.float64)
    with np.errstate(over="ignore"):
        rates = y / like_rows(exposure, y)
    if np.isinf(rates).any() and not np.isinf(y).any():
        raise ValueError(
            f"Targets divided by {name} are too large for a number. The least value of "
            f"{name} is {exposure.min():.3g}: choose another unit of the exposure."
        )
    return rates


def _mean(factors, weights):
    # the weighted mean of the factors; 1 if there is none, which is refused later
    weights = np.broadcast_to(weights, factors.shape)
    total = weights.sum()
    return float((factors * weights).sum() / total) if total > 0 else 1.0


def _power(loss):
    # the variance is proportional to this power of the mean; None for other losses
    if isinstance(loss, Tweedie):
        return loss.power
    return 1 if isinstance(loss, Poisson) else 2 if isinstance(loss, Gamma) else None
