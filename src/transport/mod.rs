//! What a transport promises, and all that it may do to the world above it.
//!
//! A transport is a [`Protocol`]: one static table entry without state. The state of a flow is in its
//! [`bind::Bind`], the state of a thread in [`Cx`], the state of the process in [`Process`]. Adding a
//! transport touches its own folder, one variant of [`bind::Io`] and one row of [`registry`].
//!
//! Promises every protocol keeps:
//! - nothing calls back inside `connect`, `bind`, `listen`, `flush` before the loop runs, except SENT
//!   from a flush, which itself runs from the loop;
//! - a connect that fails is a later DISCONNECTED, never an error at the call;
//! - after a close was requested nothing is delivered but DISCONNECTED, exactly once;
//! - references of queued bytes are released when the transport is done with them, or at the end.

pub mod address;
pub mod bind;
pub mod deliver;
pub mod drain;
pub mod inbox;
pub mod inproc;
pub mod io_uring;
pub mod operation;
pub mod publication;
pub mod registry;
pub mod shortage;
pub mod socket;
pub mod tcp_rdma;
pub mod tls;

use std::io;
use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::abi::evpl;
use crate::config::GlobalConfig;
use crate::event::{self, EventLoop};
use crate::memory::LoopMemory;
use crate::memory::cell::LoopCell;
use crate::memory::iovec::Iovec;
use crate::memory::slab::Pool;
use crate::time::Clock;
use address::{Address, AddressKind};
use bind::{Bind, Binds};
use inbox::{AcceptSink, Accepted, Inbox};

/// Fixed facts of a protocol, as in the public table.
#[derive(Clone, Copy)]
pub struct Caps {
    pub stream: bool,
    pub connected: bool,
    pub rdma: bool,
    pub kind: AddressKind,
}

/// By what name a program knows its peer.
#[derive(Clone, Debug)]
pub enum PeerName {
    /// By its address alone.
    None,
    /// A host name that was resolved.
    Host(Arc<str>),
    /// One that was given beside the address.
    Chosen(Arc<str>),
}

impl PeerName {
    pub fn is_host_name(name: &str) -> bool {
        tls::is_host_name(name)
    }
}

/// One way to move bytes or messages.
pub trait Protocol: Sync {
    /// Whether this process can use it, or why not.
    fn available(&self) -> Result<(), registry::Missing> {
        Ok(())
    }

    /// Starts a connection. An error becomes DISCONNECTED in a later pass.
    fn connect(&self, _cx: &Cx, _bind: &Bind, _local: Option<Arc<Address>>) -> io::Result<()> {
        Err(unsupported())
    }

    /// As `connect`, for a protocol that cares by what name the peer was found.
    fn connect_by_name(
        &self,
        cx: &Cx,
        bind: &Bind,
        local: Option<Arc<Address>>,
        _name: &PeerName,
    ) -> io::Result<()> {
        self.connect(cx, bind, local)
    }

    /// Opens an unconnected bind at its local address.
    fn bind(&self, _cx: &Cx, _bind: &Bind) -> io::Result<()> {
        Err(unsupported())
    }

    /// Starts accepting at the bind's local address; runs on the listener's thread. On failure nothing
    /// remains.
    fn listen(&self, _cx: &Cx, _bind: &Bind, _sink: Arc<dyn AcceptSink>) -> io::Result<()> {
        Err(unsupported())
    }

    /// Makes an accepted connection live on its own thread, CONNECTED included.
    fn attach(&self, _cx: &Cx, _bind: &Bind, _accepted: Accepted) -> io::Result<()> {
        Err(unsupported())
    }

    /// Hands over what is queued as far as it goes without blocking; the rest waits for the transport.
    fn flush(&self, cx: &Cx, bind: &Bind);

    /// The close was requested: give back descriptor or channel. Queued output is not sent any more.
    fn begin_close(&self, cx: &Cx, bind: &Bind);

    /// Whether messages keep their own record in the send queue.
    fn records_messages(&self, bind: &Bind) -> bool;

    /// Whether bytes that follow each other in memory may become one entry of the send queue.
    fn merges_sends(&self) -> bool {
        false
    }

    /// A message of more pieces is joined before it is queued.
    fn message_pieces_max(&self) -> usize {
        usize::MAX
    }

    /// Key and address under which the peer can reach this memory; zeros without such a thing.
    fn publish(&self, _cx: &Cx, _bind: &Bind, _iovec: &Iovec) -> (u32, u64) {
        (0, 0)
    }
}

fn unsupported() -> io::Error {
    io::Error::from_raw_os_error(libc::EOPNOTSUPP)
}

/// What the whole process shares; made by init, gone after the exit cleanup.
pub struct Process {
    pub config: GlobalConfig,
    pub clock: &'static Clock,
    pub pool: &'static Pool,
    pub names: inproc::names::Names,
    pub publications: publication::Publications,
    pub drops: DropCounters,
    pub tls: tls::context::Contexts,
}

/// Datagrams given up, by reason; for logs and tools.
#[derive(Default)]
pub struct DropCounters {
    pub send_errors: AtomicU64,
    pub too_long_received: AtomicU64,
}

impl DropCounters {
    /// Counts one and says whether it is worth a log line: the first, then every power of two.
    pub fn count(counter: &AtomicU64) -> Option<u64> {
        let count = counter.fetch_add(1, Ordering::Relaxed) + 1;
        count.is_power_of_two().then_some(count)
    }
}

/// One thread's transports: what a [`Protocol`] is handed with each call. First in every `Evpl`.
#[repr(C)]
pub struct Cx {
    pub memory: LoopMemory,
    pub events: EventLoop,
    pub binds: Binds,
    pub process: &'static Process,
    pub inbox: Arc<Inbox>,
    pub datagrams: socket::udp::Receiver,
    pub uring: io_uring::PerLoop,
    pub tls: tls::connection::Scratch,
    draining: drain::Draining,
    waiting: shortage::Waiting,
    /// Arrays of delivered messages, kept for their capacity.
    message_arrays: LoopCell<Vec<Vec<Iovec>>>,
    /// The array mail is read from, kept for its capacity.
    mails: LoopCell<Vec<inbox::Mail>>,
    /// The same for in-process traffic.
    batches: LoopCell<inproc::channel::Batch>,
}

// Where memory and loop look for themselves behind an `evpl` handle.
const _: () = assert!(offset_of!(Cx, memory) == 0);
const _: () = assert!(offset_of!(Cx, events) == event::OFFSET_IN_HANDLE);

impl Cx {
    pub fn new(process: &'static Process, memory: LoopMemory, events: EventLoop) -> Cx {
        let inbox = Inbox::new(events.wake());
        Cx {
            memory,
            events,
            binds: Binds::default(),
            process,
            inbox,
            datagrams: socket::udp::Receiver::default(),
            uring: io_uring::PerLoop::default(),
            tls: tls::connection::Scratch::default(),
            draining: drain::Draining::default(),
            waiting: shortage::Waiting::default(),
            message_arrays: LoopCell::default(),
            mails: LoopCell::default(),
            batches: LoopCell::default(),
        }
    }

    /// # Safety
    /// `evpl` is a live handle, used on its own thread.
    pub unsafe fn from_handle<'a>(evpl: *mut evpl) -> &'a Cx {
        // SAFETY: `Evpl` is `repr(C)` and starts with its `Cx`.
        unsafe { &*evpl.cast::<Cx>() }
    }

    pub fn evpl(&self) -> *mut evpl {
        self.events.evpl()
    }

    pub fn config(&self) -> &'static GlobalConfig {
        &self.process.config
    }
}
