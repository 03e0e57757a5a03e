"""What a kind of layer gives to the compiled network, and what a batch is."""

from libc.stdint cimport uint64_t

from ..._rules.activation cimport ActivationPasses


cdef enum:
    # raise these where a kind of layer needs more
    MOST_SLOTS = 4
    MOST_ROOMS = 5
    MOST_HYPERPARAMETERS = 2


cdef struct Batch:
    Py_ssize_t m
    # A batch may come in several parts: rows before this one, and rows of all parts
    Py_ssize_t row
    Py_ssize_t whole
    const Py_ssize_t* order     # rows in the data, or NULL: they follow `first`
    Py_ssize_t first
    const void* x               # (m, n_features), or NULL: the data are sparse
    const void* csr_data        # all rows of sparse data
    const int* csr_indices
    const int* csr_indptr
    const void* y               # (m, n_targets)
    const void* weights         # (m,) or NULL
    const void* share           # (m,) weights over their sum; NULL: see BatchNorm
    double total                # sum of the weights, of all parts
    double fraction             # of it in this part; `share` adds up to 1 in each part
    Py_ssize_t n_positive       # rows of positive weight
    Py_ssize_t single           # the row of positive weight where share is NULL, or -1
    uint64_t seed               # of the dropout masks
    double step                 # updates so far; -1 at prediction


# A layer of a network, which all workspaces of the network share. Arrays are float or
# double as the network is.
cdef struct LayerMemory:
    Py_ssize_t n_in
    Py_ssize_t n_out
    void* parameters[MOST_SLOTS]        # in the slots of the kind, NULL where not used
    void* statistics                    # (2, width) running mean and variance, or NULL
    const ActivationPasses* activation  # or NULL
    double h[MOST_HYPERPARAMETERS]      # of the kind


# What a workspace has for a layer and a batch of up to `batch_size` rows.
cdef struct LayerRoom:
    void* gradients[MOST_SLOTS]         # as the parameters
    void* out                           # (batch, n_out) what the layer gives on
    void* rooms[MOST_ROOMS]             # in the order in which the kind asks for them


# `before` (m, n_in) is what the layer before gives on, or the rows of the batch; NULL
# where these are sparse.
ctypedef void (*forward_f32)(
    const LayerMemory*, LayerRoom*, Batch*, float* before) noexcept nogil
ctypedef void (*forward_f64)(
    const LayerMemory*, LayerRoom*, Batch*, double* before) noexcept nogil
# `delta` (m, n_out) has the derivatives by what the layer gives on, and may be
# overwritten. `passed` (m, n_in) receives the derivatives by `before`, unless it is
# NULL; it is `delta` itself where the kind says that it transforms them in place.
ctypedef void (*backward_f32)(
    const LayerMemory*, LayerRoom*, Batch*, float* before, float* delta, float* passed
) noexcept nogil
ctypedef void (*backward_f64)(
    const LayerMemory*, LayerRoom*, Batch*, double* before, double* delta, double* passed
) noexcept nogil


# What all parts of a batch have found in a first half of a pass is put together, in
# the order of the parts.
ctypedef void (*join)(const LayerMemory*, LayerRoom**, Batch**, Py_ssize_t) noexcept nogil


# The first halves of the passes of a layer that needs all rows of a batch, or NULL. The
# passes of the kernel are then the second halves.
cdef struct Halves:
    forward_f32 f32
    forward_f64 f64
    join join_f32
    join join_f64
    backward_f32 back_f32
    backward_f64 back_f64
    join join_back_f32
    join join_back_f64


cdef class LayerKernel:
    cdef forward_f32 f32
    cdef forward_f64 f64
    cdef backward_f32 back_f32
    cdef backward_f64 back_f64
    cdef Halves halves
    cdef const ActivationPasses* activation
    cdef object activation_kernel       # keeps the passes alive
    cdef double h[MOST_HYPERPARAMETERS]


cdef LayerKernel layer_kernel(
    forward_f32 f32, forward_f64 f64, backward_f32 back_f32, backward_f64 back_f64,
    hyperparameters=*, activation=*)
