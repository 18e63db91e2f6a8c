//! Files with certificates of private authorities.

use std::{fs::File, io::Read as _, path::Path};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// The system's own bundle of all public authorities has a quarter of it.
const LARGEST: u64 = 1024 * 1024;

/// The certificates in a file of PEM form.
///
/// # Errors
/// What is wrong with it, to go on after its name: `has no certificate in it`.
pub fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unreadable = |reason: std::io::Error| format!("cannot be read: {reason}");
    if !path.metadata().map_err(unreadable)?.is_file() {
        return Err("is no file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err("is larger than 1MiB".to_owned());
    }
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates = certificates.map_err(|_| "is not in PEM form".to_owned())?;
    if certificates.is_empty() {
        return Err("has no certificate in it".to_owned());
    }
    let mut roots = RootCertStore::empty();
    for (at, certificate) in certificates.iter().enumerate() {
        roots.add(certificate.clone()).map_err(|_| format!("has a certificate, the {}., that cannot be understood", at + 1))?;
    }
    Ok(certificates)
}
