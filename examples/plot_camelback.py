"""
=======================================================
Descent and ascent on the camelback: the start matters
=======================================================

The six-hump camelback is a function of two variables with six minima. Gradient
descent goes downhill until the gradient is zero, and gradient ascent goes uphill. Both
are greedy: they only use the gradient at the current point.

What to see:

- Top: from six starts, descent ends in six different minima. Only two of them are
  global minima, at -1.03. The two worst are above 2.1.
- Bottom: from four starts, two ascents end at one maximum and one ascent ends at the
  other, both at 2.50. The fourth ascent goes uphill until it reaches the boundary of
  the region. Its value is higher, but the point is not a maximum, since the function
  has no upper bound.

The last cell checks these statements and the first steps in numbers.

Run it with ``python examples/plot_camelback.py [picture.png]``. It takes a few
seconds.
"""

# %%
# The function
# ------------
# The function and its gradient take one argument, an array of the two variables.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skgd import check_grad, maximize, minimize
from skgd.plotting import OptimizationPathDisplay


def camelback(x):
    """The six-hump camelback."""
    a, b = x
    return (4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + (-4 + 4 * b**2) * b**2


def slope(x):
    """Its gradient."""
    a, b = x
    return np.array([8 * a - 8.4 * a**3 + 2 * a**5 + b, a - 8 * b + 16 * b**3])


# %%
# A descent, step by step
# -----------------------
# Each step goes to ``x - 0.01 * slope(x)``. The descent ends when no element of the
# gradient is larger than `gtol`.

first = minimize(
    camelback,
    [-0.5, 0.5],
    jac=slope,
    optimizer="sgd",
    learning_rate=0.01,
    gtol=1e-9,
    return_path=True,
)
print(f"{'step':>4} {'x':^24} {'value':>13} {'gradient':^24}")
for step in (0, 1, 2, first.nit):
    x = first.path[step]
    numbers = f"{x[0]:11.8f} {x[1]:11.8f} {first.fun_path[step]:14.10f}"
    print(f"{step:4}  {numbers} {slope(x)[0]:12.8f} {slope(x)[1]:11.8f}")

# %%
# Descent from six starts, ascent from four
# -----------------------------------------
# `maximize` takes the same keywords as `minimize`. The function grows without limit
# away from the origin, so the ascent needs bounds. Points outside are projected onto
# them.

options = {
    "jac": slope,
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "return_path": True,
}
starts = [(-0.5, 0.5), (-1, -0.5), (-1.5, 0.5), (1.9, -0.9), (1.5, 0.9), (-1.5, -0.9)]
descents = {f"{start}": minimize(camelback, start, **options) for start in starts}
starts = [(-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5), (1.3, 0.7)]
region = [(-1.9, 1.9), (-0.9, 0.9)]
ascents = {
    f"{start}": maximize(camelback, start, bounds=region, **options) for start in starts
}

for title, results in (("descent from", descents), ("ascent from", ascents)):
    print(f"\n{title:14} {'ends at':^18} {'value':>8} {'steps':>6}")
    for name, result in results.items():
        end = f"({result.x[0]:7.4f}, {result.x[1]:7.4f})"
        print(f"{name:14} {end} {result.fun:8.4f} {result.nit:6}")

# %%
# The picture
# -----------
# Better values are lighter: in the upper panels, these are the minima, and in the lower
# panels, the maxima. Each path begins at a circle and ends at a cross.

plt.rcParams.update({"font.size": 12, "axes.titlesize": 14})
figure, axes = plt.subplots(
    2, 2, figsize=(10, 8), layout="constrained", width_ratios=(1.4, 1)
)
views = {
    "Descent": [(-2.1, 2.1), (-1.2, 1.2)],
    "Ascent": [(-1.95, 1.95), (-0.95, 0.95)],
}
for row, (word, (xlim, ylim)), results in zip(
    axes, views.items(), (descents, ascents), strict=True
):
    display = OptimizationPathDisplay.from_results(
        camelback,
        results,
        maximize=word == "Ascent",
        log_values=False,
        ax=row,
        xlim=xlim,
        ylim=ylim,
    )
    paths, values = row
    paths.get_legend().remove()
    paths.set_title(f"{word} from {len(results)} starts")
    values.set(title=f"{word}: value at each step", xlim=(-2, 80), ylim=(-1.3, 5.2))
    values.legend(title="start", ncols=2, loc="upper right", columnspacing=1)

if "__file__" in globals():
    default = Path(__file__).with_name("camelback.png")
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


points = [(-0.5, 0.5), (-0.474875, 0.525), (-0.45064736, 0.54859625)]
check("the points of the first steps, to 8 digits", near(first.path[:3], points, 5e-9))
values = [-0.1260416667, -0.2488766468, -0.3602379916]
check("their values, to 10 digits", near(first.fun_path[:3], values, 5e-11))
slopes = [(-2.5125, -2.5), (-2.42276449, -2.359625), (-2.32499623, -2.19774783)]
check(
    "their gradients, to 8 digits",
    near([slope(x) for x in first.path[:3]], slopes, 5e-9),
)
check(
    "the end: (-0.08984201, 0.71265640), value -1.0316284535, gradient 0",
    near(first.x, (-0.08984201, 0.71265640), 1e-8)
    and near(first.fun, -1.0316284535, 5e-11)
    and near(first.jac, 0, 1e-8),
)
check(
    "the gradient is right: finite differences agree at all starts",
    max(check_grad(camelback, slope, result.path[0]) for result in descents.values())
    < 1e-5,
)
ends = np.array([result.x for result in descents.values()])
gaps = [np.linalg.norm(p - q) for i, p in enumerate(ends) for q in ends[:i]]
check("six starts, six different minima", min(gaps) > 0.5)
levels = sorted(result.fun for result in descents.values())
minima = np.repeat([-1.0316, -0.2155, 2.1043], 2)
check(
    "two lowest at -1.0316, two at -0.2155, two at 2.1043", near(levels, minima, 1e-4)
)
*tops, edge = ascents.values()
check(
    "three ascents end at two maxima, both at 2.4963",
    near([top.x for top in tops[:2]], (-1.2302, -0.1623), 1e-4)
    and near(tops[2].x, (1.2302, 0.1623), 1e-4)
    and near([top.fun for top in tops], 2.4963, 1e-4),
)
check(
    "the fourth ends at the boundary, where the gradient still points outwards",
    edge.x[1] == region[1][1] and edge.fun > 2.5 and edge.jac[1] > 1,
)
check("the function has no upper bound", camelback([100, 100]) > 1e11)
everything = [*descents.values(), *ascents.values()]
check("all met the tolerance", all(result.success for result in everything))
