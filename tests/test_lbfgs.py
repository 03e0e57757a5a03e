"""optimizer='lbfgs': SciPy's L-BFGS-B on the training objective."""

import warnings

import numpy as np
import pytest
from helpers import in_units
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from scipy.optimize import OptimizeResult
from sklearn.base import is_classifier
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    make_multilabel_classification,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from skgd import (
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
    diagnose,
)
from skgd._training import lbfgs
from skgd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES, Quantile
from skgd.optimizers import LBFGS

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X), scale(Y)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
MODE = dict(solver="batch", optimizer="lbfgs")
EXACT = dict(tol=1e-10, max_iter=3000, **MODE)


def data_for(estimator):
    return (X_IRIS, Y_IRIS) if is_classifier(estimator()) else (X, Y)


def small(estimator, **params):
    params = {"random_state": 0, "early_stopping": False, **MODE, **params}
    network = {"hidden_layer_sizes": (6,), "activation": "tanh"}
    if hasattr(estimator(), "activation"):
        return estimator(**{**network, **params})
    params.pop("activation", None)
    return estimator(**params)


def parameters(model):
    arrays = [model.coef_, model.intercept_] if hasattr(model, "coef_") else None
    arrays = arrays or model.coefs_ + model.intercepts_
    return np.concatenate([np.ravel(array) for array in arrays])


def most(estimator, n_iter):
    """A number of iterations, of which each one moves something."""
    # For a squared error, the whitened objective is round: the first iteration finds
    # the direction, and the second one the length.
    return 2 if estimator is GDRegressor else n_iter


def objective(model, features, targets, l2):
    """What training minimises, from predictions and public weights in raw units."""
    weights = [model.coef_] if hasattr(model, "coef_") else model.coefs_
    if is_classifier(model):
        P = model.predict_proba(features)
        loss = -np.mean(np.log(P[np.arange(len(targets)), targets]))
    else:
        loss = np.mean((model.predict(features) - targets) ** 2) / 2
    return loss + l2 / 2 * sum(np.sum(w**2) for w in weights)


# ---------------------------------------------------------------- known optima
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("rows", [np.array, sp.csr_matrix])
@pytest.mark.parametrize("targets", [Y, np.c_[Y, X[:, 0] * Y, np.exp(Y)]])
def test_it_is_ridge(targets, rows, standardize):
    model = GDRegressor(alpha=0.01, standardize=standardize, **EXACT)
    features = in_units(X) if standardize else X  # in the units of training
    model.fit(rows(features), targets)
    # (a target in standardised units has the same weights times its unit)
    ridge = Ridge(0.01 * len(X), solver="cholesky").fit(features, targets)
    assert_allclose(model.coef_, ridge.coef_, atol=1e-6)
    assert_allclose(model.intercept_, ridge.intercept_, atol=1e-6)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("labels", [Y_IRIS, Y_IRIS == 1])
def test_it_is_logistic_regression(labels, standardize):
    weights = np.random.RandomState(0).uniform(0.5, 3, len(labels))
    rows = scale(X_IRIS)  # so that standardised units are the same, without weights
    for given in (None, None if standardize else weights):
        total = len(labels) if given is None else given.sum()
        exact = LogisticRegression(C=1 / (0.02 * total), tol=1e-10, max_iter=3000)
        exact.fit(rows, labels, sample_weight=given)
        model = GDClassifier(alpha=0.02, standardize=standardize, **EXACT)
        model.fit(rows, labels, sample_weight=given)
        assert_allclose(model.coef_, exact.coef_, atol=1e-6)
        # the sum of the intercepts of several classes does not matter
        shift = model.intercept_ - exact.intercept_
        assert_allclose(shift, shift[0] if len(shift) > 1 else 0, atol=1e-6)
        assert model.n_iter_ < 100


def test_class_weights_and_multilabel_targets():
    exact = LogisticRegression(class_weight={0: 1, 1: 5}, C=0.5, tol=1e-10)
    exact.fit(X_IRIS, Y_IRIS == 1)
    total = np.where(Y_IRIS == 1, 5, 1).sum()
    model = GDClassifier(
        alpha=2 / total, standardize=False, class_weight={0: 1, 1: 5}, **EXACT
    )
    model.fit(X_IRIS, (Y_IRIS == 1).astype(int))
    assert_allclose(model.coef_, exact.coef_, atol=1e-6)

    rows, labels = make_multilabel_classification(n_samples=200, random_state=0)
    rows = scale(rows)
    options = dict(alpha=0.1, standardize=False, **EXACT)
    model = GDClassifier(**options).fit(rows, labels)
    for k in range(labels.shape[1]):
        single = LogisticRegression(C=1 / (200 * 0.1), tol=1e-10)
        single.fit(rows, labels[:, k])
        # the loss of a sample is the mean or the sum over the labels, for all alike
        assert_allclose(model.coef_[k : k + 1], single.coef_, atol=1e-6)


@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_it_follows_mlp_of_scikit_learn(kind):
    features, targets = data_for(kind)
    options = dict(hidden_layer_sizes=(7, 5), activation="tanh", alpha=2.0, tol=1e-12)
    theirs = kind(solver="lbfgs", random_state=0, max_iter=25, **options)
    start = kind(solver="sgd", learning_rate_init=1e-300, random_state=0, max_iter=1)
    ours = MLPGDRegressor if kind is MLPRegressor else MLPGDClassifier
    ours = ours(
        standardize=False, early_stopping=False, warm_start=True, max_iter=25,
        **MODE, **options,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(features, targets)
        start.set_params(**options).fit(features, targets)
        ours.coefs_, ours.intercepts_ = start.coefs_, start.intercepts_
        ours.fit(features, targets)
    assert ours.n_iter_ == theirs.n_iter_ == 25
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-7)
    for a, b in zip(ours.coefs_, theirs.coefs_, strict=True):
        assert_allclose(a, b, atol=1e-5)


# ---------------------------------------------------------------- forms of data
@pytest.mark.parametrize("max_iter", [10, 2000])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_weights_are_repetitions(estimator, max_iter):
    features, targets = data_for(estimator)
    weights = np.arange(len(features)) % 3
    options = dict(alpha=0.5, tol=1e-9 if max_iter > 10 else None, max_iter=max_iter)
    weighted = small(estimator, **options).fit(features, targets, sample_weight=weights)
    repeated = small(estimator, **options).fit(
        np.repeat(features, weights, axis=0), np.repeat(targets, weights)
    )
    assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-6)
    if max_iter == 10:  # (a network has several optima)
        assert_allclose(parameters(weighted), parameters(repeated), atol=1e-7)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_sparse_rows_are_dense_rows(estimator, early_stopping):
    features, targets = data_for(estimator)
    rows = np.where(np.abs(features) > 0.7, features, 0)
    options = dict(max_iter=12, tol=None, standardize=False)
    options["early_stopping"] = early_stopping
    dense = small(estimator, **options).fit(rows, targets)
    sparse = small(estimator, **options).fit(sp.csr_matrix(rows), targets)
    assert_allclose(parameters(sparse), parameters(dense), atol=1e-7)
    assert sparse.n_iter_ == dense.n_iter_


def test_standardised_sparse_rows():
    # they are not centred, as without an intercept
    rows = np.where(np.abs(X) > 0.7, X, 0)
    options = dict(fit_intercept=False, alpha=0.1, **EXACT)
    dense = GDRegressor(**options).fit(rows, Y)
    sparse = GDRegressor(**options).fit(sp.csr_matrix(rows), Y)
    assert_allclose(sparse.coef_, dense.coef_, atol=1e-8)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_float32(estimator):
    features, targets = data_for(estimator)
    # (with a strong penalty, a network has one minimum that both types find)
    options = dict(alpha=50 if hasattr(estimator(), "activation") else 0.5)
    double = small(estimator, **options).fit(features, targets)
    for tol in (1e-4, 1e-12):  # the second is far beyond what float32 can resolve
        single = small(estimator, tol=tol, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            single.fit(features.astype(np.float32), targets)
        assert parameters(single).dtype == np.float32
        assert single.loss_ == pytest.approx(double.loss_, rel=1e-4)


LOSSES = [
    *((GDRegressor, name) for name in REGRESSION_LOSSES),
    *((MLPGDRegressor, name) for name in REGRESSION_LOSSES),
    *((GDClassifier, name) for name in CLASSIFICATION_LOSSES),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("estimator", "loss"), LOSSES)
def test_all_losses(estimator, loss, dtype):
    features, targets = data_for(estimator)
    if loss in ("binomial", "multinomial"):
        targets = 1 / (1 + np.exp(-targets))
    elif estimator is not GDClassifier:
        targets = np.exp(targets)
    if loss == "multinomial":
        targets = np.c_[targets, 1 - targets]
    model = small(estimator, loss=loss, max_iter=100).fit(
        features.astype(dtype), targets
    )
    falls = np.diff(model.loss_curve_)
    assert (falls <= 1e-6).all()
    # (without weights, the loss of the perceptron is zero, so that nothing is lower)
    assert model.loss_ < model.loss_curve_[0] or loss == "perceptron"
    assert np.isfinite(parameters(model)).all()
    adam = small(estimator, loss=loss, optimizer="adam", max_iter=400)
    adam.fit(features.astype(dtype), targets)
    assert model.loss_ < adam.loss_ + 0.01 * abs(adam.loss_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_several_quantiles():
    model = small(GDRegressor, loss=Quantile([0.1, 0.5, 0.9]), max_iter=300)
    model.fit(X, Y)
    below = (Y[:, np.newaxis] < model.predict(X)).mean(axis=0)
    assert_allclose(below, [0.1, 0.5, 0.9], atol=0.02)


def test_input_scale_is_learned():
    options = dict(alpha=0.1, max_iter=150, tol=None)
    plain = small(MLPGDRegressor, **options).fit(X, Y)
    scaled = small(MLPGDRegressor, input_scale=True, **options).fit(X, Y)
    # the factors are not penalised
    assert scaled.loss_ < plain.loss_


# ---------------------------------------------------------------- the curve
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_curve_is_the_objective_in_the_units_of_the_user(estimator):
    features, targets = data_for(estimator)
    if targets is Y:
        targets = 100 + 20 * targets
    n = most(estimator, 7)
    model = small(estimator, penalty=None, max_iter=n, tol=None).fit(features, targets)
    assert len(model.loss_curve_) == model.n_iter_ == n
    assert model.loss_ == pytest.approx(objective(model, features, targets, 0.0))
    model.set_params(penalty="l2", alpha=0.5, standardize=False).fit(features, targets)
    per_sample = hasattr(model, "coefs_")
    l2 = 0.5 / len(features) if per_sample else 0.5
    assert model.loss_ == pytest.approx(objective(model, features, targets, l2))
    assert model.best_loss_ == min(model.loss_curve_) == model.loss_


@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_an_accepted_point_need_not_be_the_last_that_was_evaluated(
    estimator, monkeypatch
):
    points = []

    def minimiser(fun, x0, *, callback, **options):
        points.append(x0 + 0.1)
        for point in (x0, points[0], x0 + 0.2):
            value, gradient = fun(point)
        callback(intermediate_result=OptimizeResult(x=points[0], fun=value))
        return OptimizeResult(success=True, status=0, jac=gradient)

    monkeypatch.setattr(lbfgs, "minimize", minimiser)
    model = small(estimator, alpha=0.5, standardize=False).fit(X, Y)
    l2 = 0.5
    if estimator is MLPGDRegressor:
        # (the points of a linear model are in other coordinates)
        assert_array_equal(parameters(model), points[0])
        l2 /= len(X)
    assert model.loss_ == pytest.approx(objective(model, X, Y, l2))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_counts(estimator):
    features, targets = data_for(estimator)
    n = most(estimator, 5)
    model = small(estimator, max_iter=n, tol=None).fit(features, targets)
    assert model.t_ == n * len(features) + (not hasattr(model, "coefs_"))
    assert model._state.step == model.n_iter_ == n
    assert np.isnan(model.learning_rate_)
    assert model.n_restarts_ == 0
    assert diagnose(model).kinds == ["too short"]


def test_at_an_optimum_nothing_moves():
    for rows in (np.zeros((5, 2)), sp.csr_matrix((5, 2))):
        model = GDRegressor(**MODE).fit(rows, np.zeros(5))
        assert_array_equal(model.coef_, 0)
        assert (model.n_iter_, model.t_) == (1, 1)  # an epoch without an update
        assert model.loss_curve_ == [0.0]
    exact = np.linalg.lstsq(np.c_[X, np.ones(len(X))], Y, rcond=None)[0]
    model = GDRegressor(penalty=None, **MODE)
    model.fit(X, Y, coef_init=exact[:-1], intercept_init=exact[-1:])
    assert_allclose(model.coef_, exact[:-1], rtol=1e-7)
    assert model.n_iter_ == 1


@pytest.mark.parametrize("n_samples", [1, 3])
@pytest.mark.parametrize("rows", [np.array, sp.csr_matrix])
def test_few_rows_are_learned(rows, n_samples):
    features, targets = X[:n_samples], 10 * Y[:n_samples]
    model = GDRegressor(penalty=None, standardize=False, **MODE)
    model.fit(rows(features), targets)
    assert_allclose(model.predict(features), targets, atol=1e-3)
    if n_samples == 3:  # of which two are held out
        model.set_params(early_stopping=True, validation_fraction=0.5)
        assert np.isfinite(model.fit(rows(features), targets).loss_)


# ---------------------------------------------------------------- when it stops
def gradient(model):
    """The gradient of the objective of Ridge(0.01 n) where the model is."""
    residual = model.predict(X) - Y
    return np.r_[X.T @ residual / len(X) + 0.01 * model.coef_, residual.mean()]


@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-6])
def test_tol_is_on_the_largest_element_of_the_gradient(tol):
    options = dict(alpha=0.01, tol=tol, standardize=False, **MODE)
    model = GDRegressor(**options).fit(X, Y)
    assert np.abs(gradient(model)).max() <= tol
    assert model._state.converged
    with pytest.warns(ConvergenceWarning):
        before = GDRegressor(max_iter=model.n_iter_ - 1, **options).fit(X, Y)
    assert np.abs(gradient(before)).max() > tol
    assert not before._state.converged
    # the last iteration may be the one that arrives
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        last = GDRegressor(max_iter=model.n_iter_, **options).fit(X, Y)
    assert_array_equal(last.coef_, model.coef_)


def test_without_tol_it_runs_until_nothing_moves():
    model = GDRegressor(alpha=0.01, tol=None, standardize=False, **MODE).fit(X, Y)
    assert np.abs(gradient(model)).max() < 1e-7
    assert model.n_iter_ < 100
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(max_iter=3).fit(X, Y)
    assert model.n_iter_ == 3


def test_what_was_not_enough_is_named():
    model = GDClassifier(max_iter=3, **MODE)
    with pytest.warns(ConvergenceWarning, match="max_iter=3 iterations.*tol=1e-05"):
        model.fit(X_IRIS, Y_IRIS)
    model.set_params(max_iter=1000, optimizer__max_fun=5)
    with pytest.warns(ConvergenceWarning, match="max_fun=5 eval.*max_fun or tol"):
        model.fit(X_IRIS, Y_IRIS)
    assert 3 <= model.n_iter_ <= 6
    # at zero, this loss is zero, and it has a kink
    model = GDClassifier("perceptron", **MODE)
    with pytest.warns(ConvergenceWarning, match="line search found no lower.*kinks"):
        model.fit(X_IRIS, Y_IRIS == 1)
    assert_array_equal(model.coef_, 0)


def test_the_memory_matters():
    rows, labels = load_breast_cancer(return_X_y=True)
    options = dict(alpha=1e-4, solver="batch", tol=1e-9)
    short, long = (
        GDClassifier(optimizer=LBFGS(memory=m), **options).fit(rows, labels)
        for m in (1, 10)
    )
    assert short.n_iter_ > 1.5 * long.n_iter_
    assert_allclose(short.coef_, long.coef_, rtol=1e-4)


@pytest.mark.parametrize("scored", [False, True])
@pytest.mark.parametrize("own_data", [False, True])
@pytest.mark.parametrize("estimator", [GDClassifier, MLPGDRegressor])
def test_early_stopping_keeps_the_best_iteration(estimator, own_data, scored, capsys):
    rng = np.random.RandomState(0)
    wide = np.hstack([X, rng.normal(size=(len(X), 200))])
    targets, scoring = Y, "r2"
    if estimator is GDClassifier:
        targets, scoring = (Y > 0).astype(int), "neg_log_loss"
    options = dict(alpha=0.0, early_stopping=True, n_iter_no_change=6, tol=1e-6)
    options.update(max_iter=300, scoring=scoring if scored else None, verbose=1)
    data = dict(X_val=wide[:99], y_val=targets[:99]) if own_data else {}
    model = small(estimator, **options).fit(wide[99:], targets[99:], **data)
    losses = np.array(model.validation_loss_curve_)
    assert len(losses) == len(model.loss_curve_) == model.n_iter_ < 300
    assert model.n_iter_ > model.best_iter_ >= 1
    if not scored:
        assert losses.argmin() + 1 == model.best_iter_
    if own_data:
        held_out = objective(model, wide[:99], targets[:99], 0.0)
        assert held_out == pytest.approx(losses[model.best_iter_ - 1])
    text = capsys.readouterr().out
    assert "did not improve more than tol=0.000001 for 6 consecutive epochs" in text
    assert "nan" in text.splitlines()[1]
