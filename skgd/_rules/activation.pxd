"""What an activation gives to the compiled epoch."""

# in place over n values, h the hyperparameters: a = f(z); delta *= f'(z) as a
# function of what the kernel reads, a or z
ctypedef void (*forward_f32)(float*, Py_ssize_t, const double*) noexcept nogil
ctypedef void (*forward_f64)(double*, Py_ssize_t, const double*) noexcept nogil
ctypedef void (*backward_f32)(
    const float*, float*, Py_ssize_t, const double*) noexcept nogil
ctypedef void (*backward_f64)(
    const double*, double*, Py_ssize_t, const double*) noexcept nogil


cdef class ActivationKernel:
    cdef forward_f32 f32
    cdef forward_f64 f64
    cdef backward_f32 back_f32
    cdef backward_f64 back_f64
    cdef double h[1]            # the hyperparameter
    # whether the backward loops read z, which the network then has to keep
    cdef bint reads_input


cdef ActivationKernel activation_kernel(
    forward_f32 f32, forward_f64 f64, backward_f32 back_f32, backward_f64 back_f64,
    double hyperparameter=*, bint reads_input=*)
