"""A learning rate test before a fit, and a diagnosis of the loss curve after it."""

from .diagnosis import Diagnosis, Finding, diagnose
from .range_test import learning_rate_range

__all__ = ["Diagnosis", "Finding", "diagnose", "learning_rate_range"]
