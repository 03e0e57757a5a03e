"""What must hold for all networks, data, streams and rules, for generated cases."""

import pickle
import warnings

import numpy as np
import oracles
from hypothesis import assume, given
from hypothesis import strategies as st
from network_cases import N_FEATURES, make_case
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.base import clone
from test_network import bind_case, check, evaluate

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd.activations import ACTIVATIONS
from skgd.averaging import AVERAGES
from skgd.losses import LOSSES
from skgd.optimizers import OPTIMIZERS
from skgd.schedules import SCHEDULES, Warmup

SEEDS = st.integers(0, 10**6)
SMOOTH = ["identity", "tanh", "logistic", "gelu"]
REGRESSORS = (GDRegressor, MLPGDRegressor)
CLASSIFIERS = (GDClassifier, MLPGDClassifier)


def switched(*options):
    return st.sampled_from(options)


# ---------------------------------------------------------------- gradients
@st.composite
def networks(draw):
    """The arguments of a case: an architecture with any kinds of layers."""
    hidden = tuple(draw(st.lists(st.integers(1, 5), max_size=3)))
    loss = draw(st.sampled_from(sorted(LOSSES)))
    softmax = loss == "log_loss" and draw(st.booleans())
    several = softmax or loss == "multinomial"
    rates = st.sampled_from([0.0, 0.0, 0.3])
    options = {
        "activation": tuple(draw(st.sampled_from(sorted(ACTIVATIONS))) for _ in hidden),
        "n_outputs": draw(st.integers(2 if several else 1, 3)),
        "dropout": tuple(draw(rates) for _ in hidden) if draw(st.booleans()) else (),
        "batch_norm": draw(st.booleans()),
        "input_batch_norm": draw(st.booleans()),
        "input_dropout": draw(rates),
        "input_scale": draw(st.booleans()),
        "fit_intercept": draw(st.booleans()),
        "weighted": draw(st.booleans()),
    }
    # (sums over groups of hat functions are not combined with dropout of the inputs)
    if not options["input_dropout"] and draw(st.booleans()):
        follows = (draw(st.booleans()) for _ in range(N_FEATURES - 1))
        options["joined"] = (False, *follows)
    return {"loss": loss, "softmax": softmax, "hidden": hidden, **options}


@given(networks())
def test_gradients_are_difference_quotients(options):
    try:
        case = make_case(n_rows=6, **options)
    except AssertionError:  # no seed has data away from corners
        assume(False)
    _, gradient = evaluate(bind_case(case, case.X), case)
    assume(np.abs(gradient).max() > 1e-3)  # or difference quotients have few digits
    check(case)


# ---------------------------------------------------------------- symmetries
@st.composite
def models(draw, kinds=(*REGRESSORS, *CLASSIFIERS), **more):
    """A model that is trained by a few updates with all rows, which do not amplify
    rounding errors."""
    kind = draw(st.sampled_from(kinds))
    options = dict(solver="batch", random_state=0, tol=None, max_iter=6)
    options["optimizer"] = draw(switched("sgd", "momentum"))
    options["learning_rate_init"] = draw(switched(0.01, 0.1))
    options["learning_rate"] = draw(switched("constant", "cosine"))
    options["alpha"] = draw(switched(0.0, 0.01))
    options["average"] = draw(switched(False, True))
    if kind.__name__.startswith("MLP"):
        options["hidden_layer_sizes"] = draw(switched((), (3,), (4, 2)))
        options["activation"] = draw(st.sampled_from(SMOOTH))
        options["batch_norm"] = draw(st.booleans())
        options["early_stopping"] = False
    return kind(**options | more)


@st.composite
def samples(draw, least=8, most=30):
    """Features, targets and classes, on a grid whose sums are exact."""
    n, d = draw(st.integers(least, most)), draw(st.integers(1, 4))
    rng = np.random.RandomState(draw(SEEDS))
    X = np.round(8 * rng.standard_normal((n, d))) / 8
    X *= rng.uniform(size=X.shape) < draw(switched(1.0, 0.5))
    X[:2] = [[-1.0], [1.0]]  # no column is constant
    y = np.round(8 * (X.sum(axis=1) + rng.standard_normal(n))) / 8
    return X, y, np.arange(n) % draw(switched(2, 3))


def target(model, y, labels):
    return y if isinstance(model, REGRESSORS) else labels


def outputs(model, X):
    """Raw predictions: numbers, or probabilities."""
    kind = "predict" if isinstance(model, REGRESSORS) else "predict_proba"
    return getattr(model, kind)(X)


@given(models(), samples(), SEEDS)
def test_the_order_of_rows_does_not_matter(model, data, seed):
    X, y = data[0], target(model, *data[1:])
    order = np.random.RandomState(seed).permutation(len(X))
    expected = outputs(model.fit(X, y), X)
    assert_allclose(outputs(model.fit(X[order], y[order]), X), expected, atol=1e-9)


@given(models(), samples(), SEEDS)
def test_a_weight_is_a_number_of_equal_rows(model, data, seed):
    X, y = data[0], target(model, *data[1:])
    counts = np.random.RandomState(seed).randint(3, size=len(X))
    counts[:3] = 1  # all classes, and columns that are not constant
    expected = outputs(model.fit(np.repeat(X, counts, 0), np.repeat(y, counts)), X)
    found = outputs(model.fit(X, y, sample_weight=counts), X)
    assert_allclose(found, expected, atol=1e-8)


# (the penalty of a network, and the variances of batch normalisation, count rows by
# their weights)
@given(models(alpha=0.0, batch_norm=False), samples(), st.integers(-30, 30))
def test_only_the_ratios_of_weights_matter(model, data, exponent):
    X, y = data[0], target(model, *data[1:])
    weights = np.linspace(0.5, 2, len(X))
    expected = outputs(model.fit(X, y, sample_weight=weights), X)
    found = outputs(model.fit(X, y, sample_weight=weights * 2.0**exponent), X)
    assert_allclose(found, expected, atol=1e-9)


@given(models(), samples(), st.lists(st.integers(-60, 60), min_size=4, max_size=4))
def test_units_of_features_do_not_matter(model, data, exponents):
    X, y = data[0], target(model, *data[1:])
    unit = 2.0 ** np.array(exponents[: X.shape[1]])
    expected = outputs(model.fit(X, y), X)
    # powers of two are exact, so all bits must be the same
    assert_array_equal(outputs(model.fit(X * unit, y), X * unit), expected)


@given(models(kinds=REGRESSORS), samples(), st.integers(-60, 60))
def test_units_of_the_target_do_not_matter(model, data, exponent):
    X, y, _ = data
    expected = outputs(model.fit(X, y), X)
    found = outputs(model.fit(X, y * 2.0**exponent), X)
    assert_array_equal(found, expected * 2.0**exponent)


@given(models(kinds=REGRESSORS), samples(), st.integers(-1000, 1000))
def test_predictions_move_with_the_target(model, data, shift):
    X, y, _ = data
    expected = outputs(model.fit(X, y), X)
    assert_allclose(outputs(model.fit(X, y + shift), X), expected + shift, atol=1e-8)


@given(models(), samples(), switched(sp.csr_array, sp.csc_matrix, sp.coo_array))
def test_sparse_rows_are_dense_rows(model, data, form):
    X, y = data[0], target(model, *data[1:])
    # (if columns are standardised, those with few stored values are not centred)
    model.set_params(standardize=False)
    expected = model.fit(X, y)
    found, expected = outputs(expected, X), outputs(expected, form(X))
    assert_allclose(found, expected, atol=1e-12)
    assert_allclose(outputs(model.fit(form(X), y), form(X)), expected, atol=1e-9)


@given(models(), samples(least=2), st.data())
def test_predictions_are_of_single_rows(model, data, drawn):
    X, y = data[0], target(model, *data[1:])
    whole = outputs(model.fit(X, y), X)
    at = drawn.draw(st.integers(1, len(X) - 1))
    parts = [outputs(model, part) for part in (X[:at], X[at:])]
    assert_allclose(np.concatenate(parts), whole, rtol=1e-12, atol=1e-14)


# ---------------------------------------------------------------- streams
def stream_model(drawn, kind):
    """A model for streams whose state has all parts that a state can have."""
    options = dict(
        random_state=0,
        optimizer=drawn.draw(st.sampled_from(sorted(OPTIMIZERS))),
        average=drawn.draw(switched(False, True, 5, *AVERAGES)),
        penalty=drawn.draw(switched("l1", "l2", "elasticnet", None)),
        learning_rate=drawn.draw(switched("auto", "constant", "invscaling")),
        batch_norm=drawn.draw(st.booleans()),
        dropout=drawn.draw(switched(0.0, 0.5)),
        shuffle=drawn.draw(st.booleans()),
    )
    if kind.__name__.startswith("MLP"):
        options["hidden_layer_sizes"] = 3
        options["num_embedding"] = drawn.draw(switched(None, "piecewise_linear"))
    return kind(**options)


def feed(model, X, y):
    classes = {} if isinstance(model, REGRESSORS) else {"classes": [0, 1, 2]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a batch is larger than a piece
        model.partial_fit(X, y, **classes)


@given(switched(*REGRESSORS, *CLASSIFIERS), samples(), st.data())
def test_a_pickle_goes_on_bit_for_bit(kind, data, drawn):
    model = stream_model(drawn, kind)
    model.set_params(solver=drawn.draw(switched("sgd", "minibatch", "batch")))
    X, y = data[0], target(model, *data[1:])
    X = drawn.draw(switched(np.asarray, np.float32, sp.csr_array))(X)
    n_before, n_after = drawn.draw(st.integers(0, 3)), drawn.draw(st.integers(1, 3))
    for _ in range(n_before):
        feed(model, X, y)
    protocol = drawn.draw(st.integers(2, pickle.HIGHEST_PROTOCOL))
    twin = pickle.loads(pickle.dumps(model, protocol))
    for _ in range(n_after):
        feed(model, X, y)
        feed(twin, X, y)
        assert_array_equal(twin._state.theta, model._state.theta)
    assert_array_equal(outputs(twin, X), outputs(model, X))
    assert twin.loss_curve_ == model.loss_curve_


@given(switched(*REGRESSORS, *CLASSIFIERS), samples(), st.data())
def test_a_stream_may_be_divided_anywhere(kind, data, drawn):
    # one row for each update, in the order of the rows, in the units of the user
    model = stream_model(drawn, kind)
    model.set_params(solver="sgd", shuffle=False, standardize=False)
    model.set_params(batch_norm=False, dropout=0)  # random, or of a whole piece
    if hasattr(model, "num_embedding"):
        model.set_params(num_embedding=None)  # its knots are those of the first piece
    whole = clone(model)
    X, y = data[0], target(model, *data[1:])
    feed(whole, X, y)
    ends = drawn.draw(st.sets(st.integers(1, len(X) - 1), max_size=4))
    for part in np.split(np.arange(len(X)), sorted(ends)):
        feed(model, X[part], y[part])
    assert_allclose(model._state.theta, whole._state.theta, rtol=1e-12, atol=1e-14)
    assert model._state.n_seen == whole._state.n_seen == len(X)


@given(switched(*REGRESSORS, *CLASSIFIERS), samples(), st.data())
def test_a_stream_may_be_divided_between_batches(kind, data, drawn):
    model = stream_model(drawn, kind)
    size = drawn.draw(st.integers(2, 4))
    model.set_params(solver="minibatch", batch_size=size, shuffle=False)
    model.set_params(standardize=False, batch_norm=False, dropout=0, alpha=0.01)
    if hasattr(model, "num_embedding"):
        model.set_params(num_embedding=None)
    n = len(data[0]) // size * size
    X, y = data[0][:n], target(model, *data[1:])[:n]
    X = drawn.draw(switched(np.asarray, np.float32, sp.csr_array))(X)
    whole = clone(model)
    feed(whole, X, y)
    cuts = st.sets(st.integers(1, n // size - 1), max_size=4)
    for part in np.split(
        np.arange(n), [size * cut for cut in sorted(drawn.draw(cuts))]
    ):
        feed(model, X[part], y[part])
    tolerance = 1e-4 if X.dtype == np.float32 else 1e-12
    found, expected = model._state.theta, whole._state.theta
    assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    assert model._state.n_seen == whole._state.n_seen == n


# ---------------------------------------------------------------- rules
@given(st.sampled_from(sorted(OPTIMIZERS)), SEEDS, st.data())
def test_optimizers_update_arrays_of_any_shape(name, seed, drawn):
    oracle = oracles.OPTIMIZERS[name]
    variants = [{}, *oracle.variants.values()]
    rule = OPTIMIZERS[name](**drawn.draw(st.sampled_from(variants)))
    shapes = st.lists(st.integers(0, 40), max_size=3).map(tuple)
    dtype = drawn.draw(switched(np.float64, np.float32))
    rng = np.random.RandomState(seed)
    w = {key: rng.standard_normal(drawn.draw(shapes)).astype(dtype) for key in "ab"}
    expected = {key: value.astype(np.float64).ravel() for key, value in w.items()}
    steps = {key: oracle(rule, value.size) for key, value in expected.items()}
    for _ in range(drawn.draw(st.integers(1, 5))):
        g = {key: rng.standard_normal(value.shape) for key, value in w.items()}
        rule.update(w, g, learning_rate=oracle.rate)
        for key, value in expected.items():
            zero, size = np.zeros(value.size), np.ones(value.size)
            step = value, g[key].ravel(), oracle.rate, zero, zero, size
            expected[key] = steps[key].step(*step)
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    for key, value in w.items():
        assert_allclose(value.ravel(), expected[key], rtol=tolerance, atol=tolerance)


@st.composite
def schedules(draw):
    """A schedule with any parameters that it accepts."""
    kind = SCHEDULES[draw(st.sampled_from(sorted(SCHEDULES)))]
    numbers = {
        "start": st.floats(0, 1),
        "final": st.floats(0, 1),
        "min_rate": st.floats(0, 1e300),
        "power_t": st.floats(0, 1e300),
        "decay": st.floats(0, 1, exclude_min=True),
        "factor": st.floats(0, 1, exclude_min=True, exclude_max=True),
        "warmup": st.floats(0, 1, exclude_min=True, exclude_max=True),
        "hold": st.floats(0, 1, exclude_max=True),
        "period": st.integers(1, 10**30),
        "n_steps": st.integers(1, 10**30),
        "then": st.sampled_from(sorted(set(SCHEDULES) - {"warmup"})),
    }
    if kind is not Warmup:  # (None is the whole training)
        numbers["n_steps"] |= st.none()
    rule = kind()
    return kind(**{key: draw(numbers[key]) for key in rule.get_params(deep=False)})


@given(schedules(), st.data())
def test_rates_are_finite_and_not_negative(rule, drawn):
    rule._check()
    steps = drawn.draw(st.lists(st.integers(0, 10**18), min_size=1, max_size=20))
    n_steps, n_plateaus = (
        drawn.draw(st.integers(1, 10**18)),
        drawn.draw(st.integers(0, 99)),
    )
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        factor = rule(sorted(steps), n_steps, n_plateaus)
    assert np.isfinite(factor).all()
    assert (factor >= 0).all()
    assert (factor <= 1).all()
    if isinstance(rule, Warmup):
        assert (np.diff(factor[np.sort(steps) < rule.n_steps]) >= 0).all()
