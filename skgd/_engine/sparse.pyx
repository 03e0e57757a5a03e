"""Passes of the first layer over rows of a CSR matrix, never made dense.

Shapes: a batch has m rows of k features; the layer has n outputs. Where the
inputs are dropped out, each pass draws the mask of `layers.dropout` anew, so
that dense and sparse data see the same one.
"""

from cython cimport floating
from libc.string cimport memset

from .layers cimport add_column_sums, dropout_keeps


cdef inline Py_ssize_t _row(const Rows* rows, Py_ssize_t i) noexcept nogil:
    return rows.first + i if rows.order == NULL else rows.order[i]


cdef void csr_product(
    const Rows* rows, const floating* W, floating* Z,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
) noexcept nogil:
    """Z (m, n) += X (m, k) @ W (k, n)."""
    cdef const floating* data = <const floating*> rows.data
    cdef Py_ssize_t i, p, j, o, row
    cdef floating x, scale = 1 / rows.keep
    for i in range(m):
        row = _row(rows, i)
        for p in range(rows.indptr[row], rows.indptr[row + 1]):
            j = rows.indices[p]
            if rows.keep < 1 and not dropout_keeps(rows.seed, i * k + j, rows.keep):
                continue
            x = data[p] * scale
            for o in range(n):
                Z[i * n + o] += x * W[j * n + o]


cdef void csr_transposed_product(
    const Rows* rows, const floating* delta, floating* G,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
) noexcept nogil:
    """G (k, n) = X (m, k).T @ delta (m, n)."""
    cdef const floating* data = <const floating*> rows.data
    cdef Py_ssize_t i, p, j, o, row
    cdef floating x, scale = 1 / rows.keep
    memset(G, 0, k * n * sizeof(floating))
    for i in range(m):
        row = _row(rows, i)
        for p in range(rows.indptr[row], rows.indptr[row + 1]):
            j = rows.indices[p]
            if rows.keep < 1 and not dropout_keeps(rows.seed, i * k + j, rows.keep):
                continue
            x = data[p] * scale
            for o in range(n):
                G[j * n + o] += x * delta[i * n + o]


cdef void csr_moments(
    const Rows* rows, const floating* share, floating* mean, floating* variance,
    floating* stored, floating* count, Py_ssize_t m, Py_ssize_t k,
) noexcept nogil:
    """Mean and biased variance per column, in two passes; share (m,) adds up to 1.

    stored and count (k,) are scratch: the share and the number of stored values.
    """
    cdef const floating* data = <const floating*> rows.data
    cdef Py_ssize_t i, p, j, row
    cdef floating d
    memset(mean, 0, k * sizeof(floating))
    memset(variance, 0, k * sizeof(floating))
    memset(stored, 0, k * sizeof(floating))
    memset(count, 0, k * sizeof(floating))
    for i in range(m):
        row = _row(rows, i)
        for p in range(rows.indptr[row], rows.indptr[row + 1]):
            j = rows.indices[p]
            mean[j] += share[i] * data[p]
            stored[j] += share[i]
            count[j] += 1
    for i in range(m):
        row = _row(rows, i)
        for p in range(rows.indptr[row], rows.indptr[row + 1]):
            j = rows.indices[p]
            d = data[p] - mean[j]
            variance[j] += share[i] * d * d
    for j in range(k):
        # The zeros that are not stored lie at distance mean. Where all are stored,
        # the rounding error of their share must not meet a large mean.
        if count[j] < m and stored[j] < 1:
            variance[j] += (1 - stored[j]) * mean[j] * mean[j]


cdef void csr_row(
    const Rows* rows, Py_ssize_t i, floating* x, Py_ssize_t k
) noexcept nogil:
    """x (k,) = row i of the batch, with its zeros."""
    cdef const floating* data = <const floating*> rows.data
    cdef Py_ssize_t p, row = _row(rows, i)
    memset(x, 0, k * sizeof(floating))
    for p in range(rows.indptr[row], rows.indptr[row + 1]):
        x[rows.indices[p]] = data[p]


cdef void masked_shift(
    const Rows* rows, const floating* c, const floating* W, floating* Z,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
) noexcept nogil:
    """Z (m, n) += (mask (m, k) * c (k,)) @ W (k, n): what a shift of features adds."""
    cdef Py_ssize_t i, j, o
    cdef floating scaled
    for i in range(m):
        for j in range(k):
            if rows.keep < 1 and not dropout_keeps(rows.seed, i * k + j, rows.keep):
                continue
            scaled = c[j] / rows.keep
            for o in range(n):
                Z[i * n + o] += scaled * W[j * n + o]


cdef void masked_delta(
    const Rows* rows, const floating* delta, floating* D,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
) noexcept nogil:
    """D (k, n) = mask (m, k).T @ delta (m, n); without dropout all rows are one."""
    cdef Py_ssize_t i, j, o
    cdef floating scale = 1 / rows.keep
    if rows.keep == 1:
        memset(D, 0, n * sizeof(floating))
        add_column_sums(delta, D, m, n)
        for j in range(1, k):
            for o in range(n):
                D[j * n + o] = D[o]
        return
    memset(D, 0, k * n * sizeof(floating))
    for i in range(m):
        for j in range(k):
            if not dropout_keeps(rows.seed, i * k + j, rows.keep):
                continue
            for o in range(n):
                D[j * n + o] += scale * delta[i * n + o]
