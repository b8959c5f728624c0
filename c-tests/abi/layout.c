/*
 * What programs were compiled against: the value of every constant, and the size, alignment and
 * field offsets of every structure whose storage or fields callers see. Compiled as C and as C++.
 */

#include <evpl/evpl.h>

#include <assert.h>
#include <stddef.h>

#ifdef __cplusplus
#define ALIGNMENT(type) alignof(type)
#else
#define ALIGNMENT(type) _Alignof(type)
#endif

#define VALUE(name, value) static_assert((int) (name) == (value), #name)
#define TYPE(type, size, alignment)                                                            \
    static_assert(sizeof(type) == (size) && ALIGNMENT(type) == (alignment), #type)
#define FIELD(type, field, offset, size)                                                       \
    static_assert(offsetof(type, field) == (offset) && sizeof(((type *) 0)->field) == (size),  \
                  #type "." #field)

VALUE(EVPL_FRAMEWORK_RDMACM, 0);
VALUE(EVPL_FRAMEWORK_XLIO, 1);
VALUE(EVPL_FRAMEWORK_IO_URING, 2);
VALUE(EVPL_FRAMEWORK_VFIO, 3);
VALUE(EVPL_FRAMEWORK_TLS, 4);
VALUE(EVPL_FRAMEWORK_TCP_RDMA, 5);
VALUE(EVPL_FRAMEWORK_LIBAIO, 6);
VALUE(EVPL_FRAMEWORK_INPROC, 7);
VALUE(EVPL_NUM_FRAMEWORK, 8);
VALUE(EVPL_DATAGRAM_SOCKET_UDP, 0);
VALUE(EVPL_DATAGRAM_RDMACM_RC, 1);
VALUE(EVPL_DATAGRAM_RDMACM_UD, 2);
VALUE(EVPL_STREAM_SOCKET_TCP, 3);
VALUE(EVPL_STREAM_XLIO_TCP, 4);
VALUE(EVPL_STREAM_IO_URING_TCP, 5);
VALUE(EVPL_STREAM_RDMACM_RC, 6);
VALUE(EVPL_STREAM_SOCKET_TLS, 7);
VALUE(EVPL_DATAGRAM_TCP_RDMA, 8);
VALUE(EVPL_STREAM_SOCKET_UNIX, 9);
VALUE(EVPL_STREAM_INPROC, 10);
VALUE(EVPL_DATAGRAM_INPROC, 11);
VALUE(EVPL_NUM_PROTO, 12);
VALUE(EVPL_BLOCK_PROTOCOL_IO_URING, 0);
VALUE(EVPL_BLOCK_PROTOCOL_VFIO, 1);
VALUE(EVPL_BLOCK_PROTOCOL_LIBAIO, 2);
VALUE(EVPL_BLOCK_PROTOCOL_IO_URING_NVME, 3);
VALUE(EVPL_NUM_BLOCK_PROTOCOL, 4);
VALUE(EVPL_CORE_MECH_DEFAULT, 0);
VALUE(EVPL_CORE_MECH_EPOLL, 1);
VALUE(EVPL_CORE_MECH_KQUEUE, 2);
VALUE(EVPL_CORE_MECH_SELECT, 3);
VALUE(EVPL_NOTIFY_CONNECTED, 1);
VALUE(EVPL_NOTIFY_DISCONNECTED, 2);
VALUE(EVPL_NOTIFY_RECV_DATA, 3);
VALUE(EVPL_NOTIFY_RECV_MSG, 4);
VALUE(EVPL_NOTIFY_SENT, 5);
VALUE(EVPL_SEND_FLAG_TAKE_REF, 1);
VALUE(EVPL_RECV_FLAG_ALL_OR_NONE, 1);
VALUE(EVPL_ADDRESS_STRLEN, 128);
VALUE(EVPL_IOVEC_FLAG_SHARED, 1);
VALUE(EVPL_IOVEC_FLAG_GLOBAL, 2);
VALUE(EVPL_RDMA_FLAG_TAKE_REF, 1);

TYPE(struct evpl_notify, 32, 8);
FIELD(struct evpl_notify, notify_type, 0, 4);
FIELD(struct evpl_notify, notify_status, 4, 4);
FIELD(struct evpl_notify, recv_msg.iovec, 8, 8);
FIELD(struct evpl_notify, recv_msg.niov, 16, 4);
FIELD(struct evpl_notify, recv_msg.length, 20, 4);
FIELD(struct evpl_notify, recv_msg.addr, 24, 8);
FIELD(struct evpl_notify, sent.bytes, 8, 8);
FIELD(struct evpl_notify, sent.msgs, 16, 8);

#ifdef EVPL_IOVEC_PROFILE
TYPE(struct evpl_iovec, 32, 8);
FIELD(struct evpl_iovec, profile_site, 16, 4);
FIELD(struct evpl_iovec, ref, 24, 8);
#else
TYPE(struct evpl_iovec, 24, 8);
FIELD(struct evpl_iovec, ref, 16, 8);
#endif
FIELD(struct evpl_iovec, data, 0, 8);
FIELD(struct evpl_iovec, length, 8, 4);
FIELD(struct evpl_iovec, pad, 12, 4);

#ifdef EVPL_IOVEC_TRACE
TYPE(struct evpl_iovec_ref, 32, 8);
FIELD(struct evpl_iovec_ref, owner_thread, 24, 8);
TYPE(struct evpl_iovec_canary, 24, 8);
FIELD(struct evpl_iovec_canary, magic, 0, 4);
FIELD(struct evpl_iovec_canary, real_ref, 8, 8);
FIELD(struct evpl_iovec_canary, owner, 16, 8);
#else
TYPE(struct evpl_iovec_ref, 24, 8);
#endif
FIELD(struct evpl_iovec_ref, refcnt, 0, 4);
FIELD(struct evpl_iovec_ref, refcnt_atomic, 0, 4);
FIELD(struct evpl_iovec_ref, flags, 4, 4);
FIELD(struct evpl_iovec_ref, slab, 8, 8);
FIELD(struct evpl_iovec_ref, release, 16, 8);

TYPE(struct evpl_timer, 32, 8);
FIELD(struct evpl_timer, callback, 0, 8);
FIELD(struct evpl_timer, interval, 8, 8);
FIELD(struct evpl_timer, deadline, 16, 8);
FIELD(struct evpl_timer, oneshot, 24, 4);

TYPE(struct evpl_deferral, 24, 8);
FIELD(struct evpl_deferral, callback, 0, 8);
FIELD(struct evpl_deferral, private_data, 8, 8);
FIELD(struct evpl_deferral, armed, 16, 8);

TYPE(struct evpl_doorbell, 64, 8);
FIELD(struct evpl_doorbell, opaque, 0, 64);

TYPE(struct evpl_fd_event, 80, 8);
FIELD(struct evpl_fd_event, opaque, 0, 80);

TYPE(struct evpl_loop_hooks, 32, 8);
FIELD(struct evpl_loop_hooks, iteration_end, 0, 8);
FIELD(struct evpl_loop_hooks, pre_wait, 8, 8);
FIELD(struct evpl_loop_hooks, post_wait, 16, 8);
FIELD(struct evpl_loop_hooks, private_data, 24, 8);
