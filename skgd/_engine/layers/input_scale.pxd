"""The scaled weights and their gradients, for sparse rows."""

from cython cimport floating


cdef void times_rows(
    const floating* factor, const floating* W, floating* out, Py_ssize_t k, Py_ssize_t n
) noexcept nogil
cdef void scales_backward(
    const floating* W, const floating* scale, floating* dW, floating* dscale,
    Py_ssize_t k, Py_ssize_t n) noexcept nogil
