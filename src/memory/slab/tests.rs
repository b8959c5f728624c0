//! The pool alone: accounting, preallocation, loans, and the verdict at exit.

use super::*;
use crate::memory::allocator::LoopMemory;
use crate::memory::iovec::Iovec;

const BUFFER: u64 = 4096;
const PER_SLAB: u64 = 8;

fn pool(preallocate_slabs: u32, preallocate_threads: u32, huge_pages: bool) -> &'static Pool {
    Pool::new(PoolConfig {
        slab_size: BUFFER * PER_SLAB,
        buffer_size: BUFFER,
        huge_pages,
        huge_page_size: 2 << 20,
        page_size: 4096,
        preallocate_slabs,
        preallocate_threads,
    })
}

fn wait_for(mut condition: impl FnMut() -> bool) {
    for _ in 0..5000 {
        if condition() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("did not happen within five seconds");
}

/// A loop whose handle is the memory's own address.
fn new_loop(pool: &'static Pool) -> Box<LoopMemory> {
    Box::new(LoopMemory::new(pool))
}

fn release(memory: &LoopMemory, iovec: Iovec) {
    iovec.release(ptr::from_ref(memory).cast_mut().cast());
}

#[test]
fn slabs_are_mapped_on_demand_and_counted() {
    let pool = pool(0, 0, false);
    assert_eq!(pool.counters(), PoolCounters::default());
    let taken: Vec<_> = (0..PER_SLAB + 1).map(|_| pool.take()).collect();
    let counters = pool.counters();
    assert_eq!((counters.slabs_inline, counters.total_slabs), (2, 2));
    assert_eq!(counters.free_buffers, PER_SLAB - 1);
    // SAFETY: the records are of buffers just taken.
    let keys = taken.iter().map(|&b| unsafe { slab_key((*b).record.slab) });
    assert!(keys.eq([1, 1, 1, 1, 1, 1, 1, 1, 2]));
    taken.into_iter().for_each(|buffer| pool.put(buffer));
    assert_eq!(pool.counters().free_buffers, 2 * PER_SLAB);
    pool.shutdown();
    assert_eq!(pool.counters().free_buffers, 0);
}

#[test]
fn buffers_lie_inside_their_slab_at_multiples_of_their_size() {
    let pool = pool(0, 0, false);
    for index in 0..PER_SLAB {
        let buffer = pool.take();
        // SAFETY: the buffer was just taken; its slab stays until shutdown.
        let (data, slab) = unsafe { ((*buffer).data(), &*(*buffer).record.slab.cast::<Slab>()) };
        let start = slab.memory.start();
        assert!(slab.memory.mapped_len() as u64 >= BUFFER * PER_SLAB);
        assert_eq!(start.addr() % 4096, 0);
        assert_eq!(data.addr() - start.addr(), (index * BUFFER) as usize);
        // SAFETY: all of the buffer is writable.
        unsafe { data.write_bytes(1, BUFFER as usize) };
    }
}

#[test]
fn background_threads_make_slabs_ahead_and_keep_to_the_target() {
    let pool = pool(2, 0, false);
    pool.start_preallocation();
    wait_for(|| pool.counters().slabs_prealloc == 2);
    let counters = pool.counters();
    assert_eq!(
        (counters.free_buffers, counters.target_buffers),
        (2 * PER_SLAB, 2 * PER_SLAB)
    );
    let taken: Vec<_> = (0..5 * PER_SLAB).map(|_| pool.take()).collect();
    wait_for(|| pool.counters().free_buffers >= 2 * PER_SLAB);
    let counters = pool.counters();
    assert_eq!((counters.slabs_inline, counters.outstanding_slabs), (0, 0));
    assert_eq!(counters.slabs_prealloc, counters.total_slabs);
    taken.into_iter().for_each(|buffer| pool.put(buffer));
    pool.shutdown();
    assert!(!pool.take().is_null(), "a late call maps a slab itself");
}

#[test]
fn threads_without_slabs_do_not_starve_the_first_taker() {
    let pool = pool(0, 2, false);
    pool.start_preallocation();
    let buffer = pool.take();
    assert_eq!(pool.counters().slabs_inline, 1);
    pool.put(buffer);
    pool.shutdown();
}

#[test]
fn missing_huge_pages_fall_back_to_base_pages() {
    let pool = pool(0, 0, true);
    let buffer = pool.take();
    // SAFETY: the buffer was just taken and is writable on either kind of page.
    unsafe { (*buffer).data().write_bytes(1, BUFFER as usize) };
    pool.put(buffer);
    pool.shutdown();
}

#[test]
fn a_loaned_slab_is_whole_and_stays() {
    let pool = pool(0, 0, false);
    let (start, handle) = pool.slab_alloc();
    // SAFETY: the handle is the loan's.
    assert_eq!(unsafe { slab_key(handle) }, 1);
    assert_eq!(pool.counters().free_buffers, 0);
    let buffer = pool.take();
    assert_eq!(pool.counters().total_slabs, 2);
    pool.put(buffer);
    pool.shutdown();
    // SAFETY: loans outlive the pool.
    unsafe {
        start
            .cast::<u8>()
            .write_bytes(1, (BUFFER * PER_SLAB) as usize)
    };
}

#[test]
fn parked_buffers_of_a_live_loop_are_no_leaks_but_its_references_are() {
    let pool = pool(0, 0, false);
    let memory = new_loop(pool);
    let (a, b) = (memory.alloc_one(10, false), memory.alloc_one(10, true));
    let cached = memory.alloc_whole(true);
    release(&memory, cached);
    assert_eq!(pool.leaks().len(), 2);
    release(&memory, a);
    let leaks = pool.leaks();
    assert_eq!(leaks.len(), 1);
    assert_eq!((leaks[0].slab_key, leaks[0].references), (1, 1));
    release(&memory, b);
    assert_eq!(pool.leaks(), []);
    pool.shutdown();
    // The loop goes on undisturbed.
    let late = memory.alloc_one(4000, false);
    // SAFETY: the bytes were just allocated.
    unsafe { late.data().write_bytes(1, 4000) };
    release(&memory, late);
    memory.destroy();
    pool.shutdown();
}

#[test]
fn references_left_by_a_destroyed_loop_are_leaks() {
    let pool = pool(0, 0, false);
    let memory = new_loop(pool);
    let iovec = memory.alloc_one(10, false);
    memory.destroy();
    assert_eq!(pool.leaks().len(), 1);
    iovec.release(ptr::null_mut());
    assert_eq!(pool.leaks(), []);
    pool.shutdown();
}

#[test]
fn what_a_loop_on_another_thread_uses_is_no_leak_until_it_is_destroyed() {
    let pool = pool(0, 0, false);
    std::thread::scope(|scope| {
        let (used, is_used) = std::sync::mpsc::channel();
        let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            let memory = new_loop(pool);
            let iovec = memory.alloc_one(10, false);
            used.send(()).unwrap();
            may_go_on.recv().unwrap();
            memory.destroy();
            used.send(()).unwrap();
            may_go_on.recv().unwrap();
            iovec.release(ptr::null_mut());
        });
        is_used.recv().unwrap();
        assert_eq!(pool.leaks(), []);
        go_on.send(()).unwrap();
        is_used.recv().unwrap();
        assert_eq!(pool.leaks().len(), 1);
        go_on.send(()).unwrap();
    });
    pool.shutdown();
}
