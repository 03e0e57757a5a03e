"""What an epoch costs in a cluster: gradients of whole batches, and local steps.

    python benchmarks/cluster.py [--rows 200000] [--repeats 3]

A linear model and a network are trained in one process and on two worker processes of
this machine, each with one thread and one partition. For an epoch, the script prints
the time on the clock, the processor time of the process that calls `fit` and of the
busier worker, and the bytes of the pickled messages in both directions. Times are
medians over the epochs of all repetitions, without the first epoch of each. The kinds
of training take turns, so that other programs slow all of them down. Processor times
depend less on other programs. The first table has the time of messages alone, which the
model in docs/large_data.md needs.
"""

import argparse
import pickle
import time
import warnings
from statistics import median

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from skgd import GDRegressor, MLPGDRegressor
from skgd.dask import fit
from skgd.dask.rows import Actors

N_WORKERS = 2
MODES = {"one process": None, "gradients": {}, "local steps": {"local_steps": "epoch"}}
BATCH_SIZES = (256, 4096, 65_536)


class Clock:
    """A constant learning rate that takes note of the times when an epoch begins."""

    def __init__(self, n_updates, client):
        self.n_updates, self.client = n_updates, client
        self.ends, self.begins = [], []

    def __call__(self, step):
        if step % self.n_updates == 0:
            own = time.perf_counter(), time.process_time()
            workers = list(self.client.run(time.process_time).values())
            self.ends.append((*own, *workers))
            own = time.perf_counter(), time.process_time()
            self.begins.append((*own, *workers))
        return 1e-3

    def __deepcopy__(self, memo):  # `clone`
        return self

    def epochs(self):
        """The times of each epoch but the first: clock, this process, a worker."""
        spent = np.array(self.ends)[2:] - np.array(self.begins)[1:-1]
        return np.column_stack([spent[:, :2], spent[:, 2:].max(axis=1)])


class Echo:
    """An actor that returns what it gets."""

    def give_back(self, values):
        """Return the values."""
        return values


def train(model, X, y, client, options):
    """Fit a model in one process or in the cluster."""
    if options is None:
        return clone(model).fit(X, y)
    rows = da.from_array(X, chunks=(-(-len(X) // N_WORKERS), X.shape[1]))
    return fit(clone(model), rows, y, client=client, **options)


def times_of_epochs(model, X, y, client, options):
    """The times of each epoch but the first, see `Clock.epochs`."""
    clock = Clock(-(-len(X) // model.batch_size), client)
    train(model.set_params(learning_rate=clock), X, y, client, options)
    return clock.epochs()


def bytes_of_an_epoch(model, X, y, client, options):
    """The bytes of all messages of an epoch."""
    sizes, call = [], Actors.call

    def counted(self, method, calls):
        is_step = method in ("evaluate", "train")
        if is_step:
            sizes.extend(len(pickle.dumps(arguments)) for arguments in calls)
        for answer in call(self, method, calls):
            if is_step:
                sizes.append(len(pickle.dumps(answer)))
            yield answer

    Actors.call = counted
    try:
        train(
            model.set_params(learning_rate="constant", max_iter=1),
            X,
            y,
            client,
            options,
        )
    finally:
        Actors.call = call
    return sum(sizes)


def models():
    """The models, with the most epochs that are timed."""
    common = {"tol": None, "alpha": 1e-4, "random_state": 0}
    yield "linear", GDRegressor(solver="minibatch", **common)
    yield "network", MLPGDRegressor((128, 128), early_stopping=False, **common)


def measure(X, y, client, repeats):
    """Print the times and the bytes of an epoch."""
    print("an epoch: ms on the clock, of this process, of a worker; kB of messages")
    for kind, model in models():
        for batch_size in BATCH_SIZES:
            model.set_params(batch_size=batch_size)
            found = {name: [] for name in MODES}
            for _ in range(repeats):
                for name, options in MODES.items():
                    slow = name == "gradients" and batch_size < 1000
                    model.set_params(max_iter=3 if slow else 6)
                    found[name] += list(times_of_epochs(model, X, y, client, options))
            for name, options in MODES.items():
                times = "".join(f"{1e3 * t:10.1f}" for t in np.median(found[name], 0))
                n_bytes = bytes_of_an_epoch(model, X, y, client, options)
                row = f"{kind:8}{batch_size:>7} {name:12}{times}{n_bytes / 1e3:10.0f}"
                print(row, flush=True)


def measure_messages(client, repeats):
    """Print the time in which all workers give some numbers back."""
    print("numbers to each worker and back: ms")
    workers = list(client.scheduler_info()["workers"])
    actors = [
        client.submit(Echo, actor=True, pure=False, workers=[worker]).result()
        for worker in workers
    ]
    for n in (10, 10_000, 100_000, 1_000_000):
        values, times = np.ones(n), []
        for _ in range(20 * repeats):
            start = time.perf_counter()
            for answer in [actor.give_back(values) for actor in actors]:
                answer.result()
            times.append(time.perf_counter() - start)
        print(f"{n:10}{1e3 * median(times):10.2f}")


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((arguments.rows, 50))
    y = X[:, 0] + np.sin(3 * X[:, 1]) + 0.3 * rng.standard_normal(len(X))
    with (
        threadpool_limits(1),
        LocalCluster(
            n_workers=N_WORKERS, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        measure_messages(client, arguments.repeats)
        measure(X, y, client, arguments.repeats)


if __name__ == "__main__":
    main()
