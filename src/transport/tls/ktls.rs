//! Which connections the kernel may seal and open records for.
//!
//! The module may be missing, and kernels before 6.14 cannot change keys. A TLS 1.3 peer changes its keys
//! when it likes and may ask for ours to be changed, so there the kernel gets TLS 1.2 alone, which has
//! no such thing. Both facts are found out once per process, by trying.

#![forbid(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys::ktls::{self, Cipher, Keys, Way};

#[derive(Default)]
pub struct Offer {
    probed: OnceLock<Probed>,
    /// The reason why something stays in user space was logged.
    told: AtomicBool,
}

enum Probed {
    Nothing,
    Tls12,
    Both,
}

impl Offer {
    /// Puts the kernel's layer on a socket if it may be of use. False is not an error: the connection
    /// then stays in user space.
    pub fn attach(&self, fd: RawFd, tls13: bool) -> bool {
        let wanted = match self.probed() {
            None | Some(Probed::Nothing) => false,
            Some(Probed::Tls12) => !tls13,
            Some(Probed::Both) => true,
        };
        if !wanted {
            return false;
        }
        match ktls::attach(fd) {
            Ok(()) => true,
            // The peer is gone already.
            Err(error) if error.raw_os_error() == Some(libc::ENOTCONN) => false,
            Err(error) => {
                self.tell(&format!("a socket does not take it: {error}"));
                false
            }
        }
    }

    /// None while descriptors or memory are short: the next connection tries again.
    fn probed(&self) -> Option<&Probed> {
        if self.probed.get().is_none() {
            // Another thread may have been faster; it found the same.
            let _ = self.probed.set(self.probe()?);
        }
        self.probed.get()
    }

    fn probe(&self) -> Option<Probed> {
        let layered = || -> io::Result<TcpStream> {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let stream = TcpStream::connect(listener.local_addr()?)?;
            ktls::attach(stream.as_raw_fd())?;
            Ok(stream)
        };
        let stream = match layered() {
            Ok(stream) => stream,
            Err(error) => {
                match error.raw_os_error() {
                    Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS) => {
                        return None;
                    }
                    Some(libc::ENOENT) => self.tell("the kernel has no module tls"),
                    _ => self.tell(&error.to_string()),
                }
                return Some(Probed::Nothing);
            }
        };
        let keys = Keys {
            tls13: true,
            cipher: Cipher::Aes128Gcm,
            key: &[0; 16],
            iv: [0; 12],
            sequence: 0,
        };
        let give = || ktls::set_keys(stream.as_raw_fd(), Way::Send, &keys);
        if give().and_then(|()| give()).is_ok() {
            Some(Probed::Both)
        } else {
            self.tell("for TLS 1.3, as the kernel cannot change keys");
            Some(Probed::Tls12)
        }
    }

    /// A direction stays in user space after all.
    pub fn refused(&self, way: Way, error: &io::Error) {
        self.tell(&format!("to {way:?} with these keys: {error}"));
    }

    fn tell(&self, reason: &str) {
        if !self.told.swap(true, Ordering::Relaxed) {
            crate::log_info!("tls", "kernel TLS is not used: {}", reason);
        }
    }
}
