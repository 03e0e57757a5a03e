"""Classification: how classifiers encode targets, predict, and score."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import ClassifierMixin

from .._data.class_weights import ClassWeights
from .._data.targets import ClassEncoding
from ..losses import CLASSIFICATION_LOSSES
from .docstrings import fill_doc


@fill_doc
class ClassificationTargets(ClassifierMixin):
    """Targets of classifiers: two classes, several classes, or several labels."""

    _y_numeric = False
    _losses = CLASSIFICATION_LOSSES
    _encoding_class = ClassEncoding

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _class_weights(self, y, weights, encoding, incremental):
        return ClassWeights.of(self, y, weights, encoding, incremental)

    def predict(self, X: ArrayLike | sparray | spmatrix) -> np.ndarray:
        """Predict class labels.

        Parameters
        ----------
        {data}

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or a binary indicator of labels.
        """
        return self._decode(self._raw(X))

    def _score_raw(self, Z, y, weights):
        if not np.isfinite(Z).all():
            return np.nan
        right = self._decode(Z) == y
        if self._encoding.multilabel:
            right = right.all(axis=1)
        return np.average(right, weights=weights)
