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

    Other optimizers replace this rule. The descent ends in a local minimum that depends
    on the start. Any optimizer can also be the ``method`` of `scipy.optimize.minimize`.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)`` returns a number or, with ``jac=True``, the number and the
        gradient. x is an ndarray of shape (n,).
    x0 : array-like of shape (n,)
        The point where the descent starts. If it is float32, the descent uses float32.
    args : tuple, default=()
        Extra arguments of `fun` and `jac`.
    jac : callable, True, None, '2-point' or '3-point', default=None
        The gradient: ``jac(x, *args)`` returns an array-like of shape (n,). It may come
        from any library for automatic differentiation. True means that `fun` also
        returns the gradient. '2-point' and '3-point' are SciPy's finite differences,
        and None is '2-point'.
    optimizer : str or Optimizer, default='adam'
        A name or an instance of `skgd.optimizers`, as for the estimators.
    learning_rate : float, default=None
        The learning rate; None is the default of the optimizer. An adaptive optimizer
        moves by about the rate in each step (0.01 for Adam), so a distant optimum needs
        a higher rate. With a constant rate, RMSprop keeps moving around an optimum; a
        schedule avoids this.
    schedule : str, Schedule or callable, default='constant'
        The rate as a function of the step: a name or an instance of `skgd.schedules`,
        or a callable that takes the step and returns the rate.
    step_sizes : 'armijo', LineSearch or sequence of float, default=None
        Steps along the negative gradient, in place of an optimizer. With a sequence
        such as ``[10, 1, 0.1]``, each iteration uses the size with the lowest value.
        'armijo' is `skgd.line_search.LineSearch` with its defaults. If the function
        raises an error or is NaN at the end of a step, its value counts as +inf.
    bounds : sequence of (min, max) or `scipy.optimize.Bounds`, default=None
        Bounds onto which each point is projected. None in a pair means no bound.
    max_iter : int, default=10000
        The largest number of iterations.
    tol : float, default=None
        The descent ends before a move that would change the value by less than `tol`.
        None is 1e-6 with a sequence of `step_sizes`. Otherwise, it is 0 (never),
        because an optimizer may hardly move for a while and then continue.
    xtol : float, default=None
        The descent ends before a move that is shorter than `xtol`. None is 0 (never).
    gtol : float, default=1e-5
        The descent ends when no element of the (projected) gradient is larger than
        `gtol`. None means never.
    callback : callable, default=None
        ``callback(intermediate_result)`` is called after each move, with `x`, `fun`,
        `jac` and `nit`. To end the descent, it can raise StopIteration.
    return_path : bool, default=False
        Whether the result includes `path` and `fun_path`.

    Returns
    -------
    result : OptimizeResult
        SciPy's class, with `x`, `fun`, `jac`, `nit`, `nfev`, `njev`, `success`,
        `status` and `message`. With ``return_path=True``, it also has `path`, an
        ndarray of shape (n_points, n), and `fun_path`, an ndarray of shape (n_points,),
        with all points beginning at the start. (The last iteration may not add a point;
        see `tol`.) The status is 0 if a tolerance was met, 1 after `max_iter`
        iterations, 2 if no step lowers the value, 3 if a value or gradient is not
        finite (`x` is the previous point), and 99 if the callback ended the descent.

    Raises
    ------
    ValueError
        If an argument is not allowed, if the function or the gradient is not finite at
        `x0`, or if a result has the wrong shape.

    See Also
    --------
    maximize : Gradient ascent.
    minimize_stochastic : For sums over samples, in mini-batches.
    scipy.optimize.check_grad : Compare a gradient with finite differences.

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
        ``fun(x, *args)``, as in `minimize`; `jac` is its gradient.
    x0 : array-like of shape (n,)
        The point where the ascent starts.
    args : tuple, default=()
        Extra arguments of `fun` and `jac`.
    **options : dict
        All keywords of `minimize`. If the function is not defined at the end of a step
        of `step_sizes`, its value counts as -inf.

    Returns
    -------
    result : OptimizeResult
        As for `minimize`; `fun`, `jac` and `fun_path` are the values of `fun` itself.

    See Also
    --------
    minimize : Gradient descent, with a description of all keywords.

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
    # A line search follows the gradient, so it needs no optimizer.
    if step_sizes is None:
        rule = resolve_rule(optimizer, OPTIMIZERS, Optimizer, "optimizer", "minimize")
        rule = clone(rule)
    else:
        rule = None if optimizer in ("adam", "sgd", SGD()) else optimizer
    return iterate(rule, fun, x0, args, sign=sign, step_sizes=step_sizes, **options)
