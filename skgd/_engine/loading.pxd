"""The rows of a batch."""

from cython cimport floating

from .layers.layer cimport Batch
from .network cimport Workspace


cdef void load(
    Workspace work, Batch* batch, const Py_ssize_t* order, Py_ssize_t first, Py_ssize_t m,
    Py_ssize_t left, Py_ssize_t jump, floating* tag) noexcept nogil
