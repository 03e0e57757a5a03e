"""A learning rate test before a fit, a diagnosis of the loss curve, shape functions."""

from .diagnosis import Diagnosis, Finding, diagnose
from .range_test import LearningRateRange, learning_rate_range
from .shape_function import ShapeFunction, shape_function

__all__ = [
    "Diagnosis",
    "Finding",
    "LearningRateRange",
    "ShapeFunction",
    "diagnose",
    "learning_rate_range",
    "shape_function",
]
