//! The way from a transport up to the program: the five notifications and the segment callback.
//!
//! After a close was requested nothing is delivered any more but DISCONNECTED. No ring is borrowed while
//! user code runs, and the receive ring stays in place during RECV_DATA, because the callback reads it.

use std::sync::Arc;

use super::Cx;
use super::address::Address;
use super::bind::{Bind, CONNECTED, PENDING_CLOSED, SENT_NOTIFY};
use crate::abi::{
    EVPL_NOTIFY_CONNECTED, EVPL_NOTIFY_DISCONNECTED, EVPL_NOTIFY_RECV_DATA, EVPL_NOTIFY_RECV_MSG,
    EVPL_NOTIFY_SENT, evpl_iovec, evpl_notify, evpl_notify_payload, evpl_notify_recv_msg,
    evpl_notify_sent,
};
use crate::memory::iovec::Iovec;

/// Arrays kept for reuse; more than nested deliveries could ever need.
const MESSAGE_ARRAYS_MAX: usize = 8;
/// A message array larger than this is given back to the heap.
const MESSAGE_ARRAY_KEPT_LEN_MAX: usize = 4096;

const NO_PAYLOAD: evpl_notify_payload = evpl_notify_payload {
    sent: evpl_notify_sent { bytes: 0, msgs: 0 },
};

impl Cx {
    pub fn notify_connected(&self, bind: &Bind) {
        if bind.has(PENDING_CLOSED | CONNECTED) {
            return;
        }
        bind.set(CONNECTED);
        self.notify(bind, EVPL_NOTIFY_CONNECTED, NO_PAYLOAD);
    }

    pub(super) fn notify_disconnected(&self, bind: &Bind) {
        self.notify(bind, EVPL_NOTIFY_DISCONNECTED, NO_PAYLOAD);
    }

    /// Bytes or messages were handed over.
    pub fn notify_sent(&self, bind: &Bind, bytes: u64, msgs: u64) {
        if bind.has(SENT_NOTIFY) && !bind.has(PENDING_CLOSED) {
            let sent = evpl_notify_sent {
                bytes: bytes as _,
                msgs: msgs as _,
            };
            self.notify(bind, EVPL_NOTIFY_SENT, evpl_notify_payload { sent });
        }
    }

    /// New bytes are at the end of the receive ring of a stream.
    pub fn received(&self, bind: &Bind) {
        if bind.has(PENDING_CLOSED) {
            return;
        }
        let (segment, private_data) = bind.segment_callback();
        let Some(segment) = segment else {
            self.notify(bind, EVPL_NOTIFY_RECV_DATA, NO_PAYLOAD);
            return;
        };
        while !bind.has(PENDING_CLOSED) {
            // SAFETY: what the program passed at connect or attach; nothing is borrowed.
            let length = unsafe { segment(self.evpl(), bind.handle(), private_data) };
            let queued = bind.recv.with(|ring| ring.bytes());
            match u64::try_from(length) {
                Err(_) => return self.request_close(bind),
                Ok(0) => return,
                Ok(length) if length > queued => return,
                Ok(length) => {
                    let mut message = self.message_array();
                    bind.recv.with(|ring| {
                        ring.take(length, &mut message);
                        ring.trim();
                    });
                    self.deliver_message(bind, message, bind.remote());
                }
            }
        }
    }

    /// One message. Its references pass to the program.
    pub fn deliver_message(
        &self,
        bind: &Bind,
        mut message: Vec<Iovec>,
        address: Option<Arc<Address>>,
    ) {
        if bind.has(PENDING_CLOSED) {
            for iovec in message.drain(..) {
                iovec.release(self.evpl());
            }
        } else {
            let length: u64 = message.iter().map(|iovec| u64::from(iovec.len())).sum();
            let recv_msg = evpl_notify_recv_msg {
                iovec: message.as_mut_ptr().cast::<evpl_iovec>(),
                niov: message.len() as u32,
                length: length as u32,
                addr: address.as_ref().map_or(core::ptr::null_mut(), |address| {
                    Arc::as_ptr(address).cast_mut().cast()
                }),
            };
            self.notify(bind, EVPL_NOTIFY_RECV_MSG, evpl_notify_payload { recv_msg });
            // The program owns the references now; the array is ours. `Iovec` has no destructor.
            message.clear();
        }
        self.keep_message_array(message);
    }

    /// An empty array to gather a message in.
    pub fn message_array(&self) -> Vec<Iovec> {
        self.message_arrays
            .with(|arrays| arrays.pop())
            .unwrap_or_default()
    }

    pub fn keep_message_array(&self, array: Vec<Iovec>) {
        debug_assert!(array.is_empty());
        if array.capacity() <= MESSAGE_ARRAY_KEPT_LEN_MAX {
            self.message_arrays.with(|arrays| {
                if arrays.len() < MESSAGE_ARRAYS_MAX {
                    arrays.push(array);
                }
            });
        }
    }

    fn notify(&self, bind: &Bind, notify_type: u32, payload: evpl_notify_payload) {
        let (callback, private_data) = bind.notify_callback();
        // A listening bind has none.
        let Some(callback) = callback else { return };
        let mut notify = evpl_notify {
            notify_type,
            notify_status: 0,
            payload,
        };
        // SAFETY: what the program passed at connect, bind or attach; nothing is borrowed.
        unsafe { callback(self.evpl(), bind.handle(), &mut notify, private_data) }
    }
}
