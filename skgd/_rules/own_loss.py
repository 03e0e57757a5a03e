"""A loss that the user has written in Python, as the engine calls it."""

import numpy as np

from .loss import Loss, kernel_of_function
from .plain_state import stored_as_dict

# The gradient is compared with difference quotients at so many rows and outputs.
MOST_ROWS, MOST_OUTPUTS = 8, 10
STEP, TOLERANCE = 1e-5, 1e-3


def is_own_loss(loss):
    """Check whether an object is a loss that is written in Python.

    Parameters
    ----------
    loss : object
        What the user has passed as the loss.

    Returns
    -------
    own : bool
        True for an instance that has the method ``value_and_gradient``.
    """
    has_method = callable(getattr(loss, "value_and_gradient", None))
    return has_method and not isinstance(loss, Loss | type)


@stored_as_dict
class OwnLoss(Loss):
    """A loss of the user, with the link of the log loss for classes.

    Parameters
    ----------
    rule : object
        It has the method ``value_and_gradient(y_true, raw)`` and, for regressors,
        may have the method ``predict(raw)``.
    link : {'logistic', 'custom'}
        'logistic' for classes, 'custom' for numbers.
    """

    _unit_exponent = 0

    def __init__(self, rule, link):
        self.rule = rule
        self.link = link

    def __repr__(self):
        return repr(self.rule)

    def _kernel(self, softmax=False):
        return kernel_of_function(self.value_and_gradient, softmax)

    def value_and_gradient(self, y, raw):
        """Call the method of the user and check what it returns.

        Parameters
        ----------
        y : ndarray of shape (n_samples, n_targets)
            Encoded targets.
        raw : ndarray of shape (n_samples, n_outputs)
            Raw predictions.

        Returns
        -------
        losses : ndarray of shape (n_samples,)
            The losses.
        gradient : ndarray of shape (n_samples, n_outputs)
            Their derivatives with respect to the raw predictions.
        """
        n, k = raw.shape
        found = self.rule.value_and_gradient(y, raw)
        shapes = type(found).__name__
        if isinstance(found, tuple) and len(found) == 2:
            losses, gradient = (np.asarray(part, dtype=np.float64) for part in found)
            if losses.shape == (n,) and gradient.shape == (n, k):
                return losses, gradient
            shapes = f"arrays of the shapes {losses.shape} and {gradient.shape}"
        raise ValueError(
            f"loss={self!r}: value_and_gradient must return the losses of the samples "
            f"and their gradient as arrays of the shapes {(n,)} and {(n, k)}. Got "
            f"{shapes}."
        )

    def predict(self, raw):
        """Convert raw predictions to predictions of a regressor.

        Parameters
        ----------
        raw : ndarray of shape (n_samples, n_outputs)
            Raw predictions.

        Returns
        -------
        predictions : ndarray of shape (n_samples, n_outputs)
            What the method ``predict`` of the user returns, or else `raw`.
        """
        if not hasattr(self.rule, "predict"):
            return raw
        predictions = np.asarray(self.rule.predict(raw.copy()))
        if predictions.shape != raw.shape:
            raise ValueError(
                f"loss={self!r}: predict must return an array of the shape {raw.shape} "
                f"of its argument. Got {predictions.shape}."
            )
        return predictions

    def _check_slopes(self, Y, n_outputs):
        rows = np.unique(np.linspace(0, len(Y) - 1, MOST_ROWS).astype(int))
        y = Y[rows].astype(np.float64)
        raw = np.random.RandomState(0).standard_normal((len(y), n_outputs))
        losses, gradient = self.value_and_gradient(y.copy(), raw.copy())
        # rounding errors of the difference quotient
        rounding = 100 * np.finfo(np.float64).eps * np.abs(losses) / STEP
        worst = 0.0, None
        for j in range(min(n_outputs, MOST_OUTPUTS)):
            step = np.zeros_like(raw)
            step[:, j] = STEP
            ahead, _ = self.value_and_gradient(y.copy(), raw + step)
            behind, _ = self.value_and_gradient(y.copy(), raw - step)
            with np.errstate(invalid="ignore"):
                quotient = (ahead - behind) / (2 * STEP)
                size = np.maximum(
                    1, np.maximum(np.abs(quotient), np.abs(gradient[:, j]))
                )
                excess = np.abs(quotient - gradient[:, j]) - rounding
            excess = np.where(np.isfinite(quotient), excess / size, 0)
            i = np.argmax(np.where(np.isnan(excess), np.inf, excess))
            if not excess[i] <= worst[0]:
                worst = excess[i], (i, j, gradient[i, j], quotient[i])
        if not worst[0] <= TOLERANCE:
            i, j, slope, quotient = worst[1]
            raise ValueError(
                f"The gradient of loss={self!r} does not agree with the differences of "
                f"its values. The largest difference is at y_true={y[i].tolist()} and "
                f"raw={raw[i].tolist()}: the derivative with respect to output {j} is "
                f"{slope:.6g}, but the difference quotient is {quotient:.6g}."
            )
