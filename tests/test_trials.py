"""Trials, by which a network chooses its penalty and the length of its training."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score

from skgd import MLPGDClassifier, MLPGDRegressor
from skgd._data.held_out import folds
from skgd._data.samples import Given, check_samples
from skgd._estimators.regression import _r2
from skgd._estimators.trials import Fold, Result
from skgd._training import descent
from skgd.schedules import Linear

NETWORKS = [MLPGDRegressor, MLPGDClassifier]
X_REG, Y_REG = load_diabetes(return_X_y=True)
X_CLF, Y_CLF = load_breast_cancer(return_X_y=True)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def data_for(estimator):
    return (X_CLF, Y_CLF) if is_classifier(estimator()) else (X_REG, Y_REG)


def parameters(model):
    return np.concatenate([w.ravel() for w in model.coefs_ + model.intercepts_])


def samples_of(model, X, y, weights=None):
    return check_samples(model, Given(X, y, weights), model._resolve()["loss"], None)


def fold(losses, of_rows=(), weights=(1.0,), scored=False):
    """A fold whose single losses do not depend on the epoch."""
    losses, rows = np.array(losses, float), np.array(of_rows, float)
    weights = np.ones(len(rows)) if len(rows) else np.array(weights)
    by_epoch = len(losses) * [rows] if len(rows) else []
    # if the score is watched, the loss does not matter
    curves = (0 * losses, -losses, losses) if scored else (losses, -losses, losses)
    return Fold(None, None, None, *curves, by_epoch, weights)


def result(*folds):
    return Result(0.1, list(folds))


@pytest.mark.parametrize("weight", [None, 4.0])
@pytest.mark.parametrize("estimator", NETWORKS)
def test_the_final_training(estimator, weight):
    # on all rows, with the penalty and the number of epochs of the best trial
    X, y = data_for(estimator)
    weights = None if weight is None else np.full(len(y), weight)
    model = estimator((10,), random_state=0).fit(X, y, weights)
    best, n = model.best_iter_, model.n_iter_
    assert best == np.argmin(model.validation_loss_curve_) + 1
    assert best <= n <= np.ceil(1.25 * best)
    assert len(model.validation_scores_) == len(model.loss_curve_) == n
    assert model.best_validation_score_ == model.validation_scores_[best - 1]
    assert model.best_loss_ is None
    assert model.t_ == n * len(y)
    # The order of the rows is another one, since trials draw the seed of the folds.
    # (A tenth or ten times the penalty changes the loss by a factor of 0.87 or 1.52.)
    by_hand = clone(model).set_params(
        alpha=model.alpha_,
        max_iter=n,
        early_stopping=False,
        learning_rate=Linear(hold=0.8),
    )
    assert_allclose(by_hand.fit(X, y, weights).loss_, model.loss_, rtol=0.05)


@pytest.mark.parametrize("estimator", NETWORKS)
def test_a_fit_is_reproducible(estimator):
    X, y = data_for(estimator)
    first, second = (estimator((5,), random_state=3).fit(X, y) for _ in range(2))
    assert_array_equal(parameters(first), parameters(second))
    assert first.validation_loss_curve_ == second.validation_loss_curve_
    first.fit(X, y)
    assert_array_equal(parameters(first), parameters(second))


def test_the_penalty_follows_the_noise():
    # ten inputs; the more noise, the stronger the penalty
    rng = np.random.RandomState(0)
    X = rng.standard_normal((400, 10))
    clear = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]
    noise = 5 * rng.standard_normal(400)
    chosen = [
        MLPGDRegressor(random_state=0).fit(X, y).alpha_ for y in (clear, clear + noise)
    ]
    assert chosen[0] < chosen[1] / 5


def test_noise_is_not_learned():
    # With ten seeds, the score on other rows was -0.07 to 0, and -0.94 to -0.5 without
    # early stopping.
    scores = []
    for seed in range(5):
        rng = np.random.RandomState(seed)
        X, y = rng.standard_normal((600, 20)), rng.standard_normal(600)
        model = MLPGDRegressor(random_state=seed).fit(X[:300], y[:300])
        scores.append(model.score(X[300:], y[300:]))
    assert min(scores) > -0.2


@pytest.mark.parametrize(
    "options",
    [
        {"early_stopping": False},
        {"learning_rate": "constant"},
        {"tol": None},
        {"n_iter_no_change": np.inf},
        {"warm_start": True},
        {"solver": "batch", "optimizer": "lbfgs"},
    ],
)
def test_no_trials_if_the_user_steers(options):
    model = MLPGDRegressor((5,), max_iter=20, random_state=0, **options)
    model.fit(X_REG, Y_REG)
    assert model.validation_scores_ is None
    if "early_stopping" not in options:
        again = clone(model).set_params(early_stopping=False).fit(X_REG, Y_REG)
        assert_array_equal(parameters(model), parameters(again))


@pytest.mark.parametrize("n", [20, 99])
def test_few_rows_have_no_trials(n):
    # ... and all epochs, at the end of which the rate is zero
    model = MLPGDRegressor((5,), random_state=0).fit(X_REG[:n], Y_REG[:n])
    assert model.validation_scores_ is None
    assert model.n_iter_ == 200
    given = dict(learning_rate=Linear(hold=0.8), early_stopping=False)
    steered = clone(model).set_params(**given).fit(X_REG[:n], Y_REG[:n])
    assert_array_equal(parameters(model), parameters(steered))


def test_rows_without_weight_have_no_effect():
    n = len(Y_REG)
    weights = np.where(np.arange(n) % 3 == 0, 0.0, 1.0)
    X, y = X_REG.copy(), Y_REG.copy()
    given = MLPGDRegressor((5,), random_state=0).fit(X, y, weights)
    X[weights == 0], y[weights == 0] = 1e9, -1e9
    other = MLPGDRegressor((5,), random_state=0).fit(X, y, weights)
    assert given.validation_loss_curve_ == other.validation_loss_curve_
    assert given.alpha_ == other.alpha_
    assert_array_equal(parameters(given), parameters(other))


def test_a_given_penalty_is_kept():
    model = MLPGDRegressor((5,), alpha=3.0, random_state=0).fit(X_REG, Y_REG)
    assert model.alpha_ == 3.0
    assert model.best_iter_ is not None
    free = MLPGDRegressor((5,), penalty=None, random_state=0).fit(X_REG, Y_REG)
    same = clone(free).set_params(alpha=7.0).fit(X_REG, Y_REG)
    assert_array_equal(parameters(free), parameters(same))


def test_partial_fit_goes_on_with_the_penalty():
    model = MLPGDRegressor((5,), random_state=0).fit(X_REG, Y_REG)
    chosen = model._state.alpha
    model.partial_fit(X_REG[:60], Y_REG[:60])
    assert model._state.alpha == chosen
    assert_allclose(model.alpha_, 50 * chosen)
    assert model.validation_scores_ is None


@pytest.mark.parametrize("n", [60, 442])
@pytest.mark.parametrize("max_iter", [1, 2, 3, 10])
def test_too_few_epochs(max_iter, n):
    model = MLPGDRegressor((5,), max_iter=max_iter, random_state=0)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        model.fit(X_REG[:n], Y_REG[:n])
    assert max_iter / 1.25 <= model.n_iter_ <= max_iter


def test_scoring_is_watched():
    model = MLPGDClassifier((5,), scoring="roc_auc", random_state=0).fit(X_CLF, Y_CLF)
    assert model.best_iter_ == np.argmax(model.validation_scores_) + 1
    # some held-out rows would have no score without the three members of a class
    y = (np.arange(len(Y_CLF)) < 3).astype(int)
    model.fit(X_CLF, y)
    assert model.validation_scores_ is None


@pytest.mark.parametrize("factor", [1e-25, 1e20])
def test_the_scale_of_targets_does_not_matter(factor):
    plain, scaled = (
        MLPGDRegressor((5,), random_state=0).fit(X_REG, y)
        for y in (Y_REG, factor * Y_REG)
    )
    assert plain.best_iter_ == scaled.best_iter_
    assert_allclose(scaled.alpha_, plain.alpha_, rtol=1e-12)


@pytest.mark.parametrize("kind", ["sparse", "float32", "targets", "labels", "log link"])
def test_kinds_of_data(kind):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, 4))
    y = X[:, 0] + 0.1 * rng.standard_normal(300)
    model = MLPGDRegressor((10,), random_state=0)
    if kind == "sparse":
        X = sp.csr_matrix(X)
    elif kind == "float32":
        X = X.astype(np.float32)
    elif kind == "targets":
        y = np.c_[y, -y]
    elif kind == "labels":
        y, model = np.c_[y > 0, y < 1].astype(int), MLPGDClassifier((10,))
    elif kind == "log link":
        y, model = np.exp(y), model.set_params(loss="gamma")
    model.set_params(random_state=0).fit(X, y)
    assert model.best_iter_ is not None
    assert model.score(X, y) > 0.7


def test_verbose(capsys):
    model = MLPGDRegressor((5,), verbose=True, random_state=0).fit(X_REG, Y_REG)
    lines = capsys.readouterr().out.splitlines()
    trials = [line for line in lines if line.startswith("Trial with alpha=")]
    assert 3 <= len(trials) <= 5
    assert any(f"alpha={model.alpha_:.3g}:" in line for line in trials)
    assert "validation loss" in trials[0]
    MLPGDRegressor((5,), alpha=1.0, verbose=True, random_state=0).fit(X_REG, Y_REG)
    assert "Trial: validation loss" in capsys.readouterr().out


class Interrupting:
    """Raises KeyboardInterrupt at the given call of `run_epoch`."""

    def __init__(self, monkeypatch, at):
        self.calls, self.at, self.original = 0, at, descent.run_epoch
        monkeypatch.setattr(descent, "run_epoch", self)

    def __call__(self, *args):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return self.original(*args)


def n_epochs_of(monkeypatch):
    """How many epochs a fit has in all."""
    counting = Interrupting(monkeypatch, at=None)
    MLPGDRegressor((5,), random_state=0).fit(X_REG, Y_REG)
    return counting.calls


@pytest.mark.filterwarnings("ignore:Training interrupted")
def test_an_interrupted_trial_is_the_result(monkeypatch):
    Interrupting(monkeypatch, at=30)
    model = MLPGDRegressor((5,), random_state=0).fit(X_REG, Y_REG)
    assert model.n_iter_ == 29
    assert model.best_iter_ <= 29
    assert np.isfinite(model.predict(X_REG)).all()


@pytest.mark.filterwarnings("ignore:Training interrupted")
def test_an_interrupt_of_a_later_trial_keeps_the_best(monkeypatch):
    # The first five trainings are those of the first penalty, with 75 to 200 epochs.
    models = []
    for at in (1200, 1210):
        monkeypatch.undo()
        Interrupting(monkeypatch, at=at)
        models.append(MLPGDRegressor((5,), random_state=0).fit(X_REG, Y_REG))
    assert models[0].n_iter_ > 30
    assert models[0].score(X_REG, Y_REG) > 0.4
    assert models[0]._state.alpha == models[1]._state.alpha
    assert_array_equal(parameters(models[0]), parameters(models[1]))


@pytest.mark.filterwarnings("ignore:Training interrupted")
def test_an_interrupted_final_training(monkeypatch):
    last = n_epochs_of(monkeypatch)
    monkeypatch.undo()
    Interrupting(monkeypatch, at=last)
    model = MLPGDRegressor((5,), random_state=0).fit(X_REG, Y_REG)
    n = model.n_iter_
    assert len(model.validation_loss_curve_) == len(model.loss_curve_) == n
    assert model.best_iter_ <= n


def test_divergence_in_a_trial_leaves_the_estimator():
    model = MLPGDRegressor((5,), random_state=0).fit(X_REG, Y_REG)
    before = parameters(model)
    model.set_params(optimizer="sgd", learning_rate_init=1e30, standardize=False)
    with pytest.raises(ValueError, match="smaller learning_rate_init"):
        model.fit(X_REG, Y_REG)
    assert_array_equal(parameters(model), before)


def test_the_gain_and_its_standard_error():
    rng = np.random.RandomState(0)
    base, noise = rng.standard_normal((2, 100))
    old, new = result(fold([2, 1], base)), result(fold([2, 1], base - noise))
    gain, error = new.gain(old)
    assert_allclose(gain, noise.mean(), rtol=1e-12)
    assert_allclose(error, noise.std() / 10, rtol=1e-12)
    assert_allclose(old.gain(new), (-gain, error), rtol=1e-12)
    # a sample without weight does not count, and only ratios of weights matter
    for weight in (1.0, 1e-170, 1e170):
        new.folds[0].weights = np.repeat([weight, 0.0], 50)
        gain, error = new.gain(old)
        assert_allclose(gain, noise[:50].mean(), rtol=1e-12)
        assert_allclose(error, noise[:50].std() / 50**0.5, rtol=1e-12)
    # infinite losses are no gain, nor is NaN
    with np.errstate(invalid="ignore"):
        for value in (np.inf, np.nan):
            gain, error = result(fold([2, 1], np.full(100, value))).gain(old)
            assert not gain > error


@pytest.mark.parametrize("scored", [False, True])
def test_the_gain_on_common_folds(scored):
    # The first fold is the hardest one. If the rows are not known, the error is that of
    # the means of the folds.
    hard, second, third = [9, 8], [4, 2], [4, 3]
    old = result(*(fold(c, scored=scored) for c in (hard, second, third)))
    new = result(fold([9, 7], scored=scored))
    assert new.gain(old) == (1, 0)
    new.folds.append(fold([4, 3], scored=scored))
    assert_allclose(new.gain(old), (0, np.sqrt(2) / 2), atol=1e-15)
    rows = np.arange(1.0, 13.0).reshape(3, 4)
    old = result(*(fold([2, 1], part) for part in rows))
    new = result(fold([2, 1], rows[0] - 0.5))
    assert_allclose(new.gain(old), (0.5, 0), atol=1e-15)


def test_the_length_of_the_final_training():
    for losses, best, final in (
        ([3, 2, 1, 2, 2], 3, 4),
        ([3, 2, 1], 3, 3),
        ([1, np.nan], 1, 2),
    ):
        found = result(fold(losses))
        assert found.n_epochs() == best
        assert found.n_final == final
    # the mean of the folds, weighted, as far as the shortest one
    folds = fold([4, 2, 3]), fold([4, 4, 0, 0], weights=[0.5])
    assert_allclose(result(*folds).curve("losses"), [4, 8 / 3, 2])
    assert result(*folds).n_epochs() == 3
    assert result(*folds).n_epochs(1) == 2


@pytest.mark.parametrize("n_folds", [1, 5])
def test_folds_are_stratified(n_folds):
    y = np.repeat([0, 1, 2, 3], [100, 30, 6, 1])
    X = np.arange(len(y), dtype=float)[:, np.newaxis]
    weights = np.where(X[:, 0] < 10, 0.0, 2.0)
    samples = samples_of(MLPGDClassifier(), X, y, weights)
    parts = folds(samples, 5, n_folds, seed=1)
    assert len(parts) == n_folds
    for rows, held_out in parts:
        own = set(held_out.X[:, 0].astype(int))
        assert own.isdisjoint(rows)
        assert own | set(rows) == set(range(10, 137))
        counts = np.bincount(held_out.y, minlength=4)
        assert counts[0] == 18
        assert counts[1] == 6
        assert 1 <= counts[2] <= 2
    if n_folds == 5:
        everyone = np.concatenate([held_out.X[:, 0] for _, held_out in parts])
        assert_array_equal(np.sort(everyone), np.arange(10, 137))


@pytest.mark.parametrize("weighted", [False, True])
def test_r2_is_that_of_scikit_learn(weighted):
    rng = np.random.RandomState(0)
    for n_targets in (1, 3):
        y = rng.standard_normal((50, n_targets))
        y[:, -1] = 1.0 if n_targets > 1 else y[:, -1]  # a constant target
        predicted = y + rng.standard_normal(y.shape)
        weights = rng.uniform(size=50) if weighted else None
        expected = r2_score(y, predicted, sample_weight=weights)
        assert_allclose(_r2(y, predicted, weights), expected, rtol=1e-12)
        assert _r2(y, y, weights) == r2_score(y, y, sample_weight=weights) == 1


@pytest.mark.parametrize("estimator", NETWORKS)
def test_plain_defaults_do_not_warn(estimator):
    X, y = data_for(estimator)
    with warnings.catch_warnings(action="error"):
        estimator(random_state=0).fit(X, y)
        estimator(random_state=0).fit(X[:60], y[:60])
