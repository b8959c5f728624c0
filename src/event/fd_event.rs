//! Descriptors in a loop: latched readiness, interests, and the list of events to dispatch.
//!
//! A descriptor is registered with the kernel once, for everything; interests are our own bits. The
//! record lives in storage that somebody else owns (the caller's `evpl_fd_event`, a doorbell, a bind),
//! so it is reached through raw pointers, and everything that outlives a callback (kernel registration,
//! active list) finds it through a slot with a generation or forgets it at removal.

use std::cell::Cell;
use std::io;
use std::os::fd::RawFd;

use super::callback;
use super::poller::Poller;
use crate::abi::{evpl, evpl_doorbell, evpl_fd_event, evpl_fd_event_callback_t};
use crate::memory::cell::LoopCell;

pub const READABLE: u32 = 1;
pub const WRITABLE: u32 = 2;
/// The kernel reported an error or a hang-up; never cleared.
pub const ERROR: u32 = 4;
pub const READ_INTEREST: u32 = 8;
pub const WRITE_INTEREST: u32 = 16;
/// The kernel reports when output is possible.
const OUTPUT_WATCHED: u32 = 32;
/// An urgent byte came, at whose mark a read ends although there may be more; until it reads empty.
pub const URGENT: u32 = 64;

/// When the kernel is to report that output is possible. Each such report wakes the loop, and some
/// sockets send one for everything the peer takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum WatchOutput {
    /// From the start, if there is a callback for it.
    Now,
    /// Once somebody waits for it, see `await_writable`.
    OnDemand,
}

/// The record inside `evpl_fd_event`, `evpl_doorbell` and every bind that has a descriptor.
#[repr(C)]
pub struct FdEvent {
    fd: Cell<RawFd>,
    flags: Cell<u32>,
    /// Index into the loop's registrations.
    slot: Cell<u32>,
    /// Position in the active list plus one; zero when not queued.
    active: Cell<u32>,
    read: Cell<evpl_fd_event_callback_t>,
    write: Cell<evpl_fd_event_callback_t>,
    error: Cell<evpl_fd_event_callback_t>,
}

const _: () =
    assert!(size_of::<FdEvent>() == 40 && size_of::<FdEvent>() <= size_of::<evpl_fd_event>());
const _: () = assert!(size_of::<FdEvent>() + 8 <= size_of::<evpl_doorbell>());

impl FdEvent {
    pub const fn unregistered() -> FdEvent {
        FdEvent {
            fd: Cell::new(-1),
            flags: Cell::new(0),
            slot: Cell::new(u32::MAX),
            active: Cell::new(0),
            read: Cell::new(None),
            write: Cell::new(None),
            error: Cell::new(None),
        }
    }

    pub fn fd(&self) -> RawFd {
        self.fd.get()
    }

    pub fn has(&self, flags: u32) -> bool {
        self.flags.get() & flags == flags
    }

    pub fn has_any(&self, flags: u32) -> bool {
        self.flags.get() & flags != 0
    }

    fn set(&self, flags: u32) {
        self.flags.set(self.flags.get() | flags);
    }

    fn clear(&self, flags: u32) {
        self.flags.set(self.flags.get() & !flags);
    }

    /// Somebody waits for the kernel to take output again; trying before it says so is in vain.
    pub fn awaits_writable(&self) -> bool {
        self.has(WRITE_INTEREST) && !self.has(WRITABLE)
    }

    fn read_ready(&self) -> bool {
        self.has(READABLE | READ_INTEREST)
    }

    fn write_ready(&self) -> bool {
        self.has(WRITABLE | WRITE_INTEREST)
    }

    fn ready(&self) -> bool {
        self.read_ready() || self.write_ready()
    }
}

/// A live event record. The one place where a pointer to foreign storage becomes a reference.
fn record<'a>(event: *mut FdEvent) -> &'a FdEvent {
    // SAFETY: callers pass a record that is registered, or storage the C caller handed in for this call;
    // all fields are cells, and no reference is kept across a callback.
    unsafe { &*event }
}

/// What the kernel registration points at.
#[derive(Clone, Copy)]
pub struct Registration {
    pub event: *mut FdEvent,
    pub generation: u32,
    pub fd: RawFd,
    /// The descriptor is the library's own and is closed with the loop.
    doorbell: bool,
}

#[derive(Default)]
struct Registrations {
    slots: Vec<Registration>,
    free: Vec<u32>,
}

#[derive(Default)]
pub struct FdEvents {
    registrations: LoopCell<Registrations>,
    active: LoopCell<Vec<*mut FdEvent>>,
}

impl FdEvents {
    /// Registers storage that need not be initialised. No interest is armed.
    pub fn add(
        &self,
        poller: &Poller,
        event: *mut FdEvent,
        fd: RawFd,
        callbacks: [evpl_fd_event_callback_t; 3],
        watch_output: WatchOutput,
        doorbell: bool,
    ) -> io::Result<()> {
        let output = watch_output == WatchOutput::Now && callbacks[1].is_some();
        let (slot, generation) = self.registrations.with(|registrations| {
            let slot = registrations.free.pop().unwrap_or_else(|| {
                registrations.slots.push(Registration {
                    event: core::ptr::null_mut(),
                    generation: 0,
                    fd: -1,
                    doorbell: false,
                });
                registrations.slots.len() as u32 - 1
            });
            let registration = &mut registrations.slots[slot as usize];
            registration.event = event;
            registration.fd = fd;
            registration.doorbell = doorbell;
            (slot, registration.generation)
        });
        if let Err(error) = poller.add(fd, slot, generation, output) {
            self.release_slot(slot);
            return Err(error);
        }
        let [read, write, error] = callbacks;
        let value = FdEvent {
            fd: Cell::new(fd),
            flags: Cell::new(if output { OUTPUT_WATCHED } else { 0 }),
            slot: Cell::new(slot),
            active: Cell::new(0),
            read: Cell::new(read),
            write: Cell::new(write),
            error: Cell::new(error),
        };
        // SAFETY: the caller hands over writable storage for the time of the registration.
        unsafe { event.write(value) };
        Ok(())
    }

    /// Calls the read callback as if the kernel had reported the descriptor readable. `alive` says whether
    /// the record may still be touched afterwards.
    pub fn dispatch_unasked(&self, evpl: *mut evpl, event: *mut FdEvent, alive: impl Fn() -> bool) {
        let entry = record(event);
        if !entry.has(READ_INTEREST) || entry.active.get() != 0 {
            return;
        }
        entry.set(READABLE);
        callback::fd_event(entry.read.get(), evpl, event.cast());
        if alive() {
            self.queue_if_ready(event);
        }
    }

    /// Takes the event out; its storage is free at return. The descriptor stays open.
    pub fn remove(&self, poller: &Poller, event: *mut FdEvent) -> io::Result<()> {
        self.forget(event)?;
        poller.remove(record(event).fd.get())
    }

    /// Takes the event out without telling the kernel, whose reports are ignored from here on.
    pub fn forget(&self, event: *mut FdEvent) -> io::Result<()> {
        let record = record(event);
        self.unqueue(record);
        let slot = record.slot.get();
        let known = self.registrations.with(|registrations| {
            registrations
                .slots
                .get(slot as usize)
                .is_some_and(|entry| entry.event == event)
        });
        if !known {
            return Err(io::Error::from_raw_os_error(libc::ENOENT));
        }
        self.release_slot(slot);
        record.slot.set(u32::MAX);
        Ok(())
    }

    fn release_slot(&self, slot: u32) {
        self.registrations.with(|registrations| {
            let entry = &mut registrations.slots[slot as usize];
            entry.event = core::ptr::null_mut();
            entry.generation = entry.generation.wrapping_add(1);
            entry.doorbell = false;
            registrations.free.push(slot);
        });
    }

    fn unqueue(&self, record: &FdEvent) {
        let active = record.active.replace(0);
        if active != 0 {
            self.active.with(|list| {
                if let Some(entry) = list.get_mut(active as usize - 1)
                    && core::ptr::eq(*entry, record)
                {
                    *entry = core::ptr::null_mut();
                }
            });
        }
    }

    fn queue_if_ready(&self, event: *mut FdEvent) {
        let record = record(event);
        if record.ready() {
            self.queue(event);
        }
    }

    fn queue(&self, event: *mut FdEvent) {
        let record = record(event);
        if record.active.get() == 0 {
            let position = self.active.with(|list| {
                list.push(event);
                list.len()
            });
            record.active.set(position as u32);
        }
    }

    /// Latches what the kernel said about a registration that may be gone by now.
    pub fn latch(&self, slot: u32, generation: u32, flags: u32) {
        let event = self.registrations.with(|registrations| {
            registrations
                .slots
                .get(slot as usize)
                .filter(|entry| entry.generation == generation)
                .map_or(core::ptr::null_mut(), |entry| entry.event)
        });
        if event.is_null() {
            return;
        }
        record(event).set(flags);
        if flags & ERROR != 0 {
            self.queue(event);
        } else {
            self.queue_if_ready(event);
        }
    }

    /// Calls `visit` with slot, generation, descriptor and interests of every registration.
    pub fn each_registration(&self, mut visit: impl FnMut(u32, u32, RawFd, u32)) {
        self.registrations.with(|registrations| {
            for (slot, entry) in registrations.slots.iter().enumerate() {
                if !entry.event.is_null() {
                    visit(
                        slot as u32,
                        entry.generation,
                        entry.fd,
                        record(entry.event).flags.get(),
                    );
                }
            }
        });
    }

    pub fn has_active(&self) -> bool {
        self.active.with(|list| !list.is_empty())
    }

    /// One pass over what is ready: each event gets at most one read, write and error callback. It stays
    /// listed until the end, so that one which becomes ready again waits for the next pass.
    pub fn dispatch(&self, evpl: *mut evpl) {
        let mut index = 0;
        // Grows while it is walked: what becomes active now is dispatched now.
        while let Some(event) = self.entry(index) {
            if !event.is_null() {
                self.dispatch_event(evpl, event, index);
            }
            index += 1;
        }
        self.compact();
    }

    fn entry(&self, index: usize) -> Option<*mut FdEvent> {
        self.active.with(|list| list.get(index).copied())
    }

    fn dispatch_event(&self, evpl: *mut evpl, event: *mut FdEvent, index: usize) {
        // The record is looked at again only while the list still names it.
        let alive = || self.entry(index) == Some(event);
        if record(event).read_ready() {
            callback::fd_event(record(event).read.get(), evpl, event.cast());
            if !alive() {
                return;
            }
        }
        if record(event).write_ready() {
            callback::fd_event(record(event).write.get(), evpl, event.cast());
            if !alive() {
                return;
            }
        }
        if record(event).has(ERROR) {
            callback::fd_event(record(event).error.get(), evpl, event.cast());
        }
    }

    fn compact(&self) {
        self.active.with(|list| {
            list.retain(|&event| {
                if event.is_null() || record(event).ready() {
                    return !event.is_null();
                }
                record(event).active.set(0);
                false
            });
            for (index, event) in list.iter().enumerate() {
                record(*event).active.set(index as u32 + 1);
            }
        });
    }

    pub fn read_interest(&self, event: *mut FdEvent) {
        record(event).set(READ_INTEREST);
        self.queue_if_ready(event);
    }

    pub fn write_interest(&self, event: *mut FdEvent) {
        record(event).set(WRITE_INTEREST);
        self.queue_if_ready(event);
    }

    /// The kernel takes no more output: the write callback runs when it does again.
    pub fn await_writable(&self, poller: &Poller, event: *mut FdEvent) {
        let entry = record(event);
        entry.clear(WRITABLE);
        entry.set(WRITE_INTEREST);
        if entry.has(OUTPUT_WATCHED) {
            return;
        }
        let slot = entry.slot.get();
        let generation = self
            .registrations
            .with(|registrations| registrations.slots[slot as usize].generation);
        match poller.add_output(entry.fd.get(), slot, generation) {
            Ok(()) => entry.set(OUTPUT_WATCHED),
            // Tried again in the next pass, as if output were possible.
            Err(_) => self.mark_writable(event),
        }
    }

    /// Has the write callback run in the next dispatch.
    pub fn mark_writable(&self, event: *mut FdEvent) {
        record(event).set(WRITABLE | WRITE_INTEREST);
        self.queue_if_ready(event);
    }

    pub fn read_disinterest(&self, event: *mut FdEvent) {
        record(event).clear(READ_INTEREST);
    }

    pub fn write_disinterest(&self, event: *mut FdEvent) {
        record(event).clear(WRITE_INTEREST);
    }

    pub fn mark_readable(&self, event: *mut FdEvent) {
        record(event).set(READABLE);
        self.queue_if_ready(event);
    }

    pub fn mark_unreadable(&self, event: *mut FdEvent) {
        record(event).clear(READABLE | URGENT);
    }

    pub fn mark_unwritable(&self, event: *mut FdEvent) {
        record(event).clear(WRITABLE);
    }

    pub fn has_read_callback(&self, event: *mut FdEvent) -> bool {
        record(event).read.get().is_some()
    }

    pub fn has_write_callback(&self, event: *mut FdEvent) -> bool {
        record(event).write.get().is_some()
    }

    /// Descriptors of doorbells that nobody removed. Their storage may be gone, so only the
    /// registration is consulted.
    pub fn leftover_doorbells(&self) -> Vec<RawFd> {
        self.registrations.with(|registrations| {
            registrations
                .slots
                .iter()
                .filter(|entry| entry.doorbell)
                .map(|entry| entry.fd)
                .collect()
        })
    }
}

/// The descriptor of a registered event.
pub fn fd_of(event: *mut FdEvent) -> RawFd {
    record(event).fd()
}
