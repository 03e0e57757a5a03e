"""What all optimizers share: the kernel, and their use without an estimator."""

from cython cimport floating
from libc.string cimport memcpy, memset

import inspect
from collections.abc import Mapping
from numbers import Real

import numpy as np
from sklearn.base import clone

from .numbers import plain_number
from .rule import Allowed, Rule
from .text import filled


cdef class OptimizerKernel:
    """A rule with its hyperparameters, as the compiled epoch calls it."""


cdef OptimizerKernel step_kernel(
    step_f32 f32, step_f64 f64, Py_ssize_t n_slots, hyperparameters=(), bint plain=False
):
    cdef OptimizerKernel kernel = OptimizerKernel()
    cdef Py_ssize_t k
    kernel.f32 = f32
    kernel.f64 = f64
    kernel.n_slots = n_slots
    kernel.plain = plain
    for k in range(len(hyperparameters)):
        kernel.h[k] = hyperparameters[k]
    return kernel


def _apply(
    OptimizerKernel kernel, floating[::1] w, const floating[::1] g,
    floating[:, ::1] slots, double rate, double t,
):
    # one update without a penalty, in place
    cdef Step step
    cdef Py_ssize_t n = w.shape[0]
    cdef floating* first = NULL
    if n == 0:
        return
    if slots.shape[0] > 0:
        first = &slots[0, 0]
    memset(&step, 0, sizeof(step))
    memcpy(step.h, kernel.h, sizeof(kernel.h))
    step.rate, step.t, step.decays = rate, t, True
    if floating is float:
        kernel.f32(&w[0], &g[0], first, n, n, &step)
    else:
        kernel.f64(&w[0], &g[0], first, n, n, &step)


def _checked_parameter(name, param):
    if not isinstance(param, np.ndarray) or param.dtype not in (np.float32, np.float64):
        given = getattr(param, "dtype", type(param).__name__)
        raise TypeError(
            f"{name} must be an ndarray of float32 or float64, which is updated in "
            f"place. Got {given}.")
    if not param.flags.writeable:
        raise ValueError(f"{name} is read-only; it is updated in place.")
    return param


def _checked_gradient(name, grad, param, squares):
    grad = np.asarray(grad)
    if grad.dtype.kind != "f":
        raise TypeError(f"{name} must be an array of floats. Got {grad.dtype}.")
    if grad.shape != param.shape:
        raise ValueError(
            f"{name} must have the shape of its parameter, {param.shape}. Got "
            f"{grad.shape}.")
    with np.errstate(over="ignore"):
        # a copy: it may be a view of a parameter, of whichever key
        flat = np.array(grad, dtype=param.dtype, order="C").reshape(-1)
    reach = float(max(flat.max(), -flat.min())) if flat.size else 0.0  # or NaN
    if not reach < np.inf:
        raise ValueError(
            f"{name} is not finite in {param.dtype}; nothing has been updated. Is the "
            "learning rate too large?")
    # (an infinite mean of squares would divide all later steps to zero)
    if squares and reach > np.sqrt(np.finfo(param.dtype).max):
        raise ValueError(
            f"{name} has numbers up to {reach:.3g}, which are too large to be squared in "
            f"{param.dtype}; nothing has been updated. Scale the function down.")
    return flat, reach


def _check_move(rate, reach, dtype):
    if rate * max(reach, 1.0) > float(np.finfo(dtype).max):
        raise ValueError(
            f"learning_rate is too large for {dtype}: with gradients up to {reach:.3g}, "
            f"a step would not be finite; nothing has been updated. Got {rate:g}.")


def _by_key(params, grads):
    # a single array is a dictionary with the key None
    if isinstance(params, Mapping) != isinstance(grads, Mapping):
        raise TypeError(
            "params and grads must both be dictionaries or both be arrays. Got "
            f"{type(params).__name__} and {type(grads).__name__}.")
    if not isinstance(params, Mapping):
        return {None: params}, {None: grads}
    unknown, without = [k for k in grads if k not in params], [
        k for k in params if k not in grads]
    if unknown or without:
        raise KeyError(
            "params and grads must have the same keys. Only in grads: "
            f"{unknown}, only in params: {without}.")
    return params, grads


def _scipy_callback(callback):
    # SciPy's rule: the name of the only parameter says what it is
    if list(inspect.signature(callback).parameters) == ["intermediate_result"]:
        return lambda result: callback(intermediate_result=result)
    return lambda result: callback(result.x)


# what `Optimizer.own_rate` may be asked for, in the order of the documentation
KINDS = (
    "linear", "single linear", "network", "single network", "function", "update")


def _rates_in_words(rule):
    # the entry of `learning_rate` in a docstring
    rates = {kind: f"{rule._default_rate(kind):g}" for kind in KINDS}
    words = (
        "None is {linear} for linear models and {network} for networks, {single linear} "
        "and {single network} with one sample per update; {function} in "
        "`skgd.minimize`, and {update} in `update`."
    ).format_map(rates)
    if rule._normalises:
        words += (
            " That of a linear model with p > 100 features is ``sqrt(100 / p)`` times "
            "as large.")
    return f"The rate where the estimator's ``learning_rate_init`` is None. {words}"


class Optimizer(Rule):
    """Base of the optimizers.

    A rule gives its default rates, `_rates`, by the kinds of `own_rate`; where one
    is missing that of several samples per update counts, and then that of `update`. In
    the docstring of a rule they take the place of ``{learning_rate}``.

    An optimizer serves three purposes: as a parameter of an estimator, which keeps
    the state of the training itself; on its own, by `update`; and as ``method`` of
    `scipy.optimize.minimize`.

    Parameters
    ----------
    learning_rate : float, default=None
        The rate where the estimator's ``learning_rate_init`` is None.
    """

    _allowed = {"learning_rate": Allowed(Real, gt=0, options=(None,))}
    # for the tables of the documentation: the rule, and what a flag changes in it
    _formula = ""
    _variants = {}
    # whether a step is about as large as the rate, whatever the size of the gradient
    _normalises = False
    # whether squares of the gradient are added up
    _squares = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "{learning_rate}" in (cls.__doc__ or ""):
            cls.__doc__ = filled(cls.__doc__, {"learning_rate": _rates_in_words(cls)})

    def __init__(self, learning_rate=None):
        self.learning_rate = learning_rate

    @classmethod
    def _default_rate(cls, kind):
        names = kind, kind.removeprefix("single "), "update"
        return next(cls._rates[name] for name in names if name in cls._rates)

    def own_rate(self, kind="update", n_features=1):
        """The learning rate where nobody gives one.

        Parameters
        ----------
        kind : {'update', 'function', 'linear', 'network', 'single linear', \
                'single network'}, default='update'
            What is trained: arrays by `update`, a function, a linear model or a network
            on standardised data, the last two also with one sample for each update.
            A function has no noise, and a linear model one optimum that it starts far
            from: they bear higher rates. A single sample is noisy and takes lower ones.
        n_features : int, default=1
            Of a linear model. Beyond 100, an optimizer that moves each weight by the rate
            moves the prediction by more the more there are: the rate falls with the
            root of their number.

        Returns
        -------
        rate : float
            `learning_rate`, or the rule's default for the kind.
        """
        if self.learning_rate is not None:
            return self.learning_rate
        rate = self._default_rate(kind)
        if kind.endswith("linear") and self._normalises:
            rate *= (100 / max(n_features, 100)) ** 0.5
        return rate

    def update(self, params, grads, *, learning_rate=None):
        """Update parameters in place; what is refused changes none of them.

        The state (velocity, moments, number of updates) is made for each key at its
        first update, and kept in this object. It is no parameter: a clone, and an
        estimator that has this object as its `optimizer`, start without it.

        Parameters
        ----------
        params : dict of ndarray, or ndarray
            Arrays of float32 or float64, of any shape. An array alone counts as one
            key: for several, use a dictionary.
        grads : dict of array-like, or array-like
            The gradient for each, floats of the same shape.
        learning_rate : float, default=None
            The rate of this update; None is `learning_rate`, or the rule's default.

        Raises
        ------
        TypeError
            For arrays that are not of floats, or parameters that are no arrays.
        KeyError
            For a key of only one of the two.
        ValueError
            For another shape than that of the gradient or of the update before, a
            gradient that is not finite or too large, a rate that is negative or too
            large, or a parameter that is read-only.

        Examples
        --------
        >>> import numpy as np
        >>> from skgd.optimizers import Momentum
        >>> params = {"W": np.ones((2, 2)), "b": np.zeros(2)}
        >>> opt = Momentum(learning_rate=0.1)
        >>> for _ in range(2):
        ...     opt.update(params, {"W": np.ones((2, 2)), "b": np.ones(2)})
        >>> params["b"]
        array([-0.29, -0.29])
        """
        self._check()
        rate = self.own_rate() if learning_rate is None else plain_number(learning_rate)
        if rate != 0 and rate not in self._allowed["learning_rate"]:
            raise ValueError(
                f"learning_rate must be a float >= 0 or None. Got {learning_rate!r}.")
        params, grads = _by_key(params, grads)
        kernel = self._kernel(0.0)
        memory = self.__dict__.setdefault("_memory", {})
        work = []
        for key, param in params.items():
            at = "" if key is None else f"[{key!r}]"
            _checked_parameter(f"params{at}", param)
            grad, reach = _checked_gradient(
                f"grads{at}", grads[key], param, self._squares)
            _check_move(rate, reach, param.dtype)
            kind = param.shape, param.dtype, kernel.n_slots
            if key in memory:
                before, slots, t = memory[key]
            else:
                before, t = kind, 0
                slots = np.zeros((kernel.n_slots, param.size), param.dtype)
            if before != kind:
                raise ValueError(
                    f"params{at}, or the variant of {type(self).__name__}, is another "
                    f"than in the update before: the state is for {before[1]} of shape "
                    f"{before[0]} in {before[2]} slots, now it would be {kind[1]} of "
                    f"shape {kind[0]} in {kind[2]}. Call reset() to begin anew.")
            work.append((key, param, grad, kind, slots, t + 1))
        for key, param, grad, kind, slots, t in work:
            # (no subclass such as np.matrix, which has no single dimension)
            flat = np.require(np.asarray(param), requirements=["C", "A"]).reshape(-1)
            _apply(kernel, flat, grad, slots, rate, t)
            if not np.may_share_memory(flat, param):
                param[...] = flat.reshape(param.shape)
            memory[key] = kind, slots, t

    def reset(self):
        """Forget the state that `update` has made.

        Returns
        -------
        self : Optimizer
            The optimizer.
        """
        self.__dict__.pop("_memory", None)
        return self

    def __call__(self, fun, x0, args=(), *, hess=None, hessp=None, constraints=(),
                 maxiter=None, **options):
        """Minimise a function, as ``method`` of `scipy.optimize.minimize`.

        Parameters
        ----------
        fun, x0, args : callable, array-like, tuple
            As `skgd.minimize` takes them.
        hess, hessp, constraints : None or empty
            Not supported.
        maxiter : int, default=None
            SciPy's name for `max_iter`.
        **options : dict
            Keywords of `skgd.minimize`, except `optimizer` and `step_sizes`.

        Returns
        -------
        result : OptimizeResult
            As `skgd.minimize` returns it.

        Examples
        --------
        >>> from scipy.optimize import minimize
        >>> from skgd.optimizers import Adam
        >>> result = minimize(lambda x: (x[0] - 3) ** 2, [0.0], method=Adam(),
        ...                   options={"learning_rate": 0.1})
        >>> round(float(result.x[0]), 3)
        3.0
        """
        # The one import from a later chapter: an optimizer hands itself to the loop.
        from .._functions.loop import check_options, iterate

        given = {"hess": hess, "hessp": hessp, "constraints": constraints or None}
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"{type(self).__name__} uses no {name!r}. Of constraints it can "
                    "take bounds.")
        if maxiter is not None:
            options["max_iter"] = maxiter
        check_options(f"{type(self).__name__} as a method", options, iterate)
        if options.get("callback") is not None:
            options["callback"] = _scipy_callback(options["callback"])
        return iterate(clone(self)._check(), fun, x0, args, sign=1.0, **options)
