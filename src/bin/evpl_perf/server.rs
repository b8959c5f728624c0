//! The serving side: threads that echo at one point and count at the other.
//!
//! It keeps nothing about its clients: an echo returns the bytes as they came, and a count says how
//! many arrived since the last one, as eight bytes, most significant first.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use std::sync::{Mutex, PoisonError};

use crate::ffi::{self, Protocol, ThreadPool};
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
    listeners: Option<[*mut ffi::evpl_listener; 2]>,
    /// For those without.
    endpoints: [*mut ffi::evpl_endpoint; 2],
    failure: Mutex<Option<String>>,
}

/// One thread's memberships.
struct Worker {
    bindings: Vec<*mut ffi::evpl_listener_binding>,
}

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
        let endpoints = [route.echo.handle(), route.count.handle()];
        let mut server = Server {
            pool: None,
            shared: Box::new(Shared {
                protocol,
                listeners: None,
                endpoints,
                failure: Mutex::new(None),
            }),
        };
        if protocol.is_connected() {
            // SAFETY: takes nothing.
            server.shared.listeners = Some(core::array::from_fn(|_| unsafe {
                ffi::evpl_listener_create()
            }));
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
        for (listener, endpoint) in server.shared.listeners.into_iter().flatten().zip(endpoints) {
            // SAFETY: a live listener and a live endpoint.
            if unsafe { ffi::evpl_listen(listener, protocol.id, endpoint) } != 0 {
                return Err(refused("listen", &route.text));
            }
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.pool = None;
        for listener in self.shared.listeners.into_iter().flatten() {
            // SAFETY: created by `start`, destroyed once; all threads have detached.
            unsafe { ffi::evpl_listener_destroy(listener) };
        }
    }
}

impl Shared {
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
    let mut worker = Worker {
        bindings: Vec::new(),
    };
    for (index, notify) in ANSWERS.into_iter().enumerate() {
        match shared.listeners {
            Some(listeners) => {
                let attach = [attach_echo, attach_count][index];
                // SAFETY: this thread's loop and a live listener.
                worker.bindings.push(unsafe {
                    ffi::evpl_listener_attach(evpl, listeners[index], Some(attach), null_mut())
                });
            }
            None => {
                let endpoint = shared.endpoints[index];
                // SAFETY: this thread's loop and a live endpoint.
                let bind = unsafe {
                    ffi::evpl_bind(evpl, shared.protocol.id, endpoint, notify, null_mut())
                };
                if bind.is_null() {
                    *shared
                        .failure
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner) =
                        Some(refused("bind", shared.protocol.name));
                }
            }
        }
    }
    Box::into_raw(Box::new(worker)).cast()
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
