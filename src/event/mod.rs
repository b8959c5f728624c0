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
mod spin;
pub mod timer;
pub mod wake;

use std::cell::Cell;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::abi::{
    evpl, evpl_deferral, evpl_doorbell, evpl_doorbell_callback_t, evpl_fd_event,
    evpl_fd_event_callback_t, evpl_loop_hooks, evpl_poll, evpl_poll_callback_t,
    evpl_poll_enter_callback_t, evpl_poll_exit_callback_t, evpl_timer, evpl_timer_callback_t,
};
use crate::config::{CoreMech, ThreadConfig};
use crate::memory::LoopMemory;
use crate::sys::thread_token;
use crate::time::Clock;
use core::ffi::c_void;
use deferral::Deferrals;
use fd_event::{FdEvent, FdEvents, WatchOutput};
use poll::Polls;
use poller::Poller;
use spin::Spin;
use timer::Timers;
use wake::Wake;

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

/// Where a loop sleeps in place of its poller: a queue of completions that also hears of descriptors.
pub trait Sleeper {
    /// Whether something is there for the loop. What is queued for the kernel may stay if the loop
    /// `sleeps_next`.
    fn look(&self, sleeps_next: bool) -> bool;
    /// Sleeps until something is there or the time is over; whether it is.
    fn sleep(&self, timeout_ns: Option<u64>) -> bool;
    /// Whether descriptors may be ready; the caller looks at them.
    fn take_descriptors_due(&self) -> bool;
}

/// Reads from the hot descriptor that found something before the others are looked at.
const HOT_TRIES_MAX: u32 = 16;
/// How long they wait at most while a loop spins: about what it takes to wake one that sleeps.
const LOOK_INTERVAL_NS: u64 = 50_000;
/// Tries in a row between two looks at the clock.
const HOT_TRIES_PER_CLOCK: usize = 4;
/// How long a spin watches an inbox with traffic between two looks at the descriptors.
const INBOX_WATCH_NS: u64 = 2_000;
/// Looks at the inbox between two looks at the clock.
const INBOX_LOOKS: usize = 16;

/// Whom a loop works for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LoopUse {
    Program,
    /// A listener: latency of a connect is not worth a processor.
    Accepting,
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

/// Where [`EventLoop::from_handle`] finds the loop: a handle points at memory, then the loop.
pub const OFFSET_IN_HANDLE: usize =
    size_of::<LoopMemory>().next_multiple_of(align_of::<EventLoop>());

/// The descriptor that had the last traffic, and how long the others have not been looked at.
struct Hot {
    event: Cell<*mut FdEvent>,
    traffic: Cell<u64>,
    tries_in_row: Cell<u32>,
    looked_ns: Cell<u64>,
    /// Its callback runs, and nobody has said that it is readable.
    unasked: Cell<bool>,
}

impl Default for Hot {
    fn default() -> Hot {
        Hot {
            event: Cell::new(core::ptr::null_mut()),
            traffic: Cell::new(0),
            tries_in_row: Cell::new(0),
            looked_ns: Cell::new(0),
            unasked: Cell::new(false),
        }
    }
}

pub struct EventLoop {
    evpl: Cell<*mut evpl>,
    clock: &'static Clock,
    config: ThreadConfig,
    poller: Poller,
    /// Takes the poller's place in every wait.
    sleeper: Cell<Option<*const dyn Sleeper>>,
    fds: FdEvents,
    timers: Timers,
    deferrals: Deferrals,
    polls: Polls,
    poll_mode: PollMode,
    hooks: Cell<evpl_loop_hooks>,
    running: AtomicBool,
    /// A pass is followed by another one at once.
    runs_on: Cell<bool>,
    /// Wakes the loop from any thread; its event calls what `start` was given.
    wake: Arc<Wake>,
    wake_event: Box<FdEvent>,
    /// The wake event is active because of this thread: the descriptor holds nothing.
    woken_by_self: Cell<bool>,
    spin: Spin,
    hot: Hot,
    /// The thread inside a pass, or zero.
    pass_thread: AtomicUsize,
}

impl EventLoop {
    pub fn new(
        clock: &'static Clock,
        config: ThreadConfig,
        mech: CoreMech,
        use_of_loop: LoopUse,
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
            sleeper: Cell::new(None),
            fds: FdEvents::default(),
            timers: Timers::default(),
            deferrals: Deferrals::default(),
            polls: Polls::default(),
            poll_mode,
            hooks: Cell::new(NO_HOOKS),
            running: AtomicBool::new(true),
            runs_on: Cell::new(false),
            wake: Arc::new(Wake::open()?),
            wake_event: Box::new(FdEvent::unregistered()),
            woken_by_self: Cell::new(false),
            spin: Spin::new(
                config.poll_mode && !clock.is_virtual() && use_of_loop == LoopUse::Program,
                config.spin_ns,
            ),
            hot: Hot::default(),
            pass_thread: AtomicUsize::new(0),
        })
    }

    /// Tells the loop its own handle and what to call when another thread woke it.
    pub fn start(&self, evpl: *mut evpl, woken: evpl_fd_event_callback_t) -> io::Result<()> {
        self.evpl.set(evpl);
        self.add_internal(
            self.wake_event_pointer(),
            self.wake.fd(),
            [woken, None, None],
            WatchOutput::Now,
            false,
        )?;
        self.fds.read_interest(self.wake_event_pointer());
        Ok(())
    }

    /// # Safety
    /// `evpl` is a live handle: it points at a context that starts with memory and event loop.
    pub unsafe fn from_handle<'a>(evpl: *mut evpl) -> &'a EventLoop {
        // SAFETY: whoever makes handles asserts that the loop is where this looks.
        unsafe { &*evpl.cast::<u8>().add(OFFSET_IN_HANDLE).cast::<EventLoop>() }
    }

    pub fn evpl(&self) -> *mut evpl {
        self.evpl.get()
    }

    pub fn fds(&self) -> &FdEvents {
        &self.fds
    }

    fn wake_event_pointer(&self) -> *mut FdEvent {
        core::ptr::from_ref::<FdEvent>(&self.wake_event).cast_mut()
    }

    /// For those who wake this loop after it may be gone.
    pub fn wake(&self) -> Arc<Wake> {
        self.wake.clone()
    }

    /// The owner's own way to have the wake callback run in the next dispatch: no system call.
    pub fn wake_self(&self) {
        self.wake.announce_to_self();
        self.woken_by_self.set(true);
        self.fds.mark_readable(self.wake_event_pointer());
    }

    /// Called first by the wake callback; whether the descriptor may hold something.
    pub fn begin_wake(&self) -> bool {
        self.fds.mark_unreadable(self.wake_event_pointer());
        // Edges need no emptying: the next ring is one again.
        !self.woken_by_self.replace(false) && self.poller.is_level_triggered()
    }

    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::SeqCst)
    }

    /// From any thread. Its owner may destroy the loop as soon as it sees the store, so nothing of it is
    /// touched afterwards.
    pub fn stop(&self) {
        let wake = self.wake.clone();
        self.running.store(false, Ordering::SeqCst);
        wake.ring();
    }

    /// The thread that is inside a pass and is not this one, if any.
    pub fn is_in_pass_elsewhere(&self) -> bool {
        let owner = self.pass_thread.load(Ordering::Relaxed);
        owner != 0 && owner != thread_token()
    }

    pub fn is_in_pass(&self) -> bool {
        self.pass_thread.load(Ordering::Relaxed) != 0
    }

    /// Passes until the loop is stopped.
    pub fn run(&self, closed: &impl ClosedBinds) {
        let outer = self.runs_on.replace(true);
        while self.is_running() {
            self.pass(closed);
        }
        self.runs_on.set(outer);
        // The program may take its time now.
        if let Some(sleeper) = self.sleeper() {
            sleeper.look(false);
        }
    }

    /// Whether the loop goes to sleep, or looks at its sleeper, right after this pass, with no code of the
    /// program's in between.
    pub fn sleeps_next(&self) -> bool {
        let hooks = self.hooks.get();
        self.runs_on.get()
            && self.sleeper.get().is_some()
            && hooks.iteration_end.is_none()
            && hooks.pre_wait.is_none()
            && !self.poll_mode.on.get()
            && self.polls.count() == 0
            && self.spin.window_ns(None) == 0
    }

    // ---- one pass -------------------------------------------------------------------------------

    pub fn pass(&self, closed: &impl ClosedBinds) {
        // Not one step: two threads inside one loop are what the word shows, not what it is safe from.
        let outer = self.pass_thread.load(Ordering::Relaxed);
        self.pass_thread.store(thread_token(), Ordering::Relaxed);
        // After a pass inside a callback the callback goes on.
        let runs_on = self.runs_on.get();
        self.runs_on.set(runs_on && outer == 0);
        let evpl = self.evpl();
        let mode = &self.poll_mode;
        if mode.on.get() && mode.iterations.get() < self.config.poll_iterations {
            mode.iterations.set(mode.iterations.get() + 1);
            self.polls.poll(evpl);
            if let Some(sleeper) = self.sleeper() {
                sleeper.look(false);
            }
        } else {
            self.full_pass(evpl, closed);
            mode.iterations.set(0);
        }
        self.fds.dispatch(evpl);
        self.deferrals.run(evpl);
        let hooks = self.hooks.get();
        callback::with_private(hooks.iteration_end, evpl, hooks.private_data);
        self.runs_on.set(runs_on);
        self.pass_thread.store(outer, Ordering::Relaxed);
    }

    fn full_pass(&self, evpl: *mut evpl, closed: &impl ClosedBinds) {
        // Reading the clock costs as much as the rest of an idle pass: only for those who look at it.
        if !self.timers.is_empty() || self.polls.count() > 0 {
            let now = self.clock.ticks();
            if self.timers.next_deadline().is_some_and(|due| due <= now)
                && let Some(sleeper) = self.sleeper()
            {
                // What waits for the sleep must not wait for their callbacks.
                sleeper.look(false);
            }
            self.timers.fire_due(evpl, now, || self.clock.ticks());
            self.switch_poll_mode(evpl, now);
        } else {
            self.poll_mode.on.set(false);
        }
        let pending = closed.any();
        let hooks = self.hooks.get();
        callback::with_private(hooks.pre_wait, evpl, hooks.private_data);
        // After the hook: what it armed must not be slept over.
        let timeout_ns = self.wait_timeout_ns(pending || closed.any());
        self.wait(timeout_ns);
        let hooks = self.hooks.get();
        callback::with_private(hooks.post_wait, evpl, hooks.private_data);
        if closed.any() {
            closed.finalise();
        }
    }

    /// The one wait of a full pass: a look, if it is worth it a spin, then sleep.
    fn wait(&self, timeout_ns: Option<u64>) {
        if timeout_ns == Some(0) || !self.spin.is_enabled() {
            self.wait_in_kernel(timeout_ns);
            return;
        }
        let began = self.clock.ticks();
        let window_ns = self.spin.window_ns(timeout_ns);
        let mut spun_ns = 0;
        if window_ns > 0 {
            let (found, looked) = self.spin_for(began, window_ns);
            spun_ns = looked - began;
            if found {
                return self.spin.learn(spun_ns);
            }
        }
        if self.wait_in_kernel(timeout_ns.map(|timeout| timeout.saturating_sub(spun_ns))) > 0 {
            self.spin.by_mail.set(self.wake.is_announced());
            self.spin.learn(self.clock.ticks() - began);
        }
    }

    /// Has the loop sleep somewhere else.
    ///
    /// # Safety
    /// `sleeper` stays until it is replaced.
    pub unsafe fn set_sleeper(&self, sleeper: Option<*const dyn Sleeper>) {
        self.sleeper.set(sleeper);
    }

    fn sleeper(&self) -> Option<&dyn Sleeper> {
        // SAFETY: whoever set it keeps it until it is replaced.
        self.sleeper.get().map(|sleeper| unsafe { &*sleeper })
    }

    /// A descriptor that is readable while a watched descriptor is ready, if the mechanism has one.
    pub fn poller_fd(&self) -> Option<RawFd> {
        self.poller.fd()
    }

    fn wait_in_kernel(&self, timeout_ns: Option<u64>) -> usize {
        let Some(sleeper) = self.sleeper() else {
            return self.wait_in_poller(timeout_ns);
        };
        let sleeps = timeout_ns != Some(0);
        let found = sleeper.look(sleeps) || (sleeps && sleeper.sleep(timeout_ns));
        if sleeper.take_descriptors_due() {
            self.wait_in_poller(Some(0));
        }
        usize::from(found)
    }

    fn wait_in_poller(&self, timeout_ns: Option<u64>) -> usize {
        match self.poller.wait(&self.fds, timeout_ns) {
            Ok(count) => count,
            // select needs memory for many descriptors; the next pass asks again.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Interrupted | io::ErrorKind::OutOfMemory
                ) =>
            {
                0
            }
            Err(error) => crate::abort!("core", "waiting for events failed: {}", error),
        }
    }

    /// Looks at the inbox and at the descriptors until there is something. Whether there was, and when it
    /// last looked at the clock.
    fn spin_for(&self, began: u64, window_ns: u64) -> (bool, u64) {
        self.wake.begin_spin();
        let mut place = None;
        let mut found = false;
        let mut now = began;
        loop {
            if place.is_none() {
                place = self.spin.enter(now);
            }
            let limit_ns = if place.is_some() {
                window_ns
            } else {
                window_ns.min(self.spin.grace_ns(now))
            };
            if now - began >= limit_ns || self.watch_inbox(now) {
                break;
            }
            if self.try_hot_repeatedly()
                || (self.look_is_due(now) && self.wait_in_kernel(Some(0)) > 0)
            {
                self.spin.by_mail.set(false);
                found = true;
                break;
            }
            let looked = core::mem::replace(&mut now, self.clock.ticks());
            if self.spin.is_disturbed(now - looked, now) {
                break;
            }
        }
        if self.wake.end_spin() {
            self.spin.by_mail.set(true);
            self.wake_self();
            found = true;
        }
        if found {
            self.spin.paid();
        }
        (found, now)
    }

    /// Reads from the descriptor that had the last traffic without asking the kernel whether it is ready.
    /// True if there was something, which is delivered then: just as the dispatch that follows the wait
    /// would, so not while a hook stands between the two.
    fn try_hot(&self) -> bool {
        let event = self.hot.event.get();
        if event.is_null()
            || self.hot.tries_in_row.get() >= HOT_TRIES_MAX
            || self.hooks.get().post_wait.is_some()
        {
            return false;
        }
        let before = self.hot.traffic.get();
        self.hot.unasked.set(true);
        self.fds
            .dispatch_unasked(self.evpl(), event, || self.hot.event.get() == event);
        self.hot.unasked.set(false);
        let found = self.hot.traffic.get() != before;
        if found {
            self.hot.tries_in_row.set(self.hot.tries_in_row.get() + 1);
        }
        found
    }

    /// Tries the hot descriptor a few times, which is cheap beside looking at the clock each time.
    fn try_hot_repeatedly(&self) -> bool {
        (0..HOT_TRIES_PER_CLOCK).any(|_| self.try_hot() || self.wake.is_announced())
    }

    /// Whether the callback of this event runs only on the chance that there is something: what it leaves
    /// unread the kernel still reports. True once for each such call.
    pub fn take_unasked(&self, event: *mut FdEvent) -> bool {
        self.hot.event.get() == event && self.hot.unasked.replace(false)
    }

    /// Whether the other descriptors have waited long enough: a busy one must not hide them.
    fn look_is_due(&self, now: u64) -> bool {
        let hot = &self.hot;
        if hot.event.get().is_null()
            || hot.tries_in_row.get() >= HOT_TRIES_MAX
            || now.wrapping_sub(hot.looked_ns.get()) >= LOOK_INTERVAL_NS
        {
            hot.tries_in_row.set(0);
            hot.looked_ns.set(now);
            return true;
        }
        false
    }

    /// A transport read something from this event's descriptor, or learned that it is over.
    pub fn note_traffic(&self, event: *mut FdEvent) {
        self.hot.event.set(event);
        self.hot.traffic.set(self.hot.traffic.get().wrapping_add(1));
    }

    /// Watches the inbox alone for a moment, longer if that is where the traffic comes from.
    fn watch_inbox(&self, now: u64) -> bool {
        if !self.spin.by_mail.get() {
            return self.wake.is_announced();
        }
        loop {
            for _ in 0..INBOX_LOOKS {
                if self.wake.is_announced() {
                    return true;
                }
                core::hint::spin_loop();
            }
            if self.clock.ticks() - now >= INBOX_WATCH_NS {
                return false;
            }
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
            // Unless the callbacks removed them all.
            mode.on.set(self.polls.count() > 0);
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
        watch_output: WatchOutput,
        doorbell: bool,
    ) -> io::Result<()> {
        self.fds
            .add(&self.poller, event, fd, callbacks, watch_output, doorbell)
    }

    pub fn remove_internal(&self, event: *mut FdEvent) -> io::Result<()> {
        self.forget_hot(event);
        self.fds.remove(&self.poller, event)
    }

    /// See [`FdEvents::await_writable`].
    pub fn await_writable(&self, event: *mut FdEvent) {
        self.fds.await_writable(&self.poller, event);
    }

    /// For a descriptor that is closed right after: the kernel forgets it by itself.
    pub fn remove_closing(&self, event: *mut FdEvent) {
        self.forget_hot(event);
        // Not registered if the set-up failed early.
        let _ = self.fds.forget(event);
    }

    fn forget_hot(&self, event: *mut FdEvent) {
        if self.hot.event.get() == event {
            self.hot.event.set(core::ptr::null_mut());
        }
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
        if let Err(error) = self.add_internal(event.cast(), fd, callbacks, WatchOutput::Now, false)
        {
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
