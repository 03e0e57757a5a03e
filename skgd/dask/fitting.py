"""A fit whose rows stay in the workers of a cluster."""

from .collections import check_can_descend, import_dask, pieces_of
from .rows import PartitionedRows


def fit(estimator, X, y, sample_weight=None, *, client=None, **options):
    """Fit an estimator to a Dask collection whose rows stay in the workers.

    For each update, each partition computes the gradient of its rows of the batch, and
    the sum of the gradients makes the update in this process. The result is the same as
    that of ``estimator.fit`` in one process, except for rounding errors, and except for
    the random masks of dropout. It depends on how the rows are divided into partitions,
    but not on the number of workers.

    If a worker is lost, its partitions are computed again by other workers, and the
    training goes on. If there is an error, the estimator remains as it was before.

    Parameters
    ----------
    estimator : GDRegressor, GDClassifier, MLPGDRegressor or MLPGDClassifier
        The estimator, without `batch_norm` and `num_embedding`.
    X : dask.array.Array or dask.dataframe.DataFrame of shape (n_samples, n_features)
        Dense features. The workers keep all partitions in memory.
    y : dask.array.Array, dask.dataframe.Series or array-like of shape (n_samples, ...)
        Targets. They are in the memory of this process, as are the weights and, for
        each sample, its place in the order of the epoch.
    sample_weight : dask.array.Array, dask.dataframe.Series or array-like, default=None
        Weights of the samples.
    client : distributed.Client, default=None
        The client of the cluster. None is the current one.
    **options : dict
        Other arguments of `estimator.fit`, for example `X_val` and `y_val`, which are
        in the memory of this process.

    Returns
    -------
    estimator : object
        The fitted estimator.

    Raises
    ------
    ImportError
        If Dask is not installed.
    TypeError
        If `X` is not a Dask array or DataFrame, or if the estimator is another one.
    ValueError
        If there is no client, if the data are wrong, or if a parameter of the estimator
        needs all rows in one process.
    RuntimeError
        If there has been no worker for half a minute.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from sklearn.datasets import load_diabetes
    >>> from skgd import GDRegressor
    >>> from skgd.dask import fit
    >>> X, y = load_diabetes(return_X_y=True)
    >>> client = Client(processes=False, n_workers=2, dashboard_address=None)
    >>> reg = fit(GDRegressor(), da.from_array(X, chunks=(100, 10)), y)
    >>> client.close()
    >>> bool(reg.score(X, y) > 0.5)
    True
    """
    dask, distributed = import_dask()
    _check_can_be_distributed(estimator)
    (parts,) = zip(*pieces_of({"X": X}), strict=True)
    if client is None:
        try:
            client = distributed.get_client()
        except ValueError:
            raise ValueError(
                "skgd.dask.fit needs a cluster: create a distributed.Client first, or "
                "pass one as `client`."
            ) from None
    # (the futures of Dask are computed by the client, whether it is the current one)
    y, sample_weight = (
        client.compute(values).result() if hasattr(values, "to_delayed") else values
        for values in (y, sample_weight)
    )
    rows = PartitionedRows.of(client, parts)
    return estimator.fit(rows, y, sample_weight=sample_weight, **options)


def _check_can_be_distributed(estimator):
    check_can_descend(estimator, "skgd.dask.fit")
    needs = {
        "batch_norm": (False, "the mean and the variance of a whole batch"),
        "num_embedding": (None, "the order of all values of a feature"),
    }
    for name, (allowed, what) in needs.items():
        value = getattr(estimator, name, allowed)
        if value is not allowed:
            raise ValueError(
                f"The '{name}' parameter must be {allowed} for skgd.dask.fit, because "
                f"no worker knows {what}. Got {value!r} instead."
            )
