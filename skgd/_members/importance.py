"""How much the loss of held-out rows rises if a column is shuffled."""

from dataclasses import replace

import numpy as np
from scipy import sparse as sp
from sklearn.utils import Bunch

from .ensemble import losses_of
from .table import features_of


def shuffle_columns(members, share, table, y, of_columns, *, n_repeats, rng, weights):
    """Shuffle each column among the held-out rows of each member.

    Parameters
    ----------
    members : list of tuple
        The pair of network and trees, and the held-out rows, of each member.
    share : float
        The share of the trees in the predictions.
    table : Table
        The encoded table.
    y : ndarray of shape (n_samples, ...)
        The targets of the networks.
    of_columns : list of ndarray of shape (n_features,), bool
        For each column of the table, which features encode it.
    n_repeats : int
        How often each column is shuffled.
    rng : RandomState
        The generator of random numbers.
    weights : ndarray of shape (n_samples,) or None
        Weights of the rows; None for ones.

    Returns
    -------
    result : Bunch
        As `sklearn.inspection.permutation_importance` returns it.
    """
    before, features = _mean_loss(members, share, table, y, weights), table.X
    importances = np.zeros((len(of_columns), n_repeats))
    for column, moved in enumerate(of_columns):
        if not moved.any():  # the column is ignored
            continue
        rest, part = features_of(features, ~moved), features_of(features, moved)
        for repeat in range(n_repeats):
            order = np.arange(len(y))
            for _, rows in members:
                order[rows] = rng.permutation(rows)
            mixed = replace(table, X=sp.csr_matrix(rest + part[order]))
            after = _mean_loss(members, share, mixed, y, weights)
            importances[column, repeat] = after - before
    return Bunch(
        importances=importances,
        importances_mean=importances.mean(axis=1),
        importances_std=importances.std(axis=1),
    )


def _mean_loss(members, share, table, y, weights):
    losses = []
    for pair, rows in members:
        raw = pair.raw(table, share, rows)
        losses.append(losses_of(pair.network, raw, y[rows]))
    seen = np.concatenate([rows for _, rows in members])
    weights = None if weights is None else weights[seen]
    return float(np.average(np.concatenate(losses), weights=weights))
