//! Whom canship trusts: the system's authorities, and private ones beside them.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use rustls::{
    ClientConfig, ConfigBuilder,
    client::WantsClientCert,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::CertificateDer,
    version::{TLS12, TLS13},
};

use super::verifier::Verifier;
use crate::record::Text;

/// The authorities that are trusted, read once. Clones share them.
#[derive(Clone, Debug)]
pub struct Trust {
    provider: Arc<CryptoProvider>,
    verifier: Arc<Verifier>,
    private: Arc<[CertificateDer<'static>]>,
}

/// A server whose certificate was taken, but has to be renewed soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiring {
    /// Its host.
    pub server: Text,
    /// The last moment at which its certificate is valid.
    pub until: Timestamp,
}

impl Trust {
    /// The authorities of this system (`SSL_CERT_FILE` and `SSL_CERT_DIR` say which, if they are set), and `private` ones.
    #[must_use]
    pub fn new(private: &[CertificateDer<'static>]) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Arc::new(Verifier::beside_the_systems(private, &provider));
        Self { provider, verifier, private: private.into() }
    }

    /// These authorities and nobody else.
    #[must_use]
    pub fn only(authorities: &[CertificateDer<'static>]) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Arc::new(Verifier::instead_of_the_systems(authorities, &provider));
        Self { provider, verifier, private: authorities.into() }
    }

    /// Whether private authorities are trusted.
    #[must_use]
    pub fn has_private(&self) -> bool {
        !self.private.is_empty()
    }

    /// Everybody who is trusted, as a file in PEM form for other programs: they take such a file in place of what they
    /// know themselves. `more` is a file of that form that is to be part of it.
    #[must_use]
    pub fn bundle(&self, more: &str) -> String {
        // Errors are of single files of the system's store, which are as good as not there.
        let systems = rustls_native_certs::load_native_certs().certs;
        let mut bundle = String::new();
        for certificate in self.private.iter().chain(&systems) {
            bundle.push_str("-----BEGIN CERTIFICATE-----\n");
            let text = STANDARD.encode(certificate);
            for at in (0..text.len()).step_by(64) {
                bundle.push_str(&text[at..text.len().min(at + 64)]);
                bundle.push('\n');
            }
            bundle.push_str("-----END CERTIFICATE-----\n");
        }
        bundle + more
    }

    /// Servers whose certificate has to be renewed soon, of all that were reached so far.
    #[must_use]
    pub fn expiring(&self) -> Vec<Expiring> {
        self.verifier.expiring().into_iter().map(|(server, until)| Expiring { server, until }).collect()
    }

    /// The configuration of a TLS client that has no certificate of its own.
    ///
    /// # Errors
    /// The provider speaks no version of TLS.
    pub fn client(&self) -> Result<ClientConfig, rustls::Error> {
        Ok(self.builder()?.with_no_client_auth())
    }

    /// The same, for a client that may show a certificate of its own.
    ///
    /// # Errors
    /// The provider speaks no version of TLS.
    pub fn builder(&self) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider));
        let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?;
        // What is called dangerous is to verify by something of one's own: see there how little that is.
        let verifier = Arc::clone(&self.verifier);
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier))
    }
}
