"""Parameters on the way to the public attributes, which must be finite numbers."""

import numpy as np

from .._data.magnitudes import name_of_column


def for_raw_data(estimator, architecture, views, state):
    """Convert weights and intercepts to the user's units and the dtype of the training.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator, which may know the names of the features.
    architecture : Architecture
        The architecture of the network.
    views : dict of str to list of ndarray
        The parameters in units of training.
    state : TrainingState
        The state, which knows the units and the dtype.

    Returns
    -------
    W, b : list of ndarray
        Copies of this dtype for each layer.

    Raises
    ------
    ValueError
        If a number is too large for the dtype, because the units of training are far
        from the user's units.
    """
    dtype = state.theta.dtype
    with np.errstate(over="ignore", invalid="ignore"):
        W, b = architecture.publish(views, state.units)
        W, b = ([values.astype(dtype) for values in part] for part in (W, b))
    if not all(np.isfinite(values).all() for values in (*W, *b)):
        raise ValueError(_too_large(estimator, W, dtype))
    return W, b


def _too_large(estimator, W, dtype):
    # what an error says about a parameter that is not finite
    also = " or train in float64" if dtype == np.float32 else ""
    columns = np.flatnonzero(~np.isfinite(W[0]).all(axis=1))
    if columns.size:
        names = getattr(estimator, "feature_names_in_", None)
        column = name_of_column(columns[0], len(W[0]), names)
        return (
            f"{column} has values that are so small that a weight is too large for "
            f"{dtype}: multiply the column by a larger number{also}."
        )
    return (
        "The target y has values that are so large that a parameter is too large for "
        f"{dtype}: divide the target{also}."
    )
