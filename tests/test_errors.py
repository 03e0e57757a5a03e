"""Bad input: an error that names the parameter, what was given, what is allowed."""

import re

import numpy as np
import pytest
from scipy import sparse as sp
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd.averaging import EMA
from skgd.initializers import He
from skgd.losses import Huber
from skgd.optimizers import Adam
from skgd.schedules import Cosine, Warmup

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
CLASSIFIERS = [GDClassifier, MLPGDClassifier]
REGRESSORS = [GDRegressor, MLPGDRegressor]
LINEAR = [GDRegressor, GDClassifier]
MLP = [MLPGDRegressor, MLPGDClassifier]

X, Y = load_iris(return_X_y=True)

SHARED = {
    "solver": (["lbfgs", None, 1], "'batch' or 'sgd' or 'minibatch'"),
    "optimizer": (
        ["nonsense", Adam, None],
        "adagrad.*instance of one of their classes",
    ),
    "penalty": (["l3", 2], "'l2' or 'l1' or 'elasticnet' or None"),
    "alpha": ([-1, "a", np.nan, None, True], "a float >= 0"),
    "l1_ratio": ([-0.1, 1.1, "a"], "a float >= 0 and <= 1 or None"),
    "batch_size": ([0, 2.5, "all", True], "an int >= 1 or 'auto'"),
    "learning_rate": (["optimal", 0.1, Cosine], "adaptive.*constant.*skgd.schedules"),
    "learning_rate_init": ([0, -1.0, "a"], "a float > 0 or None"),
    "clip_norm": ([0, -1.0, "a", np.nan, np.inf, True], "a float > 0 or None"),
    "dropout": ([1.0, -0.1, "a", None], "a float >= 0 and < 1"),
    "batch_norm": ([1, "yes", None], "a bool"),
    "max_iter": ([0, 1.5, None], "an int >= 1"),
    "tol": ([-1e-9, "a"], "a float >= 0 or None"),
    "n_iter_no_change": ([0, 1.5], "an int >= 1 or inf"),
    "shuffle": ([1, None], "a bool"),
    "verbose": ([-1, "a"], "a bool or an int >= 0"),
    "warm_start": ([1], "a bool"),
    "early_stopping": (["on"], "a bool or 'auto'"),
    "validation_fraction": ([0.0, 1.0, "a"], "a float > 0 and < 1"),
    "validation_split": (
        [1, True, "5", 2.5, KFold],
        "an int >= 2 or None, .*sklearn.model_selection",
    ),
    "average": ([-1, 0, 1.5, "a", None, EMA], "a bool or an int >= 1 or one of .*ema"),
}


def check_parameter(estimator, name, values, allowed):
    for value in values:
        model = estimator(**{name: value})
        with pytest.raises(ValueError, match=allowed) as error:
            model.fit(X, Y)
        text = str(error.value)
        assert repr(name) in text
        assert estimator.__name__ in text
        assert repr(value) in text
        assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("name", SHARED)
def test_parameters(estimator, name):
    check_parameter(estimator, name, *SHARED[name])


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_optimizers_are_not_solvers(estimator):
    check_parameter(estimator, "solver", ["adam"], "here: set optimizer='adam'.$")
    check_parameter(
        estimator, "solver", ["lbfgs"], "set optimizer='lbfgs' and solver='batch'.$"
    )
    estimator(optimizer="lbfgs", solver="batch", max_iter=2, tol=None).fit(X, Y)
    check_parameter(estimator, "optimizer", ["batch"], "solver='batch' is for the size")


@pytest.mark.parametrize("estimator", LINEAR)
def test_parameters_of_linear_models(estimator):
    check_parameter(estimator, "fit_intercept", [1, None], "a bool")
    check_parameter(estimator, "dropout", [(0.1,)], "a float >= 0 and < 1")


@pytest.mark.parametrize("estimator", MLP)
def test_parameters_of_networks(estimator):
    check_parameter(estimator, "activation", ["swish", None], "identity.*relu")
    check_parameter(estimator, "input_dropout", [1.0, -0.1, (0.1,), None], "< 1")
    check_parameter(estimator, "weight_init", ["zeros", None, 1.0], "auto.*glorot.*he")
    check_parameter(estimator, "dropout", [(0.1, 0.2), (1.0,)], "each of the 1 hidden")
    for sizes in [(-1,), 0, 3.0, (3, 0), "a", (True,)]:
        with pytest.raises(ValueError, match="hidden_layer_sizes must be > 0"):
            estimator(hidden_layer_sizes=sizes).fit(X, Y)


def test_losses():
    for estimator in CLASSIFIERS:
        check_parameter(estimator, "loss", ["squared_error", Huber(), None], "log_loss")
    check_parameter(MLPGDClassifier, "loss", ["hinge"], "log_loss")
    for estimator in REGRESSORS:
        check_parameter(estimator, "loss", ["log_loss", "foo"], "squared_error")


def test_parameters_of_rules():
    with pytest.raises(ValueError, match="'beta_1' parameter of Adam must be a float"):
        GDRegressor(optimizer=Adam(beta_1=1.0)).fit(X, Y)
    with pytest.raises(ValueError, match="'epsilon' parameter of Huber must be"):
        GDRegressor(loss=Huber(epsilon=-1)).fit(X, Y)
    with pytest.raises(ValueError, match="'last_layer' parameter of He must be 'same'"):
        MLPGDRegressor(weight_init=He(last_layer=0)).fit(X, Y)
    with pytest.raises(ValueError, match="'final' parameter of Cosine must be"):
        GDRegressor(learning_rate=Cosine(final=2)).fit(X, Y)
    with pytest.raises(ValueError, match="Invalid parameter 'beta'"):
        GDRegressor().set_params(optimizer__beta=1)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"loss__epsilon": 2}, "loss='squared_error' has .* loss=Huber(epsilon=2)."),
        ({"learning_rate__decay": 0.5}, "'auto' has .*=Exponential(decay=0.5)."),
        ({"optimizer__momentum": 0.9}, "has .* optimizer=Momentum(momentum=0.9)."),
        (
            {"optimizer": "lbfgs", "optimizer__beta_1": 0.9},
            "optimizer='lbfgs' has .* optimizer=Adam(beta_1=0.9).",
        ),
        (
            {"loss": Huber(), "loss__quantile": [0.1, 0.9]},
            "loss=Huber() has .* loss=Quantile(quantile=[0.1, 0.9]).",
        ),
        ({"average__start": 5}, "average=False has .* average=ASGD(start=5)."),
        (
            {"learning_rate": Warmup(), "learning_rate__then__decay": 0.5},
            "then='cosine' has .* then=Exponential(decay=0.5).",
        ),
        ({"learning_rate__then__decay": 0.5}, "learning_rate=Warmup(then=...)."),
    ],
    ids=str,
)
@pytest.mark.parametrize("estimator", REGRESSORS)
def test_rules_without_the_parameter(estimator, params, text):
    pattern = re.escape(text).replace(r"\.\*", "(.*)")
    with pytest.raises(ValueError, match=pattern + "$") as error:
        estimator().set_params(**params)
    assert re.search("has no parameter '.*'. Set .* too, for", str(error.value))


@pytest.mark.parametrize("name", ["loss", "learning_rate", "optimizer", "average"])
def test_parameters_that_no_rule_has(name):
    with pytest.raises(ValueError, match="'nonsense'"):
        GDRegressor().set_params(**{f"{name}__nonsense": 1})


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_elasticnet_needs_a_ratio(estimator):
    with pytest.raises(ValueError, match="l1_ratio must be set when penalty is 'elast"):
        estimator(penalty="elasticnet", l1_ratio=None).fit(X, Y)
    estimator(penalty="l2", l1_ratio=None, max_iter=1, tol=None).fit(X, Y)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("features", "target", "text"),
    [
        (X, Y[:-1], "inconsistent numbers of samples"),
        (X[:0], Y[:0], "0 sample"),
        (X[:, :0], Y, "0 feature"),
        (np.where(X > 7, np.nan, X), Y, "contains NaN"),
        (np.where(X > 7, np.inf, X), Y, "infinity"),
        (X[:, 0], Y, "Expected 2D array"),
        (X.astype(complex), Y, "Complex data not supported"),
        (X, None, "requires y to be passed"),
        (np.char.add(X.astype(str), "a"), Y, "could not convert string to float"),
        (X, np.where(Y == 1, np.nan, Y), "NaN"),
        (X, np.zeros((150, 2, 2)), "dim"),
    ],
)
def test_data(estimator, features, target, text):
    model = estimator()
    with pytest.raises(ValueError, match=text):
        model.fit(features, target)
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("estimator", CLASSIFIERS)
def test_classes(estimator):
    if estimator in LINEAR:  # as for scikit-learn's SGDClassifier
        with pytest.raises(ValueError, match="greater than one; got 1 class"):
            estimator().fit(X, np.ones(150))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        estimator().fit(X, Y + 0.5)
    with pytest.raises(ValueError, match="'multiclass-multioutput' are not supported"):
        estimator().fit(X, np.c_[Y, Y])
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        estimator().partial_fit(X, Y)
    model = estimator(max_iter=2, tol=None, warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="`y` has classes not in `self.classes_`"):
        model.partial_fit(X, Y + 5)
    with pytest.raises(ValueError, match="is not the same as on last call to partial"):
        model.partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has"):
        model.fit(X, Y > 0)
    model.partial_fit(X[:50], Y[:50])  # some of the classes will do
    fresh = estimator().partial_fit(X[:50], Y[:50], classes=[0, 1, 2])
    assert len(fresh.classes_) == 3


def test_class_weight():
    for value in ("bal", 1, [1, 2, 3]):
        with pytest.raises(
            ValueError, match="'class_weight' parameter of GDClassifier"
        ):
            GDClassifier(class_weight=value).fit(X, Y)
    with pytest.raises(ValueError, match="not in class_weight"):
        GDClassifier(class_weight={5: 1.0}).fit(X, Y)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_sample_weight(estimator):
    for weights, text in [
        (np.ones(3), "sample_weight.shape"),
        (-np.ones(150), "Negative values in data passed to `sample_weight`"),
        (np.zeros(150), "at least one non-zero"),
        (np.full(150, np.nan), "sample_weight contains NaN"),
        (np.ones((150, 2)), "1D array or scalar"),
    ]:
        with pytest.raises(ValueError, match=text):
            estimator().fit(X, Y, sample_weight=weights)
    estimator(max_iter=1, tol=None).fit(X, Y, sample_weight=2.0)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_prediction(estimator):
    with pytest.raises(NotFittedError):
        estimator().predict(X)
    model = estimator(max_iter=1, tol=None).fit(X, Y)
    with pytest.raises(ValueError, match="X has 2 features, but .* is expecting 4"):
        model.predict(X[:, :2])
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict(np.where(X > 7, np.nan, X))
    with pytest.raises(ValueError, match="X has 3 features, but .* is expecting 4"):
        model.partial_fit(X[:, :3], Y)
    assert model.predict(sp.csr_matrix(X)).shape == (150,)


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_poisson_targets(estimator):
    with pytest.raises(ValueError, match="out of the valid range of the loss Poisson"):
        estimator(loss="poisson").fit(X, Y - 1.0)
    with pytest.raises(ValueError, match="could not convert string to float"):
        estimator().fit(X, np.array(["a", "b", "c"])[Y])
