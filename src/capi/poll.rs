//! evpl_poll.h: sources that are asked again and again while there is work, instead of waited for.

use core::ffi::c_void;

use super::boundary::{evpl_ref, required, required_callback};
use crate::abi::{
    evpl, evpl_poll, evpl_poll_callback_t, evpl_poll_enter_callback_t, evpl_poll_exit_callback_t,
};

/// Registers a poll callback. While the loop polls, `callback` runs in every pass; `enter` and
/// `exit`, which may be NULL, report that polling starts and ends. A loop polls while evpl_activity
/// was called within the configured spin time or polling is pinned, and never if its poll mode is
/// off. Returns a handle for evpl_remove_poll. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_add_poll(
    evpl: *mut evpl,
    enter: evpl_poll_enter_callback_t,
    exit: evpl_poll_exit_callback_t,
    callback: evpl_poll_callback_t,
    private_data: *mut c_void,
) -> *mut evpl_poll {
    let callback = required_callback(callback, "callback", "evpl_add_poll");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_add_poll") }.add_poll(enter, exit, callback, private_data)
}

/// Unregisters a poll callback and frees the handle; `exit` is not called. Allowed in any callback,
/// its own included. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_remove_poll(evpl: *mut evpl, poll: *mut evpl_poll) {
    let poll = required(poll, "poll", "evpl_remove_poll");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_remove_poll") }.remove_poll(poll);
}

/// Reports that a poll found work, which keeps the loop polling. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_activity(evpl: *mut evpl) {
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_activity") }.activity();
}

/// Keeps the loop polling whatever its activity, until unpinned as often as pinned. Owner thread
/// only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_poll_pin(evpl: *mut evpl) {
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_poll_pin") }.poll_pin();
}

/// Takes back one evpl_poll_pin. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_poll_unpin(evpl: *mut evpl) {
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_poll_unpin") }.poll_unpin();
}
