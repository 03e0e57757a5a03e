"""Inspection and displays of models in pipelines, searches and target transformers."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skgd import GDRegressor, MLPGDRegressor, diagnose, learning_rate_range
from skgd.inspection.wrapped import fitted_model, model_in, training_data
from skgd.plotting import ActivationsDisplay, LossCurveDisplay, WeightsDisplay

plt.switch_backend("Agg")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_diabetes(return_X_y=True)
Z, LOG = StandardScaler().fit_transform(X), np.log(Y)
NETWORK = MLPGDRegressor(5, max_iter=30, tol=None, early_stopping=False, random_state=0)
LOGARITHM = {"func": np.log, "inverse_func": np.exp}


def piped(model):
    return make_pipeline(StandardScaler(), FunctionTransformer(), model)


def searched(model, name="alpha", **options):
    return GridSearchCV(model, {name: [1e-3]}, cv=2, **options)


def of_log(model):
    return TransformedTargetRegressor(model, **LOGARITHM)


WRAPPED = {
    "model": (NETWORK, X, Y),
    "pipeline": (piped(NETWORK), Z, Y),
    "search": (searched(NETWORK), X, Y),
    "target": (of_log(NETWORK), X, LOG),
    "search of pipeline": (searched(piped(NETWORK), "mlpgdregressor__alpha"), Z, Y),
    "pipeline with search": (piped(searched(NETWORK)), Z, Y),
    "all of them": (of_log(piped(searched(NETWORK))), Z, LOG),
    "and in reverse": (searched(piped(of_log(piped(NETWORK))), "memory"), Z, LOG),
}
WRAPPED["and in reverse"][0].param_grid = {"memory": [None]}


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", WRAPPED)
def test_a_fitted_model_is_found_wherever_it_is(name):
    estimator, features, _ = WRAPPED[name]
    estimator.fit(X, Y)
    model, seen = fitted_model(estimator, X)
    assert isinstance(model, MLPGDRegressor)
    assert_allclose(seen, features, rtol=1e-9)
    assert str(diagnose(estimator)) == str(diagnose(model))
    display = LossCurveDisplay.from_estimator(estimator, smooth=False)
    assert_array_equal(display.ax_.lines[0].get_ydata(), model.loss_curve_)
    assert display.ax_.get_legend().get_title().get_text() == "MLPGDRegressor"
    weights, expected = (
        WeightsDisplay.from_estimator(each, name="a").weights["a"]
        for each in (estimator, model)
    )
    assert_array_equal(weights[0], expected[0])
    layers = ActivationsDisplay.from_estimator(estimator, X).layers
    assert_allclose(layers[0][0], model._hidden_outputs(features)[0][0], rtol=1e-6)


@pytest.mark.parametrize("is_fitted", [False, True])
@pytest.mark.parametrize("name", WRAPPED)
def test_the_range_test_trains_on_transformed_data(name, is_fitted):
    estimator, features, targets = WRAPPED[name]
    if is_fitted:
        estimator.fit(X, Y)
    before = repr(estimator)
    found = learning_rate_range(estimator, X, Y, n_steps=50)
    model = model_in(estimator)
    expected = learning_rate_range(model, features, targets, n_steps=50)
    assert_allclose(found.losses, expected.losses, rtol=1e-6)
    assert found.suggestion == pytest.approx(expected.suggestion)
    assert repr(estimator) == before


def test_steps_of_a_pipeline_are_not_fitted_by_the_range_test():
    pipeline = piped(GDRegressor(optimizer="sgd"))
    learning_rate_range(pipeline, X, Y, sample_weight=np.ones(len(Y)))
    assert not hasattr(pipeline[0], "mean_")


def test_targets_of_a_transformer():
    both = of_log(NETWORK).set_params(func=None, inverse_func=None)
    both.set_params(transformer=StandardScaler())
    _, targets = training_data(both, X, Y)
    assert_array_equal(targets, StandardScaler().fit_transform(Y[:, None])[:, 0])


def test_what_cannot_be_unwrapped():
    with pytest.raises(NotFittedError, match="MLPGDRegressor"):
        diagnose(piped(MLPGDRegressor()))
    with pytest.raises(ValueError, match="fitted with refit=False. Set refit=True"):
        diagnose(searched(GDRegressor(), refit=False).fit(X, Y))
    with pytest.raises(TypeError, match=r"Got LinearRegression\(\) instead"):
        diagnose(piped(LinearRegression()).fit(X, Y))
    with pytest.raises(TypeError, match="LinearRegression has none"):
        LossCurveDisplay.from_estimator(piped(LinearRegression()).fit(X, Y))
