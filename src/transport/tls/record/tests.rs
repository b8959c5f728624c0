//! Records between two ends that shook hands in memory.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{
    CipherSuite, ClientConfig, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
};

use super::*;
use crate::transport::tls::certificate;
use crate::transport::tls::handshake::{Complete, Handshake, Progress};
use crate::transport::tls::verify::Verifier;

static SERVER: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let (certificate, key) = certificate::self_signed().expect("a key can be generated");
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("the provider has suites of both")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they belong together");
    config.enable_secret_extraction = true;
    config.send_tls13_tickets = 3;
    Arc::new(config)
});

fn client_config(
    version: &'static SupportedProtocolVersion,
    suite: SupportedCipherSuite,
) -> Arc<ClientConfig> {
    let provider = Arc::new(CryptoProvider {
        cipher_suites: vec![suite],
        ..aws_lc_rs::default_provider()
    });
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[version])
        .expect("the suite is of this version")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier::accepting(provider)))
        .with_no_client_auth();
    config.enable_secret_extraction = true;
    Arc::new(config)
}

fn session_of(complete: Complete) -> Session {
    Session::new(complete.secrets, complete.kernel, false)
}

/// Both ends after a handshake in memory, each message cut into pieces of `step` bytes.
fn pair(
    version: &'static SupportedProtocolVersion,
    suite: SupportedCipherSuite,
    step: usize,
) -> (Session, Session, Vec<u8>) {
    let name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let client = Handshake::client(client_config(version, suite), name).expect("a client");
    let server = Handshake::server(SERVER.clone()).expect("a server");
    let mut ends = [client, server];
    let mut sessions = [None, None];
    for turn in 0..100_000 {
        let at = turn % 2;
        if sessions[at].is_none() {
            match ends[at].advance() {
                Progress::Blocked => {}
                Progress::Complete(complete) => sessions[at] = Some(session_of(*complete)),
                Progress::Failed(reason) => panic!("handshake failed: {reason}"),
            }
        }
        let count = ends[at].outgoing.len().min(step);
        let moved: Vec<u8> = ends[at].outgoing.drain(..count).collect();
        ends[1 - at].incoming.extend(moved);
        if sessions.iter().all(Option::is_some) && ends.iter().all(|end| end.outgoing.is_empty()) {
            break;
        }
    }
    let [client, server] = sessions.map(|session| session.expect("the handshake ends"));
    // What the server sent after its handshake, tickets for one.
    let rest = std::mem::take(&mut ends[0].incoming);
    (client, server, rest)
}

fn open(session: &mut Session, wire: &[u8]) -> (Vec<u8>, Result<Opened, Failure>) {
    let mut out = vec![0; session.room(wire.len())];
    let opened = session.open(wire, &mut out);
    if let Ok(Opened::Data(len)) = opened {
        out.truncate(len);
    }
    (out, opened)
}

/// Seals and opens once.
fn pass(from: &mut Session, to: &mut Session, pieces: &[&[u8]]) {
    let plain = pieces.concat();
    let mut wire = vec![0; plain.len() + OVERHEAD_MAX];
    let len = from.seal_data(pieces, &mut wire).expect("it is sealed");
    assert_eq!(wire_len(&wire).expect("a good header"), len);
    let (opened, outcome) = open(to, &wire[..len]);
    assert_eq!(outcome.expect("it opens"), Opened::Data(plain.len()));
    assert_eq!(opened, plain);
}

fn all() -> impl Iterator<Item = (&'static SupportedProtocolVersion, SupportedCipherSuite)> {
    aws_lc_rs::ALL_CIPHER_SUITES.iter().map(|&suite| {
        let version = if suite.tls13().is_some() {
            &TLS13
        } else {
            &TLS12
        };
        (version, suite)
    })
}

#[test]
fn every_suite_carries_records_of_every_size() {
    let bytes: Vec<u8> = (0..PLAINTEXT_MAX).map(|at| at as u8).collect();
    for (version, suite) in all() {
        if suite
            .suite()
            .as_str()
            .is_some_and(|name| name.contains("ECDSA"))
        {
            // The certificate has an RSA key; the records are those of the RSA suite.
            continue;
        }
        for step in [1, 100_000] {
            let (mut client, mut server, rest) = pair(version, suite, step);
            open_all(&mut client, &rest);
            for len in [0, 1, 15, 16, 17, 1000, PLAINTEXT_MAX - 1, PLAINTEXT_MAX] {
                pass(&mut client, &mut server, &[&bytes[..len]]);
                pass(&mut server, &mut client, &[&bytes[..len]]);
                let (a, b) = bytes[..len].split_at(len / 3);
                pass(&mut client, &mut server, &[a, b]);
                pass(&mut server, &mut client, &[a, &[], b]);
            }
        }
    }
}

fn open_all(session: &mut Session, mut wire: &[u8]) {
    while !wire.is_empty() {
        let (record, rest) = wire.split_at(wire_len(wire).expect("a good header"));
        let (_, outcome) = open(session, record);
        assert_eq!(outcome.expect("it opens"), Opened::Control);
        wire = rest;
    }
}

fn any() -> (Session, Session) {
    of(CipherSuite::TLS13_AES_128_GCM_SHA256)
}

fn of(suite: CipherSuite) -> (Session, Session) {
    let (version, suite) = all()
        .find(|(_, offered)| offered.suite() == suite)
        .expect("the provider has it");
    let (mut client, server, rest) = pair(version, suite, 100_000);
    open_all(&mut client, &rest);
    (client, server)
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    for suite in [
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ] {
        let (mut client, mut server) = of(suite);
        let mut wire = vec![0; 20 + OVERHEAD_MAX];
        let len = client
            .seal_data(&[&[7; 20]], &mut wire)
            .expect("it is sealed");
        for at in 0..len {
            let mut changed = wire[..len].to_vec();
            changed[at] ^= 1;
            if wire_len(&changed).is_ok_and(|wire_len| wire_len == len) {
                assert!(open(&mut server, &changed).1.is_err(), "byte {at}");
            }
        }
        for short in HEADER_LEN..len {
            assert!(
                open(&mut server, &wire[..short]).1.is_err(),
                "{short} bytes"
            );
        }
        assert!(open(&mut server, &wire[..len]).1.is_ok());
        assert!(open(&mut server, &wire[..len]).1.is_err(), "a replay");
    }
}

#[test]
fn keys_change_when_the_peer_asks_and_when_they_are_worn() {
    let (mut client, mut server) = any();
    for _ in 0..3 {
        let mut request = KEY_UPDATE;
        request[4] = 1;
        let mut wire = [0; 4 * OVERHEAD_MAX];
        let len = client
            .seal(HANDSHAKE, &[&request], &mut wire)
            .expect("it is sealed");
        let Kernel::Client(kernel) = &mut client.kernel else {
            unreachable!("the client's side")
        };
        let (sequence, secrets) = kernel.update_tx_secret().expect("it is TLS 1.3");
        client.tx = Some(Direction::new(sequence, &secrets, true));
        assert_eq!(
            open(&mut server, &wire[..len]).1.expect("it opens"),
            Opened::Control
        );
        assert!(server.owes());
        let len = server.seal_owed(&mut wire).expect("it is sealed");
        assert!(!server.owes());
        assert_eq!(
            open(&mut client, &wire[..len]).1.expect("it opens"),
            Opened::Control
        );
        pass(&mut client, &mut server, &[b"there"]);
        pass(&mut server, &mut client, &[b"and back"]);
    }
    // Sequence numbers run in step, so both ends may jump.
    of_tx(&mut server).sequence = RECORDS_PER_KEY_MAX;
    client.rx.as_mut().expect("it is here").sequence = RECORDS_PER_KEY_MAX;
    let mut wire = [0; OVERHEAD_MAX + 8];
    let len = server.seal_owed(&mut wire).expect("it is sealed");
    assert_eq!(
        open(&mut client, &wire[..len]).1.expect("it opens"),
        Opened::Control
    );
    assert_eq!(of_tx(&mut server).sequence, 0);
    pass(&mut server, &mut client, &[b"with new keys"]);
}

fn of_tx(session: &mut Session) -> &mut Direction {
    session.tx.as_mut().expect("it is here")
}

#[test]
fn the_kernel_s_nonces_do_not_meet_ours() {
    for first in [0, 1, 2, 0x0fff_fffe, u64::MAX - 3, u64::MAX] {
        let mut iv = [9; 12];
        iv[4..].copy_from_slice(&first.to_be_bytes());
        for sequence in [0_u64, 1, 2, 3, 5, 64, 100] {
            let next = next_explicit_nonce(iv, sequence);
            assert_eq!(next[..4], iv[..4]);
            let next = u64::from_be_bytes(next[4..].try_into().expect("eight bytes"));
            for ours in (0..sequence).map(|sequence| first ^ sequence) {
                assert!(ours.wrapping_sub(next) > 1 << 60, "{first:x} {sequence}");
            }
        }
    }
}

#[test]
fn a_handshake_message_may_come_in_parts_but_not_mixed_with_data() {
    let (mut client, mut server) = any();
    let mut wire = [0; 4 * OVERHEAD_MAX];
    let len = client
        .seal(HANDSHAKE, &[&KEY_UPDATE[..2]], &mut wire)
        .expect("it is sealed");
    assert_eq!(
        open(&mut server, &wire[..len]).1.expect("it opens"),
        Opened::Control
    );
    let len = client
        .seal_data(&[b"data"], &mut wire)
        .expect("it is sealed");
    assert!(open(&mut server, &wire[..len]).1.is_err());
}

#[test]
fn renegotiation_is_refused_with_a_warning() {
    let (mut client, mut server) = of(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384);
    let mut wire = [0; 4 * OVERHEAD_MAX];
    for attempt in 0..=WARNINGS_MAX {
        let len = server
            .seal(HANDSHAKE, &[&[0; 4]], &mut wire)
            .expect("it is sealed");
        let outcome = open(&mut client, &wire[..len]).1;
        assert_eq!(outcome.is_ok(), attempt < WARNINGS_MAX, "attempt {attempt}");
        assert!(client.owes());
        let len = client.seal_owed(&mut wire).expect("it is sealed");
        let opened = open(&mut server, &wire[..len]).1;
        assert_eq!(opened.is_ok(), attempt < WARNINGS_MAX);
    }
}

#[test]
fn alerts_end_the_connection_or_are_ignored() {
    let (mut client, mut server) = any();
    let mut wire = [0; 4 * OVERHEAD_MAX];
    let mut send = |alert: &[u8]| {
        let len = client
            .seal(ALERT, &[alert], &mut wire)
            .expect("it is sealed");
        open(&mut server, &wire[..len]).1
    };
    assert_eq!(
        send(&[1, 90]).expect("user_canceled means nothing"),
        Opened::Control
    );
    assert_eq!(send(&CLOSE_NOTIFY).expect("it opens"), Opened::CloseNotify);
    assert!(send(&[2, 40]).is_err_and(|failure| failure.alert.is_none()));
    assert!(send(&[1]).is_err());
}

#[test]
fn padding_is_taken_off() {
    let (mut client, mut server) = any();
    let mut wire = [0; 4 * OVERHEAD_MAX];
    // What a peer that pads would have sealed: data, its type, zeros; ours adds the last byte.
    let len = client
        .seal(0, &[b"data\x17\0\0"], &mut wire)
        .expect("it is sealed");
    let (plain, outcome) = open(&mut server, &wire[..len]);
    assert_eq!(outcome.expect("it opens"), Opened::Data(4));
    assert_eq!(plain, b"data");
    let len = client.seal(0, &[&[0; 9]], &mut wire).expect("it is sealed");
    assert!(
        open(&mut server, &wire[..len]).1.is_err(),
        "nothing but padding"
    );
}

#[test]
fn records_that_are_too_long_or_no_records_are_refused() {
    assert!(wire_len(&[23, 3, 3, 0x48, 0]).is_ok());
    assert!(wire_len(&[23, 3, 3, 0x48, 1]).is_err());
    assert!(wire_len(b"GET /").is_err());
}

/// The end that receives, fed in pieces as the kernel would give them.
struct Receiver {
    handshake: Handshake,
    session: Option<Session>,
    /// The beginning of a record, once the handshake is over.
    held: Vec<u8>,
    data: Vec<u8>,
}

impl Receiver {
    fn feed(&mut self, bytes: &[u8]) {
        if self.session.is_none() {
            self.handshake.incoming.extend_from_slice(bytes);
            match self.handshake.advance() {
                Progress::Blocked => return,
                Progress::Complete(complete) => self.session = Some(session_of(*complete)),
                Progress::Failed(reason) => panic!("handshake failed: {reason}"),
            }
            self.data.append(&mut self.handshake.plaintext);
            self.held.append(&mut self.handshake.incoming);
        } else {
            self.held.extend_from_slice(bytes);
        }
        let session = self.session.as_mut().expect("set above");
        while self.held.len() >= HEADER_LEN {
            let len = wire_len(&self.held).expect("a good header");
            if len > self.held.len() {
                break;
            }
            let record: Vec<u8> = self.held.drain(..len).collect();
            let (plain, opened) = open(session, &record);
            if let Opened::Data(_) = opened.expect("it opens") {
                self.data.extend_from_slice(&plain);
            }
        }
    }
}

/// Two ends one step before the receiver's last flight, and that flight with data right behind it.
fn last_flight(suite: CipherSuite, to_server: bool, data: &[u8]) -> (Receiver, Vec<u8>) {
    let (version, suite) = all()
        .find(|(_, offered)| offered.suite() == suite)
        .expect("the provider has it");
    let name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let client = Handshake::client(client_config(version, suite), name).expect("a client");
    let server = Handshake::server(SERVER.clone()).expect("a server");
    let (mut sender, mut receiver) = if to_server {
        (client, server)
    } else {
        (server, client)
    };
    for _ in 0..10 {
        let progress = sender.advance();
        if let Progress::Complete(complete) = progress {
            let mut session = session_of(*complete);
            let mut flight = std::mem::take(&mut sender.outgoing);
            let start = flight.len();
            flight.resize(start + data.len() + 2 * OVERHEAD_MAX, 0);
            let (first, second) = data.split_at(data.len() / 2);
            let mut len = start;
            for part in [first, second] {
                let out = &mut flight[len..];
                len += session.seal_data(&[part], out).expect("it is sealed");
            }
            flight.truncate(len);
            let receiver = Receiver {
                handshake: receiver,
                session: None,
                held: Vec::new(),
                data: Vec::new(),
            };
            return (receiver, flight);
        }
        receiver.incoming.append(&mut sender.outgoing);
        assert!(matches!(receiver.advance(), Progress::Blocked));
        sender.incoming.append(&mut receiver.outgoing);
    }
    panic!("the handshake does not end");
}

#[test]
fn data_may_come_with_the_end_of_the_handshake_however_it_is_cut() {
    let data: Vec<u8> = (0..150).collect();
    for (suite, to_server) in [
        (CipherSuite::TLS13_AES_256_GCM_SHA384, true),
        (CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, false),
    ] {
        let len = last_flight(suite, to_server, &data).1.len();
        for cut in 0..=len {
            let (mut receiver, flight) = last_flight(suite, to_server, &data);
            assert_eq!(flight.len(), len, "flights are alike");
            let (first, second) = flight.split_at(cut);
            receiver.feed(first);
            receiver.feed(second);
            assert_eq!(receiver.data, data, "{suite:?} cut at {cut} of {len}");
        }
        for step in 1..20 {
            let (mut receiver, flight) = last_flight(suite, to_server, &data);
            for part in flight.chunks(step) {
                receiver.feed(part);
            }
            assert_eq!(receiver.data, data, "{suite:?} in steps of {step}");
        }
    }
}

/// A fresh client and its hello.
fn hello() -> (Handshake, Vec<u8>) {
    let (version, suite) = all()
        .find(|(_, offered)| offered.suite() == CipherSuite::TLS13_AES_128_GCM_SHA256)
        .expect("the provider has it");
    let name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mut client = Handshake::client(client_config(version, suite), name).expect("a client");
    assert!(matches!(client.advance(), Progress::Blocked));
    let hello = std::mem::take(&mut client.outgoing);
    (client, hello)
}

/// Takes a damaged flight in two parts. It fails or waits for more; what is not authenticated, the version
/// in the header of a record, may also be overlooked.
fn take_damaged(end: &mut Handshake, flight: &[u8], cut: usize) {
    let (first, second) = flight.split_at(cut);
    for part in [first, second] {
        end.incoming.extend_from_slice(part);
        match end.advance() {
            Progress::Blocked => {}
            Progress::Failed(_) | Progress::Complete(_) => return,
        }
    }
}

#[test]
fn a_damaged_hello_is_an_outcome() {
    let (_, hello) = hello();
    for at in 0..hello.len() {
        for (bit, cut) in [(1, 0), (0x80, at), (0x10, hello.len() / 2)] {
            let mut damaged = hello.clone();
            damaged[at] ^= bit;
            let mut server = Handshake::server(SERVER.clone()).expect("a server");
            take_damaged(&mut server, &damaged, cut);
        }
    }
}

#[test]
fn a_damaged_answer_is_an_outcome() {
    let mut at = 0;
    loop {
        let (mut client, hello) = hello();
        let mut server = Handshake::server(SERVER.clone()).expect("a server");
        server.incoming = hello;
        assert!(matches!(server.advance(), Progress::Blocked));
        let mut flight = std::mem::take(&mut server.outgoing);
        if at >= flight.len() {
            return;
        }
        flight[at] ^= 0x11;
        take_damaged(&mut client, &flight, at * 7 % flight.len());
        at += if at < 200 { 1 } else { 5 };
    }
}
