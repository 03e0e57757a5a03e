"""A description, in words, of what a training curve shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from .shape import GROWN, MIN_EPOCHS, NOISY, SETTLED, Shape
from .wrapped import fitted_model

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
        - 'too slow': the last tenth of the epochs made at least 2% of the progress, or
          the second half of the training made at least 15%, where the sum of the
          learning rates counts instead of the epochs. If there is a validation curve,
          this is also true of that curve;
        - 'noisy': there are no waves, but epochs differ by at least 5% of the progress;
        - 'converged': there are no other findings except noise, and the change in the
          last tenth of the epochs, with twice its standard error, is less than 3% of
          the progress. With L-BFGS, it means that training ended by its own criterion,
          and nothing else except overfitting is examined.

    See Also
    --------
    learning_rate_range : Suggests a learning rate.

    Notes
    -----
    The progress is the distance between the highest and the lowest loss. For 'too
    slow', 'diverging' and 'overfitting', the first twentieth of the epochs is left out,
    because the loss may fall from a very high value there; the progress is then at
    least a hundredth of that of all epochs.

    The training loss alone does not say whether a longer training would also lower the
    loss of new data. Without a validation curve, the text of 'too slow' therefore
    advises cross-validation. Networks of skgd have a validation curve by default,
    since their trials hold out rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skgd.inspection import diagnose
    >>> epochs = np.arange(100)
    >>> diagnose(np.exp(-epochs / 50), 1 + np.exp(-epochs / 40))
    too slow: the last tenth of the epochs made 4.6% of the progress, and the
    validation loss falls, too; train longer.
    >>> diagnose(np.exp(-epochs / 10), (epochs / 30 - 1) ** 2).kinds
    ['overfitting']
    """
    evidence = _evidence(estimator, validation_curve)
    curve, held_out = evidence.curve, evidence.held_out
    finite = _finite(curve)
    findings = _divergence(curve, finite)
    if evidence.arrived:
        said = "L-BFGS ended by its own criterion after {n_epochs:.0f} iterations."
        numbers = {"n_epochs": len(curve), "last": curve[-1]}
        findings = [_finding("converged", said, **numbers)]
    elif len(finite) >= MIN_EPOCHS:
        findings += _findings(evidence, finite, bool(findings))
    elif not findings:
        said = "{n_epochs:.0f} epochs are too few to tell, {enough:.0f} are enough."
        numbers = {"n_epochs": len(curve), "enough": MIN_EPOCHS}
        findings = [_finding("too short", said, **numbers)]
    if held_out is not None and len(finite) >= MIN_EPOCHS:
        overfitting = _overfitting(evidence)
        if overfitting:  # a training that has gone too far has not arrived
            findings = [each for each in findings if each.kind != "converged"]
        findings += overfitting
    if evidence.n_restarts:
        said = "training diverged and went back, to a lower rate (restarts:"
        said = f"{said} {{n_restarts:.0f}}); {HELP}."
        findings.append(_finding("diverging", said, n_restarts=evidence.n_restarts))
    return Diagnosis(sorted(findings, key=lambda finding: KINDS.index(finding.kind)))


@dataclass
class _Evidence:
    # what is known about a training
    curve: np.ndarray
    held_out: np.ndarray | None = None
    scored: bool = False  # whether the validation curve is that of a negative score
    keeps_best: bool = False  # whether early stopping has chosen the epoch
    rates: np.ndarray | None = None  # of each epoch
    has_rate: bool = True  # False for L-BFGS
    arrived: bool = False  # L-BFGS ended by its own criterion
    n_restarts: int = 0  # after divergence
    longer: str = "train longer"  # how to do so


def _evidence(estimator, validation_curve):
    if hasattr(estimator, "get_params"):
        evidence = _evidence_of_model(fitted_model(estimator)[0])
    else:
        evidence = _Evidence(_checked(estimator, "estimator"))
    if validation_curve is not None:
        held_out = _checked(validation_curve, "validation_curve")
        n_epochs, n_finite = len(evidence.curve), np.isfinite(held_out).sum()
        if len(held_out) != n_epochs or not n_finite:
            raise ValueError(
                "The 'validation_curve' parameter of diagnose must have one value for "
                f"each of the {n_epochs} epochs of the training curve, and not only "
                f"NaN or infinity. Got {len(held_out)} values, of which {n_finite} are "
                "finite, instead."
            )
        evidence.held_out, evidence.scored = held_out, False
    return evidence


def _evidence_of_model(model):
    curve = getattr(model, "loss_curve_", None)
    if curve is None:
        raise TypeError(
            "The 'estimator' parameter of diagnose must have a loss_curve_, or be "
            f"one. Got {model!r} instead."
        )
    evidence = _Evidence(_checked(curve, "estimator"))
    evidence.has_rate = not np.isnan(getattr(model, "learning_rate_", 0.0))
    state = getattr(model, "_state", None)
    if evidence.has_rate and state is not None and len(state.rates) == len(curve):
        evidence.rates = np.asarray(state.rates)
    # Two iterations of L-BFGS can be enough, and the last of a few can be the longest,
    # so its curve says little.
    evidence.arrived = not evidence.has_rate and state.converged
    evidence.n_restarts = getattr(model, "n_restarts_", 0)
    losses = getattr(model, "validation_loss_curve_", None)
    scores = getattr(model, "validation_scores_", None)
    validated = losses is not None or scores is not None
    # (a stream is only watched; MLP* have early stopping, but no best_iter_)
    evidence.keeps_best = validated and getattr(model, "best_iter_", 0) is not None
    evidence.scored = losses is None and scores is not None
    if validated:
        held_out = -np.asarray(scores, float) if evidence.scored else losses
        evidence.held_out = _checked(held_out, "estimator")
    if model.n_iter_ >= model.max_iter:
        evidence.longer = "raise max_iter"
    elif evidence.has_rate and model.n_iter_ == len(curve):
        evidence.longer = "lower tol"
    return evidence


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


def _divergence(curve, finite):
    # of any number of epochs
    if len(finite) < len(curve):
        said = f"the loss is not finite at epoch {{epoch:.0f}}; {HELP}."
        return [_finding("diverging", said, epoch=len(finite) + 1)]
    if len(curve) and curve[-1] / GROWN > abs(curve[0]) > 0:
        said = f"the loss went from {{first:.4g}} to {{last:.4g}}; {HELP}."
        return [_finding("diverging", said, first=curve[0], last=curve[-1])]
    return []


def _findings(evidence, finite, diverged):
    # of the training loss, and of the validation curve if it falls as well
    rates = evidence.rates
    shape = Shape(finite, None if rates is None else rates[: len(finite)])
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
    is_slow = shape.is_slow and not waves and not rises
    if is_slow and _would_fall(evidence):
        found.append(_too_slow(shape, evidence))
    settled = abs(shape.gain) + 2 * shape.error < SETTLED * shape.span
    if settled and not found and not (is_slow or diverged):
        said = "the last tenth of the epochs changed {change:.2%} of the progress."
        change = abs(shape.gain) / shape.span
        found.append(_finding("converged", said, change=change, last=shape.last))
    noise = shape.noise / shape.span
    if noise > NOISY and not waves:
        said = "epochs differ by {noise:.0%} of the progress."
        found.append(_finding("noisy", said, noise=noise))
    return found


def _would_fall(evidence):
    # whether more epochs would help on held-out data, as far as is known
    if evidence.held_out is None:
        return True
    held_out, rates = _finite(evidence.held_out), evidence.rates
    if len(held_out) < MIN_EPOCHS:
        return True
    matches = rates is not None and len(rates) == len(evidence.held_out)
    shape = Shape(held_out, rates[: len(held_out)] if matches else None)
    return shape.is_slow and not shape.rises


def _too_slow(shape, evidence):
    if shape.falls:
        said, gain = "the last tenth of the epochs", shape.gain / shape.progress
    else:  # the rate has fallen so far that the curve is flat
        said, gain = "the second half of all steps, by their rates,", shape.late
    said = f"{said} made {{gain:.1%}} of the progress"
    alone = evidence.held_out is None
    if shape.has_hardly_begun and evidence.has_rate:
        said = f"{said}, so the training has hardly begun; raise learning_rate_init "
        said = f"{said}(learning_rate_range suggests a value) or {evidence.longer}"
        said += ", and check by cross-validation that it helps." if alone else "."
    elif alone:
        said = f"{said} of the training loss; cross-validation would show whether it "
        said += (
            "helps to raise learning_rate_init or "
            if evidence.has_rate
            else "helps to "
        )
        said = f"{said}{evidence.longer}."
    else:
        name = "score rises" if evidence.scored else "loss falls"
        said = f"{said}, and the validation {name}, too; {evidence.longer}."
    return _finding("too slow", said, gain=gain, last=shape.last)


def _overfitting(evidence):
    # the last epochs are the same, as far as both are finite
    training, held_out = evidence.curve, evidence.held_out
    n = min(len(training), len(held_out))
    n_before = len(training) - n
    training, held_out = training[n_before:], held_out[len(held_out) - n :]
    n = min(len(_finite(training)), len(_finite(held_out)))
    if n < MIN_EPOCHS:
        return []
    shape = Shape(held_out[:n], is_loss=not evidence.scored)
    fitted = Shape(training[:n])
    fell = fitted.means[shape.least] - fitted.means[-1]
    if not shape.rises or fell <= 0:
        return []
    # the middle of the running mean
    best = n_before + shape.least + (n - len(shape.means)) // 2 + 1
    sign, name = (-1, "score") if evidence.scored else (1, "loss")
    numbers = {"best": sign * shape.low, "last": sign * shape.last}
    advice = "early stopping, or a training of as many epochs, avoids this"
    if evidence.keeps_best:
        advice = "early stopping has taken this into account"
    said = (
        f"since about epoch {{best_epoch:.0f}} the validation {name} went from "
        f"{{best:.4g}} to {{last:.4g}} while the training loss fell; {advice}."
    )
    return [_finding("overfitting", said, best_epoch=best, **numbers)]
