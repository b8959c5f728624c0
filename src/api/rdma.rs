//! One-sided reads and writes: every accepted operation gets exactly one callback, from the loop.

use core::ffi::{c_int, c_uint, c_void};

use super::Evpl;
use crate::abi::{EVPL_RDMA_FLAG_TAKE_REF, evpl_iovec, evpl_rdma_callback_t};
use crate::memory::iovec::Iovec;
use crate::memory::iovec_ring::IovecRing;
use crate::transport::bind::{Bind, Message, MessageKind, PENDING_CLOSED};
use crate::transport::operation::RdmaOperation;

impl Evpl {
    /// Key and address for the peer; zeros where there is no such thing.
    pub fn rdma_get_address(&self, bind: &Bind, iovec: *mut evpl_iovec) -> (u32, u64) {
        // SAFETY: the caller passes an initialised iovec; the copy is only looked at.
        let iovec = Iovec::from_raw(unsafe { *iovec });
        bind.row().protocol().publish(&self.cx, bind, &iovec)
    }

    #[allow(clippy::too_many_arguments)]
    pub fn rdma_read(
        &self,
        bind: &Bind,
        key: u32,
        address: u64,
        iovecs: *mut evpl_iovec,
        niov: c_int,
        callback: evpl_rdma_callback_t,
        private_data: *mut c_void,
    ) {
        let mut operation = RdmaOperation {
            key,
            address,
            length: 0,
            niov: 0,
            callback,
            private_data,
        };
        if !bind.is_rdma() {
            return operation.complete(libc::ENOTSUP);
        }
        bind.add_operation(|operations| {
            queue(
                &mut operation,
                iovecs,
                niov,
                false,
                &mut operations.read_iovecs,
            );
            operations.reads.push_back(operation);
        });
        self.start(bind);
    }

    #[allow(clippy::too_many_arguments)]
    pub fn rdma_write(
        &self,
        bind: &Bind,
        key: u32,
        address: u64,
        iovecs: *mut evpl_iovec,
        niov: c_int,
        flags: c_uint,
        callback: evpl_rdma_callback_t,
        private_data: *mut c_void,
    ) {
        let mut operation = RdmaOperation {
            key,
            address,
            length: 0,
            niov: 0,
            callback,
            private_data,
        };
        if !bind.is_rdma() {
            return operation.complete(libc::ENOTSUP);
        }
        let take = flags & EVPL_RDMA_FLAG_TAKE_REF != 0;
        bind.send
            .with(|ring| queue(&mut operation, iovecs, niov, take, ring));
        bind.messages.with(|messages| {
            messages.push_back(Message {
                niov: operation.niov,
                length: operation.length,
                kind: MessageKind::Write,
                address: None,
            });
        });
        bind.add_operation(|operations| operations.writes.push_back(operation));
        self.start(bind);
    }

    /// On a closing bind nothing starts; the finalisation answers.
    fn start(&self, bind: &Bind) {
        if !bind.has(PENDING_CLOSED) {
            self.cx.arm_flush(bind);
        }
    }
}

/// Puts the caller's references, or new ones, at the end of `ring`.
fn queue(
    operation: &mut RdmaOperation,
    iovecs: *mut evpl_iovec,
    niov: c_int,
    take: bool,
    ring: &mut IovecRing,
) {
    for index in 0..usize::try_from(niov).unwrap_or(0) {
        // SAFETY: the caller passes `niov` initialised entries.
        let entry = unsafe { &mut *iovecs.add(index) };
        let owned = Iovec::from_raw(*entry);
        let owned = if take {
            entry.data = core::ptr::null_mut();
            owned
        } else {
            owned.clone_ref()
        };
        operation.niov += 1;
        operation.length = operation.length.saturating_add(owned.len());
        ring.push(owned);
    }
}
