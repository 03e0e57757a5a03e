"""Missing classes, which are errors before anything compares them with others."""

import numpy as np
from scipy import sparse as sp

from .dates import is_missing


def check_none_is_missing(y, name="y"):
    """Raise an error if a class is missing.

    Comparisons of classes with None or with `pandas.NA` would raise other errors.

    Parameters
    ----------
    y : array-like
        Classes.
    name : str, default="y"
        The name of the argument, for the error.

    Raises
    ------
    ValueError
        If there is None, NaN or NA.
    """
    if y is None or sp.issparse(y):
        return
    try:
        # (of a list with text and NaN, NumPy would make the text 'nan')
        values = np.asarray(y, dtype=object if isinstance(y, list | tuple) else None)
    except ValueError:  # rows of different lengths, of which scikit-learn says more
        return
    if values.dtype == object and any(map(is_missing, values.ravel())):
        raise ValueError(
            f"Unknown label type: unknown. {name} contains missing values (None, NaN "
            "or NA). Leave out these rows, or give them a class of their own."
        )
