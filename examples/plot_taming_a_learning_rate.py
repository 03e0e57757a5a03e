"""
======================
Taming a learning rate
======================

A network learns to read digits with plain momentum, and somebody has to choose its
learning rate. This example tells how to find a good rate in a minute: notice that the
first guesses are wrong, measure instead of guessing, and let a schedule take the
strain.

What to see:

- Left: the first two guesses. With the small rate, the training is too slow, and with
  the large one the loss rises in the end. `diagnose` says so in words. Both networks
  read about half of the digits.
- Middle: `learning_rate_range` tries a hundred rates in one short run. The loss falls
  fastest near the suggested rate and explodes not far above it.
- Right: with the suggested rate, the network reads 97% of new digits. A schedule makes
  the choice less critical: if the rate rises slowly and then falls ('one_cycle'), even
  the rate that was too large gives a good network.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_taming_a_learning_rate.py [picture.png]``. It takes
a few seconds.
"""

# %%
# Two guesses
# -----------
# The network is trained on raw pixels, as in a textbook: without standardisation,
# trials or a penalty.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skgd import MLPGDClassifier, diagnose, learning_rate_range
from skgd.plotting import LearningRateDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)


def network(rate=None, learning_rate="constant"):
    """A network that is trained for 30 epochs with momentum."""
    return MLPGDClassifier(
        (50,),
        optimizer="momentum",
        learning_rate=learning_rate,
        learning_rate_init=rate,
        batch_size=32,
        penalty=None,
        standardize=False,
        early_stopping=False,
        max_iter=30,
        tol=None,
        random_state=0,
    )


small = network(1e-5).fit(X_train, y_train)
large = network(0.03).fit(X_train, y_train)
print("rate 0.00001:", diagnose(small))
print("rate 0.03:", diagnose(large))

# %%
# Measure instead of guessing
# ---------------------------
# The test makes one update with each rate and looks where the loss falls fastest.

found = learning_rate_range(network(), X_train, y_train, random_state=0)
tamed = network(found.suggestion).fit(X_train, y_train)
print(f"suggested rate {found.suggestion:.4f}:", diagnose(tamed))

# %%
# A schedule
# ----------
# 'one_cycle' starts with a twenty-fifth of the rate, reaches the full rate after three
# tenths of the training, and then falls to almost zero.

cycle = network(0.03, "one_cycle").fit(X_train, y_train)
models = {
    "0.00001": small,
    "0.03": large,
    f"{found.suggestion:.4f}, suggested": tamed,
    "0.03, one_cycle": cycle,
}
accuracy = {name: model.score(X_test, y_test) for name, model in models.items()}
for name, score in accuracy.items():
    print(f"{name:18} accuracy on new digits {score:.3f}")

# %%
# The picture
# -----------

figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
left, middle, right = axes
for ax, names in ((left, list(models)[:2]), (right, list(models)[1:])):
    for name in names:
        curve = models[name].loss_curve_
        color = f"C{list(models).index(name)}"
        ax.plot(range(1, len(curve) + 1), curve, color=color, label=name)
    ax.set(xlabel="epoch", ylabel="training loss", yscale="log")
    ax.legend(title="rate")
left.set_title("Two guesses")
LearningRateDisplay.from_range(found, ax=middle)
middle.set_title("A test of many rates")
right.set_title("Tamed")
right.set_ylim(bottom=1e-5)  # room for the legend
right.legend(title="rate", loc="lower left")
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


slow, bad, good, cycled = accuracy.values()
check("the small rate is too slow", "too slow" in diagnose(small).kinds)
check("the large rate diverges", "diverging" in diagnose(large).kinds)
check("both read less than two thirds of new digits", max(slow, bad) < 2 / 3)
check("the suggested rate lies between them", 1e-4 < found.suggestion < 0.03)
check("with it, the network reads 96% or more", good > 0.96)
check("so does the large rate with 'one_cycle', almost", cycled > 0.95)
