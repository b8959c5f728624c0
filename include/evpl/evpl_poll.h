/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_POLL_H
#define EVPL_POLL_H

/* Generated from src/capi/poll.rs by `make headers`; change it there. */

/** One thread's context: event loop, transport state and buffers. */
struct evpl;
/** A registered poll callback. */
struct evpl_poll;

/**
 * The loop starts polling.
 */
typedef void (*evpl_poll_enter_callback_t)(struct evpl *evpl, void *private_data);

/**
 * The loop stops polling and goes back to waiting in the kernel.
 */
typedef void (*evpl_poll_exit_callback_t)(struct evpl *evpl, void *private_data);

/**
 * One poll of the source. Call evpl_activity from it when there was work.
 */
typedef void (*evpl_poll_callback_t)(struct evpl *evpl, void *private_data);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Registers a poll callback. While the loop polls, `callback` runs in every pass; `enter` and
 * `exit`, which may be NULL, report that polling starts and ends. A loop polls while evpl_activity
 * was called within the configured spin time or polling is pinned, and never if its poll mode is
 * off. Returns a handle for evpl_remove_poll. Owner thread only.
 */
struct evpl_poll *evpl_add_poll(struct evpl *evpl,
                                evpl_poll_enter_callback_t enter,
                                evpl_poll_exit_callback_t exit,
                                evpl_poll_callback_t callback,
                                void *private_data);

/**
 * Unregisters a poll callback and frees the handle; `exit` is not called. Allowed in any callback,
 * its own included. Owner thread only.
 */
void evpl_remove_poll(struct evpl *evpl, struct evpl_poll *poll);

/**
 * Reports that a poll found work, which keeps the loop polling. Owner thread only.
 */
void evpl_activity(struct evpl *evpl);

/**
 * Keeps the loop polling whatever its activity, until unpinned as often as pinned. Owner thread
 * only.
 */
void evpl_poll_pin(struct evpl *evpl);

/**
 * Takes back one evpl_poll_pin. Owner thread only.
 */
void evpl_poll_unpin(struct evpl *evpl);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVPL_POLL_H */
