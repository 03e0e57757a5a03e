"""Rows that the user chooses to hold out: by a splitter, or by groups."""

from collections.abc import Iterable
from copy import copy
from math import ceil
from numbers import Integral

import numpy as np
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, check_cv

from .._rules.rule import Allowed


class AllowedSplits(Allowed):
    """What the parameter `validation_split` may be."""

    def __contains__(self, value):
        if isinstance(value, str | type):
            return False
        return (
            hasattr(value, "split")
            or isinstance(value, Iterable)
            or super().__contains__(value)
        )

    def __str__(self):
        return (
            f"{super().__str__()}, a splitter of sklearn.model_selection, or an "
            "iterable of pairs of index arrays (train, test)"
        )


def check_groups(groups, n_samples):
    """Check the groups of the samples.

    Parameters
    ----------
    groups : array-like of shape (n_samples,) or None
        The groups, as the user gave them.
    n_samples : int
        The number of samples.

    Returns
    -------
    groups : ndarray of shape (n_samples,) or None
        The groups.

    Raises
    ------
    ValueError
        If the shape is wrong, or if the groups cannot be compared with each other.
    """
    if groups is None:
        return None
    groups = np.asarray(groups)
    if groups.shape != (n_samples,):
        raise ValueError(
            "groups must have one value for each sample. Got an array of shape "
            f"{groups.shape} for {n_samples} samples."
        )
    try:
        np.unique(groups)
    except TypeError as error:
        raise ValueError(
            f"groups must have values of one type, such as numbers or text: {error}. "
            "If some are missing, give each of these samples a group."
        ) from None
    return groups


def count_groups(groups):
    """Count the groups, some of which are to be held out.

    Parameters
    ----------
    groups : ndarray of shape (n_samples,)
        The groups.

    Returns
    -------
    n_groups : int
        The number of groups.

    Raises
    ------
    ValueError
        If there is only one.
    """
    found = np.unique(groups).tolist()
    if len(found) < 2:
        raise ValueError(
            f"To hold out whole groups, there must be at least two. Got {found}."
        )
    return len(found)


def own_splits(estimator, samples, rng, n_splits=None):
    """Divide the samples as `validation_split` says, or such that groups remain whole.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator, with the parameters `validation_split`,
        `validation_fraction` and `shuffle`.
    samples : Samples
        All samples, with their groups.
    rng : RandomState
        The generator of random numbers, also of a splitter without a seed.
    n_splits : int, default=None
        Without `validation_split`, the number of parts into which the groups are
        divided, or fewer if there are fewer groups. If None, there is one split, which
        holds out the share `validation_fraction` of the groups.

    Returns
    -------
    splits : iterator of tuple or None
        The rows for training and for validation, each in rising order. None if the user
        has chosen neither a splitter nor groups.
    """
    y, groups = samples.y, samples.groups
    splits = estimator.validation_split
    if splits is not None:
        source = "validation_split"
        if isinstance(splits, Integral):
            splits = check_cv(splits, y, classifier=not estimator._y_numeric)
        if hasattr(splits, "split"):
            source = f"validation_split={splits!r}"
            splits = seeded(splits, rng).split(samples.X, y, groups)
        return check_splits(splits, len(y), samples.weights, source)
    if groups is None:
        return None
    parts = _of_groups(estimator, groups, count_groups(groups), rng, n_splits)
    return check_splits(parts, len(y), samples.weights, "The division by groups")


def _of_groups(estimator, groups, n_groups, rng, n_splits):
    # the splits that hold out whole groups
    share = estimator.validation_fraction if n_splits is None else 1 / n_splits
    if not estimator.shuffle:
        return [_last_groups(groups, ceil(share * n_groups))]
    if n_splits is None:
        n_held_out = min(ceil(share * n_groups), n_groups - 1)
        splitter = GroupShuffleSplit(1, test_size=n_held_out, random_state=rng)
    else:
        n_splits = min(n_splits, n_groups)
        splitter = GroupKFold(n_splits, shuffle=True, random_state=rng)
    return splitter.split(groups, groups=groups)


def _last_groups(groups, n_held_out):
    # the groups that appear last, but never all of them
    _, first, codes = np.unique(groups, return_index=True, return_inverse=True)
    last = np.argsort(first)[max(1, len(first) - n_held_out) :]
    is_held_out = np.isin(codes, last)
    return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)


def seeded(splitter, rng):
    """Give a generator to a splitter without a seed.

    It would hold out other rows when a training is continued or repeated.

    Parameters
    ----------
    splitter : object
        The splitter.
    rng : RandomState
        The generator of random numbers.

    Returns
    -------
    splitter : object
        The splitter, or a copy with the generator.
    """
    if isinstance(getattr(splitter, "random_state", 0), Integral):
        return splitter
    splitter = copy(splitter)
    splitter.random_state = rng
    return splitter


def check_splits(splits, n_samples, weights, source):
    """Check the splits that a user or a splitter gives.

    Parameters
    ----------
    splits : iterable of tuple
        The rows for training and for validation.
    n_samples : int
        The number of samples.
    weights : ndarray of shape (n_samples,) or None
        The sample weights.
    source : str
        What has given the splits, for messages.

    Yields
    ------
    rows, held_out : ndarray of intp
        The rows of each split, in rising order; neither is empty or without weight.

    Raises
    ------
    ValueError
        If there are no splits, or if one is wrong.
    """
    n_splits = 0
    for n_splits, split in enumerate(splits, 1):
        try:
            rows, held_out = split
        except (TypeError, ValueError):
            raise ValueError(
                f"{source} must give pairs of index arrays (train, test). Split "
                f"{n_splits} is {split!r}."
            ) from None
        found = {"training": rows, "validation": held_out}
        yield tuple(
            _part(found[name], name, n_samples, weights, source) for name in found
        )
    if not n_splits:
        raise ValueError(
            f"{source} gives no splits. (A generator can be read only once; a list of "
            "its pairs can be used for several fits.)"
        )


def _part(rows, name, n, weights, source):
    # one part of a split, in rising order
    rows = np.asarray(rows)
    if rows.dtype == bool and rows.shape == (n,):
        rows = np.flatnonzero(rows)
    if rows.size == 0:
        raise ValueError(f"{source} gives a {name} set without any samples.")
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise ValueError(
            f"{source} must give a vector of row numbers for the {name} set. Got an "
            f"array of shape {rows.shape} and type {rows.dtype}."
        )
    if rows.min() < 0 or rows.max() >= n:
        raise ValueError(
            f"{source} gives row numbers from {rows.min()} to {rows.max()} for the "
            f"{name} set. They must be from 0 to {n - 1}."
        )
    check_some_weight(weights, rows, name)
    return np.sort(rows).astype(np.intp)


def check_some_weight(weights, rows, name):
    """Raise an error if all weights of a part are zero.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,) or None
        Sample weights.
    rows : ndarray of intp
        The rows of the part.
    name : str
        The name of the part.

    Raises
    ------
    ValueError
        If no row has a weight.
    """
    if weights is not None and not weights[rows].any():
        raise ValueError(
            f"The sample weights for {name} set are all zero, consider using a "
            "different random state."
        )
