"""One epoch without the GIL: for each batch, load the rows, take the gradient, update.

Large batches are divided into shards, see `shards.pyx`.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport uint64_t

from contextlib import nullcontext

import numpy as np

from .after_update cimport mix
from .._rules.loss cimport raise_error
from .._rules.optimizer cimport OptimizerKernel
from .crew cimport Crew
from .layers.dropout cimport random_bits
from .layers.layer cimport Batch
from .loading cimport load
from .memory cimport address
from .network cimport Network, Workspace, forward_loss, gradient
from .shards cimport Shards, run_shards, shards_loss
from .single_rows cimport Plan, announce, can_run_rows, run_rows
from .update cimport Update, apply, begin_update, clip

# Multiply-adds between two checks for KeyboardInterrupt; they take some 50 ms.
cdef double CHUNK = 5e8


cdef double _run(
    Workspace work, Crew crew, OptimizerKernel kernel, Plan* plan, Py_ssize_t begin,
    Py_ssize_t* end, double* reported, floating* tag,
) noexcept nogil:
    # Make the updates from begin to end of an epoch, and return the weighted sum of
    # losses. If the user's units differ from those of training, the sum in the user's
    # units is added to `reported`. If the user interrupts them, `end` becomes earlier.
    cdef Py_ssize_t number, first, m
    cdef Batch batch
    cdef Update update
    cdef double loss = 0
    if crew is not None:
        return run_shards(
            <Shards> work, crew, kernel, plan, begin, end, reported, tag)
    if can_run_rows(work, kernel, plan):
        return run_rows(work, plan, begin, end[0], reported, tag)
    for number in range(begin, end[0]):
        first = number * plan.batch_size
        m = min(plan.batch_size, plan.n_samples - first)
        if not work.is_gathered:
            if work.batch_size == 1 and plan.order != NULL:
                announce(work, plan, number, tag)
            batch.seed = plan.seed + number
            batch.step = plan.step + number
            load(work, &batch, plan.order, first, m, plan.n_samples - first, 0, tag)
            loss += gradient(work, &batch, plan.weight_mean, reported, tag)
        if plan.clip_norm < INFINITY:
            clip(work, plan.clip_norm, tag)
        begin_update(&update, work, kernel, plan, number, m)
        apply(&update, 0, work.network.n_params, tag)
        if update.share != 0 and plan.running_average != NULL:
            mix(
                <floating*> plan.running_average, <const floating*> plan.running,
                plan.n_running, <floating> update.share)
    return loss


cdef double _loss(
    Workspace work, Crew crew, Plan* plan, double* reported, bint backward, floating* tag
) noexcept nogil:
    # the weighted sum of losses of a single batch
    cdef Batch batch
    cdef Py_ssize_t m = plan.n_samples
    if crew is not None:
        return shards_loss(<Shards> work, crew, plan, reported, backward, tag)
    batch.seed, batch.step = plan.seed, plan.step
    load(work, &batch, plan.order, 0, m, m, 0, tag)
    if backward:
        return gradient(work, &batch, plan.weight_mean, reported, tag)
    return forward_loss(work, &batch, plan.weight_mean, reported, tag)


cdef _check_room(Workspace work, order):
    # for training, and for rows that have to be gathered
    if work.gradient is None:
        raise ValueError("The workspace has no room for a gradient: training=False.")
    if order is not None and 1 < work.data.n_samples <= work.batch_size:
        raise ValueError("A single batch of all rows has no order.")


cdef Crew _crew(Workspace work, Py_ssize_t n_rows):
    # the threads for batches in shards, of so many rows in all
    return (<Shards> work).team(n_rows) if isinstance(work, Shards) else None


cdef double _gather(
    Workspace work, Plan* plan, order, Py_ssize_t number, double* reported
) except? -1:
    # As `gradient`, for update `number` of an epoch, by the parts of distributed rows.
    cdef Py_ssize_t first = number * plan.batch_size
    cdef Py_ssize_t m = min(plan.batch_size, plan.n_samples - first)
    cdef double weight = m * plan.weight_mean
    order = None if m == work.data.n_samples else order
    if order is None and m < work.data.n_samples:
        order = np.arange(first, first + m)
    elif order is not None:
        order = order[first:first + m]
    losses = work.evaluate(
        order, plan.weight_mean, plan.seed + number, plan.step + number, True)
    reported[0] += losses[1] * weight
    return losses[0] * weight


cdef _raise_error(Network net, Crew crew):
    # of a loss that is written in Python, or of a crew that was interrupted
    raise_error(net.loss)
    if crew is not None:
        crew.raise_error()


def train_epoch(
    Workspace work, OptimizerKernel kernel, *, order, rates, double l1,
    double l2, bint per_sample, double weight_mean, uint64_t seed, state,
    double clip_norm, shares, signs=None,
):
    """Update the parameters once for each batch.

    Parameters
    ----------
    work : Workspace
        Of the network and the data.
    kernel : OptimizerKernel
        Of the optimizer.
    order : ndarray of shape (n_samples,), intp, or None
        The rows in the order of the epoch; None for all rows in their own order.
    rates : ndarray of shape (n_updates,), float64
        The learning rate of each update.
    l1, l2 : float
        Strengths of the penalty.
    per_sample : bool
        Whether the strengths are divided by the weight of the batch.
    weight_mean : float
        The mean of the sample weights.
    seed : int
        Of the dropout masks.
    state : TrainingState
        Continued: its slots, averages and counts are changed.
    clip_norm : float
        The norm to which a longer gradient is scaled down; inf for never.
    shares : ndarray of shape (n_updates,), float64, or None
        The share of each update's parameters in the average; None for no average.
    signs : ndarray of shape (n_penalised,), int8, default=None
        Of each weight: 1 to keep it >= 0, -1 to keep it <= 0. None for no constraint.

    Returns
    -------
    loss, reported : float
        The weighted sum of the losses, in units of training and in the units of the
        user. Each loss is measured before the update of its batch.
    """
    cdef Plan plan
    cdef Crew crew
    cdef Py_ssize_t begin = 0, end, n_updates = len(rates)
    cdef Network net = work.network
    cdef double cost, loss = 0, reported = 0
    _check_room(work, order)
    plan.batch_size = work.batch_size
    plan.order = <const Py_ssize_t*> address(order)
    plan.n_samples = work.data.n_samples if order is None else len(order)
    plan.rates = <const double*> address(rates)
    plan.l1, plan.l2, plan.per_sample = l1, l2, per_sample
    plan.weight_mean, plan.seed = weight_mean, seed
    plan.step, plan.slot_step = state.step, state.slot_step
    plan.l1_total, plan.slots = state.l1_total, address(state.slots)
    plan.clip_norm = clip_norm
    plan.signs = <const signed char*> address(signs)
    plan.shares = <const double*> address(shares)
    plan.average = address(state.average)
    plan.running_average = address(state.running_average)
    plan.running, plan.n_running = address(state.running), state.running.size
    cost = 6.0 * net.n_penalised * work.batch_size + 10.0 * net.n_params
    if work.data.x == NULL and can_run_rows(work, kernel, &plan):
        # An update touches only the stored values of its row. All weights are touched
        # at the end of a chunk.
        cost = 10.0 * (10 + len(work.data.X.data) / work.data.n_samples) * net.n_outputs
    crew = _crew(work, plan.n_samples)
    if crew is not None:
        cost = 10 * (<Shards> work).time_of_update()
    try:
        with nullcontext() if crew is None else crew:
            while begin < n_updates:
                end = min(n_updates, begin + 1 + <Py_ssize_t> (CHUNK / cost))
                if work.is_gathered:
                    end = begin + 1
                    loss += _gather(work, &plan, order, begin, &reported)
                with nogil:
                    if net.f32:
                        loss += _run(
                            work, crew, kernel, &plan, begin, &end, &reported,
                            <float*> NULL)
                    else:
                        loss += _run(
                            work, crew, kernel, &plan, begin, &end, &reported,
                            <double*> NULL)
                begin = end
                _raise_error(net, crew)
                PyErr_CheckSignals()
    finally:
        # The counts agree with the arrays, even after an interrupt.
        state.step += begin
        state.slot_step += begin
        state.n_seen += min(begin * plan.batch_size, plan.n_samples)
        state.l1_total = plan.l1_total
        if shares is not None:
            state.n_averaged += np.count_nonzero(shares[:begin])
    return loss, loss if net.loss.units == NULL else reported


def loss_and_gradient(Workspace work, *, double weight_mean=1.0, uint64_t seed=0):
    """Mean loss over all rows as one batch, and its gradient.

    Parameters
    ----------
    work : Workspace
        Of the network and the data.
    weight_mean : float, default=1.0
        The mean of the sample weights.
    seed : int, default=0
        Of the dropout masks.

    Returns
    -------
    loss : float
        The mean loss, without a penalty.
    gradient : ndarray of shape (n_params,)
        The gradient of the loss.
    """
    loss, _ = training_loss(
        work, order=None, weight_mean=weight_mean, seed=seed, step=0, backward=True)
    return loss, work.gradient.copy()


def training_loss(
    Workspace work, *, order, double weight_mean, uint64_t seed, double step,
    bint backward=False,
):
    """Mean loss of one batch as `train_epoch` sees it, without an update.

    The running statistics change as in an update.

    Parameters
    ----------
    work : Workspace
        Of the network and the data.
    order : ndarray of intp, or None
        The rows of the batch; None for all rows.
    weight_mean : float
        The mean of the sample weights.
    seed : int
        Of the dropout masks.
    step : float
        Updates so far.
    backward : bool, default=False
        Whether the gradient of the mean loss is computed, too. It is then in
        ``work.gradient``.

    Returns
    -------
    loss, reported : float
        The mean loss without a penalty, in units of training and in the units of the
        user.
    """
    cdef Plan plan
    cdef Crew crew
    cdef Network net = work.network
    cdef double loss, reported = 0
    cdef Py_ssize_t m = work.data.n_samples if order is None else len(order)
    _check_room(work, order)
    if m > work.batch_size:
        raise ValueError("The workspace has no room for all rows as one batch.")
    if work.is_gathered:
        return work.evaluate(order, weight_mean, seed, step, backward)
    plan.order, plan.n_samples = <const Py_ssize_t*> address(order), m
    plan.batch_size, plan.weight_mean = m, weight_mean
    plan.seed, plan.step = seed, step
    crew = _crew(work, m)
    with nullcontext() if crew is None else crew:
        with nogil:
            if net.f32:
                loss = _loss(work, crew, &plan, &reported, backward, <float*> NULL)
            else:
                loss = _loss(work, crew, &plan, &reported, backward, <double*> NULL)
    _raise_error(net, crew)
    reported = loss if net.loss.units == NULL else reported
    return loss / (m * weight_mean), reported / (m * weight_mean)


def shuffle(order, uint64_t seed):
    """Shuffle in place (Fisher and Yates).

    Parameters
    ----------
    order : ndarray of shape (n,), intp
        What to shuffle.
    seed : int
        Of the permutation.
    """
    cdef Py_ssize_t i, j, n = len(order)
    cdef Py_ssize_t* rows = <Py_ssize_t*> address(order)
    with nogil:
        for i in range(n - 1, 0, -1):
            # The high word of random bits times (i + 1) needs no division.
            j = <Py_ssize_t> (
                ((<uint64_t> random_bits(seed, 2 * i)) * <uint64_t> (i + 1)) >> 32)
            rows[i], rows[j] = rows[j], rows[i]
