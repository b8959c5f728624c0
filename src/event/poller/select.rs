//! select: level triggered, only the directions with interest, no error reports. End of file and
//! errors show as readable.

#![forbid(unsafe_code)]

use std::io;
use std::os::fd::RawFd;

use crate::event::fd_event::{FdEvents, READ_INTEREST, READABLE, WRITABLE, WRITE_INTEREST};
use crate::memory::cell::LoopCell;
use crate::sys::select::{self, FdSet};

#[derive(Default)]
pub struct SelectPoller {
    sets: LoopCell<Sets>,
}

#[derive(Default)]
struct Sets {
    read: FdSet,
    write: FdSet,
    watched: Vec<Watched>,
}

struct Watched {
    slot: u32,
    generation: u32,
    fd: RawFd,
    interest: u32,
}

impl SelectPoller {
    pub fn wait(&self, events: &FdEvents, timeout_ns: Option<u64>) -> io::Result<usize> {
        self.sets.with(|sets| {
            let mut result = sets.wait(events, timeout_ns, |_| true);
            // A descriptor was closed behind our back: leave it out, it cannot become ready. Another
            // thread may close the next one before the wait begins.
            while let Err(error) = &result
                && error.raw_os_error() == Some(libc::EBADF)
            {
                result = sets.wait(events, timeout_ns, select::is_open);
            }
            result
        })
    }
}

impl Sets {
    fn wait(
        &mut self,
        events: &FdEvents,
        timeout_ns: Option<u64>,
        include: impl Fn(RawFd) -> bool,
    ) -> io::Result<usize> {
        self.read.clear();
        self.write.clear();
        self.watched.clear();
        let mut bits = 0;
        events.each_registration(|slot, generation, fd, flags| {
            let interest = flags & (READ_INTEREST | WRITE_INTEREST);
            if interest == 0 || !include(fd) {
                return;
            }
            if interest & READ_INTEREST != 0 {
                self.read.insert(fd);
            }
            if interest & WRITE_INTEREST != 0 {
                self.write.insert(fd);
            }
            bits = bits.max(fd as usize + 1);
            self.watched.push(Watched {
                slot,
                generation,
                fd,
                interest,
            });
        });
        let count = select::wait(&mut self.read, &mut self.write, bits, timeout_ns)?;
        if count > 0 {
            for watched in &self.watched {
                let mut flags = 0;
                if watched.interest & READ_INTEREST != 0 && self.read.contains(watched.fd) {
                    flags |= READABLE;
                }
                if watched.interest & WRITE_INTEREST != 0 && self.write.contains(watched.fd) {
                    flags |= WRITABLE;
                }
                if flags != 0 {
                    events.latch(watched.slot, watched.generation, flags);
                }
            }
        }
        Ok(count)
    }
}
