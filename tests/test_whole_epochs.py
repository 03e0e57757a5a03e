"""After an interrupt: the state of whole epochs, or that of before."""

import ctypes
import threading
import time
from functools import partial

import numpy as np
import pytest
from helpers import data_for
from whole_epochs import NETWORK, PLAIN, SETTINGS, RaiseAt, as_it_is, assert_same

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd._training.checkpoint import Journal

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Training interrupted by user"),
]


CASES = {
    "sgd, average": (GDRegressor, {**PLAIN, "optimizer": "momentum", "average": True}),
    "l1": (GDClassifier, {**PLAIN, "optimizer": "sgd", "penalty": "l1"}),
    "single rows": (GDClassifier, {**PLAIN, "solver": "sgd", "optimizer": "sgd"}),
    "validated": (GDRegressor, {**PLAIN, "early_stopping": True}),
    "plateaus": (
        GDRegressor,
        {**PLAIN, "learning_rate": "adaptive", "n_iter_no_change": 1, "max_iter": 9}
        | {"learning_rate_init": 1.0, "verbose": 2},
    ),
    "lbfgs": (GDClassifier, {**SETTINGS, "optimizer": "lbfgs", "early_stopping": True}),
    "network": (
        MLPGDClassifier,
        {**PLAIN, **NETWORK, "dropout": 0.1, "batch_norm": True, "average": 0.9}
        | {"average": "ema", "early_stopping": True, "learning_rate": "adaptive"},
    ),
    "line search": (
        MLPGDRegressor,
        {**SETTINGS, **NETWORK, "solver": "batch", "learning_rate": "line_search"},
    ),
    "callable": (MLPGDRegressor, {**PLAIN, **NETWORK, "learning_rate": lambda t: 0.01}),
}


def interrupted_at(fit, *lines):
    """The fitted model; None if the interrupt left it as it was."""
    with RaiseAt(KeyboardInterrupt, *lines, folder="_training"):
        try:
            return fit()
        except KeyboardInterrupt:
            return None


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("case", CASES)
def test_an_interrupt_leaves_whole_epochs(case, again, capsys):
    estimator, options = CASES[case]
    X, y = data_for(estimator)
    n_epochs = options["max_iter"]
    shorter = [None]
    for k in range(1, n_epochs + 1):
        shorter.append(estimator(**{**options, "max_iter": k}).fit(X, y))
    with RaiseAt(None, folder="_training") as counted:
        estimator(**options).fit(X, y)
    found = set()
    stride = 11 if again else 3
    for line in range(1, counted.n_lines + 1, stride):
        model = estimator(**options)
        before = as_it_is(model)
        lines = (line, line + 1 + line % 7) if again else (line,)
        if interrupted_at(partial(model.fit, X, y), *lines) is None:
            assert_same(model, before)
            continue
        k = model.n_iter_
        found.add(k)
        if k < n_epochs or line % 5 == 0:
            assert_same(model.set_params(max_iter=k), shorter[k])
    assert found >= set(range(1, n_epochs + 1)) or again


@pytest.mark.parametrize("case", CASES)
def test_after_an_interrupt_training_continues_as_after_these_epochs(case, capsys):
    estimator, options = CASES[case]
    options = {**options, "warm_start": True}
    X, y = data_for(estimator)
    with RaiseAt(None, folder="_training") as counted:
        estimator(**options).fit(X, y)
    lines = range(counted.n_lines // 2, counted.n_lines * 3 // 4, 7)
    for line in lines:
        model = estimator(**options)
        assert interrupted_at(partial(model.fit, X, y), line) is model
        shorter = estimator(**{**options, "max_iter": model.n_iter_}).fit(X, y)
        model.set_params(max_iter=2).fit(X, y)
        assert_same(model, shorter.set_params(max_iter=2).fit(X, y))


def test_an_interrupt_while_training_diverges(monkeypatch):
    X, y = data_for(GDRegressor)
    options = {**PLAIN, "optimizer": "sgd", "learning_rate_init": 2.0, "max_iter": 9}
    options["standardize"] = True
    begun = []
    begin = Journal.begin_epoch

    def begin_epoch(journal, n_iter):
        begun.append((n_iter, journal._state.copy()))
        begin(journal, n_iter)

    with monkeypatch.context() as watched:
        watched.setattr(Journal, "begin_epoch", begin_epoch)
        with RaiseAt(None, folder="_training") as counted:
            last = GDRegressor(**options).fit(X, y)
    assert last.n_restarts_ > 1
    begun.append((last.n_iter_, last._state.copy()))
    for line in range(1, counted.n_lines + 1, 4):
        model = GDRegressor(**options)
        if interrupted_at(partial(model.fit, X, y), line) is None:
            assert not hasattr(model, "coef_")
            continue
        state, n = model._state, model.n_iter_
        assert len(model.loss_curve_) == len(state.rates) == n
        theta, rate = state.theta.tolist(), state.rate_factor
        assert (n, theta, rate) in [
            (k, at.theta.tolist(), at.rate_factor) for k, at in begun
        ]


# ---------------------------------------------------------------- other threads
def test_an_error_that_another_thread_sends():
    # as notebooks and servers stop a thread
    X, y = data_for(GDRegressor)
    outcome = []
    model = GDRegressor(**{**PLAIN, "max_iter": 10**7})

    def train():
        try:
            outcome.append(model.fit(X, y))
        except KeyboardInterrupt:
            outcome.append(None)

    thread = threading.Thread(target=train)
    thread.start()
    time.sleep(0.3)
    send = ctypes.pythonapi.PyThreadState_SetAsyncExc
    send(ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt))
    thread.join(timeout=60)
    assert outcome == [model]
    assert 1 < model.n_iter_ < 10**7
    shorter = GDRegressor(**{**PLAIN, "max_iter": model.n_iter_}).fit(X, y)
    np.testing.assert_array_equal(model.coef_, shorter.coef_)
    assert model.loss_curve_ == shorter.loss_curve_
