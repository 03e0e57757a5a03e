"""How many threads a network may use, while BLAS is held to one.

The results then do not depend on the number of threads, fits in parallel do
not fight for the cores, and a busy neighbour cannot stall a spinning thread.
"""

import os
import threading
from contextlib import contextmanager

from joblib import cpu_count
from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_holders = {}  # of Python threads: how many contexts each of them is in
_controller = None
_openmp = None
_limit = None


@contextmanager
def single_blas_thread():
    """Hold BLAS to one thread; the last of several holders restores it.

    Yields
    ------
    None
        While it is held.
    """
    # The limit is global to the process: without the count, two fits in two
    # Python threads would restore each other's limit.
    global _limit
    own = threading.get_ident()
    with _lock:
        if not _holders:
            _limit = _libraries().limit(limits=1, user_api="blas")
            _let_others_set()
        _holders[own] = _holders.get(own, 0) + 1
    try:
        yield
    finally:
        with _lock:
            _holders[own] -= 1
            if not _holders[own]:
                del _holders[own]
            if not _holders:
                _limit.restore_original_limits()
                _let_others_set()


def _libraries():
    # Looking for the libraries takes a millisecond: once a process.
    global _controller, _openmp
    if _controller is None:
        _controller = ThreadpoolController()
        _openmp = _controller.select(user_api="openmp")
    return _controller


def _in_child():
    # After a fork, the child has only the thread that has forked, and no other one will
    # release the lock.
    global _lock
    _lock = threading.Lock()
    own = threading.get_ident()
    for other in _holders.keys() - {own}:
        del _holders[other]


os.register_at_fork(after_in_child=_in_child)


def _let_others_set():
    # From threadpoolctl 3.8 on, a thread that has set a limit is the only one that
    # may set it until it leaves a context. The last of our holders, who restores,
    # can be another one: enter and leave a context that changes nothing.
    with _controller.limit(limits=None, user_api="blas"):
        pass


def n_threads():
    """The number of threads that a fit or a prediction may use now.

    It is what scikit-learn's estimators with OpenMP use: the limit of OpenMP, which
    `OMP_NUM_THREADS`, `threadpoolctl` and joblib's processes set, and no more than the
    physical cores unless `OMP_NUM_THREADS` is set. Fits in several Python threads share
    them.

    Returns
    -------
    n : int
        At least 1.
    """
    _libraries()
    limits = [library["num_threads"] for library in _openmp.info()]
    if "OMP_NUM_THREADS" not in os.environ or not limits:
        limits.append(cpu_count(only_physical_cores=True))
    with _lock:
        n_sharing = max(len(_holders), 1)
    return max(min(limits) // n_sharing, 1)
