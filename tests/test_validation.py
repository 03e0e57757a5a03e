"""Data held out by the user, and scores that early stopping watches."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.base import clone, is_classifier
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.metrics import (
    log_loss,
    make_scorer,
    mean_absolute_error,
    roc_auc_score,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.validation import check_random_state

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd._data.held_out import split

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
REGRESSION = load_diabetes(return_X_y=True)
CLASSES = load_iris(return_X_y=True)


def data_for(estimator):
    X, y = CLASSES if is_classifier(estimator()) else REGRESSION
    held_out = np.zeros(len(y), dtype=bool)
    held_out[::4] = True
    return (X[~held_out], y[~held_out]), (X[held_out], y[held_out])


def make(estimator, **options):
    options = {"max_iter": 40, "random_state": 0, "early_stopping": "auto", **options}
    if estimator in (MLPGDRegressor, MLPGDClassifier):
        options = {"hidden_layer_sizes": (8,), **options}
    return estimator(**options)


def parameters(model):
    if hasattr(model, "coef_"):
        return np.r_[np.ravel(model.coef_), model.intercept_]
    return np.concatenate([a.ravel() for a in model.coefs_ + model.intercepts_])


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_given_data_are_as_a_part_held_out(estimator, weighted, batch_norm):
    X, y = CLASSES if is_classifier(estimator()) else REGRESSION
    weights = np.random.RandomState(1).uniform(0.5, 2, len(y)) if weighted else None
    # one batch: nothing is drawn after the split, but for initial weights before it
    model = make(estimator, solver="batch", batch_norm=batch_norm)
    whole = (
        clone(model).set_params(early_stopping=True).fit(X, y, sample_weight=weights)
    )
    rng = check_random_state(0)
    if hasattr(whole, "coefs_"):
        for W in whole.coefs_:
            rng.uniform(size=W.shape)
    classes = y if is_classifier(model) else None
    rows, held_out = split(y, weights, classes, 0.1, 3, rng)
    part = (lambda i: None) if weights is None else (lambda i: weights[i])
    model.fit(
        X[rows],
        y[rows],
        sample_weight=part(rows),
        X_val=X[held_out],
        y_val=y[held_out],
        sample_weight_val=part(held_out),
    )
    assert model.n_iter_ == whole.n_iter_
    assert model.best_iter_ == whole.best_iter_
    assert_array_equal(parameters(model), parameters(whole))
    assert model.validation_loss_curve_ == whole.validation_loss_curve_
    assert model.validation_scores_ == whole.validation_scores_


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_numbers_are_those_of_the_data_in_their_units(estimator):
    (X, y), (X_val, y_val) = data_for(estimator)
    model = make(estimator, max_iter=5).fit(X, y, X_val=X_val, y_val=y_val)
    best = model.best_iter_ - 1
    assert best == np.argmin(model.validation_loss_curve_)
    assert model.validation_scores_[best] == pytest.approx(model.score(X_val, y_val))
    if is_classifier(model):
        loss = log_loss(y_val, model.predict_proba(X_val))
    else:
        loss = np.mean((model.predict(X_val) - y_val) ** 2) / 2
    assert model.validation_loss_curve_[best] == pytest.approx(loss, rel=1e-8)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_weights_are_repetitions(estimator):
    (X, y), (X_val, y_val) = data_for(estimator)
    counts = np.random.RandomState(0).randint(0, 4, len(y_val))
    weighted = make(estimator).fit(
        X, y, X_val=X_val, y_val=y_val, sample_weight_val=counts.astype(float)
    )
    X_many, y_many = np.repeat(X_val, counts, axis=0), np.repeat(y_val, counts)
    repeated = make(estimator).fit(X, y, X_val=X_many, y_val=y_many)
    assert_allclose(weighted.validation_loss_curve_, repeated.validation_loss_curve_)
    assert_array_equal(parameters(weighted), parameters(repeated))


@pytest.mark.parametrize("estimator", [GDClassifier, MLPGDClassifier])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 5.0, 2: 0.5}])
def test_class_weights_are_those_of_the_training_classes(estimator, class_weight):
    (X, y), (X_val, y_val) = data_for(estimator)
    X, y = X[10:], y[10:]  # classes of different sizes
    X_val, y_val = X_val[:-5], y_val[:-5]
    if class_weight == "balanced":
        by_class = len(y) / (3 * np.bincount(y))
    else:
        by_class = np.array(list(class_weight.values()))
    model = make(estimator, class_weight=class_weight)
    ours = model.fit(X, y, X_val=X_val, y_val=y_val)
    plain = make(estimator).fit(
        X,
        y,
        sample_weight=by_class[y],
        X_val=X_val,
        y_val=y_val,
        sample_weight_val=by_class[y_val],
    )
    assert_allclose(ours.validation_loss_curve_, plain.validation_loss_curve_)
    assert_array_equal(parameters(ours), parameters(plain))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_dense_and_sparse(estimator):
    (X, y), (X_val, y_val) = data_for(estimator)
    for form in (np.asarray, sp.csr_matrix):
        model = make(estimator)
        alike = clone(model).fit(form(X), y, X_val=form(X_val), y_val=y_val)
        mixed = clone(model).fit(form(X), y, X_val=sp.csc_matrix(X_val), y_val=y_val)
        dense = clone(model).fit(form(X), y, X_val=X_val, y_val=y_val)
        assert_array_equal(parameters(alike), parameters(mixed))
        assert_array_equal(parameters(alike), parameters(dense))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_errors(estimator):
    (X, y), (X_val, y_val) = data_for(estimator)
    model = make(estimator).fit(X, y)
    before = parameters(model)
    other = ["x"] * len(y_val) if is_classifier(model) else np.c_[y_val, y_val]
    wrong = "only classes of y" if is_classifier(model) else "as many targets"
    for given, match in (
        ({"X_val": X_val}, "X_val is provided, but y_val was not provided"),
        ({"y_val": y_val}, "y_val is provided, but X_val was not provided"),
        ({"X_val": X_val[:, :2], "y_val": y_val}, "features"),
        ({"X_val": X_val, "y_val": y_val[1:]}, "inconsistent numbers of samples"),
        ({"X_val": X_val, "y_val": other}, wrong),
        ({"X_val": X_val * np.nan, "y_val": y_val}, "In X_val, .* contains NaN"),
        (
            {"X_val": X_val, "y_val": y_val, "sample_weight_val": 0 * X_val[:, 0]},
            "non-zero",
        ),
    ):
        with pytest.raises(ValueError, match=match):
            model.fit(X, y, **given)
        assert_array_equal(parameters(model), before)
    with pytest.raises(ValueError, match="early_stopping is False"):
        make(estimator, early_stopping=False).fit(X, y, X_val=X_val, y_val=y_val)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_auto_is_on_with_given_data(estimator):
    (X, y), (X_val, y_val) = data_for(estimator)
    alone = make(estimator, early_stopping=False).fit(X, y)
    assert alone.validation_scores_ is None
    with_data = make(estimator).fit(X, y, X_val=X_val, y_val=y_val)
    assert len(with_data.validation_scores_) == with_data.n_iter_


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_several_targets_and_labels(estimator):
    (X, y), (X_val, y_val) = data_for(estimator)

    def several(y):
        return np.c_[y > 0, y > 1].astype(int) if is_classifier(model) else np.c_[y, -y]

    model = make(estimator)
    model.fit(X, several(y), X_val=X_val, y_val=several(y_val))
    best = model.validation_scores_[model.best_iter_ - 1]
    assert best == pytest.approx(model.score(X_val, several(y_val)))


# ---------------------------------------------------------------- pipeline, routing
@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_in_a_pipeline(estimator):
    (X, y), (X_val, y_val) = data_for(estimator)
    weights = np.linspace(1, 2, len(y_val))
    model = make(estimator).set_fit_request(
        X_val=True, y_val=True, sample_weight_val=True
    )
    steps = [("scale", StandardScaler()), ("model", model)]
    pipe = Pipeline(steps, transform_input=["X_val"])
    pipe.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weights)
    scaler = StandardScaler().fit(X)
    alone = make(estimator).fit(
        scaler.transform(X),
        y,
        X_val=scaler.transform(X_val),
        y_val=y_val,
        sample_weight_val=weights,
    )
    assert_array_equal(parameters(pipe[-1]), parameters(alone))


@pytest.mark.usefixtures("routing")
def test_a_mixed_table_in_a_pipeline():
    pd = pytest.importorskip("pandas")
    (X, y), (X_val, y_val) = data_for(GDRegressor)
    columns = [f"f{j}" for j in range(X.shape[1])]

    def table(X):
        frame = pd.DataFrame(X, columns=columns)
        return frame.assign(sex=np.where(frame["f1"] > 0, "a", "b"))

    encode = make_column_transformer(
        (OneHotEncoder(), ["sex"]), remainder="passthrough"
    )
    model = make(GDRegressor).set_fit_request(X_val=True, y_val=True)
    pipe = Pipeline([("encode", encode), ("model", model)], transform_input=["X_val"])
    pipe.fit(table(X), y, X_val=table(X_val), y_val=y_val)
    assert max(pipe[-1].validation_scores_) == pytest.approx(
        pipe.score(table(X_val), y_val), abs=0.02
    )


# ---------------------------------------------------------------- scoring
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("held_out", ["given", "split"])
def test_scores_are_those_of_shorter_fits(estimator, held_out):
    (X, y), (X_val, y_val) = data_for(estimator)
    scoring = "neg_mean_absolute_error"
    if is_classifier(estimator()):
        scoring = "roc_auc_ovr"
    given = {"X_val": X_val, "y_val": y_val} if held_out == "given" else {}
    model = make(estimator, scoring=scoring, tol=None, max_iter=6)
    model.set_params(early_stopping=True, optimizer="adam", learning_rate="constant")
    long = clone(model).fit(X, y, **given)
    scores = []
    for n in range(1, 7):
        short = clone(model).set_params(max_iter=n).fit(X, y, **given)
        scores.append(short.validation_scores_[-1])
        if given and n == short.best_iter_:
            P = getattr(short, "predict_proba", short.predict)(X_val)
            expected = -mean_absolute_error(y_val, P) if P.ndim == 1 else None
            if expected is None:
                expected = roc_auc_score(y_val, P, multi_class="ovr")
            assert scores[-1] == pytest.approx(expected)
    assert long.validation_scores_ == scores
    assert long.best_iter_ == np.argmax(scores) + 1
    assert long.best_validation_score_ == max(scores)


def test_a_callable_sees_a_fitted_estimator_in_the_users_units():
    X, y = load_breast_cancer(return_X_y=True)
    seen = []

    def score(model, X, y):
        seen.append((model, X.copy(), y))
        return model.score(X, y) + model.coef_.size

    model = make(GDClassifier, scoring=score, max_iter=3).fit(
        X[100:], y[100:], X_val=X[:100], y_val=y[:100]
    )
    assert len(seen) == 3
    for probe, features, targets in seen:
        assert probe is not model
        assert_array_equal(features, X[:100])
        assert_array_equal(targets, y[:100])
    best = seen[model.best_iter_ - 1][0]
    assert_array_equal(best.predict(X), model.predict(X))


@pytest.mark.filterwarnings("error::UserWarning")
def test_feature_names_and_string_classes():
    pd = pytest.importorskip("pandas")
    X, y = load_iris(return_X_y=True, as_frame=True)
    y = pd.Series(np.array(["a", "b", "c"])[y])
    model = make(MLPGDClassifier, scoring="f1_macro", early_stopping=True)
    model.fit(X, y)
    assert max(model.validation_scores_) > 0.4
    assert model.feature_names_in_.tolist() == X.columns.tolist()


def test_weights_reach_the_scorer():
    (X, y), (X_val, y_val) = data_for(GDRegressor)
    weights = np.random.RandomState(0).uniform(0, 2, len(y_val))
    model = make(GDRegressor, scoring=make_scorer(mean_absolute_error), max_iter=1)
    model.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weights)
    expected = mean_absolute_error(y_val, model.predict(X_val), sample_weight=weights)
    assert model.validation_scores_[0] == pytest.approx(expected)


def test_scoring_that_is_none():
    (X, y), _ = data_for(GDRegressor)
    for value, match in (("no_such", "no_such"), (3, "'scoring' parameter")):
        with pytest.raises(ValueError, match=match):
            make(GDRegressor, scoring=value, early_stopping=True).fit(X, y)


def test_a_warm_fit_that_watches_something_else():
    (X, y), (X_val, y_val) = data_for(GDRegressor)
    model = make(GDRegressor, warm_start=True, max_iter=3, scoring="r2")
    model.set_params(optimizer="adam", learning_rate="constant")
    model.fit(X, y, X_val=X_val, y_val=y_val)
    model.set_params(scoring=None).fit(X, y, X_val=X_val, y_val=y_val)
    assert model.best_iter_ > 3
    assert len(model.validation_loss_curve_) == 6


def test_weights_alone_are_refused():
    (X, y), _ = data_for(GDRegressor)
    with pytest.raises(ValueError, match="sample_weight_val is provided, but X_val"):
        make(GDRegressor).fit(X, y, sample_weight_val=[1.0])


def test_a_callable_need_not_take_class_weights():
    (X, y), (X_val, y_val) = data_for(GDClassifier)

    def accuracy(model, X, y):
        return model.score(X, y)

    model = make(GDClassifier, class_weight="balanced", scoring=accuracy)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert max(model.validation_scores_) > 0.9


def test_a_score_of_nan_is_an_error():
    (X, y), (X_val, y_val) = data_for(GDRegressor)
    model = make(GDRegressor, scoring=lambda model, X, y: np.nan)
    with pytest.raises(ValueError, match="gave nan on the held-out data"):
        model.fit(X, y, X_val=X_val, y_val=y_val)


@pytest.mark.filterwarnings("error")
def test_a_single_row_has_a_loss():
    (X, y), (X_val, y_val) = data_for(GDRegressor)
    model = make(GDRegressor, tol=None, max_iter=3)
    model.fit(X, y, X_val=X_val[:1], y_val=y_val[:1])
    assert np.isfinite(model.validation_loss_curve_).all()
