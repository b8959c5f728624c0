//! DATAGRAM_SOCKET_UDP: batches in both directions.
//!
//! Receiving fills slots that belong to the loop. A small datagram is copied out, so that it does not
//! pin a slot; a large one keeps its slot and the loop takes a new one. Sending drops the datagram that
//! the kernel refuses, with a count and a log line, and goes on: an error of one peer never closes the
//! socket that others use.

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use super::{local_address, to_kernel};
use crate::abi::{evpl, evpl_fd_event, evpl_timer};
use crate::event::fd_event::WatchOutput;
use crate::event::timer;
use crate::memory::cell::LoopCell;
use crate::memory::iovec::Iovec;
use crate::sys::socket::{self, NO_BYTES, SockAddr};
use crate::transport::address::Address;
use crate::transport::bind::{Bind, Io, Message, PENDING_CLOSED};
use crate::transport::{Cx, DropCounters, Protocol};

/// Datagrams up to this size are copied out of their slot.
const COPIED_LEN_MAX: u32 = 4096;
/// Messages per system call, whatever the configuration says.
const BATCH_MAX: usize = 64;
const BATCH_MIN: usize = 2;
/// Receive errors in a row before the socket is left alone until something arrives.
const FAILURES_IN_ROW_MAX: u32 = 16;
/// System calls in one flush before other binds get their turn.
const BATCHES_PER_TURN_MAX: usize = 8;
/// Pieces in one batch.
const BATCH_PIECES_MAX: usize = 256;
/// A full device queue is tried again after this.
const RETRY_US: u64 = 1_000;
const SENDERS_LEN: usize = 64;

pub struct Udp;

#[repr(C)]
pub struct UdpIo {
    /// First: its address leads back here.
    retry: LoopCell<evpl_timer>,
    bind: *const Bind,
    fd: LoopCell<Option<OwnedFd>>,
    small_slots_logged: Cell<bool>,
    received_last: Cell<usize>,
    failures_in_row: Cell<u32>,
}

fn no_message() -> libc::mmsghdr {
    // SAFETY: all-zero is an empty message header.
    unsafe { core::mem::zeroed() }
}

/// What receiving needs, once per loop.
#[derive(Default)]
pub struct Receiver {
    slots: LoopCell<Vec<Option<Iovec>>>,
    /// Recent senders, so that a steady flow of datagrams makes no new addresses.
    senders: LoopCell<Vec<Option<Arc<Address>>>>,
    names: LoopCell<Vec<SockAddr>>,
}

impl Receiver {
    /// Gives the slots back with the loop.
    pub fn release(&self, evpl: *mut evpl) {
        for slot in self.slots.take().into_iter().flatten() {
            slot.release(evpl);
        }
    }

    fn sender(&self, name: &SockAddr) -> Arc<Address> {
        let address = Address::from_sockaddr(&name.storage, name.len);
        let hash = match address.socket_addr() {
            Some(std::net::SocketAddr::V4(v4)) => {
                u64::from(u32::from(*v4.ip())) << 16 | u64::from(v4.port())
            }
            Some(std::net::SocketAddr::V6(v6)) => v6.ip().to_bits() as u64 ^ u64::from(v6.port()),
            None => 0,
        };
        let index = (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as usize % SENDERS_LEN;
        self.senders.with(|senders| {
            if senders.is_empty() {
                senders.resize(SENDERS_LEN, None);
            }
            match &senders[index] {
                Some(known) if **known == address => known.clone(),
                _ => {
                    let fresh = Arc::new(address);
                    senders[index] = Some(fresh.clone());
                    fresh
                }
            }
        })
    }
}

impl Protocol for Udp {
    fn bind(&self, cx: &Cx, bind: &Bind) -> io::Result<()> {
        let address = to_kernel(&bind.local().expect("bind sets the local address"));
        let fd = socket::open(address.family(), libc::SOCK_DGRAM)?;
        let raw = fd.as_raw_fd();
        if address.family() == libc::AF_INET6 {
            socket::set_option(raw, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 0)?;
        }
        socket::bind(raw, &address)?;
        bind.set_local(Some(local_address(raw)?));
        bind.set_io(Io::Udp(Box::new(UdpIo {
            retry: LoopCell::new(timer::IDLE),
            bind,
            fd: LoopCell::new(Some(fd)),
            small_slots_logged: Cell::new(false),
            received_last: Cell::new(0),
            failures_in_row: Cell::new(0),
        })));
        cx.events.add_internal(
            bind.event_pointer(),
            raw,
            [Some(on_readable), Some(on_writable), None],
            WatchOutput::OnDemand,
            false,
        )?;
        cx.events.fds().read_interest(bind.event_pointer());
        Ok(())
    }

    fn flush(&self, cx: &Cx, bind: &Bind) {
        // While the kernel is full it would be in vain.
        if !bind.event().awaits_writable() {
            flush(cx, bind);
        }
    }

    fn begin_close(&self, cx: &Cx, bind: &Bind) {
        let Io::Udp(io) = bind.io() else { return };
        cx.events.remove_timer(retry_pointer(io));
        cx.events.remove_closing(bind.event_pointer());
        io.fd.take();
    }

    fn records_messages(&self, _bind: &Bind) -> bool {
        true
    }

    fn message_pieces_max(&self) -> usize {
        BATCH_PIECES_MAX
    }
}

// ---- receiving ----------------------------------------------------------------------------------

unsafe extern "C" fn on_readable(evpl: *mut evpl, event: *mut evpl_fd_event) {
    // SAFETY: the loop calls this with its own handle, for events that `bind` registered.
    let (cx, bind) = unsafe { (Cx::from_handle(evpl), Bind::from_event(event)) };
    let Io::Udp(io) = bind.io() else { return };
    let most = (cx.config().max_datagram_batch as usize).clamp(1, BATCH_MAX);
    // Offering many slots costs time. Twice what came last, and at least two, so that a lone datagram
    // shows that there is no second one.
    let batch = (io.received_last.get() * 2).clamp(BATCH_MIN.min(most), most);
    let lone = io.received_last.get() <= 1 && cx.events.take_unasked(bind.event_pointer());
    let (batch, outcome) = if lone {
        // As a rule there is nothing, and that is known sooner without a batch.
        (BATCH_MIN, receive_one(cx, bind).map(|()| 1))
    } else {
        (batch, receive_batch(cx, bind, batch))
    };
    io.received_last.set(*outcome.as_ref().unwrap_or(&0));
    if !matches!(&outcome, Err(error) if socket::is_transient(error)) {
        cx.events.note_traffic(bind.event_pointer());
    }
    match outcome {
        Ok(received) if received == batch => {}
        Ok(_) => cx.events.fds().mark_unreadable(bind.event_pointer()),
        Err(error) if socket::is_transient(&error) => {
            cx.events.fds().mark_unreadable(bind.event_pointer())
        }
        // Mostly what the network reported for something sent earlier; taking it clears it.
        Err(error) => {
            crate::log_debug!(
                "socket",
                "udp {} receive: {}",
                bind.local_address_text(),
                error
            );
            let failures = io.failures_in_row.get() + 1;
            io.failures_in_row.set(failures);
            if failures % FAILURES_IN_ROW_MAX == 0 {
                cx.events.fds().mark_unreadable(bind.event_pointer());
            }
            return;
        }
    }
    io.failures_in_row.set(0);
}

fn slot_len(cx: &Cx, bind: &Bind) -> u32 {
    let wanted = cx.config().max_datagram_size;
    let available = cx.memory.buffer_size().min(u64::from(u32::MAX)) as u32;
    if available < wanted
        && let Io::Udp(io) = bind.io()
        && !io.small_slots_logged.replace(true)
    {
        crate::log_error!(
            "socket",
            "udp {} receives at most {} bytes: buffer_size is below max_datagram_size {}",
            bind.local_address_text(),
            available,
            wanted
        );
    }
    wanted.min(available)
}

/// Has a slot of the loop at hand for each of `iovs`.
fn prepare_slots(cx: &Cx, bind: &Bind, iovs: &mut [libc::iovec]) {
    let slot_len = slot_len(cx, bind);
    cx.datagrams.slots.with(|slots| {
        slots.resize_with(iovs.len().max(slots.len()), || None);
        for (slot, iov) in slots.iter_mut().zip(iovs) {
            let slot = slot.get_or_insert_with(|| cx.memory.alloc_one(slot_len, false));
            *iov = libc::iovec {
                iov_base: slot.data().cast(),
                iov_len: slot_len as usize,
            };
        }
    });
}

fn receive_one(cx: &Cx, bind: &Bind) -> io::Result<()> {
    let mut space = [NO_BYTES];
    prepare_slots(cx, bind, &mut space);
    let mut name = SockAddr::empty();
    // SAFETY: the slot belongs to the loop and nothing else runs on this thread meanwhile.
    let len = unsafe { socket::receive_from(bind.event().fd(), &space[0], &mut name) }?;
    deliver(
        cx,
        bind,
        0,
        (len <= space[0].iov_len).then_some(len as u32),
        &name,
    );
    Ok(())
}

fn receive_batch(cx: &Cx, bind: &Bind, batch: usize) -> io::Result<usize> {
    let receiver = &cx.datagrams;
    let mut iovs = [NO_BYTES; BATCH_MAX];
    prepare_slots(cx, bind, &mut iovs[..batch]);
    // Taken out of the loop's state: user code runs below.
    let mut names = receiver.names.take();
    names.resize_with(batch.max(names.len()), SockAddr::empty);
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH_MAX];
    for ((header, iov), name) in headers[..batch].iter_mut().zip(&mut iovs).zip(&mut names) {
        let header = header.write(no_message());
        header.msg_hdr.msg_iov = iov;
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_name = (&raw mut name.storage).cast();
        header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as u32;
    }
    // SAFETY: the first `batch` headers were written above.
    let headers = unsafe { headers[..batch].assume_init_mut() };
    // SAFETY: the slots belong to the loop and nothing else runs on this thread meanwhile.
    let result = unsafe { socket::receive_messages(bind.event().fd(), headers) };
    if let Ok(received) = result {
        for (index, header) in headers[..received].iter().enumerate() {
            names[index].len = header.msg_hdr.msg_namelen;
            let whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            deliver(
                cx,
                bind,
                index,
                whole.then_some(header.msg_len),
                &names[index],
            );
        }
    }
    receiver.names.replace(names);
    result
}

/// Delivers what is in slot `index`; without a length it was longer than the slot.
fn deliver(cx: &Cx, bind: &Bind, index: usize, len: Option<u32>, name: &SockAddr) {
    if bind.has(PENDING_CLOSED) {
        return;
    }
    let Some(len) = len else {
        if let Some(count) = DropCounters::count(&cx.process.drops.too_long_received) {
            crate::log_error!(
                "socket",
                "udp {} dropped a datagram longer than {} bytes, {} so far",
                bind.local_address_text(),
                slot_len(cx, bind),
                count
            );
        }
        return;
    };
    let mut message = cx.message_array();
    message.push(take_from_slot(cx, index, len));
    cx.deliver_message(bind, message, Some(cx.datagrams.sender(name)));
}

fn take_from_slot(cx: &Cx, index: usize, length: u32) -> Iovec {
    cx.datagrams.slots.with(|slots| {
        let slot = &mut slots[index];
        if length > COPIED_LEN_MAX {
            let mut taken = slot.take().expect("filled before the receive");
            taken.truncate(length);
            return taken;
        }
        let source = slot.as_ref().expect("filled before the receive").data();
        let mut copy = cx.memory.alloc_one(length.max(1), false);
        copy.truncate(length);
        // SAFETY: the kernel wrote `length` bytes into the slot; the copy is at least that long and new.
        unsafe { core::ptr::copy_nonoverlapping(source, copy.data(), length as usize) };
        copy
    })
}

// ---- sending ------------------------------------------------------------------------------------

unsafe extern "C" fn on_writable(evpl: *mut evpl, event: *mut evpl_fd_event) {
    // SAFETY: the loop calls this with its own handle, for events that `bind` registered.
    let (cx, bind) = unsafe { (Cx::from_handle(evpl), Bind::from_event(event)) };
    flush(cx, bind);
}

fn retry_pointer(io: &UdpIo) -> *mut evpl_timer {
    core::ptr::from_ref(io).cast_mut().cast()
}

unsafe extern "C" fn on_retry(evpl: *mut evpl, timer: *mut evpl_timer) {
    // SAFETY: the timer is the first field of a `UdpIo` whose bind is open: a close removes it.
    let (cx, bind) = unsafe { (Cx::from_handle(evpl), &*(*timer.cast::<UdpIo>()).bind) };
    flush(cx, bind);
}

fn flush(cx: &Cx, bind: &Bind) {
    for _ in 0..BATCHES_PER_TURN_MAX {
        if bind.has(PENDING_CLOSED) {
            return;
        }
        if bind.messages.with(|messages| messages.is_empty()) {
            bind.trim_send();
            cx.events.fds().write_disinterest(bind.event_pointer());
            return cx.close_if_finished(bind);
        }
        match send_batch(cx, bind) {
            Ok((bytes, msgs)) => cx.notify_sent(bind, bytes, msgs),
            Err(error) if socket::is_transient(&error) => {
                return cx.events.await_writable(bind.event_pointer());
            }
            Err(error) if socket::is_shortage(&error) => {
                let Io::Udp(io) = bind.io() else { return };
                return cx
                    .events
                    .add_timer(retry_pointer(io), Some(on_retry), RETRY_US, true);
            }
            Err(error) => drop_first(cx, bind, &error),
        }
    }
    cx.arm_flush(bind);
}

/// Offers one batch; bytes and messages the kernel took, or why it refused the first.
fn send_batch(cx: &Cx, bind: &Bind) -> io::Result<(u64, u64)> {
    let batch = (cx.config().max_datagram_batch as usize).clamp(1, BATCH_MAX);
    let mut pieces = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH_PIECES_MAX];
    let mut names = [const { MaybeUninit::<SockAddr>::uninit() }; BATCH_MAX];
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH_MAX];
    let mut used = 0;
    let mut count = 0;
    let mut refusal = 0;
    bind.messages.with(|messages| {
        bind.send.with(|ring| {
            for message in messages.iter().take(batch) {
                let niov = message.niov as usize;
                if used + niov > BATCH_PIECES_MAX {
                    // One that fills more than a batch, joined as it is, is longer than any datagram.
                    refusal = libc::EMSGSIZE;
                    break;
                }
                let Some(address) = &message.address else {
                    refusal = libc::EDESTADDRREQ;
                    break;
                };
                for index in 0..niov {
                    let iovec = ring
                        .get(used + index)
                        .expect("a message's pieces are queued with it");
                    pieces[used + index].write(libc::iovec {
                        iov_base: iovec.data().cast(),
                        iov_len: iovec.len() as usize,
                    });
                }
                let name = names[count].write(to_kernel(address));
                let header = &mut headers[count].write(no_message()).msg_hdr;
                header.msg_iov = pieces.as_mut_ptr().wrapping_add(used).cast();
                header.msg_iovlen = niov as _;
                header.msg_name = (&raw mut name.storage).cast();
                header.msg_namelen = name.len;
                used += niov;
                count += 1;
            }
        });
    });
    if count == 0 {
        return Err(io::Error::from_raw_os_error(refusal));
    }
    // SAFETY: the first `count` headers were written above.
    let headers = unsafe { headers[..count].assume_init_mut() };
    let fd = bind.event().fd();
    if let [only] = headers {
        let bytes = if used == 1 {
            // SAFETY: one header was written, so one name was, and with `used` at one its one piece.
            unsafe { socket::send_to(fd, pieces[0].assume_init_ref(), names[0].assume_init_ref()) }
        } else {
            // SAFETY: the ring's references keep what the header names.
            unsafe { socket::send_message(fd, &only.msg_hdr) }
        }?;
        take_first(cx, bind);
        return Ok((bytes as u64, 1));
    }
    // SAFETY: the ring's references keep what the headers name.
    let sent = unsafe { socket::send_messages(fd, headers) }?;
    let mut bytes = 0;
    for header in &headers[..sent] {
        bytes += u64::from(header.msg_len);
        take_first(cx, bind);
    }
    Ok((bytes, sent as u64))
}

fn take_first(cx: &Cx, bind: &Bind) {
    let message: Option<Message> = bind.messages.with(|messages| messages.pop_front());
    let niov = message.map_or(0, |message| message.niov);
    for _ in 0..niov {
        if let Some(iovec) = bind.send.with(|ring| ring.pop()) {
            iovec.release(cx.evpl());
        }
    }
}

fn drop_first(cx: &Cx, bind: &Bind, error: &io::Error) {
    if let Some(count) = DropCounters::count(&cx.process.drops.send_errors) {
        let to = bind
            .messages
            .with(|messages| messages.front().and_then(|message| message.address.clone()));
        crate::log_error!(
            "socket",
            "udp {} dropped a datagram to {}: {}, {} so far",
            bind.local_address_text(),
            Address::text(to.as_deref()),
            error,
            count
        );
    }
    take_first(cx, bind);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::socket::from_kernel;

    #[test]
    fn a_known_sender_keeps_its_address_object() {
        let receiver = Receiver::default();
        let address: Address = "10.0.0.1:7"
            .parse::<std::net::SocketAddr>()
            .expect("literal")
            .into();
        let name = to_kernel(&address);
        let first = receiver.sender(&name);
        let second = receiver.sender(&name);
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(from_kernel(&name).to_string(), "10.0.0.1:7");
    }
}
