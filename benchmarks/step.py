"""Time of one update, next to scikit-learn and PyTorch.

    python benchmarks/step.py [--workloads NAME ...] [--dtypes float32 ...]
                              [--repeats N] [--large]

Prints microseconds of CPU time for each update (step), and how many times as long the
others take. A workload is a fixed number of epochs without stopping; a whole `fit` is
timed, with its checks of the data. All libraries shuffle before each epoch and
have one thread. The rounds are interleaved, so that a change of the machine's
speed meets all of them, and the fastest of `--repeats` rounds counts.

- Networks: 10 classes, softmax, ReLU, Adam; PyTorch is eager, with fused Adam.
- Linear models: squared error, one sample for each update, plain SGD, L2 penalty.

PyTorch is optional.
"""

import argparse
import os
import platform
import time
import warnings

import numpy as np
import scipy
import sklearn
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDRegressor
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import skgd
from skgd import GDRegressor, MLPGDClassifier

try:
    import torch
except ImportError:
    torch = None

N_CLASSES, ALPHA, RATE = 10, 1e-4, 1e-4

NETWORKS = {
    "tiny": dict(n=150, d=4, hidden=(100,), batch=150, epochs=400),
    "small": dict(n=20_000, d=20, hidden=(100,), batch=200, epochs=3),
    "medium": dict(n=100_000, d=50, hidden=(256, 256), batch=256, epochs=1),
    "large": dict(n=100_000, d=100, hidden=(512, 512, 512), batch=1024, epochs=1),
    "one": dict(n=5_000, d=20, hidden=(100,), batch=1, epochs=1),
}
LINEAR = {
    "100k x 20": dict(n=100_000, d=20, epochs=8),
    "100k x 100": dict(n=100_000, d=100, epochs=4),
    "20k x 1000": dict(n=20_000, d=1000, epochs=4),
    "50k x 20k sparse": dict(n=50_000, d=20_000, per_row=20, epochs=8),
}
WORKLOADS = {**NETWORKS, **LINEAR}


# ---------------------------------------------------------------- data
def network_data(n, d, dtype):
    """Normal features; classes from a noisy linear map."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    scores = X @ rng.standard_normal((d, N_CLASSES))
    y = (scores + rng.standard_normal(scores.shape)).argmax(axis=1)
    return X.astype(dtype), y


def linear_data(n, d, dtype, per_row=None):
    """Normal features, or `per_row` of them in each row; a noisy linear target."""
    rng = np.random.default_rng(0)
    if per_row is None:
        X = rng.standard_normal((n, d))
    else:
        columns = np.sort(rng.integers(0, d, (n, per_row)), axis=1).ravel()
        values = rng.standard_normal(n * per_row)
        starts = np.arange(0, n * per_row + 1, per_row)
        X = sparse.csr_matrix((values, columns, starts), shape=(n, d))
        X.sum_duplicates()
    y = X @ rng.standard_normal(d) / np.sqrt(d) + 0.1 * rng.standard_normal(n)
    return X.astype(dtype), y.astype(dtype)


# ---------------------------------------------------------------- who runs
def network_runs(w, X, y):
    """Name of the library -> a function that trains the network."""
    ours = MLPGDClassifier(
        w["hidden"],
        alpha=ALPHA,
        batch_size=w["batch"],
        max_iter=w["epochs"],
        tol=None,
        random_state=0,
    )
    theirs = MLPClassifier(
        w["hidden"],
        alpha=ALPHA,
        batch_size=w["batch"],
        max_iter=w["epochs"],
        n_iter_no_change=w["epochs"] + 1,
        tol=0,
        random_state=0,
    )
    runs = {"skgd": lambda: ours.fit(X, y), "sklearn": lambda: theirs.fit(X, y)}
    if torch is not None:
        runs["torch"] = lambda: train_torch(w, X, y)
    return runs


def train_torch(w, X, y):
    """The usual training loop in PyTorch."""
    torch.manual_seed(0)
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    layers, width = [], X.shape[1]
    for n_units in w["hidden"]:
        layers += [torch.nn.Linear(width, n_units, dtype=X.dtype), torch.nn.ReLU()]
        width = n_units
    model = torch.nn.Sequential(
        *layers, torch.nn.Linear(width, N_CLASSES, dtype=X.dtype)
    )
    loss_of = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(
        model.parameters(), lr=1e-3, weight_decay=ALPHA / w["batch"], fused=True
    )
    for _ in range(w["epochs"]):
        for rows in torch.randperm(len(X)).split(w["batch"]):
            optimizer.zero_grad()
            loss_of(model(X[rows]), y[rows]).backward()
            optimizer.step()


def linear_runs(w, X, y):
    """Name of the library -> a function that trains the linear model."""
    ours = GDRegressor(
        alpha=ALPHA,
        solver="sgd",
        optimizer="sgd",
        learning_rate_init=RATE,
        max_iter=w["epochs"],
        tol=None,
        random_state=0,
    )
    theirs = SGDRegressor(
        alpha=ALPHA,
        learning_rate="constant",
        eta0=RATE,
        max_iter=w["epochs"],
        tol=None,
        random_state=0,
    )
    return {"skgd": lambda: ours.fit(X, y), "sklearn": lambda: theirs.fit(X, y)}


# ---------------------------------------------------------------- measuring
def microseconds_per_step(name, dtype, repeats):
    """Name of the library -> microseconds; the fastest of the rounds."""
    w = WORKLOADS[name]
    if name in NETWORKS:
        runs = network_runs(w, *network_data(w["n"], w["d"], dtype))
    else:
        runs = linear_runs(w, *linear_data(w["n"], w["d"], dtype, w.get("per_row")))
    n_steps = w["epochs"] * -(-w["n"] // w.get("batch", 1))
    best = dict.fromkeys(runs, np.inf)
    for _ in range(repeats):
        for library, run in runs.items():
            start = time.process_time()
            run()
            best[library] = min(best[library], time.process_time() - start)
    return {library: 1e6 * seconds / n_steps for library, seconds in best.items()}


def print_header(libraries):
    """Print what is measured, with which versions."""
    modules = [np, scipy, sklearn, skgd] + ([torch] if torch is not None else [])
    versions = [f"{module.__name__} {module.__version__}" for module in modules]
    print(f"Python {platform.python_version()}, {', '.join(versions)}")
    print(f"{platform.machine()}, {os.cpu_count()} CPUs; one thread, CPU time\n")
    ratios = "".join(f" {library + '/skgd':>13}" for library in libraries[1:])
    print(f"{'workload':18} {'dtype':8} {'skgd, us/step':>14}{ratios}")


def main():
    """Parse the command line, measure, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workloads", nargs="+", choices=list(WORKLOADS))
    dtypes = ["float32", "float64"]
    parser.add_argument("--dtypes", nargs="+", choices=dtypes, default=dtypes)
    parser.add_argument("--repeats", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument(
        "--large", action="store_true", help="also the large network (minutes)"
    )
    arguments = parser.parse_args()
    chosen = arguments.workloads or [
        name for name in WORKLOADS if arguments.large or name != "large"
    ]
    warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are fixed
    libraries = ["skgd", "sklearn"] + (["torch"] if torch is not None else [])
    if torch is not None:
        torch.set_num_threads(1)
    print_header(libraries)
    with threadpool_limits(1):
        for name in chosen:
            for dtype in arguments.dtypes:
                times = microseconds_per_step(name, dtype, arguments.repeats)
                ours = times.pop("skgd")
                ratios = "".join(f" {t / ours:13.1f}" for t in times.values())
                print(f"{name:18} {dtype:8} {ours:14.3f}{ratios}", flush=True)


if __name__ == "__main__":
    main()
