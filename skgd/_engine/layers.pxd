"""Forward and backward passes of the layers, over one batch."""

from cython cimport floating
from libc.stdint cimport uint32_t, uint64_t


cdef void dense_forward(
    const floating* A, const floating* W, const floating* b, floating* Z,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n) noexcept nogil
cdef void dense_backward_weights(
    const floating* A, const floating* delta, floating* dW,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n) noexcept nogil
cdef void dense_backward_input(
    const floating* delta, const floating* W, floating* dA,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n) noexcept nogil
cdef void add_column_sums(
    const floating* delta, floating* db, Py_ssize_t m, Py_ssize_t n) noexcept nogil
cdef void add_to_rows(
    const floating* b, floating* Z, Py_ssize_t m, Py_ssize_t n) noexcept nogil

cdef void batch_norm_running(
    floating* mean, floating* variance, const floating* batch_mean,
    const floating* batch_variance, double total, Py_ssize_t n) noexcept nogil
cdef void batch_norm_forward(
    floating* xhat, floating* A, floating* inv_std, floating* running,
    floating* scratch, const floating* gamma, const floating* beta,
    const floating* share, double total, Py_ssize_t single, double step,
    Py_ssize_t m, Py_ssize_t n) noexcept nogil
cdef void batch_norm_backward(
    const floating* xhat, floating* delta, const floating* inv_std,
    const floating* gamma, floating* dgamma, floating* dbeta,
    const floating* share, double total, Py_ssize_t m, Py_ssize_t n) noexcept nogil
cdef void batch_norm_single(
    floating* running, const floating* x, double step, Py_ssize_t n) noexcept nogil
cdef void inverse_root(
    const floating* variance, floating* inv_std, Py_ssize_t n) noexcept nogil

cdef void dropout(
    floating* A, Py_ssize_t n, uint64_t seed, double keep) noexcept nogil
cdef void dropout_backward(
    floating* A, floating* delta, Py_ssize_t n, uint64_t seed, double keep
) noexcept nogil


cdef inline uint32_t random_bits(uint64_t seed, uint64_t position) noexcept nogil:
    """32 random bits as a function of seed and position: splitmix64's finaliser."""
    cdef uint64_t x = seed + (position + 1) * <uint64_t> 0x9E3779B97F4A7C15
    x = (x ^ (x >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t> 0x94D049BB133111EB
    return <uint32_t> ((x ^ (x >> 31)) >> 32)


cdef inline uint32_t mask_bits(uint32_t a, uint32_t b, uint32_t position) noexcept nogil:
    """32 random bits of a dropout mask, which has two keys of 32 random bits.

    A counter-based generator (the finaliser lowbias32, with a key before each
    multiplication), so that the mask need not be stored. All in 32 bits, since a vector
    has twice as many of them: 2.5 times as fast as `random_bits`.
    """
    cdef uint32_t x = position + a
    x = (x ^ (x >> 16)) * <uint32_t> 0x7FEB352D
    x ^= b
    x = (x ^ (x >> 15)) * <uint32_t> 0x846CA68B
    return x ^ (x >> 16)


cdef inline uint32_t dropout_threshold(double keep) noexcept nogil:
    """An element stays where its random bits are below this."""
    return <uint32_t> (keep * 4294967295.0)


cdef inline bint dropout_keeps(
    uint64_t seed, Py_ssize_t position, double keep
) noexcept nogil:
    """Whether the mask keeps the element at `position` of a batch."""
    return dropout_threshold(keep) > mask_bits(
        random_bits(seed, 0), random_bits(seed, 1), <uint32_t> position)
