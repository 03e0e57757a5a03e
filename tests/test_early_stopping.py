"""Early stopping: the split, the scores, the best weights."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_classifier
from sklearn.datasets import load_breast_cancer, load_diabetes, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd._data.held_out import hold_out

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X_CLF, Y_CLF = load_breast_cancer(return_X_y=True)
X_CLF = scale(X_CLF)
X_REG, Y_REG = load_diabetes(return_X_y=True)
X_REG, Y_REG = scale(X_REG), scale(Y_REG)


def data_for(estimator):
    return (X_CLF, Y_CLF) if is_classifier(estimator()) else (X_REG, Y_REG)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_attributes(estimator):
    X, y = data_for(estimator)
    model = estimator(early_stopping=True, max_iter=1000, random_state=0).fit(X, y)
    assert model.n_iter_ < 1000
    assert isinstance(model.validation_scores_, list)
    assert len(model.validation_scores_) == model.n_iter_
    best = int(np.argmin(model.validation_loss_curve_))
    assert model.best_iter_ == best + 1
    assert model.best_validation_score_ == model.validation_scores_[best]
    assert model.best_loss_ is None
    plain = estimator(early_stopping=False, max_iter=5, random_state=0).fit(X, y)
    assert plain.validation_scores_ is None
    assert plain.best_validation_score_ is None
    assert plain.best_loss_ == min(plain.loss_curve_)


def held_out_rows(estimator, y, weights=None):
    # the split is the first thing that draws random numbers after the weights
    rng = np.random.RandomState(0)
    stratify = y if is_classifier(estimator()) else None
    n = int(np.ceil(0.1 * len(y)))
    return train_test_split(
        np.arange(len(y)), test_size=n, random_state=rng, stratify=stratify
    )


@pytest.mark.parametrize("estimator", [GDRegressor, GDClassifier])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_best_weights_are_restored(estimator, batch_norm):
    # (linear models draw no random numbers before the split)
    X, y = data_for(estimator)
    model = estimator(
        early_stopping=True,
        batch_norm=batch_norm,
        solver="sgd",
        standardize=False,
        learning_rate="constant",
        learning_rate_init=0.3,  # noisy: the last epoch is not the best
        max_iter=7,
        tol=0 if batch_norm else None,
        random_state=0,
    ).fit(X, y)
    train, held_out = held_out_rows(estimator, y)
    losses = np.array(model.validation_loss_curve_)
    assert losses[-1] > losses.min()
    best = model.validation_scores_[losses.argmin()]
    assert_allclose(model.score(X[held_out], y[held_out]), best, rtol=1e-9)
    if is_classifier(model):
        share = y[held_out].mean()
        assert abs(share - y.mean()) < 1 / len(held_out)


@pytest.mark.parametrize("estimator", [GDRegressor, GDClassifier])
def test_held_out_rows_are_not_trained_on(estimator):
    X, y = data_for(estimator)
    train, held_out = held_out_rows(estimator, y)
    options = dict(solver="batch", max_iter=3, tol=None, learning_rate_init=1e-3)
    options.update(standardize=False)  # by all rows
    stopped = estimator(early_stopping=True, random_state=0, **options).fit(X, y)
    plain = estimator(**options).fit(X[np.sort(train)], y[np.sort(train)])
    assert_allclose(stopped.loss_curve_, plain.loss_curve_, rtol=1e-12)
    # scores that still rise: the last epoch is the best
    assert_allclose(stopped.coef_, plain.coef_, rtol=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_weights_in_the_validation_score(estimator):
    X, y = data_for(estimator)
    options = dict(early_stopping=True, max_iter=5, tol=None, random_state=0)
    ones = estimator(**options).fit(X, y, sample_weight=np.ones(len(X)))
    none = estimator(**options).fit(X, y)
    assert_allclose(ones.validation_scores_, none.validation_scores_)
    weights = np.random.RandomState(0).uniform(0.1, 5, len(X))
    weighted = estimator(**options).fit(X, y, sample_weight=weights)
    assert not np.allclose(weighted.validation_scores_, none.validation_scores_)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_partial_fit_makes_its_pass(estimator):
    X, y = data_for(estimator)
    kwargs = {"classes": [0, 1]} if is_classifier(estimator()) else {}
    model = estimator(early_stopping=True, random_state=0).partial_fit(X, y, **kwargs)
    plain = estimator(random_state=0).partial_fit(X, y, **kwargs)
    assert_array_equal(model.predict(X), plain.predict(X))
    fitted = estimator(early_stopping=True, random_state=0, max_iter=3, tol=None)
    t = fitted.fit(X, y).t_
    assert fitted.partial_fit(X, y).t_ == t + len(X)


def test_n_iter_no_change():
    iterations = [
        MLPGDClassifier(
            early_stopping=True, n_iter_no_change=n, max_iter=1000, random_state=0
        )
        .fit(X_CLF, Y_CLF)
        .n_iter_
        for n in (2, 5, 20)
    ]
    assert iterations == sorted(iterations)
    never = MLPGDRegressor(n_iter_no_change=np.inf, tol=1e9, max_iter=50)
    assert never.fit(X_REG, Y_REG).n_iter_ == 50


def test_level_accuracies_go_on_while_the_loss_falls():
    # All epochs classify perfectly; the validation loss still falls.
    X = np.r_[np.full((50, 1), -1.0), np.full((50, 1), 1.0)]
    y = np.r_[np.zeros(50), np.ones(50)]
    model = GDClassifier(early_stopping=True, random_state=0, tol=1e-3, alpha=0)
    model.set_params(optimizer="adam", learning_rate="constant").fit(X, y)
    assert set(model.validation_scores_) == {1.0}
    assert model.n_iter_ > 50
    assert abs(model.coef_[0, 0]) > 1


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_too_little_data(estimator):
    model = estimator(early_stopping=True)
    with pytest.raises(ValueError, match="The validation set is too small"):
        model.fit([[1.0], [2.0]], [0, 1])
    with pytest.raises(ValueError, match="The validation set is too small"):
        model.set_params(validation_fraction=0.999).fit(*data_for(estimator))
    assert not hasattr(model, "n_iter_")


@pytest.mark.parametrize("estimator", [GDClassifier, MLPGDClassifier])
def test_a_class_with_one_member(estimator):
    text = re.escape("least populated class") + "|least populated classes"
    with pytest.raises(ValueError, match=text):
        estimator(early_stopping=True).fit([[1.0], [2], [3], [4], [5]], [0, 0, 0, 0, 1])


@pytest.mark.parametrize("estimator", [GDClassifier, MLPGDClassifier])
def test_auto_trains_on_the_only_member_of_a_class(estimator):
    X = np.random.RandomState(0).standard_normal((10_001, 3))
    y = (X[:, 0] > 0).astype(int)
    y[17] = 2
    model = estimator(early_stopping="auto", max_iter=2, random_state=0).fit(X, y)
    assert len(model.validation_scores_) == 2
    assert model.classes_.tolist() == [0, 1, 2]
    assert min(model.validation_scores_) > 0.9


@pytest.mark.parametrize("estimator", [GDClassifier, MLPGDClassifier])
def test_small_data_with_several_classes(estimator):
    # one sample of each class is held out, whatever the fraction
    X = np.arange(20.0)[:, np.newaxis]
    model = estimator(early_stopping=True, max_iter=5).fit(X, np.arange(20) % 4)
    assert len(model.validation_scores_) > 0


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_all_validation_weights_zero(estimator, monkeypatch):
    X, y = data_for(estimator)
    # The split is the same for any weights: leave only training rows some weight.
    seen = []

    def spy(*args):
        seen.append(hold_out(*args))
        return seen[-1]

    monkeypatch.setattr("skgd._data.prepare.hold_out", spy)
    estimator(early_stopping=True, max_iter=1, random_state=0).fit(X, y)
    weights = np.zeros(len(X))
    weights[seen[0][0]] = 1.0
    model = estimator(early_stopping=True, random_state=0)
    with pytest.raises(ValueError, match="weights for validation set are all zero"):
        model.fit(X, y, sample_weight=weights)


@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_divergence_keeps_the_best_epoch(estimator):
    X, y = make_regression(n_samples=200, random_state=0, n_features=5)
    y = scale(y)
    calls = []

    def rate(step):
        calls.append(step)
        return 0.01 if step < 20 else 1e200

    model = estimator(
        optimizer="sgd",
        learning_rate=rate,
        learning_rate_init=0.01,
        batch_size=50,
        early_stopping=True,
        random_state=0,
    )
    if hasattr(model, "activation"):
        model.set_params(activation="identity")
    with pytest.warns(ConvergenceWarning, match="weights of the best epoch are kept"):
        model.fit(X, y)
    assert np.isnan(model.validation_scores_[-1])
    assert isinstance(model.validation_scores_[-1], float)
    assert model.best_validation_score_ == np.nanmax(model.validation_scores_)
    assert model.score(X, y) > 0.1


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_warm_start(estimator):
    X, y = data_for(estimator)
    model = estimator(early_stopping=True, warm_start=True, max_iter=5, random_state=0)
    model.fit(X, y)
    first = len(model.validation_scores_)
    model.fit(X, y)
    assert len(model.validation_scores_) > first
    model.set_params(early_stopping=False).fit(X, y)
    assert model.validation_scores_ is None
    assert np.isfinite(model.best_loss_)
