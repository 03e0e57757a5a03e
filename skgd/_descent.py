"""The descent: the one loop over epochs that all estimators share."""

import warnings
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ._epoch import shuffle, train_epoch
from ._network import Network
from ._stopping import Stopping
from ._threads import single_blas_thread
from .optimizers import Optimizer
from .penalties import penalty_value
from .schedules import Adaptive, Schedule

# A loss that is larger than that of the first epoch by this factor will not come
# back, though the numbers are still finite.
EXPLODED = 1e8


class Diverged(ArithmeticError):
    """The loss exploded, or numbers are not finite, with no epoch to go back to."""


@dataclass(frozen=True)
class Recipe:
    """How to descend: the hyperparameters, resolved to objects and numbers."""

    optimizer: Optimizer
    schedule: object  # Schedule, or a callable of the step that returns the rate
    learning_rate: float
    batch_size: int
    shuffle: bool
    max_iter: int
    n_iter_no_change: float
    n_steps: int  # updates of a whole training, for the schedules that end
    l1: float
    l2: float
    per_sample: bool  # the penalty is divided by the samples of a batch
    average_from: float  # samples after which parameters are averaged
    loss_breaks_ties: bool  # the validation loss decides between level scores
    may_restart: bool  # divergence is an error even where a best epoch is kept
    verbose: bool


@dataclass
class TrainingState:
    """What `partial_fit` and `warm_start` continue.

    Parameters and running statistics are flat vectors in the layout of the
    architecture; slots are (n_slots, n_params).
    """

    theta: np.ndarray
    running: np.ndarray
    rng: np.random.RandomState
    stopping: Stopping | None = None
    watched: str = ""  # 'loss' or 'score'
    slots: np.ndarray | None = None
    slots_of: tuple = ()
    average: np.ndarray | None = None
    step: int = 0  # updates
    slot_step: int = 0  # updates since the slots were made
    n_seen: int = 0  # samples
    n_averaged: float = 0.0
    l1_total: float = 0.0
    rate_factor: float = 1.0  # of our own rate, lowered by restarts
    n_plateaus: int = 0
    weight_sum: float = 0.0
    weight_count: int = 0
    learning_rate: float = np.nan
    loss_curve: list = field(default_factory=list)
    validation_scores: list = field(default_factory=list)
    validation_loss_curve: list = field(default_factory=list)
    best_iter: int | None = None  # epochs before the parameters that were restored

    def copy(self):
        """A state of its own: training the copy leaves this one alone."""
        new = TrainingState(**{**self.__dict__, "rng": deepcopy(self.rng)})
        for name in ("theta", "running", "slots", "average"):
            value = getattr(self, name)
            setattr(new, name, None if value is None else value.copy())
        new.stopping = deepcopy(self.stopping)
        for name in ("loss_curve", "validation_scores", "validation_loss_curve"):
            setattr(new, name, list(getattr(self, name)))
        return new

    def is_sound(self, first_loss):
        """Whether the last epoch left finite numbers and a loss of a normal size.

        Parameters
        ----------
        first_loss : float or None
            The loss of the first epoch on the same data, if there was one.

        Returns
        -------
        sound : bool
            False is divergence. The slots count: a second moment that overflowed
            would freeze its weight in silence.
        """
        loss = self.loss_curve[-1]
        if first_loss is not None and loss > EXPLODED * (1 + abs(first_loss)):
            return False
        arrays = (self.theta, self.slots, self.running)
        return np.isfinite(loss) and all(np.isfinite(a).all() for a in arrays)

    @property
    def published(self):
        """The parameters that a user sees: the average once there is one."""
        return self.average if self.n_averaged else self.theta

    def make_slots(self, optimizer, kernel):
        """Make new slots unless those of the same kind of optimizer are there.

        Parameters
        ----------
        optimizer : Optimizer
            The rule.
        kernel : OptimizerKernel
            Its compiled form.
        """
        kind = (type(optimizer).__name__, kernel.n_slots)
        if kind != self.slots_of or self.slots is None:
            shape = (kernel.n_slots, self.theta.size)
            self.slots = np.zeros(shape, self.theta.dtype)
            self.slots_of = kind
            self.slot_step, self.l1_total = 0, 0.0

    def kept(self):
        """Copies of what early stopping restores."""
        average = None if self.average is None else self.average.copy()
        arrays = self.theta.copy(), self.running.copy(), average
        return *arrays, self.n_averaged, len(self.loss_curve)

    def restore(self, kept):
        """Go back to the parameters of `kept`.

        Parameters
        ----------
        kept : tuple
            What the method of that name gave.
        """
        theta, running, average, self.n_averaged, self.best_iter = kept
        self.theta[:] = theta
        self.running[:] = running
        if average is not None:
            self.average[:] = average


@dataclass
class Outcome:
    """How a descent ended."""

    n_iter: int = 0
    stopped: bool = False  # on a plateau, before max_iter
    interrupted: bool = False


def step_rates(recipe, state, n_updates):
    """Learning rate of each update of the next epoch.

    Parameters
    ----------
    recipe : Recipe
        Has the schedule.
    state : TrainingState
        Has the number of updates so far.
    n_updates : int
        Updates in the epoch.

    Returns
    -------
    rates : ndarray of shape (n_updates,)
        The rates.
    """
    steps = np.arange(state.step, state.step + n_updates)
    if isinstance(recipe.schedule, Schedule):
        factor = recipe.schedule(steps, recipe.n_steps, state.n_plateaus)
        rates = np.ascontiguousarray(recipe.learning_rate * factor, dtype=np.float64)
    else:
        try:
            rates = np.array([float(recipe.schedule(step)) for step in steps.tolist()])
        except TypeError as error:
            raise ValueError(
                "The 'learning_rate' callable must take the number of updates so far "
                f"and return a float: {error}."
            ) from error
    sound = np.isfinite(rates) & (rates >= 0)
    if rates.shape != steps.shape or not sound.all():
        bad = float(rates[~sound][0]) if not sound.all() else f"{rates.size} of them"
        raise ValueError(
            "The 'learning_rate' callable must return finite rates >= 0, one for each "
            f"step. Got {bad} at steps {steps[0]} to {steps[-1]}."
        )
    return rates


def run_epoch(net, state, recipe, kernel, rows, weight_mean):
    """One pass over the training rows.

    Parameters
    ----------
    net : Network
        Bound to `state` and the data.
    state : TrainingState
        Changed in place.
    recipe : Recipe
        How.
    kernel : OptimizerKernel
        Of the optimizer.
    rows : ndarray of intp or None
        The training rows; None for all.
    weight_mean : float
        The mean of the sample weights.

    Returns
    -------
    loss : float
        The mean loss before each update, plus the penalty at the start.
    """
    n = net.data.n_samples if rows is None else len(rows)
    n_updates = -(-n // recipe.batch_size)
    order = rows
    # One permutation and one set of dropout masks an epoch. The order within a
    # single batch does not matter.
    seeds = state.rng.randint(0, 2**63 - 1, size=2, dtype=np.int64)
    if recipe.shuffle and n_updates > 1:
        order = np.arange(n) if rows is None else rows.copy()
        shuffle(order, seeds[0])
    rates = step_rates(recipe, state, n_updates)
    with np.errstate(over="ignore", invalid="ignore"):
        penalty = penalty_value(state.theta[: net.n_penalised], recipe.l1, recipe.l2)
    if recipe.per_sample:
        penalty *= n_updates / (n * weight_mean)
    state.learning_rate = float(rates[-1])
    loss = train_epoch(
        net,
        kernel,
        order=order,
        rates=rates,
        l1=recipe.l1,
        l2=recipe.l2,
        per_sample=recipe.per_sample,
        weight_mean=weight_mean,
        seed=seeds[1],
        state=state,
        average_from=recipe.average_from,
    )
    return loss / (n * weight_mean) + penalty


def _next_rate_or_stop(state, recipe, message, stop):
    # True to stop on a plateau; 'adaptive' lowers the rate instead, to a limit
    schedule = recipe.schedule
    if isinstance(schedule, Adaptive) and state.learning_rate > schedule.min_rate:
        state.n_plateaus += 1
        state.stopping.restart()
        if recipe.verbose:
            factor = schedule([0], n_plateaus=state.n_plateaus)[0]
            rate = recipe.learning_rate * factor
            print(f"{message} Setting learning rate to {rate:f}")
        return False
    if recipe.verbose and stop:
        print(f"{message} Stopping.")
    return stop


def _report(state, recipe, outcome, validate):
    if recipe.verbose:
        print(f"Iteration {outcome.n_iter}, loss = {state.loss_curve[-1]:.8f}")
        if validate is not None:
            print(f"Validation score: {state.validation_scores[-1]:f}")


def _diverged(state, recipe, outcome):
    # Without a best epoch to go back to, divergence is an error.
    epoch = outcome.n_iter
    message = (
        f"Floating-point under-/overflow occurred at epoch #{epoch}. Solver produced "
        "non-finite parameter weights. The input data may contain large values and "
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


def descend(state, architecture, data, recipe, rows, weight_mean, validate, stop):
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
    first = len(state.loss_curve)
    if isinstance(recipe.schedule, Schedule) and not step_rates(recipe, state, 1).any():
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
                loss = run_epoch(net, state, recipe, kernel, rows, weight_mean)
                outcome.n_iter += 1
                state.loss_curve.append(loss)
                finite = state.is_sound(state.loss_curve[first] if stop else None)
                value, tie, keep = loss, None, None
                if validate is not None:
                    nothing = np.nan, np.nan
                    score, held_out = validate(state) if finite else nothing
                    state.validation_scores.append(score)
                    state.validation_loss_curve.append(held_out)
                    value, keep = -score, state.kept
                    tie = held_out if recipe.loss_breaks_ties else None
                _report(state, recipe, outcome, validate)
                if not finite:
                    _diverged(state, recipe, outcome)
                    outcome.stopped = True
                    break
                state.stopping.update(value, tie, keep)
                if state.stopping.on_plateau:
                    message = _plateau_message(recipe, state, validate)
                    outcome.stopped = _next_rate_or_stop(state, recipe, message, stop)
    except KeyboardInterrupt:
        # Before the first epoch has ended there is nothing to keep.
        if outcome.n_iter == 0 or not np.isfinite(state.theta).all():
            raise
        warnings.warn("Training interrupted by user.", stacklevel=2)
        outcome.interrupted = True
    if validate is not None and state.stopping.best_weights is not None:
        state.restore(state.stopping.best_weights)
    return outcome


def _plateau_message(recipe, state, validate):
    watched = "Training loss" if validate is None else "Validation score"
    return (
        f"{watched} did not improve more than tol={state.stopping.tol:f} for "
        f"{recipe.n_iter_no_change} consecutive epochs"
        + (" (their mean, against as many before)." if state.stopping.windowed else ".")
    )
