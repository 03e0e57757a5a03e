"""The page for users of other libraries, compared with the real signatures."""

import inspect
import re
from pathlib import Path

import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor

import skgd
from skgd import losses, optimizers, schedules

PAGE = (Path(__file__).parents[1] / "docs/coming_from.md").read_text("utf-8")
TABLES = re.findall(r"<!-- from: (.+?) to: (.+?) -->\n(.*?)<!-- end -->", PAGE, re.S)
THEIRS = {
    cls.__name__: cls
    for cls in (MLPClassifier, MLPRegressor, SGDClassifier, SGDRegressor)
}
RULES = {**vars(losses), **vars(optimizers), **vars(schedules)}


def rows(table):
    """The codes in the first two cells of each row, and its remark."""
    for line in table.splitlines()[2:]:
        old, new, remark = (cell.strip() for cell in line.strip("|").split(" |", 2))
        yield re.findall(r"`(.+?)`", old), re.findall(r"`(.+?)`", new), remark


def parameters(cls):
    return set(inspect.signature(cls).parameters)


def test_page_has_a_table_for_each_library():
    names = [table[0] for table in TABLES]
    assert names == [
        "MLPClassifier MLPRegressor",
        "SGDClassifier SGDRegressor",
        "Keras",
        "skorch",
    ]


@pytest.mark.parametrize(("theirs", "ours", "table"), TABLES[:2])
def test_every_parameter_of_scikit_learn_is_listed(theirs, ours, table):
    listed = {code for old, _, _ in rows(table) for code in old}
    expected = set().union(*(parameters(THEIRS[name]) for name in theirs.split()))
    if theirs.startswith("MLP"):
        expected.add("loss")  # of MLPRegressor since scikit-learn 1.7
    assert listed == expected


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("theirs", "ours", "table"), TABLES)
def test_what_takes_its_place_exists_and_is_accepted(theirs, ours, table):
    classifier, regressor = (getattr(skgd, name) for name in ours.split())
    for old, new, remark in rows(table):
        cls = regressor if remark.startswith("regressors") else classifier
        given = {"max_iter": 2, "early_stopping": False}
        for code in new + re.findall(r"`(\w+=[^`]+)`", remark):
            name = code.partition("=")[0]
            assert name in parameters(cls), f"{old}: {code}"
            if "=" in code:
                given |= eval(f"dict({code})", dict(RULES))
        X, y = (load_diabetes if cls is regressor else load_iris)(return_X_y=True)
        if "class_weight" in given:
            X, y = X[:100], y[:100]  # two classes
        cls(**given).fit(X, y)
