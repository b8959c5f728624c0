//! One thread's context: its transports ([`Cx`]) and its memberships in listeners.

use core::ffi::{c_int, c_void};
use std::cell::Cell;

use super::global;
use super::listener::ListenerBinding;
use crate::abi::{
    evpl, evpl_deferral, evpl_doorbell, evpl_doorbell_callback_t, evpl_fd_event,
    evpl_fd_event_callback_t, evpl_loop_hooks, evpl_poll, evpl_poll_callback_t,
    evpl_poll_enter_callback_t, evpl_poll_exit_callback_t, evpl_timer, evpl_timer_callback_t,
};
use crate::config::ThreadConfig;
use crate::event::{ClosedBinds, EventLoop, LoopUse, doorbell, fd_event};
use crate::memory::LoopMemory;
use crate::memory::cell::LoopCell;
use crate::transport::Cx;
use crate::transport::bind::FLUSH_ARMED;
use crate::transport::inbox;

/// Passes in which a destroyed loop still lets its callbacks open new binds.
const REOPENING_PASSES_MAX: u32 = 64;

#[repr(C)]
pub struct Evpl {
    pub cx: Cx,
    attachments: LoopCell<Vec<*mut ListenerBinding>>,
    /// Passes run since the loop began to close for good.
    closing_passes: Cell<u32>,
}

impl ClosedBinds for Cx {
    fn any(&self) -> bool {
        self.binds.pending_count() > 0
    }

    fn finalise(&self) {
        self.finalise_closed();
    }
}

impl Evpl {
    /// Never NULL: without descriptors or memory for a loop the process ends.
    pub fn create(config: *mut ThreadConfig) -> *mut evpl {
        global::ensure_init();
        Evpl::create_with(global::consume_thread_config(config), LoopUse::Program)
    }

    pub(super) fn create_with(config: ThreadConfig, use_of_loop: LoopUse) -> *mut evpl {
        let process = global::ensure_init();
        let events = match EventLoop::new(process.clock, config, process.config.mech(), use_of_loop)
        {
            Ok(events) => events,
            Err(error) => crate::abort!("core", "evpl_create: {}", error),
        };
        let this = Box::into_raw(Box::new(Evpl {
            cx: Cx::new(process, LoopMemory::new(process.pool), events),
            attachments: LoopCell::default(),
            closing_passes: Cell::new(0),
        }));
        // SAFETY: just made, and it stays until `destroy`.
        let started = unsafe { (*this).cx.events.start(this.cast(), Some(inbox::woken)) };
        if let Err(error) = started {
            crate::abort!("core", "evpl_create: {}", error);
        }
        global::register_loop(this);
        this.cast()
    }

    /// # Safety
    /// `evpl` is live.
    pub(super) unsafe fn from_handle<'a>(evpl: *mut evpl) -> &'a Evpl {
        // SAFETY: a handle is the address of an `Evpl`.
        unsafe { &*evpl.cast::<Evpl>() }
    }

    pub fn destroy(evpl: *mut evpl) {
        // SAFETY: the caller gives up a live loop.
        let this = unsafe { Evpl::from_handle(evpl) };
        if this.cx.events.is_in_pass() {
            crate::abort!("core", "evpl_destroy: called from inside the loop");
        }
        // No more connections; those that waited are closed. The memberships themselves stay for
        // callbacks that detach while the binds are closed.
        this.attachments.with(|attachments| {
            for &binding in attachments.iter() {
                // SAFETY: a listed binding is alive.
                unsafe { (*binding).leave() };
            }
        });
        drop(this.cx.inbox.close());
        this.close_all_binds();
        for binding in this.attachments.take() {
            // SAFETY: a listed binding is alive; detaching frees it.
            unsafe { ListenerBinding::detach(binding) };
        }
        this.cx.datagrams.release(evpl);
        this.cx.uring.release(&this.cx);
        this.cx.events.close_leftovers();
        global::unregister_loop(evpl.cast());
        this.cx.memory.destroy();
        // SAFETY: made by `create` as a box; nothing refers to it any more.
        drop(unsafe { Box::from_raw(evpl.cast::<Evpl>()) });
    }

    /// Closes every bind and runs passes until each has had its DISCONNECTED.
    pub(super) fn close_all_binds(&self) {
        let cx = &self.cx;
        // What was sent and not flushed yet gets its one chance.
        cx.binds.for_each_open(|bind| {
            if bind.has(FLUSH_ARMED) && !bind.is_closing() {
                bind.row().protocol().flush(cx, bind);
            }
        });
        while cx.binds.open_count() + cx.binds.pending_count() > 0 {
            cx.binds.for_each_open(|bind| cx.request_close(bind));
            self.closing_passes.set(self.closing_passes.get() + 1);
            self.continue_();
        }
        self.closing_passes.set(0);
    }

    /// Whether callbacks of a closing loop kept opening binds for longer than it is patient.
    pub(super) fn refuses_binds(&self) -> bool {
        self.closing_passes.get() > REOPENING_PASSES_MAX
    }

    /// At process exit: what binds of a loop that nobody destroyed still hold is not a leak.
    /// Another thread's loop may be running: it is left alone, and so are its buffers.
    pub(super) fn give_up_queues(&self) {
        if self.cx.events.is_in_pass_elsewhere() || !self.cx.memory.is_used_here() {
            return;
        }
        self.cx.binds.for_each_open(|bind| {
            bind.send.clear(core::ptr::null_mut());
            bind.recv.clear(core::ptr::null_mut());
        });
        self.cx.datagrams.release(core::ptr::null_mut());
        self.cx.uring.give_up();
    }

    pub fn check_thread(&self, function: &'static str) {
        if self.cx.events.is_in_pass_elsewhere() {
            crate::abort!(
                "core",
                "{}: another thread is inside a pass of this loop",
                function
            );
        }
    }

    pub fn continue_(&self) {
        self.cx.events.pass(&self.cx);
    }

    pub fn run(&self) {
        self.cx.events.run(&self.cx);
    }

    pub fn stop(&self) {
        self.cx.events.stop();
    }

    pub fn set_loop_hooks(&self, hooks: *const evpl_loop_hooks) {
        // SAFETY: NULL or readable hooks, as the header asks.
        self.cx.events.set_hooks(unsafe { hooks.as_ref() }.copied());
    }

    pub(super) fn remember_attachment(&self, binding: *mut ListenerBinding) {
        self.attachments
            .with(|attachments| attachments.push(binding));
    }

    pub(super) fn forget_attachment(&self, binding: *mut ListenerBinding) {
        self.attachments
            .with(|attachments| attachments.retain(|known| *known != binding));
    }

    // ---- sources: straight to the loop ------------------------------------------------------------

    pub fn add_timer(
        &self,
        timer: *mut evpl_timer,
        callback: evpl_timer_callback_t,
        interval_us: u64,
    ) {
        self.cx
            .events
            .add_timer(timer, callback, interval_us, false);
    }

    pub fn add_oneshot_timer(
        &self,
        timer: *mut evpl_timer,
        callback: evpl_timer_callback_t,
        delay_us: u64,
    ) {
        self.cx.events.add_timer(timer, callback, delay_us, true);
    }

    pub fn remove_timer(&self, timer: *mut evpl_timer) {
        self.cx.events.remove_timer(timer);
    }

    pub fn defer(&self, deferral: *mut evpl_deferral) {
        self.cx.events.defer(deferral);
    }

    pub fn remove_deferral(&self, deferral: *mut evpl_deferral) {
        self.cx.events.remove_deferral(deferral);
    }

    pub fn add_doorbell(&self, doorbell: *mut evpl_doorbell, callback: evpl_doorbell_callback_t) {
        self.cx.events.add_doorbell(doorbell, callback);
    }

    pub fn remove_doorbell(&self, doorbell: *mut evpl_doorbell) {
        self.cx.events.remove_doorbell(doorbell);
    }

    pub fn add_fd_event(
        &self,
        event: *mut evpl_fd_event,
        fd: c_int,
        read: evpl_fd_event_callback_t,
        write: evpl_fd_event_callback_t,
        error: evpl_fd_event_callback_t,
    ) {
        self.cx.events.add_fd_event(event, fd, [read, write, error]);
    }

    pub fn remove_fd_event(&self, event: *mut evpl_fd_event) {
        self.cx.events.remove_fd_event(event);
    }

    pub fn fd_read_interest(&self, event: *mut evpl_fd_event) {
        self.cx.events.fd_read_interest(event);
    }

    pub fn fd_read_disinterest(&self, event: *mut evpl_fd_event) {
        self.cx.events.fds().read_disinterest(event.cast());
    }

    pub fn fd_write_interest(&self, event: *mut evpl_fd_event) {
        self.cx.events.fd_write_interest(event);
    }

    pub fn fd_write_disinterest(&self, event: *mut evpl_fd_event) {
        self.cx.events.fds().write_disinterest(event.cast());
    }

    pub fn fd_mark_readable(&self, event: *mut evpl_fd_event) {
        self.cx.events.fds().mark_readable(event.cast());
    }

    pub fn fd_mark_unreadable(&self, event: *mut evpl_fd_event) {
        self.cx.events.fds().mark_unreadable(event.cast());
    }

    pub fn fd_mark_unwritable(&self, event: *mut evpl_fd_event) {
        self.cx.events.fds().mark_unwritable(event.cast());
    }

    pub fn add_poll(
        &self,
        enter: evpl_poll_enter_callback_t,
        exit: evpl_poll_exit_callback_t,
        poll: evpl_poll_callback_t,
        private_data: *mut c_void,
    ) -> *mut evpl_poll {
        self.cx.events.add_poll(enter, exit, poll, private_data)
    }

    pub fn remove_poll(&self, poll: *mut evpl_poll) {
        self.cx.events.remove_poll(poll);
    }

    pub fn activity(&self) {
        self.cx.events.activity();
    }

    pub fn poll_pin(&self) {
        self.cx.events.poll_pin();
    }

    pub fn poll_unpin(&self) {
        self.cx.events.poll_unpin();
    }
}

pub fn doorbell_fd(doorbell: *mut evpl_doorbell) -> c_int {
    doorbell::fd(doorbell)
}

/// From any thread.
pub fn ring_doorbell(doorbell: *mut evpl_doorbell) {
    doorbell::ring(doorbell);
}

pub fn fd_event_fd(event: *mut evpl_fd_event) -> c_int {
    fd_event::fd_of(event.cast())
}
