//! This library as a file that a program loads, and may unload.

use core::ptr;

/// Keeps the library loaded until the process ends. For code that leaves something behind which the
/// system calls later, a destructor of thread-local data for one. Without effect when linked statically.
pub fn pin() {
    let here = pin as *const () as *const libc::c_void;
    let mut info = libc::Dl_info {
        dli_fname: ptr::null(),
        dli_fbase: ptr::null_mut(),
        dli_sname: ptr::null(),
        dli_saddr: ptr::null_mut(),
    };
    // SAFETY: `info` is writable, and any address may be asked about.
    if unsafe { libc::dladdr(here, &mut info) } == 0 || info.dli_fname.is_null() {
        return;
    }
    let flags = libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
    // SAFETY: the loader's own name of a library that is loaded; nothing is loaded anew. The reference
    // is not given back, on purpose.
    unsafe { libc::dlopen(info.dli_fname, flags) };
}
