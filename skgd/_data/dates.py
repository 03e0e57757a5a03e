"""Dates and durations of any type as NumPy arrays of microseconds."""

from datetime import UTC, date, datetime, timedelta

import numpy as np

ISO = "ISO8601"
# Formats in which dates are stored as text, in the order in which they are tried. If
# the month can come first in all dates with slashes, it does, as in pandas.
DAYS = (
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%d.%m.%y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%Y-%m",
)
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
FORMATS = (ISO, *(day + clock for day in DAYS for clock in TIMES))
MOMENT, LENGTH = "datetime64[us]", "timedelta64[us]"


def parse_date(text, form):
    """Parse a date that is stored as text.

    Parameters
    ----------
    text : str
        The date, also with a time.
    form : str
        `ISO`, or a format of `datetime.strptime`.

    Returns
    -------
    moment : datetime
        The date.

    Raises
    ------
    ValueError
        If the text does not have this format.
    """
    text = text.strip()
    if form == ISO:
        return datetime.fromisoformat(text)
    return datetime.strptime(text, form)


def find_format(texts):
    """Find the format of dates that are stored as text.

    Parameters
    ----------
    texts : list of str
        The texts.

    Returns
    -------
    form : str or None
        The first of `FORMATS` that fits all texts; None if there is none.
    """
    return next((form for form in FORMATS if _fits(texts, form)), None)


def _fits(texts, form):
    try:
        for text in texts:
            parse_date(text, form)
    except ValueError:
        return False
    return bool(texts)


def as_moments(column, form=ISO):
    """Convert a column of dates to one NumPy array.

    Parameters
    ----------
    column : Series or ndarray of shape (n_samples,)
        Dates of any type, also periods and text. Dates with a time zone are converted
        to UTC, and a period is represented by its beginning.
    form : str, default=ISO
        The format of dates that are stored as text.

    Returns
    -------
    moments : ndarray of shape (n_samples,), datetime64[us]
        The dates, and NaT where one is missing.
    """
    values = _numpy(column)
    if values.dtype.kind == "M":
        return values.astype(MOMENT)
    return _converted(values, lambda value: _moment(value, form), MOMENT)


def as_lengths(column):
    """Convert a column of durations to one NumPy array.

    Parameters
    ----------
    column : Series or ndarray of shape (n_samples,)
        Durations of any type.

    Returns
    -------
    lengths : ndarray of shape (n_samples,), timedelta64[us]
        The durations, and NaT where one is missing.
    """
    values = _numpy(column)
    if values.dtype.kind == "m":
        return values.astype(LENGTH)
    return _converted(values, _length, LENGTH)


def is_date(value):
    """Whether a value is a date.

    Parameters
    ----------
    value : object
        A value of a column.

    Returns
    -------
    is_date : bool
        Whether it is a date of Python, NumPy or pandas, or a period of pandas.
    """
    return isinstance(value, date | np.datetime64) or type(value).__name__ == "Period"


def is_duration(value):
    """Whether a value is a duration.

    Parameters
    ----------
    value : object
        A value of a column.

    Returns
    -------
    is_duration : bool
        Whether it is a duration of Python, NumPy or pandas.
    """
    return isinstance(value, timedelta | np.timedelta64)


def is_missing(value):
    """Whether a value is None, NaN, NaT or `pandas.NA`.

    Parameters
    ----------
    value : object
        A value of a column.

    Returns
    -------
    missing : bool
        Whether it is missing.
    """
    if value is None or type(value).__name__ == "NAType":
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # an array, for example
        return False


def _numpy(column):
    if not hasattr(column, "iloc"):
        return np.asarray(column)
    # np.asarray makes objects of pandas.NA and of dates with a time zone; the other way
    # does not know the dates without a time that PyArrow has
    kind, whole_days = column.dtype.kind, ("date32", "date64")
    if kind == "M" and not str(column.dtype).startswith(whole_days):
        return column.to_numpy(dtype=MOMENT, na_value=np.datetime64("NaT", "us"))
    if kind == "m":
        return column.to_numpy(dtype=LENGTH, na_value=np.timedelta64("NaT", "us"))
    return column.astype(object).to_numpy()


def _converted(values, convert, dtype):
    # Each distinct value is converted once. This is slow, and dates are often repeated.
    values = values.astype(object).tolist()
    known = {value: position for position, value in enumerate(dict.fromkeys(values))}
    # NumPy makes NaT of None
    levels = [None if is_missing(value) else convert(value) for value in known]
    rows = np.fromiter(map(known.get, values), dtype=np.intp, count=len(values))
    return np.array(levels, dtype=dtype)[rows]


def _moment(value, form):
    if isinstance(value, str):
        value = parse_date(value, form)
    if not is_date(value):
        raise TypeError(f"{value!r} is not a date")
    value = getattr(value, "start_time", value)  # of a period
    if hasattr(value, "to_pydatetime"):  # a Timestamp; nanoseconds are not kept
        value = value.to_pydatetime(warn=False)
    if getattr(value, "tzinfo", None) is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value


def _length(value):
    if not is_duration(value):
        raise TypeError(f"{value!r} is not a duration")
    if hasattr(value, "to_pytimedelta"):
        value = value.to_pytimedelta()
    return value
