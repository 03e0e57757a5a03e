"""A crew of threads, each with a worker, that can be interrupted from the keyboard."""

from cpython.exc cimport PyErr_CheckSignals
from libc.stdlib cimport free, malloc


cdef int _is_interrupted(void* owner) noexcept with gil:
    try:
        PyErr_CheckSignals()
    except BaseException as error:
        (<Crew> owner).error = error
        return True
    return False


cdef class Crew:
    """Threads that share tasks, from the beginning to the end of a `with` block.

    Compiled code gives tasks to `handle`. They stop if the user interrupts the program.

    Parameters
    ----------
    workers : list
        What each thread works with; the first is that of the calling thread.
    """

    def __init__(self, workers):
        self.workers, self.n_threads = workers, len(workers)

    def __enter__(self):
        cdef Py_ssize_t n = len(self.workers)
        cdef void** workers = <void**> malloc(n * sizeof(void*))
        if workers == NULL:
            raise MemoryError
        for i, worker in enumerate(self.workers):
            workers[i] = <void*> worker
        self.handle = crew_start(workers, n, _is_interrupted, <void*> self)
        free(workers)
        if self.handle == NULL:
            raise MemoryError
        return self

    def __exit__(self, *error):
        with nogil:
            crew_dismiss(self.handle)
        self.handle = NULL

    cdef raise_error(self):
        # of an interrupted run
        if self.error is not None:
            error, self.error = self.error, None
            raise error
