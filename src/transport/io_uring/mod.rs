//! io_uring: one ring per loop, shared by all its sockets.
//!
//! The loop's half of the ring is in [`Uring`], made with the first socket. A socket is known to the
//! kernel by kind, slot and generation, never by address; it stays in its slot until the last completion
//! it is owed, with the descriptor and whatever memory its requests name, however soon the bind goes.
//!
//! Requests are queued while a pass runs and handed over together at its end. What was completed by then
//! is dealt with at once. With epoll the loop sleeps on the ring, which also watches epoll's descriptor;
//! with select an eventfd rings for it. While it spins, a look at shared memory is enough. Everything that enters the ring happens
//! inside a pass, so the ring is made by the thread that runs the loop; when another thread takes the loop
//! over, the ring is made anew there and every request is made again.

pub mod ring;
pub mod tcp;

use std::cell::{Cell, OnceCell, UnsafeCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use io_uring::{cqueue, opcode, squeue, types};

use super::Cx;
use super::bind::Bind;
use super::registry::Missing;
use crate::abi::{evpl, evpl_deferral, evpl_fd_event, evpl_timer};
use crate::config::GlobalConfig;
use crate::event::Sleeper;
use crate::event::fd_event::{FdEvent, WatchOutput};
use crate::memory::cell::LoopCell;
use crate::memory::iovec::Iovec;
use crate::memory::iovec_ring::IovecRing;
use crate::sys::socket::NO_BYTES;
use core::ffi::c_void;
use ring::{Completion, Ring};
use tcp::Listening;

/// Completions dealt with before the rest of the loop gets its turn.
const COMPLETIONS_PER_TURN_MAX: usize = 256;
/// Provided buffers of one loop, together at most twice the configured buffer size.
const PIECES_MAX: usize = 64;
const PIECES_MIN: usize = 8;
const PIECE_LEN_MAX: u64 = 64 << 10;
/// The same where the kernel fills them little by little.
const PIECE_LEN_INCREMENTAL_MAX: u64 = 256 << 10;
/// The rest of a provided buffer that is still worth offering.
const PIECE_REST_MIN: u32 = 8 << 10;
/// What a destroyed loop waits for the kernel to let go, in steps.
const RELEASE_STEPS_MAX: usize = 200;
const RELEASE_STEP_NS: u64 = 5_000_000;

/// Until a shortage of descriptors or memory may be over.
const RETRY_US: u64 = 20_000;

static ENABLED: AtomicBool = AtomicBool::new(true);
static ENTRIES: AtomicU32 = AtomicU32::new(0);

/// Takes over what the process's configuration says.
pub fn configure(config: &GlobalConfig) {
    ENABLED.store(config.io_uring_enabled, Ordering::Relaxed);
    ENTRIES.store(config.io_uring_entries, Ordering::Relaxed);
}

/// Whether io_uring can be used, or why not.
pub fn available() -> Result<(), Missing> {
    if ENABLED.load(Ordering::Relaxed) {
        ring::probe()
    } else {
        Err(Missing("switched off by the configuration"))
    }
}

/// What a completion is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Receive = 1,
    Send = 2,
    /// The outcome of a connect.
    Writable = 3,
    Accept = 4,
    Cancel = 5,
    /// Some descriptor of the loop is ready; belongs to no socket.
    Descriptors = 6,
}

/// Kind, generation and slot, in the 64 bits that the kernel hands back.
#[derive(Clone, Copy)]
struct Token {
    kind: u8,
    generation: u32,
    slot: u32,
}

/// Stands for the loop's descriptors; belongs to no socket.
const DESCRIPTORS: Token = Token {
    kind: Kind::Descriptors as u8,
    generation: 0,
    slot: 0,
};

const GENERATION_MASK: u32 = 0x00ff_ffff;

impl Token {
    fn pack(self) -> u64 {
        u64::from(self.kind) << 56
            | u64::from(self.generation & GENERATION_MASK) << 32
            | u64::from(self.slot)
    }

    fn unpack(bits: u64) -> Token {
        Token {
            kind: (bits >> 56) as u8,
            generation: (bits >> 32) as u32 & GENERATION_MASK,
            slot: bits as u32,
        }
    }
}

/// A send that completes without a completion unless something went wrong.
#[derive(Clone, Copy)]
struct QuietSend {
    /// Of the request; the kernel has taken those below [`Ring::taken`].
    number: u64,
    /// Whether the bytes are anybody's but the loop's own.
    shared: bool,
}

/// Where the bytes of a completed receive are: at the front of provided buffer `id`.
#[derive(Clone, Copy)]
struct Part {
    id: u16,
    len: u32,
    /// The kernel goes on behind them.
    kept: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Connected,
    Listening,
}

/// A socket as the ring knows it. The bind's transport half, and longer lived than the bind.
pub struct Socket {
    fd: LoopCell<Option<OwnedFd>>,
    slot: u32,
    generation: u32,
    /// NULL once the bind let go.
    bind: Cell<*const Bind>,
    state: Cell<State>,
    /// Requests with a completion still to come.
    requests: Cell<u32>,
    receiving: Cell<bool>,
    sending: Cell<bool>,
    /// Bytes in the last send.
    offered: Cell<u64>,
    /// What there is to know of the send that is under way, if it does not tell of its success.
    quiet: Cell<Option<QuietSend>>,
    /// The last send found no room: the next one waits for it first.
    full: Cell<bool>,
    /// The peer takes no more: what it sent before is still read.
    broken: Cell<bool>,
    /// Bytes reserved for this bind behind the last received ones.
    tail_room: Cell<u32>,
    /// What a send that is under way reads from, after the bind let go.
    orphans: LoopCell<IovecRing>,
    listening: Option<Box<Listening>>,
}

impl Socket {
    fn raw_fd(&self) -> RawFd {
        self.fd
            .with(|fd| fd.as_ref().map_or(-1, AsRawFd::as_raw_fd))
    }

    /// The bind, unless it let go. It is alive: recycling a bind releases its socket first.
    fn bind(&self) -> Option<&Bind> {
        // SAFETY: binds never move, and `release` clears this before the bind is recycled.
        unsafe { self.bind.get().as_ref() }
    }

    fn token(&self, kind: Kind) -> u64 {
        Token {
            kind: kind as u8,
            generation: self.generation,
            slot: self.slot,
        }
        .pack()
    }
}

#[derive(Default)]
struct Slot {
    generation: u32,
    socket: Option<Rc<Socket>>,
}

#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

/// The loop's ring, once a socket asked for it.
#[derive(Default)]
pub struct PerLoop(OnceCell<Box<Uring>>);

impl PerLoop {
    /// Waits until the kernel touches no memory of this loop any more, then gives everything back.
    pub fn release(&self, cx: &Cx) {
        if let Some(uring) = self.0.get() {
            uring.close(cx);
        }
    }

    /// At process exit: buffers that only the ring holds are no leak.
    pub fn give_up(&self) {
        if let Some(uring) = self.0.get() {
            uring.ring.take();
            uring.give_back(core::ptr::null_mut());
        }
    }
}

pub struct Uring {
    ring: LoopCell<Option<Ring>>,
    slots: LoopCell<Slots>,
    /// Sockets whose first request waits for a pass.
    starting: LoopCell<Vec<Rc<Socket>>>,
    /// Provided buffers by their id: the kernel's, until a completion names one.
    pieces: LoopCell<Vec<Iovec>>,
    piece_len: u32,
    /// Receives take no more of a piece than they fill.
    incremental: bool,
    /// Headers of gather sends that were not handed over yet; the kernel copies them when it takes them.
    #[allow(clippy::vec_box)] // The kernel reads them where they are.
    gathers: LoopCell<Vec<Box<tcp::Gather>>>,
    gathers_used: Cell<usize>,
    /// The one socket that the last completions were for: where the next bytes are expected.
    hot: Cell<Option<u64>>,
    /// Number and token of sends whose success is not told, in the order of their numbers.
    quiet: LoopCell<VecDeque<(u64, u64)>>,
    work: UnsafeCell<evpl_deferral>,
    /// Its callback deals with completions; the descriptor rings only where the loop cannot sleep on the
    /// ring.
    bell: FdEvent,
    /// Descriptors of the loop are ready: the next wait looks at them, because what becomes ready after
    /// the wait of a pass is for the next pass.
    descriptors_due: Cell<bool>,
    /// They were looked at before the completion that tells of them was taken.
    descriptors_seen: Cell<bool>,
    /// Tries again to open a ring.
    retry: UnsafeCell<evpl_timer>,
    /// There was no ring the last time; logged once until there is one.
    exhausted: Cell<bool>,
    /// An enter outside of a turn failed: the next turn sees why.
    failed: Cell<bool>,
    evpl: *mut evpl,
}

/// The loop's ring state, made on first use. The ring itself follows in a pass.
fn of(cx: &Cx) -> &Uring {
    cx.uring.0.get_or_init(|| Box::new(Uring::new(cx)))
}

impl Uring {
    fn new(cx: &Cx) -> Uring {
        let incremental = ring::is_incremental();
        let piece_len_max = if incremental {
            PIECE_LEN_INCREMENTAL_MAX
        } else {
            PIECE_LEN_MAX
        };
        Uring {
            ring: LoopCell::default(),
            slots: LoopCell::default(),
            starting: LoopCell::default(),
            pieces: LoopCell::default(),
            piece_len: cx.memory.buffer_size().min(piece_len_max) as u32,
            incremental,
            gathers: LoopCell::default(),
            gathers_used: Cell::new(0),
            hot: Cell::new(None),
            quiet: LoopCell::default(),
            work: UnsafeCell::new(evpl_deferral {
                callback: Some(work),
                private_data: core::ptr::null_mut(),
                armed: 0,
            }),
            bell: FdEvent::unregistered(),
            descriptors_due: Cell::new(false),
            descriptors_seen: Cell::new(false),
            retry: UnsafeCell::new(evpl_timer {
                callback: None,
                interval: 0,
                deadline: 0,
                oneshot: 0,
            }),
            exhausted: Cell::new(false),
            failed: Cell::new(false),
            evpl: cx.evpl(),
        }
    }

    fn bell_pointer(&self) -> *mut FdEvent {
        core::ptr::from_ref(&self.bell).cast_mut()
    }

    // ---- the ring --------------------------------------------------------------------------------

    /// Makes the ring if there is none. Only inside a pass.
    fn open(&self, cx: &Cx) -> io::Result<()> {
        if self.ring.with(|ring| ring.is_some()) {
            return Ok(());
        }
        let poller = cx.events.poller_fd();
        let ring = Ring::open(ENTRIES.load(Ordering::Relaxed), poller.is_none())?;
        cx.events.add_internal(
            self.bell_pointer(),
            ring.bell_fd(),
            [Some(on_bell), None, None],
            WatchOutput::Now,
            false,
        )?;
        cx.events.fds().read_interest(self.bell_pointer());
        self.ring.replace(Some(ring));
        self.exhausted.set(false);
        if poller.is_some() {
            self.descriptors_due.set(true);
            let sleeper: *const dyn Sleeper = self;
            // SAFETY: this is boxed and `drop_ring`, which runs before it goes, takes it out again.
            unsafe { cx.events.set_sleeper(Some(sleeper)) };
        }
        Ok(())
    }

    /// Has the ring tell, once, when a descriptor of the loop is ready.
    fn watch_descriptors(&self) {
        // SAFETY: the loop that this belongs to is alive.
        let cx = unsafe { Cx::from_handle(self.evpl) };
        let Some(poller) = cx.events.poller_fd() else {
            return;
        };
        let ready = opcode::PollAdd::new(types::Fd(poller), libc::POLLIN as u32).build();
        let ready = ready.user_data(DESCRIPTORS.pack());
        // SAFETY: the request names no memory.
        self.with_ring(|ring| unsafe { ring.push(&ready) });
    }

    /// Calls `f` with the ring, which must not reach for it again.
    fn with_ring<R>(&self, f: impl FnOnce(&Ring) -> R) -> Option<R> {
        self.ring.with(|ring| ring.as_ref().map(f))
    }

    fn drop_ring(&self, cx: &Cx) {
        if self.ring.with(|ring| ring.is_some()) {
            // SAFETY: nothing is set.
            unsafe { cx.events.set_sleeper(None) };
            let _ = cx.events.remove_internal(self.bell_pointer());
            self.descriptors_due.set(false);
            self.descriptors_seen.set(false);
            self.ring.take();
        }
    }

    /// Queues a request of `socket`, to be handed over at the end of the pass.
    ///
    /// # Safety
    /// Memory that the request names stays until its last completion.
    unsafe fn push(&self, cx: &Cx, socket: &Socket, kind: Kind, entry: squeue::Entry) -> u64 {
        let entry = entry.user_data(socket.token(kind));
        // SAFETY: the caller's promise.
        let pushed = self.with_ring(|ring| unsafe { ring.push(&entry) });
        let number = pushed.expect("requests are made on an open ring");
        socket.requests.set(socket.requests.get() + 1);
        // What the loop sleeps on takes it along, in this pass or between passes.
        if (cx.events.is_in_pass() && !cx.events.sleeps_next()) || cx.events.poller_fd().is_none() {
            self.arm(cx);
        }
        number
    }

    /// Has a turn run at the end of this pass, or of the next one if this one had it: a program that
    /// sends whenever something was sent must not keep the pass from ending.
    fn arm(&self, cx: &Cx) {
        cx.events.defer(self.work.get());
    }

    /// Hands over what is queued and deals with what is completed.
    fn turn(&self, cx: &Cx) {
        self.start(cx);
        let failed = self.failed.replace(false);
        // What is queued may go with the sleep.
        let sleeps = cx.events.sleeps_next();
        let entered = self.with_ring(|ring| {
            let hand_over = ring.has_unsubmitted() && !sleeps;
            if failed || hand_over || ring.has_work() {
                return ring.enter();
            }
            Ok(())
        });
        match entered {
            None => return,
            Some(Ok(())) => self.forget_gathers(cx, sleeps),
            Some(Err(error)) => match error.raw_os_error() {
                Some(libc::EEXIST) => self.move_here(cx),
                // Completions or memory come first; the next pass tries again.
                Some(libc::EBUSY | libc::EAGAIN) => self.arm(cx),
                _ => self.fail(cx, &error),
            },
        }
        self.settle(cx);
        self.reap(cx);
        if self.is_due() {
            cx.events.fds().mark_readable(self.bell_pointer());
        }
    }

    /// Headers that the kernel has taken are free for the next sends.
    fn forget_gathers(&self, cx: &Cx, sleeps: bool) {
        if self.with_ring(Ring::has_unsubmitted) == Some(false) {
            self.gathers_used.set(0);
        } else if !sleeps {
            self.arm(cx);
        }
    }

    /// Sends that the kernel has taken and that no completion tells of are done.
    fn settle(&self, cx: &Cx) {
        let next = || self.quiet.with(|quiet| quiet.front().copied());
        if next().is_none() {
            return;
        }
        let taken = self.with_ring(|ring| (!ring.has_overflown()).then(|| ring.taken()));
        // One that failed may be among the completions that found no room.
        let Some(Some(taken)) = taken else { return };
        self.with_ring(|ring| {
            ring.any_waiting(|user_data| {
                let token = Token::unpack(user_data);
                if token.kind == Kind::Send as u8
                    && let Some(socket) = self.find(&token)
                {
                    socket.quiet.set(None);
                }
                false
            })
        });
        while let Some((number, user_data)) = next()
            && number < taken
        {
            self.quiet.with(|quiet| quiet.pop_front());
            let Some(socket) = self.find(&Token::unpack(user_data)) else {
                continue;
            };
            if let Some(send) = socket.quiet.get()
                && send.number == number
            {
                socket.requests.set(socket.requests.get() - 1);
                tcp::sent(cx, self, &socket, Ok(socket.offered.get()));
                self.retire_if_done(cx, &socket);
            }
        }
    }

    /// Whether there is something to deal with.
    fn is_due(&self) -> bool {
        let settled = |ring: &Ring| {
            let first = self.quiet.with(|quiet| quiet.front().copied());
            first.is_some_and(|(number, _)| number < ring.taken())
        };
        self.with_ring(|ring| ring.is_due() || settled(ring)) == Some(true)
    }

    /// Whether somebody waits for what a send does that is still to be handed over.
    fn is_awaited(&self) -> bool {
        self.quiet.with(|quiet| {
            quiet.iter().any(|&(_, user_data)| {
                self.find(&Token::unpack(user_data))
                    .is_some_and(|socket| tcp::is_send_awaited(&socket))
            })
        })
    }

    fn reap(&self, cx: &Cx) {
        let mut last = None;
        for count in 0..COMPLETIONS_PER_TURN_MAX {
            let Some(Some(completion)) = self.with_ring(Ring::take) else {
                if count > 0 {
                    self.hot.set(last.filter(|_| count == 1));
                }
                return;
            };
            last = Some(completion.user_data);
            self.complete(cx, completion);
        }
        self.hot.set(None);
    }

    /// Whether completions come with the next enter, and most likely tell of bytes of the hot socket.
    fn may_read_hot(&self) -> bool {
        self.hot.get().is_some() && self.with_ring(Ring::is_work_all) == Some(true)
    }

    /// Reads from the hot socket itself: that is sooner than to have the ring do so. Bytes that the ring
    /// has read already come first, but there are none before an enter.
    fn read_hot(&self, cx: &Cx) -> bool {
        if !self.may_read_hot() {
            return false;
        }
        let token = self.hot.take().map(Token::unpack);
        let Some(token) = token.filter(|token| token.kind == Kind::Receive as u8) else {
            return false;
        };
        let read = self
            .find(&token)
            .is_some_and(|socket| tcp::read_directly(cx, &socket));
        if read {
            self.hot.set(Some(token.pack()));
        }
        read
    }

    fn complete(&self, cx: &Cx, completion: Completion) {
        let token = Token::unpack(completion.user_data);
        if token.kind == Kind::Descriptors as u8 {
            if self.descriptors_seen.replace(false) {
                self.watch_descriptors();
            } else {
                self.descriptors_due.set(true);
            }
            return;
        }
        let socket = self
            .find(&token)
            .expect("a socket keeps its slot until its last completion");
        if !cqueue::more(completion.flags) {
            socket.requests.set(socket.requests.get() - 1);
        }
        match token.kind {
            kind if kind == Kind::Receive as u8 => tcp::received(cx, self, &socket, completion),
            kind if kind == Kind::Send as u8 => {
                let result = u64::try_from(completion.result);
                tcp::sent(cx, self, &socket, result.map_err(|_| -completion.result));
            }
            kind if kind == Kind::Writable as u8 => {
                tcp::writable(cx, self, &socket, completion.result);
            }
            kind if kind == Kind::Accept as u8 => tcp::accepted(cx, self, &socket, completion),
            _ => {}
        }
        self.retire_if_done(cx, &socket);
    }

    /// The ring cannot be used any more: its sockets close.
    fn fail(&self, cx: &Cx, error: &io::Error) {
        crate::log_error!("io_uring", "the ring failed: {}", error);
        self.drop_ring(cx);
        self.forget_requests(cx);
        self.each_socket(|socket| {
            if let Some(bind) = socket.bind() {
                cx.request_close(bind);
            }
        });
    }

    /// This thread took the loop over. The old ring's requests end with it without touching anything:
    /// only the thread that made them could have gone on with them. All are made again here.
    fn move_here(&self, cx: &Cx) {
        let lost = self.with_ring(Ring::has_overflown) == Some(true);
        self.settle(cx);
        self.reap_all(cx);
        self.drop_ring(cx);
        self.forget_requests(cx);
        if let Err(error) = self.open(cx) {
            return self.fail(cx, &error);
        }
        self.pieces.with(|pieces| {
            if !pieces.is_empty() {
                self.provide_all(pieces);
            }
        });
        self.each_socket(|socket| match socket.bind() {
            Some(bind) if lost => cx.request_close(bind),
            Some(_) => self.starting.with(|starting| starting.push(socket.clone())),
            None => {}
        });
        self.start(cx);
    }

    fn reap_all(&self, cx: &Cx) {
        while let Some(Some(completion)) = self.with_ring(Ring::take) {
            self.complete(cx, completion);
        }
    }

    /// No completion comes any more.
    fn forget_requests(&self, cx: &Cx) {
        self.gathers_used.set(0);
        self.quiet.take();
        self.each_socket(|socket| {
            socket.requests.set(0);
            socket.receiving.set(false);
            socket.sending.set(false);
            socket.quiet.set(None);
            self.retire_if_done(cx, socket);
        });
    }

    /// Makes the first requests of sockets that have waited for a pass.
    fn start(&self, cx: &Cx) {
        let starting = self.starting.take();
        if starting.is_empty() {
            return;
        }
        let opened = self.open(cx);
        if let Err(error) = &opened
            && !self.exhausted.replace(true)
        {
            crate::log_error!("io_uring", "no ring for this loop: {}", error);
        }
        for socket in starting {
            let Some(bind) = socket.bind() else { continue };
            match &opened {
                Ok(()) => tcp::start(cx, self, &socket, bind),
                // The peer of an accepted connection knows nothing of our shortage.
                Err(error) if socket.state.get() == State::Connected && is_shortage(error) => {
                    self.starting.with(|starting| starting.push(socket));
                    cx.events
                        .add_timer(self.retry.get(), Some(on_retry), RETRY_US, true);
                }
                Err(_) => cx.request_close(bind),
            }
        }
    }

    fn is_open(&self) -> bool {
        self.ring.with(|ring| ring.is_some())
    }

    // ---- sockets ---------------------------------------------------------------------------------

    /// Gives `fd` a slot.
    fn adopt(
        &self,
        bind: &Bind,
        fd: OwnedFd,
        state: State,
        listening: Option<Box<Listening>>,
    ) -> Rc<Socket> {
        self.slots.with(|slots| {
            let slot = slots.free.pop().unwrap_or_else(|| {
                slots.slots.push(Slot::default());
                slots.slots.len() as u32 - 1
            });
            let entry = &mut slots.slots[slot as usize];
            let socket = Rc::new(Socket {
                fd: LoopCell::new(Some(fd)),
                slot,
                generation: entry.generation,
                bind: Cell::new(bind),
                state: Cell::new(state),
                requests: Cell::new(0),
                receiving: Cell::new(false),
                sending: Cell::new(false),
                offered: Cell::new(0),
                quiet: Cell::new(None),
                full: Cell::new(false),
                broken: Cell::new(false),
                tail_room: Cell::new(0),
                orphans: LoopCell::default(),
                listening,
            });
            entry.socket = Some(socket.clone());
            socket
        })
    }

    fn find(&self, token: &Token) -> Option<Rc<Socket>> {
        self.slots.with(|slots| {
            let slot = slots.slots.get(token.slot as usize)?;
            let socket = slot.socket.as_ref()?;
            (socket.generation & GENERATION_MASK == token.generation).then(|| socket.clone())
        })
    }

    fn each_socket(&self, mut visit: impl FnMut(&Rc<Socket>)) {
        let sockets: Vec<Rc<Socket>> = self.slots.with(|slots| {
            let sockets = slots.slots.iter().filter_map(|slot| slot.socket.clone());
            sockets.collect()
        });
        sockets.iter().for_each(&mut visit);
    }

    /// The bind lets go. Requests under way are cancelled and keep what they use until they end.
    fn release(&self, cx: &Cx, socket: &Socket) {
        let Some(bind) = socket.bind() else { return };
        if socket.sending.get() {
            socket.orphans.replace(bind.send.take());
        }
        socket.bind.set(core::ptr::null());
        if socket.requests.get() > 0 && self.ring.with(|ring| ring.is_some()) {
            let all = types::CancelBuilder::fd(types::Fd(socket.raw_fd())).all();
            let cancel = opcode::AsyncCancel2::new(all).build();
            // SAFETY: the request names no memory.
            unsafe { self.push(cx, socket, Kind::Cancel, cancel) };
        }
        self.retire_if_done(cx, socket);
    }

    /// Frees the slot of a socket that neither the bind nor the kernel uses any more.
    fn retire_if_done(&self, cx: &Cx, socket: &Socket) {
        if !socket.bind.get().is_null() || socket.requests.get() > 0 {
            return;
        }
        let retired = self.slots.with(|slots| {
            let entry = &mut slots.slots[socket.slot as usize];
            if entry.generation != socket.generation {
                return false;
            }
            entry.generation = entry.generation.wrapping_add(1);
            entry.socket = None;
            slots.free.push(socket.slot);
            true
        });
        if retired {
            socket.fd.take();
            socket.orphans.clear(cx.evpl());
        }
    }

    fn socket_count(&self) -> usize {
        self.slots
            .with(|slots| slots.slots.len() - slots.free.len())
    }

    // ---- provided buffers --------------------------------------------------------------------------

    /// Offers the kernel buffers to receive into, with the first socket that receives.
    fn open_buffers(&self, cx: &Cx) -> io::Result<()> {
        if self.pieces.with(|pieces| !pieces.is_empty()) {
            return Ok(());
        }
        let wanted = 2 * cx.memory.buffer_size() / u64::from(self.piece_len);
        let count = (wanted as usize)
            .clamp(PIECES_MIN, PIECES_MAX)
            .next_power_of_two();
        self.with_ring(|ring| ring.open_buffers(count as u16))
            .expect("sockets receive on an open ring")?;
        let pieces: Vec<Iovec> = (0..count).map(|_| self.cut_piece(cx)).collect();
        self.pieces.with(|known| {
            *known = pieces;
            self.provide_pieces(known);
        });
        Ok(())
    }

    /// All buffers, to a ring that was just made.
    fn provide_all(&self, pieces: &[Iovec]) {
        let opened = self.with_ring(|ring| ring.open_buffers(pieces.len() as u16));
        match opened {
            Some(Ok(_)) => self.provide_pieces(pieces),
            _ => crate::log_error!("io_uring", "no buffers for the new ring"),
        }
    }

    fn provide_pieces(&self, pieces: &[Iovec]) {
        for (id, piece) in pieces.iter().enumerate() {
            // SAFETY: the piece stays in `pieces`, untouched, until a completion names it.
            self.with_ring(|ring| unsafe { ring.provide(id as u16, piece.data(), piece.len()) });
        }
    }

    /// A piece of the loop's receive memory.
    fn cut_piece(&self, cx: &Cx) -> Iovec {
        loop {
            let mut window = [NO_BYTES; 2];
            cx.memory.recv_prepare(&mut window, 0);
            let len = window[0].iov_len.min(self.piece_len as usize);
            let mut piece = None;
            cx.memory
                .recv_commit(len, 0, &mut |iovec| piece = Some(iovec));
            let piece = piece.expect("the window is never empty");
            // What is left at the end of a buffer may be too little to be worth a completion.
            if piece.len() >= PIECE_REST_MIN.min(self.piece_len) {
                return piece;
            }
            piece.release(cx.evpl());
        }
    }

    /// Calls `read` with received bytes.
    fn copy_part(&self, cx: &Cx, part: Part, read: impl FnOnce(&[u8])) {
        self.pieces.with(|pieces| {
            let piece = &pieces[usize::from(part.id)];
            debug_assert!(part.len <= piece.len());
            // SAFETY: the kernel wrote these bytes and is done with them.
            read(unsafe { core::slice::from_raw_parts(piece.data(), part.len as usize) });
        });
        // Where the kernel does not go on behind them, the place of copied bytes is free again.
        self.go_on(cx, part, if self.incremental { part.len } else { 0 });
    }

    /// Received bytes without a copy.
    fn take_part(&self, cx: &Cx, part: Part) -> Iovec {
        let taken = self.pieces.with(|pieces| {
            let mut taken = pieces[usize::from(part.id)].clone_ref();
            taken.truncate(part.len);
            taken
        });
        self.go_on(cx, part, part.len);
        taken
    }

    /// The first `used` bytes of a piece are gone. If the kernel has let go of it, it gets the rest, or a
    /// new piece.
    fn go_on(&self, cx: &Cx, part: Part, used: u32) {
        let id = usize::from(part.id);
        let rest = self.pieces.with(|pieces| {
            pieces[id].advance(used);
            pieces[id].len()
        });
        if part.kept {
            return;
        }
        if rest < PIECE_REST_MIN.min(self.piece_len) {
            let fresh = self.cut_piece(cx);
            let old = self
                .pieces
                .with(|pieces| core::mem::replace(&mut pieces[id], fresh));
            old.release(cx.evpl());
        }
        self.pieces.with(|pieces| {
            let piece = &pieces[id];
            // SAFETY: the piece stays in `pieces`, untouched, until a completion names it.
            self.with_ring(|ring| unsafe { ring.provide(part.id, piece.data(), piece.len()) });
        });
    }

    // ---- the end -----------------------------------------------------------------------------------

    fn close(&self, cx: &Cx) {
        for _ in 0..RELEASE_STEPS_MAX {
            if self.socket_count() == 0 {
                break;
            }
            match self.with_ring(|ring| ring.enter_and_wait(Some(RELEASE_STEP_NS))) {
                Some(Ok(())) => {
                    self.settle(cx);
                    self.reap_all(cx);
                }
                _ => break,
            }
        }
        self.drop_ring(cx);
        self.forget_requests(cx);
        cx.events.remove_deferral(self.work.get());
        cx.events.remove_timer(self.retry.get());
        self.give_back(cx.evpl());
    }

    fn give_back(&self, evpl: *mut evpl) {
        for piece in self.pieces.take() {
            piece.release(evpl);
        }
        self.each_socket(|socket| socket.orphans.clear(evpl));
    }
}

impl Sleeper for Uring {
    fn look(&self, sleeps_next: bool) -> bool {
        let waits = sleeps_next && !self.is_awaited();
        let reads_hot = self.may_read_hot();
        let failed = self.with_ring(|ring| {
            let hand_over = ring.has_unsubmitted() && !waits;
            (hand_over || (ring.has_work() && !reads_hot)) && ring.enter().is_err()
        });
        self.failed.set(failed == Some(true));
        let due = self.announce(self.failed.get() || self.is_due());
        due || self.descriptors_due.get()
    }

    fn sleep(&self, timeout_ns: Option<u64>) -> bool {
        let slept = self.with_ring(|ring| ring.enter_and_wait(timeout_ns));
        let due = match slept {
            Some(Err(error)) => {
                self.failed.set(error.kind() != io::ErrorKind::Interrupted);
                self.failed.get()
            }
            _ => self.is_due(),
        };
        self.announce(due)
    }

    fn take_descriptors_due(&self) -> bool {
        if self.descriptors_due.replace(false) {
            self.watch_descriptors();
            return true;
        }
        let told = self.with_ring(|ring| ring.any_waiting(|told| told == DESCRIPTORS.pack()))
            == Some(true);
        self.descriptors_seen.set(told);
        told
    }
}

impl Uring {
    /// Has the turn run in this pass.
    fn announce(&self, due: bool) -> bool {
        if due {
            // SAFETY: the loop that sleeps here is alive.
            let cx = unsafe { Cx::from_handle(self.evpl) };
            cx.events.fds().mark_readable(self.bell_pointer());
        }
        due
    }
}

/// Whether waiting may help.
fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EAGAIN)
    )
}

unsafe extern "C" fn on_retry(evpl: *mut evpl, _timer: *mut evpl_timer) {
    // SAFETY: the loop fires its timers with its own handle.
    let cx = unsafe { Cx::from_handle(evpl) };
    of(cx).arm(cx);
}

/// The end of a pass: hand over what it queued.
unsafe extern "C" fn work(evpl: *mut evpl, _private_data: *mut c_void) {
    // SAFETY: the loop runs its deferrals with its own handle.
    let cx = unsafe { Cx::from_handle(evpl) };
    of(cx).turn(cx);
}

unsafe extern "C" fn on_bell(evpl: *mut evpl, _event: *mut evpl_fd_event) {
    // SAFETY: the loop calls this with its own handle.
    let cx = unsafe { Cx::from_handle(evpl) };
    let uring = of(cx);
    cx.events.fds().mark_unreadable(uring.bell_pointer());
    // Where it rings, it does so until it is silenced.
    if cx.events.poller_fd().is_none() {
        uring.with_ring(Ring::silence_bell);
    }
    if uring.read_hot(cx) {
        // What came of it is handed over before the ring looks for more.
        uring.arm(cx);
    } else {
        uring.turn(cx);
    }
}
