"""The display of loss curves."""

from numbers import Integral

import numpy as np

from ..inspection.loss_name import has_penalty, loss_name
from ..inspection.wrapped import fitted_model, model_in
from .style import (
    add_legend,
    check_named,
    dress,
    line_options,
    new_axes,
    sample,
    some_markers,
    style,
)

# A curve is noisy where more than this share of its epochs are turning points, and it
# turns by more than this share of its range.
NOISY_SHARE, NOISY_SIZE = 0.25, 0.01
# With smooth='auto', curves with fewer epochs are not smoothed.
LEAST_SMOOTHED = 20
KEPT = {"marker": "*", "markersize": 17, "markeredgecolor": "black"}
DOTS = {"marker": ".", "markersize": 5, "alpha": 0.35, "linestyle": "none"}


class LossCurveDisplay:
    """Training and validation loss of each epoch.

    Use `from_estimator` or `from_estimators`. Solid lines are the training loss, and
    dashed lines are the validation loss. The training loss contains the penalty, and
    the validation loss does not, so the distance between them is not only that between
    old and new data. The legend says so. Each estimator has its own colour, and its own
    marker if there are several. A star marks the epoch with the best validation
    loss or score.

    Parameters
    ----------
    loss_curves : dict of str to array-like of shape (n_epochs,)
        The training loss of each epoch, by name.
    validation_loss_curves : dict of str to array-like, default=None
        The validation loss, for the names that have one. If it is shorter than the
        training loss, both end with the same epoch.
    best_iters : dict of str to int, default=None
        The number of the best epoch, from 1, for the names that have one.
    loss_name : str, default='loss'
        What the loss is, for the vertical axis.
    penalized : bool, default=False
        Whether a training loss contains a penalty, for the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the curves.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    LearningRateDisplay : Displays the learning rates.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgd import GDClassifier
    >>> from skgd.plotting import LossCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = GDClassifier(early_stopping=True, random_state=0).fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(clf, log=True)
    >>> display.ax_.get_xlabel(), display.ax_.get_yscale()
    ('epoch', 'log')
    """

    def __init__(
        self,
        loss_curves,
        *,
        validation_loss_curves=None,
        best_iters=None,
        loss_name="loss",
        penalized=False,
    ):
        self.loss_curves = loss_curves
        self.validation_loss_curves = validation_loss_curves
        self.best_iters = best_iters
        self.loss_name = loss_name
        self.penalized = penalized

    @classmethod
    def from_estimator(
        cls,
        estimator,
        *,
        ax=None,
        log=False,
        smooth="auto",
        name=None,
        legend=True,
        **kwargs,
    ):
        """Draw the curves of one estimator.

        Parameters
        ----------
        estimator : object
            A fitted estimator with a `loss_curve_`: one of skgd, or scikit-learn's
            `MLPClassifier` or `MLPRegressor`, also as the last step of a pipeline, the
            best estimator of a search or the regressor of a TransformedTargetRegressor.
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        log : bool, default=False
            Whether the loss has a logarithmic scale.
        smooth : {'auto'}, bool or int, default='auto'
            Whether to smooth; see `plot`.
        name : str, default=None
            The title of the legend; None is the name of the class of the model.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.plot`` for all lines.

        Returns
        -------
        display : LossCurveDisplay
            The display, after drawing.
        """
        name = type(model_in(estimator)).__name__ if name is None else name
        return cls.from_estimators(
            {name: estimator}, ax=ax, log=log, smooth=smooth, legend=legend, **kwargs
        )

    @classmethod
    def from_estimators(
        cls, estimators, *, ax=None, log=False, smooth="auto", legend=True, **kwargs
    ):
        """Draw the curves of several estimators.

        Parameters
        ----------
        estimators : dict of str to object
            Fitted estimators, as `from_estimator` takes them, by the name in the
            legend.
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        log : bool, default=False
            Whether the loss has a logarithmic scale.
        smooth : {'auto'}, bool or int, default='auto'
            Whether to smooth; see `plot`.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.plot`` for all lines.

        Returns
        -------
        display : LossCurveDisplay
            The display, after drawing.
        """
        check_named("estimators", estimators)
        loss_curves, validation_loss_curves, best_iters = {}, {}, {}
        loss_names, penalized = set(), False
        for name, estimator in estimators.items():
            estimator, _ = fitted_model(estimator)
            if not hasattr(estimator, "loss_curve_"):
                raise TypeError(
                    "A loss curve needs a fitted estimator with a loss_curve_. "
                    f"{type(estimator).__name__} has none."
                )
            loss_curves[name] = list(estimator.loss_curve_)
            loss_names.add(loss_name(estimator))
            penalized = penalized or has_penalty(estimator)
            # scikit-learn's networks have neither of these
            validation_loss = getattr(estimator, "validation_loss_curve_", None)
            if validation_loss is not None:
                validation_loss_curves[name] = validation_loss
            best_iter = getattr(estimator, "best_iter_", None)
            if best_iter is not None:
                best_iters[name] = best_iter
        display = cls(
            loss_curves,
            validation_loss_curves=validation_loss_curves,
            best_iters=best_iters,
            loss_name=loss_names.pop() if len(loss_names) == 1 else "loss",
            penalized=penalized,
        )
        return display.plot(ax=ax, log=log, smooth=smooth, legend=legend, **kwargs)

    def plot(self, ax=None, *, log=False, smooth="auto", legend=True, **kwargs):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        log : bool, default=False
            Whether the loss has a logarithmic scale.
        smooth : {'auto'}, bool or int, default='auto'
            Whether to draw a centred running mean, with the losses of the epochs as
            faint dots. On a logarithmic scale, it is the geometric mean. 'auto' is True
            if a curve is noisy: it has at least 20 epochs, and more than a quarter of
            them are turning points by more than 1% of the range. An int is the number
            of epochs in the mean, and True is a twentieth of all epochs. Near the
            start, where the loss is steep, the mean covers fewer epochs.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.plot`` for all lines.

        Returns
        -------
        display : LossCurveDisplay
            The display itself, with `ax_` and `figure_`.
        """
        check_named("loss_curves", self.loss_curves)
        for name, curve in self.loss_curves.items():
            if np.ndim(curve) != 1 or not len(curve):
                raise ValueError(
                    f"loss_curves must be 1-d, of one epoch or more. Got {curve!r} for "
                    f"{name!r}."
                )
        smooth = self._resolve_smooth(smooth, log)
        (self.ax_,) = new_axes(ax)
        self.figure_ = self.ax_.figure
        lines = []
        for number, name in enumerate(self.loss_curves):
            drawn = [
                draw_curve(
                    self.ax_, x, values, line_options(options, kwargs), smooth, log
                )
                for x, values, options in self._curves(number, name)
            ]
            lines.append(drawn[0])
            if name in (self.best_iters or {}):
                # on the loss on held-out data, where there is one
                epochs, curve, _ = self._curves(number, name)[-1]
                kept = epochs == self.best_iters[name]
                options = {**style(number), **KEPT, "linestyle": "none", "zorder": 5}
                self.ax_.plot(epochs[kept], curve[kept], **options)
        dress(self.ax_, "epoch", self.loss_name)
        if log:
            self.ax_.set_yscale("log")
        below = ax is None and len(lines) > 1
        add_legend(self.ax_, below=below, legend=legend, **self._explain(lines, smooth))
        return self

    def _resolve_smooth(self, smooth, log):
        # False, True or the number of epochs
        if isinstance(smooth, str) and smooth == "auto":
            curves = [*self.loss_curves.values()]
            curves += (self.validation_loss_curves or {}).values()
            return any(is_noisy(scaled(curve, log)) for curve in curves)
        is_bool = isinstance(smooth, bool | np.bool_)
        if is_bool or (isinstance(smooth, Integral) and smooth >= 1):
            return bool(smooth) if is_bool else smooth
        raise ValueError(
            f"smooth must be 'auto', a bool or an int >= 1. Got {smooth!r} instead."
        )

    def _curves(self, number, name):
        # of one estimator: epochs, losses and style of each line
        losses = np.asarray(self.loss_curves[name], dtype=np.float64)
        options = style(number)
        if len(self.loss_curves) > 1:
            options = style(number, "marker")
            options["markevery"] = some_markers(len(losses), number)
        curves = [(losses, {**options, "linestyle": "-"})]
        validation = (self.validation_loss_curves or {}).get(name)
        if validation is not None:
            validation = np.asarray(validation, dtype=np.float64)
            curves.append((validation, {**options, "linestyle": "--"}))
        last = len(losses)
        for curve, options in curves:
            if len(curve) == 1:  # no line
                options |= {"marker": options.get("marker", "o"), "markevery": 1}
        return [
            (np.arange(last - len(curve) + 1, last + 1), curve, options)
            for curve, options in curves
        ]

    def _explain(self, lines, smooth):
        # Entries and title of the legend. The colour of one estimator needs no entry;
        # it is black, as the samples are.
        names, best_iters = list(self.loss_curves), self.best_iters or {}
        several = len(names) > 1
        training, validation = "training", "validation"
        if self.penalized:
            training, validation = (
                "training, with penalty",
                "validation, without penalty",
            )
        handles = []
        for name, line in zip(names, lines, strict=True):
            kept = f", best epoch {best_iters[name]}" if name in best_iters else ""
            line.set_label(f"{name}{kept}" if several else training)
            handles.append(line)
        if self.validation_loss_curves:
            if several:
                handles.append(sample(training))
            handles.append(sample(validation, linestyle="--"))
        if smooth:
            handles.append(sample("single epochs", **DOTS))
        if best_iters:
            label = "best epoch" if several else f"best epoch {best_iters[names[0]]}"
            color = "white" if several else "black"
            handles.append(sample(label, **KEPT, color=color, linestyle="none"))
        title = None if several else names[0]
        return {"handles": handles, "title": title}


def scaled(values, log):
    """A curve as it is seen.

    Parameters
    ----------
    values : array-like of shape (n,)
        The losses.
    log : bool
        Whether the scale is logarithmic. Losses with a zero stay as they are.

    Returns
    -------
    values : ndarray of shape (n,)
        The logarithms, or the losses.
    """
    values = np.asarray(values, dtype=np.float64)
    return np.log(values) if log and (values > 0).all() else values


def draw_curve(ax, x, values, options, smooth, log):
    """Draw a line, or a running mean over faint dots.

    Parameters
    ----------
    ax : matplotlib Axes
        Where.
    x, values : ndarray of shape (n,)
        The curve.
    options : dict
        Keywords of the line.
    smooth : bool or int
        Whether it is a mean, and of how many values.
    log : bool
        Whether the scale will be logarithmic.

    Returns
    -------
    line : matplotlib Line2D
        The line.
    """
    if smooth:
        dots = {**DOTS, "marker": "." if options["linestyle"] == "-" else "x"}
        ax.plot(x, values, color=options["color"], **dots)
        window = max(3, len(values) // 20) if smooth is True else int(smooth)
        mean = running_mean(scaled(values, log), window)
        values = np.exp(mean) if log and (values > 0).all() else mean
    return ax.plot(x, values, **options)[0]


def is_noisy(values):
    """Whether a curve zigzags.

    Parameters
    ----------
    values : ndarray of shape (n,)
        The curve, as it is seen.

    Returns
    -------
    noisy : bool
        See `LossCurveDisplay.plot`.
    """
    if len(values) < LEAST_SMOOTHED:
        return False
    steps = np.diff(values)
    least = NOISY_SIZE * np.ptp(values)
    large = np.minimum(np.abs(steps[1:]), np.abs(steps[:-1])) > least
    return bool(np.mean(large & (steps[1:] * steps[:-1] < 0)) > NOISY_SHARE)


def running_mean(values, window):
    """Centered mean of a curve.

    Parameters
    ----------
    values : ndarray of shape (n,)
        The curve.
    window : int
        Values of a mean; an even number counts as the next odd one. There are fewer
        near the ends: near the start as many after as before, so that a steep start
        stays where it is.

    Returns
    -------
    means : ndarray of shape (n,)
        The first is the first value itself.
    """
    positions = np.arange(len(values))
    half = np.minimum(window // 2, positions)
    first, last = positions - half, np.minimum(positions + half, len(values) - 1)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return (sums[last + 1] - sums[first]) / (last + 1 - first)
