"""Saved estimators: their size, their version, and files of each release."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from save_models import FOLDER, X, Y, fitted, output
from sklearn import exceptions
from sklearn.base import clone

import skgd
from skgd import GDRegressor, MLPGDRegressor
from skgd._rules import plain_state, version
from skgd._training.stopping import Stopping

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FILES = sorted(FOLDER.glob("*.pickle"))


def loaded(path):
    """The content of a file, and the versions that warnings of skgd name."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        content = pickle.loads(path.read_bytes())
    ours = [w.message for w in caught]
    return content, {
        w.original_sklearn_version
        for w in ours
        if isinstance(w, version.InconsistentVersionWarning)
    }


def test_this_version_has_a_file():
    # (python tests/save_models.py writes it)
    assert FOLDER / f"skgd-{skgd.__version__}.pickle" in FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_of_each_release_give_the_same_results(path):
    saved = path.stem.removeprefix("skgd-")
    content, versions = loaded(path)
    assert versions == ({saved} if saved != skgd.__version__ else set())
    for model, data, expected in content:
        data = pd.DataFrame(data) if isinstance(data, dict) else data
        found = output(model, data)
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
        else:
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_trainings_of_each_release_continue(path):
    (linear, *_), _, (network, *_), _, (stripped, *_), *_ = loaded(path)[0]
    for model in (linear, network):
        before = model.t_
        assert model.partial_fit(X, Y).t_ == before + len(X)
        assert np.isfinite(model.predict(X)).all()
    with pytest.raises(ValueError, match="strip"):
        stripped.partial_fit(X, Y)


# (networks inside of an estimator warn as well)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_another_version_warns(monkeypatch):
    for model, data, _ in fitted():
        data = pd.DataFrame(data) if isinstance(data, dict) else data
        name = type(model).__name__
        with monkeypatch.context() as older:
            older.setattr(version, "VERSION", "0.0.9")
            content = pickle.dumps(model)
        expected = f"This {name} was saved by skgd 0.0.9 and is loaded by skgd "
        with pytest.warns(
            exceptions.InconsistentVersionWarning, match=expected
        ) as seen:
            again = pickle.loads(content)
        assert seen[0].filename == __file__
        np.testing.assert_array_equal(output(again, data), output(model, data))
        assert again.__dict__.keys() == model.__dict__.keys()
        # a file from before there was a version
        state = model.__getstate__()
        del state["_skgd_version"]
        with pytest.warns(exceptions.InconsistentVersionWarning, match="or earlier"):
            type(model).__new__(type(model)).__setstate__(state)


@pytest.mark.filterwarnings("error")
def test_the_same_version_does_not_warn_and_leaves_no_trace():
    for model, *_ in fitted():
        same = [pickle.loads(pickle.dumps(model)), copy.copy(model), clone(model)]
        for other in (model, copy.deepcopy(model), *same):
            assert "_skgd_version" not in vars(other)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_size_is_that_of_what_a_training_needs(early_stopping, average):
    # the public parameters, those in training, two slots of Adam, and the averages
    options = dict(optimizer="adam", max_iter=5, tol=None, random_state=0)
    network = MLPGDRegressor(300, early_stopping=early_stopping, **options)
    network.set_params(average=average, num_embedding=None).fit(np.tile(X, 20), Y)
    parameters = sum(a.nbytes for a in network.coefs_ + network.intercepts_)
    copies = len(pickle.dumps(network)) / parameters
    assert copies == pytest.approx(4 + average, abs=0.2)
    assert len(pickle.dumps(network.strip())) / parameters < 1.1


# ---------------------------------------------------------------- plain state
def test_a_name_of_a_stored_class_is_unique():
    with pytest.raises(ValueError, match="two classes with the name Stopping"):
        plain_state.stored_as_dict(type("Stopping", (), {}))


def test_a_file_with_a_class_that_is_not_there():
    stored = {plain_state.CLASS: "Nothing", plain_state.STATE: {}}
    with pytest.raises(ValueError, match="has no class 'Nothing'. The file was"):
        MLPGDRegressor().__setstate__({"part": stored})


def test_private_objects_within_containers_are_dicts_and_stay_one_object():
    stopping = Stopping(0.1, 3, windowed=True)
    array, same = np.arange(3), [1, {"a": 2}]
    parts = {"pair": (stopping, array), "list": [{"b": stopping}], "same": same}
    model = GDRegressor()
    model.parts = parts
    stored = model.__getstate__()["parts"]
    kind = {plain_state.CLASS, plain_state.STATE}
    assert type(stored["pair"][0]) is dict
    assert set(stored["pair"][0]) == kind
    assert stored["list"][0]["b"] is stored["pair"][0]
    assert stored["pair"][1] is array
    assert stored["same"] is same  # nothing in it has changed
    assert parts["pair"][0] is stopping
    new = GDRegressor()
    new.__setstate__(model.__getstate__())
    found = new.parts["pair"][0]
    assert type(found) is Stopping
    assert found is new.parts["list"][0]["b"] is not stopping
    assert vars(found) == vars(stopping)
