"""What each column of a table contains: the only place that decides it.

All kinds of tables are described in the same way: DataFrames of pandas and polars,
arrays, lists and sparse matrices. Most types of columns say by themselves what they
contain. Only the distinct values of the other columns are looked at, and of those that
are text, a sample decides whether they are worth a closer look.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real

import numpy as np
from scipy import sparse as sp

from .dates import find_format, is_date, is_duration, is_missing
from .missing import check_not_masked

KINDS = (
    "number",
    "boolean",
    "category",  # of a type for categories, whatever its levels are
    "text",  # short texts, some of which are repeated
    "number as text",
    "date",
    "date as text",
    "duration",
    "identifier",  # texts of which hardly any is repeated
    "long text",
    "object",  # values of several types, or of other types
)
# The beginning of the names of dtypes in NumPy, pandas, PyArrow and polars.
DTYPES = {
    "category": r"categor|enum|dictionary",
    "boolean": r"bool",
    "number": r"u?int\d|float|double|half|decimal",
    "date": r"date|timestamp|period",
    "duration": r"timedelta|duration",
    "object": r"time|list|large_list|array|struct|binary|interval|complex|map|bytes",
}
# The number of texts that are examined before it is worth to examine all of them.
SAMPLED = 1000
# Text is an identifier if this share of the values, or more, is distinct. A few rows
# cannot show this.
DISTINCT, FEWEST_ROWS = 0.9, 50
# The mean number of words of long texts, if more than half of them are distinct.
WORDS, HALF = 5, 0.5
N_STRAYS = 3


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name : str or int
        The name, or the position if the names are not distinct texts.
    position : int
        The position in the table.
    kind : str
        What the column contains, one of `KINDS`.
    has_missing : bool, default=False
        Whether there are missing values: NaN, None, NaT or `pandas.NA`.
    has_infinity : bool, default=False
        Whether there are infinite numbers.
    n_levels : int or None, default=None
        The number of distinct values, if they were counted: for text and categories.
    has_na : bool, default=False
        Whether the conversion of the column to an array contains `pandas.NA`.
    strays : tuple of str, default=()
        The first texts that are no numbers in a column of kind 'number as text'.
    dtype : str, default=''
        The name of the dtype, which is that of NumPy, pandas or polars.
    """

    name: object
    position: int
    kind: str
    has_missing: bool = False
    has_infinity: bool = False
    n_levels: int | None = None
    has_na: bool = False
    strays: tuple = ()
    dtype: str = ""


def check_eager(X):
    """Check that X is no query that has not been executed.

    Parameters
    ----------
    X : object
        The features.

    Raises
    ------
    TypeError
        If X is a LazyFrame.
    """
    check_not_masked(X, "X")
    if type(X).__name__ == "LazyFrame":
        raise TypeError(
            "X is a LazyFrame, which does not contain any data yet. Pass X.collect() "
            "instead."
        )


def columns_of(X):
    """Find out what each column of a table contains.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        The table. DataFrames are those of pandas and polars.

    Returns
    -------
    columns : list of Column
        The columns in their order; an empty list if X does not have two dimensions.

    Raises
    ------
    TypeError
        If X is a LazyFrame.
    """
    check_eager(X)
    if sp.issparse(X):
        return _sparse_columns(X)
    return [
        Column(name, position, dtype=str(values.dtype), **_contents(values))
        for position, (name, values) in enumerate(series_of(X))
    ]


def series_of(X):
    """Take a dense table apart.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_samples, n_features)
        The table.

    Returns
    -------
    series : list of tuple
        The name and the values of each column. The name is a position if the names are
        not distinct texts.
    """
    if is_frame(X):
        names = list(X.columns)
        named = all(isinstance(name, str) for name in names)
        named = named and len(set(names)) == len(names)
        take = X.to_series if hasattr(X, "to_series") else lambda j: X.iloc[:, j]
        return [(name if named else j, take(j)) for j, name in enumerate(names)]
    if not isinstance(X, np.ndarray):
        X = np.array(X, dtype=object)
    return [(j, X[:, j]) for j in range(X.shape[1])] if X.ndim == 2 else []


def is_frame(X):
    """Whether X is a DataFrame of pandas or polars.

    Parameters
    ----------
    X : object
        A table.

    Returns
    -------
    frame : bool
        Whether it has columns with types of their own.
    """
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def dtypes_of(X):
    """The dtypes of a table, without a look at all its values.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        The table.

    Returns
    -------
    dtypes : set
        The dtypes of its columns, and those of the levels of categories. For lists,
        they are those of the first row.
    """
    if is_frame(X):
        dtypes = set(X.dtypes)
        levels = [getattr(dtype, "categories", None) for dtype in dtypes]
        return dtypes | {level.dtype for level in levels if hasattr(level, "dtype")}
    if isinstance(X, list | tuple):
        first = X[0] if len(X) and isinstance(X[0], list | tuple | np.ndarray) else ()
        return {getattr(value, "dtype", np.dtype(object)) for value in first}
    return {X.dtype} if hasattr(X, "dtype") else set()


def numbers_stored_as_text(X):
    """Find columns with text in a table whose conversion to numbers has succeeded.

    Only some of the rows are examined.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        The table.

    Returns
    -------
    names : list of str or int
        The names or positions of these columns.
    """
    if not any(kind_of_dtype(dtype) in (None, "category") for dtype in dtypes_of(X)):
        return []
    if isinstance(X, list | tuple):
        X = X[:1]
    names = []
    for name, values in series_of(X):
        if kind_of_dtype(values.dtype) in (None, "category"):
            rows = _sample(getattr(values, "iloc", values), len(values))
            if any(isinstance(value, str | bytes) for value in rows):
                names.append(name)
    return names


def kind_of_dtype(dtype):
    """What a column of a dtype contains, if the dtype determines it.

    Parameters
    ----------
    dtype : dtype of NumPy, pandas or polars
        The dtype.

    Returns
    -------
    kind : str or None
        One of `KINDS`; None for text and for objects.
    """
    if str(dtype) == "Object":  # of polars
        return "object"
    name = str(dtype).lower().removeprefix("sparse[")
    return next((k for k, begin in DTYPES.items() if re.match(begin, name)), None)


def as_floats(values):
    """Convert a column of numbers to float64, as scikit-learn does.

    Parameters
    ----------
    values : Series or ndarray of shape (n_samples,)
        Numbers of any type.

    Returns
    -------
    numbers : ndarray of shape (n_samples,), float64
        The numbers; missing values are NaN.
    """
    if hasattr(values, "null_count"):  # polars
        return values.cast(float).to_numpy()
    if hasattr(values, "iloc"):  # pandas
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    try:
        try:
            return np.asarray(values, dtype=np.float64)
        except TypeError:  # of pandas.NA, of which NumPy makes no number
            known = [np.nan if is_missing(value) else value for value in values]
            return np.asarray(known, dtype=np.float64)
    except OverflowError as error:  # of Python's integers, which have no limit
        raise ValueError(f"A column of X is too large for float64: {error}.") from None


def _sparse_columns(X):
    X = X.tocoo()
    columns = [Column(j, j, "number") for j in range(X.shape[1])]
    wrong = ~np.isfinite(X.data)
    missing = set(X.col[np.isnan(X.data)].tolist())
    for j in np.unique(X.col[wrong]).tolist():
        infinite = bool(np.isinf(X.data[X.col == j]).any())
        columns[j] = Column(j, j, "number", j in missing, infinite)
    return columns


def _contents(values):
    # the fields of a column after its name and its position
    kind = kind_of_dtype(values.dtype)
    if kind in ("number", "boolean"):
        return {"kind": kind, **_gaps(values, kind)}
    if kind in ("date", "duration", "object"):
        return {"kind": kind, "has_missing": _n_missing(values) > 0}
    levels = distinct(values)
    present = [level for level in levels if not is_missing(level)]
    missing = {"has_missing": len(present) < len(levels)}
    missing["has_na"] = any(type(level).__name__ == "NAType" for level in levels)
    missing["has_na"] |= _is_arrow(values) and missing["has_missing"]
    if kind == "category":
        mixed = len({isinstance(level, str) for level in present}) > 1
        kind = "object" if mixed else "category"
        return {"kind": kind, "n_levels": len(present), **missing}
    found = _kind_of_values(present, lambda: len(values) - _n_missing(values))
    found["has_missing"] = found.get("has_missing", False) or missing["has_missing"]
    return {**missing, **found}


def _gaps(values, kind):
    # numbers that are not finite, in a column of a type for numbers
    name = str(values.dtype).lower()
    gaps = {"has_missing": _n_missing(values) > 0}
    if kind == "number" and not re.match(r"(sparse\[)?u?int", name):
        numbers = as_floats(values)
        gaps["has_infinity"] = bool(np.isinf(numbers).any())
        gaps["has_missing"] = bool(np.isnan(numbers).any())
    # only numbers that pandas can convert lose their NA
    gaps["has_na"] = gaps["has_missing"] and "decimal" in name and _is_arrow(values)
    return gaps


def _is_arrow(values):
    return "pyarrow" in str(getattr(values, "dtype", "")) and hasattr(values, "iloc")


def _n_missing(values):
    if hasattr(values, "null_count"):  # polars
        return values.null_count()
    if hasattr(values, "isna"):  # pandas
        return int(values.isna().sum())
    if values.dtype.kind in "mM":
        return int(np.isnat(values).sum())
    if values.dtype == object:
        return sum(map(is_missing, values.tolist()))
    return int(np.sum(values != values))


def distinct(values):
    """List the distinct values of a column.

    Parameters
    ----------
    values : Series or ndarray of shape (n_samples,)
        The values.

    Returns
    -------
    levels : list
        The distinct values in the order of their first rows, missing ones included.
    """
    try:
        if hasattr(values, "null_count"):  # polars
            return values.unique(maintain_order=True).to_list()
        if hasattr(values, "unique"):  # pandas
            return values.unique().tolist()
        return list(dict.fromkeys(values.tolist()))
    except TypeError:  # values that cannot be hashed
        return list(values)


def _kind_of_values(levels, count):
    # the kind of distinct values that are present; count: the number of their rows
    types = set(map(type, levels))

    def all_are(*classes):
        return all(issubclass(t, classes) for t in types)

    if types and all_are(bool, np.bool_):
        return {"kind": "boolean"}
    if all_are(Real, Decimal, np.bool_):
        return {"kind": "number", "has_infinity": any(map(_is_infinite, levels))}
    if all(map(is_date, levels)):
        return {"kind": "date"}
    if all(map(is_duration, levels)):
        return {"kind": "duration"}
    if not all_are(str, Real, Decimal):
        return {"kind": "object"}
    texts = [level for level in levels if isinstance(level, str)]
    numbers = _numbers_in(texts, len(levels) - len(texts))
    if numbers is not None:
        return numbers
    if len(texts) < len(levels):
        return {"kind": "object"}
    return {"kind": _kind_of_texts(texts, count()), "n_levels": len(texts)}


def _is_infinite(number):
    return bool(number in (float("inf"), float("-inf")))


def _sample(values, n):
    return values[:: max(1, n // SAMPLED)]


def _numbers_in(texts, n_others):
    # texts are numbers if at least half of them can be converted; the others may be
    # signs such as '?'; texts such as '01099' are codes
    sample = _sample(texts, len(texts))
    if any(re.fullmatch(r"0\d+", text) for text in sample):
        return None
    n_numbers = sum(as_number(text) is not None for text in sample)
    if 2 * (n_numbers + n_others) < len(sample) + n_others or not n_numbers:
        return None
    strays = []
    try:
        numbers = np.array(texts, dtype=np.float64)
    except ValueError:
        strays = [text for text in texts if as_number(text) is None]
        known = set(strays)
        numbers = np.array([t for t in texts if t not in known], dtype=np.float64)
    return {
        "kind": "number as text",
        "has_missing": bool(np.isnan(numbers).any()),
        "has_infinity": bool(np.isinf(numbers).any()),
        "strays": tuple(strays[:N_STRAYS]),
    }


def as_number(value):
    """Convert a value, which may be text, to a number.

    Parameters
    ----------
    value : object
        The value.

    Returns
    -------
    number : float or None
        The number; None if the value is not a number.
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _kind_of_texts(texts, n_rows):
    sample = _sample(texts, len(texts))
    if find_format(sample[:1]) and find_format(sample) and find_format(texts):
        return "date as text"
    n_words = np.mean([len(text.split()) for text in sample])
    if n_words >= WORDS and len(texts) > HALF * n_rows:
        return "long text"
    if n_rows >= FEWEST_ROWS and len(texts) >= DISTINCT * n_rows:
        return "identifier"
    return "text"
