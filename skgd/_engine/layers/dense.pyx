"""Dense layers: a linear map, intercepts and an activation, in one pass over the rows.

Shapes: a batch has m rows; a layer has k inputs and n outputs. All arrays are
row-major.
"""

from cython cimport floating
from libc.string cimport memcpy, memset

from ..._rules.activation cimport ActivationKernel, ActivationPasses
from ..products cimport (
    add_column_sums,
    add_to_rows,
    dense_backward_input,
    dense_backward_weights,
    dense_forward,
)
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


# ---------------------------------------------------------------- activations
cdef inline Py_ssize_t _size_in_cache(Py_ssize_t n, floating* tag) noexcept nogil:
    # The size of the rows of n that stay in the first cache from one pass to the next
    # (1.03 times as fast for 20, 100 and 10 units): a multiple of the four rows that are
    # summed at a time.
    return 4 * n * max(4096 // (n * <Py_ssize_t> sizeof(floating)), 1)


cdef void activate(
    const ActivationPasses* activation, floating* A, floating* kept, const floating* b,
    Py_ssize_t m, Py_ssize_t n,
) noexcept nogil:
    """A (m, n) = f(A + b); b (n,) may be NULL. `kept`, or NULL, receives A + b."""
    cdef Py_ssize_t size, left = m * n
    cdef Py_ssize_t most = _size_in_cache(n, <floating*> NULL)
    while left > 0:
        size = min(most, left)
        if b != NULL:
            add_to_rows(b, A, size // n, n)
        if kept != NULL:
            memcpy(kept, A, size * sizeof(floating))
            kept += size
        if floating is float:
            activation.f32(A, size, activation.h)
        else:
            activation.f64(A, size, activation.h)
        A, left = A + size, left - size


cdef void activate_back(
    const ActivationPasses* activation, const floating* A, const floating* kept,
    floating* delta, floating* db, Py_ssize_t m, Py_ssize_t n,
) noexcept nogil:
    """delta (m, n) *= f'; db (n,) receives the sums of its columns, unless it is NULL.

    The arrays A and `kept` are those of `activate`. Without an activation there are
    only the sums.
    """
    cdef Py_ssize_t size, left = m * n
    cdef Py_ssize_t most = _size_in_cache(n, <floating*> NULL)
    cdef const floating* read = A if kept == NULL else kept
    if db != NULL:
        memset(db, 0, n * sizeof(floating))
    while left > 0:
        size = min(most, left)
        if activation != NULL:
            if floating is float:
                activation.back_f32(read, delta, size, activation.h)
            else:
                activation.back_f64(read, delta, size, activation.h)
        if db != NULL:
            add_column_sums(delta, db, size // n, n)
        read, delta, left = read + size, delta + size, left - size


# ---------------------------------------------------------------- the layer
cdef void _forward(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before
) noexcept nogil:
    cdef const floating* b = <const floating*> layer.parameters[INTERCEPTS]
    cdef const floating* late = NULL
    cdef floating* A = <floating*> room.out
    if layer.activation != NULL and batch.m > 1:
        b, late = NULL, b   # in the same pass as the activation
    dense_forward(
        before, <const floating*> layer.parameters[WEIGHTS], b, A, batch.m, layer.n_in,
        layer.n_out)
    if layer.activation != NULL:
        activate(
            layer.activation, A, <floating*> room.rooms[0], late, batch.m, layer.n_out)


cdef void intercepts_backward(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, const floating* kept,
    floating* delta, bint normalised,
) noexcept nogil:
    """The gradient of the intercepts; delta becomes the derivatives by X W + b."""
    cdef floating* db = <floating*> room.gradients[INTERCEPTS]
    cdef Py_ssize_t m = batch.m, n = layer.n_out
    if not normalised:
        activate_back(
            layer.activation, <const floating*> room.out, kept, delta, db, m, n)
    elif db != NULL:
        # The mean of the batch takes an intercept off again. Without rounding errors
        # its gradient is zero, and adaptive rates would magnify those.
        memset(db, 0, n * sizeof(floating))
        if batch.share == NULL:
            add_column_sums(<const floating*> delta, db, m, n)


cdef void _backward(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before,
    floating* delta, floating* passed,
) noexcept nogil:
    cdef Py_ssize_t m = batch.m, k = layer.n_in, n = layer.n_out
    intercepts_backward(
        layer, room, batch, <const floating*> room.rooms[0], delta, layer.h[0] != 0)
    dense_backward_weights(before, delta, <floating*> room.gradients[WEIGHTS], m, k, n)
    if passed != NULL:
        dense_backward_input(
            delta, <const floating*> layer.parameters[WEIGHTS], passed, m, k, n)


class Dense(Layer):
    """A linear map with intercepts and an activation, in one pass over the outputs.

    Parameters
    ----------
    n_in, n_out : int
        Numbers of inputs and of outputs.
    activation : Activation or None, default=None
        What is applied to the outputs.
    intercepts : bool, default=True
        Whether there are intercepts.
    normalised : bool, default=False
        Whether a batch normalisation follows.
    """

    slots = ("W", "b")

    def __init__(
        self, n_in, n_out, activation=None, *, intercepts=True, normalised=False
    ):
        super().__init__(n_in, n_out)
        self.activation = activation
        self.intercepts, self.normalised = intercepts, normalised

    def parameters(self):
        """Describe the weights (n_in, n_out) and the intercepts (n_out,).

        Returns
        -------
        parameters : list of Parameter
            An initialiser draws the weights.
        """
        found = [Parameter("W", (self.n_in, self.n_out), penalised=True)]
        return found + ([Parameter("b", (self.n_out,))] if self.intercepts else [])

    def rooms(self, batch_size, training):
        """Describe the room for what an activation reads in the backward pass.

        Parameters
        ----------
        batch_size : int
            The most rows of a batch.
        training : bool
            Whether there will be a backward pass.

        Returns
        -------
        shapes : list of tuple of int, or None
            The outputs before the activation, where its derivative needs them.
        """
        return [kept_shape(self.activation, batch_size, self.n_out, training)]

    @staticmethod
    def publish_inputs(W, b, units):
        """Rewrite a first layer for raw inputs.

        Parameters
        ----------
        W : ndarray of shape (n_in, n_out)
            Weights of inputs in units of training, which are ``(x - mean) / scale``.
        b : ndarray of shape (n_out,) or None
            Intercepts.
        units : Units
            The units of training.

        Returns
        -------
        W, b : ndarray
            The same map of raw inputs, in float64. A constant column has weights of
            zero.
        """
        W = np.where(units.varies, 1 / units.scale, 0.0)[:, np.newaxis] * W
        return W, None if b is None else b - units.mean @ W

    @staticmethod
    def absorb_inputs(W, b, units):
        """Rewrite a first layer for inputs in units of training.

        Parameters
        ----------
        W, b, units : ndarray, ndarray or None, Units
            As `publish_inputs` returns them.

        Returns
        -------
        W, b : ndarray
            As `publish_inputs` takes them.
        """
        b = None if b is None else b + units.mean @ W
        return units.scale[:, np.newaxis] * W, b

    @staticmethod
    def publish_outputs(W, b, units):
        """Rewrite a last layer for raw targets.

        Parameters
        ----------
        W : ndarray of shape (n_in, n_out)
            Weights of outputs that are multiples of ``target_scale`` beyond
            ``target_mean``.
        b : ndarray of shape (n_out,) or None
            Intercepts.
        units : Units
            The units of training.

        Returns
        -------
        W, b : ndarray
            In float64.
        """
        b = None if b is None else b * units.target_scale + units.target_mean
        return W * units.target_scale, b

    @staticmethod
    def absorb_outputs(W, b, units):
        """Rewrite a last layer for targets in units of training.

        Parameters
        ----------
        W, b, units : ndarray, ndarray or None, Units
            As `publish_outputs` returns them.

        Returns
        -------
        W, b : ndarray
            As `publish_outputs` takes them.
        """
        b = None if b is None else (b - units.target_mean) / units.target_scale
        return W / units.target_scale, b

    def kernel(self):
        """Give the compiled passes.

        Returns
        -------
        kernel : LayerKernel
            With the activation.
        """
        return layer_kernel(
            <forward_f32> _forward[float], <forward_f64> _forward[double],
            <backward_f32> _backward[float], <backward_f64> _backward[double],
            (self.normalised,), self.activation)


def kept_shape(activation, batch_size, width, training):
    """Say which room an activation needs for its inputs.

    Parameters
    ----------
    activation : Activation or None
        The activation.
    batch_size, width : int
        The shape of its inputs.
    training : bool
        Whether there will be a backward pass.

    Returns
    -------
    shape : tuple of int, or None
        None where the derivative is a function of the outputs.
    """
    cdef ActivationKernel kernel
    if activation is None or not training:
        return None
    kernel = activation._kernel()
    return (batch_size, width) if kernel.passes.reads_input else None


# ---------------------------------------------------------------- a copy of the inputs
cdef void _copy(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before
) noexcept nogil:
    memcpy(room.out, before, batch.m * layer.n_out * sizeof(floating))


cdef void _copy_back(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before,
    floating* delta, floating* passed,
) noexcept nogil:
    pass    # the inputs of a network have nothing to learn


class Copy(Layer):
    """A copy of the inputs, for layers that change them in place.

    Parameters
    ----------
    n_in, n_out : int
        The number of features, twice.
    """

    def kernel(self):
        """Give the compiled passes.

        Returns
        -------
        kernel : LayerKernel
            Backward there is nothing to do.
        """
        return layer_kernel(
            <forward_f32> _copy[float], <forward_f64> _copy[double],
            <backward_f32> _copy_back[float], <backward_f64> _copy_back[double])
