"""Minimise and maximise sums over samples, some of them at a time."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse as sp
from scipy.optimize import OptimizeResult
from sklearn.base import clone
from sklearn.utils import check_consistent_length, check_random_state

from .._rules.optimizer import Optimizer
from .._rules.rule import Allowed, resolve_rule
from ..optimizers import OPTIMIZERS
from .loop import check_argument, check_options, start_point
from .objective import Objective

__all__ = ["maximize_stochastic", "minimize_stochastic"]

MESSAGES = {
    0: "There was no new best in {patience} passes in a row.",
    1: "The maximum number of passes has been reached.",
    3: "The sum or a gradient is not finite; a lower learning_rate may help. The best "
    "parameters so far are returned.",
    99: "`callback` raised `StopIteration`.",
}


def minimize_stochastic(
    fun: Callable,
    X: ArrayLike | sp.sparray | sp.spmatrix,
    y: ArrayLike | None,
    x0: ArrayLike,
    args: tuple = (),
    *,
    jac: Callable | Literal[True, "2-point", "3-point"] | None = None,
    optimizer: str | Optimizer = "sgd",
    learning_rate: float | None = None,
    decay: float = 0.9,
    batch_size: int = 1,
    patience: int = 100,
    max_iter: int = 10_000,
    random_state: int | np.random.RandomState | None = None,
    callback: Callable | None = None,
    return_path: bool = False,
) -> OptimizeResult:
    r"""Minimise a sum over samples by stochastic gradient descent.

    .. math:: F(x) = \sum_i f(x, X_i, y_i)

    In each pass all samples are drawn in a new random order, `batch_size` at a time,
    and each batch makes an update by the mean of its gradients. ``F`` is evaluated
    before each pass. On a new best the parameters are remembered and the rate goes
    back to its start; otherwise the rate is multiplied by `decay`. The best parameters
    are returned, not the last.

    Parameters
    ----------
    fun : callable
        ``fun(x, X, y, *args)`` returns the sum over the samples given, or with
        ``jac=True`` the sum and its gradient. x is an ndarray of shape (n,), X and y
        are rows of the data.
    X : {array-like, sparse matrix} of shape (n_samples, ...)
        Data.
    y : array-like of shape (n_samples, ...), or None
        More data; with None, `fun` and `jac` are called without.
    x0 : array-like of shape (n,)
        Where to start. With float32 the descent is in float32.
    args : tuple, default=()
        Extra arguments of `fun` and `jac`.
    jac : callable, True, None, '2-point' or '3-point', default=None
        The gradient: ``jac(x, X, y, *args)`` returns an array-like of shape (n,), the
        sum over the samples given; True if `fun` returns it, too; SciPy's finite
        differences otherwise, None is '2-point'.
    optimizer : str or Optimizer, default='sgd'
        The rule: a name of `skgd.optimizers`, or an instance.
    learning_rate : float, default=None
        The rate at the start and after each new best. None is that of the optimizer
        object, where it is set, else 0.01.
    decay : float, default=0.9
        Factor of the rate after a pass without a new best, in (0, 1].
    batch_size : int, default=1
        Samples of an update.
    patience : int, default=100
        Passes in a row without a new best that end the descent.
    max_iter : int, default=10000
        The most passes.
    random_state : int, RandomState instance or None, default=None
        Seed of the order.
    callback : callable, default=None
        ``callback(intermediate_result)`` before each pass, with the `x` and `fun` of
        the moment and `nit`. It may raise StopIteration.
    return_path : bool, default=False
        Whether the result has `path`.

    Returns
    -------
    result : OptimizeResult
        SciPy's, with the best `x` and its `fun`, `nit` (passes), `nfev`, `njev`,
        `success`, `status`, `message`; `fun_path` and `rate_path`, ndarray of shape
        (nit + 1,), the sum before each pass and after the last, and the rate from
        there (with status 3 the last pass is left out); with ``return_path=True`` also
        `path`, ndarray of shape (nit + 1, n).
        Status: 0 patience ran out, 1 `max_iter`, 3 something is not finite, 99 the
        callback ended it.

    Raises
    ------
    ValueError
        For an argument outside of its domain, or a sum that is not finite at `x0`.

    See Also
    --------
    maximize_stochastic : The same uphill.
    minimize : For functions as a whole.

    Examples
    --------
    >>> import numpy as np
    >>> from skgd import minimize_stochastic
    >>> X = np.linspace(-1, 1, 50)
    >>> y = 2 * X + 1
    >>> def error(x, X, y):
    ...     return np.sum((x[0] * X + x[1] - y) ** 2)
    >>> def slope(x, X, y):
    ...     r = 2 * (x[0] * X + x[1] - y)
    ...     return [np.sum(r * X), np.sum(r)]
    >>> result = minimize_stochastic(error, X, y, [0, 0], jac=slope, random_state=0)
    >>> result.x.round(6)
    array([2., 1.])
    """
    return _descend(
        1.0,
        fun,
        X,
        y,
        x0,
        args,
        jac=jac,
        optimizer=optimizer,
        learning_rate=learning_rate,
        decay=decay,
        batch_size=batch_size,
        patience=patience,
        max_iter=max_iter,
        random_state=random_state,
        callback=callback,
        return_path=return_path,
    )


def maximize_stochastic(
    fun: Callable,
    X: ArrayLike | sp.sparray | sp.spmatrix,
    y: ArrayLike | None,
    x0: ArrayLike,
    args: tuple = (),
    **options,
) -> OptimizeResult:
    r"""Maximise a sum over samples by stochastic gradient ascent.

    Parameters
    ----------
    fun : callable
        ``fun(x, X, y, *args)``, as `minimize_stochastic` takes it; `jac` is its
        gradient.
    X : {array-like, sparse matrix} of shape (n_samples, ...)
        Data.
    y : array-like of shape (n_samples, ...), or None
        More data.
    x0 : array-like of shape (n,)
        Where to start.
    args : tuple, default=()
        Extra arguments of `fun` and `jac`.
    **options : dict
        All keywords of `minimize_stochastic`.

    Returns
    -------
    result : OptimizeResult
        As that of `minimize_stochastic`; `fun` and `fun_path` are those of `fun`.

    See Also
    --------
    minimize_stochastic : The same downhill, with all keywords.

    Examples
    --------
    >>> import numpy as np
    >>> from skgd import maximize_stochastic
    >>> X = np.array([1.0, 2.0, 6.0])
    >>> def log_likelihood(mu, X):
    ...     return -np.sum((X - mu[0]) ** 2) / 2
    >>> maximize_stochastic(log_likelihood, X, None, [0.0], random_state=0).x.round(2)
    array([3.])
    """
    check_options("maximize_stochastic", options, minimize_stochastic)
    return _descend(-1.0, fun, X, y, x0, args, **options)


def _rows(X):
    return X.tocsr() if sp.issparse(X) else np.asarray(X)


def _descend(
    sign,
    fun,
    X,
    y,
    x0,
    args=(),
    *,
    jac=None,
    optimizer="sgd",
    learning_rate=None,
    decay=0.9,
    batch_size=1,
    patience=100,
    max_iter=10_000,
    random_state=None,
    callback=None,
    return_path=False,
):
    owner = "minimize_stochastic"
    rule = resolve_rule(optimizer, OPTIMIZERS, Optimizer, "optimizer", owner)
    if learning_rate is None:
        learning_rate = 0.01 if rule.learning_rate is None else rule.learning_rate
    check_argument("learning_rate", learning_rate, Allowed(Real, gt=0))
    check_argument("decay", decay, Allowed(Real, gt=0, le=1))
    check_argument("batch_size", batch_size, Allowed(Integral, ge=1))
    check_argument("patience", patience, Allowed(Integral, ge=1))
    check_argument("max_iter", max_iter, Allowed(Integral, ge=0))
    data = (_rows(X),) if y is None else (_rows(X), _rows(y))
    check_consistent_length(*data)
    if data[0].shape[0] == 0:
        raise ValueError("X must have at least one sample.")
    seed = random_state
    run = _Passes(
        Objective(fun, jac, args, sign), clone(rule), data, batch_size, learning_rate
    )
    run.rng = np.random.RandomState() if seed is None else check_random_state(seed)
    run.begin(start_point(x0))
    nit = 0
    while True:
        if run.waiting >= patience or nit == max_iter:
            run.status = 0 if run.waiting >= patience else 1
        elif callback is not None:
            now = OptimizeResult(x=run.x.copy(), fun=sign * run.totals[-1], nit=nit)
            try:
                callback(now)
            except StopIteration:
                run.status = 99
        if run.status is not None or not run.make_pass():
            break
        nit += 1
        if not run.evaluate(decay):
            break
    result = OptimizeResult(
        x=run.best_x,
        fun=sign * run.best,
        nit=nit,
        nfev=run.objective.nfev,
        njev=run.objective.njev,
        success=run.status == 0,
        status=run.status,
        message=MESSAGES[run.status].format(patience=patience),
        fun_path=sign * np.array(run.totals),
        rate_path=np.array(run.rates),
    )
    if return_path:
        result.path = np.array(run.path)
    return result


class _Passes:
    # where a stochastic descent is

    def __init__(self, objective, optimizer, data, batch_size, learning_rate):
        self.objective, self.optimizer = objective, optimizer
        self.data, self.batch_size = data, batch_size
        self.start_rate = self.rate = learning_rate
        self.status, self.waiting = None, 0
        self.totals, self.rates, self.path = [], [], []

    def begin(self, x):
        self.x, self.best, self.best_x = x, np.inf, x
        if not self.evaluate(1.0):
            raise ValueError(f"fun must be finite at x0. Got {self.total} at {x}.")

    def evaluate(self, decay):
        # the sum over all samples; False where it is not finite
        self.total = self.objective.value(self.x, *self.data)
        if not np.isfinite(self.total):
            self.status = 3
            return False
        if self.total < self.best:
            self.best, self.best_x = self.total, self.x.copy()
            self.waiting, self.rate = 0, self.start_rate
        else:
            self.waiting += 1
            self.rate *= decay
        self.totals.append(self.total)
        self.rates.append(self.rate)
        self.path.append(self.x.copy())
        return True

    def make_pass(self):
        # all samples in a new order; False where a gradient is not finite
        n = self.data[0].shape[0]
        order = self.rng.permutation(n)
        for first in range(0, n, self.batch_size):
            rows = order[first : first + self.batch_size]
            batch = [part[rows] for part in self.data]
            slope = self.objective.gradient(self.x, None, *batch) / len(rows)
            if not np.isfinite(slope).all():
                self.status = 3
                return False
            self.optimizer.update(self.x, slope, learning_rate=self.rate)
        return True
