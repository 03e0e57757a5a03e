"""Averages of the parameters: the shares, and what the estimators publish."""

import pickle

import numpy as np
import pytest
from helpers import X_REG, Y_REG, Trainer, as_csr, bind, data_for, linear
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd._data.held_out import hold_out
from skgd.averaging import ASGD, AVERAGES, EMA, resolve_average
from skgd.optimizers import SGD

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LINEAR = [GDRegressor, GDClassifier]
MLP = [MLPGDRegressor, MLPGDClassifier]
ESTIMATORS = LINEAR + MLP
FORMS = {"dense": np.array, "sparse": as_csr}
PLAIN = dict(
    alpha=1e-3,
    learning_rate="constant",
    learning_rate_init=0.02,
    standardize=False,
    early_stopping=False,
    tol=None,
    random_state=0,
)
NAMES = ("coef_", "intercept_", "coefs_", "intercepts_", "gammas_", "betas_")
NAMES += ("running_means_", "running_vars_")


def make(estimator, **options):
    """A small model of a kind, with everything set that the tests rely on."""
    model = estimator(**{**PLAIN, **options})
    return model.set_params(hidden_layer_sizes=(4, 3)) if estimator in MLP else model


def public(model):
    """All public parameters in one vector, in float64."""
    values = [getattr(model, name) for name in NAMES if hasattr(model, name)]
    arrays = [a for v in values for a in (v if isinstance(v, list) else [v])]
    return np.concatenate([a.ravel() for a in arrays]).astype(np.float64)


def assert_same(one, other):
    assert_array_equal(public(one), public(other))


# ---------------------------------------------------------------- rules
def mean_of(rule, seen, values):
    counted = [v for n, v in zip(seen, values, strict=True) if n >= rule.start]
    return np.mean(counted, axis=0) if counted else None


def moving_average_of(rule, seen, values):
    average = values[0]
    for n, value in enumerate(values[1:], start=1):
        decay = min(rule.decay, (1 + n) / (10 + n))
        average = decay * average + (1 - decay) * value
    return average


# the average of all values, as the rule is defined
ORACLES = {"asgd": mean_of, "ema": moving_average_of}
RULES = [ASGD(), ASGD(start=90), EMA(), EMA(decay=0.4)]


def expected_average(rule, seen, values):
    name = next(name for name, kind in AVERAGES.items() if type(rule) is kind)
    return ORACLES[name](rule, seen, np.asarray(values, dtype=np.float64))


def test_every_rule_has_an_oracle():
    assert set(ORACLES) == set(AVERAGES)
    assert {type(rule) for rule in RULES} == set(AVERAGES.values())


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("size", [1, 7, 100])
def test_shares(rule, size):
    n = 20
    seen, values = size * np.arange(1, n + 1), np.random.RandomState(0).normal(size=n)
    average = np.nan
    shares = rule(seen)
    assert shares.dtype == np.float64
    assert ((shares >= 0) & (shares <= 1)).all()
    for share, value in zip(shares, values, strict=True):
        if share:
            average = value if share == 1 else average + share * (value - average)
    expected = expected_average(rule, seen, values)
    if expected is None:
        assert not shares.any()
        return
    assert_allclose(average, expected, rtol=1e-13)
    # in pieces, as calls of partial_fit
    first = rule(seen[:7])
    rest = rule(seen[7:], np.count_nonzero(first))
    assert_array_equal(np.r_[first, rest], shares)


def test_a_moving_average_forgets():
    # the weights of all updates add up to one, and those of late ones are larger
    weights = [expected_average(EMA(0.9), None, row) for row in np.eye(200)]
    assert_allclose(sum(weights), 1)
    assert_allclose(weights[-1], 0.1)
    assert sum(weights[-20:]) > 0.85


# ---------------------------------------------------------------- one epoch
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", FORMS)
def test_nothing_of_what_was_there_before_is_left(form, dtype):
    rng = np.random.RandomState(0)
    X, Y = rng.standard_normal((6, 3)), rng.standard_normal(6)
    bound = bind(linear(3), np.ones(4), FORMS[form](X), Y, batch_size=2, dtype=dtype)
    trainer = Trainer(bound, SGD(), average=ASGD(start=6))
    trainer.state.average[:] = np.nan
    trainer.epoch([0.1] * 3)
    assert trainer.state.n_averaged == 1
    assert_array_equal(trainer.state.average, bound.theta)


# ---------------------------------------------------------------- estimators
def trajectory(model, X, y, n_epochs, batch):
    """Public parameters and samples after each update: a partial_fit for each batch."""
    model = clone(model).set_params(solver="batch", average=False)
    kwargs = {"classes": np.unique(y)} if is_classifier(model) else {}
    path, seen = [], []
    for _ in range(n_epochs):
        for start in range(0, len(y), batch):
            rows = slice(start, start + batch)
            model.partial_fit(X[rows], y[rows], **kwargs)
            path.append(public(model))
            seen.append(len(y[rows]) + (seen[-1] if seen else 0))
    return path, seen, model


# (with batch_norm, the `coef_` of a linear model is a product of what is averaged)
KINDS = [(estimator, False) for estimator in ESTIMATORS]
KINDS += [(estimator, True) for estimator in MLP]


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("estimator", "batch_norm"), KINDS)
def test_average_over_the_trajectory(estimator, batch_norm, form, dtype, rule):
    X, y = data_for(estimator)
    X = FORMS[form](np.where(X > -0.5, X, 0)).astype(dtype)
    options = dict(optimizer="adam", batch_norm=batch_norm, shuffle=False)
    model = make(estimator, average=rule, batch_size=40, max_iter=3, **options)
    path, seen, last = trajectory(model, X, y, 3, 40)
    model.fit(X, y)
    expected = expected_average(rule, seen, path)
    # rounding errors of some dozens of updates, and of as many averages
    bound = 100 * np.finfo(dtype).eps * np.abs(path).max()
    assert_allclose(public(model), expected, rtol=0, atol=bound)
    assert np.abs(public(model) - path[-1]).max() > 1e-3
    # training itself goes its way
    assert_allclose(model._state.theta, last._state.theta, rtol=0, atol=bound)


@pytest.mark.parametrize("rule", [ASGD(start=90), EMA()], ids=repr)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("penalty", ["l1", "l2"])
@pytest.mark.parametrize(("estimator", "batch_norm"), KINDS)
def test_one_row_for_each_update(estimator, batch_norm, penalty, form, rule):
    X, y = data_for(estimator)
    X, y = FORMS[form](np.where(X > 0, X, 0)[::7]), y[::7]
    options = dict(solver="sgd", optimizer="sgd", penalty=penalty, shuffle=False)
    options.update(batch_norm=batch_norm)
    model = make(estimator, average=rule, max_iter=2, **options)
    path, seen, _ = trajectory(model, X, y, 2, 1)
    expected = expected_average(rule, seen, path)
    expected = path[-1] if expected is None else expected
    assert_allclose(public(model.fit(X, y)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("more", [{}, {"batch_norm": True, "standardize": True}])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_training_goes_on_with_its_average(estimator, more, rule):
    X, y = data_for(estimator)
    options = dict(average=rule, dropout=0.2, batch_size=40, **more)
    whole = make(estimator, max_iter=4, **options).fit(X, y)
    parts = make(estimator, **options)
    kwargs = {"classes": np.unique(y)} if is_classifier(parts) else {}
    for _ in range(4):
        parts = pickle.loads(pickle.dumps(parts.partial_fit(X, y, **kwargs)))
    warm = make(estimator, max_iter=2, warm_start=True, **options).fit(X, y)
    warm = pickle.loads(pickle.dumps(warm)).fit(X, y)
    for other in (parts, warm):
        assert_same(other, whole)
        assert other.loss_curve_ == whole.loss_curve_
    # the losses are those of training
    plain = make(estimator, max_iter=4, **{**options, "average": False}).fit(X, y)
    assert plain.loss_curve_ == whole.loss_curve_
    assert_array_equal(plain._state.theta, whole._state.theta)
    assert np.abs(public(plain) - public(whole)).max() > 1e-3


def test_names_and_numbers_stand_for_rules():
    for value, rule in [
        ("asgd", ASGD()),
        ("ema", EMA()),
        (True, ASGD()),
        (np.True_, ASGD()),
        (1000, ASGD(start=1000)),
        (np.int64(1000), ASGD(start=1000)),
        (EMA(0.9), EMA(0.9)),
    ]:
        assert resolve_average(value, "Owner") == rule
        model = make(GDRegressor, average=value, max_iter=3).fit(X_REG, Y_REG)
        assert_same(
            make(GDRegressor, average=rule, max_iter=3).fit(X_REG, Y_REG), model
        )
        assert model.average == value
    assert resolve_average(False, "Owner") is None


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_parameters_of_the_rule(estimator):
    model = estimator(average="ema").set_params(average__decay=0.9)
    assert model.average == EMA(decay=0.9)
    assert clone(model).get_params()["average__decay"] == 0.9
    assert repr(model) == f"{estimator.__name__}(average=EMA(decay=0.9))"
    for value in (True, 100, "asgd", ASGD()):
        model = estimator(average=value).set_params(average__start=7)
        assert model.average == ASGD(start=7)
    model = estimator().set_params(average="ema", average__decay=0.5)
    assert model.average == EMA(decay=0.5)
    advice = "has no parameter 'decay'. Set average too, .* average=EMA.decay=0.5.[.]$"
    for value in (False, True, ASGD(), "asgd"):
        with pytest.raises(ValueError, match=advice):
            estimator(average=value).set_params(average__decay=0.5)
    X, y = data_for(estimator)
    with pytest.raises(ValueError, match="'decay' parameter of EMA must be"):
        estimator(average=EMA(decay=1.0)).fit(X, y)


# ---------------------------------------------------------------- early stopping
def mean_loss(model, X, y):
    if is_classifier(model):
        P = model.predict_proba(X)
        return -np.log(P[np.arange(len(y)), y]).mean()
    return 0.5 * np.mean((model.predict(X) - y) ** 2)


@pytest.mark.parametrize("rule", [ASGD(), EMA(decay=0.8)], ids=repr)
@pytest.mark.parametrize(("estimator", "batch_norm"), KINDS)
def test_the_average_of_the_best_epoch_is_restored(estimator, batch_norm, rule):
    X, y = data_for(estimator)
    options = dict(batch_norm=batch_norm, solver="batch", optimizer="adam")
    # too large a rate in the end: the best epoch comes before
    options.update(average=rule, early_stopping=True)
    highs = {GDClassifier: 10.0, MLPGDClassifier: 6.0, GDRegressor: 1.0}
    high = highs.get(estimator, 3.0 if batch_norm else 1.0)
    options.update(learning_rate=lambda step: 0.05 if step < 10 else high)
    model = make(estimator, max_iter=15, **options)
    losses = []
    for n in range(1, 16):
        short = clone(model).set_params(max_iter=n).fit(X, y)
        losses.append(short.validation_loss_curve_[-1])
        if n == np.argmin(losses) + 1:
            best = short
    model.fit(X, y)
    assert model.validation_loss_curve_ == losses
    n_epochs = model.best_iter_
    assert n_epochs == np.argmin(losses) + 1 < 15
    assert_same(model, best)
    assert_array_equal(model._state.theta, best._state.theta)
    # and goes on from there
    assert model._state.n_averaged == n_epochs
    assert model.partial_fit(X, y)._state.n_averaged == n_epochs + 1


@pytest.mark.parametrize("rule", [ASGD(), EMA(decay=0.8)], ids=repr)
@pytest.mark.parametrize(("estimator", "batch_norm"), KINDS)
def test_validation_is_of_the_average(estimator, batch_norm, rule, monkeypatch):
    X, y = data_for(estimator)
    held_out = {}

    def spy(model, samples, state):
        rows, part = hold_out(model, samples, state)
        held_out["rows"] = np.setdiff1d(np.arange(len(X)), rows)
        assert_array_equal(part.X, X[held_out["rows"]])
        return rows, part

    monkeypatch.setattr("skgd._data.prepare.hold_out", spy)
    options = dict(batch_norm=batch_norm, average=rule, early_stopping=True)
    model = make(estimator, max_iter=5, **options)
    if estimator in MLP:
        model.set_params(hidden_layer_sizes=(4, 3))
    model.fit(X, y)
    rows = held_out["rows"]
    expected = mean_loss(model, X[rows], y[rows])
    assert_allclose(min(model.validation_loss_curve_), expected, rtol=1e-10)


# ---------------------------------------------------------------- going on by hand
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_average_begins_anew_where_the_user_sets_parameters(estimator):
    X, y = data_for(estimator)
    model = make(estimator, average=True, max_iter=5, batch_size=100).fit(X, y)
    model.set_params(learning_rate_init=1e-12, alpha=0.0)
    if estimator in LINEAR:
        model.coef_ = model.coef_ + 1.0
    else:
        model.coefs_ = [W + 1.0 for W in model.coefs_]
    expected = public(model)
    model.partial_fit(X, y)
    assert_allclose(public(model), expected, rtol=0, atol=1e-10)
    assert model._state.n_averaged == -(-len(X) // 100)


@pytest.mark.parametrize("name", ["gammas_", "running_means_", "intercepts_"])
def test_the_average_is_where_training_goes_on_then(name):
    model = make(MLPGDRegressor, average=True, batch_norm=True, max_iter=5)
    model.fit(X_REG, Y_REG)
    getattr(model, name)[0][:] += 0.5
    before = {name: [a.copy() for a in getattr(model, name)] for name in NAMES[2:]}
    model.set_params(learning_rate_init=1e-12, alpha=0.0).partial_fit(X_REG, Y_REG)
    for key in NAMES[2:6]:
        for now, then in zip(getattr(model, key), before[key], strict=True):
            assert_allclose(now, then, rtol=0, atol=1e-10)
    # three batches have moved the statistics, by at most 1 - 0.9^3 of their distance
    means = zip(model.running_means_, before["running_means_"], strict=True)
    assert max(np.abs(now - then).max() for now, then in means) < 0.5


def test_another_rule_goes_on_with_the_average():
    model = make(MLPGDRegressor, average="asgd", warm_start=True, solver="batch")
    model.set_params(max_iter=5).fit(X_REG, Y_REG)
    before = public(model)
    model.set_params(average=EMA(decay=0.1), max_iter=1).fit(X_REG, Y_REG)
    plain = make(MLPGDRegressor, solver="batch", max_iter=6).fit(X_REG, Y_REG)
    expected = 0.1 * before + 0.9 * public(plain)
    assert_allclose(public(model), expected, rtol=0, atol=1e-12)
    model.set_params(average=False).fit(X_REG, Y_REG)
    plain.set_params(warm_start=True, max_iter=1).fit(X_REG, Y_REG)
    assert_same(model, plain)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_new_units_leave_what_is_published(estimator):
    # the last call sees other data: standardisation changes, the function does not
    X, y = data_for(estimator)
    kwargs = {"classes": np.unique(y)} if is_classifier(estimator()) else {}
    more = dict(average=True, standardize=True, alpha=0.0, solver="batch")
    if estimator in MLP:
        more["activation"] = "tanh"  # with ReLU, factors go from layer to layer
    # networks convert their weights after more than 1000 samples
    n = 1 + 1000 // len(X) if estimator in MLP else 5
    model = make(estimator, **more)
    for _ in range(n):
        model.partial_fit(X, y, **kwargs)
    before, theta = public(model), model._state.theta.copy()
    model.set_params(learning_rate_init=1e-12).partial_fit(3 * X + 1, y)
    assert np.abs(model._state.theta - theta).max() > 0.03
    # the mean of n updates and of one more, which is where the last one was
    plain = make(estimator, **{**more, "average": False, "max_iter": n})
    expected = (n * before + public(plain.fit(X, y))) / (n + 1)
    assert_allclose(public(model), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_line_search_averages_what_was_taken(optimizer):
    options = dict(solver="batch", optimizer=optimizer, learning_rate="line_search")
    options.update(batch_norm=True, dropout=0.2)
    model = make(MLPGDRegressor, average=True, max_iter=6, **options)
    singles = [
        public(make(MLPGDRegressor, max_iter=n, **options).fit(X_REG, Y_REG))
        for n in range(1, 7)
    ]
    model.fit(X_REG, Y_REG)
    assert_allclose(public(model), np.mean(singles, axis=0), rtol=0, atol=1e-12)


# ---------------------------------------------------------------- what it is for
def test_the_mean_is_nearer_to_the_optimum_than_what_hovers():
    exact = np.linalg.lstsq(np.c_[X_REG, np.ones(len(X_REG))], Y_REG, rcond=None)[0]
    options = dict(solver="sgd", optimizer="sgd", penalty=None, max_iter=20)

    def distances(average):
        models = [
            make(GDRegressor, average=average, **options)
            .set_params(random_state=seed)
            .fit(X_REG, Y_REG)
            for seed in range(10)
        ]
        predictions = [X_REG @ m.coef_ + m.intercept_ for m in models]
        fitted = X_REG @ exact[:-1] + exact[-1]
        return np.mean([np.sqrt(np.mean((p - fitted) ** 2)) for p in predictions])

    assert max(distances(5 * 442), distances("ema")) < 0.5 * distances(False)


def test_statistics_of_hidden_layers_are_those_of_the_average():
    # next to the moments that the layers of the averaged network have on these data
    model = make(MLPGDRegressor, average=True, batch_norm=True, batch_size=20)
    model.set_params(max_iter=60).fit(X_REG, Y_REG)
    own = X_REG @ model.coefs_[0] + model.intercepts_[0]
    spread = own.std(axis=0)
    off = np.abs(model.running_means_[0] - own.mean(axis=0)) / spread
    state = model._state
    last = model._architecture_.running_views(state.running)[0]
    off_last = np.abs(last[0] - own.mean(axis=0)) / spread
    assert off.max() < 0.1
    assert off_last.max() > 2 * off.max()
