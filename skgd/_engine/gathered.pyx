"""Room for a gradient that the parts of distributed rows compute."""

import numpy as np

from .memory import aligned

from .memory cimport address
from .network cimport Workspace


cdef class Gathered(Workspace):
    """The gradient of a batch, gathered from the parts of `DistributedRows`.

    Parameters
    ----------
    network, data, batch_size : object
        As `Workspace` takes them. The features of the data are `DistributedRows`.
    """

    def __init__(self, network, data, batch_size):
        self.network, self.data, self.batch_size = network, data, batch_size
        self._check_data(True)
        self.is_gathered = True
        self.clip_factor = 1
        self.gradient = aligned(np.zeros(network.n_params, network.dtype))
        self.grad = self.target = address(self.gradient)
        self.theta = self.network.keep_alive[0]
        self.parts = data.X.begin(network.architecture, data.Y, data.weights)

    def evaluate(self, rows, weight_mean, seed, step, backward):
        """Mean loss of a batch; its gradient is then in the workspace.

        Parameters
        ----------
        rows : ndarray of intp or None
            The rows of the batch; None for all.
        weight_mean : float
            The mean of the sample weights.
        seed : int
            Of the dropout masks.
        step : float
            Updates so far.
        backward : bool
            Whether the gradient is computed.

        Returns
        -------
        loss, reported : float
            In units of training and in the user's.
        """
        loss, reported, gradient = self.parts.gradient(
            self.theta, rows, weight_mean, seed, step, backward)
        if backward:
            self.gradient[:] = gradient
        return loss, reported
