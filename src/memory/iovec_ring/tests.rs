//! The ring against a plain queue of bytes, over one loop's real buffers.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::memory::allocator::tests::TestLoop;

#[derive(Clone, Debug)]
enum Step {
    Push(u32),
    Extend(u32),
    Pop,
    Consume(u16),
    Take(u16),
    Gather(usize),
    CopyOut(u16, usize),
    Clear,
    Shrink,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0u32..200).prop_map(Step::Push),
        2 => (1u32..50).prop_map(Step::Extend),
        1 => Just(Step::Pop),
        3 => any::<u16>().prop_map(Step::Consume),
        2 => any::<u16>().prop_map(Step::Take),
        2 => (0usize..6).prop_map(Step::Gather),
        2 => (any::<u16>(), 0usize..300).prop_map(|(at, n)| Step::CopyOut(at, n)),
        1 => Just(Step::Clear),
        1 => Just(Step::Shrink),
    ];
    prop::collection::vec(step, 1..80)
}

fn bytes_of(iovec: &Iovec) -> &[u8] {
    // SAFETY: the reference keeps the bytes, and the tests write them only before queueing.
    unsafe { core::slice::from_raw_parts(iovec.data(), iovec.len() as usize) }
}

fn fill(data: *mut u8, n: u32, next: &mut u8, model: &mut VecDeque<u8>) {
    for index in 0..n {
        *next = next.wrapping_add(1);
        // SAFETY: the caller passes `n` writable bytes.
        unsafe { data.add(index as usize).write(*next) };
        model.push_back(*next);
    }
}

fn consume(ring: &mut IovecRing, n: u64, evpl: *mut evpl) {
    let cell = LoopCell::new(core::mem::take(ring));
    cell.consume(n, evpl);
    *ring = cell.take();
}

fn clear(ring: &mut IovecRing, evpl: *mut evpl) {
    let cell = LoopCell::new(core::mem::take(ring));
    cell.clear(evpl);
    *ring = cell.take();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn behaves_like_a_queue_of_bytes(steps in steps()) {
        let test = TestLoop::new(1024);
        let evpl = test.evpl();
        let (mut ring, mut model, mut next) = (IovecRing::new(), VecDeque::new(), 0u8);
        for step in steps {
            let bytes = model.len();
            match step {
                Step::Push(n) => {
                    // Room behind the pushed part is what `Extend` grows into.
                    let mut iovec = test.memory.alloc_one(n + 50, false);
                    iovec.truncate(n);
                    fill(iovec.data(), n, &mut next, &mut model);
                    ring.push(iovec);
                    let room = ring.back().unwrap().data().wrapping_add(n as usize);
                    // SAFETY: the 50 bytes behind belong to the same allocation.
                    unsafe { room.write_bytes(0, 50) };
                }
                Step::Extend(n) => {
                    // Only a ring whose tail was just pushed has that room.
                    let mut iovec = test.memory.alloc_one(60, false);
                    iovec.truncate(10);
                    fill(iovec.data(), 10, &mut next, &mut model);
                    ring.push(iovec);
                    let tail = ring.back().unwrap();
                    fill(tail.data().wrapping_add(10), n, &mut next, &mut model);
                    ring.extend_back(n);
                }
                Step::Pop => {
                    if let Some(iovec) = ring.pop() {
                        let front: Vec<u8> = model.drain(..iovec.len() as usize).collect();
                        prop_assert_eq!(bytes_of(&iovec), front);
                        iovec.release(evpl);
                    }
                }
                Step::Consume(n) => {
                    let n = usize::from(n) % (bytes + 1);
                    consume(&mut ring, n as u64, evpl);
                    model.drain(..n);
                    prop_assert!(ring.front().is_none_or(|front| !front.is_empty()));
                }
                Step::Take(n) => {
                    let n = usize::from(n) % (bytes + 1);
                    let mut out = Vec::new();
                    ring.take(n as u64, &mut out);
                    let taken: Vec<u8> = out.iter().flat_map(|i| bytes_of(i).to_vec()).collect();
                    prop_assert_eq!(taken, model.drain(..n).collect::<Vec<u8>>());
                    out.into_iter().for_each(|iovec| iovec.release(evpl));
                }
                Step::Gather(entries) => {
                    let mut out = vec![MaybeUninit::uninit(); entries];
                    let (count, total) = ring.gather(&mut out);
                    let mut seen = Vec::new();
                    for entry in &out[..count] {
                        // SAFETY: the first `count` entries were filled.
                        let entry = unsafe { entry.assume_init_ref() };
                        prop_assert!(entry.iov_len > 0);
                        // SAFETY: the entry describes bytes of a queued iovec.
                        seen.extend_from_slice(unsafe {
                            core::slice::from_raw_parts(entry.iov_base.cast(), entry.iov_len)
                        });
                    }
                    prop_assert_eq!(seen.len() as u64, total);
                    prop_assert!(count == entries || total == bytes as u64);
                    prop_assert!(model.iter().take(seen.len()).eq(seen.iter()));
                }
                Step::CopyOut(at, n) => {
                    let at = usize::from(at) % (bytes + 10);
                    let mut dst = vec![0; n];
                    let copied = ring.copy_out(at as u64, &mut dst);
                    prop_assert_eq!(copied, n.min(bytes.saturating_sub(at)));
                    prop_assert!(model.iter().skip(at).take(copied).eq(&dst[..copied]));
                }
                Step::Clear => {
                    clear(&mut ring, evpl);
                    model.clear();
                }
                Step::Shrink => {
                    ring.shrink();
                    prop_assert!(!ring.is_empty() || ring.capacity() == 0);
                }
            }
            prop_assert_eq!(ring.bytes(), model.len() as u64);
            let queued = ring.iter().flat_map(|iovec| bytes_of(iovec).to_vec());
            prop_assert!(queued.eq(model.iter().copied()));
        }
        clear(&mut ring, evpl);
        test.end();
    }
}

#[test]
fn an_empty_ring_owns_no_memory() {
    let mut ring = IovecRing::new();
    assert_eq!(ring.capacity(), 0);
    assert!(ring.pop().is_none() && ring.front().is_none() && ring.back_mut().is_none());
    consume(&mut ring, 0, core::ptr::null_mut());
    assert_eq!(ring.copy_out(0, &mut [0; 8]), 0);
}

#[test]
fn a_ring_of_empty_iovecs_gathers_nothing_and_consumes_them() {
    let test = TestLoop::new(1024);
    let mut ring = IovecRing::new();
    for _ in 0..5 {
        let mut iovec = test.memory.alloc_one(1, false);
        iovec.truncate(0);
        ring.push(iovec);
    }
    let mut out = [MaybeUninit::uninit(); 8];
    assert_eq!(ring.gather(&mut out), (0, 0));
    consume(&mut ring, 0, test.evpl());
    assert!(ring.is_empty());
    test.end();
}

#[test]
fn neighbours_merge_into_one_iovec_and_one_reference() {
    let test = TestLoop::new(1024);
    let evpl = test.evpl();
    let mut ring = IovecRing::new();
    let mut whole = test.memory.alloc_one(100, false);
    let apart = test.memory.alloc_whole(false);
    let (a, b) = (whole.split_front(30), whole.split_front(30));
    ring.push_merged(a, evpl);
    ring.push_merged(b, evpl);
    assert_eq!((ring.len(), ring.bytes()), (1, 60));
    ring.push_merged(apart, evpl);
    ring.push_merged(whole, evpl);
    assert_eq!((ring.len(), ring.bytes()), (3, 60 + 1024 + 40));
    clear(&mut ring, evpl);
    test.end();
}
