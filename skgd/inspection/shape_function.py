"""The shape function of a column: what a model makes of it, all else averaged."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse as sp
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted

from .._data.columns import as_floats, distinct, series_of
from .._data.dates import ISO, as_lengths, as_moments, find_format
from .._data.knots import knots_of
from .._members.base import TableEstimator
from .._members.table import features_of
from .._rules.rule import Allowed
from ..preprocessing.table import as_table
from ..preprocessing.table_parts import as_levels, as_parsed_numbers

DAY = np.timedelta64(1, "D")
# The share of the rows on each side that lies beyond the curve of a number. A few
# outliers would make it unreadable.
BEYOND = 0.01


class ShapeFunction(Bunch):
    """The shape function of a column, which prints as one line.

    Parameters
    ----------
    **kwargs : dict
        The attributes that `shape_function` lists.
    """

    def __repr__(self):
        n = len(self.grid_values)
        spread = np.ptp(self.effects, axis=0).max() if n else 0.0
        what = "levels" if self.kind == "category" else "values"
        return f"{self.name}: {n} {what}, effects differ by up to {spread:.3g}"


def shape_function(
    estimator: TableEstimator,
    X: ArrayLike,
    feature: str | int,
    *,
    grid_resolution: int = 50,
    max_samples: int = 200,
    random_state: int | np.random.RandomState | None = None,
) -> ShapeFunction:
    """Compute the shape function of a column of a raw table.

    This is the partial dependence of the raw prediction on the column, minus its mean
    over the rows: some rows get the same value in this column and keep their other
    columns, and the raw predictions are averaged over these rows and over the networks.
    If the model is a sum of functions of single columns (a generalised additive model),
    these are its functions. In any other model, interactions with other columns are
    averaged.

    The raw prediction of a classifier is the log odds of the second class; of a class
    minus the mean of all classes if there are several; or of a label. The raw
    prediction of a regressor is the prediction, or its logarithm if the loss has the
    log link, as 'poisson' has.

    Parameters
    ----------
    estimator : TabularClassifier or TabularRegressor
        A fitted estimator.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        Rows of the table, for example those of the training.
    feature : str or int
        The name or the position of the column.
    grid_resolution : int, default=50
        The largest number of values at which the function of a number or a date is
        computed, which are values in X. Of a category, it is the number of levels, of
        which the most frequent ones are taken.
    max_samples : int, default=200
        The largest number of rows over which the predictions are averaged. They are
        drawn at random if X has more.
    random_state : int, RandomState instance or None, default=None
        The seed by which these rows are drawn.

    Returns
    -------
    shape : Bunch
        With the following attributes.

        name : str or int
            The name of the column, or its position if the table has no names.
        kind : {'number', 'date', 'category'}
            What the column contains.
        grid_values : ndarray of shape (n_values,)
            Numbers or dates in rising order, between the first and the last percentile
            of X. Durations are numbers of days. Levels are in the order of their
            frequency.
        effects : ndarray of shape (n_values, n_outputs)
            The values of the function. Their mean over the rows of X is 0.
        effects_std : ndarray of shape (n_values, n_outputs)
            The standard deviations over the networks.
        missing_effect : ndarray of shape (n_outputs,) or None
            The effect of a missing value; None if X has none in this column.
        missing_effect_std : ndarray of shape (n_outputs,) or None
            Its standard deviation over the networks.
        deciles : ndarray of shape (9,)
            The deciles of a number or a date. For a category, it is empty.
        outputs : list
            The classes or labels to which the outputs belong, or the number of each
            target.
        scale : {'log odds', 'prediction', 'log of the prediction', 'raw prediction'}
            What the effects are added to.

    Raises
    ------
    TypeError
        If the estimator is not one for raw tables.
    ValueError
        If there is no such column, if it has no shape function, because it is ignored
        or contains long texts, or if a parameter is not allowed.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skgd import TabularRegressor
    >>> from skgd.inspection import shape_function
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = TabularRegressor(n_members=3, random_state=0).fit(X, y)
    >>> shape = shape_function(reg, X, "bmi", random_state=0)
    >>> bool(shape.effects[0] < shape.effects[-1])
    True
    """
    if not isinstance(estimator, TableEstimator):
        raise TypeError(
            "A shape function needs a TabularClassifier or a TabularRegressor. Got "
            f"{estimator!r}. For other models, there is "
            "sklearn.inspection.partial_dependence."
        )
    check_is_fitted(estimator, "estimators_")
    sizes = {"grid_resolution": grid_resolution, "max_samples": max_samples}
    for name, value in sizes.items():
        least = 2 if name == "grid_resolution" else 1
        if value not in (allowed := Allowed(Integral, ge=least)):
            raise ValueError(f"{name} must be {allowed}. Got {value!r}.")
    position = _position(estimator, feature)
    X = as_table(X)
    table = estimator._transform(X)
    name, kind, column = _column(estimator, X, position)
    n = table.X.shape[0]
    rows = np.arange(n)
    if n > max_samples:
        rows = check_random_state(random_state).choice(n, max_samples, replace=False)
    values, first, weights, found = _grid(column, kind, grid_resolution)
    effects = _partial_dependence(estimator, table, position, first, rows)
    # (n_networks, n_values, n_outputs): the mean of each function over the rows is 0
    effects -= np.einsum("v,mvo->mo", weights, effects)[:, np.newaxis]
    mean, std = effects.mean(axis=0), effects.std(axis=0)
    n_known = len(values)
    has_gaps = len(mean) > n_known
    return ShapeFunction(
        name=name,
        kind=kind,
        grid_values=values,
        effects=mean[:n_known],
        effects_std=std[:n_known],
        missing_effect=mean[-1] if has_gaps else None,
        missing_effect_std=std[-1] if has_gaps else None,
        deciles=found,
        outputs=estimator._outputs(mean.shape[1]),
        scale=estimator._raw_scale,
    )


def _position(estimator, feature):
    n = estimator.n_features_in_
    if isinstance(feature, Integral) and not isinstance(feature, bool):
        if -n <= feature < n:
            return int(feature) % n
    else:
        names = list(getattr(estimator, "feature_names_in_", ()))
        if isinstance(feature, str) and feature in names:
            return names.index(feature)
    raise ValueError(
        f"feature must be the name or the position of one of the {n} columns. Got "
        f"{feature!r}."
    )


def _column(estimator, X, position):
    # the name, the kind and the values of a column: numbers, dates or levels
    if sp.issparse(X):
        return position, "number", X.tocsc()[:, [position]].toarray()[:, 0]
    kind, (name, values) = estimator.encoder_.kinds_[position], series_of(X)[position]
    if kind in ("identifier", "long text"):
        why = "is ignored" if kind == "identifier" else "contains long texts"
        raise ValueError(f"Column {name!r} {why}, and has no shape function.")
    if kind in ("number", "boolean"):
        return name, "number", as_floats(values)
    if kind == "number as text":
        return name, "number", as_parsed_numbers(values)
    if kind == "duration":
        return name, "number", as_lengths(values) / DAY
    if kind in ("date", "date as text"):
        texts = [level for level in distinct(values) if isinstance(level, str)]
        form = (find_format(texts) if texts else None) or ISO
        return name, "date", as_moments(values, form)
    levels = as_levels(values)
    column = np.empty(len(levels), dtype=object)
    column[:] = levels
    return name, "category", column


def _grid(column, kind, most):
    # The values of the grid, the first row with each of them (and, at the end, the
    # first row with a gap), the share of each in the mean over the rows, the deciles.
    n = len(column)
    if kind == "category":
        rows = {}
        for row, level in enumerate(column):
            rows.setdefault(level, []).append(row)
        gaps = rows.pop(None, [])
        levels = sorted(rows, key=lambda level: -len(rows[level]))[:most]
        values = np.array([*levels, None], dtype=object)[:-1]
        first = [rows[level][0] for level in levels]
        shares, deciles = [len(rows[level]) for level in levels], np.empty(0)
    else:
        is_date = kind == "date"
        gaps = np.flatnonzero(np.isnat(column) if is_date else np.isnan(column))
        known = np.delete(column, gaps)
        numbers = known.astype(np.float64)  # microseconds of dates
        values, first, shares = _knots(numbers, most)
        first = np.delete(np.arange(n), gaps)[first]
        deciles = np.empty(0)
        if len(numbers):
            deciles = np.quantile(numbers, np.arange(1, 10) / 10)
        if is_date:
            deciles, values = deciles.astype(column.dtype), values.astype(column.dtype)
    if len(gaps):
        first, shares = [*first, gaps[0]], [*shares, len(gaps)]
    shares = np.array(shares, dtype=np.float64)
    return values, np.array(first, dtype=np.intp), shares / shares.sum(), deciles


def _knots(numbers, most):
    # values among the numbers, the first position of each, and how many numbers each
    # stands for if the function is linear in between
    if not len(numbers):
        return numbers, np.empty(0, dtype=np.intp), numbers
    inner = numbers
    if len(np.unique(numbers)) > most:
        ends = BEYOND, 1 - BEYOND
        low, high = np.quantile(numbers, ends, method="nearest")
        inner = numbers[(low <= numbers) & (numbers <= high)]
    knots = knots_of(inner, most - 1)
    order = np.argsort(numbers, kind="stable")
    first = order[np.searchsorted(numbers[order], knots)]
    place = np.interp(numbers, knots, np.arange(len(knots)))
    left = np.floor(place).astype(np.intp)
    share = place - left
    counts = np.bincount(left, 1 - share, minlength=len(knots) + 1)
    counts += np.bincount(left + 1, share, minlength=len(knots) + 1)
    return knots, first, counts[: len(knots)]


def _partial_dependence(estimator, table, position, first, rows):
    # of each member at the values of some rows: (n_networks, n_values, n_outputs)
    is_own = estimator.encoder_.part_of_ == position
    rest, part = (
        features_of(table.X[rows], ~is_own),
        features_of(table.X[first], is_own),
    )
    found, share = [], estimator.tree_share_
    for value in range(len(first)):
        same = part[np.full(len(rows), value)]
        mixed = replace(table, X=sp.csr_matrix(rest + same))
        found.append(
            [
                estimator._raw_effects(pair.raw(mixed, share)).mean(axis=0)
                for pair in estimator._final
            ]
        )
    return np.array(found).swapaxes(0, 1)
