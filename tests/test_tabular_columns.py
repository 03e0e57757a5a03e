"""Importances and shape functions of the columns of raw tables, and their displays."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.datasets import load_iris
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.utils import Bunch
from tabular_data import DEAR, FRAME, PRICE, SMALL, N

from skgd import TabularClassifier, TabularRegressor
from skgd.inspection import shape_function
from skgd.plotting import PermutationImportanceDisplay, ShapeFunctionDisplay

plt.switch_backend("Agg")
TEXTS = [f"one of {j} long texts with many words" for j in range(N)]
X = FRAME.assign(
    city=FRAME["city"].where(FRAME["age"] > 5, None),
    text_number=FRAME["noise"].round(2).astype(str),
    text_date=FRAME["sold"].dt.strftime("%d.%m.%Y"),
    lasted=FRAME["sold"] - FRAME["sold"].min(),
    rich=FRAME["size"] > 50,
    note=TEXTS,
    key=[f"k{j}" for j in range(N)],
)


@pytest.fixture(scope="module")
def reg():
    with pytest.warns(UserWarning, match="repeated in 'key'"):
        return TabularRegressor(**SMALL).fit(X, PRICE)


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    plt.close("all")


# ---------------------------------------------------------------- shape functions
def test_a_shape_function_is_the_centred_partial_dependence(reg):
    shape = shape_function(reg, X, "size", grid_resolution=400, max_samples=N)
    assert_array_equal(shape.grid_values, np.sort(X["size"]))
    grid = {"size": shape.grid_values[::60]}
    found = partial_dependence(reg, X, ["size"], custom_values=grid)["average"][0]
    expected = found - found.mean()
    effects = shape.effects[::60, 0]
    assert_allclose(effects - effects.mean(), expected, rtol=1e-4, atol=0.05)
    assert_allclose(shape.effects.mean(), 0, atol=1e-6)
    assert_allclose(shape.deciles, X["size"].quantile(np.arange(1, 10) / 10))


def test_an_additive_model_has_its_own_functions(reg):
    shape = shape_function(reg, X, "size", random_state=0)
    assert len(shape.grid_values) <= 50
    expected = 1000 * np.sin(shape.grid_values / 10)
    assert np.corrcoef(shape.effects[:, 0], expected)[0, 1] > 0.93
    city = shape_function(reg, X, X.columns.get_loc("city"))
    effect_of = dict(zip(city.grid_values, city.effects[:, 0], strict=True))
    assert abs(effect_of["Bonn"] - effect_of["Ulm"] - 2000) < 300
    assert city.kind == "category"
    counts = X["city"].value_counts()
    assert list(city.grid_values) == list(counts.index)
    # the mean over the rows, missing values included, is zero
    total = counts.to_numpy() @ city.effects[:, 0]
    total += X["city"].isna().sum() * city.missing_effect[0]
    assert abs(total) < 1e-6 * N * 2000


@pytest.mark.parametrize("name", list(X.columns[:-2]))
def test_each_kind_of_column(reg, name):
    shape = shape_function(reg, X, name, random_state=0)
    kinds = {"city": "category", "sold": "date", "text_date": "date"}
    assert shape.kind == kinds.get(name, "number")
    assert shape.effects.shape == (len(shape.grid_values), 1)
    assert np.isfinite(shape.effects).all()
    assert (shape.missing_effect is not None) == X[name].isna().any()
    again = shape_function(reg, pl.from_pandas(X), name, random_state=0)
    assert_array_equal(again.effects, shape.effects)
    assert name in repr(shape)
    display = ShapeFunctionDisplay(shape).plot()
    assert display.ax_.get_xlabel() == name
    assert display.ax_.get_ylabel() == "effect on the prediction"
    display.figure_.canvas.draw()


def test_outputs_and_scales():
    iris, y = load_iris(return_X_y=True)
    clf = TabularClassifier(**SMALL).fit(iris, y)
    shape = shape_function(clf, iris, 3)
    assert shape.outputs == [0, 1, 2]
    assert shape.scale == "log odds"
    assert_allclose(shape.effects.sum(axis=1), 0, atol=1e-9)
    assert np.diff(shape.effects[[0, -1]], axis=0)[0, [0, 2]] @ [-1, 1] > 0
    legend = ShapeFunctionDisplay(shape).plot().figure_.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["0", "1", "2"]
    clf = TabularClassifier(**SMALL).fit(FRAME, DEAR)
    display = ShapeFunctionDisplay.from_estimator(clf, FRAME, "city")
    assert display.ax_.get_ylabel() == "effect on the log odds of dear"
    reg = TabularRegressor("poisson", **SMALL).fit(iris[:, :3], iris[:, 3])
    assert shape_function(reg, iris[:, :3], 0).scale == "log of the prediction"


def test_a_sparse_table():
    rng = np.random.RandomState(0)
    S = sp.csr_matrix(sp.random_array((N, 4), density=0.5, random_state=rng))
    y = S[:, [0]].toarray()[:, 0]
    reg = TabularRegressor(**SMALL).fit(S, y)
    shape = shape_function(reg, S, 0)
    assert shape.grid_values[0] == 0
    assert shape.effects[-1, 0] - shape.effects[0, 0] > 0.5


def test_only_missing_values(reg):
    shape = shape_function(reg, X.assign(age=np.nan), "age")
    assert len(shape.grid_values) == 0
    assert_allclose(shape.missing_effect, 0, atol=1e-9)
    ShapeFunctionDisplay(shape).plot()


@pytest.mark.parametrize(
    ("feature", "options", "message"),
    [
        ("sizes", {}, "feature must be the name .* 11 columns. Got 'sizes'"),
        (11, {}, "feature must be the name or the position"),
        (True, {}, "feature must be the name or the position"),
        ("note", {}, "'note' contains long texts"),
        ("key", {}, "'key' is ignored"),
        ("size", {"grid_resolution": 1}, "grid_resolution must be an int >= 2. Got 1"),
        ("size", {"max_samples": 0}, "max_samples must be an int >= 1. Got 0"),
    ],
)
def test_wrong_arguments(reg, feature, options, message):
    with pytest.raises(ValueError, match=message):
        shape_function(reg, X, feature, **options)


def test_shape_functions_are_for_raw_tables():
    with pytest.raises(TypeError, match="needs a TabularClassifier"):
        shape_function(LinearRegression(), X, "size")


# ---------------------------------------------------------------- importances
def test_the_display_of_importances(reg):
    display = PermutationImportanceDisplay.from_estimator(
        reg, X, PRICE, n_repeats=3, random_state=0, max_features=4
    )
    found = reg.permutation_importance(X, PRICE, n_repeats=3, random_state=0)
    best = np.argsort(-found.importances_mean)[:4][::-1]
    widths = [bar.get_width() for bar in display.ax_.patches]
    assert_allclose(widths, found.importances_mean[best])
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels == list(X.columns[best])
    assert display.figure_ is display.ax_.figure


def test_importances_of_scikit_learn(reg):
    found = permutation_importance(reg, X[:50], PRICE[:50], n_repeats=2, random_state=0)
    _, ax = plt.subplots()
    display = PermutationImportanceDisplay.from_importances(found, X.columns, ax=ax)
    assert display.ax_ is ax
    assert ax.get_xlabel() == "fall of the score if the column is shuffled"
    assert len(ax.patches) == 11
    display = PermutationImportanceDisplay.from_importances(found, color="red")
    top = display.ax_.get_yticklabels()[-1].get_text()
    assert int(top) == found.importances_mean.argmax()


def test_wrong_importances():
    with pytest.raises(TypeError, match="LinearRegression has no method .*from_import"):
        PermutationImportanceDisplay.from_estimator(LinearRegression(), X, PRICE)
    found = Bunch(importances=np.ones((3, 2)))
    with pytest.raises(ValueError, match="one row for each of the 2 feature_names"):
        PermutationImportanceDisplay.from_importances(found, ["a", "b"])
    with pytest.raises(ValueError, match="max_features must be an int >= 1"):
        PermutationImportanceDisplay.from_importances(found, max_features=0)


def test_names_of_a_table_without_names():
    values = pd.DataFrame({"size": FRAME["size"], "noise": FRAME["noise"]}).to_numpy()
    reg = TabularRegressor(alpha=1e-3, **SMALL).fit(values, PRICE)
    display = PermutationImportanceDisplay.from_estimator(reg, values, PRICE)
    assert display.ax_.get_yticklabels()[-1].get_text() == "0"
