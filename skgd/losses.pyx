"""Losses of a raw prediction, and their derivatives.

Each rule consists of an inline function and a class. The function takes one target `y`
and one raw prediction `z`, returns the loss and writes the derivative with respect to
`z`. To add a loss, write both and add the class to `REGRESSION_LOSSES` or
`CLASSIFICATION_LOSSES`; `tests/test_losses.py` then requires its oracle. The arithmetic
is in double precision for both dtypes.

For `LogLoss`, the target of each output is 0 or 1. With more than two classes, each row
has one class code, and the softmax is over the row. For the margin losses, the target is
-1 or 1, with one output per class (one versus all).

A loss of your own can be any Python object with the method
``value_and_gradient(y_true, raw)``, such as this focal loss for two classes or labels
(Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017), which gives less weight
to samples that are already classified well:

>>> import numpy as np
>>> from scipy.special import expit, log_expit
>>> from sklearn.base import BaseEstimator
>>> from sklearn.datasets import load_breast_cancer
>>> from skgd import GDClassifier
>>> class FocalLoss(BaseEstimator):
...     def __init__(self, gamma=2.0):
...         self.gamma = gamma
...
...     def value_and_gradient(self, y_true, raw):
...         sign = 2 * y_true - 1
...         log_p, miss = log_expit(sign * raw), expit(-sign * raw)
...         weight = miss**self.gamma
...         slope = weight * (self.gamma * (1 - miss) * log_p - miss)
...         return -(weight * log_p).sum(axis=1), sign * slope
>>> X, y = load_breast_cancer(return_X_y=True)
>>> clf = GDClassifier(loss=FocalLoss(gamma=1.0)).fit(X, y)
>>> bool(clf.score(X, y) > 0.95)
True
>>> clf.set_params(loss__gamma=3.0).loss
FocalLoss(gamma=3.0)

- `y_true` and `raw` are arrays of float64 and of shape (n_samples, n_outputs).
  Classifiers get the targets of `LogLoss` and have its link; with more than two classes,
  `y_true` has a single column of class codes.
- The method returns the losses, of shape (n_samples,), and their derivatives with respect
  to `raw`. `fit` compares the derivatives with difference quotients for a few samples.
- Regressors predict ``predict(raw)`` if the object has this method, and otherwise `raw`
  itself. `standardize` leaves the targets as they are, because a loss may depend on their
  unit.
- A class derived from `sklearn.base.BaseEstimator` can be cloned and searched, and one
  that is defined in a module can be pickled.
- Python is called for each batch. For 50,000 samples with 20 features, a training took 2
  to 5 times as long as with the compiled log loss, and with ``solver='sgd'``, where each
  sample is a batch, more than 100 times as long.
"""

from libc.math cimport INFINITY, exp, expm1, fabs, isinf, log, log1p

from numbers import Real

import numpy as np

from ._rules.loss cimport LossKernel, loss_kernel

from ._rules.loss import Loss
from ._rules.rule import Allowed, AllowedRising

__all__ = [
    "AbsoluteError",
    "Binomial",
    "CLASSIFICATION_LOSSES",
    "EpsilonInsensitive",
    "Gamma",
    "Hinge",
    "Huber",
    "LOSSES",
    "LogLoss",
    "ModifiedHuber",
    "Multinomial",
    "Perceptron",
    "Poisson",
    "Quantile",
    "REGRESSION_LOSSES",
    "SquaredEpsilonInsensitive",
    "SquaredError",
    "SquaredHinge",
    "Tweedie",
]


# ---------------------------------------------------------------- regression
cdef double _squared_error(
    double y, double z, const double* h, double* dz
) noexcept nogil:
    dz[0] = z - y
    return 0.5 * (z - y) * (z - y)


class SquaredError(Loss):
    r"""Half the squared error, :math:`(z - y)^2 / 2`.

    If a textbook uses the squared error itself, its gradient is twice as large. Its
    learning rate then has to be doubled here.

    Examples
    --------
    >>> from skgd.losses import SquaredError
    >>> SquaredError().evaluate([1.0], [3.0])
    (array([2.]), array([2.]))
    """

    _unit_exponent = 2

    def _kernel(self, softmax=False):
        return loss_kernel(_squared_error, 0.0, True)


cdef double _huber(double y, double z, const double* h, double* dz) noexcept nogil:
    cdef double r = z - y
    if fabs(r) <= h[0]:
        dz[0] = r
        return 0.5 * r * r
    dz[0] = h[0] if r > 0 else -h[0]
    return h[0] * fabs(r) - 0.5 * h[0] * h[0]


class Huber(Loss):
    r"""Squared near zero, absolute beyond `epsilon`.

    .. math:: r^2 / 2 \text{ if } |r| \le \epsilon, \quad
              \epsilon |r| - \epsilon^2 / 2 \text{ else}, \qquad r = z - y

    Parameters
    ----------
    epsilon : float, default=1.35
        The error above which the loss is linear, in units of the target.

    Examples
    --------
    >>> from skgd.losses import Huber
    >>> Huber(epsilon=1.0).evaluate([0.0], [3.0])
    (array([2.5]), array([1.]))
    """

    _unit_exponent = 2
    # (the loss is divided by it)
    _allowed = {"epsilon": Allowed(Real, ge=1e-100)}

    def __init__(self, epsilon=1.35):
        self.epsilon = epsilon

    def _kernel(self, softmax=False):
        return loss_kernel(_huber, self.epsilon)

    def _unit(self, scale):
        # flat beyond epsilon: there a loss is in proportion to it
        return scale * np.minimum(scale, self.epsilon)


cdef double _epsilon_insensitive(
    double y, double z, const double* h, double* dz
) noexcept nogil:
    cdef double r = z - y
    if fabs(r) <= h[0]:
        dz[0] = 0
        return 0
    dz[0] = 1 if r > 0 else -1
    return fabs(r) - h[0]


class EpsilonInsensitive(Loss):
    r"""Absolute error beyond `epsilon`, :math:`\max(0, |z - y| - \epsilon)`.

    Parameters
    ----------
    epsilon : float, default=0.1
        Errors up to this size have no loss, in units of the target.

    Examples
    --------
    >>> from skgd.losses import EpsilonInsensitive
    >>> EpsilonInsensitive(epsilon=0.5).evaluate([0.0], [2.0])
    (array([1.5]), array([1.]))
    """

    _smooth = False
    _allowed = {"epsilon": Allowed(Real, ge=0)}

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon

    def _kernel(self, softmax=False):
        return loss_kernel(_epsilon_insensitive, self.epsilon)


cdef double _squared_epsilon_insensitive(
    double y, double z, const double* h, double* dz
) noexcept nogil:
    cdef double r = z - y, beyond = fabs(r) - h[0]
    if beyond <= 0:
        dz[0] = 0
        return 0
    dz[0] = 2 * beyond if r > 0 else -2 * beyond
    return beyond * beyond


class SquaredEpsilonInsensitive(Loss):
    r"""Squared error beyond `epsilon`, :math:`\max(0, |z - y| - \epsilon)^2`.

    Parameters
    ----------
    epsilon : float, default=0.1
        Errors up to this size have no loss, in units of the target.

    Examples
    --------
    >>> from skgd.losses import SquaredEpsilonInsensitive
    >>> SquaredEpsilonInsensitive(epsilon=1.0).evaluate([0.0], [3.0])
    (array([4.]), array([4.]))
    """

    _unit_exponent = 2
    _allowed = {"epsilon": Allowed(Real, ge=0)}

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon

    def _kernel(self, softmax=False):
        return loss_kernel(_squared_epsilon_insensitive, self.epsilon)


cdef double _quantile(double y, double z, const double* h, double* dz) noexcept nogil:
    cdef double r = y - z
    if r == 0:
        dz[0] = 0
        return 0
    dz[0] = -h[0] if r > 0 else 1 - h[0]
    return h[0] * r if r > 0 else (h[0] - 1) * r


class Quantile(Loss):
    r"""Pinball loss, which is minimal at a quantile of the target.

    .. math:: q (y - z) \text{ if } y > z, \quad (1 - q) (z - y) \text{ else}

    If there are several quantiles of one target, each has its own output, and their
    losses are added. Predictions are in the order of the quantiles. If outputs cross,
    they are sorted [1]_, which lowers the sum of the losses for every target.

    Parameters
    ----------
    quantile : float or list or tuple of float, default=0.5
        The quantile ``q``, in (0, 1), or several quantiles in rising order.

    References
    ----------
    .. [1] V. Chernozhukov, I. Fernandez-Val, A. Galichon, "Quantile and Probability
       Curves Without Crossing", Econometrica 78, 2010.

    Examples
    --------
    >>> from skgd.losses import Quantile
    >>> Quantile(quantile=0.9).evaluate([1.0], [0.0])
    (array([0.9]), array([-0.9]))
    >>> Quantile(quantile=[0.1, 0.9]).evaluate([1.0], [[0.0, 2.0]])
    (array([0.2]), array([[-0.1,  0.1]]))
    """

    _smooth = False
    _allowed = {"quantile": AllowedRising(Real, gt=0, lt=1)}

    def __init__(self, quantile=0.5):
        self.quantile = quantile

    @property
    def n_levels(self):
        """Outputs for a single target: the number of quantiles."""
        return len(self.quantile) if isinstance(self.quantile, list | tuple) else 1

    def _kernel(self, softmax=False):
        return loss_kernel(_quantile, self.quantile)


class AbsoluteError(Loss):
    r"""Absolute error, :math:`|z - y|`.

    Examples
    --------
    >>> from skgd.losses import AbsoluteError
    >>> AbsoluteError().evaluate([1.0], [3.0])
    (array([2.]), array([1.]))
    """

    _smooth = False

    def _kernel(self, softmax=False):
        # no insensitive zone
        return loss_kernel(_epsilon_insensitive, 0.0)


def _check_least(loss, y, positive):
    if y.size and (y.min() <= 0 if positive else y.min() < 0):
        raise ValueError(
            f"Some value(s) of y are out of the valid range of the loss {loss!r}: the "
            f"least is {y.min()}, all must be {'> 0' if positive else '>= 0'}."
        )


cdef double _poisson(double y, double z, const double* h, double* dz) noexcept nogil:
    cdef double mean = exp(z)
    dz[0] = mean - y
    return mean - y * z + (y * log(y) - y if y > 0 else 0)


class Poisson(Loss):
    r"""Half the Poisson deviance with the log link.

    .. math:: y \log(y / \mu) - y + \mu, \qquad \mu = \exp(z)

    Predictions are the means ``mu``. Targets are counts or rates and must not be
    negative.

    Examples
    --------
    >>> from skgd.losses import Poisson
    >>> Poisson().evaluate([1.0], [0.0])
    (array([0.]), array([0.]))
    """

    link = "exp"

    def _check_target(self, y):
        _check_least(self, y, positive=False)

    def _kernel(self, softmax=False):
        return loss_kernel(_poisson)


cdef double _gamma(double y, double z, const double* h, double* dz) noexcept nogil:
    cdef double excess = z - log(y), share = expm1(-excess)
    dz[0] = -share
    return share + excess


class Gamma(Loss):
    r"""Half the gamma deviance with the log link.

    .. math:: y / \mu - 1 - \log(y / \mu), \qquad \mu = \exp(z)

    Predictions are the means ``mu``. Targets are positive amounts whose standard
    deviation grows with their mean.

    Examples
    --------
    >>> from skgd.losses import Gamma
    >>> Gamma().evaluate([2.0], [0.0])
    (array([0.30685282]), array([-1.]))
    """

    _unit_exponent = 0
    link = "exp"

    def _check_target(self, y):
        _check_least(self, y, positive=True)

    def _kernel(self, softmax=False):
        return loss_kernel(_gamma)


cdef inline double _rise(double c, double z, double log_y, double shift) noexcept nogil:
    # (exp(c z) - exp(c log y)) / c, times exp(shift), from the larger of the two terms:
    # no digits are lost where c is nearly zero, and nothing overflows except the result
    cdef double x = c * (z - log_y)
    if c == 0:
        return exp(shift) * (z - log_y)
    if x > 0:
        return exp(c * z + shift) * (-expm1(-x) / c)
    return exp(c * log_y + shift) * (expm1(x) / c)


cdef double _tweedie(double y, double z, const double* h, double* dz) noexcept nogil:
    cdef double mean, excess, log_y, first, second, a = 1 - h[0], b = 2 - h[0]
    if h[0] == 0:
        mean = exp(z)
        dz[0] = mean * (mean - y)
        return 0.5 * (mean - y) * (mean - y)
    if y == 0:
        dz[0] = exp(b * z)
        return dz[0] / b
    log_y = log(y)
    excess = z - log_y
    dz[0] = (
        exp(b * z) * -expm1(-excess) if excess > 0
        else exp(a * z + log_y) * expm1(excess))
    first, second = _rise(b, z, log_y, 0), _rise(a, z, log_y, log_y)
    # a deviance is not negative, so where both terms overflow it does, too
    return INFINITY if first == second and isinf(first) else first - second


class Tweedie(Loss):
    r"""Half the Tweedie deviance with the log link.

    .. math:: \frac{y^{2 - p}}{(1 - p)(2 - p)} - \frac{y \mu^{1 - p}}{1 - p}
              + \frac{\mu^{2 - p}}{2 - p}, \qquad \mu = \exp(z)

    The variance of a target is in proportion to the power ``p`` of its mean ``mu``
    [1]_. Predictions are these means. The power 0 is the squared error of the mean, 1 is
    `Poisson` and 2 is `Gamma`; powers between 1 and 2 suit amounts that are often zero,
    such as the total claims of an insurance policy, and 3 is the inverse Gaussian.
    scikit-learn's `TweedieRegressor` minimises the same loss, less a constant.

    Parameters
    ----------
    power : float, default=1.5
        The power ``p``, 0 or in [1, 3]. Targets can be any numbers for the power 0, must
        not be negative for a power below 2, and must be positive from 2 on.

    References
    ----------
    .. [1] B. Jorgensen, "Exponential Dispersion Models", Journal of the Royal
       Statistical Society B 49, 1987.

    Examples
    --------
    >>> from skgd.losses import Tweedie
    >>> Tweedie(power=1.5).evaluate([0.0, 1.0], [0.0, 0.0])
    (array([2., 0.]), array([1., 0.]))
    """

    link = "exp"
    _allowed = {"power": Allowed(Real, ge=1, le=3, options=(0,))}

    def __init__(self, power=1.5):
        self.power = power

    @property
    def _unit_exponent(self):
        return 2 - float(self.power)

    def _check_target(self, y):
        if self.power >= 1:
            _check_least(self, y, positive=self.power >= 2)

    def _kernel(self, softmax=False):
        return loss_kernel(_tweedie, self.power)


# ---------------------------------------------------------------- probabilities
cdef double _binary_log_loss(
    double y, double z, const double* h, double* dz
) noexcept nogil:
    cdef double e = exp(-fabs(z))
    y = (1 - h[0]) * y + 0.5 * h[0]     # label smoothing
    dz[0] = (1 / (1 + e) if z >= 0 else e / (1 + e)) - y
    # the difference first: where the two are level, what is left is tiny
    return log1p(e) + ((z if z > 0 else 0) - y * z)


cdef double _binomial(double y, double z, const double* h, double* dz) noexcept nogil:
    cdef double loss = _binary_log_loss(y, z, h, dz)
    if 0 < y < 1:
        loss += y * log(y) + (1 - y) * log1p(-y)
    return 0 if loss < 0 else loss      # by a rounding error


class Binomial(Loss):
    r"""Half the binomial deviance with the logit link, for targets that are shares.

    .. math:: y \log(y / \mu) + (1 - y) \log((1 - y) / (1 - \mu)), \qquad
              \mu = 1 / (1 + e^{-z})

    Targets are probabilities or shares in [0, 1], and predictions are their means
    ``mu``. A linear model with this loss is the fractional logit model [1]_. If all
    targets are 0 or 1, this is `LogLoss`. If a target is a share of several trials, the
    number of trials is its sample weight. Several targets are independent of each other;
    for shares with the sum one, use `Multinomial`.

    References
    ----------
    .. [1] L. E. Papke, J. M. Wooldridge, "Econometric Methods for Fractional Response
       Variables", Journal of Applied Econometrics 11, 1996.

    Examples
    --------
    >>> from skgd.losses import Binomial
    >>> Binomial().evaluate([0.5], [0.0])
    (array([0.]), array([0.]))
    """

    _unit_exponent = 0
    link = "logistic"

    def _check_target(self, y):
        if y.size and not (0 <= y.min() and y.max() <= 1):
            raise ValueError(
                f"Some value(s) of y are out of the valid range of the loss {self!r}: "
                f"the least is {y.min()}, the largest is {y.max()}, all must be in "
                "[0, 1]."
            )

    def _kernel(self, softmax=False):
        return loss_kernel(_binomial)


class Multinomial(Loss):
    r"""Half the multinomial deviance with the softmax link, for distributions.

    .. math:: \sum_j y_j \log(y_j / \mu_j), \qquad
              \mu_j = e^{z_j} / \textstyle\sum_i e^{z_i}

    A row of targets has the probabilities of all classes, such as soft labels, the votes
    of several experts, or shares of a budget. It is non-negative with the sum one, and
    so is a row of predictions. The loss is the Kullback-Leibler divergence of the two.
    For a distribution with a single class, this is `LogLoss`.

    Examples
    --------
    >>> from skgd.losses import Multinomial
    >>> Multinomial().evaluate([[0.5, 0.5]], [[0.0, 0.0]])
    (array([0.]), array([[0., 0.]]))
    """

    _unit_exponent = 0
    link = "softmax"

    def _check_target(self, y):
        if y.ndim != 2 or y.shape[1] < 2:
            raise ValueError(
                f"For the loss {self!r}, y must have a column for each class, at least "
                f"two. Got an array of shape {y.shape}."
            )
        wrong = np.flatnonzero((y < 0).any(axis=1) | (np.abs(y.sum(axis=1) - 1) > 1e-5))
        if wrong.size:
            raise ValueError(
                f"For the loss {self!r}, each row of y must be non-negative with the "
                f"sum 1. Row {wrong[0]} is {y[wrong[0]].tolist()}."
            )

    def _kernel(self, softmax=False):
        cdef LossKernel kernel = loss_kernel(NULL)
        kernel.distribution = True
        return kernel


# ---------------------------------------------------------------- classification
class LogLoss(Loss):
    r"""Negative log-likelihood of the classes.

    .. math:: \log(1 + e^z) - y z

    This is the loss for two classes and for each label of a multilabel target, where
    ``y`` is 0 or 1 and the link is the logistic sigmoid. For more classes, the loss is
    ``log(sum(exp(z))) - z[y]``, and the link is the softmax.

    With label smoothing [1]_, the target is a distribution over the ``K`` classes: the
    true class has probability ``1 - e + e / K``, and each of the others ``e / K``, as in
    PyTorch. For two classes and for labels, ``K`` is 2. All reported losses include the
    smoothing, but scores do not.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        The share ``e`` of the probability that is spread over all classes, in [0, 1).

    References
    ----------
    .. [1] C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna, "Rethinking the
       Inception Architecture for Computer Vision", CVPR 2016.

    Examples
    --------
    >>> from skgd.losses import LogLoss
    >>> LogLoss().evaluate([1.0], [0.0])
    (array([0.69314718]), array([-0.5]))
    >>> LogLoss(label_smoothing=0.1).evaluate([1.0], [0.0])
    (array([0.69314718]), array([-0.45]))
    """

    _allowed = {"label_smoothing": Allowed(Real, ge=0, lt=1)}
    link = "logistic"
    has_softmax = True

    def __init__(self, label_smoothing=0.0):
        self.label_smoothing = label_smoothing

    def _kernel(self, softmax=False):
        # without a scalar function it is the softmax
        if softmax:
            return loss_kernel(NULL, self.label_smoothing)
        return loss_kernel(_binary_log_loss, self.label_smoothing)


cdef double _hinge(double y, double z, const double* h, double* dz) noexcept nogil:
    # h[0]: the margin, 1 for the hinge and 0 for the perceptron
    if y * z > h[0]:
        dz[0] = 0
        return 0
    dz[0] = -y      # on this side of the comparison NaN stays NaN
    return h[0] - y * z


class Hinge(Loss):
    r"""Linear support vector machine, :math:`\max(0, 1 - y z)`.

    Examples
    --------
    >>> from skgd.losses import Hinge
    >>> Hinge().evaluate([-1.0], [0.5])
    (array([1.5]), array([1.]))
    """

    _smooth = False

    def _kernel(self, softmax=False):
        return loss_kernel(_hinge, 1.0)


class Perceptron(Loss):
    r"""The perceptron's loss, :math:`\max(0, -y z)`.

    Examples
    --------
    >>> from skgd.losses import Perceptron
    >>> Perceptron().evaluate([-1.0], [0.5])
    (array([0.5]), array([1.]))
    """

    _smooth = False

    def _kernel(self, softmax=False):
        return loss_kernel(_hinge, 0.0)


cdef double _squared_hinge(
    double y, double z, const double* h, double* dz
) noexcept nogil:
    cdef double short = 1 - y * z
    if short <= 0:
        dz[0] = 0
        return 0
    dz[0] = -2 * y * short
    return short * short


class SquaredHinge(Loss):
    r"""Squared hinge, :math:`\max(0, 1 - y z)^2`.

    Examples
    --------
    >>> from skgd.losses import SquaredHinge
    >>> SquaredHinge().evaluate([-1.0], [0.5])
    (array([2.25]), array([3.]))
    """

    def _kernel(self, softmax=False):
        return loss_kernel(_squared_hinge)


cdef double _modified_huber(
    double y, double z, const double* h, double* dz
) noexcept nogil:
    cdef double margin = y * z
    if margin >= 1:
        dz[0] = 0
        return 0
    if margin >= -1:
        dz[0] = -2 * y * (1 - margin)
        return (1 - margin) * (1 - margin)
    dz[0] = -4 * y
    return -4 * margin


class ModifiedHuber(Loss):
    r"""Smooth hinge that tolerates outliers and gives probabilities.

    .. math:: \max(0, 1 - y z)^2 \text{ if } y z \ge -1, \quad -4 y z \text{ else}

    Source: [1]_.

    References
    ----------
    .. [1] T. Zhang, "Solving large scale linear prediction problems using
       stochastic gradient descent algorithms", ICML 2004.

    Examples
    --------
    >>> from skgd.losses import ModifiedHuber
    >>> ModifiedHuber().evaluate([1.0], [-2.0])
    (array([8.]), array([-4.]))
    """

    def _kernel(self, softmax=False):
        return loss_kernel(_modified_huber)


REGRESSION_LOSSES = {
    "squared_error": SquaredError,
    "huber": Huber,
    "epsilon_insensitive": EpsilonInsensitive,
    "squared_epsilon_insensitive": SquaredEpsilonInsensitive,
    "absolute_error": AbsoluteError,
    "quantile": Quantile,
    "poisson": Poisson,
    "gamma": Gamma,
    "tweedie": Tweedie,
    "binomial": Binomial,
    "multinomial": Multinomial,
}

CLASSIFICATION_LOSSES = {
    "log_loss": LogLoss,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "modified_huber": ModifiedHuber,
    "perceptron": Perceptron,
}

LOSSES = {**REGRESSION_LOSSES, **CLASSIFICATION_LOSSES}
