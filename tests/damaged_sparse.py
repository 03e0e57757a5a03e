"""Train and predict with sparse arrays that are damaged at random.

Run it as `python damaged_sparse.py SEED N`. It fails by an assertion, or by a crash.
The test runs it in another process.
"""

import contextlib
import re
import sys
import warnings
from itertools import pairwise

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
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
# what an error says of a damaged matrix
CAUSES = r"The sparse X \(|Input X contains (NaN|infinity)|dtype|float|object"
# (the first ones beyond the ends more often than others)
VALUES = [
    -1,
    -1,
    0,
    1,
    4,
    5,
    5,
    5,
    7,
    39,
    40,
    40,
    40,
    41,
    10**6,
    2**31 - 1,
    -(2**31),
    2**40,
]
KINDS = [*4 * ["value"], "cut", "longer", "dtype", "empty", "order", "nan"]
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
        kind = rng.choice(KINDS)
        if attribute == "data" and kind == "value":
            kind = "cut"  # (any number is sound there, and a large one can diverge)
        if kind == "value" and values.dtype.kind == "i" and values.size:
            values = values.astype(np.int64)
            values.flat[rng.choice([0, -1, rng.randint(values.size)])] = VALUES[k]
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


def entries(X):
    """The stored values and where they are, read one by one with checks of bounds."""
    if X.format in ("csr", "csc", "bsr"):
        height, width = X.data.shape[1:] if X.format == "bsr" else (1, 1)
        n_major = X.shape[X.format == "csc"] // height
        if len(X.indptr) != n_major + 1 or X.indptr[0] != 0:
            raise IndexError("indptr")
        for i, (start, stop) in enumerate(pairwise(X.indptr)):
            if stop < start:
                raise IndexError("indptr")
            for k in range(start, stop):
                for block in np.ndindex(height, width):
                    place = i * height + block[0], X.indices[k] * width + block[1]
                    value = X.data[k][block] if X.format == "bsr" else X.data[k]
                    yield place[::-1] if X.format == "csc" else place, value
    elif X.format == "coo":
        yield from zip(zip(X.row, X.col, strict=True), X.data, strict=True)
    elif X.format == "lil":
        for i, lists in enumerate(zip(X.rows, X.data, strict=True)):
            yield from (((i, j), value) for j, value in zip(*lists, strict=True))
        if len(X.rows) != X.shape[0]:
            raise IndexError("rows")
    else:
        for offset, values in zip(X.offsets, X.data, strict=True):
            for j, value in enumerate(values[: X.shape[1]]):
                if 0 <= j - offset < X.shape[0]:
                    yield (j - offset, j), value


def as_dense(X):
    """The table that a sparse matrix stands for; None if its arrays are not valid."""
    dense = np.zeros(X.shape)
    try:
        for place, value in entries(X):
            if min(place) < 0:
                raise IndexError("negative")
            dense[place] += value
    except (IndexError, TypeError, ValueError):
        return None
    return dense


def main(seed, n_cases):
    """Damage `n_cases` matrices, and use each for a fit and for a prediction."""
    rng = np.random.RandomState(seed)
    dense = np.where(rng.rand(40, 5) < 0.5, rng.randn(40, 5), 0)
    y = dense @ np.arange(5.0)
    sound = sp.csr_matrix(dense)
    fitted = [model.fit(sound, y > 0 if k % 2 else y) for k, model in enumerate(MODELS)]
    expected = [model.predict(sound) for model in fitted]
    for format in FORMATS:
        assert_allclose(fitted[0].predict(sound.asformat(format)), expected[0])
    warnings.simplefilter("ignore")
    for _ in range(n_cases):
        X = damaged(rng, sound)
        model, table = fitted[rng.randint(len(MODELS))], as_dense(X)
        for method in ("predict", "partial_fit", "fit"):
            also = () if method == "predict" else (y > 0,)
            refusal = None
            try:
                result = getattr(model, method)(X, *also)
            except (ValueError, TypeError) as error:
                refusal = str(error)
            if refusal is not None:
                assert re.search(CAUSES, refusal), f"{refusal}: {X!r}"
                continue
            assert table is not None, f"{method} accepted {X!r}"
            if method == "predict":
                assert np.isfinite(result).all()
                assert_allclose(result, model.predict(table), rtol=1e-6, atol=1e-9)
    for model, result in zip(fitted, expected, strict=True):
        model.fit(sound, y > 0 if "Classifier" in type(model).__name__ else y)
        assert_array_equal(model.predict(sound), result)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
