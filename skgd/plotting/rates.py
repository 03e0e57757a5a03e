"""Display of learning rates: schedules and range tests."""

import numpy as np

from .._estimators.base import GradientDescent
from .._rules.rule import resolve_rule
from .._rules.schedule import is_rate_function, learning_rates
from ..inspection.wrapped import fitted_model, model_in
from ..schedules import SCHEDULES, Schedule
from .style import (
    LINE_WIDTH,
    add_legend,
    check_count,
    check_named,
    dress,
    line_options,
    new_axes,
    some_markers,
    style,
)


class LearningRateDisplay:
    """Learning rates: schedules over the updates, or the loss over a range of rates.

    Use `from_schedules` for schedules, `from_estimator` or `from_estimators` for the
    rates of a training, or `from_range` for a range test.

    Parameters
    ----------
    rates : dict of str to array-like of shape (n_steps,), default=None
        The rate of each update or epoch, by name.
    step : {'update', 'epoch'}, default='update'
        What has a rate, for the horizontal axis.
    range_result : Bunch, default=None
        The result of `skgd.inspection.learning_rate_range`, with `learning_rates`,
        `losses`, `smoothed_losses` and `suggestion`, which may be None. Pass either
        this or `rates`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the drawing.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    LossCurveDisplay : Displays the loss of each epoch.

    Examples
    --------
    >>> from skgd.plotting import LearningRateDisplay
    >>> from skgd.schedules import OneCycle
    >>> display = LearningRateDisplay.from_schedules(
    ...     {"cosine": "cosine", "one cycle": OneCycle(warmup=0.2)}, n_steps=500
    ... )
    >>> [line.get_label() for line in display.ax_.lines]
    ['cosine', 'one cycle']
    """

    def __init__(self, rates=None, *, step="update", range_result=None):
        self.rates = rates
        self.step = step
        self.range_result = range_result

    @classmethod
    def from_schedules(
        cls,
        schedules,
        *,
        n_steps,
        learning_rate=1.0,
        ax=None,
        log=False,
        legend=True,
        **kwargs,
    ):
        """Draw the rate of each update.

        Parameters
        ----------
        schedules : dict of str to str, Schedule or callable
            The schedules, by the name in the legend, as the parameter `learning_rate`
            of the estimators accepts them. A callable returns the rate itself, so
            `learning_rate` does not affect it. 'adaptive' is drawn as if training never
            stopped improving.
        n_steps : int
            The number of updates in the whole training.
        learning_rate : float, default=1.0
            The initial rate, `learning_rate_init` of the estimators.
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        log : bool, default=False
            Whether the rate has a logarithmic scale.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.plot``, for all lines.

        Returns
        -------
        display : LearningRateDisplay
            The display, after drawing.
        """
        check_named("schedules", schedules)
        check_count("n_steps", n_steps)
        steps = np.arange(n_steps)
        rates = {}
        for name, schedule in schedules.items():
            if not is_rate_function(schedule):
                schedule = resolve_rule(
                    schedule, SCHEDULES, Schedule, "schedules", cls.__name__
                )
            rates[name] = learning_rates(
                "schedules", schedule, learning_rate, steps, n_steps
            )
        return cls(rates).plot(ax=ax, log=log, legend=legend, **kwargs)

    @classmethod
    def from_estimator(
        cls, estimator, *, ax=None, log=False, name=None, legend=True, **kwargs
    ):
        """Draw the learning rate at the end of each epoch of a training.

        Parameters
        ----------
        estimator : object
            A fitted estimator of skgd, also in a pipeline or a search, whose optimizer
            has a learning rate. If the last call continued a training, the epochs are
            those of the last call.
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        log : bool, default=False
            Whether the rate has a logarithmic scale.
        name : str, default=None
            The name in the legend; None is the name of the class of the model.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.plot``, for the line.

        Returns
        -------
        display : LearningRateDisplay
            The display, after drawing.
        """
        name = type(model_in(estimator)).__name__ if name is None else name
        options = {"log": log, "legend": legend, **kwargs}
        return cls.from_estimators({name: estimator}, ax=ax, **options)

    @classmethod
    def from_estimators(cls, estimators, *, ax=None, log=False, legend=True, **kwargs):
        """Draw the learning rates of several trainings.

        Parameters
        ----------
        estimators : dict of str to object
            Fitted estimators, as `from_estimator` takes them, by the name in the
            legend.
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        log : bool, default=False
            Whether the rate has a logarithmic scale.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.plot``, for all lines.

        Returns
        -------
        display : LearningRateDisplay
            The display, after drawing.
        """
        check_named("estimators", estimators)
        rates = {}
        for name, estimator in estimators.items():
            model, _ = fitted_model(estimator)
            if not isinstance(model, GradientDescent) or np.isnan(model.learning_rate_):
                raise TypeError(
                    "Learning rates need a fitted estimator of skgd whose optimizer "
                    f"has a learning rate. Got {model!r}."
                )
            rates[name] = list(model._state.rates)
        return cls(rates, step="epoch").plot(ax=ax, log=log, legend=legend, **kwargs)

    @classmethod
    def from_range(cls, result, *, ax=None, log=False, legend=True, **kwargs):
        """Draw the loss of each rate in a range test.

        Parameters
        ----------
        result : Bunch
            The result of `skgd.inspection.learning_rate_range`.
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        log : bool, default=False
            Whether the loss has a logarithmic scale.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.plot``, for the smoothed line.

        Returns
        -------
        display : LearningRateDisplay
            The display, after drawing.
        """
        _check_range("result", result)
        display = cls(range_result=result)
        return display.plot(ax=ax, log=log, legend=legend, **kwargs)

    def plot(self, ax=None, *, log=False, legend=True, **kwargs):
        """Draw the schedules or the range.

        If the loss explodes at high rates, the view of a range test is cut off. It then
        ends above the initial loss by half the distance between the initial loss and
        the least loss.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        log : bool, default=False
            Whether the vertical scale is logarithmic.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.plot``.

        Returns
        -------
        display : LearningRateDisplay
            The display itself, with `ax_` and `figure_`.
        """
        if (self.rates is None) == (self.range_result is None):
            raise ValueError("Pass either rates or range_result.")
        if self.rates is None:
            _check_range("range_result", self.range_result)
        else:
            check_named("rates", self.rates)
        (self.ax_,) = new_axes(ax)
        self.figure_ = self.ax_.figure
        if log:
            self.ax_.set_yscale("log")
        if self.rates is None:
            self._plot_range(kwargs)
        else:
            self._plot_rates(kwargs)
        below = ax is None and self.rates is not None
        add_legend(self.ax_, legend=legend, below=below)
        return self

    def _plot_rates(self, kwargs):
        first = 1 if self.step == "epoch" else 0
        for number, (name, rates) in enumerate(self.rates.items()):
            options = style(number, "linestyle", "marker")
            options["markevery"] = some_markers(len(rates), number)
            options["label"] = name
            # schedules can coincide: those drawn first are wider
            options["linewidth"] = 2 + 0.3 * (len(self.rates) - 1 - number)
            steps = first + np.arange(len(rates))
            self.ax_.plot(steps, rates, **line_options(options, kwargs))
        dress(self.ax_, self.step, "learning rate")

    def _plot_range(self, kwargs):
        ax, result = self.ax_, self.range_result
        rates, smoothed = result.learning_rates, np.asarray(result.smoothed_losses)
        ax.plot(
            rates,
            result.losses,
            **style(0),
            marker=".",
            alpha=0.35,
            linestyle="none",
            label="single updates",
        )
        options = {**style(2), "label": "smoothed"}
        ax.plot(rates, smoothed, **line_options(options, kwargs))
        if result.suggestion is not None:
            ax.axvline(
                result.suggestion,
                **style(1),
                linestyle="--",
                linewidth=LINE_WIDTH,
                label=f"suggestion: {result.suggestion:.2g}",
            )
        ax.set_xscale("log")
        dress(ax, "learning rate", getattr(result, "loss_name", "loss"))
        self._limit(smoothed, np.asarray(result.losses))

    def _limit(self, smoothed, losses):
        # a loss that diverges would leave nothing of the rest to be seen
        smoothed = np.where(np.isfinite(smoothed), smoothed, np.inf)
        lowest = int(np.argmin(smoothed))
        low, start = smoothed[lowest], smoothed[: lowest + 1].max()
        top = start + 0.5 * (start - low)
        if start > low and np.nanmax(losses) > top:
            bottom = np.nanmin(losses)
            if self.ax_.get_yscale() == "linear":
                bottom -= 0.05 * (top - bottom)
            self.ax_.set_ylim(bottom, top)


def _check_range(name, result):
    needed = ("learning_rates", "losses", "smoothed_losses", "suggestion")
    if not all(hasattr(result, attribute) for attribute in needed):
        raise TypeError(
            f"{name} must be what skgd.inspection.learning_rate_range returns, with "
            f"{', '.join(needed)}. Got {result!r}."
        )
    if not len(result.losses):
        raise ValueError(f"{name} has no losses: the first step diverged.")
