"""Estimators trained by gradient descent, compatible with scikit-learn."""

from .linear import GDClassifier, GDRegressor
from .mlp import MLPGDClassifier, MLPGDRegressor

__all__ = ["GDClassifier", "GDRegressor", "MLPGDClassifier", "MLPGDRegressor"]
__version__ = "0.1.0"
