"""What an optimizer gives to the compiled epoch."""


cdef struct Step:
    double rate         # the learning rate of this update
    double t            # updates since the slots were made, this one included
    double l1           # strength of the L1 penalty on these parameters, or 0
    double l2           # strength of the squared L2 penalty, or 0
    double l1_total     # sum of rate * l1 over all updates, this one included
    double h[4]         # hyperparameters, in the order of the kernel


# (w, g, slots, stride, n, step): w, g and each slot are (n,); slot k starts at
# slots + k * stride.
ctypedef void (*step_f32)(
    float*, const float*, float*, Py_ssize_t, Py_ssize_t, const Step*) noexcept nogil
ctypedef void (*step_f64)(
    double*, const double*, double*, Py_ssize_t, Py_ssize_t, const Step*) noexcept nogil


cdef class OptimizerKernel:
    cdef step_f32 f32
    cdef step_f64 f64
    cdef double h[4]
    cdef readonly Py_ssize_t n_slots
    # The kernel leaves a parameter alone whose gradient is zero, but for the
    # shrinkage w *= 1 - rate * l2: rows of sparse data can be applied lazily.
    cdef readonly bint lazy
