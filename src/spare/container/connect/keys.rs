//! The certificates and keys that a connection to an engine's port is secured with, as files of Docker's layout: `ca.pem`,
//! `cert.pem`, `key.pem`.
//!
//! Invariant: nothing of a file's content is told, only its name and what is wrong with it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::{Fault, address::Tcp, locate::Surroundings, unverified};
use crate::{
    network::{Certificate, Trust},
    record::shell_word,
};

/// The files, none of which was read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    /// Authorities that may vouch for the engine, beside those of the system.
    authorities: Option<PathBuf>,
    /// What canship shows to the engine, and the key to it.
    own: Option<(PathBuf, PathBuf)>,
    /// Where the files are sought.
    folder: Option<PathBuf>,
    verify: Verify,
}

/// Whether the engine must prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verify {
    Yes,
    No,
}

/// What a connection is made with, read and checked.
pub(super) struct Loaded {
    pub(super) config: ClientConfig,
    /// What canship shows to the engine.
    pub(super) own: Option<Certificate>,
}

impl Keys {
    /// What Docker's variables say: TLS with `DOCKER_TLS_VERIFY`, or with an address that asks for it.
    pub(super) fn of_surroundings(tcp: &Tcp, around: &Surroundings) -> Result<Option<Self>, Fault> {
        if !around.tls_verify && !tcp.is_https() {
            return Ok(None);
        }
        let usual = around.docker_config.clone().filter(|_| around.tls_verify);
        let Some(folder) = around.cert_path.clone().or(usual) else {
            return Ok(Some(Self { authorities: None, own: None, folder: None, verify: Verify::Yes }));
        };
        let keys = Self::in_folder(folder, Verify::Yes)?;
        match &keys.folder {
            // Docker's own client insists on it as well.
            Some(folder) if around.tls_verify && keys.authorities.is_none() => Err(missing(&folder.join("ca.pem"))),
            _ => Ok(Some(keys)),
        }
    }

    /// What a context has for its port: none of it means no TLS.
    pub(super) fn of_context(tcp: &Tcp, folder: &Path, skip_verify: bool) -> Result<Option<Self>, Fault> {
        let verify = if skip_verify { Verify::No } else { Verify::Yes };
        let keys = Self::in_folder(folder.to_owned(), verify)?;
        let is_tls = tcp.is_https() || skip_verify || keys.authorities.is_some() || keys.own.is_some();
        Ok(is_tls.then_some(keys))
    }

    fn in_folder(folder: PathBuf, verify: Verify) -> Result<Self, Fault> {
        // What cannot be looked at is taken to be there: reading it tells why not.
        let there = |name: &str| Some(folder.join(name)).filter(|path| path.try_exists().unwrap_or(true));
        let own = match (there("cert.pem"), there("key.pem")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(missing(&folder.join("key.pem"))),
            (None, Some(_)) => return Err(missing(&folder.join("cert.pem"))),
        };
        Ok(Self { authorities: there("ca.pem"), own, folder: Some(folder), verify })
    }

    /// Whether the engine must prove who it is.
    pub(super) fn verify(&self) -> Verify {
        self.verify
    }

    /// Where a private authority is made known.
    pub(super) fn place(&self) -> String {
        self.folder.as_ref().map_or_else(
            || String::from("`ca.pem` in the folder that DOCKER_CERT_PATH names"),
            |folder| format!("`{}`", folder.join("ca.pem").display()),
        )
    }

    /// Where a certificate of canship's own is sought.
    pub(super) fn own_place(&self) -> String {
        self.folder
            .as_ref()
            .map_or_else(|| String::from("the folder that DOCKER_CERT_PATH names"), |folder| format!("`{}`", folder.display()))
    }

    /// The options of Docker's own client for the same.
    pub(super) fn options(&self) -> String {
        let tls = if self.verify == Verify::Yes { "--tlsverify " } else { "--tls " };
        let own = self.own.iter().flat_map(|(certificate, key)| [("--tlscert", certificate), ("--tlskey", key)]);
        let files = self.authorities.iter().map(|file| ("--tlscacert", file)).chain(own);
        let options = files.map(|(option, file)| format!("{option} {} ", shell_word(&file.to_string_lossy())));
        std::iter::once(tls.to_owned()).chain(options).collect()
    }

    /// Reads the files.
    pub(super) fn load(&self) -> Result<Loaded, Fault> {
        let authorities = self.authorities.as_deref().map(certificates).transpose()?.unwrap_or_default();
        let broken =
            |e: rustls::Error| Fault::new(format!("TLS cannot be set up: {e}"), "see whether this build of canship is whole");
        let builder = match self.verify {
            Verify::Yes => Trust::new(&authorities).builder(),
            Verify::No => unverified::builder(),
        }
        .map_err(broken)?;
        let Some((certificate, key)) = &self.own else {
            return Ok(Loaded { config: builder.with_no_client_auth(), own: None });
        };
        let (chain, secret) = (certificates(certificate)?, private_key(key)?);
        let own = chain.first().and_then(|first| Certificate::read(first));
        let config = builder.with_client_auth_cert(chain, secret).map_err(|_| {
            Fault::new(
                format!(
                    "the key `{}` does not belong to the certificate `{}`, or is of a kind that is not known",
                    key.display(),
                    certificate.display()
                ),
                "put a certificate and the key that it was made with there",
            )
        })?;
        Ok(Loaded { config, own })
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let bytes = read(file)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes).collect::<Result<_, _>>().map_err(|_| no(file, "certificate"))?;
    if found.is_empty() { Err(no(file, "certificate")) } else { Ok(found) }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
    let bytes = read(file)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
        let is_locked = bytes.windows(9).any(|part| part == b"ENCRYPTED");
        no(file, if is_locked { "private key without a passphrase (canship never asks for one)" } else { "private key" })
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Fault> {
    fs::read(file).map_err(|e| {
        Fault::new(
            format!("`{}` cannot be read: {e}", file.display()),
            "let whoever runs canship read that file, or name another folder",
        )
    })
}

fn missing(file: &Path) -> Fault {
    Fault::new(
        format!("`{}` is missing", file.display()),
        "put it there, or name the folder of `ca.pem`, `cert.pem` and `key.pem` in DOCKER_CERT_PATH",
    )
}

fn no(file: &Path, what: &str) -> Fault {
    Fault::new(format!("`{}` holds no {what} in PEM form", file.display()), "put the right file there")
}
