"""optimizer='lbfgs' in use: observers, continuing, failures, refusals, searches."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.datasets import (
    load_diabetes,
    load_iris,
)
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale
from sklearn.utils.estimator_checks import check_estimator

from skgd import (
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
    learning_rate_range,
)
from skgd._training import lbfgs
from skgd.optimizers import LBFGS, OPTIMIZERS

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X), scale(Y)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
MODE = dict(solver="batch", optimizer="lbfgs")
EXACT = dict(tol=1e-10, max_iter=3000, **MODE)


def data_for(estimator):
    if estimator is GDRegressor:
        return X, np.exp(Y)
    return (X_IRIS, Y_IRIS) if is_classifier(estimator()) else (X, Y)


def small(estimator, **params):
    params = {"random_state": 0, "early_stopping": False, **MODE, **params}
    network = {"hidden_layer_sizes": (6,), "activation": "tanh"}
    if hasattr(estimator(), "activation"):
        return estimator(**{**network, **params})
    params.pop("activation", None)
    if estimator is GDRegressor:
        # (a squared error needs only two iterations)
        params = {"loss": "poisson", **params}
    return estimator(**params)


def parameters(model):
    arrays = [model.coef_, model.intercept_] if hasattr(model, "coef_") else None
    arrays = arrays or model.coefs_ + model.intercepts_
    return np.concatenate([np.ravel(array) for array in arrays])


# ---------------------------------------------------------------- observers
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_callbacks_see_each_iteration_and_may_stop(estimator):
    features, targets = data_for(estimator)
    whole = small(estimator, max_iter=6, tol=None).fit(features, targets)
    for last in (None, 2):
        seen = Seen(last)
        model = small(estimator, max_iter=6, tol=None).set_callbacks(seen)
        model.fit(features, targets)
        n = 6 if last is None else 3
        assert model.n_iter_ == n
        assert seen.begun == seen.ended == n
        assert model.loss_curve_ == whole.loss_curve_[:n]
        assert_array_equal(seen.models[-1].predict(features), model.predict(features))


class Seen:
    """Counts the epochs, and asks to stop at one of them."""

    def __init__(self, last):
        self.last = last
        self.begun = self.ended = 0
        self.models = []

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.begun += context.task_name == "epoch"

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name != "epoch":
            return False
        self.ended += 1
        self.models.append(fitted_estimator)
        return context.task_id == self.last

    def teardown(self, estimator, context):
        pass


@pytest.mark.parametrize("tol", [1e-3, 1e-12])
def test_every_epoch_that_begins_ends(tol):
    # also if SciPy stops by itself, or if the line search fails
    seen = Seen(None)
    model = small(GDRegressor, tol=tol).set_callbacks(seen)
    model.fit(X.astype(np.float32), np.exp(Y))
    assert seen.begun == seen.ended == model.n_iter_ == len(model.loss_curve_)


@pytest.mark.parametrize("call", [1, 2, 6, 11])
def test_an_interrupt_keeps_the_finished_iterations(monkeypatch, call):
    calls = iter(range(1, 1000))
    evaluate = lbfgs.training_loss

    def interrupted(*args, **kwargs):
        if next(calls) == call:
            raise KeyboardInterrupt
        return evaluate(*args, **kwargs)

    model = small(MLPGDRegressor)
    monkeypatch.setattr(lbfgs, "training_loss", interrupted)
    if call <= 2:  # the start, and the first trial
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, Y)
        assert not hasattr(model, "coefs_")
        return
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, Y)
    monkeypatch.undo()
    whole = small(MLPGDRegressor, max_iter=model.n_iter_, tol=None).fit(X, Y)
    assert_array_equal(model.predict(X), whole.predict(X))
    assert model.loss_curve_ == whole.loss_curve_
    assert model.t_ == model.n_iter_ * len(X)


# ---------------------------------------------------------------- continuing
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_warm_start_continues_the_descent(estimator):
    features, targets = data_for(estimator)
    model = small(estimator, max_iter=5, tol=None, warm_start=True)
    first = model.fit(features, targets).loss_
    twice = model.fit(features, targets)
    assert twice.loss_curve_[4] == first > twice.loss_curve_[5] > twice.loss_
    assert len(twice.loss_curve_) == twice._state.step == 10
    cold = small(estimator, max_iter=5, tol=None).fit(features, targets)
    assert cold.loss_ == first


@pytest.mark.parametrize("other", ["adam", "momentum", "sgd"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_optimizers_can_be_switched(estimator, other):
    features, targets = data_for(estimator)
    model = small(estimator, warm_start=True, max_iter=20, tol=None, optimizer=other)
    before = model.set_params(average=True).fit(features, targets).loss_
    model.set_params(optimizer="lbfgs", average=False, max_iter=200)
    model._state.n_restarts = 1  # of the call before
    exact = model.fit(features, targets).loss_
    assert exact < before
    assert model._state.published is model._state.theta  # no longer the average
    assert np.isnan(model.learning_rate_)
    assert model.n_restarts_ == 0
    n_updates = model._state.step
    model.set_params(optimizer=other, learning_rate_init=1e-7, max_iter=3)
    after = model.fit(features, targets)
    assert after.loss_ == pytest.approx(exact, rel=1e-4)
    assert after.learning_rate_ <= 1e-7
    assert after._state.step == n_updates + 3
    model.set_params(learning_rate="line_search").fit(features, targets)
    assert model.loss_ <= after.loss_ * (1 + 1e-12)
    model.partial_fit(features, targets)


# ---------------------------------------------------------------- numbers that fail
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("start", [-300, -650])
def test_the_line_search_comes_back_from_overflow(dtype, start, monkeypatch):
    rng = np.random.RandomState(0)
    rows = rng.normal(size=(200, 5))
    counts = rng.poisson(np.exp(rows @ [0.5, -0.3, 0.2, 0, 0.1]))
    found = []
    evaluate = lbfgs.Objective._evaluate

    def noted(objective, x):
        point = evaluate(objective, x)
        found.append(np.isfinite(point.value))
        return point

    monkeypatch.setattr(lbfgs.Objective, "_evaluate", noted)
    options = dict(loss="poisson", penalty=None, max_iter=2000, tol=None, **MODE)
    near = GDRegressor(**options).fit(rows, counts)
    assert all(found)
    # Where all predictions are next to zero, the objective is nearly linear, and the
    # first quasi-Newton step is huge.
    far = GDRegressor(standardize=False, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        far.fit(rows.astype(dtype), counts, intercept_init=[start])
    assert not all(found)
    assert_allclose(far.coef_, near.coef_, atol=0.01)
    assert (np.diff(far.loss_curve_) <= 0).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_start_that_is_not_finite_is_an_error(estimator):
    features, targets = data_for(estimator)
    model = small(estimator, standardize=False, activation="relu", alpha=0.01)
    model.set_params(max_iter=10, tol=None, warm_start=True).fit(features, targets)
    for array in [model.coef_] if hasattr(model, "coef_") else model.coefs_:
        array *= 1e3
    before = parameters(model)
    huge = features.copy()
    huge[:, 1:3] *= 1e307
    with pytest.raises(
        ValueError, match=r"not finite at the start.*Column [12] has values"
    ):
        model.fit(huge, targets)
    assert_array_equal(parameters(model), before)
    if estimator is GDRegressor:
        model.set_params(standardize=True, warm_start=False)
        with pytest.raises(ValueError, match="standardised; check the targets, and"):
            model.fit(features, targets, coef_init=np.full(X.shape[1], 1e200))


# ---------------------------------------------------------------- refusals
REFUSED = {
    "solver": ["minibatch", "sgd"],
    "learning_rate": ["line_search"],
    "penalty": ["l1", "elasticnet"],
    "clip_norm": [1.0],
    "dropout": [0.2],
    "input_dropout": [0.1],
    "batch_norm": [True],
    "average": [True, "ema", 5],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, v) for name, vs in REFUSED.items() for v in vs]
)
@pytest.mark.parametrize("optimizer", ["lbfgs", LBFGS(memory=3)])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_what_is_refused(estimator, optimizer, name, value):
    model = small(estimator, optimizer=optimizer)
    if name not in model.get_params():
        return
    model.set_params(**{name: value})
    match = f"^The '{name}' parameter of {estimator.__name__} must be .*lbfgs.*because"
    with pytest.raises(ValueError, match=f"{match}.* Got {value!r} instead"):
        model.fit(*data_for(estimator))


def test_what_has_no_effect_is_not_refused():
    plain = small(MLPGDRegressor, penalty=None, max_iter=5, tol=None).fit(X, Y)
    for unused in (
        dict(penalty="l1", alpha=0.0),
        dict(penalty="elasticnet", l1_ratio=0.0, alpha=0.0),
        dict(dropout=[0.0], learning_rate="cosine", batch_size=7, shuffle=False),
        dict(learning_rate_init=1e3, n_iter_no_change=1),
    ):
        model = clone(plain).set_params(**unused).fit(X, Y)
        assert_array_equal(model.coefs_[0], plain.coefs_[0])


@pytest.mark.parametrize("optimizer", ["lbfgs", LBFGS()])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_there_is_no_partial_fit(estimator, optimizer):
    model = estimator(optimizer=optimizer)
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError) as caught:
        model.partial_fit(*data_for(estimator))
    cause = str(caught.value.__cause__)
    assert "'adam'" in cause
    assert f"Got {optimizer!r} instead" in cause
    assert hasattr(model.set_params(optimizer="adam"), "partial_fit")


def test_there_is_no_rate_to_test():
    with pytest.raises(ValueError, match="optimizer='lbfgs', which has none"):
        learning_rate_range(GDRegressor(**MODE), X, Y)


# ---------------------------------------------------------------- as a parameter
def test_it_is_a_rule_like_the_others():
    assert "lbfgs" not in OPTIMIZERS
    model = GDRegressor(**MODE).set_params(optimizer__memory=3)
    assert model.optimizer == LBFGS(memory=3)
    assert clone(model).optimizer == LBFGS(memory=3)
    model.fit(X, Y)
    twin = pickle.loads(pickle.dumps(model))
    assert_array_equal(twin.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="'max_fun' parameter of LBFGS must be"):
        GDRegressor(solver="batch", optimizer=LBFGS(max_fun=0)).fit(X, Y)
    with pytest.raises(ValueError, match="'lbfgs'.*Got 'bfgs' instead"):
        GDRegressor(optimizer="bfgs").fit(X, Y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_grid_search_over_optimizers(estimator):
    grid = {"optimizer": ["lbfgs", "adam"], "alpha": [0.01, 0.1]}
    search = GridSearchCV(small(estimator, max_iter=30), grid, cv=3)
    features, targets = data_for(estimator)
    search.fit(features, targets)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_check_estimator(estimator, early_stopping):
    model = estimator(early_stopping=early_stopping, **MODE)
    declared = {}
    if early_stopping:
        for kind in ("dense", "sparse"):
            name = f"check_sample_weight_equivalence_on_{kind}_data"
            declared[name] = "rows are held out at random"
    elif hasattr(model, "activation"):
        # The checks ask for equal predictions to 1e-7. The objective of a network is
        # not convex, and many iterations make more of the rounding errors.
        model.set_params(max_iter=10)
    check_estimator(model, expected_failed_checks=declared, on_skip=None)


def test_a_stream_goes_on_near_the_optimum():
    # (the rate begins as after 2000 updates; with that of the first one, R2 was 0.46)
    X, y = load_diabetes(return_X_y=True)
    model = GDRegressor(random_state=0).fit(X, y)
    assert model.score(X, y) > 0.517
    for _ in range(5):
        assert model.partial_fit(X, y).score(X, y) > 0.51
