"""What all schedules share, and the rates that a training takes from one."""

from numbers import Real

import numpy as np

from .numbers import plain_number
from .rule import Allowed, Rule

_COUNTS = {
    "n_steps": Allowed(Real, ge=0, options=(None,)),
    "n_plateaus": Allowed(Real, ge=0),
}


class Schedule(Rule):
    """Base of the schedules."""

    # the factor, for the table of the documentation
    _formula = ""

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

        Raises
        ------
        ValueError
            If a number is negative, or if a parameter of the schedule is wrong.
        """
        self._check()
        try:
            step = np.asarray(step, dtype=np.float64)
        except (OverflowError, TypeError, ValueError) as error:
            raise ValueError(f"step must be an int or ints >= 0: {error}.") from error
        n_steps, n_plateaus = plain_number(n_steps), plain_number(n_plateaus)
        if not (step >= 0).all():
            wrong = step[~(step >= 0)].flat[0]
            raise ValueError(f"step must be >= 0, as updates so far. Got {wrong:g}.")
        for name, n in (("n_steps", n_steps), ("n_plateaus", n_plateaus)):
            if n not in _COUNTS[name]:
                raise ValueError(f"{name} must be finite and >= 0. Got {n!r}.")
        return np.asarray(self._factor(step, n_steps, n_plateaus), dtype=np.float64)

    def _factor(self, step, n_steps, n_plateaus):
        raise NotImplementedError(f"{type(self).__name__} needs a method _factor.")

    # updates before which a plateau says nothing
    _warming = 0

    # whether the last step of the training is the end of the schedule
    _has_end = False

    @property
    def _adaptive(self):
        # the rule that lowers the rate on a plateau, if there is one
        return None

    def _span(self, n_steps):
        span = self.n_steps if self.n_steps is not None else n_steps
        if span is None:
            raise ValueError(
                f"{type(self).__name__} needs the number of steps: set its n_steps "
                "or pass n_steps."
            )
        return float(max(span, 1))  # NumPy 1 computes with larger ints as objects


class Ending(Schedule):
    """Base of the schedules that take `n_steps` steps, or the whole training."""

    @property
    def _has_end(self):
        return self.n_steps is None


class Steady(Schedule):
    """Base of the schedules whose factor is the same at every step between plateaus."""

    def _factor(self, step, n_steps, n_plateaus):
        return np.full_like(step, self._steady(n_plateaus))


def _is_steady(schedule):
    # and no subclass that says something else
    kind = type(schedule)
    return (
        isinstance(schedule, Steady)
        and kind._factor is Steady._factor
        and kind.__call__ is Steady.__call__
    )


def factor_of(schedule, step, n_steps, n_plateaus):
    """Compute the factors of a schedule whose parameters are right.

    Parameters
    ----------
    schedule : Schedule
        A class of the user may replace `__call__`. Otherwise, nothing is checked.
    step : ndarray
        Updates so far.
    n_steps : int or None
        Updates in the whole training.
    n_plateaus : int
        How often training has stopped to improve.

    Returns
    -------
    factor : array-like
        What to multiply the initial rate by.
    """
    if type(schedule).__call__ is not Schedule.__call__:
        return schedule(step, n_steps, n_plateaus)
    return schedule._factor(np.asarray(step, np.float64), n_steps, n_plateaus)


def is_rate_function(value):
    """Whether something is a function of the step that returns the rate itself.

    Parameters
    ----------
    value : object
        What the user gave for a schedule.

    Returns
    -------
    is_function : bool
        False for a `Schedule`, which returns a factor, and for a class.
    """
    return callable(value) and not isinstance(value, Schedule | type)


def learning_rates(name, schedule, initial, steps, n_steps, n_plateaus=0):
    """Learning rates of some steps.

    Parameters
    ----------
    name : str
        What the user calls the schedule, for an error.
    schedule : Schedule or callable
        A callable takes the step and returns the rate itself.
    initial : float
        The rate that a schedule's factor multiplies.
    steps : ndarray of int
        Updates so far.
    n_steps : int
        Updates in the whole training.
    n_plateaus : int, default=0
        How often training has stopped to improve.

    Returns
    -------
    rates : ndarray of float64 of the shape of steps
        The rates.

    Raises
    ------
    ValueError
        For a callable that does not return a finite rate >= 0, and for a schedule that
        does not return a finite factor >= 0 for each step.

    Examples
    --------
    >>> import numpy as np
    >>> from skgd._rules.schedule import learning_rates
    >>> from skgd.schedules import Linear
    >>> learning_rates("learning_rate", Linear(), 0.1, np.array([0, 5]), 10)
    array([0.1 , 0.05])
    """
    if _is_steady(schedule):  # in each epoch: as fast as can be
        rate = initial * schedule._steady(n_plateaus)
        if 0 <= rate < np.inf:
            rates = np.empty(steps.shape)
            rates.fill(rate)
            return rates
    if isinstance(schedule, Schedule):
        return _rates_of(name, schedule, initial, steps, n_steps, n_plateaus)
    wrong = f"The {name!r} callable must take the number of updates and return a float:"
    try:
        given = [schedule(step) for step in steps.tolist()]
    except TypeError as error:
        raise ValueError(f"{wrong} {error}.") from error
    try:
        rates = np.array([float(rate) for rate in given])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{wrong} {error}.") from error
    sound = np.isfinite(rates) & (rates >= 0)
    if not sound.all():
        raise ValueError(
            f"The {name!r} callable must return finite rates >= 0. Got "
            f"{float(rates[~sound][0])} at step {steps[~sound][0]}."
        )
    return rates


def _rates_of(name, schedule, initial, steps, n_steps, n_plateaus):
    # A schedule can be a class of the user, and is checked like a callable.
    wrong = f"The {name!r} schedule {schedule!r} must return"
    try:
        factor = factor_of(schedule, steps, n_steps, n_plateaus)
        factor = np.asarray(factor, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            rates = np.ascontiguousarray(initial * factor)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{wrong} numbers for an array of steps: {error}") from error
    if factor.shape != steps.shape:
        raise ValueError(
            f"{wrong} one factor for each step, an array of the shape {steps.shape}. "
            f"Got the shape {factor.shape}."
        )
    if not (rates.min() >= 0 and rates.max() < np.inf):
        sound = np.isfinite(rates) & (rates >= 0)
        raise ValueError(
            f"{wrong} finite factors >= 0. Got {float(factor[~sound][0])} at step "
            f"{steps[~sound][0]}."
        )
    return rates
