//! Received bytes become messages, answers, and accesses to published memory, strictly in their order.
//!
//! The bind's receive ring holds what was read and not yet understood. A message stays in it until it is
//! whole. The payload of a write or of a read's reply leaves it at once for its place, and what is still
//! to come is read from the socket straight to there. After long payloads only a little is read beyond
//! them, so that hardly any of the next one has to be copied out of the window.
//!
//! What a peer sends is checked before it is believed; what is wrong closes the connection.

#![forbid(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;

use super::connection::{Block, Payload, RdmaIo, place};
use super::output;
use super::wire::{Frame, HEAD_LEN_MAX, PAYLOAD_LEN_MAX, Place};
use super::{connection::Answer, wire};
use crate::transport::Cx;
use crate::transport::bind::{Bind, FINISH, Io, PENDING_CLOSED};
use crate::transport::operation::{Posted, Standing};
use crate::transport::socket::stream::{self, DIRECT_IOVECS_MAX, Direct, READ_IOVECS_MAX};

/// Answers owed before no more requests are looked at. More than a peer of our kind ever asks for, see
/// `output::POSTED_MAX`.
const ANSWERS_MAX: usize = 65_536;
/// A payload from which on it pays to read the next one's head alone.
const LONG_LEN_MIN: u32 = 64 << 10;
/// What is read behind a long payload, and in place of one.
const HEAD_WINDOW_LEN: usize = 4 << 10;
/// The most that one read takes to a place outside the window: while it is copied the sender waits.
const DIRECT_LEN_MAX: usize = 64 << 10;
/// A reply up to this length is copied when it is asked for.
const COPIED_LEN_MAX: u32 = 8 << 10;
/// Published bytes on their way out that are copied to let the peer go on.
const SETTLED_LEN_MAX: u64 = 16 << 20;
/// The same, if the peer might otherwise wait for us while we wait for it.
const SETTLED_LEN_LIMIT: u64 = 1 << 30;

fn io(bind: &Bind) -> &RdmaIo {
    match bind.io() {
        Io::TcpRdma(io) => io,
        _ => unreachable!("asked for by binds of this protocol only"),
    }
}

/// Looks again at what waited for output to drain. Whether there may be more to read now.
pub fn resume(cx: &Cx, bind: &Bind) -> bool {
    if !io(bind).paused.get() && bind.recv.with(|ring| !ring.is_empty()) {
        process(cx, bind);
    }
    !io(bind).paused.get() && !bind.has(PENDING_CLOSED)
}

/// Describes in `iov` where the next bytes from the socket go.
pub fn direct(
    bind: &Bind,
    iov: &mut [MaybeUninit<libc::iovec>; READ_IOVECS_MAX],
) -> io::Result<Direct> {
    let io = io(bind);
    if io.paused.get() {
        return Err(io::Error::from(io::ErrorKind::WouldBlock));
    }
    let mut direct = Direct::NONE;
    if bind.recv.with(|ring| !ring.is_empty()) {
        return Ok(direct);
    }
    if io.expects_long.get() && !matches!(io.payload.get(), Payload::Refused { .. }) {
        direct.window_len_max = HEAD_WINDOW_LEN;
    }
    let left = io.payload_left.get();
    let room = (left as usize).min(DIRECT_LEN_MAX);
    let mut add = |data: *mut u8, len: usize| {
        if len > 0 {
            iov[direct.count].write(libc::iovec {
                iov_base: data.cast(),
                iov_len: len,
            });
            direct.count += 1;
            direct.len += len;
        }
        direct.count < DIRECT_IOVECS_MAX && direct.len < room
    };
    match io.payload.get() {
        Payload::Write { place, grant } if !grant.is_current() => {
            io.payload.set(Payload::Refused { place });
        }
        Payload::Write { grant, .. } => {
            add(
                grant.data().wrapping_add((grant.length() - left) as usize),
                room,
            );
        }
        Payload::Read if left > 0 => {
            let (first, mut skipped) = io.filling.get();
            bind.with_operations(|operations| {
                let mut taken = 0;
                for piece in operations.posted_iovecs.iter().skip(first as usize) {
                    let len = ((piece.len() - skipped) as usize).min(room - taken);
                    taken += len;
                    if !add(piece.data().wrapping_add(skipped as usize), len) {
                        break;
                    }
                    skipped = 0;
                }
            });
        }
        _ => {}
    }
    if direct.len > 0 && direct.len < left as usize {
        // What follows goes to the same payload, which is not in the window.
        direct.window_len_max = 0;
    }
    Ok(direct)
}

/// `n` bytes were read to where `direct` said.
pub fn placed(bind: &Bind, n: usize) {
    let io = io(bind);
    io.payload_left.set(io.payload_left.get() - n as u32);
    if matches!(io.payload.get(), Payload::Read) {
        advance(bind, n as u32);
    }
}

/// The first `n` bytes that a read's destination still had room for are filled.
fn advance(bind: &Bind, mut n: u32) {
    let io = io(bind);
    let (mut index, mut at) = io.filling.get();
    bind.with_operations(|operations| {
        while let Some(piece) = operations.posted_iovecs.get(index as usize) {
            let room = piece.len() - at;
            if n < room {
                at += n;
                break;
            }
            n -= room;
            (index, at) = (index + 1, 0);
            if n == 0 {
                break;
            }
        }
    });
    io.filling.set((index, at));
}

/// Understands as much of the received bytes as there is.
pub fn process(cx: &Cx, bind: &Bind) {
    while !bind.has(PENDING_CLOSED) && !io(bind).paused.get() {
        let more = match io(bind).payload.get() {
            Payload::None => take_head(cx, bind),
            payload => take_payload(cx, bind, payload),
        };
        if !more {
            break;
        }
    }
    bind.recv.with(|ring| ring.trim_close());
    if bind.has(PENDING_CLOSED) {
        return;
    }
    if io(bind).has_output() || bind.messages.with(|messages| !messages.is_empty()) {
        // An answer may also have made room for another operation.
        cx.arm_flush(bind);
    } else if bind.has(FINISH) {
        cx.close_if_finished(bind);
    }
}

// ---- payload ------------------------------------------------------------------------------------

/// False if more of it has to come.
fn take_payload(cx: &Cx, bind: &Bind, payload: Payload) -> bool {
    let io = io(bind);
    let left = io.payload_left.get();
    if left > 0 {
        let taken = match payload {
            Payload::Write { place, grant } if !grant.is_current() => {
                io.payload.set(Payload::Refused { place });
                return true;
            }
            Payload::Write { grant, .. } => {
                let to = grant.data().wrapping_add((grant.length() - left) as usize);
                place(cx, bind, to, left)
            }
            Payload::Read => take_read(cx, bind, left),
            Payload::Refused { .. } | Payload::None => {
                let there = bind.recv.with(|ring| ring.bytes());
                let taken = there.min(u64::from(left)) as u32;
                bind.recv.consume(u64::from(taken), cx.evpl());
                taken
            }
        };
        io.payload_left.set(left - taken);
        if taken < left {
            return false;
        }
    }
    io.payload.set(Payload::None);
    match payload {
        Payload::Write { place, .. } => {
            output::owe(cx, bind, Answer::Bare(Frame::WriteReply { place }));
        }
        Payload::Refused { place } => output::owe(cx, bind, refusal(place)),
        Payload::Read => {
            cx.complete_posted(bind, 0);
            output::complete_over(cx, bind);
            bind.trim_operations();
        }
        Payload::None => {}
    }
    true
}

fn take_read(cx: &Cx, bind: &Bind, left: u32) -> u32 {
    let io = io(bind);
    let mut taken = 0;
    while taken < left {
        let (index, at) = io.filling.get();
        let piece = bind.with_operations(|operations| {
            let piece = operations.posted_iovecs.get(index as usize);
            piece.map(|piece| (piece.data().wrapping_add(at as usize), piece.len() - at))
        });
        let (to, room) = piece
            .flatten()
            .expect("the reply is as long as its destination");
        let n = place(cx, bind, to, room.min(left - taken));
        advance(bind, n);
        taken += n;
        if n < room {
            break;
        }
    }
    taken
}

fn refusal(place: Place) -> Answer {
    Answer::Bare(Frame::Error {
        place,
        errno: libc::EINVAL as u32,
    })
}

// ---- heads --------------------------------------------------------------------------------------

/// False if more bytes have to come, or output has to drain first.
fn take_head(cx: &Cx, bind: &Bind) -> bool {
    let mut bytes = [0; HEAD_LEN_MAX];
    let (len, there) = bind
        .recv
        .with(|ring| (ring.copy_out(0, &mut bytes), ring.bytes()));
    let (frame, head_len) = match Frame::decode(&bytes[..len]) {
        Ok(Some(decoded)) => decoded,
        Ok(None) => return false,
        Err(malformed) => return reject(cx, bind, &malformed),
    };
    let is_send = matches!(frame, Frame::Send { .. });
    if is_send && there < head_len as u64 + u64::from(frame.payload_len()) {
        return false;
    }
    match admit(cx, bind, &frame) {
        Admission::Now => {}
        Admission::Again => return true,
        Admission::Later => return false,
    }
    bind.recv.consume(head_len as u64, cx.evpl());
    match frame {
        Frame::Send { length } => take_message(cx, bind, length),
        Frame::ReadRequest { place, wanted } => take_read_request(cx, bind, place, wanted),
        Frame::WriteRequest { place, length } => take_write_request(cx, bind, place, length),
        Frame::ReadReply { length, .. } => return take_read_reply(cx, bind, length),
        Frame::WriteReply { .. } => return take_answer(cx, bind, Some(Standing::Write), 0),
        Frame::Error { errno, .. } => return take_answer(cx, bind, None, errno as i32),
    }
    true
}

/// The peer broke the protocol.
fn reject(cx: &Cx, bind: &Bind, what: &dyn core::fmt::Display) -> bool {
    crate::log_error!(
        "tcp_rdma",
        "connection with {} closed: {}",
        bind.remote_address_text(),
        what
    );
    cx.request_close(bind);
    false
}

enum Admission {
    Now,
    /// Something was done for it.
    Again,
    Later,
}

/// Whether a frame may have its effect. A message runs the program and a write changes memory, so the
/// bytes of reads that came before must be on their way or safe; and nobody is owed without bound.
fn admit(cx: &Cx, bind: &Bind, frame: &Frame) -> Admission {
    let io = io(bind);
    let asks = matches!(
        frame,
        Frame::ReadRequest { .. } | Frame::WriteRequest { .. }
    );
    if asks && io.answers.with(|answers| answers.len()) >= ANSWERS_MAX {
        return pause(cx, bind);
    }
    let changes = matches!(frame, Frame::Send { .. } | Frame::WriteRequest { .. });
    if !changes || !io.refers() {
        return Admission::Now;
    }
    stream::flush_queued(cx, bind);
    if bind.has(PENDING_CLOSED) || !io.refers() {
        return Admission::Again;
    }
    let len = io.referred_len();
    // A peer that waits for our replies like this has none to give us, and so reads on, unless we wait
    // for replies of it. Then only going on is sure not to end with both waiting.
    let waits = bind.with_operations(|operations| !operations.posted_iovecs.is_empty());
    if len > SETTLED_LEN_MAX && waits != Some(true) {
        return pause(cx, bind);
    }
    if len > SETTLED_LEN_LIMIT {
        reject(cx, bind, &"it asks for more than it reads");
    } else {
        output::settle(cx, bind);
    }
    Admission::Again
}

fn pause(cx: &Cx, bind: &Bind) -> Admission {
    io(bind).paused.set(true);
    cx.events.fds().read_disinterest(bind.event_pointer());
    Admission::Later
}

/// Goes on with paused input once output has drained far enough.
pub(super) fn unpause(cx: &Cx, bind: &Bind) {
    let io = io(bind);
    if io.paused.get()
        && io.answers.with(|answers| answers.len()) <= ANSWERS_MAX / 2
        && io.referred_len() <= SETTLED_LEN_MAX
    {
        io.paused.set(false);
        // Whatever the kernel has said meanwhile: the rest of the input is looked at again.
        cx.events.fds().mark_readable(bind.event_pointer());
        cx.events.fds().read_interest(bind.event_pointer());
    }
}

fn take_message(cx: &Cx, bind: &Bind, length: u32) {
    io(bind).expects_long.set(false);
    let mut message = cx.message_array();
    bind.recv
        .with(|ring| ring.take(u64::from(length), &mut message));
    cx.deliver_message(bind, message, bind.remote());
}

fn take_read_request(cx: &Cx, bind: &Bind, place: Place, wanted: u32) {
    let reply = |length| Frame::ReadReply { place, length };
    if wanted == 0 {
        return output::owe(cx, bind, Answer::Bare(reply(0)));
    }
    let found = cx
        .process
        .publications
        .find(place.key, place.address, wanted);
    let answer = match found {
        Some(grant) if wanted <= PAYLOAD_LEN_MAX => {
            let whole = wire::HEADER_LEN as u64 + u64::from(wanted);
            if wanted <= COPIED_LEN_MAX && whole <= cx.memory.buffer_size() {
                let mut block = Block::new(cx, whole as u32);
                block.push(&reply(wanted).encode());
                block.push_granted(&grant);
                Answer::Whole(block.filled())
            } else {
                Answer::Published { place, grant }
            }
        }
        _ => refusal(place),
    };
    output::owe(cx, bind, answer);
}

fn take_write_request(cx: &Cx, bind: &Bind, place: Place, length: u32) {
    let io = io(bind);
    io.expects_long.set(length >= LONG_LEN_MIN);
    io.payload_left.set(length);
    let found = cx
        .process
        .publications
        .find(place.key, place.address, length);
    io.payload.set(match found {
        Some(grant) => Payload::Write { place, grant },
        None if length == 0 => {
            return output::owe(cx, bind, Answer::Bare(Frame::WriteReply { place }));
        }
        None => Payload::Refused { place },
    });
}

/// What the first operation that waits is, and how long.
fn first_posted(bind: &Bind) -> Option<(Standing, u32)> {
    let first = |posted: &Posted| (posted.standing, posted.operation.length);
    bind.with_operations(|operations| operations.posted.front().map(first))
        .flatten()
}

fn take_read_reply(cx: &Cx, bind: &Bind, length: u32) -> bool {
    match first_posted(bind) {
        Some((Standing::Read, wanted)) if wanted == length => {
            let io = io(bind);
            io.expects_long.set(length >= LONG_LEN_MIN);
            io.payload.set(Payload::Read);
            io.payload_left.set(length);
            io.filling.set((0, 0));
            true
        }
        _ => mismatch(cx, bind),
    }
}

/// An answer without bytes: to the kind of operation that it must be for, or to any.
fn take_answer(cx: &Cx, bind: &Bind, kind: Option<Standing>, status: i32) -> bool {
    match first_posted(bind) {
        Some((standing, _)) if kind.is_none_or(|kind| kind == standing) => {
            cx.complete_posted(bind, status);
            output::complete_over(cx, bind);
            bind.trim_operations();
            true
        }
        _ => mismatch(cx, bind),
    }
}

/// An answer to nothing, or to something else: the operation that it is taken for is over.
fn mismatch(cx: &Cx, bind: &Bind) -> bool {
    cx.complete_posted(bind, libc::EPROTO);
    reject(cx, bind, &"an answer that does not fit")
}
