"""Who follows a fit from network to network: `verbose`, and callbacks."""

from threading import Lock

import numpy as np


class Reports:
    """Tells of each network that is trained.

    Parameters
    ----------
    verbose : bool or int, default=False
        Whether a line is printed for each member.
    task : FitTask, default=None
        The task of the fit, if the estimator has callbacks. Each network is a subtask.
        The callbacks are called by one thread at a time.
    """

    def __init__(self, verbose=False, task=None):
        self.verbose, self.task = verbose, task
        self._lock = Lock()

    def begin(self):
        """Tell that the training of a network begins.

        Returns
        -------
        subtask : object
            What `end` needs.
        stop : bool
            Whether the fit should end with the networks that there are.
        """
        if self.task is None:
            return None, False
        with self._lock:
            context = self.task.context.subcontext(task_name="member")
            return context, self._call(context.call_on_fit_task_begin)

    def end(self, subtask, member=None):
        """Tell that a network has been trained.

        Parameters
        ----------
        subtask : object
            What `begin` has returned.
        member : Member, default=None
            The member; None for a network that was trained on all rows.

        Returns
        -------
        stop : bool
            Whether the fit should end with the networks that there are.
        """
        if self.verbose and member is not None:
            loss = np.average(member.losses, weights=member.weights)
            print(f"{member.setting}: held-out loss {loss:.4g}", flush=True)
        if subtask is None:
            return False
        with self._lock:
            return self._call(subtask.call_on_fit_task_end)

    def _call(self, hook):
        try:
            return hook(**self.task.of_parts) is True
        except KeyboardInterrupt:  # as during the training of a network
            return True

    def end_all(self):
        """Tell that the estimator is fitted."""
        if self.task is not None:
            self.task.end()
