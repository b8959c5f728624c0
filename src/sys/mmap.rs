//! Anonymous mappings, on base pages or on huge pages.

use std::io;
use std::ptr::{self, NonNull};

/// A private anonymous mapping, zero-filled by the kernel, unmapped when dropped.
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Reserves `len` bytes of base pages. Memory is committed page by page as it is touched.
    pub fn reserve(len: u64) -> io::Result<Mapping> {
        Self::map(len, libc::MAP_NORESERVE)
    }

    /// Maps `len` bytes, rounded up, of huge pages of `page_size` bytes (a power of two). The pages
    /// are reserved here, because touching a page that the system no longer has is fatal.
    pub fn huge(len: u64, page_size: u64) -> io::Result<Mapping> {
        let len = len
            .checked_next_multiple_of(page_size)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let size_bits = (page_size.trailing_zeros() as libc::c_int) << libc::MAP_HUGE_SHIFT;
        Self::map(len, libc::MAP_HUGETLB | size_bits)
    }

    fn map(len: u64, flags: libc::c_int) -> io::Result<Mapping> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags;
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches no other memory.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping { start, len })
    }

    pub fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    pub fn mapped_len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: start and length are those of the mapping this value owns.
        let result = unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert_eq!(result, 0, "unmapping what was mapped cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_memory_is_zero_and_writable() {
        let mapping = Mapping::reserve(1 << 20).unwrap();
        assert_eq!(mapping.mapped_len(), 1 << 20);
        let last = mapping.start().wrapping_add(mapping.mapped_len() - 1);
        // SAFETY: `last` is the last byte of the mapping.
        unsafe {
            assert_eq!(last.read(), 0);
            last.write(7);
            assert_eq!(last.read(), 7);
        }
    }

    #[test]
    fn impossible_sizes_are_errors() {
        assert!(Mapping::reserve(u64::MAX).is_err());
        assert!(Mapping::huge(u64::MAX, 1 << 21).is_err());
        assert!(Mapping::reserve(0).is_err());
    }
}
