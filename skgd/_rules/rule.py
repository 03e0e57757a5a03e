"""Rule objects (optimizers, losses, ...) and the checks of hyperparameters."""

import math
import operator
import re
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import pairwise
from numbers import Integral, Real

import numpy as np
from scipy import sparse as sp
from sklearn.base import BaseEstimator

from .numbers import PlainNumbers

# names of parameters in other libraries, and here
ALIASES = {"lr": "learning_rate", "betas": "beta_1 and beta_2", "eps": "epsilon"}


class Rule(PlainNumbers, BaseEstimator):
    """One rule of the method, with its own hyperparameters.

    A rule has ``get_params``, ``set_params``, and a printed form as any
    scikit-learn object has, so it can be cloned, pickled, nested in an
    estimator and searched (``optimizer__beta_1``). Two rules are equal when
    their classes and parameters are. No rule is changed by ``fit``.
    """

    # name of a parameter -> `Allowed`
    _allowed = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = explaining(cls.__init__)

    def __eq__(self, other):
        return type(self) is type(other) and self.get_params() == other.get_params()

    # A mutable object that compares by value has no hash.
    __hash__ = None

    def _repr_html_(self):
        # The printed form says everything; the diagram is for estimators.
        return f"<code>{self!r}</code>"

    def _hint(self, name):
        # what an error says about a parameter of another library
        ours = ALIASES.get(name, "")
        known = ours and ours.split()[0] in self._get_param_names()
        return f"Here it is {ours}." if known else ""

    def _check(self):
        """Raise ValueError or TypeError for a parameter outside its domain."""
        check_parameters(self, self._allowed)
        return self


def explaining(init):
    """Make `__init__` say more about a parameter that does not exist.

    Parameters
    ----------
    init : callable
        The `__init__` of a class with a method `_hint`, which takes the name of the
        parameter and returns a sentence or an empty text.

    Returns
    -------
    explained : callable
        The same method, whose error ends with the hint.
    """

    @wraps(init)
    def explained(self, *args, **kwargs):
        try:
            init(self, *args, **kwargs)
        except TypeError as error:
            found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
            hint = self._hint(found.group(1)) if found else ""
            if not hint:
                raise
            raise TypeError(f"{error}. {hint}") from None

    return explained


class Allowed:
    """What a parameter may be.

    Parameters
    ----------
    kind : type or tuple of types
        `numbers.Real`, `numbers.Integral`, `bool`, `str`, a class of rules, or
        several.
    ge, gt, le, lt : float, default=None
        Bounds of a number.
    options : tuple, default=()
        Values that are allowed whatever their type.
    """

    _BOUNDS = (
        (">=", "ge", operator.ge),
        (">", "gt", operator.gt),
        ("<=", "le", operator.le),
        ("<", "lt", operator.lt),
    )

    def __init__(self, *kind, ge=None, gt=None, le=None, lt=None, options=()):
        self.kind = kind
        self.options = options
        self.bounds = dict(ge=ge, gt=gt, le=le, lt=lt)

    def _is_kind(self, value):
        if isinstance(value, bool | np.bool_):
            return bool in self.kind
        return isinstance(value, tuple(k for k in self.kind if k is not bool))

    def __contains__(self, value):
        may_be_option = isinstance(value, str | Real | None)
        if may_be_option and not isinstance(value, bool) and value in self.options:
            return True
        if not self._is_kind(value):
            return False
        if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
            return True
        return _is_finite(value) and all(
            test(value, self.bounds[name])
            for _, name, test in self._BOUNDS
            if self.bounds[name] is not None
        )

    def __str__(self):
        names = {Real: "a float", Integral: "an int", bool: "a bool", str: "a str"}
        names[Callable] = "a callable"
        kinds = " or ".join(names.get(k, f"a {k.__name__}") for k in self.kind)
        bounds = " and ".join(
            f"{sign} {self.bounds[name]}"
            for sign, name, _ in self._BOUNDS
            if self.bounds[name] is not None
        )
        said = [f"{kinds} {bounds}".strip()] if kinds else []
        said += [repr(option) for option in self.options]
        return " or ".join(said)


def _is_finite(number):
    try:
        return math.isfinite(number)
    except OverflowError:  # an int or a fraction that is too large for a float
        return False


def is_list(value):
    """Tell whether a parameter has several values, which can be read again and again.

    Parameters
    ----------
    value : object
        What the user passed.

    Returns
    -------
    is_list : bool
        False for a single value, for an iterator and for a sparse array.
    """
    return (
        np.iterable(value)
        and not isinstance(value, Iterator)
        and not sp.issparse(value)
    )


# what is the seed of a generator of random numbers in scikit-learn
RANDOM_STATE = Allowed(
    np.random.RandomState, Integral, ge=0, le=2**32 - 1, options=(None,)
)


class AllowedRising(Allowed):
    """The same for a number, or a list or tuple of several that rise."""

    def __contains__(self, value):
        if not isinstance(value, list | tuple):
            return super().__contains__(value)
        within = super().__contains__
        inside = len(value) > 1 and all(within(number) for number in value)
        return inside and all(a < b for a, b in pairwise(value))

    def __str__(self):
        return f"{super().__str__()}, or a list or tuple of several that rise"


def check_parameters(owner, allowed):
    """Raise for the first parameter of `owner` that is not what is allowed.

    Parameters
    ----------
    owner : object
        Has the parameters as attributes.
    allowed : dict of str to Allowed
        What each may be.

    Raises
    ------
    ValueError
        Names the parameter, what was given and what is allowed.
    """
    for name, domain in allowed.items():
        value = getattr(owner, name)
        if value not in domain:
            raise ValueError(
                f"The {name!r} parameter of {type(owner).__name__} must be {domain}. "
                f"Got {value!r} instead."
            )


def with_rule_objects(owner, params, rules):
    """Parameters to set, with a rule object where a part of a named rule is set.

    Parameters
    ----------
    owner : object
        Has the parameters as attributes.
    params : dict
        What `set_params` was given, such as ``optimizer__beta_1``.
    rules : dict of str to tuple
        Registry and base class of each parameter that is a rule.

    Returns
    -------
    params : dict
        With ``optimizer`` in it if that is a name so far.

    Raises
    ------
    ValueError
        If the rule has no such parameter. If another rule has it, the error names it.
    """
    for key, setting in list(params.items()):
        name, nested, part = key.partition("__")
        if not nested:
            continue
        if name not in rules:
            _check_has_parts(owner, params, name, key)
            continue
        registry, base = rules[name]
        value = rule = params.get(name, getattr(owner, name, None))
        if isinstance(value, str) and (value != "auto" or "auto" in registry):
            rule = resolve_rule(value, registry, base, name, type(owner).__name__)
            params = {**params, name: rule}
        _check_has_parameter(name, value, rule, part, setting, registry)
    return params


def _check_has_parts(owner, params, name, key):
    # raise an error for `alpha__x`, because a number has no parameters
    value = params.get(name, getattr(owner, name, None))
    if name in owner.get_params(deep=False) and not hasattr(value, "set_params"):
        raise ValueError(
            f"The {name!r} parameter of {type(owner).__name__} is {value!r}, which has "
            f"no parameters of its own. Got {key!r}."
        )


def _check_has_parameter(name, value, rule, part, setting, registry):
    # raise an error if the rule does not have the parameter; it names a rule that does
    part, deeper, _ = part.partition("__")
    is_rule = hasattr(rule, "get_params")
    if is_rule and part in rule.get_params(deep=False):
        return
    others = [kind for kind in registry.values() if part in kind._get_param_names()]
    if is_rule and not others:
        return  # scikit-learn raises an error that lists the parameters
    advice = ""
    if others:
        example = f"{others[0].__name__}({part}={'...' if deeper else repr(setting)})"
        advice = f" Set {name} too, for example {name}={example}."
    raise ValueError(f"{name}={value!r} has no parameter {part!r}.{advice}")


def resolve_rule(value, registry, base, name, owner, also=""):
    """The rule object that a parameter stands for.

    Parameters
    ----------
    value : str or Rule
        A name in `registry`, for that rule with its defaults, or an instance.
    registry : dict of str to type
        The rules by name.
    base : type or tuple of type
        The class that instances must have.
    name, owner : str
        The parameter's and the estimator's name, for the error.
    also : str, default=""
        What else is allowed, for the error.

    Returns
    -------
    rule : Rule
        The instance, checked.
    """
    if isinstance(value, str) and value in registry:
        return registry[value]()._check()
    if isinstance(value, base):
        return value._check()
    module = next(iter(registry.values())).__module__
    raise ValueError(
        f"The {name!r} parameter of {owner} must be one of {sorted(registry)} or an "
        f"instance of one of their classes in {module}{also}. Got {value!r} instead."
    )
