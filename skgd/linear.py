"""Linear models trained by gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils.metaestimators import available_if

from ._data.samples import HeldOut
from ._estimators.classification import ClassificationTargets
from ._estimators.docstrings import fill_doc
from ._estimators.lbfgs import can_stream
from ._estimators.linear_decisions import LinearDecisions
from ._estimators.linear_model import LinearModel
from ._estimators.regression import RegressionTargets
from .averaging import Averaging
from .line_search import LineSearch
from .losses import Loss
from .optimizers import LBFGS, Optimizer
from .schedules import Schedule

__all__ = ["GDClassifier", "GDRegressor"]


@fill_doc
class GDRegressor(RegressionTargets, LinearModel):
    """Linear regression trained by gradient descent.

    The model minimises the weighted mean of a loss plus a penalty on the coefficients,
    with any of the classical variants of gradient descent. It can fit several targets
    at once.

    Parameters
    ----------
    {regression_losses}
    {penalty}
    {alpha_linear}
    {l1_ratio}
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    {solver_linear}
    {rate_linear}
    {dropout_linear}
    {standardize_linear}
    {max_iter_linear}
    {stopping}
    {validation_linear}
    {average_linear}
    {constraints}

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients.
    {standardized_coef}
    intercept_ : ndarray of shape (1,) or (n_targets,)
        Intercepts.
    t_ : int
        One plus the number of training samples seen so far.
    {curves_linear}

    See Also
    --------
    GDClassifier : Linear classification trained by gradient descent.
    MLPGDRegressor : Regression by a network with hidden layers.

    Notes
    -----
    Sample weights are relative: their mean counts as one. Giving a sample a larger
    weight is like repeating it, also in the statistics of batch normalisation.

    With the defaults, the objective ends within some hundredths of a percent of the
    optimum that `Ridge()` finds on standardised data.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skgd import GDRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = GDRegressor(random_state=0).fit(X, y)
    >>> bool(reg.score(X, y) > 0.5)
    True

    Choose two features, whatever the units of the columns are:

    >>> from sklearn.feature_selection import RFE
    >>> rfe = RFE(reg, n_features_to_select=2, importance_getter="standardized_coef_")
    >>> rfe.fit(X * [1, 1, 1000, 1, 1, 1, 1, 1, 0.001, 1], y).get_support(indices=True)
    array([2, 8])

    Events were counted in times of different lengths:

    >>> import numpy as np
    >>> years = np.linspace(0.5, 5, len(y))
    >>> counts = np.floor(years * y / 50)
    >>> rates = GDRegressor("poisson").fit(X, counts, exposure=years)
    >>> bool(rates.score(X, counts, exposure=years) > 0.5)
    True
    """

    def __init__(
        self,
        loss: str | Loss = "squared_error",
        *,
        penalty: Literal["l2", "l1", "elasticnet"] | None = "l2",
        alpha: float | Literal["auto"] = "auto",
        l1_ratio: float | None = 0.15,
        fit_intercept: bool = True,
        solver: Literal["auto", "minibatch", "batch", "sgd"] = "auto",
        optimizer: str | Optimizer | LBFGS = "auto",
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: str | Schedule | LineSearch | Callable = "auto",
        learning_rate_init: float | None = None,
        clip_norm: float | None = None,
        dropout: float = 0.0,
        batch_norm: bool = False,
        standardize: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-5,
        n_iter_no_change: float = 5,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
        warm_start: bool = False,
        early_stopping: bool | Literal["auto"] = False,
        scoring: str | Callable | None = None,
        validation_fraction: float = 0.1,
        validation_split: int | BaseCrossValidator | Iterable | None = None,
        average: bool | int | str | Averaging = False,
        positive: bool = False,
        monotonic_cst: ArrayLike | dict[str, int] | None = None,
    ):
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.clip_norm = clip_norm
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.standardize = standardize
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.shuffle = shuffle
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.validation_split = validation_split
        self.average = average
        self.positive = positive
        self.monotonic_cst = monotonic_cst

    def _shape_coef(self, coef):
        return coef[0] if coef.shape[0] == 1 else coef

    def fit(
        self,
        X: ArrayLike | sparray | spmatrix,
        y: ArrayLike,
        coef_init: ArrayLike | None = None,
        intercept_init: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | sparray | spmatrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        exposure: ArrayLike | None = None,
        exposure_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        {training_numbers}
        {start}
        {sample_weight}
        {held_out_numbers}
        {groups}
        {exposures}

        Returns
        -------
        self : object
            The fitted estimator.
        """
        start = self._initial(coef_init, intercept_init)
        held_out = HeldOut(X_val, y_val, sample_weight_val, groups, exposure_val)
        options = {"start": start, "exposure": exposure}
        return self._fit(X, y, sample_weight, held_out, **options)


@fill_doc
class GDClassifier(ClassificationTargets, LinearDecisions, LinearModel):
    """Linear classification trained by gradient descent.

    The model minimises the weighted mean of a loss plus a penalty on the coefficients,
    with any of the classical variants of gradient descent. With 'log_loss', it is
    logistic regression: binary, multinomial (softmax), or one sigmoid for each label
    of a multilabel target. With the margin losses, several classes are handled one
    versus all.

    Parameters
    ----------
    {classification_losses}
    {penalty}
    {alpha_linear}
    {l1_ratio}
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    {solver_linear}
    {rate_linear}
    {dropout_linear}
    {standardize_linear}
    {max_iter_linear}
    {stopping}
    {validation_linear}
    {class_weight}
    {average_linear}
    {constraints_classes}

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients.
    {standardized_coef}
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts.
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    t_ : int
        One plus the number of training samples seen so far.
    {curves_linear}

    See Also
    --------
    GDRegressor : Linear regression trained by gradient descent.
    MLPGDClassifier : Classification by a network with hidden layers.

    Notes
    -----
    Sample weights are relative: their mean counts as one. Giving a sample a larger
    weight is like repeating it, also in the statistics of batch normalisation.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgd import GDClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = GDClassifier(random_state=0).fit(X, y)
    >>> bool(clf.score(X, y) > 0.9)
    True
    """

    def __init__(
        self,
        loss: str | Loss = "log_loss",
        *,
        penalty: Literal["l2", "l1", "elasticnet"] | None = "l2",
        alpha: float | Literal["auto"] = "auto",
        l1_ratio: float | None = 0.15,
        fit_intercept: bool = True,
        solver: Literal["auto", "minibatch", "batch", "sgd"] = "auto",
        optimizer: str | Optimizer | LBFGS = "auto",
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: str | Schedule | LineSearch | Callable = "auto",
        learning_rate_init: float | None = None,
        clip_norm: float | None = None,
        dropout: float = 0.0,
        batch_norm: bool = False,
        standardize: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-5,
        n_iter_no_change: float = 5,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
        warm_start: bool = False,
        early_stopping: bool | Literal["auto"] = False,
        scoring: str | Callable | None = None,
        validation_fraction: float = 0.1,
        validation_split: int | BaseCrossValidator | Iterable | None = None,
        class_weight: dict | list[dict] | Literal["balanced"] | None = None,
        average: bool | int | str | Averaging = False,
        positive: bool = False,
        monotonic_cst: ArrayLike | dict[str, int] | None = None,
    ):
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.clip_norm = clip_norm
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.standardize = standardize
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.shuffle = shuffle
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.validation_split = validation_split
        self.class_weight = class_weight
        self.average = average
        self.positive = positive
        self.monotonic_cst = monotonic_cst

    def _shape_coef(self, coef):
        return coef

    def fit(
        self,
        X: ArrayLike | sparray | spmatrix,
        y: ArrayLike,
        coef_init: ArrayLike | None = None,
        intercept_init: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | sparray | spmatrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        {training_classes}
        {start}
        {sample_weight}
        {held_out_classes}
        {groups}

        Returns
        -------
        self : object
            The fitted estimator.
        """
        start = self._initial(coef_init, intercept_init)
        held_out = HeldOut(X_val, y_val, sample_weight_val, groups)
        return self._fit(X, y, sample_weight, held_out, start=start)

    @available_if(can_stream)
    def partial_fit(
        self,
        X: ArrayLike | sparray | spmatrix,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | sparray | spmatrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Continue training with one pass over the given samples.

        {partial_fit}

        Parameters
        ----------
        {training_classes}
        classes : array-like of shape (n_classes,), default=None
            All classes that occur in any call. Required in the first call.
        {sample_weight}
        {watched_classes}

        Returns
        -------
        self : object
            The fitted estimator.
        """
        held_out = HeldOut(X_val, y_val, sample_weight_val)
        options = {"incremental": True, "classes": classes}
        return self._fit(X, y, sample_weight, held_out, **options)
