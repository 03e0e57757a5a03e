"""Gradient-boosted trees beside the networks of the members."""

from dataclasses import dataclass
from itertools import islice

import numpy as np
from scipy.optimize import minimize_scalar

from .._engine.threads import single_openmp_thread
from .._rules.plain_state import stored_as_dict
from ..losses import (
    AbsoluteError,
    Gamma,
    LogLoss,
    Poisson,
    Quantile,
    SquaredError,
)
from .ensemble import losses_of, n_folds_with

# Few leaves, a random half of the columns for each split and many small steps: such
# trees are bad alone on no table that we have seen, and the exact values matter little.
OPTIONS = {
    "learning_rate": 0.1,
    "max_leaf_nodes": 15,
    "max_features": 0.5,
    "early_stopping": False,
}
# The number of iterations that held-out rows may choose, and how many rows that takes:
# with a few hundred, trees were left out by chance where one class in twenty is rare.
MOST_ITERATIONS, ENOUGH_ROWS = 160, 1500
# Each output has trees of its own, and trees are slow on many columns.
MOST_OUTPUTS, MOST_COLUMNS = 5, 500
# Trees with a smaller share of the prediction are not worth their time.
LEAST_SHARE = 0.1
# the loss functions of scikit-learn's boosting
LOSSES = {
    SquaredError: "squared_error",
    AbsoluteError: "absolute_error",
    Poisson: "poisson",
    Gamma: "gamma",
    Quantile: "quantile",
    LogLoss: "log_loss",
}


@stored_as_dict
class Trees:
    """Boosted trees whose raw predictions are in the units of the networks.

    Parameters
    ----------
    model : HistGradientBoostingClassifier or HistGradientBoostingRegressor
        The trees.
    link : str
        The link of the loss: 'identity', 'exp' or 'logistic'.
    """

    def __init__(self, model, link):
        self.model, self.link = model, link

    def raw(self, X):
        """Compute raw predictions.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
            What `Table.columns` returns.

        Returns
        -------
        raw : ndarray of shape (n_samples, n_outputs), float64
            The raw predictions.
        """
        with single_openmp_thread():
            if self.link == "logistic":
                return _as_columns(self.model.decision_function(X))
            return self._linked(self.model.predict(X))

    def staged_raw(self, X):
        """Compute raw predictions after each iteration.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
            What `Table.columns` returns.

        Yields
        ------
        raw : ndarray of shape (n_samples, n_outputs), float64
            The raw predictions.
        """
        with single_openmp_thread():
            if self.link == "logistic":
                yield from map(_as_columns, self.model.staged_decision_function(X))
            else:
                yield from map(self._linked, self.model.staged_predict(X))

    def _linked(self, prediction):
        return _as_columns(np.log(prediction) if self.link == "exp" else prediction)


def _as_columns(z):
    return z.reshape(len(z), -1)


@stored_as_dict
@dataclass
class Pair:
    """A network, and the trees that were trained on the same rows.

    Parameters
    ----------
    network : TableClassifier or TableRegressor
        The network.
    trees : Trees or None
        The trees, if there are any.
    """

    network: object
    trees: Trees | None

    def raw(self, table, share, rows=None):
        """Compute raw predictions.

        Parameters
        ----------
        table : Table
            An encoded table.
        share : float
            The share of the trees.
        rows : ndarray of intp, default=None
            The rows of the table that are predicted. None is all rows, without a copy.

        Returns
        -------
        raw : ndarray of shape (n_rows, n_outputs), float64
            The raw predictions.
        """

        def of(X):
            return X if rows is None else X[rows]

        network, trees = self.network, self.trees
        raw = network._raw(of(table.features(network._setting.bends)))
        return mix(raw, trees and trees.raw(of(table.columns()[0])), share)


def can_grow(job):
    """Tell whether boosted trees can join the networks.

    Parameters
    ----------
    job : Job
        The training data.

    Returns
    -------
    possible : bool
        False if scikit-learn's boosting does not have this loss or several targets, or
        if trees would be slow: for many classes, or for many columns.
    """
    is_single = job.y.ndim == 1 or job.y.shape[1] == 1
    most = MOST_OUTPUTS if isinstance(job.loss, LogLoss) else 1
    return (
        type(job.loss) in LOSSES
        and is_single
        and job.n_outputs <= most
        and job.table.n_columns <= MOST_COLUMNS
    )


def grow(job, members, seeds, n_iterations=None):
    """Train trees on the same rows as the networks of the members.

    Parameters
    ----------
    job : Job
        The training data.
    members : list of Member
        The members. Each of them gets the raw predictions of trees for its held-out
        rows.
    seeds : list of int
        The seeds of the members.
    n_iterations : int, default=None
        The number of iterations. With None, the held-out rows choose it.

    Returns
    -------
    trees : list of Trees or None
        The trees of each member. They are None if trees do not lower the loss of the
        held-out rows, or if the time was over.
    """
    firsts = {}  # members that hold out the same rows share their trees
    for member in members:
        firsts.setdefault(id(member.rows), member)
    if n_iterations is None:
        tried = list(firsts.values())
        sizes = [len(member.losses) for member in tried]
        tried = tried[: n_folds_with(ENOUGH_ROWS, sizes)]
        n_iterations = _best_length(job, tried, seeds[0])
    if not n_iterations:
        return [None] * len(members)
    tasks = [
        (member.trained, n_iterations, seeds[k % len(seeds)])
        for k, member in enumerate(firsts.values())
    ]
    found = dict(zip(firsts, train(job, tasks), strict=True))
    for member in members:
        if trees := found[id(member.rows)]:
            member.tree_raw = trees.raw(job.columns_held_out(member.rows))
    return [found[id(member.rows)] for member in members]


def grow_again(job, pairs, seeds, n_models):
    """Train trees on all rows.

    Parameters
    ----------
    job : Job
        The training data.
    pairs : list of Pair
        The members, whose trees were trained on parts of the rows.
    seeds : list of int
        The seeds of the models.
    n_models : int
        The number of models.

    Returns
    -------
    trees : list of Trees or None
        The trees. Those for which there was no time are the ones of the members.
    """
    earlier = [pairs[k % len(pairs)].trees for k in range(n_models)]
    lengths = [trees.model.max_iter for trees in earlier if trees is not None]
    if not lengths:
        return earlier
    tasks = [(None, lengths[0], seeds[k % len(seeds)]) for k in range(n_models)]
    found = train(job, tasks)
    return [new or old for new, old in zip(found, earlier, strict=True)]


def train(job, tasks):
    """Train boosted trees, several at the same time.

    Parameters
    ----------
    job : Job
        The training data.
    tasks : list of tuple
        The rows, the number of iterations, and the seed of each model.

    Returns
    -------
    trees : list of Trees or None
        None if the training has not begun, because the time was over, or if the user
        has ended it.
    """
    return job.run(_train, [(job, *task) for task in tasks])


def _train(job, rows, n_iterations, seed):
    if job.is_over():
        return None
    # (this import is slow, and most estimators have no trees)
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

    X, is_category = job.table.columns()
    loss, y = job.loss, job.y.reshape(len(job.y))
    weights = job.weights
    if rows is not None:
        X, y = X[rows], y[rows]
        weights = None if weights is None else weights[rows]
    options = {**OPTIONS, "max_iter": n_iterations, "random_state": seed}
    options |= {"loss": LOSSES[type(loss)], "categorical_features": is_category}
    cls = HistGradientBoostingRegressor
    if isinstance(loss, LogLoss):
        cls = HistGradientBoostingClassifier
        if len(np.unique(y)) < max(job.n_outputs, 2):
            return None  # the outputs would be those of fewer classes
    if isinstance(loss, Quantile):
        options["quantile"] = np.ravel(loss.quantile)[0]
    try:
        with single_openmp_thread():
            model = cls(**options).fit(X, y, weights)
    except KeyboardInterrupt:  # the fit ends with the networks that there are
        job.deadline = -np.inf
        return None
    return Trees(model, loss.link)


def _best_length(job, members, seed):
    # the number of iterations at which the loss of held-out rows is lowest; 0 if such
    # trees do not lower the loss of the networks
    found = train(job, [(member.trained, MOST_ITERATIONS, seed) for member in members])
    if any(trees is None for trees in found):
        return 0
    pairs = [
        (trees, job.columns_held_out(member.rows), member)
        for trees, member in zip(found, members, strict=True)
    ]
    totals = sum(
        np.array([_losses(job, m, raw) @ m.weights for raw in trees.staged_raw(X)])
        for trees, X, m in pairs
    )
    best = int(totals.argmin())
    raws = [next(islice(trees.staged_raw(X), best, None)) for trees, X, _ in pairs]
    targets = [job.targets_held_out(member.rows) for member in members]
    held = [(member.rows, member.raw, member.weights) for member in members]
    share = best_share(members[0].network, targets, held, raws)
    return best + 1 if share >= LEAST_SHARE else 0


def _losses(job, member, raw):
    return losses_of(member.network, raw, job.targets_held_out(member.rows))


def best_share(network, targets, held, tree_raws):
    """Choose the share of trees in the raw predictions, by the loss of held-out rows.

    Parameters
    ----------
    network : TableClassifier or TableRegressor
        One of the networks.
    targets : list of ndarray of shape (n_held_out, ...)
        The targets of the held-out rows of each member.
    held : list of tuple
        The held-out rows, the raw predictions of the network for them, and their
        weights, for each member.
    tree_raws : list of ndarray of shape (n_held_out, n_outputs) or None
        The raw predictions of the trees of each member.

    Returns
    -------
    share : float
        The share, between 0 and 1; 0 if there are no trees.
    """
    parts = [
        (y, raw, tree_raw, weights)
        for y, (_, raw, weights), tree_raw in zip(targets, held, tree_raws, strict=True)
        if tree_raw is not None
    ]
    if not parts:
        return 0.0
    y, raw, tree_raw, weights = map(np.concatenate, zip(*parts, strict=True))

    def cost(share):
        losses = losses_of(network, mix(raw, tree_raw, share), y)
        return np.average(losses, weights=weights)

    found = minimize_scalar(cost, bounds=(0, 1), method="bounded")
    return float(found.x)


def mix(raw, tree_raw, share):
    """Put together the raw predictions of networks and of trees.

    Parameters
    ----------
    raw : ndarray of shape (n_samples, n_outputs)
        Raw predictions of a network.
    tree_raw : ndarray of shape (n_samples, n_outputs) or None
        Those of trees, if there are any.
    share : float
        The share of the trees.

    Returns
    -------
    raw : ndarray of shape (n_samples, n_outputs), float64
        The raw predictions.
    """
    raw = raw.astype(np.float64)
    return raw if tree_raw is None else (1 - share) * raw + share * tree_raw
