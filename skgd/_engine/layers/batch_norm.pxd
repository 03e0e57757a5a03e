"""Parts of batch normalisation that the sparse input layer uses."""

from cython cimport floating


cdef void batch_norm_running(
    floating* mean, floating* variance, const floating* batch_mean,
    const floating* batch_variance, double total, Py_ssize_t n) noexcept nogil
cdef void batch_norm_single(
    floating* running, const floating* x, double step, Py_ssize_t n) noexcept nogil
cdef void inverse_root(
    const floating* variance, floating* inv_std, Py_ssize_t n) noexcept nogil
