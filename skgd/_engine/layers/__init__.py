"""The kinds of layers, a file for each."""

from .batch_norm import BatchNorm
from .dense import Copy, Dense
from .dropout import Dropout
from .input_scale import InputScale
from .sparse_input import SparseInput
from .suffix_sums import SuffixSums

__all__ = [
    "BatchNorm",
    "Copy",
    "Dense",
    "Dropout",
    "InputScale",
    "SparseInput",
    "SuffixSums",
]
