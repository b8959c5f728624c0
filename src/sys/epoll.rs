//! epoll(7), edge triggered, with nanosecond waits where the kernel has them (5.11 and later).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use super::check;

/// Events fetched by one wait.
pub const WAIT_EVENTS_MAX: usize = 64;

/// Room for the events of one wait, not cleared before each.
pub type Events = [MaybeUninit<libc::epoll_event>; WAIT_EVENTS_MAX];

pub const fn no_events() -> Events {
    [const { MaybeUninit::uninit() }; WAIT_EVENTS_MAX]
}

/// Cleared the first time the kernel says it has no epoll_pwait2.
static HAS_PWAIT2: AtomicBool = AtomicBool::new(true);

pub struct Epoll {
    fd: OwnedFd,
}

impl Epoll {
    pub fn open() -> io::Result<Epoll> {
        // SAFETY: no pointers are passed.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: a fresh descriptor that only we have.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Epoll { fd })
    }

    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Registers `fd`, edge triggered, for input, errors and hang-ups, and for output if `output` says so;
    /// `data` comes back with each event.
    pub fn add(&self, fd: RawFd, data: u64, output: bool) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, data, output)
    }

    /// Adds output to what is reported, beginning with whether it is possible now.
    pub fn add_output(&self, fd: RawFd, data: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, data, true)
    }

    fn control(
        &self,
        operation: libc::c_int,
        fd: RawFd,
        data: u64,
        output: bool,
    ) -> io::Result<()> {
        let mut interest =
            libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLERR | libc::EPOLLRDHUP | libc::EPOLLET;
        if output {
            interest |= libc::EPOLLOUT;
        }
        let mut event = libc::epoll_event {
            events: interest as u32,
            u64: data,
        };
        // SAFETY: `event` lives through the call.
        check(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd, &mut event) })?;
        Ok(())
    }

    /// Takes `fd` out. A descriptor that was closed first is already out.
    pub fn remove(&self, fd: RawFd) -> io::Result<()> {
        // SAFETY: the event argument is ignored for DEL.
        let result = check(unsafe {
            libc::epoll_ctl(
                self.fd.as_raw_fd(),
                libc::EPOLL_CTL_DEL,
                fd,
                core::ptr::null_mut(),
            )
        });
        match result {
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::EBADF | libc::ENOENT | libc::EPERM)
                ) =>
            {
                Ok(())
            }
            other => other.map(drop),
        }
    }

    /// Waits at most `timeout_ns` (`None`: for ever) and returns what is ready.
    pub fn wait<'a>(
        &self,
        events: &'a mut Events,
        timeout_ns: Option<u64>,
    ) -> io::Result<&'a [libc::epoll_event]> {
        let count = self.wait_count(events, timeout_ns)?;
        // SAFETY: the kernel wrote the first `count` entries.
        Ok(unsafe { events[..count].assume_init_ref() })
    }

    fn wait_count(&self, events: &mut Events, timeout_ns: Option<u64>) -> io::Result<usize> {
        if let Some(ns) = timeout_ns
            && ns != 0
            && HAS_PWAIT2.load(Ordering::Relaxed)
        {
            match self.wait_ns(events, ns) {
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                    HAS_PWAIT2.store(false, Ordering::Relaxed);
                }
                other => return other,
            }
        }
        // Rounded down: the loop passes once more rather than oversleep.
        let timeout_ms = timeout_ns.map_or(-1, |ns| (ns / 1_000_000).min(i32::MAX as u64) as i32);
        // The system call itself: the C library's function is a cancellation point, which costs more
        // than the rest of a look that finds nothing.
        // SAFETY: the kernel writes at most WAIT_EVENTS_MAX entries.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait,
                self.fd.as_raw_fd(),
                events.as_mut_ptr(),
                WAIT_EVENTS_MAX as libc::c_int,
                timeout_ms,
                core::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        check(count as libc::c_int).map(|count| count as usize)
    }

    fn wait_ns(&self, events: &mut Events, timeout_ns: u64) -> io::Result<usize> {
        let timeout = libc::timespec {
            tv_sec: (timeout_ns / 1_000_000_000) as libc::time_t,
            tv_nsec: (timeout_ns % 1_000_000_000) as libc::c_long,
        };
        // SAFETY: the kernel writes at most WAIT_EVENTS_MAX entries and only reads `timeout`.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.fd.as_raw_fd(),
                events.as_mut_ptr(),
                WAIT_EVENTS_MAX as libc::c_int,
                &timeout,
                core::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        check(count as libc::c_int).map(|count| count as usize)
    }
}
