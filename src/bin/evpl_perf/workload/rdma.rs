//! One-sided operations: reads of, or writes to, memory that the server offers.
//!
//! Each thread has one connection and keeps operations under way on it, each with its own piece of the
//! offered memory. The time recorded is from the call to its callback.

use core::cell::{Cell, RefCell};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use std::sync::Barrier;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::{Case, Workload, collect, run_threads};
use crate::client::{CONNECT_TIMEOUT, Outcome};
use crate::ffi::{self, Loop, Payload};
use crate::log;
use crate::progress::Tally;
use crate::report::{self, Measurement};

/// Bytes of an offer: key, address and length.
const OFFER_LEN: usize = 24;

pub fn measure(workload: Workload, case: &Case) -> Result<Measurement, String> {
    if !workload.suits(case.protocol) {
        return Err("the protocol has no one-sided operations".to_owned());
    }
    let threads = case.threads;
    let start = Barrier::new(threads as usize);
    let outcomes = run_threads(workload, case, threads as usize, |_, tally| {
        run(workload, case, tally, &start)
    })?;
    let depth = u64::from(case.depth);
    Ok(collect(workload, case, depth, threads, outcomes, true))
}

#[derive(Clone, Copy)]
struct Offer {
    key: u32,
    address: u64,
    length: u64,
}

struct Session<'a> {
    evpl: *mut ffi::evpl,
    workload: Workload,
    size: u32,
    tally: &'a Tally,
    payload: &'a Payload,
    bind: Cell<*mut ffi::evpl_bind>,
    offer: Cell<Option<Offer>>,
    running: Cell<bool>,
    is_down: Cell<bool>,
    failed: Cell<c_int>,
    under_way: Cell<u32>,
    done: Cell<u64>,
    latency_ns: RefCell<Histogram<u64>>,
}

/// One operation after another.
struct Slot<'a> {
    session: &'a Session<'a>,
    index: u64,
    started_at: Cell<Option<Instant>>,
}

fn run(workload: Workload, case: &Case, tally: &Tally, start: &Barrier) -> Result<Outcome, String> {
    let evpl = Loop::new(case.poll);
    let payload = match evpl.payload(case.size) {
        Ok(payload) => payload,
        Err(error) => {
            start.wait();
            return Err(error);
        }
    };
    let session = Session {
        evpl: evpl.handle(),
        workload,
        size: case.size,
        tally,
        payload: &payload,
        bind: Cell::new(null_mut()),
        offer: Cell::new(None),
        running: Cell::new(false),
        is_down: Cell::new(false),
        failed: Cell::new(0),
        under_way: Cell::new(0),
        done: Cell::new(0),
        latency_ns: RefCell::new(report::histogram()),
    };
    let slots: Vec<Slot> = (0..u64::from(case.depth))
        .map(|index| Slot {
            session: &session,
            index,
            started_at: Cell::new(None),
        })
        .collect();
    let outcome = session.measure(&evpl, case, &slots, start);
    // Its last callbacks use the slots, so the loop goes first.
    drop(payload);
    drop(evpl);
    outcome
}

impl Session<'_> {
    fn measure(
        &self,
        evpl: &Loop,
        case: &Case,
        slots: &[Slot],
        start: &Barrier,
    ) -> Result<Outcome, String> {
        let connected = self.connect(evpl, case);
        start.wait();
        connected?;
        self.running.set(true);
        let begin = Instant::now();
        slots.iter().for_each(Slot::start);
        while begin.elapsed() < case.duration && !self.is_down.get() && self.failed.get() == 0 {
            evpl.pass();
        }
        let elapsed = begin.elapsed();
        self.running.set(false);
        if self.failed.get() != 0 {
            let error = std::io::Error::from_raw_os_error(self.failed.get());
            return Err(format!("an operation failed: {error}"));
        }
        if self.is_down.get() {
            return Err(self.failure("the connection broke"));
        }
        let settling = Instant::now();
        while self.under_way.get() > 0 && settling.elapsed() < CONNECT_TIMEOUT {
            evpl.pass();
        }
        Ok(Outcome {
            messages: self.done.get(),
            bytes: self.done.get() * u64::from(self.size),
            lost: 0,
            elapsed,
            latency_ns: self.latency_ns.replace(report::histogram()),
        })
    }

    /// Connects and waits for the offer.
    fn connect(&self, evpl: &Loop, case: &Case) -> Result<(), String> {
        let private_data = core::ptr::from_ref(self).cast_mut().cast::<c_void>();
        // SAFETY: this thread's loop, a live endpoint, and a session that outlives the loop.
        let bind = unsafe {
            ffi::evpl_connect(
                self.evpl,
                case.protocol.id,
                null_mut(),
                case.route.memory.handle(),
                Some(on_notify),
                None,
                private_data,
            )
        };
        if bind.is_null() {
            return Err(self.failure("no connection"));
        }
        self.bind.set(bind);
        let begin = Instant::now();
        while self.offer.get().is_none() {
            if self.is_down.get() || begin.elapsed() > CONNECT_TIMEOUT {
                return Err(self.failure("no memory was offered"));
            }
            evpl.pass();
        }
        match self.offer.get() {
            Some(offer) if offer.length >= u64::from(self.size) => Ok(()),
            _ => Err("the server offers less memory".to_owned()),
        }
    }

    fn failure(&self, what: &str) -> String {
        match log::take_last_error() {
            Some(reason) => format!("{what}: {reason}"),
            None => what.to_owned(),
        }
    }
}

impl Slot<'_> {
    fn start(&self) {
        let session = self.session;
        let Some(offer) = session.offer.get() else {
            return;
        };
        let size = u64::from(session.size);
        let address = offer.address + self.index % (offer.length / size) * size;
        session.under_way.set(session.under_way.get() + 1);
        self.started_at.set(Some(Instant::now()));
        let (evpl, bind) = (session.evpl, session.bind.get());
        let (iovecs, niov) = session.payload.iovecs();
        let private_data = core::ptr::from_ref(self).cast_mut().cast::<c_void>();
        // SAFETY: a live bind of this thread; payload and slot outlive the loop.
        unsafe {
            if session.workload == Workload::RdmaRead {
                ffi::evpl_rdma_read(
                    evpl,
                    bind,
                    offer.key,
                    address,
                    iovecs,
                    niov,
                    Some(on_done),
                    private_data,
                );
            } else {
                ffi::evpl_rdma_write(
                    evpl,
                    bind,
                    offer.key,
                    address,
                    iovecs,
                    niov,
                    0,
                    Some(on_done),
                    private_data,
                );
            }
        }
    }
}

unsafe extern "C" fn on_done(status: c_int, private_data: *mut c_void) {
    // SAFETY: what `start` passed; it outlives the loop.
    let slot = unsafe { &*private_data.cast::<Slot>() };
    let session = slot.session;
    session.under_way.set(session.under_way.get() - 1);
    if !session.running.get() {
        return;
    }
    if status != 0 {
        return session.failed.set(status);
    }
    if let Some(started_at) = slot.started_at.take() {
        let ns = started_at.elapsed().as_nanos() as u64;
        session.latency_ns.borrow_mut().saturating_record(ns);
    }
    session.done.set(session.done.get() + 1);
    session.tally.add(1, u64::from(session.size));
    slot.start();
}

unsafe extern "C" fn on_notify(
    evpl: *mut ffi::evpl,
    _bind: *mut ffi::evpl_bind,
    notify: *mut ffi::evpl_notify,
    private_data: *mut c_void,
) {
    // SAFETY: what `connect` passed; it outlives the loop.
    let session = unsafe { &*private_data.cast::<Session>() };
    // SAFETY: valid during the call.
    let notify = unsafe { &*notify };
    match notify.notify_type {
        ffi::EVPL_NOTIFY_RECV_MSG => {
            // SAFETY: the payload of this type; its references are ours.
            unsafe {
                let iovecs = ffi::iovecs(&notify.payload.recv_msg);
                let bytes: Vec<u8> = iovecs
                    .iter()
                    .flat_map(|iovec| ffi::bytes(iovec))
                    .copied()
                    .collect();
                ffi::release(evpl, iovecs);
                session.offer.set(offer_of(&bytes));
            }
        }
        ffi::EVPL_NOTIFY_DISCONNECTED => session.is_down.set(true),
        _ => {}
    }
}

fn offer_of(bytes: &[u8]) -> Option<Offer> {
    let bytes: &[u8; OFFER_LEN] = bytes.try_into().ok()?;
    let number = |at: usize| {
        bytes[at..at + 8]
            .iter()
            .fold(0u64, |number, byte| number << 8 | u64::from(*byte))
    };
    Some(Offer {
        key: number(0) as u32,
        address: number(8),
        length: number(16),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_has_three_numbers() {
        let bytes = [7u64, 0x7f00_0000_1000, 4096].map(u64::to_be_bytes);
        let offer = offer_of(bytes.as_flattened()).unwrap();
        assert_eq!(
            (offer.key, offer.address, offer.length),
            (7, 0x7f00_0000_1000, 4096)
        );
        assert!(offer_of(&bytes.as_flattened()[1..]).is_none());
    }
}
