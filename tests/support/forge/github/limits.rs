//! Rate limits, the headers of every answer, conditional requests, and refusals in GitHub's words.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::Method;
use serde_json::json;

use super::{
    super::{call::Content, shape, trouble::Refusal},
    Answer, GitHub, Request, not_found, refusal,
    rights::TokenKind,
};

/// What is left of an hour's calls.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) limit: u64,
    pub(crate) used: u64,
    /// In how many seconds it starts anew.
    pub(crate) reset_in: u64,
    /// The status of a call too many: 403 or 429.
    pub(crate) status: u16,
    /// Whether there are none, as on most Enterprise Servers.
    pub(crate) are_off: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { limit: 5000, used: 0, reset_in: 3000, status: 403, are_off: false }
    }
}

impl Limits {
    /// Counts a call; what it is refused with if it is one too many.
    pub(super) fn spend(&mut self) -> Option<Refusal> {
        if self.are_off {
            return None;
        }
        if self.used >= self.limit {
            return Some(Refusal::PrimaryLimit { status: self.status, reset_in: self.reset_in });
        }
        self.used += 1;
        None
    }

    pub(super) fn left(&self) -> u64 {
        self.limit - self.used
    }

    /// The second in which it starts anew.
    pub(super) fn reset(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + self.reset_in
    }
}

impl GitHub {
    pub(super) fn refused(&mut self, request: &Request, refused: Refusal) -> Answer {
        match refused {
            Refusal::Credentials => refusal(401, "Bad credentials"),
            Refusal::Rights => refusal(403, "Resource not accessible by personal access token"),
            Refusal::Hidden => not_found(),
            Refusal::PrimaryLimit { status, reset_in } => {
                (self.limits.used, self.limits.reset_in) = (self.limits.limit, reset_in);
                let login = self.caller(request).map_or("", |token| token.login.as_str());
                refusal(status, &format!("API rate limit exceeded for {login}."))
            }
            Refusal::SecondaryLimit { status, retry_after } => {
                let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
                let answer = refusal(status, message);
                retry_after.map_or(answer.clone(), |seconds| answer.header("retry-after", seconds))
            }
            Refusal::Conflict => refusal(409, "Conflict"),
            Refusal::Invalid(message) => refusal(422, message),
        }
    }

    /// What every answer says beside its body.
    pub(super) fn with_headers(&self, request: &Request, answer: Answer) -> Answer {
        let mut answer = answer
            .header("x-github-media-type", "github.v3; format=json")
            .header("x-github-api-version-selected", "2022-11-28")
            .header("x-github-request-id", "C0DE:1234:5678:9ABC");
        if !self.limits.are_off {
            answer = answer
                .header("x-ratelimit-limit", self.limits.limit)
                .header("x-ratelimit-remaining", self.limits.left())
                .header("x-ratelimit-used", self.limits.used)
                .header("x-ratelimit-reset", self.limits.reset())
                .header("x-ratelimit-resource", "core");
        }
        let Some(token) = self.caller(request) else { return answer };
        if let Some(expires) = &token.expires {
            answer = answer.header("github-authentication-token-expiration", expires);
        }
        if let TokenKind::Classic { scopes, .. } = &token.kind {
            answer = answer.header("x-oauth-scopes", scopes.join(", ")).header("x-accepted-oauth-scopes", "");
        }
        answer
    }

    /// A read whose answer the caller has already is answered 304, and does not count.
    pub(super) fn unless_known(&mut self, request: &Request, answer: Answer) -> Answer {
        let Content::Json(body) = &answer.content else { return answer };
        if request.method != Method::GET || answer.status != 200 {
            return answer;
        }
        let tag = format!("W/\"{}\"", shape::digest(body.to_string()));
        if request.header("if-none-match") != Some(tag.as_str()) {
            return answer.header("etag", tag);
        }
        self.limits.used = self.limits.used.saturating_sub(1);
        Answer::empty(304).header("etag", tag)
    }

    pub(super) fn rate_limit(&self) -> Answer {
        if self.limits.are_off {
            return refusal(404, "Rate limiting is not enabled.");
        }
        let (limit, used) = (self.limits.limit, self.limits.used);
        let core = json!({ "limit": limit, "used": used, "remaining": self.limits.left(), "reset": self.limits.reset() });
        Answer::json(200, json!({ "resources": { "core": core, "search": core }, "rate": core }))
    }
}
