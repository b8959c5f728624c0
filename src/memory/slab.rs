//! The process-wide pool: slabs of memory, the buffers they are cut into, and their homecoming.
//!
//! A slab is one mapping that stays until exit, so that a device it is registered with never loses
//! it. Each buffer has a record outside its bytes; the record opens with the count that C's inline
//! functions work on. Records are made when a buffer is first used, so an untouched slab costs
//! nothing. Every record says where its buffer is (pool, a loop's cache, a loop's current buffer,
//! with the user), which is how the check at exit tells a leak from a parked buffer without looking
//! into any loop.
//!
//! Loops come here only when their own caches are empty or overflow. No user code, and thus no log
//! function, runs under the pool's lock.

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::abi::{evpl_iovec_ref, evpl_iovec_release_t};
use crate::sys::mmap::Mapping;
use crate::sys::thread::{self, Thread};
use crate::sys::thread_token;
use crate::time::monotonic_ns;
use crate::{abort, fatal, log_error, log_info};

/// Leaked buffers that are named one by one before the abort.
const LEAKS_NAMED_MAX: usize = 16;
/// Stack of a thread that builds slabs.
const BUILDER_STACK_LEN: usize = 1 << 20;
/// Pages made ready between two looks at the stop flag.
const PREFAULT_PAGES_MAX: usize = 4096;

/// What the pool is built from; the page sizes are powers of two.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    pub slab_size: u64,
    pub buffer_size: u64,
    pub huge_pages: bool,
    pub huge_page_size: u64,
    pub page_size: usize,
    pub preallocate_slabs: u32,
    pub preallocate_threads: u32,
}

/// A reading of the pool's counters, taken without its lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolCounters {
    /// Slabs that a loop had to map itself, loans included.
    pub slabs_inline: u64,
    /// Slabs that the background threads made ready.
    pub slabs_prealloc: u64,
    pub consumer_waits: u64,
    pub consumer_wait_ns: u64,
    pub free_buffers: u64,
    /// Slabs that the background threads still owe.
    pub outstanding_slabs: u64,
    /// Free buffers that the background threads aim for.
    pub target_buffers: u64,
    pub total_slabs: u64,
}

/// The pool. Lives as long as the process, because a buffer may be released at any time.
pub struct Pool {
    config: PoolConfig,
    buffers_per_slab: u64,
    target_buffers: u64,
    /// A forked child inherits the memory but neither the threads nor the right to judge it.
    pid: u32,
    state: Mutex<PoolState>,
    slab_ready: Condvar,
    slab_wanted: Condvar,
    stopping: AtomicBool,
    huge_pages: AtomicBool,
    slabs_inline: AtomicU64,
    slabs_prealloc: AtomicU64,
    consumer_waits: AtomicU64,
    consumer_wait_ns: AtomicU64,
    free_buffers: AtomicU64,
    outstanding_slabs: AtomicU64,
    total_slabs: AtomicU64,
}

struct PoolState {
    /// Buffers that were used before, newest first.
    free: *mut Buffer,
    /// Those and the ones never used.
    free_count: u64,
    slabs: Vec<SlabUse>,
    /// Slabs before this index have no unused buffer.
    unused_from: usize,
    loops: Vec<Arc<LoopEntry>>,
    loop_id_last: u32,
    /// A loop is mapping a slab for itself.
    building_inline: bool,
    /// Slabs the background threads owe, and of those the ones no thread has begun.
    outstanding: u32,
    outstanding_idle: u32,
    builders: Vec<Thread>,
    builders_running: u32,
}

// SAFETY: the pointers lead to slabs and records, which belong to the process, not to a thread.
unsafe impl Send for PoolState {}

struct SlabUse {
    slab: *mut Slab,
    /// Buffers whose record has been made; the others were never used.
    used: u64,
    /// Lent as a whole: holds no buffers and stays mapped for its borrower.
    loaned: bool,
}

/// One mapping and the records of its buffers. Does not change once it is in the pool.
struct Slab {
    pool: &'static Pool,
    key: u64,
    memory: Mapping,
    /// None for a loaned slab.
    records: Option<Mapping>,
}

/// The record of one buffer.
#[repr(C)]
pub(super) struct Buffer {
    pub(super) record: evpl_iovec_ref,
    /// The next one in whichever list the buffer is in.
    pub(super) next: *mut Buffer,
    data: *mut u8,
    generation: AtomicU32,
    place: AtomicU32,
}

const _: () = assert!(size_of::<Buffer>() == 48);

/// Where a buffer is, with the number of the loop concerned; 0 is no loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place(u32);

impl Place {
    const POOL: Place = Place(0);
    const CACHED: u32 = 1;
    const HELD: u32 = 2;
    const OUT: u32 = 3;
    const LOOP_ID_MAX: u32 = u32::MAX >> 2;

    /// In a cache of that loop.
    pub(super) fn cached(loop_id: u32) -> Place {
        Place(loop_id << 2 | Self::CACHED)
    }

    /// Being filled by that loop, which holds one reference itself.
    pub(super) fn held(loop_id: u32) -> Place {
        Place(loop_id << 2 | Self::HELD)
    }

    /// With whoever that loop gave it to.
    pub(super) fn out(loop_id: u32) -> Place {
        Place(loop_id << 2 | Self::OUT)
    }

    fn kind(self) -> u32 {
        self.0 & 3
    }

    fn loop_id(self) -> u32 {
        self.0 >> 2
    }
}

/// What the pool knows of a live loop.
pub(super) struct LoopEntry {
    pub(super) id: u32,
    /// The thread that last fetched a buffer for the loop.
    thread: AtomicUsize,
}

impl LoopEntry {
    /// Notes that the calling thread uses the loop.
    pub(super) fn used_here(&self) {
        self.thread.store(thread_token(), Relaxed);
    }

    pub(super) fn is_used_here(&self) -> bool {
        self.thread.load(Relaxed) == thread_token()
    }
}

/// A buffer that has references at exit that nobody can give back any more.
#[derive(Debug, PartialEq, Eq)]
struct Leak {
    data: *mut u8,
    slab_key: u64,
    references: u32,
}

impl Pool {
    /// Makes the pool, without any slab. Aborts on sizes that cannot work.
    pub fn new(config: PoolConfig) -> &'static Pool {
        let PoolConfig {
            buffer_size,
            slab_size,
            ..
        } = config;
        if buffer_size == 0 || buffer_size > slab_size || buffer_size > u64::from(u32::MAX) {
            abort!(
                "core",
                "buffer_size {buffer_size} must be from 1 to slab_size {slab_size} and below 4 GiB"
            );
        }
        let buffers_per_slab = slab_size / buffer_size;
        Box::leak(Box::new(Pool {
            buffers_per_slab,
            target_buffers: u64::from(config.preallocate_slabs).saturating_mul(buffers_per_slab),
            pid: std::process::id(),
            state: Mutex::new(PoolState {
                free: ptr::null_mut(),
                free_count: 0,
                slabs: Vec::new(),
                unused_from: 0,
                loops: Vec::new(),
                loop_id_last: 0,
                building_inline: false,
                outstanding: 0,
                outstanding_idle: 0,
                builders: Vec::new(),
                builders_running: 0,
            }),
            slab_ready: Condvar::new(),
            slab_wanted: Condvar::new(),
            stopping: AtomicBool::new(false),
            huge_pages: AtomicBool::new(config.huge_pages),
            slabs_inline: AtomicU64::new(0),
            slabs_prealloc: AtomicU64::new(0),
            consumer_waits: AtomicU64::new(0),
            consumer_wait_ns: AtomicU64::new(0),
            free_buffers: AtomicU64::new(0),
            outstanding_slabs: AtomicU64::new(0),
            total_slabs: AtomicU64::new(0),
            config,
        }))
    }

    #[inline]
    pub fn buffer_size(&self) -> u64 {
        self.config.buffer_size
    }

    pub fn slab_size(&self) -> u64 {
        self.config.slab_size
    }

    pub fn counters(&self) -> PoolCounters {
        PoolCounters {
            slabs_inline: self.slabs_inline.load(Relaxed),
            slabs_prealloc: self.slabs_prealloc.load(Relaxed),
            consumer_waits: self.consumer_waits.load(Relaxed),
            consumer_wait_ns: self.consumer_wait_ns.load(Relaxed),
            free_buffers: self.free_buffers.load(Relaxed),
            outstanding_slabs: self.outstanding_slabs.load(Relaxed),
            target_buffers: self.target_buffers,
            total_slabs: self.total_slabs.load(Relaxed),
        }
    }

    /// Maps one slab and lends all of it, for good. Returns its start and the handle that
    /// `slab_key` takes.
    pub fn slab_alloc(&'static self) -> (*mut c_void, *mut c_void) {
        let slab = self
            .map_slab(true)
            .unwrap_or_else(|error| self.out_of_memory(&error));
        let handle = self.add_slab(&mut self.lock(), slab, true);
        self.slabs_inline.fetch_add(1, Relaxed);
        // SAFETY: slabs stay until shutdown, loaned ones for ever.
        (unsafe { (*handle).memory.start() }.cast(), handle.cast())
    }

    /// Starts the background threads, if the configuration asks for any, and their first slabs.
    pub fn start_preallocation(&'static self) {
        let PoolConfig {
            preallocate_slabs,
            preallocate_threads,
            ..
        } = self.config;
        let threads = preallocate_threads.max(u32::from(preallocate_slabs > 0));
        let mut state = self.lock();
        for _ in 0..threads {
            // Counted here, so that no slab is requested from a thread that is about to give up.
            state.builders_running += 1;
            match thread::spawn(BUILDER_STACK_LEN, Box::new(|| self.build_slabs())) {
                Ok(builder) => state.builders.push(builder),
                Err((error, _)) => {
                    state.builders_running -= 1;
                    drop(state);
                    log_error!("core", "slab preallocation thread not started: {error}");
                    state = self.lock();
                    break;
                }
            }
        }
        if state.builders_running > 0 {
            self.owe(&mut state, preallocate_slabs);
        }
    }

    /// Stops the background threads, aborts if a buffer leaked, and unmaps the slabs unless a loop
    /// is still alive. Later calls of such a loop work as before.
    pub fn shutdown(&self) {
        if std::process::id() != self.pid {
            return;
        }
        self.stop_preallocation();
        let leaks = self.leaks();
        for leak in leaks.iter().take(LEAKS_NAMED_MAX) {
            let &Leak {
                data,
                slab_key,
                references,
            } = leak;
            log_error!(
                "core",
                "buffer {data:p} slab {slab_key} leaked references {references}"
            );
        }
        if let Some(&Leak {
            data, references, ..
        }) = leaks.first()
        {
            abort!(
                "core",
                "leaked buffers {} first {data:p} references {references}",
                leaks.len()
            );
        }
        self.unmap_unless_used();
    }

    fn stop_preallocation(&self) {
        let mut state = self.lock();
        self.stopping.store(true, Relaxed);
        let builders = core::mem::take(&mut state.builders);
        drop(state);
        self.slab_wanted.notify_all();
        for builder in builders {
            builder.join();
        }
    }

    fn leaks(&self) -> Vec<Leak> {
        let state = self.lock();
        // What a loop on another thread has given out may be in use this very moment.
        let in_use = |id| {
            state
                .loops
                .iter()
                .any(|entry| entry.id == id && !entry.is_used_here())
        };
        let mut leaks = Vec::new();
        for SlabUse { slab, used, .. } in &state.slabs {
            // SAFETY: slabs stay until they are unmapped under this lock.
            let slab = unsafe { &**slab };
            for index in 0..*used {
                let buffer = slab.record(index);
                // SAFETY: the first `used` records of the slab have been made. Only the fields that
                // are atomic or constant are read, since a loop may be using the buffer.
                let (place, references, data) = unsafe {
                    let place = Place((*buffer).place.load(Relaxed));
                    (place, (*buffer).record.refcnt.load(Relaxed), (*buffer).data)
                };
                let leaked = match place.kind() {
                    Place::HELD => references > 1,
                    Place::OUT => true,
                    _ => false,
                };
                if leaked && !in_use(place.loop_id()) {
                    let references = references - u32::from(place.kind() == Place::HELD);
                    leaks.push(Leak {
                        data,
                        slab_key: slab.key,
                        references,
                    });
                }
            }
        }
        leaks
    }

    fn unmap_unless_used(&self) {
        let mut state = self.lock();
        if !state.loops.is_empty() || state.building_inline {
            return;
        }
        state.free = ptr::null_mut();
        state.free_count = 0;
        state.unused_from = 0;
        state.slabs.retain(|entry| {
            if !entry.loaned {
                // SAFETY: `add_slab` made the pointer from a box. Every buffer is back in the pool
                // and no loop is alive, so nothing refers to the slab.
                drop(unsafe { Box::from_raw(entry.slab) });
            }
            entry.loaned
        });
        self.publish(&state);
    }

    /// Enters a new loop.
    pub(super) fn enter_loop(&self) -> Arc<LoopEntry> {
        let mut state = self.lock();
        state.loop_id_last = state.loop_id_last % Place::LOOP_ID_MAX + 1;
        let entry = Arc::new(LoopEntry {
            id: state.loop_id_last,
            thread: AtomicUsize::new(thread_token()),
        });
        state.loops.push(entry.clone());
        entry
    }

    /// The loop has given everything back and is gone.
    pub(super) fn leave_loop(&self, entry: &Arc<LoopEntry>) {
        self.lock().loops.retain(|other| !Arc::ptr_eq(other, entry));
    }

    /// Takes a buffer out; `Buffer::issue` gives it its first reference. May wait for a slab.
    pub(super) fn take(&'static self) -> *mut Buffer {
        let mut state = self.lock();
        self.request_slabs(&mut state);
        let buffer = loop {
            if let Some(buffer) = state.pop() {
                break buffer;
            }
            state = if state.outstanding > 0 || state.building_inline {
                self.take_wait(state)
            } else {
                self.take_build(state)
            };
        };
        self.request_slabs(&mut state);
        self.publish(&state);
        buffer
    }

    #[cold]
    fn take_wait<'a>(&self, state: MutexGuard<'a, PoolState>) -> MutexGuard<'a, PoolState> {
        let begin = monotonic_ns();
        let state = self
            .slab_ready
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner);
        self.consumer_waits.fetch_add(1, Relaxed);
        self.consumer_wait_ns
            .fetch_add(monotonic_ns() - begin, Relaxed);
        state
    }

    /// Maps a slab on the caller's time; other loops wait for this one instead of mapping their own.
    #[cold]
    fn take_build(
        &'static self,
        mut state: MutexGuard<'static, PoolState>,
    ) -> MutexGuard<'static, PoolState> {
        state.building_inline = true;
        drop(state);
        let slab = self
            .map_slab(false)
            .unwrap_or_else(|error| self.out_of_memory(&error));
        let mut state = self.lock();
        state.building_inline = false;
        self.add_slab(&mut state, slab, false);
        self.slabs_inline.fetch_add(1, Relaxed);
        self.slab_ready.notify_all();
        state
    }

    /// Takes back one buffer that nobody refers to.
    pub(super) fn put(&self, buffer: *mut Buffer) {
        self.put_list(buffer);
    }

    /// Takes back a list of buffers that nobody refers to; NULL is the empty list.
    pub(super) fn put_list(&self, first: *mut Buffer) {
        if first.is_null() {
            return;
        }
        let (mut last, mut count) = (first, 1);
        loop {
            // SAFETY: the caller hands over the buffers of the list, so their records are ours.
            let buffer = unsafe { &*last };
            buffer.set_place(Place::POOL);
            if buffer.next.is_null() {
                break;
            }
            last = buffer.next;
            count += 1;
        }
        let mut state = self.lock();
        // SAFETY: as above; the list ends at `last`.
        unsafe { (*last).next = state.free };
        state.free = first;
        state.free_count += count;
        self.publish(&state);
    }

    /// Asks the background threads for more while fewer buffers are free or coming than aimed for.
    fn request_slabs(&self, state: &mut PoolState) {
        while state.outstanding < state.builders_running
            && state.free_count + u64::from(state.outstanding) * self.buffers_per_slab
                < self.target_buffers
        {
            self.owe(state, 1);
        }
    }

    fn owe(&self, state: &mut PoolState, slabs: u32) {
        state.outstanding += slabs;
        state.outstanding_idle += slabs;
        self.publish(state);
        self.slab_wanted.notify_all();
    }

    /// A background thread's life.
    fn build_slabs(&'static self) {
        let mut state = self.lock();
        while !self.stopping.load(Relaxed) {
            if state.outstanding_idle == 0 {
                state = self
                    .slab_wanted
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.outstanding_idle -= 1;
            drop(state);
            let slab = self.map_slab(false);
            let usable = slab.as_ref().is_ok_and(|slab| self.prefault(slab));
            if let Err(error) = &slab {
                log_error!("core", "slab preallocation ends: {error}");
            }
            state = self.lock();
            state.outstanding -= 1;
            match slab {
                Ok(slab) if usable => {
                    self.add_slab(&mut state, slab, false);
                    self.slabs_prealloc.fetch_add(1, Relaxed);
                    self.request_slabs(&mut state);
                }
                _ => break,
            }
            self.slab_ready.notify_all();
        }
        // The last one to leave owes nothing any more: who waits maps a slab itself.
        state.builders_running -= 1;
        if state.builders_running == 0 {
            state.outstanding = 0;
            state.outstanding_idle = 0;
        }
        self.publish(&state);
        drop(state);
        self.slab_ready.notify_all();
    }

    /// Makes the kernel commit every page; false if the process is about to end instead.
    fn prefault(&self, slab: &Slab) -> bool {
        for (count, offset) in (0..slab.memory.mapped_len())
            .step_by(self.config.page_size)
            .enumerate()
        {
            if count % PREFAULT_PAGES_MAX == 0 && self.stopping.load(Relaxed) {
                return false;
            }
            // SAFETY: the offset is inside the mapping, which nobody else has seen yet.
            unsafe { slab.memory.start().add(offset).write_volatile(0) };
        }
        true
    }

    fn map_slab(&'static self, loaned: bool) -> io::Result<Box<Slab>> {
        let records_len = self.buffers_per_slab * size_of::<Buffer>() as u64;
        let records = if loaned {
            None
        } else {
            Some(Mapping::reserve(records_len)?)
        };
        let memory = self.map_memory(self.config.slab_size)?;
        Ok(Box::new(Slab {
            pool: self,
            key: 0,
            memory,
            records,
        }))
    }

    fn map_memory(&self, len: u64) -> io::Result<Mapping> {
        if self.huge_pages.load(Relaxed) {
            let page_size = self.config.huge_page_size;
            match Mapping::huge(len, page_size) {
                Ok(memory) => return Ok(memory),
                Err(error) => {
                    if self.huge_pages.swap(false, Relaxed) {
                        log_info!(
                            "core",
                            "huge pages of {page_size} bytes not available, using base pages: {error}"
                        );
                    }
                }
            }
        }
        Mapping::reserve(len)
    }

    fn add_slab(&self, state: &mut PoolState, mut slab: Box<Slab>, loaned: bool) -> *mut Slab {
        slab.key = self.total_slabs.fetch_add(1, Relaxed) + 1;
        let slab = Box::into_raw(slab);
        state.slabs.push(SlabUse {
            slab,
            used: 0,
            loaned,
        });
        if !loaned {
            state.free_count += self.buffers_per_slab;
        }
        self.publish(state);
        slab
    }

    fn publish(&self, state: &PoolState) {
        self.free_buffers.store(state.free_count, Relaxed);
        self.outstanding_slabs
            .store(u64::from(state.outstanding), Relaxed);
    }

    fn out_of_memory(&self, error: &io::Error) -> ! {
        fatal!(
            "core",
            "no memory for a slab of {} bytes: {error}",
            self.config.slab_size
        )
    }

    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PoolState {
    fn pop(&mut self) -> Option<*mut Buffer> {
        let buffer = if self.free.is_null() {
            self.pop_unused()?
        } else {
            let buffer = self.free;
            // SAFETY: buffers in the free list belong to the pool, whose lock is held.
            self.free = unsafe { (*buffer).next };
            buffer
        };
        self.free_count -= 1;
        Some(buffer)
    }

    fn pop_unused(&mut self) -> Option<*mut Buffer> {
        while let Some(entry) = self.slabs.get_mut(self.unused_from) {
            // SAFETY: slabs stay until they are unmapped under the lock that is held.
            let slab = unsafe { &*entry.slab };
            if !entry.loaned && entry.used < slab.pool.buffers_per_slab {
                let buffer = slab.make_record(entry.used);
                entry.used += 1;
                return Some(buffer);
            }
            self.unused_from += 1;
        }
        None
    }
}

impl Slab {
    fn record(&self, index: u64) -> *mut Buffer {
        let records = self.records.as_ref().expect("a loaned slab has no buffers");
        records
            .start()
            .cast::<Buffer>()
            .wrapping_add(index as usize)
    }

    fn make_record(&self, index: u64) -> *mut Buffer {
        let buffer = self.record(index);
        let offset = index * self.pool.config.buffer_size;
        let record = evpl_iovec_ref {
            refcnt: AtomicU32::new(0),
            flags: 0,
            slab: ptr::from_ref(self).cast_mut().cast(),
            release: None,
        };
        // SAFETY: the mapping has room for the records of all buffers, and this one is unused.
        unsafe {
            buffer.write(Buffer {
                record,
                next: ptr::null_mut(),
                data: self.memory.start().wrapping_add(offset as usize),
                generation: AtomicU32::new(0),
                place: AtomicU32::new(Place::POOL.0),
            });
        }
        buffer
    }
}

impl Buffer {
    /// Gives a buffer nobody refers to its first reference.
    ///
    /// # Safety
    /// `buffer` belongs to the caller alone.
    pub(super) unsafe fn issue(
        buffer: *mut Buffer,
        flags: u32,
        release: evpl_iovec_release_t,
        place: Place,
    ) {
        // SAFETY: by the contract above; only the check at exit looks on, at the atomic fields.
        unsafe {
            debug_assert_eq!((*buffer).record.refcnt.load(Relaxed), 0);
            (*buffer).record.refcnt.store(1, Relaxed);
            (*buffer).record.flags = flags;
            (*buffer).record.release = release;
            (*buffer).next = ptr::null_mut();
            (*buffer).place.store(place.0, Relaxed);
        }
    }

    /// The buffer's bytes are free for another use. Only the buffer's one owner calls this, so a plain
    /// increment will do.
    #[inline]
    pub(super) fn end_use(&self) {
        let generation = self.generation.load(Relaxed);
        self.generation.store(generation.wrapping_add(1), Relaxed);
    }

    pub(super) fn set_place(&self, place: Place) {
        self.place.store(place.0, Relaxed);
    }

    pub(super) fn data(&self) -> *mut u8 {
        self.data
    }

    /// The pool the buffer came from.
    pub(super) fn pool(&self) -> &'static Pool {
        // SAFETY: `slab` was set when the record was made, and the slab outlives its records.
        unsafe { (*self.record.slab.cast::<Slab>()).pool }
    }
}

/// Counts the uses of a pool buffer: a remembered value that differs tells that the bytes are
/// somebody else's now.
///
/// # Safety
/// `record` is that of a pool buffer (not of memory a transport brought), before shutdown.
pub unsafe fn buffer_generation(record: *const evpl_iovec_ref) -> u32 {
    // SAFETY: records of pool buffers are the heads of `Buffer`s and stay until shutdown.
    unsafe { (*record.cast::<Buffer>()).generation.load(Relaxed) }
}

/// Number of the slab with this handle (`ref.slab`, or what `slab_alloc` returned): from 1, never used twice.
///
/// # Safety
/// `slab` is such a handle of a pool, before shutdown.
pub unsafe fn slab_key(slab: *const c_void) -> u64 {
    // SAFETY: by the contract above; slabs stay until shutdown.
    unsafe { (*slab.cast::<Slab>()).key }
}

#[cfg(test)]
mod tests;
