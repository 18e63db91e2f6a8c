//! Makes the client of an engine, whatever the way.

use std::{path::Path, sync::Arc};

use bollard::{API_DEFAULT_VERSION, Docker, errors::Error};

use super::{
    Fault, HELLO,
    address::{Address, Tls},
    keys::Verify,
    locate::{End, Surroundings},
    ssh, tls,
    wire::{Dial, Plain},
    words,
};

/// A client, and what is known of its way.
pub(super) struct Reached {
    pub(super) docker: Docker,
    pub(super) dial: Arc<dyn Dial>,
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

/// Makes the client. Only over ssh it is proved that the engine answers.
pub(super) async fn reach(end: &End, around: &Surroundings) -> Result<Reached, Fault> {
    let address = end.address.clone();
    let failed = |e: &Error| Fault::new(words(e), START);
    match &end.address {
        Address::Unix(path) => {
            // The client's own words for this leave out which file it sought.
            if !Path::new(path).exists() {
                return Err(Fault::new(format!("there is no socket `{path}`"), START));
            }
            let docker = Docker::connect_with_unix(path, HELLO.as_secs(), API_DEFAULT_VERSION).map_err(|e| failed(&e))?;
            let dial = Arc::new(Plain::Unix(path.clone()));
            Ok(Reached { docker, dial, address, exposure: Exposure::Nobody })
        }
        Address::Tcp(tcp) => {
            if let Some(keys) = &end.keys {
                let (docker, dial) = tls::reach(tcp, keys).await?;
                let exposure = if keys.verify() == Verify::Yes { Exposure::Nobody } else { Exposure::Impostors };
                return Ok(Reached { docker, dial, address, exposure });
            }
            let docker = Docker::connect_with_http(&tcp.authority(Tls::No), HELLO.as_secs(), API_DEFAULT_VERSION);
            let dial = Arc::new(Plain::Tcp(tcp.authority(Tls::No)));
            Ok(Reached { docker: docker.map_err(|e| failed(&e))?, dial, address, exposure: Exposure::Everybody })
        }
        Address::Ssh(named) => {
            let ssh::Reached { docker, dial, socket } = ssh::reach(named, around).await?;
            let address = Address::Ssh(super::address::Ssh { socket, ..named.clone() });
            Ok(Reached { docker, dial, address, exposure: Exposure::Nobody })
        }
    }
}

/// What to do about an engine that does not answer.
pub(super) const START: &str =
    "start the engine there, correct `engine:`, DOCKER_HOST or the Docker context, or drill another spare with --spare";

/// Why an engine that was reached does not say who it is.
pub(super) fn silent(error: &Error) -> Fault {
    let said = words(error);
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
