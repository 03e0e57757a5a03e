"""Activations of the hidden layers.

Each rule consists of two loops and a class. The first loop computes ``a = f(z)`` in
place. The second loop multiplies by the derivative, which it computes from ``a``. If the
derivative is not a function of ``a`` (`reads_input`), it is computed from ``z``, which
the network then keeps. To add an activation, write its class and add it to
`ACTIVATIONS`; `tests/test_activations.py` then requires its oracle.
"""

from cython cimport floating

from numbers import Real

from ._rules.activation cimport (
    activation_kernel,
    backward_f32,
    backward_f64,
    forward_f32,
    forward_f64,
)
from ._rules.vector cimport (
    exponential,
    exponential_minus_1,
    leaf,
    normal_tail,
    sigmoid,
    tangent,
)

from ._rules.activation import Activation
from ._rules.rule import Allowed

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "Identity",
    "LeakyReLU",
    "Logistic",
    "Mish",
    "ReLU",
    "SELU",
    "SiLU",
    "Tanh",
]


cdef void _identity(floating* a, Py_ssize_t n, const double* h) noexcept nogil:
    pass


cdef void _identity_back(
    const floating* a, floating* delta, Py_ssize_t n, const double* h
) noexcept nogil:
    pass


class Identity(Activation):
    """No activation, ``f(z) = z``.

    Examples
    --------
    >>> from skgd.activations import Identity
    >>> Identity().evaluate([-1.0, 2.0])
    (array([-1.,  2.]), array([1., 1.]))
    """

    _homogeneous = True

    def _kernel(self):
        return activation_kernel(
            _identity[float], _identity[double],
            _identity_back[float], _identity_back[double])


cdef leaf _logistic(floating* a, Py_ssize_t n, const double* h) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        a[j] = sigmoid(a[j])


cdef leaf _logistic_back(
    const floating* a, floating* delta, Py_ssize_t n, const double* h
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        delta[j] *= a[j] * (1 - a[j])


class Logistic(Activation):
    """The logistic sigmoid, ``f(z) = 1 / (1 + exp(-z))``.

    Examples
    --------
    >>> from skgd.activations import Logistic
    >>> Logistic().evaluate([0.0])
    (array([0.5]), array([0.25]))
    """

    _glorot_factor = 2.0    # as in scikit-learn

    def _kernel(self):
        return activation_kernel(
            <forward_f32> _logistic[float], <forward_f64> _logistic[double],
            <backward_f32> _logistic_back[float], <backward_f64> _logistic_back[double])


cdef leaf _tanh(floating* a, Py_ssize_t n, const double* h) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        a[j] = tangent(a[j])


cdef leaf _tanh_back(
    const floating* a, floating* delta, Py_ssize_t n, const double* h
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        delta[j] *= 1 - a[j] * a[j]


class Tanh(Activation):
    """The hyperbolic tangent, ``f(z) = tanh(z)``.

    Examples
    --------
    >>> from skgd.activations import Tanh
    >>> Tanh().evaluate([0.0])
    (array([0.]), array([1.]))
    """

    def _kernel(self):
        return activation_kernel(
            <forward_f32> _tanh[float], <forward_f64> _tanh[double],
            <backward_f32> _tanh_back[float], <backward_f64> _tanh_back[double])


cdef leaf _relu(floating* a, Py_ssize_t n, const double* h) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        a[j] = 0 if a[j] < 0 else a[j]  # this way round NaN stays NaN


cdef leaf _relu_back(
    const floating* a, floating* delta, Py_ssize_t n, const double* h
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        delta[j] = 0 if a[j] == 0 else delta[j]


class ReLU(Activation):
    """The rectified linear unit, ``f(z) = max(0, z)``.

    Examples
    --------
    >>> from skgd.activations import ReLU
    >>> ReLU().evaluate([-1.0, 2.0])
    (array([0., 2.]), array([0., 1.]))
    """

    _homogeneous = True
    _suits = "he"

    def _kernel(self):
        return activation_kernel(
            <forward_f32> _relu[float], <forward_f64> _relu[double],
            <backward_f32> _relu_back[float], <backward_f64> _relu_back[double])


cdef leaf _leaky_relu(floating* a, Py_ssize_t n, const double* h) noexcept nogil:
    cdef Py_ssize_t j
    cdef floating slope = h[0]
    for j in range(n):
        a[j] = slope * a[j] if a[j] < 0 else a[j]


cdef leaf _leaky_relu_back(
    const floating* a, floating* delta, Py_ssize_t n, const double* h
) noexcept nogil:
    cdef Py_ssize_t j
    cdef floating slope = h[0]
    for j in range(n):
        delta[j] = delta[j] if a[j] > 0 else slope * delta[j]


class LeakyReLU(Activation):
    r"""Rectified linear unit with a small slope below zero [1]_.

    .. math:: f(z) = z \text{ if } z > 0, \quad s z \text{ else}

    Parameters
    ----------
    negative_slope : float, default=0.01
        The slope ``s`` below zero, at least 0, which is `ReLU`.

    References
    ----------
    .. [1] A. Maas, A. Hannun, A. Ng, "Rectifier Nonlinearities Improve Neural
       Network Acoustic Models", ICML 2013.

    Examples
    --------
    >>> from skgd.activations import LeakyReLU
    >>> LeakyReLU(negative_slope=0.25).evaluate([-1.0, 2.0])
    (array([-0.25,  2.  ]), array([0.25, 1.  ]))
    """

    _allowed = {"negative_slope": Allowed(Real, ge=0)}

    _homogeneous = True
    _suits = "he"

    def __init__(self, negative_slope=0.01):
        self.negative_slope = negative_slope

    @property
    def _slope_below(self):
        return self.negative_slope

    def _kernel(self):
        return activation_kernel(
            <forward_f32> _leaky_relu[float], <forward_f64> _leaky_relu[double],
            <backward_f32> _leaky_relu_back[float],
            <backward_f64> _leaky_relu_back[double], self.negative_slope)


cdef leaf _elu(floating* a, Py_ssize_t n, const double* h) noexcept nogil:
    cdef Py_ssize_t j
    cdef floating alpha = h[0], below
    for j in range(n):
        below = alpha * exponential_minus_1(0 if a[j] > 0 else a[j])
        a[j] = a[j] if a[j] > 0 else below


cdef leaf _elu_back(
    const floating* a, floating* delta, Py_ssize_t n, const double* h
) noexcept nogil:
    cdef Py_ssize_t j
    cdef floating alpha = h[0]
    for j in range(n):
        delta[j] *= 1 if a[j] > 0 else a[j] + alpha


class ELU(Activation):
    r"""Exponential linear unit [1]_.

    .. math:: f(z) = z \text{ if } z > 0, \quad \alpha (e^z - 1) \text{ else}

    Parameters
    ----------
    alpha : float, default=1.0
        The activation approaches ``-alpha`` far below zero; at least 0.

    References
    ----------
    .. [1] D. Clevert, T. Unterthiner, S. Hochreiter, "Fast and Accurate Deep
       Network Learning by Exponential Linear Units", :arxiv:`1511.07289`, 2015.

    Examples
    --------
    >>> from skgd.activations import ELU
    >>> ELU().evaluate([0.0, 2.0])
    (array([0., 2.]), array([1., 1.]))
    """

    _allowed = {"alpha": Allowed(Real, ge=0)}

    _suits = "he"

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def _kernel(self):
        return activation_kernel(
            <forward_f32> _elu[float], <forward_f64> _elu[double],
            <backward_f32> _elu_back[float], <backward_f64> _elu_back[double],
            self.alpha)


# of the paper, to double precision; and their product
cdef double SELU_SCALE = 1.0507009873554805
cdef double SELU_PRODUCT = 1.7580993408473768


cdef leaf _selu(floating* a, Py_ssize_t n, const double* h) noexcept nogil:
    cdef Py_ssize_t j
    cdef floating scale = SELU_SCALE, product = SELU_PRODUCT, below
    for j in range(n):
        below = product * exponential_minus_1(0 if a[j] > 0 else a[j])
        a[j] = scale * a[j] if a[j] > 0 else below


cdef leaf _selu_back(
    const floating* a, floating* delta, Py_ssize_t n, const double* h
) noexcept nogil:
    cdef Py_ssize_t j
    cdef floating scale = SELU_SCALE, product = SELU_PRODUCT
    for j in range(n):
        delta[j] *= scale if a[j] > 0 else a[j] + product


class SELU(Activation):
    r"""Scaled exponential linear unit [1]_.

    .. math:: f(z) = \lambda z \text{ if } z > 0, \quad
              \lambda \alpha (e^z - 1) \text{ else}

    with ``lambda = 1.0507`` and ``alpha = 1.6733``. If the inputs of a layer have mean 0
    and variance 1, and its weights have variance ``1 / fan_in``
    (``weight_init='lecun'``), its outputs also have mean 0 and variance 1.

    References
    ----------
    .. [1] G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, "Self-Normalizing
       Neural Networks", NIPS 2017.

    Examples
    --------
    >>> from skgd.activations import SELU
    >>> SELU().evaluate([0.0, 1.0])
    (array([0.        , 1.05070099]), array([1.75809934, 1.05070099]))
    """

    _suits = "lecun"

    def _kernel(self):
        return activation_kernel(
            <forward_f32> _selu[float], <forward_f64> _selu[double],
            <backward_f32> _selu_back[float], <backward_f64> _selu_back[double])


cdef leaf _gelu(floating* a, Py_ssize_t n, const double* h) noexcept nogil:
    cdef Py_ssize_t j
    cdef floating z, tail, density
    cdef floating far = -14 if floating is float else -40
    for j in range(n):
        z = far if a[j] < far else a[j]     # infinity times zero is 0
        tail = normal_tail(z if z > 0 else -z, &density)
        a[j] = z * (1 - tail if z > 0 else tail)


cdef leaf _gelu_back(
    const floating* z, floating* delta, Py_ssize_t n, const double* h
) noexcept nogil:
    cdef Py_ssize_t j
    cdef floating root = 0.3989422804014327     # of 1 / (2 pi)
    cdef floating size, tail, density
    for j in range(n):
        size = z[j] if z[j] > 0 else -z[j]
        size = 40 if size > 40 else size
        tail = normal_tail(size, &density)
        density *= root * size
        delta[j] *= 1 - tail + density if z[j] > 0 else tail - density


class GELU(Activation):
    r"""Gaussian error linear unit in its exact form [1]_.

    .. math:: f(z) = z \, \Phi(z) = \frac{z}{2}
              \left( 1 + \operatorname{erf}(z / \sqrt{2}) \right)

    References
    ----------
    .. [1] D. Hendrycks, K. Gimpel, "Gaussian Error Linear Units (GELUs)",
       :arxiv:`1606.08415`, 2016.

    Examples
    --------
    >>> from skgd.activations import GELU
    >>> GELU().evaluate([0.0, 1.0])
    (array([0.        , 0.84134475]), array([0.5       , 1.08331547]))
    """

    _suits = "he"

    def _kernel(self):
        return activation_kernel(
            <forward_f32> _gelu[float], <forward_f64> _gelu[double],
            <backward_f32> _gelu_back[float], <backward_f64> _gelu_back[double],
            0.0, True)


cdef leaf _silu(floating* a, Py_ssize_t n, const double* h) noexcept nogil:
    cdef Py_ssize_t j
    cdef floating z
    for j in range(n):
        z = -1000 if a[j] < -1000 else a[j]     # infinity times zero is 0
        a[j] = z * sigmoid(z)


cdef leaf _silu_back(
    const floating* z, floating* delta, Py_ssize_t n, const double* h
) noexcept nogil:
    # s + z s (1 - s), and 1 - s is the sigmoid of -z: nothing cancels
    cdef Py_ssize_t j
    cdef floating x
    for j in range(n):
        x = -1000 if z[j] < -1000 else z[j]
        x = 1000 if x > 1000 else x
        delta[j] *= sigmoid(x) * (1 + x * sigmoid(-x))


class SiLU(Activation):
    r"""Sigmoid linear unit, also called swish [1]_.

    .. math:: f(z) = z / (1 + e^{-z})

    References
    ----------
    .. [1] S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-Weighted Linear Units for Neural
       Network Function Approximation in Reinforcement Learning",
       :arxiv:`1702.03118`, 2017.

    Examples
    --------
    >>> from skgd.activations import SiLU
    >>> SiLU().evaluate([0.0, 1.0])
    (array([0.        , 0.73105858]), array([0.5       , 0.92767051]))
    """

    _suits = "he"

    def _kernel(self):
        return activation_kernel(
            <forward_f32> _silu[float], <forward_f64> _silu[double],
            <backward_f32> _silu_back[float], <backward_f64> _silu_back[double],
            0.0, True)


cdef inline floating _shrunk(floating z) noexcept nogil:
    # exp(-|z|), and beyond the normal numbers zero
    cdef floating size = z if z > 0 else -z
    cdef floating far = 87.3365 if floating is float else 708.396
    return 0 if size > far else exponential(-size)


cdef leaf _mish(floating* a, Py_ssize_t n, const double* h) noexcept nogil:
    # tanh(log(1 + e^z)) = p / q; multiplied by e^(-2 z) for positive z
    cdef Py_ssize_t j
    cdef floating z, e, p, q
    for j in range(n):
        z = -1000 if a[j] < -1000 else a[j]
        e = _shrunk(z)
        p = 1 + 2 * e if z > 0 else e * (e + 2)
        q = p + (2 * e * e if z > 0 else 2)
        a[j] = z * (p / q)


cdef leaf _mish_back(
    const floating* z, floating* delta, Py_ssize_t n, const double* h
) noexcept nogil:
    # f' = t + z (1 - t^2) s, with (1 - t^2) s = 4 e (1 + e) / q^2
    cdef Py_ssize_t j
    cdef floating x, e, p, q
    for j in range(n):
        x = -1000 if z[j] < -1000 else z[j]
        x = 1000 if x > 1000 else x
        e = _shrunk(x)
        p = 1 + 2 * e if x > 0 else e * (e + 2)
        q = 1 / (p + (2 * e * e if x > 0 else 2))
        delta[j] *= p * q + x * (4 * e * (1 + e) * (e if x > 0 else 1) * q * q)


class Mish(Activation):
    r"""Self-regularised smooth unit [1]_.

    .. math:: f(z) = z \tanh(\log(1 + e^z))

    References
    ----------
    .. [1] D. Misra, "Mish: A Self Regularized Non-Monotonic Activation Function",
       :arxiv:`1908.08681`, 2019.

    Examples
    --------
    >>> from skgd.activations import Mish
    >>> Mish().evaluate([0.0, 1.0])
    (array([0.        , 0.86509839]), array([0.6       , 1.04903622]))
    """

    _suits = "he"

    def _kernel(self):
        return activation_kernel(
            <forward_f32> _mish[float], <forward_f64> _mish[double],
            <backward_f32> _mish_back[float], <backward_f64> _mish_back[double],
            0.0, True)


ACTIVATIONS = {
    "identity": Identity,
    "logistic": Logistic,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "selu": SELU,
    "gelu": GELU,
    "silu": SiLU,
    "mish": Mish,
}
