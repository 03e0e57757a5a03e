r"""Schedules: the learning rate as a function of the step.

A schedule is a function of the number of updates so far, which starts at 0. It returns
the factor by which the initial rate is multiplied, so every schedule works with every
optimizer. To add a schedule, write its class and add it to `SCHEDULES`;
`tests/test_schedules.py` then requires its oracle.
"""

from numbers import Integral, Real

import numpy as np

from ._rules.rule import Allowed, resolve_rule, with_rule_objects
from ._rules.schedule import Ending, Schedule, Steady, factor_of

__all__ = [
    "Adaptive",
    "Constant",
    "Cosine",
    "Exponential",
    "InverseScaling",
    "Linear",
    "OneCycle",
    "SCHEDULES",
    "Schedule",
    "StepDecay",
    "Warmup",
]


class Constant(Steady):
    """The same rate at every step, factor 1.

    Examples
    --------
    >>> from skgd.schedules import Constant
    >>> Constant()([0, 10])
    array([1., 1.])
    """

    _formula = "`1`"

    def _steady(self, n_plateaus):
        return 1.0


class InverseScaling(Schedule):
    r"""Rate that falls with a power of the step, :math:`(t + 1)^{-p}`.

    With one sample per update, it equals 'invscaling' of scikit-learn's `SGD*`.

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

    _formula = "`(t + 1)^(-power_t)`"
    _allowed = {"power_t": Allowed(Real, ge=0)}

    def __init__(self, power_t=0.5):
        self.power_t = power_t

    def _factor(self, step, n_steps, n_plateaus):
        return (step + 1) ** -self.power_t


class Adaptive(Steady):
    """Rate that falls when training stops improving.

    When training would stop because of `tol` and `n_iter_no_change`, the rate is
    multiplied by `factor` instead. If the rate is at most `min_rate`, training stops,
    as in scikit-learn. With ``tol=None``, plateaus are found as with ``tol=0`` and
    lower the rate, but training never stops before `max_iter` epochs.

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

    _formula = "`factor^k` after `k` plateaus of the loss"
    _allowed = {
        "factor": Allowed(Real, gt=0, lt=1),
        "min_rate": Allowed(Real, ge=0),
    }

    def __init__(self, factor=0.2, min_rate=1e-6):
        self.factor = factor
        self.min_rate = min_rate

    @property
    def _adaptive(self):
        return self

    def _steady(self, n_plateaus):
        return self.factor**n_plateaus


class Exponential(Schedule):
    r"""Rate that falls by the same factor in each step, :math:`d^{t / s}`.

    Parameters
    ----------
    decay : float, default=0.5
        The factor ``d`` after `period` steps.
    period : int, default=1000
        The number of steps ``s`` after which the rate has fallen by `decay`.

    Examples
    --------
    >>> from skgd.schedules import Exponential
    >>> Exponential(decay=0.25, period=10)([0, 5, 10])
    array([1.  , 0.5 , 0.25])
    """

    _formula = "`decay^(t / period)`"
    _allowed = {"decay": Allowed(Real, gt=0, le=1), "period": Allowed(Integral, ge=1)}

    def __init__(self, decay=0.5, period=1000):
        self.decay = decay
        self.period = period

    def _factor(self, step, n_steps, n_plateaus):
        return self.decay ** (step / self.period)


class StepDecay(Schedule):
    r"""Rate that falls in steps, :math:`d^{\lfloor t / s \rfloor}`.

    Parameters
    ----------
    decay : float, default=0.5
        The factor ``d`` of each fall.
    period : int, default=1000
        The number of steps ``s`` between two falls.

    Examples
    --------
    >>> from skgd.schedules import StepDecay
    >>> StepDecay(period=10)([0, 9, 10, 20])
    array([1.  , 1.  , 0.5 , 0.25])
    """

    _formula = "`decay^floor(t / period)`"
    _allowed = {"decay": Allowed(Real, gt=0, le=1), "period": Allowed(Integral, ge=1)}

    def __init__(self, decay=0.5, period=1000):
        self.decay = decay
        self.period = period

    def _factor(self, step, n_steps, n_plateaus):
        return self.decay ** np.floor(step / self.period)


class Linear(Ending):
    r"""A straight line from 1 to `final`.

    .. math:: 1 - (1 - f) \frac{t / T - h}{1 - h}, \quad h T \le t \le T

    Before the line, the factor is 1. A constant rate that falls at the end leads to
    similar results as a cosine, and the end can be chosen late [1]_.

    Parameters
    ----------
    final : float, default=0.0
        The factor ``f`` at the end and after it.
    n_steps : int, default=None
        The number of steps ``T`` until the end. None is the whole training of
        `max_iter` epochs. If you call `partial_fit` on a stream, set it.
    hold : float, default=0.0
        The share ``h`` of the steps before the line, in [0, 1).

    References
    ----------
    .. [1] A. Hägele et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed
       Training Durations", NeurIPS 2024.

    Examples
    --------
    >>> from skgd.schedules import Linear
    >>> Linear()([0, 5, 10], n_steps=10)
    array([1. , 0.5, 0. ])
    >>> Linear(hold=0.5)([0, 5, 10], n_steps=10)
    array([1., 1., 0.])
    """

    _formula = "1, then `1 - (1 - final) (t / T - hold) / (1 - hold)`"
    _allowed = {
        "final": Allowed(Real, ge=0, le=1),
        "n_steps": Allowed(Integral, ge=1, options=(None,)),
        "hold": Allowed(Real, ge=0, lt=1),
    }

    def __init__(self, final=0.0, n_steps=None, hold=0.0):
        self.final = final
        self.n_steps = n_steps
        self.hold = hold

    def _factor(self, step, n_steps, n_plateaus):
        done = np.minimum(step / self._span(n_steps), 1.0)
        return 1 - (1 - self.final) * np.maximum(done - self.hold, 0) / (1 - self.hold)


class Cosine(Ending):
    r"""Half a cosine from 1 to `final` [1]_.

    .. math:: f + (1 - f) \frac{1 + \cos(\pi t / T)}{2}, \quad t \le T

    Parameters
    ----------
    final : float, default=0.0
        The factor ``f`` at the end and after it.
    n_steps : int, default=None
        The number of steps ``T`` until the end. None is the whole training of
        `max_iter` epochs. If you call `partial_fit` on a stream, set it.

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

    _formula = "`final + (1 - final) (1 + cos(pi t / T)) / 2`"
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


class OneCycle(Ending):
    r"""A rise and then a fall, each along half a cosine [1]_.

    The factor rises from `start` to 1 in a fraction `warmup` of the steps and then
    falls to `final`, as in PyTorch's ``OneCycleLR``.

    Parameters
    ----------
    warmup : float, default=0.3
        The fraction of the steps in which the factor rises, in (0, 1).
    start : float, default=0.04
        The factor at the first step.
    final : float, default=4e-6
        The factor at the end and after it.
    n_steps : int, default=None
        The number of steps until the end. None is the whole training of `max_iter`
        epochs. If you call `partial_fit` on a stream, set it.

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

    _formula = "half a cosine up, then one down"
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
        up = np.minimum(done, self.warmup) / self.warmup
        down = np.maximum(done - self.warmup, 0.0) / (1 - self.warmup)
        rising = self.start + (1 - self.start) * 0.5 * (1 - np.cos(np.pi * up))
        falling = self.final + (1 - self.final) * 0.5 * (1 + np.cos(np.pi * down))
        return np.where(done <= self.warmup, rising, falling)


class Warmup(Schedule):
    r"""A linear rise from `start`, then another schedule.

    .. math:: s + (1 - s)\, t / T \text{ if } t < T, \quad
              \text{then}(t - T) \text{ else}

    The second schedule begins at the end of the rise and covers the rest of the
    training. With ``start=1``, the rate is constant at first.

    Parameters
    ----------
    n_steps : int, default=100
        The number of steps ``T`` of the rise.
    start : float, default=0.0
        The factor ``s`` at the first step.
    then : str or Schedule, default='cosine'
        The schedule that follows.

    Examples
    --------
    >>> from skgd.schedules import Cosine, Warmup
    >>> Warmup(4, then=Cosine(final=0.5))([0, 2, 4, 8, 12], n_steps=12)
    array([0.  , 0.5 , 1.  , 0.75, 0.5 ])
    """

    _formula = (
        "`start + (1 - start) t / n_steps` up to step `n_steps`, then another schedule "
        "from its start"
    )
    _allowed = {
        "n_steps": Allowed(Integral, ge=1),
        "start": Allowed(Real, ge=0, le=1),
        "then": Allowed(str, Schedule),
    }

    def __init__(self, n_steps=100, start=0.0, then="cosine"):
        self.n_steps = n_steps
        self.start = start
        self.then = then

    @property
    def _has_end(self):
        return self._second._has_end

    @property
    def _warming(self):
        return self.n_steps + self._second._warming

    @property
    def _second(self):
        return resolve_rule(self.then, SCHEDULES, Schedule, "then", "Warmup")

    @property
    def _adaptive(self):
        return self._second._adaptive

    def _check(self):
        super()._check()
        resolve_rule(self.then, SCHEDULES, Schedule, "then", "Warmup")
        return self

    def set_params(self, **params):
        """Set the parameters of this schedule and of the one in `then`.

        Parameters
        ----------
        **params : dict
            As in scikit-learn, for example ``then__final``.

        Returns
        -------
        self : Warmup
            The schedule.
        """
        rules = {"then": (SCHEDULES, Schedule)}
        return super().set_params(**with_rule_objects(self, params, rules))

    def _factor(self, step, n_steps, n_plateaus):
        left = None if n_steps is None else max(n_steps - self.n_steps, 0)
        later = np.maximum(step - self.n_steps, 0.0)
        second = factor_of(self._second, later, left, n_plateaus)
        risen = np.minimum(step, self.n_steps) / self.n_steps
        rising = self.start + (1 - self.start) * risen
        return np.where(step < self.n_steps, rising, second)


SCHEDULES = {
    "constant": Constant,
    "invscaling": InverseScaling,
    "adaptive": Adaptive,
    "exponential": Exponential,
    "step": StepDecay,
    "linear": Linear,
    "cosine": Cosine,
    "one_cycle": OneCycle,
    "warmup": Warmup,
}
