"""A learning rate test before a fit, and a diagnosis of the loss curve after it."""

from .diagnosis import Diagnosis, Finding, diagnose
from .range_test import LearningRateRange, learning_rate_range

__all__ = [
    "Diagnosis",
    "Finding",
    "LearningRateRange",
    "diagnose",
    "learning_rate_range",
]
