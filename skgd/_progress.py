"""What `verbose` prints: a table with a line for an epoch, at a pace to read."""

import time

from ._observer import Observer

# Seconds that `verbose=1` waits from one line to the next.
PAUSE = 0.2


class Progress(Observer):
    """Prints a table of the epochs.

    The first and the last epoch always have a line. Of the others, with ``verbose=1``
    those have that end when the line before is `PAUSE` old, and with more all.

    Parameters
    ----------
    verbose : int
        At least 1.
    validated : bool
        Whether early stopping holds out rows, which adds two columns.
    go_on : bool
        Whether this is one more line of a table that earlier calls have begun.
    """

    def __init__(self, verbose, validated, go_on=False):
        self.pause = PAUSE if verbose == 1 else 0.0
        self.validated = validated
        self.go_on = go_on
        self._pending = None  # the line of the last epoch, if it is not printed
        self._begun = False  # whether there was an epoch
        self._start = self._last = time.perf_counter()

    def _header(self):
        validation = f"{'validation loss':>17}{'validation score':>18}"
        return (
            f"{'epoch':>6}{'loss':>15}{validation if self.validated else ''}"
            f"{'learning rate':>15}{'time':>9}"
        )

    def _line(self, state, seconds):
        # seven digits: all numbers fit, with a minus and an exponent of three digits
        cells = [f"{state.n_epochs:6d}{state.loss_curve[-1]:#15.7g}"]
        if self.validated:
            cells.append(f"{state.validation_loss_curve[-1]:#17.7g}")
            cells.append(f"{state.validation_scores[-1]:#18.4g}")
        cells.append(f"{state.learning_rate:#15.4g}{seconds:9.2f}")
        return "".join(cells)

    def _flush(self):
        if self._pending is not None:
            print(self._pending)
            self._pending = None

    def end_epoch(self, state, n_iter, sound):
        """Print the line of the epoch, or keep it for the case that it is the last.

        Parameters
        ----------
        state : TrainingState
            Its curves have the epoch.
        n_iter : int
            Epochs of this descent so far.
        sound : bool
            Does not matter: the numbers of an epoch that diverged are shown.

        Returns
        -------
        stop : bool
            False.
        """
        now = time.perf_counter()
        if not self._begun and not (self.go_on and state.n_epochs > 1):
            print(self._header())
        self._begun = True
        self._pending = self._line(state, now - self._start)
        if n_iter == 1 or now - self._last >= self.pause:
            self._flush()
            self._last = now
        return False

    def message(self, text, minor=False):
        """Print a text below the line of the epoch.

        Parameters
        ----------
        text : str
            In words.
        minor : bool, default=False
            Whether it may be left out where lines are.
        """
        now = time.perf_counter()
        if minor and now - self._last < self.pause:
            return
        self._last = now
        self._flush()
        print(text)

    def close(self):
        """Print the line of the last epoch, if it has none."""
        self._flush()
