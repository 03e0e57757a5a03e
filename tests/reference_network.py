"""A forward pass in NumPy, to compare the compiled one with.

Only what is passed on from layer to layer; gradients are checked by differences.
"""

from dataclasses import dataclass, field

import numpy as np
import oracles

from skgd.activations import ACTIVATIONS

EPSILON = 1e-5  # batch normalisation's


# ---------------------------------------------------------------- dropout masks
def random_bits(seed, positions):
    """32 random bits for each position: the finaliser of splitmix64."""
    with np.errstate(over="ignore"):
        x = np.uint64(seed) + (positions.astype(np.uint64) + np.uint64(1)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(31))) >> np.uint64(32)


def mask_bits(seed, positions):
    """32 random bits for each position, from two keys: lowbias32 with keys."""
    first, second = random_bits(seed, np.arange(2)).astype(np.uint32)
    x = positions.astype(np.uint32) + first
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D) ^ second
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def dropout_factors(seed, layer, shape, rate):
    """What the elements of a batch are multiplied by: 0 or 1 / (1 - rate)."""
    high, low = random_bits(seed, np.array([2 * layer, 2 * layer + 1]))
    layer_seed = (high << np.uint64(32)) | low
    bits = mask_bits(layer_seed, np.arange(np.prod(shape)).reshape(shape))
    keep = 1 - rate
    return (bits < np.uint32(int(keep * (2**32 - 1)))) / keep


# ---------------------------------------------------------------- forward
@dataclass
class Pass:
    """What a forward pass gives, and what tests ask about it."""

    Z: np.ndarray
    running: list
    pre_activations: list = field(default_factory=list)
    variances: list = field(default_factory=list)


def batch_norm(a, running, weights):
    """Normalised by the batch; and the running statistics after it, as in PyTorch.

    Weights count repeated rows; where they add up to less than two rows, there is
    no unbiased variance.
    """
    total = weights.sum()
    mean = weights @ a / total
    variance = weights @ (a - mean) ** 2 / total
    unbiased = variance * total / (total - 1) if total >= 2 else variance
    after = 0.9 * running + 0.1 * np.array([mean, unbiased])
    return (a - mean) / np.sqrt(variance + EPSILON), variance, after


def suffix_sums(joined, X):
    """The sum of each column and those after it in its group."""
    group = np.cumsum(~np.array(joined, dtype=bool))
    rest = np.arange(len(group))
    adds = (group[:, np.newaxis] == group) & (rest[:, np.newaxis] >= rest)
    return X @ adds


def forward(architecture, theta, X, *, running, weights=None, seed=None):
    """One pass; with a seed as in training, without as in prediction."""
    views = architecture.views(theta)
    scales = iter(zip(views["gamma"], views["beta"], strict=True))
    statistics = iter([view.copy() for view in architecture.running_views(running)])
    weights = np.ones(len(X)) if weights is None else weights
    has_input_layer = architecture.input_batch_norm or architecture.input_dropout > 0
    result = Pass(Z=None, running=[])

    def normalise(a, gamma=1, beta=0):
        own = next(statistics)
        if seed is None:
            a, after = (a - own[0]) / np.sqrt(own[1] + EPSILON), own
        else:
            a, variance, after = batch_norm(a, own, weights)
            result.variances.append(variance)
        result.running.append(after)
        return gamma * a + beta

    def drop(a, layer, rate):
        if seed is None or rate == 0:
            return a
        return a * dropout_factors(seed, layer, a.shape, rate)

    a = normalise(X) if architecture.input_batch_norm else X
    if architecture.joined:
        a = suffix_sums(architecture.joined, a)
    if architecture.input_scale:
        a = a * views["scale"][0]
    a = drop(a, 0, architecture.input_dropout)
    n_layers = len(architecture.sizes) - 1
    rates = architecture.dropout or (0.0,) * (n_layers - 1)
    rule = architecture.activation
    for layer in range(n_layers):
        a = a @ views["W"][layer]
        if architecture.fit_intercept:
            a = a + views["b"][layer]
        if layer == n_layers - 1:
            break
        if architecture.batch_norm:
            a = normalise(a, *next(scales))
        result.pre_activations.append(a)
        own = rule[layer] if isinstance(rule, tuple) else rule
        name = next(name for name, kind in ACTIVATIONS.items() if type(own) is kind)
        activation = oracles.ACTIVATIONS[name].value
        a = drop(activation(a, own), layer + has_input_layer, rates[layer])
    result.Z = a
    result.running = np.concatenate([r.ravel() for r in result.running] or [[]])
    return result


def mean_loss(architecture, name, Y, Z, weights=None):
    """The weighted mean of the losses of the rows."""
    if architecture.softmax:
        losses, _ = oracles.softmax_loss(Y, Z, architecture.loss.label_smoothing)
    else:
        losses = oracles.LOSSES[name].value(Y, Z, architecture.loss).sum(axis=1)
    return np.average(losses, weights=weights)
