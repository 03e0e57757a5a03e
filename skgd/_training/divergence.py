"""Divergence: how it is noticed, and the way back to the last good epoch."""

import warnings

import numpy as np
from scipy import sparse as sp
from sklearn.exceptions import ConvergenceWarning

from .._data.features import as_rows
from .._engine.epoch import forward
from .._engine.network import Data
from .._rules.loss import losses_of_rows
from .._rules.schedule import Schedule

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
    """The loss exploded, or numbers are not finite, whatever the learning rate.

    Parameters
    ----------
    message : str
        What happened.
    rate : float
        The last learning rate.
    loss : float
        That of the last epoch, before its updates.
    """

    def __init__(self, message, rate, loss):
        super().__init__(message)
        self.rate, self.loss = rate, loss


class Guard:
    """Judges each epoch of a descent, and knows the last good one.

    The loss of an epoch is measured before its updates: it vouches for the parameters
    that the epoch began with. After a single one it is measured again.

    Parameters
    ----------
    state : TrainingState
        At the start of the descent.
    architecture : Architecture
        Of the network.
    data : Data
        The samples.
    recipe : Recipe
        Says whether the learning rate can be halved, and whether there is only one
        epoch, so that none tells the loss after it.

    Attributes
    ----------
    lost : bool
        Whether the state is that after an epoch that diverged.
    """

    def __init__(self, state, architecture, data, recipe):
        self._sample = _Sample(architecture, data)
        self._start = self._sample.loss(state)
        if state.first_loss is None:
            state.first_loss = self._start if np.isfinite(self._start) else 0.0
        # that of predictions of zero, or before the first update if that is more
        self.usual = max(self._sample.loss_of_zeros(), state.first_loss)
        self.may_go_back = isinstance(recipe.schedule, Schedule)
        self.single = recipe.single_pass
        self.lost = False
        self._last = self._begun = None
        self._before = np.inf

    def begin_epoch(self, state, n_iter):
        """Take note of where an epoch begins.

        Parameters
        ----------
        state : TrainingState
            Where it begins.
        n_iter : int
            Epochs so far.
        """
        if not self.may_go_back:
            return
        lengths = [len(getattr(state, name)) for name in state.CURVES]
        best = state.stopping.best, state.stopping.best_weights
        self._begun = n_iter, lengths, best, state.snapshot(slots=False)
        if self._last is None:
            self._last = self._begun

    def is_sound(self, state, loss, penalty):
        """Whether the epoch left finite numbers, and its loss was of a normal size.

        If the loss was already too large before this call, it must only not have grown:
        the next piece of a stream can be on another scale.

        Parameters
        ----------
        state : TrainingState
            After the epoch.
        loss : float
            That of the epoch, with the penalty.
        penalty : float
            Its share.

        Returns
        -------
        sound : bool
            False is divergence.
        """
        bare, limit = loss - penalty, 1 + abs(self.usual)
        large, finite = EXPLODED * limit, state.is_finite(loss)
        began_large = self._start > large
        judged, most = bare, HARMLESS * self._start if began_large else large
        if finite and (self.single or (began_large and bare > large)):
            judged = self._sample.loss(state)
        self.lost = not (finite and judged <= most)
        if not self.lost and (bare <= GOOD * limit or bare <= self._before):
            self._last = self._begun
        self._before = bare
        return not self.lost

    def can_go_back(self, state):
        """Whether there is a good epoch, and another try.

        Parameters
        ----------
        state : TrainingState
            Counts the tries of this call.

        Returns
        -------
        can : bool
            False is the end.
        """
        return self._last is not None and state.n_restarts < MAX_RESTARTS

    def go_back(self, state):
        """Restore the last good epoch, and halve the rate.

        An interrupt leaves `lost` True: to be called again.

        Parameters
        ----------
        state : TrainingState
            Changed in place.

        Returns
        -------
        n_iter : int
            Epochs that are left.
        """
        n_iter, lengths, best, snapshot = self._last
        state.go_back(snapshot)
        state.forget_slots()
        state.stopping.best, state.stopping.best_weights = best
        state.stopping.restart()
        for name, length in zip(state.CURVES, lengths, strict=True):
            del getattr(state, name)[length:]
        self._before = np.inf
        state.rate_factor *= 0.5
        state.n_restarts += 1
        self.lost = False
        return n_iter

    def recover(self, state, outcome, loss, observers):
        """After an epoch that diverged: go back to the last good one, or give up.

        Parameters
        ----------
        state : TrainingState
            Changed in place.
        outcome : Outcome
            Of the descent, which ends where there is no way back.
        loss : float
            That of the epoch, in the user's units.
        observers : Observer
            Told of the way back.
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
        That of the last epoch, in the user's units.

    Raises
    ------
    Diverged
        Where early stopping has kept no epoch.
    """
    if state.stopping.best_weights is None:
        raise Diverged(what, state.learning_rate, loss)
    state.slots = None  # they diverged, too: what goes on from here makes new ones
    warnings.warn(
        f"{what} The weights of the best epoch are kept. A smaller learning rate than "
        f"{state.learning_rate:g} (learning_rate_init) might help.",
        ConvergenceWarning,
        stacklevel=2,
    )


def warn_of_restart(what):
    """Tell the user, once a call.

    Parameters
    ----------
    what : str
        What happened.
    """
    warnings.warn(
        f"{what} Training goes on from the last good epoch with half the learning "
        "rate, and again if need be (n_restarts_ says how often). A smaller "
        "learning_rate_init avoids this.",
        ConvergenceWarning,
        stacklevel=2,
    )


def what_happened(loss, n_iter):
    """What divergence looks like, in words.

    Parameters
    ----------
    loss : float
        That of the epoch.
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
    """Some rows, and the mean loss on them.

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
        """The mean loss of predictions of zero, a float."""
        return self._mean(
            np.zeros((len(self.Y), self.architecture.n_outputs), self.Y.dtype)
        )

    def loss(self, state):
        """The mean loss of the parameters of a state, a float."""
        rows = Data(as_rows(self.data.X[self.rows]), units=self.data.units)
        return self._mean(forward(self.architecture, state.theta, state.running, rows))


def largest_columns(X, names):
    """A sentence on the columns that are on the largest scale.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        Features as training sees them.
    names : sequence of str or None
        Of the columns.

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
