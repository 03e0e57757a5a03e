"""Local steps: each part trains on its own rows for a while, then all are averaged.

All parts make the same number of updates, that of one process. Their batches have
numbers of rows in proportion to their rows, and add up to `batch_size`. Learning rates,
schedules, counts and penalties are therefore those of one process as well. A mean is
weighted by the sums of the sample weights, in the order of the parts.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._rules.optimizer import Optimizer
from .gathered import Gathered

# What updates change, of which the mean is taken.
ARRAYS = ("theta", "running", "slots", "average", "running_average")
# What a part has to know of the counts.
COUNTS = ("step", "slot_step", "l1_total")


@dataclass
class Round:
    """Updates that each part makes by itself.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    arrays : dict of str to ndarray or None
        The arrays of the state before the round.
    counts : dict of str to int or float
        Its numbers `step`, `slot_step` and `l1_total`.
    begin, end : int
        The numbers in the epoch of the first update, and of the one after the last.
    n_updates, n_rows, batch_size : int
        The updates of the epoch, its rows, and those of a batch, of all parts together.
    rates : ndarray of shape (end - begin,)
        The learning rate of each update.
    shares : ndarray of shape (end - begin,) or None
        The share of each update's parameters in the average.
    l1, l2 : float
        Strengths of the penalty.
    per_sample : bool
        Whether the strengths are divided by the weight of the batch of all parts.
    order_seed : int or None
        Of the order of the rows in the epoch; None for their own order.
    seed : int
        Of the dropout masks.
    options : dict
        More keywords of `train_epoch`.
    """

    optimizer: Optimizer
    arrays: dict
    counts: dict
    begin: int
    end: int
    n_updates: int
    n_rows: int
    batch_size: int
    rates: np.ndarray
    shares: np.ndarray | None
    l1: float
    l2: float
    per_sample: bool
    order_seed: int | None
    seed: int
    options: dict

    def batches(self, n):
        """Divide the rows of a part among the updates of the epoch.

        The last batch is smaller if that of one process is. The others differ by one
        row at most.

        Parameters
        ----------
        n : int
            The rows of the part in the epoch, at least one for each update.

        Yields
        ------
        updates : slice
            Some updates of this round, by their numbers in the epoch.
        size : int
            The number of rows in each of their batches.
        rows : slice
            Their rows, by their numbers in the order of the epoch.
        """
        n_last = self.n_rows - (self.n_updates - 1) * self.batch_size
        last = max(1, n_last * n // self.n_rows)
        size, n_larger = last, 0
        if self.n_updates > 1:
            size, n_larger = divmod(n - last, self.n_updates - 1)
        start = n_larger * (size + 1)
        for begin, end, m, row in (
            (0, n_larger, size + 1, 0),
            (n_larger, self.n_updates, size, start),
        ):
            first, stop = max(begin, self.begin), min(end, self.end)
            if first < stop:
                rows = slice(
                    row + (first - begin) * m, min(row + (stop - begin) * m, n)
                )
                yield slice(first, stop), m, rows


class Trained(NamedTuple):
    """What a part has after a round."""

    arrays: dict
    l1_total: float
    loss: float  # weighted sums, in which each row counts once in an epoch
    reported: float


class Rounds(Gathered):
    """Room for averages of parts that train by themselves.

    Parameters
    ----------
    network, data, batch_size : object
        As `Workspace` takes them. The features of the data are `DistributedRows` with
        local steps.
    """

    def __init__(self, network, data, batch_size):
        super().__init__(network, data, batch_size)
        self._chosen = self._shares = None

    def train(self, optimizer, *, rows, rates, shares, weight_mean, state, **options):
        """Make the updates of an epoch, as `train_epoch` does in one process.

        Parameters
        ----------
        optimizer : Optimizer
            The optimizer.
        rows : ndarray of intp or None
            Rising numbers of the training rows; None for all.
        rates : ndarray of shape (n_updates,)
            The learning rate of each update.
        shares : ndarray of shape (n_updates,) or None
            The share of each update's parameters in the average.
        weight_mean : float
            The mean of the sample weights.
        state : TrainingState
            Continued: its arrays and counts are changed.
        **options : dict
            Other arguments of `Round`, and of `train_epoch`.

        Returns
        -------
        loss, reported : float
            The weighted sum of the losses, in units of training and in the user's.
            Each loss is measured before the update of its batch in its part.
        """
        named = {
            name: options.pop(name)
            for name in ("l1", "l2", "per_sample", "order_seed", "seed")
        }
        n = self.data.n_samples if rows is None else len(rows)
        parts = self._shares_of_parts(rows)
        n_updates, size = len(rates), self.batch_size
        n_round = int(min(self.data.X.local_steps, n_updates))
        loss = reported = 0.0
        for begin in range(0, n_updates, n_round):
            end = min(begin + n_round, n_updates)
            round_ = Round(
                optimizer,
                {name: getattr(state, name) for name in ARRAYS},
                {name: getattr(state, name) for name in COUNTS},
                begin,
                end,
                n_updates,
                n,
                min(size, n),
                rates[begin:end],
                None if shares is None else shares[begin:end],
                **named,
                options=options,
            )
            calls = [
                (k, (round_, share, weight_mean * (share * n / n_part)))
                for k, share, n_part in parts
            ]
            found = self._mean(state, parts, self.parts.call("train", calls))
            loss, reported = loss + found[0], reported + found[1]
            state.step += end - begin
            state.slot_step += end - begin
            state.n_seen += min(end * size, n) - begin * size
            if shares is not None:
                state.n_averaged += np.count_nonzero(round_.shares)
        return loss, reported

    def _shares_of_parts(self, rows):
        # Of each part with a weight: its number, its share of the weights, and the
        # number of its training rows. All parts get to know their training rows.
        if self._shares is not None and rows is self._chosen:
            return self._shares
        X, weights = self.data.X, self.data.weights
        divided, lengths = X.divided(rows), np.diff(X.ends, prepend=0)
        found = []
        for k, first, local in divided:
            n_part = int(lengths[k]) if local is None else len(local)
            weight = n_part
            if weights is not None:
                own = weights[first : first + lengths[k]]
                own = own if local is None else own[local]
                weight = own.sum(dtype=np.float64)
            found.append((k, float(weight), n_part))
        total = sum(weight for _, weight, _ in found)
        shares = [(k, weight / total, n) for k, weight, n in found if weight]
        if len(shares) > self.batch_size:
            raise ValueError(
                "The 'batch_size' parameter must be at least the number of partitions "
                f"of X for local steps, which is {len(shares)}, because a batch is "
                f"divided among them. The batches have {self.batch_size} rows."
            )
        self.parts.prepare("choose", [(k, (local,)) for k, _, local in divided])
        self._chosen, self._shares = rows, shares
        return shares

    @staticmethod
    def _mean(state, parts, answers):
        # Set the state to the mean of the parts, and return the sums of their losses.
        kept = {name: getattr(state, name) for name in ARRAYS}
        means = {k: np.zeros(v.shape) for k, v in kept.items() if v is not None}
        l1_total = loss = reported = 0.0
        # (the loop over epochs notices that parts have diverged)
        with np.errstate(over="ignore", invalid="ignore"):
            for (_, share, _), trained in zip(parts, answers, strict=True):
                for name, mean in means.items():
                    mean += share * trained.arrays[name]
                l1_total += share * trained.l1_total
                loss, reported = loss + trained.loss, reported + trained.reported
            for name, mean in means.items():
                kept[name][...] = mean
        state.l1_total = l1_total
        return loss, reported
