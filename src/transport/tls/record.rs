//! The record layer of a connection whose handshake is over: RFC 8446 section 5 and RFC 5246 section 6.
//!
//! rustls makes the handshake and gives up the keys; from then on records are opened from the bytes the
//! kernel gave straight into where they stay, and sealed from where the program put them, which no
//! interface of rustls can do. What rustls keeps is the key schedule, for key updates.
//!
//! Either direction may be given to the kernel. The keys then exist there alone; what is left here is to
//! understand the records that are not for the program.

#![forbid(unsafe_code)]

use std::io;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use rustls::{AlertDescription, ConnectionTrafficSecrets, ExtractedSecrets, ProtocolVersion};

use crate::sys::ktls::{Cipher, Keys, Way};

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
pub const APPLICATION_DATA: u8 = 23;

const UNREADABLE: &str = "record does not authenticate";

const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 0];
pub const CLOSE_NOTIFY: [u8; 2] = [1, 0];
const NO_RENEGOTIATION: [u8; 2] = [1, 100];

/// rustls' rest of a connection.
pub enum Kernel {
    Client(KernelConnection<ClientConnectionData>),
    Server(KernelConnection<ServerConnectionData>),
}

/// How many bytes of the record that `held` begins are to come; none if that cannot be told.
pub fn missing(held: &[u8]) -> Option<usize> {
    if held.len() < HEADER_LEN {
        return Some(HEADER_LEN - held.len());
    }
    wire_len(held).ok()?.checked_sub(held.len())
}

/// What is wrong with a record that the kernel did not open.
pub fn kernel_failure(error: &io::Error) -> Option<Failure> {
    let (alert, reason) = match error.raw_os_error()? {
        libc::EBADMSG => (AlertDescription::BadRecordMac, UNREADABLE),
        libc::EMSGSIZE => (AlertDescription::RecordOverflow, "record too long"),
        libc::EINVAL => (AlertDescription::ProtocolVersion, "wrong version number"),
        _ => return None,
    };
    Some(Failure::new(alert, reason))
}

/// The kernel does not take the keys that follow a key update.
pub fn keys_refused() -> Failure {
    Failure::new(
        AlertDescription::InternalError,
        "the kernel did not take new keys",
    )
}

impl Kernel {
    pub fn protocol_version(&self) -> ProtocolVersion {
        match self {
            Kernel::Client(kernel) => kernel.protocol_version(),
            Kernel::Server(kernel) => kernel.protocol_version(),
        }
    }
}

pub struct Session {
    /// None: the kernel opens.
    rx: Option<Box<Direction>>,
    /// None: the kernel seals.
    tx: Option<Box<Direction>>,
    /// Keys that the kernel is still to get.
    rx_secrets: Option<Box<ConnectionTrafficSecrets>>,
    tx_secrets: Option<Box<ConnectionTrafficSecrets>>,
    /// Records that the kernel sealed under its present key, at most.
    kernel_records: u64,
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
    fn new(sequence: u64, secrets: &ConnectionTrafficSecrets, tls13: bool) -> Box<Direction> {
        let (cipher, key, iv) = parts(secrets);
        let algorithm = match cipher {
            Cipher::Aes128Gcm => &AES_128_GCM,
            Cipher::Aes256Gcm => &AES_256_GCM,
            Cipher::Chacha20Poly1305 => &CHACHA20_POLY1305,
        };
        let key = UnboundKey::new(algorithm, key).expect("the key has its cipher's length");
        Box::new(Direction {
            key: LessSafeKey::new(key),
            iv,
            sequence,
            explicit_nonce: cipher != Cipher::Chacha20Poly1305 && !tls13,
        })
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

/// Cipher, key, and the nonce of sequence number zero.
fn parts(secrets: &ConnectionTrafficSecrets) -> (Cipher, &[u8], [u8; 12]) {
    let (cipher, key, iv) = match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (Cipher::Aes128Gcm, key, iv),
        ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (Cipher::Aes256Gcm, key, iv),
        ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
            (Cipher::Chacha20Poly1305, key, iv)
        }
        _ => unreachable!("the offered suites use these three ciphers"),
    };
    let iv = iv.as_ref().try_into();
    (
        cipher,
        key.as_ref(),
        iv.expect("these ciphers' nonces have 12 bytes"),
    )
}

/// A nonce from which the kernel may count upwards without meeting one of the first `sequence` records.
/// Ours are the initial one with the sequence number XORed in: all inside one aligned block.
fn next_explicit_nonce(mut iv: [u8; 12], sequence: u64) -> [u8; 12] {
    let explicit = u64::from_be_bytes(iv[4..].try_into().expect("eight bytes"));
    let block = sequence.next_power_of_two() - 1;
    iv[4..].copy_from_slice(&(explicit | block).wrapping_add(1).to_be_bytes());
    iv
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
    /// `for_kernel`: the keys are kept until the kernel has them.
    pub fn new(secrets: ExtractedSecrets, kernel: Kernel, for_kernel: bool) -> Session {
        let tls13 = kernel.protocol_version() == ProtocolVersion::TLSv1_3;
        let (rx_sequence, rx) = secrets.rx;
        let (tx_sequence, tx) = secrets.tx;
        Session {
            rx: Some(Direction::new(rx_sequence, &rx, tls13)),
            tx: Some(Direction::new(tx_sequence, &tx, tls13)),
            rx_secrets: for_kernel.then(|| Box::new(rx)),
            tx_secrets: for_kernel.then(|| Box::new(tx)),
            kernel_records: 0,
            kernel,
            tls13,
            message: Vec::new(),
            warnings: 0,
            key_update_owed: false,
            no_renegotiation_owed: false,
        }
    }

    /// The keys of a direction that the kernel is still to get, at a place where it may get them.
    pub fn kernel_keys(&self, way: Way) -> Option<Keys<'_>> {
        let (secrets, ours) = match way {
            Way::Receive => (&self.rx_secrets, &self.rx),
            Way::Send => (&self.tx_secrets, &self.tx),
        };
        let (cipher, key, iv) = parts(secrets.as_ref()?);
        if way == Way::Receive && !self.message.is_empty() {
            return None;
        }
        let sequence = ours.as_ref().map_or(0, |direction| direction.sequence);
        let explicit = ours.as_ref().is_some_and(|ours| ours.explicit_nonce);
        Some(Keys {
            tls13: self.tls13,
            cipher,
            key,
            iv: if explicit {
                next_explicit_nonce(iv, sequence)
            } else {
                iv
            },
            sequence,
        })
    }

    /// The kernel has the keys of a direction; ours are forgotten.
    pub fn taken_over(&mut self, way: Way) {
        match way {
            Way::Receive => (self.rx, self.rx_secrets) = (None, None),
            Way::Send => (self.tx, self.tx_secrets, self.kernel_records) = (None, None, 0),
        }
    }

    /// The kernel does not get the keys of a direction.
    pub fn stays_here(&mut self, way: Way) {
        match way {
            Way::Receive => self.rx_secrets = None,
            Way::Send => self.tx_secrets = None,
        }
    }

    /// Whether a direction waits for a place where the kernel may get its keys.
    pub fn waits_for_kernel(&self, way: Way) -> bool {
        match way {
            Way::Receive => self.rx_secrets.is_some(),
            Way::Send => self.tx_secrets.is_some(),
        }
    }

    pub fn is_in_kernel(&self, way: Way) -> bool {
        match way {
            Way::Receive => self.rx.is_none(),
            Way::Send => self.tx.is_none(),
        }
    }

    /// The kernel sealed so many bytes of the program.
    pub fn count_kernel_records(&mut self, len: u64) {
        self.kernel_records += len.div_ceil(PLAINTEXT_MAX as u64);
    }

    /// Room that `open` needs for a record of `wire_len` bytes.
    pub fn room(&self, wire_len: usize) -> usize {
        let explicit = if self.rx.as_ref().is_some_and(|rx| rx.explicit_nonce) {
            EXPLICIT_NONCE_LEN
        } else {
            0
        };
        wire_len.saturating_sub(HEADER_LEN + explicit + TAG_LEN)
    }

    /// Opens one whole record into `out`, which has the record's `room`. What is not for the program is
    /// dealt with here.
    pub fn open(&mut self, record: &[u8], out: &mut [u8]) -> Result<Opened, Failure> {
        let unreadable = || Failure::new(AlertDescription::BadRecordMac, UNREADABLE);
        let (outer_kind, body) = (record[0], &record[HEADER_LEN..]);
        if self.tls13 && outer_kind != APPLICATION_DATA {
            return Err(unexpected(outer_kind));
        }
        let rx = self.rx.as_mut().expect("opened here, not in the kernel");
        let mut nonce = rx.nonce();
        let mut sealed = body;
        if rx.explicit_nonce {
            let (explicit, rest) = body
                .split_at_checked(EXPLICIT_NONCE_LEN)
                .ok_or_else(unreadable)?;
            nonce[..4].copy_from_slice(&rx.iv[..4]);
            nonce[4..].copy_from_slice(explicit);
            sealed = rest;
        }
        let len = sealed.len().checked_sub(TAG_LEN).ok_or_else(unreadable)?;
        let (ciphertext, tag) = sealed.split_at(len);
        let aad = rx.additional_data(self.tls13, outer_kind, body.len(), len);
        let nonce = Nonce::assume_unique_for_key(nonce);
        rx.key
            .open_separate_gather(nonce, aad, ciphertext, tag, &mut out[..len])
            .map_err(|_| unreadable())?;
        rx.sequence += 1;
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
        if kind == APPLICATION_DATA {
            self.take_data()?;
            return Ok(Opened::Data(len));
        }
        self.take_control(kind, &out[..len])
    }

    /// Data may come now: it does not in the middle of a message.
    pub fn take_data(&self) -> Result<(), Failure> {
        if self.message.is_empty() {
            Ok(())
        } else {
            Err(unexpected(APPLICATION_DATA))
        }
    }

    /// Deals with an opened record that is not for the program.
    pub fn take_control(&mut self, kind: u8, bytes: &[u8]) -> Result<Opened, Failure> {
        match kind {
            ALERT => self.take_alert(bytes),
            HANDSHAKE => self.take_handshake(bytes),
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
            match (kind, self.tls13, &mut self.kernel) {
                (24, true, _) if last => self.take_key_update(update)?,
                (4, true, Kernel::Client(kernel)) => kernel
                    .handle_new_session_ticket(&self.message[4..4 + len])
                    .map_err(|_| {
                        Failure::new(AlertDescription::DecodeError, "malformed session ticket")
                    })?,
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
        let (sequence, secrets) = secrets.map_err(|error| internal(&error))?;
        if let Some(rx) = &mut self.rx {
            *rx = Direction::new(sequence, &secrets, true);
        }
        if self.rx.is_none() || self.rx_secrets.is_some() {
            // The kernel needs these now, or gets them instead of those it waited for.
            self.rx_secrets = Some(Box::new(secrets));
        }
        Ok(())
    }

    /// Whether the record layer itself has something to say.
    pub fn owes(&self) -> bool {
        self.next_owed().is_some()
    }

    /// Type and content of the next record that is owed; `said` follows once it is on its way.
    pub fn next_owed(&self) -> Option<(u8, &'static [u8])> {
        if self.no_renegotiation_owed {
            return Some((ALERT, &NO_RENEGOTIATION));
        }
        let sealed = self
            .tx
            .as_ref()
            .map_or(self.kernel_records, |tx| tx.sequence);
        let worn = self.tls13 && sealed >= RECORDS_PER_KEY_MAX;
        (self.key_update_owed || worn).then_some((HANDSHAKE, &KEY_UPDATE))
    }

    /// What `next_owed` named was sealed: after a key update a new key follows.
    pub fn said(&mut self, kind: u8) -> Result<(), Failure> {
        if kind == ALERT {
            self.no_renegotiation_owed = false;
            return Ok(());
        }
        self.key_update_owed = false;
        let secrets = match &mut self.kernel {
            Kernel::Client(kernel) => kernel.update_tx_secret(),
            Kernel::Server(kernel) => kernel.update_tx_secret(),
        };
        let (sequence, secrets) = secrets.map_err(|error| internal(&error))?;
        if let Some(tx) = &mut self.tx {
            *tx = Direction::new(sequence, &secrets, true);
        }
        if self.tx.is_none() || self.tx_secrets.is_some() {
            self.tx_secrets = Some(Box::new(secrets));
        }
        Ok(())
    }

    /// Seals all that is owed; returns the bytes written to `out`.
    pub fn seal_owed(&mut self, out: &mut [u8]) -> Result<usize, Failure> {
        let mut len = 0;
        while let Some((kind, content)) = self.next_owed() {
            len += self.seal(kind, &[content], &mut out[len..])?;
            self.said(kind)?;
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
        let tx = self.tx.as_mut().expect("sealed here, not in the kernel");
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
