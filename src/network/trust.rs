//! Whom canship trusts: the system's authorities, and private ones beside them.

use std::sync::Arc;

use rustls::{
    ClientConfig, ConfigBuilder,
    client::WantsClientCert,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::CertificateDer,
    version::{TLS12, TLS13},
};

use super::verifier::Verifier;

/// The authorities that are trusted, read once. Clones share them.
#[derive(Clone, Debug)]
pub struct Trust {
    provider: Arc<CryptoProvider>,
    verifier: Arc<Verifier>,
}

impl Trust {
    /// The authorities of this system (`SSL_CERT_FILE` and `SSL_CERT_DIR` say which, if they are set), and `private` ones.
    #[must_use]
    pub fn new(private: &[CertificateDer<'static>]) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Arc::new(Verifier::beside_the_systems(private, &provider));
        Self { provider, verifier }
    }

    /// These authorities and nobody else.
    #[must_use]
    pub fn only(authorities: &[CertificateDer<'static>]) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Arc::new(Verifier::instead_of_the_systems(authorities, &provider));
        Self { provider, verifier }
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
