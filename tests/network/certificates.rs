//! An authority of the tests' own, and the certificates that it issues.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    Expired,
    NotYetValid,
    WrongHost,
    SelfSigned,
    /// Five of ninety days are left.
    ExpiresSoon,
    /// Five of ten days are left.
    IsShort,
}

/// Issues certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, as files.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for these hosts, with its key, in `folder`.
    pub(crate) fn issue(&self, folder: &Path, hosts: &[&str], flaw: Flaw) -> Files {
        let hosts = if flaw == Flaw::WrongHost { &["other.test"] } else { hosts };
        let mut params = CertificateParams::new(hosts.iter().map(|&host| host.to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "the server");
        let day = std::time::Duration::from_hours(24);
        let (past, future) = match flaw {
            Flaw::Expired => (90, -1),
            Flaw::NotYetValid => (-1, 90),
            Flaw::ExpiresSoon => (85, 5),
            Flaw::IsShort => (5, 5),
            Flaw::None | Flaw::WrongHost | Flaw::SelfSigned => (30, 300),
        };
        let moment = |days: i32| {
            let now = SystemTime::now();
            if days < 0 { now - day * days.unsigned_abs() } else { now + day * days.unsigned_abs() }
        };
        (params.not_before, params.not_after) = (moment(-past).into(), moment(future).into());
        let key = KeyPair::generate().unwrap();
        let certificate = if flaw == Flaw::SelfSigned {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.self_signed(&key).unwrap()
        } else {
            params.signed_by(&key, &self.issuer).unwrap()
        };
        let files = Files { certificate: folder.join("server.pem"), key: folder.join("server.key") };
        fs::write(&files.certificate, certificate.pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }
}

impl Files {
    /// What a server of the tests' own is configured with.
    pub(crate) fn server(&self) -> std::sync::Arc<rustls::ServerConfig> {
        use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
        let certificates = CertificateDer::pem_file_iter(&self.certificate).unwrap().map(Result::unwrap).collect();
        let provider = rustls::crypto::aws_lc_rs::default_provider().into();
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::from_pem_file(&self.key).unwrap();
        config.with_no_client_auth().with_single_cert(certificates, key).unwrap().into()
    }
}
