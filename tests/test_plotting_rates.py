"""Schedules, the rates of a training and range tests, as they are drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from plotting_helpers import X, labels, line_named, y
from sklearn.utils import Bunch

from skgd import GDClassifier, MLPGDClassifier
from skgd.inspection import learning_rate_range
from skgd.plotting import LearningRateDisplay
from skgd.schedules import SCHEDULES, Cosine

plt.switch_backend("Agg")


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    plt.close("all")


def test_schedules():
    display = LearningRateDisplay.from_schedules(
        {
            "by name": "cosine",
            "instance": Cosine(final=0.1),
            "own": lambda t: 1 / (t + 1),
        },
        n_steps=50,
        learning_rate=0.2,
    )
    steps = np.arange(50)
    expected = {
        "by name": 0.2 * Cosine()(steps, 50),
        "instance": 0.2 * Cosine(final=0.1)(steps, 50),
        "own": 1 / (steps + 1),
    }
    for name, rates in expected.items():
        line = line_named(display.ax_, name)
        assert_array_equal(line.get_xdata(), steps)
        assert_allclose(line.get_ydata(), rates)
    assert labels(display.figure_.legends[0]) == list(expected)
    assert display.ax_.get_xlabel() == "update"
    assert display.plot(log=True).ax_.get_yscale() == "log"


def test_the_rates_of_a_training():
    options = {"max_iter": 12, "tol": None, "solver": "minibatch", "optimizer": "sgd"}
    clf = GDClassifier(learning_rate="cosine", **options).fit(X, y)
    display = LearningRateDisplay.from_estimator(clf, log=True)
    (line,) = display.ax_.lines
    assert_array_equal(line.get_xdata(), np.arange(1, 13))
    assert np.all(np.diff(line.get_ydata()) < 0)
    assert line.get_ydata()[-1] == clf.learning_rate_
    assert display.ax_.get_xlabel() == "epoch"
    assert labels(display.figure_.legends[0]) == ["GDClassifier"]
    with pytest.raises(TypeError, match="optimizer has a learning rate. Got"):
        LearningRateDisplay.from_estimators({"lbfgs": GDClassifier().fit(X, y)})


def test_all_schedules_look_different():
    display = LearningRateDisplay.from_schedules(
        {name: name for name in SCHEDULES}, n_steps=100
    )
    looks = {
        (line.get_color(), str(line._dash_pattern), line.get_marker())
        for line in display.ax_.lines
    }
    assert len(looks) == len(SCHEDULES)


def test_range():
    result = learning_rate_range(
        MLPGDClassifier((8,), batch_size=32, random_state=0), X, y, n_steps=60
    )
    display = LearningRateDisplay.from_range(result)
    dots, smoothed, mark = display.ax_.lines
    assert_array_equal(dots.get_xdata(), result.learning_rates)
    assert_array_equal(dots.get_ydata(), result.losses)
    assert_array_equal(smoothed.get_ydata(), result.smoothed_losses)
    assert_array_equal(mark.get_xdata(), [result.suggestion] * 2)
    assert display.ax_.get_xscale() == "log"
    assert display.ax_.get_ylabel() == "log loss"
    assert labels(display.ax_.get_legend()) == [
        "single updates",
        "smoothed",
        f"suggestion: {result.suggestion:.2g}",
    ]


def test_range_that_explodes_and_suggests_nothing():
    losses = np.array([1.0, 1.0, 0.5, 1e6, np.inf])
    result = Bunch(
        learning_rates=np.geomspace(1e-4, 1, 5),
        losses=losses,
        smoothed_losses=losses,
        suggestion=None,
    )
    display = LearningRateDisplay.from_range(result)
    assert display.ax_.get_ylim()[1] == 1.25
    assert labels(display.ax_.get_legend()) == ["single updates", "smoothed"]
    assert LearningRateDisplay.from_range(result, log=True).ax_.get_ylim()[0] == 0.5


def test_rate_errors():
    with pytest.raises(ValueError, match="must be one of"):
        LearningRateDisplay.from_schedules({"no": "sideways"}, n_steps=10)
    with pytest.raises(TypeError, match="schedules must be a dict with names as keys"):
        LearningRateDisplay.from_schedules(["cosine"], n_steps=10)
    with pytest.raises(ValueError, match="either rates or range_result"):
        LearningRateDisplay().plot()
    for n_steps in (0, 2.5, True):
        with pytest.raises(ValueError, match="n_steps must be an int >= 1. Got"):
            LearningRateDisplay.from_schedules({"c": "cosine"}, n_steps=n_steps)
    with pytest.raises(ValueError, match="rates is empty"):
        LearningRateDisplay({}).plot()
    with pytest.raises(TypeError, match=r"^result must be what .* Got \{\}"):
        LearningRateDisplay.from_range({})
    with pytest.raises(TypeError, match="^range_result must be what"):
        LearningRateDisplay(range_result=3).plot()
    empty = Bunch(learning_rates=[], losses=[], smoothed_losses=[], suggestion=None)
    with pytest.raises(ValueError, match="result has no losses: the first step"):
        LearningRateDisplay.from_range(empty)
