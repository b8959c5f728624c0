//! Sends that the kernel had no memory for. Nothing tells when it has, so they are tried again by a timer.

use super::Cx;
use super::bind::{Bind, PENDING_CLOSED};
use crate::abi::{evpl, evpl_bind, evpl_timer};
use crate::event::timer;
use crate::memory::cell::LoopCell;

const RETRY_US: u64 = 1_000;

/// The binds of one loop that wait.
pub struct Waiting {
    timer: LoopCell<evpl_timer>,
    binds: LoopCell<Vec<(*mut evpl_bind, u32)>>,
}

impl Default for Waiting {
    fn default() -> Waiting {
        Waiting {
            timer: LoopCell::new(timer::IDLE),
            binds: LoopCell::default(),
        }
    }
}

impl Waiting {
    fn timer_pointer(&self) -> *mut evpl_timer {
        core::ptr::from_ref(&self.timer).cast_mut().cast()
    }
}

impl Cx {
    /// Has the bind flush again in a while.
    pub fn flush_later(&self, bind: &Bind) {
        let entry = (bind.handle(), bind.generation.get());
        let first = self.waiting.binds.with(|binds| {
            if !binds.contains(&entry) {
                binds.push(entry);
            }
            binds.len() == 1
        });
        if first {
            let timer = self.waiting.timer_pointer();
            self.events.add_timer(timer, Some(on_retry), RETRY_US, true);
        }
    }
}

unsafe extern "C" fn on_retry(evpl: *mut evpl, _timer: *mut evpl_timer) {
    // SAFETY: the loop calls this with its own handle.
    let cx = unsafe { Cx::from_handle(evpl) };
    for (handle, generation) in cx.waiting.binds.take() {
        if let Some(bind) = cx.live_bind(handle, generation)
            && !bind.has(PENDING_CLOSED)
        {
            // A bind that waits to be writable goes on as if it were; others have no descriptor to wait for.
            if bind.event().fd() >= 0 {
                cx.events.fds().mark_writable(bind.event_pointer());
            } else {
                bind.row().protocol().flush(cx, bind);
            }
        }
    }
}
