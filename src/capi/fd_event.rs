//! evpl_fd_event.h: callbacks for a descriptor that the application owns.
//!
//! Readiness is latched when the kernel reports it and cleared by the caller; interest says whether
//! the latch leads to callbacks.

use core::ffi::c_int;

use super::boundary::{evpl_ref, required};
use crate::abi::{evpl, evpl_fd_event, evpl_fd_event_callback_t};
use crate::api;

/// Watches `fd`, which is non-blocking and not yet watched by this loop. Each callback may be NULL.
/// No interest is set at first; errors are reported without interest. `event` is the caller's
/// storage and keeps its address until removed. The descriptor stays the caller's. Owner thread
/// only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_add_fd_event(
    evpl: *mut evpl,
    event: *mut evpl_fd_event,
    fd: c_int,
    read_callback: evpl_fd_event_callback_t,
    write_callback: evpl_fd_event_callback_t,
    error_callback: evpl_fd_event_callback_t,
) {
    let event = required(event, "event", "evpl_add_fd_event");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_add_fd_event") }.add_fd_event(
        event,
        fd,
        read_callback,
        write_callback,
        error_callback,
    );
}

/// Stops watching. No callback runs afterwards, and the storage is the caller's again on return.
/// Does not close the descriptor, which should still be open. Allowed in any callback, its own
/// included. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_remove_fd_event(evpl: *mut evpl, event: *mut evpl_fd_event) {
    let event = required(event, "event", "evpl_remove_fd_event");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_remove_fd_event") }.remove_fd_event(event);
}

/// The descriptor that a registered event watches. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_fd_event_fd(event: *mut evpl_fd_event) -> c_int {
    api::fd_event_fd(required(event, "event", "evpl_fd_event_fd"))
}

/// Has the read callback run once per pass while the descriptor is readable, from now on. Aborts if
/// the event has none. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_fd_event_read_interest(evpl: *mut evpl, event: *mut evpl_fd_event) {
    let event = required(event, "event", "evpl_fd_event_read_interest");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_fd_event_read_interest") }.fd_read_interest(event);
}

/// Stops read callbacks. What is known about readability is kept. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_fd_event_read_disinterest(
    evpl: *mut evpl,
    event: *mut evpl_fd_event,
) {
    let event = required(event, "event", "evpl_fd_event_read_disinterest");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_fd_event_read_disinterest") }.fd_read_disinterest(event);
}

/// Has the write callback run once per pass while the descriptor is writable, from now on. Aborts
/// if the event has none. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_fd_event_write_interest(evpl: *mut evpl, event: *mut evpl_fd_event) {
    let event = required(event, "event", "evpl_fd_event_write_interest");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_fd_event_write_interest") }.fd_write_interest(event);
}

/// Stops write callbacks. What is known about writability is kept. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_fd_event_write_disinterest(
    evpl: *mut evpl,
    event: *mut evpl_fd_event,
) {
    let event = required(event, "event", "evpl_fd_event_write_disinterest");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_fd_event_write_disinterest") }.fd_write_disinterest(event);
}

/// Takes the descriptor as readable again without the kernel saying so, for example to go on with
/// data that a callback left unread. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_fd_event_mark_readable(evpl: *mut evpl, event: *mut evpl_fd_event) {
    let event = required(event, "event", "evpl_fd_event_mark_readable");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_fd_event_mark_readable") }.fd_mark_readable(event);
}

/// To be called when a read has returned EAGAIN: no read callback runs until there is new data.
/// Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_fd_event_mark_unreadable(evpl: *mut evpl, event: *mut evpl_fd_event) {
    let event = required(event, "event", "evpl_fd_event_mark_unreadable");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_fd_event_mark_unreadable") }.fd_mark_unreadable(event);
}

/// To be called when a write has returned EAGAIN: no write callback runs until there is room. Owner
/// thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_fd_event_mark_unwritable(evpl: *mut evpl, event: *mut evpl_fd_event) {
    let event = required(event, "event", "evpl_fd_event_mark_unwritable");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_fd_event_mark_unwritable") }.fd_mark_unwritable(event);
}
