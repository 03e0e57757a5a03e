"""Members by cross-fitting: training, choice, out-of-fold predictions, prediction."""

import time
from dataclasses import dataclass, field
from math import ceil

import numpy as np
from joblib import Parallel, delayed

from .._rules.loss import losses_of_rows
from .choice import ENOUGH_ROWS, choose
from .reports import Reports

# With fewer rows, the members are trained again on all rows, since every row matters.
FEW_ROWS = 1000
# ... for so many epochs, relative to the best number on a part of the rows. The rate
# falls to zero within these epochs, so that they have to be some more.
MORE = 1.25


@dataclass
class Member:
    """A trained network, and what it predicts for the rows that it has not seen.

    Parameters
    ----------
    network : TableClassifier or TableRegressor
        The network.
    setting : Setting
        Its setting.
    rows : ndarray of intp or None
        The held-out rows of the training data; None for the user's validation data.
    raw : ndarray of shape (n_held_out, n_outputs)
        The raw predictions for these rows.
    losses : ndarray of shape (n_held_out,)
        The losses.
    weights : ndarray of shape (n_held_out,)
        The sample weights.
    trained : ndarray of intp or None
        The rows of the training data on which it was trained; None for all.
    tree_raw : ndarray of shape (n_held_out, n_outputs), default=None
        The raw predictions of boosted trees for the held-out rows, if there are any.
    """

    network: object
    setting: object
    rows: np.ndarray | None
    raw: np.ndarray
    losses: np.ndarray
    weights: np.ndarray
    trained: np.ndarray | None
    tree_raw: np.ndarray | None = None

    @property
    def n_epochs(self):
        """The number of epochs until the held-out loss was lowest."""
        return self.network.best_iter_


@dataclass
class Job:
    """The training data of an ensemble, and how its members are trained.

    Parameters
    ----------
    table : Table
        The encoded table.
    y : ndarray of shape (n_samples, ...)
        The targets.
    weights : ndarray of shape (n_samples,) or None
        The sample weights.
    held_out : tuple or None
        The user's own validation data: table, targets and weights.
    network_class : type
        TableClassifier or TableRegressor.
    options : dict
        Parameters of the networks.
    prior : ndarray or None
        The intercepts of the outputs at the start.
    n_jobs : int or None
        The number of members that are trained at the same time.
    deadline : float
        The time at which no further training begins, as of `time.monotonic`.
    loss : Loss
        The loss.
    n_outputs : int
        The number of raw predictions for a sample.
    reports : Reports, optional
        Who is told of each network. By default nobody.
    has_begun : bool, default=False
        Whether a member has been trained.
    """

    table: object
    y: np.ndarray
    weights: np.ndarray | None
    held_out: tuple | None
    network_class: type
    options: dict
    prior: np.ndarray | None
    n_jobs: int | None
    deadline: float
    loss: object
    n_outputs: int
    reports: Reports = field(default_factory=Reports)
    has_begun: bool = False

    @property
    def held_table(self):
        """The table from which rows are held out."""
        return self.table if self.held_out is None else self.held_out[0]

    def is_over(self):
        """Tell whether the time is over.

        Returns
        -------
        over : bool
            Whether no further training should begin.
        """
        return time.monotonic() > self.deadline

    def run(self, function, tasks):
        """Call a function several times, in as many threads as the user allows.

        Parameters
        ----------
        function : callable
            The function.
        tasks : list of tuple
            The arguments of each call.

        Returns
        -------
        results : list
            What the calls return.
        """
        parallel = Parallel(n_jobs=self.n_jobs, require="sharedmem")
        return parallel(delayed(function)(*task) for task in tasks)

    def columns_held_out(self, rows):
        """Return held-out rows as trees read them.

        Parameters
        ----------
        rows : ndarray of intp or None
            The rows of the training data; None for the user's validation data.

        Returns
        -------
        X : ndarray of shape (n_held_out, n_columns), float32
            The rows.
        """
        if rows is None:
            return self.held_out[0].columns()[0]
        return self.table.columns()[0][rows]

    def targets_held_out(self, rows):
        """Return the targets of held-out rows.

        Parameters
        ----------
        rows : ndarray of intp or None
            The rows of the training data; None for the user's validation data.

        Returns
        -------
        y : ndarray of shape (n_held_out, ...)
            The targets.
        """
        return self.held_out[1] if rows is None else self.y[rows]

    def train(self, tasks):
        """Train some members, several at the same time.

        Parameters
        ----------
        tasks : list of tuple
            The setting, the division of the rows, and the seed of each member.

        Returns
        -------
        members : list of Member or None
            None for a member whose training has not begun, because the time was over.
        """
        # the first training of all takes place however little time there is
        begins = not self.has_begun
        tasks = [(*task, begins and k == 0) for k, task in enumerate(tasks)]
        found = self.run(self._train_in_time, tasks)
        self.has_begun |= bool(tasks)
        return found

    def _train_in_time(self, setting, division, seed, needed):
        if self.is_over() and not needed:
            return None
        return self._reported(self._train, setting, division, seed)

    def _reported(self, train, *task):
        # train a network, and tell of it
        subtask, stop = self.reports.begin()
        network, member = train(*task)
        stop = self.reports.end(subtask, member) or stop
        if stop or network._interrupted:  # the fit ends with the networks there are
            self.deadline = -np.inf
        return network.strip() if member is None else member

    def _network(self, setting, n_samples, seed, **more):
        options = {**self.options, **more}
        return self.network_class.of(
            setting, self.table, n_samples, seed, self.prior, **options
        )

    def _train(self, setting, division, seed):
        X, y, weights = self.table.features(setting.bends), self.y, self.weights
        if self.held_out is None:
            rows, part = division
            network = self._network(
                setting, len(rows), seed, validation_split=[division]
            )
            network.fit(X, y, weights)
            held = X[part], y[part], None if weights is None else weights[part]
        else:
            rows = part = None
            table, *rest = self.held_out
            held = table.features(setting.bends), *rest
            names = "X_val", "y_val", "sample_weight_val"
            network = self._network(setting, len(y), seed)
            network.fit(X, y, weights, **dict(zip(names, held, strict=True)))
        X_held, y_held, w_held = held
        raw = network._raw(X_held)
        w_held = np.ones(len(raw)) if w_held is None else w_held
        losses = losses_of(network, raw, y_held)
        network.strip()
        return network, Member(network, setting, part, raw, losses, w_held, rows)

    def train_on_all(self, tasks):
        """Train members on all rows, for a given number of epochs.

        Parameters
        ----------
        tasks : list of tuple
            The setting, the number of epochs, and the seed of each network.

        Returns
        -------
        networks : list
            The networks; None for one whose training has not begun, because the time
            was over.
        """

        def train(setting, n_epochs, seed):
            options = {"early_stopping": False, "max_iter": n_epochs}
            network = self._network(setting, len(self.y), seed, **options)
            network.fit(self.table.features(setting.bends), self.y, self.weights)
            return network, None

        def train_in_time(*task):
            return None if self.is_over() else self._reported(train, *task)

        return self.run(train_in_time, tasks)


def losses_of(network, raw, y):
    """Compute the losses of single rows.

    Parameters
    ----------
    network : TableClassifier or TableRegressor
        The network.
    raw : ndarray of shape (n_samples, n_outputs)
        Its raw predictions.
    y : ndarray of shape (n_samples, ...)
        The targets.

    Returns
    -------
    losses : ndarray of shape (n_samples,)
        The losses, without a penalty.
    """
    architecture = network._architecture_
    _, Y = network._encoding.encode(y, raw.dtype)
    kernel = architecture.loss._kernel(architecture.softmax)
    return losses_of_rows(kernel, np.ascontiguousarray(Y), raw.copy())


def cross_fit(job, settings, divisions, seeds):
    """Choose settings on the first folds, and train a member for each fold.

    Parameters
    ----------
    job : Job
        The training data.
    settings : Settings or list of Setting
        The settings from which some are chosen, or those of a warm start.
    divisions : list of tuple
        The rows for training and those held out, for each member.
    seeds : list of int
        The seed of each member.

    Returns
    -------
    members : list of Member
        At least one member for each fold, which take turns with the chosen settings. If
        the time was over, there are fewer members, but at least one.
    chosen : list of Setting
        These settings, the best one first.
    """

    def train(settings, fold):
        return job.train([(s, divisions[fold], seeds[fold]) for s in settings])

    members, n_first = [], 0
    if not isinstance(settings, list):
        n_first = _n_first(job, divisions)
        finalists = choose(settings, n_first, train)
        members = [member for tried in finalists for member in tried.members]
        settings = [tried.setting for tried in finalists]
    tasks = [
        (settings[k % len(settings)], divisions[k], seeds[k])
        for k in range(n_first, len(divisions))
    ]
    members += [member for member in job.train(tasks) if member is not None]
    return members, settings


def _n_first(job, divisions):
    # the number of folds on which settings are compared
    if job.held_out is not None:
        return 1
    return n_folds_with(ENOUGH_ROWS, [len(part) for _, part in divisions])


def n_folds_with(n_rows, sizes):
    """Count the first folds that have enough rows together.

    Parameters
    ----------
    n_rows : int
        The number of rows that is enough.
    sizes : list of int
        The number of held-out rows of each fold.

    Returns
    -------
    n_folds : int
        The number of folds; all of them if they have fewer rows.
    """
    return int(min(np.searchsorted(np.cumsum(sizes), n_rows) + 1, len(sizes)))


def refit(job, members, seeds):
    """Train networks again on all rows.

    Parameters
    ----------
    job : Job
        The training data.
    members : list of Member
        The members, whose settings take turns.
    seeds : list of int
        The seed of each network.

    Returns
    -------
    networks : list
        The networks.
    """
    lengths = {}
    for member in members:
        lengths.setdefault(member.setting, []).append(member.n_epochs)
    lengths = {s: max(ceil(MORE * np.mean(found)), 1) for s, found in lengths.items()}
    settings = list(lengths)
    tasks = [
        (settings[k % len(settings)], lengths[settings[k % len(settings)]], seed)
        for k, seed in enumerate(seeds)
    ]
    found = [network for network in job.train_on_all(tasks) if network is not None]
    return found or [member.network for member in members]
