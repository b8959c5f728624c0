//! Every string a program hands over: names of hosts, paths and in-process points, protocol names, settings, ALPN
//! lists. Nothing crashes, what is accepted is kept as it was given, and literals mean what the standard library says.

#![no_main]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::net::{IpAddr, SocketAddr};
use std::ptr::null_mut;

use ::evpl::abi::{
    EVPL_DATAGRAM_SOCKET_UDP, EVPL_NOTIFY_DISCONNECTED, EVPL_STREAM_SOCKET_TCP, evpl, evpl_bind,
    evpl_endpoint, evpl_notify,
};
use ::evpl::capi::{bind, config, core, endpoint, sibling};
use evpl_fuzz::{Choices, Loop, STREAM, world};
use libfuzzer_sys::fuzz_target;

const ADDRESS_LEN: usize = 128;
const HOST_LEN_MAX: usize = 255;
const INPROC_PREFIX: &[u8] = b"inproc://";

fn c_string(bytes: &[u8]) -> CString {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    CString::new(&bytes[..end]).expect("cut before the first zero")
}

unsafe extern "C" fn no_attach(
    _: *mut evpl,
    _: *mut evpl_bind,
    _: *mut ::evpl::abi::evpl_notify_callback_t,
    _: *mut ::evpl::abi::evpl_segment_callback_t,
    _: *mut *mut c_void,
    _: *mut c_void,
) {
}

unsafe extern "C" fn on_end(
    _: *mut evpl,
    _: *mut evpl_bind,
    notify: *mut evpl_notify,
    private_data: *mut c_void,
) {
    if unsafe { (*notify).notify_type } == EVPL_NOTIFY_DISCONNECTED {
        unsafe { *private_data.cast::<u32>() += 1 };
    }
}

/// The text of a bind's peer, cut to every length it is asked for.
fn address_text(this: *mut evpl_bind, remote: bool) -> String {
    let mut whole = [0x55u8; ADDRESS_LEN];
    let get = if remote {
        bind::evpl_bind_get_remote_address
    } else {
        bind::evpl_bind_get_local_address
    };
    unsafe { get(this, whole.as_mut_ptr().cast(), ADDRESS_LEN as c_int) };
    let text = CStr::from_bytes_until_nul(&whole)
        .expect("terminated")
        .to_bytes()
        .to_vec();
    for length in [0, 1, 5, text.len()] {
        let mut part = [0x55u8; ADDRESS_LEN];
        unsafe { get(this, part.as_mut_ptr().cast(), length as c_int) };
        if let Some(kept) = length.checked_sub(1) {
            let kept = kept.min(text.len());
            assert_eq!(part[..kept], text[..kept]);
            assert_eq!(part[kept], 0);
        }
        assert!(part[length..].iter().all(|byte| *byte == 0x55));
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn endpoints(this: &Loop, bytes: &[u8], port: c_int) {
    let name = c_string(bytes);
    let bytes = name.to_bytes();
    let host = unsafe { endpoint::evpl_endpoint_create(name.as_ptr(), port) };
    let local = unsafe { endpoint::evpl_endpoint_create_local(name.as_ptr()) };
    let inproc = unsafe { endpoint::evpl_endpoint_create_inproc(name.as_ptr()) };
    let is_path = |bytes: &[u8]| match bytes {
        [b'/', ..] => (2..=107).contains(&bytes.len()),
        [b'@', ..] => (2..=108).contains(&bytes.len()),
        _ => false,
    };
    let is_name = |bytes: &[u8]| (1..=107).contains(&bytes.len());
    assert_eq!(!local.is_null(), is_path(bytes));
    assert_eq!(!inproc.is_null(), is_name(bytes));
    let expected = match bytes {
        [b'/' | b'@', ..] => is_path(bytes),
        _ => match bytes.strip_prefix(INPROC_PREFIX) {
            Some(name) => is_name(name),
            None => bytes.len() <= HOST_LEN_MAX,
        },
    };
    assert_eq!(!host.is_null(), expected);
    for place in [host, local, inproc] {
        if !place.is_null() {
            one_endpoint(this, place, bytes, port);
            unsafe { endpoint::evpl_endpoint_close(place) };
        }
    }
}

fn one_endpoint(this: &Loop, place: *mut evpl_endpoint, bytes: &[u8], port: c_int) {
    let kept = unsafe { CStr::from_ptr(endpoint::evpl_endpoint_address(place)) }.to_bytes();
    let is_local = unsafe { endpoint::evpl_endpoint_is_local(place) } == 1;
    let is_inproc = unsafe { endpoint::evpl_endpoint_is_inproc(place) } == 1;
    assert!(kept == bytes || is_inproc && kept.strip_prefix(INPROC_PREFIX) == Some(bytes));
    assert_eq!(
        unsafe { endpoint::evpl_endpoint_port(place) },
        if is_local || is_inproc { 0 } else { port }
    );
    let mut disconnected = 0u32;
    let told = (&raw mut disconnected).cast();
    if is_inproc {
        // Nobody listens there, unless it is the listener of all targets, where nobody answers.
        let connected = unsafe {
            bind::evpl_connect(
                this.evpl,
                STREAM,
                null_mut(),
                place,
                Some(on_end),
                None,
                told,
            )
        };
        assert!(!connected.is_null());
        address_text(connected, true);
        for _ in 0..8 {
            this.pass();
        }
        assert_eq!(disconnected, 1);
        return;
    }
    // The wrong kind is refused.
    assert!(
        unsafe {
            bind::evpl_connect(
                this.evpl,
                STREAM,
                null_mut(),
                place,
                Some(on_end),
                None,
                told,
            )
        }
        .is_null()
    );
    let literal = std::str::from_utf8(kept)
        .ok()
        .and_then(|text| text.parse::<IpAddr>().ok());
    let port = u16::try_from(port);
    match (literal, port) {
        (Some(ip), Ok(port)) if ip.is_loopback() => {
            // A datagram socket: no packet goes anywhere. A port below 1024 or in use may be refused.
            let opened = unsafe {
                bind::evpl_bind(
                    this.evpl,
                    EVPL_DATAGRAM_SOCKET_UDP,
                    place,
                    Some(on_end),
                    told,
                )
            };
            if !opened.is_null() {
                let text = address_text(opened, false);
                let bound: SocketAddr = text.parse().expect("an address and a port");
                assert!(bound.ip() == ip || ip.is_ipv6());
                assert!(port == 0 || bound.port() == port);
                unsafe { bind::evpl_close(this.evpl, opened) };
                for _ in 0..4 {
                    this.pass();
                }
                assert_eq!(disconnected, 1);
            }
        }
        (_, Err(_)) if !is_local => {
            let refused = unsafe {
                bind::evpl_connect(
                    this.evpl,
                    EVPL_STREAM_SOCKET_TCP,
                    null_mut(),
                    place,
                    Some(on_end),
                    None,
                    told,
                )
            };
            assert!(refused.is_null(), "a port out of range");
        }
        // Names are not looked up here: that would ask the network.
        _ => {}
    }
}

fn settings(text: &CStr) {
    unsafe {
        let settings = config::evpl_global_config_init();
        config::evpl_global_config_set_tls_cert(settings, text.as_ptr());
        config::evpl_global_config_set_tls_key(settings, text.as_ptr());
        config::evpl_global_config_set_tls_ca(settings, text.as_ptr());
        config::evpl_global_config_set_tls_ca(settings, std::ptr::null());
        config::evpl_global_config_set_tls_cipher_list(settings, text.as_ptr());
        config::evpl_global_config_release(settings);
    }
}

fn protocol(text: &CStr) {
    let mut id = -7;
    let result = unsafe { core::evpl_protocol_lookup(&mut id, text.as_ptr()) };
    assert_eq!(result == 0, id != -7);
    if result == 0 {
        assert_eq!(core::evpl_protocol_available(id), 1);
    }
}

fn alpn(choices: &mut Choices) {
    let mut names = Vec::new();
    while !choices.is_over() && names.len() < 40 {
        let length = usize::from(choices.byte());
        names.push(c_string(choices.bytes(length)));
    }
    let pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    unsafe { sibling::evpl_tls_set_alpn_protocols(pointers.as_ptr(), pointers.len() as c_int) };
}

fn series(text: &CStr) {
    unsafe {
        let series = sibling::evpl_rpc2_queue_depth_create_series(text.as_ptr(), text.as_ptr());
        let mut page = vec![0u8; 1 << 16];
        let length = core::evpl_metrics_scrape(page.as_mut_ptr().cast(), page.len() as c_int);
        let page = &page[..usize::try_from(length).expect("it fits")];
        // What a label holds cannot end its line.
        for line in page
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            assert!(
                line.starts_with(b"#") || line.starts_with(b"evpl_"),
                "{}",
                line.escape_ascii()
            );
        }
        sibling::evpl_rpc2_queue_depth_destroy_series(series);
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let world = world();
    match choices.below(6) {
        0 | 1 => {
            let port =
                c_int::from_le_bytes([choices.byte(), choices.byte(), choices.byte() & 1, 0]);
            let port = if choices.byte() == 255 { -port } else { port };
            let this = world.attach(Some(no_attach), null_mut());
            endpoints(&this, choices.0, port);
            this.destroy();
        }
        2 => settings(&c_string(choices.0)),
        3 => protocol(&c_string(choices.0)),
        4 => alpn(&mut choices),
        _ => series(&c_string(choices.0)),
    }
});
