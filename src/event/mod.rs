//! One thread's event loop. [`EventLoop::pass`] is one iteration, phase by phase:
//!
//! - polling pass: every poll callback; or
//! - full pass: due timers, the switch between polling and sleeping, `pre_wait`, one kernel wait that
//!   only latches readiness, `post_wait`, and the binds whose close is complete;
//! - then, in both: ready events, deferrals, `iteration_end`.
//!
//! The loop knows nothing of transports; what finishes closed binds is handed to the pass.

pub mod callback;
pub mod deferral;
pub mod doorbell;
pub mod fd_event;
pub mod poll;
pub mod poller;
pub mod timer;

use std::cell::Cell;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::abi::{
    evpl, evpl_deferral, evpl_doorbell, evpl_doorbell_callback_t, evpl_fd_event,
    evpl_fd_event_callback_t, evpl_loop_hooks, evpl_poll, evpl_poll_callback_t,
    evpl_poll_enter_callback_t, evpl_poll_exit_callback_t, evpl_timer, evpl_timer_callback_t,
};
use crate::config::{CoreMech, ThreadConfig};
use crate::sys::{eventfd, thread_token};
use crate::time::Clock;
use core::ffi::c_void;
use deferral::Deferrals;
use fd_event::{FdEvent, FdEvents};
use poll::Polls;
use poller::Poller;
use timer::Timers;

/// Hashes addresses: they are unique and aligned, so one multiplication spreads them well enough.
#[derive(Default)]
pub struct AddressHasher(u64);

pub type PointerHash = BuildHasherDefault<AddressHasher>;

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    fn write_usize(&mut self, value: usize) {
        self.0 = (self.0 ^ value as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(26);
    }
}

/// What the loop asks of the world above it once a pass.
pub trait ClosedBinds {
    fn any(&self) -> bool;
    /// Finishes what was pending when the pass began: DISCONNECTED, then recycling.
    fn finalise(&self);
}

const NO_HOOKS: evpl_loop_hooks = evpl_loop_hooks {
    iteration_end: None,
    pre_wait: None,
    post_wait: None,
    private_data: core::ptr::null_mut(),
};

/// The state of the hybrid mode.
struct PollMode {
    on: Cell<bool>,
    iterations: Cell<u32>,
    activity: Cell<u64>,
    last_activity: Cell<u64>,
    last_activity_ticks: Cell<u64>,
}

pub struct EventLoop {
    evpl: Cell<*mut evpl>,
    clock: &'static Clock,
    config: ThreadConfig,
    poller: Poller,
    fds: FdEvents,
    timers: Timers,
    deferrals: Deferrals,
    polls: Polls,
    poll_mode: PollMode,
    hooks: Cell<evpl_loop_hooks>,
    running: AtomicBool,
    /// Wakes the loop from any thread; its event calls what `watch_wake` was given.
    wake_fd: Arc<OwnedFd>,
    wake_event: Box<FdEvent>,
    /// The thread inside a pass, or zero.
    pass_thread: AtomicUsize,
}

impl EventLoop {
    pub fn new(
        clock: &'static Clock,
        config: ThreadConfig,
        mech: CoreMech,
    ) -> io::Result<EventLoop> {
        let poll_mode = PollMode {
            on: Cell::new(false),
            iterations: Cell::new(0),
            activity: Cell::new(0),
            last_activity: Cell::new(0),
            last_activity_ticks: Cell::new(clock.ticks()),
        };
        Ok(EventLoop {
            evpl: Cell::new(core::ptr::null_mut()),
            clock,
            config,
            poller: Poller::open(mech)?,
            fds: FdEvents::default(),
            timers: Timers::default(),
            deferrals: Deferrals::default(),
            polls: Polls::default(),
            poll_mode,
            hooks: Cell::new(NO_HOOKS),
            running: AtomicBool::new(true),
            wake_fd: Arc::new(eventfd::open()?),
            wake_event: Box::new(FdEvent::unregistered()),
            pass_thread: AtomicUsize::new(0),
        })
    }

    /// Tells the loop its own handle and what to call when another thread woke it.
    pub fn start(&self, evpl: *mut evpl, woken: evpl_fd_event_callback_t) -> io::Result<()> {
        self.evpl.set(evpl);
        self.add_internal(
            self.wake_event_pointer(),
            self.wake_fd.as_raw_fd(),
            [woken, None, None],
            false,
        )?;
        self.fds.read_interest(self.wake_event_pointer());
        Ok(())
    }

    /// # Safety
    /// `evpl` is a live handle: it points at a context that starts with memory and event loop.
    pub unsafe fn from_handle<'a>(evpl: *mut evpl) -> &'a EventLoop {
        // SAFETY: `Cx` is `repr(C)` and asserts that the loop is where this looks.
        unsafe {
            &*evpl
                .cast::<u8>()
                .add(crate::transport::EVENTS_OFFSET)
                .cast::<EventLoop>()
        }
    }

    pub fn evpl(&self) -> *mut evpl {
        self.evpl.get()
    }

    pub fn clock(&self) -> &'static Clock {
        self.clock
    }

    pub fn fds(&self) -> &FdEvents {
        &self.fds
    }

    fn wake_event_pointer(&self) -> *mut FdEvent {
        core::ptr::from_ref::<FdEvent>(&self.wake_event).cast_mut()
    }

    /// Another thread's way in: the wake callback runs in the next pass.
    pub fn wake(&self) {
        eventfd::ring_owned(&self.wake_fd);
    }

    /// For those who wake this loop after it may be gone: the descriptor stays theirs.
    pub fn wake_fd(&self) -> Arc<OwnedFd> {
        self.wake_fd.clone()
    }

    /// The owner's cheaper form of `wake`: no system call.
    pub fn wake_self(&self) {
        self.fds.mark_readable(self.wake_event_pointer());
    }

    /// Called first by the wake callback; `rung` says that another thread wrote the descriptor.
    pub fn acknowledge_wake(&self, rung: bool) {
        self.fds.mark_unreadable(self.wake_event_pointer());
        if rung || !self.is_running() {
            eventfd::drain(self.wake_fd.as_raw_fd());
        }
    }

    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::SeqCst)
    }

    pub fn stop(&self) {
        self.running.store(false, Ordering::SeqCst);
        self.wake();
    }

    /// The thread that is inside a pass and is not this one, if any.
    pub fn is_in_pass_elsewhere(&self) -> bool {
        let owner = self.pass_thread.load(Ordering::Relaxed);
        owner != 0 && owner != thread_token()
    }

    pub fn is_in_pass(&self) -> bool {
        self.pass_thread.load(Ordering::Relaxed) != 0
    }

    // ---- one pass -------------------------------------------------------------------------------

    pub fn pass(&self, closed: &impl ClosedBinds) {
        let outer = self.pass_thread.swap(thread_token(), Ordering::Relaxed);
        let evpl = self.evpl();
        let mode = &self.poll_mode;
        if mode.on.get() && mode.iterations.get() < self.config.poll_iterations {
            mode.iterations.set(mode.iterations.get() + 1);
            self.polls.poll(evpl);
        } else {
            self.full_pass(evpl, closed);
            mode.iterations.set(0);
        }
        self.fds.dispatch(evpl);
        self.deferrals.run(evpl);
        let hooks = self.hooks.get();
        callback::with_private(hooks.iteration_end, evpl, hooks.private_data);
        self.pass_thread.store(outer, Ordering::Relaxed);
    }

    fn full_pass(&self, evpl: *mut evpl, closed: &impl ClosedBinds) {
        let now = self.clock.ticks();
        self.timers.fire_due(evpl, now, || self.clock.ticks());
        self.switch_poll_mode(evpl, now);
        let pending = closed.any();
        let hooks = self.hooks.get();
        callback::with_private(hooks.pre_wait, evpl, hooks.private_data);
        // After the hook: what it armed must not be slept over.
        let timeout_ns = self.wait_timeout_ns(pending || closed.any());
        if let Err(error) = self.poller.wait(&self.fds, timeout_ns)
            && error.kind() != io::ErrorKind::Interrupted
        {
            crate::abort!("core", "waiting for events failed: {}", error);
        }
        let hooks = self.hooks.get();
        callback::with_private(hooks.post_wait, evpl, hooks.private_data);
        if closed.any() {
            closed.finalise();
        }
    }

    /// Enters or leaves poll mode; only full passes look.
    fn switch_poll_mode(&self, evpl: *mut evpl, now: u64) {
        let mode = &self.poll_mode;
        if !self.config.poll_mode || self.polls.count() == 0 {
            // The last poll went away while polling: leave silently, there is nobody to tell.
            mode.on.set(false);
            return;
        }
        let mut elapsed = 0;
        if mode.activity.get() != mode.last_activity.get() {
            mode.last_activity.set(mode.activity.get());
            mode.last_activity_ticks.set(now);
        } else {
            elapsed = now.saturating_sub(mode.last_activity_ticks.get());
        }
        if !self.polls.pinned() && elapsed > self.config.spin_ns {
            if mode.on.replace(false) {
                self.polls.exit(evpl);
            }
        } else if !mode.on.get() {
            self.polls.enter(evpl);
            mode.on.set(true);
        }
    }

    /// Nanoseconds to sleep; `None` is for ever.
    fn wait_timeout_ns(&self, closing: bool) -> Option<u64> {
        let mode = &self.poll_mode;
        let unsynced_activity = self.config.poll_mode
            && self.polls.count() > 0
            && mode.activity.get() != mode.last_activity.get();
        if closing
            || mode.on.get()
            || unsynced_activity
            || self.fds.has_active()
            || !self.deferrals.is_empty()
            || self.clock.is_virtual()
        {
            return Some(0);
        }
        let configured = u64::try_from(self.config.wait_ms)
            .ok()
            .map(|ms| ms * 1_000_000);
        let until_timer = self
            .timers
            .next_deadline()
            .map(|deadline| deadline.saturating_sub(self.clock.ticks()));
        match (configured, until_timer) {
            (Some(wait), Some(timer)) => Some(wait.min(timer)),
            (wait, timer) => wait.or(timer),
        }
    }

    // ---- sources --------------------------------------------------------------------------------

    pub fn add_timer(
        &self,
        timer: *mut evpl_timer,
        callback: evpl_timer_callback_t,
        interval_us: u64,
        oneshot: bool,
    ) {
        self.timers
            .add(timer, callback, interval_us, oneshot, self.clock.ticks());
    }

    pub fn remove_timer(&self, timer: *mut evpl_timer) {
        self.timers.remove(timer);
    }

    pub fn defer(&self, deferral: *mut evpl_deferral) {
        self.deferrals.arm(deferral);
    }

    /// Arms a deferral that may run again in the phase in which it already ran.
    pub fn defer_again(&self, deferral: *mut evpl_deferral) {
        self.deferrals.allow_again(deferral);
        self.deferrals.arm(deferral);
    }

    pub fn remove_deferral(&self, deferral: *mut evpl_deferral) {
        self.deferrals.remove(deferral);
    }

    pub fn add_doorbell(&self, doorbell: *mut evpl_doorbell, callback: evpl_doorbell_callback_t) {
        doorbell::add(self, doorbell, callback);
    }

    pub fn remove_doorbell(&self, doorbell: *mut evpl_doorbell) {
        doorbell::remove(self, doorbell);
    }

    pub fn add_internal(
        &self,
        event: *mut FdEvent,
        fd: RawFd,
        callbacks: [evpl_fd_event_callback_t; 3],
        doorbell: bool,
    ) -> io::Result<()> {
        self.fds.add(&self.poller, event, fd, callbacks, doorbell)
    }

    pub fn remove_internal(&self, event: *mut FdEvent) -> io::Result<()> {
        self.fds.remove(&self.poller, event)
    }

    /// The user's descriptor: misuse ends the process with a line that says why.
    pub fn add_fd_event(
        &self,
        event: *mut evpl_fd_event,
        fd: RawFd,
        callbacks: [evpl_fd_event_callback_t; 3],
    ) {
        if fd < 0 {
            crate::abort!("core", "evpl_add_fd_event: descriptor {} is not valid", fd);
        }
        if let Err(error) = self.add_internal(event.cast(), fd, callbacks, false) {
            crate::abort!(
                "core",
                "evpl_add_fd_event: descriptor {} cannot be watched: {}",
                fd,
                error
            );
        }
    }

    pub fn remove_fd_event(&self, event: *mut evpl_fd_event) {
        if let Err(error) = self.remove_internal(event.cast()) {
            crate::log_error!("core", "evpl_remove_fd_event: {}", error);
        }
    }

    pub fn fd_read_interest(&self, event: *mut evpl_fd_event) {
        if !self.fds.has_read_callback(event.cast()) {
            crate::abort!(
                "core",
                "evpl_fd_event_read_interest: the event has no read callback"
            );
        }
        self.fds.read_interest(event.cast());
    }

    pub fn fd_write_interest(&self, event: *mut evpl_fd_event) {
        if !self.fds.has_write_callback(event.cast()) {
            crate::abort!(
                "core",
                "evpl_fd_event_write_interest: the event has no write callback"
            );
        }
        self.fds.write_interest(event.cast());
    }

    pub fn add_poll(
        &self,
        enter: evpl_poll_enter_callback_t,
        exit: evpl_poll_exit_callback_t,
        poll: evpl_poll_callback_t,
        private_data: *mut c_void,
    ) -> *mut evpl_poll {
        self.polls.add(enter, exit, poll, private_data)
    }

    pub fn remove_poll(&self, poll: *mut evpl_poll) {
        if !self.polls.remove(poll) {
            crate::log_error!("core", "evpl_remove_poll: no such poll");
        }
        if self.polls.count() == 0 {
            self.poll_mode.on.set(false);
        }
    }

    pub fn activity(&self) {
        self.poll_mode
            .activity
            .set(self.poll_mode.activity.get().wrapping_add(1));
    }

    pub fn poll_pin(&self) {
        self.polls.pin();
    }

    pub fn poll_unpin(&self) {
        if !self.polls.unpin() {
            crate::log_error!("core", "evpl_poll_unpin: without a pin");
        }
    }

    pub fn set_hooks(&self, hooks: Option<evpl_loop_hooks>) {
        self.hooks.set(hooks.unwrap_or(NO_HOOKS));
    }

    /// Closes what a destroyed loop still owned on behalf of callers that removed nothing.
    pub fn close_leftovers(&self) {
        for fd in self.fds.leftover_doorbells() {
            // SAFETY: a doorbell's descriptor belongs to its registration, which dies with this loop.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
}
