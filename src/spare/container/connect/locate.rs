//! Which engine is meant, and who says so: like Docker's own client, with Podman's sockets after Docker's.
//!
//! Invariant: what is named is used or its flaw is told; only where nothing at all is named a usual place is looked at.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Fault,
    address::{Address, Ssh},
    context::{self, DEFAULT},
    keys::Keys,
};
use crate::record::{EnginePlace, shell_word};

/// Where Docker listens if nothing else is said.
const USUAL: &str = "/var/run/docker.sock";

/// Stands before the name of a context where an address could be as well. No plan can have it.
const CONTEXT: &str = "context://";

/// What of this machine and its user decides how an engine is reached.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// The folder of Docker's configuration.
    pub docker_config: Option<PathBuf>,
    /// The file that names the current context, and holds logins too; none if it must not be read.
    pub context_file: Option<PathBuf>,
    /// Whether `DOCKER_TLS_VERIFY` is set.
    pub tls_verify: bool,
    /// `DOCKER_CERT_PATH`.
    pub cert_path: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime: Option<PathBuf>,
    /// Where temporary files go.
    pub temporary: PathBuf,
    /// The whole environment of `ssh`: nothing in it is a secret of the plan.
    pub environment: Vec<(OsString, OsString)>,
    /// How long making a connection may take.
    pub patience: Duration,
}

/// An engine that is meant.
#[derive(Clone, Debug)]
pub struct Located {
    pub(super) way: Way,
    /// The flaw in what names it, if it has one.
    pub(super) end: Result<End, Fault>,
    pub(super) around: Surroundings,
}

/// Where a way to an engine ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) address: Address,
    /// What a connection to a port is secured with; none without TLS.
    pub(super) keys: Option<Keys>,
}

/// Who says which engine is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Plan,
    DockerHost,
    /// A context of Docker's, and who names it.
    Context {
        name: String,
        by: String,
    },
    /// Nobody: Docker's usual socket.
    Usual,
    /// Nobody, and Docker's usual socket is not there.
    Instead(&'static str),
}

impl Located {
    /// The engine at `address` (the plan's), else the one that the user's surroundings name, else the one at the first
    /// usual place that has a socket. Reads files, connects to nothing.
    #[must_use]
    pub fn new(address: Option<&str>, around: Surroundings) -> Self {
        let given = |text: &&str| !text.is_empty();
        if let Some(name) = address.and_then(|address| address.strip_prefix(CONTEXT)) {
            let (name, by) = (name.to_owned(), String::from("what an earlier drill noted"));
            let end = context::end(&name, &by, &around);
            return Self { way: Way::Context { name, by }, end, around };
        }
        let (way, end) = if let Some(address) = address.filter(given) {
            (Way::Plan, named(address, &around))
        } else if let Some(address) = around.docker_host.as_deref().filter(given) {
            (Way::DockerHost, named(address, &around))
        } else {
            match context::named(&around) {
                Ok(None) => usual(&around),
                Ok(Some((name, by))) => {
                    let end = context::end(&name, &by, &around);
                    (Way::Context { name, by }, end)
                }
                Err((by, flaw)) => (Way::Context { name: DEFAULT.to_owned(), by }, Err(flaw)),
            }
        };
        Self { way, end, around }
    }

    /// A name by which the same engine is found again: its address, or the context that has the keys to it. None if nothing
    /// can be there, because what names it is wrong.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match (&self.way, &self.end) {
            (_, Err(_)) => None,
            (Way::Context { name, .. }, Ok(_)) => Some(format!("{CONTEXT}{name}")),
            (_, Ok(end)) => Some(end.address.to_string()),
        }
    }

    /// Where it is sought and why there, for people.
    #[must_use]
    pub fn place(&self) -> EnginePlace {
        let address = self.end.as_ref().map_or_else(|_| String::from("unknown"), |end| end.address.to_string());
        EnginePlace { address: address.into(), way: self.way.to_string().into() }
    }

    /// How a person's own client is called for it, as long as nothing is known but its address.
    pub(in super::super) fn client(&self) -> String {
        match &self.end {
            Ok(end) => self.client_for(&end.address, Program::Docker),
            Err(_) => String::from("docker"),
        }
    }

    /// How a person's own client is called for the engine that answered at this address. A socket behind ssh is named to
    /// the client there: not every version of the one here takes it.
    pub(super) fn client_for(&self, address: &Address, program: Program) -> String {
        match (address, &self.way, program) {
            (Address::Ssh(ssh), _, Program::Podman) => format!("{} {}", over_ssh(ssh), podman(ssh.socket.as_deref())),
            (Address::Ssh(ssh), Way::Plan | Way::DockerHost, Program::Docker) => match self.named_socket() {
                Some(socket) => format!("{} docker -H unix://{socket}", over_ssh(ssh)),
                None => format!("docker -H {}", ssh.machine()),
            },
            (_, Way::Context { name, .. }, Program::Docker) => format!("docker --context {}", shell_word(name)),
            (_, Way::Usual, Program::Docker) => String::from("docker"),
            (_, _, Program::Podman) => format!("podman --url {}", shell_word(&address.to_string())),
            (_, _, Program::Docker) => {
                let keys = self.end.as_ref().ok().and_then(|end| end.keys.as_ref());
                format!("docker {}-H {}", keys.map(Keys::options).unwrap_or_default(), shell_word(&address.to_string()))
            }
        }
    }

    /// The socket behind ssh that is part of the name.
    fn named_socket(&self) -> Option<&str> {
        match self.end.as_ref().map(|end| &end.address) {
            Ok(Address::Ssh(ssh)) => ssh.socket.as_deref(),
            _ => None,
        }
    }
}

/// Whose client a person has for an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Docker,
    Podman,
}

fn over_ssh(ssh: &Ssh) -> String {
    let port = ssh.port.map(|port| format!("-p {port} ")).unwrap_or_default();
    format!("ssh {port}{}", ssh.destination())
}

fn podman(socket: Option<&str>) -> String {
    socket.map_or_else(|| String::from("podman"), |path| format!("podman --url unix://{path}"))
}

/// An address with the keys that the surroundings have for it.
fn named(address: &str, around: &Surroundings) -> Result<End, Fault> {
    let address = Address::parse(address)?;
    let keys = match &address {
        Address::Tcp(tcp) => Keys::of_surroundings(tcp, around)?,
        Address::Unix(_) | Address::Ssh(_) => None,
    };
    Ok(End { address, keys })
}

/// The first socket that is there; Docker's own place if there is none, so that its absence is told.
fn usual(around: &Surroundings) -> (Way, Result<End, Fault>) {
    let runtime = around.runtime.clone().unwrap_or_else(|| format!("/run/user/{}", rustix::process::getuid().as_raw()).into());
    let others = [
        (runtime.join("docker.sock"), "Docker's socket of this user"),
        (runtime.join("podman/podman.sock"), "Podman's socket of this user"),
        (PathBuf::from("/run/podman/podman.sock"), "Podman's usual socket"),
    ];
    let is_there = |path: &Path| path.try_exists().unwrap_or(true);
    let other = (!is_there(Path::new(USUAL))).then(|| others.into_iter().find(|(path, _)| is_there(path))).flatten();
    let (path, way) = match other {
        Some((path, what)) => (path.to_string_lossy().into_owned(), Way::Instead(what)),
        None => (USUAL.to_owned(), Way::Usual),
    };
    (way, Ok(End { address: Address::Unix(path), keys: None }))
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan => f.write_str("named by the plan"),
            Self::DockerHost => f.write_str("named by DOCKER_HOST"),
            Self::Context { name, by } => write!(f, "the Docker context `{name}`, named by {by}"),
            Self::Usual => f.write_str("Docker's usual socket: nothing else is named"),
            Self::Instead(what) => write!(f, "{what}: nothing is named, and there is no `{USUAL}`"),
        }
    }
}
