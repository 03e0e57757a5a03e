"""Errors about data that are not finite numbers, and a pipeline that prepares them."""

import json
from datetime import date
from numbers import Real

import numpy as np
from scipy import sparse as sp
from sklearn.base import is_classifier
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

# An error message names at most this many columns of a kind, and so does its pipeline.
NAMED = 5
# The number of values that are examined to find out whether most texts are numbers.
SAMPLED_TEXTS = 1000
# Parts of the errors of scikit-learn, NumPy and pandas for such data.
SYMPTOMS = (
    "Input X contains NaN",
    "Input X contains infinity",
    "could not convert",
    "could not be promoted",
    "float() argument must be",
)
HEADINGS = {
    "text": "text or categories",
    "dates": "dates",
    "gaps": "gaps (NaN)",
    "infinite": "infinity",
    "other": "values of several types, or objects",
}
# what to do first with the kinds of columns for which there is no pipeline
ADVICE = {
    "infinite": (
        "Infinity has to be replaced first, for example by NaN: with pandas, by "
        "X.replace([np.inf, -np.inf], np.nan), and otherwise by "
        "np.where(np.isinf(X), np.nan, X)."
    ),
    "other": (
        "With pandas, first make numbers of the last ones, by "
        'pandas.to_numeric(X[column], errors="coerce"), or categories, by '
        'X[column].astype(str).astype("category").'
    ),
}
ENCODER = 'OneHotEncoder(handle_unknown="ignore", sparse_output=False)'
IMPUTER = 'SimpleImputer(strategy="median", add_indicator=True)'
# When dates are converted to numbers, missing dates become NaN.
DAYS = f"""
def days(dates):
    since = np.asarray(dates, dtype="datetime64[s]") - np.datetime64("2000-01-01")
    return since / np.timedelta64(1, "D")


date_steps = make_pipeline(
    FunctionTransformer(days),
    {IMPUTER},
)
"""
IMPORTS = {
    "sklearn.compose": ("make_column_selector", "make_column_transformer"),
    "sklearn.impute": ("SimpleImputer",),
    "sklearn.pipeline": ("make_pipeline",),
    "sklearn.preprocessing": ("FunctionTransformer", "OneHotEncoder"),
}


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
    """
    try:
        checked = validate_data(estimator, X, *y, **checks)
        if checks.get("y_numeric") and checked[1].dtype.kind in "US":
            # scikit-learn converts objects, but not text
            return checked[0], checked[1].astype(np.float64)
        return checked
    except (TypeError, ValueError) as error:
        if not any(symptom in str(error) for symptom in SYMPTOMS):
            raise
        found = find_columns(X)
        if not found:
            if checks.get("y_numeric") and _as_numbers(np.asarray(*y)) is None:
                text = f"{error}\n\n{describe_targets(estimator, *y)}"
                raise type(error)(text) from None
            raise
        text = f"{error}\n\n{describe(estimator, X, found, incremental)}"
        # no pipeline is suggested for other objects, so a TypeError remains a TypeError
        no_cure = "other" in found and isinstance(error, TypeError)
        raise (TypeError if no_cure else ValueError)(text) from None


def find_columns(X):
    """Find the columns that are not numeric or contain NaN or infinity.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame
        The features.

    Returns
    -------
    found : dict of str to list
        The columns of each kind, which is a key of `HEADINGS`. They are names if X has
        names that are all strings, and numbers otherwise.
    """
    found = {}
    for name, kind in _kinds(X):
        if kind is not None:
            found.setdefault(kind, []).append(name)
    return {kind: found[kind] for kind in HEADINGS if kind in found}


def _kinds(X):
    # the name or the number of each column, with its kind
    if sp.issparse(X):
        X = X.tocoo()
        columns = np.unique(X.col[~np.isfinite(X.data)]).tolist()
        return [(j, _kind_of_numbers(X.data[X.col == j])) for j in columns]
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        names = list(X.columns)
        if len(set(names)) < len(names):
            return []
        named = all(isinstance(name, str) for name in names)
        return [(c if named else j, _kind(X[c])) for j, c in enumerate(names)]
    if not isinstance(X, np.ndarray):
        X = np.array(X, dtype=object)
    if X.ndim != 2:
        return []
    return [(j, _kind(X[:, j])) for j in range(X.shape[1])]


def _kind(column):
    # the kind of a Series or an array: a key of HEADINGS, or None for numbers without
    # gaps
    values = np.asarray(column)
    by_dtype = {"M": "dates", "m": "other", "b": None, "i": None, "u": None}
    if values.dtype.kind in by_dtype:
        return by_dtype[values.dtype.kind]
    if values.dtype.kind == "f":
        return _kind_of_numbers(values)
    values = values.astype(object)
    types = set(map(type, values))
    missing = {t for t in types if t.__name__ in ("NoneType", "NAType", "NaTType")}
    rest = types - missing
    if rest and all(issubclass(t, date) or t.__name__ == "Period" for t in rest):
        return "dates"
    numbers = _as_numbers(column)
    if numbers is not None:
        return _kind_of_numbers(numbers)
    if str not in rest or any(t.__name__ == "NAType" for t in missing):
        return "other"  # the encoder does not accept pandas.NA
    present = [value for value in values if isinstance(value, str)]
    n_nan = sum(isinstance(value, float) and value != value for value in values)
    n_missing = n_nan + sum(type(value) in missing for value in values)
    if len(present) + n_missing < len(values):
        return "other"
    if str(column.dtype).lower() in ("category", "categorical", "enum"):
        return "text"
    # if at least half of the texts are numbers, the others may be signs such as '?'
    sample = present[:SAMPLED_TEXTS]
    n_numbers = sum(_as_numbers([value]) is not None for value in sample)
    return "other" if 2 * n_numbers >= len(sample) else "text"


def _kind_of_numbers(values):
    if np.isinf(values).any():
        return "infinite"
    return "gaps" if np.isnan(values).any() else None


def _as_numbers(column):
    # convert a column as scikit-learn does; None if this fails
    try:
        if hasattr(column, "to_numpy") and hasattr(column, "isna"):
            extension = not isinstance(column.dtype, np.dtype)
            if extension and column.isna().any():
                return column.astype("float64").to_numpy()
        return np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        return None


def describe(estimator, X, found, incremental=False):
    """Describe which columns are not numeric, and how a pipeline prepares them.

    Parameters
    ----------
    estimator : object
        The estimator that gets the data.
    X : array-like, sparse matrix or DataFrame
        The features.
    found : dict of str to list
        The result of `find_columns`.
    incremental : bool, default=False
        Whether the data are a piece of a stream.

    Returns
    -------
    text : str
        Some lines of text, which usually end with Python code.
    """
    name = type(estimator).__name__
    lines = [f"Columns that {name} cannot use as they are:"]
    lines += [f"    {HEADINGS[kind]}: {_listed(cols)}" for kind, cols in found.items()]
    advice = [text for kind, text in ADVICE.items() if kind in found]
    if advice:
        return "\n".join(lines + advice)
    code = f"preprocess = {_preprocess(X, found)}"
    if incremental:
        classes = ", classes=np.unique(y)" if is_classifier(estimator) else ""
        code += ".fit(X)\n"
        code += f"model = {name}()\n"
        code += f"model.partial_fit(preprocess.transform(X), y{classes})"
        lines += ["Prepare them, every piece of the stream as the first one:\n"]
    else:
        code += f"\nmodel = make_pipeline(preprocess, {name}()).fit(X, y)"
        lines += ["A pipeline prepares them, in `fit` and in `predict`:\n"]
    if "dates" in found:
        code = DAYS + code
    return "\n".join([*lines, _imports(code, estimator), code])


def describe_targets(estimator, y):
    """Describe what is wrong with the target of a regression that is not numeric.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator that gets the data.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        The target.

    Returns
    -------
    text : str
        A line of text.
    """
    text = f"The target y of {type(estimator).__name__} must be numeric."
    values = np.asarray(y, dtype=object).ravel()
    if any(isinstance(value, str) for value in values):
        kinds = {"linear": "GDClassifier", "network": "MLPGDClassifier"}
        text += f" If y contains classes, use {kinds[estimator._kind]}."
    return text


def _listed(columns):
    text = ", ".join(map(repr, columns[:NAMED]))
    n_more = len(columns) - NAMED
    return f"{text} and {n_more} more" if n_more > 0 else text


def _preprocess(X, found):
    # Python code that makes a transformer for all columns
    rest = IMPUTER if "gaps" in found else '"passthrough"'
    if found.keys() == {"gaps"}:
        return IMPUTER
    parts = []
    if "text" in found:
        parts += [f"({ENCODER}, {_selection(X, found['text'])})"]
    if "dates" in found:
        parts += [f"(date_steps, {_selection(X, found['dates'])})"]
    parts = "".join(f"    {part},\n" for part in parts)
    return f"make_column_transformer(\n{parts}    remainder={rest},\n)"


def _selection(X, columns):
    # Python code that selects columns by their names, or by their types if it can
    numbers = ["number", "bool"]
    many = len(columns) > NAMED and hasattr(X, "select_dtypes")
    if many and list(X.select_dtypes(exclude=numbers)) == columns:
        return f"make_column_selector(dtype_exclude={json.dumps(numbers)})"
    return json.dumps(columns, ensure_ascii=False)


def _imports(code, estimator):
    # the names that the code uses
    lines = ["import numpy as np"] if "np." in code else []
    for module, names in IMPORTS.items():
        used = ", ".join(name for name in names if f"{name}(" in code)
        lines += [f"from {module} import {used}"] if used else []
    name, module = type(estimator).__name__, type(estimator).__module__
    module = "skgd" if module.startswith("skgd.") else module
    return "\n".join([*lines, f"from {module} import {name}\n"])


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
    n = X.shape[0]
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n, sample_weight)
    weights = check_array(
        sample_weight,
        ensure_2d=False,
        dtype=X.dtype,
        order="C",
        input_name="sample_weight",
    )
    if weights.ndim != 1:
        raise ValueError("Sample weights must be 1D array or scalar")
    if weights.shape != (n,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n,)}!")
    if (weights < 0).any():
        raise ValueError("Negative values in data passed to `sample_weight`")
    if not weights.any():
        raise NoWeight("Sample weights must contain at least one non-zero number.")
    return weights


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
    if X.nnz and not (X.indices.min() >= 0 and X.indices.max() < X.shape[1]):
        raise ValueError(
            "The column indices of a sparse matrix must be from 0 to "
            f"{X.shape[1] - 1}. Got {X.indices.min()} to {X.indices.max()}."
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
