"""A description, in words, of what a training curve shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainccinv
from sklearn.base import BaseEstimator

from .wrapped import fitted_model

# Thresholds are shares of the progress of a curve: neither the scale nor the zero of
# a loss matters. tests/test_inspection.py has the error rates.
MIN_EPOCHS = 10
SLOW = 0.02  # in the last tenth; an exponential decay has 4 % of its way left then
SETTLED = 0.03  # in the last tenth, with twice its standard error
RISE = 0.1  # of a curve above its least, for divergence and overfitting
SWING = 0.02  # from crest to trough, for an oscillation
NOISY = 0.05  # standard deviation of an epoch
JUMP = 12  # deviations of the last epoch, half as many of the last two, ...
GROWN = 1000  # the last loss by the first: divergence, however few epochs
CHANCE = 1e-4  # of white noise to pass for an oscillation
HELP = "lower learning_rate_init or scale the data"
KINDS = (
    "diverging",
    "too short",
    "flat",
    "oscillating",
    "overfitting",
    "too slow",
    "noisy",
    "converged",
)


@dataclass(frozen=True)
class Finding:
    """One property of a training curve.

    Parameters
    ----------
    kind : str
        One of the kinds that `diagnose` lists.
    statement : str
        A description, and what may help.
    numbers : dict of str to float
        The numbers in the statement: losses, and shares between 0 and 1.
    """

    kind: str
    statement: str
    numbers: dict


class Diagnosis(tuple):
    """A sequence of findings that prints as text, the most urgent first.

    Parameters
    ----------
    iterable : iterable of Finding, default=()
        The findings.
    """

    __slots__ = ()

    @property
    def kinds(self):
        """The kind of each finding."""
        return [finding.kind for finding in self]

    def __repr__(self):
        lines = [f"{finding.kind}: {finding.statement}" for finding in self]
        return "\n".join(lines) or "nothing conspicuous"


def diagnose(
    estimator: BaseEstimator | ArrayLike, validation_curve: ArrayLike | None = None
) -> Diagnosis:
    """Say in words what training curves show.

    Parameters
    ----------
    estimator : object or array-like of shape (n_epochs,)
        A fitted estimator of skgd or scikit-learn with a `loss_curve_`, also as the
        last step of a pipeline, the best estimator of a search or the regressor of a
        TransformedTargetRegressor, or the loss of each epoch.
    validation_curve : array-like of shape (n_epochs,), default=None
        The validation loss after each epoch, or the negative of a score. None uses
        `validation_loss_curve_` or `validation_scores_` of the estimator, if it has one
        of them. If this curve is shorter, for example after a warm start, both curves
        end with the same epoch.

    Returns
    -------
    diagnosis : Diagnosis
        A sequence of `Finding` objects, which prints as text. The attribute `kinds`
        contains their kinds:

        - 'diverging': the loss is not finite, training was restarted, or the loss has
          risen clearly from its minimum, possibly only in the last epoch;
        - 'too short': there are fewer than 10 epochs, so nothing else is examined;
        - 'flat': the loss never changed;
        - 'oscillating': the loss has waves of a regular period that are larger than the
          recent progress;
        - 'overfitting': the validation curve has risen clearly from its minimum, while
          the training loss continued to fall;
        - 'too slow': the last tenth of the epochs made at least 2% of the progress,
          also of the progress on validation data if there are any;
        - 'noisy': there are no waves, but epochs differ by at least 5% of the progress;
        - 'converged': there are no other findings except noise or overfitting, and the
          change in the last tenth of the epochs, with twice its standard error, is less
          than 3% of the progress. With L-BFGS, it means that training ended by its own
          criterion, and nothing else except overfitting is examined.

    See Also
    --------
    learning_rate_range : Suggests a learning rate.

    Notes
    -----
    The progress is the distance between the highest and the lowest loss. For 'too
    slow', 'diverging' and 'overfitting', the first twentieth of the epochs is left out,
    because the loss may fall from a very high value there; the progress is then at
    least a hundredth of that of all epochs.

    Examples
    --------
    >>> import numpy as np
    >>> from skgd.inspection import diagnose
    >>> epochs = np.arange(100)
    >>> diagnose(np.exp(-epochs / 50))
    too slow: the last tenth of the epochs made 4.6% of the progress; raise
    learning_rate_init or train longer.
    >>> diagnose(np.exp(-epochs / 10), (epochs / 30 - 1) ** 2).kinds
    ['overfitting', 'converged']
    """
    restarts, remedy = 0, "raise learning_rate_init or train longer"
    held_out, scored = None, False
    arrived = False
    if hasattr(estimator, "get_params"):
        estimator, _ = fitted_model(estimator)
        curve = getattr(estimator, "loss_curve_", None)
        if curve is None:
            raise TypeError(
                "The 'estimator' parameter of diagnose must have a loss_curve_, or be "
                f"one. Got {estimator!r} instead. For a pipeline or a search, pass the "
                "estimator in it."
            )
        restarts = getattr(estimator, "n_restarts_", 0)
        remedy, arrived = _remedy(estimator), _has_arrived(estimator)
        if validation_curve is None:
            held_out, scored = _own_validation(estimator)
    else:
        curve = estimator
    curve = _checked(curve, "estimator")
    if validation_curve is not None:
        held_out = _checked(validation_curve, "validation_curve")
        if len(held_out) != len(curve) or not np.isfinite(held_out).any():
            raise ValueError(
                "The 'validation_curve' parameter of diagnose must have one value for "
                f"each of the {len(curve)} epochs of the training curve, and not only "
                f"NaN or infinity. Got {len(held_out)} values, of which "
                f"{np.isfinite(held_out).sum()} are finite, instead."
            )
    finite = _finite(curve)
    findings = _divergence(curve, finite)
    if arrived:
        said = "L-BFGS ended by its own criterion after {n_epochs:.0f} iterations."
        numbers = {"n_epochs": estimator.n_iter_, "last": curve[-1]}
        findings = [_finding("converged", said, **numbers)]
    elif len(finite) >= MIN_EPOCHS:
        findings += _findings(_Shape(finite), bool(findings), remedy)
    elif not findings:
        said = "{n_epochs:.0f} epochs are too few to tell, {enough:.0f} are enough."
        numbers = {"n_epochs": len(curve), "enough": MIN_EPOCHS}
        findings = [_finding("too short", said, **numbers)]
    if held_out is not None and len(finite) >= MIN_EPOCHS:
        if not _still_falls(held_out):
            findings = [each for each in findings if each.kind != "too slow"]
        findings += _overfitting(curve, held_out, scored)
    if restarts:
        said = "training diverged and went back, to a lower rate (restarts:"
        said = f"{said} {{n_restarts:.0f}}); {HELP}."
        findings.append(_finding("diverging", said, n_restarts=restarts))
    return Diagnosis(sorted(findings, key=lambda finding: KINDS.index(finding.kind)))


def _has_rate(estimator):
    # L-BFGS has none
    return not np.isnan(getattr(estimator, "learning_rate_", 0.0))


def _has_arrived(estimator):
    # Whether L-BFGS has converged. Two of its iterations can be enough, and the last
    # of a few can be the longest, so its curve says little.
    return not _has_rate(estimator) and estimator._state.converged


def _remedy(estimator):
    # what to do if the training is too slow
    n_iter, has_rate = estimator.n_iter_, _has_rate(estimator)
    remedy = "train longer"
    if n_iter >= estimator.max_iter:
        remedy = "raise max_iter"
    elif has_rate and n_iter == len(estimator.loss_curve_):
        remedy = "lower tol"
    return f"raise learning_rate_init or {remedy}" if has_rate else remedy


def _own_validation(estimator):
    # the curve of an estimator, or None, and whether it is of scores
    losses = getattr(estimator, "validation_loss_curve_", None)
    scores = getattr(estimator, "validation_scores_", None)
    scored = losses is None and scores is not None
    if scored:
        losses = -np.asarray(scores, dtype=np.float64)
    return (None if losses is None else _checked(losses, "estimator")), scored


def _finding(kind, statement, **numbers):
    numbers = {name: float(number) for name, number in numbers.items()}
    return Finding(kind, statement.format(**numbers), numbers)


def _checked(curve, name):
    curve = np.asarray(curve, dtype=np.float64)
    if curve.ndim != 1:
        raise ValueError(
            f"The {name!r} parameter of diagnose must be a 1-d curve. Got an array of "
            f"shape {curve.shape} instead."
        )
    return curve


def _finite(curve):
    # the epochs before the first that is not finite
    bad = np.flatnonzero(~np.isfinite(curve))
    return curve[: bad[0]] if len(bad) else curve


def _correlation(rest):
    # of successive epochs, if positive
    return max(0.0, rest[1:] @ rest[:-1] / max(rest @ rest, np.finfo(float).tiny))


def noise_of(differences, n_terms):
    """Robust standard deviation of the noise in a curve.

    Parameters
    ----------
    differences : ndarray
        Of the curve, of first or second order.
    n_terms : int
        The sum of the squared coefficients of such a difference: 2 or 6.

    Returns
    -------
    noise : float
        From the median, so that a bend or a jump does not count.
    """
    if not len(differences):
        return 0.0
    return 1.4826 * float(np.median(np.abs(differences))) / np.sqrt(n_terms)


class _Shape:
    # Progress, noise, recent trend and running means of a curve, which is divided by
    # its scale first: no square can overflow. `low` and `last` are as they were.
    def __init__(self, curve):
        n = len(curve)
        self.low, self.last = curve.min(), curve[-1]
        self.scale = float(np.abs(curve).max()) or 1.0
        curve = curve / self.scale
        self.curve = curve
        self.span = float(np.ptp(curve))
        self.progress = max(float(np.ptp(curve[n // 20 :])), 0.01 * self.span)
        self.noise = noise_of(np.diff(curve, 2), 6)
        k = min(max(3, n // 10), 10)
        self.means = np.convolve(curve, np.full(k, 1 / k), mode="valid")
        self.least = int(self.means.argmin())
        self.rise = float(self.means[-1] - self.means[self.least])
        tail = curve[-max(MIN_EPOCHS, n // 4) :]
        t = np.arange(len(tail)) - (len(tail) - 1) / 2
        slope = (t @ tail) / (t @ t)
        rest = tail - tail.mean() - slope * t
        # correlated epochs say less
        r = min(_correlation(rest), 0.8)
        deviation = np.sqrt(rest @ rest / (len(tail) - 2) * (1 + r) / (1 - r))
        # the fall in a tenth of the epochs, and its standard error
        self.gain = -slope * n / 10
        self.error = deviation / np.sqrt(t @ t) * n / 10
        enough = self.gain >= SLOW * self.progress
        self.falls = enough and self.gain > 4 * self.error
        # a steep bend is no noise: second differences, of which correlated epochs
        # make a third or a quarter, bound it
        error = min(deviation, 12 * self.noise) / np.sqrt(k)
        self.clear = max(RISE * self.progress, SWING * self.span)
        self.rises = self.rise > max(self.clear, 6 * error)

    def jumps(self):
        # Whether the last one, two or three epochs are all far above the earlier ones.
        # If as many earlier epochs are as high, these are spikes and not a jump.
        for n_last in (1, 2, 3):
            before = self.curve[-max(MIN_EPOCHS, len(self.curve) // 2) : -n_last]
            lowest, level = self.curve[-n_last:].min(), np.median(before)
            noise = max(self.noise, 1.4826 * np.median(np.abs(before - level)))
            far = lowest - level > max(self.clear, JUMP / n_last * noise)
            if far and np.sum(before >= lowest) < n_last:
                return True
        return False

    def waves(self):
        # of the last third: crest to trough, period, share of the variance, and
        # whether that is more than chance
        tail = self.curve[-max(24, len(self.curve) // 3) :]
        t = np.linspace(-1, 1, len(tail))
        trend = np.polynomial.Polynomial.fit(t, tail, 2)(t)
        rest = tail - trend
        # A wandering curve has power at low frequencies, but no waves.
        white = rest[1:] - _correlation(rest) * rest[:-1]
        power = np.abs(np.fft.rfft(white)[1:]) ** 2
        power /= max(power.sum(), np.finfo(float).tiny)
        # A wave between two frequencies shows in both; fewer than four waves are no
        # more than a bend. The share of three of M frequencies of white noise is a
        # beta variable.
        shares = np.convolve(power, np.ones(3), mode="same")[3:]
        best = int(shares.argmax())
        peak = best + 2 + int(power[best + 2 : best + 5].argmax())
        # every other epoch high: the deviation is half the height, as of no sine
        alternates = peak + 1 == len(white) // 2
        period = 2.0 if alternates else len(white) / (peak + 1)
        height = float((2 if alternates else 2 * np.sqrt(2)) * rest.std())
        limit = betainccinv(3, len(power) - 3, CHANCE / len(power))
        regular = len(self.curve) >= 24 and shares[best] > max(limit, 0.4)
        real = regular and height > max(SWING * self.span, abs(trend[-1] - trend[0]))
        return real, self.scale * height, period, float(shares[best])


def _divergence(curve, finite):
    # of any number of epochs
    if len(finite) < len(curve):
        said = f"the loss is not finite at epoch {{epoch:.0f}}; {HELP}."
        return [_finding("diverging", said, epoch=len(finite) + 1)]
    if len(curve) and curve[-1] / GROWN > abs(curve[0]) > 0:
        said = f"the loss went from {{first:.4g}} to {{last:.4g}}; {HELP}."
        return [_finding("diverging", said, first=curve[0], last=curve[-1])]
    return []


def _findings(shape, diverged, remedy):
    # of the training loss alone
    if shape.span <= 1e-12:
        said = "the loss stayed at {loss:.4g}: the start was the best, the rate is far"
        said = f"{said} too small, or it is where descent just begins to diverge."
        return [_finding("flat", said, loss=shape.last)]
    found = []
    waves, height, period, share = shape.waves()
    higher = shape.means[-1] > shape.curve[0]
    rises = shape.rises and (higher or (shape.gain < 0 and not waves))
    if not diverged and (rises or (shape.jumps() and not waves)):
        said = f"the loss rose from {{low:.4g}} to {{last:.4g}}; {HELP}."
        found.append(_finding("diverging", said, low=shape.low, last=shape.last))
    if waves:
        said = "the loss goes up and down by {height:.3g} every {period:.3g} epochs"
        said = f"{said}; lower learning_rate_init."
        numbers = {"height": height, "period": period, "share": share}
        found.append(_finding("oscillating", said, **numbers))
    if shape.falls and not waves:
        said = "the last tenth of the epochs made {gain:.1%} of the progress; "
        said, gain = f"{said}{remedy}.", shape.gain / shape.progress
        found.append(_finding("too slow", said, gain=gain, last=shape.last))
    settled = abs(shape.gain) + 2 * shape.error < SETTLED * shape.span
    if settled and not found and not diverged:
        said = "the last tenth of the epochs changed {change:.2%} of the progress."
        change = abs(shape.gain) / shape.span
        found.append(_finding("converged", said, change=change, last=shape.last))
    noise = shape.noise / shape.span
    if noise > NOISY and not waves:
        said = "epochs differ by {noise:.0%} of the progress; take larger batches, or"
        said = f"{said} let the rate fall by a schedule."
        found.append(_finding("noisy", said, noise=noise))
    return found


def _still_falls(held_out):
    # whether more epochs would help, not only on the training data
    held_out = _finite(held_out)
    return len(held_out) < MIN_EPOCHS or _Shape(held_out).falls


def _overfitting(training, held_out, scored):
    # the last epochs are the same, as far as both are finite
    n = min(len(training), len(held_out))
    n_before = len(training) - n
    training, held_out = training[n_before:], held_out[len(held_out) - n :]
    n = min(len(_finite(training)), len(_finite(held_out)))
    if n < MIN_EPOCHS:
        return []
    shape, fitted = _Shape(held_out[:n]), _Shape(training[:n])
    fell = fitted.means[shape.least] - fitted.means[-1]
    if not shape.rises or fell <= 0:
        return []
    # the middle of the running mean
    best = n_before + shape.least + (n - len(shape.means)) // 2 + 1
    sign, name = (-1, "score") if scored else (1, "loss")
    numbers = {"best": sign * shape.low, "last": sign * shape.last}
    said = (
        f"since about epoch {{best_epoch:.0f}} the validation {name} went from "
        "{best:.4g} to {last:.4g} while the training loss fell; stop early, raise "
        "alpha or dropout, or take a smaller model or more data."
    )
    return [_finding("overfitting", said, best_epoch=best, **numbers)]
