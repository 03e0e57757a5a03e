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
from skgd import MLPGDRegressor
from skgd._rules import version

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
