"""TabularClassifier and TabularRegressor: weights of rows in scores, other tools."""

import pickle
from zipfile import ZIP_DEFLATED

import numpy as np
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.compose import make_column_transformer
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tabular_data import BOTH, DEAR, FRAME, PRICE, SMALL, N

from skgd import TabularClassifier, TabularRegressor

# every kind of column: numbers with gaps, categories, dates, text, long text
RICH = FRAME.assign(
    note=[f"a text of many words, of which {j} is one" for j in range(N)],
    flag=np.arange(N) % 2 == 0,
)
QUICK = {"alpha": 1e-3, "num_embedding": None, **SMALL}
WEIGHTS = np.where(np.arange(N) % 3 == 0, 20.0, 0.5)


# ---------------------------------------------------------------- sample weights
def test_the_score_of_held_out_rows_is_weighted():
    reg = TabularRegressor(**QUICK).fit(FRAME, PRICE, WEIGHTS)
    expected = r2_score(PRICE, reg.oob_prediction_, sample_weight=WEIGHTS)
    assert_allclose(reg.oob_score_, expected)
    # class weights are for the training only, as they are for `score`
    clf = TabularClassifier(class_weight={"dear": 5, "cheap": 1}, **QUICK)
    noisy = np.where(np.arange(N) % 5 == 0, "dear", DEAR)
    clf.fit(FRAME, noisy, WEIGHTS)
    labels = clf.classes_[clf.oob_decision_function_.argmax(axis=1)]
    expected = accuracy_score(noisy, labels, sample_weight=WEIGHTS)
    assert_allclose(clf.oob_score_, expected)
    assert abs(clf.oob_score_ - accuracy_score(noisy, labels)) > 1e-3


def test_the_score_of_own_validation_data_is_weighted():
    train, val = np.arange(200), np.arange(200, N)
    given = {"X_val": FRAME.iloc[val], "y_val": PRICE[val]}
    reg = TabularRegressor(**QUICK)
    reg.fit(FRAME.iloc[train], PRICE[train], sample_weight_val=WEIGHTS[val], **given)
    score = r2_score(PRICE[val], reg.oob_prediction_, sample_weight=WEIGHTS[val])
    assert_allclose(reg.oob_score_, score)


@pytest.mark.parametrize(("estimator", "y"), BOTH)
def test_importance_counts_rows_by_their_weights(estimator, y):
    model = estimator(**QUICK).fit(FRAME, y)

    def means(**given):
        found = model.permutation_importance(FRAME, y, random_state=0, **given)
        return found.importances_mean

    assert_allclose(means(sample_weight=np.full(N, 3.0)), means(), rtol=1e-9)
    # rows in Bonn are dear because of the city, and have the most to lose
    in_bonn = (FRAME["city"] == "Bonn").to_numpy()
    only_bonn, others = means(sample_weight=in_bonn), means(sample_weight=~in_bonn)
    assert only_bonn[2] > 1.1 * others[2]
    with pytest.raises(ValueError, match="sample_weight.shape"):
        means(sample_weight=[1, 2])


def test_scikit_learn_warns_once_of_many_classes():
    X = np.random.RandomState(0).standard_normal((60, 2))
    y = np.r_[np.arange(40), np.arange(20)]
    with pytest.warns(UserWarning, match="unique classes is greater than 50%") as found:
        TabularClassifier(**SMALL).fit(X, y)
    assert len(found) == 1


# ---------------------------------------------------------------- files
@pytest.mark.parametrize(("estimator", "y"), BOTH)
def test_skops(estimator, y):
    model = estimator(**SMALL).fit(RICH, y)
    data = skops.io.dumps(model, compression=ZIP_DEFLATED)
    types = skops.io.get_untrusted_types(data=data)
    own = [name for name in types if not name.startswith("skgd.")]
    trees = ["functools.partial", "sklearn.utils.validation.check_array"]
    trees += ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
    assert set(own) <= set(trees)
    assert bool(own) == (model.tree_share_ > 0)
    loaded = skops.io.loads(data, trusted=types)
    assert_array_equal(loaded.predict(RICH), model.predict(RICH))
    assert len(data) < 2 * len(pickle.dumps(model))
    n_members = len(model.estimators_)
    loaded.set_params(warm_start=True, n_members=n_members + 1).fit(RICH, y)
    assert len(loaded.estimators_) == n_members + 1


def test_a_pickle_has_the_weights_once_and_no_rows_of_the_training():
    X = np.random.RandomState(0).standard_normal((4000, 3))
    reg = TabularRegressor(n_members=3, alpha=1e-3, num_embedding=None, trees=None)
    reg.set_params(hidden_layer_sizes=64, random_state=0).fit(X, X[:, 0])
    weights = sum(W.nbytes for n in reg.estimators_ for W in n.coefs_ + n.intercepts_)
    # of each row: its number, weight, prediction of one network and of all, and for
    # intervals a prediction, a residual and the number of networks
    assert len(pickle.dumps(reg)) < weights + 4000 * (6 * 8 + 4) + 20_000


# ---------------------------------------------------------------- searches
def test_a_search_over_penalties():
    # (the trees would make up for a penalty that is too strong)
    model = TabularRegressor(trees=None, **QUICK)
    search = GridSearchCV(model, {"alpha": [1.0, 1e-4]}, cv=2).fit(FRAME, PRICE)
    strong, weak = search.cv_results_["mean_test_score"]
    assert search.best_params_["alpha"] == 1e-4
    assert weak > strong + 0.3
    best = model.set_params(alpha=1e-4).fit(FRAME, PRICE)
    assert_array_equal(search.predict(FRAME), best.predict(FRAME))


def test_groups_of_a_cross_validation_reach_the_members():
    groups = np.arange(N) // 10
    held = []
    with config_context(enable_metadata_routing=True):
        reg = TabularRegressor(**QUICK).set_fit_request(groups=True)
        found = cross_validate(
            reg,
            FRAME,
            PRICE,
            cv=GroupKFold(2),
            params={"groups": groups},
            return_estimator=True,
            return_indices=True,
        )
    for model, rows in zip(found["estimator"], found["indices"]["train"], strict=True):
        held += [groups[rows][part] for part, _, _ in model._held]
        for part, _, _ in model._held:  # whole groups
            others = np.setdiff1d(np.arange(len(rows)), part)
            assert not set(groups[rows][part]) & set(groups[rows][others])
    assert len(held) == 2 * SMALL["n_members"]


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_behind_a_transformer_with_set_output(output):
    scaler = make_column_transformer(
        (StandardScaler(), ["size", "noise"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    model = make_pipeline(scaler, TabularRegressor(**QUICK))
    model.set_output(transform=output).fit(FRAME, PRICE)
    assert sorted(model[-1].feature_names_in_) == sorted(FRAME.columns)
    assert model.score(FRAME, PRICE) > 0.8
