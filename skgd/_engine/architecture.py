"""What a network is made of, and where its parameters lie in one flat vector."""

from dataclasses import dataclass, field
from itertools import pairwise
from math import prod

import numpy as np

from ..activations import Activation, Identity
from ..losses import Loss
from .layers import BATCH_NORM_EPSILON


@dataclass(frozen=True)
class Architecture:
    """Layers of a network; a linear model is a network of one layer.

    The flat vector holds the weights of all layers, then the intercepts, then
    gamma and beta of each hidden batch normalisation. The penalised weights are its
    prefix of length `n_penalised`. Running statistics lie in a vector of their
    own, mean and variance of one batch normalisation after the other.

    Parameters
    ----------
    sizes : tuple of int
        Features, units of each hidden layer, outputs.
    loss : Loss
        The loss of the outputs.
    activation : Activation
        The activation of the hidden layers.
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
    target_scale : tuple of float
        Units of the targets, for each output; empty where they are the user's.
    """

    sizes: tuple
    loss: Loss
    activation: Activation = field(default_factory=Identity)
    softmax: bool = False
    fit_intercept: bool = True
    batch_norm: bool = False
    dropout: tuple = ()
    input_batch_norm: bool = False
    input_dropout: float = 0.0
    target_scale: tuple = ()

    @property
    def normalised_sizes(self):
        """Widths of the batch normalisations, from the input on."""
        inputs = self.sizes[:1] if self.input_batch_norm else ()
        return inputs + (self.sizes[1:-1] if self.batch_norm else ())

    @property
    def n_penalised(self):
        """Length of the prefix that holds the weights."""
        return sum(a * b for a, b in pairwise(self.sizes))

    @property
    def n_params(self):
        """Length of the flat vector."""
        n_intercepts = sum(self.sizes[1:]) if self.fit_intercept else 0
        n_scales = 2 * sum(self.sizes[1:-1]) if self.batch_norm else 0
        return self.n_penalised + n_intercepts + n_scales

    @property
    def n_outputs(self):
        """Units of the last layer."""
        return self.sizes[-1]

    @property
    def n_targets(self):
        """Columns of the encoded target."""
        return 1 if self.softmax else self.n_outputs

    def views(self, theta):
        """Views of the flat vector by kind.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
            Parameters, or anything parallel to them.

        Returns
        -------
        views : dict of str to list of ndarray
            'W' (fan_in, fan_out), 'b' (fan_out,), 'gamma' and 'beta' (width,),
            each from the first layer on.
        """
        shapes = [("W", pair) for pair in pairwise(self.sizes)]
        if self.fit_intercept:
            shapes += [("b", (n,)) for n in self.sizes[1:]]
        for n in self.sizes[1:-1] if self.batch_norm else ():
            shapes += [("gamma", (n,)), ("beta", (n,))]
        views = {"W": [], "b": [], "gamma": [], "beta": []}
        start = 0
        for kind, shape in shapes:
            stop = start + prod(shape)
            views[kind].append(theta[start:stop].reshape(shape))
            start = stop
        return views

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
