"""Typical mistakes: each error names the culprit, what was given and what is allowed.

A case is a call, and the parts that its message must contain.
"""

from datetime import datetime

import numpy as np
import pytest
from scipy import sparse as sp
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgd import (
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
    TabularRegressor,
    learning_rate_range,
    minimize,
    minimize_stochastic,
)
from skgd.averaging import ASGD, EMA
from skgd.initializers import He
from skgd.line_search import LineSearch
from skgd.losses import Huber, LogLoss, Quantile, Tweedie
from skgd.optimizers import SGD, Adam, Momentum, RMSprop
from skgd.schedules import Cosine, Exponential, OneCycle, StepDecay, Warmup

pd = pytest.importorskip("pandas")

X, CLASSES = load_iris(return_X_y=True)
Y = X @ [1.0, -2.0, 0.5, 3.0]
BINARY = (CLASSES == 0).astype(int)
LABELS = np.c_[CLASSES == 0, CLASSES == 1].astype(int)
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"])
SHORT = {"max_iter": 3, "tol": None, "random_state": 0}


def reg(**params):
    return GDRegressor(**{**SHORT, **params})


def clf(**params):
    return GDClassifier(**{**SHORT, **params})


def mlp_reg(**params):
    return MLPGDRegressor(**{**SHORT, "early_stopping": False, **params})


def mlp_clf(**params):
    return MLPGDClassifier(**{**SHORT, "early_stopping": False, **params})


def with_value(value, row=3, column=2):
    """The features with one value replaced."""
    features = X.copy()
    features[row, column] = value
    return features


def column_times(factor, column=2):
    """The features with one column on another scale."""
    features = X.copy()
    features[:, column] *= factor
    return features


def objects(value):
    """The features as objects, with one value replaced."""
    features = X.astype(object)
    features[3, 2] = value
    return features


def search(grid):
    """A grid search that reports the error of the first fit."""
    return GridSearchCV(reg(), grid, cv=2, error_score="raise").fit(X, Y)


PARAMETERS = {
    # name and value of a parameter of an estimator
    "loss name": (
        lambda: reg(loss="mse").fit(X, Y),
        "'loss'",
        "squared_error",
        "'mse'",
    ),
    "loss of classifier": (
        lambda: reg(loss="log_loss").fit(X, Y),
        "'loss'",
        "GDRegressor",
        "'log_loss'",
    ),
    "loss class": (lambda: reg(loss=Huber).fit(X, Y), "'loss'", "Huber"),
    "loss of network": (
        lambda: mlp_clf(loss="hinge").fit(X, BINARY),
        "'loss'",
        "log_loss",
    ),
    "loss object": (
        lambda: clf(loss=Huber()).fit(X, BINARY),
        "'loss'",
        "Huber()",
        "hinge",
    ),
    "penalty": (lambda: reg(penalty="ridge").fit(X, Y), "'penalty'", "'l2'", "'ridge'"),
    "penalty none": (
        lambda: reg(penalty="none").fit(X, Y),
        "'penalty'",
        "None",
        "'none'",
    ),
    "alpha": (lambda: reg(alpha=-1).fit(X, Y), "'alpha'", ">= 0", "-1"),
    "alpha None": (lambda: mlp_reg(alpha=None).fit(X, Y), "'alpha'", ">= 0", "None"),
    "alpha list": (lambda: reg(alpha=[0.1, 1]).fit(X, Y), "'alpha'", "[0.1, 1]"),
    "l1_ratio": (lambda: reg(l1_ratio=2).fit(X, Y), "'l1_ratio'", "<= 1", "2"),
    "l1_ratio None": (
        lambda: reg(penalty="elasticnet", l1_ratio=None).fit(X, Y),
        "l1_ratio",
        "elasticnet",
        "None",
        "<= 1",
    ),
    "fit_intercept": (
        lambda: reg(fit_intercept="yes").fit(X, Y),
        "'fit_intercept'",
        "bool",
    ),
    "solver adam": (
        lambda: mlp_reg(solver="adam").fit(X, Y),
        "'solver'",
        "optimizer='adam'",
    ),
    "solver newton": (
        lambda: clf(solver="newton-cg").fit(X, BINARY),
        "'solver'",
        "'minibatch'",
        "'newton-cg'",
    ),
    "optimizer": (lambda: reg(optimizer="adamax").fit(X, Y), "'optimizer'", "'adam'"),
    "optimizer array": (
        lambda: reg(optimizer=np.array([1, 2])).fit(X, Y),
        "'optimizer'",
        "array([1, 2])",
    ),
    "optimizer sparse": (
        lambda: mlp_reg(optimizer=sp.eye(2)).fit(X, Y),
        "'optimizer'",
        "sparse matrix",
    ),
    "monotonic_cst huge": (
        lambda: reg(monotonic_cst=10**400).fit(X, Y),
        "monotonic_cst must be",
    ),
    "hidden_layer_sizes huge": (
        lambda: mlp_reg(hidden_layer_sizes=(5, 10**400)).fit(X, Y),
        "hidden_layer_sizes=(5, 1",
        "more than 1e+18 parameters",
    ),
    "hidden_layer_sizes of a generator": (
        lambda: mlp_reg(hidden_layer_sizes=iter([5, 3])).fit(X, Y),
        "hidden_layer_sizes must be",
        "list_iterator",
    ),
    "hidden_layer_sizes sparse": (
        lambda: mlp_reg(hidden_layer_sizes=sp.eye(2)).fit(X, Y),
        "hidden_layer_sizes must be",
        "sparse matrix",
    ),
    "dropout sparse": (
        lambda: mlp_reg(dropout=sp.eye(2)).fit(X, Y),
        "'dropout'",
        "sparse matrix",
    ),
    "y_val number": (
        lambda: TabularRegressor().fit(X, Y, X_val=X, y_val=3),
        "y_val",
        "scalar",
    ),
    "y_val huge": (
        lambda: TabularRegressor().fit(X, Y, X_val=X, y_val=10**400),
        "y_val",
        "too large",
    ),
    "sample_weight_val negative": (
        lambda: TabularRegressor().fit(X, Y, X_val=X, y_val=Y, sample_weight_val=-1),
        "sample_weight_val",
        "Negative",
    ),
    "sample_weight huge": (
        lambda: reg().fit(X.astype(np.float32), Y, sample_weight=1e300),
        "sample_weight",
        "float32",
    ),
    "optimizer class": (lambda: reg(optimizer=Adam).fit(X, Y), "'optimizer'", "Adam"),
    "optimizer case": (
        lambda: reg(optimizer="Adam").fit(X, Y),
        "'optimizer'",
        "'Adam'",
    ),
    "lbfgs in batches": (
        lambda: mlp_reg(optimizer="lbfgs").fit(X, Y),
        "'solver'",
        "'batch' with optimizer='lbfgs'",
        "'minibatch'",
    ),
    "batch_size": (lambda: reg(batch_size=0).fit(X, Y), "'batch_size'", ">= 1", "0"),
    "batch_size share": (
        lambda: reg(batch_size=0.1).fit(X, Y),
        "'batch_size'",
        "int",
        "0.1",
    ),
    "alpha huge": (
        lambda: TabularRegressor(hidden_layer_sizes=3, alpha=1e30).fit(X, Y),
        "exploded",
        "very strong (alpha=",
    ),
    "n_jobs": (
        lambda: TabularRegressor(n_jobs=np.inf).fit(X, Y),
        "'n_jobs'",
        "int",
        "inf",
    ),
    "categorical_features": (
        lambda: TabularRegressor(categorical_features=[[1], [2, 3]]).fit(X, Y),
        "'categorical_features'",
        "[[1], [2, 3]]",
    ),
    "learning_rate series": (
        lambda: reg(learning_rate=pd.Series([0.1, 0.2])).fit(X, Y),
        "learning_rate",
        "'auto'",
    ),
    "learning_rate number": (
        lambda: reg(learning_rate=0.1).fit(X, Y),
        "'learning_rate'",
        "learning_rate_init",
        "0.1",
    ),
    "learning_rate name": (
        lambda: mlp_clf(learning_rate="optimal").fit(X, BINARY),
        "'learning_rate'",
        "constant",
        "'optimal'",
    ),
    "learning_rate function": (
        lambda: reg(solver="batch", optimizer="sgd", learning_rate=lambda t: "a").fit(
            X, Y
        ),
        "learning_rate",
        "'a'",
    ),
    "learning_rate_init": (
        lambda: reg(learning_rate_init="auto").fit(X, Y),
        "'learning_rate_init'",
        "> 0",
        "'auto'",
    ),
    "line search": (
        lambda: mlp_reg(learning_rate="line_search").fit(X, Y),
        "line_search",
        "solver='batch'",
        "'minibatch'",
    ),
    "clip_norm": (lambda: reg(clip_norm=0).fit(X, Y), "'clip_norm'", "> 0", "0"),
    "dropout": (lambda: reg(dropout=1.0).fit(X, Y), "'dropout'", "< 1", "1.0"),
    "dropout of layers": (
        lambda: mlp_reg(dropout=[0.1, 0.2]).fit(X, Y),
        "'dropout'",
        "each of the 1 hidden layers",
        "[0.1, 0.2]",
    ),
    "input_dropout": (
        lambda: mlp_reg(input_dropout=[0.1]).fit(X, Y),
        "'input_dropout'",
        "[0.1]",
    ),
    "batch_norm": (
        lambda: mlp_reg(batch_norm="yes").fit(X, Y),
        "'batch_norm'",
        "a bool",
    ),
    "input_scale": (
        lambda: mlp_reg(input_scale=2).fit(X, Y),
        "'input_scale'",
        "a bool",
        "2",
    ),
    "num_embedding": (
        lambda: mlp_reg(num_embedding="linear").fit(X, Y),
        "'num_embedding'",
        "'piecewise_linear'",
        "'linear'",
    ),
    "standardize": (
        lambda: reg(standardize=1).fit(X, Y),
        "'standardize'",
        "a bool",
        "1",
    ),
    "max_iter": (lambda: reg(max_iter=1e3).fit(X, Y), "'max_iter'", "an int", "1000.0"),
    "tol": (lambda: reg(tol=-1).fit(X, Y), "'tol'", ">= 0", "-1"),
    "n_iter_no_change": (
        lambda: reg(n_iter_no_change=2.5).fit(X, Y),
        "'n_iter_no_change'",
        "an int",
        "2.5",
    ),
    "shuffle": (lambda: reg(shuffle=None).fit(X, Y), "'shuffle'", "a bool", "None"),
    "random_state": (
        lambda: reg(random_state="a").fit(X, Y),
        "random_state",
        "'a'",
        "an int",
    ),
    "random_state negative": (
        lambda: reg(random_state=-1).fit(X, Y),
        "random_state",
        "-1",
    ),
    "random_state generator": (
        lambda: reg(random_state=np.random.default_rng(0)).fit(X, Y),
        "random_state",
        "Generator",
        "RandomState",
    ),
    "verbose": (lambda: reg(verbose="a").fit(X, Y), "'verbose'", "'a'"),
    "warm_start": (lambda: reg(warm_start=1).fit(X, Y), "'warm_start'", "a bool"),
    "early_stopping": (
        lambda: reg(early_stopping=5).fit(X, Y),
        "'early_stopping'",
        "'auto'",
        "5",
    ),
    "scoring auc": (
        lambda: clf(early_stopping=True, scoring="auc").fit(X, BINARY),
        "'scoring'",
        "'auc'",
        "'roc_auc'",
        "get_scorer_names",
    ),
    "scoring rmse": (
        lambda: mlp_reg(early_stopping=True, scoring="rmse").fit(X, Y),
        "'scoring'",
        "'rmse'",
        "'neg_root_mean_squared_error'",
    ),
    "scoring without early stopping": (
        lambda: clf(scoring="nonsense").fit(X, BINARY),
        "'scoring'",
        "'nonsense'",
    ),
    "scoring of a trial": (
        lambda: mlp_clf(early_stopping="auto", scoring="acuracy").fit(X, BINARY),
        "'scoring'",
        "'acuracy'",
        "'accuracy'",
    ),
    "scoring list": (
        lambda: clf(scoring=["accuracy"]).fit(X, BINARY),
        "'scoring'",
        "['accuracy']",
    ),
    "scoring metric": (
        lambda: reg(early_stopping=True, scoring=lambda a, b: 0.0).fit(X, Y),
        "scoring",
        "estimator, X, y",
    ),
    "scoring of strings": (
        lambda: reg(early_stopping=True, scoring=lambda m, a, b: "x").fit(X, Y),
        "scoring",
        "a number",
        "'x'",
    ),
    "validation_fraction": (
        lambda: reg(validation_fraction=20).fit(X, Y),
        "'validation_fraction'",
        "< 1",
        "20",
    ),
    "average": (lambda: reg(average="mean").fit(X, Y), "'average'", "ema", "'mean'"),
    "class_weight name": (
        lambda: clf(class_weight="balance").fit(X, BINARY),
        "'class_weight'",
        "'balanced'",
        "'balance'",
    ),
    "class_weight label": (
        lambda: clf(class_weight={"no": 1.0}).fit(X, BINARY),
        "class_weight",
        "'no'",
        "[0, 1]",
    ),
    "class_weight labels": (
        lambda: mlp_clf(class_weight={0: 1.0, 7: 2.0}).fit(X, BINARY),
        "class_weight",
        "7",
        "[0, 1]",
    ),
    "class_weight negative": (
        lambda: clf(class_weight={0: -1.0, 1: 1}).fit(X, BINARY),
        "'class_weight'",
        ">= 0",
    ),
    "class_weight text": (
        lambda: clf(class_weight={0: "a"}).fit(X, BINARY),
        "'class_weight'",
        "'a'",
    ),
    "hidden_layer_sizes": (
        lambda: mlp_reg(hidden_layer_sizes=(10, 0)).fit(X, Y),
        "hidden_layer_sizes",
        "> 0",
        "(10, 0)",
    ),
    "hidden_layer_sizes text": (
        lambda: mlp_reg(hidden_layer_sizes="100").fit(X, Y),
        "hidden_layer_sizes",
        "'100'",
    ),
    "activation": (
        lambda: mlp_reg(activation="sigmoid").fit(X, Y),
        "'activation'",
        "logistic",
        "'sigmoid'",
    ),
    "weight_init": (
        lambda: mlp_reg(weight_init="xavier").fit(X, Y),
        "'weight_init'",
        "glorot",
        "'xavier'",
    ),
    # parameters of the rules, and nested names
    "Adam beta_1": (
        lambda: reg(optimizer=Adam(beta_1=1)).fit(X, Y),
        "'beta_1'",
        "Adam",
        "< 1",
    ),
    "Adam betas": (lambda: Adam(betas=(0.9, 0.99)), "betas", "beta_1 and beta_2"),
    "SGD lr": (lambda: SGD(lr=0.1), "'lr'", "learning_rate"),
    "Momentum": (
        lambda: reg(optimizer=Momentum(momentum=2)).fit(X, Y),
        "'momentum'",
        "2",
    ),
    "RMSprop": (
        lambda: reg(optimizer=RMSprop(epsilon=0)).fit(X, Y),
        "'epsilon'",
        "> 0",
    ),
    "Huber": (
        lambda: reg(loss=Huber(epsilon="a")).fit(X, Y),
        "'epsilon'",
        "Huber",
        "'a'",
    ),
    "Quantile": (lambda: reg(loss=Quantile(95)).fit(X, Y), "'quantile'", "< 1", "95"),
    "Quantiles": (
        lambda: reg(loss=Quantile([0.9, 0.1])).fit(X, Y),
        "'quantile'",
        "rise",
        "[0.9, 0.1]",
    ),
    "Tweedie": (lambda: reg(loss=Tweedie(0.5)).fit(X, Y), "'power'", "0.5"),
    "LogLoss": (
        lambda: clf(loss=LogLoss(label_smoothing=2)).fit(X, BINARY),
        "'label_smoothing'",
        "2",
    ),
    "Exponential": (
        lambda: reg(learning_rate=Exponential(decay=-1)).fit(X, Y),
        "'decay'",
        "Exponential",
    ),
    "StepDecay": (
        lambda: reg(learning_rate=StepDecay(0)).fit(X, Y),
        "StepDecay",
        "> 0",
        "0",
    ),
    "Cosine": (lambda: reg(learning_rate=Cosine(final=-1)).fit(X, Y), "'final'", "-1"),
    "OneCycle": (
        lambda: reg(learning_rate=OneCycle(n_steps=0)).fit(X, Y),
        "'n_steps'",
        "OneCycle",
        "0",
    ),
    "Warmup then": (
        lambda: reg(learning_rate=Warmup(then="cosin")).fit(X, Y),
        "'then'",
        "cosine",
        "'cosin'",
    ),
    "LineSearch": (
        lambda: reg(solver="batch", learning_rate=LineSearch(shrink=2)).fit(X, Y),
        "'shrink'",
        "LineSearch",
        "2",
    ),
    "EMA": (lambda: reg(average=EMA(decay=2)).fit(X, Y), "'decay'", "EMA", "2"),
    "ASGD": (lambda: reg(average=ASGD(start=-1)).fit(X, Y), "'start'", "ASGD", "-1"),
    "He": (
        lambda: mlp_reg(weight_init=He(last_layer=0)).fit(X, Y),
        "'last_layer'",
        "He",
    ),
    "set_params name": (
        lambda: reg().set_params(learning_rat=1),
        "'learning_rat'",
        "learning_rate_init",
    ),
    "set_params nested": (
        lambda: reg().set_params(optimizer__beta=1),
        "'beta'",
        "Adam()",
        "beta_1",
    ),
    "set_params of another rule": (
        lambda: reg(optimizer="adam").set_params(optimizer__momentum=0.5),
        "'momentum'",
        "optimizer=Momentum(momentum=0.5)",
    ),
    "set_params of a number": (
        lambda: reg().set_params(alpha__x=1),
        "'alpha'",
        "alpha__x",
    ),
    "grid name": (lambda: search({"optimiser": ["sgd"]}), "'optimiser'", "optimizer"),
    "grid nested": (
        lambda: search({"loss__epsilon": [1.0]}),
        "'epsilon'",
        "loss=Huber(epsilon=1.0)",
    ),
    "grid value": (lambda: search({"alpha": ["small"]}), "'alpha'", "'small'"),
    "constructor": (lambda: GDRegressor(lr=0.1), "'lr'", "is learning_rate_init"),
    "constructor, folds": (
        lambda: MLPGDRegressor(cv=3),
        "'cv'",
        "is validation_split",
    ),
    "constructor, signs": (
        lambda: GDRegressor(monotone_constraints=[1]),
        "'monotone_constraints'",
        "is monotonic_cst",
    ),
    "constructor of a network": (
        lambda: MLPGDRegressor(epochs=5),
        "'epochs'",
        "is max_iter",
    ),
    "constructor, of an optimizer": (
        lambda: MLPGDClassifier(beta_1=0.8),
        "'beta_1'",
        "optimizer=Adam(beta_1=...)",
    ),
    "constructor, of a loss": (
        lambda: GDRegressor("quantile", loss__quantile=0.9),
        "'loss__quantile'",
        "loss=Quantile(quantile=...)",
    ),
    "constructor, unknown": (lambda: GDRegressor(nonsense=1), "'nonsense'"),
    "minimize_stochastic": (
        lambda: minimize_stochastic(lambda w, x: 0.0, X, None, [0.0], random_state="a"),
        "random_state",
        "RandomState or an int >= 0",
        "'a'",
    ),
    "learning_rate_range": (
        lambda: learning_rate_range(mlp_reg(), X, Y, random_state=-1),
        "random_state",
        "RandomState or an int >= 0",
        "-1",
    ),
    "minimize": (
        lambda: minimize(lambda x: (x**2).sum(), [1.0], optimizer="newton"),
        "'optimizer'",
        "'newton'",
        "adam",
    ),
}


def cells(values, cell):
    """The values as objects, the first of which is replaced."""
    values = values.astype(object)
    values[:1] = [cell] if values.ndim == 1 else cell
    return values


def masked(values):
    """An array that masks its largest values."""
    return np.ma.masked_greater(values, np.median(values) - 0.1)


def with_cell(cell):
    """Features as objects, with an object in the third column."""
    values = X.astype(object)
    values[5, 2] = cell
    return values


FEATURES = {
    "a huge int": (lambda: reg().fit(with_cell(10**400), Y), "X", "too large", "2."),
    "a huge int in lists": (
        lambda: reg().fit([[1, 10**400], [2, 3]], [1, 2]),
        "X",
        "too large",
        "1.",
    ),
    "a huge int in prediction": (
        lambda: reg().fit(X, Y).predict(with_cell(-(10**400))),
        "X",
        "too large",
        "2.",
    ),
    "a list in a cell": (lambda: reg().fit(with_cell([1, 2]), Y), "2", "objects"),
    "ragged": (lambda: reg().fit([[1, 2], [3]], [1, 2]), "X must", "inhomogeneous"),
    "masked": (lambda: reg().fit(masked(X), Y), "X", "masked", "filled"),
    "masked in prediction": (
        lambda: mlp_reg().fit(X, Y).predict(masked(X)),
        "X",
        "masked",
    ),
    "masked in a table": (
        lambda: TabularRegressor(n_members=1).fit(masked(X), Y),
        "X",
        "masked",
    ),
    "huge in a table": (
        lambda: TabularRegressor(n_members=1).fit(with_cell(10**400), Y),
        "X",
        "too large",
    ),
    "text": (
        lambda: reg().fit(np.full((150, 2), "a"), Y),
        "text",
        "0, 1",
        "OneHotEncoder",
    ),
    "None": (lambda: reg().fit(with_value(None), Y), "X", "NaN", "2", "SimpleImputer"),
    "None object": (lambda: reg().fit(objects(None), Y), "gaps", "2", "SimpleImputer"),
    "word": (lambda: clf().fit(objects("n/a"), BINARY), "2", "several types"),
    "NaN": (
        lambda: mlp_reg().fit(with_value(np.nan), Y),
        "gaps",
        ": 2",
        "SimpleImputer",
    ),
    "inf": (lambda: reg().fit(with_value(np.inf), Y), "infinity: 2", "np.isinf"),
    "complex": (lambda: reg().fit(X + 1j, Y), "Complex data not supported"),
    "dates": (
        lambda: reg().fit(FRAME.assign(b=datetime(2020, 1, 1)), Y),
        "dates",
        "'b'",
    ),
    "durations": (
        lambda: reg().fit(FRAME.assign(b=pd.Timedelta("1D")), Y),
        "'b'",
    ),
    "dict": (lambda: reg().fit({"a": X[:, 0]}, Y), "dict"),
    "file name": (lambda: reg().fit("data.csv", Y), "data.csv"),
    "one dimension": (
        lambda: reg().fit(X[:, 0], Y),
        "Expected 2D array",
        "reshape(-1, 1)",
    ),
    "three dimensions": (lambda: reg().fit(X.reshape(150, 2, 2), Y), "dim 3", "<= 2"),
    "no rows": (lambda: reg().fit(X[:0], Y[:0]), "0 sample", "minimum of 1"),
    "no columns": (lambda: reg().fit(X[:, :0], Y), "0 feature", "minimum of 1"),
    "sparse 1-d": (lambda: reg().fit(sp.coo_array(X[:, 0]), Y), "2D"),
    "sparse NaN": (lambda: reg().fit(sp.csr_array(with_value(np.nan)), Y), "gaps", "2"),
    "sparse complex": (lambda: reg().fit(sp.csr_array(X + 1j), Y), "Complex"),
    "duplicate names": (
        lambda: reg().fit(FRAME.set_axis(["a", "a", "c", "d"], axis=1), Y),
        "'a'",
    ),
    "mixed names": (
        lambda: reg().fit(FRAME.set_axis([0, "b", "c", "d"], axis=1), Y),
        "names",
        "str",
    ),
    # prediction
    "unfitted": (lambda: reg().predict(X), "GDRegressor", "not fitted yet"),
    "unfitted network": (
        lambda: mlp_clf().predict_proba(X),
        "MLPGDClassifier",
        "not fitted yet",
    ),
    "fewer columns": (
        lambda: reg().fit(X, Y).predict(X[:, :2]),
        "2 features",
        "expecting 4 features",
    ),
    "one row": (lambda: reg().fit(X, Y).predict(X[0]), "2D array", "reshape(1, -1)"),
    "other names": (
        lambda: reg().fit(FRAME, Y).predict(FRAME.rename(columns={"a": "z"})),
        "feature names",
        "- z",
        "- a",
    ),
    "other order": (
        lambda: reg().fit(FRAME, Y).predict(FRAME[["b", "a", "c", "d"]]),
        "feature names",
        "same order",
    ),
    "missing name": (
        lambda: reg().fit(FRAME, Y).predict(FRAME[["a", "b", "c"]]),
        "feature names",
        "- d",
    ),
    "additional name": (
        lambda: reg().fit(FRAME, Y).predict(FRAME.assign(e=1)),
        "feature names",
        "- e",
    ),
    "NaN in prediction": (
        lambda: reg().fit(FRAME, Y).predict(FRAME.assign(b=np.nan)),
        "gaps",
        "'b'",
    ),
    "NaN in partial_fit": (
        lambda: reg().partial_fit(with_value(np.nan), Y),
        "gaps",
        "2",
        "partial_fit",
    ),
    "columns in partial_fit": (
        lambda: reg().partial_fit(X, Y).partial_fit(X[:, :3], Y),
        "3 features",
        "expecting 4 features",
    ),
    "probabilities of hinge": (
        lambda: clf(loss="hinge").fit(X, BINARY).predict_proba(X),
        "predict_proba",
        "loss='hinge'",
        "log_loss",
    ),
    "score without y": (lambda: reg().fit(X, Y).score(X), "'y'"),
}

TARGETS = {
    "y None": (lambda: reg().fit(X, None), "GDRegressor", "y"),
    "y forgotten": (lambda: clf().fit(X), "'y'"),
    "y length": (lambda: reg().fit(X, Y[:100]), "[150, 100]"),
    "y text": (
        lambda: reg().fit(X, np.char.add(BINARY.astype(str), "a")),
        "y",
        "GDClassifier",
    ),
    "y dates": (
        lambda: reg().fit(X, np.full(150, "2020-01-01", dtype="datetime64[D]")),
        "y",
        "numeric",
        "datetime64[D]",
    ),
    "y NaN": (lambda: reg().fit(X, np.where(Y > 3, np.nan, Y)), "y contains NaN"),
    "y NaN in classes": (
        lambda: clf().fit(X, np.where(CLASSES == 0, np.nan, CLASSES)),
        "y contains NaN",
    ),
    "y None in numbers": (lambda: reg().fit(X, [None] + [1.0] * 149), "y", "None"),
    "y None in classes": (
        lambda: clf().fit(X, np.array([None] + ["a", "b"] * 74 + ["a"], dtype=object)),
        "y",
        "missing values (None",
        "Leave out these rows",
    ),
    "y mixed classes": (
        lambda: clf().fit(X, np.array([1] + ["a", "b"] * 74 + ["a"], dtype=object)),
        "y",
        "int",
        "str",
    ),
    "y complex": (lambda: reg().fit(X, Y + 1j), "Complex"),
    "y infinite": (
        lambda: reg().fit(X, np.where(Y > 3, np.inf, Y)),
        "y contains infinity",
    ),
    "y three dimensions": (lambda: reg().fit(X, np.zeros((150, 2, 2))), "y", "dim 3"),
    "y scalar": (lambda: reg().fit(X, 3.0), "scalar", "3."),
    "y sparse": (
        lambda: reg().fit(X, sp.csr_array(np.c_[Y, Y])),
        "Sparse targets",
        "y.toarray()",
    ),
    "y continuous": (lambda: clf().fit(X, Y), "continuous", "regression"),
    "y one class": (
        lambda: clf().fit(X, np.ones(150)),
        "classes",
        "greater than one",
        "1 class",
    ),
    "y several classes": (
        lambda: clf().fit(X, np.c_[CLASSES, CLASSES]),
        "y",
        "'multiclass-multioutput'",
    ),
    "y indicator": (lambda: clf().fit(X, 2 * LABELS), "y", "0 and 1", "[0, 2]"),
    "y negative": (
        lambda: reg(loss="poisson").fit(X, Y - 100),
        "y",
        "Poisson",
        ">= 0",
        "-",
    ),
    "y zero": (lambda: reg(loss="gamma").fit(X, 0 * Y), "y", "Gamma", "> 0", "0"),
    "y with several quantiles": (
        lambda: reg(loss=Quantile([0.1, 0.9])).fit(X, np.c_[Y, Y]),
        "y",
        "2 targets",
    ),
    "y 1e200": (lambda: reg().fit(X, Y * 1e200), "y", "1e+201", "rescale"),
    "y 1e200 network": (lambda: mlp_reg().fit(X, Y * 1e200), "y", "rescale"),
    "y 1e39 float32": (
        lambda: reg().fit(X.astype(np.float32), Y * 1e39),
        "y",
        "too large for float32",
    ),
    "y without units": (
        lambda: reg(standardize=False).fit(X, Y * 1e200),
        "y",
        "rescale",
        "1e+201",
    ),
    "y 1e308": (lambda: reg().fit(X, Y / np.abs(Y).max() * 1.7e308), "y", "rescale"),
    "second y 1e200": (
        lambda: reg().fit(X, np.c_[Y, Y * 1e200]),
        "Column 1 of the target y",
        "rescale",
    ),
    "X 1e200": (
        lambda: reg(standardize=False).fit(column_times(1e200), Y),
        "2",
        "rescale",
    ),
    "X 1e308": (lambda: reg().fit(column_times(2e307), Y), "2", "rescale"),
    "X 1e200 network": (
        lambda: mlp_reg(standardize=False).fit(column_times(1e200), Y),
        "2",
        "rescale",
    ),
    "X name 1e200": (
        lambda: reg(standardize=False).fit(FRAME.assign(b=FRAME.b * 1e200), Y),
        "'b'",
        "rescale",
    ),
    "X of both signs": (
        lambda: clf().fit(column_times(1.7e308 * (-1.0) ** CLASSES / 7), CLASSES),
        "Column 2",
        "rescale",
    ),
    "y of both signs": (
        lambda: mlp_reg().fit(X, 1.7e308 * (-1.0) ** CLASSES),
        "y",
        "rescale",
    ),
    "y huge": (lambda: reg().fit(X, [10**400] * 150), "y", "too large for float64"),
    "y lists": (lambda: reg().fit(X, cells(Y, [1, 2])), "y of GDRegressor", "numeric"),
    "y records": (lambda: reg().fit(X, np.zeros(150, "V8")), "y", "numeric"),
    "classes records": (lambda: clf().fit(X, np.zeros(150, "V8")), "y", "V8"),
    "y masked": (lambda: reg().fit(X, masked(Y)), "y", "masked"),
    # weights
    "weights of dates": (
        lambda: reg().fit(X, Y, sample_weight=np.full(150, "2020", "M8[D]")),
        "sample_weight",
        "dates",
    ),
    "weights huge": (
        lambda: reg().fit(X, Y, sample_weight=cells(Y, 10**400)),
        "sample_weight",
        "too large",
    ),
    "weights tiny": (
        lambda: reg().fit(X, Y, sample_weight=np.full(150, 1e-310)),
        "sample_weight",
        "1e-310",
        "1e-100",
    ),
    "weights tiny float32": (
        lambda: clf().fit(X.astype("f"), BINARY, sample_weight=np.full(150, 1e-20)),
        "sample_weight",
        "1e-15",
    ),
    "weights masked": (
        lambda: reg().fit(X, Y, sample_weight=masked(np.ones(150))),
        "sample_weight",
        "masked",
    ),
    "weights of length": (
        lambda: reg().fit(X, Y, sample_weight=[1, 2]),
        "sample_weight",
        "(2,)",
        "(150,)",
    ),
    "weights of shape": (
        lambda: reg().fit(X, Y, sample_weight=np.ones((150, 2))),
        "sample_weight",
        "(150, 2)",
    ),
    "weights negative": (
        lambda: reg().fit(X, Y, sample_weight=-np.ones(150)),
        "sample_weight",
        "-1",
        ">= 0",
    ),
    "weights zero": (
        lambda: reg().fit(X, Y, sample_weight=np.zeros(150)),
        "sample_weight",
        "zero",
    ),
    "weights 1e308": (
        lambda: reg().fit(X, Y, sample_weight=np.full(150, 1e308)),
        "sample_weight",
        "1e+308",
    ),
    "weights NaN": (
        lambda: reg().fit(X, Y, sample_weight=np.full(150, np.nan)),
        "sample_weight",
        "NaN",
    ),
    "weights text": (
        lambda: reg().fit(X, Y, sample_weight=["a"] * 150),
        "sample_weight",
        "'a'",
    ),
    "weights name": (
        lambda: reg().fit(X, Y, sample_weight="balanced"),
        "sample_weight",
    ),
    "coef_init": (
        lambda: reg().fit(X, Y, coef_init=[1, 2]),
        "coef_init",
        "(2,)",
        "4",
    ),
    "weights in third place": (
        lambda: reg().fit(X, Y, np.ones(150)),
        "coef_init",
        "150",
    ),
    # streams
    "classes forgotten": (lambda: clf().partial_fit(X, CLASSES), "classes=[0, 1, 2]"),
    "classes number": (
        lambda: clf().partial_fit(X, CLASSES, classes=3),
        "classes must be",
        "Got 3",
    ),
    "classes NaN": (
        lambda: clf().partial_fit(X, CLASSES, classes=np.array([0, 1, np.nan])),
        "classes must be",
        "NaN",
    ),
    "classes later": (
        lambda: (
            mlp_clf()
            .partial_fit(X, CLASSES, classes=[0, 1, 2])
            .partial_fit(X, CLASSES, classes="abc")
        ),
        "classes must be",
        "Got 'abc'",
    ),
    "classes changed": (
        lambda: (
            clf()
            .partial_fit(X, CLASSES, classes=[0, 1, 2])
            .partial_fit(X, CLASSES, classes=[0, 1])
        ),
        "classes",
        "[0, 1]",
        "[0, 1, 2]",
    ),
    "unknown class": (
        lambda: mlp_clf().partial_fit(X, CLASSES + 1, classes=[0, 1, 2]),
        "y",
        "[1 2 3]",
        "[0 1 2]",
    ),
    "balanced stream": (
        lambda: clf(class_weight="balanced").partial_fit(X, BINARY, classes=[0, 1]),
        "class_weight",
        "'balanced'",
        "partial_fit",
    ),
    "classes in third place": (
        lambda: mlp_clf().partial_fit(X, CLASSES, [0, 1, 2]),
        "classes",
        "classes=[0, 1, 2]",
    ),
    "lbfgs stream": (
        lambda: reg(optimizer="lbfgs", solver="batch").partial_fit(X, Y),
        "partial_fit",
        "lbfgs",
    ),
    "warm_start with other layers": (
        lambda: (
            mlp_reg(warm_start=True)
            .fit(X, Y)
            .set_params(hidden_layer_sizes=5)
            .fit(X, Y)
        ),
        "warm_start",
        "(4, 100, 1)",
        "(4, 5, 1)",
    ),
    # validation data
    "X_val alone": (
        lambda: mlp_reg(early_stopping=True).fit(X, Y, X_val=X),
        "X_val",
        "y_val",
    ),
    "y_val alone": (
        lambda: mlp_reg(early_stopping=True).fit(X, Y, y_val=Y),
        "y_val",
        "X_val",
    ),
    "X_val without early stopping": (
        lambda: reg().fit(X, Y, X_val=X, y_val=Y),
        "X_val",
        "early_stopping",
        "False",
    ),
    "X_val of other columns": (
        lambda: reg(early_stopping=True).fit(X, Y, X_val=X[:, :2], y_val=Y),
        "X_val",
        "2 features",
        "4",
        "transform_input",
    ),
    "X_val raw": (
        lambda: reg(early_stopping=True).fit(X, Y, X_val=objects("a"), y_val=Y),
        "X_val",
        "transform_input",
    ),
    "X_val of a pipeline": (
        lambda: make_pipeline(StandardScaler(), reg(early_stopping=True)).fit(
            X, Y, X_val=X, y_val=Y
        ),
        "X_val",
    ),
    "y_val length": (
        lambda: reg(early_stopping=True).fit(X, Y, X_val=X, y_val=Y[:5]),
        "y_val",
        "[150, 5]",
    ),
    "y_val classes": (
        lambda: clf(early_stopping=True).fit(X, BINARY, X_val=X, y_val=BINARY + 1),
        "y_val",
        "[0 1]",
        "[1 2]",
    ),
    "few rows": (
        lambda: reg(early_stopping=True).fit(X[:2], Y[:2]),
        "validation_fraction",
        "n_samples = 2",
    ),
    "single row of a class": (
        lambda: clf(early_stopping=True).fit(X[:51], CLASSES[:51]),
        "early_stopping",
        "class",
    ),
    "three rows, three classes": (
        lambda: clf(early_stopping=True).fit(X[::50], CLASSES[::50]),
        "early_stopping",
        "3",
    ),
}

CASES = [
    pytest.param(call, parts, id=name)
    for group in (PARAMETERS, FEATURES, TARGETS)
    for name, (call, *parts) in group.items()
]


@pytest.mark.filterwarnings("error", "ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("call", "parts"), CASES)
def test_mistake(call, parts):
    with pytest.raises((ValueError, TypeError, AttributeError)) as error:
        call()
    text = f"{error.value} {error.value.__cause__}"
    assert not [part for part in parts if part not in text], text
