"""Files of fitted estimators: pickle and skops, without any private class."""

import copy
import pickle
import pickletools

import numpy as np
import pytest
import skops.io
from helpers import data_for
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tabular_data import BOTH, FRAME, PRICE, SMALL, N

from skgd import (
    GDClassifier,
    GDRegressor,
    MLPGDClassifier,
    MLPGDRegressor,
    TabularRegressor,
)
from skgd._rules.plain_state import CLASS, stored_as_dict
from skgd.averaging import EMA
from skgd.export import skops_trusted_types
from skgd.line_search import LineSearch
from skgd.losses import Huber, Quantile
from skgd.optimizers import Lion
from skgd.preprocessing import TableEncoder
from skgd.schedules import Cosine, Warmup

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"max_iter": 8, "tol": None, "random_state": 0}
WINDOWED = {"max_iter": 8, "random_state": 0, "n_iter_no_change": 3}
MODELS = [
    GDRegressor(**WINDOWED),
    GDRegressor(
        Huber(2.0), optimizer=Lion(), learning_rate=Warmup(3, then=Cosine()), **QUICK
    ),
    GDRegressor(Quantile([0.2, 0.8]), average=EMA(), batch_norm=True, **QUICK),
    GDRegressor(solver="batch", learning_rate=LineSearch(), optimizer="sgd", **QUICK),
    GDRegressor(optimizer="lbfgs", solver="batch", **QUICK),
    GDClassifier("modified_huber", early_stopping=True, **QUICK),
    GDClassifier(penalty="l1", class_weight="balanced", **QUICK),
    MLPGDRegressor(activation=("relu", "mish"), hidden_layer_sizes=(5, 4), **QUICK),
    MLPGDRegressor(num_embedding="piecewise_linear", batch_norm=True, **QUICK),
    MLPGDClassifier(early_stopping=True, **WINDOWED),
    MLPGDClassifier(weight_init="he", input_scale=True, early_stopping=False, **QUICK),
]
RICH = FRAME.assign(
    note=[f"a text of many words, of which {j} is one" for j in range(N)],
    flag=np.arange(N) % 2 == 0,
)


def by_pickle(model):
    return pickle.loads(pickle.dumps(model))


def by_skops(model):
    return skops.io.loads(skops.io.dumps(model), trusted=skops_trusted_types())


def modules_in(model):
    """The modules of this package that a pickle imports."""
    code = pickletools.genops(pickle.dumps(model, protocol=2))
    names = {argument.split()[0] for op, argument, _ in code if op.name == "GLOBAL"}
    return {name for name in names if name.startswith("skgd")}


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("way", [by_pickle, by_skops, copy.deepcopy])
def test_round_trips(model, way):
    X, y = data_for(type(model))
    model = copy.deepcopy(model).fit(X, y)
    loaded = way(model)
    assert type(loaded._state) is type(model._state)
    assert type(loaded._encoding) is type(model._encoding)
    assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.loss_curve_ == model.loss_curve_
    # the training continues as if there had been no file
    for each in (model, loaded):
        each.set_params(warm_start=True).fit(X, y)
    assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.loss_curve_ == model.loss_curve_
    assert_array_equal(way(model.strip()).predict(X), loaded.predict(X))


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_no_private_class_is_stored(model):
    X, y = data_for(type(model))
    model = copy.deepcopy(model).fit(X, y)
    check_public(model)


def check_public(model):
    types = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    assert set(types) <= set(skops_trusted_types())
    own = [name for name in types if name.startswith("skgd.")]
    for names in (own, modules_in(model)):
        assert names
        assert not [name for name in names if "._" in name]


def test_the_list_has_no_private_class_of_this_package():
    own = [name for name in skops_trusted_types() if name.startswith("skgd.")]
    assert len(own) > 50
    assert not [name for name in own if "._" in name]


@pytest.mark.parametrize(("estimator", "y"), BOTH)
@pytest.mark.parametrize("table", [RICH, FRAME[["size", "noise"]].to_numpy()])
def test_raw_tables(estimator, y, table):
    model = estimator(**SMALL).fit(table, y)
    check_public(model)
    for loaded in (by_pickle(model), by_skops(model)):
        assert_array_equal(loaded.predict(table), model.predict(table))
        assert type(loaded.estimators_[0]) is type(model.estimators_[0])
        more = loaded.set_params(warm_start=True, n_members=4).fit(table, y)
        assert len(more.estimators_) == 4


def test_intervals_of_raw_tables():
    model = TabularRegressor(**SMALL).fit(RICH, PRICE)
    expected = model.predict_interval(RICH)
    for loaded in (by_pickle(model), by_skops(model)):
        assert_array_equal(loaded.predict_interval(RICH), expected)


def test_the_encoder_of_raw_tables():
    encoder = TableEncoder().fit(RICH)
    check_public(encoder)
    for loaded in (by_pickle(encoder), by_skops(encoder)):
        assert (loaded.transform(RICH) != encoder.transform(RICH)).nnz == 0


def test_a_pipeline():
    X, y = data_for(MLPGDClassifier)
    model = make_pipeline(StandardScaler(), MLPGDClassifier(**QUICK)).fit(X, y)
    check_public(model)
    assert_array_equal(by_skops(model).predict_proba(X), model.predict_proba(X))


class Squares(BaseEstimator):
    """Half the squared error, written in Python."""

    def value_and_gradient(self, y_true, raw):
        return ((raw - y_true) ** 2).sum(axis=1) / 2, raw - y_true


def test_own_losses_have_to_be_trusted():
    X, y = data_for(GDRegressor)
    model = GDRegressor(Squares(), **QUICK).fit(X, y)
    data = skops.io.dumps(model)
    types = set(skops.io.get_untrusted_types(data=data)) - set(skops_trusted_types())
    assert types == {f"{__name__}.Squares"}
    assert_array_equal(by_pickle(model).predict(X), model.predict(X))


def test_an_object_is_stored_once():
    X, y = data_for(MLPGDRegressor)
    model = MLPGDRegressor(**QUICK).fit(X, y)
    model.again = [model._state, {"state": model._state}]
    loaded = by_pickle(model)
    assert loaded.again[0] is loaded.again[1]["state"] is loaded._state
    # what has no private class in it stays the same object in memory
    assert model.__getstate__()["coefs_"] is model.coefs_
    assert loaded.loss_curve_ is loaded._state.losses


def test_errors():
    X, y = data_for(GDRegressor)
    state = GDRegressor(**QUICK).fit(X, y).__getstate__()
    state["_state"] = {**state["_state"], CLASS: "Later"}
    with pytest.raises(ValueError, match="no class 'Later'. The file was written by"):
        GDRegressor().__setstate__(state)
    with pytest.raises(ValueError, match="two classes with the name Units"):
        stored_as_dict(type("Units", (), {}))
