//! The platform's verifier, whose refusals say what is wrong with the certificate.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use super::{
    certificate::{Certificate, short},
    fault::{CertificateFault, Shown, moment},
};
use crate::record::Text;

/// Passes every question on to the platform's verifier, and keeps its answer, with one exception: a certificate that
/// was itself named as trusted, byte for byte, is so also if it bears the mark of an authority, as self-signed ones
/// mostly do. That it is valid now, is for this host, and that the server has its key are verified all the same.
#[derive(Debug)]
pub(super) struct Verifier {
    /// None where no authority is known: then nobody is trusted.
    platform: Option<Arc<dyn ServerCertVerifier>>,
    private: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
    /// Hosts whose certificate was taken, but has to be renewed soon.
    expiring: Mutex<BTreeMap<Text, Timestamp>>,
}

impl Verifier {
    /// Trusts the system's authorities and these.
    pub(super) fn beside_the_systems(private: &[CertificateDer<'static>], provider: &Arc<CryptoProvider>) -> Self {
        let more = private.iter().cloned();
        let platform = rustls_platform_verifier::Verifier::new_with_extra_roots(more, Arc::clone(provider)).ok();
        Self::new(platform.map(|verifier| Arc::new(verifier) as _), private, provider)
    }

    /// Trusts these and nobody else.
    pub(super) fn instead_of_the_systems(private: &[CertificateDer<'static>], provider: &Arc<CryptoProvider>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(private.iter().cloned());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().ok();
        Self::new(verifier.map(|verifier| verifier as _), private, provider)
    }

    fn new(
        platform: Option<Arc<dyn ServerCertVerifier>>,
        private: &[CertificateDer<'static>],
        provider: &Arc<CryptoProvider>,
    ) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Self { platform, private: private.to_vec(), algorithms, expiring: Mutex::default() }
    }

    /// The hosts whose certificate was taken and has to be renewed soon, with its last moment.
    pub(super) fn expiring(&self) -> BTreeMap<Text, Timestamp> {
        self.expiring.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn taken(&self, shown: &Shown<'_>) -> ServerCertVerified {
        if let (Some(own), Some(now)) = (Certificate::read(shown.end), moment(shown.now))
            && own.expires_soon(now)
        {
            let server = short(&shown.server.to_str());
            self.expiring.lock().unwrap_or_else(PoisonError::into_inner).insert(server, own.not_after);
        }
        ServerCertVerified::assertion()
    }

    /// Whether the certificate was itself named as trusted, and is valid for this host now.
    fn is_trusted_itself(&self, shown: &Shown<'_>) -> Result<bool, Error> {
        if !self.private.iter().any(|private| private == shown.end) {
            return Ok(false);
        }
        let (Some(own), Some(now)) = (Certificate::read(shown.end), moment(shown.now)) else { return Ok(false) };
        if !(own.not_before..=own.not_after).contains(&now) {
            return Ok(false);
        }
        verify_server_name(&ParsedCertificate::try_from(shown.end)?, shown.server).map(|()| true)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Shown { end, chain, server, now };
        let Some(platform) = &self.platform else {
            return Err(told(CertificateFault::without_authorities(&shown)));
        };
        let refused = match platform.verify_server_cert(end, chain, server, ocsp, now) {
            // What has no name of its own is how the mark of an authority is refused.
            Err(Error::InvalidCertificate(refused @ CertificateError::Other(_))) => match self.is_trusted_itself(&shown) {
                Ok(true) => return Ok(self.taken(&shown)),
                Ok(false) => refused,
                Err(Error::InvalidCertificate(refused)) => refused,
                Err(other) => return Err(other),
            },
            Err(Error::InvalidCertificate(refused)) => refused,
            answer => return answer.map(|_| self.taken(&shown)),
        };
        Err(told(CertificateFault::new(&refused, &shown)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn told(fault: CertificateFault) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(fault))))
}
