"""Encodings of targets, and what training reads of the samples."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skgd import GDClassifier, GDRegressor
from skgd._data.prepare import prepare
from skgd._data.samples import Given, check_samples
from skgd._data.targets import ClassEncoding, RegressionEncoding
from skgd.losses import Hinge, LogLoss, Quantile, SquaredError

TWO = np.array(["b", "a", "b", "a"])
THREE = np.array([7, 5, 9, 5])
LABELS = np.array([[0, 1], [1, 1], [0, 0], [1, 0]])


@pytest.mark.parametrize("loss", [LogLoss(), Hinge()], ids=repr)
@pytest.mark.parametrize("y", [TWO, THREE, LABELS], ids=["two", "three", "labels"])
def test_decoding_classes_reverses_encoding(y, loss):
    labels, Y, encoding = ClassEncoding.learn(y, np.float64, loss)
    assert_array_equal(labels, y)
    assert Y.shape[1] == (1 if encoding.softmax else encoding.n_outputs)
    if encoding.softmax:
        Z = np.equal(Y, np.arange(encoding.n_outputs)).astype(float)
    else:
        Z = Y - (0.5 if encoding.probabilistic else 0.0)
    assert_array_equal(encoding.decode(Z), y)
    assert_array_equal(encoding.encode(y, np.float64)[1], Y)


def test_only_the_log_loss_of_three_classes_has_a_softmax():
    cases = [(TWO, LogLoss()), (LABELS, LogLoss()), (THREE, Hinge())]
    for y, loss in cases:
        assert not ClassEncoding.learn(y, float, loss)[2].softmax
    assert ClassEncoding.learn(THREE, float, LogLoss())[2].softmax


def test_the_classes_of_a_stream_are_those_it_was_told():
    options = {"classes": [9, 7, 5, 3], "incremental": True}
    _, Y, first = ClassEncoding.learn(THREE, float, LogLoss(), **options)
    assert_array_equal(first.classes, [3, 5, 7, 9])
    assert_array_equal(Y[:, 0], [2, 1, 3, 1])
    piece = {"earlier": first, "incremental": True}
    _, Y, second = ClassEncoding.learn(np.array([9, 9]), float, LogLoss(), **piece)
    assert_array_equal(Y[:, 0], [3, 3])
    assert_array_equal(second.classes, first.classes)
    with pytest.raises(ValueError, match="classes not in"):
        ClassEncoding.learn(np.array([9, 4]), float, LogLoss(), **piece)


def test_an_encoding_does_not_change():
    _, _, encoding = ClassEncoding.learn(TWO, float, LogLoss())
    with pytest.raises(FrozenInstanceError):
        encoding.classes = np.array(["c", "d"])
    with pytest.raises(ValueError, match="y_val must have only classes of y"):
        encoding.encode(np.array(["c"]), float)
    assert_array_equal(encoding.classes, ["a", "b"])


def test_numbers():
    y, Y, encoding = RegressionEncoding.learn(np.arange(3), np.float32, SquaredError())
    assert y.dtype == Y.dtype == np.float32
    assert Y.shape == (3, 1)
    assert_array_equal(encoding.decode(Y), y)
    with pytest.raises(ValueError, match="as many targets as y. Got 2, y has 1"):
        encoding.encode(np.zeros((3, 2)), np.float32)
    several = RegressionEncoding.learn(np.arange(3), float, Quantile([0.1, 0.9]))[2]
    assert several.n_outputs == 2
    assert_array_equal(several.decode(np.array([[2.0, 1.0]])), [[1, 2]])


@pytest.mark.parametrize("estimator", [GDRegressor, GDClassifier])
def test_the_weights_that_training_counts(estimator):
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    weights = np.where(np.arange(20) < 5, 0.0, 2.0)
    model = estimator(early_stopping=True, validation_fraction=0.3, random_state=0)
    given = Given(X, y, weights)
    rules = model._resolve()
    samples = check_samples(model, given, rules["loss"], None)
    architecture = model._architecture(rules, samples)
    state = model._next_state(architecture, samples, None)
    given = model, given, samples, architecture, state
    data = prepare(*given, solver=rules["solver"], validated=True)
    assert data.n_samples == len(data.rows) == 14
    assert data.n_used == np.count_nonzero(weights[data.rows])
    assert data.weight_sum == weights[data.rows].sum() == 2 * data.n_used
    # samples without weight do not validate
    assert len(data.held_out.y) == 15 - data.n_used
    assert data.encoding is samples.encoding
    # where the same data are given again, the same rows are held out
    again = prepare(*given, solver=rules["solver"], validated=True)
    assert_array_equal(again.rows, data.rows)
