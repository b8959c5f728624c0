//! A second reading of DATAGRAM_TCP_RDMA's frames and rules, in the plainest way: what an end has to do with a stream
//! of bytes, whatever pieces it comes in.

use std::collections::VecDeque;

const LENGTH_MAX: u32 = 64 << 20;
const EINVAL: u32 = 22;
pub const EPROTO: i32 = 71;
pub const ECONNRESET: i32 = 104;

#[derive(Debug, Clone, Copy)]
pub struct Head {
    pub opcode: u32,
    pub length: u32,
    pub key: u32,
    pub address: u64,
    pub id: u64,
    pub wanted: u32,
    /// Bytes of the head itself.
    pub len: usize,
}

fn number(bytes: &[u8], from: usize, to: usize) -> u64 {
    bytes[from..to]
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// `None`: more bytes are needed. `Err`: no head begins like this.
pub fn head(bytes: &[u8]) -> Option<Result<Head, ()>> {
    if bytes.len() < 32 {
        return None;
    }
    let mut head = Head {
        opcode: number(bytes, 4, 8) as u32,
        length: number(bytes, 8, 12) as u32,
        key: number(bytes, 12, 16) as u32,
        address: number(bytes, 16, 24),
        id: number(bytes, 24, 32),
        wanted: 0,
        len: 32,
    };
    let fits = match head.opcode {
        1 | 3 | 4 => head.length <= LENGTH_MAX,
        2 => head.length == 4,
        5 => head.length == 0,
        6 => head.length >= 1 && head.length <= 4095,
        _ => false,
    };
    if &bytes[..4] != b"TRMA" || !fits {
        return Some(Err(()));
    }
    if head.opcode == 2 {
        if bytes.len() < 36 {
            return None;
        }
        head.wanted = number(bytes, 32, 36) as u32;
        head.len = 36;
    }
    Some(Ok(head))
}

pub fn put(out: &mut Vec<u8>, opcode: u32, length: u32, key: u32, address: u64, id: u64) {
    out.extend(b"TRMA");
    for field in [opcode, length, key] {
        out.extend(field.to_be_bytes());
    }
    for field in [address, id] {
        out.extend(field.to_be_bytes());
    }
}

/// An operation that waits, as its initiator knows it.
pub struct Waiting {
    pub is_read: bool,
    pub length: u32,
}

/// One end: what it published, what it asked for, and what comes of a stream of bytes.
pub struct Model {
    pub key: u32,
    pub address: u64,
    pub memory: Vec<u8>,
    pub waiting: VecDeque<Waiting>,
    pub output: Vec<u8>,
    pub messages: Vec<Vec<u8>>,
    /// How each operation ended, in order, and the bytes of those that read.
    pub ended: Vec<(i32, Vec<u8>)>,
    pub is_closed: bool,
}

impl Model {
    fn reach(&self, key: u32, address: u64, length: u32) -> Option<usize> {
        let offset = address.checked_sub(self.address)?;
        let end = offset.checked_add(u64::from(length))?;
        (key == self.key && end <= self.memory.len() as u64).then_some(offset as usize)
    }

    pub fn take(&mut self, mut bytes: &[u8]) {
        while !self.is_closed {
            match head(bytes) {
                None => return,
                Some(Err(())) => self.is_closed = true,
                Some(Ok(head)) => {
                    let Some(rest) = self.take_frame(head, &bytes[head.len..]) else {
                        return;
                    };
                    bytes = rest;
                }
            }
        }
    }

    fn take_frame<'a>(&mut self, head: Head, rest: &'a [u8]) -> Option<&'a [u8]> {
        let Head {
            opcode,
            length,
            key,
            address,
            id,
            wanted,
            ..
        } = head;
        let there = (length as usize).min(rest.len());
        match opcode {
            1 => {
                let message = rest.get(..length as usize)?;
                self.messages.push(message.to_vec());
                return Some(&rest[there..]);
            }
            2 => {
                match self.reach(key, address, wanted) {
                    _ if wanted == 0 => put(&mut self.output, 3, 0, key, address, id),
                    Some(offset) => {
                        put(&mut self.output, 3, wanted, key, address, id);
                        let bytes = &self.memory[offset..offset + wanted as usize];
                        self.output.extend_from_slice(bytes);
                    }
                    None => put(&mut self.output, 6, EINVAL, key, address, id),
                }
                return Some(rest);
            }
            4 => {
                let target = self.reach(key, address, length);
                if let Some(offset) = target {
                    self.memory[offset..offset + there].copy_from_slice(&rest[..there]);
                }
                if there < length as usize {
                    return None;
                }
                match target {
                    None if length > 0 => put(&mut self.output, 6, EINVAL, key, address, id),
                    _ => put(&mut self.output, 5, 0, key, address, id),
                }
                return Some(&rest[there..]);
            }
            _ => {}
        }
        let fits = self.waiting.front().is_some_and(|waiting| match opcode {
            3 => waiting.is_read && waiting.length == length,
            5 => !waiting.is_read,
            _ => true,
        });
        if !fits {
            if self.waiting.pop_front().is_some() {
                self.ended.push((EPROTO, Vec::new()));
            }
            self.is_closed = true;
            return None;
        }
        if opcode == 3 && there < length as usize {
            return None;
        }
        self.waiting.pop_front();
        match opcode {
            3 => self.ended.push((0, rest[..there].to_vec())),
            5 => self.ended.push((0, Vec::new())),
            _ => {
                self.ended.push((length as i32, Vec::new()));
                return Some(rest);
            }
        }
        Some(&rest[there..])
    }

    /// The connection is over.
    pub fn end(&mut self) {
        for _ in self.waiting.drain(..) {
            self.ended.push((ECONNRESET, Vec::new()));
        }
    }
}
