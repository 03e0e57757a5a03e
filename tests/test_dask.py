"""Training on Dask collections and inside Dask's backend for joblib."""

import sys
import time
from types import SimpleNamespace
from unittest import mock

import dask.array as da
import dask.dataframe as dd
import joblib
import numpy as np
import pandas as pd
import pytest
from dask_cluster import KillsAWorker
from distributed import Client, LocalCluster
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import SGDRegressor
from sklearn.model_selection import GridSearchCV

from skgd import (
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
    TabularClassifier,
)
from skgd.dask import fit, partial_fit
from skgd.dask.rows import MOST_LOSSES, Actors

X, Y = load_diabetes(return_X_y=True)
ROWS = da.from_array(X, chunks=(90, 4))  # partitions are to have all columns
TARGETS = da.from_array(Y, chunks=90)
IRIS, KINDS = load_iris(return_X_y=True)
STREAMED = [
    GDRegressor(random_state=0, batch_size=20),
    MLPGDRegressor((5,), random_state=0),
]


def state_of(estimator):
    """The attributes of a fitted estimator that predictions depend on."""
    return {name: np.copy(value) for name, value in vars(estimator).items()}


# ---------------------------------------------------------------- joblib
def test_a_search_runs_in_workers(client):
    search = GridSearchCV(
        GDClassifier(random_state=0, max_iter=20, tol=None), {"alpha": [1e-4, 1e-2]}
    )
    here = clone(search).fit(IRIS, KINDS)
    with joblib.parallel_config("dask"):
        there = clone(search).fit(IRIS, KINDS)
    scores = "mean_test_score"
    assert_array_equal(here.cv_results_[scores], there.cv_results_[scores])
    assert_array_equal(here.best_estimator_.coef_, there.best_estimator_.coef_)


def test_members_of_an_ensemble_train_in_threads_of_this_process(client):
    # They share the table. Joblib replaces a backend without shared memory by threads.
    model = TabularClassifier(random_state=0, n_jobs=2)
    here = clone(model).fit(IRIS, KINDS)
    with joblib.parallel_config("dask"):
        there = clone(model).fit(IRIS, KINDS)
    assert_array_equal(here.predict_proba(IRIS), there.predict_proba(IRIS))


# ---------------------------------------------------------------- streams
@pytest.mark.parametrize("model", STREAMED, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("y", [TARGETS, Y], ids=["dask", "numpy"])
def test_a_pass_over_an_array_is_a_loop_of_partial_fit(model, y):
    weights = np.linspace(0.5, 2, len(Y))
    loop, model = clone(model), clone(model)
    for _ in range(2):
        partial_fit(model, ROWS, y, da.from_array(weights, chunks=90))
        for start in range(0, len(X), 90):
            rows = slice(start, start + 90)
            loop.partial_fit(X[rows], Y[rows], sample_weight=weights[rows])
    assert_array_equal(model.predict(X), loop.predict(X))
    assert_array_equal(model.loss_curve_, loop.loss_curve_)


def test_a_pass_over_a_frame_in_the_cluster(client, tmp_path):
    frame = pd.DataFrame(IRIS, columns=list("abcd")).assign(kind=KINDS)
    frame = frame.sample(frac=1, random_state=0)
    dd.from_pandas(frame, npartitions=5, sort=False).to_parquet(tmp_path)
    read = dd.read_parquet(tmp_path)
    read = read[read.a > 4.4]  # (the graph is optimised for the columns that are used)
    model = MLPGDClassifier((8,), random_state=0)
    loop = clone(model)
    for _ in range(2):
        partial_fit(model, read[list("abcd")], read["kind"], classes=[0, 1, 2])
        for start in range(0, len(frame), 30):
            part = frame[start : start + 30]
            part = part[part.a > 4.4]
            loop.partial_fit(part[list("abcd")], part["kind"], classes=[0, 1, 2])
    assert_array_equal(model.predict_proba(IRIS), loop.predict_proba(IRIS))
    assert list(model.feature_names_in_) == list("abcd")
    assert model.t_ == 2 * (frame.a > 4.4).sum()


def test_partitions_without_rows_are_skipped():
    frame = pd.DataFrame(X).assign(y=Y, k=np.arange(len(X)))
    frame = dd.from_pandas(frame, npartitions=4)
    frame = frame[frame.k > 200]
    model = partial_fit(GDRegressor(random_state=0), frame[list(range(10))], frame.y)
    assert model.t_ == 1 + len(X) - 201


@pytest.mark.parametrize("fitted", [False, True])
def test_an_error_in_a_partition_leaves_the_model_as_it_was(fitted):
    model = GDRegressor(random_state=0)
    if fitted:
        partial_fit(model, ROWS, TARGETS)
    before = state_of(model)
    bad = X.copy()
    bad[300, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        partial_fit(model, da.from_array(bad, chunks=(90, 10)), TARGETS)
    after = state_of(model)
    assert before.keys() == after.keys()
    if fitted:
        assert_array_equal(before["coef_"], after["coef_"])
        assert_array_equal(before["loss_curve_"], after["loss_curve_"])
        again = partial_fit(clone(model), ROWS, TARGETS)
        partial_fit(again, ROWS, TARGETS)
        partial_fit(model, ROWS, TARGETS)
        assert_array_equal(model.coef_, again.coef_)


@pytest.mark.parametrize(
    ("rows", "y", "error", "match"),
    [
        (X, Y, TypeError, "X must be a Dask array or DataFrame.*numpy.ndarray"),
        (TARGETS, Y, TypeError, "with two dimensions"),
        (ROWS, TARGETS.rechunk(100), ValueError, "Found input variables|inconsistent"),
        (ROWS, TARGETS.rechunk(200), ValueError, "3 partitions, X has 5"),
        (ROWS, Y[:-1], ValueError, "inconsistent"),
        (ROWS, np.append(Y, 1), ValueError, "Got 443, X has 442"),
    ],
)
def test_partitions_that_do_not_fit_are_refused(rows, y, error, match):
    with pytest.raises(error, match=match):
        partial_fit(GDRegressor(), rows, y)


@pytest.mark.parametrize("model", [SGDRegressor(), TabularClassifier()])
def test_a_pass_of_another_estimator_is_refused(model):
    name = type(model).__name__
    with pytest.raises(TypeError, match=f"partial_fit trains .* Got {name} instead"):
        partial_fit(model, ROWS, Y)


def test_the_error_without_dask_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"checkout\[dask\]"):
        partial_fit(GDRegressor(), ROWS, Y)


# ---------------------------------------------------------------- distributed training
SHORT = {"random_state": 0, "max_iter": 2, "tol": None}
WEIGHTS = np.random.RandomState(0).randint(0, 3, len(Y)).astype(float)
# One column is constant, most rows of another have the same value, a third one is far
# from zero: the units of training need more than sums of squares for these.
MIXED = X.copy()
MIXED[:, 0] = 7
MIXED[:, 1] = np.where(np.arange(len(X)) % 5, 0.25, X[:, 1])
MIXED[:, 2] += 10
DISTRIBUTED = {
    "batches": GDRegressor(batch_size=150, **SHORT),
    "linear lbfgs": GDRegressor(random_state=0),
    "line search": GDRegressor(solver="batch", learning_rate="line_search", **SHORT),
    "averaged, clipped": GDRegressor(
        batch_size=150, average=True, clip_norm=0.1, penalty="l1", alpha=0.01, **SHORT
    ),
    "held out": GDRegressor(
        "huber", batch_size=150, early_stopping=True, validation_split=3, **SHORT
    ),
    "network": MLPGDRegressor((5,), batch_size=150, alpha=1e-3, **SHORT),
    "network lbfgs": MLPGDRegressor(
        (5,),
        optimizer="lbfgs",
        solver="batch",
        alpha=1e-3,
        early_stopping=True,
        **SHORT,
    ),
}


@pytest.mark.parametrize("name", DISTRIBUTED)
def test_workers_compute_what_one_process_computes(client, name):
    one, model = clone(DISTRIBUTED[name]), clone(DISTRIBUTED[name])
    one.fit(MIXED, Y, sample_weight=WEIGHTS)
    fit(model, da.from_array(MIXED, chunks=(150, 4)), TARGETS, WEIGHTS, client=client)
    assert model.n_iter_ == one.n_iter_
    assert_allclose(model.loss_curve_, one.loss_curve_, rtol=1e-10)
    assert_allclose(model.predict(MIXED), one.predict(MIXED), rtol=1e-10)
    units, expected = model._state.units, one._state.units
    assert_array_equal(units.varies, expected.varies)
    assert_allclose(units.mean, expected.mean, rtol=1e-12)
    assert_allclose(units.scale, expected.scale, rtol=1e-12)
    assert_allclose(units.features.shares, expected.features.shares, rtol=1e-12)


def test_a_classifier_of_a_frame(client):
    frame = pd.DataFrame(IRIS.astype(np.float32), columns=list("abcd"))
    frame = frame.sample(frac=1, random_state=0)
    kinds = np.array(["x", "y", "z"])[KINDS[frame.index]]
    model = MLPGDClassifier((4,), **SHORT, solver="batch", early_stopping=False)
    one = clone(model).fit(frame, kinds)
    parts = dd.from_pandas(frame, npartitions=3, sort=False)
    fit(model, parts, kinds)
    assert list(model.feature_names_in_) == list("abcd")
    assert model.coefs_[0].dtype == np.float32
    assert_array_equal(model.classes_, one.classes_)
    assert_allclose(model.predict_proba(frame), one.predict_proba(frame), rtol=1e-4)


def test_the_training_goes_on_when_a_worker_is_killed(client):
    # (it has rows, because there are more partitions than workers)
    options = {"solver": "batch", "optimizer": "adam", "tol": None, "max_iter": 4}
    rate = KillsAWorker(client)
    model = GDRegressor(learning_rate=rate, **options)
    calm = GDRegressor(learning_rate=lambda step: 0.1, **options)
    fit(calm, ROWS, Y, client=client)
    fit(model, ROWS, Y, client=client)
    assert rate.n_calls == 4
    assert_array_equal(model.coef_, calm.coef_)
    assert model.loss_curve_ == calm.loss_curve_


class LosesActors:
    """A client and the actors of a part; a call of the first `n_lost` of them fails."""

    def __init__(self, n_lost, method):
        self.n_lost, self.n_made, self.method = n_lost, 0, method

    def submit(self, *args, **options):
        self.n_made += 1
        is_lost = self.n_made <= self.n_lost
        answers = {"begin": None, "evaluate": (1.0, 2.0, np.ones(3))}

        def answer(name):
            if is_lost and name == self.method:
                return mock.Mock(**{"result.side_effect": OSError("Unable to contact")})
            return mock.Mock(**{"result.return_value": answers[name]})

        calls = {name: lambda *_, name=name: answer(name) for name in answers}
        return mock.Mock(**{"result.return_value": SimpleNamespace(**calls)})

    def wait_for_workers(self, n, timeout):
        pass


@pytest.mark.parametrize("method", ["begin", "evaluate"])
def test_an_actor_may_be_lost_while_it_is_made_again(method):
    def evaluate(n_lost):
        rows = mock.MagicMock(client=LosesActors(n_lost, method), parts=[None])
        rows.divided.return_value = [(0, 0, None)]
        parts = Actors(rows, [()])
        return parts.gradient(np.zeros(3), None, 1.0, seed=0, step=0, backward=True)

    assert evaluate(MOST_LOSSES - 1)[:2] == (1.0, 2.0)
    with pytest.raises(RuntimeError, match="Partition 0 of X was lost 3 times"):
        evaluate(MOST_LOSSES + 1)


def test_without_workers_the_model_is_as_it_was(monkeypatch):
    monkeypatch.setattr("skgd.dask.rows.PATIENCE", 0.5)
    options = {"processes": False, "dashboard_address": ":0"}
    with LocalCluster(n_workers=1, **options) as cluster, Client(cluster) as client:

        def rate(step):
            if rate.closes:
                cluster.scale(0)
                while client.scheduler_info()["workers"]:
                    time.sleep(0.05)
            return 0.1

        rate.closes = False
        model = GDRegressor(
            learning_rate=rate, **SHORT, solver="batch", optimizer="adam"
        )
        fit(model, ROWS, Y)
        before, rate.closes = state_of(model), True
        with pytest.raises(RuntimeError, match="no other worker for 0.5 seconds"):
            fit(model, ROWS, Y)
        assert_array_equal(before["coef_"], model.coef_)
        assert_array_equal(before["loss_curve_"], model.loss_curve_)


def test_the_number_of_workers_does_not_matter(client):
    model = MLPGDRegressor((5,), batch_size=150, dropout=0.3, alpha=1e-3, **SHORT)
    many = fit(clone(model), ROWS, Y, client=client)
    options = {"processes": False, "dashboard_address": ":0", "n_workers": 1}
    with LocalCluster(**options) as cluster, Client(cluster) as alone:
        one = fit(clone(model), ROWS, Y, client=alone)
    assert_array_equal(many.predict(X), one.predict(X))


class NeedsArguments(GDRegressor):
    """A subclass whose constructor has a required argument."""

    def __init__(self, purpose, *, max_iter=100):
        super().__init__(max_iter=max_iter)
        self.purpose = purpose


def test_a_subclass_whose_constructor_needs_arguments(client):
    model = fit(NeedsArguments("a test"), ROWS, Y, client=client)
    assert_array_equal(model.coef_, fit(GDRegressor(), ROWS, Y, client=client).coef_)


BAD = X.copy()
BAD[300, 2] = np.nan
SPARSE = ROWS.map_blocks(sp.csr_array)


@pytest.mark.parametrize(
    ("model", "rows", "error", "match"),
    [
        (GDRegressor(), X, TypeError, "X must be a Dask array or DataFrame"),
        (GDRegressor(), ROWS[:200], ValueError, "inconsistent numbers of samples"),
        (GDRegressor(), ROWS[:0], ValueError, "at least one row"),
        (
            GDRegressor(),
            da.from_array(BAD, chunks=(90, 10)),
            ValueError,
            "(?s)contains NaN.*2",
        ),
        (GDRegressor(), SPARSE, TypeError, "dense partitions.*csr_.*partial_fit"),
        (MLPGDRegressor(batch_norm=True), ROWS, ValueError, "'batch_norm'.*False"),
        (
            MLPGDRegressor(num_embedding="piecewise_linear"),
            ROWS,
            ValueError,
            "'num_embedding'.*None",
        ),
        (TabularClassifier(), ROWS, TypeError, "MLPGDClassifier. Got TabularClass"),
    ],
)
def test_what_cannot_be_distributed_is_refused(client, model, rows, error, match):
    with pytest.raises(error, match=match):
        fit(model, rows, Y, client=client)
    assert not hasattr(model, "n_features_in_")
