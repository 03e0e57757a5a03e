"""Held-out data: which rows they are, and what a training is worth on them."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse as sp
from sklearn.model_selection import train_test_split

from .._engine.epoch import forward
from .._engine.network import Data
from .._rules.loss import losses_of_rows
from .features import as_rows
from .units import to_units


def split(y, weights, classes, fraction, n_classes, rng, train_single=False):
    """Rows for training and for validation.

    Parameters
    ----------
    y : ndarray of shape (n_samples, ...)
        Targets.
    weights : ndarray of shape (n_samples,) or None
        Sample weights.
    classes : ndarray of shape (n_samples,) or None
        What is to be represented in both parts in proportion.
    fraction : float
        The part to hold out; at least two samples, and one of each class.
    n_classes : int
        Of the problem.
    rng : RandomState
        Random numbers.
    train_single : bool, default=False
        Whether the only sample of a class is trained on; else it is an error.

    Returns
    -------
    rows, held_out : ndarray of intp
        In rising order.

    Raises
    ------
    ValueError
        Where there are too few samples, or a part without weight.
    """
    n = len(y)
    least = 2 if classes is None else max(2, n_classes)
    n_held_out = max(int(np.ceil(fraction * n)), least)
    if n_held_out >= n:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or "
            f"the size of your dataset. (early_stopping=True sets {n_held_out} "
            f"samples aside, there are n_samples = {n}.)"
        )
    candidates = np.arange(n)
    if train_single and classes is not None:
        _, of_row, counts = np.unique(classes, return_inverse=True, return_counts=True)
        candidates = np.flatnonzero(counts[of_row] > 1)
        classes = classes[candidates]
    try:
        _, held_out = train_test_split(
            candidates, random_state=rng, test_size=n_held_out, stratify=classes
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True cannot hold out {n_held_out} of {n} samples with "
            f"some of each class: {error}"
        ) from None
    held_out = np.sort(held_out)
    rows = np.setdiff1d(np.arange(n), held_out)
    for name, part in (("validation", held_out), ("training", rows)):
        if weights is not None and not weights[part].any():
            raise ValueError(
                f"The sample weights for {name} set are all zero, consider using a "
                "different random state."
            )
    return rows, held_out


@dataclass
class HeldOut:
    """Samples that are not trained on, in the user's units.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        Features.
    y : ndarray of shape (n_samples, ...)
        Targets as the user gave them.
    Y : ndarray of shape (n_samples, n_targets)
        The same encoded.
    weights : ndarray of shape (n_samples,) or None
        Sample weights.
    """

    X: object
    y: np.ndarray
    Y: np.ndarray
    weights: np.ndarray | None

    @classmethod
    def rows_of(cls, rows, X, y, Y, weights):
        """Some rows of more samples.

        Parameters
        ----------
        rows : ndarray of intp
            Which.
        X, y, Y, weights : ndarray, CSR or None
            As the class has them.

        Returns
        -------
        held_out : HeldOut
            Copies.
        """
        weights = None if weights is None else weights[rows]
        return cls(as_rows(X[rows]), y[rows], np.ascontiguousarray(Y[rows]), weights)

    def like(self, X):
        """The same samples, sparse where X is and dense where X is.

        Parameters
        ----------
        X : ndarray or CSR
            The features of the training.

        Returns
        -------
        held_out : HeldOut
            In the form that training has.
        """
        features, y, Y, weights = self.X, self.y, self.Y, self.weights
        if weights is not None and not weights.all():
            # a row without weight does not count, not even by an overflow
            used = np.flatnonzero(weights)
            features, y, Y, weights = features[used], y[used], Y[used], weights[used]
        if sp.issparse(features) and not sp.issparse(X):
            features = features.toarray()
        elif sp.issparse(X) and not sp.issparse(features):
            features = sp.csr_matrix(features)
        return HeldOut(as_rows(features), y, np.ascontiguousarray(Y), weights)


def validation(held_out, architecture, units, score_raw, scorer):
    """What early stopping asks after each epoch.

    Parameters
    ----------
    held_out : HeldOut
        The samples.
    architecture : Architecture
        Of the network.
    units : Units or None
        Of training.
    score_raw : callable
        The estimator's own score of raw predictions in the user's units.
    scorer : callable or None
        Takes a state, features and targets; where there is one, its score is watched,
        else the loss.

    Returns
    -------
    validate : callable
        Takes a state; returns its score, its mean loss in the user's units without a
        penalty, and the number that should fall, in units of training.
    """
    X = held_out.X
    part = Data(X if units is None else to_units(X, units.mean, units.scale))
    kernel = architecture.loss._kernel(architecture.softmax)

    def validate(state):
        Z = forward(architecture, state.published, state.published_running, part)
        if units is not None:
            Z *= units.target_scale
            Z += units.target_mean
        if scorer is None:
            score = float(score_raw(Z, held_out.y, held_out.weights))
        else:
            score = float(scorer(state, held_out))
        # the loss last: it overwrites Z
        losses = losses_of_rows(kernel, held_out.Y, Z)
        loss = float(np.average(losses, weights=held_out.weights))
        return score, loss, loss / state.unit_of_loss if scorer is None else -score

    return validate
