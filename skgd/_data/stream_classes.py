"""The classes of a stream, which the user passes to `partial_fit`."""

import numpy as np
from sklearn.utils.multiclass import unique_labels

from .missing import check_none_is_missing, check_not_masked


def all_classes(classes):
    """Check and sort the classes of a stream.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
        What the user passed to `partial_fit`.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        The distinct classes, in order.

    Raises
    ------
    ValueError
        If these cannot be classes, or if one is missing, masked or infinite.
    """
    try:
        check_not_masked(classes, "classes")
        advice = "Write a class of its own for missing ones."
        check_none_is_missing(classes, "classes", advice)
        values = np.asarray(classes)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError("classes contains NaN or infinity.")
        return unique_labels(classes)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "classes must be an array-like of all classes of the stream. Got "
            f"{classes!r} instead. {error}"
        ) from None
