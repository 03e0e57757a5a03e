"""Shards of linear models, of sparse rows and with batch normalisation."""

import contextlib

import numpy as np
import pytest
from helpers import Bound, Trainer
from scipy import sparse as sp
from test_shards import WEIGHTS, bound, threads

from skgd import GDClassifier
from skgd._engine import shard_sizes, shards
from skgd._engine.architecture import Architecture
from skgd._engine.network import Data, Network, Workspace
from skgd.activations import GELU, ReLU
from skgd.losses import LogLoss, SquaredError
from skgd.optimizers import SGD, Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
ROWS = RNG.standard_normal((6000, 120)) * (RNG.uniform(size=(6000, 120)) < 0.3)
TARGETS = RNG.randint(0, 3, (6000, 1)).astype(float)


def wide_bound(make, widths, batch_size, sparse, **options):
    """A model of many rows, dense or sparse, whose workspace `make` makes."""
    options = {"loss": LogLoss(), "softmax": True, **options}
    architecture = Architecture(sizes=widths, **options)
    rng = np.random.RandomState(1)
    theta = 0.1 * rng.standard_normal(architecture.n_params)
    running = architecture.new_running(theta.dtype)
    rows = sp.csr_matrix(ROWS) if sparse else ROWS
    net = Network(architecture, theta, running, sparse=sparse)
    weights = np.resize(WEIGHTS, len(ROWS))
    room = make(net, Data(rows, TARGETS, weights), batch_size)
    return Bound(room, architecture, theta, running)


@pytest.mark.parametrize(
    ("widths", "sparse", "options"),
    [
        ((120, 3), False, {}),
        ((120, 1), False, {"loss": SquaredError(), "softmax": False}),
        ((120, 3), True, {}),
        ((120, 1), True, {"loss": SquaredError(), "softmax": False}),
        ((120, 3), True, {"input_dropout": 0.3}),
        ((120, 12, 3), True, {"input_dropout": 0.3, "dropout": (0.2,)}),
    ],
)
@pytest.mark.parametrize("batch_size", [6000, 2500])
def test_linear_models_and_sparse_rows(widths, sparse, options, batch_size):
    found = []
    order = np.random.RandomState(2).permutation(6000)[:5500]
    for make in (Workspace, shards.workspace):
        network = wide_bound(make, widths, batch_size, sparse, **options)
        trainer = Trainer(network, Adam(), l2=1e-3, clip_norm=0.05)
        rows = None if batch_size == 6000 else order
        rates = [0.01] if rows is None else [0.01, 0.02, 0.01]
        found.append((trainer.epoch(rates, rows, seed=7), network.theta))
    work = network.workspace
    assert isinstance(work, shards.Shards)
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-10)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=0, atol=1e-10)


def test_one_part_of_a_wide_sparse_batch(monkeypatch):
    # Threads share nothing but the update, and it has the same bits as without.
    widths, found = (120, 200, 3), []
    monkeypatch.setattr(shard_sizes, "LEAST_TIME_OF_FEW", 1e12)
    for make in (Workspace, shards.workspace):
        network = wide_bound(make, widths, 500, True)
        with threads(2):
            Trainer(network, Adam(), l2=1e-3).epoch(12 * [0.01], None)
        found.append(network.theta)
    assert isinstance(network.workspace, shards.Shards)
    np.testing.assert_array_equal(found[0], found[1])


def test_the_norm_of_a_gradient_whose_squares_overflow():
    # as in one thread, the norm is then computed in multiples of the largest element
    found = []
    for make in (Workspace, shards.workspace):
        network = wide_bound(
            make, (120, 1), 6000, False, loss=SquaredError(), softmax=False
        )
        network.theta[:] *= 1e160
        Trainer(network, SGD(), clip_norm=1.0).epoch([1e158], None)
        found.append(network.theta.copy())
    assert np.isfinite(found[0]).all()
    np.testing.assert_allclose(found[1], found[0], rtol=1e-10)


# ---------------------------------------------------------------- batch normalisation
LONELY, FEW = np.zeros((2, 800))
LONELY[650], FEW[:2] = 2.0, 1.0


@pytest.mark.parametrize("activation", [ReLU(), GELU()])
@pytest.mark.parametrize(
    "weights", [None, WEIGHTS, LONELY, LONELY + (np.arange(800) < 2)]
)
def test_parts_meet_at_each_normalisation(weights, activation):
    # Some parts may have no weight at all, and the batch a single row that has one.
    found = []
    for make in (Workspace, shards.workspace):
        options = {"dropout": 0.3, "activation": activation, "batch_norm": True}
        network = bound(make, 800, weights, **options)
        trainer = Trainer(network, Adam(), l2=1e-3)
        losses = [trainer.epoch([0.01], None, seed=7) for _ in range(3)]
        found.append((losses, network.theta, network.running))
    assert isinstance(network.workspace, shards.Shards)
    for i in range(3):
        scale = np.abs(found[0][i]).max()
        np.testing.assert_allclose(found[1][i], found[0][i], rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize(
    ("widths", "options"),
    [
        ((120, 3), {"input_batch_norm": True}),
        ((120, 3), {"input_batch_norm": True, "input_dropout": 0.3}),
        (
            (120, 12, 3),
            {"batch_norm": True, "input_batch_norm": True, "dropout": (0.2,)},
        ),
    ],
)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_normalised_inputs(widths, sparse, shift, options, monkeypatch):
    monkeypatch.setattr(shard_sizes, "LEAST_TIME", 5e4)
    monkeypatch.setitem(globals(), "ROWS", ROWS + shift * (ROWS != 0))
    found = []
    order = np.random.RandomState(2).permutation(6000)[:5500]
    for make in (Workspace, shards.workspace):
        network = wide_bound(make, widths, 2500, sparse, **options)
        losses = Trainer(network, SGD()).epoch([0.01, 0.02, 0.01], order, seed=7)
        found.append((losses, network.theta, network.running))
    assert isinstance(network.workspace, shards.Shards)
    for i in range(3):
        np.testing.assert_allclose(found[1][i], found[0][i], rtol=1e-9, atol=1e-9)


# ---------------------------------------------------------------- bits
LINEAR_FITS = [
    {"batch_size": 1500},
    {"batch_size": 1500, "dropout": 0.2, "clip_norm": 0.1},
    {"solver": "batch", "learning_rate": "line_search"},
    {"solver": "batch", "optimizer": "lbfgs"},
    {"batch_size": 1500, "optimizer": "sgd", "penalty": "l1", "average": True},
    {"batch_size": 2000, "batch_norm": True},
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("options", LINEAR_FITS, ids=lambda options: "-".join(options))
def test_bits_of_linear_models(options, sparse, dtype, monkeypatch):
    monkeypatch.setattr(shard_sizes, "LEAST_EPOCH", 0)  # so that there are threads
    options = {"early_stopping": False, "max_iter": 3, "tol": None, **options}
    model = GDClassifier(random_state=0, **options)
    found, rows = set(), ROWS.astype(dtype)
    rows = sp.csr_matrix(rows) if sparse else rows
    for n in (1, 2, 5):
        with threads(n), contextlib.suppress(Warning):
            model.fit(rows, TARGETS.ravel())
            bits = np.array(model.loss_curve_).tobytes() + model.coef_.tobytes()
            found.add(bits + model.decision_function(rows).tobytes())
    assert len(found) == 1
