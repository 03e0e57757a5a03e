"""Estimators trained by gradient descent, compatible with scikit-learn."""

from importlib import import_module

# First, and from here: from within a compiled module it would take 0.2 s longer.
import sklearn.base  # noqa: F401

try:
    from ._engine import epoch  # noqa: F401
except ImportError as error:
    raise ImportError(
        "The compiled modules of skgd are missing or do not match this Python. In a "
        "checkout, compile them with `pip install -e .`; after a normal install, do "
        "not start Python in the root of the checkout."
    ) from error

from scipy.optimize import check_grad

from ._functions.minimize import maximize, minimize
from ._functions.stochastic import maximize_stochastic, minimize_stochastic
from ._rules.version import VERSION
from .inspection import diagnose, learning_rate_range
from .linear import GDClassifier, GDRegressor
from .mlp import MLPGDClassifier, MLPGDRegressor
from .tabular import TabularClassifier, TabularRegressor

__all__ = [
    "GDClassifier",
    "GDRegressor",
    "MLPGDClassifier",
    "MLPGDRegressor",
    "TabularClassifier",
    "TabularRegressor",
    "check_grad",
    "diagnose",
    "learning_rate_range",
    "maximize",
    "maximize_stochastic",
    "minimize",
    "minimize_stochastic",
]
__version__ = VERSION

# These modules are loaded when they are first used: `import skgd` is faster then.
_LATER = ("export", "plotting", "preprocessing")


def __getattr__(name):
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f".{name}", __name__)


def __dir__():
    return sorted({*globals(), *_LATER})
