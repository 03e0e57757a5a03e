"""One more network, which tells how members differ at rows they have not seen."""

from dataclasses import dataclass, replace

import numpy as np

from .reports import Reports
from .trees import grow, mix


@dataclass
class UnseenRows:
    """What two networks predict for rows that both have not seen.

    Parameters
    ----------
    rows : ndarray of shape (n_rows,), intp
        The rows of the training data.
    raw : ndarray of shape (2, n_rows, n_outputs)
        The raw predictions of both networks.
    weights : ndarray of shape (n_rows,)
        The sample weights.
    share : float
        The share of pairs of members that are alike or unlike as these two are.
    """

    rows: np.ndarray
    raw: np.ndarray
    weights: np.ndarray
    share: float


def pairs_of_unseen(job, members, seed, n_iterations, tree_share):
    """Train a network that has the held-out rows of two members.

    In cross-fitting, hardly any rows are held out for several members, but the members
    are alike, and so the network is like any of them. It has the setting of the first
    member; the second one has another setting, if there is one.

    Parameters
    ----------
    job : Job
        The training data.
    members : list of Member
        The members.
    seed : int
        The seed of the network.
    n_iterations : int
        The number of iterations of its trees; 0 for no trees.
    tree_share : float
        The share of the trees in the predictions.

    Returns
    -------
    pairs : list of UnseenRows
        The network beside each of the two members; empty if the time is over.
    """
    first, second = _two_of(members)
    part = np.union1d(first.rows, second.rows)
    rows = _others(job, part)
    if len(rows) < len(job.y) / 2:  # too few for a network that is like the members
        part, second = np.unique(first.rows), first
        rows = _others(job, part)
    silent = replace(job, reports=Reports())
    (twin,) = silent.train([(first.setting, (rows, part), seed)])
    if twin is None:
        return []
    grow(job, [twin], [seed], n_iterations)
    of_twin = mix(twin.raw, twin.tree_raw, tree_share)
    alike = _share_of_alike(members)
    shares = (alike, 1 - alike) if first.setting != second.setting else (0.5, 0.5)
    pairs = []
    for member, share in zip((first, second), shares, strict=True):
        of_member = mix(member.raw, member.tree_raw, tree_share)
        raw = np.stack([of_twin[np.searchsorted(part, member.rows)], of_member])
        pairs.append(UnseenRows(member.rows, raw, member.weights, share))
    return pairs


def _two_of(members):
    first, *others = members
    others = [m for m in others if not np.array_equal(m.rows, first.rows)]
    unlike = [m for m in others if m.setting != first.setting]
    return first, next(iter(unlike or others), first)


def _others(job, part):
    rows = np.setdiff1d(np.arange(len(job.y)), part)
    return rows if job.weights is None else rows[job.weights[rows] > 0]


def _share_of_alike(members):
    # the share of pairs of members that have the same setting
    settings = [member.setting for member in members]
    n_alike = sum(n * (n - 1) for n in map(settings.count, set(settings)))
    return n_alike / max(len(members) * (len(members) - 1), 1)
