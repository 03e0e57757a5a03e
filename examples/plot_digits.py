"""
==============================================
Handwritten digits, with all features combined
==============================================

A network with dropout, batch normalisation, a learning rate that rises and falls, and
early stopping learns to read the digits that come with scikit-learn. It is compared
with scikit-learn's `MLPClassifier` by five-fold cross-validation.

What to see:

- With the defaults, both libraries have about the same accuracy.
- With all features ("everything"), the network is better than with the defaults. Its
  log loss, which also measures how certain the network is, is clearly better, and its
  accuracy is slightly better.
- Early stopping holds out a tenth of the training data. This costs scikit-learn some
  accuracy. The network with everything loses less.
- With everything, the final training loss (solid line) is higher than scikit-learn's,
  although the network is better on new digits. The reason is that dropout makes the
  training harder, but not the predictions.
- When the network is wrong, it is often uncertain: the probability of its answer is
  lower than for correct answers.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_digits.py [picture.png]``. It takes about 10 seconds.
"""

# %%
# Five networks
# -------------
# All networks have two hidden layers of 128 units. ``tol=None`` runs all 40 epochs, so
# that the schedule reaches its end. With `early_stopping`, the parameters of the epoch
# with the lowest loss on the validation data are kept.

import sys
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix, log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from skgd import MLPGDClassifier
from skgd.plotting import LossCurveDisplay

SEED = 0
hidden = (128, 128)
everything = {
    "dropout": 0.3,
    "batch_norm": True,
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.01,
    "batch_size": 64,
    "alpha": 0.0001,
    "standardize": False,
    "max_iter": 40,
    "tol": None,
}
networks = {
    "scikit-learn": MLPClassifier(hidden, random_state=SEED),
    "scikit-learn, early stop": MLPClassifier(
        hidden, early_stopping=True, random_state=SEED
    ),
    "skgd": MLPGDClassifier(hidden, random_state=SEED),
    "skgd, everything": MLPGDClassifier(hidden, random_state=SEED, **everything),
    "skgd, everything, early stop": MLPGDClassifier(
        hidden, early_stopping=True, random_state=SEED, **everything
    ),
}

# %%
# Cross-validation
# ----------------
# Each digit is predicted once, by a network that was trained without it. All networks
# use one BLAS thread, so that their times are comparable. The pixels are divided by a
# common standard deviation, and float32 is precise enough.

X, y = load_digits(return_X_y=True)
images = X.reshape(-1, 8, 8)
X = ((X - X.mean()) / X.std()).astype(np.float32)
folds = StratifiedKFold(5, shuffle=True, random_state=SEED)

probabilities = {name: np.empty((len(y), 10), X.dtype) for name in networks}
seconds = dict.fromkeys(networks, 0.0)
with threadpool_limits(1):
    for train, test in folds.split(X, y):
        for name, network in networks.items():
            start = perf_counter()
            network.fit(X[train], y[train])
            seconds[name] += perf_counter() - start
            probabilities[name][test] = network.predict_proba(X[test])

accuracy = {name: np.mean(P.argmax(axis=1) == y) for name, P in probabilities.items()}
loss = {name: log_loss(y, P) for name, P in probabilities.items()}
print(f"{'':29} {'accuracy':>8} {'log loss':>8} {'time ratio':>10}")
for name in networks:
    ratio = seconds[name] / seconds["scikit-learn"]
    print(f"{name:29} {accuracy[name]:8.4f} {loss[name]:8.4f} {ratio:10.2f}")

# %%
# What goes wrong
# ---------------
# We look for the pairs of digits that the last network confuses most often, and for its
# worst errors, in which the true digit has the lowest probability.

P = probabilities["skgd, everything, early stop"]
predicted = P.argmax(axis=1)
confusion = confusion_matrix(y, predicted)
np.fill_diagonal(confusion, 0)
print("\nMost frequent errors (true digit, answer, how often):")
for pair in np.argsort(-confusion.ravel(), kind="stable")[:4]:
    true, answer = divmod(int(pair), 10)
    print(f"  {true} {answer} {confusion[true, answer]}")
wrong = np.flatnonzero(predicted != y)
worst = wrong[np.argsort(P[wrong, y[wrong]])][:12]
sure = P.max(axis=1)

# %%
# The picture
# -----------
# The curves are those of the last fold. scikit-learn does not record a validation loss.

plt.rcParams.update({"font.size": 12, "axes.titlesize": 14})
figure = plt.figure(figsize=(13, 6.5), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.15, 1])
ax = left.subplots()
shown = ["scikit-learn", "skgd", "skgd, everything, early stop"]
LossCurveDisplay.from_estimators(
    {name: networks[name] for name in shown}, ax=ax, log=True, smooth=False
)
ax.set(title="Loss, last fold", ylim=(1e-3, 8))
for ax, i in zip(right.subplots(3, 4).flat, worst, strict=False):
    ax.imshow(images[i], cmap="gray_r")
    ax.set_title(f"{predicted[i]} ({sure[i]:.0%}), is {y[i]}", fontsize=12)
    ax.set(xticks=[], yticks=[])
right.suptitle("Worst errors: answer (how sure), truth", fontsize=14)

if "__file__" in globals():
    default = Path(__file__).with_name("digits.png")
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


check(
    "with the defaults, the accuracies differ by 1% at most",
    abs(accuracy["skgd"] - accuracy["scikit-learn"]) <= 0.01,
)
check(
    "with everything, the log loss is 5% lower than with either library's defaults",
    loss["skgd, everything"] < 0.95 * min(loss["skgd"], loss["scikit-learn"]),
)
check(
    "and the accuracy is at least as good, to 0.2%",
    accuracy["skgd, everything"]
    >= max(accuracy["skgd"], accuracy["scikit-learn"]) - 0.002,
)
early = "skgd, everything, early stop"
check(
    "with early stopping too, the accuracy is better than scikit-learn's",
    accuracy[early] > accuracy["scikit-learn, early stop"],
)
check(
    "and the log loss is lower by at least a quarter",
    loss[early] < 0.75 * loss["scikit-learn, early stop"],
)
check(
    "early stopping costs less accuracy with everything than in scikit-learn",
    accuracy["skgd, everything"] - accuracy[early]
    < accuracy["scikit-learn"] - accuracy["scikit-learn, early stop"],
)
curve = networks[early].loss_curve_
check(
    "with everything, the final training loss is higher than scikit-learn's",
    np.mean(curve[-5:]) > 2 * networks["scikit-learn"].loss_curve_[-1],
)
right_ones = np.flatnonzero(predicted == y)
check(
    "the probability of its wrong answers is lower by at least 10%",
    sure[wrong].mean() < sure[right_ones].mean() - 0.1,
)
