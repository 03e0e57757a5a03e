"""The descent: the one loop over epochs that all estimators share."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse as sp
from sklearn.exceptions import ConvergenceWarning

from .._data.held_out import UNSOUND
from .._engine.network import Network
from .._engine.shards import workspace
from .._rules.schedule import Schedule
from .._rules.warn import warn
from .divergence import Guard
from .passes import run_epoch


@dataclass
class Outcome:
    """How a descent ended."""

    n_iter: int = 0
    stopped: bool = False  # on a plateau, or after divergence without a way back
    interrupted: bool = False  # by the user, or by an observer
    reason: str = ""  # why it did not converge; empty: after max_iter epochs

    @property
    def ended(self):
        """Whether the descent is over, so that no epoch follows."""
        return self.stopped or self.interrupted


def descend(state, architecture, data, recipe, validate, observers):
    """Run epochs until a plateau is reached, or `max_iter`.

    Parameters
    ----------
    state : TrainingState
        Changed in place.
    architecture : Architecture
        Of the network.
    data : TrainingData
        The samples.
    recipe : Recipe
        The hyperparameters, as objects and numbers.
    validate : callable or None
        Takes the state and returns a `Validated`: the loss and the score of its
        published parameters on the held-out rows.
    observers : Observer
        It is told when an epoch begins and ends, and may end the descent.

    Returns
    -------
    outcome : Outcome
        How it ended.

    Raises
    ------
    Diverged
        If the training diverges, the learning rate cannot be halved (once more), and
        early stopping has kept no epoch.
    """
    kernel = _set_out(state, architecture, recipe)
    guard = Guard(state, architecture, data.arrays, recipe)
    sparse = sp.issparse(data.arrays.X)
    net = Network(architecture, state.theta, state.running, sparse)
    room = workspace(net, data.arrays, recipe.batch_size)
    outcome = Outcome()
    try:
        while outcome.n_iter < recipe.max_iter and not outcome.ended:
            guard.begin_epoch(state, outcome.n_iter)
            observers.begin_epoch(state, outcome.n_iter)
            loss, reported, penalty = run_epoch(room, state, recipe, kernel, data.rows)
            sound = guard.is_sound(state, loss, penalty)
            take_note(state, loss, reported, sound, validate)
            outcome.n_iter += 1
            asked = observers.end_epoch(state, outcome.n_iter, sound)
            if not sound:
                guard.recover(state, outcome, reported, observers)
            if asked and outcome.n_iter and not outcome.stopped:
                outcome.interrupted = True
            elif sound:
                outcome.stopped = ends_on_plateau(state, recipe, observers)
        if outcome.n_iter == recipe.max_iter and recipe.runs_to_its_end:
            outcome.stopped = True
    except KeyboardInterrupt:
        if guard.lost and guard.can_go_back(state):
            outcome.n_iter = guard.go_back(state)
        # Before the first epoch has ended there is nothing to keep.
        if outcome.n_iter == 0 or not np.isfinite(state.theta).all():
            raise
        warn("Training interrupted by user.")
        outcome.interrupted = True
    finally:
        observers.close()
    state.converged = outcome.stopped
    state.restore_best()
    return outcome


def _set_out(state, architecture, recipe):
    # Prepare the state for the updates, and return the kernel of the optimizer.
    kernel = recipe.optimizer._kernel(recipe.l1)
    state.make_slots(recipe.optimizer, kernel)
    if recipe.average is None:
        state.forget_average()
    else:
        state.make_average(architecture)
    if recipe.signs is not None:
        _make_feasible(state, recipe.signs)
    _warn_of_zero_rates(state, recipe)
    if recipe.learning_rate != state.rate_of_factor:
        state.rate_factor, state.rate_of_factor = 1.0, recipe.learning_rate
    state.n_restarts = 0
    return kernel


def _make_feasible(state, signs):
    # The start may violate the constraints. An average of feasible weights does not.
    for vector in (state.theta, state.average):
        if vector is not None:
            weights = vector[: signs.size]
            weights[weights * signs < 0] = 0


def take_note(state, loss, reported, sound, validate):
    """Take note of an epoch: extend the curves, and tell `Stopping`.

    Parameters
    ----------
    state : TrainingState
        Changed in place.
    loss, reported : float
        The objective, in units of training and in the user's.
    sound : bool
        False if the epoch diverged.
    validate : callable or None
        As `descend` takes it.
    """
    # All curves are extended at once, so that they have the same length if the user
    # interrupts the training.
    found = None
    if validate is not None:
        found = validate(state) if sound else UNSOUND
    state.loss_curve.append(reported)
    state.rate_curve.append(state.learning_rate)
    if found is not None:
        state.validation_scores.append(found.score)
        state.validation_loss_curve.append(found.loss)
    if not sound:
        return
    if state.watched == "training loss":  # in a stream, also with validation data
        state.stopping.update(loss)
    else:
        state.stopping.update(found.watched, state.kept)


def ends_on_plateau(state, recipe, observers):
    """Whether a plateau ends the descent.

    A plateau of the training loss does not end a schedule of a fixed length. The
    'adaptive' schedule lowers the rate instead, until the rate has reached its
    limit. With ``tol=None``, it lowers the rate as well, but nothing ends the descent.

    Parameters
    ----------
    state : TrainingState
        Changed in place if the rate is lowered.
    recipe : Recipe
        The hyperparameters, as objects and numbers.
    observers : Observer
        Gets a message if there is a plateau.

    Returns
    -------
    ends : bool
        True to stop.
    """
    if state.step < getattr(recipe.schedule, "_warming", 0):
        state.stopping.restart()
    has_end = getattr(recipe.schedule, "_has_end", False)
    # The training loss may rest while the rate is high, and fall again with the rate.
    waits = has_end and state.watched == "training loss"
    if waits or not state.stopping.on_plateau:
        return False
    message = _plateau_message(recipe, state)
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
    if recipe.single_pass or state.stopping.tol is None:
        return False
    observers.message(f"{message} Stopping.")
    return True


def _warn_of_zero_rates(state, recipe):
    first = state.step - recipe.first_step
    ahead = first + np.arange(min(recipe.n_steps, 1000))
    schedule = recipe.schedule
    if isinstance(schedule, Schedule) and not schedule(ahead, recipe.n_steps).any():
        warn(
            f"The learning rate is 0: {schedule!r} ended after "
            f"{recipe.n_steps} updates (max_iter epochs), this would be update "
            f"{state.step + 1}. Nothing is learned: set its n_steps, or another "
            "schedule.",
            ConvergenceWarning,
        )


def _plateau_message(recipe, state):
    least = state.stopping.least_fall
    return (
        f"{state.watched.capitalize()} did not improve more than tol={least:f} for "
        f"{recipe.n_iter_no_change} consecutive epochs"
        + (" (their mean, against as many before)." if state.stopping.windowed else ".")
    )
