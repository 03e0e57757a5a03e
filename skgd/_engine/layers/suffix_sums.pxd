"""The sums of weights and of gradients, for sparse rows."""

from cython cimport floating

from ..._rules.vector cimport leaf


cdef leaf sum_weights(
    const floating* joined, floating* W, Py_ssize_t k, Py_ssize_t n) noexcept nogil
cdef leaf sum_gradients(
    const floating* joined, floating* dW, Py_ssize_t k, Py_ssize_t n) noexcept nogil
