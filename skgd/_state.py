"""How to descend, and where a descent is."""

from copy import deepcopy
from dataclasses import dataclass, field
from math import isfinite

import numpy as np

from ._optimizer import Optimizer, all_finite
from ._stopping import Stopping
from ._units import Units
from .layers import aligned

# A loss that is larger than that of the first epoch by this factor will not come
# back, though the numbers are still finite.
EXPLODED = 1e8


@dataclass(frozen=True)
class Recipe:
    """How to descend: the hyperparameters, resolved to objects and numbers."""

    optimizer: Optimizer
    schedule: object  # Schedule, LineSearch, or a callable that returns the rate
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
    may_lower: bool  # a plateau lowers the rate of an adaptive schedule
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
    units: Units | None = None  # of training; None: the user's
    stopping: Stopping | None = None
    watched: str = ""  # 'training' or 'validation' loss
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
    converged: bool = False  # the last fit has ended on a plateau
    weight_sum: float = 0.0
    weight_count: int = 0
    learning_rate: float = np.nan
    loss_curve: list = field(default_factory=list)
    validation_scores: list = field(default_factory=list)
    validation_loss_curve: list = field(default_factory=list)
    best_iter: int | None = None  # epochs before the parameters that were restored
    best_score: float | None = None  # of that epoch

    @property
    def unit_of_loss(self):
        """What a loss of one is in the user's units."""
        return 1.0 if self.units is None else self.units.of_loss

    def copy(self):
        """A state of its own: training the copy leaves this one alone."""
        new = TrainingState(**{**self.__dict__, "rng": deepcopy(self.rng)})
        for name in ("theta", "running", "slots", "average"):
            value = getattr(self, name)
            setattr(new, name, None if value is None else aligned(value))
        new.stopping = deepcopy(self.stopping)
        for name in ("loss_curve", "validation_scores", "validation_loss_curve"):
            setattr(new, name, list(getattr(self, name)))
        return new

    def is_sound(self, loss, first_loss):
        """Whether the last epoch left finite numbers and a loss of a normal size.

        Parameters
        ----------
        loss : float
            That of the epoch.
        first_loss : float or None
            The loss of the first epoch on the same data, if there was one.

        Returns
        -------
        sound : bool
            False is divergence. The slots count: a second moment that overflowed
            would freeze its weight in silence.
        """
        if first_loss is not None and loss > EXPLODED * (1 + abs(first_loss)):
            return False
        return isfinite(loss) and all_finite(self.theta, self.slots, self.running)

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
            self.slots = aligned(np.zeros(shape, self.theta.dtype))
            self.slots_of = kind
            self.slot_step, self.l1_total = 0, 0.0

    def forget_slots(self):
        """Set the slots back to what they were before the first update."""
        self.slots[:] = 0
        self.slot_step, self.l1_total = 0, 0.0

    _IN_PLACE = ("theta", "running", "slots", "average")
    _COUNTS = ("step", "slot_step", "n_seen", "n_averaged", "l1_total", "learning_rate")

    def snapshot(self):
        """Copies of what an update changes, for `go_back`.

        Returns
        -------
        snapshot : dict
            Arrays and counts.
        """
        arrays = {name: getattr(self, name) for name in self._IN_PLACE}
        copies = {k: None if a is None else a.copy() for k, a in arrays.items()}
        return {**copies, **{name: getattr(self, name) for name in self._COUNTS}}

    def go_back(self, snapshot):
        """Undo the updates since a snapshot.

        Parameters
        ----------
        snapshot : dict
            What the method of that name gave.
        """
        for name in self._IN_PLACE:
            if snapshot[name] is not None:
                getattr(self, name)[...] = snapshot[name]
        for name in self._COUNTS:
            setattr(self, name, snapshot[name])

    def kept(self):
        """Copies of what early stopping restores."""
        average = None if self.average is None else self.average.copy()
        arrays = self.theta.copy(), self.running.copy(), average
        scores = self.validation_scores
        return *arrays, self.n_averaged, len(self.loss_curve), scores[-1]

    def restore(self, kept):
        """Go back to the parameters of `kept`.

        Parameters
        ----------
        kept : tuple
            What the method of that name gave.
        """
        theta, running, average = kept[:3]
        self.n_averaged, self.best_iter, self.best_score = kept[3:]
        self.theta[:] = theta
        self.running[:] = running
        if average is not None:
            self.average[:] = average
