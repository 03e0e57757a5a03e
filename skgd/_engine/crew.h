/* Threads that share the tasks of a run.

The caller works, too. It never waits for a helper that has not begun, only for the tasks
that helpers have taken: a helper whose processor is busy with something else, or that a
fork has left behind, costs nothing. Which thread does a task must not matter.

Idle helpers, and a caller that waits, spin for a while before they sleep, because it takes
some 50 microseconds to wake a thread. */
#ifndef SKGD_CREW_H
#define SKGD_CREW_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* `worker` belongs to the thread, `context` to the run. */
typedef void (*crew_task)(void *worker, void *context, long number);
/* Asked by the caller's thread from time to time; true to stop. */
typedef int (*crew_question)(void *owner);

typedef struct crew crew;

typedef struct {
    crew *crew;
    void *worker;
    pthread_t thread;
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
    pthread_mutex_t mutex;
    pthread_cond_t work, finished;
    long n_helpers;
    crew_member caller;
    crew_member helpers[];
};

/* seconds */
#define CREW_SPIN 1e-4
#define CREW_QUESTION 0.05

static inline double crew_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static inline void crew_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Spin while the condition holds, but not too long. */
#define CREW_SPIN_WHILE(condition)                                                       \
    do {                                                                                 \
        double end_ = crew_clock() + CREW_SPIN;                                          \
        for (int k_ = 1; condition; k_++) {                                              \
            crew_relax();                                                                \
            if (k_ % 32 == 0 && crew_clock() > end_)                                     \
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
            pthread_mutex_lock(&c->mutex);
            pthread_cond_signal(&c->finished);
            pthread_mutex_unlock(&c->mutex);
        }
        tasks = atomic_load(&c->tasks);
    }
}

static inline void *crew_help(void *argument)
{
    crew_member *self = argument;
    crew *c = self->crew;
    while (!atomic_load(&c->dismissed)) {
        CREW_SPIN_WHILE(crew_idles(c));
        if (crew_idles(c)) {
            pthread_mutex_lock(&c->mutex);
            atomic_fetch_add(&c->n_asleep, 1);
            while (crew_idles(c))
                pthread_cond_wait(&c->work, &c->mutex);
            atomic_fetch_sub(&c->n_asleep, 1);
            pthread_mutex_unlock(&c->mutex);
        }
        crew_do_tasks(c, self->worker);
    }
    return NULL;
}

/* Start a thread for each worker except the first, which is the caller's. NULL if there is
   no memory. If the system grants fewer threads, there are fewer helpers. */
static inline crew *crew_start(
    void **workers, long n_workers, crew_question question, void *owner)
{
    size_t size = sizeof(crew) + n_workers * sizeof(crew_member);
    crew *c = aligned_alloc(64, (size + 63) / 64 * 64);
    sigset_t all, before;
    if (c == NULL)
        return NULL;
    atomic_init(&c->tasks, 0);
    atomic_init(&c->done, 0);
    atomic_init(&c->stopped, 0);
    atomic_init(&c->n_asleep, 0);
    atomic_init(&c->caller_sleeps, 0);
    atomic_init(&c->dismissed, 0);
    pthread_mutex_init(&c->mutex, NULL);
    pthread_cond_init(&c->work, NULL);
    pthread_cond_init(&c->finished, NULL);
    c->caller.worker = workers[0];
    c->question = question;
    c->owner = owner;
    c->next_question = crew_clock() + CREW_QUESTION;
    /* signals are for the threads of Python */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (c->n_helpers = 0; c->n_helpers < n_workers - 1; c->n_helpers++) {
        crew_member *helper = &c->helpers[c->n_helpers];
        helper->crew = c;
        helper->worker = workers[c->n_helpers + 1];
        if (pthread_create(&helper->thread, NULL, crew_help, helper) != 0)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return c;
}

/* Do tasks 0 to n - 1. After the answer to stop, tasks that have not begun are
   left out. */
static inline void crew_run(crew *c, crew_task task, void *context, long n)
{
    c->task = task;
    c->context = context;
    atomic_store(&c->done, 0);
    atomic_store(&c->tasks, (uint64_t) n << 32);
    if (atomic_load(&c->n_asleep) > 0) {
        pthread_mutex_lock(&c->mutex);
        pthread_cond_broadcast(&c->work);
        pthread_mutex_unlock(&c->mutex);
    }
    crew_do_tasks(c, c->caller.worker);
    CREW_SPIN_WHILE(atomic_load(&c->done) < n);
    if (atomic_load(&c->done) < n) {
        pthread_mutex_lock(&c->mutex);
        atomic_store(&c->caller_sleeps, 1);
        while (atomic_load(&c->done) < n)
            pthread_cond_wait(&c->finished, &c->mutex);
        atomic_store(&c->caller_sleeps, 0);
        pthread_mutex_unlock(&c->mutex);
    }
}

static inline int crew_is_stopped(crew *c)
{
    return atomic_load(&c->stopped);
}

/* For tasks, between parts of them: whether to stop. */
static inline int crew_pause(crew *c, void *worker)
{
    if (worker == c->caller.worker && crew_clock() > c->next_question) {
        if (c->question(c->owner))
            atomic_store(&c->stopped, 1);
        c->next_question = crew_clock() + CREW_QUESTION;
    }
    return crew_is_stopped(c);
}

static inline void crew_dismiss(crew *c)
{
    pthread_mutex_lock(&c->mutex);
    atomic_store(&c->dismissed, 1);
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->mutex);
    for (long k = 0; k < c->n_helpers; k++)
        pthread_join(c->helpers[k].thread, NULL);
    pthread_mutex_destroy(&c->mutex);
    pthread_cond_destroy(&c->work);
    pthread_cond_destroy(&c->finished);
    free(c);
}

#endif
