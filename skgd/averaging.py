r"""Averages of the parameters over the updates of a training.

Training continues with the parameters themselves, and their average is published. A
rule sets the share ``w`` that the parameters after each update have in the average so
far,

.. math:: \bar\theta \leftarrow \bar\theta + w_t (\theta_t - \bar\theta).

The first update has the share 1, so that the initial parameters do not count. To add a
rule, write its class and add it to `AVERAGES`; `tests/test_averaging.py` then requires
its oracle.
"""

from numbers import Integral, Real

import numpy as np

from ._rules.rule import Allowed, Rule, resolve_rule

__all__ = ["ASGD", "AVERAGES", "Averaging", "EMA"]


class Averaging(Rule):
    """Base of the averages."""

    # samples before the average begins
    _start = 0

    def __call__(self, n_seen, n_averaged=0):
        """The share of each update's parameters in the average.

        Parameters
        ----------
        n_seen : array-like of shape (n_updates,)
            The number of samples that training has seen after each update.
        n_averaged : int, default=0
            The number of updates that the average already contains.

        Returns
        -------
        shares : ndarray of shape (n_updates,), float64
            In [0, 1]; 0 before the average begins.
        """
        begun = np.asarray(n_seen, dtype=np.float64) >= self._start
        t = n_averaged + np.cumsum(begun, dtype=np.float64)
        return np.where(begun, self._share(np.maximum(t, 1.0)), 0.0)


class ASGD(Averaging):
    r"""The mean of the parameters after each update [1]_: :math:`w_t = 1 / t`.

    This is averaged stochastic gradient descent, like `average` in scikit-learn's
    `SGD*`. In a convex problem with a constant or slowly falling rate, the parameters
    move around the optimum, and their mean is closer to it. Since all updates count
    equally, averaging should begin when the parameters are close to the optimum.

    Parameters
    ----------
    start : int, default=0
        The number of samples after which averaging begins.

    References
    ----------
    .. [1] B. Polyak, A. Juditsky, "Acceleration of Stochastic Approximation by
       Averaging", SIAM Journal on Control and Optimization 30, 1992.

    Examples
    --------
    >>> from skgd.averaging import ASGD
    >>> ASGD(start=20)([10, 20, 30])
    array([0. , 1. , 0.5])
    """

    _allowed = {"start": Allowed(Integral, ge=0)}

    def __init__(self, start=0):
        self.start = start

    @property
    def _start(self):
        return self.start

    def _share(self, t):
        return 1 / t


class EMA(Averaging):
    r"""Exponential moving average: :math:`w_t = 1 - d_t`, and :math:`w_1 = 1`.

    .. math:: d_t = \min\left(d, \frac{t}{9 + t}\right)

    The average covers about the last :math:`1 / (1 - d)` updates. Early updates are
    forgotten, which is important for networks. The decay starts low, as in TensorFlow's
    ``ExponentialMovingAverage``: after ``n`` updates it is
    ``min(decay, (1 + n) / (10 + n))`` [1]_. The average therefore covers about a tenth
    of a short training.

    Parameters
    ----------
    decay : float, default=0.999
        The share ``d`` of the previous average that each update keeps, in (0, 1).

    References
    ----------
    .. [1] M. Abadi et al., "TensorFlow: Large-Scale Machine Learning on Heterogeneous
       Distributed Systems", :arxiv:`1603.04467`, 2016;
       ``tf.train.ExponentialMovingAverage``.

    Examples
    --------
    >>> from skgd.averaging import EMA
    >>> EMA(decay=0.2)([1, 2, 3, 4])
    array([1.        , 0.81818182, 0.8       , 0.8       ])
    """

    _allowed = {"decay": Allowed(Real, gt=0, lt=1)}

    def __init__(self, decay=0.999):
        self.decay = decay

    def _share(self, t):
        return np.where(t == 1, 1.0, 1 - np.minimum(self.decay, t / (9 + t)))


AVERAGES = {"asgd": ASGD, "ema": EMA}


def resolve_average(value, owner):
    """The rule that the parameter `average` stands for.

    Parameters
    ----------
    value : bool, int, str or Averaging
        True is 'asgd'. An int is 'asgd' that begins after this number of samples.
    owner : str
        The estimator's name, for the error.

    Returns
    -------
    rule : Averaging or None
        None if nothing is averaged.

    Raises
    ------
    ValueError
        For anything else.
    """
    if isinstance(value, bool | np.bool_):
        return ASGD() if value else None
    if value in Allowed(Integral, ge=1):
        return ASGD(start=value)
    if isinstance(value, Averaging) or (isinstance(value, str) and value in AVERAGES):
        return resolve_rule(value, AVERAGES, Averaging, "average", owner)
    raise ValueError(
        f"The 'average' parameter of {owner} must be a bool or an int >= 1 or one of "
        f"{sorted(AVERAGES)} or an instance of one of their classes in "
        f"skgd.averaging. Got {value!r} instead."
    )
