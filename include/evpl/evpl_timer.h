/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_TIMER_H
#define EVPL_TIMER_H

/* Generated from src/capi/timer.rs by `make headers`; change it there. */

#include <stdint.h>

/** One thread's context: event loop, transport state and buffers. */
struct evpl;
struct evpl_timer;

/**
 * Called when a timer's time has come, on the loop's thread.
 */
typedef void (*evpl_timer_callback_t)(struct evpl *evpl, struct evpl_timer *timer);

/**
 * A timer. The caller owns the storage, which need not be zeroed and keeps its address while the
 * timer is registered; the library writes every field.
 */
struct evpl_timer {
    evpl_timer_callback_t callback;
    /**
     * Microseconds.
     */
    uint64_t interval;
    /**
     * Loop ticks, opaque to the caller.
     */
    uint64_t deadline;
    /**
     * Non-zero if the timer fires once only.
     */
    int oneshot;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Calls `callback` every `interval_us` microseconds until the timer is removed. The next interval
 * starts when the callback returns. `timer` is the caller's storage and must stay valid until
 * removed; adding a registered timer restarts it. Owner thread only.
 */
void evpl_add_timer(struct evpl *evpl,
                    struct evpl_timer *timer,
                    evpl_timer_callback_t callback,
                    uint64_t interval_us);

/**
 * Calls `callback` once, `delay_us` microseconds from now. The timer is no longer registered when
 * the callback runs, which may free its storage or add it again. Owner thread only.
 */
void evpl_add_oneshot_timer(struct evpl *evpl,
                            struct evpl_timer *timer,
                            evpl_timer_callback_t callback,
                            uint64_t delay_us);

/**
 * Removes a timer; does nothing if it is not registered. Its storage is the caller's again on
 * return. Allowed in any callback, its own included. Owner thread only.
 */
void evpl_remove_timer(struct evpl *evpl, struct evpl_timer *timer);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVPL_TIMER_H */
