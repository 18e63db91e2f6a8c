//! How the failures of a registry read as findings.

use super::{Fault, RegistryError};
use crate::{
    plan::Login,
    record::{Finding, Measure, Phase, Rule},
};

/// What of the plan a registry was asked for: what to do differs, though the fault is the same.
#[derive(Clone, Copy, Debug)]
pub enum Role<'p> {
    /// A publish target, with its login if the plan has one.
    Target(Option<&'p Login>),
    /// The base of a release image, as the plan names it.
    Base(&'p str),
}

/// The finding that `error` is, with what to do about it.
#[must_use]
pub fn finding(error: &RegistryError, phase: Phase, role: Role<'_>) -> Finding {
    let summary = match role {
        Role::Target(_) => error.to_string(),
        Role::Base(name) => format!("the base image `{name}` cannot be had: {error}"),
    };
    Finding::new(rule(error.fault()), phase, summary, advice(error, role))
}

fn rule(fault: &Fault) -> Rule {
    match fault {
        Fault::Unauthorized { .. } | Fault::NoLogin { .. } => Rule::RegistryUnauthorized,
        Fault::Forbidden { .. } => Rule::RegistryForbidden,
        Fault::NotFound { .. } | Fault::Refused { .. } | Fault::Protocol { .. } => Rule::RegistryRefused,
        Fault::RateLimited { .. } => Rule::RegistryRateLimited,
        Fault::Certificate(fault) => fault.rule(),
        Fault::Proxy(fault) => fault.rule(),
        Fault::Unavailable { .. } | Fault::Stalled { .. } | Fault::Io { .. } => Rule::RegistryUnavailable,
        Fault::Lied { .. } | Fault::Lost { .. } => Rule::RegistryLied,
    }
}

fn advice(error: &RegistryError, role: Role<'_>) -> String {
    let repository = error.repository();
    let host = repository.split('/').next().unwrap_or(repository);
    let otherwise = match role {
        Role::Target(_) => "a second publish target would let you ship without it",
        Role::Base(_) => "a copy of the base at a registry of your own would let you ship without it",
    };
    match error.fault() {
        Fault::Unauthorized { .. } => log_in(host, role),
        Fault::NoLogin { .. } => match role {
            Role::Target(_) => format!(
                "run `docker login {host}` as the user who drills, or repair the credential helper; a `login:` in the plan needs neither"
            ),
            Role::Base(_) => format!("run `docker login {host}` as the user who drills, or repair the credential helper"),
        },
        Fault::Forbidden { action, .. } => match role {
            Role::Target(Some(Login { username, .. })) => {
                format!("grant `{username}` the right to {action} at `{repository}`: its role there, or the scopes of its token")
            }
            Role::Target(None) => format!(
                "give the target a `login:` that has the right to {action} at `{repository}`, or grant it to the login in Docker's configuration"
            ),
            Role::Base(_) => format!("grant the login in Docker's configuration the right to {action} at `{repository}`"),
        },
        Fault::NotFound { .. } => match role {
            Role::Target(_) => {
                format!(
                    "create `{repository}`, or correct its name in the plan; some registries answer so where a right is missing"
                )
            }
            Role::Base(_) => {
                "correct `base:` in the plan, or push that image; some registries answer so where a right is missing".to_owned()
            }
        },
        Fault::Refused { .. } => "change what the registry objects to, then drill again".to_owned(),
        Fault::RateLimited { asked, .. } => format!(
            "drill again in {}; to wait that long in a drill, raise `timeouts.retry_after_max`; {}",
            Measure(*asked),
            "an account with a higher limit is not held up"
        ),
        Fault::Certificate(fault) => fault.advice("`trust:` of the plan"),
        Fault::Proxy(fault) => fault.advice(),
        Fault::Unavailable { reached: true, .. } => {
            format!("look at the status page of `{host}` and drill again when it is well; {otherwise}")
        }
        Fault::Unavailable { reached: false, .. } => {
            format!(
                "see whether `{host}` can be reached from here (name, port, proxy, firewall), then look at its status; {otherwise}"
            )
        }
        Fault::Stalled { .. } => {
            format!("look at the status of `{host}` and at this network; if it is only slow, raise `timeouts.api`; {otherwise}")
        }
        Fault::Lied { .. } | Fault::Lost { .. } => {
            let cause = format!("suspect a cache or proxy before `{host}` first, then ask whoever runs it");
            match role {
                Role::Target(_) => format!(
                    "do not release to this registry before that is explained: what users get is not what was pushed; {cause}"
                ),
                Role::Base(_) => format!("do not release on this base before that is explained: it is not what it says; {cause}"),
            }
        }
        Fault::Protocol { .. } => {
            format!("see whether `{host}` is the address of a registry, and not of a proxy or a login page")
        }
        Fault::Io { .. } => "see whether this machine's disk is full or not writable, then drill again".to_owned(),
    }
}

fn log_in(host: &str, role: Role<'_>) -> String {
    match role {
        Role::Target(Some(Login { username, password })) => format!(
            "renew the secret `{password}`, which is wrong, expired or revoked, or correct the user `{username}` under `login:`; \
             `docker login {host} -u {username}` tries both without a drill"
        ),
        Role::Target(None) => {
            format!("give the target a `login:`, or run `docker login {host}` as the user who drills")
        }
        Role::Base(_) => {
            format!("run `docker login {host}` as the user who drills: the login for a base comes from Docker's configuration")
        }
    }
}
