"""Shared by all compiled files: the leaf marker, and mathematics for both dtypes."""

from cython cimport floating
from libc.math cimport sqrt, sqrtf


cdef extern from "vector.h":
    # The return type of a leaf function: `void`, compiled once for each
    # instruction set (a return type is the one place where Cython lets a
    # function carry an attribute of the C compiler).
    ctypedef void leaf "SKGD_LEAF void"

    # ask for a cache line early
    void prefetch "SKGD_PREFETCH" (const void*) noexcept nogil

    float skgd_exp_f32(float) noexcept nogil
    double skgd_exp_f64(double) noexcept nogil
    float skgd_log_f32(float) noexcept nogil
    double skgd_log_f64(double) noexcept nogil
    float skgd_logistic_f32(float) noexcept nogil
    double skgd_logistic_f64(double) noexcept nogil
    float skgd_tanh_f32(float) noexcept nogil
    double skgd_tanh_f64(double) noexcept nogil
    float skgd_expm1_f32(float) noexcept nogil
    double skgd_expm1_f64(double) noexcept nogil
    float skgd_normal_tail_f32(float, float*) noexcept nogil
    double skgd_normal_tail_f64(double, double*) noexcept nogil


cdef inline floating exponential(floating x) noexcept nogil:
    if floating is float:
        return skgd_exp_f32(x)
    else:
        return skgd_exp_f64(x)


cdef inline floating logarithm(floating x) noexcept nogil:
    # for x >= 1
    if floating is float:
        return skgd_log_f32(x)
    else:
        return skgd_log_f64(x)


cdef inline floating sigmoid(floating x) noexcept nogil:
    if floating is float:
        return skgd_logistic_f32(x)
    else:
        return skgd_logistic_f64(x)


cdef inline floating tangent(floating x) noexcept nogil:
    if floating is float:
        return skgd_tanh_f32(x)
    else:
        return skgd_tanh_f64(x)


cdef inline floating exponential_minus_1(floating x) noexcept nogil:
    # for x <= 0
    if floating is float:
        return skgd_expm1_f32(x)
    else:
        return skgd_expm1_f64(x)


cdef inline floating normal_tail(floating x, floating* density) noexcept nogil:
    # for x >= 0: the probability beyond x; density receives exp(-x^2 / 2)
    if floating is float:
        return skgd_normal_tail_f32(x, density)
    else:
        return skgd_normal_tail_f64(x, density)


cdef inline floating root(floating x) noexcept nogil:
    if floating is float:
        return sqrtf(x)
    else:
        return sqrt(x)
