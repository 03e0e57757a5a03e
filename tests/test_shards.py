"""Batches in shards: the same numbers as without, whatever the number of threads."""

import contextlib
import multiprocessing
import os
import threading
import time

import numpy as np
import pytest
from helpers import Bound, Trainer
from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits

from skgd import MLPGDClassifier, MLPGDRegressor
from skgd._engine import shard_sizes, shards
from skgd._engine.architecture import Architecture
from skgd._engine.epoch import loss_and_gradient, training_loss
from skgd._engine.network import Data, Network, Workspace
from skgd._engine.threads import n_threads, single_blas_thread
from skgd._rules.own_loss import OwnLoss
from skgd.activations import GELU, ReLU
from skgd.losses import LogLoss, SquaredError
from skgd.optimizers import SGD, Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# large enough for shards of the least number of rows
WIDTHS = 10, 240, 240, 3
N_WEIGHTS = 10 * 240 + 240 * 240 + 240 * 3
RNG = np.random.RandomState(0)
X = RNG.standard_normal((800, 10))
Y = RNG.randint(0, 3, (800, 1)).astype(float)
WEIGHTS = RNG.randint(0, 4, 800).astype(float)


def threads(n):
    """As many threads as OpenMP would have, whatever the machine has."""
    return threadpool_limits(limits=n, user_api="openmp")


def arrays_of(model):
    """What a fit has found, as bytes."""
    curves = [np.array(model.loss_curve_)]
    arrays = [*model.coefs_, *model.intercepts_, *curves]
    return b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)


def network(*, dtype=np.float64, dropout=0.0, activation=None, batch_norm=False):
    """A network and its parameters, which are the same in each call."""
    architecture = Architecture(
        sizes=WIDTHS,
        loss=LogLoss(),
        softmax=True,
        activation=activation or ReLU(),
        dropout=(dropout, dropout),
        batch_norm=batch_norm,
    )
    rng = np.random.RandomState(1)
    theta = 0.1 * rng.standard_normal(architecture.n_params).astype(dtype)
    return architecture, theta


def bound(make, batch_size, weights=WEIGHTS, **options):
    """A network over the data, whose workspace `make` makes."""
    architecture, theta = network(**options)
    running = architecture.new_running(theta.dtype)
    weights = None if weights is None else weights.astype(theta.dtype)
    data = Data(X.astype(theta.dtype), Y.astype(theta.dtype), weights)
    net = Network(architecture, theta, running)
    return Bound(make(net, data, batch_size), architecture, theta, running)


# ---------------------------------------------------------------- the same numbers
@pytest.mark.parametrize("activation", [ReLU(), GELU()])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_the_gradient_is_that_of_the_whole_batch(weights, dropout, activation):
    found = []
    for make in (Workspace, shards.workspace):
        work = bound(
            make, 800, weights, dropout=dropout, activation=activation
        ).workspace
        loss, gradient = loss_and_gradient(work, weight_mean=1.5, seed=3)
        losses = training_loss(work, order=None, weight_mean=1.5, seed=3, step=0)
        np.testing.assert_allclose(losses[0], loss, rtol=1e-13)
        found.append((loss, gradient))
    assert isinstance(work, shards.Shards)
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-13)
    scale = np.abs(found[0][1]).max()
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=0, atol=1e-13 * scale)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"clip_norm": 0.01},
        {"l1": 1e-3, "l2": 1e-2},
        {"l1": 1e-3, "l2": 1e-2, "per_sample": True},
        {"average": lambda seen, _: 1 / np.arange(1.0, len(seen) + 1)},
        {"signs": (np.arange(N_WEIGHTS) % 5 < 2).astype(np.int8)},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
@pytest.mark.parametrize("rule", [SGD(), Adam()])
def test_updates_are_those_of_whole_batches(rule, options):
    found = []
    order = np.random.RandomState(2).permutation(800)[:700]
    for make in (Workspace, shards.workspace):
        network = bound(make, 300, dropout=0.2)
        trainer = Trainer(network, rule, **options)
        losses = [trainer.epoch([0.01, 0.02, 0.01], order, seed=7) for _ in range(2)]
        average = trainer.state.average
        found.append((losses, network.theta, average))
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-10)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=0, atol=1e-10)
    if "average" in options:
        np.testing.assert_allclose(found[1][2], found[0][2], rtol=0, atol=1e-10)


@pytest.mark.parametrize("n_rows", [200, 800])
def test_gradients_that_are_too_large_for_a_cache(n_rows):
    architecture = Architecture(sizes=(10, 600, 600, 1), loss=SquaredError())
    theta = 0.1 * np.random.RandomState(0).standard_normal(architecture.n_params)
    net = Network(architecture, theta, architecture.new_running(np.float64))
    data = Data(X[:n_rows].copy(), Y[:n_rows].copy())
    whole = loss_and_gradient(Workspace(net, data, n_rows))
    room = shards.workspace(net, data, n_rows)
    assert isinstance(room, shards.Shards)
    found = loss_and_gradient(room)
    np.testing.assert_allclose(found[0], whole[0], rtol=1e-12)
    scale = np.abs(whole[1]).max()
    np.testing.assert_allclose(found[1], whole[1], rtol=0, atol=1e-12 * scale)


def test_a_part_of_several_shards(monkeypatch):
    # as a batch of all rows has them
    whole = loss_and_gradient(bound(Workspace, 800).workspace)
    monkeypatch.setattr(shard_sizes, "MOST_PARTS", 3)
    work = bound(shards.workspace, 800).workspace
    found = []
    for n in (1, 2, 3):
        with threads(n):
            found.append(loss_and_gradient(work))
    np.testing.assert_allclose(found[0][0], whole[0], rtol=1e-13)
    np.testing.assert_allclose(found[0][1], whole[1], rtol=0, atol=1e-15)
    for loss, gradient in found[1:]:
        assert loss == found[0][0]
        np.testing.assert_array_equal(gradient, found[0][1])


# ---------------------------------------------------------------- which have shards
@pytest.mark.parametrize(
    ("widths", "batch_size", "options"),
    [
        (WIDTHS, 191, {}),
        ((20, 100, 10), 400, {}),
        ((100, 1), 115, {}),
        ((5000, 10), 127, {}),
        ((20, 100, 10), 400, {"batch_norm": True}),
        (WIDTHS, 800, {"loss": OwnLoss(None, "custom")}),
    ],
)
def test_where_shards_do_not_pay_there_are_none(widths, batch_size, options):
    options = {"loss": SquaredError(), **options}
    architecture = Architecture(sizes=widths, **options)
    theta = architecture.new_theta(np.float64)
    net = Network(architecture, theta, architecture.new_running(np.float64))
    data = Data(np.zeros((5000, widths[0])), np.zeros((5000, widths[-1])))
    assert type(shards.workspace(net, data, batch_size)) is Workspace


# ---------------------------------------------------------------- bits
FITS = [
    {},
    {"dropout": 0.2, "clip_norm": 0.1, "average": True},
    {"solver": "batch", "alpha": 1.0},
    {"solver": "batch", "learning_rate": "line_search"},
    {"solver": "batch", "optimizer": "lbfgs"},
    {"optimizer": "sgd", "penalty": "l1", "alpha": 1e-3},
    {"early_stopping": True, "input_scale": True},
    {"batch_norm": True, "dropout": 0.2, "average": "ema"},
    {"batch_norm": True, "solver": "batch", "learning_rate": "line_search"},
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", FITS, ids=lambda options: "-".join(options))
def test_bits_do_not_depend_on_the_number_of_threads(options, dtype):
    options = {"batch_size": 300, "early_stopping": False, **options}
    if options.get("optimizer") == "lbfgs" or options.get("solver") == "batch":
        del options["batch_size"]
    model = MLPGDClassifier((240, 240), max_iter=3, tol=None, random_state=0, **options)
    found, rows = set(), X.astype(dtype)
    for n in (1, 2, 5):
        with threads(n), contextlib.suppress(Warning):
            model.fit(rows, Y.ravel())
            found.add(arrays_of(model) + model.predict_proba(rows).tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_of_predictions(dtype):
    rows = np.random.RandomState(0).standard_normal((20_000, 10)).astype(dtype)
    model = MLPGDRegressor((240, 240), max_iter=1, batch_size=500, tol=None)
    model.set_params(early_stopping=False, random_state=0).fit(rows, rows[:, 0])
    found = set()
    for n in (1, 2, 5):
        with threads(n):
            found.add(model.predict(rows).tobytes())
    assert len(found) == 1
    # batches of 256 rows have the same bits alone
    assert model.predict(rows[:512]).tobytes() == found.pop()[: 512 * rows.itemsize]


# ---------------------------------------------------------------- how many threads
def test_the_limit_of_openmp_holds():
    for n in (1, 2, 3):
        with threads(n):
            assert n_threads() == n or "OMP_NUM_THREADS" not in os.environ


def test_threads_are_shared_by_fits_and_not_by_their_parts():
    with threads(4):
        most = n_threads()
        with single_blas_thread(), single_blas_thread():
            assert n_threads() == most
            other, leave = threading.Event(), threading.Event()

            def hold():
                with single_blas_thread():
                    other.set()
                    leave.wait(10)

            thread = threading.Thread(target=hold)
            thread.start()
            assert other.wait(10)
            assert n_threads() == max(most // 2, 1)
            leave.set()
            thread.join(10)
            assert n_threads() == most


def _n_threads_in_worker():
    with single_blas_thread():
        return n_threads(), os.environ["OMP_NUM_THREADS"]


def test_processes_of_joblib_have_their_share():
    with parallel_config(backend="loky", inner_max_num_threads=3):
        found = Parallel(n_jobs=2)(delayed(_n_threads_in_worker)() for _ in range(2))
    assert found == [(3, "3")] * 2


def test_python_threads_of_joblib_have_their_share():
    barrier = threading.Barrier(2)

    def work():
        with threads(4), single_blas_thread():
            barrier.wait(10)
            found = n_threads()
            barrier.wait(10)
            return found

    with threads(4):
        most = n_threads()
    found = Parallel(n_jobs=2, backend="threading")(delayed(work)() for _ in range(2))
    assert found == [max(most // 2, 1)] * 2


def n_threads_of_process():
    """The threads that the operating system sees; those that end take a moment."""
    counts = []
    for _ in range(20):
        counts.append(len(os.listdir("/proc/self/task")))
        time.sleep(0.002)
    return min(counts)


def test_threads_live_during_an_epoch():
    seen = []

    def score(model, X, y):
        seen.append(n_threads_of_process())
        return 0.0

    before = n_threads_of_process()
    model = MLPGDClassifier((240, 240), batch_size=300, max_iter=3, random_state=0)
    with threads(3):
        model.set_params(early_stopping=True, scoring=score).fit(X, Y.ravel())
    assert set(seen) == {before}
    assert n_threads_of_process() == before


def test_fits_in_several_python_threads():
    found = []

    def fit():
        with threads(2):
            model = MLPGDClassifier((240, 240), batch_size=300, random_state=0)
            model.set_params(max_iter=5, tol=None, early_stopping=False)
            found.append(arrays_of(model.fit(X, Y.ravel())))

    crowd = [threading.Thread(target=fit) for _ in range(4)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(60)
    fit()
    assert len(found) == 5
    assert len(set(found)) == 1


# ---------------------------------------------------------------- forks
def _fit_in_child(queue):
    with threads(2):
        model = MLPGDClassifier((240, 240), batch_size=300, max_iter=2, tol=None)
        model.set_params(random_state=0, early_stopping=False).fit(X, Y.ravel())
        queue.put(arrays_of(model) + model.predict_proba(X).tobytes())


def _in_a_fork():
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_fit_in_child, args=(queue,))
    child.start()
    try:
        return queue.get(timeout=60)
    finally:
        child.kill()
        child.join()


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_process_can_fit():
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    _fit_in_child(queue)
    assert _in_a_fork() == queue.get(timeout=60)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_process_that_is_forked_during_a_fit_can_fit():
    found = []

    def score(model, X, y):
        found.append(_in_a_fork() if not found else None)
        return 0.0

    end = threading.Event()

    def fit_on():
        with threads(2):
            model = MLPGDClassifier((240, 240), batch_size=300, max_iter=1, tol=None)
            while not end.is_set():
                model.set_params(early_stopping=False).fit(X, Y.ravel())

    other = threading.Thread(target=fit_on)
    other.start()
    try:
        model = MLPGDClassifier((240, 240), batch_size=300, max_iter=2)
        with threads(2):
            model.set_params(early_stopping=True, scoring=score).fit(X, Y.ravel())
    finally:
        end.set()
        other.join(60)
    assert found[0] is not None
