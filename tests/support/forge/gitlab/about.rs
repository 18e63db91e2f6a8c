//! What GitLab says of itself and of who asks.

use serde_json::json;

use super::{super::stamp, Answer, Answered, GitLab, Request, TokenKind, forbidden, not_found, now, rights::unauthorized};

impl GitLab {
    pub(super) fn about(&self, request: &Request, what: &str) -> Answered {
        let token = self.caller(request).ok_or_else(unauthorized)?;
        let is_job = token.kind == TokenKind::Job;
        match what {
            "job" if is_job => {
                let running = self.pipelines.iter().find_map(|pipeline| Some((pipeline, pipeline.jobs.first()?)));
                let (pipeline, job) = running.ok_or_else(|| not_found("Job"))?;
                Ok(Answer::json(200, self.job_shape(pipeline, job)))
            }
            "job" => Err(not_found("Job")),
            _ if is_job => Err(unauthorized()),
            "user" => Ok(Answer::json(
                200,
                json!({
                    "id": 9, "username": token.username, "name": token.username, "state": "active", "bot": false,
                    "is_admin": token.is_admin,
                }),
            )),
            "version" | "metadata" => Ok(Answer::json(
                200,
                json!({
                    "version": "18.6.0-ee", "revision": "0123abcd", "enterprise": true,
                    "kas": { "enabled": true, "externalUrl": "wss://kas.example", "externalK8sProxyUrl": "https://kas.example", "version": "18.6.0" },
                }),
            )),
            "personal_access_tokens" => Ok(Answer::json(
                200,
                json!({
                    "id": 5, "name": "canship", "revoked": false, "active": true, "description": null,
                    "created_at": stamp::millis(now()), "last_used_at": stamp::millis(now()), "last_used_ips": [],
                    "scopes": token.scopes, "user_id": 9, "expires_at": token.expires_at,
                }),
            )),
            _ => Err(forbidden()),
        }
    }
}
