//! Edge-triggered epoll: each descriptor is registered once and readiness is latched.

#![forbid(unsafe_code)]

use std::io;
use std::os::fd::RawFd;

use crate::event::fd_event::{ERROR, FdEvents, READABLE, URGENT, WRITABLE};
use crate::sys::epoll::{self, Epoll};

pub struct EpollPoller {
    epoll: Epoll,
}

impl EpollPoller {
    pub fn open() -> io::Result<EpollPoller> {
        Ok(EpollPoller {
            epoll: Epoll::open()?,
        })
    }

    pub fn fd(&self) -> RawFd {
        self.epoll.fd()
    }

    pub fn add(&self, fd: RawFd, slot: u32, generation: u32, output: bool) -> io::Result<()> {
        self.epoll.add(fd, data(slot, generation), output)
    }

    pub fn add_output(&self, fd: RawFd, slot: u32, generation: u32) -> io::Result<()> {
        self.epoll.add_output(fd, data(slot, generation))
    }

    pub fn remove(&self, fd: RawFd) -> io::Result<()> {
        self.epoll.remove(fd)
    }

    pub fn wait(&self, events: &FdEvents, timeout_ns: Option<u64>) -> io::Result<usize> {
        let mut ready = epoll::no_events();
        let ready = self.epoll.wait(&mut ready, timeout_ns)?;
        for event in ready {
            let data = event.u64;
            events.latch(data as u32, (data >> 32) as u32, latched(event.events));
        }
        Ok(ready.len())
    }
}

fn data(slot: u32, generation: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(slot)
}

/// A hang-up reads as end of file, so every error or hang-up also makes the event readable.
fn latched(kernel: u32) -> u32 {
    let is = |bits: libc::c_int| kernel & bits as u32 != 0;
    let mut flags = 0;
    if is(libc::EPOLLIN | libc::EPOLLERR | libc::EPOLLHUP | libc::EPOLLRDHUP) {
        flags |= READABLE;
    }
    if is(libc::EPOLLPRI) {
        flags |= URGENT;
    }
    if is(libc::EPOLLOUT) {
        flags |= WRITABLE;
    }
    if is(libc::EPOLLERR | libc::EPOLLHUP | libc::EPOLLRDHUP) {
        flags |= ERROR;
    }
    flags
}
