"""Optimizers: how a gradient becomes an update.

Each rule consists of a leaf function, which updates a block of parameters, and a class.
To add an optimizer, write both and add the class to `OPTIMIZERS`;
`tests/test_optimizers.py` then requires its oracle.

In the formulas, ``g`` is the gradient of the loss plus ``l2 * w``, ``r`` is the learning
rate, and ``t`` is the number of the update, from 1. `held_back` is the proximal step of
the L1 penalty. It returns ``s``, which is the new weight clipped to the reach of the
penalty, and the update subtracts ``s`` from the weight. A state that is a linear function
of the gradients (a velocity or a first moment) is corrected, as if the gradient had been
``g + l1 * sign`` (``docs/penalties.md``).
"""

from cython cimport floating
from libc.math cimport pow, sqrt

from numbers import Integral, Real

from ._rules.vector cimport leaf, root
from ._rules.optimizer cimport Step, step_f32, step_f64, step_kernel
from .penalties cimport held_back

from ._rules.optimizer import Optimizer
from ._rules.rule import Allowed, Rule

__all__ = [
    "AdaGrad",
    "Adam",
    "AdamW",
    "LBFGS",
    "Lion",
    "Momentum",
    "NAdam",
    "OPTIMIZERS",
    "RMSprop",
    "SGD",
]


cdef leaf _sgd(
    floating* w, const floating* g, floating* slots, Py_ssize_t stride, Py_ssize_t n,
    const Step* step,
) noexcept nogil:
    cdef floating rate = step.rate, total = step.l1_total, keep = sgd_keep(step)
    cdef Py_ssize_t j
    for j in range(n):
        w[j] = sgd_moved(w[j], g[j], keep, rate)
    if step.l1 != 0:
        for j in range(n):
            truncate(&w[j], &slots[j], total)


class SGD(Optimizer):
    r"""Plain gradient descent.

    .. math:: w \leftarrow w - r g

    An L1 penalty is applied by the truncated gradient with cumulative penalty, as in
    scikit-learn's `SGDClassifier` [1]_.

    Parameters
    ----------
    learning_rate : float, default=None
        {learning_rate}

    References
    ----------
    .. [1] Y. Tsuruoka, J. Tsujii, S. Ananiadou, "Stochastic Gradient Descent
       Training for L1-regularized Log-linear Models with Cumulative Penalty",
       ACL 2009.

    Examples
    --------
    >>> from skgd.optimizers import SGD
    >>> SGD(learning_rate=0.1)
    SGD(learning_rate=0.1)
    """

    _formula = "`w -= r g`"
    _rates = {
        "update": 0.01, "linear": 0.1, "single linear": 0.005, "single network": 0.01,
        "network": 0.1}

    def __init__(self, learning_rate=None):
        self.learning_rate = learning_rate

    def _kernel(self, l1):
        # The slot is the penalty that each weight has received so far.
        return step_kernel(
            <step_f32> _sgd[float], <step_f64> _sgd[double], 1 if l1 else 0, (), True)


cdef leaf _momentum(
    floating* w, const floating* g, floating* slots, Py_ssize_t stride, Py_ssize_t n,
    const Step* step,
) noexcept nogil:
    cdef floating rate = step.rate, l2 = step.l2, mu = step.h[0]
    # nesterov: the move looks ahead by one more application of mu
    cdef floating ahead = mu if step.h[1] != 0 else 0
    cdef floating reach = step.rate * (1 + ahead) * step.l1
    cdef floating back = 1 / (1 + ahead)
    cdef floating* v = slots
    cdef floating gj, move, s
    cdef Py_ssize_t j
    for j in range(n):
        gj = rate * (g[j] + l2 * w[j])
        v[j] = mu * v[j] - gj
        move = ahead * v[j] - gj + w[j] if ahead != 0 else v[j] + w[j]
        s = held_back(move, reach)
        w[j] = move - s
        v[j] = v[j] - s * back if reach != 0 else v[j]


class Momentum(Optimizer):
    r"""Gradient descent with momentum, whose velocity includes the rate.

    .. math:: v \leftarrow \mu v - r g, \qquad w \leftarrow w + v

    With `nesterov`, ``w`` moves by ``mu v - r g``, where ``v`` is the new velocity, as in
    scikit-learn's `MLPClassifier` [1]_. PyTorch's velocity does not include the rate
    (``v = mu v + g``, ``w -= r v``). While the rate is constant, the path is the same.

    Parameters
    ----------
    learning_rate : float, default=None
        {learning_rate}
    momentum : float, default=0.9
        The share ``mu`` of the velocity that each update keeps, in [0, 1).
    nesterov : bool, default=False
        Whether to use Nesterov's momentum.

    References
    ----------
    .. [1] I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of
       initialization and momentum in deep learning", ICML 2013.

    Examples
    --------
    >>> from skgd.optimizers import Momentum
    >>> Momentum(nesterov=True)
    Momentum(nesterov=True)
    """

    _formula = "`v = mu v - r g; w += v`"
    _variants = {"nesterov": "the same `v`, then `w += mu v - r g`"}
    _rates = {
        "update": 0.01, "linear": 0.02, "single linear": 0.0005,
        "single network": 0.001, "network": 0.01}
    _allowed = {
        **Optimizer._allowed,
        "momentum": Allowed(Real, ge=0, lt=1),
        "nesterov": Allowed(bool),
    }

    def __init__(self, learning_rate=None, *, momentum=0.9, nesterov=False):
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov

    def _kernel(self, l1):
        return step_kernel(
            <step_f32> _momentum[float], <step_f64> _momentum[double], 1,
            (self.momentum, self.nesterov))


cdef leaf _adagrad(
    floating* w, const floating* g, floating* slots, Py_ssize_t stride, Py_ssize_t n,
    const Step* step,
) noexcept nogil:
    cdef floating rate = step.rate, l1 = step.l1, l2 = step.l2, epsilon = step.h[0]
    cdef floating* h = slots
    cdef floating gj, scale, moved
    cdef Py_ssize_t j
    for j in range(n):
        gj = g[j] + l2 * w[j]
        h[j] += gj * gj
        scale = rate / (root(h[j]) + epsilon)
        moved = w[j] - scale * gj
        w[j] = moved - held_back(moved, scale * l1)


class AdaGrad(Optimizer):
    r"""A rate for each parameter that falls with the sum of its squared gradients.

    .. math:: h \leftarrow h + g^2, \qquad
              w \leftarrow w - \frac{r g}{\sqrt{h} + \epsilon}

    The rule is from [1]_.

    Parameters
    ----------
    learning_rate : float, default=None
        {learning_rate}
    epsilon : float, default=1e-7
        A constant that is added to the root.

    References
    ----------
    .. [1] J. Duchi, E. Hazan, Y. Singer, "Adaptive Subgradient Methods for
       Online Learning and Stochastic Optimization", JMLR 12, 2011.

    Examples
    --------
    >>> from skgd.optimizers import AdaGrad
    >>> AdaGrad(epsilon=1e-10)
    AdaGrad(epsilon=1e-10)
    """

    _formula = "`h += g^2; w -= r g / (sqrt(h) + eps)`"
    _rates = {
        "update": 0.01, "linear": 0.3, "single linear": 0.1, "network": 0.02,
        "function": 0.1}
    _squares = True
    _allowed = {**Optimizer._allowed, "epsilon": Allowed(Real, gt=0)}

    def __init__(self, learning_rate=None, *, epsilon=1e-7):
        self.learning_rate = learning_rate
        self.epsilon = epsilon

    def _kernel(self, l1):
        return step_kernel(
            <step_f32> _adagrad[float], <step_f64> _adagrad[double], 1, (self.epsilon,))


cdef leaf _rmsprop(
    floating* w, const floating* g, floating* slots, Py_ssize_t stride, Py_ssize_t n,
    const Step* step,
) noexcept nogil:
    cdef floating rate = step.rate, l1 = step.l1, l2 = step.l2
    cdef floating rho = step.h[0], new = 1 - step.h[0], epsilon = step.h[1]
    cdef floating* v = slots
    cdef floating* m = slots + stride
    cdef floating gj, spread, scale, moved
    cdef Py_ssize_t j
    if step.h[2] == 0:
        for j in range(n):
            gj = g[j] + l2 * w[j]
            v[j] = rho * v[j] + new * gj * gj
            scale = rate / (root(v[j]) + epsilon)
            moved = w[j] - scale * gj
            w[j] = moved - held_back(moved, scale * l1)
        return
    for j in range(n):
        gj = g[j] + l2 * w[j]
        v[j] = rho * v[j] + new * gj * gj
        m[j] = rho * m[j] + new * gj
        spread = v[j] - m[j] * m[j]
        scale = rate / (root(spread if spread > 0 else 0) + epsilon)
        moved = w[j] - scale * gj
        w[j] = moved - held_back(moved, scale * l1)


class RMSprop(Optimizer):
    r"""A rate for each parameter that follows the mean of its squared gradients.

    .. math:: v \leftarrow \rho v + (1 - \rho) g^2, \qquad
              w \leftarrow w - \frac{r g}{\sqrt{v} + \epsilon}

    The rule is from [1]_. With `centered`, the root is that of the running variance
    ``v - m ** 2``, where ``m`` is the running mean of the gradient [2]_.

    Parameters
    ----------
    learning_rate : float, default=None
        {learning_rate}
    rho : float, default=0.9
        The share of the running mean that each update keeps, in [0, 1).
    epsilon : float, default=1e-8
        A constant that is added to the root.
    centered : bool, default=False
        Whether to use the running variance.

    References
    ----------
    .. [1] T. Tieleman, G. Hinton, "Lecture 6.5 - rmsprop", Neural Networks for
       Machine Learning, 2012.
    .. [2] A. Graves, "Generating Sequences With Recurrent Neural Networks",
       :arxiv:`1308.0850`, 2013.

    Examples
    --------
    >>> from skgd.optimizers import RMSprop
    >>> RMSprop(rho=0.99, centered=True)
    RMSprop(centered=True, rho=0.99)
    """

    _formula = "`v = rho v + (1 - rho) g^2; w -= r g / (sqrt(v) + eps)`"
    _variants = {"centered": "and `m = rho m + (1 - rho) g`, the root of `v - m^2`"}
    _rates = {
        "update": 0.001, "linear": 0.04, "single linear": 0.003, "network": 0.001,
        "function": 0.01}
    _normalises = True
    _squares = True
    _allowed = {
        **Optimizer._allowed,
        "rho": Allowed(Real, ge=0, lt=1),
        "epsilon": Allowed(Real, gt=0),
        "centered": Allowed(bool),
    }

    def __init__(self, learning_rate=None, *, rho=0.9, epsilon=1e-8, centered=False):
        self.learning_rate = learning_rate
        self.rho = rho
        self.epsilon = epsilon
        self.centered = centered

    def _kernel(self, l1):
        return step_kernel(
            <step_f32> _rmsprop[float], <step_f64> _rmsprop[double],
            2 if self.centered else 1, (self.rho, self.epsilon, self.centered))


cdef inline void _moments(
    floating* w, const floating* g, floating* m, floating* v, floating* largest,
    Py_ssize_t n, const Step* step, bint amsgrad,
) noexcept nogil:
    cdef floating b1 = step.h[0], b2 = step.h[1], epsilon = step.h[2], l2 = step.l2
    # in double precision: 1 - 0.999 in single is off in the fifth digit
    cdef floating new1 = 1 - step.h[0], new2 = 1 - step.h[1]
    # bias corrections: of the first moment in the rate, of the second in the root
    cdef floating rate = step.rate / (1 - pow(step.h[0], step.t))
    cdef floating fix = 1 / sqrt(1 - pow(step.h[1], step.t))
    cdef floating reach = rate * new1 * step.l1
    # the reciprocal of a rate that a schedule has brought to nothing would overflow
    cdef floating back = 1 / rate if rate > 1e-30 else 0
    cdef floating gj, below, scale, moved, s
    cdef Py_ssize_t j
    for j in range(n):
        gj = g[j] + l2 * w[j]
        m[j] = b1 * m[j] + new1 * gj
        v[j] = b2 * v[j] + new2 * gj * gj
        if amsgrad:
            largest[j] = largest[j] if largest[j] > v[j] else v[j]
        below = root(largest[j] if amsgrad else v[j]) * fix + epsilon
        scale = 1 / below
        moved = w[j] - rate * m[j] * scale
        s = held_back(moved, reach * scale)
        w[j] = moved - s
        m[j] = m[j] + s * below * back if reach != 0 else m[j]


cdef leaf _adam(
    floating* w, const floating* g, floating* slots, Py_ssize_t stride, Py_ssize_t n,
    const Step* step,
) noexcept nogil:
    # Each call has a constant for `amsgrad`, so that there are two loops. If one loop
    # had a third slot that need not exist, what lies behind the slots could be the
    # weights, and the compiler could not use vectors (8 times as slow).
    cdef floating* v = slots + stride
    if step.h[3] != 0:
        _moments(w, g, slots, v, slots + 2 * stride, n, step, True)
    else:
        _moments(w, g, slots, v, v, n, step, False)


class Adam(Optimizer):
    r"""Momentum and a rate for each parameter, both corrected for their start.

    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad
              v \leftarrow \beta_2 v + (1 - \beta_2) g^2

    .. math:: w \leftarrow w - r \frac{m / (1 - \beta_1^t)}
              {\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    The epsilon is added after the correction, as in the paper [1]_ and in PyTorch.
    scikit-learn adds it before. With `amsgrad`, the root is that of the largest ``v`` so
    far [2]_.

    Parameters
    ----------
    learning_rate : float, default=None
        {learning_rate}
    beta_1 : float, default=0.9
        The share of the first moment that each update keeps, in [0, 1).
    beta_2 : float, default=0.999
        The share of the second moment that each update keeps, in [0, 1).
    epsilon : float, default=1e-8
        A constant that is added to the root.
    amsgrad : bool, default=False
        Whether to use the largest second moment so far.

    References
    ----------
    .. [1] D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization",
       :arxiv:`1412.6980`, 2014.
    .. [2] S. Reddi, S. Kale, S. Kumar, "On the Convergence of Adam and Beyond",
       ICLR 2018.

    Examples
    --------
    >>> from skgd.optimizers import Adam
    >>> Adam(beta_1=0.8)
    Adam(beta_1=0.8)
    """

    _formula = (
        "`m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= r (m / (1 - b1^t)) "
        "/ (sqrt(v / (1 - b2^t)) + eps)`")
    _variants = {"amsgrad": "the root of the largest `v` so far"}
    _rates = {
        "update": 0.001, "linear": 0.1, "single linear": 0.005,
        "single network": 0.001, "network": 0.002, "function": 0.01}
    _normalises = True
    _squares = True
    _allowed = {
        **Optimizer._allowed,
        "beta_1": Allowed(Real, ge=0, lt=1),
        "beta_2": Allowed(Real, ge=0, lt=1),
        "epsilon": Allowed(Real, gt=0),
        "amsgrad": Allowed(bool),
    }

    def __init__(
        self, learning_rate=None, *, beta_1=0.9, beta_2=0.999, epsilon=1e-8,
        amsgrad=False,
    ):
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    def _kernel(self, l1):
        return step_kernel(
            <step_f32> _adam[float], <step_f64> _adam[double],
            3 if self.amsgrad else 2,
            (self.beta_1, self.beta_2, self.epsilon, self.amsgrad))


cdef inline void _decay(
    floating* w, Py_ssize_t n, const Step* step, double weight_decay
) noexcept nogil:
    # a decay stronger than 1 / rate sets the weights to zero, not beyond
    cdef double decay = step.rate * weight_decay
    cdef floating keep = 1 - decay if decay < 1 else 0
    cdef Py_ssize_t j
    if step.decays and decay != 0:
        for j in range(n):
            w[j] *= keep


cdef leaf _adamw(
    floating* w, const floating* g, floating* slots, Py_ssize_t stride, Py_ssize_t n,
    const Step* step,
) noexcept nogil:
    _decay(w, n, step, step.h[4])
    _adam(w, g, slots, stride, n, step)


class AdamW(Adam):
    r"""Adam with a weight decay that is not part of the gradient.

    .. math:: w \leftarrow (1 - r \lambda) \, w

    The step of `Adam` follows, as in [1]_ and in PyTorch. In an estimator, the decay acts
    on the weights but not on intercepts, and the penalty of the estimator (``alpha``) is
    part of the gradient in addition. In `update`, the decay acts on all parameters.

    Parameters
    ----------
    learning_rate : float, default=None
        {learning_rate}
    beta_1 : float, default=0.9
        The share of the first moment that each update keeps, in [0, 1).
    beta_2 : float, default=0.999
        The share of the second moment that each update keeps, in [0, 1).
    epsilon : float, default=1e-8
        A constant that is added to the root.
    amsgrad : bool, default=False
        Whether to use the largest second moment so far.
    weight_decay : float, default=0.01
        The decay ``lambda``, at least 0. It is not included in ``loss_curve_``.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization",
       ICLR 2019.

    Examples
    --------
    >>> from skgd.optimizers import AdamW
    >>> AdamW(weight_decay=0.1)
    AdamW(weight_decay=0.1)
    """

    _formula = "`w -= r weight_decay w`, then that of `Adam`"
    _variants = {}
    _allowed = {**Adam._allowed, "weight_decay": Allowed(Real, ge=0)}

    def __init__(
        self, learning_rate=None, *, beta_1=0.9, beta_2=0.999, epsilon=1e-8,
        amsgrad=False, weight_decay=0.01,
    ):
        super().__init__(
            learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon,
            amsgrad=amsgrad)
        self.weight_decay = weight_decay

    def _kernel(self, l1):
        return step_kernel(
            <step_f32> _adamw[float], <step_f64> _adamw[double],
            3 if self.amsgrad else 2,
            (self.beta_1, self.beta_2, self.epsilon, self.amsgrad, self.weight_decay))


cdef leaf _nadam(
    floating* w, const floating* g, floating* slots, Py_ssize_t stride, Py_ssize_t n,
    const Step* step,
) noexcept nogil:
    cdef floating b1 = step.h[0], b2 = step.h[1], epsilon = step.h[2], l2 = step.l2
    cdef floating new1 = 1 - step.h[0], new2 = 1 - step.h[1]
    # what the moment and the gradient itself have of the step, bias corrected
    cdef floating ahead = step.rate * step.h[0] / (1 - pow(step.h[0], step.t + 1))
    cdef floating now = step.rate * (1 - step.h[0]) / (1 - pow(step.h[0], step.t))
    cdef floating fix = 1 / sqrt(1 - pow(step.h[1], step.t))
    cdef floating both = ahead * new1 + now
    cdef floating reach = both * step.l1
    cdef floating back = new1 / both if both > 1e-30 else 0    # (as in _adam)
    cdef floating* m = slots
    cdef floating* v = slots + stride
    cdef floating gj, below, scale, moved, s
    cdef Py_ssize_t j
    for j in range(n):
        gj = g[j] + l2 * w[j]
        m[j] = b1 * m[j] + new1 * gj
        v[j] = b2 * v[j] + new2 * gj * gj
        below = root(v[j]) * fix + epsilon
        scale = 1 / below
        moved = w[j] - (ahead * m[j] + now * gj) * scale
        s = held_back(moved, reach * scale)
        w[j] = moved - s
        m[j] = m[j] + s * below * back if reach != 0 else m[j]


class NAdam(Optimizer):
    r"""Adam that looks ahead by one step of its momentum.

    ``m`` and ``v`` are those of `Adam`.

    .. math:: w \leftarrow w - r \, \frac{\beta_1 m / (1 - \beta_1^{t + 1})
              + (1 - \beta_1) g / (1 - \beta_1^t)}
              {\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    This is the rule of the paper [1]_ with a constant momentum. PyTorch raises the
    momentum from ``beta_1 / 2``. With a large ``momentum_decay``, its rule is the same.

    Parameters
    ----------
    learning_rate : float, default=None
        {learning_rate}
    beta_1 : float, default=0.9
        The share of the first moment that each update keeps, in [0, 1).
    beta_2 : float, default=0.999
        The share of the second moment that each update keeps, in [0, 1).
    epsilon : float, default=1e-8
        A constant that is added to the root.

    References
    ----------
    .. [1] T. Dozat, "Incorporating Nesterov Momentum into Adam", ICLR Workshop,
       2016.

    Examples
    --------
    >>> from skgd.optimizers import NAdam
    >>> NAdam(beta_1=0.8)
    NAdam(beta_1=0.8)
    """

    _formula = (
        "`m`, `v` of `Adam`; `w -= r (b1 m / (1 - b1^(t+1)) + (1 - b1) g / "
        "(1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)`")
    _rates = Adam._rates
    _normalises = True
    _squares = True
    _allowed = {
        name: allowed for name, allowed in Adam._allowed.items() if name != "amsgrad"
    }

    def __init__(self, learning_rate=None, *, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def _kernel(self, l1):
        return step_kernel(
            <step_f32> _nadam[float], <step_f64> _nadam[double], 2,
            (self.beta_1, self.beta_2, self.epsilon))


cdef leaf _lion(
    floating* w, const floating* g, floating* slots, Py_ssize_t stride, Py_ssize_t n,
    const Step* step,
) noexcept nogil:
    cdef floating b1 = step.h[0], b2 = step.h[1], l1 = step.l1, l2 = step.l2
    cdef floating rate = step.rate, new1 = 1 - step.h[0], new2 = 1 - step.h[1]
    # The penalty is within the sign: between -pull and pull it can undo the gradient.
    cdef floating pull = new1 * l1, back = 1 / new1, most = rate if step.l1 != 0 else 0
    cdef floating* m = slots
    cdef floating gj, u, size, moved, part
    cdef Py_ssize_t j
    _decay(w, n, step, step.h[2])
    for j in range(n):
        gj = g[j] + l2 * w[j]
        u = b1 * m[j] + new1 * gj
        size = u if u > 0 else -u
        # (0 * u: NaN stays NaN)
        moved = w[j] - (rate if u > pull else -rate if u < -pull else 0 * u)
        w[j] = moved - held_back(moved, most if size <= pull else 0)
        part = l1 if w[j] > 0 else -l1 if w[j] < 0 else -held_back(u * back, l1)
        m[j] = b2 * m[j] + new2 * (gj + part)


class Lion(Optimizer):
    r"""The sign of a momentum, so that every step is as long as the rate.

    .. math:: w \leftarrow w - r \, \operatorname{sign}(\beta_1 m + (1 - \beta_1) g),
              \qquad m \leftarrow \beta_2 m + (1 - \beta_2) g

    The rule was found by a search over programs [1]_. The sign of zero is zero, so that
    a weight without a gradient stays. The rule keeps one number per parameter, where
    `Adam` keeps two. Its steps do not become shorter near an optimum, so the learning
    rate should fall.

    Parameters
    ----------
    learning_rate : float, default=None
        {learning_rate}
    beta_1 : float, default=0.9
        The share of the momentum in the sign, in [0, 1).
    beta_2 : float, default=0.99
        The share of the momentum that each update keeps, in [0, 1).
    weight_decay : float, default=0.0
        The decay ``lambda`` of `AdamW`, at least 0. Before each step, the weights are
        multiplied by ``1 - r * lambda``. It is zero by default, as in the authors' code,
        because the estimators have a penalty of their own, ``alpha``, which is in the
        gradient; with a decay the optimum is that of another objective.

    References
    ----------
    .. [1] X. Chen, C. Liang, D. Huang, E. Real, K. Wang, H. Pham, X. Dong, T. Luong,
       C. Hsieh, Y. Lu, Q. Le, "Symbolic Discovery of Optimization Algorithms",
       :arxiv:`2302.06675`, 2023.

    Examples
    --------
    >>> from skgd.optimizers import Lion
    >>> Lion(weight_decay=0.1)
    Lion(weight_decay=0.1)
    """

    _formula = "`w -= r sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g`"
    _rates = {
        "update": 0.0001, "linear": 0.03, "single linear": 0.0005, "network": 0.0006,
        "single network": 0.0001, "function": 0.003}
    _normalises = True
    _allowed = {
        **Optimizer._allowed,
        "beta_1": Allowed(Real, ge=0, lt=1),
        "beta_2": Allowed(Real, ge=0, lt=1),
        "weight_decay": Allowed(Real, ge=0),
    }

    def __init__(
        self, learning_rate=None, *, beta_1=0.9, beta_2=0.99, weight_decay=0.0
    ):
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.weight_decay = weight_decay

    def _kernel(self, l1):
        return step_kernel(
            <step_f32> _lion[float], <step_f64> _lion[double], 1,
            (self.beta_1, self.beta_2, self.weight_decay))


class LBFGS(Rule):
    r"""Limited-memory BFGS, a quasi-Newton method for the objective over all samples.

    .. math:: w \leftarrow w - r H g

    ``H`` approximates the inverse of the second derivatives by the last changes of ``w``
    and ``g`` [1]_. A line search finds ``r``. SciPy's L-BFGS-B [2]_ makes these
    iterations, as in scikit-learn's `LogisticRegression` and, with ``solver='lbfgs'``,
    in its `MLP*`.

    Only the estimators have this optimizer, as ``optimizer='lbfgs'`` with
    ``solver='batch'``. It is not one of `OPTIMIZERS`, because it needs more than one
    gradient for an update. For a function, use `scipy.optimize.minimize`.

    Parameters
    ----------
    memory : int, default=10
        The number of changes that the approximation uses, at least 1. SciPy calls it
        ``maxcor``.
    max_fun : int, default=15000
        The maximum number of evaluations of the objective in a call of `fit`, at least
        1. The iteration that exceeds it is completed.

    References
    ----------
    .. [1] D. C. Liu, J. Nocedal, "On the Limited Memory BFGS Method for Large Scale
       Optimization", Mathematical Programming 45, 1989.
    .. [2] C. Zhu, R. H. Byrd, P. Lu, J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23, 1997.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgd import GDClassifier
    >>> from skgd.optimizers import LBFGS
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = GDClassifier(solver="batch", optimizer=LBFGS(memory=5)).fit(X, y)
    >>> bool(clf.score(X, y) > 0.95)
    True
    """

    _allowed = {
        "memory": Allowed(Integral, ge=1, le=10**6),  # SciPy makes arrays of this size
        "max_fun": Allowed(Integral, ge=1),
    }

    def __init__(self, memory=10, max_fun=15000):
        self.memory = memory
        self.max_fun = max_fun


OPTIMIZERS = {
    "sgd": SGD,
    "momentum": Momentum,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
    "lion": Lion,
}
