"""The arithmetic of plain SGD, which `_engine/single_rows.pyx` shares."""

from cython cimport floating

from ._rules.optimizer cimport Step


cdef inline double sgd_keep(const Step* step) noexcept nogil:
    # A penalty stronger than 1 / rate sets the weights to zero, not beyond.
    return 1 - step.rate * step.l2 if step.rate * step.l2 < 1 else 0


cdef inline floating sgd_moved(
    floating w, floating g, floating keep, floating rate
) noexcept nogil:
    return keep * w - rate * g


cdef inline void truncate(floating* w, floating* received, floating total) noexcept nogil:
    # Take off the L1 penalty that was due in all updates (`total`) less what the
    # weight has received, but not across zero.
    cdef floating before = w[0], after = before
    if before > 0:
        after = before - (total + received[0])
        after = after if after > 0 else 0
    elif before < 0:
        after = before + (total - received[0])
        after = after if after < 0 else 0
    received[0] += after - before
    w[0] = after
