//! What an answer other than yes means, in the kinds that callers decide on.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{
    StatusCode,
    header::{DATE, HeaderMap, LOCATION},
};
use serde_json::Value;

use super::{Wire, number};
use crate::{
    forge::{ForgeFault, ForgeKind},
    network::retry_after,
    record::Text,
};

/// How long is waited after a rate limit that does not say.
/// Source: <https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api>.
const UNSAID: Duration = Duration::from_mins(1);

/// Whether a change may have been made although the answer says that something failed.
pub(super) fn may_be_done(status: StatusCode) -> bool {
    status.is_server_error()
}

/// What the answer means.
pub(super) fn fault(wire: &Wire, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ForgeFault {
    let said = Said::read(body);
    let words = wire.words(&said.shown(status));
    if let Some(wait) = rate_limit(wire.place.kind, status, headers, &said.message) {
        return ForgeFault::RateLimited { wait, allowed: wire.timeouts.retry_after_max, words };
    }
    match status {
        StatusCode::UNAUTHORIZED => ForgeFault::Unauthorized { words },
        StatusCode::FORBIDDEN if said.is_of_archive() => ForgeFault::Archived { words },
        StatusCode::FORBIDDEN => ForgeFault::NoRights { missing: wire.words(&said.missing(headers)), words },
        StatusCode::NOT_FOUND | StatusCode::GONE => ForgeFault::NotFoundOrHidden { words },
        // GitLab leads from an old name to the new one for who reads; whoever changes something is told this.
        StatusCode::METHOD_NOT_ALLOWED if said.message.contains("moved") => {
            let words = wire.words(&format!("{}; name it in the plan as it is called today", said.shown(status)));
            ForgeFault::Moved { to: Text::default(), words }
        }
        StatusCode::CONFLICT => ForgeFault::Conflict { words },
        status if status.is_server_error() => ForgeFault::ServerFault { status: status.as_u16(), words },
        status if status.is_redirection() => moved(wire, status, headers),
        status => ForgeFault::Refused { status: status.as_u16(), words },
    }
}

/// Repositories that were renamed are answered with a redirect.
fn moved(wire: &Wire, status: StatusCode, headers: &HeaderMap) -> ForgeFault {
    let to = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("an address that it does not say");
    let words = wire.words(&format!("{status}: it is now at {to}; name it in the plan as it is called today"));
    ForgeFault::Moved { to: wire.words(to), words }
}

/// How long to wait, if this is a rate limit.
fn rate_limit(kind: ForgeKind, status: StatusCode, headers: &HeaderMap, message: &str) -> Option<Duration> {
    let is_limit = match (kind, status) {
        (_, StatusCode::TOO_MANY_REQUESTS) => true,
        // GitHub limits with this status as well; what it means is in the headers, or in the text alone.
        (ForgeKind::Github, StatusCode::FORBIDDEN) => {
            number(headers, "x-ratelimit-remaining") == Some(0)
                || headers.contains_key("retry-after")
                || message.to_ascii_lowercase().contains("rate limit")
        }
        _ => false,
    };
    is_limit.then(|| retry_after(headers).or_else(|| until_reset(kind, headers)).unwrap_or(UNSAID))
}

/// How long until the window of a limit that is used up ends, by the answer's own clock.
fn until_reset(kind: ForgeKind, headers: &HeaderMap) -> Option<Duration> {
    let (remaining, reset) = match kind {
        ForgeKind::Github => ("x-ratelimit-remaining", "x-ratelimit-reset"),
        ForgeKind::Gitlab => ("ratelimit-remaining", "ratelimit-reset"),
    };
    if number(headers, remaining) != Some(0) {
        return None;
    }
    let reset = Timestamp::from_second(number(headers, reset)?).ok()?;
    let now = jiff::fmt::rfc2822::parse(headers.get(DATE)?.to_str().ok()?).ok()?.timestamp();
    Some(Duration::try_from(reset.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// A moment as GitHub writes it in a header: `2024-12-14 02:28:22 UTC`, or with `+0000`.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let text = text.strip_suffix("UTC").map_or_else(|| text.to_owned(), |text| format!("{text}+0000"));
    jiff::fmt::strtime::parse("%Y-%m-%d %H:%M:%S %z", &text).ok()?.to_timestamp().ok()
}

/// What a forge says in its own words.
#[derive(Debug, Default)]
struct Said {
    message: String,
    details: Vec<String>,
    /// The scope that GitLab says a token lacks.
    scope: Option<String>,
}

impl Said {
    fn read(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            let text = String::from_utf8_lossy(body);
            // A page of a proxy says nothing that a line of text could hold.
            let is_page = text.trim_start().starts_with('<');
            return Self { message: if is_page { String::new() } else { text.trim().to_owned() }, ..Self::default() };
        };
        let text = |key: &str| value.get(key).map(plain).filter(|text| !text.is_empty());
        let message = text("message").or_else(|| text("error")).unwrap_or_default();
        let errors = value.get("errors").and_then(Value::as_array).into_iter().flatten();
        let details = errors.map(plain).chain(text("error_description")).collect();
        let scope = value.get("scope").and_then(Value::as_str).map(str::to_owned);
        Self { message, details, scope: scope.filter(|_| value.get("error").is_some()) }
    }

    fn shown(&self, status: StatusCode) -> String {
        let message = self.message.trim_end_matches('.');
        let all: Vec<&str> =
            [message].into_iter().chain(self.details.iter().map(String::as_str)).filter(|t| !t.is_empty()).collect();
        if all.is_empty() { status.to_string() } else { format!("{}: {}", status.as_u16(), all.join("; ")) }
    }

    /// GitHub's `Repository was archived so is read-only.`
    fn is_of_archive(&self) -> bool {
        self.message.to_ascii_lowercase().contains("archived")
    }

    /// The right that the token lacks, by the forge's own name for it; nothing if it names none.
    fn missing(&self, headers: &HeaderMap) -> String {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).filter(|v| !v.is_empty());
        if let Some(scope) = &self.scope {
            return format!("scope {scope}");
        }
        if self.message.starts_with("Must have admin rights") {
            return "role admin of the repository".to_owned();
        }
        // Only a classic token has scopes. Several are alternatives.
        if let (Some(_), Some(scopes)) = (headers.get("x-oauth-scopes"), header("x-accepted-oauth-scopes")) {
            return format!("scope {}", scopes.split(',').map(str::trim).collect::<Vec<_>>().join(" or "));
        }
        // `a=read,b=write; c=write`: both of the first two, or the third.
        let permissions = header("x-accepted-github-permissions").unwrap_or_default().replace('=', ": ");
        permissions.split(';').map(|set| set.trim().replace(',', " and ")).collect::<Vec<_>>().join(" or ")
    }
}

/// A value as a line of text: lists and maps of messages one after the other.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", "),
        Value::Object(map) => match map.get("message") {
            Some(message) => plain(message),
            None => map.iter().map(|(key, value)| format!("{key} {}", plain(value))).collect::<Vec<_>>().join(", "),
        },
        other => other.to_string(),
    }
}
