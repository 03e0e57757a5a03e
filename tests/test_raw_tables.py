"""Raw tables of all types: the error names the columns, and its lines prepare them."""

import datetime as dt
import pickle
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from column_helpers import lines_of, message, run
from scipy import sparse as sp

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
N = 60
RNG = np.random.default_rng(0)
AREA = RNG.normal(size=N)
Y = RNG.integers(0, 2, N)
GAPS = np.where(RNG.random(N) < 0.2, np.nan, RNG.normal(size=N))
SOLD = pd.date_range("1999-12-25", periods=N, freq="6h")
CITIES = ["Bonn", "Köln", None] * 20
INTS = [1, 2, None] * 20
TRUE = [True, False, None] * 20
DECIMALS = [Decimal("1.5"), Decimal("2"), None] * 20
LENGTHS = [dt.timedelta(days=1), dt.timedelta(0), None] * 20
DATES = [dt.date(2000, 1, 2), dt.date(2001, 1, 1), None] * 20
CODES = [f"A-{i:03}" for i in range(N)]
REVIEWS = [f"it was a {w} stay number {i}" for i, w in enumerate(["good", "bad"] * 30)]


def frame(**columns):
    return pd.DataFrame({"area": AREA, **columns})


def nullable(values, dtype):
    return pd.array(values, dtype=dtype)


def arrow(values, dtype):
    return pd.Series(values, dtype=pd.ArrowDtype(dtype))


# tables, and what the error says of their columns
CASES = {
    "string with NA": (
        frame(c=nullable(CITIES, "string"), d=["x", "y"] * 30),
        ["text or categories: 'c', 'd'"],
    ),
    "objects with NA": (
        frame(c=pd.Series(["Bonn", pd.NA, "Köln"] * 20, dtype=object)),
        ["text or categories: 'c'"],
    ),
    "arrow string": (frame(c=arrow(CITIES, pa.string())), ["or categories: 'c'"]),
    "dictionary": (
        frame(c=arrow(CITIES, pa.dictionary(pa.int32(), pa.string()))),
        ["text or categories: 'c'"],
    ),
    "category and Int64": (
        frame(c=pd.Categorical(CITIES), i=nullable(INTS, "Int64")),
        ["text or categories: 'c'", "gaps (NaN): 'i'"],
    ),
    "category and boolean": (
        frame(
            c=pd.Categorical(["a", "b"] * 30), b=nullable([True, False] * 30, "boolean")
        ),
        ["text or categories: 'c'"],
    ),
    "category of Int64": (
        frame(c=pd.Series(nullable(INTS, "Int64")).astype("category")),
        ["text or categories: 'c'"],
    ),
    "Int64 and dates": (
        pd.DataFrame({"i": nullable(INTS, "Int64"), "sold": SOLD}),
        ["dates: 'sold'", "gaps (NaN): 'i'"],
    ),
    "boolean and dates": (
        pd.DataFrame({"b": Y == 1, "sold": SOLD}),
        ["dates: 'sold'"],
    ),
    "numpy_nullable": (
        frame(c=CITIES, i=INTS, b=TRUE, sold=SOLD, x=GAPS).convert_dtypes(),
        ["or categories: 'c'", "dates: 'sold'", "gaps (NaN): 'i', 'b', 'x'"],
    ),
    "arrow": (
        frame(
            c=arrow(CITIES, pa.string()),
            i=arrow(INTS, pa.int16()),
            b=arrow(TRUE, pa.bool_()),
            day=arrow(DATES, pa.date32()),
            t=arrow(DATES, pa.timestamp("ms", "UTC")),
            wait=arrow(LENGTHS, pa.duration("s")),
            price=arrow(DECIMALS, pa.decimal128(6, 2)),
            cost=arrow(DECIMALS, pa.decimal128(6, 2)),
        ),
        [
            "or categories: 'c'",
            "dates: 'day', 't'",
            "durations: 'wait'",
            "gaps (NaN): 'i', 'b'",
            "decimals with gaps: 'price', 'cost'",
        ],
    ),
    "decimals": (
        frame(p=pd.Series(DECIMALS, dtype=object), q=[Decimal("1.5"), Decimal(2)] * 30),
        ["gaps (NaN): 'p'"],
    ),
    "decimals beside dates": (
        pd.DataFrame(
            {"p": arrow([Decimal("1.5")] * N, pa.decimal128(6, 2)), "d": SOLD}
        ),
        ["dates: 'd'"],
    ),
    "only dates": (pd.DataFrame({"sold": SOLD}), ["dates: 'sold'"]),
    "only dates with gaps": (
        pd.DataFrame({"a": SOLD.where(Y == 1), "b": SOLD}),
        ["dates: 'a', 'b'"],
    ),
    "only dates with time zone": (
        pd.DataFrame({"a": SOLD.tz_localize("Europe/Berlin")}),
        ["dates: 'a'"],
    ),
    "only periods": (pd.DataFrame({"a": SOLD.to_period("D")}), ["dates: 'a'"]),
    "only dates of arrow": (
        pd.DataFrame({"a": arrow(SOLD.to_pydatetime(), pa.timestamp("us"))}),
        ["dates: 'a'"],
    ),
    "only categories of dates": (
        pd.DataFrame({"a": pd.Categorical(SOLD[:3].repeat(20))}),
        ["text or categories: 'a'"],
    ),
    "only durations": (pd.DataFrame({"wait": SOLD - SOLD[0]}), ["durations: 'wait'"]),
    "array of dates": (np.c_[SOLD, SOLD], ["dates: 0, 1"]),
    "array of durations": (np.c_[SOLD - SOLD[0]], ["durations: 0"]),
    "list of dates": ([[date] for date in SOLD.to_numpy()], ["dates: 0"]),
    "list of Timestamps": ([[date, 1.0] for date in SOLD], ["dates: 0"]),
    "dates as text": (
        frame(sold=SOLD.strftime("%Y-%m-%d %H:%M"), day=SOLD.strftime("%d.%m.%Y")),
        ["dates stored as text: 'sold', 'day'"],
    ),
    "dates as string with NA": (
        frame(sold=nullable(["2000-01-02", "2001-02-03", None] * 20, "string")),
        ["dates stored as text: 'sold'"],
    ),
    "identifiers": (
        frame(id=CODES, c=CITIES),
        ["text or categories: 'c'", "identifiers (text that differs in almost all ro"],
    ),
    "only identifiers": (
        pd.DataFrame({"id": CODES}),
        ["text or categories: 'id'"],
    ),
    "long text": (frame(review=REVIEWS), ["long text: 'review'"]),
    "long text with gaps": (
        frame(a=[*REVIEWS[1:], None], b=nullable([*REVIEWS[1:], None], "string")),
        ["long text: 'a', 'b'"],
    ),
    "numbers as text": (
        frame(hour=[str(i % 24) for i in range(N)], c=CITIES),
        [
            "categories: 'c'",
            "numbers stored as text, which are used as numbers: 'hour'",
        ],
    ),
    "numbers as text with gaps": (
        frame(price=pd.Series(["1.5", "2", None] * 20, dtype=object)),
        ["gaps (NaN): 'price'", "text, which are used as numbers: 'price'"],
    ),
    "codes with zeros": (
        frame(code=["01099", "10115", None] * 20),
        ["text or categories: 'code'"],
    ),
    "polars": (
        pl.DataFrame(
            {
                "area": AREA,
                "i": INTS,
                "b": TRUE,
                "c": CITIES,
                "k": pl.Series(CITIES, dtype=pl.Categorical),
                "e": pl.Series(CITIES, dtype=pl.Enum(["Bonn", "Köln"])),
                "day": DATES,
                "t": pl.Series(DATES).cast(pl.Datetime("us", "Europe/Berlin")),
                "wait": LENGTHS,
                "p": pl.Series(DECIMALS, dtype=pl.Decimal(6, 2)),
                "hour": ["1", "2", "3"] * 20,
            }
        ),
        [
            "text or categories: 'c', 'k', 'e'",
            "dates: 'day', 't'",
            "durations: 'wait'",
            "gaps (NaN): 'i', 'b', 'p'",
        ],
    ),
    "only dates of polars": (pl.DataFrame({"day": DATES}), ["dates: 'day'"]),
    "only durations of polars": (pl.DataFrame({"w": LENGTHS}), ["durations: 'w'"]),
    "texts of polars": (
        pl.DataFrame(
            {
                "area": AREA,
                "id": CODES,
                "review": [*REVIEWS[1:], None],
                "sold": ["2000-01-02", "2001-02-03", None] * 20,
            }
        ),
        ["long text: 'review'", "identifiers", "dates stored as text: 'sold'"],
    ),
    "array of objects": (
        np.c_[frame(c=CITIES, sold=SOLD, x=GAPS).astype(object), CODES],
        ["categories: 1", "identifiers", "dates: 2", "gaps (NaN): 3"],
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDClassifier])
def test_the_lines_of_the_error_run(estimator, case):
    X, said = CASES[case]
    text = message(estimator(max_iter=2, tol=None).fit, X, Y)
    assert f"Columns that {estimator.__name__} cannot use as they are:\n" in text
    for line in said:
        assert line in text, text
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = run(lines_of(text).replace("MLPGDClassifier()", QUICK), X, Y)["model"]
        predicted = model.predict(X)
        assert np.isfinite(predicted).all()
    # every step comes from a module, so that another process can load the pipeline
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).predict(X), predicted
    )


QUICK = "MLPGDClassifier(max_iter=2, tol=None, alpha=0.01, early_stopping=False)"


@pytest.mark.parametrize("case", CASES)
def test_the_lines_for_a_stream_run(case):
    X, _ = CASES[case]
    names = run(lines_of(message(GDClassifier().partial_fit, X, Y)), X, Y)
    prepared = names["preprocess"].transform(X)
    assert np.isfinite(names["model"].predict(prepared)).all()


@pytest.mark.parametrize("case", CASES)
def test_prediction_says_the_same(case):
    X, said = CASES[case]
    n_features = len(X[0]) if isinstance(X, list) else X.shape[1]
    train = np.random.default_rng(0).normal(size=(N, n_features))
    if hasattr(X, "columns"):
        train = pd.DataFrame(train, columns=list(X.columns))
    model = GDClassifier(max_iter=2, tol=None).fit(train, Y)
    before = {**model.__dict__}
    text = message(model.predict, X)
    assert all(line in text for line in said)
    assert model.__dict__ == before


def test_the_lines_are_as_written_here():
    X = frame(c=CITIES, d=nullable(CITIES, "string"), sold=SOLD, id=CODES, t=REVIEWS)
    assert lines_of(message(GDRegressor().fit, X, Y)) == (
        """\
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from skgd import GDRegressor
from skgd.preprocessing import DatetimeEncoder

date_steps = make_pipeline(
    DatetimeEncoder(),
    SimpleImputer(strategy="median", add_indicator=True),
)
text_steps = make_pipeline(
    SimpleImputer(missing_values=pd.NA, strategy="constant", fill_value="missing"),
    OneHotEncoder(handle_unknown="ignore"),
)
preprocess = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), ["c"]),
    (text_steps, ["d"]),
    (TfidfVectorizer(max_features=1000), "t"),
    ("drop", ["id"]),
    (date_steps, ["sold"]),
    remainder="passthrough",
)
model = make_pipeline(preprocess, GDRegressor()).fit(X, y)"""
    )


def test_dates_as_text_become_one_column():
    X = pd.DataFrame({"sold": SOLD.strftime("%Y-%m-%d"), "area": AREA})
    model = run(lines_of(message(GDRegressor().fit, X, Y)), X, Y)["model"]
    assert model[0].transform(X).shape == (N, 2)


def test_many_levels_and_identifiers_do_not_become_many_columns():
    n = 20_000
    X = pd.DataFrame(
        {
            "id": [f"id {i}" for i in range(n)],
            "street": [f"street {i % 4000}" for i in range(n)],
            "kind": pd.Categorical([f"k{i % 3000}" for i in range(n)]),
            "part": nullable([f"p{i % 2000}" for i in range(n - 1)] + [None], "string"),
            "area": np.arange(n) % 7,
        }
    )
    y = X.area > 3
    text = message(GDClassifier().fit, X, y)
    assert "levels: 'street', 'kind', 'part'\n" in text
    assert "almost all rows): 'id'\n" in text
    prepared = run(lines_of(text), X, y)["model"][0].transform(X)
    assert sp.issparse(prepared)
    assert prepared.shape == (n, 3 * 100 + 1)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_query_of_polars_is_collected_first(estimator):
    X = pl.DataFrame({"area": AREA})
    model = estimator(max_iter=2, tol=None).fit(X, Y)
    for call, args in ((estimator().fit, (Y,)), (model.predict, ())):
        assert "X is a LazyFrame" in message(call, X.lazy(), *args)


def test_columns_of_polars_that_need_a_decision_first():
    X = pl.DataFrame({"area": AREA, "c": CITIES, "x": ["1", "2", "?"] * 20})
    text = message(GDClassifier().fit, X, Y)
    assert "    values of several types, or objects: 'x'\n" in text
    names = {"pl": pl, "np": np, "column": "x", "X": X}
    for advice in (
        "X.with_columns(pl.col(column).cast(pl.Float64, strict=False))",
        "X.with_columns(pl.col(column).cast(pl.Categorical))",
    ):
        assert advice in text
        decided = eval(advice, names)
        assert run(lines_of(message(GDClassifier().fit, decided, Y)), decided, Y)
    X = X.select("area", x=np.where(Y == 1, np.inf, AREA))
    text = message(GDClassifier().fit, X, Y)
    advice = "X.with_columns(pl.col(column).replace([np.inf, -np.inf], None))"
    assert "    infinity: 'x'\n" in text
    assert advice in text
    assert "gaps (NaN): 'x'" in message(
        GDClassifier().fit, eval(advice, {**names, "X": X}), Y
    )


HOURS = [str(i % 24) for i in range(N)]


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("X", "names"),
    [
        (frame(hour=HOURS), "'hour'"),
        (frame(hour=pd.Series(HOURS, dtype=object)), "'hour'"),
        (frame(hour=nullable(HOURS, "string")), "'hour'"),
        (frame(a=pd.Categorical(HOURS), hour=HOURS), "'a', 'hour'"),
        (pd.DataFrame({7: AREA, 3: HOURS}), "1"),
        (pl.DataFrame({"area": AREA, "hour": HOURS}), "'hour'"),
        (np.array([AREA, HOURS], dtype=object).T, "1"),
        (np.array([HOURS, HOURS]).T, "0, 1"),
        ([[1.0, hour] for hour in HOURS], "1"),
    ],
    ids=[
        "str",
        "object",
        "string",
        "category",
        "numbered",
        "polars",
        "objects",
        "text",
        "list",
    ],
)
def test_numbers_that_are_stored_as_text_are_named(estimator, X, names):
    model = estimator(max_iter=2, tol=None, early_stopping=False)
    said = f"contain numbers stored as text: {names}. .*astype.float."
    with pytest.warns(UserWarning, match=said):
        model.fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.predict(X)
        # a stream is warned of its first piece only
        model.partial_fit(X, Y)


@pytest.mark.parametrize(
    "X",
    [
        np.c_[AREA, Y].astype(object),
        np.c_[AREA, Y].astype(object).tolist(),
        pd.DataFrame({"a": AREA, "b": Y == 1}).astype(object),
        frame(c=pd.Categorical(Y), d=[Decimal(2)] * N, i=nullable(Y, "Int64")),
        pl.DataFrame({"a": AREA, "p": pl.Series([Decimal(2)] * N)}),
        sp.csr_array(np.c_[AREA, Y]),
    ],
    ids=["array", "list", "frame", "categories", "polars", "csr"],
)
def test_numbers_as_objects_are_numbers(X):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        GDClassifier(max_iter=2, tol=None).fit(X, Y).predict(X)
