//! The layouts and numbers that C programs are compiled against.
//!
//! Every structure whose fields or size a caller sees is here and nowhere else, with its size and
//! offsets asserted. Opaque handles are empty types that only ever live behind a pointer. Nothing
//! here has behaviour.

use core::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use core::mem::{align_of, offset_of, size_of};
use core::sync::atomic::AtomicU32;

macro_rules! opaque {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => { $(
        $(#[$doc])*
        #[repr(C)]
        pub struct $name { _opaque: [u8; 0] }
    )* };
}

opaque! {
    /// One thread's context: event loop, transport state and buffers.
    evpl,
    /// Our end of a flow: a connection or a datagram socket.
    evpl_bind,
    /// A shared accept point.
    evpl_listener,
    /// One thread's membership in a listener.
    evpl_listener_binding,
    /// The name of a peer or of a listening point.
    evpl_endpoint,
    /// A resolved address.
    evpl_address,
    /// A thread that runs one evpl.
    evpl_thread,
    /// A group of such threads.
    evpl_threadpool,
    /// A registered poll callback.
    evpl_poll,
    /// Process-wide settings.
    evpl_global_config,
    /// Per-thread settings.
    evpl_thread_config,
    /// An open block device.
    evpl_block_device,
    /// One thread's submission queue on a block device.
    evpl_block_queue,
}

pub const EVPL_FRAMEWORK_RDMACM: c_int = 0;
pub const EVPL_FRAMEWORK_XLIO: c_int = 1;
pub const EVPL_FRAMEWORK_IO_URING: c_int = 2;
pub const EVPL_FRAMEWORK_VFIO: c_int = 3;
pub const EVPL_FRAMEWORK_TLS: c_int = 4;
pub const EVPL_FRAMEWORK_TCP_RDMA: c_int = 5;
pub const EVPL_FRAMEWORK_LIBAIO: c_int = 6;
pub const EVPL_FRAMEWORK_INPROC: c_int = 7;

pub const EVPL_DATAGRAM_SOCKET_UDP: c_int = 0;
pub const EVPL_DATAGRAM_RDMACM_RC: c_int = 1;
pub const EVPL_DATAGRAM_RDMACM_UD: c_int = 2;
pub const EVPL_STREAM_SOCKET_TCP: c_int = 3;
pub const EVPL_STREAM_XLIO_TCP: c_int = 4;
pub const EVPL_STREAM_IO_URING_TCP: c_int = 5;
pub const EVPL_STREAM_RDMACM_RC: c_int = 6;
pub const EVPL_STREAM_SOCKET_TLS: c_int = 7;
pub const EVPL_DATAGRAM_TCP_RDMA: c_int = 8;
pub const EVPL_STREAM_SOCKET_UNIX: c_int = 9;
pub const EVPL_STREAM_INPROC: c_int = 10;
pub const EVPL_DATAGRAM_INPROC: c_int = 11;
pub const EVPL_NUM_PROTO: c_int = 12;

pub const EVPL_CORE_MECH_DEFAULT: c_int = 0;
pub const EVPL_CORE_MECH_EPOLL: c_int = 1;
pub const EVPL_CORE_MECH_KQUEUE: c_int = 2;
pub const EVPL_CORE_MECH_SELECT: c_int = 3;

/// The connection is established. At most once per bind.
pub const EVPL_NOTIFY_CONNECTED: c_uint = 1;
/// The bind is gone when the callback returns. Exactly once, and last.
pub const EVPL_NOTIFY_DISCONNECTED: c_uint = 2;
/// New bytes of a stream can be read with the evpl_recv and evpl_peek families.
pub const EVPL_NOTIFY_RECV_DATA: c_uint = 3;
/// One message; see evpl_notify_recv_msg.
pub const EVPL_NOTIFY_RECV_MSG: c_uint = 4;
/// Bytes were handed to the transport; see evpl_notify_sent. Only if requested.
pub const EVPL_NOTIFY_SENT: c_uint = 5;

/// The library takes over the caller's reference of every iovec given.
pub const EVPL_SEND_FLAG_TAKE_REF: c_uint = 1;
/// The library takes over the caller's reference of every iovec given.
pub const EVPL_RDMA_FLAG_TAKE_REF: c_uint = 1;
/// Receive nothing unless all the bytes asked for are there.
pub const EVPL_RECV_FLAG_ALL_OR_NONE: c_uint = 1;
/// The buffer may be referenced from any thread; its count is atomic.
pub const EVPL_IOVEC_FLAG_SHARED: c_uint = 1;
/// The buffer belongs to one owner and is not counted.
pub const EVPL_IOVEC_FLAG_GLOBAL: c_uint = 2;
/// Room for the text of any address, terminator included.
pub const EVPL_ADDRESS_STRLEN: usize = 128;

/// Called exactly when a buffer's count drops from one to zero. The `evpl` is the caller's own or NULL.
pub type evpl_iovec_release_t = Option<unsafe extern "C" fn(*mut evpl, *mut evpl_iovec_ref)>;

/// The count of one buffer. C's inline functions read and write `refcnt` directly.
#[repr(C)]
pub struct evpl_iovec_ref {
    /// Plain for LOCAL buffers, atomic for SHARED ones, pinned at one for GLOBAL ones.
    pub refcnt: AtomicU32,
    pub flags: c_uint,
    pub slab: *mut c_void,
    pub release: evpl_iovec_release_t,
}

/// A counted reference to some bytes of one buffer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct evpl_iovec {
    pub data: *mut c_void,
    pub length: c_uint,
    pub pad: c_uint,
    pub ref_: *mut evpl_iovec_ref,
}

/// Called when a timer's time has come, on the loop's thread.
pub type evpl_timer_callback_t =
    Option<unsafe extern "C" fn(evpl: *mut evpl, timer: *mut evpl_timer)>;

/// A timer. The caller owns the storage, which need not be zeroed and keeps its address while the
/// timer is registered; the library writes every field.
#[repr(C)]
pub struct evpl_timer {
    pub callback: evpl_timer_callback_t,
    /// Microseconds.
    pub interval: u64,
    /// Loop ticks, opaque to the caller.
    pub deadline: u64,
    /// Non-zero if the timer fires once only.
    pub oneshot: c_int,
}

/// Called once for any number of arms, on the loop's thread.
pub type deferral_callback_t =
    Option<unsafe extern "C" fn(evpl: *mut evpl, private_data: *mut c_void)>;

/// Work to run later on this thread. The caller owns the storage and zeroes it before
/// evpl_deferral_init.
#[repr(C)]
pub struct evpl_deferral {
    pub callback: deferral_callback_t,
    pub private_data: *mut c_void,
    /// Non-zero while queued. The library may store a queue position here.
    pub armed: u64,
}

/// Called on the loop's thread after one or more rings.
pub type evpl_doorbell_callback_t =
    Option<unsafe extern "C" fn(evpl: *mut evpl, doorbell: *mut evpl_doorbell)>;

/// A way for any thread to wake a loop. The caller owns the storage, which need not be zeroed and
/// keeps its address while the doorbell is registered.
#[repr(C)]
pub struct evpl_doorbell {
    pub opaque: [u64; 8],
}

/// Called on the loop's thread when the descriptor is readable, writable or in error.
pub type evpl_fd_event_callback_t =
    Option<unsafe extern "C" fn(evpl: *mut evpl, event: *mut evpl_fd_event)>;

/// A descriptor watched by a loop. The caller owns the storage, which need not be zeroed and keeps
/// its address while the event is registered.
#[repr(C)]
pub struct evpl_fd_event {
    pub opaque: [u64; 10],
}

/// Called at one point of a loop's pass.
pub type evpl_loop_callback_t =
    Option<unsafe extern "C" fn(evpl: *mut evpl, private_data: *mut c_void)>;

/// Points of a pass at which the application is called. Each may be NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct evpl_loop_hooks {
    /// At the end of every pass.
    pub iteration_end: evpl_loop_callback_t,
    /// Just before the loop may block in the kernel.
    pub pre_wait: evpl_loop_callback_t,
    /// Just after the kernel wait, before any event is dispatched.
    pub post_wait: evpl_loop_callback_t,
    /// Passed to each of the three.
    pub private_data: *mut c_void,
}

/// The loop starts polling.
pub type evpl_poll_enter_callback_t =
    Option<unsafe extern "C" fn(evpl: *mut evpl, private_data: *mut c_void)>;
/// The loop stops polling and goes back to waiting in the kernel.
pub type evpl_poll_exit_callback_t =
    Option<unsafe extern "C" fn(evpl: *mut evpl, private_data: *mut c_void)>;
/// One poll of the source. Call evpl_activity from it when there was work.
pub type evpl_poll_callback_t =
    Option<unsafe extern "C" fn(evpl: *mut evpl, private_data: *mut c_void)>;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct evpl_notify_recv_msg {
    pub iovec: *mut evpl_iovec,
    pub niov: c_uint,
    pub length: c_uint,
    pub addr: *mut evpl_address,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct evpl_notify_sent {
    pub bytes: c_ulong,
    pub msgs: c_ulong,
}

#[repr(C)]
pub union evpl_notify_payload {
    pub recv_msg: evpl_notify_recv_msg,
    pub sent: evpl_notify_sent,
}

#[repr(C)]
pub struct evpl_notify {
    pub notify_type: c_uint,
    pub notify_status: c_int,
    /// In C an anonymous union.
    pub payload: evpl_notify_payload,
}

/// Reports an event of a bind, on its thread. `notify` is valid during the call only.
pub type evpl_notify_callback_t = Option<
    unsafe extern "C" fn(
        evpl: *mut evpl,
        bind: *mut evpl_bind,
        notify: *mut evpl_notify,
        private_data: *mut c_void,
    ),
>;

/// Finds the next message at the head of a stream's received bytes, which it may evpl_peek.
/// Returns its length in bytes, header included; 0 if more bytes are needed to tell; a negative
/// value to close the connection.
pub type evpl_segment_callback_t = Option<
    unsafe extern "C" fn(evpl: *mut evpl, bind: *mut evpl_bind, private_data: *mut c_void) -> c_int,
>;

/// Called for each accepted connection on the thread that will own it. It must set
/// `*notify_callback`, and may set `*segment_callback` and `*conn_private_data`; all three arrive
/// as NULL. `private_data` is the one given to evpl_listener_attach.
pub type evpl_attach_callback_t = Option<
    unsafe extern "C" fn(
        evpl: *mut evpl,
        bind: *mut evpl_bind,
        notify_callback: *mut evpl_notify_callback_t,
        segment_callback: *mut evpl_segment_callback_t,
        conn_private_data: *mut *mut c_void,
        private_data: *mut c_void,
    ),
>;

/// Reports the end of a one-sided operation: 0 or a positive errno value.
pub type evpl_rdma_callback_t =
    Option<unsafe extern "C" fn(status: c_int, private_data: *mut c_void)>;

/// Reports the end of a block request on its queue's thread: `status` is 0 or a positive errno
/// value.
pub type evpl_block_callback_t =
    Option<unsafe extern "C" fn(evpl: *mut evpl, status: c_int, private_data: *mut c_void)>;

/// Called once on the new thread before its loop runs. What it returns replaces `private_data`
/// for the shutdown callback.
pub type evpl_thread_init_callback_t =
    Option<unsafe extern "C" fn(evpl: *mut evpl, private_data: *mut c_void) -> *mut c_void>;

/// Called once on the thread after its binds have been closed and before its loop is destroyed.
pub type evpl_thread_shutdown_callback_t =
    Option<unsafe extern "C" fn(evpl: *mut evpl, private_data: *mut c_void)>;

/// What C passes as `va_list`: an array type that decays to a pointer on x86-64, and elsewhere too
/// it is only handed through.
pub type VaList = *mut c_void;

/// Takes one log line. `level` is "debug", "info", "error" or "fatal". Any thread may call it, and
/// several at once.
pub type evpl_log_fn = Option<
    unsafe extern "C" fn(
        level: *const c_char,
        module: *const c_char,
        srcfile: *const c_char,
        lineno: c_int,
        fmt: *const c_char,
        argp: VaList,
    ),
>;

/// Makes the lines logged so far durable; called after the last line before the process ends.
pub type evpl_flush_fn = Option<unsafe extern "C" fn()>;

macro_rules! layout {
    ($ty:ty, $size:expr, $align:expr $(, $field:ident @ $offset:expr)* $(,)?) => {
        const _: () = assert!(size_of::<$ty>() == $size && align_of::<$ty>() == $align);
        $(const _: () = assert!(offset_of!($ty, $field) == $offset);)*
    };
}

layout!(evpl_iovec_ref, 24, 8, refcnt @ 0, flags @ 4, slab @ 8, release @ 16);
layout!(evpl_iovec, 24, 8, data @ 0, length @ 8, pad @ 12, ref_ @ 16);
layout!(evpl_timer, 32, 8, callback @ 0, interval @ 8, deadline @ 16, oneshot @ 24);
layout!(evpl_deferral, 24, 8, callback @ 0, private_data @ 8, armed @ 16);
layout!(evpl_doorbell, 64, 8);
layout!(evpl_fd_event, 80, 8);
layout!(evpl_loop_hooks, 32, 8, iteration_end @ 0, pre_wait @ 8, post_wait @ 16, private_data @ 24);
layout!(evpl_notify, 32, 8, notify_type @ 0, notify_status @ 4, payload @ 8);
layout!(evpl_notify_recv_msg, 24, 8, iovec @ 0, niov @ 8, length @ 12, addr @ 16);
layout!(evpl_notify_sent, 16, 8, bytes @ 0, msgs @ 8);
