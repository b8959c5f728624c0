//! evpl_config.h: settings of the process and of single loops, as plain stores.

use core::ffi::{CStr, c_char, c_int, c_uint};

use super::boundary::{c_str, evpl_core_mech, required};
use crate::abi::{evpl_global_config, evpl_thread_config};
use crate::api::global;
use crate::config::{GlobalConfig, ThreadConfig};

/// Stores one field of the global settings, after a check for NULL in the name of the function.
macro_rules! set {
    ($config:ident, $function:literal, $field:ident = $value:expr) => {{
        let config: *mut GlobalConfig = required($config, "config", $function).cast();
        // SAFETY: from evpl_global_config_init, not yet released, and the caller serialises access.
        unsafe { (*config).$field = $value }
    }};
}

/// As `set`, for the settings of one loop.
macro_rules! set_thread {
    ($config:ident, $function:literal, $field:ident = $value:expr) => {{
        let config: *mut ThreadConfig = required($config, "config", $function).cast();
        // SAFETY: from evpl_thread_config_init, not yet released, and the caller serialises access.
        unsafe { (*config).$field = $value }
    }};
}

/// Creates global settings filled with the defaults. The caller sets what it wants to change, from
/// one thread at a time, and hands them to evpl_init or frees them with evpl_global_config_release.
/// Setters have no effect on what is already running. A NULL object aborts.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_global_config_init() -> *mut evpl_global_config {
    global::config_new().cast()
}

/// Frees settings that were not given to evpl_init; evpl_init takes over the reference of those
/// that were.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_release(config: *mut evpl_global_config) {
    global::config_release(required(config, "config", "evpl_global_config_release").cast());
}

/// How loops wait for events; the default is epoll. evpl_init aborts if the host does not have it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_core_mech(
    config: *mut evpl_global_config,
    core_mech: evpl_core_mech,
) {
    set!(
        config,
        "evpl_global_config_set_core_mech",
        core_mech = core_mech
    );
}

/// How long, in nanoseconds, a loop goes on polling after its last activity. Default 1,000,000; 0
/// switches spinning off.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_spin_ns(
    config: *mut evpl_global_config,
    spin_ns: u64,
) {
    set!(config, "evpl_global_config_set_spin_ns", spin_ns = spin_ns);
}

/// Where evpl_get_hf_monotonic_time takes the time from: 0 the kernel, 1 the processor, 2 the
/// processor if its counter is suitable (default).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_hf_time_mode(
    config: *mut evpl_global_config,
    mode: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_hf_time_mode",
        hf_time_mode = mode
    );
}

/// Other than 0: loops follow a clock that only evpl_virtual_clock_advance moves, and never block.
/// For tests. Default 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_virtual_clock(
    config: *mut evpl_global_config,
    enabled: c_int,
) {
    set!(
        config,
        "evpl_global_config_set_virtual_clock",
        virtual_clock = enabled != 0
    );
}

/// The listen backlog of socket listeners. Default: the maximum of the system.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_max_pending(
    config: *mut evpl_global_config,
    max_pending: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_max_pending",
        max_pending = Some(max_pending)
    );
}

/// Without effect; kept for programs that set it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_max_poll_fd(
    config: *mut evpl_global_config,
    max_poll_fd: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_max_poll_fd",
        max_poll_fd = max_poll_fd
    );
}

/// The most iovecs given to the transport in one write. Default 128.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_max_num_iovec(
    config: *mut evpl_global_config,
    max_num_iovec: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_max_num_iovec",
        max_num_iovec = max_num_iovec
    );
}

/// The size of one buffer in bytes, which is also the longest contiguous allocation. Default 2 MiB.
/// evpl_init aborts if it is 0 or larger than a slab. It bounds what a loop offers an io_uring to
/// receive into: twice that, in 8 to 64 buffers of at most 256 KiB, however many connections there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_buffer_size(
    config: *mut evpl_global_config,
    buffer_size: u64,
) {
    set!(
        config,
        "evpl_global_config_set_buffer_size",
        buffer_size = buffer_size
    );
}

/// The size in bytes of the blocks that buffers are cut from. Default 1 GiB; pages that are not
/// used take no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_slab_size(
    config: *mut evpl_global_config,
    slab_size: u64,
) {
    set!(
        config,
        "evpl_global_config_set_slab_size",
        slab_size = slab_size
    );
}

/// Other than 0: slabs are made of huge pages if there are any. Default 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_huge_pages(
    config: *mut evpl_global_config,
    enabled: c_int,
) {
    set!(
        config,
        "evpl_global_config_set_huge_pages",
        huge_pages = enabled != 0
    );
}

/// The size of huge pages in bytes: a power of two above the page size and up to 16 GiB. Another
/// value is logged and ignored. Default 2 MiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_huge_page_size(
    config: *mut evpl_global_config,
    huge_page_size: u64,
) {
    let config = required(config, "config", "evpl_global_config_set_huge_page_size");
    let config: *mut GlobalConfig = config.cast();
    // SAFETY: from evpl_global_config_init, not yet released, and the caller serialises access.
    unsafe { &mut *config }.set_huge_page_size(huge_page_size);
}

/// The longest datagram in bytes that a UDP bind receives. Default 65536.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_max_datagram_size(
    config: *mut evpl_global_config,
    max_datagram_size: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_max_datagram_size",
        max_datagram_size = max_datagram_size
    );
}

/// The most datagrams given to or taken from the kernel in one call. Default 16.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_max_datagram_batch(
    config: *mut evpl_global_config,
    max_datagram_batch: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_max_datagram_batch",
        max_datagram_batch = max_datagram_batch
    );
}

/// How many iovecs a bind is expected to queue. A hint; queues grow. Default 1024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_iovec_ring_size(
    config: *mut evpl_global_config,
    entries: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_iovec_ring_size",
        iovec_ring_size = entries
    );
}

/// How many messages a bind is expected to queue. A hint; queues grow. Default 1024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_dgram_ring_size(
    config: *mut evpl_global_config,
    entries: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_dgram_ring_size",
        dgram_ring_size = entries
    );
}

/// How many one-sided operations a bind is expected to queue. A hint. Default 64.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rdma_request_ring_size(
    config: *mut evpl_global_config,
    entries: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_rdma_request_ring_size",
        rdma_request_ring_size = entries
    );
}

/// How long, in milliseconds, a resolved host name is used before it is looked up again. Default
/// 5000.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_resolve_timeout_ms(
    config: *mut evpl_global_config,
    timeout_ms: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_resolve_timeout_ms",
        resolve_timeout_ms = timeout_ms
    );
}

/// The longest RPC message in bytes. Default 4 MiB, which 0 restores.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rpc2_max_message_size(
    config: *mut evpl_global_config,
    size: c_uint,
) {
    let config = required(
        config,
        "config",
        "evpl_global_config_set_rpc2_max_message_size",
    );
    let config: *mut GlobalConfig = config.cast();
    // SAFETY: from evpl_global_config_init, not yet released, and the caller serialises access.
    unsafe { &mut *config }.set_rpc2_max_message_size(size);
}

/// The longest HTTP header in bytes. Default 8192.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_http_max_header_size(
    config: *mut evpl_global_config,
    size: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_http_max_header_size",
        http_max_header_size = size
    );
}

/// 0 removes the io_uring protocols. Default 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_io_uring_enabled(
    config: *mut evpl_global_config,
    enabled: c_int,
) {
    set!(
        config,
        "evpl_global_config_set_io_uring_enabled",
        io_uring_enabled = enabled != 0
    );
}

/// The entries of each loop's io_uring: of its submission queue, 512 at most, and of its completion
/// queue, 64 at least. What finds either full waits. Default 8192.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_io_uring_entries(
    config: *mut evpl_global_config,
    entries: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_io_uring_entries",
        io_uring_entries = entries
    );
}

/// 0 removes the RDMACM protocols. Default 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rdmacm_enabled(
    config: *mut evpl_global_config,
    enabled: c_int,
) {
    set!(
        config,
        "evpl_global_config_set_rdmacm_enabled",
        rdmacm_enabled = enabled != 0
    );
}

/// The type of service of RDMA connections. Default 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rdmacm_tos(
    config: *mut evpl_global_config,
    tos: u8,
) {
    set!(
        config,
        "evpl_global_config_set_rdmacm_tos",
        rdmacm_tos = tos
    );
}

/// The most buffers in one RDMA work request. Default 31.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rdmacm_max_sge(
    config: *mut evpl_global_config,
    max_sge: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_rdmacm_max_sge",
        rdmacm_max_sge = max_sge
    );
}

/// The entries of an RDMA completion queue. Default 8192.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rdmacm_cq_size(
    config: *mut evpl_global_config,
    entries: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_rdmacm_cq_size",
        rdmacm_cq_size = entries
    );
}

/// The entries of an RDMA send queue. Default 256.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rdmacm_sq_size(
    config: *mut evpl_global_config,
    entries: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_rdmacm_sq_size",
        rdmacm_sq_size = entries
    );
}

/// The entries of an RDMA shared receive queue. Default 8192.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rdmacm_srq_size(
    config: *mut evpl_global_config,
    entries: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_rdmacm_srq_size",
        rdmacm_srq_size = entries
    );
}

/// The posted receives below which an RDMA shared receive queue is refilled. Default 256.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rdmacm_srq_min(
    config: *mut evpl_global_config,
    entries: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_rdmacm_srq_min",
        rdmacm_srq_min = entries
    );
}

/// How many receives are posted to an RDMA shared receive queue at once. Default 16.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rdmacm_srq_batch(
    config: *mut evpl_global_config,
    batch: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_rdmacm_srq_batch",
        rdmacm_srq_batch = batch
    );
}

/// The most bytes sent inside an RDMA work request. Default 250.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rdmacm_max_inline(
    config: *mut evpl_global_config,
    size: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_rdmacm_max_inline",
        rdmacm_max_inline = size
    );
}

/// The size in bytes of RDMA receive buffers; 0, the default, takes the maximum datagram size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rdmacm_datagram_size_override(
    config: *mut evpl_global_config,
    size: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_rdmacm_datagram_size_override",
        rdmacm_datagram_size_override = size
    );
}

/// Other than 0: RDMA shared receive queues are filled when they are created. Default 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rdmacm_srq_prefill(
    config: *mut evpl_global_config,
    enabled: c_int,
) {
    set!(
        config,
        "evpl_global_config_set_rdmacm_srq_prefill",
        rdmacm_srq_prefill = enabled != 0
    );
}

/// How often an RDMA device repeats an unanswered packet. Default 4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rdmacm_retry_count(
    config: *mut evpl_global_config,
    count: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_rdmacm_retry_count",
        rdmacm_retry_count = count
    );
}

/// How often an RDMA device tries again when the peer has no receive posted. Default 4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_rdmacm_rnr_retry_count(
    config: *mut evpl_global_config,
    count: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_rdmacm_rnr_retry_count",
        rdmacm_rnr_retry_count = count
    );
}

/// 0 removes the XLIO protocol. Default 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_xlio_enabled(
    config: *mut evpl_global_config,
    enabled: c_int,
) {
    set!(
        config,
        "evpl_global_config_set_xlio_enabled",
        xlio_enabled = enabled != 0
    );
}

/// 0 removes the VFIO block protocol. Default 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_vfio_enabled(
    config: *mut evpl_global_config,
    enabled: c_int,
) {
    set!(
        config,
        "evpl_global_config_set_vfio_enabled",
        vfio_enabled = enabled != 0
    );
}

/// 0 removes the libaio block protocol. Default 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_libaio_enabled(
    config: *mut evpl_global_config,
    enabled: c_int,
) {
    set!(
        config,
        "evpl_global_config_set_libaio_enabled",
        libaio_enabled = enabled != 0
    );
}

/// The most requests in flight in one libaio context. Default 256.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_libaio_max_pending(
    config: *mut evpl_global_config,
    max_pending: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_libaio_max_pending",
        libaio_max_pending = max_pending
    );
}

/// How many slabs worth of free buffers background threads keep ready. Default 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_preallocate_slabs(
    config: *mut evpl_global_config,
    slabs: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_preallocate_slabs",
        preallocate_slabs = slabs
    );
}

/// How many such threads there are; one if slabs are to be kept ready and this is 0, the default.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_preallocate_threads(
    config: *mut evpl_global_config,
    threads: c_uint,
) {
    set!(
        config,
        "evpl_global_config_set_preallocate_threads",
        preallocate_threads = threads
    );
}

/// The file with the certificate of TLS servers, PEM. The string is copied. NULL is the default;
/// unless both certificate and key are set, servers use a self-signed one that is made up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_tls_cert(
    config: *mut evpl_global_config,
    path: *const c_char,
) {
    // SAFETY: NULL or a terminated string.
    let path = unsafe { c_str(path) }.map(CStr::to_owned);
    set!(config, "evpl_global_config_set_tls_cert", tls_cert = path);
}

/// The file with the key that belongs to the certificate, PEM. The string is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_tls_key(
    config: *mut evpl_global_config,
    path: *const c_char,
) {
    // SAFETY: NULL or a terminated string.
    let path = unsafe { c_str(path) }.map(CStr::to_owned);
    set!(config, "evpl_global_config_set_tls_key", tls_key = path);
}

/// The file with the certificates that peers are verified against, PEM. The string is copied. NULL,
/// the default, trusts nobody: verification then fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_tls_ca(
    config: *mut evpl_global_config,
    path: *const c_char,
) {
    // SAFETY: NULL or a terminated string.
    let path = unsafe { c_str(path) }.map(CStr::to_owned);
    set!(config, "evpl_global_config_set_tls_ca", tls_ca = path);
}

/// The cipher suites that TLS offers, in the notation of OpenSSL. NULL, the default, leaves the
/// choice to the library. The string is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_tls_cipher_list(
    config: *mut evpl_global_config,
    ciphers: *const c_char,
) {
    // SAFETY: NULL or a terminated string.
    let ciphers = unsafe { c_str(ciphers) }.map(CStr::to_owned);
    set!(
        config,
        "evpl_global_config_set_tls_cipher_list",
        tls_cipher_list = ciphers
    );
}

/// 0 has TLS clients accept any certificate. Default 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_tls_verify_peer(
    config: *mut evpl_global_config,
    enabled: c_int,
) {
    set!(
        config,
        "evpl_global_config_set_tls_verify_peer",
        tls_verify_peer = enabled != 0
    );
}

/// 0 keeps TLS records out of the kernel. Default 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_global_config_set_tls_ktls_enabled(
    config: *mut evpl_global_config,
    enabled: c_int,
) {
    set!(
        config,
        "evpl_global_config_set_tls_ktls_enabled",
        tls_ktls_enabled = enabled != 0
    );
}

/// Creates settings for one loop or thread, filled with the defaults that evpl_init was given, or
/// with built-in ones before it. May be used for several loops, and is freed with
/// evpl_thread_config_release at any time after.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_thread_config_init() -> *mut evpl_thread_config {
    global::thread_config_new().cast()
}

/// Frees thread settings. Loops and threads made with them are not affected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_thread_config_release(config: *mut evpl_thread_config) {
    global::thread_config_release(required(config, "config", "evpl_thread_config_release").cast());
}

/// 0 keeps the loop from polling: poll callbacks are never called. Default 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_thread_config_set_poll_mode(
    config: *mut evpl_thread_config,
    enabled: c_int,
) {
    set_thread!(
        config,
        "evpl_thread_config_set_poll_mode",
        poll_mode = enabled != 0
    );
}

/// How many passes in a row a polling loop makes without looking at timers and events. Default
/// 1000.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_thread_config_set_poll_iterations(
    config: *mut evpl_thread_config,
    iterations: c_int,
) {
    set_thread!(
        config,
        "evpl_thread_config_set_poll_iterations",
        poll_iterations = iterations.max(0) as u32
    );
}

/// The longest wait for events in one pass, in milliseconds; 0 never blocks, a negative value waits
/// without limit (default).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_thread_config_set_wait_ms(
    config: *mut evpl_thread_config,
    wait_ms: c_int,
) {
    set_thread!(config, "evpl_thread_config_set_wait_ms", wait_ms = wait_ms);
}
