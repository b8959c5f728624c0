//! The library's log lines as the tools want them: errors, without the fields for machines.

use core::ffi::{CStr, c_char, c_int};
use std::sync::{Mutex, PoisonError};

use evpl::abi::{VaList, evpl_flush_fn, evpl_log_fn};

unsafe extern "C" {
    fn evpl_set_log_fn(log_fn: evpl_log_fn, flush_fn: evpl_flush_fn);
    fn vsnprintf(text: *mut c_char, size: usize, format: *const c_char, args: VaList) -> c_int;
}

const LINE_MAX: usize = 512;

static LAST_ERROR: Mutex<String> = Mutex::new(String::new());

/// From here on errors are remembered instead of written, and lines of lower levels are dropped.
pub fn install() {
    // SAFETY: nothing else sets the sink, and no thread of the library exists yet.
    unsafe { evpl_set_log_fn(Some(sink), None) };
}

/// The newest error, if there was one since the last call.
pub fn take_last_error() -> Option<String> {
    let mut last = LAST_ERROR.lock().unwrap_or_else(PoisonError::into_inner);
    Some(core::mem::take(&mut *last)).filter(|text| !text.is_empty())
}

unsafe extern "C" fn sink(
    level: *const c_char,
    _module: *const c_char,
    _file: *const c_char,
    _line: c_int,
    format: *const c_char,
    args: VaList,
) {
    // SAFETY: the library passes the name of a level.
    let level = unsafe { CStr::from_ptr(level) };
    if level != c"error" && level != c"fatal" {
        return;
    }
    let mut text = [0u8; LINE_MAX];
    // SAFETY: room for `LINE_MAX` bytes; the library passes a format and what belongs to it.
    unsafe { vsnprintf(text.as_mut_ptr().cast(), LINE_MAX, format, args) };
    let text = CStr::from_bytes_until_nul(&text)
        .unwrap_or_default()
        .to_string_lossy();
    // The process ends behind a fatal line: nobody would ask for it.
    if level == c"fatal" {
        eprintln!("{text}");
    }
    *LAST_ERROR.lock().unwrap_or_else(PoisonError::into_inner) = text.into_owned();
}
