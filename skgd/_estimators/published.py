"""Parameters on the way to the public attributes and back: they are finite."""

import numpy as np
from scipy import sparse as sp

from .._data.magnitudes import name_of_column
from .._engine.sparse_arrays import check_sparse


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
        If a number is too large for the dtype, or if a weight of the features is too
        small for it, because the units of training are far from the user's units.
    """
    dtype = state.theta.dtype
    with np.errstate(over="ignore", invalid="ignore"):
        exact, b = architecture.publish(views, state.units)
        W, b = ([values.astype(dtype) for values in part] for part in (exact, b))
    if not all(np.isfinite(values).all() for values in (*W, *b)):
        raise ValueError(_too_large(estimator, W, dtype))
    _check_not_lost(estimator, views["W"][0], exact[0], W[0])
    return W, b


def _check_not_lost(estimator, trained, exact, published):
    # Raise an error if a weight that is not negligible has lost digits, or is zero. (An
    # exact weight of zero is a difference, or that of a constant column.)
    limits = np.finfo(published.dtype)
    lost = (np.abs(published) < limits.tiny) & (exact != 0)
    lost &= np.abs(trained) > np.sqrt(limits.eps)
    columns = np.flatnonzero(lost.any(axis=1))
    if columns.size:
        names = getattr(estimator, "feature_names_in_", None)
        raise ValueError(
            f"{name_of_column(columns[0], len(published), names)} has values that are "
            f"so large that a weight is too small for {published.dtype}: divide the "
            "column by a larger number."
        )


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


def check_finite(predicted, cause="X"):
    """Check that no prediction is too large for its dtype.

    Parameters
    ----------
    predicted : ndarray of shape (n_samples, ...)
        Predictions.
    cause : str, default="X"
        The argument whose values can be too large, for the error.

    Returns
    -------
    predicted : ndarray of shape (n_samples, ...)
        The same array.

    Raises
    ------
    ValueError
        If a prediction is NaN or infinite, because the argument has very large values.
    """
    if not np.isfinite(predicted).all():
        row = np.flatnonzero(~np.isfinite(predicted).reshape(len(predicted), -1).all(1))
        raise ValueError(
            f"{cause} has values that are so large that the prediction for row "
            f"{row[0]} is not finite in {predicted.dtype}."
        )
    return predicted


def numbers_of(values, name):
    """Check that parameters that the user may have set are finite numbers.

    Parameters
    ----------
    values : array-like or sparse matrix
        The parameters.
    name : str
        Their name, for the error.

    Returns
    -------
    values : ndarray or sparse matrix
        The parameters as an array.

    Raises
    ------
    ValueError
        If they are not finite numbers.
    """
    numbers = check_sparse(values, name)
    try:
        array = numbers.data if sp.issparse(numbers) else np.asarray(values)
        sound = array.dtype.kind in "fiub" and np.isfinite(array).all()
    except ValueError:  # rows of different lengths
        sound = False
    if not sound:
        raise ValueError(f"{name} must be an array of finite numbers. Got {values!r}.")
    return numbers if sp.issparse(numbers) else array


def list_of_numbers(arrays, name):
    """Check the parameters of all layers that the user may have set.

    Parameters
    ----------
    arrays : list or tuple of array-like
        The parameters of each layer.
    name : str
        Their name, for the error.

    Returns
    -------
    arrays : list of ndarray
        The parameters as arrays.

    Raises
    ------
    ValueError
        If it is not a list of arrays of finite numbers.
    """
    if not isinstance(arrays, list | tuple):
        raise ValueError(
            f"{name} must be a list with one array for each layer. Got {arrays!r}."
        )
    return [numbers_of(values, f"{name}[{i}]") for i, values in enumerate(arrays)]


def coefficients_of(estimator):
    """Check the coefficients and intercepts of a fitted linear model.

    Parameters
    ----------
    estimator : LinearModel
        The fitted estimator, whose attributes the user may have set.

    Returns
    -------
    coef : ndarray or sparse matrix of shape (n_outputs, n_features)
        The coefficients.
    intercept : ndarray of shape (n_outputs,) or ()
        The intercepts.

    Raises
    ------
    ValueError
        If they are not finite numbers, or if the shape is wrong.
    """
    d, k = estimator._architecture_.sizes
    coef = numbers_of(estimator.coef_, "coef_")
    intercept = numbers_of(estimator.intercept_, "intercept_")
    if coef.shape not in ((k, d), (d,) if k == 1 else (k, d)):
        raise ValueError(f"coef_ must have the shape {(k, d)}. Got {coef.shape}.")
    if intercept.shape not in ((k,), (1,), ()):
        raise ValueError(
            f"intercept_ must have the shape {(k,)}. Got {intercept.shape}."
        )
    return coef if coef.ndim == 2 else coef[np.newaxis], intercept
