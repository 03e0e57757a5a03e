"""
=================================================
Mini-batch linear regression, and the batch size
=================================================

This example fits a straight line to 100 points by gradient descent. Each update uses
all samples (batch), one sample (sgd), or sixteen (minibatch). The cost is the mean
squared error on all the data, which is computed after each epoch.

What to see:

- Top left: after 50 epochs, mini-batches give a line that is close to the
  least-squares line.
- Top right: the cost falls steeply in the first ten epochs and then stays slightly
  above its minimum.
- Bottom left: batch gradient descent makes one update per epoch, and its curve is
  smooth but slow. With one sample per update, there are a hundred updates per epoch,
  and the curve is fast but noisy. Mini-batches are in between.
- Bottom right: with smaller batches, the cost falls further in five epochs, but it
  fluctuates more near the minimum.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_minibatch_regression.py [picture.png]``. It takes a
few seconds.
"""

# %%
# Data
# ----
# The points are scattered around ``y = 4 + 3 x``. NumPy's least squares gives the best
# line.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skgd import GDRegressor
from skgd.optimizers import SGD

rng = np.random.default_rng(0)
n = 100
X = 2 * rng.random((n, 1))
y = 4 + 3 * X[:, 0] + rng.normal(size=n)

A = np.column_stack([X, np.ones(n)])
slope, intercept = np.linalg.lstsq(A, y, rcond=None)[0]
least = np.mean((slope * X[:, 0] + intercept - y) ** 2)

# %%
# The learning rate
# -----------------
# Textbooks often use the mean squared error as the loss. Its gradient has a factor of
# 2: ``(2 / m) * sum((w * x + b - y) * x)``. In skgd and in scikit-learn, the loss
# 'squared_error' is half the square, so its gradient does not have this factor. A
# learning rate of 0.01 in such a textbook therefore corresponds to 0.02 here.


def make_model(**options):
    """A linear regression without penalty, by plain gradient descent."""
    return GDRegressor(
        penalty=None,
        optimizer="sgd",
        learning_rate="constant",
        learning_rate_init=0.02,
        standardize=False,
        tol=None,
        **options,
    )


def cost(model):
    """Mean squared error on all the data."""
    return np.mean((model.predict(X) - y) ** 2)


# %%
# Cost after each epoch
# ---------------------
# `fit` runs all epochs. `partial_fit` runs a single epoch and continues where the last
# one ended, so we can compute the cost after each epoch. (The attribute `loss_curve_`
# needs no extra computation, but it contains half the squared error, and the loss of
# each batch is measured before the update.)

epochs = 50


def train(**options):
    """The model, and its cost and line (slope, intercept) after each epoch."""
    model = make_model(random_state=0, **options)
    costs, lines = [], []
    for _ in range(epochs):
        model.partial_fit(X, y)
        costs.append(cost(model))
        lines.append((model.coef_[0], model.intercept_[0]))
    return model, np.array(costs), lines


solvers = {
    "batch (100)": {"solver": "batch"},
    "minibatch (16)": {"solver": "minibatch", "batch_size": 16},
    "sgd (1)": {"solver": "sgd"},
}
trained = {name: train(**options) for name, options in solvers.items()}

print(f"{'solver':16} {'updates':>7} {'slope':>7} {'intercept':>9} {'cost':>7}")
for (name, (_, costs, lines)), size in zip(trained.items(), (100, 16, 1), strict=True):
    updates = epochs * -(-n // size)  # the last batch of an epoch may be smaller
    a, b = lines[-1]
    print(f"{name:16} {updates:7} {a:7.3f} {b:9.3f} {costs[-1]:7.4f}")
print(f"{'least squares':16} {'':7} {slope:7.3f} {intercept:9.3f} {least:7.4f}")

# %%
# The batch size
# --------------
# The batch size is usually a power of two, and it has two effects. Small batches make
# more updates in each epoch, so the cost falls faster. To see this, we measure how far
# the cost is above the minimum after five epochs. On the other hand, the gradient of a
# small batch is only an estimate, so with a constant rate the line keeps moving. To see
# this, we start at the best line, make 4000 updates on random batches, and measure how
# far the cost is above the minimum on average. Here we use an optimizer directly,
# without an estimator.

sizes = 2 ** np.arange(7)


def wobble(size):
    """Mean excess of the cost over 4000 updates that start at the best line."""
    rng = np.random.default_rng(1)
    optimizer = SGD(learning_rate=0.02)
    line = np.array([slope, intercept])
    costs = []
    for _ in range(4000):
        rows = rng.choice(n, size, replace=False)
        gradient = A[rows].T @ (A[rows] @ line - y[rows]) / size
        optimizer.update(line, gradient)
        costs.append(np.mean((A @ line - y) ** 2))
    return np.mean(costs) - least


after_five = np.array(
    [train(solver="minibatch", batch_size=int(size))[1][4] - least for size in sizes]
)
wobbles = np.array([wobble(size) for size in sizes])

print(f"\n{'batch size':12}", *(f"{size:8}" for size in sizes))
print(f"{'after five':12}", *(f"{value:8.4f}" for value in after_five))
print(f"{'wobble':12}", *(f"{value:8.4f}" for value in wobbles))

# %%
# The picture
# -----------
# The colours are those of Okabe and Ito. The line styles distinguish the curves in
# print.

styles = [
    {"color": "#000000", "linestyle": "-"},
    {"color": "#D55E00", "linestyle": "--"},
    {"color": "#0072B2", "linestyle": "-."},
    {"color": "#009E73", "linestyle": ":"},
]
plt.rcParams.update({"font.size": 13, "axes.titlesize": 14, "lines.linewidth": 2.4})
figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
fit, fall, compare, batches = axes.ravel()
_, costs, lines = trained["minibatch (16)"]

fit.plot(X[:, 0], y, "o", color="0.7", markersize=5)
ends = np.array([0.0, 2.0])
for epoch, style in zip((1, 5, 50), (styles[3], styles[2], styles[1]), strict=True):
    a, b = lines[epoch - 1]
    label = f"{epoch} epoch{'s' if epoch > 1 else ''}"
    fit.plot(ends, a * ends + b, label=label, **style)
fit.plot(ends, slope * ends + intercept, label="least squares", **styles[0])
fit.set(title="Line of the mini-batches", xlabel="x", ylabel="y", ylim=(-3, 13.5))
fit.legend(fontsize=12, ncols=2, loc="lower right")

fall.plot(1 + np.arange(epochs), costs, label="mini-batches of 16", **styles[1])
fall.axhline(least, label="least squares", **styles[0] | {"linewidth": 1.5})
fall.set(title="Cost of the mini-batches", xlabel="epoch", ylabel="mean squared error")
fall.set_ylim(0, None)
fall.legend(fontsize=12)

for (name, (_, costs, _)), style in zip(trained.items(), styles, strict=False):
    compare.semilogy(1 + np.arange(epochs), costs - least, label=name, **style)
compare.set(
    title="Three solvers",
    xlabel="epoch",
    ylabel="cost above the least",
    ylim=(3e-5, 3e4),
)
compare.legend(fontsize=12)

batches.loglog(sizes, after_five, "o", label="after five epochs", **styles[0])
batches.loglog(sizes, wobbles, "s", label="wobble at the bottom", **styles[1])
batches.set(
    title="The batch size",
    xlabel="batch size",
    ylabel="cost above the least",
    xticks=sizes,
    xticklabels=sizes,
)
batches.minorticks_off()
batches.legend(fontsize=12)
for panel in axes.ravel():
    panel.grid(alpha=0.3)

if "__file__" in globals():
    default = Path(__file__).with_name("minibatch_regression.png")
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


def rises(name):
    """Number of epochs with a higher cost than the epoch before."""
    return np.sum(np.diff(trained[name][1]) > 0)


one = make_model(solver="batch", max_iter=1).fit(X, y)
step = -0.01 * 2 / n * A.T @ (A @ [0.0, 0.0] - y)
check(
    "a rate of 0.02 corresponds to 0.01 with the factor 2",
    np.allclose([one.coef_[0], one.intercept_[0]], step),
)
whole = make_model(**solvers["minibatch (16)"], max_iter=50, random_state=0).fit(X, y)
check(
    "one fit of 50 epochs equals 50 calls of partial_fit",
    np.array_equal(whole.coef_, trained["minibatch (16)"][0].coef_),
)
long = make_model(solver="batch", max_iter=10_000).fit(X, y)
check(
    "after 10,000 updates with all samples, the line is the least-squares line",
    np.allclose([long.coef_[0], long.intercept_[0]], [slope, intercept], atol=1e-6),
)
a, b = trained["minibatch (16)"][2][-1]
check(
    "the line after 50 epochs is within 0.5 of the best one for all x",
    np.abs((a - slope) * ends + b - intercept).max() < 0.5,
)
excess = {name: costs - least for name, (_, costs, _) in trained.items()}
start = np.mean(y**2) - least
middle = excess["minibatch (16)"]
check(
    "mini-batches make 98% of the progress in ten epochs and end within 6%",
    middle[9] < 0.02 * start and middle[-1] < 0.06 * least,
)
check(
    "batch is slower than mini-batches, which are slower than single samples",
    excess["batch (100)"][4] > 5 * middle[4] and middle[4] > 5 * excess["sgd (1)"][4],
)
check(
    "the cost never rises with batch, but in a third of the epochs with sgd",
    rises("batch (100)") == 0 and rises("sgd (1)") > epochs / 3,
)
check("it seldom rises with mini-batches", rises("minibatch (16)") < epochs / 5)
check(
    "with four times the batch, the cost after five epochs is 1.2 times as far off",
    np.all(after_five[2:] > 1.2 * after_five[:-2]),
)
check(
    "with four times the batch, the cost fluctuates less than half as much",
    np.all(wobbles[2:] < 0.5 * wobbles[:-2]),
)
