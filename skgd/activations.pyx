# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Activations of the hidden layers.

Each rule stands here once: two loops and the class that names them. The second
loop multiplies by the derivative, as a function of the activation itself. To
add one, add its class to `ACTIVATIONS`; `tests/test_activations.py` then asks
for its oracle.
"""

from cython cimport floating

import numpy as np

from ._leaf cimport leaf, sigmoid, tangent

from ._rule import Rule

__all__ = ["ACTIVATIONS", "Identity", "Logistic", "ReLU", "Tanh"]


cdef class ActivationKernel:
    """An activation as the compiled epoch calls it."""


class Activation(Rule):
    """Base of the activations."""

    def evaluate(self, z):
        """Value and derivative.

        Parameters
        ----------
        z : array-like of float
            Where.

        Returns
        -------
        value, derivative : ndarray of the shape and dtype of z
            float32 for float32 input, else float64.
        """
        z = np.asarray(z)
        dtype = np.float32 if z.dtype == np.float32 else np.float64
        value = np.array(z, dtype=dtype, order="C", copy=True)
        derivative = np.ones_like(value)
        _evaluate(self._kernel(), value.reshape(-1), derivative.reshape(-1))
        return value, derivative


def _evaluate(ActivationKernel kernel, floating[::1] value, floating[::1] derivative):
    cdef Py_ssize_t n = value.shape[0]
    if n == 0:
        return
    if floating is float:
        kernel.f32(&value[0], n)
        kernel.back_f32(&value[0], &derivative[0], n)
    else:
        kernel.f64(&value[0], n)
        kernel.back_f64(&value[0], &derivative[0], n)


cdef void _identity(floating* a, Py_ssize_t n) noexcept nogil:
    pass


cdef void _identity_back(const floating* a, floating* delta, Py_ssize_t n) noexcept nogil:
    pass


class Identity(Activation):
    """No activation, ``f(z) = z``.

    Examples
    --------
    >>> from skgd.activations import Identity
    >>> Identity().evaluate([-1.0, 2.0])
    (array([-1.,  2.]), array([1., 1.]))
    """

    def _kernel(self):
        cdef ActivationKernel kernel = ActivationKernel()
        kernel.f32, kernel.f64 = _identity[float], _identity[double]
        kernel.back_f32, kernel.back_f64 = _identity_back[float], _identity_back[double]
        return kernel


cdef leaf _logistic(floating* a, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        a[j] = sigmoid(a[j])


cdef leaf _logistic_back(const floating* a, floating* delta, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        delta[j] *= a[j] * (1 - a[j])


class Logistic(Activation):
    """The logistic sigmoid, ``f(z) = 1 / (1 + exp(-z))``.

    Examples
    --------
    >>> from skgd.activations import Logistic
    >>> Logistic().evaluate([0.0])
    (array([0.5]), array([0.25]))
    """

    def _kernel(self):
        cdef ActivationKernel kernel = ActivationKernel()
        kernel.f32 = <forward_f32> _logistic[float]
        kernel.f64 = <forward_f64> _logistic[double]
        kernel.back_f32 = <backward_f32> _logistic_back[float]
        kernel.back_f64 = <backward_f64> _logistic_back[double]
        return kernel


cdef leaf _tanh(floating* a, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        a[j] = tangent(a[j])


cdef leaf _tanh_back(const floating* a, floating* delta, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        delta[j] *= 1 - a[j] * a[j]


class Tanh(Activation):
    """The hyperbolic tangent, ``f(z) = tanh(z)``.

    Examples
    --------
    >>> from skgd.activations import Tanh
    >>> Tanh().evaluate([0.0])
    (array([0.]), array([1.]))
    """

    def _kernel(self):
        cdef ActivationKernel kernel = ActivationKernel()
        kernel.f32, kernel.f64 = <forward_f32> _tanh[float], <forward_f64> _tanh[double]
        kernel.back_f32 = <backward_f32> _tanh_back[float]
        kernel.back_f64 = <backward_f64> _tanh_back[double]
        return kernel


cdef leaf _relu(floating* a, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        a[j] = 0 if a[j] < 0 else a[j]  # this way round NaN stays NaN


cdef leaf _relu_back(const floating* a, floating* delta, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        delta[j] = 0 if a[j] == 0 else delta[j]


class ReLU(Activation):
    """The rectified linear unit, ``f(z) = max(0, z)``.

    Examples
    --------
    >>> from skgd.activations import ReLU
    >>> ReLU().evaluate([-1.0, 2.0])
    (array([0., 2.]), array([0., 1.]))
    """

    def _kernel(self):
        cdef ActivationKernel kernel = ActivationKernel()
        kernel.f32, kernel.f64 = <forward_f32> _relu[float], <forward_f64> _relu[double]
        kernel.back_f32 = <backward_f32> _relu_back[float]
        kernel.back_f64 = <backward_f64> _relu_back[double]
        return kernel


ACTIVATIONS = {
    "identity": Identity,
    "logistic": Logistic,
    "tanh": Tanh,
    "relu": ReLU,
}
