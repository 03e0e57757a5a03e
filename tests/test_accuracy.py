"""Digits of linear regressions that are solved exactly, and counts of long runs."""

from fractions import Fraction
from math import fsum

import numpy as np
import pytest
import strd
from helpers import Trainer, bind, linear
from numpy.testing import assert_allclose, assert_array_equal

from skgd import GDRegressor
from skgd.averaging import ASGD
from skgd.optimizers import SGD
from skgd.schedules import Cosine, Exponential, InverseScaling, Linear, OneCycle

# The digits that L-BFGS reaches, at least, with twelve orders of the rows, less one for
# other processors. Filip's and Wampler's polynomials have condition numbers up to 1e15
# (of the features as they are), so that the last bits of a sum change several digits:
# Filip 4.5 to 7.5, Wampler5 4.2 to 7.4, and the others by less than two.
BY_DEFAULT = {
    **{"Norris": 11.5, "Pontius": 11.5, "NoInt1": 13, "NoInt2": 13, "Longley": 12.5},
    **{"Wampler1": 7.4, "Wampler2": 10.5, "Wampler3": 7.4, "Wampler4": 6.5},
}
TO_THE_END = BY_DEFAULT | {"Filip": 3.5, "Wampler5": 3.2}


@pytest.mark.parametrize("name", strd.PROBLEMS)
def test_data_and_certified_values_agree(name):
    certified = [float(word) for word in strd.CERTIFIED[name].split()]
    # NIST prints 15 digits
    assert strd.digits(certified, strd.PROBLEMS[name].solve()) > 14


@pytest.mark.parametrize("name", BY_DEFAULT)
def test_digits_without_a_penalty(name):
    model = GDRegressor(penalty=None)
    assert strd.digits_of(model, strd.PROBLEMS[name]) > BY_DEFAULT[name]


@pytest.mark.parametrize("name", TO_THE_END)
def test_digits_to_the_end(name):
    model = GDRegressor(penalty=None, optimizer="lbfgs", tol=0.0, max_iter=10_000)
    assert strd.digits_of(model, strd.PROBLEMS[name]) > TO_THE_END[name]


# ---------------------------------------------------------------- long runs
MILLION = 10**6


def test_a_million_updates_are_counted_and_averaged_exactly():
    # The gradient of |z - y| is 1 or -1, and the rate is a power of two: all weights
    # are multiples of it, and so is their sum.
    X, y = np.ones((MILLION, 1)), np.where(np.arange(MILLION) % 3, 1e9, -1e9)
    model = GDRegressor(
        "absolute_error",
        penalty=None,
        solver="sgd",
        optimizer="sgd",
        learning_rate="constant",
        learning_rate_init=2.0**-10,
        fit_intercept=False,
        standardize=False,
        shuffle=False,
        max_iter=1,
        tol=None,
        average=True,
    ).fit(X, y)
    path = np.cumsum(np.where(y > 0, 1, -1))
    exact = Fraction(int(path.sum()), MILLION * 2**10)
    assert model.t_ == MILLION + 1
    assert model._state.step == MILLION
    assert_array_equal(model._state.theta, path[-1] / 2**10)
    # (the mean is updated a million times, with a rounding error of 1e-16 each)
    assert_allclose(model.coef_, float(exact), rtol=1e-10)


def test_a_million_updates_in_many_epochs():
    X = np.ones((1000, 1))
    bound = bind(linear(1, fit_intercept=False), [1.0], X, X * 0, batch_size=1)
    trainer = Trainer(bound, SGD(), average=ASGD())
    for _ in range(MILLION // 1000):
        trainer.epoch(np.full(1000, 2.0**-20))
    assert trainer.state.n_seen == trainer.state.n_averaged == MILLION
    # (1 - r)^t, and the mean of these powers
    rate = Fraction(1, 2**20)
    power = np.exp(MILLION * np.log1p(-float(rate)))
    assert_allclose(bound.theta, power, rtol=1e-9)
    mean = (1 - power) * (1 - float(rate)) / (MILLION * float(rate))
    assert_allclose(trainer.state.average, mean, rtol=1e-9)


@pytest.mark.parametrize(
    ("rule", "exact"),
    [
        (InverseScaling(power_t=1), lambda t: Fraction(1, t + 1)),
        (Linear(final=0.5), lambda t: 1 - Fraction(t, 2 * MILLION)),
        (Exponential(decay=0.5, period=1), lambda t: Fraction(1, 2) ** t),
    ],
    ids=["invscaling", "linear", "exponential"],
)
def test_schedules_at_the_end_of_a_million_steps(rule, exact):
    steps = np.array([0, 1, 1000, 500_000, MILLION - 1, MILLION])
    expected = [float(exact(t)) for t in steps.tolist()]
    assert_allclose(rule(steps, MILLION), expected, rtol=1e-15)


def test_the_sum_of_the_rates_of_a_million_steps():
    # the sum over a whole period of a cosine is known
    steps = np.arange(MILLION)
    assert_allclose(fsum(Cosine()(steps, MILLION)), MILLION / 2 + 0.5, rtol=1e-14)
    cycle = OneCycle(warmup=0.5, start=0.0, final=0.0)
    assert_allclose(fsum(cycle(steps, MILLION)), MILLION / 2, rtol=1e-14)
