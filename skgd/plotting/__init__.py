"""Displays: pictures of training, paths, weights, activations and columns.

The displays follow those of scikit-learn. A classmethod ``from_...`` computes the data
and draws them, and ``plot`` draws them again. `ax_` and `figure_` are objects of
matplotlib, which you can change. Drawing needs matplotlib, which the extra ``plot``
installs; importing this module does not. Colours, line styles, markers and hatches are
chosen so that the pictures are readable with any colour vision and in greyscale.
"""

from .columns import PermutationImportanceDisplay, ShapeFunctionDisplay
from .curves import LossCurveDisplay
from .live import LiveLossCurve
from .network import ActivationsDisplay, WeightsDisplay
from .paths import OptimizationPathDisplay
from .rates import LearningRateDisplay

__all__ = [
    "ActivationsDisplay",
    "LearningRateDisplay",
    "LiveLossCurve",
    "LossCurveDisplay",
    "OptimizationPathDisplay",
    "PermutationImportanceDisplay",
    "ShapeFunctionDisplay",
    "WeightsDisplay",
]
