"""What each column of a table is, for tables of all types."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse as sp

from skgd._data.columns import KINDS, Column, as_floats, columns_of

N = 60
DAYS = pd.Series(pd.date_range("1999-12-25", periods=N, freq="6h"))
CITIES = ["Bonn", "Köln", None] * 20
TRUE = [True, False, None] * 20
INTS = [1, 2, None] * 20
DECIMALS = [Decimal("1.5"), Decimal("2"), None] * 20
LENGTHS = [dt.timedelta(days=1), dt.timedelta(0), None] * 20
DATES = [dt.date(2000, 1, 2), dt.date(2001, 1, 1), None] * 20
CODES = [f"A-{i:03}" for i in range(N)]
REVIEWS = [f"it was a very good stay number {i}" for i in range(N)]


def arrow(values, dtype):
    return pd.Series(values, dtype=pd.ArrowDtype(dtype))


def series(values, dtype=object):
    return pd.Series(values, dtype=dtype)


def dictionary():
    return pd.Series(
        pd.arrays.ArrowExtensionArray(pa.array(CITIES).dictionary_encode())
    )


# columns of pandas by their kinds; those with NA are left with pandas.NA in an array
PANDAS = {
    "number": {
        "float64": np.where(np.arange(N) % 3 == 2, np.nan, 1.0),
        "Int64": pd.array(INTS, dtype="Int64"),
        "Float64": pd.array(INTS, dtype="Float64"),
        "objects": series([1, 2.5, None] * 20),
        "NA": series([1, 2, pd.NA] * 20),
        "decimals": series(DECIMALS),
        "decimals of arrow": arrow(DECIMALS, pa.decimal128(6, 2)),
        "ints of arrow": arrow(INTS, pa.int32()),
        "floats of arrow": arrow(INTS, pa.float32()),
        "sparse": pd.arrays.SparseArray(np.where(np.arange(N) % 2, 1.0, np.nan)),
        "nothing": series([None] * N),
    },
    "boolean": {
        "objects": series(TRUE),
        "nullable": pd.array(TRUE, dtype="boolean"),
        "arrow": arrow(TRUE, pa.bool_()),
    },
    "category": {
        "texts": pd.Categorical(CITIES),
        "numbers": pd.Categorical(INTS),
        "Int64": pd.Series(pd.array(INTS, dtype="Int64")).astype("category"),
        "NA": pd.Series(pd.array(CITIES, dtype="string")).astype("category"),
        "dictionary NA": dictionary(),
    },
    "text": {
        "str": pd.Series(CITIES),
        "objects": series(CITIES),
        "NA": series(["Bonn", "Köln", pd.NA] * 20),
        "string NA": pd.array(CITIES, dtype="string"),
        "string of arrow NA": pd.array(CITIES, dtype="string[pyarrow]"),
        "arrow NA": arrow(CITIES, pa.string()),
        "codes": series(["01099", "10115", None] * 20),
    },
    "number as text": {
        "objects": series(["1.5", "2", None] * 20),
        "mixed": series(["1.5", 2, None] * 20),
        "nan": series(["1.5", "2", "nan"] * 20),
        "NA": pd.array(["1.5", "2", None] * 20, dtype="string"),
    },
    "date": {
        "NaT": DAYS.where(DAYS.dt.year > 1999),
        "zone": DAYS.dt.tz_localize("Europe/Berlin").where(DAYS.dt.year > 1999),
        "seconds": DAYS.dt.as_unit("s").where(DAYS.dt.year > 1999),
        "periods": DAYS.dt.to_period("D").where(DAYS.dt.year > 1999),
        "objects": series(DATES),
        "timestamps": DAYS.astype(object).where(DAYS.dt.year > 1999),
        "dates of arrow": arrow(DATES, pa.date32()),
        "arrow": arrow(DATES, pa.timestamp("ms")),
    },
    "date as text": {
        "ISO": series(["2000-01-02", "2001-02-03 04:05", None] * 20),
        "NA": pd.array(["31.12.2000", "01.02.2001", None] * 20, dtype="string"),
        "slashes": series(["12/31/2000", "1/2/2001", None] * 20),
    },
    "duration": {
        "timedelta": series(LENGTHS, "timedelta64[s]"),
        "objects": series(LENGTHS),
        "arrow": arrow(LENGTHS, pa.duration("ms")),
    },
    "identifier": {"objects": series([*CODES[:-1], None])},
    "long text": {"str": pd.Series([*REVIEWS[:-1], None])},
    "object": {
        "mixed": series(["a", 1.5, None] * 20),
        "lists": series([[1], [2], None] * 20),
        "times": series([dt.time(1), None] * 30),
        "times of arrow": arrow([dt.time(1), None] * 30, pa.time64("us")),
        "intervals": pd.Series(pd.interval_range(0, N)).where(DAYS.dt.year > 1999),
        "mixed categories": pd.Categorical(["a", 1, None] * 20),
    },
}
POLARS = {
    "number": {
        "ints": pl.Series(INTS),
        "floats": pl.Series([1.0, 2.0, None] * 20),
        "NaN": pl.Series([1.0, 2.0, float("nan")] * 20),
        "decimals": pl.Series(DECIMALS, dtype=pl.Decimal(6, 2)),
        "nothing": pl.Series([None] * N),
    },
    "boolean": {"booleans": pl.Series(TRUE)},
    "category": {
        "categories": pl.Series(CITIES, dtype=pl.Categorical),
        "enum": pl.Series(CITIES, dtype=pl.Enum(["Bonn", "Köln"])),
    },
    "text": {"texts": pl.Series(CITIES)},
    "number as text": {"texts": pl.Series(["1.5", "2", None] * 20)},
    "date": {
        "dates": pl.Series(DATES),
        "times": pl.Series(DATES).cast(pl.Datetime("ms")),
        "zone": pl.Series(DATES).cast(pl.Datetime("us", "Europe/Berlin")),
    },
    "date as text": {"ISO": pl.Series(["2000-01-02", "2001-02-03", None] * 20)},
    "duration": {"lengths": pl.Series(LENGTHS)},
    "identifier": {"codes": pl.Series([*CODES[:-1], None])},
    "long text": {"reviews": pl.Series([*REVIEWS[:-1], None])},
    "object": {
        "lists": pl.Series([[1], None] * 30),
        "times": pl.Series([dt.time(1), None] * 30),
        "objects": pl.Series([{1}, None] * 30, dtype=pl.Object),
    },
}
assert PANDAS.keys() == POLARS.keys() == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("library", ["pandas", "polars", "objects"])
def test_kinds_of_columns(kind, library):
    columns = (POLARS if library == "polars" else PANDAS)[kind]
    X = pl.DataFrame(columns) if library == "polars" else pd.DataFrame(columns)
    if library == "objects":  # of which only categories say what they are
        X = X.astype(object).to_numpy()
    for column, name in zip(columns_of(X), columns, strict=True):
        if kind == "category" and library == "objects":
            assert column.kind in ("text", "number")
            continue
        expected = kind if name != "sparse" else "number"
        assert (column.kind, column.has_missing) == (expected, True), name
        assert not column.has_infinity
        assert column.name == (name if library != "objects" else column.position)
        if library == "pandas" and kind in ("text", "category", "number as text"):
            assert column.has_na == name.endswith("NA"), name


def test_without_missing_values():
    full = {
        f"{kind} {name}": pd.Series(values).dropna().to_numpy()[:20]
        for kind, columns in PANDAS.items()
        for name, values in columns.items()
        if name not in ("nothing", "nan")
    }
    for name, values in full.items():
        (column,) = columns_of(pd.DataFrame({"x": values}))
        assert not column.has_missing, name


def test_a_column_is_described():
    numbers = ["1", "?", "-3.5", "inf", None, "-"] * 10
    X = pd.DataFrame({"city": CITIES, "n": numbers}, dtype=object)
    assert columns_of(X) == [
        Column("city", 0, "text", True, n_levels=2, dtype="object"),
        Column("n", 1, "number as text", True, True, strays=("?", "-"), dtype="object"),
    ]


@pytest.mark.parametrize(
    "X",
    [
        np.array([[1.0, np.inf, 2.0], [1.0, np.nan, np.nan]]),
        [[1.0, np.inf, 2.0], [1.0, None, np.nan]],
        sp.csr_array([[1.0, np.inf, 2.0], [1.0, np.nan, np.nan]]),
        pd.DataFrame([[1.0, np.inf, 2.0], [1.0, np.nan, np.nan]]),
        pl.DataFrame([[1.0, 1.0], [np.inf, np.nan], [2.0, np.nan]]),
    ],
    ids=["array", "list", "csr", "pandas", "polars"],
)
def test_numbers(X):
    columns = columns_of(X)
    assert [c.kind for c in columns] == ["number"] * 3
    assert [c.has_missing for c in columns] == [False, True, True]
    assert [c.has_infinity for c in columns] == [False, True, False]


def test_names():
    numbers = np.zeros((2, 2))
    for names, expected in (
        (["a", "b"], ["a", "b"]),
        ([7, "b"], [0, 1]),
        (["a", "a"], [0, 1]),
    ):
        X = pd.DataFrame(numbers, columns=names)
        assert [column.name for column in columns_of(X)] == expected
    assert columns_of(np.zeros(3)) == []


def test_few_rows_have_no_identifiers():
    X = pd.DataFrame({"id": CODES, "text": REVIEWS})
    assert [c.kind for c in columns_of(X)] == ["identifier", "long text"]
    assert columns_of(X[:40])[0].kind == "text"
    # a city may be rare; an answer of a survey is long, and many give it
    X = pd.DataFrame({"id": CODES[:40] + CODES[:20], "text": REVIEWS[:20] * 3})
    assert [c.kind for c in columns_of(X)] == ["text", "text"]


def test_a_query_of_polars_is_collected_first():
    with pytest.raises(TypeError, match=r"LazyFrame.*Pass X.collect\(\) instead"):
        columns_of(pl.LazyFrame({"a": [1]}))


@pytest.mark.parametrize("table", [PANDAS, POLARS], ids=["pandas", "polars"])
def test_numbers_of_all_types_become_floats(table):
    make = pd.Series if table is PANDAS else pl.Series
    for values in table["number"].values():
        numbers = as_floats(make(values))
        assert numbers.dtype == np.float64
        assert np.isnan(numbers).any()


def test_texts_of_a_large_table_are_sampled(monkeypatch):
    from skgd._data import columns

    looked_at = []
    parse = columns.find_format
    monkeypatch.setattr(
        columns,
        "find_format",
        lambda texts: looked_at.append(len(texts)) or parse(texts),
    )
    X = np.array([f"code {i % 40_000}" for i in range(80_000)], dtype=object)
    (column,) = columns_of(X[:, np.newaxis])
    assert (column.kind, column.n_levels) == ("text", 40_000)
    assert sum(looked_at) <= 1
