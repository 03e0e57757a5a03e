"""Transformers for the columns of raw tables."""

import datetime as dt
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse as sp
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array
from sklearn.utils.estimator_checks import check_estimator

from skgd.preprocessing import DatetimeEncoder

# 1.5 days after 2000-01-01, 366 days after it, and a missing date
MOMENTS = [dt.datetime(2000, 1, 2, 12), dt.datetime(2001, 1, 1), None]
DAYS = np.array([1.5, 366.0, np.nan])
SERIES = pd.Series(MOMENTS, dtype="datetime64[ns]")
WHOLE = [dt.date(2000, 1, 2), dt.date(2001, 1, 1), None]


def arrow(values, dtype):
    return pd.array(values, dtype=pd.ArrowDtype(dtype))


# a column with these dates, in each container; whole days where a type has no times
CASES = {
    "ns": pd.DataFrame({"d": SERIES}),
    "us": pd.DataFrame({"d": SERIES.dt.as_unit("us")}),
    "s": pd.DataFrame({"d": SERIES.dt.as_unit("s")}),
    "UTC": pd.DataFrame({"d": SERIES.dt.tz_localize("UTC")}),
    "Berlin": pd.DataFrame(
        {"d": SERIES.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")}
    ),
    "objects": pd.DataFrame({"d": pd.Series(MOMENTS, dtype=object)}),
    "hours": pd.DataFrame({"d": SERIES.dt.to_period("h")}),
    "categories": pd.DataFrame({"d": SERIES.astype("category")}),
    "arrow": pd.DataFrame({"d": arrow(MOMENTS, pa.timestamp("us"))}),
    "arrow UTC": pd.DataFrame({"d": arrow(MOMENTS, pa.timestamp("s", tz="UTC"))}),
    "str": pd.DataFrame({"d": ["2000-01-02 12:00", "2001-01-01", None]}),
    "string": pd.DataFrame(
        {"d": pd.array(["2000-01-02T12:00Z", "2001-01-01", pd.NA], dtype="string")}
    ),
    "offset": pd.DataFrame({"d": ["2000-01-02 14:00+02:00", "2001-01-01", None]}),
    "points": pd.DataFrame({"d": ["02.01.2000 12:00", "01.01.2001 00:00", np.nan]}),
    "slashes": pd.DataFrame({"d": ["01/02/2000 12:00", "01/01/2001 00:00", None]}),
    "polars": pl.DataFrame({"d": MOMENTS}),
    "polars UTC": pl.DataFrame({"d": pl.Series(MOMENTS).dt.replace_time_zone("UTC")}),
    "polars text": pl.DataFrame({"d": ["2000-01-02 12:00", "2001-01-01 00:00", None]}),
    "array": SERIES.to_numpy()[:, np.newaxis],
    "array of hours": SERIES.to_numpy().astype("datetime64[h]")[:, np.newaxis],
    "array of objects": np.array(MOMENTS, dtype=object)[:, np.newaxis],
    "list": [[moment] for moment in MOMENTS],
    "list of text": [["2000-01-02 12:00"], ["2001-01-01"], [None]],
    "dates": pd.DataFrame({"d": pd.Series(WHOLE, dtype=object)}),
    "arrow dates": pd.DataFrame({"d": arrow(WHOLE, pa.date32())}),
    "polars dates": pl.DataFrame({"d": WHOLE}),
    "periods": pd.DataFrame({"d": SERIES.dt.to_period("D")}),
    "whole days": pd.DataFrame({"d": ["2 Jan 2000", "1 Jan 2001", None]}),
}
LENGTHS = [dt.timedelta(days=1, hours=12), dt.timedelta(days=366), None]
DURATIONS = {
    "ns": pd.DataFrame({"d": pd.Series(LENGTHS, dtype="timedelta64[ns]")}),
    "s": pd.DataFrame({"d": pd.Series(LENGTHS, dtype="timedelta64[s]")}),
    "objects": pd.DataFrame({"d": pd.Series(LENGTHS, dtype=object)}),
    "arrow": pd.DataFrame({"d": arrow(LENGTHS, pa.duration("ms"))}),
    "polars": pl.DataFrame({"d": LENGTHS}),
    "array": np.array(LENGTHS, dtype="timedelta64[m]")[:, np.newaxis],
    "list": [[length] for length in LENGTHS],
}


@pytest.mark.parametrize("case", CASES)
def test_dates_of_all_types(case):
    days = DatetimeEncoder().fit_transform(CASES[case])
    assert days.dtype == np.float64
    whole = case in ("dates", "arrow dates", "polars dates", "periods", "whole days")
    np.testing.assert_array_equal(days[:, 0], np.floor(DAYS) if whole else DAYS)


@pytest.mark.parametrize("case", DURATIONS)
def test_durations_of_all_types(case):
    encoder = DatetimeEncoder(periods=["day"])  # durations have no phase
    np.testing.assert_array_equal(encoder.fit_transform(DURATIONS[case])[:, 0], DAYS)
    assert encoder.kinds_ == ["duration"]
    assert len(encoder.get_feature_names_out()) == 1


def test_phases():
    X = pd.DataFrame(
        {"d": ["2000-01-03", "2000-07-02", "2001-07-02 12:00", "1999-12-31 18:00"]}
    )
    encoder = DatetimeEncoder(periods=("day", "week", "year"))
    waves = encoder.fit_transform(X)[:, 1:].reshape(4, 3, 2)
    phases = np.arctan2(waves[..., 0], waves[..., 1]) / (2 * np.pi) % 1
    # Monday, Sunday, Monday and Friday; 2000 has 366 days, and the others have 365
    expected = [
        [0, 0, 2 / 366],
        [0, 6 / 7, 0.5],
        [0.5, 0.5 / 7, 0.5],
        [0.75, 4.75 / 7, 364.75 / 365],
    ]
    np.testing.assert_allclose(phases, expected, atol=1e-12)
    np.testing.assert_allclose((waves**2).sum(axis=2), 1)
    names = [f"d_{p}_{w}" for p in ("day", "week", "year") for w in ("sin", "cos")]
    assert encoder.get_feature_names_out().tolist() == ["d", *names]


def test_several_columns_keep_their_kinds():
    X = pd.DataFrame(
        {"a": SERIES, "b": ["31/12/2000", "01/02/2000", None], "c": LENGTHS}
    )
    encoder = DatetimeEncoder(periods=["year"]).fit(X)
    assert encoder.kinds_ == ["date", "date as text", "duration"]
    assert encoder.formats_ == [None, "%d/%m/%Y", None]
    names = ["a", "a_year_sin", "a_year_cos", "b", "b_year_sin", "b_year_cos", "c"]
    assert encoder.get_feature_names_out().tolist() == names
    # the second of January or of February is a question that `fit` has answered
    new = X.assign(b="02/01/2000")
    np.testing.assert_array_equal(encoder.transform(new)[:, 3], 1)
    copied = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(copied.transform(X), encoder.transform(X))
    assert clone(encoder).get_params() == encoder.get_params()
    assert not hasattr(clone(encoder), "kinds_")


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("31.12.2000", 365),
        ("12/31/00", 365),
        ("31/12/2000 12:00", 365.5),
        ("2000/12/31 18:00:00", 365.75),
        ("31-Dec-2000", 365),
        ("Dec 31, 2000 06:00 PM", 365.75),
        ("31-12-2000", 365),
        ("2000-12", 335),
        ("2000-12-31T12:00:00.000001Z", 365.5 + 1e-6 / 86400),
    ],
)
def test_formats_that_are_found(text, days):
    assert DatetimeEncoder().fit_transform([[text]]) == pytest.approx(days, rel=1e-15)


def test_a_format_of_the_user():
    X = pd.DataFrame({"a": ["20000102", "20010101"], "b": ["01/02/00", "01/01/01"]})
    assert DatetimeEncoder(format="%Y%m%d").fit_transform(X[["a"]])[0] == 1
    assert DatetimeEncoder(format="%d/%m/%y").fit_transform(X[["b"]])[0] == 31
    encoder = DatetimeEncoder(format="%Y%m%d").fit(X[["a"]].to_numpy())
    with pytest.raises(ValueError, match="column 0.*format '%Y%m%d'.*01/02/00"):
        encoder.transform(X[["b"]].to_numpy())


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_output_of_a_library(library):
    X = pd.DataFrame({"d": SERIES}).set_index(pd.Index([7, 8, 9]))
    X = X if library == "pandas" else pl.from_pandas(X)
    encoder = DatetimeEncoder(periods=["week"]).set_output(transform=library)
    out = encoder.fit_transform(X)
    assert type(out) is type(X)
    assert list(out.columns) == ["d", "d_week_sin", "d_week_cos"]
    np.testing.assert_array_equal(out["d"].to_numpy(), DAYS)
    if library == "pandas":
        assert out.index.tolist() == [7, 8, 9]


def test_in_a_column_transformer():
    X = pd.DataFrame({"n": [1.0, 2.0, 3.0], "d": SERIES})
    both = make_column_transformer(
        (DatetimeEncoder(periods=["day"]), ["d"]), remainder="passthrough"
    )
    assert both.fit_transform(X).shape == (3, 4)
    assert "datetimeencoder__d_day_cos" in both.get_feature_names_out()


def test_a_column_without_any_date():
    X = pd.DataFrame({"d": pd.Series([None] * 3, dtype=object), "e": pd.NaT})
    out = DatetimeEncoder().fit(X).transform(X)
    assert out.shape == (3, 2)
    assert np.isnan(out).all()


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (pd.DataFrame({"n": [1.5, 2.0]}), "Column 'n' contains other .* example 1.5"),
        (pd.DataFrame({"n": [True, False]}), "Column 'n' contains other values"),
        (pd.DataFrame({"t": ["2000-01-01", "?"]}), "Column 't' .* set the 'format'"),
        ([["2000-01-01"], [1]], "Column 0 contains other"),
        (SERIES.to_numpy(), "Expected 2D array, got 1D array"),
        (sp.csr_array([[1.0]]), "Sparse data was passed"),
        (pl.LazyFrame({"d": WHOLE}), r"X is a LazyFrame.*X.collect\(\)"),
    ],
    ids=["numbers", "booleans", "stray", "mixed", "1D", "sparse", "lazy"],
)
def test_other_data_are_errors(X, said):
    encoder = DatetimeEncoder().fit(CASES["ns"])
    before = {**encoder.__dict__}
    with pytest.raises((TypeError, ValueError), match=said):
        encoder.fit(X)
    assert encoder.__dict__ == before


def test_transform_expects_what_fit_has_seen():
    with pytest.raises(NotFittedError):
        DatetimeEncoder().transform(CASES["ns"])
    encoder = DatetimeEncoder().fit(CASES["str"])
    with pytest.raises(ValueError, match="'d'.* as text'.*'ISO8601'.*'31.12.2000'"):
        encoder.transform(pd.DataFrame({"d": ["31.12.2000"]}))
    with pytest.raises(ValueError, match="'d'.*is not a duration"):
        DatetimeEncoder().fit(DURATIONS["ns"]).transform(CASES["ns"])
    with pytest.raises(ValueError, match="feature names should match"):
        encoder.transform(pd.DataFrame({"e": SERIES}))
    with pytest.raises(ValueError, match="'d'.* out of range"):
        encoder.transform(pd.DataFrame({"d": ["0001-01-01T00:00+10:00"]}))
    # a date is a date, however it is stored
    np.testing.assert_array_equal(encoder.transform(CASES["polars"])[:, 0], DAYS)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"periods": "day"}, "'periods' parameter .* Got 'day' instead"),
        ({"periods": ["month"]}, r"'day', 'week', 'year'. Got \['month'\] instead"),
        ({"periods": 1}, "'periods' parameter .* Got 1 instead"),
        ({"format": 1}, "'format' parameter .* Got 1 instead"),
    ],
)
def test_parameters_are_checked(parameters, said):
    with pytest.raises(ValueError, match=said):
        DatetimeEncoder(**parameters).fit(CASES["ns"])


class OfNumbers(DatetimeEncoder):
    """An encoder of numbers of days, since the checks of scikit-learn pass numbers."""

    def fit(self, X, y=None):
        check_array(X, ensure_all_finite="allow-nan")
        return super().fit(self.moments(X))

    def transform(self, X):
        return super().transform(self.moments(X))

    @staticmethod
    def moments(X):
        if sp.issparse(X) or np.asarray(X).ndim != 2:
            return X
        days = np.nan_to_num(np.asarray(X, dtype=float))
        moments = (days * 86400e6).astype("timedelta64[us]") + np.datetime64(
            "2000-01-01"
        )
        return (
            pd.DataFrame(moments, columns=X.columns)
            if hasattr(X, "columns")
            else moments
        )


def test_checks_of_scikit_learn():
    check_estimator(OfNumbers(periods=["day"]))
