"""A raw table as one sparse matrix of numbers."""

import warnings
from numbers import Integral

import numpy as np
from scipy import sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from .._data.columns import as_floats, check_eager, columns_of, is_frame, series_of
from .._data.dates import is_missing
from .._data.knots import hats, knots_of
from .datetimes import PERIODS, DatetimeEncoder
from .piecewise_linear import FEWEST_INTERVALS, n_intervals, names_in

# Standardised numbers are limited to this distance from their mean.
MOST_DEVIATIONS = 5.0
# Words of a long text that fewer rows contain are left out, and so are the less
# frequent words beyond the limit.
FEWEST_TEXTS, MOST_WORDS = 5, 500
# There are not many more hat functions than this, so that an update of a network takes
# no longer for a table with many columns.
MOST_HATS = 4000
TEXTS = "category", "text"
DATES = "date", "date as text", "duration"


class TableEncoder(TransformerMixin, BaseEstimator):
    """Encode a raw table as one sparse matrix of numbers.

    Each column is encoded according to what it contains:

    - Numbers are standardised and limited to five standard deviations; a number with
      two values becomes 0 and 1. Missing numbers are replaced by the median, and an
      indicator is added. Numbers that are stored as text are numbers.
    - Dates become days, with the sine and the cosine of their phase in the day, the
      week and the year. Durations become days.
    - Categories and short texts are one-hot encoded. Rare levels, and levels that are
      unknown during `transform`, have no column. Missing values are a level.
    - Long texts become TF-IDF values of their words.
    - Columns in which hardly any text is repeated, such as names and keys, are ignored
      with a warning.

    Parameters
    ----------
    categorical_features : 'from_dtype', array-like or None, default='from_dtype'
        The columns that are categories although they contain numbers: names, positions,
        or a boolean mask. 'from_dtype' selects the columns of a categorical dtype. None
        selects no column; columns with text are categories in any case.
    min_frequency : int, default=5
        The least number of rows for which a level of a category gets a column.
    n_knots : int, 'auto' or None, default=None
        If not None, the values of hat functions follow each number, as in
        `PiecewiseLinearEncoder`, with at most so many intervals between the knots.
        'auto' is one interval for 50 samples, at least 2 and at most 32, and fewer if
        there are more than 125 columns, so that there are no more than 4000 hat
        functions unless there are more than 2000 columns.

    Attributes
    ----------
    kinds_ : list of str
        What each column contains, such as 'number', 'text' or 'date'.
    joined_ : ndarray of shape (n_features_out,), bool
        Whether a column of the result is a hat function that follows another one of the
        same number.
    is_hat_ : ndarray of shape (n_features_out,), bool
        Whether a column of the result is a hat function.
    part_of_ : ndarray of shape (n_features_out,), int
        The position of the column of the table from which a column of the result comes.
    n_features_in_ : int
        The number of columns seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        The names of the columns. Defined only if all names are strings.

    See Also
    --------
    DatetimeEncoder : The encoding of dates.
    PiecewiseLinearEncoder : The encoding by hat functions.

    Examples
    --------
    >>> import numpy as np
    >>> from skgd.preprocessing import TableEncoder
    >>> X = np.array([["red", 1.5], ["blue", 2.5], ["red", None]], dtype=object)
    >>> encoder = TableEncoder(min_frequency=1).fit(X)
    >>> encoder.get_feature_names_out()
    array(['x0_red', 'x0_blue', 'x1', 'x1_missing'], dtype=object)
    >>> encoder.transform(X).toarray()
    array([[1. , 0. , 0. , 0. ],
           [0. , 1. , 1. , 0. ],
           [1. , 0. , 0.5, 1. ]], dtype=float32)
    """

    def __init__(
        self, categorical_features="from_dtype", *, min_frequency=5, n_knots=None
    ):
        self.categorical_features = categorical_features
        self.min_frequency = min_frequency
        self.n_knots = n_knots

    def fit(self, X, y=None):
        """Learn what the columns contain, and how to encode them.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            The table.
        y : None
            Ignored.

        Returns
        -------
        self : TableEncoder
            The fitted encoder.

        Raises
        ------
        ValueError
            If a column contains infinity or objects that are no values, or if a
            parameter is not allowed.
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X, y=None):
        """Learn the encoding, and encode the same table.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            The table.
        y : None
            Ignored.

        Returns
        -------
        encoded : CSR of shape (n_samples, n_features_out), float32
            The encoded table.
        """
        self._check_parameters()
        X = _as_table(X)
        validate_data(self, X, skip_check_array=True)
        if sp.issparse(X):
            self.kinds_ = ["number"] * X.shape[1]
            self._parts = [_SparseNumbers()]
            blocks = [self._parts[0].fit_transform(X)]
        else:
            blocks = self._learn(X)
        self.part_of_ = np.concatenate([part.part_of for part in self._parts])
        self.joined_ = np.concatenate([part.joined for part in self._parts])
        self.is_hat_ = np.concatenate([part.is_hat for part in self._parts])
        return sp.hstack(blocks, format="csr", dtype=np.float32)

    def transform(self, X):
        """Encode a table.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            The table, with the columns that `fit` has seen.

        Returns
        -------
        encoded : CSR of shape (n_samples, n_features_out), float32
            The encoded table.

        Raises
        ------
        ValueError
            If a column does not contain what it contained in `fit`.
        """
        check_is_fitted(self)
        X = _as_table(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        if isinstance(self._parts[0], _SparseNumbers):
            return self._parts[0].transform(sp.csr_matrix(X))
        if sp.issparse(X):
            X = X.toarray()
        series = series_of(X)
        blocks = [part.transform(series) for part in self._parts]
        return sp.hstack(blocks, format="csr", dtype=np.float32)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            The names of the columns of X, if X had no names in `fit`.

        Returns
        -------
        names : ndarray of str objects
            The names, which begin with the name of the column of X.
        """
        check_is_fitted(self)
        names = names_in(self, input_features)
        out = [name for part in self._parts for name in part.names(names)]
        return np.array(out, dtype=object)

    def __sklearn_tags__(self):
        """Tags of scikit-learn: any table is accepted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _check_parameters(self):
        for name, special in (("min_frequency", ()), ("n_knots", ("auto", None))):
            value = getattr(self, name)
            whole = isinstance(value, Integral) and not isinstance(value, bool)
            known = value is None or isinstance(value, str)
            if not (whole and value >= 1) and not (known and value in special):
                others = "".join(f", {each!r}" for each in special)
                raise ValueError(
                    f"The {name!r} parameter of TableEncoder must be an int of at "
                    f"least 1{others}. Got {value!r} instead."
                )

    def _learn(self, X):
        # make the parts of the encoding, and return what they make of X
        columns, series = columns_of(X), series_of(X)
        _check_values(columns)
        forced = self._categorical(columns)
        self.kinds_ = [
            "category" if column.position in forced else column.kind
            for column in columns
        ]
        ignored = [
            column.name
            for column, kind in zip(columns, self.kinds_, strict=True)
            if kind == "identifier"
        ]
        if ignored:
            warnings.warn(
                f"Hardly any text is repeated in {_listed(ignored)}, as in names or "
                "keys. These columns are ignored. If they are categories, list them in "
                "categorical_features.",
                UserWarning,
                stacklevel=4,
            )
        intervals = self.n_knots
        if intervals == "auto":
            most = max(MOST_HATS // len(columns), FEWEST_INTERVALS)
            intervals = min(n_intervals(X.shape[0]), most)
        self._parts, blocks = [], []
        for position, kind in enumerate(self.kinds_):
            if kind == "identifier":
                continue
            part = self._part(position, kind, intervals)
            blocks.append(part.fit_transform(series))
            self._parts.append(part)
        if not self._parts:
            raise ValueError("X has no column that can be used.")
        return blocks

    def _part(self, position, kind, intervals):
        if kind == "long text":
            return _Words(position)
        if kind in (*TEXTS, "object"):
            return _Levels(position, self.min_frequency)
        return _Numbers(position, kind, intervals)

    def _categorical(self, columns):
        # positions of the columns that the user calls categories
        given = self.categorical_features
        if given is None or (isinstance(given, str) and given == "from_dtype"):
            return set()
        names = {column.name: column.position for column in columns}
        given = np.asarray(given)
        n = len(columns)
        if given.dtype == bool and given.shape == (n,):
            return set(np.flatnonzero(given).tolist())
        positions = set()
        for each in column_or_1d(given, warn=False).tolist():
            if isinstance(each, int) and -n <= each < n and given.dtype != bool:
                positions.add(each % n)
            elif each in names:
                positions.add(names[each])
            else:
                raise ValueError(
                    "The 'categorical_features' parameter of TableEncoder must be "
                    "'from_dtype', None, or names, positions or a mask of the "
                    f"{n} columns of X. Got {each!r}, which is none of them."
                )
        return positions


class _Part:
    # the encoding of one column: `part_of` and `joined` describe its result
    def __init__(self, position):
        self.position = position

    def fit_transform(self, series):
        self._fit(series[self.position][1])
        block = self.transform(series)
        self.part_of = np.full(block.shape[1], self.position)
        n_plain = self.n_plain(block)
        self.is_hat = np.arange(block.shape[1]) >= n_plain
        self.joined = np.arange(block.shape[1]) > n_plain
        return block

    def n_plain(self, block):
        # the number of columns that are no hat functions, which come first
        return block.shape[1]

    def transform(self, series):
        name, values = series[self.position]
        try:
            return self._encode(values)
        except (TypeError, ValueError) as error:
            raise ValueError(f"In column {name!r} of X: {error}") from error


class _Numbers(_Part):
    # numbers and dates: standardised, with an indicator of gaps and hat functions
    def __init__(self, position, kind, intervals):
        super().__init__(position)
        self.kind, self.intervals = kind, intervals

    def _read(self, values):
        # (n_samples, number of waves + 1)
        if self.kind in DATES:
            return self.dates.transform(_as_column(values))
        if self.kind == "number as text":
            return _parsed(values)[:, np.newaxis]
        numbers = as_floats(values)
        if np.isinf(numbers).any():
            raise ValueError("it contains infinity.")
        return numbers[:, np.newaxis]

    def _fit(self, values):
        if self.kind in DATES:
            periods = () if self.kind == "duration" else tuple(PERIODS)
            self.dates = DatetimeEncoder(periods).fit(_as_column(values))
        table = self._read(values)
        known = table[~np.isnan(table[:, 0])]
        if not len(known):
            known = np.zeros((1, table.shape[1]))
        self.has_gaps = len(known) < len(table)
        self.fill = np.median(known, axis=0)
        filled = np.where(np.isnan(table), self.fill, table)
        self.mean, self.scale = filled.mean(axis=0), filled.std(axis=0)
        low, high = known.min(axis=0), known.max(axis=0)
        two = ((known == low) | (known == high)).all(axis=0) & (low < high)
        self.mean, self.scale = (
            np.where(two, low, self.mean),
            np.where(two, high - low, self.scale),
        )
        # (rounding errors of a constant column do not count)
        varies = (low < high) & (self.scale > 1e-12 * np.abs(self.mean))
        self.kept = np.flatnonzero(varies)
        self.knots = np.zeros(0)
        if self.intervals is not None:
            knots = knots_of(known[:, 0], self.intervals)
            self.knots = knots if len(knots) > 2 else self.knots

    def n_plain(self, block):
        return len(self.kept) + self.has_gaps

    def _encode(self, values):
        table = self._read(values)
        gaps = np.isnan(table)
        filled = np.where(gaps, self.fill, table)[:, self.kept]
        Z = (filled - self.mean[self.kept]) / self.scale[self.kept]
        blocks = [np.clip(Z, -MOST_DEVIATIONS, MOST_DEVIATIONS)]
        if self.has_gaps:
            blocks.append(gaps[:, :1])
        plain = sp.csr_matrix(np.hstack(blocks))
        if not len(self.knots):
            return plain
        return sp.hstack([plain, hats(table[:, 0], self.knots)], format="csr")

    def names(self, given):
        name = given[self.position]
        names = [name]
        if self.kind in DATES:
            names = self.dates.get_feature_names_out([name]).tolist()
        names = [names[j] for j in self.kept]
        names += [f"{name}_missing"] if self.has_gaps else []
        return names + [f"{name}_at_{knot:.6g}" for knot in self.knots[1:]]


class _Levels(_Part):
    # categories, one column for each frequent level
    def __init__(self, position, min_frequency):
        super().__init__(position)
        self.min_frequency = min_frequency

    def _fit(self, values):
        counts = {}
        for value in _as_levels(values):
            counts[value] = counts.get(value, 0) + 1
        frequent = [v for v, count in counts.items() if count >= self.min_frequency]
        self.columns = {value: j for j, value in enumerate(frequent)}

    def _encode(self, values):
        codes = [self.columns.get(value, -1) for value in _as_levels(values)]
        codes = np.array(codes, dtype=np.int64)
        known = codes >= 0
        indptr = np.concatenate([[0], np.cumsum(known)])
        shape = len(codes), len(self.columns)
        return sp.csr_matrix((np.ones(known.sum()), codes[known], indptr), shape=shape)

    def names(self, given):
        levels = ("missing" if v is None else v for v in self.columns)
        return [f"{given[self.position]}_{level}" for level in levels]


class _Words(_Part):
    # long texts
    def _fit(self, values):
        self.vectorizer = TfidfVectorizer(
            min_df=FEWEST_TEXTS, max_features=MOST_WORDS, sublinear_tf=True
        )
        self.n_words = 0
        try:
            self.vectorizer.fit(_as_texts(values))
            self.n_words = len(self.vectorizer.vocabulary_)
        except ValueError:  # no word is in enough texts
            pass

    def _encode(self, values):
        texts = _as_texts(values)
        if not self.n_words:
            return sp.csr_matrix((len(texts), 0))
        return self.vectorizer.transform(texts)

    def names(self, given):
        if not self.n_words:
            return []
        words = self.vectorizer.get_feature_names_out()
        return [f"{given[self.position]}_{word}" for word in words]


class _SparseNumbers:
    # A sparse matrix remains as it is, except that its columns are divided by the root
    # mean square of their stored values.
    def fit_transform(self, X):
        X = sp.csr_matrix(X, dtype=np.float64)
        if not np.isfinite(X.data).all():
            raise ValueError("A sparse X must not contain NaN or infinity.")
        stored = np.bincount(X.indices[X.data != 0], minlength=X.shape[1])
        squares = np.bincount(X.indices, X.data**2, minlength=X.shape[1])
        scale = np.sqrt(squares / np.maximum(stored, 1))
        self.scale = np.where((scale > 0) & np.isfinite(scale), scale, 1.0)
        self.part_of = np.arange(X.shape[1])
        self.joined = self.is_hat = np.zeros(X.shape[1], dtype=bool)
        return self.transform(X)

    def transform(self, X):
        X = sp.csr_matrix(X, dtype=np.float64)
        data = X.data / self.scale[X.indices]
        data = np.clip(data, -MOST_DEVIATIONS, MOST_DEVIATIONS)
        parts = data.astype(np.float32), X.indices, X.indptr
        return sp.csr_matrix(parts, shape=X.shape)

    def names(self, given):
        return given


def _as_table(X):
    # a DataFrame, a sparse matrix, or an array with two dimensions
    check_eager(X)
    if not (is_frame(X) or sp.issparse(X)):
        X = np.asarray(X) if hasattr(X, "__array__") else np.array(X, dtype=object)
    if len(X.shape) != 2:
        raise ValueError(
            f"Expected 2D array, got {len(X.shape)}D array instead. Reshape your data "
            "using X.reshape(-1, 1) if it has a single feature."
        )
    for count, name in zip(X.shape, ("sample", "feature"), strict=True):
        if not count:
            raise ValueError(
                f"Found array with 0 {name}(s) (shape={X.shape}) while a minimum of 1 "
                "is required."
            )
    return X


def _check_values(columns):
    for column in columns:
        if column.dtype.startswith("complex"):
            raise ValueError(
                f"Complex data not supported: column {column.name!r} of X."
            )
        if column.has_infinity:
            raise ValueError(
                f"Column {column.name!r} of X contains infinity. Replace it first, for "
                "example by NaN."
            )


def _listed(names, most=5):
    text = ", ".join(map(repr, names[:most]))
    return text + (f" and {len(names) - most} more" if len(names) > most else "")


def _as_column(values):
    # a table of one column, of the library of the column
    if hasattr(values, "to_frame"):
        return values.to_frame()
    return np.asarray(values).reshape(-1, 1)


def _parsed(values):
    # numbers that are stored as text; other texts are NaN
    known = {}
    for value in _as_levels(values):
        if value not in known:
            try:
                known[value] = np.nan if value is None else float(value)
            except (TypeError, ValueError):
                known[value] = np.nan
    numbers = np.array([known[value] for value in _as_levels(values)])
    return np.where(np.isinf(numbers), np.nan, numbers)


def _as_levels(values):
    # the values as hashable objects; missing ones are None
    values = values.to_list() if hasattr(values, "to_list") else values.tolist()
    try:
        missing = {value for value in set(values) if is_missing(value)}
    except TypeError:
        other = next(v for v in values if getattr(v, "__hash__", None) is None)
        raise ValueError(
            f"it contains objects such as {other!r}, which are neither numbers nor "
            "categories. Convert them first, for example to text."
        ) from None
    if not missing:
        return values
    # (NaN is not equal to itself, but it is found by its identity)
    return [None if value in missing else value for value in values]


def _as_texts(values):
    return ["" if value is None else str(value) for value in _as_levels(values)]
