"""A picture of how the time of an epoch grows, and the slopes of its lines.

    python benchmarks/scaling.py [--out docs/performance.png]

Each line varies one size over about three decades and keeps the others constant. To
leave out what happens once in each fit, the time of an epoch is computed from the
difference between two fits with different numbers of epochs. On logarithmic axes,
linear growth has slope 1 and quadratic growth has slope 2. The script prints the
steepest slope between neighbouring points in the upper half of each line, where
constant costs no longer hide the growth.
"""

import argparse
import time
import warnings

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor

COMMON = dict(
    tol=None,
    standardize=False,
    learning_rate="constant",
    learning_rate_init=1e-4,
    early_stopping=False,
    random_state=0,
)


def data(n, d, classes=None, outputs=None, per_row=None):
    """Features and target."""
    rng = np.random.default_rng(0)
    if per_row is None:
        X = rng.standard_normal((n, d), dtype=np.float32)
    else:
        columns = rng.integers(0, d, n * per_row)
        starts = np.arange(0, n * per_row + 1, per_row)
        values = rng.standard_normal(n * per_row, dtype=np.float32)
        X = sparse.csr_matrix((values, columns, starts), shape=(n, d))
    if classes is not None:
        return X, np.arange(n) % classes
    shape = n if outputs is None else (n, outputs)
    return X, rng.standard_normal(shape, dtype=np.float32)


def linear(n=20_000, d=20, **options):
    """A linear model, one sample for each update."""
    kind = GDRegressor if options.get("classes") is None else GDClassifier
    return kind(solver="sgd", optimizer="sgd", **COMMON), data(n, d, **options)


def network(n=2_000, d=20, hidden=(50,), **options):
    """A network in batches of 200."""
    kind = MLPGDRegressor if options.get("classes") is None else MLPGDClassifier
    return kind(hidden, batch_size=200, **COMMON), data(n, d, **options)


# title -> values of the size that varies, and what it makes
LINES = {
    "linear: samples": ([1000, 10_000, 100_000, 1_000_000], lambda v: linear(n=v)),
    "linear: features": ([10, 100, 1000, 10_000], lambda v: linear(n=2000, d=v)),
    "linear: outputs": ([2, 20, 200, 2000], lambda v: linear(n=2000, outputs=v)),
    "linear: classes": ([3, 20, 200, 2000], lambda v: linear(n=4000, classes=v)),
    "linear: stored values of a sparse row": (
        [2, 20, 200, 2000],
        lambda v: linear(n=2000, d=200_000, per_row=v),
    ),
    "linear: columns of sparse rows": (
        [1000, 10_000, 100_000, 1_000_000],
        lambda v: linear(d=v, per_row=20),
    ),
    "network: samples": ([1000, 10_000, 100_000, 1_000_000], lambda v: network(n=v)),
    "network: features": ([10, 100, 1000, 10_000], lambda v: network(d=v)),
    "network: hidden units": (
        [10, 100, 1000, 10_000],
        lambda v: network(hidden=(v,), n=1000),
    ),
    "network: layers": (
        [1, 4, 16, 64, 256],
        lambda v: network(hidden=(50,) * v, n=1000),
    ),
    "network: outputs": ([2, 20, 200, 2000], lambda v: network(outputs=v)),
    "network: classes": ([3, 20, 200, 2000], lambda v: network(n=4000, classes=v)),
}


def seconds_of_an_epoch(model, X, y):
    """The least of some differences between a long and a short fit."""

    def seconds(epochs):
        model.set_params(max_iter=epochs)
        start = time.process_time()
        model.fit(X, y)
        return time.process_time() - start

    epochs = 1
    while (once := seconds(1 + epochs) - seconds(1)) < 0.05 and epochs < 4096:
        epochs *= 4 if once < 0.0125 else 2
    return min(seconds(1 + epochs) - seconds(1) for _ in range(3)) / epochs


def draw(measured, path):
    """The picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for title, (values, times) in measured.items():
        kind, name = title.split(": ")
        ax = axes[int(kind == "network")]
        ax.plot(values, times, "o-", markersize=3, label=name)
        ax.set(title=kind, xscale="log", yscale="log", xlabel="size")
    for ax in axes:
        x = np.array([10, 1e4])
        ax.plot(x, x * 1e-7, color="0.7", linestyle="--", label="linear growth")
        ax.legend(fontsize=7)
        ax.grid(color="0.9")
    axes[0].set_ylabel("seconds for an epoch")
    figure.savefig(path, dpi=130)


def main():
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", help="file in which the picture is saved")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    measured = {}
    with threadpool_limits(1):
        for title, (values, make) in LINES.items():
            times = []
            for value in values:
                model, (X, y) = make(value)
                times.append(max(seconds_of_an_epoch(model, X, y), 1e-9))
            slopes = np.diff(np.log(times)) / np.diff(np.log(values))
            steepest = slopes[len(slopes) // 2 :].max()
            each = ", ".join(f"{1e3 * t:.3g}" for t in times)
            print(f"{title:40} slope {steepest:5.2f}   ms: {each}", flush=True)
            measured[title] = values, times
    if arguments.out:
        draw(measured, arguments.out)


if __name__ == "__main__":
    main()
