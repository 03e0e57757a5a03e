"""Where the parameters of a network lie in its flat vector."""

from dataclasses import FrozenInstanceError
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skgd._engine.architecture import Architecture
from skgd.activations import Identity
from skgd.losses import SquaredError

SIZES = [(3, 1), (3, 2), (4, 5, 2), (4, 5, 6, 1)]
GRID = list(product(SIZES, *4 * [[False, True]]))


def build(sizes, fit_intercept, batch_norm, input_batch_norm, input_scale):
    return Architecture(
        sizes=sizes,
        loss=SquaredError(),
        fit_intercept=fit_intercept,
        batch_norm=batch_norm,
        input_batch_norm=input_batch_norm,
        input_scale=input_scale,
    )


@pytest.mark.parametrize("options", GRID)
def test_views_cover_the_vector_once(options):
    architecture = build(*options)
    theta = np.zeros(architecture.n_params)
    views = architecture.views(theta)
    for kind in views:
        for view in views[kind]:
            assert np.shares_memory(view, theta)
            view += 1  # an overlap would count twice
    assert_array_equal(theta, 1)


@pytest.mark.parametrize("options", GRID)
def test_shapes_of_views(options):
    sizes, fit_intercept, batch_norm, input_batch_norm, input_scale = options
    architecture = build(*options)
    views = architecture.views(np.zeros(architecture.n_params))
    shapes = {kind: [view.shape for view in views[kind]] for kind in views}
    widths = ([sizes[0]] if input_batch_norm else []) + (
        list(sizes[1:-1]) if batch_norm else []
    )
    scaled = list(sizes[1:-1]) if batch_norm else []
    assert shapes == {
        "W": list(zip(sizes[:-1], sizes[1:], strict=True)),
        "b": [(n,) for n in sizes[1:]] if fit_intercept else [],
        "gamma": [(n,) for n in scaled],
        "beta": [(n,) for n in scaled],
        "scale": [(sizes[0],)] if input_scale else [],
    }
    assert architecture.normalised_sizes == tuple(widths)
    assert all(view.flags.c_contiguous for kind in views for view in views[kind])


@pytest.mark.parametrize("options", GRID)
def test_weights_are_the_penalised_prefix(options):
    architecture = build(*options)
    theta = np.arange(architecture.n_params, dtype=float)
    weights = np.concatenate([W.ravel() for W in architecture.views(theta)["W"]])
    assert_array_equal(weights, theta[: architecture.n_penalised])


@pytest.mark.parametrize("options", GRID)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_running_statistics(options, dtype):
    architecture = build(*options)
    running = architecture.new_running(dtype)
    assert running.dtype == dtype
    assert running.shape == (2 * sum(architecture.normalised_sizes),)
    views = architecture.running_views(running)
    assert [v.shape for v in views] == [(2, n) for n in architecture.normalised_sizes]
    for view in views:
        assert np.shares_memory(view, running)
        assert_array_equal(view[0], 0)
        assert_array_equal(view[1], 1)
        view[:] += 1
    # mean 1 and variance 2 everywhere: each was touched once
    assert_array_equal(
        np.sort(running), [1] * (running.size // 2) + [2] * (running.size // 2)
    )


def test_a_worked_layout():
    architecture = build((2, 3, 1), True, True, True, False)
    assert architecture.n_penalised == 9
    assert architecture.n_params == 9 + 4 + 2 * 3
    views = architecture.views(np.arange(19))
    assert_array_equal(views["W"][0], [[0, 1, 2], [3, 4, 5]])
    assert_array_equal(views["W"][1], [[6], [7], [8]])
    assert_array_equal(views["b"][0], [9, 10, 11])
    assert_array_equal(views["b"][1], [12])
    assert_array_equal(views["gamma"], [[13, 14, 15]])
    assert_array_equal(views["beta"], [[16, 17, 18]])


def test_outputs_and_targets():
    plain = Architecture(sizes=(4, 3), loss=SquaredError())
    assert (plain.n_outputs, plain.n_targets) == (3, 3)
    codes = Architecture(sizes=(4, 3), loss=SquaredError(), softmax=True)
    assert (codes.n_outputs, codes.n_targets) == (3, 1)


def test_defaults_are_a_linear_model():
    architecture = Architecture(sizes=(4, 1), loss=SquaredError())
    assert architecture.activation == Identity()
    assert architecture.normalised_sizes == ()
    assert architecture.new_running(np.float64).size == 0
    assert architecture.n_params == 5


def test_an_architecture_does_not_change():
    architecture = Architecture(sizes=(4, 1), loss=SquaredError())
    with pytest.raises(FrozenInstanceError):
        architecture.sizes = (4, 2)
    assert architecture == Architecture(sizes=(4, 1), loss=SquaredError())
    assert architecture != Architecture(sizes=(4, 2), loss=SquaredError())
