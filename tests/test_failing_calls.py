"""Errors in the middle of a call: the estimator is as before."""

import itertools
import subprocess
import sys
from copy import deepcopy
from functools import partial

import numpy as np
import pytest
from helpers import data_for
from sklearn.base import is_classifier
from tabular_data import BOTH, FRAME, SMALL
from whole_epochs import NETWORK, PLAIN, RaiseAt, as_it_is, assert_same

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd._training import descent
from skgd.schedules import Schedule

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Training interrupted by user"),
]


ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]


def calls_of(estimator):
    """Calls of three kinds, each with the estimator before it."""
    X, y = data_for(estimator)
    options = {**PLAIN, "max_iter": 2}
    options |= NETWORK if "hidden_layer_sizes" in estimator().get_params() else {}
    new = estimator(**options)
    fitted = estimator(**options, warm_start=True).fit(X, y)
    stream = estimator(**options)
    classes = {"classes": np.unique(y)} if is_classifier(new) else {}
    stream.partial_fit(X, y, **classes)
    return {
        "fit": (new, partial(estimator.fit, X=X, y=y)),
        "fit again": (as_it_is(fitted).set_params(warm_start=False), None),
        "warm start": (fitted, partial(estimator.fit, X=X, y=y)),
        "partial_fit": (stream, partial(estimator.partial_fit, X=X, y=y)),
    }


@pytest.mark.parametrize("name", ["fit", "fit again", "warm start", "partial_fit"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_after_lack_of_memory_all_is_as_before(estimator, name):
    calls = calls_of(estimator)
    model, call = calls[name]
    call = call or calls["fit"][1]
    before, line = as_it_is(model), 0
    raising = RaiseAt(MemoryError)
    while raising.n_lines >= line:
        line += 5
        raising = RaiseAt(MemoryError, line)
        try:
            with raising:
                call(model)
        except (MemoryError, AttributeError):  # `available_if` makes one of the other
            assert_same(model, before)
        else:
            assert raising.n_lines < line  # the error was raised in no line
    assert line > 300


class Culprit:
    """A loss, a schedule, a scorer or a callback that fails at one of its calls."""

    def __init__(self, error, at):
        self.error, self.at, self.calls = error, at, 0

    def __deepcopy__(self, memo):
        return self

    def note(self):
        self.calls += 1
        if self.calls == self.at:
            raise self.error

    def value_and_gradient(self, y, raw):
        self.note()
        return 0.5 * ((raw - y) ** 2).sum(axis=1), raw - y

    def rate(self, step):
        self.note()
        return 0.01

    def scorer(self, estimator, X, y):
        self.note()
        return estimator.score(X, y)

    # as a callback
    def setup(self, *args, **options):
        pass

    on_fit_task_begin = teardown = setup

    def on_fit_task_end(self, *args, **options):
        self.note()


class Failing(Schedule):
    def __init__(self, culprit=None):
        self.culprit = culprit

    def _factor(self, step, n_steps, n_plateaus):
        self.culprit.note()
        return np.ones_like(step)


def with_culprit(kind, estimator, culprit):
    options = {**PLAIN, "max_iter": 5, "shuffle": False}
    if kind == "loss":
        return estimator(**options, loss=culprit)
    if kind == "callable":
        return estimator(**{**options, "learning_rate": culprit.rate})
    if kind == "schedule":
        return estimator(**{**options, "learning_rate": Failing(culprit)})
    if kind == "scorer":
        return estimator(**options, early_stopping=True, scoring=culprit.scorer)
    callback = pytest.importorskip("sklearn.callback")
    bases = (Culprit, callback.FitCallback)
    return estimator(**options).set_callbacks(
        type("Callback", bases, {})(culprit.error, culprit.at)
    )


KINDS = ["loss", "callable", "schedule", "scorer", "callback"]


@pytest.mark.parametrize("error", [ZeroDivisionError, MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("kind", KINDS)
def test_errors_of_what_the_user_has_written(kind, error):
    X, y = data_for(GDRegressor)
    X, y = X[:60], y[:60]
    n_kept = []
    for at in range(1, 50):
        culprit = Culprit(error, at)
        model = with_culprit(kind, GDRegressor, culprit)
        before = vars(model).copy()
        try:
            model.fit(X, y)
        except error:
            assert vars(model) == before
        else:
            n_kept.append(model.n_iter_)
            assert len(model.loss_curve_) == model.n_iter_
            n_trained = len(X) * 9 // 10 if kind == "scorer" else len(X)
            assert model.t_ == 1 + model.n_iter_ * n_trained
            whole = with_culprit(kind, GDRegressor, Culprit(error, 0))
            whole.set_params(max_iter=model.n_iter_).fit(X, y)
            np.testing.assert_array_equal(model.coef_, whole.coef_)
            assert model.loss_curve_ == whole.loss_curve_
    interrupted = {1, 2, 3, 4} if error is KeyboardInterrupt else set()
    assert set(n_kept) == {5} | interrupted


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("kind", KINDS[:-1])
def test_errors_of_what_the_user_has_written_when_training_continues(kind, method):
    X, y = data_for(GDRegressor)
    culprit = Culprit(ZeroDivisionError, 0)
    model = with_culprit(kind, GDRegressor, culprit)
    model.set_params(warm_start=True).fit(X, y)
    trained = {name: value for name, value in vars(model).items() if name[-1] == "_"}
    trained = {**deepcopy(trained), "_state": model._state.copy()}
    options = {"X_val": X, "y_val": y} if kind == "scorer" else {}
    for last in (True, False):
        culprit.calls, culprit.at = 0, 1 + last * (kind != "scorer")
        with pytest.raises(ZeroDivisionError):
            getattr(model, method)(X, y, **options)
        for name, value in trained.items():
            assert_same(getattr(model, name), value, name)
    culprit.at = 0
    getattr(model, method)(X, y, **options)
    assert model.t_ > trained["t_"]


@pytest.mark.parametrize("error", [ZeroDivisionError, MemoryError])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("estimator", [GDClassifier, MLPGDRegressor, MLPGDClassifier])
def test_such_errors_leave_every_estimator_as_it_was(estimator, kind, error):
    X, y = data_for(estimator)
    X, y = X[::3], y[::3] if kind != "loss" else (y[::3] > y.mean()) * 1.0
    culprit = Culprit(error, 0)
    model = with_culprit(kind, estimator, culprit).set_params(warm_start=True)
    if hasattr(model, "hidden_layer_sizes"):
        model.set_params(hidden_layer_sizes=3)
    culprit = culprit_of(model, kind, culprit)
    model.fit(X, y)
    before, n_calls = as_it_is(model), culprit.calls
    for at in {1, n_calls // 2, n_calls}:
        culprit.calls, culprit.at = 0, at
        with pytest.raises(error):
            model.fit(X, y)
        for name, value in vars(before).items():
            if name[-1] == "_" or name == "_state":
                assert_same(getattr(model, name), value, name)
    culprit.calls, culprit.at = 0, 0
    assert model.fit(X, y).t_ > before.t_


def culprit_of(model, kind, culprit):
    """The object that counts the calls: a callback is one of its own."""
    return model._skl_callbacks[0] if kind == "callback" else culprit


SCRIPT = """
import pickle, resource, warnings
import numpy as np
from skgd import MLPGDRegressor
warnings.simplefilter("ignore")
X = np.random.RandomState(0).randn(3000, 100)
y = X[:, 0]
net = MLPGDRegressor((300,), max_iter=2, tol=None, random_state=0, warm_start=True)
net.set_params(early_stopping=False).fit(X, y)
before = pickle.dumps(net)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
failed = 0
for room in range(0, 30):
    limit = size + room * 2**19
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        net.fit(X, y)
    except MemoryError:
        failed += 1
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_AS, unlimited)
        assert pickle.dumps(net) == before
    else:
        break
print("failed", failed > 0, "trained", net.t_ == 12000)
"""


def test_a_process_without_memory():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "failed True trained True", done.stderr


# ---------------------------------------------------------------- raw tables
@pytest.mark.parametrize("at", [1, 10, 60])
@pytest.mark.parametrize("state", ["new", "fitted", "warm start"])
@pytest.mark.parametrize(("estimator", "target"), BOTH)
def test_errors_of_members_leave_a_table_model_as_before(
    monkeypatch, estimator, target, state, at
):
    model = estimator(**SMALL).set_params(n_members=2)
    if state != "new":
        model.fit(FRAME[:100], target[:100])
    if state == "warm start":
        model.set_params(warm_start=True, n_members=4)
    before = vars(model).copy()
    networks = [as_it_is(network) for network in before.get("estimators_", ())]
    run_epoch, calls = descent.run_epoch, itertools.count(1)

    def fail(*args):
        if next(calls) == at:
            raise MemoryError
        return run_epoch(*args)

    monkeypatch.setattr(descent, "run_epoch", fail)
    with pytest.raises(MemoryError):
        model.fit(FRAME[:100], target[:100])
    assert vars(model) == before
    for network, copied in zip(before.get("estimators_", ()), networks, strict=True):
        assert_same(network, copied)
