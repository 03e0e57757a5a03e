"""When to stop: tolerance, patience, and the best weights so far."""

from collections import deque
from copy import copy
from math import inf, isfinite


class Stopping:
    """Watches one number that should fall, epoch by epoch.

    Parameters
    ----------
    tol : float or None
        What counts as an improvement. None: nothing is ever a plateau.
    patience : float
        The number of epochs that make a plateau.
    windowed : bool
        False: a plateau is `patience` epochs in a row none of which is better by
        `tol` than the best before it, as in scikit-learn's `MLP*`. True: the mean
        of the last `patience` epochs is not better by `tol` than that of the
        `patience` epochs before. That is the same idea where an epoch can be a
        single small update, and a training loss noisy: small gains add up, and a
        lucky epoch does not end the training.

    Attributes
    ----------
    best : float
        The least value so far.
    best_weights : tuple of ndarray or None
        What was kept at the best epoch.
    """

    def __init__(self, tol, patience, windowed):
        self.tol = tol
        self.patience = patience
        self.windowed = windowed
        self.best = inf
        self.best_weights = None
        self.restart()

    def restart(self):
        """Begin to wait anew, after a plateau that did not end the training."""
        self._n_no_change = 0
        self._recent = deque()

    def copy(self):
        """One that goes on from here; what was kept is never changed."""
        new = copy(self)
        new._recent = self._recent.copy()
        return new

    def update(self, value, weights=None):
        """Take note of an epoch.

        Parameters
        ----------
        value : float
            The loss, of training or validation.
        weights : callable, default=None
            Returns copies of what to keep at the best epoch.
        """
        tol = 0.0 if self.tol is None else self.tol
        improved = value <= self.best - tol
        self._n_no_change = 0 if improved else self._n_no_change + 1
        if self.windowed and isfinite(self.patience):
            self._recent.append(value)
            while len(self._recent) > 2 * self.patience:
                self._recent.popleft()
        if weights is not None and value < self.best:
            self.best_weights = weights()
        self.best = min(self.best, value)

    @property
    def on_plateau(self):
        """Whether patience has run out."""
        if self.tol is None or not isfinite(self.patience):
            return False
        if not self.windowed:
            return self._n_no_change >= self.patience
        p = int(self.patience)
        if len(self._recent) < 2 * p:
            return False
        recent = list(self._recent)  # (a few: arrays would take longer)
        return not sum(recent[p:]) / p <= sum(recent[:p]) / p - self.tol
