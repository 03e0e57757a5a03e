"""Batch normalisation and dropout, seen through small networks.

With weights of zero behind a layer and one row of minus the identity as each row's
target, the gradient of those weights is what the layer hands on.
"""

import numpy as np
import pytest
from helpers import Trainer, as_csr, bind
from numpy.testing import assert_allclose, assert_array_equal
from reference_network import EPSILON, dropout_factors, forward

from skgd._engine.architecture import Architecture
from skgd._engine.epoch import loss_and_gradient
from skgd._engine.layers.batch_norm import BATCH_NORM_EPSILON
from skgd._engine.memory import aligned
from skgd._engine.prediction import raw_predictions
from skgd.activations import Identity, Logistic, ReLU, Tanh
from skgd.losses import SquaredError
from skgd.optimizers import SGD

FORMS = {"dense": np.array, "sparse": as_csr}
NORMALISED = {"input": {"input_batch_norm": True}, "hidden": {"batch_norm": True}}
WORKED = [-1.34163542, -0.44721181, 0.44721181, 1.34163542]


def probe(X, *, hidden=False, form="dense", dtype=np.float64, **options):
    """A network whose one layer before the last hands on X, normalised or dropped."""
    n, d = X.shape
    sizes = (d, d, n) if hidden else (d, n)
    architecture = Architecture(sizes=sizes, loss=SquaredError(), **options)
    theta = np.zeros(architecture.n_params)
    views = architecture.views(theta)
    if hidden:
        views["W"][0][:] = np.eye(d)
    for gamma in views["gamma"]:
        gamma[:] = 1
    return bind(architecture, theta, FORMS[form](X), -n * np.eye(n), dtype=dtype)


def handed_on(bound, seed=0):
    """What the layer before the last gives, of shape (n_rows, width)."""
    _, gradient = loss_and_gradient(bound.workspace, seed=seed)
    return bound.architecture.views(gradient)["W"][-1].T


def frozen(rng, shape):
    """Running statistics of a network that has seen other data."""
    return np.array([rng.standard_normal(shape), rng.uniform(0.5, 2.0, shape)])


# ---------------------------------------------------------------- batch normalisation
def test_epsilon_is_pytorchs():
    assert BATCH_NORM_EPSILON == EPSILON == 1e-5


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("where", NORMALISED)
def test_worked_numbers(where, form):
    X = np.array([[2.0, 1.0], [3.0, 2.0], [4.0, 3.0], [5.0, 4.0]])
    options = NORMALISED[where]
    if where == "input":
        # Sparse rows are never normalised as such: the gradient has the product.
        options = {**options, "fit_intercept": False}
    bound = probe(X, hidden=where == "hidden", form=form, **options)
    assert_allclose(handed_on(bound), np.array([WORKED, WORKED]).T, atol=5e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("where", NORMALISED)
def test_running_statistics_after_one_batch(where, form, dtype):
    # PyTorch: a momentum of 0.1, and the unbiased variance
    X = 3 + 2 * np.random.RandomState(0).standard_normal((6, 3))
    bound = probe(
        X, hidden=where == "hidden", form=form, dtype=dtype, **NORMALISED[where]
    )
    loss_and_gradient(bound.workspace)
    mean, variance = bound.running.reshape(2, 3)
    tolerance = 20 * np.finfo(dtype).eps
    assert_allclose(mean, 0.1 * X.mean(axis=0), rtol=tolerance)
    assert_allclose(variance, 0.9 + 0.1 * X.var(axis=0, ddof=1), rtol=tolerance)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("where", NORMALISED)
def test_running_statistics_arrive(where, form):
    X = np.random.RandomState(1).standard_normal((6, 3)) + [0.0, 3.0, -50.0]
    bound = probe(X, hidden=where == "hidden", form=form, **NORMALISED[where])
    for _ in range(400):
        loss_and_gradient(bound.workspace)
    mean, variance = bound.running.reshape(2, 3)
    assert_allclose(mean, X.mean(axis=0), rtol=1e-12)
    assert_allclose(variance, X.var(axis=0, ddof=1), rtol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("where", NORMALISED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_feature_becomes_zero(where, form, dtype):
    X = np.random.RandomState(2).standard_normal((8, 3))
    X[:, 0], X[:, 2] = 0.0, 4.0
    bound = probe(
        X, hidden=where == "hidden", form=form, dtype=dtype, **NORMALISED[where]
    )
    normalised = handed_on(bound)
    assert_array_equal(normalised[:, [0, 2]], 0.0)
    assert_allclose(normalised[:, 1].std(), 1.0, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("where", NORMALISED)
def test_far_from_zero_the_variance_keeps_its_digits(where, form):
    # the difference of mean square and squared mean would have none left
    X = 1e6 + np.random.RandomState(3).standard_normal((8, 3))
    bound = probe(X, hidden=where == "hidden", form=form, **NORMALISED[where])
    expected = (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0) + EPSILON)
    assert_allclose(handed_on(bound), expected, rtol=0, atol=1e-8)


def single_row(running, x, step):
    """The running statistics after one row, exponentially weighted."""
    momentum = max(1 / (step + 10), 0.001)
    difference = x - running[0]
    mean = running[0] + momentum * difference
    return np.array([mean, (1 - momentum) * (running[1] + momentum * difference**2)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("step", [0, 1, 100, 989, 990, 10**6])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("where", NORMALISED)
def test_single_rows_move_the_running_statistics(where, form, step, dtype):
    rng = np.random.RandomState(4)
    x = rng.standard_normal((1, 3))
    running = frozen(rng, 3)
    bound = probe(
        x, hidden=where == "hidden", form=form, dtype=dtype, **NORMALISED[where]
    )
    bound.running[:] = running.ravel()
    trainer = Trainer(bound, SGD())
    trainer.state.step = step
    trainer.epoch(0.1)
    expected = single_row(running, x[0], step)
    tolerance = 4 * np.finfo(dtype).eps
    assert_allclose(bound.running.reshape(2, 3), expected, rtol=tolerance)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("where", NORMALISED)
def test_a_single_row_is_normalised_with_the_running_statistics(where, form):
    # with those that have taken note of it: no value is then far out
    rng = np.random.RandomState(5)
    x = np.array([[0.3, -2.0, 1e4]])
    running = frozen(rng, 3)
    bound = probe(x, hidden=where == "hidden", form=form, **NORMALISED[where])
    bound.running[:] = running.ravel()
    normalised = handed_on(bound)
    mean, variance = single_row(running, x[0], 0)
    assert_allclose(normalised[0], (x[0] - mean) / np.sqrt(variance + EPSILON))
    assert np.abs(normalised).max() < np.sqrt(10)


@pytest.mark.parametrize("form", FORMS)
def test_gradient_of_a_single_row(form):
    # Its statistics are constants of the gradient, as in a prediction.
    rng = np.random.RandomState(6)
    architecture = Architecture(
        sizes=(4, 5, 3, 2),
        loss=SquaredError(),
        activation=Tanh(),
        batch_norm=True,
        input_batch_norm=True,
    )
    theta = rng.standard_normal(architecture.n_params)
    x, y = rng.standard_normal((1, 4)), rng.standard_normal((1, 2))
    bound = bind(architecture, theta, FORMS[form](x), y)
    loss, gradient = loss_and_gradient(bound.workspace)

    def frozen_loss(theta):
        Z = forward(architecture, theta, x, running=bound.running).Z
        return 0.5 * ((Z - y) ** 2).sum()

    assert_allclose(loss, frozen_loss(theta), rtol=1e-12)
    steps = 1e-6 * np.eye(theta.size)
    slopes = [(frozen_loss(theta + h) - frozen_loss(theta - h)) / 2e-6 for h in steps]
    assert_allclose(gradient, slopes, rtol=0, atol=1e-7 * np.abs(gradient).max())


# ---------------------------------------------------------------- memory
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (3, 5)])
def test_aligned_copies(shape, dtype):
    for offset in range(4):
        values = np.arange(offset, 20 + offset, dtype=dtype)[offset:]
        array = values[: np.prod(shape, dtype=int)].reshape(shape)
        copy = aligned(array)
        assert copy.size == 0 or copy.ctypes.data % 64 == 0
        assert copy.flags.c_contiguous
        assert copy.dtype == dtype
        assert not np.may_share_memory(copy, array)
        assert_array_equal(copy, array)


# ---------------------------------------------------------------- dropout
PLACES = {"input": False, "hidden": True}


def dropped(X, rate, *, place, activation=None, seed=0, form="dense", dtype=np.float64):
    options = {"input_dropout": rate}
    if PLACES[place]:
        options = {"dropout": (rate,), "activation": activation or Identity()}
    bound = probe(X, hidden=PLACES[place], form=form, dtype=dtype, **options)
    return handed_on(bound, seed)


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
@pytest.mark.parametrize("rate", [0.01, 0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("place", PLACES)
def test_share_of_what_is_kept(place, rate, seed):
    X = np.ones((150, 200))
    kept = dropped(X, rate, place=place, seed=seed) != 0
    error = np.sqrt(rate * (1 - rate) / kept.size)
    assert abs(kept.mean() - (1 - rate)) < 5 * error
    # as often in every row and every column, and neighbours are independent
    for axis in (0, 1):
        n = kept.shape[axis]
        worst = np.abs(kept.mean(axis=axis) - (1 - rate)).max()
        assert worst < 5.5 * np.sqrt(rate * (1 - rate) / n) + 1 / n
    for pairs in (kept[1:] & kept[:-1], kept[:, 1:] & kept[:, :-1]):
        share = (1 - rate) ** 2
        assert abs(pairs.mean() - share) < 5 * np.sqrt(2 * share / pairs.size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.75])
def test_what_is_kept_is_scaled(rate, place, form, dtype):
    X = np.random.RandomState(7).standard_normal((20, 30))
    result = dropped(X, rate, place=place, form=form, dtype=dtype, seed=9)
    kept = result != 0
    assert 0 < kept.sum() < kept.size
    tolerance = 4 * np.finfo(dtype).eps
    assert_allclose(result[kept], X[kept] / (1 - rate), rtol=tolerance)


@pytest.mark.parametrize("place", PLACES)
def test_mask_is_a_function_of_the_seed(place):
    X = np.ones((20, 30))
    first = dropped(X, 0.5, place=place, seed=3)
    assert_array_equal(dropped(X, 0.5, place=place, seed=3), first)
    expected = dropout_factors(3, 0, X.shape, 0.5)
    assert_array_equal(first, expected)
    # Batches of an epoch have seeds in a row: their masks are independent.
    for seed in range(4, 20):
        same = (dropped(X, 0.5, place=place, seed=seed) == first).mean()
        assert abs(same - 0.5) < 5 * np.sqrt(0.25 / X.size)


@pytest.mark.parametrize("activation", [Identity(), Logistic(), Tanh(), ReLU()])
def test_hidden_mask_does_not_depend_on_activation_or_dtype(activation):
    X = 0.5 + np.random.RandomState(8).uniform(size=(20, 30))
    kept = [
        dropped(X, 0.3, place="hidden", activation=activation, dtype=dtype) != 0
        for dtype in (np.float32, np.float64)
    ]
    for mask in kept:
        assert_array_equal(mask, dropout_factors(0, 0, X.shape, 0.3) != 0)


def test_layers_have_masks_of_their_own():
    masks = [dropout_factors(0, layer, (50, 60), 0.5) != 0 for layer in range(3)]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        share = (masks[i] == masks[j]).mean()
        assert abs(share - 0.5) < 5 * np.sqrt(0.25 / masks[0].size)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", PLACES)
def test_prediction_has_no_dropout(place, form):
    X = np.random.RandomState(9).standard_normal((6, 4))
    options = {"dropout": (0.5,)} if PLACES[place] else {"input_dropout": 0.5}
    bound = probe(X, hidden=PLACES[place], form=form, **options)
    bound.architecture.views(bound.theta)["W"][-1][:] = np.eye(4, 6)
    expected = np.hstack([X, np.zeros((6, 2))])
    assert_allclose(raw_predictions(bound.workspace), expected, rtol=1e-15)


@pytest.mark.parametrize("place", PLACES)
def test_dropout_keeps_the_mean(place):
    X = np.full((2, 3), 2.0)
    draws = [dropped(X, 0.4, place=place, seed=seed) for seed in range(4000)]
    # a kept element is 2 / 0.6: the variance of an element is 4 * 0.4 / 0.6
    error = np.sqrt(4 * 0.4 / 0.6 / len(draws))
    assert np.abs(np.mean(draws, axis=0) - X).max() < 5 * error
