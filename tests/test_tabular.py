"""TabularClassifier and TabularRegressor: raw tables, members, held-out rows."""

import importlib
import pickle
import time

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import log_loss, r2_score
from sklearn.model_selection import GroupKFold, ShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator
from tabular_data import BOTH, DEAR, FRAME, PRICE, RNG, SMALL, N

from skgd import TabularClassifier, TabularRegressor
from skgd.losses import Quantile

# networks hold out random rows, so that repeated rows are not weighted rows
WEIGHTS = dict.fromkeys(
    [
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
    ],
    "the folds of repeated rows are other folds",
)


def output(model, X):
    is_classifier = hasattr(model, "predict_proba")
    return model.predict_proba(X) if is_classifier else model.predict(X)


@pytest.fixture(scope="module", params=BOTH, ids=["regressor", "classifier"])
def fitted(request):
    estimator, y = request.param
    return estimator(**SMALL).fit(FRAME, y), y


@pytest.mark.parametrize("estimator", [TabularRegressor, TabularClassifier])
def test_checks_of_scikit_learn(estimator):
    # (with the defaults, they take some minutes)
    quick = {"n_members": 2, "hidden_layer_sizes": 16, "alpha": 1e-3}
    check_estimator(
        estimator(num_embedding=None, **quick),
        expected_failed_checks=WEIGHTS,
        on_skip=None,
    )


# ---------------------------------------------------------------- what it learns
def test_a_raw_table(fitted):
    model, y = fitted
    assert model.oob_score_ > 0.9
    assert model.score(FRAME, y) > model.oob_score_ - 0.02
    assert list(model.feature_names_in_) == list(FRAME)


def test_new_rows_never_raise(fitted):
    model, _ = fitted
    new = FRAME.iloc[:4].copy()
    new.loc[0, "city"] = "Rome"
    new.loc[1, "city"] = None
    new.loc[2, ["size", "age"]] = np.nan
    new.loc[3, "sold"] = pd.NaT
    assert np.isfinite(output(model, new)).all()
    assert len(output(model, FRAME.iloc[:1])) == 1


def test_polars(fitted):
    model, y = fitted
    frame = pl.from_pandas(FRAME)
    assert_array_equal(output(model, frame), output(model, FRAME))
    again = clone(model).fit(frame, y)
    assert_array_equal(output(again, FRAME), output(model, FRAME))


def test_an_array_has_no_names(fitted):
    model, _ = fitted
    with pytest.warns(UserWarning, match="fitted with feature names") as found:
        predicted = output(model, FRAME.to_numpy())
    assert [type(model).__name__ in str(each.message) for each in found] == [True]
    assert_array_equal(predicted, output(model, FRAME))
    with pytest.raises(ValueError, match="unseen at fit time:\n- more"):
        output(model, FRAME.assign(more=1))


def test_sparse_tables():
    X = sp.random(300, 30, density=0.2, random_state=0, format="csr")
    y = X[:, 0].toarray().ravel() - X[:, 1].toarray().ravel()
    model = TabularRegressor(**SMALL).fit(X, y)
    assert model.oob_score_ > 0.7
    assert_allclose(model.predict(X.toarray()), model.predict(X), rtol=1e-5)


def test_piecewise_linear_functions_are_learned():
    bent = {"num_embedding": "piecewise_linear", **SMALL}
    plain = {"num_embedding": None, **SMALL}
    bent, plain = (TabularRegressor(**o).fit(FRAME, PRICE) for o in (bent, plain))
    assert bent.settings_[0].bends
    assert not plain.settings_[0].bends
    assert bent.oob_score_ > plain.oob_score_


def test_several_classes_labels_and_targets():
    X, y = load_iris(return_X_y=True)
    clf = TabularClassifier(**SMALL).fit(X, y)
    assert clf.oob_score_ > 0.9
    assert_allclose(clf.predict_proba(X).sum(axis=1), 1)
    labels = np.column_stack([y == 0, y > 1, X[:, 0] > 6]).astype(int)
    clf = TabularClassifier(**SMALL).fit(X, labels)
    assert clf.predict(X).shape == labels.shape
    assert (clf.predict(X) == labels).mean() > 0.95
    targets = X[:, :2] * [1000, 0.001]
    reg = TabularRegressor(**SMALL).fit(X[:, 2:], targets)
    assert reg.predict(X[:, 2:]).shape == targets.shape
    assert r2_score(targets, reg.predict(X[:, 2:])) > 0.4


@pytest.mark.parametrize("loss", ["absolute_error", "poisson", "gamma", "tweedie"])
def test_losses(loss):
    y = np.exp(PRICE / 1500)
    reg = TabularRegressor(loss, **SMALL).fit(FRAME, y)
    assert r2_score(y, reg.predict(FRAME)) > 0.8
    if loss != "absolute_error":
        assert (reg.predict(FRAME) > 0).all()


def test_several_quantiles():
    rng = np.random.RandomState(0)
    X = rng.uniform(-2, 2, (1600, 2))
    y = X[:, 0] + rng.standard_normal(1600)
    reg = TabularRegressor(Quantile([0.1, 0.9]), **SMALL).fit(X[:600], y[:600])
    low, high = reg.predict(X[600:]).T
    assert (low <= high).all()
    # three standard errors of 600 rows and of 1000 new rows
    covered = np.mean((low <= y[600:]) & (high >= y[600:]))
    assert abs(covered - 0.8) < 3 * np.sqrt(0.16 * (1 / 600 + 1 / 1000))
    assert reg.score(X[600:], y[600:]) > 0.2


def test_class_weights():
    chance = 30 * np.random.RandomState(0).standard_normal(N)
    rare = np.where(FRAME["size"] + chance > 90, 1, 0)
    plain = TabularClassifier(**SMALL).fit(FRAME, rare)
    balanced = TabularClassifier(class_weight="balanced", **SMALL).fit(FRAME, rare)
    assert balanced.predict(FRAME).mean() > plain.predict(FRAME).mean()
    weights = np.where(rare == 1, 0.5 / rare.mean(), 0.5 / (1 - rare.mean()))
    weighted = TabularClassifier(**SMALL).fit(FRAME, rare, weights)
    expected = balanced.predict_proba(FRAME)
    assert_allclose(weighted.predict_proba(FRAME), expected, rtol=1e-5)


# ---------------------------------------------------------------- held-out rows
def test_held_out_predictions(fitted):
    model, y = fitted
    if isinstance(model, TabularClassifier):
        P = model.oob_decision_function_
        assert P.shape == (N, 2)
        assert_allclose(P.sum(axis=1), 1)
        labels = model.classes_[P.argmax(axis=1)]
        assert model.oob_score_ == np.mean(labels == y)
        assert log_loss(y, P) < 0.3
    else:
        assert_allclose(model.oob_score_, r2_score(y, model.oob_prediction_))


def test_held_out_rows_are_not_seen():
    # the targets are noise: only a network that has seen a row can predict it
    y = RNG.standard_normal(1200)
    X = RNG.standard_normal((1200, 5))
    reg = TabularRegressor(alpha=1e-6, n_members=3, random_state=0).fit(X, y)
    assert reg.oob_score_ < 0.05


def test_temperature():
    # labels that are flipped at random: without a temperature, the log loss is larger
    rng = np.random.RandomState(0)
    X = rng.standard_normal((1200, 4))
    y = (X[:, 0] > 0) ^ (rng.uniform(size=1200) < 0.2)
    clf = TabularClassifier(n_members=3, alpha=1e-6, random_state=0).fit(X, y)
    calibrated = log_loss(y, clf.oob_decision_function_)
    assert calibrated < 0.58  # the entropy of the flips is 0.50
    assert clf.temperature_ > 0


def test_own_validation_data():
    train, val = np.arange(200), np.arange(200, N)
    for estimator, y in BOTH:
        model = estimator(**SMALL)
        given = {"X_val": FRAME.iloc[val], "y_val": y[val]}
        model.fit(FRAME.iloc[train], y[train], **given)
        score = model.score(FRAME.iloc[val], y[val])
        assert abs(model.oob_score_ - score) < 0.05
        with pytest.raises(ValueError, match="y_val is missing"):
            model.fit(FRAME, y, X_val=FRAME)
        with pytest.raises(ValueError, match="X_val takes the place of groups"):
            model.fit(FRAME, y, groups=np.arange(N), **given)
        model.set_params(cv=3)
        with pytest.raises(ValueError, match="X_val takes the place of cv"):
            model.fit(FRAME, y, **given)


@pytest.mark.parametrize("n_members", [1, 2])
def test_few_members_hold_out_a_fifth(n_members):
    reg = TabularRegressor(n_members=n_members, alpha=1e-3, num_embedding=None)
    reg.set_params(hidden_layer_sizes=16, random_state=0).fit(FRAME, PRICE)
    assert len(reg.estimators_) == n_members
    assert np.isnan(reg.oob_prediction_).mean() == 1 - n_members / 5


def test_groups_are_held_out_as_a_whole():
    groups = np.arange(N) // 10
    noise = RNG.standard_normal(30)[groups]  # the same target for a whole group
    X = pd.DataFrame({"group": pd.Categorical(groups), "x": RNG.standard_normal(N)})
    options = {**SMALL, "alpha": 1e-6}
    seen = TabularRegressor(**options).fit(X, noise)
    whole = TabularRegressor(**options).fit(X, noise, groups=groups)
    by_cv = TabularRegressor(cv=GroupKFold(3), **options).fit(X, noise, groups=groups)
    assert seen.oob_score_ > 0.8
    assert whole.oob_score_ < 0.1
    assert by_cv.oob_score_ < 0.1


@pytest.mark.parametrize(("estimator", "y"), BOTH)
def test_a_single_member_and_one_more(estimator, y):
    model = estimator(n_members=1, alpha=0.01, warm_start=True, random_state=0)
    model.fit(FRAME, y)
    assert len(model.estimators_) == 1
    model.set_params(n_members=2).fit(FRAME, y)
    assert len(model.estimators_) == 2
    groups = np.arange(N) // 50
    alone = estimator(n_members=1, alpha=0.01).fit(FRAME, y, groups=groups)
    assert len(alone.estimators_) == 1


def test_splits():
    reg = TabularRegressor(alpha=0.01, **SMALL)
    first = np.arange(N) < 200
    masks = clone(reg).set_params(cv=[(first, ~first)]).fit(FRAME, PRICE)
    rows = [(np.flatnonzero(first), np.flatnonzero(~first))]
    same = clone(reg).set_params(cv=rows).fit(FRAME, PRICE)
    assert_array_equal(masks.predict(FRAME), same.predict(FRAME))
    random = clone(reg).set_params(cv=ShuffleSplit(2))  # without a seed of its own
    found = random.fit(FRAME, PRICE).predict(FRAME)
    assert_array_equal(clone(random).fit(FRAME, PRICE).predict(FRAME), found)
    nothing, some = np.arange(0), np.arange(100)
    for cv, message in (
        ([], "cv gives no splits"),
        ([(nothing, some)], "cv gives a training set without any samples"),
        ([(some, nothing)], "cv gives a validation set without any samples"),
        ([("a", "b")], "cv must give a vector of row numbers"),
        ([(some, some + N)], "cv gives row numbers from 300 to 399"),
    ):
        with pytest.raises(ValueError, match=message):
            clone(reg).set_params(cv=cv).fit(FRAME, PRICE)
    with pytest.raises(ValueError, match="there must be at least two"):
        reg.fit(FRAME, PRICE, groups=np.zeros(N))


def test_rows_without_a_weight_are_not_held_out():
    weights = np.zeros(N)
    weights[:6] = 1
    reg = TabularRegressor(alpha=0.01, n_members=4).fit(FRAME, PRICE, weights)
    assert np.isfinite(reg.oob_prediction_[:6]).all()
    assert np.isnan(reg.oob_prediction_[6:]).all()
    weights[1:] = 0
    with pytest.raises(ValueError, match="sample_weight must be positive for at least"):
        reg.fit(FRAME, PRICE, weights)


# ---------------------------------------------------------------- in practice
def test_threads_do_not_matter(fitted):
    model, y = fitted
    again = clone(model).set_params(n_jobs=2).fit(FRAME, y)
    assert_array_equal(output(again, FRAME), output(model, FRAME))


def test_warm_start_adds_members():
    for estimator, y in BOTH:
        model = estimator(warm_start=True, **SMALL).fit(FRAME, y)
        first = list(model.estimators_)
        model.set_params(n_members=len(first) + 2).fit(FRAME, y)
        assert len(model.estimators_) == len(first) + 2
        assert all(a is b for a, b in zip(first, model.estimators_, strict=False))
        assert model.oob_score_ > 0.9
        with pytest.raises(ValueError, match="n_members=2 must not be smaller"):
            model.set_params(n_members=2).fit(FRAME, y)


def test_a_warm_start_has_the_same_classes():
    clf = TabularClassifier(warm_start=True, **SMALL).fit(FRAME, DEAR)
    clf.set_params(n_members=6)
    with pytest.raises(ValueError, match="same classes as in the previous call"):
        clf.fit(FRAME, np.where(PRICE > 0, "a", "b"))
    assert list(clf.classes_) == ["cheap", "dear"]


def test_an_interrupt_ends_the_fit(monkeypatch):
    passes = importlib.import_module("skgd._training.descent")
    run_epoch, calls = passes.run_epoch, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return run_epoch(*args)

    monkeypatch.setattr(passes, "run_epoch", interrupted)
    with pytest.warns(UserWarning, match="interrupted by user"):
        reg = TabularRegressor(**SMALL).fit(FRAME, PRICE)
    assert len(calls) == 10
    assert len(reg.estimators_) == 1
    assert np.isfinite(reg.predict(FRAME)).all()


def test_time_limit():
    X = RNG.standard_normal((3000, 20))
    y = np.sin(X[:, 0]) * X[:, 1]
    start = time.monotonic()
    reg = TabularRegressor(time_limit=0.001, random_state=0).fit(X, y)
    assert len(reg.estimators_) == 1
    assert np.isfinite(reg.predict(X)).all()
    assert np.isnan(reg.oob_prediction_).mean() > 0.8
    assert time.monotonic() - start < 60


def test_an_error_leaves_the_estimator_as_it_was(fitted):
    model, y = fitted
    before = output(model, FRAME)
    for X, targets in ((FRAME.assign(size=np.inf), y), (FRAME, y[:-1])):
        with pytest.raises(ValueError, match=r"infinity|inconsistent numbers"):
            model.fit(X, targets)
        assert_array_equal(output(model, FRAME), before)


def test_pickles_have_the_weights_once(fitted):
    model, _ = fitted
    data = pickle.dumps(model)
    assert_array_equal(output(pickle.loads(data), FRAME), output(model, FRAME))
    unseen = [pair.network for pair in model._cross_fitted]
    networks = {id(n): n for n in model.estimators_ + unseen}
    weights = [W.nbytes for n in networks.values() for W in n.coefs_ + n.intercepts_]
    held = sum(rows.nbytes + raw.nbytes + w.nbytes for rows, raw, w in model._held)
    pairs = model._final + model._cross_fitted
    trees = {id(pair.trees): len(pickle.dumps(pair.trees)) for pair in pairs}
    assert len(data) < sum(weights) + sum(trees.values()) + held + 120_000


def test_trees_beside_the_networks(fitted):
    model, y = fitted
    assert 0.1 < model.tree_share_ < 1
    assert len(model.trees_) == len(model.estimators_)
    steps = [trees.max_iter for trees in model.trees_]
    assert len(set(steps)) == 1
    assert 1 <= steps[0] <= 160
    # the raw prediction is the weighted mean of both
    pair, table = model._final[0], model._transform(FRAME)
    parts = [pair.raw(table, share) for share in (0.0, 1.0, model.tree_share_)]
    mean = (1 - model.tree_share_) * parts[0] + model.tree_share_ * parts[1]
    assert_allclose(parts[2], mean)
    alone = clone(model).set_params(trees=None).fit(FRAME, y)
    assert alone.tree_share_ == 0
    assert set(alone.trees_) == {None}
    assert_array_equal(parts[0], alone._final[0].raw(table, 0.0))


def test_where_there_are_no_trees():
    y = np.c_[PRICE, -PRICE]
    assert TabularRegressor(**SMALL).fit(FRAME, y).tree_share_ == 0
    tweedie = TabularRegressor("tweedie", **SMALL).fit(FRAME, np.exp(PRICE / 1000))
    assert tweedie.tree_share_ == 0
    X = FRAME[["size", "noise"]]
    assert TabularRegressor(**SMALL).fit(X, X @ [0.1, 1.0]).tree_share_ < 0.1
    # a training part without one of the classes
    rare = np.where(np.arange(N) < 2, "rare", DEAR)
    cv = [(np.arange(2, N), np.arange(2)), (np.arange(N // 2), np.arange(N // 2, N))]
    model = TabularClassifier(cv=cv, **SMALL).fit(FRAME, rare)
    assert np.isfinite(model.predict_proba(FRAME)).all()


@pytest.mark.parametrize("loss", ["poisson", "gamma", "absolute_error"])
def test_trees_have_the_loss_of_the_networks(loss):
    y = np.exp(FRAME["noise"] / 2 + 2 * (FRAME["size"] > 50) * (FRAME["noise"] > 0))
    model = TabularRegressor(loss, **SMALL).fit(FRAME, y)
    assert model.tree_share_ > 0.2
    assert r2_score(y, model.predict(FRAME)) > 0.9


def test_verbose(capsys):
    TabularRegressor(verbose=True, **SMALL).fit(FRAME, PRICE)
    assert "held-out loss" in capsys.readouterr().out


def test_tools_of_scikit_learn(fitted):
    model, y = fitted
    scores = cross_val_score(clone(model), FRAME, y, cv=2)
    assert scores.min() > 0.7
    piped = make_pipeline(FunctionTransformer(), clone(model)).fit(FRAME, y)
    assert_array_equal(output(piped, FRAME), output(model, FRAME))
    found = permutation_importance(model, FRAME, y, n_repeats=2, random_state=0)
    assert found.importances_mean.argmax() in (0, 2)
    grid = partial_dependence(model, FRAME, ["city"], categorical_features=["city"])
    assert grid["average"].shape[-1] == 3


def test_importance_on_held_out_rows(fitted):
    model, y = fitted
    found = model.permutation_importance(FRAME, y, random_state=0)
    assert found.importances.shape == (5, 5)
    size, _, city, _, noise = found.importances_mean
    assert min(size, city) > 10 * abs(noise)
    with pytest.raises(ValueError, match="must be the 300 rows"):
        model.permutation_importance(FRAME[:10], y[:10])


def test_constant_targets_are_exact():
    reg = TabularRegressor(**SMALL).fit(FRAME, np.full(N, 7.5))
    assert_array_equal(reg.predict(FRAME), 7.5)
    assert_array_equal(reg.predict_interval(FRAME[:3]), 7.5)
    clf = TabularClassifier(**SMALL).fit(FRAME, np.full(N, "only"))
    assert_array_equal(clf.predict(FRAME), "only")


def test_quality_on_real_data():
    X, y = load_diabetes(return_X_y=True)
    assert TabularRegressor(n_members=5, random_state=0).fit(X, y).oob_score_ > 0.42
    X, y = load_breast_cancer(return_X_y=True)
    clf = TabularClassifier(n_members=5, random_state=0).fit(X, y)
    assert log_loss(y, clf.oob_decision_function_) < 0.11
