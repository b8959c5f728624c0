//! The process's in-process names: who listens, and the serial numbers of connections.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::transport::inbox::AcceptSink;
use crate::transport::registry::Row;

struct Published {
    row: &'static Row,
    sink: Arc<dyn AcceptSink>,
}

#[derive(Default)]
pub struct Names {
    published: Mutex<HashMap<Arc<[u8]>, Published>>,
    serials: AtomicU32,
}

impl Names {
    fn with<R>(&self, f: impl FnOnce(&mut HashMap<Arc<[u8]>, Published>) -> R) -> R {
        f(&mut self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner))
    }

    /// Both in-process protocols share the names.
    pub fn publish(
        &self,
        name: Arc<[u8]>,
        row: &'static Row,
        sink: Arc<dyn AcceptSink>,
    ) -> io::Result<()> {
        self.with(|published| match published.entry(name) {
            std::collections::hash_map::Entry::Occupied(_) => {
                Err(io::Error::from_raw_os_error(libc::EADDRINUSE))
            }
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(Published { row, sink });
                Ok(())
            }
        })
    }

    pub fn withdraw(&self, name: &[u8]) {
        let removed = self.with(|published| published.remove(name));
        // Dropped outside the lock: a sink may be the last owner of connections.
        drop(removed);
    }

    /// Who listens under this name with this protocol; a listener of the other kind counts as absent.
    pub fn find(&self, name: &[u8], row: &'static Row) -> Option<Arc<dyn AcceptSink>> {
        self.with(|published| {
            published
                .get(name)
                .filter(|published| published.row.id == row.id)
                .map(|published| published.sink.clone())
        })
    }

    /// Numbers connections from one; zero marks a listener.
    pub fn next_serial(&self) -> u32 {
        loop {
            let serial = self.serials.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            if serial != 0 {
                return serial;
            }
        }
    }
}
