"""Validation of a stream: partial_fit with X_val."""

import copy
import pickle

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_classifier
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import log_loss
from sklearn.utils import shuffle

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
REGRESSION = load_diabetes(return_X_y=True)
CLASSES = shuffle(*load_iris(return_X_y=True), random_state=0)


def data_for(estimator):
    X, y = CLASSES if is_classifier(estimator()) else REGRESSION
    return X[30:], y[30:], dict(X_val=X[:30], y_val=y[:30])


def first_call(estimator):
    return {"classes": [0, 1, 2]} if is_classifier(estimator()) else {}


def parameters(model):
    if hasattr(model, "coef_"):
        return np.r_[np.ravel(model.coef_), model.intercept_]
    return np.concatenate([a.ravel() for a in model.coefs_ + model.intercepts_])


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_and_the_score_after_each_piece(estimator, early_stopping, weighted):
    X, y, held_out = data_for(estimator)
    weights = np.linspace(0, 2, 30) if weighted else None
    model = estimator(random_state=0, early_stopping=early_stopping)
    twin = estimator(random_state=0)
    losses, scores = [], []
    for k in range(4):
        piece, options = slice(30 * k, 30 * k + 30), first_call(estimator)
        twin.partial_fit(X[piece], y[piece], **options)
        options.update(held_out, sample_weight_val=weights)
        model.partial_fit(X[piece], y[piece], **options)
        X_val, y_val = held_out.values()
        if is_classifier(model):
            P = model.predict_proba(X_val)
            losses.append(log_loss(y_val, P, sample_weight=weights))
        else:
            errors = (model.predict(X_val) - y_val) ** 2 / 2
            losses.append(np.average(errors, weights=weights))
        scores.append(model.score(X_val, y_val, sample_weight=weights))
        assert_allclose(model.validation_loss_curve_, losses, rtol=1e-9)
        assert_allclose(model.validation_scores_, scores, rtol=1e-9)
        # the held-out data have no effect
        assert_array_equal(parameters(model), parameters(twin))
        assert model.loss_curve_ == twin.loss_curve_
        assert model.best_loss_ == twin.best_loss_
        assert model.best_iter_ is None
        assert model.best_validation_score_ is None
        assert twin.validation_loss_curve_ is None


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_pieces_without_held_out_data_add_nothing(estimator):
    X, y, held_out = data_for(estimator)
    model = estimator(random_state=0)
    model.partial_fit(X, y, **first_call(estimator))
    assert model.validation_loss_curve_ is None
    model.partial_fit(X, y, **held_out).partial_fit(X, y)
    assert len(model.validation_loss_curve_) == 1
    other = pickle.loads(pickle.dumps(model)).partial_fit(X, y, **held_out)
    assert len(other.validation_loss_curve_) == 2
    assert len(copy.copy(model).partial_fit(X, y).validation_loss_curve_) == 1
    model.set_params(max_iter=2, early_stopping=False).fit(X, y)
    assert model.validation_loss_curve_ is None


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_score_of_a_stream(estimator):
    X, y, held_out = data_for(estimator)
    scoring = "balanced_accuracy" if is_classifier(estimator()) else "neg_max_error"
    model = estimator(random_state=0, scoring=scoring)
    model.partial_fit(X, y, **first_call(estimator), **held_out)
    expected = sklearn.metrics.get_scorer(scoring)(model, *held_out.values())
    assert model.validation_scores_ == [pytest.approx(expected)]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_errors_leave_the_model_as_it_was(estimator):
    X, y, held_out = data_for(estimator)
    model = estimator(random_state=0)
    model.partial_fit(X, y, **first_call(estimator), **held_out)
    before = parameters(model)
    with pytest.raises(ValueError, match="X_val is provided, but y_val was not"):
        model.partial_fit(X, y, X_val=X)
    with pytest.raises(
        ValueError, match="In X_val, y_val or sample_weight_val"
    ) as info:
        model.partial_fit(X, y, X_val=X[:, 1:], y_val=y)
    # a pipeline has no partial_fit
    assert "pipeline" not in str(info.value)
    assert "transform X_val in the same way" in str(info.value)
    text = X[:, 1:].astype(str).astype(object) + "a"
    with pytest.raises(ValueError, match=r"preprocess.transform\(") as info:
        model.partial_fit(X, y, X_val=np.c_[X[:, :1], text], y_val=y)
    assert ".fit(X, y)" not in str(info.value)
    assert_array_equal(parameters(model), before)
    assert len(model.validation_loss_curve_) == 1
