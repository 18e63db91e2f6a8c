//! Who logs in.

use std::{io, path::Path, thread, time::Duration};

use docker_credential::{CredentialRetrievalError, DockerCredential};
use tokio::{sync::oneshot, time::timeout};

use super::{Fault, RegistryError, Repository, error};
use crate::{record::Measure, secret::Secret};

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
    /// The login that Docker's configuration `file` or its credential helpers know for this registry;
    /// [`Credentials::Anonymous`] if there is none, or no such file: what a machine without Docker looks like. A helper
    /// gets `limit` to answer.
    ///
    /// # Errors
    /// The file cannot be read, the saved login cannot be understood, or the helper failed or did not answer. Nothing it
    /// printed is shown.
    pub async fn from_docker(file: &Path, repository: &Repository, limit: Duration) -> Result<Self, RegistryError> {
        let failed = |words: String| {
            let fault = Fault::NoLogin { words: error::words(&words) };
            RegistryError::new(repository, "looking up the login in Docker's configuration", fault)
        };
        let config = match tokio::fs::read(file).await {
            Ok(config) => config,
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => return Ok(Self::Anonymous),
            Err(reason) => return Err(failed(format!("`{}` cannot be read: {reason}", file.display()))),
        };
        let key = repository.docker_key().to_owned();
        let helper = helper(&config, &key);
        let found = ask(config, key, limit).await.map_err(|silent| failed(silent.told(&helper, limit)))?;
        understand(found, &helper).map_err(|reason| failed(format!("in `{}`, {reason}", file.display())))
    }
}

type Found = Result<DockerCredential, CredentialRetrievalError>;

/// Why there is no answer from a helper.
enum Silent {
    NoThread,
    Late,
    Ended,
}

impl Silent {
    fn told(&self, helper: &str, limit: Duration) -> String {
        match self {
            Self::NoThread => "no thread could be started".to_owned(),
            Self::Late => format!("`{helper}` did not answer within {}", Measure(limit)),
            Self::Ended => format!("`{helper}` ended without an answer"),
        }
    }
}

async fn ask(config: Vec<u8>, key: String, limit: Duration) -> Result<Found, Silent> {
    let (answer, answered) = oneshot::channel();
    // A thread of its own, not one of the runtime's: a helper that hangs must not keep the runtime from ending.
    let ask = move || answer.send(docker_credential::get_credential_from_reader(&config[..], &key)).is_ok();
    thread::Builder::new().name("docker-credentials".to_owned()).spawn(ask).map_err(|_| Silent::NoThread)?;
    timeout(limit, answered).await.map_err(|_| Silent::Late)?.map_err(|_| Silent::Ended)
}

/// The program that is asked for this login, if one is.
fn helper(config: &[u8], key: &str) -> String {
    let config: serde_json::Value = serde_json::from_slice(config).unwrap_or_default();
    let named = |name: &serde_json::Value| name.as_str().filter(|name| !name.is_empty()).map(str::to_owned);
    let name = named(&config["credHelpers"][key]).or_else(|| named(&config["credsStore"]));
    format!("docker-credential-{}", name.unwrap_or_default())
}

fn understand(found: Found, helper: &str) -> Result<Credentials, String> {
    use CredentialRetrievalError as E;
    match found {
        Ok(DockerCredential::UsernamePassword(_, password)) if password.is_empty() => Ok(Credentials::Anonymous),
        Ok(DockerCredential::UsernamePassword(username, password)) => {
            Ok(Credentials::Password { username, password: Secret::new(password) })
        }
        Ok(DockerCredential::IdentityToken(token)) => Ok(Credentials::IdentityToken(Secret::new(token))),
        Err(E::NoCredentialConfigured | E::ConfigNotFound) => Ok(Credentials::Anonymous),
        // What helpers answer when they know no login. Source: docker/docker-credential-helpers, credentials/error.go.
        Err(E::HelperFailure { stdout, .. }) if stdout.trim() == "credentials not found in native keychain" => {
            Ok(Credentials::Anonymous)
        }
        Err(E::HelperFailure { .. }) => Err(format!("the credential helper `{helper}` ended with an error")),
        Err(E::HelperCommunicationError) => Err(format!("the credential helper `{helper}` cannot be run, or ended at once")),
        Err(E::MalformedHelperResponse) => Err(format!("the answer of the credential helper `{helper}` cannot be understood")),
        Err(E::CredentialDecodingError) => Err("the saved login cannot be decoded".to_owned()),
        Err(E::CredentialMismatchError) => Err("the saved login contradicts itself: `auth` against `username`".to_owned()),
        Err(E::ConfigReadError) => Err("there is no configuration that can be understood".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(config: &str, repository: &str) -> Result<Credentials, RegistryError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        std::fs::write(&file, config).unwrap();
        Credentials::from_docker(&file, &repository.parse().unwrap(), Duration::from_secs(30)).await
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
        for config in [r#"{"credHelpers":{"ghcr.io":"canship-no-such"}}"#, r#"{"credsStore":"canship-no-such"}"#] {
            let error = read(config, "ghcr.io/a/b").await.unwrap_err();
            assert!(error.to_string().contains("`docker-credential-canship-no-such` cannot be run"), "{error}");
        }
        assert!(read("{", "ghcr.io/a/b").await.is_err());
        let nowhere = Path::new("/nowhere/config.json");
        let limit = Duration::from_secs(30);
        let found = Credentials::from_docker(nowhere, &"ghcr.io/a/b".parse().unwrap(), limit).await.unwrap();
        assert!(matches!(found, Credentials::Anonymous));
    }

    #[test]
    fn what_a_failing_helper_printed_is_not_shown() {
        let failure = |stdout: &str| CredentialRetrievalError::HelperFailure {
            helper: String::new(),
            stdout: stdout.to_owned(),
            stderr: "hunter2".to_owned(),
        };
        let name = "docker-credential-x";
        assert!(matches!(understand(Err(failure("credentials not found in native keychain\n")), name), Ok(Credentials::Anonymous)));
        let told = understand(Err(failure("hunter2")), name).unwrap_err();
        assert_eq!(told, "the credential helper `docker-credential-x` ended with an error");
    }
}
