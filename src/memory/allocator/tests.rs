//! Placement rules one by one, then random histories against a plain model of the counts.

use std::collections::HashMap;
use std::sync::mpsc;

use proptest::prelude::*;

use super::*;
use crate::memory::iovec::ref_release;
use crate::memory::slab::{PoolConfig, buffer_generation};

/// A loop over a pool of its own, with 16 small buffers to a slab.
pub(in crate::memory) struct TestLoop {
    pub(in crate::memory) memory: Box<LoopMemory>,
}

impl TestLoop {
    pub(in crate::memory) fn new(buffer_size: u64) -> TestLoop {
        TestLoop::on(pool(buffer_size))
    }

    fn on(pool: &'static Pool) -> TestLoop {
        TestLoop {
            memory: Box::new(LoopMemory::new(pool)),
        }
    }

    pub(in crate::memory) fn evpl(&self) -> *mut evpl {
        ptr::from_ref(&*self.memory).cast_mut().cast()
    }

    /// Destroys the loop and its pool, which must have got everything back.
    pub(in crate::memory) fn end(self) {
        let pool = self.memory.pool();
        self.memory.destroy();
        assert_eq!(
            pool.counters().free_buffers,
            pool.counters().total_slabs * 16
        );
        pool.shutdown();
    }

    fn alloc(&self, length: u32, alignment: u32, max: u32, flags: u32) -> Option<Vec<Iovec>> {
        self.collect(|out| {
            self.memory
                .alloc(self.evpl(), length, alignment, max, flags, out)
        })
    }

    fn reserve(&self, length: u32, max: u32) -> Option<Vec<Iovec>> {
        self.collect(|out| self.memory.reserve(self.evpl(), length, 0, max, out))
    }

    fn collect(&self, f: impl FnOnce(*mut evpl_iovec) -> c_int) -> Option<Vec<Iovec>> {
        let mut out = [const { Iovec::EMPTY }; 16];
        let count = f(out.as_mut_ptr().cast());
        let count = usize::try_from(count).ok()?;
        Some(out.into_iter().take(count).collect())
    }

    fn one(&self, length: u32) -> Iovec {
        let mut iovecs = self.alloc(length, 0, 1, 0).unwrap();
        assert_eq!(iovecs.len(), 1);
        iovecs.pop().unwrap()
    }

    fn release(&self, iovecs: impl IntoIterator<Item = Iovec>) {
        iovecs
            .into_iter()
            .for_each(|iovec| iovec.release(self.evpl()));
    }
}

impl LoopMemory {
    fn pool(&self) -> &'static Pool {
        self.pool
    }

    /// Takes a whole buffer that nothing else is put into.
    pub(in crate::memory) fn alloc_whole(&self, shared: bool) -> Iovec {
        self.state.with(|state| {
            let flags = if shared { EVPL_IOVEC_FLAG_SHARED } else { 0 };
            let buffer = state.take(flags, Place::out(state.entry.id));
            whole(buffer, state.buffer_size)
        })
    }
}

fn pool(buffer_size: u64) -> &'static Pool {
    Pool::new(PoolConfig {
        slab_size: buffer_size * 16,
        buffer_size,
        huge_pages: false,
        huge_page_size: 2 << 20,
        page_size: 4096,
        preallocate_slabs: 0,
        preallocate_threads: 0,
    })
}

fn count(iovec: &Iovec) -> u32 {
    // SAFETY: the reference keeps the record.
    unsafe { (*iovec.ref_ptr()).refcnt.load(Ordering::Relaxed) }
}

fn raws(iovecs: &[Iovec]) -> Vec<evpl_iovec> {
    iovecs.iter().map(|iovec| iovec.0).collect()
}

fn lengths(iovecs: &[Iovec]) -> Vec<u32> {
    iovecs.iter().map(Iovec::len).collect()
}

#[test]
fn a_lone_iovec_shows_two_references() {
    let test = TestLoop::new(4096);
    for flags in [
        0,
        EVPL_IOVEC_FLAG_SHARED,
        EVPL_IOVEC_FLAG_SHARED | EVPL_IOVEC_FLAG_GLOBAL,
    ] {
        let iovecs = test.alloc(100, 0, 1, flags).unwrap();
        assert_eq!(count(&iovecs[0]), 2);
        assert_eq!(iovecs[0].is_shared(), flags != 0);
        assert!(!iovecs[0].is_global());
        test.release(iovecs);
    }
    test.end();
}

#[test]
fn length_zero_allocates_nothing_and_reserves_one_empty_iovec() {
    let test = TestLoop::new(4096);
    assert!(test.alloc(0, 0, 4, 0).unwrap().is_empty());
    assert_eq!(test.memory.pool().counters().total_slabs, 0);
    let reserved = test.reserve(0, 1).unwrap();
    assert_eq!(lengths(&reserved), [0]);
    assert_eq!(count(&reserved[0]), 2);
    test.release(reserved);
    test.end();
}

#[test]
fn neighbours_follow_each_other_and_a_tail_that_is_too_short_is_left() {
    let test = TestLoop::new(4096);
    let (a, b, c) = (test.one(100), test.one(3000), test.one(2000));
    assert_eq!(b.data(), a.data().wrapping_add(100));
    assert_ne!(c.ref_ptr(), a.ref_ptr());
    assert_eq!((count(&a), count(&c)), (2, 2));
    test.release([a, b, c]);
    test.end();
}

#[test]
fn large_lengths_take_whole_buffers_from_a_fresh_one_on() {
    let test = TestLoop::new(65536);
    let all = test.alloc(65536, 0, 1, 0).unwrap();
    assert_eq!(lengths(&all), [65536]);
    let small = test.one(10);
    let large = test.alloc(200_000, 0, 4, 0).unwrap();
    assert_eq!(lengths(&large), [65536, 65536, 65536, 3392]);
    assert_eq!(large.iter().map(count).collect::<Vec<_>>(), [1, 1, 1, 2]);
    assert!(large.iter().all(|iovec| iovec.ref_ptr() != small.ref_ptr()));
    test.release(all.into_iter().chain([small]).chain(large));
    test.end();
}

#[test]
fn too_few_iovecs_change_nothing() {
    let test = TestLoop::new(4096);
    let a = test.one(100);
    assert!(test.alloc(4096 * 3, 0, 2, 0).is_none());
    assert!(test.alloc(10, 0, 0, 0).is_none());
    assert!(test.reserve(0, 0).is_none());
    let b = test.one(1);
    assert_eq!(b.data(), a.data().wrapping_add(100));
    assert_eq!(count(&a), 3);
    test.release([a, b]);
    test.end();
}

#[test]
fn alignment_counts_from_the_buffer_and_rounds_the_end_up() {
    let test = TestLoop::new(8192);
    let a = test.one(3);
    let b = test.alloc(10, 512, 1, 0).unwrap().pop().unwrap();
    assert_eq!(b.data().addr() - a.data().addr(), 512);
    let c = test.one(1);
    assert_eq!(c.data().addr() - a.data().addr(), 1024);
    let d = test.alloc(10, 4096, 1, 0).unwrap().pop().unwrap();
    assert_eq!(d.data().addr() % 4096, 0);
    assert_eq!(d.ref_ptr(), a.ref_ptr());
    // The rounded end is the buffer's end, so the next one starts another buffer.
    let e = test.one(1);
    assert_ne!(e.ref_ptr(), a.ref_ptr());
    test.release([a, b, c, d, e]);
    test.end();
}

#[test]
fn reserving_twice_gives_the_same_memory_until_commit() {
    let test = TestLoop::new(4096);
    let first = test.reserve(100, 1).unwrap();
    let mut second = test.reserve(100, 1).unwrap();
    assert_eq!(first[0].data(), second[0].data());
    assert_eq!(count(&first[0]), 3);
    second[0].truncate(40);
    test.memory.commit(0, &raws(&second));
    let next = test.one(1);
    assert_eq!(next.data(), first[0].data().wrapping_add(40));
    test.memory.commit(64, &raws(&second));
    let aligned = test.one(1);
    assert_eq!(aligned.data(), first[0].data().wrapping_add(64));
    test.release(first.into_iter().chain(second).chain([next, aligned]));
    test.end();
}

#[test]
fn a_large_reservation_is_committed_in_its_last_buffer() {
    let test = TestLoop::new(4096);
    let reserved = test.reserve(10_000, 3).unwrap();
    assert_eq!(lengths(&reserved), [4096, 4096, 1808]);
    test.memory.commit(0, &raws(&reserved));
    let next = test.one(1);
    assert_eq!(next.data(), reserved[2].data().wrapping_add(1808));
    test.release(reserved.into_iter().chain([next]));
    test.end();
}

#[test]
fn global_buffers_ignore_counting_until_the_owner_releases() {
    let test = TestLoop::new(4096);
    let mut raw = Iovec::EMPTY.into_raw();
    // SAFETY: `raw` is writable.
    unsafe { alloc_global(test.memory.pool(), &mut raw) };
    let global = Iovec::from_raw(raw);
    assert!(global.is_global() && global.is_shared());
    assert_eq!((global.len(), count(&global)), (4096, 1));
    global.clone_ref().release(ptr::null_mut());
    assert_eq!(count(&global), 1);
    // What the header's public release does.
    // SAFETY: this is the owner's one release.
    unsafe {
        (*raw.ref_).refcnt.store(0, Ordering::Relaxed);
        (*raw.ref_).release.unwrap()(test.evpl(), raw.ref_);
    }
    test.end();
}

#[test]
fn a_late_release_goes_to_the_pool() {
    let pool = pool(4096);
    let test = TestLoop::on(pool);
    let (a, b) = (test.one(10), test.memory.alloc_whole(true));
    test.memory.destroy();
    let other = TestLoop::on(pool);
    assert_eq!(pool.counters().free_buffers, 14);
    a.release(ptr::null_mut());
    assert_eq!(pool.counters().free_buffers, 15);
    b.release(test.evpl());
    assert_eq!(pool.counters().free_buffers, 16);
    drop(test);
    other.end();
}

#[test]
fn shared_cache_is_first_in_first_out_and_spills_down_to_low() {
    let test = TestLoop::new(64);
    let held: Vec<_> = (0..=SHARED_CACHE_HIGH)
        .map(|_| test.memory.alloc_whole(true))
        .collect();
    let order: Vec<_> = held.iter().map(Iovec::data).collect();
    let free = test.memory.pool().counters().free_buffers;
    test.release(held);
    let spilled = test.memory.pool().counters().free_buffers - free;
    assert_eq!(spilled, u64::from(SHARED_CACHE_HIGH + 1 - SHARED_CACHE_LOW));
    let oldest = test.memory.alloc_whole(true);
    assert_eq!(oldest.data(), order[spilled as usize]);
    test.release([oldest]);
    test.end();
}

#[test]
fn local_cache_is_last_in_first_out_and_marks_the_new_use() {
    let test = TestLoop::new(4096);
    let (a, b) = (
        test.memory.alloc_whole(false),
        test.memory.alloc_whole(false),
    );
    let (data, record) = (b.data(), b.ref_ptr());
    // SAFETY: the record is a pool buffer's.
    let generation = unsafe { buffer_generation(record) };
    test.release([a, b]);
    // SAFETY: as above.
    assert_ne!(unsafe { buffer_generation(record) }, generation);
    let again = test.memory.alloc_whole(false);
    assert_eq!(again.data(), data);
    test.release([again]);
    test.end();
}

#[test]
fn receiving_fills_the_rest_then_the_spare_and_rewinds_when_alone() {
    let test = TestLoop::new(4096);
    let memory = &test.memory;
    let mut iov = [libc::iovec {
        iov_base: ptr::null_mut(),
        iov_len: 0,
    }; 2];
    let commit = |n, room| {
        let mut got = Vec::new();
        let room = memory.recv_commit(n, room, &mut |iovec| got.push(iovec));
        (got, room)
    };
    assert_eq!(memory.recv_prepare(&mut iov, 1000), 1);
    assert_eq!(iov[0].iov_len, 4096);
    let start = iov[0].iov_base;
    let (a, room) = commit(100, 50);
    assert_eq!((lengths(&a), room), (vec![100], 50));

    // The room belongs to the taker of `a`.
    assert_eq!(memory.recv_prepare(&mut iov, 3946), 1);
    assert_eq!(iov[0].iov_base, start.wrapping_byte_add(150));
    assert_eq!(memory.recv_prepare(&mut iov, 3947), 2);
    assert_eq!((iov[0].iov_len, iov[1].iov_len), (3946, 4096));
    let (b, room) = commit(4000, 1 << 20);
    assert_eq!((lengths(&b), room), (vec![3946, 54], 4096 - 54));
    assert_eq!((count(&b[0]), count(&b[1])), (2, 2));

    // The buffer is full; with its only iovec gone it starts over.
    test.release(b);
    let (none, room) = commit(0, 10);
    assert_eq!((none.len(), room), (0, 0));
    assert_eq!(memory.recv_prepare(&mut iov, 4096), 1);
    assert_eq!(iov[0].iov_len, 4096);
    test.release(a);
    test.end();
}

#[test]
fn copies_of_any_size_come_in_as_few_pieces_as_possible() {
    let test = TestLoop::new(4096);
    let mut out = Vec::new();
    test.memory.alloc_vec(0, false, &mut out);
    assert!(out.is_empty());
    test.memory.alloc_vec(4096 * 40 + 1, true, &mut out);
    assert_eq!(out.len(), 41);
    assert!(out.iter().all(Iovec::is_shared));
    test.release(out);
    test.end();
}

#[test]
fn copies_reuse_the_same_bytes_once_released() {
    let test = TestLoop::new(4096);
    let first = test.memory.alloc_one(100, false);
    let data = first.data();
    test.release([first]);
    let second = test.memory.alloc_one(100, false);
    let third = test.memory.alloc_one(100, false);
    assert_eq!(
        (second.data(), third.data()),
        (data, data.wrapping_add(100))
    );
    test.release([second, third]);
    // What the user allocates moves on regardless.
    let (fourth, fifth) = (test.one(10), test.one(10));
    test.release([fourth]);
    let sixth = test.one(10);
    assert_eq!(sixth.data(), fifth.data().wrapping_add(10));
    test.release([fifth, sixth]);
    test.end();
}

#[test]
fn shared_references_released_by_many_threads_come_home_once() {
    let pool = pool(4096);
    let (threads, rounds) = (4, 2000);
    std::thread::scope(|scope| {
        let mut senders = Vec::new();
        for _ in 0..threads {
            let (sender, receiver) = mpsc::channel::<Vec<usize>>();
            senders.push(sender);
            scope.spawn(move || {
                let test = TestLoop::on(pool);
                for (round, raw) in receiver.into_iter().flatten().enumerate() {
                    // SAFETY: the address was made from a box below, for this thread alone.
                    let raw = unsafe { Box::from_raw(raw as *mut evpl_iovec) };
                    // SAFETY: the reference keeps the byte, which is written before it is sent.
                    assert_eq!(unsafe { raw.data.cast::<u8>().read() }, 0x5a);
                    let evpl = if round % 3 == 0 {
                        ptr::null_mut()
                    } else {
                        test.evpl()
                    };
                    // SAFETY: one reference was counted for this thread.
                    unsafe { ref_release(evpl, raw.ref_) };
                }
                test.memory.destroy();
            });
        }
        let test = TestLoop::on(pool);
        for round in 0..rounds {
            let iovecs = test
                .alloc(1 + round % 5000, 0, 2, EVPL_IOVEC_FLAG_SHARED)
                .unwrap();
            for iovec in iovecs {
                // SAFETY: the piece was just allocated and has at least one byte.
                unsafe { iovec.data().write(0x5a) };
                for sender in &senders {
                    let copy = Box::new(iovec.clone_ref().into_raw());
                    sender.send(vec![Box::into_raw(copy) as usize]).unwrap();
                }
                iovec.release(test.evpl());
            }
        }
        drop(senders);
        test.memory.destroy();
    });
    assert_eq!(
        pool.counters().free_buffers,
        pool.counters().total_slabs * 16
    );
    pool.shutdown();
}

#[derive(Clone, Debug)]
enum Step {
    Alloc {
        length: u32,
        alignment: u32,
        max: u32,
        shared: bool,
    },
    Reserve {
        length: u32,
        committed: u32,
    },
    Whole(bool),
    Clone(usize),
    Split(usize, u32),
    Release(usize, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let alignment = prop_oneof![Just(0u32), (0u32..9).prop_map(|shift| 1 << shift)];
    let step = prop_oneof![
        4 => (0u32..2500, alignment, 0u32..4, any::<bool>()).prop_map(
            |(length, alignment, max, shared)| Step::Alloc { length, alignment, max, shared }
        ),
        2 => (0u32..1000, 0u32..1000)
            .prop_map(|(length, committed)| Step::Reserve { length, committed }),
        1 => any::<bool>().prop_map(Step::Whole),
        2 => any::<usize>().prop_map(Step::Clone),
        2 => (any::<usize>(), any::<u32>()).prop_map(|(at, n)| Step::Split(at, n)),
        6 => (any::<usize>(), any::<bool>()).prop_map(|(at, null)| Step::Release(at, null)),
    ];
    prop::collection::vec(step, 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Live iovecs never overlap unless cloned, counts are those of a plain tally plus at most the
    /// loop's own reference, and everything comes home.
    #[test]
    fn random_histories_keep_counts_and_bytes_apart(steps in steps()) {
        const SIZE: u32 = 1024;
        let test = TestLoop::new(SIZE.into());
        // Each live iovec with the stamp that all its bytes carry.
        let mut live: Vec<(Iovec, u8)> = Vec::new();
        let mut stamp = 0u8;
        let mut add = |live: &mut Vec<(Iovec, u8)>, iovecs: Vec<Iovec>| {
            for iovec in iovecs {
                stamp = stamp.wrapping_add(1);
                // SAFETY: the bytes were just allocated.
                unsafe { iovec.data().write_bytes(stamp, iovec.len() as usize) };
                live.push((iovec, stamp));
            }
        };
        for step in steps {
            match step {
                Step::Alloc { length, alignment, max, shared } => {
                    let placed = test.alloc(length, alignment, max, u32::from(shared));
                    let needed = length.div_ceil(SIZE);
                    prop_assert_eq!(placed.is_none(), needed > max);
                    if let Some(iovecs) = placed {
                        prop_assert_eq!(iovecs.len(), needed as usize);
                        prop_assert_eq!(lengths(&iovecs).iter().sum::<u32>(), length);
                        for iovec in &iovecs {
                            let mask = alignment.max(1) as usize - 1;
                            prop_assert_eq!(iovec.data().addr() & mask, 0);
                        }
                        add(&mut live, iovecs);
                    }
                }
                Step::Reserve { length, committed } => {
                    let mut reserved = test.reserve(length, 1).unwrap();
                    reserved[0].truncate(committed.min(length));
                    test.memory.commit(0, &raws(&reserved));
                    add(&mut live, reserved);
                }
                Step::Whole(shared) => add(&mut live, vec![test.memory.alloc_whole(shared)]),
                Step::Clone(at) if !live.is_empty() => {
                    let (iovec, stamp) = &live[at % live.len()];
                    let copy = (iovec.clone_ref(), *stamp);
                    live.push(copy);
                }
                Step::Split(at, n) if !live.is_empty() => {
                    let at = at % live.len();
                    let (iovec, stamp) = &mut live[at];
                    let front = (iovec.split_front(n % (iovec.len() + 1)), *stamp);
                    live.push(front);
                }
                Step::Release(at, null) if !live.is_empty() => {
                    let (iovec, _) = live.swap_remove(at % live.len());
                    iovec.release(if null { ptr::null_mut() } else { test.evpl() });
                }
                _ => {}
            }
            let mut tally = HashMap::new();
            for (iovec, _) in &live {
                *tally.entry(iovec.ref_ptr()).or_insert(0) += 1;
            }
            for (iovec, stamp) in &live {
                let own = count(iovec) - tally[&iovec.ref_ptr()];
                prop_assert!(own <= 1);
                // SAFETY: the reference keeps the bytes.
                let bytes = unsafe {
                    core::slice::from_raw_parts(iovec.data(), iovec.len() as usize)
                };
                prop_assert!(bytes.iter().all(|byte| byte == stamp));
            }
        }
        test.release(live.into_iter().map(|(iovec, _)| iovec));
        test.end();
    }
}
