"""What follows an update: the signs of constrained weights, and averages."""

from cython cimport floating
from libc.string cimport memcpy


cdef inline void project(
    floating* weights, const signed char* signs, Py_ssize_t n
) noexcept nogil:
    # Weights with the wrong sign become zero. Since this is the nearest point in each
    # coordinate, it also is for optimizers with a learning rate for each weight.
    cdef Py_ssize_t j
    for j in range(n):
        if weights[j] * signs[j] < 0:
            weights[j] = 0


cdef inline void mix(
    floating* average, const floating* values, Py_ssize_t n, floating share
) noexcept nogil:
    cdef Py_ssize_t j
    if share == 1:      # even if the average is not finite
        memcpy(average, values, n * sizeof(floating))
        return
    for j in range(n):
        average[j] += share * (values[j] - average[j])
