//! Opening binds: connections and datagram sockets.
//!
//! A bad argument gives NULL and a line in the log. What the network or the kernel refuses is an
//! outcome: a connect still returns its bind and DISCONNECTED follows; a datagram bind is NULL.

#![forbid(unsafe_code)]

use core::ffi::{c_int, c_void};
use std::sync::Arc;

use super::{Endpoint, Evpl};
use crate::abi::{evpl_bind, evpl_notify_callback_t, evpl_segment_callback_t};
use crate::transport::address::Address;
use crate::transport::registry::{self, Row};

impl Evpl {
    pub fn connect(
        &self,
        protocol: c_int,
        local: Option<&Endpoint>,
        remote: &Endpoint,
        notify: evpl_notify_callback_t,
        segment: evpl_segment_callback_t,
        private_data: *mut c_void,
    ) -> *mut evpl_bind {
        self.try_connect(protocol, local, remote, (notify, segment, private_data))
            .unwrap_or(core::ptr::null_mut())
    }

    fn try_connect(
        &self,
        protocol: c_int,
        local: Option<&Endpoint>,
        remote: &Endpoint,
        (notify, segment, private_data): (
            evpl_notify_callback_t,
            evpl_segment_callback_t,
            *mut c_void,
        ),
    ) -> Option<*mut evpl_bind> {
        const FUNCTION: &str = "evpl_connect";
        let row = self.row_for(FUNCTION, protocol)?;
        if !row.caps.connected {
            crate::abort!(
                "core",
                "{}: protocol {} is not connected; use evpl_bind",
                FUNCTION,
                row.name
            );
        }
        let name = remote.peer_name();
        let remote = resolve(FUNCTION, row, remote)?;
        let local = match local {
            Some(local) => Some(resolve(FUNCTION, row, local)?),
            None => None,
        };
        let bind = self.cx.prepare_bind(row);
        bind.set_callbacks(notify, segment, private_data);
        bind.set_remote(Some(remote));
        if let Err(error) = row.protocol().connect_by_name(&self.cx, bind, local, &name) {
            crate::log_debug!(
                "core",
                "connect to {}: {}",
                bind.remote_address_text(),
                error
            );
            self.cx.request_close(bind);
        }
        Some(bind.handle())
    }

    pub fn bind(
        &self,
        protocol: c_int,
        endpoint: &Endpoint,
        notify: evpl_notify_callback_t,
        private_data: *mut c_void,
    ) -> *mut evpl_bind {
        self.try_bind(protocol, endpoint, notify, private_data)
            .unwrap_or(core::ptr::null_mut())
    }

    fn try_bind(
        &self,
        protocol: c_int,
        endpoint: &Endpoint,
        notify: evpl_notify_callback_t,
        private_data: *mut c_void,
    ) -> Option<*mut evpl_bind> {
        const FUNCTION: &str = "evpl_bind";
        let row = self.row_for(FUNCTION, protocol)?;
        if row.caps.connected {
            crate::abort!(
                "core",
                "{}: protocol {} is connected; use evpl_connect or evpl_listen",
                FUNCTION,
                row.name
            );
        }
        let local = resolve(FUNCTION, row, endpoint)?;
        let bind = self.cx.prepare_bind(row);
        bind.set_callbacks(notify, None, private_data);
        bind.set_local(Some(local));
        if let Err(error) = row.protocol().bind(&self.cx, bind) {
            crate::log_error!(
                "core",
                "{} {} {}: {}",
                FUNCTION,
                row.name,
                bind.local_address_text(),
                error
            );
            self.cx.recycle(bind);
            return None;
        }
        Some(bind.handle())
    }

    fn row_for(&self, function: &str, protocol: c_int) -> Option<&'static Row> {
        if self.refuses_binds() {
            crate::log_error!("core", "{}: the loop is being destroyed", function);
            return None;
        }
        find(function, protocol)
    }
}

/// The row of a registered protocol, or one line that says why there is none.
pub(super) fn find(function: &str, protocol: c_int) -> Option<&'static Row> {
    registry::find(protocol)
        .inspect_err(|reason| crate::log_error!("core", "{}: {}", function, reason))
        .ok()
}

/// The address of an endpoint of the protocol's kind.
pub(super) fn resolve(
    function: &str,
    row: &'static Row,
    endpoint: &Endpoint,
) -> Option<Arc<Address>> {
    if endpoint.kind() != row.caps.kind {
        crate::log_error!(
            "core",
            "{}: endpoint {} is of the wrong kind for protocol {}",
            function,
            endpoint.address().to_string_lossy(),
            row.name
        );
        return None;
    }
    endpoint.resolve()
}
