/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_CORE_H
#define EVPL_CORE_H

/* Generated from src/capi/core.rs by `make headers`; change it there. */

#include <stdint.h>
#include <time.h>

/** One thread's context: event loop, transport state and buffers. */
struct evpl;
/** Process-wide settings. */
struct evpl_global_config;
struct evpl_loop_hooks;
/** Per-thread settings. */
struct evpl_thread_config;

/** State that several protocols share. */
enum evpl_framework_id {
    EVPL_FRAMEWORK_RDMACM   = 0,
    EVPL_FRAMEWORK_XLIO     = 1,
    EVPL_FRAMEWORK_IO_URING = 2,
    EVPL_FRAMEWORK_VFIO     = 3,
    EVPL_FRAMEWORK_TLS      = 4,
    EVPL_FRAMEWORK_TCP_RDMA = 5,
    EVPL_FRAMEWORK_LIBAIO   = 6,
    EVPL_FRAMEWORK_INPROC   = 7,
    EVPL_NUM_FRAMEWORK      = 8
};

/**
 * The kinds of bind. STREAM protocols carry bytes, DATAGRAM protocols carry messages. The name for
 * evpl_protocol_lookup is the constant without "EVPL_".
 */
enum evpl_protocol_id {
    EVPL_DATAGRAM_SOCKET_UDP  = 0,
    EVPL_DATAGRAM_RDMACM_RC   = 1,
    EVPL_DATAGRAM_RDMACM_UD   = 2,
    EVPL_STREAM_SOCKET_TCP    = 3,
    EVPL_STREAM_XLIO_TCP      = 4,
    EVPL_STREAM_IO_URING_TCP  = 5,
    EVPL_STREAM_RDMACM_RC     = 6,
    EVPL_STREAM_SOCKET_TLS    = 7,
    EVPL_DATAGRAM_TCP_RDMA    = 8,
    EVPL_STREAM_SOCKET_UNIX   = 9,
    EVPL_STREAM_INPROC        = 10,
    EVPL_DATAGRAM_INPROC      = 11,
    EVPL_NUM_PROTO            = 12
};

/** The ways to reach a block device. */
enum evpl_block_protocol_id {
    EVPL_BLOCK_PROTOCOL_IO_URING      = 0,
    EVPL_BLOCK_PROTOCOL_VFIO          = 1,
    EVPL_BLOCK_PROTOCOL_LIBAIO        = 2,
    EVPL_BLOCK_PROTOCOL_IO_URING_NVME = 3,
    EVPL_NUM_BLOCK_PROTOCOL           = 4
};

/**
 * Called at one point of a loop's pass.
 */
typedef void (*evpl_loop_callback_t)(struct evpl *evpl, void *private_data);

/**
 * Points of a pass at which the application is called. Each may be NULL.
 */
struct evpl_loop_hooks {
    /**
     * At the end of every pass.
     */
    evpl_loop_callback_t iteration_end;
    /**
     * Just before the loop may block in the kernel.
     */
    evpl_loop_callback_t pre_wait;
    /**
     * Just after the kernel wait, before any event is dispatched.
     */
    evpl_loop_callback_t post_wait;
    /**
     * Passed to each of the three.
     */
    void *private_data;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Initialises the library with `config`, or with defaults if it is NULL. Takes over the caller's
 * reference of `config`. Aborts if the library is already initialised, which the first use of most
 * other functions does with defaults. SIGPIPE is ignored from here on.
 */
void evpl_init(struct evpl_global_config *config);

/**
 * Writes all counters, gauges and histograms to `buffer` in the Prometheus text format, with a
 * terminator. Any thread; initialises the library if needed. Returns the bytes written without the
 * terminator, or -1 if `buffer_size` bytes are not enough; nothing is written then.
 */
int evpl_metrics_scrape(char *buffer, int buffer_size);

/**
 * Creates a loop with the settings of `config`, or the defaults if it is NULL. The settings are
 * copied. Any thread may call this and then hand the loop to the one thread that uses it. Never
 * NULL: the process exits if memory or descriptors run out. evpl_destroy frees it.
 */
struct evpl *evpl_create(struct evpl_thread_config *config);

/**
 * Stores the monotonic time in `ts` as fast as the host allows. `evpl` is ignored and may be NULL.
 * Not affected by the virtual clock. Any thread.
 */
void evpl_get_hf_monotonic_time(struct evpl *evpl, struct timespec *ts);

/**
 * Moves the process-wide virtual clock forward by `ns` nanoseconds; what is due then runs in the
 * next pass of each loop. Aborts unless the library was initialised with the virtual clock on.
 */
void evpl_virtual_clock_advance(uint64_t ns);

/**
 * The virtual clock in nanoseconds, which starts at 0. Aborts unless it is on.
 */
uint64_t evpl_virtual_clock_now(void);

/**
 * Closes every bind of the loop, runs it until each has been reported as disconnected, and frees
 * it. Not from a callback of the same loop. Owner thread only.
 */
void evpl_destroy(struct evpl *evpl);

/**
 * Runs one pass: timers that are due, a wait for events of at most the configured time, events,
 * deferrals. Not from a callback of the same loop. Owner thread only.
 */
void evpl_continue(struct evpl *evpl);

/**
 * Runs passes until evpl_stop is called; returns at once if it already was. Not from a callback of
 * the same loop. Owner thread only.
 */
void evpl_run(struct evpl *evpl);

/**
 * Replaces the loop's hooks by a copy of `hooks`; NULL removes them. May be called from a hook and
 * takes effect at the next point of the pass. Owner thread only.
 */
void evpl_set_loop_hooks(struct evpl *evpl, const struct evpl_loop_hooks *hooks);

/**
 * Makes evpl_run return after the pass in progress. A stopped loop cannot be run again. Any
 * thread, callbacks included, while the loop exists.
 */
void evpl_stop(struct evpl *evpl);

/**
 * Finds an available protocol by its name, such as "STREAM_SOCKET_TCP". Case matters. Any thread;
 * initialises the library if needed. Returns 0 with `*id` set, or -1 with `*id` untouched.
 */
int evpl_protocol_lookup(enum evpl_protocol_id *id, const char *name);

/**
 * 1 if this build offers the protocol under the current configuration, else 0, also for a number
 * that is no protocol. Says nothing about hardware. Any thread; initialises the library if needed.
 */
int evpl_protocol_available(enum evpl_protocol_id id);

/**
 * 1 if the protocol carries bytes, 0 if it carries messages or is not available. Any thread;
 * initialises the library if needed.
 */
int evpl_protocol_is_stream(enum evpl_protocol_id id);

/**
 * 1 if the protocol takes local endpoints (paths and abstract names), 0 if not or not available.
 * Any thread; initialises the library if needed.
 */
int evpl_protocol_is_local(enum evpl_protocol_id id);

/**
 * 1 if the protocol takes in-process endpoints, 0 if not or not available. Any thread; initialises
 * the library if needed.
 */
int evpl_protocol_is_inproc(enum evpl_protocol_id id);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVPL_CORE_H */
