"""An interrupt from the keyboard soon ends an update or a prediction of any model."""

import contextlib
import signal
import time

import numpy as np
import pytest
from scipy import sparse as sp
from sklearn.datasets import make_classification
from test_shards import arrays_of, threads

from skgd import MLPGDClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@contextlib.contextmanager
def interrupted_after(seconds):
    """An interrupt after so many seconds of CPU time."""

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGPROF, interrupt)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.fixture(scope="module")
def many():
    """Rows on which an update or a prediction takes seconds."""
    return make_classification(60_000, 50, n_informative=20, random_state=0)


@pytest.mark.parametrize("n", [1, 2])
def test_an_update_can_be_interrupted(many, n):
    model = MLPGDClassifier((700, 700), solver="batch", early_stopping=False)
    begin = time.process_time()
    with threads(n), pytest.raises(KeyboardInterrupt), interrupted_after(1.0):
        model.fit(*many)
    # (so many threads as use the time)
    assert time.process_time() - begin < 1.0 + n * 0.3
    assert not hasattr(model, "coefs_")


def test_an_interrupted_update_changes_nothing(many):
    X, y = many
    model = MLPGDClassifier((700, 700), solver="batch", early_stopping=False)
    model.set_params(max_iter=1, random_state=0, warm_start=True).fit(X[:500], y[:500])
    before = arrays_of(model), model.t_
    with pytest.raises(KeyboardInterrupt), interrupted_after(1.0):
        model.fit(X, y)
    assert (arrays_of(model), model.t_) == before


@pytest.mark.parametrize("n", [1, 2])
def test_a_prediction_can_be_interrupted(many, n):
    X, y = many
    model = MLPGDClassifier((1500, 1500), max_iter=1, early_stopping=False)
    model.fit(X[:100], y[:100])
    begin = time.process_time()
    with threads(n), pytest.raises(KeyboardInterrupt), interrupted_after(0.5):
        model.predict(X)
    assert time.process_time() - begin < 0.5 + n * 0.3
    assert model.predict(X[:5]).shape == (5,)


def test_an_interrupted_fit_has_made_whole_updates(many):
    X, y = many
    model = MLPGDClassifier((300, 300), solver="batch", early_stopping=False)
    model.set_params(random_state=0, max_iter=1000, tol=None)
    rows, labels = X[:2000], y[:2000]
    with pytest.warns(UserWarning, match="interrupted"), interrupted_after(1.0):
        model.fit(rows, labels)
    n_updates = model._state.step
    assert 1 <= model.n_iter_ <= n_updates <= model.n_iter_ + 1
    whole = MLPGDClassifier((300, 300), solver="batch", early_stopping=False)
    whole.set_params(random_state=0, max_iter=n_updates, tol=None).fit(rows, labels)
    for found, expected in zip(model.coefs_, whole.coefs_, strict=True):
        np.testing.assert_array_equal(found, expected)


# ---------------------------------------------------------------- other models
def sparse_rows():
    """Sparse rows on which an update of 40 outputs takes half a second."""
    n, per_row = 200_000, 150
    rng = np.random.RandomState(0)
    indices = rng.randint(0, 1000, n * per_row, dtype=np.int32)
    indices = np.sort(indices.reshape(n, per_row), axis=1).ravel()
    indptr = np.arange(0, n * per_row + 1, per_row, dtype=np.int32)
    values = np.ones(len(indices), dtype=np.float32)
    return sp.csr_matrix((values, indices, indptr), shape=(n, 1000)), np.arange(n) % 40
