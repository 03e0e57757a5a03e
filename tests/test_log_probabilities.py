"""Logarithms of probabilities that round to zero."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skgd import GDClassifier, MLPGDClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = np.linspace(-1, 1, 60)[:, np.newaxis]
TARGETS = {
    "two": (X[:, 0] > 0).astype(int),
    "three": np.digitize(X[:, 0], [-0.3, 0.3]),
    "labels": np.column_stack([X[:, 0] > 0, X[:, 0] > 0.3]).astype(int),
    "one": np.zeros(60, dtype=int),
}
MODELS = [
    GDClassifier(random_state=0),
    GDClassifier("modified_huber", random_state=0),
    MLPGDClassifier(4, activation="identity", max_iter=20, random_state=0),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("model", "kind"),
    [(m, kind) for m in MODELS for kind in ("two", "three", "labels")]
    + [(MODELS[-1], "one")],
)
def test_they_agree_with_the_probabilities(model, kind, dtype):
    model.fit(X.astype(dtype), TARGETS[kind])
    expected = model.predict_proba(X.astype(dtype))
    found = model.predict_log_proba(X.astype(dtype))
    assert found.dtype == dtype
    eps = np.finfo(dtype).eps
    assert_allclose(np.exp(found), expected, rtol=100 * eps, atol=10 * eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["two", "three", "labels"])
@pytest.mark.parametrize("model", [MODELS[0], MODELS[2]])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_they_are_finite_far_from_the_boundary(model, kind, dtype):
    model.fit(X, TARGETS[kind])
    found = model.predict_log_proba((1e4 * X).astype(dtype))
    assert np.isfinite(found).all()
    assert found.min() < -1000


def test_two_classes_far_from_the_boundary():
    model = GDClassifier(random_state=0).fit(X, TARGETS["two"])
    far = 50 / model.coef_[0]
    z = model.decision_function(far[np.newaxis])
    assert_allclose(model.predict_log_proba(far[np.newaxis])[:, 0], -z, rtol=1e-12)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_zero_stays_minus_infinity():
    model = GDClassifier("modified_huber", random_state=0).fit(X, TARGETS["two"])
    assert model.predict_log_proba([[1e4]])[0, 0] == -np.inf
