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
            _limit = _controller.limit(limits=1, user_api="blas")
            _let_others_set()
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limit.restore_original_limits()
                _let_others_set()


def _let_others_set():
    # From threadpoolctl 3.8 on, a thread that has set a limit is the only one that
    # may set it until it leaves a context. The last of our holders, who restores,
    # can be another one: enter and leave a context that changes nothing.
    with _controller.limit(limits=None, user_api="blas"):
        pass
