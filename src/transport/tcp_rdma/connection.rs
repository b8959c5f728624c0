//! What one connection holds besides its socket and the bind's own queues, and the copies it makes.
//!
//! Everything starts empty, and goes back to nearly nothing when the connection is idle.

use std::cell::Cell;
use std::collections::VecDeque;

use super::wire::{Frame, Ids, Place};
use crate::memory::cell::LoopCell;
use crate::memory::iovec::Iovec;
use crate::memory::iovec_ring::IovecRing;
use crate::transport::Cx;
use crate::transport::bind::Bind;
use crate::transport::publication::Grant;
use crate::transport::socket::stream::StreamIo;

/// Entries that the queues of an idle connection may keep.
const KEPT_MAX: usize = 4;

pub struct RdmaIo {
    pub stream: StreamIo,
    /// Frames on their way to the kernel.
    pub framed: LoopCell<IovecRing>,
    pub(super) answers: LoopCell<VecDeque<Answer>>,
    pub(super) marks: LoopCell<Marks>,
    pub(super) ids: LoopCell<Ids>,
    /// Messages that a flush has seen, and the reads among them.
    pub(super) older: Cell<usize>,
    pub(super) older_reads: Cell<usize>,
    /// Bytes of published memory that answers outside `framed` refer to.
    pub(super) referred: Cell<u64>,
    pub(super) payload: Cell<Payload>,
    /// Bytes of the payload that are still to come.
    pub(super) payload_left: Cell<u32>,
    /// Where in a read's destination the next bytes go: the iovec, and the place in it.
    pub(super) filling: Cell<(u32, u32)>,
    /// The last frame with data for a place outside the window was a long one.
    pub(super) expects_long: Cell<bool>,
    /// Input waits until output has drained.
    pub(super) paused: Cell<bool>,
    /// Nothing can be written any more.
    pub(super) failed: Cell<bool>,
}

/// What the peer is owed.
pub(super) enum Answer {
    /// A head alone.
    Bare(Frame),
    /// Head and bytes in one.
    Whole(Iovec),
    /// A reply whose bytes stay where they were published.
    Published { place: Place, grant: Grant },
    /// The same, with bytes that have been copied meanwhile.
    Copied { place: Place, pieces: Vec<Iovec> },
}

/// Places in the stream of bytes that goes to the kernel.
#[derive(Default)]
pub(super) struct Marks {
    pub framed: u64,
    pub written: u64,
    /// Where each framed message ends.
    pub sends: VecDeque<u64>,
    /// Where published bytes end that are written from their place.
    pub grants: VecDeque<(u64, Grant)>,
}

/// What the bytes behind the last head are for.
#[derive(Clone, Copy)]
pub(super) enum Payload {
    None,
    /// The destination of the first operation that waits.
    Read,
    Write {
        place: Place,
        grant: Grant,
    },
    /// Nothing: the operation was refused.
    Refused {
        place: Place,
    },
}

impl RdmaIo {
    pub fn new(stream: StreamIo) -> RdmaIo {
        RdmaIo {
            stream,
            framed: LoopCell::default(),
            answers: LoopCell::default(),
            marks: LoopCell::default(),
            ids: LoopCell::default(),
            older: Cell::new(0),
            older_reads: Cell::new(0),
            referred: Cell::new(0),
            payload: Cell::new(Payload::None),
            payload_left: Cell::new(0),
            filling: Cell::new((0, 0)),
            expects_long: Cell::new(false),
            paused: Cell::new(false),
            failed: Cell::new(false),
        }
    }

    pub fn has_output(&self) -> bool {
        self.framed.with(|framed| !framed.is_empty())
            || self.answers.with(|answers| !answers.is_empty())
    }

    /// Sinks with every write; zero when there is nothing left to write now.
    pub fn output_left(&self, bind: &Bind) -> u64 {
        let waiting = bind.messages.with(|messages| messages.len());
        let answers = self.answers.with(|answers| answers.len());
        self.framed.with(|framed| framed.bytes()) + (waiting + answers) as u64
    }

    /// Whether output refers to published memory, which therefore must not change.
    pub(super) fn refers(&self) -> bool {
        self.referred.get() > 0 || self.marks.with(|marks| !marks.grants.is_empty())
    }

    /// How many bytes those are, or a little more.
    pub(super) fn referred_len(&self) -> u64 {
        let framed = if self.marks.with(|marks| marks.grants.is_empty()) {
            0
        } else {
            self.framed.with(|framed| framed.bytes())
        };
        self.referred.get() + framed
    }

    /// Gives back what a burst needed.
    pub fn trim(&self) {
        self.framed.with(|framed| framed.trim_close());
        self.answers.with(trim);
        self.marks.with(|marks| {
            trim(&mut marks.sends);
            trim(&mut marks.grants);
        });
    }
}

fn trim<T>(queue: &mut VecDeque<T>) {
    if queue.is_empty() && queue.capacity() > KEPT_MAX {
        *queue = VecDeque::new();
    }
}

/// Fresh memory of one piece, filled from its beginning.
pub(super) struct Block {
    iovec: Iovec,
    used: u32,
}

impl Block {
    /// With room for `len` bytes, at most a buffer's.
    pub fn new(cx: &Cx, len: u32) -> Block {
        Block {
            iovec: cx.memory.alloc_one(len, false),
            used: 0,
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        let at = self.take(bytes.len() as u32);
        // SAFETY: `take` checked the room, and the memory is new.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), at, bytes.len()) };
    }

    pub fn push_iovec(&mut self, iovec: &Iovec) {
        let at = self.take(iovec.len());
        // SAFETY: the bytes are readable while the reference is held; otherwise as above.
        unsafe { core::ptr::copy_nonoverlapping(iovec.data(), at, iovec.len() as usize) };
    }

    pub fn push_granted(&mut self, grant: &Grant) {
        let at = self.take(grant.length());
        // SAFETY: published memory never goes away; otherwise as above.
        unsafe { core::ptr::copy_nonoverlapping(grant.data(), at, grant.length() as usize) };
    }

    pub fn filled(self) -> Iovec {
        assert_eq!(self.used, self.iovec.len());
        self.iovec
    }

    fn take(&mut self, len: u32) -> *mut u8 {
        let at = self.iovec.data().wrapping_add(self.used as usize);
        assert!(len <= self.iovec.len() - self.used);
        self.used += len;
        at
    }
}

/// A copy of bytes in as few pieces as buffers allow.
pub(super) fn copied(cx: &Cx, mut data: *const u8, len: u32) -> Vec<Iovec> {
    let mut pieces = Vec::new();
    cx.memory.alloc_vec(u64::from(len), false, &mut pieces);
    for piece in &pieces {
        // SAFETY: the pieces are new and together as long as the source, which is published memory.
        unsafe { core::ptr::copy(data, piece.data(), piece.len() as usize) };
        data = data.wrapping_add(piece.len() as usize);
    }
    pieces
}

/// Moves up to `len` bytes from the beginning of the received ones to `to`; how many there were.
pub(super) fn place(cx: &Cx, bind: &Bind, to: *mut u8, len: u32) -> u32 {
    let mut left = len;
    bind.recv.with(|ring| {
        let mut to = to;
        for iovec in ring.iter() {
            let n = iovec.len().min(left);
            // SAFETY: received bytes are readable while they are queued. `to` is the destination of an
            // operation that holds it, or published memory that was found current, with room for `len`.
            unsafe { core::ptr::copy(iovec.data(), to, n as usize) };
            to = to.wrapping_add(n as usize);
            left -= n;
            if left == 0 {
                break;
            }
        }
    });
    bind.recv.consume(u64::from(len - left), cx.evpl());
    len - left
}
