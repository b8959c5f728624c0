//! STREAM_INPROC and DATAGRAM_INPROC: connections between loops of one process, without descriptors.
//!
//! A send that is not SHARED is copied once into a SHARED buffer; a SHARED one crosses by reference. One
//! wake-up per batch. One-sided operations of the datagram kind are memory copies by the initiator,
//! checked against what the process published.

pub mod channel;
pub mod names;

use std::io;
use std::sync::Arc;

use super::address::Address;
use super::bind::{Bind, CONNECTED, Io, MessageKind, PENDING_CLOSED};
use super::inbox::{AcceptSink, Accepted, BindKey, Mail};
use super::operation::{Destination, RdmaOperation};
use super::{Cx, Protocol};
use crate::memory::cell::LoopCell;
use crate::memory::iovec::Iovec;
use channel::{Announcement, Batch, ChannelEnd};

/// RDMA reads started in one flush before other binds get their turn.
const READS_PER_TURN_MAX: usize = 1024;
/// A batch with more room than this is given back to the heap.
const BATCH_KEPT_LEN_MAX: usize = 4096;

pub struct InprocStream;
pub struct InprocDatagram;

/// The in-process half of a bind: an end of a channel, or a published name.
#[derive(Default)]
pub struct InprocIo {
    end: LoopCell<Option<ChannelEnd>>,
    published: LoopCell<Option<Arc<[u8]>>>,
}

fn io(bind: &Bind) -> Option<&InprocIo> {
    match bind.io() {
        Io::Inproc(io) => Some(io),
        _ => None,
    }
}

macro_rules! protocol {
    ($name:ident, publish: $publish:expr) => {
        impl Protocol for $name {
            fn connect(
                &self,
                cx: &Cx,
                bind: &Bind,
                _local: Option<Arc<Address>>,
            ) -> io::Result<()> {
                connect(cx, bind)
            }

            fn listen(&self, cx: &Cx, bind: &Bind, sink: Arc<dyn AcceptSink>) -> io::Result<()> {
                listen(cx, bind, sink)
            }

            fn attach(&self, cx: &Cx, bind: &Bind, accepted: Accepted) -> io::Result<()> {
                attach(cx, bind, accepted)
            }

            fn flush(&self, cx: &Cx, bind: &Bind) {
                flush(cx, bind);
            }

            fn begin_close(&self, cx: &Cx, bind: &Bind) {
                begin_close(cx, bind);
            }

            fn records_messages(&self, _bind: &Bind) -> bool {
                true
            }

            fn publish(&self, cx: &Cx, _bind: &Bind, iovec: &Iovec) -> (u32, u64) {
                if $publish {
                    cx.process.publications.publish(iovec)
                } else {
                    (0, 0)
                }
            }
        }
    };
}

protocol!(InprocStream, publish: false);
protocol!(InprocDatagram, publish: true);

fn connect(cx: &Cx, bind: &Bind) -> io::Result<()> {
    let remote = bind.remote().expect("connect sets the remote address");
    let name = remote
        .inproc_name()
        .expect("the endpoint's kind was checked");
    let Some(sink) = cx.process.names.find(name, bind.row()) else {
        crate::log_debug!("inproc", "connect to {}: nobody listens", remote);
        return Err(io::Error::from_raw_os_error(libc::ECONNREFUSED));
    };
    let local = Arc::new(Address::inproc(
        name.clone(),
        cx.process.names.next_serial(),
    ));
    bind.set_local(Some(local.clone()));
    let (client, server) = channel::pair();
    adopt(cx, bind, client);
    // CONNECTED comes from the loop, whether or not anybody accepts.
    cx.wake_bind(bind);
    sink.accept(
        Some(cx),
        bind.row(),
        Accepted::Channel {
            end: server,
            local: remote,
        },
        local,
    );
    Ok(())
}

fn adopt(cx: &Cx, bind: &Bind, end: ChannelEnd) {
    end.attach(cx.inbox.clone(), key(bind));
    bind.set_io(Io::Inproc(InprocIo {
        end: LoopCell::new(Some(end)),
        published: LoopCell::new(None),
    }));
}

fn key(bind: &Bind) -> BindKey {
    BindKey {
        handle: bind.handle(),
        generation: bind.generation.get(),
    }
}

impl Cx {
    /// Has `drain` run for a bind of this loop in the next dispatch.
    fn wake_bind(&self, bind: &Bind) {
        // The loop's own inbox closes only when the loop is destroyed.
        let _ = self.post(&self.inbox, Mail::Channel(key(bind)));
    }

    fn announce(&self, announcement: Announcement) {
        if let Some((inbox, key)) = announcement {
            // A loop that is gone has closed its own end.
            let _ = self.post(&inbox, Mail::Channel(key));
        }
    }
}

fn listen(cx: &Cx, bind: &Bind, sink: Arc<dyn AcceptSink>) -> io::Result<()> {
    let local = bind.local().expect("listen sets the local address");
    let name = local
        .inproc_name()
        .expect("the endpoint's kind was checked")
        .clone();
    cx.process.names.publish(name.clone(), bind.row(), sink)?;
    bind.set_io(Io::Inproc(InprocIo {
        end: LoopCell::new(None),
        published: LoopCell::new(Some(name)),
    }));
    Ok(())
}

fn attach(cx: &Cx, bind: &Bind, accepted: Accepted) -> io::Result<()> {
    let Accepted::Channel { end, local } = accepted else {
        unreachable!("in-process listeners accept channels")
    };
    bind.set_local(Some(local));
    adopt(cx, bind, end);
    drain(cx, bind);
    Ok(())
}

/// The channel has something, or is new: CONNECTED, then everything that waits, then the end.
pub fn drain(cx: &Cx, bind: &Bind) {
    if !bind.has(CONNECTED) {
        cx.notify_connected(bind);
        if !bind.is_drained() {
            cx.arm_flush(bind);
        }
    }
    let Some(io) = io(bind) else { return };
    if bind.has(PENDING_CLOSED) {
        return;
    }
    let mut batch = cx.batches.take();
    let last = io
        .end
        .with(|end| end.as_ref().is_some_and(|end| end.receive(&mut batch)));
    if bind.is_stream() {
        drain_stream(cx, bind, &mut batch);
    } else {
        drain_messages(cx, bind, &mut batch);
    }
    keep_batch(cx, batch);
    if last {
        cx.request_close(bind);
    }
}

/// Keeps the arrays of a batch for the next, unless a burst made them large.
fn keep_batch(cx: &Cx, batch: Batch) {
    if batch.pieces.capacity() <= BATCH_KEPT_LEN_MAX && batch.sends.capacity() <= BATCH_KEPT_LEN_MAX
    {
        cx.batches.replace(batch);
    }
}

fn drain_stream(cx: &Cx, bind: &Bind, batch: &mut Batch) {
    let before = bind.recv.with(|ring| ring.bytes());
    bind.recv.with(|ring| ring.trim());
    for piece in batch.pieces.drain(..) {
        if piece.is_empty() {
            piece.release(cx.evpl());
        } else {
            bind.recv.with(|ring| ring.push(piece));
        }
    }
    batch.sends.clear();
    if bind.recv.with(|ring| ring.bytes()) > before {
        cx.received(bind);
    }
}

fn drain_messages(cx: &Cx, bind: &Bind, batch: &mut Batch) {
    let mut pieces = batch.pieces.drain(..);
    for niov in batch.sends.drain(..) {
        let mut message = cx.message_array();
        message.extend(pieces.by_ref().take(niov as usize));
        cx.deliver_message(bind, message, bind.remote());
    }
}

fn flush(cx: &Cx, bind: &Bind) {
    if !bind.has(CONNECTED) {
        return;
    }
    flush_reads(cx, bind);
    let mut batch = cx.batches.take();
    let (bytes, msgs) = gather(cx, bind, &mut batch);
    if msgs > 0 {
        let evpl = cx.evpl();
        let announcement = io(bind).and_then(|io| {
            io.end
                .with(|end| end.as_ref().and_then(|end| end.send(&mut batch, evpl)))
        });
        batch.release(evpl);
        cx.announce(announcement);
    }
    keep_batch(cx, batch);
    bind.trim_send();
    if msgs > 0 {
        cx.notify_sent(bind, bytes, msgs);
    }
    if bind.is_drained() {
        cx.close_if_finished(bind);
    } else if !bind.has(PENDING_CLOSED) {
        cx.arm_flush(bind);
    }
}

/// Moves what was queued when the flush began into `batch`; a write is carried out in its place.
fn gather(cx: &Cx, bind: &Bind, batch: &mut Batch) -> (u64, u64) {
    let queued = bind.messages.with(|messages| messages.len());
    let (mut bytes, mut msgs) = (0, 0);
    for _ in 0..queued {
        if bind.has(PENDING_CLOSED) {
            break;
        }
        let Some(message) = bind.messages.with(|messages| messages.pop_front()) else {
            break;
        };
        if message.kind == MessageKind::Write {
            carry_out_write(cx, bind);
            continue;
        }
        let before = batch.pieces.len();
        for _ in 0..message.niov {
            if let Some(iovec) = bind.send.with(|ring| ring.pop()) {
                share(cx, iovec, &mut batch.pieces);
            }
        }
        batch.sends.push((batch.pieces.len() - before) as u32);
        bytes += u64::from(message.length);
        msgs += 1;
    }
    (bytes, msgs)
}

/// A reference that another thread may hold: the same one if it is SHARED, else a copy.
fn share(cx: &Cx, iovec: Iovec, out: &mut Vec<Iovec>) {
    if iovec.is_shared() && !iovec.is_global() {
        out.push(iovec);
        return;
    }
    let first = out.len();
    cx.memory.alloc_vec(u64::from(iovec.len()), true, out);
    let mut offset = 0;
    for copy in &out[first..] {
        // SAFETY: the copies are new and together as long as the source, which we hold.
        unsafe {
            core::ptr::copy_nonoverlapping(
                iovec.data().add(offset),
                copy.data(),
                copy.len() as usize,
            )
        };
        offset += copy.len() as usize;
    }
    iovec.release(cx.evpl());
}

fn flush_reads(cx: &Cx, bind: &Bind) {
    for _ in 0..READS_PER_TURN_MAX {
        if bind.has(PENDING_CLOSED) {
            return;
        }
        let read = bind.with_operations(|operations| operations.reads.pop_front());
        let Some(read) = read.flatten() else {
            return bind.trim_operations();
        };
        let status = carry_out_read(cx, bind, &read);
        cx.complete_read(bind, Destination::Queued, read, status);
    }
}

/// The bytes that an operation is about, or what is wrong with it.
fn reach(cx: &Cx, operation: &RdmaOperation) -> Result<*mut u8, i32> {
    if operation.length == 0 {
        return Ok(core::ptr::null_mut());
    }
    let RdmaOperation {
        key,
        address,
        length,
        ..
    } = *operation;
    match cx.process.publications.find(key, address, length) {
        // More bytes than a length can say are nowhere published.
        Some(grant) if length < u32::MAX => Ok(grant.data()),
        _ => Err(libc::EINVAL),
    }
}

fn carry_out_read(cx: &Cx, bind: &Bind, read: &RdmaOperation) -> i32 {
    let mut source = match reach(cx, read) {
        Ok(source) => source.cast_const(),
        Err(errno) => return errno,
    };
    bind.with_operations(|operations| {
        for iovec in operations.read_iovecs.iter().take(read.niov as usize) {
            // SAFETY: the range is published memory of this process that is still in use by its
            // publisher; source and destination may be one buffer, hence `copy`.
            unsafe { core::ptr::copy(source, iovec.data(), iovec.len() as usize) };
            source = source.wrapping_add(iovec.len() as usize);
        }
    });
    0
}

fn carry_out_write(cx: &Cx, bind: &Bind) {
    let write = bind.with_operations(|operations| operations.writes.pop_front());
    let write = write.flatten().expect("queued together with its message");
    let target = reach(cx, &write);
    let mut at = target.unwrap_or(core::ptr::null_mut());
    for _ in 0..write.niov {
        let Some(iovec) = bind.send.with(|ring| ring.pop()) else {
            break;
        };
        if target.is_ok() {
            // SAFETY: as for reads, in the other direction.
            unsafe { core::ptr::copy(iovec.data(), at, iovec.len() as usize) };
            at = at.wrapping_add(iovec.len() as usize);
        }
        iovec.release(cx.evpl());
    }
    write.complete(target.err().unwrap_or(0));
}

fn begin_close(cx: &Cx, bind: &Bind) {
    let Some(io) = io(bind) else { return };
    if let Some(name) = io.published.take() {
        cx.process.names.withdraw(&name);
    }
    if let Some(end) = io.end.take() {
        let announcement = end.close(cx.evpl());
        cx.announce(announcement);
    }
}
