"""
===============================
A raw table, without a pipeline
===============================

`TabularRegressor` takes a raw table: text, dates, missing values and numbers of any
scale. This example predicts rents, says how sure the predictions are, and which columns
matter.

What to see:

- No column has to be prepared, and the score on the rows that the networks have held
  out is close to the score on new rows.
- The intervals (left) contain about 90% of the new rents.
- The importance of the columns (middle) is measured on held-out rows. The column
  without any effect has none.
- The shape function of the area (right) is what the networks make of it: a root. Flats
  whose area is not known are a separate point.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_raw_table.py [picture.png]``. It takes about 10
seconds.
"""

# %%
# Data
# ----
# The rent rises with the root of the area, is higher in one city and in the summer, and
# falls with the distance to the next station. Some areas are not known.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from skgd import TabularRegressor
from skgd.inspection import shape_function
from skgd.plotting import PermutationImportanceDisplay, ShapeFunctionDisplay

rng = np.random.default_rng(0)
n = 1500
X = pd.DataFrame(
    {
        "area": rng.uniform(15, 150, n),
        "city": rng.choice(["Bonn", "Kiel", "Ulm"], n),
        "from": np.datetime64("2022-01-01") + rng.integers(0, 1095, n),
        "metres to station": rng.lognormal(6, 1, n),
        "floor": rng.integers(0, 6, n),
    }
)
season = np.sin(2 * np.pi * (X["from"].dt.day_of_year - 80) / 365)
y = (
    110 * np.sqrt(X["area"])
    + 300 * (X["city"] == "Bonn")
    + 100 * season
    - 100 * np.log(X["metres to station"] / 400).clip(0)
    + rng.normal(0, 60, n)
).to_numpy()
X.loc[rng.uniform(size=n) < 0.05, "area"] = np.nan
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# Fit and predict
# ---------------

reg = TabularRegressor(random_state=0).fit(X_train, y_train)
score = reg.score(X_test, y_test)
print(f"R2 on held-out rows {reg.oob_score_:.3f}, on new rows {score:.3f}")
low, high = reg.predict_interval(X_test, coverage=0.9).T
covered = (low <= y_test) & (y_test <= high)
print(f"{covered.mean():.1%} of the new rents are in their interval")
importance = reg.permutation_importance(X_train, y_train, random_state=0)
shape = shape_function(reg, X_train, "area", random_state=0)

# %%
# Picture
# -------

figure, axes = plt.subplots(1, 3, figsize=(15, 4.4), layout="constrained")
left, middle, right = axes
rows = np.argsort(reg.predict(X_test))[::8]
left.vlines(range(len(rows)), low[rows], high[rows], color="tab:blue", alpha=0.4)
left.plot(y_test[rows], ".", color="black", label="rent")
left.set(xlabel="new flats, by their predicted rent", ylabel="rent")
left.set_title(f"90% intervals contain {covered.mean():.0%} of the new rents")
left.legend()
PermutationImportanceDisplay.from_importances(
    importance,
    X.columns,
    measure="rise of the loss if the column is shuffled",
    ax=middle,
)
middle.set_title("importance on held-out rows")
ShapeFunctionDisplay(shape).plot(ax=right, label="networks")
root = 110 * np.sqrt(shape.grid_values)
right.plot(
    shape.grid_values, root - 110 * np.sqrt(X["area"]).mean(), "--", label="true"
)
right.legend()
right.set_title("shape function of the area")
picture = sys.argv[1] if sys.argv[1:] else Path(__file__).with_suffix(".png")
figure.savefig(picture, dpi=100)

# %%
# The statements above, in numbers
# --------------------------------

mean = dict(zip(X, importance.importances_mean, strict=True))


def check(statement, holds):
    """Print a statement, or stop if it is not true."""
    if not holds:
        raise AssertionError(f"not true: {statement}")
    print(f"checked: {statement}")


check(
    "the score on held-out rows is close to that on new rows",
    score > 0.85 and abs(score - reg.oob_score_) < 0.05,
)
check("about 90% of the new rents are in their interval", 0.85 < covered.mean() < 0.95)
check(
    "the floor has no importance",
    mean["floor"] < 0.05 * min(mean[name] for name in ("area", "city", "from")),
)
check(
    "the shape function of the area is a root",
    np.corrcoef(shape.effects[:, 0], root)[0, 1] > 0.99,
)
