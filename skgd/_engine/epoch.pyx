"""One epoch without the GIL: for each batch, load the rows, take the gradient, update.

An update is one fused pass over the flat vector. The kernel of the optimizer is called
once for each segment: parameters with the same penalty and the same multiple of the rate.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

import numpy as np
from scipy import sparse as sp

from .threads import single_blas_thread

from . cimport clipping
from .after_update cimport mix, project
from .._rules.vector cimport leaf
from .._rules.loss cimport raise_error
from .layers.dropout cimport random_bits
from .layers.layer cimport Batch
from .network cimport Network, Segment, Workspace, forward_loss, gradient, predict
from .._rules.optimizer cimport OptimizerKernel, Step
from .single_rows cimport Plan, announce, can_run_rows, prefetch_lines, run_rows
from .memory cimport address

# Rows of a batch at prediction: few enough for the activations to stay in the cache.
PREDICTION_BATCH = 256
# Multiply-adds between two checks for KeyboardInterrupt; they take some 50 ms.
cdef double CHUNK = 5e8


cdef void _gather(
    const floating* source, floating* target, const Py_ssize_t* order, Py_ssize_t m,
    Py_ssize_t k, Py_ssize_t left,
) noexcept nogil:
    # Copy the next m rows in the given order; `left` rows are left in the epoch.
    cdef Py_ssize_t i
    if k == 1:
        for i in range(m):
            target[i] = source[order[i]]
        return
    # Rows are prefetched 8 rows and another 8 KB ahead, at most 32 rows, also beyond the
    # end of the batch. Waiting for memory took half of an update of a linear model.
    cdef Py_ssize_t ahead = min(8 + 8192 // (k * <Py_ssize_t> sizeof(floating)), 32)
    for i in range(m):
        if i + ahead < left:
            prefetch_lines(source + order[i + ahead] * k, k)
        memcpy(target + i * k, source + order[i] * k, k * sizeof(floating))


cdef leaf _standardise(
    floating* x, const floating* mean, const floating* scale, Py_ssize_t m, Py_ssize_t d
) noexcept nogil:
    # the same as `to_units` in `_data/units.py`, to the last bit
    cdef Py_ssize_t i, j
    for i in range(m):
        for j in range(d):
            x[i * d + j] = (x[i * d + j] - mean[j]) / scale[j]


cdef void _load(
    Workspace work, Batch* batch, const Py_ssize_t* order, Py_ssize_t first, Py_ssize_t m,
    Py_ssize_t left, floating* tag,
) noexcept nogil:
    # Point a batch at its rows. They are copied only if they are scattered, or if they
    # are to be standardised.
    cdef Py_ssize_t d = work.data.n_features, q = work.data.n_targets
    cdef const floating* x = <const floating*> work.data.x
    cdef const floating* y = <const floating*> work.data.y
    cdef const floating* w = <const floating*> work.data.w
    batch.m = m
    batch.first = first
    batch.order = NULL if order == NULL else order + first
    batch.csr_data = work.data.csr_data
    batch.csr_indices = work.data.csr_indices
    batch.csr_indptr = work.data.csr_indptr
    if order != NULL and m > 1:
        order += first
        if x != NULL:
            _gather(x, <floating*> work.batch_x, order, m, d, left)
        _gather(y, <floating*> work.batch_y, order, m, q, left)
        if w != NULL:
            _gather(w, <floating*> work.batch_w, order, m, 1, left)
        batch.x = work.batch_x if x != NULL else NULL
        batch.y = work.batch_y
        batch.weights = work.batch_w if w != NULL else NULL
    else:
        if order != NULL:
            first = order[first]
        batch.x = x + first * d if x != NULL else NULL
        batch.y = y + first * q
        batch.weights = w + first if w != NULL else NULL
    if work.data.mean != NULL:
        if batch.x != work.batch_x:
            memcpy(work.batch_x, batch.x, m * d * sizeof(floating))
            batch.x = work.batch_x
        _standardise(
            <floating*> work.batch_x, <const floating*> work.data.mean,
            <const floating*> work.data.scale, m, d)


cdef void _update(
    Workspace work, OptimizerKernel kernel, Plan* plan, Py_ssize_t number, Py_ssize_t m,
    floating* tag,
) noexcept nogil:
    cdef Step step
    cdef Segment* segment
    cdef Py_ssize_t k, n_params = work.network.n_params, first, n
    cdef double scale = 1 / (m * plan.weight_mean) if plan.per_sample else 1
    cdef floating* theta = <floating*> work.network.theta
    cdef floating* grad = <floating*> work.grad
    cdef floating* slots = <floating*> plan.slots
    memcpy(step.h, kernel.h, sizeof(kernel.h))
    step.t = plan.slot_step + number + 1
    plan.l1_total += plan.rates[number] * (plan.l1 * scale)
    step.l1_total = plan.l1_total
    for k in range(work.network.n_segments):
        segment = &work.network.segments[k]
        first, n = segment.start, segment.stop - segment.start
        step.rate = segment.rate * plan.rates[number]
        step.decays = segment.penalised
        step.l1 = plan.l1 * scale if segment.penalised else 0
        step.l2 = plan.l2 * scale if segment.penalised else 0
        if floating is float:
            kernel.f32(theta + first, grad + first, slots + first, n_params, n, &step)
        else:
            kernel.f64(theta + first, grad + first, slots + first, n_params, n, &step)


cdef void _clip(Workspace work, double limit, floating* tag) noexcept nogil:
    # If the norm of the whole gradient is above `limit`, scale the gradient down to it.
    cdef floating* grad = <floating*> work.grad
    cdef Py_ssize_t n = work.network.n_params
    work.clip_factor = clipping.clip_factor(clipping.norm(grad, n), limit)
    if work.clip_factor != 1:
        clipping.scale(grad, n, work.clip_factor)


cdef void _accumulate(
    Workspace work, Plan* plan, double share, floating* tag
) noexcept nogil:
    # Add the parameters and the statistics after the update to the averages.
    if share == 0:
        return
    mix(
        <floating*> plan.average, <const floating*> work.network.theta,
        work.network.n_params,
        <floating> share)
    if plan.running_average != NULL:
        mix(
            <floating*> plan.running_average, <const floating*> plan.running,
            plan.n_running, <floating> share)


cdef double _run(
    Workspace work, OptimizerKernel kernel, Plan* plan, Py_ssize_t begin, Py_ssize_t end,
    double* reported, floating* tag,
) noexcept nogil:
    # Make the updates from begin to end of an epoch, and return the weighted sum of
    # losses. If the user's units differ from those of training, the sum in the user's
    # units is added to `reported`.
    cdef Py_ssize_t number, first, m
    cdef Batch batch
    cdef double loss = 0
    if can_run_rows(work, kernel, plan):
        return run_rows(work, plan, begin, end, reported, tag)
    for number in range(begin, end):
        first = number * plan.batch_size
        m = min(plan.batch_size, plan.n_samples - first)
        if work.batch_size == 1 and plan.order != NULL:
            announce(work, plan, number, tag)
        batch.seed = plan.seed + number
        batch.step = plan.step + number
        _load(work, &batch, plan.order, first, m, plan.n_samples - first, tag)
        loss += gradient(work, &batch, plan.weight_mean, reported, tag)
        if plan.clip_norm < INFINITY:
            _clip(work, plan.clip_norm, tag)
        _update(work, kernel, plan, number, m, tag)
        if plan.signs != NULL:
            project(<floating*> work.network.theta, plan.signs, work.network.n_penalised)
        if plan.shares != NULL:
            _accumulate(work, plan, plan.shares[number], tag)
    return loss


cdef double _loss(
    Workspace work, Batch* batch, double weight_mean, double* reported, bint backward,
    floating* tag,
) noexcept nogil:
    if backward:
        return gradient(work, batch, weight_mean, reported, tag)
    return forward_loss(work, batch, weight_mean, reported, tag)


cdef _check_room(Workspace work, order):
    # for training, and for rows that have to be gathered
    if work.gradient is None:
        raise ValueError("The workspace has no room for a gradient: training=False.")
    if order is not None and 1 < work.data.n_samples <= work.batch_size:
        raise ValueError("A single batch of all rows has no order.")


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
    try:
        while begin < n_updates:
            end = min(n_updates, begin + 1 + <Py_ssize_t> (CHUNK / cost))
            with nogil:
                if net.f32:
                    loss += _run(
                        work, kernel, &plan, begin, end, &reported, <float*> NULL)
                else:
                    loss += _run(
                        work, kernel, &plan, begin, end, &reported, <double*> NULL)
            begin = end
            raise_error(net.loss)
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
    cdef Batch batch
    cdef Network net = work.network
    cdef double loss, reported = 0
    cdef const Py_ssize_t* rows = <const Py_ssize_t*> address(order)
    cdef Py_ssize_t m = work.data.n_samples if order is None else len(order)
    _check_room(work, order)
    if m > work.batch_size:
        raise ValueError("The workspace has no room for all rows as one batch.")
    batch.seed, batch.step = seed, step
    with nogil:
        if net.f32:
            _load(work, &batch, rows, 0, m, m, <float*> NULL)
            loss = _loss(work, &batch, weight_mean, &reported, backward, <float*> NULL)
        else:
            _load(work, &batch, rows, 0, m, m, <double*> NULL)
            loss = _loss(work, &batch, weight_mean, &reported, backward, <double*> NULL)
    raise_error(net.loss)
    reported = loss if net.loss.units == NULL else reported
    return loss / (m * weight_mean), reported / (m * weight_mean)


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
    Z = np.empty((work.data.n_samples, net.n_outputs), net.dtype)
    cdef void* out = address(Z)
    cdef Py_ssize_t first = 0, m, n = work.data.n_samples, k = net.n_outputs
    cdef Batch batch
    with nogil:
        while first < n:
            m = min(work.batch_size, n - first)
            if net.f32:
                _load(work, &batch, NULL, first, m, m, <float*> NULL)
                predict(work, &batch, <float*> NULL)
                memcpy(
                    <float*> out + first * k, work.rooms[net.n_layers - 1].out,
                    m * k * sizeof(float))
            else:
                _load(work, &batch, NULL, first, m, m, <double*> NULL)
                predict(work, &batch, <double*> NULL)
                memcpy(
                    <double*> out + first * k, work.rooms[net.n_layers - 1].out,
                    m * k * sizeof(double))
            first += m
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
