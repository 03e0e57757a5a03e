"""The descent: the one loop over epochs that all estimators share."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import sparse as sp
from sklearn.exceptions import ConvergenceWarning

from .._engine.network import Network, Workspace
from .._rules.schedule import Schedule
from .divergence import Diverged, Guard, warn_of_restart, what_happened
from .passes import run_epoch


@dataclass
class Outcome:
    """How a descent ended."""

    n_iter: int = 0
    stopped: bool = False  # on a plateau, or for good after divergence
    interrupted: bool = False  # by the user, or by an observer


def _next_rate_or_stop(state, recipe, message, stop, observers):
    # True to stop on a plateau; 'adaptive' lowers the rate instead, to a limit
    adaptive = getattr(recipe.schedule, "_adaptive", None)
    least = 0 if adaptive is None else adaptive.min_rate * state.rate_factor
    if adaptive is not None and state.learning_rate > least:
        state.n_plateaus += 1
        state.stopping.restart()
        factor = adaptive([0], n_plateaus=state.n_plateaus)[0]
        rate = recipe.learning_rate * state.rate_factor * factor
        text = f"{message} Setting learning rate to {rate:f}"
        observers.message(text, minor=True)
        return False
    if stop:
        observers.message(f"{message} Stopping.")
    return stop


def _give_up(state, what, loss):
    # Without a best epoch to go back to, divergence is an error.
    if state.stopping.best_weights is None:
        raise Diverged(what, state.learning_rate, loss)
    state.slots = None  # they diverged, too: what goes on from here makes new ones
    warnings.warn(
        f"{what} The weights of the best epoch are kept. A smaller learning rate than "
        f"{state.learning_rate:g} (learning_rate_init) might help.",
        ConvergenceWarning,
        stacklevel=2,
    )


def _append(state, reported, scores):
    # all curves at once: an interrupt leaves none shorter
    state.loss_curve.append(reported)
    if scores is not None:
        state.validation_scores.append(scores[0])
        state.validation_loss_curve.append(scores[1])


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
    if recipe.learning_rate != state.rate_of_factor:
        state.rate_factor, state.rate_of_factor = 1.0, recipe.learning_rate
    state.n_restarts = 0
    may_go_back = isinstance(schedule, Schedule)
    guard = Guard(state, architecture, data, may_go_back, single=not stop)
    net = Network(architecture, state.theta, state.running, sp.issparse(data.X))
    workspace = Workspace(net, data, recipe.batch_size)
    outcome = Outcome()
    try:
        while outcome.n_iter < recipe.max_iter and not outcome.stopped:
            guard.begin_epoch(state, outcome.n_iter)
            observers.begin_epoch(state, outcome.n_iter)
            loss, reported, penalty = run_epoch(
                workspace, state, recipe, kernel, rows, weight_mean
            )
            sound = guard.is_sound(state, loss, penalty)
            scores = None
            if validate is not None:
                scores = validate(state) if sound else (np.nan,) * 3
            _append(state, reported, scores)
            outcome.n_iter += 1
            if sound:
                value = loss if scores is None else scores[2]
                state.stopping.update(value, scores and state.kept)
            asked = observers.end_epoch(state, outcome.n_iter, sound)
            if not sound:
                what = what_happened(reported, outcome.n_iter)
                if not guard.can_go_back(state):
                    _give_up(state, what, reported)
                    outcome.stopped = True
                    break
                outcome.n_iter = guard.go_back(state)
                observers.message(
                    f"{what} Back to epoch {outcome.n_iter}, with half the rate."
                )
                if state.n_restarts == 1:
                    warn_of_restart(what)
            if asked and outcome.n_iter:
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
        if guard.lost and guard.can_go_back(state):
            outcome.n_iter = guard.go_back(state)
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
