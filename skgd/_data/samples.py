"""The samples of a call, as the user passed them and as checked and encoded arrays."""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from scipy import sparse as sp

from .._engine.distributed_rows import DistributedRows
from .features import as_rows, check_weights, validate_features
from .knots import Knots
from .missing import check_none_is_missing
from .splits import check_groups

# Parts of the errors of scikit-learn and NumPy for validation data that have not been
# transformed like the training data, and what the error then says.
SIGNS_OF_RAW_DATA = (
    "features, but",
    "feature names should match",
    "could not convert",
    "could not be promoted",
    "Input X contains",
)
PIPELINE = """

If {name} is the last step of a pipeline, the other steps must also transform X_val:
import sklearn
from sklearn.pipeline import make_pipeline
sklearn.set_config(enable_metadata_routing=True)
estimator = {name}(early_stopping=True)
estimator.set_fit_request(X_val=True, y_val=True)
model = make_pipeline(preprocess, estimator, transform_input=["X_val"])
model.fit(X, y, X_val=X_val, y_val=y_val)"""


class HeldOut(NamedTuple):
    """The arguments of `fit` that say what is held out."""

    X_val: object = None
    y_val: object = None
    sample_weight_val: object = None
    groups: object = None
    exposure_val: object = None


@dataclass
class Given:
    """The arguments of `fit` or `partial_fit`, as the user gave them."""

    X: object
    y: object
    sample_weight: object = None
    incremental: bool = False  # whether the call is `partial_fit`, for a stream
    classes: object = None  # all classes of a stream
    start: dict | None = None  # initial parameters, from coef_init and the like
    X_val: object = None
    y_val: object = None
    sample_weight_val: object = None
    groups: object = None
    exposure: object = None  # of samples of a rate, see `exposure.py`
    exposure_val: object = None
    weight_of_exposure: float = 1.0  # by which weights were divided, see `as_rates`

    @property
    def method(self):
        """The name of the method that was called."""
        return "partial_fit" if self.incremental else "fit"

    @property
    def weighs_validation(self):
        """Whether the user passed weights for the held-out samples."""
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
        The encoded targets.
    weights : ndarray of shape (n_samples,) or None
        Sample weights, multiplied by the weights of the classes.
    encoding : RegressionEncoding or ClassEncoding
        How `Y` was made from `y`.
    class_weights : ClassWeights or None
        The weights of the classes.
    groups : ndarray of shape (n_samples,) or None
        The groups of the samples, of which only whole ones are held out.
    knots : Knots or None
        The knots of the features, if a network reads hat functions of them as well.
    """

    X: object
    y: np.ndarray
    Y: np.ndarray
    weights: np.ndarray | None
    encoding: object
    class_weights: object = None
    groups: np.ndarray | None = None
    knots: Knots | None = None

    @cached_property
    def inputs(self):
        """What a network reads: the features, with the values of hat functions if any.

        Returns
        -------
        inputs : ndarray or CSR of shape (n_samples, n_inputs)
            Features in the user's units.
        """
        return self.X if self.knots is None else as_rows(self.knots.expand(self.X))

    @property
    def weight_of_rows(self):
        """The weight of each sample, which is 1 if there are no weights."""
        return np.ones(len(self.y)) if self.weights is None else self.weights

    def take(self, rows):
        """Select some of the samples.

        Parameters
        ----------
        rows : ndarray of intp
            The rows to select.

        Returns
        -------
        samples : Samples
            Copies of these samples.
        """
        return replace(
            self,
            X=as_rows(self.X[rows]),
            y=self.y[rows],
            Y=np.ascontiguousarray(self.Y[rows]),
            weights=None if self.weights is None else self.weights[rows],
            groups=None if self.groups is None else self.groups[rows],
        )

    def with_weight(self):
        """Select the samples with a nonzero weight.

        The other samples must not have any effect, not even by an overflow.

        Returns
        -------
        samples : Samples
            The selected samples; the same object if no weight is zero.
        """
        if self.weights is None or self.weights.all():
            return self
        return self.take(np.flatnonzero(self.weights))

    def like(self, X):
        """Convert the samples to sparse features if X is sparse, and else to dense.

        Parameters
        ----------
        X : ndarray or CSR
            The features of the training.

        Returns
        -------
        samples : Samples
            The samples in the form of the training data.
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
        The estimator that gets the data. It stores the number and names of features.
    given : Given
        The arguments of the call.
    loss : Loss
        The loss, which reads the targets.
    before : TrainingState or None
        The state of the training that is continued; None for a new training.

    Returns
    -------
    samples : Samples
        The samples, in the dtype of the training that is continued, or of `X`.
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
        n_least=estimator._least_classes,
    )
    loss._check_slopes(Y, encoding.n_outputs)
    weights = check_weights(given.sample_weight, X)
    class_weights = estimator._class_weights(y, weights, encoding, given.incremental)
    if class_weights is not None:
        weights = class_weights.times(weights, y, X.dtype)
    groups = check_groups(given.groups, len(y))
    knots = estimator._knots(X, weights, before)
    return Samples(X, y, Y, weights, encoding, class_weights, groups, knots)


def check_validation_samples(estimator, given, samples):
    """Check the samples that the user holds out, and encode their targets.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator that gets the data.
    given : Given
        The arguments of the call.
    samples : Samples
        The samples of the training.

    Returns
    -------
    held_out : Samples
        The held-out samples, in the dtype and the form of the training samples.
    """
    dtype = samples.X.dtype
    advice = PIPELINE.format(name=type(estimator).__name__)
    if given.incremental:  # a pipeline has no partial_fit
        advice = "\n\nIf X is transformed, transform X_val in the same way."
    with of_validation(advice):
        X, y = check_features_and_targets(
            estimator,
            given.X_val,
            given.y_val,
            dtype=dtype,
            incremental=given.incremental,
            reset=False,
        )
        y, Y = samples.encoding.encode(y, dtype)
        weights = check_weights(given.sample_weight_val, X)
        if samples.class_weights is not None:
            weights = samples.class_weights.times(weights, y, dtype)
    held_out = Samples(X, y, Y, weights, samples.encoding, knots=samples.knots)
    return held_out.with_weight().like(samples.X)


@contextmanager
def of_validation(advice=""):
    """Make errors say that they are about the validation data.

    Parameters
    ----------
    advice : str, default=""
        What the error of data that look as if they had not been transformed adds.
    """
    try:
        yield
    except (OverflowError, TypeError, ValueError) as error:
        text = f"In X_val, y_val or sample_weight_val: {error}".rstrip()
        is_raw = any(sign in str(error) for sign in SIGNS_OF_RAW_DATA)
        raise ValueError(text + advice * is_raw) from error


def check_features_and_targets(estimator, X, y, **options):
    """Check features and targets as scikit-learn does.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator that gets the data.
    X, y : object
        The data, as the user gave them.
    **options : dict
        Keywords of `validate_features`.

    Returns
    -------
    X : ndarray or CSR of shape (n_samples, n_features)
        The features in the form that the compiled code reads.
    y : ndarray of shape (n_samples, ...)
        The targets.
    """
    if not estimator._y_numeric:
        check_none_is_missing(y)
    if isinstance(X, DistributedRows):
        stand_in, other = np.zeros((len(X), 1)), estimator._alias()
        _, y = check_features_and_targets(
            other, stand_in, y, **options | {"reset": True}
        )
        return _check_distributed(estimator, X, **options), y
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


def _check_distributed(estimator, X, **options):
    # The first row determines the dtype and the names of the features. The parts are
    # checked by another estimator that knows no more than these, since a parameter can
    # be an object that cannot be sent elsewhere. (Its class is one of this package,
    # because the constructor of a subclass can have required arguments.)
    head = validate_features(estimator, X.head, order="C", **options)
    own = __name__.split(".")[0] + "."
    classes = type(estimator).__mro__
    other = next(cls for cls in classes if cls.__module__.startswith(own))()
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(estimator, name):
            setattr(other, name, getattr(estimator, name))
    options.update(dtype=head.dtype, reset=False)
    check = partial(validate_features, other, order="C", **options)
    return X.checked(check, head.dtype)
