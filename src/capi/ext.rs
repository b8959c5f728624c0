//! evpl_ext.h: what this library has and the C library had not.

use core::ffi::{c_char, c_int, c_uint};

use super::boundary::{c_str, endpoint_ref, required};
use crate::abi::{evpl_endpoint, evpl_global_config};
use crate::config::GlobalConfig;
use crate::sys::set_errno;

/// Stores one field of the global settings, after a check for NULL in the name of the function.
macro_rules! set {
    ($config:ident, $function:literal, $field:ident = $value:expr) => {{
        let config: *mut GlobalConfig = required($config, "config", $function).cast();
        // SAFETY: from evpl_global_config_init, not yet released, and the caller serialises access.
        unsafe { (*config).$field = $value }
    }};
}

/// How many TLS sessions clients of this process remember, at most. A connection to a server that is
/// remembered offers to resume, which saves the server its certificate and both sides time. Default 0:
/// none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_tls_client_sessions(
    config: *mut evpl_global_config,
    count: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_tls_client_sessions",
        tls_client_sessions = count
    );
}

/// How many TLS sessions servers of this process remember, at most, for clients that offer to resume
/// one by its identifier. Default 0: none. Tickets, if there are any, are preferred.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_tls_server_sessions(
    config: *mut evpl_global_config,
    count: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_tls_server_sessions",
        tls_server_sessions = count
    );
}

/// How many session tickets servers of this process give to each client, at most 16. A ticket holds the
/// session, sealed with a key of this process that changes every few hours, so nothing is remembered
/// here. Default 2; 0: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_tls_server_tickets(
    config: *mut evpl_global_config,
    count: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_tls_server_tickets",
        tls_server_tickets = count.min(16)
    );
}

/// Other than 0: TLS clients tell the server the host name that their endpoint was created with
/// (server_name, SNI). Of an IP address nothing is told. Default 0. A single endpoint is given a name
/// with evpl_endpoint_set_tls_name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_tls_send_name(
    config: *mut evpl_global_config,
    enabled: c_int,
) {
    set!(
        config,
        "evpl_global_config_set_tls_send_name",
        tls_send_name = enabled != 0
    );
}

/// Other than 0: TLS clients accept only a certificate for the peer they asked for, which is the
/// endpoint's TLS name if it has one, else the host name or IP address it was created with. The
/// certificate must have it as a subject alternative name. Without tls_verify_peer nothing is
/// verified, names neither. Default 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_tls_verify_name(
    config: *mut evpl_global_config,
    enabled: c_int,
) {
    set!(
        config,
        "evpl_global_config_set_tls_verify_name",
        tls_verify_name = enabled != 0
    );
}

/// Whether TLS servers require a certificate of their clients that leads to tls_ca: 0 never, other
/// values always, whatever tls_verify_peer says, which then is about servers alone. Without this call
/// tls_verify_peer decides for both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_tls_require_client_cert(
    config: *mut evpl_global_config,
    required: c_int,
) {
    set!(
        config,
        "evpl_global_config_set_tls_require_client_cert",
        tls_require_client_cert = Some(required != 0)
    );
}

/// Other than 0: the secrets of each TLS connection are appended to the file that the environment
/// variable SSLKEYLOGFILE names, for programs that decode captured traffic. Default 0; the variable
/// alone does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_tls_key_log(
    config: *mut evpl_global_config,
    enabled: c_int,
) {
    set!(
        config,
        "evpl_global_config_set_tls_key_log",
        tls_key_log = enabled != 0
    );
}

/// Gives an endpoint the host name by which TLS clients know the peer: it is sent to the server, and
/// compared if names are verified, in place of the one the endpoint was created with. For connections
/// from here on; NULL takes it back. Any thread. Returns 0, or -1 with errno EINVAL for what is no host
/// name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_endpoint_set_tls_name(
    endpoint: *mut evpl_endpoint,
    name: *const c_char,
) -> c_int {
    // SAFETY: a live endpoint; NULL or a terminated string.
    let (endpoint, name) = unsafe {
        (
            endpoint_ref(endpoint, "evpl_endpoint_set_tls_name"),
            c_str(name),
        )
    };
    if endpoint.set_tls_name(name) {
        0
    } else {
        set_errno(libc::EINVAL);
        -1
    }
}
