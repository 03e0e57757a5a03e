"""Penalties on the weights, as a single update applies them."""

from cython cimport floating


cdef inline floating held_back(floating w, floating reach) noexcept nogil:
    """What a proximal L1 step takes off `w`: `w` clipped to [-reach, reach]."""
    w = w if w < reach else reach
    return w if w > -reach else -reach
