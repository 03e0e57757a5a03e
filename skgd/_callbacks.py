"""A fit and its epochs as tasks of scikit-learn's callbacks.

`sklearn.callback` came with scikit-learn 1.9. Below that the estimators have no
`set_callbacks`, and nothing here does anything.
"""

from functools import cache

from sklearn.utils import _safe_indexing, indexable

from ._observer import Observer

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


def has_callbacks(estimator):
    """Whether callbacks are set on an estimator, by the user or from outside.

    Parameters
    ----------
    estimator : estimator instance
        Any.

    Returns
    -------
    found : bool
        Where it is False, a fit need not make tasks.
    """
    return bool(getattr(estimator, "_skl_callbacks", None))


def without_callbacks(estimator):
    """Take the callbacks off an estimator.

    Parameters
    ----------
    estimator : estimator instance
        Changed in place. `clone` hands callbacks on.

    Returns
    -------
    estimator : estimator instance
        The same.
    """
    return estimator.set_callbacks() if has_callbacks(estimator) else estimator


class FitTask(Observer):
    """The task of a fit, with a subtask for each epoch.

    Sets the callbacks up and tells them that the fit begins. The caller runs below
    `with_callbacks`, which tears them down.

    Parameters
    ----------
    estimator : GradientDescent
        Has callbacks.
    X, y : object
        The data, as the user gave them.
    sample_weight : ndarray of shape (n_samples,) or None
        Checked weights of the samples.
    name : str
        Of the task.
    n_epochs : int
        The most subtasks; 0 for a task without.
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

    def train_on(self, rows):
        """Note which rows the epochs train on.

        Parameters
        ----------
        rows : ndarray of intp or None
            The rows; None for all. They are the `X` and `y` of the epochs, made when
            a callback asks for them.
        """
        if rows is None:
            return
        X, y = indexable(self._whole["X"], self._whole["y"])
        metadata = self._whole["metadata"]
        self._part = {
            "X": cache(lambda: _safe_indexing(X, rows)),
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
        # epochs that a descent goes back on are tasks as well
        self.context.max_subtasks = self._n_begun + self.n_epochs - n_iter
        self._n_begun += 1
        self._epoch = self.context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(
            estimator=self.estimator,
            reconstruction_attributes=lambda: self.estimator._as_if_ended(
                state, n_iter
            ),
            **self._part,
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
            After an epoch that diverged they get no fitted estimator.

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
            estimator=self.estimator,
            reconstruction_attributes=attributes,
            **self._part,
        )

    def end(self):
        """Tell the callbacks that the estimator is fitted."""
        self.context.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes={}, **self._whole
        )
