"""Classification: how estimators of classes encode targets, predict, and score."""

import numpy as np
from sklearn.base import ClassifierMixin

from .._data.class_weights import ClassWeights
from .._data.targets import ClassEncoding
from ..losses import CLASSIFICATION_LOSSES


class ClassificationTargets(ClassifierMixin):
    """Two classes, several, or several labels for each sample."""

    _y_numeric = False
    _losses = CLASSIFICATION_LOSSES
    _encoding_class = ClassEncoding

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _class_weights(self, y, encoding, incremental):
        return ClassWeights.of(self, y, encoding, incremental)

    def _score_raw(self, Z, y, weights):
        if not np.isfinite(Z).all():
            return np.nan
        right = self._decode(Z) == y
        if self._encoding.multilabel:
            right = right.all(axis=1)
        return np.average(right, weights=weights)
