"""Weights of the classes, by which the sample weights are multiplied."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import compute_class_weight


@dataclass(frozen=True, eq=False)
class ClassWeights:
    """A factor of the sample weights for each class.

    Parameters
    ----------
    given : dict or 'balanced'
        The parameter `class_weight`.
    classes, factors : ndarray of shape (n_classes,)
        The classes, and the factors by which the weights of their samples are
        multiplied.
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
        if not (isinstance(given, dict) or given == "balanced"):
            raise ValueError(
                f"The 'class_weight' parameter of {type(estimator).__name__} must be a "
                f"dict, 'balanced' or None. Got {given!r} instead."
            )
        if encoding.multilabel:
            raise ValueError("class_weight is not supported for multilabel targets.")
        if incremental and given == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit. In order "
                "to use 'balanced' weights, use compute_class_weight('balanced', "
                "classes=classes, y=y). In place of y you can use a large enough "
                "sample of the full training set target to properly estimate the "
                "class frequency distributions. Pass the resulting weights as the "
                "class_weight parameter."
            )
        if given == "balanced":
            factors = _balanced(np.searchsorted(encoding.classes, y), weights)
        else:
            factors = _of_dict(given, encoding.classes)
        return cls(given, encoding.classes, factors)

    def times(self, weights, y, dtype):
        """Multiply sample weights by the factors of their classes.

        Parameters
        ----------
        weights : ndarray of shape (n_samples,) or None
            Sample weights; None for ones.
        y : ndarray of shape (n_samples,)
            The classes of the samples.
        dtype : dtype
            The dtype of the result.

        Returns
        -------
        weights : ndarray of shape (n_samples,)
            The products.
        """
        factor = self.factors[np.searchsorted(self.classes, y)]
        weights = factor if weights is None else weights * factor
        if not weights.any():
            raise ValueError(
                "Sample weights must contain at least one non-zero number. With "
                f"class_weight={self.given!r} all are zero."
            )
        return np.ascontiguousarray(weights, dtype=dtype)


def _balanced(codes, weights):
    # With these factors, all classes have the same sum of weights. A class without any
    # weight has no effect on the others.
    counts = np.bincount(codes, weights).astype(np.float64)
    present = counts > 0
    mean = counts.sum() / np.count_nonzero(present)
    return np.divide(mean, counts, out=np.ones_like(counts), where=present)


def _of_dict(given, classes):
    if not all(np.isfinite(value) and value >= 0 for value in given.values()):
        raise ValueError(
            "The 'class_weight' parameter must have finite weights >= 0. Got "
            f"{given!r}."
        )
    return compute_class_weight(given, classes=classes, y=classes)
