"""The loops that every loss shares, and the base class."""

from cython cimport floating
from libc.math cimport NAN, log
from libc.string cimport memset

import numpy as np

from .vector cimport exponential, leaf, logarithm

from .rule import Rule


cdef class LossKernel:
    """A loss with its hyperparameter, as the compiled epoch calls it."""

    def set_units(self, scale, unit, log_link=False):
        """Take targets and predictions to be multiples of `scale`.

        The loss is that of the user's units over `unit`.

        Parameters
        ----------
        scale : array-like of shape (n_outputs,)
            For each output.
        unit : array-like of shape (n_outputs,)
            Of the loss.
        log_link : bool, default=False
            Whether raw predictions are logarithms.
        """
        self.log_link = log_link
        scale = np.asarray(scale, dtype=np.float64)
        cdef const double[:, ::1] units = np.ascontiguousarray(
            np.c_[scale, 1 / np.asarray(unit, dtype=np.float64)])
        self.keep_alive = units
        self.units = &units[0, 0]


cdef LossKernel loss_kernel(
    scalar_loss scalar, hyperparameter=0.0, bint quadratic=False
):
    # a list or tuple has a value for each output
    cdef LossKernel kernel = LossKernel()
    cdef const double[::1] values
    kernel.scalar = scalar
    kernel.quadratic = quadratic
    kernel.values = np.array(hyperparameter, dtype=np.float64, ndmin=1)
    values = kernel.values
    kernel.h = &values[0]
    kernel.stride = values.shape[0] > 1
    return kernel


def kernel_of_function(function, has_codes):
    """Make the kernel of a loss that is written in Python.

    Parameters
    ----------
    function : callable
        A function of the targets and the raw predictions of a batch, as arrays of
        float64. It returns the losses of the rows and their derivatives.
    has_codes : bool
        Whether the targets are class codes, one for each row.

    Returns
    -------
    kernel : LossKernel
        The kernel.
    """
    cdef LossKernel kernel = loss_kernel(NULL)
    kernel.by_python, kernel.has_codes, kernel.function = True, has_codes, function
    return kernel


cdef int raise_error(LossKernel kernel) except -1:
    """Raise the error of a loss that is written in Python, if there was one."""
    if kernel.error is not None:
        error, kernel.error = kernel.error, None
        raise error
    return 0


cdef double _call(
    LossKernel kernel, const floating* y, floating* z, const floating* weights,
    Py_ssize_t m, Py_ssize_t k, double scale,
) except? -1:
    # call the function for the rows with a weight
    cdef Py_ssize_t q = 1 if kernel.has_codes else k
    targets = np.asarray(<floating[:m, :q]> <floating*> y)
    delta = np.asarray(<floating[:m, :k]> z)
    factors, rows = np.ones(m), slice(None)
    if weights != NULL:
        factors = np.array(<floating[:m]> <floating*> weights, dtype=np.float64)
        rows = np.flatnonzero(factors)
        factors = factors[rows]
    raw = delta[rows].astype(np.float64)
    delta[...] = 0
    if not len(raw):
        return 0.0
    losses, slopes = kernel.function(targets[rows].astype(np.float64), raw)
    delta[rows] = slopes * (scale * factors)[:, np.newaxis]
    return factors @ losses


cdef double _loss_by_python(
    LossKernel kernel, const floating* y, floating* z, const floating* weights,
    Py_ssize_t m, Py_ssize_t k, double scale,
) noexcept nogil:
    # After an error, there are no more calls, and `raise_error` raises it when the
    # compiled code is left.
    with gil:
        try:
            if kernel.error is None:
                return _call(kernel, y, z, weights, m, k, scale)
        except BaseException as error:
            kernel.error = error
    memset(z, 0, m * k * sizeof(floating))
    return NAN


cdef leaf _softmax_narrow(
    floating* z, floating* shift, Py_ssize_t m, Py_ssize_t k
) noexcept nogil:
    # For m, k <= 32, by way of columns of 32 rows: a vector then has no room for what
    # belongs to another row. 2 times as fast for 10 classes; the logarithms by vectors as
    # well, 1.15 times.
    cdef Py_ssize_t i, j
    cdef floating table[1024]
    cdef floating top[32]
    cdef floating total[32]
    for i in range(m):
        for j in range(k):
            table[j * 32 + i] = z[i * k + j]
    for i in range(m, 32):
        for j in range(k):
            table[j * 32 + i] = 0
    for i in range(32):
        top[i] = table[i]
        total[i] = 0
    for j in range(1, k):
        for i in range(32):
            top[i] = table[j * 32 + i] if table[j * 32 + i] > top[i] else top[i]
    for j in range(k):
        for i in range(32):
            table[j * 32 + i] = exponential(table[j * 32 + i] - top[i])
            total[i] += table[j * 32 + i]
    for i in range(32):
        top[i] += logarithm(total[i])
        total[i] = 1 / total[i]
    for i in range(m):
        shift[i] = top[i]
    for i in range(m):
        for j in range(k):
            z[i * k + j] = table[j * 32 + i] * total[i]


cdef leaf _softmax(
    floating* z, floating* shift, Py_ssize_t m, Py_ssize_t k
) noexcept nogil:
    # z (m, k): probabilities on return; shift (m,): log of the sum of exp(z)
    cdef Py_ssize_t i, j
    cdef floating top, total
    while k <= 32 and m >= 16:
        i = m if m < 32 else 32
        _softmax_narrow(z, shift, i, k)
        z, shift, m = z + i * k, shift + i, m - i
    for i in range(m):
        top = z[i * k]
        for j in range(1, k):
            top = z[i * k + j] if z[i * k + j] > top else top
        shift[i] = top
        for j in range(k):
            z[i * k + j] -= top
    for j in range(m * k):
        z[j] = exponential(z[j])
    for i in range(m):
        total = 0
        for j in range(k):
            total += z[i * k + j]
        shift[i] += logarithm(total)
        total = 1 / total
        for j in range(k):
            z[i * k + j] *= total


cdef leaf _multiply(floating* z, Py_ssize_t n, floating factor) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        z[j] *= factor


cdef double _softmax_loss(
    const floating* y, floating* z, const floating* weights,
    Py_ssize_t m, Py_ssize_t k, double scale, double smoothing,
) noexcept nogil:
    # y (m,): class codes; z (m, k): delta on return
    cdef Py_ssize_t i, j, code, first = 0, rows
    cdef double total = 0
    cdef floating factor, mean, share = smoothing / k, hit = 1 - smoothing
    cdef floating shift[64]
    cdef floating target[64]
    while first < m:
        rows = m - first if m - first < 64 else 64
        for i in range(rows):
            target[i] = z[i * k + <Py_ssize_t> y[first + i]]
            if smoothing != 0:
                mean = 0
                for j in range(k):
                    mean += share * z[i * k + j]
                target[i] = hit * target[i] + mean
        _softmax(z, shift, rows, k)
        for i in range(rows):
            code = <Py_ssize_t> y[first + i]
            factor = 1 if weights == NULL else weights[first + i]
            if factor == 0:
                memset(z + i * k, 0, k * sizeof(floating))
                continue
            total += factor * (shift[i] - target[i])
            z[i * k + code] -= hit
            if weights == NULL and smoothing == 0:
                continue    # all rows at once, below
            factor *= <floating> scale
            for j in range(k):
                z[i * k + j] = (z[i * k + j] - share) * factor
        if weights == NULL and smoothing == 0:
            _multiply(z, rows * k, <floating> scale)
        z += rows * k
        first += rows
    return total


cdef double _distribution_loss(
    const floating* y, floating* z, const floating* weights,
    Py_ssize_t m, Py_ssize_t k, double scale,
) noexcept nogil:
    # y (m, k): probabilities; z (m, k): delta on return. The loss is the Kullback-Leibler
    # divergence.
    cdef Py_ssize_t i, j, first = 0, rows
    cdef double total = 0, probability
    cdef floating factor
    cdef floating shift[64]
    cdef double target[64]
    cdef floating mass[64]
    while first < m:
        rows = m - first if m - first < 64 else 64
        for i in range(rows):
            target[i] = mass[i] = 0
            for j in range(k):
                probability = y[i * k + j]
                target[i] += probability * z[i * k + j]
                if probability > 0:
                    target[i] -= probability * log(probability)
                mass[i] += y[i * k + j]
        _softmax(z, shift, rows, k)
        for i in range(rows):
            factor = 1 if weights == NULL else weights[first + i]
            if factor == 0:
                memset(z + i * k, 0, k * sizeof(floating))
                continue
            total += factor * (mass[i] * shift[i] - target[i])
            factor *= <floating> scale
            for j in range(k):
                z[i * k + j] = (mass[i] * z[i * k + j] - y[i * k + j]) * factor
        z += rows * k
        y += rows * k
        first += rows
    return total


cdef double loss_and_delta(
    LossKernel kernel, const floating* y, floating* z, const floating* weights,
    Py_ssize_t m, Py_ssize_t k, double scale, double* reported,
) noexcept nogil:
    """The weighted sum of losses over a batch; z (m, k) becomes scale * w * dloss/dz.

    The sum in the units of the user is added to `reported`, unless they are the same.
    """
    cdef Py_ssize_t i, j
    cdef double total = 0, dz = 0, weight = 1
    if kernel.by_python:
        return _loss_by_python(kernel, y, z, weights, m, k, scale)
    if kernel.distribution:
        return _distribution_loss(y, z, weights, m, k, scale)
    if kernel.scalar == NULL:
        return _softmax_loss(y, z, weights, m, k, scale, kernel.h[0])
    for i in range(m):
        if weights != NULL:
            weight = weights[i]
        if weight == 0:     # not even an overflow there counts
            memset(z + i * k, 0, k * sizeof(floating))
            continue
        for j in range(k):
            total += price(kernel, j, y[i * k + j], z[i * k + j], weight, &dz, reported)
            z[i * k + j] = <floating> (scale * dz)
    return total


def losses_of_rows(LossKernel kernel, const floating[:, ::1] y, floating[:, ::1] z):
    """Loss of each row; the derivatives take the place of z.

    Parameters
    ----------
    kernel : LossKernel
        The loss.
    y : ndarray of shape (n_samples, n_targets), float32 or float64
        Encoded targets.
    z : ndarray of shape (n_samples, n_outputs), of the same dtype
        Raw predictions; derivatives on return.

    Returns
    -------
    losses : ndarray of shape (n_samples,), float64
        The sum over the outputs of each row.
    """
    cdef Py_ssize_t i
    cdef double reported = 0
    values = np.empty(z.shape[0])
    cdef double[::1] out = values
    if kernel.by_python:    # a call for all rows
        raw = np.array(z, dtype=np.float64)
        losses, slopes = kernel.function(np.array(y, dtype=np.float64), raw)
        np.asarray(z)[...] = slopes
        return losses
    for i in range(z.shape[0]):
        out[i] = loss_and_delta(
            kernel, &y[i, 0], &z[i, 0], NULL, 1, z.shape[1], 1.0, &reported)
    return values


def softmax(floating[:, ::1] z):
    """Replace each row of `z` by its softmax.

    Parameters
    ----------
    z : ndarray of shape (n_samples, n_classes), float32 or float64
        Raw predictions; probabilities on return.
    """
    if z.shape[0] == 0:
        return
    shift = np.empty(z.shape[0], np.asarray(z).dtype)
    cdef floating[::1] s = shift
    with nogil:
        _softmax(&z[0, 0], &s[0], z.shape[0], z.shape[1])


class Loss(Rule):
    """Base of the losses."""

    # A loss is in proportion to this power of the unit of the targets, if its
    # hyperparameters are measured in that unit, too. With the log link the mean is.
    _unit_exponent = 1
    # what turns a raw prediction into a prediction: 'identity', 'exp', 'logistic' or, for
    # a row of them, 'softmax'
    link = "identity"
    # whether the derivative is continuous
    _smooth = True
    # whether the outputs can be one distribution
    has_softmax = False
    # outputs for a single target
    n_levels = 1

    def _unit(self, scale):
        # what a loss of one is in the user's units where errors are in units of `scale`
        return np.asarray(scale, dtype=np.float64) ** float(self._unit_exponent)

    def _check_target(self, y):
        """Raise where `y` is outside the domain of a regression loss."""

    def _check_slopes(self, Y, n_outputs):
        """Raise if the derivative is wrong, which only a loss of the user can be."""

    def _spread(self, Y):
        # a target as often as it has outputs
        return np.repeat(Y, self.n_levels, axis=1) if Y.shape[1] == 1 else Y

    def evaluate(self, y, z, softmax=False):
        """Loss and derivative at raw predictions.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, as the module's docstring says; of shape (n_samples,) for several
            quantiles.
        z : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Raw predictions.
        softmax : bool, default=False
            Whether a row of z is one distribution, and y has one class code per row;
            for `LogLoss`.

        Returns
        -------
        loss : ndarray of shape (n_samples,)
            The sum over the outputs of each row.
        derivative : ndarray of the shape of z
            The derivative of each loss by z.

        Raises
        ------
        ValueError
            Where shapes do not match, or y has no class codes with `softmax`.
        """
        z = np.array(z, dtype=np.float64, order="C", copy=True)
        table = z.reshape(len(z), -1)
        y = np.asarray(y, dtype=np.float64)
        if softmax and not self.has_softmax:
            raise ValueError(f"softmax=True is for LogLoss alone, not for {self!r}.")
        if self.n_levels > 1 and table.shape[1] != self.n_levels:
            raise ValueError(f"z must have {self.n_levels} columns, got {z.shape}.")
        target = np.ascontiguousarray(self._spread(y.reshape(len(y), -1)))
        expected = (len(table), 1 if softmax else table.shape[1])
        if target.shape != expected:
            raise ValueError(
                f"y has shape {y.shape}, but for z of shape {z.shape} it must have "
                f"{expected[0]} rows of {expected[1]}."
            )
        if softmax and not np.isin(y, np.arange(table.shape[1])).all():
            raise ValueError(
                "With softmax=True, y has one class code for each row of z, from 0 to "
                f"{table.shape[1] - 1}. Got {y.tolist()}."
            )
        loss = losses_of_rows(self._kernel(softmax), target, table)
        return loss, z
