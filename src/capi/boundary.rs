//! What every C function does with its raw arguments.
//!
//! A NULL handle, or a loop that another thread is inside of, is the caller's mistake: the process
//! aborts with the name of the function that was called. Only shared references are made, because
//! callbacks re-enter with the same handles.

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::{ptr, slice};

use crate::abi::{evpl, evpl_bind, evpl_endpoint, evpl_listener};
use crate::abort;
use crate::api::{Endpoint, Evpl, Listener};
use crate::transport::bind::Bind;

/// The C enums. They arrive as integers and may hold any value.
pub type evpl_protocol_id = c_int;
pub type evpl_block_protocol_id = c_int;
pub type evpl_core_mech = c_int;

/// The pointer itself, which is not NULL.
pub fn required<T>(pointer: *mut T, what: &str, function: &str) -> *mut T {
    if pointer.is_null() {
        missing(what, function);
    }
    pointer
}

/// The callback itself, which is not NULL.
pub fn required_callback<F>(callback: Option<F>, what: &str, function: &str) -> Option<F> {
    if callback.is_none() {
        missing(what, function);
    }
    callback
}

#[cold]
fn missing(what: &str, function: &str) -> ! {
    abort!("core", "{}: {} is NULL", function, what)
}

/// # Safety
/// `handle` is NULL or points to a live `T` that stays alive while the caller of C waits for us.
unsafe fn borrow<'a, T>(handle: *const c_void, what: &str, function: &str) -> &'a T {
    if handle.is_null() {
        missing(what, function);
    }
    // SAFETY: not NULL, and live by the contract above.
    unsafe { &*handle.cast::<T>() }
}

/// # Safety
/// As for `borrow`.
unsafe fn borrow_maybe<'a, T>(handle: *const c_void) -> Option<&'a T> {
    // SAFETY: NULL or live by the contract of `borrow`.
    unsafe { handle.cast::<T>().as_ref() }
}

/// A loop that this thread may use now.
///
/// # Safety
/// `evpl` is NULL or live until the calling C function returns.
#[inline]
pub unsafe fn evpl_ref<'a>(evpl: *mut evpl, function: &'static str) -> &'a Evpl {
    // SAFETY: the handle of a loop points to its Evpl.
    let evpl: &Evpl = unsafe { borrow(evpl.cast(), "evpl", function) };
    evpl.check_thread(function);
    evpl
}

/// A loop from any thread: for the few functions that need not be on its own.
///
/// # Safety
/// As for `evpl_ref`.
pub unsafe fn evpl_any_thread<'a>(evpl: *mut evpl, function: &'static str) -> &'a Evpl {
    // SAFETY: the handle of a loop points to its Evpl.
    unsafe { borrow(evpl.cast(), "evpl", function) }
}

/// Where NULL is an outcome and not a mistake.
///
/// # Safety
/// As for `evpl_ref`.
#[inline]
pub unsafe fn evpl_maybe<'a>(evpl: *mut evpl, function: &'static str) -> Option<&'a Evpl> {
    // SAFETY: the handle of a loop points to its Evpl.
    let evpl: Option<&Evpl> = unsafe { borrow_maybe(evpl.cast()) };
    if let Some(evpl) = evpl {
        evpl.check_thread(function);
    }
    evpl
}

/// # Safety
/// `bind` is NULL or live.
#[inline]
pub unsafe fn bind_ref<'a>(bind: *mut evpl_bind, function: &str) -> &'a Bind {
    // SAFETY: the handle of a bind points to its Bind.
    unsafe { borrow(bind.cast(), "bind", function) }
}

/// # Safety
/// `bind` is NULL or live.
#[inline]
pub unsafe fn bind_maybe<'a>(bind: *mut evpl_bind) -> Option<&'a Bind> {
    // SAFETY: the handle of a bind points to its Bind.
    unsafe { borrow_maybe(bind.cast()) }
}

/// # Safety
/// `endpoint` is NULL or live.
pub unsafe fn endpoint_ref<'a>(endpoint: *const evpl_endpoint, function: &str) -> &'a Endpoint {
    // SAFETY: the handle of an endpoint points to its Endpoint.
    unsafe { borrow(endpoint.cast(), "endpoint", function) }
}

/// # Safety
/// `endpoint` is NULL or live.
pub unsafe fn endpoint_maybe<'a>(endpoint: *const evpl_endpoint) -> Option<&'a Endpoint> {
    // SAFETY: the handle of an endpoint points to its Endpoint.
    unsafe { borrow_maybe(endpoint.cast()) }
}

/// # Safety
/// `listener` is NULL or live.
pub unsafe fn listener_ref<'a>(listener: *mut evpl_listener, function: &str) -> &'a Listener {
    // SAFETY: the handle of a listener points to its Listener.
    unsafe { borrow(listener.cast(), "listener", function) }
}

/// The caller's bytes. Length 0 is an empty slice whatever the pointer.
///
/// # Safety
/// `data` holds `len` bytes that nobody writes during the call.
#[inline]
pub unsafe fn bytes<'a>(data: *const c_void, len: c_uint, function: &str) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    let data = required(data.cast_mut(), "buffer", function);
    // SAFETY: not NULL, and the caller vouches for `len` bytes.
    unsafe { slice::from_raw_parts(data.cast(), len as usize) }
}

/// NULL is None.
///
/// # Safety
/// `text` is NULL or NUL-terminated, and unchanged during the call.
pub unsafe fn c_str<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: not NULL here, and terminated by the contract above.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}

/// Copies as much of `text` as fits with its terminator.
///
/// # Safety
/// `out` is NULL or has room for `len` bytes.
pub unsafe fn text_out(text: &str, out: *mut c_char, len: c_int) {
    // SAFETY: the same promise.
    unsafe { bytes_out(text.as_bytes(), out, len) }
}

/// The same for bytes that need not be text.
///
/// # Safety
/// `out` is NULL or has room for `len` bytes.
pub unsafe fn bytes_out(text: &[u8], out: *mut c_char, len: c_int) {
    if out.is_null() || len <= 0 {
        return;
    }
    let count = text.len().min(len as usize - 1);
    // SAFETY: `count` bytes and the terminator are at most `len`, for which the caller vouches.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr(), out.cast(), count);
        out.add(count).write(0);
    }
}

/// Returns -1 with `errno` set.
pub fn failed(errno: c_int) -> c_int {
    // SAFETY: the C library gives each thread its own place for errno.
    unsafe { *libc::__errno_location() = errno };
    -1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_in(size: usize) -> Vec<u8> {
        let mut room = [b'x'; 8];
        // SAFETY: `size` is at most the length of `room`.
        unsafe { text_out("10.0", room.as_mut_ptr().cast(), size as c_int) };
        room.to_vec()
    }

    #[test]
    fn text_is_cut_to_its_room_and_terminated() {
        assert_eq!(text_in(8), b"10.0\0xxx");
        assert_eq!(text_in(5), b"10.0\0xxx");
        assert_eq!(text_in(4), b"10.\0xxxx");
        assert_eq!(text_in(1), b"\0xxxxxxx");
        assert_eq!(text_in(0), b"xxxxxxxx");
    }

    #[test]
    fn length_0_is_an_empty_slice_whatever_the_pointer() {
        // SAFETY: no byte is promised.
        assert_eq!(unsafe { bytes(ptr::null(), 0, "test") }, b"");
    }
}
