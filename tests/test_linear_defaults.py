"""What 'auto' means for linear models: the optimizer, the schedule, the budget."""

import warnings

import numpy as np
import pytest
from helpers import data_for, in_units
from numpy.testing import assert_allclose
from scipy import sparse as sp
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.preprocessing import scale

from skgd import GDClassifier, GDRegressor, MLPGDRegressor
from skgd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from skgd.schedules import Cosine, OneCycle, Warmup

X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X), scale(Y)
MINI = dict(optimizer="adam", random_state=0)
# with these settings, a plateau of the training loss begins at once
RESTS = dict(tol=1e3, n_iter_no_change=2, **MINI)


def is_by_lbfgs(model):
    return bool(np.isnan(model.learning_rate_))


def table(n_samples, n_features, n_outputs=1):
    rng = np.random.RandomState(0)
    rows = rng.standard_normal((n_samples, n_features))
    targets = rows[:, :1] + 0.1 * rng.standard_normal((n_samples, n_outputs))
    return rows, targets if n_outputs > 1 else targets[:, 0]


# ---------------------------------------------------------------- the optimizer
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("n_samples", "n_features", "expected"),
    [
        (100, 3, True),
        (10_000, 3, True),
        (10_001, 3, False),
        (12_000, 1200, True),
        (12_001, 1200, False),
    ],
)
def test_few_samples_or_wide_data_mean_lbfgs(n_samples, n_features, expected):
    rows = sp.random_array(
        (n_samples, n_features),
        density=0.01,
        random_state=np.random.default_rng(0),
        format="csr",
    )
    targets = rows.sum(axis=1)
    labels = targets > np.median(targets)
    assert is_by_lbfgs(GDRegressor(max_iter=1).fit(rows, targets)) == expected
    assert is_by_lbfgs(GDClassifier(max_iter=1).fit(rows, labels)) == expected
    named = GDRegressor(max_iter=1, optimizer="lbfgs").fit(rows, targets)
    assert is_by_lbfgs(named)
    streamed = GDRegressor().partial_fit(rows, targets)
    assert streamed.learning_rate_ > 0


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("penalty", None, True),
        ("penalty", "l1", False),
        ("penalty", "elasticnet", False),
        ("alpha", 0.1, True),
        ("tol", None, True),
        ("tol", 1e-2, True),
        ("early_stopping", True, True),
        ("standardize", False, True),
        ("fit_intercept", False, True),
        ("warm_start", True, True),
        ("shuffle", False, True),
        ("solver", "batch", False),
        ("solver", "minibatch", False),
        ("solver", "sgd", False),
        ("optimizer", "adam", False),
        ("batch_size", 50, False),
        ("learning_rate", "constant", False),
        ("learning_rate", lambda steps: 0.01, False),
        ("learning_rate_init", 0.1, False),
        ("clip_norm", 1.0, False),
        ("average", True, False),
        ("dropout", 0.1, False),
        ("batch_norm", True, False),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_parameters_that_lbfgs_does_not_have_mean_adam(name, value, expected):
    for estimator, targets in ((GDRegressor, Y), (GDClassifier, Y > 0)):
        model = estimator(max_iter=2, **{name: value}).fit(X, targets)
        assert is_by_lbfgs(model) == expected


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_losses_with_kinks_mean_adam():
    shares = np.c_[Y > 0, Y <= 0]
    special = {"binomial": shares[:, 0], "multinomial": shares}
    for losses, estimator, targets in (
        (REGRESSION_LOSSES, GDRegressor, np.exp(Y)),
        (CLASSIFICATION_LOSSES, GDClassifier, Y > 0),
    ):
        by_lbfgs = {
            loss
            for loss in losses
            if is_by_lbfgs(
                estimator(loss, max_iter=1).fit(X, special.get(loss, targets))
            )
        }
        kinked = {"absolute_error", "quantile", "epsilon_insensitive"}
        assert set(losses) - by_lbfgs == set(losses) & {*kinked, "hinge", "perceptron"}


def test_defaults_find_the_optimum():
    for copies in (1, 30):  # by L-BFGS and by Adam
        rows, targets = np.tile(X, (copies, 1)), np.tile(Y, copies)
        model = GDRegressor(random_state=0).fit(rows, targets)
        assert is_by_lbfgs(model) == (copies == 1)
        # (alpha is the sum over all samples)
        scaled = in_units(rows)
        ridge = Ridge(1.0).fit(scaled, targets)
        gap = ridge.score(scaled, targets) - model.score(rows, targets)
        assert gap < (1e-8 if copies == 1 else 1e-3)


# ---------------------------------------------------------------- the budget
BUDGETS = [
    # samples, features, outputs, optimizer, epochs
    (100, 3, 1, "adam", 1000),  # at most 1000 epochs
    (500, 3, 1, "adam", 800),  # 400,000 rows
    (500, 3, 2, "adam", 800),  # more outputs get no more if there are few samples
    (20_000, 3, 1, "adam", 20),
    (20_000, 100, 1, "adam", 20),
    (20_000, 150, 1, "adam", 30),  # 4,000 rows for a weight
    (20_000, 3, 2, "adam", 40),
    (20_000, 3, 4, "adam", 60),  # at most 60 epochs
    (150_000, 2, 1, "adam", 4),  # at least 4 epochs
    (20_000, 3, 1, "rmsprop", 20),
    (40_000, 3, 1, "momentum", 40),  # four times as many rows
    (40_000, 3, 1, "sgd", 40),
]


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("n_samples", "n_features", "n_outputs", "optimizer", "n_epochs"), BUDGETS
)
def test_budget(n_samples, n_features, n_outputs, optimizer, n_epochs):
    rows, targets = table(n_samples, n_features, n_outputs)
    model = GDRegressor(optimizer=optimizer, random_state=0).fit(rows, targets)
    assert model.n_iter_ == n_epochs
    assert model._state.converged
    # the cosine has reached its end
    n_updates = n_epochs * -(-n_samples // 200)
    begin = model.learning_rate_ / Cosine()(n_updates - 1, n_updates)
    assert begin == pytest.approx(
        model._own_rate(model._resolve()["optimizer"], 200, 0)
    )


def test_the_budget_is_for_the_auto_schedule():
    count = dict(max_iter=70, **MINI)
    rows, targets = table(20_000, 3)
    for options in (
        dict(tol=None),
        dict(solver="batch"),
        dict(learning_rate="cosine"),
        dict(learning_rate="constant", tol=0.0, n_iter_no_change=100),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = GDRegressor(**count, **options).fit(rows, targets)
        assert model.n_iter_ == 70


@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_less_than_the_budget_warns(optimizer):
    rows, targets = table(40_000, 3)
    n_epochs = 10 if optimizer == "adam" else 40
    model = GDRegressor(optimizer=optimizer, max_iter=n_epochs - 1, random_state=0)
    with pytest.warns(ConvergenceWarning, match="Consider increasing max_iter"):
        model.fit(rows, targets)
    assert model.n_iter_ == n_epochs - 1
    assert not model._state.converged
    # the cosine falls within the epochs that there are
    assert model.learning_rate_ < 1e-4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(max_iter=n_epochs).fit(rows, targets)
        model.set_params(max_iter=3, tol=None).fit(rows, targets)
    assert model.n_iter_ == 3


# ---------------------------------------------------------------- schedules with an end
@pytest.mark.parametrize(
    "schedule",
    ["linear", "cosine", OneCycle(warmup=0.2), Warmup(3), Warmup(2, then="linear")],
)
@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_a_schedule_runs_to_its_end_although_the_loss_rests(estimator, schedule):
    options = dict(learning_rate=schedule, early_stopping=False, **RESTS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = estimator(max_iter=30, **options).fit(X, Y)
    assert model.n_iter_ == 30
    assert model._state.converged
    # ... but not if it watches a validation loss
    model.set_params(early_stopping=True).fit(X, Y)
    assert model.n_iter_ < 10


@pytest.mark.parametrize(
    "schedule",
    ["constant", Cosine(n_steps=10_000), Warmup(3, then="constant"), "exponential"],
)
@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_a_plateau_ends_any_other_schedule(estimator, schedule):
    options = dict(learning_rate=schedule, early_stopping=False, **RESTS)
    model = estimator(max_iter=30, **options).fit(X, Y)
    assert model.n_iter_ < 10
    assert model._state.converged
    with pytest.warns(ConvergenceWarning):
        model.set_params(max_iter=30, tol=0.0, n_iter_no_change=40).fit(X, Y)


# ---------------------------------------------------------------- several calls
@pytest.mark.parametrize("optimizer", ["auto", "adam", "momentum"])
def test_a_warm_fit_learns_again(optimizer):
    model = GDRegressor(optimizer=optimizer, warm_start=True, random_state=0)
    first = model.fit(X, Y).n_iter_
    assert model.score(X, Y) > 0.5
    model.fit(X, -Y)
    assert model.score(X, -Y) > 0.5
    if optimizer != "auto":
        assert model.n_iter_ == first  # the whole budget
        assert len(model.loss_curve_) == 2 * first
    # a schedule that is named counts all updates
    named = GDRegressor(learning_rate="cosine", max_iter=20, warm_start=True, **MINI)
    before = named.fit(X, Y).coef_
    with pytest.warns(ConvergenceWarning, match="The learning rate is 0"):
        named.fit(X, -Y)
    assert_allclose(named.coef_, before)


def test_the_rate_falls_along_a_stream():
    model = GDRegressor(random_state=0)
    rates = [model.partial_fit(X, Y).learning_rate_ for _ in range(20)]
    last = 3 * np.arange(1, 21)  # of three updates in each piece
    assert_allclose(rates, rates[0] * (3 / last) ** 0.25)
    # a piece after a fit is not the first one
    fitted = GDRegressor(max_iter=5, tol=None, **MINI).fit(X, Y)
    rate = fitted.partial_fit(X, Y).learning_rate_
    assert rate == pytest.approx(rates[5])


@pytest.mark.parametrize("estimator", [GDRegressor, GDClassifier])
def test_weights_of_a_small_sum_warn(estimator):
    X, y = data_for(estimator)
    weights = np.full(len(y), 1 / len(y))
    with pytest.warns(UserWarning, match="add up to 1. alpha='auto' is therefore 1,"):
        estimator().fit(X, y, sample_weight=weights)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator().fit(X, y, sample_weight=0.2 * len(y) * weights)
        estimator().fit(X, y, sample_weight=(np.arange(len(y)) % 50 == 0).astype(float))
        estimator(alpha=0.1).fit(X, y, sample_weight=weights)
        estimator(penalty=None, max_iter=5000).fit(X, y, sample_weight=weights)
        classes = {"classes": [0, 1, 2]} if estimator is GDClassifier else {}
        estimator().partial_fit(X, y, sample_weight=weights, **classes)
