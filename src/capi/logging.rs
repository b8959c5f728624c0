//! evpl_logging.h: where log lines go. The functions that write them are in `variadic`.

use crate::abi::{evpl_flush_fn, evpl_log_fn};
use crate::log;

/// Sends all log lines of the library to `log_fn`, or to standard error if it is NULL. `flush_fn`,
/// which may be NULL, is called after the last line of a process that is about to end. May be
/// called at any time, also before evpl_init; the caller makes sure that nobody logs meanwhile.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_set_log_fn(log_fn: evpl_log_fn, flush_fn: evpl_flush_fn) {
    log::set_log_fn(log_fn, flush_fn);
}
