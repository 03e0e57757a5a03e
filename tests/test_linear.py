"""GDRegressor and GDClassifier: attributes, weights, averages, probabilities."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.multiclass import check_classification_targets

from skgd import GDClassifier, GDRegressor, MLPGDRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
X_REG, Y_REG = load_diabetes(return_X_y=True)
X_REG, Y_REG = scale(X_REG), scale(Y_REG)
LOSSES = ["log_loss", "hinge", "squared_hinge", "modified_huber", "perceptron"]


def test_shapes():
    one = GDRegressor(max_iter=2, tol=None).fit(X_REG, Y_REG)
    assert one.coef_.shape == (10,)
    assert one.intercept_.shape == (1,)
    two = GDRegressor(max_iter=2, tol=None).fit(X_REG, np.c_[Y_REG, Y_REG])
    assert two.coef_.shape == (2, 10)
    assert two.intercept_.shape == (2,)
    assert two.predict(X_REG).shape == (442, 2)
    binary = GDClassifier(max_iter=2, tol=None).fit(X_IRIS, Y_IRIS > 0)
    assert binary.coef_.shape == (1, 4)
    assert binary.intercept_.shape == (1,)
    assert binary.decision_function(X_IRIS).shape == (150,)
    assert binary.predict_proba(X_IRIS).shape == (150, 2)
    multi = GDClassifier(max_iter=2, tol=None).fit(X_IRIS, Y_IRIS)
    assert multi.coef_.shape == (3, 4)
    assert multi.decision_function(X_IRIS).shape == (150, 3)
    assert multi.t_ == 2 * 150 + 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_a_column_of_targets_is_predicted_as_a_column(estimator):
    column = Y_REG[:, np.newaxis]
    model = estimator(max_iter=2, tol=None, early_stopping=False, random_state=0)
    expected = model.fit(X_REG, Y_REG).predict(X_REG)
    assert expected.shape == (442,)
    assert_array_equal(model.fit(X_REG, column).predict(X_REG), expected[:, np.newaxis])
    assert_array_equal(model.partial_fit(X_REG, Y_REG).predict(X_REG).shape, (442,))
    scaled = TransformedTargetRegressor(model, transformer=StandardScaler())
    assert scaled.fit(X_REG, column).predict(X_REG).shape == (442, 1)
    watched = clone(model).set_params(early_stopping=True, scoring=mean_error)
    scores = watched.fit(X_REG, column).validation_scores_
    assert scores == watched.fit(X_REG, Y_REG).validation_scores_


def mean_error(model, X, y):
    """A score that is wrong if predictions and targets have other shapes."""
    return -np.abs(y - model.predict(X)).mean()


@pytest.mark.parametrize("batch_norm", [False, True])
def test_no_intercept(batch_norm):
    model = GDRegressor(
        fit_intercept=False, batch_norm=batch_norm, max_iter=50, tol=None
    )
    X = X_REG + 1
    model.fit(X, Y_REG + 1)
    if batch_norm:
        # the means that the normalisation takes off
        assert_allclose(model.intercept_, -model.coef_.sum(), atol=0.1)
    else:
        assert_array_equal(model.intercept_, [0.0])
    assert_allclose(model.predict(X), X @ model.coef_ + model.intercept_)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("labels", [None, np.array(["ham", "spam", "eggs"])])
def test_every_loss_classifies(loss, labels):
    y = Y_IRIS if labels is None else labels[Y_IRIS]
    model = GDClassifier(loss, random_state=0).fit(X_IRIS, y)
    # No line parts the middle class from the other two: the margin losses manage by
    # the maximum over the classes, the perceptron, without a margin, less well.
    assert model.score(X_IRIS, y) > (0.8 if loss == "perceptron" else 0.9)
    assert_array_equal(model.classes_, np.unique(y))
    assert model.predict(X_IRIS).dtype == y.dtype
    two = GDClassifier(loss, random_state=0).fit(X_IRIS, y == y[0])
    assert two.score(X_IRIS, y == y[0]) > 0.95


@pytest.mark.parametrize("loss", LOSSES)
def test_probabilities(loss):
    model = GDClassifier(loss, random_state=0, max_iter=50)
    if loss not in ("log_loss", "modified_huber"):
        for name in ("predict_proba", "predict_log_proba"):
            assert not hasattr(model, name)
            with pytest.raises(AttributeError, match=f"has no attribute '{name}'") as e:
                getattr(model, name)
            assert f"not available for loss={loss!r}" in str(e.value.__cause__)
        return
    for y in (Y_IRIS, Y_IRIS > 0):
        model.fit(X_IRIS, y)
        P = model.predict_proba(X_IRIS)
        assert (P >= 0).all()
        assert_allclose(P.sum(axis=1), 1)
        with np.errstate(divide="ignore"):
            assert_allclose(model.predict_log_proba(X_IRIS), np.log(P))
        if loss == "log_loss":
            assert_array_equal(model.classes_[P.argmax(axis=1)], model.predict(X_IRIS))


def test_modified_huber_where_no_class_is_likely():
    model = GDClassifier("modified_huber", max_iter=5, tol=None).fit(X_IRIS, Y_IRIS)
    model.intercept_ = np.full(3, -100.0)
    assert_allclose(model.predict_proba(X_IRIS), 1 / 3)


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_multilabel(loss):
    X, Y = make_multilabel_classification(n_samples=200, random_state=0)
    X = scale(X)
    model = GDClassifier(loss, random_state=0).fit(X, Y)
    assert model.predict(X).shape == Y.shape
    assert (model.predict(X) == Y).mean() > 0.8
    # independent labels: each is a binary problem of its own
    options = dict(solver="batch", tol=None, max_iter=100)
    several = GDClassifier(loss, **options).fit(X, Y)
    for k in range(Y.shape[1]):
        single = GDClassifier(loss, **options).fit(X, Y[:, k])
        assert_allclose(several.coef_[k], single.coef_[0], rtol=1e-7, atol=1e-10)
    assert_array_equal(
        GDClassifier(loss, **options).fit(X, sp.csr_matrix(Y)).coef_, several.coef_
    )
    if loss == "log_loss":
        P = several.predict_proba(X)
        assert P.shape == Y.shape
        assert_array_equal(P > 0.5, several.predict(X).astype(bool))


@pytest.mark.parametrize("solver", ["batch", "sgd", "minibatch"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("average", [True, 300])
def test_average_is_the_mean_over_the_updates(solver, optimizer, average):
    options = dict(solver=solver, optimizer=optimizer, learning_rate_init=0.01)
    options.update(learning_rate="constant")
    options.update(
        alpha=1e-4, standardize=False, batch_size=100, shuffle=False, tol=None
    )
    batch = {"batch": 442, "sgd": 1, "minibatch": 100}[solver]
    mean = GDRegressor(**options, max_iter=2, average=average).fit(X_REG, Y_REG)
    # all iterates, one partial_fit per batch
    model = GDRegressor(**{**options, "solver": "batch"})
    iterates, seen = [], 0
    for _ in range(2):
        for start in range(0, 442, batch):
            rows = slice(start, start + batch)
            model.partial_fit(X_REG[rows], Y_REG[rows])
            seen += len(Y_REG[rows])
            if seen >= average:
                iterates.append(np.r_[model.coef_, model.intercept_])
    assert_allclose(
        np.r_[mean.coef_, mean.intercept_], np.mean(iterates, axis=0), rtol=1e-8
    )


def test_average_not_reached_is_no_average():
    options = dict(max_iter=2, tol=None, random_state=0, optimizer="adam")
    late = GDRegressor(average=10**6, **options).fit(X_REG, Y_REG)
    none = GDRegressor(**options).fit(X_REG, Y_REG)
    assert_array_equal(late.coef_, none.coef_)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_average_goes_on(batch_norm):
    options = dict(average=True, batch_norm=batch_norm, tol=None, random_state=0)
    options.update(learning_rate="constant")
    whole = GDRegressor(max_iter=4, **options).fit(X_REG, Y_REG)
    parts = GDRegressor(max_iter=4, **options)
    for _ in range(4):
        parts.partial_fit(X_REG, Y_REG)
    assert_array_equal(whole.coef_, parts.coef_)


def test_coef_init():
    options = dict(solver="batch", optimizer="sgd", tol=None, learning_rate_init=0.1)
    options["learning_rate"] = "constant"
    first = GDRegressor(max_iter=5, **options).fit(X_REG, Y_REG)
    second = GDRegressor(max_iter=5, **options).fit(
        X_REG, Y_REG, coef_init=first.coef_, intercept_init=first.intercept_
    )
    whole = GDRegressor(max_iter=10, **options).fit(X_REG, Y_REG)
    assert_allclose(second.coef_, whole.coef_, rtol=1e-12)
    clf = GDClassifier(max_iter=1, tol=None)
    clf.fit(X_IRIS, Y_IRIS, coef_init=np.zeros((3, 4)), intercept_init=np.zeros(3))
    clf.fit(X_IRIS, Y_IRIS > 0, intercept_init=0)
    for wrong in (np.zeros(3), np.zeros((4, 3)), np.zeros((2, 4))):
        with pytest.raises(ValueError, match="coef_init does not match dataset"):
            clf.fit(X_IRIS, Y_IRIS, coef_init=wrong)
    with pytest.raises(ValueError, match="intercept_init does not match dataset"):
        clf.fit(X_IRIS, Y_IRIS, intercept_init=np.zeros(1))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_set_coefficients_and_go_on(batch_norm):
    model = GDRegressor(batch_norm=batch_norm, max_iter=20, tol=None, random_state=0)
    X = X_REG * 3 + 1
    model.fit(X, Y_REG)
    model.set_params(learning_rate_init=1e-12)
    going_on = pickle.loads(pickle.dumps(model)).partial_fit(X, Y_REG)
    assert_allclose(going_on.coef_, model.coef_, rtol=1e-2, atol=1e-3)
    model.coef_ = np.arange(10.0)
    model.intercept_ = np.array([2.0])
    expected = model.predict(X)
    model.partial_fit(X, Y_REG)
    # The batches of one more pass move the running statistics a little.
    assert_allclose(model.predict(X), expected, atol=0.05 * expected.std())
    if not batch_norm:
        assert_allclose(model.coef_, np.arange(10.0), atol=1e-9)
    # before any fit, too
    fresh = GDRegressor(learning_rate_init=1e-12, random_state=0)
    fresh.coef_, fresh.intercept_ = np.arange(10.0), np.array([2.0])
    assert_allclose(fresh.partial_fit(X, Y_REG).coef_, np.arange(10.0), atol=1e-9)


def test_sparsify():
    model = GDClassifier(penalty="l1", alpha=0.05, random_state=0).fit(X_IRIS, Y_IRIS)
    assert (model.coef_ == 0).any()
    expected, coef = model.predict(X_IRIS), model.coef_
    model.sparsify()
    assert sp.issparse(model.coef_)
    model = pickle.loads(pickle.dumps(model))
    assert_array_equal(model.predict(X_IRIS), expected)
    assert_array_equal(model.densify().coef_, coef)
    model.sparsify().partial_fit(X_IRIS, Y_IRIS)
    reg = GDRegressor(penalty="l1", alpha=0.2, random_state=0).fit(X_REG, Y_REG)
    before = reg.predict(X_REG)
    assert_allclose(reg.sparsify().predict(X_REG), before)
    assert reg.densify().coef_.shape == (10,)


@pytest.mark.parametrize("class_weight", [{0: 2.0, 1: 0.5, 2: 1.0}, "balanced"])
def test_class_weight_times_sample_weight(class_weight):
    weights = np.random.RandomState(0).uniform(0.2, 2, 150)
    X, y, weights = X_IRIS[:120], Y_IRIS[:120], weights[:120]
    options = dict(max_iter=20, tol=None, random_state=0)
    by_class = class_weight
    if class_weight == "balanced":
        by_class = weights.sum() / 3 / np.bincount(y, weights)
    product = weights * np.array([by_class[k] for k in y])
    model = GDClassifier(class_weight=class_weight, **options)
    model.fit(X, y, sample_weight=weights)
    assert_allclose(
        model.coef_, GDClassifier(**options).fit(X, y, sample_weight=product).coef_
    )
    # the same rule as scikit-learn's
    theirs = SGDClassifier(class_weight=class_weight, random_state=0).fit(X, y)
    ours = GDClassifier(alpha=1e-4, class_weight=class_weight, random_state=0).fit(X, y)
    assert (theirs.predict(X) == ours.predict(X)).mean() > 0.9


def test_class_weight_in_partial_fit():
    model = GDClassifier(class_weight={0: 5.0}, random_state=0)
    plain = GDClassifier(random_state=0)
    for m in (model, plain):
        m.partial_fit(X_IRIS, Y_IRIS, classes=[0, 1, 2])
    assert not np.array_equal(model.coef_, plain.coef_)
    with pytest.raises(
        ValueError, match="class_weight 'balanced' is not supported for"
    ):
        model.set_params(class_weight="balanced").partial_fit(X_IRIS, Y_IRIS)


def test_poisson_predicts_means():
    y = np.random.RandomState(0).poisson(np.exp(0.2 * X_REG[:, 2] + 2))
    model = GDRegressor("poisson", random_state=0).fit(X_REG, y)
    assert (model.predict(X_REG) > 0).all()
    assert_allclose(
        np.log(model.predict(X_REG)), X_REG @ model.coef_ + model.intercept_, rtol=1e-9
    )
    assert abs(model.predict(X_REG).mean() - y.mean()) < 0.5


def said_of(check, y):
    # the warnings and the error of a check of labels
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            check(y)
            error = None
        except ValueError as failure:
            error = str(failure).splitlines()[0]
    return error, [str(warning.message).splitlines()[0] for warning in caught]


@pytest.mark.parametrize(
    ("y", "what"),
    [
        (np.arange(60) % 3, None),
        (np.arange(60) % 3 * 0.5, "Unknown label type"),
        (np.arange(40) % 21, "number of unique classes"),
        (np.arange(30) % 18, "number of unique classes"),
        (np.arange(42) % 21, None),
        (np.array(list("abc" * 20)), None),
        (np.arange(60) / 7, "Unknown label type"),
    ],
)
def test_labels_are_judged_as_in_scikit_learn(y, what):
    X = np.random.RandomState(0).standard_normal((len(y), 2))
    model = GDClassifier(max_iter=1, tol=None)
    said = said_of(lambda y: model.fit(X, y), y)
    assert said == said_of(check_classification_targets, y)
    assert (what or "") in str(said)
    assert what is None or any(said)
