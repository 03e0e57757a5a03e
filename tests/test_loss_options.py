"""Several quantiles at once, and label smoothing, in the estimators."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import d2_pinball_score, log_loss, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import scale

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd.losses import LogLoss, Quantile

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X), scale(Y)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
LEVELS = [0.1, 0.5, 0.9]
REGRESSORS = [GDRegressor, MLPGDRegressor]
CLASSIFIERS = [GDClassifier, MLPGDClassifier]


def pinball(P, y=Y):
    return Quantile(LEVELS).evaluate(y, P)[0].mean()


def fitted(estimator, **options):
    options = {"max_iter": 60, "tol": None, "random_state": 0, **options}
    return estimator(loss=Quantile(LEVELS), **options).fit(X, Y)


# ---------------------------------------------------------------- quantiles
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("estimator", REGRESSORS)
def test_a_column_for_each_quantile(estimator, dtype):
    model = estimator(loss=Quantile(LEVELS), max_iter=300, tol=None, random_state=0)
    if estimator is MLPGDRegressor:
        model.set_params(learning_rate="linear", learning_rate_init=0.005)
    P = model.fit(X.astype(dtype), Y.astype(dtype)).predict(X.astype(dtype))
    assert P.shape == (len(X), 3)
    assert P.dtype == dtype
    # what they say: this share of the targets is below
    assert_allclose(np.mean(Y[:, None] < P, axis=0), LEVELS, atol=0.06)
    assert (np.diff(P, axis=1) >= 0).all()
    if estimator is GDRegressor:
        assert (model.coef_.shape, model.intercept_.shape) == ((3, 10), (3,))
    else:
        assert model.n_outputs_ == 3


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_predictions_never_cross(estimator):
    # few updates: the raw outputs do cross, and in order they cost less
    model = fitted(estimator, max_iter=1, batch_size=200)
    far = 5 * np.random.RandomState(0).standard_normal((500, 10))
    raw = model._raw(far)
    assert (np.diff(raw, axis=1) < 0).any()
    P = model.predict(far)
    assert (np.diff(P, axis=1) >= 0).all()
    assert_array_equal(P, np.sort(raw, axis=1))
    assert pinball(P, np.zeros(500)) < pinball(raw, np.zeros(500))


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_score_is_the_mean_of_d2(estimator):
    model = fitted(estimator)
    weights = np.random.RandomState(0).uniform(size=len(X))
    P = model.predict(X)
    expected = np.mean(
        [
            d2_pinball_score(Y, P[:, j], alpha=q, sample_weight=weights)
            for j, q in enumerate(LEVELS)
        ]
    )
    assert model.score(X, Y, weights) == pytest.approx(expected, rel=1e-12)
    assert 0.1 < model.score(X, Y) < 1
    assert np.isfinite(cross_val_score(model, X, Y, cv=3)).all()
    stopped = fitted(estimator, early_stopping=True)
    best = stopped.best_iter_ - 1
    assert stopped.best_validation_score_ == stopped.validation_scores_[best]


def test_one_quantile_has_the_score_of_all_regressors():
    model = GDRegressor("quantile", max_iter=100).fit(X, Y)
    assert model.predict(X).shape == Y.shape
    assert model.score(X, Y) == r2_score(Y, model.predict(X))


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_they_go_on(estimator):
    model = fitted(estimator, max_iter=5, learning_rate="constant")
    twin = estimator(loss=Quantile(LEVELS), max_iter=5, random_state=0)
    twin.set_params(learning_rate="constant")
    for _ in range(5):
        twin.partial_fit(X, Y)
    assert_array_equal(twin.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="same numbers of .* outputs"):
        twin.set_params(loss=Quantile([0.1, 0.9])).partial_fit(X, Y)


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_several_targets_are_refused(estimator):
    model = estimator(loss=Quantile(LEVELS))
    with pytest.raises(ValueError, match="for a single target.* Got 2 targets"):
        model.fit(X, np.column_stack([Y, Y]))
    model.set_params(max_iter=1).fit(X, Y[:, None])
    assert model.predict(X).shape == (len(X), 3)
    # each quantile has the same targets: one of each is fine
    assert GDRegressor("quantile").fit(X, np.c_[Y, Y]).predict(X).shape == (442, 2)


def test_quantiles_are_searched():
    search = GridSearchCV(
        GDRegressor("quantile", max_iter=5, tol=None),
        {"loss__quantile": [[0.1, 0.9], [0.2, 0.5, 0.8]]},
        cv=2,
    ).fit(X, Y)
    assert search.predict(X).shape[1] == search.best_estimator_.loss.n_levels


# ---------------------------------------------------------------- label smoothing
@pytest.mark.parametrize("estimator", CLASSIFIERS)
@pytest.mark.parametrize("kind", ["binary", "classes", "labels"])
def test_probabilities_are_smooth(estimator, kind):
    y = {
        "binary": (Y_IRIS == 0).astype(int),
        "classes": Y_IRIS,
        "labels": np.column_stack([Y_IRIS == 0, Y_IRIS > 1]).astype(int),
    }[kind]
    options = dict(penalty=None, max_iter=500, tol=None, random_state=0)
    options["learning_rate_init"] = 0.02
    sharp = estimator(**options).fit(X_IRIS, y)
    smooth = estimator(loss=LogLoss(label_smoothing=0.3), **options).fit(X_IRIS, y)
    n_classes = 3 if kind == "classes" else 2
    most = 1 - 0.3 + 0.3 / n_classes
    # where classes are apart, the right one has the probability of the target
    apart = Y_IRIS == 0
    P, Q = sharp.predict_proba(X_IRIS)[apart], smooth.predict_proba(X_IRIS)[apart]
    assert P.max(axis=1).mean() > 0.97
    assert_allclose(Q.max(axis=1).mean(), most, atol=0.05)
    assert smooth.score(X_IRIS, y) > 0.7
    # the loss that is reported has it, and is not below the entropy of the targets
    wrong = 0.3 / n_classes
    entropy = -most * np.log(most) - (n_classes - 1) * wrong * np.log(wrong)
    assert smooth.loss_ > entropy > sharp.loss_


def test_reported_losses_include_it():
    model = GDClassifier(
        LogLoss(label_smoothing=0.2), penalty=None, solver="batch", max_iter=50,
        tol=None, early_stopping=True, random_state=0,
    ).fit(X_IRIS, Y_IRIS)  # fmt: skip
    assert model.loss_curve_[0] == pytest.approx(np.log(3))
    plain = GDClassifier(penalty=None, solver="batch", max_iter=2, tol=None)
    plain.set_params(loss=LogLoss(label_smoothing=0.2)).fit(X_IRIS, Y_IRIS)
    P = plain.predict_proba(X_IRIS)
    smoothed = 0.8 * log_loss(Y_IRIS, P) - 0.2 * np.log(P).mean()
    assert plain.partial_fit(X_IRIS, Y_IRIS).loss_ == pytest.approx(smoothed, rel=1e-9)


def test_smoothing_is_searched():
    search = GridSearchCV(
        MLPGDClassifier(5, max_iter=3, tol=None, random_state=0),
        {"loss__label_smoothing": [0.0, 0.1]},
        cv=2,
    ).fit(X_IRIS, Y_IRIS)
    assert search.best_estimator_.loss.label_smoothing in (0.0, 0.1)
