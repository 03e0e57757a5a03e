"""The recipe of a descent, and the state that the descent changes."""

from copy import deepcopy
from dataclasses import dataclass, field
from math import isfinite

import numpy as np

from .._data.units import Units
from .._engine.memory import aligned, all_finite
from .._rules.optimizer import Optimizer
from .._rules.plain_state import stored_as_dict
from ..averaging import Averaging
from ..optimizers import LBFGS
from .checkpoint import ARRAYS, COUNTS, CURVES
from .stopping import Stopping

# A stream keeps this number of losses, the last ones. A few more are collected before
# the oldest ones are dropped, because each time takes as long as some updates.
MOST_LOSSES = 10_000
COLLECTED_LOSSES = 1000


@dataclass(frozen=True)
class Recipe:
    """How to descend: the hyperparameters, resolved to objects and numbers."""

    optimizer: Optimizer | LBFGS
    # Schedule, LineSearch, or a callable that returns the rate; None with LBFGS
    schedule: object
    learning_rate: float | None
    batch_size: int
    shuffle: bool
    max_iter: int
    is_short: bool  # max_iter is smaller than the training needs
    n_iter_no_change: float
    first_step: int  # the update from which the schedule counts
    n_steps: int  # updates of a whole training, for schedules of a fixed length
    alpha: float  # the parameter `alpha` that stands for the strength of the penalty
    l1: float
    l2: float
    per_sample: bool  # the penalty is divided by the samples of a batch
    clip_norm: float  # longer gradients are scaled down to this norm; inf: never
    average: Averaging | None
    single_pass: bool  # one pass over a part of a stream; no plateau ends it
    signs: np.ndarray | None = None  # of the penalised weights, see `train_epoch`

    @property
    def runs_to_its_end(self):
        """Whether the last epoch is the end of the schedule, and soon enough."""
        has_end = getattr(self.schedule, "_has_end", False)
        return has_end and not (self.is_short or self.single_pass)


@stored_as_dict
@dataclass
class TrainingState:
    """The state of a training, which `partial_fit` and `warm_start` continue.

    Parameters and running statistics are flat vectors in the layout of the
    architecture; slots have the shape (n_slots, n_params).
    """

    theta: np.ndarray
    running: np.ndarray
    rng: np.random.RandomState
    units: Units | None = None  # of training; None: the user's
    only_streamed: bool = False  # trained by `partial_fit` only, from the start
    split_from: dict | None = None  # state of the generator that split the rows
    stopping: Stopping | None = None
    watched: str = ""  # 'training loss', 'validation loss' or 'validation score'
    is_stream_validated: bool = False  # a call of `partial_fit` had validation data
    slots: np.ndarray | None = None
    slots_of: tuple = ()
    average: np.ndarray | None = None  # of theta
    running_average: np.ndarray | None = None  # of the statistics of hidden layers
    step: int = 0  # updates
    head_start: int = 0  # updates that the rate of a stream counts in addition
    slot_step: int = 0  # updates since the slots were made
    n_seen: int = 0  # samples
    n_drawn: int = 0  # random numbers that epochs have drawn
    n_averaged: int = 0  # updates in the averages
    l1_total: float = 0.0
    rate_factor: float = 1.0  # factor of the learning rate, halved by restarts
    rate_of_factor: float | None = None  # the rate that was halved
    n_restarts: int = 0  # after divergence, of the last call
    first_loss: float | None = None  # at the start, or where the user has set it
    n_plateaus: int = 0
    converged: bool = False  # the last fit has ended on a plateau
    weight_sum: float = 0.0
    weight_of_exposure: float = 1.0  # by which the weights of samples were divided
    weight_count: int = 0
    alpha: float | None = None  # the strength of the penalty that trials have chosen
    tried: object = None  # the result of these trials, until it is published
    learning_rate: float = np.nan
    losses: list = field(default_factory=list)  # of all epochs until `end_call`
    n_forgotten: int = 0  # losses of a stream that have been dropped
    least_loss: float = np.inf  # of these
    loss_curve: list = field(default_factory=list)  # of this call
    rate_curve: list = field(default_factory=list)  # of the epochs of this call
    rates: list = field(default_factory=list)  # of the last call
    validation_scores: list = field(default_factory=list)
    validation_loss_curve: list = field(default_factory=list)
    best_iter: int | None = None  # epochs before the parameters that were restored
    best_score: float | None = None  # of that epoch
    is_stripped: bool = False  # no training can continue this state
    kept_deviation: np.ndarray | None = None  # of a stripped state, see `deviation`

    @property
    def unit_of_loss(self):
        """The value of a training loss of one in the user's units."""
        return 1.0 if self.units is None else self.units.of_loss

    @property
    def deviation(self):
        """The standard deviation of each feature; None if it is not known.

        It is zero for a column that training ignores.
        """
        if self.units is None:
            return self.kept_deviation
        square = self.units.features.square
        return np.where(self.units.varies[: len(square)], np.sqrt(square), 0)

    @property
    def n_epochs(self):
        """The number of epochs of all calls."""
        return self.n_forgotten + len(self.losses) + len(self.loss_curve)

    @property
    def weight_mean(self):
        """The mean sample weight of all samples that the state was trained on.

        Weights are relative to this mean: a sample of mean weight counts as one sample.
        A weight thus acts like a repetition of its sample, in batches of any size. With
        `partial_fit`, the mean is taken over the samples of all calls.
        """
        return self.weight_sum / self.weight_count

    def begin_fit(self):
        """Reset the counts that the calls of `partial_fit` add up."""
        self.weight_sum, self.weight_count = 0.0, 0
        self.is_stream_validated = False
        if self.converged:  # the rates of a schedule begin anew
            self.n_plateaus = 0

    def add_weights(self, data):
        """Take note of the weights of the samples of a call.

        Parameters
        ----------
        data : TrainingData
            The samples.
        """
        self.weight_sum += data.weight_sum
        self.weight_count += data.n_samples

    def next_call(self):
        """A state for the next call; training it leaves this one unchanged.

        The two states share the generator and `losses`, so an error must undo their
        changes (see `mark`). A copy of the generator would take longer than training
        on a few rows, and `losses` grow with the number of calls.
        """
        new = TrainingState(**self.__dict__)
        for name in self._IN_PLACE:
            value = getattr(self, name)
            setattr(new, name, None if value is None else aligned(value))
        new.stopping = self.stopping and self.stopping.copy()
        for name in CURVES:
            setattr(new, name, list(getattr(self, name)))
        return new

    def copy(self):
        """An independent copy: training it does not change this state."""
        new = self.next_call()
        new.rng, new.losses = deepcopy(self.rng), list(self.losses)
        return new

    def end_call(self, streamed=False):
        """Add the epochs of this call to those of the earlier ones.

        Parameters
        ----------
        streamed : bool, default=False
            Whether the call got a piece of a stream, which has no end. The oldest
            losses are then dropped if there are many.
        """
        if self.tried is not None and self.loss_curve:
            self.tried.note_in(self)
        self.tried = None
        self.losses += self.loss_curve
        self.least_loss = min([self.least_loss, *self.loss_curve])
        self.loss_curve = []
        self.rates, self.rate_curve = self.rate_curve, []
        n = len(self.losses) - MOST_LOSSES
        if streamed and n >= COLLECTED_LOSSES:
            self.n_forgotten += n
            self.losses = self.losses[n:]  # the state before shares the old list

    def stripped(self):
        """What remains if no training will continue this one.

        Returns
        -------
        state : TrainingState
            Without parameters, which the estimator has published.
        """
        nothing = np.empty(0, self.theta.dtype)
        return TrainingState(
            theta=nothing,
            running=nothing,
            rng=None,
            converged=self.converged,
            is_stripped=True,
            kept_deviation=self.deviation,
            rates=self.rates,
        )

    def mark(self):
        """Note where the parts are that the states of later calls share with this one.

        Returns
        -------
        mark : tuple
            The argument of `undo`.
        """
        generator = None if self.is_stripped else self.rng.get_state(legacy=False)
        return len(self.losses), generator

    def undo(self, mark):
        """Restore what a failed call has changed in the shared attributes.

        Parameters
        ----------
        mark : tuple
            What `mark` returned at the start of the call.
        """
        n_losses, generator = mark
        del self.losses[n_losses:]
        if not self.is_stripped:
            self.rng.set_state(generator)

    def is_finite(self, loss):
        """Whether all numbers are finite.

        This includes the slots of the optimizer: if a second moment overflowed, its
        weight would silently stop changing.

        Parameters
        ----------
        loss : float
            The loss of the last epoch.

        Returns
        -------
        finite : bool
            False if a number is NaN or infinite.
        """
        arrays = [self.theta, self.slots, self.running]
        if self.n_averaged:
            arrays.append(self.average)
        return isfinite(loss) and all_finite(*arrays)

    @property
    def published(self):
        """The parameters that a user sees: the average once there is one."""
        return self.average if self.n_averaged else self.theta

    @property
    def published_running(self):
        """The running statistics that belong to `published`."""
        averaged = self.n_averaged and self.running_average is not None
        return self.running_average if averaged else self.running

    def draw(self):
        """Draw a random seed, an int."""
        # (much faster than randint, or than an array of several numbers)
        self.n_drawn += 1
        return int(2**53 * self.rng.random_sample())

    def make_average(self, architecture):
        """Make room for averages, unless there is room already.

        The statistics of hidden layers are averaged like the parameters that they
        depend on, since the last statistics do not belong to the averaged weights. (On
        three tables with two hidden layers, the held-out loss was 0.091, 0.069 and
        0.088 with averaged statistics, and 0.37, 0.18 and 0.10 with the last ones.) The
        statistics of the features depend on no parameters, so they are not averaged.

        Parameters
        ----------
        architecture : Architecture
            Of the network.
        """
        if self.average is None:
            self.average = np.zeros_like(self.theta)
            if architecture.batch_norm:
                self.running_average = np.zeros_like(self.running)

    def forget_average(self):
        """Drop the averages, so that the trained parameters are published."""
        self.average = self.running_average = None
        self.n_averaged = 0

    def make_slots(self, optimizer, kernel):
        """Make new slots, unless there are slots of the same kind of optimizer.

        Parameters
        ----------
        optimizer : Optimizer
            The optimizer.
        kernel : OptimizerKernel
            Its compiled form.
        """
        kind = (type(optimizer).__name__, kernel.n_slots)
        if kind != self.slots_of or self.slots is None:
            shape = (kernel.n_slots, self.theta.size)
            self.slots = aligned(np.zeros(shape, self.theta.dtype))
            self.slots_of = kind
            self.slot_step, self.l1_total = 0, 0.0

    def drop_slots(self):
        """Drop the slots, before updates that are not made by an `Optimizer`."""
        self.slots, self.slots_of = None, ()
        self.slot_step, self.l1_total = 0, 0.0

    def forget_slots(self):
        """Set the slots back to what they were before the first update."""
        self.slots[:] = 0
        self.slot_step, self.l1_total = 0, 0.0

    _IN_PLACE = (*ARRAYS, "slots")

    def _copies(self, names):
        found = vars(self)
        return {name: found[name].copy() for name in names if found[name] is not None}

    def snapshot(self):
        """Copy all that an update changes, for `go_back`.

        Returns
        -------
        snapshot : dict
            Arrays and counts.
        """
        snapshot = self._copies(self._IN_PLACE)
        for name in COUNTS:
            snapshot[name] = getattr(self, name)
        return snapshot

    def go_back(self, snapshot):
        """Undo the updates since a snapshot.

        Parameters
        ----------
        snapshot : dict
            What `snapshot` returned.
        """
        for name in self._IN_PLACE:
            if name in snapshot:
                getattr(self, name)[...] = snapshot[name]
        for name in COUNTS:
            setattr(self, name, snapshot[name])

    def kept(self):
        """Copy all that early stopping may restore later."""
        best = len(self.validation_scores), self.validation_scores[-1]
        return self._copies(ARRAYS), self.n_averaged, *best

    def restore_best(self):
        """Go back to the best epoch, if early stopping has kept one."""
        kept = self.stopping.best_weights
        if kept is None:
            return
        copies, self.n_averaged, self.best_iter, self.best_score = kept
        for name, values in copies.items():
            getattr(self, name)[:] = values
        self.stopping.best_weights = None  # a pickle would contain them twice
