"""Batch normalisation of the columns of a batch (Ioffe and Szegedy, 2015).

Shapes: a batch has m rows of n columns.
"""

from cython cimport floating
from libc.string cimport memcpy, memset

from ..._rules.vector cimport leaf, root
from .dense cimport activate, activate_back
from .layer cimport (
    Batch,
    Halves,
    LayerKernel,
    LayerMemory,
    LayerRoom,
    backward_f32,
    backward_f64,
    forward_f32,
    forward_f64,
    layer_kernel,
)

from .dense import kept_shape
from .layer import Layer, Parameter

cdef enum:
    # slots of the parameters
    GAMMA = 0
    BETA = 1
    # rooms: mean and variance that normalised, the inverse of their root, see `activate`
    MOMENTS = 0
    INVERSE_STD = 1
    KEPT = 2

# added to the variance, as in PyTorch
cdef double EPSILON = 1e-5
BATCH_NORM_EPSILON = EPSILON


cdef void batch_norm_single(
    floating* running, const floating* x, double step, Py_ssize_t n
) noexcept nogil:
    """Move the running statistics (2, n) towards one sample, exponentially weighted.

    One sample says little, so the window is long: it opens at PyTorch's
    momentum of 0.1 and grows with the number of updates, up to 1000 samples.
    """
    cdef floating momentum = 1 / (step + 10) if step < 990 else 0.001
    cdef floating d
    cdef Py_ssize_t o
    for o in range(n):
        d = x[o] - running[o]
        running[o] += momentum * d
        running[n + o] = (1 - momentum) * (running[n + o] + momentum * d * d)


cdef leaf _batch_moments(
    const floating* x, const floating* share, floating* mean, floating* variance,
    Py_ssize_t m, Py_ssize_t n,
) noexcept nogil:
    # mean and biased variance per column in two passes; share (m,) adds up to 1
    cdef Py_ssize_t i, o, even = m - m % 2
    cdef floating p, q, d, e
    for o in range(n):
        mean[o] = 0
        variance[o] = 0
    # two rows at a time, as in _add_column_sums
    for i in range(0, m - 1, 2):
        p, q = share[i], share[i + 1]
        for o in range(n):
            mean[o] += p * x[i * n + o] + q * x[(i + 1) * n + o]
    for i in range(even, m):
        for o in range(n):
            mean[o] += share[i] * x[i * n + o]
    for i in range(0, m - 1, 2):
        p, q = share[i], share[i + 1]
        for o in range(n):
            d = x[i * n + o] - mean[o]
            e = x[(i + 1) * n + o] - mean[o]
            variance[o] += p * d * d + q * e * e
    for i in range(even, m):
        for o in range(n):
            d = x[i * n + o] - mean[o]
            variance[o] += share[i] * d * d


cdef leaf _normalise(
    floating* xhat, floating* A, const floating* mean, const floating* inv_std,
    const floating* gamma, const floating* beta, Py_ssize_t m, Py_ssize_t n,
) noexcept nogil:
    cdef Py_ssize_t i, o
    cdef floating h
    for i in range(m):
        for o in range(n):
            h = (xhat[i * n + o] - mean[o]) * inv_std[o]
            xhat[i * n + o] = h
            A[i * n + o] = gamma[o] * h + beta[o]


cdef void inverse_root(
    const floating* variance, floating* inv_std, Py_ssize_t n
) noexcept nogil:
    """inv_std = 1 / sqrt(variance + epsilon)."""
    cdef Py_ssize_t o
    cdef floating epsilon = EPSILON
    for o in range(n):
        inv_std[o] = 1 / root(variance[o] + epsilon)


cdef void _batch_norm_running(
    floating* mean, floating* variance, const floating* batch_mean,
    const floating* batch_variance, double total, Py_ssize_t n,
) noexcept nogil:
    """Move the running statistics towards those of a batch, as PyTorch does."""
    # Weights count repeated rows; where they are too small for counts, the
    # biased variance is the best there is.
    cdef floating unbiased = total / (total - 1) if total >= 2 else 1
    cdef floating momentum = 0.1
    cdef Py_ssize_t o
    for o in range(n):
        mean[o] += momentum * (batch_mean[o] - mean[o])
        variance[o] += momentum * (unbiased * batch_variance[o] - variance[o])


cdef leaf _batch_norm_delta(
    const floating* xhat, floating* delta, const floating* inv_std,
    const floating* gamma, const floating* dgamma, const floating* dbeta,
    const floating* share, floating fraction, Py_ssize_t m, Py_ssize_t n,
) noexcept nogil:
    cdef Py_ssize_t i, o
    cdef floating p
    for i in range(m):
        p = fraction * share[i]
        for o in range(n):
            delta[i * n + o] = gamma[o] * inv_std[o] * (
                delta[i * n + o] - p * (dbeta[o] + xhat[i * n + o] * dgamma[o]))


cdef leaf _batch_norm_parameters(
    const floating* xhat, const floating* delta, floating* dgamma, floating* dbeta,
    Py_ssize_t m, Py_ssize_t n,
) noexcept nogil:
    cdef Py_ssize_t i, o
    for o in range(n):
        dgamma[o] = 0
        dbeta[o] = 0
    for i in range(0, m - 1, 2):    # two rows at a time, as in _add_column_sums
        for o in range(n):
            dgamma[o] += delta[i * n + o] * xhat[i * n + o] + (
                delta[(i + 1) * n + o] * xhat[(i + 1) * n + o])
            dbeta[o] += delta[i * n + o] + delta[(i + 1) * n + o]
    for i in range(m - m % 2, m):
        for o in range(n):
            dgamma[o] += delta[i * n + o] * xhat[i * n + o]
            dbeta[o] += delta[i * n + o]


# ---------------------------------------------------------------- the layer
cdef void _join_moments(
    const LayerMemory* layer, LayerRoom** rooms, Batch** batches, Py_ssize_t n_parts,
    floating* tag,
) noexcept nogil:
    # Give each part the mean and the variance of the whole batch, from its own ones. The
    # variance is that within the parts and that between their means.
    cdef Py_ssize_t p, o, n = layer.n_in
    cdef floating* whole = <floating*> rooms[0].rooms[MOMENTS]
    cdef floating* running = <floating*> layer.statistics
    cdef const floating* part
    cdef floating mean, variance, fraction
    if batches[0].share == NULL:
        return
    for o in range(n if n_parts > 1 else 0):
        mean = variance = 0
        for p in range(n_parts):
            part = <const floating*> rooms[p].rooms[MOMENTS]
            mean += <floating> batches[p].fraction * part[o]
        for p in range(n_parts):
            part = <const floating*> rooms[p].rooms[MOMENTS]
            fraction = batches[p].fraction
            variance += fraction * (
                part[n + o] + (part[o] - mean) * (part[o] - mean))
        whole[o], whole[n + o] = mean, variance
    for p in range(1, n_parts):
        memcpy(rooms[p].rooms[MOMENTS], whole, 2 * n * sizeof(floating))
    if batches[0].step >= 0:
        _batch_norm_running(
            running, running + n, whole, whole + n, batches[0].total, n)


cdef void join_moments_f32(
    const LayerMemory* layer, LayerRoom** rooms, Batch** batches, Py_ssize_t n_parts
) noexcept nogil:
    """Join the moments of all parts; the running statistics move towards them."""
    _join_moments(layer, rooms, batches, n_parts, <float*> NULL)


cdef void join_moments_f64(
    const LayerMemory* layer, LayerRoom** rooms, Batch** batches, Py_ssize_t n_parts
) noexcept nogil:
    """The same for float64."""
    _join_moments(layer, rooms, batches, n_parts, <double*> NULL)


cdef void _find_moments(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before
) noexcept nogil:
    # Where there is no share, the running statistics normalise, and learn from the row
    # `single` alone (-1: from none).
    cdef Py_ssize_t n = layer.n_out
    cdef floating* moments = <floating*> room.rooms[MOMENTS]
    if batch.share != NULL:
        _batch_moments(
            before, <const floating*> batch.share, moments, moments + n, batch.m, n)
    elif batch.step >= 0 and batch.single >= 0:
        # The sample comes in before it is normalised: no value then lies further
        # out than 1 / sqrt(momentum), however odd.
        batch_norm_single(
            <floating*> layer.statistics, before + batch.single * n, batch.step, n)


cdef void _forward(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before
) noexcept nogil:
    # `before` is normalised in place.
    cdef Py_ssize_t m = batch.m, n = layer.n_out
    cdef floating* A = <floating*> room.out
    cdef floating* moments = <floating*> room.rooms[MOMENTS]
    cdef floating* inv_std = <floating*> room.rooms[INVERSE_STD]
    if batch.share == NULL:
        memcpy(moments, layer.statistics, 2 * n * sizeof(floating))
    inverse_root(moments + n, inv_std, n)
    _normalise(
        before, A, moments, inv_std, <const floating*> layer.parameters[GAMMA],
        <const floating*> layer.parameters[BETA], m, n)
    if layer.activation != NULL:
        activate(
            layer.activation, A, <floating*> room.rooms[KEPT], <const floating*> NULL, m,
            n)


cdef void _find_sums(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before,
    floating* delta, floating* passed,
) noexcept nogil:
    cdef Py_ssize_t m = batch.m, n = layer.n_out
    if layer.activation != NULL:
        activate_back(
            layer.activation, <const floating*> room.out,
            <const floating*> room.rooms[KEPT], delta, <floating*> NULL, m, n)
    _batch_norm_parameters(
        before, delta, <floating*> room.gradients[GAMMA],
        <floating*> room.gradients[BETA], m, n)


cdef void _join_sums(
    const LayerMemory* layer, LayerRoom** rooms, Batch** batches, Py_ssize_t n_parts,
    floating* tag,
) noexcept nogil:
    # The gradients of all parts take the place of the moments.
    cdef Py_ssize_t p, o, n = layer.n_out
    cdef floating* whole = <floating*> rooms[0].rooms[MOMENTS]
    cdef const floating* dgamma
    cdef const floating* dbeta
    memset(whole, 0, 2 * n * sizeof(floating))
    for p in range(n_parts):
        dgamma = <const floating*> rooms[p].gradients[GAMMA]
        dbeta = <const floating*> rooms[p].gradients[BETA]
        for o in range(n):
            whole[o] += dgamma[o]
            whole[n + o] += dbeta[o]
    for p in range(1, n_parts):
        memcpy(rooms[p].rooms[MOMENTS], whole, 2 * n * sizeof(floating))


cdef void _join_sums_f32(
    const LayerMemory* layer, LayerRoom** rooms, Batch** batches, Py_ssize_t n_parts
) noexcept nogil:
    _join_sums(layer, rooms, batches, n_parts, <float*> NULL)


cdef void _join_sums_f64(
    const LayerMemory* layer, LayerRoom** rooms, Batch** batches, Py_ssize_t n_parts
) noexcept nogil:
    _join_sums(layer, rooms, batches, n_parts, <double*> NULL)


cdef void _backward(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before,
    floating* delta, floating* passed,
) noexcept nogil:
    # Exact through mean and variance, which are constants where there is no share.
    cdef Py_ssize_t i, o, m = batch.m, n = layer.n_out
    cdef const floating* inv_std = <const floating*> room.rooms[INVERSE_STD]
    cdef const floating* gamma = <const floating*> layer.parameters[GAMMA]
    cdef const floating* sums = <const floating*> room.rooms[MOMENTS]
    if batch.share != NULL:
        _batch_norm_delta(
            before, delta, inv_std, gamma, sums, sums + n, <const floating*> batch.share,
            batch.fraction, m, n)
        return
    for i in range(m):
        for o in range(n):
            delta[i * n + o] *= gamma[o] * inv_std[o]


class BatchNorm(Layer):
    """Batch normalisation with learned scale and shift, and an activation.

    In training the mean and the biased variance of the batch normalise. Running
    averages of both take over at prediction, and for a batch of one row. The layer
    overwrites its inputs.

    Parameters
    ----------
    width : int
        The number of columns.
    activation : Activation or None, default=None
        What is applied to the outputs.
    learned : bool, default=True
        Whether scale and shift are learned. The inputs of a network need none, since
        the weights and the intercepts behind them scale and shift already; such a layer
        passes no derivatives on.
    """

    slots = ("gamma", "beta")
    passes_in_place = True
    normalises = True

    def __init__(self, width, activation=None, *, learned=True):
        super().__init__(width, width)
        self.activation, self.learned = activation, learned

    def parameters(self):
        """Describe the scale and the shift.

        Returns
        -------
        parameters : list of Parameter
            None of them for a layer that learns nothing.
        """
        if not self.learned:
            return []
        shape = (self.n_out,)
        return [Parameter("gamma", shape, initial=1.0), Parameter("beta", shape)]

    def constants(self):
        """Give the values of the slots that are not learned.

        Returns
        -------
        constants : dict of str to float
            Of a layer that learns nothing.
        """
        return {} if self.learned else {"gamma": 1.0, "beta": 0.0}

    def statistics(self):
        """Say how many columns have a running mean and a running variance.

        Returns
        -------
        width : int
            All.
        """
        return self.n_out

    def rooms(self, batch_size, training):
        """Describe the room for moments and for the inputs of the activation.

        Parameters
        ----------
        batch_size : int
            The most rows of a batch.
        training : bool
            Whether there will be a backward pass.

        Returns
        -------
        shapes : list of tuple of int, or None
            Of each array.
        """
        n = self.n_out
        return [(2, n), (1, n), kept_shape(self.activation, batch_size, n, training)]

    def kernel(self):
        """Give the compiled passes.

        Returns
        -------
        kernel : LayerKernel
            With the activation.
        """
        cdef LayerKernel kernel = layer_kernel(
            <forward_f32> _forward[float], <forward_f64> _forward[double],
            <backward_f32> _backward[float], <backward_f64> _backward[double],
            (), self.activation)
        kernel.halves = Halves(
            <forward_f32> _find_moments[float], <forward_f64> _find_moments[double],
            join_moments_f32, join_moments_f64,
            <backward_f32> _find_sums[float], <backward_f64> _find_sums[double],
            _join_sums_f32, _join_sums_f64)
        return kernel
