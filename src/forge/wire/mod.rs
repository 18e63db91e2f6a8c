//! Single exchanges with a forge over HTTP, for both of them.
//!
//! Invariants: the token goes to the forge's own origin only, and over TLS, but for this machine's loopback; a redirect
//! is not followed; a request that changes something is sent once; one that reads is sent again after a fault that may
//! pass, and after a rate limit that the plan lets it wait for; nothing waits longer than the plan's bounds; no more of an
//! answer is read than it may have; every error has lost the token, other secrets of the drill, and what looks like one.

mod download;
mod refusal;

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Method, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue},
};
use tokio::time::timeout;
use url::Url;

use super::{Budget, Effect, Expiry, ForgeFault, ForgeKind, Place};
use crate::{
    network::{Network, Patience, Tries, Unreached, is_loopback},
    plan::{Timeouts, without_tokens},
    record::Text,
    secret::{Scrubber, Secret},
};

/// The longest answer that is read: a list of a hundred runs has less than 2 MiB.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Ask {
    fn reads(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}

/// Why an exchange failed, and whether it may have changed something. `NoRights` without a name if the forge names none.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{fault}")]
pub(super) struct Failed {
    pub(super) fault: ForgeFault,
    pub(super) effect: Effect,
}

impl Failed {
    /// Without any effect outside.
    pub(super) fn harmless(fault: ForgeFault) -> Self {
        Self { fault, effect: Effect::None }
    }

    fn may_pass(&self) -> bool {
        match &self.fault {
            ForgeFault::Unreachable { .. } | ForgeFault::ServerFault { .. } => true,
            ForgeFault::Proxy(fault) => fault.may_pass(),
            _ => false,
        }
    }
}

/// What every exchange with one forge shares.
#[derive(Debug)]
pub(super) struct Wire {
    http: reqwest::Client,
    network: Network,
    place: Place,
    token: HeaderValue,
    scrubber: Scrubber,
    timeouts: Timeouts,
    heard: Mutex<Heard>,
}

/// What the answers so far said beside their content.
#[derive(Clone, Copy, Debug)]
struct Heard {
    budget: Budget,
    expires: Option<jiff::Timestamp>,
}

impl Wire {
    /// `secrets` are kept out of errors, beside the token.
    pub(super) fn new(
        place: &Place,
        token: &Secret,
        secrets: &[Secret],
        timeouts: Timeouts,
        network: &Network,
    ) -> Result<Self, Failed> {
        let declined = |reason: &str| Failed::harmless(ForgeFault::Declined { reason: reason.into() });
        let safe = place.url.scheme() == "https" || (place.url.scheme() == "http" && is_loopback(&place.url));
        if !safe || !place.url.username().is_empty() || place.url.password().is_some() {
            return Err(declined("its address must begin with `https://`, without a login: a token goes there"));
        }
        network.known.add(secrets.iter().chain([token]));
        let unsendable = |_| declined("the token has characters that cannot be sent");
        let mut header = HeaderValue::from_str(&format!("Bearer {}", token.expose().trim())).map_err(unsendable)?;
        header.set_sensitive(true);
        let builder = network.exact_client(timeouts.api).map_err(|e| declined(&format!("TLS could not be set up: {e}")))?;
        let http = builder.build().map_err(|e| Failed::harmless(Unreached::seen(e).into()))?;
        Ok(Self {
            http,
            network: network.clone(),
            place: place.clone(),
            token: header,
            scrubber: Scrubber::new(secrets.iter().chain([token])),
            timeouts,
            heard: Mutex::new(Heard { budget: Budget::default(), expires: None }),
        })
    }

    /// The address of a path below the forge's own.
    pub(super) fn url(&self, path: &str) -> Result<Url, Failed> {
        let base = self.place.url.as_str().trim_end_matches('/');
        let unreadable = |e: url::ParseError| Failed::harmless(self.unreadable(&e.to_string()));
        Url::parse(&format!("{base}/{}", path.trim_start_matches('/'))).map_err(unreadable)
    }

    /// How many requests were sent, and what the forge said that it still allows.
    pub(super) fn budget(&self) -> Budget {
        self.heard().budget
    }

    /// When the token expires, if an answer has said so.
    pub(super) fn expires(&self) -> Option<Expiry> {
        self.heard().expires.map(Expiry::At)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer that cannot be read, in words that can be shown.
    pub(super) fn unreadable(&self, what: &str) -> ForgeFault {
        ForgeFault::Unreadable { what: self.words(what) }
    }

    /// A forge's words, as they can be shown. Taken apart before they are cut short: a cut could leave a part of a secret
    /// that nobody knows as one.
    pub(super) fn words(&self, raw: &str) -> Text {
        let mut words = Text::words(&without_tokens(&self.scrubber.scrub(raw)));
        words.shorten();
        words
    }

    /// Asks. The answer says yes: everything else is an error.
    pub(super) async fn exchange(&self, ask: &Ask) -> Result<http::Response<Bytes>, Failed> {
        let (mut tries, mut patience) = (Tries::default(), Patience::new(self.timeouts.retry_after_max));
        loop {
            let failed = match self.once(ask).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let again = ask.reads()
                && match failed.fault {
                    ForgeFault::RateLimited { wait, .. } => patience.wait(wait).await,
                    _ => failed.may_pass() && tries.more().await,
                };
            if !again {
                return Err(failed);
            }
        }
    }

    async fn once(&self, ask: &Ask) -> Result<http::Response<Bytes>, Failed> {
        if ask.url.origin() != self.place.url.origin() {
            return Err(Failed::harmless(ForgeFault::Declined {
                reason: "the address is not the forge's own, and the token goes nowhere else".into(),
            }));
        }
        self.heard().budget.sent += 1;
        let lost = |fault| Failed { fault, effect: if ask.reads() { Effect::None } else { Effect::Unknown } };
        let limit = self.timeouts.api;
        let response = match timeout(limit, self.request(ask).send()).await {
            Err(_) => return Err(lost(ForgeFault::Stalled { limit })),
            Ok(Err(error)) => {
                // Rare, and too large to be part of whatever waits for it.
                let unreached = Box::pin(self.network.unreached(error, limit)).await;
                let nothing_sent = !matches!(unreached, Unreached::Broken { reached: true, .. });
                let fault = unreached.into();
                return Err(if nothing_sent { Failed::harmless(fault) } else { lost(fault) });
            }
            Ok(Ok(response)) => response,
        };
        let (status, headers) = (response.status(), response.headers().clone());
        self.hear(&headers);
        let body = self.read(response).await;
        // That nothing is new is an answer to a request that said what it knows.
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            let mut answer = http::Response::new(body.map_err(lost)?);
            *answer.status_mut() = status;
            *answer.headers_mut() = headers;
            return Ok(answer);
        }
        // Without its text, the status still says more than that the text did not come.
        let fault = refusal::fault(self, status, &headers, &body.unwrap_or_default());
        Err(if refusal::may_be_done(status) { lost(fault) } else { Failed::harmless(fault) })
    }

    fn request(&self, ask: &Ask) -> reqwest::RequestBuilder {
        let mut headers = ask.headers.clone();
        headers.remove(CONTENT_LENGTH);
        headers.insert(AUTHORIZATION, self.token.clone());
        if !headers.contains_key(ACCEPT) {
            headers.insert(
                ACCEPT,
                HeaderValue::from_static(match self.place.kind {
                    ForgeKind::Github => "application/vnd.github+json",
                    ForgeKind::Gitlab => "application/json",
                }),
            );
        }
        let request = self.http.request(ask.method.clone(), ask.url.clone()).headers(headers);
        match (ask.reads(), ask.body.is_empty()) {
            (true, _) => request,
            (false, true) => request.header(CONTENT_LENGTH, 0),
            (false, false) => request.body(ask.body.clone()),
        }
    }

    async fn read(&self, response: Response) -> Result<Bytes, ForgeFault> {
        self.read_most(response, MAX_ANSWER).await
    }

    async fn read_most(&self, mut response: Response, most: usize) -> Result<Bytes, ForgeFault> {
        let limit = self.timeouts.api;
        let read = async {
            let mut body = BytesMut::new();
            while let Some(chunk) = response.chunk().await.map_err(|e| ForgeFault::from(Unreached::seen(e)))? {
                if body.len() + chunk.len() > most {
                    return Err(self.unreadable("it is longer than any such answer is"));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(body.freeze())
        };
        timeout(limit, read).await.map_err(|_| ForgeFault::Stalled { limit })?
    }

    /// Takes in what an answer says beside its content.
    fn hear(&self, headers: &HeaderMap) {
        let (remaining, resets) = match self.place.kind {
            ForgeKind::Github => ("x-ratelimit-remaining", "x-ratelimit-reset"),
            ForgeKind::Gitlab => ("ratelimit-remaining", "ratelimit-reset"),
        };
        let mut heard = self.heard();
        if let Some(remaining) = number(headers, remaining) {
            heard.budget.remaining = u64::try_from(remaining).ok();
            heard.budget.resets = number(headers, resets).and_then(|second| jiff::Timestamp::from_second(second).ok());
        }
        let expires = headers.get("github-authentication-token-expiration").and_then(|value| value.to_str().ok());
        heard.expires = expires.and_then(refusal::moment).or(heard.expires);
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

impl From<Unreached> for ForgeFault {
    fn from(unreached: Unreached) -> Self {
        match unreached {
            Unreached::Certificate(fault) => Self::Certificate(fault),
            Unreached::Proxy(fault) => Self::Proxy(fault),
            Unreached::Broken { reason, .. } => Self::Unreachable { reason },
        }
    }
}
