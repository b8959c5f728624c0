//! The frames of DATAGRAM_TCP_RDMA as bytes: no state and no input or output. `docs/tcp-rdma.md` is the
//! protocol in words.
//!
//! A head is 32 bytes, 36 for a read request. What follows it is payload, of which this module knows the
//! length alone. A head that decodes has a length that can be trusted as far as it goes: it is bounded,
//! and it is the one that the operation must have where there is only one.

#![forbid(unsafe_code)]

/// "TRMA".
pub const MAGIC: u32 = 0x5452_4d41;
pub const HEADER_LEN: usize = 32;
/// A read request says in four more bytes how many it wants.
pub const WANTED_LEN: usize = 4;
pub const HEAD_LEN_MAX: usize = HEADER_LEN + WANTED_LEN;
/// The longest payload, in either direction.
pub const PAYLOAD_LEN_MAX: u32 = 64 << 20;
/// As in the kernel: no error number is larger.
const ERRNO_MAX: u32 = 4095;

/// What an operation is about, and what its answer repeats.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    pub key: u32,
    pub address: u64,
    /// The initiator's own number of the operation.
    pub id: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Frame {
    Send {
        length: u32,
    },
    ReadRequest {
        place: Place,
        wanted: u32,
    },
    ReadReply {
        place: Place,
        length: u32,
    },
    WriteRequest {
        place: Place,
        length: u32,
    },
    WriteReply {
        place: Place,
    },
    /// The operation failed; nothing follows.
    Error {
        place: Place,
        errno: u32,
    },
}

const SEND: u32 = 1;
const READ_REQUEST: u32 = 2;
const READ_REPLY: u32 = 3;
const WRITE_REQUEST: u32 = 4;
const WRITE_REPLY: u32 = 5;
const ERROR: u32 = 6;

/// Why bytes are no head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    Magic(u32),
    Opcode(u32),
    /// The operation cannot have this length.
    Length {
        opcode: u32,
        length: u32,
    },
}

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Malformed::Magic(magic) => write!(f, "magic {magic:#010x}"),
            Malformed::Opcode(opcode) => write!(f, "opcode {opcode}"),
            Malformed::Length { opcode, length } => write!(f, "opcode {opcode} length {length}"),
        }
    }
}

/// The bytes of a head.
#[derive(Clone, Copy)]
pub struct Head {
    bytes: [u8; HEAD_LEN_MAX],
    len: usize,
}

impl core::ops::Deref for Head {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Frame {
    pub fn encode(&self) -> Head {
        let (opcode, length, place) = match *self {
            Frame::Send { length } => (SEND, length, Place::default()),
            Frame::ReadRequest { place, .. } => (READ_REQUEST, WANTED_LEN as u32, place),
            Frame::ReadReply { place, length } => (READ_REPLY, length, place),
            Frame::WriteRequest { place, length } => (WRITE_REQUEST, length, place),
            Frame::WriteReply { place } => (WRITE_REPLY, 0, place),
            Frame::Error { place, errno } => (ERROR, errno, place),
        };
        let mut bytes = [0; HEAD_LEN_MAX];
        bytes[0..4].copy_from_slice(&MAGIC.to_be_bytes());
        bytes[4..8].copy_from_slice(&opcode.to_be_bytes());
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[12..16].copy_from_slice(&place.key.to_be_bytes());
        bytes[16..24].copy_from_slice(&place.address.to_be_bytes());
        bytes[24..32].copy_from_slice(&place.id.to_be_bytes());
        let mut len = HEADER_LEN;
        if let Frame::ReadRequest { wanted, .. } = *self {
            bytes[HEADER_LEN..].copy_from_slice(&wanted.to_be_bytes());
            len = HEAD_LEN_MAX;
        }
        Head { bytes, len }
    }

    /// The frame whose head `bytes` begin with, and how long the head is; `None` if more bytes are needed.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Frame, usize)>, Malformed> {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
            return Ok(None);
        };
        let magic = u32_at(header, 0);
        if magic != MAGIC {
            return Err(Malformed::Magic(magic));
        }
        let (opcode, length) = (u32_at(header, 4), u32_at(header, 8));
        let place = Place {
            key: u32_at(header, 12),
            address: u64_at(header, 16),
            id: u64_at(header, 24),
        };
        let fits = match opcode {
            SEND | READ_REPLY | WRITE_REQUEST => length <= PAYLOAD_LEN_MAX,
            READ_REQUEST => length == WANTED_LEN as u32,
            WRITE_REPLY => length == 0,
            ERROR => (1..=ERRNO_MAX).contains(&length),
            _ => return Err(Malformed::Opcode(opcode)),
        };
        if !fits {
            return Err(Malformed::Length { opcode, length });
        }
        let frame = match opcode {
            SEND => Frame::Send { length },
            READ_REPLY => Frame::ReadReply { place, length },
            WRITE_REQUEST => Frame::WriteRequest { place, length },
            WRITE_REPLY => Frame::WriteReply { place },
            ERROR => Frame::Error {
                place,
                errno: length,
            },
            _ => {
                let Some(wanted) = rest.first_chunk::<WANTED_LEN>() else {
                    return Ok(None);
                };
                let wanted = u32::from_be_bytes(*wanted);
                return Ok(Some((Frame::ReadRequest { place, wanted }, HEAD_LEN_MAX)));
            }
        };
        Ok(Some((frame, HEADER_LEN)))
    }

    /// Bytes that follow the head.
    pub fn payload_len(&self) -> u32 {
        match *self {
            Frame::Send { length }
            | Frame::ReadReply { length, .. }
            | Frame::WriteRequest { length, .. } => length,
            Frame::ReadRequest { .. } | Frame::WriteReply { .. } | Frame::Error { .. } => 0,
        }
    }
}

fn u32_at(header: &[u8; HEADER_LEN], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&header[at..at + 4]);
    u32::from_be_bytes(bytes)
}

fn u64_at(header: &[u8; HEADER_LEN], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&header[at..at + 8]);
    u64::from_be_bytes(bytes)
}

/// The numbers an initiator gives its operations: places in a ring that doubles when it is full. Nobody
/// reads them, but they are part of what goes over the wire.
pub struct Ids {
    ring_len: u32,
    next: u32,
}

const RING_LEN_FIRST: u32 = 16;

impl Default for Ids {
    fn default() -> Ids {
        Ids {
            ring_len: RING_LEN_FIRST,
            next: 0,
        }
    }
}

impl Ids {
    /// The number of an operation that joins `pending` others. One place of the ring stays empty.
    pub fn take(&mut self, pending: usize) -> u64 {
        while pending + 1 >= self.ring_len as usize {
            // The ring's contents move to its beginning.
            self.ring_len *= 2;
            self.next = pending as u32;
        }
        let id = self.next;
        self.next = (id + 1) % self.ring_len;
        u64::from(id)
    }
}

#[cfg(test)]
mod tests;
