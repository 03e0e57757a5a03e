"""Inputs of networks that are set to zero in training."""

import numpy as np
import pytest
from helpers import as_csr
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_classifier
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import scale

from skgd import MLPGDClassifier, MLPGDRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FORMS = {"dense": np.array, "sparse": as_csr}
MLP = [MLPGDRegressor, MLPGDClassifier]
X_REG, Y_REG = load_diabetes(return_X_y=True)
X_REG, Y_REG = np.where(X_REG > -0.02, 30 * X_REG, 0), scale(Y_REG)
X_CLF, Y_CLF = load_iris(return_X_y=True)
PLAIN = dict(
    learning_rate="constant",
    learning_rate_init=0.01,
    standardize=False,
    early_stopping=False,
    tol=None,
    random_state=0,
)


def data_for(estimator):
    return (X_CLF, Y_CLF) if is_classifier(estimator()) else (X_REG, Y_REG)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rate", [0.2, 0.7])
def test_the_mean_and_the_variance_of_the_mask(rate, form, standardize):
    # Of a linear network: E (m @ v - y)^2 = (x @ v - y)^2 + q / (1 - q) sum (x v)^2
    # where m is x masked and q the share of zeros. Each pass draws other masks.
    options = {**PLAIN, "learning_rate_init": 1e-300, "standardize": standardize}
    model = MLPGDRegressor(
        (4, 3),
        activation="identity",
        penalty=None,
        optimizer="sgd",
        solver="batch",
        input_dropout=rate,
        **options,
    )
    X = FORMS[form](X_REG)
    n_passes = 300
    for _ in range(n_passes):
        model.partial_fit(X, Y_REG)
    seen, slopes = X_REG, model.coefs_[0] @ model.coefs_[1] @ model.coefs_[2]
    slopes = slopes.ravel()
    if standardize:  # zero is the mean then
        seen = X_REG - model._state.units.mean
    errors = (model.predict(X) - Y_REG) ** 2
    noise = rate / (1 - rate) * ((seen * slopes) ** 2).sum(axis=1)
    losses = np.array(model.loss_curve_)
    deviation = losses.std() / np.sqrt(n_passes)
    assert abs(losses.mean() - 0.5 * np.mean(errors + noise)) < 4 * deviation
    assert 4 * deviation < 0.2 * 0.5 * np.mean(noise)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("solver", ["batch", "minibatch", "sgd"])
@pytest.mark.parametrize("estimator", MLP)
def test_every_solver_and_form(estimator, solver, form, standardize, batch_norm):
    X, y = data_for(estimator)
    options = {**PLAIN, "standardize": standardize, "batch_norm": batch_norm}
    options.update(solver=solver, batch_size=40, input_dropout=0.3, dropout=0.1)
    model = estimator((6, 4), max_iter=2, **options).fit(FORMS[form](X), y)
    raw = model.predict if estimator is MLPGDRegressor else model.predict_proba
    # prediction has no mask: it is that of the same network without
    plain = estimator((6, 4), max_iter=2, **{**options, "input_dropout": 0.0})
    plain.fit(FORMS[form](X), y)
    assert np.abs(model.coefs_[0] - plain.coefs_[0]).max() > 1e-3
    for name in ("coefs_", "intercepts_", "gammas_", "betas_"):
        if hasattr(model, name):
            setattr(plain, name, getattr(model, name))
    if batch_norm:
        plain.running_means_ = model.running_means_
        plain.running_vars_ = model.running_vars_
    other = plain.predict if estimator is MLPGDRegressor else plain.predict_proba
    assert_allclose(raw(X), other(X), rtol=1e-12)
    assert_allclose(raw(as_csr(X)), other(X), rtol=1e-9)
    # in pieces
    parts = estimator((6, 4), **options)
    kwargs = {"classes": np.unique(y)} if is_classifier(parts) else {}
    for _ in range(2):
        parts.partial_fit(FORMS[form](X), y, **kwargs)
    assert_array_equal(parts.coefs_[0], model.coefs_[0])


@pytest.mark.parametrize("solver", ["batch", "minibatch", "sgd"])
@pytest.mark.parametrize("estimator", MLP)
def test_sparse_data_see_the_same_masks(estimator, solver):
    X, y = data_for(estimator)
    options = dict(solver=solver, batch_size=40, input_dropout=0.3, max_iter=2, **PLAIN)
    dense = estimator((6, 4), **options).fit(X, y)
    sparse = estimator((6, 4), **options).fit(as_csr(X), y)
    for ours, theirs in zip(dense.coefs_, sparse.coefs_, strict=True):
        assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def test_hidden_outputs_have_no_mask():
    options = dict(input_dropout=0.5, activation="tanh", max_iter=2, **PLAIN)
    model = MLPGDRegressor((6, 4), **options).fit(X_REG, Y_REG)
    outputs = model._hidden_outputs(X_REG)
    first = X_REG @ model.coefs_[0] + model.intercepts_[0]
    second = np.tanh(first) @ model.coefs_[1] + model.intercepts_[1]
    assert_allclose(outputs[0][0], first, rtol=0, atol=1e-12)
    assert_allclose(outputs[1][0], second, rtol=0, atol=1e-12)


def test_noise_at_the_inputs_helps_where_features_are_many():
    # 200 features, 20 of them with a say, in 100 rows: a network learns the rows
    scores = {0.0: [], 0.4: []}
    for seed in range(5):
        rng = np.random.RandomState(seed)
        X = rng.standard_normal((600, 200))
        y = X[:, :20].sum(axis=1) / np.sqrt(20) + 0.3 * rng.standard_normal(600)
        for rate, found in scores.items():
            options = {**PLAIN, "random_state": seed, "input_dropout": rate}
            options.update(learning_rate_init=0.001)
            model = MLPGDRegressor(30, max_iter=100, **options).fit(X[:100], y[:100])
            found.append(model.score(X[100:], y[100:]))
    assert np.mean(scores[0.4]) > np.mean(scores[0.0]) + 0.03
