//! Listening sockets, on a listener's own thread.
//!
//! Accepting goes on until the kernel has no more. When descriptors or memory run out the rest stays in
//! the backlog and a timer tries again, because no new edge would come.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use super::from_kernel;
use crate::abi::{evpl, evpl_fd_event, evpl_timer};
use crate::event::fd_event::WatchOutput;
use crate::event::timer;
use crate::memory::cell::LoopCell;
use crate::sys::socket;
use crate::transport::Cx;
use crate::transport::address::Address;
use crate::transport::bind::{Bind, Io};
use crate::transport::inbox::{AcceptSink, Accepted};

/// Connections accepted in one dispatch before other listening sockets get their turn.
const ACCEPTS_PER_TURN_MAX: usize = 256;
const RETRY_US: u64 = 20_000;

#[repr(C)]
pub struct ListenIo {
    /// First: its address leads back here.
    retry: LoopCell<evpl_timer>,
    bind: *const Bind,
    fd: LoopCell<Option<OwnedFd>>,
    file: LoopCell<Option<SocketFile>>,
    sink: Arc<dyn AcceptSink>,
    /// What every accepted connection's local address is, unless each has its own.
    local: Option<Arc<Address>>,
    /// Descriptors ran out; logged once until accepting works again.
    exhausted: std::cell::Cell<bool>,
}

/// The file of a listening Unix socket; gone with the guard.
pub struct SocketFile(PathBuf);

impl SocketFile {
    pub fn new(path: PathBuf) -> SocketFile {
        SocketFile(path)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else may have removed it already.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The configured backlog, or the system's largest.
pub fn backlog(cx: &Cx) -> i32 {
    match cx.config().max_pending {
        Some(backlog) => i32::try_from(backlog).unwrap_or(i32::MAX),
        None => socket::somaxconn(),
    }
}

pub fn adopt(
    cx: &Cx,
    bind: &Bind,
    fd: OwnedFd,
    sink: Arc<dyn AcceptSink>,
    file: Option<SocketFile>,
) -> io::Result<()> {
    let raw = fd.as_raw_fd();
    bind.set_io(Io::Listen(Box::new(ListenIo {
        retry: LoopCell::new(timer::IDLE),
        bind,
        fd: LoopCell::new(Some(fd)),
        file: LoopCell::new(file),
        sink,
        local: bind.local().filter(|local| !is_wildcard(local)),
        exhausted: std::cell::Cell::new(false),
    })));
    cx.events.add_internal(
        bind.event_pointer(),
        raw,
        [Some(on_readable), None, None],
        WatchOutput::Now,
        false,
    )?;
    cx.events.fds().read_interest(bind.event_pointer());
    Ok(())
}

/// Whether connections to this address arrive at one of several.
fn is_wildcard(address: &Address) -> bool {
    address
        .socket_addr()
        .is_some_and(|address| address.ip().is_unspecified())
}

unsafe extern "C" fn on_readable(evpl: *mut evpl, event: *mut evpl_fd_event) {
    // SAFETY: the loop calls this with its own handle, for events that `adopt` registered.
    let (cx, bind) = unsafe { (Cx::from_handle(evpl), Bind::from_event(event)) };
    let Io::Listen(io) = bind.io() else { return };
    for _ in 0..ACCEPTS_PER_TURN_MAX {
        match socket::accept(bind.event().fd()) {
            Ok((fd, peer)) => {
                io.exhausted.set(false);
                io.sink.accept(
                    Some(cx),
                    bind.row(),
                    Accepted::Socket {
                        fd,
                        local: io.local.clone(),
                    },
                    from_kernel(&peer),
                );
            }
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN) => return cx.events.fds().mark_unreadable(bind.event_pointer()),
                Some(errno) if failed_before_accept(errno) => {}
                // Descriptors or memory ran out, or the kernel refuses for a reason of its own.
                _ => return wait_for_resources(cx, bind, io, &error),
            },
        }
    }
}

/// Whether it is this one connection that failed before we saw it; see accept(2), error handling.
pub fn failed_before_accept(errno: i32) -> bool {
    matches!(
        errno,
        libc::EINTR
            | libc::ECONNABORTED
            | libc::EPROTO
            | libc::ENETDOWN
            | libc::ENOPROTOOPT
            | libc::EHOSTDOWN
            | libc::ENONET
            | libc::EHOSTUNREACH
            | libc::EOPNOTSUPP
            | libc::ENETUNREACH
    )
}

fn wait_for_resources(cx: &Cx, bind: &Bind, io: &ListenIo, error: &io::Error) {
    if !io.exhausted.replace(true) {
        crate::log_error!(
            "socket",
            "accept on {} waits: {}",
            bind.local_address_text(),
            error
        );
    }
    cx.events.fds().mark_unreadable(bind.event_pointer());
    // select would report the backlog again at once.
    cx.events.fds().read_disinterest(bind.event_pointer());
    cx.events
        .add_timer(retry_pointer(io), Some(on_retry), RETRY_US, true);
}

fn retry_pointer(io: &ListenIo) -> *mut evpl_timer {
    core::ptr::from_ref(io).cast_mut().cast()
}

unsafe extern "C" fn on_retry(evpl: *mut evpl, timer: *mut evpl_timer) {
    // SAFETY: the timer is the first field of a `ListenIo` whose bind is open: a close removes it.
    let (cx, bind) = unsafe { (Cx::from_handle(evpl), &*(*timer.cast::<ListenIo>()).bind) };
    cx.events.fds().mark_readable(bind.event_pointer());
    cx.events.fds().read_interest(bind.event_pointer());
}

/// Stops listening: the file goes first, so that nobody finds a name that refuses.
pub fn begin_close(cx: &Cx, bind: &Bind) {
    let Io::Listen(io) = bind.io() else { return };
    cx.events.remove_timer(retry_pointer(io));
    io.file.take();
    cx.events.remove_closing(bind.event_pointer());
    io.fd.take();
}
