//! The C functions this tool measures, declared as a C program would, and safe handles over them.
//!
//! Nothing here reaches around the boundary: what is measured is what a C program gets.

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU32, Ordering, fence};
use std::ffi::CString;

use ::evpl::abi::{
    EVPL_IOVEC_FLAG_GLOBAL, EVPL_IOVEC_FLAG_SHARED, evpl_global_config, evpl_thread_config,
    evpl_thread_init_callback_t, evpl_thread_shutdown_callback_t, evpl_timer_callback_t,
};
pub use ::evpl::abi::{
    EVPL_NOTIFY_CONNECTED, EVPL_NOTIFY_DISCONNECTED, EVPL_NOTIFY_RECV_DATA, EVPL_NOTIFY_RECV_MSG,
    EVPL_SEND_FLAG_TAKE_REF, evpl, evpl_address, evpl_attach_callback_t, evpl_bind, evpl_endpoint,
    evpl_iovec, evpl_listener, evpl_listener_binding, evpl_notify, evpl_notify_callback_t,
    evpl_notify_recv_msg, evpl_rdma_callback_t, evpl_segment_callback_t, evpl_threadpool,
    evpl_timer,
};

#[rustfmt::skip]
unsafe extern "C" {
    fn evpl_init(config: *mut evpl_global_config);
    fn evpl_global_config_init() -> *mut evpl_global_config;
    fn evpl_global_config_set_tls_verify_peer(config: *mut evpl_global_config, enabled: c_int);
    fn evpl_thread_config_init() -> *mut evpl_thread_config;
    fn evpl_thread_config_release(config: *mut evpl_thread_config);
    fn evpl_thread_config_set_poll_mode(config: *mut evpl_thread_config, enabled: c_int);
    fn evpl_thread_config_set_wait_ms(config: *mut evpl_thread_config, wait_ms: c_int);
    fn evpl_create(config: *mut evpl_thread_config) -> *mut evpl;
    fn evpl_destroy(evpl: *mut evpl);
    fn evpl_continue(evpl: *mut evpl);
    fn evpl_protocol_lookup(id: *mut c_int, name: *const c_char) -> c_int;
    fn evpl_protocol_is_stream(id: c_int) -> c_int;
    fn evpl_protocol_is_local(id: c_int) -> c_int;
    fn evpl_protocol_is_inproc(id: c_int) -> c_int;
    fn evpl_endpoint_create(address: *const c_char, port: c_int) -> *mut evpl_endpoint;
    fn evpl_endpoint_close(endpoint: *mut evpl_endpoint);
    fn evpl_threadpool_create(config: *mut evpl_thread_config, nthreads: c_int, init: evpl_thread_init_callback_t, shutdown: evpl_thread_shutdown_callback_t, private_data: *mut c_void) -> *mut evpl_threadpool;
    fn evpl_threadpool_destroy(threadpool: *mut evpl_threadpool);

    pub fn evpl_listener_create() -> *mut evpl_listener;
    pub fn evpl_listener_destroy(listener: *mut evpl_listener);
    pub fn evpl_listen(listener: *mut evpl_listener, protocol: c_int, endpoint: *mut evpl_endpoint) -> c_int;
    pub fn evpl_listener_attach(evpl: *mut evpl, listener: *mut evpl_listener, attach_callback: evpl_attach_callback_t, private_data: *mut c_void) -> *mut evpl_listener_binding;
    pub fn evpl_listener_detach(evpl: *mut evpl, binding: *mut evpl_listener_binding);
    pub fn evpl_connect(evpl: *mut evpl, protocol: c_int, local: *mut evpl_endpoint, remote: *mut evpl_endpoint, notify: evpl_notify_callback_t, segment: evpl_segment_callback_t, private_data: *mut c_void) -> *mut evpl_bind;
    pub fn evpl_bind(evpl: *mut evpl, protocol: c_int, endpoint: *mut evpl_endpoint, notify: evpl_notify_callback_t, private_data: *mut c_void) -> *mut evpl_bind;
    pub fn evpl_send(evpl: *mut evpl, bind: *mut evpl_bind, buffer: *const c_void, length: c_uint);
    pub fn evpl_sendto(evpl: *mut evpl, bind: *mut evpl_bind, address: *mut evpl_address, buffer: *const c_void, length: c_uint);
    pub fn evpl_sendtoep(evpl: *mut evpl, bind: *mut evpl_bind, endpoint: *mut evpl_endpoint, buffer: *const c_void, length: c_uint);
    pub fn evpl_sendv(evpl: *mut evpl, bind: *mut evpl_bind, iovecs: *mut evpl_iovec, niov: c_int, length: c_int, flags: c_uint);
    pub fn evpl_sendtov(evpl: *mut evpl, bind: *mut evpl_bind, address: *mut evpl_address, iovecs: *mut evpl_iovec, niov: c_int, length: c_int, flags: c_uint);
    pub fn evpl_sendtoepv(evpl: *mut evpl, bind: *mut evpl_bind, endpoint: *mut evpl_endpoint, iovecs: *mut evpl_iovec, niov: c_int, length: c_int, flags: c_uint);
    pub fn evpl_recvv(evpl: *mut evpl, bind: *mut evpl_bind, iovecs: *mut evpl_iovec, maxiovecs: c_int, maxlength: c_int, r_length: *mut c_int) -> c_int;
    pub fn evpl_close(evpl: *mut evpl, bind: *mut evpl_bind);
    fn evpl_iovec_alloc(evpl: *mut evpl, length: c_uint, alignment: c_uint, max_iovecs: c_uint, flags: c_uint, r_iovec: *mut evpl_iovec) -> c_int;
    pub fn evpl_rdma_get_address(evpl: *mut evpl, bind: *mut evpl_bind, iovec: *mut evpl_iovec, r_key: *mut u32, r_address: *mut u64);
    pub fn evpl_rdma_read(evpl: *mut evpl, bind: *mut evpl_bind, remote_key: u32, remote_address: u64, iovecs: *mut evpl_iovec, niov: c_int, callback: evpl_rdma_callback_t, private_data: *mut c_void);
    pub fn evpl_rdma_write(evpl: *mut evpl, bind: *mut evpl_bind, remote_key: u32, remote_address: u64, iovecs: *mut evpl_iovec, niov: c_int, flags: c_uint, callback: evpl_rdma_callback_t, private_data: *mut c_void);
    pub fn evpl_add_timer(evpl: *mut evpl, timer: *mut evpl_timer, callback: evpl_timer_callback_t, interval_us: u64);
    pub fn evpl_remove_timer(evpl: *mut evpl, timer: *mut evpl_timer);
}

/// Iovecs that one receive call can take.
const RECEIVE_IOVECS: usize = 64;
/// How long a loop sleeps at most, so that the end of a measurement is seen.
const WAIT_MS: c_int = 10;

/// Once, before anything else. Peers in a measurement have no certificates to show.
pub fn init() {
    // SAFETY: the library is not initialised yet and takes the configuration over.
    unsafe {
        let config = evpl_global_config_init();
        evpl_global_config_set_tls_verify_peer(config, 0);
        evpl_init(config);
    }
}

/// A protocol that this build offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    pub id: c_int,
    pub name: &'static str,
    pub stream: bool,
    pub kind: Kind,
}

/// What its addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Inet,
    Local,
    Inproc,
}

/// Every lookup name there is, whether or not this build has it.
pub const PROTOCOL_NAMES: [&CStr; 12] = [
    c"STREAM_SOCKET_TCP",
    c"DATAGRAM_SOCKET_UDP",
    c"STREAM_SOCKET_UNIX",
    c"STREAM_INPROC",
    c"DATAGRAM_INPROC",
    c"STREAM_SOCKET_TLS",
    c"DATAGRAM_TCP_RDMA",
    c"STREAM_IO_URING_TCP",
    c"STREAM_XLIO_TCP",
    c"STREAM_RDMACM_RC",
    c"DATAGRAM_RDMACM_RC",
    c"DATAGRAM_RDMACM_UD",
];

/// Those that have no connections. The header has no question for that.
const UNCONNECTED: [&str; 2] = ["DATAGRAM_SOCKET_UDP", "DATAGRAM_RDMACM_UD"];

/// Those with one-sided operations; there the header can only be asked about a connection.
const RDMA: [&str; 4] = [
    "DATAGRAM_INPROC",
    "DATAGRAM_TCP_RDMA",
    "DATAGRAM_RDMACM_RC",
    "STREAM_RDMACM_RC",
];

impl Protocol {
    pub fn lookup(name: &'static CStr) -> Option<Protocol> {
        let mut id = 0;
        // SAFETY: room for the id, and a terminated string.
        if unsafe { evpl_protocol_lookup(&mut id, name.as_ptr()) } != 0 {
            return None;
        }
        // SAFETY: these take any integer.
        let (stream, local, inproc) = unsafe {
            (
                evpl_protocol_is_stream(id) != 0,
                evpl_protocol_is_local(id) != 0,
                evpl_protocol_is_inproc(id) != 0,
            )
        };
        Some(Protocol {
            id,
            name: name.to_str().unwrap_or_default(),
            stream,
            kind: match (local, inproc) {
                (true, _) => Kind::Local,
                (_, true) => Kind::Inproc,
                _ => Kind::Inet,
            },
        })
    }

    pub fn is_connected(&self) -> bool {
        !UNCONNECTED.contains(&self.name)
    }

    pub fn is_rdma(&self) -> bool {
        RDMA.contains(&self.name)
    }
}

/// The name of a peer, for all threads.
pub struct Endpoint(NonNull<evpl_endpoint>);

// SAFETY: endpoints may be used by any thread; only closing has to be alone, and `drop` is.
unsafe impl Send for Endpoint {}
// SAFETY: as above.
unsafe impl Sync for Endpoint {}

impl Endpoint {
    pub fn new(address: &str, port: u16) -> Result<Endpoint, String> {
        let text = CString::new(address).map_err(|_| format!("address {address:?} has a NUL"))?;
        // SAFETY: a terminated string.
        let endpoint = unsafe { evpl_endpoint_create(text.as_ptr(), port.into()) };
        NonNull::new(endpoint)
            .map(Endpoint)
            .ok_or_else(|| format!("address {address:?} is not usable"))
    }

    pub fn handle(&self) -> *mut evpl_endpoint {
        self.0.as_ptr()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // SAFETY: created by `new`, closed once; nobody else has it any more.
        unsafe { evpl_endpoint_close(self.0.as_ptr()) };
    }
}

/// Settings of the loops of this tool.
struct ThreadConfig(*mut evpl_thread_config);

impl ThreadConfig {
    fn new(poll: bool) -> ThreadConfig {
        // SAFETY: a fresh object, which nobody else has.
        unsafe {
            let config = evpl_thread_config_init();
            evpl_thread_config_set_poll_mode(config, poll.into());
            evpl_thread_config_set_wait_ms(config, WAIT_MS);
            ThreadConfig(config)
        }
    }
}

impl Drop for ThreadConfig {
    fn drop(&mut self) {
        // SAFETY: made by `new`, released once. Loops made with it keep a copy.
        unsafe { evpl_thread_config_release(self.0) };
    }
}

/// A loop of this thread.
pub struct Loop(*mut evpl);

impl Loop {
    pub fn new(poll: bool) -> Loop {
        // SAFETY: a live configuration.
        Loop(unsafe { evpl_create(ThreadConfig::new(poll).0) })
    }

    pub fn handle(&self) -> *mut evpl {
        self.0
    }

    /// One pass. Not from a callback.
    pub fn pass(&self) {
        // SAFETY: live until dropped, and used on the thread that made it.
        unsafe { evpl_continue(self.0) };
    }

    /// One counted buffer of `length` bytes that any thread may hold.
    pub fn payload(&self, length: u32) -> Result<Payload, String> {
        // SAFETY: live until dropped, and used on the thread that made it.
        unsafe { payload(self.0, length) }
    }
}

/// One counted buffer of `length` bytes that any thread may hold.
///
/// # Safety
/// A live loop of this thread, which outlives the buffer.
pub unsafe fn payload(evpl: *mut evpl, length: u32) -> Result<Payload, String> {
    /// With buffers of the default size more than the largest message.
    const PIECES_MAX: usize = 1024;
    let mut iovecs = vec![EMPTY; PIECES_MAX];
    // SAFETY: a live loop, and room for as many iovecs as it is told.
    let pieces = unsafe {
        evpl_iovec_alloc(
            evpl,
            length,
            0,
            PIECES_MAX as c_uint,
            EVPL_IOVEC_FLAG_SHARED,
            iovecs.as_mut_ptr(),
        )
    };
    let pieces = usize::try_from(pieces).map_err(|_| format!("no buffer of {length} bytes"))?;
    iovecs.truncate(pieces);
    for iovec in &iovecs {
        // SAFETY: fresh memory of that length, which nobody else has.
        unsafe { core::ptr::write_bytes(iovec.data.cast::<u8>(), 0x5a, iovec.length as usize) };
    }
    Ok(Payload { evpl, iovecs })
}

impl Drop for Loop {
    fn drop(&mut self) {
        // SAFETY: made by `new` on this thread, destroyed once, and not from a callback.
        unsafe { evpl_destroy(self.0) };
    }
}

const EMPTY: evpl_iovec = evpl_iovec {
    data: null_mut(),
    length: 0,
    pad: 0,
    ref_: null_mut(),
};

/// References to the bytes that are sent again and again. Dropped before its loop.
pub struct Payload {
    evpl: *mut evpl,
    iovecs: Vec<evpl_iovec>,
}

impl Payload {
    /// The array, which a call without TAKE_REF leaves as it is.
    pub fn iovecs(&self) -> (*mut evpl_iovec, c_int) {
        (self.iovecs.as_ptr().cast_mut(), self.iovecs.len() as c_int)
    }
}

#[cfg(test)]
impl Payload {
    pub fn none() -> Payload {
        Payload {
            evpl: null_mut(),
            iovecs: Vec::new(),
        }
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        // SAFETY: one reference of each was given by the allocation, on this thread.
        unsafe { release(self.evpl, &self.iovecs) };
    }
}

/// Storage for a timer.
pub fn idle_timer() -> evpl_timer {
    evpl_timer {
        callback: None,
        interval: 0,
        deadline: 0,
        oneshot: 0,
    }
}

/// The pieces of a message.
///
/// # Safety
/// The message's notification is being delivered.
pub unsafe fn iovecs(message: &evpl_notify_recv_msg) -> &[evpl_iovec] {
    if message.niov == 0 {
        return &[];
    }
    // SAFETY: the library gives that many, valid during the callback.
    unsafe { core::slice::from_raw_parts(message.iovec, message.niov as usize) }
}

/// The bytes of one piece.
///
/// # Safety
/// The caller owns a reference of it.
pub unsafe fn bytes(iovec: &evpl_iovec) -> &[u8] {
    if iovec.length == 0 {
        return &[];
    }
    // SAFETY: the reference keeps that many bytes alive.
    unsafe { core::slice::from_raw_parts(iovec.data.cast(), iovec.length as usize) }
}

/// What the header's evpl_iovecs_release does.
///
/// # Safety
/// The caller owns a reference of each, and `evpl` is its own loop.
pub unsafe fn release(evpl: *mut evpl, iovecs: &[evpl_iovec]) {
    for iovec in iovecs {
        // SAFETY: the reference keeps the counter alive.
        let counter = unsafe { &*iovec.ref_ };
        let last = if counter.flags & EVPL_IOVEC_FLAG_GLOBAL != 0 {
            counter.refcnt.store(0, Ordering::Relaxed);
            true
        } else if counter.flags & EVPL_IOVEC_FLAG_SHARED != 0 {
            counter.refcnt.fetch_sub(1, Ordering::Release) == 1
        } else {
            decrement_plain(&counter.refcnt) == 1
        };
        if last && let Some(callback) = counter.release {
            fence(Ordering::Acquire);
            // SAFETY: the count has just dropped to zero.
            unsafe { callback(evpl, iovec.ref_) };
        }
    }
}

/// A buffer that one thread alone holds is counted without a locked instruction.
fn decrement_plain(count: &AtomicU32) -> u32 {
    let before = count.load(Ordering::Relaxed);
    count.store(before.wrapping_sub(1), Ordering::Relaxed);
    before
}

/// Takes everything that a stream has received, piece by piece. `consume` owns a reference of each
/// iovec.
///
/// # Safety
/// A live stream bind of `evpl`, which belongs to this thread.
pub unsafe fn receive_all(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    mut consume: impl FnMut(&mut [evpl_iovec], usize),
) {
    let mut iovecs = [EMPTY; RECEIVE_IOVECS];
    loop {
        let mut length = 0;
        // SAFETY: the contract above, and room for as many iovecs as it is told.
        let count = unsafe {
            evpl_recvv(
                evpl,
                bind,
                iovecs.as_mut_ptr(),
                RECEIVE_IOVECS as c_int,
                c_int::MAX,
                &mut length,
            )
        };
        if count <= 0 {
            return;
        }
        consume(&mut iovecs[..count as usize], length as usize);
    }
}

/// Threads of the library, stopped when dropped.
pub struct ThreadPool(*mut evpl_threadpool);

impl ThreadPool {
    /// # Safety
    /// `private_data` is what `init` expects, and lives as long as the pool.
    pub unsafe fn new(
        poll: bool,
        threads: u32,
        init: evpl_thread_init_callback_t,
        shutdown: evpl_thread_shutdown_callback_t,
        private_data: *mut c_void,
    ) -> ThreadPool {
        let config = ThreadConfig::new(poll);
        // SAFETY: a live configuration; the contract above.
        ThreadPool(unsafe {
            evpl_threadpool_create(config.0, threads as c_int, init, shutdown, private_data)
        })
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed once, and from none of its threads.
        unsafe { evpl_threadpool_destroy(self.0) };
    }
}
