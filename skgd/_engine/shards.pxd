"""A batch in parts, which threads share."""

from cython cimport floating

from .._rules.optimizer cimport OptimizerKernel
from .crew cimport Crew
from .layers.layer cimport Batch, LayerRoom
from .network cimport Course, Workspace
from .single_rows cimport Plan


# A part of a batch that meets the others at each batch normalisation.
cdef struct Part:
    void* work                      # its workspace
    LayerRoom* rooms
    Batch batch
    Course course
    bint meets                      # False: it has come to the end


cdef class Shards(Workspace):
    cdef Py_ssize_t least_rows      # of a shard, if a batch has two of them
    cdef Py_ssize_t usual_rows      # the least number of rows of one of several
    cdef Py_ssize_t n_parts         # at most
    cdef Py_ssize_t n_blocks        # of parameters
    cdef double row_time            # nanoseconds
    cdef list workers               # the workspaces of threads, or of parts that meet
    cdef Part* parts                # or NULL
    cdef LayerRoom** met
    cdef Batch** batches
    cdef void** slopes              # the gradient of each part; the first is `grad`
    cdef double* losses             # (2, n_parts): in units of training and the user's
    cdef double* squares            # of each block

    cdef _make_parts(self)
    cdef double time_of_update(self)
    cdef Crew team(self, Py_ssize_t n_rows)


cdef double run_shards(
    Shards shards, Crew team, OptimizerKernel kernel, Plan* plan, Py_ssize_t begin,
    Py_ssize_t* end, double* reported, floating* tag) noexcept nogil
cdef double shards_loss(
    Shards shards, Crew team, Plan* plan, double* reported, bint backward, floating* tag
) noexcept nogil
