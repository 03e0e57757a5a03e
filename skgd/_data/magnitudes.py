"""Numbers that are too large to be squared, and what an error says about them."""

import numpy as np
from scipy import sparse as sp


def too_large(values, dtype, names=None, *, targets=False):
    """Describe the columns whose sum of squares is not finite.

    Parameters
    ----------
    values : ndarray or CSR of shape (n_samples, n_columns)
        Features or targets, which are finite.
    dtype : dtype
        The dtype in which the numbers are squared.
    names : sequence of str, default=None
        The names of the columns. If it is None, the columns are numbered.
    targets : bool, default=False
        Whether the columns are targets.

    Returns
    -------
    text : str
        A sentence for each column, of three at most, with the advice to rescale it.
        It is empty if all sums are finite.
    """
    if sp.issparse(values):
        reach = np.maximum(values.max(axis=0).toarray(), -values.min(axis=0).toarray())
        reach = reach.ravel()
    else:
        reach = np.maximum(values.max(axis=0), -values.min(axis=0))
    # (a sum of squares is finite if all numbers are below this limit)
    limit = np.sqrt(np.finfo(dtype).max / max(values.shape[0], 1))
    lines = []
    for column in np.flatnonzero(reach >= limit)[:3]:
        if targets:
            name = "The target y"
            name = f"Column {column} of the target y" if len(reach) > 1 else name
        else:
            name = f"Column {column if names is None else repr(str(names[column]))}"
        power = np.floor(np.log10(reach[column]))
        lines.append(
            f"{name} has values up to {reach[column]:.3g}, which are too large to be "
            f"squared in {np.dtype(dtype)}: rescale it, for example divide it by "
            f"{10.0**power:g}."
        )
    return " ".join(lines)


def check_magnitudes(estimator, X, Y, weights, rows):
    """Raise an error that names the columns that are too large for a training.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator, which may know the names of the features.
    X : ndarray or CSR of shape (n_samples, n_features)
        The features in the user's units.
    Y : ndarray of shape (n_samples, n_targets) or None
        The targets in the user's units; None if they are classes.
    weights : ndarray of shape (n_samples,) or None
        The sample weights. A row with weight zero is ignored.
    rows : ndarray of intp or None
        The training rows; None for all.

    Raises
    ------
    ValueError
        If there are such columns.
    """
    used = np.arange(X.shape[0]) if rows is None else rows
    if weights is not None:
        used = used[weights[used] > 0]
    names = getattr(estimator, "feature_names_in_", None)
    text = too_large(X[used], np.float64, names)
    if not text and Y is not None:
        text = too_large(Y[used], np.float64, targets=True)
    if text:
        raise ValueError(text)
