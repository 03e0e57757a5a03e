"""The features and the weights of a call, checked and converted for compiled code."""

from numbers import Real

import numpy as np
from scipy import sparse as sp
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from .._engine.sparse_arrays import check_sparse
from .._rules.warn import warn
from .advice import (
    describe,
    describe_huge_integers,
    describe_targets,
    describe_text,
    find_columns,
)
from .columns import (
    check_eager,
    dtypes_of,
    kind_of_dtype,
    numbers_stored_as_text,
)
from .missing import check_not_masked

DATES = "Input X contains dates or durations, which are not numbers."
# The least mean of sample weights; the reciprocal is the largest one.
LEAST_WEIGHT = {"float32": 1e-15, "float64": 1e-100}
# Parts of the errors of scikit-learn, NumPy and pandas for data that are not numbers.
SYMPTOMS = (
    DATES,
    "Input X contains NaN",
    "Input X contains infinity",
    "could not convert",
    "could not be promoted",
    "float() argument must be",
    "boolean value of NA is ambiguous",
    "Cannot cast",
    "setting an array element",
)


def validate_features(estimator, X, *y, incremental=False, **checks):
    """Call `validate_data`, and explain errors about data that are no finite numbers.

    These columns are searched for only after scikit-learn has raised an error.

    Parameters
    ----------
    estimator : object
        The estimator that gets the data.
    X : array-like, sparse matrix or DataFrame
        The features.
    *y : array-like
        The target, or nothing.
    incremental : bool, default=False
        Whether the data are a piece of a stream, for `partial_fit`.
    **checks : dict
        Keywords of `validate_data`.

    Returns
    -------
    out : ndarray, CSR or tuple of them
        X, or X and y, checked.

    Raises
    ------
    ValueError or TypeError
        With the message of scikit-learn, and below it the columns of each kind and
        the lines of a pipeline that prepares them, or what is wrong with the target.

    Warns
    -----
    UserWarning
        If a new training gets numbers that are stored as text.
    """
    check_eager(X)
    for values in y:
        check_not_masked(values, "y")
    X, y = check_sparse(X), [check_sparse(values, "y") for values in y]
    try:
        # NumPy would make numbers of dates, in units that depend on their type
        if _has_dates(X):
            raise ValueError(DATES)
        if checks.get("y_numeric") and _has_dates(*y):
            raise ValueError(describe_targets(estimator, *y))
        # (the sum by which scikit-learn looks for NaN may overflow)
        with np.errstate(over="ignore", invalid="ignore"):
            checked = validate_data(estimator, X, *y, **checks)
        kind = checked[1].dtype.kind if checks.get("y_numeric") else ""
        if kind and kind in "mMV":  # in a list, or records
            raise ValueError(describe_targets(estimator, *y))
        if kind and kind in "US":  # scikit-learn converts objects, but not text
            checked = checked[0], checked[1].astype(np.float64)
    except OverflowError:  # of Python's integers, which have no limit
        raise ValueError(describe_huge_integers(X)) from None
    except (TypeError, ValueError) as error:
        if not any(symptom in str(error) for symptom in SYMPTOMS):
            raise
        found = find_columns(X)
        if not found:
            if checks.get("y_numeric") and not is_numeric(*y):
                text = f"{error}\n\n{describe_targets(estimator, *y)}"
                raise type(error)(text) from None
            if "X" in str(error):
                raise
            raise type(error)(f"X must be a table of numbers: {error}") from None
        text = f"{error}\n\n{describe(estimator, X, found, incremental)}"
        # no pipeline is suggested for other objects, so a TypeError remains a TypeError
        no_cure = "other" in found and isinstance(error, TypeError)
        raise (TypeError if no_cure else ValueError)(text) from None
    if y and checks.get("reset", True) and (names := numbers_stored_as_text(X)):
        warn(describe_text(names))
    return checked


def _has_dates(table):
    kinds = {kind_of_dtype(dtype) for dtype in dtypes_of(table)}
    return not kinds.isdisjoint({"date", "duration"})


def is_numeric(y):
    """Check whether targets are numbers, possibly stored as objects or as text.

    Parameters
    ----------
    y : array-like
        The targets.

    Returns
    -------
    numeric : bool
        False for text that contains no numbers, and for dates.
    """
    try:
        values = np.asarray(y)
        if values.dtype.kind in "mM":  # NumPy would make numbers of them
            return False
        values.astype(np.float64)
    except (OverflowError, TypeError, ValueError):
        return False
    return True


class NoWeight(ValueError):
    """All sample weights are zero."""


def check_weights(sample_weight, X):
    """Check sample weights and convert them to the dtype of X.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), float or None
        The weights that the user passed.
    X : ndarray or CSR of shape (n_samples, n_features)
        The features.

    Returns
    -------
    weights : ndarray of shape (n_samples,) or None
        The weights; None if `sample_weight` is None.

    Raises
    ------
    ValueError
        If the shape is wrong, or if there are NaN or negative weights.
    NoWeight
        If all weights are zero.
    """
    if sample_weight is None:
        return None
    check_not_masked(sample_weight, "sample_weight")
    n = X.shape[0]
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n, sample_weight)
    try:
        if _has_dates(sample_weight):
            raise TypeError("Got dates or durations.")
        with np.errstate(over="ignore"):  # an infinity is an error
            weights = check_array(
                sample_weight,
                ensure_2d=False,
                dtype=X.dtype,
                order="C",
                input_name="sample_weight",
            )
    except (OverflowError, TypeError, ValueError) as error:
        if "sample_weight" in str(error):
            raise
        raise ValueError(
            f"sample_weight must be a number or an array of {n} numbers: {error}"
        ) from None
    if weights.ndim != 1:
        raise ValueError(
            "Sample weights must be 1D array or scalar. Got sample_weight of shape "
            f"{weights.shape}."
        )
    if weights.shape != (n,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n,)}!")
    if (weights < 0).any():
        raise ValueError(
            "Negative values in data passed to `sample_weight`: the least is "
            f"{weights.min():g}, all must be >= 0."
        )
    if not weights.any():
        raise NoWeight(
            "Sample weights must contain at least one non-zero number. All values of "
            "sample_weight are zero."
        )
    _check_size(weights)
    return weights


def _check_size(weights):
    with np.errstate(over="ignore"):
        finite = np.isfinite(weights.sum(dtype=np.float64))
    if not finite:
        raise ValueError(
            "The sum of sample_weight must be finite. The largest weight is "
            f"{weights.max():.3g}: only the ratios of weights matter, so divide them."
        )
    # (products with weights must remain numbers with all their digits)
    least = LEAST_WEIGHT[weights.dtype.name]
    if not least <= weights.mean(dtype=np.float64) <= 1 / least:
        raise ValueError(
            f"The mean of sample_weight must be between {least:g} and {1 / least:g} "
            f"in {weights.dtype}. The largest weight is {weights.max():.3g}. Multiply "
            "all weights by the same number."
        )


def as_rows(X):
    """Bring sparse rows to canonical CSR with 32-bit indices, and dense to C order.

    Parameters
    ----------
    X : ndarray or CSR
        Validated features.

    Returns
    -------
    X : ndarray or CSR
        The features in the form that the compiled code reads.
    """
    if not sp.issparse(X):
        return np.ascontiguousarray(X)
    largest = np.iinfo(np.int32).max
    if X.nnz > largest or max(X.shape) > largest:
        raise ValueError(
            f"Sparse data with more than {largest} stored values, rows or columns are "
            f"not supported. Got shape {X.shape} with {X.nnz} stored values."
        )
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    parts = (
        np.ascontiguousarray(X.data),
        np.ascontiguousarray(X.indices, dtype=np.int32),
        np.ascontiguousarray(X.indptr, dtype=np.int32),
    )
    if parts[0] is X.data and parts[1] is X.indices and parts[2] is X.indptr:
        return X
    rows = type(X)(X.shape, dtype=X.dtype)
    rows.data, rows.indices, rows.indptr = parts
    return rows
