"""What `verbose` prints: which lines, how they are aligned, when."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd._training.observers import PAUSE, Observer, Observers, Progress

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
OPTIONS = {
    "tol": None,
    "random_state": 0,
    "alpha": 1e-4,
    "learning_rate": "constant",
    "learning_rate_init": 0.01,
    "standardize": False,
    "early_stopping": False,
}
LOSSES = ["loss + penalty", "validation loss", "validation score"]
LONG = ["epoch", *LOSSES, "learning rate", "time"]
SHORT = ["epoch", "loss + penalty", "learning rate", "time"]
WORDS = "|".join(map(re.escape, LONG))

X_REG, Y_REG = load_diabetes(return_X_y=True)
X_REG, Y_REG = scale(X_REG)[:90], scale(Y_REG)[:90]
X_IRIS, Y_IRIS = load_iris(return_X_y=True)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Clock:
    """Goes on by some seconds each time that it is read."""

    def __init__(self, seconds):
        self.seconds, self.now = seconds, 0.0

    def perf_counter(self):
        self.now += self.seconds
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """A clock that is read at the start and at the end of each epoch."""
    clock = Clock(0.01)
    monkeypatch.setattr("skgd._training.observers.time", clock)
    return clock


def data_for(estimator):
    return (X_IRIS, Y_IRIS) if is_classifier(estimator) else (X_REG, Y_REG)


def numbers(out):
    """The epochs of the lines of a table."""
    return [int(number) for number in re.findall(r"^ *(\d+) ", out, re.M)]


def cells(line):
    """The words or numbers of a line and where each ends."""
    words = f"{WORDS}|[^ ]+"
    return [(found.group(), found.end()) for found in re.finditer(words, line)]


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_table(estimator, early_stopping, capsys):
    X, y = data_for(estimator())
    model = estimator(**OPTIONS).set_params(verbose=2, max_iter=3)
    model.set_params(early_stopping=early_stopping).fit(X, y)
    header, *lines = capsys.readouterr().out.splitlines()
    assert [name for name, _ in cells(header)] == (LONG if early_stopping else SHORT)
    columns = [[float(text) for text, _ in cells(line)] for line in lines]
    epoch, loss, *validation, rate, seconds = np.transpose(columns)
    np.testing.assert_array_equal(epoch, [1, 2, 3])
    np.testing.assert_allclose(loss, model.loss_curve_, rtol=1e-6)
    np.testing.assert_allclose(rate, 0.01)
    assert (seconds >= 0).all()
    if early_stopping:
        np.testing.assert_allclose(validation[0], model.validation_loss_curve_, 1e-6)
        np.testing.assert_allclose(validation[1], model.validation_scores_, 1e-3)
    # right aligned
    ends = [[end for _, end in cells(line)] for line in (header, *lines)]
    assert all(each == ends[0] for each in ends)
    assert ends[0][-1] <= 80


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.23456789e-123, 9.87654321e210, 0])
@pytest.mark.parametrize("n_epochs", [1, 999_999])
def test_long_numbers_are_aligned(value, n_epochs, capsys, clock):
    clock.seconds = 12345.678
    progress = Progress(2, validated=True)
    curve = [value] * n_epochs
    state = SimpleNamespace(
        n_epochs=n_epochs,
        loss_curve=curve,
        validation_loss_curve=curve,
        validation_scores=curve,
        learning_rate=abs(value),
    )
    progress.end_epoch(state, 1, True)
    header, line = capsys.readouterr().out.splitlines()
    assert [end for _, end in cells(header)] == [end for _, end in cells(line)]
    assert float(cells(line)[1][0]) == pytest.approx(value, rel=1e-6, nan_ok=True)
    assert cells(line)[-1][0] == "12345.68"


def test_pace(capsys, clock):
    options = {**OPTIONS, "max_iter": 103, "verbose": 1}
    GDRegressor(**options).fit(X_REG, Y_REG)
    shown = numbers(capsys.readouterr().out)
    # epochs of 0.01 s: the first, then one in 0.2 s, and the last
    assert shown[0] == 1
    assert shown[-1] == 103
    steps = np.diff(shown)
    assert (steps[:-1] >= round(PAUSE / 0.01)).all()
    assert (steps <= round(PAUSE / 0.01) + 1).all()
    clock.seconds = 1.1 * PAUSE  # slow epochs
    GDRegressor(**options).set_params(max_iter=4).fit(X_REG, Y_REG)
    assert numbers(capsys.readouterr().out) == [1, 2, 3, 4]
    clock.seconds = 1e-6  # fast ones
    GDRegressor(**options).fit(X_REG, Y_REG)
    assert numbers(capsys.readouterr().out) == [1, 103]
    GDRegressor(**options).set_params(verbose=True).fit(X_REG, Y_REG)
    assert numbers(capsys.readouterr().out) == [1, 103]
    GDRegressor(**options).set_params(verbose=2).fit(X_REG, Y_REG)
    assert numbers(capsys.readouterr().out) == list(range(1, 104))
    GDRegressor(**options).set_params(max_iter=1).fit(X_REG, Y_REG)
    assert numbers(capsys.readouterr().out) == [1]
    GDRegressor(**options).set_params(verbose=0).fit(X_REG, Y_REG)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("options", [{"penalty": None}, {"alpha": 0}])
def test_without_a_penalty_the_header_says_loss(options, capsys):
    model = GDRegressor(**{**OPTIONS, **options}).set_params(verbose=1, max_iter=2)
    model.fit(X_REG, Y_REG)
    header = capsys.readouterr().out.splitlines()[0]
    assert header.split() == ["epoch", "loss", "learning", "rate", "time"]


def test_seconds_are_since_the_start(capsys, clock):
    clock.seconds = 0.5
    GDRegressor(**OPTIONS).set_params(max_iter=3, verbose=1).fit(X_REG, Y_REG)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [cells(line)[-1][0] for line in lines] == ["0.50", "1.00", "1.50"]


def test_messages_stand_below_the_epoch(capsys, clock):
    options = {**OPTIONS, "tol": 1e9, "n_iter_no_change": 3, "max_iter": 100}
    options.update(learning_rate="adaptive", optimizer="sgd", learning_rate_init=4e-6)
    # rates that fall on and on are left out, but not the reason for the end
    for clock.seconds in (1e-6, 1.1 * PAUSE):
        GDRegressor(**options).set_params(verbose=1).fit(X_REG, Y_REG)
        out = capsys.readouterr().out
        assert "Setting learning rate" not in out
        assert out.count("did not improve") == out.count("Stopping") == 1
        shown = numbers(out)
        assert shown == ([1, 12] if clock.seconds < PAUSE else list(range(1, 13)))
    GDRegressor(**options).set_params(verbose=2).fit(X_REG, Y_REG)
    lines = capsys.readouterr().out.splitlines()
    told = [i for i, line in enumerate(lines) if "did not improve" in line]
    assert len(told) == 2
    assert lines[told[0]].endswith("Setting learning rate to 0.000001")
    assert lines[told[1]] == (
        "Training loss did not improve more than tol=1000000000.000000 for 3 "
        "consecutive epochs (their mean, against as many before). Stopping."
    )
    # 2 * 3 epochs to see a plateau
    assert [cells(lines[i - 1])[0][0] for i in told] == ["6", "12"]
    assert numbers("\n".join(lines)) == list(range(1, 13))


def test_partial_fit_goes_on_with_the_table(capsys):
    model = GDRegressor(**OPTIONS).set_params(verbose=1)
    for _ in range(3):
        model.partial_fit(X_REG, Y_REG)
    out = capsys.readouterr().out
    assert out.count("epoch") == 1
    assert numbers(out) == [1, 2, 3]
    # each fit has a table
    model.set_params(warm_start=True, max_iter=2).fit(X_REG, Y_REG)
    out = capsys.readouterr().out
    assert out.count("epoch") == 1
    assert numbers(out) == [4, 5]


def test_interrupted(capsys, clock):
    clock.seconds = 1e-6

    def rate(step):
        if step == 4 * 3:  # the first of the fourth epoch, of three updates each
            raise KeyboardInterrupt
        return 0.01

    options = {**OPTIONS, "learning_rate": rate, "verbose": 1, "batch_size": 30}
    model = GDRegressor(**options).set_params(max_iter=50)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X_REG, Y_REG)
    assert model.n_iter_ == 4
    assert numbers(capsys.readouterr().out) == [1, 4]


def test_errors(capsys, clock):
    clock.seconds = 1e-6

    def rate(step):
        if step == 4 * 3:
            raise ZeroDivisionError("by intent")
        return 0.01

    options = {**OPTIONS, "learning_rate": rate, "verbose": 1, "batch_size": 30}
    with pytest.raises(ZeroDivisionError, match="by intent"):
        GDRegressor(**options).set_params(max_iter=50).fit(X_REG, Y_REG)
    assert numbers(capsys.readouterr().out) == [1, 4]


def test_a_descent_that_goes_back_says_so(capsys, clock):
    clock.seconds = 1e-6
    options = {**OPTIONS, "optimizer": "sgd", "learning_rate_init": None}
    model = GDRegressor(**options).set_params(verbose=2, max_iter=20)
    with pytest.warns(ConvergenceWarning, match="half the learning rate"):
        model.fit(10 * X_REG, Y_REG)
    out = capsys.readouterr().out
    assert out.count("Back to epoch") == model.n_restarts_ > 0
    assert numbers(out)[-1] == 20
    # the epoch that diverged is shown
    assert len(numbers(out)) > 20


def test_several_observers_are_all_told():
    told = []

    class Teller(Observer):
        def __init__(self, name, stop):
            self.name, self.stop = name, stop

        def begin_epoch(self, state, n_iter):
            told.append((self.name, "begin", n_iter))

        def end_epoch(self, state, n_iter, sound):
            told.append((self.name, "end", n_iter, sound))
            return self.stop

        def message(self, text, minor=False):
            told.append((self.name, text))

        def close(self):
            told.append((self.name, "close"))

    both = Observers(Teller("a", True), None, Teller("b", False))
    both.begin_epoch(None, 0)
    assert both.end_epoch(None, 1, True)
    both.message("hello")
    both.close()
    expected = [("begin", 0), ("end", 1, True), ("hello",), ("close",)]
    assert told == [(name, *what) for what in expected for name in "ab"]
    assert not Observers(Teller("b", False)).end_epoch(None, 1, True)
    assert not Observers(Observer()).end_epoch(None, 1, True)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_printing_changes_nothing(estimator):
    X, y = data_for(estimator())
    models = [
        estimator(**OPTIONS).set_params(
            verbose=verbose, max_iter=5, early_stopping=True
        )
        for verbose in (0, 2)
    ]
    a, b = (model.fit(X, y) for model in models)
    np.testing.assert_array_equal(a.predict(X), b.predict(X))
    assert a.loss_curve_ == b.loss_curve_
