/* What the threads of a crew need from the system: POSIX, or Windows. */
#ifndef SKGD_PORT_H
#define SKGD_PORT_H

#include <stdlib.h>

#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <malloc.h>
#include <process.h>

typedef SRWLOCK port_mutex;
typedef CONDITION_VARIABLE port_condition;
typedef HANDLE port_thread;
typedef unsigned port_result;
#define PORT_CALL __stdcall

static inline void port_mutex_init(port_mutex *m) { InitializeSRWLock(m); }
static inline void port_mutex_destroy(port_mutex *m) { (void) m; }
static inline void port_lock(port_mutex *m) { AcquireSRWLockExclusive(m); }
static inline void port_unlock(port_mutex *m) { ReleaseSRWLockExclusive(m); }

static inline void port_condition_init(port_condition *c)
{
    InitializeConditionVariable(c);
}
static inline void port_condition_destroy(port_condition *c) { (void) c; }
static inline void port_wait(port_condition *c, port_mutex *m)
{
    SleepConditionVariableSRW(c, m, INFINITE, 0);
}
static inline void port_signal(port_condition *c) { WakeConditionVariable(c); }
static inline void port_broadcast(port_condition *c) { WakeAllConditionVariable(c); }

/* Zero if the system grants no thread. */
static inline int port_start(
    port_thread *t, port_result(PORT_CALL *function)(void *), void *argument)
{
    *t = (HANDLE) _beginthreadex(NULL, 0, function, argument, 0, NULL);
    return *t != NULL;
}

static inline void port_join(port_thread t)
{
    WaitForSingleObject(t, INFINITE);
    CloseHandle(t);
}

/* In seconds, from an arbitrary start. */
static inline double port_clock(void)
{
    LARGE_INTEGER now, frequency;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&frequency);
    return (double) now.QuadPart / (double) frequency.QuadPart;
}

static inline void port_relax(void) { YieldProcessor(); }

/* Memory that begins with a cache line; the size is a multiple of one. */
static inline void *port_allocate(size_t size) { return _aligned_malloc(size, 64); }
static inline void port_free(void *memory) { _aligned_free(memory); }

/* No signals are delivered to threads here. */
typedef int port_signals;
static inline void port_block_signals(port_signals *before) { *before = 0; }
static inline void port_restore_signals(port_signals *before) { (void) before; }

#else

#include <pthread.h>
#include <signal.h>
#include <time.h>

typedef pthread_mutex_t port_mutex;
typedef pthread_cond_t port_condition;
typedef pthread_t port_thread;
typedef void *port_result;
#define PORT_CALL

static inline void port_mutex_init(port_mutex *m) { pthread_mutex_init(m, NULL); }
static inline void port_mutex_destroy(port_mutex *m) { pthread_mutex_destroy(m); }
static inline void port_lock(port_mutex *m) { pthread_mutex_lock(m); }
static inline void port_unlock(port_mutex *m) { pthread_mutex_unlock(m); }

static inline void port_condition_init(port_condition *c) { pthread_cond_init(c, NULL); }
static inline void port_condition_destroy(port_condition *c) { pthread_cond_destroy(c); }
static inline void port_wait(port_condition *c, port_mutex *m)
{
    pthread_cond_wait(c, m);
}
static inline void port_signal(port_condition *c) { pthread_cond_signal(c); }
static inline void port_broadcast(port_condition *c) { pthread_cond_broadcast(c); }

/* Zero if the system grants no thread. */
static inline int port_start(
    port_thread *t, port_result(PORT_CALL *function)(void *), void *argument)
{
    return pthread_create(t, NULL, function, argument) == 0;
}

static inline void port_join(port_thread t) { pthread_join(t, NULL); }

/* In seconds, from an arbitrary start. */
static inline double port_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static inline void port_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Memory that begins with a cache line; the size is a multiple of one. */
static inline void *port_allocate(size_t size) { return aligned_alloc(64, size); }
static inline void port_free(void *memory) { free(memory); }

/* Signals are for the threads of Python: those that are started while signals are blocked
   never get any. */
typedef sigset_t port_signals;
static inline void port_block_signals(port_signals *before)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
}
static inline void port_restore_signals(port_signals *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

#endif
#endif
