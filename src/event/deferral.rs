//! Deferrals: callbacks that run once at the end of the pass in which they were armed.
//!
//! First in, first out. Everything armed runs in the same pass, what is armed meanwhile too, except
//! that a deferral which already ran in this pass and was armed again waits for the next one; a pass
//! therefore always ends. `armed` in the caller's storage holds the queue position plus one.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::collections::{HashSet, VecDeque};

use super::PointerHash;
use super::callback::{self, storage};
use crate::abi::{evpl, evpl_deferral};
use crate::memory::cell::LoopCell;

/// Marks positions in the queue of the next pass.
const NEXT_PASS: u64 = 1 << 63;

/// Room in the set of what ran that is kept in any case.
const RAN_KEPT_MAX: usize = 1024;

/// A queue whose entries know their own position, so that removal needs no search.
#[derive(Default)]
struct Queue {
    entries: VecDeque<*mut evpl_deferral>,
    /// Position of the front entry.
    base: u64,
}

impl Queue {
    fn push(&mut self, deferral: *mut evpl_deferral) -> u64 {
        self.entries.push_back(deferral);
        self.base + self.entries.len() as u64
    }

    fn pop(&mut self) -> Option<*mut evpl_deferral> {
        let front = self.entries.pop_front()?;
        self.base += 1;
        Some(front)
    }

    fn vacate(&mut self, armed: u64, deferral: *mut evpl_deferral) {
        let index = armed.wrapping_sub(1).wrapping_sub(self.base) as usize;
        if self.entries.get(index) == Some(&deferral) {
            self.entries[index] = core::ptr::null_mut();
        }
    }
}

#[derive(Default)]
struct State {
    now: Queue,
    next: Queue,
    /// Which ran in the current phase.
    ran: HashSet<*mut evpl_deferral, PointerHash>,
}

#[derive(Default)]
pub struct Deferrals {
    state: LoopCell<State>,
    running: Cell<bool>,
    /// Queued entries, vacated ones included.
    queued: Cell<usize>,
}

impl Deferrals {
    pub fn is_empty(&self) -> bool {
        self.queued.get() == 0
    }

    pub fn arm(&self, deferral: *mut evpl_deferral) {
        if storage::armed(deferral) != 0 {
            return;
        }
        let armed = self.state.with(|state| {
            if self.running.get() && state.ran.contains(&deferral) {
                state.next.push(deferral) | NEXT_PASS
            } else {
                state.now.push(deferral)
            }
        });
        self.queued.set(self.queued.get() + 1);
        storage::set_armed(deferral, armed);
    }

    pub fn remove(&self, deferral: *mut evpl_deferral) {
        let armed = storage::armed(deferral);
        if armed == 0 {
            return;
        }
        self.state.with(|state| {
            let queue = if armed & NEXT_PASS != 0 {
                &mut state.next
            } else {
                &mut state.now
            };
            queue.vacate(armed & !NEXT_PASS, deferral);
        });
        storage::set_armed(deferral, 0);
    }

    /// Lets `deferral` run once more in the current phase although it already did, and takes it out of
    /// the next pass if it waits for that.
    pub fn allow_again(&self, deferral: *mut evpl_deferral) {
        if self.running.get() {
            self.state.with(|state| state.ran.remove(&deferral));
            if storage::armed(deferral) & NEXT_PASS != 0 {
                self.remove(deferral);
            }
        }
    }

    pub fn run(&self, evpl: *mut evpl) {
        if self.queued.get() == 0 {
            return;
        }
        self.running.set(true);
        while let Some(deferral) = self.state.with(|state| state.now.pop()) {
            self.queued.set(self.queued.get() - 1);
            if deferral.is_null() {
                continue;
            }
            storage::set_armed(deferral, 0);
            self.state.with(|state| state.ran.insert(deferral));
            let (callback, private_data) = storage::read_deferral(deferral);
            callback::deferral(callback, evpl, private_data);
        }
        self.running.set(false);
        self.state.with(|state| {
            // Clearing costs what the set has room for, so a burst must not be paid for ever after.
            if state.ran.capacity() > RAN_KEPT_MAX && state.ran.len() * 8 < state.ran.capacity() {
                state.ran = HashSet::default();
            }
            state.ran.clear();
            while let Some(deferral) = state.next.pop() {
                if deferral.is_null() {
                    self.queued.set(self.queued.get() - 1);
                } else {
                    storage::set_armed(deferral, state.now.push(deferral));
                }
            }
        });
    }
}
