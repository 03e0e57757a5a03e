"""A fit whose rows stay in the workers of a cluster."""

from math import inf
from numbers import Integral

from .._rules.rule import Allowed
from ..optimizers import LBFGS
from .collections import check_can_descend, import_dask, pieces_of
from .rows import PartitionedRows

LOCAL_STEPS = Allowed(Integral, ge=1, options=("epoch", None))


def fit(
    estimator, X, y, sample_weight=None, *, client=None, local_steps=None, **options
):
    """Fit an estimator to a Dask collection whose rows stay in the workers.

    For each update, each partition computes the gradient of its rows of the batch, and
    the sum of the gradients makes the update in this process. The result is the same as
    that of ``estimator.fit`` in one process, except for rounding errors, and except for
    the random masks of dropout.

    With `local_steps`, each partition makes updates with its own rows, and the
    parameters of all partitions are averaged after so many updates [1]_, [2]_. There
    are as many updates in an epoch, at the same learning rates, as in one process, but
    far fewer messages. The result is another one than that of one process, unless there
    is a single partition.

    In both cases, the result depends on how the rows are divided into partitions, but
    not on the number of workers.

    If a worker is lost, its partitions are computed again by other workers, and the
    training goes on. If there is an error, the estimator remains as it was before.

    Parameters
    ----------
    estimator : GDRegressor, GDClassifier, MLPGDRegressor or MLPGDClassifier
        The estimator, without `num_embedding`. `batch_norm` needs `local_steps`.
    X : dask.array.Array or dask.dataframe.DataFrame of shape (n_samples, n_features)
        Dense features. The workers keep all partitions in memory.
    y : dask.array.Array, dask.dataframe.Series or array-like of shape (n_samples, ...)
        Targets. They are in the memory of this process, as are the weights and, for
        each sample, its place in the order of the epoch.
    sample_weight : dask.array.Array, dask.dataframe.Series or array-like, default=None
        Weights of the samples.
    client : distributed.Client, default=None
        The client of the cluster. None is the current one.
    local_steps : int or 'epoch', default=None
        The number of updates that each partition makes with its own rows before the
        parameters are averaged, weighted by the sums of the sample weights. The moments
        of the optimizer are averaged as well. 'epoch' stands for all updates of an
        epoch, and None for gradients of whole batches. A batch of `batch_size` rows is
        divided among the partitions, so it should have at least some hundred rows for
        each of them. Of `solver`, 'minibatch' and 'auto' are allowed, and L-BFGS is not
        used.

        The more updates there are between two averages, the more the partitions have
        to resemble each other. If the rows are sorted, for example by the target,
        shuffle them first.
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

    References
    ----------
    .. [1] B. McMahan, E. Moore, D. Ramage, S. Hampson, B. Agüera y Arcas,
       "Communication-Efficient Learning of Deep Networks from Decentralized Data",
       AISTATS 2017, :arxiv:`1602.05629`.
    .. [2] S. Stich, "Local SGD Converges Fast and Communicates Little", ICLR 2019,
       :arxiv:`1805.09767`.

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
    _check_can_be_distributed(estimator, local_steps)
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
    local_steps = inf if local_steps == "epoch" else local_steps
    rows = PartitionedRows.of(client, parts, local_steps)
    return estimator.fit(rows, y, sample_weight=sample_weight, **options)


def _check_can_be_distributed(estimator, local_steps):
    check_can_descend(estimator, "skgd.dask.fit")
    if local_steps not in LOCAL_STEPS:
        raise ValueError(
            f"The 'local_steps' parameter must be {LOCAL_STEPS}. Got {local_steps!r} "
            "instead."
        )
    if getattr(estimator, "num_embedding", None) is not None:
        raise ValueError(
            "The 'num_embedding' parameter must be None for skgd.dask.fit, because no "
            "worker knows the order of all values of a feature. Got "
            f"{estimator.num_embedding!r} instead."
        )
    if local_steps is None:
        if estimator.batch_norm:
            raise ValueError(
                "The 'batch_norm' parameter must be False for skgd.dask.fit without "
                "local_steps, because no worker knows the mean and the variance of a "
                f"whole batch. Got {estimator.batch_norm!r} instead."
            )
    elif estimator.optimizer == "lbfgs" or isinstance(estimator.optimizer, LBFGS):
        raise ValueError(
            "The 'optimizer' parameter must not be L-BFGS for local_steps: each "
            "of its iterations needs the gradient of all rows. Got "
            f"{estimator.optimizer!r} instead."
        )
    elif estimator.solver not in ("auto", "minibatch"):
        raise ValueError(
            "The 'solver' parameter must be 'minibatch' for local_steps, because each "
            f"batch is divided among the partitions. Got {estimator.solver!r} instead."
        )
