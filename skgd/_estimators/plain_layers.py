"""A fitted model as plain layers, which other packages can represent."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse as sp
from sklearn.utils.validation import check_is_fitted

from .._engine.architecture import normalisation_map
from .linear_model import LinearModel
from .published import coefficients_of


@dataclass(frozen=True)
class PlainLayers:
    """Linear maps and activations, which act on raw data.

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
    activations: list
    knots: list


def plain_layers(estimator):
    """Return the published parameters of a fitted estimator as plain layers.

    A batch normalisation of a hidden layer is a linear map between the linear map of
    the layer and its activation, so it becomes part of the weights and intercepts.

    Parameters
    ----------
    estimator : GradientDescent
        A fitted linear model or network.

    Returns
    -------
    layers : PlainLayers
        Copies of the parameters. Parameters that have not been changed since the fit
        keep the dtype of the training.
    """
    check_is_fitted(estimator)
    if isinstance(estimator, LinearModel):
        coef, intercept = coefficients_of(estimator)
        coef = coef.toarray() if sp.issparse(coef) else coef
        intercept = np.broadcast_to(intercept, len(coef))
        return PlainLayers([coef.T.copy()], [intercept.copy()], [], [])
    normalised = estimator._architecture_.batch_norm
    kinds = {"W": True, "b": True, "gamma": normalised, "beta": normalised}
    given = estimator._given(kinds)
    coefs = [W.copy() for W in given["W"]]
    intercepts = [b.copy() for b in given["b"]]
    if normalised:
        for i, gamma in enumerate(given["gamma"]):
            mean, variance = estimator.running_means_[i], estimator.running_vars_[i]
            scale, shift = normalisation_map(
                *(part.astype(np.float64) for part in (gamma, given["beta"][i])),
                *(part.astype(np.float64) for part in (mean, variance)),
            )
            coefs[i][:] = coefs[i] * scale
            intercepts[i][:] = intercepts[i] * scale + shift
    knots = list(getattr(estimator, "knots_", []))
    activations = list(estimator._architecture_.activations)
    return PlainLayers(coefs, intercepts, activations, knots)
