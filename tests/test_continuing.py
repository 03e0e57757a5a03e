"""What must not leak from one call into the next."""

import pickle
import warnings
from copy import copy
from inspect import signature

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd.losses import LogLoss
from skgd.optimizers import SGD, Momentum

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X), scale(Y)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)


@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_warm_fit_stops_by_its_own_plateau(estimator, early_stopping):
    model = estimator(warm_start=True, random_state=0, max_iter=5000)
    model.set_params(early_stopping=early_stopping).fit(X, Y)
    assert model.n_iter_ < 5000
    model.set_params(optimizer=SGD(learning_rate=0.01)).fit(X, -Y)
    assert model.n_iter_ > 5
    assert model.score(X, -Y) > 0.2


@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_a_call_that_fails_leaves_no_trace(estimator):
    model, twin = (
        estimator(warm_start=True, random_state=0, max_iter=3, optimizer="adam").fit(
            X, Y
        )
        for _ in range(2)
    )
    curve, losses = model.loss_curve_, list(model.loss_curve_)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ConvergenceWarning):  # after the last epoch
            model.fit(X, Y)
    assert model.loss_curve_ == losses
    model.partial_fit(X, Y)
    assert_array_equal(model.predict(X), twin.partial_fit(X, Y).predict(X))
    # as MLP* do it: a copy would make each call of a long stream longer
    assert model.loss_curve_ is curve
    assert curve[:3] == losses
    assert curve == twin.loss_curve_
    assert model.partial_fit(X, -Y).loss_ > min(curve)
    assert model.best_loss_ == min(curve)


@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_a_copy_goes_on_by_itself(estimator):
    model, twin = (
        estimator(solver="sgd", random_state=0).partial_fit(X, Y) for _ in range(2)
    )
    best = copy(model)
    losses = list(best.loss_curve_)
    for _ in range(2):
        model.partial_fit(X, Y)
        twin.partial_fit(X, Y)
        best.partial_fit(X, -Y)
    assert_array_equal(model.predict(X), twin.predict(X))
    assert model.loss_curve_ == twin.loss_curve_
    assert best.loss_curve_[:1] == losses
    assert len(best.loss_curve_) == 3
    assert best.loss_curve_ is best._state.losses


def test_later_calls_draw_nothing_from_the_users_generator():
    rng = np.random.RandomState(3)
    model = GDRegressor(solver="sgd", random_state=rng).partial_fit(X, Y)
    drawn = rng.get_state()[1].copy(), rng.get_state()[2]
    twin = pickle.loads(pickle.dumps(model)).partial_fit(X, Y)
    assert_array_equal(model.partial_fit(X, Y).coef_, twin.coef_)
    assert_array_equal(rng.get_state()[1], drawn[0])
    assert rng.get_state()[2] == drawn[1]


@pytest.mark.parametrize("estimator", [GDClassifier, MLPGDClassifier])
def test_the_same_rows_are_held_out_again(estimator):
    # labels without meaning: rows that were trained on once would be known
    rng = np.random.RandomState(0)
    A, c = rng.standard_normal((300, 20)), rng.randint(0, 2, 300)
    options = dict(early_stopping=True, learning_rate="constant", random_state=0)
    model = estimator(warm_start=True, max_iter=1, **options)
    for _ in range(30):
        model.fit(A, c)
    whole = estimator(max_iter=30, tol=None, **options).fit(A, c)
    assert_array_equal(model.validation_loss_curve_, whole.validation_loss_curve_)


@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_a_stream_may_jump(estimator):
    # large errors before the first update of a call are no divergence
    rng = np.random.RandomState(0)
    A = rng.standard_normal((6000, 4))
    y = A @ [1, -2, 0.5, 0] + 0.3 * rng.standard_normal(6000)
    A[1000:, 0] *= 1000
    optimizer = "sgd" if estimator is GDRegressor else "adam"
    model, errors = estimator(optimizer=optimizer, random_state=0), []
    model.partial_fit(A[:50], y[:50])
    for start in range(50, 6000, 50):
        rows = slice(start, start + 50)
        errors.append(np.sqrt(np.mean((model.predict(A[rows]) - y[rows]) ** 2)))
        model.partial_fit(A[rows], y[rows])
    jump = 19  # the piece after the first thousand rows
    assert errors[jump - 1] < 3
    assert errors[jump] > 500
    assert np.mean(errors[-5:]) < 0.5 * errors[jump]
    # ... but what its own updates do is, in the call that makes them
    model.set_params(learning_rate_init=1e9, learning_rate="constant")
    before = model.predict(A)
    with pytest.raises(ValueError, match="exploded|non-finite"):
        model.partial_fit(A[:50], y[:50])
    assert_array_equal(model.predict(A), before)


def test_averaging_can_be_switched_off():
    model = GDRegressor(average=True, warm_start=True, tol=None, max_iter=3)
    model.set_params(random_state=0).fit(X, Y)
    mean = model.coef_
    model.set_params(average=False, max_iter=200, learning_rate_init=0.01).fit(X, Y)
    assert not np.array_equal(model.coef_, mean)
    assert model.score(X, Y) > 0.5


def test_divergence_does_not_leave_its_slots():
    model = GDRegressor(
        optimizer=Momentum(),
        learning_rate=lambda step: 0.001 if step < 30 else 1e300,
        early_stopping=True,
        random_state=0,
    ).fit(X, Y)
    score = model.score(X, Y)
    model.set_params(learning_rate="constant", learning_rate_init=1e-6)
    model.partial_fit(X, Y)
    assert abs(model.score(X, Y) - score) < 0.01


def test_a_lowered_rate_is_kept():
    model = GDRegressor(optimizer="sgd", standardize=False, random_state=0)
    model.set_params(learning_rate="constant").fit(10 * X, Y)
    assert model.n_restarts_ > 0
    rate = model.learning_rate_
    assert model.partial_fit(10 * X, Y).learning_rate_ == rate


def test_no_restart_where_the_rate_is_a_function():
    model = GDRegressor(optimizer="sgd", learning_rate=lambda step: 1e200)
    with pytest.raises(ValueError, match="Floating-point"):
        model.fit(X, Y)


def test_streams_may_change_their_scale():
    model = GDRegressor(random_state=0).partial_fit(X, np.zeros(len(X)))
    model.partial_fit(X, 1e6 * Y)
    assert np.isfinite(model.coef_).all()


@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
def test_a_schedule_that_has_ended_says_so(name):
    model = MLPGDRegressor(5, learning_rate=name, max_iter=3, tol=None, warm_start=True)
    model.fit(X, Y)
    if name == "one_cycle":
        assert model.fit(X, Y).learning_rate_ > 0
        return
    with pytest.warns(ConvergenceWarning, match="learning rate is 0: Cosine"):
        model.fit(X, Y)


def test_predictions_are_of_the_loss_that_was_fitted():
    poisson = GDRegressor("poisson", random_state=0).fit(X, np.exp(Y))
    expected = poisson.predict(X)
    assert_array_equal(poisson.set_params(loss="huber").predict(X), expected)
    hinge = GDClassifier("hinge", random_state=0).fit(X_IRIS, Y_IRIS)
    assert not hasattr(hinge.set_params(loss="log_loss"), "predict_proba")
    P = hinge.partial_fit(X_IRIS, Y_IRIS).predict_proba(X_IRIS)
    assert_allclose(P.sum(axis=1), 1)


def test_attributes_of_another_network_go():
    model = MLPGDRegressor(5, batch_norm=True, max_iter=2, tol=None).fit(X, Y)
    model.set_params(batch_norm=False).fit(X, Y)
    for name in ("gammas_", "betas_", "running_means_", "running_vars_"):
        assert not hasattr(model, name)


def test_strided_sparse_data():
    csr = sp.csr_matrix(np.where(X > 0.5, X, 0))
    strided = csr.copy()
    strided.data = np.repeat(csr.data, 2)[::2]
    strided.indices = np.repeat(csr.indices, 2)[::2]
    options = dict(max_iter=3, tol=None, random_state=0)
    for estimator in (GDRegressor, MLPGDRegressor):
        a = estimator(**options).fit(csr, Y)
        b = estimator(**options).fit(strided, Y)
        assert_array_equal(a.predict(csr), b.predict(strided))


def test_probabilities_of_sparse_coefficients():
    model = GDClassifier(random_state=0).fit(X_IRIS, Y_IRIS)
    expected = model.predict_proba(X_IRIS)
    assert_allclose(model.sparsify().predict_proba(X_IRIS), expected)


def test_a_row_without_weight_cannot_overflow():
    rows = np.r_[X, np.full((1, 10), 1e150)]
    weights = np.r_[np.ones(len(X)), 0.0]
    options = dict(optimizer="sgd", solver="batch", max_iter=20, tol=None)
    model = GDRegressor(**options).fit(rows, np.r_[Y, 0.0], sample_weight=weights)
    assert_allclose(model.coef_, GDRegressor(**options).fit(X, Y).coef_)


def test_refused_targets_and_class_weights():
    with pytest.raises(
        ValueError, match="indicator of labels must have values 0 and 1"
    ):
        GDClassifier().fit(X_IRIS, np.c_[Y_IRIS > 0, Y_IRIS > 1] * 2 - 1)
    with pytest.raises(ValueError, match="Sparse targets"):
        GDRegressor().fit(X, sp.csr_matrix(np.c_[Y, Y]))
    for weights in ({0: -1.0, 1: 1.0, 2: 1.0}, {0: np.nan, 1: 1.0, 2: 1.0}):
        with pytest.raises(ValueError, match="must have finite weights >= 0"):
            GDClassifier(class_weight=weights).fit(X_IRIS, Y_IRIS)
    with pytest.raises(ValueError, match="at least one non-zero"):
        GDClassifier(class_weight={0: 0, 1: 0, 2: 0}).fit(X_IRIS, Y_IRIS)
    for estimator in (GDClassifier, MLPGDClassifier):
        with pytest.raises(ValueError, match="early_stopping=True cannot hold out"):
            estimator(early_stopping=True).fit(
                X_IRIS[:52], Y_IRIS[:52] + (np.arange(52) == 3) * 5
            )


def test_bad_learning_rate_functions():
    given = None, np.zeros(2), "a"
    for rate in (lambda: 0.1, *(lambda step, value=value: value for value in given)):
        with pytest.raises(ValueError, match="'learning_rate' callable must"):
            GDRegressor(learning_rate=rate).fit(X, Y)


@pytest.mark.parametrize(
    ("ours", "twin"),
    [
        (GDClassifier, SGDClassifier),
        (GDRegressor, SGDRegressor),
        (MLPGDClassifier, MLPClassifier),
        (MLPGDRegressor, MLPRegressor),
    ],
)
def test_arguments_have_the_order_of_the_twin(ours, twin):
    theirs = list(signature(twin.partial_fit).parameters)
    # (the networks of older versions of scikit-learn have no weights here)
    missing = {"sample_weight"} - set(theirs)
    parameters = signature(ours.partial_fit).parameters.values()
    by_position = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    assert [name for name in by_position if name not in missing] == theirs


def test_arguments_of_partial_fit_by_position():
    weights, classes = np.linspace(0, 1, 150), [0, 1, 2]
    named = {"sample_weight": weights, "classes": classes}
    for estimator, order in [
        (GDClassifier, (classes, weights)),
        (MLPGDClassifier, (weights, classes)),
    ]:
        model = estimator(random_state=0).partial_fit(X_IRIS, Y_IRIS, *order)
        twin = estimator(random_state=0).partial_fit(X_IRIS, Y_IRIS, **named)
        assert_array_equal(model.predict(X_IRIS), twin.predict(X_IRIS))
        assert model.loss_curve_ == twin.loss_curve_


ONE_CLASS = [
    {},
    {"early_stopping": True},
    {"early_stopping": True, "scoring": "accuracy"},
    {"early_stopping": False, "batch_norm": True},
    {"solver": "sgd", "class_weight": "balanced"},
    {"solver": "batch", "optimizer": "lbfgs"},
    {"loss": LogLoss(label_smoothing=0.1)},
]


@pytest.mark.parametrize("options", ONE_CLASS, ids=str)
@pytest.mark.parametrize("n", [20, 150])  # without and with trials
def test_a_network_fits_one_class(n, options):
    y = np.full(150, "a")
    model = MLPGDClassifier(random_state=0, **options).fit(X_IRIS[:n], y[:n])
    model = pickle.loads(pickle.dumps(model))
    assert_array_equal(model.classes_, ["a"])
    assert_array_equal(model.predict(X_IRIS), y)
    assert_array_equal(model.predict_proba(X_IRIS), np.ones((150, 1)))
    assert model.score(X_IRIS, y) == 1


def test_one_class_is_continued():
    y = np.ones(150)
    stream = (
        MLPGDClassifier().partial_fit(X_IRIS, y, classes=[1]).partial_fit(X_IRIS, y)
    )
    warm = MLPGDClassifier(warm_start=True).fit(X_IRIS, y).fit(X_IRIS, y)
    for model in (stream, warm):
        assert_array_equal(model.predict(X_IRIS), y)
        with pytest.raises(ValueError, match="classes not in"):
            model.partial_fit(X_IRIS, Y_IRIS)
    with pytest.raises(ValueError, match="same classes as in the previous call"):
        warm.fit(X_IRIS, Y_IRIS)


@pytest.mark.parametrize(
    "estimator", [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
)
def test_a_piece_without_weight_has_no_effect(estimator):
    y = Y_IRIS % 2
    model, twin = (
        estimator(random_state=0, average=True).fit(X_IRIS, y) for _ in range(2)
    )
    before = {**vars(model)}
    assert model.partial_fit(X_IRIS, y, sample_weight=np.zeros(150)) is model
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())
    for each in (model, twin):
        each.partial_fit(X_IRIS, y)
    assert_array_equal(model.predict(X_IRIS), twin.predict(X_IRIS))
    assert model.loss_curve_ == twin.loss_curve_
    # what is wrong in it remains an error
    with pytest.raises(ValueError, match="is expecting 4 features"):
        model.partial_fit(X_IRIS[:, :2], y, sample_weight=np.zeros(150))
    with pytest.raises(ValueError, match="non-zero number. All values of sample_"):
        model.fit(X_IRIS, y, sample_weight=np.zeros(150))


def test_a_piece_of_classes_without_weight():
    model = GDClassifier(class_weight={0: 0.0, 1: 1.0, 2: 1.0}, random_state=0)
    with pytest.raises(ValueError, match="all are zero. The first call of partial_fit"):
        model.partial_fit(X_IRIS[:50], Y_IRIS[:50], classes=[0, 1, 2])
    assert not hasattr(model, "n_features_in_")
    model.partial_fit(X_IRIS, Y_IRIS, classes=[0, 1, 2])
    coef = model.coef_
    assert model.partial_fit(X_IRIS[:50], Y_IRIS[:50]).coef_ is coef
