//! How other threads wake a loop for what they left in its inbox.
//!
//! One word decides who does what. A sender that finds the loop spinning, or already told, writes
//! nothing; otherwise it writes the eventfd. The loop leaves its spin and looks at the word in one step,
//! so an announcement is seen by the spin, by that last look, or by the kernel wait.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering;

use crate::sync::AtomicU32;
use crate::sys::eventfd;

/// Something is in the inbox and the loop has not looked yet.
const ANNOUNCED: u32 = 1;
/// The loop watches this word instead of sleeping.
const SPINNING: u32 = 2;

pub struct Wake<B = OwnedFd> {
    bell: B,
    word: AtomicU32,
}

/// What a sleeping loop hears: an eventfd.
pub trait Bell {
    fn ring(&self);
    fn silence(&self);
}

impl Bell for OwnedFd {
    fn ring(&self) {
        eventfd::ring_owned(self);
    }

    fn silence(&self) {
        eventfd::drain(self.as_raw_fd());
    }
}

impl Wake {
    pub fn open() -> io::Result<Wake> {
        Ok(Wake::new(eventfd::open()?))
    }

    pub fn fd(&self) -> RawFd {
        self.bell.as_raw_fd()
    }
}

impl<B: Bell> Wake<B> {
    pub fn new(bell: B) -> Wake<B> {
        Wake {
            bell,
            word: AtomicU32::new(0),
        }
    }

    #[cfg(all(test, loom))]
    pub fn bell(&self) -> &B {
        &self.bell
    }

    /// From any thread, after the mail is in the inbox.
    pub fn announce(&self) {
        if self.word.fetch_or(ANNOUNCED, Ordering::AcqRel) & (ANNOUNCED | SPINNING) == 0 {
            self.ring();
        }
    }

    /// By the loop for itself: it looks before it sleeps.
    pub fn announce_to_self(&self) {
        self.word.fetch_or(ANNOUNCED, Ordering::AcqRel);
    }

    /// Wakes the loop whatever it does.
    pub fn ring(&self) {
        self.bell.ring();
    }

    pub fn is_announced(&self) -> bool {
        self.word.load(Ordering::Acquire) & ANNOUNCED != 0
    }

    pub fn begin_spin(&self) {
        self.word.fetch_or(SPINNING, Ordering::AcqRel);
    }

    /// Whether something was announced that nobody rings for.
    pub fn end_spin(&self) -> bool {
        self.word.fetch_and(!SPINNING, Ordering::AcqRel) & ANNOUNCED != 0
    }

    /// Before the inbox is read: what is announced from here on rings again. `rung` unless the loop looks
    /// of its own accord.
    pub fn acknowledge(&self, rung: bool) {
        // The other way round would swallow the ring of a sender in between, and the word would keep the
        // next one from ringing.
        if rung {
            self.bell.silence();
        }
        self.word.fetch_and(!ANNOUNCED, Ordering::AcqRel);
    }
}
