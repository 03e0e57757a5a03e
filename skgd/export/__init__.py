"""Other formats of fitted estimators: ONNX, and files of skops."""

from .onnx_converters import register_onnx_converters

__all__ = ["register_onnx_converters"]
