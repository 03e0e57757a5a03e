"""Other formats of fitted estimators: ONNX, and files of skops."""

from .onnx_converters import register_onnx_converters
from .trusted_types import skops_trusted_types

__all__ = ["register_onnx_converters", "skops_trusted_types"]
