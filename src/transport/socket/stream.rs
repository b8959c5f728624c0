//! The data path of a connected stream socket.
//!
//! Reading: into the loop's receive window, which no connection owns. Bytes of a bind whose last ones
//! were not consumed yet go behind them, into room reserved there, so that a message that trickles in
//! stays in few pieces. A short read clears the readable latch; after a hang-up reading goes on to the
//! end, so nothing that arrived is lost.
//!
//! Writing: the flush tries at once; what the kernel does not take waits for writability.
//!
//! DATAGRAM_TCP_RDMA is such a socket with frames inside: its input looks at what was read before the
//! program does, and its output is a ring of frames in place of the bind's send ring.

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};

use crate::abi::{evpl, evpl_fd_event};
use crate::event::fd_event::{ERROR, URGENT, WatchOutput};
use crate::memory::cell::LoopCell;
use crate::memory::iovec_ring::IovecRing;
use crate::sys::socket::{self, NO_BYTES};
use crate::transport::Cx;
use crate::transport::address::AddressKind;
use crate::transport::bind::{Bind, Io, PENDING_CLOSED};
use crate::transport::tcp_rdma::{input, output};

/// Gather writes tried in one flush before other binds get their turn.
const WRITES_PER_TURN_MAX: usize = 8;
/// Entries of one gather write, whatever the configuration says.
const WRITE_IOVECS_MAX: usize = 128;
/// Reads in a row after a hang-up before other binds get their turn.
const READS_PER_TURN_MAX: usize = 16;
/// Reads that fetch what a peer left behind after it stopped taking our bytes.
const READS_AFTER_FAILURE_MAX: usize = 1024;
/// Reads in a row that the kernel had more for, or may have by now, without a hang-up.
const FULL_READS_PER_TURN_MAX: usize = 4;
/// A read this long took so much time that the sender may have gone on meanwhile.
const BULK_LEN_MIN: usize = 16 << 10;
/// The smallest rest of the receive window that is read into alone.
const READ_LEN_MIN: usize = 64 << 10;
/// The most that one read takes from either part of the window: what stays in the CPU's cache.
const READ_LEN_MAX: usize = 64 << 10;
/// Places outside the window that one read fills.
pub const DIRECT_IOVECS_MAX: usize = 8;
/// Those, the room behind received bytes, and two parts of the window.
pub const READ_IOVECS_MAX: usize = DIRECT_IOVECS_MAX + 3;
/// Room reserved behind the bytes of an incomplete message.
const TAIL_ROOM_MIN: u64 = 4 << 10;
const TAIL_ROOM_MAX: u64 = 64 << 10;
/// Pieces larger than this are not worth reserving room behind.
const TRICKLE_LEN_MAX: usize = 16 << 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// connect(2) is under way, or waits to be tried again.
    Connecting,
    Connected,
}

pub struct StreamIo {
    fd: LoopCell<Option<OwnedFd>>,
    state: Cell<State>,
    /// Bytes reserved for this bind behind the last received ones.
    tail_room: Cell<u32>,
    /// What only some kinds need, a retry timer for one.
    pub retry: LoopCell<Option<Box<super::unix::Retry>>>,
}

impl StreamIo {
    fn new(fd: OwnedFd, state: State) -> StreamIo {
        StreamIo {
            fd: LoopCell::new(Some(fd)),
            state: Cell::new(state),
            tail_room: Cell::new(0),
            retry: LoopCell::new(None),
        }
    }

    /// The socket, for another attempt to connect it.
    pub fn raw_fd(&self) -> Option<i32> {
        self.fd.with(|fd| fd.as_ref().map(AsRawFd::as_raw_fd))
    }
}

/// What a kind of bind makes of its socket.
pub type Wrap = fn(StreamIo) -> Io;

fn try_io(bind: &Bind) -> Option<&StreamIo> {
    match bind.io() {
        Io::Stream(io) => Some(io),
        Io::TcpRdma(io) => Some(&io.stream),
        _ => None,
    }
}

/// The stream half of a bind that has one.
pub fn io(bind: &Bind) -> &StreamIo {
    try_io(bind).expect("stream callbacks are registered by stream binds only")
}

/// Gives a connecting socket to the bind. It is watched once connect(2) was called.
pub fn adopt_connecting(bind: &Bind, fd: OwnedFd, wrap: Wrap) {
    bind.set_io(wrap(StreamIo::new(fd, State::Connecting)));
}

/// Gives an accepted socket to the bind and starts reading.
pub fn adopt_connected(cx: &Cx, bind: &Bind, fd: OwnedFd, wrap: Wrap) -> io::Result<()> {
    bind.set_io(wrap(StreamIo::new(fd, State::Connected)));
    watch(cx, bind, WatchOutput::OnDemand)?;
    cx.events.fds().read_interest(bind.event_pointer());
    cx.notify_connected(bind);
    Ok(())
}

/// Waits for the outcome of connect(2), or has the loop deliver it if it is known already.
pub fn watch_connecting(cx: &Cx, bind: &Bind, connected: bool) -> io::Result<()> {
    let fds = cx.events.fds();
    if connected {
        watch(cx, bind, WatchOutput::OnDemand)?;
        fds.mark_writable(bind.event_pointer());
    } else {
        watch(cx, bind, WatchOutput::Now)?;
        fds.write_interest(bind.event_pointer());
    }
    fds.read_interest(bind.event_pointer());
    Ok(())
}

fn watch(cx: &Cx, bind: &Bind, watch_output: WatchOutput) -> io::Result<()> {
    let fd = io(bind).raw_fd().expect("adopted before it is watched");
    cx.events.add_internal(
        bind.event_pointer(),
        fd,
        [Some(on_readable), Some(on_writable), None],
        watch_output,
        false,
    )
}

unsafe extern "C" fn on_readable(evpl: *mut evpl, event: *mut evpl_fd_event) {
    // SAFETY: the loop calls this with its own handle, for events that `watch` registered.
    let (cx, bind) = unsafe { (Cx::from_handle(evpl), Bind::from_event(event)) };
    if finish_connect(cx, bind) {
        read(cx, bind);
    }
}

unsafe extern "C" fn on_writable(evpl: *mut evpl, event: *mut evpl_fd_event) {
    // SAFETY: the loop calls this with its own handle, for events that `watch` registered.
    let (cx, bind) = unsafe { (Cx::from_handle(evpl), Bind::from_event(event)) };
    if finish_connect(cx, bind) {
        flush(cx, bind);
    }
}

/// True if the bind is connected, from before or from now on, and still open.
fn finish_connect(cx: &Cx, bind: &Bind) -> bool {
    let io = io(bind);
    if io.state.get() == State::Connecting {
        match io.raw_fd().map(socket::take_error) {
            Some(Ok(())) => {}
            _ => {
                cx.request_close(bind);
                return false;
            }
        }
        io.state.set(State::Connected);
        cx.notify_connected(bind);
    }
    !bind.has(PENDING_CLOSED)
}

fn read(cx: &Cx, bind: &Bind) {
    if matches!(bind.io(), Io::TcpRdma(_)) && !input::resume(cx, bind) {
        return;
    }
    for turn in 1..=READS_PER_TURN_MAX {
        let outcome = read_once(cx, bind);
        if !matches!(&outcome, Err(error) if socket::is_transient(error)) {
            cx.events.note_traffic(bind.event_pointer());
        }
        match outcome {
            Ok(ReadOutcome::Full) if turn < FULL_READS_PER_TURN_MAX || bind.event().has(ERROR) => {}
            Ok(ReadOutcome::Full) => return,
            Ok(ReadOutcome::Bulk) if turn < FULL_READS_PER_TURN_MAX => {}
            Ok(ReadOutcome::Bulk | ReadOutcome::Short) if bind.event().has_any(ERROR | URGENT) => {}
            Ok(ReadOutcome::Bulk) => return,
            Ok(ReadOutcome::Short) => return cx.events.fds().mark_unreadable(bind.event_pointer()),
            Ok(ReadOutcome::End) => return end_of_stream(cx, bind),
            Err(error) if socket::is_transient(&error) => {
                return cx.events.fds().mark_unreadable(bind.event_pointer());
            }
            // Reset, timed out: whatever had arrived was read before the kernel said so.
            Err(_) => return cx.request_close(bind),
        }
        if bind.has(PENDING_CLOSED) {
            return;
        }
    }
}

enum ReadOutcome {
    /// The kernel may have more.
    Full,
    /// The kernel had less than there was space for, but a lot.
    Bulk,
    /// The kernel had less than there was space for.
    Short,
    End,
}

/// Where a read puts its first bytes, when that is known before.
pub struct Direct {
    /// Entries that were filled.
    pub count: usize,
    pub len: usize,
    /// The most that is read behind them, from either part of the window.
    pub window_len_max: usize,
}

impl Direct {
    /// Everything goes to the window.
    pub const NONE: Direct = Direct {
        count: 0,
        len: 0,
        window_len_max: READ_LEN_MAX,
    };
}

fn read_once(cx: &Cx, bind: &Bind) -> io::Result<ReadOutcome> {
    let mut space = ReceiveSpace::EMPTY;
    let direct = match bind.io() {
        Io::TcpRdma(_) => input::direct(bind, &mut space.iov)?,
        _ => Direct::NONE,
    };
    let io = io(bind);
    space.prepare(cx, bind, io.tail_room.get() as usize, &direct);
    // SAFETY: nothing else runs on this thread until the bytes are kept, and `input` vouches for the places
    // that it names.
    let (received, cut) = unsafe {
        match bind.row().caps.kind {
            AddressKind::Local => socket::receive_local(bind.event().fd(), space.entries()),
            _ => socket::receive(bind.event().fd(), space.entries()).map(|len| (len, false)),
        }
    }?;
    if received == 0 {
        return Ok(ReadOutcome::End);
    }
    let placed = received.min(direct.len);
    if placed > 0 {
        input::placed(bind, placed);
    }
    io.tail_room.set(space.keep(cx, bind, received) as u32);
    match bind.io() {
        Io::TcpRdma(_) => input::process(cx, bind),
        _ => cx.received(bind),
    }
    Ok(if cut || received == space.capacity() {
        ReadOutcome::Full
    } else if received >= BULK_LEN_MIN {
        ReadOutcome::Bulk
    } else {
        ReadOutcome::Short
    })
}

/// Where the next bytes of a bind go: where they are wanted, if that is known, then into the room behind
/// its last ones, then into the loop's window. The room is reserved for the bind and the window is the
/// loop's, so they may be written until something else receives on this thread.
pub struct ReceiveSpace {
    /// The first `count` are filled.
    iov: [MaybeUninit<libc::iovec>; READ_IOVECS_MAX],
    count: usize,
    direct_len: usize,
    room: usize,
    queued: u64,
}

impl ReceiveSpace {
    const EMPTY: ReceiveSpace = ReceiveSpace {
        iov: [const { MaybeUninit::uninit() }; READ_IOVECS_MAX],
        count: 0,
        direct_len: 0,
        room: 0,
        queued: 0,
    };

    /// `tail_room` is what the last `keep` returned.
    pub fn new(cx: &Cx, bind: &Bind, tail_room: usize) -> ReceiveSpace {
        let mut space = ReceiveSpace::EMPTY;
        space.prepare(cx, bind, tail_room, &Direct::NONE);
        space
    }

    /// Goes on behind the entries that `direct` says are filled.
    fn prepare(&mut self, cx: &Cx, bind: &Bind, tail_room: usize, direct: &Direct) {
        let mut count = direct.count;
        let queued = bind.recv.with(|ring| ring.bytes());
        let room = if queued > 0 { tail_room } else { 0 };
        if room > 0 {
            let tail = bind.recv.with(|ring| {
                ring.back()
                    .map(|tail| tail.data().wrapping_add(tail.len() as usize))
            });
            self.iov[count].write(libc::iovec {
                iov_base: tail.expect("bytes are queued").cast(),
                iov_len: room,
            });
            count += 1;
        }
        if direct.window_len_max > 0 {
            let mut window = [NO_BYTES; 2];
            let min = READ_LEN_MIN.min(direct.window_len_max);
            let window_len = cx.memory.recv_prepare(&mut window, min);
            for part in &mut window[..window_len] {
                part.iov_len = part.iov_len.min(direct.window_len_max);
                self.iov[count].write(*part);
                count += 1;
            }
        }
        self.count = count;
        self.direct_len = direct.len;
        self.room = room;
        self.queued = queued;
    }

    pub fn entries(&self) -> &[libc::iovec] {
        // SAFETY: the first `count` were written, by `prepare` or before it.
        unsafe { self.iov[..self.count].assume_init_ref() }
    }

    pub fn capacity(&self) -> usize {
        self.entries().iter().map(|entry| entry.iov_len).sum()
    }

    /// The first `received` bytes, for somebody else.
    pub fn copy(&self, mut received: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(received);
        for entry in self.entries() {
            let len = entry.iov_len.min(received);
            // SAFETY: the entry names readable memory that nobody writes meanwhile.
            bytes.extend_from_slice(unsafe {
                core::slice::from_raw_parts(entry.iov_base.cast::<u8>(), len)
            });
            received -= len;
        }
        bytes
    }

    /// Queues those of the first `received` bytes that are not where they are wanted; returns the room that
    /// is left behind them.
    pub fn keep(&self, cx: &Cx, bind: &Bind, received: usize) -> usize {
        let received = received.saturating_sub(self.direct_len);
        let into_room = received.min(self.room);
        if into_room > 0 {
            bind.recv.with(|ring| ring.extend_back(into_room as u32));
        }
        if received > into_room {
            let queued = self.queued + into_room as u64;
            append_from_window(cx, bind, received - into_room, queued)
        } else {
            self.room - into_room
        }
    }
}

/// Queues bytes that are in the loop's window, with room behind them if they trickle; returns how much.
pub fn append_from_window(cx: &Cx, bind: &Bind, len: usize, queued: u64) -> usize {
    let trickles = queued > 0 && len <= TRICKLE_LEN_MAX;
    let room = if trickles {
        queued.clamp(TAIL_ROOM_MIN, TAIL_ROOM_MAX) as usize
    } else {
        0
    };
    cx.memory.recv_commit(len, room, &mut |iovec| {
        bind.recv.with(|ring| ring.push_merged(iovec, cx.evpl()))
    })
}

/// The peer will send no more. What is queued is sent as far as the peer takes it, then the bind closes.
fn end_of_stream(cx: &Cx, bind: &Bind) {
    if matches!(bind.io(), Io::TcpRdma(_)) {
        return end_of_frames(cx, bind);
    }
    let fds = cx.events.fds();
    fds.mark_unreadable(bind.event_pointer());
    fds.read_disinterest(bind.event_pointer());
    cx.close_when_sent(bind, bind.event().fd());
    flush_queued(cx, bind);
}

/// Operations that wait for the peer's answer never get it: what the socket still takes is written.
fn end_of_frames(cx: &Cx, bind: &Bind) {
    // A flush ends with its turn; this is the last one there is.
    let mut left = u64::MAX;
    while !bind.has(PENDING_CLOSED) {
        flush(cx, bind);
        let before = core::mem::replace(&mut left, output_left(bind));
        if left == 0 || left >= before {
            break;
        }
    }
    cx.request_close(bind);
}

/// What goes to the kernel.
fn output(bind: &Bind) -> &LoopCell<IovecRing> {
    match bind.io() {
        Io::TcpRdma(io) => &io.framed,
        _ => &bind.send,
    }
}

/// How much is still to be written; a number that sinks with every write.
fn output_left(bind: &Bind) -> u64 {
    match bind.io() {
        Io::TcpRdma(io) => io.output_left(bind),
        _ => bind.send.with(|ring| ring.bytes()),
    }
}

/// The flush at the end of a pass. While the kernel is full it would be in vain.
pub fn flush_queued(cx: &Cx, bind: &Bind) {
    if !bind.event().awaits_writable() {
        flush(cx, bind);
    }
}

/// Writes what is queued, as far as the kernel takes it.
fn flush(cx: &Cx, bind: &Bind) {
    if io(bind).state.get() != State::Connected {
        // Write interest is armed; the outcome of the connect comes first.
        return;
    }
    for _ in 0..WRITES_PER_TURN_MAX {
        if bind.has(PENDING_CLOSED) {
            return;
        }
        if matches!(bind.io(), Io::TcpRdma(_)) && !output::prepare(cx, bind) {
            return;
        }
        if output(bind).with(|ring| ring.bytes()) == 0 {
            return flushed(cx, bind);
        }
        match write_once(cx, bind) {
            Ok(written) if written.all => {}
            Ok(_) => return wait_writable(cx, bind),
            Err(error) if socket::is_transient(&error) => return wait_writable(cx, bind),
            Err(error) if socket::is_shortage(&error) => return cx.flush_later(bind),
            Err(_) => return write_failed(cx, bind),
        }
    }
    if output_left(bind) == 0 {
        return flushed(cx, bind);
    }
    // More than one turn's worth: the next pass goes on.
    cx.arm_flush(bind);
}

/// The peer is gone: nothing can be written any more, but what it sent before may still be unread.
fn write_failed(cx: &Cx, bind: &Bind) {
    if matches!(bind.io(), Io::TcpRdma(_)) {
        output::give_up(cx, bind);
    }
    for _ in 0..READS_AFTER_FAILURE_MAX {
        if !matches!(
            read_once(cx, bind),
            Ok(ReadOutcome::Full | ReadOutcome::Bulk | ReadOutcome::Short)
        ) || bind.has(PENDING_CLOSED)
        {
            break;
        }
    }
    cx.request_close(bind);
}

fn wait_writable(cx: &Cx, bind: &Bind) {
    cx.events.await_writable(bind.event_pointer());
}

fn flushed(cx: &Cx, bind: &Bind) {
    match bind.io() {
        Io::TcpRdma(io) => {
            io.trim();
            bind.send.with(|ring| ring.trim_close());
        }
        _ => {
            if !bind.send.with(|ring| ring.is_empty()) {
                // Entries without bytes.
                bind.send.consume(0, cx.evpl());
            }
            bind.messages.with(|messages| messages.clear());
        }
    }
    bind.trim_send();
    cx.events.fds().write_disinterest(bind.event_pointer());
    cx.close_if_finished(bind);
}

pub struct Written {
    pub len: u64,
    /// The kernel took all that was offered.
    pub all: bool,
}

/// One gather write.
pub fn write_once(cx: &Cx, bind: &Bind) -> io::Result<Written> {
    let mut iov = [const { MaybeUninit::<libc::iovec>::uninit() }; WRITE_IOVECS_MAX];
    let limit = (cx.config().max_num_iovec as usize).clamp(1, WRITE_IOVECS_MAX);
    let output = output(bind);
    let (count, offered) = output.with(|ring| ring.gather(&mut iov[..limit]));
    // SAFETY: `gather` filled the first `count` entries with memory that the ring's references keep.
    let sent = unsafe { socket::send(bind.event().fd(), iov[..count].assume_init_ref()) }? as u64;
    output.consume(sent, cx.evpl());
    let msgs = match bind.io() {
        Io::TcpRdma(_) => output::written(cx, bind, sent),
        _ => count_whole_messages(bind, sent),
    };
    cx.notify_sent(bind, sent, msgs);
    Ok(Written {
        len: sent,
        all: sent == offered,
    })
}

/// Takes `sent` bytes off the records of a segmented stream; how many of them that completed.
pub fn count_whole_messages(bind: &Bind, mut sent: u64) -> u64 {
    bind.messages.with(|messages| {
        let mut whole = 0;
        while let Some(front) = messages.front_mut() {
            let length = u64::from(front.length);
            if length > sent {
                front.length -= sent as u32;
                break;
            }
            sent -= length;
            whole += 1;
            messages.pop_front();
        }
        whole
    })
}

/// Lets go of the descriptor; the kernel says goodbye to the peer.
pub fn begin_close(cx: &Cx, bind: &Bind) {
    let Some(io) = try_io(bind) else { return };
    if let Some(retry) = io.retry.take() {
        retry.cancel(cx);
    }
    cx.events.remove_closing(bind.event_pointer());
    io.fd.take();
}
