"""An epoch of batches: which rows, which penalty, which average; predictions."""

import numpy as np
import oracles
import pytest
from helpers import Trainer, as_csr, bind, linear
from network_cases import make_case
from numpy.testing import assert_allclose, assert_array_equal
from reference_network import forward

from skgd._engine.epoch import loss_and_gradient, shuffle
from skgd._engine.network import Data, Network, Workspace
from skgd._engine.prediction import raw_predictions
from skgd.averaging import ASGD
from skgd.optimizers import OPTIMIZERS, SGD, Adam, Momentum

FORMS = {"dense": np.array, "sparse": as_csr}
N, D, K = 23, 5, 2


class Batches:
    """A linear model with the squared error, and its epochs in NumPy."""

    def __init__(self, weighted):
        rng = np.random.RandomState(0)
        self.X = rng.standard_normal((N, D)) * (rng.uniform(size=(N, D)) < 0.7)
        self.Y = 2 * rng.standard_normal((N, K))
        self.theta = rng.standard_normal(D * K + K)
        self.weights = rng.uniform(0.2, 2.0, N) if weighted else None
        self.weight_mean = float(self.weights.mean()) if weighted else 1.0

    def gradient(self, theta, rows):
        w = np.ones(len(rows)) if self.weights is None else self.weights[rows]
        X = self.X[rows]
        residual = X @ theta[: D * K].reshape(D, K) + theta[D * K :] - self.Y[rows]
        delta = residual * w[:, None] / (len(rows) * self.weight_mean)
        loss = 0.5 * w @ (residual**2).sum(axis=1)
        return loss, np.append((X.T @ delta).ravel(), delta.sum(axis=0))

    def epochs(self, rule, orders, size, rates, l1, l2, per_sample=False):
        """Parameters after each update, and the sum of losses of each epoch."""
        name = next(n for n, kind in OPTIMIZERS.items() if type(rule) is kind)
        oracle = oracles.OPTIMIZERS[name](rule, self.theta.size)
        weights = np.arange(self.theta.size) < D * K
        theta, path, sums = self.theta, [], []
        for order, epoch_rates in zip(orders, rates, strict=True):
            sums.append(0.0)
            for number, rate in enumerate(epoch_rates):
                rows = order[number * size : (number + 1) * size]
                loss, g = self.gradient(theta, rows)
                share = 1 / (len(rows) * self.weight_mean) if per_sample else 1.0
                l1s, l2s = l1 * share * weights, l2 * share * weights
                theta = oracle.step(theta, g, rate, l1s, l2s, weights)
                path.append(theta)
                sums[-1] += loss
        return np.array(path), sums

    def trainer(self, rule, form, size, dtype=np.float64, **options):
        bound = bind(
            linear(D, K),
            self.theta,
            FORMS[form](self.X),
            self.Y,
            self.weights,
            batch_size=size,
            dtype=dtype,
        )
        return Trainer(bound, rule, weight_mean=self.weight_mean, **options)


def train(trainer, orders, rates):
    """The sums of the losses of the epochs."""
    in_one = trainer.bound.workspace.batch_size == N
    pairs = zip(orders, rates, strict=True)
    return [trainer.epoch(r, order=None if in_one else o) for o, r in pairs]


def plan(size, n_rows=N, n_epochs=3, rate=0.05):
    rng = np.random.RandomState(1)
    orders = [rng.permutation(N)[:n_rows] for _ in range(n_epochs)]
    if size == N:  # there is no order within one batch
        orders = [np.arange(N)] * n_epochs
    n_updates = -(-n_rows // size)
    return orders, [rate * rng.uniform(0.5, 1, n_updates) for _ in range(n_epochs)]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("form", FORMS)
# one row, batches with a smaller last one, one batch of all
@pytest.mark.parametrize("size", [1, 2, 7, 22, N])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_batches_in_order(name, size, form, weighted):
    rule, batches = OPTIMIZERS[name](), Batches(weighted)
    orders, rates = plan(size)
    path, expected_sums = batches.epochs(rule, orders, size, rates, 0.1, 0.2)
    trainer = batches.trainer(rule, form, size, l1=0.1, l2=0.2)
    sums = train(trainer, orders, rates)
    scale = np.abs(path[-1]).max()
    assert_allclose(trainer.bound.theta, path[-1], rtol=0, atol=1e-12 * scale)
    assert_allclose(sums, expected_sums, rtol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 4, 9])
def test_only_the_rows_of_the_order(size, form):
    # early stopping holds rows out
    batches = Batches(weighted=True)
    orders, rates = plan(size, n_rows=9)
    path, expected_sums = batches.epochs(SGD(), orders, size, rates, 0.0, 0.0)
    trainer = batches.trainer(SGD(), form, size)
    sums = train(trainer, orders, rates)
    assert_allclose(trainer.bound.theta, path[-1], rtol=1e-12)
    assert_allclose(sums, expected_sums, rtol=1e-12)
    assert trainer.state.n_seen == 27


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 7])
def test_without_an_order_rows_are_taken_as_they_stand(size, form):
    batches = Batches(weighted=True)
    _, rates = plan(size)
    twins = [batches.trainer(Momentum(), form, size) for _ in range(2)]
    for r in rates:
        twins[0].epoch(r)
        twins[1].epoch(r, order=np.arange(N))
    assert_array_equal(twins[0].bound.theta, twins[1].bound.theta)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 7, N])
@pytest.mark.parametrize("rule", [SGD(), Adam()])
def test_penalty_per_sample(rule, size, form):
    batches = Batches(weighted=True)
    orders, rates = plan(size)
    path, _ = batches.epochs(rule, orders, size, rates, 0.5, 0.5, per_sample=True)
    trainer = batches.trainer(rule, form, size, l1=0.5, l2=0.5, per_sample=True)
    train(trainer, orders, rates)
    assert_allclose(trainer.bound.theta, path[-1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("start", [0, 1, 10, 30, 1000])
@pytest.mark.parametrize("size", [1, 7, N])
def test_average_of_the_parameters(size, start, form):
    batches = Batches(weighted=False)
    orders, rates = plan(size)
    path, _ = batches.epochs(SGD(), orders, size, rates, 0.0, 0.2)
    trainer = batches.trainer(SGD(), form, size, l2=0.2, average=ASGD(start))
    train(trainer, orders, rates)
    ends = [
        e * N + min(N, (u + 1) * size) for e in range(3) for u in range(-(-N // size))
    ]
    averaged = path[np.array(ends) >= start]
    assert trainer.state.n_averaged == len(averaged)
    assert_allclose(trainer.bound.theta, path[-1], rtol=1e-12)
    expected = averaged.mean(axis=0) if len(averaged) else np.zeros(path.shape[1])
    assert_allclose(trainer.state.average, expected, rtol=1e-11)
    published = expected if len(averaged) else path[-1]
    assert_allclose(trainer.state.published, published, rtol=1e-11)


def test_counts_of_the_state():
    trainer = Batches(weighted=False).trainer(Adam(), "dense", 7, l1=0.5)
    trainer.epoch([0.1, 0.2, 0.3, 0.4])
    trainer.epoch([0.1, 0.1, 0.1, 0.1])
    state = trainer.state
    assert (state.step, state.slot_step, state.n_seen) == (8, 8, 2 * N)
    assert_allclose(state.l1_total, 0.5 * 1.4)


# ---------------------------------------------------------------- dropout and epochs
DROPPED = {"hidden": (6, 4), "activation": "tanh", "batch_norm": True}


def train_dropped(form, seed, size=3):
    case = make_case(
        "squared_error", n_outputs=2, dropout=(0.5, 0.3), input_dropout=0.2,
        input_batch_norm=True, **DROPPED,
    )  # fmt: skip
    X = FORMS[form](case.X)
    bound = bind(case.architecture, case.theta, X, case.Y, batch_size=size)
    trainer = Trainer(bound, SGD())
    trainer.epoch([0.1, 0.1, 0.1], order=np.array([5, 2, 7, 0, 1, 3, 4, 6]), seed=seed)
    return bound.theta, bound.running


@pytest.mark.parametrize("form", FORMS)
def test_masks_are_a_function_of_the_epochs_seed(form):
    theta, running = train_dropped(form, seed=3)
    again, running_again = train_dropped(form, seed=3)
    assert_array_equal(theta, again)
    assert_array_equal(running, running_again)
    other, _ = train_dropped(form, seed=1000)
    assert np.abs(theta - other).max() > 1e-3


def test_dense_and_sparse_epochs_are_the_same():
    dense, sparse = train_dropped("dense", 4), train_dropped("sparse", 4)
    assert_allclose(dense[0], sparse[0], rtol=0, atol=1e-12)
    assert_allclose(dense[1], sparse[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 3, 8])
def test_an_epoch_is_its_batches_one_by_one(size, form):
    case = make_case(
        "huber", n_outputs=2, input_batch_norm=True, weighted=True, **DROPPED
    )
    bound = bind(
        case.architecture, case.theta, FORMS[form](case.X), case.Y, case.weights,
        batch_size=size,
    )  # fmt: skip
    order = np.random.RandomState(2).permutation(8) if size < 8 else np.arange(8)
    n_updates = -(-8 // size)
    Trainer(bound, SGD(), weight_mean=case.weight_mean).epoch(
        [0.1] * n_updates, order=order if size < 8 else None
    )
    theta, running = case.theta.copy(), case.architecture.new_running(np.float64)
    for number in range(n_updates):
        rows = order[number * size : (number + 1) * size]
        part = bind(
            case.architecture, theta, FORMS[form](case.X[rows]), case.Y[rows],
            case.weights[rows],
        )  # fmt: skip
        part.running[:] = running
        trainer = Trainer(part, SGD(), weight_mean=case.weight_mean)
        trainer.state.step = number  # running statistics of single rows count updates
        trainer.epoch(0.1)
        theta, running = part.theta, part.running
    assert_allclose(bound.theta, theta, rtol=0, atol=1e-13)
    assert_allclose(bound.running, running, rtol=0, atol=1e-13)


# ---------------------------------------------------------------- predictions
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 3, 8, 100])
@pytest.mark.parametrize("dropout", [(), (0.5, 0.3)])
@pytest.mark.parametrize("normalised", [False, True])
def test_predictions_use_running_statistics_and_no_dropout(
    normalised, dropout, size, form
):
    case = make_case(
        "squared_error", n_outputs=3, hidden=(6, 4), activation="relu",
        batch_norm=normalised, input_batch_norm=normalised, dropout=dropout,
        input_dropout=0.2 if dropout else 0.0, corner=0.0,
    )  # fmt: skip
    running = case.architecture.new_running(np.float64)
    running[:] = np.random.RandomState(3).uniform(0.5, 2.0, running.size)
    before = running.copy()
    data = Data(FORMS[form](case.X))
    net = Network(case.architecture, case.theta, running, sparse=form == "sparse")
    workspace = Workspace(net, data, size, training=False)
    expected = forward(case.architecture, case.theta, case.X, running=running).Z
    assert_allclose(raw_predictions(workspace), expected, rtol=1e-12, atol=1e-13)
    assert_array_equal(running, before)


@pytest.mark.parametrize("form", FORMS)
def test_a_network_reads_only_the_form_of_data_that_it_was_made_for(form):
    case = make_case("squared_error", n_outputs=1)
    running = case.architecture.new_running(np.float64)
    net = Network(case.architecture, case.theta, running, sparse=form == "dense")
    with pytest.raises(ValueError, match="is for sparse data, or the data are"):
        Workspace(net, Data(FORMS[form](case.X), case.Y), 4)


def test_several_workspaces_serve_one_network():
    case = make_case("squared_error", n_outputs=2, hidden=(4,), activation="tanh")
    running = case.architecture.new_running(np.float64)
    net = Network(case.architecture, case.theta, running)
    parts = [slice(0, 3), slice(3, 8)]
    works = [Workspace(net, Data(case.X[p].copy(), case.Y[p].copy()), 5) for p in parts]
    found = [loss_and_gradient(work) for work in works]
    whole = loss_and_gradient(Workspace(net, Data(case.X, case.Y), 8))
    for ours, expected in zip(zip(*found, strict=True), whole, strict=True):
        assert_allclose((3 * ours[0] + 5 * ours[1]) / 8, expected, rtol=1e-12)


def test_gradient_is_a_copy():
    case = make_case("squared_error", n_outputs=2)
    bound = bind(case.architecture, case.theta, case.X, case.Y)
    _, first = loss_and_gradient(bound.workspace)
    before = first.copy()
    bound.theta += 1
    _, second = loss_and_gradient(bound.workspace)
    assert_array_equal(first, before)
    assert np.abs(second - first).max() > 0


# ---------------------------------------------------------------- shuffle
@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000])
def test_shuffle_is_a_permutation_and_a_function_of_the_seed(n):
    order = np.arange(n)
    shuffle(order, 5)
    assert_array_equal(np.sort(order), np.arange(n))
    again = np.arange(n)
    shuffle(again, 5)
    assert_array_equal(order, again)
    if n > 3:
        shuffle(again, 6)
        assert (order != again).any()


def test_shuffle_is_uniform():
    # Each of the 24 orders within 5 standard errors of its share, seeds in a row.
    n_draws, counts = 24_000, {}
    for seed in range(n_draws):
        order = np.arange(4)
        shuffle(order, seed)
        counts[tuple(order)] = counts.get(tuple(order), 0) + 1
    assert len(counts) == 24
    expected = n_draws / 24
    error = np.sqrt(expected * (1 - 1 / 24))
    assert max(abs(c - expected) for c in counts.values()) < 5 * error
