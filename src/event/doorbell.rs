//! Doorbells: an eventfd that any thread, or the kernel, writes to wake a loop.
//!
//! The 64 bytes belong to the caller. Every ring is a real write to the descriptor, so that a plain
//! write by a third party and ours are the same thing.

use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use super::EventLoop;
use super::callback;
use super::fd_event::{FdEvent, WatchOutput, fd_of};
use crate::abi::{evpl, evpl_doorbell, evpl_doorbell_callback_t, evpl_fd_event};
use crate::sys::eventfd;

#[repr(C)]
struct Record {
    event: FdEvent,
    callback: evpl_doorbell_callback_t,
}

const _: () = assert!(size_of::<Record>() <= size_of::<evpl_doorbell>());
const _: () = assert!(align_of::<Record>() <= align_of::<evpl_doorbell>());

/// Registers a doorbell; the API cannot report a failure, so one ends the process.
pub fn add(events: &EventLoop, doorbell: *mut evpl_doorbell, callback: evpl_doorbell_callback_t) {
    let fd = match eventfd::open() {
        Ok(fd) => fd,
        Err(error) => crate::abort!("core", "evpl_add_doorbell: eventfd failed: {}", error),
    };
    let record = doorbell.cast::<Record>();
    // SAFETY: the caller's storage is 64 writable bytes, and `event` is its first field.
    unsafe { (&raw mut (*record).callback).write(callback) };
    let event = record.cast::<FdEvent>();
    if let Err(error) = events.add_internal(
        event,
        fd.as_raw_fd(),
        [Some(ready), None, None],
        WatchOutput::Now,
        true,
    ) {
        crate::abort!(
            "core",
            "evpl_add_doorbell: registering eventfd failed: {}",
            error
        );
    }
    // Owned by the registration from here on: closed in `remove`, or with the loop.
    let _ = fd.into_raw_fd();
    events.fds().read_interest(event);
}

pub fn remove(events: &EventLoop, doorbell: *mut evpl_doorbell) {
    let event = doorbell.cast::<FdEvent>();
    let fd = fd_of(event);
    match events.remove_internal(event) {
        // SAFETY: `add` gave the descriptor's ownership to the registration just removed.
        Ok(()) => drop(unsafe { OwnedFd::from_raw_fd(fd) }),
        Err(error) => crate::log_error!(
            "core",
            "evpl_remove_doorbell: not registered with this loop: {}",
            error
        ),
    }
}

pub fn fd(doorbell: *mut evpl_doorbell) -> RawFd {
    fd_of(doorbell.cast())
}

pub fn ring(doorbell: *mut evpl_doorbell) {
    if let Err(error) = eventfd::ring(fd(doorbell)) {
        crate::abort!("core", "evpl_ring_doorbell: write failed: {}", error);
    }
}

unsafe extern "C" fn ready(evpl: *mut evpl, event: *mut evpl_fd_event) {
    let record = event.cast::<Record>();
    // SAFETY: the loop dispatches only registered events, and this callback only for doorbells.
    let callback = unsafe { (*record).callback };
    // Drained before the callback, so that a ring during it rings again.
    let rung = eventfd::drain(fd_of(event.cast()));
    // SAFETY: an evpl handle points at the context that owns this loop.
    let events = unsafe { EventLoop::from_handle(evpl) };
    events.fds().mark_unreadable(event.cast());
    if rung {
        callback::doorbell(callback, evpl, event.cast());
    }
}
