//! Connections made and closed: connect, one byte there and back, close, and again.
//!
//! The byte makes sure that the server's side was there. The time recorded is from connecting to the
//! byte's return.

use core::cell::{Cell, RefCell};
use core::ffi::c_void;
use core::ptr::null_mut;
use std::sync::Barrier;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::{Case, Workload, collect, run_threads};
use crate::client::{CONNECT_TIMEOUT, Outcome};
use crate::ffi::{self, Loop};
use crate::log;
use crate::progress::Tally;
use crate::report::{self, Measurement};

/// Over all threads. A closed TCP connection keeps its port for a while, and a host has about 28,000.
const CONNECTIONS_MAX: u64 = 10_000;

pub fn measure(case: &Case) -> Result<Measurement, String> {
    if !case.protocol.is_connected() {
        return Err("the protocol has no connections".to_owned());
    }
    let threads = case.threads;
    let start = Barrier::new(threads as usize);
    let outcomes = run_threads(Workload::Connect, case, threads as usize, |_, tally| {
        start.wait();
        run(case, CONNECTIONS_MAX / u64::from(threads), tally)
    })?;
    let connections = case.depth * threads;
    let depth = 1;
    let latency = true;
    let workload = Workload::Connect;
    Ok(collect(
        workload,
        case,
        depth,
        connections,
        outcomes,
        latency,
    ))
}

struct Session<'a> {
    evpl: *mut ffi::evpl,
    case: &'a Case<'a>,
    tally: &'a Tally,
    running: Cell<bool>,
    /// Connections that may still be made.
    budget: Cell<u64>,
    done: Cell<u64>,
    open: Cell<u32>,
    failures: Cell<u64>,
    latency_ns: RefCell<Histogram<u64>>,
}

/// One connection after another.
struct Slot<'a> {
    session: &'a Session<'a>,
    connected_at: Cell<Option<Instant>>,
}

fn run(case: &Case, budget: u64, tally: &Tally) -> Result<Outcome, String> {
    let evpl = Loop::new(case.poll);
    let session = Session {
        evpl: evpl.handle(),
        case,
        tally,
        running: Cell::new(true),
        budget: Cell::new(budget),
        done: Cell::new(0),
        open: Cell::new(0),
        failures: Cell::new(0),
        latency_ns: RefCell::new(report::histogram()),
    };
    let slots: Vec<Slot> = (0..case.depth)
        .map(|_| Slot {
            session: &session,
            connected_at: Cell::new(None),
        })
        .collect();
    let begin = Instant::now();
    slots.iter().for_each(Slot::connect);
    let mut last = (begin, 0);
    while session.open.get() > 0 && begin.elapsed() < case.duration {
        evpl.pass();
        if session.done.get() > last.1 {
            last = (Instant::now(), session.done.get());
        } else if last.0.elapsed() > CONNECT_TIMEOUT {
            break;
        }
    }
    let elapsed = begin.elapsed();
    session.running.set(false);
    // Its last callbacks use the slots, so the loop goes first.
    drop(evpl);
    let done = session.done.get();
    if done == 0 {
        let reason = log::take_last_error().unwrap_or_else(|| "refused".to_owned());
        return Err(format!("no connection: {reason}"));
    }
    Ok(Outcome {
        messages: done,
        bytes: done,
        lost: session.failures.get(),
        elapsed,
        latency_ns: session.latency_ns.replace(report::histogram()),
    })
}

impl Slot<'_> {
    fn connect(&self) {
        let session = self.session;
        if !session.running.get() || session.budget.get() == 0 {
            return;
        }
        session.budget.set(session.budget.get() - 1);
        self.connected_at.set(Some(Instant::now()));
        let private_data = core::ptr::from_ref(self).cast_mut().cast::<c_void>();
        // SAFETY: this thread's loop, a live endpoint, and a slot that outlives the loop.
        let bind = unsafe {
            ffi::evpl_connect(
                session.evpl,
                session.case.protocol.id,
                null_mut(),
                session.case.route.echo.handle(),
                Some(on_notify),
                None,
                private_data,
            )
        };
        if bind.is_null() {
            session.failures.set(session.failures.get() + 1);
        } else {
            session.open.set(session.open.get() + 1);
        }
    }

    /// The byte is back.
    fn finish(&self, bind: *mut ffi::evpl_bind) {
        let session = self.session;
        // SAFETY: a live bind of this thread's loop.
        unsafe { ffi::evpl_close(session.evpl, bind) };
        let Some(connected_at) = self.connected_at.take() else {
            return;
        };
        if session.running.get() {
            let ns = connected_at.elapsed().as_nanos() as u64;
            session.latency_ns.borrow_mut().saturating_record(ns);
            session.done.set(session.done.get() + 1);
            session.tally.add(1, 1);
        }
    }
}

unsafe extern "C" fn on_notify(
    evpl: *mut ffi::evpl,
    bind: *mut ffi::evpl_bind,
    notify: *mut ffi::evpl_notify,
    private_data: *mut c_void,
) {
    // SAFETY: what `connect` passed; it outlives the loop.
    let slot = unsafe { &*private_data.cast::<Slot>() };
    // SAFETY: valid during the call.
    let notify = unsafe { &*notify };
    match notify.notify_type {
        ffi::EVPL_NOTIFY_CONNECTED => {
            // SAFETY: a live bind of this thread; the byte is copied.
            unsafe { ffi::evpl_send(evpl, bind, b"x".as_ptr().cast(), 1) };
        }
        ffi::EVPL_NOTIFY_RECV_DATA => {
            // SAFETY: a live stream of this thread; the references are ours.
            unsafe {
                ffi::receive_all(evpl, bind, |iovecs, _| ffi::release(evpl, iovecs));
            }
            slot.finish(bind);
        }
        ffi::EVPL_NOTIFY_RECV_MSG => {
            // SAFETY: the payload of this type; its references are ours.
            unsafe { ffi::release(evpl, ffi::iovecs(&notify.payload.recv_msg)) };
            slot.finish(bind);
        }
        ffi::EVPL_NOTIFY_DISCONNECTED => {
            let session = slot.session;
            session.open.set(session.open.get() - 1);
            if slot.connected_at.take().is_some() && session.running.get() {
                session.failures.set(session.failures.get() + 1);
            }
            slot.connect();
        }
        _ => {}
    }
}
