/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_BIND_H
#define EVPL_BIND_H

/* Generated from src/capi/bind.rs by `make headers`; change it there. */

#include "evpl_core.h"

/** One thread's context: event loop, transport state and buffers. */
struct evpl;
/** A resolved address. */
struct evpl_address;
/** Our end of a flow: a connection or a datagram socket. */
struct evpl_bind;
/** The name of a peer or of a listening point. */
struct evpl_endpoint;
struct evpl_iovec;
/** A shared accept point. */
struct evpl_listener;
/** One thread's membership in a listener. */
struct evpl_listener_binding;
struct evpl_notify;
struct evpl_notify_recv_msg;
struct evpl_notify_sent;

/**
 * A received message, of type EVPL_NOTIFY_RECV_MSG. The array belongs to the library and is valid
 * during the callback. One reference of each iovec passes to the application, which releases it
 * exactly once, then or later on the same thread.
 */
struct evpl_notify_recv_msg {
    struct evpl_iovec *iovec;
    unsigned int niov;
    /** Bytes in all. */
    unsigned int length;
    /** The sender, borrowed for the callback. */
    struct evpl_address *addr;
};

/** What was handed to the transport since the last such event, of type EVPL_NOTIFY_SENT. */
struct evpl_notify_sent {
    unsigned long bytes;
    /** Whole messages; 0 on a stream without a segment callback. */
    unsigned long msgs;
};

/** One event of a bind, valid during the notify callback. */
struct evpl_notify {
    /** One of EVPL_NOTIFY_*. */
    unsigned int notify_type;
    /** Always 0. */
    int notify_status;
    union {
        struct evpl_notify_recv_msg recv_msg;
        struct evpl_notify_sent sent;
    };
};

/**
 * The connection is established. At most once per bind.
 */
#define EVPL_NOTIFY_CONNECTED 1

/**
 * The bind is gone when the callback returns. Exactly once, and last.
 */
#define EVPL_NOTIFY_DISCONNECTED 2

/**
 * New bytes of a stream can be read with the evpl_recv and evpl_peek families.
 */
#define EVPL_NOTIFY_RECV_DATA 3

/**
 * One message; see evpl_notify_recv_msg.
 */
#define EVPL_NOTIFY_RECV_MSG 4

/**
 * Bytes were handed to the transport; see evpl_notify_sent. Only if requested.
 */
#define EVPL_NOTIFY_SENT 5

/**
 * The library takes over the caller's reference of every iovec given.
 */
#define EVPL_SEND_FLAG_TAKE_REF 1

/**
 * Receive nothing unless all the bytes asked for are there.
 */
#define EVPL_RECV_FLAG_ALL_OR_NONE 1

/**
 * Room for the text of any address, terminator included.
 */
#define EVPL_ADDRESS_STRLEN 128

/**
 * Reports an event of a bind, on its thread. `notify` is valid during the call only.
 */
typedef void (*evpl_notify_callback_t)(struct evpl *evpl,
                                       struct evpl_bind *bind,
                                       struct evpl_notify *notify,
                                       void *private_data);

/**
 * Finds the next message at the head of a stream's received bytes, which it may evpl_peek.
 * Returns its length in bytes, header included; 0 if more bytes are needed to tell; a negative
 * value to close the connection.
 */
typedef int (*evpl_segment_callback_t)(struct evpl *evpl, struct evpl_bind *bind, void *private_data);

/**
 * Called for each accepted connection on the thread that will own it. It must set
 * `*notify_callback`, and may set `*segment_callback` and `*conn_private_data`; all three arrive
 * as NULL. `private_data` is the one given to evpl_listener_attach.
 */
typedef void (*evpl_attach_callback_t)(struct evpl *evpl,
                                       struct evpl_bind *bind,
                                       evpl_notify_callback_t *notify_callback,
                                       evpl_segment_callback_t *segment_callback,
                                       void **conn_private_data,
                                       void *private_data);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Creates a listener, which accepts connections on a thread of its own and hands them to the loops
 * attached to it in turn. Any thread; initialises the library if needed. Never NULL.
 * evpl_listener_destroy frees it.
 */
struct evpl_listener *evpl_listener_create(void);

/**
 * Stops listening and frees the listener. Accepted connections stay. Loops that are still attached
 * detach afterwards. Any thread but the listener's own; once.
 */
void evpl_listener_destroy(struct evpl_listener *listener);

/**
 * Has the loop take its turn in accepting the listener's connections: `attach_callback` runs on
 * its thread with `private_data` for each. A loop may attach several times. Returns the membership,
 * which evpl_listener_detach frees. Owner thread of `evpl` only.
 */
struct evpl_listener_binding *evpl_listener_attach(struct evpl *evpl,
                                                   struct evpl_listener *listener,
                                                   evpl_attach_callback_t attach_callback,
                                                   void *private_data);

/**
 * Ends a membership and frees it; its attach callback does not run afterwards. Connections already
 * accepted stay. Also after the listener was destroyed. Owner thread of `evpl` only.
 */
void evpl_listener_detach(struct evpl *evpl, struct evpl_listener_binding *binding);

/**
 * Listens at `endpoint`, in addition to what the listener does already, until it is destroyed.
 * Any thread but the listener's own. Returns 0 when peers can connect, or -1 with errno set; the
 * listener is as before then.
 */
int evpl_listen(struct evpl_listener *listener,
                enum evpl_protocol_id protocol,
                struct evpl_endpoint *endpoint);

/**
 * Connects to `remote`, from `local` if that is not NULL. Both endpoints may be closed when the
 * call returns. `notify` receives the bind's events; with `segment`, which may be NULL, a stream is
 * delivered in messages. No callback runs inside this call: success is EVPL_NOTIFY_CONNECTED, every
 * failure of the connection EVPL_NOTIFY_DISCONNECTED without it. Data may be sent at once.
 *
 * Returns NULL if the protocol is not available, an endpoint is not of its kind, or a name cannot
 * be resolved. Otherwise the bind is the library's, and usable until EVPL_NOTIFY_DISCONNECTED
 * returns. Aborts for a protocol that has no connections. Owner thread only.
 */
struct evpl_bind *evpl_connect(struct evpl *evpl,
                               enum evpl_protocol_id protocol,
                               struct evpl_endpoint *local,
                               struct evpl_endpoint *remote,
                               evpl_notify_callback_t notify,
                               evpl_segment_callback_t segment,
                               void *private_data);

/**
 * Opens a datagram bind at `endpoint`, which may be closed when the call returns. It is usable at
 * once and gets no EVPL_NOTIFY_CONNECTED. Returns NULL if the protocol is not available, the
 * endpoint is not of its kind, cannot be resolved or cannot be bound to. Aborts for a protocol that
 * needs connections. Owner thread only.
 */
struct evpl_bind *evpl_bind(struct evpl *evpl,
                            enum evpl_protocol_id protocol,
                            struct evpl_endpoint *endpoint,
                            evpl_notify_callback_t notify,
                            void *private_data);

/**
 * Has the bind report EVPL_NOTIFY_SENT from now on, also for data that is queued already. Cannot be
 * taken back. Owner thread only.
 */
void evpl_bind_request_send_notifications(struct evpl *evpl, struct evpl_bind *bind);

/**
 * Sends a copy of `length` bytes to the peer of a connected bind. Queued without limit and handed
 * to the transport by the end of the pass; dropped if the bind is closing. Owner thread only.
 */
void evpl_send(struct evpl *evpl, struct evpl_bind *bind, const void *buffer, unsigned int length);

/**
 * Sends the first `length` bytes of the `niov` iovecs to the peer of a connected bind, without
 * copying. They must hold that many; with `niov` 0 nothing happens. The bytes must not change until
 * they are sent.
 *
 * With EVPL_SEND_FLAG_TAKE_REF in `flags` the library takes over the caller's reference of every
 * iovec, used or not, and sets `data` of those it used to NULL; without, the caller keeps its own.
 * The array is not kept. Owner thread only.
 */
void evpl_sendv(struct evpl *evpl,
                struct evpl_bind *bind,
                struct evpl_iovec *iovecs,
                int niov,
                int length,
                unsigned int flags);

/**
 * evpl_send to the given address, such as the sender of a received message; a connected bind
 * ignores it. The library holds its own reference of the address. Owner thread only.
 */
void evpl_sendto(struct evpl *evpl,
                 struct evpl_bind *bind,
                 struct evpl_address *address,
                 const void *buffer,
                 unsigned int length);

/**
 * evpl_send to what `endpoint` names; the message is dropped with a log line if it cannot be
 * resolved. The endpoint may be closed when the call returns. Owner thread only.
 */
void evpl_sendtoep(struct evpl *evpl,
                   struct evpl_bind *bind,
                   struct evpl_endpoint *endpoint,
                   const void *buffer,
                   unsigned int length);

/**
 * evpl_sendv to the given address; a connected bind ignores it. Owner thread only.
 */
void evpl_sendtov(struct evpl *evpl,
                  struct evpl_bind *bind,
                  struct evpl_address *address,
                  struct evpl_iovec *iovecs,
                  int niov,
                  int length,
                  unsigned int flags);

/**
 * evpl_sendv to what `endpoint` names; if it cannot be resolved the message is dropped with a log
 * line, and references that were to be taken are released. Owner thread only.
 */
void evpl_sendtoepv(struct evpl *evpl,
                    struct evpl_bind *bind,
                    struct evpl_endpoint *endpoint,
                    struct evpl_iovec *iovecs,
                    int niov,
                    int length,
                    unsigned int flags);

/**
 * Copies up to `length` received bytes of a stream without removing them. Owner thread only, also
 * from a segment callback. Returns the bytes copied, 0 if there are none, or -1 with errno EINVAL
 * for NULL, a length of 0 or less, or a protocol of messages.
 */
int evpl_peek(struct evpl *evpl, struct evpl_bind *bind, void *buffer, int length);

/**
 * Fills up to `maxiovecs` iovecs with up to `length` received bytes of a stream without removing
 * them. They are borrowed: not to be released, and valid until the bytes are consumed or the
 * callback returns. Owner thread only, also from a segment callback. Returns the number of iovecs,
 * 0 if there are no bytes, or -1 with errno EINVAL as evpl_peek.
 */
int evpl_peekv(struct evpl *evpl,
               struct evpl_bind *bind,
               struct evpl_iovec *iovecs,
               int maxiovecs,
               int length);

/**
 * Removes `length` received bytes. Owner thread only. Returns 0, or -1 if fewer are there, and
 * removes none then.
 */
int evpl_consume(struct evpl *evpl, struct evpl_bind *bind, int length);

/**
 * Copies up to `length` received bytes of a stream and removes them; with
 * EVPL_RECV_FLAG_ALL_OR_NONE in `flags`, all of them or none. Bytes left are not notified again.
 * Owner thread only. Returns the bytes copied, 0 if there are none, or -1 with errno EINVAL for
 * NULL, a length of 0 or less, a protocol of messages, or a bind with a segment callback.
 */
int evpl_recv(struct evpl *evpl,
              struct evpl_bind *bind,
              void *buffer,
              int length,
              unsigned int flags);

/**
 * Moves up to `maxlength` received bytes of a stream into up to `maxiovecs` iovecs without
 * copying. The caller owns one reference of each and releases it. `r_length`, which may be NULL,
 * receives the bytes. Owner thread only. Returns the number of iovecs, 0 if there are no bytes, or
 * -1 with errno EINVAL as evpl_recv.
 */
int evpl_recvv(struct evpl *evpl,
               struct evpl_bind *bind,
               struct evpl_iovec *iovecs,
               int maxiovecs,
               int maxlength,
               int *r_length);

/**
 * Closes the bind, discarding what is not yet sent. It stays usable until EVPL_NOTIFY_DISCONNECTED
 * has returned, which comes in a later pass and never inside this call. Repeated calls do nothing.
 * Owner thread only.
 */
void evpl_close(struct evpl *evpl, struct evpl_bind *bind);

/**
 * Closes the bind once everything queued has been handed to the transport. Until then data is
 * still received, and may still be sent. Owner thread only.
 */
void evpl_finish(struct evpl *evpl, struct evpl_bind *bind);

/**
 * Writes our address as text, such as "10.0.0.1:80", "[::1]:80", "unix:/path" or "inproc:name#1",
 * and "(NULL)" if there is none; cut to `length` bytes, of which EVPL_ADDRESS_STRLEN are always
 * enough, and terminated. Owner thread only.
 */
void evpl_bind_get_local_address(struct evpl_bind *bind, char *text, int length);

/**
 * Writes the peer's address as text, as evpl_bind_get_local_address does ours. Owner thread only.
 */
void evpl_bind_get_remote_address(struct evpl_bind *bind, char *text, int length);

/**
 * The protocol of the bind. Owner thread only.
 */
enum evpl_protocol_id evpl_bind_get_protocol(struct evpl_bind *bind);

/**
 * 1 if the bind can do one-sided reads and writes, else 0. Owner thread only.
 */
int evpl_bind_is_rdma(struct evpl_bind *bind);

/**
 * 1 from the moment that evpl_close or evpl_finish was called or the connection ended, else 0.
 * Owner thread only.
 */
int evpl_bind_is_closing(struct evpl_bind *bind);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVPL_BIND_H */
