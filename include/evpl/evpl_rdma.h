/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_RDMA_H
#define EVPL_RDMA_H

/* Generated from src/capi/rdma.rs by `make headers`; change it there. */

#include <stdint.h>

/** One thread's context: event loop, transport state and buffers. */
struct evpl;
/** Our end of a flow: a connection or a datagram socket. */
struct evpl_bind;
struct evpl_iovec;

/**
 * The library takes over the caller's reference of every iovec given.
 */
#define EVPL_RDMA_FLAG_TAKE_REF 1

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Publishes the bytes of `iovec` to the peer: stores the key and the address that the peer gives to
 * evpl_rdma_read and evpl_rdma_write. They are valid until the buffer is recycled. Stores 0 and 0
 * if the bind's protocol has no RDMA or the memory is not from this library. Owner thread only.
 */
void evpl_rdma_get_address(struct evpl *evpl,
                           struct evpl_bind *bind,
                           struct evpl_iovec *iovec,
                           uint32_t *r_key,
                           uint64_t *r_address);

/**
 * Reads the peer's memory at `remote_address` under `remote_key` into the `niov` iovecs, as many
 * bytes as they hold in all. The array is copied; the library holds its own references until the
 * transfer ends and the caller keeps its own. `callback`, which may be NULL, receives 0 or a
 * positive errno value exactly once, from the loop: EINVAL if the memory is not published, ECONNRESET
 * if the connection ended first, EPROTO if the peer answered something else, EMSGSIZE if it is more
 * than the protocol carries in one operation. On a protocol without RDMA it receives ENOTSUP inside
 * this call. Owner thread only.
 */
void evpl_rdma_read(struct evpl *evpl,
                    struct evpl_bind *bind,
                    uint32_t remote_key,
                    uint64_t remote_address,
                    struct evpl_iovec *iovecs,
                    int niov,
                    void (*callback)(int status, void *private_data),
                    void *private_data);

/**
 * Writes the `niov` iovecs to the peer's memory at `remote_address` under `remote_key`, in order
 * with the sends of the same bind. The array is copied. With EVPL_RDMA_FLAG_TAKE_REF in `flags`
 * the library takes over the caller's references, unless the operation is not supported; without,
 * the caller keeps them. The bytes must not change until the callback, which is as for
 * evpl_rdma_read. Owner thread only.
 */
void evpl_rdma_write(struct evpl *evpl,
                     struct evpl_bind *bind,
                     uint32_t remote_key,
                     uint64_t remote_address,
                     struct evpl_iovec *iovecs,
                     int niov,
                     unsigned int flags,
                     void (*callback)(int status, void *private_data),
                     void *private_data);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVPL_RDMA_H */
