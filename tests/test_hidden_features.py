"""The hidden layers of a network as features."""

import numpy as np
import pandas as pd
import pytest
from helpers import data_for
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.base import is_classifier, is_regressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from skgd import GDRegressor, MLPGDClassifier, MLPGDRegressor

ESTIMATORS = [MLPGDRegressor, MLPGDClassifier]
SETTINGS = {"max_iter": 8, "tol": None, "random_state": 0}


def raw_data(estimator):
    """Features of different units, so that `standardize` matters."""
    X, y = data_for(estimator)
    scales = 10.0 ** np.arange(-2, X.shape[1] - 2)
    return X * scales + 3 * scales, y


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"standardize": False},
        {"batch_norm": True, "dropout": 0.2, "input_dropout": 0.1},
        {"input_scale": True, "average": True, "activation": ("tanh", "gelu")},
    ],
    ids=str,
)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_output_layer_gives_the_raw_predictions(estimator, options, sparse, dtype):
    X, y = raw_data(estimator)
    if options.get("standardize") is False:
        X, y = data_for(estimator)
    X = X.astype(dtype)
    given = sp.csr_matrix(X) if sparse else X
    model = estimator((7, 5), **SETTINGS, **options).fit(given, y)
    A = model.transform(given)
    assert A.shape == (len(X), 5)
    assert A.dtype == dtype
    Z = A @ model.coefs_[-1] + model.intercepts_[-1]
    tolerance = 1e-4 if dtype == np.float32 else 1e-9
    raw = model._raw(given)
    assert_allclose(Z, raw, rtol=tolerance, atol=tolerance * np.abs(raw).max())
    if is_regressor(model):
        assert_allclose(model.predict(given), raw.ravel())


def test_each_layer():
    X, y = raw_data(MLPGDRegressor)
    reg = MLPGDRegressor((7, 5, 3), activation="tanh", **SETTINGS).fit(X, y)
    first = np.tanh(X @ reg.coefs_[0] + reg.intercepts_[0])
    assert_allclose(reg.transform(X, layer=0), first, rtol=1e-9, atol=1e-12)
    second = np.tanh(first @ reg.coefs_[1] + reg.intercepts_[1])
    for layer in (1, -2):
        assert_allclose(reg.transform(X, layer=layer), second, rtol=1e-9, atol=1e-12)
    assert_array_equal(reg.transform(X), reg.transform(X, layer=2))
    for layer in (3, -4, 1.0, True, None, "last"):
        with pytest.raises(ValueError, match=r"'layer' .* >= -3 and < 3, .* Got"):
            reg.transform(X, layer=layer)


def test_no_hidden_layer_and_not_fitted():
    X, y = raw_data(MLPGDRegressor)
    with pytest.raises(NotFittedError):
        MLPGDRegressor().transform(X)
    with pytest.raises(ValueError, match="no hidden layer"):
        MLPGDRegressor((), **SETTINGS).fit(X, y).transform(X)
    with pytest.raises(ValueError, match="features"):
        MLPGDRegressor(**SETTINGS).fit(X, y).transform(X[:, 1:])


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_names_and_frames(estimator):
    X, y = raw_data(estimator)
    X = pd.DataFrame(X, columns=[f"column {j}" for j in range(X.shape[1])])
    model = estimator((6, 4), **SETTINGS).set_output(transform="pandas")
    frame = model.fit_transform(X, y)
    names = [f"{estimator.__name__.lower()}{unit}" for unit in range(4)]
    assert list(frame.columns) == list(model.get_feature_names_out()) == names
    assert list(frame.index) == list(X.index)
    model.set_output(transform="default")
    assert_array_equal(frame, model.transform(X))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_tags(estimator):
    tags = get_tags(estimator())
    assert tags.transformer_tags.preserves_dtype == ["float64", "float32"]
    assert is_classifier(estimator()) == (estimator is MLPGDClassifier)
    assert is_regressor(estimator()) == (estimator is MLPGDRegressor)
    assert get_tags(GDRegressor()).transformer_tags is None


def test_a_step_before_another_estimator():
    X, y = raw_data(MLPGDClassifier)
    network = MLPGDClassifier(8, early_stopping=False, max_iter=50, random_state=0)
    pipe = make_pipeline(network, LogisticRegression())
    search = GridSearchCV(pipe, {"mlpgdclassifier__hidden_layer_sizes": [4, 8]}, cv=3)
    assert search.fit(X, y).best_score_ > 0.9
    alone = network.fit(X, y)
    pipe.fit(X, y)
    assert_array_equal(pipe[:-1].transform(X), alone.transform(X))
    X, y = raw_data(MLPGDRegressor)
    forest = RandomForestRegressor(20, random_state=0)
    network = MLPGDRegressor(8, early_stopping=False, max_iter=50, random_state=0)
    weights = {"mlpgdregressor__sample_weight": np.ones(len(y))}
    assert make_pipeline(network, forest).fit(X, y, **weights).score(X, y) > 0.5


def test_a_stripped_network_transforms():
    X, y = raw_data(MLPGDRegressor)
    reg = MLPGDRegressor(6, **SETTINGS).fit(X, y)
    before = reg.transform(X)
    assert_array_equal(reg.strip().transform(X), before)
