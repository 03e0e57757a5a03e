"""A part of distributed rows: the gradient of its rows of a batch."""

import numpy as np

from .epoch import training_loss
from .memory import aligned
from .network import Data, Network
from .shards import workspace
from .threads import single_blas_thread

# The most rows that are standardised and passed through the layers at a time, so that
# the outputs of the layers for a large batch need not fit into memory.
ROWS = 4096
# With multiples of an odd number, different rows have different seeds of dropout masks.
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
        """Prepare for computing gradients.

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
        running = architecture.new_running(self.X.dtype)
        self.network = Network(architecture, self.theta, running)
        self.Y, self.weights, self.units, self.first = Y, weights, units, first

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
        if self.network is None:
            raise OSError("This part was made again, and has not begun.")
        self.theta[:] = theta
        loss = reported = 0.0
        gradient = np.zeros_like(self.theta) if backward else None
        n = len(self.X) if rows is None else len(rows)
        with single_blas_thread():
            for start in range(0, n, ROWS):
                block = slice(start, min(start + ROWS, n))
                data = self._data(block if rows is None else rows[block])
                m = data.n_samples
                work = workspace(self.network, data, m)
                found = training_loss(
                    work,
                    order=None,
                    weight_mean=weight / m,
                    seed=(seed + ODD * (self.first + start)) % 2**64,
                    step=step,
                    backward=backward,
                )
                loss, reported = loss + found[0], reported + found[1]
                if backward:
                    gradient += work.gradient
        return loss, reported, gradient

    def _data(self, rows):
        weights = None if self.weights is None else self.weights[rows]
        return Data(self.X[rows], self.Y[rows], weights, self.units)
