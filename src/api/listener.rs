//! Listeners: accept points with a thread of their own, shared by the loops that attach to them.
//!
//! Connections go round the attached loops in order. A request waits in the loop's inbox; whoever
//! detaches takes back his requests under the same lock that hands them out, so no attach callback runs
//! after detach returned. No lock is held while user code runs.

use core::ffi::{c_int, c_void};
use std::sync::{Arc, PoisonError};

use super::thread::LoopThread;
use super::{Endpoint, Evpl, connect, global};
use crate::abi::{evpl_attach_callback_t, evpl_listener, evpl_listener_binding};
use crate::event::LoopUse;
use crate::sync::Mutex;
use crate::sys::thread::Handover;
use crate::transport::Cx;
use crate::transport::address::Address;
use crate::transport::inbox::{AcceptRequest, AcceptSink, Accepted, Attachment, Inbox, Mail};
use crate::transport::registry::Row;

pub struct Listener {
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
    thread: LoopThread,
}

/// One loop's membership, as its owner holds it.
pub struct ListenerBinding {
    shared: Arc<Shared>,
    attachment: Arc<Attachment>,
}

#[derive(Default)]
struct Shared {
    rotation: Mutex<Rotation>,
}

#[derive(Default)]
struct Rotation {
    attachments: Vec<Arc<Attachment>>,
    next: usize,
}

impl Shared {
    fn with<R>(&self, f: impl FnOnce(&mut Rotation) -> R) -> R {
        f(&mut self.rotation.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Rotation {
    fn next(&mut self) -> Option<Arc<Attachment>> {
        let attachment = self.attachments.get(self.next)?.clone();
        self.next = (self.next + 1) % self.attachments.len();
        Some(attachment)
    }

    fn remove(&mut self, attachment: &Arc<Attachment>) {
        self.attachments
            .retain(|known| !Arc::ptr_eq(known, attachment));
        if self.next >= self.attachments.len() {
            self.next = 0;
        }
    }
}

impl AcceptSink for Shared {
    fn accept(&self, cx: Option<&Cx>, row: &'static Row, accepted: Accepted, remote: Arc<Address>) {
        let refused = self.with(|rotation| {
            let mut undelivered = (accepted, remote);
            for _ in 0..rotation.attachments.len() {
                let Some(attachment) = rotation.next() else {
                    break;
                };
                let inbox = attachment.inbox.clone();
                let (accepted, remote) = undelivered;
                let mail = Mail::Accept(Box::new(AcceptRequest {
                    attachment,
                    row,
                    accepted,
                    remote,
                }));
                let posted = match cx {
                    Some(cx) => cx.post(&inbox, mail),
                    None => inbox.post(mail),
                };
                match posted {
                    Ok(()) => return None,
                    // That loop is gone; the next one may not be.
                    Err(Mail::Accept(request)) => undelivered = (request.accepted, request.remote),
                    Err(_) => unreachable!("the mail that comes back is the one that was posted"),
                }
            }
            Some(undelivered)
        });
        if let Some((_, remote)) = &refused {
            crate::log_debug!(
                "core",
                "connection from {} closed: no loop is attached",
                remote
            );
        }
        // Dropped here, outside the lock: that closes the connection.
        drop(refused);
    }
}

impl Listener {
    /// Starts the accept thread and returns when it is up.
    pub fn create() -> *mut evpl_listener {
        let config = global::ensure_init().config.thread_defaults();
        let inbox = Handover::new();
        let report = inbox.clone();
        let thread = LoopThread::start(
            config,
            LoopUse::Accepting,
            move |evpl| {
                // SAFETY: the thread's own loop.
                let cx = unsafe { Cx::from_handle(evpl) };
                report.give(cx.inbox.clone());
            },
            |_| {},
        );
        let inbox = inbox.take();
        Box::into_raw(Box::new(Listener {
            shared: Arc::default(),
            inbox,
            thread,
        }))
        .cast()
    }

    /// Stops accepting. Loops that are attached still own, and must detach, their memberships.
    pub fn destroy(listener: *mut evpl_listener) {
        // SAFETY: the caller gives up a live listener.
        let listener = unsafe { Box::from_raw(listener.cast::<Listener>()) };
        let Listener { shared, thread, .. } = *listener;
        thread.stop_and_join();
        shared.with(|rotation| *rotation = Rotation::default());
    }

    /// Listens; on failure nothing remains and the listener is as before.
    pub fn listen(&self, protocol: c_int, endpoint: &Endpoint) -> Result<(), c_int> {
        const FUNCTION: &str = "evpl_listen";
        let row = connect::find(FUNCTION, protocol).ok_or(libc::EPROTONOSUPPORT)?;
        if !row.caps.connected {
            crate::log_error!(
                "core",
                "{}: protocol {} does not listen",
                FUNCTION,
                row.name
            );
            return Err(libc::EOPNOTSUPP);
        }
        let address = connect::resolve(FUNCTION, row, endpoint).ok_or(libc::EADDRNOTAVAIL)?;
        let outcome = Handover::new();
        let report = Report(outcome.clone());
        let sink = self.shared.clone();
        let call = Box::new(move |cx: &Cx| {
            report.0.give(listen_here(cx, row, address, sink));
        });
        if self.inbox.post(Mail::Call(call)).is_err() {
            return Err(libc::ESHUTDOWN);
        }
        outcome.take()
    }
}

/// The answer to a listen that waits for it; a listener that goes away answers too.
struct Report(Arc<Handover<Result<(), c_int>>>);

impl Drop for Report {
    fn drop(&mut self) {
        self.0.give(Err(libc::ESHUTDOWN));
    }
}

/// On the accept thread.
fn listen_here(
    cx: &Cx,
    row: &'static Row,
    address: Arc<Address>,
    sink: Arc<Shared>,
) -> Result<(), c_int> {
    let bind = cx.prepare_bind(row);
    bind.set_local(Some(address));
    match row.protocol().listen(cx, bind, sink) {
        Ok(()) => Ok(()),
        Err(error) => {
            crate::log_error!(
                "core",
                "listen on {} {}: {}",
                row.name,
                bind.local_address_text(),
                error
            );
            cx.recycle(bind);
            Err(error.raw_os_error().unwrap_or(libc::EIO))
        }
    }
}

impl Evpl {
    pub fn listener_attach(
        &self,
        listener: &Listener,
        callback: evpl_attach_callback_t,
        private_data: *mut c_void,
    ) -> *mut evpl_listener_binding {
        let attachment = Arc::new(Attachment::new(
            self.cx.inbox.clone(),
            callback,
            private_data,
        ));
        let binding = Box::into_raw(Box::new(ListenerBinding {
            shared: listener.shared.clone(),
            attachment: attachment.clone(),
        }));
        self.remember_attachment(binding);
        listener
            .shared
            .with(|rotation| rotation.attachments.push(attachment));
        binding.cast()
    }

    pub fn listener_detach(&self, binding: *mut evpl_listener_binding) {
        self.forget_attachment(binding.cast());
        // SAFETY: the caller gives up a live binding.
        unsafe { ListenerBinding::detach(binding.cast()) };
    }
}

impl ListenerBinding {
    /// Leaves the listener and closes what still waited for this membership. On its loop's own thread.
    pub(super) fn leave(&self) {
        self.attachment.detach();
        self.shared
            .with(|rotation| rotation.remove(&self.attachment));
        // Nobody posts for it any more; dropping what waits closes it.
        drop(self.attachment.inbox.withdraw(&self.attachment));
    }

    /// Leaves and frees the membership.
    ///
    /// # Safety
    /// `binding` is live and on its loop's own thread; it is gone afterwards.
    pub(super) unsafe fn detach(binding: *mut ListenerBinding) {
        // SAFETY: made by `listener_attach` as a box.
        let binding = unsafe { Box::from_raw(binding) };
        binding.leave();
    }
}

#[cfg(all(test, loom))]
mod models;
