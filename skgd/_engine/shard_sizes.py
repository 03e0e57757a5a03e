"""How large the shards of a batch are, and when threads pay.

All numbers were measured on a CPU of 2.6 GHz. They are functions of the network and of
the data, but not of the number of threads.
"""

from math import ceil

# A shard of a network has at least so many rows, since fewer rows take longer in one
# thread: 64 rows by 10%, 96 by 3% (256 inputs and outputs, float32). If a gradient is
# too large for the second cache, batches of more than two shards have larger ones: 96
# rows then take longer by 17%, 128 by 14%, and 256 by 5% (512 inputs and outputs).
LEAST_ROWS, ROWS_OF_LARGE, LARGE = 96, 256, 2**20  # (LARGE in bytes)
# It also takes at least so many nanoseconds,
LEAST_TIME = 3e5
# and these are the same for linear models and for sparse rows, whose batches of more
# than two shards have shards of twice as many rows.
LEAST_ROWS_OF_FEW, LEAST_TIME_OF_FEW = 64, 5e3
# The nanoseconds that a multiply-add of a matrix product takes, a byte of a dense row
# that has to be loaded, a stored value of a sparse row, and a parameter in an update.
PRODUCT_TIME, BYTE_TIME, STORED_TIME, UPDATE_TIME = 0.01875, 0.1, 1.5, 0.5
# For threads to pay, an epoch takes at least so many nanoseconds, ten times as long as
# it takes to start a thread.
LEAST_EPOCH = 2e5
# A batch has at most so many parts. All their gradients together have at most so many
# numbers, unless the gradients of a few parts or the outputs of all layers for the
# batch have more.
MOST_PARTS, MOST_NUMBERS, FEW_PARTS = 64, 2**24, 8
# With batch normalisation, all threads wait for each other at each such layer, and a
# part is done at once. If a part would take longer than so many nanoseconds, there are
# more parts, so that the user can interrupt them.
MOST_TIME_NORMALISED = 2e7


def row_time(net, data):
    """Estimate how long the passes of a row take.

    Parameters
    ----------
    net : Network
        The network.
    data : Data
        The samples.

    Returns
    -------
    time : float
        In nanoseconds.
    """
    sizes = net.architecture.sizes
    row_bytes = sizes[0] * net.dtype.itemsize
    n_products = net.n_penalised - sizes[0] * sizes[1]  # beyond the first layer
    if net.sparse:
        n_stored = data.X.nnz / max(data.n_samples, 1)
        n_products += n_stored * sizes[1]
        return 3 * PRODUCT_TIME * n_products + STORED_TIME * n_stored + PRODUCT_TIME
    if net.single:
        return 2 * PRODUCT_TIME * net.n_penalised + BYTE_TIME * row_bytes
    if len(sizes) == 2:  # with a normalisation or dropout of the inputs
        return 3 * PRODUCT_TIME * net.n_penalised + 2 * BYTE_TIME * row_bytes
    return 3 * PRODUCT_TIME * net.n_penalised


def least_rows_of_shard(net, data):
    """Compute the least number of rows for which a thread of its own pays.

    Parameters
    ----------
    net : Network
        Of the batch.
    data : Data
        The samples.

    Returns
    -------
    rows : int
        The number of rows.
    """
    fewest, least = LEAST_ROWS, LEAST_TIME
    if _is_light(net):
        fewest, least = LEAST_ROWS_OF_FEW, LEAST_TIME_OF_FEW
    if net.sparse:  # it takes time to add up dense gradients
        least = max(least, 2 * UPDATE_TIME * net.n_params)
    return max(fewest, ceil(least / row_time(net, data)))


def _is_light(net):
    # whether there is little to do for each row between two waits
    return (net.single or net.sparse) and not net.normalised


def parts_of_batch(net, data, batch_size):
    """Divide a batch into parts.

    Parameters
    ----------
    net : Network
        The network.
    data : Data
        The samples.
    batch_size : int
        The most rows of a batch.

    Returns
    -------
    least_rows : int
        The least number of rows of a shard if a batch has two of them.
    usual_rows : int
        The least number of rows of a shard if a batch has more of them.
    n_parts : int
        The most parts of a batch.
    """
    least_rows = usual_rows = least_rows_of_shard(net, data)
    if _is_light(net):
        usual_rows = 2 * least_rows
    elif net.n_params * net.dtype.itemsize > LARGE:
        usual_rows = max(ROWS_OF_LARGE, least_rows)
    numbers = max(MOST_NUMBERS, batch_size * sum(net.architecture.sizes[1:]))
    most = max(FEW_PARTS, numbers // net.n_params)
    n_parts = min(batch_size // usual_rows, most, MOST_PARTS)
    if net.normalised:
        wanted = int(batch_size * row_time(net, data) / MOST_TIME_NORMALISED)
        n_parts = max(n_parts, min(wanted, most))
    return least_rows, usual_rows, max(n_parts, min(batch_size // least_rows, 2), 1)


def threads_pay(net, data, n_rows, n_updates):
    """Check whether an epoch takes long enough for several threads.

    Parameters
    ----------
    net : Network
        The network.
    data : Data
        The samples.
    n_rows, n_updates : int
        Of the epoch.

    Returns
    -------
    pays : bool
        False if it takes less time than to start some threads.
    """
    time = n_rows * row_time(net, data) + n_updates * UPDATE_TIME * net.n_params
    return time >= LEAST_EPOCH
