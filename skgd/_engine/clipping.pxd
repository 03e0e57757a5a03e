"""The norm of a gradient, and how it is clipped."""

from cython cimport floating
from libc.math cimport INFINITY, fabs, isinf, sqrt


cdef inline double squares(const floating* g, Py_ssize_t n, double unit) noexcept nogil:
    """The sum of squares of g, in multiples of 1 / unit."""
    cdef Py_ssize_t j
    cdef double total = 0, x
    for j in range(n):
        x = g[j] * unit
        total += x * x
    return total


cdef inline double norm(const floating* g, Py_ssize_t n) noexcept nogil:
    """Euclidean norm; NaN or infinite only where an element or the norm itself is."""
    cdef Py_ssize_t j
    cdef double total = squares(g, n, 1), largest = 0
    if isinf(total):    # elements of float64 may be too large for squares
        for j in range(n):
            largest = max(largest, fabs(g[j]))
        total = squares(g, n, 1 / largest)
        return largest * sqrt(total) if largest < INFINITY else largest
    return sqrt(total)


cdef inline double clip_factor(double norm, double limit) noexcept nogil:
    """What scales a gradient of some norm down to `limit`, or 1.

    A gradient that is not finite is left alone: divergence must be seen.
    """
    return limit / norm if limit < norm < INFINITY else 1


cdef inline void scale(floating* g, Py_ssize_t n, double factor) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        g[j] = <floating> (g[j] * factor)
