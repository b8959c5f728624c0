//! Which peer certificates are trusted.
//!
//! A chain must lead to the configured CA file; the peer's name plays a part only if asked for. A certificate that is in
//! the file itself is trusted as it is, also when it says that it is a CA. Without a file nothing can be
//! trusted. With verification off any certificate will do, but the peer still proves that it has the key.

#![forbid(unsafe_code)]

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use super::certificate;

#[derive(Debug)]
pub struct Verifier {
    provider: Arc<CryptoProvider>,
    /// None: anything goes.
    trust: Option<Trust>,
}

#[derive(Debug)]
struct Trust {
    file: Vec<CertificateDer<'static>>,
    roots: Arc<RootCertStore>,
    /// Servers must have the name they are known by.
    names: bool,
    /// None without roots.
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

impl Verifier {
    pub fn accepting(provider: Arc<CryptoProvider>) -> Verifier {
        Verifier {
            provider,
            trust: None,
        }
    }

    /// Trusts what is in `file` and what that signed. Certificates that cannot be read are an error, those
    /// that have expired sign nothing.
    pub fn trusting(
        provider: Arc<CryptoProvider>,
        file: Vec<CertificateDer<'static>>,
        names: bool,
    ) -> Result<Verifier, Error> {
        let mut roots = RootCertStore::empty();
        for root in &file {
            if check_validity(root, UnixTime::now()).is_ok() {
                roots.add(root.clone())?;
            }
        }
        let roots = Arc::new(roots);
        let clients = if roots.is_empty() {
            None
        } else {
            WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
                .build()
                .ok()
        };
        Ok(Verifier {
            provider,
            trust: Some(Trust {
                file,
                roots,
                names,
                clients,
            }),
        })
    }
}

impl Trust {
    /// Whether the file holds the certificate itself; an error if it does and has expired.
    fn holds(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<bool, Error> {
        let held = self
            .file
            .iter()
            .any(|held| held.as_ref() == certificate.as_ref());
        if held {
            check_validity(certificate, now)?;
        }
        Ok(held)
    }
}

fn check_validity(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let (not_before, not_after) =
        certificate::validity(certificate).ok_or(CertificateError::BadEncoding)?;
    if now.as_secs() < not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    if now.as_secs() > not_after {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trust) = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        if !trust.holds(certificate, now)? {
            verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(certificate)?,
                &trust.roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )?;
        }
        if trust.names {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        self.trust.is_some()
    }

    /// None: peers refuse a CertificateRequest that grows with a large CA file, and may pick any
    /// certificate without one (RFC 8446 section 4.2.4).
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let Some(trust) = &self.trust else {
            return Ok(ClientCertVerified::assertion());
        };
        if trust.holds(certificate, now)? {
            return Ok(ClientCertVerified::assertion());
        }
        match &trust.clients {
            Some(clients) => clients.verify_client_cert(certificate, intermediates, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls12_signature(self, message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls13_signature(self, message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ServerCertVerifier::supported_verify_schemes(self)
    }
}
