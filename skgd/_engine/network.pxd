"""A network, the data, and the room for a batch."""

from cython cimport floating

from .._rules.loss cimport LossKernel
from .layers.layer cimport Batch, Halves, LayerMemory, LayerRoom
from .layers.layer cimport backward_f32, backward_f64, forward_f32, forward_f64


# What an update treats alike: numbers `start` to `stop` of the flat vector.
cdef struct Segment:
    Py_ssize_t start
    Py_ssize_t stop
    bint penalised
    double rate                 # multiple of the learning rate


cdef struct LayerPasses:
    forward_f32 f32
    forward_f64 f64
    backward_f32 back_f32
    backward_f64 back_f64
    Halves halves
    bint passes_in_place        # see `Layer`


# How far the passes over a part of a batch have come.
cdef struct Course:
    Py_ssize_t layer
    bint backward
    bint met                    # the first half of the layer is over
    int flip                    # which `delta` receives the next derivatives
    void* delta
    double loss, reported


cdef inline void set_out(Course* course) noexcept nogil:
    course.layer, course.backward, course.met = 0, False, False
    course.loss = course.reported = 0


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
    cdef readonly object architecture, dtype
    cdef readonly Py_ssize_t n_params, n_penalised, n_outputs
    cdef readonly bint can_be_sharded   # see `workspace` in shards.pyx
    cdef readonly bint f32, sparse
    cdef readonly bint single   # the network is one dense layer
    cdef readonly bint normalised   # a layer needs the mean and the variance of a batch
    cdef Py_ssize_t n_layers, first_learned, n_segments
    cdef LayerMemory* layers
    cdef LayerPasses* passes
    cdef Segment* segments
    cdef LossKernel loss
    cdef void* theta
    cdef list kinds, kernels, keep_alive

    cdef _bind(self, theta, running)


cdef class Workspace:
    cdef readonly Network network
    cdef readonly Data data
    cdef readonly Py_ssize_t batch_size
    cdef readonly object gradient   # (n_params,) ndarray, or None
    cdef readonly double clip_factor    # by which the last gradient was scaled
    cdef bint is_gathered       # others compute the gradient, see `Gathered`
    cdef LayerRoom* rooms
    cdef list keep_alive
    cdef void* grad
    cdef void* target           # where the backward passes write: `grad`, see `aim`
    cdef void* delta[2]         # (batch, widest) derivatives by what a layer gives on
    cdef void* batch_x          # gathered rows
    cdef void* batch_y
    cdef void* batch_w
    cdef void* batch_share

    cdef void* _room(self, shape) except? NULL


cdef void weigh(Workspace work, Batch* batch, floating* tag) noexcept nogil
cdef void join_weights(Batch** batches, Py_ssize_t n_parts) noexcept nogil
cdef bint go_on(
    Workspace work, Batch* batch, Course* course, double weight_mean, bint backward,
    floating* tag) noexcept nogil
cdef void meet(
    Network net, const Course* course, LayerRoom** rooms, Batch** batches,
    Py_ssize_t n_parts) noexcept nogil
cdef double forward_loss(
    Workspace work, Batch* batch, double weight_mean, double* reported, floating* tag
) noexcept nogil
cdef double gradient(
    Workspace work, Batch* batch, double weight_mean, double* reported, floating* tag
) noexcept nogil
cdef void aim(Workspace work, void* gradient) noexcept nogil
cdef void predict(Workspace work, Batch* batch, floating* tag) noexcept nogil
