"""Multilayer perceptrons trained by gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
from ._estimators.perceptron import MultilayerPerceptron
from ._estimators.probabilities import log_probabilities
from ._estimators.regression import RegressionTargets
from .activations import Activation
from .averaging import Averaging
from .initializers import Initializer
from .line_search import LineSearch
from .losses import LogLoss, Loss
from .optimizers import LBFGS, Optimizer
from .schedules import Schedule

__all__ = ["MLPGDClassifier", "MLPGDRegressor"]


@fill_doc
class MLPGDRegressor(RegressionTargets, MultilayerPerceptron):
    """Multilayer perceptron for regression, trained by gradient descent.

    The network is trained with any of the classical variants of gradient descent, and
    optionally with dropout and batch normalisation. It can fit several targets at once.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        The number of units in each hidden layer.
    {activation}
    {weight_init}
    {regression_losses}
    {penalty}
    {alpha_mlp}
    {l1_ratio}
    {solver_mlp}
    {rate_mlp}
    {dropout_mlp}
    {standardize_mlp}
    {max_iter_mlp}
    {stopping}
    {validation_mlp}
    {average_mlp}

    Attributes
    ----------
    {layers}
    {curves_mlp}

    See Also
    --------
    MLPGDClassifier : Classification by a network with hidden layers.
    GDRegressor : Linear regression, without hidden layers.

    Notes
    -----
    Giving a sample a larger weight is like repeating it, also in the statistics of
    batch normalisation and in the division of `alpha`. The size of the updates does
    not depend on the sum of the weights, because their mean counts as one.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skgd import MLPGDRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = MLPGDRegressor(batch_norm=True, max_iter=100, tol=None, random_state=0)
    >>> bool(reg.fit(X, y).score(X, y) > 0.5)
    True

    Use the hidden layer as features of another estimator:

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVR
    >>> bool(make_pipeline(reg, SVR(C=100)).fit(X, y).score(X, y) > 0.5)
    True

    Learn a wave in few epochs:

    >>> import numpy as np
    >>> X = np.random.default_rng(0).uniform(-3, 3, (1000, 1))
    >>> y = np.sin(3 * X[:, 0])
    >>> reg = MLPGDRegressor(max_iter=20, early_stopping=False, tol=None,
    ...                      random_state=0)
    >>> bool(reg.fit(X, y).score(X, y) < 0.5)
    True
    >>> reg.set_params(num_embedding="piecewise_linear").fit(X, y).score(X, y) > 0.95
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        activation: str | Activation | Sequence[str | Activation] = "relu",
        weight_init: str | Initializer = "auto",
        loss: str | Loss = "squared_error",
        penalty: Literal["l2", "l1", "elasticnet"] | None = "l2",
        alpha: float | Literal["auto"] = "auto",
        l1_ratio: float | None = 0.15,
        solver: Literal["minibatch", "batch", "sgd"] = "minibatch",
        optimizer: str | Optimizer | LBFGS = "adam",
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: str | Schedule | LineSearch | Callable = "auto",
        learning_rate_init: float | None = None,
        clip_norm: float | None = None,
        dropout: float | Sequence[float] = 0.0,
        input_dropout: float = 0.0,
        batch_norm: bool = False,
        input_scale: bool = False,
        num_embedding: Literal["piecewise_linear"] | None = None,
        standardize: bool = True,
        max_iter: int = 200,
        tol: float | None = 1e-4,
        n_iter_no_change: float = 10,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
        warm_start: bool = False,
        early_stopping: bool | Literal["auto"] = "auto",
        scoring: str | Callable | None = None,
        validation_fraction: float = 0.1,
        validation_split: int | BaseCrossValidator | Iterable | None = None,
        average: bool | int | str | Averaging = False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.weight_init = weight_init
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.solver = solver
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.clip_norm = clip_norm
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.batch_norm = batch_norm
        self.input_scale = input_scale
        self.num_embedding = num_embedding
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

    def fit(
        self,
        X: ArrayLike | sparray | spmatrix,
        y: ArrayLike,
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
        {sample_weight}
        {held_out_numbers}
        {groups}
        {exposures}

        Returns
        -------
        self : object
            The fitted estimator.
        """
        held_out = HeldOut(X_val, y_val, sample_weight_val, groups, exposure_val)
        return self._fit(X, y, sample_weight, held_out, exposure=exposure)


@fill_doc
class MLPGDClassifier(ClassificationTargets, MultilayerPerceptron):
    """Multilayer perceptron for classification, trained by gradient descent.

    The network is trained with any of the classical variants of gradient descent, and
    optionally with dropout and batch normalisation. The loss is the log loss: binary,
    multinomial (softmax), or one sigmoid for each label of a multilabel target.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        The number of units in each hidden layer.
    {activation}
    {weight_init}
    loss : {'log_loss'} or LogLoss, default='log_loss'
        The loss, e.g. ``LogLoss(label_smoothing=0.1)``. An object with the method
        ``value_and_gradient`` is a loss of your own (see `skgd.losses`).
    {penalty}
    {alpha_mlp}
    {l1_ratio}
    {solver_mlp}
    {rate_mlp}
    {dropout_mlp}
    {standardize_mlp}
    {max_iter_mlp}
    {stopping}
    {validation_mlp}
    {class_weight}
    {average_mlp}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    {layers}
    {curves_mlp}

    See Also
    --------
    MLPGDRegressor : Regression by a network with hidden layers.
    GDClassifier : Linear classification, without hidden layers.

    Notes
    -----
    Giving a sample a larger weight is like repeating it, also in the statistics of
    batch normalisation and in the division of `alpha`. The size of the updates does
    not depend on the sum of the weights, because their mean counts as one.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skgd import MLPGDClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPGDClassifier(dropout=0.2, batch_norm=True, max_iter=20, tol=None,
    ...                       random_state=0)
    >>> bool(clf.fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]) > 0.9)
    True
    """

    _losses = {"log_loss": LogLoss}

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        activation: str | Activation | Sequence[str | Activation] = "relu",
        weight_init: str | Initializer = "auto",
        loss: Literal["log_loss"] | LogLoss = "log_loss",
        penalty: Literal["l2", "l1", "elasticnet"] | None = "l2",
        alpha: float | Literal["auto"] = "auto",
        l1_ratio: float | None = 0.15,
        solver: Literal["minibatch", "batch", "sgd"] = "minibatch",
        optimizer: str | Optimizer | LBFGS = "adam",
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: str | Schedule | LineSearch | Callable = "auto",
        learning_rate_init: float | None = None,
        clip_norm: float | None = None,
        dropout: float | Sequence[float] = 0.0,
        input_dropout: float = 0.0,
        batch_norm: bool = False,
        input_scale: bool = False,
        num_embedding: Literal["piecewise_linear"] | None = None,
        standardize: bool = True,
        max_iter: int = 200,
        tol: float | None = 1e-4,
        n_iter_no_change: float = 10,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
        warm_start: bool = False,
        early_stopping: bool | Literal["auto"] = "auto",
        scoring: str | Callable | None = None,
        validation_fraction: float = 0.1,
        validation_split: int | BaseCrossValidator | Iterable | None = None,
        class_weight: dict | list[dict] | Literal["balanced"] | None = None,
        average: bool | int | str | Averaging = False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.weight_init = weight_init
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.solver = solver
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.clip_norm = clip_norm
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.batch_norm = batch_norm
        self.input_scale = input_scale
        self.num_embedding = num_embedding
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

    def fit(
        self,
        X: ArrayLike | sparray | spmatrix,
        y: ArrayLike,
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
        {sample_weight}
        {held_out_classes}
        {groups}

        Returns
        -------
        self : object
            The fitted estimator.
        """
        held_out = HeldOut(X_val, y_val, sample_weight_val, groups)
        return self._fit(X, y, sample_weight, held_out)

    @available_if(can_stream)
    def partial_fit(
        self,
        X: ArrayLike | sparray | spmatrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
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
        {sample_weight}
        classes : array-like of shape (n_classes,), default=None
            All classes that occur in any call. Required in the first call.
        {watched_classes}

        Returns
        -------
        self : object
            The fitted estimator.
        """
        held_out = HeldOut(X_val, y_val, sample_weight_val)
        options = {"incremental": True, "classes": classes}
        return self._fit(X, y, sample_weight, held_out, **options)

    def predict_proba(self, X: ArrayLike | sparray | spmatrix) -> np.ndarray:
        """Probabilities of the classes, or of each label.

        Parameters
        ----------
        {data}

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
            The probabilities, with one column for each class of `classes_`. If the
            training data had a single class, there is one column of ones.
        """
        Z = self._raw(X)
        return self._encoding.probabilities(Z)

    def predict_log_proba(self, X: ArrayLike | sparray | spmatrix) -> np.ndarray:
        """Logarithms of the probabilities.

        Parameters
        ----------
        {data}

        Returns
        -------
        L : ndarray of shape (n_samples, n_classes)
            The logarithms, with one column for each class of `classes_`.
        """
        Z = self._raw(X)  # (says if the estimator has not been fitted)
        return log_probabilities(self._encoding, Z)
