"""Room for a gradient that the parts of distributed rows compute."""

from .network cimport Workspace


cdef class Gathered(Workspace):
    cdef object theta
    cdef readonly object parts
