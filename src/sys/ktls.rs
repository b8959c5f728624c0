//! TLS records in the kernel: the layer "tls" over a connected TCP socket.
//!
//! A socket with the layer carries plain bytes in both directions until one is given its keys. From then
//! on what is written there becomes records of application data, and what is read comes from such; other
//! records travel with their type in a control message. Keys once given cannot be taken back, and only
//! newer kernels change them.

use std::io;
use std::os::fd::RawFd;

use super::{check, check_len};

const TCP_ULP: libc::c_int = 31;
const SOL_TLS: libc::c_int = 282;
const TLS_TX: libc::c_int = 1;
const TLS_RX: libc::c_int = 2;
const TLS_SET_RECORD_TYPE: libc::c_int = 1;
const TLS_GET_RECORD_TYPE: libc::c_int = 2;

const VERSION_12: u16 = 0x0303;
const VERSION_13: u16 = 0x0304;
/// The longest of the kernel's structures: AES-256-GCM with everything.
const CRYPTO_INFO_LEN_MAX: usize = 4 + 12 + 32 + 4 + 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Receive,
    Send,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    Aes128Gcm,
    Aes256Gcm,
    Chacha20Poly1305,
}

/// What the kernel needs to know of one direction.
pub struct Keys<'a> {
    pub tls13: bool,
    pub cipher: Cipher,
    pub key: &'a [u8],
    /// The nonce of sequence number zero; with AES-GCM of TLS 1.2 the next record's nonce.
    pub iv: [u8; 12],
    pub sequence: u64,
}

/// Puts the layer on a connected socket.
pub fn attach(fd: RawFd) -> io::Result<()> {
    let name = c"tls";
    // SAFETY: the name is readable for its length.
    check(unsafe {
        libc::setsockopt(
            fd,
            libc::IPPROTO_TCP,
            TCP_ULP,
            name.as_ptr().cast(),
            name.count_bytes() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// Gives one direction its keys, or others.
pub fn set_keys(fd: RawFd, way: Way, keys: &Keys<'_>) -> io::Result<()> {
    let (info, len) = crypto_info(keys);
    let name = match way {
        Way::Receive => TLS_RX,
        Way::Send => TLS_TX,
    };
    // SAFETY: the structure is readable for its length.
    check(unsafe {
        libc::setsockopt(
            fd,
            SOL_TLS,
            name,
            info.as_ptr().cast(),
            len as libc::socklen_t,
        )
    })
    .map(drop)
}

/// One of the kernel's `tls12_crypto_info_*`: version and cipher, then iv, key, salt and sequence number
/// without gaps.
fn crypto_info(keys: &Keys<'_>) -> ([u8; CRYPTO_INFO_LEN_MAX], usize) {
    let (number, salt_len): (u16, usize) = match keys.cipher {
        Cipher::Aes128Gcm => (51, 4),
        Cipher::Aes256Gcm => (52, 4),
        Cipher::Chacha20Poly1305 => (54, 0),
    };
    let version = if keys.tls13 { VERSION_13 } else { VERSION_12 };
    let (salt, iv) = keys.iv.split_at(salt_len);
    let mut info = [0; CRYPTO_INFO_LEN_MAX];
    let mut len = 0;
    for part in [
        &version.to_ne_bytes(),
        &number.to_ne_bytes(),
        iv,
        keys.key,
        salt,
        &keys.sequence.to_be_bytes(),
    ] {
        info[len..len + part.len()].copy_from_slice(part);
        len += part.len();
    }
    (info, len)
}

/// Room for one control message with the type of a record, aligned as the kernel writes it.
#[repr(C)]
union Control {
    header: libc::cmsghdr,
    bytes: [u8; 32],
}

// SAFETY: no pointer is followed.
const CONTROL_LEN: usize = unsafe { libc::CMSG_SPACE(1) } as usize;
const _: () = assert!(CONTROL_LEN <= size_of::<Control>());

/// Reads from records of one type, and says which; without a type there was no record but an end of file.
///
/// # Safety
/// Every entry names memory that may be written.
pub unsafe fn receive(fd: RawFd, iov: &[libc::iovec]) -> io::Result<(usize, Option<u8>)> {
    let mut control = Control { bytes: [0; 32] };
    // SAFETY: all-zero is an empty message header.
    let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
    message.msg_iov = iov.as_ptr().cast_mut();
    message.msg_iovlen = iov.len() as _;
    loop {
        message.msg_control = (&raw mut control).cast();
        message.msg_controllen = CONTROL_LEN as _;
        // SAFETY: the caller's promise; header and control room live through the call.
        let received = unsafe { libc::recvmsg(fd, &mut message, libc::MSG_DONTWAIT) };
        match check_len(received) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(received) => {
                // SAFETY: the kernel filled the control room as the header says.
                let kind = unsafe { record_type(&message) };
                return Ok((received, kind));
            }
        }
    }
}

/// # Safety
/// A call of recvmsg filled the header's control room.
unsafe fn record_type(message: &libc::msghdr) -> Option<u8> {
    // SAFETY: the caller's promise.
    let first = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: null or the first control message inside the room.
    let header = unsafe { first.as_ref() }?;
    if header.cmsg_level != SOL_TLS || header.cmsg_type != TLS_GET_RECORD_TYPE {
        return None;
    }
    // SAFETY: a message of this type carries one byte.
    Some(unsafe { libc::CMSG_DATA(first).read() })
}

/// Sends one record of a type other than application data; how many of its bytes the kernel took.
pub fn send_record(fd: RawFd, kind: u8, bytes: &[u8]) -> io::Result<usize> {
    let mut control = Control { bytes: [0; 32] };
    let mut entry = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: all-zero is an empty message header.
    let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
    message.msg_iov = &raw mut entry;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = CONTROL_LEN as _;
    // SAFETY: the control room has space for one header and one byte, as asserted above.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = SOL_TLS;
        (*header).cmsg_type = TLS_SET_RECORD_TYPE;
        (*header).cmsg_len = libc::CMSG_LEN(1) as _;
        libc::CMSG_DATA(header).write(kind);
    }
    loop {
        // SAFETY: header, control room and bytes live through the call.
        let sent = unsafe { libc::sendmsg(fd, &message, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) };
        match check_len(sent) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_have_the_kernel_s_lengths() {
        for (cipher, key_len, expected) in [
            (
                Cipher::Aes128Gcm,
                16,
                size_of::<libc::tls12_crypto_info_aes_gcm_128>(),
            ),
            (
                Cipher::Aes256Gcm,
                32,
                size_of::<libc::tls12_crypto_info_aes_gcm_256>(),
            ),
            (
                Cipher::Chacha20Poly1305,
                32,
                size_of::<libc::tls12_crypto_info_chacha20_poly1305>(),
            ),
        ] {
            let keys = Keys {
                tls13: true,
                cipher,
                key: &[7; 32][..key_len],
                iv: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
                sequence: 0x0102,
            };
            let (info, len) = crypto_info(&keys);
            assert_eq!(len, expected, "{cipher:?}");
            assert_eq!(info[..2], VERSION_13.to_ne_bytes());
            assert_eq!(info[len - 8..len], [0, 0, 0, 0, 0, 0, 1, 2]);
        }
    }
}
