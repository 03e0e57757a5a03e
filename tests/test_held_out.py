"""Which samples are held out: the last ones, those of a splitter, or whole groups."""

import re

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.utils import shuffle

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NETWORKS = [MLPGDRegressor, MLPGDClassifier]
ESTIMATORS = [GDRegressor, GDClassifier, *NETWORKS]
REGRESSION = load_diabetes(return_X_y=True)
CLASSES = shuffle(*load_iris(return_X_y=True), random_state=0)


def data_for(estimator):
    return CLASSES if is_classifier(estimator()) else REGRESSION


def make(estimator, **options):
    options = {"max_iter": 5, "random_state": 0, **options}
    if estimator in NETWORKS:
        options = {"hidden_layer_sizes": (4,), **options}
    return estimator(**options)


def parameters(model):
    if hasattr(model, "coef_"):
        return np.r_[np.ravel(model.coef_), model.intercept_]
    return np.concatenate([a.ravel() for a in model.coefs_ + model.intercepts_])


@pytest.fixture
def held_out(monkeypatch):
    """The targets that each training of a fit has held out, in their order."""
    from skgd._data.held_out import validation

    seen = []

    def spy(samples, *args, **options):
        seen.append(samples.y)
        return validation(samples, *args, **options)

    for module in ("base", "trials"):
        monkeypatch.setattr(f"skgd._estimators.{module}.validation", spy)
    return seen


# ---------------------------------------------------------------- the last samples
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_without_shuffling_the_last_rows_are_held_out(estimator):
    X, y = data_for(estimator)
    first = len(y) - int(np.ceil(0.2 * len(y)))
    model = make(estimator, early_stopping=True, shuffle=False, validation_fraction=0.2)
    parts = make(estimator, early_stopping=True, shuffle=False)
    model.fit(X, y)
    parts.fit(X[:first], y[:first], X_val=X[first:], y_val=y[first:])
    assert_array_equal(parameters(model), parameters(parts))
    assert model.validation_loss_curve_ == parts.validation_loss_curve_


def test_the_last_rows_may_have_new_classes():
    X, y = CLASSES
    order = np.argsort(y)
    model = make(GDClassifier, early_stopping=True, shuffle=False)
    model.fit(X[order], y[order])
    assert model.classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("estimator", NETWORKS)
def test_without_shuffling_trials_hold_out_the_last_fifth(estimator, held_out):
    X, y = data_for(estimator)
    make(estimator, shuffle=False).fit(X, y)
    last = y[-(len(y) // 5) :]
    assert len(held_out) >= 2  # one fold for each of the penalties
    for part in held_out:
        assert_array_equal(part, last)


def test_the_last_fifth_of_the_rows_with_a_weight(held_out):
    X, y = REGRESSION
    weights = np.ones(len(y))
    weights[::2] = 0
    make(MLPGDRegressor, shuffle=False).fit(X, y, weights)
    used = y[1::2]
    assert_array_equal(held_out[0], used[-(len(used) // 5) :])


# ---------------------------------------------------------------- a splitter
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("kind", ["int", "splitter", "pairs", "masks"])
def test_the_first_split_is_used_by_early_stopping(estimator, kind):
    X, y = data_for(estimator)
    splitter = StratifiedKFold(4) if is_classifier(estimator()) else KFold(4)
    splits = list(splitter.split(X, y))
    rows, part = splits[0]
    masks = [
        tuple(np.isin(np.arange(len(y)), rows) for rows in split) for split in splits
    ]
    cv = {"int": 4, "splitter": splitter, "pairs": splits, "masks": masks}[kind]
    options = dict(early_stopping=True, solver="batch", optimizer="adam")
    model = make(estimator, validation_split=cv, **options).fit(X, y)
    parts = make(estimator, **options)
    parts.fit(X[rows], y[rows], X_val=X[part], y_val=y[part])
    assert_array_equal(parameters(model), parameters(parts))
    assert model.validation_loss_curve_ == parts.validation_loss_curve_


@pytest.mark.parametrize("estimator", NETWORKS)
@pytest.mark.parametrize("cv", [2, TimeSeriesSplit(3)])
def test_trials_use_all_splits(estimator, cv, held_out):
    X, y = data_for(estimator)
    model = make(estimator, validation_split=cv, alpha=1e-3).fit(X, y)
    if cv == 2:
        cv = StratifiedKFold(2) if is_classifier(model) else KFold(2)
    expected = [y[part] for _, part in cv.split(X, y)]
    assert len(held_out) == len(expected)
    for found, part in zip(held_out, expected, strict=True):
        assert_array_equal(found, part)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    "cv",
    [
        ShuffleSplit(1),
        KFold(5, shuffle=True),
        ShuffleSplit(1, random_state=np.random.RandomState(1)),
        ShuffleSplit(1, random_state=1),
    ],
    ids=["no seed", "no seed, folds", "generator", "seed"],
)
def test_a_continued_training_holds_out_the_same_rows(estimator, cv, held_out):
    X, y = data_for(estimator)
    model = make(estimator, validation_split=cv, early_stopping=True, warm_start=True)
    model.fit(X, y).fit(X, y)
    assert_array_equal(*held_out)
    make(estimator, validation_split=cv, early_stopping=True).fit(X, y)
    assert_array_equal(held_out[0], held_out[2])


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("early_stopping", [True, "auto"])
def test_splits_that_cannot_be_used(estimator, early_stopping):
    X, y = data_for(estimator)
    n = len(y)
    bad = {
        "gives a training set without any samples": [([], [1, 2])],
        "gives a validation set without any samples": [([1, 2], [])],
        f"from 0 to {n} for the validation set. They must be": [([1], [0, n])],
        "from -1 to 3 for the training set": [([-1, 3], [1])],
        "gives no splits": [],
        "pairs of index arrays (train, test). Split 1 is 3": [3, 4],
        "a vector of row numbers for the training set": [([0.5], [1])],
    }
    if estimator not in NETWORKS and early_stopping == "auto":
        X, y = np.resize(X, (10_001, 4)), np.resize(y, 10_001)
        bad.pop(f"from 0 to {n} for the validation set. They must be")
    for message, cv in bad.items():
        model = make(estimator, validation_split=cv, early_stopping=early_stopping)
        with pytest.raises(ValueError, match=re.escape(message)):
            model.fit(X, y)
        assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("empty", [0, 1])
def test_a_part_of_a_split_without_weight(estimator, empty):
    X, y = data_for(estimator)
    split = np.arange(0, 100), np.arange(100, len(y))
    weights = np.ones(len(y))
    weights[split[empty]] = 0
    name = ("training", "validation")[empty]
    has_trials = estimator is MLPGDRegressor  # at least 100 rows have a weight
    for early_stopping in (True, "auto") if has_trials else (True,):
        model = make(estimator, validation_split=[split], early_stopping=early_stopping)
        with pytest.raises(ValueError, match=f"weights for {name} set are all zero"):
            model.fit(X, y, sample_weight=weights)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_rows_to_hold_out_and_held_out_data(estimator):
    X, y = data_for(estimator)
    given = dict(X_val=X[:20], y_val=y[:20])
    with pytest.raises(ValueError, match="but validation_split says which rows of X"):
        make(estimator, early_stopping=True, validation_split=3).fit(X, y, **given)
    with pytest.raises(ValueError, match="but groups says which rows of X"):
        make(estimator, early_stopping=True).fit(X, y, **given, groups=y)


# ---------------------------------------------------------------- groups
def groups_of(y):
    return np.arange(len(y)) // 7


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("ordered", [False, True])
def test_whole_groups_are_held_out(estimator, ordered, held_out):
    X, _ = data_for(estimator)
    y = groups_of(X)  # so that the targets say which rows are held out
    if is_classifier(estimator()):
        y = y % 3 + 10 * (y // 3)
    options = dict(early_stopping=True, validation_fraction=0.25, shuffle=not ordered)
    names = np.array([f"patient {number}" for number in y])
    for _ in range(2):
        make(estimator, **options).fit(X, y, groups=names)
    first, again = held_out
    assert_array_equal(first, again)
    kinds, counts = np.unique(first, return_counts=True)
    assert len(kinds) == np.ceil(0.25 * len(np.unique(y)))
    assert_array_equal(counts, [np.sum(y == kind) for kind in kinds])
    if ordered:
        assert_array_equal(first, y[-len(first) :])
    make(
        estimator,
        **options,
    ).set_params(random_state=1).fit(X, y, groups=names)
    assert np.array_equal(held_out[2], first) == ordered


@pytest.mark.parametrize("estimator", NETWORKS)
def test_trials_hold_out_whole_groups(estimator, held_out):
    X, y = data_for(estimator)
    groups = groups_of(y)
    make(estimator, alpha=1.0).fit(X, y, groups=groups)
    rows = [len(part) for part in held_out]
    assert sum(rows) == len(y)
    assert len(rows) == 5
    held_out.clear()
    make(estimator, alpha=1.0, shuffle=False).fit(X, y, groups=groups)
    last = groups > groups.max() - np.ceil((groups.max() + 1) / 5)
    assert len(held_out) == 1
    assert_array_equal(held_out[0], y[last])


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_groups_are_for_the_splitter(estimator, held_out):
    X, y = data_for(estimator)
    groups = groups_of(y) % 6
    model = make(estimator, early_stopping=True, validation_split=GroupKFold(3))
    model.fit(X, y, groups=groups)
    _, part = next(GroupKFold(3).split(X, y, groups))
    assert_array_equal(held_out[0], y[part])
    with pytest.raises(ValueError, match="groups"):
        clone(model).fit(X, y)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_groups_that_cannot_be_used(estimator):
    X, y = data_for(estimator)
    model = make(estimator, early_stopping=True)
    with pytest.raises(ValueError, match="groups must have one value for each sample"):
        model.fit(X, y, groups=y[:-1])
    with pytest.raises(ValueError, match="groups must have values of one type"):
        model.fit(X, y, groups=[None, *["a"] * (len(y) - 1)])
    with pytest.raises(ValueError, match=r"at least two. Got \[4\]"):
        model.fit(X, y, groups=np.full(len(y), 4))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_groups_are_routed(estimator, held_out):
    X, y = data_for(estimator)
    groups = groups_of(y)
    with sklearn.config_context(enable_metadata_routing=True):
        model = make(estimator, early_stopping=True).set_fit_request(groups=True)
        search = GridSearchCV(model, {"penalty": [None]}, cv=GroupKFold(2), refit=False)
        search.fit(X, y, groups=groups)
        alone = make(estimator, early_stopping=True)
        rows, _ = next(GroupKFold(2).split(X, y, groups))
        alone.fit(X[rows], y[rows], groups=groups[rows])
    assert_array_equal(held_out[0], held_out[2])


def test_cv_with_groups_that_are_predefined(held_out):
    X, y = REGRESSION
    fold = np.where(np.arange(len(y)) % 3, -1, 0)
    make(GDRegressor, early_stopping=True, validation_split=PredefinedSplit(fold)).fit(
        X, y
    )
    assert_array_equal(held_out[0], y[::3])
