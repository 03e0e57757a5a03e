"""The rows of a Dask collection in the workers of a cluster, and training with them."""

import numpy as np
from scipy import sparse as sp

from .._data.units import to_units
from .._engine.distributed_rows import DistributedRows, Parts
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
    **options : dict
        The other arguments of `DistributedRows`: `dtype` and `local_steps`.

    Attributes
    ----------
    units : tuple of two ndarray or None
        The mean and the scale by which rows are standardised when they are read.
    """

    units = None

    def __init__(self, client, parts, lengths, head, **options):
        super().__init__(lengths, head.shape[1], head=head, **options)
        self.client, self.parts, self.lengths = client, parts, lengths

    @classmethod
    def of(cls, client, parts, local_steps=None):
        """Let the workers compute the partitions, and keep them.

        Parameters
        ----------
        client : distributed.Client
            The client of the cluster.
        parts : sequence of dask.delayed.Delayed
            The partitions.
        local_steps : int or inf, default=None
            As `DistributedRows` takes it.

        Returns
        -------
        rows : PartitionedRows
            Their rows, which are not checked yet.
        """
        parts = client.compute(list(parts))
        lengths = client.gather(client.map(_n_rows, parts))
        used = [k for k, n in enumerate(lengths) if n]
        if not used:
            raise ValueError("X must have at least one row. Got empty partitions only.")
        parts, lengths = ([values[k] for k in used] for values in (parts, lengths))
        head = client.submit(_first_row, parts[0]).result()
        options = {"dtype": np.float64, "local_steps": local_steps}
        return cls(client, parts, lengths, head, **options)

    def _with(self, parts, lengths=None, dtype=None, units=None):
        rows = PartitionedRows(
            self.client,
            parts,
            self.lengths if lengths is None else lengths,
            self.head,
            dtype=self.dtype if dtype is None else dtype,
            local_steps=self.local_steps,
        )
        rows.units = units
        return rows

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

    def begin(self, architecture, Y, weights):
        """Prepare the partitions for a training, see `DistributedRows`."""
        begun = [
            (architecture, *(self._of_part(v, k, first) for v in (Y, weights)))
            + (self.units, first)
            for k, first, _ in self.divided(None)
        ]
        return Actors(self, begun)


class Actors(Parts):
    """The partitions during a training.

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
        super().__init__(rows)
        self.futures = [self._submit(k) for k in range(len(begun))]
        self.actors = [self._wait_for(k, each) for k, each in enumerate(self.futures)]
        # the calls that an actor needs when it is made again
        self.prepared = [{} for _ in begun]
        self.prepare("begin", list(enumerate(begun)))

    def prepare(self, method, calls):
        """Call a method that prepares several parts, see `Parts`."""
        for _ in self.call(method, calls):
            pass
        for k, args in calls:
            self.prepared[k][method] = args

    def call(self, method, calls):
        """Call a method of several parts at the same time, see `Parts`."""
        asked = [self._ask(k, method, args) for k, args in calls]
        for (k, args), answer in zip(calls, asked, strict=True):
            yield self._answer(k, answer, method, args)

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
        for method, args in self.prepared[k].items():
            answer = self._ask(k, method, args)
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
def _n_rows(part):
    if sp.issparse(part):
        raise TypeError(
            "X must have dense partitions for skgd.dask.fit. Got a partition of type "
            f"{type(part).__name__}. skgd.dask.partial_fit trains on sparse partitions."
        )
    return len(part)


def _first_row(part):
    return part[:1]


def _take(X, _, rows):
    return X[rows]


def _call(function, X, weights, rows, units, args):
    if units is not None:
        X = to_units(X, *units)
    return function(X, weights, rows, *args)
