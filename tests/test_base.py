"""What the four estimators share: data forms, continuing, determinism, errors."""

import _thread
import pickle
import threading
import time
import warnings
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd._training import descent
from skgd.optimizers import SGD, Adam
from skgd.schedules import Schedule, Warmup

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
SOLVERS = ["batch", "sgd", "minibatch"]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X_REG, Y_REG = load_diabetes(return_X_y=True)
X_REG, Y_REG = scale(X_REG)[:150], scale(Y_REG)[:150]
X_DIGITS, Y_DIGITS = load_digits(return_X_y=True)
X_DIGITS, Y_DIGITS = X_DIGITS[:150] / 16, Y_DIGITS[:150]


def data_for(estimator):
    return (X_DIGITS, Y_DIGITS) if is_classifier(estimator) else (X_REG, Y_REG)


def small(estimator, **params):
    if hasattr(estimator(), "hidden_layer_sizes"):
        params = {"hidden_layer_sizes": (6, 4), **params}
    params = {"max_iter": 3, "tol": None, "random_state": 0, "batch_size": 40, **params}
    return estimator(**params)


def parameters(estimator):
    if hasattr(estimator, "coef_"):
        return np.concatenate([np.ravel(estimator.coef_), estimator.intercept_])
    return np.concatenate([a.ravel() for a in estimator.coefs_ + estimator.intercepts_])


def partial_fit(estimator, X, y):
    kwargs = {"classes": np.unique(y)} if is_classifier(estimator) else {}
    return estimator.partial_fit(X, y, **kwargs)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad", "rmsprop", "adam"])
@pytest.mark.parametrize(("dropout", "batch_norm"), [(0.0, False), (0.2, True)])
def test_partial_fit_equals_fit(estimator, solver, optimizer, dropout, batch_norm):
    X, y = data_for(estimator())
    for rate in ("invscaling", "cosine"):
        options = dict(
            solver=solver,
            optimizer=optimizer,
            dropout=dropout,
            batch_norm=batch_norm,
            learning_rate=rate,
            learning_rate_init=0.001,
        )
        whole = small(estimator, **options).fit(X, y)
        parts = small(estimator, **options)
        for _ in range(3):
            partial_fit(parts, X, y)
            # neither a pickle nor early stopping makes a difference
            parts = pickle.loads(pickle.dumps(parts)).set_params(early_stopping=True)
        assert_array_equal(parameters(whole), parameters(parts))
        assert_array_equal(whole.predict(X), parts.predict(X))
        assert whole.loss_curve_ == parts.loss_curve_
        assert whole.t_ == parts.t_
        assert whole.learning_rate_ == parts.learning_rate_
        assert (whole.n_iter_, parts.n_iter_) == (3, 1)


def test_partial_fit_equals_fit_with_weights():
    weights = np.random.RandomState(0).uniform(0.5, 2, len(X_REG))
    options = dict(batch_norm=True, standardize=False, learning_rate="constant")
    whole = small(GDRegressor, **options).fit(X_REG, Y_REG, sample_weight=weights)
    parts = small(GDRegressor, **options)
    for _ in range(3):
        parts.partial_fit(X_REG, Y_REG, sample_weight=weights)
    # the mean weight is summed up over the calls
    assert_allclose(parameters(whole), parameters(parts), rtol=1e-10)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("dropout", "batch_norm"), list(product([0.0, 0.2], [False, True]))
)
def test_sparse_equals_dense(estimator, solver, dropout, batch_norm):
    X, y = data_for(estimator())
    X = np.where(np.abs(X) < 0.5, 0, X)
    # (standardised, sparse features are not centred)
    options = dict(solver=solver, dropout=dropout, batch_norm=batch_norm)
    options.update(standardize=False)
    dense = small(estimator, **options).fit(X, y)
    for form in (sp.csr_matrix, sp.csr_array, sp.csc_array, sp.coo_matrix):
        sparse = small(estimator, **options).fit(form(X), y)
        assert_allclose(parameters(sparse), parameters(dense), rtol=1e-7, atol=1e-10)
        assert_allclose(sparse.loss_curve_, dense.loss_curve_, rtol=1e-9)
        if is_classifier(sparse):
            assert_array_equal(sparse.predict(form(X)), sparse.predict(X))
        else:
            assert_allclose(sparse.predict(form(X)), sparse.predict(X), atol=1e-12)


def test_odd_sparse_matrices():
    X = np.where(X_REG > 0.5, X_REG, 0)
    expected = parameters(
        small(GDRegressor, batch_norm=True, standardize=False).fit(X, Y_REG)
    )
    csr = sp.csr_array(X)
    wide = csr.copy()
    wide.indices = wide.indices.astype(np.int64)
    wide.indptr = wide.indptr.astype(np.int64)
    # every value twice, each half of it, in reverse order within the rows
    halves = sp.csr_array(
        (
            np.repeat(csr.data / 2, 2)[::-1].copy(),
            np.repeat(csr.indices, 2)[::-1].copy(),
            2 * (csr.indptr[-1] - csr.indptr[::-1]),
        ),
        shape=csr.shape,
    )
    halves = halves[::-1]
    before = halves.indices.copy()
    for odd in (wide, halves):
        model = small(GDRegressor, batch_norm=True, standardize=False).fit(odd, Y_REG)
        assert_allclose(parameters(model), expected, rtol=1e-8, atol=1e-12)
    assert_array_equal(halves.indices, before)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_forms_of_dense_data(estimator, tmp_path):
    X, y = data_for(estimator())
    expected = parameters(small(estimator).fit(X, y))
    np.save(tmp_path / "X.npy", X)
    memory_map = np.load(tmp_path / "X.npy", mmap_mode="r")
    for form in (np.asfortranarray(X), X.tolist(), memory_map, np.repeat(X, 2, 0)[::2]):
        assert_array_equal(parameters(small(estimator).fit(form, y)), expected)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("dropout", "batch_norm"), [(0.0, False), (0.2, True)])
def test_float32(estimator, solver, dropout, batch_norm):
    X, y = data_for(estimator())
    options = dict(solver=solver, dropout=dropout, batch_norm=batch_norm)
    options.update(standardize=False)
    # Not Adam: it would magnify rounding errors where gradients are next to zero.
    options.update(optimizer="momentum", learning_rate_init=1e-3)
    wide = small(estimator, **options).fit(X, y)
    X = X.astype(np.float32)
    narrow = small(estimator, **options).fit(X, y)
    assert parameters(narrow).dtype == np.float32
    if not is_classifier(narrow):
        assert narrow.predict(X).dtype == np.float32
    else:
        assert narrow.predict_proba(X).dtype == np.float32
    # Rounding errors of 6e-8 over at most 450 updates: they add up to 3e-5.
    assert_allclose(parameters(narrow), parameters(wide), atol=3e-5)
    narrow.partial_fit(X.astype(np.float64), y)
    assert parameters(narrow).dtype == np.float32


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_solvers_are_batch_sizes(estimator, batch_norm):
    X, y = data_for(estimator())
    options = dict(batch_norm=batch_norm)
    batch = small(estimator, solver="batch", **options).fit(X, y)
    whole = small(estimator, **options, batch_size=len(X)).fit(X, y)
    assert_allclose(parameters(batch), parameters(whole), rtol=1e-12)
    one = small(estimator, solver="sgd", **options).fit(X, y)
    single = small(estimator, **options, batch_size=1).fit(X, y)
    assert_allclose(parameters(one), parameters(single), rtol=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_determinism(estimator):
    X, y = data_for(estimator())
    options = dict(dropout=0.3, batch_norm=True)
    first = small(estimator, **options).fit(X, y)
    assert_array_equal(parameters(first), parameters(clone(first).fit(X, y)))
    other = small(estimator, **options).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(parameters(first), parameters(other))

    # in threads, at the same time
    models = [small(estimator, **options) for _ in range(4)]
    threads = [threading.Thread(target=m.fit, args=(X, y)) for m in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for model in models:
        assert_array_equal(parameters(first), parameters(model))


def test_no_global_random_numbers():
    np.random.seed(0)
    expected = np.random.uniform()
    np.random.seed(0)
    MLPGDRegressor(max_iter=2, dropout=0.1, early_stopping=True).fit(X_REG, Y_REG)
    assert np.random.uniform() == expected


def test_random_state_instance_goes_on():
    rng = np.random.RandomState(0)
    first = small(MLPGDRegressor).set_params(random_state=rng).fit(X_REG, Y_REG)
    second = small(MLPGDRegressor).set_params(random_state=rng).fit(X_REG, Y_REG)
    assert not np.array_equal(parameters(first), parameters(second))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_shuffle(estimator):
    X, y = data_for(estimator())
    still = small(estimator, shuffle=False).fit(X, y)
    moved = small(estimator, shuffle=True).fit(X, y)
    assert not np.array_equal(parameters(still), parameters(moved))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_warm_start_goes_on(estimator, batch_norm):
    X, y = data_for(estimator())
    # a rate that depends on the step shows that the count goes on
    options = dict(learning_rate="invscaling", batch_norm=batch_norm)
    whole = small(estimator, max_iter=6, **options).fit(X, y)
    twice = small(estimator, warm_start=True, **options).fit(X, y)
    twice.fit(X, y)
    assert_array_equal(parameters(whole), parameters(twice))
    assert len(twice.loss_curve_) == 6
    assert twice.n_iter_ == 3
    cold = small(estimator, **options).fit(X, y)
    assert_array_equal(parameters(cold), parameters(cold.fit(X, y)))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_change_the_optimizer_and_go_on(estimator):
    X, y = data_for(estimator())
    model = small(estimator, max_iter=20, warm_start=True, learning_rate_init=0.01)
    model.set_params(standardize=False, alpha=1e-4).fit(X, y)
    model.set_params(learning_rate_init=None)
    adam = parameters(model)
    model.set_params(optimizer=SGD(learning_rate=1e-4), max_iter=5).fit(X, y)
    # plain steps of a small rate stay near
    assert 0 < np.abs(parameters(model) - adam).max() < 0.05
    assert model.loss_ <= model.loss_curve_[19] * 1.01
    model.set_params(optimizer=Adam(beta_1=0.5)).partial_fit(X, y)
    model.set_params(optimizer__beta_1=0.9).partial_fit(X, y)
    assert np.isfinite(parameters(model)).all()
    assert len(model.loss_curve_) == 27


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_weights_are_relative(estimator):
    X, y = data_for(estimator())
    weights = np.random.RandomState(0).uniform(0.5, 2, len(X))
    # (the penalty of the MLPs is divided by the sum of the weights)
    model = small(estimator, penalty=None)
    one = clone(model).fit(X, y, sample_weight=weights)
    other = clone(model).fit(X, y, sample_weight=8 * weights)
    assert_array_equal(parameters(one), parameters(other))
    unit = clone(model).fit(X, y, sample_weight=np.full(len(X), 3.0))
    assert_allclose(parameters(unit), parameters(model.fit(X, y)), rtol=1e-9)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_error_leaves_everything_as_it_was(estimator):
    X, y = data_for(estimator())
    model = small(estimator, batch_norm=True).fit(X, y)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match="non-zero"):
        model.fit(X[:, :2], y, sample_weight=np.zeros(len(X)))
    assert pickle.dumps(model) == before

    model.set_params(learning_rate=lambda step: 1e300, optimizer="sgd")
    before = parameters(model), model.predict(X), model.t_
    with pytest.raises(ValueError, match="Floating-point|The loss exploded"):
        model.partial_fit(1e10 * X, y)
    assert_array_equal(parameters(model), before[0])
    assert_array_equal(model.predict(X), before[1])
    assert model.t_ == before[2]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_divergence(estimator):
    X, y = data_for(estimator())
    huge = small(estimator, max_iter=50, optimizer="sgd", learning_rate_init=1e200)
    if hasattr(huge, "activation"):
        huge.set_params(activation="identity")  # ReLU units would all be dead at once
    text = (
        "(Floating-point under-/overflow occurred at epoch #1. Solver produced "
        "non-finite parameter weights|The loss exploded at epoch #1). The input data "
        "may contain large values and need to be preprocessed. The columns with the "
        r"largest scale .* are 1 \(.*e.*\), [02] \(.*\), [02] \(.*\). Scaling input "
        "data with StandardScaler or MinMaxScaler might help, or standardize=True; "
        "or a smaller learning_rate_init, say .*e.*"
    )
    X = 1e5 * X[:, :3] * [1, 10, 0.1]
    with np.errstate(all="raise"), pytest.raises(ValueError, match=text):
        huge.set_params(standardize=False).fit(X, y)
    assert not hasattr(huge, "n_features_in_")


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_after_divergence_the_rate_is_halved(estimator, given):
    model = small(estimator, optimizer="sgd", max_iter=100, standardize=False)
    model.set_params(learning_rate="constant")
    if hasattr(model, "activation"):
        model.set_params(activation="identity")
    # rates up to about 2 / (the largest eigenvalue, between 1 and 10) are stable
    rate = 6.0 if given else SGD().own_rate(model._kind)
    X = X_REG / X_REG.std(axis=0) * (1 if given else np.sqrt(8 / rate))
    model.set_params(learning_rate_init=rate if given else None)
    with pytest.warns(ConvergenceWarning, match="half the learning rate") as caught:
        model.fit(X, Y_REG)
    assert len(caught) == 1
    assert 1 <= model.n_restarts_ <= 5
    assert model.learning_rate_ == rate * 0.5**model.n_restarts_
    assert len(model.loss_curve_) == model.n_iter_ == 100
    assert np.isfinite(model.loss_curve_).all()
    assert model.loss_ < 1.5 * model.loss_curve_[0]
    assert model.score(X, Y_REG) > 0
    # the lower rate is kept
    warm = clone(model).set_params(warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warm.fit(X, Y_REG)
    warm.fit(X, Y_REG)
    assert warm.n_restarts_ == 0
    assert warm.learning_rate_ == model.learning_rate_


class Once(Schedule):
    """Explodes at the first look at a step, and is constant afterwards."""

    looks = []

    def _factor(self, step, n_steps, n_plateaus):
        at = np.size(step) < 10 and np.any(step == 40)
        self.looks.append(bool(at))
        return np.where(at and sum(self.looks) == 1, 1e250, np.ones(np.shape(step)))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_last_good_epoch_is_gone_back_to(estimator):
    X, y = data_for(estimator())
    options = dict(optimizer="sgd", learning_rate_init=1e-3, batch_size=40)
    ten = small(estimator, max_iter=10, learning_rate="constant", **options)
    ten.fit(X, y)
    Once.looks.clear()
    model = small(estimator, max_iter=20, learning_rate=Once(), **options)
    with pytest.warns(ConvergenceWarning, match="epoch #11. .* last good epoch"):
        model.fit(X, y)
    assert model.n_restarts_ == 1
    assert model.learning_rate_ == 0.5e-3
    # the loss of the tenth vouches for where it began
    assert model.loss_curve_[:9] == ten.loss_curve_[:9]
    assert len(model.loss_curve_) == 20
    assert model.t_ - ten.t_ == 10 * len(X)
    assert model.loss_ < ten.loss_


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_rate_that_no_halving_helps(estimator):
    X, y = data_for(estimator())
    model = small(estimator, optimizer="sgd", learning_rate_init=1e250)
    model.set_params(learning_rate="constant")
    with pytest.raises(ValueError, match="epoch #1. .* learning_rate_init, say 0"):
        model.fit(X, y)


def interrupt_soon(seconds):
    def interrupt():
        time.sleep(seconds)
        _thread.interrupt_main()

    threading.Thread(target=interrupt).start()


def interrupt_after_an_epoch(monkeypatch):
    # However slow the machine is, there is an epoch to keep.
    run_epoch, calls = descent.run_epoch, []

    def timed(*args):
        calls.append(args)
        if len(calls) == 2:
            interrupt_soon(0.3)
        return run_epoch(*args)

    monkeypatch.setattr(descent, "run_epoch", timed)


@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_keyboard_interrupt(estimator, monkeypatch):
    X = np.random.RandomState(0).randn(20000, 20)
    model = estimator(max_iter=10**6, tol=None, random_state=0)
    interrupt_after_an_epoch(monkeypatch)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, X[:, 0])
    assert 0 < model.n_iter_ == len(model.loss_curve_) < 10**6
    assert np.isfinite(model.predict(X)).all()
    model.partial_fit(X, X[:, 0])


def test_an_interrupted_epoch_is_undone(monkeypatch):
    # What the cumulative penalty has taken off can never be more than was due.
    X = np.random.RandomState(0).randn(200000, 20)
    model = GDRegressor(
        optimizer="sgd", solver="sgd", penalty="l1", alpha=0.1, max_iter=10**6, tol=None
    )
    interrupt_after_an_epoch(monkeypatch)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, X[:, 0])
    state = model._state
    assert np.abs(state.slots).max() <= state.l1_total * (1 + 1e-9)
    assert state.step == state.slot_step == state.n_seen == model.n_iter_ * len(X)


def test_keyboard_interrupt_before_the_first_epoch_has_ended():
    X = np.random.RandomState(0).randn(100000, 50)
    model = MLPGDRegressor((300, 300), solver="sgd", random_state=0)
    interrupt_soon(1.0)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, X[:, 0])
    # within an epoch, too
    assert time.monotonic() - start < 10
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_convergence_warning(estimator):
    X, y = data_for(estimator())
    text = "Maximum number of iteration reached before convergence"
    if hasattr(estimator(), "hidden_layer_sizes"):
        text = r"Stochastic Optimizer: Maximum iterations \(3\) reached"
    with pytest.warns(ConvergenceWarning, match=text):
        small(estimator, tol=1e-6).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(estimator, tol=None).fit(X, y)
        partial_fit(small(estimator, tol=1e-6), X, y)


def test_batch_size_is_clipped():
    with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger than"):
        small(GDRegressor, batch_size=1000).fit(X_REG, Y_REG)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_verbose(estimator, capsys):
    X, y = data_for(estimator())
    small(estimator, verbose=True, early_stopping=True).fit(X, y)
    out = capsys.readouterr().out
    assert out.split("\n")[1].split()[0] == "1"
    assert "validation score" in out
    small(estimator, verbose=0).fit(X, y)
    assert capsys.readouterr().out == ""


def test_callable_learning_rate():
    seen = []

    def rate(step):
        seen.append(step)
        return 0.1 / (1 + step)

    model = small(GDRegressor, learning_rate=rate, optimizer="sgd").fit(X_REG, Y_REG)
    assert seen == list(range(12))
    assert model.learning_rate_ == 0.1 / 12
    with pytest.raises(ValueError, match="'learning_rate' callable must return finite"):
        small(GDRegressor, learning_rate=lambda step: -1.0).fit(X_REG, Y_REG)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(
    ("kind", "schedule"),
    [
        (GDRegressor, "adaptive"),
        (GDRegressor, Warmup(50, start=1.0, then="adaptive")),
        (MLPGDRegressor, "adaptive"),
        (MLPGDRegressor, "auto"),
    ],
)
def test_without_tolerance_plateaus_lower_the_rate_and_nothing_stops(
    kind, schedule, early_stopping, capsys
):
    # A constant rate hovers around the optimum however long the training is.
    options = {"optimizer": "adam", "batch_size": 20, "random_state": 0}
    options |= {"learning_rate": schedule, "learning_rate_init": 0.1, "verbose": 2}
    options |= {"early_stopping": early_stopping}
    options |= {"hidden_layer_sizes": ()} if kind is MLPGDRegressor else {}
    model = kind(tol=None, max_iter=400, **options).fit(X_REG, Y_REG)
    assert model.n_iter_ == 400
    factor = 0.1 if schedule == "auto" else 0.2
    assert model.learning_rate_ <= 0.1 * factor
    assert "did not improve more than tol=0.000000" in capsys.readouterr().out
    # up to where it stops, a training with tol=0 is the same
    stopped = kind(tol=0, max_iter=400, **options).fit(X_REG, Y_REG)
    assert stopped.loss_curve_ == model.loss_curve_[: stopped.n_iter_]
    assert stopped.n_iter_ < 400 or schedule != "auto"


def test_adaptive_rate_falls_on_plateaus():
    model = GDRegressor(
        learning_rate="adaptive",
        learning_rate_init=0.1,
        optimizer="sgd",
        random_state=0,
    ).fit(X_REG, Y_REG)
    constant = GDRegressor(
        learning_rate="constant",
        learning_rate_init=0.1,
        optimizer="sgd",
        random_state=0,
    )
    assert model.n_iter_ > constant.fit(X_REG, Y_REG).n_iter_
    assert model.learning_rate_ < 1e-6
    assert model.loss_ <= constant.loss_
