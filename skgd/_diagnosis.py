"""After a fit: what the training curve shows, in words."""

from dataclasses import dataclass

import numpy as np
from scipy.special import betainccinv
from sklearn.utils.validation import check_is_fitted

# Thresholds are shares of the progress of a curve: neither the scale nor the zero of
# a loss matters. tests/test_inspection.py has the error rates.
MIN_EPOCHS = 10
SLOW = 0.02  # in the last tenth; an exponential decay has 4 % of its way left then
SETTLED = 0.03  # in the last tenth, with twice its standard error
RISE = 0.1  # of a curve above its least, for divergence and overfitting
SWING = 0.02  # from crest to trough, for an oscillation
NOISY = 0.05  # standard deviation of an epoch
HUGE = 1e100  # whose squares could overflow: divergence, and no more to find
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
    """One thing that a training curve shows.

    Parameters
    ----------
    kind : str
        One of the kinds that `diagnose` lists.
    statement : str
        What it is, and what helps.
    numbers : dict of str to float
        The figures behind it; losses as they are, shares between 0 and 1.
    """

    kind: str
    statement: str
    numbers: dict


class Diagnosis(tuple):
    """Findings, the most urgent first, that print as text.

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


def diagnose(estimator, validation_curve=None):
    """Say in words what training curves show.

    Parameters
    ----------
    estimator : object or array-like of shape (n_epochs,)
        A fitted estimator with a `loss_curve_`, of this library or scikit-learn's
        `MLP*`, or the loss of each epoch.
    validation_curve : array-like of shape (n_epochs,), default=None
        With a curve: a loss on held-out data after each epoch, or a negative score.
        An estimator has its own, `validation_loss_curve_` or `validation_scores_`.

    Returns
    -------
    diagnosis : Diagnosis
        A sequence of `Finding` with `kinds` and a readable printed form. The kinds:

        - 'diverging': not finite, restarted, or rising clearly from a minimum;
        - 'too short': fewer than 10 epochs, where no more is looked for;
        - 'flat': the loss never changed;
        - 'oscillating': waves of a regular period, larger than the recent progress;
        - 'overfitting': the validation curve has risen clearly from its minimum,
          while the training loss went on falling;
        - 'too slow': the last tenth of the epochs made 2 % of the progress or more;
        - 'noisy': no waves, but epochs differ by 5 % of the progress or more;
        - 'converged': nothing else but noise or overfitting, and a change in the last
          tenth, with twice its standard error, of less than 3 % of the progress.

    See Also
    --------
    learning_rate_range : Suggests a learning rate.

    Notes
    -----
    Progress is how far the curve fell in all. For 'too slow', 'diverging' and
    'overfitting' it is how far it fell since the first twentieth of the epochs, which
    may come from far above, or a hundredth of all, if that is more.

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
    restarts, remedy, scored = 0, "train longer", False
    if hasattr(estimator, "get_params"):
        check_is_fitted(estimator)
        curve = getattr(estimator, "loss_curve_", None)
        if curve is None:
            raise TypeError(
                "The 'estimator' parameter of diagnose must have a loss_curve_, or be "
                f"one. Got {estimator!r} instead."
            )
        restarts = getattr(estimator, "n_restarts_", 0)
        if estimator.n_iter_ >= estimator.max_iter:
            remedy = "raise max_iter"
        elif estimator.n_iter_ == len(curve):
            remedy = "lower tol"
        validation_curve = getattr(estimator, "validation_loss_curve_", None)
        scores = getattr(estimator, "validation_scores_", None)
        scored = validation_curve is None and scores is not None
        if scored:
            validation_curve = -np.asarray(scores)
    else:
        curve = estimator
    curve = _checked(curve, "estimator")
    finite = _finite(curve)
    findings = _divergence(curve, finite)
    if len(finite) >= MIN_EPOCHS and np.ptp(finite) < HUGE:
        findings += _findings(_Shape(finite), bool(findings), remedy)
        if validation_curve is not None:
            held_out = _finite(_checked(validation_curve, "validation_curve"))
            findings += _overfitting(finite, held_out, scored)
    elif not findings:
        said = "{n_epochs} epochs are too few to tell, {enough} are enough."
        numbers = {"n_epochs": len(curve), "enough": MIN_EPOCHS}
        findings = [_finding("too short", said, **numbers)]
    if restarts:
        said = "training diverged and began again with a lower rate (restarts:"
        said = f"{said} {{n_restarts:.0f}}); {HELP}."
        findings.append(_finding("diverging", said, n_restarts=restarts))
    return Diagnosis(sorted(findings, key=lambda finding: KINDS.index(finding.kind)))


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
    # progress, noise, recent trend and running means of a curve
    def __init__(self, curve):
        n = len(curve)
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
        # a steep bend is no noise: second differences, of which correlated epochs
        # make a third or a quarter, bound it
        error = min(deviation, 12 * self.noise) / np.sqrt(k)
        self.rises = self.rise > max(RISE * self.progress, SWING * self.span, 6 * error)

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
        height = float(2 * np.sqrt(2) * rest.std())
        limit = betainccinv(3, len(power) - 3, CHANCE / len(power))
        regular = len(self.curve) >= 24 and shares[best] > max(limit, 0.4)
        real = regular and height > max(SWING * self.span, abs(trend[-1] - trend[0]))
        return real, height, len(white) / (peak + 1), float(shares[best])


def _divergence(curve, finite):
    # of any number of epochs
    if len(finite) < len(curve):
        said = f"the loss is not finite at epoch {{epoch:.0f}}; {HELP}."
        return [_finding("diverging", said, epoch=len(finite) + 1)]
    grown = len(curve) and curve[-1] > GROWN * abs(curve[0]) > 0
    if grown or (len(curve) and np.ptp(curve) >= HUGE):
        said = f"the loss went from {{first:.4g}} to {{last:.4g}}; {HELP}."
        return [_finding("diverging", said, first=curve[0], last=curve[-1])]
    return []


def _findings(shape, diverged, remedy):
    # of the training loss alone
    if shape.span <= 1e-12 * np.abs(shape.curve).max():
        said = "the loss stayed at {loss:.4g}: the start was the best, the rate is far"
        said = f"{said} too small, or it is where descent just begins to diverge."
        return [_finding("flat", said, loss=shape.curve[-1])]
    found = []
    waves, height, period, share = shape.waves()
    last = shape.means[-1]
    higher = last > shape.curve[0]
    if shape.rises and not diverged and (higher or (shape.gain < 0 and not waves)):
        low = shape.curve[0] if higher else shape.means[shape.least]
        said = f"the loss rose from {{low:.4g}} to {{last:.4g}}; {HELP}."
        found.append(_finding("diverging", said, low=low, last=last))
    if waves:
        said = "the loss goes up and down by {height:.3g} every {period:.3g} epochs"
        said = f"{said}; lower learning_rate_init."
        numbers = {"height": height, "period": period, "share": share}
        found.append(_finding("oscillating", said, **numbers))
    gain = shape.gain / shape.progress
    if gain >= SLOW and shape.gain > 4 * shape.error and not waves:
        said = "the last tenth of the epochs made {gain:.1%} of the progress; raise"
        said = f"{said} learning_rate_init or {remedy}."
        found.append(_finding("too slow", said, gain=gain, last=last))
    settled = abs(shape.gain) + 2 * shape.error < SETTLED * shape.span
    if settled and not found and not diverged:
        said = "the last tenth of the epochs changed {change:.2%} of the progress."
        change = abs(shape.gain) / shape.span
        found.append(_finding("converged", said, change=change, last=last))
    noise = shape.noise / shape.span
    if noise > NOISY and not waves:
        said = "epochs differ by {noise:.0%} of the progress; take larger batches, or"
        said = f"{said} let the rate fall by a schedule."
        found.append(_finding("noisy", said, noise=noise))
    return found


def _overfitting(training, held_out, scored):
    n = min(len(training), len(held_out))
    if n < MIN_EPOCHS:
        return []
    shape, fitted = _Shape(held_out[:n]), _Shape(training[:n])
    fell = fitted.means[shape.least] - fitted.means[-1]
    if not shape.rises or fell <= 0:
        return []
    # the middle of the running mean
    best = shape.least + (n - len(shape.means)) // 2 + 1
    sign, name = (-1, "score") if scored else (1, "loss")
    numbers = {"best": sign * shape.means[shape.least], "last": sign * shape.means[-1]}
    said = (
        f"since about epoch {{best_epoch:.0f}} the validation {name} went from "
        "{best:.4g} to {last:.4g} while the training loss fell; stop early, raise "
        "alpha or dropout, or take a smaller model or more data."
    )
    return [_finding("overfitting", said, best_epoch=best, **numbers)]
