"""Decisions and probabilities of the linear classifier."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..losses import ModifiedHuber
from .docstrings import fill_doc
from .probabilities import log_probabilities


def _has_probabilities(self):
    loss = self._loss_rule(self.loss)
    if hasattr(self, "_state"):
        loss = self._fitted_loss
    if loss.link == "logistic" or isinstance(loss, ModifiedHuber):
        return True
    raise AttributeError(
        f"probability estimates are not available for loss={self.loss!r}, only for "
        "loss='log_loss' and loss='modified_huber'"
    )


@fill_doc
class LinearDecisions:
    """What a linear classifier computes from its raw predictions."""

    def decision_function(self, X: ArrayLike | sparray | spmatrix) -> np.ndarray:
        """Signed distance to the decision boundary, times the norm of `coef_`.

        Parameters
        ----------
        {data}

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The scores. For two classes, a positive score stands for ``classes_[1]``.
        """
        Z = self._raw(X)
        return Z.ravel() if Z.shape[1] == 1 else Z

    @available_if(_has_probabilities)
    def predict_proba(self, X: ArrayLike | sparray | spmatrix) -> np.ndarray:
        """Probabilities of the classes, for 'log_loss' and 'modified_huber'.

        For 'modified_huber' they are ``(clip(decision, -1, 1) + 1) / 2``,
        normalised over the classes, as in scikit-learn's `SGDClassifier`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
            The probabilities, with one column for each class of `classes_`.
        """
        Z = self._raw(X)
        if self._fitted_loss.link == "logistic":
            return self._encoding.probabilities(Z)
        P = (np.clip(Z, -1, 1) + 1) / 2
        if P.shape[1] == 1:
            return np.hstack([1 - P, P])
        if self._encoding.multilabel:
            return P
        # if all probabilities are 0, all classes get the same probability
        P[~P.any(axis=1)] = 1
        return P / P.sum(axis=1, keepdims=True)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: ArrayLike | sparray | spmatrix) -> np.ndarray:
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        L : ndarray of shape (n_samples, n_classes)
            The logarithms, with one column for each class of `classes_`.
        """
        check_is_fitted(self)
        if self._fitted_loss.link == "logistic":
            return log_probabilities(self._encoding, self._raw(X))
        with np.errstate(divide="ignore"):  # the logarithm of zero is -inf
            return np.log(self.predict_proba(X))
