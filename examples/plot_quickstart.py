"""
=====================================================
Quick start: a linear model, a network, a grid search
=====================================================

On two small data sets from scikit-learn, this example trains a linear regression and
a classifier with hidden layers by gradient descent. Both are used in a pipeline and a
grid search and compared with the corresponding estimators of scikit-learn.

What to see:

- On a convex objective, momentum and Adam reach the optimum. Plain gradient
  descent is slow, because the features are correlated. RMSprop with a constant rate
  comes close to the optimum and then keeps moving around it.
- If a fifth of the training labels is replaced, a plain network learns the wrong
  labels, and its accuracy on new data falls. Dropout prevents most of this.
- The linear models of both libraries have the same score. For the networks, a search
  over dropout and batch normalisation gives a better score than a search over the L2
  penalty.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_quickstart.py [picture.png]``. It takes about 20
seconds.
"""

# %%
# Data
# ----
# We divide the target of the regression by its standard deviation, because adaptive
# optimizers move a coefficient by about the learning rate in each update, for any scale
# of the target. In the training set of the digits, one label in five is replaced by a
# random label. Data in float32 are trained in float32, which takes half the time.

import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge, SGDRegressor
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler, scale
from threadpoolctl import threadpool_limits

from skgd import GDRegressor, MLPGDClassifier

X, y = load_diabetes(return_X_y=True)
diabetes = train_test_split(X, scale(y), random_state=1)

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X.astype(np.float32), y, test_size=0.5, stratify=y, random_state=0
)
rng = np.random.default_rng(0)
wrong = rng.random(len(y_train)) < 0.2
y_train[wrong] = rng.integers(0, 10, wrong.sum())
digits = X_train, X_test, y_train, y_test

# %%
# Grid searches
# -------------
# `solver` sets how many samples are used for each update, and `optimizer` sets how a
# gradient becomes an update. The parameters of an optimizer can be searched too, for
# example as ``optimizer__momentum``. scikit-learn's estimators have fewer parameters.
# All networks are trained for 40 epochs with one BLAS thread.


def search(model, grid, data):
    """Test score, seconds of the last fit, and best parameters of a grid search."""
    X_train, X_test, y_train, y_test = data
    pipeline = Pipeline([("scale", StandardScaler()), ("model", model)])
    grid = {f"model__{name}": values for name, values in grid.items()}
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # the 40 epochs
        found = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(X_train, y_train)
    best = {name[len("model__") :]: v for name, v in found.best_params_.items()}
    return found.score(X_test, y_test), found.refit_time_, best


hidden, epochs = (256, 256), 40
results = {
    "GDRegressor": search(
        GDRegressor(random_state=0),
        {
            "solver": ["batch", "minibatch"],
            "optimizer": ["sgd", "momentum", "adagrad", "adam"],
            "alpha": [0.001, 0.01, 0.1],
        },
        diabetes,
    ),
    "SGDRegressor": search(
        SGDRegressor(random_state=0), {"alpha": [0.001, 0.01, 0.1]}, diabetes
    ),
    "MLPGDClassifier": search(
        MLPGDClassifier(hidden, max_iter=epochs, tol=None, random_state=0),
        {"dropout": [0.0, 0.5], "batch_norm": [False, True], "alpha": [0.001, 0.1]},
        digits,
    ),
    "MLPClassifier": search(
        MLPClassifier(
            hidden, max_iter=epochs, n_iter_no_change=epochs, tol=0, random_state=0
        ),
        {"alpha": [0.001, 0.1, 1.0]},
        digits,
    ),
}

print(f"{'estimator':16} {'score':>6} {'fit, s':>8}  best parameters")
for name, (score, seconds, best) in results.items():
    chosen = ", ".join(f"{key}={value}" for key, value in best.items())
    print(f"{name:16} {score:6.3f} {seconds:8.4f}  {chosen}")

# %%
# Five optimizers on one convex objective
# ---------------------------------------
# With ``solver="batch"``, an epoch is one update, and `loss_curve_` is the objective
# itself. A ridge regression gives the optimum in closed form.

X, y = scale(np.delete(diabetes[0], 1, axis=1)), diabetes[2]  # without the sex
alpha = 0.001
ridge = Ridge(alpha * len(X)).fit(X, y)
residuals = ridge.predict(X) - y
optimum = 0.5 * np.mean(residuals**2) + 0.5 * alpha * np.sum(ridge.coef_**2)

rates = {"sgd": 0.1, "momentum": 0.1, "adagrad": 0.1, "rmsprop": 0.01, "adam": 0.03}
excess = {}
for name, rate in rates.items():
    reg = GDRegressor(
        solver="batch",
        optimizer=name,
        learning_rate_init=rate,
        alpha=alpha,
        max_iter=500,
        tol=None,
        learning_rate="constant",
    ).fit(X, y)
    excess[name] = np.array(reg.loss_curve_) - optimum

# %%
# Dropout and batch normalisation with wrong labels
# -------------------------------------------------
# `partial_fit` makes one pass over the data, so we can compute the accuracy after each
# epoch.

scaler = StandardScaler().fit(X_train)
S_train, S_test = scaler.transform(X_train), scaler.transform(X_test)
settings = {
    "neither": {},
    "batch norm": {"batch_norm": True},
    "dropout": {"dropout": 0.5},
    "both": {"dropout": 0.5, "batch_norm": True},
}
accuracy = {}
for name, setting in settings.items():
    clf = MLPGDClassifier(hidden, batch_size=64, random_state=0, **setting)
    accuracy[name] = []
    for _ in range(epochs):
        clf.partial_fit(S_train, y_train, classes=range(10))
        accuracy[name].append(clf.score(S_test, y_test))

# %%
# The picture
# -----------
# The colours are those of Okabe and Ito. The line styles distinguish the curves in
# print.

styles = [
    {"color": "#000000", "linestyle": "-"},
    {"color": "#E69F00", "linestyle": "--"},
    {"color": "#0072B2", "linestyle": "-."},
    {"color": "#009E73", "linestyle": ":"},
    {"color": "#D55E00", "linestyle": (0, (6, 1.5, 1.5, 1.5, 1.5, 1.5))},
]
plt.rcParams.update({"font.size": 13, "axes.titlesize": 14, "lines.linewidth": 2.4})
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for (name, curve), style in zip(excess.items(), styles, strict=False):
    left.loglog(1 + np.arange(len(curve)), np.maximum(curve, 1e-9), label=name, **style)
left.set(
    title="Linear regression, five optimizers",
    xlabel="epoch (one update each)",
    ylabel="training loss above the optimum",
    ylim=(1e-8, 1),
)
left.legend(fontsize=12, loc="lower left")
for (name, curve), style in zip(accuracy.items(), styles, strict=False):
    right.plot(1 + np.arange(epochs), curve, label=name, **style)
right.set(
    title="Network, 20% of labels replaced",
    xlabel="epoch",
    ylabel="accuracy on test data",
    ylim=(0.8, 1.02),
    yticks=[0.8, 0.85, 0.9, 0.95, 1.0],
)
right.legend(fontsize=12, loc="upper right", ncols=2)
for axes in (left, right):
    axes.grid(alpha=0.3)

if "__file__" in globals():
    default = Path(__file__).with_name("quickstart.png")
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    figure.savefig(picture, dpi=100)
    print(f"\nPicture: {picture}")

# %%
# Check
# -----


def check(statement, holds):
    """Print a statement, or raise where it does not hold."""
    if not holds:
        raise AssertionError(f"not true: {statement}")
    print(f"checked: {statement}")


def late(name):
    """Mean accuracy of the last ten epochs."""
    return np.mean(accuracy[name][-10:])


score = {name: result[0] for name, result in results.items()}
check(
    "momentum and Adam come within 1e-5 of the optimum",
    max(abs(excess["momentum"][-1]), abs(excess["adam"][-1])) < 1e-5,
)
check(
    "plain gradient descent and RMSprop stay 1e-4 above it",
    min(excess["sgd"][-1], excess["rmsprop"][-1]) > 1e-4,
)
check(
    "dropout prevents the loss of at least 3% of accuracy",
    min(late("dropout"), late("both")) > late("neither") + 0.03,
)
check(
    "the scores of both linear models differ by less than 0.05",
    abs(score["GDRegressor"] - score["SGDRegressor"]) < 0.05,
)
check(
    "the network from the search over dropout has a better score",
    score["MLPGDClassifier"] > score["MLPClassifier"],
)
