//! What can go wrong with a registry, in the kinds that callers decide on.

use std::{error::Error, fmt, io, time::Duration};

use super::Repository;
use crate::{
    network::{CertificateFault, ProxyFault, Unreached},
    record::{Measure, Text},
};

/// Something that was tried at a registry and did not work.
#[derive(Debug)]
pub struct RegistryError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    repository: String,
    tried: String,
    fault: Fault,
    outside: Option<String>,
}

/// Why it did not work. The text of a peer is made harmless.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The login is not accepted, or there is none and one is asked for.
    #[error("the login is not accepted, or none is given: {words}")]
    Unauthorized {
        /// What was seen and the registry's own words.
        words: Text,
    },
    /// Docker's configuration or its credential helper does not give the login.
    #[error("{words}")]
    NoLogin {
        /// What was seen; nothing that a helper printed.
        words: Text,
    },
    /// The login is accepted, but lacks the right.
    #[error("the login lacks the right to {action}: {words}")]
    Forbidden {
        /// The right that is missing, as registries call it: `pull`, `push`, `delete`.
        action: &'static str,
        /// The registry's own words.
        words: Text,
    },
    /// It is not there.
    #[error("not found: {words}")]
    NotFound {
        /// The registry's own words.
        words: Text,
    },
    /// The registry refused it for another reason.
    #[error("the registry refused it: {words}")]
    Refused {
        /// The HTTP status; none if it was refused before anything was sent.
        status: Option<u16>,
        /// The registry's own words.
        words: Text,
    },
    /// The registry asked to wait longer than the plan allows.
    #[error("the registry limits the rate of requests and asked to wait {}; at most {} are waited in all", Measure(*asked), Measure(*allowed))]
    RateLimited {
        /// How long it asked to wait.
        asked: Duration,
        /// How long is waited at most.
        allowed: Duration,
    },
    /// The registry cannot be reached, or says that it cannot right now.
    #[error("the registry is not available: {reason}")]
    Unavailable {
        /// What was seen.
        reason: Text,
        /// Whether there was a connection: without one, nothing was asked of the registry.
        reached: bool,
    },
    /// The certificate that the registry, its token service or a proxy showed is not trusted; nothing was sent.
    #[error("{0}")]
    Certificate(CertificateFault),
    /// A proxy did not lead to the registry or its token service; nothing was sent to them.
    #[error("{0}")]
    Proxy(Box<ProxyFault>),
    /// Nothing moved for too long.
    #[error("nothing moved for {}", Measure(*limit))]
    Stalled {
        /// How long was waited.
        limit: Duration,
    },
    /// What the registry says or gives is not what was pushed.
    #[error("what the registry says and what it holds differ: {what}")]
    Lied {
        /// What differs.
        what: Text,
    },
    /// The registry had what was pushed, for all it said, and has it no more: it lied, or somebody deleted it.
    #[error("what the registry says and what it holds differ: {what}")]
    Lost {
        /// What is not there.
        what: Text,
    },
    /// The registry does not keep to the protocol, or what it asks for would not be safe.
    #[error("the registry does not keep to the protocol: {what}")]
    Protocol {
        /// What was seen.
        what: Text,
    },
    /// Files of this machine.
    #[error("{what}: {reason}")]
    Io {
        /// The file and what was tried.
        what: String,
        /// The system's words.
        reason: io::Error,
    },
}

/// Something of this machine failed; no registry was asked for anything.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct LocalError(#[from] Fault);

impl LocalError {
    /// What.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.0
    }
}

impl RegistryError {
    pub(super) fn new(repository: &Repository, tried: impl Into<String>, fault: Fault) -> Self {
        Self(Box::new(Parts { repository: repository.to_string(), tried: tried.into(), fault, outside: None }))
    }

    /// Says what state the registry is in now.
    pub(super) fn leaving(mut self, outside: impl Into<String>) -> Self {
        self.0.outside = Some(outside.into());
        self
    }

    /// The same failure, seen in another light.
    pub(super) fn with_fault(mut self, fault: Fault) -> Self {
        self.0.fault = fault;
        self
    }

    /// Why it did not work.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.0.fault
    }

    /// The repository it was tried at.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.0.repository
    }

    /// What was tried: `pushing manifest sha256:…`.
    #[must_use]
    pub fn tried(&self) -> &str {
        &self.0.tried
    }

    /// The state in which the registry is left, if something was being changed.
    #[must_use]
    pub fn outside(&self) -> Option<&str> {
        self.0.outside.as_deref()
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { repository, tried, fault, outside } = &*self.0;
        write!(f, "{tried} at `{repository}`: {fault}")?;
        match outside {
            Some(outside) => write!(f, "; {outside}"),
            None => Ok(()),
        }
    }
}

impl Error for RegistryError {}

impl Fault {
    pub(super) fn protocol(what: impl AsRef<str>) -> Self {
        Self::Protocol { what: words(what.as_ref()) }
    }

    pub(super) fn lied(what: impl AsRef<str>) -> Self {
        Self::Lied { what: words(what.as_ref()) }
    }

    pub(super) fn lost(what: impl AsRef<str>) -> Self {
        Self::Lost { what: words(what.as_ref()) }
    }

    pub(super) fn unavailable(reason: impl AsRef<str>) -> Self {
        Self::Unavailable { reason: words(reason.as_ref()), reached: true }
    }

    pub(super) fn io(what: impl Into<String>, reason: io::Error) -> Self {
        Self::Io { what: what.into(), reason }
    }

    /// A request or answer that broke off.
    pub(super) fn broken(error: reqwest::Error) -> Self {
        Unreached::seen(error).into()
    }

    /// Whether anything could have been asked of the registry.
    pub(super) fn has_reached(&self) -> bool {
        !matches!(self, Self::Unavailable { reached: false, .. } | Self::Certificate(_) | Self::Proxy(_))
    }

    /// Whether it may be different the next time.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Proxy(fault) => fault.may_pass(),
            _ => false,
        }
    }
}

impl From<Unreached> for Fault {
    fn from(unreached: Unreached) -> Self {
        match unreached {
            Unreached::Certificate(fault) => Self::Certificate(fault),
            Unreached::Proxy(fault) => Self::Proxy(fault),
            Unreached::Broken { reason, reached } => Self::Unavailable { reason, reached },
        }
    }
}

/// The registry's words: harmless, and on one line.
pub(super) fn words(raw: &str) -> Text {
    Text::words(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_was_tried_where_why_it_failed_and_what_is_left() {
        let repository: Repository = "ghcr.io/acme/api".parse().unwrap();
        let fault = Fault::Forbidden { action: "push", words: words("DENIED:\n \u{1b}[31mno\u{1b}[0m rights") };
        let error = RegistryError::new(&repository, "opening an upload", fault).leaving("nothing was changed");
        assert_eq!(
            error.to_string(),
            "opening an upload at `ghcr.io/acme/api`: the login lacks the right to push: DENIED: no rights; nothing was changed"
        );
    }
}
