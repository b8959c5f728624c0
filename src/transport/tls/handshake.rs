//! The handshake: rustls' state machine between two buffers, up to the keys of the record layer.
//!
//! A server that has ALPN names first looks at the client's: rustls would refuse a client that offers
//! none of them, but here the connection then simply has no name.

#![forbid(unsafe_code)]

use std::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::{Acceptor, ClientHello, ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, InsufficientSizeError, UnbufferedConnectionCommon,
    UnbufferedStatus,
};
use rustls::{
    CertificateError, ClientConfig, Error, ExtractedSecrets, InvalidMessage, PeerIncompatible,
    ServerConfig,
};

use super::context;
use super::record::Kernel;

/// Bytes that may wait for the rest of a handshake message.
const INCOMING_LEN_MAX: usize = 128 << 10;

pub struct Handshake {
    side: Side,
    /// What was received and not yet used.
    pub incoming: Vec<u8>,
    /// Records to be sent.
    pub outgoing: Vec<u8>,
    /// What came for the program right behind the handshake.
    pub plaintext: Vec<u8>,
    pub peer_closed: bool,
}

enum Side {
    /// Waits for the client's first message, of which so many bytes were read.
    Hello(Box<Acceptor>, usize, Arc<ServerConfig>),
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
    Over,
}

pub enum Progress {
    /// More is needed from the peer.
    Blocked,
    Complete(Box<Complete>),
    Failed(String),
}

pub struct Complete {
    pub secrets: ExtractedSecrets,
    pub kernel: Kernel,
    pub alpn: Option<Vec<u8>>,
}

impl Handshake {
    fn new(side: Side) -> Handshake {
        Handshake {
            side,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            plaintext: Vec::new(),
            peer_closed: false,
        }
    }

    /// An address as `name` is not sent.
    pub fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Handshake, Error> {
        let connection = UnbufferedClientConnection::new_with_alpn(config, name, context::alpn())?;
        Ok(Handshake::new(Side::Client(Box::new(connection))))
    }

    pub fn server(config: Arc<ServerConfig>) -> Result<Handshake, Error> {
        Ok(Handshake::new(if context::alpn().is_empty() {
            Side::Server(Box::new(UnbufferedServerConnection::new(config)?))
        } else {
            Side::Hello(Box::default(), 0, config)
        }))
    }

    /// Goes on as far as `incoming` allows.
    pub fn advance(&mut self) -> Progress {
        let progress = match self.choose() {
            Ok(true) => self.exchange(),
            Ok(false) => Ok(false),
            Err(error) => Err(error),
        };
        match progress {
            Ok(true) => self.complete(),
            Ok(false) if self.incoming.len() > INCOMING_LEN_MAX => {
                Progress::Failed("handshake message too long".to_owned())
            }
            Ok(false) => Progress::Blocked,
            Err(error) => Progress::Failed(reason(&error)),
        }
    }

    /// Whether the side's connection exists: a server's may depend on the client's first message.
    fn choose(&mut self) -> Result<bool, Error> {
        let Side::Hello(acceptor, read, config) = &mut self.side else {
            return Ok(true);
        };
        loop {
            match acceptor.accept() {
                Ok(Some(accepted)) => {
                    let config = with_shared_name(config, &accepted.client_hello());
                    let connection = UnbufferedServerConnection::new(config)?;
                    self.side = Side::Server(Box::new(connection));
                    return Ok(true);
                }
                Ok(None) => {}
                Err((error, mut alert)) => {
                    // Writing to memory does not fail.
                    let _ = alert.write_all(&mut self.outgoing);
                    return Err(error);
                }
            }
            let mut unread = &self.incoming[*read..];
            if unread.is_empty() {
                return Ok(false);
            }
            *read += acceptor
                .read_tls(&mut unread)
                .map_err(|error| Error::General(error.to_string()))?;
        }
    }

    /// True once the handshake is over.
    fn exchange(&mut self) -> Result<bool, Error> {
        let buffers = Buffers {
            incoming: &mut self.incoming,
            outgoing: &mut self.outgoing,
            plaintext: &mut self.plaintext,
            peer_closed: &mut self.peer_closed,
        };
        match &mut self.side {
            Side::Server(connection) => buffers.exchange(
                connection,
                UnbufferedConnectionCommon::<ServerConnectionData>::process_tls_records,
            ),
            Side::Client(connection) => buffers.exchange(
                connection,
                UnbufferedConnectionCommon::<ClientConnectionData>::process_tls_records,
            ),
            Side::Hello(..) | Side::Over => Ok(false),
        }
    }

    fn complete(&mut self) -> Progress {
        let made = match std::mem::replace(&mut self.side, Side::Over) {
            Side::Client(connection) => {
                let alpn = name(&connection);
                connection
                    .dangerous_into_kernel_connection()
                    .map(|(secrets, kernel)| (secrets, Kernel::Client(kernel), alpn))
            }
            Side::Server(connection) => {
                let alpn = name(&connection);
                connection
                    .dangerous_into_kernel_connection()
                    .map(|(secrets, kernel)| (secrets, Kernel::Server(kernel), alpn))
            }
            Side::Hello(..) | Side::Over => Err(Error::HandshakeNotComplete),
        };
        match made {
            Ok((secrets, kernel, alpn)) => Progress::Complete(Box::new(Complete {
                secrets,
                kernel,
                alpn,
            })),
            Err(error) => Progress::Failed(reason(&error)),
        }
    }
}

fn name<Data>(connection: &UnbufferedConnectionCommon<Data>) -> Option<Vec<u8>> {
    connection.alpn_protocol().map(<[u8]>::to_vec)
}

/// The configuration with the first of our names that the client offers, or without any.
fn with_shared_name(config: &Arc<ServerConfig>, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
    let offered: Vec<&[u8]> = hello.alpn().map(Iterator::collect).unwrap_or_default();
    let shared = context::alpn()
        .into_iter()
        .find(|ours| offered.contains(&ours.as_slice()));
    match shared {
        Some(shared) => {
            let mut config = ServerConfig::clone(config);
            config.alpn_protocols = vec![shared];
            Arc::new(config)
        }
        None => config.clone(),
    }
}

struct Buffers<'a> {
    incoming: &'a mut Vec<u8>,
    outgoing: &'a mut Vec<u8>,
    plaintext: &'a mut Vec<u8>,
    peer_closed: &'a mut bool,
}

/// One of the two functions of the same name.
type Process<Data> = for<'c, 'i> fn(
    &'c mut UnbufferedConnectionCommon<Data>,
    &'i mut [u8],
) -> UnbufferedStatus<'c, 'i, Data>;

impl Buffers<'_> {
    fn exchange<Data>(
        self,
        connection: &mut UnbufferedConnectionCommon<Data>,
        process: Process<Data>,
    ) -> Result<bool, Error> {
        loop {
            let UnbufferedStatus { mut discard, state } = process(connection, self.incoming);
            let settled = match state {
                Err(error) => {
                    collect_alerts(connection, process, self.outgoing);
                    return Err(error);
                }
                Ok(ConnectionState::EncodeTlsData(data)) => {
                    encode(data, self.outgoing);
                    None
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    None
                }
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        self.plaintext.extend_from_slice(record.payload);
                        discard += record.discard;
                    }
                    None
                }
                Ok(ConnectionState::PeerClosed) => {
                    *self.peer_closed = true;
                    None
                }
                Ok(ConnectionState::WriteTraffic(_)) => Some(true),
                Ok(ConnectionState::BlockedHandshake) => Some(false),
                Ok(_) => return Err(Error::HandshakeNotComplete),
            };
            self.incoming.drain(..discard);
            if let Some(writable) = settled {
                return Ok(writable && !connection.is_handshaking());
            }
        }
    }
}

/// After an error: what the peer is to be told about it. As long as there is something, rustls does not look
/// at what was received; it would not find what it remembers of it.
fn collect_alerts<Data>(
    connection: &mut UnbufferedConnectionCommon<Data>,
    process: Process<Data>,
    outgoing: &mut Vec<u8>,
) {
    while connection.wants_write() {
        match process(connection, &mut []).state {
            Ok(ConnectionState::EncodeTlsData(data)) => encode(data, outgoing),
            _ => return,
        }
    }
}

fn encode<Data>(mut data: EncodeTlsData<'_, Data>, outgoing: &mut Vec<u8>) {
    let start = outgoing.len();
    if let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) =
        data.encode(&mut outgoing[start..])
    {
        outgoing.resize(start + required_size, 0);
        data.encode(&mut outgoing[start..])
            .expect("the room that was asked for");
    }
}

/// What went wrong, in the words an administrator would look for.
fn reason(error: &Error) -> String {
    let known = match error {
        Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "certificate has expired",
        Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "certificate is not yet valid",
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "unknown CA: certificate is not signed by the CA file"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "certificate is for another name",
        Error::NoCertificatesPresented => "peer did not present a certificate",
        Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon) => "no shared cipher",
        Error::PeerIncompatible(
            // What the hello of an older version lacks.
            PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic
            | PeerIncompatible::ServerDoesNotSupportTls12Or13,
        ) => "unsupported protocol version",
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => "wrong version number: the peer does not speak TLS",
        Error::AlertReceived(alert) => return format!("peer sent alert {alert:?}"),
        other => return other.to_string(),
    };
    known.to_owned()
}
