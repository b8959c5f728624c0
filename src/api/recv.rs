//! Reading what a stream received: copies, references, and looks without taking.
//!
//! A bad argument is -1 with EINVAL. What is not taken stays, and is not announced again.

use core::ffi::{c_int, c_uint, c_void};

use super::Evpl;
use crate::abi::{EVPL_RECV_FLAG_ALL_OR_NONE, evpl_iovec};
use crate::sys::set_errno;
use crate::transport::bind::Bind;

fn invalid() -> c_int {
    set_errno(libc::EINVAL);
    -1
}

/// Both handles, and that the bind is a stream.
fn stream<'a>(evpl: Option<&'a Evpl>, bind: Option<&'a Bind>) -> Option<(&'a Evpl, &'a Bind)> {
    evpl.zip(bind).filter(|(_, bind)| bind.is_stream())
}

/// The same for calls that take bytes away, which a segment callback does not leave to the program.
fn unsegmented<'a>(evpl: Option<&'a Evpl>, bind: Option<&'a Bind>) -> Option<(&'a Evpl, &'a Bind)> {
    stream(evpl, bind).filter(|(_, bind)| bind.segment_callback().0.is_none())
}

pub fn recv(
    evpl: Option<&Evpl>,
    bind: Option<&Bind>,
    buffer: *mut c_void,
    max: c_int,
    flags: c_uint,
) -> c_int {
    let Some((evpl, bind)) = unsegmented(evpl, bind) else {
        return invalid();
    };
    if buffer.is_null() || max <= 0 {
        return invalid();
    }
    let queued = bind.recv.with(|ring| ring.bytes());
    if flags & EVPL_RECV_FLAG_ALL_OR_NONE != 0 && queued < max as u64 {
        return 0;
    }
    let copied = copy_out(bind, buffer, max);
    bind.recv.consume(copied as u64, evpl.cx.evpl());
    bind.recv.with(trim);
    copied
}

pub fn peek(evpl: Option<&Evpl>, bind: Option<&Bind>, buffer: *mut c_void, length: c_int) -> c_int {
    let Some((_, bind)) = stream(evpl, bind) else {
        return invalid();
    };
    if buffer.is_null() || length <= 0 {
        return invalid();
    }
    copy_out(bind, buffer, length)
}

fn copy_out(bind: &Bind, buffer: *mut c_void, max: c_int) -> c_int {
    // SAFETY: the caller's buffer has `max` bytes, as the header asks.
    let target = unsafe { core::slice::from_raw_parts_mut(buffer.cast::<u8>(), max as usize) };
    bind.recv.with(|ring| ring.copy_out(0, target)) as c_int
}

pub fn recvv(
    evpl: Option<&Evpl>,
    bind: Option<&Bind>,
    iovecs: *mut evpl_iovec,
    maxiov: c_int,
    max: c_int,
    length: *mut c_int,
) -> c_int {
    write_length(length, 0);
    let Some((evpl, bind)) = unsegmented(evpl, bind) else {
        return invalid();
    };
    if iovecs.is_null() || maxiov <= 0 || max <= 0 {
        return invalid();
    }
    let mut left = max as u64;
    let mut filled = 0;
    let mut taken = evpl.cx.message_array();
    bind.recv.with(|ring| {
        while filled < maxiov && left > 0 {
            let Some(front) = ring.front() else { break };
            let piece = u64::from(front.len()).min(left);
            ring.take(piece, &mut taken);
            left -= piece;
            filled += 1;
        }
        trim(ring);
    });
    for (index, piece) in taken.drain(..).enumerate() {
        // SAFETY: the caller's array has `maxiov` entries, and `take` gave one piece per round.
        unsafe { iovecs.add(index).write(piece.into_raw()) };
    }
    evpl.cx.keep_message_array(taken);
    write_length(length, (max as u64 - left) as c_int);
    filled
}

fn write_length(length: *mut c_int, value: c_int) {
    if !length.is_null() {
        // SAFETY: not NULL and writable, as the header asks.
        unsafe { length.write(value) };
    }
}

/// Borrowed views: no reference changes hands.
pub fn peekv(
    evpl: Option<&Evpl>,
    bind: Option<&Bind>,
    iovecs: *mut evpl_iovec,
    maxiov: c_int,
    length: c_int,
) -> c_int {
    let Some((_, bind)) = stream(evpl, bind) else {
        return invalid();
    };
    if iovecs.is_null() || maxiov <= 0 || length <= 0 {
        return invalid();
    }
    let mut left = length as u32;
    let mut filled = 0;
    bind.recv.with(|ring| {
        for piece in ring.iter() {
            if filled == maxiov || left == 0 {
                break;
            }
            let mut view = piece.0;
            view.length = view.length.min(left);
            left -= view.length;
            // SAFETY: the caller's array has `maxiov` entries.
            unsafe { iovecs.add(filled as usize).write(view) };
            filled += 1;
        }
    });
    filled
}

impl Evpl {
    pub fn consume(&self, bind: &Bind, length: c_int) -> c_int {
        let Ok(length) = u64::try_from(length) else {
            return -1;
        };
        if bind.recv.with(|ring| ring.bytes()) < length {
            return -1;
        }
        bind.recv.consume(length, self.cx.evpl());
        bind.recv.with(trim);
        0
    }
}

fn trim(ring: &mut crate::memory::iovec_ring::IovecRing) {
    if ring.is_empty() {
        ring.trim();
    }
}
