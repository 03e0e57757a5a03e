"""Divergence: how it is noticed, and the way back to the last good epoch."""

import re
import warnings

import numpy as np
import pytest
from helpers import data_for
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd._training.checkpoint import Checkpoint
from skgd._training.divergence import MAX_RESTARTS
from skgd.optimizers import OPTIMIZERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.standard_normal((200, 3))
Y = X @ [1, 2, 3] + 0.1 * RNG.standard_normal(200)
LARGEST = np.linalg.eigvalsh(np.c_[X, np.ones(200)].T @ np.c_[X, np.ones(200)] / 200)[
    -1
]
TEXTBOOK = dict(
    standardize=False,
    learning_rate="constant",
    alpha=1e-4,
    optimizer="sgd",
    tol=None,
    random_state=0,
)


def model(rate, **options):
    return GDRegressor(learning_rate_init=rate, **{**TEXTBOOK, **options})


@pytest.mark.parametrize("times", [1.1, 3, 10, 20, 28])
def test_halvings_that_are_enough_are_found(times):
    # plain gradient descent is stable below 2 / the largest eigenvalue
    gd = model(times * 2 / LARGEST, solver="batch", max_iter=3000).fit(X, Y)
    n_halvings = int(np.ceil(np.log2(times)))
    assert n_halvings <= gd.n_restarts_ <= MAX_RESTARTS
    assert gd.learning_rate_ < 2 / LARGEST
    assert gd.score(X, Y) > 0.99


def test_a_slow_divergence_is_noticed_by_partial_fit():
    gd = model(2.0, batch_size=50)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(200):
            gd.partial_fit(X, Y)
    assert any(issubclass(w.category, ConvergenceWarning) for w in caught)
    assert gd._state.rate_factor < 1
    assert gd.loss_ < 1


def test_the_last_stretch_of_a_network_comes_after_restarts_too():
    options = dict(optimizer="sgd", learning_rate_init=2.0, max_iter=500)
    network = MLPGDRegressor(20, early_stopping=False, random_state=0, **options)
    network.fit(X, Y)
    assert network.n_restarts_ > 0
    rate = 2.0 * 0.5**network.n_restarts_
    assert network.learning_rate_ == pytest.approx(0.1 * rate)


class Interrupt:
    """Raises KeyboardInterrupt where training has just diverged."""

    def __init__(self, monkeypatch, where):
        original = getattr(Checkpoint, where)
        self.calls = 0

        def interrupted(checkpoint):
            self.calls += 1
            if self.calls == 1:
                checkpoint._state.theta[0] = 1e9  # half-way
                raise KeyboardInterrupt
            original(checkpoint)

        monkeypatch.setattr(Checkpoint, where, interrupted)


def test_an_interrupt_on_the_way_back(monkeypatch):
    healthy = model(0.01, max_iter=5, warm_start=True).fit(X, Y)
    healthy.set_params(learning_rate_init=50.0, max_iter=20)
    before = healthy.coef_.copy()
    interrupt = Interrupt(monkeypatch, "restore")
    with pytest.raises(KeyboardInterrupt):
        healthy.fit(X, Y)
    assert interrupt.calls == 2  # finished, and then there is no epoch to keep
    assert_array_equal(healthy.coef_, before)
    assert healthy.n_iter_ == 5


def test_a_stop_in_an_epoch_that_diverged():
    callback = pytest.importorskip("sklearn.callback")

    class Stop(callback.FitCallback):
        def setup(self, *args, **options):
            pass

        def on_fit_task_begin(self, *args, **options):
            pass

        def on_fit_task_end(self, *args, fitted_estimator=None, **options):
            return fitted_estimator is None

        def teardown(self, *args, **options):
            pass

    gd = model(3.0, solver="sgd", max_iter=30)
    gd.set_callbacks(Stop()).fit(X, Y)
    assert len(gd.loss_curve_) == gd.n_iter_ >= 1
    assert np.isfinite(gd.coef_).all()


def test_curves_of_earlier_calls_stay():
    gd = model(0.01, early_stopping=True, max_iter=10).fit(X, Y)
    scores = list(gd.validation_scores_)
    gd.set_params(learning_rate_init=2.0, batch_size=50)
    for _ in range(200):
        gd.partial_fit(X, Y)
    assert gd._state.rate_factor < 1
    assert gd._state.validation_scores == scores


@pytest.mark.parametrize("value", [1e150, 1e200])
def test_rows_without_weight_tell_nothing(value):
    rows, y = np.r_[X, [[value] * 3]], np.r_[Y, value]
    weights = np.r_[np.ones(200), 0.0]
    gd = model(2.0, batch_size=50, max_iter=200)
    with_row = gd.fit(rows, y, sample_weight=weights)
    assert with_row.n_restarts_ > 0
    assert with_row.score(X, Y) > 0.99
    validated = GDRegressor(max_iter=5, early_stopping=True).fit(
        X, Y, X_val=rows, y_val=y, sample_weight_val=weights
    )
    assert np.isfinite(validated.validation_loss_curve_).all()


def test_a_new_rate_is_taken_as_it_is():
    gd = model(2.0, batch_size=50, max_iter=200, warm_start=True).fit(X, Y)
    assert gd.n_restarts_ > 0
    assert gd.set_params(learning_rate_init=0.1).fit(X, Y).learning_rate_ == 0.1


def test_a_best_epoch_that_is_forgotten_is_not_the_best():
    gd = GDClassifier(
        "squared_hinge",
        scoring="accuracy",
        early_stopping=True,
        batch_size=20,
        max_iter=20,
        **{**TEXTBOOK, "learning_rate_init": 10.0},
    )
    for seed in range(10):
        gd.set_params(random_state=seed)
        try:
            gd.fit(X, Y > 0)
        except ValueError:  # no halving helps
            continue
        scores = gd.validation_scores_
        assert scores[gd.best_iter_ - 1] == gd.best_validation_score_ == max(scores)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDClassifier])
def test_the_rate_to_try_works(estimator, optimizer, standardize):
    # however far off the rate that was given
    X, y = data_for(estimator)
    options = dict(optimizer=optimizer, standardize=standardize, random_state=0)
    for rate in (1e4, 1e9, 1e20):
        model = estimator(learning_rate_init=rate, max_iter=20, tol=None, **options)
        with pytest.raises(ValueError, match="learning_rate_init, say") as caught:
            model.fit(X, y)
        advised = float(re.search(r"say ([\d.e+-]*\d)", str(caught.value)).group(1))
        model.set_params(learning_rate_init=advised).fit(X, y)
        assert np.isfinite(model.loss_)
