"""How much the loss of held-out rows rises if a column is shuffled."""

import numpy as np
from scipy import sparse as sp
from sklearn.utils import Bunch

from .ensemble import losses_of


def shuffle_columns(members, features, y, of_columns, n_repeats, rng):
    """Shuffle each column among the held-out rows of each member.

    Parameters
    ----------
    members : list of tuple
        The network and the held-out rows of each member.
    features : CSR of shape (n_samples, n_features)
        The encoded table.
    y : ndarray of shape (n_samples, ...)
        The targets of the networks.
    of_columns : list of ndarray of shape (n_features,), bool
        For each column of the table, which features encode it.
    n_repeats : int
        How often each column is shuffled.
    rng : RandomState
        The generator of random numbers.

    Returns
    -------
    result : Bunch
        As `sklearn.inspection.permutation_importance` returns it.
    """
    before = _mean_loss(members, features, y)
    importances = np.zeros((len(of_columns), n_repeats))
    for column, moved in enumerate(of_columns):
        if not moved.any():  # the column is ignored
            continue
        stays, moves = (sp.diags_array(m.astype(np.float32)) for m in (~moved, moved))
        rest, part = sp.csr_matrix(features @ stays), sp.csr_matrix(features @ moves)
        for repeat in range(n_repeats):
            order = np.arange(len(y))
            for _, rows in members:
                order[rows] = rng.permutation(rows)
            after = _mean_loss(members, sp.csr_matrix(rest + part[order]), y)
            importances[column, repeat] = after - before
    return Bunch(
        importances=importances,
        importances_mean=importances.mean(axis=1),
        importances_std=importances.std(axis=1),
    )


def _mean_loss(members, features, y):
    losses = []
    for network, rows in members:
        raw = network._raw(features[rows])
        losses.append(losses_of(network, raw, y[rows]))
    return float(np.concatenate(losses).mean())
