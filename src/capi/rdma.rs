//! evpl_rdma.h: one-sided reads and writes of a peer's memory.

use core::ffi::{c_int, c_uint, c_void};

use super::boundary::{bind_ref, evpl_ref, required};
use crate::abi::{evpl, evpl_bind, evpl_iovec};

/// Publishes the bytes of `iovec` to the peer: stores the key and the address that the peer gives to
/// evpl_rdma_read and evpl_rdma_write. They are valid until the buffer is recycled. Stores 0 and 0
/// if the bind's protocol has no RDMA or the memory is not from this library. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_rdma_get_address(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    iovec: *mut evpl_iovec,
    r_key: *mut u32,
    r_address: *mut u64,
) {
    let iovec = required(iovec, "iovec", "evpl_rdma_get_address");
    let r_key = required(r_key, "r_key", "evpl_rdma_get_address");
    let r_address = required(r_address, "r_address", "evpl_rdma_get_address");
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_rdma_get_address") };
    // SAFETY: a live bind of that loop.
    let bind = unsafe { bind_ref(bind, "evpl_rdma_get_address") };
    let (key, address) = evpl.rdma_get_address(bind, iovec);
    // SAFETY: not NULL, and the caller gives a place for the key.
    unsafe { r_key.write(key) };
    // SAFETY: not NULL, and the caller gives a place for the address.
    unsafe { r_address.write(address) };
}

/// Reads the peer's memory at `remote_address` under `remote_key` into the `niov` iovecs, as many
/// bytes as they hold in all. The array is copied; the library holds its own references until the
/// transfer ends and the caller keeps its own. `callback`, which may be NULL, receives 0 or a
/// positive errno value exactly once, from the loop: EINVAL if the memory is not published, ECONNRESET
/// if the connection ended first, EPROTO if the peer answered something else, EMSGSIZE if it is more
/// than the protocol carries in one operation. On a protocol without RDMA it receives ENOTSUP inside
/// this call. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_rdma_read(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    remote_key: u32,
    remote_address: u64,
    iovecs: *mut evpl_iovec,
    niov: c_int,
    callback: Option<unsafe extern "C" fn(status: c_int, private_data: *mut c_void)>,
    private_data: *mut c_void,
) {
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_rdma_read") };
    // SAFETY: a live bind of that loop.
    let bind = unsafe { bind_ref(bind, "evpl_rdma_read") };
    evpl.rdma_read(
        bind,
        remote_key,
        remote_address,
        iovecs,
        niov,
        callback,
        private_data,
    );
}

/// Writes the `niov` iovecs to the peer's memory at `remote_address` under `remote_key`, in order
/// with the sends of the same bind. The array is copied. With EVPL_RDMA_FLAG_TAKE_REF in `flags`
/// the library takes over the caller's references, unless the operation is not supported; without,
/// the caller keeps them. The bytes must not change until the callback, which is as for
/// evpl_rdma_read. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_rdma_write(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    remote_key: u32,
    remote_address: u64,
    iovecs: *mut evpl_iovec,
    niov: c_int,
    flags: c_uint,
    callback: Option<unsafe extern "C" fn(status: c_int, private_data: *mut c_void)>,
    private_data: *mut c_void,
) {
    // SAFETY: a live loop of this thread.
    let evpl = unsafe { evpl_ref(evpl, "evpl_rdma_write") };
    // SAFETY: a live bind of that loop.
    let bind = unsafe { bind_ref(bind, "evpl_rdma_write") };
    evpl.rdma_write(
        bind,
        remote_key,
        remote_address,
        iovecs,
        niov,
        flags,
        callback,
        private_data,
    );
}
