"""Divergence: how it is noticed, and the way back to the last good epoch."""

import numpy as np
from scipy import sparse as sp
from sklearn.exceptions import ConvergenceWarning

from .._data.features import as_rows
from .._engine.network import Data
from .._engine.prediction import forward
from .._rules.loss import losses_of_rows
from .._rules.schedule import Schedule
from .._rules.warn import warn

# How often a call goes back to a good epoch, each time with half the learning rate.
MAX_RESTARTS = 5
# Multiples of the usual loss. Up to the first, an epoch is good enough to go back to.
# Beyond the second, training will not recover, although all numbers are still finite.
GOOD, EXPLODED = 10, 1e3
# The number of rows on which the usual loss is measured.
JUDGED_ROWS = 1000
# Updates did no harm if the loss after them is at most this multiple of that before.
HARMLESS = 1.01


class Diverged(ArithmeticError):
    """The loss exploded, or numbers are not finite, also with lower learning rates.

    Parameters
    ----------
    message : str
        What happened.
    rate : float
        The last learning rate.
    loss : float
        The loss of the last epoch, measured before its updates.
    """

    def __init__(self, message, rate, loss):
        super().__init__(message)
        self.rate, self.loss = rate, loss


class Guard:
    """Judges each epoch of a descent, and remembers the last good one.

    The loss of an epoch is measured before its updates, so it tells whether the
    parameters at the start of the epoch were good. If a call makes only one epoch, the
    loss is measured once more after that epoch.

    Parameters
    ----------
    state : TrainingState
        At the start of the descent.
    architecture : Architecture
        Of the network.
    data : Data
        The samples.
    recipe : Recipe
        Tells whether the learning rate can be halved, and whether there is only one
        epoch.
    journal : Journal
        Remembers the last good epoch.

    Attributes
    ----------
    lost : bool
        Whether the last epoch diverged and the state has not yet been restored.
    """

    def __init__(self, state, architecture, data, recipe, journal):
        self._sample = _Sample(architecture, data)
        self._start = self._sample.loss(state)
        if state.first_loss is None:
            state.first_loss = self._start if np.isfinite(self._start) else 0.0
        # The usual loss is that of predicting zeros, or the loss before the first
        # update if that is larger.
        self.usual = max(self._sample.loss_of_zeros(), state.first_loss)
        self.may_go_back = isinstance(recipe.schedule, Schedule)
        self.single = recipe.single_pass
        self.lost = False
        self._journal = journal
        self._before = np.inf

    def is_sound(self, state, loss, penalty):
        """Whether the epoch did not diverge.

        If the loss was already too large before this call, it must only not have grown:
        the next piece of a stream can be on another scale.

        Parameters
        ----------
        state : TrainingState
            After the epoch.
        loss : float
            The loss of the epoch, with the penalty.
        penalty : float
            The share of the penalty in `loss`.

        Returns
        -------
        sound : bool
            False if the epoch diverged.
        """
        bare, limit = loss - penalty, 1 + abs(self.usual)
        large, finite = EXPLODED * limit, state.is_finite(loss)
        began_large = self._start > large
        judged, most = bare, HARMLESS * self._start if began_large else large
        if finite and (self.single or (began_large and bare > large)):
            judged = self._sample.loss(state)
        self.lost = not (finite and judged <= most)
        is_good = bare <= GOOD * limit or bare <= self._before
        journal = self._journal
        if self.may_go_back and (journal.good is None or (is_good and not self.lost)):
            journal.good = journal.begun
        self._before = bare
        return not self.lost

    def can_go_back(self, state):
        """Whether there is a good epoch to go back to, and a try is left.

        Parameters
        ----------
        state : TrainingState
            Has the number of tries of this call so far.

        Returns
        -------
        can : bool
            False if the descent must end.
        """
        return self._journal.good is not None and state.n_restarts < MAX_RESTARTS

    def go_back(self, state):
        """Restore the last good epoch, and halve the rate.

        If an interrupt comes before the end, `lost` is still True, and the method can
        be called again.

        Parameters
        ----------
        state : TrainingState
            Changed in place.

        Returns
        -------
        n_iter : int
            The number of epochs of this descent that remain.
        """
        good = self._journal.good
        self._journal.restore(good)
        state.forget_slots()
        state.stopping.restart()
        self._before = np.inf
        self._journal.end_epoch()
        # (no interrupt comes between these assignments, since nothing is called)
        n, rate_factor = state.n_restarts + 1, 0.5 * state.rate_factor
        state.n_restarts, state.rate_factor, self.lost = n, rate_factor, False
        return good.n_iter

    def recover(self, state, outcome, loss, observers):
        """Go back to the last good epoch after one that diverged, or give up.

        Parameters
        ----------
        state : TrainingState
            Changed in place.
        outcome : Outcome
            The outcome of the descent, which ends if there is no way back.
        loss : float
            The loss of the epoch, in the user's units.
        observers : Observer
            Gets a message if the descent goes back.
        """
        what = what_happened(loss, outcome.n_iter)
        if not self.can_go_back(state):
            give_up(state, what, loss)
            outcome.stopped = True
            return
        outcome.n_iter = self.go_back(state)
        observers.message(f"{what} Back to epoch {outcome.n_iter}, with half the rate.")
        if state.n_restarts == 1:
            warn_of_restart(what)


def give_up(state, what, loss):
    """End a descent that diverged with the best epoch, or with an error if it has none.

    Parameters
    ----------
    state : TrainingState
        Changed in place.
    what : str
        What happened.
    loss : float
        The loss of the last epoch, in the user's units.

    Raises
    ------
    Diverged
        If early stopping has kept no epoch.
    """
    if state.stopping.best_weights is None:
        raise Diverged(what, state.learning_rate, loss)
    state.slots = None  # they diverged, too; the next call makes new ones
    warn(
        f"{what} The weights of the best epoch are kept. A smaller learning rate than "
        f"{state.learning_rate:g} (learning_rate_init) might help.",
        ConvergenceWarning,
    )


def strong_penalty(alpha, rate):
    """Describe a penalty of which a single update takes more than the whole weight.

    Parameters
    ----------
    alpha : float
        The strength of the penalty.
    rate : float or None
        A learning rate with which other trainings succeed.

    Returns
    -------
    text : str
        A sentence; empty if the penalty is weaker, or if there is no learning rate.
    """
    if rate is None or alpha * rate <= 1:
        return ""
    return (
        f"The penalty is very strong (alpha={alpha:g}): a smaller alpha, or a "
        "smaller learning_rate_init, might help."
    )


def warn_of_restart(what):
    """Warn the user of a restart, once in each call.

    Parameters
    ----------
    what : str
        What happened.
    """
    warn(
        f"{what} Training goes on from the last good epoch with half the learning "
        "rate, and again if need be (n_restarts_ says how often). A smaller "
        "learning_rate_init avoids this.",
        ConvergenceWarning,
    )


def what_happened(loss, n_iter):
    """Describe in words how the training diverged.

    Parameters
    ----------
    loss : float
        The loss of the epoch.
    n_iter : int
        The number of the epoch.

    Returns
    -------
    what : str
        A sentence.
    """
    if np.isfinite(loss) and loss < 1e100:
        return f"The loss exploded at epoch #{n_iter}."
    return (
        f"Floating-point under-/overflow occurred at epoch #{n_iter}. Solver produced "
        "non-finite parameter weights."
    )


class _Sample:
    """A sample of the rows, and the mean loss on it.

    Parameters
    ----------
    architecture : Architecture
        Of the network.
    data : Data
        All rows.
    """

    def __init__(self, architecture, data):
        self.architecture, self.data = architecture, data
        used = np.arange(data.n_samples)
        if data.weights is not None:
            used = np.flatnonzero(data.weights)
        self.rows = used = used[:: 1 + len(used) // JUDGED_ROWS]
        self.Y = np.ascontiguousarray(data.Y[used])
        self.weights = None if data.weights is None else data.weights[used]

    def _mean(self, Z):
        kernel = self.architecture.loss._kernel(self.architecture.softmax)
        with np.errstate(over="ignore", invalid="ignore"):
            losses = losses_of_rows(kernel, self.Y, Z)
            return float(np.average(losses, weights=self.weights))

    def loss_of_zeros(self):
        """Return the mean loss of predicting zeros, a float."""
        return self._mean(
            np.zeros((len(self.Y), self.architecture.n_outputs), self.Y.dtype)
        )

    def loss(self, state):
        """Return the mean loss of the parameters of a state, a float."""
        rows = Data(as_rows(self.data.X[self.rows]), units=self.data.units)
        return self._mean(forward(self.architecture, state.theta, state.running, rows))


def largest_columns(X, names):
    """Describe the columns that are on the largest scale.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        Features as training sees them.
    names : sequence of str or None
        Names of the columns.

    Returns
    -------
    sentence : str
        The root mean squares of at most three columns.
    square : float
        The mean squared norm of the rows.
    """
    X = X[:: 1 + X.shape[0] // 10_000].astype(np.float64)
    with np.errstate(over="ignore"):
        square = X.multiply(X) if sp.issparse(X) else np.square(X)
        square = np.asarray(square.mean(axis=0)).ravel()
    largest = np.argsort(-square, kind="stable")[:3]
    named = [
        f"{j if names is None else repr(str(names[j]))} ({np.sqrt(square[j]):.3g})"
        for j in largest
    ]
    sentence = (
        "The columns with the largest scale (root mean square) in training are "
        f"{', '.join(named)}."
    )
    return sentence, float(square.sum())
