"""What all activations share: the kernel, and their use without a network."""

from cython cimport floating

import numpy as np

from .rule import Rule


cdef class ActivationKernel:
    """An activation with its hyperparameter, as the compiled epoch calls it."""


cdef ActivationKernel activation_kernel(
    forward_f32 f32, forward_f64 f64, backward_f32 back_f32, backward_f64 back_f64,
    double hyperparameter=0.0, bint reads_input=False,
):
    cdef ActivationKernel kernel = ActivationKernel()
    kernel.passes.f32, kernel.passes.f64 = f32, f64
    kernel.passes.back_f32, kernel.passes.back_f64 = back_f32, back_f64
    kernel.passes.h[0] = hyperparameter
    kernel.passes.reads_input = reads_input
    return kernel


def _evaluate(
    ActivationKernel kernel, const floating[::1] z, floating[::1] value,
    floating[::1] derivative,
):
    # z and value are equal on entry
    cdef Py_ssize_t n = value.shape[0]
    cdef const floating* read
    cdef ActivationPasses* passes = &kernel.passes
    if n == 0:
        return
    read = &z[0] if passes.reads_input else &value[0]
    if floating is float:
        passes.f32(&value[0], n, passes.h)
        passes.back_f32(read, &derivative[0], n, passes.h)
    else:
        passes.f64(&value[0], n, passes.h)
        passes.back_f64(read, &derivative[0], n, passes.h)


class Activation(Rule):
    """Base of the activations."""

    # whether f(c z) = c f(z) for all positive c
    _homogeneous = False
    # the rule in `skgd.initializers` whose weights suit it
    _suits = "glorot"
    # the slope far below zero, which `He` reckons with
    _slope_below = 0.0
    # `Glorot` draws weights up to the root of this over the inputs and outputs
    _glorot_factor = 6.0

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
        z = np.ascontiguousarray(z, dtype=dtype).reshape(z.shape)
        value, derivative = z.copy(), np.ones_like(z)
        _evaluate(
            self._check()._kernel(), z.reshape(-1), value.reshape(-1),
            derivative.reshape(-1))
        return value, derivative
