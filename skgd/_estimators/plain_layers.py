"""A fitted model as plain layers, which other packages can represent."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PlainLayers:
    """Linear maps and activations, which act on raw data.

    They are copies of the published parameters, in their dtypes. A batch normalisation
    of a hidden layer is a linear map between the linear map of the layer and its
    activation, so it is part of the weights and intercepts.

    Parameters
    ----------
    coefs : list of ndarray of shape (n_inputs, n_outputs)
        The weights of each layer.
    intercepts : list of ndarray of shape (n_outputs,)
        The intercepts of each layer.
    activations : list of Activation
        The activation behind each layer except the last one.
    knots : list of ndarray
        The knots of each feature, if the first layer also reads hat functions, which
        follow the features; otherwise an empty list.
    """

    coefs: list
    intercepts: list
    activations: list = field(default_factory=list)
    knots: list = field(default_factory=list)
