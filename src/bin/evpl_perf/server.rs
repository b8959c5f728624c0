//! The serving side: threads that echo at one point, count at another, and offer memory at a third.
//!
//! It keeps nothing about its clients: an echo returns the bytes as they came, and a count says how
//! many arrived since the last one, as eight bytes, most significant first. An offer is key, address
//! and length of one buffer that all clients of a thread share, each as eight such bytes.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use std::sync::{Mutex, PoisonError};

use crate::ffi::{self, Payload, Protocol, ThreadPool};
use crate::log;
use crate::route::Route;

pub struct Server {
    /// Stopped before what its threads use goes away.
    pool: Option<ThreadPool>,
    shared: Box<Shared>,
}

struct Shared {
    protocol: Protocol,
    /// For protocols with connections.
    listeners: Vec<*mut ffi::evpl_listener>,
    /// For those without.
    endpoints: Vec<*mut ffi::evpl_endpoint>,
    failure: Mutex<Option<String>>,
}

/// One thread's memberships.
struct Worker {
    bindings: Vec<*mut ffi::evpl_listener_binding>,
    /// What is offered.
    memory: Option<Payload>,
}

/// Bytes that a thread offers.
const MEMORY_LEN: u32 = 2 << 20;

/// What the points do, in the order of the listeners.
const ATTACH: [ffi::evpl_attach_callback_t; 3] =
    [Some(attach_echo), Some(attach_count), Some(attach_memory)];
const ANSWERS: [ffi::evpl_notify_callback_t; 2] = [Some(echo), Some(count)];

impl Server {
    /// Serves until dropped; `route` has to live as long. Without connections there is one socket for
    /// each of the two points, so one thread is all that is used.
    pub fn start(
        protocol: Protocol,
        route: &Route,
        threads: u32,
        poll: bool,
    ) -> Result<Server, String> {
        let mut endpoints = vec![route.echo.handle(), route.count.handle()];
        if protocol.is_rdma() {
            endpoints.push(route.memory.handle());
        }
        let mut server = Server {
            pool: None,
            shared: Box::new(Shared {
                protocol,
                listeners: Vec::new(),
                endpoints: endpoints.clone(),
                failure: Mutex::new(None),
            }),
        };
        if protocol.is_connected() {
            // SAFETY: takes nothing.
            let listeners = endpoints
                .iter()
                .map(|_| unsafe { ffi::evpl_listener_create() });
            server.shared.listeners = listeners.collect();
        }
        let threads = if protocol.is_connected() { threads } else { 1 };
        let shared: *const Shared = &*server.shared;
        // SAFETY: `start_worker` expects a `Shared`, which is dropped after the pool.
        server.pool = Some(unsafe {
            ThreadPool::new(
                poll,
                threads,
                Some(start_worker),
                Some(stop_worker),
                shared.cast_mut().cast(),
            )
        });
        if let Some(failure) = server.shared.take_failure() {
            return Err(failure);
        }
        for (listener, endpoint) in server.shared.listeners.iter().zip(endpoints) {
            // SAFETY: a live listener and a live endpoint.
            if unsafe { ffi::evpl_listen(*listener, protocol.id, endpoint) } != 0 {
                return Err(refused("listen", &route.text));
            }
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.pool = None;
        for listener in &self.shared.listeners {
            // SAFETY: created by `start`, destroyed once; all threads have detached.
            unsafe { ffi::evpl_listener_destroy(*listener) };
        }
    }
}

impl Shared {
    fn fail(&self, reason: String) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    fn take_failure(&self) -> Option<String> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

fn refused(operation: &str, place: &str) -> String {
    let reason = log::take_last_error().unwrap_or_else(|| "refused".to_owned());
    format!("{operation} at {place}: {reason}")
}

unsafe extern "C" fn start_worker(evpl: *mut ffi::evpl, private_data: *mut c_void) -> *mut c_void {
    // SAFETY: what `start` passed.
    let shared = unsafe { &*private_data.cast::<Shared>() };
    let mut worker = Box::new(Worker {
        bindings: Vec::new(),
        memory: None,
    });
    if shared.protocol.is_rdma() {
        // SAFETY: this thread's loop, which outlives the worker.
        match unsafe { ffi::payload(evpl, MEMORY_LEN) } {
            Ok(memory) => worker.memory = Some(memory),
            Err(reason) => shared.fail(reason),
        }
    }
    let private_data: *mut Worker = &mut *worker;
    for (listener, attach) in shared.listeners.iter().zip(ATTACH) {
        // SAFETY: this thread's loop, a live listener, and a worker that leaves before it goes.
        worker.bindings.push(unsafe {
            ffi::evpl_listener_attach(evpl, *listener, attach, private_data.cast())
        });
    }
    if !shared.protocol.is_connected() {
        for (endpoint, notify) in shared.endpoints.iter().zip(ANSWERS) {
            // SAFETY: this thread's loop and a live endpoint.
            let bind =
                unsafe { ffi::evpl_bind(evpl, shared.protocol.id, *endpoint, notify, null_mut()) };
            if bind.is_null() {
                shared.fail(refused("bind", shared.protocol.name));
            }
        }
    }
    Box::into_raw(worker).cast()
}

unsafe extern "C" fn stop_worker(evpl: *mut ffi::evpl, private_data: *mut c_void) {
    // SAFETY: what `start_worker` returned, once.
    let worker = unsafe { Box::from_raw(private_data.cast::<Worker>()) };
    for binding in worker.bindings {
        // SAFETY: a membership of this thread's loop.
        unsafe { ffi::evpl_listener_detach(evpl, binding) };
    }
}

unsafe extern "C" fn attach_echo(
    _evpl: *mut ffi::evpl,
    _bind: *mut ffi::evpl_bind,
    notify: *mut ffi::evpl_notify_callback_t,
    _segment: *mut ffi::evpl_segment_callback_t,
    _conn_private_data: *mut *mut c_void,
    _private_data: *mut c_void,
) {
    // SAFETY: the library gives a place for it.
    unsafe { notify.write(Some(echo)) };
}

unsafe extern "C" fn attach_count(
    _evpl: *mut ffi::evpl,
    _bind: *mut ffi::evpl_bind,
    notify: *mut ffi::evpl_notify_callback_t,
    _segment: *mut ffi::evpl_segment_callback_t,
    _conn_private_data: *mut *mut c_void,
    _private_data: *mut c_void,
) {
    // SAFETY: the library gives a place for it.
    unsafe { notify.write(Some(count)) };
}

unsafe extern "C" fn attach_memory(
    evpl: *mut ffi::evpl,
    bind: *mut ffi::evpl_bind,
    notify: *mut ffi::evpl_notify_callback_t,
    _segment: *mut ffi::evpl_segment_callback_t,
    _conn_private_data: *mut *mut c_void,
    private_data: *mut c_void,
) {
    // SAFETY: the library gives a place for it.
    unsafe { notify.write(Some(echo)) };
    // SAFETY: what `start_worker` passed; it lives until it has left the listener.
    let worker = unsafe { &*private_data.cast::<Worker>() };
    let Some(memory) = &worker.memory else { return };
    let (iovec, _) = memory.iovecs();
    let (mut key, mut address) = (0, 0);
    // SAFETY: a live bind of this thread, its memory, and room for both.
    unsafe { ffi::evpl_rdma_get_address(evpl, bind, iovec, &mut key, &mut address) };
    let offer = [u64::from(key), address, u64::from(MEMORY_LEN)].map(u64::to_be_bytes);
    let offer = offer.as_flattened();
    // SAFETY: a live bind of this thread; the bytes are copied.
    unsafe { ffi::evpl_send(evpl, bind, offer.as_ptr().cast(), offer.len() as u32) };
}

unsafe extern "C" fn echo(
    evpl: *mut ffi::evpl,
    bind: *mut ffi::evpl_bind,
    notify: *mut ffi::evpl_notify,
    _private_data: *mut c_void,
) {
    // SAFETY: valid during the call.
    let notify = unsafe { &*notify };
    match notify.notify_type {
        ffi::EVPL_NOTIFY_RECV_DATA => {
            // SAFETY: a live stream of this thread; sending passes the references on.
            unsafe {
                ffi::receive_all(evpl, bind, |iovecs, length| {
                    ffi::evpl_sendv(
                        evpl,
                        bind,
                        iovecs.as_mut_ptr(),
                        iovecs.len() as c_int,
                        length as c_int,
                        ffi::EVPL_SEND_FLAG_TAKE_REF,
                    );
                });
            }
        }
        ffi::EVPL_NOTIFY_RECV_MSG => {
            // SAFETY: the payload of this type; its references are ours, and sending passes them on.
            unsafe {
                let message = notify.payload.recv_msg;
                ffi::evpl_sendtov(
                    evpl,
                    bind,
                    message.addr,
                    message.iovec,
                    message.niov as c_int,
                    message.length as c_int,
                    ffi::EVPL_SEND_FLAG_TAKE_REF,
                );
            }
        }
        _ => {}
    }
}

unsafe extern "C" fn count(
    evpl: *mut ffi::evpl,
    bind: *mut ffi::evpl_bind,
    notify: *mut ffi::evpl_notify,
    _private_data: *mut c_void,
) {
    // SAFETY: valid during the call.
    let notify = unsafe { &*notify };
    match notify.notify_type {
        ffi::EVPL_NOTIFY_RECV_DATA => {
            let mut total = 0u64;
            // SAFETY: a live stream of this thread; the references are ours.
            unsafe {
                ffi::receive_all(evpl, bind, |iovecs, length| {
                    total += length as u64;
                    ffi::release(evpl, iovecs);
                });
            }
            let answer = total.to_be_bytes();
            // SAFETY: a live bind of this thread; the bytes are copied.
            unsafe { ffi::evpl_send(evpl, bind, answer.as_ptr().cast(), answer.len() as u32) };
        }
        ffi::EVPL_NOTIFY_RECV_MSG => {
            // SAFETY: the payload of this type; its references are ours, and the answer is copied.
            unsafe {
                let message = notify.payload.recv_msg;
                ffi::release(evpl, ffi::iovecs(&message));
                let answer = u64::from(message.length).to_be_bytes();
                let (data, length) = (answer.as_ptr().cast(), answer.len() as u32);
                ffi::evpl_sendto(evpl, bind, message.addr, data, length);
            }
        }
        _ => {}
    }
}
