"""What an update does to a range of parameters."""

from cython cimport floating

from .._rules.optimizer cimport OptimizerKernel, Step, step_f32, step_f64
from .network cimport Network, Segment, Workspace
from .single_rows cimport Plan


cdef struct Update:
    void* theta                 # (n_params,), as the gradient and each slot
    void* grad
    void* slots
    Py_ssize_t n_params
    const Segment* segments
    Py_ssize_t n_segments
    step_f32 f32
    step_f64 f64
    Step step
    double rate, l1, l2         # of a penalised parameter
    const signed char* signs    # of the penalised weights, or NULL
    Py_ssize_t n_penalised
    void* average
    double share                # of the new parameters in the average


cdef void begin_update(
    Update* update, Workspace work, OptimizerKernel kernel, Plan* plan,
    Py_ssize_t number, Py_ssize_t m) noexcept nogil
cdef void apply(
    const Update* update, Py_ssize_t first, Py_ssize_t last, floating* tag) noexcept nogil
cdef void clip(Workspace work, double limit, floating* tag) noexcept nogil
