"""What an activation gives to the compiled epoch."""

# in place over n values: a = f(z); delta *= f'(z) as a function of a
ctypedef void (*forward_f32)(float*, Py_ssize_t) noexcept nogil
ctypedef void (*forward_f64)(double*, Py_ssize_t) noexcept nogil
ctypedef void (*backward_f32)(const float*, float*, Py_ssize_t) noexcept nogil
ctypedef void (*backward_f64)(const double*, double*, Py_ssize_t) noexcept nogil


cdef class ActivationKernel:
    cdef forward_f32 f32
    cdef forward_f64 f64
    cdef backward_f32 back_f32
    cdef backward_f64 back_f64
