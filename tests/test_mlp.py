"""MLPGDRegressor and MLPGDClassifier: attributes, worked example, regularisation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes, load_digits, make_multilabel_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from skgd import MLPGDClassifier, MLPGDRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X_REG, Y_REG = load_diabetes(return_X_y=True)
X_REG, Y_REG = scale(X_REG), scale(Y_REG)
X_DIGITS, Y_DIGITS = load_digits(return_X_y=True)
X_DIGITS = X_DIGITS / 16


def test_attributes():
    model = MLPGDClassifier((5, 4), max_iter=3, tol=None, random_state=0)
    model.fit(X_DIGITS, Y_DIGITS)
    assert [w.shape for w in model.coefs_] == [(64, 5), (5, 4), (4, 10)]
    assert [b.shape for b in model.intercepts_] == [(5,), (4,), (10,)]
    assert (model.n_layers_, model.n_outputs_) == (4, 10)
    assert model.out_activation_ == "softmax"
    assert model.t_ == 3 * len(X_DIGITS)
    assert model.loss_ == model.loss_curve_[-1]
    assert model.best_loss_ == min(model.loss_curve_)
    assert model.validation_scores_ is None
    assert model.best_validation_score_ is None
    assert not hasattr(model, "gammas_")
    assert not hasattr(model, "decision_function")

    binary = MLPGDClassifier(5, max_iter=2, tol=None).fit(X_DIGITS, Y_DIGITS > 4)
    assert (binary.out_activation_, binary.n_outputs_) == ("logistic", 1)
    poisson = MLPGDRegressor(loss="poisson", max_iter=2, tol=None).fit(X_REG, Y_REG**2)
    assert poisson.out_activation_ == "exp"
    assert (poisson.predict(X_REG) > 0).all()
    linear = MLPGDRegressor((), max_iter=2, tol=None).fit(X_REG, Y_REG)
    assert [w.shape for w in linear.coefs_] == [(10, 1)]


def test_batch_norm_attributes():
    model = MLPGDRegressor((5, 4), batch_norm=True, max_iter=3, tol=None)
    model.fit(X_REG, Y_REG)
    for name in ("gammas_", "betas_", "running_means_", "running_vars_"):
        assert [a.shape for a in getattr(model, name)] == [(5,), (4,)]
    assert all((v > 0).all() for v in model.running_vars_)
    # the batch takes an intercept off again: those of hidden layers stay
    options = dict(batch_norm=True, standardize=False, tol=None, random_state=0)
    start = MLPGDRegressor((5, 4), max_iter=1, **options)
    more = MLPGDRegressor((5, 4), max_iter=5, **options)
    start.fit(X_REG, Y_REG)
    more.fit(X_REG, Y_REG)
    assert_array_equal(start.intercepts_[0], more.intercepts_[0])
    assert not np.array_equal(start.intercepts_[2], more.intercepts_[2])


def forward(model, X):
    """The network at prediction, in NumPy."""
    A = X
    for i, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        A = A @ W + b
        if i == len(model.coefs_) - 1:
            return A
        if model.batch_norm:
            A = (A - model.running_means_[i]) / np.sqrt(model.running_vars_[i] + 1e-5)
            A = model.gammas_[i] * A + model.betas_[i]
        A = {
            "relu": lambda z: np.maximum(z, 0),
            "tanh": np.tanh,
            "logistic": lambda z: 1 / (1 + np.exp(-z)),
            "identity": lambda z: z,
        }[model.activation](A)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_predictions(activation, batch_norm):
    options = dict(activation=activation, batch_norm=batch_norm, dropout=0.2)
    options.update(max_iter=10, tol=None, random_state=0)
    reg = MLPGDRegressor((6, 4), **options).fit(X_REG, Y_REG)
    assert_allclose(reg.predict(X_REG), forward(reg, X_REG).ravel(), rtol=1e-9)
    clf = MLPGDClassifier((6, 4), **options).fit(X_DIGITS, Y_DIGITS)
    Z = np.exp(forward(clf, X_DIGITS))
    P = clf.predict_proba(X_DIGITS)
    assert_allclose(P, Z / Z.sum(axis=1, keepdims=True), rtol=1e-8)
    assert_allclose(clf.predict_log_proba(X_DIGITS), np.log(P))
    assert_array_equal(clf.predict(X_DIGITS), clf.classes_[P.argmax(axis=1)])


def test_worked_example():
    # scikit-learn's example by hand: one sample, logistic units, rate and alpha 0.1
    model = MLPGDClassifier(
        2,
        activation="logistic",
        optimizer="sgd",
        learning_rate_init=0.1,
        alpha=0.1,
        standardize=False,
        random_state=1,
    )
    model.coefs_ = [
        np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0]]),
        np.array([[0.1], [0.2]]),
    ]
    model.intercepts_ = [np.array([0.1, 0.1]), np.array([1.0])]
    X = np.array([[0.6, 0.8, 0.7]])
    model.partial_fit(X, [0], classes=[0, 1])
    expected = [[0.098, 0.195756], [0.2956664, 0.096008], [0.4939998, -0.002244]]
    assert_allclose(model.coefs_[0], expected, atol=1e-3)
    assert_allclose(model.coefs_[1], [[0.04706], [0.154089]], atol=1e-4)
    assert_allclose(model.intercepts_[0], [0.098333, 0.09626], atol=1e-5)
    assert_allclose(model.intercepts_[1], [0.9235], atol=1e-4)
    assert_allclose(model.predict_proba(X)[0, 1], 0.739, atol=1e-3)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_set_parameters_and_go_on(batch_norm):
    model = MLPGDRegressor(
        5, batch_norm=batch_norm, max_iter=5, tol=None, random_state=0
    )
    model.fit(X_REG, Y_REG)
    model.set_params(learning_rate_init=1e-12)
    model.coefs_ = [np.full_like(w, 0.1) for w in model.coefs_]
    model.intercepts_[1][:] = 3.0  # in place, too
    if batch_norm:
        model.gammas_[0] = np.full(5, 2.0)
    model.partial_fit(X_REG, Y_REG)
    assert_allclose(model.coefs_[0], 0.1, atol=1e-9)
    assert_allclose(model.intercepts_[1], 3.0, atol=1e-9)
    if batch_norm:
        assert_allclose(model.gammas_[0], 2.0, atol=1e-9)
    model.coefs_ = model.coefs_[:1]
    with pytest.raises(ValueError, match="Expected 2 arrays of W, got 1"):
        model.predict(X_REG)
    model.coefs_ = [np.zeros((10, 4)), np.zeros((4, 1))]
    with pytest.raises(ValueError, match=r"shape \(10, 4\) do not match the network"):
        model.partial_fit(X_REG, Y_REG)


def test_another_network_cannot_go_on():
    model = MLPGDRegressor(5, max_iter=2, tol=None, warm_start=True).fit(X_REG, Y_REG)
    with pytest.raises(ValueError, match="same numbers of features, .* It was"):
        model.set_params(hidden_layer_sizes=(5, 5)).fit(X_REG, Y_REG)
    with pytest.raises(ValueError, match="same batch_norm. It was False"):
        model.set_params(hidden_layer_sizes=5, batch_norm=True).partial_fit(
            X_REG, Y_REG
        )


def test_multilabel():
    X, Y = make_multilabel_classification(n_samples=100, random_state=0)
    model = MLPGDClassifier(early_stopping=False, random_state=0).fit(X, Y)
    assert model.out_activation_ == "logistic"
    assert model.score(X, Y) > 0.7
    P = model.predict_proba(X)
    assert_array_equal(P > 0.5, model.predict(X).astype(bool))
    assert np.abs(P.sum(axis=1) - 1).max() > 0.1
    model.partial_fit(X, Y)
    with pytest.raises(ValueError, match="of the same kind as in the previous call"):
        model.partial_fit(X, Y[:, 0])


def test_alpha_shrinks_the_weights():
    def norm(**params):
        model = MLPGDRegressor(10, random_state=0, max_iter=100, tol=None, **params)
        return sum(np.square(w).sum() for w in model.fit(X_REG, Y_REG).coefs_)

    assert norm(alpha=1000.0) < norm(alpha=50.0) < norm(alpha=0.0)
    assert norm(alpha=5.0, penalty=None) == norm(alpha=0.0)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad", "rmsprop", "adam"])
def test_l1_gives_exact_zeros(optimizer):
    model = MLPGDRegressor(
        10,
        penalty="l1",
        alpha=20.0,
        optimizer=optimizer,
        learning_rate_init=0.01,
        solver="batch",
        random_state=0,
        max_iter=400,
        tol=None,
    ).fit(X_REG, Y_REG)
    weights = np.concatenate([w.ravel() for w in model.coefs_])
    assert 0.1 < (weights == 0).mean() < 1
    assert model.score(X_REG, Y_REG) > 0.4
    assert not (np.concatenate(model.intercepts_) == 0).any()


def test_dropout_regularises():
    # With little data and a wide network, dropout closes the gap between training
    # and test score. In ten repetitions with other seeds the gap shrank to a share
    # of 0.33 to 0.49 (mean 0.41, standard deviation 0.05).
    gaps = {}
    for dropout in (0.0, 0.5):
        gaps[dropout] = 0.0
        for seed in range(3):
            X, T, y, t = train_test_split(X_REG, Y_REG, random_state=seed)
            model = MLPGDRegressor(
                200, dropout=dropout, random_state=seed, max_iter=300
            )
            model.set_params(tol=None, learning_rate_init=3e-3)
            model.set_params(learning_rate="constant").fit(X, y)
            gaps[dropout] += model.score(X, y) - model.score(T, t)
    assert gaps[0.5] < 0.6 * gaps[0.0]


def test_one_rate_of_dropout_for_each_layer():
    options = dict(max_iter=3, tol=None, random_state=0)
    both = MLPGDRegressor((6, 4), dropout=0.3, **options).fit(X_REG, Y_REG)
    each = MLPGDRegressor((6, 4), dropout=(0.3, 0.3), **options).fit(X_REG, Y_REG)
    assert_array_equal(both.coefs_[0], each.coefs_[0])
    first = MLPGDRegressor((6, 4), dropout=[0.3, 0], **options).fit(X_REG, Y_REG)
    assert not np.array_equal(both.coefs_[0], first.coefs_[0])


@pytest.mark.parametrize("solver", ["minibatch", "sgd"])
def test_digits(solver):
    X, T, y, t = train_test_split(X_DIGITS, Y_DIGITS, random_state=0, stratify=Y_DIGITS)
    model = MLPGDClassifier(
        solver=solver,
        batch_norm=True,
        dropout=0.1,
        max_iter=30 if solver == "minibatch" else 5,
        tol=None,
        random_state=0,
    ).fit(X, y)
    assert model.score(T, t) > 0.95


def test_batch_norm_with_a_last_batch_of_one():
    model = MLPGDRegressor(5, batch_norm=True, batch_size=21, max_iter=20, tol=None)
    model.set_params(random_state=0).fit(X_REG, Y_REG)  # 442 = 21 * 21 + 1
    assert model.score(X_REG, Y_REG) > 0.3
    one = MLPGDRegressor(5, batch_norm=True, max_iter=5, tol=None, random_state=0)
    one.fit(X_REG[:1], Y_REG[:1])
    assert np.isfinite(one.predict(X_REG)).all()


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.5, 1: 3.0, 2: 1.0}])
def test_class_weights_multiply_sample_weights(class_weight, early_stopping):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((120, 4)), np.repeat([0, 1, 2], [70, 20, 30])
    weights = rng.uniform(0.2, 2, 120)
    by_class = class_weight
    if class_weight == "balanced":
        by_class = weights.sum() / 3 / np.bincount(y, weights)
    product = weights * np.array([by_class[k] for k in y])
    options = dict(max_iter=15, tol=None, random_state=0, early_stopping=early_stopping)
    model = MLPGDClassifier(8, class_weight=class_weight, **options)
    model.fit(X, y, sample_weight=weights)
    twin = MLPGDClassifier(8, **options).fit(X, y, sample_weight=product)
    assert_array_equal(model.coefs_[0], twin.coefs_[0])
    assert model.validation_loss_curve_ == twin.validation_loss_curve_
    if class_weight == "balanced":
        with pytest.raises(ValueError, match="'balanced' is not supported for partial"):
            model.partial_fit(X, y)
    else:
        model.partial_fit(X, y, sample_weight=weights)
        twin.partial_fit(X, y, sample_weight=product)
        assert_array_equal(model.coefs_[0], twin.coefs_[0])
