"""Who follows a descent from epoch to epoch.

`Progress` prints the table of `verbose`. `FitTask` reports a fit and its epochs to
scikit-learn's callbacks. These need scikit-learn 1.9, which introduced
`sklearn.callback`. With older versions the estimators have no `set_callbacks`, and
`has_callbacks` is always False.
"""

import time
from functools import cache, partial

from sklearn.utils import _safe_indexing, indexable

from .._engine.distributed_rows import DistributedRows

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:
        """No callbacks: scikit-learn is older than 1.9."""

    def with_callbacks(method):
        """Leave a method as it is: scikit-learn is older than 1.9.

        Parameters
        ----------
        method : callable
            What would call callbacks.

        Returns
        -------
        method : callable
            The same.
        """
        return method


# Seconds that `verbose=1` waits from one line to the next.
PAUSE = 0.2


class Observer:
    """Follows a descent. This base class does nothing."""

    def begin_epoch(self, state, n_iter):
        """Take note that an epoch begins.

        Parameters
        ----------
        state : TrainingState
            Where the descent is.
        n_iter : int
            Epochs of this descent so far. The number falls when the descent goes back.
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
            Whether the descent should end here.
        """
        return False

    def message(self, text, minor=False):
        """Take note of an event other than the begin or the end of an epoch.

        Parameters
        ----------
        text : str
            Describes the event.
        minor : bool, default=False
            Whether the event matters little.
        """

    def close(self):
        """Take note that no epoch will follow, maybe because of an error."""


class Observers(Observer):
    """Several observers, which are told in turn.

    Parameters
    ----------
    *observers : Observer or None
        The observers. None is left out.
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


class Progress(Observer):
    """Prints a table of the epochs.

    The first and the last epoch always have a line. With ``verbose=1``, another epoch
    has a line if it ends at least `PAUSE` seconds after the line before was printed.
    With a larger `verbose`, every epoch has a line, and minor messages are printed.

    Parameters
    ----------
    verbose : int
        At least 1.
    validated : bool
        Whether early stopping holds out rows, which adds two columns.
    go_on : bool
        Whether this call continues a table that earlier calls have begun.
    penalized : bool, default=False
        Whether the training loss contains a penalty. The header then says so, because
        the validation loss contains none.
    """

    def __init__(self, verbose, validated, go_on=False, penalized=False):
        self.verbose, self.penalized = verbose, penalized
        self.pause = PAUSE if verbose == 1 else 0.0
        self.validated = validated
        self.go_on = go_on
        self._pending = None  # the line of the last epoch, if not yet printed
        self._begun = False  # whether there was an epoch
        self._start = self._last = time.perf_counter()

    def _header(self):
        validation = f"{'validation loss':>17}{'validation score':>18}"
        loss = "loss + penalty" if self.penalized else "loss"
        return (
            f"{'epoch':>6}{loss:>15}{validation if self.validated else ''}"
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
        """Print the line of the epoch, or keep it in case this epoch is the last.

        Parameters
        ----------
        state : TrainingState
            The state; its curves include the epoch.
        n_iter : int
            Epochs of this descent so far.
        sound : bool
            Is ignored: the numbers of an epoch that diverged are shown, too.

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
            What to print.
        minor : bool, default=False
            Whether the text is left out with ``verbose=1``.
        """
        if minor and self.verbose == 1:
            return
        self._last = time.perf_counter()
        self._flush()
        print(text)

    def close(self):
        """Print the line of the last epoch, if it is not printed yet."""
        self._flush()


def has_callbacks(estimator):
    """Whether callbacks are set on an estimator, by the user or from outside.

    Parameters
    ----------
    estimator : estimator instance
        Any estimator.

    Returns
    -------
    found : bool
        If False, a fit need not make tasks.
    """
    return bool(getattr(estimator, "_skl_callbacks", None))


def without_callbacks(estimator):
    """Take the callbacks off an estimator.

    Parameters
    ----------
    estimator : estimator instance
        Changed in place. This is needed for clones, too: `clone` copies callbacks.

    Returns
    -------
    estimator : estimator instance
        The same.
    """
    return estimator.set_callbacks() if has_callbacks(estimator) else estimator


class FitTask(Observer):
    """The task of a fit, with a subtask for each epoch or each member.

    It sets the callbacks up and tells them that the fit begins. The caller must run
    inside a method decorated by `with_callbacks`, which tears the callbacks down.

    Parameters
    ----------
    estimator : GradientDescent or TableEstimator
        An estimator with callbacks.
    X, y : object
        The data, as the user gave them.
    sample_weight : ndarray of shape (n_samples,) or None
        Checked weights of the samples.
    name : str
        The name of the task.
    n_epochs : int or None
        The largest number of subtasks; 0 for a task without subtasks, None if it is not
        known.
    """

    def __init__(self, estimator, X, y, sample_weight, name, n_epochs):
        self.estimator = estimator
        self.n_epochs = n_epochs
        self._n_begun = 0
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._whole = {"X": X, "y": y, "metadata": metadata}
        self._part = self._whole
        self.context = estimator._init_callback_context(
            task_name=name, max_subtasks=n_epochs
        )
        self.context.call_on_fit_task_begin(estimator=estimator, **self._whole)

    @property
    def of_parts(self):
        """What the callbacks get with each subtask."""
        return {"estimator": self.estimator, **self._part}

    def train_on(self, rows):
        """Note which rows the epochs train on.

        Parameters
        ----------
        rows : ndarray of intp or None
            The rows; None for all. The callbacks get these rows as the `X` and `y` of
            an epoch. The rows are copied only if a callback asks for them.
        """
        if rows is None:
            return
        X, y = indexable(self._whole["X"], self._whole["y"])
        metadata = self._whole["metadata"]
        take = X.take if isinstance(X, DistributedRows) else partial(_safe_indexing, X)
        self._part = {
            "X": cache(lambda: take(rows)),
            "y": cache(lambda: _safe_indexing(y, rows)),
        }
        if metadata is not None:
            weights = metadata["sample_weight"][rows]
            self._part["metadata"] = {"sample_weight": weights}

    def begin_epoch(self, state, n_iter):
        """Tell the callbacks.

        Parameters
        ----------
        state : TrainingState
            Where the descent is.
        n_iter : int
            Epochs of this descent so far.
        """
        # epochs that are undone when the descent goes back are tasks as well
        self.context.max_subtasks = self._n_begun + self.n_epochs - n_iter
        self._n_begun += 1
        self._epoch = self.context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(
            reconstruction_attributes=lambda: self.estimator._as_if_ended(
                state, n_iter
            ),
            **self.of_parts,
        )

    def end_epoch(self, state, n_iter, sound):
        """Tell the callbacks.

        Parameters
        ----------
        state : TrainingState
            Where the descent is.
        n_iter : int
            Epochs of this descent so far.
        sound : bool
            If False, the epoch diverged, and the callbacks get no fitted estimator.

        Returns
        -------
        stop : bool
            Whether one of them wants to stop.
        """
        attributes = None
        if sound:

            def attributes():
                return self.estimator._as_if_ended(state, n_iter)

        return self._epoch.call_on_fit_task_end(
            reconstruction_attributes=attributes, **self.of_parts
        )

    def end(self):
        """Tell the callbacks that the estimator is fitted."""
        self.context.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes={}, **self._whole
        )
