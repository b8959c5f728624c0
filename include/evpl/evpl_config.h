/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_CONFIG_H
#define EVPL_CONFIG_H

/* Generated from src/capi/config.rs by `make headers`; change it there. */

#include <stdint.h>

/** Process-wide settings. */
struct evpl_global_config;
/** Per-thread settings. */
struct evpl_thread_config;

/** How a loop waits for events of the kernel. */
enum evpl_core_mech {
    EVPL_CORE_MECH_DEFAULT = 0,
    EVPL_CORE_MECH_EPOLL   = 1,
    EVPL_CORE_MECH_KQUEUE  = 2,
    EVPL_CORE_MECH_SELECT  = 3
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Creates global settings filled with the defaults. The caller sets what it wants to change, from
 * one thread at a time, and hands them to evpl_init or frees them with evpl_global_config_release.
 * Setters have no effect on what is already running. A NULL object aborts.
 */
struct evpl_global_config *evpl_global_config_init(void);

/**
 * Frees settings that were not given to evpl_init; evpl_init takes over the reference of those
 * that were.
 */
void evpl_global_config_release(struct evpl_global_config *config);

/**
 * How loops wait for events; the default is epoll. evpl_init aborts if the host does not have it.
 */
void evpl_global_config_set_core_mech(struct evpl_global_config *config,
                                      enum evpl_core_mech core_mech);

/**
 * How long, in nanoseconds, a loop goes on polling after its last activity. Default 1,000,000; 0
 * switches spinning off.
 */
void evpl_global_config_set_spin_ns(struct evpl_global_config *config, uint64_t spin_ns);

/**
 * Where evpl_get_hf_monotonic_time takes the time from: 0 the kernel, 1 the processor, 2 the
 * processor if its counter is suitable (default).
 */
void evpl_global_config_set_hf_time_mode(struct evpl_global_config *config, unsigned int mode);

/**
 * Other than 0: loops follow a clock that only evpl_virtual_clock_advance moves, and never block.
 * For tests. Default 0.
 */
void evpl_global_config_set_virtual_clock(struct evpl_global_config *config, int enabled);

/**
 * The listen backlog of socket listeners. Default: the maximum of the system.
 */
void evpl_global_config_set_max_pending(struct evpl_global_config *config,
                                        unsigned int max_pending);

/**
 * Without effect; kept for programs that set it.
 */
void evpl_global_config_set_max_poll_fd(struct evpl_global_config *config,
                                        unsigned int max_poll_fd);

/**
 * The most iovecs given to the transport in one write. Default 128.
 */
void evpl_global_config_set_max_num_iovec(struct evpl_global_config *config,
                                          unsigned int max_num_iovec);

/**
 * The size of one buffer in bytes, which is also the longest contiguous allocation. Default 2 MiB.
 * evpl_init aborts if it is 0 or larger than a slab. It bounds what a loop offers an io_uring to
 * receive into: twice that, in 8 to 64 buffers of at most 256 KiB, however many connections there are.
 */
void evpl_global_config_set_buffer_size(struct evpl_global_config *config,
                                        uint64_t buffer_size);

/**
 * The size in bytes of the blocks that buffers are cut from. Default 1 GiB; pages that are not
 * used take no memory.
 */
void evpl_global_config_set_slab_size(struct evpl_global_config *config, uint64_t slab_size);

/**
 * Other than 0: slabs are made of huge pages if there are any. Default 0.
 */
void evpl_global_config_set_huge_pages(struct evpl_global_config *config, int enabled);

/**
 * The size of huge pages in bytes: a power of two above the page size and up to 16 GiB. Another
 * value is logged and ignored. Default 2 MiB.
 */
void evpl_global_config_set_huge_page_size(struct evpl_global_config *config,
                                           uint64_t huge_page_size);

/**
 * The longest datagram in bytes that a UDP bind receives. Default 65536.
 */
void evpl_global_config_set_max_datagram_size(struct evpl_global_config *config,
                                              unsigned int max_datagram_size);

/**
 * The most datagrams given to or taken from the kernel in one call. Default 16.
 */
void evpl_global_config_set_max_datagram_batch(struct evpl_global_config *config,
                                               unsigned int max_datagram_batch);

/**
 * How many iovecs a bind is expected to queue. A hint; queues grow. Default 1024.
 */
void evpl_global_config_set_iovec_ring_size(struct evpl_global_config *config,
                                            unsigned int entries);

/**
 * How many messages a bind is expected to queue. A hint; queues grow. Default 1024.
 */
void evpl_global_config_set_dgram_ring_size(struct evpl_global_config *config,
                                            unsigned int entries);

/**
 * How many one-sided operations a bind is expected to queue. A hint. Default 64.
 */
void evpl_global_config_set_rdma_request_ring_size(struct evpl_global_config *config,
                                                   unsigned int entries);

/**
 * How long, in milliseconds, a resolved host name is used before it is looked up again. Default
 * 5000.
 */
void evpl_global_config_set_resolve_timeout_ms(struct evpl_global_config *config,
                                               unsigned int timeout_ms);

/**
 * The longest RPC message in bytes. Default 4 MiB, which 0 restores.
 */
void evpl_global_config_set_rpc2_max_message_size(struct evpl_global_config *config,
                                                  unsigned int size);

/**
 * The longest HTTP header in bytes. Default 8192.
 */
void evpl_global_config_set_http_max_header_size(struct evpl_global_config *config,
                                                 unsigned int size);

/**
 * 0 removes the io_uring protocols. Default 1.
 */
void evpl_global_config_set_io_uring_enabled(struct evpl_global_config *config, int enabled);

/**
 * The entries of each loop's io_uring: of its submission queue, 512 at most, and of its completion
 * queue, 64 at least. What finds either full waits. Default 8192.
 */
void evpl_global_config_set_io_uring_entries(struct evpl_global_config *config,
                                             unsigned int entries);

/**
 * 0 removes the RDMACM protocols. Default 1.
 */
void evpl_global_config_set_rdmacm_enabled(struct evpl_global_config *config, int enabled);

/**
 * The type of service of RDMA connections. Default 0.
 */
void evpl_global_config_set_rdmacm_tos(struct evpl_global_config *config, uint8_t tos);

/**
 * The most buffers in one RDMA work request. Default 31.
 */
void evpl_global_config_set_rdmacm_max_sge(struct evpl_global_config *config, unsigned int max_sge);

/**
 * The entries of an RDMA completion queue. Default 8192.
 */
void evpl_global_config_set_rdmacm_cq_size(struct evpl_global_config *config, unsigned int entries);

/**
 * The entries of an RDMA send queue. Default 256.
 */
void evpl_global_config_set_rdmacm_sq_size(struct evpl_global_config *config, unsigned int entries);

/**
 * The entries of an RDMA shared receive queue. Default 8192.
 */
void evpl_global_config_set_rdmacm_srq_size(struct evpl_global_config *config,
                                            unsigned int entries);

/**
 * The posted receives below which an RDMA shared receive queue is refilled. Default 256.
 */
void evpl_global_config_set_rdmacm_srq_min(struct evpl_global_config *config, unsigned int entries);

/**
 * How many receives are posted to an RDMA shared receive queue at once. Default 16.
 */
void evpl_global_config_set_rdmacm_srq_batch(struct evpl_global_config *config, unsigned int batch);

/**
 * The most bytes sent inside an RDMA work request. Default 250.
 */
void evpl_global_config_set_rdmacm_max_inline(struct evpl_global_config *config, unsigned int size);

/**
 * The size in bytes of RDMA receive buffers; 0, the default, takes the maximum datagram size.
 */
void evpl_global_config_set_rdmacm_datagram_size_override(struct evpl_global_config *config,
                                                          unsigned int size);

/**
 * Other than 0: RDMA shared receive queues are filled when they are created. Default 0.
 */
void evpl_global_config_set_rdmacm_srq_prefill(struct evpl_global_config *config, int enabled);

/**
 * How often an RDMA device repeats an unanswered packet. Default 4.
 */
void evpl_global_config_set_rdmacm_retry_count(struct evpl_global_config *config,
                                               unsigned int count);

/**
 * How often an RDMA device tries again when the peer has no receive posted. Default 4.
 */
void evpl_global_config_set_rdmacm_rnr_retry_count(struct evpl_global_config *config,
                                                   unsigned int count);

/**
 * 0 removes the XLIO protocol. Default 1.
 */
void evpl_global_config_set_xlio_enabled(struct evpl_global_config *config, int enabled);

/**
 * 0 removes the VFIO block protocol. Default 1.
 */
void evpl_global_config_set_vfio_enabled(struct evpl_global_config *config, int enabled);

/**
 * 0 removes the libaio block protocol. Default 1.
 */
void evpl_global_config_set_libaio_enabled(struct evpl_global_config *config, int enabled);

/**
 * The most requests in flight in one libaio context. Default 256.
 */
void evpl_global_config_set_libaio_max_pending(struct evpl_global_config *config,
                                               unsigned int max_pending);

/**
 * How many slabs worth of free buffers background threads keep ready. Default 0.
 */
void evpl_global_config_set_preallocate_slabs(struct evpl_global_config *config,
                                              unsigned int slabs);

/**
 * How many such threads there are; one if slabs are to be kept ready and this is 0, the default.
 */
void evpl_global_config_set_preallocate_threads(struct evpl_global_config *config,
                                                unsigned int threads);

/**
 * The file with the certificate of TLS servers, PEM. The string is copied. NULL is the default;
 * unless both certificate and key are set, servers use a self-signed one that is made up.
 */
void evpl_global_config_set_tls_cert(struct evpl_global_config *config, const char *path);

/**
 * The file with the key that belongs to the certificate, PEM. The string is copied.
 */
void evpl_global_config_set_tls_key(struct evpl_global_config *config, const char *path);

/**
 * The file with the certificates that peers are verified against, PEM. The string is copied. NULL,
 * the default, trusts nobody: verification then fails.
 */
void evpl_global_config_set_tls_ca(struct evpl_global_config *config, const char *path);

/**
 * The cipher suites that TLS offers, in the notation of OpenSSL. NULL, the default, leaves the
 * choice to the library. The string is copied.
 */
void evpl_global_config_set_tls_cipher_list(struct evpl_global_config *config, const char *ciphers);

/**
 * 0 has TLS clients accept any certificate. Default 1.
 */
void evpl_global_config_set_tls_verify_peer(struct evpl_global_config *config, int enabled);

/**
 * 0 keeps TLS records out of the kernel. Default 1.
 */
void evpl_global_config_set_tls_ktls_enabled(struct evpl_global_config *config, int enabled);

/**
 * Creates settings for one loop or thread, filled with the defaults that evpl_init was given, or
 * with built-in ones before it. May be used for several loops, and is freed with
 * evpl_thread_config_release at any time after.
 */
struct evpl_thread_config *evpl_thread_config_init(void);

/**
 * Frees thread settings. Loops and threads made with them are not affected.
 */
void evpl_thread_config_release(struct evpl_thread_config *config);

/**
 * 0 keeps the loop from polling: poll callbacks are never called. Default 1.
 */
void evpl_thread_config_set_poll_mode(struct evpl_thread_config *config, int enabled);

/**
 * How many passes in a row a polling loop makes without looking at timers and events. Default
 * 1000.
 */
void evpl_thread_config_set_poll_iterations(struct evpl_thread_config *config, int iterations);

/**
 * The longest wait for events in one pass, in milliseconds; 0 never blocks, a negative value waits
 * without limit (default).
 */
void evpl_thread_config_set_wait_ms(struct evpl_thread_config *config, int wait_ms);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVPL_CONFIG_H */
