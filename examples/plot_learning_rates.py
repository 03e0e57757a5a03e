"""
=============================================
The learning rate: too large, good, too small
=============================================

Gradient descent has one parameter that has to be right, the learning rate. This example
shows its effect on a parabola and then in a linear regression on real data.

What to see:

- Top: on the parabola, the rates 10 and 1.1 jump across the valley, and each jump ends
  higher up. With a rate of 1, the point jumps from side to side at the same height and
  never stops. A rate of 0.1 is good, and 0.01 is slow.
- Bottom left: the same happens with an estimator. There is a bound for the rate, 2 / L,
  where L is the largest curvature of the loss. Half the bound is a good rate. At the
  bound, a part of the error never gets smaller, and 2% above it the loss explodes. A
  hundredth of the good rate is slow.
- Bottom right: you do not need to know the bound. A short test makes one update with
  each of many rates, from very small to very large, and suggests a rate below the
  bound.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_learning_rates.py [picture.png]``. It takes a few
seconds.
"""

# %%
# On a parabola
# -------------
# The square of x has the gradient 2 x. A step with rate r goes from x to (1 - 2 r) x,
# which is further away if r is above 1. If a path diverges, `minimize` does not raise
# an error, and the `message` of the result says what happened.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import scale

from skgd import GDRegressor, minimize
from skgd.inspection import diagnose, learning_rate_range
from skgd.plotting import (
    LearningRateDisplay,
    LossCurveDisplay,
    OptimizationPathDisplay,
)


def parabola(x):
    """The sum of squares."""
    return np.sum(x**2)


results = {
    f"rate {rate}": minimize(
        parabola,
        [1.0],
        jac=lambda x: 2 * x,
        optimizer="sgd",
        learning_rate=rate,
        max_iter=40,
        return_path=True,
    )
    for rate in (10, 1.1, 1, 0.1, 0.01)
}
print(f"{'on the parabola':16} {'x after 1':>9} {'after 2':>9} {'at the end':>11}")
for name, result in results.items():
    one, two, end = result.path[[1, 2, -1], 0]
    print(f"{name:16} {one:9.4g} {two:9.4g} {end:11.3g}")

# %%
# In a linear regression
# ----------------------
# With ``solver="batch"``, each update uses all samples, and the loss is a parabola in
# each of eleven directions. Its largest curvature L is the largest eigenvalue of
# ``A.T @ A / n``, where A contains the data and a column of ones for the intercept.
# Rates above 2 / L diverge.
#
# `diagnose` describes in words what a loss curve shows. It only uses the curve. At the
# bound, the loss still falls slowly, because the rate is good for the ten other
# directions. `diagnose` therefore calls the training too slow, although a lower rate
# would help. If the learning rate is a number, `fit` lowers it and issues a warning
# when the loss explodes.

X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)
A = np.column_stack([X, np.ones(len(X))])
bound = 2 / np.linalg.eigvalsh(A.T @ A / len(X)).max()
least = 0.5 * np.mean((LinearRegression().fit(X, y).predict(X) - y) ** 2)


def make_model(rate):
    """A linear regression by plain gradient descent, all samples in each update.

    If the rate were a number, it would be halved after divergence. A function is not
    changed.
    """
    return GDRegressor(
        penalty=None,
        solver="batch",
        optimizer="sgd",
        learning_rate=lambda step: rate,
        standardize=False,
        max_iter=100,
        tol=None,
    )


shares = (1.02, 1, 0.5, 0.005)
models = {f"{share:g} x bound": make_model(share * bound).fit(X, y) for share in shares}
print(f"\nbound on the rate: {bound:.4f}\nloss of least squares: {least:.4f}")
for name, model in models.items():
    print(f"{name:13} rate {model.learning_rate_:.4f}, loss {model.loss_:.4g}")
    print(f"    {diagnose(model)}")

# %%
# A test of many rates
# --------------------
# `learning_rate_range` makes one update with each of 100 rates that grow from 1e-6 to
# 10. The best rate is somewhat below the rate with the smallest loss.

test = learning_rate_range(make_model(None), X, y, random_state=0)
suggested = make_model(test.suggestion).fit(X, y)
print(f"\nsuggested rate {test.suggestion:.3f}, loss {suggested.loss_:.4f}")
print(f"    {diagnose(suggested)}")

# %%
# The picture
# -----------
# Each path begins at a circle and ends at a cross. The star is the optimum.

plt.rcParams.update({"font.size": 12, "axes.titlesize": 14})
figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
OptimizationPathDisplay.from_results(
    parabola, results, optimum=[0.0], ax=axes[0], xlim=(-1.6, 1.6), ylim=(-0.1, 2.4)
)
axes[0, 0].set_title("Five rates on a parabola")
axes[0, 0].get_legend().remove()
axes[0, 1].set(title="Value at each step", ylim=(1e-13, 1e8))
axes[0, 1].legend(fontsize=12, loc="lower left")
LossCurveDisplay.from_estimators(models, ax=axes[1, 0], log=True)
axes[1, 0].set(title="Linear regression on real data", ylim=(0.2, 10))
LearningRateDisplay.from_range(test, ax=axes[1, 1])
axes[1, 1].axvline(bound, color="0.5", linestyle=":", linewidth=3, label="bound")
axes[1, 1].set_title("A test of many rates")
axes[1, 1].legend(fontsize=12)

if "__file__" in globals():
    default = Path(__file__).with_name("learning_rates.png")
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


jumps = results["rate 1"].path[:, 0]
check("rate 1 always jumps between 1 and -1", np.all(jumps == (-1.0) ** np.arange(41)))
check(
    "the value rises in each step with rates 10 and 1.1",
    all(np.all(np.diff(results[f"rate {r}"].fun_path) > 0) for r in (10, 1.1)),
)
check(
    "each step with rate r multiplies x by 1 - 2 r",
    all(
        np.allclose(result.path[1:], (1 - 2 * float(name[5:])) * result.path[:-1])
        for name, result in results.items()
    ),
)
check(
    "40 steps end within 0.001 of the optimum with rate 0.1, but not with 0.01",
    abs(results["rate 0.1"].x[0]) < 0.001 and 0.4 < results["rate 0.01"].x[0] < 0.5,
)
above, at, half, slow = (model.loss_ - least for model in models.values())
check("half the bound comes within 0.005 of the least loss", half < 0.005)
check("the slow rate is still 0.05 above it", slow > 0.05)
check("at the bound, an error of 0.1 remains", at > 0.1)
check("2% above the bound, the loss is more than ten times as high", above > 10 * at)
kinds = [diagnose(model).kinds for model in models.values()]
check(
    "the diagnoses: diverging above the bound, converged at half, too slow",
    "diverging" in kinds[0] and kinds[2] == ["converged"] and kinds[3] == ["too slow"],
)
check(
    "the suggestion is below the bound, by a factor of 2 to 10",
    2 < bound / test.suggestion < 10,
)
check("it comes within 0.005 of the least loss", suggested.loss_ - least < 0.005)
