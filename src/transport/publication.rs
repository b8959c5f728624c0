//! Memory that this process has published to its peers for one-sided access.
//!
//! A key names a slab; an access is honoured only inside a range that `evpl_rdma_get_address` was asked
//! for, and only until that buffer is recycled. Asking again after recycling publishes anew. Entries of
//! recycled buffers are dropped when their place, or one just before it, is published or looked up again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::abi::evpl_iovec_ref;
use crate::memory::allocator::is_pool_buffer;
use crate::memory::iovec::Iovec;
use crate::memory::slab::{buffer_generation, slab_key};

/// Ranges looked at behind each new one: more than it adds, so that those of recycled buffers, each
/// of which starts somewhere else, do not pile up.
const SWEPT_PER_PUBLICATION: usize = 4;

#[derive(Clone, Copy)]
struct Range {
    len: u64,
    key: u32,
    buffer: *const evpl_iovec_ref,
    generation: u32,
}

// SAFETY: the pointer names a buffer record, which lives as long as the process's pool; only its
// generation is read through it, atomically.
unsafe impl Send for Range {}

impl Range {
    fn is_current(&self) -> bool {
        // SAFETY: only pool buffers are published.
        unsafe { buffer_generation(self.buffer) == self.generation }
    }
}

#[derive(Default)]
pub struct Publications {
    /// By start address.
    ranges: Mutex<BTreeMap<u64, Range>>,
}

impl Publications {
    fn with<R>(&self, f: impl FnOnce(&mut BTreeMap<u64, Range>) -> R) -> R {
        f(&mut self.ranges.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Publishes the bytes of `iovec`; zeros for memory that is not ours.
    pub fn publish(&self, iovec: &Iovec) -> (u32, u64) {
        let buffer = iovec.ref_ptr();
        // SAFETY: the caller holds a reference, so the record is alive.
        if buffer.is_null() || !unsafe { is_pool_buffer(buffer) } {
            return (0, 0);
        }
        // SAFETY: a pool buffer, whose slab was set when it was made.
        let (key, generation) = unsafe { (slab_key((*buffer).slab), buffer_generation(buffer)) };
        let Ok(key) = u32::try_from(key) else {
            return (0, 0);
        };
        let start = iovec.data().addr() as u64;
        let fresh = Range {
            len: u64::from(iovec.len()),
            key,
            buffer,
            generation,
        };
        self.with(|ranges| {
            let outdated: Vec<u64> = ranges
                .range(start + 1..)
                .take(SWEPT_PER_PUBLICATION)
                .filter(|(_, range)| !range.is_current())
                .map(|(&start, _)| start)
                .collect();
            for start in outdated {
                ranges.remove(&start);
            }
            let range = ranges.entry(start).or_insert(fresh);
            // The same start in the same life of the buffer: the longer range covers both.
            let len = if range.is_current() {
                range.len.max(fresh.len)
            } else {
                fresh.len
            };
            *range = Range { len, ..fresh };
        });
        (key, start)
    }

    /// Whether `len` bytes at `address` may be accessed with `key`. The buffer is at most `buffer_size`
    /// long, so no range that starts further back can reach the address.
    pub fn allows(&self, key: u32, address: u64, len: u64, buffer_size: u64) -> bool {
        let Some(end) = address.checked_add(len) else {
            return false;
        };
        self.with(|ranges| {
            let mut outdated = Vec::new();
            let mut allowed = false;
            for (&start, range) in ranges
                .range(address.saturating_sub(buffer_size)..=address)
                .rev()
            {
                if !range.is_current() {
                    outdated.push(start);
                } else if range.key == key && end <= start + range.len {
                    allowed = true;
                    break;
                }
            }
            for start in outdated {
                ranges.remove(&start);
            }
            allowed
        })
    }
}
