"""Threads that share the tasks of a run, see `crew.h`."""


cdef extern from "crew.h":
    ctypedef struct crew:
        pass
    ctypedef void (*crew_task)(void*, void*, long) noexcept nogil
    ctypedef int (*crew_question)(void*) noexcept nogil
    crew* crew_start(void**, long, crew_question, void*) nogil
    void crew_run(crew*, crew_task, void*, long) noexcept nogil
    bint crew_pause(crew*, void*) noexcept nogil
    bint crew_is_stopped(crew*) noexcept nogil
    void crew_dismiss(crew*) noexcept nogil


cdef class Crew:
    cdef crew* handle
    cdef Py_ssize_t n_threads
    cdef list workers
    cdef object error

    cdef raise_error(self)
