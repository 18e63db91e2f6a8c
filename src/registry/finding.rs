//! How the failures of a registry read as findings.

use super::{Fault, RegistryError};
use crate::record::{Finding, Phase, Rule};

/// The finding that `error` is, with what to do about it.
#[must_use]
pub fn finding(error: &RegistryError, phase: Phase) -> Finding {
    let repository = error.repository();
    let (rule, advice) = match error.fault() {
        Fault::Unauthorized { .. } => (
            Rule::RegistryUnauthorized,
            format!("give `login:` a user and a token that `{repository}` accepts; check that the token has not expired or been revoked"),
        ),
        Fault::Forbidden { action, .. } => (
            Rule::RegistryForbidden,
            format!("grant the login the right to {action} at `{repository}` (its own permissions or the token's scopes)"),
        ),
        Fault::NotFound { .. } => {
            (Rule::RegistryRefused, format!("create `{repository}`, or correct its name in the plan; some registries answer so where a right is missing"))
        }
        Fault::Refused { .. } => (Rule::RegistryRefused, "change what the registry objects to, then drill again".to_owned()),
        Fault::RateLimited { .. } => (
            Rule::RegistryRateLimited,
            "drill again later, log in with an account that has a higher limit, or raise `timeouts.retry_after_max`".to_owned(),
        ),
        Fault::Unavailable { .. } | Fault::Stalled { .. } => (
            Rule::RegistryUnavailable,
            "look at the registry's status and at this network's way there, then drill again; if this is what an outage looks like, publish to a second registry".to_owned(),
        ),
        Fault::Lied { .. } => (
            Rule::RegistryLied,
            "do not release to this registry: what users get from it is not what was pushed; ask whoever runs it".to_owned(),
        ),
        Fault::Protocol { .. } => (
            Rule::RegistryRefused,
            "check that the address is a registry's, not a proxy's or a login page's".to_owned(),
        ),
        Fault::Io { .. } => (Rule::RegistryUnavailable, "check this machine's disk and permissions, then drill again".to_owned()),
    };
    Finding::new(rule, phase, error.to_string(), advice)
}
