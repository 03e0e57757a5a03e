"""The displays of the columns of a raw table: importances and shape functions."""

import numpy as np

from ..inspection.shape_function import shape_function
from .style import (
    add_legend,
    check_count,
    dress,
    font_size,
    import_matplotlib,
    line_options,
    new_axes,
    style,
)

# The point of missing values is so far beyond the curve, as a share of its width.
GAP = 0.07


class PermutationImportanceDisplay:
    """Importances of columns: by how much a score gets worse if one is shuffled.

    Use `from_estimator` or `from_importances`. A bar is the mean over the repetitions,
    and the dots on it are the single repetitions.

    Parameters
    ----------
    importances : array-like of shape (n_features, n_repeats)
        The importances.
    feature_names : array-like of shape (n_features,)
        The names of the columns.
    measure : str, default='importance'
        What the importances are, for the horizontal axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the bars.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    ShapeFunctionDisplay : Displays what a model makes of a column.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skgd import TabularRegressor
    >>> from skgd.plotting import PermutationImportanceDisplay
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = TabularRegressor(n_members=3, random_state=0).fit(X, y)
    >>> display = PermutationImportanceDisplay.from_estimator(reg, X, y, random_state=0)
    >>> display.ax_.get_xlabel()
    'rise of the loss if the column is shuffled'
    """

    def __init__(self, importances, feature_names, *, measure="importance"):
        self.importances = importances
        self.feature_names = feature_names
        self.measure = measure

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        n_repeats=5,
        random_state=None,
        sample_weight=None,
        max_features=20,
        ax=None,
        **kwargs,
    ):
        """Compute and draw the importances of the columns of a raw table.

        Parameters
        ----------
        estimator : TabularClassifier or TabularRegressor
            A fitted estimator.
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            The table that was passed to `fit`, or its `X_val`.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Its targets.
        n_repeats : int, default=5
            How often each column is shuffled.
        random_state : int, RandomState instance or None, default=None
            The seed of the shuffling.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        max_features : int, default=20
            The largest number of columns that are drawn.
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        **kwargs : dict
            Keywords of ``ax.barh``.

        Returns
        -------
        display : PermutationImportanceDisplay
            The display, after drawing.

        Raises
        ------
        TypeError
            If the estimator has no method `permutation_importance`.
        """
        if not hasattr(estimator, "permutation_importance"):
            raise TypeError(
                f"{type(estimator).__name__} has no method permutation_importance. "
                "Pass the result of sklearn.inspection.permutation_importance to "
                "PermutationImportanceDisplay.from_importances."
            )
        options = {"n_repeats": n_repeats, "random_state": random_state}
        found = estimator.permutation_importance(
            X, y, sample_weight=sample_weight, **options
        )
        names = getattr(estimator, "feature_names_in_", None)
        measure = "rise of the loss if the column is shuffled"
        display = cls(found.importances, _names(names, X), measure=measure)
        return display.plot(ax=ax, max_features=max_features, **kwargs)

    @classmethod
    def from_importances(
        cls,
        result,
        feature_names=None,
        *,
        measure="fall of the score if the column is shuffled",
        max_features=20,
        ax=None,
        **kwargs,
    ):
        """Draw importances that have been computed before.

        Parameters
        ----------
        result : Bunch
            What `sklearn.inspection.permutation_importance`, or the method of that name
            of an estimator of raw tables, has returned.
        feature_names : array-like of shape (n_features,), default=None
            The names of the columns; None for their positions.
        measure : str, default='fall of the score if the column is shuffled'
            What the importances are, for the horizontal axis.
        max_features : int, default=20
            The largest number of columns that are drawn.
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        **kwargs : dict
            Keywords of ``ax.barh``.

        Returns
        -------
        display : PermutationImportanceDisplay
            The display, after drawing.
        """
        names = _names(feature_names, result.importances.T)
        display = cls(result.importances, names, measure=measure)
        return display.plot(ax=ax, max_features=max_features, **kwargs)

    def plot(self, ax=None, *, max_features=20, **kwargs):
        """Draw the importances, the largest one at the top.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        max_features : int, default=20
            The largest number of columns that are drawn.
        **kwargs : dict
            Keywords of ``ax.barh``.

        Returns
        -------
        display : PermutationImportanceDisplay
            The display itself, with `ax_` and `figure_`.
        """
        check_count("max_features", max_features)
        importances = np.asarray(self.importances, dtype=np.float64)
        names = [str(name) for name in self.feature_names]
        if importances.ndim != 2 or len(importances) != len(names):
            raise ValueError(
                "importances must have one row for each of the "
                f"{len(names)} feature_names. Got the shape {importances.shape}."
            )
        (self.ax_,) = new_axes(ax)
        self.figure_ = self.ax_.figure
        means = importances.mean(axis=1)
        chosen = np.argsort(-means, kind="stable")[:max_features][::-1]
        places = np.arange(len(chosen))
        options = {"color": style(2)["color"], "alpha": 0.6, **kwargs}
        self.ax_.barh(places, means[chosen], **options)
        dots = np.repeat(places, importances.shape[1])
        self.ax_.plot(importances[chosen].ravel(), dots, "k.", alpha=0.6)
        self.ax_.axvline(0, color="black", linewidth=0.8)
        dress(self.ax_, self.measure, "")
        self.ax_.locator_params(axis="x", nbins=5)  # narrow axes have room for these
        self.ax_.set_yticks(places, [names[j] for j in chosen], fontsize=font_size())
        self.ax_.grid(False, axis="y")
        return self


class ShapeFunctionDisplay:
    """What a model of a raw table makes of one column, everything else averaged.

    Use `from_estimator`. The function of a number or a date is a curve, between the
    first and the last percentile. Small ticks at the bottom are its deciles, and a
    separate point at the right is the effect of a missing value. Each level of a
    category is a point, and so is a missing value. Bands and error bars are one
    standard deviation over the networks.

    Parameters
    ----------
    shape : Bunch
        The result of `skgd.inspection.shape_function`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the function.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    PermutationImportanceDisplay : Displays which columns matter.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skgd import TabularRegressor
    >>> from skgd.plotting import ShapeFunctionDisplay
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = TabularRegressor(n_members=3, random_state=0).fit(X, y)
    >>> display = ShapeFunctionDisplay.from_estimator(reg, X, "bmi", random_state=0)
    >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
    ('bmi', 'effect on the prediction')
    """

    def __init__(self, shape):
        self.shape = shape

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        feature,
        *,
        grid_resolution=50,
        max_samples=200,
        random_state=None,
        ax=None,
        legend=True,
        **kwargs,
    ):
        """Compute and draw the shape function of a column.

        Parameters
        ----------
        estimator : TabularClassifier or TabularRegressor
            A fitted estimator.
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            Rows of the table.
        feature : str or int
            The name or the position of the column.
        grid_resolution : int, default=50
            The largest number of values or levels.
        max_samples : int, default=200
            The largest number of rows over which the predictions are averaged.
        random_state : int, RandomState instance or None, default=None
            The seed by which these rows are drawn.
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        legend : bool or dict, default=True
            Whether to draw a legend if there are several outputs. A dict contains
            keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.plot`` for the curves and points.

        Returns
        -------
        display : ShapeFunctionDisplay
            The display, after drawing.
        """
        shape = shape_function(
            estimator,
            X,
            feature,
            grid_resolution=grid_resolution,
            max_samples=max_samples,
            random_state=random_state,
        )
        return cls(shape).plot(ax=ax, legend=legend, **kwargs)

    def plot(self, ax=None, *, legend=True, **kwargs):
        """Draw the shape function.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        legend : bool or dict, default=True
            Whether to draw a legend if there are several outputs. A dict contains
            keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.plot`` for the curves and points.

        Returns
        -------
        display : ShapeFunctionDisplay
            The display itself, with `ax_` and `figure_`.
        """
        (self.ax_,) = new_axes(ax)
        self.figure_ = self.ax_.figure
        shape, outputs = self.shape, self.shape.outputs
        for number, output in enumerate(outputs):
            label = str(output) if len(outputs) > 1 else None
            options = {**style(number, "linestyle", "marker"), "label": label}
            options = line_options(options, kwargs)
            if shape.kind == "category":
                self._draw_levels(number, options)
            else:
                self._draw_curve(number, options)
        of = f" of {outputs[0]}" if shape.scale == "log odds" else ""
        of = "" if len(outputs) > 1 else of
        dress(self.ax_, str(shape.name), f"effect on the {shape.scale}{of}")
        self.ax_.axhline(0, color="black", linewidth=0.8, zorder=1)
        if len(outputs) > 1:
            add_legend(self.ax_, below=ax is None, legend=legend)
        return self

    def _draw_curve(self, number, options):
        shape, x = self.shape, self.shape.grid_values
        ticks = shape.deciles
        if shape.kind == "date":
            dates = import_matplotlib().dates
            x, ticks = dates.date2num(x), dates.date2num(ticks)
            locator = dates.AutoDateLocator(maxticks=6)
            self.ax_.xaxis.set_major_locator(locator)
            self.ax_.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
        y, error = shape.effects[:, number], shape.effects_std[:, number]
        marker = options.pop("marker")
        self.ax_.plot(x, y, **options)
        self.ax_.fill_between(
            x, y - error, y + error, color=options["color"], alpha=0.2, linewidth=0
        )
        if number == 0:  # deciles
            bottom = self.ax_.get_xaxis_transform()
            self.ax_.vlines(ticks, 0, 0.04, color="black", transform=bottom)
        if shape.missing_effect is None:
            return
        width = np.ptp(x) if len(x) else 1.0
        right = (x[-1] if len(x) else 0.0) + GAP * (width or 1.0)
        effect = shape.missing_effect[number], shape.missing_effect_std[number]
        self._draw_points([right], *effect, {**options, "marker": marker})
        if number == 0:
            self.ax_.annotate(
                "missing",
                (right, 0.06),
                xycoords=("data", "axes fraction"),
                rotation=90,
                ha="center",
                fontsize=font_size(),
            )

    def _draw_levels(self, number, options):
        shape = self.shape
        names = [str(level) for level in shape.grid_values]
        y, error = shape.effects[:, number], shape.effects_std[:, number]
        if shape.missing_effect is not None:
            names.append("missing")
            y = np.append(y, shape.missing_effect[number])
            error = np.append(error, shape.missing_effect_std[number])
        places = np.arange(len(names))
        # outputs beside each other
        shift = 0.6 * ((number + 0.5) / len(shape.outputs) - 0.5)
        self._draw_points(places + shift, y, error, options)
        self.ax_.set_xticks(places, names)
        self.ax_.set_xlim(-0.5, len(names) - 0.5)
        if sum(map(len, names)) > 50:
            self.ax_.tick_params(axis="x", rotation=90)

    def _draw_points(self, x, y, error, options):
        # (the label is that of the curve, if there is one)
        label = options["label"] if self.shape.kind == "category" else None
        options = {**options, "linestyle": "none", "label": label}
        self.ax_.errorbar(x, y, yerr=error, capsize=4, **options)


def _names(given, X):
    # the names of the columns, or their positions
    return list(range(np.shape(X)[1])) if given is None else list(given)
