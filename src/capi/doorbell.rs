//! evpl_doorbell.h: how another thread wakes a loop.

use core::ffi::c_int;

use super::boundary::{evpl_ref, required, required_callback};
use crate::abi::{evpl, evpl_doorbell, evpl_doorbell_callback_t};
use crate::api;

/// Registers a doorbell, whose storage is the caller's and keeps its address until removed. Opens
/// an eventfd; the process ends if there is none left. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_add_doorbell(
    evpl: *mut evpl,
    doorbell: *mut evpl_doorbell,
    callback: evpl_doorbell_callback_t,
) {
    let doorbell = required(doorbell, "doorbell", "evpl_add_doorbell");
    let callback = required_callback(callback, "callback", "evpl_add_doorbell");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_add_doorbell") }.add_doorbell(doorbell, callback);
}

/// Unregisters a doorbell and closes its eventfd. Its callback does not run again even if it was
/// rung, and the storage is the caller's again on return. Allowed in any callback, its own
/// included. Must not race with evpl_ring_doorbell. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_remove_doorbell(evpl: *mut evpl, doorbell: *mut evpl_doorbell) {
    let doorbell = required(doorbell, "doorbell", "evpl_remove_doorbell");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_remove_doorbell") }.remove_doorbell(doorbell);
}

/// The eventfd of a registered doorbell. Writing an 8-byte number to it rings the doorbell; the
/// library keeps ownership. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_doorbell_fd(doorbell: *mut evpl_doorbell) -> c_int {
    api::doorbell_fd(required(doorbell, "doorbell", "evpl_doorbell_fd"))
}

/// Has the loop call the doorbell's callback. All rings before the callback starts make one call; a
/// ring during it makes another. What was written before the ring is seen by the callback. Any
/// thread, and signal handlers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_ring_doorbell(doorbell: *mut evpl_doorbell) {
    api::ring_doorbell(required(doorbell, "doorbell", "evpl_ring_doorbell"));
}
