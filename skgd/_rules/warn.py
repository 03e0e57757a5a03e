"""Warnings: each names the line of the user, and a search shows one of each kind."""

import inspect
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from weakref import WeakKeyDictionary

from joblib import Parallel

# Frames of these packages are between the line of the user and a fit.
BETWEEN = ("skgd", "sklearn", "joblib")

_silent = ContextVar("silent", default=False)
# the kinds of warnings that have been shown, for each search or cross-validation
_shown = WeakKeyDictionary()


def warn(text, category=UserWarning):
    """Issue a warning that names the line by which the user has called the package.

    Searches, cross-validation and ensembles of scikit-learn call many fits and clear
    Python's memory of warnings before each of them. Of the warnings that the same line
    of this package issues during such a call, only the first one is shown. The call is
    recognised by its `joblib.Parallel` object. If the fits are distributed over several
    processes, each of these fits warns.

    Parameters
    ----------
    text : str
        The message.
    category : type of Warning, default=UserWarning
        The category.
    """
    if _silent.get():
        return
    frame = inspect.currentframe().f_back
    kind = category, frame.f_code.co_filename, frame.f_lineno
    jobs, level = None, 2
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in BETWEEN:
        for value in frame.f_locals.values():
            jobs = value if isinstance(value, Parallel) else jobs
        frame, level = frame.f_back, level + 1
    shown = set() if jobs is None else _shown.setdefault(jobs, set())
    if kind in shown:
        return
    if jobs is not None:
        text = f"{text} Other fits of the same call do not repeat this warning."
    # If a filter turns the warning into an error, all fits raise it.
    warnings.warn(text, category, stacklevel=level)
    shown.add(kind)


@contextmanager
def no_warnings():
    """Leave out the warnings of this package.

    `warnings.catch_warnings` would make Python forget which warnings it has shown.
    """
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)
