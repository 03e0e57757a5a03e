"""Networks that begin with piecewise linear functions of each number."""

import pickle
from copy import copy

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import check_estimator

from skgd import MLPGDClassifier, MLPGDRegressor
from skgd.inspection import learning_rate_range
from skgd.plotting import ActivationsDisplay, WeightsDisplay
from skgd.preprocessing import PiecewiseLinearEncoder

RNG = np.random.default_rng(0)
X = RNG.uniform(-3, 3, (1600, 2))
Y = np.sin(3 * X[:, 0]) + 0.1 * X[:, 1]
OPTIONS = {"max_iter": 30, "early_stopping": False, "tol": None, "random_state": 0}


def embedded(estimator=MLPGDRegressor, **options):
    options = {**OPTIONS, "num_embedding": "piecewise_linear", **options}
    return estimator((8,), **options)


def test_it_learns_waves():
    assert embedded(num_embedding=None).fit(X, Y).score(X, Y) < 0.3
    assert embedded().fit(X, Y).score(X, Y) > 0.98


def test_it_learns_steps_of_classes():
    y = np.where(np.sin(4 * X[:, 0]) > 0, "yes", "no")
    assert embedded(MLPGDClassifier, num_embedding=None).fit(X, y).score(X, y) < 0.7
    assert embedded(MLPGDClassifier).fit(X, y).score(X, y) > 0.95


def test_the_knots_are_those_of_the_encoder():
    X_more = np.column_stack([X, X[:, 0] > 0, np.round(X[:, 1])])
    model = embedded().fit(X_more, Y)
    encoder = PiecewiseLinearEncoder().fit(X_more)
    assert len(model.knots_) == model.n_features_in_ == 4
    for found, expected in zip(model.knots_, encoder.knots_, strict=True):
        assert_array_equal(found, expected)
    assert len(model.knots_[2]) == 0
    n_hats = sum(len(knots) - 1 for knots in model.knots_ if len(knots))
    assert model.coefs_[0].shape == (4 + n_hats, 8)


def test_the_weights_act_on_features_and_hat_functions():
    model = embedded().fit(X, Y)
    encoded = PiecewiseLinearEncoder(sparse_output=False).fit_transform(X)
    n = len(model.knots_[0])  # the feature and one hat function for each later knot
    encoded = np.hstack([encoded[:, [0, n]], encoded[:, 1:n], encoded[:, n + 1 :]])
    hidden = np.maximum(encoded @ model.coefs_[0] + model.intercepts_[0], 0)
    expected = hidden @ model.coefs_[1] + model.intercepts_[1]
    assert_allclose(model.predict(X), expected[:, 0], atol=1e-12)
    assert_allclose(model.transform(X), hidden, atol=1e-12)


def test_each_function_is_linear_at_the_start():
    model = embedded(max_iter=1, learning_rate_init=1e-12).fit(X, Y)
    assert_allclose(model.coefs_[0][2:], 0, atol=1e-9)
    assert np.linalg.norm(model.coefs_[0][:2], axis=1).min() > 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_and_sparse_rows_agree(dtype):
    X_gaps = np.where(X > 1, X, 0).astype(dtype)
    for rows in (X.astype(dtype), X_gaps):
        dense = embedded().fit(rows, Y)
        assert dense.coefs_[0].dtype == dtype
        assert_allclose(
            dense.predict(rows), dense.predict(sp.csr_matrix(rows)), rtol=0, atol=1e-6
        )
    sparse = embedded().fit(sp.csr_array(X.astype(dtype)), Y)
    dense = embedded().fit(X.astype(dtype), Y)
    assert_array_equal(sparse.predict(X), dense.predict(X))


@pytest.mark.parametrize(
    "options",
    [
        {"early_stopping": "auto"},
        {"early_stopping": True, "scoring": "r2"},
        {"input_scale": True},
        {"standardize": False},
        {"batch_norm": True},
        {"dropout": 0.01},
        {"solver": "sgd", "max_iter": 10},
        {"solver": "batch", "optimizer": "lbfgs", "max_iter": 100},
    ],
    ids=str,
)
def test_options(options):
    assert embedded(**options).fit(X, Y).score(X, Y) > 0.85


def test_validation_data_are_raw():
    model = embedded(early_stopping=True, scoring=None)
    model.fit(X[:1200], Y[:1200], X_val=X[1200:], y_val=Y[1200:])
    best = model.validation_scores_[model.best_iter_ - 1]
    assert_allclose(best, model.score(X[1200:], Y[1200:]))


def test_partial_fit_in_pieces():
    model = embedded()
    for _ in range(30):
        for part in np.array_split(np.arange(1600), 2):
            model.partial_fit(X[part], Y[part])
    assert model.score(X, Y) > 0.9
    first = PiecewiseLinearEncoder().fit(X[:800])
    for found, expected in zip(model.knots_, first.knots_, strict=True):
        assert_array_equal(found, expected)


def test_partial_fit_is_fit_in_single_epochs():
    options = {"alpha": 0.1, "learning_rate": "constant", "learning_rate_init": 0.001}
    whole = embedded(max_iter=3, batch_size=50, **options).fit(X, Y)
    pieces = embedded(batch_size=50, **options)
    for _ in range(3):
        pieces.partial_fit(X, Y)
    assert_array_equal(whole.predict(X), pieces.predict(X))


def test_a_warm_start_keeps_the_knots():
    model = embedded(warm_start=True).fit(X[:300], Y[:300])
    knots = model.knots_
    once = model.score(X, Y)
    model.fit(X, Y)
    assert model.knots_ is knots
    assert model.score(X, Y) > once
    before = model.predict(X)
    with pytest.raises(ValueError, match="same num_embedding. It was 'piecewise_linea"):
        model.set_params(num_embedding=None).fit(X, Y)
    assert_array_equal(model.predict(X), before)
    model.set_params(warm_start=False).fit(X, Y)
    assert not hasattr(model, "knots_")
    with pytest.raises(ValueError, match="It was None, now it would be 'piecewise"):
        model.set_params(num_embedding="piecewise_linear").partial_fit(X, Y)


def test_weights_count_as_repeated_rows():
    weights = np.random.default_rng(1).integers(0, 4, len(X))
    weighted = embedded().fit(X, Y, sample_weight=weights)
    n_used = np.count_nonzero(weights)
    few = PiecewiseLinearEncoder(n_used // 50).fit(X.repeat(weights, axis=0))
    for found, expected in zip(weighted.knots_, few.knots_, strict=True):
        assert_array_equal(found, expected)
    scaled = embedded().fit(X, Y, sample_weight=weights * 8)
    assert_array_equal(scaled.knots_[0], weighted.knots_[0])


def test_input_dropout_is_refused():
    model = embedded(input_dropout=0.2)
    with pytest.raises(ValueError, match="must be 0 with num_embedding='piecewise_lin"):
        model.fit(X, Y)
    assert not hasattr(model, "n_features_in_")
    with pytest.raises(ValueError, match="'num_embedding' parameter of MLPGDRegressor"):
        embedded(num_embedding="linear").fit(X, Y)


def test_copies_and_stripping():
    model = embedded().fit(X, Y)
    expected = model.predict(X)
    for other in (pickle.loads(pickle.dumps(model)), copy(model)):
        assert_array_equal(other.predict(X), expected)
        other.partial_fit(X, Y)
        assert_array_equal(model.predict(X), expected)
    assert_array_equal(pickle.loads(pickle.dumps(model.strip())).predict(X), expected)
    assert not hasattr(clone(model), "knots_")


def test_errors_name_the_columns():
    table = pd.DataFrame({"a": X[:, 0], "b": X[:, 1] * 1e300})
    model = embedded()
    with pytest.raises(ValueError, match="Column 'b' has values up to"):
        model.fit(table, Y)
    assert not hasattr(model, "knots_")
    table = pd.DataFrame({"a": X[:, 0] * 1e-3, "b": X[:, 1] * 1e-3})
    model = embedded(standardize=False, optimizer="sgd", learning_rate_init=1e9)
    with (
        pytest.warns(ConvergenceWarning),
        pytest.raises(ValueError, match="in training are 'b' .*, 'a' .*|'a' .*, 'b' "),
    ):
        model.fit(table, Y)


def test_displays_and_the_range_test():
    pytest.importorskip("matplotlib").use("agg")
    model = embedded().fit(X, Y)
    WeightsDisplay.from_estimator(model)
    ActivationsDisplay.from_estimator(model, X)
    assert learning_rate_range(embedded(), X, Y).suggestion > 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", [MLPGDClassifier, MLPGDRegressor])
def test_the_checks_of_scikit_learn(estimator):
    check_estimator(estimator(num_embedding="piecewise_linear"), on_skip=None)
