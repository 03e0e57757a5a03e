"""Fingerprints of fits, to compare the numbers of two versions of the package.

The script fits each estimator in 40 configurations. For each fit, it prints a hash of
all published arrays, curves and predictions. If two versions of skgd print the same
line, their results are identical to the last bit:

    python benchmarks/fingerprints.py > old.txt
"""

import hashlib
import warnings

import numpy as np
from scipy import sparse as sp
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification

from skgd import (
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
    losses,
    optimizers,
    schedules,
)

COMMON = [
    {},
    {"solver": "batch"},
    {"solver": "sgd"},
    *({"optimizer": name} for name in ("sgd", "momentum", "adagrad", "rmsprop")),
    *({"optimizer": name} for name in ("adamw", "nadam")),
    {"optimizer": optimizers.Momentum(nesterov=True)},
    {"optimizer": optimizers.RMSprop(centered=True)},
    {"optimizer": optimizers.Adam(amsgrad=True), "penalty": "elasticnet", "alpha": 0.1},
    {"penalty": "l1", "alpha": 0.01, "optimizer": "sgd"},
    {"penalty": "l1", "alpha": 0.01},
    {"solver": "sgd", "optimizer": "sgd", "penalty": "l1", "alpha": 0.001},
    {"solver": "sgd", "optimizer": "sgd", "alpha": 0.001},
    {"penalty": None, "batch_norm": True},
    {"batch_norm": True, "dropout": 0.3},
    {"dropout": 0.3},
    {"standardize": False, "clip_norm": 1.0},
    {"learning_rate": "cosine", "max_iter": 15, "tol": None},
    {"learning_rate": "invscaling"},
    {"learning_rate": schedules.Warmup(5, then=schedules.OneCycle())},
    {"learning_rate": "line_search", "solver": "batch"},
    {"learning_rate": "adaptive", "optimizer": "sgd"},
    {"average": True},
    {"average": "ema", "batch_norm": True},
    {"early_stopping": True},
    {"early_stopping": True, "validation_fraction": 0.3, "batch_norm": True},
    {"batch_size": 1, "max_iter": 5},
    {"batch_size": 7, "clip_norm": 0.5},
    {"shuffle": False, "batch_size": 16},
    {"solver": "sgd", "batch_norm": True, "max_iter": 5},
]
REGRESSION = [
    {"loss": name}
    for name in ("huber", "absolute_error", "poisson", "gamma", "epsilon_insensitive")
] + [
    {"loss": losses.Quantile([0.1, 0.5, 0.9])},
    {"loss": "squared_epsilon_insensitive"},
]
MARGINS = [
    {"loss": name}
    for name in ("hinge", "squared_hinge", "modified_huber", "perceptron")
] + [
    {"loss": losses.LogLoss(label_smoothing=0.1)},
    {"class_weight": "balanced"},
    {"class_weight": {0: 2.0, 1: 1.0, 2: 0.5}, "solver": "sgd"},
]
NETWORK = [
    {"activation": name} for name in ("tanh", "gelu", "selu", "logistic", "leaky_relu")
] + [{"weight_init": "glorot"}, {"input_dropout": 0.2, "hidden_layer_sizes": (8, 6)}]


def configurations(kind):
    """40 settings of an estimator."""
    if kind is GDRegressor:
        own = REGRESSION
    elif kind is GDClassifier:
        own = MARGINS
    elif kind is MLPGDRegressor:
        own = NETWORK
    else:
        own = [*NETWORK[:5], *MARGINS[4:6]]
    return [*COMMON, *own]


def digest(estimator, X):
    """Of all that a fit has published."""
    total = hashlib.sha256()
    for name, value in sorted(vars(estimator).items()):
        if not name.endswith("_") or name.startswith("_") or value is None:
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, np.ndarray | float | int | np.floating):
                total.update(name.encode() + np.ascontiguousarray(part).tobytes())
    total.update(np.ascontiguousarray(estimator.predict(X)).tobytes())
    return total.hexdigest()[:16]


def data_of(kind, number):
    """Dense or sparse, float64 or float32, with weights or without, by the number."""
    rng = np.random.RandomState(number)
    classes = kind in (GDClassifier, MLPGDClassifier)
    X, y = load_iris(return_X_y=True) if classes else load_diabetes(return_X_y=True)
    if classes and number % 5 == 4 and number < len(COMMON):
        X, y = make_multilabel_classification(150, 5, n_classes=3, random_state=number)
    elif not classes and number % 5 == 4 and number < len(COMMON):
        y = np.c_[y, -2 * y + rng.standard_normal(len(y))]
    elif classes and number % 5 == 3 and number < len(COMMON):
        y = y > 0
    X = X * np.linspace(1, 100, X.shape[1]) + 3
    if number % 3 == 2:
        X = X * (rng.uniform(size=X.shape) < 0.5)
    X = X.astype(np.float32 if number % 2 else np.float64)
    weights = rng.uniform(0, 2, len(X)) if number % 4 == 1 else None
    return sp.csr_matrix(X) if number % 3 == 2 else X, y, weights


def main():
    """Print a line for each fit."""
    warnings.simplefilter("ignore")
    for kind in (GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier):
        for number, options in enumerate(configurations(kind)):
            X, y, weights = data_of(kind, number)
            model = kind(random_state=0, **{"max_iter": 30, **options})
            if "gamma" in str(options):
                y = y + 1
            model.fit(X, y, sample_weight=weights)
            line = [digest(model, X)]
            if options.get("class_weight") == "balanced":  # needs all data
                model.set_params(class_weight=None)
            model.partial_fit(X[:50], y[:50])
            line.append(digest(model, X))
            model.set_params(warm_start=True, max_iter=3).fit(X, y)
            line.append(digest(model, X))
            print(kind.__name__, number, *line, options)


if __name__ == "__main__":
    main()
