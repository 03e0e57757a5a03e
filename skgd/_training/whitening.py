"""Coordinates in which the objective of a linear model is nearly round."""

import numpy as np
from scipy import sparse as sp
from scipy.linalg import cholesky, solve_triangular

from .._engine.distributed_rows import sums_of_parts
from .divergence import Diverged

# The Gram matrix of more columns than this takes longer than it saves. (One of sparse
# columns is dense, so its limit is lower.)
MOST_DENSE_COLUMNS = 1000
MOST_SPARSE_COLUMNS = 300
# The typical curvature of a loss with this link. That of the log loss is p (1 - p),
# and most rows are far from p = 1/2 at the end of the training.
CURVATURE = {"logistic": 0.05, "softmax": 0.05}
# The diagonal of the Gram matrix is enlarged by so many rounding errors.
ROUNDING_ERRORS = 100
# the number of dense rows that are converted at a time
CHUNK = 4096


class Whitening:
    r"""A change of variables that whitens the features of a linear model.

    With the covariance matrix :math:`C` of the features, the curvature :math:`h` of the
    loss and the strength :math:`\lambda` of the L2 penalty, the coefficients are
    :math:`W = A U`, where :math:`A A^T = (h C + \lambda I)^{-1}`, and the intercepts
    are :math:`b = a / \sqrt{h} - \mu^T W` with the means :math:`\mu` of the features.
    Steepest descent in :math:`(U, a)` is descent in :math:`(W, b)` preconditioned by
    :math:`A A^T`. For the squared error, the objective is exactly round in these
    coordinates. If there are many columns, only the diagonal of the covariance matrix
    is used.

    Parameters
    ----------
    architecture : Architecture
        Of a network of one layer.
    arrays : Data
        The training samples.
    l2 : float
        The strength of half the squared L2 norm in the mean loss.
    """

    def __init__(self, architecture, arrays, l2):
        self._architecture = architecture
        curvature = CURVATURE.get(architecture.loss.link, 1.0)
        self._mean, self._map = _mean_and_map(
            arrays, architecture.fit_intercept, l2 / curvature
        )
        self._map /= np.sqrt(curvature)
        self._root = np.sqrt(curvature)

    def theta(self, x):
        """Convert a point in the new coordinates to parameters.

        Parameters
        ----------
        x : ndarray of shape (n_params,), float64
            The point.

        Returns
        -------
        theta : ndarray of shape (n_params,), float64
            The parameters.
        """
        theta = x.copy()
        views = self._architecture.views(theta)
        (W,) = views["W"]
        W[:] = _product(self._map, W)
        for b in views["b"]:
            b /= self._root
            b -= self._mean @ W
        return theta

    def point(self, theta):
        """Convert parameters to a point in the new coordinates, as `theta` inverts it.

        Parameters
        ----------
        theta : ndarray of shape (n_params,), float64
            The parameters.

        Returns
        -------
        x : ndarray of shape (n_params,), float64
            The point.
        """
        x = theta.copy()
        if not x.any():
            return x
        views = self._architecture.views(x)
        (W,) = views["W"]
        for b in views["b"]:
            b += self._mean @ W
            b *= self._root
        if self._map.ndim == 1:
            W /= self._map[:, np.newaxis]
        else:
            W[:] = solve_triangular(self._map, W, check_finite=False)
        return x

    def gradient(self, gradient):
        """Convert the gradient of a function of the parameters.

        Parameters
        ----------
        gradient : ndarray of shape (n_params,), float64
            The derivatives in the parameters.

        Returns
        -------
        gradient : ndarray of shape (n_params,), float64
            The derivatives in the new coordinates.
        """
        new = gradient.copy()
        views = self._architecture.views(new)
        (W,) = views["W"]
        for b in views["b"]:
            W -= np.outer(self._mean, b)
            b /= self._root
        W[:] = _product(self._map.T, W)
        return new


def _product(matrix, W):
    # a diagonal matrix is given as a vector
    return matrix[:, np.newaxis] * W if matrix.ndim == 1 else matrix @ W


def _mean_and_map(arrays, centre, l2):
    # the means of the features, and the matrix A (a vector if it is diagonal)
    X, p = arrays.X, arrays.n_features
    weights = arrays.weights
    share = np.ones(len(arrays.Y)) if weights is None else weights.astype(np.float64)
    share /= share.sum()
    most = MOST_SPARSE_COLUMNS if sp.issparse(X) else MOST_DENSE_COLUMNS
    is_full = p <= min(most, len(share))
    with np.errstate(over="ignore", invalid="ignore"):
        mean, moments = sums_of_parts(_moments, X, share, None, is_full)
    squares = moments.diagonal() if is_full else moments
    if not (np.isfinite(mean).all() and np.isfinite(squares).all()):
        raise Diverged(
            "The derivatives of the objective are not finite at the start of training.",
            np.nan,
            np.nan,
        )
    if not centre:
        mean[:] = 0
    # Rounding errors are relative to the squares. What is added to the diagonal is
    # larger, so that the matrix is positive definite even if columns are collinear.
    rounding = ROUNDING_ERRORS * np.finfo(np.float64).eps * max(p, np.sqrt(len(share)))
    added = l2 + rounding * np.where(squares > 0, squares, 1)
    if not is_full:
        return mean, 1 / np.sqrt(np.maximum(squares - mean**2, 0) + added)
    gram = moments - np.outer(mean, mean)
    gram[np.diag_indices(p)] += added
    # The columns of the triangle are solved for in units in which the diagonal is one.
    scale = 1 / np.sqrt(gram.diagonal())
    upper = cholesky(scale[:, np.newaxis] * gram * scale, check_finite=False)
    inverse = solve_triangular(upper, np.eye(p), check_finite=False)
    return mean, scale[:, np.newaxis] * inverse


def _moments(X, share, _, is_full):
    # X' share, and X' X or its diagonal, weighted by the share of each row, in float64
    if sp.issparse(X):
        X = X.astype(np.float64)
        weighted = X.multiply(share[:, np.newaxis]).tocsr()
        if is_full:
            return X.T @ share, (X.T @ weighted).toarray()
        return X.T @ share, X.multiply(X).T @ share
    mean, moments = 0.0, 0.0
    for start in range(0, len(X), CHUNK):
        part = slice(start, start + CHUNK)
        rows, shares = X[part].astype(np.float64), share[part]
        mean = mean + shares @ rows
        rows *= np.sqrt(shares)[:, np.newaxis]
        moments = moments + (
            rows.T @ rows if is_full else np.einsum("ij,ij->j", rows, rows)
        )
    return mean, moments
