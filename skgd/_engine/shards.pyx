"""A large batch in shards of rows, which threads share.

A batch has parts of about the same size. Each part has a gradient of its own, and the
sum is taken in the order of the parts, so that it does not depend on the number of
threads. A part that is too large to be done at once has several shards, one after
another. The update is made in blocks of parameters, which threads share as well. Before,
the gradients of the parts are added up for the block. Where the update takes longer than
the rows, as with many columns of sparse data, a batch has a single part.
"""

from cython cimport floating
from libc.math cimport INFINITY, isinf, sqrt
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free

import numpy as np

from .distributed_rows import DistributedRows, trains_locally
from .gathered import Gathered
from .rounds import Rounds
from .memory import aligned
from .network import Workspace
from .threads import n_threads
from . import shard_sizes as sizes

from . cimport clipping
from .._rules.optimizer cimport OptimizerKernel
from .._rules.vector cimport leaf
from .crew cimport Crew, crew, crew_is_stopped, crew_pause, crew_run, crew_task
from .after_update cimport mix
from .layers.layer cimport Batch
from .loading cimport load
from .memory cimport address
from .network cimport (
    Workspace,
    aim,
    forward_loss,
    go_on,
    gradient,
    join_weights,
    meet,
    set_out,
    weigh,
)
from .single_rows cimport Plan
from .update cimport Update, apply, begin_update

cdef enum:
    BLOCK = 8192    # parameters of a block
    # A batch that takes fewer nanoseconds is not interrupted before its end, because it
    # takes 50 nanoseconds to ask for the time.
    PAUSE = 1000000


cdef struct Job:
    crew* threads
    const Py_ssize_t* order
    Py_ssize_t first, m, left       # the batch: `left` rows are left in the epoch
    Py_ssize_t n_parts, rows_of_part, rows_of_shard
    Py_ssize_t n_threads, jump      # rows that others load, before the next part
    uint64_t seed
    double step, weight_mean
    bint backward, pauses
    bint f32, begun                 # of a batch whose parts meet
    Part* parts
    void** slopes
    double* losses
    double* reported
    bint adds_up                    # what a block is for
    double* squares                 # the squared norm of each block, or NULL
    double factor                   # by which the gradient is clipped
    Update* update                  # or NULL
    Py_ssize_t n_params


cdef leaf _add(const floating* x, floating* out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        out[j] += x[j]


cdef void _part(Workspace work, Job* job, long number, floating* tag) noexcept nogil:
    cdef Py_ssize_t first = number * job.rows_of_part, m
    cdef Py_ssize_t end = min(first + job.rows_of_part, job.m)
    cdef bint is_first = True
    cdef Batch batch
    job.losses[number] = job.reported[number] = 0
    while first < end:
        if job.pauses and crew_pause(job.threads, <void*> work):
            return
        m = min(job.rows_of_shard, end - first)
        load(
            work, &batch, job.order, job.first + first, m, job.left - first,
            job.jump if first + m == end else 0, tag)
        batch.row, batch.whole = first, job.m
        batch.seed, batch.step = job.seed, job.step
        if not job.backward:
            job.losses[number] += forward_loss(
                work, &batch, job.weight_mean, &job.reported[number], tag)
        else:
            aim(work, job.slopes[number] if is_first else work.grad)
            job.losses[number] += gradient(
                work, &batch, job.weight_mean, &job.reported[number], tag)
            if not is_first:
                _add(
                    <const floating*> work.grad, <floating*> job.slopes[number],
                    job.n_params)
        is_first = False
        first += m


cdef void _block(Job* job, long number, floating* tag) noexcept nogil:
    cdef Py_ssize_t first = number * BLOCK, p
    cdef Py_ssize_t last = min(first + BLOCK, job.n_params)
    cdef floating* grad = <floating*> job.slopes[0] + first
    if job.adds_up:
        for p in range(1, job.n_parts):
            _add(<const floating*> job.slopes[p] + first, grad, last - first)
    if job.squares != NULL:
        job.squares[number] = clipping.squares(<const floating*> grad, last - first, 1)
    if job.update != NULL:
        if job.factor != 1:
            clipping.scale(grad, last - first, job.factor)
        apply(job.update, first, last, tag)


# ---------------------------------------------------------------- tasks of the crew
cdef void _part_f32(Workspace work, Job* job, long number) noexcept nogil:
    _part(work, job, number, <float*> NULL)


cdef void _part_f64(Workspace work, Job* job, long number) noexcept nogil:
    _part(work, job, number, <double*> NULL)


cdef void _block_f32(Workspace work, Job* job, long number) noexcept nogil:
    _block(job, number, <float*> NULL)


cdef void _block_f64(Workspace work, Job* job, long number) noexcept nogil:
    _block(job, number, <double*> NULL)


cdef void _run_parts(Job* job, floating* tag) noexcept nogil:
    if floating is float:
        crew_run(job.threads, <crew_task> _part_f32, job, job.n_parts)
    else:
        crew_run(job.threads, <crew_task> _part_f64, job, job.n_parts)


cdef void _run_blocks(Job* job, floating* tag) noexcept nogil:
    cdef long n = (job.n_params + BLOCK - 1) // BLOCK
    if n == 1:      # which is not worth waking a thread
        _block(job, 0, tag)
    elif floating is float:
        crew_run(job.threads, <crew_task> _block_f32, job, n)
    else:
        crew_run(job.threads, <crew_task> _block_f64, job, n)


cdef void _clip(Job* job, Shards shards, double limit, floating* tag) noexcept nogil:
    # Add up the gradients, and find the factor by which the norm comes down to the limit.
    # The sum of squares is that of the blocks.
    cdef Py_ssize_t k, n = (job.n_params + BLOCK - 1) // BLOCK
    cdef double total = 0
    job.squares, job.update = shards.squares, NULL
    _run_blocks(job, tag)
    for k in range(n):
        total += job.squares[k]
    total = sqrt(total)
    if isinf(total):
        total = clipping.norm(<const floating*> job.slopes[0], job.n_params)
    job.squares, job.adds_up = NULL, False
    shards.clip_factor = job.factor = clipping.clip_factor(total, limit)


# ---------------------------------------------------------------- batches
cdef void _begin(Job* job, Shards shards, Crew team, Plan* plan) noexcept nogil:
    # what all batches have in common
    job.threads, job.n_threads = team.handle, team.n_threads
    job.order, job.weight_mean = plan.order, plan.weight_mean
    job.slopes, job.n_params = shards.slopes, shards.network.n_params
    job.losses, job.reported = shards.losses, shards.losses + shards.n_parts
    job.backward = True
    job.squares, job.factor = NULL, 1


cdef void _divide(Job* job, Shards shards, Plan* plan, Py_ssize_t number) noexcept nogil:
    # a batch into parts
    cdef Py_ssize_t n_shards
    job.first = number * plan.batch_size
    job.left = plan.n_samples - job.first
    job.m = min(plan.batch_size, job.left)
    job.seed, job.step = plan.seed + number, plan.step + number
    job.pauses = job.m * shards.row_time > PAUSE
    n_shards = max(job.m // shards.usual_rows, min(job.m // shards.least_rows, 2))
    job.n_parts = max(min(n_shards, shards.n_parts), 1)
    job.rows_of_part = (job.m + job.n_parts - 1) // job.n_parts
    job.n_parts = (job.m + job.rows_of_part - 1) // job.rows_of_part
    job.jump = (job.n_threads - 1) * job.rows_of_part


cdef void _part_go_on(
    Workspace work, Job* job, long number, floating* tag
) noexcept nogil:
    # a part of a batch, from where it has met the other parts to where it will
    cdef Part* part = &job.parts[number]
    cdef Batch* batch = &part.batch
    cdef Py_ssize_t first = number * job.rows_of_part
    if not job.begun:
        load(
            work, batch, job.order, job.first + first,
            min(job.rows_of_part, job.m - first), job.left - first, job.jump, tag)
        batch.row, batch.whole = first, job.m
        batch.seed, batch.step = job.seed, job.step
        set_out(&part.course)
        weigh(work, batch, tag)
    else:
        part.meets = go_on(
            work, batch, &part.course, job.weight_mean, job.backward, tag)


cdef void _go_on_f32(Workspace work, Job* job, long number) noexcept nogil:
    _part_go_on(work, job, number, <float*> NULL)


cdef void _go_on_f64(Workspace work, Job* job, long number) noexcept nogil:
    _part_go_on(work, job, number, <double*> NULL)


cdef void _go_on(void* worker, Job* job, long number) noexcept nogil:
    # with the workspace of the part, whatever that of the thread
    if job.pauses and crew_pause(job.threads, worker):
        return
    (<crew_task> _go_on_f32 if job.f32 else <crew_task> _go_on_f64)(
        job.parts[number].work, job, number)


cdef double _run_normalised(
    Job* job, Shards shards, Plan* plan, Py_ssize_t number, double* reported,
    floating* tag,
) noexcept nogil:
    # The same as `_run_batch` where the parts have to meet.
    cdef Part* parts = shards.parts
    cdef Py_ssize_t p
    cdef double loss = 0
    _divide(job, shards, plan, number)
    job.parts, job.f32, job.begun = parts, shards.network.f32, False
    crew_run(job.threads, <crew_task> _go_on, job, job.n_parts)
    for p in range(job.n_parts):
        shards.batches[p] = &parts[p].batch
    while not crew_is_stopped(job.threads):
        if not job.begun:
            join_weights(shards.batches, job.n_parts)
            job.begun = True
        elif parts[0].meets:
            for p in range(job.n_parts):
                shards.met[p] = &parts[p].rooms[parts[0].course.layer]
            meet(
                shards.network, &parts[0].course, shards.met, shards.batches,
                job.n_parts)
        else:
            break
        crew_run(job.threads, <crew_task> _go_on, job, job.n_parts)
    for p in range(job.n_parts):
        loss += parts[p].course.loss
        reported[0] += parts[p].course.reported
    return loss


cdef double _run_batch(
    Job* job, Shards shards, Plan* plan, Py_ssize_t number, double* reported,
    floating* tag,
) noexcept nogil:
    # The gradient of each part, and the sum of the losses.
    cdef Py_ssize_t p, n_shards
    cdef double loss = 0
    if shards.parts != NULL:
        return _run_normalised(job, shards, plan, number, reported, tag)
    _divide(job, shards, plan, number)
    n_shards = max(job.rows_of_part // shards.usual_rows, 1)
    job.rows_of_shard = (job.rows_of_part + n_shards - 1) // n_shards
    _run_parts(job, tag)
    for p in range(job.n_parts):
        loss += job.losses[p]
        reported[0] += job.reported[p]
    return loss


cdef double run_shards(
    Shards shards, Crew team, OptimizerKernel kernel, Plan* plan, Py_ssize_t begin,
    Py_ssize_t* end, double* reported, floating* tag,
) noexcept nogil:
    """Make the updates from `begin` to `end` of an epoch; `end` becomes the end.

    It is earlier if the user interrupts them. Returns the weighted sum of losses.
    """
    cdef Job job
    cdef Update update
    cdef Py_ssize_t number
    cdef double loss = 0, found
    _begin(&job, shards, team, plan)
    for number in range(begin, end[0]):
        found = _run_batch(&job, shards, plan, number, reported, tag)
        if crew_is_stopped(team.handle):
            end[0] = number
            break
        loss += found
        job.adds_up = True
        if plan.clip_norm < INFINITY:
            _clip(&job, shards, plan.clip_norm, tag)
        begin_update(&update, shards, kernel, plan, number, job.m)
        job.update = &update
        _run_blocks(&job, tag)
        if update.share != 0 and plan.running_average != NULL:
            mix(
                <floating*> plan.running_average, <const floating*> plan.running,
                plan.n_running, <floating> update.share)
    return loss


cdef double shards_loss(
    Shards shards, Crew team, Plan* plan, double* reported, bint backward, floating* tag
) noexcept nogil:
    """The weighted sum of losses of a single batch, and its gradient in shards.grad."""
    cdef Job job
    cdef double loss
    _begin(&job, shards, team, plan)
    job.backward = backward
    loss = _run_batch(&job, shards, plan, 0, reported, tag)
    if backward:
        job.adds_up, job.update = True, NULL
        _run_blocks(&job, tag)
    return loss


# ---------------------------------------------------------------- the workspace
def workspace(net, data, batch_size):
    """Make the room for training a network, in shards where these pay.

    Losses that are written in Python have no shards.

    Parameters
    ----------
    net : Network
        The network.
    data : Data
        The samples.
    batch_size : int
        The most rows of a batch.

    Returns
    -------
    workspace : Workspace
        Of the class `Shards` if threads can share the rows of a batch or its update,
        and of the class `Gathered` or `Rounds` if other processes have the rows.
    """
    if trains_locally(data.X):
        return Rounds(net, data, batch_size)
    if isinstance(data.X, DistributedRows):
        return Gathered(net, data, batch_size)
    pays = sizes.parts_of_batch(net, data, batch_size)[2] > 1
    if net.sparse and batch_size > 1:
        pays = pays or net.n_params > BLOCK
    return (Shards if pays and net.can_be_sharded else Workspace)(net, data, batch_size)


cdef class Shards(Workspace):
    """Room for a batch in shards, with a workspace for each thread.

    Parameters
    ----------
    network, data, batch_size : object
        As `Workspace` takes them.
    """

    def __init__(self, network, data, batch_size):
        self.network, self.data, self.batch_size = network, data, batch_size
        self._check_data(True)
        self.clip_factor = 1
        n_params = network.n_params
        self.least_rows, self.usual_rows, self.n_parts = sizes.parts_of_batch(
            network, data, batch_size)
        self.n_blocks = (n_params + BLOCK - 1) // BLOCK
        self.slopes = <void**> calloc(self.n_parts, sizeof(void*))
        self.losses = <double*> calloc(2 * self.n_parts, sizeof(double))
        self.squares = <double*> calloc(self.n_blocks, sizeof(double))
        if self.slopes == NULL or self.losses == NULL or self.squares == NULL:
            raise MemoryError
        self.row_time = sizes.row_time(network, data)
        self.workers = []
        if network.normalised:
            self._make_parts()
            gradients = [part.gradient for part in self.workers]
        else:
            gradients = [
                aligned(np.zeros(n_params, network.dtype)) for _ in range(self.n_parts)]
        self.keep_alive = gradients
        self.gradient = gradients[0]
        self.grad = address(self.gradient)
        for p in range(self.n_parts):
            self.slopes[p] = address(gradients[p])

    cdef _make_parts(self):
        # The parts meet at each normalisation, so each needs a workspace of its own.
        cdef Workspace work
        cdef Py_ssize_t rows = (self.batch_size + self.n_parts - 1) // self.n_parts
        self.parts = <Part*> calloc(self.n_parts, sizeof(Part))
        self.met = <LayerRoom**> calloc(self.n_parts, sizeof(LayerRoom*))
        self.batches = <Batch**> calloc(self.n_parts, sizeof(Batch*))
        if self.parts == NULL or self.met == NULL or self.batches == NULL:
            raise MemoryError
        rows = max(rows, min(self.batch_size, 2 * self.usual_rows))
        for p in range(self.n_parts):
            self.workers.append(Workspace(self.network, self.data, rows))
            work = <Workspace> self.workers[p]
            self.parts[p].work, self.parts[p].rooms = <void*> work, work.rooms

    cdef Crew team(self, Py_ssize_t n_rows):
        """Threads for an epoch of so many rows, as many as are allowed now."""
        n = min(n_threads(), max(self.n_parts, self.n_blocks))
        n_updates = (n_rows + self.batch_size - 1) // self.batch_size
        if not sizes.threads_pay(self.network, self.data, n_rows, n_updates):
            n = 1
        rows = self.batch_size
        if self.n_parts > 1:
            rows = min(2 * self.usual_rows, self.batch_size)
        while len(self.workers) < n:
            self.workers.append(Workspace(self.network, self.data, rows))
        return Crew(self.workers[:n])

    cdef double time_of_update(self):
        """In nanoseconds, about."""
        return self.batch_size * self.row_time + sizes.UPDATE_TIME * self.network.n_params

    def __dealloc__(self):
        free(self.slopes)
        free(self.losses)
        free(self.squares)
        free(self.parts)
        free(self.met)
        free(self.batches)
