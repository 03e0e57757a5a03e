"""Optimization paths: what is drawn, the view, the animation."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.animation import FuncAnimation
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from plotting_helpers import labels, line_named
from scipy.optimize import OptimizeResult

from skgd import maximize, minimize
from skgd.plotting import OptimizationPathDisplay
from skgd.plotting.surface import contour_levels, evaluate, limits_of, with_margin

plt.switch_backend("Agg")


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    plt.close("all")


def bowl(x):
    return x[0] ** 2 + 10 * x[1] ** 2


def hill(x):
    return 3 - (x[0] - 1) ** 2


def descended(fun, slope, x0, rate, n_steps):
    path = [np.array(x0, dtype=float)]
    for _ in range(n_steps):
        path.append(path[-1] - rate * slope(path[-1]))
    return OptimizeResult(
        x=path[-1],
        fun=fun(path[-1]),
        path=np.array(path),
        fun_path=np.array([fun(x) for x in path]),
    )


def slope_of_bowl(x):
    return np.array([2 * x[0], 20 * x[1]])


@pytest.fixture
def results():
    return {
        "slow": descended(bowl, slope_of_bowl, [4, 1], 0.02, 20),
        "fast": descended(bowl, slope_of_bowl, [3, -1], 0.09, 30),
    }


def test_paths_of_two_variables(results):
    display = OptimizationPathDisplay.from_results(bowl, results, optimum=[0, 0])
    left, right = display.axes_
    assert display.ax_ is left
    assert display.figure_ is left.figure
    for name, result in results.items():
        line = line_named(left, name)
        assert_array_equal(line.get_xydata(), result.path)
        values = line_named(right, name)
        assert_array_equal(values.get_xdata(), np.arange(len(result.path)))
        assert_allclose(values.get_ydata(), result.fun_path)
        assert line.get_color() == values.get_color()
        assert line.get_linestyle() == values.get_linestyle()
    marked = {
        marker: {
            tuple(line.get_xydata()[0])
            for line in left.lines
            if line.get_marker() == marker and line.get_linestyle() == "None"
        }
        for marker in "oX*"
    }
    assert marked == {
        "o": {(4, 1), (3, -1)},
        "X": {tuple(result.path[-1]) for result in results.values()},
        "*": {(0, 0)},
    }
    (legend,) = display.figure_.legends
    assert labels(legend) == ["slow", "fast", "start", "end", "optimum"]
    assert left.get_xlim() == pytest.approx((-0.4, 4.4))
    assert (left.get_xlabel(), left.get_ylabel()) == ("$x_1$", "$x_2$")
    assert right.get_yscale() == "log"
    assert (right.get_xlabel(), right.get_ylabel()) == ("step", "f above the optimum")
    assert len(left.collections) == 2  # shades and lines


def test_values_with_and_without_logarithm(results):
    display = OptimizationPathDisplay.from_results(bowl, results)
    assert display.axes_[1].get_yscale() == "linear"
    assert display.axes_[1].get_ylabel() == "f"
    assert labels(display.figure_.legends[0]) == ["slow", "fast", "start", "end"]
    assert display.plot(log_values=True).axes_[1].get_yscale() == "log"

    def lowered(x):
        return bowl(x) - 5

    for result in results.values():
        result.fun_path = result.fun_path - 5
    with pytest.raises(ValueError, match="Negative values have no logarithm"):
        OptimizationPathDisplay.from_results(lowered, results, log_values=True)
    display = OptimizationPathDisplay.from_results(lowered, results, optimum=[0, 0])
    assert_allclose(
        line_named(display.axes_[1], "slow").get_ydata(), results["slow"].fun_path + 5
    )


def test_view_is_as_given(results):
    display = OptimizationPathDisplay.from_results(
        bowl, results, xlim=(-9, 9), ylim=(-2, 3), linewidth=1
    )
    assert display.ax_.get_xlim() == (-9, 9)
    assert display.ax_.get_ylim() == (-2, 3)
    assert line_named(display.ax_, "slow").get_linewidth() == 1


def test_a_path_that_diverges_leaves_the_view(results):
    with np.errstate(all="ignore"):
        results["far"] = descended(bowl, slope_of_bowl, [4, 1], 0.3, 600)
    assert not np.isfinite(results["far"].fun_path).all()
    display = OptimizationPathDisplay.from_results(bowl, results)
    display.figure_.canvas.draw()
    assert np.abs([display.ax_.get_xlim(), display.ax_.get_ylim()]).max() < 10
    assert display.axes_[1].get_ylim()[1] < 100
    low, high = display.plot(log_values=True).axes_[1].get_ylim()
    assert 1e-6 < low < high < 100


def test_path_of_one_variable():
    result = minimize(
        lambda x: ((x[0] - 2) ** 2, 2 * (x - 2)),
        [5.0],
        jac=True,
        optimizer="sgd",
        learning_rate=0.1,
        max_iter=10,
        return_path=True,
    )
    display = OptimizationPathDisplay.from_results(
        lambda x: ((x[0] - 2) ** 2, 2 * (x - 2)), {"SGD": result}, optimum=2
    )
    line = line_named(display.ax_, "SGD")
    assert_array_equal(line.get_xdata(), result.path[:, 0])
    assert_array_equal(line.get_ydata(), result.fun_path)
    function = display.ax_.lines[0]
    assert_allclose(function.get_ydata(), (function.get_xdata() - 2) ** 2)
    assert display.ax_.get_xlabel() == "x"
    star = display.ax_.lines[-1]
    assert (star.get_xdata(), star.get_ydata()) == ([2], [0])


def test_ascent():
    result = maximize(hill, [4.0], optimizer="sgd", learning_rate=0.1, return_path=True)
    display = OptimizationPathDisplay.from_results(
        hill, {"up": result}, maximize=True, optimum=[1]
    )
    assert_array_equal(line_named(display.ax_, "up").get_ydata(), result.fun_path)
    low, high = display.ax_.get_xlim()
    assert low < 1 < 4 < high
    assert_allclose(line_named(display.axes_[1], "up").get_ydata(), 3 - result.fun_path)
    assert display.axes_[1].get_ylabel() == "f below the optimum"
    display.plot(log_values=False)
    values = line_named(display.axes_[1], "up")
    assert_array_equal(values.get_ydata(), result.fun_path)
    low, high = display.axes_[1].get_ylim()
    assert low < hill([4.0])
    assert high > 3


def test_arguments_of_the_function(results):
    def scaled(x, factor, offset):
        return factor * bowl(x) + offset

    display = OptimizationPathDisplay.from_results(
        scaled, results, args=(1.0, -1.0), optimum=[0, 0]
    )
    assert_allclose(
        line_named(display.axes_[1], "slow").get_ydata(), results["slow"].fun_path + 1
    )


def test_path_errors(results):
    with pytest.raises(ValueError, match="'bare' has no path.*return_path=True"):
        OptimizationPathDisplay.from_results(bowl, {"bare": OptimizeResult(x=[0, 0])})
    with pytest.raises(TypeError, match="results must be a dict with names as keys"):
        OptimizationPathDisplay.from_results(bowl, results["slow"])
    with pytest.raises(ValueError, match="'none' has no path"):
        OptimizationPathDisplay.from_results(bowl, {"none": 3})
    for optimum in (0, [0, 0, 0]):
        with pytest.raises(ValueError, match="optimum must have 2 values"):
            OptimizationPathDisplay.from_results(bowl, results, optimum=optimum)
    display = OptimizationPathDisplay.from_results(bowl, results)
    for n_frames in (0, 2.5):
        with pytest.raises(ValueError, match="n_frames must be an int >= 1. Got"):
            display.animate(n_frames=n_frames)
    three = OptimizeResult(path=np.zeros((4, 3)), fun_path=np.zeros(4))
    with pytest.raises(ValueError, match="one or of two variables"):
        OptimizationPathDisplay.from_results(bowl, {"three": three})
    nowhere = OptimizeResult(path=np.zeros((1, 2)), fun_path=[np.nan])
    with pytest.raises(ValueError, match="No point of the paths has a finite value"):
        OptimizationPathDisplay.from_results(bowl, {"nowhere": nowhere})
    with pytest.raises(ValueError, match="not finite at the optimum"):
        OptimizationPathDisplay.from_results(
            lambda x: np.log(x[0]), results, optimum=[0, 0]
        )


def test_animation_is_saved(results, tmp_path):
    display = OptimizationPathDisplay.from_results(bowl, results)
    animation = display.animate(interval=20, n_frames=4)
    animation.save(tmp_path / "path.gif", writer="pillow", dpi=30)
    with Image.open(tmp_path / "path.gif") as image:
        assert image.n_frames == 4
    # the last frame has the whole paths
    for name, result in results.items():
        assert_array_equal(line_named(display.ax_, name).get_xydata(), result.path)
    animation._draw_frame(10)
    line = line_named(display.ax_, "slow")
    assert_array_equal(line.get_xydata(), results["slow"].path[:11])
    assert len(line_named(display.axes_[1], "slow").get_xdata()) == 11


def test_what_does_not_move_is_drawn_once(results, tmp_path, monkeypatch):
    display = OptimizationPathDisplay.from_results(bowl, results, optimum=[0, 0])
    animation = display.animate(n_frames=10)
    frames, n_drawn = [], 0
    for kind, name in ((type(animation), "new"), (FuncAnimation, "old")):
        kind.save(animation, tmp_path / f"{name}.gif", writer="pillow", dpi=50)
        with Image.open(tmp_path / f"{name}.gif") as image:
            image.seek(5)
            frames.append(np.asarray(image.convert("RGB")))
    assert_array_equal(*frames)
    label = display.ax_.xaxis.label
    draw = type(label).draw

    def counted(text, renderer):
        nonlocal n_drawn
        n_drawn += text is label and text.get_visible()
        draw(text, renderer)

    monkeypatch.setattr(type(label), "draw", counted)
    animation.save(tmp_path / "path.gif", writer="pillow", dpi=30)
    assert n_drawn <= 2
    # afterwards, all is as it was
    assert all(artist.get_visible() for artist in display.ax_.get_children())
    assert all(legend.get_visible() for legend in display.figure_.legends)
    assert len(display.figure_.artists) == 0


def test_surface_where_the_function_is_undefined():
    Z = evaluate(lambda x: 1 / float(x[0]), (), np.array([0.0, 2.0]))
    assert_array_equal(Z, [np.nan, 0.5])
    # a mistake in the function is no hole in it
    with pytest.raises(AttributeError):
        evaluate(lambda x: x.no_such_thing, (), np.array([0.0, 2.0]))


def test_contour_levels_are_logarithmic_above_the_minimum():
    x = np.linspace(-2, 2, 50)
    Z = 100 * (x[:, None] - x**2) ** 2 + (1 - x) ** 2 - 7
    levels = contour_levels(Z)
    assert (levels[0], levels[-1]) == (Z.min(), Z.max())
    ratios = np.diff(np.log(levels[1:] - levels[0]))
    assert_allclose(ratios, ratios[0])
    assert_array_equal(contour_levels(np.ones((3, 3))), [0, 2])


def test_limits():
    path = np.array([[1.0, 0.0], [3.0, 0.0]])
    limits = limits_of([path], [np.array([2.0, 1.0])], None)
    assert_allclose(limits, [(0.8, 3.2), (-1.2, 1.2)])
    assert_allclose(limits_of([path[:1]], [np.array([2.0])], None)[0], (0.4, 1.6))
    assert with_margin(np.array([])) == (0.1, 1.0)
    assert_allclose(with_margin(np.array([0.0, np.inf, 10.0])), (-0.5, 10.5))
