"""Coordinates in which the objective of a linear model is nearly round."""

import numpy as np
from scipy import sparse as sp
from scipy.linalg import cholesky, solve_triangular

# The Gram matrix of more columns than this takes longer than it saves. (One of sparse
# columns is dense, so its limit is lower.)
MOST_DENSE_COLUMNS = 1000
MOST_SPARSE_COLUMNS = 300
# The typical curvature of a loss with this link. That of the log loss is p (1 - p),
# and most rows are far from p = 1/2 at the end of the training.
CURVATURE = {"logistic": 0.05}
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
    share = np.full(len(arrays.Y), 1 / len(arrays.Y), X.dtype)
    if arrays.weights is not None:
        share = arrays.weights / arrays.weights.sum()
    mean = np.zeros(p)
    if centre:
        mean += X.T @ share
    tiny = np.finfo(np.float64).eps * p
    most = MOST_SPARSE_COLUMNS if sp.issparse(X) else MOST_DENSE_COLUMNS
    if p > min(most, len(share)):
        squares = X.multiply(X) if sp.issparse(X) else X**2
        variances = np.maximum(squares.T @ share - mean**2, 0)
        return mean, 1 / np.sqrt(variances + l2 + tiny)
    gram = _gram(X, share)
    gram -= np.outer(mean, mean)
    gram[np.diag_indices(p)] += l2 + tiny * max(1.0, gram.diagonal().max())
    upper = cholesky(gram, check_finite=False)
    return mean, solve_triangular(upper, np.eye(p), check_finite=False)


def _gram(X, share):
    # X' X, weighted by the share of each row, in float64
    if sp.issparse(X):
        X = X.astype(np.float64)
        return (X.T @ sp.diags_array(share.astype(np.float64)) @ X).toarray()
    gram = 0.0
    for start in range(0, len(X), CHUNK):
        part = slice(start, start + CHUNK)
        rows = X[part].astype(np.float64) * np.sqrt(share[part, np.newaxis])
        gram = gram + rows.T @ rows
    return gram
