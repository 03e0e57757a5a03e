"""A network bound to memory."""

from cython cimport floating
from libc.stdint cimport uint64_t

from .._rules.activation cimport ActivationKernel
from .._rules.loss cimport LossKernel


cdef struct Layer:
    # Arrays are float or double as the network is. A layer without W is the
    # input layer; gamma is NULL where there is no batch normalisation.
    Py_ssize_t n_in
    Py_ssize_t n_out
    double keep             # 1 - dropout
    bint active             # has an activation
    # parameters and gradients: W (n_in, n_out), the others (n_out,)
    void* W
    void* b
    void* gamma
    void* beta
    void* dW
    void* db
    void* dgamma
    void* dbeta
    void* running           # (2, n_out) running mean and variance
    # one batch of up to batch_size rows
    void* A                 # (batch, n_out) what the layer gives on
    void* xhat              # (batch, n_out) normalised
    void* kept              # (batch, n_out) before the activation, or NULL: see A
    void* moments           # (2, n_out) mean and variance that normalised it
    void* inv_std           # (n_out,)


cdef struct Batch:
    Py_ssize_t m
    const Py_ssize_t* order     # rows in the data, or NULL: they follow `first`
    Py_ssize_t first
    const void* x               # (m, n_features), or NULL: the data are sparse
    const void* y               # (m, n_targets)
    const void* weights         # (m,) or NULL
    const void* share           # (m,) weights over their sum; NULL: see BatchNorm
    double total                # sum of the weights
    Py_ssize_t single           # the row of positive weight where share is NULL, or -1
    uint64_t seed               # of the dropout masks
    double step                 # updates so far; -1 at prediction


cdef class Data:
    cdef readonly object X, Y, weights, units
    cdef readonly Py_ssize_t n_samples, n_features
    cdef Py_ssize_t n_targets
    cdef const void* x
    cdef const void* y
    cdef const void* w
    cdef const void* mean       # (n_features,) or NULL: the data are in units of training
    cdef const void* scale
    cdef const void* csr_data
    cdef const int* csr_indices
    cdef const int* csr_indptr


cdef class Network:
    cdef readonly object dtype
    cdef readonly object gradient   # (n_params,) ndarray, or None
    cdef readonly Data data
    cdef readonly Py_ssize_t batch_size, n_outputs
    cdef bint f32, normalised
    cdef readonly Py_ssize_t n_params, n_penalised
    cdef Py_ssize_t n_layers
    cdef Layer* layers
    cdef LossKernel loss
    cdef ActivationKernel activation
    cdef list keep_alive
    cdef void* theta
    cdef void* grad
    cdef readonly double clip_factor    # by which the last gradient was scaled
    cdef void* delta[2]         # (batch, widest) derivatives by a layer's output
    cdef void* batch_x          # gathered rows
    cdef void* batch_y
    cdef void* batch_w
    cdef void* batch_share
    cdef void* sparse_scaled    # (n_features, n_outputs) for sparse input layers

    cdef void* _own(self, array) except? NULL
    cdef void* _room(self, rows, columns) except? NULL
    cdef _bind_parameters(self, architecture, theta, running, gradient)
    cdef _bind_rules(self, architecture)
    cdef _make_room(self, architecture, training)


cdef double forward_loss(
    Network net, Batch* batch, double weight_mean, floating* tag) noexcept nogil
cdef double gradient(
    Network net, Batch* batch, double weight_mean, floating* tag) noexcept nogil
cdef void predict(Network net, Batch* batch, floating* tag) noexcept nogil
