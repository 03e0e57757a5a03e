"""Displays: what they draw is what they were given; errors say what is needed."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from plotting_helpers import X, labels, line_named, stopped_early, y
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier
from sklearn.utils import Bunch

from skgd import GDClassifier, GDRegressor, MLPGDClassifier
from skgd.losses import Tweedie
from skgd.plotting import (
    ActivationsDisplay,
    LearningRateDisplay,
    LossCurveDisplay,
    OptimizationPathDisplay,
    WeightsDisplay,
)
from skgd.plotting.curves import is_noisy, running_mean
from skgd.plotting.style import STYLES, columns_that_fit, import_matplotlib, style

plt.switch_backend("Agg")


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    plt.close("all")


# -------------------------------------------------------------------- loss curves
def test_loss_curve_of_one_estimator():
    clf = stopped_early()
    display = LossCurveDisplay.from_estimator(clf, smooth=False)
    training, validation, kept = display.ax_.lines
    epochs = np.arange(1, 31)
    for line, curve in (
        (training, clf.loss_curve_),
        (validation, clf.validation_loss_curve_),
    ):
        assert_array_equal(line.get_xdata(), epochs)
        assert_array_equal(line.get_ydata(), curve)
    assert training.get_linestyle() == "-"
    assert validation.get_linestyle() == "--"
    assert training.get_color() == validation.get_color()
    assert kept.get_xdata() == [clf.best_iter_]
    assert kept.get_ydata() == [clf.validation_loss_curve_[clf.best_iter_ - 1]]
    legend = display.ax_.get_legend()
    assert legend.get_title().get_text() == "MLPGDClassifier"
    kept_label = f"best epoch {clf.best_iter_}"
    lines = ["training, with penalty", "validation, without penalty"]
    assert labels(legend) == [*lines, kept_label]
    assert display.ax_.get_xlabel() == "epoch"
    assert display.ax_.get_ylabel() == "log loss"
    assert display.ax_.get_yscale() == "linear"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_loss_curve_without_early_stopping_and_of_scikit_learn():
    for kind in (MLPGDClassifier, MLPClassifier):
        clf = kind((8,), max_iter=20, early_stopping=False, random_state=0).fit(X, y)
        display = LossCurveDisplay.from_estimator(clf, log=True, name="network")
        (line,) = display.ax_.lines
        assert_array_equal(line.get_ydata(), clf.loss_curve_)
        assert display.ax_.get_yscale() == "log"
        assert display.ax_.get_legend().get_title().get_text() == "network"
        assert labels(display.ax_.get_legend()) == ["training, with penalty"]
        assert display.ax_.get_ylabel() == "log loss"
        clf.set_params(alpha=0)
        clf.alpha_ = 0
        display = LossCurveDisplay.from_estimator(clf)
        assert labels(display.ax_.get_legend()) == ["training"]


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("squared_error", "half squared error, in squared units of y"),
        ("absolute_error", "absolute error, in units of y"),
        ("huber", "huber, in squared units of y"),
        ("gamma", "gamma"),
        (Tweedie(power=1.5), "tweedie, in units of y to the power 0.5"),
    ],
)
def test_the_axis_names_the_loss_and_its_unit(loss, name):
    reg = GDRegressor(loss, max_iter=3, tol=None, solver="minibatch").fit(X, y + 1.0)
    assert LossCurveDisplay.from_estimator(reg).ax_.get_ylabel() == name
    other = GDRegressor("quantile", max_iter=3, tol=None).fit(X, y)
    both = LossCurveDisplay.from_estimators({"a": reg, "b": other})
    assert both.ax_.get_ylabel() == "loss"


def test_loss_curves_of_several_estimators():
    models = {
        "first": stopped_early(),
        "second": GDClassifier(random_state=0).fit(X, y),
    }
    display = LossCurveDisplay.from_estimators(models, smooth=False, linewidth=3)
    for name, model in models.items():
        kept = f", best epoch {model.best_iter_}" if name == "first" else ""
        line = line_named(display.ax_, name + kept)
        assert_array_equal(line.get_ydata(), model.loss_curve_)
        assert line.get_linewidth() == 3
    (legend,) = display.figure_.legends
    lines = ["training, with penalty", "validation, without penalty"]
    assert labels(legend)[1:] == ["second", *lines, "best epoch"]
    colors = {line.get_color() for line in display.ax_.lines}
    markers = {line.get_marker() for line in display.ax_.lines}
    assert len(colors) == 2
    assert markers == {"o", "s", "*"}


def test_validation_curve_that_is_shorter_ends_with_the_training():
    # A warm start adds early stopping to epochs without it.
    display = LossCurveDisplay(
        {"m": [4, 3, 2, 1]}, validation_loss_curves={"m": [5, 6]}, best_iters={"m": 3}
    ).plot()
    _, validation, kept = display.ax_.lines
    assert_array_equal(validation.get_xdata(), [3, 4])
    assert (kept.get_xdata(), kept.get_ydata()) == ([3], [5])


def test_a_single_epoch_is_seen():
    for curves in ({"a": [2]}, {"a": [2], "b": [3]}):
        display = LossCurveDisplay(curves, validation_loss_curves={"a": [1]}).plot()
        assert len(display.ax_.lines) == len(curves) + 1
        for line in display.ax_.lines:
            assert line.get_marker() in ("o", "s")
            assert line.get_markevery() == 1
    curves = {"a": range(100), "b": range(100)}
    display = LossCurveDisplay(curves, validation_loss_curves={"b": [1]}).plot()
    assert display.ax_.lines[-1].get_markevery() == 1
    display = LossCurveDisplay({"a": [2]}).plot(marker="x")
    assert display.ax_.lines[0].get_marker() == "x"


@pytest.mark.parametrize("log", [False, True])
def test_noisy_curve_is_smoothed_over_dots(log):
    noise = np.random.default_rng(0).uniform(0.5, 1.5, 100)
    display = LossCurveDisplay({"noisy": noise}).plot(log=log)
    dots, line = display.ax_.lines
    assert_array_equal(dots.get_ydata(), noise)
    assert dots.get_linestyle() == "None"
    middle = np.log(noise[48:53]) if log else noise[48:53]
    expected = np.exp(middle.mean()) if log else middle.mean()
    assert_allclose(line.get_ydata()[50], expected)
    assert labels(display.ax_.get_legend()) == ["training", "single epochs"]


def test_smooth_as_asked():
    curve = np.arange(10.0) ** 2
    assert len(LossCurveDisplay({"c": curve}).plot().ax_.lines) == 1
    display = LossCurveDisplay({"c": curve}).plot(smooth=5)
    assert_allclose(display.ax_.lines[1].get_ydata()[4], np.mean(curve[2:7]))
    assert len(LossCurveDisplay({"c": curve}).plot(smooth=True).ax_.lines) == 2
    for smooth in (0, "no", 2.5, None):
        with pytest.raises(ValueError, match="smooth must be 'auto', a bool or an int"):
            LossCurveDisplay({"c": curve}).plot(smooth=smooth)


def test_what_is_noisy():
    rng = np.random.default_rng(0)
    falling = np.exp(-np.arange(100) / 10)
    assert is_noisy(rng.normal(size=100))
    assert not is_noisy(rng.normal(size=19))
    assert not is_noisy(falling)
    assert not is_noisy(falling + 1e-4 * rng.normal(size=100))
    assert not is_noisy(np.ones(100))


def test_running_mean_keeps_a_line_and_the_start():
    line = np.arange(20.0)
    assert_allclose(running_mean(line, 5)[:-2], line[:-2])
    assert_allclose(running_mean(line, 5)[-2:], [17.5, 18.0])
    assert_allclose(running_mean(np.array([3.0]), 5), [3.0])


def test_loss_curve_errors():
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(GDClassifier())
    with pytest.raises(TypeError, match="LinearRegression has none"):
        LossCurveDisplay.from_estimator(LinearRegression().fit(X, y))
    with pytest.raises(TypeError, match="estimators must be a dict with names as keys"):
        LossCurveDisplay.from_estimators(GDClassifier())
    with pytest.raises(ValueError, match="estimators is empty"):
        LossCurveDisplay.from_estimators({})
    with pytest.raises(ValueError, match="loss_curves is empty"):
        LossCurveDisplay({}).plot()
    for curve in ([], [[1, 2]], 3):
        with pytest.raises(ValueError, match="loss_curves must be 1-d, .* for 'a'"):
            LossCurveDisplay({"a": curve}).plot()
    assert not plt.get_fignums()


# -------------------------------------------------------------------- all of them
LINEAR = np.array([[1.0, 2.0], [3.0, 5.0]])
RANGE = Bunch(
    learning_rates=[1, 2], losses=[2, 1], smoothed_losses=[2, 1], suggestion=1.5
)
DISPLAYS = {
    "loss": LossCurveDisplay({"a": [2, 1], "b": [3, 1]}),
    "path": OptimizationPathDisplay(
        lambda x: x @ x, {"a": [[1, 2], [0, 1]]}, {"a": [5, 1]}
    ),
    "weights": WeightsDisplay({"a": [LINEAR]}),
    "activations": ActivationsDisplay([(LINEAR, LINEAR, LINEAR)]),
    "rates": LearningRateDisplay({"a": [1, 2]}),
    "range": LearningRateDisplay(range_result=RANGE),
}


@pytest.mark.parametrize("name", DISPLAYS)
def test_draws_where_it_is_told(name):
    figure, axes = plt.subplots(1, 2)
    assert DISPLAYS[name].plot(ax=axes[0]) is DISPLAYS[name]
    assert DISPLAYS[name].ax_ is axes[0]
    assert DISPLAYS[name].figure_ is figure
    assert axes[0].get_legend() is not None
    assert not figure.legends
    assert not axes[1].has_data()
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize("name", DISPLAYS)
def test_the_legend_is_as_asked(name):
    display = DISPLAYS[name].plot(legend=False)
    axes = getattr(display, "axes_", [display.ax_])
    assert not any(ax.get_legend() for ax in axes)
    assert not display.figure_.legends
    # where it is asked for is in the axes
    display.plot(legend={"loc": "upper left", "title": "mine", "fontsize": 7})
    legend = display.ax_.get_legend()
    assert not display.figure_.legends
    assert legend.get_title().get_text() == "mine"
    assert legend.get_texts()[0].get_fontsize() == 7
    display.plot(legend={"ncols": 1})
    assert (display.figure_.legends or [display.ax_.get_legend()])[0]._ncols == 1
    with pytest.raises(TypeError, match="legend must be a bool or a dict .* Got 'no'"):
        display.plot(legend="no")


def test_every_way_to_draw_passes_the_legend_on():
    network = stopped_early()
    models, path = {"a": network}, Bunch(path=[[1, 2], [0, 1]], fun_path=[5, 1])
    for display in (
        LossCurveDisplay.from_estimator(network, legend=False),
        LossCurveDisplay.from_estimators(models, legend=False),
        WeightsDisplay.from_estimators(models, legend=False),
        ActivationsDisplay.from_estimator(network, X, legend=False),
        LearningRateDisplay.from_range(RANGE, legend=False),
        LearningRateDisplay.from_schedules({"c": "cosine"}, n_steps=5, legend=False),
        OptimizationPathDisplay.from_results(
            lambda x: x @ x, {"a": path}, legend=False
        ),
    ):
        assert display.ax_.get_legend() is None
        assert not display.figure_.legends


@pytest.mark.parametrize("name", DISPLAYS)
def test_errors_of_the_axes(name):
    for ax in (3, "axes", [None]):
        with pytest.raises(TypeError, match="ax must be matplotlib Axes or None. Got"):
            DISPLAYS[name].plot(ax=ax)


@pytest.mark.parametrize("name", ["path", "weights"])
def test_a_pair_of_axes(name):
    _, axes = plt.subplots(1, 2)
    assert DISPLAYS[name].plot(axes).axes_ == list(axes)
    assert axes[1].has_data()
    _, axes = plt.subplots(1, 3)
    with pytest.raises(ValueError, match="at most 2 axes, got 3"):
        DISPLAYS[name].plot(axes)


@pytest.mark.parametrize("name", DISPLAYS)
def test_text_is_large_and_lines_are_thick(name):
    display = DISPLAYS[name].plot()
    display.figure_.canvas.draw()
    for ax in getattr(display, "axes_", [display.ax_]):
        texts = [ax.xaxis.label, ax.yaxis.label]
        texts += ax.get_xticklabels() + ax.get_yticklabels()
        assert min(text.get_fontsize() for text in texts) >= 12
        assert ax.get_ylabel()
        lines = [line for line in ax.lines if line.get_linestyle() != "None"]
        assert all(line.get_linewidth() >= 2 for line in lines)


def test_legend_is_as_wide_as_the_figure():
    names = ["a", "b", "a name that is long", "d"]
    assert columns_that_fit(names, 10, 12) == 4
    assert columns_that_fit(names, 4, 12) == 2
    assert columns_that_fit(names, 1, 12) == 1
    estimator = {f"model number {i} with a long name": [2, 1] for i in range(7)}
    display = LossCurveDisplay(estimator).plot()
    display.figure_.canvas.draw()
    (legend,) = display.figure_.legends
    assert legend.get_window_extent().width < display.figure_.bbox.width
    assert display.ax_.get_window_extent().height > 200


@pytest.mark.parametrize("name", ["a name of many words " * 9, "x" * 200])
def test_names_that_are_wider_than_the_figure_have_several_lines(name):
    display = LossCurveDisplay({name: [2, 1], "short": [3, 1]}).plot()
    display.figure_.canvas.draw()
    (legend,) = display.figure_.legends
    box, figure = legend.get_window_extent(), display.figure_.bbox
    assert figure.x0 <= box.x0
    assert box.x1 <= figure.x1
    assert figure.y0 <= box.y0
    shown = labels(legend)[0].replace("\n", " ").replace(" ", "")
    assert shown == name.replace(" ", "")
    assert display.ax_.get_window_extent().height > 200
    assert line_named(display.ax_, name)


def test_styles_differ_by_more_than_colour():
    for kind in ("color", "marker", "hatch"):
        assert len({entry[kind] for entry in STYLES}) == len(STYLES)
    looks = [style(number, "linestyle", "marker") for number in range(20)]
    assert all(look not in looks[:i] for i, look in enumerate(looks))


def test_module_needs_no_matplotlib_until_it_draws():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from skgd.plotting import LossCurveDisplay\n"
        "try:\n    LossCurveDisplay({'a': [1]}).plot()\n"
        "except ImportError as error:\n    print(error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert 'pip install "path/to/checkout[plot]"' in run.stdout


def test_modules_need_no_import_of_their_own():
    code = (
        "import sys, skgd\n"
        "assert 'skgd.plotting' not in sys.modules\n"
        "assert {'plotting', 'preprocessing'} <= set(dir(skgd))\n"
        "skgd.plotting.LossCurveDisplay, skgd.inspection.diagnose, skgd.schedules\n"
        "skgd.preprocessing.DatetimeEncoder\n"
        "assert 'matplotlib' not in sys.modules\n"
        "try:\n    skgd.no_such_thing\n"
        "except AttributeError as error:\n    print(error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout == "module 'skgd' has no attribute 'no_such_thing'\n"


def test_import_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "path/to/checkout\[plot\]"'):
        import_matplotlib()
