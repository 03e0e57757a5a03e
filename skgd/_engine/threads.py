"""One BLAS thread while a network is trained or evaluated.

The results then do not depend on the number of threads, fits in parallel do
not fight for the cores, and a busy neighbour cannot stall a spinning thread.
"""

import os
import threading
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

_lock = threading.RLock()
_users = 0
_own = threading.local()  # how many of the users are this thread
_controller = None
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
    global _users, _controller, _limit
    with _lock:
        if _users == 0:
            if _controller is None:
                # Looking for the libraries takes a millisecond: once a process.
                _controller = ThreadpoolController()
            _let_all_set()
            _limit = _controller.limit(limits=1, user_api="blas")
            _let_all_set()
        _count(1)
    try:
        yield
    finally:
        with _lock:
            _count(-1)
            if _users == 0:
                _restore()


def _count(change):
    global _users
    _users += change
    _own.count = getattr(_own, "count", 0) + change


def _restore():
    _let_all_set()
    _limit.restore_original_limits()
    _let_all_set()


def _let_all_set():
    # From threadpoolctl 3.8 on, a thread that has set a limit is the only one that may
    # set it, while it lives, and what others set has no effect. The last of our
    # holders, who restores, can be another one than the first, and the user may have
    # set a limit in the main thread before a fit in a worker.
    for library in _controller.lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


def _after_fork_in_child():
    # Of all threads, only the one that has forked goes on in the child.
    global _users
    was_held, _users = _users > 0, getattr(_own, "count", 0)
    if was_held and _users == 0:
        _restore()
    _lock.release()


# A thread that is in the middle of setting a limit would not end that in the child.
os.register_at_fork(
    before=_lock.acquire,
    after_in_parent=_lock.release,
    after_in_child=_after_fork_in_child,
)
