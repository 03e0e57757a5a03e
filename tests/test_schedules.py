"""The schedules against their oracles, and where they begin and end."""

import math

import numpy as np
import oracles
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skgd import GDRegressor, minimize
from skgd._rules.schedule import learning_rates
from skgd.schedules import (
    SCHEDULES,
    Adaptive,
    Constant,
    Cosine,
    Exponential,
    InverseScaling,
    Linear,
    OneCycle,
    Schedule,
    StepDecay,
    Warmup,
)

RULES = {
    **{name: rule() for name, rule in SCHEDULES.items()},
    "invscaling-1": InverseScaling(power_t=1.0),
    "invscaling-0": InverseScaling(power_t=0.0),
    "adaptive-0.5": Adaptive(factor=0.5, min_rate=0.0),
    "exponential-7": Exponential(decay=0.3, period=7),
    "step-7": StepDecay(decay=0.3, period=7),
    "cosine-own-end": Cosine(final=0.1, n_steps=60),
    "one_cycle-own-end": OneCycle(warmup=0.25, start=0.2, final=0.1, n_steps=60),
    "one_cycle-late": OneCycle(warmup=0.9, start=0.0, final=0.0),
    "linear-own-end": Linear(final=0.1, n_steps=60),
    "linear-hold": Linear(final=0.1, hold=0.75),
    "warmup-linear": Warmup(7, start=0.3, then=Linear(final=0.2)),
    "warmup-adaptive": Warmup(50, start=1.0, then="adaptive"),
}
ENDING = ["linear", "cosine", "one_cycle"]
ENDING += [f"{name}-own-end" for name in ENDING]
RISING = {name for name in RULES if name.startswith(("one_cycle", "warmup"))}


def oracle_of(rule):
    name = next(name for name, kind in SCHEDULES.items() if type(rule) is kind)
    return oracles.SCHEDULES[name]


def test_every_schedule_has_an_oracle():
    assert set(oracles.SCHEDULES) == set(SCHEDULES)
    assert {type(rule) for rule in RULES.values()} == set(SCHEDULES.values())


@pytest.mark.parametrize("n_plateaus", [0, 1, 5])
@pytest.mark.parametrize("n_steps", [1, 2, 100, 1000])
@pytest.mark.parametrize("name", RULES)
def test_factor_is_the_oracles(name, n_steps, n_plateaus):
    rule = RULES[name]
    steps = np.arange(120)
    factor = rule(steps, n_steps, n_plateaus)
    oracle = oracle_of(rule)
    expected = [oracle(rule, t, n_steps, n_plateaus) for t in steps.tolist()]
    assert_allclose(factor, expected, rtol=1e-13, atol=1e-15)
    assert factor.dtype == np.float64
    assert (factor >= 0).all()
    assert (factor <= 1).all()


@pytest.mark.parametrize("name", RULES)
def test_many_steps_at_once_are_single_steps(name):
    rule = RULES[name]
    steps = np.array([[0, 1, 2], [30, 99, 5000]])
    factor = rule(steps, 100, 2)
    assert factor.shape == (2, 3)
    for at in np.ndindex(2, 3):
        single = rule(int(steps[at]), 100, 2)
        assert single.shape == ()
        # NumPy's vector loops may differ from its scalar ones in the last digit.
        assert_allclose(factor[at], single, rtol=1e-15, atol=1e-16)


@pytest.mark.parametrize("name", RULES)
def test_steps_may_be_fractions(name):
    # Whoever counts in epochs passes parts of one.
    rule = RULES[name]
    steps = np.linspace(0, 150, 601)
    oracle = oracle_of(rule)
    expected = [oracle(rule, t, 100, 1) for t in steps.tolist()]
    assert_allclose(rule(steps, 100, 1), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", RULES)
def test_a_schedule_is_a_pure_function(name):
    rule = RULES[name]
    steps = np.arange(50)
    first = rule(steps, 100, 1)
    rule([77], 5, 3)
    assert_array_equal(rule(steps, 100, 1), first)
    assert_array_equal(steps, np.arange(50))
    assert_array_equal(rule(list(range(50)), 100, 1), first)


@pytest.mark.parametrize("name", sorted(set(RULES) - {"one_cycle-late"}))
def test_first_and_last_factor(name):
    rule = RULES[name]
    start = rule.start if isinstance(rule, OneCycle | Warmup) else 1.0
    assert_allclose(rule(0, 100), start, rtol=1e-15)
    if name in ENDING:
        end = 100 if rule.n_steps is None else rule.n_steps
        after = rule([end, end + 1, 10 * end], 100)
        assert_allclose(after, rule.final, rtol=1e-10, atol=1e-16)
        assert rule(end - 1, 100) > rule.final


@pytest.mark.parametrize("name", ["cosine", "linear", "one_cycle"])
def test_own_number_of_steps_comes_first(name):
    kind = SCHEDULES[name]
    steps = np.arange(60)
    own = kind(n_steps=40)
    assert_array_equal(own(steps, n_steps=1000), kind()(steps, n_steps=40))
    assert_array_equal(own(steps), own(steps, n_steps=1000))


@pytest.mark.parametrize("name", ["cosine", "linear", "one_cycle", "warmup"])
def test_an_ending_schedule_needs_its_end(name):
    with pytest.raises(ValueError, match="needs the number of steps: set its n_steps"):
        SCHEDULES[name]()([0, 1])


@pytest.mark.parametrize("name", sorted(set(SCHEDULES) - {*ENDING, "warmup"}))
def test_other_schedules_do_not(name):
    rule = SCHEDULES[name]()
    assert_array_equal(rule([0, 1, 7]), rule([0, 1, 7], n_steps=3))


@pytest.mark.parametrize("name", sorted(set(RULES) - RISING))
def test_schedules_of_one_direction_never_rise(name):
    factor = RULES[name](np.arange(200), 100)
    assert (np.diff(factor) <= 0).all()


def test_one_cycle_of_a_tiny_warmup():
    # (a warning would be an error: it was an overflow)
    with np.errstate(all="raise", under="ignore"):
        factor = OneCycle(warmup=5e-324, final=0.0)([0, 1, 2], n_steps=2)
    assert_allclose(factor, [0.04, 0.5, 0.0], atol=1e-15)


def test_one_cycle_rises_to_one_and_falls():
    factor = OneCycle(warmup=0.3)(np.arange(101), 100)
    assert factor.argmax() == 30
    assert factor[30] == 1
    assert (np.diff(factor[:31]) > 0).all()
    assert (np.diff(factor[30:]) < 0).all()


def one_cycle_of_pytorch(step, total_steps, pct_start, div_factor, final_div_factor):
    """OneCycleLR with max_lr 1, anneal_strategy 'cos' and two phases."""
    initial = 1 / div_factor
    least = initial / final_div_factor
    peak_step, last_step = pct_start * total_steps - 1, total_steps - 1

    def anneal(start, end, share):
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)

    if step <= peak_step:
        return anneal(initial, 1.0, step / peak_step)
    return anneal(1.0, least, (step - peak_step) / (last_step - peak_step))


@pytest.mark.parametrize("n_steps", [10, 99, 1000])
@pytest.mark.parametrize("warmup", [0.1, 0.3, 0.77])
def test_one_cycle_is_pytorchs(warmup, n_steps):
    # PyTorch's steps end at total_steps - 1 and turn at pct_start * total_steps - 1.
    total = n_steps + 1
    pct_start = (warmup * n_steps + 1) / total
    expected = [
        one_cycle_of_pytorch(t, total, pct_start, 25.0, 1e4) for t in range(total)
    ]
    factor = OneCycle(warmup=warmup)(np.arange(total), n_steps)
    assert_allclose(factor, expected, rtol=1e-9, atol=1e-15)


def test_warmup_then_cosine():
    # a tenth of the way up, the rest down, without a jump between
    rule = Warmup(10, then=Cosine(final=0.2))
    factor = rule(np.arange(101), 100)
    assert_allclose(factor[:11], np.arange(11) / 10, rtol=1e-15)
    assert_allclose(factor[10:], Cosine(final=0.2)(np.arange(91), 90), rtol=1e-15)
    assert factor.argmax() == 10


def test_warmup_is_set_and_refused_with_what_follows():
    rule = Warmup().set_params(then__final=0.5, n_steps=3)
    assert rule == Warmup(3, then=Cosine(final=0.5))
    assert rule.set_params(then="step", then__period=4).then == StepDecay(period=4)
    nested = Warmup(2, then=Warmup(3, start=1.0, then="linear"))
    assert_allclose(nested(np.arange(8), 9)[[0, 1, 2, 4, 5, 7]], [0, 0.5, 1, 1, 1, 0.5])
    for wrong in ("nonsense", 3, None, Cosine):
        with pytest.raises(ValueError, match="'then' parameter of Warmup must be"):
            Warmup(then=wrong)._check()
    with pytest.raises(ValueError, match="'final' parameter of Cosine must be"):
        Warmup(then=Cosine(final=2.0))._check()


def test_adaptive_lowers_the_rate_behind_a_warmup_too():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((80, 3))
    y = X @ [1.0, 2.0, 3.0]
    rule = Warmup(4, then=Adaptive(factor=0.5, min_rate=0.01))
    model = GDRegressor(
        learning_rate=rule, learning_rate_init=0.1, optimizer="sgd", random_state=0
    ).fit(X, y)
    assert model.learning_rate_ <= 0.01
    assert model.n_iter_ < 1000


def one_rate(schedule):
    return learning_rates("rate", schedule, 0.1, np.arange(3), 10)


def test_learning_rates_of_a_function():
    assert_array_equal(one_rate(lambda step: 1 / (1 + step)), [1, 1 / 2, 1 / 3])
    assert_allclose(one_rate(Linear()), [0.1, 0.09, 0.08])
    for wrong in (lambda step: -1.0, lambda step: np.inf, lambda step: None):
        with pytest.raises(ValueError, match="'rate' callable must"):
            one_rate(wrong)
    with pytest.raises(ValueError, match="must take the number of updates.*argument"):
        one_rate(lambda: 0.1)
    assert_array_equal(one_rate(lambda step: 0.0), [0, 0, 0])
    assert_array_equal(
        learning_rates("rate", Adaptive(), 2.0, np.arange(2), 10), [2, 2]
    )


class Own(Schedule):
    def __init__(self, value=None):
        self.value = value

    def _factor(self, step, n_steps, n_plateaus):
        return self.value(step)


class Uncommon(Own):
    # as a class that replaces more than `_factor`
    def __call__(self, step, n_steps=None, n_plateaus=0):
        return self.value(np.asarray(step))


class OwnSteady(Constant):
    def __init__(self, value=None):
        self.value = value

    def _steady(self, n_plateaus):
        return self.value(np.zeros(1))[0]


WRONG = {
    "negative": (lambda t: np.full_like(t, -1, float), r"finite .* >= 0. Got -1.0 at"),
    "nan": (lambda t: np.full_like(t, np.nan, float), "finite .* >= 0. Got nan at"),
    "inf": (lambda t: np.full_like(t, np.inf, float), "finite .* >= 0. Got inf at"),
    "overflow": (lambda t: np.full_like(t, 1.7e308, float), r"Got 1.7e\+308 at"),
    "later": (lambda t: 2.0 - t, "Got -1.0 at step 3"),
    "a number": (lambda t: 0.5, r"one factor for each step.* Got the shape \(\)"),
    "shape": (lambda t: np.ones((2, 3)), r"Got the shape \(2, 3\)"),
    "text": (lambda t: "fast", "must return numbers .*could not convert"),
    "nothing": (lambda t: None, "must return"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [Own, Uncommon])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_schedule_of_the_user_is_checked(wrong, kind):
    value, message = WRONG[wrong]
    X = np.random.RandomState(0).standard_normal((60, 3))
    options = dict(solver="minibatch", batch_size=10, learning_rate_init=2.0)
    # (a warm-up repeats a number for all steps)
    after = [] if wrong == "a number" else [Warmup(1, start=1.0, then=Own(value))]
    for schedule in (kind(value), *after):
        reg = GDRegressor(learning_rate=schedule, **options)
        with pytest.raises(ValueError, match="(?s)'learning_rate' schedule .*must ret"):
            reg.fit(X, X[:, 0])
        assert not hasattr(reg, "coef_")
        with pytest.raises(ValueError, match="(?s)'rate' schedule .*must return"):
            learning_rates("rate", schedule, 2.0, np.arange(9), 10)
    with pytest.raises(ValueError, match=message):
        GDRegressor(learning_rate=kind(value), **options).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="(?s)'schedule' schedule .*must return"):
        minimize(lambda x: (x**2).sum(), [1.0], schedule=kind(value), learning_rate=2.0)


@pytest.mark.parametrize("wrong", ["negative", "nan", "inf"])
def test_a_steady_schedule_of_the_user_is_checked(wrong):
    value, message = WRONG[wrong]
    with pytest.raises(ValueError, match=message):
        learning_rates("rate", OwnSteady(value), 1.0, np.arange(3), 10)


FACTOR, STEPS = "a float >= 0 and <= 1", "an int >= 1 or None"
DOMAINS = {
    "constant": {},
    "invscaling": {"power_t": "a float >= 0"},
    "adaptive": {"factor": "a float > 0 and < 1", "min_rate": "a float >= 0"},
    "exponential": {"decay": "a float > 0 and <= 1", "period": "an int >= 1"},
    "step": {"decay": "a float > 0 and <= 1", "period": "an int >= 1"},
    "linear": {"final": FACTOR, "n_steps": STEPS, "hold": "a float >= 0 and < 1"},
    "cosine": {"final": FACTOR, "n_steps": STEPS},
    "one_cycle": {
        "warmup": "a float > 0 and < 1",
        "start": FACTOR,
        "final": FACTOR,
        "n_steps": STEPS,
    },
    "warmup": {
        "n_steps": "an int >= 1",
        "start": FACTOR,
        "then": "a str or a Schedule",
    },
}


def test_domains_of_the_parameters():
    # (the tests of all rules derive what they try from the domains)
    found = {
        name: {key: str(allowed) for key, allowed in kind._allowed.items()}
        for name, kind in SCHEDULES.items()
    }
    assert found == DOMAINS


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_step_is_not_negative(name):
    for step in (-1, [0, -1], [[3, np.nan]]):
        with pytest.raises(ValueError, match=r"step must be >= 0, .* Got (-1|nan)\."):
            SCHEDULES[name]()(step, 10)
    for options in ({"n_steps": -1}, {"n_steps": 10, "n_plateaus": -1}):
        with pytest.raises(ValueError, match="must be finite and >= 0. Got -1"):
            SCHEDULES[name]()(0, **options)


@pytest.mark.parametrize(
    ("schedule", "name"),
    [
        (Exponential(-1, 1), "decay"),
        (StepDecay(period=0), "period"),
        (Linear(hold=1), "hold"),
        (Cosine(final=np.nan), "final"),
        (OneCycle(warmup=0), "warmup"),
        (Adaptive(-2), "factor"),
        (InverseScaling(-1), "power_t"),
        (Warmup(0), "n_steps"),
        (Warmup(then=Linear(final=-1)), "final"),
    ],
    ids=str,
)
def test_a_schedule_alone_checks_its_parameters(schedule, name):
    with pytest.raises(ValueError, match=f"The {name!r} parameter"):
        schedule([0, 1, 7], 10, 3)


@pytest.mark.parametrize("name", SCHEDULES)
def test_numbers_that_are_no_counts(name):
    schedule = SCHEDULES[name]()
    for step in (10**400, "a", None):
        with pytest.raises(ValueError, match="^step must be"):
            schedule(step, 10)
    for wrong in (10**400, np.nan, np.inf, "a"):
        with pytest.raises(ValueError, match="^n_steps must be finite and >= 0"):
            schedule(0, wrong)
        with pytest.raises(ValueError, match="^n_plateaus must be finite and >= 0"):
            schedule(0, 10, wrong)


@pytest.mark.parametrize("then", [OneCycle(5e-324, 0, 0), Constant(), Linear()])
def test_the_ends_of_the_domains_without_warnings_of_numpy(then):
    for schedule in (then, Warmup(1, 1, then), Warmup(10**300, 0, then)):
        with np.errstate(all="raise", under="ignore"):
            factor = schedule([0, 1, 1e300, np.inf], 100)
        assert (factor >= 0).all()
        assert (factor <= 1).all()


def test_a_warmup_calls_a_schedule_that_replaces_the_call():
    own = Uncommon(lambda step: np.full(step.shape, 0.5))
    assert_array_equal(Warmup(2, then=own)([0, 1, 2, 9]), [0, 0.5, 0.5, 0.5])


def test_a_plateau_during_a_warmup_counts_for_nothing():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((80, 3))
    y = X @ [1.0, 2.0, 3.0]
    options = dict(solver="batch", optimizer="sgd", random_state=0)
    slow = GDRegressor(
        learning_rate=Warmup(300, then="constant"), learning_rate_init=0.1, **options
    ).fit(X, y)
    assert slow.n_iter_ > 300
    assert slow.score(X, y) > 0.99
    held = Warmup(400, start=1.0, then="adaptive")
    model = GDRegressor(learning_rate=held, learning_rate_init=0.1, **options)
    model.fit(X, y)
    assert model.n_iter_ > 400
    assert 1e-7 < model.learning_rate_ <= 1e-6  # one step below min_rate
    nested = Warmup(3, then=Warmup(4))
    assert nested._warming == 7


class OwnFactor(Adaptive):
    def _factor(self, step, n_steps, n_plateaus):
        return 1 / (1 + step)


class OwnCall(Constant):
    def __call__(self, step, n_steps=None, n_plateaus=0):
        return 1 / (1 + np.asarray(step, dtype=np.float64))


@pytest.mark.parametrize("schedule", [OwnFactor(), OwnCall()], ids=repr)
def test_training_takes_what_a_subclass_says(schedule):
    steps = np.arange(4)
    rates = learning_rates("learning_rate", schedule, 0.5, steps, 10)
    assert_allclose(rates, 0.5 / (1 + steps), rtol=1e-15)
    X, Y = np.arange(12.0).reshape(6, 2), np.arange(6.0)
    model = GDRegressor(learning_rate=schedule, learning_rate_init=0.01, batch_size=2)
    model.set_params(max_iter=1, tol=None).fit(X, Y)
    assert_allclose(model.learning_rate_, 0.01 / 3, rtol=1e-12)


def test_a_schedule_needs_a_factor():
    with pytest.raises(NotImplementedError, match="Nothing needs a method _factor"):
        type("Nothing", (Schedule,), {})()([0, 1])


def test_only_a_schedule_over_the_whole_training_ends_with_it():
    for name in ("cosine", "linear", "one_cycle"):
        assert SCHEDULES[name]()._has_end
        assert not SCHEDULES[name](n_steps=5)._has_end
    assert Warmup(3)._has_end
    assert not Warmup(3, then="constant")._has_end
