"""Numbers of NumPy as parameters, and numbers that are too large for a float."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skgd import (
    GDRegressor,
    MLPGDRegressor,
    TabularRegressor,
    minimize,
    minimize_stochastic,
)
from skgd._rules.numbers import plain_number
from skgd.averaging import ASGD
from skgd.inspection import learning_rate_range
from skgd.optimizers import Adam
from skgd.preprocessing import PiecewiseLinearEncoder, TableEncoder
from skgd.schedules import Adaptive, InverseScaling, StepDecay

RNG = np.random.RandomState(0)
X = RNG.randn(300, 3)
Y = X @ [1.0, 2.0, 3.0] + 1
HUGE = 10**400


def coefficients(**options):
    given = {"solver": "minibatch", "max_iter": 20, "random_state": 0, "tol": None}
    return GDRegressor(**{**given, **options}).fit(X, Y).coef_


@pytest.mark.parametrize(
    ("small", "plain"),
    [
        ({"batch_size": np.uint8(3)}, {"batch_size": 3}),
        (
            {"max_iter": np.uint8(20), "learning_rate": "cosine"},
            {"learning_rate": "cosine"},
        ),
        ({"alpha": np.float16(0.5)}, {"alpha": 0.5}),
        ({"alpha": Fraction(1, 2)}, {"alpha": 0.5}),
        ({"average": np.uint8(200)}, {"average": 200}),
        ({"average": ASGD(np.uint8(200))}, {"average": ASGD(200)}),
        ({"shuffle": np.bool_(False)}, {"shuffle": False}),
        (
            {"learning_rate": InverseScaling(power_t=np.uint8(1)), "optimizer": "adam"},
            {"learning_rate": InverseScaling(power_t=1.0), "optimizer": "adam"},
        ),
        (
            {"learning_rate": StepDecay(period=np.int8(100)), "optimizer": "adam"},
            {"learning_rate": StepDecay(period=100), "optimizer": "adam"},
        ),
    ],
)
def test_numbers_of_numpy_do_not_overflow(small, plain):
    assert_array_equal(coefficients(**small), coefficients(**plain))


def test_a_schedule_with_few_bits_learns():
    options = {"max_iter": np.int16(200), "learning_rate": "cosine", "batch_size": 1}
    model = GDRegressor(random_state=0, solver="minibatch", **options).fit(X, Y)
    assert model.score(X, Y) > 0.99
    assert model.n_iter_ == 200


@pytest.mark.parametrize(
    "owner",
    [
        GDRegressor(alpha=np.float32(0.5)),
        MLPGDRegressor(alpha=np.float32(0.5)),
        TabularRegressor(alpha=np.float32(0.5)),
        Adam(beta_1=np.float32(0.5)),
        TableEncoder(min_frequency=np.uint8(5)),
        PiecewiseLinearEncoder(n_knots=np.uint8(5)),
    ],
)
def test_parameters_are_plain_numbers(owner):
    for other in (owner, clone(owner), pickle.loads(pickle.dumps(owner))):
        assert not any(isinstance(v, np.generic) for v in other.get_params().values())
    name = "beta_1" if isinstance(owner, Adam) else next(iter(owner.get_params()))
    owner.set_params(**{name: np.int8(0)})
    assert type(getattr(owner, name)) is int


def test_a_search_over_numbers_of_numpy():
    search = GridSearchCV(GDRegressor(), {"alpha": np.logspace(-3, 0, 3)}).fit(X, Y)
    assert search.best_params_["alpha"] == search.best_estimator_.alpha


@pytest.mark.parametrize(
    "name",
    [
        "alpha",
        "average",
        "batch_size",
        "l1_ratio",
        "max_iter",
        "n_iter_no_change",
        "random_state",
        "tol",
        "validation_fraction",
        "validation_split",
    ],
)
@pytest.mark.parametrize("value", [HUGE, Fraction(HUGE)], ids=["int", "fraction"])
def test_numbers_that_are_too_large_for_a_float(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of GDRegressor must be"):
        GDRegressor(early_stopping=True, **{name: value}).fit(X, Y)


@pytest.mark.parametrize(
    "sizes", [HUGE, (5, HUGE), 10**10], ids=["one", "two", "memory"]
)
def test_layers_that_are_too_large(sizes):
    with pytest.raises((ValueError, MemoryError)):
        MLPGDRegressor(sizes).fit(X, Y)


def test_arguments_of_functions():
    def cube(x):
        return (x[0] - 1) ** 2

    small = minimize(
        cube,
        [3.0],
        optimizer="adam",
        max_iter=np.uint8(250),
        learning_rate=np.float16(0.5),
    )
    plain = minimize(cube, [3.0], optimizer="adam", max_iter=250, learning_rate=0.5)
    assert_array_equal(small.x, plain.x)
    with pytest.raises(ValueError, match="max_iter must be an int"):
        minimize(cube, [3.0], max_iter=HUGE)

    def loss(w, X, y):
        return np.sum((X @ w - y) ** 2)

    options = {"random_state": 0, "max_iter": 3, "learning_rate": 0.01}
    small = minimize_stochastic(
        loss, X, Y, np.zeros(3), batch_size=np.uint8(7), **options
    )
    plain = minimize_stochastic(loss, X, Y, np.zeros(3), batch_size=7, **options)
    assert_array_equal(small.x, plain.x)
    small = learning_rate_range(
        GDRegressor(optimizer="sgd", random_state=0), X, Y, n_steps=np.uint8(200)
    )
    plain = learning_rate_range(
        GDRegressor(optimizer="sgd", random_state=0), X, Y, n_steps=200
    )
    assert small.suggestion == plain.suggestion
    assert Adaptive(factor=0.5)(0, n_plateaus=np.uint8(3)) == 0.125


def test_truth_values_of_numpy_become_those_of_python():
    assert plain_number(np.True_) is True
    assert plain_number(np.False_) is False
