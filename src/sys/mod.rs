//! The kernel and foreign libraries, one file per interface, all with the same shape: a call that
//! can fail returns `io::Result`, a descriptor is an owned type that closes itself.

use std::io;

pub mod cpu;
pub mod epoll;
pub mod eventfd;
pub mod ktls;
pub mod library;
pub mod mmap;
pub mod select;
pub mod socket;
pub mod thread;

/// Turns the C convention (-1 and errno) into a result.
pub fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// The same for calls that return a byte count.
pub fn check_len(result: libc::ssize_t) -> io::Result<usize> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result as usize)
    }
}

/// Stores `errno` for the C caller.
pub fn set_errno(errno: libc::c_int) {
    // SAFETY: the C library returns the address of this thread's own errno.
    unsafe { *libc::__errno_location() = errno }
}

/// Different for every live thread, never zero, and cheap: the C library keeps it in a register. A variable
/// of the thread's own would take a call to find its address, for every call at the C boundary.
pub fn thread_token() -> usize {
    // SAFETY: has no preconditions.
    unsafe { libc::pthread_self() as usize }
}
