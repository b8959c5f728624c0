//! The C heap for sibling libraries: what one side allocates the other may free, with these
//! functions or with those of the C library. They do not return NULL for a size above 0; the
//! process ends instead.

use core::ffi::{c_uint, c_void};

use crate::fatal;

#[unsafe(no_mangle)]
pub extern "C" fn evpl_malloc(size: c_uint) -> *mut c_void {
    // SAFETY: any size may be asked for.
    allocated(unsafe { libc::malloc(size as usize) }, size.into())
}

#[unsafe(no_mangle)]
pub extern "C" fn evpl_zalloc(size: c_uint) -> *mut c_void {
    evpl_calloc(1, size)
}

#[unsafe(no_mangle)]
pub extern "C" fn evpl_calloc(count: c_uint, size: c_uint) -> *mut c_void {
    // SAFETY: any size may be asked for; calloc checks the product.
    let memory = unsafe { libc::calloc(count as usize, size as usize) };
    allocated(memory, u64::from(count) * u64::from(size))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_realloc(memory: *mut c_void, size: c_uint) -> *mut c_void {
    // SAFETY: NULL or from this heap, as realloc demands.
    allocated(unsafe { libc::realloc(memory, size as usize) }, size.into())
}

/// `alignment` is a power of two of at least the size of a pointer; the size is rounded up to it.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_valloc(size: c_uint, alignment: c_uint) -> *mut c_void {
    if !alignment.is_power_of_two() {
        fatal!(
            "core",
            "evpl_valloc: alignment {} is not a power of two",
            alignment
        );
    }
    // In 64 bits, where the sum of two 32-bit numbers cannot wrap.
    let size = u64::from(size).next_multiple_of(u64::from(alignment));
    // SAFETY: the alignment is a power of two and divides the size.
    allocated(
        unsafe { libc::aligned_alloc(alignment as usize, size as usize) },
        size,
    )
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_free(memory: *mut c_void) {
    // SAFETY: NULL or from this heap, as free demands.
    unsafe { libc::free(memory) };
}

fn allocated(memory: *mut c_void, size: u64) -> *mut c_void {
    if memory.is_null() && size > 0 {
        fatal!("core", "out of memory allocating {} bytes", size);
    }
    memory
}
