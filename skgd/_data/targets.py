"""Targets: from ``y`` to what a loss reads, and from raw predictions back."""

import numpy as np
from scipy import sparse as sp
from scipy.special import expit
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils import column_or_1d, compute_class_weight
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from .._rules.loss import softmax
from ..losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES, LogLoss


class RegressionTargets(RegressorMixin):
    """Numbers, one or several for each sample."""

    _y_numeric = True
    _losses = REGRESSION_LOSSES

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _encode(self, y, dtype, state, classes, incremental):
        if sp.issparse(y):
            raise ValueError("Sparse targets are not supported in regression.")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = y.astype(dtype, copy=False)
        loss = self._loss_rule(self.loss)
        if loss.n_levels > 1 and y.ndim > 1:
            raise ValueError(
                f"{loss!r} is for a single target: each quantile has an output. Got "
                f"{y.shape[1]} targets."
            )
        loss._check_target(y)
        Y = np.ascontiguousarray(loss._spread(y.reshape(len(y), -1)))
        self._n_outputs = Y.shape[1]
        self._softmax = False
        return y, Y

    def _encode_more(self, y, dtype):
        # targets for validation
        n_outputs = self._n_outputs
        y, Y = self._encode(y, dtype, None, None, False)
        if Y.shape[1] != n_outputs:
            raise ValueError(
                f"y_val must have as many targets as y. Got {Y.shape[1]}, y has "
                f"{n_outputs}."
            )
        return y, Y

    def _class_factors(self, y, incremental):
        return None

    def _times_class_weights(self, y, weights, factors, dtype):
        return weights

    def _stratify(self, y):
        return None

    def _decode(self, Z):
        # raw predictions to predictions
        if self._fitted_loss.link == "exp":
            with np.errstate(over="ignore"):
                Z = np.exp(Z)
        elif self._fitted_loss.n_levels > 1:
            Z = np.sort(Z, axis=1)  # quantiles do not cross
        return Z.ravel() if Z.shape[1] == 1 else Z

    def score(self, X, y, sample_weight=None):
        """R2, or for several quantiles the mean of their D2.

        D2 of a quantile (`sklearn.metrics.d2_pinball_score`) is to its pinball loss
        what R2 is to the squared error: at most 1, and 0 for the quantile of `y`
        itself as a constant prediction.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            The score.
        """
        return self._score_predictions(self.predict(X), y, sample_weight)

    def _score_predictions(self, predicted, y, weights):
        loss = self._fitted_loss
        if loss.n_levels == 1:
            return r2_score(y, predicted, sample_weight=weights)
        levels = zip(loss.quantile, predicted.T, strict=True)
        scores = [
            d2_pinball_score(y, column, alpha=level, sample_weight=weights)
            for level, column in levels
        ]
        return float(np.mean(scores))

    def _score_raw(self, Z, y, weights):
        predicted = self._decode(Z)
        if len(y) < 2 or not np.isfinite(predicted).all():
            return np.nan
        return self._score_predictions(predicted, y, weights)


class ClassificationTargets(ClassifierMixin):
    """Two classes, several, or several labels for each sample."""

    _y_numeric = False
    _losses = CLASSIFICATION_LOSSES

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _encode(self, y, dtype, state, classes, incremental):
        y = _as_labels(y)
        found = _check_labels(y)
        # (asking again only where the answer is not known: it sorts all values out)
        multilabel = y.ndim == 2 and type_of_target(y) == "multilabel-indicator"
        if y.ndim == 2 and not multilabel:
            raise ValueError(
                f"Targets of type {type_of_target(y)!r} are not supported; give one "
                "class for each sample or a binary indicator of the labels."
            )
        if multilabel and not np.isin(y, (0, 1)).all():
            raise ValueError(
                "A binary indicator of labels must have values 0 and 1. Got "
                f"{np.unique(y).tolist()}."
            )
        found = np.arange(y.shape[1]) if multilabel else found
        self._set_classes(found, state, classes, incremental, multilabel)
        n_classes = len(self.classes_)
        if n_classes < 2 and not multilabel:
            raise ValueError(
                "The number of classes has to be greater than one; got "
                f"{n_classes} class"
            )
        self._multilabel = multilabel
        self._n_outputs = 1 if n_classes == 2 and not multilabel else n_classes
        probabilistic = isinstance(self._loss_rule(self.loss), LogLoss)
        self._softmax = probabilistic and n_classes > 2 and not multilabel
        return y, self._code(y, dtype, probabilistic)

    def _set_classes(self, found, state, classes, incremental, multilabel):
        if state is None:
            self.classes_ = found
            if not incremental:
                return
            if classes is None:
                raise ValueError(
                    "classes must be passed on the first call to partial_fit."
                )
            self.classes_ = unique_labels(classes)
        elif multilabel != self._multilabel:
            raise ValueError(
                "`y` must be of the same kind as in the previous call: a binary "
                "indicator of labels, or one class for each sample."
            )
        elif (
            incremental
            and classes is not None
            and not np.array_equal(self.classes_, unique_labels(classes))
        ):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to "
                f"partial_fit, was: {self.classes_!r}"
            )
        if not incremental and not np.array_equal(found, self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {self.classes_}, `y` has {found}"
            )
        unseen = len(np.setdiff1d(found, self.classes_))
        if unseen or (multilabel and len(found) != len(self.classes_)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. `self.classes_` has "
                f"{self.classes_}. 'y' has {found}."
            )

    def _code(self, y, dtype, probabilistic):
        # 0 and 1 (or class codes, for a softmax), -1 and 1 for margin losses
        if self._multilabel:
            Y = (y != 0).astype(dtype)
        elif self._softmax or self._n_outputs == 1:
            Y = np.searchsorted(self.classes_, y).astype(dtype)[:, np.newaxis]
        else:
            Y = (y[:, np.newaxis] == self.classes_).astype(dtype)
        return np.ascontiguousarray(Y if probabilistic else 2 * Y - 1)

    def _encode_more(self, y, dtype):
        # targets for validation
        y = _as_labels(y)
        if self._multilabel:
            known = y.ndim == 2 and y.shape[1] == self._n_outputs
            known = known and np.isin(y, (0, 1)).all()
        else:
            known = y.ndim == 1 and np.isin(y, self.classes_).all()
        if not known:
            kind = "a binary indicator of these labels" if self._multilabel else "these"
            raise ValueError(
                f"y_val must have only classes of y: {kind}, {self.classes_}. Got "
                f"{np.unique(y)} in an array of shape {y.shape}."
            )
        probabilistic = isinstance(self._loss_rule(self.loss), LogLoss)
        return y, self._code(y, dtype, probabilistic)

    def _class_factors(self, y, incremental):
        # the weight of each class; None for equal ones
        class_weight = getattr(self, "class_weight", None)
        if class_weight is None:
            return None
        if not (isinstance(class_weight, dict) or class_weight == "balanced"):
            raise ValueError(
                f"The 'class_weight' parameter of {type(self).__name__} must be a "
                f"dict, 'balanced' or None. Got {class_weight!r} instead."
            )
        if self._multilabel:
            raise ValueError("class_weight is not supported for multilabel targets.")
        if incremental and class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit. In order "
                "to use 'balanced' weights, use compute_class_weight('balanced', "
                "classes=classes, y=y). In place of y you can use a large enough "
                "sample of the full training set target to properly estimate the "
                "class frequency distributions. Pass the resulting weights as the "
                "class_weight parameter."
            )
        if isinstance(class_weight, dict) and not all(
            np.isfinite(value) and value >= 0 for value in class_weight.values()
        ):
            raise ValueError(
                "The 'class_weight' parameter must have finite weights >= 0. Got "
                f"{class_weight!r}."
            )
        return compute_class_weight(class_weight, classes=self.classes_, y=y)

    def _times_class_weights(self, y, weights, factors, dtype):
        if factors is None:
            return weights
        factor = factors[np.searchsorted(self.classes_, y)]
        weights = factor if weights is None else weights * factor
        if not weights.any():
            raise ValueError(
                "Sample weights must contain at least one non-zero number. With "
                f"class_weight={self.class_weight!r} all are zero."
            )
        return np.ascontiguousarray(weights, dtype=dtype)

    def _stratify(self, y):
        return None if self._multilabel else y

    def _decode(self, Z):
        # raw predictions to class labels
        if self._multilabel:
            return (Z > 0).astype(int)
        if Z.shape[1] == 1:
            return self.classes_[(Z[:, 0] > 0).astype(int)]
        return self.classes_[Z.argmax(axis=1)]

    def _probabilities(self, Z):
        # of log_loss; Z is overwritten
        if self._softmax:
            softmax(Z)
            return Z
        P = expit(Z)
        return P if self._multilabel else np.hstack([1 - P, P])

    def _score_raw(self, Z, y, weights):
        if not np.isfinite(Z).all():
            return np.nan
        right = self._decode(Z) == y
        if self._multilabel:
            right = right.all(axis=1)
        return np.average(right, weights=weights)


def _check_labels(y):
    # The values of a vector, if they are classes. scikit-learn's check sorts them out
    # twice more, 0.7 ms for 20,000 numbers: it gets the values themselves, where it can
    # say the same of them. (Of more than 20 it asks whether most of them differ.)
    if y.ndim == 2:
        check_classification_targets(y)
        return None
    if y.dtype.kind not in "biuf":
        check_classification_targets(y)
        return np.unique(y)
    found = np.unique(y)
    few = len(found) <= min(20, len(y) // 2)
    check_classification_targets(found if few else y)
    return found


def _as_labels(y):
    # dense; one column as a vector
    if sp.issparse(y):
        y = y.toarray()
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
