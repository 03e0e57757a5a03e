"""What a loss gives to the compiled epoch."""

from cython cimport floating
from libc.math cimport log

# (y, z, h, dz) -> loss of one output; dz receives the derivative by z
ctypedef double (*scalar_loss)(double, double, const double*, double*) noexcept nogil


cdef class LossKernel:
    cdef scalar_loss scalar     # NULL: softmax, one class code per row in y
    cdef bint distribution      # softmax, but a row of y has a probability per output
    cdef bint quadratic         # half the squared error
    cdef bint by_python         # `function` is called for each batch
    cdef bint has_codes         # one class code per row in y
    cdef object function        # of targets and raw predictions, in float64
    cdef object error           # that the function has raised
    cdef object values          # ndarray of float64
    cdef const double* h        # the hyperparameter, in `values`
    cdef Py_ssize_t stride      # from that of an output to that of the next: 0 or 1
    cdef const double* units    # (n_outputs, 2) scale and factor of the loss, or NULL
    cdef bint log_link          # z is the logarithm of a multiple of the scale
    cdef object keep_alive


cdef int raise_error(LossKernel kernel) except -1
cdef LossKernel loss_kernel(scalar_loss scalar, hyperparameter=*, bint quadratic=*)


cdef inline double price(
    LossKernel kernel, Py_ssize_t j, double y, double z, double weight, double* dz,
    double* reported,
) noexcept nogil:
    """Weighted loss of output j in units of training; dz receives its derivative.

    The loss in the units of the user is added to `reported`, unless they are the same.
    """
    cdef const double* h = kernel.h + j * kernel.stride
    cdef double scale, factor, loss
    if kernel.units == NULL:
        loss = weight * kernel.scalar(y, z, h, dz)
        dz[0] *= weight
        return loss
    scale, factor = kernel.units[2 * j], kernel.units[2 * j + 1]
    if kernel.log_link:
        loss = weight * kernel.scalar(scale * y, z + log(scale), h, dz)
        dz[0] *= weight * factor
    else:
        loss = weight * kernel.scalar(scale * y, scale * z, h, dz)
        dz[0] *= weight * scale * factor
    reported[0] += loss
    return loss * factor


cdef double loss_and_delta(
    LossKernel kernel, const floating* y, floating* z, const floating* weights,
    Py_ssize_t m, Py_ssize_t k, double scale, double* reported) noexcept nogil
