"""A raw table as one sparse matrix of numbers."""

from collections import Counter
from collections.abc import Hashable
from numbers import Integral

import numpy as np
from scipy import sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .._data.advice import listed_columns
from .._data.columns import check_eager, columns_of, is_frame, series_of
from .._engine.sparse_arrays import check_sparse
from .._rules.numbers import PlainNumbers
from .._rules.plain_state import PlainState
from .._rules.rule import Allowed, check_parameters
from .._rules.version import Versioned
from .._rules.warn import warn
from .piecewise_linear import FEWEST_INTERVALS, n_intervals, names_in
from .table_parts import TEXTS, Levels, Numbers, SparseNumbers, Words

# There are no more hat functions than this. More would make each update of a network
# slow, and tables with many columns have enough features to fit noise with.
MOST_HATS = 1000


class TableEncoder(
    PlainNumbers, Versioned, PlainState, TransformerMixin, BaseEstimator
):
    """Encode a raw table as one sparse matrix of numbers.

    Each column is encoded according to what it contains:

    - Numbers are standardised and limited to five standard deviations; a number with
      two values becomes 0 and 1. Missing numbers are replaced by the median, and an
      indicator is added. Numbers that are stored as text are numbers.
    - Dates become days, with the sine and the cosine of their phase in the day, the
      week and the year. Durations become days.
    - Categories and short texts are one-hot encoded, frequent levels first. Rare
      levels, and levels that are unknown during `transform`, have no column. Missing
      values are a level.
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
        there are more than 31 columns, so that there are no more than 1000 hat
        functions. With more than 500 columns, there are none.

    Attributes
    ----------
    kinds_ : list of str
        What each column contains, such as 'number', 'text' or 'date'.
    joined_ : ndarray of shape (n_features_out,), bool
        Whether a column of the result is a hat function that follows another one of the
        same number.
    is_hat_ : ndarray of shape (n_features_out,), bool
        Whether a column of the result is a hat function.
    is_level_ : ndarray of shape (n_features_out,), bool
        Whether a column of the result is a level of a category.
    part_of_ : ndarray of shape (n_features_out,), int
        The position of the column of the table from which a column of the result comes.
    n_features_in_ : int
        The number of columns seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
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

    _allowed = {
        "min_frequency": Allowed(Integral, ge=1),
        "n_knots": Allowed(Integral, ge=1, options=("auto", None)),
    }

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
        check_parameters(self, self._allowed)
        X = as_table(X)
        validate_data(self, X, skip_check_array=True)
        if sp.issparse(X):
            self.kinds_ = ["number"] * X.shape[1]
            self._parts = [SparseNumbers()]
            blocks = [self._parts[0].fit_transform(X)]
        else:
            blocks = self._learn(X)
        self.part_of_ = np.concatenate([part.part_of for part in self._parts])
        self.joined_ = np.concatenate([part.joined for part in self._parts])
        self.is_hat_ = np.concatenate([part.is_hat for part in self._parts])
        self.is_level_ = np.concatenate([part.is_level for part in self._parts])
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
        X = as_table(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        return self._encode(X)

    def _encode(self, X):
        # of a table that has been checked
        if isinstance(self._parts[0], SparseNumbers):
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
            warn(
                f"Hardly any text is repeated in {listed_columns(ignored)}, as in "
                "names or keys. These columns are ignored. If they are categories, "
                "list them in categorical_features."
            )
        intervals = self.n_knots
        if intervals == "auto":
            intervals = min(n_intervals(X.shape[0]), MOST_HATS // len(columns))
            intervals = intervals if intervals >= FEWEST_INTERVALS else None
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
            return Words(position)
        if kind in (*TEXTS, "object"):
            return Levels(position, self.min_frequency)
        return Numbers(position, kind, intervals)

    def _categorical(self, columns):
        # positions of the columns that the user calls categories
        given = self.categorical_features
        if given is None or (isinstance(given, str) and given == "from_dtype"):
            return set()
        names = {column.name: column.position for column in columns}
        try:
            given = np.atleast_1d(given)
        except ValueError:  # lists of different lengths
            given = np.empty(1, dtype=object)
            given[0] = self.categorical_features
        n = len(columns)
        if given.dtype == bool and given.shape == (n,):
            return set(np.flatnonzero(given).tolist())
        positions = set()
        for each in given.tolist():
            is_number = isinstance(each, int) and given.dtype != bool
            if is_number and -n <= each < n:
                positions.add(each % n)
            elif isinstance(each, Hashable) and each in names:
                positions.add(names[each])
            else:
                raise ValueError(
                    "The 'categorical_features' parameter of TableEncoder must be "
                    "'from_dtype', None, or names, positions or a mask of the "
                    f"{n} columns of X. Got {each!r}, which is none of them."
                )
        return positions


def as_table(X):
    """Make a table of the data of a user.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        The data.

    Returns
    -------
    X : DataFrame, sparse matrix or ndarray of shape (n_samples, n_features)
        The table.

    Raises
    ------
    ValueError
        If it does not have two dimensions, if it has no rows or no columns, or if two
        columns have the same name.
    TypeError
        If X is a LazyFrame.
    """
    check_eager(X)
    X = check_sparse(X)
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
    _check_names(X)
    return X


def _check_names(X):
    names = list(X.columns) if is_frame(X) else []
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(
            "The columns of X must have different names. More than one column has the "
            f"name {listed_columns(twice)}."
        )


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
