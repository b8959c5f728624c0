//! The heap that the library's own records come from: the C library's, with one line in the log and the
//! documented exit when there is no more.

use std::alloc::{GlobalAlloc, Layout, System};

/// Never returns NULL: running out ends the process with status 1.
pub struct Heap;

#[cfg_attr(not(test), global_allocator)]
#[cfg_attr(test, allow(dead_code))]
static HEAP: Heap = Heap;

fn required(pointer: *mut u8, len: usize) -> *mut u8 {
    if pointer.is_null() {
        exhausted(len);
    }
    pointer
}

#[cold]
fn exhausted(len: usize) -> ! {
    crate::fatal!("core", "out of memory: {} bytes", len)
}

// SAFETY: every call is forwarded unchanged to the system's allocator, and what it gives is passed on
// unless it is NULL.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout, unchanged.
        required(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout, unchanged.
        required(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: what `alloc` gave for this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        // SAFETY: what `alloc` gave for this layout.
        required(unsafe { System.realloc(pointer, layout, len) }, len)
    }
}
