//! One-sided reads and writes: every accepted operation gets exactly one callback, from the loop.

use core::ffi::{c_int, c_uint, c_void};

use super::Evpl;
use crate::abi::{EVPL_RDMA_FLAG_TAKE_REF, evpl_iovec, evpl_rdma_callback_t};
use crate::memory::iovec::Iovec;
use crate::transport::bind::{Bind, Message, PENDING_CLOSED, RdmaOperation};

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
            callback,
            private_data,
            iovecs: Vec::new(),
        };
        if !bind.is_rdma() {
            return operation.complete(libc::ENOTSUP);
        }
        operation.iovecs = references(iovecs, niov, false);
        bind.reads
            .with(|reads| reads.get_or_insert_default().push_back(operation));
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
        let operation = RdmaOperation {
            key,
            address,
            callback,
            private_data,
            iovecs: Vec::new(),
        };
        if !bind.is_rdma() {
            return operation.complete(libc::ENOTSUP);
        }
        let pieces = references(iovecs, niov, flags & EVPL_RDMA_FLAG_TAKE_REF != 0);
        let length: u64 = pieces.iter().map(|piece| u64::from(piece.len())).sum();
        bind.messages.with(|messages| {
            messages.push_back(Message {
                niov: pieces.len() as u32,
                length: length as u32,
                address: None,
                write: Some(Box::new(operation)),
            });
        });
        bind.send
            .with(|ring| pieces.into_iter().for_each(|piece| ring.push(piece)));
        self.start(bind);
    }

    /// On a closing bind nothing starts; the finalisation answers.
    fn start(&self, bind: &Bind) {
        if !bind.has(PENDING_CLOSED) {
            self.cx.arm_flush(bind);
        }
    }
}

/// The caller's references taken over, or new ones.
fn references(iovecs: *mut evpl_iovec, niov: c_int, take: bool) -> Vec<Iovec> {
    let count = usize::try_from(niov).unwrap_or(0);
    (0..count)
        .map(|index| {
            // SAFETY: the caller passes `niov` initialised entries.
            let entry = unsafe { &mut *iovecs.add(index) };
            let owned = Iovec::from_raw(*entry);
            if take {
                entry.data = core::ptr::null_mut();
                owned
            } else {
                owned.clone_ref()
            }
        })
        .collect()
}
