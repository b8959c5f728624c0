//! A TLS connection of the library with itself, over real sockets and through a hand that the input moves: it passes on
//! as many bytes at a time as it likes, in either direction, in the handshake and after it, may damage one or end a
//! direction early. What arrives is what was sent, from the start and in order; without damage all of it.

#![no_main]

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ptr::{from_ref, null_mut};
use std::sync::OnceLock;

use ::evpl::abi::{
    EVPL_NOTIFY_CONNECTED, EVPL_NOTIFY_DISCONNECTED, EVPL_NOTIFY_RECV_DATA, EVPL_STREAM_SOCKET_TLS,
    evpl, evpl_bind, evpl_listener, evpl_notify, evpl_notify_callback_t, evpl_segment_callback_t,
};
use ::evpl::capi::{bind, core, endpoint, sibling};
use evpl_fuzz::{Choices, check, fill, outstanding_buffers, world};
use libfuzzer_sys::fuzz_target;

/// Enough for many records, and for many inputs a second.
const SENT_MAX: u64 = 256 << 10;
/// Passes that the end of an input may take; most of them wait for the accepting thread.
const PASSES_MAX: usize = 200_000;

struct Place {
    listener: usize,
    port: c_int,
    hand: TcpListener,
}

fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        world();
        let port = c_int::from(port_of(&TcpListener::bind("127.0.0.1:0").expect("a port")));
        let listener = unsafe {
            let listener = bind::evpl_listener_create();
            let here = endpoint::evpl_endpoint_create(c"127.0.0.1".as_ptr(), port);
            assert_eq!(bind::evpl_listen(listener, EVPL_STREAM_SOCKET_TLS, here), 0);
            endpoint::evpl_endpoint_close(here);
            listener
        };
        Place {
            listener: listener.expose_provenance(),
            port,
            hand: TcpListener::bind("127.0.0.1:0").expect("a port"),
        }
    })
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("it is bound").port()
}

/// One end of the connection.
#[derive(Default)]
struct End {
    bind: Cell<usize>,
    connected: Cell<bool>,
    over: Cell<bool>,
    sent: Cell<u64>,
    received: Cell<u64>,
}

impl End {
    fn bind(&self) -> *mut evpl_bind {
        std::ptr::with_exposed_provenance_mut(self.bind.get())
    }

    fn send(&self, evpl: *mut evpl, length: usize) {
        if self.bind.get() == 0 || self.over.get() || self.sent.get() > SENT_MAX {
            return;
        }
        let mut bytes = vec![0; length];
        fill(&mut bytes, self.sent.get());
        if unsafe { bind::evpl_bind_is_closing(self.bind()) } == 0 {
            self.sent.set(self.sent.get() + length as u64);
            unsafe { bind::evpl_send(evpl, self.bind(), bytes.as_ptr().cast(), length as u32) };
        }
    }
}

unsafe extern "C" fn on_event(
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    notify: *mut evpl_notify,
    private_data: *mut c_void,
) {
    let this = unsafe { &*private_data.cast::<End>() };
    assert!(!this.over.get(), "told after the end");
    match unsafe { (*notify).notify_type } {
        EVPL_NOTIFY_CONNECTED => assert!(!this.connected.replace(true)),
        EVPL_NOTIFY_DISCONNECTED => this.over.set(true),
        EVPL_NOTIFY_RECV_DATA => {
            assert!(this.connected.get());
            let mut bytes = [0u8; 5000];
            loop {
                let got =
                    unsafe { bind::evpl_recv(evpl, bind, bytes.as_mut_ptr().cast(), 5000, 0) };
                if got <= 0 {
                    break;
                }
                check(&bytes[..got as usize], this.received.get());
                this.received.set(this.received.get() + got as u64);
            }
        }
        _ => {}
    }
}

unsafe extern "C" fn on_attach(
    _: *mut evpl,
    bind: *mut evpl_bind,
    notify: *mut evpl_notify_callback_t,
    _: *mut evpl_segment_callback_t,
    private_out: *mut *mut c_void,
    private_data: *mut c_void,
) {
    let this = unsafe { &*private_data.cast::<End>() };
    this.bind.set(bind.expose_provenance());
    unsafe {
        *notify = Some(on_event);
        *private_out = private_data;
    }
}

/// What is on its way in one direction.
struct Flow {
    from: TcpStream,
    to: TcpStream,
    waiting: Vec<u8>,
    ended: bool,
}

impl Flow {
    fn new(from: &TcpStream, to: &TcpStream) -> Flow {
        let other = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
        Flow {
            from: other(from),
            to: other(to),
            waiting: Vec::new(),
            ended: false,
        }
    }

    fn fetch(&mut self) {
        let mut bytes = [0u8; 1 << 16];
        while let Ok(got) = self.from.read(&mut bytes) {
            if got == 0 {
                break;
            }
            self.waiting.extend_from_slice(&bytes[..got]);
        }
    }

    fn pass_on(&mut self, length: usize) {
        self.fetch();
        let length = length.min(self.waiting.len());
        if self.ended || length == 0 {
            return;
        }
        match self.to.write(&self.waiting[..length]) {
            Ok(taken) => drop(self.waiting.drain(..taken)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.ended = true,
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let place = place();
    let outstanding = outstanding_buffers();
    // With names a server looks at the hello twice.
    let names = [c"h2".as_ptr(), c"http/1.1".as_ptr()];
    unsafe {
        sibling::evpl_tls_set_alpn_protocols(names.as_ptr(), c_int::from(choices.byte() % 3))
    };
    let (client, server) = (End::default(), End::default());
    let listener: *mut evpl_listener = std::ptr::with_exposed_provenance_mut(place.listener);
    let pointer = |end: &End| from_ref(end).cast_mut().cast();
    let (evpl, binding) = unsafe {
        let evpl = core::evpl_create(null_mut());
        let binding = bind::evpl_listener_attach(evpl, listener, Some(on_attach), pointer(&server));
        let there =
            endpoint::evpl_endpoint_create(c"127.0.0.1".as_ptr(), port_of(&place.hand).into());
        let ours = bind::evpl_connect(
            evpl,
            EVPL_STREAM_SOCKET_TLS,
            null_mut(),
            there,
            Some(on_event),
            None,
            pointer(&client),
        );
        endpoint::evpl_endpoint_close(there);
        client.bind.set(ours.expose_provenance());
        (evpl, binding)
    };
    let (near, _) = place.hand.accept().expect("the client connects");
    let far = TcpStream::connect(("127.0.0.1", place.port as u16)).expect("the server listens");
    for stream in [&near, &far] {
        stream.set_nonblocking(true).expect("it is a socket");
        stream.set_nodelay(true).expect("it is a socket");
    }
    let mut flows = [Flow::new(&near, &far), Flow::new(&far, &near)];
    let mut whole = true;
    while !choices.is_over() {
        let what = choices.byte();
        let way = usize::from(what & 1);
        match what >> 1 {
            0 => {
                let length = choices.length();
                let flow = &mut flows[way];
                flow.fetch();
                if !flow.waiting.is_empty() {
                    let at = length % flow.waiting.len();
                    flow.waiting[at] ^= 1 << choices.below(8);
                    whole = false;
                }
            }
            1 => {
                // Of a peer that is gone already nothing ends.
                let _ = flows[way].to.shutdown(Shutdown::Write);
                flows[way].ended = true;
                whole = false;
            }
            2..20 => [&client, &server][way].send(evpl, choices.length()),
            20..40 => unsafe { core::evpl_continue(evpl) },
            _ => flows[way].pass_on(choices.length()),
        }
    }
    let ends = [&client, &server];
    let done = || {
        if whole {
            client.received.get() == server.sent.get() && server.received.get() == client.sent.get()
        } else {
            ends.iter().all(|end| end.over.get())
        }
    };
    for left in (0..PASSES_MAX).rev() {
        if done() && server.bind.get() != 0 {
            break;
        }
        assert!(left > 0, "it does not end");
        for flow in &mut flows {
            flow.pass_on(usize::MAX);
            if !whole {
                // However it was damaged, both ends hear of an end.
                let _ = flow.to.shutdown(Shutdown::Write);
                flow.ended = true;
            }
        }
        unsafe { core::evpl_continue(evpl) };
        std::thread::yield_now();
    }
    assert!(
        client.received.get() <= server.sent.get() && server.received.get() <= client.sent.get()
    );
    unsafe {
        bind::evpl_listener_detach(evpl, binding);
        core::evpl_destroy(evpl);
    }
    assert_eq!(
        outstanding_buffers(),
        outstanding,
        "buffers that nobody released"
    );
});
