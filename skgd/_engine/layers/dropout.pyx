"""Inverted dropout (Srivastava et al., 2014).

A mask is a function of the seed of the batch, the layer and the position in the batch
(a counter-based generator), so that it is never stored: the backward pass draws it again.
"""

from cython cimport floating
from libc.stdint cimport uint32_t, uint64_t

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

from .layer import Layer


cdef leaf _dropout(
    floating* A, Py_ssize_t n, uint32_t first, uint32_t a, uint32_t b,
    uint32_t threshold, floating factor,
) noexcept nogil:
    # The elements have the positions from `first` on.
    cdef Py_ssize_t j
    for j in range(n):
        A[j] = (
            A[j] * factor if mask_bits(a, b, first + <uint32_t> j) < threshold else 0)


cdef leaf _dropout_backward(
    floating* A, floating* delta, Py_ssize_t n, uint32_t first, uint32_t a, uint32_t b,
    uint32_t threshold, floating keep, floating factor,
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        if mask_bits(a, b, first + <uint32_t> j) < threshold:
            A[j] *= keep
            delta[j] *= factor
        else:
            A[j] = 0
            delta[j] = 0


cdef void _forward(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before
) noexcept nogil:
    # Some elements become zero, and the others are divided by `keep`.
    cdef double keep = layer.h[KEEP]
    cdef uint64_t seed = stream_seed(batch.seed, <Py_ssize_t> layer.h[STREAM])
    if batch.step < 0:      # prediction
        return
    _dropout(
        before, batch.m * layer.n_out, <uint32_t> (batch.row * layer.n_out),
        random_bits(seed, 0), random_bits(seed, 1), dropout_threshold(keep),
        <floating> (1 / keep))


cdef void _backward(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before,
    floating* delta, floating* passed,
) noexcept nogil:
    # The same for delta, while the division is taken back from the values: the
    # derivative of an activation is a function of what it gave on.
    cdef double keep = layer.h[KEEP]
    cdef uint64_t seed = stream_seed(batch.seed, <Py_ssize_t> layer.h[STREAM])
    _dropout_backward(
        before, delta, batch.m * layer.n_out, <uint32_t> (batch.row * layer.n_out),
        random_bits(seed, 0), random_bits(seed, 1), dropout_threshold(keep),
        <floating> keep, <floating> (1 / keep))


class Dropout(Layer):
    """Sets values to zero at random in training, and divides the others by their share.

    Parameters
    ----------
    width : int
        The number of columns.
    rate : float
        The share of the values that is set to zero, in [0, 1).
    stream : int
        The number of the stream of random numbers, for each layer its own.
    """

    in_place = True
    passes_in_place = True

    def __init__(self, width, rate, stream):
        super().__init__(width, width)
        self.rate, self.stream = rate, stream

    def kernel(self):
        """Give the compiled passes.

        Returns
        -------
        kernel : LayerKernel
            With the rate and the stream.
        """
        return layer_kernel(
            <forward_f32> _forward[float], <forward_f64> _forward[double],
            <backward_f32> _backward[float], <backward_f64> _backward[double],
            (1 - self.rate, self.stream))
