"""
===============================================
Select features, whatever their units are
===============================================

scikit-learn's `RFE` and `SelectFromModel` rank features by the absolute value of
`coef_`. A coefficient depends on the unit of its column, so a raw table is ranked by
its units. `standardized_coef_` is each coefficient times the standard deviation of its
column, which does not depend on units.

What to see:

- By `coef_`, the ranking of the ten columns changes when some of them are converted to
  other units, although the model makes the same predictions.
- By `standardized_coef_`, the ranking is the same in both units.
- `RFE` with ``importance_getter="standardized_coef_"`` selects columns that predict
  much better.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_feature_selection.py [picture.png]``. It takes about
3 seconds.
"""

# %%
# Data
# ----
# Ten measurements of patients. In other units, two of the columns are divided by
# 1000, and the two columns that RFE selects are multiplied by 1000.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.feature_selection import RFE
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skgd import GDRegressor

X, y = load_diabetes(return_X_y=True, as_frame=True)
other_units = X.copy()
other_units[["age", "s3"]] /= 1000
other_units[["bmi", "s5"]] *= 1000

# %%
# Coefficients
# ------------

tables = {"original units": X, "other units": other_units}
frames = {
    name: GDRegressor(random_state=0).fit(data, y).coef_frame()
    for name, data in tables.items()
}
for name, frame in frames.items():
    print(f"{name}\n{frame.round(3)}\n")

# %%
# Selection
# ---------
# Two of the ten columns are selected within each fold of a cross-validation.

scores = {}
for getter in ("coef_", "standardized_coef_"):
    rfe = RFE(GDRegressor(), n_features_to_select=2, importance_getter=getter)
    model = make_pipeline(rfe, GDRegressor())
    for name, data in tables.items():
        scores[getter, name] = cross_val_score(model, data, y).mean()
        chosen = ", ".join(rfe.fit(data, y).get_feature_names_out())
        print(f"{getter:20}{name:16}{chosen:12}R2 {scores[getter, name]:.3f}")

# %%
# The picture
# -----------

plt.rcParams.update({"font.size": 13, "axes.titlesize": 14})
figure, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
places = np.arange(X.shape[1])
for ax, column in zip(axes, ("coef", "standardized_coef"), strict=True):
    for shift, (name, frame) in zip((-0.2, 0.2), frames.items(), strict=True):
        ax.barh(places + shift, frame[column].abs(), height=0.4, label=name)
    ax.set_yticks(places, X.columns)
    ax.invert_yaxis()
    ax.grid(axis="x", alpha=0.3)
    ax.set(title=f"|{column}_|", xscale="log")
axes[0].legend()

if "__file__" in globals():
    default = Path(__file__).with_name("feature_selection.png")
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


def ranking(name, column):
    return list(frames[name][column].abs().sort_values().index)


check(
    "by the coefficients, the units determine the ranking",
    ranking("original units", "coef") != ranking("other units", "coef"),
)
check(
    "by the standardised coefficients, they do not",
    ranking("original units", "standardized_coef")
    == ranking("other units", "standardized_coef"),
)
check(
    "two columns that are selected by standardised coefficients have an R2 above 0.4",
    min(scores["standardized_coef_", name] for name in tables) > 0.4,
)
check(
    "in other units, two columns that are selected by coefficients have one below 0.2",
    scores["coef_", "other units"] < 0.2,
)
