"""
========================================
A mixed table, from raw data to a report
========================================

The table contains the monthly rents of 4,000 flats, with text, categories, a date,
booleans, and numbers with missing values. A pipeline converts them to numbers, and a
random search chooses the dropout, the penalty and the optimizer of a network. A report
then shows how good the predictions are, for which flats, and which columns matter. The
table is generated with a fixed seed, so that nothing has to be downloaded and the true
relation is known.

What to see:

- If you pass the raw table to an estimator, the error message names the columns that
  are not numbers and shows the pipeline that this example uses.
- The network predicts the rents of new flats better than a ridge regression and
  gradient boosted trees, whose parameters are searched on the same folds. Its error is
  at most a third above the error due to noise, which no model can predict.
- The final training loss is higher than the loss on the validation flats, because it
  includes the penalty.
- The columns that matter for the network are those from which the rents were generated.
  The house number does not matter, and the number of rooms hardly matters, since the
  network knows the area.
- With the quantile loss, the same network predicts an interval. It contains at least
  80% of the new rents. It is wider for expensive flats, whose rents vary more.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_mixed_table.py [picture.png]``. It needs pandas, and
takes about 10 seconds.
"""

# %%
# The table
# ---------
# The price per square metre depends on the district and on the distance from the
# centre. Old and new houses are expensive, and houses of medium age are cheap. Upper
# floors are expensive in a house with a lift and cheap in a house without one. The
# noise is proportional to the rent. The year of construction is missing in one of eight
# rows, and most often for old houses.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import KFold, RandomizedSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from skgd import MLPGDRegressor
from skgd.losses import Quantile
from skgd.plotting import LossCurveDisplay
from skgd.preprocessing import DatetimeEncoder

SEED, NOISE = 0, 0.08
DISTRICTS = {
    "Harbour": 0.15,
    "Old town": 0.25,
    "University": 0.1,
    "Park": 0.2,
    "Station": -0.05,
    "Mill": -0.1,
    "Hills": 0.1,
    "Works": -0.2,
}
HEATING = {"district": 0.0, "gas": -0.03, "heat pump": 0.05, "oil": -0.08}


def make_flats(n, rng):
    """A table of flats, their rents, and the rents without noise."""
    area = rng.gamma(9, 8, n).clip(20, 180)
    built = rng.choice([1905, 1935, 1965, 1990, 2012], n, p=[0.25, 0.1, 0.3, 0.2, 0.15])
    flats = pd.DataFrame(
        {
            "district": rng.choice(list(DISTRICTS), n),
            "heating": pd.Categorical(
                rng.choice(list(HEATING), n, p=[0.3, 0.4, 0.1, 0.2])
            ),
            "area": area.round(1),
            "rooms": (area / 27 + rng.normal(0, 0.6, n)).clip(1).round(),
            "floor": rng.integers(0, 8, n),
            "lift": rng.random(n) < 0.5,
            "built": (built + rng.integers(-12, 12, n)).astype(float),
            "centre_km": rng.gamma(3, 1.5, n).round(2),
            "listed": pd.Timestamp("2021-01-01")
            + pd.to_timedelta(rng.integers(0, 4 * 365, n), "D"),
            "number": rng.integers(1, 200, n),
        }
    )
    upstairs = flats["floor"] * np.where(flats["lift"], 0.015, -0.02)
    log_rate = (
        np.log(14.0)
        + flats["district"].map(DISTRICTS).to_numpy()
        + flats["heating"].map(HEATING).astype(float)
        + 0.35 * np.exp(-flats["centre_km"] / 3)
        + 0.2 * ((flats["built"] - 1965) / 50) ** 2
        + upstairs
        + 4.0 / flats["area"]
        + 0.04 * (flats["listed"] - pd.Timestamp("2021-01-01")).dt.days / 365
    )
    expected = flats["area"] * np.exp(log_rate)
    rent = expected * np.exp(rng.normal(0, NOISE, n))
    old = flats["built"] < 1925
    flats.loc[rng.random(n) < np.where(old, 0.25, 0.08), "built"] = np.nan
    flats.loc[rng.random(n) < 0.05, "rooms"] = np.nan
    return flats, rent.round().to_numpy(), expected.to_numpy()


flats, rent, expected = make_flats(4000, np.random.default_rng(SEED))
X_train, X_test, y_train, y_test, _, expected_test = train_test_split(
    flats, rent, expected, test_size=0.25, random_state=SEED
)
print(flats.head(3).to_string(), "\n")

# %%
# The error message for the raw table
# -----------------------------------
# The message proposes the pipeline that is used below.

try:
    MLPGDRegressor().fit(X_train, y_train)
except ValueError as error:
    message = str(error)
    print(message, "\n")

# %%
# Pipelines
# ---------
# Missing values are replaced by the median, and an additional column marks them. The
# network does not need a scaler: with ``standardize=True``, it is trained on
# standardised features and targets and predicts rents in euros. The ridge regression
# needs a scaler.

preprocess = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), ["district", "heating"]),
    (DatetimeEncoder(), ["listed"]),
    remainder=SimpleImputer(strategy="median", add_indicator=True),
)
network = MLPGDRegressor(
    hidden_layer_sizes=(32, 32),
    activation="silu",
    optimizer="adam",
    learning_rate="auto",
    learning_rate_init=0.003,
    batch_size=64,
    standardize=True,
    early_stopping=True,
    max_iter=200,
    tol=1e-4,
    n_iter_no_change=10,
    random_state=SEED,
)
trees = HistGradientBoostingRegressor(max_iter=200, random_state=SEED)
models = {
    "ridge regression": (
        make_pipeline(preprocess, StandardScaler(), Ridge()),
        {"ridge__alpha": [0.1, 1.0, 10.0, 100.0, 1000.0]},
    ),
    "boosted trees": (
        make_pipeline(preprocess, trees),
        {
            "histgradientboostingregressor__learning_rate": [0.05, 0.1, 0.2],
            "histgradientboostingregressor__max_leaf_nodes": [5, 7, 15],
            "histgradientboostingregressor__l2_regularization": [0.0, 1.0],
        },
    ),
    "network": (
        make_pipeline(preprocess, network),
        {
            "mlpgdregressor__dropout": [0.0, 0.05, 0.1],
            "mlpgdregressor__alpha": ["auto", 0.01, 0.1],
            "mlpgdregressor__optimizer__beta_1": [0.8, 0.9, 0.95],
        },
    ),
}

# %%
# A search for each
# -----------------
# Each search tries five random candidates on three folds and compares their mean
# absolute errors in euros. All models use one thread.

folds = KFold(3, shuffle=True, random_state=SEED)
fitted, predicted = {}, {}
print(f"{'':17} {'error, EUR':>10} {'R2':>6}  chosen")
for name, (pipeline, candidates) in models.items():
    search = RandomizedSearchCV(
        pipeline,
        candidates,
        n_iter=5,
        cv=folds,
        scoring="neg_mean_absolute_error",
        random_state=SEED,
    )
    with threadpool_limits(1):
        search.fit(X_train, y_train)
        predicted[name] = search.predict(X_test)
    fitted[name] = search.best_estimator_
    chosen = ", ".join(
        f"{key.split('__', 1)[1]}={value}" for key, value in search.best_params_.items()
    )
    print(
        f"{name:17} {mean_absolute_error(y_test, predicted[name]):10.1f} "
        f"{r2_score(y_test, predicted[name]):6.3f}  {chosen}"
    )
error = {name: mean_absolute_error(y_test, y) for name, y in predicted.items()}
least = mean_absolute_error(y_test, expected_test)
print(f"{'noise alone':17} {least:10.1f} {r2_score(y_test, expected_test):6.3f}\n")

# %%
# Which columns matter
# --------------------
# The importance of a column is the growth of the error when this column of the raw
# table is shuffled. Since the whole pipeline is evaluated, a column of text has a
# single importance.

found = permutation_importance(
    fitted["network"],
    X_test,
    y_test,
    scoring="neg_mean_absolute_error",
    n_repeats=5,
    random_state=SEED,
)
importance = dict(zip(X_test.columns, found.importances_mean, strict=True))
spread = dict(zip(X_test.columns, found.importances_std, strict=True))
order = sorted(importance, key=importance.get)

# %%
# An interval for each flat
# -------------------------
# We use the best pipeline of the search with another loss, which predicts three
# quantiles at once.

intervals = clone(fitted["network"])
intervals.set_params(mlpgdregressor__loss=Quantile([0.1, 0.5, 0.9]))
intervals.fit(X_train, y_train)
low, middle, high = intervals.predict(X_test).T
inside = (low <= y_test) & (y_test <= high)

# %%
# The report
# ----------
# The report shows error and coverage for each district and for each third of the
# predicted rents.

report = pd.DataFrame(
    {
        "district": X_test["district"].to_numpy(),
        "rent": pd.qcut(middle, 3, labels=["cheap", "medium", "expensive"]),
        "trees": np.abs(predicted["boosted trees"] - y_test),
        "network": np.abs(predicted["network"] - y_test),
        "width": high - low,
        "inside": 100 * inside,
    }
)
columns = {
    "flats": ("network", "size"),
    "error of trees, EUR": ("trees", "mean"),
    "of network, EUR": ("network", "mean"),
    "interval, EUR": ("width", "mean"),
    "rents inside, %": ("inside", "mean"),
}
by_what = ["district", "rent"]
by = {key: report.groupby(key, observed=True).agg(**columns) for key in by_what}
for table in by.values():
    print(table.round().astype(int).to_string(), "\n")

# %%
# The picture
# -----------

BLACK, GREY, ORANGE, BLUE = "#000000", "#999999", "#D55E00", "#0072B2"
plt.rcParams.update({"font.size": 13, "axes.titlesize": 14, "lines.linewidth": 2.4})
figure, axes = plt.subplots(2, 2, figsize=(13, 10), layout="constrained")
figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
(error_axes, loss_axes), (importance_axes, interval_axes) = axes

bars = error_axes.barh(
    list(error), error.values(), color=[GREY, ORANGE, BLUE], height=0.6
)
error_axes.bar_label(bars, fmt="%.0f €", padding=5)
error_axes.axvline(least, color=BLACK, linestyle="--")
error_axes.annotate(
    f"noise alone: {least:.0f} €", (least, 2.62), (8, 0), textcoords="offset points"
)
error_axes.set(
    title=f"Error on {len(y_test):,} new flats",
    xlabel="mean absolute error (€ a month)",
    xlim=(0, 1.17 * max(error.values())),
    ylim=(-0.5, 2.9),
)

LossCurveDisplay.from_estimator(
    fitted["network"][-1], ax=loss_axes, log=True, smooth=False, name="network"
)
ticks = [15_000, 20_000, 30_000, 50_000, 100_000]
loss_axes.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
loss_axes.set_yticks([], minor=True)
loss_axes.set(
    title="Loss of the network (training: with penalty)",
    ylabel="half the squared error (€²)",
)

importance_axes.barh(
    order,
    [importance[name] for name in order],
    xerr=[spread[name] for name in order],
    color=BLUE,
    height=0.6,
    error_kw={"elinewidth": 2, "capsize": 3},
)
importance_axes.set(
    title="Importance of the columns",
    xlabel="additional error if the column is shuffled (€ a month)",
)

# the mean interval of 40 flats with similar rents at a time
groups = np.array_split(np.argsort(middle), 25)
centres, lows, highs = (
    np.array([values[rows].mean() for rows in groups])
    for values in (middle, low - middle, high - middle)
)
interval_axes.fill_between(
    centres, lows, highs, color=BLACK, alpha=0.15, label="mean interval"
)
for rows, marker, color, label in (
    (inside, "o", BLUE, "inside its interval"),
    (~inside, "x", ORANGE, "outside"),
):
    interval_axes.scatter(
        middle[rows],
        (y_test - middle)[rows],
        s=22,
        marker=marker,
        color=color,
        alpha=0.5,
        linewidth=1.5 if marker == "x" else 0,
        label=label,
    )
interval_axes.axhline(0, color=BLACK, linewidth=1.5)
most = 1.1 * np.abs(y_test - middle).max()
interval_axes.set(
    title=f"80% intervals contain {inside.mean():.0%} of these rents",
    xlabel="predicted median rent (€ a month)",
    ylabel="rent minus predicted median (€ a month)",
    ylim=(-most, most),
)
interval_axes.legend(loc="lower left")
for ax in (error_axes, importance_axes, interval_axes):
    ax.grid(axis="both" if ax is interval_axes else "x", alpha=0.3)
    ax.set_axisbelow(True)

if "__file__" in globals():
    default = Path(__file__).with_name("mixed_table.png")
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    figure.savefig(picture, dpi=100)
    print(f"Picture: {picture}")

# %%
# Check
# -----


def check(statement, holds):
    """Print a statement, or raise where it does not hold."""
    if not holds:
        raise AssertionError(f"not true: {statement}")
    print(f"checked: {statement}")


check(
    "the error message names the columns and shows the pipeline",
    "categories: 'district', 'heating'" in message
    and "dates: 'listed'" in message
    and "gaps (NaN): 'rooms', 'built'" in message
    and "make_column_transformer(" in message,
)
check(
    "the error of the network is at least 4% less than that of the trees",
    error["network"] < 0.96 * error["boosted trees"],
)
check(
    "and at least 30% less than that of the ridge regression",
    error["network"] < 0.7 * error["ridge regression"],
)
check(
    "its error is at most a third above that of the noise alone",
    least < error["network"] < 1.33 * least,
)
check(
    "in each third of the rents, its error is less than that of the trees",
    (by["rent"]["of network, EUR"] < by["rent"]["error of trees, EUR"]).all(),
)
half_squares = 0.5 * np.mean((fitted["network"].predict(X_train) - y_train) ** 2)
model = fitted["network"][-1]
check(
    "without the penalty, the training loss is below the validation loss",
    half_squares < min(model.validation_loss_curve_) < model.loss_curve_[-1],
)
check(
    "area, district and year matter most, in this order",
    order[:-4:-1] == ["area", "district", "built"],
)
check(
    "each column that affects the rents adds more than 10 euros to the error",
    min(importance[name] for name in order if name not in ("rooms", "number")) > 10,
)
check(
    "the house number adds less than 2 euros, the number of rooms less than 5",
    abs(importance["number"]) < 2 and abs(importance["rooms"]) < 5,
)
# (over eight seeds of the network: mean 0.844, standard deviation 0.009)
check(
    "the intervals contain 80% to 88% of the new rents",
    0.80 <= inside.mean() <= 0.88,
)
check(
    "and 70% to 90% of the cheap, the medium and the expensive ones",
    by["rent"]["rents inside, %"].between(70, 90).all(),
)
width = by["rent"]["interval, EUR"]
check(
    "they are more than 1.5 times as wide for expensive flats as for cheap ones",
    width["expensive"] > 1.5 * width["cheap"],
)
