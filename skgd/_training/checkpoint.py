"""Checkpoints: copies of a state, so that an epoch counts as a whole or not at all."""

from operator import attrgetter

import numpy as np

# What an epoch changes and a descent may go back to, except the slots of the optimizer.
ARRAYS = ("theta", "running", "average", "running_average")
COUNTS = ("step", "slot_step", "n_seen", "n_averaged", "l1_total", "learning_rate")
CURVES = ("loss_curve", "rate_curve", "validation_scores", "validation_loss_curve")

_arrays, _curves = attrgetter(*ARRAYS), attrgetter(*CURVES)
_counts = attrgetter(*COUNTS, "n_plateaus")


class Checkpoint:
    """A copy of a state between two epochs. It can be overwritten by a later one.

    Parameters
    ----------
    state : TrainingState
        Its arrays are changed in place, and are the same until the end of the descent.

    Attributes
    ----------
    n_iter : int
        Epochs of the descent before the copy was made.
    """

    def __init__(self, state):
        self._state = state
        used = [array for array in _arrays(state) if array is not None and array.size]
        self._pairs = [(np.empty_like(array), array) for array in used]

    def save(self, n_iter):
        """Copy the state.

        Parameters
        ----------
        n_iter : int
            Epochs of the descent so far.
        """
        # This runs in each epoch, which can be as short as 10 microseconds.
        state = self._state
        for copy, array in self._pairs:
            copy[...] = array
        self._saved = _counts(state)
        self._stopping = state.stopping.copy()
        self.n_iter = n_iter

    def restore(self):
        """Set the state to the copy. An interrupted call can be repeated."""
        state = self._state
        for copy, array in self._pairs:
            array[...] = copy
        for name, value in zip((*COUNTS, "n_plateaus"), self._saved, strict=True):
            setattr(state, name, value)
        state.stopping = self._stopping.copy()


class Journal:
    """Makes the epochs of a descent all or nothing.

    Between `begin_epoch` and `end_epoch`, an interrupt finds parameters, counts and
    curves of different moments. `roll_back` then returns to the begin of the epoch.

    Parameters
    ----------
    state : TrainingState
        At the start of the descent.

    Attributes
    ----------
    begun : Checkpoint
        The begin of the last epoch.
    good : Checkpoint or None
        An earlier one, which its user sets. It is not overwritten.
    """

    def __init__(self, state):
        self._state = state
        self._lengths = [len(curve) for curve in _curves(state)]
        self.begun, self._spare, self.good = Checkpoint(state), None, None
        self._slots = self._start = None
        self._is_open = False

    def begin_epoch(self, n_iter):
        """Remember the state at the begin of an epoch.

        Parameters
        ----------
        n_iter : int
            Epochs of the descent so far.
        """
        if self.begun is self.good:
            self.begun, self._spare = self._spare or Checkpoint(self._state), self.good
        self.begun.save(n_iter)
        if n_iter:  # nothing goes back to the start of a descent with its slots
            self._save_more()
        self._is_open = True

    def _save_more(self):
        # The state of the generator takes long to copy, so its numbers are counted.
        state = self._state
        if self._start is None:
            self._start = state.rng.get_state(legacy=False), state.n_drawn
            if state.slots is not None and state.slots.size:
                self._slots = np.empty_like(state.slots)
        if self._slots is not None:
            self._slots[...] = state.slots
        self._n_drawn = state.n_drawn

    def end_epoch(self):
        """Take note that the state is that of a whole number of epochs."""
        self._is_open = False

    def roll_back(self):
        """Return to the begin of the epoch, unless the epoch has ended.

        Returns
        -------
        n_iter : int
            Epochs of the descent that remain. If there are none, the state is not
            restored.
        """
        if not self._is_open:
            return len(self._state.loss_curve) - self._lengths[0]
        n_iter = self.begun.n_iter
        if n_iter:
            state, (generator, n_drawn) = self._state, self._start
            self.restore(self.begun)
            if self._slots is not None:
                state.slots[...] = self._slots
            state.rng.set_state(generator)
            state.rng.random_sample(self._n_drawn - n_drawn)
            state.n_drawn = self._n_drawn
        self._is_open = False
        return n_iter

    def restore(self, checkpoint):
        """Return to a checkpoint, with the curves as they were.

        Parameters
        ----------
        checkpoint : Checkpoint
            `begun` or `good`.
        """
        checkpoint.restore()
        for curve, length in zip(_curves(self._state), self._lengths, strict=True):
            del curve[length + checkpoint.n_iter :]
