"""The errors about raw tables, and the lines of code at their ends."""

import warnings

import pytest
from sklearn.exceptions import ConvergenceWarning


def message(call, *args, **kwargs):
    """The text of the error of a call."""
    with pytest.raises((TypeError, ValueError)) as error:
        call(*args, **kwargs)
    # what scikit-learn has as a TypeError remains one where there is no cure
    assert type(error.value) is ValueError or ":\n\n" not in str(error.value)
    return str(error.value)


def lines_of(text):
    """The Python at the end of an error."""
    _, _, code = text.partition(":\n\n")
    return code


def run(code, X, y):
    """What the lines of an error make of the data: their names."""
    names = {"X": X, "y": y}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        exec(compile(code, "<error>", "exec"), names)
    return names
