"""What a loss gives to the compiled epoch."""

from cython cimport floating

# (y, z, h, dz) -> loss of one output; dz receives the derivative by z
ctypedef double (*scalar_loss)(double, double, const double*, double*) noexcept nogil


cdef class LossKernel:
    cdef scalar_loss scalar     # NULL: softmax, one class code per row in y
    cdef double[::1] values
    cdef const double* h        # the hyperparameter, in `values`
    cdef Py_ssize_t stride      # from that of an output to that of the next: 0 or 1
    cdef const double* units    # (n_outputs, 2) scale and factor of the loss, or NULL
    cdef object keep_alive
    cdef double total           # what the losses add up to in the user's units


cdef LossKernel loss_kernel(scalar_loss scalar, hyperparameter=*)


cdef double loss_and_delta(
    LossKernel kernel, const floating* y, floating* z, const floating* weights,
    Py_ssize_t m, Py_ssize_t k, double scale) noexcept nogil
