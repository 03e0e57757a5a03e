"""The parameter `num_embedding`: functions of each number in front of a network."""

import numpy as np

from .._data.knots import Knots
from .._rules.rule import Allowed
from ..preprocessing.piecewise_linear import n_intervals

NUM_EMBEDDING = Allowed(options=("piecewise_linear", None))


class NumEmbedding:
    """A network that can begin with piecewise linear functions of each number."""

    def _resolve(self):
        rules = super()._resolve()
        if self.num_embedding is not None and self.input_dropout > 0:
            raise ValueError(
                f"The 'input_dropout' parameter of {type(self).__name__} must be 0 "
                f"with num_embedding={self.num_embedding!r}, because an input without "
                f"its hat functions is another number. Got {self.input_dropout!r} "
                "instead."
            )
        return rules

    def _knots(self, X, weights, before):
        # the knots of a new training, which it keeps when it is continued
        if before is None:
            self.__dict__.pop("knots_", None)
            if self.num_embedding is not None:
                self.knots_ = _learned(X, weights).columns
        elif (self.num_embedding is not None) != hasattr(self, "knots_"):
            now = self.num_embedding
            raise ValueError(
                "warm_start and partial_fit continue a model of the same "
                f"num_embedding. It was {None if now else 'piecewise_linear'!r}, now "
                f"it would be {now!r}."
            )
        return Knots(self.knots_) if hasattr(self, "knots_") else None

    def _inputs(self, X):
        # what the network reads of checked features
        return Knots(self.knots_).expand(X) if hasattr(self, "knots_") else X

    def _next_state(self, architecture, samples, before):
        state = super()._next_state(architecture, samples, before)
        if before is None and samples.knots is not None:
            W = architecture.views(state.theta)["W"][0]
            n_stored = np.diff(samples.inputs.indptr)
            n_stored = np.average(n_stored, weights=samples.weights)
            begin_linear(W, n_stored, samples.knots.is_hat)
        return state


def _learned(X, weights):
    # Rows without weight do not count, and rows with more weight count as several.
    if weights is not None:
        used = weights > 0
        X, weights = X[used], weights[used]
    return Knots.learn(X, n_intervals(X.shape[0]), weights)


def begin_linear(W, n_stored, is_hat):
    """Set the initial weights of a network that reads hat functions.

    Parameters
    ----------
    W : ndarray of shape (n_inputs, n_units)
        The weights of the first layer, drawn for dense inputs. They are changed in
        place.
    n_stored : float
        The mean number of stored values of a row.
    is_hat : ndarray of shape (n_inputs,), bool, or None
        Which inputs are hat functions; None if there are none.
    """
    # An input of the first layer is a sum over the stored values of a row, which are
    # far fewer than its features.
    W *= np.sqrt(max(len(W) / n_stored, 1.0))
    if is_hat is not None:
        W[is_hat] = 0  # each function of a number is linear at the start
