//! The measuring side: threads that keep a number of bytes in flight on each of their connections.
//!
//! Everything a callback uses is in a [`Session`], which outlives its loop, behind shared references.

use core::cell::{Cell, RefCell};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::ffi::{self, Loop, Payload, Protocol};
use crate::log;
use crate::progress::Tally;
use crate::report;
use crate::route::Route;

/// How long connections may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A whole interval without an answer means that what is in flight was lost.
const STALL_US: u64 = 50_000;

/// How long answers may take that are still missing at the end.
const GRACE: Duration = Duration::from_millis(100);

/// What a thread does.
#[derive(Clone, Copy)]
pub struct Load {
    pub protocol: Protocol,
    pub size: u32,
    /// Bytes in flight on each connection, at least one message.
    pub window: u64,
    /// Of this thread.
    pub connections: u32,
    pub answer: Answer,
    /// Record the time of each round trip. One message in flight only.
    pub record: bool,
    pub copy: bool,
    pub poll: bool,
    pub duration: Duration,
}

/// What comes back: the bytes themselves, or how many there were.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Echo,
    Count,
}

/// What came of it.
pub struct Outcome {
    pub messages: u64,
    pub bytes: u64,
    pub lost: u64,
    pub elapsed: Duration,
    pub latency_ns: Histogram<u64>,
}

/// Runs `load` on this thread. All threads of a measurement meet at `start`, also those that fail.
pub fn run(load: &Load, route: &Route, tally: &Tally, start: &Barrier) -> Result<Outcome, String> {
    let evpl = Loop::new(load.poll);
    let payload = match evpl.payload(load.size) {
        Ok(payload) => payload,
        Err(error) => {
            start.wait();
            return Err(error);
        }
    };
    let session = Session {
        evpl: evpl.handle(),
        load,
        endpoint: match load.answer {
            Answer::Echo => route.echo.handle(),
            Answer::Count => route.count.handle(),
        },
        payload: &payload,
        copied: vec![0x5a; if load.copy { load.size as usize } else { 0 }],
        tally,
        latency_ns: RefCell::new(report::histogram()),
        running: Cell::new(false),
        up: Cell::new(0),
        down: Cell::new(0),
        bytes: Cell::new(0),
        lost_bytes: Cell::new(0),
        flows: (0..load.connections).map(|_| Flow::default()).collect(),
    };
    let outcome = session.measure(&evpl, route, start);
    // Its last callbacks use the session, so the loop goes first.
    drop(payload);
    drop(evpl);
    outcome
}

struct Session<'a> {
    evpl: *mut ffi::evpl,
    load: &'a Load,
    endpoint: *mut ffi::evpl_endpoint,
    payload: &'a Payload,
    /// What the copying functions send.
    copied: Vec<u8>,
    tally: &'a Tally,
    latency_ns: RefCell<Histogram<u64>>,
    running: Cell<bool>,
    up: Cell<u32>,
    down: Cell<u32>,
    /// Answered.
    bytes: Cell<u64>,
    lost_bytes: Cell<u64>,
    flows: Box<[Flow]>,
}

/// One connection, or one socket of a protocol that has none.
struct Flow {
    session: Cell<*const Session<'static>>,
    bind: Cell<*mut ffi::evpl_bind>,
    in_flight: Cell<u64>,
    answered: Cell<u64>,
    /// `answered` at the last look for a stall.
    answered_before: Cell<u64>,
    sent_at: Cell<Option<Instant>>,
    /// The beginning of a count that arrived in part.
    partial: Cell<([u8; 8], usize)>,
}

impl Default for Flow {
    fn default() -> Flow {
        Flow {
            session: Cell::new(core::ptr::null()),
            bind: Cell::new(null_mut()),
            in_flight: Cell::new(0),
            answered: Cell::new(0),
            answered_before: Cell::new(0),
            sent_at: Cell::new(None),
            partial: Cell::new(([0; 8], 0)),
        }
    }
}

/// A timer and what it is for; the library gives the address of the first field back.
#[repr(C)]
struct StallTimer {
    timer: ffi::evpl_timer,
    session: *const Session<'static>,
}

impl Session<'_> {
    fn measure(&self, evpl: &Loop, route: &Route, start: &Barrier) -> Result<Outcome, String> {
        let connected = self.connect(evpl, route);
        start.wait();
        connected?;
        let mut stall = StallTimer {
            timer: ffi::idle_timer(),
            session: core::ptr::from_ref(self).cast(),
        };
        if !self.load.protocol.is_connected() {
            let timer: *mut StallTimer = &mut stall;
            // SAFETY: taken off again below.
            unsafe { ffi::evpl_add_timer(self.evpl, timer.cast(), Some(on_stall), STALL_US) };
        }
        self.running.set(true);
        let begin = Instant::now();
        for flow in &self.flows {
            flow.refill(self, null_mut());
        }
        while begin.elapsed() < self.load.duration && self.down.get() == 0 {
            evpl.pass();
        }
        let elapsed = begin.elapsed();
        self.running.set(false);
        self.settle(evpl);
        // SAFETY: the timer added above, or none.
        unsafe { ffi::evpl_remove_timer(self.evpl, (&raw mut stall).cast()) };
        if self.down.get() > 0 {
            return Err(failure("a connection broke"));
        }
        let size = u64::from(self.load.size);
        Ok(Outcome {
            messages: self.bytes.get() / size,
            bytes: self.bytes.get(),
            lost: self.lost_bytes.get() / size,
            elapsed,
            latency_ns: self.latency_ns.borrow().clone(),
        })
    }

    /// Without connections what does not come back soon was lost.
    fn settle(&self, evpl: &Loop) {
        if self.load.protocol.is_connected() {
            return;
        }
        let in_flight = || self.flows.iter().map(|flow| flow.in_flight.get()).sum();
        let begin = Instant::now();
        while in_flight() > 0 && begin.elapsed() < GRACE {
            evpl.pass();
        }
        let lost: u64 = in_flight();
        self.lost_bytes.set(self.lost_bytes.get() + lost);
    }

    /// Makes all connections and waits for them.
    fn connect(&self, evpl: &Loop, route: &Route) -> Result<(), String> {
        let protocol = self.load.protocol;
        for flow in &self.flows {
            flow.session.set(core::ptr::from_ref(self).cast());
            let private_data = core::ptr::from_ref(flow).cast_mut().cast::<c_void>();
            // SAFETY: this thread's loop, live endpoints, and a flow that outlives the loop.
            let bind = unsafe {
                if protocol.is_connected() {
                    let (local, segment) = (null_mut(), None);
                    ffi::evpl_connect(
                        self.evpl,
                        protocol.id,
                        local,
                        self.endpoint,
                        Some(on_notify),
                        segment,
                        private_data,
                    )
                } else {
                    self.up.set(self.up.get() + 1);
                    let local = route.client.as_ref().map_or(null_mut(), |e| e.handle());
                    ffi::evpl_bind(self.evpl, protocol.id, local, Some(on_notify), private_data)
                }
            };
            if bind.is_null() {
                return Err(failure("no connection"));
            }
            flow.bind.set(bind);
        }
        let begin = Instant::now();
        while self.up.get() < self.load.connections {
            if self.down.get() > 0 {
                return Err(failure("a connection was refused"));
            }
            if begin.elapsed() > CONNECT_TIMEOUT {
                return Err(failure("connecting timed out"));
            }
            evpl.pass();
        }
        Ok(())
    }
}

impl Flow {
    /// Fills the window. `address` is the server's as it was seen, if it was.
    fn refill(&self, session: &Session, address: *mut ffi::evpl_address) {
        let load = session.load;
        while self.in_flight.get() + u64::from(load.size) <= load.window {
            self.in_flight
                .set(self.in_flight.get() + u64::from(load.size));
            if load.record {
                self.sent_at.set(Some(Instant::now()));
            }
            self.send(session, address);
        }
    }

    fn send(&self, session: &Session, address: *mut ffi::evpl_address) {
        let (evpl, bind, endpoint) = (session.evpl, self.bind.get(), session.endpoint);
        let size = session.load.size;
        let by_name = !session.load.protocol.is_connected() && address.is_null();
        // SAFETY: a live bind of this thread; the buffer and its references live until the loop ends.
        unsafe {
            if session.load.copy {
                let data = session.copied.as_ptr().cast();
                match by_name {
                    true => ffi::evpl_sendtoep(evpl, bind, endpoint, data, size),
                    false => ffi::evpl_sendto(evpl, bind, address, data, size),
                }
            } else {
                let (iovecs, niov) = session.payload.iovecs();
                let length = size as c_int;
                match by_name {
                    true => ffi::evpl_sendtoepv(evpl, bind, endpoint, iovecs, niov, length, 0),
                    false => ffi::evpl_sendtov(evpl, bind, address, iovecs, niov, length, 0),
                }
            }
        }
    }

    /// `length` bytes of what was sent have been answered.
    fn answer(&self, session: &Session, length: u64, address: *mut ffi::evpl_address) {
        let size = u64::from(session.load.size);
        self.in_flight
            .set(self.in_flight.get().saturating_sub(length));
        let messages_before = self.answered.get() / size;
        self.answered.set(self.answered.get() + length);
        let messages = self.answered.get() / size - messages_before;
        if !session.running.get() {
            return;
        }
        session.bytes.set(session.bytes.get() + length);
        session.tally.add(messages, length);
        if messages > 0
            && let Some(sent_at) = self.sent_at.take()
        {
            let ns = sent_at.elapsed().as_nanos() as u64;
            session.latency_ns.borrow_mut().saturating_record(ns);
        }
        self.refill(session, address);
    }

    /// Counts that arrived on a stream, in any pieces.
    fn answer_counts(&self, session: &Session, mut bytes: &[u8]) {
        let (mut count, mut have) = self.partial.get();
        while !bytes.is_empty() {
            let take = (count.len() - have).min(bytes.len());
            count[have..have + take].copy_from_slice(&bytes[..take]);
            bytes = &bytes[take..];
            have += take;
            if have == count.len() {
                have = 0;
                self.answer(session, u64::from_be_bytes(count), null_mut());
            }
        }
        self.partial.set((count, have));
    }
}

fn failure(what: &str) -> String {
    match log::take_last_error() {
        Some(reason) => format!("{what}: {reason}"),
        None => what.to_owned(),
    }
}

unsafe extern "C" fn on_notify(
    evpl: *mut ffi::evpl,
    bind: *mut ffi::evpl_bind,
    notify: *mut ffi::evpl_notify,
    private_data: *mut c_void,
) {
    // SAFETY: what `connect` passed; it outlives the loop.
    let flow = unsafe { &*private_data.cast::<Flow>() };
    // SAFETY: as above.
    let session = unsafe { &*flow.session.get() };
    // SAFETY: valid during the call.
    let notify = unsafe { &*notify };
    match notify.notify_type {
        ffi::EVPL_NOTIFY_CONNECTED => session.up.set(session.up.get() + 1),
        ffi::EVPL_NOTIFY_DISCONNECTED => session.down.set(session.down.get() + 1),
        ffi::EVPL_NOTIFY_RECV_DATA => {
            // SAFETY: a live stream of this thread; the references are ours.
            unsafe {
                ffi::receive_all(evpl, bind, |iovecs, length| {
                    if session.load.answer == Answer::Echo {
                        ffi::release(evpl, iovecs);
                        flow.answer(session, length as u64, null_mut());
                    } else {
                        for iovec in iovecs.iter() {
                            flow.answer_counts(session, ffi::bytes(iovec));
                        }
                        ffi::release(evpl, iovecs);
                    }
                });
            }
        }
        ffi::EVPL_NOTIFY_RECV_MSG => {
            // SAFETY: the payload of this type; its references are ours.
            unsafe {
                let message = notify.payload.recv_msg;
                let iovecs = ffi::iovecs(&message);
                let length = match session.load.answer {
                    Answer::Echo => u64::from(message.length),
                    Answer::Count => iovecs
                        .iter()
                        .flat_map(|iovec| ffi::bytes(iovec))
                        .fold(0, |count, byte| count << 8 | u64::from(*byte)),
                };
                ffi::release(evpl, iovecs);
                flow.answer(session, length, message.addr);
            }
        }
        _ => {}
    }
}

/// Gives up what is in flight where nothing came back for a whole interval.
unsafe extern "C" fn on_stall(_evpl: *mut ffi::evpl, timer: *mut ffi::evpl_timer) {
    // SAFETY: the first field of a `StallTimer`, whose session outlives the loop.
    let session = unsafe { &*(*timer.cast::<StallTimer>()).session };
    if !session.running.get() {
        return;
    }
    for flow in &session.flows {
        if flow.answered.get() == flow.answered_before.replace(flow.answered.get()) {
            let lost = flow.in_flight.take();
            session.lost_bytes.set(session.lost_bytes.get() + lost);
            flow.refill(session, null_mut());
            // The next answer may be to the message given up, and says nothing about time.
            flow.sent_at.set(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_may_arrive_in_any_pieces() {
        let load = Load {
            protocol: Protocol {
                id: 0,
                name: "STREAM_INPROC",
                stream: true,
                kind: ffi::Kind::Inproc,
            },
            size: 10,
            window: 0,
            connections: 1,
            answer: Answer::Count,
            record: false,
            copy: false,
            poll: false,
            duration: Duration::ZERO,
        };
        let tally = Tally::default();
        let payload = Payload::none();
        let session = Session {
            evpl: null_mut(),
            load: &load,
            endpoint: null_mut(),
            payload: &payload,
            copied: Vec::new(),
            tally: &tally,
            latency_ns: RefCell::new(report::histogram()),
            running: Cell::new(true),
            up: Cell::new(0),
            down: Cell::new(0),
            bytes: Cell::new(0),
            lost_bytes: Cell::new(0),
            flows: Box::default(),
        };
        let bytes: Vec<u8> = [25u64, 300, 7]
            .into_iter()
            .flat_map(u64::to_be_bytes)
            .collect();
        for piece in 1..bytes.len() {
            let flow = Flow::default();
            bytes
                .chunks(piece)
                .for_each(|chunk| flow.answer_counts(&session, chunk));
            assert_eq!(flow.answered.get(), 332);
        }
    }
}
