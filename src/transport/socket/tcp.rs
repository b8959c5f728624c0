//! STREAM_SOCKET_TCP: connecting, listening and accepting; the data path is [`super::stream`].

#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use super::{listen, local_address, stream, to_kernel};
use crate::sys::socket::{self, SockAddr};
use crate::transport::address::Address;
use crate::transport::bind::{Bind, Io};
use crate::transport::inbox::{AcceptSink, Accepted};
use crate::transport::{Cx, Protocol};

pub struct Tcp;

/// A socket that is ready for connect(2), and the address to connect to.
pub fn open(bind: &Bind, local: Option<Arc<Address>>) -> io::Result<(OwnedFd, SockAddr)> {
    let remote = to_kernel(&bind.remote().expect("connect sets the remote address"));
    let fd = socket::open(remote.family(), libc::SOCK_STREAM)?;
    let raw = fd.as_raw_fd();
    socket::set_nodelay(raw)?;
    if let Some(local) = local {
        socket::set_option(raw, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
        socket::bind(raw, &to_kernel(&local))?;
    }
    Ok((fd, remote))
}

pub fn connect(
    cx: &Cx,
    bind: &Bind,
    local: Option<Arc<Address>>,
    wrap: stream::Wrap,
) -> io::Result<()> {
    let (fd, remote) = open(bind, local)?;
    let raw = fd.as_raw_fd();
    stream::adopt_connecting(bind, fd, wrap);
    let connected = socket::connect(raw, &remote)?;
    // The kernel chose the port in connect(2), whether or not the handshake is over.
    bind.set_local(local_address(raw).ok());
    stream::watch_connecting(cx, bind, connected)
}

/// A socket that listens at the bind's local address, which then has the port that the kernel chose.
pub fn open_listening(cx: &Cx, bind: &Bind) -> io::Result<OwnedFd> {
    let address = to_kernel(&bind.local().expect("listen sets the local address"));
    let fd = socket::open(address.family(), libc::SOCK_STREAM)?;
    let raw = fd.as_raw_fd();
    socket::set_option(raw, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if address.family() == libc::AF_INET6 {
        socket::set_option(raw, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 0)?;
    }
    // Accepted sockets inherit it.
    socket::set_nodelay(raw)?;
    socket::bind(raw, &address)?;
    socket::listen(raw, listen::backlog(cx))?;
    bind.set_local(Some(local_address(raw)?));
    Ok(fd)
}

pub fn listen(cx: &Cx, bind: &Bind, sink: Arc<dyn AcceptSink>) -> io::Result<()> {
    listen::adopt(cx, bind, open_listening(cx, bind)?, sink, None)
}

/// The socket of an accepted connection, whose local address the bind gets.
pub fn take_accepted(bind: &Bind, accepted: Accepted) -> OwnedFd {
    let Accepted::Socket { fd, local } = accepted else {
        unreachable!("a TCP listener accepts sockets")
    };
    // A peer that reset already makes the question fail; reading reports that.
    bind.set_local(local.or_else(|| local_address(fd.as_raw_fd()).ok()));
    fd
}

pub fn attach(cx: &Cx, bind: &Bind, accepted: Accepted, wrap: stream::Wrap) -> io::Result<()> {
    stream::adopt_connected(cx, bind, take_accepted(bind, accepted), wrap)
}

impl Protocol for Tcp {
    fn connect(&self, cx: &Cx, bind: &Bind, local: Option<Arc<Address>>) -> io::Result<()> {
        connect(cx, bind, local, Io::Stream)
    }

    fn listen(&self, cx: &Cx, bind: &Bind, sink: Arc<dyn AcceptSink>) -> io::Result<()> {
        listen(cx, bind, sink)
    }

    fn attach(&self, cx: &Cx, bind: &Bind, accepted: Accepted) -> io::Result<()> {
        attach(cx, bind, accepted, Io::Stream)
    }

    fn flush(&self, cx: &Cx, bind: &Bind) {
        stream::flush_queued(cx, bind);
    }

    fn begin_close(&self, cx: &Cx, bind: &Bind) {
        stream::begin_close(cx, bind);
        listen::begin_close(cx, bind);
    }

    fn records_messages(&self, bind: &Bind) -> bool {
        bind.segment_callback().0.is_some()
    }

    fn merges_sends(&self) -> bool {
        true
    }
}
