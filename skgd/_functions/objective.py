"""A function with its gradient, given or estimated."""

import numpy as np

# What `scipy.optimize.minimize` uses for its own '2-point' and '3-point'. SciPy has no
# public name for the second.
from scipy.optimize._numdiff import approx_derivative

FINITE_DIFFERENCES = ("2-point", "3-point")


class Objective:
    """A function with its gradient, counting its calls.

    Parameters
    ----------
    fun : callable
        ``fun(x, *data, *args)``, where data are rows of samples or nothing.
    jac : callable, True, None, '2-point' or '3-point'
        Its gradient; see `minimize`.
    args : tuple
        Extra arguments.
    sign : {1.0, -1.0}
        -1 turns maximisation into minimisation.
    limits : tuple of two ndarray, default=None
        Lower and upper bounds, which finite differences respect.
    """

    def __init__(self, fun, jac, args, sign, limits=None):
        if not callable(fun):
            raise TypeError(f"fun must be callable. Got {fun!r}.")
        jac = "2-point" if jac is None or jac is False else jac
        if not (jac is True or callable(jac) or jac in FINITE_DIFFERENCES):
            raise ValueError(
                "jac must be a callable, True, None, '2-point' or '3-point'. "
                f"Got {jac!r}."
            )
        self._fun, self._jac, self._sign = fun, jac, sign
        self._args = args if isinstance(args, tuple) else (args,)
        self._limits = (-np.inf, np.inf) if limits is None else limits
        self._last = (None, None)  # a point and its gradient, for jac=True
        self.nfev = self.njev = 0

    def value(self, x, *data):
        """The function at `x`.

        Parameters
        ----------
        x : ndarray of shape (n,)
            Where; the function gets a copy.
        *data : tuple
            Rows of samples.

        Returns
        -------
        value : float
            Times `sign`.
        """
        self.nfev += 1
        value = self._fun(x.copy(), *data, *self._args)
        if self._jac is True:
            if not isinstance(value, tuple | list) or len(value) != 2:
                raise ValueError(
                    "With jac=True, fun must return a value and its gradient. Got "
                    f"{value!r}."
                )
            value, slope = value
            self._last = (x, slope)
        value = np.asarray(value)
        if value.size != 1 or value.dtype.kind not in "fiub":
            raise ValueError(
                "fun must return a single real number. Got an array of shape "
                f"{value.shape}, {value.dtype}."
            )
        return self._sign * float(value.item())

    def gradient(self, x, value=None, *data):
        """The gradient at `x`.

        Parameters
        ----------
        x : ndarray of shape (n,)
            Where.
        value : float, default=None
            What `value` gave there, if known.
        *data : tuple
            Rows of samples.

        Returns
        -------
        gradient : ndarray of shape (n,), of the dtype of x
            Times `sign`.
        """
        self.njev += 1
        if isinstance(self._jac, str):
            return self._difference(x, value, *data)
        if self._jac is True:
            if self._last[0] is not x or data:
                self.value(x, *data)
            slope = self._last[1]
        else:
            slope = self._jac(x.copy(), *data, *self._args)
        slope = np.asarray(slope, dtype=x.dtype)
        if slope.shape != x.shape:
            raise ValueError(
                f"The gradient must have the shape of x0, {x.shape}. Got {slope.shape}."
            )
        return self._sign * slope

    def _difference(self, x, value, *data):
        # A variable that its bounds hold fixed has no difference, and needs none.
        low, high = (np.broadcast_to(limit, x.shape) for limit in self._limits)
        free = low < high

        def fun(part):
            point = x.copy()
            point[free] = part
            return self.value(point, *data)

        slope = np.zeros_like(x)
        if free.any():
            slope[free] = approx_derivative(
                fun,
                x[free],
                method=self._jac,
                f0=value,
                bounds=(low[free], high[free]),
            )
        return slope
