"""Dask on demand, and the partitions of its collections."""

import numpy as np

from .._estimators.base import GradientDescent
from .._rules.extras import import_extra


def import_dask():
    """Dask on demand, with an error that names the extra.

    Returns
    -------
    dask, distributed : module
        The packages.

    Raises
    ------
    ImportError
        If one of them is not installed; the message says how to install them.
    """
    packages = "dask distributed"
    return import_extra("skgd.dask", "dask", packages, "dask", "distributed")


def check_can_descend(estimator, caller):
    """Raise an error if an estimator is none of those that Dask collections train.

    Parameters
    ----------
    estimator : object
        The estimator.
    caller : str
        The name of the function, for the error.

    Raises
    ------
    TypeError
        If the estimator is another one.
    """
    if not isinstance(estimator, GradientDescent):
        raise TypeError(
            f"{caller} trains GDRegressor, GDClassifier, MLPGDRegressor and "
            f"MLPGDClassifier. Got {type(estimator).__name__} instead."
        )


def pieces_of(given):
    """Divide the arguments of a fit into partitions.

    Parameters
    ----------
    given : dict
        The arguments by name, with a Dask array or DataFrame as 'X'.

    Returns
    -------
    pieces : list of tuple
        The arguments for each partition, as `Delayed`. What is no collection is
        returned as it is in each of them, because the lengths of the partitions may not
        be known yet.

    Raises
    ------
    TypeError
        If `X` is not a Dask array or DataFrame.
    ValueError
        If the collections do not have the same number of partitions.
    """
    X = given["X"]
    if not hasattr(X, "to_delayed") or getattr(X, "ndim", 0) != 2:
        raise TypeError(
            "X must be a Dask array or DataFrame with two dimensions. Got "
            f"{type(X).__module__}.{type(X).__name__} instead."
        )
    columns = []
    for name, values in given.items():
        if not hasattr(values, "to_delayed"):
            columns.append(None if values is None else np.asarray(values))
            continue
        parts = _partitions(values)
        if len(parts) != len(_partitions(X)):
            raise ValueError(
                f"{name} must have the same partitions as X. Got {len(parts)} "
                f"partitions, X has {len(_partitions(X))}."
            )
        columns.append(parts)
    n_parts = len(columns[0])
    return [
        tuple(part[k] if isinstance(part, list) else part for part in columns)
        for k in range(n_parts)
    ]


def _partitions(collection):
    # the partitions of a collection, each with all columns
    if hasattr(collection, "rechunk") and collection.ndim == 2:
        collection = collection.rechunk({1: -1})
    # (Optimised, the number of partitions of a frame could depend on its columns.)
    return list(np.ravel(collection.to_delayed(optimize_graph=False)))
