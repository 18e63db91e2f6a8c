//! Single exchanges over HTTP: bounded waits, rate limits, refusals read into faults.
//!
//! Invariants: nothing waits longer than the plan's bounds; only what changes nothing is sent again after a fault;
//! no more of an answer is read than it may have.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{
    Response, StatusCode,
    header::{HeaderMap, WWW_AUTHENTICATE},
};
use serde::Deserialize;
use tokio::time::timeout;

use super::{Fault, auth::Scope, challenge, error::words};
use crate::{
    network::{self, Network, Tries, retry_after},
    plan::Timeouts,
    secret::Known,
};

/// The longest answer that is read as text: refusals and tokens.
const MAX_ANSWER: usize = 256 * 1024;

/// The HTTP client of one [`super::Client`] and its bounds.
#[derive(Debug)]
pub(super) struct Wire {
    http: reqwest::Client,
    network: Network,
    pub(super) timeouts: Timeouts,
}

impl Wire {
    /// A client with connections of its own.
    pub(super) fn new(timeouts: Timeouts, network: &Network) -> Result<Self, Fault> {
        let unusable = |reason: rustls::Error| Fault::protocol(format!("TLS could not be set up: {reason}"));
        let http = network.exact_client(timeouts.api).map_err(unusable)?.build().map_err(Fault::broken)?;
        Ok(Self { http, network: network.clone(), timeouts })
    }

    /// What is wrong if a request or its answer broke off.
    pub(super) async fn fault(&self, error: reqwest::Error) -> Fault {
        // Rare, and too large to be part of whatever waits for it.
        Box::pin(self.network.unreached(error, self.timeouts.api)).await.into()
    }

    /// Where every credential goes that is read.
    pub(super) fn known(&self) -> &Known {
        &self.network.known
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Sends a request without a body worth speaking of and waits for the head of the answer.
    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, Fault> {
        let limit = self.timeouts.api;
        match timeout(limit, request.send()).await.map_err(|_| Fault::Stalled { limit })? {
            Ok(response) => Ok(response),
            Err(error) => Err(self.fault(error).await),
        }
    }

    /// Reads a whole answer of at most `most` bytes.
    pub(super) async fn read(&self, mut response: Response, most: usize) -> Result<Bytes, Fault> {
        let limit = self.timeouts.api;
        let read = async {
            let mut body = BytesMut::new();
            while let Some(chunk) = response.chunk().await.map_err(Fault::broken)? {
                if body.len() + chunk.len() > most {
                    return Err(Fault::protocol(format!("its answer is longer than {most} bytes")));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(body.freeze())
        };
        timeout(limit, read).await.map_err(|_| Fault::Stalled { limit })?
    }

    /// Asks once, but waits for a rate limit; gives the whole answer.
    pub(super) async fn ask<F>(&self, make: F) -> Result<(StatusCode, HeaderMap, Bytes), Fault>
    where
        F: Fn(&reqwest::Client) -> reqwest::RequestBuilder,
    {
        let mut patience = Patience::new(self.timeouts.retry_after_max);
        loop {
            let response = self.send(make(&self.http)).await?;
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                patience.wait(response.headers()).await?;
                continue;
            }
            let (status, headers) = (response.status(), response.headers().clone());
            return Ok((status, headers, self.read(response, MAX_ANSWER).await?));
        }
    }

    /// The same for what changes nothing: after a fault that may pass it is asked again.
    pub(super) async fn ask_again<F>(&self, make: F) -> Result<(StatusCode, HeaderMap, Bytes), Fault>
    where
        F: Fn(&reqwest::Client) -> reqwest::RequestBuilder,
    {
        let mut tries = Tries::default();
        loop {
            let fault = match self.ask(&make).await {
                Ok((status, ..)) if status.is_server_error() => Fault::unavailable(status.to_string()),
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            if !(fault.may_pass() && tries.more().await) {
                return Err(fault);
            }
        }
    }

    /// Reads a refusal to its end and says what it means.
    pub(super) async fn refused(&self, response: Response, scope: &Scope) -> Fault {
        let (status, headers) = (response.status(), response.headers().clone());
        // Without its text, the status still says more than that the text did not come.
        let body = self.read(response, MAX_ANSWER).await.unwrap_or_default();
        self.refusal((status, &headers, &body), scope)
    }

    /// What an answer other than the hoped-for means.
    pub(super) fn refusal(&self, (status, headers, body): (StatusCode, &HeaderMap, &[u8]), scope: &Scope) -> Fault {
        let said = Said::read(status, body, self.known());
        match status {
            // Registries answer 401 also to a login that is good but may not do this.
            StatusCode::UNAUTHORIZED if said.denied || insufficient(headers) => {
                Fault::Forbidden { action: scope.action, words: said.text }
            }
            StatusCode::UNAUTHORIZED => Fault::Unauthorized { words: said.text },
            StatusCode::FORBIDDEN => Fault::Forbidden { action: scope.action, words: said.text },
            StatusCode::NOT_FOUND => Fault::NotFound { words: said.text },
            StatusCode::TOO_MANY_REQUESTS => {
                Fault::RateLimited { asked: asked_wait(headers), allowed: self.timeouts.retry_after_max }
            }
            status if status.is_server_error() => Fault::Unavailable { reason: said.text, reached: true },
            status if status.is_client_error() => Fault::Refused { status: Some(status.as_u16()), words: said.text },
            _ => Fault::protocol(format!("an answer that does not belong here: {}", said.text)),
        }
    }
}

/// Waits for rate limits, in one call never longer than allowed.
#[derive(Debug)]
pub(super) struct Patience {
    allowed: Duration,
    left: network::Patience,
}

impl Patience {
    pub(super) fn new(allowed: Duration) -> Self {
        Self { allowed, left: network::Patience::new(allowed) }
    }

    /// Waits as long as the answer asks for.
    pub(super) async fn wait(&mut self, headers: &HeaderMap) -> Result<(), Fault> {
        let asked = asked_wait(headers);
        if self.left.wait(asked).await { Ok(()) } else { Err(Fault::RateLimited { asked, allowed: self.allowed }) }
    }
}

/// How long a 429 asks to wait; one second if it does not say.
fn asked_wait(headers: &HeaderMap) -> Duration {
    retry_after(headers).unwrap_or(Duration::from_secs(1))
}

/// Whether the 401 says that the token is good but lacks the right.
fn insufficient(headers: &HeaderMap) -> bool {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(challenge::parse).any(|c| c.parameters.get("error").is_some_and(|e| e == "insufficient_scope"))
}

/// What a registry says in its own words.
struct Said {
    text: crate::record::Text,
    denied: bool,
}

/// Source: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes>.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    detail: serde_json::Value,
}

impl Said {
    fn read(status: StatusCode, body: &[u8], known: &Known) -> Self {
        // A server may repeat the login it got.
        let words = |text: &str| words(&known.scrub(text));
        if let Ok(Errors { errors }) = serde_json::from_slice(body)
            && !errors.is_empty()
        {
            let denied = errors.iter().any(|e| e.code == "DENIED");
            let all: Vec<String> = errors.iter().map(OneError::shown).collect();
            return Self { text: words(&format!("{status}: {}", all.join("; "))), denied };
        }
        let text = String::from_utf8_lossy(body);
        // A page of a proxy says nothing that a line of text could hold.
        let text = if text.trim().is_empty() || text.trim_start().starts_with('<') {
            status.to_string()
        } else {
            format!("{status}: {text}")
        };
        Self { text: words(&text), denied: false }
    }
}

impl OneError {
    fn shown(&self) -> String {
        let detail = match &self.detail {
            serde_json::Value::String(text) if *text != self.message => format!(" ({text})"),
            _ => String::new(),
        };
        format!("{} {}{detail}", self.code, self.message.trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn the_registrys_own_words_are_kept_and_pages_of_proxies_are_not() {
        let body = br#"{"errors":[{"code":"DENIED","message":"requested access is denied","detail":"push"}]}"#;
        let said = Said::read(StatusCode::UNAUTHORIZED, body, &Known::default());
        assert_eq!(said.text.as_str(), "401 Unauthorized: DENIED requested access is denied (push)");
        assert!(said.denied);
        let page = Said::read(StatusCode::BAD_GATEWAY, b"<html>x</html>", &Known::default());
        assert_eq!(page.text.as_str(), "502 Bad Gateway");
    }

    #[test]
    fn what_a_server_repeats_of_a_login_is_not_kept() {
        let known = Known::default();
        known.add([&Secret::new("correct horse".to_owned())]);
        let said = Said::read(StatusCode::BAD_REQUEST, b"you sent `correct horse`", &known);
        assert!(!said.text.as_str().contains("corr"), "{}", said.text);
    }
}
