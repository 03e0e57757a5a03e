"""Data on their way into the network: rows, weights, parameters."""

from numbers import Real

import numpy as np
from scipy import sparse as sp
from sklearn.utils import check_array

from ._epoch import raw_predictions
from ._network import Network
from ._threads import single_blas_thread
from .layers import BATCH_NORM_EPSILON

# rows at a time at prediction: the activations stay in the cache
PREDICTION_BATCH = 256


def check_weights(sample_weight, X):
    """Sample weights in the dtype of X.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), float or None
        What the user gave.
    X : ndarray or CSR of shape (n_samples, n_features)
        The features.

    Returns
    -------
    weights : ndarray of shape (n_samples,) or None
        None for None.

    Raises
    ------
    ValueError
        For a wrong shape, NaN, negative weights, or none above zero.
    """
    if sample_weight is None:
        return None
    n = X.shape[0]
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n, sample_weight)
    weights = check_array(
        sample_weight,
        ensure_2d=False,
        dtype=X.dtype,
        order="C",
        input_name="sample_weight",
    )
    if weights.ndim != 1:
        raise ValueError("Sample weights must be 1D array or scalar")
    if weights.shape != (n,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n,)}!")
    if (weights < 0).any():
        raise ValueError("Negative values in data passed to `sample_weight`")
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def as_rows(X):
    """Dense rows as they are; sparse ones in canonical CSR with 32-bit indices.

    Parameters
    ----------
    X : ndarray or CSR
        Validated features.

    Returns
    -------
    X : ndarray or CSR
        What the compiled code reads.
    """
    if not sp.issparse(X):
        return np.ascontiguousarray(X)
    largest = np.iinfo(np.int32).max
    if X.nnz > largest or max(X.shape) > largest:
        raise ValueError(
            f"Sparse data with more than {largest} stored values, rows or columns are "
            f"not supported. Got shape {X.shape} with {X.nnz} stored values."
        )
    if X.nnz and not (X.indices.min() >= 0 and X.indices.max() < X.shape[1]):
        raise ValueError(
            "The column indices of a sparse matrix must be from 0 to "
            f"{X.shape[1] - 1}. Got {X.indices.min()} to {X.indices.max()}."
        )
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    parts = (
        np.ascontiguousarray(X.data),
        np.ascontiguousarray(X.indices, dtype=np.int32),
        np.ascontiguousarray(X.indptr, dtype=np.int32),
    )
    if parts[0] is X.data and parts[1] is X.indices and parts[2] is X.indptr:
        return X
    rows = type(X)(X.shape, dtype=X.dtype)
    rows.data, rows.indices, rows.indptr = parts
    return rows


def forward(architecture, theta, running, data):
    """Raw predictions of a network with given parameters.

    Parameters
    ----------
    architecture : Architecture
        Of the network.
    theta, running : ndarray
        Its parameters and running statistics.
    data : Data
        The samples.

    Returns
    -------
    Z : ndarray of shape (n_samples, n_outputs)
        What the last layer gives.
    """
    batch = max(min(PREDICTION_BATCH, data.n_samples), 1)
    net = Network(architecture, theta, running, data, batch, training=False)
    with single_blas_thread():
        return raw_predictions(net)


def largest_columns(X, names):
    """A sentence on the columns that are on the largest scale.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        Features as training sees them.
    names : sequence of str or None
        Of the columns.

    Returns
    -------
    sentence : str
        The root mean squares of at most three columns.
    square : float
        The mean squared norm of the rows.
    """
    X = X[:: 1 + X.shape[0] // 10_000].astype(np.float64)
    with np.errstate(over="ignore"):
        square = X.multiply(X) if sp.issparse(X) else np.square(X)
        square = np.asarray(square.mean(axis=0)).ravel()
    largest = np.argsort(-square, kind="stable")[:3]
    named = [
        f"{j if names is None else repr(str(names[j]))} ({np.sqrt(square[j]):.3g})"
        for j in largest
    ]
    sentence = (
        "The columns with the largest scale (root mean square) in training are "
        f"{', '.join(named)}."
    )
    return sentence, float(square.sum())


def normalisation_map(gamma, beta, mean, variance):
    """A batch normalisation by given statistics, as ``scale * x + shift``.

    Parameters
    ----------
    gamma, beta : ndarray of shape (width,) or float
        Learned scale and shift.
    mean, variance : ndarray of shape (width,)
        The statistics.

    Returns
    -------
    scale, shift : ndarray of shape (width,)
        What it does to an input.
    """
    scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
    return scale, beta - scale * mean


def set_views(views, start):
    """Copy given parameters into the flat vector.

    Parameters
    ----------
    views : dict of str to list of ndarray
        Of the flat vector, see `Architecture.views`.
    start : dict of str to list of array-like
        Values of some of the kinds.

    Raises
    ------
    ValueError
        Where a shape does not match.
    """
    for kind, values in start.items():
        if len(values) != len(views[kind]):
            raise ValueError(
                f"Expected {len(views[kind])} arrays of {kind}, got {len(values)}."
            )
        for view, value in zip(views[kind], values, strict=True):
            value = np.asarray(value)
            if value.shape != view.shape:
                raise ValueError(
                    f"Parameters of shape {value.shape} do not match the network, "
                    f"which has {view.shape} there."
                )
            view[...] = value


def update_weight_mean(state, weights, rows, n):
    """Mean sample weight over all the samples that the state has been trained on.

    Weights are relative: this mean is what counts as weight one, so that
    weights act as repeated samples do, in batches of any size. Over calls of
    `partial_fit` it is the mean of all calls.

    Parameters
    ----------
    state : TrainingState
        Takes note of the new samples.
    weights : ndarray of shape (n_samples,) or None
        The weights.
    rows : ndarray of intp or None
        The training rows.
    n : int
        Their number.

    Returns
    -------
    mean : float
        The mean.
    n_used : int
        New samples that have a weight.
    """
    total, n_used = float(n), n
    if weights is not None:
        used = weights if rows is None else weights[rows]
        total, n_used = float(used.sum(dtype=np.float64)), np.count_nonzero(used)
    state.weight_sum += total
    state.weight_count += n
    return state.weight_sum / state.weight_count, n_used
