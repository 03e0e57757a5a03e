"""What all rules share, over the registries."""

import ast
import copy
import math
import pickle
import re
from inspect import getdoc, signature
from numbers import Integral, Real

import numpy as np
import pytest
from sklearn.base import clone

from skgd import (
    activations,
    averaging,
    initializers,
    line_search,
    losses,
    optimizers,
    schedules,
)
from skgd._rules.numbers import plain_number
from skgd._rules.rule import (
    RANDOM_STATE,
    Allowed,
    AllowedRising,
    Rule,
    resolve_rule,
)
from skgd.activations import ACTIVATIONS, Activation
from skgd.averaging import AVERAGES, Averaging
from skgd.initializers import INITIALIZERS, Initializer
from skgd.line_search import LineSearch
from skgd.losses import LOSSES, Huber, Loss, Quantile
from skgd.optimizers import LBFGS, OPTIMIZERS, SGD, Adam, Momentum, Optimizer, RMSprop
from skgd.schedules import SCHEDULES, Schedule, StepDecay

REGISTRIES = {
    "optimizers": (OPTIMIZERS, Optimizer, optimizers),
    "losses": (LOSSES, Loss, losses),
    "activations": (ACTIVATIONS, Activation, activations),
    "schedules": (SCHEDULES, Schedule, schedules),
    "initializers": (INITIALIZERS, Initializer, initializers),
    "averages": (AVERAGES, Averaging, averaging),
    "quasi-Newton": ({"lbfgs": LBFGS}, LBFGS, optimizers),
    "line searches": ({"armijo": LineSearch}, LineSearch, line_search),
}
KINDS = {
    f"{family}-{name}": kind
    for family, (registry, _, _) in REGISTRIES.items()
    for name, kind in registry.items()
}
PARAMETERS = [(key, name) for key in KINDS for name in KINDS[key]._allowed]

# values of which most parameters may have the first
VALUES = (0.25, 7, 1.5, True, "linear")


def other_value(kind, name):
    """A value of a parameter that is not its default."""
    allowed, default = kind._allowed[name], getattr(kind(), name)
    values = (*VALUES, *(v for v in allowed.options if v is not None))
    return next(value for value in values if value in allowed and value != default)


def others(kind):
    """Another value for each parameter."""
    return {name: other_value(kind, name) for name in kind._allowed}


def holds(key, name, kind):
    """Whether a parameter may be of a kind, such as `bool`."""
    return kind in KINDS[key]._allowed[name].kind


def is_name(key, name):
    allowed = KINDS[key]._allowed[name]
    return not allowed.kind or str in allowed.kind


def bad_values(key, name):
    """Values outside of the domain of a parameter."""
    allowed = KINDS[key]._allowed[name]
    if holds(key, name, bool):
        return [0, 1, None, "yes", 0.5]
    if is_name(key, name):
        return [0, 1.0, None, ["linear"], Adam()]
    bad = [math.nan, math.inf, "0.5", True, np.bool_(True)]
    bad += [[0.5], np.array([0.5]), 1j]
    bad += [] if None in allowed.options else [None]
    bad += [0.5] if holds(key, name, Integral) else []
    beyond = {"ge": (-0.5, -1), "gt": (0, -1), "le": (0.5, 1), "lt": (0, 0.5)}
    for side, steps in beyond.items():
        if (bound := allowed.bounds[side]) is not None:
            outside = [bound + step for step in steps] + [float(bound + steps[0])]
            bad += [value for value in outside if value not in allowed.options]
    if isinstance(allowed, AllowedRising):
        bad += [[], [0.5, 0.5], [0.9, 0.1], (0.1, 1.0), [0.1, "0.5"], [0.1, [0.5, 0.9]]]
    return bad


BAD = [
    pytest.param(key, name, value, id=f"{key}-{name}-{value!r}")
    for key, name in PARAMETERS
    for value in bad_values(key, name)
]


@pytest.mark.parametrize("family", REGISTRIES)
def test_registry_is_complete(family):
    registry, base, module = REGISTRIES[family]
    rules = {
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__ == module.__name__  # not a base from below
    }
    rules -= {base} - {LineSearch, LBFGS}
    assert set(registry.values()) == rules
    assert len(registry) == len(rules)
    assert {kind.__name__ for kind in rules} <= set(module.__all__)


@pytest.mark.parametrize("key", KINDS)
def test_parameters_and_their_domains_are_the_same_names(key):
    rule = KINDS[key]()
    assert set(rule.get_params()) == set(rule._allowed)
    assert isinstance(rule, Rule)
    assert rule._check() is rule


@pytest.mark.parametrize("key", KINDS)
def test_get_and_set_params_round_trip(key):
    rule = KINDS[key]()
    other = others(KINDS[key])
    assert rule.set_params(**other) is rule
    assert rule.get_params() == other
    assert rule._check() is rule
    assert KINDS[key](**other).get_params() == other
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense'"):
        rule.set_params(nonsense=1)


@pytest.mark.parametrize("key", KINDS)
@pytest.mark.parametrize(
    "copied", [clone, copy.copy, copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))]
)
def test_copies_are_equal_and_their_own(key, copied):
    kind = KINDS[key]
    rule = kind(**others(kind))
    twin = copied(rule)
    assert twin is not rule
    assert type(twin) is kind
    assert twin == rule
    assert twin.get_params() == rule.get_params()
    for name in kind._allowed:
        twin.set_params(**{name: kind().get_params()[name]})
        assert rule.get_params()[name] == other_value(kind, name)


@pytest.mark.parametrize(("key", "name"), PARAMETERS)
def test_rules_with_another_parameter_differ(key, name):
    rule, other = KINDS[key](), KINDS[key](**{name: other_value(KINDS[key], name)})
    assert (rule == other, rule != other) == (False, True)
    twin = KINDS[key]()
    assert (rule == twin, rule != twin) == (True, False)


@pytest.mark.parametrize("key", KINDS)
def test_rules_of_other_classes_differ(key):
    rule = KINDS[key]()
    assert [other for other in KINDS if KINDS[other]() == rule] == [key]
    for stranger in (None, 0, "adam", rule.get_params(), object()):
        assert rule != stranger
    with pytest.raises(TypeError, match="unhashable"):
        hash(rule)


@pytest.mark.parametrize("key", KINDS)
def test_printed_form_is_its_construction(key):
    kind = KINDS[key]
    assert repr(kind()) == f"{kind.__name__}()"
    rule = kind(**others(kind))
    assert eval(repr(rule), {kind.__name__: kind}) == rule
    assert rule._repr_html_() == f"<code>{rule!r}</code>"


@pytest.mark.parametrize(("key", "name", "value"), BAD)
def test_bad_value_is_named_with_what_is_allowed(key, name, value):
    kind = KINDS[key]
    rule = kind(**{name: value})  # as in scikit-learn, only use checks
    allowed = re.escape(str(kind._allowed[name]))
    given = re.escape(repr(plain_number(value)))
    match = (
        rf"^The '{name}' parameter of {kind.__name__} must be {allowed}. Got {given} "
    )
    with pytest.raises(ValueError, match=match):
        rule._check()


@pytest.mark.parametrize(("key", "name"), PARAMETERS)
def test_numbers_of_numpy_are_numbers(key, name):
    value = other_value(KINDS[key], name)
    types = [str] if is_name(key, name) else [np.float32, np.float64]
    if holds(key, name, bool):
        types = [np.bool_]
    elif holds(key, name, Integral):
        types = [np.int32, np.int64]
    for kind in types:
        assert KINDS[key](**{name: kind(value)})._check()


@pytest.mark.parametrize("key", KINDS)
def test_docstring_names_every_parameter(key):
    for name in KINDS[key]._allowed:
        assert re.search(rf"^{name} : ", getdoc(KINDS[key]), re.M), name


@pytest.mark.parametrize("key", KINDS)
def test_docstring_tells_the_defaults(key):
    for name, value in KINDS[key]().get_params(deep=False).items():
        told = re.search(rf"^{name} : .*default=(.*)$", getdoc(KINDS[key]), re.M)
        assert told is not None, name
        assert ast.literal_eval(told.group(1)) == value, name


@pytest.mark.parametrize("key", [k for k in KINDS if k.startswith("opt")])
@pytest.mark.parametrize("l1", [0.0, 0.1])
def test_hyperparameters_do_not_change_by_making_a_kernel(key, l1):
    rule = KINDS[key](**others(KINDS[key]))
    before = rule.get_params()
    kernel = rule._kernel(l1)
    assert rule.get_params() == before
    assert 0 <= kernel.n_slots <= 3


# ---------------------------------------------------------------- resolve_rule
@pytest.mark.parametrize("family", REGISTRIES)
def test_a_name_is_the_rule_with_its_defaults(family):
    registry, base, _ = REGISTRIES[family]
    for name, kind in registry.items():
        assert resolve_rule(name, registry, base, "rule", "Owner") == kind()
        rule = kind(**others(kind))
        assert resolve_rule(rule, registry, base, "rule", "Owner") is rule


@pytest.mark.parametrize("value", ["nonsense", 3, None, Adam, ["adam"], StepDecay()])
def test_what_is_no_rule_is_refused(value):
    match = (
        r"^The 'optimizer' parameter of Owner must be one of "
        rf"{re.escape(str(sorted(OPTIMIZERS)))} or an instance of .*"
        rf"\. Got {re.escape(repr(value))} instead\.$"
    )
    with pytest.raises(ValueError, match=match):
        resolve_rule(value, OPTIMIZERS, Optimizer, "optimizer", "Owner")


@pytest.mark.parametrize("rule", [Huber(epsilon=0), Quantile(quantile=1.0)])
def test_a_rule_is_checked_when_it_is_resolved(rule):
    with pytest.raises(ValueError, match="parameter of (Huber|Quantile) must be"):
        resolve_rule(rule, LOSSES, Loss, "loss", "Owner")


@pytest.mark.parametrize(
    ("kind", "given", "ours"),
    [
        (Adam, {"lr": 0.1}, "learning_rate"),
        (Adam, {"beta_1": 0.5, "betas": (0.9, 0.99)}, "beta_1 and beta_2"),
        (RMSprop, {"eps": 1e-8}, "epsilon"),
        (Huber, {"eps": 2.0}, "epsilon"),
    ],
)
def test_names_of_other_libraries_are_explained(kind, given, ours):
    alias = list(given)[-1]
    with pytest.raises(TypeError, match=f"argument '{alias}'. Here it is {ours}.$"):
        kind(**given)


@pytest.mark.parametrize(
    ("kind", "given"), [(SGD, {"eps": 1}), (Adam, {"momentum": 1}), (Huber, {"lr": 1})]
)
def test_other_arguments_stay_unexpected(kind, given):
    with pytest.raises(TypeError, match=f"keyword argument '{next(iter(given))}'$"):
        kind(**given)
    assert "learning_rate" in signature(Adam).parameters


@pytest.mark.parametrize("quantile", [[0.1, 0.5], (0.1, 0.5), [np.float32(0.1), 0.9]])
def test_several_quantiles_are_allowed(quantile):
    rule = Quantile(quantile)
    assert rule._check().n_levels == 2
    assert clone(rule) == rule != Quantile(0.1)
    assert rule.quantile is quantile
    assert Quantile(0.1).n_levels == 1


# ---------------------------------------------------------------- Allowed
def test_allowed_in_words():
    rate = Adam._allowed["learning_rate"]
    assert str(rate) == "a float > 0 or None"
    assert str(Momentum._allowed["momentum"]) == "a float >= 0 and < 1"
    assert str(Momentum._allowed["nesterov"]) == "a bool"
    assert str(Allowed(options=("a", None))) == "'a' or None"
    assert str(Allowed(Integral, str, le=3)) == "an int or a str <= 3"


def test_allowed_options_are_not_numbers_that_compare_equal():
    domain = Allowed(options=("auto", None))
    assert "auto" in domain
    assert None in domain
    for value in (0, 1, False, "Auto", np.array(["auto"])):
        assert value not in domain
    number = Allowed(Real, ge=1, le=3, options=(0,))
    assert str(number) == "a float >= 1 and <= 3 or 0"
    for value in (0, 0.0, np.float32(0), np.int64(0), 1, 2.5, 3):
        assert value in number
    for value in (False, np.bool_(False), -1, 0.5, 3.5, math.nan, "0", None, [0]):
        assert value not in number
    assert math.inf in Allowed(Integral, ge=1, options=(math.inf,))
    assert math.inf not in Allowed(Integral, ge=1)


def test_seeds_are_those_of_numpy():
    for seed in (None, 0, 2**32 - 1, np.uint32(7), np.random.RandomState(0)):
        assert seed in RANDOM_STATE
    for wrong in (-1, 2**32, 1.0, "0", True, np.random.default_rng(0)):
        assert wrong not in RANDOM_STATE


def test_numbers_that_are_too_large_for_a_float_are_not_finite():
    assert 10**300 in Allowed(Real, ge=0)
    assert 10**400 not in Allowed(Real, ge=0)
