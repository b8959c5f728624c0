//! The one table of protocols: id, lookup name, fixed facts, and who implements it or why nobody does.

use super::address::AddressKind;
use super::inbox::AcceptRequest;
use super::inproc::{InprocDatagram, InprocStream};
use super::io_uring::tcp::UringTcp;
use super::socket::{tcp::Tcp, udp::Udp, unix::Unix};
use super::tcp_rdma::TcpRdma;
use super::tls::Tls;
use super::{Caps, Cx, Protocol};
use crate::abi::{EVPL_NUM_PROTO, evpl_notify_callback_t, evpl_segment_callback_t};

/// One row of the table.
pub struct Row {
    pub id: i32,
    pub name: &'static str,
    pub caps: Caps,
    implementation: Result<&'static dyn Protocol, Missing>,
}

/// Why a protocol is not available.
#[derive(Clone, Copy, Debug)]
pub struct Missing(pub &'static str);

const NOT_BUILT: Result<&'static dyn Protocol, Missing> = Err(Missing("not part of this build"));

const STREAM: Caps = Caps {
    stream: true,
    connected: true,
    rdma: false,
    kind: AddressKind::Inet,
};
const STREAM_LOCAL: Caps = Caps {
    kind: AddressKind::Local,
    ..STREAM
};
const STREAM_INPROC: Caps = Caps {
    kind: AddressKind::Inproc,
    ..STREAM
};
const STREAM_RDMA: Caps = Caps {
    rdma: true,
    ..STREAM
};
const DATAGRAM: Caps = Caps {
    stream: false,
    connected: false,
    rdma: false,
    kind: AddressKind::Inet,
};
const DATAGRAM_RDMA: Caps = Caps {
    connected: true,
    rdma: true,
    ..DATAGRAM
};
const DATAGRAM_INPROC: Caps = Caps {
    kind: AddressKind::Inproc,
    ..DATAGRAM_RDMA
};

static ROWS: [Row; EVPL_NUM_PROTO as usize] = [
    Row {
        id: 0,
        name: "DATAGRAM_SOCKET_UDP",
        caps: DATAGRAM,
        implementation: Ok(&Udp),
    },
    Row {
        id: 1,
        name: "DATAGRAM_RDMACM_RC",
        caps: DATAGRAM_RDMA,
        implementation: NOT_BUILT,
    },
    Row {
        id: 2,
        name: "DATAGRAM_RDMACM_UD",
        caps: DATAGRAM,
        implementation: NOT_BUILT,
    },
    Row {
        id: 3,
        name: "STREAM_SOCKET_TCP",
        caps: STREAM,
        implementation: Ok(&Tcp),
    },
    Row {
        id: 4,
        name: "STREAM_XLIO_TCP",
        caps: STREAM,
        implementation: NOT_BUILT,
    },
    Row {
        id: 5,
        name: "STREAM_IO_URING_TCP",
        caps: STREAM,
        implementation: Ok(&UringTcp),
    },
    Row {
        id: 6,
        name: "STREAM_RDMACM_RC",
        caps: STREAM_RDMA,
        implementation: NOT_BUILT,
    },
    Row {
        id: 7,
        name: "STREAM_SOCKET_TLS",
        caps: STREAM,
        implementation: Ok(&Tls),
    },
    Row {
        id: 8,
        name: "DATAGRAM_TCP_RDMA",
        caps: DATAGRAM_RDMA,
        implementation: Ok(&TcpRdma),
    },
    Row {
        id: 9,
        name: "STREAM_SOCKET_UNIX",
        caps: STREAM_LOCAL,
        implementation: Ok(&Unix),
    },
    Row {
        id: 10,
        name: "STREAM_INPROC",
        caps: STREAM_INPROC,
        implementation: Ok(&InprocStream),
    },
    Row {
        id: 11,
        name: "DATAGRAM_INPROC",
        caps: DATAGRAM_INPROC,
        implementation: Ok(&InprocDatagram),
    },
];

impl Row {
    fn available(&self) -> Result<(), Missing> {
        self.implementation?.available()
    }

    /// The implementation of a bind's own row.
    pub fn protocol(&self) -> &'static dyn Protocol {
        self.implementation
            .expect("binds are made only for protocols that are registered")
    }
}

/// What a slot shows before its first use.
pub fn first_row() -> &'static Row {
    &ROWS[0]
}

/// Every protocol, registered or not.
pub fn rows() -> &'static [Row] {
    &ROWS
}

/// The row of a registered protocol, or why there is none. Any integer may be asked for.
pub fn find(id: i32) -> Result<&'static Row, String> {
    let row = usize::try_from(id).ok().and_then(|index| ROWS.get(index));
    let Some(row) = row else {
        return Err(format!("protocol {id} does not exist"));
    };
    match row.available() {
        Ok(()) => Ok(row),
        Err(Missing(reason)) => Err(format!("protocol {} is not available: {reason}", row.name)),
    }
}

pub fn find_by_name(name: &[u8]) -> Option<&'static Row> {
    ROWS.iter()
        .find(|row| row.name.as_bytes() == name && row.available().is_ok())
}

/// An accepted connection reaches the thread that will own it: attach callback, transport, CONNECTED.
pub fn take_over(cx: &Cx, request: AcceptRequest) {
    let AcceptRequest {
        attachment,
        row,
        accepted,
        remote,
    } = request;
    if attachment.is_detached() {
        return;
    }
    let bind = cx.prepare_bind(row);
    bind.set_remote(Some(remote));
    let mut notify: evpl_notify_callback_t = None;
    let mut segment: evpl_segment_callback_t = None;
    let mut private_data = core::ptr::null_mut();
    if let Some(attach) = attachment.callback {
        // SAFETY: what the program passed to evpl_listener_attach; nothing is borrowed.
        unsafe {
            attach(
                cx.evpl(),
                bind.handle(),
                &mut notify,
                &mut segment,
                &mut private_data,
                attachment.private_data,
            );
        }
    }
    if notify.is_none() {
        crate::log_error!(
            "core",
            "connection from {} closed: the attach callback set no notify callback",
            bind.remote_address_text()
        );
        // The ordinary close answers whatever the callback queued; there is nobody to notify.
        cx.request_close(bind);
        return;
    }
    bind.set_callbacks(notify, segment, private_data);
    if !row.protocol().records_messages(bind) {
        bind.messages.take();
    }
    if let Err(error) = row.protocol().attach(cx, bind, accepted) {
        crate::log_error!(
            "core",
            "connection from {} closed: {}",
            bind.remote_address_text(),
            error
        );
        cx.request_close(bind);
    }
}
