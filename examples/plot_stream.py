"""
=====================
A stream that changes
=====================

Handwritten digits arrive one after the other, and a model reads each of them before it
learns from it. After 900 digits, somebody turns the scanner upside down. This example
shows what the change does to a model that has stopped learning, and how a model that
goes on with `partial_fit` recovers.

What to see:

- The model that has stopped learning (dashed) reads 95% of the digits before the
  change and less than half of them after it. It never recovers.
- The model that goes on learning is back at 95% after some hundred digits, without
  being told that anything has changed.
- With a learning rate four times as high, it recovers faster, but in the long run it
  is less accurate. This is the price for following changes quickly.
- The log loss (right) rises more than fivefold with the change. To watch it is a simple
  alarm.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_stream.py [picture.png]``. It takes a few seconds.
"""

# %%
# The stream
# ----------
# The 1797 digits that ship with scikit-learn arrive in pieces of 20, in a random order.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss

from skgd import MLPGDClassifier

images, digits = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(digits))
images, digits = images[order], digits[order]
change, size = 900, 20
images[change:] = images[change:, ::-1]  # the last pixel first: upside down
pieces = [slice(start, start + size) for start in range(0, len(digits), size)]

# %%
# Test, then train
# ----------------
# Each piece is first read and then learned. The first piece can only be learned, and
# this call names all classes, since the piece might not contain all of them.


def run(model, learns_until):
    """Accuracy and log loss of each piece, before the model learns from it."""
    classes = np.arange(10)
    model.partial_fit(images[pieces[0]], digits[pieces[0]], classes=classes)
    accuracy, loss = [], []
    for piece in pieces[1:]:
        probabilities = model.predict_proba(images[piece])
        accuracy.append(np.mean(classes[probabilities.argmax(1)] == digits[piece]))
        loss.append(log_loss(digits[piece], probabilities, labels=classes))
        if piece.stop <= learns_until:
            for _ in range(5):  # five passes over each piece
                model.partial_fit(images[piece], digits[piece])
    return np.array(accuracy), np.array(loss)


models = {
    "stops learning": (MLPGDClassifier(random_state=0), change),
    "goes on": (MLPGDClassifier(random_state=0), len(digits)),
    "goes on, higher rate": (
        MLPGDClassifier(learning_rate_init=0.004, random_state=0),
        len(digits),
    ),
}
results = {name: run(*model) for name, model in models.items()}

# %%
# Before and after the change
# ---------------------------

ends = np.array([piece.stop for piece in pieces[1:]])
periods = {
    "before": (ends > 600) & (ends <= change),
    "just after": (ends > change) & (ends <= change + 200),
    "at the end": ends > len(digits) - 400,
}
scores = {
    name: {period: accuracy[rows].mean() for period, rows in periods.items()}
    for name, (accuracy, _) in results.items()
}
for name, score in scores.items():
    print(f"{name:22}", ", ".join(f"{key} {value:.2f}" for key, value in score.items()))

# %%
# The picture
# -----------
# The curves are means over the last three pieces.


def smooth(values):
    """Means over three pieces."""
    return np.convolve(values, np.ones(3) / 3, mode="valid")


figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for (name, (accuracy, loss)), style in zip(
    results.items(), ("k--", "C0-", "C1-"), strict=True
):
    left.plot(ends[2:], smooth(accuracy), style, label=name)
    right.plot(ends[2:], smooth(loss), style, label=name)
for ax in (left, right):
    ax.axvline(change, color="0.6", linestyle=":")
    ax.set_xlabel("digits so far")
left.set(ylabel="accuracy on the next digits", title="The scanner is turned at 900")
right.set(ylabel="log loss", yscale="log", title="The loss is an alarm")
left.legend(loc="lower left")
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


frozen, steady, fast = scores.values()
check(
    "before the change, all models read 90% or more",
    min(score["before"] for score in scores.values()) > 0.9,
)
check(
    "without learning, less than half is read after the change",
    max(frozen["just after"], frozen["at the end"]) < 0.5,
)
check("with learning, 95% are read at the end", steady["at the end"] > 0.95)
check(
    "the higher rate recovers faster and is less accurate in the end",
    fast["just after"] > steady["just after"] + 0.05
    and fast["at the end"] < steady["at the end"],
)
losses = results["goes on"][1]
check(
    "the log loss of the first 60 digits after the change is five times as high",
    losses[ends > change][:3].mean() > 5 * losses[periods["before"]].mean(),
)
