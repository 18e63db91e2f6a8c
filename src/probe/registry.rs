//! A registry accepts the login and grants the right to push; a base image is there.

use std::path::Path;

use crate::{
    network::Network,
    plan::{OciTarget, Timeouts},
    record::{Finding, Phase, Rule},
    registry::{self, Client, Credentials, ImageName, Repository, Role},
    secret::Secret,
};

/// What a login is looked up with.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'k> {
    /// Docker's configuration file, if it has a place.
    pub docker: Option<&'k Path>,
    /// How long a credential helper may take.
    pub timeouts: &'k Timeouts,
    /// How registries are reached.
    pub network: &'k Network,
}

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

/// Who logs in to a target's `repository`: the target's login with `password`, or else whom Docker's configuration knows.
///
/// # Errors
/// The finding that the password is missing, or that Docker's configuration does not give the login.
pub async fn credentials(
    repository: &Repository,
    target: &OciTarget,
    password: Option<&Secret>,
    keys: Keys<'_>,
) -> Result<Credentials, Finding> {
    match (&target.login, password) {
        (Some(login), Some(password)) => Ok(Credentials::Password { username: login.username.clone(), password: password.clone() }),
        (Some(login), None) => {
            let summary = format!("nobody can log in to `{repository}`: there is no usable secret `{}`", login.password);
            Err(Finding::new(
                Rule::RegistryUnauthorized,
                Phase::Probe,
                summary,
                format!("see what is said of the secret `{}`", login.password),
            ))
        }
        (None, _) => saved(repository, keys, Role::Target(None)).await,
    }
}

/// Who logs in to a repository of an earlier drill that the plan does not name: whom Docker's configuration knows.
///
/// # Errors
/// The finding that Docker's configuration does not give the login.
pub async fn saved_credentials(repository: &Repository, keys: Keys<'_>) -> Result<Credentials, Finding> {
    saved(repository, keys, Role::Target(None)).await
}

async fn saved(repository: &Repository, keys: Keys<'_>, role: Role<'_>) -> Result<Credentials, Finding> {
    let Some(file) = keys.docker else { return Ok(Credentials::Anonymous) };
    let found = Credentials::from_docker(file, repository, keys.timeouts.api).await;
    found.map_err(|error| registry::finding(&error, Phase::Probe, role))
}

/// Opens an upload and cancels it: proof of the login and of the right to push. What cannot be taken
/// back at once stays in the client's ledger, for cleaning.
///
/// # Errors
/// The finding that the login or the right is not there, or that it could not be verified.
pub async fn push_right(client: &Client, target: &OciTarget) -> Result<(), Finding> {
    let role = Role::Target(target.login.as_ref());
    client.probe_push().await.map(drop).map_err(|error| registry::finding(&error, Phase::Probe, role))
}

/// A client for the repository of the base image `name`, and which image of it that is. Logs in with what Docker's
/// configuration knows.
///
/// # Errors
/// The finding that it is no image's name, or that Docker's configuration does not give the login.
pub async fn base_client(name: &str, keys: Keys<'_>) -> Result<(Client, ImageName), Finding> {
    let image: ImageName = name.parse().map_err(|error| {
        let summary = format!("`{name}` is not an image: {error}");
        Finding::new(Rule::RegistryRefused, Phase::Probe, summary, "correct `base:` in the plan")
    })?;
    let credentials = saved(&image.repository, keys, Role::Base(name)).await?;
    let client = Client::new(image.repository.clone(), credentials, keys.timeouts, keys.network);
    Ok((client.map_err(|error| registry::finding(&error, Phase::Probe, Role::Base(name)))?, image))
}

/// Looks whether the base image is there.
///
/// # Errors
/// The finding that it is not, or that it could not be read.
pub async fn base(name: &str, client: &Client, image: &ImageName) -> Result<(), Finding> {
    client.has_image(&image.which).await.map_err(|error| registry::finding(&error, Phase::Probe, Role::Base(name)))
}
