//! A queue of iovecs that knows how many bytes it holds.
//!
//! An empty ring owns no memory; it grows by doubling and keeps its slots until `shrink`. The byte
//! count covers what `push`, `extend_back`, `consume`, `pop` and `take` did: whoever changes an
//! iovec's length through `front_mut` or `back_mut` would break it, so those serve to move data only.
//! Dropping a ring releases no reference; empty it with `clear` first.

use core::mem::MaybeUninit;

use crate::abi::evpl;

use super::cell::LoopCell;
use super::iovec::Iovec;

const SLOTS_MIN: usize = 4;
/// Slots that an idle connection may keep.
const SLOTS_KEPT_MAX: usize = 8;

/// FIFO of iovecs.
pub struct IovecRing {
    /// Power-of-two many slots; those outside the queue hold `Iovec::EMPTY` or stale copies.
    slots: Option<Box<[Iovec]>>,
    head: u32,
    len: u32,
    bytes: u64,
}

const _: () = assert!(size_of::<IovecRing>() <= 32);

impl IovecRing {
    pub const fn new() -> IovecRing {
        IovecRing {
            slots: None,
            head: 0,
            len: 0,
            bytes: 0,
        }
    }

    #[inline]
    pub fn push(&mut self, iovec: Iovec) {
        if self.len() == self.capacity() {
            self.grow();
        }
        self.bytes += u64::from(iovec.len());
        let tail = self.slot(self.len());
        self.slots_mut()[tail] = iovec;
        self.len += 1;
    }

    /// Queues `iovec`; if its bytes follow those of the last one in the same buffer, the last one grows
    /// instead and the second reference goes.
    #[inline]
    pub fn push_merged(&mut self, iovec: Iovec, evpl: *mut evpl) {
        let follows = self.back().is_some_and(|back| {
            back.ref_ptr() == iovec.ref_ptr()
                && back.data().wrapping_add(back.len() as usize) == iovec.data()
                && back.len().checked_add(iovec.len()).is_some()
        });
        if follows {
            self.extend_back(iovec.len());
            iovec.release(evpl);
        } else {
            self.push(iovec);
        }
    }

    #[inline]
    pub fn pop(&mut self) -> Option<Iovec> {
        let front = Iovec(self.front()?.0);
        self.head = self.slot(1) as u32;
        self.len -= 1;
        self.bytes -= u64::from(front.len());
        Some(front)
    }

    #[inline]
    pub fn front(&self) -> Option<&Iovec> {
        self.get(0)
    }

    #[inline]
    pub fn front_mut(&mut self) -> Option<&mut Iovec> {
        self.get_mut(0)
    }

    #[inline]
    pub fn back(&self) -> Option<&Iovec> {
        self.get(self.len().wrapping_sub(1))
    }

    #[inline]
    pub fn back_mut(&mut self) -> Option<&mut Iovec> {
        self.get_mut(self.len().wrapping_sub(1))
    }

    /// The `index`th iovec from the front.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&Iovec> {
        (index < self.len()).then(|| &self.slots()[self.slot(index)])
    }

    /// Number of iovecs.
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of bytes in all of them.
    #[inline]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Iovecs that fit before the ring grows.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.slots().len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Iovec> {
        (0..self.len()).map(|index| &self.slots()[self.slot(index)])
    }

    /// The last iovec grows by `n` bytes that follow it in its buffer.
    #[inline]
    pub fn extend_back(&mut self, n: u32) {
        let back = self.back_mut().expect("only a queued iovec can grow");
        back.0.length += n;
        self.bytes += u64::from(n);
    }

    /// Takes off the front what lies within the next `left` bytes: an iovec, which is the caller's to
    /// release, or the beginning of one, which is gone at once.
    fn cut_front(&mut self, left: &mut u64) -> Option<Iovec> {
        debug_assert!(*left <= self.bytes);
        let front = self.front_mut()?;
        let len = u64::from(front.len());
        if len > *left {
            front.advance(*left as u32);
            self.bytes -= *left;
            return None;
        }
        *left -= len;
        self.pop()
    }

    /// Moves the first `n` bytes to `out`; an iovec cut in two gets a second reference.
    pub fn take(&mut self, n: u64, out: &mut Vec<Iovec>) {
        debug_assert!(n <= self.bytes);
        let mut left = n;
        while left > 0
            && let Some(front) = self.front_mut()
        {
            let len = u64::from(front.len());
            if len > left {
                out.push(front.split_front(left as u32));
                self.bytes -= left;
                return;
            }
            left -= len;
            out.extend(self.pop());
        }
    }

    /// Describes the bytes from the front for a gather call, without empty entries. Returns how many
    /// entries of `out` were filled and how many bytes they cover.
    pub fn gather(&self, out: &mut [MaybeUninit<libc::iovec>]) -> (usize, u64) {
        let (mut count, mut bytes) = (0, 0);
        let queued = self.iter().filter(|iovec| !iovec.is_empty());
        for (entry, iovec) in out.iter_mut().zip(queued) {
            entry.write(libc::iovec {
                iov_base: iovec.data().cast(),
                iov_len: iovec.len() as usize,
            });
            count += 1;
            bytes += u64::from(iovec.len());
        }
        (count, bytes)
    }

    /// Copies bytes starting `offset` from the front; returns how many there were for `dst`.
    pub fn copy_out(&self, offset: u64, dst: &mut [u8]) -> usize {
        let (mut skip, mut copied) = (offset, 0);
        for iovec in self.iter() {
            let len = u64::from(iovec.len());
            if skip >= len {
                skip -= len;
                continue;
            }
            let n = ((len - skip) as usize).min(dst.len() - copied);
            // SAFETY: the queued reference keeps its bytes readable, `skip + n` is within them, and
            // `dst` is the caller's own memory with room for `n` more.
            unsafe {
                let src = iovec.data().add(skip as usize);
                src.copy_to_nonoverlapping(dst[copied..].as_mut_ptr(), n);
            }
            copied += n;
            skip = 0;
            if copied == dst.len() {
                break;
            }
        }
        copied
    }

    /// Gives the slots back if nothing is queued.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            self.slots = None;
            self.head = 0;
        }
    }

    /// Gives back what a burst needed, once nothing is queued; a few slots stay for the next message.
    pub fn trim(&mut self) {
        if self.capacity() > SLOTS_KEPT_MAX {
            self.shrink();
        }
    }

    /// The same for one of several rings of a connection: the fewest slots stay.
    pub fn trim_close(&mut self) {
        if self.capacity() > SLOTS_MIN {
            self.shrink();
        }
    }

    #[cold]
    fn grow(&mut self) {
        let capacity = (self.capacity() * 2).max(SLOTS_MIN);
        assert!(
            u32::try_from(capacity).is_ok(),
            "an iovec ring outgrew its 32-bit length"
        );
        let mut grown = Vec::with_capacity(capacity);
        grown.extend(self.iter().map(|iovec| Iovec(iovec.0)));
        grown.resize_with(capacity, || Iovec::EMPTY);
        self.slots = Some(grown.into_boxed_slice());
        self.head = 0;
    }

    #[inline]
    fn get_mut(&mut self, index: usize) -> Option<&mut Iovec> {
        let slot = self.slot(index);
        (index < self.len()).then(|| &mut self.slots_mut()[slot])
    }

    /// Where the `index`th iovec is; capacities are powers of two.
    #[inline]
    fn slot(&self, index: usize) -> usize {
        (self.head as usize).wrapping_add(index) & self.capacity().wrapping_sub(1)
    }

    #[inline]
    fn slots(&self) -> &[Iovec] {
        self.slots.as_deref().unwrap_or(&[])
    }

    #[inline]
    fn slots_mut(&mut self) -> &mut [Iovec] {
        self.slots.as_deref_mut().unwrap_or(&mut [])
    }
}

/// A buffer's release may be the program's own function and come back to the ring, which is therefore
/// never lent while one runs.
impl LoopCell<IovecRing> {
    /// Removes `n` bytes, and the empty iovecs that come to the front with them, and releases what
    /// held them.
    pub fn consume(&self, n: u64, evpl: *mut evpl) {
        let mut left = n;
        while let Some(whole) = self.with(|ring| ring.cut_front(&mut left)) {
            whole.release(evpl);
        }
    }

    /// Releases everything queued.
    pub fn clear(&self, evpl: *mut evpl) {
        while let Some(iovec) = self.with(|ring| ring.pop()) {
            iovec.release(evpl);
        }
    }
}

impl Default for IovecRing {
    fn default() -> IovecRing {
        IovecRing::new()
    }
}

#[cfg(test)]
mod tests;
