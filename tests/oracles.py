"""Every rule of the package once more, from its formula, in plain NumPy.

The tables have the names of the registries: the tests fail for a rule that is
registered and has no oracle here. What else a test must know of a rule, such as the
domain of its targets or rates at which it arrives, stands with its oracle, so that a
new rule changes no other file of the tests.
"""

import math
from collections import namedtuple
from types import SimpleNamespace

import numpy as np
from scipy.special import xlogy

# ---------------------------------------------------------------- optimizers
# Hyperparameters, and the rate and number of updates with which they arrive. A rate
# that has to fall on the way is proportional to this power of what is left of it.
Way = namedtuple("Way", "params rate n_steps falling", defaults=[0])


class OptimizerOracle:
    """What the tests must know of an optimizer besides its arithmetic."""

    # a rate with which it gets somewhere in 200 steps, and does not explode
    rate = 0.05
    # the rate of `update` in the literature
    published_rate = 0.001
    # whether a step is about as large as the rate, whatever the size of the gradient
    normalises = False
    # hyperparameters to compare besides the defaults
    variants = {}
    # ways to the optimum of a linear model with an L1 penalty, to 1e-7
    to_lasso = {}
    # ways of `GDRegressor` to the optimum, to 1e-4
    to_optimum = {}
    # hyperparameters and options with which `minimize` arrives
    to_minimum = {}, {}
    # whether PyTorch has the same rule
    in_torch = True


class ProximalOracle(OptimizerOracle):
    """One update of all parameters; `l1` and `l2` hold the strength for each.

    An L1 penalty adds to the gradient the `p` in [-l1, l1] that makes the new
    weight zero, where there is one; else the end of the interval on the side of
    the new weight. `move` says how far the weight goes per unit of `p`.
    """

    def __init__(self, rule, n):
        self.rule, self.t = rule, 0
        self.first, self.second, self.most = np.zeros(n), np.zeros(n), np.zeros(n)

    def step(self, w, g, rate, l1, l2, decays=1.0):
        """`decays` is 1 for what a decoupled weight decay acts on, else 0."""
        self.t += 1
        w = self.decayed(w, rate, decays)
        smooth, move = self.move(w, g + l2 * w, rate)
        zero = np.abs(smooth) <= move * l1
        p = np.where(zero, smooth / move, l1 * np.sign(smooth))
        p = np.where(l1 > 0, p, 0.0)
        self.remember(p, rate)
        return np.where(zero & (l1 > 0), 0.0, smooth - move * p)

    def decayed(self, w, rate, decays):
        """The weights after a decay that is not in the gradient."""
        return w

    def remember(self, p, rate):
        """What the moments keep of the penalty's part of the gradient."""


class MomentumOracle(ProximalOracle):
    rate = 0.02
    published_rate = 0.01
    variants = {
        "momentum-mu": dict(momentum=0.5),
        "momentum-zero": dict(momentum=0.0),
        "nesterov": dict(nesterov=True),
    }
    to_lasso = {
        "momentum": Way({}, 0.05, 2000),
        "nesterov": Way(dict(nesterov=True), 0.05, 2000),
    }
    to_optimum = {
        "momentum": Way({}, 0.2, 4000),
        "nesterov": Way(dict(nesterov=True), 0.2, 4000),
    }

    def move(self, w, g, rate):
        mu = self.rule.momentum
        self.first = mu * self.first - rate * g
        if self.rule.nesterov:
            return w + mu * self.first - rate * g, rate * (1 + mu)
        return w + self.first, rate

    def remember(self, p, rate):
        self.first = self.first - rate * p


class AdaGradOracle(ProximalOracle):
    rate = 0.3
    published_rate = 0.01
    variants = {"adagrad-epsilon": dict(epsilon=0.5)}
    to_lasso = {"adagrad": Way({}, 1.0, 4000)}
    to_optimum = {"adagrad": Way({}, 1.0, 20000)}

    def move(self, w, g, rate):
        self.second = self.second + g**2
        own = rate / (np.sqrt(self.second) + self.rule.epsilon)
        return w - own * g, own


class RMSpropOracle(ProximalOracle):
    rate = 0.01
    normalises = True
    variants = {
        "rmsprop-rho": dict(rho=0.5, epsilon=0.1),
        # The default epsilon magnifies rounding errors: where the gradient hardly
        # changes its variance is a difference of equal numbers.
        "centered": dict(centered=True, epsilon=1e-2),
    }
    # an epsilon where the default makes the fixed point unstable: the variance of a
    # constant gradient is zero
    to_lasso = {
        "rmsprop": Way({}, 0.01, 4000),
        "centered": Way(dict(centered=True, epsilon=1.0), 0.1, 4000),
    }
    to_optimum = {"rmsprop": Way({}, 0.02, 20000, falling=1)}
    to_minimum = {}, dict(schedule="cosine", max_iter=3000)

    def move(self, w, g, rate):
        rho = self.rule.rho
        self.second = rho * self.second + (1 - rho) * g**2
        spread = self.second
        if self.rule.centered:
            self.first = rho * self.first + (1 - rho) * g
            spread = np.maximum(self.second - self.first**2, 0.0)
        own = rate / (np.sqrt(spread) + self.rule.epsilon)
        return w - own * g, own


class AdamOracle(ProximalOracle):
    normalises = True
    variants = {
        "adam-betas": dict(beta_1=0.5, beta_2=0.9, epsilon=1e-3),
        "adam-beta-zero": dict(beta_1=0.0),
        "amsgrad": dict(amsgrad=True),
    }
    to_lasso = {
        "adam": Way({}, 0.01, 10000),
        "amsgrad": Way(dict(amsgrad=True), 0.1, 10000),
    }
    to_optimum = {
        "adam": Way({}, 0.02, 8000),
        "amsgrad": Way(dict(amsgrad=True), 0.05, 20000),
    }

    def move(self, w, g, rate):
        b1, b2 = self.rule.beta_1, self.rule.beta_2
        self.first = b1 * self.first + (1 - b1) * g
        self.second = b2 * self.second + (1 - b2) * g**2
        self.most = np.maximum(self.most, self.second)
        spread = self.most if self.rule.amsgrad else self.second
        root = np.sqrt(spread / (1 - b2**self.t)) + self.rule.epsilon
        own = rate / (1 - b1**self.t) / root
        return w - own * self.first, own * (1 - b1)

    def remember(self, p, rate):
        self.first = self.first + (1 - self.rule.beta_1) * p


class AdamWOracle(AdamOracle):
    variants = {
        "adamw-decay": dict(beta_1=0.5, epsilon=1e-3, amsgrad=True, weight_decay=0.5)
    }
    # a decay is another objective
    to_lasso = {"adamw": Way(dict(weight_decay=0.0), 0.01, 10000)}
    to_optimum = {"adamw": Way(dict(weight_decay=0.0), 0.02, 8000)}
    to_minimum = dict(weight_decay=0.0), {}

    def decayed(self, w, rate, decays):
        return w * np.maximum(1 - rate * self.rule.weight_decay * decays, 0.0)


class NAdamOracle(ProximalOracle):
    normalises = True
    variants = {
        "nadam-betas": dict(beta_1=0.5, beta_2=0.9, epsilon=1e-3),
        "nadam-beta-zero": dict(beta_1=0.0),
    }
    to_lasso = {"nadam": Way({}, 0.01, 10000)}
    to_optimum = {"nadam": Way({}, 0.02, 8000, falling=1)}

    def move(self, w, g, rate):
        b1, b2, t = self.rule.beta_1, self.rule.beta_2, self.t
        self.first = b1 * self.first + (1 - b1) * g
        self.second = b2 * self.second + (1 - b2) * g**2
        own = rate / (np.sqrt(self.second / (1 - b2**t)) + self.rule.epsilon)
        ahead, now = b1 / (1 - b1 ** (t + 1)), (1 - b1) / (1 - b1**t)
        return (
            w - own * (ahead * self.first + now * g),
            own * (ahead * (1 - b1) + now),
        )

    def remember(self, p, rate):
        self.first = self.first + (1 - self.rule.beta_1) * p


class LionOracle(OptimizerOracle):
    """The sign, with the subgradient of an L1 penalty at the new weight in it.

    For a new weight on either side of zero the penalty's part is `l1` or `-l1`. If
    neither side is right, the new weight is zero, and the part is what makes the
    argument of the sign zero, as far as the penalty reaches.
    """

    rate = 0.01
    published_rate = 0.0001
    normalises = True
    variants = {
        "lion-betas": dict(beta_1=0.5, beta_2=0.9),
        "lion-beta-zero": dict(beta_1=0.0),
        "lion-decay": dict(weight_decay=0.5),
    }
    # its steps do not become shorter: the rate has to
    to_lasso = {"lion": Way({}, 0.01, 10000, falling=4)}
    to_optimum = {"lion": Way({}, 0.01, 20000, falling=1)}
    to_minimum = {}, dict(schedule="cosine", max_iter=3000)
    in_torch = False

    def __init__(self, rule, n):
        self.rule, self.momentum = rule, np.zeros(n)

    def step(self, w, g, rate, l1, l2, decays=1.0):
        b1, b2 = self.rule.beta_1, self.rule.beta_2
        w = w * np.maximum(1 - rate * self.rule.weight_decay * decays, 0.0)
        g = g + l2 * w
        argument = b1 * self.momentum + (1 - b1) * g
        above = w - rate * np.sign(argument + (1 - b1) * l1)
        below = w - rate * np.sign(argument - (1 - b1) * l1)
        new = np.where(above > 0, above, np.where(below < 0, below, 0.0))
        new = np.where(l1 > 0, new, w - rate * np.sign(argument))
        part = np.clip(-argument / (1 - b1), -l1, l1)
        part = np.where(new == 0, part, l1 * np.sign(new))
        self.momentum = b2 * self.momentum + (1 - b2) * (g + part)
        return new


class SGDOracle(OptimizerOracle):
    """The cumulative L1 penalty of Tsuruoka et al. (2009), after the gradient."""

    rate = 0.1
    published_rate = 0.01
    to_lasso = {"sgd": Way({}, 0.1, 2000)}
    to_optimum = {"sgd": Way({}, 0.45, 20000)}

    def __init__(self, rule, n):
        self.due, self.received = np.zeros(n), np.zeros(n)

    def step(self, w, g, rate, l1, l2, decays=1.0):
        w = np.maximum(1 - rate * l2, 0.0) * w - rate * g
        self.due = self.due + rate * l1
        cut = np.where(
            w > 0,
            np.maximum(0.0, w - (self.due + self.received)),
            np.minimum(0.0, w + (self.due - self.received)),
        )
        self.received = self.received + cut - w
        return cut


OPTIMIZERS = {
    "sgd": SGDOracle,
    "momentum": MomentumOracle,
    "adagrad": AdaGradOracle,
    "rmsprop": RMSpropOracle,
    "adam": AdamOracle,
    "adamw": AdamWOracle,
    "nadam": NAdamOracle,
    "lion": LionOracle,
}


# ---------------------------------------------------------------- losses
def _any_number(rng, shape):
    return rng.standard_normal(shape)


def _counts(rng, shape):
    return rng.poisson(1.5, size=shape).astype(float)


def _amounts(rng, shape):
    return rng.gamma(2.0, size=shape)


def _zero_or_one(rng, shape):
    return rng.randint(2, size=shape).astype(float)


def _shares(rng, shape):
    shares = rng.uniform(-0.2, 1.2, size=shape)  # also exactly 0 and 1
    return np.clip(shares, 0.0, 1.0)


def _distributions(rng, shape):
    # rows with the sum one, some of whose elements are zero
    shape = shape if np.iterable(shape) else (shape, 3)
    parts = np.maximum(rng.gamma(1.0, size=shape) - 0.2, 0.0)
    parts[:, 0] += 0.01
    return parts / parts.sum(axis=1, keepdims=True)


def _log_softmax(z):
    return z - np.logaddexp.reduce(z, axis=-1, keepdims=True)


def _either_side(rng, shape):
    return 2.0 * rng.randint(2, size=shape) - 1


# value(y, z, rule), slope(y, z, rule): the derivative by z; margin(y, z, rule):
# how far z is from where the slope has no derivative; draw(rng, shape): targets in the
# domain of the loss; variants: hyperparameters to compare besides the defaults
LossOracle = namedtuple(
    "LossOracle",
    "value slope margin draw link variants",
    defaults=[_any_number, "identity", ()],
)


def _smooth(y, z, rule):
    return np.full(np.shape(z), np.inf)


def _log1p_exp(z):
    return np.logaddexp(0.0, z)


def _excess(y, z, rule):
    return np.maximum(np.abs(z - y) - rule.epsilon, 0.0)


def _to_epsilon(y, z, rule):
    return np.abs(np.abs(z - y) - rule.epsilon)


def _to_zero(y, z, rule):
    return np.abs(z - y)


def _to_one(y, z, rule):
    return np.abs(y * z - 1)


def _smoothed(y, rule):
    # a label that is wrong with probability e / 2
    return np.where(y == 1, 1 - rule.label_smoothing / 2, rule.label_smoothing / 2)


def _tweedie(y, z, rule):
    # in extended precision, since the terms cancel
    y, z = np.longdouble(y), np.longdouble(z)
    p, mean = np.longdouble(rule.power), np.exp(z)
    if p == 1:
        return y * np.log(y) - y * z - y + mean
    if p == 2:
        return y / mean - 1 - np.log(y / mean)
    terms = y ** (2 - p) / ((1 - p) * (2 - p)), y * mean ** (1 - p) / (1 - p)
    return terms[0] - terms[1] + mean ** (2 - p) / (2 - p)


LOSSES = {
    "squared_error": LossOracle(
        lambda y, z, rule: (z - y) ** 2 / 2, lambda y, z, rule: z - y, _smooth
    ),
    "huber": LossOracle(
        lambda y, z, rule: np.where(
            np.abs(z - y) <= rule.epsilon,
            (z - y) ** 2 / 2,
            rule.epsilon * (np.abs(z - y) - rule.epsilon / 2),
        ),
        lambda y, z, rule: np.clip(z - y, -rule.epsilon, rule.epsilon),
        _to_epsilon,
        variants=[dict(epsilon=0.3)],
    ),
    "epsilon_insensitive": LossOracle(
        _excess,
        lambda y, z, rule: np.sign(z - y) * (_excess(y, z, rule) > 0),
        _to_epsilon,
        variants=[dict(epsilon=1.0)],
    ),
    "squared_epsilon_insensitive": LossOracle(
        lambda y, z, rule: _excess(y, z, rule) ** 2,
        lambda y, z, rule: 2 * np.sign(z - y) * _excess(y, z, rule),
        _to_epsilon,
        variants=[dict(epsilon=1.0)],
    ),
    "absolute_error": LossOracle(
        lambda y, z, rule: np.abs(z - y), lambda y, z, rule: np.sign(z - y), _to_zero
    ),
    "quantile": LossOracle(
        lambda y, z, rule: np.maximum(
            rule.quantile * (y - z), (1 - rule.quantile) * (z - y)
        ),
        lambda y, z, rule: (
            np.where(y > z, -rule.quantile, 1 - rule.quantile) * (y != z)
        ),
        _to_zero,
        variants=[dict(quantile=0.9)],
    ),
    "poisson": LossOracle(
        lambda y, z, rule: xlogy(y, y) - y * z - y + np.exp(z),
        lambda y, z, rule: np.exp(z) - y,
        _smooth,
        draw=_counts,
        link="exp",
    ),
    "gamma": LossOracle(
        lambda y, z, rule: y / np.exp(z) - 1 - np.log(y / np.exp(z)),
        lambda y, z, rule: 1 - y / np.exp(z),
        _smooth,
        draw=_amounts,
        link="exp",
    ),
    "tweedie": LossOracle(
        _tweedie,
        lambda y, z, rule: np.exp((1 - rule.power) * z) * (np.exp(z) - y),
        _smooth,
        draw=_amounts,
        link="exp",
        variants=[dict(power=power) for power in (0, 1, 1.05, 1.99, 2, 2.5, 3)],
    ),
    "binomial": LossOracle(
        lambda y, z, rule: xlogy(y, y) + xlogy(1 - y, 1 - y) + _log1p_exp(z) - y * z,
        lambda y, z, rule: np.exp(-_log1p_exp(-z)) - y,
        _smooth,
        draw=_shares,
        link="logistic",
    ),
    # the loss is the sum over a row
    "multinomial": LossOracle(
        lambda y, z, rule: xlogy(y, y) - y * _log_softmax(z),
        lambda y, z, rule: np.exp(_log_softmax(z)) - y,
        _smooth,
        draw=_distributions,
        link="softmax",
    ),
    "log_loss": LossOracle(
        lambda y, z, rule: (
            _smoothed(y, rule) * _log1p_exp(-z)
            + (1 - _smoothed(y, rule)) * _log1p_exp(z)
        ),
        lambda y, z, rule: np.exp(-_log1p_exp(-z)) - _smoothed(y, rule),
        _smooth,
        draw=_zero_or_one,
        link="logistic",
        variants=[dict(label_smoothing=0.3)],
    ),
    "hinge": LossOracle(
        lambda y, z, rule: np.maximum(0.0, 1 - y * z),
        lambda y, z, rule: -y * (y * z <= 1),
        _to_one,
        draw=_either_side,
    ),
    "squared_hinge": LossOracle(
        lambda y, z, rule: np.maximum(0.0, 1 - y * z) ** 2,
        lambda y, z, rule: -2 * y * np.maximum(0.0, 1 - y * z),
        _to_one,
        draw=_either_side,
    ),
    "modified_huber": LossOracle(
        lambda y, z, rule: np.where(
            y * z >= -1, np.maximum(0.0, 1 - y * z) ** 2, -4 * y * z
        ),
        lambda y, z, rule: np.where(
            y * z >= -1, -2 * y * np.maximum(0.0, 1 - y * z), -4 * y
        ),
        lambda y, z, rule: np.abs(np.abs(y * z) - 1),
        draw=_either_side,
    ),
    "perceptron": LossOracle(
        lambda y, z, rule: np.maximum(0.0, -y * z),
        lambda y, z, rule: -y * (y * z <= 0),
        lambda y, z, rule: np.abs(z),
        draw=_either_side,
    ),
}


def softmax_loss(codes, z, smoothing=0.0):
    """Cross-entropy of one class per row, and its derivative by z."""
    z = np.asarray(z, dtype=np.float64)
    codes = np.asarray(codes, dtype=int).ravel()
    shifted = z - z.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    hit = np.arange(z.shape[1]) == codes[:, None]
    target = (1 - smoothing) * hit + smoothing / z.shape[1]
    losses = (target * (log_total - shifted)).sum(axis=1)
    return losses, np.exp(shifted - log_total) - target


# ---------------------------------------------------------------- activations
# value(z, rule) and slope(z, rule), written so that nothing cancels or overflows; ulps:
# how many units of the last place the value may be off. Those with more than 2 fall
# before they rise, and are z times a factor.
# kinked: whether the slope jumps at zero; in_torch: whether PyTorch has it.
ActivationOracle = namedtuple(
    "ActivationOracle", "value slope ulps kinked in_torch", defaults=[2, False, True]
)


def _logistic(z, rule=None):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def _logistic_slope(z, rule=None):
    e = np.exp(-np.abs(z))
    return e / (1 + e) ** 2


def _mass(z):
    """The normal distribution below z, in the precision of z.

    The series of the integral near zero; Laplace's continued fraction beyond.
    """
    x = np.abs(np.atleast_1d(z))
    density = np.exp(-x * x / 2) / np.sqrt(2 * np.arccos(np.full_like(x, -1)))
    near = np.minimum(x, 3)
    term = total = near
    for k in range(1, 60):
        term = term * near * near / (2 * k + 1)
        total = total + term
    far = np.maximum(x, 3)
    below = far
    for k in range(200, 0, -1):
        below = far + k / below
    tail = np.where(x < 3, 0.5 - density * total, density / below)
    return np.where(z > 0, 1 - tail, tail).reshape(np.shape(z))


def _gelu_slope(z, rule):
    return _mass(z) + z * np.exp(-z * z / 2) / np.sqrt(
        2 * np.arccos(np.full_like(z, -1))
    )


def _mish_gate(z):
    return np.tanh(np.logaddexp(0, z))


# the constants of the paper, from its equation (14), rounded to extended precision
SELU_ALPHA = np.longdouble("1.67326324235437728481704290")
SELU_SCALE = np.longdouble("1.05070098735548049341933499")

ACTIVATIONS = {
    "identity": ActivationOracle(lambda z, rule: z, lambda z, rule: np.ones_like(z)),
    "logistic": ActivationOracle(_logistic, _logistic_slope),
    "tanh": ActivationOracle(
        lambda z, rule: np.tanh(z), lambda z, rule: 4 * _logistic_slope(2 * z)
    ),
    "relu": ActivationOracle(
        lambda z, rule: np.maximum(z, 0), lambda z, rule: 1.0 * (z > 0), kinked=True
    ),
    "leaky_relu": ActivationOracle(
        lambda z, rule: np.where(z > 0, z, rule.negative_slope * z),
        lambda z, rule: np.where(z > 0, 1, rule.negative_slope),
        kinked=True,
    ),
    "elu": ActivationOracle(
        lambda z, rule: np.where(z > 0, z, rule.alpha * np.expm1(np.minimum(z, 0))),
        lambda z, rule: np.where(z > 0, 1, rule.alpha * np.exp(np.minimum(z, 0))),
    ),
    "selu": ActivationOracle(
        lambda z, rule: (
            SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))
        ),
        lambda z, rule: (
            SELU_SCALE * np.where(z > 0, 1, SELU_ALPHA * np.exp(np.minimum(z, 0)))
        ),
        kinked=True,
    ),
    # the worst were 4.7 in float32 and 6.2 in float64
    "gelu": ActivationOracle(lambda z, rule: z * _mass(z), _gelu_slope, ulps=7),
    "silu": ActivationOracle(
        lambda z, rule: z * _logistic(z),
        lambda z, rule: _logistic(z) + z * _logistic_slope(z),
        ulps=3,  # the worst were 2.2 in both
    ),
    "mish": ActivationOracle(
        lambda z, rule: z * _mish_gate(z),
        lambda z, rule: _mish_gate(z) + z * _logistic(z) * (1 - _mish_gate(z) ** 2),
        ulps=5,  # the worst were 3.3 and 4.1
    ),
}


# ---------------------------------------------------------------- schedules
def _span(rule, n_steps):
    return rule.n_steps if rule.n_steps is not None else n_steps


def _between(start, end, share):
    # half a cosine from start to end, as PyTorch's annealing function
    return end + (start - end) / 2 * (math.cos(math.pi * share) + 1)


def _cosine(rule, t, n_steps, n_plateaus):
    return _between(1.0, rule.final, min(t / _span(rule, n_steps), 1.0))


def _one_cycle(rule, t, n_steps, n_plateaus):
    # two phases, each with its own clock
    end = _span(rule, n_steps)
    peak = rule.warmup * end
    if t <= peak:
        return _between(rule.start, 1.0, t / peak)
    return _between(1.0, rule.final, min((t - peak) / (end - peak), 1.0))


def _linear(rule, t, n_steps, n_plateaus):
    end = _span(rule, n_steps)
    begin = rule.hold * end
    if t <= begin:
        return 1.0
    if t >= end:
        return rule.final
    return (rule.final * (t - begin) + (end - t)) / (end - begin)


def _warmup(rule, t, n_steps, n_plateaus):
    if t < rule.n_steps:
        return rule.start + (1 - rule.start) * t / rule.n_steps
    then = rule.then if isinstance(rule.then, str) else type(rule.then).__name__.lower()
    second = rule.then
    if isinstance(second, str):  # with its defaults, as the texts give them
        second = {
            "cosine": SimpleNamespace(final=0.0, n_steps=None),
            "adaptive": SimpleNamespace(factor=0.2),
        }[then]
    left = max(n_steps - rule.n_steps, 1)
    return SCHEDULES[then](second, t - rule.n_steps, left, n_plateaus)


# factor(rule, t, n_steps, n_plateaus) of one step
SCHEDULES = {
    "linear": _linear,
    "warmup": _warmup,
    "constant": lambda rule, t, n_steps, n_plateaus: 1.0,
    "invscaling": lambda rule, t, n_steps, n_plateaus: 1 / (t + 1) ** rule.power_t,
    "adaptive": lambda rule, t, n_steps, n_plateaus: rule.factor**n_plateaus,
    "exponential": lambda rule, t, n_steps, n_plateaus: rule.decay ** (t / rule.period),
    "step": lambda rule, t, n_steps, n_plateaus: rule.decay ** (t // rule.period),
    "cosine": _cosine,
    "one_cycle": _one_cycle,
}


# ---------------------------------------------------------------- initial weights
HE = {"relu", "leaky_relu", "elu", "gelu", "silu", "mish"}


def _glorot(fan_in, fan_out, name, activation, inner):
    return 2 / (fan_in + fan_out) * (1 / 3 if name == "logistic" else 1)


def _he(fan_in, fan_out, name, activation, inner):
    slope = activation.negative_slope if name == "leaky_relu" else 0
    return 2 / fan_in / (1 + slope**2)


def _lecun(fan_in, fan_out, name, activation, inner):
    return 1 / fan_in


def _auto(fan_in, fan_out, name, activation, inner):
    rule = _lecun if name == "selu" or name in HE else _glorot
    if name in HE and inner:
        rule = _he
    return rule(fan_in, fan_out, name, activation, inner)


# variance of a weight, by inputs and outputs of the layer, the activation, and whether
# the layer is between hidden layers
INITIALIZERS = {"auto": _auto, "glorot": _glorot, "he": _he, "lecun": _lecun}
