"""
=====================================
Adam first, then fine-tuning with SGD
=====================================

Adam is fast at the start, but with a constant rate it does not settle: the loss keeps
going up and down. Plain gradient descent (SGD) with a small rate is slow, but it
settles. You can start with Adam and continue with SGD, since the optimizer of a fitted
estimator can be changed.

What to see:

- When the optimizer changes (dashed line), the training loss drops, and after that it
  is smooth.
- The score on test data is better after the change than before it.
- In 40 epochs, Adam alone has a worse mean score over ten data sets, and so has SGD
  alone, with each of three rates.
- The result is the same if you continue with `fit` and ``warm_start=True`` or with
  `partial_fit`, one epoch at a time.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_adam_then_sgd.py [picture.png]``. It takes about 4
seconds.
"""

# %%
# Data
# ----
# The data have ten features, five of which affect the target, and the target is noisy.
# We use ten data sets, so that the result does not depend on a single one. Features and
# target have a standard deviation of 1.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from skgd import MLPGDRegressor
from skgd.plotting import LossCurveDisplay

seeds = range(10)


def data(seed):
    X, y = make_friedman1(2000, noise=1.0, random_state=seed)
    return train_test_split(scale(X), scale(y), test_size=0.5, random_state=seed)


# %%
# Change the optimizer
# --------------------
# With ``warm_start=True``, `fit` continues where it stopped. With ``tol=None``, it runs
# all epochs. We change the learning rate together with the optimizer, since suitable
# rates differ between optimizers.


def network(seed, optimizer, rate, epochs):
    return MLPGDRegressor(
        hidden_layer_sizes=(16, 16),
        batch_size=16,
        optimizer=optimizer,
        learning_rate_init=rate,
        max_iter=epochs,
        tol=None,
        warm_start=True,
        random_state=seed,
    )


scores = {"Adam 0.02, then SGD 0.01": []}
before, models = [], {}
for seed in seeds:
    X_train, X_test, y_train, y_test = data(seed)
    model = network(seed, "adam", 0.02, epochs=20).fit(X_train, y_train)
    before.append(model.score(X_test, y_test))
    model.set_params(optimizer="sgd", learning_rate_init=0.01)
    model.fit(X_train, y_train)
    scores["Adam 0.02, then SGD 0.01"].append(model.score(X_test, y_test))
    models.setdefault("Adam, then SGD", model)  # the first, for the picture

# %%
# `partial_fit` runs one epoch with the current parameters. Its loss curve is exactly
# the same.

X_train, X_test, y_train, y_test = data(seeds[0])
by_parts = network(seeds[0], "adam", 0.02, epochs=20).fit(X_train, y_train)
by_parts.set_params(optimizer="sgd", learning_rate_init=0.01)
for _ in range(20):
    by_parts.partial_fit(X_train, y_train)

# %%
# One optimizer for the whole time
# --------------------------------

alone = [("adam", rate) for rate in (0.003, 0.01, 0.02)]
alone += [("sgd", rate) for rate in (0.01, 0.1, 0.3)]
for optimizer, rate in alone:
    label = "Adam" if optimizer == "adam" else "SGD"
    name = f"{label} {rate}"
    scores[name] = []
    for seed in seeds:
        X_train, X_test, y_train, y_test = data(seed)
        model = network(seed, optimizer, rate, epochs=40).fit(X_train, y_train)
        scores[name].append(model.score(X_test, y_test))
        if (optimizer, rate) in [("adam", 0.02), ("sgd", 0.01)]:
            models.setdefault(f"{label} alone", model)

print(f"{'40 epochs, test R2':26} {'mean':>6} {'worst':>6}")
for name, score in scores.items():
    print(f"{name:26} {np.mean(score):6.3f} {np.min(score):6.3f}")
print(f"{'(before the change)':26} {np.mean(before):6.3f} {np.min(before):6.3f}")

# %%
# The picture
# -----------

plt.rcParams.update({"font.size": 13, "axes.titlesize": 14})
figure, (left, right) = plt.subplots(
    1, 2, figsize=(13, 5.2), layout="constrained", width_ratios=[1.15, 1]
)
LossCurveDisplay.from_estimators(models, ax=left, log=True, smooth=False)
left.axvline(20.5, color="0.4", linestyle="--", linewidth=2)
left.annotate("Adam is replaced", (20, 0.62), fontsize=12, ha="right")
left.set(title="Training loss, first data set", ylim=(0.012, 1))

names = list(scores)[::-1]
for place, name in enumerate(names):
    chosen = "then" in name
    right.plot(
        1 - np.array(scores[name]),
        np.full(len(seeds), place),
        linestyle="none",
        marker="o" if chosen else "D",
        markersize=10 if chosen else 7,
        color="#000000" if chosen else "#D55E00",
        markeredgecolor="black",
        alpha=0.8,
    )
right.set(
    title="Ten data sets, 40 epochs each",
    xlabel="$1 - R^2$ on test data (less is better)",
    xscale="log",
    xticks=[0.06, 0.08, 0.1, 0.15, 0.2],
    xticklabels=["0.06", "0.08", "0.1", "0.15", "0.2"],
    yticks=range(len(names)),
    yticklabels=[name.replace(", then", ",\nthen") for name in names],
)
right.minorticks_off()
right.grid(alpha=0.3)

if "__file__" in globals():
    default = Path(__file__).with_name("adam_then_sgd.png")
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


curve = np.array(models["Adam, then SGD"].loss_curve_)
check(
    "after the change, the loss is less than 80% of its previous value",
    np.mean(curve[20:25]) < 0.8 * np.mean(curve[15:20]),
)
steps = np.abs(np.diff(np.log(curve)))
check(
    "after the change, the loss varies less than a third as much per epoch",
    np.mean(steps[-15:]) < np.mean(steps[5:19]) / 3,
)
both = scores.pop("Adam 0.02, then SGD 0.01")
check(
    "on each data set, the test score is better than before the change",
    np.all(np.array(both) > before),
)
check(
    "its mean is better than with Adam or SGD alone, by at least 0.003",
    np.mean(both) > max(np.mean(score) for score in scores.values()) + 0.003,
)
check(
    "with partial_fit, the curve is the same",
    by_parts.loss_curve_ == models["Adam, then SGD"].loss_curve_,
)
