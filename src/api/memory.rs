//! Buffers for the program: the loop's allocator under its public names.

use core::ffi::{c_int, c_uint};

use super::{Evpl, global};
use crate::abi::evpl_iovec;
use crate::memory::allocator;

impl Evpl {
    pub fn iovec_alloc(
        &self,
        length: c_uint,
        alignment: c_uint,
        max_iovecs: c_uint,
        flags: c_uint,
        out: *mut evpl_iovec,
    ) -> c_int {
        self.cx
            .memory
            .alloc(self.cx.evpl(), length, alignment, max_iovecs, flags, out)
    }

    pub fn iovec_reserve(
        &self,
        length: c_uint,
        alignment: c_uint,
        max_iovecs: c_uint,
        out: *mut evpl_iovec,
    ) -> c_int {
        self.cx
            .memory
            .reserve(self.cx.evpl(), length, alignment, max_iovecs, out)
    }

    pub fn iovec_commit(&self, alignment: c_uint, iovecs: *mut evpl_iovec, count: c_int) {
        let count = usize::try_from(count).unwrap_or(0);
        if count > 0 {
            // SAFETY: the caller passes `count` initialised entries.
            let iovecs = unsafe { core::slice::from_raw_parts(iovecs, count) };
            self.cx.memory.commit(alignment, iovecs);
        }
    }
}

/// A whole buffer that belongs to nobody's loop. The loop may be missing.
pub fn iovec_alloc_global(_evpl: Option<&Evpl>, out: *mut evpl_iovec) {
    // SAFETY: the caller passes a writable iovec.
    unsafe { allocator::alloc_global(global::ensure_init().pool, out) }
}
