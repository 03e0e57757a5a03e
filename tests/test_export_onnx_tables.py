"""ONNX: ONNX Runtime predicts as the estimators of raw tables do."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import skl2onnx
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.compose import make_column_transformer
from sklearn.ensemble import VotingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgd import TabularClassifier, TabularRegressor
from skgd.export import register_onnx_converters
from skgd.losses import Quantile

TOLERANCE = 1e-5
# a weak network, beside which trees have a large share
WEAK = {"hidden_layer_sizes": 4, "alpha": 1.0, "n_members": 2, "random_state": 0}
ALONE = {**WEAK, "alpha": 0.01, "trees": None}
BENT = {**WEAK, "alpha": 0.01, "num_embedding": "piecewise_linear"}
SETTINGS = {
    "trees": {**WEAK, "num_embedding": None},
    "trees and hat functions": BENT,
    "networks": {**BENT, "trees": None, "n_members": 3},
    "one network": {**ALONE, "n_members": 1},
}
TYPES = {
    FloatTensorType: np.float32,
    DoubleTensorType: np.float64,
    Int64TensorType: np.int64,
    BooleanTensorType: bool,
    StringTensorType: object,
}
REAL, WHOLE, TEXT = DoubleTensorType, Int64TensorType, StringTensorType

rng = np.random.RandomState(0)
N = 500
# skewed, far from zero, with two values, with few values, and constant
NUMBERS = rng.standard_normal((N, 6))
NUMBERS[:, 1] = np.exp(2 * NUMBERS[:, 1])
NUMBERS[:, 2] = 1e4 * NUMBERS[:, 2] + 3e6
NUMBERS[:, 3] = NUMBERS[:, 3] > 0
NUMBERS[:, 4] = np.round(2 * NUMBERS[:, 4])
NUMBERS[:, 5] = 7
STEPS = 10.0 * ((NUMBERS[:, 0] > 0.3) ^ (NUMBERS[:, 1] > 1)) + 3 * NUMBERS[:, 4]
NUMBERS[rng.rand(N) < 0.1, 0] = np.nan
NUMBERS[rng.rand(N) < 0.1, 1] = np.nan
# what is missing here, but not in `fit`, and what is beyond all knots
NEW = 3 * NUMBERS
NEW[:, 2] -= 2 * 3e6
NEW[:50, 4] = np.nan
CLASSES = np.digitize(STEPS, [-1, 7])

CITIES = np.array([f"Ü {k}" for k in range(40)], dtype=object)
CODES = rng.randint(0, 40, N)
FRAME = pd.DataFrame(
    {
        "size": NUMBERS[:, 0],
        "city of birth": CITIES[CODES],
        "code": rng.randint(0, 6, N),
        "new": rng.rand(N) < 0.5,
        "one": 1.0,
    }
)
PRICE = 10.0 * ((CODES % 7 < 3) ^ (FRAME["size"] > 0) ^ FRAME["new"]) + 5 * (
    FRAME["code"] % 3
)
FRAME["city of birth"] = FRAME["city of birth"].astype(object)
FRAME.loc[rng.rand(N) < 0.1, "city of birth"] = None
KINDS = [REAL, TEXT, WHOLE, BooleanTensorType, REAL]
# levels that `fit` has not seen
LATER = FRAME.copy()
LATER.loc[:40, "city of birth"] = "elsewhere"
LATER.loc[60:90, "city of birth"] = np.nan
LATER.loc[100:120, "code"] = 99


@pytest.fixture(autouse=True, scope="module")
def converters():
    register_onnx_converters()


def run(model, data, kinds=None, example=None, **options):
    example = data[:1] if example is None else example
    types = None
    if kinds is not None:
        columns = zip(data.columns, kinds, strict=True)
        types = [(name, kind([None, 1])) for name, kind in columns]
    graph = skl2onnx.to_onnx(
        model, None if types else example, initial_types=types, options=options or None
    )
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    if kinds is None and not isinstance(data, pd.DataFrame):
        return session.run(None, {"X": data})
    dtypes = [None] * data.shape[1] if kinds is None else [TYPES[k] for k in kinds]
    columns = zip(session.get_inputs(), data.columns, dtypes, strict=True)
    feed = {each.name: data[[c]].to_numpy(dtype) for each, c, dtype in columns}
    return session.run(None, feed)


def assert_close(found, expected):
    expected = expected.reshape(found.shape)
    scale = np.abs(expected).max()
    assert scale > 0
    assert_allclose(found, expected, rtol=0, atol=TOLERANCE * scale)


def check_regressor(model, data, **how):
    (found,) = run(model, data, **how)
    expected = model.predict(data)
    assert np.ptp(expected) > 0
    assert_close(found, expected)
    return found


def check_classifier(model, data, **how):
    labels, P = run(model, data, zipmap=False, **how)
    assert_array_equal(labels, model.predict(data))
    assert_close(P, model.predict_proba(data))
    return P


# ---------------------------------------------------------------- numbers
@pytest.mark.parametrize("setting", SETTINGS)
def test_numbers(setting):
    reg = TabularRegressor(**SETTINGS[setting]).fit(NUMBERS, STEPS)
    if "trees" in setting:
        assert reg.tree_share_ > 0.1
        assert None not in reg.trees_
    for dtype in (np.float32, np.float64):
        for data in (NUMBERS, NEW):
            assert check_regressor(reg, data.astype(dtype)).dtype == dtype


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(
    "y",
    [
        CLASSES > 0,
        np.array(["low", "middle", "high"])[CLASSES],
        np.column_stack([CLASSES > 0, CLASSES > 1, NUMBERS[:, 3] > 0]).astype(int),
    ],
    ids=["binary", "classes", "labels"],
)
def test_classes(setting, y):
    clf = TabularClassifier(**SETTINGS[setting]).fit(NUMBERS, y)
    for dtype in (np.float32, np.float64):
        for data in (NUMBERS, NEW):
            assert check_classifier(clf, data.astype(dtype)).dtype == dtype


@pytest.mark.parametrize(
    "loss",
    ["absolute_error", "poisson", "gamma", Quantile(0.8), Quantile([0.1, 0.5, 0.9])],
    ids=str,
)
def test_losses(loss):
    y = STEPS - STEPS.min() + 1
    check_regressor(TabularRegressor(loss, **BENT).fit(NUMBERS, y), NEW)


def test_targets():
    several = np.column_stack([STEPS, np.full(N, 3.0), -NUMBERS[:, 2]])
    for y in (several, STEPS[:, np.newaxis]):
        check_regressor(TabularRegressor(**ALONE).fit(NUMBERS, y), NEW)
    share = (CLASSES > 0).astype(float)
    check_regressor(TabularRegressor("binomial", **ALONE).fit(NUMBERS, share), NEW)


def test_thresholds_of_trees():
    # Half of all rows lie on a threshold, or one unit in the last place beside it. The
    # trees decide about float32, to which ONNX Runtime rounds as NumPy does.
    reg = TabularRegressor(**SETTINGS["trees"]).fit(NUMBERS[:, :1], STEPS)
    part = reg.encoder_._parts[0]
    nodes = np.concatenate([tree.nodes for (tree,) in reg.trees_[0]._predictors])
    cuts = np.unique(nodes["num_threshold"][~nodes["is_leaf"].astype(bool)])
    cuts = cuts * part.scale[0] + part.mean[0]
    for dtype in (np.float32, np.float64):
        here = cuts.astype(dtype)
        ends = np.array([-np.inf, np.inf], dtype=dtype)
        near = [here, *(np.nextafter(here, end) for end in ends)]
        data = np.concatenate(near)[:, np.newaxis]
        check_regressor(reg, data)


def test_sparse_training_data():
    X = np.where(np.abs(NUMBERS) > 1, NUMBERS, 0)
    X = np.nan_to_num(X[:, [0, 1, 4]])
    reg = TabularRegressor(**WEAK).fit(sp.csr_matrix(X), STEPS)
    check_regressor(reg, X)


# ---------------------------------------------------------------- tables
@pytest.mark.parametrize("setting", SETTINGS)
def test_tables(setting):
    options = {**SETTINGS[setting], "categorical_features": ["code"]}
    reg = TabularRegressor(**options).fit(FRAME, PRICE)
    if "trees" in setting:
        assert reg.tree_share_ > 0.1
        assert reg.trees_[0].is_categorical_.any()
    for data in (FRAME, LATER):
        assert check_regressor(reg, data, kinds=KINDS).dtype == np.float64
    data = LATER.astype({"size": np.float32})
    single = [FloatTensorType, TEXT, FloatTensorType, WHOLE, FloatTensorType]
    assert check_regressor(reg, data, kinds=single).dtype == np.float32


@pytest.mark.parametrize("setting", SETTINGS)
def test_classes_of_tables(setting):
    options = {**SETTINGS[setting], "categorical_features": ["code", "new"]}
    for y in (PRICE > 9, np.digitize(PRICE, [6, 12])):
        clf = TabularClassifier(**options).fit(FRAME, y)
        check_classifier(clf, LATER, kinds=KINDS)


def test_a_frame_as_the_example():
    reg = TabularRegressor(**ALONE).fit(FRAME, PRICE)
    check_regressor(reg, LATER, example=FRAME[1:2])
    clf = TabularClassifier(**ALONE).fit(FRAME[["city of birth"]], PRICE > 9)
    check_classifier(clf, LATER[["city of birth"]], example=FRAME[["city of birth"]])


def test_an_array_of_text():
    data = LATER[["city of birth"]].assign(size=np.where(FRAME.new, "S", "L"))
    data = data.to_numpy(dtype=object)
    reg = TabularRegressor(**WEAK).fit(data, PRICE)
    check_regressor(reg, data)


def test_the_words_for_missing_values_can_be_levels():
    levels = np.array(["nan", "", "None", "a"], dtype=object)[CODES % 4]
    data = pd.DataFrame({"a": levels}, dtype=object)
    reg = TabularRegressor(**ALONE).fit(data, CODES % 4)
    assert_close(run(reg, data, kinds=[TEXT])[0], reg.predict(data))
    data.loc[::7, "a"] = None
    reg = TabularRegressor(**ALONE).fit(data, CODES % 4)
    data.loc[::7, "a"] = pd.NA
    assert_close(run(reg, data, kinds=[TEXT])[0], reg.predict(data))


def test_more_levels_than_trees_can_tell_apart():
    code = np.arange(6 * 270) % 270
    data = pd.DataFrame({"a": code, "b": rng.standard_normal(len(code))})
    options = {**SETTINGS["trees"], "categorical_features": ["a"]}
    y = 10.0 * (code % 3) * (data.b > 0) + (code > 255)
    reg = TabularRegressor(**options).fit(data, y)
    assert reg.tree_share_ > 0.1
    assert len(reg.encoder_._parts[0].columns) == 270
    check_regressor(reg, data, kinds=[WHOLE, REAL])


def test_the_only_level_of_a_category_is_a_number_for_trees():
    # (scikit-learn's trees would predict it differently from what they have seen)
    code = np.where(rng.rand(N) < 0.5, -1, np.arange(N))
    data = pd.DataFrame({"a": code, "b": NUMBERS[:, 4], "c": CITIES[CODES]})
    data["c"] = data["c"].astype(object)
    options = {**SETTINGS["trees"], "categorical_features": ["a"]}
    for columns in (["a", "b"], ["a", "b", "c"]):
        y = 10.0 * ((code < 0) ^ (data.b > 0)) + 10.0 * (CODES % 2) * (len(columns) > 2)
        reg = TabularRegressor(**options).fit(data[columns], y)
        assert reg.tree_share_ > 0.4
        assert len(reg.encoder_._parts[0].columns) == 1
        assert not np.isinf(category_thresholds(reg)).any()
        kinds = [WHOLE, REAL, TEXT][: len(columns)]
        check_regressor(reg, data[columns], kinds=kinds)


def test_trees_that_have_seen_a_single_level():
    # scikit-learn's trees have no set of levels for a split of a single level from all
    # others, and then take the first set of the tree, or send all rows to one side
    n = 1500  # (the models of the folds are kept)
    code = np.where(np.arange(n) < n // 2, -np.arange(n), rng.randint(1, 3, n))
    unseen = code == 2
    data = pd.DataFrame({"a": code, "b": rng.standard_normal(n)})
    y = 10.0 * (data.b > 0) + (code < 0) * (data.b > -1)
    cv = [(np.flatnonzero(~unseen), np.flatnonzero(unseen))]
    options = {**SETTINGS["trees"], "categorical_features": ["a"]}
    reg = TabularRegressor(**{**options, "n_members": 1, "cv": cv}).fit(data, y)
    assert reg.tree_share_ > 0.1
    assert len(reg.encoder_._parts[0].columns) == 2
    assert np.isinf(category_thresholds(reg)).any()
    check_regressor(reg, data, kinds=[WHOLE, REAL])


def category_thresholds(model):
    """The thresholds of the splits of categories in all trees."""
    nodes = [tree.nodes for trees in model.trees_ for (tree,) in trees._predictors]
    nodes = np.concatenate(nodes)
    return nodes["num_threshold"][nodes["is_categorical"] == 1]


def test_truth_values_and_texts_that_are_ignored():
    data = FRAME[["new", "size"]].assign(key=[f"key {i}" for i in range(N)])
    with pytest.warns(UserWarning, match="Hardly any text is repeated in 'key'"):
        reg = TabularRegressor(**ALONE).fit(data, PRICE)
    check_regressor(reg, data, kinds=[BooleanTensorType, REAL, TEXT])


def test_numbers_as_text():
    data = pd.DataFrame({"a": FRAME["size"].map(str), "b": FRAME["size"]})
    data.loc[:9, "a"] = "?"
    reg = TabularRegressor(**ALONE).fit(data, PRICE)
    with pytest.raises(TypeError, match=r"column 'a' of X: its numbers .* as text"):
        run(reg, data, kinds=[TEXT, REAL])
    numbers = data.assign(a=pd.to_numeric(data["a"], errors="coerce"))
    (found,) = run(reg, numbers, kinds=[REAL, REAL])
    assert_close(found, reg.predict(data))


# ---------------------------------------------------------------- in other estimators
def test_pipelines():
    pipeline = make_pipeline(StandardScaler(), TabularRegressor(**BENT))
    check_regressor(pipeline.fit(NUMBERS, STEPS), NEW)
    pipeline = make_pipeline(TabularClassifier(**WEAK)).fit(FRAME, PRICE > 9)
    check_classifier(pipeline, LATER, kinds=KINDS)
    columns = make_column_transformer((StandardScaler(), [0, 4]), ("passthrough", [1]))
    pipeline = make_pipeline(columns, TabularRegressor(**ALONE)).fit(NUMBERS, STEPS)
    check_regressor(pipeline, NEW)


def test_an_ensemble():
    models = [("a", TabularRegressor(**ALONE)), ("b", TabularRegressor(**WEAK))]
    check_regressor(VotingRegressor(models).fit(NUMBERS, STEPS), NEW)


def test_options_of_classifiers():
    names = np.array(["low", "middle", "high"])[CLASSES]
    clf = TabularClassifier(**ALONE).fit(NUMBERS, names)
    labels, maps = run(clf, NEW.astype(np.float32))
    assert list(maps[0]) == list(clf.classes_)
    found = np.array([list(row.values()) for row in maps])
    assert_close(found, clf.predict_proba(NEW.astype(np.float32)))
    codes, _ = run(clf, NEW.astype(np.float32), zipmap=False, nocl=True)
    assert_array_equal(clf.classes_[codes], labels)
    *_, classes = run(clf, NEW, zipmap=False, output_class_labels=True)
    assert_array_equal(classes, clf.classes_)
    columns = run(clf, NEW, zipmap="columns")
    assert_close(np.column_stack(columns[1:]), clf.predict_proba(NEW))
    with pytest.raises(NameError, match="raw_scores"):
        run(clf, NEW, raw_scores=True)


def test_the_oldest_operators_are_enough():
    options = {**WEAK, "categorical_features": ["code"]}
    reg = TabularRegressor(**options).fit(FRAME, PRICE)
    columns = zip(FRAME, KINDS, strict=True)
    types = [(name, kind([None, 1])) for name, kind in columns]
    graph = skl2onnx.to_onnx(reg, initial_types=types, target_opset=13)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    names = [each.name for each in session.get_inputs()]
    feed = {name: FRAME[[c]].to_numpy() for name, c in zip(names, FRAME, strict=True)}
    assert_close(session.run(None, feed)[0], reg.predict(FRAME))


# ---------------------------------------------------------------- errors
WORDS = ["the", "of", "a", "to", "in", "is", "it", "on", "as", "by"]
REFUSED = {
    "dates": (pd.date_range("2020", periods=N), "it contains dates or durations"),
    "dates as text": (
        [f"2020-01-{1 + k % 28:02}" for k in range(N)],
        "it contains dates or durations",
    ),
    "durations": (
        pd.to_timedelta(rng.randint(0, 99, N), "h"),
        "it contains dates or durations",
    ),
    "long texts": (
        [" ".join(rng.permutation(WORDS)[:7]) for _ in range(N)],
        "it contains long texts",
    ),
    "mixed": (
        np.array([1, "b"], dtype=object)[CODES % 2],
        "its categories are neither texts only nor numbers only",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_columns_that_are_refused(case):
    values, message = REFUSED[case]
    data = pd.DataFrame({"size": NUMBERS[:, 0], "when": values})
    reg = TabularRegressor(**ALONE).fit(data, STEPS)
    match = f"TabularRegressor cannot be converted .* column 'when' of X: {message}"
    with pytest.raises(TypeError, match=match):
        run(reg, data, kinds=[REAL, TEXT])


def test_wrong_inputs():
    data = FRAME[["size", "city of birth"]]
    reg = TabularRegressor(**ALONE).fit(data, PRICE)
    with pytest.raises(TypeError, match="'size' of X: `fit` has seen numbers, but the"):
        run(reg, data, kinds=[TEXT, TEXT])
    with pytest.raises(TypeError, match="birth' of X: `fit` has seen text, but the ty"):
        run(reg, data, kinds=[REAL, REAL])
    with pytest.raises(TypeError, match=r"has seen 2 columns in `fit`, but .* have 1"):
        run(reg, data[["size"]], kinds=[REAL])
    with pytest.raises(TypeError, match="must be in the order of the columns in `fit`"):
        run(reg, data[data.columns[::-1]], kinds=[TEXT, REAL])
    reg = TabularRegressor(categorical_features=[0], **ALONE).fit(
        FRAME[["code"]], PRICE
    )
    with pytest.raises(TypeError, match="'code' of X: `fit` has seen numbers"):
        run(reg, FRAME[["code"]], kinds=[TEXT])


def test_losses_in_python():
    class Shifted:
        """Half the squared error, with a prediction that is written in Python."""

        def value_and_gradient(self, y_true, raw):
            error = raw - y_true
            return (error**2).sum(axis=1) / 2, error

        def predict(self, raw):
            return raw + 1

    reg = TabularRegressor(Shifted(), **ALONE).fit(NUMBERS, STEPS)
    with pytest.raises(ValueError, match="its method predict is written in Python"):
        run(reg, NUMBERS)
