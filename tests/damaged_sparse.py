"""Train and predict with sparse arrays that are damaged at random.

Run it as `python damaged_sparse.py SEED N`. It fails by an assertion, or by a crash.
The test runs it in another process.
"""

import contextlib
import sys
import warnings

import numpy as np
from numpy.testing import assert_array_equal
from scipy import sparse as sp

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor

FORMATS = {
    "csr": ("indices", "indptr", "data"),
    "csc": ("indices", "indptr", "data"),
    "bsr": ("indices", "indptr", "data"),
    "coo": ("row", "col", "data"),
    "dia": ("offsets", "data"),
    "lil": ("rows", "data"),
}
VALUES = [-1, 0, 1, 4, 5, 7, 39, 40, 41, 10**6, 2**31 - 1, -(2**31), 2**40]
MODELS = [
    GDRegressor(max_iter=3, tol=None, random_state=0),
    GDClassifier(max_iter=3, tol=None, random_state=0),
    MLPGDRegressor(3, max_iter=2, tol=None, random_state=0),
    MLPGDClassifier(3, max_iter=2, tol=None, random_state=0),
]


def damaged(rng, sound):
    """A copy of a sparse matrix in some format with one or two wrong arrays."""
    format = rng.choice(list(FORMATS))
    X = sound.asformat(format, copy=True)
    if "indices" in FORMATS[format] and rng.randint(2):
        X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    for _ in range(rng.randint(1, 3)):
        attribute = rng.choice(FORMATS[format])
        values = np.array(getattr(X, attribute))
        k = rng.randint(len(VALUES))
        kind = rng.choice(["value", "cut", "longer", "dtype", "empty", "order", "nan"])
        if kind == "value" and values.dtype.kind == "i" and values.size:
            values = values.astype(np.int64)
            values.flat[rng.randint(values.size)] = VALUES[k]
        elif kind == "value" and format == "lil":
            values[: rng.randint(40)][-1:] = [rng.randint(90) * [VALUES[k]]]
        elif kind == "cut":
            values = values[: rng.randint(len(values) + 1)]
        elif kind == "longer":
            values = np.concatenate([values, values[:2]])
        elif kind == "dtype" and format != "lil":
            values = values.astype(rng.choice([np.int64, np.int8, np.float64, object]))
        elif kind == "empty":
            values = values[:0]
        elif kind == "order":
            values = values[::-1]
        elif kind == "nan" and values.dtype.kind == "f" and values.size:
            values.flat[rng.randint(values.size)] = np.nan
        # (SciPy refuses some)
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            setattr(X, attribute, values)
    return X


def main(seed, n_cases):
    """Damage `n_cases` matrices, and use each for a fit and for a prediction."""
    rng = np.random.RandomState(seed)
    dense = np.where(rng.rand(40, 5) < 0.5, rng.randn(40, 5), 0)
    y = dense @ np.arange(5.0)
    sound = sp.csr_matrix(dense)
    fitted = [model.fit(sound, y > 0 if k % 2 else y) for k, model in enumerate(MODELS)]
    expected = [model.predict(sound) for model in fitted]
    warnings.simplefilter("ignore")
    for _ in range(n_cases):
        X = damaged(rng, sound)
        k = rng.randint(len(MODELS))
        for call in (fitted[k].predict, lambda X, k=k: fitted[k].fit(X, y > 0)):
            try:
                result = call(X)
            except (ValueError, TypeError):
                continue
            assert call != fitted[k].predict or np.isfinite(result).all()
    for model, result in zip(fitted, expected, strict=True):
        model.fit(sound, y > 0 if "Classifier" in type(model).__name__ else y)
        assert_array_equal(model.predict(sound), result)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
