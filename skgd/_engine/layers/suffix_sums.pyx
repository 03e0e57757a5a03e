"""Sums over the inputs that follow, for piecewise linear functions of numbers.

Let the inputs of a group be the values of hat functions, of which at most two neighbours
are not zero: a number between two knots. The sum from an input to the end of its group
is then the encoding of Gorishniy, Rubachev and Babenko (2022), "On embeddings for
numerical features in tabular deep learning": 1 for each interval below the number, a
fraction for its own interval, and 0 for those above. A weight of this encoding is the
rise of a function within an interval.

For sparse rows, the weights are summed instead (see `SparseInput`), so that a number
costs two rows of weights, however many knots there are.
"""

from cython cimport floating

from ..._rules.vector cimport leaf
from .layer cimport (
    Batch,
    LayerMemory,
    LayerRoom,
    backward_f32,
    backward_f64,
    forward_f32,
    forward_f64,
    layer_kernel,
)

import numpy as np

from .layer import Layer

cdef enum:
    JOINED = 0      # the slot


cdef leaf _sum_rows(
    const floating* x, const floating* joined, floating* out, Py_ssize_t m, Py_ssize_t d
) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(m):
        out[i * d + d - 1] = x[i * d + d - 1]
        for j in range(d - 2, -1, -1):
            out[i * d + j] = x[i * d + j] + joined[j + 1] * out[i * d + j + 1]


cdef leaf sum_weights(
    const floating* joined, floating* W, Py_ssize_t k, Py_ssize_t n
) noexcept nogil:
    """Add to the weights (k, n) of an input those of earlier inputs in its group."""
    cdef Py_ssize_t j, o
    for j in range(1, k):
        if joined[j] != 0:
            for o in range(n):
                W[j * n + o] += W[(j - 1) * n + o]


cdef leaf sum_gradients(
    const floating* joined, floating* dW, Py_ssize_t k, Py_ssize_t n
) noexcept nogil:
    """The gradient by weights before `sum_weights`, from dW (k, n), by those after it."""
    cdef Py_ssize_t j, o
    for j in range(k - 1, 0, -1):
        if joined[j] != 0:
            for o in range(n):
                dW[(j - 1) * n + o] += dW[j * n + o]


cdef void _forward(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before
) noexcept nogil:
    _sum_rows(
        <const floating*> before, <const floating*> layer.parameters[JOINED],
        <floating*> room.out, batch.m, layer.n_out)


cdef void _backward(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before,
    floating* delta, floating* passed,
) noexcept nogil:
    pass    # this is the first layer, and it has nothing to learn


class SuffixSums(Layer):
    """The sum of each input and those that follow in its group.

    Parameters
    ----------
    joined : ndarray of shape (n_features,), bool
        Whether an input belongs to the group of the input before it.
    """

    slots = ("joined",)

    def __init__(self, joined):
        self.joined = np.asarray(joined, dtype=bool)
        super().__init__(len(self.joined), len(self.joined))

    def constants(self):
        """Give the groups.

        Returns
        -------
        constants : dict of str to ndarray
            1 for an input that belongs to the group of the input before it, or 0.
        """
        return {"joined": self.joined.astype(np.float64)}

    @staticmethod
    def fold(joined, W):
        """Make the sums a part of the weights behind them.

        Parameters
        ----------
        joined : ndarray of shape (n_features,), bool
            Whether an input belongs to the group of the input before it.
        W : ndarray of shape (n_features, n_out)
            Weights of the sums.

        Returns
        -------
        W : ndarray of shape (n_features, n_out)
            Weights of the inputs, in float64.
        """
        W = W.astype(np.float64)
        for j in np.flatnonzero(joined):
            W[j] += W[j - 1]
        return W

    @staticmethod
    def unfold(joined, W):
        """Take the sums out of the weights, which `fold` reverses.

        Parameters
        ----------
        joined : ndarray of shape (n_features,), bool
            Whether an input belongs to the group of the input before it.
        W : ndarray of shape (n_features, n_out)
            Weights of the inputs.

        Returns
        -------
        W : ndarray of shape (n_features, n_out)
            Weights of the sums, in float64.
        """
        W = W.astype(np.float64)
        j = np.flatnonzero(joined)
        W[j] -= W[j - 1]
        return W

    def kernel(self):
        """Give the compiled passes.

        Returns
        -------
        kernel : LayerKernel
            Without hyperparameters.
        """
        return layer_kernel(
            <forward_f32> _forward[float], <forward_f64> _forward[double],
            <backward_f32> _backward[float], <backward_f64> _backward[double])
