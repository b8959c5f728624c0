//! evpl_core.h: the library's life, one loop's life, clocks, metrics, and what protocols there are.

use core::ffi::{c_char, c_int};

use libc::timespec;

use super::boundary::{c_str, evpl_any_thread, evpl_protocol_id, evpl_ref, required, text_out};
use crate::abi::{evpl, evpl_global_config, evpl_loop_hooks, evpl_thread_config};
use crate::api::{Evpl, global};

/// Initialises the library with `config`, or with defaults if it is NULL. Takes over the caller's
/// reference of `config`. Aborts if the library is already initialised, which the first use of most
/// other functions does with defaults. SIGPIPE is ignored from here on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_init(config: *mut evpl_global_config) {
    global::init(config.cast());
}

/// Writes all counters, gauges and histograms to `buffer` in the Prometheus text format, with a
/// terminator. Any thread; initialises the library if needed. Returns the bytes written without the
/// terminator, or -1 if `buffer_size` bytes are not enough; nothing is written then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_metrics_scrape(buffer: *mut c_char, buffer_size: c_int) -> c_int {
    if buffer.is_null() || buffer_size <= 0 {
        return -1;
    }
    let text = global::metrics_text();
    if text.len() >= buffer_size as usize {
        return -1;
    }
    // SAFETY: the caller has room for `buffer_size` bytes.
    unsafe { text_out(&text, buffer, buffer_size) };
    text.len() as c_int
}

/// Creates a loop with the settings of `config`, or the defaults if it is NULL. The settings are
/// copied. Any thread may call this and then hand the loop to the one thread that uses it. Never
/// NULL: the process exits if memory or descriptors run out. evpl_destroy frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_create(config: *mut evpl_thread_config) -> *mut evpl {
    Evpl::create(config.cast())
}

/// Stores the monotonic time in `ts` as fast as the host allows. `evpl` is ignored and may be NULL.
/// Not affected by the virtual clock. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_get_hf_monotonic_time(evpl: *mut evpl, ts: *mut timespec) {
    let _ = evpl;
    let ts = required(ts, "ts", "evpl_get_hf_monotonic_time");
    // SAFETY: not NULL, and the caller gives a place for one timespec.
    unsafe { ts.write(global::hf_monotonic_time()) };
}

/// Moves the process-wide virtual clock forward by `ns` nanoseconds; what is due then runs in the
/// next pass of each loop. Aborts unless the library was initialised with the virtual clock on.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_virtual_clock_advance(ns: u64) {
    global::virtual_clock_advance(ns);
}

/// The virtual clock in nanoseconds, which starts at 0. Aborts unless it is on.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_virtual_clock_now() -> u64 {
    global::virtual_clock_now()
}

/// Closes every bind of the loop, runs it until each has been reported as disconnected, and frees
/// it. Not from a callback of the same loop. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_destroy(evpl: *mut evpl) {
    // SAFETY: a live loop of this thread; the reference ends here.
    unsafe { evpl_ref(evpl, "evpl_destroy") };
    Evpl::destroy(evpl);
}

/// Runs one pass: timers that are due, a wait for events of at most the configured time, events,
/// deferrals. Not from a callback of the same loop. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_continue(evpl: *mut evpl) {
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_continue") }.continue_();
}

/// Runs passes until evpl_stop is called; returns at once if it already was. Not from a callback of
/// the same loop. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_run(evpl: *mut evpl) {
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_run") }.run();
}

/// Replaces the loop's hooks by a copy of `hooks`; NULL removes them. May be called from a hook and
/// takes effect at the next point of the pass. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_set_loop_hooks(evpl: *mut evpl, hooks: *const evpl_loop_hooks) {
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_set_loop_hooks") }.set_loop_hooks(hooks);
}

/// Makes evpl_run return after the pass in progress. A stopped loop cannot be run again. Any
/// thread, callbacks included, while the loop exists.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_stop(evpl: *mut evpl) {
    // SAFETY: a live loop; stopping it is for any thread.
    unsafe { evpl_any_thread(evpl, "evpl_stop") }.stop();
}

/// Finds an available protocol by its name, such as "STREAM_SOCKET_TCP". Case matters. Any thread;
/// initialises the library if needed. Returns 0 with `*id` set, or -1 with `*id` untouched.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_protocol_lookup(
    id: *mut evpl_protocol_id,
    name: *const c_char,
) -> c_int {
    let id = required(id, "id", "evpl_protocol_lookup");
    // SAFETY: NULL or a terminated string.
    let found = unsafe { c_str(name) }.and_then(global::protocol_lookup);
    let Some(protocol) = found else { return -1 };
    // SAFETY: not NULL, and the caller gives a place for one id.
    unsafe { id.write(protocol) };
    0
}

/// 1 if this build offers the protocol under the current configuration, else 0, also for a number
/// that is no protocol. Says nothing about hardware. Any thread; initialises the library if needed.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_protocol_available(id: evpl_protocol_id) -> c_int {
    global::protocol_available(id).into()
}

/// 1 if the protocol carries bytes, 0 if it carries messages or is not available. Any thread;
/// initialises the library if needed.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_protocol_is_stream(id: evpl_protocol_id) -> c_int {
    global::protocol_is_stream(id).into()
}

/// 1 if the protocol takes local endpoints (paths and abstract names), 0 if not or not available.
/// Any thread; initialises the library if needed.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_protocol_is_local(id: evpl_protocol_id) -> c_int {
    global::protocol_is_local(id).into()
}

/// 1 if the protocol takes in-process endpoints, 0 if not or not available. Any thread; initialises
/// the library if needed.
#[unsafe(no_mangle)]
pub extern "C" fn evpl_protocol_is_inproc(id: evpl_protocol_id) -> c_int {
    global::protocol_is_inproc(id).into()
}
