"""
===============================================
Regularisation: what it does to the weights
===============================================

A small network learns to distinguish two clouds of points: without regularisation, with
an L2 penalty, with an L1 penalty, and with dropout.

What to see:

- Without regularisation, the training loss falls during all 2000 iterations, and the
  weights keep growing. Larger weights only make the network more certain of the same
  answers.
- With L2, the weights of both layers are smaller and soon stop growing. In return, the
  training loss is higher.
- With L1, the weights are smaller too, and about a third of them or more become exactly
  zero. L2 and dropout do not make any weight zero.
- Dropout makes the training loss noisy. It makes the weights larger and not smaller.
- All four networks classify almost all new points correctly. On such an easy problem,
  regularisation cannot improve the result, but its effects are easy to see.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_regularisation.py [picture.png]``. It takes about
4 seconds.
"""

# %%
# Data
# ----
# There are 40 points around (-1, -1) and (1, 1), with a standard deviation of 0.5, and
# 2000 new points for the test.

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
# Textbooks often write the L2 penalty as :math:`\frac{\lambda}{2n} \sum w^2`, where n
# is the number of samples. `alpha` equals this :math:`\lambda`, because skgd divides it
# by the number of samples in a batch, and here a batch contains all samples. The L1
# penalty is :math:`\frac{\alpha}{n} \sum |w|`. Intercepts are never penalised.
#
# With ``solver="batch"``, an iteration is one update with all samples. With
# ``warm_start=True``, each call of `fit` adds ten iterations, so that we can record the
# norm of the weights. ``tol=None`` makes sure that all ten are run. In each update,
# dropout sets 30% of the hidden units to zero, chosen at random. Predictions use all
# units.

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
# The loss with L2 or L1 includes the penalty, since this sum is minimised.

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
    """Relative growth of the norm in the second half."""
    return norms[name][-1] / norms[name][99] - 1


loss = {name: np.array(model.loss_curve_) for name, model in models.items()}
check(
    "without regularisation, the loss falls in each iteration",
    np.all(np.diff(loss["none"]) < 0),
)
check(
    "and the weights grow by more than 4% in the second half",
    growth("none") > 0.04,
)
check(
    "with L2, they shrink or grow by less than a third of this",
    growth("L2") < growth("none") / 3,
)
layers = {
    name: np.array([np.linalg.norm(layer) for layer in model.coefs_])
    for name, model in models.items()
}
check(
    "with L2, the norm of each layer is at least 10% smaller",
    np.all(layers["L2"] < 0.9 * layers["none"]),
)
check(
    "with L2 and L1, the final training loss is higher",
    min(loss["L2"][-1], loss["L1"][-1]) > 2 * loss["none"][-1],
)
check("with L1, the norm is smaller too", norms["L1"][-1] < 0.9 * norms["none"][-1])
check("L1 makes at least a third of the weights zero", n_zeros["L1"] >= 20)
check(
    "the others do not make any weight zero",
    max(n_zeros[name] for name in ("none", "L2", "dropout")) == 0,
)
check(
    "with dropout, the loss rises in at least a quarter of the iterations",
    np.mean(np.diff(loss["dropout"]) > 0) > 0.25,
)
check("dropout makes the weights larger", norms["dropout"][-1] > norms["none"][-1])
check(
    "all four classify at least 98% of the new points correctly",
    min(accuracy.values()) >= 0.98,
)
