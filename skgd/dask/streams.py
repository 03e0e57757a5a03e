"""A pass over the partitions of a collection, one after another."""

from concurrent.futures import ThreadPoolExecutor

from .collections import check_can_descend, import_dask, pieces_of


def partial_fit(estimator, X, y, sample_weight=None, *, classes=None):
    """Continue the training with one pass over the partitions of a Dask collection.

    The partitions are visited in their order, and `estimator.partial_fit` is called in
    this process for each of them. While it trains on one partition, Dask computes the
    next one, so that at most two partitions are in the memory of this process. If there
    is an error, the estimator remains as it was before the call.

    Parameters
    ----------
    estimator : GDRegressor, GDClassifier, MLPGDRegressor or MLPGDClassifier
        The estimator.
    X : dask.array.Array or dask.dataframe.DataFrame of shape (n_samples, n_features)
        Features. The chunks of an array have all columns, or are merged so that they
        have them.
    y : dask.array.Array, dask.dataframe.Series or array-like of shape (n_samples, ...)
        Targets. A collection has the same partitions as `X`.
    sample_weight : dask.array.Array, dask.dataframe.Series or array-like, default=None
        Weights of the samples.
    classes : array-like of shape (n_classes,), default=None
        For a classifier: all classes of the stream, for the first call.

    Returns
    -------
    estimator : object
        The same estimator.

    Raises
    ------
    ImportError
        If Dask is not installed.
    TypeError
        If `X` is not a Dask array or DataFrame, or if the estimator is another one.
    ValueError
        If the partitions do not have the same samples.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import load_diabetes
    >>> from skgd import GDRegressor
    >>> from skgd.dask import partial_fit
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, y = da.from_array(X, chunks=(100, 10)), da.from_array(y, chunks=100)
    >>> reg = GDRegressor(random_state=0)
    >>> for _ in range(5):
    ...     reg = partial_fit(reg, X, y)
    >>> bool(reg.score(X.compute(), y.compute()) > 0.4)
    True
    """
    dask, _ = import_dask()
    check_can_descend(estimator, "skgd.dask.partial_fit")
    fit = estimator.partial_fit
    options = {} if classes is None else {"classes": classes}
    pieces = pieces_of({"X": X, "y": y, "sample_weight": sample_weight})
    with estimator._all_or_nothing():
        for rows, targets, weights in _computed_ahead(dask, pieces):
            if len(rows):  # a partition that a filter has emptied
                fit(rows, targets, sample_weight=weights, **options)
    return estimator


def _computed_ahead(dask, pieces):
    # Compute the pieces one after another, each while the one before is in use.
    first = 0
    with ThreadPoolExecutor(1) as thread:
        ahead = None
        for piece in [*pieces, None]:
            before, ahead = ahead, piece and thread.submit(_compute, dask, piece)
            if before is None:
                continue
            rows, *others = before.result()
            last = first + len(rows)
            yield rows, *(_rows_of(*other, first, last) for other in others)
            first = last
    for values, is_part in others:
        if values is not None and not is_part and len(values) != first:
            raise ValueError(
                f"y and sample_weight must have as many samples as X. Got {len(values)}"
                f", X has {first}."
            )


def _compute(dask, piece):
    # the values of a piece, and whether each is already the part that belongs to it
    lazy = [hasattr(value, "compute") for value in piece]
    rows, *others = dask.compute(*piece)
    return rows, *zip(others, lazy[1:], strict=True)


def _rows_of(values, is_part, first, last):
    return values if is_part or values is None else values[first:last]
