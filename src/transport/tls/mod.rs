//! STREAM_SOCKET_TLS: TLS 1.2 and 1.3 over kernel sockets.
//!
//! - `context`: what the settings mean: certificates, CA file, suites, ALPN names;
//! - `handshake`: rustls, up to the keys;
//! - `record`: records sealed and opened between the program's buffers and the socket;
//! - `ktls`: whether the kernel can do that;
//! - `connection`: the life of one bind on the loop.

pub mod certificate;
pub mod ciphers;
pub mod connection;
pub mod context;
pub mod handshake;
pub mod ktls;
pub mod record;
pub mod verify;

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use rustls::pki_types::DnsName;

use super::address::Address;
use super::bind::{Bind, Io};
use super::inbox::{AcceptSink, Accepted};
use super::socket::{listen, local_address, tcp};
use super::{Cx, PeerName, Protocol};
use crate::sys::socket;

pub struct Tls;

impl Protocol for Tls {
    fn connect_by_name(
        &self,
        cx: &Cx,
        bind: &Bind,
        local: Option<Arc<Address>>,
        name: &PeerName,
    ) -> io::Result<()> {
        let (config, name) = cx.process.tls.client(cx.config(), bind.remote(), name)?;
        let (fd, remote) = tcp::open(bind, local)?;
        let raw = fd.as_raw_fd();
        connection::adopt_connecting(bind, fd, config, name);
        socket::connect(raw, &remote)?;
        // The kernel chose the port in connect(2), whether or not it is over.
        bind.set_local(local_address(raw).ok());
        connection::watch_connecting(cx, bind)
    }

    fn listen(&self, cx: &Cx, bind: &Bind, sink: Arc<dyn AcceptSink>) -> io::Result<()> {
        cx.process.tls.server(cx.config())?;
        tcp::listen(cx, bind, sink)
    }

    fn attach(&self, cx: &Cx, bind: &Bind, accepted: Accepted) -> io::Result<()> {
        let config = cx.process.tls.server(cx.config())?;
        connection::adopt_accepted(cx, bind, tcp::take_accepted(bind, accepted), config)
    }

    fn flush(&self, cx: &Cx, bind: &Bind) {
        connection::flush_queued(cx, bind);
    }

    fn begin_close(&self, cx: &Cx, bind: &Bind) {
        connection::begin_close(cx, bind);
        listen::begin_close(cx, bind);
    }

    fn records_messages(&self, bind: &Bind) -> bool {
        bind.segment_callback().0.is_some()
    }

    fn merges_sends(&self) -> bool {
        true
    }
}

pub fn is_host_name(name: &str) -> bool {
    DnsName::try_from(name).is_ok()
}

/// The name that client and server agreed on; none before the handshake and on other binds.
pub fn negotiated_name(bind: &Bind) -> Option<Vec<u8>> {
    match bind.io() {
        Io::Tls(io) => io.alpn(),
        _ => None,
    }
}
