"""The encoded training data that all members share."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from scipy import sparse as sp
from sklearn.model_selection import GroupKFold, check_cv

from .._data.held_out import divide

# One or two members do not hold out all or half of the rows, but a fifth each.
FEWEST_FOLDS, FOLDS_OF_FEW = 3, 5


@dataclass
class Table:
    """An encoded table.

    Parameters
    ----------
    X : CSR of shape (n_samples, n_features), float32
        The features.
    joined : ndarray of shape (n_features,), bool
        Whether a feature is a hat function that follows another one of its number.
    is_bend : ndarray of shape (n_features,), bool
        Whether a feature is a hat function.
    """

    X: object
    joined: np.ndarray
    is_bend: np.ndarray

    def __post_init__(self):
        self._plain = None
        self.n_stored = self.X.nnz / max(self.X.shape[0], 1)

    @classmethod
    def of(cls, encoder, X):
        """Wrap what an encoder has made of a table.

        Parameters
        ----------
        encoder : TableEncoder
            The encoder.
        X : CSR of shape (n_samples, n_features)
            The encoded table.

        Returns
        -------
        table : Table
            The table.
        """
        return cls(X, encoder.joined_, encoder.is_hat_)

    def features(self, bends):
        """Return the features for a setting.

        Parameters
        ----------
        bends : bool
            Whether the hat functions are included.

        Returns
        -------
        X : CSR
            The features; the same object at each call.
        """
        if bends:
            return self.X
        if self._plain is None:
            self._plain = sp.csr_matrix(self.X[:, ~self.is_bend])
        return self._plain


def divisions(cv, X, y, groups, n_members, *, classes, rng):
    """Divide the rows for each member into those for training and those held out.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        The parameter of the estimator. None is one fold for each member, and a fifth of
        the rows for one or two members.
    X : CSR of shape (n_samples, n_features)
        The features.
    y : ndarray of shape (n_samples, ...)
        The targets.
    groups : ndarray of shape (n_samples,) or None
        The groups, of which only whole ones are held out.
    n_members : int
        The number of members.
    classes : ndarray of shape (n_samples,) or None
        The classes, which are spread over the folds; None for numbers.
    rng : RandomState
        The generator of random numbers.

    Returns
    -------
    divisions : list of tuple
        The rows for training and those held out, for each member. If there are more
        members than folds, other folds follow, or the same ones if `cv` is a splitter.
    """
    n_folds = n_members if n_members >= FEWEST_FOLDS else FOLDS_OF_FEW
    if cv is None and groups is None:
        found = []
        n_folds = min(n_folds, len(y))
        for _ in range(ceil(n_members / n_folds)):
            part = divide(len(y), n_folds, classes, rng)
            found += [
                (np.flatnonzero(part != k), np.flatnonzero(part == k))
                for k in range(n_folds)
            ]
        return found[:n_members]
    if cv is None:
        found = np.unique(groups).tolist()
        if len(found) < 2:
            raise ValueError(
                f"To hold out whole groups, there must be at least two. Got {found}."
            )
        n_folds = min(n_folds, len(found))
        cv = GroupKFold(n_folds, shuffle=True, random_state=rng)
    cv = check_cv(cv, y, classifier=classes is not None)
    splits = [(np.sort(a), np.sort(b)) for a, b in cv.split(X, y, groups)]
    return [splits[k % len(splits)] for k in range(n_members)]
