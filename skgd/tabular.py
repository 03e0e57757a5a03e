"""Estimators of raw tables: ensembles of networks that choose their own settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_array, check_consistent_length

from ._data.class_weights import ClassWeights
from ._data.samples import HeldOut
from ._data.targets import ClassEncoding, RegressionEncoding
from ._estimators.docstrings import fill_doc
from ._estimators.regression import RegressionTargets
from ._members.base import TableEstimator
from ._members.network import TableClassifier, TableRegressor, prior_of_classes
from ._rules.loss import losses_of_rows
from .losses import LogLoss, Loss

__all__ = ["TabularClassifier", "TabularRegressor"]

# The temperature by which raw predictions are divided is between these limits.
TEMPERATURES = 0.1, 10.0


@fill_doc
class TabularClassifier(ClassifierMixin, TableEstimator):
    """Classifier for raw tables.

    The columns may contain numbers of any scale, text, categories, dates and missing
    values. The classifier is the mean of several neural networks, which choose their
    own settings by held-out rows. With the defaults, it is meant to be as accurate as
    possible; its probabilities are calibrated.

    Parameters
    ----------
    loss : {'log_loss'}, default='log_loss'
        The loss, for two or several classes or several labels.
    {table_parameters}
    class_weight : dict, list of dict or 'balanced', default=None
        Weights of the classes, as in `MLPGDClassifier`.
    {table_options}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    temperature_ : float
        The number by which the raw predictions of the networks are divided. It
        minimises the log loss of the held-out rows [1]_.
    oob_decision_function_ : ndarray of shape (n_samples, n_classes)
        The probabilities that are predicted for each row by the networks that have not
        seen it; NaN if all have seen it.
    {table_attributes}

    See Also
    --------
    TabularRegressor : The same for numbers.
    MLPGDClassifier : A single network, with all parameters.

    Notes
    -----
    {table_notes}

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural
       networks", ICML 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgd import TabularClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = TabularClassifier(n_members=4, random_state=0).fit(X, y)
    >>> bool(clf.oob_score_ > 0.9)
    True
    """

    _networks = TableClassifier

    def __init__(
        self,
        loss: Literal["log_loss"] = "log_loss",
        *,
        n_members: int = 8,
        hidden_layer_sizes: int | Sequence[int] | Literal["auto"] = "auto",
        num_embedding: Literal["auto", "piecewise_linear"] | None = "auto",
        alpha: float | Literal["auto"] = "auto",
        categorical_features: ArrayLike | Literal["from_dtype"] | None = "from_dtype",
        cv: int | BaseCrossValidator | Iterable | None = None,
        class_weight: dict | list[dict] | Literal["balanced"] | None = None,
        time_limit: float | None = None,
        n_jobs: int | None = None,
        warm_start: bool = False,
        verbose: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.loss = loss
        self.n_members = n_members
        self.hidden_layer_sizes = hidden_layer_sizes
        self.num_embedding = num_embedding
        self.alpha = alpha
        self.categorical_features = categorical_features
        self.cv = cv
        self.class_weight = class_weight
        self.time_limit = time_limit
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the classifier.

        Parameters
        ----------
        {table_data}
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or a binary indicator of several labels.
        {table_fit}
        """
        held_out = HeldOut(X_val, y_val, sample_weight_val, groups)
        return self._fit(X, y, sample_weight, held_out)

    # ------------------------------------------------------------ targets
    def _encode_targets(self, y, weights, n_samples):
        self._check_given(y)
        y = check_array(
            y, ensure_2d=False, dtype=None, input_name="y", accept_sparse="csr"
        )
        check_consistent_length(np.empty(n_samples), y)
        y, _, self._encoding = ClassEncoding.learn(y, np.float64, LogLoss(), n_least=1)
        self.classes_ = self._encoding.classes
        self._class_weights = ClassWeights.of(self, y, weights, self._encoding, False)
        return y, self._times_class_weights(y, weights)

    def _encode_more(self, y, weights):
        y, _ = self._encoding.encode(np.asarray(y), np.float64)
        return y, self._times_class_weights(y, weights)

    def _times_class_weights(self, y, weights):
        if self._class_weights is None:
            return weights
        return self._class_weights.times(weights, y, np.float64)

    def _strata(self, y):
        return self._encoding.strata(y)

    def _prior(self, y, weights):
        # each class, or each label, has its share at the start
        weights = np.ones(len(y)) if weights is None else weights
        shares = weights @ self._indicator(y) / weights.sum()
        if self._encoding.multilabel:
            return np.array([prior_of_classes([1 - p, p])[0] for p in shares])
        return prior_of_classes(shares)

    def _indicator(self, y):
        # a column for each class or label
        return y if y.ndim == 2 else (y[:, np.newaxis] == self.classes_).astype(float)

    # ------------------------------------------------------------ held-out rows
    def _publish_held_out(self, y, rows, raw, weights):
        _, Y = self._encoding.encode(y[rows], np.float64)
        self.temperature_ = self._fit_temperature(raw, Y, weights)
        shares = _mean_of_rows(self._link(raw), rows, len(y))
        self.oob_decision_function_ = shares
        seen = ~np.isnan(shares[:, 0])
        self.oob_score_ = accuracy_score(y[seen], self._labels(shares[seen]))

    def _fit_temperature(self, raw, Y, weights):
        kernel = LogLoss()._kernel(self._encoding.softmax)

        def cost(log_temperature):
            Z = raw / np.exp(log_temperature)
            return np.average(losses_of_rows(kernel, Y, Z), weights=weights)

        found = minimize_scalar(cost, bounds=np.log(TEMPERATURES), method="bounded")
        return float(np.exp(found.x)) if found.fun < cost(0.0) else 1.0

    def _link(self, raw):
        # probabilities
        Z = raw / self.temperature_
        if self._encoding.softmax:
            return softmax(Z, axis=1)
        P = expit(Z)
        return P if self._encoding.multilabel else np.hstack([1 - P, P])

    def _labels(self, P):
        if self._encoding.multilabel:
            return (P > 0.5).astype(int)
        return self.classes_[P.argmax(axis=1)]

    # ------------------------------------------------------------ prediction
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the probabilities of the classes.

        Parameters
        ----------
        {table_data}

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            The probabilities, with one column for each class of `classes_`, or for each
            label.
        """
        return np.mean(self._predictions(X), axis=0)

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the logarithms of the probabilities of the classes.

        Parameters
        ----------
        {table_data}

        Returns
        -------
        log_P : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            The logarithms.
        """
        return np.log(np.maximum(self.predict_proba(X), np.finfo(float).tiny))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict class labels.

        Parameters
        ----------
        {table_data}

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The most likely class, or a binary indicator of labels.
        """
        return self._labels(self.predict_proba(X))


@fill_doc
class TabularRegressor(RegressorMixin, TableEstimator):
    """Regressor for raw tables.

    The columns may contain numbers of any scale, text, categories, dates and missing
    values. The regressor is the mean of several neural networks, which choose their own
    settings by held-out rows. With the defaults, it is meant to be as accurate as
    possible.

    Parameters
    ----------
    loss : str or Loss, default='squared_error'
        The loss, as in `MLPGDRegressor`. With ``Quantile(quantile=[...])`` of
        `skgd.losses`, several quantiles are predicted at once.
    {table_parameters}
    {table_options}

    Attributes
    ----------
    oob_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        What is predicted for each row by the networks that have not seen it; NaN if all
        have seen it.
    {table_attributes}

    See Also
    --------
    TabularClassifier : The same for classes.
    MLPGDRegressor : A single network, with all parameters.

    Notes
    -----
    {table_notes}

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skgd import TabularRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = TabularRegressor(n_members=4, random_state=0).fit(X, y)
    >>> bool(reg.oob_score_ > 0.4)
    True
    >>> reg.predict_interval(X[:3], coverage=0.8).shape
    (3, 2)
    """

    _networks = TableRegressor

    def __init__(
        self,
        loss: str | Loss = "squared_error",
        *,
        n_members: int = 8,
        hidden_layer_sizes: int | Sequence[int] | Literal["auto"] = "auto",
        num_embedding: Literal["auto", "piecewise_linear"] | None = "auto",
        alpha: float | Literal["auto"] = "auto",
        categorical_features: ArrayLike | Literal["from_dtype"] | None = "from_dtype",
        cv: int | BaseCrossValidator | Iterable | None = None,
        time_limit: float | None = None,
        n_jobs: int | None = None,
        warm_start: bool = False,
        verbose: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.loss = loss
        self.n_members = n_members
        self.hidden_layer_sizes = hidden_layer_sizes
        self.num_embedding = num_embedding
        self.alpha = alpha
        self.categorical_features = categorical_features
        self.cv = cv
        self.time_limit = time_limit
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        network = TableRegressor(loss=self.loss)
        tags.target_tags.positive_only = network._refuses_negative_targets()
        return tags

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the regressor.

        Parameters
        ----------
        {table_data}
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        {table_fit}
        """
        held_out = HeldOut(X_val, y_val, sample_weight_val, groups)
        return self._fit(X, y, sample_weight, held_out)

    # ------------------------------------------------------------ targets
    def _encode_targets(self, y, weights, n_samples):
        self._check_given(y)
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        check_consistent_length(np.empty(n_samples), y)
        loss = TableRegressor()._loss_rule(self.loss)
        y, Y, self._encoding = RegressionEncoding.learn(y, np.float64, loss)
        # the targets are in units of training, as they are for the networks elsewhere
        self._mean, self._scale = np.zeros(Y.shape[1]), np.ones(Y.shape[1])
        mean = np.average(Y, axis=0, weights=weights)
        if loss.link == "exp":
            self._scale = np.where(mean > 0, mean, 1.0)
        elif loss.link == "identity":
            variance = np.average((Y - mean) ** 2, axis=0, weights=weights)
            self._mean = mean
            self._scale = np.where(variance > 0, np.sqrt(variance), 1.0)
        return self._in_units(y), weights

    def _encode_more(self, y, weights):
        y, _ = self._encoding.encode(np.asarray(y, dtype=np.float64), np.float64)
        return self._in_units(y), weights

    def _in_units(self, y):
        n_targets = y[:1].size
        mean, scale = self._mean[:n_targets], self._scale[:n_targets]
        return ((y.reshape(len(y), -1) - mean) / scale).reshape(y.shape)

    def _in_user_units(self, y):
        n_targets = y[:1].size
        mean, scale = self._mean[:n_targets], self._scale[:n_targets]
        return (y.reshape(len(y), -1) * scale + mean).reshape(y.shape)

    def _strata(self, y):
        return None

    def _prior(self, y, weights):
        return None

    # ------------------------------------------------------------ held-out rows
    def _publish_held_out(self, y, rows, raw, weights):
        y, Y = self._in_user_units(y), self._link(raw)
        self.oob_prediction_ = _flat(_mean_of_rows(Y, rows, len(y)))
        seen = np.flatnonzero(np.bincount(rows, minlength=len(y)))
        score = self._score_predictions(self.oob_prediction_[seen], y[seen], None)
        self.oob_score_ = float(score)

    def _link(self, raw):
        # predictions in the user's units, always with two dimensions
        if self._encoding.loss.link == "identity":
            raw = raw * self._scale + self._mean
        Y = self._encoding.decode(raw).reshape(len(raw), -1)
        return Y if self._encoding.loss.link == "identity" else Y * self._scale

    @property
    def _fitted_loss(self):
        return self._encoding.loss

    _score_predictions = RegressionTargets._score_predictions

    # ------------------------------------------------------------ prediction
    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict targets.

        Parameters
        ----------
        {table_data}

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            The predictions: means over the networks. With several quantiles, there is
            one column for each quantile, in rising order.
        """
        return _flat(np.mean(self._predictions(X), axis=0))

    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return R2, or the mean of the D2 scores for several quantiles.

        Parameters
        ----------
        {table_data}
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            The score.
        """
        return self._score_predictions(self.predict(X), y, sample_weight)

    def predict_quantiles(
        self, X: ArrayLike, quantiles: ArrayLike = (0.05, 0.5, 0.95)
    ) -> np.ndarray:
        """Predict quantiles of the targets, by the residuals of held-out rows.

        Parameters
        ----------
        {table_data}
        quantiles : array-like of shape (n_quantiles,), default=(0.05, 0.5, 0.95)
            The levels of the quantiles, between 0 and 1.

        Returns
        -------
        y : ndarray of shape (n_samples, n_quantiles)
            The quantiles.

        Raises
        ------
        ValueError
            If a level is not between 0 and 1, or if there are several targets.

        Notes
        -----
        The target of a new row is compared with the prediction of each network, plus
        the residuals of the rows that this network has not seen. This is the CV+ method
        of [1]_ with signed residuals. The residuals count alike for all rows, so that
        the width of an interval hardly depends on X. If it should, use
        ``loss=Quantile(...)``.

        References
        ----------
        .. [1] R. Barber, E. Candes, A. Ramdas, R. Tibshirani, "Predictive inference
           with the jackknife+", Annals of Statistics, 2021.
        """
        levels = np.atleast_1d(np.asarray(quantiles, dtype=np.float64))
        if not ((levels > 0) & (levels < 1)).all():
            raise ValueError(
                f"quantiles must be numbers between 0 and 1. Got {quantiles!r}."
            )
        return self._quantiles(X, levels)

    def predict_interval(self, X: ArrayLike, coverage: float = 0.9) -> np.ndarray:
        """Predict intervals that contain the targets of new rows.

        Parameters
        ----------
        {table_data}
        coverage : float, default=0.9
            The share of new rows whose target lies in their interval, between 0 and 1.

        Returns
        -------
        intervals : ndarray of shape (n_samples, 2)
            The lower and the upper end, see `predict_quantiles`.

        Raises
        ------
        ValueError
            If `coverage` is not between 0 and 1, or if there are several targets.
        """
        if not 0 < coverage < 1:
            raise ValueError(
                f"coverage must be a number between 0 and 1. Got {coverage!r}."
            )
        return self._quantiles(X, np.array([(1 - coverage) / 2, (1 + coverage) / 2]))


def _mean_of_rows(values, rows, n):
    # the mean of the values of each of n rows; NaN where there are none
    total = np.zeros((n, values.shape[1]))
    np.add.at(total, rows, values)
    counts = np.bincount(rows, minlength=n)[:, np.newaxis]
    return np.divide(total, counts, out=np.full_like(total, np.nan), where=counts > 0)


def _flat(Y):
    return Y.ravel() if Y.shape[1] == 1 else Y
