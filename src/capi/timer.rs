//! evpl_timer.h: callbacks after a time, once or again and again.

use super::boundary::{evpl_ref, required, required_callback};
use crate::abi::{evpl, evpl_timer, evpl_timer_callback_t};

/// Calls `callback` every `interval_us` microseconds until the timer is removed. The next interval
/// starts when the callback returns. `timer` is the caller's storage and must stay valid until
/// removed; adding a registered timer restarts it. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_add_timer(
    evpl: *mut evpl,
    timer: *mut evpl_timer,
    callback: evpl_timer_callback_t,
    interval_us: u64,
) {
    let timer = required(timer, "timer", "evpl_add_timer");
    let callback = required_callback(callback, "callback", "evpl_add_timer");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_add_timer") }.add_timer(timer, callback, interval_us);
}

/// Calls `callback` once, `delay_us` microseconds from now. The timer is no longer registered when
/// the callback runs, which may free its storage or add it again. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_add_oneshot_timer(
    evpl: *mut evpl,
    timer: *mut evpl_timer,
    callback: evpl_timer_callback_t,
    delay_us: u64,
) {
    let timer = required(timer, "timer", "evpl_add_oneshot_timer");
    let callback = required_callback(callback, "callback", "evpl_add_oneshot_timer");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_add_oneshot_timer") }
        .add_oneshot_timer(timer, callback, delay_us);
}

/// Removes a timer; does nothing if it is not registered. Its storage is the caller's again on
/// return. Allowed in any callback, its own included. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_remove_timer(evpl: *mut evpl, timer: *mut evpl_timer) {
    let timer = required(timer, "timer", "evpl_remove_timer");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_remove_timer") }.remove_timer(timer);
}
