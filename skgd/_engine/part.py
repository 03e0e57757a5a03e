"""A part of distributed rows: the gradient of its rows of a batch, or local steps."""

from types import SimpleNamespace

import numpy as np

from .epoch import shuffle, train_epoch, training_loss
from .memory import aligned
from .network import Data, Network
from .rounds import Trained
from .shards import workspace
from .threads import single_blas_thread

# The most rows that are standardised and passed through the layers at a time, so that
# the outputs of the layers for a large batch need not fit into memory.
ROWS = 4096
# With multiples of an odd number, different rows have different seeds.
ODD = 0x9E3779B97F4A7C15


class Part:
    """Some of the rows, and the network that they train.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Features of these rows.
    """

    def __init__(self, X):
        self.X, self.network = X, None

    def begin(self, architecture, Y, weights, units, first):
        """Prepare for a training.

        Parameters
        ----------
        architecture : Architecture
            Of the network.
        Y : ndarray of shape (n_samples, n_targets)
            Encoded targets of these rows.
        weights : ndarray of shape (n_samples,) or None
            Their weights.
        units : tuple of two ndarray or None
            The mean and the scale of the features.
        first : int
            The number of the first of these rows among all rows.
        """
        self.theta = aligned(architecture.new_theta(self.X.dtype))
        self.running = aligned(architecture.new_running(self.X.dtype))
        self.network = Network(architecture, self.theta, self.running)
        self.Y, self.weights, self.units, self.first = Y, weights, units, first
        self.choose(None)

    def choose(self, rows):
        """Choose the rows of local steps.

        Parameters
        ----------
        rows : ndarray of int or None
            The training rows in this part; None for all.
        """
        self._check_has_begun()
        self.rows = None if rows is None else rows.astype(np.intp)
        self.order, self.order_of, self.rooms = None, None, {}

    def evaluate(self, theta, rows, weight, seed, step, backward):
        """Compute this part's share of the loss of a batch and of its gradient.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
            The parameters.
        rows : ndarray of int or None
            The rows of the batch in this part; None for all.
        weight : float
            The number of samples of the whole batch times the mean weight of samples.
        seed : int
            Of the dropout masks of the batch.
        step : float
            Updates so far.
        backward : bool
            Whether the gradient is needed.

        Returns
        -------
        loss, reported : float
            The weighted sum of the losses over `weight`, in units of training and in
            the user's.
        gradient : ndarray of shape (n_params,) or None
            The gradient of the first of them.
        """
        self._check_has_begun()
        self.theta[:] = theta
        loss = reported = 0.0
        gradient = np.zeros_like(self.theta) if backward else None
        n = len(self.X)
        rows = np.arange(n) if rows is None else rows.astype(np.intp)
        at_once = len(rows) == n <= ROWS
        work = self._room(n if at_once else min(ROWS, n - 1))
        with single_blas_thread():
            for start in range(0, len(rows), ROWS):
                block = rows[start : start + ROWS]
                found = training_loss(
                    work,
                    order=None if at_once else block,
                    weight_mean=weight / len(block),
                    seed=self._seed(seed + ODD * start),
                    step=step,
                    backward=backward,
                )
                loss, reported = loss + found[0], reported + found[1]
                if backward:
                    gradient += work.gradient
        return loss, reported, gradient

    def train(self, round_, share, weight_mean):
        """Make the updates of a round.

        Parameters
        ----------
        round_ : Round
            The updates, and the state before them.
        share : float
            The share of this part in the weights of all training rows.
        weight_mean : float
            The mean weight of the training rows of this part.

        Returns
        -------
        trained : Trained
            The state after the round, and the losses before each update.
        """
        self._check_has_begun()
        state = self._state(round_)
        kernel = round_.optimizer._kernel(round_.l1)
        order, n, n_rows = self._order(round_)
        # A penalty may be divided by the rows of a batch. It is corrected to the rows
        # that this part would have in a batch if rows could be divided.
        own_size = round_.batch_size * n_rows / round_.n_rows
        loss = reported = 0.0
        with single_blas_thread():
            for updates, size, rows in round_.batches(n):
                own = slice(updates.start - round_.begin, updates.stop - round_.begin)
                strength = share * size / own_size if round_.per_sample else 1.0
                found = train_epoch(
                    self._room(size),
                    kernel,
                    order=None if order is None else order[rows],
                    rates=round_.rates[own],
                    l1=round_.l1 * strength,
                    l2=round_.l2 * strength,
                    per_sample=round_.per_sample,
                    weight_mean=weight_mean,
                    seed=self._seed(round_.seed + updates.start),
                    state=state,
                    shares=None if round_.shares is None else round_.shares[own],
                    **round_.options,
                )
                loss, reported = loss + found[0], reported + found[1]
        arrays = {name: vars(state)[name] for name in round_.arrays}
        arrays |= {"theta": self.theta.copy(), "running": self.running.copy()}
        once = n_rows / n
        return Trained(arrays, state.l1_total, loss * once, reported * once)

    def _state(self, round_):
        # what `train_epoch` continues
        arrays = {
            name: None if array is None else aligned(array)
            for name, array in round_.arrays.items()
        }
        self.theta[:], self.running[:] = arrays["theta"], arrays["running"]
        arrays |= {"theta": self.theta, "running": self.running}
        return SimpleNamespace(**arrays, **round_.counts, n_seen=0, n_averaged=0)

    def _order(self, round_):
        # The rows in the order of the epoch, how many these are, and how many of them
        # are different. In a part with fewer rows than updates, rows are repeated.
        n = len(self.X) if self.rows is None else len(self.rows)
        if round_.n_updates == 1:
            return self.rows, n, n
        key = round_.order_seed, round_.n_updates
        if self.order is None or self.order_of != key:
            order = np.arange(n) if self.rows is None else self.rows.copy()
            if round_.order_seed is not None:
                shuffle(order, self._seed(round_.order_seed))
            self.order = np.resize(order, max(n, round_.n_updates))
            self.order_of = key
        return self.order, len(self.order), n

    def _room(self, size):
        # (batches have few different sizes)
        if size not in self.rooms:
            data = Data(self.X, self.Y, self.weights, self.units)
            self.rooms[size] = workspace(self.network, data, size)
        return self.rooms[size]

    def _seed(self, seed):
        return (seed + ODD * self.first) % 2**64

    def _check_has_begun(self):
        if self.network is None:
            raise OSError("This part was made again, and has not begun.")
