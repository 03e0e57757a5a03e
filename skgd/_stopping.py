"""When to stop: tolerance, patience, and the best weights so far."""

import numpy as np


class Stopping:
    """Watches one number that should fall, epoch by epoch.

    Parameters
    ----------
    tol : float or None
        An epoch improves when it is better than the best by more than this
        (or as good, for ``tol=0``). None: nothing ever counts as a plateau.
    patience : float
        Epochs in a row without improvement that make a plateau.

    Attributes
    ----------
    best : float
        The least value so far.
    n_no_change : int
        Epochs in a row without improvement.
    best_weights : tuple of ndarray or None
        What was kept at the best value.
    """

    def __init__(self, tol, patience):
        self.tol = tol
        self.patience = patience
        self.best = np.inf
        self.n_no_change = 0
        self.best_weights = None

    def update(self, value, weights=None):
        """Take note of an epoch.

        Parameters
        ----------
        value : float
            The loss, or the negated score.
        weights : callable, default=None
            Returns copies of what to keep where this is the best value.
        """
        if self.tol is not None:
            if value > self.best - self.tol:
                self.n_no_change += 1
            else:
                self.n_no_change = 0
        if value < self.best:
            self.best = value
            if weights is not None:
                self.best_weights = weights()

    @property
    def on_plateau(self):
        """Whether patience has run out."""
        return self.n_no_change >= self.patience
