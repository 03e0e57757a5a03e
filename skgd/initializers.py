"""Initial weights of networks.

A rule sets the variance of the weights from the number of inputs and outputs of a
layer. To add a rule, write its class and add it to `INITIALIZERS`;
`tests/test_initializers.py` then requires its oracle.
"""

import numpy as np

from ._rules.rule import Allowed, Rule
from ._rules.text import filled, listed
from .activations import ACTIVATIONS, Identity

__all__ = ["Auto", "Glorot", "He", "INITIALIZERS", "LeCun"]


class Initializer(Rule):
    """Base of the initializers.

    Parameters
    ----------
    distribution : {'uniform', 'normal'}, default='uniform'
        The distribution of the weights. The variance is the same for both.
    last_layer : {'same', 'zeros'}, default='same'
        Whether the output layer is initialised like the others or with zeros, so that
        the first raw predictions are zero. Do not use 'zeros' with an L1 penalty, which
        may keep the weights at zero.
    """

    _allowed = {
        "distribution": Allowed(options=("uniform", "normal")),
        "last_layer": Allowed(options=("same", "zeros")),
    }
    # whether intercepts are drawn as the weights of their layer, or start at zero
    _draws_intercepts = False

    def __init__(self, *, distribution="uniform", last_layer="same"):
        self.distribution = distribution
        self.last_layer = last_layer

    def _squared_bound(self, fan_in, fan_out, activation, inner):
        # of the uniform distribution: three times the variance; `inner`: whether the
        # layer is between hidden layers
        raise NotImplementedError

    def fill(self, weights, intercepts, activation, rng):
        """Set initial parameters, in place.

        Parameters
        ----------
        weights : list of ndarray of shape (fan_in, fan_out)
            The weights of each layer, beginning at the input.
        intercepts : list of ndarray of shape (fan_out,)
            The intercepts of each layer.
        activation : Activation or tuple of Activation
            The activation of all hidden layers, or of each of them. The output layer
            is initialised by the activation of the last hidden layer.
        rng : RandomState
            The generator of the random numbers.
        """
        each = (activation,) * len(weights)
        if isinstance(activation, tuple):
            each = activation + (activation[-1:] or (Identity(),))
        for layer, (W, b) in enumerate(zip(weights, intercepts, strict=True)):
            W[:], b[:] = 0, 0
            if self.last_layer == "zeros" and layer == len(weights) - 1:
                continue
            inner = 0 < layer < len(weights) - 1
            bound = np.sqrt(self._squared_bound(*W.shape, each[layer], inner))
            W[:] = self._draw(bound, W.shape, rng)
            if self._draws_intercepts:
                b[:] = self._draw(bound, b.shape, rng)

    def _draw(self, bound, shape, rng):
        if self.distribution == "uniform":
            return rng.uniform(-bound, bound, shape)
        return rng.normal(0, bound / np.sqrt(3), shape)


class Glorot(Initializer):
    r"""Variance :math:`2 / (n_{in} + n_{out})`, a third of it for `Logistic`.

    This is a compromise between a constant variance of the activations and a constant
    variance of the gradients from layer to layer, for activations that are linear near
    zero [1]_. Intercepts are drawn from the same distribution. With the uniform
    distribution, the initial values equal those of scikit-learn's `MLP*` for the same
    ``random_state``.

    Parameters
    ----------
    distribution : {'uniform', 'normal'}, default='uniform'
        The distribution of weights and intercepts. The variance is the same for both.
    last_layer : {'same', 'zeros'}, default='same'
        Whether the output layer is initialised like the others or with zeros, so that
        the first raw predictions are zero. Do not use 'zeros' with an L1 penalty, which
        may keep the weights at zero.

    References
    ----------
    .. [1] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep
       feedforward neural networks", AISTATS 2010.

    Examples
    --------
    >>> from skgd import MLPGDRegressor
    >>> from skgd.initializers import Glorot
    >>> MLPGDRegressor(weight_init=Glorot(last_layer="zeros"))
    MLPGDRegressor(weight_init=Glorot(last_layer='zeros'))
    """

    _draws_intercepts = True

    def _squared_bound(self, fan_in, fan_out, activation, inner):
        return activation._glorot_factor / (fan_in + fan_out)


class He(Initializer):
    r"""Variance :math:`2 / n_{in}`; intercepts are zero.

    This keeps the mean square of the outputs constant from layer to layer if half of
    the units are zero, as with rectified linear units [1]_. For `LeakyReLU`, the
    variance is :math:`2 / ((1 + s^2) n_{in})`, where ``s`` is its ``negative_slope``.

    Parameters
    ----------
    distribution : {'uniform', 'normal'}, default='uniform'
        The distribution of the weights. The variance is the same for both.
    last_layer : {'same', 'zeros'}, default='same'
        Whether the output layer is initialised like the others or with zeros, so that
        the first raw predictions are zero. Do not use 'zeros' with an L1 penalty, which
        may keep the weights at zero.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Delving Deep into Rectifiers", ICCV 2015.

    Examples
    --------
    >>> from skgd.initializers import He
    >>> He(distribution="normal")
    He(distribution='normal')
    """

    def _squared_bound(self, fan_in, fan_out, activation, inner):
        return 6.0 / ((1 + activation._slope_below**2) * fan_in)


class LeCun(Initializer):
    r"""Variance :math:`1 / n_{in}`; intercepts are zero.

    This keeps the variance of the outputs of a linear map constant from layer to layer
    [1]_. `SELU` is designed for it [2]_.

    Parameters
    ----------
    distribution : {'uniform', 'normal'}, default='uniform'
        The distribution of the weights. The variance is the same for both.
    last_layer : {'same', 'zeros'}, default='same'
        Whether the output layer is initialised like the others or with zeros, so that
        the first raw predictions are zero. Do not use 'zeros' with an L1 penalty, which
        may keep the weights at zero.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, G. Orr, K. Mueller, "Efficient BackProp", in Neural
       Networks: Tricks of the Trade, 1998.
    .. [2] G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, "Self-Normalizing
       Neural Networks", NIPS 2017.

    Examples
    --------
    >>> from skgd.initializers import LeCun
    >>> LeCun()
    LeCun()
    """

    def _squared_bound(self, fan_in, fan_out, activation, inner):
        return 3.0 / fan_in


class Auto(Initializer):
    r"""`He`, `LeCun` or `Glorot`, by the activation; intercepts are zero.

    For {he},
    the weights between hidden layers are those of `He`, and the weights of the first
    and the last layer are those of `LeCun`. The factor 2 of `He` compensates for units
    that are zero, which the features are not. In the last layer, smaller weights give
    initial predictions that vary less and are easier to unlearn. For {lecun},
    the weights of all layers are those of `LeCun`, and for {glorot},
    those of `Glorot`. See these rules for the references.

    Parameters
    ----------
    distribution : {'uniform', 'normal'}, default='uniform'
        The distribution of the weights. The variance is the same for both.
    last_layer : {'same', 'zeros'}, default='same'
        Whether the output layer is initialised like the others or with zeros, so that
        the first raw predictions are zero. Do not use 'zeros' with an L1 penalty, which
        may keep the weights at zero.

    Examples
    --------
    >>> import numpy as np
    >>> from skgd.activations import ReLU
    >>> from skgd.initializers import Auto
    >>> weights = [np.empty((400, 400)) for _ in range(3)]
    >>> intercepts = [np.empty(400) for _ in range(3)]
    >>> Auto().fill(weights, intercepts, ReLU(), np.random.RandomState(0))
    >>> [float(round(W.var() * 400, 1)) for W in weights]
    [1.0, 2.0, 1.0]
    """

    def _squared_bound(self, fan_in, fan_out, activation, inner):
        suited = activation._suits
        # the features and the targets are not half zero
        rule = "lecun" if suited == "he" and not inner else suited
        rule = INITIALIZERS[rule]()
        return rule._squared_bound(fan_in, fan_out, activation, inner)


INITIALIZERS = {"auto": Auto, "glorot": Glorot, "he": He, "lecun": LeCun}

Auto.__doc__ = filled(
    Auto.__doc__,
    {
        suited: listed(
            f"`{activation.__name__}`"
            for activation in ACTIVATIONS.values()
            if activation._suits == suited
        )
        for suited in sorted({rule._suits for rule in ACTIVATIONS.values()})
    },
)
