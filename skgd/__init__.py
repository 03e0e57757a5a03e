"""Estimators trained by gradient descent, compatible with scikit-learn."""

try:
    from . import _epoch  # noqa: F401
except ImportError as error:
    raise ImportError(
        "The compiled modules of skgd are missing or do not match this Python. In a "
        "checkout, compile them with `pip install -e .`; after a normal install, do "
        "not start Python in the root of the checkout."
    ) from error

from .linear import GDClassifier, GDRegressor
from .mlp import MLPGDClassifier, MLPGDRegressor

__all__ = ["GDClassifier", "GDRegressor", "MLPGDClassifier", "MLPGDRegressor"]
__version__ = "0.1.0"
