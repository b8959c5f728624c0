//! Timers, ordered by deadline and found by address.
//!
//! The storage belongs to the caller. A timer that is not registered is never read, so removing one
//! that already fired, or was never added, compares addresses only. Add, remove and the next deadline
//! cost O(log n).

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, HashMap};

use super::PointerHash;
use super::callback::{self, storage};
use crate::abi::{evpl, evpl_timer, evpl_timer_callback_t};
use crate::memory::cell::LoopCell;

/// Storage of a timer that is not registered.
pub const IDLE: evpl_timer = evpl_timer {
    callback: None,
    interval: 0,
    deadline: 0,
    oneshot: 0,
};

/// Deadline in ticks, then the order of arming.
type Key = (u64, u64);

#[derive(Default)]
struct Queue {
    by_key: BTreeMap<Key, *mut evpl_timer>,
    by_address: HashMap<*mut evpl_timer, Key, PointerHash>,
    next_sequence: u64,
}

impl Queue {
    fn insert(&mut self, timer: *mut evpl_timer, deadline: u64) {
        let key = (deadline, self.next_sequence);
        self.next_sequence += 1;
        self.by_key.insert(key, timer);
        self.by_address.insert(timer, key);
    }

    fn remove(&mut self, timer: *mut evpl_timer) {
        if let Some(key) = self.by_address.remove(&timer) {
            self.by_key.remove(&key);
        }
    }
}

#[derive(Default)]
pub struct Timers {
    queue: LoopCell<Queue>,
}

impl Timers {
    /// Registers `timer`; one that is registered already starts again.
    pub fn add(
        &self,
        timer: *mut evpl_timer,
        callback: evpl_timer_callback_t,
        interval_us: u64,
        oneshot: bool,
        now: u64,
    ) {
        let deadline = deadline_after(now, interval_us);
        storage::write_timer(
            timer,
            evpl_timer {
                callback,
                interval: interval_us,
                deadline,
                oneshot: i32::from(oneshot),
            },
        );
        self.queue.with(|queue| {
            queue.remove(timer);
            queue.insert(timer, deadline);
        });
    }

    pub fn remove(&self, timer: *mut evpl_timer) {
        self.queue.with(|queue| queue.remove(timer));
    }

    pub fn is_empty(&self) -> bool {
        self.queue.with(|queue| queue.by_key.is_empty())
    }

    pub fn next_deadline(&self) -> Option<u64> {
        self.queue
            .with(|queue| queue.by_key.first_key_value().map(|(key, _)| key.0))
    }

    /// Fires everything due at `now`, each timer at most once; `clock` gives the time for re-arming.
    pub fn fire_due(&self, evpl: *mut evpl, now: u64, clock: impl Fn() -> u64) {
        // What is armed during the scan waits for the next one, so an interval of zero ends.
        let scan_end = self.queue.with(|queue| queue.next_sequence);
        while let Some((timer, key)) = self.take_due(now, scan_end) {
            let (callback, interval_us, oneshot) = storage::read_timer(timer);
            if oneshot {
                self.queue.with(|queue| queue.by_address.remove(&timer));
                callback::timer(callback, evpl, timer);
                continue;
            }
            callback::timer(callback, evpl, timer);
            // Re-arm only what the callback neither removed nor added again.
            let still_registered = self
                .queue
                .with(|queue| queue.by_address.get(&timer) == Some(&key));
            if still_registered {
                let deadline = deadline_after(clock(), interval_us);
                storage::set_timer_deadline(timer, deadline);
                self.queue.with(|queue| queue.insert(timer, deadline));
            }
        }
    }

    /// Takes the earliest due timer out of the order; its address stays known until it is re-armed.
    fn take_due(&self, now: u64, scan_end: u64) -> Option<(*mut evpl_timer, Key)> {
        self.queue.with(|queue| {
            let (&key, &timer) = queue.by_key.first_key_value()?;
            if key.0 > now || key.1 >= scan_end {
                return None;
            }
            queue.by_key.remove(&key);
            Some((timer, key))
        })
    }
}

fn deadline_after(now: u64, interval_us: u64) -> u64 {
    now.saturating_add(interval_us.saturating_mul(1000))
}
