"""An epoch's plan, and its short cut for single rows."""

from cython cimport floating
from libc.stdint cimport uint64_t

from .._rules.vector cimport prefetch
from .network cimport Workspace
from .._rules.optimizer cimport OptimizerKernel


cdef struct Plan:
    Py_ssize_t batch_size
    const Py_ssize_t* order     # rows in the order of the epoch, or NULL
    Py_ssize_t n_samples
    const double* rates         # one for each update of the epoch
    double l1, l2
    bint per_sample             # the penalty is divided by the batch's weight
    double weight_mean
    uint64_t seed
    double step                 # updates before this epoch
    double slot_step            # the same since the slots were made
    double l1_total             # in and out
    void* slots
    double clip_norm            # the longest gradient; inf: as it is
    const signed char* signs    # of the penalised weights; NULL: no constraints
    const double* shares        # of each update in the average; NULL: no averaging
    void* average               # of the parameters
    void* running_average       # of the running statistics, or NULL
    const void* running         # (n_running,)
    Py_ssize_t n_running


cdef inline void _prefetch_every(
    const floating* start, Py_ssize_t n, Py_ssize_t n_bytes
) noexcept nogil:
    # one line in so many bytes, as far as the cache has room for several rows
    cdef Py_ssize_t j = 0
    while j < n and j * sizeof(floating) < 32768:
        prefetch(start + j)
        j += n_bytes // sizeof(floating)
    prefetch(start + n - 1)


cdef inline void prefetch_lines(const floating* start, Py_ssize_t n) noexcept nogil:
    _prefetch_every(start, n, 64)


cdef inline void prefetch_pages(const floating* start, Py_ssize_t n) noexcept nogil:
    # One line of each page of a long row, well before the others are asked for: these
    # then don't wait for the page's address (1.3 times as fast for single rows of 4000
    # and of 8000 bytes; short rows gain nothing).
    if n * sizeof(floating) >= 2048:
        _prefetch_every(start, n, 4096)


cdef inline void announce(
    Workspace work, Plan* plan, Py_ssize_t number, floating* tag
) noexcept nogil:
    # A row that comes soon, and the pages of one that comes later, while single rows are
    # visited in random order: their way from memory took 60% of an update of a small
    # linear model.
    cdef Py_ssize_t d = work.data.n_features, row, first, n_stored
    if number + 20 >= plan.n_samples:
        return
    row = plan.order[number + 10]
    prefetch(<const floating*> work.data.y + row * work.data.n_targets)
    if work.data.w != NULL:
        prefetch(<const floating*> work.data.w + row)
    if work.data.x != NULL:
        prefetch_lines(<const floating*> work.data.x + row * d, d)
        row = plan.order[number + 20]
        prefetch_pages(<const floating*> work.data.x + row * d, d)
        return
    first = work.data.csr_indptr[row]
    n_stored = work.data.csr_indptr[row + 1] - first
    prefetch_lines(<const floating*> work.data.csr_data + first, n_stored)
    prefetch_lines(<const float*> work.data.csr_indices + first, n_stored)
    prefetch(work.data.csr_indptr + plan.order[number + 20])


cdef bint can_run_rows(Workspace work, OptimizerKernel kernel, Plan* plan) noexcept nogil
cdef double run_rows(
    Workspace work, Plan* plan, Py_ssize_t begin, Py_ssize_t end, double* reported,
    floating* tag) noexcept nogil
