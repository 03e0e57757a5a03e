"""
===========================================================
Schedules: the learning rate over the course of a training
===========================================================

A schedule multiplies the learning rate by a factor that changes with each update. All
schedules work with all optimizers, in all estimators, and in `minimize`.

What to see:

- Top left: schedules without an end start at the full rate and never reach zero.
- Top right: schedules with an end cover the whole training and reach zero, or almost
  zero, with the last update. Two of them start with a low rate.
- Bottom left: a warm-up can be followed by any other schedule. With ``start=1``, the
  rate is constant at first and then falls.
- Bottom right: with a constant rate, stochastic gradient descent stays above the
  optimum, since the direction of each step is only an estimate. If the rate falls, the
  loss gets closer to the optimum. The cosine stays near zero for a long time at the end
  and gets closer than the three schedules without an end.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_schedules.py [picture.png]``. It takes a few seconds.
"""

# %%
# Data
# ----
# Ridge regression has the same objective, half the mean squared error plus the penalty,
# and computes the optimum directly. We use it as the reference.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.preprocessing import scale

from skgd import GDRegressor
from skgd.plotting import LearningRateDisplay, LossCurveDisplay
from skgd.schedules import (
    SCHEDULES,
    Adaptive,
    Exponential,
    InverseScaling,
    OneCycle,
    StepDecay,
    Warmup,
)

X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)
alpha, rate, epochs, batch_size = 0.01, 0.2, 40, 16
n_updates = epochs * -(-len(X) // batch_size)


def objective(model):
    """Half the mean squared error, plus the penalty."""
    error = np.mean((model.predict(X) - y) ** 2)
    return 0.5 * error + 0.5 * alpha * np.sum(model.coef_**2)


optimum = objective(Ridge(alpha * len(X)).fit(X, y))

# %%
# The schedules
# -------------
# A schedule is a name or an object with its own parameters. Schedules with an end take
# the length of the training from `max_iter`, unless you set it. With 'adaptive', the
# rate is multiplied by a factor each time the loss stops improving. The picture shows
# it as if this happened twice. A function of the number of updates so far is also a
# schedule. It returns the rate itself and not a factor.


def adaptive(step):
    """The rate after a first plateau at update 300 and a second one at 700."""
    n_plateaus = (step >= 300) + (step >= 700)
    return rate * Adaptive(factor=0.5)(step, n_plateaus=n_plateaus)


endless = {
    "constant": "constant",
    "invscaling": InverseScaling(),
    "exponential": Exponential(decay=0.5, period=n_updates // 6),
    "step": StepDecay(decay=0.5, period=n_updates // 5),
    "adaptive": adaptive,
}
ending = {
    "linear": "linear",
    "cosine": "cosine",
    "one_cycle": OneCycle(warmup=0.3),
    "warmup": Warmup(n_updates // 10, then="cosine"),
}
composed = {
    "then cosine": Warmup(200, then="cosine"),
    "then step": Warmup(200, then=StepDecay(decay=0.5, period=200)),
    "then one_cycle": Warmup(200, start=0.04, then=OneCycle(start=1.0)),
    "held, then linear": Warmup(600, start=1.0, then="linear"),
}

# %%
# What a schedule does to the end of a training
# ---------------------------------------------
# We run the same training with each schedule, with batches of 16 and plain gradient
# descent. After each epoch, we measure how far the objective is above that of Ridge. In
# `partial_fit` too, a schedule with an end takes its length from `max_iter`.

trained = {
    name: schedule
    for name, schedule in (endless | ending).items()
    if name != "adaptive"
}
excess = {}
print("after the first and the last epoch:")
print(f"{'schedule':12} {'rate':>8} {'rate':>8} {'above optimum':>14}")
for name, schedule in trained.items():
    model = GDRegressor(
        alpha=alpha,
        optimizer="sgd",
        batch_size=batch_size,
        learning_rate=schedule,
        learning_rate_init=rate,
        max_iter=epochs,
        tol=None,
        random_state=0,
    )
    excess[name], rates = [], []
    for _ in range(epochs):
        model.partial_fit(X, y)
        excess[name].append(objective(model) - optimum)
        rates.append(model.learning_rate_)
    print(f"{name:12} {rates[0]:8.2g} {rates[-1]:8.2g} {excess[name][-1]:14.2g}")

# %%
# The picture
# -----------

plt.rcParams.update({"font.size": 12, "axes.titlesize": 14})
figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
panels = {
    "Without an end": endless,
    "With an end": ending,
    "A warm-up, and what follows": composed,
}
for panel, (title, schedules) in zip(axes.ravel(), panels.items(), strict=False):
    LearningRateDisplay.from_schedules(
        schedules, n_steps=n_updates, learning_rate=rate, ax=panel
    )
    panel.set(title=title, ylim=(-0.01, 0.33), yticks=[0, 0.05, 0.1, 0.15, 0.2])
    panel.legend(fontsize=12, ncols=2, loc="upper right")
shown = ["constant", "invscaling", "exponential", "linear", "cosine"]
LossCurveDisplay({name: excess[name] for name in shown}).plot(
    axes[1, 1], log=True, smooth=5
)
axes[1, 1].set(
    title="The same training, five schedules",
    ylabel="loss above optimum",
    ylim=(5e-6, 20),
)
axes[1, 1].legend(
    *axes[1, 1].get_legend_handles_labels(), fontsize=12, ncols=2, loc="upper right"
)

if "__file__" in globals():
    default = Path(__file__).with_name("schedules.png")
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


drawn = endless | ending
check("the picture shows every schedule", set(drawn) == set(SCHEDULES))


def rate_at(name, step):
    """The rate of a schedule, as it was drawn."""
    schedule = drawn[name]
    if name == "adaptive":
        return schedule(step)
    rule = SCHEDULES[schedule]() if isinstance(schedule, str) else schedule
    return rate * rule(step, n_steps=n_updates)


check(
    "schedules without an end start at the full rate and are never zero",
    all(rate_at(name, 0) == rate and rate_at(name, n_updates) > 0 for name in endless),
)
check(
    "schedules with an end reach zero, to 1e-5 of the rate",
    all(rate_at(name, n_updates) < 1e-5 * rate for name in ending),
)
check(
    "one_cycle and warmup start at less than a twentieth of the rate",
    all(rate_at(name, 0) < rate / 20 for name in ("one_cycle", "warmup")),
)
rest = n_updates - 200
check(
    "after the warm-up, the other schedule covers the rest of the training",
    np.allclose(
        composed["then cosine"]([200, 500, 1000], n_updates),
        SCHEDULES["cosine"]()([0, 300, 800], rest),
    ),
)
held = composed["held, then linear"]([0, 300, 600, 860, n_updates], n_updates)
check("the rate is constant, then falls", np.allclose(held, [1, 1, 1, 0.5, 0]))
last = {name: values[-1] for name, values in excess.items()}
late = {name: np.mean(values[-5:]) for name, values in excess.items()}
check(
    "with the constant rate, the loss stays ten times as far above the optimum",
    all(late["constant"] > 10 * late[name] for name in late if name != "constant"),
)
check(
    "the cosine gets at least twice as close as the three without an end",
    all(last["cosine"] < 0.5 * last[name] for name in shown if name in endless),
)
