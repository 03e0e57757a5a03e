"""Targets: from ``y`` to the numbers that a loss reads, and from raw predictions back.

An encoding is learned from the targets of a `fit`. It also encodes the targets of
validation data, decodes predictions, and determines the number of outputs of the
network.
"""

from dataclasses import dataclass
from numbers import Number

import numpy as np
from scipy import sparse as sp
from scipy.special import expit
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from .._rules.loss import softmax
from .._rules.plain_state import stored_as_dict
from ..losses import Loss
from .stream_classes import all_classes


# ---------------------------------------------------------------- numbers
@stored_as_dict
@dataclass(frozen=True, eq=False)
class RegressionEncoding:
    """The encoding of one or several numbers for each sample: the numbers themselves.

    Parameters
    ----------
    loss : Loss
        The loss. A loss for several quantiles has one output for each of them.
    n_outputs : int
        The number of outputs of the network.
    is_column : bool
        Whether the targets of a single output have two dimensions. Then the predictions
        have two dimensions as well.
    """

    loss: Loss
    n_outputs: int
    is_column: bool

    # attributes that only classes use
    classes = None
    multilabel = softmax = False

    @classmethod
    def learn(cls, y, dtype, loss, **call):
        """Encode the targets of a training.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Targets as scikit-learn has checked them.
        dtype : dtype
            The dtype of training.
        loss : Loss
            The loss.
        **call : dict
            The other arguments of `ClassEncoding.learn`. They are ignored, because the
            encoding of numbers does not depend on earlier calls.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            The targets in `dtype`.
        Y : ndarray of shape (n_samples, n_outputs)
            The encoded targets, which the loss reads.
        encoding : RegressionEncoding
            How `Y` was made.
        """
        y, Y = _encode_numbers(y, dtype, loss)
        return y, Y, cls(loss, Y.shape[1], y.ndim == 2 and Y.shape[1] == 1)

    def encode(self, y, dtype):
        """Encode the targets of validation data.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Targets as scikit-learn has checked them.
        dtype : dtype
            The dtype of training.

        Returns
        -------
        y, Y : ndarray
            The targets and the encoded targets, as `learn` returns them.
        """
        y, Y = _encode_numbers(y, dtype, self.loss)
        if Y.shape[1] != self.n_outputs:
            raise ValueError(
                f"y_val must have as many targets as y. Got {Y.shape[1]}, y has "
                f"{self.n_outputs}."
            )
        return y, Y

    def decode(self, Z):
        """Convert raw predictions to predictions.

        Parameters
        ----------
        Z : ndarray of shape (n_samples, n_outputs)
            Outputs of the network, in the user's units.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predictions: means for a loss with another link than the identity, and
            several quantiles in rising order. They have as many dimensions as the
            targets.
        """
        if self.loss.link == "exp":
            with np.errstate(over="ignore"):
                Z = np.exp(Z)
        elif self.loss.link == "logistic":
            Z = expit(Z)
        elif self.loss.link == "custom":
            Z = self.loss.predict(Z)
        elif self.loss.link == "softmax":
            Z = Z.copy()
            softmax(Z)
        elif self.loss.n_levels > 1:
            Z = np.sort(Z, axis=1)  # quantiles do not cross
        return Z.ravel() if Z.shape[1] == 1 and not self.is_column else Z

    def strata(self, y):
        """Return the classes for a stratified split, which numbers do not have.

        Parameters
        ----------
        y : ndarray of shape (n_samples, ...)
            Targets.

        Returns
        -------
        strata : None
            No classes.
        """
        return None


def _encode_numbers(y, dtype, loss):
    if sp.issparse(y):
        raise ValueError(
            "Sparse targets are not supported in regression. Convert them by "
            "y.toarray()."
        )
    with np.errstate(over="ignore"):  # the error below reports it
        y = y.astype(dtype, copy=False)
    if loss.n_levels > 1 and y[:1].size > 1:
        raise ValueError(
            f"{loss!r} is for a single target y: each quantile has an output. Got "
            f"{y.shape[1]} targets."
        )
    if not np.isfinite(y).all():  # scikit-learn converts None after its own check
        raise ValueError(
            f"Input y contains None, NaN or numbers that are too large for {y.dtype}."
        )
    loss._check_target(y)
    return y, np.ascontiguousarray(loss._spread(y.reshape(len(y), -1)))


# ---------------------------------------------------------------- classes
@stored_as_dict
@dataclass(frozen=True, eq=False)
class ClassEncoding:
    """The encoding of two classes, several classes, or several labels.

    A single class is the trivial case of several classes.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The class labels, in rising order.
    multilabel : bool
        Whether targets are a binary indicator of labels.
    probabilistic : bool
        Whether the loss has the link of the log loss. All other losses are margin
        losses.
    """

    classes: np.ndarray
    multilabel: bool
    probabilistic: bool

    @property
    def n_outputs(self):
        """The number of outputs of the network."""
        n_classes = len(self.classes)
        return 1 if n_classes == 2 and not self.multilabel else n_classes

    @property
    def softmax(self):
        """Whether the outputs are one distribution, and a target is a class code."""
        return self.probabilistic and len(self.classes) != 2 and not self.multilabel

    @classmethod
    def learn(
        cls,
        y,
        dtype,
        loss,
        *,
        earlier=None,
        classes=None,
        incremental=False,
        n_least=2,
    ):
        """Encode the targets of a training.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Targets as scikit-learn has checked them.
        dtype : dtype
            The dtype of training.
        loss : Loss
            The loss.
        earlier : ClassEncoding, default=None
            The encoding of the training that is continued.
        classes : array-like of shape (n_classes,), default=None
            All classes of a stream, as they were passed to `partial_fit`.
        incremental : bool, default=False
            Whether the samples are a piece of a stream, which need not have all
            classes.
        n_least : {1, 2}, default=2
            The least number of classes.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The targets as a dense array. A single column becomes a vector.
        Y : ndarray of shape (n_samples, n_outputs) or (n_samples, 1)
            The encoded targets, which the loss reads.
        encoding : ClassEncoding
            How `Y` was made.
        """
        y, found, multilabel = _classes_in(_as_labels(y))
        if earlier is not None:
            earlier._check_continued(found, multilabel, classes, incremental)
            known = earlier.classes
        elif not incremental:
            known = found
        elif classes is not None:
            known = all_classes(classes)
        else:
            raise ValueError(
                "classes must be passed on the first call to partial_fit. Pass all "
                "classes of the stream by name, for example "
                f"partial_fit(X, y, classes={unique_labels(y).tolist()!r})."
            )
        if incremental:
            _check_known(found, known, multilabel)
        if len(known) < n_least and not multilabel:
            raise ValueError(
                "The number of classes has to be greater than one; got "
                f"{len(known)} class"
            )
        encoding = cls(known, multilabel, loss.link == "logistic")
        return y, encoding._code(y, dtype), encoding

    def _check_continued(self, found, multilabel, classes, incremental):
        # check that a call continues with the same classes
        if multilabel != self.multilabel:
            raise ValueError(
                "`y` must be of the same kind as in the previous call: a binary "
                "indicator of labels, or one class for each sample."
            )
        if (
            incremental
            and classes is not None
            and not np.array_equal(self.classes, all_classes(classes))
        ):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to "
                f"partial_fit, was: {self.classes!r}"
            )
        if not incremental and not np.array_equal(found, self.classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {self.classes}, `y` has {found}"
            )

    def encode(self, y, dtype):
        """Encode the targets of validation data.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Targets as scikit-learn has checked them.
        dtype : dtype
            The dtype of training.

        Returns
        -------
        y, Y : ndarray
            The targets and the encoded targets, as `learn` returns them.
        """
        y = _as_labels(y)
        if self.multilabel:
            known = y.ndim == 2 and y.shape[1] == self.n_outputs
            known = known and np.isin(y, (0, 1)).all()
        else:
            known = y.ndim == 1 and np.isin(y, self.classes).all()
        if not known:
            kind = "a binary indicator of these labels" if self.multilabel else "these"
            raise ValueError(
                f"y_val must have only classes of y: {kind}, {self.classes}. Got "
                f"{np.unique(y)} in an array of shape {y.shape}."
            )
        return y, self._code(y, dtype)

    def _code(self, y, dtype):
        # 0 and 1 (or class codes, for a softmax), -1 and 1 for margin losses
        if self.multilabel:
            Y = (y != 0).astype(dtype)
        elif self.softmax or self.n_outputs == 1:
            Y = np.searchsorted(self.classes, y).astype(dtype)[:, np.newaxis]
        else:
            Y = (y[:, np.newaxis] == self.classes).astype(dtype)
        return np.ascontiguousarray(Y if self.probabilistic else 2 * Y - 1)

    def decode(self, Z):
        """Convert raw predictions to class labels.

        Parameters
        ----------
        Z : ndarray of shape (n_samples, n_outputs)
            Outputs of the network.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or a binary indicator of labels.
        """
        if self.multilabel:
            return (Z > 0).astype(int)
        if len(self.classes) == 2:
            return self.classes[(Z[:, 0] > 0).astype(int)]
        return self.classes[Z.argmax(axis=1)]

    def probabilities(self, Z):
        """Probabilities by the log loss.

        Parameters
        ----------
        Z : ndarray of shape (n_samples, n_outputs)
            Outputs of the network. They may be overwritten.

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
            In the order of `classes`.
        """
        if self.softmax:
            softmax(Z)
            return Z
        P = expit(Z)
        return P if self.multilabel else np.hstack([1 - P, P])

    def strata(self, y):
        """What a split represents in both parts in proportion.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Targets.

        Returns
        -------
        strata : ndarray of shape (n_samples,) or None
            The classes; None for several labels.
        """
        return None if self.multilabel else y


def _classes_in(y):
    # the labels, their classes, and whether a sample can have several labels
    found = _check_labels(y)
    # (`type_of_target` is called only if it is necessary, since it sorts all values)
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
    return y, np.arange(y.shape[1]) if multilabel else found, multilabel


def _check_labels(y):
    # The distinct values of a vector, if they are classes. scikit-learn's check sorts
    # all values twice, which takes 0.7 ms for 20,000 numbers. Therefore it gets only
    # the distinct values if its answer is the same for them. (If there are more than
    # 20, it checks whether most of the values are distinct.)
    if y.ndim == 2:
        check_classification_targets(y)
        return None
    if y.dtype.kind == "O":
        _check_one_type(y)
    if y.dtype.kind not in "biuf":
        check_classification_targets(y)
        return np.unique(y)
    found = np.unique(y)
    few = len(found) <= min(20, len(y) // 2)
    check_classification_targets(found if few else y)
    return found


def _check_one_type(y):
    # raise an error if objects are neither all texts nor all numbers
    kinds = {type(label) for label in y}
    if not all(issubclass(kind, str) for kind in kinds) and not all(
        issubclass(kind, Number | np.bool_) for kind in kinds
    ):
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(
            "Unknown label type: unknown. The classes in y must be all str or all "
            f"numbers, without None. Got values of the types {names}."
        )


def _check_known(found, known, multilabel):
    unseen = len(np.setdiff1d(found, known))
    if unseen or (multilabel and len(found) != len(known)):
        raise ValueError(
            "`y` has classes not in `self.classes_`. `self.classes_` has "
            f"{known}. 'y' has {found}. The outputs of a model are fixed by the first "
            "call of partial_fit: pass all classes of the stream to it as `classes`, "
            "also those that appear later, and start again with a new model."
        )


def _as_labels(y):
    # a dense array; a single column becomes a vector
    if sp.issparse(y):
        y = y.toarray()
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
