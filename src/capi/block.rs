//! evpl_block.h: block devices and their request queues.

use core::ffi::{c_char, c_int, c_void};

use super::boundary::{c_str, evpl_block_protocol_id, required};
use crate::abi::{evpl, evpl_block_callback_t, evpl_block_device, evpl_block_queue, evpl_iovec};
use crate::abort;
use crate::api::block;

/// Opens the device or file that `uri` names through the given block protocol. It is tied to no
/// loop. Opening the same name again gives an independent device. Initialises the library if
/// needed. Returns NULL if the protocol is not available or the device cannot be opened; the reason
/// is logged. evpl_block_close_device frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_block_open_device(
    protocol: evpl_block_protocol_id,
    uri: *const c_char,
) -> *mut evpl_block_device {
    // SAFETY: NULL or a terminated string.
    block::open_device(protocol, unsafe { c_str(uri) })
}

/// Closes a device, all of whose queues have been closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_block_close_device(device: *mut evpl_block_device) {
    unknown(device, "device", "evpl_block_close_device")
}

/// The size of the device in bytes, as found when it was opened.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_block_size(device: *mut evpl_block_device) -> u64 {
    unknown(device, "device", "evpl_block_size")
}

/// The largest request in bytes that the device takes in one piece.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_block_max_request_size(device: *mut evpl_block_device) -> u64 {
    unknown(device, "device", "evpl_block_max_request_size")
}

/// Opens a request queue that belongs to the loop's thread. evpl_block_close_queue frees it. Owner
/// thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_block_open_queue(
    evpl: *mut evpl,
    device: *mut evpl_block_device,
) -> *mut evpl_block_queue {
    required(evpl, "evpl", "evpl_block_open_queue");
    unknown(device, "device", "evpl_block_open_queue")
}

/// Closes a queue. Requests in flight still complete, each with one callback. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_block_close_queue(evpl: *mut evpl, queue: *mut evpl_block_queue) {
    required(evpl, "evpl", "evpl_block_close_queue");
    unknown(queue, "queue", "evpl_block_close_queue")
}

/// Reads from `offset` bytes on into the `niov` iovecs. The array is copied; the buffers and their
/// references stay the caller's and must live until `callback`, which receives 0 or a positive
/// errno value from the loop. A transfer that ends early is EIO. Requests are in no order among
/// each other. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_block_read(
    evpl: *mut evpl,
    queue: *mut evpl_block_queue,
    iovecs: *mut evpl_iovec,
    niov: c_int,
    offset: u64,
    callback: evpl_block_callback_t,
    private_data: *mut c_void,
) {
    let _ = (iovecs, niov, offset, callback, private_data);
    required(evpl, "evpl", "evpl_block_read");
    unknown(queue, "queue", "evpl_block_read")
}

/// Writes the `niov` iovecs at `offset` bytes; otherwise as evpl_block_read. With `sync` other than
/// 0 the data is durable when the callback runs. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_block_write(
    evpl: *mut evpl,
    queue: *mut evpl_block_queue,
    iovecs: *const evpl_iovec,
    niov: c_int,
    offset: u64,
    sync: c_int,
    callback: evpl_block_callback_t,
    private_data: *mut c_void,
) {
    let _ = (iovecs, niov, offset, sync, callback, private_data);
    required(evpl, "evpl", "evpl_block_write");
    unknown(queue, "queue", "evpl_block_write")
}

/// Makes durable all writes whose callbacks have run. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_block_flush(
    evpl: *mut evpl,
    queue: *mut evpl_block_queue,
    callback: evpl_block_callback_t,
    private_data: *mut c_void,
) {
    let _ = (callback, private_data);
    required(evpl, "evpl", "evpl_block_flush");
    unknown(queue, "queue", "evpl_block_flush")
}

/// Tells the device that `length` bytes from `offset` on are no longer needed. Where it cannot make
/// use of that, `callback` runs inside this call with status 0. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_block_discard(
    evpl: *mut evpl,
    queue: *mut evpl_block_queue,
    offset: u64,
    length: u64,
    callback: evpl_block_callback_t,
    private_data: *mut c_void,
) {
    let _ = (offset, length, callback, private_data);
    required(evpl, "evpl", "evpl_block_discard");
    unknown(queue, "queue", "evpl_block_discard")
}

/// Makes `length` bytes from `offset` on read as zero. For length 0 `callback` may run inside this
/// call. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_block_write_zeroes(
    evpl: *mut evpl,
    queue: *mut evpl_block_queue,
    offset: u64,
    length: u64,
    callback: evpl_block_callback_t,
    private_data: *mut c_void,
) {
    let _ = (offset, length, callback, private_data);
    required(evpl, "evpl", "evpl_block_write_zeroes");
    unknown(queue, "queue", "evpl_block_write_zeroes")
}

/// No block protocol is registered in this build, so no handle can have come from us.
fn unknown<T>(handle: *mut T, what: &str, function: &str) -> ! {
    required(handle, what, function);
    abort!(
        "core",
        "{}: {} was not opened by this library",
        function,
        what
    )
}
