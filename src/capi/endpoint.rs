//! evpl_endpoint.h: the names of peers and of listening points.

use core::ffi::{c_char, c_int};

use super::boundary::{c_str, endpoint_ref, required};
use crate::abi::evpl_endpoint;
use crate::api::Endpoint;

/// Names a peer or a listening point. An `address` that starts with '/' or '@' is a local one, as
/// for evpl_endpoint_create_local; one that starts with "inproc://" is in-process, with the rest as
/// name; anything else is a host name or IP address of at most 255 bytes, with `port`, that is
/// resolved when it is used. Any thread; initialises the library if needed. Returns NULL for an
/// unusable address. evpl_endpoint_close frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_endpoint_create(
    address: *const c_char,
    port: c_int,
) -> *mut evpl_endpoint {
    // SAFETY: NULL or a terminated string.
    Endpoint::create(unsafe { c_str(address) }, port)
}

/// Names a local socket: "/path" of at most 107 bytes, or "@name" of at most 108 for a name without
/// a file. Any thread; initialises the library if needed. Returns NULL for anything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_endpoint_create_local(path: *const c_char) -> *mut evpl_endpoint {
    // SAFETY: NULL or a terminated string.
    Endpoint::create_local(unsafe { c_str(path) })
}

/// Names a point inside this process. `name` has 1 to 107 bytes of any kind. Any thread;
/// initialises the library if needed. Returns NULL for anything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_endpoint_create_inproc(name: *const c_char) -> *mut evpl_endpoint {
    // SAFETY: NULL or a terminated string.
    Endpoint::create_inproc(unsafe { c_str(name) })
}

/// Frees an endpoint, which nobody may be using at the moment. Binds, listeners and messages that
/// were made with it are not affected. Endpoints still open at exit are closed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_endpoint_close(endpoint: *mut evpl_endpoint) {
    let endpoint = required(endpoint, "endpoint", "evpl_endpoint_close");
    // SAFETY: the contract above: live, and nobody uses it any more.
    unsafe { Endpoint::close(endpoint) };
}

/// 1 if the endpoint is a local socket, else 0. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_endpoint_is_local(endpoint: *const evpl_endpoint) -> c_int {
    // SAFETY: a live endpoint.
    let endpoint = unsafe { endpoint_ref(endpoint, "evpl_endpoint_is_local") };
    endpoint.is_local().into()
}

/// 1 if the endpoint is in-process, else 0. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_endpoint_is_inproc(endpoint: *const evpl_endpoint) -> c_int {
    // SAFETY: a live endpoint.
    let endpoint = unsafe { endpoint_ref(endpoint, "evpl_endpoint_is_inproc") };
    endpoint.is_inproc().into()
}

/// The host, path, "@name" or "inproc://name", valid until the endpoint is closed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_endpoint_address(endpoint: *const evpl_endpoint) -> *const c_char {
    // SAFETY: a live endpoint.
    let endpoint = unsafe { endpoint_ref(endpoint, "evpl_endpoint_address") };
    endpoint.address().as_ptr()
}

/// The port; 0 unless the endpoint is a host. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_endpoint_port(endpoint: *const evpl_endpoint) -> c_int {
    // SAFETY: a live endpoint.
    let endpoint = unsafe { endpoint_ref(endpoint, "evpl_endpoint_port") };
    endpoint.port()
}
