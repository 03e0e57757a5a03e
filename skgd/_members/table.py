"""The encoded training data that all members share."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from scipy import sparse as sp
from sklearn.model_selection import GroupKFold, check_cv

from .._data.held_out import divide
from .._data.splits import check_splits, count_groups, seeded

# Features without hat functions are an array if at least this share of them is stored.
# Products of arrays are then as fast as those of sparse rows, or faster (with 784
# features, the time is equal at a share of 0.35), and an array takes at most 1.5 times
# as much memory.
DENSE = 1 / 3
# One or two members, also of a warm start, do not hold out all or half of the rows, but
# a fifth each.
FEWEST_FOLDS, FOLDS_OF_FEW = 3, 5
# Trees can tell so many levels of a category apart.
MOST_LEVELS = 254


@dataclass
class Table:
    """An encoded table.

    Parameters
    ----------
    X : CSR of shape (n_samples, n_features), float32
        The features, with the hat functions.
    joined : ndarray of shape (n_features,), bool
        Whether a feature is a hat function that follows another one of its number.
    is_bend : ndarray of shape (n_features,), bool
        Whether a feature is a hat function.
    numbers, categories
        The columns that trees read, as `tree_columns` returns them.
    """

    X: object
    joined: np.ndarray
    is_bend: np.ndarray
    numbers: np.ndarray
    categories: list

    def __post_init__(self):
        self._plain = self._columns = None
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
        return cls(X, encoder.joined_, encoder.is_hat_, *tree_columns(encoder))

    def features(self, bends):
        """Return the features for a setting.

        Parameters
        ----------
        bends : bool
            Whether the hat functions are included.

        Returns
        -------
        X : CSR or ndarray of shape (n_samples, n_features_out), float32
            The features; the same object at each call. They are an array if most of
            them are stored and hat functions are not included.
        """
        if bends:
            return self.X
        if self._plain is None:
            X = sp.csr_matrix(self.X[:, ~self.is_bend])
            is_dense = X.nnz >= DENSE * np.prod(X.shape, dtype=float)
            self._plain = X.toarray() if is_dense else X
        return self._plain

    @property
    def n_columns(self):
        """The number of columns that `columns` returns."""
        return len(self.numbers) + len(self.categories)

    def columns(self):
        """Return the table as trees read it: with one column for each category.

        Returns
        -------
        X : ndarray of shape (n_samples, n_columns), float32
            Numbers, and then codes of categories. A level that has no feature is NaN.
        is_category : ndarray of shape (n_columns,), bool
            Whether a column contains codes.
        """
        if self._columns is None:
            codes = [_codes(self.X[:, levels]) for levels in self.categories]
            X = np.column_stack([self.X[:, self.numbers].toarray(), *codes])
            X = X.astype(np.float32, copy=False)
            self._columns = X, np.arange(X.shape[1]) >= len(self.numbers)
        return self._columns


def tree_columns(encoder):
    """Tell which features of an encoded table are the columns that trees read.

    Parameters
    ----------
    encoder : TableEncoder
        The encoder.

    Returns
    -------
    numbers : ndarray of intp
        The features that are a column each. Hat functions are left out, since trees do
        not need them. The only level of a category is among them: scikit-learn's trees
        predict a category with one level beside missing values differently from what
        they were trained on.
    categories : list of ndarray of intp
        The levels of each column that contains codes.
    """
    of_levels = np.flatnonzero(encoder.is_level_)
    positions = encoder.part_of_[of_levels]
    levels = [of_levels[positions == position] for position in np.unique(positions)]
    is_number = ~encoder.is_hat_ & ~encoder.is_level_
    is_number[[found[0] for found in levels if len(found) == 1]] = True
    return np.flatnonzero(is_number), [found for found in levels if len(found) > 1]


def features_of(X, kept):
    """Keep some features of an encoded table, and set the other ones to 0.

    Parameters
    ----------
    X : CSR of shape (n_samples, n_features)
        The features.
    kept : ndarray of shape (n_features,), bool
        Which features are kept.

    Returns
    -------
    X : CSR of shape (n_samples, n_features)
        The features.
    """
    return sp.csr_matrix(X @ sp.diags_array(kept.astype(np.float32)))


def _codes(levels):
    # the code of the level of each row; scikit-learn's trees know so many levels, and
    # the most frequent ones come first
    levels.eliminate_zeros()
    known = np.diff(levels.indptr) > 0
    codes = np.full(levels.shape[0], np.nan, dtype=np.float32)
    codes[known] = levels.indices
    codes[codes >= MOST_LEVELS] = np.nan
    return codes


def divisions(cv, job, groups, n_members, *, classes, rng):
    """Divide the rows for each member into those for training and those held out.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        The parameter of the estimator. None is one fold for each member, and a fifth of
        the rows for one or two members.
    job : Job
        The training data.
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

    Raises
    ------
    ValueError
        If there are too few rows or groups, or if a split of `cv` is wrong.
    """
    if cv is None and groups is None:
        return _random(job.weights, len(job.y), n_members, classes, rng)
    source = "The division by groups" if cv is None else f"cv={cv!r}"
    if cv is None:
        n_folds = min(_n_folds(n_members), count_groups(groups))
        cv = GroupKFold(n_folds, shuffle=True, random_state=rng)
    if isinstance(cv, Integral):
        cv = check_cv(cv, job.y, classifier=classes is not None)
    elif not hasattr(cv, "split"):
        source = "cv"
    if hasattr(cv, "split"):
        cv = seeded(cv, rng).split(job.table.X, job.y, groups)
    splits = list(check_splits(cv, len(job.y), job.weights, source))
    return [splits[k % len(splits)] for k in range(n_members)]


def _n_folds(n_members):
    return n_members if n_members >= FEWEST_FOLDS else FOLDS_OF_FEW


def _random(weights, n, n_members, classes, rng):
    # rows without a weight are not held out, since they have nothing to say
    used = np.arange(n) if weights is None else np.flatnonzero(weights)
    if len(used) < 2:
        raise ValueError(
            "sample_weight must be positive for at least two rows, because networks "
            f"hold out rows. It is positive for {len(used)} of {n}."
        )
    classes = None if classes is None else classes[used]
    n_folds = min(_n_folds(n_members), len(used))
    found = []
    while len(found) < n_members:
        part = divide(len(used), n_folds, classes, rng)
        found += [(used[part != k], used[part == k]) for k in range(n_folds)]
    return found[:n_members]
