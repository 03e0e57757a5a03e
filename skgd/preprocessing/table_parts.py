"""The encoding of each kind of column of a raw table."""

from contextlib import contextmanager

import numpy as np
from scipy import sparse as sp

from .._data.columns import as_floats, as_number, kind_of_dtype
from .._data.dates import is_missing
from .._data.knots import bends_of, hats
from .._rules.plain_state import stored_as_dict
from .datetimes import PERIODS, DatetimeEncoder

# Standardised numbers are limited to this distance from their mean.
MOST_DEVIATIONS = 5.0
# Words of a long text that fewer rows contain are left out, and so are the less
# frequent words beyond the limit.
FEWEST_TEXTS, MOST_WORDS = 5, 500
TEXTS = "category", "text"
DATES = "date", "date as text", "duration"


class Part:
    """The encoding of one column.

    `part_of`, `joined`, `is_hat` and `is_level` describe the columns of the result.

    Parameters
    ----------
    position : int
        The position of the column in the table.
    """

    # the number of hat functions, which are the last columns of the result
    n_hats = 0
    has_levels = False  # whether the columns of the result are levels of a category

    def __init__(self, position):
        self.position = position

    def fit_transform(self, series):
        """Learn the encoding of the column, and encode it.

        Parameters
        ----------
        series : list of tuple
            The name and the values of each column of the table.

        Returns
        -------
        block : CSR of shape (n_samples, n_columns)
            The encoded column.
        """
        name, values = series[self.position]
        with _naming(name):
            self._fit(values)
        block = self.transform(series)
        self.part_of = np.full(block.shape[1], self.position)
        beyond = np.arange(block.shape[1]) - (block.shape[1] - self.n_hats)
        self.is_hat, self.joined = beyond >= 0, beyond > 0
        self.is_level = np.full(block.shape[1], self.has_levels)
        return block

    def transform(self, series):
        """Encode the column.

        Parameters
        ----------
        series : list of tuple
            The name and the values of each column of the table.

        Returns
        -------
        block : CSR of shape (n_samples, n_columns)
            The encoded column.
        """
        name, values = series[self.position]
        with _naming(name):
            return self._encode(values)

    def names(self, given):
        """Return the names of the columns of the result.

        Parameters
        ----------
        given : list of str
            The names of the columns of the table.

        Returns
        -------
        names : list of str
            The names.
        """
        return self._names(given[self.position])


@stored_as_dict
class Numbers(Part):
    """Numbers and dates: standardised, with an indicator of gaps and hat functions.

    Parameters
    ----------
    position : int
        The position of the column in the table.
    kind : str
        What the column contains.
    intervals : int or None
        The largest number of intervals between knots; None for no hat functions.
    """

    def __init__(self, position, kind, intervals):
        super().__init__(position)
        self.kind, self.intervals = kind, intervals

    def _read(self, values):
        # (n_samples, number of waves + 1)
        if self.kind in DATES:
            # (the encoder checks the names of all columns, this one knows a single one)
            kind, form = self.dates.kinds_[0], self.dates.formats_[0]
            return np.column_stack(self.dates._encode(values, kind, form))
        if self.kind == "number as text":
            return as_parsed_numbers(values)[:, np.newaxis]
        if kind_of_dtype(values.dtype) in DATES:
            raise ValueError(f"`fit` has seen numbers, not values of {values.dtype}.")
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
        with np.errstate(over="ignore", invalid="ignore"):
            self.fill = np.median(known, axis=0)
            filled = np.where(np.isnan(table), self.fill, table)
            self.mean, self.scale = filled.mean(axis=0), filled.std(axis=0)
        if not np.isfinite(self.scale).all():
            raise ValueError(
                f"its values are too large: up to {np.abs(filled).max():.3g}. Divide "
                "them by a number of this size."
            )
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
            self.knots = bends_of(known[:, 0], self.intervals)

    @property
    def n_hats(self):
        """The number of hat functions."""
        return max(len(self.knots) - 1, 0)

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

    def _names(self, name):
        names = [name]
        if self.kind in DATES:
            names = self.dates.get_feature_names_out([name]).tolist()
        names = [names[j] for j in self.kept]
        names += [f"{name}_missing"] if self.has_gaps else []
        return names + [f"{name}_at_{knot:.6g}" for knot in self.knots[1:]]


@stored_as_dict
class Levels(Part):
    """Categories: one column for each frequent level, the most frequent ones first.

    Parameters
    ----------
    position : int
        The position of the column in the table.
    min_frequency : int
        The least number of rows of a level.
    """

    has_levels = True

    def __init__(self, position, min_frequency):
        super().__init__(position)
        self.min_frequency = min_frequency

    def _fit(self, values):
        counts = {}
        for value in as_levels(values):
            counts[value] = counts.get(value, 0) + 1
        frequent = [v for v, count in counts.items() if count >= self.min_frequency]
        frequent.sort(key=lambda value: -counts[value])
        self.columns = {value: j for j, value in enumerate(frequent)}

    def _encode(self, values):
        codes = [self.columns.get(value, -1) for value in as_levels(values)]
        codes = np.array(codes, dtype=np.int64)
        known = codes >= 0
        indptr = np.concatenate([[0], np.cumsum(known)])
        shape = len(codes), len(self.columns)
        return sp.csr_matrix((np.ones(known.sum()), codes[known], indptr), shape=shape)

    def _names(self, name):
        levels = ("missing" if v is None else v for v in self.columns)
        return [f"{name}_{level}" for level in levels]


@stored_as_dict
class Words(Part):
    """Long texts: TF-IDF values of their words.

    Parameters
    ----------
    position : int
        The position of the column in the table.
    """

    def _fit(self, values):
        # (this import is slow, and most tables have no long texts)
        from sklearn.feature_extraction.text import TfidfVectorizer

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

    def _names(self, name):
        if not self.n_words:
            return []
        words = self.vectorizer.get_feature_names_out()
        return [f"{name}_{word}" for word in words]


@stored_as_dict
class SparseNumbers:
    """A sparse matrix, whose columns get a unit of their own.

    They are divided by the root mean square of their stored values.
    """

    def fit_transform(self, X):
        """Learn the units, and convert X to them.

        Parameters
        ----------
        X : sparse matrix of shape (n_samples, n_features)
            The table.

        Returns
        -------
        X : CSR of shape (n_samples, n_features), float32
            The table in these units.
        """
        X = sp.csr_matrix(X, dtype=np.float64)
        if not np.isfinite(X.data).all():
            raise ValueError("A sparse X must not contain NaN or infinity.")
        stored = np.bincount(X.indices[X.data != 0], minlength=X.shape[1])
        # (relative to a power of two near the largest value, no square overflows)
        largest = np.zeros(X.shape[1])
        np.maximum.at(largest, X.indices, np.abs(X.data))
        unit = np.ldexp(1.0, np.frexp(largest)[1] - 1)
        squares = (X.data / unit[X.indices]) ** 2
        squares = np.bincount(X.indices, squares, minlength=X.shape[1])
        scale = unit * np.sqrt(squares / np.maximum(stored, 1))
        self.scale = np.where(scale > 0, scale, 1.0)
        self.part_of = np.arange(X.shape[1])
        self.joined = self.is_hat = np.zeros(X.shape[1], dtype=bool)
        self.is_level = self.joined
        return self.transform(X)

    def transform(self, X):
        """Convert X to the units.

        Parameters
        ----------
        X : sparse matrix of shape (n_samples, n_features)
            The table.

        Returns
        -------
        X : CSR of shape (n_samples, n_features), float32
            The table in the units.
        """
        X = sp.csr_matrix(X, dtype=np.float64)
        data = X.data / self.scale[X.indices]
        data = np.clip(data, -MOST_DEVIATIONS, MOST_DEVIATIONS)
        parts = data.astype(np.float32), X.indices, X.indptr
        return sp.csr_matrix(parts, shape=X.shape)

    def names(self, given):
        """Return the names of the columns of the result.

        Parameters
        ----------
        given : list of str
            The names of the columns of the table.

        Returns
        -------
        names : list of str
            The names.
        """
        return given


@contextmanager
def _naming(name):
    # errors name the column
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ValueError(f"In column {name!r} of X: {error}") from error


def _as_column(values):
    # a table of one column, of the library of the column
    if hasattr(values, "to_frame"):
        return values.to_frame()
    return np.asarray(values).reshape(-1, 1)


def as_parsed_numbers(values):
    """Read numbers that are stored as text.

    Parameters
    ----------
    values : Series or ndarray of shape (n_samples,)
        The texts.

    Returns
    -------
    numbers : ndarray of shape (n_samples,), float64
        The numbers; NaN for missing values, infinity and other texts.
    """
    levels = as_levels(values)
    known = {level: as_number(level) for level in set(levels)}
    numbers = np.array([known[level] for level in levels], dtype=np.float64)
    return np.where(np.isinf(numbers), np.nan, numbers)


def as_levels(values):
    """List the values of a column as objects that can be hashed.

    Parameters
    ----------
    values : Series or ndarray of shape (n_samples,)
        The values.

    Returns
    -------
    levels : list
        The values; None for missing ones.

    Raises
    ------
    ValueError
        If a value cannot be hashed.
    """
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
    return ["" if value is None else str(value) for value in as_levels(values)]
