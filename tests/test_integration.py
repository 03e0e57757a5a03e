"""At home in scikit-learn, on real data."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import BaggingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd.optimizers import Adam
from skgd.schedules import Cosine

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
LOADERS = {
    GDRegressor: load_diabetes,
    GDClassifier: load_wine,
    MLPGDRegressor: load_diabetes,
    MLPGDClassifier: load_breast_cancer,
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def frame_for(estimator):
    X, y = LOADERS[estimator](return_X_y=True, as_frame=True)
    if "Regressor" in estimator.__name__:
        y = (y - y.mean()) / y.std()
    return X, y


def model_for(estimator):
    return estimator(random_state=0, max_iter=60)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_pipeline_and_cross_validation(estimator):
    X, y = frame_for(estimator)
    pipeline = make_pipeline(StandardScaler(), model_for(estimator))
    floor = 0.4 if "Regressor" in estimator.__name__ else 0.93
    scores = cross_val_score(pipeline, X, y, cv=3)
    assert scores.mean() > floor
    predicted = cross_val_predict(pipeline, X, y, cv=3)
    assert predicted.shape == y.shape
    if hasattr(pipeline, "predict_proba"):
        P = cross_val_predict(pipeline, X, y, cv=3, method="predict_proba")
        assert_allclose(P.sum(axis=1), 1)
    result = cross_validate(pipeline, X, y, cv=3, return_estimator=True)
    assert_allclose(result["test_score"], scores)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_grid_search(estimator):
    X, y = frame_for(estimator)
    model = model_for(estimator).set_params(max_iter=8, tol=None)
    pipeline = Pipeline([("scale", StandardScaler()), ("model", model)])
    grid = {
        "model__solver": ["batch", "minibatch", "sgd"],
        "model__optimizer": ["sgd", "adam"],
        "model__alpha": [1e-4, 1e-2],
        "model__dropout": [0.0, 0.1],
        "model__batch_norm": [False, True],
    }
    options = dict(cv=2, error_score="raise")
    two = GridSearchCV(pipeline, grid, n_jobs=2, **options).fit(X, y)
    assert len(two.cv_results_["params"]) == 48
    one = GridSearchCV(pipeline, grid, n_jobs=1, **options).fit(X, y)
    assert_array_equal(
        one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"]
    )
    assert one.best_params_ == two.best_params_
    assert two.best_estimator_.score(X, y) > 0.4


def test_search_over_the_parameters_of_rules():
    X, y = load_wine(return_X_y=True)
    model = GDClassifier(optimizer=Adam(), learning_rate=Cosine(), max_iter=20)
    grid = {
        "optimizer__beta_1": [0.5, 0.9],
        "optimizer__amsgrad": [False, True],
        "learning_rate__final": [0.0, 0.1],
    }
    search = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(
        StandardScaler().fit_transform(X), y
    )
    assert search.best_score_ > 0.9
    # a name becomes the rule; the estimator that was given is left alone
    named = GridSearchCV(GDClassifier(max_iter=5), {"optimizer__beta_1": [0.5]}, cv=2)
    assert named.fit(X, y).best_estimator_.optimizer == Adam(beta_1=0.5)
    assert named.estimator.optimizer == "auto"
    assert model.optimizer == Adam()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_clone_and_pickle(estimator):
    X, y = frame_for(estimator)
    model = estimator(optimizer=Adam(beta_1=0.8), learning_rate="cosine", max_iter=5)
    twin = clone(model)
    assert twin.optimizer == model.optimizer
    assert twin.optimizer is not model.optimizer
    assert not hasattr(twin.fit(X, y), "missing")
    again = pickle.loads(pickle.dumps(twin))
    assert_array_equal(again.predict(X), twin.predict(X))
    assert again.get_params()["optimizer__beta_1"] == 0.8
    assert "beta_1=0.8" in repr(again)
    assert "beta_1=0.8" in again._repr_html_()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_feature_names(estimator):
    X, y = frame_for(estimator)
    model = model_for(estimator).set_params(max_iter=3, early_stopping=True)
    model.fit(X, y)
    assert_array_equal(model.feature_names_in_, X.columns)
    assert model.n_features_in_ == X.shape[1]
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X.rename(columns={X.columns[0]: "other"}))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X.to_numpy())


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_set_output(estimator):
    X, y = frame_for(estimator)
    steps = ColumnTransformer(
        [("scale", StandardScaler(), list(X.columns[:5]))], remainder="passthrough"
    )
    pipeline = make_pipeline(steps, StandardScaler(), model_for(estimator))
    pipeline.set_output(transform="pandas").fit(X, y)
    names = pipeline[-1].feature_names_in_
    assert names[0] == f"scale__{X.columns[0]}"
    plain = make_pipeline(clone(steps), StandardScaler(), model_for(estimator)).fit(
        X, y
    )
    assert_array_equal(plain.predict(X), pipeline.predict(X))


def test_string_labels_and_series():
    data = load_wine(as_frame=True)
    y = pd.Series(data.target_names[data.target], index=data.data.index[::-1])
    model = make_pipeline(StandardScaler(), GDClassifier(random_state=0))
    model.fit(data.data, y)
    assert model.score(data.data, y) > 0.95
    assert set(model.predict(data.data)) == set(data.target_names)


def test_meta_estimators():
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    scaled = TransformedTargetRegressor(
        MLPGDRegressor(random_state=0), transformer=StandardScaler()
    ).fit(X, y)
    assert scaled.score(X, y) > 0.5
    both = MultiOutputRegressor(GDRegressor(learning_rate_init=1.0, random_state=0))
    assert both.fit(X, np.c_[y, -y]).predict(X).shape == (442, 2)
    ridge = Ridge().fit(X, y)
    importance = permutation_importance(scaled, X, y, n_repeats=2, random_state=0)
    assert importance.importances_mean.argmax() in np.argsort(np.abs(ridge.coef_))[-4:]
    D, c = load_digits(return_X_y=True)
    bagging = BaggingClassifier(
        MLPGDClassifier(max_iter=10, random_state=0), n_estimators=3, random_state=0
    )
    assert bagging.fit(D[:1000], c[:1000]).score(D[1000:], c[1000:]) > 0.85


def test_as_good_as_the_twin_on_digits():
    X, y = load_digits(return_X_y=True)
    options = dict(hidden_layer_sizes=(50,), max_iter=60, random_state=0)
    theirs = cross_val_score(MLPClassifier(**options), X, y, cv=3).mean()
    clf = MLPGDClassifier(
        **options,
        standardize=False,
        weight_init="glorot",
        alpha=1e-4,
        batch_size=200,
        learning_rate="constant",
        learning_rate_init=1e-3,
    )
    ours = cross_val_score(clf, X, y, cv=3).mean()
    # the same method and the same initial networks; another order of the samples
    assert abs(ours - theirs) < 0.02
