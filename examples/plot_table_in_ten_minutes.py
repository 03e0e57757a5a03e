"""
======================
A table in ten minutes
======================

This tutorial goes from a raw data frame to a model, a report and a file. A telephone
company wants to know which customers are about to leave. Its table has categories, a
date, prices as text, gaps and a column that means nothing.

You will see how to

- fit the table as it is, and read the estimate of the accuracy that comes with it,
- check on new customers that the probabilities can be trusted,
- ask which columns matter and in which way,
- save the model and load it again.

Run it with ``python examples/plot_table_in_ten_minutes.py [picture.png]``. It needs
pandas, and takes about 10 seconds.
"""

# %%
# The table
# ---------
# The customers are generated with a fixed seed. Those who call the service often are
# about to leave, and so are the young and the old, and those who use little data.
# Families stay. Whatever else is in the table has no influence, and a part of the
# decision is chance.

import sys
import tempfile
import warnings
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.calibration import calibration_curve
from sklearn.metrics import classification_report, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split

from skgd import TabularClassifier
from skgd.plotting import PermutationImportanceDisplay, ShapeFunctionDisplay

rng = np.random.default_rng(0)
n = 2000
X = pd.DataFrame(
    {
        "plan": rng.choice(["basic", "family", "pro"], n, p=[0.5, 0.3, 0.2]),
        "joined": np.datetime64("2021-01-01") + rng.integers(0, 1000, n),
        "age": rng.normal(45, 15, n).clip(18, 90).round(),
        "fee": rng.choice(["9.90", "19.90", "29.90"], n),
        "calls": rng.poisson(2, n),
        "gigabytes": rng.lognormal(2, 1, n).round(1),
        "customer": [f"C-{number:05d}" for number in rng.permutation(n)],
    }
)
risk = (
    0.6 * (X["calls"] - 2)
    - 0.8 * np.log((X["gigabytes"] + 0.1) / 7)
    + ((X["age"] - 50) / 18) ** 2
    - 1.2 * (X["plan"] == "family")
    - 1.2
)
truth = 1 / (1 + np.exp(-risk / 0.7))
y = np.where(rng.uniform(size=n) < truth, "leaves", "stays")
X.loc[rng.uniform(size=n) < 0.15, "age"] = np.nan
print(X.head())
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)

# %%
# Fit
# ---
# There is nothing to prepare. The estimator encodes the columns, trains networks and
# boosted trees on different parts of the rows, and chooses its settings by the rows
# that each of them has not seen. It warns that it ignores the numbers of the customers.

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    clf = TabularClassifier(random_state=0).fit(X_train, y_train)
for warning in caught:
    print(warning.message)

# %%
# `oob_score_` is the accuracy on rows that a network has not seen, so there is an
# honest estimate before the test set is touched.

test_score = clf.score(X_test, y_test)
print(f"accuracy estimated in the fit: {clf.oob_score_:.3f}")
print(f"accuracy on new customers:     {test_score:.3f}")

# %%
# The report
# ----------
# The classes have different sizes, so we look at both. The log loss and the area under
# the ROC curve judge the probabilities. On average, no model has a lower log loss than
# the true probabilities, which we know here, and knowing nothing means to predict the
# share of those who leave for everybody.

leaves = list(clf.classes_).index("leaves")
probability = clf.predict_proba(X_test)[:, leaves]
is_leaving = y_test == "leaves"
truth_test = truth[X_test.index]
loss, best = log_loss(is_leaving, probability), log_loss(is_leaving, truth_test)
nothing = log_loss(is_leaving, np.full(len(y_test), np.mean(y_train == "leaves")))
print(classification_report(y_test, clf.predict(X_test)))
print(f"area under the ROC curve: {roc_auc_score(is_leaving, probability):.3f}")
print(f"log loss {loss:.3f}, knowing nothing {nothing:.3f}, all {best:.3f}")

# %%
# Which columns matter?
# ---------------------
# The importance of a column is by how much the log loss of held-out rows rises if the
# column is shuffled.

found = clf.permutation_importance(X_train, y_train, random_state=0)
importance = dict(zip(X, found.importances_mean, strict=True))
print(pd.Series(importance).sort_values(ascending=False).round(3).to_string())

# %%
# In pictures
# -----------
# Left: of the customers to whom the model gives a probability of 70%, about 70% leave.
# Middle: the importances. Right: the shape function of the age, in log odds of staying:
# the young and the old leave. Customers whose age is not known are a separate point.

figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(13, 4), layout="constrained"
)
observed, predicted = calibration_curve(
    is_leaving, probability, n_bins=6, strategy="quantile"
)
left.plot([0, 1], [0, 1], ":", color="0.5", label="perfect")
left.plot(predicted, observed, "o-", label="TabularClassifier")
left.set(xlabel="predicted probability to leave", ylabel="share that leaves")
left.set_title("The probabilities can be trusted")
left.legend()
PermutationImportanceDisplay.from_importances(
    found, X.columns, measure="rise of the log loss", ax=middle
)
middle.set_title("Four columns matter")
shape = ShapeFunctionDisplay.from_estimator(
    clf, X_train, "age", random_state=0, ax=right
)
right.set_title("The young and the old leave")
picture = sys.argv[1] if sys.argv[1:] else Path(__file__).with_suffix(".png")
figure.savefig(picture, dpi=100)

# %%
# Save
# ----
# A loaded model predicts the same, bit for bit.

with tempfile.TemporaryDirectory() as folder:
    joblib.dump(clf, Path(folder, "customers.joblib"), compress=3)
    size = Path(folder, "customers.joblib").stat().st_size
    loaded = joblib.load(Path(folder, "customers.joblib"))
same = np.array_equal(loaded.predict_proba(X_test), clf.predict_proba(X_test))
print(f"the file has {size / 1e6:.1f} MB, predictions are the same: {same}")

# %%
# What next?
# ----------
# - For numbers instead of classes, `TabularRegressor` also predicts intervals:
#   :ref:`sphx_glr_auto_examples_plot_raw_table.py`.
# - ``time_limit=30`` ends the fit after half a minute, and ``n_jobs=2`` uses two
#   processors.
# - `groups` and `cv` say which rows are held out, for example for series in time.
# - :doc:`/tabular` explains how the estimators decide, and when trees are better.
#
# The statements above, in numbers
# --------------------------------


def check(statement, holds):
    """Print a statement, or stop if it is not true."""
    if not holds:
        raise AssertionError(f"not true: {statement}")
    print(f"checked: {statement}")


check("the fit warned about 'customer'", "customer" in str(caught[0].message))
check("the estimate is honest", abs(clf.oob_score_ - test_score) < 0.03)
check(
    "the log loss is closer to that of the truth than to that of knowing nothing",
    loss - best < 0.5 * (nothing - loss),
)
check("the probabilities can be trusted", np.abs(observed - predicted).max() < 0.12)
matter = sorted(importance, key=importance.get)[-4:]
check(
    "four columns matter, those from which the data were made",
    set(matter) == {"plan", "age", "calls", "gigabytes"}
    and importance[matter[0]] > 3 * importance["joined"],
)
check("the loaded model predicts the same", same)
