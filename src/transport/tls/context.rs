//! What the TLS settings of the process mean: one configuration for servers, one for clients.
//!
//! Both are made when the first listener or connection needs them, under a lock, and kept. A setting
//! that cannot be honoured fails every listen or connect with the same log line.

#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ServerConfig};

use super::ktls::Offer;
use super::verify::Verifier;
use super::{certificate, ciphers};
use crate::config::GlobalConfig;
use crate::sys::library;

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
    client: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl Contexts {
    pub fn server(&self, config: &GlobalConfig) -> io::Result<Arc<ServerConfig>> {
        logged("server", self.server.get_or_init(|| server(config)))
    }

    pub fn client(&self, config: &GlobalConfig) -> io::Result<Arc<ClientConfig>> {
        logged("client", self.client.get_or_init(|| client(config)))
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
    let verifier = verifier(config, &provider)?;
    let mut context = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| error.to_string())?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| format!("certificate and key: {error}"))?;
    context.session_storage = Arc::new(NoServerSessionStorage {});
    context.send_tls13_tickets = 0;
    context.enable_secret_extraction = true;
    Ok(Arc::new(context))
}

fn client(config: &GlobalConfig) -> Result<Arc<ClientConfig>, String> {
    let provider = provider(config)?;
    let verifier = verifier(config, &provider)?;
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
    context.resumption = Resumption::disabled();
    context.enable_secret_extraction = true;
    Ok(Arc::new(context))
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
) -> Result<Arc<Verifier>, String> {
    if !config.tls_verify_peer {
        return Ok(Arc::new(Verifier::accepting(provider.clone())));
    }
    let file = match &config.tls_ca {
        Some(path) => certificates(path)?,
        None => Vec::new(),
    };
    Verifier::trusting(provider.clone(), file)
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
