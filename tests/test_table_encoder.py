"""TableEncoder: a raw table as one sparse matrix."""

import datetime
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.utils.estimator_checks import check_estimator

from skgd.preprocessing import TableEncoder

N = 200
RNG = np.random.RandomState(0)
FRAME = pd.DataFrame(
    {
        "number": RNG.standard_normal(N) * 5 + 100,
        "flag": RNG.uniform(size=N) < 0.3,
        "gaps": np.where(RNG.uniform(size=N) < 0.1, np.nan, RNG.uniform(size=N)),
        "colour": RNG.choice(["red", "blue", "green"], N),
        "code": pd.Categorical(RNG.choice([1, 2, 3], N)),
        "digits": RNG.choice(["1", "2.5", "7"], N),
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(N), "D"),
        "wait": pd.to_timedelta(RNG.uniform(0, 9, N), "h"),
        "constant": 4.0,
    }
)


def columns(encoder, prefix):
    names = encoder.get_feature_names_out()
    return [j for j, name in enumerate(names) if name.startswith(prefix)]


@pytest.mark.parametrize("n_knots", [None, "auto", 3])
def test_checks_of_scikit_learn(n_knots):
    check_estimator(TableEncoder(n_knots=n_knots), on_skip=None)


def test_each_column_is_encoded_as_what_it_is():
    encoder = TableEncoder()
    Z = encoder.fit_transform(FRAME)
    assert sp.issparse(Z)
    assert Z.dtype == np.float32
    assert (encoder.transform(FRAME) != Z).nnz == 0
    dense = Z.toarray()
    number = dense[:, columns(encoder, "number")]
    assert_allclose(number.mean(), 0, atol=1e-6)
    assert_allclose(number.std(), 1, rtol=1e-5)
    assert_array_equal(dense[:, columns(encoder, "flag")].ravel(), FRAME["flag"])
    filled, missing = dense[:, columns(encoder, "gaps")].T
    assert_array_equal(missing, FRAME["gaps"].isna())
    assert len(np.unique(filled[missing == 1])) == 1
    assert_array_equal(dense[:, columns(encoder, "colour")].sum(axis=1), 1)
    assert len(columns(encoder, "code")) == 3
    assert len(columns(encoder, "digits")) == 1
    assert len(columns(encoder, "day")) > 3
    assert len(columns(encoder, "wait")) == 1
    assert not columns(encoder, "constant")
    assert encoder.kinds_[3:6] == ["text", "category", "number as text"]
    assert_array_equal(np.unique(encoder.part_of_), np.arange(8))


def test_polars_and_arrays_give_the_same():
    frame = FRAME.drop(columns=["code", "wait"])
    expected = TableEncoder(n_knots=5).fit_transform(frame)
    other = pl.from_pandas(frame)
    assert (TableEncoder(n_knots=5).fit_transform(other) != expected).nnz == 0
    objects = frame.drop(columns="day").to_numpy(dtype=object)
    expected = TableEncoder().fit_transform(frame.drop(columns="day"))
    assert (TableEncoder().fit_transform(objects) != expected).nnz == 0


def test_unknown_and_missing_levels():
    encoder = TableEncoder(min_frequency=1).fit([["a"], ["b"], ["a"]])
    assert not encoder.transform(np.array([["c"], [None]], dtype=object)).nnz
    values = np.array([["a"], [None], ["a"], [np.nan]], dtype=object)
    encoder = TableEncoder(min_frequency=1).fit(values)
    assert list(encoder.get_feature_names_out()) == ["x0_a", "x0_missing"]
    assert_array_equal(
        encoder.transform(values).toarray(), [[1, 0], [0, 1], [1, 0], [0, 1]]
    )
    rare = np.array([["a"]] * 9 + [["b"]], dtype=object)
    assert TableEncoder(min_frequency=2).fit_transform(rare).shape == (10, 1)


def test_gaps_that_only_come_later():
    encoder = TableEncoder(n_knots=4).fit(FRAME[["number", "digits", "day"]])
    later = FRAME[["number", "digits", "day"]].iloc[:3].copy()
    later["number"] = np.nan
    later["digits"] = ["?", None, "8"]
    later["day"] = pd.NaT
    Z = encoder.transform(later).toarray()
    assert np.isfinite(Z).all()
    assert not Z[:, encoder.is_hat_][:2].any()


def test_categories_that_the_user_names():
    X = np.column_stack([RNG.choice(4, N), RNG.standard_normal(N)])
    for given in ([0], [True, False], ["x"]):
        table = pd.DataFrame(X, columns=["x", "y"]) if given == ["x"] else X
        assert TableEncoder(given).fit_transform(table).shape == (N, 5)
    with pytest.raises(ValueError, match="'categorical_features'.*Got 'z', which"):
        TableEncoder(["z"]).fit(pd.DataFrame(X, columns=["x", "y"]))


def test_hats_of_each_number():
    encoder = TableEncoder(n_knots=4)
    Z = encoder.fit_transform(FRAME)
    of_number = [j for j in columns(encoder, "number") if encoder.is_hat_[j]]
    assert len(of_number) == 4
    assert_array_equal(encoder.joined_[of_number], [False, True, True, True])
    assert Z[:, of_number].getnnz(axis=1).max() == 2
    assert not encoder.joined_[~encoder.is_hat_].any()


def test_many_columns_have_fewer_hats():
    wide = RNG.standard_normal((2000, 100))
    encoder = TableEncoder(n_knots="auto").fit(wide)
    assert encoder.is_hat_.sum() == 1000
    wider = RNG.standard_normal((200, 501))
    assert not TableEncoder(n_knots="auto").fit(wider).is_hat_.any()


def test_keys_are_ignored_with_a_warning():
    frame = FRAME[["number"]].assign(key=[f"id-{i}" for i in range(N)])
    with pytest.warns(UserWarning, match=r"'key'.*are ignored"):
        encoder = TableEncoder().fit(frame)
    assert list(encoder.get_feature_names_out()) == ["number"]
    with (
        pytest.warns(UserWarning, match="are ignored"),
        pytest.raises(ValueError, match="no column"),
    ):
        TableEncoder().fit(frame[["key"]])
    named = TableEncoder(["key"], min_frequency=1).fit(frame)
    assert len(named.get_feature_names_out()) == N + 1


def test_words_of_long_texts():
    words = ["good", "bad", "slow", "fast", "cheap", "dear", "old", "new"]
    texts = [" ".join(RNG.choice(words, 7)) + f" n{i}" for i in range(N)]
    frame = FRAME[["number"]].assign(review=texts)
    encoder = TableEncoder()
    Z = encoder.fit_transform(frame)
    assert encoder.kinds_[1] == "long text"
    assert len(columns(encoder, "review")) == len(words)
    assert Z[:, columns(encoder, "review")].getnnz(axis=1).min() >= 1


def test_sparse_tables_stay_sparse():
    X = sp.random(300, 50, density=0.05, random_state=0, format="csc")
    Z = TableEncoder(n_knots="auto").fit_transform(X)
    assert Z.nnz == X.nnz
    assert_allclose(np.sqrt(Z.multiply(Z).sum() / Z.nnz), 1, rtol=0.1)


def test_bad_tables():
    for X, message in (
        ([[1.0, np.inf], [2.0, 3.0]], "Column 1 of X contains infinity"),
        (
            np.array([[1, 1], [1, {}]], dtype=object),
            "column 1 of X: it contains objects such as {}",
        ),
        (np.ones((2, 0)), r"0 feature\(s\)"),
        (np.ones(3), "Expected 2D array, got 1D array"),
        (np.ones((2, 1), dtype=complex), "Complex data not supported"),
    ):
        with pytest.raises(ValueError, match=message):
            TableEncoder().fit(X)
    encoder = TableEncoder().fit(FRAME[["number", "day"]])
    with pytest.raises(ValueError, match=r"column 'day' of X"):
        encoder.transform(FRAME[["number"]].assign(day=1.5))
    with pytest.raises(ValueError, match="column 'number' of X: it contains infinity"):
        encoder.transform(FRAME[["number", "day"]].assign(number=np.inf))
    with pytest.raises(ValueError, match="'min_frequency' parameter"):
        TableEncoder(min_frequency=0).fit(FRAME)


def test_pickle():
    encoder = TableEncoder(n_knots=3).fit(FRAME)
    again = pickle.loads(pickle.dumps(encoder))
    assert (again.transform(FRAME) != encoder.transform(FRAME)).nnz == 0


def test_dates_of_python():
    days = [[datetime.date(2024, 1, 1 + i % 28)] for i in range(60)]
    encoder = TableEncoder().fit(np.array(days, dtype=object))
    assert encoder.kinds_ == ["date"]


def test_dates_are_no_numbers():
    encoder = TableEncoder().fit(FRAME)
    with pytest.raises(ValueError, match="column 'gaps'.*`fit` has seen numbers"):
        encoder.transform(FRAME.assign(gaps=FRAME["day"]))
    with pytest.raises(ValueError, match="^In column 'day' of X: `fit` has seen"):
        encoder.transform(FRAME.assign(day=3))


def test_warnings_name_the_line_of_the_user():
    frame = FRAME.assign(key=[f"key {j}" for j in range(N)])
    with pytest.warns(UserWarning, match="Hardly any text is repeated") as found:
        TableEncoder().fit(frame)
    assert found[0].filename == __file__
