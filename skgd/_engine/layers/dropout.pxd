"""Random numbers of dropout masks, and the hyperparameters of the layer."""

from libc.stdint cimport uint32_t, uint64_t


cdef enum:
    # hyperparameters: one minus the rate, the stream of random numbers
    KEEP = 0
    STREAM = 1


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


cdef inline uint64_t stream_seed(uint64_t seed, Py_ssize_t stream) noexcept nogil:
    """The seed of a stream: far apart, since positions in a batch offset a seed."""
    cdef uint64_t high = random_bits(seed, 2 * stream)
    return (high << 32) | random_bits(seed, 2 * stream + 1)
