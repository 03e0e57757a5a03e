"""Minimise and maximise sums over samples, in mini-batches."""

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

from .._engine.sparse_arrays import check_sparse
from .._rules.optimizer import Optimizer
from .._rules.rule import RANDOM_STATE, Allowed, resolve_rule
from ..optimizers import OPTIMIZERS
from .loop import check_argument, check_options, start_point
from .objective import Objective

__all__ = ["maximize_stochastic", "minimize_stochastic"]

MESSAGES = {
    0: "There was no new best value in {patience} passes in a row.",
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

    Each pass uses all samples in a new random order, `batch_size` at a time. Each batch
    makes an update with the mean of its gradients. Before each pass, ``F`` is
    evaluated. If this is a new best value, the parameters are stored and the rate is
    reset to its initial value. Otherwise, the rate is multiplied by `decay`. The result
    contains the best parameters and not the last ones.

    Parameters
    ----------
    fun : callable
        ``fun(x, X, y, *args)`` returns the sum over the given samples or, with
        ``jac=True``, the sum and its gradient. x is an ndarray of shape (n,), and X and
        y are rows of the data.
    X : {array-like, sparse matrix} of shape (n_samples, ...)
        Data.
    y : array-like of shape (n_samples, ...), or None
        More data. If it is None, `fun` and `jac` are called without y.
    x0 : array-like of shape (n,)
        The point where the descent starts. If it is float32, the descent uses float32.
    args : tuple, default=()
        Extra arguments of `fun` and `jac`.
    jac : callable, True, None, '2-point' or '3-point', default=None
        The gradient: ``jac(x, X, y, *args)`` returns an array-like of shape (n,), the
        sum over the given samples. True means that `fun` also returns the gradient.
        '2-point' and '3-point' are SciPy's finite differences, and None is '2-point'.
    optimizer : str or Optimizer, default='sgd'
        A name or an instance of `skgd.optimizers`.
    learning_rate : float, default=None
        The rate at the start and after each new best value. None is the rate of the
        optimizer object if it is set, and 0.01 otherwise.
    decay : float, default=0.9
        The factor of the rate after a pass without a new best value, in (0, 1].
    batch_size : int, default=1
        The number of samples in each update.
    patience : int, default=100
        The descent ends after this number of passes without a new best value.
    max_iter : int, default=10000
        The largest number of passes.
    random_state : int, RandomState instance or None, default=None
        The seed of the random order.
    callback : callable, default=None
        ``callback(intermediate_result)`` is called before each pass, with the current
        `x`, `fun` and `nit`. To end the descent, it can raise StopIteration.
    return_path : bool, default=False
        Whether the result includes `path`.

    Returns
    -------
    result : OptimizeResult
        SciPy's class, with the best `x` and its `fun`, `nit` (the number of passes),
        `nfev`, `njev`, `success`, `status` and `message`. `fun_path` and `rate_path`
        are ndarrays of shape (nit + 1,) with the sum before each pass and after the
        last one, and with the rate of the next pass (with status 3, the last pass is
        left out). With ``return_path=True``, there is also `path`, an ndarray of shape
        (nit + 1, n). The status is 0 after `patience` passes without a new best value,
        1 after `max_iter` passes, 3 if a number is not finite, and 99 if the callback
        ended the descent.

    Raises
    ------
    ValueError
        If an argument is not allowed, or if the sum is not finite at `x0`.

    See Also
    --------
    maximize_stochastic : Gradient ascent.
    minimize : For functions that are not sums over samples.

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
    return _iterate_passes(
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
        ``fun(x, X, y, *args)``, as in `minimize_stochastic`; `jac` is its gradient.
    X : {array-like, sparse matrix} of shape (n_samples, ...)
        Data.
    y : array-like of shape (n_samples, ...), or None
        More data.
    x0 : array-like of shape (n,)
        The point where the ascent starts.
    args : tuple, default=()
        Extra arguments of `fun` and `jac`.
    **options : dict
        All keywords of `minimize_stochastic`.

    Returns
    -------
    result : OptimizeResult
        As for `minimize_stochastic`; `fun` and `fun_path` are values of `fun` itself.

    See Also
    --------
    minimize_stochastic : Gradient descent, with a description of all keywords.

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
    return _iterate_passes(-1.0, fun, X, y, x0, args, **options)


def _indexable(X):
    X = check_sparse(X)
    return X.tocsr() if sp.issparse(X) else np.asarray(X)


def _iterate_passes(
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
    learning_rate = check_argument("learning_rate", learning_rate, Allowed(Real, gt=0))
    decay = check_argument("decay", decay, Allowed(Real, gt=0, le=1))
    batch_size = check_argument("batch_size", batch_size, Allowed(Integral, ge=1))
    patience = check_argument("patience", patience, Allowed(Integral, ge=1))
    max_iter = check_argument("max_iter", max_iter, Allowed(Integral, ge=0))
    random_state = check_argument("random_state", random_state, RANDOM_STATE)
    data = (_indexable(X),) if y is None else (_indexable(X), _indexable(y))
    check_consistent_length(*data)
    if data[0].shape[0] == 0:
        raise ValueError("X must have at least one sample.")
    seed = random_state
    run = _PassIteration(
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


class _PassIteration:
    # the state of a stochastic descent

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
