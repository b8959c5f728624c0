/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_DEFERRAL_H
#define EVPL_DEFERRAL_H

/* Generated from src/capi/deferral.rs by `make headers`; change it there. */

#include <stdint.h>

/** One thread's context: event loop, transport state and buffers. */
struct evpl;
struct evpl_deferral;

/**
 * Called once for any number of arms, on the loop's thread.
 */
typedef void (*deferral_callback_t)(struct evpl *evpl, void *private_data);

/**
 * Work to run later on this thread. The caller owns the storage and zeroes it before
 * evpl_deferral_init.
 */
struct evpl_deferral {
    deferral_callback_t callback;
    void *private_data;
    /**
     * Non-zero while queued. The library may store a queue position here.
     */
    uint64_t armed;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Sets what a deferral calls and with what. Does not touch whether it is armed, so the storage
 * must have been zeroed before its first use. Any thread that owns the storage.
 */
void evpl_deferral_init(struct evpl_deferral *deferral,
                        deferral_callback_t callback,
                        void *private_data);

/**
 * Arms the deferral; its callback runs once before the pass in progress ends, or in the next pass,
 * which does not block. Does nothing if it is armed already. The storage must stay valid until it
 * has run or been removed. Owner thread only.
 */
void evpl_defer(struct evpl *evpl, struct evpl_deferral *deferral);

/**
 * Disarms the deferral if it is armed. Its storage is the caller's again on return. Owner thread
 * only.
 */
void evpl_remove_deferral(struct evpl *evpl, struct evpl_deferral *deferral);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVPL_DEFERRAL_H */
