//! Adaptive polling: when a loop that has just had traffic looks again before it sleeps, and for how
//! long.
//!
//! The window is learned. Traffic that comes soon after falling asleep lengthens it, traffic that comes
//! late shortens it, down to nothing. Timers are not traffic. A spin during which the processor was taken
//! away shows that somebody else needs it: the loop sleeps at once for a while, longer each time. Across
//! the process fewer loops spin than
//! there are processors, and a loop that shares its processor with another bound to the same one never
//! does: there the spin would only keep the other from answering.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::sys::cpu;

/// The shortest window worth having.
const WINDOW_MIN_NS: u64 = 20_000;
/// How long a loop looks although all places are taken: the place of a peer that just answered is about
/// to be free.
const GRACE_NS: u64 = 10_000;
/// Between two looks of a spin that goes on undisturbed.
const LOOK_NS_MAX: u64 = 50_000;
/// How long a loop does not spin after it was disturbed, doubling with each time.
const PAUSE_NS_MIN: u64 = 10_000_000;
const PAUSE_NS_MAX: u64 = 320_000_000;
/// Disturbed spins, with fewer than CALM_SPINS undisturbed ones between, before such a pause.
const DISTURBANCES_MAX: u32 = 16;
/// Spins in a row that found something, undisturbed, before a disturbance is forgotten.
const CALM_SPINS: u32 = 1_000;
/// How often the thread's own binding to a processor is asked for.
const PINNED_REFRESH_NS: u64 = 50_000_000;

/// Loops that spin now.
static SPINNING: AtomicUsize = AtomicUsize::new(0);
/// Loops bound to each processor alone.
static PINNED: [AtomicU32; cpu::CPUS_MAX] = [const { AtomicU32::new(0) }; cpu::CPUS_MAX];

/// What one loop has learned.
pub struct Spin {
    enabled: bool,
    window_max_ns: u64,
    window_ns: Cell<u64>,
    pinned: Cell<Option<usize>>,
    pinned_asked_ns: Cell<u64>,
    paused_until_ns: Cell<u64>,
    pause_ns: Cell<u64>,
    calm_spins: Cell<u32>,
    disturbances: Cell<u32>,
    /// The last traffic came through the inbox, not through a descriptor.
    pub by_mail: Cell<bool>,
}

/// A place among the spinning loops; free again when dropped.
pub struct Place;

impl Drop for Place {
    fn drop(&mut self) {
        SPINNING.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Spin {
    pub fn new(enabled: bool, window_max_ns: u64) -> Spin {
        Spin {
            enabled: enabled && window_max_ns > 0,
            window_max_ns,
            window_ns: Cell::new(0),
            pinned: Cell::new(None),
            pinned_asked_ns: Cell::new(0),
            paused_until_ns: Cell::new(0),
            pause_ns: Cell::new(PAUSE_NS_MIN),
            calm_spins: Cell::new(0),
            disturbances: Cell::new(0),
            by_mail: Cell::new(false),
        }
    }

    /// How long to look before sleeping for at most `timeout_ns`; zero is not at all.
    pub fn window_ns(&self, timeout_ns: Option<u64>) -> u64 {
        if self.enabled {
            self.window_ns.get().min(timeout_ns.unwrap_or(u64::MAX))
        } else {
            0
        }
    }

    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// A place to spin in, if one is free and this loop's processor is its own.
    pub fn enter(&self, now_ns: u64) -> Option<Place> {
        // First what this thread may run on, which the number of usable processors is made of.
        if self.shares_processor(now_ns) || cpu::usable() < 2 || now_ns < self.paused_until_ns.get()
        {
            return None;
        }
        let mut spinning = SPINNING.load(Ordering::Relaxed);
        while spinning + 1 < cpu::usable() {
            match SPINNING.compare_exchange_weak(
                spinning,
                spinning + 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(Place),
                Err(now) => spinning = now,
            }
        }
        None
    }

    /// How long to try for a place.
    pub fn grace_ns(&self, now_ns: u64) -> u64 {
        if self.shares_processor(now_ns) || cpu::usable() < 2 || now_ns < self.paused_until_ns.get()
        {
            0
        } else {
            GRACE_NS
        }
    }

    /// Whether two looks that far apart mean that the processor was taken away meanwhile.
    pub fn is_disturbed(&self, look_ns: u64, now_ns: u64) -> bool {
        if look_ns <= LOOK_NS_MAX {
            return false;
        }
        // Once may be an interrupt, or the scheduler about to move one of the two elsewhere.
        self.calm_spins.set(0);
        self.disturbances.set(self.disturbances.get() + 1);
        if self.disturbances.get() >= DISTURBANCES_MAX {
            self.disturbances.set(0);
            self.paused_until_ns.set(now_ns + self.pause_ns.get());
            self.pause_ns
                .set((self.pause_ns.get() * 2).min(PAUSE_NS_MAX));
        }
        true
    }

    /// A spin found something.
    pub fn paid(&self) {
        let calm = self.calm_spins.get() + 1;
        self.calm_spins.set(calm);
        if calm >= CALM_SPINS {
            self.calm_spins.set(0);
            self.disturbances.set(0);
            self.pause_ns.set(PAUSE_NS_MIN);
        }
    }

    fn shares_processor(&self, now_ns: u64) -> bool {
        if now_ns.wrapping_sub(self.pinned_asked_ns.get()) > PINNED_REFRESH_NS {
            self.pinned_asked_ns.set(now_ns);
            self.set_pinned(cpu::pinned_to());
        }
        self.pinned
            .get()
            .is_some_and(|cpu| PINNED[cpu].load(Ordering::Relaxed) > 1)
    }

    fn set_pinned(&self, pinned: Option<usize>) {
        let before = self.pinned.replace(pinned);
        if before != pinned {
            if let Some(cpu) = before {
                PINNED[cpu].fetch_sub(1, Ordering::Relaxed);
            }
            if let Some(cpu) = pinned {
                PINNED[cpu].fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Traffic came `gap_ns` after the loop had nothing to do.
    pub fn learn(&self, gap_ns: u64) {
        if !self.enabled {
            return;
        }
        let window = self.window_ns.get();
        let learned = if gap_ns <= self.window_max_ns {
            window
                .max(gap_ns.saturating_mul(4))
                .clamp(WINDOW_MIN_NS.min(self.window_max_ns), self.window_max_ns)
        } else if window / 2 < WINDOW_MIN_NS {
            0
        } else {
            window / 2
        };
        self.window_ns.set(learned);
    }
}

impl Drop for Spin {
    fn drop(&mut self) {
        self.set_pinned(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_gaps_open_the_window_and_long_ones_close_it() {
        let spin = Spin::new(true, 1_000_000);
        assert_eq!(spin.window_ns(None), 0);
        spin.learn(30_000);
        assert_eq!(spin.window_ns(None), 120_000);
        assert_eq!(
            spin.window_ns(Some(50_000)),
            50_000,
            "never longer than the wait"
        );
        for _ in 0..10 {
            spin.learn(5_000_000);
        }
        assert_eq!(spin.window_ns(None), 0);
    }

    #[test]
    fn a_window_of_zero_is_off() {
        let spin = Spin::new(true, 0);
        spin.learn(1);
        assert_eq!(spin.window_ns(None), 0);
    }
}
