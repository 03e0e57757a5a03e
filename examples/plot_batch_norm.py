"""
====================================================
Batch normalisation: the same scale in every layer
====================================================

Batch normalisation shifts and scales the values of the units in a layer, so that each
unit has mean 0 and standard deviation 1 over the samples of a batch. Here a network
with five hidden layers learns to read digits, with and without batch normalisation.

What to see:

- Before the training, without batch normalisation, the values get smaller from layer to
  layer. The boxes of the last layer are less than half as wide as those of the first.
  Some units are dead, which means that their output is the same for all digits. With
  batch normalisation, all layers have the same spread, and no unit is dead.
- Without batch normalisation, the learning rate must be chosen carefully. At most two
  of the rates give an accuracy of 93%, and with a rate of 1 the network learns little
  or nothing. With batch normalisation, all rates from 0.03 to 3 give 93%.
- At low rates, from 0.003 to 0.03, the network with batch normalisation learns much
  faster.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_batch_norm.py [picture.png]``. It takes about 7
seconds.
"""

# %%
# What it computes
# ----------------
# There are two features with the values 2, 3, 4, 5 and 1, 2, 3, 4. They only differ by
# a constant, so batch normalisation turns both into the same four numbers. To see these
# numbers in a network, we set its weights before the fit to those of a layer that
# changes nothing. With ``warm_start=True``, `fit` starts from these weights. The first
# loss is computed before the first update, and it is zero if the output equals the
# target.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skgd import MLPGDClassifier, MLPGDRegressor
from skgd.plotting import ActivationsDisplay

columns = np.array([[2.0, 3, 4, 5], [1, 2, 3, 4]]).T
normalised = np.array([-1.34163542, -0.44721181, 0.44721181, 1.34163542])
unchanged = MLPGDRegressor(
    hidden_layer_sizes=2,
    activation="identity",
    batch_norm=True,
    solver="batch",
    warm_start=True,
    max_iter=1,
    tol=None,
    alpha=0,
    standardize=False,
)
unchanged.coefs_ = [np.eye(2), np.eye(2)]
unchanged.intercepts_ = [np.zeros(2), np.zeros(2)]
unchanged.fit(columns, np.column_stack([normalised, normalised]))
print(f"loss if both columns become {normalised}: {unchanged.loss_curve_[0]:.1g}\n")

# %%
# Before learning
# ---------------
# With a rate of 1e-9, the weights hardly change. In these ten epochs, the network only
# learns the means and variances that batch normalisation uses for predictions. The
# initial weights are those of Glorot and Bengio. (With those of He et al., which are
# the default for ReLU, the spread stays the same from layer to layer.)

X, y = load_digits(return_X_y=True)
X = (X - X.mean()) / X.std()


def network(batch_norm, rate, seed):
    return MLPGDClassifier(
        hidden_layer_sizes=(64, 64, 64, 64, 64),
        weight_init="glorot",
        optimizer="sgd",
        batch_norm=batch_norm,
        batch_size=64,
        learning_rate=lambda step: rate,
        alpha=1e-4,
        standardize=False,
        max_iter=10,
        tol=None,
        random_state=seed,
    )


SEED = 0

# %%
# Learning, at many rates
# -----------------------
# We train for ten epochs of plain gradient descent on four random splits of the data.
# If the loss explodes, `fit` raises an error, which counts as guessing (an accuracy of
# one in ten). The rate is a function, because `fit` would lower a number after
# divergence.

rates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]


def accuracy(batch_norm, rate, seed):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=seed
    )
    try:
        model = network(batch_norm, rate, seed).fit(X_train, y_train)
    except ValueError:
        return 0.1
    return model.score(X_test, y_test)


scores = {
    batch_norm: np.array(
        [
            [accuracy(batch_norm, rate, seed) for rate in rates]
            for seed in range(SEED, SEED + 4)
        ]
    )
    for batch_norm in (False, True)
}
means = {batch_norm: score.mean(axis=0) for batch_norm, score in scores.items()}

print(f"{'rate':>6} {'accuracy without':>18} {'with batch norm':>16}")
for rate, without, with_norm in zip(rates, means[False], means[True], strict=True):
    print(f"{rate:6g} {without:18.3f} {with_norm:16.3f}")

# %%
# The picture
# -----------

plt.rcParams.update({"font.size": 12, "axes.titlesize": 14})
figure, axes = plt.subplot_mosaic(
    [[False, True], ["rates", "rates"]], figsize=(13, 9), layout="constrained"
)
displays = {
    batch_norm: ActivationsDisplay.from_estimator(
        network(batch_norm, 1e-9, SEED).fit(X, y), X, ax=axes[batch_norm]
    )
    for batch_norm in (False, True)
}
axes[False].set_title("Before learning, without batch normalisation")
axes[True].set_title("Before learning, with batch normalisation")
for ax in (axes[False], axes[True]):
    ax.set_ylim(-2.6, 3)
    ax.tick_params(axis="x", labelsize=11)
    ax.legend(loc="upper right", ncols=2, fontsize=12)
styles = {
    False: {"color": "#000000", "linestyle": "--", "marker": "s"},
    True: {"color": "#D55E00", "linestyle": "-", "marker": "o"},
}
ax = axes["rates"]
for batch_norm, score in scores.items():
    label = "with batch normalisation" if batch_norm else "without"
    ax.semilogx(
        rates, means[batch_norm], label=label, linewidth=2.4, **styles[batch_norm]
    )
    ax.fill_between(
        rates,
        score.min(axis=0),
        score.max(axis=0),
        color=styles[batch_norm]["color"],
        alpha=0.15,
    )
ax.set(
    title="After ten epochs: mean of four splits, and their range",
    xlabel="learning rate",
    ylabel="accuracy on test data",
    ylim=(0, 1.02),
)
ax.legend(loc="lower center", fontsize=13)
ax.grid(alpha=0.3)

if "__file__" in globals():
    default = Path(__file__).with_name("batch_norm.png")
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


check("both columns become the same four numbers", unchanged.loss_curve_[0] < 1e-15)


def widths(batch_norm):
    """Distance between the quartiles before the activation, for each layer."""
    quartiles = [
        np.quantile(before, [0.25, 0.75])
        for _, before, _ in displays[batch_norm].layers
    ]
    return np.diff(quartiles).ravel()


check(
    "without it, the last box is less than half as wide as the first",
    widths(False)[-1] < 0.5 * widths(False)[0],
)
check("and some units are dead", sum(displays[False].n_dead_) > 0)
spreads = [np.std(before) for _, before, _ in displays[True].layers]
check(
    "with it, the standard deviation is 1 in all layers, to 10%",
    np.allclose(spreads, 1, atol=0.1),
)
check("and no unit is dead", sum(displays[True].n_dead_) == 0)

working = {batch_norm: mean >= 0.93 for batch_norm, mean in means.items()}
check("without it, at most two of the rates give 93%", np.sum(working[False]) <= 2)
check("and a rate of 1 reads less than half of the digits", means[False][6] < 0.5)
check("with it, all rates from 0.03 to 3 give 93%", np.all(working[True][3:8]))
check(
    "at 0.003, 0.01 and 0.03, the accuracy is at least 3% higher with it",
    np.all(means[True][1:4] > means[False][1:4] + 0.03),
)
