"""Displays of the weights and activations of a model."""

import numpy as np
from scipy import sparse as sp

from .._estimators.base import GradientDescent
from .._estimators.perceptron import MultilayerPerceptron
from ..inspection.wrapped import fitted_model, model_in
from .style import LINE_WIDTH, add_legend, check_named, dress, new_axes, style


class WeightsDisplay:
    """Histogram of the weights, and their norm in each layer.

    Use `from_estimator` or `from_estimators`. Intercepts are not included. The weights
    of the estimators of skgd are those for standardised features and targets, as
    training sees them. The attributes `coef_` and `coefs_` act on raw data, so that
    each of their weights has the unit of the target divided by that of a feature, and
    a picture of them would mostly show these units.

    Parameters
    ----------
    weights : dict of str to list of array-like
        The weights of each layer, by the name of the model.
    weight_name : str, default='weight'
        What the weights are, for the horizontal axis.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        The histogram and the norms.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    ActivationsDisplay : Displays the outputs of the layers of a network.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgd import GDClassifier
    >>> from skgd.plotting import WeightsDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> models = {
    ...     penalty: GDClassifier(penalty=penalty, alpha=0.1, random_state=0).fit(X, y)
    ...     for penalty in ("l1", "l2")
    ... }
    >>> display = WeightsDisplay.from_estimators(models)
    >>> [ax.get_xlabel() for ax in display.axes_]
    ['weight, for standardised data', 'layer']
    """

    def __init__(self, weights, *, weight_name="weight"):
        self.weights = weights
        self.weight_name = weight_name

    @classmethod
    def from_estimator(
        cls, estimator, *, ax=None, bins=50, log=False, name=None, legend=True, **kwargs
    ):
        """Draw the weights of one fitted estimator.

        Parameters
        ----------
        estimator : object
            A fitted estimator with `coefs_` or `coef_`, also in a pipeline or a search.
        ax : matplotlib Axes or pair of them, default=None
            The axes to draw on; None creates a new figure. If there is a single one,
            only the histogram is drawn.
        bins : int, default=50
            The number of bins of the histogram.
        log : bool, default=False
            Whether the vertical axis of the histogram has a logarithmic scale.
        name : str, default=None
            The name in the legend; None is the name of the class of the model.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.stairs``, for the outline.

        Returns
        -------
        display : WeightsDisplay
            The display, after drawing.
        """
        name = type(model_in(estimator)).__name__ if name is None else name
        options = {"bins": bins, "log": log, "legend": legend, **kwargs}
        return cls.from_estimators({name: estimator}, ax=ax, **options)

    @classmethod
    def from_estimators(
        cls, estimators, *, ax=None, bins=50, log=False, legend=True, **kwargs
    ):
        """Draw the weights of fitted estimators.

        Parameters
        ----------
        estimators : dict of str to object
            Fitted estimators with `coefs_` or `coef_`, also in pipelines and searches,
            by the name in the legend.
        ax : matplotlib Axes or pair of them, default=None
            The axes to draw on; None creates a new figure. If there is a single one,
            only the histogram is drawn.
        bins : int, default=50
            The number of bins of the histogram, which all models share.
        log : bool, default=False
            Whether the vertical axis of the histogram has a logarithmic scale.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.stairs``, for all outlines.

        Returns
        -------
        display : WeightsDisplay
            The display, after drawing.
        """
        check_named("estimators", estimators)
        weights, standardised = {}, []
        for name, estimator in estimators.items():
            model, _ = fitted_model(estimator)
            weights[name] = _weights(model)
            standardised.append(_units_of(model) is not None)
        name = "weight, for standardised data" if all(standardised) else "weight"
        display = cls(weights, weight_name=name)
        return display.plot(ax=ax, bins=bins, log=log, legend=legend, **kwargs)

    def plot(self, ax=None, *, bins=50, log=False, legend=True, **kwargs):
        """Draw the weights.

        Parameters
        ----------
        ax : matplotlib Axes or pair of them, default=None
            The axes to draw on; None creates a new figure. If there is a single one,
            only the histogram is drawn.
        bins : int, default=50
            The number of bins of the histogram, which all models share.
        log : bool, default=False
            Whether the vertical axis of the histogram has a logarithmic scale.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.stairs``, for all outlines.

        Returns
        -------
        display : WeightsDisplay
            The display itself, with `axes_`, `ax_` and `figure_`.
        """
        check_named("weights", self.weights)
        self.axes_ = new_axes(ax, 2)
        self.ax_ = self.axes_[0]
        self.figure_ = self.ax_.figure
        self._plot_histogram(bins, kwargs)
        if log:
            self.ax_.set_yscale("log")
        if len(self.axes_) == 2:
            # the histogram has the legend of lines; these are the same colours
            self._plot_norms(self.axes_[1])
        for ax in self.axes_:
            add_legend(ax, legend=legend)
        return self

    def _plot_histogram(self, bins, kwargs):
        values = {
            name: np.concatenate([np.ravel(layer) for layer in layers])
            for name, layers in self.weights.items()
        }
        edges = np.histogram_bin_edges(np.concatenate(list(values.values())), bins)
        for number, (name, weights) in enumerate(values.items()):
            # shares, so that models of any size compare
            shares = np.histogram(weights, edges)[0] / len(weights)
            options = {"linewidth": LINE_WIDTH, "label": name}
            options |= style(number, "linestyle")
            self.ax_.stairs(shares, edges, **{**options, **kwargs})
        dress(self.ax_, self.weight_name, "share of the weights")

    def _plot_norms(self, ax):
        width = 0.8 / len(self.weights)
        for number, (name, layers) in enumerate(self.weights.items()):
            ax.bar(
                1 + np.arange(len(layers)) + (number + 0.5) * width - 0.4,
                [np.linalg.norm(layer) for layer in layers],
                width,
                label=name,
                edgecolor="black",
                linewidth=1,
                **style(number, "hatch"),
            )
        n_layers = max(len(layers) for layers in self.weights.values())
        ax.set_xticks(1 + np.arange(n_layers))
        dress(ax, "layer", "L2 norm of the weights")
        ax.grid(visible=False, axis="x")


def _units_of(model):
    # the units in which training sees the data; None for raw data
    if not isinstance(model, GradientDescent):
        return None
    state = model._state
    if state.is_stripped and state.kept_deviation is not None:
        raise ValueError(
            "Weights are drawn for standardised data, but `strip` has dropped the "
            f"scale of the data from this {type(model).__name__}. Draw them before "
            "`strip`."
        )
    return state.units


def _weights(model):
    # of each layer, for standardised data if training has standardised them
    if hasattr(model, "coefs_"):
        layers = model.coefs_
    elif hasattr(model, "coef_"):
        layers = [model.coef_]
    else:
        raise TypeError(
            "Weights need a fitted estimator with coefs_ or coef_. "
            f"{type(model).__name__} has none."
        )
    layers = [W.toarray() if sp.issparse(W) else np.asarray(W) for W in layers]
    units = _units_of(model)
    if units is not None and hasattr(model, "coefs_"):
        layers[0] = layers[0] * units.scale[:, np.newaxis]
        layers[-1] = layers[-1] / units.target_scale
    elif units is not None:
        scale = units.scale / units.target_scale[:, np.newaxis]
        layers[0] = scale * layers[0]
    return layers


class ActivationsDisplay:
    """Outputs of the hidden layers of a network, and its dead units.

    Use `from_estimator`. Each box extends from the lower to the upper quartile of all
    values of a layer, with a line at the median. The whiskers extend from the 5th to
    the 95th percentile.

    Parameters
    ----------
    layers : list of tuple of ndarray of shape (n_samples, width)
        For each hidden layer, the outputs of the linear map, the normalised outputs,
        and the activations. Without batch normalisation, the first two are the same
        object.

    Attributes
    ----------
    n_dead_ : list of int
        For each hidden layer, the number of units whose activation is the same for all
        samples, such as a ReLU that is always zero.
    ax_ : matplotlib Axes
        The axes with the boxes.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    WeightsDisplay : Displays the weights of the layers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgd import MLPGDClassifier
    >>> from skgd.plotting import ActivationsDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPGDClassifier((8, 8), batch_norm=True, max_iter=5, tol=None)
    >>> display = ActivationsDisplay.from_estimator(clf.fit(X, y), X)
    >>> len(display.n_dead_)
    2
    """

    def __init__(self, layers):
        self.layers = layers

    @classmethod
    def from_estimator(cls, estimator, X, *, ax=None, legend=True, **kwargs):
        """Draw the activations for some data.

        Parameters
        ----------
        estimator : estimator instance
            A fitted MLPGDClassifier or MLPGDRegressor, also in a pipeline or a search.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            At least two samples. The earlier steps of a pipeline transform them first.
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.boxplot``, for all boxes.

        Returns
        -------
        display : ActivationsDisplay
            The display, after drawing.
        """
        model = model_in(estimator)
        if not isinstance(model, MultilayerPerceptron):
            raise TypeError(
                "Activations need a fitted MLPGDClassifier or MLPGDRegressor. Got "
                f"{type(model).__name__}."
            )
        model, X = fitted_model(estimator, X)
        layers = model._hidden_outputs(X)
        return cls(layers).plot(ax=ax, legend=legend, **kwargs)

    def plot(self, ax=None, *, legend=True, **kwargs):
        """Draw the boxes of each layer.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a new figure.
        legend : bool or dict, default=True
            Whether to draw a legend. A dict contains keywords of ``ax.legend``.
        **kwargs : dict
            Keywords of ``ax.boxplot``, for all boxes.

        Returns
        -------
        display : ActivationsDisplay
            The display itself, with `n_dead_`, `ax_` and `figure_`.
        """
        if not self.layers:
            raise ValueError("The network has no hidden layers.")
        if len(self.layers[0][2]) < 2:
            raise ValueError("To detect dead units, X must have two samples or more.")
        self.n_dead_ = [
            int(np.sum(np.ptp(activated, axis=0) == 0)) for *_, activated in self.layers
        ]
        (self.ax_,) = new_axes(ax)
        self.figure_ = self.ax_.figure
        positions = 1 + np.arange(len(self.layers))
        linear, normalised, activated = zip(*self.layers, strict=True)
        if normalised[0] is linear[0]:
            boxes = [(linear, 0.0, "linear map", style(6))]
        else:
            boxes = [
                (linear, -0.2, "linear map", style(6)),
                (normalised, 0.2, "batch normalised", style(5) | {"hatch": "//"}),
            ]
        for values, shift, label, look in boxes:
            self._draw_boxes(values, positions + shift, label, look, kwargs)
        labels = [
            f"layer {number}\n{n_dead}/{values.shape[1]} dead"
            for number, n_dead, values in zip(
                positions, self.n_dead_, activated, strict=True
            )
        ]
        self.ax_.set_xticks(positions, labels)
        dress(self.ax_, "", "value before the activation")
        add_legend(self.ax_, legend=legend, below=ax is None)
        return self

    def _draw_boxes(self, values, positions, label, look, kwargs):
        options = {
            "widths": 0.35,
            "whis": (5, 95),
            "showfliers": False,
            "patch_artist": True,
            "manage_ticks": False,
            "medianprops": {"color": "black", "linewidth": 2.4},
            "whiskerprops": {"linewidth": 2},
            "capprops": {"linewidth": 2},
            "boxprops": {
                "facecolor": look["color"],
                "hatch": look.get("hatch", ""),
                "linewidth": 2,
            },
        }
        drawn = self.ax_.boxplot(
            [layer.ravel() for layer in values],
            positions=positions,
            **{**options, **kwargs},
        )
        drawn["boxes"][0].set_label(label)
