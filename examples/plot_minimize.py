"""
=====================================================
Minimise a function: steps, gradients, line searches
=====================================================

`minimize` finds a minimum of a function of several variables. It needs the gradient of
the function and a rule for the size of the steps. This rule is an optimizer, the best
of several step sizes, or a line search. The result has the same form as that of
`scipy.optimize.minimize`.

What to see:

- Top: the function contains a logarithm and is undefined in the dark part, and the
  first steps lead towards this part. All three methods find the minimum, and no path
  enters the dark part. The best of several steps and the line search need less than a
  quarter of the steps of Adam with its default rate.
- Bottom left: the best of eight step sizes minimises three sums of squares. After 70
  steps, all of them are within a few thousandths of the minimum, even from a distant
  start.
- Bottom right: gradient ascent finds the maximum of a normal density.

The last cell checks these statements and all printed numbers.

Run it with ``python examples/plot_minimize.py [picture.png]``. It takes a few seconds.
"""

# %%
# Gradients
# ---------
# There are four ways to get a gradient. The default is SciPy's '2-point', a difference
# quotient that only needs the function. '3-point' is more accurate but needs twice as
# many calls. You can also write a function for the gradient, which is exact. To find
# mistakes in it, `check_grad` compares it with a difference quotient.

import math
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy import optimize

from skgd import check_grad, maximize, minimize
from skgd.optimizers import Adam
from skgd.plotting import OptimizationPathDisplay


def squares(x):
    """The sum of squares."""
    return np.sum(x**2)


def by_hand(x):
    """Its gradient."""
    return 2 * x


ones, other = np.ones(3), np.array([1.0, 2.0, 3.0])
quotients = optimize.approx_fprime(ones, squares, 1e-5)
print(f"difference quotients, h = 1e-5: {quotients}")
print(f"by hand:                        {by_hand(ones)}")
right = check_grad(squares, by_hand, other)
wrong = check_grad(squares, lambda x: x, other)
print(f"check_grad: {right:.1e}, and {wrong:.2f} if the factor 2 is forgotten")

# %%
# The fourth way is automatic differentiation, for example with ``jax.grad(f)`` or with
# ``x.grad`` in PyTorch. Any function that takes an array and returns the gradient as an
# array works. The following version has only a few lines. It takes a tiny step in the
# imaginary direction, which causes no rounding errors.


def gradient_of(fun):
    """The exact gradient of a function that works with complex numbers."""

    def gradient(x):
        return (
            np.array([fun(x + 1e-30j * unit).imag for unit in np.eye(len(x))]) / 1e-30
        )

    return gradient


def sigmoid(x):
    """The sigmoid of the first variable."""
    return 1 / (1 + np.exp(-x[0]))


at_five = gradient_of(squares)(np.array([5.0]))[0]
at_zero = gradient_of(sigmoid)(np.array([0.0]))[0]
print(f"square at 5: {at_five}, sigmoid at 0: {at_zero}")

# %%
# The best of several steps
# -------------------------
# In each iteration, all step sizes are tried, and the one with the lowest value is
# used. The descent ends when the value changes by less than 1e-6. Any start works.

sizes = [100, 10, 1, 0.1, 0.01, 0.001, 0.0001, 0.00001]
problems = {
    "squares": (squares, [10, 20, 4, 5]),
    "far start": (lambda x: (x[0] - 3) ** 2 + (x[1] - 2) ** 2, [5000, 50]),
    "from zero": (lambda x: np.sum((x - [7, 70, 7, 4]) ** 2), [0, 0, 0, 0]),
}
best_steps = {
    name: minimize(fun, x0, jac=gradient_of(fun), step_sizes=sizes, return_path=True)
    for name, (fun, x0) in problems.items()
}
print(f"\n{'best of steps':14} {'steps':>5}  end")
for name, result in best_steps.items():
    print(f"{name:14} {result.nit:5}  {result.x}")

# %%
# Other ways to the same minimum
# ------------------------------
# Here we minimise the sum of squares in other ways: with a fixed learning rate until a
# step is shorter than `xtol`, with a line search (Armijo's rule: reduce the step until
# the value falls enough), and with an optimizer as ``method`` of SciPy's function.
# `jac` is either the gradient or the method to estimate it. `nfev` counts all calls of
# the function, including those for the estimates.

start = [10, 20, 4, 5]
fixed = {"optimizer": "sgd", "learning_rate": 0.1, "xtol": 1e-6, "gtol": None}
ways = {
    "fixed step, by hand": minimize(squares, start, jac=by_hand, **fixed),
    "fixed step, 2-point": minimize(squares, start, jac="2-point", **fixed),
    "fixed step, 3-point": minimize(squares, start, jac="3-point", **fixed),
    "Armijo": minimize(squares, start, jac=by_hand, step_sizes="armijo"),
    "Adam, by SciPy": optimize.minimize(
        squares, start, jac=by_hand, method=Adam(), options={"learning_rate": 0.5}
    ),
}
print(f"\n{'way':20} {'steps':>5} {'nfev':>5} {'largest x':>10}  ended because")
for name, result in ways.items():
    largest = np.abs(result.x).max()
    print(f"{name:20} {result.nit:5} {result.nfev:5} {largest:10.1e}  {result.message}")

# %%
# A maximum
# ---------
# `maximize` minimises the negative of the function. The density of the normal
# distribution with mean 1 and standard deviation 1 has its maximum at 1. Here the
# gradient is estimated by a difference quotient.


def density(x):
    """The density of the normal distribution with mean 1 and deviation 1."""
    return np.exp(-0.5 * (x[0] - 1) ** 2) / np.sqrt(2 * np.pi)


top = maximize(
    density, [-1.0], optimizer="momentum", learning_rate=0.1, return_path=True
)
print(f"\nthe density is largest at {top.x[0]:.4f}: {top.fun:.4f}")

# %%
# Where a function is undefined
# -----------------------------
# This function contains the logarithm of the first variable, and `math.log` raises an
# error for zero and negative numbers. With `step_sizes`, steps are tried before they
# are made, and a step that leads to an error counts as infinitely high. An optimizer
# does not try steps. If its rate is too large, you see the error.


outside = []


def valley(x):
    """Undefined where the first variable is not positive."""
    if x[0] <= 0:
        outside.append(x)
    return x[0] - math.log(x[0]) + (x[1] - x[0] ** 2) ** 2


def valley_slope(x):
    """Its gradient."""
    across = 2 * (x[1] - x[0] ** 2)
    return np.array([1 - 1 / x[0] - 2 * x[0] * across, across])


start = [1.6, 0.2]
paths = {
    "best of steps": minimize(
        valley, start, jac=valley_slope, step_sizes=sizes, return_path=True
    ),
    "Armijo": minimize(
        valley, start, jac=valley_slope, step_sizes="armijo", return_path=True
    ),
    "Adam": minimize(valley, start, jac=valley_slope, return_path=True),
}
print(f"\n{'with a logarithm':17} {'steps':>5} {'nfev':>5}  end")
for name, result in paths.items():
    print(f"{name:17} {result.nit:5} {result.nfev:5}  {result.x}")
n_outside = len(outside)
print(f"tried steps that lead to the undefined part: {n_outside}")
try:
    minimize(valley, start, jac=valley_slope, optimizer="sgd", learning_rate=0.3)
except ValueError as error:
    print(f"gradient descent with rate 0.3: {error!r}")
    raised = True
else:
    raised = False

# %%
# The picture
# -----------
# Each path begins at a circle and ends at a cross. The stars are the optima.

plt.rcParams.update({"font.size": 12, "axes.titlesize": 14})
figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
OptimizationPathDisplay.from_results(
    valley, paths, optimum=[1, 1], ax=axes[0], xlim=(-0.3, 2), ylim=(0, 1.6)
)
axes[0, 0].get_legend().remove()
axes[0, 0].set_title("Undefined in the dark part")
axes[0, 1].set_xscale("symlog")
axes[0, 1].set(title="Value at each step", xlim=(0, 5000))
axes[0, 1].legend(fontsize=12, loc="lower left")

styles = [
    {"color": "#000000", "linestyle": "-"},
    {"color": "#D55E00", "linestyle": "--"},
    {"color": "#0072B2", "linestyle": "-."},
]
for (name, result), style in zip(best_steps.items(), styles, strict=True):
    axes[1, 0].semilogy(result.fun_path, label=name, linewidth=2.4, **style)
axes[1, 0].set(
    title="Best of eight step sizes", xlabel="step", ylabel="f above the optimum"
)
axes[1, 0].legend(fontsize=12)
axes[1, 0].grid(alpha=0.3)

OptimizationPathDisplay.from_results(
    density,
    {"momentum": top},
    maximize=True,
    optimum=[1.0],
    ax=axes[1, 1],
    xlim=(-2.5, 4.5),
    ylim=(-0.01, 0.58),
)
axes[1, 1].set_title("The maximum of a density")
axes[1, 1].legend(
    *axes[1, 1].get_legend_handles_labels(), fontsize=12, loc="upper left"
)

if "__file__" in globals():
    default = Path(__file__).with_name("minimize.png")
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


def near(x, y, tolerance):
    """Whether all numbers agree within the tolerance."""
    return np.allclose(x, y, rtol=0, atol=tolerance)


check("difference quotients of (1, 1, 1): 2.00001", near(quotients, 2.00001, 1e-9))
check("check_grad tells right from wrong", right < 1e-6 and wrong > 1)
check(
    "differentiation is exact: 10 and 0.25",
    near([at_five, at_zero], [10, 0.25], 1e-15),
)
expected = {
    "squares": (44, [0.00068056, 0.00136113, 0.00027223, 0.00034028]),
    "far start": (68, [3.00160597, 2.00001543]),
    "from zero": (49, [6.99984389, 69.99843895, 6.99984389, 3.9999108]),
}
for name, (steps, end) in expected.items():
    result = best_steps[name]
    check(
        f"best of steps, {name}: {steps} steps, the end to 8 digits",
        result.nit == steps and near(result.x, end, 6e-9),
    )
centres = {"squares": [0] * 4, "far start": [3, 2], "from zero": [7, 70, 7, 4]}
check(
    "all within 0.002 of the minimum after 70 steps at most",
    all(near(best_steps[name].x, x, 0.002) for name, x in centres.items()),
)
check(
    "all other ways end within 1e-5 of the minimum and report success",
    all(near(result.x, 0, 1e-5) and result.success for result in ways.values()),
)
nfev = [result.nfev for result in ways.values()][:3]
check("estimates need more calls, and '3-point' the most", nfev[0] < nfev[1] < nfev[2])
check(
    "the density is largest at 1, where it is 0.3989",
    near(top.x, 1, 1e-4) and near(top.fun, 1 / np.sqrt(2 * np.pi), 1e-8),
)
check(
    "with the logarithm, all three ways end within 0.02 of the minimum (1, 1)",
    all(near(result.x, 1, 0.02) for result in paths.values()),
)
check(
    "steps to the undefined part were tried, but no path enters it",
    n_outside > 5 and min(result.path[:, 0].min() for result in paths.values()) > 0,
)
check(
    "the other two ways need less than a quarter of the steps of Adam",
    max(paths["best of steps"].nit, paths["Armijo"].nit) < paths["Adam"].nit / 4,
)
check("the gradient is right", check_grad(valley, valley_slope, start) < 1e-5)
check("with too large a rate, an optimizer shows the error", raised)
