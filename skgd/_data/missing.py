"""Missing values that other code would not see, or could not compare with others."""

import numpy as np
from scipy import sparse as sp

from .dates import is_missing


def check_not_masked(values, name):
    """Raise an error if an array masks some of its values.

    NumPy would use the numbers below the mask.

    Parameters
    ----------
    values : object
        An argument.
    name : str
        The name of the argument, for the error.

    Raises
    ------
    ValueError
        If it is a masked array with masked values.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} is a masked array in which {np.ma.count_masked(values)} values "
            f"are masked. Replace them first, for example by {name}.filled(np.nan)."
        )


ADVICE = "Leave out these rows, or give them a class of their own."


def check_none_is_missing(y, name="y", advice=ADVICE):
    """Raise an error if a class is missing.

    Comparisons of classes with None or with `pandas.NA` would raise other errors.

    Parameters
    ----------
    y : array-like
        Classes.
    name : str, default="y"
        The name of the argument, for the error.
    advice : str, default=ADVICE
        What to do about missing classes, for the error.

    Raises
    ------
    ValueError
        If there is None, NaN or NA, or if there are records instead of classes.
    """
    if y is None or sp.issparse(y):
        return
    try:
        # (of a list with text and NaN, NumPy would make the text 'nan')
        values = np.asarray(y, dtype=object if isinstance(y, list | tuple) else None)
    except ValueError:  # rows of different lengths, of which scikit-learn says more
        return
    if values.dtype.kind == "V":
        raise ValueError(
            f"Unknown label type: {name} must contain one class for each sample, and "
            f"not values of type {values.dtype}."
        )
    if values.dtype == object and any(map(is_missing, values.ravel())):
        raise ValueError(
            f"Unknown label type: unknown. {name} contains missing values (None, NaN "
            f"or NA). {advice}"
        )
