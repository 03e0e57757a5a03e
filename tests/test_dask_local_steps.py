"""Local steps: partitions that train by themselves, and are then averaged."""

import dask.array as da
import numpy as np
import pytest
from dask_cluster import KillsAWorker
from distributed import Client, LocalCluster
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning

from skgd import GDClassifier, GDRegressor, MLPGDRegressor
from skgd._engine.rounds import Round
from skgd.dask import fit
from skgd.optimizers import LBFGS

X, Y = load_diabetes(return_X_y=True)
WEIGHTS = np.random.RandomState(0).randint(0, 3, len(Y)).astype(float)
SHORT = {"random_state": 0, "max_iter": 3, "tol": None}
UNEQUAL = (150, 3, 200, 89)  # rows of partitions


def rows_of(X, *lengths):
    """A Dask array with such partitions."""
    return da.from_array(X, chunks=(lengths, X.shape[1]))


# ---------------------------------------------------------------- one partition
MODELS = {
    "linear": GDRegressor(solver="minibatch", **SHORT),
    "averaged, clipped": GDRegressor(
        optimizer="momentum",
        batch_size=150,
        average=True,
        clip_norm=0.1,
        penalty="l1",
        alpha=0.01,
        **SHORT,
    ),
    "positive": GDRegressor(positive=True, batch_size=100, **SHORT),
    "in order": GDRegressor(batch_size=33, shuffle=False, **SHORT),
    "single rows": GDRegressor(batch_size=1, **SHORT),
    "all rows": GDRegressor(batch_size=442, **SHORT),
    "dropout": MLPGDRegressor((5,), batch_size=50, dropout=0.3, alpha=1e-3, **SHORT),
    "batch norm": MLPGDRegressor(
        (5,), batch_size=50, batch_norm=True, average=True, alpha=1e-3, **SHORT
    ),
    "held out": MLPGDRegressor(
        (5,), early_stopping=True, batch_size=50, random_state=0
    ),
    "trials": MLPGDRegressor((5,), random_state=0, max_iter=15),
}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:UserWarning")
@pytest.mark.parametrize("name", MODELS)
def test_one_partition_trains_like_one_process(client, name):
    one, model = clone(MODELS[name]), clone(MODELS[name])
    one.fit(X, Y, sample_weight=WEIGHTS)
    fit(model, rows_of(X, 442), Y, WEIGHTS, client=client, local_steps="epoch")
    assert_array_equal(model.predict(X), one.predict(X))
    assert model.loss_curve_ == one.loss_curve_
    assert (model.n_iter_, model.t_) == (one.n_iter_, one.t_)
    assert model.validation_scores_ == one.validation_scores_


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:UserWarning")
@pytest.mark.parametrize("name", MODELS)
def test_rounds_of_one_partition_make_no_difference(client, name):
    one, model = clone(MODELS[name]), clone(MODELS[name])
    one.fit(X, Y)
    fit(model, rows_of(X, 442), Y, client=client, local_steps=2)
    assert_array_equal(model.predict(X), one.predict(X))
    assert_allclose(model.loss_curve_, one.loss_curve_, rtol=1e-12)


# ---------------------------------------------------------------- several partitions
def oracle(lengths, batch_size, local_steps, rates, weights):
    """The weights of a linear model by SGD without shuffling, with means of parts."""
    w = np.zeros(10)
    ends = np.cumsum(lengths)
    n, n_updates = ends[-1], -(-ends[-1] // batch_size)
    parts = [np.arange(end - m, end) for m, end in zip(lengths, ends, strict=True)]
    batches = []
    for rows in parts:
        rows = np.resize(rows, max(len(rows), n_updates))
        last = max(1, int((n - (n_updates - 1) * batch_size) / n * len(rows)))
        batches.append([*np.array_split(rows[:-last], n_updates - 1), rows[-last:]])
    sums = np.array([weights[rows].sum() for rows in parts])
    for epoch_rates in rates:
        for begin in range(0, n_updates, local_steps):
            trained = []
            for rows, own, total in zip(parts, batches, sums, strict=True):
                v, mean = w.copy(), total / len(rows)
                for k in range(begin, min(begin + local_steps, n_updates)):
                    x, m = X[own[k]], len(own[k])
                    slopes = weights[own[k]] * (x @ v - Y[own[k]])
                    v -= epoch_rates[k] * slopes @ x / (m * mean)
                trained.append(v)
            w = np.average(trained, axis=0, weights=sums)
    return w


@pytest.mark.parametrize("local_steps", [1, 3, 100])
@pytest.mark.parametrize("lengths", [(221, 221), UNEQUAL])
def test_parts_train_and_are_averaged(client, lengths, local_steps):
    model = GDRegressor(
        optimizer="sgd",
        learning_rate=lambda step: 1 / (1 + step),
        batch_size=50,
        shuffle=False,
        standardize=False,
        fit_intercept=False,
        penalty=None,
        max_iter=2,
        tol=None,
    )
    weights = WEIGHTS + 0.5
    options = {"client": client, "local_steps": local_steps}
    fit(model, rows_of(X, *lengths), Y, weights, **options)
    rates = 1 / (1 + np.arange(18).reshape(2, 9))
    expected = oracle(lengths, 50, local_steps, rates, weights)
    assert_allclose(model.coef_, expected, rtol=1e-9)


@pytest.mark.parametrize("n", [442, 100, 9])
@pytest.mark.parametrize("n_last", [1, 30, 50])
def test_each_row_of_a_part_is_in_one_batch(n, n_last):
    def batches(begin, end):
        numbers = [begin, end, 9, 8 * 50 + n_last, 50]
        rest = [None] * 2 + [0.0, 0.0, False, None, 0, {}]
        return list(Round(None, {}, {}, *numbers, *rest).batches(n))

    whole = batches(0, 9)
    assert whole[-1][0].stop == 9
    assert whole[-1][2].stop == n
    rounds = [each for begin in range(9) for each in batches(begin, begin + 1)]
    assert [updates for updates, _, _ in rounds] == [slice(k, k + 1) for k in range(9)]
    starts = [rows.start for _, _, rows in rounds]
    assert starts == [0] + [rows.stop for _, _, rows in rounds][:-1]
    lengths = np.array([rows.stop - rows.start for _, _, rows in rounds])
    assert lengths.min() >= 1
    assert np.ptp(lengths[:-1]) <= 1
    assert lengths[-1] <= lengths[0]


def test_penalties_are_those_of_one_process(client):
    # If the gradient of all rows makes an update, the mean of the parts is exact.
    options = {"optimizer": "sgd", "batch_size": 442, "learning_rate_init": 0.3}
    for model in (
        GDRegressor(alpha=0.3, **options, **SHORT),
        MLPGDRegressor((5,), alpha=100, **options, **SHORT),
    ):
        one = clone(model).fit(X, Y)
        fit(model, rows_of(X, 221, 221), Y, client=client, local_steps="epoch")
        assert_allclose(model.predict(X), one.predict(X), rtol=1e-10)


def test_penalties_do_not_depend_on_the_sizes_of_parts(client):
    # If all rows are equal, so are all gradients. One of these parts has fewer rows
    # than updates, and another one has batches of two sizes.
    rows, y = np.tile(X[:1], (120, 1)), np.ones(120)
    options = {"optimizer": "sgd", "batch_size": 12, "standardize": False}
    model = MLPGDRegressor((5,), alpha=20, **options, **SHORT)
    one = clone(model).fit(rows, y)
    fit(model, rows_of(rows, 4, 96, 20), y, client=client, local_steps=3)
    for found, expected in zip(model.coefs_, one.coefs_, strict=True):
        assert_allclose(found, expected, rtol=1e-9)


def test_parts_without_weight_or_training_rows_have_no_effect(client):
    weights = np.where(np.arange(442) < 150, 0.0, WEIGHTS)
    split = [(np.arange(353), np.arange(353, 442))]
    model = GDRegressor(
        batch_size=40, early_stopping=True, validation_split=split, **SHORT
    )
    fit(model, rows_of(X, 150, 203, 89), Y, weights, client=client, local_steps=4)
    assert np.isfinite(model.loss_curve_).all()
    other = Y.copy()
    other[:150] = 1e3
    twin = clone(model)
    fit(twin, rows_of(X, 150, 203, 89), other, weights, client=client, local_steps=4)
    assert_array_equal(model.coef_, twin.coef_)


def test_the_number_of_workers_does_not_matter(client):
    model = MLPGDRegressor((5,), batch_size=60, dropout=0.3, alpha=1e-3, **SHORT)

    def predictions(client):
        options = {"client": client, "local_steps": 3}
        return fit(clone(model), rows_of(X, *UNEQUAL), Y, **options).predict(X)

    three = predictions(client)
    for n_workers in (1, 2):
        options = {"processes": False, "dashboard_address": ":0"}
        with (
            LocalCluster(n_workers=n_workers, threads_per_worker=1, **options) as some,
            Client(some) as few,
        ):
            assert_array_equal(predictions(few), three)


def test_a_killed_worker_does_not_change_the_result(client):
    # (a callable rate is called for each of the 7 updates of an epoch)
    rate = KillsAWorker(client)
    rate.n_calls = -7
    model = GDRegressor(learning_rate=rate, batch_size=60, early_stopping=True, **SHORT)
    calm = clone(model).set_params(learning_rate=lambda step: 0.1)
    given = {"client": client, "local_steps": "epoch"}
    fit(calm, rows_of(X, *UNEQUAL), Y, **given)
    fit(model, rows_of(X, *UNEQUAL), Y, **given)
    assert rate.n_calls > 2
    assert_array_equal(model.coef_, calm.coef_)
    assert model.loss_curve_ == calm.loss_curve_


@pytest.mark.parametrize("local_steps", [None, 1])
@pytest.mark.parametrize("rate", [1e60, 1e150])
def test_divergence_is_an_error_without_warnings_of_numpy(client, local_steps, rate):
    options = {"optimizer": "sgd", "learning_rate_init": rate, "alpha": 1e-3}
    model = MLPGDRegressor((5,), batch_size=50, activation="identity", **options)
    given = {"client": client, "local_steps": local_steps}
    rows = rows_of(X.astype(np.float32), 221, 221)
    with (
        pytest.warns(ConvergenceWarning, match="half the learning rate") as warned,
        pytest.raises(ValueError, match="a smaller learning_rate_init"),
    ):
        fit(model, rows, Y, **given)
    assert not [each for each in warned if each.category is RuntimeWarning]
    assert not hasattr(model, "coefs_")


# ---------------------------------------------------------------- quality
def problem(n, seed):
    """Features on different scales, and a target that is not linear."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 6)) * [1, 2, 5, 1, 1, 100]
    signal = X[:, 0] + np.sin(X[:, 1]) + np.abs(X[:, 2]) / 3
    return X, signal + 0.3 * rng.standard_normal(n)


@pytest.mark.parametrize("local_steps", [5, "epoch"])
def test_held_out_rows_are_predicted_as_well_as_by_one_process(client, local_steps):
    X, y = problem(4000, seed=0)
    unseen = problem(4000, seed=1)
    options = {"max_iter": 60, "learning_rate_init": 0.004, "alpha": 1e-3}
    model = MLPGDRegressor((20,), tol=None, random_state=0, **options)
    one = clone(model).fit(X, y)
    fit(model, rows_of(X, *[1000] * 4), y, client=client, local_steps=local_steps)
    lost = 1 - np.array([one.score(*unseen), model.score(*unseen)])
    assert lost[0] < 0.05
    assert lost[1] < 1.1 * lost[0]


def test_a_classifier_with_the_defaults(client):
    X, y = problem(3000, seed=0)
    kinds = np.where(y > 1, "high", "low")
    model = GDClassifier(random_state=0)
    minibatch = clone(model).set_params(solver="minibatch").fit(X, kinds)
    fit(model, rows_of(X, 1500, 1500), kinds, client=client, local_steps="epoch")
    assert model.n_iter_ == minibatch.n_iter_  # and not L-BFGS
    assert abs(model.score(X, kinds) - minibatch.score(X, kinds)) < 0.01


# ---------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("model", "local_steps", "match"),
    [
        (GDRegressor(), 0, "'local_steps' parameter must be an int >= 1.*Got 0"),
        (GDRegressor(), True, "'local_steps'.*Got True"),
        (GDRegressor(), "round", "'local_steps'.*'epoch' or None. Got 'round'"),
        (GDRegressor(solver="batch"), 5, "'solver'.*'minibatch'.*Got 'batch'"),
        (MLPGDRegressor(solver="sgd"), 5, "'solver'.*'minibatch'.*Got 'sgd'"),
        (GDRegressor(optimizer="lbfgs"), 5, "'optimizer'.*L-BFGS.*Got 'lbfgs'"),
        (MLPGDRegressor(optimizer=LBFGS()), 5, "'optimizer'.*L-BFGS.*Got LBFGS"),
        (GDRegressor(batch_size=3), 5, "'batch_size'.*which is 4.*have 3 rows"),
        (MLPGDRegressor(num_embedding="piecewise_linear"), 5, "'num_embedding'"),
    ],
)
def test_what_local_steps_cannot_do_is_refused(client, model, local_steps, match):
    with pytest.raises(ValueError, match=match):
        fit(model, rows_of(X, *UNEQUAL), Y, client=client, local_steps=local_steps)
    assert not hasattr(model, "n_features_in_")
