"""
==========================================
Five optimizers on a bowl and in a valley
==========================================

An optimizer is a small object that turns a gradient into a step. This example applies
five optimizers to a dictionary of arrays and then uses them in `skgd.minimize` for two
functions of two variables.

What to see:

- In a long and narrow bowl, plain gradient descent (SGD) jumps across the long axis in
  every step. The paths of the other four optimizers bend towards the axis, and their
  movement across it is less than a third as long.
- In the curved valley of the Rosenbrock function, the way to the minimum is long and
  the gradient is small. Momentum and Adam reach the minimum within 10,000 steps. SGD
  and AdaGrad are still on their way. RMSprop keeps moving around the minimum, because
  its steps do not get shorter.
- From time to time, Adam jumps away from the minimum and comes back. The reason is that
  it divides by the size of the recent gradients, which is almost zero at the minimum.

The last cell checks these statements in numbers.

Run it with ``python examples/plot_optimizers.py [picture.png]``. It takes about 4
seconds.
"""

# %%
# By hand
# -------
# ``update(params, grads)`` changes the arrays in place. The optimizer keeps its state
# (such as a velocity) separately for each name in the dictionary. The learning rates
# differ, since the same rate has a different effect in each optimizer.

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skgd import minimize
from skgd.optimizers import SGD, AdaGrad, Adam, Momentum, RMSprop
from skgd.plotting import OptimizationPathDisplay

optimizers = {
    "SGD": SGD(learning_rate=0.95),
    "Momentum": Momentum(learning_rate=0.1),
    "AdaGrad": AdaGrad(learning_rate=1.5),
    "RMSprop": RMSprop(learning_rate=0.3),
    "Adam": Adam(learning_rate=0.3),
}
by_hand = {}
for name, optimizer in optimizers.items():
    params = {"x": np.array([-7.0]), "y": np.array([2.0])}
    for _ in range(30):
        # the gradient of x**2 / 20 + y**2
        grads = {"x": params["x"] / 10, "y": 2 * params["y"]}
        optimizer.update(params, grads)
    by_hand[name] = np.concatenate([params["x"], params["y"]])

# %%
# The bowl
# --------
# `skgd.minimize` makes the same steps. With ``return_path=True``, it returns all points
# of the path. With ``gtol=None``, it makes all steps, even at the minimum. (`minimize`
# does not use or change the state that `update` keeps in the object.)


def bowl(p):
    return p[0] ** 2 / 20 + p[1] ** 2


def bowl_gradient(p):
    return [p[0] / 10, 2 * p[1]]


on_bowl = {
    name: minimize(
        bowl,
        [-7.0, 2.0],
        jac=bowl_gradient,
        optimizer=optimizer,
        max_iter=30,
        gtol=None,
        return_path=True,
    )
    for name, optimizer in optimizers.items()
}

print("Bowl, 30 steps from (-7, 2):")
print(f"{'optimizer':10} {'x':>9} {'y':>9} {'f':>9} {'way in y':>9} {'crossings':>9}")
way, crossings = {}, {}
for name, result in on_bowl.items():
    y = result.path[:, 1]
    way[name] = np.sum(np.abs(np.diff(y)))
    # of the long axis, without distances that are too small to see
    crossings[name] = np.sum((y[1:] * y[:-1] < 0) & (np.abs(y[1:]) > 1e-3))
    print(
        f"{name:10} {result.x[0]:9.4f} {result.x[1]:9.4f} {result.fun:9.4f} "
        f"{way[name]:9.2f} {crossings[name]:9}"
    )

# %%
# The valley
# ----------
# The Rosenbrock function has its minimum at (1, 1), in a valley along a parabola.


def valley(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def valley_gradient(p):
    off = p[1] - p[0] ** 2
    return [-2 * (1 - p[0]) - 400 * p[0] * off, 200 * off]


optimizers = {
    "SGD": SGD(learning_rate=0.001),
    "Momentum": Momentum(learning_rate=0.0005),
    "AdaGrad": AdaGrad(learning_rate=0.1),
    "RMSprop": RMSprop(learning_rate=0.01),
    "Adam": Adam(learning_rate=0.01),
}
in_valley = {
    name: minimize(
        valley,
        [-1.5, 2.5],
        jac=valley_gradient,
        optimizer=optimizer,
        max_iter=10_000,
        gtol=None,
        return_path=True,
    )
    for name, optimizer in optimizers.items()
}

print("\nRosenbrock function, from (-1.5, 2.5):")
for n_steps in (100, 10_000):
    print(f"after {n_steps} steps {'x':>8} {'y':>11} {'f':>12}")
    for name, result in in_valley.items():
        x, y = result.path[n_steps]
        print(f"  {name:12} {x:11.8f} {y:11.8f} {result.fun_path[n_steps]:12.6g}")

# %%
# The picture
# -----------
# The paths are on the left and the values on the right. ``display.animate()`` creates
# an animation, which ``.save("path.gif", writer="pillow")`` saves. We replace the
# legends of the displays by one legend below the picture, which does not cover
# anything.

plt.rcParams.update({"font.size": 13, "axes.titlesize": 14})
figure, axes = plt.subplots(2, 2, figsize=(12, 9.5), layout="constrained")
OptimizationPathDisplay.from_results(bowl, on_bowl, optimum=[0, 0], ax=axes[0])
OptimizationPathDisplay.from_results(
    valley, in_valley, optimum=[1, 1], ax=axes[1], ylim=(-0.4, 2.8)
)
for ax in axes[:, 0]:
    legend = ax.get_legend()
    legend.remove()
figure.legend(handles=legend.legend_handles, loc="outside lower center", ncols=8)
axes[0, 0].set_title("A long, narrow bowl")
axes[0, 1].set_title("30 steps on the bowl")
axes[1, 0].set_title("Rosenbrock's valley")
# values below this range are at the minimum
axes[1, 1].set(title="10,000 steps in the valley", ylim=(1e-12, 1e3))

if "__file__" in globals():
    default = Path(__file__).with_name("optimizers.png")
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    figure.savefig(picture, dpi=100)
    print(f"\nPicture: {picture}")

# %%
# Check
# -----
# The reference for the valley was computed with NumPy. After 10,000 steps, the last
# digits of Adam are chaotic, so only its distance from the minimum is checked.


def check(statement, holds):
    """Print a statement, or raise where it does not hold."""
    if not holds:
        raise AssertionError(f"not true: {statement}")
    print(f"checked: {statement}")


check(
    "update and minimize make the same steps",
    all(np.allclose(by_hand[name], on_bowl[name].x) for name in by_hand),
)
check("in the bowl, SGD crosses the axis in every step", crossings["SGD"] == 30)
others = [name for name in on_bowl if name != "SGD"]
check(
    "the others cross it at most five times",
    max(crossings[name] for name in others) <= 5,
)
check(
    "and move less than a third as far across it",
    max(way[name] for name in others) < way["SGD"] / 3,
)

reference = {
    ("SGD", 100): (-1.43895475, 2.07827576, 5.954406181),
    ("RMSprop", 100): (-1.44510831, 2.10798598, 6.017158846),
    ("Adam", 100): (-1.53115606, 2.35174454, 6.412088275),
    ("SGD", 10_000): (0.98963464, 0.97933498, 1.07615e-4),
    ("RMSprop", 10_000): (0.98014172, 0.97552919, 0.0224507459),
}
for (name, n_steps), (x, y, f) in reference.items():
    result = in_valley[name]
    check(
        f"{name} is at the reference point after {n_steps} steps",
        np.allclose(result.path[n_steps], [x, y], rtol=0, atol=1e-7)
        and np.isclose(result.fun_path[n_steps], f, rtol=1e-5),
    )
check("Adam after 10000 steps: |x - 1| < 1e-3", abs(in_valley["Adam"].x[0] - 1) < 1e-3)

end = {name: result.fun for name, result in in_valley.items()}
adam = in_valley["Adam"].fun_path
check(
    "Momentum and Adam reach the minimum, to 1e-12",
    max(end["Momentum"], adam.min()) < 1e-12,
)
check("Adam jumps away again, by more than 1e-4", adam[adam.argmin() :].max() > 1e-4)
check(
    "SGD and AdaGrad are still on their way",
    all(
        1e-12 < end[name] < in_valley[name].fun_path[-1000]
        for name in ("SGD", "AdaGrad")
    ),
)
steps = np.linalg.norm(np.diff(in_valley["RMSprop"].path, axis=0), axis=1)
check(
    "RMSprop stays 0.01 above the minimum, and its steps remain at 0.014",
    in_valley["RMSprop"].fun_path.min() > 0.01
    and np.allclose(steps[-1000:], 0.01 * np.sqrt(2), rtol=0.01),
)
