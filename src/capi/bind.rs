//! evpl_bind.h: listeners, binds, and moving data through them.

use core::ffi::{c_char, c_int, c_uint, c_void};

use super::boundary::{
    bind_maybe, bind_ref, bytes, endpoint_maybe, endpoint_ref, evpl_maybe, evpl_protocol_id,
    evpl_ref, failed, listener_ref, required, required_callback, text_out,
};
use crate::abi::{
    evpl, evpl_address, evpl_attach_callback_t, evpl_bind, evpl_endpoint, evpl_iovec,
    evpl_listener, evpl_listener_binding, evpl_notify_callback_t, evpl_segment_callback_t,
};
use crate::api::{Listener, recv};

/// Creates a listener, which accepts connections on a thread of its own and hands them to the loops
/// attached to it in turn. Any thread; initialises the library if needed. Never NULL.
/// evpl_listener_destroy frees it.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_listener_create() -> *mut evpl_listener {
    Listener::create()
}

/// Stops listening and frees the listener. Accepted connections stay. Loops that are still attached
/// detach afterwards. Any thread but the listener's own; once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_listener_destroy(listener: *mut evpl_listener) {
    Listener::destroy(required(listener, "listener", "evpl_listener_destroy"));
}

/// Has the loop take its turn in accepting the listener's connections: `attach_callback` runs on
/// its thread with `private_data` for each. A loop may attach several times. Returns the membership,
/// which evpl_listener_detach frees. Owner thread of `evpl` only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_listener_attach(
    evpl: *mut evpl,
    listener: *mut evpl_listener,
    attach_callback: evpl_attach_callback_t,
    private_data: *mut c_void,
) -> *mut evpl_listener_binding {
    let callback = required_callback(attach_callback, "attach_callback", "evpl_listener_attach");
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_listener_attach") };
    // SAFETY: a live listener.
    let listener = unsafe { listener_ref(listener, "evpl_listener_attach") };
    evpl.listener_attach(listener, callback, private_data)
}

/// Ends a membership and frees it; its attach callback does not run afterwards. Connections already
/// accepted stay. Also after the listener was destroyed. Owner thread of `evpl` only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_listener_detach(
    evpl: *mut evpl,
    binding: *mut evpl_listener_binding,
) {
    let binding = required(binding, "binding", "evpl_listener_detach");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_listener_detach") }.listener_detach(binding);
}

/// Listens at `endpoint`, in addition to what the listener does already, until it is destroyed.
/// Any thread but the listener's own. Returns 0 when peers can connect, or -1 with errno set; the
/// listener is as before then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_listen(
    listener: *mut evpl_listener,
    protocol: evpl_protocol_id,
    endpoint: *mut evpl_endpoint,
) -> c_int {
    // SAFETY: a live listener.
    let listener = unsafe { listener_ref(listener, "evpl_listen") };
    // SAFETY: a live endpoint.
    let endpoint = unsafe { endpoint_ref(endpoint, "evpl_listen") };
    listener
        .listen(protocol, endpoint)
        .map_or_else(failed, |()| 0)
}

/// Connects to `remote`, from `local` if that is not NULL. Both endpoints may be closed when the
/// call returns. `notify` receives the bind's events; with `segment`, which may be NULL, a stream is
/// delivered in messages. No callback runs inside this call: success is EVPL_NOTIFY_CONNECTED, every
/// failure of the connection EVPL_NOTIFY_DISCONNECTED without it. Data may be sent at once.
///
/// Returns NULL if the protocol is not available, an endpoint is not of its kind, or a name cannot
/// be resolved. Otherwise the bind is the library's, and usable until EVPL_NOTIFY_DISCONNECTED
/// returns. Aborts for a protocol that has no connections. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_connect(
    evpl: *mut evpl,
    protocol: evpl_protocol_id,
    local: *mut evpl_endpoint,
    remote: *mut evpl_endpoint,
    notify: evpl_notify_callback_t,
    segment: evpl_segment_callback_t,
    private_data: *mut c_void,
) -> *mut evpl_bind {
    let notify = required_callback(notify, "notify", "evpl_connect");
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_connect") };
    // SAFETY: NULL or a live endpoint.
    let local = unsafe { endpoint_maybe(local) };
    // SAFETY: a live endpoint.
    let remote = unsafe { endpoint_ref(remote, "evpl_connect") };
    evpl.connect(protocol, local, remote, notify, segment, private_data)
}

/// Opens a datagram bind at `endpoint`, which may be closed when the call returns. It is usable at
/// once and gets no EVPL_NOTIFY_CONNECTED. Returns NULL if the protocol is not available, the
/// endpoint is not of its kind, cannot be resolved or cannot be bound to. Aborts for a protocol that
/// needs connections. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_bind(
    evpl: *mut evpl,
    protocol: evpl_protocol_id,
    endpoint: *mut evpl_endpoint,
    notify: evpl_notify_callback_t,
    private_data: *mut c_void,
) -> *mut evpl_bind {
    let notify = required_callback(notify, "notify", "evpl_bind");
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_bind") };
    // SAFETY: a live endpoint.
    let endpoint = unsafe { endpoint_ref(endpoint, "evpl_bind") };
    evpl.bind(protocol, endpoint, notify, private_data)
}

/// Has the bind report EVPL_NOTIFY_SENT from now on, also for data that is queued already. Cannot be
/// taken back. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_bind_request_send_notifications(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
) {
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_bind_request_send_notifications") };
    // SAFETY: a live bind of that loop.
    let bind = unsafe { bind_ref(bind, "evpl_bind_request_send_notifications") };
    evpl.request_send_notifications(bind);
}

/// Sends a copy of `length` bytes to the peer of a connected bind. Queued without limit and handed
/// to the transport by the end of the pass; dropped if the bind is closing. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_send(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    buffer: *const c_void,
    length: c_uint,
) {
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_send") };
    // SAFETY: a live bind of that loop.
    let bind = unsafe { bind_ref(bind, "evpl_send") };
    // SAFETY: the caller's `length` bytes.
    evpl.send(bind, unsafe { bytes(buffer, length, "evpl_send") });
}

/// Sends the first `length` bytes of the `niov` iovecs to the peer of a connected bind, without
/// copying. They must hold that many; with `niov` 0 nothing happens. The bytes must not change until
/// they are sent.
///
/// With EVPL_SEND_FLAG_TAKE_REF in `flags` the library takes over the caller's reference of every
/// iovec, used or not, and sets `data` of those it used to NULL; without, the caller keeps its own.
/// The array is not kept. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_sendv(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    iovecs: *mut evpl_iovec,
    niov: c_int,
    length: c_int,
    flags: c_uint,
) {
    let iovecs = array(iovecs, niov, "evpl_sendv");
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_sendv") };
    // SAFETY: a live bind of that loop.
    let bind = unsafe { bind_ref(bind, "evpl_sendv") };
    evpl.sendv(bind, iovecs, niov, length, flags);
}

/// evpl_send to the given address, such as the sender of a received message; a connected bind
/// ignores it. The library holds its own reference of the address. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_sendto(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    address: *mut evpl_address,
    buffer: *const c_void,
    length: c_uint,
) {
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_sendto") };
    // SAFETY: a live bind of that loop.
    let bind = unsafe { bind_ref(bind, "evpl_sendto") };
    // SAFETY: the caller's `length` bytes.
    evpl.sendto(bind, address, unsafe {
        bytes(buffer, length, "evpl_sendto")
    });
}

/// evpl_send to what `endpoint` names; the message is dropped with a log line if it cannot be
/// resolved. The endpoint may be closed when the call returns. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_sendtoep(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    endpoint: *mut evpl_endpoint,
    buffer: *const c_void,
    length: c_uint,
) {
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_sendtoep") };
    // SAFETY: a live bind of that loop.
    let bind = unsafe { bind_ref(bind, "evpl_sendtoep") };
    // SAFETY: a live endpoint.
    let endpoint = unsafe { endpoint_ref(endpoint, "evpl_sendtoep") };
    // SAFETY: the caller's `length` bytes.
    evpl.sendtoep(bind, endpoint, unsafe {
        bytes(buffer, length, "evpl_sendtoep")
    });
}

/// evpl_sendv to the given address; a connected bind ignores it. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_sendtov(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    address: *mut evpl_address,
    iovecs: *mut evpl_iovec,
    niov: c_int,
    length: c_int,
    flags: c_uint,
) {
    let iovecs = array(iovecs, niov, "evpl_sendtov");
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_sendtov") };
    // SAFETY: a live bind of that loop.
    let bind = unsafe { bind_ref(bind, "evpl_sendtov") };
    evpl.sendtov(bind, address, iovecs, niov, length, flags);
}

/// evpl_sendv to what `endpoint` names; if it cannot be resolved the message is dropped with a log
/// line, and references that were to be taken are released. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_sendtoepv(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    endpoint: *mut evpl_endpoint,
    iovecs: *mut evpl_iovec,
    niov: c_int,
    length: c_int,
    flags: c_uint,
) {
    let iovecs = array(iovecs, niov, "evpl_sendtoepv");
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_sendtoepv") };
    // SAFETY: a live bind of that loop.
    let bind = unsafe { bind_ref(bind, "evpl_sendtoepv") };
    // SAFETY: a live endpoint.
    let endpoint = unsafe { endpoint_ref(endpoint, "evpl_sendtoepv") };
    evpl.sendtoepv(bind, endpoint, iovecs, niov, length, flags);
}

/// Copies up to `length` received bytes of a stream without removing them. Owner thread only, also
/// from a segment callback. Returns the bytes copied, 0 if there are none, or -1 with errno EINVAL
/// for NULL, a length of 0 or less, or a protocol of messages.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_peek(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    buffer: *mut c_void,
    length: c_int,
) -> c_int {
    // SAFETY: NULL, or a live loop of this thread.
    let evpl = unsafe { evpl_maybe(evpl, "evpl_peek") };
    // SAFETY: NULL, or a live bind of that loop.
    recv::peek(evpl, unsafe { bind_maybe(bind) }, buffer, length)
}

/// Fills up to `maxiovecs` iovecs with up to `length` received bytes of a stream without removing
/// them. They are borrowed: not to be released, and valid until the bytes are consumed or the
/// callback returns. Owner thread only, also from a segment callback. Returns the number of iovecs,
/// 0 if there are no bytes, or -1 with errno EINVAL as evpl_peek.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_peekv(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    iovecs: *mut evpl_iovec,
    maxiovecs: c_int,
    length: c_int,
) -> c_int {
    // SAFETY: NULL, or a live loop of this thread.
    let evpl = unsafe { evpl_maybe(evpl, "evpl_peekv") };
    // SAFETY: NULL, or a live bind of that loop.
    recv::peekv(evpl, unsafe { bind_maybe(bind) }, iovecs, maxiovecs, length)
}

/// Removes `length` received bytes. Owner thread only. Returns 0, or -1 if fewer are there, and
/// removes none then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_consume(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    length: c_int,
) -> c_int {
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_consume") };
    // SAFETY: a live bind of that loop.
    let bind = unsafe { bind_ref(bind, "evpl_consume") };
    evpl.consume(bind, length)
}

/// Copies up to `length` received bytes of a stream and removes them; with
/// EVPL_RECV_FLAG_ALL_OR_NONE in `flags`, all of them or none. Bytes left are not notified again.
/// Owner thread only. Returns the bytes copied, 0 if there are none, or -1 with errno EINVAL for
/// NULL, a length of 0 or less, a protocol of messages, or a bind with a segment callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_recv(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    buffer: *mut c_void,
    length: c_int,
    flags: c_uint,
) -> c_int {
    // SAFETY: NULL, or a live loop of this thread.
    let evpl = unsafe { evpl_maybe(evpl, "evpl_recv") };
    // SAFETY: NULL, or a live bind of that loop.
    recv::recv(evpl, unsafe { bind_maybe(bind) }, buffer, length, flags)
}

/// Moves up to `maxlength` received bytes of a stream into up to `maxiovecs` iovecs without
/// copying. The caller owns one reference of each and releases it. `r_length`, which may be NULL,
/// receives the bytes. Owner thread only. Returns the number of iovecs, 0 if there are no bytes, or
/// -1 with errno EINVAL as evpl_recv.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_recvv(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    iovecs: *mut evpl_iovec,
    maxiovecs: c_int,
    maxlength: c_int,
    r_length: *mut c_int,
) -> c_int {
    // SAFETY: NULL, or a live loop of this thread.
    let evpl = unsafe { evpl_maybe(evpl, "evpl_recvv") };
    // SAFETY: NULL, or a live bind of that loop.
    let bind = unsafe { bind_maybe(bind) };
    recv::recvv(evpl, bind, iovecs, maxiovecs, maxlength, r_length)
}

/// Closes the bind, discarding what is not yet sent. It stays usable until EVPL_NOTIFY_DISCONNECTED
/// has returned, which comes in a later pass and never inside this call. Repeated calls do nothing.
/// Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_close(evpl: *mut evpl, bind: *mut evpl_bind) {
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_close") };
    // SAFETY: a live bind of that loop.
    evpl.close(unsafe { bind_ref(bind, "evpl_close") });
}

/// Closes the bind once everything queued has been handed to the transport. Until then data is
/// still received, and may still be sent. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_finish(evpl: *mut evpl, bind: *mut evpl_bind) {
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_finish") };
    // SAFETY: a live bind of that loop.
    evpl.finish(unsafe { bind_ref(bind, "evpl_finish") });
}

/// Writes our address as text, such as "10.0.0.1:80", "[::1]:80", "unix:/path" or "inproc:name#1",
/// and "(NULL)" if there is none; cut to `length` bytes, of which EVPL_ADDRESS_STRLEN are always
/// enough, and terminated. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_bind_get_local_address(
    bind: *mut evpl_bind,
    text: *mut c_char,
    length: c_int,
) {
    // SAFETY: a live bind of this thread's loop.
    let bind = unsafe { bind_ref(bind, "evpl_bind_get_local_address") };
    // SAFETY: the caller has room for `length` bytes.
    unsafe { text_out(&bind.local_address_text(), text, length) };
}

/// Writes the peer's address as text, as evpl_bind_get_local_address does ours. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_bind_get_remote_address(
    bind: *mut evpl_bind,
    text: *mut c_char,
    length: c_int,
) {
    // SAFETY: a live bind of this thread's loop.
    let bind = unsafe { bind_ref(bind, "evpl_bind_get_remote_address") };
    // SAFETY: the caller has room for `length` bytes.
    unsafe { text_out(&bind.remote_address_text(), text, length) };
}

/// The protocol of the bind. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_bind_get_protocol(bind: *mut evpl_bind) -> evpl_protocol_id {
    // SAFETY: a live bind of this thread's loop.
    unsafe { bind_ref(bind, "evpl_bind_get_protocol") }.protocol_id()
}

/// 1 if the bind can do one-sided reads and writes, else 0. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_bind_is_rdma(bind: *mut evpl_bind) -> c_int {
    // SAFETY: a live bind of this thread's loop.
    unsafe { bind_ref(bind, "evpl_bind_is_rdma") }
        .is_rdma()
        .into()
}

/// 1 from the moment that evpl_close or evpl_finish was called or the connection ended, else 0.
/// Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_bind_is_closing(bind: *mut evpl_bind) -> c_int {
    // SAFETY: a live bind of this thread's loop.
    unsafe { bind_ref(bind, "evpl_bind_is_closing") }
        .is_closing()
        .into()
}

/// An array of `niov` iovecs, which only an empty one may be NULL.
fn array(iovecs: *mut evpl_iovec, niov: c_int, function: &str) -> *mut evpl_iovec {
    if niov > 0 {
        required(iovecs, "iovecs", function);
    }
    iovecs
}
