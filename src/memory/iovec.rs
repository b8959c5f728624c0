//! One owned reference to some bytes of one buffer.
//!
//! The rules are those of the inline functions in the public header, because both sides count in the
//! same word: LOCAL counts are plain and belong to one thread, SHARED counts are atomic, GLOBAL
//! counts never move. Dropping an `Iovec` releases nothing, since a release needs the loop's handle:
//! whoever holds one passes it on or calls `release`.

use core::sync::atomic::Ordering;

use crate::abi::{
    EVPL_IOVEC_FLAG_GLOBAL, EVPL_IOVEC_FLAG_SHARED, evpl, evpl_iovec, evpl_iovec_ref,
};

/// One owned reference. Its pointers were valid when it was made and stay so while it is held.
#[repr(transparent)]
#[must_use = "a reference that is forgotten keeps its buffer for ever"]
pub struct Iovec(pub evpl_iovec);

impl Iovec {
    /// No bytes and no reference: fills unused places, never handed out.
    pub(super) const EMPTY: Iovec = Iovec(evpl_iovec {
        data: core::ptr::null_mut(),
        length: 0,
        pad: 0,
        ref_: core::ptr::null_mut(),
    });

    /// A reference to `length` bytes at `data`; the caller has counted it in `buffer` already.
    #[inline]
    pub(super) fn counted(data: *mut u8, length: u32, buffer: *mut evpl_iovec_ref) -> Iovec {
        Iovec(evpl_iovec {
            data: data.cast(),
            length,
            pad: 0,
            ref_: buffer,
        })
    }

    /// Bytes that stay readable without a reference: releasing them does nothing.
    pub fn borrowed(data: *mut u8, length: u32) -> Iovec {
        Iovec::counted(data, length, borrowed_record())
    }

    #[inline]
    pub fn is_borrowed(&self) -> bool {
        core::ptr::eq(self.0.ref_, borrowed_record())
    }

    /// Takes over the reference that C held.
    #[inline]
    pub fn from_raw(raw: evpl_iovec) -> Iovec {
        Iovec(raw)
    }

    /// Hands the reference over to C.
    #[inline]
    pub fn into_raw(self) -> evpl_iovec {
        self.0
    }

    /// Gives the reference up; the last one sends the buffer back. GLOBAL buffers ignore it.
    /// `evpl` is the calling thread's loop, or NULL.
    // A handle was checked where it came in from C; here it is only passed on.
    #[allow(clippy::not_unsafe_ptr_arg_deref)]
    #[inline]
    pub fn release(self, evpl: *mut evpl) {
        // SAFETY: this value is one counted reference, so the record is alive.
        unsafe { ref_release(evpl, self.0.ref_) }
    }

    /// A second reference to the same bytes.
    #[inline]
    pub fn clone_ref(&self) -> Iovec {
        // SAFETY: `self` is one counted reference, so the record is alive.
        unsafe { ref_incr(self.0.ref_) };
        Iovec(self.0)
    }

    #[inline]
    pub fn len(&self) -> u32 {
        self.0.length
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.length == 0
    }

    #[inline]
    pub fn data(&self) -> *mut u8 {
        self.0.data.cast()
    }

    /// The record of the buffer, which is also its identity.
    #[inline]
    pub fn ref_ptr(&self) -> *mut evpl_iovec_ref {
        self.0.ref_
    }

    /// Cuts off the first `n` bytes with a reference of their own.
    #[inline]
    pub fn split_front(&mut self, n: u32) -> Iovec {
        let mut front = self.clone_ref();
        front.truncate(n);
        self.advance(n);
        front
    }

    /// Forgets the first `n` bytes.
    #[inline]
    pub fn advance(&mut self, n: u32) {
        debug_assert!(n <= self.0.length);
        self.0.data = self.0.data.wrapping_byte_add(n as usize);
        self.0.length -= n;
    }

    /// Keeps only the first `n` bytes.
    #[inline]
    pub fn truncate(&mut self, n: u32) {
        debug_assert!(n <= self.0.length);
        self.0.length = n;
    }

    /// True if other threads may hold references to the buffer; GLOBAL buffers are shared too.
    #[inline]
    pub fn is_shared(&self) -> bool {
        self.flags() & EVPL_IOVEC_FLAG_SHARED != 0
    }

    #[inline]
    pub fn is_global(&self) -> bool {
        self.flags() & EVPL_IOVEC_FLAG_GLOBAL != 0
    }

    #[inline]
    fn flags(&self) -> u32 {
        // SAFETY: `self` is one counted reference: the record is alive and its flags stay as they are.
        unsafe { (*self.0.ref_).flags }
    }
}

/// What stands in the place of a count for bytes that have none.
struct Borrowed(evpl_iovec_ref);

// SAFETY: nothing writes to it: GLOBAL counts never move.
unsafe impl Sync for Borrowed {}

fn borrowed_record() -> *mut evpl_iovec_ref {
    static RECORD: Borrowed = Borrowed(evpl_iovec_ref {
        refcnt: core::sync::atomic::AtomicU32::new(1),
        flags: EVPL_IOVEC_FLAG_SHARED | EVPL_IOVEC_FLAG_GLOBAL,
        slab: core::ptr::null_mut(),
        release: None,
    });
    (&raw const RECORD.0).cast_mut()
}

/// Adds one reference to the buffer of `buffer`.
///
/// # Safety
/// The caller holds a reference to the buffer; a LOCAL one belongs to this thread.
#[inline]
pub unsafe fn ref_incr(buffer: *mut evpl_iovec_ref) {
    // SAFETY: the caller's reference keeps the record alive.
    let record = unsafe { &*buffer };
    if record.flags & EVPL_IOVEC_FLAG_GLOBAL != 0 {
        return;
    }
    if record.flags & EVPL_IOVEC_FLAG_SHARED != 0 {
        record.refcnt.fetch_add(1, Ordering::Relaxed);
    } else {
        // One thread owns a LOCAL count: a plain add, without the price of an atomic one.
        let count = record.refcnt.load(Ordering::Relaxed);
        record.refcnt.store(count + 1, Ordering::Relaxed);
    }
}

/// Drops one reference to the buffer of `buffer`; the last one calls its `release`.
///
/// # Safety
/// The caller owns the reference; a LOCAL one belongs to this thread. `evpl` is this thread's loop
/// or NULL.
#[inline]
pub unsafe fn ref_release(evpl: *mut evpl, buffer: *mut evpl_iovec_ref) {
    // SAFETY: the caller's reference keeps the record alive until the count below reaches zero.
    if unsafe { ref_drop(buffer) }
        // SAFETY: that was the last reference, so the record is ours until `release` has run.
        && let Some(release) = unsafe { (*buffer).release }
    {
        // SAFETY: `release` was stored with the record and is called exactly once per use.
        unsafe { release(evpl, buffer) };
    }
}

/// Drops one reference and tells whether it was the last, without calling `release`.
///
/// # Safety
/// As for `ref_release`; after `true` the caller owns the buffer.
#[inline]
pub(super) unsafe fn ref_drop(buffer: *mut evpl_iovec_ref) -> bool {
    // SAFETY: the caller's reference keeps the record alive.
    let record = unsafe { &*buffer };
    if record.flags & EVPL_IOVEC_FLAG_GLOBAL != 0 {
        return false;
    }
    if record.flags & EVPL_IOVEC_FLAG_SHARED != 0 {
        drop_shared(|order| record.refcnt.fetch_sub(1, order))
    } else {
        let count = record.refcnt.load(Ordering::Relaxed);
        debug_assert!(
            count > 0,
            "a buffer was released more often than referenced"
        );
        record.refcnt.store(count - 1, Ordering::Relaxed);
        count == 1
    }
}

/// One SHARED reference fewer; `decrement` returns the count before. True if it was the last.
#[inline]
fn drop_shared(decrement: impl FnOnce(Ordering) -> u32) -> bool {
    // Each decrement releases what was done with the bytes, and the last acquires it: all of it happened
    // before the buffer is used again. In one step, as sanitizers do not know fences.
    decrement(Ordering::AcqRel) == 1
}

/// Whether the only reference left is the caller's own, so that the bytes may be used again.
#[inline]
pub(super) fn is_alone(load: impl FnOnce(Ordering) -> u32) -> bool {
    // Acquire pairs with the release decrements of a SHARED buffer's other holders.
    load(Ordering::Acquire) == 1
}

#[cfg(all(test, loom))]
mod models;
