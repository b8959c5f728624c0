//! evpl_deferral.h: work to run later on the same thread.

use core::ffi::c_void;
use core::ptr::addr_of_mut;

use super::boundary::{evpl_ref, required};
use crate::abi::{deferral_callback_t, evpl, evpl_deferral};

/// Sets what a deferral calls and with what. Does not touch whether it is armed, so the storage
/// must have been zeroed before its first use. Any thread that owns the storage.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_deferral_init(
    deferral: *mut evpl_deferral,
    callback: deferral_callback_t,
    private_data: *mut c_void,
) {
    let deferral = required(deferral, "deferral", "evpl_deferral_init");
    // SAFETY: not NULL, and the storage is the caller's.
    unsafe { addr_of_mut!((*deferral).callback).write(callback) };
    // SAFETY: as above.
    unsafe { addr_of_mut!((*deferral).private_data).write(private_data) };
}

/// Arms the deferral; its callback runs once before the pass in progress ends, or in the next pass,
/// which does not block. Does nothing if it is armed already. The storage must stay valid until it
/// has run or been removed. Owner thread only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_defer(evpl: *mut evpl, deferral: *mut evpl_deferral) {
    let deferral = required(deferral, "deferral", "evpl_defer");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_defer") }.defer(deferral);
}

/// Disarms the deferral if it is armed. Its storage is the caller's again on return. Owner thread
/// only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evpl_remove_deferral(evpl: *mut evpl, deferral: *mut evpl_deferral) {
    let deferral = required(deferral, "deferral", "evpl_remove_deferral");
    // SAFETY: a live loop of this thread.
    unsafe { evpl_ref(evpl, "evpl_remove_deferral") }.remove_deferral(deferral);
}
