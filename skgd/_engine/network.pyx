"""A network over one flat parameter vector: forward and backward pass of a batch.

`Network` holds the parameters and the layers, `Workspace` the room that a batch needs.
Several workspaces can serve one network.
"""

from cython cimport floating
from libc.stdlib cimport calloc, free

import numpy as np
from scipy import sparse as sp

from .._rules.loss cimport loss_and_delta
from .layers.layer cimport MOST_ROOMS, MOST_SLOTS, Halves, LayerKernel
from .memory cimport address

from .distributed_rows import DistributedRows
from .memory import aligned


cdef class Data:
    """Samples as the compiled code reads them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features) or CSR with int32 indices
        Features, C-ordered, float32 or float64; or `DistributedRows`.
    Y : ndarray of shape (n_samples, n_targets), default=None
        Encoded targets of the same dtype.
    weights : ndarray of shape (n_samples,), default=None
        Sample weights of the same dtype.
    units : tuple of two ndarray of shape (n_features,), default=None
        What is subtracted from dense features, and what divides them, as they are
        loaded.
    """

    def __init__(self, X, Y=None, weights=None, units=None):
        if units is not None and sp.issparse(X):
            raise ValueError("Sparse features have no units: they are not changed.")
        self.X, self.Y, self.weights, self.units = X, Y, weights, units
        self.n_samples, self.n_features = X.shape
        self.n_targets = 0 if Y is None else Y.shape[1]
        if sp.issparse(X):
            self.csr_data = address(X.data)
            self.csr_indices = <const int*> address(X.indices)
            self.csr_indptr = <const int*> address(X.indptr)
        elif not isinstance(X, DistributedRows):
            self.x = address(X)
        self.y, self.w = address(Y), address(weights)
        if units is not None:
            self.mean, self.scale = address(units[0]), address(units[1])


# ---------------------------------------------------------------- passes
cdef void weigh(Workspace work, Batch* batch, floating* tag) noexcept nogil:
    """Find the weights of a part of a batch, and the share of each row in them."""
    cdef const floating* w = <const floating*> batch.weights
    cdef floating* share = <floating*> work.batch_share
    cdef Py_ssize_t i
    cdef double total = 0
    batch.single, batch.n_positive = -1, 0
    for i in range(batch.m):
        share[i] = 1 if w == NULL else w[i]
        total += share[i]
        if share[i] > 0:
            batch.n_positive += 1
            batch.single = i
    batch.total = total
    batch.share = share
    for i in range(batch.m if total > 0 else 0):
        share[i] = <floating> (share[i] / total)


cdef void join_weights(Batch** batches, Py_ssize_t n_parts) noexcept nogil:
    """Compare the weights of all parts of a batch.

    If a single row has a weight, there is no share, and this row is `single`.
    """
    cdef double total = 0
    cdef Py_ssize_t p, n_positive = 0
    for p in range(n_parts):
        total += batches[p].total
        n_positive += batches[p].n_positive
    for p in range(n_parts):
        batches[p].fraction = batches[p].total / total
        batches[p].total = total
        if n_positive <= 1:
            batches[p].share = NULL


cdef bint _forward(
    Workspace work, Batch* batch, Course* course, floating* tag
) noexcept nogil:
    # Go on through the layers, until all parts of the batch have to meet.
    cdef LayerMemory* layers = work.network.layers
    cdef LayerPasses* passes = work.network.passes
    cdef Py_ssize_t l
    cdef floating* before
    for l in range(course.layer, work.network.n_layers):
        before = <floating*> (batch.x if l == 0 else work.rooms[l - 1].out)
        if passes[l].halves.f32 != NULL and not course.met:
            if floating is float:
                passes[l].halves.f32(&layers[l], &work.rooms[l], batch, before)
            else:
                passes[l].halves.f64(&layers[l], &work.rooms[l], batch, before)
            course.layer, course.met = l, True
            return True
        course.met = False
        if floating is float:
            passes[l].f32(&layers[l], &work.rooms[l], batch, before)
        else:
            passes[l].f64(&layers[l], &work.rooms[l], batch, before)
    course.layer = work.network.n_layers - 1
    course.backward, course.flip = True, 0
    course.delta = work.rooms[course.layer].out
    return False


cdef bint _backward(
    Workspace work, Batch* batch, Course* course, floating* tag
) noexcept nogil:
    # The same from the derivatives in the outputs of the last layer to the gradient
    # vector. The layers before the first one that learns have nothing to do.
    cdef LayerMemory* layers = work.network.layers
    cdef LayerPasses* passes = work.network.passes
    cdef Py_ssize_t l, end = work.network.first_learned
    cdef floating* delta
    cdef floating* before
    cdef floating* passed
    while course.layer >= end:
        l, delta = course.layer, <floating*> course.delta
        before = <floating*> (batch.x if l == 0 else work.rooms[l - 1].out)
        if passes[l].halves.back_f32 != NULL and not course.met:
            if floating is float:
                passes[l].halves.back_f32(
                    &layers[l], &work.rooms[l], batch, before, delta, NULL)
            else:
                passes[l].halves.back_f64(
                    &layers[l], &work.rooms[l], batch, before, delta, NULL)
            course.met = True
            return True
        course.met = False
        if l == end:
            passed = NULL
        elif passes[l].passes_in_place:
            passed = delta
        else:
            passed = <floating*> work.delta[course.flip]
            course.flip = 1 - course.flip
        if floating is float:
            passes[l].back_f32(
                &layers[l], &work.rooms[l], batch, before, delta, passed)
        else:
            passes[l].back_f64(
                &layers[l], &work.rooms[l], batch, before, delta, passed)
        course.delta = passed
        course.layer -= 1
    return False


cdef double _loss(
    Workspace work, Batch* batch, double weight_mean, double* reported, floating* tag
) noexcept nogil:
    # the weighted sum of losses, whose derivatives take the place of the last outputs
    cdef Py_ssize_t last = work.network.n_layers - 1
    return loss_and_delta(
        work.network.loss, <const floating*> batch.y, <floating*> work.rooms[last].out,
        <const floating*> batch.weights, batch.m, work.network.layers[last].n_out,
        1 / (batch.whole * weight_mean), reported)


cdef bint go_on(
    Workspace work, Batch* batch, Course* course, double weight_mean, bint backward,
    floating* tag,
) noexcept nogil:
    """Go on with a part of a batch: True if all parts have to meet, False at the end.

    The weighted sum of losses is then in the course, and the gradient in work.grad.
    """
    if not course.backward:
        if _forward(work, batch, course, tag):
            return True
        course.loss = _loss(work, batch, weight_mean, &course.reported, tag)
    return backward and _backward(work, batch, course, tag)


cdef void meet(
    Network net, const Course* course, LayerRoom** rooms, Batch** batches,
    Py_ssize_t n_parts,
) noexcept nogil:
    """Join what the parts have found; `rooms` are those of the layer of the course."""
    cdef Halves* halves = &net.passes[course.layer].halves
    cdef LayerMemory* layer = &net.layers[course.layer]
    if course.backward:
        (halves.join_back_f32 if net.f32 else halves.join_back_f64)(
            layer, rooms, batches, n_parts)
    else:
        (halves.join_f32 if net.f32 else halves.join_f64)(layer, rooms, batches, n_parts)


cdef void _meet_alone(Workspace work, Batch* batch, Course* course) noexcept nogil:
    cdef LayerRoom* room = &work.rooms[course.layer]
    meet(work.network, course, &room, &batch, 1)


cdef double _forward_loss(
    Workspace work, Batch* batch, Course* course, double weight_mean, double* reported,
    floating* tag,
) noexcept nogil:
    set_out(course)
    if work.network.normalised:
        weigh(work, batch, tag)
        join_weights(&batch, 1)
    while _forward(work, batch, course, tag):
        _meet_alone(work, batch, course)
    return _loss(work, batch, weight_mean, reported, tag)


cdef double forward_loss(
    Workspace work, Batch* batch, double weight_mean, double* reported, floating* tag
) noexcept nogil:
    """The weighted sum of losses of a batch in training, and its derivatives.

    They are in the outputs of the last layer. The sum in the units of the user is added
    to `reported`, unless training is in these units.
    """
    cdef Course course
    return _forward_loss(work, batch, &course, weight_mean, reported, tag)


cdef double gradient(
    Workspace work, Batch* batch, double weight_mean, double* reported, floating* tag
) noexcept nogil:
    """As `forward_loss`; and the gradient of the mean of the losses in work.grad."""
    cdef Course course
    cdef double loss = _forward_loss(work, batch, &course, weight_mean, reported, tag)
    while _backward(work, batch, &course, tag):
        _meet_alone(work, batch, &course)
    return loss


cdef void aim(Workspace work, void* gradient) noexcept nogil:
    """Let the backward passes write their gradient to another vector."""
    cdef Py_ssize_t l, slot, shift = <char*> gradient - <char*> work.target
    for l in range(work.network.n_layers):
        for slot in range(MOST_SLOTS):
            if work.rooms[l].gradients[slot] != NULL:
                work.rooms[l].gradients[slot] = (
                    <char*> work.rooms[l].gradients[slot] + shift)
    work.target = gradient


cdef void predict(Workspace work, Batch* batch, floating* tag) noexcept nogil:
    """Raw predictions of a batch, with the running statistics, in the last outputs."""
    cdef Course course
    batch.step = -1
    batch.share = NULL
    batch.single = -1
    set_out(&course)
    while _forward(work, batch, &course, tag):
        _meet_alone(work, batch, &course)


# ---------------------------------------------------------------- network and room
cdef class Network:
    """The layers of a network, bound to its parameters.

    Parameters
    ----------
    architecture : Architecture
        What it is made of.
    theta : ndarray of shape (n_params,), float32 or float64
        The parameters; training changes them in place.
    running : ndarray of shape (2 * sum(normalised_sizes),)
        The running statistics; training changes them in place.
    sparse : bool, default=False
        Whether the inputs are rows of a CSR matrix.
    """

    def __init__(self, architecture, theta, running, sparse=False):
        self.architecture, self.dtype = architecture, theta.dtype
        self.f32, self.sparse = theta.dtype == np.float32, sparse
        self.kinds = architecture.layers(sparse)
        self.kernels = [kind.kernel() for kind in self.kinds]
        self.single = len(architecture.layers()) == 1
        self.normalised = any([kind.normalises for kind in self.kinds])
        self.n_layers = len(self.kinds)
        learned = [l for l, kind in enumerate(self.kinds) if kind.parameters()]
        self.first_learned = learned[0]
        self.n_params = architecture.n_params
        self.n_penalised = architecture.n_penalised
        self.n_outputs = architecture.n_outputs
        self.loss = architecture.loss._kernel(architecture.softmax)
        self.can_be_sharded = not self.loss.by_python
        if architecture.target_scale:
            rule = architecture.loss
            scale = np.array(architecture.target_scale)
            self.loss.set_units(scale, rule._unit(scale), rule.link == "exp")
        self._bind(theta, running)

    cdef _bind(self, theta, running):
        cdef LayerMemory* layer
        cdef LayerKernel kernel
        segments = self.architecture.segments
        self.n_segments = len(segments)
        self.layers = <LayerMemory*> calloc(self.n_layers, sizeof(LayerMemory))
        self.passes = <LayerPasses*> calloc(self.n_layers, sizeof(LayerPasses))
        self.segments = <Segment*> calloc(self.n_segments, sizeof(Segment))
        if self.layers == NULL or self.passes == NULL or self.segments == NULL:
            raise MemoryError
        for i, (start, stop, penalised, rate) in enumerate(segments):
            self.segments[i] = Segment(start, stop, penalised, rate)
        self.keep_alive = [theta, running]
        self.theta = address(theta)
        if max(len(kind.slots) for kind in self.kinds) > MOST_SLOTS:
            raise ValueError("A layer has more slots than MOST_SLOTS in layer.pxd.")
        values = self.architecture.views(theta)
        statistics = self.architecture.running_views(running)
        for l, kind in enumerate(self.kinds):
            layer, kernel = &self.layers[l], self.kernels[l]
            layer.n_in, layer.n_out = kind.n_in, kind.n_out
            layer.activation, layer.h = kernel.activation, kernel.h
            self.passes[l] = LayerPasses(
                kernel.f32, kernel.f64, kernel.back_f32, kernel.back_f64, kernel.halves,
                kind.passes_in_place)
            for parameter in kind.parameters():
                slot = kind.slots.index(parameter.name)
                layer.parameters[slot] = address(values[parameter.name].pop(0))
            for name, value in kind.constants().items():
                if np.isscalar(value):
                    value = np.full(kind.n_out, value)
                constant = value.astype(self.dtype)
                self.keep_alive.append(constant)
                layer.parameters[kind.slots.index(name)] = address(constant)
            if kind.statistics():
                layer.statistics = address(statistics.pop(0))

    def __dealloc__(self):
        free(self.layers)
        free(self.passes)
        free(self.segments)


cdef class Workspace:
    """Room for a batch: outputs of the layers, derivatives, and a gradient.

    Parameters
    ----------
    network : Network
        Whose passes these are.
    data : Data
        The samples, of the dtype of the network.
    batch_size : int
        The most rows at a time.
    training : bool, default=True
        Whether to make room for a gradient.
    """

    def __init__(self, network, data, batch_size, training=True):
        cdef LayerRoom* room
        self.network, self.data, self.batch_size = network, data, batch_size
        self._check_data(training)
        self.clip_factor = 1
        self.keep_alive = []
        self.rooms = <LayerRoom*> calloc(self.network.n_layers, sizeof(LayerRoom))
        if self.rooms == NULL:
            raise MemoryError
        slopes = None
        if training:
            self.gradient = aligned(np.zeros(self.network.n_params, self.network.dtype))
            self.grad = self.target = address(self.gradient)
            slopes = self.network.architecture.views(self.gradient)
        widest, n_passed = 0, 0
        for l, kind in enumerate(self.network.kinds):
            room = &self.rooms[l]
            if kind.in_place:
                room.out = self.rooms[l - 1].out
            else:
                room.out = self._room((batch_size, kind.n_out))
            shapes = kind.rooms(batch_size, training)
            if len(shapes) > MOST_ROOMS:
                raise ValueError("A layer has more rooms than MOST_ROOMS in layer.pxd.")
            for i, shape in enumerate(shapes):
                room.rooms[i] = NULL if shape is None else self._room(shape)
            for parameter in kind.parameters() if training else ():
                slot = kind.slots.index(parameter.name)
                room.gradients[slot] = address(slopes[parameter.name].pop(0))
            if l > self.network.first_learned and not kind.passes_in_place:
                widest, n_passed = max(widest, kind.n_in), n_passed + 1
        sizes = self.network.architecture.sizes
        scattered = training and self.data.n_samples > self.batch_size > 1
        if not self.network.sparse and (scattered or self.data.units is not None):
            self.batch_x = self._room((batch_size, sizes[0]))
        if not training:
            return
        for flip in range(min(n_passed, 2)):
            self.delta[flip] = self._room((batch_size, widest))
        if scattered:
            self.batch_y = self._room((batch_size, self.data.n_targets))
            self.batch_w = self._room((batch_size, 1))
        self.batch_share = self._room((batch_size, 1))

    def _check_data(self, training):
        # The passes read memory by these numbers.
        architecture = self.network.architecture
        if self.network.sparse != sp.issparse(self.data.X):
            raise ValueError("The network is for sparse data, or the data are, not both.")
        for array in (self.data.X, self.data.Y, self.data.weights):
            if array is not None and array.dtype != self.network.dtype:
                raise ValueError(
                    f"The network is {self.network.dtype}, the data {array.dtype}.")
        if self.data.n_features != architecture.sizes[0]:
            raise ValueError(
                f"The network has {architecture.sizes[0]} features, the data have "
                f"{self.data.n_features}.")
        if training and self.data.n_targets != architecture.n_targets:
            raise ValueError(
                f"The network has {architecture.n_targets} targets, the data have "
                f"{self.data.n_targets}.")

    cdef void* _room(self, shape) except? NULL:
        rows, columns = shape
        array = np.empty((max(rows, 1), max(columns, 1)), self.network.dtype)
        self.keep_alive.append(array)
        return address(array)

    def __dealloc__(self):
        free(self.rooms)
