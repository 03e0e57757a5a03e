"""Who follows a descent from epoch to epoch."""


class Observer:
    """Follows a descent. This one lets it pass."""

    def begin_epoch(self, state, n_iter):
        """Take note that an epoch begins.

        Parameters
        ----------
        state : TrainingState
            Where the descent is.
        n_iter : int
            Epochs of this descent so far; fewer than before where it goes back.
        """

    def end_epoch(self, state, n_iter, sound):
        """Take note that an epoch has ended.

        Parameters
        ----------
        state : TrainingState
            Where the descent is.
        n_iter : int
            Epochs of this descent so far, this one included.
        sound : bool
            False for an epoch that diverged.

        Returns
        -------
        stop : bool
            Whether the descent shall end here.
        """
        return False

    def message(self, text, minor=False):
        """Take note of what happens apart from epochs.

        Parameters
        ----------
        text : str
            In words.
        minor : bool, default=False
            Whether it matters little.
        """

    def close(self):
        """Take note that no epoch will follow, maybe because of an error."""


class Observers(Observer):
    """Several at once, each told in turn.

    Parameters
    ----------
    *observers : Observer or None
        None stands for nobody.
    """

    def __init__(self, *observers):
        self._all = [observer for observer in observers if observer is not None]

    def begin_epoch(self, state, n_iter):
        """Tell all.

        Parameters
        ----------
        state, n_iter : object
            As `Observer` takes them.
        """
        for observer in self._all:
            observer.begin_epoch(state, n_iter)

    def end_epoch(self, state, n_iter, sound):
        """Tell all.

        Parameters
        ----------
        state, n_iter, sound : object
            As `Observer` takes them.

        Returns
        -------
        stop : bool
            Whether one of them wants to stop.
        """
        stop = False
        for observer in self._all:
            stop = observer.end_epoch(state, n_iter, sound) or stop
        return stop

    def message(self, text, minor=False):
        """Tell all.

        Parameters
        ----------
        text, minor : object
            As `Observer` takes them.
        """
        for observer in self._all:
            observer.message(text, minor)

    def close(self):
        """Tell all."""
        for observer in self._all:
            observer.close()
