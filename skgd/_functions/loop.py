"""Descent on a function: the loop behind `minimize`, and its arguments."""

import inspect
from collections.abc import Iterable
from numbers import Integral, Real

import numpy as np
from scipy.optimize import Bounds, OptimizeResult

from .._rules.numbers import plain_number
from .._rules.rule import Allowed, resolve_rule
from .._rules.schedule import Schedule, is_rate_function
from ..line_search import LineSearch
from ..schedules import SCHEDULES
from .objective import Objective
from .steps import ArmijoStep, BestStep, OptimizerSteps

MESSAGES = {
    1: "The maximum number of iterations has been reached.",
    2: "No step lowers the value: the gradient does not fit the function, the step "
    "sizes are too large, or rounding errors hide the rest.",
    3: "The value or the gradient is not finite at the next point; a lower learning "
    "rate may help. The last finite point is returned.",
    99: "`callback` raised `StopIteration`.",
}


# ---------------------------------------------------------------- checked arguments
def start_point(x0):
    """A copy of `x0` as a vector of floats.

    Parameters
    ----------
    x0 : array-like of shape (n,)
        The argument of the user.

    Returns
    -------
    x : ndarray of shape (n,), float32 for float32, else float64
        The vector.
    """
    x = np.atleast_1d(np.array(x0))
    if x.ndim != 1 or x.dtype.kind not in "fiu" or not np.isfinite(x).all():
        raise ValueError(
            f"x0 must be a vector of finite numbers. Got shape {x.shape}, {x.dtype}."
        )
    return x if x.dtype == np.float32 else x.astype(np.float64)


def check_argument(name, value, allowed):
    """Convert a number, and raise for an argument that is not what is allowed.

    Parameters
    ----------
    name : str
        The name of the argument.
    value : object
        The given value.
    allowed : Allowed
        The allowed values.

    Returns
    -------
    value : object
        The value. A number of NumPy becomes a number of Python.

    Raises
    ------
    ValueError
        If the value is not allowed.
    """
    value = plain_number(value)
    if value not in allowed:
        raise ValueError(f"{name} must be {allowed}. Got {value!r}.")
    return value


def check_options(owner, options, function):
    """Raise for a keyword that a function does not have.

    Parameters
    ----------
    owner : str
        The function that the user called.
    options : dict
        The keywords.
    function : callable
        The function whose keywords are allowed.
    """
    allowed = set(inspect.signature(function).parameters) - {"sign"}
    unknown = [name for name in options if name not in allowed]
    if unknown:
        raise TypeError(
            f"{owner} got an unexpected keyword argument {unknown[0]!r}. Keywords are "
            f"{sorted(allowed - {'fun', 'x0', 'args'})}."
        )


def resolve_schedule(schedule, owner):
    """The schedule that an argument stands for; a function of the step is one.

    Parameters
    ----------
    schedule : str, Schedule or callable
        The argument of the user.
    owner : str
        Whose argument it is.

    Returns
    -------
    schedule : Schedule or callable
        Checked.
    """
    if is_rate_function(schedule):
        return schedule
    rule = resolve_rule(schedule, SCHEDULES, Schedule, "schedule", owner)
    if rule._adaptive is not None:
        raise ValueError(
            f"schedule={schedule!r} waits for plateaus of a training loss, which "
            f"{owner} does not have. Use another schedule."
        )
    return rule


def _limits(bounds, x):
    # lower and upper bounds as numbers of the type of x
    n = x.size
    if bounds is None:
        return None
    if isinstance(bounds, Bounds):
        low, high = bounds.lb, bounds.ub
    else:
        pairs = list(bounds) if isinstance(bounds, Iterable) else []
        pairs = [tuple(p) if isinstance(p, Iterable) else () for p in pairs]
        if len(pairs) != n or any(len(pair) != 2 for pair in pairs):
            raise ValueError(
                f"bounds must have one pair (min, max) for each of the {n} variables. "
                f"Got {bounds!r}."
            )
        low = [-np.inf if pair[0] is None else pair[0] for pair in pairs]
        high = [np.inf if pair[1] is None else pair[1] for pair in pairs]
    low = np.broadcast_to(np.asarray(low, dtype=np.float64), n)
    high = np.broadcast_to(np.asarray(high, dtype=np.float64), n)
    if not (low <= high).all():
        i = int(np.argmin(low <= high))
        raise ValueError(
            f"A lower bound must not be above the upper one. Got {low[i]} and "
            f"{high[i]} for variable {i}."
        )
    inner_low, inner_high = low.astype(x.dtype), high.astype(x.dtype)
    inner_low[inner_low < low] = np.nextafter(inner_low, np.inf)[inner_low < low]
    inner_high[inner_high > high] = np.nextafter(inner_high, -np.inf)[inner_high > high]
    return inner_low, np.maximum(inner_low, inner_high)


# ---------------------------------------------------------------- kinds of steps
def _line_steps(step_sizes):
    # the kind of steps that `step_sizes` stands for
    if isinstance(step_sizes, str) and step_sizes == "armijo":
        return ArmijoStep(LineSearch())
    if isinstance(step_sizes, LineSearch):
        return ArmijoStep(step_sizes._check())
    sizes = []
    if isinstance(step_sizes, Iterable) and not isinstance(step_sizes, str):
        sizes = [plain_number(size) for size in step_sizes]
    if not sizes or not all(size in Allowed(Real, gt=0) for size in sizes):
        raise ValueError(
            "step_sizes must be 'armijo', a LineSearch or a sequence of floats > 0. "
            f"Got {step_sizes!r}."
        )
    return BestStep(sizes)


def _steps(optimizer, learning_rate, schedule, step_sizes, max_iter):
    allowed = Allowed(Real, gt=0, options=(None,))
    learning_rate = check_argument("learning_rate", learning_rate, allowed)
    rule = resolve_schedule(schedule, "minimize")
    if step_sizes is None:
        rate = (
            optimizer.own_rate("function") if learning_rate is None else learning_rate
        )
        return OptimizerSteps(optimizer, rate, rule, max_iter)
    if optimizer is not None or learning_rate is not None or schedule != "constant":
        raise ValueError(
            "step_sizes are steps along the negative gradient: leave optimizer, "
            f"learning_rate and schedule alone. Got optimizer={optimizer!r}, "
            f"learning_rate={learning_rate!r}, schedule={schedule!r}."
        )
    return _line_steps(step_sizes)


# ---------------------------------------------------------------- the loop
def iterate(
    optimizer,
    fun,
    x0,
    args=(),
    *,
    sign=1.0,
    jac=None,
    learning_rate=None,
    schedule="constant",
    step_sizes=None,
    bounds=None,
    max_iter=10_000,
    tol=None,
    xtol=None,
    gtol=1e-5,
    callback=None,
    return_path=False,
):
    """Descend on ``sign * fun``; for the parameters see `skgd.minimize`.

    Parameters
    ----------
    optimizer : Optimizer or None
        The rule, without state; None with `step_sizes`.
    fun, x0, args, jac, learning_rate, schedule, step_sizes, bounds : object
        See there.
    sign : {1.0, -1.0}, default=1.0
        -1 to ascend.
    max_iter, tol, xtol, gtol, callback, return_path : object
        See there.

    Returns
    -------
    result : OptimizeResult
        With the values of `fun`, whatever the sign.
    """
    max_iter = check_argument("max_iter", max_iter, Allowed(Integral, ge=0))
    check_argument("return_path", return_path, Allowed(bool))
    if not (callback is None or callable(callback)):
        raise TypeError(f"callback must be callable or None. Got {callback!r}.")
    for name, value in (("tol", tol), ("xtol", xtol), ("gtol", gtol)):
        check_argument(name, value, Allowed(Real, ge=0, options=(None,)))
    steps = _steps(optimizer, learning_rate, schedule, step_sizes, max_iter)
    x = start_point(x0)
    limits = _limits(bounds, x)
    objective = Objective(fun, jac, args, sign, limits)
    tests = {
        "tol": steps.tol if tol is None else tol,
        "xtol": xtol or 0.0,
        "gtol": gtol,
    }
    run = _Iteration(objective, limits, tests, callback, sign)
    run.begin(x)
    while run.status is None and not run.at_optimum():
        if run.nit == max_iter:
            run.status = 1
        else:
            run.move(steps)
    return run.result(return_path)


class _Iteration:
    # the state of a descent, and whether it has ended

    def __init__(self, objective, limits, tests, callback, sign):
        self.objective, self.limits, self.tests = objective, limits, tests
        self.callback, self.sign = callback, sign
        self.nit, self.status, self.message, self.error = 0, None, None, None

    def project(self, x):
        return x if self.limits is None else np.clip(x, *self.limits, dtype=x.dtype)

    def projected_slope(self):
        # the gradient without the part that points out of the bounds
        if self.limits is None:
            return self.slope
        low, high = self.limits
        return np.clip(self.slope, self.x - high, self.x - low)

    def safe_value(self, x):
        # a trial step may leave the domain of the function: its value is then infinite
        try:
            with np.errstate(all="ignore"):
                value = self.objective.value(x)
        except Exception as error:
            self.error = error
            return np.inf
        return np.inf if np.isnan(value) else value

    def begin(self, x):
        self.x = self.project(x)
        self.value = self.objective.value(self.x)
        self.slope = self.objective.gradient(self.x, self.value)
        if not (np.isfinite(self.value) and np.isfinite(self.slope).all()):
            raise ValueError(
                f"fun and its gradient must be finite at x0. Got {self.value} and "
                f"{self.slope} at {self.x}."
            )
        self.path, self.fun_path = [self.x], [self.value]

    def at_optimum(self):
        gtol = self.tests["gtol"]
        if self.status is not None or gtol is None:
            return self.status is not None
        if np.abs(self.projected_slope()).max(initial=0.0) <= gtol:
            self.end(f"The gradient is at most gtol={gtol:g}.")
        return self.status is not None

    def end(self, message):
        self.status, self.message = 0, message

    def move(self, steps):
        with np.errstate(over="ignore", invalid="ignore"):
            proposal = steps.propose(
                self.nit, self.x, self.value, self.slope, self.safe_value, self.project
            )
        self.nit += 1
        if proposal is None:
            self.status, self.message = 2, MESSAGES[2]
            if self.error is not None:
                self.message += f" The function raised {self.error!r} at a trial step."
            return
        x, value = proposal
        if np.isfinite(x).all() and value is None:
            value = self.objective.value(x)
        if value is None or not np.isfinite(value):
            self.status = 3
            return
        moved = not np.array_equal(x, self.x)  # a schedule may begin at rate zero
        if moved and abs(value - self.value) < self.tests["tol"]:
            self.end(f"The value changes by less than tol={self.tests['tol']:g}.")
            return
        if moved and np.linalg.norm(x - self.x) < self.tests["xtol"]:
            self.end(f"The move is shorter than xtol={self.tests['xtol']:g}.")
            return
        slope = self.objective.gradient(x, value)
        if not np.isfinite(slope).all():
            self.status = 3
            return
        self.x, self.value, self.slope = x, value, slope
        self.path.append(x)
        self.fun_path.append(value)
        self.call_back()

    def call_back(self):
        if self.callback is None:
            return
        try:
            self.callback(self.intermediate())
        except StopIteration:
            self.status = 99

    def intermediate(self):
        return OptimizeResult(
            x=self.x.copy(),
            fun=self.sign * self.value,
            jac=self.sign * self.slope,
            nit=self.nit,
        )

    def result(self, return_path):
        result = self.intermediate()
        result.update(
            nfev=self.objective.nfev,
            njev=self.objective.njev,
            success=self.status == 0,
            status=self.status,
            message=self.message or MESSAGES[self.status],
        )
        if return_path:
            result.path = np.array(self.path)
            result.fun_path = self.sign * np.array(self.fun_path)
        return result
