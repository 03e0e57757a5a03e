"""How many threads a network may use, while BLAS is held to one.

The results then do not depend on the number of threads, fits in parallel do
not fight for the cores, and a busy neighbour cannot stall a spinning thread.
"""

import os
import threading
from contextlib import contextmanager

from joblib import cpu_count
from threadpoolctl import ThreadpoolController

_lock = threading.RLock()
_holders = {}  # of Python threads: how many contexts each of them is in
_controller = None
_openmp = None
_limit = None
_setter = None  # the Python thread that has set the limit
_kept = None  # an event that ends the thread that keeps the limit after the setter


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
    global _limit, _setter
    own = threading.get_ident()
    with _lock:
        if not _holders:
            _libraries()
            _let_all_set()
            _limit, _setter = _controller.limit(limits=1, user_api="blas"), own
        _holders[own] = _holders.get(own, 0) + 1
    try:
        yield
    finally:
        with _lock:
            _holders[own] -= 1
            if not _holders[own]:
                del _holders[own]
            if not _holders:
                _restore()
            elif own == _setter and own not in _holders:
                _hand_over()


@contextmanager
def single_openmp_thread():
    """Hold OpenMP to one thread, for calls of this Python thread.

    Yields
    ------
    None
        While it is held.
    """
    _libraries()
    with _openmp.limit(limits=1):
        yield


def _libraries():
    # Looking for the libraries takes a millisecond: once a process.
    global _controller, _openmp
    if _controller is None:
        _controller = ThreadpoolController()
        _openmp = _controller.select(user_api="openmp")


def _hand_over():
    # If the setter leaves a limit of the user, threadpoolctl sets BLAS back to many
    # threads while others still need one. A thread of our own keeps the limit for them.
    global _setter, _kept
    begun, _kept, _setter = threading.Event(), threading.Event(), None

    def keep(ended):
        _let_all_set()
        _controller.limit(limits=1, user_api="blas")
        begun.set()
        ended.wait()

    threading.Thread(target=keep, args=(_kept,), daemon=True).start()
    begun.wait()


def _restore():
    global _kept
    if _kept is not None:
        _kept.set()
        _kept = None
    _let_all_set()
    _limit.restore_original_limits()
    _let_all_set()


def _let_all_set():
    # From threadpoolctl 3.8 on, a thread that has set a limit is the only one that may
    # set it, while it lives, and what others set has no effect: nobody changes our
    # limit. The last of our holders, who restores, can be another one than the first,
    # and the user may have set a limit in the main thread before a fit in a worker.
    for library in _controller.lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


def _after_fork_in_child():
    # Of all threads, only the one that has forked goes on in the child.
    was_held, own = bool(_holders), threading.get_ident()
    for other in _holders.keys() - {own}:
        del _holders[other]
    if was_held and not _holders:
        _restore()
    _lock.release()


# A thread that is in the middle of setting a limit would not end that in the child.
os.register_at_fork(
    before=_lock.acquire,
    after_in_parent=_lock.release,
    after_in_child=_after_fork_in_child,
)


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
