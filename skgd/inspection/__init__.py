"""Before a fit: which learning rate. After it: what the training curve shows."""

from .diagnosis import Diagnosis, Finding, diagnose
from .range_test import learning_rate_range

__all__ = ["Diagnosis", "Finding", "diagnose", "learning_rate_range"]
