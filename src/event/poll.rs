//! Poll callbacks and the switch between polling and sleeping.
//!
//! Handles are addresses that stay valid until removal. An entry removed while the callbacks run is
//! skipped at once and freed after the round.

use std::cell::Cell;

use super::callback;
use crate::abi::{
    evpl, evpl_poll, evpl_poll_callback_t, evpl_poll_enter_callback_t, evpl_poll_exit_callback_t,
};
use crate::memory::cell::LoopCell;
use core::ffi::c_void;

struct Entry {
    enter: evpl_poll_enter_callback_t,
    exit: evpl_poll_exit_callback_t,
    poll: evpl_poll_callback_t,
    private_data: *mut c_void,
}

#[derive(Default)]
pub struct Polls {
    /// `None`: removed during a round, dropped at its end.
    entries: LoopCell<Vec<Option<Box<Entry>>>>,
    count: Cell<usize>,
    rounds: Cell<u32>,
    pins: Cell<u32>,
}

impl Polls {
    pub fn count(&self) -> usize {
        self.count.get()
    }

    pub fn pinned(&self) -> bool {
        self.pins.get() > 0
    }

    pub fn pin(&self) {
        self.pins.set(self.pins.get() + 1);
    }

    /// False if there was nothing to undo.
    pub fn unpin(&self) -> bool {
        let pins = self.pins.get();
        self.pins.set(pins.saturating_sub(1));
        pins > 0
    }

    pub fn add(
        &self,
        enter: evpl_poll_enter_callback_t,
        exit: evpl_poll_exit_callback_t,
        poll: evpl_poll_callback_t,
        private_data: *mut c_void,
    ) -> *mut evpl_poll {
        let entry = Box::new(Entry {
            enter,
            exit,
            poll,
            private_data,
        });
        let handle = core::ptr::from_ref::<Entry>(&entry)
            .cast_mut()
            .cast::<evpl_poll>();
        self.entries.with(|entries| entries.push(Some(entry)));
        self.count.set(self.count.get() + 1);
        handle
    }

    /// False if the handle is not registered.
    pub fn remove(&self, handle: *mut evpl_poll) -> bool {
        let removed = self.entries.with(|entries| {
            let index = entries.iter().position(|entry| {
                entry
                    .as_deref()
                    .is_some_and(|entry| core::ptr::from_ref(entry).cast() == handle.cast_const())
            })?;
            if self.rounds.get() > 0 {
                entries[index].take()
            } else {
                entries.remove(index)
            }
        });
        if removed.is_some() {
            self.count.set(self.count.get() - 1);
        }
        removed.is_some()
    }

    pub fn enter(&self, evpl: *mut evpl) {
        self.each(|entry| callback::with_private(entry.0, evpl, entry.3));
    }

    pub fn exit(&self, evpl: *mut evpl) {
        self.each(|entry| callback::with_private(entry.1, evpl, entry.3));
    }

    pub fn poll(&self, evpl: *mut evpl) {
        self.each(|entry| callback::with_private(entry.2, evpl, entry.3));
    }

    /// Visits, in order, what is registered now and still is when its turn comes.
    #[allow(clippy::type_complexity)]
    fn each(
        &self,
        mut visit: impl FnMut(
            (
                evpl_poll_enter_callback_t,
                evpl_poll_exit_callback_t,
                evpl_poll_callback_t,
                *mut c_void,
            ),
        ),
    ) {
        self.rounds.set(self.rounds.get() + 1);
        let len = self.entries.with(|entries| entries.len());
        for index in 0..len {
            let entry = self.entries.with(|entries| {
                entries[index]
                    .as_deref()
                    .map(|entry| (entry.enter, entry.exit, entry.poll, entry.private_data))
            });
            if let Some(entry) = entry {
                visit(entry);
            }
        }
        self.rounds.set(self.rounds.get() - 1);
        if self.rounds.get() == 0 {
            self.entries.with(|entries| entries.retain(Option::is_some));
        }
    }
}
