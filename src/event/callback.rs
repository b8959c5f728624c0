//! Calls user code. Nothing of the library is borrowed while one of these runs: the callee may
//! re-enter any function with the same `evpl`.
//!
//! The callbacks come from C as nullable function pointers; NULL is skipped, as the headers promise.

use core::ffi::c_void;

use crate::abi::{
    deferral_callback_t, evpl, evpl_deferral, evpl_doorbell, evpl_doorbell_callback_t,
    evpl_fd_event, evpl_fd_event_callback_t, evpl_loop_callback_t, evpl_timer,
    evpl_timer_callback_t,
};

pub fn timer(callback: evpl_timer_callback_t, evpl: *mut evpl, timer: *mut evpl_timer) {
    if let Some(callback) = callback {
        // SAFETY: the caller of evpl_add_timer keeps the storage alive while the timer is registered.
        unsafe { callback(evpl, timer) }
    }
}

pub fn deferral(callback: deferral_callback_t, evpl: *mut evpl, private_data: *mut c_void) {
    if let Some(callback) = callback {
        // SAFETY: what evpl_deferral_init was given.
        unsafe { callback(evpl, private_data) }
    }
}

pub fn doorbell(callback: evpl_doorbell_callback_t, evpl: *mut evpl, doorbell: *mut evpl_doorbell) {
    if let Some(callback) = callback {
        // SAFETY: a registered doorbell's storage is alive until it is removed.
        unsafe { callback(evpl, doorbell) }
    }
}

pub fn fd_event(callback: evpl_fd_event_callback_t, evpl: *mut evpl, event: *mut evpl_fd_event) {
    if let Some(callback) = callback {
        // SAFETY: a registered event's storage is alive until it is removed.
        unsafe { callback(evpl, event) }
    }
}

/// Hooks and poll callbacks, which share one shape.
pub fn with_private(callback: evpl_loop_callback_t, evpl: *mut evpl, private_data: *mut c_void) {
    if let Some(callback) = callback {
        // SAFETY: what evpl_set_loop_hooks or evpl_add_poll was given.
        unsafe { callback(evpl, private_data) }
    }
}

/// Storage that the caller owns, read and written by value and found by address; never borrowed.
pub mod storage {
    use super::{evpl_deferral, evpl_timer};
    use crate::abi::{deferral_callback_t, evpl_timer_callback_t};
    use core::ffi::c_void;

    pub fn write_timer(timer: *mut evpl_timer, value: evpl_timer) {
        // SAFETY: the caller of evpl_add_timer passes writable storage.
        unsafe { timer.write(value) }
    }

    pub fn set_timer_deadline(timer: *mut evpl_timer, deadline: u64) {
        // SAFETY: only called for a timer that is registered, hence alive.
        unsafe { (*timer).deadline = deadline }
    }

    /// Callback, interval in microseconds, and whether it fires once.
    pub fn read_timer(timer: *mut evpl_timer) -> (evpl_timer_callback_t, u64, bool) {
        // SAFETY: only called for a timer that is registered, hence alive.
        unsafe { ((*timer).callback, (*timer).interval, (*timer).oneshot != 0) }
    }

    pub fn armed(deferral: *mut evpl_deferral) -> u64 {
        // SAFETY: the caller passes initialised storage, or we hold it queued.
        unsafe { (*deferral).armed }
    }

    pub fn set_armed(deferral: *mut evpl_deferral, armed: u64) {
        // SAFETY: as for `armed`.
        unsafe { (*deferral).armed = armed }
    }

    pub fn read_deferral(deferral: *mut evpl_deferral) -> (deferral_callback_t, *mut c_void) {
        // SAFETY: as for `armed`.
        unsafe { ((*deferral).callback, (*deferral).private_data) }
    }
}
