"""Class weights: as in scikit-learn, also with sample weights."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
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
        MLPGDClassifier(class_weight="balanced"),
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
