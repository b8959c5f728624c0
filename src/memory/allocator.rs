//! One loop's share of the pool: what it is filling, and what it keeps at hand.
//!
//! A loop fills three buffers from front to back: one for LOCAL allocations, one for SHARED ones and
//! one for received data. It holds a reference to each of them itself. A buffer whose last reference
//! goes is cached by the loop that let it go: LOCAL ones last in, first out, because they are still
//! in the processor's cache; SHARED ones first in, first out and only up to a limit, because they
//! may come from another loop that keeps taking new ones.
//!
//! Everything here runs on the loop's thread. The pool's lock is taken only when a cache is empty or
//! overflows. When a reference goes without a loop, the buffer returns straight to the pool.

use core::ffi::c_int;
use core::ptr;
use core::sync::atomic::Ordering;
use std::sync::Arc;

use crate::abi::{
    EVPL_IOVEC_FLAG_GLOBAL, EVPL_IOVEC_FLAG_SHARED, evpl, evpl_iovec, evpl_iovec_ref,
};

use super::cell::LoopCell;
use super::iovec::{Iovec, is_alone, ref_drop, ref_incr};
use super::slab::{Buffer, LoopEntry, Place, Pool};

/// A loop caches up to HIGH shared buffers; one more, and the oldest go back to the pool until LOW
/// are left. Few: where one loop fills them and another releases them they must come back soon, while the
/// processor's caches still know them.
const SHARED_CACHE_LOW: u32 = 2;
const SHARED_CACHE_HIGH: u32 = 4;
/// A shared buffer that copies go to is left after so many bytes, for the same reason.
const COPY_WINDOW_LEN: u64 = 256 << 10;

/// The buffers a loop fills.
const LOCAL: usize = 0;
const SHARED: usize = 1;
const RECV: usize = 2;
const FLAGS: [u32; 3] = [0, EVPL_IOVEC_FLAG_SHARED, 0];

/// The first field of what an `evpl` handle points at; a buffer's release finds it that way.
pub struct LoopMemory {
    pool: &'static Pool,
    /// Also in the state; here for those who must not touch that.
    entry: Arc<LoopEntry>,
    state: LoopCell<State>,
}

struct State {
    pool: &'static Pool,
    entry: Arc<LoopEntry>,
    buffer_size: u64,
    cursors: [Cursor; 3],
    /// Takes what no longer fits into the receive buffer during one read; NULL if there is none.
    recv_spare: *mut Buffer,
    local_free: *mut Buffer,
    shared_oldest: *mut Buffer,
    shared_newest: *mut Buffer,
    shared_count: u32,
    destroyed: bool,
}

/// A buffer being filled.
#[derive(Clone, Copy)]
struct Cursor {
    /// NULL before the first use.
    buffer: *mut Buffer,
    /// Where the next bytes go. Rounding up to an alignment may leave it beyond the end.
    offset: u64,
}

/// How an allocation is placed.
struct Request {
    length: u64,
    alignment: u32,
    count_max: u64,
    cursor: usize,
    /// False for a reservation, which leaves the offset to `commit`.
    advance: bool,
}

impl LoopMemory {
    pub fn new(pool: &'static Pool) -> LoopMemory {
        let entry = pool.enter_loop();
        LoopMemory {
            pool,
            entry: entry.clone(),
            state: LoopCell::new(State {
                pool,
                entry,
                buffer_size: pool.buffer_size(),
                cursors: [Cursor {
                    buffer: ptr::null_mut(),
                    offset: 0,
                }; 3],
                recv_spare: ptr::null_mut(),
                local_free: ptr::null_mut(),
                shared_oldest: ptr::null_mut(),
                shared_newest: ptr::null_mut(),
                shared_count: 0,
                destroyed: false,
            }),
        }
    }

    #[inline]
    pub fn buffer_size(&self) -> u64 {
        self.pool.buffer_size()
    }

    /// `evpl_iovec_alloc`: any length up to a buffer's size comes in one piece. Returns the number of
    /// iovecs written to `out`, or -1 and nothing written if `max_iovecs` are too few.
    /// `evpl` is this loop's handle and `out` has room for `max_iovecs`.
    #[inline]
    pub fn alloc(
        &self,
        evpl: *mut evpl,
        length: u32,
        alignment: u32,
        max_iovecs: u32,
        flags: u32,
        out: *mut evpl_iovec,
    ) -> c_int {
        debug_assert!(
            ptr::addr_eq(evpl, self),
            "a loop's handle leads to its memory"
        );
        if length == 0 {
            return 0;
        }
        let cursor = if flags & EVPL_IOVEC_FLAG_SHARED != 0 {
            SHARED
        } else {
            LOCAL
        };
        self.place_raw(length, alignment, max_iovecs, cursor, true, out)
    }

    /// `evpl_iovec_reserve`: as a LOCAL `alloc`, but the bytes are taken only by `commit`, and length
    /// 0 gives one empty iovec.
    #[inline]
    pub fn reserve(
        &self,
        evpl: *mut evpl,
        length: u32,
        alignment: u32,
        max_iovecs: u32,
        out: *mut evpl_iovec,
    ) -> c_int {
        debug_assert!(
            ptr::addr_eq(evpl, self),
            "a loop's handle leads to its memory"
        );
        self.place_raw(length, alignment, max_iovecs, LOCAL, false, out)
    }

    /// `evpl_iovec_commit`: what was reserved last is used up to the end of these of its iovecs.
    pub fn commit(&self, alignment: u32, iovecs: &[evpl_iovec]) {
        self.state.with(|state| {
            let cursor = &mut state.cursors[LOCAL];
            for iovec in iovecs {
                if ptr::addr_eq(iovec.ref_, cursor.buffer) {
                    let end = iovec.data.addr() as u64 + u64::from(iovec.length);
                    cursor.offset = align_up(end - cursor.data().addr() as u64, alignment);
                }
            }
        });
    }

    /// Allocates `length` bytes in as few iovecs as possible and appends them to `out`.
    pub fn alloc_vec(&self, length: u64, shared: bool, out: &mut Vec<Iovec>) {
        if length > 0 {
            self.place_copy(length, u64::MAX, shared, |iovec| out.push(iovec));
        }
    }

    /// Allocates `length` bytes, at most a buffer's size, in one piece.
    #[inline]
    pub fn alloc_one(&self, length: u32, shared: bool) -> Iovec {
        let mut placed = None;
        self.place_copy(length.into(), 1, shared, |iovec| placed = Some(iovec));
        placed.expect("up to a buffer's size comes in one piece")
    }

    /// Fills `iov` with where the next received bytes go: the rest of the receive buffer and, if that
    /// is less than `min`, a whole spare buffer. Returns how many entries to read into.
    pub fn recv_prepare(&self, iov: &mut [libc::iovec; 2], min: usize) -> usize {
        self.state.with(|state| {
            state.rewind(RECV);
            if state.room(RECV) == 0 {
                state.renew_recv();
            }
            let cursor = state.cursors[RECV];
            let room = state.room(RECV) as usize;
            iov[0] = libc::iovec {
                iov_base: cursor.at().cast(),
                iov_len: room,
            };
            if room >= min {
                return 1;
            }
            if state.recv_spare.is_null() {
                state.recv_spare = state.take(0, Place::held(state.entry.id));
            }
            // SAFETY: the spare is held by this loop.
            let base = unsafe { (*state.recv_spare).data() };
            iov[1] = libc::iovec {
                iov_base: base.cast(),
                iov_len: state.buffer_size as usize,
            };
            2
        })
    }

    /// Hands the `n` bytes just read into what `recv_prepare` gave to `f`, as one or two iovecs. Up to
    /// `room` bytes behind the last one stay free for its taker to read into later, as long as it
    /// holds that iovec; returns how many those are.
    pub fn recv_commit(&self, n: usize, room: usize, f: &mut dyn FnMut(Iovec)) -> usize {
        if n == 0 {
            return 0;
        }
        let (first, second, room) = self.state.with(|state| {
            let first_len = (n as u64).min(state.room(RECV));
            let first = (first_len > 0).then(|| state.cursors[RECV].cut(first_len));
            let second_len = n as u64 - first_len;
            let second = (second_len > 0).then(|| {
                debug_assert!(!state.recv_spare.is_null(), "more was read than prepared");
                state.renew_recv();
                state.cursors[RECV].cut(second_len)
            });
            let room = (room as u64).min(state.room(RECV));
            state.cursors[RECV].offset += room;
            (first, second, room as usize)
        });
        first.into_iter().chain(second).for_each(f);
        room
    }

    /// Whether this thread was the last to fetch a buffer for the loop. From any thread.
    pub fn is_used_here(&self) -> bool {
        self.entry.is_used_here()
    }

    /// Returns everything to the pool. References that still exist may be released later, also with
    /// this loop's handle as long as it is valid.
    pub fn destroy(&self) {
        self.state.with(|state| {
            if state.destroyed {
                return;
            }
            state.destroyed = true;
            for cursor in 0..state.cursors.len() {
                state.retire(cursor);
            }
            if !state.recv_spare.is_null() {
                let spare = core::mem::replace(&mut state.recv_spare, ptr::null_mut());
                state.held_drop(spare);
            }
            state
                .pool
                .put_list(core::mem::replace(&mut state.local_free, ptr::null_mut()));
            state.pool.put_list(core::mem::replace(
                &mut state.shared_oldest,
                ptr::null_mut(),
            ));
            state.shared_newest = ptr::null_mut();
            state.shared_count = 0;
            state.pool.leave_loop(&state.entry);
        });
    }

    /// Places bytes that the library copies to. They are often sent and released at once: then the
    /// buffer starts over, and the same few cache lines serve again.
    #[inline]
    fn place_copy(&self, length: u64, count_max: u64, shared: bool, give: impl FnMut(Iovec)) {
        let cursor = if shared { SHARED } else { LOCAL };
        let request = Request {
            length,
            alignment: 0,
            count_max,
            cursor,
            advance: true,
        };
        self.state.with(|state| {
            if !state.rewind(cursor) && shared && state.cursors[cursor].offset >= COPY_WINDOW_LEN {
                state.renew(cursor);
            }
            state.place(&request, give);
        });
    }

    #[inline]
    fn place_raw(
        &self,
        length: u32,
        alignment: u32,
        max_iovecs: u32,
        cursor: usize,
        advance: bool,
        out: *mut evpl_iovec,
    ) -> c_int {
        let count_max = u64::from(max_iovecs);
        let request = Request {
            length: length.into(),
            alignment,
            count_max,
            cursor,
            advance,
        };
        let mut count = 0;
        let placed = self.state.with(|state| {
            state.place(&request, |iovec| {
                // SAFETY: the caller's array has room for the `count_max` that `place` observes.
                unsafe { out.add(count).write(iovec.into_raw()) };
                count += 1;
            })
        });
        if placed { count as c_int } else { -1 }
    }
}

/// `evpl_iovec_alloc_global`: one whole buffer whose count never moves.
///
/// # Safety
/// `out` is writable.
pub unsafe fn alloc_global(pool: &'static Pool, out: *mut evpl_iovec) {
    let buffer = pool.take();
    let flags = EVPL_IOVEC_FLAG_SHARED | EVPL_IOVEC_FLAG_GLOBAL;
    // SAFETY: the pool just gave us the buffer.
    unsafe { Buffer::issue(buffer, flags, Some(BUFFER_RELEASE), Place::out(0)) };
    // SAFETY: by the contract above.
    unsafe { out.write(whole(buffer, pool.buffer_size()).into_raw()) };
}

/// Whether this is the count of a buffer of ours, not of memory that a program counts by itself.
///
/// # Safety
/// `record` is a live reference count.
pub unsafe fn is_pool_buffer(record: *const evpl_iovec_ref) -> bool {
    // SAFETY: by the contract above; `release` is set once, before the record is handed out.
    unsafe { (*record).release }
        .is_some_and(|release| core::ptr::fn_addr_eq(release, BUFFER_RELEASE))
}

/// What every buffer's record carries as `release`; one constant, so that it has one address.
const BUFFER_RELEASE: unsafe extern "C" fn(*mut evpl, *mut evpl_iovec_ref) = buffer_release;

/// Nobody refers to the buffer any more.
unsafe extern "C" fn buffer_release(evpl: *mut evpl, record: *mut evpl_iovec_ref) {
    // C's inline decrement has release order only. This pairs with those of the other threads; a load, as
    // sanitizers do not know fences.
    // SAFETY: whoever counted down to zero passes the record on to us.
    unsafe { &(*record).refcnt }.load(Ordering::Acquire);
    let buffer = record.cast::<Buffer>();
    if evpl.is_null() {
        // SAFETY: whoever counted down to zero passes the buffer on to us.
        let buffer_ref = unsafe { &*buffer };
        buffer_ref.end_use();
        buffer_ref.pool().put(buffer);
        return;
    }
    // SAFETY: a handle points at the loop's context, whose first field is its memory, and belongs
    // to the calling thread.
    let memory = unsafe { &*evpl.cast::<LoopMemory>() };
    memory.state.with(|state| state.recycle(buffer));
}

impl State {
    /// Places an allocation and hands out its iovecs in order; false, and nothing done, if it needs
    /// more than `count_max`.
    #[inline]
    fn place(&mut self, request: &Request, mut give: impl FnMut(Iovec)) -> bool {
        let &Request {
            length,
            alignment,
            count_max,
            cursor,
            advance,
        } = request;
        let start = align_up(self.cursors[cursor].offset, alignment);
        if !self.cursors[cursor].buffer.is_null() && start + length <= self.buffer_size {
            if count_max == 0 {
                return false;
            }
            give(self.cursors[cursor].piece(start, length));
            if advance {
                self.cursors[cursor].offset = align_up(start + length, alignment);
            }
            return true;
        }
        self.place_fresh(request, &mut give)
    }

    /// Places an allocation in fresh buffers; the rest of a partly used one is given up.
    #[cold]
    fn place_fresh(&mut self, request: &Request, give: &mut dyn FnMut(Iovec)) -> bool {
        let &Request {
            length,
            alignment,
            count_max,
            cursor,
            advance,
        } = request;
        let count = length.div_ceil(self.buffer_size).max(1);
        if count > count_max {
            return false;
        }
        let unused = !self.cursors[cursor].buffer.is_null() && self.cursors[cursor].offset == 0;
        let mut left = length;
        for index in 0..count {
            if index > 0 || !unused {
                self.renew(cursor);
            }
            let piece_len = left.min(self.buffer_size);
            give(self.cursors[cursor].piece(0, piece_len));
            if advance {
                self.cursors[cursor].offset = align_up(piece_len, alignment);
            }
            left -= piece_len;
        }
        true
    }

    /// Bytes left in a buffer being filled.
    fn room(&self, cursor: usize) -> u64 {
        let Cursor { buffer, offset } = self.cursors[cursor];
        if buffer.is_null() {
            0
        } else {
            self.buffer_size.saturating_sub(offset)
        }
    }

    /// Starts a buffer over if the loop is the only one that still holds it.
    #[inline]
    fn rewind(&mut self, cursor: usize) -> bool {
        let cursor = &mut self.cursors[cursor];
        if cursor.buffer.is_null() {
            return false;
        }
        // SAFETY: the loop holds a reference to the buffer.
        let buffer = unsafe { &*cursor.buffer };
        if !is_alone(|order| buffer.record.refcnt.load(order)) {
            return false;
        }
        if cursor.offset > 0 {
            buffer.end_use();
            cursor.offset = 0;
        }
        true
    }

    /// Puts a fresh buffer under the cursor.
    fn renew(&mut self, cursor: usize) {
        if self.rewind(cursor) {
            return;
        }
        self.retire(cursor);
        let buffer = self.take(FLAGS[cursor], Place::held(self.entry.id));
        self.cursors[cursor] = Cursor { buffer, offset: 0 };
    }

    /// Goes on receiving in the spare buffer, or else in a fresh one.
    fn renew_recv(&mut self) {
        if self.recv_spare.is_null() {
            return self.renew(RECV);
        }
        self.retire(RECV);
        let buffer = core::mem::replace(&mut self.recv_spare, ptr::null_mut());
        self.cursors[RECV] = Cursor { buffer, offset: 0 };
    }

    /// Stops filling a buffer: drops the loop's own reference.
    fn retire(&mut self, cursor: usize) {
        let empty = Cursor {
            buffer: ptr::null_mut(),
            offset: 0,
        };
        let Cursor { buffer, .. } = core::mem::replace(&mut self.cursors[cursor], empty);
        if !buffer.is_null() {
            self.held_drop(buffer);
        }
    }

    fn held_drop(&mut self, buffer: *mut Buffer) {
        // SAFETY: the loop's reference, given up below, keeps the buffer until then. Its place is
        // noted before, because afterwards another thread may already have recycled it.
        let last = unsafe {
            (*buffer).set_place(Place::out(self.entry.id));
            ref_drop(&raw mut (*buffer).record)
        };
        if last {
            self.recycle(buffer);
        }
    }

    /// Takes a buffer from the fitting cache or from the pool and gives it its first reference.
    fn take(&mut self, flags: u32, place: Place) -> *mut Buffer {
        let buffer = match flags {
            0 => self.take_local(),
            _ => self.take_shared(),
        };
        let buffer = buffer.unwrap_or_else(|| self.pool.take());
        self.entry.used_here();
        // SAFETY: the buffer was in a cache or in the pool: nobody else refers to it.
        unsafe { Buffer::issue(buffer, flags, Some(BUFFER_RELEASE), place) };
        buffer
    }

    fn take_local(&mut self) -> Option<*mut Buffer> {
        let buffer = self.local_free;
        // SAFETY: buffers in the cache belong to this loop.
        self.local_free = unsafe { buffer.as_ref()? }.next;
        Some(buffer)
    }

    fn take_shared(&mut self) -> Option<*mut Buffer> {
        let buffer = self.shared_oldest;
        // SAFETY: buffers in the cache belong to this loop.
        self.shared_oldest = unsafe { buffer.as_ref()? }.next;
        self.shared_count -= 1;
        Some(buffer)
    }

    /// Caches a buffer that nobody refers to any more.
    fn recycle(&mut self, buffer: *mut Buffer) {
        // SAFETY: whoever counted down to zero passed the buffer on to us.
        let flags = unsafe {
            (*buffer).end_use();
            (*buffer).next = ptr::null_mut();
            (*buffer).record.flags
        };
        if self.destroyed {
            return self.pool.put(buffer);
        }
        // SAFETY: as above.
        unsafe { (*buffer).set_place(Place::cached(self.entry.id)) };
        if flags & EVPL_IOVEC_FLAG_SHARED != 0 {
            return self.recycle_shared(buffer);
        }
        // SAFETY: as above.
        unsafe { (*buffer).next = self.local_free };
        self.local_free = buffer;
    }

    fn recycle_shared(&mut self, buffer: *mut Buffer) {
        if self.shared_oldest.is_null() {
            self.shared_oldest = buffer;
        } else {
            // SAFETY: the cache is not empty, so its newest buffer is in it and belongs to this loop.
            unsafe { (*self.shared_newest).next = buffer };
        }
        self.shared_newest = buffer;
        self.shared_count += 1;
        if self.shared_count > SHARED_CACHE_HIGH {
            self.spill_shared();
        }
    }

    #[cold]
    fn spill_shared(&mut self) {
        let oldest = self.shared_oldest;
        let mut last = oldest;
        for _ in SHARED_CACHE_LOW + 1..self.shared_count {
            // SAFETY: the cache has `shared_count` buffers, all of which belong to this loop.
            last = unsafe { (*last).next };
        }
        // SAFETY: as above.
        unsafe {
            self.shared_oldest = (*last).next;
            (*last).next = ptr::null_mut();
        }
        self.shared_count = SHARED_CACHE_LOW;
        self.pool.put_list(oldest);
    }
}

impl Cursor {
    /// An iovec over `length` bytes from `start` on, with a reference of its own.
    #[inline]
    fn piece(&self, start: u64, length: u64) -> Iovec {
        let record = self.buffer.cast::<evpl_iovec_ref>();
        // SAFETY: the loop holds a reference to the buffer it fills.
        unsafe { ref_incr(record) };
        Iovec::counted(
            self.data().wrapping_add(start as usize),
            length as u32,
            record,
        )
    }

    /// The next `length` bytes, with a reference of their own.
    fn cut(&mut self, length: u64) -> Iovec {
        let piece = self.piece(self.offset, length);
        self.offset += length;
        piece
    }

    /// Where the buffer's bytes begin.
    #[inline]
    fn data(&self) -> *mut u8 {
        // SAFETY: the loop holds a reference to the buffer it fills.
        unsafe { (*self.buffer).data() }
    }

    /// Where the next bytes go.
    fn at(&self) -> *mut u8 {
        self.data().wrapping_add(self.offset as usize)
    }
}

/// All of a buffer whose first reference is the caller's.
fn whole(buffer: *mut Buffer, buffer_size: u64) -> Iovec {
    // SAFETY: the caller holds the reference.
    let data = unsafe { (*buffer).data() };
    Iovec::counted(data, buffer_size as u32, buffer.cast())
}

/// `alignment` is 0 or a power of two.
#[inline]
fn align_up(offset: u64, alignment: u32) -> u64 {
    let mask = u64::from(alignment.max(1)) - 1;
    (offset + mask) & !mask
}

#[cfg(test)]
pub(super) mod tests;
