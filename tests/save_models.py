"""Saves small fitted estimators for `test_saving.py`, one file for each release.

Run ``python tests/save_models.py`` before a release, and commit the file. Files of
earlier releases stay as they are.
"""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import skgd
from skgd import preprocessing

FOLDER = Path(__file__).parent / "saved"
RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 4)).round(3)
Y = (X @ [1.0, -2.0, 0.0, 0.5] + 3).round(3)
LABELS = np.where(Y > 3, "high", "low")
COLUMNS = {"size": X[:, 0], "city": np.where(X[:, 1] > 0, "Bonn", "Ulm").tolist()}
FRAME = pd.DataFrame(COLUMNS)
DATES = (np.datetime64("2024-01-01") + np.arange(60)).reshape(-1, 1)

SHORT = {"max_iter": 3, "tol": None, "random_state": 0}
ADAM = {**SHORT, "optimizer": "adam", "average": True}
NETWORK = {**ADAM, "hidden_layer_sizes": 3, "early_stopping": True}
TABLE = {"n_members": 1, "hidden_layer_sizes": 4, "random_state": 0}
TABLE["trees"] = None  # those of scikit-learn depend on its version


def fitted():
    """Estimators with the data and the output that a later version must reproduce."""
    models = [
        (skgd.GDRegressor(**ADAM).fit(X, Y), X),
        (skgd.GDClassifier(**ADAM).fit(X, LABELS), X),
        (skgd.MLPGDRegressor(**NETWORK).fit(X, Y), X),
        (skgd.MLPGDClassifier(**NETWORK).fit(X, LABELS), X),
        (skgd.MLPGDRegressor(**NETWORK).fit(X, Y).strip(), X),
        (skgd.TabularRegressor(**TABLE).fit(FRAME, Y), FRAME),
        (skgd.TabularClassifier(**TABLE).fit(FRAME, LABELS), FRAME),
        (preprocessing.PiecewiseLinearEncoder().fit(X), X),
        (preprocessing.TableEncoder().fit(FRAME), FRAME),
        (preprocessing.DatetimeEncoder().fit(DATES), DATES),
    ]
    return [
        # (a file should not depend on the version of pandas)
        (model, COLUMNS if data is FRAME else data, output(model, data))
        for model, data in models
    ]


def output(model, data):
    """What an estimator makes of data: probabilities, predictions or features."""
    for name in ("predict_proba", "predict", "transform"):
        if hasattr(model, name):
            found = getattr(model, name)(data)
            return found.toarray() if hasattr(found, "toarray") else np.asarray(found)
    raise AssertionError(model)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"skgd-{skgd.__version__}.pickle"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path.write_bytes(pickle.dumps(fitted(), protocol=4))
