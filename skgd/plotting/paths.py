"""The display of optimization paths: the function, the paths on it, their values."""

import numpy as np
from scipy.optimize import OptimizeResult

from .animation import animation_of
from .style import (
    add_legend,
    check_count,
    check_named,
    dress,
    import_matplotlib,
    line_options,
    new_axes,
    sample,
    some_markers,
    style,
)
from .surface import (
    contour_levels,
    evaluate,
    limits_of,
    value_ceiling,
    with_margin,
)

START = {"marker": "o", "markerfacecolor": "white", "markersize": 11}
END = {"marker": "X", "markerfacecolor": "white", "markersize": 10}
OPTIMUM = {"marker": "*", "markerfacecolor": "#F0E442", "markersize": 24}
GRID_SIZE = 100
EDGE = {"markeredgecolor": "black", "markeredgewidth": 1.8, "linestyle": "none"}


class OptimizationPathDisplay:
    """The paths of `skgd.minimize` on a function of one or two variables.

    Use `from_results`. The left panel shows the function, as contours or as a line,
    with the paths. The right panel shows the value at each step.

    Parameters
    ----------
    fun : callable
        The function. It takes an array of shape (n,), where n is 1 or 2, and `args`,
        and returns a number or a tuple of the number and the gradient.
    paths : dict of str to array-like of shape (n_steps + 1, n)
        The points of each path, by name.
    fun_paths : dict of str to array-like of shape (n_steps + 1,)
        The values at these points.
    optimum : array-like of shape (n,), default=None
        The optimum, if it is known.
    args : tuple, default=()
        Extra arguments of `fun`.
    maximize : bool, default=False
        Whether the optimum is the largest value.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        The paths and the values.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Notes
    -----
    The view contains the starts, the optimum, and the points of the paths, except those
    with very large values: let d be the difference between the highest start and the
    lowest value. Points that are higher than the highest start by more than d are
    outside of the view, so a path that diverges leaves it. The same limit applies to
    the panel of the values. For a maximisation, high and low change places.

    Contours have logarithmic distances from the lowest value in the view, so that both
    steep walls and flat valleys are visible. Better values are lighter, and the
    function is nearly black where it is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.optimize import OptimizeResult
    >>> from skgd.plotting import OptimizationPathDisplay
    >>> def bowl(x):
    ...     return x[0] ** 2 + 10 * x[1] ** 2
    >>> path = np.array([[2.0, 1.0], [1.0, -0.5], [0.5, 0.25], [0.0, 0.0]])
    >>> result = OptimizeResult(path=path, fun_path=[bowl(x) for x in path])
    >>> display = OptimizationPathDisplay.from_results(
    ...     bowl, {"halving": result}, optimum=[0, 0]
    ... )
    >>> [ax.get_ylabel() for ax in display.axes_]
    ['$x_2$', 'f above the optimum']
    """

    def __init__(self, fun, paths, fun_paths, *, optimum=None, args=(), maximize=False):
        self.fun = fun
        self.paths = paths
        self.fun_paths = fun_paths
        self.optimum = optimum
        self.args = args
        self.maximize = maximize

    @classmethod
    def from_results(
        cls,
        fun,
        results,
        *,
        optimum=None,
        args=(),
        maximize=False,
        log_values="auto",
        ax=None,
        xlim=None,
        ylim=None,
        legend=True,
        **kwargs,
    ):
        """Draw the paths of one or more optimizations of a function.

        Parameters
        ----------
        fun : callable
            The function. It takes an array of shape (n,), where n is 1 or 2, and
            `args`, and returns a number or a tuple of the number and the gradient.
        results : dict of str to OptimizeResult
            The results of ``skgd.minimize(..., return_path=True)``, by the name in the
            legend.
        optimum : array-like of shape (n,), default=None
            The optimum, if it is known.
        args : tuple, default=()
            Extra arguments of `fun`.
        maximize : bool, default=False
            Whether the optimum is the largest value, as for `skgd.maximize`.
        log_values : {'auto'} or bool, default='auto'
            Whether the values have a logarithmic scale; see `plot`.
        ax : matplotlib Axes or pair of them, default=None
            The axes to draw on; None creates a new figure. If there is a single one,
            only the paths are drawn.
        xlim, ylim : pair of float, default=None
            The limits of the view; see the notes of the class for None.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.plot``, for the lines of the paths.

        Returns
        -------
        display : OptimizationPathDisplay
            The display, after drawing.
        """
        if isinstance(results, OptimizeResult):  # a dict, but not by name
            raise TypeError(
                f"results must be a dict with names as keys. Got {results!r}."
            )
        check_named("results", results)
        paths, fun_paths = {}, {}
        for name, result in results.items():
            path = getattr(result, "path", None)
            if path is None or getattr(result, "fun_path", None) is None:
                raise ValueError(
                    f"The result {name!r} has no path. Call skgd.minimize with "
                    "return_path=True."
                )
            paths[name] = np.asarray(path, dtype=np.float64)
            fun_paths[name] = np.asarray(result.fun_path, dtype=np.float64)
        display = cls(
            fun, paths, fun_paths, optimum=optimum, args=args, maximize=maximize
        )
        options = {"log_values": log_values, "xlim": xlim, "ylim": ylim}
        return display.plot(ax, **options, legend=legend, **kwargs)

    def plot(
        self,
        ax=None,
        *,
        log_values="auto",
        xlim=None,
        ylim=None,
        legend=True,
        **kwargs,
    ):
        """Draw the function, the paths and the values.

        Parameters
        ----------
        ax : matplotlib Axes or pair of them, default=None
            The axes to draw on; None creates a new figure. If there is a single one,
            only the paths are drawn.
        log_values : {'auto'} or bool, default='auto'
            Whether the values have a log scale. They are then drawn as the distance
            from the value at the optimum, if that is known. 'auto' is True if it is.
        xlim, ylim : pair of float, default=None
            The limits of the view; see the notes of the class for None.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.plot``, for the lines of the paths.

        Returns
        -------
        display : OptimizationPathDisplay
            The display itself, with `axes_`, `ax_` and `figure_`.
        """
        paths, values, optimum = self._checked()
        self.axes_ = new_axes(ax, 2)
        self.ax_ = self.axes_[0]
        self.figure_ = self.ax_.figure
        view = limits_of(paths, values, optimum)
        xlim = view[0] if xlim is None else xlim
        if len(view) == 2:
            self._draw_contours(xlim, view[1] if ylim is None else ylim)
            points = paths
        else:
            self._draw_function(xlim, ylim, value_ceiling(values))
            points = [
                np.column_stack([path[:, 0], self._sign * value])
                for path, value in zip(paths, values, strict=True)
            ]
        # what an animation moves: line, its points, whether it is at the last only
        self._moving = []
        handles = self._draw_paths(points, optimum, kwargs)
        if len(self.axes_) == 2:
            self._draw_values(values, optimum, log_values, kwargs)
        add_legend(self.ax_, handles, legend=legend, below=ax is None)
        return self

    @property
    def _sign(self):
        # turns maximisation into minimisation
        return -1.0 if self.maximize else 1.0

    def _checked(self):
        # paths, values to be minimised, and optimum as arrays
        paths = [np.asarray(path, dtype=np.float64) for path in self.paths.values()]
        shapes = [path.shape for path in paths]
        if {shape[1:] for shape in shapes} not in ({(1,)}, {(2,)}):
            raise ValueError(
                "Paths of one or of two variables can be drawn, of shape "
                f"(n_steps + 1, 1) or (n_steps + 1, 2). Got the shapes {shapes}."
            )
        values = [
            self._sign * np.asarray(self.fun_paths[name], dtype=np.float64)
            for name in self.paths
        ]
        optimum = self.optimum
        if optimum is not None:
            optimum = np.ravel(np.asarray(optimum, dtype=np.float64))
            if len(optimum) != shapes[0][1]:
                raise ValueError(
                    f"optimum must have {shapes[0][1]} values, as the points of the "
                    f"paths have. Got {self.optimum!r}."
                )
        return paths, values, optimum

    def _draw_contours(self, xlim, ylim):
        # grey, so that colours are those of the paths
        X, Y = np.meshgrid(np.linspace(*xlim, GRID_SIZE), np.linspace(*ylim, GRID_SIZE))
        Z = self._sign * evaluate(self.fun, self.args, X, Y)
        levels = contour_levels(Z)
        greys = import_matplotlib().colormaps["Greys"]
        shades = greys(np.linspace(0.0, 0.4, len(levels) - 1))
        self.ax_.contourf(X, Y, Z, levels, colors=shades)
        self.ax_.contour(
            X, Y, Z, levels, colors="0.6", linewidths=0.8, linestyles="solid"
        )
        # dark where the function is not defined
        self.ax_.set(xlim=xlim, ylim=ylim, facecolor="0.3")
        dress(self.ax_, "$x_1$", "$x_2$")
        self.ax_.grid(visible=False)

    def _draw_function(self, xlim, ylim, ceiling):
        x = np.linspace(*xlim, 4 * GRID_SIZE)
        y = evaluate(self.fun, self.args, x)
        self.ax_.plot(x, y, color="0.75", linewidth=5)
        if ylim is None:
            ylim = with_margin(self._sign * np.minimum(self._sign * y, ceiling))
        self.ax_.set(xlim=xlim, ylim=ylim)
        dress(self.ax_, "x", "f")

    def _draw_paths(self, points, optimum, kwargs):
        # returns the entries of the legend
        handles = []
        for number, (name, path) in enumerate(zip(self.paths, points, strict=True)):
            options = style(number, "linestyle", "marker")
            options["markevery"] = some_markers(len(path), number, 30)
            options |= {"label": name, "markersize": 5}
            line = self.ax_.plot(*path.T, **line_options(options, kwargs))[0]
            self.ax_.plot(*path[:1].T, **START, **EDGE, zorder=4)
            end = {**END, **EDGE, "markerfacecolor": line.get_color(), "zorder": 5}
            end = self.ax_.plot(*path[-1:].T, **end)[0]
            self._moving += [(line, path, False), (end, path, True)]
            handles.append(line)
        handles += [sample("start", **START, **EDGE), sample("end", **END, **EDGE)]
        if optimum is not None:
            at = optimum if len(optimum) == 2 else [optimum[0], self._value(optimum)]
            self.ax_.plot([at[0]], [at[1]], **OPTIMUM, **EDGE, zorder=3.5)
            handles.append(sample("optimum", **{**OPTIMUM, **EDGE, "markersize": 17}))
        return handles

    def _value(self, optimum):
        value = evaluate(self.fun, self.args, *optimum[:, None])[0]
        if np.isnan(value):
            raise ValueError(f"The function is not finite at the optimum {optimum}.")
        return value

    def _draw_values(self, values, optimum, log_values, kwargs):
        ax = self.axes_[1]
        log = optimum is not None if log_values == "auto" else log_values
        above = log and optimum is not None
        sign = 1.0 if above else self._sign  # back to values of the function
        base = self._sign * self._value(optimum) if above else 0.0
        heights = [sign * (value - base) for value in values]
        if log and not above and any((height < 0).any() for height in heights):
            raise ValueError(
                "Negative values have no logarithm. Pass the optimum to draw the "
                "distance from its value, or set log_values=False."
            )
        for number, (name, height) in enumerate(zip(self.paths, heights, strict=True)):
            options = style(number, "linestyle", "marker")
            options |= {"markevery": some_markers(len(height), number), "label": name}
            steps = np.arange(len(height))
            line = ax.plot(steps, height, **line_options(options, kwargs))[0]
            self._moving.append((line, np.column_stack([steps, height]), False))
        value, height = np.concatenate(values), np.concatenate(heights)
        ax.set_ylim(with_margin(height[value <= value_ceiling(values)], log))
        if log:
            ax.set_yscale("log")
        distance = "f below the optimum" if self.maximize else "f above the optimum"
        dress(ax, "step", distance if above else "f")

    def animate(self, *, interval=50, n_frames=100, **kwargs):
        """Draw the paths as an animation.

        Parameters
        ----------
        interval : float, default=50
            Milliseconds between two frames.
        n_frames : int, default=100
            The largest number of frames, over which the steps of the longest path are
            spread.
        **kwargs : dict
            Keywords of `plot`, which draws the frames.

        Returns
        -------
        animation : matplotlib FuncAnimation
            The animation. Keep a reference to it, since matplotlib does not;
            ``animation.save("path.gif", writer="pillow")`` saves it. While it is saved,
            all that does not move is drawn only once.
        """
        check_count("n_frames", n_frames)
        self.plot(**kwargs)
        figure = self.figure_.canvas.figure  # the whole, if that is a part of one
        # the axes stay where they are, from frame to frame
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        last = max(len(path) for path in self.paths.values()) - 1
        n_frames = min(n_frames, last + 1)
        steps = np.unique(np.linspace(0, last, n_frames).round().astype(int))

        def show(step):
            for line, points, only_last in self._moving:
                shown = points[: step + 1]
                line.set_data(*(shown[-1:] if only_last else shown).T)
            return [line for line, *_ in self._moving]

        return animation_of(figure, show, steps, interval)
