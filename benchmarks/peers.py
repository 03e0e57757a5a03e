"""Training time in comparison with scikit-learn and PyTorch.

    python benchmarks/peers.py [--only NAME ...] [--dtypes float32 ...]
                               [--quick] [--rounds N] [--threads N] [--markdown]

The table shows the microseconds that skgd needs for each update (for predict_proba, for
each call), how many times as long the other libraries take, with our goal in brackets,
and the share of our time that the matrix products alone need.

All libraries do the same work: a fixed number of epochs without stopping, shuffling
before each epoch, and one thread on one CPU. The whole `fit` is timed, including the
validation of the data and the copies of the learned parameters. The libraries take
turns, so that changes in the speed of the machine affect all of them, and the best
decile of the CPU times counts. With `--threads`, all CPUs may be used, and the elapsed
times count.

- Networks have 10 classes, softmax, ReLU, Adam and an L2 penalty. PyTorch runs in eager
  mode with its fused Adam. "products" are the matrix products of the forward and
  backward passes, computed by the same BLAS repeatedly in the same memory.
- Linear models have the squared error and an L2 penalty. With one sample for each
  update, plain SGD is compared with `SGDRegressor`. "adam" has batches of 256.

PyTorch is optional. `--quick` runs fewer rounds and leaves out the large network.
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
from scipy.linalg import blas
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
DROPOUT = 0.2

# `wanted`: library -> ratios in float32 and float64
WORKLOADS = {
    "tiny": dict(
        n=150, d=4, hidden=(100,), batch=150, epochs=1500,
        wanted={"sklearn": (9, 6.5), "torch": (6.5, 5)},
    ),
    "small": dict(
        n=20_000, d=20, hidden=(100,), batch=200, epochs=15,
        wanted={"sklearn": (8, 5.5), "torch": (6.5, 4.8)},
    ),
    "medium": dict(
        n=100_000, d=50, hidden=(256, 256), batch=256, epochs=2,
        wanted={"sklearn": (2.7, 2.2), "torch": (1.7, 1.5)},
    ),
    "large": dict(
        n=100_000, d=100, hidden=(512, 512, 512), batch=1024, epochs=1,
        wanted={"sklearn": (1.5, 1.25), "torch": (1.1, 1.1)},
    ),
    "one": dict(
        n=5_000, d=20, hidden=(100,), batch=1, epochs=2,
        wanted={"sklearn": (50, 25), "torch": (50, 30)},
    ),
    "regularised": dict(
        n=20_000, d=20, hidden=(100,), batch=200, epochs=15, regularised=True,
        wanted={"torch": (6, 4.5)},
    ),
    "linear-20": dict(n=100_000, d=20, epochs=20, wanted={"sklearn": (6, 4.5)}),
    "linear-100": dict(n=100_000, d=100, epochs=10, wanted={"sklearn": (6, 3)}),
    "linear-1000": dict(n=20_000, d=1000, epochs=10, wanted={"sklearn": (6, 3)}),
    "linear-sparse": dict(
        n=50_000, d=20_000, per_row=20, epochs=20, wanted={"sklearn": (2, 1.6)}
    ),
    "linear-adam": dict(
        n=100_000, d=100, batch=256, epochs=10, wanted={"torch": (6, 5)}
    ),
    "predict": dict(
        n=100_000, d=50, hidden=(256, 256), batch=256, epochs=0,
        wanted={"sklearn": (1.5, 1.3), "torch": (1, 1)},
    ),
}  # fmt: skip


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


def data_of(w, dtype):
    """Features and target of a workload."""
    if "hidden" in w:
        return network_data(w["n"], w["d"], dtype)
    return linear_data(w["n"], w["d"], dtype, w.get("per_row"))


# ---------------------------------------------------------------- who runs
def our_network(w):
    """The estimator with what the others have, and nothing more."""
    options = dict(dropout=DROPOUT, batch_norm=True) if "regularised" in w else {}
    return MLPGDClassifier(
        w["hidden"],
        alpha=ALPHA,
        batch_size=w["batch"],
        learning_rate="constant",
        learning_rate_init=1e-3,
        max_iter=max(w["epochs"], 1),
        tol=None,
        standardize=False,
        early_stopping=False,
        random_state=0,
        **options,
    )


def their_network(w):
    """The same in scikit-learn."""
    return MLPClassifier(
        w["hidden"],
        alpha=ALPHA,
        batch_size=w["batch"],
        learning_rate_init=1e-3,
        max_iter=max(w["epochs"], 1),
        n_iter_no_change=w["epochs"] + 1,
        tol=0,
        random_state=0,
    )


def torch_network(w, dtype):
    """The same in PyTorch."""
    layers, width = [], w["d"]
    for n_units in w.get("hidden", ()):
        layers += [torch.nn.Linear(width, n_units, dtype=dtype)]
        if "regularised" in w:
            layers += [torch.nn.BatchNorm1d(n_units, dtype=dtype), torch.nn.ReLU()]
            layers += [torch.nn.Dropout(DROPOUT)]
        else:
            layers += [torch.nn.ReLU()]
        width = n_units
    n_outputs = N_CLASSES if "hidden" in w else 1
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, n_outputs, dtype=dtype))


def train_torch(w, X, y):
    """The usual training loop in PyTorch."""
    torch.manual_seed(0)
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    model = torch_network(w, X.dtype)
    loss_of = torch.nn.CrossEntropyLoss()
    decay = ALPHA / w["batch"]
    if "hidden" not in w:
        loss_of, y, decay = torch.nn.MSELoss(), y[:, None], ALPHA
    optimizer = torch.optim.Adam(
        model.parameters(), lr=1e-3, weight_decay=decay, fused=True
    )
    for _ in range(w["epochs"]):
        for rows in torch.randperm(len(X)).split(w["batch"]):
            optimizer.zero_grad()
            loss_of(model(X[rows]), y[rows]).backward()
            optimizer.step()


def predict_runs(w, X, y):
    """Name of the library -> a function that predicts probabilities."""
    ours, theirs = our_network(w).fit(X, y), their_network(w).fit(X, y)
    runs = {
        "skgd": lambda: ours.predict_proba(X),
        "sklearn": lambda: theirs.predict_proba(X),
    }
    if torch is not None:
        rows = torch.from_numpy(X)
        model = torch_network(w, rows.dtype).eval()

        def predict():
            # in pieces, which is faster than all at once
            with torch.inference_mode():
                pieces = [model(part).softmax(1) for part in rows.split(1024)]
                return torch.cat(pieces).numpy()

        runs["torch"] = predict
    return runs


def fit_runs(w, X, y):
    """Name of the library -> a function that trains the model."""
    if "hidden" in w:
        ours, theirs = our_network(w), their_network(w)
    else:
        ours = GDRegressor(
            alpha=ALPHA,
            solver="minibatch" if "batch" in w else "sgd",
            batch_size=w.get("batch", "auto"),
            optimizer="adam" if "batch" in w else "sgd",
            learning_rate="constant",
            learning_rate_init=RATE,
            max_iter=w["epochs"],
            tol=None,
            standardize=False,
            early_stopping=False,
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
    runs = {"skgd": lambda: ours.fit(X, y)}
    if "sklearn" in w["wanted"]:
        runs["sklearn"] = lambda: theirs.fit(X, y)
    if torch is not None and "torch" in w["wanted"]:
        runs["torch"] = lambda: train_torch(w, X, y)
    return runs


def products(w, dtype):
    """A function that multiplies the matrices of one pass over the data."""
    gemm = blas.get_blas_funcs("gemm", dtype=dtype)
    rng = np.random.default_rng(0)
    m, widths = min(w["batch"], w["n"]), (w["d"], *w["hidden"], N_CLASSES)

    def matrix(rows, columns):
        # Fortran order, which the products neither copy nor transpose
        return np.asfortranarray(rng.standard_normal((rows, columns)), dtype=dtype)

    calls = []
    for layer, (k, n) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        A, W, Z, dW = matrix(k, m), matrix(n, k), matrix(n, m), matrix(n, k)
        calls.append(((W, A), dict(c=Z)))
        if w["epochs"]:
            calls.append(((Z, A), dict(c=dW, trans_b=1)))
        if w["epochs"] and layer > 0:
            calls.append(((W, Z), dict(c=A.copy(order="F"), trans_a=1)))

    def run():
        for _ in range(max(w["epochs"], 1) * -(-w["n"] // m)):
            for factors, options in calls:
                gemm(1, *factors, overwrite_c=1, **options)

    return run


# ---------------------------------------------------------------- measuring
def seconds(name, dtype, n_rounds, clock):
    """Name of the library -> the best decile of the rounds."""
    w = WORKLOADS[name]
    X, y = data_of(w, dtype)
    runs = (fit_runs if w["epochs"] else predict_runs)(w, X, y)
    if "hidden" in w and w["batch"] > 1:
        runs["products"] = products(w, dtype)
    times = {library: [] for library in runs}
    for _ in range(n_rounds):
        for library, run in runs.items():
            start = clock()
            run()
            times[library].append(clock() - start)
    return {library: float(np.quantile(times[library], 0.1)) for library in runs}


def cells_of(name, dtype, times):
    """A line of the table."""
    w = WORKLOADS[name]
    n_steps = max(w["epochs"] * -(-w["n"] // w.get("batch", 1)), 1)
    ours = times["skgd"]
    cells = [name, dtype, f"{1e6 * ours / n_steps:.3f}"]
    for library in ("sklearn", "torch"):
        cells.append("-")
        if library in times:
            wanted = w["wanted"][library][dtype == "float64"]
            cells[-1] = f"{times[library] / ours:.2f} ({wanted:g})"
    share = times.get("products", np.nan) / ours
    return [*cells, f"{100 * share:.0f}%" if share == share else "-"]


def print_line(cells, markdown):
    """Print a line of the table."""
    if markdown:
        print("| " + " | ".join(cells) + " |", flush=True)
    else:
        widths = (14, 8, 12, 15, 15, 9)
        print(
            "".join(f"{c:>{n}}" for c, n in zip(cells, widths, strict=True)), flush=True
        )


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(WORKLOADS), metavar="NAME")
    dtypes = ["float32", "float64"]
    parser.add_argument("--dtypes", nargs="+", choices=dtypes, default=dtypes)
    parser.add_argument("--rounds", type=int, help="default: 11, or 3 with --quick")
    parser.add_argument("--threads", type=int, default=1, help="default: 1")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--markdown", action="store_true", help="print a Markdown table"
    )
    return parser.parse_args()


def main():
    """Measure, and print a table."""
    arguments = parse()
    warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are fixed
    n_threads = arguments.threads
    clock = time.process_time if n_threads == 1 else time.perf_counter
    if n_threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if torch is not None:
        torch.set_num_threads(n_threads)
    modules = [np, scipy, sklearn, skgd] + ([torch] if torch is not None else [])
    versions = [f"{module.__name__} {module.__version__}" for module in modules]
    print(f"Python {platform.python_version()}, {', '.join(versions)}")
    print(f"Threads: {n_threads}\n")
    header = ["workload", "dtype", "skgd, us", "sklearn/skgd", "torch/skgd", "products"]
    print_line(header, arguments.markdown)
    if arguments.markdown:
        print_line(["---"] * len(header), True)
    names = arguments.only or [
        n for n in WORKLOADS if not (arguments.quick and n == "large")
    ]
    with threadpool_limits(n_threads):
        for name in names:
            for dtype in arguments.dtypes:
                n_rounds = arguments.rounds or (3 if arguments.quick else 11)
                times = seconds(name, dtype, n_rounds, clock)
                print_line(cells_of(name, dtype, times), arguments.markdown)


if __name__ == "__main__":
    main()
