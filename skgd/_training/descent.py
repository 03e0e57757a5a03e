"""The descent: the one loop over epochs that all estimators share."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse as sp
from sklearn.exceptions import ConvergenceWarning

from .._data.held_out import UNSOUND
from .._engine.network import Network
from .._engine.shards import workspace
from .._rules.schedule import Schedule, learning_rates
from .._rules.warn import warn
from .checkpoint import Journal
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
    journal = Journal(state)
    guard = Guard(state, architecture, data.arrays, recipe, journal)
    sparse = sp.issparse(data.arrays.X)
    net = Network(architecture, state.theta, state.running, sparse)
    room = workspace(net, data.arrays, recipe.batch_size)
    outcome = Outcome()
    try:
        while outcome.n_iter < recipe.max_iter and not outcome.ended:
            journal.begin_epoch(outcome.n_iter)
            observers.begin_epoch(state, outcome.n_iter)
            loss, reported, penalty = run_epoch(room, state, recipe, kernel, data.rows)
            sound = guard.is_sound(state, loss, penalty)
            take_note(state, loss, reported, sound, validate)
            plateau = note_plateau(state, recipe) if sound else None
            outcome.n_iter += 1
            if sound:
                journal.end_epoch()
            asked = observers.end_epoch(state, outcome.n_iter, sound)
            if not sound:
                guard.recover(state, outcome, reported, observers)
            if asked and outcome.n_iter and not outcome.stopped:
                outcome.interrupted = True
            elif plateau is not None:
                observers.message(plateau.message, minor=not plateau.is_end)
                outcome.stopped = plateau.is_end
        if outcome.n_iter == recipe.max_iter and recipe.runs_to_its_end:
            outcome.stopped = True
    except KeyboardInterrupt:
        if not guard.lost:
            outcome.n_iter = journal.roll_back()
        elif guard.can_go_back(state):
            outcome.n_iter = guard.go_back(state)
        else:
            raise
        # Before the first epoch has ended there is nothing to keep.
        if outcome.n_iter == 0:
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


class Plateau(NamedTuple):
    """A plateau of the number that is watched."""

    message: str  # for the user
    is_end: bool  # whether it ends the descent


def note_plateau(state, recipe):
    """Take note of a plateau, if the last epoch is the last of one.

    A plateau of the training loss does not end a schedule of a fixed length. The
    'adaptive' schedule lowers the rate instead, until the rate has reached its
    limit. With ``tol=None``, it lowers the rate as well, but nothing ends the descent.

    Parameters
    ----------
    state : TrainingState
        Changed in place if the rate is lowered.
    recipe : Recipe
        The hyperparameters, as objects and numbers.

    Returns
    -------
    plateau : Plateau or None
        None if there is no plateau, or if it has no effect.
    """
    if state.step < getattr(recipe.schedule, "_warming", 0):
        state.stopping.restart()
    has_end = getattr(recipe.schedule, "_has_end", False)
    # The training loss may rest while the rate is high, and fall again with the rate.
    waits = has_end and state.watched == "training loss"
    if waits or not state.stopping.on_plateau:
        return None
    message = _plateau_message(recipe, state)
    adaptive = getattr(recipe.schedule, "_adaptive", None)
    least = 0 if adaptive is None else adaptive.min_rate * state.rate_factor
    if adaptive is not None and state.learning_rate > least:
        state.n_plateaus += 1
        state.stopping.restart()
        factor = adaptive([0], n_plateaus=state.n_plateaus)[0]
        rate = recipe.learning_rate * state.rate_factor * factor
        return Plateau(f"{message} Setting learning rate to {rate:f}", is_end=False)
    if recipe.single_pass or state.stopping.tol is None:
        return None
    return Plateau(f"{message} Stopping.", is_end=True)


def _warn_of_zero_rates(state, recipe):
    first = state.step - recipe.first_step
    ahead = first + np.arange(min(recipe.n_steps, 1000))
    schedule = recipe.schedule
    if not isinstance(schedule, Schedule):
        return
    if not learning_rates("learning_rate", schedule, 1.0, ahead, recipe.n_steps).any():
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
