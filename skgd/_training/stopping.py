"""When to stop: tolerance, patience, and the best weights so far."""

from math import inf, isfinite

from .._rules.plain_state import stored_as_dict


@stored_as_dict
class Stopping:
    """Watches one number that should fall, epoch by epoch.

    Parameters
    ----------
    tol : float or None
        The least fall of the number that counts as an improvement. If None, it is 0,
        and the caller does not end the training on a plateau.
    patience : float
        The number of epochs that make a plateau.
    windowed : bool
        If False, there is a plateau when `patience` epochs in a row were not better by
        `tol` than the best epoch before them, as in scikit-learn's `MLP*`. If True,
        there is a plateau when the mean of the last `patience` epochs is not better by
        `tol` than the mean of the `patience` epochs before. The second rule suits noisy
        training losses, and epochs that are a single small update: small gains add up,
        and a lucky epoch does not end the training.
    growth : float, default=0.0
        If it is larger than zero, a plateau also has at least so many epochs for each
        epoch before it. (Not with `windowed`.)

    Attributes
    ----------
    best : float
        The least value so far.
    best_weights : tuple of ndarray or None
        What `update` has kept at the best epoch.
    """

    def __init__(self, tol, patience, windowed, growth=0.0):
        self.tol = tol
        self.patience = patience
        self.windowed = windowed
        self.growth = growth
        self._n_epochs = 0
        self.best = inf
        self.best_weights = None
        self.restart()

    def restart(self):
        """Start counting anew, after a plateau that did not end the training."""
        self._n_no_change = 0
        self._recent = []

    def copy(self):
        """Return a copy. It shares `best_weights`, which are never changed in place."""
        new = Stopping.__new__(Stopping)
        new.__dict__.update(self.__dict__)
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
        improved = value <= self.best - self.least_fall
        self._n_epochs += 1
        self._n_no_change = 0 if improved else self._n_no_change + 1
        if self.windowed and isfinite(self.patience):
            self._recent.append(value)
            while len(self._recent) > 2 * self.patience:
                del self._recent[0]
        if weights is not None and value < self.best:
            self.best_weights = weights()
        self.best = min(self.best, value)

    @property
    def least_fall(self):
        """The least fall of the number that counts as an improvement, a float."""
        return 0.0 if self.tol is None else self.tol

    @property
    def on_plateau(self):
        """Whether patience has run out."""
        if not isfinite(self.patience):
            return False
        if not self.windowed:
            before = self._n_epochs - self._n_no_change
            return self._n_no_change >= max(self.patience, self.growth * before)
        p = int(self.patience)
        if len(self._recent) < 2 * p:
            return False
        recent = self._recent  # so few that arrays would take longer
        return not sum(recent[p:]) / p <= sum(recent[:p]) / p - self.least_fall
