//! What is wrong with a proxy, told apart.

use std::fmt;

use crate::record::{Rule, Text};

/// A proxy did not lead to the server; nothing was sent to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyFault {
    pub(super) proxy: Text,
    pub(super) variable: &'static str,
    /// The host and port that were sought.
    pub(super) sought: Text,
    pub(super) wrong: ProxyWrong,
}

/// Why not. The words are the proxy's or the system's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyWrong {
    /// There is no connection to it.
    Unreachable(Text),
    /// It asks for a login, and its address has none.
    LoginWanted(Text),
    /// It does not accept the login that its address has.
    LoginRefused(Text),
    /// It does not let the server be reached.
    Forbidden(Text),
    /// It cannot reach the server itself, or cannot right now.
    Failed(Text),
    /// It is no HTTP proxy, or broke off.
    Broken(Text),
}

impl ProxyFault {
    /// What is wrong.
    #[must_use]
    pub fn wrong(&self) -> &ProxyWrong {
        &self.wrong
    }

    /// The rule that a finding of it has.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self.wrong {
            ProxyWrong::LoginWanted(_) | ProxyWrong::LoginRefused(_) => Rule::ProxyUnauthorized,
            ProxyWrong::Forbidden(_) => Rule::ProxyForbidden,
            ProxyWrong::Unreachable(_) | ProxyWrong::Failed(_) | ProxyWrong::Broken(_) => Rule::ProxyUnavailable,
        }
    }

    /// Whether it may be different the next time.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.rule() == Rule::ProxyUnavailable
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        let Self { variable, sought, .. } = self;
        match self.wrong {
            ProxyWrong::Unreachable(_) => {
                format!(
                    "see whether the proxy runs, or correct its address in `{variable}`; what needs no proxy belongs into `NO_PROXY`"
                )
            }
            ProxyWrong::LoginWanted(_) => {
                format!(
                    "give `{variable}` a user and password: `http://user:password@host:port`, special characters percent-encoded"
                )
            }
            ProxyWrong::LoginRefused(_) => {
                format!("correct the user and password in `{variable}` (special characters percent-encoded), or renew them")
            }
            ProxyWrong::Forbidden(_) => {
                format!("have the proxy let `{sought}` be reached; if it can be reached without, name its host in `NO_PROXY`")
            }
            ProxyWrong::Failed(_) => {
                format!("see whether `{sought}` can be reached from where the proxy is, and how the proxy is; then drill again")
            }
            ProxyWrong::Broken(_) => {
                format!("see whether what `{variable}` names is an HTTP proxy that lets TLS through (CONNECT)")
            }
        }
    }
}

impl fmt::Display for ProxyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { proxy, variable, sought, wrong } = self;
        match wrong {
            ProxyWrong::Unreachable(words) => write!(f, "the proxy `{proxy}` cannot be reached: {words}"),
            ProxyWrong::LoginWanted(words) => {
                write!(f, "the proxy `{proxy}` asks for a login, and `{variable}` has none: {words}")
            }
            ProxyWrong::LoginRefused(words) => {
                write!(f, "the proxy `{proxy}` does not accept the login in `{variable}`: {words}")
            }
            ProxyWrong::Forbidden(words) => write!(f, "the proxy `{proxy}` does not let `{sought}` be reached: {words}"),
            ProxyWrong::Failed(words) => write!(f, "the proxy `{proxy}` does not reach `{sought}`: {words}"),
            ProxyWrong::Broken(words) => write!(f, "the proxy `{proxy}` opens no way to `{sought}`: {words}"),
        }
    }
}

impl std::error::Error for ProxyFault {}
