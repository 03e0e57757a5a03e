"""The signs that the coefficients of a linear model may have."""

import numpy as np
from sklearn.utils import check_array


def signs_of_coefficients(estimator, encoding):
    """Find the constraints on the coefficients of a linear model.

    Parameters
    ----------
    estimator : LinearModel
        The estimator, which knows the features and has the parameters `positive` and
        `monotonic_cst`.
    encoding : RegressionEncoding or ClassEncoding
        How the targets were encoded.

    Returns
    -------
    signs : ndarray of int8 of shape (n_features,) or None
        1 for a coefficient that must be >= 0, -1 for one that must be <= 0, and 0 for
        one without a constraint; None if there is no constraint at all.

    Raises
    ------
    ValueError
        If `monotonic_cst` is not valid for the data, or contradicts `positive`.
    """
    signs = None
    if estimator.monotonic_cst is not None:
        if not estimator._y_numeric and encoding.n_outputs > 1:
            raise ValueError(
                "monotonic constraints are not supported for multiclass or multilabel "
                f"classification: {type(estimator).__name__} needs two classes. Got "
                f"{encoding.n_outputs} instead. Set monotonic_cst=None."
            )
        signs = _monotonic_signs(estimator, estimator.monotonic_cst)
    if not estimator.positive:
        return signs
    if signs is not None and (signs < 0).any():
        raise ValueError(
            "positive=True contradicts monotonic_cst=-1 for the features "
            f"{_names(estimator)[signs < 0].tolist()}. Set positive=False, and "
            "monotonic_cst=1 for the other features."
        )
    return np.ones(estimator.n_features_in_, dtype=np.int8)


def _names(estimator):
    numbers = np.arange(estimator.n_features_in_).astype(object)
    return getattr(estimator, "feature_names_in_", numbers)


def _monotonic_signs(estimator, given):
    if isinstance(given, dict):
        given = _signs_of_names(estimator, given)
    try:
        signs = check_array(given, ensure_2d=False, dtype=np.float64)
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(
            "monotonic_cst must be an array-like of -1, 0 or 1, or a dict of feature "
            f"names with these values. Got {given!r} instead."
        ) from error
    if not np.isin(signs, (-1, 0, 1)).all():
        raise ValueError(
            "monotonic_cst must be an array-like of -1, 0 or 1. Observed values: "
            f"{np.unique(signs).tolist()}."
        )
    n_features = estimator.n_features_in_
    if signs.shape != (n_features,):
        raise ValueError(
            f"monotonic_cst has shape {signs.shape} but the input data X has "
            f"{n_features} features."
        )
    return signs.astype(np.int8)


def _signs_of_names(estimator, given):
    if not hasattr(estimator, "feature_names_in_"):
        raise ValueError(
            f"{type(estimator).__name__} was not fitted on data with feature names. "
            "Pass monotonic_cst as an integer array instead."
        )
    names = estimator.feature_names_in_.tolist()
    unknown = sorted(map(str, set(given) - set(names)))
    if unknown:
        raise ValueError(
            f"monotonic_cst contains {len(unknown)} unexpected feature names: "
            f"{unknown}."
        )
    for name, sign in given.items():
        if sign not in (-1, 0, 1):
            raise ValueError(
                f"monotonic_cst[{name!r}] must be either -1, 0 or 1. Got {sign!r}."
            )
    return [given.get(name, 0) for name in names]
