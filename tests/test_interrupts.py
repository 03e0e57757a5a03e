"""An interrupt from the keyboard soon ends an update or a prediction of any model."""

import _thread
import contextlib
import signal
import threading
import time

import numpy as np
import pytest
from scipy import sparse as sp
from sklearn.datasets import make_classification
from test_shards import arrays_of, threads

from skgd import GDClassifier, MLPGDClassifier
from skgd._engine import prediction
from skgd._estimators import linear_model
from skgd._training import lbfgs, passes

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


def test_another_thread_can_interrupt_an_update(many):
    # as a server or a debugger does; the fit is in the main thread
    model, begin = MLPGDClassifier((700, 700), solver="batch", early_stopping=False), []

    def interrupt():
        begin.append(time.process_time())
        _thread.interrupt_main()

    timer = threading.Timer(1.0, interrupt)
    timer.start()
    with threads(1), pytest.raises(KeyboardInterrupt):
        model.fit(*many)
    assert time.process_time() - begin[0] < 0.3
    timer.join()
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
    assert 1 <= model.n_iter_ == n_updates < 1000
    assert len(model.loss_curve_) == n_updates
    whole = MLPGDClassifier((300, 300), solver="batch", early_stopping=False)
    whole.set_params(random_state=0, max_iter=n_updates, tol=None).fit(rows, labels)
    for found, expected in zip(model.coefs_, whole.coefs_, strict=True):
        np.testing.assert_array_equal(found, expected)


# ---------------------------------------------------------------- other models
N_CLASSES = 200


@pytest.fixture(scope="module")
def data():
    """Dense and sparse rows on which an update with 200 outputs takes half a second."""
    n, per_row, rng = 100_000, 100, np.random.RandomState(0)
    indices = np.arange(n * per_row, dtype=np.int32) % 997
    indptr = np.arange(0, n * per_row + 1, per_row, dtype=np.int32)
    stored = np.ones(n * per_row, dtype=np.float32), indices, indptr
    rows = sp.csr_matrix(stored, shape=(n, 1000))
    dense = rng.standard_normal((40_000, 500))
    return {"dense": dense, "sparse": rows}


def labels(X):
    """A class for each row."""
    return np.arange(X.shape[0]) % N_CLASSES


MODELS = {
    "linear": (GDClassifier, {}),
    "line_search": (GDClassifier, {"learning_rate": "line_search"}),
    "lbfgs": (GDClassifier, {"optimizer": "lbfgs"}),
    "inputs": (GDClassifier, {"batch_norm": True}),
    "network": (MLPGDClassifier, {"hidden_layer_sizes": 200}),
    "batch_norm": (MLPGDClassifier, {"hidden_layer_sizes": 200, "batch_norm": True}),
}
BEGIN, LONGEST = 0.03, 0.2  # seconds


class Interrupted:
    """Calls a compiled function that is interrupted 0.03 CPU seconds after it begins.

    `delay` is the CPU time of all threads from then to its end.
    """

    def __init__(self, module, name, monkeypatch):
        self.function, self.delay = getattr(module, name), None
        monkeypatch.setattr(module, name, self)

    def __call__(self, *args, **options):
        begin = time.process_time()
        try:
            with interrupted_after(BEGIN):
                return self.function(*args, **options)
        finally:
            self.delay = time.process_time() - begin - BEGIN


@pytest.mark.parametrize(
    ("name", "kind", "n"),
    [
        *((name, kind, 1) for name in MODELS for kind in ("dense", "sparse")),
        ("linear", "dense", 2),
        ("batch_norm", "sparse", 2),
    ],
)
def test_an_update_of_any_model_can_be_interrupted(data, name, kind, n, monkeypatch):
    X, (model, options) = data[kind], MODELS[name]
    model = model(solver="batch", max_iter=1, early_stopping=False, **options)
    model.set_params(standardize=False, random_state=0)
    if name == "lbfgs":
        call = Interrupted(lbfgs, "training_loss", monkeypatch)
    elif name == "line_search":
        call = Interrupted(passes, "training_loss", monkeypatch)
    else:
        call = Interrupted(passes, "train_epoch", monkeypatch)
    with threads(n), pytest.raises(KeyboardInterrupt):
        model.fit(X, labels(X))
    assert call.delay < n * LONGEST
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize("name", ["linear", "batch_norm"])
def test_a_prediction_of_any_model_can_be_interrupted(data, name, monkeypatch):
    X, (model, options) = data["sparse"], MODELS[name]
    model = model(solver="batch", max_iter=1, early_stopping=False, **options)
    model.fit(X[:400], labels(X[:400]))
    place = linear_model, "_product"
    if name != "linear":
        place = prediction, "raw_predictions"
    call = Interrupted(*place, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        model.predict(X)
    assert call.delay < LONGEST


def test_a_validation_can_be_interrupted(data, monkeypatch):
    X = data["sparse"]
    held_out = X[: 2 * N_CLASSES], labels(X[: 2 * N_CLASSES])
    model = GDClassifier(solver="batch", early_stopping=True, max_iter=1)
    call = Interrupted(prediction, "raw_predictions", monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*held_out, X_val=X, y_val=labels(X))
    assert call.delay < LONGEST
