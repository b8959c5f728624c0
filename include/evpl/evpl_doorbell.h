/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_DOORBELL_H
#define EVPL_DOORBELL_H

/* Generated from src/capi/doorbell.rs by `make headers`; change it there. */

#include <stdint.h>

/** One thread's context: event loop, transport state and buffers. */
struct evpl;
struct evpl_doorbell;

/**
 * A way for any thread to wake a loop. The caller owns the storage, which need not be zeroed and
 * keeps its address while the doorbell is registered.
 */
struct evpl_doorbell {
    uint64_t opaque[8];
};

/**
 * Called on the loop's thread after one or more rings.
 */
typedef void (*evpl_doorbell_callback_t)(struct evpl *evpl, struct evpl_doorbell *doorbell);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Registers a doorbell, whose storage is the caller's and keeps its address until removed. Opens
 * an eventfd; the process ends if there is none left. Owner thread only.
 */
void evpl_add_doorbell(struct evpl *evpl,
                       struct evpl_doorbell *doorbell,
                       evpl_doorbell_callback_t callback);

/**
 * Unregisters a doorbell and closes its eventfd. Its callback does not run again even if it was
 * rung, and the storage is the caller's again on return. Allowed in any callback, its own
 * included. Must not race with evpl_ring_doorbell. Owner thread only.
 */
void evpl_remove_doorbell(struct evpl *evpl, struct evpl_doorbell *doorbell);

/**
 * The eventfd of a registered doorbell. Writing an 8-byte number to it rings the doorbell; the
 * library keeps ownership. Any thread.
 */
int evpl_doorbell_fd(struct evpl_doorbell *doorbell);

/**
 * Has the loop call the doorbell's callback. All rings before the callback starts make one call; a
 * ring during it makes another. What was written before the ring is seen by the callback. Any
 * thread, and signal handlers.
 */
void evpl_ring_doorbell(struct evpl_doorbell *doorbell);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVPL_DOORBELL_H */
