//! What is still to be sent when the peer's end of stream comes.
//!
//! The bind ends as if the program had finished it: everything queued is handed over as far as the peer
//! takes it, then the bind closes. A peer that takes nothing for a minute ends it too, or it would hold
//! the queue for ever.

use std::os::fd::RawFd;

use super::Cx;
use super::bind::{Bind, FINISH, PENDING_CLOSED};
use crate::abi::{evpl, evpl_bind, evpl_timer};
use crate::event::timer;
use crate::memory::cell::LoopCell;
use crate::sys::socket;

/// How often the loop looks whether peers take what is left for them.
const LOOK_INTERVAL_US: u64 = 5_000_000;
/// Looks in a row that find nothing taken before the bind is closed: a minute.
const IDLE_LOOKS_MAX: u32 = 12;

/// The binds of one loop that send on after the peer's end.
pub struct Draining {
    timer: LoopCell<evpl_timer>,
    entries: LoopCell<Vec<Entry>>,
}

struct Entry {
    bind: *mut evpl_bind,
    generation: u32,
    fd: RawFd,
    /// Queued here and in the kernel at the last look.
    left: u64,
    idle_looks: u32,
}

impl Default for Draining {
    fn default() -> Draining {
        Draining {
            timer: LoopCell::new(timer::IDLE),
            entries: LoopCell::default(),
        }
    }
}

impl Draining {
    fn timer_pointer(&self) -> *mut evpl_timer {
        core::ptr::from_ref(&self.timer).cast_mut().cast()
    }
}

impl Cx {
    /// The peer of a stream will send no more: the bind closes once what is queued was taken. The caller
    /// stops reading, and goes on with its sending. Asking again changes nothing.
    pub fn close_when_sent(&self, bind: &Bind, fd: RawFd) {
        bind.set(FINISH);
        let known = self.draining.entries.with(|entries| {
            entries.iter().any(|entry| {
                entry.bind == bind.handle() && entry.generation == bind.generation.get()
            })
        });
        if known || bind.has(PENDING_CLOSED) || bind.is_drained() {
            return;
        }
        let first = self.draining.entries.with(|entries| {
            entries.push(Entry {
                bind: bind.handle(),
                generation: bind.generation.get(),
                fd,
                left: 0,
                idle_looks: 0,
            });
            entries.len() == 1
        });
        if first {
            let timer = self.draining.timer_pointer();
            self.events
                .add_timer(timer, Some(on_look), LOOK_INTERVAL_US, false);
        }
    }

    fn look_at_draining(&self) {
        let mut entries = self.draining.entries.take();
        entries.retain_mut(|entry| {
            let bind = self.live_bind(entry.bind, entry.generation);
            let Some(bind) = bind.filter(|bind| !bind.has(PENDING_CLOSED)) else {
                return false;
            };
            let queued = bind.send.with(|ring| ring.bytes());
            let left = queued + socket::unsent(entry.fd);
            let taken = core::mem::replace(&mut entry.left, left) != left;
            entry.idle_looks = if taken { 0 } else { entry.idle_looks + 1 };
            if entry.idle_looks < IDLE_LOOKS_MAX {
                return true;
            }
            crate::log_error!(
                "core",
                "connection with {} closed: the peer takes nothing of {} bytes left",
                bind.remote_address_text(),
                queued
            );
            self.request_close(bind);
            false
        });
        if entries.is_empty() {
            self.events.remove_timer(self.draining.timer_pointer());
        } else {
            self.draining.entries.replace(entries);
        }
    }
}

unsafe extern "C" fn on_look(evpl: *mut evpl, _timer: *mut evpl_timer) {
    // SAFETY: the loop calls this with its own handle.
    let cx = unsafe { Cx::from_handle(evpl) };
    cx.look_at_draining();
}
