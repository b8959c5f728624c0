//! How a loop waits for descriptors: one type, two mechanisms, chosen when the loop is made.

#![forbid(unsafe_code)]

pub mod epoll;
pub mod select;

use std::io;
use std::os::fd::RawFd;

use super::fd_event::FdEvents;
use crate::config::CoreMech;

pub enum Poller {
    Epoll(epoll::EpollPoller),
    Select(select::SelectPoller),
}

impl Poller {
    pub fn open(mech: CoreMech) -> io::Result<Poller> {
        Ok(match mech {
            CoreMech::Epoll => Poller::Epoll(epoll::EpollPoller::open()?),
            CoreMech::Select => Poller::Select(select::SelectPoller::default()),
        })
    }

    /// A descriptor that tells of all watched ones.
    pub fn fd(&self) -> Option<RawFd> {
        match self {
            Poller::Epoll(poller) => Some(poller.fd()),
            Poller::Select(_) => None,
        }
    }

    pub fn add(&self, fd: RawFd, slot: u32, generation: u32, output: bool) -> io::Result<()> {
        match self {
            Poller::Epoll(poller) => poller.add(fd, slot, generation, output),
            Poller::Select(_) => Ok(()),
        }
    }

    /// Reports from now on when the descriptor takes output.
    pub fn add_output(&self, fd: RawFd, slot: u32, generation: u32) -> io::Result<()> {
        match self {
            Poller::Epoll(poller) => poller.add_output(fd, slot, generation),
            Poller::Select(_) => Ok(()),
        }
    }

    /// Whether a descriptor that stays readable is reported again and again.
    pub fn is_level_triggered(&self) -> bool {
        matches!(self, Poller::Select(_))
    }

    pub fn remove(&self, fd: RawFd) -> io::Result<()> {
        match self {
            Poller::Epoll(poller) => poller.remove(fd),
            Poller::Select(_) => Ok(()),
        }
    }

    /// Waits, latches readiness into the events, and calls nobody. An interrupted wait is an error of
    /// kind `Interrupted`.
    pub fn wait(&self, events: &FdEvents, timeout_ns: Option<u64>) -> io::Result<usize> {
        match self {
            Poller::Epoll(poller) => poller.wait(events, timeout_ns),
            Poller::Select(poller) => poller.wait(events, timeout_ns),
        }
    }
}
