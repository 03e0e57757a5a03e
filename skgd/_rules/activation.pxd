"""What an activation gives to the compiled epoch."""

# in place over n values, h the hyperparameters: a = f(z); delta *= f'(z) as a
# function of what the kernel reads, a or z
ctypedef void (*forward_f32)(float*, Py_ssize_t, const double*) noexcept nogil
ctypedef void (*forward_f64)(double*, Py_ssize_t, const double*) noexcept nogil
ctypedef void (*backward_f32)(
    const float*, float*, Py_ssize_t, const double*) noexcept nogil
ctypedef void (*backward_f64)(
    const double*, double*, Py_ssize_t, const double*) noexcept nogil


cdef struct ActivationPasses:
    forward_f32 f32
    forward_f64 f64
    backward_f32 back_f32
    backward_f64 back_f64
    double h[1]             # the hyperparameter
    # whether the backward loops read z, which the network then has to keep
    bint reads_input


cdef class ActivationKernel:
    cdef ActivationPasses passes


cdef ActivationKernel activation_kernel(
    forward_f32 f32, forward_f64 f64, backward_f32 back_f32, backward_f64 back_f64,
    double hyperparameter=*, bint reads_input=*)
