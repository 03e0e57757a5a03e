"""A network over one flat parameter vector: forward and backward pass of a batch.

`Network` holds pointers into the flat vectors and the room that a batch needs.
"""

from cython cimport floating
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

import numpy as np
from scipy import sparse as sp

from .memory import aligned

from .._rules.loss cimport loss_and_delta
from .layers cimport (
    add_column_sums,
    add_to_rows,
    batch_norm_backward,
    batch_norm_forward,
    batch_norm_running,
    batch_norm_single,
    dense_backward_input,
    dense_backward_weights,
    dense_forward,
    dropout,
    dropout_backward,
    inverse_root,
    random_bits,
)
from .memory cimport address
from .sparse cimport (
    Rows,
    csr_moments,
    csr_product,
    csr_row,
    csr_transposed_product,
    masked_delta,
    masked_shift,
)

cdef class Data:
    """Samples as the compiled code reads them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features) or CSR with int32 indices
        Features, C-ordered, float32 or float64.
    Y : ndarray of shape (n_samples, n_targets), default=None
        Encoded targets of the same dtype.
    weights : ndarray of shape (n_samples,), default=None
        Sample weights of the same dtype.
    units : tuple of two ndarray of shape (n_features,), default=None
        What is taken off dense features, and what divides them, as they are loaded.
    """

    def __init__(self, X, Y=None, weights=None, units=None):
        self.X, self.Y, self.weights, self.units = X, Y, weights, units
        self.n_samples, self.n_features = X.shape
        self.n_targets = 0 if Y is None else Y.shape[1]
        if sp.issparse(X):
            self.csr_data = address(X.data)
            self.csr_indices = <const int*> address(X.indices)
            self.csr_indptr = <const int*> address(X.indptr)
        else:
            self.x = address(X)
        if Y is not None:
            self.y = address(Y)
        if weights is not None:
            self.w = address(weights)
        if units is not None:
            self.mean, self.scale = address(units[0]), address(units[1])


# ---------------------------------------------------------------- forward
cdef void _weigh(Network net, Batch* batch, floating* tag) noexcept nogil:
    # the share of each row in the batch statistics; NULL for a single row
    cdef const floating* w = <const floating*> batch.weights
    cdef floating* share = <floating*> net.batch_share
    cdef Py_ssize_t i, positive = 0
    cdef double total = 0
    batch.single = -1
    for i in range(batch.m):
        share[i] = 1 if w == NULL else w[i]
        total += share[i]
        if share[i] > 0:
            positive += 1
            batch.single = i
    batch.total = total
    batch.share = share if positive > 1 else NULL
    for i in range(batch.m):
        share[i] = <floating> (share[i] / total)


cdef inline uint64_t _layer_seed(uint64_t seed, Py_ssize_t layer) noexcept nogil:
    # Far apart: within a layer the seed is offset by the position of an element.
    cdef uint64_t high = random_bits(seed, 2 * layer)
    return (high << 32) | random_bits(seed, 2 * layer + 1)


cdef Rows _rows(Network net, Batch* batch) noexcept nogil:
    cdef Rows rows
    rows.data = net.data.csr_data
    rows.indices = net.data.csr_indices
    rows.indptr = net.data.csr_indptr
    rows.order = batch.order
    rows.first = batch.first
    rows.seed = _layer_seed(batch.seed, 0)
    rows.keep = net.layers[0].keep if net.layers[0].W == NULL and batch.step >= 0 else 1
    return rows


cdef void _repeat_first_row(floating* Z, Py_ssize_t m, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(1, m):
        memcpy(Z + i * n, Z, n * sizeof(floating))


cdef void _sparse_input_forward(
    Network net, Batch* batch, Layer* layer, floating* Z
) noexcept nogil:
    # Z = X W + b, with the features normalised and dropped out on the way:
    # scaled weights for what is stored, a shift for all features.
    cdef Layer* inputs = net.layers
    cdef Py_ssize_t k = layer.n_in, n = layer.n_out, j, o
    cdef Rows rows = _rows(net, batch)
    cdef const floating* W = <const floating*> layer.W
    cdef const floating* b = <const floating*> layer.b
    cdef floating* scaled = <floating*> net.sparse_scaled
    cdef floating* moments = <floating*> inputs.moments
    cdef floating* inv_std = <floating*> inputs.inv_std
    cdef floating* running = <floating*> inputs.running
    for o in range(n):
        Z[o] = b[o] if b != NULL else 0
    if inputs.W != NULL or inputs.gamma == NULL:
        _repeat_first_row(Z, batch.m, n)
        csr_product(&rows, W, Z, batch.m, k, n)
        return
    if batch.share != NULL:
        csr_moments(
            &rows, <const floating*> batch.share, moments, moments + k, inv_std, scaled,
            batch.m, k)
        if batch.step >= 0:
            batch_norm_running(
                running, running + k, moments, moments + k, batch.total, k)
    else:
        if batch.step >= 0 and batch.single >= 0:
            csr_row(&rows, batch.single, inv_std, k)
            batch_norm_single(running, inv_std, batch.step, k)
        memcpy(moments, running, 2 * k * sizeof(floating))
    inverse_root(moments + k, inv_std, k)
    for j in range(k):
        for o in range(n):
            scaled[j * n + o] = inv_std[j] * W[j * n + o]
    # the variance has done its part: its place holds the shift
    for j in range(k):
        moments[k + j] = -inv_std[j] * moments[j]
    if rows.keep == 1:      # the shift is the same for all rows
        masked_shift(&rows, moments + k, W, Z, 1, k, n)
        _repeat_first_row(Z, batch.m, n)
    else:
        _repeat_first_row(Z, batch.m, n)
        masked_shift(&rows, moments + k, W, Z, batch.m, k, n)
    csr_product(&rows, scaled, Z, batch.m, k, n)


cdef inline Py_ssize_t _size_in_cache(Py_ssize_t n, floating* tag) noexcept nogil:
    # The size of the rows of n that stay in the first cache from one pass to the next
    # (1.03 times as fast for 20, 100 and 10 units): a multiple of the four rows that are
    # summed at a time.
    return 4 * n * max(4096 // (n * <Py_ssize_t> sizeof(floating)), 1)


cdef void _activate(
    ActivationKernel activation, Layer* layer, const floating* b, Py_ssize_t m
) noexcept nogil:
    # A (m, n) = f(A + b); b may be NULL
    cdef Py_ssize_t size, n = layer.n_out, left = m * n
    cdef Py_ssize_t most = _size_in_cache(n, <floating*> NULL)
    cdef floating* A = <floating*> layer.A
    cdef floating* kept = <floating*> layer.kept
    while left > 0:
        size = min(most, left)
        if b != NULL:
            add_to_rows(b, A, size // n, n)
        if kept != NULL:
            memcpy(kept, A, size * sizeof(floating))
            kept += size
        if floating is float:
            activation.f32(A, size, activation.h)
        else:
            activation.f64(A, size, activation.h)
        A, left = A + size, left - size


cdef void _activate_back(
    ActivationKernel activation, Layer* layer, floating* delta, floating* db, Py_ssize_t m
) noexcept nogil:
    # delta (m, n) *= f'; db (n,) the sums of its columns, or NULL
    cdef Py_ssize_t size, n = layer.n_out, left = m * n
    cdef Py_ssize_t most = _size_in_cache(n, <floating*> NULL)
    cdef const floating* read = <const floating*> layer.A
    if layer.kept != NULL:
        read = <const floating*> layer.kept
    if db != NULL:
        memset(db, 0, n * sizeof(floating))
    while left > 0:
        size = min(most, left)
        if layer.active:
            if floating is float:
                activation.back_f32(read, delta, size, activation.h)
            else:
                activation.back_f64(read, delta, size, activation.h)
        if db != NULL:
            add_column_sums(delta, db, size // n, n)
        read, delta, left = read + size, delta + size, left - size


cdef void _forward(Network net, Batch* batch, floating* tag) noexcept nogil:
    cdef Py_ssize_t l, m = batch.m
    cdef Layer* layer
    cdef floating* A
    cdef floating* Z
    cdef const floating* before = <const floating*> batch.x
    cdef const floating* b
    cdef const floating* late
    for l in range(net.n_layers):
        layer = &net.layers[l]
        A = <floating*> layer.A
        b, late = <const floating*> layer.b, NULL
        Z = <floating*> layer.xhat if layer.gamma != NULL else A
        if layer.W == NULL:
            if before == NULL:      # sparse: part of the next layer's pass
                continue
            memcpy(Z, before, m * layer.n_out * sizeof(floating))
        elif before == NULL:
            _sparse_input_forward(net, batch, layer, Z)
        else:
            if layer.active and layer.gamma == NULL and m > 1:
                b, late = NULL, b   # in the same pass as the activation
            dense_forward(
                before, <const floating*> layer.W, b, Z, m, layer.n_in, layer.n_out)
        if layer.gamma != NULL:
            batch_norm_forward(
                Z, A, <floating*> layer.inv_std, <floating*> layer.running,
                <floating*> layer.moments, <const floating*> layer.gamma,
                <const floating*> layer.beta, <const floating*> batch.share,
                batch.total, batch.single, batch.step, m, layer.n_out)
        if layer.active:
            _activate(net.activation, layer, late, m)
        if layer.keep < 1 and batch.step >= 0:
            dropout(A, m * layer.n_out, _layer_seed(batch.seed, l), layer.keep)
        before = A


# ---------------------------------------------------------------- backward
cdef void _sparse_input_backward(
    Network net, Batch* batch, Layer* layer, const floating* delta
) noexcept nogil:
    cdef Layer* inputs = net.layers
    cdef Py_ssize_t k = layer.n_in, n = layer.n_out, j, o
    cdef Rows rows = _rows(net, batch)
    cdef floating* dW = <floating*> layer.dW
    cdef floating* D = <floating*> net.sparse_scaled
    cdef floating* shift = <floating*> inputs.moments + k
    cdef floating* inv_std = <floating*> inputs.inv_std
    csr_transposed_product(&rows, delta, dW, batch.m, k, n)
    if inputs.W != NULL or inputs.gamma == NULL:
        return
    masked_delta(&rows, delta, D, batch.m, k, n)
    for j in range(k):
        for o in range(n):
            dW[j * n + o] = inv_std[j] * dW[j * n + o] + shift[j] * D[j * n + o]


cdef void _backward(Network net, Batch* batch, floating* tag) noexcept nogil:
    # From the derivatives in the last layer's A to the gradient vector.
    cdef Py_ssize_t l = net.n_layers - 1, m = batch.m, n
    cdef int flip = 0
    cdef Layer* layer
    cdef const floating* before
    cdef floating* db
    cdef floating* delta = <floating*> net.layers[l].A
    while l >= 0:
        layer = &net.layers[l]
        n = layer.n_out
        if layer.keep < 1 and layer.active and layer.kept == NULL:
            # which reads the activation without the factor of dropout
            dropout_backward(
                <floating*> layer.A, delta, m * n, _layer_seed(batch.seed, l), layer.keep)
        elif layer.keep < 1:
            dropout(delta, m * n, _layer_seed(batch.seed, l), layer.keep)
        db = <floating*> layer.db
        _activate_back(
            net.activation, layer, delta, db if layer.gamma == NULL else NULL, m)
        if layer.gamma != NULL:
            batch_norm_backward(
                <const floating*> layer.xhat, delta, <const floating*> layer.inv_std,
                <const floating*> layer.gamma, <floating*> layer.dgamma,
                <floating*> layer.dbeta, <const floating*> batch.share, batch.total, m, n)
            if db != NULL:
                memset(db, 0, n * sizeof(floating))
                if batch.share == NULL:
                    add_column_sums(delta, db, m, n)
                # else: the batch mean takes an intercept off again. Without rounding
                # errors its gradient is zero, and adaptive rates would magnify those.
        if batch.x == NULL and (l == 0 or net.layers[l - 1].W == NULL):
            _sparse_input_backward(net, batch, layer, delta)
            return
        before = <const floating*> batch.x
        if l > 0:
            before = <const floating*> net.layers[l - 1].A
        dense_backward_weights(
            before, delta, <floating*> layer.dW, m, layer.n_in, n)
        if l == 0 or net.layers[l - 1].W == NULL:   # inputs have nothing to learn
            return
        dense_backward_input(
            delta, <const floating*> layer.W, <floating*> net.delta[flip], m,
            layer.n_in, n)
        delta = <floating*> net.delta[flip]
        flip = 1 - flip
        l -= 1


cdef double forward_loss(
    Network net, Batch* batch, double weight_mean, floating* tag
) noexcept nogil:
    """The weighted sum of losses of a batch in training; derivatives in the last A."""
    cdef Layer* last = &net.layers[net.n_layers - 1]
    if net.normalised:
        _weigh(net, batch, tag)
    _forward(net, batch, tag)
    return loss_and_delta(
        net.loss, <const floating*> batch.y, <floating*> last.A,
        <const floating*> batch.weights, batch.m, last.n_out,
        1 / (batch.m * weight_mean))


cdef double gradient(
    Network net, Batch* batch, double weight_mean, floating* tag
) noexcept nogil:
    """The weighted sum of losses of a batch; the gradient of their mean in net.grad."""
    cdef double loss = forward_loss(net, batch, weight_mean, tag)
    _backward(net, batch, tag)
    return loss


cdef void predict(Network net, Batch* batch, floating* tag) noexcept nogil:
    """Raw predictions of a batch, with the running statistics, in the last layer's A."""
    batch.step = -1
    batch.share = NULL
    batch.single = -1
    _forward(net, batch, tag)


cdef class Network:
    """A network bound to its parameters and to data.

    Parameters
    ----------
    architecture : Architecture
        What it is made of.
    theta : ndarray of shape (n_params,), float32 or float64
        The parameters; training changes them in place.
    running : ndarray of shape (2 * sum(normalised_sizes),)
        The running statistics; training changes them in place.
    data : Data
        The samples, of the dtype of theta.
    batch_size : int
        The most rows at a time.
    training : bool, default=True
        Whether to make room for a gradient.
    """

    def __cinit__(self, architecture, theta, running, data, batch_size, training=True):
        n_layers = len(architecture.sizes) - 1
        n_layers += architecture.input_batch_norm or architecture.input_dropout > 0
        self.layers = <Layer*> calloc(n_layers, sizeof(Layer))
        if self.layers == NULL:
            raise MemoryError
        self.n_layers = n_layers

    def __init__(self, architecture, theta, running, data, batch_size, training=True):
        self.data = data
        self.f32 = theta.dtype == np.float32
        self.normalised = len(architecture.normalised_sizes) > 0
        self.batch_size = batch_size
        self.clip_factor = 1
        self.n_params = architecture.n_params
        self.n_penalised = architecture.n_penalised
        self.n_outputs = architecture.n_outputs
        self.dtype = theta.dtype
        self.keep_alive = [theta, running]
        self.theta = address(theta)
        self.loss = architecture.loss._kernel(architecture.softmax)
        if architecture.target_scale:
            rule = architecture.loss
            scale = np.array(architecture.target_scale)
            self.loss.set_units(scale, rule._unit(scale), rule.link == "exp")
        gradient = None
        if training:
            gradient = aligned(np.zeros(self.n_params, self.dtype))
            self.grad = self._own(gradient)
        self.gradient = gradient
        self._bind_parameters(architecture, theta, running, gradient)
        self._bind_rules(architecture)
        self._make_room(architecture, training)

    def loss_in_units(self, loss):
        """A sum of losses since the last call, in the user's units.

        Parameters
        ----------
        loss : float
            The sum in units of training.

        Returns
        -------
        loss : float
            The same where these are the user's.
        """
        total = self.loss.take_total()
        return total if self.loss.units != NULL else loss

    def __dealloc__(self):
        free(self.layers)

    cdef void* _own(self, array) except? NULL:
        self.keep_alive.append(array)
        return address(array)

    cdef void* _room(self, rows, columns) except? NULL:
        return self._own(np.empty((max(rows, 1), max(columns, 1)), self.dtype))

    cdef _bind_parameters(self, architecture, theta, running, gradient):
        cdef Layer* layer
        sizes = architecture.sizes
        first = self.n_layers - (len(sizes) - 1)    # 1: there is an input layer
        values = architecture.views(theta)
        slopes = values if gradient is None else architecture.views(gradient)
        statistics = architecture.running_views(running)
        for l in range(self.n_layers):
            layer = &self.layers[l]
            layer.n_in = layer.n_out = sizes[0]
            if l >= first:
                layer.n_in, layer.n_out = sizes[l - first], sizes[l - first + 1]
                layer.W = address(values["W"][l - first])
                layer.dW = address(slopes["W"][l - first])
                if architecture.fit_intercept:
                    layer.b = address(values["b"][l - first])
                    layer.db = address(slopes["b"][l - first])
            if l < first and architecture.input_batch_norm:
                # The weights and intercepts behind it scale and shift already.
                layer.gamma = self._own(np.ones(sizes[0], self.dtype))
                layer.beta = self._own(np.zeros(sizes[0], self.dtype))
                layer.running = address(statistics.pop(0))
            if first <= l < self.n_layers - 1 and architecture.batch_norm:
                layer.gamma = address(values["gamma"][l - first])
                layer.beta = address(values["beta"][l - first])
                layer.dgamma = address(slopes["gamma"][l - first])
                layer.dbeta = address(slopes["beta"][l - first])
                layer.running = address(statistics.pop(0))

    cdef _bind_rules(self, architecture):
        cdef Layer* layer
        self.activation = architecture.activation._kernel()
        rates = [architecture.input_dropout] if self.layers[0].W == NULL else []
        rates += list(architecture.dropout) or [0.0] * (len(architecture.sizes) - 2)
        for l in range(self.n_layers):
            layer = &self.layers[l]
            layer.keep = 1
            if l < self.n_layers - 1:
                layer.keep = 1 - rates[l]
            if l < self.n_layers - 1 and layer.W != NULL:
                layer.active = True

    cdef _make_room(self, architecture, training):
        # A sparse input layer works on the rows as they are stored.
        cdef Layer* layer
        cdef bint is_sparse = self.data.x == NULL
        n, widest, inner = self.batch_size, 0, 0
        for l in range(self.n_layers):
            layer = &self.layers[l]
            if layer.gamma != NULL:
                layer.moments = self._room(2, layer.n_out)
                layer.inv_std = self._room(1, layer.n_out)
            if layer.W == NULL and is_sparse:
                continue
            layer.A = self._room(n, layer.n_out)
            if layer.gamma != NULL:
                layer.xhat = self._room(n, layer.n_out)
            if training and layer.active and self.activation.reads_input:
                layer.kept = self._room(n, layer.n_out)
            if l < self.n_layers - 1 and layer.W != NULL:
                inner += 1
                widest = max(widest, layer.n_out)
        if is_sparse and architecture.input_batch_norm:
            self.sparse_scaled = self._room(architecture.sizes[0], architecture.sizes[1])
        scattered = training and self.data.n_samples > n > 1
        if not is_sparse and (scattered or self.data.units is not None):
            self.batch_x = self._room(n, architecture.sizes[0])
        if not training:
            return
        for flip in range(min(inner, 2)):
            self.delta[flip] = self._room(n, widest)
        if scattered:
            self.batch_y = self._room(n, architecture.n_targets)
            self.batch_w = self._room(n, 1)
        self.batch_share = self._room(n, 1)
