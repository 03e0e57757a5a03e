"""Weights of the classes, by which the sample weights are multiplied."""

from dataclasses import dataclass
from numbers import Real

import numpy as np
from sklearn.utils import compute_class_weight

from .._rules.rule import Allowed
from .features import NoWeight


@dataclass(frozen=True, eq=False)
class ClassWeights:
    """A factor of the sample weights for each class, or for each value of each label.

    Parameters
    ----------
    given : dict, list of dict or 'balanced'
        The parameter `class_weight`.
    classes : ndarray of shape (n_classes,)
        The classes; 0 and 1 for several labels.
    factors : ndarray of shape (n_columns, n_classes)
        The factors by which the weights of the samples are multiplied, for each column
        of the targets. There is one column of classes, or one for each label.
    """

    given: object
    classes: np.ndarray
    factors: np.ndarray

    @classmethod
    def of(cls, estimator, y, weights, encoding, incremental):
        """Make the class weights that the parameter `class_weight` describes.

        Parameters
        ----------
        estimator : object
            A classifier, which has this parameter.
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The targets.
        weights : ndarray of shape (n_samples,) or None
            The sample weights, by which 'balanced' counts the samples.
        encoding : ClassEncoding
            The encoding of the targets.
        incremental : bool
            Whether the targets are a piece of a stream.

        Returns
        -------
        weights : ClassWeights or None
            The class weights; None if all classes have the same weight.
        """
        given = estimator.class_weight
        if given is None:
            return None
        classes = np.arange(2) if encoding.multilabel else encoding.classes
        if isinstance(given, str) and given == "balanced":
            if incremental:
                raise ValueError(
                    "class_weight 'balanced' is not supported for partial_fit. In "
                    "order to use 'balanced' weights, use compute_class_weight("
                    "'balanced', classes=classes, y=y). In place of y you can use a "
                    "large enough sample of the full training set target to properly "
                    "estimate the class frequency distributions. Pass the resulting "
                    "weights as the class_weight parameter."
                )
            codes = np.searchsorted(classes, _columns(y))
            factors = [_balanced(column, weights, len(classes)) for column in codes.T]
        else:
            owner = type(estimator).__name__
            dicts = _dicts(given, encoding, owner)
            factors = [_factors(d, classes, owner) for d in dicts]
        return cls(given, classes, np.array(factors))

    def times(self, weights, y, dtype):
        """Multiply sample weights by the factors of their classes.

        Parameters
        ----------
        weights : ndarray of shape (n_samples,) or None
            Sample weights; None for ones.
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The classes or the labels of the samples. The factors of several labels are
            multiplied, as in `sklearn.utils.class_weight.compute_sample_weight`.
        dtype : dtype
            The dtype of the result.

        Returns
        -------
        weights : ndarray of shape (n_samples,)
            The products.
        """
        codes = np.searchsorted(self.classes, _columns(y))
        factor = self.factors[np.arange(len(self.factors)), codes].prod(axis=1)
        weights = factor if weights is None else weights * factor
        if not weights.any():
            raise NoWeight(
                "Sample weights must contain at least one non-zero number. With "
                f"class_weight={self.given!r} all are zero."
            )
        return np.ascontiguousarray(weights, dtype=dtype)


def _columns(y):
    return y.reshape(len(y), -1)


def _dicts(given, encoding, owner):
    # the dict of the classes, or one dict for each label
    dicts = given if encoding.multilabel and isinstance(given, list) else [given]
    is_list = dicts is given
    if is_list != encoding.multilabel or not all(isinstance(d, dict) for d in dicts):
        kind = "list of dicts (one for each label)" if encoding.multilabel else "dict"
        raise ValueError(
            f"The 'class_weight' parameter of {owner} must be a {kind}, 'balanced' or "
            f"None. Got {given!r} instead."
        )
    if is_list and len(dicts) != encoding.n_outputs:
        raise ValueError(
            "class_weight must have one dict for each label. Got "
            f"{len(dicts)} for {encoding.n_outputs} labels."
        )
    values = [value for d in dicts for value in d.values()]
    weight = Allowed(Real, ge=0)
    if not all(value in weight for value in values):
        raise ValueError(
            f"The 'class_weight' parameter of {owner} must have finite weights >= 0. "
            f"Got {given!r}."
        )
    return dicts


def _factors(weights_of, classes, owner):
    # the weight of each class, which is 1 for a class that the dict does not have
    try:
        return compute_class_weight(weights_of, classes=classes, y=classes)
    except ValueError as error:
        unknown = [label for label in weights_of if label not in classes.tolist()]
        raise ValueError(
            f"The 'class_weight' parameter of {owner} must have classes of y as keys, "
            f"which are {classes.tolist()}. Got the keys {unknown}. {error}."
        ) from None


def _balanced(codes, weights, n_classes):
    # With these factors, all classes have the same sum of weights. A class without any
    # weight has no effect on the others.
    counts = np.bincount(codes, weights, n_classes).astype(np.float64)
    present = counts > 0
    mean = counts.sum() / np.count_nonzero(present)
    return np.divide(mean, counts, out=np.ones_like(counts), where=present)
