"""Classes that first appear late in a stream."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.preprocessing import scale

from skgd import GDClassifier, MLPGDClassifier

X, Y = load_digits(return_X_y=True)
X = scale(X)
NEW = 2


def pieces_until_learned(model, n_before, size, seed=0, limit=60):
    """The number of pieces with the new class until 90% of its samples are found."""
    rng = np.random.RandomState(seed)
    old = np.flatnonzero(Y != NEW)
    for k in range(n_before + limit):
        rows = rng.choice(old if k < n_before else len(Y), size)
        model.partial_fit(X[rows], Y[rows], classes=np.arange(10))
        if k >= n_before and (model.predict(X[Y == NEW]) == NEW).mean() >= 0.9:
            return k - n_before + 1
    return limit + 1


# (SGDClassifier(loss="log_loss") needs 8 pieces of 20 samples after 50 pieces, and 31
# after 500. MLPClassifier needs more than 60 pieces of 100 samples.)
@pytest.mark.parametrize("n_before", [50, 500])
def test_a_linear_model_learns_a_class_that_appears_late(n_before):
    assert pieces_until_learned(GDClassifier(random_state=0), n_before, 20) <= 15


def test_a_network_learns_a_class_that_appears_late():
    assert pieces_until_learned(MLPGDClassifier(random_state=0), 50, 100) <= 30


@pytest.mark.parametrize("estimator", [GDClassifier, MLPGDClassifier])
def test_a_class_that_was_not_announced(estimator):
    model = estimator(random_state=0)
    known = Y < 5
    model.partial_fit(X[known], Y[known], classes=np.arange(5))
    before = model.predict(X)
    with pytest.raises(ValueError, match="`y` has classes not in") as error:
        model.partial_fit(X, Y)
    assert "pass all classes of the stream to it as `classes`" in str(error.value)
    assert_array_equal(model.predict(X), before)


@pytest.mark.parametrize("model", [GDClassifier(), MLPGDClassifier(3)])
@pytest.mark.parametrize(
    "wrong",
    [
        [0, 1, None],
        [0, 1, np.nan],
        np.array([0, 1, np.nan]),
        np.array([0, 1, np.inf]),
        np.ma.array([0, 1, 2], mask=[0, 0, 1]),
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("error")
def test_wrong_classes_of_a_stream(model, wrong):
    model = clone(model)
    with pytest.raises(ValueError, match=r"classes (contains|is a masked)") as error:
        model.partial_fit(X[Y < 2], Y[Y < 2], classes=wrong)
    assert "rows" not in str(error.value)  # which `classes` does not have
    model.partial_fit(X[Y < 2], Y[Y < 2], classes=[0, 1])
    with pytest.raises(ValueError, match=r"classes (contains|is a masked)"):
        model.partial_fit(X[Y < 2], Y[Y < 2], classes=wrong)
