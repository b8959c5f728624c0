//! One-sided operations of a bind: queued, on their way, and answered exactly once.
//!
//! A bind that never has any holds none of this. The iovecs of reads lie in rings beside the operations,
//! in the same order; those of writes are in the bind's send ring with everything else that is sent.

use std::collections::VecDeque;

use super::Cx;
use super::bind::{Bind, MessageKind};
use crate::abi::evpl_rdma_callback_t;
use crate::memory::iovec_ring::IovecRing;
use core::ffi::c_void;

/// Room for operations that an idle bind may keep.
const KEPT_MAX: usize = 16;

/// An operation that owes its callback.
pub struct RdmaOperation {
    pub key: u32,
    pub address: u64,
    /// Bytes in all its iovecs, or `u32::MAX` if there are more.
    pub length: u32,
    pub niov: u32,
    pub callback: evpl_rdma_callback_t,
    pub private_data: *mut c_void,
}

impl RdmaOperation {
    /// Runs the callback; the operation is over.
    pub fn complete(self, status: i32) {
        if let Some(callback) = self.callback {
            // SAFETY: what the program passed to evpl_rdma_read or evpl_rdma_write, called once.
            unsafe { callback(status, self.private_data) }
        }
    }
}

/// What an operation that has left the queue waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    Read,
    Write,
    /// Only for those before it.
    Over(i32),
}

pub struct Posted {
    pub operation: RdmaOperation,
    pub standing: Standing,
}

#[derive(Default)]
pub struct Operations {
    pub reads: VecDeque<RdmaOperation>,
    pub read_iovecs: IovecRing,
    /// Those that have a message in the send queue, in the same order.
    pub writes: VecDeque<RdmaOperation>,
    /// Those that wait for the peer, in the order of their answers.
    pub posted: VecDeque<Posted>,
    pub posted_iovecs: IovecRing,
}

impl Operations {
    pub fn is_empty(&self) -> bool {
        self.reads.is_empty() && self.writes.is_empty() && self.posted.is_empty()
    }

    fn capacity(&self) -> usize {
        self.reads.capacity()
            + self.read_iovecs.capacity()
            + self.writes.capacity()
            + self.posted.capacity()
            + self.posted_iovecs.capacity()
    }
}

/// Which ring an operation's destination is in.
#[derive(Clone, Copy)]
pub enum Destination {
    Queued,
    Posted,
}

impl Bind {
    /// Lends the operations, if there are any; `f` must not run user code.
    pub fn with_operations<R>(&self, f: impl FnOnce(&mut Operations) -> R) -> Option<R> {
        self.operations
            .with(|operations| operations.as_deref_mut().map(f))
    }

    /// The same, for those who add to them.
    pub fn add_operation(&self, f: impl FnOnce(&mut Operations)) {
        self.operations
            .with(|operations| f(operations.get_or_insert_default()));
    }

    pub fn has_operations(&self) -> bool {
        self.with_operations(|operations| !operations.is_empty())
            .unwrap_or(false)
    }

    /// Gives back what a burst of operations needed, once none is left.
    pub fn trim_operations(&self) {
        self.operations.with(|operations| {
            let burst = operations
                .as_deref()
                .is_some_and(|found| found.is_empty() && found.capacity() > KEPT_MAX);
            if burst {
                *operations = None;
            }
        });
    }
}

impl Cx {
    /// Releases a read's destination, which is at the front of its ring, then answers the read.
    pub fn complete_read(&self, bind: &Bind, from: Destination, read: RdmaOperation, status: i32) {
        for _ in 0..read.niov {
            let iovec = bind
                .with_operations(|operations| match from {
                    Destination::Queued => operations.read_iovecs.pop(),
                    Destination::Posted => operations.posted_iovecs.pop(),
                })
                .flatten();
            if let Some(iovec) = iovec {
                iovec.release(self.evpl());
            }
        }
        read.complete(status);
    }

    /// Answers the first of the operations that wait for the peer.
    pub fn complete_posted(&self, bind: &Bind, status: i32) {
        let first = bind.with_operations(|operations| operations.posted.pop_front());
        match first.flatten() {
            Some(Posted {
                operation,
                standing: Standing::Read,
            }) => self.complete_read(bind, Destination::Posted, operation, status),
            Some(Posted { operation, .. }) => operation.complete(status),
            None => {}
        }
    }

    /// Every operation that is there now is answered. What their callbacks queue is not: one that tries
    /// again after each failure would never end.
    pub(super) fn fail_operations(&self, bind: &Bind) {
        let posted = bind.with_operations(|operations| operations.posted.len());
        for _ in 0..posted.unwrap_or(0) {
            let over = bind.with_operations(|operations| {
                operations.posted.front().map(|first| first.standing)
            });
            let status = match over.flatten() {
                Some(Standing::Over(status)) => status,
                _ => libc::ECONNRESET,
            };
            self.complete_posted(bind, status);
        }
        // Reads that were queued behind messages, and those not yet among them.
        let fresh = bind.with_operations(|operations| operations.reads.len());
        let messages = bind.messages.with(|messages| messages.len());
        let mut fresh = fresh.unwrap_or(0);
        for _ in 0..messages {
            let kind = bind
                .messages
                .with(|messages| messages.pop_front().map(|message| message.kind));
            match kind {
                Some(MessageKind::Write) => self.fail_write(bind),
                Some(MessageKind::Read) => {
                    fresh -= 1;
                    self.fail_read(bind);
                }
                _ => {}
            }
        }
        for _ in 0..fresh {
            self.fail_read(bind);
        }
    }

    fn fail_read(&self, bind: &Bind) {
        let read = bind.with_operations(|operations| operations.reads.pop_front());
        if let Some(read) = read.flatten() {
            self.complete_read(bind, Destination::Queued, read, libc::ECONNRESET);
        }
    }

    fn fail_write(&self, bind: &Bind) {
        let write = bind.with_operations(|operations| operations.writes.pop_front());
        if let Some(write) = write.flatten() {
            write.complete(libc::ECONNRESET);
        }
    }

    /// Releases what is left of operations that nobody answers any more.
    pub(super) fn drop_operations(&self, bind: &Bind) {
        let Some(mut left) = bind.operations.take() else {
            return;
        };
        for ring in [&mut left.read_iovecs, &mut left.posted_iovecs] {
            while let Some(iovec) = ring.pop() {
                iovec.release(self.evpl());
            }
        }
    }
}
