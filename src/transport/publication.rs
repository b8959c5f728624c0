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
        is_current(self.buffer, self.generation)
    }
}

fn is_current(buffer: *const evpl_iovec_ref, generation: u32) -> bool {
    // SAFETY: only pool buffers are published.
    unsafe { buffer_generation(buffer) == generation }
}

/// Bytes that a peer may access, for as long as the grant is current. That says nothing about who else
/// uses them meanwhile: as with any one-sided access, this is between the programs.
#[derive(Clone, Copy)]
pub struct Grant {
    data: *mut u8,
    buffer: *const evpl_iovec_ref,
    len: u32,
    generation: u32,
}

impl Grant {
    pub fn data(&self) -> *mut u8 {
        self.data
    }

    pub fn length(&self) -> u32 {
        self.len
    }

    /// Whether the bytes are still what was published. Memory itself never goes away.
    pub fn is_current(&self) -> bool {
        is_current(self.buffer, self.generation)
    }
}

#[derive(Default)]
struct Table {
    /// By start address.
    ranges: BTreeMap<u64, Range>,
    /// The longest range there ever was: none that starts further back reaches an address.
    longest: u64,
}

#[derive(Default)]
pub struct Publications {
    table: Mutex<Table>,
}

impl Publications {
    fn with<R>(&self, f: impl FnOnce(&mut Table) -> R) -> R {
        f(&mut self.table.lock().unwrap_or_else(PoisonError::into_inner))
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
        let start = iovec.data().expose_provenance() as u64;
        let fresh = Range {
            len: u64::from(iovec.len()),
            key,
            buffer,
            generation,
        };
        self.with(|Table { ranges, longest }| {
            *longest = fresh.len.max(*longest);
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

    /// The `len` bytes at `address`, if they may be accessed with `key`.
    pub fn find(&self, key: u32, address: u64, len: u32) -> Option<Grant> {
        let end = address.checked_add(u64::from(len))?;
        self.with(|Table { ranges, longest }| {
            let mut outdated = Vec::new();
            let mut found = None;
            for (&start, range) in ranges
                .range(address.saturating_sub(*longest)..=address)
                .rev()
            {
                if !range.is_current() {
                    outdated.push(start);
                } else if range.key == key && end <= start + range.len {
                    found = Some(*range);
                    break;
                }
            }
            for start in outdated {
                ranges.remove(&start);
            }
            found.map(|range| Grant {
                data: core::ptr::with_exposed_provenance_mut(address as usize),
                buffer: range.buffer,
                len,
                generation: range.generation,
            })
        })
    }
}
