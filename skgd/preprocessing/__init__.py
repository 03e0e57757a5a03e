"""Transformers that make numbers of the columns of a raw table."""

from .datetimes import DatetimeEncoder

__all__ = ["DatetimeEncoder"]
