"""The rows of a Dask collection in the workers of a cluster, and their gradients."""

import numpy as np

from .._data.units import to_units
from .._engine.distributed_rows import DistributedRows
from .._engine.part import Part

# A partition is made again so often after its worker was lost. If there is no worker,
# so many seconds may pass until there is one.
MOST_LOSSES, PATIENCE = 3, 30


class PartitionedRows(DistributedRows):
    """The rows of a Dask collection, which the workers keep.

    Parameters
    ----------
    client : distributed.Client
        The client of the cluster.
    parts : list of distributed.Future
        The partitions, without those that have no rows.
    lengths : list of int
        The number of rows of each of them.
    head : ndarray or DataFrame of shape (1, n_columns)
        The first row.
    dtype : dtype
        The dtype of the partitions, if they are arrays.
    units : tuple of two ndarray, default=None
        The mean and the scale by which rows are standardised when they are read.
    """

    def __init__(self, client, parts, lengths, head, dtype=np.float64, units=None):
        super().__init__(lengths, head.shape[1], dtype, head)
        self.client, self.parts, self.lengths = client, parts, lengths
        self.units = units

    @classmethod
    def of(cls, client, parts):
        """Let the workers compute the partitions, and keep them.

        Parameters
        ----------
        client : distributed.Client
            The client of the cluster.
        parts : sequence of dask.delayed.Delayed
            The partitions.

        Returns
        -------
        rows : PartitionedRows
            Their rows, which are not checked yet.
        """
        parts = client.compute(list(parts))
        lengths = client.gather(client.map(len, parts))
        used = [k for k, n in enumerate(lengths) if n]
        if not used:
            raise ValueError("X must have at least one row. Got empty partitions only.")
        parts, lengths = ([values[k] for k in used] for values in (parts, lengths))
        head = client.submit(_first_row, parts[0]).result()
        return cls(client, parts, lengths, head)

    def _with(self, parts, lengths=None, dtype=None, units=None):
        lengths = self.lengths if lengths is None else lengths
        dtype = self.dtype if dtype is None else dtype
        return PartitionedRows(self.client, parts, lengths, self.head, dtype, units)

    def __getitem__(self, rows):
        rows = np.arange(len(self))[rows]
        order = np.argsort(rows, kind="stable")
        values = np.concatenate(self.each(_take, None, rows))
        found = np.empty_like(values)
        found[order] = values
        return found

    def checked(self, check, dtype):
        """Check the rows where they are, see `DistributedRows`."""
        parts = self.client.map(check, self.parts, pure=False)
        # (the first error in a partition is raised here)
        self.client.gather(self.client.map(len, parts, pure=False))
        return self._with(parts, dtype=dtype)

    def each(self, function, weights, rows, *args):
        """Call a function of each partition, see `DistributedRows`."""
        calls = [
            self.client.submit(
                _call,
                function,
                self.parts[k],
                self._of_part(weights, k, first),
                local,
                self.units,
                args,
                pure=False,
            )
            for k, first, local in self.divided(rows)
        ]
        return self.client.gather(calls)

    def _of_part(self, values, k, first):
        return None if values is None else values[first : first + self.lengths[k]]

    def take(self, rows):
        """Select rows, which stay where they are, see `DistributedRows`."""
        found = [
            (self.client.submit(_take, self.parts[k], None, local), len(local))
            for k, _, local in self.divided(rows)
        ]
        return self._with(*map(list, zip(*found, strict=True)), units=self.units)

    def in_units(self, mean, scale):
        """Standardise the rows when they are read, see `DistributedRows`."""
        units = mean.astype(self.dtype), scale.astype(self.dtype)
        return self._with(self.parts, units=units)

    def gradients(self, architecture, Y, weights):
        """Prepare the partitions for computing gradients, see `DistributedRows`."""
        begun = [
            (architecture, *(self._of_part(v, k, first) for v in (Y, weights)))
            + (self.units, first)
            for k, first, _ in self.divided(None)
        ]
        return Gradients(self, begun)


class Gradients:
    """Sums of the gradients of partitions.

    Each partition has an actor, which is an object in the worker that has the rows.
    Calls of its methods do not pass through the scheduler. (With two workers and a
    thousand parameters, an update took 2 milliseconds, and 40 as tasks of the
    scheduler.) An actor keeps nothing between the updates that cannot be made again.

    Parameters
    ----------
    rows : PartitionedRows
        The features.
    begun : list of tuple
        The arguments of `Part.begin` for each partition.
    """

    def __init__(self, rows, begun):
        self.rows, self.begun = rows, begun
        self.futures = [self._submit(k) for k in range(len(begun))]
        self.actors = [self._wait_for(k, each) for k, each in enumerate(self.futures)]
        started = [self._ask(k, "begin", args) for k, args in enumerate(begun)]
        for k, (answer, args) in enumerate(zip(started, begun, strict=True)):
            self._answer(k, answer, "begin", args)

    def __call__(self, theta, rows, weight_mean, seed, step, backward):
        n = len(self.rows) if rows is None else len(rows)
        calls = [
            (k, (theta, local, n * weight_mean, seed, step, backward))
            for k, _, local in self.rows.divided(rows)
        ]
        asked = [self._ask(k, "evaluate", args) for k, args in calls]
        loss = reported = 0.0
        gradient = np.zeros_like(theta) if backward else None
        for (k, args), answer in zip(calls, asked, strict=True):
            found = self._answer(k, answer, "evaluate", args)
            loss, reported = loss + found[0], reported + found[1]
            if backward:
                gradient += found[2]
        return loss, reported, gradient

    def _submit(self, k):
        return self.rows.client.submit(Part, self.rows.parts[k], actor=True, pure=False)

    def _ask(self, k, method, args):
        # Call a method of an actor without waiting for the answer; None if it is lost.
        try:
            return getattr(self.actors[k], method)(*args)
        except RuntimeError:  # "Worker holding Actor was lost"
            return None

    def _answer(self, k, answer, method, args):
        # Wait for the answer. If the actor is lost, make it again and repeat the call.
        for _ in range(MOST_LOSSES):
            if answer is not None:
                try:
                    return self._wait_for(k, answer)
                except OSError:  # "Unable to contact Actor's worker"
                    pass
            answer = self._ask(k, method, args) if self._make_again(k) else None
        raise RuntimeError(
            f"Partition {k} of X was lost {MOST_LOSSES} times with its worker, perhaps "
            "because it does not fit into the memory of a worker."
        )

    def _wait_for(self, k, answer):
        # for an answer or a future (if no worker is left, Dask would wait for ever)
        while True:
            try:
                return answer.result(timeout=1)
            except TimeoutError:
                self._check_workers(k)

    def _make_again(self, k):
        # Whether it was not lost once more.
        self._check_workers(k)
        self.futures[k] = self._submit(k)
        self.actors[k] = self._wait_for(k, self.futures[k])
        answer = self._ask(k, "begin", self.begun[k])
        if answer is None:
            return False
        try:
            self._wait_for(k, answer)
        except OSError:
            return False
        return True

    def _check_workers(self, k):
        try:
            self.rows.client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise RuntimeError(
                f"Partition {k} of X was lost with its worker, and there has been no "
                f"other worker for {PATIENCE} seconds. The estimator is as before."
            ) from None


# ---------------------------------------------------------------- tasks of the workers
def _first_row(part):
    return part[:1]


def _take(X, _, rows):
    return X[rows]


def _call(function, X, weights, rows, units, args):
    if units is not None:
        X = to_units(X, *units)
    return function(X, weights, rows, *args)
