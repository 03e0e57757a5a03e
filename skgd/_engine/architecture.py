"""What a network is made of, and where its parameters lie in one flat vector."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, groupby, pairwise
from math import prod

import numpy as np

from .._rules.plain_state import stored_as_dict
from ..activations import Activation, Identity
from ..losses import Loss
from .layers import (
    BatchNorm,
    Copy,
    Dense,
    Dropout,
    InputScale,
    SparseInput,
    SuffixSums,
)
from .layers.batch_norm import BATCH_NORM_EPSILON
from .memory import aligned

# The kinds of layers that have parameters.
LEARNING = (Dense, BatchNorm, InputScale)


@stored_as_dict
@dataclass(frozen=True)
class Architecture:
    """Layers of a network; a linear model is a network of one layer.

    The flat vector holds the penalised parameters first, a prefix of length
    `n_penalised`, and of the others those with the same multiple of the learning rate
    side by side. Running statistics lie in a vector of their own, the mean and the
    variance of one batch normalisation after the other.

    Parameters
    ----------
    sizes : tuple of int
        Features, units of each hidden layer, outputs.
    loss : Loss
        The loss of the outputs.
    activation : Activation or tuple of Activation
        The activation of all hidden layers, or of each of them.
    softmax : bool
        Whether the outputs are one distribution; a target is then a class code.
    fit_intercept : bool
        Whether layers have intercepts.
    batch_norm : bool
        Whether hidden layers are normalised between linear map and activation.
    dropout : tuple of float
        The rate after each hidden layer.
    input_batch_norm : bool
        Whether the features are normalised; without gamma and beta, since the weights
        and intercepts behind them scale and shift already.
    input_dropout : float
        The rate on the features, after their normalisation.
    input_scale : bool
        Whether each feature has a learned scale.
    joined : tuple of bool
        Whether each feature belongs to the group of the feature before it: the weights
        act on sums from a feature to the end of its group. Empty without groups.
    target_scale : tuple of float
        Units of the targets, for each output; empty where they are the user's.
    """

    sizes: tuple
    loss: Loss
    activation: Activation | tuple = field(default_factory=Identity)
    softmax: bool = False
    fit_intercept: bool = True
    batch_norm: bool = False
    dropout: tuple = ()
    input_batch_norm: bool = False
    input_dropout: float = 0.0
    input_scale: bool = False
    joined: tuple = ()
    target_scale: tuple = ()

    def __getstate__(self):
        # without what is cached
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def activations(self):
        """The activation of each hidden layer."""
        if isinstance(self.activation, tuple):
            return self.activation
        return (self.activation,) * (len(self.sizes) - 2)

    def layers(self, sparse=False):
        """List the layers of the network, from the inputs on.

        Parameters
        ----------
        sparse : bool, default=False
            Whether the inputs are rows of a CSR matrix, which the first layer then
            reads as they are stored.

        Returns
        -------
        layers : list of Layer
            Their parameters are the same for dense and for sparse inputs.
        """
        found = self._layers
        if not sparse:
            return found
        n_first = 1 + next(
            number for number, layer in enumerate(found) if isinstance(layer, Dense)
        )
        return [SparseInput.of(found[:n_first]), *found[n_first:]]

    @cached_property
    def _layers(self):
        found = self._input_layers()
        first_stream = 1 if self.input_batch_norm or self.input_dropout else 0
        n_layers = len(self.sizes) - 1
        for number, (n_in, n_out) in enumerate(pairwise(self.sizes)):
            hidden = number < n_layers - 1
            normalised = hidden and self.batch_norm
            activation = self.activations[number] if hidden else None
            found.append(
                Dense(
                    n_in,
                    n_out,
                    None if normalised else activation,
                    intercepts=self.fit_intercept,
                    normalised=normalised,
                )
            )
            if normalised:
                found.append(BatchNorm(n_out, activation))
            if hidden and self.dropout and self.dropout[number] > 0:
                stream = first_stream + number
                found.append(Dropout(n_out, self.dropout[number], stream))
        return found

    def _input_layers(self):
        # what comes before the first dense layer
        width, found = self.sizes[0], []
        if self.input_batch_norm:
            found += [Copy(width, width), BatchNorm(width, learned=False)]
        if self.joined:
            found.append(SuffixSums(self.joined))
        if self.input_scale:
            found.append(InputScale(width))
        if self.input_dropout > 0:
            found += [] if found else [Copy(width, width)]
            found.append(Dropout(width, self.input_dropout, 0))
        return found

    @cached_property
    def _layout(self):
        # Each parameter and its slice of the flat vector. Parameters with the same
        # penalty and rate are side by side, and among those the ones of a kind.
        layers = self.layers()
        kinds = list(
            dict.fromkeys(type(layer) for layer in layers if layer.parameters())
        )
        found = [
            (kinds.index(type(layer)), parameter)
            for layer in layers
            for parameter in layer.parameters()
        ]
        found.sort(key=lambda pair: (not pair[1].penalised, pair[1].rate, pair[0]))
        sizes = [prod(parameter.shape) for _, parameter in found]
        stops = accumulate(sizes)
        return [
            (parameter, slice(stop - size, stop))
            for (_, parameter), size, stop in zip(found, sizes, stops, strict=True)
        ]

    @cached_property
    def segments(self):
        """The parts of the flat vector that an update treats alike.

        Each is a tuple of its first number, the number after its last, whether it is
        penalised, and the multiple of the learning rate.
        """
        found = []
        for (penalised, rate), group in groupby(
            self._layout, key=lambda pair: (pair[0].penalised, pair[0].rate)
        ):
            parts = [part for _, part in group]
            found.append((parts[0].start, parts[-1].stop, penalised, rate))
        return found

    @cached_property
    def normalised_sizes(self):
        """Widths of the batch normalisations, from the input on."""
        widths = (layer.statistics() for layer in self.layers())
        return tuple(width for width in widths if width)

    @property
    def n_penalised(self):
        """Length of the penalised prefix of the flat vector."""
        return max(stop for _, stop, penalised, _ in self.segments if penalised)

    @property
    def n_params(self):
        """Length of the flat vector."""
        return self.segments[-1][1]

    @property
    def n_outputs(self):
        """Units of the last layer."""
        return self.sizes[-1]

    @property
    def n_targets(self):
        """Columns of the encoded target."""
        return 1 if self.softmax else self.n_outputs

    def views(self, theta):
        """Views of the flat vector by the name of the parameter.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
            Parameters, or anything parallel to them.

        Returns
        -------
        views : dict of str to list of ndarray
            'W' (fan_in, fan_out), 'b' (fan_out,), 'gamma' and 'beta' (width,) and
            'scale' (n_features,), each from the first layer on.
        """
        views = {name: [] for kind in LEARNING for name in kind.slots}
        for parameter, part in self._layout:
            views[parameter.name].append(theta[part].reshape(parameter.shape))
        return views

    def new_theta(self, dtype):
        """Parameters before a rule draws the weights: what each kind of layer says.

        Parameters
        ----------
        dtype : dtype
            Of the parameters.

        Returns
        -------
        theta : ndarray of shape (n_params,)
            The flat vector, aligned.
        """
        theta = aligned(np.zeros(self.n_params, dtype))
        for parameter, part in self._layout:
            theta[part] = parameter.initial
        return theta

    def running_views(self, running):
        """Views of the running statistics, one (2, width) for each normalisation.

        Parameters
        ----------
        running : ndarray of shape (2 * sum(normalised_sizes),)
            The flat vector.

        Returns
        -------
        views : list of ndarray of shape (2, width)
            Mean and variance.
        """
        views, start = [], 0
        for n in self.normalised_sizes:
            views.append(running[start : start + 2 * n].reshape(2, n))
            start += 2 * n
        return views

    def new_running(self, dtype):
        """Running statistics before the first update: mean 0, variance 1.

        Parameters
        ----------
        dtype : dtype
            Of the parameters.

        Returns
        -------
        running : ndarray of shape (2 * sum(normalised_sizes),)
            The flat vector.
        """
        running = np.zeros(2 * sum(self.normalised_sizes), dtype)
        for view in self.running_views(running):
            view[1] = 1
        return running

    def published(self):
        """The network that the published parameters make.

        Returns
        -------
        architecture : Architecture
            The scales and the sums of the inputs are folded into its weights.
        """
        if not (self.input_scale or self.joined):
            return self
        return replace(self, input_scale=False, joined=())

    def publish(self, views, units):
        """Weights and intercepts as they act on raw data.

        A linear map in front of a network is part of its first layer, one behind it is
        part of its last layer. So nothing is lost, and prediction costs nothing more.

        Parameters
        ----------
        views : dict of str to list of ndarray
            Parameters in units of training, see `views`.
        units : Units or None
            The units of training; None where they are the user's.

        Returns
        -------
        W, b : list of ndarray
            One array for each layer, copies in float64 where something differs. b is
            empty without intercepts.
        """
        W, b = list(views["W"]), list(views["b"]) or [None] * len(views["W"])
        for scale in views["scale"]:
            W[0] = InputScale.fold(scale, W[0])
        if self.joined:
            W[0] = SuffixSums.fold(self.joined, W[0])
        if units is not None:
            W[0], b[0] = Dense.publish_inputs(W[0], b[0], units)
            W[-1], b[-1] = Dense.publish_outputs(W[-1], b[-1], units)
        return W, [shift for shift in b if shift is not None]

    def absorb(self, W, b, units):
        """Weights and intercepts in units of training, from those on raw data.

        Parameters
        ----------
        W, b : list of ndarray
            As `publish` returns them; b may be empty.
        units : Units or None
            The units of training; None where they are the user's.

        Returns
        -------
        W, b : list of ndarray
            In float64, for scales of the inputs of one.
        """
        W = [np.asarray(weights, dtype=np.float64) for weights in W]
        b = [np.asarray(shift, dtype=np.float64) for shift in b] or [None] * len(W)
        if units is not None:
            W[-1], b[-1] = Dense.absorb_outputs(W[-1], b[-1], units)
            W[0], b[0] = Dense.absorb_inputs(W[0], b[0], units)
        if self.joined:
            W[0] = SuffixSums.unfold(self.joined, W[0])
        return W, [shift for shift in b if shift is not None]

    def convert(self, views, old, new):
        """Weights in new units that act on raw data as they did in the old units.

        Parameters
        ----------
        views : dict of str to list of ndarray
            Parameters in the old units.
        old, new : Units or None
            None where they are the user's.

        Returns
        -------
        W, b : list of ndarray
            In the new units. A column that was constant so far keeps its weights.
        """
        W, b = self.absorb(*self.publish(views, old), new)
        for scale in views["scale"]:
            W[0] = InputScale.unfold(scale, W[0], views["W"][0])
        if old is not None:
            W[0][~old.varies] = views["W"][0][~old.varies]
        return W, b


def normalisation_map(gamma, beta, mean, variance):
    """A batch normalisation by given statistics, as ``scale * x + shift``.

    Parameters
    ----------
    gamma, beta : ndarray of shape (width,) or float
        Learned scale and shift.
    mean, variance : ndarray of shape (width,)
        The statistics.

    Returns
    -------
    scale, shift : ndarray of shape (width,)
        What it does to an input.
    """
    scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
    return scale, beta - scale * mean


def set_views(views, start):
    """Copy given parameters into the flat vector.

    Parameters
    ----------
    views : dict of str to list of ndarray
        Of the flat vector, see `Architecture.views`.
    start : dict of str to list of array-like
        Values of some of the kinds.

    Raises
    ------
    ValueError
        Where a shape does not match.
    """
    for kind, values in start.items():
        if len(values) != len(views[kind]):
            raise ValueError(
                f"Expected {len(views[kind])} arrays of {kind}, got {len(values)}."
            )
        for view, value in zip(views[kind], values, strict=True):
            value = np.asarray(value)
            if value.shape != view.shape:
                raise ValueError(
                    f"Parameters of shape {value.shape} do not match the network, "
                    f"which has {view.shape} there."
                )
            view[...] = value
