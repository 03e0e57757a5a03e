"""What can be wrong with an argument: it must be an error that names the cause."""

import datetime as dt
from collections import namedtuple

import numpy as np
import pandas as pd
import polars as pl
from scipy import sparse as sp

from skgd import GDRegressor

# what is wrong, how it is made, and of which parts the error must have one
Fault = namedtuple("Fault", "name damage patterns")


def _with(value):
    def damage(X, rng):
        X = np.array(X, dtype=float)
        X[rng.randint(X.shape[0]), rng.randint(X.shape[1])] = value
        return X

    return damage


def _objects_with(value):
    def damage(X, rng):
        X = X.astype(object)
        X[rng.randint(X.shape[0]), rng.randint(X.shape[1])] = value
        return X

    return damage


NOT_A_TABLE = [r"2D array", r"array", r"at least", r"scalar", r"X must", r"sequence"]
NO_NUMBER = [r"float|number|numeric|column|Column|dtype|object|convert"]
FAULTS_OF_X = [
    Fault("NaN", _with(np.nan), [r"NaN"]),
    Fault("infinity", _with(np.inf), [r"infinity"]),
    Fault("negative infinity", _with(-np.inf), [r"infinity"]),
    Fault("None", _objects_with(None), [r"NaN|None|gaps"]),
    Fault("NA", _objects_with(pd.NA), [r"NaN|NA|gaps"]),
    Fault("text", _objects_with("spam"), [r"text|string|convert"]),
    Fault("bytes", _objects_with(b"\xff"), NO_NUMBER),
    Fault("a list", _objects_with([1, 2]), NO_NUMBER),
    Fault("an object", _objects_with(object()), NO_NUMBER),
    Fault("a date", _objects_with(dt.date(2020, 1, 2)), [r"date|float"]),
    Fault("complex", lambda X, rng: X + 1j, [r"[Cc]omplex"]),
    Fault("an imaginary object", _objects_with(1j), [r"[Cc]omplex"]),
    Fault("huge int", _objects_with(10**400), [r"too large|infinity|int too"]),
    Fault(
        "masked",
        lambda X, rng: np.ma.masked_array(X, mask=np.ones(X.shape, dtype=bool)),
        [r"mask"],
    ),
    Fault("dates", lambda X, rng: np.full(X.shape, "2020", "datetime64[D]"), [r"date"]),
    Fault("times", lambda X, rng: np.full(X.shape, 3, "timedelta64[s]"), [r"duration"]),
    Fault("void", lambda X, rng: np.zeros(X.shape, "V8"), NO_NUMBER),
    Fault("record", lambda X, rng: np.zeros(len(X), "f8,f8"), NO_NUMBER + NOT_A_TABLE),
    Fault("one dimension", lambda X, rng: X.ravel(), [r"2D array"]),
    Fault("three dimensions", lambda X, rng: X[np.newaxis], [r"dim 3|2D array"]),
    Fault("scalar", lambda X, rng: np.float64(X[0, 0]), NOT_A_TABLE),
    Fault("no rows", lambda X, rng: X[:0], [r"0 sample|minimum of 1"]),
    Fault("no columns", lambda X, rng: X[:, :0], [r"0 feature|minimum of 1"]),
    Fault("ragged", lambda X, rng: [*X.tolist(), [1.0] * 9], [r"inhomogeneous|shape"]),
    Fault("nothing", lambda X, rng: None, [r"2D array"]),
    Fault("name", lambda X, rng: "spam", NOT_A_TABLE),
    Fault("dict", lambda X, rng: {"a": 1}, NOT_A_TABLE + NO_NUMBER),
    Fault("generator", lambda X, rng: (row for row in X), NOT_A_TABLE + NO_NUMBER),
    Fault("set", lambda X, rng: {1, 2}, NOT_A_TABLE + NO_NUMBER),
    Fault("function", lambda X, rng: len, NOT_A_TABLE + NO_NUMBER),
    Fault("class", lambda X, rng: GDRegressor, NOT_A_TABLE + NO_NUMBER),
    Fault("rows lost", lambda X, rng: np.vstack([X, X]), [r"inconsistent"]),
    Fault("lazy", lambda X, rng: pl.DataFrame(X).lazy(), [r"LazyFrame"]),
    Fault("sparse NaN", lambda X, rng: sp.csr_array(_with(np.nan)(X, rng)), [r"NaN"]),
    Fault("sparse inf", lambda X, rng: sp.coo_array(_with(np.inf)(X, rng)), [r"inf"]),
    Fault("sparse complex", lambda X, rng: sp.csr_array(X + 1j), [r"[Cc]omplex"]),
]


def _y_with(value):
    def damage(y, rng):
        y = np.array(y, dtype=object)
        y[rng.randint(len(y))] = value
        return y

    return damage


OF_Y = [r"\by\b", r"targets?", r"labels?|class"]
FAULTS_OF_Y = [
    Fault("NaN", _y_with(np.nan), [r"NaN"]),
    Fault("None", _y_with(None), [r"None|NaN"]),
    Fault("NA", _y_with(pd.NA), OF_Y + [r"NaN|NA"]),
    Fault("a list", _y_with([1, 2]), OF_Y),
    Fault("an object", _y_with(object()), OF_Y),
    Fault("a date", _y_with(dt.date(2020, 1, 2)), OF_Y),
    Fault("complex", lambda y, rng: y + 1j, [r"[Cc]omplex"]),
    Fault("no rows", lambda y, rng: y[:0], [r"inconsistent|0 sample|y"]),
    Fault("more rows", lambda y, rng: np.tile(y, 2), [r"inconsistent"]),
    Fault("three dimensions", lambda y, rng: y.reshape(-1, 1, 1), [r"\by\b|dim 3"]),
    Fault("nothing", lambda y, rng: None, [r"\by\b"]),
    Fault("scalar", lambda y, rng: 3.0, OF_Y + [r"scalar|Singleton"]),
    Fault("name", lambda y, rng: "spam", OF_Y + [r"scalar|Singleton|inconsistent"]),
    Fault("dict", lambda y, rng: {"a": 1}, OF_Y + [r"inconsistent|dict|dimension"]),
    Fault("generator", lambda y, rng: (v for v in y), OF_Y + [r"generator"]),
    Fault("function", lambda y, rng: len, OF_Y + [r"function|Expected sequence"]),
    Fault("dates", lambda y, rng: np.full(len(y), "2020", "M8[D]"), OF_Y + [r"date"]),
    Fault("void", lambda y, rng: np.zeros(len(y), "V8"), OF_Y),
]
# dates and objects are labels like any other, if they can be sorted
LABELS_TOO = {"a date", "dates", "an object"}

OF_WEIGHTS = [r"sample_weight|[Ss]ample weights"]
FAULTS_OF_WEIGHTS = [
    Fault("NaN", _y_with(np.nan), OF_WEIGHTS),
    Fault("None", _y_with(None), OF_WEIGHTS),
    Fault("infinity", _y_with(np.inf), OF_WEIGHTS),
    Fault("negative", _y_with(-1.0), OF_WEIGHTS),
    Fault("text", _y_with("a"), OF_WEIGHTS),
    Fault("complex", lambda w, rng: w + 1j, OF_WEIGHTS + [r"[Cc]omplex"]),
    Fault("zeros", lambda w, rng: 0 * w, OF_WEIGHTS),
    Fault("too many", lambda w, rng: np.tile(w, 2), OF_WEIGHTS),
    Fault("none", lambda w, rng: w[:0], OF_WEIGHTS),
    Fault("two dimensions", lambda w, rng: np.column_stack([w, w]), OF_WEIGHTS),
    Fault("huge int", _y_with(10**400), OF_WEIGHTS),
    Fault("name", lambda w, rng: "balanced", OF_WEIGHTS),
    Fault("dict", lambda w, rng: {0: 1.0}, OF_WEIGHTS),
    Fault("function", lambda w, rng: len, OF_WEIGHTS),
    Fault("negative number", lambda w, rng: -1, OF_WEIGHTS),
    Fault("NaN alone", lambda w, rng: np.nan, OF_WEIGHTS),
    Fault("dates", lambda w, rng: np.full(len(w), "2020", "M8[D]"), OF_WEIGHTS),
    Fault("sparse", lambda w, rng: sp.csr_array(w[:, np.newaxis]), OF_WEIGHTS),
]
# the other damages are cells that these estimators can use
FAULTS_OF_TABLES = [
    fault
    for fault in FAULTS_OF_X
    if fault.name
    in {
        *("complex", "an imaginary object", "one dimension", "three dimensions"),
        *("scalar", "no rows", "no columns", "ragged", "nothing", "name", "dict"),
        *("generator", "set", "function", "class", "rows lost", "lazy"),
        *("huge int", "masked", "void", "record", "infinity", "NaN", "None", "text"),
    }
]
OF_TABLES = [r"rows|samples|columns|cv\b", "each column has a single value"]
