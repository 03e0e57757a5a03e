"""Columns that are no numbers or have gaps: the error names them, and its lines run."""

import traceback

import numpy as np
import pandas as pd
import pytest
from column_helpers import lines_of, message, run
from scipy import sparse as sp
from sklearn.base import is_classifier

from skgd import (
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
    learning_rate_range,
)
from skgd._data import features

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
N = 60
RNG = np.random.default_rng(0)
NUMBERS = pd.DataFrame({"area": RNG.normal(size=N), "floor": RNG.integers(0, 5, N)})
Y = RNG.integers(0, 2, N)
CITY = RNG.choice(["Bonn", "Köln", 'a "b"'], N)
GAPS = np.where(RNG.random(N) < 0.2, np.nan, RNG.normal(size=N))
DAYS = pd.date_range("1999-12-25", periods=N, freq="6h")
ARRAY = np.c_[NUMBERS, GAPS]


def with_(**columns):
    return NUMBERS.assign(**columns)


# data, and what the error says of them
CASES = {
    "text": (with_(city=CITY), ["text or categories: 'city'"]),
    "category": (with_(c=pd.Categorical(CITY)), ["text or categories: 'c'"]),
    "text with gaps": (
        with_(c=pd.Series(["a", None, np.nan] * 20, dtype=object)),
        ["text or categories: 'c'"],
    ),
    "gaps": (with_(rooms=GAPS), ["gaps (NaN): 'rooms'"]),
    "nullable": (
        with_(
            i=pd.array([1, 2, None] * 20, dtype="Int64"),
            b=pd.array([True, False, None] * 20, dtype="boolean"),
        ),
        ["gaps (NaN): 'i', 'b'"],
    ),
    "bool as object": (
        with_(b=pd.Series([True, False, None] * 20, dtype=object)),
        ["gaps (NaN): 'b'"],
    ),
    "numbers as text, with gaps": (
        with_(b=pd.Series(["1.5", "2", None] * 20, dtype=object)),
        ["gaps (NaN): 'b'"],
    ),
    "dates": (with_(sold=DAYS), ["dates: 'sold'"]),
    "dates with time zone and gaps": (
        with_(sold=DAYS.tz_localize("UTC").where(GAPS == GAPS)),
        ["dates: 'sold'"],
    ),
    "dates as objects": (with_(d=DAYS.date), ["dates: 'd'"]),
    "periods": (with_(d=DAYS.to_period("D")), ["dates: 'd'"]),
    "all": (
        with_(city=CITY, day=pd.Categorical(CITY), rooms=GAPS, sold=DAYS),
        ["text or categories: 'city', 'day'", "dates: 'sold'", "gaps (NaN): 'rooms'"],
    ),
    "many": (
        with_(**{f"c{i}": CITY for i in range(12)}, rooms=GAPS),
        ["categories: 'c0', 'c1', 'c2', 'c3', 'c4' and 7 more", "gaps (NaN): 'rooms'"],
    ),
    "many, and dates": (
        with_(**{f"c{i}": CITY for i in range(6)}, sold=DAYS),
        ["categories: 'c0', 'c1', 'c2', 'c3', 'c4' and 1 more", "dates: 'sold'"],
    ),
    "numbered columns": (
        pd.DataFrame({7: NUMBERS.area, 3: CITY}),
        ["text or categories: 1"],
    ),
    "array": (ARRAY, ["gaps (NaN): 2"]),
    "array of float32": (ARRAY.astype(np.float32), ["gaps (NaN): 2"]),
    "array of objects": (
        np.c_[ARRAY.astype(object), CITY],
        ["text or categories: 3", "gaps (NaN): 2"],
    ),
    "list": ([["a", 1.0], ["b", 2.0]] * 30, ["text or categories: 0"]),
    "csr": (sp.csr_matrix(ARRAY), ["gaps (NaN): 2"]),
    "csc": (sp.csc_array(ARRAY), ["gaps (NaN): 2"]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_lines_of_the_error_run(estimator, case):
    X, said = CASES[case]
    text = message(estimator().fit, X, Y)
    assert f"Columns that {estimator.__name__} cannot use as they are:\n" in text
    assert all(line in text for line in said)
    model = run(lines_of(text), X, Y)["model"]
    assert type(model[-1]) is estimator
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDClassifier])
def test_the_lines_for_a_stream_run(estimator, case):
    X, _ = CASES[case]
    code = lines_of(message(estimator().partial_fit, X, Y))
    assert ("classes=np.unique(y)" in code) == is_classifier(estimator())
    names = run(code, X, Y)
    assert type(names["model"]) is estimator
    assert np.isfinite(names["model"].predict(names["preprocess"].transform(X))).all()


def test_the_lines_are_as_written_here():
    X = with_(city=CITY, rooms=GAPS)
    assert message(GDClassifier().fit, X, Y).endswith(
        """

Columns that GDClassifier cannot use as they are:
    text or categories: 'city'
    gaps (NaN): 'rooms'
TabularClassifier takes this table as it is.
For GDClassifier, a pipeline prepares the columns:

from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from skgd import GDClassifier

preprocess = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), ["city"]),
    remainder=SimpleImputer(strategy="median", add_indicator=True),
)
model = make_pipeline(preprocess, GDClassifier()).fit(X, y)"""
    )


def test_the_pipeline_takes_new_categories_and_new_gaps():
    X, _ = CASES["all"]
    model = run(lines_of(message(GDClassifier().fit, X, Y)), X, Y)["model"]
    new = X.assign(city="Aachen", area=np.nan, sold=pd.NaT)
    assert model.predict(new).shape == (N,)
    transformed = model[0].transform(X.assign(sold=pd.Timestamp("2000-01-02 12:00")))
    # two columns of three categories, the date, three numbers and one indicator
    assert transformed.shape[1] == 3 + 3 + 1 + 3 + 1
    np.testing.assert_allclose(transformed[:, 6], 1.5)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_message_of_scikit_learn_comes_first(estimator):
    text = message(estimator().fit, with_(rooms=GAPS), Y)
    assert text.startswith("Input X contains NaN.\n")
    assert "does not accept missing values encoded as NaN natively" in text
    text = message(estimator().fit, with_(city=["Bonn"] * N), Y)
    assert text.startswith("could not convert string to float: 'Bonn'\n\n")
    text = message(estimator().fit, with_(sold=DAYS), Y)
    assert text.startswith("Input X contains dates or durations, which are not numbers")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_prediction_says_the_same(estimator):
    model = estimator(max_iter=2, tol=None, standardize=False).fit(NUMBERS, Y)
    before = {**model.__dict__}
    for X in (
        NUMBERS.assign(area=CITY, floor=GAPS),
        NUMBERS.assign(floor=np.where(GAPS == GAPS, 1, np.nan)),
    ):
        text = message(model.predict, X)
        assert "\n    gaps (NaN): 'floor'\n" in text
        assert ("categories: 'area'" in text) == (X.area.dtype != float)
        run(lines_of(text), X, Y)
    assert model.__dict__ == before


def test_the_range_test_says_the_same():
    text = message(learning_rate_range, GDClassifier(), with_(city=CITY), Y)
    assert "text or categories: 'city'" in text


class OfAUser(GDClassifier):
    """A class that is not in the package."""


def test_a_class_of_the_user_is_imported_from_where_it_is():
    code = lines_of(message(OfAUser().fit, with_(rooms=GAPS), Y))
    assert f"\nfrom {__name__} import OfAUser\n" in code
    assert type(run(code, with_(rooms=GAPS), Y)["model"][-1]).__name__ == "OfAUser"


def test_one_traceback():
    try:
        GDClassifier().fit(with_(city=CITY), Y)
    except ValueError as error:
        shown = "".join(traceback.format_exception(error))
    assert shown.count("Traceback") == 1
    assert shown.count("could not convert") == 1


@pytest.mark.parametrize(
    "column",
    [
        ["a", 1.5, "b"] * 20,
        ["1", "2", "?"] * 20,
        pd.Series([1, 2, pd.NA] * 20, dtype=object),
        pd.array(["1", "2", None] * 20, dtype="string"),
        pd.interval_range(0, N),
    ],
    ids=["mixed", "question mark", "NA as object", "numbers with NA", "intervals"],
)
def test_columns_that_need_a_decision_first(column):
    X = with_(city=CITY, x=column)
    text = message(GDClassifier().fit, X, Y)
    assert "    text or categories: 'city'\n" in text
    assert "    values of several types, or objects: 'x'\n" in text
    assert "import" not in text
    # either way of the advice leads to data that fit, or to lines that run
    assert 'X[column].astype(str).astype("category").' in text
    as_text = X.assign(x=X.x.astype(str).astype("category"))
    assert run(lines_of(message(GDClassifier().fit, as_text, Y)), as_text, Y)["model"]
    assert 'pandas.to_numeric(X[column], errors="coerce")' in text
    as_numbers = X.assign(x=pd.to_numeric(X.x, errors="coerce"))
    text = message(GDClassifier().fit, as_numbers, Y)
    assert "several types" not in text


@pytest.mark.parametrize(
    ("X", "columns"),
    [
        (
            with_(a=np.where(Y == 1, np.inf, 0), b=np.where(Y == 0, -np.inf, 0)),
            "'a', 'b'",
        ),
        (with_(a=pd.Series([1, -np.inf] * 30, dtype=object)), "'a'"),
        (np.where(NUMBERS > 3, np.inf, NUMBERS), "1"),
        (sp.csr_matrix(np.where(NUMBERS > 3, np.inf, NUMBERS)), "1"),
    ],
    ids=["frame", "objects", "array", "csr"],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # scikit-learn's
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_columns_with_infinity(estimator, X, columns):
    text = message(estimator().fit, X, Y)
    assert text.startswith("Input X contains infinity or a value too large")
    assert f"    infinity: {columns}\n" in text
    assert "np.where(np.isinf(X), np.nan, X)" in text
    assert "import" not in text
    model = estimator(max_iter=2, tol=None).fit(np.arange(2.0 * N).reshape(N, 2), Y)
    if not hasattr(X, "columns"):
        assert f"infinity: {columns}\n" in message(model.predict, X)


def test_columns_with_infinity_and_others():
    X = with_(a=np.where(Y == 1, np.inf, GAPS), city=CITY, rooms=GAPS)
    text = message(GDClassifier().fit, X, Y)
    for line in ("infinity: 'a'", "categories: 'city'", "gaps (NaN): 'rooms'"):
        assert f"{line}\n" in text
    text = message(GDClassifier().fit, X.replace([np.inf, -np.inf], np.nan), Y)
    assert "gaps (NaN): 'a', 'rooms'" in text
    assert run(lines_of(text), X.replace([np.inf, -np.inf], np.nan), Y)["model"]


@pytest.mark.parametrize(
    "y",
    [
        list(CITY),
        CITY.astype(object),
        pd.Series(CITY, dtype="category"),
        [1.0, "x"] * 30,
        pd.DataFrame({"a": CITY, "b": Y}),
    ],
    ids=["list", "objects", "categories", "mixed", "frame"],
)
def test_text_as_target_of_a_regression(y):
    for estimator, other in (
        (GDRegressor, "GDClassifier"),
        (MLPGDRegressor, "MLPGDClassifier"),
    ):
        text = message(estimator().fit, NUMBERS, y)
        assert text.startswith("could not convert string to float")
        assert text.endswith(
            f"\n\nThe target y of {estimator.__name__} must be numeric. If y contains "
            f"classes, use {other}."
        )
        # where the features are wrong, too, they come first
        text = message(estimator().fit, with_(city=CITY), y)
        assert "categories: 'city'" in text
        assert "target" not in text


@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_gaps_and_objects_in_the_target_of_a_regression(estimator):
    for y in ([1, None] * 30, [1.0, np.nan] * 30, [1.0, np.inf] * 30):
        assert message(estimator().fit, NUMBERS, y).startswith("Input y contains")
        held_out = {"X_val": NUMBERS, "y_val": y}
        model = estimator(early_stopping=True)
        assert "Input y contains" in message(model.fit, NUMBERS, Y, **held_out)
    in_list = list(DAYS.to_numpy())
    for y in (DAYS, DAYS.to_series(), DAYS - DAYS[0], DAYS.to_frame(), in_list):
        text = message(estimator().fit, NUMBERS, y)
        owner, dtype = estimator.__name__, np.asarray(y).dtype
        start = f"The target y of {owner} must be numeric. Got values of type {dtype}"
        assert text == f"{start}: convert them, for example to days since a date."
    text = message(estimator().fit, NUMBERS, [{}] * N)
    assert text.endswith(f"The target y of {estimator.__name__} must be numeric.")
    single = NUMBERS.astype(np.float32)
    with np.errstate(over="ignore"):
        text = message(estimator().fit, single, np.full(N, 1e300))
    assert (
        text == "Input y contains None, NaN or numbers that are too large for float32."
    )


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_other_errors_are_those_of_scikit_learn(estimator):
    for X, y, weights in (
        (NUMBERS, np.where(Y == 1, np.nan, 0), None),
        (NUMBERS, Y, GAPS),
        (NUMBERS[:0], Y[:0], None),
        (NUMBERS, Y[:5], None),
        (NUMBERS.area, Y, None),
        (with_(z=1j), Y, None),
    ):
        text = message(estimator().fit, X, y, sample_weight=weights)
        assert "cannot use" not in text
    with pytest.raises(TypeError, match="argument must be .* string.* number"):
        estimator().fit(np.full((N, 2), {"a": 1}), Y)


def test_nothing_is_looked_for_in_data_that_are_fine(monkeypatch):
    def never(X):
        raise AssertionError("looked at the columns")

    monkeypatch.setattr(features, "find_columns", never)
    model = GDClassifier(max_iter=2, tol=None).fit(NUMBERS, Y)
    assert model.partial_fit(NUMBERS, Y).predict(NUMBERS).shape == (N,)
    with pytest.raises(AssertionError, match="looked at the columns"):
        model.predict(with_(floor=GAPS))
