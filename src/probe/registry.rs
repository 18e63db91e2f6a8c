//! A registry accepts the login and grants the right to push.

use crate::{
    plan::{Login, Timeouts},
    record::{Finding, Phase, Rule},
    registry::{self, Client, Credentials, Repository},
    secret::Secret,
};

/// The repository of this name; the plan's names were looked at when it was loaded.
///
/// # Errors
/// The finding that it is no repository's name.
pub fn repository(name: &str) -> Result<Repository, Finding> {
    name.parse().map_err(|error| {
        let summary = format!("`{name}` is not a repository: {error}");
        Finding::new(Rule::RegistryRefused, Phase::Probe, summary, "correct the name in the plan")
    })
}

/// Who logs in to `repository`: the plan's login with `password`, or else whom Docker's configuration knows.
///
/// # Errors
/// The finding that the password is missing, or that Docker's configuration does not give the login.
pub async fn credentials(
    repository: &Repository,
    login: Option<&Login>,
    password: Option<&Secret>,
    timeouts: &Timeouts,
) -> Result<Credentials, Finding> {
    match (login, password) {
        (Some(login), Some(password)) => Ok(Credentials::Password { username: login.username.clone(), password: password.clone() }),
        (Some(login), None) => {
            let summary = format!("nobody can log in to `{repository}`: the secret `{}` is missing", login.password);
            Err(Finding::new(Rule::RegistryUnauthorized, Phase::Probe, summary, format!("provide the secret `{}`", login.password)))
        }
        (None, _) => {
            Credentials::from_docker(repository, timeouts.api).await.map_err(|error| registry::finding(&error, Phase::Probe))
        }
    }
}

/// Opens an upload and cancels it: proof of the login and of the right to push. What cannot be taken
/// back at once stays in the client's ledger, for cleaning.
///
/// # Errors
/// The finding that the login or the right is not there, or that it could not be verified.
pub async fn push_right(client: &Client) -> Result<(), Finding> {
    client.probe_push().await.map(drop).map_err(|error| registry::finding(&error, Phase::Probe))
}
