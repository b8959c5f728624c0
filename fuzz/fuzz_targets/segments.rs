//! A stream framed by a segment callback that the input drives: it peeks as it likes, asks for more bytes than there
//! are, answers late, closes. Whatever it does, each message is the bytes it asked for, in order, and none is lost.

#![no_main]

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::ptr::{from_ref, null_mut};

use ::evpl::abi::{
    EVPL_NOTIFY_DISCONNECTED, EVPL_NOTIFY_RECV_MSG, evpl, evpl_bind, evpl_notify,
    evpl_notify_callback_t, evpl_segment_callback_t,
};
use ::evpl::capi::{bind, endpoint};
use evpl_fuzz::{Choices, STREAM, byte_at, bytes_of, check, fill, no_iovec, release, world};
use libfuzzer_sys::fuzz_target;

const PLAN_LEN: usize = 16;
/// Enough for every kind of message, and for many inputs a second.
const QUEUED_MAX: u64 = 64 << 10;

/// The receiving end.
struct Receiver {
    /// What the callback does about each message in turn.
    plan: [u8; PLAN_LEN],
    asked: Cell<usize>,
    queued: Cell<u64>,
    received: Cell<u64>,
    /// What the callback last said a message has.
    expected: Cell<Option<u64>>,
    closed: Cell<bool>,
    disconnected: Cell<u32>,
    kept: RefCell<Vec<::evpl::abi::evpl_iovec>>,
}

impl Receiver {
    fn step(&self) -> u8 {
        self.plan[self.asked.get() % PLAN_LEN]
    }
}

unsafe extern "C" fn segment(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    private_data: *mut c_void,
) -> c_int {
    let this = unsafe { &*private_data.cast::<Receiver>() };
    assert!(!this.closed.get(), "asked after the end");
    let step = this.step();
    let mut bytes = [0u8; 300];
    let wanted = 1 + usize::from(step % 200);
    let got = unsafe { bind::evpl_peek(evpl, bind, bytes.as_mut_ptr().cast(), wanted as c_int) };
    assert!(got >= 0 && got as usize <= wanted);
    check(&bytes[..got as usize], this.received.get());
    let mut pieces = [const {
        ::evpl::abi::evpl_iovec {
            data: null_mut(),
            length: 0,
            pad: 0,
            ref_: null_mut(),
        }
    }; 3];
    let count = unsafe { bind::evpl_peekv(evpl, bind, pieces.as_mut_ptr(), 3, 500) };
    let mut at = this.received.get();
    for piece in &pieces[..count as usize] {
        check(unsafe { bytes_of(piece) }, at);
        at += u64::from(piece.length);
    }
    if got == 0 && !step.is_multiple_of(4) {
        return 0;
    }
    let length = match step {
        250.. => {
            this.closed.set(true);
            return -1;
        }
        245..250 => {
            // From inside: the answer does not matter any more.
            this.closed.set(true);
            unsafe { bind::evpl_close(evpl, bind) };
            return c_int::from(step % 2);
        }
        240..245 => c_int::MAX,
        200..240 => 4000 + c_int::from(step) * 10,
        // The head of the message says how long it is, when there is one.
        100..200 if got > 0 => 1 + c_int::from(byte_at(this.received.get())) * 4,
        _ => 1 + c_int::from(step),
    };
    this.expected.set(Some(length as u64));
    length
}

unsafe extern "C" fn on_receiver(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    notify: *mut evpl_notify,
    private_data: *mut c_void,
) {
    let this = unsafe { &*private_data.cast::<Receiver>() };
    assert_eq!(this.disconnected.get(), 0);
    match unsafe { (*notify).notify_type } {
        EVPL_NOTIFY_DISCONNECTED => this.disconnected.set(1),
        EVPL_NOTIFY_RECV_MSG => {
            assert!(!this.closed.get(), "a message after the end");
            let message = unsafe { &(*notify).payload.recv_msg };
            assert_eq!(Some(u64::from(message.length)), this.expected.take());
            let pieces =
                unsafe { std::slice::from_raw_parts(message.iovec, message.niov as usize) };
            let mut at = this.received.get();
            for piece in pieces {
                check(unsafe { bytes_of(piece) }, at);
                at += u64::from(piece.length);
                let mut copy = no_iovec();
                (copy.data, copy.length, copy.ref_) = (piece.data, piece.length, piece.ref_);
                this.kept.borrow_mut().push(copy);
            }
            assert_eq!(at - this.received.get(), u64::from(message.length));
            this.received.set(at);
            if this.step() % 3 > 0 {
                release_kept(this, evpl);
            }
            if this.step() == 99 {
                this.closed.set(true);
                unsafe { bind::evpl_close(evpl, bind) };
            }
            this.asked.set(this.asked.get() + 1);
        }
        _ => {}
    }
}

fn release_kept(this: &Receiver, evpl: *mut evpl) {
    for piece in this.kept.borrow_mut().drain(..) {
        release(evpl, &piece);
    }
}

unsafe extern "C" fn on_sender(
    _: *mut evpl,
    _: *mut evpl_bind,
    notify: *mut evpl_notify,
    private_data: *mut c_void,
) {
    if unsafe { (*notify).notify_type } == EVPL_NOTIFY_DISCONNECTED {
        unsafe { &*private_data.cast::<Cell<bool>>() }.set(true);
    }
}

unsafe extern "C" fn on_attach(
    _: *mut evpl,
    _: *mut evpl_bind,
    notify: *mut evpl_notify_callback_t,
    segment_out: *mut evpl_segment_callback_t,
    private_out: *mut *mut c_void,
    private_data: *mut c_void,
) {
    unsafe {
        *notify = Some(on_receiver);
        *segment_out = Some(segment);
        *private_out = private_data;
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let mut plan = [0; PLAN_LEN];
    for (step, byte) in plan.iter_mut().zip(choices.bytes(PLAN_LEN)) {
        *step = *byte;
    }
    let receiver = Receiver {
        plan,
        asked: Cell::new(0),
        queued: Cell::new(0),
        received: Cell::new(0),
        expected: Cell::new(None),
        closed: Cell::new(false),
        disconnected: Cell::new(0),
        kept: RefCell::default(),
    };
    let sender_over = Cell::new(false);
    let this = world().attach(Some(on_attach), from_ref(&receiver).cast_mut().cast());
    let sender = unsafe {
        let place = endpoint::evpl_endpoint_create_inproc(c"stream".as_ptr());
        let private_data = from_ref(&sender_over).cast_mut().cast();
        let sender = bind::evpl_connect(
            this.evpl,
            STREAM,
            null_mut(),
            place,
            Some(on_sender),
            None,
            private_data,
        );
        endpoint::evpl_endpoint_close(place);
        sender
    };
    while !choices.is_over() && !sender_over.get() && receiver.queued.get() < QUEUED_MAX {
        let mut bytes = vec![0; choices.length()];
        fill(&mut bytes, receiver.queued.get());
        if unsafe { bind::evpl_bind_is_closing(sender) } == 0 {
            receiver
                .queued
                .set(receiver.queued.get() + bytes.len() as u64);
        }
        unsafe { bind::evpl_send(this.evpl, sender, bytes.as_ptr().cast(), bytes.len() as u32) };
        if choices.byte().is_multiple_of(2) {
            this.pass();
        }
    }
    if !sender_over.get() {
        unsafe { bind::evpl_finish(this.evpl, sender) };
    }
    for _ in 0..8 {
        this.pass();
    }
    assert!(sender_over.get() && receiver.disconnected.get() == 1);
    // Everything that makes a whole message has been delivered.
    let left = receiver.queued.get() - receiver.received.get();
    if let Some(expected) = receiver.expected.get()
        && !receiver.closed.get()
    {
        assert!(
            expected > left,
            "{left} bytes are left, a message of {expected} among them"
        );
    }
    release_kept(&receiver, this.evpl);
    this.destroy();
});
