//! Makes the client of an engine, whatever the way.

use std::{path::Path, sync::Arc};

use bollard::errors::Error;

use super::{
    Fault, HELLO,
    address::{Address, Tls},
    keys::Verify,
    locate::{End, Surroundings},
    ssh, tls,
    wire::{Clients, Plain},
    words,
};
use crate::record::Rule;

/// A client, and what is known of its way.
pub(super) struct Reached {
    pub(super) clients: Clients,
    /// Where the way ends.
    pub(super) address: Address,
    pub(super) exposure: Exposure,
}

/// Who may see what goes to an engine and comes from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Exposure {
    /// Nobody.
    Nobody,
    /// Whoever says to be the engine: it is not asked to prove that.
    Impostors,
    /// Everybody on the way.
    Everybody,
}

/// Makes the clients, and greets the engine.
pub(super) async fn reach(end: &End, around: &Surroundings) -> Result<Reached, Fault> {
    let address = end.address.clone();
    match &end.address {
        Address::Unix(path) => {
            // The client's own words for this leave out which file it sought.
            if !Path::new(path).exists() {
                return Err(Fault::new(format!("there is no socket `{path}`"), START));
            }
            let clients = greeted(Plain::Unix(path.clone())).await?;
            Ok(Reached { clients, address, exposure: Exposure::Nobody })
        }
        Address::Tcp(tcp) => {
            if let Some(keys) = &end.keys {
                let clients = tls::reach(tcp, keys).await?;
                let exposure = if keys.verify() == Verify::Yes { Exposure::Nobody } else { Exposure::Impostors };
                return Ok(Reached { clients, address, exposure });
            }
            let clients = greeted(Plain::Tcp(tcp.authority(Tls::No))).await?;
            Ok(Reached { clients, address, exposure: Exposure::Everybody })
        }
        Address::Ssh(named) => {
            let ssh::Reached { clients, socket } = ssh::reach(named, around).await?;
            let address = Address::Ssh(super::address::Ssh { socket, ..named.clone() });
            Ok(Reached { clients, address, exposure: Exposure::Nobody })
        }
    }
}

/// Clients over this way, on which the engine has answered.
async fn greeted(way: Plain) -> Result<Clients, Fault> {
    let clients = Clients::new(Arc::new(way), HELLO);
    clients.greet().await.map_err(|e| silent(&e))?;
    Ok(clients)
}

/// What to do about an engine that does not answer.
pub(super) const START: &str =
    "start the engine there, correct `engine:`, DOCKER_HOST or the Docker context, or drill another spare with --spare";

/// Why an engine that was reached does not say who it is.
pub(super) fn silent(error: &Error) -> Fault {
    let said = words(error);
    if matches!(error, Error::RequestTimeoutError) {
        // It may only have much to do: whether a release could be built there is not known.
        return Fault::new(said, "see what the engine is busy with, and drill again when it answers").with_rule(Rule::EngineFailed);
    }
    if said.contains("HTTP request to an HTTPS server") {
        return Fault::new(
            format!("it wants TLS: {said}"),
            "set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder of `ca.pem`, `cert.pem` and `key.pem`",
        );
    }
    if said.contains("Permission denied") {
        return Fault::new(
            said,
            "let this user use the engine's socket (usually through the group `docker`), or run a rootless engine",
        );
    }
    Fault::new(said, START)
}
