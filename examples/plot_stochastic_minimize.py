"""
===========================================
Minimise a sum over samples, one at a time
===========================================

Many objectives are sums over samples. `skgd.minimize_stochastic` minimises such a sum,
given as a Python function, with the gradients of one sample after the other. This
example fits a straight line to points, fits a circle to points of which some are wrong,
and maximises the likelihood of a normal distribution.

What to see:

- The line and the bell curve agree with the closed form, and the circle agrees with the
  result of SciPy. All distances from the optimum fall by a factor of a thousand or
  more.
- The wrong points pull the least-squares circle away, but not the circle of this
  example.
- The curve of the step size looks like a saw. A pass that finds a new best value resets
  the step size to 0.01, and every other pass multiplies it by 0.9. After 100 passes
  without a new best value, the descent stops.
- The total error goes up and down. The result is the best point (star), not the last.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_stochastic_minimize.py [picture.png]``. It takes
about 5 seconds.
"""

# %%
# A straight line
# ---------------
# The function takes the parameters and some rows of the data, and returns the sum of
# the errors of these rows. Its gradient has the same arguments. (Without `jac`, the
# gradient is estimated by finite differences, which takes longer.) Each pass uses the
# samples one at a time, in a new random order.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import least_squares

from skgd import maximize_stochastic, minimize_stochastic

rng = np.random.default_rng(0)
x = rng.uniform(0, 2, 100)
y = 4 + 3 * x + rng.normal(size=100)


def line_error(p, x, y):
    return np.sum((p[0] + p[1] * x - y) ** 2)


def line_gradient(p, x, y):
    residuals = p[0] + p[1] * x - y
    return [2 * np.sum(residuals), 2 * np.sum(residuals * x)]


line = minimize_stochastic(
    line_error, x, y, [0.0, 0.0], jac=line_gradient, random_state=0
)
line_optimum = np.linalg.lstsq(np.column_stack([np.ones(100), x]), y)[0]

# %%
# A circle, with wrong points
# ---------------------------
# The parameters are the centre and the radius. The error of a point depends on its
# distance from the circle. It is half the square near zero and linear far away, so that
# distant points do not pull harder than others. There is no `y`. The reference is
# SciPy's `least_squares`, which uses all points at once.

angle = rng.uniform(0, 2 * np.pi, 85)
good = [1, -1] + 2 * np.column_stack([np.cos(angle), np.sin(angle)])
wrong = rng.uniform([2, 1], [5, 4], (15, 2))
points = np.vstack([good + rng.normal(0, 0.1, good.shape), wrong])
SCALE = 0.1


def circle_residuals(p, points):
    return np.hypot(points[:, 0] - p[0], points[:, 1] - p[1]) - p[2]


def circle_error(p, points):
    ratio = circle_residuals(p, points) / SCALE
    return SCALE**2 * np.sum(np.sqrt(1 + ratio**2) - 1)


def circle_gradient(p, points):
    residuals = circle_residuals(p, points)
    pull = residuals / np.sqrt(1 + (residuals / SCALE) ** 2)
    # from each point to the centre, of length 1
    inwards = (p[:2] - points) / (residuals + p[2])[:, None]
    return [*(pull @ inwards), -np.sum(pull)]


start = [0.0, 0.0, 1.0]
circle = minimize_stochastic(
    circle_error, points, None, start, jac=circle_gradient, random_state=0
)
robust = least_squares(
    circle_residuals, start, loss="soft_l1", f_scale=SCALE, args=(points,)
)
squares = least_squares(circle_residuals, start, args=(points,))

# %%
# A likelihood, uphill
# --------------------
# The likelihood is largest for the mean and the standard deviation of the data. The
# second parameter is the logarithm of the standard deviation, so that the standard
# deviation cannot become negative.

data = rng.normal(3, 0.5, 100)


def log_likelihood(p, data):
    z = (data - p[0]) / np.exp(p[1])
    return np.sum(-0.5 * z**2 - p[1] - 0.5 * np.log(2 * np.pi))


def log_likelihood_gradient(p, data):
    z = (data - p[0]) / np.exp(p[1])
    return [np.sum(z) / np.exp(p[1]), np.sum(z**2 - 1)]


normal = maximize_stochastic(
    log_likelihood, data, None, [0.0, 1.0], jac=log_likelihood_gradient, random_state=0
)
normal_optimum = np.array([data.mean(), np.log(data.std())])

# %%
# The numbers
# -----------

optima = {
    "line": (line, line_optimum, line_error(line_optimum, x, y)),
    "circle": (circle, robust.x, circle_error(robust.x, points)),
    "normal": (normal, normal_optimum, log_likelihood(normal_optimum, data)),
}
print(f"{'fit':7} {'passes':>6} {'total':>10} {'optimum':>10}  parameters (optimum)")
left = {}  # distance from the optimum, relative to the start
for name, (result, best, total) in optima.items():
    distance = np.abs(result.fun_path - total)
    left[name] = distance / distance[0]
    there = ", ".join(f"{a:.3f} ({b:.3f})" for a, b in zip(result.x, best, strict=True))
    print(f"{name:7} {result.nit:6} {result.fun:10.4f} {total:10.4f}  {there}")

# The passes that began with a new best total.
lowest = np.minimum.accumulate(line.fun_path)
new_best = np.append(True, line.fun_path[1:] < lowest[:-1])

# %%
# The picture
# -----------

plt.rcParams.update({"font.size": 13, "axes.titlesize": 14, "lines.linewidth": 2.4})
figure, axes = plt.subplot_mosaic(
    [
        ["line", "line", "circle", "circle", "normal", "normal"],
        ["left"] * 3 + ["rate"] * 3,
    ],
    figsize=(12, 8),
    layout="constrained",
)
styles = {
    "line": {"color": "#000000", "linestyle": "-"},
    "circle": {"color": "#D55E00", "linestyle": "--"},
    "normal": {"color": "#0072B2", "linestyle": "-."},
}
dots = {"color": "0.6", "marker": ".", "linestyle": "none", "markersize": 8}

ax = axes["line"]
ax.plot(x, y, **dots)
ends = np.array([0, 2])
ax.plot(ends, line_optimum[0] + line_optimum[1] * ends, color="#E69F00", linewidth=7)
ax.plot(ends, line.x[0] + line.x[1] * ends, **styles["line"])
ax.plot([], [], color="#E69F00", linewidth=7, label="optimum (wide line)")
ax.legend(fontsize=12, loc="upper left")
ax.set_ylim(top=13.5)
ax.set(title="A straight line", xlabel="x", ylabel="y")

ax = axes["circle"]
ax.plot(*points.T, **dots)
t = np.linspace(0, 2 * np.pi, 200)
for p, style in [
    (robust.x, {"color": "#E69F00", "linewidth": 7}),
    (circle.x, styles["circle"]),
    (squares.x, {"color": "#009E73", "linestyle": ":", "label": "least squares"}),
]:
    ax.plot(p[0] + p[2] * np.cos(t), p[1] + p[2] * np.sin(t), **style)
ax.set(title="A circle, 15% wrong points", xlabel="x", ylabel="y", aspect="equal")
ax.set(xlim=(-2.6, 6.6), ylim=(-3.4, 5.9))
ax.legend(loc="upper left", fontsize=12)

ax = axes["normal"]
ax.hist(data, bins=15, density=True, color="0.8")
t = np.linspace(1.5, 4.5, 200)
for p, style in [
    (normal_optimum, {"color": "#E69F00", "linewidth": 7}),
    (normal.x, styles["normal"]),
]:
    ax.plot(t, [np.exp(log_likelihood(p, s)) for s in t], **style)
ax.set(title="A normal distribution", xlabel="x", ylabel="density")

ax = axes["left"]
for name, curve in left.items():
    passes = np.arange(len(curve))
    ax.semilogy(passes, curve, label=name, linewidth=1.6, **styles[name])
    best = np.argmin(curve)
    ax.plot(best, curve[best], "*", markersize=18, color=styles[name]["color"], mec="k")
ax.plot([], [], "*", color="white", markersize=15, mec="k", label="returned")
ax.set(
    title="Distance of the total from the optimum",
    xlabel="passes",
    ylabel="relative to the start",
)
ax.legend(fontsize=12, ncols=2)

ax = axes["rate"]
ax.semilogy(line.rate_path, **styles["line"])
ax.plot(
    np.flatnonzero(new_best),
    line.rate_path[new_best],
    linestyle="none",
    marker="o",
    markersize=8,
    color="#E69F00",
    markeredgecolor="black",
    label="new best",
)
ax.set(title="Step size, straight line", xlabel="passes", ylabel="step size")
ax.legend(fontsize=12)
for ax in axes.values():
    ax.grid(alpha=0.3)

if "__file__" in globals():
    default = Path(__file__).with_name("stochastic_minimize.png")
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


for name, (result, best, total) in optima.items():
    check(
        f"{name}: the parameters are within 0.02 of the optimum",
        np.max(np.abs(result.x - best)) < 0.02,
    )
    check(
        f"{name}: the distance from the optimum falls by a factor of 1000 or more",
        left[name].min() < 1e-3,
    )
    check(
        f"{name}: the result is the best of all passes and not the last",
        abs(result.fun - total) == np.abs(result.fun_path - total).min()
        and result.fun != result.fun_path[-1],
    )
    check(
        f"{name}: 100 passes without a new best end the descent",
        result.status == 0 and result.nit == np.argmin(left[name]) + 100,
    )
truth = np.array([1, -1, 2])
check(
    "the centre of the least-squares circle is three times as far off",
    np.linalg.norm(squares.x - truth) > 3 * np.linalg.norm(circle.x - truth),
)
check(
    "a new best value resets the step size to 0.01",
    np.all(line.rate_path[new_best] == 0.01) and np.sum(new_best) > 5,
)
check(
    "every other pass multiplies it by 0.9",
    np.allclose(
        line.rate_path[1:][~new_best[1:]], 0.9 * line.rate_path[:-1][~new_best[1:]]
    ),
)
check("the total error goes up and down", np.any(np.diff(line.fun_path) > 0))
