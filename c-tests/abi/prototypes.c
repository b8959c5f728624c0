/*
 * What programs were compiled against: every prototype and callback type of the public headers.
 * A name that the headers do not declare fails its assertion, and C rejects a redeclaration with
 * another type.
 */

#include <evpl/evpl.h>
#include <evpl/evpl_ext.h>

#include <stdarg.h>

#define EXPORTED(name, ...)                                     \
    _Static_assert(sizeof(&name) == sizeof(void *), #name);     \
    extern __VA_ARGS__
#define INLINE(name, ...)                                       \
    _Static_assert(sizeof(&name) == sizeof(void *), #name);     \
    static inline __VA_ARGS__
#define CALLBACK(name, ...)                                     \
    _Static_assert(sizeof(name) == sizeof(void *), #name);      \
    typedef __VA_ARGS__

/* evpl_bind.h */
EXPORTED(evpl_listener_create, struct evpl_listener *evpl_listener_create(void));
EXPORTED(evpl_listener_destroy, void evpl_listener_destroy(struct evpl_listener *));
EXPORTED(evpl_listener_attach, struct evpl_listener_binding *evpl_listener_attach(struct evpl *,
         struct evpl_listener *, evpl_attach_callback_t, void *));
EXPORTED(evpl_listener_detach, void evpl_listener_detach(struct evpl *,
         struct evpl_listener_binding *));
EXPORTED(evpl_listen, int evpl_listen(struct evpl_listener *, enum evpl_protocol_id,
         struct evpl_endpoint *));
EXPORTED(evpl_connect, struct evpl_bind *evpl_connect(struct evpl *, enum evpl_protocol_id,
         struct evpl_endpoint *, struct evpl_endpoint *, evpl_notify_callback_t,
         evpl_segment_callback_t, void *));
EXPORTED(evpl_bind, struct evpl_bind *evpl_bind(struct evpl *, enum evpl_protocol_id,
         struct evpl_endpoint *, evpl_notify_callback_t, void *));
EXPORTED(evpl_bind_request_send_notifications,
         void evpl_bind_request_send_notifications(struct evpl *, struct evpl_bind *));
EXPORTED(evpl_send, void evpl_send(struct evpl *, struct evpl_bind *, const void *, unsigned int));
EXPORTED(evpl_sendv, void evpl_sendv(struct evpl *, struct evpl_bind *, struct evpl_iovec *, int,
         int, unsigned int));
EXPORTED(evpl_sendto, void evpl_sendto(struct evpl *, struct evpl_bind *, struct evpl_address *,
         const void *, unsigned int));
EXPORTED(evpl_sendtoep, void evpl_sendtoep(struct evpl *, struct evpl_bind *,
         struct evpl_endpoint *, const void *, unsigned int));
EXPORTED(evpl_sendtov, void evpl_sendtov(struct evpl *, struct evpl_bind *, struct evpl_address *,
         struct evpl_iovec *, int, int, unsigned int));
EXPORTED(evpl_sendtoepv, void evpl_sendtoepv(struct evpl *, struct evpl_bind *,
         struct evpl_endpoint *, struct evpl_iovec *, int, int, unsigned int));
EXPORTED(evpl_peek, int evpl_peek(struct evpl *, struct evpl_bind *, void *, int));
EXPORTED(evpl_peekv, int evpl_peekv(struct evpl *, struct evpl_bind *, struct evpl_iovec *, int,
         int));
EXPORTED(evpl_consume, int evpl_consume(struct evpl *, struct evpl_bind *, int));
EXPORTED(evpl_recv, int evpl_recv(struct evpl *, struct evpl_bind *, void *, int, unsigned int));
EXPORTED(evpl_recvv, int evpl_recvv(struct evpl *, struct evpl_bind *, struct evpl_iovec *, int,
         int, int *));
EXPORTED(evpl_close, void evpl_close(struct evpl *, struct evpl_bind *));
EXPORTED(evpl_finish, void evpl_finish(struct evpl *, struct evpl_bind *));
EXPORTED(evpl_bind_get_local_address, void evpl_bind_get_local_address(struct evpl_bind *, char *,
         int));
EXPORTED(evpl_bind_get_remote_address, void evpl_bind_get_remote_address(struct evpl_bind *, char *,
         int));
EXPORTED(evpl_bind_get_protocol, enum evpl_protocol_id evpl_bind_get_protocol(struct evpl_bind *));
EXPORTED(evpl_bind_is_rdma, int evpl_bind_is_rdma(struct evpl_bind *));
EXPORTED(evpl_bind_is_closing, int evpl_bind_is_closing(struct evpl_bind *));

/* evpl_block.h */
EXPORTED(evpl_block_open_device,
         struct evpl_block_device *evpl_block_open_device(enum evpl_block_protocol_id,
         const char *));
EXPORTED(evpl_block_close_device, void evpl_block_close_device(struct evpl_block_device *));
EXPORTED(evpl_block_size, uint64_t evpl_block_size(struct evpl_block_device *));
EXPORTED(evpl_block_max_request_size,
         uint64_t evpl_block_max_request_size(struct evpl_block_device *));
EXPORTED(evpl_block_open_queue, struct evpl_block_queue *evpl_block_open_queue(struct evpl *,
         struct evpl_block_device *));
EXPORTED(evpl_block_close_queue, void evpl_block_close_queue(struct evpl *,
         struct evpl_block_queue *));
EXPORTED(evpl_block_read, void evpl_block_read(struct evpl *, struct evpl_block_queue *,
         struct evpl_iovec *, int, uint64_t, evpl_block_callback_t, void *));
EXPORTED(evpl_block_write, void evpl_block_write(struct evpl *, struct evpl_block_queue *,
         const struct evpl_iovec *, int, uint64_t, int, evpl_block_callback_t, void *));
EXPORTED(evpl_block_flush, void evpl_block_flush(struct evpl *, struct evpl_block_queue *,
         evpl_block_callback_t, void *));
EXPORTED(evpl_block_discard, void evpl_block_discard(struct evpl *, struct evpl_block_queue *,
         uint64_t, uint64_t, evpl_block_callback_t, void *));
EXPORTED(evpl_block_write_zeroes, void evpl_block_write_zeroes(struct evpl *,
         struct evpl_block_queue *, uint64_t, uint64_t, evpl_block_callback_t, void *));

/* evpl_config.h */
EXPORTED(evpl_global_config_init, struct evpl_global_config *evpl_global_config_init(void));
EXPORTED(evpl_global_config_set_core_mech,
         void evpl_global_config_set_core_mech(struct evpl_global_config *, enum evpl_core_mech));
EXPORTED(evpl_global_config_release, void evpl_global_config_release(struct evpl_global_config *));
EXPORTED(evpl_global_config_set_buffer_size,
         void evpl_global_config_set_buffer_size(struct evpl_global_config *, uint64_t));
EXPORTED(evpl_global_config_set_spin_ns,
         void evpl_global_config_set_spin_ns(struct evpl_global_config *, uint64_t));
EXPORTED(evpl_global_config_set_max_datagram_size,
         void evpl_global_config_set_max_datagram_size(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_huge_pages,
         void evpl_global_config_set_huge_pages(struct evpl_global_config *, int));
EXPORTED(evpl_global_config_set_huge_page_size,
         void evpl_global_config_set_huge_page_size(struct evpl_global_config *, uint64_t));
EXPORTED(evpl_global_config_set_rdmacm_tos,
         void evpl_global_config_set_rdmacm_tos(struct evpl_global_config *, uint8_t));
EXPORTED(evpl_global_config_set_rdmacm_datagram_size_override,
         void evpl_global_config_set_rdmacm_datagram_size_override(struct evpl_global_config *,
         unsigned int));
EXPORTED(evpl_global_config_set_rdmacm_srq_prefill,
         void evpl_global_config_set_rdmacm_srq_prefill(struct evpl_global_config *, int));
EXPORTED(evpl_global_config_set_tls_cert,
         void evpl_global_config_set_tls_cert(struct evpl_global_config *, const char *));
EXPORTED(evpl_global_config_set_tls_key,
         void evpl_global_config_set_tls_key(struct evpl_global_config *, const char *));
EXPORTED(evpl_global_config_set_tls_ca,
         void evpl_global_config_set_tls_ca(struct evpl_global_config *, const char *));
EXPORTED(evpl_global_config_set_tls_cipher_list,
         void evpl_global_config_set_tls_cipher_list(struct evpl_global_config *, const char *));
EXPORTED(evpl_global_config_set_tls_verify_peer,
         void evpl_global_config_set_tls_verify_peer(struct evpl_global_config *, int));
EXPORTED(evpl_global_config_set_tls_ktls_enabled,
         void evpl_global_config_set_tls_ktls_enabled(struct evpl_global_config *, int));
EXPORTED(evpl_global_config_set_http_max_header_size,
         void evpl_global_config_set_http_max_header_size(struct evpl_global_config *,
         unsigned int));
EXPORTED(evpl_thread_config_init, struct evpl_thread_config *evpl_thread_config_init(void));
EXPORTED(evpl_thread_config_release, void evpl_thread_config_release(struct evpl_thread_config *));
EXPORTED(evpl_thread_config_set_poll_mode,
         void evpl_thread_config_set_poll_mode(struct evpl_thread_config *, int));
EXPORTED(evpl_thread_config_set_poll_iterations,
         void evpl_thread_config_set_poll_iterations(struct evpl_thread_config *, int));
EXPORTED(evpl_thread_config_set_wait_ms,
         void evpl_thread_config_set_wait_ms(struct evpl_thread_config *, int));
EXPORTED(evpl_global_config_set_slab_size,
         void evpl_global_config_set_slab_size(struct evpl_global_config *, uint64_t));
EXPORTED(evpl_global_config_set_max_num_iovec,
         void evpl_global_config_set_max_num_iovec(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_rpc2_max_message_size,
         void evpl_global_config_set_rpc2_max_message_size(struct evpl_global_config *,
         unsigned int));
EXPORTED(evpl_global_config_set_iovec_ring_size,
         void evpl_global_config_set_iovec_ring_size(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_dgram_ring_size,
         void evpl_global_config_set_dgram_ring_size(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_rdma_request_ring_size,
         void evpl_global_config_set_rdma_request_ring_size(struct evpl_global_config *,
         unsigned int));
EXPORTED(evpl_global_config_set_max_datagram_batch,
         void evpl_global_config_set_max_datagram_batch(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_resolve_timeout_ms,
         void evpl_global_config_set_resolve_timeout_ms(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_io_uring_enabled,
         void evpl_global_config_set_io_uring_enabled(struct evpl_global_config *, int));
EXPORTED(evpl_global_config_set_io_uring_entries,
         void evpl_global_config_set_io_uring_entries(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_rdmacm_enabled,
         void evpl_global_config_set_rdmacm_enabled(struct evpl_global_config *, int));
EXPORTED(evpl_global_config_set_rdmacm_max_sge,
         void evpl_global_config_set_rdmacm_max_sge(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_rdmacm_cq_size,
         void evpl_global_config_set_rdmacm_cq_size(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_rdmacm_sq_size,
         void evpl_global_config_set_rdmacm_sq_size(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_rdmacm_srq_size,
         void evpl_global_config_set_rdmacm_srq_size(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_rdmacm_srq_min,
         void evpl_global_config_set_rdmacm_srq_min(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_rdmacm_max_inline,
         void evpl_global_config_set_rdmacm_max_inline(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_rdmacm_srq_batch,
         void evpl_global_config_set_rdmacm_srq_batch(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_rdmacm_retry_count,
         void evpl_global_config_set_rdmacm_retry_count(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_rdmacm_rnr_retry_count,
         void evpl_global_config_set_rdmacm_rnr_retry_count(struct evpl_global_config *,
         unsigned int));
EXPORTED(evpl_global_config_set_xlio_enabled,
         void evpl_global_config_set_xlio_enabled(struct evpl_global_config *, int));
EXPORTED(evpl_global_config_set_vfio_enabled,
         void evpl_global_config_set_vfio_enabled(struct evpl_global_config *, int));
EXPORTED(evpl_global_config_set_libaio_enabled,
         void evpl_global_config_set_libaio_enabled(struct evpl_global_config *, int));
EXPORTED(evpl_global_config_set_libaio_max_pending,
         void evpl_global_config_set_libaio_max_pending(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_hf_time_mode,
         void evpl_global_config_set_hf_time_mode(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_virtual_clock,
         void evpl_global_config_set_virtual_clock(struct evpl_global_config *, int));
EXPORTED(evpl_global_config_set_max_pending,
         void evpl_global_config_set_max_pending(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_max_poll_fd,
         void evpl_global_config_set_max_poll_fd(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_preallocate_slabs,
         void evpl_global_config_set_preallocate_slabs(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_preallocate_threads,
         void evpl_global_config_set_preallocate_threads(struct evpl_global_config *,
         unsigned int));

/* evpl_ext.h */
EXPORTED(evpl_global_config_set_tls_client_sessions,
         void evpl_global_config_set_tls_client_sessions(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_tls_server_sessions,
         void evpl_global_config_set_tls_server_sessions(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_tls_server_tickets,
         void evpl_global_config_set_tls_server_tickets(struct evpl_global_config *, unsigned int));
EXPORTED(evpl_global_config_set_tls_send_name,
         void evpl_global_config_set_tls_send_name(struct evpl_global_config *, int));
EXPORTED(evpl_global_config_set_tls_verify_name,
         void evpl_global_config_set_tls_verify_name(struct evpl_global_config *, int));
EXPORTED(evpl_global_config_set_tls_require_client_cert,
         void evpl_global_config_set_tls_require_client_cert(struct evpl_global_config *, int));
EXPORTED(evpl_global_config_set_tls_key_log,
         void evpl_global_config_set_tls_key_log(struct evpl_global_config *, int));
EXPORTED(evpl_endpoint_set_tls_name,
         int evpl_endpoint_set_tls_name(struct evpl_endpoint *, const char *));

/* evpl_core.h */
EXPORTED(evpl_init, void evpl_init(struct evpl_global_config *));
EXPORTED(evpl_metrics_scrape, int evpl_metrics_scrape(char *, int));
EXPORTED(evpl_create, struct evpl *evpl_create(struct evpl_thread_config *));
EXPORTED(evpl_get_hf_monotonic_time, void evpl_get_hf_monotonic_time(struct evpl *,
         struct timespec *));
EXPORTED(evpl_virtual_clock_advance, void evpl_virtual_clock_advance(uint64_t));
EXPORTED(evpl_virtual_clock_now, uint64_t evpl_virtual_clock_now(void));
EXPORTED(evpl_destroy, void evpl_destroy(struct evpl *));
EXPORTED(evpl_continue, void evpl_continue(struct evpl *));
EXPORTED(evpl_run, void evpl_run(struct evpl *));
EXPORTED(evpl_set_loop_hooks, void evpl_set_loop_hooks(struct evpl *,
         const struct evpl_loop_hooks *));
EXPORTED(evpl_stop, void evpl_stop(struct evpl *));
EXPORTED(evpl_protocol_lookup, int evpl_protocol_lookup(enum evpl_protocol_id *, const char *));
EXPORTED(evpl_protocol_available, int evpl_protocol_available(enum evpl_protocol_id));
EXPORTED(evpl_protocol_is_stream, int evpl_protocol_is_stream(enum evpl_protocol_id));
EXPORTED(evpl_protocol_is_local, int evpl_protocol_is_local(enum evpl_protocol_id));
EXPORTED(evpl_protocol_is_inproc, int evpl_protocol_is_inproc(enum evpl_protocol_id));

/* evpl_deferral.h */
EXPORTED(evpl_deferral_init, void evpl_deferral_init(struct evpl_deferral *, deferral_callback_t,
         void *));
EXPORTED(evpl_defer, void evpl_defer(struct evpl *, struct evpl_deferral *));
EXPORTED(evpl_remove_deferral, void evpl_remove_deferral(struct evpl *, struct evpl_deferral *));

/* evpl_doorbell.h */
EXPORTED(evpl_add_doorbell, void evpl_add_doorbell(struct evpl *, struct evpl_doorbell *,
         evpl_doorbell_callback_t));
EXPORTED(evpl_remove_doorbell, void evpl_remove_doorbell(struct evpl *, struct evpl_doorbell *));
EXPORTED(evpl_doorbell_fd, int evpl_doorbell_fd(struct evpl_doorbell *));
EXPORTED(evpl_ring_doorbell, void evpl_ring_doorbell(struct evpl_doorbell *));

/* evpl_endpoint.h */
EXPORTED(evpl_endpoint_create, struct evpl_endpoint *evpl_endpoint_create(const char *, int));
EXPORTED(evpl_endpoint_create_local,
         struct evpl_endpoint *evpl_endpoint_create_local(const char *));
EXPORTED(evpl_endpoint_create_inproc,
         struct evpl_endpoint *evpl_endpoint_create_inproc(const char *));
EXPORTED(evpl_endpoint_close, void evpl_endpoint_close(struct evpl_endpoint *));
EXPORTED(evpl_endpoint_is_local, int evpl_endpoint_is_local(const struct evpl_endpoint *));
EXPORTED(evpl_endpoint_is_inproc, int evpl_endpoint_is_inproc(const struct evpl_endpoint *));
EXPORTED(evpl_endpoint_address, const char *evpl_endpoint_address(const struct evpl_endpoint *));
EXPORTED(evpl_endpoint_port, int evpl_endpoint_port(const struct evpl_endpoint *));

/* evpl_fd_event.h */
EXPORTED(evpl_add_fd_event, void evpl_add_fd_event(struct evpl *, struct evpl_fd_event *, int,
         evpl_fd_event_callback_t, evpl_fd_event_callback_t, evpl_fd_event_callback_t));
EXPORTED(evpl_remove_fd_event, void evpl_remove_fd_event(struct evpl *, struct evpl_fd_event *));
EXPORTED(evpl_fd_event_fd, int evpl_fd_event_fd(struct evpl_fd_event *));
EXPORTED(evpl_fd_event_read_interest, void evpl_fd_event_read_interest(struct evpl *,
         struct evpl_fd_event *));
EXPORTED(evpl_fd_event_read_disinterest, void evpl_fd_event_read_disinterest(struct evpl *,
         struct evpl_fd_event *));
EXPORTED(evpl_fd_event_write_interest, void evpl_fd_event_write_interest(struct evpl *,
         struct evpl_fd_event *));
EXPORTED(evpl_fd_event_write_disinterest, void evpl_fd_event_write_disinterest(struct evpl *,
         struct evpl_fd_event *));
EXPORTED(evpl_fd_event_mark_readable, void evpl_fd_event_mark_readable(struct evpl *,
         struct evpl_fd_event *));
EXPORTED(evpl_fd_event_mark_unreadable, void evpl_fd_event_mark_unreadable(struct evpl *,
         struct evpl_fd_event *));
EXPORTED(evpl_fd_event_mark_unwritable, void evpl_fd_event_mark_unwritable(struct evpl *,
         struct evpl_fd_event *));

/* evpl_logging.h */
EXPORTED(evpl_set_log_fn, void evpl_set_log_fn(evpl_log_fn, evpl_flush_fn));
EXPORTED(evpl_abort, void evpl_abort(const char *, const char *, int, const char *, ...));

/* evpl_memory.h */
EXPORTED(evpl_iovec_profile_dump, void evpl_iovec_profile_dump(const char *));
EXPORTED(evpl_iovec_alloc, int evpl_iovec_alloc(struct evpl *, unsigned int, unsigned int,
         unsigned int, unsigned int, struct evpl_iovec *));
EXPORTED(evpl_iovec_alloc_global, void evpl_iovec_alloc_global(struct evpl *, struct evpl_iovec *));
EXPORTED(evpl_iovec_reserve, int evpl_iovec_reserve(struct evpl *, unsigned int, unsigned int,
         unsigned int, struct evpl_iovec *));
EXPORTED(evpl_iovec_commit, void evpl_iovec_commit(struct evpl *, unsigned int, struct evpl_iovec *,
         int));
EXPORTED(evpl_get_slab_size, uint64_t evpl_get_slab_size(void));
EXPORTED(evpl_slab_alloc, void *evpl_slab_alloc(void **));
INLINE(evpl_iovec_profile_assign, void evpl_iovec_profile_assign(struct evpl_iovec *iovec));
INLINE(evpl_iovec_profile_release, void evpl_iovec_profile_release(struct evpl_iovec *iovec));
INLINE(evpl_iovec_profile_move, void evpl_iovec_profile_move(struct evpl_iovec *dst,
       struct evpl_iovec *src));
INLINE(evpl_iovec_ref_release, void evpl_iovec_ref_release(struct evpl *evpl,
       struct evpl_iovec_ref *ref));
INLINE(evpl_iovec_release_internal, void evpl_iovec_release_internal(struct evpl *evpl,
       struct evpl_iovec *iovec));
INLINE(evpl_iovecs_release_internal, void evpl_iovecs_release_internal(struct evpl *evpl,
       struct evpl_iovec *iov, int niov));
INLINE(evpl_iovec_release, void evpl_iovec_release(struct evpl *evpl, struct evpl_iovec *iovec));
INLINE(evpl_iovecs_release, void evpl_iovecs_release(struct evpl *evpl, struct evpl_iovec *iov,
       int niov));
INLINE(evpl_iovec_data, void *evpl_iovec_data(const struct evpl_iovec *iovec));
INLINE(evpl_iovec_length, unsigned int evpl_iovec_length(const struct evpl_iovec *iovec));
INLINE(evpl_iovec_set_length, void evpl_iovec_set_length(struct evpl_iovec *iovec,
       unsigned int length));
INLINE(evpl_iovec_ref_incr, void evpl_iovec_ref_incr(struct evpl_iovec_ref *ref));
INLINE(evpl_iovec_take_ref, void evpl_iovec_take_ref(struct evpl_iovec *dst,
       struct evpl_iovec_ref *src));
INLINE(evpl_iovec_clone_segment, void evpl_iovec_clone_segment(struct evpl_iovec *dst,
       const struct evpl_iovec *src, unsigned int offset, unsigned int length));
INLINE(evpl_iovec_clone, void evpl_iovec_clone(struct evpl_iovec *dst, struct evpl_iovec *src));
INLINE(evpl_iovec_move_segment, void evpl_iovec_move_segment(struct evpl_iovec *dst,
       struct evpl_iovec *src, unsigned int offset, unsigned int length));
INLINE(evpl_iovec_move, void evpl_iovec_move(struct evpl_iovec *dst, struct evpl_iovec *src));
INLINE(evpl_iovec_set_ref, void evpl_iovec_set_ref(struct evpl_iovec *iovec,
       struct evpl_iovec_ref *ref));
INLINE(evpl_iovec_get_ref,
       struct evpl_iovec_ref *evpl_iovec_get_ref(const struct evpl_iovec *iovec));

/* evpl_poll.h */
EXPORTED(evpl_add_poll, struct evpl_poll *evpl_add_poll(struct evpl *, evpl_poll_enter_callback_t,
         evpl_poll_exit_callback_t, evpl_poll_callback_t, void *));
EXPORTED(evpl_remove_poll, void evpl_remove_poll(struct evpl *, struct evpl_poll *));
EXPORTED(evpl_activity, void evpl_activity(struct evpl *));
EXPORTED(evpl_poll_pin, void evpl_poll_pin(struct evpl *));
EXPORTED(evpl_poll_unpin, void evpl_poll_unpin(struct evpl *));

/* evpl_rdma.h */
EXPORTED(evpl_rdma_get_address, void evpl_rdma_get_address(struct evpl *, struct evpl_bind *,
         struct evpl_iovec *, uint32_t *, uint64_t *));
EXPORTED(evpl_rdma_read, void evpl_rdma_read(struct evpl *, struct evpl_bind *, uint32_t, uint64_t,
         struct evpl_iovec *, int, void (*)(int, void *), void *));
EXPORTED(evpl_rdma_write, void evpl_rdma_write(struct evpl *, struct evpl_bind *, uint32_t,
         uint64_t, struct evpl_iovec *, int, unsigned int, void (*)(int, void *), void *));

/* evpl_thread.h */
EXPORTED(evpl_thread_create, struct evpl_thread *evpl_thread_create(struct evpl_thread_config *,
         evpl_thread_init_callback_t, evpl_thread_shutdown_callback_t, void *));
EXPORTED(evpl_thread_destroy, void evpl_thread_destroy(struct evpl_thread *));
EXPORTED(evpl_threadpool_create,
         struct evpl_threadpool *evpl_threadpool_create(struct evpl_thread_config *, int,
         evpl_thread_init_callback_t, evpl_thread_shutdown_callback_t, void *));
EXPORTED(evpl_threadpool_destroy, void evpl_threadpool_destroy(struct evpl_threadpool *));

/* evpl_timer.h */
EXPORTED(evpl_add_timer, void evpl_add_timer(struct evpl *, struct evpl_timer *,
         evpl_timer_callback_t, uint64_t));
EXPORTED(evpl_add_oneshot_timer, void evpl_add_oneshot_timer(struct evpl *, struct evpl_timer *,
         evpl_timer_callback_t, uint64_t));
EXPORTED(evpl_remove_timer, void evpl_remove_timer(struct evpl *, struct evpl_timer *));

/* Callbacks. */
CALLBACK(evpl_notify_callback_t, void (*evpl_notify_callback_t)(struct evpl *, struct evpl_bind *,
         struct evpl_notify *, void *private_data));
CALLBACK(evpl_segment_callback_t, int (*evpl_segment_callback_t)(struct evpl *, struct evpl_bind *,
         void *private_data));
CALLBACK(evpl_attach_callback_t, void (*evpl_attach_callback_t)(struct evpl *, struct evpl_bind *,
         evpl_notify_callback_t *, evpl_segment_callback_t *, void **conn_private_data,
         void *private_data));
CALLBACK(evpl_block_callback_t, void (*evpl_block_callback_t)(struct evpl *, int status,
         void *private_data));
CALLBACK(evpl_loop_callback_t, void (*evpl_loop_callback_t)(struct evpl *, void *private_data));
CALLBACK(deferral_callback_t, void (*deferral_callback_t)(struct evpl *, void *private_data));
CALLBACK(evpl_doorbell_callback_t, void (*evpl_doorbell_callback_t)(struct evpl *,
         struct evpl_doorbell *));
CALLBACK(evpl_fd_event_callback_t, void (*evpl_fd_event_callback_t)(struct evpl *,
         struct evpl_fd_event *));
CALLBACK(evpl_log_fn, void (*evpl_log_fn)(const char *level, const char *module,
         const char *srcfile, int lineno, const char *fmt, va_list argp));
CALLBACK(evpl_flush_fn, void (*evpl_flush_fn)(void));
CALLBACK(evpl_poll_enter_callback_t, void (*evpl_poll_enter_callback_t)(struct evpl *,
         void *private_data));
CALLBACK(evpl_poll_exit_callback_t, void (*evpl_poll_exit_callback_t)(struct evpl *,
         void *private_data));
CALLBACK(evpl_poll_callback_t, void (*evpl_poll_callback_t)(struct evpl *, void *private_data));
CALLBACK(evpl_thread_init_callback_t, void *(*evpl_thread_init_callback_t)(struct evpl *,
         void *private_data));
CALLBACK(evpl_thread_shutdown_callback_t, void (*evpl_thread_shutdown_callback_t)(struct evpl *,
         void *private_data));
CALLBACK(evpl_timer_callback_t, void (*evpl_timer_callback_t)(struct evpl *, struct evpl_timer *));
