"""Products of matrices over one batch, and sums of its rows.

Shapes: a batch has m rows; a layer has k inputs and n outputs. All arrays are
row-major.
"""

from cython cimport floating
from libc.string cimport memcpy, memset
from scipy.linalg.cython_blas cimport dgemm, dgemv, sgemm, sgemv

from .._rules.vector cimport leaf


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
