"""The loss curve of a training that is going on, in a notebook."""

from __future__ import annotations

import time

from .._rules.extras import import_extra
from .report import report_html, training_html


class LiveLossCurve:
    """Callback that draws the loss curve in a notebook while an estimator is trained.

    Below the cell, the curve is drawn again while the epochs pass. At the end, the
    report takes its place that a notebook also shows for a fitted estimator. The
    estimators of raw tables show the number of networks that have been trained.

    Parameters
    ----------
    pause : float, default=0.5
        The least number of seconds from one picture to the next.

    Raises
    ------
    ImportError
        If IPython is not installed.

    See Also
    --------
    LossCurveDisplay : Displays the loss curve after the training.

    Notes
    -----
    Callbacks need scikit-learn 1.9. Set the callback on the estimator that is
    trained, not on a search, whose fits may run in other processes. Outside of IPython,
    nothing is shown. For each epoch, the state of the training is copied, which takes
    some time if the network is large.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgd import GDClassifier
    >>> from skgd.plotting import LiveLossCurve
    >>> X, y = load_iris(return_X_y=True)
    >>> GDClassifier(random_state=0).set_callbacks(LiveLossCurve()).fit(X, y)
    GDClassifier(random_state=0)
    """

    def __init__(self, pause: float = 0.5):
        import_extra("LiveLossCurve", "notebook", "ipython", "IPython.display")
        self.pause = pause
        self._handle = None

    def setup(self, estimator, context):
        """Begin an empty output.

        Parameters
        ----------
        estimator, context : object
            As scikit-learn passes them.
        """
        from IPython import get_ipython
        from IPython.display import display

        self._n_members = 0
        self._last = time.perf_counter()
        if get_ipython() is not None:
            self._handle = display(_bundle("", "training"), raw=True, display_id=True)

    def on_fit_task_begin(self, estimator, context):
        """Do nothing.

        Parameters
        ----------
        estimator, context : object
            As scikit-learn passes them.
        """

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        """Draw the curve, if the last time was long enough ago.

        Parameters
        ----------
        estimator, context : object
            As scikit-learn passes them.
        fitted_estimator : estimator instance or None
            The estimator as if training ended here.
        """
        if context.task_name == "epoch":
            if fitted_estimator is not None:
                self._show(training_html(fitted_estimator), _text(fitted_estimator))
        elif context.task_name == "member":
            self._n_members += 1
            said = f"networks trained: {self._n_members}"
            self._show(f"<div>{said}</div>", said)
        else:
            self._last = -float("inf")
            text = "fitted" if self._n_members else _text(estimator)
            self._show(report_html(estimator), text)

    def _show(self, html, text):
        now = time.perf_counter()
        if self._handle is not None and now - self._last >= self.pause:
            self._last = now
            self._handle.update(_bundle(html, text), raw=True)

    def teardown(self, estimator, context):
        """Forget the output.

        Parameters
        ----------
        estimator, context : object
            As scikit-learn passes them.
        """
        self._handle = None


def _bundle(html, text):
    return {"text/html": html, "text/plain": text}


def _text(estimator):
    losses = estimator.loss_curve_
    return f"epoch {len(losses)}: loss {losses[-1]:.4g}"
