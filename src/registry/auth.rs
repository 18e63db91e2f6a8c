//! Logs in: not at all, with Basic, or with tokens of the registry's token service.
//!
//! Invariants: credentials go to the registry itself and to the token service it names, nowhere else, and never in
//! plain text over a network; tokens are kept per scope and renewed before they run out or when they are refused.
//! Sources: <https://distribution.github.io/distribution/spec/auth/token/>, `…/auth/oauth/`, `…/auth/scope/`.

use std::{collections::HashMap, pin::Pin, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::FutureExt as _;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;
use tokio::{
    sync::Mutex,
    time::{Sleep, sleep},
};
use url::Url;

use super::{
    Credentials, Fault, Repository,
    challenge::{self, Challenge},
    error::words,
    wire::Wire,
};
use crate::{
    network::is_loopback,
    secret::{Known, Secret},
};

/// What a token is good for when its service does not say for how long.
const SHORTEST: Duration = Duration::from_mins(1);

/// The rights a call needs, in the words of token services.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    /// The right that the call is about.
    pub(super) action: &'static str,
    parts: Vec<String>,
}

impl Scope {
    pub(super) fn pull(repository: &Repository) -> Self {
        Self { action: "pull", parts: vec![format!("repository:{}:pull", repository.name())] }
    }

    pub(super) fn push(repository: &Repository) -> Self {
        Self { action: "push", parts: vec![format!("repository:{}:pull,push", repository.name())] }
    }

    /// A right of its own: logins for pushing need not have it.
    pub(super) fn delete(repository: &Repository) -> Self {
        Self { action: "delete", parts: vec![format!("repository:{}:pull,push,delete", repository.name())] }
    }

    /// The same, and reading another repository of the same registry.
    pub(super) fn and_pull(mut self, other: &Repository) -> Self {
        self.parts.push(format!("repository:{}:pull", other.name()));
        self
    }
}

#[derive(Clone, Debug)]
enum Scheme {
    Basic,
    Bearer { realm: Url, service: Option<String> },
}

/// Keeps what one client knows about logging in.
#[derive(Debug)]
pub(super) struct Auth {
    credentials: Credentials,
    loopback: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    scheme: Option<Scheme>,
    tokens: HashMap<Scope, Token>,
}

#[derive(Debug)]
struct Token {
    value: Secret,
    run_out: Pin<Box<Sleep>>,
}

impl Auth {
    /// The login is known from now on.
    pub(super) fn new(credentials: Credentials, repository: &Repository, known: &Known) -> Self {
        match &credentials {
            Credentials::Anonymous => {}
            Credentials::Password { username, password } => known.add([password, &basic_pair(username, password)]),
            Credentials::IdentityToken(token) => known.add([token]),
        }
        Self { credentials, loopback: repository.is_loopback(), state: Mutex::default() }
    }

    /// Whether there is a login that could be refused.
    pub(super) fn has_login(&self) -> bool {
        !matches!(self.credentials, Credentials::Anonymous)
    }

    /// What kind of login there is.
    pub(super) fn login(&self) -> &'static str {
        match self.credentials {
            Credentials::Anonymous => "calls without a login",
            Credentials::Password { .. } => "this user and password",
            Credentials::IdentityToken(_) => "the saved identity token",
        }
    }

    /// Whether the registry has asked for a login so far.
    pub(super) async fn is_asked(&self) -> bool {
        self.state.lock().await.scheme.is_some()
    }

    /// The header for a call; none as long as the registry has not asked for a login.
    pub(super) async fn header(&self, wire: &Wire, scope: &Scope) -> Result<Option<HeaderValue>, Fault> {
        let mut state = self.state.lock().await;
        let (realm, service) = match state.scheme.clone() {
            None => return Ok(None),
            Some(Scheme::Basic) => return self.basic().map(Some),
            Some(Scheme::Bearer { realm, service }) => (realm, service),
        };
        let fresh = match state.tokens.get_mut(scope) {
            Some(token) => token.run_out.as_mut().now_or_never().is_none().then(|| token.value.clone()),
            None => None,
        };
        let value = if let Some(value) = fresh {
            value
        } else {
            let (value, lasts) = self.token(wire, &realm, service.as_deref(), scope).await?;
            state.tokens.insert(scope.clone(), Token { value: value.clone(), run_out: Box::pin(sleep(lasts)) });
            value
        };
        secret_header(&format!("Bearer {}", value.expose())).map(Some)
    }

    /// Learns from a 401 how to log in. An error if there is nothing to be done about it: no login, one that was
    /// refused, or a kind of login that is not known here.
    pub(super) async fn challenged(&self, headers: &HeaderMap, scope: &Scope, refused: Refused) -> Result<(), Fault> {
        let offered: Vec<Challenge> =
            headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|v| v.to_str().ok()).flat_map(challenge::parse).collect();
        let mut state = self.state.lock().await;
        let bearer = offered.iter().filter(|c| c.scheme == "bearer").find_map(|c| c.parameters.get("realm").map(|r| (c, r)));
        if let Some((challenge, realm)) = bearer {
            let realm = self.checked_realm(realm)?;
            state.tokens.remove(scope);
            state.scheme = Some(Scheme::Bearer { realm, service: challenge.parameters.get("service").cloned() });
            return Ok(());
        }
        if refused == Refused::Login && matches!(state.scheme, Some(Scheme::Basic)) {
            return Err(Fault::Unauthorized { words: words(&format!("it refuses {}", self.login())) });
        }
        if !offered.iter().any(|c| c.scheme == "basic") {
            let schemes: Vec<&str> = offered.iter().map(|c| c.scheme.as_str()).collect();
            let schemes = if schemes.is_empty() { "nothing".to_owned() } else { schemes.join(", ") };
            return Err(Fault::protocol(format!("it asks for a login but offers {schemes} where Basic or Bearer is known here")));
        }
        state.scheme = Some(Scheme::Basic);
        self.basic().map(|_| ())
    }

    fn checked_realm(&self, realm: &str) -> Result<Url, Fault> {
        let url = Url::parse(realm).map_err(|e| Fault::protocol(format!("its token service `{realm}` is no URL: {e}")))?;
        if url.scheme() == "https" || (url.scheme() == "http" && self.loopback && is_loopback(&url)) {
            return Ok(url);
        }
        Err(Fault::protocol(format!("its token service `{realm}` is not at https, and no login is sent there")))
    }

    fn basic(&self) -> Result<HeaderValue, Fault> {
        let missing = |text: &str| Err(Fault::Unauthorized { words: words(text) });
        match &self.credentials {
            Credentials::Password { username, password } => {
                secret_header(&format!("Basic {}", basic_pair(username, password).expose()))
            }
            Credentials::Anonymous => missing(NO_LOGIN),
            Credentials::IdentityToken(_) => missing("it asks for user and password, but the saved login is an identity token"),
        }
    }

    /// Fetches a token and how long it may be used.
    async fn token(&self, wire: &Wire, realm: &Url, service: Option<&str>, scope: &Scope) -> Result<(Secret, Duration), Fault> {
        let mut fields: Vec<(&str, &str)> = Vec::new();
        fields.extend(service.map(|service| ("service", service)));
        let joined = scope.parts.join(" ");
        let (status, headers, body) = match &self.credentials {
            Credentials::IdentityToken(token) => {
                fields.extend([("scope", joined.as_str()), ("grant_type", "refresh_token"), ("client_id", "canship")]);
                fields.push(("refresh_token", token.expose()));
                let fields = &fields;
                wire.ask(|http| http.post(realm.clone()).form(fields)).await?
            }
            credentials => {
                fields.extend(scope.parts.iter().map(|part| ("scope", part.as_str())));
                let basic = matches!(credentials, Credentials::Password { .. }).then(|| self.basic()).transpose()?;
                let url = with_query(realm, &fields);
                wire.ask_again(|http| {
                    let request = http.get(url.clone());
                    basic.iter().fold(request, |request, value| request.header(reqwest::header::AUTHORIZATION, value))
                })
                .await?
            }
        };
        if !status.is_success() {
            return Err(match wire.refusal((status, &headers, &body), scope) {
                Fault::Unauthorized { words: said } if !self.has_login() => {
                    Fault::Unauthorized { words: words(&format!("{NO_LOGIN}; its token service says: {said}")) }
                }
                Fault::Unauthorized { words: said } => {
                    Fault::Unauthorized { words: words(&format!("its token service refuses {}: {said}", self.login())) }
                }
                Fault::NotFound { words: said } | Fault::Refused { words: said, .. } => {
                    Fault::protocol(format!("its token service refuses to give a token: {said}"))
                }
                fault => fault,
            });
        }
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|_| Fault::protocol("its token service's answer is not understood"))?;
        let value = answer.token.or(answer.access_token).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| Fault::protocol("its token service's answer has no token"))?;
        let lasts = answer.expires_in.map_or(SHORTEST, Duration::from_secs).min(Duration::from_hours(24));
        let value = Secret::new(value);
        wire.known().add([&value]);
        // A tenth earlier: it must still be good when the last byte of a call arrives.
        Ok((value, lasts * 9 / 10))
    }
}

/// What a 401 was the answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A call with a login.
    Login,
    /// A call without any.
    Nobody,
}

/// User and password as they are sent.
fn basic_pair(username: &str, password: &Secret) -> Secret {
    Secret::new(STANDARD.encode(format!("{username}:{}", password.expose())))
}

const NO_LOGIN: &str = "it asks for a login, but neither the plan nor Docker's configuration has one for it";

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

fn with_query(realm: &Url, fields: &[(&str, &str)]) -> Url {
    let mut url = realm.clone();
    url.query_pairs_mut().extend_pairs(fields);
    url
}

/// A header that no log of the HTTP client shows.
fn secret_header(text: &str) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Fault::Unauthorized { words: words("the login has characters that cannot be sent") })?;
    value.set_sensitive(true);
    Ok(value)
}
