//! The life of a TLS bind on its loop: connecting, shaking hands, exchanging records.
//!
//! Reading: ciphertext goes to the loop's own space and is opened from there into the loop's receive
//! window, or behind what the bind has not consumed yet. Only the beginning of a record whose rest is
//! still to come is kept with the connection.
//!
//! Writing: a batch of records is sealed into the loop's own space and offered to the kernel at once.
//! What the kernel does not take is kept, and the plaintext stays queued until the kernel has all of its
//! records; then SENT counts it.
//!
//! A direction whose keys the kernel has is read and written like a plain socket, see
//! [`stream`](crate::transport::socket::stream); only records that are not data are dealt with here. The
//! kernel gets the keys between two records: to send once nothing sealed here is left, to receive once
//! nothing unopened was read.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ProtocolVersion, ServerConfig};

use super::handshake::{Complete, Handshake, Progress};
use super::record::{self, Failure, Opened, Session};
use crate::abi::{evpl, evpl_fd_event, evpl_timer};
use crate::event::fd_event::{ERROR, WatchOutput};
use crate::event::timer;
use crate::memory::cell::LoopCell;
use crate::sys::ktls::{self, Way};
use crate::sys::socket::{self, NO_BYTES};
use crate::transport::Cx;
use crate::transport::bind::{Bind, Io, PENDING_CLOSED};
use crate::transport::socket::stream;

/// A peer that takes longer than this for its part of the handshake is not waited for.
const HANDSHAKE_TIMEOUT_US: u64 = 60_000_000;
/// The most that one read takes from the kernel: what stays in the CPU's cache.
const READ_LEN_MAX: usize = 256 << 10;
/// Reads in a row after a hang-up before other binds get their turn.
const READS_PER_TURN_MAX: usize = 16;
/// Reads in a row that the kernel had more for, without a hang-up.
const FULL_READS_PER_TURN_MAX: usize = 4;
/// Reads that fetch what a peer left behind after it stopped taking our bytes.
const READS_AFTER_FAILURE_MAX: usize = 1024;
/// Plaintext sealed before the kernel is asked to take it.
const BATCH_LEN_MAX: usize = 8 * record::PLAINTEXT_MAX;
/// Gather writes tried in one flush before other binds get their turn.
const WRITES_PER_TURN_MAX: usize = 8;
/// Queued iovecs looked at for one batch.
const BATCH_IOVECS_MAX: usize = 128;
/// Room for what the record layer itself sends.
const OWED_LEN_MAX: usize = 4 * record::OVERHEAD_MAX;
/// Bytes of a negotiated name that are reported; longer names count as none.
const ALPN_LEN_MAX: usize = 15;

/// Space of a loop that all its connections use in turn; none between two calls.
#[derive(Default)]
pub struct Scratch {
    incoming: LoopCell<Vec<u8>>,
    outgoing: LoopCell<Vec<u8>>,
}

#[repr(C)]
pub struct TlsIo {
    /// First: its address leads back here.
    timeout: LoopCell<evpl_timer>,
    bind: *const Bind,
    fd: LoopCell<Option<OwnedFd>>,
    phase: LoopCell<Phase>,
    /// The beginning of a record.
    incoming: LoopCell<Vec<u8>>,
    /// Records the kernel has not taken, from `sent` on.
    outgoing: LoopCell<Vec<u8>>,
    sent: Cell<usize>,
    /// Queued plaintext that is in `outgoing` already.
    sealed: Cell<u64>,
    /// Bytes reserved for this bind behind the last received ones.
    tail_room: Cell<usize>,
    alpn: LoopCell<Option<Box<[u8]>>>,
    /// The peer will send no more.
    ended: Cell<bool>,
}

enum Phase {
    /// connect(2) is under way.
    Connecting(Box<(Arc<ClientConfig>, ServerName<'static>)>),
    Handshake(Box<Handshake>),
    Open(Box<Session>),
    Over,
}

impl TlsIo {
    fn new(bind: &Bind, fd: OwnedFd, phase: Phase) -> TlsIo {
        TlsIo {
            timeout: LoopCell::new(timer::IDLE),
            bind,
            fd: LoopCell::new(Some(fd)),
            phase: LoopCell::new(phase),
            incoming: LoopCell::default(),
            outgoing: LoopCell::default(),
            sent: Cell::new(0),
            sealed: Cell::new(0),
            tail_room: Cell::new(0),
            alpn: LoopCell::new(None),
            ended: Cell::new(false),
        }
    }

    pub fn alpn(&self) -> Option<Vec<u8>> {
        self.alpn.with(|name| name.as_deref().map(<[u8]>::to_vec))
    }

    fn is_open(&self) -> bool {
        self.phase.with(|phase| matches!(phase, Phase::Open(_)))
    }

    /// Runs `f` on the session of an open connection.
    fn session<R>(&self, f: impl FnOnce(&mut Session) -> R) -> Option<R> {
        self.phase.with(|phase| match phase {
            Phase::Open(session) => Some(f(session)),
            _ => None,
        })
    }

    fn has_outgoing(&self) -> bool {
        self.outgoing.with(|outgoing| !outgoing.is_empty())
    }
}

fn io(bind: &Bind) -> &TlsIo {
    match bind.io() {
        Io::Tls(io) => io,
        _ => unreachable!("TLS callbacks are registered by TLS binds only"),
    }
}

fn timeout_pointer(io: &TlsIo) -> *mut evpl_timer {
    core::ptr::from_ref(io).cast_mut().cast()
}

/// Gives a connecting socket to the bind. It is watched once connect(2) was called.
pub fn adopt_connecting(
    bind: &Bind,
    fd: OwnedFd,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
) {
    let phase = Phase::Connecting(Box::new((config, name)));
    bind.set_io(Io::Tls(Box::new(TlsIo::new(bind, fd, phase))));
}

/// Waits for the outcome of connect(2).
pub fn watch_connecting(cx: &Cx, bind: &Bind) -> io::Result<()> {
    watch(cx, bind, WatchOutput::Now)?;
    cx.events.fds().write_interest(bind.event_pointer());
    Ok(())
}

/// Gives an accepted socket to the bind and waits for the client's first message.
pub fn adopt_accepted(
    cx: &Cx,
    bind: &Bind,
    fd: OwnedFd,
    config: Arc<ServerConfig>,
) -> io::Result<()> {
    let handshake = Handshake::server(config).map_err(io::Error::other)?;
    let phase = Phase::Handshake(Box::new(handshake));
    bind.set_io(Io::Tls(Box::new(TlsIo::new(bind, fd, phase))));
    watch(cx, bind, WatchOutput::OnDemand)?;
    start_timeout(cx, bind);
    Ok(())
}

fn watch(cx: &Cx, bind: &Bind, watch_output: WatchOutput) -> io::Result<()> {
    let fd = io(bind)
        .fd
        .with(|fd| fd.as_ref().map(AsRawFd::as_raw_fd))
        .expect("adopted before it is watched");
    cx.events.add_internal(
        bind.event_pointer(),
        fd,
        [Some(on_readable), Some(on_writable), None],
        watch_output,
        false,
    )?;
    cx.events.fds().read_interest(bind.event_pointer());
    Ok(())
}

fn start_timeout(cx: &Cx, bind: &Bind) {
    let timer = timeout_pointer(io(bind));
    cx.events
        .add_timer(timer, Some(on_timeout), HANDSHAKE_TIMEOUT_US, true);
}

unsafe extern "C" fn on_timeout(evpl: *mut evpl, timer: *mut evpl_timer) {
    // SAFETY: the timer is the first field of a `TlsIo` whose bind is open: a close removes it.
    let (cx, bind) = unsafe { (Cx::from_handle(evpl), &*(*timer.cast::<TlsIo>()).bind) };
    if !bind.has(PENDING_CLOSED) {
        handshake_failed(cx, bind, "the peer took too long");
    }
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
        if io(bind).is_open() {
            flush(cx, bind);
        } else {
            send_handshake(cx, bind);
        }
    }
}

// ---- handshake ----------------------------------------------------------------------------------

/// True if the socket is connected, from before or from now on, and the bind still open.
fn finish_connect(cx: &Cx, bind: &Bind) -> bool {
    let io = io(bind);
    let connecting = |phase: &mut Phase| matches!(phase, Phase::Connecting(_));
    if io.phase.with(connecting) {
        if socket::take_error(bind.event().fd()).is_err() {
            cx.request_close(bind);
            return false;
        }
        let Phase::Connecting(how) = io.phase.replace(Phase::Over) else {
            unreachable!("checked above")
        };
        let (config, name) = *how;
        match Handshake::client(config, name) {
            Ok(handshake) => {
                io.phase.replace(Phase::Handshake(Box::new(handshake)));
                start_timeout(cx, bind);
                advance(cx, bind);
            }
            Err(error) => handshake_failed(cx, bind, &error.to_string()),
        }
    }
    !bind.has(PENDING_CLOSED)
}

/// Takes the handshake as far as the bytes that are there allow.
fn advance(cx: &Cx, bind: &Bind) {
    let io = io(bind);
    let progress = io.phase.with(|phase| match phase {
        Phase::Handshake(handshake) => {
            let progress = handshake.advance();
            io.outgoing
                .with(|outgoing| outgoing.append(&mut handshake.outgoing));
            Some(progress)
        }
        _ => None,
    });
    match progress {
        None => {}
        Some(Progress::Blocked) => send_handshake(cx, bind),
        Some(Progress::Complete(complete)) => establish(cx, bind, *complete),
        Some(Progress::Failed(reason)) => {
            // The alert, as far as the kernel takes it.
            let _ = send_outgoing(cx, bind);
            handshake_failed(cx, bind, &reason);
        }
    }
}

/// Hands the handshake's own messages to the kernel.
fn send_handshake(cx: &Cx, bind: &Bind) {
    match send_outgoing(cx, bind) {
        Ok(true) => cx.events.fds().write_disinterest(bind.event_pointer()),
        Ok(false) => wait_writable(cx, bind),
        // What the peer said before it went is more telling than that it went.
        Err(_) => {}
    }
}

fn establish(cx: &Cx, bind: &Bind, complete: Complete) {
    let io = io(bind);
    cx.events.remove_timer(timeout_pointer(io));
    let Complete {
        secrets,
        kernel,
        alpn,
    } = complete;
    let alpn = alpn.filter(|name| name.len() <= ALPN_LEN_MAX);
    io.alpn.replace(alpn.map(Vec::into_boxed_slice));
    let tls13 = kernel.protocol_version() == ProtocolVersion::TLSv1_3;
    let for_kernel =
        cx.config().tls_ktls_enabled && cx.process.tls.kernel.attach(bind.event().fd(), tls13);
    let session = Box::new(Session::new(secrets, kernel, for_kernel));
    let Phase::Handshake(handshake) = io.phase.replace(Phase::Open(session)) else {
        unreachable!("only a handshake completes")
    };
    // A program that finishes in its callback still owes the peer the end of the handshake. If this
    // fails, so will the next thing that is tried.
    let _ = send_outgoing(cx, bind);
    cx.notify_connected(bind);
    if !handshake.plaintext.is_empty() && !bind.has(PENDING_CLOSED) {
        append_copy(cx, bind, &handshake.plaintext);
        cx.received(bind);
    }
    if !bind.has(PENDING_CLOSED) {
        flush(cx, bind);
    }
    if bind.has(PENDING_CLOSED) {
        return;
    }
    if handshake.peer_closed {
        return end_of_stream(cx, bind);
    }
    let batch = open_records(cx, bind, &handshake.incoming);
    io.incoming
        .replace(handshake.incoming[batch.used..].to_vec());
    deliver(cx, bind, batch);
    receive_in_kernel(cx, bind);
}

/// Gives the kernel the keys of a direction, the first or new ones. False: it is not to have them.
fn give_keys(cx: &Cx, bind: &Bind, way: Way) -> io::Result<bool> {
    let io = io(bind);
    let given = io.session(|session| {
        let in_kernel = session.is_in_kernel(way);
        let keys = session.kernel_keys(way)?;
        let outcome = ktls::set_keys(bind.event().fd(), way, &keys);
        match &outcome {
            Ok(()) => session.taken_over(way),
            Err(_) if in_kernel => {}
            Err(_) => session.stays_here(way),
        }
        Some((outcome, in_kernel))
    });
    match given.flatten() {
        None => Ok(false),
        Some((Ok(()), _)) => Ok(true),
        // It cannot be taken back, and the old keys are of no use.
        Some((Err(error), true)) => Err(error),
        Some((Err(error), false)) => {
            cx.process.tls.kernel.refused(way, &error);
            Ok(false)
        }
    }
}

/// Lets the kernel open records from here on, if it is to and all that was read is opened; true if so.
fn receive_in_kernel(cx: &Cx, bind: &Bind) -> bool {
    let io = io(bind);
    let waits = io.session(|session| session.waits_for_kernel(Way::Receive)) == Some(true);
    waits
        && io.incoming.with(|incoming| incoming.is_empty())
        && !bind.has(PENDING_CLOSED)
        && matches!(give_keys(cx, bind, Way::Receive), Ok(true))
}

fn handshake_failed(cx: &Cx, bind: &Bind, reason: &str) {
    crate::log_error!(
        "tls",
        "handshake with {} failed: {}",
        bind.remote_address_text(),
        reason
    );
    io(bind).phase.replace(Phase::Over);
    cx.request_close(bind);
}

// ---- reading ------------------------------------------------------------------------------------

enum ReadOutcome {
    /// The kernel may have more.
    Full,
    /// The kernel had less than there was space for.
    Short,
    End,
}

/// What one run over received records brought.
#[derive(Default)]
struct Batch {
    /// Ciphertext that is done with.
    used: usize,
    /// There are new bytes for the program.
    data: bool,
    end: Option<End>,
}

impl Batch {
    fn note(&mut self, opened: Result<Opened, Failure>) {
        match opened {
            Ok(Opened::Data(len)) => self.data |= len > 0,
            Ok(Opened::Control) => {}
            Ok(Opened::CloseNotify) => self.end = Some(End::CloseNotify),
            Err(failure) => self.end = Some(End::Failed(failure)),
        }
    }
}

enum End {
    CloseNotify,
    Failed(Failure),
}

fn read(cx: &Cx, bind: &Bind) {
    for turn in 1..=READS_PER_TURN_MAX {
        let outcome = read_once(cx, bind);
        if !matches!(&outcome, Err(error) if socket::is_transient(error)) {
            cx.events.note_traffic(bind.event_pointer());
        }
        match outcome {
            Ok(ReadOutcome::Full) if turn < FULL_READS_PER_TURN_MAX || bind.event().has(ERROR) => {}
            Ok(ReadOutcome::Full) => return,
            Ok(ReadOutcome::Short) if bind.event().has(ERROR) => {}
            Ok(ReadOutcome::Short) => {
                return cx.events.fds().mark_unreadable(bind.event_pointer());
            }
            Ok(ReadOutcome::End) => return truncated(cx, bind, "no close_notify"),
            Err(error) if socket::is_transient(&error) => {
                return cx.events.fds().mark_unreadable(bind.event_pointer());
            }
            Err(error) => return read_failed(cx, bind, &error),
        }
        if bind.has(PENDING_CLOSED) {
            return;
        }
    }
}

fn read_failed(cx: &Cx, bind: &Bind, error: &io::Error) {
    let io = io(bind);
    let in_kernel = io.session(|session| session.is_in_kernel(Way::Receive)) == Some(true);
    match record::kernel_failure(error).filter(|_| in_kernel) {
        Some(failure) => fail(cx, bind, &failure),
        None => truncated(cx, bind, &error.to_string()),
    }
}

fn read_once(cx: &Cx, bind: &Bind) -> io::Result<ReadOutcome> {
    let io = io(bind);
    if io.session(|session| session.is_in_kernel(Way::Receive)) == Some(true) {
        return read_opened(cx, bind);
    }
    let held = io.incoming.take();
    let mut space = cx.tls.incoming.take();
    space.resize(READ_LEN_MAX + record::WIRE_MAX, 0);
    space[..held.len()].copy_from_slice(&held);
    let waits = io.session(|session| session.waits_for_kernel(Way::Receive)) == Some(true);
    let limit = if waits {
        // The record that was begun and no byte more: the kernel goes on with the next.
        record::missing(&held).unwrap_or(READ_LEN_MAX)
    } else {
        READ_LEN_MAX
    };
    let fresh = libc::iovec {
        iov_base: space[held.len()..].as_mut_ptr().cast(),
        iov_len: limit,
    };
    // SAFETY: the space is ours and has that much room behind what is held, which is no whole record.
    let received = match unsafe { socket::receive(bind.event().fd(), &[fresh]) } {
        Ok(received) if received > 0 => received,
        other => {
            io.incoming.replace(held);
            cx.tls.incoming.replace(space);
            return other.map(|_| ReadOutcome::End);
        }
    };
    let bytes = &space[..held.len() + received];
    let batch = if io.is_open() {
        let batch = open_records(cx, bind, bytes);
        io.incoming.replace(bytes[batch.used..].to_vec());
        Some(batch)
    } else {
        io.phase.with(|phase| {
            if let Phase::Handshake(handshake) = phase {
                handshake.incoming.extend_from_slice(bytes);
            }
        });
        None
    };
    cx.tls.incoming.replace(space);
    match batch {
        Some(batch) => deliver(cx, bind, batch),
        None => advance(cx, bind),
    }
    let went_over = receive_in_kernel(cx, bind);
    Ok(if received == limit || went_over {
        ReadOutcome::Full
    } else {
        ReadOutcome::Short
    })
}

/// One read from records that the kernel opens. It ends where the type of the records changes, so less
/// than there is room for does not mean that there is no more.
fn read_opened(cx: &Cx, bind: &Bind) -> io::Result<ReadOutcome> {
    let io = io(bind);
    let space = stream::ReceiveSpace::new(cx, bind, io.tail_room.get());
    // SAFETY: the space is ours until something else receives on this thread.
    let (received, kind) = unsafe { ktls::receive(bind.event().fd(), space.entries()) }?;
    let Some(kind) = kind else {
        return Ok(ReadOutcome::End);
    };
    let mut batch = Batch::default();
    let opened = if kind == record::APPLICATION_DATA {
        io.session(|session| session.take_data())
            .expect("read on open connections")
            .map(|()| {
                io.tail_room.set(space.keep(cx, bind, received));
                Opened::Data(received)
            })
    } else {
        let content = space.copy(received);
        io.session(|session| session.take_control(kind, &content))
            .expect("read on open connections")
    };
    batch.note(opened);
    deliver(cx, bind, batch);
    if !bind.has(PENDING_CLOSED)
        && io.session(|session| session.waits_for_kernel(Way::Receive)) == Some(true)
        && give_keys(cx, bind, Way::Receive).is_err()
    {
        fail(cx, bind, &record::keys_refused());
    }
    Ok(ReadOutcome::Full)
}

/// Tells the program what a batch brought, then does what its end asks for.
fn deliver(cx: &Cx, bind: &Bind, batch: Batch) {
    if batch.data {
        cx.received(bind);
    }
    if bind.has(PENDING_CLOSED) {
        return;
    }
    match batch.end {
        None if io(bind).session(|session| session.owes()) == Some(true) => cx.arm_flush(bind),
        None => {}
        Some(End::CloseNotify) => end_of_stream(cx, bind),
        Some(End::Failed(failure)) => fail(cx, bind, &failure),
    }
}

/// Opens every whole record of `bytes` into the receive queue. Runs no user code.
fn open_records(cx: &Cx, bind: &Bind, bytes: &[u8]) -> Batch {
    let mut batch = Batch::default();
    let mut filled = 0;
    while batch.end.is_none() {
        let rest = &bytes[batch.used..];
        if rest.len() < record::HEADER_LEN {
            break;
        }
        let opened = match record::wire_len(rest) {
            Ok(len) if len > rest.len() => break,
            Ok(len) => {
                batch.used += len;
                open_record(cx, bind, &rest[..len], &mut filled)
            }
            Err(failure) => Err(failure),
        };
        batch.note(opened);
    }
    commit(cx, bind, filled);
    batch
}

/// Opens one record behind the `filled` bytes of the loop's window, or in the room behind what the bind
/// has queued.
fn open_record(cx: &Cx, bind: &Bind, wire: &[u8], filled: &mut usize) -> Result<Opened, Failure> {
    let io = io(bind);
    let open = |out: &mut [u8]| {
        io.session(|session| session.open(wire, out))
            .expect("records are opened on open connections")
    };
    let room = io
        .session(|session| session.room(wire.len()))
        .expect("records are opened on open connections");
    if *filled == 0 && room <= io.tail_room.get() {
        let end = bind.recv.with(|ring| {
            let tail = ring.back().filter(|tail| !tail.is_empty())?;
            Some(tail.data().wrapping_add(tail.len() as usize))
        });
        if let Some(end) = end {
            // SAFETY: `tail_room` bytes behind the last queued ones are reserved for this bind.
            let opened = open(unsafe { core::slice::from_raw_parts_mut(end, room) })?;
            if let Opened::Data(len) = opened {
                bind.recv.with(|ring| ring.extend_back(len as u32));
                io.tail_room.set(io.tail_room.get() - len);
            }
            return Ok(opened);
        }
    }
    let (base, window_len) = window(cx);
    if window_len >= *filled + room {
        let at = base.wrapping_add(*filled);
        // SAFETY: the loop's window is nobody else's until it is committed, and has that much room.
        let opened = open(unsafe { core::slice::from_raw_parts_mut(at, room) })?;
        if let Opened::Data(len) = opened {
            *filled += len;
        }
        return Ok(opened);
    }
    // Across the end of a buffer.
    commit(cx, bind, core::mem::take(filled));
    let mut plaintext = vec![0; room];
    let opened = open(&mut plaintext)?;
    if let Opened::Data(len) = opened {
        append_copy(cx, bind, &plaintext[..len]);
    }
    Ok(opened)
}

/// Where the loop's next received bytes go, and how many fit there.
fn window(cx: &Cx) -> (*mut u8, usize) {
    let mut iov = [NO_BYTES; 2];
    cx.memory.recv_prepare(&mut iov, 1);
    (iov[0].iov_base.cast(), iov[0].iov_len)
}

fn append_copy(cx: &Cx, bind: &Bind, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let (base, window_len) = window(cx);
        let (now, later) = bytes.split_at(bytes.len().min(window_len));
        // SAFETY: the window has room for them and is nobody else's.
        unsafe { base.copy_from_nonoverlapping(now.as_ptr(), now.len()) };
        commit(cx, bind, now.len());
        bytes = later;
    }
}

/// Queues the first `len` bytes of the window.
fn commit(cx: &Cx, bind: &Bind, len: usize) {
    if len > 0 {
        let queued = bind.recv.with(|ring| ring.bytes());
        io(bind)
            .tail_room
            .set(stream::append_from_window(cx, bind, len, queued));
    }
}

/// The peer's side ended in a way that TLS does not know as an end.
fn truncated(cx: &Cx, bind: &Bind, how: &str) {
    let io = io(bind);
    if io.is_open() {
        crate::log_error!(
            "tls",
            "connection with {} truncated: {}",
            bind.remote_address_text(),
            how
        );
        return end_of_stream(cx, bind);
    }
    if io.phase.with(|phase| matches!(phase, Phase::Handshake(_))) {
        return handshake_failed(cx, bind, &format!("the peer closed the connection: {how}"));
    }
    cx.request_close(bind);
}

/// The peer will send no more. What is queued is sent as far as the peer takes it, then the bind closes.
fn end_of_stream(cx: &Cx, bind: &Bind) {
    if io(bind).ended.replace(true) {
        return;
    }
    let fds = cx.events.fds();
    fds.mark_unreadable(bind.event_pointer());
    fds.read_disinterest(bind.event_pointer());
    cx.close_when_sent(bind, bind.event().fd());
    flush_queued(cx, bind);
}

/// The connection broke the protocol, or the peer says that we did.
fn fail(cx: &Cx, bind: &Bind, failure: &Failure) {
    crate::log_error!(
        "tls",
        "connection with {} failed: {}",
        bind.remote_address_text(),
        failure.reason
    );
    if let Some(alert) = failure.alert {
        send_last_alert(cx, bind, &[2, u8::from(alert)]);
    }
    io(bind).phase.replace(Phase::Over);
    cx.request_close(bind);
}

// ---- writing ------------------------------------------------------------------------------------

enum Wrote {
    /// There was nothing to write.
    Nothing,
    /// The kernel took all that was offered.
    All,
    Part,
}

/// The flush at the end of a pass. While the kernel is full it would be in vain.
pub fn flush_queued(cx: &Cx, bind: &Bind) {
    if !bind.event().awaits_writable() {
        flush(cx, bind);
    }
}

/// Writes what is queued, as far as the kernel takes it.
fn flush(cx: &Cx, bind: &Bind) {
    if !io(bind).is_open() {
        // The end of the handshake flushes.
        return;
    }
    for _ in 0..WRITES_PER_TURN_MAX {
        if bind.has(PENDING_CLOSED) {
            return;
        }
        match write_once(cx, bind) {
            Ok(Wrote::All) => {}
            Ok(Wrote::Nothing) => return flushed(cx, bind),
            Ok(Wrote::Part) => return wait_writable(cx, bind),
            Err(error) if socket::is_shortage(&error) => return cx.flush_later(bind),
            Err(_) => return write_failed(cx, bind),
        }
    }
    // More than one turn's worth, maybe: the next pass goes on.
    if !bind.has(PENDING_CLOSED) {
        cx.arm_flush(bind);
    }
}

fn flushed(cx: &Cx, bind: &Bind) {
    // Entries without bytes may be left.
    bind.send.consume(0, cx.evpl());
    bind.messages.with(|messages| messages.clear());
    bind.trim_send();
    cx.events.fds().write_disinterest(bind.event_pointer());
    cx.close_if_finished(bind);
}

fn wait_writable(cx: &Cx, bind: &Bind) {
    cx.events.await_writable(bind.event_pointer());
}

/// The peer is gone: nothing can be written any more, but what it sent before may still be unread.
fn write_failed(cx: &Cx, bind: &Bind) {
    for _ in 0..READS_AFTER_FAILURE_MAX {
        if bind.has(PENDING_CLOSED) || io(bind).ended.get() {
            break;
        }
        match read_once(cx, bind) {
            Ok(ReadOutcome::Full | ReadOutcome::Short) => {}
            Ok(ReadOutcome::End) | Err(_) => break,
        }
    }
    cx.request_close(bind);
}

/// Offers one batch to the kernel, or what is left of the last one.
fn write_once(cx: &Cx, bind: &Bind) -> io::Result<Wrote> {
    let io = io(bind);
    if io.has_outgoing() {
        return Ok(if send_outgoing(cx, bind)? {
            Wrote::All
        } else {
            Wrote::Part
        });
    }
    if io.session(|session| session.waits_for_kernel(Way::Send)) == Some(true) {
        give_keys(cx, bind, Way::Send)?;
    }
    if io.session(|session| session.is_in_kernel(Way::Send)) == Some(true) {
        return write_unsealed(cx, bind);
    }
    let owes = io.session(|session| session.owes()) == Some(true);
    if !owes && bind.send.with(|ring| ring.bytes()) == 0 {
        return Ok(Wrote::Nothing);
    }
    let mut space = cx.tls.outgoing.take();
    let records_max = BATCH_LEN_MAX / record::PLAINTEXT_MAX;
    space.resize(
        BATCH_LEN_MAX + records_max * record::OVERHEAD_MAX + OWED_LEN_MAX,
        0,
    );
    let sealed = io
        .session(|session| seal_batch(session, bind, &mut space))
        .expect("batches are sealed on open connections");
    let outcome = sealed.map_err(io::Error::other).and_then(|(len, plain)| {
        let sent = send_bytes(cx, bind, &space[..len])?;
        Ok((sent, len, plain))
    });
    if let Ok((sent, len, plain)) = outcome
        && sent < len
    {
        io.outgoing.replace(space[sent..len].to_vec());
        io.sealed.set(plain);
    }
    cx.tls.outgoing.replace(space);
    let (sent, len, plain) = outcome?;
    if sent < len {
        return Ok(Wrote::Part);
    }
    settle(cx, bind, plain);
    Ok(Wrote::All)
}

/// One gather write of what the kernel is to seal, after what the record layer owes.
fn write_unsealed(cx: &Cx, bind: &Bind) -> io::Result<Wrote> {
    let io = io(bind);
    while let Some((kind, content)) = io.session(|session| session.next_owed()).flatten() {
        match ktls::send_record(bind.event().fd(), kind, content) {
            Ok(sent) if sent == content.len() => {}
            Ok(_) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if socket::is_transient(&error) => return Ok(Wrote::Part),
            Err(error) => return Err(error),
        }
        io.session(|session| session.said(kind))
            .expect("written on open connections")
            .map_err(|failure| io::Error::other(failure.reason))?;
        give_keys(cx, bind, Way::Send)?;
    }
    if bind.send.with(|ring| ring.bytes()) == 0 {
        return Ok(Wrote::Nothing);
    }
    match stream::write_once(cx, bind) {
        Ok(written) => {
            io.session(|session| session.count_kernel_records(written.len));
            Ok(if written.all { Wrote::All } else { Wrote::Part })
        }
        Err(error) if socket::is_transient(&error) => Ok(Wrote::Part),
        Err(error) => Err(error),
    }
}

/// Seals what the record layer owes and what is queued, small pieces together; returns the bytes in
/// `out` and how many of the queue they stand for.
fn seal_batch(session: &mut Session, bind: &Bind, out: &mut [u8]) -> Result<(usize, u64), String> {
    let text = |failure: Failure| failure.reason;
    let mut iov = [const { core::mem::MaybeUninit::<libc::iovec>::uninit() }; BATCH_IOVECS_MAX];
    let (count, offered) = bind.send.with(|ring| ring.gather(&mut iov));
    // SAFETY: `gather` filled the first `count` entries.
    let iov = unsafe { iov[..count].assume_init_ref() };
    let total = (offered as usize).min(BATCH_LEN_MAX);
    let mut len = session.seal_owed(out).map_err(text)?;
    let (mut plain, mut index, mut offset) = (0, 0, 0);
    let mut pieces = [&[][..]; BATCH_IOVECS_MAX];
    while plain < total {
        let (mut piece_count, mut left) = (0, record::PLAINTEXT_MAX.min(total - plain));
        plain += left;
        while left > 0 {
            let entry = &iov[index];
            // SAFETY: the ring's reference keeps the entry's bytes, and `offset` is inside them.
            let rest = unsafe {
                core::slice::from_raw_parts(
                    entry.iov_base.cast::<u8>().add(offset),
                    entry.iov_len - offset,
                )
            };
            let piece = &rest[..rest.len().min(left)];
            pieces[piece_count] = piece;
            piece_count += 1;
            left -= piece.len();
            if piece.len() == rest.len() {
                (index, offset) = (index + 1, 0);
            } else {
                offset += piece.len();
            }
        }
        len += session
            .seal_data(&pieces[..piece_count], &mut out[len..])
            .map_err(text)?;
    }
    Ok((len, plain as u64))
}

/// Offers what was left; true if nothing is any more.
fn send_outgoing(cx: &Cx, bind: &Bind) -> io::Result<bool> {
    let io = io(bind);
    let done = io.outgoing.with(|outgoing| {
        if !outgoing.is_empty() {
            let sent = io.sent.get() + send_bytes(cx, bind, &outgoing[io.sent.get()..])?;
            io.sent.set(sent);
            if sent < outgoing.len() {
                return io::Result::Ok(false);
            }
            io.sent.set(0);
            *outgoing = Vec::new();
        }
        Ok(true)
    })?;
    if done {
        settle(cx, bind, io.sealed.take());
    }
    Ok(done)
}

/// The kernel has the records of the first `plain` queued bytes.
fn settle(cx: &Cx, bind: &Bind, plain: u64) {
    if plain > 0 {
        bind.send.consume(plain, cx.evpl());
        let msgs = stream::count_whole_messages(bind, plain);
        cx.notify_sent(bind, plain, msgs);
    }
}

/// How many bytes the kernel took; 0 if it takes none now.
fn send_bytes(cx: &Cx, bind: &Bind, bytes: &[u8]) -> io::Result<usize> {
    let entry = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: the entry names `bytes`.
    match unsafe { socket::send(bind.event().fd(), &[entry]) } {
        Err(error) if socket::is_transient(&error) => Ok(0),
        // What was sealed is kept as when the kernel is full.
        Err(error) if socket::is_shortage(&error) => {
            cx.flush_later(bind);
            Ok(0)
        }
        other => other,
    }
}

/// Sends an alert if the kernel takes it, unless it would land inside an unfinished record.
fn send_last_alert(cx: &Cx, bind: &Bind, alert: &[u8]) {
    let io = io(bind);
    let fd = bind.event().fd();
    if io.has_outgoing() || fd < 0 {
        return;
    }
    // Nobody is left to tell if this fails.
    if io.session(|session| session.is_in_kernel(Way::Send)) == Some(true) {
        let _ = ktls::send_record(fd, record::ALERT, alert);
        return;
    }
    let mut out = [0; 2 * record::OVERHEAD_MAX];
    if let Some(Ok(len)) = io.session(|session| session.seal(record::ALERT, &[alert], &mut out)) {
        let _ = send_bytes(cx, bind, &out[..len]);
    }
}

/// Says goodbye and lets go of the descriptor.
pub fn begin_close(cx: &Cx, bind: &Bind) {
    let Io::Tls(io) = bind.io() else { return };
    cx.events.remove_timer(timeout_pointer(io));
    send_last_alert(cx, bind, &record::CLOSE_NOTIFY);
    cx.events.remove_closing(bind.event_pointer());
    io.phase.replace(Phase::Over);
    io.fd.take();
}
