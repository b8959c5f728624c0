//! STREAM_IO_URING_TCP: what each completion means for its bind.
//!
//! One receive per connection is always under way and repeats itself. Bytes stay where the kernel put
//! them, except few that follow others of their bind, or that have a whole provided buffer to themselves:
//! those are copied together, so that small messages stay dense and in few pieces. One gather send per
//! connection is under way; the bytes stay in the bind's queue until it completes, and what the kernel did
//! not take goes first into the next one, so the order is kept.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;

use io_uring::{cqueue, opcode, squeue, types};

use super::ring::{BUFFER_GROUP, Completion, QUIET_SEND_FLAGS};
use super::{Kind, Part, QuietSend, Socket, State, Uring, available, of};
use crate::abi::{evpl, evpl_timer};
use crate::memory::cell::LoopCell;
use crate::memory::iovec::Iovec;
use crate::sys::socket::{self, NO_BYTES};
use crate::transport::address::Address;
use crate::transport::bind::{Bind, FINISH, Io, PENDING_CLOSED, SENT_NOTIFY};
use crate::transport::inbox::{AcceptSink, Accepted};
use crate::transport::registry::Missing;
use crate::transport::socket::{from_kernel, listen, local_address, stream, tcp};
use crate::transport::{Cx, Protocol};

/// Entries of one gather send, whatever the configuration says.
const GATHER_LEN_MAX: usize = 128;
/// Received bytes that are not worth a provided buffer of their own, where each receive takes a whole one.
const COPY_LEN_MAX: u32 = 2 << 10;
/// Pieces behind bytes that were not consumed yet are copied up to this length.
const TRICKLE_LEN_MAX: u32 = 16 << 10;
const ACCEPT_RETRY_US: u64 = 20_000;
/// The kernel counts what one send takes in 31 bits.
const QUIET_LEN_MAX: u64 = 1 << 30;
/// Has a send wait for room before it tries: IORING_RECVSEND_POLL_FIRST.
const POLL_FIRST: u16 = 1;

pub struct UringTcp;

impl Protocol for UringTcp {
    fn available(&self) -> Result<(), Missing> {
        available()
    }

    fn connect(&self, cx: &Cx, bind: &Bind, local: Option<Arc<Address>>) -> io::Result<()> {
        let (fd, remote) = tcp::open(bind, local)?;
        let raw = fd.as_raw_fd();
        // Called directly: the local address is known at return.
        socket::connect(raw, &remote)?;
        socket::set_blocking(raw)?;
        bind.set_local(local_address(raw).ok());
        let uring = of(cx);
        let socket = uring.adopt(bind, fd, State::Connecting, None);
        bind.set_io(Io::Uring(socket.clone()));
        if uring.is_open() {
            start(cx, uring, &socket, bind);
        } else {
            uring.starting.with(|starting| starting.push(socket));
            uring.arm(cx);
        }
        Ok(())
    }

    fn listen(&self, cx: &Cx, bind: &Bind, sink: Arc<dyn AcceptSink>) -> io::Result<()> {
        let uring = of(cx);
        uring.open(cx)?;
        let fd = tcp::open_listening(cx, bind)?;
        socket::set_blocking(fd.as_raw_fd())?;
        let listening = Box::new(Listening::new(bind, sink));
        let socket = uring.adopt(bind, fd, State::Listening, Some(listening));
        bind.set_io(Io::Uring(socket.clone()));
        start(cx, uring, &socket, bind);
        Ok(())
    }

    fn attach(&self, cx: &Cx, bind: &Bind, accepted: Accepted) -> io::Result<()> {
        let uring = of(cx);
        let fd = tcp::take_accepted(bind, accepted);
        let socket = uring.adopt(bind, fd, State::Connected, None);
        bind.set_io(Io::Uring(socket.clone()));
        uring.starting.with(|starting| starting.push(socket));
        uring.arm(cx);
        cx.notify_connected(bind);
        Ok(())
    }

    fn flush(&self, cx: &Cx, bind: &Bind) {
        if let Io::Uring(socket) = bind.io() {
            flush(cx, of(cx), socket, bind);
        }
    }

    fn begin_close(&self, cx: &Cx, bind: &Bind) {
        if let Io::Uring(socket) = bind.io() {
            if let Some(listening) = &socket.listening {
                cx.events.remove_timer(listening.retry_pointer());
            }
            of(cx).release(cx, socket);
        }
    }

    fn records_messages(&self, bind: &Bind) -> bool {
        bind.segment_callback().0.is_some()
    }

    fn merges_sends(&self) -> bool {
        true
    }
}

/// Makes the requests that a socket in its state needs.
pub fn start(cx: &Cx, uring: &Uring, socket: &Rc<Socket>, bind: &Bind) {
    let fd = types::Fd(socket.raw_fd());
    match socket.state.get() {
        State::Connecting => {
            let writable = opcode::PollAdd::new(fd, libc::POLLOUT as u32).build();
            // SAFETY: the request names no memory.
            unsafe { uring.push(cx, socket, Kind::Writable, writable) };
        }
        State::Connected => {
            start_receiving(cx, uring, socket, bind);
            start_sending(cx, uring, socket, bind);
        }
        State::Listening => {
            let accept = opcode::AcceptMulti::new(fd).flags(libc::SOCK_CLOEXEC);
            // SAFETY: the request names no memory.
            unsafe { uring.push(cx, socket, Kind::Accept, accept.build()) };
        }
    }
}

/// The connect is over.
pub fn writable(cx: &Cx, uring: &Uring, socket: &Rc<Socket>, result: i32) {
    let Some(bind) = socket.bind() else { return };
    if bind.has(PENDING_CLOSED) {
        return;
    }
    if is_interrupted(result) {
        return start(cx, uring, socket, bind);
    }
    if result < 0 || socket::take_error(socket.raw_fd()).is_err() {
        return cx.request_close(bind);
    }
    socket.state.set(State::Connected);
    // Before the callback, which may end up here again.
    start(cx, uring, socket, bind);
    cx.notify_connected(bind);
}

/// Whether a request ended without having done anything, because its thread did.
fn is_interrupted(result: i32) -> bool {
    matches!(-result, libc::ECANCELED | libc::EINTR | libc::EAGAIN)
}

// ---- receiving ----------------------------------------------------------------------------------

fn start_receiving(cx: &Cx, uring: &Uring, socket: &Socket, bind: &Bind) {
    if socket.receiving.get() || bind.has(PENDING_CLOSED) {
        return;
    }
    if let Err(error) = uring.open_buffers(cx) {
        crate::log_error!("io_uring", "no buffers to receive into: {}", error);
        return cx.request_close(bind);
    }
    socket.receiving.set(true);
    let receive = opcode::RecvMulti::new(types::Fd(socket.raw_fd()), BUFFER_GROUP).build();
    // SAFETY: the request names no memory; the provided buffers stay with the ring.
    unsafe { uring.push(cx, socket, Kind::Receive, receive) };
}

pub fn received(cx: &Cx, uring: &Uring, socket: &Socket, completion: Completion) {
    if !cqueue::more(completion.flags) {
        socket.receiving.set(false);
    }
    let bind = socket.bind().filter(|bind| !bind.has(PENDING_CLOSED));
    if let Some(id) = cqueue::buffer_select(completion.flags) {
        let part = Part {
            id,
            len: u32::try_from(completion.result).unwrap_or(0),
            kept: cqueue::buffer_more(completion.flags),
        };
        match bind {
            Some(bind) if part.len > 0 => append(cx, uring, bind, socket, part),
            _ => uring.copy_part(cx, part, |_| ()),
        }
    }
    let Some(bind) = bind else { return };
    match completion.result {
        1.. => cx.received(bind),
        0 => return end_of_stream(cx, uring, socket, bind),
        result if is_interrupted(result) || -result == libc::ENOBUFS => {}
        // Reset, timed out: whatever had arrived was received before the kernel said so.
        _ => return cx.request_close(bind),
    }
    // The callback may have closed the bind. A receive that ended is made again.
    if let Some(bind) = socket.bind() {
        start_receiving(cx, uring, socket, bind);
    }
}

/// Receives what is there without the ring; whether there was something.
pub fn read_directly(cx: &Cx, socket: &Socket) -> bool {
    let Some(bind) = socket.bind().filter(|bind| !bind.has(PENDING_CLOSED)) else {
        return false;
    };
    if bind.recv.with(|ring| ring.bytes()) > 0 {
        return false;
    }
    let mut window = [NO_BYTES; 2];
    cx.memory.recv_prepare(&mut window, 0);
    // One entry: only such a receive does not wait, on a descriptor that does. What it leaves is the ring's.
    // SAFETY: the window belongs to the loop, and nothing else runs on this thread meanwhile.
    let received = unsafe { socket::receive(socket.raw_fd(), &window[..1]) };
    // The ring tells of the end of the stream and of errors.
    let Ok(received @ 1..) = received else {
        return false;
    };
    socket.tail_room.set(0);
    stream::append_from_window(cx, bind, received, 0);
    cx.received(bind);
    true
}

/// Queues received bytes.
fn append(cx: &Cx, uring: &Uring, bind: &Bind, socket: &Socket, part: Part) {
    let len = part.len;
    let queued = bind.recv.with(|ring| ring.bytes());
    // Where the kernel goes on behind them, few bytes are dense where they are.
    let few = len <= COPY_LEN_MAX && !uring.incremental;
    if few || (queued > 0 && len <= TRICKLE_LEN_MAX) {
        uring.copy_part(cx, part, |bytes| {
            append_copy(cx, bind, socket, bytes, queued);
        });
    } else {
        socket.tail_room.set(0);
        let taken = uring.take_part(cx, part);
        bind.recv.with(|ring| ring.push_merged(taken, cx.evpl()));
    }
}

/// Copies behind the bytes that are queued, with room behind them if they trickle.
fn append_copy(cx: &Cx, bind: &Bind, socket: &Socket, bytes: &[u8], queued: u64) {
    let room = if queued > 0 {
        socket.tail_room.get() as usize
    } else {
        0
    };
    let (into_room, rest) = bytes.split_at(bytes.len().min(room));
    if !into_room.is_empty() {
        bind.recv.with(|ring| {
            let tail = ring.back().expect("bytes are queued");
            let end = tail.data().wrapping_add(tail.len() as usize);
            // SAFETY: the room behind our tail is reserved for this bind.
            unsafe {
                into_room
                    .as_ptr()
                    .copy_to_nonoverlapping(end, into_room.len())
            };
            ring.extend_back(into_room.len() as u32);
        });
        socket.tail_room.set((room - into_room.len()) as u32);
    }
    if rest.is_empty() {
        return;
    }
    let mut window = [NO_BYTES; 2];
    cx.memory.recv_prepare(&mut window, rest.len());
    let (first, second) = rest.split_at(rest.len().min(window[0].iov_len));
    // SAFETY: the window is the loop's own and has room for `rest`, which lies in another piece.
    unsafe {
        let [to_first, to_second] = window.map(|entry| entry.iov_base.cast::<u8>());
        first.as_ptr().copy_to_nonoverlapping(to_first, first.len());
        if !second.is_empty() {
            second
                .as_ptr()
                .copy_to_nonoverlapping(to_second, second.len());
        }
    }
    let reserved = stream::append_from_window(cx, bind, rest.len(), queued);
    socket.tail_room.set(reserved as u32);
}

/// The peer will send no more. What is queued is sent as far as the peer takes it, then the bind closes.
fn end_of_stream(cx: &Cx, uring: &Uring, socket: &Socket, bind: &Bind) {
    if socket.broken.get() {
        return cx.request_close(bind);
    }
    cx.close_when_sent(bind, socket.raw_fd());
    // The flush, or the end of the send that is under way, closes the bind.
    start_sending(cx, uring, socket, bind);
}

// ---- sending ------------------------------------------------------------------------------------

/// What one gather send hands over.
pub struct Gather {
    header: libc::msghdr,
    iov: [core::mem::MaybeUninit<libc::iovec>; GATHER_LEN_MAX],
}

fn flush(cx: &Cx, uring: &Uring, socket: &Rc<Socket>, bind: &Bind) {
    if socket.state.get() == State::Connected {
        start_sending(cx, uring, socket, bind);
    }
}

fn start_sending(cx: &Cx, uring: &Uring, socket: &Socket, bind: &Bind) {
    if socket.sending.get() || socket.broken.get() || !uring.is_open() {
        return;
    }
    let fd = types::Fd(socket.raw_fd());
    let full = socket.full.replace(false);
    let may_be_quiet = !full && uring.with_ring(super::Ring::has_quiet_sends) == Some(true);
    let limit = (cx.config().max_num_iovec as usize).clamp(1, GATHER_LEN_MAX);
    let send = uring.with_gather(|gather| {
        let (count, offered) = bind.send.with(|ring| ring.gather(&mut gather.iov[..limit]));
        if offered == 0 {
            return None;
        }
        socket.offered.set(offered);
        let quiet = may_be_quiet && offered <= QUIET_LEN_MAX;
        let flags = if quiet {
            QUIET_SEND_FLAGS
        } else {
            libc::MSG_NOSIGNAL
        };
        let wait_first = if full { POLL_FIRST } else { 0 };
        let entry = if count == 1 {
            // SAFETY: `gather` filled the first entry.
            let only = unsafe { gather.iov[0].assume_init_ref() };
            let send = opcode::Send::new(fd, only.iov_base.cast(), only.iov_len as u32);
            send.flags(flags).ioprio(wait_first).build()
        } else {
            gather.header.msg_iov = gather.iov.as_mut_ptr().cast();
            gather.header.msg_iovlen = count as _;
            let send = opcode::SendMsg::new(fd, &gather.header);
            send.flags(flags as u32).ioprio(wait_first).build()
        };
        Some(((entry, quiet), count > 1))
    });
    let Some((entry, quiet)) = send else {
        return flushed(cx, bind);
    };
    socket.sending.set(true);
    if !quiet {
        // SAFETY: the queue keeps the bytes until the completion, and passes to the socket if the bind
        // goes before; the header stays until the kernel has taken it.
        unsafe { uring.push(cx, socket, Kind::Send, entry) };
        return;
    }
    let entry = entry.flags(squeue::Flags::SKIP_SUCCESS);
    // SAFETY: as above.
    let number = unsafe { uring.push(cx, socket, Kind::Send, entry) };
    let is_foreign = |iovec: &Iovec| iovec.is_shared() && !iovec.is_global();
    let shared = bind
        .send
        .with(|ring| ring.iter().take(limit).any(is_foreign));
    socket.quiet.set(Some(QuietSend { number, shared }));
    let token = socket.token(Kind::Send);
    uring.quiet.with(|quiet| quiet.push_back((number, token)));
}

/// Whether the program learns of the end of the send that is under way, or waits for it.
pub fn is_send_awaited(socket: &Socket) -> bool {
    let Some(send) = socket.quiet.get() else {
        return false;
    };
    socket.bind().is_some_and(|bind| {
        send.shared
            || bind.has(SENT_NOTIFY | FINISH)
            || bind.send.with(|ring| ring.bytes()) > socket.offered.get()
    })
}

/// A send is over.
pub fn sent(cx: &Cx, uring: &Uring, socket: &Rc<Socket>, result: Result<u64, i32>) {
    socket.sending.set(false);
    socket.quiet.set(None);
    let Some(bind) = socket.bind() else {
        return socket.orphans.clear(cx.evpl());
    };
    match result {
        Ok(taken) => {
            socket.full.set(taken < socket.offered.get());
            account(cx, bind, taken);
        }
        Err(errno) if is_interrupted(-errno) => socket.full.set(errno == libc::EAGAIN),
        Err(libc::ENOBUFS | libc::ENOMEM) => return cx.flush_later(bind),
        Err(libc::EPIPE | libc::ECONNRESET) if socket.receiving.get() => {
            // The receive ends too, after what the peer sent before.
            socket.broken.set(true);
            return;
        }
        _ => return cx.request_close(bind),
    }
    if let Some(bind) = socket.bind()
        && !bind.has(PENDING_CLOSED)
    {
        start_sending(cx, uring, socket, bind);
    }
}

/// The kernel took `taken` bytes.
fn account(cx: &Cx, bind: &Bind, taken: u64) {
    bind.send.consume(taken, cx.evpl());
    let msgs = stream::count_whole_messages(bind, taken);
    cx.notify_sent(bind, taken, msgs);
}

fn flushed(cx: &Cx, bind: &Bind) {
    // Entries without bytes may be left.
    bind.send.consume(0, cx.evpl());
    bind.messages.with(|messages| messages.clear());
    bind.trim_send();
    cx.close_if_finished(bind);
}

impl Uring {
    /// Lends a header that is free, and keeps it if `f` says so.
    fn with_gather<R>(&self, f: impl FnOnce(&mut Gather) -> Option<(R, bool)>) -> Option<R> {
        self.gathers.with(|gathers| {
            let index = self.gathers_used.get();
            if index == gathers.len() {
                gathers.push(Box::new(Gather {
                    // SAFETY: all-zero is an empty message header.
                    header: unsafe { core::mem::zeroed() },
                    iov: [const { core::mem::MaybeUninit::uninit() }; GATHER_LEN_MAX],
                }));
            }
            let (result, keep) = f(&mut gathers[index])?;
            if keep {
                self.gathers_used.set(index + 1);
            }
            Some(result)
        })
    }
}

// ---- accepting ----------------------------------------------------------------------------------

#[repr(C)]
pub struct Listening {
    /// First: its address leads back here.
    retry: LoopCell<evpl_timer>,
    bind: *const Bind,
    sink: Arc<dyn AcceptSink>,
    /// Descriptors ran out; logged once until accepting works again.
    exhausted: std::cell::Cell<bool>,
}

impl Listening {
    fn new(bind: &Bind, sink: Arc<dyn AcceptSink>) -> Listening {
        Listening {
            retry: LoopCell::new(evpl_timer {
                callback: None,
                interval: 0,
                deadline: 0,
                oneshot: 0,
            }),
            bind,
            sink,
            exhausted: std::cell::Cell::new(false),
        }
    }

    fn retry_pointer(&self) -> *mut evpl_timer {
        core::ptr::from_ref(self).cast_mut().cast()
    }
}

pub fn accepted(cx: &Cx, uring: &Uring, socket: &Rc<Socket>, completion: Completion) {
    let fd = (completion.result >= 0).then(|| {
        // SAFETY: the kernel just made this descriptor for us, and nobody else has it.
        unsafe { OwnedFd::from_raw_fd(completion.result) }
    });
    let bind = socket.bind().filter(|bind| !bind.has(PENDING_CLOSED));
    let (Some(bind), Some(listening)) = (bind, &socket.listening) else {
        return;
    };
    if let Some(fd) = fd {
        listening.exhausted.set(false);
        match socket::peer_address(fd.as_raw_fd()) {
            Ok(peer) => listening.sink.accept(
                Some(cx),
                bind.row(),
                Accepted::Socket { fd, local: None },
                from_kernel(&peer),
            ),
            // It was reset before anybody saw it.
            Err(error) => crate::log_debug!("io_uring", "accepted connection is gone: {}", error),
        }
    } else if !is_interrupted(completion.result)
        && !listen::failed_before_accept(-completion.result)
    {
        return wait_for_resources(cx, bind, listening, -completion.result);
    }
    if !cqueue::more(completion.flags) {
        start(cx, uring, socket, bind);
    }
}

fn wait_for_resources(cx: &Cx, bind: &Bind, listening: &Listening, errno: i32) {
    if !listening.exhausted.replace(true) {
        crate::log_error!(
            "io_uring",
            "accept on {} waits: {}",
            bind.local_address_text(),
            io::Error::from_raw_os_error(errno)
        );
    }
    cx.events.add_timer(
        listening.retry_pointer(),
        Some(on_retry),
        ACCEPT_RETRY_US,
        true,
    );
}

unsafe extern "C" fn on_retry(evpl: *mut evpl, timer: *mut evpl_timer) {
    // SAFETY: the timer is the first field of a `Listening` whose bind is open: a close removes it.
    let (cx, bind) = unsafe { (Cx::from_handle(evpl), &*(*timer.cast::<Listening>()).bind) };
    if let Io::Uring(socket) = bind.io() {
        start(cx, of(cx), socket, bind);
    }
}
