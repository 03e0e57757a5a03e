"""Step for step the same as scikit-learn, where the method is the same."""

from itertools import product

import numpy as np
import pytest
from helpers import scale
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd.losses import EpsilonInsensitive, Huber, SquaredEpsilonInsensitive
from skgd.optimizers import SGD, Adam, Momentum
from skgd.schedules import InverseScaling

PENALTIES = ["l2", "l1", "elasticnet", None]


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return scale(X), scale(y)


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


REGRESSION = {
    "squared_error": "squared_error",
    "huber": Huber(epsilon=0.1),
    "epsilon_insensitive": EpsilonInsensitive(epsilon=0.1),
    "squared_epsilon_insensitive": SquaredEpsilonInsensitive(epsilon=0.1),
}


@pytest.mark.parametrize("loss", REGRESSION)
@pytest.mark.parametrize("penalty", PENALTIES)
# SGD* averages before it truncates: with L1 the averages differ by design.
@pytest.mark.parametrize("average", [False, True, 300])
def test_sgd_regressor(diabetes, loss, penalty, average):
    if average and penalty in ("l1", "elasticnet"):
        average = False
    X, y = diabetes
    shared = dict(
        penalty=penalty,
        alpha=0.01,
        shuffle=False,
        max_iter=5,
        tol=None,
        average=average,
    )
    theirs = SGDRegressor(
        loss=loss,
        epsilon=0.1,
        learning_rate="invscaling",
        eta0=0.01,
        power_t=0.25,
        **shared,
    ).fit(X, y)
    ours = GDRegressor(
        loss=REGRESSION[loss],
        learning_rate=InverseScaling(power_t=0.25),
        learning_rate_init=0.01,
        solver="sgd",
        optimizer="sgd",
        standardize=False,
        **shared,
    ).fit(X, y)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-10, atol=1e-12)
    assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-10, atol=1e-12)
    assert ours.t_ == theirs.t_
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.intercept_.shape == theirs.intercept_.shape


@pytest.mark.parametrize(
    "loss", ["log_loss", "hinge", "squared_hinge", "modified_huber", "perceptron"]
)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("binary", [True, False])
def test_sgd_classifier(iris, loss, penalty, binary):
    X, y = iris
    # With three classes our log loss is multinomial, theirs one versus all.
    y = (y > 0).astype(int) if binary or loss == "log_loss" else y
    shared = dict(penalty=penalty, alpha=0.01, shuffle=False, max_iter=5, tol=None)
    theirs = SGDClassifier(loss=loss, learning_rate="constant", eta0=0.01, **shared)
    ours = GDClassifier(
        loss=loss,
        learning_rate="constant",
        learning_rate_init=0.01,
        solver="sgd",
        optimizer="sgd",
        **shared,
    )
    theirs.fit(X, y)
    ours.fit(X, y)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-10, atol=1e-12)
    assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-10, atol=1e-12)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    scores = theirs.decision_function(X)
    assert_allclose(ours.decision_function(X), scores, rtol=1e-10, atol=1e-12)
    assert hasattr(ours, "predict_proba") == hasattr(theirs, "predict_proba")
    if hasattr(theirs, "predict_proba"):
        assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-12)


OPTIMIZERS = {
    "sgd": (dict(solver="sgd", momentum=0.0), SGD()),
    "momentum": (
        dict(solver="sgd", momentum=0.9, nesterovs_momentum=False),
        Momentum(momentum=0.9),
    ),
    "nesterov": (
        dict(solver="sgd", momentum=0.9, nesterovs_momentum=True),
        Momentum(momentum=0.9, nesterov=True),
    ),
    # The two put epsilon in different places; with next to none they agree.
    "adam": (dict(solver="adam", epsilon=1e-300), Adam(epsilon=1e-300)),
}


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_mlp(diabetes, iris, activation, optimizer, task):
    X, y = diabetes if task == "regression" else iris
    y = (y > 0).astype(int) if task == "binary" else y
    theirs, ours = (
        (MLPRegressor, MLPGDRegressor)
        if task == "regression"
        else (MLPClassifier, MLPGDClassifier)
    )
    options, rule = OPTIMIZERS[optimizer]
    shared = dict(
        hidden_layer_sizes=(7, 5),
        activation=activation,
        alpha=0.1,
        learning_rate_init=0.01,
        batch_size=40,
        shuffle=False,
        max_iter=5,
        random_state=3,
    )
    with pytest.warns(UserWarning, match="Maximum iterations"):
        theirs = theirs(**shared, **options).fit(X, y)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        ours = ours(
            **shared, weight_init="glorot", optimizer=rule, learning_rate="constant"
        ).fit(X, y)
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            assert_allclose(a, b, rtol=1e-9, atol=1e-11)
    for name in ("t_", "n_iter_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(ours, name) == getattr(theirs, name)
    # Theirs adds the penalty of each batch's weights, ours that at the epoch's start.
    assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=0.02)
    if task == "regression":
        assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8)
    else:
        assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-8)


def test_the_same_seed_gives_the_same_initial_network(diabetes):
    X, y = diabetes
    # A rate of next to nothing leaves the initial parameters.
    shared = dict(
        hidden_layer_sizes=(5, 4),
        activation="logistic",
        learning_rate_init=1e-300,
        max_iter=1,
        random_state=7,
    )
    with pytest.warns(UserWarning, match="Maximum iterations"):
        theirs = MLPRegressor(**shared).fit(X, y)
    start = dict(standardize=False, weight_init="glorot")
    with pytest.warns(UserWarning, match="Maximum iterations"):
        ours = MLPGDRegressor(**shared, **start).fit(X, y)
    for a, b in product([0, 1, 2], ["coefs_", "intercepts_"]):
        assert_array_equal(getattr(ours, b)[a], getattr(theirs, b)[a])
    assert np.isfinite(ours.loss_)
