"""Divergence: how it is noticed, and the way back to the last good epoch."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ._data import as_rows, forward
from ._loss import losses_of_rows
from ._network import Data

# So often a call goes back, with half the learning rate.
MAX_RESTARTS = 5
# A loss that is larger than the usual one by this factor is good to go on from; by the
# other it will not come back, though the numbers are still finite.
GOOD, EXPLODED = 10, 1e3
# Rows that tell what is usual.
SAMPLED = 1000


class Diverged(ArithmeticError):
    """The loss exploded, or numbers are not finite, whatever the learning rate.

    Parameters
    ----------
    message : str
        What happened.
    rate : float
        The last learning rate.
    """

    def __init__(self, message, rate):
        super().__init__(message)
        self.rate = rate


class Guard:
    """Judges each epoch of a descent, and knows the last good one.

    The loss of an epoch is measured before its updates: it vouches for the parameters
    that the epoch began with.

    Parameters
    ----------
    state : TrainingState
        At the start of the descent.
    architecture : Architecture
        Of the network.
    data : Data
        The samples.
    may_go_back : bool
        Whether the learning rate is one that can be halved.

    Attributes
    ----------
    lost : bool
        Whether the state is that after an epoch that diverged.
    """

    def __init__(self, state, architecture, data, may_go_back):
        self.usual = _usual_loss(state, architecture, data)
        self.may_go_back = may_go_back
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
        self.lost = not (state.is_finite(loss) and bare <= EXPLODED * limit)
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


def _usual_loss(state, architecture, data):
    # that of predictions of zero, or before the first update if that is more
    used = np.arange(data.n_samples)
    if data.weights is not None:
        used = np.flatnonzero(data.weights)
    used = used[:: 1 + len(used) // SAMPLED]
    weights = None if data.weights is None else data.weights[used]
    Y = np.ascontiguousarray(data.Y[used])
    kernel = architecture.loss._kernel(architecture.softmax)

    def mean(Z):
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.average(losses_of_rows(kernel, Y, Z), weights=weights))

    usual = mean(np.zeros((len(Y), architecture.n_outputs), Y.dtype))
    if state.first_loss is None:
        rows = Data(as_rows(data.X[used]), units=data.units)
        start = mean(forward(architecture, state.theta, state.running, rows))
        state.first_loss = start if np.isfinite(start) else 0.0
    return max(usual, state.first_loss)
