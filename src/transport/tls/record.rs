//! The record layer of a connection whose handshake is over: RFC 8446 section 5 and RFC 5246 section 6.
//!
//! rustls makes the handshake and gives up the keys; from then on records are opened from the bytes the
//! kernel gave straight into where they stay, and sealed from where the program put them, which no
//! interface of rustls can do. What rustls keeps is the key schedule, for key updates.

#![forbid(unsafe_code)]

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use rustls::{AlertDescription, ConnectionTrafficSecrets, ExtractedSecrets, ProtocolVersion};

pub const HEADER_LEN: usize = 5;
/// Plaintext of one record.
pub const PLAINTEXT_MAX: usize = 1 << 14;
/// The largest record that is accepted, header included; the limit of TLS 1.2, which is the wider one.
pub const WIRE_MAX: usize = HEADER_LEN + PLAINTEXT_MAX + 2048;
/// What a record adds to its plaintext at most: header, explicit nonce, content type and tag.
pub const OVERHEAD_MAX: usize = HEADER_LEN + 8 + 1 + TAG_LEN;

const TAG_LEN: usize = 16;
const EXPLICIT_NONCE_LEN: usize = 8;
/// Records under one key after which TLS 1.3 changes it, well below what RFC 8446 section 5.5 allows.
const RECORDS_PER_KEY_MAX: u64 = 1 << 23;
/// A handshake message after the handshake that is longer is not one a peer would send.
const MESSAGE_LEN_MAX: usize = 1 << 16;
/// Warnings and requests for renegotiation that a peer may send.
const WARNINGS_MAX: u8 = 16;

pub const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 0];
pub const CLOSE_NOTIFY: [u8; 2] = [1, 0];
const NO_RENEGOTIATION: [u8; 2] = [1, 100];

/// rustls' rest of a connection.
pub enum Kernel {
    Client(KernelConnection<ClientConnectionData>),
    Server(KernelConnection<ServerConnectionData>),
}

pub struct Session {
    rx: Direction,
    tx: Direction,
    kernel: Kernel,
    tls13: bool,
    /// The beginning of a handshake message whose rest is in a later record.
    message: Vec<u8>,
    warnings: u8,
    key_update_owed: bool,
    no_renegotiation_owed: bool,
}

struct Direction {
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
    /// TLS 1.2 with AES-GCM: part of the nonce travels with the record.
    explicit_nonce: bool,
}

/// What an opened record was.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    /// So many bytes for the program.
    Data(usize),
    /// Between the two record layers only.
    Control,
    /// The peer said that it will send no more.
    CloseNotify,
}

/// Why a connection cannot go on, and what to tell the peer.
#[derive(Debug)]
pub struct Failure {
    pub alert: Option<AlertDescription>,
    pub reason: String,
}

impl Failure {
    fn new(alert: AlertDescription, reason: &str) -> Failure {
        Failure {
            alert: Some(alert),
            reason: reason.to_owned(),
        }
    }
}

impl Direction {
    fn new((sequence, secrets): (u64, ConnectionTrafficSecrets), tls13: bool) -> Direction {
        let (algorithm, key, iv, gcm) = match &secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv, true),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv, true),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
                (&CHACHA20_POLY1305, key, iv, false)
            }
            _ => unreachable!("the offered suites use these three ciphers"),
        };
        let key =
            UnboundKey::new(algorithm, key.as_ref()).expect("the key has its cipher's length");
        Direction {
            key: LessSafeKey::new(key),
            iv: iv
                .as_ref()
                .try_into()
                .expect("these ciphers' nonces have 12 bytes"),
            sequence,
            explicit_nonce: gcm && !tls13,
        }
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce = self.iv;
        for (byte, sequence) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= sequence;
        }
        nonce
    }

    fn additional_data(
        &self,
        tls13: bool,
        kind: u8,
        body_len: usize,
        plain_len: usize,
    ) -> Aad<AdditionalData> {
        let mut bytes = [0; 13];
        let len = if tls13 {
            bytes[..HEADER_LEN].copy_from_slice(&header(kind, body_len));
            HEADER_LEN
        } else {
            bytes[..8].copy_from_slice(&self.sequence.to_be_bytes());
            bytes[8..].copy_from_slice(&header(kind, plain_len));
            13
        };
        Aad::from(AdditionalData { bytes, len })
    }
}

struct AdditionalData {
    bytes: [u8; 13],
    len: usize,
}

impl AsRef<[u8]> for AdditionalData {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn header(kind: u8, len: usize) -> [u8; HEADER_LEN] {
    [kind, 3, 3, (len >> 8) as u8, len as u8]
}

/// The length of the record that starts with `header`, header included.
pub fn wire_len(header: &[u8]) -> Result<usize, Failure> {
    let len = HEADER_LEN + (usize::from(header[3]) << 8 | usize::from(header[4]));
    if header[1..3] != [3, 3] {
        return Err(Failure::new(
            AlertDescription::ProtocolVersion,
            "wrong version number",
        ));
    }
    if len > WIRE_MAX {
        return Err(Failure::new(
            AlertDescription::RecordOverflow,
            "record too long",
        ));
    }
    Ok(len)
}

impl Session {
    pub fn new(secrets: ExtractedSecrets, kernel: Kernel) -> Session {
        let version = match &kernel {
            Kernel::Client(kernel) => kernel.protocol_version(),
            Kernel::Server(kernel) => kernel.protocol_version(),
        };
        let tls13 = version == ProtocolVersion::TLSv1_3;
        Session {
            rx: Direction::new(secrets.rx, tls13),
            tx: Direction::new(secrets.tx, tls13),
            kernel,
            tls13,
            message: Vec::new(),
            warnings: 0,
            key_update_owed: false,
            no_renegotiation_owed: false,
        }
    }

    /// Room that `open` needs for a record of `wire_len` bytes.
    pub fn room(&self, wire_len: usize) -> usize {
        let explicit = if self.rx.explicit_nonce {
            EXPLICIT_NONCE_LEN
        } else {
            0
        };
        wire_len.saturating_sub(HEADER_LEN + explicit + TAG_LEN)
    }

    /// Opens one whole record into `out`, which has the record's `room`. What is not for the program is
    /// dealt with here.
    pub fn open(&mut self, record: &[u8], out: &mut [u8]) -> Result<Opened, Failure> {
        let unreadable = || {
            Failure::new(
                AlertDescription::BadRecordMac,
                "record does not authenticate",
            )
        };
        let (outer_kind, body) = (record[0], &record[HEADER_LEN..]);
        if self.tls13 && outer_kind != APPLICATION_DATA {
            return Err(unexpected(outer_kind));
        }
        let mut nonce = self.rx.nonce();
        let mut sealed = body;
        if self.rx.explicit_nonce {
            let (explicit, rest) = body
                .split_at_checked(EXPLICIT_NONCE_LEN)
                .ok_or_else(unreadable)?;
            nonce[..4].copy_from_slice(&self.rx.iv[..4]);
            nonce[4..].copy_from_slice(explicit);
            sealed = rest;
        }
        let len = sealed.len().checked_sub(TAG_LEN).ok_or_else(unreadable)?;
        let (ciphertext, tag) = sealed.split_at(len);
        let aad = self
            .rx
            .additional_data(self.tls13, outer_kind, body.len(), len);
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.rx
            .key
            .open_separate_gather(nonce, aad, ciphertext, tag, &mut out[..len])
            .map_err(|_| unreadable())?;
        self.rx.sequence += 1;
        let (kind, len) = if self.tls13 {
            inner_kind(&out[..len])?
        } else {
            (outer_kind, len)
        };
        if len > PLAINTEXT_MAX {
            return Err(Failure::new(
                AlertDescription::RecordOverflow,
                "record too long",
            ));
        }
        match kind {
            APPLICATION_DATA if self.message.is_empty() => Ok(Opened::Data(len)),
            ALERT => self.take_alert(&out[..len]),
            HANDSHAKE => self.take_handshake(&out[..len]),
            _ => Err(unexpected(kind)),
        }
    }

    fn take_alert(&mut self, alert: &[u8]) -> Result<Opened, Failure> {
        let &[level, code] = alert else {
            return Err(Failure::new(
                AlertDescription::DecodeError,
                "malformed alert",
            ));
        };
        let warning = !self.tls13 && level == 1;
        match AlertDescription::from(code) {
            AlertDescription::CloseNotify => Ok(Opened::CloseNotify),
            AlertDescription::UserCanceled => self.tolerate(),
            _ if warning => self.tolerate(),
            alert => Err(Failure {
                alert: None,
                reason: format!("peer sent alert {alert:?}"),
            }),
        }
    }

    /// Something that means nothing, as long as it does not come too often.
    fn tolerate(&mut self) -> Result<Opened, Failure> {
        self.warnings += 1;
        if self.warnings > WARNINGS_MAX {
            return Err(Failure::new(
                AlertDescription::UnexpectedMessage,
                "too many warnings",
            ));
        }
        Ok(Opened::Control)
    }

    fn take_handshake(&mut self, bytes: &[u8]) -> Result<Opened, Failure> {
        if bytes.is_empty() || self.message.len() + bytes.len() > MESSAGE_LEN_MAX {
            return Err(Failure::new(
                AlertDescription::DecodeError,
                "malformed handshake message",
            ));
        }
        self.message.extend_from_slice(bytes);
        while let [kind, a, b, c, rest @ ..] = &self.message[..] {
            let len = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
            if rest.len() < len {
                return Ok(Opened::Control);
            }
            let (kind, update) = (*kind, rest.first().copied().filter(|_| len == 1));
            let last = rest.len() == len;
            match (kind, self.tls13, &self.kernel) {
                (24, true, _) if last => self.take_key_update(update)?,
                // Sessions are not resumed: a ticket is of no use.
                (4, true, Kernel::Client(_)) => {}
                // HelloRequest and ClientHello ask for a renegotiation.
                (0, false, Kernel::Client(_)) | (1, false, Kernel::Server(_)) => {
                    self.no_renegotiation_owed = true;
                    self.tolerate()?;
                }
                _ => return Err(unexpected(HANDSHAKE)),
            }
            self.message.drain(..4 + len);
        }
        if self.message.is_empty() {
            self.message = Vec::new();
        }
        Ok(Opened::Control)
    }

    fn take_key_update(&mut self, request: Option<u8>) -> Result<(), Failure> {
        match request {
            Some(0) => {}
            Some(1) => self.key_update_owed = true,
            _ => {
                return Err(Failure::new(
                    AlertDescription::IllegalParameter,
                    "malformed key update",
                ));
            }
        }
        let secrets = match &mut self.kernel {
            Kernel::Client(kernel) => kernel.update_rx_secret(),
            Kernel::Server(kernel) => kernel.update_rx_secret(),
        };
        self.rx = Direction::new(secrets.map_err(|error| internal(&error))?, true);
        Ok(())
    }

    /// Whether the record layer itself has something to say.
    pub fn owes(&self) -> bool {
        self.key_update_owed
            || self.no_renegotiation_owed
            || (self.tls13 && self.tx.sequence >= RECORDS_PER_KEY_MAX)
    }

    /// Seals what `owes` asks for; returns the bytes written to `out`.
    pub fn seal_owed(&mut self, out: &mut [u8]) -> Result<usize, Failure> {
        let mut len = 0;
        if std::mem::take(&mut self.no_renegotiation_owed) {
            len += self.seal(ALERT, &[&NO_RENEGOTIATION], &mut out[len..])?;
        }
        if self.tls13 && self.owes() {
            self.key_update_owed = false;
            len += self.seal(HANDSHAKE, &[&KEY_UPDATE], &mut out[len..])?;
            let secrets = match &mut self.kernel {
                Kernel::Client(kernel) => kernel.update_tx_secret(),
                Kernel::Server(kernel) => kernel.update_tx_secret(),
            };
            self.tx = Direction::new(secrets.map_err(|error| internal(&error))?, true);
        }
        Ok(len)
    }

    /// Seals a record of the program's bytes.
    pub fn seal_data(&mut self, pieces: &[&[u8]], out: &mut [u8]) -> Result<usize, Failure> {
        self.seal(APPLICATION_DATA, pieces, out)
    }

    /// Seals one record of at most `PLAINTEXT_MAX` bytes; returns the bytes written to `out`, at most
    /// `OVERHEAD_MAX` more. One piece is encrypted on the way, several are brought together first.
    pub fn seal(&mut self, kind: u8, pieces: &[&[u8]], out: &mut [u8]) -> Result<usize, Failure> {
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        debug_assert!(len <= PLAINTEXT_MAX);
        let tx = &mut self.tx;
        let explicit_len = if tx.explicit_nonce {
            EXPLICIT_NONCE_LEN
        } else {
            0
        };
        let (outer_kind, inner) = if self.tls13 {
            (APPLICATION_DATA, &[kind][..])
        } else {
            (kind, &[][..])
        };
        let body_len = explicit_len + len + inner.len() + TAG_LEN;
        let nonce = tx.nonce();
        let (head, body) = out[..HEADER_LEN + body_len].split_at_mut(HEADER_LEN);
        head.copy_from_slice(&header(outer_kind, body_len));
        let (explicit, body) = body.split_at_mut(explicit_len);
        explicit.copy_from_slice(&nonce[12 - explicit_len..]);
        let (ciphertext, end) = body.split_at_mut(len);
        let aad = tx.additional_data(self.tls13, outer_kind, body_len, len);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = if let [piece] = pieces {
            tx.key
                .seal_out_of_place_scatter(nonce, aad, piece, ciphertext, inner, end)
        } else {
            let mut at = 0;
            for piece in pieces {
                ciphertext[at..at + piece.len()].copy_from_slice(piece);
                at += piece.len();
            }
            tx.key
                .seal_in_place_scatter(nonce, aad, ciphertext, inner, end)
        };
        sealed.map_err(|_| Failure::new(AlertDescription::InternalError, "encryption failed"))?;
        tx.sequence += 1;
        Ok(HEADER_LEN + body_len)
    }

    /// Seals an alert that ends the connection.
    pub fn seal_fatal(
        &mut self,
        alert: AlertDescription,
        out: &mut [u8],
    ) -> Result<usize, Failure> {
        self.seal(ALERT, &[&[2, u8::from(alert)]], out)
    }
}

/// The content type of a TLS 1.3 record is its last byte that is not padding.
fn inner_kind(plain: &[u8]) -> Result<(u8, usize), Failure> {
    match plain.iter().rposition(|&byte| byte != 0) {
        Some(at) => Ok((plain[at], at)),
        None => Err(unexpected(0)),
    }
}

fn unexpected(kind: u8) -> Failure {
    Failure {
        alert: Some(AlertDescription::UnexpectedMessage),
        reason: format!("unexpected record of type {kind}"),
    }
}

fn internal(error: &rustls::Error) -> Failure {
    Failure {
        alert: Some(AlertDescription::InternalError),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
