//! Sockets: every descriptor non-blocking and close-on-exec from its first moment.

use std::ffi::CStr;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use super::{check, check_len};

pub use libc::{sockaddr_storage, socklen_t};

/// An entry of a gather list that is still to be filled.
pub const NO_BYTES: libc::iovec = libc::iovec {
    iov_base: core::ptr::null_mut(),
    iov_len: 0,
};

/// An address in the kernel's form.
pub struct SockAddr {
    pub storage: sockaddr_storage,
    pub len: socklen_t,
}

impl SockAddr {
    pub fn empty() -> SockAddr {
        // SAFETY: all-zero bytes are a valid sockaddr_storage (family AF_UNSPEC).
        let storage = unsafe { core::mem::zeroed() };
        SockAddr {
            storage,
            len: size_of::<sockaddr_storage>() as socklen_t,
        }
    }

    pub fn family(&self) -> i32 {
        i32::from(self.storage.ss_family)
    }

    fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.storage).cast()
    }
}

pub fn open(family: i32, kind: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed.
    let fd =
        check(unsafe { libc::socket(family, kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: a fresh descriptor that only we have.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub fn bind(fd: RawFd, address: &SockAddr) -> io::Result<()> {
    // SAFETY: the address is readable for its length.
    check(unsafe { libc::bind(fd, address.as_ptr(), address.len) }).map(drop)
}

pub fn listen(fd: RawFd, backlog: i32) -> io::Result<()> {
    // SAFETY: no pointers are passed.
    check(unsafe { libc::listen(fd, backlog) }).map(drop)
}

/// True if the connection is up at once, false if it is under way.
pub fn connect(fd: RawFd, address: &SockAddr) -> io::Result<bool> {
    // SAFETY: the address is readable for its length.
    match check(unsafe { libc::connect(fd, address.as_ptr(), address.len) }) {
        Ok(_) => Ok(true),
        // Interrupted after it began: it goes on by itself.
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::EINPROGRESS | libc::EINTR | libc::EALREADY)
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

pub fn accept(fd: RawFd) -> io::Result<(OwnedFd, SockAddr)> {
    let mut address = SockAddr::empty();
    let mut len = address.len;
    // SAFETY: the kernel writes at most `len` bytes of the address and the length itself.
    let accepted = check(unsafe {
        libc::accept4(
            fd,
            address.as_mut_ptr(),
            &mut len,
            libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
        )
    })?;
    address.len = len;
    // SAFETY: a fresh descriptor that only we have.
    Ok((unsafe { OwnedFd::from_raw_fd(accepted) }, address))
}

pub fn local_address(fd: RawFd) -> io::Result<SockAddr> {
    let mut address = SockAddr::empty();
    let mut len = address.len;
    // SAFETY: the kernel writes at most `len` bytes of the address and the length itself.
    check(unsafe { libc::getsockname(fd, address.as_mut_ptr(), &mut len) })?;
    address.len = len;
    Ok(address)
}

pub fn peer_address(fd: RawFd) -> io::Result<SockAddr> {
    let mut address = SockAddr::empty();
    let mut len = address.len;
    // SAFETY: the kernel writes at most `len` bytes of the address and the length itself.
    check(unsafe { libc::getpeername(fd, address.as_mut_ptr(), &mut len) })?;
    address.len = len;
    Ok(address)
}

/// Lets calls on the socket wait, as io_uring asks for: it does not wait for a non-blocking one.
pub fn set_blocking(fd: RawFd) -> io::Result<()> {
    let mut on: libc::c_int = 0;
    // SAFETY: the kernel reads one int.
    check(unsafe { libc::ioctl(fd, libc::FIONBIO, &raw mut on) }).map(drop)
}

/// Takes the pending error of a socket; `Ok` if there is none.
pub fn take_error(fd: RawFd) -> io::Result<()> {
    let mut errno: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as socklen_t;
    // SAFETY: value and length are writable and of the size given.
    check(unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_ERROR,
            (&raw mut errno).cast(),
            &mut len,
        )
    })?;
    if errno == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(errno))
    }
}

pub fn set_option(fd: RawFd, level: i32, name: i32, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the value is readable for its size.
    check(unsafe {
        libc::setsockopt(
            fd,
            level,
            name,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as socklen_t,
        )
    })
    .map(drop)
}

pub fn set_nodelay(fd: RawFd) -> io::Result<()> {
    set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)
}

/// One send of everything in `iov`; one entry goes without the message header.
///
/// # Safety
/// Every entry names readable memory.
pub unsafe fn send(fd: RawFd, iov: &[libc::iovec]) -> io::Result<usize> {
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    loop {
        let sent = if let [one] = iov {
            // SAFETY: the caller's promise.
            unsafe { libc::send(fd, one.iov_base, one.iov_len, flags) }
        } else {
            // SAFETY: all-zero is an empty message header.
            let mut header: libc::msghdr = unsafe { core::mem::zeroed() };
            header.msg_iov = iov.as_ptr().cast_mut();
            header.msg_iovlen = iov.len() as _;
            // SAFETY: the caller's promise; the header lives through the call.
            unsafe { libc::sendmsg(fd, &header, flags) }
        };
        match check_len(sent) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// One read into everything in `iov`; zero is end of file.
///
/// # Safety
/// Every entry names memory that may be written.
pub unsafe fn receive(fd: RawFd, iov: &[libc::iovec]) -> io::Result<usize> {
    loop {
        let received = if let [one] = iov {
            // SAFETY: the caller's promise.
            unsafe { libc::recv(fd, one.iov_base, one.iov_len, libc::MSG_DONTWAIT) }
        } else {
            // SAFETY: the caller's promise.
            unsafe { libc::readv(fd, iov.as_ptr(), iov.len() as libc::c_int) }
        };
        match check_len(received) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// As `receive`, for Unix sockets, and whether descriptors came with the bytes: the kernel ends a read
/// behind them, so that a short one says nothing about what follows. They are closed by the kernel.
///
/// # Safety
/// Every entry names memory that may be written.
pub unsafe fn receive_local(fd: RawFd, iov: &[libc::iovec]) -> io::Result<(usize, bool)> {
    // SAFETY: all-zero is an empty message header.
    let mut header: libc::msghdr = unsafe { core::mem::zeroed() };
    header.msg_iov = iov.as_ptr().cast_mut();
    header.msg_iovlen = iov.len() as _;
    loop {
        // SAFETY: the caller's promise; the header lives through the call.
        let received = unsafe { libc::recvmsg(fd, &mut header, libc::MSG_DONTWAIT) };
        match check_len(received) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Without room for them this is all that they leave.
            other => return other.map(|len| (len, header.msg_flags & libc::MSG_CTRUNC != 0)),
        }
    }
}

/// Sends one datagram that is in one piece: without the message header, which the kernel would have to
/// fetch and check.
///
/// # Safety
/// `bytes` names readable memory.
pub unsafe fn send_to(fd: RawFd, bytes: &libc::iovec, to: &SockAddr) -> io::Result<usize> {
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    let name = (&raw const to.storage).cast();
    loop {
        // SAFETY: the caller's promise, and the address is as long as it says.
        let sent = unsafe { libc::sendto(fd, bytes.iov_base, bytes.iov_len, flags, name, to.len) };
        match check_len(sent) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Receives one datagram without waiting, and its sender. Returns the datagram's length, which may be more
/// than there was space for.
///
/// # Safety
/// `space` names memory that may be written.
pub unsafe fn receive_from(
    fd: RawFd,
    space: &libc::iovec,
    from: &mut SockAddr,
) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    loop {
        from.len = size_of::<libc::sockaddr_storage>() as u32;
        let name = (&raw mut from.storage).cast();
        // SAFETY: the caller's promise, and the address has the room that its length says.
        let received = unsafe {
            libc::recvfrom(
                fd,
                space.iov_base,
                space.iov_len,
                flags,
                name,
                &mut from.len,
            )
        };
        match check_len(received) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Sends one datagram.
///
/// # Safety
/// The header names readable memory.
pub unsafe fn send_message(fd: RawFd, message: &libc::msghdr) -> io::Result<usize> {
    loop {
        // SAFETY: the caller's promise.
        let sent = unsafe { libc::sendmsg(fd, message, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) };
        match check_len(sent) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Sends a batch of datagrams; how many were taken, or the error of the first.
///
/// # Safety
/// Every header names readable memory.
pub unsafe fn send_messages(fd: RawFd, messages: &mut [libc::mmsghdr]) -> io::Result<usize> {
    loop {
        // SAFETY: the caller's promise.
        let sent = unsafe {
            libc::sendmmsg(
                fd,
                messages.as_mut_ptr(),
                messages.len() as u32,
                (libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) as _,
            )
        };
        match check(sent) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map(|count| count as usize),
        }
    }
}

/// Receives a batch of datagrams without waiting.
///
/// # Safety
/// Every header names memory that may be written.
pub unsafe fn receive_messages(fd: RawFd, messages: &mut [libc::mmsghdr]) -> io::Result<usize> {
    loop {
        // SAFETY: the caller's promise.
        let received = unsafe {
            libc::recvmmsg(
                fd,
                messages.as_mut_ptr(),
                messages.len() as u32,
                libc::MSG_DONTWAIT as _,
                core::ptr::null_mut(),
            )
        };
        match check(received) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map(|count| count as usize),
        }
    }
}

/// Bytes that the kernel holds for the peer and that it has not taken; 0 if that cannot be known.
pub fn unsent(fd: RawFd) -> u64 {
    let mut len: libc::c_int = 0;
    // SAFETY: the request writes one int.
    let result = unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &mut len) };
    if result == 0 {
        u64::try_from(len).unwrap_or(0)
    } else {
        0
    }
}

/// The kernel has no memory for a send at the moment. Nothing tells when it has.
pub fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::ENOMEM))
}

pub fn is_transient(error: &io::Error) -> bool {
    // A number of the kernel's is not looked up in the long table of kinds: a spin asks after every look.
    match error.raw_os_error() {
        Some(number) => number == libc::EAGAIN,
        None => error.kind() == io::ErrorKind::WouldBlock,
    }
}

/// The name of a network interface.
pub fn interface_name(index: u32) -> Option<String> {
    let mut name = [0u8; libc::IF_NAMESIZE];
    // SAFETY: the buffer is as long as the call asks for.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr().cast()) };
    if found.is_null() {
        return None;
    }
    let name = CStr::from_bytes_until_nul(&name).ok()?;
    Some(name.to_string_lossy().into_owned())
}

/// The system's largest listen backlog.
pub fn somaxconn() -> i32 {
    std::fs::read_to_string("/proc/sys/net/core/somaxconn")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(libc::SOMAXCONN)
}
