//! DATAGRAM_TCP_RDMA: messages and one-sided operations over one TCP connection.
//!
//! The socket is that of [`super::socket::stream`]. `docs/tcp-rdma.md` is the protocol.
//!
//! - `wire`: frames as bytes.
//! - `input`: what was read becomes messages, answers, and accesses to published memory.
//! - `output`: what is queued, and what the peer is owed, becomes frames for the socket.
//! - `connection`: the state that both share.

pub mod connection;
pub mod input;
pub mod output;
pub mod wire;

use std::io;
use std::sync::Arc;

use super::address::Address;
use super::bind::{Bind, Io};
use super::inbox::{AcceptSink, Accepted};
use super::socket::{listen, stream, tcp};
use super::{Cx, Protocol};
use crate::memory::iovec::Iovec;
use connection::RdmaIo;

pub struct TcpRdma;

fn wrap(stream: stream::StreamIo) -> Io {
    Io::TcpRdma(Box::new(RdmaIo::new(stream)))
}

impl Protocol for TcpRdma {
    fn connect(&self, cx: &Cx, bind: &Bind, local: Option<Arc<Address>>) -> io::Result<()> {
        tcp::connect(cx, bind, local, wrap)
    }

    fn listen(&self, cx: &Cx, bind: &Bind, sink: Arc<dyn AcceptSink>) -> io::Result<()> {
        tcp::listen(cx, bind, sink)
    }

    fn attach(&self, cx: &Cx, bind: &Bind, accepted: Accepted) -> io::Result<()> {
        tcp::attach(cx, bind, accepted, wrap)
    }

    fn flush(&self, cx: &Cx, bind: &Bind) {
        stream::flush_queued(cx, bind);
    }

    fn begin_close(&self, cx: &Cx, bind: &Bind) {
        stream::begin_close(cx, bind);
        listen::begin_close(cx, bind);
        output::give_up(cx, bind);
    }

    fn records_messages(&self, _bind: &Bind) -> bool {
        true
    }

    fn publish(&self, cx: &Cx, _bind: &Bind, iovec: &Iovec) -> (u32, u64) {
        cx.process.publications.publish(iovec)
    }
}
