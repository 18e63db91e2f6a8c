//! The way to an engine, and what the engine is.

use std::{path::Path, time::Duration};

use bollard::{API_DEFAULT_VERSION, Docker, errors::Error};

use super::super::SpareError;
use crate::record::{EngineFacts, Text};

/// Where Docker listens if nothing else is said.
pub(super) const DEFAULT_ADDRESS: &str = "unix:///var/run/docker.sock";

/// How long an engine may take to say who it is.
const HELLO: Duration = Duration::from_secs(10);

/// How long an engine may take for any answer but that to an upload, which comes only when all was taken.
const ANSWER: Duration = Duration::from_mins(2);

/// How long nothing may move in a transfer.
pub(super) const STALL: Duration = Duration::from_mins(2);

/// How an engine is reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    Unix(String),
    Tcp(String),
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, SpareError> {
        match text.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.to_owned())),
            Some(("tcp", host)) if !host.is_empty() && !host.contains(['/', '@', '?', '#']) => Ok(Self::Tcp(host.to_owned())),
            _ => Err(SpareError::Unsupported(format!(
                "an engine at `{}` is not supported: only unix:///path and tcp://host:port are",
                Text::new(text).one_line()
            ))),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Unix(path) => format!("unix://{path}"),
            Self::Tcp(host) => format!("tcp://{host}"),
        }
    }

    fn client(&self) -> Result<Docker, Error> {
        match self {
            Self::Unix(path) => {
                // The client's own words for this leave out which file it sought.
                if !Path::new(path).exists() {
                    return Err(Error::SocketNotFoundError(path.clone()));
                }
                Docker::connect_with_unix(path, HELLO.as_secs(), API_DEFAULT_VERSION)
            }
            Self::Tcp(host) => Docker::connect_with_http(host, HELLO.as_secs(), API_DEFAULT_VERSION),
        }
    }
}

/// An engine that has said who it is.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) docker: Docker,
    pub(super) facts: EngineFacts,
    pub(super) capacity: Capacity,
    /// Whether others can read along on the way to the engine.
    pub(super) is_plain_network: bool,
}

/// What an engine has, and what it can hold a container to.
#[derive(Clone, Debug)]
pub(super) struct Capacity {
    /// Bytes.
    pub(super) memory: Option<u64>,
    pub(super) processors: Option<u32>,
    pub(super) kernel: Option<String>,
    pub(super) in_memory: InMemory,
}

/// How a container gets a file system in memory into which archives can be sent. Which of the two, no engine tells: one
/// silently leaves such a volume on disk, the other sends archives past such a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InMemory {
    /// As a volume: Docker.
    Volume,
    /// As a mount of the container's own: Podman.
    Mount,
}

impl Connection {
    pub(super) async fn new(address: &Address) -> Result<Self, SpareError> {
        let unreachable = |reason: String| SpareError::Unreachable { address: address.shown(), reason };
        let hello = async {
            let docker = address.client()?.negotiate_version().await?;
            let (version, info) = tokio::try_join!(docker.version(), docker.info())?;
            Ok((docker, version, info))
        };
        let (docker, version, info) = tokio::time::timeout(HELLO, hello)
            .await
            .map_err(|_| unreachable(format!("no answer within {} s", HELLO.as_secs())))?
            .map_err(|e| unreachable(words(&e)))?;
        let (os, arch) = (version.os.unwrap_or_default(), version.arch.unwrap_or_default());
        if os != "linux" {
            return Err(SpareError::Unsupported(format!("an engine for `{os}` is not supported: only Linux containers are")));
        }
        let component = version.components.unwrap_or_default().into_iter().next().map(|first| first.name);
        let (name, in_memory) = match component.as_deref() {
            Some("Podman Engine") => ("Podman", InMemory::Mount),
            // Docker calls itself just "Engine".
            Some("Engine") | None => ("Docker", InMemory::Volume),
            Some(other) => (other, InMemory::Volume),
        };
        let facts = EngineFacts {
            name: name.into(),
            version: version.version.unwrap_or_default().into(),
            api: docker.client_version().to_string().into(),
            platform: format!("{os}/{arch}").into(),
            address: address.shown().into(),
        };
        let capacity = Capacity::of(&info, in_memory);
        Ok(Self { docker: docker.with_timeout(ANSWER), facts, capacity, is_plain_network: matches!(address, Address::Tcp(_)) })
    }
}

impl Capacity {
    fn of(info: &bollard::models::SystemInfo, in_memory: InMemory) -> Self {
        Self {
            memory: info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0),
            processors: info.ncpu.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0),
            kernel: info.kernel_version.clone(),
            in_memory,
        }
    }
}

/// What an engine, or the way to it, says about a failure: one harmless line.
pub(super) fn words(error: &Error) -> String {
    let raw = match error {
        Error::DockerResponseServerError { message, .. } => message.clone(),
        Error::DockerStreamError { error } | Error::DockerContainerWaitError { error, .. } => error.clone(),
        Error::SocketNotFoundError(path) => format!("there is no socket `{path}`"),
        Error::RequestTimeoutError => String::from("no answer in time"),
        Error::HyperLegacyError { err } => deepest(err),
        Error::HyperResponseError { err } => deepest(err),
        other => other.to_string(),
    };
    Text::new(&raw).one_line()
}

/// The first cause, which names what happened ("connection refused"); all above it only say that something did.
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

/// The status of an engine's answer, if it was one.
pub(super) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Names what was tried when an engine refuses or breaks it.
pub(super) fn failed(what: impl Into<String>) -> impl FnOnce(Error) -> SpareError {
    let what = what.into();
    move |error| SpareError::Failed { what, reason: words(&error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_and_plain_tcp_are_understood() {
        assert_eq!(Address::parse(DEFAULT_ADDRESS).unwrap(), Address::Unix(String::from("/var/run/docker.sock")));
        assert_eq!(Address::parse("tcp://10.0.0.7:2375").unwrap(), Address::Tcp(String::from("10.0.0.7:2375")));
    }

    #[test]
    fn other_addresses_are_named_as_not_supported() {
        for address in
            ["ssh://build@spare", "https://spare:2376", "npipe:////./pipe/docker", "/var/run/docker.sock", "tcp://u:p@h:1", ""]
        {
            let refused = Address::parse(address).unwrap_err();
            assert!(matches!(&refused, SpareError::Unsupported(text) if text.contains(address)), "{refused}");
        }
    }
}
