"""What `diagnose` says if the optimum is known, and where its advice leads."""

import numpy as np
import pytest
from sklearn.base import clone, is_regressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import cross_val_score, train_test_split

from skgd import (
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
    diagnose,
    learning_rate_range,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_diabetes(return_X_y=True)


# ------------------------------------------------------------------ a rate too small
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("schedule", ["auto", "cosine", "linear", "one_cycle"])
def test_a_rate_that_is_far_too_small_has_not_converged(optimizer, schedule):
    # a curve is flat at the end of a schedule, wherever it is
    model = GDRegressor(
        solver="batch",
        optimizer=optimizer,
        learning_rate=schedule,
        learning_rate_init=1e-7,
        max_iter=300,
    ).fit(X, Y)
    least = np.mean((LinearRegression().fit(X, Y).predict(X) - Y) ** 2) / 2
    assert model.loss_ > 2 * least
    (finding,) = diagnose(model)
    assert finding.kind == "too slow"
    assert "has hardly begun; raise learning_rate_init" in finding.statement


@pytest.mark.parametrize("share", [0.1, 0.3, 1, 2])
def test_a_training_that_a_schedule_has_ended_before_it_arrived(share):
    # the way to the optimum is exp(-share) of the whole at the end
    time = np.cumsum(1 + np.cos(np.pi * np.arange(200) / 200))
    model = GDRegressor(max_iter=200, optimizer="sgd", solver="batch", tol=None)
    model.set_params(learning_rate="cosine").fit(X, Y)
    assert diagnose(model).kinds == ["converged"]
    model.loss_curve_ = 1 + np.exp(-share * time / time[-1])
    assert diagnose(model).kinds == ["too slow"]
    model.loss_curve_ = 1 + np.exp(-10 * time / time[-1])
    assert diagnose(model).kinds == ["converged"]


def test_the_rates_of_the_last_call_are_known():
    model = GDRegressor(max_iter=12, solver="minibatch", optimizer="sgd", tol=None)
    model.set_params(warm_start=True, learning_rate="cosine").fit(X, Y)
    rates = model._state.rates
    assert len(rates) == 12
    assert np.all(np.diff(rates) < 0)
    assert rates[-1] == model.learning_rate_
    model.set_params(max_iter=5).fit(X, Y)
    assert len(model._state.rates) == 5
    assert diagnose(model).kinds  # the rates of the first call are not known
    model.partial_fit(X, Y)
    assert len(model._state.rates) == 1


# ------------------------------------------------------------------ two curves
def test_a_validation_loss_that_rises_a_little_after_a_steep_fall():
    epochs = np.arange(200)
    training = 5000 * np.exp(-epochs / 5)
    rising = 5000 * np.exp(-epochs / 4) + np.linspace(222, 244, 200)
    (finding,) = diagnose(training, rising)
    assert finding.kind == "overfitting"
    assert finding.numbers["last"] == pytest.approx(244)
    # noise of the same size is none
    noise = np.random.RandomState(0).uniform(-10, 10, 200)
    assert diagnose(training, 222 + noise + training).kinds == ["converged"]


def test_a_held_out_loss_that_rests_needs_no_advice():
    epochs = np.arange(100)
    found = diagnose(np.exp(-epochs / 60), 1 + np.exp(-epochs / 5))
    assert found.kinds == []
    assert "the validation loss falls, too; train longer." in str(
        diagnose(np.exp(-epochs / 60), 1 + np.exp(-epochs / 50))
    )


# ------------------------------------------------------------------ the advice
def held_out_loss(model, X, y):
    if is_regressor(model):
        return mean_squared_error(y, model.predict(X))
    return log_loss(y, model.predict_proba(X), labels=model.classes_)


def changes(model, text, X, y):
    """The parameters of each change that a diagnosis advises."""
    rate = model.learning_rate_init or model._state.rates[0]
    if "raise max_iter" in text:
        yield {"max_iter": 3 * model.max_iter}
    if "raise learning_rate_init" in text:
        suggestion = learning_rate_range(model, X, y, random_state=0).suggestion
        yield from ({"learning_rate_init": each} for each in (10 * rate, suggestion))
    if "lower learning_rate_init" in text:
        yield {"learning_rate_init": rate / 3}
    if "lower tol" in text:
        yield {"tol": model.tol / 10}


LINEAR = [
    {},
    {"optimizer": "adam", "max_iter": 20},
    {"optimizer": "sgd", "learning_rate_init": 1e-6, "max_iter": 100},
    {"solver": "minibatch", "optimizer": "sgd", "learning_rate_init": 1e-4},
    {"optimizer": "sgd", "max_iter": 30, "early_stopping": True},
]
NETWORK = [
    {},
    {"max_iter": 15},
    {"early_stopping": True, "max_iter": 40},
    {"early_stopping": False, "max_iter": 20},
    {"early_stopping": False, "max_iter": 60, "learning_rate": "constant"},
    {"early_stopping": False, "solver": "batch", "learning_rate_init": 1e-5},
]


def test_a_stream_that_is_validated_has_no_early_stopping():
    rng = np.random.default_rng(0)
    data, held_out = rng.standard_normal((2, 60, 21))
    model = MLPGDRegressor(penalty=None, random_state=0)
    for _ in range(200):
        model.partial_fit(
            data[:, 1:], data[:, 0], X_val=held_out[:, 1:], y_val=held_out[:, 0]
        )
    (finding,) = diagnose(model)
    assert finding.kind == "overfitting"
    assert "a training of as many epochs, avoids this" in finding.statement


TABLES = {
    load_diabetes: (GDRegressor, MLPGDRegressor),
    load_wine: (GDClassifier, MLPGDClassifier),
    load_breast_cancer: (GDClassifier, MLPGDClassifier),
}
CASES = [
    pytest.param(load, kind(random_state=0, **options), id=f"{load.__name__}-{options}")
    for load, kinds in TABLES.items()
    for kind, all_options in zip(kinds, (LINEAR, NETWORK), strict=True)
    for options in all_options
]


@pytest.mark.parametrize(("load", "model"), CASES)
def test_no_advice_makes_the_held_out_loss_worse(load, model):
    rows, y = load(return_X_y=True)
    parts = train_test_split(rows, y, test_size=0.5, random_state=0)
    X, X_test, y, y_test = parts
    model.fit(X, y)
    before, text = held_out_loss(model, X_test, y_test), str(diagnose(model))
    for change in changes(model, text, X, y):
        other = clone(model).set_params(**change)
        if "cross-validation" in text:
            name = "mean_squared_error" if is_regressor(model) else "log_loss"
            scores = [
                cross_val_score(each, X, y, cv=3, scoring=f"neg_{name}").mean()
                for each in (clone(model), other)
            ]
            if scores[0] >= scores[1]:
                continue
        after = held_out_loss(other.fit(X, y), X_test, y_test)
        assert after < 1.05 * before + 0.01, (change, text)
