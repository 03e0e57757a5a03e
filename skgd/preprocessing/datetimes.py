"""Dates and durations as numbers of days."""

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from .._data.columns import check_eager, distinct, is_frame, kind_of_dtype, series_of
from .._data.dates import (
    ISO,
    as_lengths,
    as_moments,
    find_format,
    is_date,
    is_duration,
    is_missing,
)
from .._rules.version import Versioned

EPOCH = np.datetime64("2000-01-01", "us")
DAY = np.timedelta64(1, "D")
YEAR = np.timedelta64(1, "Y")


def _phase_of_day(moments):
    return (moments - EPOCH) / DAY % 1


def _phase_of_week(moments):
    # a week begins on Monday, and 2000-01-03 was one
    return ((moments - EPOCH) / DAY - 2) % 7 / 7


def _phase_of_year(moments):
    years = moments.astype("datetime64[Y]")
    return (moments - years) / ((years + YEAR).astype(EPOCH.dtype) - years)


PERIODS = {"day": _phase_of_day, "week": _phase_of_week, "year": _phase_of_year}


class DatetimeEncoder(Versioned, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Encode dates as days since 2000-01-01, and durations as days.

    Times are fractions of a day, and missing dates become NaN. If `periods` are given,
    the sine and the cosine of the phase :math:`\varphi \in [0, 1)` of each date in each
    period are added, :math:`\sin 2\pi\varphi` and :math:`\cos 2\pi\varphi`. With them,
    a linear model can describe a season, because the end of a period is close to the
    beginning of the next one.

    Parameters
    ----------
    periods : tuple or list of {'day', 'week', 'year'}, default=()
        The periods whose phase is added for each date. A day begins at midnight, a week
        on Monday, and a year on January 1. Durations have no phase.
    format : str, default=None
        The format of dates that are stored as text, as in `datetime.strptime`. If None,
        `fit` chooses for each column the first format that fits all its dates: ISO 8601
        or one of many others, such as '31.12.2000', '12/31/00', '31/12/2000 23:59',
        '31-Dec-2000', 'Dec 31, 2000 11:59 PM' and '2000-12'. If the month can come
        first in all dates with slashes, it does.

    Attributes
    ----------
    kinds_ : list of {'date', 'date as text', 'duration'}
        What each column contains.
    formats_ : list of str or None
        The format of each column with dates that are stored as text, where ISO 8601 is
        'ISO8601'; None for the other columns.
    n_features_in_ : int
        The number of columns seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        The names of the columns. Defined only if all names are strings.

    See Also
    --------
    sklearn.preprocessing.SplineTransformer : Periodic splines, instead of waves.

    Notes
    -----
    Dates of all types are accepted: those of NumPy, pandas, polars and PyArrow, and
    objects such as `datetime.date`. A period of pandas is represented by its beginning.
    Dates with a time zone are converted to UTC, so that the difference of two numbers
    is the time that has passed. The resolution is a microsecond.

    Examples
    --------
    >>> import numpy as np
    >>> from skgd.preprocessing import DatetimeEncoder
    >>> X = np.array([["2000-01-02 12:00"], ["2001-01-01 00:00"], [None]], dtype=object)
    >>> encoder = DatetimeEncoder(periods=["day"]).fit(X)
    >>> encoder.get_feature_names_out()
    array(['x0', 'x0_day_sin', 'x0_day_cos'], dtype=object)
    >>> encoder.transform(X).round(3)
    array([[  1.5,   0. ,  -1. ],
           [366. ,   0. ,   1. ],
           [  nan,   nan,   nan]])
    """

    def __init__(self, periods=(), *, format=None):
        self.periods = periods
        self.format = format

    def fit(self, X, y=None):
        """Learn which columns are dates, dates stored as text, and durations.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Dates and durations.
        y : None
            Ignored.

        Returns
        -------
        self : DatetimeEncoder
            The fitted encoder.

        Raises
        ------
        ValueError
            If a column contains something else, or if a parameter is not allowed.
        """
        self._check_parameters()
        X = _as_table(X)
        learned = [self._learn(*column) for column in series_of(X)]
        validate_data(self, X, skip_check_array=True)
        self.kinds_ = [kind for kind, _ in learned]
        self.formats_ = [form for _, form in learned]
        return self

    def transform(self, X):
        """Encode dates and durations.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Dates and durations.

        Returns
        -------
        days : ndarray of shape (n_samples, n_features_out), float64
            The numbers of days, each followed by the sines and cosines.

        Raises
        ------
        ValueError
            If a column does not contain what it contained in `fit`.
        """
        check_is_fitted(self)
        self._check_parameters()
        X = _as_table(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        parts = []
        for (name, values), kind, form in zip(
            series_of(X), self.kinds_, self.formats_, strict=True
        ):
            try:
                parts += self._encode(values, kind, form)
            except ValueError as error:
                raise ValueError(f"In column {name!r}, {error}") from error
        return np.column_stack(parts)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            The names of the columns of X, if X had no names in `fit`.

        Returns
        -------
        names : ndarray of str objects
            The name of each column, followed by those of its phases, such as
            'sold_week_sin' and 'sold_week_cos'.
        """
        names = []
        columns = super().get_feature_names_out(input_features)
        for name, kind in zip(columns, self.kinds_, strict=True):
            periods = () if kind == "duration" else self.periods
            names += [name]
            names += [f"{name}_{p}_{wave}" for p in periods for wave in ("sin", "cos")]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self):
        """Tags of scikit-learn: text and missing values are accepted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags

    def _check_parameters(self):
        allowed = f"a tuple or list of {', '.join(map(repr, PERIODS))}"
        is_sequence = isinstance(self.periods, list | tuple)
        if not is_sequence or not all(p in PERIODS for p in self.periods):
            raise ValueError(
                f"The 'periods' parameter of DatetimeEncoder must be {allowed}. Got "
                f"{self.periods!r} instead."
            )
        if not isinstance(self.format, str | None):
            raise ValueError(
                "The 'format' parameter of DatetimeEncoder must be a str or None. Got "
                f"{self.format!r} instead."
            )

    def _learn(self, name, values):
        # the kind and the format of a column
        kind = kind_of_dtype(values.dtype)
        if kind in ("date", "duration"):
            return kind, None
        levels = [level for level in distinct(values) if not is_missing(level)]
        if levels and all(map(is_duration, levels)):
            return "duration", None
        if all(map(is_date, levels)):
            return "date", None
        if all(isinstance(level, str) for level in levels):
            form = self.format or find_format(levels)
            if form is not None:
                return "date as text", form
        raise ValueError(
            f"Column {name!r} contains other values than dates or durations, for "
            f"example {levels[0]!r}. If these are dates, set the 'format' parameter."
        )

    def _encode(self, values, kind, form):
        # the days and the waves of a column
        try:
            return self._parts(values, kind, form)
        except (OverflowError, TypeError, ValueError) as error:
            raise ValueError(
                f"`fit` has seen values of kind {kind!r}"
                + (f" with the format {form!r}: " if form else ": ")
                + f"{error}."
            ) from error

    def _parts(self, values, kind, form):
        if kind == "duration":
            return [as_lengths(values) / DAY]
        moments = as_moments(values, form or ISO)
        phases = [2 * np.pi * PERIODS[period](moments) for period in self.periods]
        waves = [wave(phase) for phase in phases for wave in (np.sin, np.cos)]
        return [(moments - EPOCH) / DAY, *waves]


def _as_table(X):
    # a DataFrame, or an array with two dimensions
    check_eager(X)
    return X if is_frame(X) else check_array(X, dtype=None, ensure_all_finite=False)
