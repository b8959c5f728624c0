//! select(2) with descriptor sets of any size: the kernel accepts more than FD_SETSIZE bits, only the
//! C library's fixed `fd_set` does not.

use std::io;
use std::os::fd::RawFd;

use super::check;

const WORD_BITS: usize = 64;

/// A growing set of descriptors in the kernel's bit order.
#[derive(Default)]
pub struct FdSet {
    words: Vec<u64>,
}

impl FdSet {
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    pub fn insert(&mut self, fd: RawFd) {
        let index = fd as usize / WORD_BITS;
        if index >= self.words.len() {
            self.words.resize(index + 1, 0);
        }
        self.words[index] |= 1 << (fd as usize % WORD_BITS);
    }

    pub fn contains(&self, fd: RawFd) -> bool {
        self.words
            .get(fd as usize / WORD_BITS)
            .is_some_and(|word| word & (1 << (fd as usize % WORD_BITS)) != 0)
    }

    fn reserve_bits(&mut self, bits: usize) {
        // The kernel copies whole words for `bits` descriptors; never less than one fd_set.
        let words = bits
            .div_ceil(WORD_BITS)
            .max(size_of::<libc::fd_set>() / size_of::<u64>());
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
    }
}

/// Waits until one of the descriptors below `bits` is ready; the sets are narrowed to the ready ones.
pub fn wait(
    read: &mut FdSet,
    write: &mut FdSet,
    bits: usize,
    timeout_ns: Option<u64>,
) -> io::Result<usize> {
    read.reserve_bits(bits);
    write.reserve_bits(bits);
    let mut timeout = libc::timeval {
        tv_sec: 0,
        tv_usec: 0,
    };
    let timeout_pointer = match timeout_ns {
        None => core::ptr::null_mut(),
        Some(ns) => {
            timeout.tv_sec = (ns / 1_000_000_000) as libc::time_t;
            timeout.tv_usec = (ns % 1_000_000_000 / 1000) as libc::suseconds_t;
            &raw mut timeout
        }
    };
    // SAFETY: both sets hold at least `bits` bits and are exclusively ours during the call.
    let count = check(unsafe {
        libc::select(
            bits as libc::c_int,
            read.words.as_mut_ptr().cast(),
            write.words.as_mut_ptr().cast(),
            core::ptr::null_mut(),
            timeout_pointer,
        )
    })?;
    Ok(count as usize)
}

/// Whether the kernel still knows this descriptor.
pub fn is_open(fd: RawFd) -> bool {
    // SAFETY: no pointers are passed.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_descriptors_beyond_fd_setsize() {
        let mut set = FdSet::default();
        set.insert(3);
        set.insert(5000);
        assert!(
            set.contains(3) && set.contains(5000) && !set.contains(4999) && !set.contains(100_000)
        );
        set.clear();
        assert!(!set.contains(5000));
    }
}
