//! SHARED counts under every interleaving. The bytes are a loom cell each, so that an access which is
//! not ordered against the reuse of the buffer is found.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU32;
use loom::thread;

use super::*;

struct Shared {
    count: AtomicU32,
    bytes: [UnsafeCell<u8>; 2],
    releases: AtomicU32,
}

// SAFETY: loom checks every access to the cells.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

impl Shared {
    fn new(count: u32) -> Arc<Shared> {
        Arc::new(Shared {
            count: AtomicU32::new(count),
            bytes: [UnsafeCell::new(0), UnsafeCell::new(0)],
            releases: AtomicU32::new(0),
        })
    }

    fn write(&self, index: usize, value: u8) {
        // SAFETY: each thread writes a byte of its own while it holds a reference.
        self.bytes[index].with_mut(|byte| unsafe { *byte = value });
    }

    fn read(&self, index: usize) -> u8 {
        // SAFETY: only who owns the buffer alone reads all of it.
        self.bytes[index].with(|byte| unsafe { *byte })
    }

    /// Gives a reference up; the last one finds both writes and reuses the bytes.
    fn release(&self) {
        if drop_shared(|order| self.count.fetch_sub(1, order)) {
            assert_eq!((self.read(0), self.read(1)), (1, 2));
            self.write(0, 3);
            self.write(1, 3);
            self.releases.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn loom_the_last_of_two_threads_releases_once_and_sees_all_writes() {
    loom::model(|| {
        let shared = Shared::new(2);
        let other = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.write(0, 1);
                shared.release();
            })
        };
        shared.write(1, 2);
        shared.release();
        other.join().unwrap();
        assert_eq!(shared.releases.load(Ordering::Relaxed), 1);
    });
}

/// A loop starts the buffer it fills over when nobody else holds it any more.
#[test]
fn loom_a_buffer_is_filled_again_only_after_its_other_holder_is_done() {
    loom::model(|| {
        let shared = Shared::new(2);
        let other = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.write(0, 1);
                assert!(!drop_shared(|order| shared.count.fetch_sub(1, order)));
            })
        };
        if is_alone(|order| shared.count.load(order)) {
            assert_eq!(shared.read(0), 1);
            shared.write(0, 2);
        }
        other.join().unwrap();
    });
}
