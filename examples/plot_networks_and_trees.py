"""
===============================
A network against boosted trees
===============================

Are boosted trees always the best choice for a table? On the diabetes data, with ten
columns and 442 patients, this example compares the networks of `TabularRegressor` with
boosted trees and a linear model, and shows where the difference comes from.

What to see:

- Left: over five folds, the networks explain half of the variance, the trees with their
  defaults clearly less. Trees with smaller steps, chosen with a look at the same folds,
  come closer. A linear model is good as well: the relation is almost linear.
- Middle: what two of the models make of the body mass index. The trees see a staircase
  that goes up and down. The networks see a smooth curve that rises.
- Right: a mean of both is hardly better than the networks alone. `TabularRegressor`
  decides this by held-out rows, and here it gives the trees no share.

This is one small and smooth table. :doc:`/tabular` compares 25 tables, and says when
trees are the better choice. They are also much faster.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_networks_and_trees.py [picture.png]``. It needs
pandas, and takes about 15 seconds.
"""

# %%
# The table
# ---------
# The measurements are in their own units, and the sex is a category.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.inspection import partial_dependence
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skgd import TabularRegressor
from skgd.inspection import shape_function

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X["sex"] = X["sex"].map({1: "first", 2: "second"}).astype("category")
print(X.head())

# %%
# Four models
# -----------
# Only the linear model needs a pipeline. Each prediction is for a patient whom the
# model has not seen.

models = {
    "networks": TabularRegressor(random_state=0),
    "trees": HistGradientBoostingRegressor(random_state=0),
    "trees, small steps": HistGradientBoostingRegressor(
        learning_rate=0.05, max_leaf_nodes=7, max_iter=60, random_state=0
    ),
    "linear": make_pipeline(
        make_column_transformer((OneHotEncoder(), ["sex"]), remainder=StandardScaler()),
        Ridge(),
    ),
}
folds = list(KFold(5, shuffle=True, random_state=0).split(X))
predicted = {
    name: cross_val_predict(model, X, y, cv=folds) for name, model in models.items()
}
scores = {name: r2_score(y, values) for name, values in predicted.items()}
by_fold = {
    name: [r2_score(y[rows], values[rows]) for _, rows in folds]
    for name, values in predicted.items()
}
for name, score in scores.items():
    print(f"{name:20} R2 {score:.3f}")

# %%
# What they make of the body mass index
# -------------------------------------
# The shape function is the mean prediction as a function of one column, minus its mean.

reg = models["networks"].fit(X, y)
shape = shape_function(reg, X, "bmi", random_state=0)
trees = models["trees"].fit(X, y)
steps = partial_dependence(trees, X, ["bmi"], grid_resolution=200)
bmi, effect = steps["grid_values"][0], steps["average"][0]
print(f"share of the trees in TabularRegressor: {reg.tree_share_}")

# %%
# A mean of both
# --------------

shares = np.linspace(0, 1, 21)
mixed = [
    r2_score(y, (1 - s) * predicted["networks"] + s * predicted["trees, small steps"])
    for s in shares
]

# %%
# The picture
# -----------

figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(13, 4), layout="constrained"
)
for place, (name, values) in enumerate(by_fold.items()):
    left.plot(values, [place] * len(values), "o", color="0.7")
    left.plot(scores[name], place, "D", color=f"C{place}", markersize=10)
left.set_yticks(range(len(models)), models)
left.invert_yaxis()
left.set(xlabel="R2 on new patients (grey: one fold)", title="Four models")
middle.plot(shape.grid_values, shape.effects[:, 0], label="networks")
middle.plot(bmi, effect - effect.mean(), label="trees")
middle.set(xlabel="body mass index", ylabel="effect on the prediction")
middle.set_title("A curve and a staircase")
middle.legend()
right.plot(shares, mixed)
right.set(xlabel="share of the trees (small steps)", ylabel="R2 on new patients")
right.set_title("A mean of both")
picture = sys.argv[1] if sys.argv[1:] else Path(__file__).with_suffix(".png")
figure.savefig(picture, dpi=100)

# %%
# The statements above, in numbers
# --------------------------------


def check(statement, holds):
    """Print a statement, or stop if it is not true."""
    if not holds:
        raise AssertionError(f"not true: {statement}")
    print(f"checked: {statement}")


check(
    "the networks explain about half of the variance",
    0.46 < scores["networks"] < 0.54,
)
check(
    "the trees with their defaults explain less, by 0.05 or more",
    scores["trees"] < scores["networks"] - 0.05,
)
check(
    "trees with smaller steps come closer",
    scores["trees"] < scores["trees, small steps"] < scores["networks"],
)
check("a linear model is good, too", scores["linear"] > scores["trees"] + 0.03)
turns = {
    "networks": np.abs(np.diff(shape.effects[:, 0], 2)).sum(),
    "trees": np.abs(np.diff(effect, 2)).sum(),
}
check("the trees see a staircase", turns["trees"] > 5 * turns["networks"])
check(
    "a mean of both is better by less than 0.02",
    max(mixed) < scores["networks"] + 0.02,
)
