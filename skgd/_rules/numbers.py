"""Numbers as users pass them, converted to numbers of Python on entry."""

from numbers import Integral, Real

import numpy as np


def plain_number(value):
    """Convert a number to an int, a float or a bool of Python.

    Integers of NumPy overflow: in np.uint8, 200 + 100 is 44, and -1 is 255.

    Parameters
    ----------
    value : object
        Any value.

    Returns
    -------
    value : object
        The number. Anything else is returned as it is, and so is a number that is too
        large for a float.
    """
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return value if isinstance(value, int) else int(value)
    if isinstance(value, Real) and type(value) is not float:
        try:
            return float(value)
        except OverflowError:
            return value
    return value


class PlainNumbers:
    """A class whose attributes become numbers of Python when they are set.

    Since `get_params` returns what the attributes are, `clone` and `set_params` work as
    for any other class.
    """

    def __setattr__(self, name, value):
        super().__setattr__(name, plain_number(value))
