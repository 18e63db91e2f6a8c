//! How a drill reaches servers: the environment's proxies and authorities, and the plan's.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use rustls::pki_types::CertificateDer;

use super::{Failure, environment};
use crate::{
    network::{Loopback, Network, Proxies, Trust, authorities},
    plan::Loaded,
    secret::Known,
};

/// What every connection is made with.
pub(super) fn network(loaded: &Loaded) -> Result<Network, Failure> {
    with(&private(loaded)?)
}

/// The same with the authorities in these files, for what has no plan.
pub(super) fn of_files(files: &[PathBuf]) -> Result<Network, Failure> {
    let mut all = Vec::new();
    for file in files {
        all.extend(authorities(file).map_err(|reason| Failure::invalid(format!("`{}` {reason}", file.display())))?);
    }
    with(&all)
}

fn with(private: &[CertificateDer<'static>]) -> Result<Network, Failure> {
    let advice = "write for example `http://user:password@proxy.example:3128`, special characters percent-encoded, or unset it";
    let wrong = |variable| Failure::invalid(format!("the environment variable `{variable}` is not UTF-8")).advise(advice);
    let variables = environment::proxies().map_err(wrong)?;
    let proxies = Proxies::new(&variables).map_err(|reason| Failure::of_input(&reason).advise(advice))?;
    let known = Known::default();
    known.add(proxies.secrets());
    Ok(Network { trust: Trust::new(private), proxies, known })
}

/// The certificates of the plan's own authorities. Read when they are needed: a plan can be looked at without them.
fn private(loaded: &Loaded) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let mut all = Vec::new();
    for (index, file) in loaded.plan.trust.iter().enumerate() {
        let wrong = |reason| {
            let key = format!("trust[{index}]");
            let place = loaded.written_at(&key);
            Failure::invalid(format!("{place}: `{key}`: `{}` {reason}; nothing was changed", file.display()))
                .advise("name a file in PEM form with certificates of your own authorities; it is sought in the plan's folder")
        };
        all.extend(authorities(&loaded.folder.join(file)).map_err(wrong)?);
    }
    Ok(all)
}

/// Variables that lead git the same way: it reads other spellings than canship does, and knows nothing of the plan's
/// authorities. A file for it goes into `folder`.
pub(super) fn of_git(network: &Network, folder: &Path) -> Result<Vec<(OsString, OsString)>, Failure> {
    let proxies = network.proxies.variables(Loopback::Reachable);
    let mut variables: Vec<_> = proxies.iter().map(|(name, value)| (name.into(), value.expose().into())).collect();
    if network.trust.has_private() {
        let file = bundle(network, folder)?;
        variables.extend(["GIT_SSL_CAINFO", "GIT_PROXY_SSL_CAINFO"].map(|name| (name.into(), file.clone())));
    }
    Ok(variables)
}

/// A file of all who are trusted: git takes one in place of what it knows itself.
fn bundle(network: &Network, folder: &Path) -> Result<OsString, Failure> {
    let users = match environment::git_authorities() {
        Some(file) => fs::read_to_string(&file).map_err(|reason| {
            Failure::invalid(format!("`{}`, which GIT_SSL_CAINFO names, cannot be read: {reason}", file.display()))
        })?,
        None => String::new(),
    };
    let file = folder.join("authorities.pem");
    fs::write(&file, network.trust.bundle(&users))
        .map_err(|reason| Failure::failed(format!("`{}` cannot be written; nothing was changed", file.display()), &reason))?;
    Ok(file.into())
}
