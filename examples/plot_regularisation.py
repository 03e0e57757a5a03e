"""
===============================================
Regularisation: what it does to the weights
===============================================

A small network learns to tell two clouds of points apart, without regularisation,
with an L2 penalty, with an L1 penalty, and with dropout.

What to see:

- Without regularisation the training loss goes on falling for all 2000 iterations,
  and the weights go on growing: larger weights make the network ever more certain of
  the same answers.
- With L2 the weights are smaller, in both layers, and soon stop growing. The training
  loss stays higher. That is the price.
- L1 does the same in another way: about a third of the weights or more become exactly
  zero. L2 and dropout make none.
- Dropout makes the training loss noisy, and it does not make the weights smaller, but
  larger.
- Here all four are right on almost all new points. On so easy a problem there is
  nothing to win, but one sees what each of them does.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_regularisation.py [picture.png]``. It takes about
4 seconds.
"""

# %%
# Data
# ----
# 40 points around (-1, -1) and (1, 1), with a standard deviation of 0.5, and many new
# ones for the test.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skgd import MLPGDClassifier
from skgd.plotting import LossCurveDisplay, WeightsDisplay


def two_clouds(n, rng):
    X = np.vstack([rng.normal(-1, 0.5, (n, 2)), rng.normal(1, 0.5, (n, 2))])
    return X, np.repeat([0, 1], n)


SEED = 0
rng = np.random.default_rng(SEED)
X, y = two_clouds(20, rng)
X_test, y_test = two_clouds(1000, rng)

# %%
# Four networks
# -------------
# Textbooks often write the L2 penalty as :math:`\frac{\lambda}{2n} \sum w^2`, with n
# the number of samples. `alpha` is that :math:`\lambda`, the same number: skgd
# divides it by the number of samples of a batch, and here the batch is all samples.
# The L1 penalty is :math:`\frac{\alpha}{n} \sum |w|`. Intercepts are never penalised.
#
# ``solver="batch"`` makes one update from all samples, an iteration. With
# ``warm_start=True`` each call of `fit` goes on with ten more of them: so the norm of
# the weights can be followed. ``tol=None`` makes all ten. Dropout sets 30% of the
# hidden units to zero, others in each update. At prediction all units are there.

settings = {
    "none": {"alpha": 0.0},
    "L2": {"penalty": "l2", "alpha": 0.1},
    "L1": {"penalty": "l1", "alpha": 0.1},
    "dropout": {"alpha": 0.0, "dropout": 0.3},
}


def all_weights(model):
    return np.concatenate([layer.ravel() for layer in model.coefs_])


models, norms = {}, {}
for name, setting in settings.items():
    models[name] = MLPGDClassifier(
        hidden_layer_sizes=20,
        weight_init="glorot",
        solver="batch",
        optimizer="sgd",
        learning_rate_init=0.1,
        max_iter=10,
        tol=None,
        warm_start=True,
        random_state=SEED,
        **setting,
    )
    norms[name] = []
    for _ in range(200):
        models[name].fit(X, y)
        norms[name].append(np.linalg.norm(all_weights(models[name])))

print(f"{'':8} {'loss':>7} {'norm':>6} {'zeros of 60':>12} {'test accuracy':>14}")
n_zeros, accuracy = {}, {}
for name, model in models.items():
    n_zeros[name] = np.sum(all_weights(model) == 0)
    accuracy[name] = model.score(X_test, y_test)
    print(
        f"{name:8} {model.loss_:7.4f} {norms[name][-1]:6.3f} {n_zeros[name]:12} "
        f"{accuracy[name]:14.4f}"
    )

# %%
# The picture
# -----------
# The loss with L2 or L1 has the penalty in it: it is what is minimised.

plt.rcParams.update({"font.size": 13, "axes.titlesize": 14})
figure, axes = plt.subplots(2, 2, figsize=(12, 9), layout="constrained")
loss_axes, norm_axes, *weight_axes = axes.ravel()
LossCurveDisplay.from_estimators(models, ax=loss_axes, log=True)
# room for the legend
loss_axes.set(title="Training loss", ylim=(2e-5, 1.5))
handles = loss_axes.get_legend().legend_handles
loss_axes.legend(handles=handles, loc="lower left", ncols=2)

for handle, (name, curve) in zip(handles, norms.items(), strict=False):
    norm_axes.plot(
        np.arange(10, 2001, 10),
        curve,
        label=name,
        color=handle.get_color(),
        marker=handle.get_marker(),
        markevery=25,
        markersize=7,
        linewidth=2.4,
    )
norm_axes.set(title="All weights", xlabel="epoch", ylabel="L2 norm of the weights")
norm_axes.legend()
norm_axes.grid(alpha=0.3)

WeightsDisplay.from_estimators(models, ax=weight_axes, bins=20)
weight_axes[0].set_title("Weights at the end")
weight_axes[1].set(title="Norms at the end", ylim=(0, 4.7))
weight_axes[1].legend(ncols=2, loc="upper left")

if "__file__" in globals():
    default = Path(__file__).with_name("regularisation.png")
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


def growth(name):
    """By how much the norm grows in the last half, as a share."""
    return norms[name][-1] / norms[name][99] - 1


loss = {name: np.array(model.loss_curve_) for name, model in models.items()}
check(
    "without regularisation the loss falls in each iteration",
    np.all(np.diff(loss["none"]) < 0),
)
check(
    "and the weights grow in the last half, by more than 4%",
    growth("none") > 0.04,
)
check(
    "with L2 they shrink, or grow by less than a third of that",
    growth("L2") < growth("none") / 3,
)
layers = {
    name: np.array([np.linalg.norm(layer) for layer in model.coefs_])
    for name, model in models.items()
}
check(
    "with L2 the norm of each layer is at least 10% smaller",
    np.all(layers["L2"] < 0.9 * layers["none"]),
)
check(
    "with L2 and L1 the training loss ends higher",
    min(loss["L2"][-1], loss["L1"][-1]) > 2 * loss["none"][-1],
)
check("with L1 the norm is smaller, too", norms["L1"][-1] < 0.9 * norms["none"][-1])
check("L1 makes at least a third of the weights zero", n_zeros["L1"] >= 20)
check(
    "the others make none",
    max(n_zeros[name] for name in ("none", "L2", "dropout")) == 0,
)
check(
    "with dropout the loss goes up in at least a quarter of the iterations",
    np.mean(np.diff(loss["dropout"]) > 0) > 0.25,
)
check("dropout makes the weights larger", norms["dropout"][-1] > norms["none"][-1])
check(
    "all four are right on 98% of the new points or more",
    min(accuracy.values()) >= 0.98,
)
