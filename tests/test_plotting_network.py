"""Weights and activations, as they are drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from plotting_helpers import X, labels, stopped_early, y
from scipy import sparse
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsClassifier

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd.plotting import ActivationsDisplay, WeightsDisplay

plt.switch_backend("Agg")


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    plt.close("all")


# -------------------------------------------------------------------- weights
def standardised(model):
    """The weights of each layer, as they act on standardised features."""
    units = model._state.units
    if hasattr(model, "coefs_"):
        first, last = model.coefs_
        return [first * units.scale[:, None], last / units.target_scale]
    coef = model.coef_.toarray() if sparse.issparse(model.coef_) else model.coef_
    return [coef * units.scale]


def test_weights_of_networks_and_linear_models():
    models = {
        "network": stopped_early(),
        "linear": GDClassifier(random_state=0).fit(X, y),
        "sparse": GDClassifier(random_state=1).fit(X, y).sparsify(),
    }
    display = WeightsDisplay.from_estimators(models, bins=12)
    left, right = display.axes_
    stairs = {patch.get_label(): patch.get_data() for patch in left.patches}
    assert list(stairs) == list(models)
    edges = stairs["network"].edges
    assert len(edges) == 13
    weights = np.concatenate([W.ravel() for W in standardised(models["network"])])
    assert_allclose(
        stairs["network"].values, np.histogram(weights, edges)[0] / len(weights)
    )
    for data in stairs.values():
        assert_array_equal(data.edges, edges)
        assert data.values.sum() == pytest.approx(1)
    network, linear, sparsified = right.containers
    assert_allclose(
        [bar.get_height() for bar in network],
        [np.linalg.norm(W) for W in standardised(models["network"])],
    )
    assert len(linear) == 1
    assert_allclose(
        sparsified[0].get_height(), np.linalg.norm(standardised(models["sparse"])[0])
    )
    assert len({bars[0].get_hatch() for bars in right.containers}) == 3
    assert labels(left.get_legend()) == labels(right.get_legend()) == list(models)
    assert [ax.get_xlabel() for ax in display.axes_] == [
        "weight, for standardised data",
        "layer",
    ]


@pytest.mark.parametrize("kind", [GDRegressor, MLPGDRegressor])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_weights_have_no_units(kind, n_outputs):
    rows, targets = load_diabetes(return_X_y=True)
    if n_outputs == 2:
        targets = np.column_stack([targets, -targets])
    options = {"random_state": 0, "max_iter": 20, "tol": None, "solver": "minibatch"}
    if kind is MLPGDRegressor:
        options["early_stopping"] = False
    found = [
        WeightsDisplay.from_estimator(kind(**options).fit(a * rows, b * targets))
        for a, b in ((1, 1), (2.0**-7, 2.0**9))
    ]
    for ours, other in zip(*(d.weights[kind.__name__] for d in found), strict=True):
        assert_allclose(ours, other, rtol=1e-6)
        assert np.abs(ours).max() < 5
    raw = kind(standardize=False, **options).fit(rows, targets / 100)
    display = WeightsDisplay.from_estimator(raw, name="raw")
    layers = raw.coefs_ if kind is MLPGDRegressor else [raw.coef_]
    assert_array_equal(display.weights["raw"][0], layers[0])
    assert display.ax_.get_xlabel() == "weight"


@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_weights_after_strip(estimator):
    model = estimator(max_iter=3, tol=None).fit(X, y).strip()
    with pytest.raises(ValueError, match="Draw them before `strip`"):
        WeightsDisplay.from_estimator(model)
    model.set_params(standardize=False).fit(X, y)
    shown = WeightsDisplay.from_estimator(model.strip()).weights
    expected = model.coef_ if estimator is GDRegressor else model.coefs_[0]
    assert_array_equal(shown[estimator.__name__][0].ravel(), np.ravel(expected))


def test_weights_log_and_errors():
    display = WeightsDisplay({"one": [np.ones((2, 2))]}).plot(log=True)
    assert display.ax_.get_yscale() == "log"
    with pytest.raises(ValueError, match="weights is empty"):
        WeightsDisplay({}).plot()
    with pytest.raises(NotFittedError):
        WeightsDisplay.from_estimators({"new": GDClassifier()})
    with pytest.raises(TypeError, match="coefs_ or coef_. KNeighborsClassifier"):
        WeightsDisplay.from_estimators({"k": KNeighborsClassifier().fit(X, y)})


# -------------------------------------------------------------------- activations
def medians(ax):
    """The horizontal lines across the boxes, from left to right."""
    across = [
        line
        for line in ax.lines
        if line.get_linewidth() == 2.4 and np.ptp(line.get_ydata()) == 0
    ]
    return [
        line.get_ydata()[0] for line in sorted(across, key=lambda a: a.get_xdata()[0])
    ]


def test_activations_before_and_after_batch_normalisation():
    clf = MLPGDClassifier((8, 6), batch_norm=True, max_iter=5, tol=None, random_state=0)
    clf.fit(X, y)
    display = ActivationsDisplay.from_estimator(clf, X)
    expected = [
        np.median(values) for layer in clf._hidden_outputs(X) for values in layer[:2]
    ]
    assert_allclose(medians(display.ax_), expected)
    (legend,) = display.figure_.legends
    assert labels(legend) == ["linear map", "batch normalised"]
    assert len(display.n_dead_) == 2


def test_dead_units_are_counted():
    reg = MLPGDRegressor((8, 6), max_iter=5, tol=None, random_state=0).fit(X, y)
    reg.intercepts_[0][:3] = -1000.0  # ReLUs that no sample switches on
    reg.coefs_[1][:, 2], reg.intercepts_[1][2] = 0.0, 1.0  # one that is always 1
    display = ActivationsDisplay.from_estimator(reg, X)
    outputs = [activated for *_, activated in reg._hidden_outputs(X)]
    n_constant = [int(np.sum(A.min(axis=0) == A.max(axis=0))) for A in outputs]
    assert display.n_dead_ == n_constant
    assert n_constant[0] >= 3
    assert n_constant[1] >= 1
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == [
        f"layer 1\n{n_constant[0]}/8 dead",
        f"layer 2\n{n_constant[1]}/6 dead",
    ]
    assert len(medians(display.ax_)) == 2
    assert labels(display.figure_.legends[0]) == ["linear map"]


def test_labels_of_many_layers_do_not_collide():
    linear = np.random.default_rng(0).normal(size=(5, 64))
    display = ActivationsDisplay([(linear, linear, linear)] * 6).plot()
    display.figure_.canvas.draw()
    extents = [text.get_window_extent() for text in display.ax_.get_xticklabels()]
    assert all(a.x1 < b.x0 for a, b in zip(extents, extents[1:], strict=False))


def test_activations_of_arrays():
    linear = np.array([[-1.0, 2.0], [-3.0, 4.0]])
    display = ActivationsDisplay([(linear, linear, np.maximum(linear, 0))]).plot()
    assert display.n_dead_ == [1]
    assert medians(display.ax_) == [0.5]


def test_activation_errors():
    with pytest.raises(TypeError, match="MLPGDClassifier or MLPGDRegressor. Got GDC"):
        ActivationsDisplay.from_estimator(GDClassifier().fit(X, y), X)
    with pytest.raises(NotFittedError):
        ActivationsDisplay.from_estimator(MLPGDClassifier(), X)
    with pytest.raises(ValueError, match="two samples or more"):
        ActivationsDisplay.from_estimator(stopped_early(), X[:1])
    with pytest.raises(ValueError, match="no hidden layers"):
        ActivationsDisplay([]).plot()
