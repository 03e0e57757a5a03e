"""Transformers that make numbers of the columns of a raw table."""

from .datetimes import DatetimeEncoder
from .piecewise_linear import PiecewiseLinearEncoder
from .table import TableEncoder

__all__ = ["DatetimeEncoder", "PiecewiseLinearEncoder", "TableEncoder"]
