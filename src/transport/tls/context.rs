//! What the TLS settings of the process mean: one configuration for servers, one for clients.
//!
//! Both are made when the first listener or connection needs them, under a lock, and kept. A setting
//! that cannot be honoured fails every listen or connect with the same log line.

#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, DnsName, PrivateKeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, KeyLogFile, ServerConfig};

use super::ktls::Offer;
use super::verify::Verifier;
use super::{certificate, ciphers};
use crate::config::GlobalConfig;
use crate::sys::library;
use crate::transport::PeerName;
use crate::transport::address::Address;

/// The names offered by clients and selected by servers, best first. Read by every handshake.
static ALPN: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

pub fn set_alpn(names: Vec<Vec<u8>>) {
    *ALPN.lock().unwrap_or_else(PoisonError::into_inner) = names;
}

pub fn alpn() -> Vec<Vec<u8>> {
    ALPN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[derive(Default)]
pub struct Contexts {
    pub kernel: Offer,
    server: OnceLock<Result<Arc<ServerConfig>, String>>,
    client: OnceLock<Result<Clients, String>>,
}

/// Clients that send their server's name, and those that do not; else the same.
#[derive(Clone)]
struct Clients {
    naming: Arc<ClientConfig>,
    silent: Arc<ClientConfig>,
}

impl Contexts {
    pub fn server(&self, config: &GlobalConfig) -> io::Result<Arc<ServerConfig>> {
        logged("server", self.server.get_or_init(|| server(config)))
    }

    /// What a connection to this address needs, and the name it expects there.
    pub fn client(
        &self,
        config: &GlobalConfig,
        remote: Option<Arc<Address>>,
        name: &PeerName,
    ) -> io::Result<(Arc<ClientConfig>, ServerName<'static>)> {
        let clients = logged("client", self.client.get_or_init(|| client(config)))?;
        let (host, sent) = match name {
            PeerName::None => (None, false),
            PeerName::Host(host) => (Some(host), config.tls_send_name),
            PeerName::Chosen(host) => (Some(host), true),
        };
        // What the resolver takes for a name may be none in a certificate.
        let host = host.and_then(|host| DnsName::try_from(host.to_string()).ok());
        let name = match host {
            Some(host) if sent || config.tls_verify_name => ServerName::DnsName(host),
            // Of an address nothing is sent, but sessions are kept under it.
            _ => ServerName::from(
                remote
                    .and_then(|remote| remote.socket_addr())
                    .map_or(Ipv4Addr::UNSPECIFIED.into(), |remote| remote.ip()),
            ),
        };
        let config = if sent { clients.naming } else { clients.silent };
        Ok((config, name))
    }
}

fn logged<T: Clone>(side: &str, context: &Result<T, String>) -> io::Result<T> {
    context.clone().map_err(|reason| {
        crate::log_error!("tls", "{} configuration: {}", side, reason);
        io::Error::from_raw_os_error(libc::EINVAL)
    })
}

fn server(config: &GlobalConfig) -> Result<Arc<ServerConfig>, String> {
    let provider = provider(config)?;
    let (chain, key) = match identity(config)? {
        Some(identity) => identity,
        None => {
            crate::log_info!(
                "tls",
                "no certificate configured: generated one for localhost"
            );
            let (certificate, key) = certificate::self_signed()?;
            (vec![certificate], key)
        }
    };
    let wanted = config
        .tls_require_client_cert
        .unwrap_or(config.tls_verify_peer);
    let verifier = verifier(config, &provider, wanted)?;
    let mut context = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| error.to_string())?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| format!("certificate and key: {error}"))?;
    context.session_storage = match config.tls_server_sessions as usize {
        0 => Arc::new(NoServerSessionStorage {}),
        count => ServerSessionMemoryCache::new(count),
    };
    context.send_tls13_tickets = config.tls_server_tickets as usize;
    if config.tls_server_tickets > 0 {
        context.ticketer = aws_lc_rs::Ticketer::new().map_err(|error| error.to_string())?;
    } else if config.tls_server_sessions > 0 {
        // In TLS 1.3 the identifier of a session travels as a ticket.
        context.send_tls13_tickets = 1;
    }
    if config.tls_key_log {
        context.key_log = Arc::new(KeyLogFile::new());
    }
    context.enable_secret_extraction = true;
    Ok(Arc::new(context))
}

fn client(config: &GlobalConfig) -> Result<Clients, String> {
    let provider = provider(config)?;
    let verifier = verifier(config, &provider, config.tls_verify_peer)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut context = match identity(config)? {
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("certificate and key: {error}"))?,
        None => builder.with_no_client_auth(),
    };
    context.resumption = match config.tls_client_sessions as usize {
        0 => Resumption::disabled(),
        count => Resumption::in_memory_sessions(count),
    };
    if config.tls_key_log {
        context.key_log = Arc::new(KeyLogFile::new());
    }
    context.enable_secret_extraction = true;
    let naming = Arc::new(context.clone());
    context.enable_sni = false;
    Ok(Clients {
        naming,
        silent: Arc::new(context),
    })
}

fn provider(config: &GlobalConfig) -> Result<Arc<CryptoProvider>, String> {
    // AWS-LC has data for each thread that uses it, whose destructor runs when the thread ends.
    library::pin();
    let list = config.tls_cipher_list.as_deref().map(CStr::to_string_lossy);
    Ok(Arc::new(CryptoProvider {
        cipher_suites: ciphers::select(list.as_deref(), config.tls_ktls_enabled)?,
        ..aws_lc_rs::default_provider()
    }))
}

fn verifier(
    config: &GlobalConfig,
    provider: &Arc<CryptoProvider>,
    wanted: bool,
) -> Result<Arc<Verifier>, String> {
    if !wanted {
        return Ok(Arc::new(Verifier::accepting(provider.clone())));
    }
    let file = match &config.tls_ca {
        Some(path) => certificates(path)?,
        None => Vec::new(),
    };
    Verifier::trusting(provider.clone(), file, config.tls_verify_name)
        .map(Arc::new)
        .map_err(|error| format!("CA file: {error}"))
}

/// The configured certificate chain and its key, if both are set.
fn identity(
    config: &GlobalConfig,
) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, String> {
    let (Some(chain), Some(key)) = (&config.tls_cert, &config.tls_key) else {
        return Ok(None);
    };
    let chain = certificates(chain)?;
    let key = PrivateKeyDer::from_pem_file(path(key)).map_err(|error| unreadable(key, &error))?;
    Ok(Some((chain, key)))
}

/// Every certificate of a file; at least one.
fn certificates(name: &CStr) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path(name))
        .map_err(|error| unreadable(name, &error))?
        .collect();
    let certificates = certificates.map_err(|error| unreadable(name, &error))?;
    if certificates.is_empty() {
        return Err(format!("no certificate in {}", name.to_string_lossy()));
    }
    Ok(certificates)
}

fn path(name: &CStr) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()))
}

fn unreadable(name: &CStr, error: &rustls::pki_types::pem::Error) -> String {
    format!("{}: {}", name.to_string_lossy(), error)
}
