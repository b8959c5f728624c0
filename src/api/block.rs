//! Block devices. No backend is registered in this build, so none can be opened.

#![forbid(unsafe_code)]

use core::ffi::{CStr, c_int};

use super::global;
use crate::abi::evpl_block_device;

const NAMES: [&str; 4] = ["IO_URING", "VFIO", "LIBAIO", "IO_URING_NVME"];

/// NULL and one line that says why.
pub fn open_device(protocol: c_int, uri: Option<&CStr>) -> *mut evpl_block_device {
    global::ensure_init();
    let uri = uri.unwrap_or_default().to_string_lossy();
    match usize::try_from(protocol)
        .ok()
        .and_then(|index| NAMES.get(index))
    {
        Some(name) => {
            crate::log_error!(
                "core",
                "evpl_block_open_device {}: backend {} is not part of this build",
                uri,
                name
            );
        }
        None => crate::log_error!(
            "core",
            "evpl_block_open_device {}: backend {} does not exist",
            uri,
            protocol
        ),
    }
    core::ptr::null_mut()
}
