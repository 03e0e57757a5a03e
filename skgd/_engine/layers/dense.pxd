"""Dense layers: what sparse inputs and batch normalisation share with them."""

from cython cimport floating

from ..._rules.activation cimport ActivationPasses
from .layer cimport Batch, LayerMemory, LayerRoom


cdef enum:
    # the slots of the parameters
    WEIGHTS = 0
    INTERCEPTS = 1


cdef void activate(
    const ActivationPasses* activation, floating* A, floating* kept, const floating* b,
    Py_ssize_t m, Py_ssize_t n) noexcept nogil
cdef void activate_back(
    const ActivationPasses* activation, const floating* A, const floating* kept,
    floating* delta, floating* db, Py_ssize_t m, Py_ssize_t n) noexcept nogil
cdef void intercepts_backward(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, const floating* kept,
    floating* delta, bint normalised) noexcept nogil
