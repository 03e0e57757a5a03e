"""The descent: the one loop over epochs that all estimators share."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ._network import Network
from ._passes import run_epoch
from ._schedule import Schedule
from ._threads import single_blas_thread


class Diverged(ArithmeticError):
    """The loss exploded, or numbers are not finite, with no epoch to go back to."""


@dataclass
class Outcome:
    """How a descent ended."""

    n_iter: int = 0
    stopped: bool = False  # on a plateau, before max_iter
    interrupted: bool = False  # by the user, or by an observer


def _next_rate_or_stop(state, recipe, message, stop, observers):
    # True to stop on a plateau; 'adaptive' lowers the rate instead, to a limit
    adaptive = getattr(recipe.schedule, "_adaptive", None)
    if adaptive is not None and not recipe.may_lower:
        return False
    if adaptive is not None and state.learning_rate > adaptive.min_rate:
        state.n_plateaus += 1
        state.stopping.restart()
        factor = adaptive([0], n_plateaus=state.n_plateaus)[0]
        rate = recipe.learning_rate * factor
        observers.message(f"{message} Setting learning rate to {rate:f}")
        return False
    if stop:
        observers.message(f"{message} Stopping.")
    return stop


def _diverged(state, recipe, outcome):
    # Without a best epoch to go back to, divergence is an error.
    epoch = outcome.n_iter
    what = f"The loss exploded at epoch #{epoch}."
    if not np.isfinite(state.theta).all() or not np.isfinite(state.loss_curve[-1]):
        what = (
            f"Floating-point under-/overflow occurred at epoch #{epoch}. Solver "
            "produced non-finite parameter weights."
        )
    message = (
        f"{what} The input data may contain large values and "
        "need to be preprocessed. Scaling input data with StandardScaler or "
        "MinMaxScaler might help. So might a smaller learning rate than "
        f"{state.learning_rate:g} (learning_rate_init)."
    )
    if recipe.may_restart or state.stopping.best_weights is None:
        raise Diverged(message)
    state.slots = None  # they diverged, too: what goes on from here makes new ones
    warnings.warn(
        f"{message} The weights of the best epoch are kept.",
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
        Returns the validation score and loss of the published parameters.
    stop : bool
        Whether a plateau ends the descent.
    observers : Observer
        Told of each epoch; may end the descent.

    Returns
    -------
    outcome : Outcome
        How it ended.
    """
    kernel = recipe.optimizer._kernel(recipe.l1)
    state.make_slots(recipe.optimizer, kernel)
    if recipe.average_from == np.inf:
        state.average, state.n_averaged = None, 0.0
    elif state.average is None:
        state.average = np.zeros_like(state.theta)
    first = None
    schedule = recipe.schedule
    ahead = state.step + np.arange(min(recipe.n_steps, 1000))
    if isinstance(schedule, Schedule) and not schedule(ahead, recipe.n_steps).any():
        warnings.warn(
            f"The learning rate is 0: {recipe.schedule!r} ended after "
            f"{recipe.n_steps} updates (max_iter epochs), this would be update "
            f"{state.step + 1}. Nothing is learned: set its n_steps, or another "
            "schedule.",
            ConvergenceWarning,
            stacklevel=2,
        )
    net = Network(architecture, state.theta, state.running, data, recipe.batch_size)
    outcome = Outcome()
    try:
        with single_blas_thread():
            while outcome.n_iter < recipe.max_iter and not outcome.stopped:
                observers.begin_epoch(state, outcome.n_iter)
                loss, reported = run_epoch(
                    net, state, recipe, kernel, rows, weight_mean
                )
                outcome.n_iter += 1
                state.loss_curve.append(reported)
                first = loss if first is None else first
                finite = state.is_sound(loss, first if stop else None)
                value, keep = loss, None
                if validate is not None:
                    nothing = np.nan, np.nan
                    score, held_out = validate(state) if finite else nothing
                    state.validation_scores.append(score)
                    state.validation_loss_curve.append(held_out)
                    value, keep = held_out / state.unit_of_loss, state.kept
                if finite:
                    state.stopping.update(value, keep)
                asked = observers.end_epoch(state, outcome.n_iter, finite)
                if not finite:
                    _diverged(state, recipe, outcome)
                    outcome.stopped = True
                    break
                if asked:
                    outcome.interrupted = True
                    break
                if state.step < getattr(schedule, "_warming", 0):
                    state.stopping.restart()
                if state.stopping.on_plateau:
                    message = _plateau_message(recipe, state, validate)
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


def _plateau_message(recipe, state, validate):
    watched = "Training loss" if validate is None else "Validation loss"
    return (
        f"{watched} did not improve more than tol={state.stopping.tol:f} for "
        f"{recipe.n_iter_no_change} consecutive epochs"
        + (" (their mean, against as many before)." if state.stopping.windowed else ".")
    )
