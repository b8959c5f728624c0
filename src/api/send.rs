//! Sending: bytes are queued on the bind and handed over together at the end of the pass.
//!
//! There is no error return. What is sent on a bind that is closing is dropped, its references
//! released. The queue takes its own reference on the address of every datagram.

use core::ffi::{c_int, c_uint};
use std::sync::Arc;

use super::{Endpoint, Evpl};
use crate::abi::{EVPL_SEND_FLAG_TAKE_REF, evpl_address, evpl_iovec};
use crate::memory::iovec::Iovec;
use crate::transport::address::Address;
use crate::transport::bind::{Bind, CLOSED, FINALISING, Message, MessageKind, PENDING_CLOSED};

impl Evpl {
    pub fn send(&self, bind: &Bind, bytes: &[u8]) {
        self.send_copy(bind, bind.remote(), bytes);
    }

    pub fn sendto(&self, bind: &Bind, address: *mut evpl_address, bytes: &[u8]) {
        self.send_copy(bind, borrow_address(bind, address), bytes);
    }

    pub fn sendtoep(&self, bind: &Bind, endpoint: &Endpoint, bytes: &[u8]) {
        if let Some(address) = self.resolve_destination("evpl_sendtoep", bind, endpoint) {
            self.send_copy(bind, address, bytes);
        }
    }

    pub fn sendv(
        &self,
        bind: &Bind,
        iovecs: *mut evpl_iovec,
        niov: c_int,
        length: c_int,
        flags: c_uint,
    ) {
        self.send_iovecs(bind, bind.remote(), iovecs, niov, length, flags);
    }

    pub fn sendtov(
        &self,
        bind: &Bind,
        address: *mut evpl_address,
        iovecs: *mut evpl_iovec,
        niov: c_int,
        length: c_int,
        flags: c_uint,
    ) {
        self.send_iovecs(
            bind,
            borrow_address(bind, address),
            iovecs,
            niov,
            length,
            flags,
        );
    }

    pub fn sendtoepv(
        &self,
        bind: &Bind,
        endpoint: &Endpoint,
        iovecs: *mut evpl_iovec,
        niov: c_int,
        length: c_int,
        flags: c_uint,
    ) {
        match self.resolve_destination("evpl_sendtoepv", bind, endpoint) {
            Some(address) => self.send_iovecs(bind, address, iovecs, niov, length, flags),
            None => self.give_up(iovecs, niov, flags),
        }
    }

    /// The outer `None`: the name does not resolve, which was logged.
    fn resolve_destination(
        &self,
        function: &str,
        bind: &Bind,
        endpoint: &Endpoint,
    ) -> Option<Option<Arc<Address>>> {
        if bind.row().caps.connected {
            return Some(None);
        }
        let address = super::connect::resolve(function, bind.row(), endpoint)?;
        Some(Some(address))
    }

    fn send_copy(&self, bind: &Bind, address: Option<Arc<Address>>, bytes: &[u8]) {
        if !takes_sends(bind) || (bytes.is_empty() && bind.is_stream()) {
            return;
        }
        let mut pieces = self.cx.message_array();
        self.copy_into(bytes, &mut pieces);
        self.queue(bind, address, pieces, bytes.len() as u64);
    }

    fn copy_into(&self, mut bytes: &[u8], pieces: &mut Vec<Iovec>) {
        self.cx.memory.alloc_vec(bytes.len() as u64, false, pieces);
        for piece in pieces.iter() {
            let (now, later) = bytes.split_at(piece.len() as usize);
            // SAFETY: the piece is new, as long as `now`, and nobody else's.
            unsafe { core::ptr::copy_nonoverlapping(now.as_ptr(), piece.data(), now.len()) };
            bytes = later;
        }
    }

    fn send_iovecs(
        &self,
        bind: &Bind,
        address: Option<Arc<Address>>,
        iovecs: *mut evpl_iovec,
        niov: c_int,
        length: c_int,
        flags: c_uint,
    ) {
        if niov <= 0 {
            return;
        }
        let entries = entries(iovecs, niov);
        let available: u64 = (0..entries.len())
            .map(|index| u64::from(entries.get(index).length))
            .sum();
        let Ok(length) = u64::try_from(length) else {
            crate::log_error!("core", "evpl_sendv: length {} is negative", length);
            return self.give_up(iovecs, niov, flags);
        };
        if available < length {
            crate::abort!(
                "core",
                "evpl_sendv: the iovecs hold {} bytes of {}",
                available,
                length
            );
        }
        if !takes_sends(bind) {
            return self.give_up(iovecs, niov, flags);
        }
        let take = flags & EVPL_SEND_FLAG_TAKE_REF != 0;
        let mut pieces = self.cx.message_array();
        let mut left = length;
        for index in 0..entries.len() {
            let entry = entries.get(index);
            if left == 0 || entry.length == 0 {
                if take {
                    Iovec::from_raw(entry).release(self.cx.evpl());
                }
                continue;
            }
            let owned = Iovec::from_raw(entry);
            let mut piece = if take {
                entries.forget(index);
                owned
            } else {
                owned.clone_ref()
            };
            piece.truncate(u64::from(entry.length).min(left) as u32);
            left -= u64::from(piece.len());
            pieces.push(piece);
        }
        if length == 0 && bind.is_stream() {
            return self.cx.keep_message_array(pieces);
        }
        self.queue(bind, address, pieces, length);
    }

    /// Releases what a refused send was to take over.
    fn give_up(&self, iovecs: *mut evpl_iovec, niov: c_int, flags: c_uint) {
        if flags & EVPL_SEND_FLAG_TAKE_REF != 0 && niov > 0 {
            let entries = entries(iovecs, niov);
            for index in 0..entries.len() {
                let owned = Iovec::from_raw(entries.get(index));
                entries.forget(index);
                owned.release(self.cx.evpl());
            }
        }
    }

    /// Puts one send on the bind's queue and has it flushed.
    fn queue(
        &self,
        bind: &Bind,
        address: Option<Arc<Address>>,
        mut pieces: Vec<Iovec>,
        length: u64,
    ) {
        let protocol = bind.row().protocol();
        if pieces.len() > protocol.message_pieces_max() {
            pieces = self.join(pieces, length);
        }
        // Whether an accepted bind is segmented is known only once its attach callback has returned.
        let attaching = bind.notify_callback().0.is_none();
        if attaching || protocol.records_messages(bind) {
            bind.messages.with(|messages| {
                messages.push_back(Message {
                    niov: pieces.len() as u32,
                    length: length as u32,
                    kind: MessageKind::Send,
                    address: if bind.row().caps.connected {
                        None
                    } else {
                        address
                    },
                });
            });
        }
        let merges = protocol.merges_sends();
        bind.send.with(|ring| {
            for piece in pieces.drain(..) {
                if merges {
                    ring.push_merged(piece, self.cx.evpl());
                } else {
                    ring.push(piece);
                }
            }
        });
        self.cx.keep_message_array(pieces);
        self.cx.arm_flush(bind);
    }

    /// The same bytes in as few pieces as buffers allow.
    fn join(&self, mut pieces: Vec<Iovec>, length: u64) -> Vec<Iovec> {
        let mut bytes = Vec::with_capacity(length as usize);
        for piece in pieces.drain(..) {
            // SAFETY: a piece's bytes are readable while its reference is held.
            bytes.extend_from_slice(unsafe {
                core::slice::from_raw_parts(piece.data(), piece.len() as usize)
            });
            piece.release(self.cx.evpl());
        }
        self.copy_into(&bytes, &mut pieces);
        pieces
    }
}

fn takes_sends(bind: &Bind) -> bool {
    !bind.has(PENDING_CLOSED | FINALISING | CLOSED)
}

/// The caller's address, with a reference of our own; NULL stands for the bind's remote address. A
/// connected bind ignores the address: it may have been freed long ago.
fn borrow_address(bind: &Bind, address: *mut evpl_address) -> Option<Arc<Address>> {
    if address.is_null() || bind.row().caps.connected {
        return bind.remote();
    }
    // SAFETY: an address received in RECV_MSG is alive during that callback, as the header says.
    Some(unsafe { Address::clone_raw(address) })
}

/// The caller's array, touched entry by entry.
struct Entries {
    iovecs: *mut evpl_iovec,
    len: usize,
}

fn entries(iovecs: *mut evpl_iovec, niov: c_int) -> Entries {
    Entries {
        iovecs,
        len: niov as usize,
    }
}

impl Entries {
    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, index: usize) -> evpl_iovec {
        debug_assert!(index < self.len);
        // SAFETY: the caller passes `len` initialised entries.
        unsafe { *self.iovecs.add(index) }
    }

    /// Marks an entry whose reference was taken over.
    fn forget(&self, index: usize) {
        debug_assert!(index < self.len);
        // SAFETY: as for `get`, and the header says that taken entries are cleared.
        unsafe { (*self.iovecs.add(index)).data = core::ptr::null_mut() };
    }
}
