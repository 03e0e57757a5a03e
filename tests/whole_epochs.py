"""Tools for tests of interrupts and errors: where they come, and what is left."""

import sys
from copy import copy, deepcopy
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np

import skgd

PACKAGE = Path(skgd.__file__).parent
SETTINGS = {"max_iter": 4, "tol": None, "random_state": 0, "batch_size": 20}
PLAIN = {"learning_rate": "constant", "optimizer": "adam", **SETTINGS}
NETWORK = {"hidden_layer_sizes": 4, "early_stopping": False}


class RaiseAt:
    """Raises an error where some lines of the package begin.

    Parameters
    ----------
    error : type
        What to raise.
    *lines : int
        The numbers of these lines, in the order in which they are run, from 1.
    folder : str
        Only lines of this folder of the package are counted.
    """

    def __init__(self, error, *lines, folder=""):
        self.error, self.lines, self.n_lines = error, lines, 0
        self.folder = str(PACKAGE / folder)

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self.of_call)
        return self

    def __exit__(self, *details):
        sys.settrace(self.before)

    def of_call(self, frame, event, arg):
        # (an error at the end of a `with` statement would leave the lock of the threads
        # closed, which no real error does)
        name = frame.f_code.co_filename
        if name.startswith(self.folder) and not name.endswith("threads.py"):
            return self.of_line
        return None

    def of_line(self, frame, event, arg):
        if event == "line":
            self.n_lines += 1
            if self.n_lines in self.lines:
                raise self.error
        return self.of_line


def assert_same(one, other, where="the estimator"):
    """Compare all that two objects contain."""
    if one is other:
        return
    assert type(one) is type(other), where
    if isinstance(one, np.random.RandomState):
        one, other = one.get_state(legacy=False), other.get_state(legacy=False)
    elif is_dataclass(one):  # except what it has cached
        names = [field.name for field in fields(one)]
        one, other = ([getattr(of, name) for name in names] for of in (one, other))
    elif hasattr(one, "__dict__") and not callable(one):
        one, other = vars(one), vars(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for name in one:
            assert_same(one[name], other[name], f"{where}.{name}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for i, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}[{i}]")
    elif isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other, err_msg=where)
    else:
        assert one == other or (one != one and other != other), where


def as_it_is(model):
    """A copy of an estimator that shares nothing with it."""
    new = copy(model)
    vars(new).update(deepcopy(vars(model)))
    return new
