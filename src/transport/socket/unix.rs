//! STREAM_SOCKET_UNIX: names in the file system and abstract ones; the data path is [`super::stream`].

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::{listen, local_address, stream, to_kernel};
use crate::abi::{evpl, evpl_timer};
use crate::event::timer;
use crate::memory::cell::LoopCell;
use crate::sys::socket::{self, SockAddr};
use crate::transport::address::Address;
use crate::transport::bind::{Bind, Io};
use crate::transport::inbox::{AcceptSink, Accepted};
use crate::transport::{Cx, Protocol};

/// A full backlog is asked again after this, doubling.
const RETRY_FIRST_US: u64 = 1_000;
const RETRY_DELAY_US_MAX: u64 = 50_000;
/// After this much waiting the connect has failed.
const RETRY_TOTAL_US_MAX: u64 = 5_000_000;

pub struct Unix;

/// A connect that met a full backlog and waits to be tried again.
#[repr(C)]
pub struct Retry {
    timer: LoopCell<evpl_timer>,
    bind: *const Bind,
    delay_us: u64,
    waited_us: u64,
}

impl Retry {
    fn timer_pointer(&self) -> *mut evpl_timer {
        core::ptr::from_ref(self).cast_mut().cast()
    }

    pub fn cancel(&self, cx: &Cx) {
        cx.events.remove_timer(self.timer_pointer());
    }
}

impl Protocol for Unix {
    fn connect(&self, cx: &Cx, bind: &Bind, local: Option<Arc<Address>>) -> io::Result<()> {
        let fd = socket::open(libc::AF_UNIX, libc::SOCK_STREAM)?;
        let raw = fd.as_raw_fd();
        if let Some(local) = local {
            socket::bind(raw, &to_kernel(&local))?;
        }
        bind.set_local(local_address(raw).ok());
        stream::adopt_connecting(bind, fd, Io::Stream);
        try_connect(cx, bind, RETRY_FIRST_US, 0)
    }

    fn listen(&self, cx: &Cx, bind: &Bind, sink: Arc<dyn AcceptSink>) -> io::Result<()> {
        let name = bind.local().expect("listen sets the local address");
        let address = to_kernel(&name);
        let fd = socket::open(libc::AF_UNIX, libc::SOCK_STREAM)?;
        let raw = fd.as_raw_fd();
        match socket::bind(raw, &address) {
            Err(error) if error.raw_os_error() == Some(libc::EADDRINUSE) => {
                remove_stale(&name, &address)?;
                socket::bind(raw, &address)?;
            }
            other => other?,
        }
        // From here on the file is ours: it goes with the guard, whatever happens.
        let file = file_path(&name).map(listen::SocketFile::new);
        socket::listen(raw, listen::backlog(cx))?;
        listen::adopt(cx, bind, fd, sink, file)
    }

    fn attach(&self, cx: &Cx, bind: &Bind, accepted: Accepted) -> io::Result<()> {
        let Accepted::Socket { fd, local } = accepted else {
            unreachable!("a Unix listener accepts sockets")
        };
        bind.set_local(local);
        stream::adopt_connected(cx, bind, fd, Io::Stream)
    }

    fn flush(&self, cx: &Cx, bind: &Bind) {
        stream::flush_queued(cx, bind);
    }

    fn begin_close(&self, cx: &Cx, bind: &Bind) {
        stream::begin_close(cx, bind);
        listen::begin_close(cx, bind);
    }

    fn records_messages(&self, bind: &Bind) -> bool {
        bind.segment_callback().0.is_some()
    }

    fn merges_sends(&self) -> bool {
        true
    }
}

fn try_connect(cx: &Cx, bind: &Bind, delay_us: u64, waited_us: u64) -> io::Result<()> {
    let remote = to_kernel(&bind.remote().expect("connect sets the remote address"));
    let fd = stream::io(bind)
        .raw_fd()
        .expect("adopted before the first attempt");
    match socket::connect(fd, &remote) {
        Ok(connected) => stream::watch_connecting(cx, bind, connected),
        Err(error) if socket::is_transient(&error) && waited_us < RETRY_TOTAL_US_MAX => {
            let retry = Box::new(Retry {
                timer: LoopCell::new(timer::IDLE),
                bind,
                delay_us: (delay_us * 2).min(RETRY_DELAY_US_MAX),
                waited_us: waited_us + delay_us,
            });
            cx.events
                .add_timer(retry.timer_pointer(), Some(on_retry), delay_us, true);
            stream::io(bind).retry.replace(Some(retry));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

unsafe extern "C" fn on_retry(evpl: *mut evpl, timer: *mut evpl_timer) {
    // SAFETY: the timer is the first field of the `Retry` that its bind still owns: a close cancels it.
    let (cx, bind) = unsafe { (Cx::from_handle(evpl), &*(*timer.cast::<Retry>()).bind) };
    let Some(retry) = stream::io(bind).retry.take() else {
        return;
    };
    if try_connect(cx, bind, retry.delay_us, retry.waited_us).is_err() {
        cx.request_close(bind);
    }
}

/// The file of a name that has one.
fn file_path(name: &Address) -> Option<PathBuf> {
    name.path()
        .map(|path| PathBuf::from(OsStr::from_bytes(path)))
}

/// Removes a socket file that no server answers on. A live server, or anything that is not a socket, is
/// left alone and the address stays in use.
fn remove_stale(name: &Address, address: &SockAddr) -> io::Result<()> {
    let in_use = || io::Error::from_raw_os_error(libc::EADDRINUSE);
    let path = file_path(name).ok_or_else(in_use)?;
    let metadata = std::fs::symlink_metadata(&path)?;
    if !std::os::unix::fs::FileTypeExt::is_socket(&metadata.file_type()) {
        return Err(in_use());
    }
    let probe = socket::open(libc::AF_UNIX, libc::SOCK_STREAM)?;
    match socket::connect(probe.as_raw_fd(), address) {
        Err(error) if error.raw_os_error() == Some(libc::ECONNREFUSED) => {
            std::fs::remove_file(path)
        }
        _ => Err(in_use()),
    }
}
