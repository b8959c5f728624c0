//! Sockets of the kernel: TCP and Unix streams over one data path, UDP, and listening.

pub mod listen;
pub mod stream;
pub mod tcp;
pub mod udp;
pub mod unix;

use std::io;
use std::sync::Arc;

use super::address::Address;
use crate::sys::socket::SockAddr;

/// The kernel's form of an address.
pub fn to_kernel(address: &Address) -> SockAddr {
    let mut kernel = SockAddr::empty();
    kernel.len = address.to_sockaddr(&mut kernel.storage);
    kernel
}

pub fn from_kernel(kernel: &SockAddr) -> Arc<Address> {
    Arc::new(Address::from_sockaddr(&kernel.storage, kernel.len))
}

/// The address a socket has now.
pub fn local_address(fd: std::os::fd::RawFd) -> io::Result<Arc<Address>> {
    crate::sys::socket::local_address(fd).map(|kernel| from_kernel(&kernel))
}
