/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_THREAD_H
#define EVPL_THREAD_H

/* Generated from src/capi/thread.rs by `make headers`; change it there. */

/** One thread's context: event loop, transport state and buffers. */
struct evpl;
/** A thread that runs one evpl. */
struct evpl_thread;
/** Per-thread settings. */
struct evpl_thread_config;
/** A group of such threads. */
struct evpl_threadpool;

/**
 * Called once on the new thread before its loop runs. What it returns replaces `private_data`
 * for the shutdown callback.
 */
typedef void *(*evpl_thread_init_callback_t)(struct evpl *evpl, void *private_data);

/**
 * Called once on the thread after its binds have been closed and before its loop is destroyed.
 */
typedef void (*evpl_thread_shutdown_callback_t)(struct evpl *evpl, void *private_data);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Starts a thread that runs a loop with the settings of `config`, or the defaults if it is NULL;
 * the settings are copied. `init` runs on it first, and this call returns when `init` has. Both
 * callbacks may be NULL. Any thread; initialises the library if needed. Never NULL: the process
 * ends if there is no thread to be had. evpl_thread_destroy frees it.
 */
struct evpl_thread *evpl_thread_create(struct evpl_thread_config *config,
                                       evpl_thread_init_callback_t init,
                                       evpl_thread_shutdown_callback_t shutdown,
                                       void *private_data);

/**
 * Stops the thread's loop, closes its binds and reports them as disconnected, calls `shutdown`,
 * destroys the loop, and joins and frees the thread. Exactly once, and from another thread.
 */
void evpl_thread_destroy(struct evpl_thread *thread);

/**
 * Starts `nthreads` threads as evpl_thread_create does, one after another and all with the same
 * arguments; none or a negative number gives an empty pool. evpl_threadpool_destroy frees it.
 */
struct evpl_threadpool *evpl_threadpool_create(struct evpl_thread_config *config,
                                               int nthreads,
                                               evpl_thread_init_callback_t init,
                                               evpl_thread_shutdown_callback_t shutdown,
                                               void *private_data);

/**
 * Stops and frees the threads one at a time in the order they were started, as
 * evpl_thread_destroy does, and frees the pool. Exactly once, and from none of its threads.
 */
void evpl_threadpool_destroy(struct evpl_threadpool *threadpool);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVPL_THREAD_H */
