"""Linear models trained by gradient descent: a network of one layer."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse as sp
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from ._architecture import Architecture
from ._base import GradientDescent, set_views
from ._docs import fill_doc
from ._rule import Allowed
from ._targets import ClassificationTargets, RegressionTargets
from .layers import BATCH_NORM_EPSILON
from .losses import LogLoss, ModifiedHuber

__all__ = ["GDClassifier", "GDRegressor"]


class _Linear(GradientDescent):
    """A linear model: `coef_` and `intercept_`."""

    _allowed = {
        **GradientDescent._allowed,
        "fit_intercept": Allowed(bool),
        "dropout": Allowed(Real, ge=0, lt=1),
        "average": Allowed(bool, Integral, ge=1),
    }
    _penalty_per_sample = False
    _patience_beyond = 0
    _windowed_tol = True
    _kind = "linear"
    _t_start = 1
    _not_converged = (
        "Maximum number of iteration reached before convergence. Consider increasing "
        "max_iter to improve the fit."
    )

    def _architecture(self, rules, n_features):
        return Architecture(
            sizes=(n_features, self._n_outputs),
            loss=rules["loss"],
            softmax=self._softmax,
            fit_intercept=bool(self.fit_intercept),
            input_batch_norm=bool(self.batch_norm),
            input_dropout=float(self.dropout),
        )

    def _initialise(self, architecture, views, rng):
        # Zeros, as SGD*: the objective is convex.
        pass

    def _average_from(self):
        return float(self.average) if self.average else np.inf

    # ------------------------------------------------------------ parameters
    def _fold(self, architecture, state):
        # what the network computes, as coefficients and intercepts on raw inputs
        views = architecture.views(state.published)
        W = views["W"][0].astype(np.float64)
        b = np.zeros(W.shape[1])
        if architecture.fit_intercept:
            b += views["b"][0]
        if architecture.input_batch_norm:
            scale, shift = self._input_map(architecture, state)
            b += shift @ W
            W *= scale[:, np.newaxis]
        return W, b

    def _input_map(self, architecture, state):
        # batch normalisation of the inputs is scale * x + shift
        views = architecture.views(state.published)
        mean, variance = architecture.running_views(state.running)[0].astype(np.float64)
        scale = views["gamma"][0] / np.sqrt(variance + BATCH_NORM_EPSILON)
        return scale, views["beta"][0] - scale * mean

    def _publish(self, architecture, state):
        self.coef_, self.intercept_ = self._public(architecture, state)

    def _public(self, architecture, state):
        W, b = self._fold(architecture, state)
        dtype = state.theta.dtype
        return self._shape_coef(W.T.astype(dtype, order="C")), b.astype(dtype)

    def _absorb(self, architecture, state, start):
        # go on from what the user has set since, if anything
        if start is None:
            coef, intercept = self._public(architecture, state)
            given = self.coef_.toarray() if sp.issparse(self.coef_) else self.coef_
            same = np.size(given) == coef.size and np.array_equal(
                np.reshape(given, coef.shape), coef
            )
            if same and np.array_equal(self.intercept_, intercept):
                return
            start = {"coef": given, "intercept": self.intercept_}
        start = self._start(architecture, **start)
        set_views(architecture.views(state.theta), start)
        state.n_averaged = 0.0
        if architecture.input_batch_norm:
            self._unfold(architecture, state, start)

    def _unfold(self, architecture, state, start):
        # parameters of the network that act as `start` does on raw inputs
        scale, shift = self._input_map(architecture, state)
        views = architecture.views(state.theta)
        W = views["W"][0]
        if "W" in start:
            W /= np.where(scale == 0, 1, scale)[:, np.newaxis]
        if architecture.fit_intercept and "b" in start:
            views["b"][0][:] -= shift @ W

    def _initial(self, coef, intercept):
        if coef is None and intercept is None:
            return None
        return {"coef": coef, "intercept": intercept}

    def _parameters_set_by_hand(self):
        return self._initial(
            getattr(self, "coef_", None), getattr(self, "intercept_", None)
        )

    def _start(self, architecture, coef, intercept):
        # coef_init and intercept_init as parameters of the network
        d, k = architecture.sizes
        start = {}
        if coef is not None:
            coef = np.asarray(coef)
            if coef.size != d * k or coef.shape not in ((d,), (k, d)):
                raise ValueError(
                    "Provided coef_init does not match dataset. It has shape "
                    f"{coef.shape}, the coefficients have {(k, d)}."
                )
            start["W"] = [coef.reshape(k, d).T]
        if intercept is not None and architecture.fit_intercept:
            intercept = np.asarray(intercept)
            if intercept.shape not in ((k,), ()) or intercept.size != k:
                raise ValueError(
                    "Provided intercept_init does not match dataset. It has shape "
                    f"{intercept.shape}, the intercepts have {(k,)}."
                )
            start["b"] = [intercept.reshape(k)]
        return start

    def _new_state(self, architecture, dtype, start):
        state = super()._new_state(architecture, dtype, None)
        if start is not None:
            start = self._start(architecture, **start)
            set_views(architecture.views(state.theta), start)
        return state

    # ------------------------------------------------------------ prediction
    def _raw(self, X):
        check_is_fitted(self)
        X = validate_data(
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False
        )
        coef = self.coef_ if self.coef_.ndim == 2 else self.coef_[np.newaxis]
        return safe_sparse_dot(X, coef.T, dense_output=True) + self.intercept_

    def densify(self):
        """Turn `coef_` into a dense array, what `fit` makes.

        Returns
        -------
        self : object
            The estimator.
        """
        check_is_fitted(self)
        if sp.issparse(self.coef_):
            self.coef_ = self._shape_coef(self.coef_.toarray())
        return self

    def sparsify(self):
        """Turn `coef_` into a sparse matrix, for models with an L1 penalty.

        Returns
        -------
        self : object
            The estimator.
        """
        check_is_fitted(self)
        self.coef_ = sp.csr_matrix(self.coef_)
        return self


@fill_doc
class GDRegressor(RegressionTargets, _Linear):
    """Linear regression trained by gradient descent.

    Minimises the weighted mean of a loss plus a penalty on the coefficients, with
    any of the classical variants of gradient descent. Several targets are fitted at
    once.

    Parameters
    ----------
    {regression_losses}
    {penalty}
    {alpha_linear}
    {l1_ratio}
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    {descent}
    {dropout_linear}
    {max_iter_linear}
    {stopping}
    {average}

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients.
    intercept_ : ndarray of shape (1,) or (n_targets,)
        Intercepts.
    t_ : int
        Training samples seen so far, plus one.
    {curves}

    See Also
    --------
    GDClassifier : The same for classes.
    MLPGDRegressor : With hidden layers.

    Notes
    -----
    Sample weights are relative: their mean counts as one. A weight acts as a
    repeated sample does.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skgd import GDRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = GDRegressor(learning_rate_init=1.0, random_state=0).fit(X, y)
    >>> bool(reg.score(X, y) > 0.5)
    True
    """

    def __init__(
        self,
        loss="squared_error",
        *,
        penalty="l2",
        alpha=0.0001,
        l1_ratio=0.15,
        fit_intercept=True,
        solver="minibatch",
        optimizer="adam",
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=None,
        dropout=0.0,
        batch_norm=False,
        max_iter=1000,
        tol=1e-3,
        n_iter_no_change=5,
        shuffle=True,
        random_state=None,
        verbose=False,
        warm_start=False,
        early_stopping=False,
        validation_fraction=0.1,
        average=False,
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
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.shuffle = shuffle
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.average = average

    def _shape_coef(self, coef):
        return coef[0] if coef.shape[0] == 1 else coef

    def fit(self, X, y, coef_init=None, intercept_init=None, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        coef_init : array-like of the shape of coef_, default=None
            Where to start.
        intercept_init : array-like of the shape of intercept_, default=None
            Where to start.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        start = self._initial(coef_init, intercept_init)
        return self._fit(X, y, sample_weight, start=start)

    def partial_fit(self, X, y, sample_weight=None):
        """Make one more pass, over the given samples.

        Continues parameters, optimizer state, step count and random numbers: k
        calls with the same data equal one `fit` of k epochs.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions; for the Poisson loss, means.
        """
        return self._decode(self._raw(X))


def _has_probabilities(self):
    loss = self._loss_rule(self.loss)
    if isinstance(loss, LogLoss | ModifiedHuber):
        return True
    raise AttributeError(
        f"probability estimates are not available for loss={self.loss!r}"
    )


@fill_doc
class GDClassifier(ClassificationTargets, _Linear):
    """Linear classification trained by gradient descent.

    Minimises the weighted mean of a loss plus a penalty on the coefficients, with
    any of the classical variants of gradient descent. With 'log_loss' it is
    logistic regression: binary, multinomial (softmax), or one sigmoid for each label
    of a multilabel target. The margin losses are one versus all.

    Parameters
    ----------
    loss : {'log_loss', 'hinge', 'squared_hinge', 'modified_huber', 'perceptron'} or \
            Loss, default='log_loss'
        The loss: a name for the rule in `skgd.losses`, or an instance.
    {penalty}
    {alpha_linear}
    {l1_ratio}
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    {descent}
    {dropout_linear}
    {max_iter_linear}
    {stopping}
    class_weight : dict, 'balanced' or None, default=None
        Weights of the classes, times `sample_weight`; 'balanced' is
        ``n_samples / (n_classes * np.bincount(y))``.
    {average}

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts.
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    t_ : int
        Training samples seen so far, plus one.
    {curves}

    See Also
    --------
    GDRegressor : The same for numbers.
    MLPGDClassifier : With hidden layers.

    Notes
    -----
    Sample weights are relative: their mean counts as one. A weight acts as a
    repeated sample does.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgd import GDClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = GDClassifier(learning_rate_init=0.1, random_state=0).fit(X, y)
    >>> bool(clf.score(X, y) > 0.9)
    True
    """

    def __init__(
        self,
        loss="log_loss",
        *,
        penalty="l2",
        alpha=0.0001,
        l1_ratio=0.15,
        fit_intercept=True,
        solver="minibatch",
        optimizer="adam",
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=None,
        dropout=0.0,
        batch_norm=False,
        max_iter=1000,
        tol=1e-3,
        n_iter_no_change=5,
        shuffle=True,
        random_state=None,
        verbose=False,
        warm_start=False,
        early_stopping=False,
        validation_fraction=0.1,
        class_weight=None,
        average=False,
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
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.shuffle = shuffle
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.average = average

    def _shape_coef(self, coef):
        return coef

    def fit(self, X, y, coef_init=None, intercept_init=None, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or a binary indicator of labels.
        coef_init : array-like of the shape of coef_, default=None
            Where to start.
        intercept_init : array-like of the shape of intercept_, default=None
            Where to start.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        start = self._initial(coef_init, intercept_init)
        return self._fit(X, y, sample_weight, start=start)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Make one more pass, over the given samples.

        Continues parameters, optimizer state, step count and random numbers: k
        calls with the same data equal one `fit` of k epochs.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or a binary indicator of labels.
        classes : array-like of shape (n_classes,), default=None
            All classes of all calls; required at the first.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def decision_function(self, X):
        """Signed distance to the decision boundary, times the norm of `coef_`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Binary: positive for ``classes_[1]``.
        """
        Z = self._raw(X)
        return Z.ravel() if Z.shape[1] == 1 else Z

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or a binary indicator of labels.
        """
        return self._decode(self._raw(X))

    @available_if(_has_probabilities)
    def predict_proba(self, X):
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
            In the order of `classes_`.
        """
        Z = self._raw(X)
        if isinstance(self._loss_rule(self.loss), LogLoss):
            return self._probabilities(Z)
        P = (np.clip(Z, -1, 1) + 1) / 2
        if P.shape[1] == 1:
            return np.hstack([1 - P, P])
        if self._multilabel:
            return P
        # no class is likely: all are as likely as another
        P[~P.any(axis=1)] = 1
        return P / P.sum(axis=1, keepdims=True)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X):
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        L : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        return np.log(self.predict_proba(X))
