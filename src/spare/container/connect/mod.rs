//! The way to an engine, and what the engine is.

mod address;
mod context;
mod fault;
mod keys;
mod locate;
mod reach;
mod ssh;
mod tls;
mod unverified;
mod wire;

pub use locate::{Located, Surroundings};
pub(super) use reach::Exposure;
pub(super) use wire::{Line, Wire};

use std::time::Duration;

use bollard::{Docker, errors::Error, models::SystemInfo};

use self::{
    fault::Fault,
    locate::Program,
    reach::{Reached, reach, silent},
};
use super::super::SpareError;
use crate::record::{EngineFacts, Text};

/// How long an engine may take to say who it is.
const HELLO: Duration = Duration::from_secs(10);

/// How long an engine may take for any answer but that to an upload, which comes only when all was taken.
const ANSWER: Duration = Duration::from_mins(2);

/// How long nothing may move in a transfer.
pub(super) const STALL: Duration = Duration::from_mins(2);

/// An engine that has said who it is.
#[derive(Debug)]
pub(super) struct Connection {
    /// Makes connections of its own to the engine.
    pub(super) dial: Line,
    pub(super) docker: Docker,
    pub(super) facts: EngineFacts,
    pub(super) capacity: Capacity,
    /// Who can read along on the way to the engine.
    pub(super) exposure: Exposure,
    /// How a person's own client is called for this engine.
    pub(super) client: String,
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
    pub(super) async fn new(located: &Located) -> Result<Self, SpareError> {
        let end = located.end.as_ref().map_err(|flaw| flaw.clone().of_name())?;
        let Reached { clients, address, exposure } = reach(end, &located.around).await.map_err(|fault| fault.at(&end.address))?;
        let hello = async {
            let docker = clients.docker().await?;
            let info = docker.info().await?;
            Ok((docker, info))
        };
        let (docker, info) = tokio::time::timeout(HELLO, hello)
            .await
            .unwrap_or(Err(Error::RequestTimeoutError))
            .map_err(|e| silent(&e).at(&address))?;
        let os = info.os_type.clone().unwrap_or_default();
        if os != "linux" {
            return Err(SpareError::Unsupported(format!("an engine for `{os}` is not supported: only Linux containers are")));
        }
        let (name, in_memory) = match clients.greeting().server.split('/').next() {
            Some("Libpod") => ("Podman", InMemory::Mount),
            _ => ("Docker", InMemory::Volume),
        };
        let facts = EngineFacts {
            name: name.into(),
            version: info.server_version.clone().unwrap_or_default().into(),
            api: docker.client_version().to_string().into(),
            platform: format!("{os}/{}", architecture(&info)).into(),
            address: address.to_string().into(),
            rootless: is_rootless(&info),
        };
        let program = if facts.name.as_str() == "Podman" { Program::Podman } else { Program::Docker };
        let client = located.client_for(&address, program);
        let capacity = Capacity::of(&info, in_memory);
        Ok(Self { dial: clients.line(), docker: docker.with_timeout(ANSWER), facts, capacity, exposure, client })
    }
}

/// Docker says so; Podman only in later versions, so that silence means nothing until a room was looked into.
fn is_rootless(info: &SystemInfo) -> Option<bool> {
    info.security_options.iter().flatten().any(|option| option.starts_with("name=rootless")).then_some(true)
}

/// The architecture as images name it: some engines tell the kernel's name for it.
fn architecture(info: &SystemInfo) -> &str {
    match info.architecture.as_deref().unwrap_or_default() {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

impl Capacity {
    fn of(info: &SystemInfo, in_memory: InMemory) -> Self {
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
        Error::RequestTimeoutError => String::from("no answer in time"),
        Error::HyperLegacyError { err } => deepest(err),
        Error::HyperResponseError { err } => deepest(err),
        other => other.to_string(),
    };
    Text::new(&raw).one_line()
}

/// The first cause, which names what happened ("connection refused"); all above it only say that something did.
pub(super) fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
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
