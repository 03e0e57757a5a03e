"""The first layer over rows of a CSR matrix, which are never made dense.

Shapes: a batch has m rows of k features; the layer has n outputs. If the inputs are
dropped out, the forward and the backward pass each compute the mask anew. It is the mask
of `Dropout`, so that dense and sparse data see the same one.
"""

from cython cimport floating
from libc.string cimport memcpy, memset

from ..products cimport add_column_sums
from .batch_norm cimport (
    batch_norm_single,
    inverse_root,
    join_moments_f32,
    join_moments_f64,
)
from .dense cimport INTERCEPTS, WEIGHTS, activate, intercepts_backward
from .dropout cimport stream_seed
from .input_scale cimport scales_backward, times_rows
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
from .sparse_rows cimport (
    Rows,
    csr_moments,
    csr_product,
    csr_row,
    csr_transposed_product,
    stays,
)
from .suffix_sums cimport sum_gradients, sum_weights

from .batch_norm import BatchNorm
from .dense import kept_shape
from .dropout import Dropout
from .input_scale import InputScale
from .layer import Layer
from .suffix_sums import SuffixSums

cdef enum:
    # the slots of the scales and of the groups of `SuffixSums`, after those of `Dense`
    SCALES = 2
    JOINED = 3
    # hyperparameters: one minus the rate of dropout, and whether a batch normalisation
    # follows
    KEEP = 0
    NORMALISED = 1
    # rooms: mean and variance that normalised the inputs, the inverse of their root;
    # the weights that act on stored values (backward: the sums of delta); the weights
    # times the scales, or summed over groups; see `activate`
    MOMENTS = 0
    INVERSE_STD = 1
    STORED = 2
    FOLDED = 3
    KEPT = 4


cdef Rows _rows(const LayerMemory* layer, const Batch* batch) noexcept nogil:
    cdef Rows rows
    rows.data = batch.csr_data
    rows.indices = batch.csr_indices
    rows.indptr = batch.csr_indptr
    rows.order = batch.order
    rows.first = batch.first
    rows.before = batch.row * layer.n_in
    rows.seed = stream_seed(batch.seed, 0)
    rows.keep = layer.h[KEEP] if batch.step >= 0 else 1
    return rows


cdef void _masked_shift(
    const Rows* rows, const floating* c, const floating* W, floating* Z,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
) noexcept nogil:
    """Z (m, n) += (mask (m, k) * c (k,)) @ W (k, n): what a shift of features adds."""
    cdef Py_ssize_t i, j, o
    cdef floating scaled
    for i in range(m):
        for j in range(k):
            if stays(rows, i * k + j):
                scaled = c[j] / rows.keep
                for o in range(n):
                    Z[i * n + o] += scaled * W[j * n + o]


cdef void _masked_delta(
    const Rows* rows, const floating* delta, floating* D,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
) noexcept nogil:
    """D (k, n) = mask (m, k).T @ delta (m, n); without dropout its rows are equal."""
    cdef Py_ssize_t i, j, o
    cdef floating scale = 1 / rows.keep
    if rows.keep == 1:
        memset(D, 0, n * sizeof(floating))
        add_column_sums(delta, D, m, n)
        for j in range(1, k):
            for o in range(n):
                D[j * n + o] = D[o]
        return
    memset(D, 0, k * n * sizeof(floating))
    for i in range(m):
        for j in range(k):
            if stays(rows, i * k + j):
                for o in range(n):
                    D[j * n + o] += scale * delta[i * n + o]


# ---------------------------------------------------------------- the layer
cdef void _repeat_first_row(floating* Z, Py_ssize_t m, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(1, m):
        memcpy(Z + i * n, Z, n * sizeof(floating))


cdef void _find_moments(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before
) noexcept nogil:
    # as for `BatchNorm`
    cdef Py_ssize_t k = layer.n_in
    cdef Rows rows = _rows(layer, batch)
    cdef floating* moments = <floating*> room.rooms[MOMENTS]
    cdef floating* scratch = <floating*> room.rooms[INVERSE_STD]
    if batch.share != NULL:
        csr_moments(
            &rows, <const floating*> batch.share, moments, moments + k, scratch,
            <floating*> room.rooms[STORED], batch.m, k)
    elif batch.step >= 0 and batch.single >= 0:
        csr_row(&rows, batch.single, scratch, k)
        batch_norm_single(<floating*> layer.statistics, scratch, batch.step, k)


cdef void _normalised_product(
    const LayerMemory* layer, LayerRoom* room, const Batch* batch, const Rows* rows,
    const floating* W, floating* Z,
) noexcept nogil:
    # Z (m, n) += X @ W, where X is normalised and dropped out. The stored values are
    # multiplied by weights that include the inverse standard deviation, and the product
    # of the shift, which all features have, is added.
    cdef Py_ssize_t m = batch.m, k = layer.n_in, n = layer.n_out, j
    cdef floating* stored = <floating*> room.rooms[STORED]
    cdef floating* moments = <floating*> room.rooms[MOMENTS]
    cdef floating* inv_std = <floating*> room.rooms[INVERSE_STD]
    if batch.share == NULL:
        memcpy(moments, layer.statistics, 2 * k * sizeof(floating))
    inverse_root(moments + k, inv_std, k)
    times_rows(<const floating*> inv_std, W, stored, k, n)
    # The variance is not needed any more, and the shift takes its place.
    for j in range(k):
        moments[k + j] = -inv_std[j] * moments[j]
    if rows.keep == 1:      # the shift is the same for all rows
        _masked_shift(rows, <const floating*> moments + k, W, Z, 1, k, n)
        _repeat_first_row(Z, m, n)
    else:
        _repeat_first_row(Z, m, n)
        _masked_shift(rows, <const floating*> moments + k, W, Z, m, k, n)
    csr_product(rows, <const floating*> stored, Z, m, k, n)


cdef const floating* _folded_weights(
    const LayerMemory* layer, LayerRoom* room, floating* tag
) noexcept nogil:
    # the weights that act on the stored values, before a normalisation of the inputs
    cdef Py_ssize_t k = layer.n_in, n = layer.n_out
    cdef const floating* W = <const floating*> layer.parameters[WEIGHTS]
    cdef floating* folded = <floating*> room.rooms[FOLDED]
    if folded == NULL:
        return W
    if layer.parameters[SCALES] == NULL:
        memcpy(folded, W, k * n * sizeof(floating))
    else:
        times_rows(<const floating*> layer.parameters[SCALES], W, folded, k, n)
    if layer.parameters[JOINED] != NULL:
        sum_weights(<const floating*> layer.parameters[JOINED], folded, k, n)
    return folded


cdef void _forward(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before
) noexcept nogil:
    cdef Py_ssize_t m = batch.m, k = layer.n_in, n = layer.n_out, o
    cdef Rows rows = _rows(layer, batch)
    cdef const floating* W = _folded_weights(layer, room, <floating*> NULL)
    cdef const floating* b = <const floating*> layer.parameters[INTERCEPTS]
    cdef floating* Z = <floating*> room.out
    for o in range(n):
        Z[o] = b[o] if b != NULL else 0
    if layer.statistics != NULL:
        _normalised_product(layer, room, batch, &rows, W, Z)
    else:
        _repeat_first_row(Z, m, n)
        csr_product(&rows, W, Z, m, k, n)
    if layer.activation != NULL:
        activate(
            layer.activation, Z, <floating*> room.rooms[KEPT], <const floating*> NULL, m,
            n)


cdef void _backward(
    const LayerMemory* layer, LayerRoom* room, Batch* batch, floating* before,
    floating* delta, floating* passed,
) noexcept nogil:
    cdef Py_ssize_t m = batch.m, k = layer.n_in, n = layer.n_out, j, o
    cdef Rows rows = _rows(layer, batch)
    cdef floating* dW = <floating*> room.gradients[WEIGHTS]
    cdef floating* D = <floating*> room.rooms[STORED]
    cdef floating* shift = <floating*> room.rooms[MOMENTS]
    cdef floating* inv_std = <floating*> room.rooms[INVERSE_STD]
    intercepts_backward(
        layer, room, batch, <const floating*> room.rooms[KEPT], delta,
        layer.h[NORMALISED] != 0)
    csr_transposed_product(&rows, <const floating*> delta, dW, m, k, n)
    if layer.statistics != NULL:
        shift += k
        _masked_delta(&rows, <const floating*> delta, D, m, k, n)
        for j in range(k):
            for o in range(n):
                dW[j * n + o] = inv_std[j] * dW[j * n + o] + shift[j] * D[j * n + o]
    if layer.parameters[JOINED] != NULL:
        sum_gradients(<const floating*> layer.parameters[JOINED], dW, k, n)
    if layer.parameters[SCALES] != NULL:
        scales_backward(
            <const floating*> layer.parameters[WEIGHTS],
            <const floating*> layer.parameters[SCALES], dW,
            <floating*> room.gradients[SCALES], k, n)


class SparseInput(Layer):
    """The first dense layer and all layers before it as one layer, for sparse rows.

    Parameters
    ----------
    dense : Dense
        The layer that has the weights.
    norm : BatchNorm or None, default=None
        The normalisation of the inputs.
    scale : InputScale or None, default=None
        The learned scales of the inputs.
    dropout : Dropout or None, default=None
        The dropout of the inputs.
    sums : SuffixSums or None, default=None
        The groups of inputs whose weights are summed. The inputs then have neither a
        normalisation nor dropout.
    """

    slots = ("W", "b", "scale", "joined")

    def __init__(self, dense, norm=None, scale=None, dropout=None, sums=None):
        super().__init__(dense.n_in, dense.n_out)
        self.dense, self.norm, self.scale, self.dropout = dense, norm, scale, dropout
        self.sums = sums
        self.normalises = norm is not None

    @classmethod
    def of(cls, layers):
        """Make one layer of the first layers of a network.

        Parameters
        ----------
        layers : list of Layer
            The last is a `Dense`.

        Returns
        -------
        layer : SparseInput
            A layer that does what all of them do.
        """
        *before, dense = layers
        parts = {type(layer): layer for layer in before}
        kinds = BatchNorm, InputScale, Dropout, SuffixSums
        return cls(dense, *map(parts.get, kinds))

    def parameters(self):
        """Describe the parameters of the parts.

        Returns
        -------
        parameters : list of Parameter
            Those of the dense layer and the scales.
        """
        scales = [] if self.scale is None else self.scale.parameters()
        return self.dense.parameters() + scales

    def constants(self):
        """Give the groups of inputs.

        Returns
        -------
        constants : dict of str to ndarray
            Those of the sums, if there are any.
        """
        return {} if self.sums is None else self.sums.constants()

    def statistics(self):
        """Say how many columns have a running mean and a running variance.

        Returns
        -------
        width : int
            The number of inputs, or 0 without a normalisation.
        """
        return 0 if self.norm is None else self.norm.statistics()

    def rooms(self, batch_size, training):
        """Describe the room of the parts.

        Parameters
        ----------
        batch_size : int
            The most rows of a batch.
        training : bool
            Whether there will be a backward pass.

        Returns
        -------
        shapes : list of tuple of int, or None
            The shape of each array, or None if it is not needed.
        """
        k, n = self.n_in, self.n_out
        moments = [None, None, None]
        if self.norm is not None:
            moments = [(2, k), (1, k), (k, n)]
        return [
            *moments,
            None if self.scale is None and self.sums is None else (k, n),
            kept_shape(self.dense.activation, batch_size, n, training),
        ]

    def kernel(self):
        """Give the compiled passes.

        Returns
        -------
        kernel : LayerKernel
            With the activation and the rate of dropout.
        """
        keep = 1.0 if self.dropout is None else 1 - self.dropout.rate
        cdef LayerKernel kernel = layer_kernel(
            <forward_f32> _forward[float], <forward_f64> _forward[double],
            <backward_f32> _backward[float], <backward_f64> _backward[double],
            (keep, self.dense.normalised), self.dense.activation)
        if self.norm is not None:
            kernel.halves = Halves(
                <forward_f32> _find_moments[float], <forward_f64> _find_moments[double],
                join_moments_f32, join_moments_f64, NULL, NULL, NULL, NULL)
        return kernel
