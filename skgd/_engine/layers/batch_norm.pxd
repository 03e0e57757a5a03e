"""Parts of batch normalisation that the sparse input layer uses."""

from cython cimport floating

from .layer cimport Batch, LayerMemory, LayerRoom


cdef void join_moments_f32(
    const LayerMemory* layer, LayerRoom** rooms, Batch** batches, Py_ssize_t n_parts
) noexcept nogil
cdef void join_moments_f64(
    const LayerMemory* layer, LayerRoom** rooms, Batch** batches, Py_ssize_t n_parts
) noexcept nogil
cdef void batch_norm_single(
    floating* running, const floating* x, double step, Py_ssize_t n) noexcept nogil
cdef void inverse_root(
    const floating* variance, floating* inv_std, Py_ssize_t n) noexcept nogil
