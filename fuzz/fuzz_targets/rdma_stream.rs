//! A peer of DATAGRAM_TCP_RDMA that says anything, in any pieces, over a socket: frames that fit, frames that nearly
//! do, and bytes. Messages, memory, answers and the end of every operation are those of a plain model, and nothing is
//! touched beside what was published.

#![no_main]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::{CString, c_int, c_void};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::ptr::{from_ref, null_mut};
use std::sync::OnceLock;

use ::evpl::abi::{
    EVPL_DATAGRAM_TCP_RDMA, EVPL_IOVEC_FLAG_SHARED, EVPL_NOTIFY_CONNECTED,
    EVPL_NOTIFY_DISCONNECTED, EVPL_NOTIFY_RECV_MSG, evpl, evpl_bind, evpl_iovec, evpl_notify,
    evpl_notify_callback_t, evpl_segment_callback_t,
};
use ::evpl::capi::{bind, endpoint, rdma};
use evpl_fuzz::rdma::{Model, Waiting, put};
use evpl_fuzz::{Choices, allocate, bytes_of, no_iovec, release, world};
use libfuzzer_sys::fuzz_target;

const MEMORY_LEN: usize = 3000;
/// What of it is published.
const OFFERED: std::ops::Range<usize> = 1000..2000;
const STREAM_LEN_MAX: usize = 48 << 10;

struct End {
    connected: Cell<bool>,
    disconnected: Cell<bool>,
    messages: RefCell<Vec<Vec<u8>>>,
    ended: RefCell<Vec<(usize, c_int)>>,
}

struct Operation {
    end: *const End,
    index: usize,
    pieces: Vec<evpl_iovec>,
}

unsafe extern "C" fn on_done(status: c_int, private_data: *mut c_void) {
    let this = unsafe { &*private_data.cast::<Operation>() };
    let end = unsafe { &*this.end };
    assert!(
        !end.disconnected.get(),
        "an operation ends before its connection"
    );
    end.ended.borrow_mut().push((this.index, status));
}

unsafe extern "C" fn on_event(
    evpl: *mut evpl,
    _: *mut evpl_bind,
    notify: *mut evpl_notify,
    private_data: *mut c_void,
) {
    let end = unsafe { &*private_data.cast::<End>() };
    assert!(!end.disconnected.get());
    match unsafe { (*notify).notify_type } {
        EVPL_NOTIFY_CONNECTED => assert!(!end.connected.replace(true)),
        EVPL_NOTIFY_DISCONNECTED => end.disconnected.set(true),
        EVPL_NOTIFY_RECV_MSG => {
            let message = unsafe { &(*notify).payload.recv_msg };
            let mut bytes = Vec::new();
            for index in 0..message.niov as usize {
                let piece = unsafe { &*message.iovec.add(index) };
                bytes.extend_from_slice(unsafe { bytes_of(piece) });
                release(evpl, piece);
            }
            assert_eq!(bytes.len(), message.length as usize);
            end.messages.borrow_mut().push(bytes);
        }
        other => panic!("notification {other}"),
    }
}

unsafe extern "C" fn never(
    _: *mut evpl,
    _: *mut evpl_bind,
    _: *mut evpl_notify_callback_t,
    _: *mut evpl_segment_callback_t,
    _: *mut *mut c_void,
    _: *mut c_void,
) {
    panic!("nobody connects to the listener");
}

fn listener() -> &'static TcpListener {
    static LISTENER: OnceLock<TcpListener> = OnceLock::new();
    LISTENER.get_or_init(|| TcpListener::bind("127.0.0.1:0").expect("a port of loopback is free"))
}

/// Closing resets, so that the port is free again at once.
fn reset_on_close(socket: &TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        )
    };
    assert_eq!(done, 0);
}

/// Reads of the library go first, then its writes and messages.
fn start_operations(
    choices: &mut Choices,
    evpl: *mut evpl,
    bind: *mut evpl_bind,
    end: &End,
    model: &mut Model,
) -> Vec<Box<Operation>> {
    let mut operations: Vec<Box<Operation>> = Vec::new();
    let count = choices.below(6);
    let mut heads = (Vec::new(), Vec::new());
    let mut ids = (0..count).map(|_| choices.byte()).collect::<VecDeque<_>>();
    let reads = ids.iter().filter(|choice| *choice % 2 == 0).count();
    let (mut read_id, mut write_id) = (0, reads);
    let mut waiting = (Vec::new(), Vec::new());
    while let Some(choice) = ids.pop_front() {
        let mut pieces = Vec::new();
        for _ in 0..1 + choice / 2 % 3 {
            pieces.extend(allocate(evpl, choices.length() % 2000 + 1, 0, 0));
        }
        let length: u32 = pieces.iter().map(|piece| piece.length).sum();
        let is_read = choice % 2 == 0;
        let key = u32::from(choice);
        let index = if is_read { &mut read_id } else { &mut write_id };
        let mut operation = Box::new(Operation {
            end,
            index: *index,
            pieces,
        });
        let id = *index as u64;
        *index += 1;
        let niov = operation.pieces.len() as c_int;
        let iovecs = operation.pieces.as_mut_ptr();
        let private_data = from_ref(&*operation).cast_mut().cast();
        if is_read {
            put(&mut heads.0, 2, 4, key, 77, id);
            heads.0.extend(length.to_be_bytes());
            waiting.0.push(Waiting { is_read, length });
            unsafe {
                rdma::evpl_rdma_read(
                    evpl,
                    bind,
                    key,
                    77,
                    iovecs,
                    niov,
                    Some(on_done),
                    private_data,
                );
            }
        } else {
            put(&mut heads.1, 4, length, key, 78, id);
            for piece in &operation.pieces {
                heads.1.extend_from_slice(unsafe { bytes_of(piece) });
            }
            waiting.1.push(Waiting { is_read, length });
            unsafe {
                rdma::evpl_rdma_write(
                    evpl,
                    bind,
                    key,
                    78,
                    iovecs,
                    niov,
                    0,
                    Some(on_done),
                    private_data,
                );
            }
        }
        operations.push(operation);
    }
    model.output.extend(heads.0);
    model.output.extend(heads.1);
    model.waiting.extend(waiting.0);
    model.waiting.extend(waiting.1);
    operations.sort_by_key(|operation| operation.index);
    operations
}

/// What the peer says: all of it, in order.
fn say(
    choices: &mut Choices,
    key: u32,
    address: u64,
    mut waiting: VecDeque<(bool, u32)>,
) -> Vec<u8> {
    let mut stream = Vec::new();
    while !choices.is_over() && stream.len() < STREAM_LEN_MAX {
        let kind = choices.below(12);
        let near = address
            .wrapping_add(u64::from(choices.byte()) * 4)
            .wrapping_sub(8);
        let length = choices.length() as u32;
        match kind {
            0 => stream.extend_from_slice(choices.bytes(length as usize)),
            1..=3 => {
                put(&mut stream, 1, length, 0, 0, 0);
                stream.extend((0..length).map(|at| (at ^ length) as u8));
            }
            4 | 5 => {
                put(
                    &mut stream,
                    2,
                    4,
                    key + u32::from(length == 7),
                    near,
                    u64::from(length),
                );
                stream.extend((length % 1100).to_be_bytes());
            }
            6 | 7 => {
                let length = length % 1100;
                put(
                    &mut stream,
                    4,
                    length,
                    key + u32::from(length == 7),
                    near,
                    9,
                );
                stream.extend((0..length).map(|at| (at * 3 + length) as u8));
            }
            8..=10 => {
                let Some((is_read, length)) = waiting.pop_front() else {
                    continue;
                };
                if kind == 8 {
                    put(&mut stream, 6, 1 + length % 100, 1, 1, 1);
                } else if is_read {
                    put(&mut stream, 3, length, 1, 1, 1);
                    stream.extend((0..length).map(|at| (at * 5 + length) as u8));
                } else {
                    put(&mut stream, 5, 0, 1, 1, 1);
                }
            }
            _ => {
                let opcode = u32::from(choices.byte()) % 8;
                put(&mut stream, opcode, length % 9, key, near, 3);
            }
        }
    }
    stream
}

fn drain(socket: &mut TcpStream, output: &mut Vec<u8>) {
    let mut bytes = [0; 1 << 16];
    loop {
        match socket.read(&mut bytes) {
            Ok(0) => return,
            Ok(got) => output.extend_from_slice(&bytes[..got]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => return,
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let end = End {
        connected: Cell::new(false),
        disconnected: Cell::new(false),
        messages: RefCell::default(),
        ended: RefCell::default(),
    };
    let this = world().attach(Some(never), null_mut());
    let port = listener().local_addr().expect("it is bound").port();
    let connection = unsafe {
        let host = CString::new("127.0.0.1").expect("no NUL");
        let place = endpoint::evpl_endpoint_create(host.as_ptr(), c_int::from(port));
        let private_data = from_ref(&end).cast_mut().cast();
        let connection = bind::evpl_connect(
            this.evpl,
            EVPL_DATAGRAM_TCP_RDMA,
            null_mut(),
            place,
            Some(on_event),
            None,
            private_data,
        );
        endpoint::evpl_endpoint_close(place);
        connection
    };
    let (mut socket, _) = listener().accept().expect("somebody connects");
    socket.set_nonblocking(true).expect("a socket of ours");
    socket.set_nodelay(true).expect("a socket of ours");
    reset_on_close(&socket);
    while !end.connected.get() {
        this.pass();
    }

    let memory = allocate(this.evpl, MEMORY_LEN, 0, EVPL_IOVEC_FLAG_SHARED);
    let whole = unsafe { bytes_of(&memory[0]) };
    for (at, byte) in whole.iter_mut().enumerate() {
        *byte = at as u8;
    }
    let (mut key, mut address) = (0, 0);
    let mut offered = no_iovec();
    offered.data = whole[OFFERED.start..].as_mut_ptr().cast();
    offered.length = OFFERED.len() as u32;
    offered.ref_ = memory[0].ref_;
    unsafe {
        rdma::evpl_rdma_get_address(this.evpl, connection, &mut offered, &mut key, &mut address);
    }
    let mut model = Model {
        key,
        address,
        memory: whole[OFFERED].to_vec(),
        waiting: VecDeque::new(),
        output: Vec::new(),
        messages: Vec::new(),
        ended: Vec::new(),
        is_closed: false,
    };
    let operations = start_operations(&mut choices, this.evpl, connection, &end, &mut model);
    let mut output = Vec::new();
    this.pass();
    drain(&mut socket, &mut output);
    let steps = [
        choices.length(),
        choices.length(),
        choices.length(),
        1 << 16,
    ];
    let waiting = model
        .waiting
        .iter()
        .map(|one| (one.is_read, one.length))
        .collect();
    let stream = say(&mut choices, key, address, waiting);

    let mut said = 0;
    for step in steps.iter().cycle() {
        let piece = &stream[said..(said + step).min(stream.len())];
        if piece.is_empty() || end.disconnected.get() {
            break;
        }
        match socket.write(piece) {
            Ok(put) => said += put,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        this.pass();
        drain(&mut socket, &mut output);
    }
    for _ in 0..8 {
        this.pass();
        drain(&mut socket, &mut output);
    }
    model.take(&stream);
    assert_eq!(
        end.disconnected.get(),
        model.is_closed,
        "whether the connection lives"
    );
    if model.is_closed {
        assert!(
            model.output.starts_with(&output),
            "what was said before the end"
        );
    } else {
        assert!(output == model.output, "what was said");
        drop(socket);
        while !end.disconnected.get() {
            this.pass();
        }
    }
    model.end();
    assert!(*end.messages.borrow() == model.messages, "messages");
    assert!(
        unsafe { bytes_of(&memory[0]) }[OFFERED] == model.memory[..],
        "published memory"
    );
    for at in (0..MEMORY_LEN).filter(|at| !OFFERED.contains(at)) {
        assert_eq!(
            unsafe { bytes_of(&memory[0]) }[at],
            at as u8,
            "memory that is not published"
        );
    }
    let ended = end.ended.borrow();
    assert_eq!(ended.len(), operations.len());
    for (index, operation) in operations.iter().enumerate() {
        assert_eq!(ended[index], (index, model.ended[index].0));
        let mut bytes = &model.ended[index].1[..];
        for piece in &operation.pieces {
            if !bytes.is_empty() {
                let (here, rest) = bytes.split_at(piece.length as usize);
                assert!(unsafe { bytes_of(piece) } == here, "bytes that were read");
                bytes = rest;
            }
            release(this.evpl, piece);
        }
    }
    release(this.evpl, &memory[0]);
    this.destroy();
});
