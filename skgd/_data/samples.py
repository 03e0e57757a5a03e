"""The samples of a call: what the user gives, and the same checked and encoded."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse as sp

from .features import as_rows, check_weights, validate_features


@dataclass
class Given:
    """The arguments of `fit` or `partial_fit`, as the user gave them."""

    X: object
    y: object
    sample_weight: object = None
    incremental: bool = False  # of `partial_fit`: a piece of a stream
    classes: object = None  # all classes of a stream
    start: dict | None = None  # initial parameters, from coef_init and the like
    X_val: object = None
    y_val: object = None
    sample_weight_val: object = None

    @property
    def weighs_validation(self):
        """Whether held-out samples have weights of the user."""
        held_out = self.sample_weight if self.X_val is None else self.sample_weight_val
        return held_out is not None


@dataclass
class Samples:
    """Samples in the user's units, checked, with encoded targets.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        Features.
    y : ndarray of shape (n_samples, ...)
        Targets as the user gave them.
    Y : ndarray of shape (n_samples, n_targets)
        The same encoded.
    weights : ndarray of shape (n_samples,) or None
        Sample weights, times those of the classes.
    encoding : RegressionEncoding or ClassEncoding
        How `Y` was made from `y`.
    class_weights : ClassWeights or None
        Those of the classes.
    """

    X: object
    y: np.ndarray
    Y: np.ndarray
    weights: np.ndarray | None
    encoding: object
    class_weights: object = None

    def take(self, rows):
        """Some of the samples.

        Parameters
        ----------
        rows : ndarray of intp
            Which.

        Returns
        -------
        samples : Samples
            Copies.
        """
        return replace(
            self,
            X=as_rows(self.X[rows]),
            y=self.y[rows],
            Y=np.ascontiguousarray(self.Y[rows]),
            weights=None if self.weights is None else self.weights[rows],
        )

    def with_weight(self):
        """Those that have a weight: the others do not count, not even by an overflow.

        Returns
        -------
        samples : Samples
            The same where all have one.
        """
        if self.weights is None or self.weights.all():
            return self
        return self.take(np.flatnonzero(self.weights))

    def like(self, X):
        """The same samples, sparse where X is and dense where X is.

        Parameters
        ----------
        X : ndarray or CSR
            The features of the training.

        Returns
        -------
        samples : Samples
            In the form that training has.
        """
        features = self.X
        if sp.issparse(features) and not sp.issparse(X):
            features = features.toarray()
        elif sp.issparse(X) and not sp.issparse(features):
            features = sp.csr_matrix(features)
        return replace(self, X=as_rows(features))


def check_samples(estimator, given, loss, before):
    """Check the training data, and encode their targets.

    Parameters
    ----------
    estimator : GradientDescent
        Whose data these are. It takes note of the features.
    given : Given
        The arguments of the call.
    loss : Loss
        The loss, which reads the targets.
    before : TrainingState or None
        The training that goes on, if there is one.

    Returns
    -------
    samples : Samples
        In the dtype of the training that goes on, else in that of `X`.
    """
    new = before is None
    X, y = check_features_and_targets(
        estimator,
        given.X,
        given.y,
        dtype=[np.float64, np.float32] if new else before.theta.dtype,
        incremental=given.incremental,
        reset=new,
    )
    y, Y, encoding = estimator._encoding_class.learn(
        y,
        X.dtype,
        loss,
        earlier=None if new else estimator._encoding,
        classes=given.classes,
        incremental=given.incremental,
    )
    weights = check_weights(given.sample_weight, X)
    class_weights = estimator._class_weights(y, encoding, given.incremental)
    if class_weights is not None:
        weights = class_weights.times(weights, y, X.dtype)
    return Samples(X, y, Y, weights, encoding, class_weights)


def check_validation_samples(estimator, given, samples):
    """Check the samples that the user holds out, and encode their targets.

    Parameters
    ----------
    estimator : GradientDescent
        Whose data these are.
    given : Given
        The arguments of the call.
    samples : Samples
        Those of the training.

    Returns
    -------
    held_out : Samples
        In the dtype and the form of the training.
    """
    dtype = samples.X.dtype
    try:
        X, y = check_features_and_targets(
            estimator, given.X_val, given.y_val, dtype=dtype, reset=False
        )
        y, Y = samples.encoding.encode(y, dtype)
        weights = check_weights(given.sample_weight_val, X)
        if samples.class_weights is not None:
            weights = samples.class_weights.times(weights, y, dtype)
    except ValueError as error:
        raise ValueError(f"In X_val, y_val or sample_weight_val: {error}") from error
    held_out = Samples(X, y, Y, weights, samples.encoding)
    return held_out.with_weight().like(samples.X)


def check_features_and_targets(estimator, X, y, **options):
    """Check features and targets as scikit-learn does.

    Parameters
    ----------
    estimator : GradientDescent
        Whose data these are.
    X, y : object
        The data, as the user gave them.
    **options : dict
        Of `validate_features`.

    Returns
    -------
    X : ndarray or CSR of shape (n_samples, n_features)
        What the compiled code reads.
    y : ndarray of shape (n_samples, ...)
        The targets.
    """
    X, y = validate_features(
        estimator,
        X,
        y,
        accept_sparse="csr",
        order="C",
        multi_output=True,
        y_numeric=estimator._y_numeric,
        **options,
    )
    return as_rows(X), y
