"""Raw predictions of many rows, which threads share."""

from cython cimport floating
from libc.string cimport memcpy

import numpy as np
from scipy import sparse as sp

from .crew import Crew
from .network import Network, Workspace
from .threads import n_threads, single_blas_thread

from .crew cimport Crew, crew, crew_pause, crew_run, crew_task
from .layers.layer cimport Batch
from .loading cimport load
from .memory cimport address
from .network cimport Network, Workspace, predict

# Rows of a batch: few enough for the activations to stay in the cache.
PREDICTION_BATCH = 256
# Multiply-adds of a task; they take a millisecond or less.
WORK = 2e7


cdef struct Job:
    crew* threads
    void* out
    Py_ssize_t rows             # of a task


cdef void _predict_rows(
    Workspace work, Job* job, long number, floating* tag
) noexcept nogil:
    # the batches of a task, one after another
    cdef Py_ssize_t first = number * job.rows, k = work.network.n_outputs, m
    cdef Py_ssize_t end = min(first + job.rows, work.data.n_samples)
    cdef Batch batch
    while first < end:
        if crew_pause(job.threads, <void*> work):
            return
        m = min(work.batch_size, end - first)
        load(work, &batch, NULL, first, m, m, 0, tag)
        predict(work, &batch, tag)
        memcpy(
            <floating*> job.out + first * k, work.rooms[work.network.n_layers - 1].out,
            m * k * sizeof(floating))
        first += m


cdef void _predict_f32(Workspace work, Job* job, long number) noexcept nogil:
    _predict_rows(work, job, number, <float*> NULL)


cdef void _predict_f64(Workspace work, Job* job, long number) noexcept nogil:
    _predict_rows(work, job, number, <double*> NULL)


def _rows_of_task(net, data, batch_size):
    # a multiple of the rows of a batch: the batches, and hence the last bits of the
    # predictions, then do not depend on the tasks
    cost = net.n_params
    if net.sparse:
        n_inputs, n_first = net.architecture.sizes[:2]
        cost += n_first * (data.X.nnz / max(data.n_samples, 1) - n_inputs)
    return batch_size * int(1 + WORK / (batch_size * max(cost, 1)))


def raw_predictions(Workspace work):
    """Raw predictions of all rows, normalised by the running statistics.

    Parameters
    ----------
    work : Workspace
        Of the network and the data.

    Returns
    -------
    Z : ndarray of shape (n_samples, n_outputs)
        The output of the last layer.
    """
    cdef Network net = work.network
    cdef Crew team
    cdef Job job
    cdef long n_tasks
    Z = np.empty((work.data.n_samples, net.n_outputs), net.dtype)
    job.rows = _rows_of_task(net, work.data, work.batch_size)
    job.out = address(Z)
    n_tasks = (work.data.n_samples + job.rows - 1) // job.rows
    workers = [work]
    if n_tasks > 1:
        for _ in range(min(n_threads(), n_tasks) - 1):
            workers.append(Workspace(net, work.data, work.batch_size, training=False))
    team = Crew(workers)
    with team:
        job.threads = team.handle
        with nogil:
            crew_run(
                team.handle, <crew_task> _predict_f32 if net.f32 else
                <crew_task> _predict_f64, &job, n_tasks)
    team.raise_error()
    return Z


def forward(architecture, theta, running, data):
    """Raw predictions of a network with given parameters.

    Parameters
    ----------
    architecture : Architecture
        Of the network.
    theta, running : ndarray
        Its parameters and running statistics.
    data : Data
        The samples.

    Returns
    -------
    Z : ndarray of shape (n_samples, n_outputs)
        The output of the last layer.
    """
    batch = max(min(PREDICTION_BATCH, data.n_samples), 1)
    net = Network(architecture, theta, running, sparse=sp.issparse(data.X))
    with single_blas_thread():
        return raw_predictions(Workspace(net, data, batch, training=False))
