//! eventfd(2): a counter that wakes a sleeping loop.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::check;

/// Opens a non-blocking, close-on-exec eventfd with counter zero.
pub fn open() -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed.
    let fd = check(unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) })?;
    // SAFETY: the kernel just gave us this descriptor and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Adds one. Usable from a signal handler. A full counter already means "ring", so EAGAIN is success.
pub fn ring(fd: RawFd) -> io::Result<()> {
    let one = 1u64.to_ne_bytes();
    loop {
        // SAFETY: the buffer is eight readable bytes.
        let written = unsafe { libc::write(fd, one.as_ptr().cast(), one.len()) };
        if written >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EAGAIN) => return Ok(()),
            _ => return Err(error),
        }
    }
}

/// Empties the counter; false if it was already empty.
pub fn drain(fd: RawFd) -> bool {
    let mut count = [0u8; 8];
    loop {
        // SAFETY: the buffer is eight writable bytes.
        let read = unsafe { libc::read(fd, count.as_mut_ptr().cast(), count.len()) };
        if read > 0 {
            return true;
        }
        if read == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            return false;
        }
    }
}

/// Rings an owned descriptor whose only failure would be a bug of ours.
pub fn ring_owned(fd: &OwnedFd) {
    if let Err(error) = ring(fd.as_raw_fd()) {
        crate::abort!("core", "eventfd {} write failed: {}", fd.as_raw_fd(), error);
    }
}
