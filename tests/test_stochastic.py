"""Sums over samples, minimised some samples at a time."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.linear_model import LogisticRegression

from skgd import maximize_stochastic, minimize_stochastic
from skgd._functions import stochastic
from skgd.optimizers import OPTIMIZERS, SGD, Adam

RNG = np.random.RandomState(0)
X = RNG.uniform(-1, 1, (60, 2))
Y = X @ [2.0, -1.0] + 0.5 + 0.1 * RNG.standard_normal(60)
BEST = np.linalg.lstsq(np.c_[X, np.ones(60)], Y, rcond=None)[0]


def error(x, X, y):
    return np.sum((X @ x[:2] + x[2] - y) ** 2)


def slope(x, X, y):
    r = 2 * (X @ x[:2] + x[2] - y)
    return np.append(r @ X, r.sum())


def run(**options):
    options = {"jac": slope, "random_state": 0, "max_iter": 2000, **options}
    return minimize_stochastic(error, X, Y, [0, 0, 0], **options)


def by_the_rule(n_passes, batch_size, rate=0.01, decay=0.9, patience=100, seed=0):
    """The method once more: the total before each pass, the best, the rate."""
    rng = np.random.RandomState(seed)
    x, best, best_x, step, waiting = np.zeros(3), np.inf, None, rate, 0
    totals, rates = [], []
    for number in range(n_passes + 1):
        total = error(x, X, Y)
        if total < best:
            best, best_x, step, waiting = total, x, rate, 0
        else:
            step, waiting = step * decay, waiting + 1
        totals.append(total)
        rates.append(step)
        if waiting == patience or number == n_passes:
            return best_x, totals, rates
        order = rng.permutation(len(X))
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            x = x - step * slope(x, X[rows], Y[rows]) / len(rows)


@pytest.mark.parametrize("batch_size", [1, 7, 60, 100])
def test_it_is_the_method(batch_size):
    best_x, totals, rates = by_the_rule(2000, batch_size)
    result = run(batch_size=batch_size)
    assert_allclose(result.fun_path, totals, rtol=1e-10)
    assert_allclose(result.rate_path, rates, rtol=1e-12)
    assert_allclose(result.x, best_x, rtol=1e-10)
    assert result.nit == len(totals) - 1


@pytest.mark.parametrize("jac", [slope, None, "3-point", True])
def test_every_gradient_finds_the_least_squares(jac):
    fun = (lambda x, X, y: (error(x, X, y), slope(x, X, y))) if jac is True else error
    result = minimize_stochastic(
        fun, X, Y, [0, 0, 0], jac=jac, batch_size=10, random_state=0, max_iter=300
    )
    assert_allclose(result.x, BEST, atol=5e-3)


def test_patience_ends_it_and_the_best_is_returned():
    result = run(patience=30)
    assert (result.success, result.status) == (True, 0)
    assert "30 passes" in result.message
    at = int(np.argmin(result.fun_path))
    assert at == result.nit - 30
    assert result.fun == result.fun_path[at] == error(result.x, X, Y)
    assert result.fun_path[-1] > result.fun
    assert_allclose(result.rate_path[at:], 0.01 * 0.9 ** np.arange(31), rtol=1e-12)
    assert_allclose(result.x, BEST, atol=1e-2)


def test_the_rate_goes_back_on_a_new_best():
    result = run()
    new_best = np.r_[
        True, result.fun_path[1:] < np.minimum.accumulate(result.fun_path)[:-1]
    ]
    assert new_best[1:].any()
    assert not new_best.all()
    assert (result.rate_path[new_best] == 0.01).all()
    lowered = ~new_best[1:]
    assert_allclose(result.rate_path[1:][lowered], 0.9 * result.rate_path[:-1][lowered])


def test_more_passes_than_allowed():
    result = run(max_iter=3, return_path=True)
    assert (result.nit, result.status, result.success) == (3, 1, False)
    assert result.path.shape == (4, 3)
    assert_array_equal(result.path[0], 0)
    assert_allclose([error(x, X, Y) for x in result.path], result.fun_path)
    assert result.njev == 3 * 60
    assert result.nfev == 4
    assert run(max_iter=0).nit == 0


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_other_optimizers(optimizer):
    result = run(optimizer=optimizer, batch_size=10, learning_rate=0.05)
    assert_allclose(result.x, BEST, atol=1e-2)


def test_the_twin_goes_up():
    # the likelihood of a logistic regression
    labels = np.greater(Y, np.median(Y)).astype(float)

    def log_likelihood(w, X, y):
        z = X @ w[:2] + w[2]
        return np.sum(y * z - np.logaddexp(0, z)) - 0.5 * (w[:2] @ w[:2]) * len(X) / 60

    def gradient(w, X, y):
        r = y - 1 / (1 + np.exp(-(X @ w[:2] + w[2])))
        return np.append(r @ X - w[:2] * len(X) / 60, r.sum())

    options = dict(batch_size=10, learning_rate=1.0, random_state=0)
    up = maximize_stochastic(
        log_likelihood, X, labels, [0, 0, 0], jac=gradient, **options
    )
    down = minimize_stochastic(
        lambda *a: -log_likelihood(*a),
        X,
        labels,
        [0, 0, 0],
        jac=lambda *a: -gradient(*a),
        **options,
    )
    assert_array_equal(up.x, down.x)
    assert_array_equal(up.fun_path, -down.fun_path)
    assert up.fun == max(up.fun_path)
    exact = LogisticRegression(C=1.0, tol=1e-10).fit(X, labels)
    assert_allclose(up.x, [*exact.coef_[0], exact.intercept_[0]], atol=0.05)


def test_the_order_is_random_and_reproducible():
    a, b, c = run(max_iter=5), run(max_iter=5), run(max_iter=5, random_state=1)
    assert_array_equal(a.fun_path, b.fun_path)
    assert (a.fun_path[1:] != c.fun_path[1:]).all()
    np.random.seed(0)
    d = run(max_iter=5, random_state=None)
    np.random.seed(0)
    e = run(max_iter=5, random_state=None)  # the global generator has no say
    assert (d.fun_path[1:] != e.fun_path[1:]).all()
    assert run(random_state=np.random.RandomState(0), max_iter=5).fun == a.fun


def test_sparse_data_lists_and_data_without_targets():
    dense = run(max_iter=5, batch_size=8)
    sparse = minimize_stochastic(
        lambda x, X, y: np.sum((X @ x[:2] + x[2] - y) ** 2),
        sp.coo_matrix(X),
        Y.tolist(),
        [0, 0, 0],
        jac=lambda x, X, y: slope(x, X.toarray(), y),
        batch_size=8,
        max_iter=5,
        random_state=0,
    )
    assert_allclose(sparse.fun_path, dense.fun_path, rtol=1e-12)
    mean = minimize_stochastic(
        lambda m, X: np.sum((X - m) ** 2),
        X,
        None,
        [0.0, 0.0],
        random_state=0,
        batch_size=20,
    )
    assert_allclose(mean.x, X.mean(axis=0), atol=1e-2)


def test_args_and_float32():
    result = minimize_stochastic(
        lambda m, X, power: np.sum(np.abs(X - m) ** power),
        np.array([0.0, 1.0, 5.0]),
        None,
        np.zeros(1, np.float32),
        (2,),
        random_state=0,
    )
    assert result.x.dtype == np.float32
    assert_allclose(result.x, 2, atol=0.05)


def test_a_callback_may_stop():
    seen = []

    def callback(intermediate_result):
        seen.append(intermediate_result)
        if intermediate_result.nit == 3:
            raise StopIteration

    result = run(callback=callback)
    assert (result.status, result.nit, result.success) == (99, 3, False)
    assert_allclose([state.fun for state in seen], result.fun_path)


def test_divergence_returns_the_best():
    with np.errstate(all="ignore"):
        result = run(learning_rate=3.0, patience=10_000, decay=1.0)
    assert (result.status, result.success) == (3, False)
    assert_array_equal(result.x, 0)
    assert np.isfinite(result.fun)


REFUSED = {
    "learning_rate": (
        dict(learning_rate=0),
        "learning_rate must be a float > 0. Got 0",
    ),
    "decay": (dict(decay=1.5), "decay must be a float > 0 and <= 1"),
    "batch_size": (dict(batch_size=0), "batch_size must be an int >= 1"),
    "patience": (dict(patience=0), "patience must be an int >= 1"),
    "max_iter": (dict(max_iter=-1), "max_iter must be an int >= 0"),
    "optimizer": (dict(optimizer="no"), "'optimizer' parameter of minimize_stochastic"),
    "rule": (dict(optimizer=Adam(beta_1=1)), "'beta_1' parameter of Adam"),
    "jac": (dict(jac=3), "jac must be a callable"),
    "gradient": (dict(jac=lambda x, X, y: x[:1]), "shape of x0"),
    "random_state": (
        dict(random_state="a"),
        "random_state must be a RandomState or an int >= 0",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_errors_name_what_is_wrong(case):
    options, match = REFUSED[case]
    with pytest.raises(ValueError, match=match):
        run(**options)


def test_data_that_do_not_fit():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        minimize_stochastic(error, X, Y[:5], [0, 0, 0], jac=slope)
    with pytest.raises(ValueError, match="at least one sample"):
        minimize_stochastic(error, X[:0], Y[:0], [0, 0, 0], jac=slope)
    with pytest.raises(ValueError, match="must be finite at x0. Got nan"):
        minimize_stochastic(lambda x, X, y: np.nan, X, Y, [0, 0, 0], jac=slope)


def test_defaults_stand_in_two_places_alike():
    public = inspect.signature(minimize_stochastic).parameters
    loop = inspect.signature(stochastic._iterate_passes).parameters
    assert set(loop) == {*public, "sign"}
    for name in public:
        assert public[name].default == loop[name].default


def test_the_rate_is_that_of_the_object_where_it_is_set():
    assert run(optimizer=SGD(0.003), max_iter=2).rate_path[0] == 0.003
    assert run(optimizer=SGD(0.003), learning_rate=0.1, max_iter=2).rate_path[0] == 0.1
    with pytest.raises(TypeError, match="maximize_stochastic got .*'bogus'"):
        maximize_stochastic(error, X, Y, [0, 0, 0], bogus=1)
