"""One BLAS thread while a network is trained or evaluated.

The results then do not depend on the number of threads, fits in parallel do
not fight for the cores, and a busy neighbour cannot stall a spinning thread.
"""

import threading
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_users = 0
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
            # Not as a context: another thread than this one may be the last to leave,
            # and a context is owned by the thread that entered it.
            _limit = _controller.limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limit.restore_original_limits()
