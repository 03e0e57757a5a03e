"""The rows of a batch: gathered, and standardised if they are in raw units."""

from cython cimport floating
from libc.string cimport memcpy

from .._rules.vector cimport leaf
from .layers.layer cimport Batch
from .network cimport Workspace
from .single_rows cimport prefetch_lines


cdef void _gather(
    const floating* source, floating* target, const Py_ssize_t* order, Py_ssize_t m,
    Py_ssize_t k, Py_ssize_t left, Py_ssize_t jump,
) noexcept nogil:
    # Copy the next m rows in the given order; `left` rows are left in the epoch, and
    # after the m rows, others load the next `jump` of them.
    cdef Py_ssize_t i, next
    if k == 1:
        for i in range(m):
            target[i] = source[order[i]]
        return
    # Rows are prefetched 8 rows and another 8 KB ahead, at most 32 rows, also beyond the
    # end of the batch. Waiting for memory took half of an update of a linear model.
    cdef Py_ssize_t ahead = min(8 + 8192 // (k * <Py_ssize_t> sizeof(floating)), 32)
    for i in range(m):
        next = i + ahead if i + ahead < m else i + ahead + jump
        if next < left:
            prefetch_lines(source + order[next] * k, k)
        memcpy(target + i * k, source + order[i] * k, k * sizeof(floating))


cdef leaf _standardise(
    floating* x, const floating* mean, const floating* scale, Py_ssize_t m, Py_ssize_t d
) noexcept nogil:
    # the same as `to_units` in `_data/units.py`, to the last bit
    cdef Py_ssize_t i, j
    for i in range(m):
        for j in range(d):
            x[i * d + j] = (x[i * d + j] - mean[j]) / scale[j]


cdef void load(
    Workspace work, Batch* batch, const Py_ssize_t* order, Py_ssize_t first, Py_ssize_t m,
    Py_ssize_t left, Py_ssize_t jump, floating* tag,
) noexcept nogil:
    """Point a batch at the m rows from `first` on; `left` rows are left in the epoch.

    After them, other threads will load the next `jump` rows.
    They are copied only if they are scattered, or if they are to be standardised.
    """
    cdef Py_ssize_t d = work.data.n_features, q = work.data.n_targets
    cdef const floating* x = <const floating*> work.data.x
    cdef const floating* y = <const floating*> work.data.y
    cdef const floating* w = <const floating*> work.data.w
    batch.m = batch.whole = m
    batch.row = 0
    batch.first = first
    batch.order = NULL if order == NULL else order + first
    batch.csr_data = work.data.csr_data
    batch.csr_indices = work.data.csr_indices
    batch.csr_indptr = work.data.csr_indptr
    if order != NULL and m > 1:
        order += first
        if x != NULL:
            _gather(x, <floating*> work.batch_x, order, m, d, left, jump)
        _gather(y, <floating*> work.batch_y, order, m, q, left, jump)
        if w != NULL:
            _gather(w, <floating*> work.batch_w, order, m, 1, left, jump)
        batch.x = work.batch_x if x != NULL else NULL
        batch.y = work.batch_y
        batch.weights = work.batch_w if w != NULL else NULL
    else:
        if order != NULL:
            first = order[first]
        batch.x = x + first * d if x != NULL else NULL
        batch.y = y + first * q
        batch.weights = w + first if w != NULL else NULL
    if work.data.mean != NULL:
        if batch.x != work.batch_x:
            memcpy(work.batch_x, batch.x, m * d * sizeof(floating))
            batch.x = work.batch_x
        _standardise(
            <floating*> work.batch_x, <const floating*> work.data.mean,
            <const floating*> work.data.scale, m, d)
