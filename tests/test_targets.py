"""Encodings of targets, and what training reads of the samples."""

import warnings
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.multiclass import check_classification_targets

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


@pytest.mark.parametrize(("loss", "no"), [(LogLoss(), 0), (Hinge(), -1)], ids=repr)
def test_codes(loss, no):
    assert_array_equal(ClassEncoding.learn(TWO, float, loss)[1].T, [[1, no, 1, no]])
    found = ClassEncoding.learn(LABELS, float, loss)[1]
    assert_array_equal(found, np.where(LABELS, 1, no))


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
    assert several.multilabel is several.softmax is False
    with pytest.raises(ValueError, match="is for a single target y.* Got 2 targets"):
        RegressionEncoding.learn(np.ones((5, 2)), float, Quantile([0.1, 0.9]))
    targets = RegressionEncoding.learn(np.ones((5, 2)), float, SquaredError())[2]
    assert_array_equal(targets.decode(np.array([[2.0, 1.0]])), [[2, 1]])


def test_a_column_of_numbers_is_predicted_as_a_column():
    column = np.arange(3.0)[:, None]
    for y, shape in ((column, (2, 1)), (column[:, 0], (2,)), (column[:, [0, 0]], None)):
        encoding = RegressionEncoding.learn(y, float, SquaredError())[2]
        assert encoding.is_column is (shape == (2, 1))
        with pytest.raises(FrozenInstanceError):
            encoding.n_outputs = 5
        if shape is not None:
            assert encoding.decode(np.zeros((2, 1))).shape == shape


def test_a_raw_prediction_of_zero_is_the_first_class():
    zero = np.zeros((2, 2))
    for y, decoded in ((TWO, ["a", "a"]), (THREE, [5, 5]), (LABELS, zero)):
        encoding = ClassEncoding.learn(y, float, LogLoss())[2]
        assert_array_equal(encoding.decode(zero), decoded)


def test_a_column_of_classes_is_a_vector_with_scikit_learns_warning():
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        y, _, encoding = ClassEncoding.learn(TWO[:, None], float, LogLoss())
    assert_array_equal(y, TWO)
    with pytest.warns(DataConversionWarning):
        assert_array_equal(encoding.encode(TWO[:, None], float)[0], TWO)


WRONG_LABELS = {
    "a vector": np.array([0, 1]),
    "one label": np.array([[0], [1]]),
    "three labels": np.zeros((2, 3), dtype=int),
    "other numbers": np.array([[0, 2], [1, 0]]),
}


@pytest.mark.parametrize("kind", WRONG_LABELS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_labels_of_validation_data(kind):
    encoding = ClassEncoding.learn(LABELS, float, LogLoss())[2]
    assert_array_equal(encoding.encode(LABELS[:2], float)[0], LABELS[:2])
    with pytest.raises(ValueError, match="a binary indicator of these labels, "):
        encoding.encode(WRONG_LABELS[kind], float)


def test_classes_of_validation_data():
    encoding = ClassEncoding.learn(THREE, float, LogLoss())[2]
    for wrong in (np.array([5, 6]), np.array([[5, 7], [7, 9]])):
        with pytest.raises(ValueError, match=r"y_val must .* of y: these, \[5 7 9\]"):
            encoding.encode(wrong, float)


# ---------------------------------------------------------------- kinds of targets
def outcome(function, y):
    """The error, or else the warnings, of a check."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            function(y)
        except ValueError as error:
            return str(error).split(".")[0]
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("dtype", [int, float])
@pytest.mark.parametrize("n_classes", [3, 9, 10, 11, 19, 20, 21, 22, 40])
def test_many_classes_are_judged_as_by_scikit_learn(n_classes, dtype):
    # it warns if more than 20 classes are more than half of the samples
    for n in {n_classes, n_classes + 1, 2 * n_classes - 1, 2 * n_classes, 90}:
        y = np.arange(n).astype(dtype) % n_classes
        expected = outcome(check_classification_targets, y)
        assert outcome(learned, y) == expected
        y[0] = y[1] if dtype is int else 0.5
        assert outcome(learned, y) == outcome(check_classification_targets, y)


def learned(y):
    return ClassEncoding.learn(y, float, LogLoss())


@pytest.mark.parametrize(
    "y",
    [
        np.array([0.5, 1, 2]),
        np.array([[0.5, 1], [1, 2]]),
        np.array([[0.5, 1], [1, 0.5]] * 9),
        np.array([1, 2.0, 1], dtype=object),
    ],
    ids=["numbers", "several numbers", "few values", "objects"],
)
def test_targets_that_are_no_classes(y):
    message = outcome(check_classification_targets, y)
    assert "Unknown label type" in message
    assert outcome(learned, y) == message


def test_texts_are_classes():
    y = np.array([np.str_("b"), "a", "b"], dtype=object)
    assert_array_equal(learned(y)[2].classes, ["a", "b"])


@pytest.mark.parametrize("y", [["a", 1], ["a", None], [1, None], [b"a", b"b"]])
def test_objects_of_several_kinds_are_no_classes(y):
    with pytest.raises(ValueError, match="must be all str or all numbers"):
        learned(np.array(y, dtype=object))


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
