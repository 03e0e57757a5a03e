"""Estimators of raw tables: ensembles of networks that choose their own settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.model_selection import BaseCrossValidator

from ._data.samples import HeldOut
from ._estimators.docstrings import fill_doc
from ._members.base import TableEstimator
from ._members.network import TableRegressor
from ._members.targets import ClassTargets, NumberTargets
from ._rules.rule import Allowed
from .losses import Loss

# what the level of a quantile, or a coverage, may be
LEVEL = Allowed(Real, gt=0, lt=1)

__all__ = ["TabularClassifier", "TabularRegressor"]


@fill_doc
class TabularClassifier(ClassifierMixin, ClassTargets, TableEstimator):
    """Classifier for raw tables.

    The columns may contain numbers of any scale, text, categories, dates and missing
    values. The classifier is the mean of several neural networks, which choose their
    own settings by held-out rows, with boosted trees beside them. With the defaults, it
    is meant to be as accurate as possible; its probabilities are calibrated.

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
        minimises the log loss of the held-out rows [1]_, and of two more rows of which
        each class has the same share. The mean of several networks is less confident
        than each of them [2]_. If one more network shows that this matters, the
        temperature is lower.
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
    .. [2] R. Rahaman, A. Thiery, "Uncertainty quantification and deep ensembles",
       NeurIPS 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgd import TabularClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = TabularClassifier(n_members=4, random_state=0).fit(X, y)
    >>> bool(clf.oob_score_ > 0.9)
    True
    """

    def __init__(
        self,
        loss: Literal["log_loss"] = "log_loss",
        *,
        n_members: int = 8,
        hidden_layer_sizes: int | Sequence[int] | Literal["auto"] = "auto",
        num_embedding: Literal["auto", "piecewise_linear"] | None = "auto",
        alpha: float | Literal["auto"] = "auto",
        trees: Literal["auto"] | None = "auto",
        categorical_features: ArrayLike | Literal["from_dtype"] | None = "from_dtype",
        cv: int | BaseCrossValidator | Iterable | None = None,
        class_weight: dict | list[dict] | Literal["balanced"] | None = None,
        time_limit: float | None = None,
        n_jobs: int | None = None,
        warm_start: bool = False,
        verbose: bool | int = False,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.loss = loss
        self.n_members = n_members
        self.hidden_layer_sizes = hidden_layer_sizes
        self.num_embedding = num_embedding
        self.alpha = alpha
        self.trees = trees
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
class TabularRegressor(RegressorMixin, NumberTargets, TableEstimator):
    """Regressor for raw tables.

    The columns may contain numbers of any scale, text, categories, dates and missing
    values. The regressor is the mean of several neural networks, which choose their own
    settings by held-out rows, with boosted trees beside them. With the defaults, it is
    meant to be as accurate as possible.

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

    def __init__(
        self,
        loss: str | Loss = "squared_error",
        *,
        n_members: int = 8,
        hidden_layer_sizes: int | Sequence[int] | Literal["auto"] = "auto",
        num_embedding: Literal["auto", "piecewise_linear"] | None = "auto",
        alpha: float | Literal["auto"] = "auto",
        trees: Literal["auto"] | None = "auto",
        categorical_features: ArrayLike | Literal["from_dtype"] | None = "from_dtype",
        cv: int | BaseCrossValidator | Iterable | None = None,
        time_limit: float | None = None,
        n_jobs: int | None = None,
        warm_start: bool = False,
        verbose: bool | int = False,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.loss = loss
        self.n_members = n_members
        self.hidden_layer_sizes = hidden_layer_sizes
        self.num_embedding = num_embedding
        self.alpha = alpha
        self.trees = trees
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
        return self._shaped(np.mean(self._predictions(X), axis=0))

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
        A quantile is the prediction plus a residual of a held-out row, which is
        predicted by the networks that have not seen it, as in cross-conformal
        prediction [1]_. Two things are corrected:

        - The residuals depend on the prediction. Each is divided by the mean size of
          the residuals of rows with similar predictions, and multiplied by the one for
          the new row, as in normalised conformal prediction [2]_.
        - A held-out row is predicted by one or two networks, but a new row by all of
          them, whose mean errs less. The residuals are multiplied by the root of the
          ratio of both mean squared errors. These differ by a part of the variance of
          the networks at rows that they have not seen, which `fit` measures with one
          more network. With `X_val`, this is not necessary.

        These corrections are estimates. For rows that are drawn like those of `fit`,
        the coverage is close to the nominal one, but this is not guaranteed, and it is
        an average over all rows, not true of each group of rows. With the losses
        'poisson', 'gamma' and 'tweedie', quantiles are not negative, like the
        predictions, and with 'binomial', they are between 0 and 1. For widths that
        depend on X in other ways than through the prediction, use
        ``loss=Quantile(...)``.

        References
        ----------
        .. [1] V. Vovk, "Cross-conformal predictors", Annals of Mathematics and
           Artificial Intelligence, 2015.
        .. [2] H. Papadopoulos, V. Vovk, A. Gammerman, "Regression conformal prediction
           with nearest neighbours", Journal of Artificial Intelligence Research, 2011.
        """
        levels = np.atleast_1d(quantiles).tolist()
        if not levels or not all(level in LEVEL for level in levels):
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
            It is met on average, not for each group of rows, see `predict_quantiles`.

        Returns
        -------
        intervals : ndarray of shape (n_samples, 2)
            The lower and the upper end, see `predict_quantiles`.

        Raises
        ------
        ValueError
            If `coverage` is not between 0 and 1, or if there are several targets.
        """
        if coverage not in LEVEL:
            raise ValueError(
                f"coverage must be a number between 0 and 1. Got {coverage!r}."
            )
        return self._quantiles(X, [(1 - coverage) / 2, (1 + coverage) / 2])
