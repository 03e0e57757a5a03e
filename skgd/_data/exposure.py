"""Exposure: each sample stands for a longer or shorter time, or for several cases.

The mean of a sample is its exposure times a rate, and the rate is the exponential of
the output. The variance is proportional to the mean to the power p. So the loss of a
target y at the mean e * m is that of the target y / e at the mean m, with the weight
e^(2 - p). Training therefore uses y / e and this weight.
"""

from dataclasses import replace

import numpy as np
from sklearn.utils import check_array

from ..losses import Gamma, Poisson, Tweedie


def as_rates(estimator, given, loss):
    """Convert targets with an exposure to rates, and the weights accordingly.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator that gets the data.
    given : Given
        The arguments of the call.
    loss : Loss
        The loss of the training.

    Returns
    -------
    given : Given
        The arguments of a call with the same objective and without an exposure.

    Raises
    ------
    ValueError
        If the loss has no exposure, if an exposure is not a finite number above zero,
        or if the numbers of samples differ.
    """
    if given.exposure_val is not None and given.X_val is None:
        raise ValueError("exposure_val is provided, but X_val was not provided.")
    if given.exposure is given.exposure_val is None:
        return given
    changed = {"exposure": None, "exposure_val": None}
    for end in ("", "_val"):
        y, weights = getattr(given, f"y{end}"), getattr(given, f"sample_weight{end}")
        name = f"exposure{end}"
        exposure = getattr(given, name)
        if exposure is None or np.ndim(y) == 0:
            continue
        y = np.asarray(y, dtype=np.float64)
        exposure = check_exposure(estimator, exposure, loss, len(y), name)
        changed[f"y{end}"] = y / like_rows(exposure, y)
        weights = 1.0 if weights is None else np.asarray(weights, dtype=np.float64)
        if np.shape(weights) in ((), exposure.shape):  # others are refused later
            weights = weights * exposure ** (2 - _power(loss))
        changed[f"sample_weight{end}"] = weights
    return replace(given, **changed)


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


def _power(loss):
    # the variance is proportional to this power of the mean; None for other losses
    if isinstance(loss, Tweedie):
        return loss.power
    return 1 if isinstance(loss, Poisson) else 2 if isinstance(loss, Gamma) else None
