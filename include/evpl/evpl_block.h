/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_BLOCK_H
#define EVPL_BLOCK_H

/* Generated from src/capi/block.rs by `make headers`; change it there. */

#include <stdint.h>
#include "evpl_core.h"

/** One thread's context: event loop, transport state and buffers. */
struct evpl;
/** An open block device. */
struct evpl_block_device;
/** One thread's submission queue on a block device. */
struct evpl_block_queue;
struct evpl_iovec;

/**
 * Reports the end of a block request on its queue's thread: `status` is 0 or a positive errno
 * value.
 */
typedef void (*evpl_block_callback_t)(struct evpl *evpl, int status, void *private_data);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Opens the device or file that `uri` names through the given block protocol. It is tied to no
 * loop. Opening the same name again gives an independent device. Initialises the library if
 * needed. Returns NULL if the protocol is not available or the device cannot be opened; the reason
 * is logged. evpl_block_close_device frees it.
 */
struct evpl_block_device *evpl_block_open_device(enum evpl_block_protocol_id protocol,
                                                 const char *uri);

/**
 * Closes a device, all of whose queues have been closed.
 */
void evpl_block_close_device(struct evpl_block_device *device);

/**
 * The size of the device in bytes, as found when it was opened.
 */
uint64_t evpl_block_size(struct evpl_block_device *device);

/**
 * The largest request in bytes that the device takes in one piece.
 */
uint64_t evpl_block_max_request_size(struct evpl_block_device *device);

/**
 * Opens a request queue that belongs to the loop's thread. evpl_block_close_queue frees it. Owner
 * thread only.
 */
struct evpl_block_queue *evpl_block_open_queue(struct evpl *evpl, struct evpl_block_device *device);

/**
 * Closes a queue. Requests in flight still complete, each with one callback. Owner thread only.
 */
void evpl_block_close_queue(struct evpl *evpl, struct evpl_block_queue *queue);

/**
 * Reads from `offset` bytes on into the `niov` iovecs. The array is copied; the buffers and their
 * references stay the caller's and must live until `callback`, which receives 0 or a positive
 * errno value from the loop. A transfer that ends early is EIO. Requests are in no order among
 * each other. Owner thread only.
 */
void evpl_block_read(struct evpl *evpl,
                     struct evpl_block_queue *queue,
                     struct evpl_iovec *iovecs,
                     int niov,
                     uint64_t offset,
                     evpl_block_callback_t callback,
                     void *private_data);

/**
 * Writes the `niov` iovecs at `offset` bytes; otherwise as evpl_block_read. With `sync` other than
 * 0 the data is durable when the callback runs. Owner thread only.
 */
void evpl_block_write(struct evpl *evpl,
                      struct evpl_block_queue *queue,
                      const struct evpl_iovec *iovecs,
                      int niov,
                      uint64_t offset,
                      int sync,
                      evpl_block_callback_t callback,
                      void *private_data);

/**
 * Makes durable all writes whose callbacks have run. Owner thread only.
 */
void evpl_block_flush(struct evpl *evpl,
                      struct evpl_block_queue *queue,
                      evpl_block_callback_t callback,
                      void *private_data);

/**
 * Tells the device that `length` bytes from `offset` on are no longer needed. Where it cannot make
 * use of that, `callback` runs inside this call with status 0. Owner thread only.
 */
void evpl_block_discard(struct evpl *evpl,
                        struct evpl_block_queue *queue,
                        uint64_t offset,
                        uint64_t length,
                        evpl_block_callback_t callback,
                        void *private_data);

/**
 * Makes `length` bytes from `offset` on read as zero. For length 0 `callback` may run inside this
 * call. Owner thread only.
 */
void evpl_block_write_zeroes(struct evpl *evpl,
                             struct evpl_block_queue *queue,
                             uint64_t offset,
                             uint64_t length,
                             evpl_block_callback_t callback,
                             void *private_data);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVPL_BLOCK_H */
