//! What is queued, and what the peer is owed, becomes frames for the socket.
//!
//! Only so much is framed ahead, a share of answers and a share of our own by turns, so that neither
//! waits for all of the other. Our own go out in the order of the passes that queued them, the reads of
//! one before its messages and writes.
//!
//! A long reply names published memory in place of a copy. Before each write it is looked at whether
//! that memory is still what was published.

#![forbid(unsafe_code)]

use super::connection::{Answer, Block, Marks, RdmaIo, copied};
use super::input;
use super::wire::{Frame, HEADER_LEN, PAYLOAD_LEN_MAX, Place};
use crate::memory::iovec::Iovec;
use crate::transport::Cx;
use crate::transport::bind::{Bind, Io, Message, MessageKind, PENDING_CLOSED};
use crate::transport::operation::{Posted, RdmaOperation, Standing};

/// Bytes framed ahead.
const FRAMED_LEN_MAX: u64 = 512 << 10;
/// What answers, and what our own frames, have of it by turns.
const SHARE_LEN: u64 = 64 << 10;
/// A frame up to this length goes into memory of one piece.
const JOINED_LEN_MAX: u32 = 512;
/// Operations that wait for the peer before no more are sent. Less than a peer of our kind admits.
pub(super) const POSTED_MAX: usize = 32_768;

fn io(bind: &Bind) -> &RdmaIo {
    match bind.io() {
        Io::TcpRdma(io) => io,
        _ => unreachable!("asked for by binds of this protocol only"),
    }
}

/// Queues an answer to the peer.
pub(super) fn owe(cx: &Cx, bind: &Bind, answer: Answer) {
    let io = io(bind);
    if io.failed.get() {
        return release(cx, answer);
    }
    if let Answer::Published { grant, .. } = &answer {
        io.referred
            .set(io.referred.get() + u64::from(grant.length()));
    }
    io.answers.with(|answers| answers.push_back(answer));
}

/// Frames what goes to the kernel next; false if the connection is at its end.
pub fn prepare(cx: &Cx, bind: &Bind) -> bool {
    let io = io(bind);
    if io.failed.get() {
        return false;
    }
    stage_reads(io, bind);
    loop {
        let room = FRAMED_LEN_MAX.saturating_sub(io.framed.with(|framed| framed.bytes()));
        let share = room.min(SHARE_LEN);
        let answers = frame_answers(cx, bind, share);
        let messages = frame_messages(cx, bind, share);
        if bind.has(PENDING_CLOSED) {
            return false;
        }
        if !answers && !messages {
            break;
        }
    }
    complete_over(cx, bind);
    let recycled = io
        .marks
        .with(|marks| marks.grants.iter().any(|(_, grant)| !grant.is_current()));
    if recycled {
        crate::log_error!(
            "tcp_rdma",
            "connection with {} closed: memory was released while the peer read it",
            bind.remote_address_text()
        );
        cx.request_close(bind);
    }
    !bind.has(PENDING_CLOSED)
}

/// Gives the reads of this pass their place before its messages.
fn stage_reads(io: &RdmaIo, bind: &Bind) {
    let reads = bind
        .with_operations(|operations| operations.reads.len())
        .unwrap_or(0);
    let fresh = reads - io.older_reads.get();
    bind.messages.with(|messages| {
        if fresh > 0 {
            let behind = messages.split_off(io.older.get());
            messages.extend((0..fresh).map(|_| Message {
                niov: 0,
                length: 0,
                kind: MessageKind::Read,
                address: None,
            }));
            messages.extend(behind);
        }
        io.older.set(messages.len());
    });
    io.older_reads.set(reads);
}

// ---- answers ------------------------------------------------------------------------------------

/// Frames answers of about `share` bytes; false if there are none, or is no room.
fn frame_answers(cx: &Cx, bind: &Bind, share: u64) -> bool {
    let io = io(bind);
    let until = io.marks.with(|marks| marks.framed) + share;
    let mut any = false;
    while io.marks.with(|marks| marks.framed) < until {
        let Some(answer) = io.answers.with(|answers| answers.pop_front()) else {
            break;
        };
        any = true;
        match answer {
            Answer::Bare(frame) => push_head(cx, io, frame),
            Answer::Whole(block) => push(cx, io, block),
            Answer::Copied { place, pieces } => {
                let length = pieces.iter().map(Iovec::len).sum();
                push_head(cx, io, Frame::ReadReply { place, length });
                pieces.into_iter().for_each(|piece| push(cx, io, piece));
            }
            Answer::Published { place, grant } => {
                let length = grant.length();
                io.referred.set(io.referred.get() - u64::from(length));
                if !grant.is_current() {
                    push_head(cx, io, stale(place));
                    continue;
                }
                push_head(cx, io, Frame::ReadReply { place, length });
                push(cx, io, Iovec::borrowed(grant.data(), length));
                io.marks
                    .with(|marks| marks.grants.push_back((marks.framed, grant)));
            }
        }
    }
    any
}

fn stale(place: Place) -> Frame {
    Frame::Error {
        place,
        errno: libc::EINVAL as u32,
    }
}

/// Copies the published bytes that are on their way out, so that they may change.
pub(super) fn settle(cx: &Cx, bind: &Bind) {
    let io = io(bind);
    let mut answers = io.answers.take();
    for answer in &mut answers {
        if let Answer::Published { place, grant } = *answer {
            *answer = if grant.is_current() {
                let pieces = copied(cx, grant.data(), grant.length());
                Answer::Copied { place, pieces }
            } else {
                Answer::Bare(stale(place))
            };
        }
    }
    io.answers.replace(answers);
    io.referred.set(0);
    let mut framed = io.framed.take();
    while let Some(iovec) = framed.pop() {
        if iovec.is_borrowed() {
            let pieces = copied(cx, iovec.data(), iovec.len());
            io.framed
                .with(|framed| pieces.into_iter().for_each(|piece| framed.push(piece)));
        } else {
            io.framed.with(|framed| framed.push(iovec));
        }
    }
    io.marks.with(|marks| marks.grants.clear());
}

// ---- our own ------------------------------------------------------------------------------------

/// Frames messages and operations of about `share` bytes; false if there are none, or is no room.
fn frame_messages(cx: &Cx, bind: &Bind, share: u64) -> bool {
    let io = io(bind);
    let until = io.marks.with(|marks| marks.framed) + share;
    let mut any = false;
    while io.marks.with(|marks| marks.framed) < until && !bind.has(PENDING_CLOSED) {
        let first = bind.messages.with(|messages| {
            let first = messages.front()?;
            Some((first.kind, first.niov, first.length))
        });
        let Some((kind, niov, length)) = first else {
            break;
        };
        let is_full = || {
            bind.with_operations(|operations| operations.posted.len() >= POSTED_MAX)
                .unwrap_or(false)
        };
        if kind != MessageKind::Send && is_full() {
            break;
        }
        bind.messages.with(|messages| messages.pop_front());
        io.older.set(io.older.get().saturating_sub(1));
        any = true;
        match kind {
            MessageKind::Send => frame_send(cx, bind, niov, length),
            MessageKind::Write => frame_write(cx, bind),
            MessageKind::Read => frame_read(cx, bind),
        }
    }
    any
}

fn frame_send(cx: &Cx, bind: &Bind, niov: u32, length: u32) {
    if length > PAYLOAD_LEN_MAX {
        crate::log_error!(
            "tcp_rdma",
            "connection with {} closed: a message of {} bytes is too long to send",
            bind.remote_address_text(),
            length
        );
        return cx.request_close(bind);
    }
    push_frame(cx, bind, Frame::Send { length }, niov);
    io(bind)
        .marks
        .with(|marks| marks.sends.push_back(marks.framed));
}

fn frame_write(cx: &Cx, bind: &Bind) {
    let write = bind.with_operations(|operations| operations.writes.pop_front());
    let write = write.flatten().expect("queued together with its message");
    if write.niov == 0 {
        return post(bind, write, Standing::Over(0));
    }
    if write.length > PAYLOAD_LEN_MAX {
        for _ in 0..write.niov {
            if let Some(piece) = bind.send.with(|ring| ring.pop()) {
                piece.release(cx.evpl());
            }
        }
        return post(bind, write, Standing::Over(libc::EMSGSIZE));
    }
    let frame = Frame::WriteRequest {
        place: place_of(bind, &write),
        length: write.length,
    };
    push_frame(cx, bind, frame, write.niov);
    post(bind, write, Standing::Write);
}

fn frame_read(cx: &Cx, bind: &Bind) {
    let io = io(bind);
    io.older_reads.set(io.older_reads.get() - 1);
    let read = bind.with_operations(|operations| operations.reads.pop_front());
    let mut read = read.flatten().expect("counted when it was staged");
    if read.length > PAYLOAD_LEN_MAX {
        for _ in 0..core::mem::take(&mut read.niov) {
            let piece = bind.with_operations(|operations| operations.read_iovecs.pop());
            if let Some(piece) = piece.flatten() {
                piece.release(cx.evpl());
            }
        }
        return post(bind, read, Standing::Over(libc::EMSGSIZE));
    }
    bind.with_operations(|operations| {
        for _ in 0..read.niov {
            operations.posted_iovecs.push(
                operations
                    .read_iovecs
                    .pop()
                    .expect("queued together with the read"),
            );
        }
    });
    let frame = Frame::ReadRequest {
        place: place_of(bind, &read),
        wanted: read.length,
    };
    push_head(cx, io, frame);
    post(bind, read, Standing::Read);
}

fn place_of(bind: &Bind, operation: &RdmaOperation) -> Place {
    let pending = bind.with_operations(|operations| operations.posted.len());
    Place {
        key: operation.key,
        address: operation.address,
        id: io(bind).ids.with(|ids| ids.take(pending.unwrap_or(0))),
    }
}

fn post(bind: &Bind, operation: RdmaOperation, standing: Standing) {
    bind.add_operation(|operations| {
        operations.posted.push_back(Posted {
            operation,
            standing,
        });
    });
}

/// Answers operations that never went to the peer, once nothing before them waits for it.
pub(super) fn complete_over(cx: &Cx, bind: &Bind) {
    loop {
        let first = bind
            .with_operations(|operations| operations.posted.front().map(|posted| posted.standing));
        let Some(Some(Standing::Over(status))) = first else {
            return;
        };
        cx.complete_posted(bind, status);
    }
}

// ---- the ring of frames -------------------------------------------------------------------------

/// A head and the first `niov` pieces of the send ring.
fn push_frame(cx: &Cx, bind: &Bind, frame: Frame, niov: u32) {
    let io = io(bind);
    let pieces = || (0..niov).filter_map(|_| bind.send.with(|ring| ring.pop()));
    let whole = HEADER_LEN as u64 + u64::from(frame.payload_len());
    if whole <= u64::from(JOINED_LEN_MAX).min(cx.memory.buffer_size()) {
        let mut block = Block::new(cx, whole as u32);
        block.push(&frame.encode());
        for piece in pieces() {
            block.push_iovec(&piece);
            piece.release(cx.evpl());
        }
        return push(cx, io, block.filled());
    }
    push_head(cx, io, frame);
    pieces().for_each(|piece| push(cx, io, piece));
}

fn push_head(cx: &Cx, io: &RdmaIo, frame: Frame) {
    let head = frame.encode();
    // A buffer may be shorter than a head.
    for part in head.chunks(cx.memory.buffer_size() as usize) {
        let mut block = Block::new(cx, part.len() as u32);
        block.push(part);
        push(cx, io, block.filled());
    }
}

fn push(cx: &Cx, io: &RdmaIo, iovec: Iovec) {
    io.marks
        .with(|marks| marks.framed += u64::from(iovec.len()));
    io.framed
        .with(|framed| framed.push_merged(iovec, cx.evpl()));
}

/// The kernel took `sent` bytes; how many messages that completed.
pub fn written(cx: &Cx, bind: &Bind, sent: u64) -> u64 {
    let msgs = io(bind).marks.with(|marks| {
        marks.written += sent;
        while matches!(marks.grants.front(), Some((end, _)) if *end <= marks.written) {
            marks.grants.pop_front();
        }
        let mut msgs = 0;
        while matches!(marks.sends.front(), Some(end) if *end <= marks.written) {
            marks.sends.pop_front();
            msgs += 1;
        }
        msgs
    });
    input::unpause(cx, bind);
    msgs
}

/// Nothing can be written any more: releases what was to be.
pub fn give_up(cx: &Cx, bind: &Bind) {
    let Io::TcpRdma(io) = bind.io() else { return };
    io.failed.set(true);
    // Nothing has to drain first any more.
    io.paused.set(false);
    io.framed.clear(cx.evpl());
    for answer in io.answers.take() {
        release(cx, answer);
    }
    io.marks.replace(Marks::default());
    io.referred.set(0);
}

fn release(cx: &Cx, answer: Answer) {
    match answer {
        Answer::Whole(block) => block.release(cx.evpl()),
        Answer::Copied { pieces, .. } => {
            pieces
                .into_iter()
                .for_each(|piece| piece.release(cx.evpl()));
        }
        Answer::Bare(_) | Answer::Published { .. } => {}
    }
}
