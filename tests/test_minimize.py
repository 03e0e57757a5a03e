"""Minimise and maximise functions: arguments, ends, and what is returned."""

import inspect
import warnings

import numpy as np
import oracles
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize
from scipy.optimize import Bounds, OptimizeResult, rosen, rosen_der

import skgd
from skgd import maximize, minimize
from skgd._functions.loop import iterate
from skgd.line_search import LineSearch
from skgd.optimizers import OPTIMIZERS, SGD, Adam, Momentum
from skgd.schedules import Cosine, Linear, Warmup

CENTRE = np.array([1.0, -2.0, 0.5])
SCALES = np.array([1.0, 4.0, 0.5])


def bowl(x):
    return float(SCALES @ (x - CENTRE) ** 2) / 2 + 3.0


def slope(x):
    return SCALES * (x - CENTRE)


# ways to get on that arrive, with the defaults for everything else
WAYS = {
    **{
        name: {"optimizer": OPTIMIZERS[name](**params), **options}
        for name, oracle in oracles.OPTIMIZERS.items()
        for params, options in [oracle.to_minimum]
    },
    "nesterov": {"optimizer": Momentum(nesterov=True)},
    "sizes": {"step_sizes": [10, 1, 0.1, 0.01], "tol": 0},
    "armijo": {"step_sizes": "armijo"},
    "line search": {"step_sizes": LineSearch(shrink=0.1, grow=3.0)},
}


# with a rate that falls they end with the schedule, not at a small gradient
SCHEDULED = {way for way, options in WAYS.items() if "schedule" in options}


def test_every_optimizer_is_a_way():
    assert set(OPTIMIZERS) <= set(WAYS)


@pytest.mark.parametrize("jac", [slope, None, False, "2-point", "3-point", True])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_arrives_with_every_gradient(way, jac):
    fun = (lambda x: (bowl(x), slope(x))) if jac is True else bowl
    result = minimize(fun, [0.0, 0.0, 0.0], jac=jac, **WAYS[way])
    assert_allclose(result.x, CENTRE, atol=1e-4)
    assert result.fun == pytest.approx(3.0, abs=1e-8)
    assert isinstance(result, OptimizeResult)
    assert set(result) == {
        "x", "fun", "jac", "nit", "nfev", "njev", "success", "status", "message"
    }  # fmt: skip
    if way not in SCHEDULED:
        assert (result.success, result.status) == (True, 0)
        assert np.abs(slope(result.x)).max() < 3e-5  # gtol and the error of '2-point'
    if way not in ("sizes", "armijo", "line search") and jac is slope:
        assert result.nfev == result.njev == result.nit + 1


@pytest.mark.parametrize("way", WAYS)
def test_the_way_up_is_the_way_down_of_the_negative(way):
    down = minimize(bowl, [0, 0, 0], jac=slope, return_path=True, **WAYS[way])
    up = maximize(
        lambda x: -bowl(x),
        [0, 0, 0],
        jac=lambda x: -slope(x),
        return_path=True,
        **WAYS[way],
    )
    assert_array_equal(up.path, down.path)
    assert_array_equal(up.fun_path, -down.fun_path)
    assert_array_equal(up.jac, -down.jac)
    assert (up.fun, up.nit, up.message) == (-down.fun, down.nit, down.message)


def test_the_path_holds_every_point():
    seen = []
    result = minimize(
        bowl,
        [0, 0, 0],
        jac=slope,
        optimizer="sgd",
        learning_rate=0.1,
        max_iter=7,
        return_path=True,
        callback=seen.append,
    )
    assert result.path.shape == (8, 3)
    assert_allclose(result.fun_path, [bowl(x) for x in result.path], rtol=1e-15)
    assert_array_equal(result.path[0], 0)
    assert_array_equal(result.path[-1], result.x)
    assert_array_equal([state.x for state in seen], result.path[1:])
    assert [state.nit for state in seen] == [1, 2, 3, 4, 5, 6, 7]
    assert_allclose([state.fun for state in seen], result.fun_path[1:])
    assert_allclose(np.diff(result.path, axis=0), -0.1 * slope(result.path[:-1]))


def test_each_tolerance_ends_the_descent_on_its_own():
    options = dict(jac=slope, optimizer="sgd", learning_rate=0.1, return_path=True)
    never = dict(gtol=None)
    by_value = minimize(bowl, [0, 0, 0], tol=1e-3, **never, **options)
    changes = -np.diff(by_value.fun_path)
    assert (changes >= 1e-3).all()
    x = by_value.x
    assert bowl(x) - bowl(x - 0.1 * slope(x)) < 1e-3
    assert "tol=0.001" in by_value.message
    assert by_value.nit == len(by_value.path)  # the last move was not made

    by_move = minimize(bowl, [0, 0, 0], xtol=1e-2, **never, **options)
    moves = np.linalg.norm(np.diff(by_move.path, axis=0), axis=1)
    assert (moves >= 1e-2).all()
    assert np.linalg.norm(0.1 * slope(by_move.x)) < 1e-2
    assert "xtol=0.01" in by_move.message

    by_gradient = minimize(bowl, [0, 0, 0], gtol=1e-2, **options)
    sizes = np.abs([slope(x) for x in by_gradient.path]).max(axis=1)
    assert (sizes[:-1] > 1e-2).all()
    assert sizes[-1] <= 1e-2
    assert "gtol=0.01" in by_gradient.message

    for result in (by_value, by_move, by_gradient):
        assert result.success
    none = minimize(bowl, [0, 0, 0], max_iter=300, **never, **options)
    assert (none.nit, none.status, none.success) == (300, 1, False)
    assert minimize(bowl, CENTRE, jac=slope).nit == 0
    assert minimize(bowl, [0, 0, 0], max_iter=0).nit == 0


def test_a_momentary_rest_does_not_end_momentum():
    # thrown up the hill, it stands still for a moment: no optimum
    result = minimize(
        lambda x: x[0] ** 2 / 2,
        [1.0],
        jac=lambda x: x,
        optimizer=Momentum(momentum=0.9),
        learning_rate=0.1,
        return_path=True,
    )
    assert (np.diff(result.fun_path) > 0).any()
    assert result.success
    assert abs(result.x[0]) <= 1e-5


def test_rates_come_from_optimizer_argument_and_schedule():
    def first_move(**options):
        result = minimize(
            lambda x: x[0], [0.0], jac=lambda x: [1.0], max_iter=3, return_path=True,
            **options,
        )  # fmt: skip
        return -np.diff(result.path[:, 0])

    assert_allclose(first_move(optimizer="sgd"), 0.01)
    assert_allclose(first_move(optimizer=SGD(0.3)), 0.3)
    assert_allclose(first_move(optimizer=SGD(0.3), learning_rate=0.2), 0.2)
    assert_allclose(first_move(optimizer="adam"), 0.01, rtol=1e-6)
    sgd = dict(optimizer="sgd", learning_rate=0.6)
    assert_allclose(first_move(schedule="linear", **sgd), [0.6, 0.4, 0.2])
    warm = Warmup(2, then=Linear(n_steps=2))
    assert_allclose(first_move(schedule=warm, **sgd), [0, 0.3, 0.6])
    assert_allclose(
        first_move(schedule=lambda step: 1 / (1 + step), **sgd), [1, 1 / 2, 1 / 3]
    )


def test_the_optimizer_of_the_user_is_not_changed():
    rule = Adam(0.1)
    w = np.zeros(1)
    rule.update(w, np.ones(1))
    a = minimize(bowl, [0, 0, 0], optimizer=rule, max_iter=5)
    b = minimize(bowl, [0, 0, 0], optimizer=rule, max_iter=5)
    assert_array_equal(a.x, b.x)
    rule.update(w, np.ones(1))
    assert_allclose(w, -0.2)  # its own state went on


# ---------------------------------------------------------------- step sizes
def test_the_best_of_the_step_sizes_is_taken():
    sizes = [3.0, 0.5, 0.2]
    result = minimize(
        bowl,
        [0, 0, 0],
        jac=slope,
        step_sizes=sizes,
        max_iter=6,
        tol=0,
        return_path=True,
    )
    for before, after in zip(result.path[:-1], result.path[1:], strict=True):
        candidates = [before - size * slope(before) for size in sizes]
        assert bowl(after) == min(bowl(x) for x in candidates)
    assert result.nfev == 1 + 3 * 6


@pytest.mark.parametrize("step_sizes", [[100, 1, 0.1, 0.01], "armijo"])
def test_a_step_out_of_the_domain_is_infinitely_bad(step_sizes):
    def fun(x):
        if x[0] <= 0:
            raise ValueError("outside")
        if x[0] > 50:
            return np.nan
        return x[0] - np.log(x[0])

    def outside(x):
        return 1 - 1 / x

    result = minimize(fun, [0.05], jac=outside, step_sizes=step_sizes, tol=0)
    assert_allclose(result.x, 1, atol=1e-4)
    top = maximize(
        lambda x: -fun(x),
        [40.0],
        jac=lambda x: -outside(x),
        step_sizes=step_sizes,
        tol=0,
    )
    assert_allclose(top.x, 1, atol=1e-4)
    with pytest.raises(ValueError, match="outside"):  # an optimizer shows the error
        minimize(fun, [2.0], jac=outside, optimizer="sgd", learning_rate=10)
    for interrupt in (KeyboardInterrupt, SystemExit):

        def stop(x, kind=interrupt):
            if x[0] != 1.0:
                raise kind
            return 1.0

        with pytest.raises(interrupt):
            minimize(stop, [1.0], jac=lambda x: [1.0], step_sizes=step_sizes)


def test_no_step_lowers_the_value():
    wrong = minimize(bowl, [0, 0, 0], jac=lambda x: -slope(x), step_sizes=[1, 0.1])
    assert (wrong.status, wrong.success, wrong.nit) == (2, False, 1)
    assert_array_equal(wrong.x, 0)
    assert (
        minimize(bowl, [0, 0, 0], jac=lambda x: -slope(x), step_sizes="armijo").status
        == 2
    )
    kink = minimize(lambda x: abs(x[0]), [0.05], jac=np.sign, step_sizes=[1.0], tol=0)
    assert (kink.status, kink.x[0]) == (2, 0.05)


def test_armijo_keeps_its_condition():
    rule = LineSearch(sufficient_decrease=0.3)
    result = minimize(
        rosen,
        [-1.2, 1.0],
        jac=rosen_der,
        step_sizes=rule,
        max_iter=50,
        return_path=True,
    )
    gradients = np.array([rosen_der(x) for x in result.path[:-1]])
    promised = (gradients * -np.diff(result.path, axis=0)).sum(axis=1)
    assert (promised > 0).all()
    assert (np.diff(result.fun_path) <= -0.3 * promised).all()


# ---------------------------------------------------------------- bounds
@pytest.mark.parametrize("way", sorted(set(WAYS) - SCHEDULED))
@pytest.mark.parametrize(
    "bounds",
    [
        [(None, 0.25), (-1.0, None), (None, None)],
        Bounds([-np.inf, -1, -np.inf], [0.25, np.inf, np.inf]),
    ],
)
def test_bounds_are_kept_and_the_optimum_within_them_found(way, bounds):
    seen = []

    def fun(x):
        seen.append(x)
        return bowl(x)

    result = minimize(fun, [9.0, -3.0, 0.0], bounds=bounds, **WAYS[way])
    assert result.success
    assert_allclose(result.x, [0.25, -1, 0.5], atol=1e-4)
    seen = np.array(seen)  # finite differences, too
    assert (seen[:, 0] <= 0.25).all()
    assert (seen[:, 1] >= -1).all()


def test_bounds_as_scipy_finds_them():
    low, high = [-2.0, 1.5], [0.5, 3.0]
    ours = minimize(
        rosen, [-1.0, 2.0], jac=rosen_der, bounds=Bounds(low, high), learning_rate=0.01
    )
    theirs = optimize.minimize(
        rosen, [-1.0, 2.0], jac=rosen_der, bounds=Bounds(low, high), method="L-BFGS-B"
    )
    assert_allclose(ours.x, theirs.x, atol=1e-4)
    assert_allclose(ours.fun, theirs.fun, rtol=1e-6)


# ---------------------------------------------------------------- ends
def test_a_callback_may_stop():
    def callback(intermediate_result):
        if intermediate_result.nit == 4:
            raise StopIteration

    result = minimize(bowl, [0, 0, 0], callback=callback)
    assert (result.nit, result.status, result.success) == (4, 99, False)
    top = []
    maximize(lambda x: -bowl(x), [0, 0, 0], callback=top.append, max_iter=1)
    assert top[0].fun == -bowl(top[0].x)


@pytest.mark.parametrize("rate", [10.0, 1.1])
def test_divergence_ends_at_the_last_finite_point(rate):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing but the status says so
        result = minimize(
            lambda x: (
                np.sum(np.minimum(np.abs(x), 1e160) ** 2 * (np.abs(x) < 1e150))
                + (np.inf if np.abs(x).max() >= 1e150 else 0.0)
            ),
            [1.0, 2.0],
            jac=lambda x: 2 * x,
            optimizer="sgd",
            learning_rate=rate,
        )
    assert (result.status, result.success) == (3, False)
    assert np.isfinite(result.x).all()
    assert np.isfinite(result.fun)
    assert result.fun > 1e290


def test_a_gradient_that_is_not_finite_ends_it_too():
    result = minimize(
        lambda x: x[0],
        [1.0],
        jac=lambda x: [1.0 if x[0] > 0.5 else np.nan],
        optimizer="sgd",
        learning_rate=0.2,
    )
    assert result.status == 3
    assert_allclose(result.x, 0.6)


# ---------------------------------------------------------------- what is accepted
def test_args_reach_function_and_gradient():
    def fun(x, a, b):
        return (x[0] - a) ** 2 + b

    def jac(x, a, b):
        return 2 * (x - a)

    result = minimize(fun, [0.0], (3.0, 4.0), jac=jac, optimizer="momentum")
    assert_allclose([result.x[0], result.fun], [3, 4], atol=1e-4)
    single = minimize(lambda x, a: (x[0] - a) ** 2, [0.0], 3.0, optimizer="momentum")
    assert_allclose(single.x, 3, atol=1e-4)


def test_a_function_cannot_change_the_point():
    def fun(x):
        value = bowl(x)
        x[:] = 77
        return value

    def jac(x):
        g = slope(x)
        x[:] = 77
        return g

    a = minimize(fun, [0, 0, 0], jac=jac, max_iter=20)
    assert_array_equal(a.x, minimize(bowl, [0, 0, 0], jac=slope, max_iter=20).x)
    x0 = np.zeros(3)
    minimize(bowl, x0, jac=slope, max_iter=3)
    assert_array_equal(x0, 0)


def test_float32_stays_float32():
    x0 = np.zeros(3, np.float32)
    for way in (*WAYS.values(), {"bounds": [(0, 0.5)] * 3}):
        result = minimize(bowl, x0, jac=slope, **{**way, "max_iter": 5})
        assert result.x.dtype == result.jac.dtype == np.float32
    assert minimize(bowl, np.zeros(3, int), max_iter=1).x.dtype == np.float64


def test_values_and_gradients_may_be_arrays_of_other_kinds():
    result = minimize(
        lambda x: np.array([[x[0] ** 2]]),
        5.0,
        jac=lambda x: [2 * x[0]],
        optimizer="momentum",
    )
    assert_allclose(result.x, 0, atol=1e-4)
    assert type(result.fun) is float


REFUSED = {
    "fun": (dict(fun=3), TypeError, "fun must be callable"),
    "matrix": (dict(x0=np.zeros((2, 2))), ValueError, r"x0 must be a vector.*\(2, 2\)"),
    "nan x0": (dict(x0=[np.nan, 0, 0]), ValueError, "x0 must be a vector of finite"),
    "strings": (dict(x0=["a"]), ValueError, "x0 must be a vector of finite numbers"),
    "jac": (dict(jac="4-point"), ValueError, "jac must be a callable, True, None"),
    "optimizer": (
        dict(optimizer="nonsense"),
        ValueError,
        "'optimizer' parameter of minimize",
    ),
    "hyperparameter": (
        dict(optimizer=Adam(beta_1=2)),
        ValueError,
        "'beta_1' parameter",
    ),
    "rate": (dict(learning_rate=-1), ValueError, "learning_rate must be a float > 0"),
    "schedule": (
        dict(schedule="nonsense"),
        ValueError,
        "'schedule' parameter of minimize",
    ),
    "adaptive": (dict(schedule="adaptive"), ValueError, "waits for plateaus"),
    "bad function": (
        dict(schedule=lambda s: -1),
        ValueError,
        "'schedule' callable must",
    ),
    "max_iter": (dict(max_iter=1.5), ValueError, "max_iter must be an int >= 0"),
    "tol": (dict(tol=-1), ValueError, "tol must be a float >= 0 or None. Got -1"),
    "xtol": (dict(xtol="a"), ValueError, "xtol must be a float >= 0"),
    "gtol": (dict(gtol=np.nan), ValueError, "gtol must be a float >= 0"),
    "no sizes": (dict(step_sizes=[]), ValueError, "step_sizes must be 'armijo'"),
    "sizes": (dict(step_sizes=[1, -1]), ValueError, "step_sizes must be 'armijo'"),
    "wolfe": (dict(step_sizes="wolfe"), ValueError, "step_sizes must be 'armijo'"),
    "shrink": (dict(step_sizes=LineSearch(shrink=2)), ValueError, "'shrink' parameter"),
    "both": (
        dict(step_sizes=[1], optimizer="momentum"),
        ValueError,
        "leave optimizer, learning_rate and schedule alone",
    ),
    "both rates": (
        dict(step_sizes=[1], learning_rate=1),
        ValueError,
        "leave optimizer",
    ),
    "one bound": (
        dict(bounds=[(0, 1)]),
        ValueError,
        "one pair .* each of the 3 variables",
    ),
    "triples": (dict(bounds=[(0, 1, 2)] * 3), ValueError, "one pair"),
    "crossed": (
        dict(bounds=[(0, 1), (2, 1), (0, 1)]),
        ValueError,
        "Got 2.0 and 1.0 for variable 1",
    ),
    "vector value": (dict(fun=lambda x: x), ValueError, r"single real number.*\(3,\)"),
    "complex value": (
        dict(fun=lambda x: 1j),
        ValueError,
        "single real number.*complex",
    ),
    "no gradient": (dict(jac=True), ValueError, "fun must return a value and its grad"),
    "no pairs": (dict(bounds=(0, 1, 2)), ValueError, "one pair"),
    "no bounds": (dict(bounds=3), ValueError, "one pair"),
    "callback": (dict(callback=3), TypeError, "callback must be callable"),
    "return_path": (dict(return_path="x"), ValueError, "return_path must be a bool"),
    "gradient": (
        dict(jac=lambda x: x[:2]),
        ValueError,
        r"shape of x0, \(3,\). Got \(2,\)",
    ),
    "nan value": (
        dict(fun=lambda x: np.nan),
        ValueError,
        "must be finite at x0. Got nan",
    ),
    "nan gradient": (
        dict(jac=lambda x: x * np.nan),
        ValueError,
        "must be finite at x0",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_errors_name_what_is_wrong(case):
    options, error, match = REFUSED[case]
    with pytest.raises(error, match=match):
        minimize(**{"fun": bowl, "x0": [0, 0, 0], **options})


# ---------------------------------------------------------------- scipy
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_a_method_of_scipy(name):
    rule = OPTIMIZERS[name](learning_rate=0.1)
    ours = minimize(bowl, [0, 0, 0], jac=slope, optimizer=rule, max_iter=60)
    theirs = optimize.minimize(
        bowl, [0, 0, 0], jac=slope, method=rule, options={"maxiter": 60}
    )
    assert_array_equal(theirs.x, ours.x)
    assert theirs.nit == ours.nit


def test_scipys_own_arguments_arrive():
    seen = []
    result = optimize.minimize(
        lambda x, shift: (bowl(x - shift), slope(x - shift)),
        [0.0, 0, 0],
        args=(1.0,),
        jac=True,
        bounds=[(None, 1.5), (None, None), (None, None)],
        method=Momentum(),
        callback=lambda intermediate_result: seen.append(intermediate_result),
        tol=1e-14,
        options={"schedule": Cosine(final=0.5), "max_iter": 5000},
    )
    assert result.success
    assert_allclose(result.x, [1.5, -1, 1.5], atol=1e-4)
    assert seen[-1].nit in (result.nit, result.nit - 1)
    for extra in (
        {"hess": lambda x: np.eye(3)},
        {"constraints": {"type": "eq", "fun": sum}},
    ):
        with pytest.raises(ValueError, match="Adam uses no '(hess|constraints)'"):
            optimize.minimize(bowl, [0, 0, 0], method=Adam(), **extra)
    with pytest.raises(TypeError, match="nonsense"):
        optimize.minimize(bowl, [0, 0, 0], method=Adam(), options={"nonsense": 1})
    with pytest.raises(ValueError, match="leave optimizer"):
        optimize.minimize(bowl, [0, 0, 0], method=Adam(), options={"step_sizes": [1]})


def test_check_grad_is_scipys():
    assert skgd.check_grad is optimize.check_grad
    assert skgd.check_grad(rosen, rosen_der, [-1.2, 1.0]) < 1e-4


def test_defaults_stand_in_two_places_alike():
    public = inspect.signature(minimize).parameters
    loop = inspect.signature(iterate).parameters
    for name in set(public) & set(loop) - {"optimizer"}:
        assert public[name].default == loop[name].default


def test_scipys_older_callbacks_get_the_point():
    seen = []
    optimize.minimize(
        bowl, [0, 0, 0], method=Adam(), callback=seen.append, options={"maxiter": 3}
    )
    assert [x.shape for x in seen] == [(3,)] * 3


def test_a_rate_of_zero_is_no_convergence():
    for test in ({"tol": 1e-6}, {"xtol": 1e-9}):
        result = minimize(bowl, [0, 0, 0], schedule="warmup", learning_rate=0.1, **test)
        assert_allclose(result.x, CENTRE, atol=1e-2)


def test_a_gradient_below_the_rounding_of_x_is_no_optimum():
    far = minimize(lambda x: -x[0], [1e17], jac=lambda x: [-1.0], max_iter=3)
    assert (far.status, far.nit) == (1, 3)
    low = minimize(
        lambda x: float(x @ x), np.ones(1, np.float32), bounds=[(0.1, None)]
    )  # 0.1 is not a float32
    assert low.success
    assert 0.1 <= low.x[0] < 0.1 + 1e-7
    near = np.array([1000.0], np.float32)
    flat = minimize(lambda x: 2e-5 * x[0], near, jac=lambda x: [2e-5], max_iter=3)
    assert flat.nit == 3
    bounds = [(None, 1e17)]
    assert minimize(
        lambda x: -x[0], [1e17], jac=lambda x: [-1.0], bounds=bounds
    ).success


@pytest.mark.parametrize("jac", [None, "3-point", slope])
def test_a_variable_that_bounds_hold_fixed(jac):
    bounds = [(0.25, 0.25), (None, None), (None, None)]
    result = minimize(bowl, [0, 0, 0], jac=jac, bounds=bounds, optimizer="momentum")
    assert_allclose(result.x, [0.25, -2, 0.5], atol=1e-4)
    fixed = minimize(bowl, [0, 0, 0], jac=jac, bounds=[(1, 1)] * 3)
    assert_array_equal(fixed.x, 1)
    assert fixed.success


def test_an_error_in_every_trial_step_is_told():
    def broken(x):
        return 1.0 if x[0] == 1 else undefined_name  # noqa: F821

    result = minimize(broken, [1.0], jac=lambda x: [1.0], step_sizes="armijo")
    assert "NameError" in result.message


def test_keywords_that_are_not_there():
    for call, match in (
        (lambda: maximize(bowl, [0.0], optimiser="sgd"), "maximize got .*'optimiser'"),
        (
            lambda: optimize.minimize(bowl, [0.0], method=Adam(), options={"disp": 1}),
            "Adam as a method got .*'disp'",
        ),
    ):
        with pytest.raises(TypeError, match=match):
            call()
