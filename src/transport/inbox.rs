//! What other threads leave for a loop: accepted connections, in-process traffic, work for a listener.
//!
//! One queue per loop under a short lock, and one wake-up per batch: whoever finds the queue
//! unannounced announces it. The owner acknowledges before it takes the mail, so that what is announced
//! in between is found or announced again. A queue that is closed hands the mail back, so nothing is lost or leaked when a
//! loop goes away.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::Cx;
use super::address::Address;
use super::inproc::channel::ChannelEnd;
use super::registry::Row;
use crate::abi::{evpl, evpl_attach_callback_t, evpl_bind, evpl_fd_event};
use crate::event::wake::{Bell, Wake};
use crate::sync::{AtomicBool, Mutex};
use core::ffi::c_void;

/// A connection on its way to the thread that will own it. Dropping it closes it.
pub enum Accepted {
    Socket {
        fd: OwnedFd,
        /// Its local address, where the listener knows it.
        local: Option<Arc<Address>>,
    },
    Channel {
        end: ChannelEnd,
        /// The name it was accepted under.
        local: Arc<Address>,
    },
}

/// Where accepted connections go: a listener, seen from below.
pub trait AcceptSink: Send + Sync {
    /// Hands the connection to the next attached loop, or closes it if there is none.
    fn accept(&self, cx: Option<&Cx>, row: &'static Row, accepted: Accepted, remote: Arc<Address>);
}

/// One loop's membership in a listener, as both sides see it.
pub struct Attachment {
    pub inbox: Arc<Inbox>,
    pub callback: evpl_attach_callback_t,
    pub private_data: *mut c_void,
    detached: AtomicBool,
}

// SAFETY: the private pointer is only handed back to the program, on the loop's own thread.
unsafe impl Send for Attachment {}
// SAFETY: as above; the rest is shared safely by itself.
unsafe impl Sync for Attachment {}

impl Attachment {
    pub fn new(
        inbox: Arc<Inbox>,
        callback: evpl_attach_callback_t,
        private_data: *mut c_void,
    ) -> Attachment {
        Attachment {
            inbox,
            callback,
            private_data,
            detached: AtomicBool::new(false),
        }
    }

    pub fn detach(&self) {
        self.detached.store(true, Ordering::Release);
    }

    pub fn is_detached(&self) -> bool {
        self.detached.load(Ordering::Acquire)
    }
}

/// A request to take over one accepted connection.
pub struct AcceptRequest {
    pub attachment: Arc<Attachment>,
    pub row: &'static Row,
    pub accepted: Accepted,
    pub remote: Arc<Address>,
}

/// A bind of the receiving loop, as another thread may name it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BindKey {
    pub handle: *mut evpl_bind,
    pub generation: u32,
}

// SAFETY: a name, looked up only on the thread that owns the bind.
unsafe impl Send for BindKey {}

pub enum Mail {
    Accept(Box<AcceptRequest>),
    /// The in-process channel of this bind has something.
    Channel(BindKey),
    /// Work for a listener's thread.
    Call(Box<dyn FnOnce(&Cx) + Send>),
}

#[derive(Default)]
struct State {
    queue: Vec<Mail>,
    closed: bool,
}

pub struct Inbox<B = OwnedFd> {
    state: Mutex<State>,
    /// Held here too, so that a late sender never writes to a descriptor that was reused.
    wake: Arc<Wake<B>>,
}

impl<B: Bell> Inbox<B> {
    pub fn new(wake: Arc<Wake<B>>) -> Arc<Inbox<B>> {
        Arc::new(Inbox {
            state: Mutex::default(),
            wake,
        })
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        // A panic aborts the process, so the lock is never poisoned.
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From any thread. The mail comes back if the loop is gone.
    pub fn post(&self, mail: Mail) -> Result<(), Mail> {
        self.push(mail)?;
        self.wake.announce();
        Ok(())
    }

    fn push(&self, mail: Mail) -> Result<(), Mail> {
        self.with(|state| {
            if state.closed {
                return Err(mail);
            }
            state.queue.push(mail);
            Ok(())
        })
    }

    /// Takes all mail into an empty array; `rung` as for `Wake::acknowledge`.
    fn take(&self, rung: bool, into: &mut Vec<Mail>) {
        self.wake.acknowledge(rung);
        self.with(|state| core::mem::swap(&mut state.queue, into));
    }

    /// No more mail; what is there comes back to be given up.
    pub fn close(&self) -> Vec<Mail> {
        self.with(|state| {
            state.closed = true;
            core::mem::take(&mut state.queue)
        })
    }

    /// Takes back the requests of a detached binding.
    pub fn withdraw(&self, attachment: &Arc<Attachment>) -> Vec<Mail> {
        self.with(|state| {
            let (withdrawn, kept) = core::mem::take(&mut state.queue)
                .into_iter()
                .partition(|mail| matches!(mail, Mail::Accept(request) if Arc::ptr_eq(&request.attachment, attachment)));
            state.queue = kept;
            withdrawn
        })
    }
}

impl Cx {
    /// Posts to any loop; to this one without a system call.
    pub fn post(&self, inbox: &Arc<Inbox>, mail: Mail) -> Result<(), Mail> {
        if !Arc::ptr_eq(inbox, &self.inbox) {
            return inbox.post(mail);
        }
        self.inbox.push(mail)?;
        self.events.wake_self();
        Ok(())
    }
}

/// The loop was woken: read the mail.
pub unsafe extern "C" fn woken(evpl: *mut evpl, _event: *mut evpl_fd_event) {
    // SAFETY: the loop calls this with its own handle.
    let cx = unsafe { Cx::from_handle(evpl) };
    let rung = cx.events.begin_wake();
    let mut mails = cx.mails.take();
    cx.inbox.take(rung, &mut mails);
    for mail in mails.drain(..) {
        match mail {
            Mail::Accept(request) => super::registry::take_over(cx, *request),
            Mail::Channel(key) => {
                if let Some(bind) = cx.live_bind(key.handle, key.generation) {
                    super::inproc::drain(cx, bind);
                }
            }
            Mail::Call(call) => call(cx),
        }
    }
    cx.mails.replace(mails);
}

#[cfg(all(test, loom))]
mod models;
