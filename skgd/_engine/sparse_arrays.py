"""Sparse matrices with index arrays that are wrong, which compiled code would follow.

SciPy checks only a part of the index arrays when a sparse matrix is made, and nothing
if they are changed later. A wrong index makes its conversions and products read and
write memory that does not belong to the matrix.
"""

import numpy as np
from scipy import sparse as sp

# the attributes with the indices of each axis of a matrix in coordinates
COORDINATES = {0: "row", 1: "col"}


def check_sparse(X, name="X"):
    """Check the index arrays of sparse data, before anything converts the data.

    Parameters
    ----------
    X : object
        Sparse data in any format. Other objects are not checked.
    name : str, default="X"
        The name of the data, for the error.

    Returns
    -------
    X : object
        The same object. Sparse data in the formats DIA, DOK and LIL are converted to
        CSR, since their index arrays cannot be checked otherwise. If the arrays of
        compressed data have room for more values, they are copied without it.

    Raises
    ------
    ValueError
        If an index is out of range, or if the arrays do not fit together.
    """
    if not sp.issparse(X):
        return X
    if len(X.shape) != 2:
        raise ValueError(
            f"Expected 2D array, got {len(X.shape)}D array instead: the sparse {name} "
            f"has the shape {X.shape}."
        )
    try:
        if X.dtype.kind not in "biufc":  # SciPy cannot convert other values
            raise _WrongArrays(f"its values must be numbers, not of type {X.dtype}.")
        if X.format == "coo":
            _check_coordinates(X)
        elif X.format in ("csr", "csc", "bsr"):
            _check_compressed(X)
            if len(X.data) > X.indptr[-1]:  # room for more values
                X = X.copy()
                X.prune()
        else:
            check_first = {"dia": _check_diagonals, "lil": _check_lists}
            check_first.get(X.format, lambda X: None)(X)
            X = X.tocsr()
            _check_compressed(X)
    except _WrongArrays as error:
        raise ValueError(
            f"The sparse {name} ({X.format}, shape {X.shape}) is not valid: {error}"
        ) from None
    return X


class _WrongArrays(ValueError):
    """The arrays of a sparse matrix are not valid."""


def _check_coordinates(X):
    for axis, attribute in COORDINATES.items():
        indices = _index_array(X, attribute)
        if not len(indices) == len(X.data) == X.data.size:
            raise _WrongArrays(
                f"{attribute} has {len(indices)} elements for {X.data.size} values."
            )
        _check_range(indices, X.shape[axis], attribute)


def _check_compressed(X):
    indptr, indices = _index_array(X, "indptr"), _index_array(X, "indices")
    n_major, n_minor = X.shape[::-1] if X.format == "csc" else X.shape
    n_stored = len(X.data)
    if X.format == "bsr":
        height, width = X.data.shape[1:]
        n_major, n_minor = n_major // height, n_minor // width
    elif X.data.ndim != 1:
        raise _WrongArrays(f"data must have one dimension, not {X.data.ndim}.")
    if len(indices) != n_stored:
        raise _WrongArrays(
            f"indices has {len(indices)} elements for {n_stored} stored values."
        )
    if len(indptr) != n_major + 1:
        raise _WrongArrays(
            f"indptr has {len(indptr)} elements instead of {n_major + 1}."
        )
    if indptr[0] != 0 or (np.diff(indptr) < 0).any() or indptr[-1] > n_stored:
        raise _WrongArrays(
            "indptr must start at 0, must not decrease, and must end at most at "
            f"{n_stored}, the number of stored values. It starts at {indptr[0]} and "
            f"ends at {indptr[-1]}."
        )
    _check_range(indices[: indptr[-1]], n_minor, "indices")


def _check_diagonals(X):
    offsets = _index_array(X, "offsets")
    if X.data.ndim != 2 or len(offsets) != len(X.data):
        raise _WrongArrays(
            f"data must have a row for each of the {len(offsets)} offsets. Its shape "
            f"is {X.data.shape}."
        )
    if len(np.unique(offsets)) < len(offsets):
        raise _WrongArrays("offsets contains the same diagonal more than once.")
    # (diagonals beyond the corners are allowed, but SciPy reads 32 bits)
    if not (offsets == offsets.astype(np.int32)).all():
        raise _WrongArrays("offsets contains numbers that are no 32-bit ints.")


def _check_lists(X):
    lengths = [[len(values) for values in lists] for lists in (X.rows, X.data)]
    if lengths[0] != lengths[1] or len(lengths[0]) != X.shape[0]:
        raise _WrongArrays(
            "rows and data must have a list for each row, and both lists must have the "
            "same length."
        )


def _index_array(X, attribute):
    given = getattr(X, attribute)
    values = np.asarray(given)
    if not isinstance(given, np.ndarray):  # SciPy would read its dtype
        raise _WrongArrays(
            f"{attribute} must be an array, not a {type(given).__name__}."
        )
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise _WrongArrays(
            f"{attribute} must be an array of ints with one dimension, not of "
            f"{values.dtype} with the shape {values.shape}."
        )
    return values


def _check_range(indices, n, attribute):
    if not indices.size:
        return
    least, most = indices.min(), indices.max()
    if least < 0 or most >= n:
        raise _WrongArrays(
            f"all {attribute} must be from 0 to {n - 1}. They are from {least} to "
            f"{most}."
        )
