"""Class weights: as in scikit-learn, also with sample weights."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import (
    check_sample_weight_equivalence_on_dense_data,
    check_sample_weight_equivalence_on_sparse_data,
)

from skgd import GDClassifier, MLPGDClassifier

RNG = np.random.RandomState(0)
X = RNG.standard_normal((200, 4))
Y = (X[:, 0] + RNG.standard_normal(200) > 1).astype(int) + (X[:, 1] > 1.2)
WEIGHTS = RNG.uniform(0, 3, 200)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "model",
    [
        GDClassifier(class_weight="balanced"),
        GDClassifier(class_weight="balanced", solver="batch", optimizer="adam"),
        # one batch, since the rows that a check repeats must be in one update
        MLPGDClassifier(class_weight="balanced", batch_size=200),
    ],
    ids=["lbfgs", "adam", "network"],
)
def test_balanced_counts_the_weights(model):
    name = type(model).__name__
    check_sample_weight_equivalence_on_dense_data(name, model)
    check_sample_weight_equivalence_on_sparse_data(name, model)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weights"])
def test_balanced_is_that_of_logistic_regression(weights):
    theirs = LogisticRegression(class_weight="balanced", tol=1e-8, max_iter=1000)
    theirs.fit(X, Y, sample_weight=weights)
    alpha = 1 / (200 if weights is None else weights.sum())
    ours = GDClassifier(
        class_weight="balanced", alpha=alpha, standardize=False, tol=1e-9
    ).fit(X, Y, sample_weight=weights)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)


def test_a_class_without_weight_has_no_effect_on_balanced():
    weights = np.where(Y == 2, 0.0, WEIGHTS)
    with_it = GDClassifier(class_weight="balanced").fit(X, Y, sample_weight=weights)
    assert np.isfinite(with_it.coef_).all()
    counted = np.bincount(Y, weights, 3)
    factors = {0: weights.sum() / 2 / counted[0], 1: weights.sum() / 2 / counted[1]}
    by_hand = GDClassifier(class_weight=factors).fit(X, Y, sample_weight=weights)
    assert_allclose(with_it.coef_, by_hand.coef_, rtol=1e-6)


LABELS = np.c_[Y > 0, Y > 1, X[:, 2] > 0].astype(int)
DICTS = [{0: 1.0, 1: 3.0}, {1: 5.0}, {0: 0.5, 1: 0.25}]


@pytest.mark.parametrize("class_weight", ["balanced", DICTS], ids=["balanced", "dicts"])
@pytest.mark.parametrize("estimator", [GDClassifier, MLPGDClassifier])
def test_labels(estimator, class_weight):
    # the factors of the labels are multiplied, as in scikit-learn
    by_sample = compute_sample_weight(class_weight, LABELS)
    options = dict(random_state=0, max_iter=30, tol=None)
    model = estimator(class_weight=class_weight, **options).fit(X, LABELS)
    twin = estimator(**options).fit(X, LABELS, sample_weight=by_sample)
    assert_allclose(model.predict_proba(X), twin.predict_proba(X), rtol=1e-6)
    sparse = estimator(class_weight=class_weight, **options)
    sparse.fit(X, sp.csr_matrix(LABELS))
    assert_array_equal(sparse.predict_proba(X), model.predict_proba(X))


def test_balanced_labels_count_the_weights():
    whole = WEIGHTS.round()
    repeated = np.repeat(np.arange(200), whole.astype(int))
    model = GDClassifier(class_weight="balanced")
    weighted = model.fit(X, LABELS, sample_weight=whole).coef_
    model.fit(X[repeated], LABELS[repeated])
    assert_allclose(weighted, model.coef_, rtol=1e-3)


def test_labels_in_a_stream():
    model = GDClassifier(class_weight=DICTS, random_state=0)
    twin = GDClassifier(random_state=0)
    for rows in (slice(0, 100), slice(100, 103)):
        by_sample = np.ones(len(LABELS[rows]))
        for k, factors in enumerate(DICTS):
            by_sample *= [factors.get(value, 1) for value in LABELS[rows, k]]
        model.partial_fit(X[rows], LABELS[rows], classes=[0, 1, 2])
        twin.partial_fit(X[rows], LABELS[rows], [0, 1, 2], by_sample)
    assert_allclose(model.coef_, twin.coef_)
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        model.set_params(class_weight="balanced").partial_fit(X, LABELS)


def test_a_label_that_is_constant():
    labels = LABELS.copy()
    labels[:, 1] = 1
    by_sample = compute_sample_weight("balanced", labels)
    model = GDClassifier(class_weight="balanced").fit(X, labels)
    twin = GDClassifier().fit(X, labels, sample_weight=by_sample)
    assert_allclose(model.coef_, twin.coef_)


@pytest.mark.parametrize(
    ("class_weight", "text"),
    [
        ({0: 1.0, 1: 2.0}, "must be a list of dicts .one for each label."),
        ([1, 2, 3], "must be a list of dicts"),
        (DICTS[:2], "one dict for each label. Got 2 for 3 labels"),
        ([*DICTS[:2], {2: 1.0}], "not in class_weight"),
        ([*DICTS[:2], {1: -1.0}], "finite weights >= 0"),
    ],
)
def test_refused_weights_of_labels(class_weight, text):
    with pytest.raises(ValueError, match=text):
        GDClassifier(class_weight=class_weight).fit(X, LABELS)
