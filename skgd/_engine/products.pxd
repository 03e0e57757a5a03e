"""Products of matrices over one batch, and sums of its rows."""

from cython cimport floating


cdef void add_to_rows(
    const floating* b, floating* Z, Py_ssize_t m, Py_ssize_t n) noexcept nogil
cdef void add_column_sums(
    const floating* delta, floating* out, Py_ssize_t m, Py_ssize_t n) noexcept nogil
cdef void dense_forward(
    const floating* A, const floating* W, const floating* b, floating* Z,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n) noexcept nogil
cdef void dense_backward_weights(
    const floating* A, const floating* delta, floating* dW,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n) noexcept nogil
cdef void dense_backward_input(
    const floating* delta, const floating* W, floating* dA,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n) noexcept nogil
