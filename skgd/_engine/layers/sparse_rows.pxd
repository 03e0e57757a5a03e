"""The rows of a batch in a CSR matrix."""

from cython cimport floating
from libc.stdint cimport uint64_t

from .dropout cimport dropout_keeps


cdef struct Rows:
    const void* data
    const int* indices
    const int* indptr
    const Py_ssize_t* order     # rows of the batch; NULL: those from `first` on
    Py_ssize_t first
    Py_ssize_t before           # elements in the parts of the batch before these rows
    uint64_t seed               # of the dropout mask on the inputs
    double keep                 # 1: no dropout


cdef inline Py_ssize_t row_of(const Rows* rows, Py_ssize_t i) noexcept nogil:
    return rows.first + i if rows.order == NULL else rows.order[i]


cdef inline bint stays(const Rows* rows, Py_ssize_t entry) noexcept nogil:
    return rows.keep == 1 or dropout_keeps(rows.seed, rows.before + entry, rows.keep)


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
