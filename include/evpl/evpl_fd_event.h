/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_FD_EVENT_H
#define EVPL_FD_EVENT_H

/* Generated from src/capi/fd_event.rs by `make headers`; change it there. */

#include <stdint.h>

/** One thread's context: event loop, transport state and buffers. */
struct evpl;
struct evpl_fd_event;

/**
 * A descriptor watched by a loop. The caller owns the storage, which need not be zeroed and keeps
 * its address while the event is registered.
 */
struct evpl_fd_event {
    uint64_t opaque[10];
};

/**
 * Called on the loop's thread when the descriptor is readable, writable or in error.
 */
typedef void (*evpl_fd_event_callback_t)(struct evpl *evpl, struct evpl_fd_event *event);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Watches `fd`, which is non-blocking and not yet watched by this loop. Each callback may be NULL.
 * No interest is set at first; errors are reported without interest. `event` is the caller's
 * storage and keeps its address until removed. The descriptor stays the caller's. Owner thread
 * only.
 */
void evpl_add_fd_event(struct evpl *evpl,
                       struct evpl_fd_event *event,
                       int fd,
                       evpl_fd_event_callback_t read_callback,
                       evpl_fd_event_callback_t write_callback,
                       evpl_fd_event_callback_t error_callback);

/**
 * Stops watching. No callback runs afterwards, and the storage is the caller's again on return.
 * Does not close the descriptor, which should still be open. Allowed in any callback, its own
 * included. Owner thread only.
 */
void evpl_remove_fd_event(struct evpl *evpl, struct evpl_fd_event *event);

/**
 * The descriptor that a registered event watches. Any thread.
 */
int evpl_fd_event_fd(struct evpl_fd_event *event);

/**
 * Has the read callback run once per pass while the descriptor is readable, from now on. Aborts if
 * the event has none. Owner thread only.
 */
void evpl_fd_event_read_interest(struct evpl *evpl, struct evpl_fd_event *event);

/**
 * Stops read callbacks. What is known about readability is kept. Owner thread only.
 */
void evpl_fd_event_read_disinterest(struct evpl *evpl, struct evpl_fd_event *event);

/**
 * Has the write callback run once per pass while the descriptor is writable, from now on. Aborts
 * if the event has none. Owner thread only.
 */
void evpl_fd_event_write_interest(struct evpl *evpl, struct evpl_fd_event *event);

/**
 * Stops write callbacks. What is known about writability is kept. Owner thread only.
 */
void evpl_fd_event_write_disinterest(struct evpl *evpl, struct evpl_fd_event *event);

/**
 * Takes the descriptor as readable again without the kernel saying so, for example to go on with
 * data that a callback left unread. Owner thread only.
 */
void evpl_fd_event_mark_readable(struct evpl *evpl, struct evpl_fd_event *event);

/**
 * To be called when a read has returned EAGAIN: no read callback runs until there is new data.
 * Owner thread only.
 */
void evpl_fd_event_mark_unreadable(struct evpl *evpl, struct evpl_fd_event *event);

/**
 * To be called when a write has returned EAGAIN: no write callback runs until there is room. Owner
 * thread only.
 */
void evpl_fd_event_mark_unwritable(struct evpl *evpl, struct evpl_fd_event *event);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVPL_FD_EVENT_H */
