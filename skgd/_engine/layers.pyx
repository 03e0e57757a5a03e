"""Layers: forward and backward passes over one batch.

Shapes: a batch has m rows; a layer has k inputs and n outputs. All arrays are
row-major.
"""

from cython cimport floating
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset
from scipy.linalg.cython_blas cimport dgemm, dgemv, sgemm, sgemv

from .._rules.vector cimport leaf, root


# ---------------------------------------------------------------- matrix products
cdef enum:
    SMALL = 4096    # numbers in a matrix that is transposed by hand


cdef inline void _gemm(
    char* ta, char* tb, int m, int n, int k, const floating* A, int lda,
    const floating* B, int ldb, floating beta, floating* C, int ldc,
) noexcept nogil:
    # column-major, as in BLAS: C (m, n) = op(A) (m, k) @ op(B) (k, n) + beta C
    cdef floating one = 1
    if floating is float:
        sgemm(
            ta, tb, &m, &n, &k, &one, <float*> A, &lda, <float*> B, &ldb, &beta, C, &ldc)
    else:
        dgemm(
            ta, tb, &m, &n, &k, &one, <double*> A, &lda, <double*> B, &ldb, &beta, C,
            &ldc)


cdef inline void _gemv(
    char* ta, int m, int n, const floating* A, const floating* x, floating beta,
    floating* y,
) noexcept nogil:
    # column-major: y = op(A (m, n)) @ x + beta y
    cdef floating one = 1
    cdef int inc = 1
    if floating is float:
        sgemv(ta, &m, &n, &one, <float*> A, &m, <float*> x, &inc, &beta, y, &inc)
    else:
        dgemv(ta, &m, &n, &one, <double*> A, &m, <double*> x, &inc, &beta, y, &inc)


cdef leaf _row_forward(
    const floating* a, const floating* W, floating* z, Py_ssize_t k, Py_ssize_t n
) noexcept nogil:
    # z (n,) += a (k,) @ W (k, n)
    cdef Py_ssize_t j, o
    cdef floating total = 0
    if n == 1:
        for j in range(k):
            total += a[j] * W[j]
        z[0] += total
        return
    for j in range(k):
        if a[j] != 0:   # half of a ReLU layer
            for o in range(n):
                z[o] += a[j] * W[j * n + o]


cdef leaf _outer(
    const floating* a, const floating* b, floating* out, Py_ssize_t k, Py_ssize_t n
) noexcept nogil:
    # out (k, n) = a (k,) b (n,)
    cdef Py_ssize_t j, o
    cdef floating scale
    if n == 1:
        scale = b[0]
        for j in range(k):
            out[j] = scale * a[j]
        return
    for j in range(k):
        for o in range(n):
            out[j * n + o] = a[j] * b[o]


cdef leaf _row_backward(
    const floating* delta, const floating* W, floating* out, Py_ssize_t k, Py_ssize_t n
) noexcept nogil:
    # out (k,) = W (k, n) @ delta (n,)
    cdef Py_ssize_t j, o
    cdef floating total
    for j in range(k):
        total = 0
        for o in range(n):
            total += W[j * n + o] * delta[o]
        out[j] = total


cdef leaf _add_to_rows(
    const floating* b, floating* Z, Py_ssize_t m, Py_ssize_t n
) noexcept nogil:
    cdef Py_ssize_t i, o
    for i in range(m):
        for o in range(n):
            Z[i * n + o] += b[o]


cdef leaf _transpose(
    const floating* W, floating* out, Py_ssize_t k, Py_ssize_t n
) noexcept nogil:
    cdef Py_ssize_t j, o
    for o in range(n):
        for j in range(k):
            out[o * k + j] = W[j * n + o]


cdef leaf _add_column_sums(
    const floating* delta, floating* out, Py_ssize_t m, Py_ssize_t n
) noexcept nogil:
    cdef Py_ssize_t i, o
    cdef floating total = 0
    if n == 1:
        for i in range(m):
            total += delta[i]
        out[0] += total
        return
    # four rows at a time: a quarter of the loads and stores of sums, 2 times as fast
    for i in range(0, m - 3, 4):
        for o in range(n):
            out[o] += (delta[i * n + o] + delta[(i + 1) * n + o]) + (
                delta[(i + 2) * n + o] + delta[(i + 3) * n + o])
    for i in range(m - m % 4, m):
        for o in range(n):
            out[o] += delta[i * n + o]


cdef void add_column_sums(
    const floating* delta, floating* db, Py_ssize_t m, Py_ssize_t n
) noexcept nogil:
    """db (n,) += the sums of the columns of delta (m, n)."""
    _add_column_sums(delta, db, m, n)


cdef void add_to_rows(
    const floating* b, floating* Z, Py_ssize_t m, Py_ssize_t n
) noexcept nogil:
    """Each row of Z (m, n) += b (n,)."""
    _add_to_rows(b, Z, m, n)


cdef void dense_forward(
    const floating* A, const floating* W, const floating* b, floating* Z,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
) noexcept nogil:
    """Z (m, n) = A (m, k) @ W (k, n) + b (n,); b may be NULL."""
    if m == 1:  # no BLAS: its calls cost more than the loop
        if b == NULL:
            memset(Z, 0, n * sizeof(floating))
        else:
            memcpy(Z, b, n * sizeof(floating))
        _row_forward(A, W, Z, k, n)
        return
    if n == 1:
        _gemv(b"T", k, m, A, W, <floating> 0, Z)
    else:
        _gemm(b"N", b"N", n, m, k, W, n, A, k, <floating> 0, Z, n)
    if b != NULL:
        _add_to_rows(b, Z, m, n)


cdef void dense_backward_weights(
    const floating* A, const floating* delta, floating* dW,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
) noexcept nogil:
    """dW (k, n) = A (m, k).T @ delta (m, n)."""
    cdef floating turned[SMALL]
    if m == 1:
        _outer(A, delta, dW, k, n)
    elif n == 1:
        _gemv(b"N", k, m, A, delta, <floating> 0, dW)
    elif floating is float and n < 16 <= k and k * n <= SMALL:
        # the longer side along the vectors, of 16 numbers: 1.2 times as fast for 100
        # inputs and 10 outputs (with vectors of 8, no difference)
        _gemm(b"N", b"T", k, n, m, A, k, delta, n, <floating> 0, turned, k)
        _transpose(turned, dW, n, k)
    else:
        _gemm(b"N", b"T", n, k, m, delta, n, A, k, <floating> 0, dW, n)


cdef void dense_backward_input(
    const floating* delta, const floating* W, floating* dA,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t n,
) noexcept nogil:
    """dA (m, k) = delta (m, n) @ W (k, n).T."""
    cdef floating turned[SMALL]
    if m == 1:
        _row_backward(delta, W, dA, k, n)
    elif n == 1:
        _outer(delta, W, dA, m, k)
    elif k * n <= SMALL:
        # BLAS has a kernel for small products only where it need not transpose:
        # 1.3 times as fast for 100 inputs and 10 outputs
        _transpose(W, turned, k, n)
        _gemm(b"N", b"N", k, m, n, turned, k, delta, n, <floating> 0, dA, k)
    else:
        _gemm(b"T", b"N", k, m, n, W, n, delta, n, <floating> 0, dA, k)


# ---------------------------------------------------------------- batch normalisation
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


cdef void batch_norm_running(
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


cdef void batch_norm_forward(
    floating* xhat, floating* A, floating* inv_std, floating* running,
    floating* scratch, const floating* gamma, const floating* beta,
    const floating* share, double total, Py_ssize_t single, double step, Py_ssize_t m,
    Py_ssize_t n,
) noexcept nogil:
    """Normalise a batch, and learn the running statistics unless `step` < 0.

    xhat (m, n): the input, normalised on return; A (m, n): gamma xhat + beta.
    running (2, n): running mean and variance. scratch (2, n). share (m,):
    weights over their sum `total`; NULL where the running statistics normalise, and
    learn from the row `single` alone (-1: from none).
    """
    if share != NULL:
        _batch_moments(xhat, share, scratch, scratch + n, m, n)
        inverse_root(scratch + n, inv_std, n)
        _normalise(xhat, A, scratch, inv_std, gamma, beta, m, n)
        if step >= 0:
            batch_norm_running(running, running + n, scratch, scratch + n, total, n)
        return
    if step >= 0 and single >= 0:
        # The sample comes in before it is normalised: no value then lies further
        # out than 1 / sqrt(momentum), however odd.
        batch_norm_single(running, xhat + single * n, step, n)
    memcpy(scratch, running, n * sizeof(floating))
    inverse_root(running + n, inv_std, n)
    _normalise(xhat, A, scratch, inv_std, gamma, beta, m, n)


cdef leaf _batch_norm_delta(
    const floating* xhat, floating* delta, const floating* inv_std,
    const floating* gamma, const floating* dgamma, const floating* dbeta,
    const floating* share, Py_ssize_t m, Py_ssize_t n,
) noexcept nogil:
    cdef Py_ssize_t i, o
    cdef floating p
    for i in range(m):
        p = share[i]
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


cdef void batch_norm_backward(
    const floating* xhat, floating* delta, const floating* inv_std,
    const floating* gamma, floating* dgamma, floating* dbeta,
    const floating* share, double total, Py_ssize_t m, Py_ssize_t n,
) noexcept nogil:
    """delta (m, n): by the output on entry, by the input on return.

    Exact through mean and variance; where `share` is NULL the statistics were
    constants.
    """
    cdef Py_ssize_t i, o
    _batch_norm_parameters(xhat, delta, dgamma, dbeta, m, n)
    if share != NULL:
        _batch_norm_delta(xhat, delta, inv_std, gamma, dgamma, dbeta, share, m, n)
        return
    for i in range(m):
        for o in range(n):
            delta[i * n + o] *= gamma[o] * inv_std[o]


# ---------------------------------------------------------------- dropout
cdef leaf _dropout(
    floating* A, Py_ssize_t n, uint32_t a, uint32_t b, uint32_t threshold,
    floating factor,
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        A[j] = A[j] * factor if mask_bits(a, b, <uint32_t> j) < threshold else 0


cdef leaf _dropout_backward(
    floating* A, floating* delta, Py_ssize_t n, uint32_t a, uint32_t b,
    uint32_t threshold, floating keep, floating factor,
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        if mask_bits(a, b, <uint32_t> j) < threshold:
            A[j] *= keep
            delta[j] *= factor
        else:
            A[j] = 0
            delta[j] = 0


cdef void dropout(
    floating* A, Py_ssize_t n, uint64_t seed, double keep
) noexcept nogil:
    """Set some elements to zero and divide the others by `keep`."""
    _dropout(
        A, n, random_bits(seed, 0), random_bits(seed, 1), dropout_threshold(keep),
        <floating> (1 / keep))


cdef void dropout_backward(
    floating* A, floating* delta, Py_ssize_t n, uint64_t seed, double keep
) noexcept nogil:
    """The same for delta, while the division is taken back from A, which had it."""
    _dropout_backward(
        A, delta, n, random_bits(seed, 0), random_bits(seed, 1), dropout_threshold(keep),
        <floating> keep, <floating> (1 / keep))
