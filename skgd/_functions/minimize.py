"""Minimise and maximise functions by gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from numpy.typing import ArrayLike
from scipy.optimize import Bounds, OptimizeResult
from sklearn.base import clone

from .._rules.optimizer import Optimizer
from .._rules.rule import resolve_rule
from .._rules.schedule import Schedule
from ..line_search import LineSearch
from ..optimizers import OPTIMIZERS, SGD
from .loop import check_options, iterate

__all__ = ["maximize", "minimize"]


def minimize(
    fun: Callable,
    x0: ArrayLike,
    args: tuple = (),
    *,
    jac: Callable | Literal[True, "2-point", "3-point"] | None = None,
    optimizer: str | Optimizer = "adam",
    learning_rate: float | None = None,
    schedule: str | Schedule | Callable = "constant",
    step_sizes: Literal["armijo"] | LineSearch | Sequence[float] | None = None,
    bounds: Sequence[tuple[float | None, float | None]] | Bounds | None = None,
    max_iter: int = 10_000,
    tol: float | None = None,
    xtol: float | None = None,
    gtol: float | None = 1e-5,
    callback: Callable | None = None,
    return_path: bool = False,
) -> OptimizeResult:
    r"""Minimise a function of several variables by gradient descent.

    .. math:: x \leftarrow x - r \, \nabla f(x)

    or another rule in its place. It is greedy: it ends in a local minimum that depends
    on the start. Any optimizer is also a ``method`` of `scipy.optimize.minimize`.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)`` returns a number, or with ``jac=True`` the number and the
        gradient. x is an ndarray of shape (n,).
    x0 : array-like of shape (n,)
        Where to start. With float32 the descent is in float32.
    args : tuple, default=()
        Extra arguments of `fun` and `jac`.
    jac : callable, True, None, '2-point' or '3-point', default=None
        The gradient: ``jac(x, *args)`` returns an array-like of shape (n,), which any
        library for automatic differentiation can make; True if `fun` returns it, too;
        SciPy's finite differences otherwise, None is '2-point'.
    optimizer : str or Optimizer, default='adam'
        The rule, as for the estimators: a name of `skgd.optimizers`, or an instance.
    learning_rate : float, default=None
        The rate; None is the optimizer's own. An adaptive optimizer moves by about the
        rate in each step (0.01 for Adam), so a far optimum needs a higher one; at a
        constant rate RMSprop hovers around an optimum, which a schedule ends.
    schedule : str, Schedule or callable, default='constant'
        The rate as a function of the step: a name or an instance of
        `skgd.schedules`, or a callable that takes the step and returns the rate.
    step_sizes : 'armijo', LineSearch or sequence of float, default=None
        In place of an optimizer, steps along the negative gradient. Of a sequence
        such as ``[10, 1, 0.1]``, the size with the lowest value is taken at each
        iteration. 'armijo' is `skgd.line_search.LineSearch` with its defaults. A
        step where the function raises an error or is NaN counts as +inf.
    bounds : sequence of (min, max) or `scipy.optimize.Bounds`, default=None
        Each point is projected into them. None in a pair is no bound.
    max_iter : int, default=10000
        The most iterations.
    tol : float, default=None
        Ends the descent where the value would change by less than this; that move
        is not made. None is 1e-6 with a sequence of `step_sizes`, and 0 (never)
        otherwise: an optimizer may hardly move for a moment and then go on.
    xtol : float, default=None
        The same for the length of the move.
    gtol : float, default=1e-5
        Ends it where no element of the (projected) gradient is larger. None is never.
    callback : callable, default=None
        ``callback(intermediate_result)`` after each move, with `x`, `fun`, `jac` and
        `nit`. It may raise StopIteration.
    return_path : bool, default=False
        Whether the result has `path` and `fun_path`.

    Returns
    -------
    result : OptimizeResult
        SciPy's, with `x`, `fun`, `jac`, `nit`, `nfev`, `njev`, `success`, `status`,
        `message`; with ``return_path=True`` also `path`, ndarray of shape
        (n_points, n), and `fun_path`, ndarray of shape (n_points,): all points from
        the start on (the last iteration may add none: see `tol`). Status: 0 a
        tolerance was met, 1 `max_iter`, 2 no step lowers the value, 3 a value or
        gradient is not finite (`x` is the point before), 99 the callback ended it.

    Raises
    ------
    ValueError
        For an argument outside of its domain, a function or a gradient that is not
        finite at `x0`, or a result of the wrong shape.

    See Also
    --------
    maximize : The same uphill.
    minimize_stochastic : For sums over samples, some of them at a time.
    check_grad : SciPy's comparison of a gradient with finite differences.

    Examples
    --------
    >>> from skgd import minimize
    >>> result = minimize(lambda x: (x[0] - 3) ** 2 + (x[1] + 1) ** 2, [0, 0],
    ...                   optimizer="momentum")
    >>> result.x.round(3)
    array([ 3., -1.])
    >>> minimize(lambda x: x @ x, [10, 20, 4, 5], jac=lambda x: 2 * x,
    ...          step_sizes=[100, 10, 1, 0.1, 0.01]).nit
    44
    """
    return _iterate(
        fun,
        x0,
        args,
        sign=1.0,
        optimizer=optimizer,
        step_sizes=step_sizes,
        jac=jac,
        learning_rate=learning_rate,
        schedule=schedule,
        bounds=bounds,
        max_iter=max_iter,
        tol=tol,
        xtol=xtol,
        gtol=gtol,
        callback=callback,
        return_path=return_path,
    )


def maximize(
    fun: Callable, x0: ArrayLike, args: tuple = (), **options
) -> OptimizeResult:
    r"""Maximise a function of several variables by gradient ascent.

    .. math:: x \leftarrow x + r \, \nabla f(x)

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)``, as `minimize` takes it; `jac` is its gradient.
    x0 : array-like of shape (n,)
        Where to start.
    args : tuple, default=()
        Extra arguments of `fun` and `jac`.
    **options : dict
        All keywords of `minimize`. A step of `step_sizes` where the function is not
        defined counts as -inf.

    Returns
    -------
    result : OptimizeResult
        As that of `minimize`; `fun`, `jac` and `fun_path` are those of `fun` itself.

    See Also
    --------
    minimize : The same downhill, with all keywords.

    Examples
    --------
    >>> import numpy as np
    >>> from skgd import maximize
    >>> density = lambda x: np.exp(-((x[0] - 1) ** 2) / 2) / np.sqrt(2 * np.pi)
    >>> result = maximize(density, [0.0])
    >>> result.x.round(3), round(result.fun, 4)
    (array([1.]), 0.3989)
    """
    check_options("maximize", options, minimize)
    return _iterate(fun, x0, args, sign=-1.0, **options)


def _iterate(fun, x0, args, *, sign, optimizer="adam", step_sizes=None, **options):
    # A line search goes along the gradient: there is no rule to choose.
    if step_sizes is None:
        rule = resolve_rule(optimizer, OPTIMIZERS, Optimizer, "optimizer", "minimize")
        rule = clone(rule)
    else:
        rule = None if optimizer in ("adam", "sgd", SGD()) else optimizer
    return iterate(rule, fun, x0, args, sign=sign, step_sizes=step_sizes, **options)
