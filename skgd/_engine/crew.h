/* Threads that share the tasks of a run.

The caller works, too. It never waits for a helper that has not begun, only for the tasks
that helpers have taken: a helper whose processor is busy with something else, or that a
fork has left behind, costs nothing. Which thread does a task must not matter.

Idle helpers, and a caller that waits, spin for a while before they sleep, because it takes
some 50 microseconds to wake a thread. */
#ifndef SKGD_CREW_H
#define SKGD_CREW_H

#include <stdatomic.h>
#include <stdint.h>

#include "port.h"

/* `worker` belongs to the thread, `context` to the run. */
typedef void (*crew_task)(void *worker, void *context, long number);
/* Asked by the caller's thread from time to time; true to stop. */
typedef int (*crew_question)(void *owner);

typedef struct crew crew;

typedef struct {
    crew *crew;
    void *worker;
    port_thread thread;
} crew_member;

struct crew {
    /* The number of tasks in the upper half, and that of those that were taken in the
       lower half. Whoever increments it has a task of the present run, which does not end
       before the task has ended. */
    _Alignas(64) _Atomic uint64_t tasks;
    _Alignas(64) _Atomic long done;
    _Alignas(64) crew_task task;
    void *context;
    crew_question question;
    void *owner;
    double next_question; /* when it is due */
    _Atomic int stopped, n_asleep, caller_sleeps, dismissed;
    port_mutex mutex;
    port_condition work, finished;
    long n_helpers;
    crew_member caller;
    crew_member helpers[];
};

/* seconds */
#define CREW_SPIN 1e-4
#define CREW_QUESTION 0.05

/* Spin while the condition holds, but not too long. */
#define CREW_SPIN_WHILE(condition)                                                       \
    do {                                                                                 \
        double end_ = port_clock() + CREW_SPIN;                                          \
        for (int k_ = 1; condition; k_++) {                                              \
            port_relax();                                                                \
            if (k_ % 32 == 0 && port_clock() > end_)                                     \
                break;                                                                   \
        }                                                                                \
    } while (0)

static inline int crew_has_tasks(crew *c)
{
    uint64_t tasks = atomic_load(&c->tasks);
    return (uint32_t) tasks < tasks >> 32;
}

static inline int crew_idles(crew *c)
{
    return !crew_has_tasks(c) && !atomic_load(&c->dismissed);
}

static inline void crew_do_tasks(crew *c, void *worker)
{
    uint64_t tasks = atomic_load(&c->tasks);
    while ((uint32_t) tasks < tasks >> 32) {
        if (!atomic_compare_exchange_weak(&c->tasks, &tasks, tasks + 1))
            continue;
        if (!atomic_load(&c->stopped))
            c->task(worker, c->context, (long) (uint32_t) tasks);
        if (atomic_fetch_add(&c->done, 1) + 1 == (long) (tasks >> 32)
            && atomic_load(&c->caller_sleeps)) {
            port_lock(&c->mutex);
            port_signal(&c->finished);
            port_unlock(&c->mutex);
        }
        tasks = atomic_load(&c->tasks);
    }
}

static inline port_result PORT_CALL crew_help(void *argument)
{
    crew_member *self = argument;
    crew *c = self->crew;
    while (!atomic_load(&c->dismissed)) {
        CREW_SPIN_WHILE(crew_idles(c));
        if (crew_idles(c)) {
            port_lock(&c->mutex);
            atomic_fetch_add(&c->n_asleep, 1);
            while (crew_idles(c))
                port_wait(&c->work, &c->mutex);
            atomic_fetch_sub(&c->n_asleep, 1);
            port_unlock(&c->mutex);
        }
        crew_do_tasks(c, self->worker);
    }
    return 0;
}

/* Start a thread for each worker except the first, which is the caller's. NULL if there is
   no memory. If the system grants fewer threads, there are fewer helpers. */
static inline crew *crew_start(
    void **workers, long n_workers, crew_question question, void *owner)
{
    size_t size = sizeof(crew) + n_workers * sizeof(crew_member);
    crew *c = port_allocate((size + 63) / 64 * 64);
    port_signals before;
    if (c == NULL)
        return NULL;
    atomic_init(&c->tasks, 0);
    atomic_init(&c->done, 0);
    atomic_init(&c->stopped, 0);
    atomic_init(&c->n_asleep, 0);
    atomic_init(&c->caller_sleeps, 0);
    atomic_init(&c->dismissed, 0);
    port_mutex_init(&c->mutex);
    port_condition_init(&c->work);
    port_condition_init(&c->finished);
    c->caller.worker = workers[0];
    c->question = question;
    c->owner = owner;
    c->next_question = port_clock() + CREW_QUESTION;
    port_block_signals(&before);
    for (c->n_helpers = 0; c->n_helpers < n_workers - 1; c->n_helpers++) {
        crew_member *helper = &c->helpers[c->n_helpers];
        helper->crew = c;
        helper->worker = workers[c->n_helpers + 1];
        if (!port_start(&helper->thread, crew_help, helper))
            break;
    }
    port_restore_signals(&before);
    return c;
}

/* Do tasks 0 to n - 1. After the answer to stop, tasks that have not begun are
   left out. */
static inline void crew_run(crew *c, crew_task task, void *context, long n)
{
    if (c->n_helpers == 0) {
        for (long k = 0; k < n && !atomic_load(&c->stopped); k++)
            task(c->caller.worker, context, k);
        return;
    }
    c->task = task;
    c->context = context;
    atomic_store(&c->done, 0);
    atomic_store(&c->tasks, (uint64_t) n << 32);
    if (atomic_load(&c->n_asleep) > 0) {
        port_lock(&c->mutex);
        port_broadcast(&c->work);
        port_unlock(&c->mutex);
    }
    crew_do_tasks(c, c->caller.worker);
    CREW_SPIN_WHILE(atomic_load(&c->done) < n);
    if (atomic_load(&c->done) < n) {
        port_lock(&c->mutex);
        atomic_store(&c->caller_sleeps, 1);
        while (atomic_load(&c->done) < n)
            port_wait(&c->finished, &c->mutex);
        atomic_store(&c->caller_sleeps, 0);
        port_unlock(&c->mutex);
    }
}

static inline int crew_is_stopped(crew *c)
{
    return atomic_load(&c->stopped);
}

/* For tasks, between parts of them: whether to stop. */
static inline int crew_pause(crew *c, void *worker)
{
    if (worker == c->caller.worker && port_clock() > c->next_question) {
        if (c->question(c->owner))
            atomic_store(&c->stopped, 1);
        c->next_question = port_clock() + CREW_QUESTION;
    }
    return crew_is_stopped(c);
}

static inline void crew_dismiss(crew *c)
{
    port_lock(&c->mutex);
    atomic_store(&c->dismissed, 1);
    port_broadcast(&c->work);
    port_unlock(&c->mutex);
    for (long k = 0; k < c->n_helpers; k++)
        port_join(c->helpers[k].thread);
    port_mutex_destroy(&c->mutex);
    port_condition_destroy(&c->work);
    port_condition_destroy(&c->finished);
    port_free(c);
}

#endif
