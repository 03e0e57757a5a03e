"""A learned scale for each input (Holzmueller, Grinsztajn, Steinwart, 2024)."""

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

from .layer import Layer, Parameter

# The learning rate of the scales in multiples of that of the weights, as in RealMLP.
RATE = 6.0


cdef leaf _scale_rows(
    const floating* x, const floating* scale, floating* out, Py_ssize_t m, Py_ssize_t d
) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(m):
        for j in range(d):
            out[i * d + j] = scale[j] * x[i * d + j]


cdef leaf _column_dots(
    const floating* x, const floating* delta, floating* out, Py_ssize_t m, Py_ssize_t d
) noexcept nogil:
    # out (d,): the dot product of each column of x with that of delta
    cdef Py_ssize_t i, j
    for j in range(d):
        out[j] = 0
    for i in range(m):
        for j in range(d):
            out[j] += x[i * d + j] * delta[i * d + j]


cdef void times_rows(
    const floating* factor, const floating* W, floating* out, Py_ssize_t k, Py_ssize_t n
) noexcept nogil:
    """out (k, n) = diag(factor) W."""
    cdef Py_ssize_t j, o
    for j in range(k):
        for o in range(n):
            out[j * n + o] = factor[j] * W[j * n + o]


cdef void scales_backward(
    const floating* W, const floating* scale, floating* dW, floating* dscale,
    Py_ssize_t k, Py_ssize_t n,
) noexcept nogil:
    """Turn dW (k, n), by the scaled weights, into the gradients by weights and scales."""
    cdef Py_ssize_t j, o
    for j in range(k):
        dscale[j] = 0
        for o in range(n):
            dscale[j] += dW[j * n + o] * W[j * n + o]
            dW[j * n + o] *= scale[j]


cdef void _forward(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before
) noexcept nogil:
    _scale_rows(
        <const floating*> before, <const floating*> layer.parameters[0],
        <floating*> room.out, batch.m, layer.n_out)


cdef void _backward(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before,
    floating* delta, floating* passed,
) noexcept nogil:
    _column_dots(
        <const floating*> before, <const floating*> delta, <floating*> room.gradients[0],
        batch.m, layer.n_out)
    if passed != NULL:
        _scale_rows(
            <const floating*> delta, <const floating*> layer.parameters[0], passed,
            batch.m, layer.n_out)


class InputScale(Layer):
    """One learned factor for each input, 1 at the start.

    A network can so learn early which inputs matter. The factors are not penalised, and
    their learning rate is six times that of the weights.

    Parameters
    ----------
    width : int
        The number of inputs.
    """

    slots = ("scale",)

    def __init__(self, width):
        super().__init__(width, width)

    def parameters(self):
        """Describe the factors.

        Returns
        -------
        parameters : list of Parameter
            The only one.
        """
        return [Parameter("scale", (self.n_out,), rate=RATE, initial=1.0)]

    @staticmethod
    def fold(scale, W):
        """Make the factors a part of the weights behind them.

        Parameters
        ----------
        scale : ndarray of shape (n_features,)
            The factors.
        W : ndarray of shape (n_features, n_out)
            Weights of the scaled inputs.

        Returns
        -------
        W : ndarray of shape (n_features, n_out)
            Weights of the inputs, in float64.
        """
        return scale.astype(np.float64)[:, np.newaxis] * W

    @staticmethod
    def unfold(scale, W, kept):
        """Take the factors out of the weights, which `fold` reverses.

        Parameters
        ----------
        scale : ndarray of shape (n_features,)
            The factors.
        W : ndarray of shape (n_features, n_out)
            Weights of the inputs.
        kept : ndarray of shape (n_features, n_out)
            Weights where a factor is zero, and whatever they are makes no difference.

        Returns
        -------
        W : ndarray of shape (n_features, n_out)
            Weights of the scaled inputs, in float64.
        """
        factor = scale.astype(np.float64)[:, np.newaxis]
        zero = factor == 0
        return np.where(zero, kept, W / np.where(zero, 1, factor))

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
