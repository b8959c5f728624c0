//! TLS 1.3 between two threads over a loopback connection, on bare rustls in blocking calls.
//!
//!     rustls-loop bulk SIZE [SECONDS]        writes of SIZE in one direction
//!     rustls-loop handshakes [SECONDS]       four connections at a time: connect, shake hands, close
//!
//! The environment names certificate and key, as for the library.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ServerConfig, ServerConnection,
    SignatureScheme, Stream,
};

const UNDER_WAY: usize = 4;
const WARM_UP: Duration = Duration::from_millis(50);

/// Any certificate will do, as long as the peer has its key.
#[derive(Debug)]
struct Accepting(Arc<CryptoProvider>);

impl ServerCertVerifier for Accepting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn configs() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let file = |name| std::env::var(name).expect("a file's name in the environment");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let chain =
        vec![CertificateDer::from_pem_file(file("EVPL_BENCH_CERT")).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(file("EVPL_BENCH_KEY")).expect("a key");
    let mut server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("the provider has suites")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they belong together");
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.ticketer = aws_lc_rs::Ticketer::new().expect("a key for tickets");
    let mut client = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("the provider has suites")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Accepting(provider)))
        .with_no_client_auth();
    client.resumption = rustls::client::Resumption::disabled();
    (Arc::new(client), Arc::new(server))
}

fn client(
    config: &Arc<ClientConfig>,
    address: std::net::SocketAddr,
) -> (ClientConnection, TcpStream) {
    let socket = TcpStream::connect(address).expect("it listens");
    socket.set_nodelay(true).expect("it is TCP");
    let name = ServerName::from(address.ip());
    let connection = ClientConnection::new(config.clone(), name).expect("a client");
    (connection, socket)
}

fn pin(core: usize) {
    // SAFETY: all-zero is an empty set, which the kernel reads.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}

fn process_cpu_s() -> f64 {
    // SAFETY: the kernel fills the structure.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

fn bulk(
    size: usize,
    (client_config, server_config): (Arc<ClientConfig>, Arc<ServerConfig>),
    seconds: f64,
) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        pin(0);
        let (mut connection, mut socket) = client(&client_config, address);
        let mut stream = Stream::new(&mut connection, &mut socket);
        let buffer = vec![1; size];
        while stream.write_all(&buffer).is_ok() {}
    });
    pin(1);
    let (mut socket, _) = listener.accept().expect("it connects");
    let mut connection = ServerConnection::new(server_config).expect("a server");
    let mut stream = Stream::new(&mut connection, &mut socket);
    let mut buffer = vec![0; size];
    let from = Instant::now() + WARM_UP;
    let (mut started, mut bytes) = (None, 0);
    loop {
        let count = stream.read(&mut buffer).expect("the sender goes on");
        let now = Instant::now();
        match started {
            None if now < from => {}
            None => started = Some((now, process_cpu_s())),
            Some((started, cpu)) => {
                bytes += count;
                let passed = (now - started).as_secs_f64();
                if passed >= seconds {
                    println!("gb_per_s {}", bytes as f64 / passed / 1e9);
                    println!(
                        "cpu_s_per_gb {}",
                        (process_cpu_s() - cpu) * 1e9 / bytes as f64
                    );
                    std::process::exit(0);
                }
            }
        }
    }
}

fn shake_hands<S: rustls::SideData>(
    connection: &mut rustls::ConnectionCommon<S>,
    socket: &mut TcpStream,
) -> io::Result<()> {
    while connection.is_handshaking() {
        connection.complete_io(socket)?;
    }
    while connection.wants_write() {
        connection.write_tls(socket)?;
    }
    Ok(())
}

fn handshakes(
    (client_config, server_config): (Arc<ClientConfig>, Arc<ServerConfig>),
    seconds: f64,
) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let count = Arc::new(AtomicU32::new(0));
    for _ in 0..UNDER_WAY {
        let listener = listener.try_clone().expect("a descriptor");
        let server_config = server_config.clone();
        std::thread::spawn(move || {
            pin(1);
            serve(&listener, &server_config);
        });
        let (client_config, count) = (client_config.clone(), count.clone());
        std::thread::spawn(move || {
            pin(0);
            loop {
                let (mut connection, mut socket) = client(&client_config, address);
                shake_hands(&mut connection, &mut socket).expect("the server goes on");
                connection.send_close_notify();
                let _ = connection.write_tls(&mut socket);
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    std::thread::sleep(WARM_UP);
    let (started, before) = (Instant::now(), count.load(Ordering::Relaxed));
    let cpu = process_cpu_s();
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let done = f64::from(count.load(Ordering::Relaxed) - before);
    println!(
        "cpu_us_per_handshake {}",
        (process_cpu_s() - cpu) * 1e6 / done
    );
    println!(
        "handshakes_per_s {}",
        done / started.elapsed().as_secs_f64()
    );
    std::process::exit(0);
}

fn serve(listener: &TcpListener, config: &Arc<ServerConfig>) {
    loop {
        let (mut socket, _) = listener.accept().expect("clients connect");
        socket.set_nodelay(true).expect("it is TCP");
        let mut connection = ServerConnection::new(config.clone()).expect("a server");
        // A client that is done may be gone before the tickets are sent.
        if shake_hands(&mut connection, &mut socket).is_ok() {
            let _ = Stream::new(&mut connection, &mut socket).read(&mut [0; 16]);
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |at: usize| {
        arguments
            .get(at)
            .map_or(0.25, |text| text.parse().expect("seconds"))
    };
    match arguments[..] {
        ["bulk", size, ..] => bulk(size.parse().expect("a size"), configs(), number(2)),
        ["handshakes", ..] => handshakes(configs(), number(1)),
        _ => std::process::exit(2),
    }
}
