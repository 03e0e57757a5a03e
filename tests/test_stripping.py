"""Estimators without the state of their training, and streams without an end."""

import copy
import pickle

import numpy as np
import pytest
from helpers import data_for
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skgd import (
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
    diagnose,
)
from skgd._training import state as states

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
SETTINGS = {"optimizer": "adam", "random_state": 0, "max_iter": 8, "tol": None}


def public(estimator):
    return {k: v for k, v in vars(estimator).items() if not k.startswith("_")}


@pytest.mark.parametrize(
    "options",
    [{}, {"average": True}, {"batch_norm": True, "early_stopping": True}],
    ids=str,
)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_all_but_the_training_stays(estimator, options):
    X, y = data_for(estimator)
    model = estimator(**SETTINGS, **options).fit(X, y)
    before, predicted, score = public(model), model.predict(X), model.score(X, y)
    size = len(pickle.dumps(model))
    assert model.strip() is model
    again = pickle.loads(pickle.dumps(model))
    assert len(pickle.dumps(model)) < size / 2
    for stripped in (model, again, copy.copy(model), copy.deepcopy(model)):
        assert_array_equal(stripped.predict(X), predicted)
        assert stripped.score(X, y) == score
        assert public(stripped).keys() == before.keys()
        assert stripped.loss_curve_ == before["loss_curve_"]
    if hasattr(model, "predict_proba"):
        assert model.predict_proba(X).shape == (len(X), 3)
    assert diagnose(model)
    assert model.strip() is model  # once more


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_stripped_training_is_not_continued(estimator):
    X, y = data_for(estimator)
    model = estimator(**SETTINGS).fit(X, y).strip()
    before, predicted = public(model), model.predict(X)
    with pytest.raises(ValueError, match="partial_fit cannot continue .* `strip`"):
        model.partial_fit(X, y)
    model.set_params(warm_start=True)
    with pytest.raises(ValueError, match="fit cannot continue .* warm_start=False"):
        model.fit(X, y)
    with pytest.raises(ValueError, match="max_iter"):
        model.set_params(warm_start=False, max_iter=-1).fit(X, y)
    model.set_params(max_iter=8)
    assert public(model).keys() == before.keys()
    assert_array_equal(model.predict(X), predicted)
    # a new training begins, with the same result, and can be continued
    assert_array_equal(model.fit(X, y).predict(X), predicted)
    model.partial_fit(X, y)
    assert_array_equal(clone(model.strip()).fit(X, y).predict(X), predicted)


@pytest.mark.parametrize("standardize", [True, False])
def test_standardised_coefficients_stay(standardize):
    X, y = data_for(GDRegressor)
    reg = GDRegressor(standardize=standardize).fit(10 * X, y)
    before = getattr(reg, "standardized_coef_", None)
    frame = reg.coef_frame()
    reg.strip()
    assert hasattr(reg, "standardized_coef_") == standardize
    if standardize:
        assert_array_equal(reg.standardized_coef_, before)
    assert frame.equals(reg.coef_frame())


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_only_a_fitted_estimator_is_stripped(estimator):
    with pytest.raises(NotFittedError):
        estimator().strip()


# ---------------------------------------------------------------- streams
def test_a_stream_keeps_its_last_losses(monkeypatch, capsys):
    monkeypatch.setattr(states, "MOST_LOSSES", 20)
    monkeypatch.setattr(states, "COLLECTED_LOSSES", 5)
    X, y = data_for(GDRegressor)
    X, y = X[:20], y[:20]
    stream = GDRegressor(random_state=0, verbose=2)
    losses, sizes = [], []
    for number in range(60):
        before = stream.__dict__.get("loss_curve_")
        if number == 30:
            with pytest.raises(ValueError, match="inconsistent"):
                stream.partial_fit(X, y[1:])
            assert stream.loss_curve_ is before
        stream.partial_fit(X, y)
        losses.append(stream.loss_)
        assert stream.loss_curve_ == losses[-len(stream.loss_curve_) :]
        assert 20 <= len(stream.loss_curve_) < 25 or number < 20
        sizes.append(len(pickle.dumps(stream)))
    assert max(sizes[24:]) - min(sizes[24:]) < 100
    assert stream.best_loss_ == min(losses)
    # epochs are numbered as before
    assert capsys.readouterr().out.splitlines()[-1].split()[0] == "60"


def test_a_fit_keeps_all_its_losses(monkeypatch):
    monkeypatch.setattr(states, "MOST_LOSSES", 20)
    monkeypatch.setattr(states, "COLLECTED_LOSSES", 5)
    X, y = data_for(GDRegressor)
    reg = GDRegressor(optimizer="adam", max_iter=40, tol=None, warm_start=True)
    assert len(reg.fit(X, y).loss_curve_) == 40
    assert len(reg.fit(X, y).loss_curve_) == 80


def test_an_error_after_losses_were_dropped_changes_nothing(monkeypatch):
    monkeypatch.setattr(states, "MOST_LOSSES", 20)
    monkeypatch.setattr(states, "COLLECTED_LOSSES", 1)
    X, y = data_for(GDRegressor)
    stream = GDRegressor(random_state=0)
    for _ in range(20):
        stream.partial_fit(X, y)
    before = list(stream.loss_curve_)

    def fail(self, architecture, state):
        raise RuntimeError("at the end")

    with monkeypatch.context() as broken:
        broken.setattr(GDRegressor, "_publish", fail)
        with pytest.raises(RuntimeError, match="at the end"):
            stream.partial_fit(X, y)
    assert stream.loss_curve_ == before
    other = GDRegressor(random_state=0)
    for _ in range(21):
        other.partial_fit(X, y)
    assert_array_equal(stream.partial_fit(X, y).coef_, other.coef_)
    assert stream.loss_curve_ == np.array(other.loss_curve_).tolist()
