//! Who logs in.

use std::{fs::File, io::BufReader, path::Path, thread, time::Duration};

use docker_credential::{CredentialRetrievalError, DockerCredential};
use tokio::{sync::oneshot, time::timeout};

use super::{Fault, RegistryError, Repository};
use crate::secret::Secret;

/// Who logs in to a registry.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nobody.
    Anonymous,
    /// A user with a password or token.
    Password {
        /// The user's name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token that the registry's token service once gave out.
    IdentityToken(Secret),
}

impl Credentials {
    /// The login that Docker's configuration (`DOCKER_CONFIG`, else `~/.docker`) or its credential helpers know for
    /// this registry; [`Credentials::Anonymous`] if there is none. A helper gets `limit` to answer.
    ///
    /// # Errors
    /// The saved login cannot be understood, or the helper failed or did not answer. Nothing it printed is shown.
    pub async fn from_docker(repository: &Repository, limit: Duration) -> Result<Self, RegistryError> {
        // A file that is not there cannot be told from one that cannot be read here; if a login was needed, the
        // registry says so.
        let ask = |key: String| match docker_credential::get_credential(&key) {
            Err(CredentialRetrievalError::ConfigReadError) => Err(CredentialRetrievalError::ConfigNotFound),
            found => found,
        };
        look_up(repository, limit, ask).await
    }

    /// The same from one configuration file.
    ///
    /// # Errors
    /// As [`Credentials::from_docker`].
    pub async fn from_docker_file(file: &Path, repository: &Repository, limit: Duration) -> Result<Self, RegistryError> {
        let what = format!("`{}` cannot be read", file.display());
        let file = File::open(file).map_err(|e| RegistryError::new(repository, LOOKING_UP, Fault::io(what, e)))?;
        look_up(repository, limit, |key| docker_credential::get_credential_from_reader(BufReader::new(file), &key)).await
    }
}

const LOOKING_UP: &str = "looking up the login in Docker's configuration";

type Found = Result<DockerCredential, CredentialRetrievalError>;

async fn look_up<F>(repository: &Repository, limit: Duration, ask: F) -> Result<Credentials, RegistryError>
where
    F: FnOnce(String) -> Found + Send + 'static,
{
    let failed = |fault| RegistryError::new(repository, LOOKING_UP, fault);
    let (answer, answered) = oneshot::channel();
    let key = repository.docker_key().to_owned();
    // A thread of its own, not one of the runtime's: a helper that hangs must not keep the runtime from ending.
    let started = thread::Builder::new().name("docker-credentials".to_owned()).spawn(move || answer.send(ask(key)).is_ok());
    started.map_err(|e| failed(Fault::io("no thread could be started", e)))?;
    let found = timeout(limit, answered).await.map_err(|_| failed(Fault::Stalled { limit }))?;
    let found = found.map_err(|_| failed(Fault::protocol("the credential helper ended without an answer")))?;
    understand(found).map_err(|reason| failed(Fault::Unauthorized { words: reason.into() }))
}

fn understand(found: Found) -> Result<Credentials, String> {
    use CredentialRetrievalError as E;
    match found {
        Ok(DockerCredential::UsernamePassword(_, password)) if password.is_empty() => Ok(Credentials::Anonymous),
        Ok(DockerCredential::UsernamePassword(username, password)) => {
            Ok(Credentials::Password { username, password: Secret::new(password) })
        }
        Ok(DockerCredential::IdentityToken(token)) => Ok(Credentials::IdentityToken(Secret::new(token))),
        // No file at all is what a machine without Docker looks like.
        Err(E::NoCredentialConfigured | E::ConfigNotFound) => Ok(Credentials::Anonymous),
        // What helpers answer when they know no login. Source: docker/docker-credential-helpers, credentials/error.go.
        Err(E::HelperFailure { stdout, .. }) if stdout.trim() == "credentials not found in native keychain" => {
            Ok(Credentials::Anonymous)
        }
        Err(E::HelperFailure { helper, .. }) => Err(format!("`{helper}` ended with an error")),
        Err(E::HelperCommunicationError) => Err("the credential helper cannot be run".to_owned()),
        Err(E::MalformedHelperResponse) => Err("the credential helper's answer cannot be understood".to_owned()),
        Err(E::CredentialDecodingError) => Err("the saved login cannot be decoded".to_owned()),
        Err(E::CredentialMismatchError) => Err("the saved login contradicts itself: `auth` against `username`".to_owned()),
        Err(E::ConfigReadError) => Err("the configuration cannot be read".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(config: &str, repository: &str) -> Result<Credentials, RegistryError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        std::fs::write(&file, config).unwrap();
        Credentials::from_docker_file(&file, &repository.parse().unwrap(), Duration::from_secs(30)).await
    }

    #[tokio::test]
    async fn a_saved_login_is_found_under_dockers_names() {
        // "user:pass"
        let config =
            r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dXNlcjpwYXNz"},"localhost:5000":{"identitytoken":"tok"}}}"#;
        let Credentials::Password { username, password } = read(config, "acme/api").await.unwrap() else { panic!("no login") };
        assert_eq!((username.as_str(), password.expose()), ("user", "pass"));
        assert!(matches!(read(config, "localhost:5000/a").await.unwrap(), Credentials::IdentityToken(t) if t.expose() == "tok"));
        assert!(matches!(read(config, "ghcr.io/a/b").await.unwrap(), Credentials::Anonymous));
    }

    #[tokio::test]
    async fn a_helper_that_is_not_there_is_an_error_and_not_an_anonymous_login() {
        let error = read(r#"{"credHelpers":{"ghcr.io":"canship-no-such"}}"#, "ghcr.io/a/b").await.unwrap_err();
        assert!(error.to_string().contains("the credential helper cannot be run"), "{error}");
        assert!(read("{", "ghcr.io/a/b").await.is_err());
    }

    #[test]
    fn what_a_failing_helper_printed_is_not_shown() {
        let failure = |stdout: &str| CredentialRetrievalError::HelperFailure {
            helper: "docker-credential-x".to_owned(),
            stdout: stdout.to_owned(),
            stderr: "hunter2".to_owned(),
        };
        assert!(matches!(understand(Err(failure("credentials not found in native keychain\n"))), Ok(Credentials::Anonymous)));
        assert_eq!(understand(Err(failure("hunter2"))).unwrap_err(), "`docker-credential-x` ended with an error");
    }
}
