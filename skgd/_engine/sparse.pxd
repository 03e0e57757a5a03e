"""Passes of the first layer over rows of a CSR matrix."""

from cython cimport floating
from libc.stdint cimport uint64_t

cdef struct Rows:
    const void* data
    const int* indices
    const int* indptr
    const Py_ssize_t* order     # rows of the batch, or NULL: they follow `first`
    Py_ssize_t first
    uint64_t seed               # of the dropout mask on the inputs
    double keep                 # 1: no dropout


cdef void csr_product(
    const Rows* rows, const floating* W, floating* Z,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n) noexcept nogil
cdef void csr_transposed_product(
    const Rows* rows, const floating* delta, floating* G,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n) noexcept nogil
cdef void csr_moments(
    const Rows* rows, const floating* share, floating* mean, floating* variance,
    floating* stored, floating* count, Py_ssize_t m, Py_ssize_t k) noexcept nogil
cdef void csr_row(
    const Rows* rows, Py_ssize_t i, floating* x, Py_ssize_t k) noexcept nogil
cdef void masked_shift(
    const Rows* rows, const floating* c, const floating* W, floating* Z,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n) noexcept nogil
cdef void masked_delta(
    const Rows* rows, const floating* delta, floating* D,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n) noexcept nogil
