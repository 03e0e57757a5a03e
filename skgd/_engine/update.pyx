"""An update: one fused pass over the flat vector, or over a part of it.

The kernel of the optimizer is called once for each segment: parameters with the same
penalty and the same multiple of the rate. The signs of constrained weights, and the
averages, follow.
"""

from cython cimport floating
from libc.string cimport memcpy

from . cimport clipping
from .after_update cimport mix, project
from .._rules.optimizer cimport OptimizerKernel, Step
from .network cimport Segment, Workspace
from .single_rows cimport Plan


cdef void begin_update(
    Update* update, Workspace work, OptimizerKernel kernel, Plan* plan,
    Py_ssize_t number, Py_ssize_t m,
) noexcept nogil:
    """Describe update `number` of an epoch, after a batch of m rows."""
    cdef double scale = 1 / (m * plan.weight_mean) if plan.per_sample else 1
    update.theta, update.grad, update.slots = work.network.theta, work.grad, plan.slots
    update.n_params = work.network.n_params
    update.segments, update.n_segments = work.network.segments, work.network.n_segments
    update.f32, update.f64 = kernel.f32, kernel.f64
    update.rate = plan.rates[number]
    update.l1, update.l2 = plan.l1 * scale, plan.l2 * scale
    memcpy(update.step.h, kernel.h, sizeof(kernel.h))
    update.step.t = plan.slot_step + number + 1
    plan.l1_total += update.rate * update.l1
    update.step.l1_total = plan.l1_total
    update.signs, update.n_penalised = plan.signs, work.network.n_penalised
    update.average = plan.average
    update.share = 0 if plan.shares == NULL else plan.shares[number]


cdef void apply(
    const Update* update, Py_ssize_t first, Py_ssize_t last, floating* tag
) noexcept nogil:
    """Change the parameters from `first` to `last`, and their slots and averages."""
    cdef Step step = update.step
    cdef const Segment* segment
    cdef Py_ssize_t k, begin, end
    cdef floating* theta = <floating*> update.theta
    cdef const floating* grad = <const floating*> update.grad
    cdef floating* slots = <floating*> update.slots
    for k in range(update.n_segments):
        segment = &update.segments[k]
        begin, end = max(segment.start, first), min(segment.stop, last)
        if begin >= end:
            continue
        step.rate = segment.rate * update.rate
        step.decays = segment.penalised
        step.l1 = update.l1 if segment.penalised else 0
        step.l2 = update.l2 if segment.penalised else 0
        if floating is float:
            update.f32(
                theta + begin, grad + begin, slots + begin, update.n_params, end - begin,
                &step)
        else:
            update.f64(
                theta + begin, grad + begin, slots + begin, update.n_params, end - begin,
                &step)
    end = min(last, update.n_penalised)
    if update.signs != NULL and first < end:
        project(theta + first, update.signs + first, end - first)
    if update.share != 0:
        mix(
            <floating*> update.average + first, <const floating*> theta + first,
            last - first, <floating> update.share)


cdef void clip(Workspace work, double limit, floating* tag) noexcept nogil:
    """If the norm of the whole gradient is above `limit`, scale it down to the limit."""
    cdef floating* grad = <floating*> work.grad
    cdef Py_ssize_t n = work.network.n_params
    work.clip_factor = clipping.clip_factor(clipping.norm(grad, n), limit)
    if work.clip_factor != 1:
        clipping.scale(grad, n, work.clip_factor)
