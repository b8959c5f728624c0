//! Sequences of calls, between passes and inside callbacks, against a model of what each must lead to: timers,
//! deferrals and doorbells of one loop, and connections over the in-process transports. The clock is virtual and
//! stands still unless a call moves it, so the model knows what is due.

#![no_main]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::ptr::{from_ref, null_mut};

use ::evpl::abi::{
    EVPL_NOTIFY_CONNECTED, EVPL_NOTIFY_DISCONNECTED, EVPL_NOTIFY_RECV_DATA, EVPL_NOTIFY_RECV_MSG,
    EVPL_NOTIFY_SENT, evpl, evpl_bind, evpl_deferral, evpl_doorbell, evpl_iovec, evpl_notify,
    evpl_notify_callback_t, evpl_segment_callback_t, evpl_timer,
};
use ::evpl::capi::{bind, core, deferral, doorbell, endpoint, timer};
use evpl_fuzz::{
    Choices, DATAGRAM, Loop, STREAM, allocate, bytes_of, check, fill, no_iovec, release, world,
};
use libfuzzer_sys::fuzz_target;

const TIMERS: usize = 4;
const DEFERRALS: usize = 4;
const DOORBELLS: usize = 2;
const CONNECTIONS_MAX: usize = 24;
const STEPS_MAX: usize = 400;
const TAKE_REF: u32 = 1;
const ALL_OR_NONE: u32 = 1;

/// One end of a connection.
#[derive(Default)]
struct End {
    bind: Cell<Option<*mut evpl_bind>>,
    attached: Cell<bool>,
    connected: Cell<bool>,
    disconnected: Cell<bool>,
    closed: Cell<bool>,
    finished: Cell<bool>,
    /// Offered by this end, while it was not closing.
    queued: Cell<u64>,
    /// Told by SENT.
    sent: Cell<u64>,
    /// Of the other end's bytes.
    received: Cell<u64>,
    /// Lengths of the messages this end sent that the other has not got.
    messages: RefCell<VecDeque<usize>>,
}

struct Connection {
    protocol: c_int,
    ends: [End; 2],
}

/// A timer and when it is due, if it is set.
struct Timer {
    storage: evpl_timer,
    due: Cell<Option<u64>>,
    interval: Cell<u64>,
    oneshot: Cell<bool>,
}

struct Deferral {
    storage: evpl_deferral,
    armed: Cell<bool>,
}

struct Doorbell {
    storage: evpl_doorbell,
    registered: Cell<bool>,
    rung: Cell<bool>,
}

/// All that callbacks reach. Boxed, so that addresses stay.
struct Model<'a> {
    evpl: Cell<*mut evpl>,
    choices: RefCell<Choices<'a>>,
    steps: Cell<usize>,
    depth: Cell<u32>,
    timers: [Timer; TIMERS],
    deferrals: [Deferral; DEFERRALS],
    doorbells: [Doorbell; DOORBELLS],
    connections: RefCell<Vec<Box<Connection>>>,
    /// Connections whose other end is not attached yet, by protocol.
    waiting: [RefCell<VecDeque<*const Connection>>; 2],
    kept: RefCell<Vec<evpl_iovec>>,
}

thread_local! {
    static MODEL: Cell<*const Model<'static>> = const { Cell::new(std::ptr::null()) };
}

fn model() -> &'static Model<'static> {
    unsafe { &*MODEL.get() }
}

fn is_stream(protocol: c_int) -> bool {
    protocol == STREAM
}

impl Connection {
    fn other(&self, end: &End) -> &End {
        if std::ptr::eq(end, &self.ends[0]) {
            &self.ends[1]
        } else {
            &self.ends[0]
        }
    }
}

impl Model<'_> {
    fn choose(&self, bound: usize) -> usize {
        self.choices.borrow_mut().below(bound)
    }

    fn length(&self) -> usize {
        self.choices.borrow_mut().length()
    }

    fn now() -> u64 {
        core::evpl_virtual_clock_now()
    }

    /// Inside a callback: sometimes another call.
    fn maybe_act(&self) {
        if self.depth.get() < 3 && self.choose(3) == 0 {
            self.act();
        }
    }

    fn act(&self) {
        if self.steps.get() == STEPS_MAX {
            return;
        }
        self.steps.set(self.steps.get() + 1);
        self.depth.set(self.depth.get() + 1);
        match self.choose(16) {
            0 => self.add_timer(),
            1 => self.remove_timer(),
            2 => self.arm(),
            3 => self.disarm(),
            4 => self.ring(),
            5 => self.toggle_doorbell(),
            6 | 7 => self.connect(),
            8..=11 => self.send(),
            12 => self.close(),
            13 => self.finish(),
            14 => self.take(),
            _ => self.release_kept(),
        }
        self.depth.set(self.depth.get() - 1);
    }

    fn add_timer(&self) {
        let this = &self.timers[self.choose(TIMERS)];
        let interval_us = 1 + self.choose(200) as u64 * 7;
        let oneshot = self.choose(2) == 0;
        let storage = from_ref(&this.storage).cast_mut();
        unsafe {
            if oneshot {
                timer::evpl_add_oneshot_timer(
                    self.evpl.get(),
                    storage,
                    Some(on_timer),
                    interval_us,
                );
            } else {
                timer::evpl_add_timer(self.evpl.get(), storage, Some(on_timer), interval_us);
            }
        }
        this.due.set(Some(Self::now() + interval_us * 1000));
        this.interval.set(interval_us * 1000);
        this.oneshot.set(oneshot);
    }

    fn remove_timer(&self) {
        let this = &self.timers[self.choose(TIMERS)];
        unsafe { timer::evpl_remove_timer(self.evpl.get(), from_ref(&this.storage).cast_mut()) };
        this.due.set(None);
    }

    fn arm(&self) {
        let this = &self.deferrals[self.choose(DEFERRALS)];
        unsafe { deferral::evpl_defer(self.evpl.get(), from_ref(&this.storage).cast_mut()) };
        this.armed.set(true);
    }

    fn disarm(&self) {
        let this = &self.deferrals[self.choose(DEFERRALS)];
        unsafe {
            deferral::evpl_remove_deferral(self.evpl.get(), from_ref(&this.storage).cast_mut())
        };
        this.armed.set(false);
    }

    fn ring(&self) {
        let this = &self.doorbells[self.choose(DOORBELLS)];
        if this.registered.get() {
            unsafe { doorbell::evpl_ring_doorbell(from_ref(&this.storage).cast_mut()) };
            this.rung.set(true);
        }
    }

    fn toggle_doorbell(&self) {
        let this = &self.doorbells[self.choose(DOORBELLS)];
        let storage = from_ref(&this.storage).cast_mut();
        unsafe {
            if this.registered.get() {
                doorbell::evpl_remove_doorbell(self.evpl.get(), storage);
            } else {
                doorbell::evpl_add_doorbell(self.evpl.get(), storage, Some(on_doorbell));
            }
        }
        this.registered.set(!this.registered.get());
        this.rung.set(false);
    }

    fn connect(&self) {
        if self.connections.borrow().len() == CONNECTIONS_MAX {
            return;
        }
        let kind = self.choose(2);
        let (protocol, name) = [(STREAM, c"stream"), (DATAGRAM, c"datagram")][kind];
        let connection = Box::new(Connection {
            protocol,
            ends: Default::default(),
        });
        let client = &connection.ends[0];
        self.waiting[kind]
            .borrow_mut()
            .push_back(from_ref(&*connection));
        client.attached.set(true);
        unsafe {
            let place = endpoint::evpl_endpoint_create_inproc(name.as_ptr());
            let told = from_ref(client).cast_mut().cast();
            let this = bind::evpl_connect(
                self.evpl.get(),
                protocol,
                null_mut(),
                place,
                Some(on_end),
                None,
                told,
            );
            endpoint::evpl_endpoint_close(place);
            assert!(!this.is_null());
            client.bind.set(Some(this));
            if self.choose(2) == 0 {
                bind::evpl_bind_request_send_notifications(self.evpl.get(), this);
            }
        }
        self.connections.borrow_mut().push(connection);
    }

    /// An end that is still there.
    fn pick(&self) -> Option<(*const Connection, *const End, *mut evpl_bind)> {
        let connections = self.connections.borrow();
        if connections.is_empty() {
            return None;
        }
        let connection = &connections[self.choose(connections.len())];
        let end = &connection.ends[self.choose(2)];
        let bind = end.bind.get()?;
        Some((from_ref(&**connection), from_ref(end), bind))
    }

    fn send(&self) {
        let Some((connection, end, this)) = self.pick() else {
            return;
        };
        // Boxed connections stay until the end of the input.
        let (connection, end) = unsafe { (&*connection, &*end) };
        // Whether what follows a finish still goes is a matter of timing.
        if end.finished.get() {
            return;
        }
        let evpl = self.evpl.get();
        let length = self.length();
        let position = end.queued.get();
        let is_counted = !end.closed.get() && unsafe { bind::evpl_bind_is_closing(this) } == 0;
        match self.choose(4) {
            0 => {
                let mut bytes = vec![0; length];
                fill(&mut bytes, position);
                unsafe { bind::evpl_send(evpl, this, bytes.as_ptr().cast(), length as u32) };
            }
            way => {
                let flags = if way == 3 { TAKE_REF } else { 0 };
                let mut pieces = allocate(evpl, length, position, (way == 1).into());
                let array = pieces.as_mut_ptr();
                unsafe {
                    bind::evpl_sendv(
                        evpl,
                        this,
                        array,
                        pieces.len() as c_int,
                        length as c_int,
                        flags,
                    )
                };
                if flags == 0 {
                    pieces.iter().for_each(|piece| release(evpl, piece));
                }
            }
        }
        if is_counted {
            end.queued.set(position + length as u64);
            if !is_stream(connection.protocol) {
                end.messages.borrow_mut().push_back(length);
            }
        }
    }

    fn close(&self) {
        let Some((_, end, this)) = self.pick() else {
            return;
        };
        unsafe {
            bind::evpl_close(self.evpl.get(), this);
            assert_eq!(bind::evpl_bind_is_closing(this), 1);
            (*end).closed.set(true);
        }
    }

    fn finish(&self) {
        let Some((_, end, this)) = self.pick() else {
            return;
        };
        unsafe {
            bind::evpl_finish(self.evpl.get(), this);
            assert_eq!(bind::evpl_bind_is_closing(this), 1);
            (*end).finished.set(true);
        }
    }

    /// Receives from a stream, whatever waits there.
    fn take(&self) {
        let Some((connection, end, this)) = self.pick() else {
            return;
        };
        let (connection, end) = unsafe { (&*connection, &*end) };
        if is_stream(connection.protocol) {
            self.take_some(end, this);
        }
    }

    fn take_some(&self, end: &End, this: *mut evpl_bind) {
        let evpl = self.evpl.get();
        let length = self.length();
        let mut bytes = vec![0u8; length];
        let mut pieces: Vec<evpl_iovec> = (0..4).map(|_| no_iovec()).collect();
        let wanted = length as c_int;
        let position = end.received.get();
        let got = match self.choose(4) {
            way @ (0 | 1) => {
                let flags = if way == 1 { ALL_OR_NONE } else { 0 };
                let got = unsafe {
                    bind::evpl_recv(evpl, this, bytes.as_mut_ptr().cast(), wanted, flags)
                };
                assert!(way == 0 || got == 0 || got == wanted);
                check(&bytes[..got as usize], position);
                got as u64
            }
            2 => {
                let peeked =
                    unsafe { bind::evpl_peek(evpl, this, bytes.as_mut_ptr().cast(), wanted) };
                check(&bytes[..peeked as usize], position);
                let less = self.choose(peeked as usize + 1) as c_int;
                assert_eq!(unsafe { bind::evpl_consume(evpl, this, less) }, 0);
                less as u64
            }
            _ => {
                let mut total = -1;
                let count = unsafe {
                    bind::evpl_recvv(evpl, this, pieces.as_mut_ptr(), 4, wanted, &mut total)
                };
                let mut at = position;
                for piece in pieces.drain(..).take(count as usize) {
                    check(unsafe { bytes_of(&piece) }, at);
                    at += u64::from(piece.length);
                    self.kept.borrow_mut().push(piece);
                }
                assert_eq!(at - position, total.max(0) as u64);
                at - position
            }
        };
        assert!(got <= length as u64);
        end.received.set(position + got);
    }

    fn release_kept(&self) {
        for piece in self.kept.borrow_mut().drain(..) {
            release(self.evpl.get(), &piece);
        }
    }

    /// A pass, and what must have happened by its end.
    fn pass(&self, this: &Loop) {
        let now = Self::now();
        let due: Vec<Option<u64>> = self.timers.iter().map(|timer| timer.due.get()).collect();
        this.pass();
        for (timer, before) in self.timers.iter().zip(due) {
            // Callbacks may have set it anew, so only one that kept its time is a timer that was missed.
            assert!(
                before.is_none_or(|due| due > now) || timer.due.get() != before,
                "a timer that is due did not fire"
            );
        }
    }

    fn is_settled(&self) -> bool {
        self.doorbells.iter().all(|doorbell| !doorbell.rung.get())
            && self.deferrals.iter().all(|deferral| !deferral.armed.get())
    }

    /// What must hold for a connection that both ends were told is over.
    fn check_over(&self) {
        for connection in self.connections.borrow().iter() {
            for end in &connection.ends {
                assert_eq!(end.attached.get(), end.disconnected.get());
                let other = connection.other(end);
                assert!(end.received.get() <= other.queued.get());
                assert!(end.sent.get() <= end.queued.get());
                // One side finished alone, and the other had all the time to read.
                let undisturbed = other.finished.get()
                    && !other.closed.get()
                    && end.attached.get()
                    && !end.closed.get()
                    && !end.finished.get();
                if undisturbed {
                    assert_eq!(
                        end.received.get(),
                        other.queued.get(),
                        "bytes lost before an orderly end"
                    );
                    assert!(other.messages.borrow().is_empty());
                }
            }
        }
    }
}

unsafe extern "C" fn on_timer(_: *mut evpl, storage: *mut evpl_timer) {
    let model = model();
    let this = model
        .timers
        .iter()
        .find(|timer| std::ptr::eq(&timer.storage, storage))
        .expect("a timer of ours");
    let due = this.due.get().expect("a removed timer fired");
    assert!(due <= Model::now(), "a timer fired early");
    // Periods that were missed are not made up for.
    let next = Model::now() + this.interval.get();
    this.due.set((!this.oneshot.get()).then_some(next));
    model.maybe_act();
}

unsafe extern "C" fn on_deferral(_: *mut evpl, private_data: *mut c_void) {
    let model = model();
    let this = &model.deferrals[private_data.addr()];
    assert!(
        this.armed.replace(false),
        "a deferral ran that was not armed"
    );
    model.maybe_act();
}

unsafe extern "C" fn on_doorbell(_: *mut evpl, storage: *mut evpl_doorbell) {
    let model = model();
    let this = model
        .doorbells
        .iter()
        .find(|bell| std::ptr::eq(&bell.storage, storage))
        .expect("a doorbell of ours");
    assert!(
        this.registered.get() && this.rung.replace(false),
        "a doorbell that nobody rang"
    );
    model.maybe_act();
}

unsafe extern "C" fn on_attach(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    notify: *mut evpl_notify_callback_t,
    _segment: *mut evpl_segment_callback_t,
    private_out: *mut *mut c_void,
    _private_data: *mut c_void,
) {
    let model = model();
    let kind = usize::from(unsafe { bind::evpl_bind_get_protocol(bind) } == DATAGRAM);
    let connection = model.waiting[kind]
        .borrow_mut()
        .pop_front()
        .expect("somebody connected");
    let end = unsafe { &(*connection).ends[1] };
    end.attached.set(true);
    end.bind.set(Some(bind));
    unsafe {
        *notify = Some(on_end);
        *private_out = from_ref(end).cast_mut().cast();
        if model.choose(2) == 0 {
            bind::evpl_bind_request_send_notifications(evpl, bind);
        }
    }
    model.maybe_act();
}

unsafe extern "C" fn on_end(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    notify: *mut evpl_notify,
    private_data: *mut c_void,
) {
    let model = model();
    let end = unsafe { &*private_data.cast::<End>() };
    assert_eq!(end.bind.get(), Some(bind));
    assert!(!end.disconnected.get(), "told something after the end");
    let connection: *const Connection = model
        .connections
        .borrow()
        .iter()
        .find(|connection| connection.ends.iter().any(|known| std::ptr::eq(known, end)))
        .map(|connection| from_ref(&**connection))
        .expect("an end of ours");
    let other = unsafe { (*connection).other(end) };
    let kind = unsafe { (*notify).notify_type };
    assert!(
        kind == EVPL_NOTIFY_DISCONNECTED || !end.closed.get(),
        "told {kind} after a close"
    );
    match kind {
        EVPL_NOTIFY_CONNECTED => assert!(!end.connected.replace(true)),
        EVPL_NOTIFY_DISCONNECTED => {
            // What was not read yet can be read now.
            if is_stream(unsafe { (*connection).protocol }) {
                drain(model, end, bind);
            }
            end.disconnected.set(true);
            end.bind.set(None);
        }
        EVPL_NOTIFY_RECV_DATA => {
            assert!(end.connected.get());
            if model.choose(2) == 0 {
                model.take_some(end, bind);
            }
        }
        EVPL_NOTIFY_RECV_MSG => {
            assert!(end.connected.get());
            let message = unsafe { &(*notify).payload.recv_msg };
            assert_eq!(
                other.messages.borrow_mut().pop_front(),
                Some(message.length as usize)
            );
            let pieces =
                unsafe { std::slice::from_raw_parts(message.iovec, message.niov as usize) };
            let mut at = end.received.get();
            for piece in pieces {
                check(unsafe { bytes_of(piece) }, at);
                at += u64::from(piece.length);
                release(evpl, piece);
            }
            assert_eq!(at - end.received.get(), u64::from(message.length));
            end.received.set(at);
        }
        EVPL_NOTIFY_SENT => {
            let sent = unsafe { &(*notify).payload.sent };
            end.sent.set(end.sent.get() + sent.bytes as u64);
            assert!(end.sent.get() <= end.queued.get());
        }
        _ => panic!("notification {kind}"),
    }
    model.maybe_act();
}

fn drain(model: &Model, end: &End, bind: *mut evpl_bind) {
    let mut bytes = vec![0u8; 65_536];
    loop {
        let got = unsafe {
            bind::evpl_recv(model.evpl.get(), bind, bytes.as_mut_ptr().cast(), 65_536, 0)
        };
        assert!(got >= 0);
        check(&bytes[..got as usize], end.received.get());
        end.received.set(end.received.get() + got as u64);
        if got == 0 {
            return;
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let model = Box::new(Model {
        evpl: Cell::new(null_mut()),
        choices: RefCell::new(Choices(data)),
        steps: Cell::new(0),
        depth: Cell::new(0),
        timers: std::array::from_fn(|_| Timer {
            storage: evpl_timer {
                callback: None,
                interval: 0,
                deadline: 0,
                oneshot: 0,
            },
            due: Cell::new(None),
            interval: Cell::new(0),
            oneshot: Cell::new(false),
        }),
        deferrals: std::array::from_fn(|index| Deferral {
            storage: evpl_deferral {
                callback: Some(on_deferral),
                private_data: std::ptr::without_provenance_mut(index),
                armed: 0,
            },
            armed: Cell::new(false),
        }),
        doorbells: std::array::from_fn(|_| Doorbell {
            storage: evpl_doorbell { opaque: [0; 8] },
            registered: Cell::new(false),
            rung: Cell::new(false),
        }),
        connections: RefCell::default(),
        waiting: Default::default(),
        kept: RefCell::default(),
    });
    MODEL.set(from_ref(&*model).cast());
    let this = world().attach(Some(on_attach), null_mut());
    model.evpl.set(this.evpl);
    while !model.choices.borrow().is_over() && model.steps.get() < STEPS_MAX {
        match model.choose(8) {
            0 => core::evpl_virtual_clock_advance(1 + model.choose(256) as u64 * 9_000),
            1 | 2 => model.pass(&this),
            _ => model.act(),
        }
    }
    // No more choices: callbacks are quiet from here on.
    model.steps.set(STEPS_MAX);
    for timer in &model.timers {
        unsafe { timer::evpl_remove_timer(this.evpl, from_ref(&timer.storage).cast_mut()) };
        timer.due.set(None);
    }
    for _ in 0..8 {
        this.pass();
    }
    assert!(model.is_settled(), "a doorbell or a deferral was forgotten");
    for doorbell in model
        .doorbells
        .iter()
        .filter(|doorbell| doorbell.registered.get())
    {
        unsafe {
            doorbell::evpl_remove_doorbell(this.evpl, from_ref(&doorbell.storage).cast_mut())
        };
    }
    model.release_kept();
    for connection in model.connections.borrow().iter() {
        for end in &connection.ends {
            end.closed
                .set(end.closed.get() || !end.disconnected.get() && !end.finished.get());
        }
    }
    this.destroy();
    model.check_over();
});
