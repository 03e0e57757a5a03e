r"""Schedules: the learning rate as a function of the step.

A schedule is a pure function of the number of updates so far, from 0. It
returns the factor by which the initial rate is multiplied, so that one schedule
fits every optimizer. To add one, write its class and add it to `SCHEDULES`;
`tests/test_schedules.py` then asks for its oracle.
"""

from numbers import Integral, Real

import numpy as np

from ._rule import Allowed, Rule

__all__ = [
    "Adaptive",
    "Constant",
    "Cosine",
    "Exponential",
    "InverseScaling",
    "OneCycle",
    "SCHEDULES",
    "Schedule",
    "StepDecay",
]


class Schedule(Rule):
    """Base of the schedules."""

    def __call__(self, step, n_steps=None, n_plateaus=0):
        """Factor of the initial learning rate.

        Parameters
        ----------
        step : int or array-like of int
            Updates so far, from 0.
        n_steps : int, default=None
            Updates in the whole training, for the schedules that end.
        n_plateaus : int, default=0
            How often training has stopped to improve, for `Adaptive`.

        Returns
        -------
        factor : ndarray of float64 of the shape of step
            What to multiply the initial rate by.
        """
        step = np.asarray(step, dtype=np.float64)
        return np.asarray(self._factor(step, n_steps, n_plateaus), dtype=np.float64)

    def _span(self, n_steps):
        span = self.n_steps if self.n_steps is not None else n_steps
        if span is None:
            raise ValueError(
                f"{type(self).__name__} needs the number of steps: set its n_steps "
                "or pass n_steps."
            )
        return max(span, 1)


class Constant(Schedule):
    """The same rate at every step, factor 1.

    Examples
    --------
    >>> from skgd.schedules import Constant
    >>> Constant()([0, 10])
    array([1., 1.])
    """

    def _factor(self, step, n_steps, n_plateaus):
        return np.ones_like(step)


class InverseScaling(Schedule):
    r"""Rate that falls with a power of the step, :math:`(t + 1)^{-p}`.

    With one sample per update it is 'invscaling' of scikit-learn's `SGD*`.

    Parameters
    ----------
    power_t : float, default=0.5
        The power ``p``.

    Examples
    --------
    >>> from skgd.schedules import InverseScaling
    >>> InverseScaling()([0, 3])
    array([1. , 0.5])
    """

    _allowed = {"power_t": Allowed(Real, ge=0)}

    def __init__(self, power_t=0.5):
        self.power_t = power_t

    def _factor(self, step, n_steps, n_plateaus):
        return (step + 1) ** -self.power_t


class Adaptive(Schedule):
    """Rate that falls when training stops to improve.

    On each plateau, where training would stop for `tol` and `n_iter_no_change`,
    the rate is multiplied by `factor` instead; training stops on a plateau at a
    rate of `min_rate` or less, as in scikit-learn. With ``tol=None`` nothing
    counts as a plateau.

    Parameters
    ----------
    factor : float, default=0.2
        Factor for each plateau.
    min_rate : float, default=1e-6
        The rate at which a plateau stops the training.

    Examples
    --------
    >>> from skgd.schedules import Adaptive
    >>> Adaptive()([0, 1], n_plateaus=1)
    array([0.2, 0.2])
    """

    _allowed = {
        "factor": Allowed(Real, gt=0, lt=1),
        "min_rate": Allowed(Real, ge=0),
    }

    def __init__(self, factor=0.2, min_rate=1e-6):
        self.factor = factor
        self.min_rate = min_rate

    def _factor(self, step, n_steps, n_plateaus):
        return np.full_like(step, self.factor**n_plateaus)


class Exponential(Schedule):
    r"""Rate that falls by the same share each step, :math:`d^{t / s}`.

    Parameters
    ----------
    decay : float, default=0.5
        The factor ``d`` after `period` steps.
    period : int, default=1000
        Steps ``s`` for one factor.

    Examples
    --------
    >>> from skgd.schedules import Exponential
    >>> Exponential(decay=0.25, period=10)([0, 5, 10])
    array([1.  , 0.5 , 0.25])
    """

    _allowed = {"decay": Allowed(Real, gt=0, le=1), "period": Allowed(Integral, ge=1)}

    def __init__(self, decay=0.5, period=1000):
        self.decay = decay
        self.period = period

    def _factor(self, step, n_steps, n_plateaus):
        return self.decay ** (step / self.period)


class StepDecay(Schedule):
    r"""Rate that falls in stairs, :math:`d^{\lfloor t / s \rfloor}`.

    Parameters
    ----------
    decay : float, default=0.5
        The factor ``d`` of each stair.
    period : int, default=1000
        Steps ``s`` on one stair.

    Examples
    --------
    >>> from skgd.schedules import StepDecay
    >>> StepDecay(period=10)([0, 9, 10, 20])
    array([1.  , 1.  , 0.5 , 0.25])
    """

    _allowed = {"decay": Allowed(Real, gt=0, le=1), "period": Allowed(Integral, ge=1)}

    def __init__(self, decay=0.5, period=1000):
        self.decay = decay
        self.period = period

    def _factor(self, step, n_steps, n_plateaus):
        return self.decay ** np.floor(step / self.period)


class Cosine(Schedule):
    r"""Half a cosine from 1 to `final` [1]_.

    .. math:: f + (1 - f) \frac{1 + \cos(\pi t / T)}{2}, \quad t \le T

    Parameters
    ----------
    final : float, default=0.0
        The factor ``f`` at the end and after it.
    n_steps : int, default=None
        Steps ``T`` to the end; None is the whole training, `max_iter` epochs. In a
        stream of `partial_fit` calls, give it.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm
       Restarts", ICLR 2017.

    Examples
    --------
    >>> from skgd.schedules import Cosine
    >>> Cosine()([0, 5, 10], n_steps=10)
    array([1. , 0.5, 0. ])
    """

    _allowed = {
        "final": Allowed(Real, ge=0, le=1),
        "n_steps": Allowed(Integral, ge=1, options=(None,)),
    }

    def __init__(self, final=0.0, n_steps=None):
        self.final = final
        self.n_steps = n_steps

    def _factor(self, step, n_steps, n_plateaus):
        done = np.minimum(step / self._span(n_steps), 1.0)
        return self.final + (1 - self.final) * 0.5 * (1 + np.cos(np.pi * done))


class OneCycle(Schedule):
    r"""Up by half a cosine, then down by another [1]_.

    The factor rises from `start` to 1 over the share `warmup` of the steps and
    falls to `final` over the rest, as PyTorch's ``OneCycleLR``.

    Parameters
    ----------
    warmup : float, default=0.3
        The share of the steps on the way up, in (0, 1).
    start : float, default=0.04
        The factor at the first step.
    final : float, default=4e-6
        The factor at the end and after it.
    n_steps : int, default=None
        Steps to the end; None is the whole training, `max_iter` epochs. In a stream
        of `partial_fit` calls, give it.

    References
    ----------
    .. [1] L. Smith, N. Topin, "Super-Convergence: Very Fast Training of Neural
       Networks Using Large Learning Rates", :arxiv:`1708.07120`, 2017.

    Examples
    --------
    >>> from skgd.schedules import OneCycle
    >>> OneCycle(start=0.5, final=0.0, warmup=0.5)([0, 5, 10], n_steps=10)
    array([0.5, 1. , 0. ])
    """

    _allowed = {
        "warmup": Allowed(Real, gt=0, lt=1),
        "start": Allowed(Real, ge=0, le=1),
        "final": Allowed(Real, ge=0, le=1),
        "n_steps": Allowed(Integral, ge=1, options=(None,)),
    }

    def __init__(self, warmup=0.3, start=0.04, final=4e-6, n_steps=None):
        self.warmup = warmup
        self.start = start
        self.final = final
        self.n_steps = n_steps

    def _factor(self, step, n_steps, n_plateaus):
        done = np.minimum(step / self._span(n_steps), 1.0)
        up = np.minimum(done / self.warmup, 1.0)
        down = np.maximum(done - self.warmup, 0.0) / (1 - self.warmup)
        rising = self.start + (1 - self.start) * 0.5 * (1 - np.cos(np.pi * up))
        falling = self.final + (1 - self.final) * 0.5 * (1 + np.cos(np.pi * down))
        return np.where(done <= self.warmup, rising, falling)


SCHEDULES = {
    "constant": Constant,
    "invscaling": InverseScaling,
    "adaptive": Adaptive,
    "exponential": Exponential,
    "step": StepDecay,
    "cosine": Cosine,
    "one_cycle": OneCycle,
}
