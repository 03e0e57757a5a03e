"""BLAS is held to one thread, and let go as it was found."""

import multiprocessing
import os
import signal
import threading

import pytest
from sklearn.datasets import load_iris
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from skgd import GDClassifier
from skgd._engine.threads import single_blas_thread


def blas_threads():
    """Threads of each BLAS library in the process."""
    info = threadpool_info()
    return [library["num_threads"] for library in info if library["user_api"] == "blas"]


def in_a_thread(function):
    """Call `function` in a Python thread that is gone afterwards.

    threadpoolctl may let no other thread change a limit while the one that set it
    lives.
    """
    thread = threading.Thread(target=function)
    thread.start()
    thread.join(30)


@pytest.fixture(autouse=True)
def _two_threads():
    """Two threads before each test, whatever the machine has."""
    limiters = []
    controller = ThreadpoolController()
    in_a_thread(
        lambda: limiters.append(controller.limit(limits=2, user_api="blas").__enter__())
    )
    assert set(blas_threads()) == {2}
    yield
    in_a_thread(limiters[0].restore_original_limits)


def test_one_thread_inside_and_as_before_outside():
    with single_blas_thread():
        assert set(blas_threads()) == {1}
    assert set(blas_threads()) == {2}


def test_again_and_again():
    for _ in range(3):
        with single_blas_thread():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {2}


def test_nested():
    with single_blas_thread():
        with single_blas_thread():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {1}
    assert set(blas_threads()) == {2}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_restored_after_an_exception(error):
    with pytest.raises(error), single_blas_thread():
        raise error
    assert set(blas_threads()) == {2}
    with pytest.raises(error), single_blas_thread(), single_blas_thread():
        raise error
    assert set(blas_threads()) == {2}


def test_a_new_limit_is_what_is_restored():
    with single_blas_thread():
        pass
    with threadpool_limits(limits=3, user_api="blas"):
        with single_blas_thread():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {3}


class Holder(threading.Thread):
    """Holds BLAS until it is told to leave, and lives until it is told to end."""

    def __init__(self):
        super().__init__(daemon=True)
        self.entered, self.leave = threading.Event(), threading.Event()
        self.left, self.end = threading.Event(), threading.Event()

    def run(self):
        with single_blas_thread():
            self.entered.set()
            self.leave.wait(10)
        self.left.set()
        self.end.wait(10)


@pytest.mark.parametrize("lives_on", [False, True])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_python_threads(order, lives_on):
    # One holds, then the other; whoever leaves first must not let go. A worker of
    # a pool lives on after its work.
    holders = [Holder(), Holder()]
    for holder in holders:
        holder.start()
        assert holder.entered.wait(10)
    seen = [set(blas_threads())]
    for i in order:
        holders[i].leave.set()
        assert holders[i].left.wait(10)
        if not lives_on:
            holders[i].end.set()
            holders[i].join(10)
        seen.append(set(blas_threads()))
    for holder in holders:
        holder.end.set()
        holder.join(10)
    assert seen == [{1}, {1}, {2}]


def test_a_busy_crowd_ends_as_it_began():
    seen = []

    def work():
        for _ in range(50):
            with single_blas_thread():
                seen.append(tuple(blas_threads()))

    crowd = [threading.Thread(target=work) for _ in range(4)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(30)
    assert len(seen) == 200
    assert {n for counts in seen for n in counts} == {1}
    assert set(blas_threads()) == {2}


def test_one_thread_during_a_whole_fit():
    X, y = load_iris(return_X_y=True)
    seen = []

    def score(model, X, y):
        seen.append(set(blas_threads()))
        if len(seen) == 3:
            raise ArithmeticError("from the scorer")
        return 0.0

    model = GDClassifier(early_stopping=True, scoring=score, max_iter=9)
    with pytest.raises(ArithmeticError, match="from the scorer"):
        model.fit(X, y)
    assert seen == 3 * [{1}]
    assert set(blas_threads()) == {2}
    with pytest.raises(ValueError, match="NaN"):
        model.fit(X, float("nan") * y)
    assert set(blas_threads()) == {2}


def test_a_worker_thread_after_a_limit_in_the_main_thread():
    seen = []

    def work():
        with single_blas_thread():
            seen.append(set(blas_threads()))
        seen.append(set(blas_threads()))

    with threadpool_limits(
        limits=2, user_api="blas"
    ):  # which is the only one to set it
        in_a_thread(work)
    assert seen == [{1}, {2}]
    assert set(blas_threads()) == {2}


def test_the_first_holder_leaves_a_limit_of_the_user():
    # threadpoolctl then sets all libraries back, while another thread needs one thread
    second_holds, first_left = threading.Event(), threading.Event()

    def first():
        with threadpool_limits(3, user_api="openmp"), single_blas_thread():
            second.start()
            assert second_holds.wait(10)
        first_left.set()

    def hold():
        with single_blas_thread():
            second_holds.set()
            assert first_left.wait(10)
            found.append(set(blas_threads()))

    found, second = [], threading.Thread(target=hold)
    in_a_thread(first)
    second.join(10)
    assert found == [{1}]
    assert set(blas_threads()) == {2}


def test_the_main_thread_may_set_limits_after_a_fit_in_a_worker():
    worker = Holder()
    worker.start()
    worker.leave.set()
    assert worker.left.wait(10)  # and it lives on
    with threadpool_limits(limits=3, user_api="blas"):
        assert set(blas_threads()) == {3}
    worker.end.set()
    worker.join(10)


def in_a_fork(function):
    """What `function` returns in a forked process, or None if it does not end."""
    receive, send = multiprocessing.Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        try:
            send.send(function())
        finally:
            os._exit(0)
    try:
        return receive.recv() if receive.poll(20) else None
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_fork_while_another_thread_holds():
    def in_child():
        before = blas_threads()
        with single_blas_thread():
            inside = blas_threads()
        return set(before), set(inside), set(blas_threads())

    holder = Holder()
    holder.start()
    assert holder.entered.wait(10)
    found = in_a_fork(in_child)
    holder.leave.set()
    holder.end.set()
    holder.join(10)
    assert found == ({2}, {1}, {2})
    assert set(blas_threads()) == {2}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_fork_by_a_holder():
    found = []
    with single_blas_thread():
        holds = single_blas_thread()
        holds.__enter__()

        def in_child():
            inside = set(blas_threads())
            holds.__exit__(None, None, None)
            return inside, set(blas_threads())

        found.append(in_a_fork(in_child))
        holds.__exit__(None, None, None)
    assert found == [({1}, {1})]
    assert set(blas_threads()) == {2}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_forks_while_other_threads_come_and_go():
    ends = threading.Event()

    def work():
        while not ends.is_set():
            with single_blas_thread():
                pass

    def in_child():
        with single_blas_thread():
            inside = set(blas_threads())
        return inside, set(blas_threads())

    crowd = [threading.Thread(target=work) for _ in range(2)]
    for thread in crowd:
        thread.start()
    found = [in_a_fork(in_child) for _ in range(30)]
    ends.set()
    for thread in crowd:
        thread.join(30)
    assert found == 30 * [({1}, {2})]
