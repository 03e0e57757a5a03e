"""Addresses of arrays, for the compiled code."""


cdef void* address(array) except? NULL
