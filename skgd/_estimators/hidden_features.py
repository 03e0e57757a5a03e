"""The hidden layers of a fitted network as a transformer."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted


class HiddenFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """A network whose hidden activations are features for another estimator."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self):
        # the units of the last hidden layer, for the names of the features
        return len(self.coefs_[-1])

    def transform(
        self, X: ArrayLike | sparray | spmatrix, layer: int = -1
    ) -> np.ndarray:
        """Compute the activations of a hidden layer.

        They are features that the network has learned, for raw data as in `predict`.
        In a pipeline, a network is thus a step before another estimator.
        The raw predictions are a linear function of the last hidden layer:
        ``transform(X) @ coefs_[-1] + intercepts_[-1]``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        layer : int, default=-1
            The number of the hidden layer: 0 is the first one and -1 is the last one.
            `get_feature_names_out` and `set_output` name the units of the last one, so
            a hidden layer of another size needs the default of `set_output`.

        Returns
        -------
        A : ndarray of shape (n_samples, n_units)
            The activations of this layer.

        Raises
        ------
        ValueError
            If there is no such hidden layer.
        """
        check_is_fitted(self)
        n_hidden = self.n_layers_ - 2
        is_int = isinstance(layer, Integral) and not isinstance(layer, bool)
        if not is_int or not -n_hidden <= layer < n_hidden:
            name = type(self).__name__
            if n_hidden == 0:
                raise ValueError(f"This {name} has no hidden layer to transform to.")
            raise ValueError(
                f"The 'layer' parameter of {name}.transform must be an int >= "
                f"{-n_hidden} and < {n_hidden}, which is the number of hidden layers. "
                f"Got {layer!r} instead."
            )
        number = range(n_hidden)[layer]
        return self._hidden_output(self._prediction_data(X), number)[-1]
