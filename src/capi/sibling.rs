//! Functions that no public header declares: the HTTP and RPC libraries above this one, and
//! debuggers, find them by name.

use core::ffi::{c_char, c_int, c_uint, c_void};
use core::slice;

use super::boundary::{bind_ref, bytes_out, c_str};
use crate::abi::{evpl_bind, evpl_block_queue};
use crate::api::global;
use crate::log_error;
use crate::transport::tls;

/// The encoded ALPN list, a length byte and a name for each protocol, has at most this many bytes.
const ALPN_BYTES_MAX: usize = 256;

#[unsafe(no_mangle)]
pub extern "C" fn evpl_global_config_get_http_max_header_size() -> c_uint {
    global::http_max_header_size()
}

#[unsafe(no_mangle)]
pub extern "C" fn evpl_config_rpc2_max_message_size() -> c_uint {
    global::rpc2_max_message_size()
}

/// Replaces the process-wide list of names that TLS offers and selects, best first; count 0 clears
/// it. A list that cannot be encoded is logged and ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_tls_set_alpn_protocols(
    protocols: *const *const c_char,
    count: c_int,
) {
    // SAFETY: `protocols` holds `count` terminated strings.
    match unsafe { alpn_list(protocols, count) } {
        Some(list) => global::alpn_set(list),
        None => log_error!(
            "tls",
            "alpn list of {} names ignored: bad name or too long",
            count
        ),
    }
}

/// # Safety
/// `protocols` is NULL or holds `count` pointers that are NULL or terminated strings.
unsafe fn alpn_list(protocols: *const *const c_char, count: c_int) -> Option<Vec<Vec<u8>>> {
    let count = usize::try_from(count).ok()?;
    if count == 0 {
        return Some(Vec::new());
    }
    if protocols.is_null() {
        return None;
    }
    // SAFETY: not NULL, and `count` long by the contract above.
    let protocols = unsafe { slice::from_raw_parts(protocols, count) };
    let mut list = Vec::new();
    let mut encoded_len = 0;
    for &protocol in protocols {
        // SAFETY: NULL or terminated by the contract above.
        let name = unsafe { c_str(protocol) }?.to_bytes();
        encoded_len += 1 + name.len();
        if name.is_empty() || name.len() > 255 || encoded_len > ALPN_BYTES_MAX {
            return None;
        }
        list.push(name.to_vec());
    }
    Some(list)
}

/// Stores the name that the handshake of a TLS bind agreed on, cut to `len` - 1 bytes, and returns its
/// full length; 0 if there is none, or before CONNECTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_tls_get_alpn(
    bind: *mut evpl_bind,
    buf: *mut c_char,
    len: c_int,
) -> c_int {
    // SAFETY: a live bind.
    let bind = unsafe { bind_ref(bind, "evpl_tls_get_alpn") };
    let name = tls::negotiated_name(bind).unwrap_or_default();
    // SAFETY: the caller has room for `len` bytes.
    unsafe { bytes_out(&name, buf, len) };
    name.len() as c_int
}

/// A series of the gauge evpl_rpc2_queue_depth, as an object of libprometheus-c; NULL without it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_rpc2_queue_depth_create_series(
    role: *const c_char,
    thread: *const c_char,
) -> *mut c_void {
    global::queue_depth_create_series(role, thread)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_rpc2_queue_depth_destroy_series(series: *mut c_void) {
    global::queue_depth_destroy_series(series);
}

/// Nobody can hold an allocator or a buffer record: nothing hands one out.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_allocator_free(allocator: *mut c_void, buffer: *mut c_void) {
    let _ = (allocator, buffer);
}

/// A debugger's aid for VFIO queues, which this build does not have.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_vfio_queue_dump(queue: *mut evpl_block_queue) {
    let _ = queue;
}

/// Call-site profiling of buffers is a property of the build, and off in this one: site 0 is none.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_iovec_profile_capture() -> u32 {
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn evpl_iovec_profile_ref(site: u32) {
    let _ = site;
}

#[unsafe(no_mangle)]
pub extern "C" fn evpl_iovec_profile_unref(site: u32) {
    let _ = site;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    fn list(names: &[&[u8]]) -> Option<Vec<Vec<u8>>> {
        let names: Vec<CString> = names.iter().map(|n| CString::new(*n).unwrap()).collect();
        let pointers: Vec<_> = names.iter().map(|n| n.as_ptr()).collect();
        // SAFETY: as many terminated strings as the count says.
        unsafe { alpn_list(pointers.as_ptr(), pointers.len() as c_int) }
    }

    #[test]
    fn alpn_names_keep_their_order() {
        let expected = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        assert_eq!(list(&[b"h2", b"http/1.1"]), Some(expected));
        assert_eq!(list(&[]), Some(vec![]));
    }

    #[test]
    fn alpn_lists_that_cannot_be_encoded_are_refused() {
        assert_eq!(list(&[b""]), None);
        assert_eq!(list(&[&[b'a'; 256]]), None);
        assert_eq!(list(&[&[b'a'; 200], &[b'b'; 55]]), None);
        assert!(list(&[&[b'a'; 255]]).is_some());
        assert!(list(&[&[b'a'; 200], &[b'b'; 54]]).is_some());
        // SAFETY: nothing is read for either count.
        unsafe {
            assert_eq!(alpn_list(core::ptr::null(), 1), None);
            assert_eq!(alpn_list(core::ptr::null(), -1), None);
        }
    }
}
