//! One io_uring with its ring of provided receive buffers: what is shared with the kernel.
//!
//! It knows nothing of binds. Requests that find the submission queue full wait in a backlog, in order.
//! A ring belongs to the thread that made it: an enter from another one is `EEXIST`, and its requests
//! can then no longer touch memory, because only that thread runs their work.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::{BufRingEntry, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, Probe, cqueue, opcode, squeue};

use crate::memory::cell::LoopCell;
use crate::sys::eventfd;
use crate::sys::mmap::Mapping;
use crate::transport::registry::Missing;

/// Submission entries of one loop, if the configuration allows that many: they are sent once a pass.
const SUBMISSIONS_MAX: u32 = 512;
const SUBMISSIONS_MIN: u32 = 2;
/// Completion entries, whatever the configuration says.
const COMPLETIONS_MIN: u32 = 64;
const COMPLETIONS_MAX: u32 = 32_768;
/// Attempts to open a ring, each with half the entries, while locked memory does not suffice.
const OPEN_ATTEMPTS_MAX: u32 = 6;
/// The one group of provided buffers.
pub const BUFFER_GROUP: u16 = 1;

/// A send that takes what it can at once. What it did not take makes it a failure, with the count.
pub const QUIET_SEND_FLAGS: i32 = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT | libc::MSG_WAITALL;
/// Pages in a send that no socket takes as a whole.
const QUIET_TRY_PIECES: usize = 1024;

const ENTER_GETEVENTS: u32 = 1;
/// IOU_PBUF_RING_INC.
const INCREMENTAL: u16 = 2;

/// What the kernel's io_uring can do beyond the least that is needed.
#[derive(Clone, Copy)]
struct Features {
    /// Completions of one thread's own, run when it asks for them.
    deferred: bool,
    /// A send that must not wait and says nothing when it took all tells what it took when it did not.
    quiet_sends: bool,
    /// Provided buffers that receives fill little by little.
    incremental: bool,
}

/// What the kernel said about one request.
#[derive(Clone, Copy)]
pub struct Completion {
    pub user_data: u64,
    /// A negative errno, or what the operation returns.
    pub result: i32,
    pub flags: u32,
}

pub struct Ring {
    uring: IoUring,
    bell: OwnedFd,
    backlog: LoopCell<VecDeque<squeue::Entry>>,
    buffers: LoopCell<Option<BufferRing>>,
    /// Entries were pushed since the last enter.
    unsubmitted: Cell<bool>,
    /// Entries that were ever pushed.
    pushed: Cell<u64>,
    quiet_sends: bool,
    deferred: bool,
}

impl Ring {
    /// A ring of at most `entries` submissions, bound to this thread. Its bell rings with completions
    /// if `rings` says so.
    pub fn open(entries: u32, rings: bool) -> io::Result<Ring> {
        let mut submissions = entries.clamp(SUBMISSIONS_MIN, SUBMISSIONS_MAX);
        let mut completions = entries
            .max(submissions * 2)
            .clamp(COMPLETIONS_MIN, COMPLETIONS_MAX);
        let features = features().map_err(|Missing(_)| io::ErrorKind::Unsupported)?;
        for attempt in 1.. {
            match build(submissions, completions, features) {
                Err(error)
                    if error.raw_os_error() == Some(libc::ENOMEM)
                        && attempt < OPEN_ATTEMPTS_MAX =>
                {
                    submissions = (submissions / 2).max(SUBMISSIONS_MIN);
                    completions = (completions / 2).max(COMPLETIONS_MIN);
                }
                Err(error) => return Err(error),
                Ok(uring) => {
                    let bell = eventfd::open()?;
                    if rings {
                        uring.submitter().register_eventfd(bell.as_raw_fd())?;
                    }
                    return Ok(Ring {
                        uring,
                        bell,
                        backlog: LoopCell::default(),
                        buffers: LoopCell::default(),
                        unsubmitted: Cell::new(false),
                        pushed: Cell::new(0),
                        quiet_sends: features.quiet_sends,
                        deferred: features.deferred,
                    });
                }
            }
        }
        unreachable!("the last attempt returns")
    }

    /// What becomes readable when a completion is due.
    pub fn bell_fd(&self) -> RawFd {
        self.bell.as_raw_fd()
    }

    /// Takes back what made the bell readable.
    pub fn silence_bell(&self) {
        eventfd::drain(self.bell.as_raw_fd());
    }

    /// Whether sends may keep silent about success.
    pub fn has_quiet_sends(&self) -> bool {
        self.quiet_sends
    }

    /// Queues a request, whose number this returns. It reaches the kernel with the next enter.
    ///
    /// # Safety
    /// Memory that the request names stays valid until its last completion.
    pub unsafe fn push(&self, entry: &squeue::Entry) -> u64 {
        let number = self.pushed.get();
        self.pushed.set(number + 1);
        self.unsubmitted.set(true);
        let waiting = self.backlog.with(|backlog| !backlog.is_empty());
        // SAFETY: the caller's promise.
        if waiting || !unsafe { self.push_now(entry) } {
            self.backlog
                .with(|backlog| backlog.push_back(entry.clone()));
        }
        number
    }

    /// How many requests the kernel has taken: those with a smaller number.
    pub fn taken(&self) -> u64 {
        let waiting = self.backlog.with(|backlog| backlog.len()) + self.queued();
        self.pushed.get() - waiting as u64
    }

    /// # Safety
    /// As for `push`.
    unsafe fn push_now(&self, entry: &squeue::Entry) -> bool {
        // SAFETY: rings are used by one thread at a time, and no other view of the queue is alive.
        let mut queue = unsafe { self.uring.submission_shared() };
        // SAFETY: the caller's promise.
        unsafe { queue.push(entry) }.is_ok()
    }

    pub fn has_unsubmitted(&self) -> bool {
        self.unsubmitted.get()
    }

    /// Whether completions come with the next enter. No system call.
    pub fn has_work(&self) -> bool {
        // SAFETY: rings are used by one thread at a time, and no other view of the queue is alive.
        let requests = unsafe { self.uring.submission_shared() };
        requests.taskrun() || requests.cq_overflow()
    }

    /// Whether there is nothing but what comes with the next enter, and nothing comes by itself.
    pub fn is_work_all(&self) -> bool {
        // SAFETY: rings are used by one thread at a time, and no other view of either queue is alive.
        let (requests, completions) = unsafe {
            (
                self.uring.submission_shared(),
                self.uring.completion_shared(),
            )
        };
        self.deferred && requests.taskrun() && !requests.cq_overflow() && completions.is_empty()
    }

    /// Hands over everything queued and has the kernel finish what is due. `EEXIST` means that this
    /// thread is not the ring's.
    pub fn enter(&self) -> io::Result<()> {
        loop {
            self.refill();
            let queued = self.queued();
            // SAFETY: no argument is passed.
            let entered = unsafe {
                self.uring.submitter().enter::<libc::sigset_t>(
                    queued as u32,
                    0,
                    ENTER_GETEVENTS,
                    None,
                )
            };
            match entered {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(_) if self.backlog.with(|backlog| backlog.is_empty()) => {
                    self.unsubmitted.set(self.queued() > 0);
                    return Ok(());
                }
                // The kernel took nothing although there was something: completions come first.
                Ok(0) if queued > 0 => return Ok(()),
                Ok(_) => {}
            }
        }
    }

    /// As `enter`, and sleeps for at most `timeout_ns` until there is a completion.
    pub fn enter_and_wait(&self, timeout_ns: Option<u64>) -> io::Result<()> {
        self.refill();
        let entered = match timeout_ns {
            None => self.uring.submitter().submit_and_wait(1),
            Some(ns) => {
                let timeout = Timespec::new()
                    .sec(ns / 1_000_000_000)
                    .nsec((ns % 1_000_000_000) as u32);
                let arguments = SubmitArgs::new().timespec(&timeout);
                self.uring.submitter().submit_with_args(1, &arguments)
            }
        };
        self.unsubmitted
            .set(self.queued() > 0 || self.backlog.with(|backlog| !backlog.is_empty()));
        match entered {
            Err(error) if error.raw_os_error() == Some(libc::ETIME) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Moves what waits in the backlog to where the kernel reads.
    fn refill(&self) {
        while let Some(entry) = self.backlog.with(|backlog| backlog.front().cloned()) {
            // SAFETY: whoever queued the entry promised that its memory stays.
            if !unsafe { self.push_now(&entry) } {
                return;
            }
            self.backlog.with(|backlog| backlog.pop_front());
        }
    }

    fn queued(&self) -> usize {
        // SAFETY: rings are used by one thread at a time, and no other view of the queue is alive.
        unsafe { self.uring.submission_shared() }.len()
    }

    /// The next completion that is already there. No system call.
    pub fn take(&self) -> Option<Completion> {
        // SAFETY: rings are used by one thread at a time, and no other view of the queue is alive.
        let entry: cqueue::Entry = unsafe { self.uring.completion_shared() }.next()?;
        Some(Completion {
            user_data: entry.user_data(),
            result: entry.result(),
            flags: entry.flags(),
        })
    }

    /// Calls `f` for the completions that are there and stay there, until it returns true; whether it
    /// did. `f` must not reach for the ring. No system call.
    pub fn any_waiting(&self, mut f: impl FnMut(u64) -> bool) -> bool {
        // SAFETY: rings are used by one thread at a time, and no other view of the queue is alive.
        let mut queue = unsafe { self.uring.completion_shared() };
        let found = queue.any(|entry: cqueue::Entry| f(entry.user_data()));
        // Dropping the view would take what it has seen.
        core::mem::forget(queue);
        found
    }

    /// Whether a completion is there, or comes with the next enter. No system call.
    pub fn is_due(&self) -> bool {
        // SAFETY: rings are used by one thread at a time, and no other view of the queue is alive.
        let completions = unsafe { self.uring.completion_shared() };
        !completions.is_empty() || self.has_work()
    }

    /// Whether the kernel keeps completions that found no room.
    pub fn has_overflown(&self) -> bool {
        // SAFETY: rings are used by one thread at a time, and no other view of the queue is alive.
        unsafe { self.uring.submission_shared() }.cq_overflow()
    }

    /// Registers a ring for `len` buffers, a power of two, unless there is one already.
    pub fn open_buffers(&self, len: u16) -> io::Result<bool> {
        self.buffers.with(|buffers| {
            if buffers.is_some() {
                return Ok(false);
            }
            let ring = BufferRing::new(len)?;
            ring.register(&self.uring, is_incremental())?;
            *buffers = Some(ring);
            Ok(true)
        })
    }

    /// Lets the kernel receive into `len` bytes at `data`, as buffer `id`.
    ///
    /// # Safety
    /// The bytes are the kernel's alone until a completion names the buffer or the ring is closed.
    pub unsafe fn provide(&self, id: u16, data: *mut u8, len: u32) {
        self.buffers.with(|buffers| {
            let ring = buffers
                .as_mut()
                .expect("opened before buffers are provided");
            // SAFETY: the caller's promise.
            unsafe { ring.push(id, data, len) };
        });
    }
}

/// The entries through which buffers are given to the kernel.
struct BufferRing {
    entries: Mapping,
    len: u16,
    tail: u16,
}

impl BufferRing {
    fn new(len: u16) -> io::Result<BufferRing> {
        debug_assert!(len.is_power_of_two());
        Ok(BufferRing {
            entries: Mapping::reserve(u64::from(len) * size_of::<BufRingEntry>() as u64)?,
            len,
            tail: 0,
        })
    }

    fn register(&self, uring: &IoUring, incremental: bool) -> io::Result<()> {
        let flags = if incremental { INCREMENTAL } else { 0 };
        let address = self.entries.start().expose_provenance() as u64;
        // SAFETY: the mapping holds `len` entries and is unmapped only after the ring is closed, whose
        // owner drops it first.
        unsafe {
            uring
                .submitter()
                .register_buf_ring_with_flags(address, self.len, BUFFER_GROUP, flags)
        }
    }

    /// # Safety
    /// As for `Ring::provide`.
    unsafe fn push(&mut self, id: u16, data: *mut u8, len: u32) {
        let base = self.entries.start().cast::<BufRingEntry>();
        // SAFETY: the index is within the mapping, and the kernel reads the entry only after the tail
        // below says so.
        let entry = unsafe { &mut *base.add(usize::from(self.tail & (self.len - 1))) };
        entry.set_addr(data.expose_provenance() as u64);
        entry.set_len(len);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail is in the first entry of the mapping; the kernel only reads it.
        let tail = unsafe { &*BufRingEntry::tail(base).cast::<AtomicU16>() };
        // Pairs with the kernel's acquire load of the tail.
        tail.store(self.tail, Ordering::Release);
    }
}

fn build(submissions: u32, completions: u32, features: Features) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder
        .dontfork()
        .setup_clamp()
        .setup_submit_all()
        .setup_cqsize(completions.max(submissions))
        .setup_single_issuer();
    if features.deferred {
        builder.setup_defer_taskrun().setup_taskrun_flag();
    } else {
        builder.setup_coop_taskrun().setup_taskrun_flag();
    }
    builder.build(submissions)
}

/// Whether this process can use io_uring, or why not. Tried once.
pub fn probe() -> Result<(), Missing> {
    features().map(drop)
}

/// Whether a receive takes no more of a provided buffer than it fills, and the next one goes on behind it.
pub fn is_incremental() -> bool {
    features().is_ok_and(|features| features.incremental)
}

fn features() -> Result<Features, Missing> {
    static FEATURES: OnceLock<Result<Features, Missing>> = OnceLock::new();
    *FEATURES.get_or_init(|| try_features().map_err(|error| explain(&error)))
}

fn try_features() -> io::Result<Features> {
    let entries = SUBMISSIONS_MIN;
    let mut features = Features {
        deferred: true,
        quiet_sends: false,
        incremental: false,
    };
    let uring = match build(entries, COMPLETIONS_MIN, features) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            features.deferred = false;
            build(entries, COMPLETIONS_MIN, features)?
        }
        other => other?,
    };
    let mut known = Probe::new();
    uring.submitter().register_probe(&mut known)?;
    // Zero-copy send came with the same release as multishot receive, which has no number of its own.
    let needed = [
        opcode::SendZc::CODE,
        opcode::Send::CODE,
        opcode::SendMsg::CODE,
        opcode::RecvMulti::CODE,
        opcode::AcceptMulti::CODE,
        opcode::PollAdd::CODE,
        opcode::AsyncCancel2::CODE,
    ];
    if !needed.into_iter().all(|code| known.is_supported(code)) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let buffers = BufferRing::new(1)?;
    features.incremental = buffers.register(&uring, true).is_ok();
    if !features.incremental {
        buffers.register(&uring, false)?;
    }
    features.quiet_sends = try_quiet_send(&uring).unwrap_or(false);
    Ok(features)
}

/// Sends more than a socket takes, without waiting, and sees whether the completion says how much it was.
/// Early kernels say that nothing was sent.
fn try_quiet_send(uring: &IoUring) -> io::Result<bool> {
    const BYTES: [u8; 4096] = [0; 4096];
    let (sender, receiver) = UnixStream::pair()?;
    let iov = [libc::iovec {
        iov_base: BYTES.as_ptr().cast_mut().cast(),
        iov_len: BYTES.len(),
    }; QUIET_TRY_PIECES];
    // SAFETY: all-zero is an empty message header.
    let mut header: libc::msghdr = unsafe { core::mem::zeroed() };
    header.msg_iov = iov.as_ptr().cast_mut();
    header.msg_iovlen = iov.len() as _;
    let send = opcode::SendMsg::new(Fd(sender.as_raw_fd()), &header)
        .flags(QUIET_SEND_FLAGS as u32)
        .build()
        .flags(squeue::Flags::SKIP_SUCCESS);
    // SAFETY: no other view of either queue is alive, and what the request names outlives the enter, with
    // which it ends because it must not wait.
    let completion = unsafe {
        let pushed = uring.submission_shared().push(&send);
        pushed.map_err(|_| io::ErrorKind::Other)?;
        uring.submit_and_wait(0)?;
        uring
            .submitter()
            .enter::<libc::sigset_t>(0, 0, ENTER_GETEVENTS, None)?;
        uring.completion_shared().next()
    };
    let mut arrived: libc::c_int = 0;
    // SAFETY: the request writes one integer.
    unsafe { libc::ioctl(receiver.as_raw_fd(), libc::FIONREAD, &mut arrived) };
    Ok(completion.is_some_and(|told| told.result() > 0 && told.result() == arrived))
}

fn explain(error: &io::Error) -> Missing {
    Missing(match error.raw_os_error() {
        Some(libc::ENOSYS) => "the kernel has no io_uring",
        Some(libc::EPERM) => match policy().as_deref() {
            Some("1" | "2") => "io_uring is forbidden by kernel.io_uring_disabled",
            _ => "io_uring is blocked by a seccomp filter or a security module",
        },
        Some(libc::EACCES) => "io_uring is blocked by a seccomp filter or a security module",
        Some(libc::EINVAL) => "the kernel's io_uring is too old: 6.0 is needed",
        Some(libc::ENOMEM) => "locked memory (RLIMIT_MEMLOCK) does not suffice for a ring",
        Some(libc::EMFILE | libc::ENFILE) => "no descriptor was left for a ring",
        _ => "opening an io_uring failed",
    })
}

fn policy() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
        .ok()
        .map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn completions(ring: &Ring, count: usize) -> Vec<Completion> {
        let mut found = Vec::new();
        while found.len() < count {
            ring.enter_and_wait(Some(1_000_000_000)).unwrap();
            let before = found.len();
            found.extend(core::iter::from_fn(|| ring.take()));
            assert!(found.len() > before, "nothing completes");
        }
        found
    }

    #[test]
    fn more_requests_than_entries_all_complete_in_order() {
        let Ok(ring) = Ring::open(2, false) else {
            return;
        };
        for number in 0..100 {
            // SAFETY: the request names no memory.
            unsafe { ring.push(&opcode::Nop::new().build().user_data(number)) };
        }
        let seen = completions(&ring, 100);
        let seen: Vec<u64> = seen.iter().map(|completion| completion.user_data).collect();
        assert_eq!(seen, (0..100).collect::<Vec<u64>>());
    }

    #[test]
    fn received_bytes_are_in_the_provided_buffer_and_its_lack_is_reported() {
        let Ok(ring) = Ring::open(8, false) else {
            return;
        };
        let (mut writer, reader) = UnixStream::pair().unwrap();
        assert!(ring.open_buffers(1).unwrap());
        assert!(!ring.open_buffers(1).unwrap());
        let mut buffer = [0u8; 16];
        // SAFETY: the buffer outlives the ring's use of it.
        unsafe { ring.provide(7, buffer.as_mut_ptr(), 16) };
        let fd = io_uring::types::Fd(reader.as_raw_fd());
        // SAFETY: the memory is that of the provided buffer.
        unsafe { ring.push(&opcode::RecvMulti::new(fd, BUFFER_GROUP).build()) };
        ring.enter().unwrap();
        writer.write_all(b"hello").unwrap();
        let first = completions(&ring, 1)[0];
        assert_eq!(
            (first.result, cqueue::buffer_select(first.flags)),
            (5, Some(7))
        );
        assert!(cqueue::more(first.flags));
        assert_eq!(&buffer[..5], b"hello");
        assert_eq!(cqueue::buffer_more(first.flags), is_incremental());
        if is_incremental() {
            writer.write_all(b"eleven more").unwrap();
            let rest = completions(&ring, 1)[0];
            assert_eq!((rest.result, cqueue::buffer_more(rest.flags)), (11, false));
            assert_eq!(&buffer, b"helloeleven more");
        }
        writer.write_all(b"again").unwrap();
        let last = completions(&ring, 1)[0];
        assert_eq!(last.result, -libc::ENOBUFS);
        assert!(!cqueue::more(last.flags));
    }

    #[test]
    fn a_quiet_send_tells_only_what_it_did_not_take() {
        let Ok(ring) = Ring::open(2, false) else {
            return;
        };
        if !ring.has_quiet_sends() {
            return;
        }
        let (sender, _receiver) = UnixStream::pair().unwrap();
        let bytes = vec![0u8; 16 << 20];
        let send = |len: usize, user_data: u64| {
            let send = opcode::Send::new(Fd(sender.as_raw_fd()), bytes.as_ptr(), len as u32)
                .flags(QUIET_SEND_FLAGS)
                .build()
                .flags(squeue::Flags::SKIP_SUCCESS);
            // SAFETY: the bytes outlive the ring.
            unsafe { ring.push(&send.user_data(user_data)) }
        };
        let numbers: Vec<u64> = (0..5).map(|user_data| send(100, user_data)).collect();
        assert_eq!(ring.taken(), numbers[0]);
        ring.enter().unwrap();
        assert_eq!(ring.taken(), numbers[4] + 1);
        assert!(ring.take().is_none(), "success is not told");
        send(bytes.len(), 6);
        send(100, 7);
        let told = completions(&ring, 2);
        let [part, none] = [told[0], told[1]];
        assert_eq!((part.user_data, none.user_data), (6, 7));
        assert!(part.result > 0 && (part.result as usize) < bytes.len());
        assert_eq!(none.result, -libc::EAGAIN);
    }

    #[test]
    fn the_bell_rings_for_work_that_waits_for_an_enter() {
        let Ok(ring) = Ring::open(8, true) else {
            return;
        };
        let (mut writer, reader) = UnixStream::pair().unwrap();
        let fd = io_uring::types::Fd(reader.as_raw_fd());
        // SAFETY: the request names no memory.
        unsafe { ring.push(&opcode::PollAdd::new(fd, libc::POLLIN as u32).build()) };
        ring.enter().unwrap();
        assert!(!ring.is_due());
        assert!(!eventfd::drain(ring.bell_fd()));
        writer.write_all(b"x").unwrap();
        assert!(ring.is_due(), "known without a system call");
        assert!(eventfd::drain(ring.bell_fd()));
        ring.enter().unwrap();
        assert!(ring.take().is_some());
    }
}
