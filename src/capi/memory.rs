//! evpl_memory.h: buffers and the counted references to them. The inline half is C text.

use core::ffi::{c_char, c_int, c_uint, c_void};

use super::boundary::{evpl_maybe, evpl_ref, required};
use crate::abi::{evpl, evpl_iovec};
use crate::api::{global, memory};

/// Allocates `length` bytes of buffer memory and fills `r_iovec` with up to `max_iovecs` iovecs,
/// each owning one reference that the caller releases. A length up to the configured buffer size
/// takes exactly one iovec; a longer one takes whole buffers.
///
/// `alignment` in bytes is 0 or a power of two and counts from the start of the buffer. `flags` is
/// 0 for memory of this thread, or EVPL_IOVEC_FLAG_SHARED. Owner thread of `evpl` only. Returns the
/// number of iovecs, 0 for length 0, or -1 if `max_iovecs` are not enough; nothing is owned then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_iovec_alloc(
    evpl: *mut evpl,
    length: c_uint,
    alignment: c_uint,
    max_iovecs: c_uint,
    flags: c_uint,
    r_iovec: *mut evpl_iovec,
) -> c_int {
    // SAFETY: a live loop of this thread; `r_iovec` has room for `max_iovecs`.
    let evpl = unsafe { evpl_ref(evpl, "evpl_iovec_alloc") };
    let r_iovec = required(r_iovec, "r_iovec", "evpl_iovec_alloc");
    evpl.iovec_alloc(length, alignment, max_iovecs, flags, r_iovec)
}

/// Allocates one whole buffer, of the configured buffer size, that is owned instead of counted:
/// clones do not change its count and are not released with evpl_iovec_release. The owner frees it
/// by calling evpl_iovec_release on `r_iovec` exactly once. Once the library is initialised `evpl`
/// may be NULL and any thread may call this.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_iovec_alloc_global(evpl: *mut evpl, r_iovec: *mut evpl_iovec) {
    let r_iovec = required(r_iovec, "r_iovec", "evpl_iovec_alloc_global");
    // SAFETY: NULL, or a live loop of this thread.
    let evpl = unsafe { evpl_maybe(evpl, "evpl_iovec_alloc_global") };
    memory::iovec_alloc_global(evpl, r_iovec);
}

/// Like evpl_iovec_alloc without SHARED, but the memory is only lent until evpl_iovec_commit says
/// how much of it was used: reserving again without a commit returns the same memory. Length 0
/// gives one empty iovec. Each iovec owns a reference; the caller releases those it does not use.
/// Owner thread of `evpl` only. Returns the number of iovecs, or -1 if `max_iovecs` are not enough.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_iovec_reserve(
    evpl: *mut evpl,
    length: c_uint,
    alignment: c_uint,
    max_iovecs: c_uint,
    r_iovec: *mut evpl_iovec,
) -> c_int {
    // SAFETY: a live loop of this thread; `r_iovec` has room for `max_iovecs`.
    let evpl = unsafe { evpl_ref(evpl, "evpl_iovec_reserve") };
    let r_iovec = required(r_iovec, "r_iovec", "evpl_iovec_reserve");
    evpl.iovec_reserve(length, alignment, max_iovecs, r_iovec)
}

/// Ends a reservation: the first `niovs` iovecs, whose lengths the caller may have reduced, are
/// used, and the next allocation starts after them, rounded up to `alignment` bytes. They must be
/// those of the newest reservation, with no allocation in between. Owner thread of `evpl` only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_iovec_commit(
    evpl: *mut evpl,
    alignment: c_uint,
    iovecs: *mut evpl_iovec,
    niovs: c_int,
) {
    // SAFETY: a live loop of this thread; `iovecs` holds `niovs`.
    let evpl = unsafe { evpl_ref(evpl, "evpl_iovec_commit") };
    evpl.iovec_commit(alignment, iovecs, niovs);
}

/// The configured size in bytes of a slab, the block that buffers are cut from. Any thread;
/// initialises the library if needed.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_get_slab_size() -> u64 {
    global::slab_size()
}

/// Lends a whole slab and returns its first byte. `*slab_private` receives an opaque handle. It is
/// the caller's until the process exits. Any thread; initialises the library if needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_slab_alloc(slab_private: *mut *mut c_void) -> *mut c_void {
    let slab_private = required(slab_private, "slab_private", "evpl_slab_alloc");
    let (start, handle) = global::slab_alloc();
    // SAFETY: not NULL, and the caller gives a place for one pointer.
    unsafe { slab_private.write(handle) };
    start
}

/// Logs the call sites that hold buffers, under the heading `label`. Does nothing in a library that
/// was built without EVPL_IOVEC_PROFILE.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_iovec_profile_dump(label: *const c_char) {
    let _ = label;
}
