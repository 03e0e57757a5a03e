"""Generated data, weights and parameters for the campaign, and what is right for each.

A `Form` is a way to write a table of numbers down; all forms of the same numbers must
give the same model, bit for bit.
"""

import contextlib
import datetime as dt
import io
import re
import signal
import warnings
from collections import namedtuple
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp

from skgd import (
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
    TabularClassifier,
    TabularRegressor,
)
from skgd.activations import ACTIVATIONS
from skgd.initializers import INITIALIZERS
from skgd.optimizers import OPTIMIZERS
from skgd.schedules import SCHEDULES

NETWORK = dict(hidden_layer_sizes=3, max_iter=4)
MODELS = {
    "GDRegressor": (GDRegressor, {}),
    "GDClassifier": (GDClassifier, {}),
    "GDRegressor, batches": (GDRegressor, dict(solver="minibatch", max_iter=20)),
    "GDClassifier, rows": (GDClassifier, dict(solver="sgd", max_iter=20)),
    "MLPGDRegressor": (MLPGDRegressor, NETWORK),
    "MLPGDClassifier": (MLPGDClassifier, NETWORK),
}
# A case that takes longer than this number of seconds counts as a hang.
PATIENCE = 60


def make(name, **params):
    """An estimator that gives the same model each time."""
    kind, options = MODELS[name]
    return kind(
        **{"random_state": 0, "tol": None, "max_iter": 100, **options, **params}
    )


def is_classifier_name(name):
    return "Classifier" in name


# ---------------------------------------------------------------- what happened
class Hang(BaseException):
    """A case took too long."""


@contextlib.contextmanager
def limited(seconds=PATIENCE):
    """Turn an endless loop into an error."""

    def stop(*_):
        raise Hang(f"more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def outcome(call):
    """The result of a call and None, or None and the error that the user sees.

    There must be at most one warning of each kind (of a mistake, and of a training that
    has not converged), and none of NumPy's arithmetic.
    """
    result = error = None
    with (
        limited(),
        warnings.catch_warnings(record=True) as caught,
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("always")
        try:
            result = call()
        except (ValueError, TypeError) as raised:
            error = raised
    texts = [f"{w.category.__name__}: {w.message}" for w in caught]
    kinds = {warning.category for warning in caught}
    assert len(texts) == len(kinds) <= 2, texts
    assert not [text for text in texts if "encountered in" in text], texts
    return result, error


def check_error(error, patterns):
    """The message must match one of the patterns: the cause must be named."""
    text = f"{error}"
    assert any(re.search(pattern, text) for pattern in patterns), (patterns, text)


def published(model):
    """The fitted numbers of a model, by name."""
    names = ("coef_", "intercept_", "coefs_", "intercepts_", "classes_", "loss_curve_")
    found = {name: getattr(model, name) for name in names if hasattr(model, name)}
    return {
        f"{name}{k}": np.asarray(part)
        for name, value in found.items()
        for k, part in enumerate(value if isinstance(value, list) else [value])
    }


def answers(model, X):
    """What the model says of X, by method."""
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    if len(getattr(model, "coefs_", ())) > 1:
        methods = (*methods, "transform")
    return {name: getattr(model, name)(X) for name in methods if hasattr(model, name)}


def check_finite(model, X):
    """Every fitted number and every answer must be finite."""
    for name, values in {**published(model), **answers(model, X)}.items():
        # (the loss of an epoch that diverged stays in the curve, after a warning)
        ignored = (
            "predict_log_proba" if model.n_restarts_ == 0 else ("predict_log", "loss")
        )
        # (classes are what the user has passed)
        assert values.dtype.kind != "O" or name.startswith("classes"), (name, values)
        if values.dtype.kind == "f":
            assert not np.isnan(values).any() or name.startswith("loss"), (name, values)
            if not name.startswith(ignored):
                assert np.isfinite(values).all(), (name, values)
    if hasattr(model, "predict_proba"):
        P = model.predict_proba(X)
        assert (P >= 0).all()
        assert (P <= 1 + 1e-6).all()
        tolerance = 1e-4 if P.dtype == np.float32 else 1e-9
        assert_allclose(P.sum(axis=1), 1, rtol=tolerance)
        chosen = np.searchsorted(model.classes_, model.predict(X))
        likely = P[np.arange(len(P)), chosen]
        assert (likely >= P.max(axis=1) - tolerance).all()
        assert_allclose(np.exp(model.predict_log_proba(X)), P, atol=tolerance)


def check_same(model, expected, X, X_expected):
    """Two models and their answers must be the same in every bit."""
    ours = {**published(model), **answers(model, X)}
    theirs = {**published(expected), **answers(expected, X_expected)}
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        assert_array_equal(values, theirs[name], err_msg=name)


# ---------------------------------------------------------------- tables
Table = namedtuple("Table", "X y labels")


@st.composite
def tables(draw, most_rows=14, extreme=True):
    """Small tables with integers, repeated rows, constant columns and zeros."""
    n = draw(st.integers(1, most_rows))
    d = draw(st.integers(1, 4))
    rng = np.random.RandomState(draw(st.integers(0, 10**6)))
    style = draw(st.sampled_from(["normal", "counts", "zeros", "bits", "repeated"]))
    X = rng.standard_normal((n, d))
    if style == "counts":
        X = rng.poisson(2.0, (n, d)).astype(float)
    elif style == "zeros":
        X = X * (rng.uniform(size=(n, d)) < 0.4)
    elif style == "bits":
        X = rng.randint(2, size=(n, d)).astype(float)
    elif style == "repeated":
        X = X[rng.randint(max(n // 2, 1), size=n)]
    if draw(st.booleans()):
        X[:, draw(st.integers(0, d - 1))] = draw(st.sampled_from([0.0, 1.0, 7.5]))
    y = X @ rng.standard_normal(d) + 0.1 * rng.standard_normal(n)
    n_classes = draw(st.integers(1, 3))
    labels = np.arange(n) % n_classes
    if extreme:
        exponents = st.sampled_from(
            [0, 0, 0, 3, -3, 20, -20, 100, -100, 150, 290, -300]
        )
        X = X * 10.0 ** draw(exponents)
        y = y * 10.0 ** draw(exponents)
    return Table(X, y, labels)


def target_of(table, name):
    return table.labels if is_classifier_name(name) else table.y


# a loss that is not a number, which no parameter has caused
NOT_FINITE = r"not finite at the start of training.*check the targets"
# A table with one of these may be refused, if the message says why.
REFUSALS = [
    r"rescale",
    r"too (large|small)",
    r"classes has to be greater than one",
    r"a minimum of",
    r"contains? infinity",
    r"one class|single class|1 class",
]


# ---------------------------------------------------------------- forms
def _strided(X):
    wide = np.full((2 * X.shape[0], 3 * X.shape[1]), 9.0, dtype=X.dtype)
    wide[::2, ::3] = X
    return wide[::2, ::3]


def _read_only(X):
    X = X.copy()
    X.setflags(write=False)
    return X


def _unaligned(X):
    raw = np.empty(X.nbytes + 1, dtype=np.uint8)[1:].view(X.dtype).reshape(X.shape)
    raw[:] = X
    return raw


def _swapped(X):
    return X.astype(X.dtype.newbyteorder())


class Duck:
    """An object that NumPy converts."""

    def __init__(self, X):
        self.X, self.shape = X, X.shape

    def __array__(self, dtype=None, copy=None):
        return np.array(self.X, dtype=dtype)

    def __len__(self):
        return len(self.X)


class Subclass(np.ndarray):
    """An array of a class of its own."""


FORMS = {
    "fortran": np.asfortranarray,
    "strided": _strided,
    "reversed": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "read-only": _read_only,
    "unaligned": _unaligned,
    "swapped bytes": _swapped,
    "lists": lambda X: X.tolist(),
    "tuples": lambda X: tuple(map(tuple, X.tolist())),
    "list of arrays": lambda X: list(X),
    "objects": lambda X: X.astype(object),
    "longdouble": lambda X: X.astype(np.longdouble),
    "subclass": lambda X: X.view(Subclass),
    "masked without masks": lambda X: np.ma.masked_array(X),
    "memoryview": lambda X: memoryview(np.ascontiguousarray(X)),
    "duck": Duck,
    "pandas": lambda X: pd.DataFrame(X, columns=[f"c{k}" for k in range(X.shape[1])]),
    "pandas objects": lambda X: pd.DataFrame(X).astype(object),
    "pandas Float64": lambda X: pd.DataFrame(X).astype("Float64"),
    "polars": lambda X: pl.DataFrame(X, schema=[f"c{k}" for k in range(X.shape[1])]),
}
# the same for the targets and the weights, which have one dimension
VECTOR_FORMS = {
    "strided": lambda y: np.repeat(y, 2)[::2],
    "reversed": lambda y: np.ascontiguousarray(y[::-1])[::-1],
    "read-only": _read_only,
    "unaligned": _unaligned,
    "swapped bytes": _swapped,
    "list": lambda y: y.tolist(),
    "tuple": lambda y: tuple(y.tolist()),
    "list of scalars": list,
    "objects": lambda y: y.astype(object),
    "masked without masks": lambda y: np.ma.masked_array(y),
    "pandas": lambda y: pd.Series(y, index=np.arange(len(y))[::-1]),
    "pandas objects": lambda y: pd.Series(y).astype(object),
    "pandas nullable": lambda y: pd.Series(y).convert_dtypes(),
    "polars": pl.Series,
}
# forms without the dtype of the numbers, which scikit-learn reads as float64
AS_FLOAT64 = {
    *("lists", "tuples", "list of arrays", "objects", "longdouble", "memoryview"),
    *("duck", "pandas objects", "pandas Float64", "polars", "swapped bytes"),
}
SPARSE_FORMATS = ("csr", "csc", "coo", "bsr", "dia", "dok", "lil")
# dtypes that hold small integers exactly
INTEGER_DTYPES = [np.dtype(code) for code in "bBhHiIlLqQefdg?"]


def sparse_forms(X):
    """The same table as CSR and in another format, with or without duplicates."""
    return st.tuples(
        st.sampled_from(SPARSE_FORMATS),
        st.sampled_from([sp.csr_array, sp.csr_matrix]),
        st.sampled_from(["sound", "unsorted", "64 bits", "explicit zeros"]),
    ).map(lambda drawn: _sparse(X, *drawn))


def _sparse(X, format, kind, detail):
    rows = kind(X)
    if detail == "unsorted":
        for start, stop in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
            rows.indices[start:stop] = rows.indices[start:stop][::-1]
            rows.data[start:stop] = rows.data[start:stop][::-1]
        rows.has_sorted_indices = rows.has_canonical_format = False
    elif detail == "64 bits":
        rows.indices = rows.indices.astype(np.int64)
        rows.indptr = rows.indptr.astype(np.int64)
    return rows.asformat(format)


# ---------------------------------------------------------------- parameters
# values of all types and sizes, most of them wrong for any parameter
VALUES = [
    *(None, True, False, np.True_, 0, 1, 2, 3, 10, -1, 10**30, 10**400, 0.0, 0.5, -0.5),
    *(1.0, 1.5, 1e-300, 5e-324, 1e300, -1e300, np.nan, np.inf, -np.inf, 1j, -0.0),
    *(np.int8(3), np.uint8(200), np.int64(2), np.float32(0.25), np.float16(0.5)),
    *(
        np.longdouble(0.1),
        np.float64(2.0),
        np.array(2),
        np.array([1, 2]),
        np.array(0.5),
    ),
    *(Fraction(1, 3), Decimal("0.5"), "", "spam", "auto", "l2", "adam", "batch"),
    *("relu", b"adam", [], [1], [1, 2], (), (2, 3), [0.1], (-1,), (0,), ["relu"], {}),
    {"a": 1},
    *({1: 2.0}, set(), object(), object, len, GDRegressor, GDRegressor(), range(2)),
    *(
        np.nan * np.ones(2),
        np.array(["a"]),
        slice(3),
        Ellipsis,
        NotImplemented,
        iter([]),
    ),
    *(pd.Series([1.0]), sp.eye(2), dt.date(2020, 1, 1), np.datetime64("2020"), [None]),
]


def values_of(parameter):
    """The values for a parameter, without those that ask for an endless training."""
    endless = [10**30] if parameter in ("max_iter", "n_members") else []
    return [value for value in VALUES if type(value) is not int or value not in endless]


def rules_of(kind):
    """The classes of rules that each parameter of an estimator takes."""
    return {
        name: list(registry.values()) for name, (registry, _) in kind()._rules.items()
    }


# parameters of all estimators that have an effect on the course of a training
OPTIONS = {
    "alpha": ["auto", 0.0, 1e-3, 10.0, 1e30],
    "penalty": ["l1", "l2", "elasticnet", None],
    "solver": ["minibatch", "batch", "sgd"],
    "optimizer": [*OPTIMIZERS, "lbfgs"],
    "batch_size": ["auto", 1, 2, 5, 1000],
    "learning_rate": ["auto", *SCHEDULES, "line_search"],
    "learning_rate_init": [None, 1e-8, 0.01, 1.0, 1e10],
    "clip_norm": [None, 1e-10, 1.0],
    "dropout": [0.0, 0.3, 0.99],
    "batch_norm": [False, True],
    "standardize": [False, True],
    "max_iter": [1, 7],
    "tol": [None, 0.0, 1e-4, 10.0],
    "n_iter_no_change": [1, 3, np.inf],
    "shuffle": [False, True],
    "early_stopping": [False, True, "auto"],
    "validation_fraction": [0.01, 0.5, 0.99],
    "validation_split": [None, 2, 5],
    "average": [False, True, 3, "ema"],
    "warm_start": [False, True],
}
OF_KIND = {
    "linear": {
        "fit_intercept": [False, True],
        "positive": [False, True],
        "solver": ["auto", *OPTIONS["solver"]],
    },
    "network": {
        "hidden_layer_sizes": [(), 1, 5, (3, 2), (1, 1, 1)],
        "activation": sorted(ACTIVATIONS),
        "weight_init": ["auto", *INITIALIZERS],
        "input_dropout": [0.0, 0.5],
        "input_scale": [False, True],
        "num_embedding": [None, "piecewise_linear"],
    },
    "regression": {"loss": ["squared_error", "huber", "absolute_error", "quantile"]},
    "linear classes": {
        "loss": ["log_loss", "hinge", "squared_hinge", "modified_huber", "perceptron"],
        "class_weight": [None, "balanced"],
    },
    "network classes": {"class_weight": [None, "balanced"]},
}


@st.composite
def combinations(draw, name):
    """Up to five parameters of an estimator with values that are allowed."""
    kind = "network" if name.startswith("MLP") else "linear"
    options = OPTIONS | OF_KIND[kind]
    target = f"{kind} classes" if is_classifier_name(name) else "regression"
    options |= OF_KIND[target]
    names = st.lists(st.sampled_from(sorted(options)), max_size=5, unique=True)
    return {key: draw(st.sampled_from(options[key])) for key in draw(names)}


# what an error may name for reasons that are in the data and in several parameters
OF_COMBINATIONS = [
    r"learning_rate",
    r"validation",
    r"early_stopping",
    r"partial_fit",
    r"n_samples|classes",
    r"solver",
    r"diverged|exploded|not finite",
]

# ---------------------------------------------------------------- raw tables
SMALL = dict(n_members=1, hidden_layer_sizes=3, alpha=0.1, random_state=0)
TABLE_MODELS = {
    "TabularRegressor": (TabularRegressor, SMALL),
    "TabularClassifier": (TabularClassifier, SMALL),
}
