//! Single exchanges over HTTP: bounded waits, rate limits, refusals read into faults.
//!
//! Invariants: nothing waits longer than the plan's bounds; only what changes nothing is sent again after a fault;
//! no more of an answer is read than it may have.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Response, StatusCode,
    header::{DATE, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE},
    redirect,
};
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use super::{Fault, auth::Scope, challenge, error::words};
use crate::{
    network::{Network, Obstacle},
    plan::Timeouts,
    secret::Scrubber,
};

/// The longest answer that is read as text: refusals and tokens.
const MAX_ANSWER: usize = 256 * 1024;

/// How often what changes nothing is tried again.
const TRIES_MORE: u32 = 2;

/// How often a rate limit is waited for in one call, however short each wait.
const WAITS: u32 = 5;

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
        let builder = network
            .client()
            .map_err(unusable)?
            .user_agent(concat!("canship/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(timeouts.api)
            .pool_idle_timeout(Duration::from_secs(20))
            .tcp_nodelay(true);
        let http = builder.build().map_err(Fault::broken)?;
        Ok(Self { http, network: network.clone(), timeouts })
    }

    /// What is wrong if a request or its answer broke off. Looks again at a proxy that was in between: the HTTP client
    /// keeps to itself what that said.
    pub(super) async fn fault(&self, error: reqwest::Error) -> Fault {
        let proxied = error.url().filter(|url| self.network.proxies.shown(url).is_some()).cloned();
        let fault = Fault::broken(error);
        match (&fault, proxied) {
            (Fault::Unavailable { reached: false, .. }, Some(url)) => match self.network.obstacle(&url, self.timeouts.api).await {
                Some(Obstacle::Proxy(proxy)) => Fault::Proxy(Box::new(proxy)),
                Some(Obstacle::Certificate(certificate)) => Fault::Certificate(certificate),
                None => fault,
            },
            _ => fault,
        }
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
    pub(super) async fn refused(&self, response: Response, scope: &Scope, scrubber: &Scrubber) -> Fault {
        let (status, headers) = (response.status(), response.headers().clone());
        // Without its text, the status still says more than that the text did not come.
        let body = self.read(response, MAX_ANSWER).await.unwrap_or_default();
        self.refusal((status, &headers, &body), scope, scrubber)
    }

    /// What an answer other than the hoped-for means. `scrubber` knows what a server could repeat of the login it got.
    pub(super) fn refusal(
        &self,
        (status, headers, body): (StatusCode, &HeaderMap, &[u8]),
        scope: &Scope,
        scrubber: &Scrubber,
    ) -> Fault {
        let said = Said::read(status, body, scrubber);
        match status {
            // Registries answer 401 also to a login that is good but may not do this.
            StatusCode::UNAUTHORIZED if said.denied || insufficient(headers) => {
                Fault::Forbidden { action: scope.action, words: said.text }
            }
            StatusCode::UNAUTHORIZED => Fault::Unauthorized { words: said.text },
            StatusCode::FORBIDDEN => Fault::Forbidden { action: scope.action, words: said.text },
            StatusCode::NOT_FOUND => Fault::NotFound { words: said.text },
            StatusCode::TOO_MANY_REQUESTS => {
                Fault::RateLimited { asked: retry_after(headers), allowed: self.timeouts.retry_after_max }
            }
            status if status.is_server_error() => Fault::Unavailable { reason: said.text, reached: true },
            status if status.is_client_error() => Fault::Refused { status: Some(status.as_u16()), words: said.text },
            _ => Fault::protocol(format!("an answer that does not belong here: {}", said.text)),
        }
    }
}

/// Counts how often something that changes nothing was tried again.
#[derive(Debug, Default)]
pub(super) struct Tries(u32);

impl Tries {
    /// Whether it may be tried once more; waits a moment before it says so.
    pub(super) async fn more(&mut self) -> bool {
        if self.0 >= TRIES_MORE {
            return false;
        }
        // Spread, so that many clients do not come back at the same moment.
        let spread = RandomState::new().build_hasher().finish() % 200;
        sleep(Duration::from_millis((100 + spread) << (2 * self.0))).await;
        self.0 += 1;
        true
    }
}

/// Waits for rate limits, in one call never longer than allowed.
#[derive(Debug)]
pub(super) struct Patience {
    allowed: Duration,
    left: Duration,
    waits: u32,
}

impl Patience {
    pub(super) fn new(allowed: Duration) -> Self {
        Self { allowed, left: allowed, waits: 0 }
    }

    /// Waits as long as the answer asks for.
    pub(super) async fn wait(&mut self, headers: &HeaderMap) -> Result<(), Fault> {
        let asked = retry_after(headers);
        if asked > self.left || self.waits >= WAITS {
            return Err(Fault::RateLimited { asked, allowed: self.allowed });
        }
        self.left -= asked;
        self.waits += 1;
        sleep(asked).await;
        Ok(())
    }
}

/// How long a 429 asks to wait: in seconds, or up to a date, which is measured from the answer's own. One second if
/// it does not say.
fn retry_after(headers: &HeaderMap) -> Duration {
    const UNSAID: Duration = Duration::from_secs(1);
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let Some(asked) = text(RETRY_AFTER) else { return UNSAID };
    if let Ok(seconds) = asked.parse() {
        return Duration::from_secs(seconds);
    }
    let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp());
    match (date(asked), text(DATE).and_then(date)) {
        (Some(then), Some(now)) => Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO),
        _ => UNSAID,
    }
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
    fn read(status: StatusCode, body: &[u8], scrubber: &Scrubber) -> Self {
        // Scrubbed before it is cut short: a cut could leave a part of a secret that nobody knows as one.
        let words = |text: &str| words(&scrubber.scrub(text));
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
    use reqwest::header::HeaderValue;

    use super::*;
    use crate::secret::Secret;

    fn wait(pairs: &[(reqwest::header::HeaderName, &'static str)]) -> Duration {
        retry_after(&pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect())
    }

    #[test]
    fn a_rate_limit_speaks_in_seconds_or_dates() {
        assert_eq!(wait(&[(RETRY_AFTER, "120")]), Duration::from_mins(2));
        let date = (DATE, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(wait(&[(RETRY_AFTER, "Sun, 06 Nov 1994 08:50:07 GMT"), date.clone()]), Duration::from_secs(30));
        assert_eq!(wait(&[(RETRY_AFTER, "Sun, 06 Nov 1994 08:00:00 GMT"), date]), Duration::ZERO);
        assert_eq!(wait(&[(RETRY_AFTER, "soon")]), Duration::from_secs(1));
        assert_eq!(wait(&[]), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_registry_that_always_asks_to_wait_a_little_is_given_up_on() {
        let mut patience = Patience::new(Duration::from_mins(1));
        let headers: HeaderMap = [(RETRY_AFTER, HeaderValue::from_static("0"))].into_iter().collect();
        for _ in 0..WAITS {
            patience.wait(&headers).await.unwrap();
        }
        assert!(matches!(patience.wait(&headers).await, Err(Fault::RateLimited { .. })));
    }

    #[test]
    fn the_registrys_own_words_are_kept_and_pages_of_proxies_are_not() {
        let body = br#"{"errors":[{"code":"DENIED","message":"requested access is denied","detail":"push"}]}"#;
        let said = Said::read(StatusCode::UNAUTHORIZED, body, &Scrubber::new([]));
        assert_eq!(said.text.as_str(), "401 Unauthorized: DENIED requested access is denied (push)");
        assert!(said.denied);
        let page = Said::read(StatusCode::BAD_GATEWAY, b"<html>x</html>", &Scrubber::new([]));
        assert_eq!(page.text.as_str(), "502 Bad Gateway");
    }

    #[test]
    fn what_a_server_repeats_of_a_login_is_not_kept() {
        let secret = Secret::new("correct horse".to_owned());
        // The text is cut short in the middle of it.
        let body = format!("{} you sent `correct horse`", "x".repeat(570));
        let said = Said::read(StatusCode::BAD_REQUEST, body.as_bytes(), &Scrubber::new([&secret]));
        assert!(!said.text.as_str().contains("corr"), "{}", said.text);
    }
}
