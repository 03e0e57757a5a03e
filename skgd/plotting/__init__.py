"""Displays: pictures of training, optimization paths, weights and activations.

They follow scikit-learn's displays: a classmethod ``from_...`` computes what is drawn
and draws it, ``plot`` draws it again, and `ax_` and `figure_` are matplotlib's own, to
be changed at will. Drawing needs matplotlib (``pip install "skgd[plot]"``); importing
this module does not. Colours, line styles, markers and hatches are such that the
pictures can be read with any colour vision and in grey.
"""

from .curves import LossCurveDisplay
from .network import ActivationsDisplay, WeightsDisplay
from .paths import OptimizationPathDisplay
from .rates import LearningRateDisplay

__all__ = [
    "ActivationsDisplay",
    "LearningRateDisplay",
    "LossCurveDisplay",
    "OptimizationPathDisplay",
    "WeightsDisplay",
]
