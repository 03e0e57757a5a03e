"""The descent: the one loop over epochs that all estimators share."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ._data import as_rows, forward
from ._loss import losses_of_rows
from ._network import Data, Network
from ._passes import run_epoch
from ._schedule import Schedule
from ._threads import single_blas_thread
from .penalties import penalty_value

# So often a training goes back to the epoch before, with half the learning rate.
MAX_RESTARTS = 5


class Diverged(ArithmeticError):
    """The loss exploded, or numbers are not finite, whatever the learning rate.

    Parameters
    ----------
    message : str
        What happened.
    rate : float
        The last learning rate.
    """

    def __init__(self, message, rate):
        super().__init__(message)
        self.rate = rate


@dataclass
class Outcome:
    """How a descent ended."""

    n_iter: int = 0
    stopped: bool = False  # on a plateau, before max_iter
    interrupted: bool = False  # by the user, or by an observer
    n_restarts: int = 0  # after divergence


def _next_rate_or_stop(state, recipe, message, stop, observers):
    # True to stop on a plateau; 'adaptive' lowers the rate instead, to a limit
    adaptive = getattr(recipe.schedule, "_adaptive", None)
    if adaptive is not None and not recipe.may_lower:
        return False
    if adaptive is not None and state.learning_rate > adaptive.min_rate:
        state.n_plateaus += 1
        state.stopping.restart()
        factor = adaptive([0], n_plateaus=state.n_plateaus)[0]
        rate = recipe.learning_rate * state.rate_factor * factor
        observers.message(f"{message} Setting learning rate to {rate:f}")
        return False
    if stop:
        observers.message(f"{message} Stopping.")
    return stop


def _usual_objective(state, architecture, data, recipe):
    # At the start, or of predictions of zero if that is more; by a thousand rows.
    every = slice(None, None, 1 + data.n_samples // 1000)
    Y = np.ascontiguousarray(data.Y[every])
    rows = Data(as_rows(data.X[every]), units=data.units)
    kernel = architecture.loss._kernel(architecture.softmax)
    with np.errstate(over="ignore", invalid="ignore"):
        zero = losses_of_rows(
            kernel, Y, np.zeros((len(Y), architecture.n_outputs), Y.dtype)
        )
        Z = forward(architecture, state.theta, state.running, rows)
        start = losses_of_rows(kernel, Y, Z).mean()
        weights = state.theta[: architecture.n_penalised]
        penalty = penalty_value(weights, recipe.l1, recipe.l2)
    return penalty + float(max(zero.mean(), start if np.isfinite(start) else 0))


def _what_happened(state, outcome):
    if np.isfinite(state.theta).all() and np.isfinite(state.loss_curve[-1]):
        return f"The loss exploded at epoch #{outcome.n_iter}."
    return (
        f"Floating-point under-/overflow occurred at epoch #{outcome.n_iter}. Solver "
        "produced non-finite parameter weights."
    )


def _is_good(state, usual):
    # whether the last epoch is one to go back to: not one of a loss that is exploding
    curve = state.loss_curve
    falls = len(curve) > 1 and curve[-1] <= curve[-2]
    return falls or curve[-1] <= state.unit_of_loss * 10 * (1 + abs(usual))


def _go_back(state, last, outcome, observers):
    # to the end of the last good epoch, with half the rate
    what = _what_happened(state, outcome)
    n_forgotten = outcome.n_iter - last["n_iter"]
    for curve in state.curves:
        del curve[len(curve) - n_forgotten :]
    outcome.n_iter = last["n_iter"]
    state.go_back(last)
    state.forget_slots()
    state.stopping.restart()
    state.rate_factor *= 0.5
    outcome.n_restarts += 1
    observers.message(f"{what} Back to epoch {outcome.n_iter}, with half the rate.")
    if outcome.n_restarts == 1:
        warnings.warn(
            f"{what} Training goes on from the last good epoch with half the "
            "learning rate, and again if need be (n_restarts_ says how often). A "
            "smaller learning_rate_init avoids this.",
            ConvergenceWarning,
            stacklevel=2,
        )


def _give_up(state, what):
    # Without a best epoch to go back to, divergence is an error.
    if state.stopping.best_weights is None:
        raise Diverged(what, state.learning_rate)
    state.slots = None  # they diverged, too: what goes on from here makes new ones
    warnings.warn(
        f"{what} The weights of the best epoch are kept. A smaller learning rate than "
        f"{state.learning_rate:g} (learning_rate_init) might help.",
        ConvergenceWarning,
        stacklevel=2,
    )


def descend(
    state, architecture, data, recipe, rows, weight_mean, validate, stop, observers
):
    """Epoch after epoch until a plateau or `max_iter`.

    Parameters
    ----------
    state : TrainingState
        Changed in place.
    architecture : Architecture
        Of the network.
    data : Data
        The samples.
    recipe : Recipe
        How.
    rows : ndarray of intp or None
        The training rows; None for all.
    weight_mean : float
        The mean of the sample weights.
    validate : callable or None
        Returns the validation score and loss of the published parameters, and the
        number that should fall.
    stop : bool
        Whether a plateau ends the descent.
    observers : Observer
        Told of each epoch; may end the descent.

    Returns
    -------
    outcome : Outcome
        How it ended.

    Raises
    ------
    Diverged
        Where half the learning rate, and half of that, do not help.
    """
    kernel = recipe.optimizer._kernel(recipe.l1)
    state.make_slots(recipe.optimizer, kernel)
    if recipe.average is None:
        state.forget_average()
    else:
        state.make_average(architecture)
    schedule = recipe.schedule
    _warn_of_zero_rates(state, recipe)
    usual = _usual_objective(state, architecture, data, recipe)
    net = Network(architecture, state.theta, state.running, data, recipe.batch_size)
    outcome = Outcome()
    may_go_back, last = isinstance(schedule, Schedule), None
    try:
        with single_blas_thread():
            while outcome.n_iter < recipe.max_iter and not outcome.stopped:
                if may_go_back and (outcome.n_iter == 0 or _is_good(state, usual)):
                    last = {"n_iter": outcome.n_iter, **state.snapshot(slots=False)}
                observers.begin_epoch(state, outcome.n_iter)
                loss, reported = run_epoch(
                    net, state, recipe, kernel, rows, weight_mean
                )
                sound = state.is_sound(loss, usual)
                outcome.n_iter += 1
                state.loss_curve.append(reported)
                value, keep = loss, None
                if validate is not None:
                    nothing = np.nan, np.nan, np.nan
                    score, held_out, value = validate(state) if sound else nothing
                    state.validation_scores.append(score)
                    state.validation_loss_curve.append(held_out)
                    keep = state.kept
                if sound:
                    state.stopping.update(value, keep)
                asked = observers.end_epoch(state, outcome.n_iter, sound)
                if not sound and (last is None or outcome.n_restarts == MAX_RESTARTS):
                    _give_up(state, _what_happened(state, outcome))
                    outcome.stopped = True
                    break
                if not sound:
                    _go_back(state, last, outcome, observers)
                if asked:
                    outcome.interrupted = True
                    break
                if not sound:
                    continue
                if state.step < getattr(schedule, "_warming", 0):
                    state.stopping.restart()
                if state.stopping.on_plateau:
                    message = _plateau_message(recipe, state)
                    outcome.stopped = _next_rate_or_stop(
                        state, recipe, message, stop, observers
                    )
    except KeyboardInterrupt:
        # Before the first epoch has ended there is nothing to keep.
        if outcome.n_iter == 0 or not np.isfinite(state.theta).all():
            raise
        warnings.warn("Training interrupted by user.", stacklevel=2)
        outcome.interrupted = True
    finally:
        observers.close()
    state.converged = outcome.stopped
    state.restore_best()
    return outcome


def _warn_of_zero_rates(state, recipe):
    ahead = state.step + np.arange(min(recipe.n_steps, 1000))
    schedule = recipe.schedule
    if isinstance(schedule, Schedule) and not schedule(ahead, recipe.n_steps).any():
        warnings.warn(
            f"The learning rate is 0: {schedule!r} ended after "
            f"{recipe.n_steps} updates (max_iter epochs), this would be update "
            f"{state.step + 1}. Nothing is learned: set its n_steps, or another "
            "schedule.",
            ConvergenceWarning,
            stacklevel=2,
        )


def _plateau_message(recipe, state):
    return (
        f"{state.watched.capitalize()} did not improve more than "
        f"tol={state.stopping.tol:f} for {recipe.n_iter_no_change} consecutive epochs"
        + (" (their mean, against as many before)." if state.stopping.windowed else ".")
    )
