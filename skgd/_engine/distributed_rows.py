"""Features that other processes hold, each of them some of the rows.

Training needs a few of the rows, functions of each part, and either the gradient of a
batch or local steps. Each part computes the gradient of its rows of the batch, and
these are added up in the order of the parts. With local steps, each part trains by
itself for a while (see `rounds.py`). The result depends on how the rows are divided
into parts, but not on how many processes hold them.
"""

from abc import ABC, abstractmethod

import numpy as np


class DistributedRows(ABC):
    """An array of features whose rows are in other processes.

    Parameters
    ----------
    lengths : sequence of int
        The number of rows of each part.
    n_columns : int
        The number of columns.
    dtype : dtype
        The dtype of the rows.
    head : ndarray or DataFrame of shape (1, n_columns)
        The first row, as the user has it.
    local_steps : int or inf, default=None
        How many updates each part makes by itself before the parts are averaged; inf
        for those of an epoch. If it is None, all parts make each update together.
    """

    ndim = 2

    def __init__(self, lengths, n_columns, dtype, head, local_steps=None):
        self.dtype, self.head, self.local_steps = np.dtype(dtype), head, local_steps
        self.ends = np.cumsum(lengths)
        self.shape = int(self.ends[-1]), n_columns

    @property
    def nbytes(self):
        """The memory of all rows, in bytes."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def __len__(self):
        return self.shape[0]

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "The rows of X stay in the workers. A callback such as ScoringMonitor "
            "cannot read them here. Pass X_val and y_val to fit instead, which extends "
            "validation_scores_ after each epoch."
        )

    @abstractmethod
    def __getitem__(self, rows):
        """Return some of the rows, of a slice or an array of numbers, as an ndarray."""

    @abstractmethod
    def checked(self, check, dtype):
        """Check the rows, and convert them to what the compiled code reads.

        Parameters
        ----------
        check : callable
            A function of an array or DataFrame of some rows. It returns an ndarray, or
            raises an error. It is called for each part where the part is.
        dtype : dtype
            The dtype of the arrays that it returns.

        Returns
        -------
        rows : DistributedRows
            The checked rows.
        """

    @abstractmethod
    def each(self, function, weights, rows, *args):
        """Call a function of each part, where the part is.

        Parameters
        ----------
        function : callable
            It gets the rows of a part, their weights, which of them are used, and
            `args`.
        weights : ndarray of shape (n_samples,) or None
            Weights of all rows.
        rows : ndarray of intp or None
            Rising numbers of the rows that are used; None for all.
        *args : object
            More arguments.

        Returns
        -------
        results : list
            What the function returned for each part of which rows are used.
        """

    @abstractmethod
    def take(self, rows):
        """Select some of the rows, which stay where they are.

        Parameters
        ----------
        rows : ndarray of intp
            Their numbers, in rising order.

        Returns
        -------
        taken : DistributedRows
            These rows.
        """

    @abstractmethod
    def in_units(self, mean, scale):
        """Standardise the rows, when they are read.

        Parameters
        ----------
        mean, scale : ndarray of shape (n_columns,)
            What is subtracted from each column, and what divides it.

        Returns
        -------
        rows : DistributedRows
            The rows in units of training.
        """

    @abstractmethod
    def begin(self, architecture, Y, weights):
        """Prepare the parts for the training of a network.

        Parameters
        ----------
        architecture : Architecture
            Of the network.
        Y : ndarray of shape (n_samples, n_targets)
            Encoded targets of all rows.
        weights : ndarray of shape (n_samples,) or None
            Their weights.

        Returns
        -------
        parts : Parts
            The parts, which wait for calls.
        """

    def divided(self, rows):
        """Divide rows among the parts.

        Parameters
        ----------
        rows : ndarray of intp or None
            Numbers of rows; None for all.

        Returns
        -------
        divided : list of tuple
            For each part of which there are rows: its number, the number of its first
            row, and the rows in rising order, counted from there (None for all).
        """
        starts = np.append(0, self.ends[:-1])
        if rows is None:
            return [(k, int(start), None) for k, start in enumerate(starts)]
        rows = np.sort(rows)
        pieces = np.split(rows, np.searchsorted(rows, self.ends[:-1]))
        return [
            (k, int(start), (piece - start).astype(np.int32))
            for k, (start, piece) in enumerate(zip(starts, pieces, strict=True))
            if len(piece)
        ]


class Parts(ABC):
    """The parts of distributed rows during a training, see `Part`.

    Parameters
    ----------
    rows : DistributedRows
        The features.
    """

    def __init__(self, rows):
        self.rows = rows

    @abstractmethod
    def call(self, method, calls):
        """Call a method of several parts at the same time.

        Parameters
        ----------
        method : str
            The name of a method of `Part`.
        calls : list of tuple
            For each call: the number of the part, and the arguments.

        Yields
        ------
        answer : object
            What each call returned, in the order of the calls.
        """

    @abstractmethod
    def prepare(self, method, calls):
        """Call a method that prepares several parts for others.

        If a part is lost, the last such call of each method is repeated.

        Parameters
        ----------
        method, calls : object
            As `call` takes them.
        """

    def gradient(self, theta, rows, weight_mean, seed, step, backward):
        """Add up the gradients of all parts.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
            The parameters.
        rows : ndarray of intp or None
            The rows of the batch; None for all.
        weight_mean : float
            The mean of the sample weights.
        seed : int
            Of the dropout masks.
        step : float
            Updates so far.
        backward : bool
            Whether the gradient is computed.

        Returns
        -------
        loss, reported : float
            The mean loss of the batch, in units of training and in the user's.
        gradient : ndarray of shape (n_params,) or None
            The gradient of the first of them.
        """
        n = len(self.rows) if rows is None else len(rows)
        calls = [
            (k, (theta, local, n * weight_mean, seed, step, backward))
            for k, _, local in self.rows.divided(rows)
        ]
        loss = reported = 0.0
        gradient = np.zeros_like(theta) if backward else None
        for found in self.call("evaluate", calls):
            loss, reported = loss + found[0], reported + found[1]
            if backward:
                gradient += found[2]
        return loss, reported, gradient


def each_part(function, X, weights, rows, *args):
    """Call a function of features, or of each of their parts.

    Parameters
    ----------
    function : callable
        As `DistributedRows.each` takes it.
    X : ndarray, CSR or DistributedRows of shape (n_samples, n_columns)
        Features.
    weights, rows, *args : object
        As `DistributedRows.each` takes them.

    Returns
    -------
    results : list
        One for each part.
    """
    if isinstance(X, DistributedRows):
        return X.each(function, weights, rows, *args)
    return [function(X, weights, rows, *args)]


def sums_of_parts(function, X, weights, rows, *args):
    """Add up what a function returns for each part, in the order of the parts.

    Parameters
    ----------
    function : callable
        As for `each_part`. It returns a tuple of numbers or arrays.
    X, weights, rows, *args : object
        As `each_part` takes them.

    Returns
    -------
    sums : tuple
        The sum of each of these.
    """
    results = each_part(function, X, weights, rows, *args)
    return tuple(sum(values) for values in zip(*results, strict=True))


def trains_locally(X):
    """Check whether each part of features trains by itself for a while.

    Parameters
    ----------
    X : ndarray, CSR or DistributedRows of shape (n_samples, n_columns)
        Features.

    Returns
    -------
    local : bool
        True for `DistributedRows` with local steps.
    """
    return isinstance(X, DistributedRows) and X.local_steps is not None
