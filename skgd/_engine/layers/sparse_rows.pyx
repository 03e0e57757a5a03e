"""Products and moments of the rows of a CSR matrix, which are never made dense.

Shapes: a batch has m rows of k features; a matrix of weights has n columns.
"""

from cython cimport floating
from libc.string cimport memset

from ..._rules.vector cimport leaf

cdef enum:
    # so many outputs are summed up in registers (1.5 times as fast as in memory)
    BLOCK = 64


cdef leaf _product(
    const Rows* rows, const floating* W, floating* Z,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
) noexcept nogil:
    cdef const floating* data = <const floating*> rows.data
    cdef Py_ssize_t i, p, j, o, row, first
    cdef floating x, scale = 1 / rows.keep
    cdef floating sums[BLOCK]
    for i in range(m):
        row, first = row_of(rows, i), 0
        while first + BLOCK <= n:
            for o in range(BLOCK):
                sums[o] = Z[i * n + first + o]
            for p in range(rows.indptr[row], rows.indptr[row + 1]):
                j = rows.indices[p]
                if stays(rows, i * k + j):
                    x = data[p] * scale
                    for o in range(BLOCK):
                        sums[o] += x * W[j * n + first + o]
            for o in range(BLOCK):
                Z[i * n + first + o] = sums[o]
            first += BLOCK
        if first == n:
            continue
        for p in range(rows.indptr[row], rows.indptr[row + 1]):
            j = rows.indices[p]
            if stays(rows, i * k + j):
                x = data[p] * scale
                for o in range(first, n):
                    Z[i * n + o] += x * W[j * n + o]


cdef void _vector_product(
    const Rows* rows, const floating* w, floating* z, Py_ssize_t m
) noexcept nogil:
    # the same for a single column without dropout: twice as fast (50 values per row)
    cdef const floating* data = <const floating*> rows.data
    cdef Py_ssize_t i, p, row
    for i in range(m):
        row = row_of(rows, i)
        for p in range(rows.indptr[row], rows.indptr[row + 1]):
            z[i] += data[p] * w[rows.indices[p]]


cdef void csr_product(
    const Rows* rows, const floating* W, floating* Z,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
) noexcept nogil:
    """Z (m, n) += X (m, k) @ W (k, n)."""
    if n == 1 and rows.keep == 1:
        _vector_product(rows, W, Z, m)
    else:
        _product(rows, W, Z, m, k, n)


cdef leaf _transposed_product(
    const Rows* rows, const floating* delta, floating* G,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
) noexcept nogil:
    cdef const floating* data = <const floating*> rows.data
    cdef Py_ssize_t i, p, j, o, row
    cdef floating x, scale = 1 / rows.keep
    for i in range(m):
        row = row_of(rows, i)
        for p in range(rows.indptr[row], rows.indptr[row + 1]):
            j = rows.indices[p]
            if stays(rows, i * k + j):
                x = data[p] * scale
                for o in range(n):
                    G[j * n + o] += x * delta[i * n + o]


cdef void _vector_transposed_product(
    const Rows* rows, const floating* delta, floating* g, Py_ssize_t m
) noexcept nogil:
    # the same for a single column without dropout
    cdef const floating* data = <const floating*> rows.data
    cdef Py_ssize_t i, p, row
    for i in range(m):
        row = row_of(rows, i)
        for p in range(rows.indptr[row], rows.indptr[row + 1]):
            g[rows.indices[p]] += data[p] * delta[i]


cdef void csr_transposed_product(
    const Rows* rows, const floating* delta, floating* G,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
) noexcept nogil:
    """G (k, n) = X (m, k).T @ delta (m, n)."""
    memset(G, 0, k * n * sizeof(floating))
    if n == 1 and rows.keep == 1:
        _vector_transposed_product(rows, delta, G, m)
    else:
        _transposed_product(rows, delta, G, m, k, n)


cdef void csr_moments(
    const Rows* rows, const floating* share, floating* mean, floating* variance,
    floating* stored, floating* count, Py_ssize_t m, Py_ssize_t k,
) noexcept nogil:
    """Mean and biased variance per column, in two passes; share (m,) adds up to 1.

    stored and count (k,) are scratch space. They hold the share and the number of the
    stored values of each column.
    """
    cdef const floating* data = <const floating*> rows.data
    cdef Py_ssize_t i, p, j, row
    cdef floating d
    memset(mean, 0, k * sizeof(floating))
    memset(variance, 0, k * sizeof(floating))
    memset(stored, 0, k * sizeof(floating))
    memset(count, 0, k * sizeof(floating))
    for i in range(m):
        row = row_of(rows, i)
        for p in range(rows.indptr[row], rows.indptr[row + 1]):
            j = rows.indices[p]
            mean[j] += share[i] * data[p]
            stored[j] += share[i]
            count[j] += 1
    for i in range(m):
        row = row_of(rows, i)
        for p in range(rows.indptr[row], rows.indptr[row + 1]):
            j = rows.indices[p]
            d = data[p] - mean[j]
            variance[j] += share[i] * d * d
    for j in range(k):
        # The zeros that are not stored are at a distance of mean from the mean. If all
        # values of a column are stored, nothing is added: a rounding error of their
        # share would be multiplied by the square of a mean that can be large.
        if count[j] < m and stored[j] < 1:
            variance[j] += (1 - stored[j]) * mean[j] * mean[j]


cdef void csr_row(
    const Rows* rows, Py_ssize_t i, floating* x, Py_ssize_t k
) noexcept nogil:
    """x (k,) = row i of the batch, as a dense row."""
    cdef const floating* data = <const floating*> rows.data
    cdef Py_ssize_t p, row = row_of(rows, i)
    memset(x, 0, k * sizeof(floating))
    for p in range(rows.indptr[row], rows.indptr[row + 1]):
        x[rows.indices[p]] = data[p]
