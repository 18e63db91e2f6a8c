//! Rate limits, the headers of every answer, and refusals in GitLab's words.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::{
    super::{call::Content, trouble::Refusal},
    Answer, GitLab, forbidden, not_found, rights,
};

/// What is left of a minute's calls.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) limit: u64,
    pub(crate) used: u64,
    /// In how many seconds it starts anew.
    pub(crate) reset_in: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { limit: 2000, used: 0, reset_in: 60 }
    }
}

impl Limits {
    pub(super) fn spend(&mut self) -> Option<Refusal> {
        if self.used >= self.limit {
            return Some(Refusal::PrimaryLimit { status: 429, reset_in: self.reset_in });
        }
        self.used += 1;
        None
    }
}

impl GitLab {
    pub(super) fn refused(&mut self, refused: Refusal) -> Answer {
        let later = || Answer::new(429, Content::Text("Retry later\n".to_owned()));
        match refused {
            Refusal::Credentials => rights::unauthorized(),
            Refusal::Rights => forbidden(),
            Refusal::Hidden => not_found("Project"),
            Refusal::PrimaryLimit { reset_in, .. } => {
                (self.limits.used, self.limits.reset_in) = (self.limits.limit, reset_in);
                later().header("retry-after", reset_in)
            }
            Refusal::SecondaryLimit { retry_after, .. } => {
                retry_after.map_or_else(later, |seconds| later().header("retry-after", seconds))
            }
            Refusal::Conflict => Answer::json(409, json!({ "message": "409 Conflict" })),
            Refusal::Invalid(message) => Answer::json(400, json!({ "message": { "base": [message] } })),
        }
    }

    /// What every answer says beside its body.
    pub(super) fn with_headers(&self, answer: Answer) -> Answer {
        let reset = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + self.limits.reset_in;
        answer
            .header("ratelimit-name", "throttle_authenticated_api")
            .header("ratelimit-limit", self.limits.limit)
            .header("ratelimit-observed", self.limits.used)
            .header("ratelimit-remaining", self.limits.limit - self.limits.used)
            .header("ratelimit-reset", reset)
            .header("x-request-id", "01SIMULATED")
            .header("x-gitlab-meta", "{\"version\":\"1\"}")
    }
}
