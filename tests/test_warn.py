"""Where warnings are said to be from, and how many of them a search shows."""

import gc
import subprocess
import sys
import warnings

import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgd import GDClassifier, MLPGDClassifier, learning_rate_range
from skgd._rules import warn as module

X, y = load_iris(return_X_y=True)
SHORT = GDClassifier(solver="minibatch", max_iter=2, learning_rate="constant")
GRID = {"alpha": [1e-3, 1e-2, 1e-1]}
PIPED = {f"gdclassifier__{name}": values for name, values in GRID.items()}

CALLS = {
    "search": lambda: GridSearchCV(SHORT, GRID, cv=3).fit(X, y),
    "pipeline": lambda: GridSearchCV(
        make_pipeline(StandardScaler(), SHORT), PIPED, cv=3
    ).fit(X, y),
    "cross-validation": lambda: cross_val_score(SHORT, X, y),
    "nested": lambda: cross_val_score(GridSearchCV(SHORT, GRID, cv=3), X, y),
    "ensemble": lambda: BaggingClassifier(SHORT, 5).fit(X, y),
}


def of_convergence(function, action="always"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        function()
    return [each for each in caught if each.category is ConvergenceWarning]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("action", ["always", "default"])
def test_a_search_warns_once(name, action):
    for _ in range(3):  # and each of several searches
        (found,) = of_convergence(CALLS[name], action)
        assert str(found.message).endswith("same call do not repeat this warning.")
        assert found.filename == __file__
    gc.collect()
    assert not module._shown  # nothing is kept of the searches


def test_single_fits_always_warn():
    found = of_convergence(lambda: [SHORT.fit(X, y) for _ in range(3)])
    assert len(found) == 3
    assert {each.filename for each in found} == {__file__}
    assert not any("do not repeat" in str(each.message) for each in found)


def test_all_fits_of_a_search_fail_if_warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ValueError, match="All the 9 fits failed"):
            CALLS["search"]()


def test_different_warnings_are_all_shown():
    many = GDClassifier(solver="minibatch", batch_size=1000, max_iter=2)
    many.set_params(learning_rate="constant")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cross_val_score(many, X, y)
    categories = [each.category for each in caught]
    assert sorted(map(str, categories)) == sorted(
        map(str, [UserWarning, ConvergenceWarning])
    )


def test_the_range_test_does_not_warn():
    model = MLPGDClassifier(5, random_state=0)
    assert not of_convergence(lambda: learning_rate_range(model, X, y))
    with module.no_warnings():
        assert not of_convergence(lambda: module.warn("unheard", ConvergenceWarning))
    (heard,) = of_convergence(lambda: module.warn("heard", ConvergenceWarning))
    assert str(heard.message) == "heard"


def lines_of_errors(code):
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return len(run.stderr.splitlines())


@pytest.mark.parametrize(
    "call",
    [
        "GridSearchCV(model, {'alpha': [1e-3, 1e-2, 0.1]}).fit(X, y)",
        "cross_val_score(model, X, y)",
    ],
)
def test_what_a_user_reads(call):
    code = (
        "from sklearn.datasets import load_iris\n"
        "from sklearn.model_selection import GridSearchCV, cross_val_score\n"
        "from skgd import GDClassifier\n"
        "X, y = load_iris(return_X_y=True)\n"
        "model = GDClassifier(solver='minibatch', max_iter=2, tol=1e-9)\n"
        f"model.set_params(learning_rate='constant')\n{call}\n"
    )
    # the warning, and the line of the user if Python finds it
    assert 1 <= lines_of_errors(code) <= 2


TEXT = X.astype(str).tolist()
DATA = {
    "numbers as text": lambda: GridSearchCV(GDClassifier(), GRID, cv=3).fit(TEXT, y),
    "small weights": lambda: GridSearchCV(GDClassifier(), {"tol": [1e-4, 1e-5]}).fit(
        X, y, sample_weight=[1e-3] * len(y)
    ),
}


@pytest.mark.parametrize("name", DATA)
def test_warnings_about_the_data(name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        DATA[name]()
    assert {each.filename for each in caught} == {__file__}
    assert len({str(each.message).split()[0] for each in caught}) == len(caught)
