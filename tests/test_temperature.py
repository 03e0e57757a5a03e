"""The temperature of `TabularClassifier`."""

import numpy as np
from sklearn.metrics import log_loss

from skgd import TabularClassifier


def clouds(n, n_classes):
    """Two normal clouds for each class, which overlap with those of other classes."""
    rng = np.random.RandomState(0)
    centres = rng.standard_normal((2 * n_classes, 8))
    y = rng.randint(n_classes, size=n)
    X = centres[y + n_classes * rng.randint(2, size=n)]
    return X + 0.45 * rng.standard_normal((n, 8)), y


def test_mean_of_members_is_confident_enough():
    X, y = clouds(5000, 20)
    clf = TabularClassifier(n_members=4, hidden_layer_sizes=32, random_state=0)
    P = clf.fit(X[:2500], y[:2500]).predict_proba(X[2500:])
    accuracy = np.mean(P.argmax(axis=1) == y[2500:])
    assert abs(P.max(axis=1).mean() - accuracy) < 0.03


def test_own_validation_data_fit_the_temperature_of_the_mean():
    X, y = clouds(2000, 20)
    val = X[1000:], y[1000:]
    clf = TabularClassifier(n_members=4, hidden_layer_sizes=32, random_state=0)
    clf.fit(X[:1000], y[:1000], X_val=val[0], y_val=val[1])

    def cost(temperature):
        # the loss, and the prior of the logarithm
        clf.temperature_ = temperature
        prior = (np.log(temperature) / 0.3) ** 2 / 2
        return log_loss(val[1], clf.predict_proba(val[0])) + prior / len(val[1])

    found = clf.temperature_
    best = cost(found)
    assert cost(0.9 * found) > best
    assert cost(1.1 * found) > best
