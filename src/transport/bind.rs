//! The record of one bind and the lists it moves through.
//!
//! Binds live in chunks that never move, so the handle a program holds is an address. A bind is on one
//! list at a time: open, pending close, or free. Its generation tells mail for it from mail for the bind
//! that used the slot before. Rings start empty and give their memory back when idle, so a quiet
//! connection costs only its record.

use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use super::Cx;
use super::address::Address;
use super::inproc::InprocIo;
use super::io_uring;
use super::operation::Operations;
use super::registry::{self, Row};
use super::socket::listen::ListenIo;
use super::socket::stream::StreamIo;
use super::socket::udp::UdpIo;
use super::tcp_rdma::connection::RdmaIo;
use super::tls::connection::TlsIo;
use crate::abi::{
    evpl, evpl_bind, evpl_deferral, evpl_fd_event, evpl_notify_callback_t, evpl_segment_callback_t,
};
use crate::event::fd_event::FdEvent;
use crate::memory::cell::LoopCell;
use crate::memory::iovec_ring::IovecRing;
use core::ffi::c_void;

/// A close was requested, by the program or by the transport.
pub const PENDING_CLOSED: u32 = 1;
/// Destroyed and on the free list.
pub const CLOSED: u32 = 2;
/// Close when everything queued is handed over.
pub const FINISH: u32 = 4;
/// The program asked for SENT.
pub const SENT_NOTIFY: u32 = 8;
/// CONNECTED was delivered.
pub const CONNECTED: u32 = 16;
/// Waits for the deferral to flush.
pub const FLUSH_ARMED: u32 = 32;
/// Moved to the pending-close list: the transport let go.
pub const RELEASED: u32 = 64;
/// DISCONNECTED is being or was delivered: nothing sent from here on can go anywhere.
pub const FINALISING: u32 = 128;

/// Room for messages that an idle bind may keep.
const MESSAGES_KEPT_MAX: usize = 64;

/// The transport's half: a closed set, so that one match replaces an allocation.
#[derive(Default)]
pub enum Io {
    #[default]
    None,
    Stream(StreamIo),
    Udp(Box<UdpIo>),
    Inproc(InprocIo),
    Listen(Box<ListenIo>),
    Uring(Rc<io_uring::Socket>),
    Tls(Box<TlsIo>),
    TcpRdma(Box<RdmaIo>),
}

/// One message in the send queue of a bind that keeps message boundaries.
pub struct Message {
    /// Entries of the send ring that belong to it.
    pub niov: u32,
    pub length: u32,
    pub kind: MessageKind,
    pub address: Option<Arc<Address>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    Send,
    /// The next one of the bind's queued RDMA writes.
    Write,
    /// The next one of its queued RDMA reads, where a transport keeps their place among the sends.
    Read,
}

pub struct Bind {
    event: FdEvent,
    work: UnsafeCell<evpl_deferral>,
    flags: Cell<u32>,
    pub generation: Cell<u32>,
    row: Cell<&'static Row>,
    notify: Cell<evpl_notify_callback_t>,
    segment: Cell<evpl_segment_callback_t>,
    private_data: Cell<*mut c_void>,
    local: LoopCell<Option<Arc<Address>>>,
    remote: LoopCell<Option<Arc<Address>>>,
    pub send: LoopCell<IovecRing>,
    pub messages: LoopCell<VecDeque<Message>>,
    pub recv: LoopCell<IovecRing>,
    /// RDMA operations, while there are any.
    pub operations: LoopCell<Option<Box<Operations>>>,
    io: UnsafeCell<Io>,
    previous: Cell<*const Bind>,
    next: Cell<*const Bind>,
}

/// A million in-process connections must fit in a gibibyte: two of these and a channel each.
const _: () = assert!(size_of::<Bind>() <= 384);

impl Bind {
    fn vacant() -> Bind {
        Bind {
            event: FdEvent::unregistered(),
            work: UnsafeCell::new(evpl_deferral {
                callback: None,
                private_data: core::ptr::null_mut(),
                armed: 0,
            }),
            flags: Cell::new(CLOSED),
            generation: Cell::new(0),
            row: Cell::new(registry::first_row()),
            notify: Cell::new(None),
            segment: Cell::new(None),
            private_data: Cell::new(core::ptr::null_mut()),
            local: LoopCell::new(None),
            remote: LoopCell::new(None),
            send: LoopCell::new(IovecRing::new()),
            messages: LoopCell::new(VecDeque::new()),
            recv: LoopCell::new(IovecRing::new()),
            operations: LoopCell::new(None),
            io: UnsafeCell::new(Io::None),
            previous: Cell::new(core::ptr::null()),
            next: Cell::new(core::ptr::null()),
        }
    }

    pub fn handle(&self) -> *mut evpl_bind {
        core::ptr::from_ref(self).cast_mut().cast()
    }

    /// # Safety
    /// `handle` came from this library and its bind's chunk is alive (its loop is not destroyed).
    pub unsafe fn from_handle<'a>(handle: *mut evpl_bind) -> &'a Bind {
        // SAFETY: as promised; binds never move.
        unsafe { &*handle.cast::<Bind>() }
    }

    /// The bind whose descriptor event this is.
    ///
    /// # Safety
    /// `event` was registered by `event_pointer` of a live bind.
    pub unsafe fn from_event<'a>(event: *mut evpl_fd_event) -> &'a Bind {
        // SAFETY: `event` is the field at this offset inside a bind.
        unsafe {
            &*event
                .cast::<u8>()
                .sub(core::mem::offset_of!(Bind, event))
                .cast::<Bind>()
        }
    }

    pub fn event_pointer(&self) -> *mut FdEvent {
        let base = core::ptr::from_ref(self).cast_mut().cast::<u8>();
        base.wrapping_add(core::mem::offset_of!(Bind, event)).cast()
    }

    pub fn event(&self) -> &FdEvent {
        &self.event
    }

    pub fn has(&self, flags: u32) -> bool {
        self.flags.get() & flags != 0
    }

    pub fn set(&self, flags: u32) {
        self.flags.set(self.flags.get() | flags);
    }

    pub fn clear(&self, flags: u32) {
        self.flags.set(self.flags.get() & !flags);
    }

    pub fn row(&self) -> &'static Row {
        self.row.get()
    }

    pub fn io(&self) -> &Io {
        // SAFETY: replaced only by `set_io`, which runs while no transport call is on the stack.
        unsafe { &*self.io.get() }
    }

    /// Installs the transport's half. Only at set-up and when a bind is recycled.
    pub fn set_io(&self, io: Io) {
        // SAFETY: single thread; callers hold no reference from `io()` (set-up and recycling only).
        let old = unsafe { core::mem::replace(&mut *self.io.get(), io) };
        drop(old);
    }

    pub fn notify_callback(&self) -> (evpl_notify_callback_t, *mut c_void) {
        (self.notify.get(), self.private_data.get())
    }

    pub fn segment_callback(&self) -> (evpl_segment_callback_t, *mut c_void) {
        (self.segment.get(), self.private_data.get())
    }

    pub fn set_callbacks(
        &self,
        notify: evpl_notify_callback_t,
        segment: evpl_segment_callback_t,
        private_data: *mut c_void,
    ) {
        self.notify.set(notify);
        self.segment.set(if self.row().caps.stream {
            segment
        } else {
            None
        });
        self.private_data.set(private_data);
    }

    pub fn local(&self) -> Option<Arc<Address>> {
        self.local.with(|address| address.clone())
    }

    pub fn remote(&self) -> Option<Arc<Address>> {
        self.remote.with(|address| address.clone())
    }

    pub fn set_local(&self, address: Option<Arc<Address>>) {
        self.local.replace(address);
    }

    pub fn set_remote(&self, address: Option<Arc<Address>>) {
        self.remote.replace(address);
    }

    pub fn local_address_text(&self) -> String {
        address_text(self.local())
    }

    pub fn remote_address_text(&self) -> String {
        address_text(self.remote())
    }

    pub fn protocol_id(&self) -> i32 {
        self.row().id
    }

    pub fn is_rdma(&self) -> bool {
        self.row().caps.rdma
    }

    pub fn is_stream(&self) -> bool {
        self.row().caps.stream
    }

    pub fn is_closing(&self) -> bool {
        self.has(PENDING_CLOSED | FINISH | CLOSED)
    }

    /// Nothing is left to hand over or to wait for, zero-length messages and operations included.
    pub fn is_drained(&self) -> bool {
        self.send.with(|ring| ring.is_empty())
            && self.messages.with(|messages| messages.is_empty())
            && !self.has_operations()
            && !matches!(self.io(), Io::TcpRdma(io) if io.has_output())
    }

    /// Gives back what a burst of sends needed, once nothing is left to hand over.
    pub fn trim_send(&self) {
        self.send.with(|ring| ring.trim());
        self.messages.with(|messages| {
            if messages.is_empty() && messages.capacity() > MESSAGES_KEPT_MAX {
                *messages = VecDeque::new();
            }
        });
    }

    fn work_pointer(&self) -> *mut evpl_deferral {
        self.work.get()
    }
}

fn address_text(address: Option<Arc<Address>>) -> String {
    address.map_or_else(|| "(NULL)".to_owned(), |address| address.to_string())
}

const CHUNK_LEN: usize = 32;

/// An intrusive list, newest first.
#[derive(Default)]
struct List {
    head: Cell<Link>,
    len: Cell<usize>,
}

#[derive(Clone, Copy)]
struct Link(*const Bind);

impl Default for Link {
    fn default() -> Link {
        Link(core::ptr::null())
    }
}

impl Link {
    fn bind<'a>(self) -> Option<&'a Bind> {
        // SAFETY: lists hold only binds of live chunks, which outlive every use on this thread.
        unsafe { self.0.as_ref() }
    }
}

impl List {
    fn push(&self, bind: &Bind) {
        let head = self.head.get();
        bind.previous.set(core::ptr::null());
        bind.next.set(head.0);
        if let Some(head) = head.bind() {
            head.previous.set(bind);
        }
        self.head.set(Link(bind));
        self.len.set(self.len.get() + 1);
    }

    fn unlink(&self, bind: &Bind) {
        let next = Link(bind.next.get());
        match Link(bind.previous.get()).bind() {
            Some(previous) => previous.next.set(next.0),
            None => self.head.set(next),
        }
        if let Some(next) = next.bind() {
            next.previous.set(bind.previous.get());
        }
        self.len.set(self.len.get() - 1);
    }

    fn first<'a>(&self) -> Option<&'a Bind> {
        self.head.get().bind()
    }
}

/// All binds of one loop.
#[derive(Default)]
pub struct Binds {
    chunks: LoopCell<Vec<Box<[Bind; CHUNK_LEN]>>>,
    free: List,
    open: List,
    /// In the order in which they were closed.
    pending: LoopCell<VecDeque<*const Bind>>,
}

impl Binds {
    pub fn open_count(&self) -> usize {
        self.open.len.get()
    }

    pub fn pending_count(&self) -> usize {
        self.pending.with(|pending| pending.len())
    }

    pub fn for_each_open(&self, mut visit: impl FnMut(&Bind)) {
        let mut link = self.open.head.get();
        while let Some(bind) = link.bind() {
            link = Link(bind.next.get());
            visit(bind);
        }
    }

    fn grow(&self) {
        let chunk: Box<[Bind; CHUNK_LEN]> = Box::new(core::array::from_fn(|_| Bind::vacant()));
        self.chunks.with(|chunks| chunks.push(chunk));
        self.chunks.with(|chunks| {
            let chunk = chunks.last().expect("pushed above");
            for bind in chunk.iter().rev() {
                self.free.push(bind);
            }
        });
    }

    fn prepare<'a>(&self, evpl: *mut evpl, row: &'static Row) -> &'a Bind {
        if self.free.first().is_none() {
            self.grow();
        }
        let bind = self.free.first().expect("the list was filled above");
        self.free.unlink(bind);
        bind.flags.set(0);
        bind.generation.set(bind.generation.get().wrapping_add(1));
        bind.row.set(row);
        // SAFETY: the slot was free, so its deferral is not queued.
        unsafe {
            bind.work.get().write(evpl_deferral {
                callback: Some(work),
                private_data: bind.handle().cast(),
                armed: 0,
            });
        }
        debug_assert!(!evpl.is_null());
        self.open.push(bind);
        bind
    }
}

impl Cx {
    /// A fresh bind on the open list.
    pub fn prepare_bind<'a>(&self, row: &'static Row) -> &'a Bind {
        self.binds.prepare(self.evpl(), row)
    }

    /// Finds the bind that mail was addressed to, unless it is gone.
    pub fn live_bind<'a>(&self, handle: *mut evpl_bind, generation: u32) -> Option<&'a Bind> {
        // SAFETY: mail names binds of this loop, whose chunks live as long as the loop.
        let bind = unsafe { Bind::from_handle(handle) };
        (bind.generation.get() == generation && !bind.has(CLOSED)).then_some(bind)
    }

    /// Has the flush run at the end of this pass.
    pub fn arm_flush(&self, bind: &Bind) {
        bind.set(FLUSH_ARMED);
        self.events.defer(bind.work_pointer());
    }

    /// Asks for the close: the transport lets go at the end of this pass, DISCONNECTED comes in a later
    /// full one. Asking again changes nothing.
    pub fn request_close(&self, bind: &Bind) {
        if bind.has(PENDING_CLOSED) {
            return;
        }
        bind.set(PENDING_CLOSED);
        self.events.defer_again(bind.work_pointer());
    }

    /// Closes a bind that is to finish, once nothing is left to hand over.
    pub fn close_if_finished(&self, bind: &Bind) {
        if bind.has(FINISH) && bind.is_drained() {
            self.request_close(bind);
        }
    }

    /// First step of a close.
    fn release(&self, bind: &Bind) {
        bind.set(RELEASED);
        self.binds.open.unlink(bind);
        bind.row().protocol().begin_close(self, bind);
        self.binds.pending.with(|pending| pending.push_back(bind));
    }

    /// Second step: everything that was released before this pass's wait.
    pub fn finalise_closed(&self) {
        let mut due = self.binds.pending_count();
        while due > 0 {
            due -= 1;
            let Some(bind) = self.binds.pending.with(|pending| pending.pop_front()) else {
                return;
            };
            // SAFETY: the list holds binds of live chunks.
            self.finalise(unsafe { &*bind });
        }
    }

    fn finalise(&self, bind: &Bind) {
        bind.set(FINALISING);
        self.fail_operations(bind);
        self.notify_disconnected(bind);
        // The callback may have queued operations that owe an answer too.
        self.fail_operations(bind);
        self.recycle(bind);
    }

    /// Gives the slot back. Also for a bind whose set-up failed before anyone saw it.
    pub fn recycle(&self, bind: &Bind) {
        let evpl = self.evpl();
        if !bind.has(RELEASED) {
            self.binds.open.unlink(bind);
        }
        self.events.remove_deferral(bind.work_pointer());
        bind.send.clear(evpl);
        bind.recv.clear(evpl);
        bind.send.with(|ring| ring.shrink());
        bind.recv.with(|ring| ring.shrink());
        bind.messages.take();
        self.drop_operations(bind);
        bind.set_local(None);
        bind.set_remote(None);
        bind.set_io(Io::None);
        bind.set_callbacks(None, None, core::ptr::null_mut());
        bind.flags.set(CLOSED);
        self.binds.free.push(bind);
    }
}

/// The bind's deferral: first what is to be flushed, then what is to be closed.
unsafe extern "C" fn work(evpl: *mut evpl, private_data: *mut c_void) {
    // SAFETY: the loop runs a bind's deferral with its own handle, and `prepare` stored the bind.
    let (cx, bind) = unsafe {
        (
            Cx::from_handle(evpl),
            Bind::from_handle(private_data.cast()),
        )
    };
    if bind.has(FLUSH_ARMED) {
        bind.clear(FLUSH_ARMED);
        if !bind.has(PENDING_CLOSED) {
            bind.row().protocol().flush(cx, bind);
        }
    }
    if bind.has(PENDING_CLOSED) && !bind.has(RELEASED) {
        cx.events.remove_deferral(bind.work_pointer());
        cx.release(bind);
    }
}
