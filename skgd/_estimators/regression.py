"""Regression: how regressors encode targets, predict, and score."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils.metaestimators import available_if

from .._data.exposure import check_exposure, like_rows
from .._data.samples import HeldOut
from .._data.targets import RegressionEncoding
from ..losses import REGRESSION_LOSSES
from .docstrings import fill_doc
from .lbfgs import can_stream
from .published import check_finite

# the sizes of targets of which scores are computed in the dtype of the predictions
LEAST, MOST = 1e-8, 1e8


@fill_doc
class RegressionTargets(RegressorMixin):
    """Targets of regressors: one or several numbers for each sample."""

    _y_numeric = True
    _losses = REGRESSION_LOSSES
    _encoding_class = RegressionEncoding

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self._refuses_negative_targets()
        return tags

    def _refuses_negative_targets(self):
        try:
            loss = self._loss_rule(self.loss)
        except ValueError:  # `fit` reports the wrong parameter
            return False
        try:
            loss._check_target(np.array([-1.0]))
        except ValueError:
            return True
        return False

    def _class_weights(self, y, weights, encoding, incremental):
        return None

    @available_if(can_stream)
    def partial_fit(
        self,
        X: ArrayLike | sparray | spmatrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | sparray | spmatrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        exposure: ArrayLike | None = None,
        exposure_val: ArrayLike | None = None,
    ) -> Self:
        """Continue training with one pass over the given samples.

        {partial_fit}

        Parameters
        ----------
        {training_numbers}
        {sample_weight}
        {watched_numbers}
        {exposures}

        Returns
        -------
        self : object
            The fitted estimator.
        """
        held_out = HeldOut(X_val, y_val, sample_weight_val, exposure_val=exposure_val)
        options = {"incremental": True, "exposure": exposure}
        return self._fit(X, y, sample_weight, held_out, **options)

    def predict(
        self, X: ArrayLike | sparray | spmatrix, *, exposure: ArrayLike | None = None
    ) -> np.ndarray:
        """Predict targets.

        Parameters
        ----------
        {data}
        {exposure_predict}

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions, with as many dimensions as the targets. With a loss that has
            the log link, they are means. With several quantiles, there is one column
            for each quantile, in rising order.
        """
        predicted = check_finite(self._decode(self._raw(X)))
        if exposure is None:
            return predicted
        loss = self._fitted_loss
        exposure = check_exposure(self, exposure, loss, len(predicted))
        with np.errstate(over="ignore"):  # the error below reports it
            predicted = predicted * like_rows(exposure, predicted)
        return check_finite(predicted, "exposure")

    def score(self, X, y, sample_weight=None, *, exposure=None):
        """Return R2, or the mean of the D2 scores for several quantiles.

        The D2 score of a quantile (`sklearn.metrics.d2_pinball_score`) is like R2, but
        with the pinball loss instead of the squared error. It is at most 1, and it is 0
        if all predictions are equal to the quantile of `y` itself.

        Parameters
        ----------
        {data}
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        {sample_weight}
        {exposure_predict}

        Returns
        -------
        score : float
            The score.
        """
        predicted = self.predict(X, exposure=exposure)
        with np.errstate(over="ignore", invalid="ignore"):  # the error below reports it
            score = self._score_predictions(predicted, y, sample_weight)
        if np.isfinite(score) or len(predicted) < 2:
            return score
        reach = [np.abs(np.asarray(v, dtype=float)).max() for v in (predicted, y)]
        raise ValueError(
            "The score is not finite, because squares of errors, times their weights, "
            f"are too large. The predictions are up to {reach[0]:.3g}, and y is up to "
            f"{reach[1]:.3g}."
        )

    def _score_predictions(self, predicted, y, weights):
        loss = self._fitted_loss
        y, predicted = _in_one_unit(y, predicted)
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
        if self._fitted_loss.n_levels == 1:
            return _r2(y, predicted, weights)
        return self._score_predictions(predicted, y, weights)


def _in_one_unit(y, predicted):
    # Scores do not depend on the unit, but squares of numbers far from one are infinite
    # or zero, in float32 from about 1e19 and 1e-23 on. (A power of two is exact.)
    # (The score reports the wrong targets and other numbers of columns.)
    try:
        if np.iscomplexobj(y):
            return y, predicted
        numbers = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError):
        return y, predicted
    except OverflowError:
        raise ValueError("y contains an int that is too large for a float.") from None
    if numbers.ndim == 0 or numbers.shape[1:] not in ((), (1,), predicted.shape[1:]):
        return y, predicted
    size = np.abs(numbers).max(axis=0, initial=0.0)  # of each target
    usual = (size == 0) | ((size >= LEAST) & (size <= MOST))
    if usual.all() or not np.isfinite(size).all():
        return y, predicted
    exponent = -np.frexp(size)[1]
    return np.ldexp(numbers, exponent), np.ldexp(predicted.astype(np.float64), exponent)


def _r2(y, predicted, weights):
    # This is r2_score, which takes longer than an epoch if there are few rows.
    y, predicted = y.reshape(len(y), -1), predicted.reshape(len(y), -1)
    weights = np.ones(len(y)) if weights is None else weights
    error, total = _squares(y, predicted, weights)
    if not (
        np.isfinite(error).all() and (total > LEAST).all() and (total < np.inf).all()
    ):
        y, predicted = _in_one_unit(y, predicted)
        error, total = _squares(y, predicted.astype(np.float64), weights)
    if not (np.isfinite(error).all() and np.isfinite(total).all()):
        return np.nan
    varies = total > 0
    scores = np.where(varies, 1 - error / np.where(varies, total, 1), error == 0)
    return float(scores.mean())


def _squares(y, predicted, weights):
    # of the errors and of the differences from the mean, for each target
    with np.errstate(over="ignore", invalid="ignore"):
        mean = weights @ y / weights.sum()
        return weights @ (y - predicted) ** 2, weights @ (y - mean) ** 2
