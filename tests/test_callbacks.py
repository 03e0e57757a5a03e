"""Callbacks of scikit-learn: tasks, fitted estimators, stopping, errors."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse as sp
from sklearn.base import clone, is_classifier
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skgd import (
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
    learning_rate_range,
)

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
HOOKS = ["setup", "on_fit_task_begin", "on_fit_task_end", "teardown"]
OPTIONS = [
    {},
    {"standardize": True},
    {"batch_norm": True, "dropout": 0.1},
    {"early_stopping": True, "learning_rate_init": 0.1},
    {"standardize": True, "early_stopping": True, "batch_norm": True},
]

X_REG, Y_REG = load_diabetes(return_X_y=True)
X_REG, Y_REG = 3 + scale(X_REG)[:90], 100 + 20 * scale(Y_REG)[:90]
X_IRIS, Y_IRIS = load_iris(return_X_y=True)


class Recorder:
    """Takes note of every hook; does at one of them what it is told."""

    def __init__(self, act=None):
        self.calls = []
        self.act = act

    def _note(self, name, context, **given):
        self.calls.append((name, context, given))
        return None if self.act is None else self.act(name, context)

    def setup(self, estimator, context):
        self._note("setup", context)

    def on_fit_task_begin(
        self, estimator, context, *, X, y, metadata, fitted_estimator
    ):
        given = dict(X=X, y=y, metadata=metadata, fitted=fitted_estimator)
        self._note("on_fit_task_begin", context, **given)

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        given = dict(X=X, y=y, metadata=metadata, fitted=fitted_estimator)
        return self._note("on_fit_task_end", context, **given)

    def teardown(self, estimator, context):
        self._note("teardown", context)

    def of_epochs(self, name):
        """What came with a hook of the epochs."""
        return [
            given
            for hook, context, given in self.calls
            if hook == name and context.task_name == "epoch"
        ]


class Plain:
    """Asks for nothing; says after which epoch to stop."""

    max_propagation_depth = None

    def __init__(self, last=None):
        self.last = last

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        return context.task_name == "epoch" and context.task_id == self.last

    def teardown(self, estimator, context):
        pass


def data_for(estimator):
    return (X_IRIS, Y_IRIS) if is_classifier(estimator) else (X_REG, Y_REG)


def small(estimator, **params):
    params = {
        "max_iter": 4,
        "tol": None,
        "random_state": 0,
        "batch_size": 40,
        "alpha": 1e-4,
        "learning_rate": "constant",
        "learning_rate_init": 0.01,
        "standardize": False,
        "early_stopping": False,
        **params,
    }
    if hasattr(estimator(), "hidden_layer_sizes"):
        params["hidden_layer_sizes"] = (5,)
    return estimator(**params)


def parameters(model):
    if hasattr(model, "coef_"):
        return [model.coef_, model.intercept_]
    names = ("coefs_", "intercepts_", "gammas_", "running_means_", "running_vars_")
    return [array for name in names for array in getattr(model, name, [])]


def assert_same(a, b):
    for one, other in zip(parameters(a), parameters(b), strict=True):
        assert_array_equal(one, other)
    names = ("loss_curve_", "validation_scores_", "validation_loss_curve_", "n_iter_")
    names += ("t_", "learning_rate_", "loss_", "best_loss_", "best_iter_")
    for name in (*names, "best_validation_score_"):
        assert getattr(a, name) == getattr(b, name), name


def is_same_dict(before, estimator):
    after = vars(estimator)
    return before.keys() == after.keys() and all(before[k] is after[k] for k in before)


# ------------------------------------------------------------------ tasks
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_number_and_order_of_hooks(estimator):
    X, y = data_for(estimator())
    recorder = Recorder()
    model = small(estimator).set_callbacks(recorder)
    assert model.fit(X, y) is model
    epoch = [("on_fit_task_begin", "epoch"), ("on_fit_task_end", "epoch")]
    assert [(name, context.task_name) for name, context, _ in recorder.calls] == [
        ("setup", "fit"),
        ("on_fit_task_begin", "fit"),
        *(4 * epoch),
        ("on_fit_task_end", "fit"),
        ("teardown", "fit"),
    ]
    root = recorder.calls[0][1]
    assert root.max_subtasks == 4
    assert root.estimator_name == estimator.__name__
    epochs = [context for _, context, _ in recorder.calls[2:-2]]
    assert [context.task_id for context in epochs] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert all(c.parent is root and c.max_subtasks == 0 for c in epochs)
    for _, _, given in recorder.calls[1:-1]:  # the data are the user's
        assert given["X"] is X
        assert given["y"] is y
        assert given["metadata"] is None
    assert recorder.calls[1][2]["fitted"] is None
    assert_same(recorder.calls[-2][2]["fitted"], model)
    assert not [name for name in vars(model) if "callback_fit_ctx" in name]


def test_plateaus_end_the_tasks():
    recorder = Recorder()
    model = small(GDRegressor, tol=1e9, n_iter_no_change=1, max_iter=50)
    model.set_callbacks(recorder).fit(X_REG, Y_REG)
    assert model.n_iter_ == len(recorder.of_epochs("on_fit_task_end")) == 2


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_partial_fit_is_one_task(estimator):
    X, y = data_for(estimator())
    recorder = Recorder(lambda name, context: True)  # there is nothing to stop
    parts, whole = small(estimator).set_callbacks(recorder), small(estimator)
    kwargs = {"classes": np.unique(y)} if is_classifier(parts) else {}
    for _ in range(4):
        parts.partial_fit(X, y, **kwargs)
    whole.fit(X, y)
    for one, other in zip(parameters(parts), parameters(whole), strict=True):
        assert_array_equal(one, other)
    assert [name for name, _, _ in recorder.calls] == 4 * HOOKS
    assert {context.task_name for _, context, _ in recorder.calls} == {"partial_fit"}
    assert {context.max_subtasks for _, context, _ in recorder.calls} == {0}
    assert recorder.calls[2][2]["fitted"].loss_curve_ == whole.loss_curve_[:1]


def test_warm_start_is_a_fit_of_its_own():
    recorder = Recorder()
    model = small(GDRegressor, warm_start=True).set_callbacks(recorder)
    model.fit(X_REG, Y_REG).fit(X_REG, Y_REG)
    ids = [c.task_id for name, c, _ in recorder.calls if c.task_name == "epoch"]
    assert ids == 2 * [0, 0, 1, 1, 2, 2, 3, 3]
    fitted = [given["fitted"] for given in recorder.of_epochs("on_fit_task_end")]
    assert [len(each.loss_curve_) for each in fitted] == [1, 2, 3, 4, 5, 6, 7, 8]
    begun = recorder.of_epochs("on_fit_task_begin")[4]["fitted"]
    for one, other in zip(parameters(begun), parameters(fitted[3]), strict=True):
        assert_array_equal(one, other)


# ------------------------------------------------------------------ estimators
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_fitted_estimator_is_that_of_a_shorter_fit(estimator, options):
    X, y = data_for(estimator())
    recorder = Recorder()
    model = small(estimator, **options).set_callbacks(recorder).fit(X, y)
    shorter = [small(estimator, **options).set_params(max_iter=k) for k in (1, 2, 3, 4)]
    begun = [given["fitted"] for given in recorder.of_epochs("on_fit_task_begin")]
    ended = [given["fitted"] for given in recorder.of_epochs("on_fit_task_end")]
    for k, fitted in enumerate(ended):
        shorter[k].fit(X, y)
        assert_same(fitted, shorter[k])
        assert_array_equal(fitted.predict(X), shorter[k].predict(X))
    for fitted, before in zip(begun[1:], ended[:-1], strict=True):
        assert_same(fitted, before)
    assert begun[0].predict(X).shape == y.shape
    # the callback changes nothing
    assert_same(model, shorter[3])
    # and what goes on from a fitted estimator leaves the others alone
    ended[1].set_callbacks().partial_fit(X, y)
    shorter[1].partial_fit(X, y)
    assert_same(ended[1], shorter[1])
    assert_same(ended[2], shorter[2])


def test_fitted_estimator_is_averaged():
    recorder = Recorder()
    options = dict(average=100, optimizer="sgd", solver="sgd")
    model = small(GDRegressor, **options).set_callbacks(recorder).fit(X_REG, Y_REG)
    ended = [given["fitted"] for given in recorder.of_epochs("on_fit_task_end")]
    assert_same(ended[-1], model)
    two = small(GDRegressor, **options).set_params(max_iter=2).fit(X_REG, Y_REG)
    assert_same(ended[1], two)


def test_nothing_is_computed_that_no_callback_asks_for(monkeypatch):
    def fail(*args):
        raise AssertionError("nobody has asked")

    monkeypatch.setattr(GDRegressor, "_as_if_ended", fail)
    monkeypatch.setattr("skgd._training.observers._safe_indexing", fail)
    model = small(GDRegressor, early_stopping=True).set_callbacks(Plain())
    assert model.fit(X_REG, Y_REG).n_iter_ == 4


def test_without_callbacks_there_are_no_tasks(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("there are no callbacks")

    monkeypatch.setattr(GDRegressor, "_init_callback_context", fail)
    small(GDRegressor).set_callbacks(Plain()).set_callbacks().fit(X_REG, Y_REG)
    with pytest.raises(AssertionError, match="there are no callbacks"):
        small(GDRegressor).set_callbacks(Plain()).fit(X_REG, Y_REG)


def as_frame(X):
    return pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])


@pytest.mark.parametrize(
    "form", [np.asarray, as_frame, np.ndarray.tolist, sp.coo_array]
)
def test_early_stopping_hands_on_the_rows_that_are_trained(form):
    recorder = Recorder()
    options = dict(early_stopping=True, solver="batch", alpha=0, optimizer="sgd")
    model = small(GDRegressor, learning_rate_init=1e-5, **options)
    X, y = form(X_REG), pd.Series(Y_REG, index=np.arange(90)[::-1])
    weights = np.linspace(1, 2, 90)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_callbacks(recorder).fit(X, y, sample_weight=weights)
    assert recorder.calls[1][2]["X"] is X
    epochs = recorder.of_epochs("on_fit_task_begin")
    assert len(epochs) == 4
    rows = np.flatnonzero(np.isin(Y_REG * weights, _weighted(epochs[0])))
    part, target = epochs[0]["X"], np.asarray(epochs[0]["y"])
    assert len(rows) == 81
    part = part.toarray() if sp.issparse(part) else np.asarray(part)
    assert_array_equal(part, X_REG[rows])
    # the coefficients are zero before the first update
    held = epochs[0]["metadata"]["sample_weight"]
    expected = 0.5 * np.average(target**2, weights=held)
    assert model.loss_curve_[0] == pytest.approx(expected, rel=1e-12)
    whole = recorder.calls[-2][2]
    assert whole["y"] is y
    assert_array_equal(whole["metadata"]["sample_weight"], weights)
    for given in epochs[1:]:
        assert given["X"] is epochs[0]["X"]  # made once


def _weighted(given):
    return np.asarray(given["y"]) * given["metadata"]["sample_weight"]


# ------------------------------------------------------------------ ScoringMonitor
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_scoring_monitor(estimator, standardize):
    X, y = data_for(estimator())
    weights = np.random.RandomState(0).rand(len(y))
    metric = "accuracy" if is_classifier(estimator()) else "r2"
    monitor = ScoringMonitor(scoring=metric)
    options = dict(standardize=standardize, learning_rate_init=0.1)
    model = small(estimator, **options).set_callbacks(monitor)
    model.fit(X, y, sample_weight=weights)
    log = monitor.get_logs().data
    expected = []
    for k in (1, 2, 3, 4):
        shorter = small(estimator, **options).set_params(max_iter=k)
        shorter.fit(X, y, sample_weight=weights)
        expected.append(shorter.score(X, y, sample_weight=weights))
    assert len(set(expected)) > 1
    # the first row is of the fit as a whole
    assert [row[metric] for row in log] == [expected[-1], *expected]
    assert [row["task_name"] for row in log] == ["fit", *4 * ["epoch"]]


def test_scoring_monitor_with_names_of_features_and_classes():
    X, y = as_frame(X_IRIS), np.array(["red", "green", "blue"])[Y_IRIS]
    monitor = ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    model = small(MLPGDClassifier, standardize=True, early_stopping=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs().data_as_pandas
    assert log["accuracy"][0] == accuracy_score(y, model.predict(X))
    assert (log["neg_log_loss"][1:].diff()[1:] > 0).all()


# ------------------------------------------------------------------ stopping
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_callback_stops(estimator, early_stopping):
    X, y = data_for(estimator())
    options = dict(max_iter=50, tol=1e-9, early_stopping=early_stopping)
    recorder = Recorder()
    model = small(estimator, **options).set_callbacks(Plain(last=2), recorder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no ConvergenceWarning
        model.fit(X, y)
    assert model.n_iter_ == len(recorder.of_epochs("on_fit_task_end")) == 3
    assert [name for name, _, _ in recorder.calls[-2:]] == HOOKS[2:]
    assert_same(recorder.of_epochs("on_fit_task_end")[-1]["fitted"], model)
    shorter = small(estimator, **options).set_params(max_iter=3)
    with pytest.warns(ConvergenceWarning):
        shorter.fit(X, y)
    assert_same(model, shorter)
    model.set_callbacks().partial_fit(X, y)
    shorter.partial_fit(X, y)
    assert_same(model, shorter)


def test_every_callback_is_asked_even_if_the_first_stops():
    first, second = Recorder(lambda name, c: True), Recorder()
    small(GDRegressor).set_callbacks(first, second).fit(X_REG, Y_REG)
    assert len(first.calls) == len(second.calls) == 6


def test_a_stop_is_no_plateau():
    # an adaptive rate that was lowered stays low, as after Ctrl-C
    options = dict(learning_rate="adaptive", optimizer="sgd", tol=1e9)
    model = small(GDRegressor, n_iter_no_change=1, warm_start=True, **options)
    model.set_callbacks(Plain(last=2)).fit(X_REG, Y_REG)
    assert model.learning_rate_ == pytest.approx(0.01 / 5)
    model.set_callbacks(Plain(last=0)).fit(X_REG, Y_REG)
    assert model.learning_rate_ == pytest.approx(0.01 / 5)


# ------------------------------------------------------------------ composition
def test_progress_bar(capsys):
    model = small(MLPGDClassifier, early_stopping=True).set_callbacks(ProgressBar())
    model.fit(X_IRIS, Y_IRIS)
    out = capsys.readouterr().out
    assert "MLPGDClassifier - fit" in out
    assert "100%" in out


def test_pipeline(capsys):
    monitor, bar = ScoringMonitor(scoring="r2"), ProgressBar(max_propagation_depth=None)
    model = small(GDRegressor, learning_rate_init=0.5).set_callbacks(monitor)
    pipe = make_pipeline(StandardScaler(), model).set_callbacks(bar)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipe.fit(X_REG, Y_REG)
    log = monitor.get_logs().data
    assert [len(row["task_id_path"]) for row in log] == [2, 3, 3, 3, 3]
    assert log[0]["r2"] == pipe.score(X_REG, Y_REG)
    assert "GDRegressor - fit" in capsys.readouterr().out


def test_grid_search_in_processes(capsys):
    monitor, bar = ScoringMonitor(scoring="accuracy"), ProgressBar(None)
    model = small(GDClassifier, standardize=True).set_callbacks(monitor)
    search = GridSearchCV(
        model, {"alpha": [0, 0.1]}, cv=3, n_jobs=2, error_score="raise"
    )
    search.set_callbacks(bar).fit(X_IRIS, Y_IRIS)
    log = monitor.get_logs().data_as_pandas
    # six fits and the last with all rows, each with four epochs and one row for itself
    assert len(monitor.get_logs(select="all")) == 1
    assert len(log) == 7 * 5
    assert (log["task_name"] == "epoch").sum() == 28
    refit = log[[path[:2] == (0, 1) for path in log["task_id_path"]]]
    alone = clone(search.best_estimator_).set_callbacks().fit(X_IRIS, Y_IRIS)
    assert refit["accuracy"].iloc[0] == alone.score(X_IRIS, Y_IRIS)
    assert_same(search.best_estimator_, alone)
    out = capsys.readouterr().out
    assert "GridSearchCV - fit" in out
    assert "GDClassifier - fit" in out


def test_grid_search_hands_a_callback_that_stops_to_the_processes():
    search = GridSearchCV(
        make_pipeline(StandardScaler(), small(GDRegressor)),
        {"gdregressor__alpha": [0, 0.1]},
        n_jobs=2,
        error_score="raise",
    )
    search.set_callbacks(Plain(last=1)).fit(X_REG, Y_REG)
    assert search.best_estimator_[-1].n_iter_ == 2
    assert not hasattr(search.best_estimator_[-1], "_parent_callback_ctx")


def test_clone_and_pickle_keep_callbacks():
    recorder = Recorder()
    model = clone(small(GDRegressor).set_callbacks(recorder))
    model.fit(X_REG, Y_REG)
    assert len(recorder.calls) == 12
    stops = pickle.loads(pickle.dumps(small(GDRegressor).set_callbacks(Plain(last=0))))
    assert stops.fit(X_REG, Y_REG).n_iter_ == 1


def test_range_test_has_no_tasks():
    recorder = Recorder()
    model = small(GDRegressor).set_callbacks(recorder)
    learning_rate_range(model, X_REG, Y_REG, n_steps=20, random_state=0)
    assert recorder.calls == []
    model.fit(X_REG, Y_REG)
    assert len(recorder.calls) == 12


# ------------------------------------------------------------------ divergence
def test_a_descent_that_goes_back_has_all_its_epochs(capsys):
    # by a rate of its own choice for which these data are too large
    X = 2 * X_REG
    recorder, monitor = Recorder(), ScoringMonitor(scoring="r2")
    model = small(GDRegressor, optimizer="sgd", learning_rate_init=None, max_iter=30)
    model.set_callbacks(recorder, monitor, ProgressBar())
    with pytest.warns(ConvergenceWarning, match="half the learning rate"):
        model.fit(X, Y_REG)
    assert model.n_restarts_ > 0
    epochs = recorder.of_epochs("on_fit_task_end")
    lost = [number for number, given in enumerate(epochs) if given["fitted"] is None]
    assert len(lost) == model.n_restarts_
    assert len(epochs) >= 30 + len(lost)
    assert model.n_iter_ == 30
    assert_same(epochs[-1]["fitted"], model)
    assert np.isfinite([row["r2"] for row in monitor.get_logs().data]).all()
    assert "100%" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_divergence_for_good():
    recorder = Recorder()
    options = dict(optimizer="sgd", learning_rate_init=10.0, max_iter=30)
    model = small(GDRegressor, **options).set_callbacks(recorder)
    before = vars(model).copy()
    with pytest.raises(ValueError, match="loss exploded|Floating-point"):
        model.fit(30 * X_REG, Y_REG)
    assert is_same_dict(before, model)
    assert recorder.calls[-1][0] == "teardown"
    # with early stopping it is no error, and the epoch that was the best is kept
    options["learning_rate"] = lambda step: 1e-3 if step < 60 else 1e3
    model = small(GDRegressor, early_stopping=True, **options)
    recorder.calls.clear()
    model.set_callbacks(recorder).fit(X_REG, Y_REG)
    *_, last = recorder.of_epochs("on_fit_task_end")
    assert last["fitted"] is None
    assert_same(recorder.calls[-2][2]["fitted"], model)


# ------------------------------------------------------------------ errors
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize(
    ("hook", "task"), [*((h, "fit") for h in HOOKS), ("on_fit_task_begin", "epoch")]
)
def test_after_an_error_the_estimator_is_what_it_was(hook, task, error, fitted):
    def fail(name, context):
        if name == hook and context.task_name == task:
            raise error("by intent")

    recorder = Recorder()
    model = small(MLPGDClassifier, early_stopping=True).set_callbacks(recorder)
    if fitted:
        model.fit(X_IRIS, Y_IRIS)
    recorder.calls.clear()
    recorder.act = fail
    before = vars(model).copy()
    with pytest.raises(error, match="by intent"):
        model.fit(X_IRIS, Y_IRIS, sample_weight=np.arange(150))
    assert is_same_dict(before, model)
    assert [name for name, _, _ in recorder.calls].count("teardown") == 1
    recorder.act = None
    alone = small(MLPGDClassifier, early_stopping=True).fit(X_IRIS, Y_IRIS)
    assert_same(model.fit(X_IRIS, Y_IRIS), alone)


def test_an_error_after_some_epochs():
    def fail(name, context):
        if (name, context.task_id) == ("on_fit_task_end", 2):
            raise ZeroDivisionError("by intent")

    model = small(GDRegressor).set_callbacks(Recorder(fail))
    before = vars(model).copy()
    with pytest.raises(ZeroDivisionError, match="by intent"):
        model.fit(X_REG, Y_REG)
    assert is_same_dict(before, model)


@pytest.mark.parametrize("hook", ["on_fit_task_begin", "on_fit_task_end"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_keyboard_interrupt_in_a_callback(estimator, hook):
    def interrupt(name, context):
        if (name, context.task_name, context.task_id) == (hook, "epoch", 2):
            raise KeyboardInterrupt

    X, y = data_for(estimator())
    recorder = Recorder(interrupt)
    model = small(estimator).set_callbacks(recorder)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, y)
    k = 2 if hook == "on_fit_task_begin" else 3
    assert_same(model, small(estimator).set_params(max_iter=k).fit(X, y))
    assert [name for name, _, _ in recorder.calls[-2:]] == HOOKS[2:]


def test_invalid_data_call_no_callback():
    recorder = Recorder()
    model = small(GDRegressor).set_callbacks(recorder)
    before = vars(model).copy()
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full_like(X_REG, np.nan), Y_REG)
    assert recorder.calls == []
    assert is_same_dict(before, model)


# ------------------------------------------------------------------ below 1.9
SCRIPT = """
import sys, warnings
import sklearn.model_selection, sklearn.preprocessing, sklearn.linear_model
module = sys.modules["sklearn.callback"]
sys.modules["sklearn.callback"] = None  # as if it were not there
import skgd
sys.modules["sklearn.callback"] = module  # for scikit-learn itself
sys.path.insert(0, sys.argv[1])
from test_callbacks import ESTIMATORS, data_for, parameters, small

for estimator in ESTIMATORS:
    model = small(estimator, early_stopping=True)
    assert not hasattr(model, "set_callbacks")
    X, y = data_for(model)
    for array in parameters(model.fit(X, y)):
        print(array.tobytes().hex())
"""


def test_below_scikit_learn_1_9(request):
    folder = str(request.path.parent)
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, folder], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    expected = []
    for estimator in ESTIMATORS:
        model = small(estimator, early_stopping=True).set_callbacks(Recorder())
        for array in parameters(model.fit(*data_for(model))):
            expected.append(array.tobytes().hex())
    assert run.stdout.split() == expected


def test_the_best_trial_is_what_fit_would_return():
    X, y = load_diabetes(return_X_y=True)
    recorder = Recorder()
    model = MLPGDRegressor((5,), random_state=0).set_callbacks(recorder).fit(X, y)
    fitted = [given["fitted"] for given in recorder.of_epochs("on_fit_task_end")]
    assert len(fitted) == model.n_iter_
    for n, seen in enumerate(fitted, start=1):
        assert seen.validation_loss_curve_ == model.validation_loss_curve_[:n]
        assert seen.alpha_ == model.alpha_
        assert seen.best_loss_ is None
    assert seen.best_iter_ == model.best_iter_
