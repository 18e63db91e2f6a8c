//! What the API says of itself, of who asks, and of the repository.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{super::shape::with, Answer, Answered, GitHub, Level, Request, TokenKind, not_found, refusal};

/// What the API's root links to, of what the contract wants there.
const LINKS: &[&str] = &[
    "current_user",
    "current_user_authorizations_html",
    "authorizations",
    "code_search",
    "commit_search",
    "emails",
    "emojis",
    "events",
    "feeds",
    "followers",
    "following",
    "gists",
    "issue_search",
    "issues",
    "keys",
    "label_search",
    "notifications",
    "organization",
    "organization_repositories",
    "organization_teams",
    "public_gists",
    "rate_limit",
    "repository",
    "repository_search",
    "current_user_repositories",
    "starred",
    "starred_gists",
    "user",
    "user_organizations",
    "user_repositories",
    "user_search",
];

impl GitHub {
    pub(super) fn about(&mut self, request: &Request, what: Option<&str>) -> Answered {
        Self::reads_only(request)?;
        match what {
            Some("rate_limit") => {
                self.limits.used = self.limits.used.saturating_sub(1);
                Ok(self.rate_limit())
            }
            Some("meta") => Ok(Answer::json(200, json!({ "verifiable_password_authentication": false }))),
            Some(_) => self.who_asks(request),
            None => {
                let link = |name: &&str| (format!("{name}_url"), json!(format!("{}/{name}", self.api)));
                Ok(Answer::json(200, Value::Object(LINKS.iter().map(link).collect())))
            }
        }
    }

    fn who_asks(&self, request: &Request) -> Answered {
        let token = self.caller(request).ok_or_else(|| refusal(401, "Requires authentication"))?;
        if token.kind == TokenKind::Workflow {
            return Err(refusal(403, "Resource not accessible by integration"));
        }
        let shape = self.person(&token.login);
        let more = json!({
            "name": null, "company": null, "blog": null, "location": null, "email": null, "hireable": null, "bio": null,
            "public_repos": 1, "public_gists": 0, "followers": 0, "following": 0,
            "created_at": "2019-03-17T09:33:32Z", "updated_at": "2024-03-17T09:33:32Z",
        });
        Ok(Answer::json(200, with(shape, &more)))
    }

    pub(super) fn about_repository(&self, request: &Request, rest: &[&str]) -> Answered {
        Self::reads_only(request)?;
        match rest {
            [] => {
                let may = |name: &str| self.allow(request, name, Level::Write).is_ok();
                let (admin, push) = (may("administration"), may("contents"));
                let permissions = json!({ "admin": admin, "maintain": admin, "push": push, "triage": push, "pull": true });
                let answer = Answer::json(200, self.repository_in_full(&permissions));
                self.needs(request, ("metadata", Level::Read), answer)
            }
            ["contents", path @ ..] => {
                let path = path.join("/");
                let text = self.files.get(&path).ok_or_else(not_found)?;
                self.needs(request, ("contents", Level::Read), Answer::json(200, self.file_shape(&path, text)))
            }
            _ => Err(not_found()),
        }
    }

    fn file_shape(&self, path: &str, text: &str) -> Value {
        let url = format!("{}/contents/{path}?ref={}", self.here(), self.default_branch);
        let html = format!("https://github.com/{}/blob/{}/{path}", self.full_name(), self.default_branch);
        let blob = format!("{}/git/blobs/3d21ec53a331a6f037a91c368710b99387d012c1", self.here());
        json!({
            "type": "file",
            "encoding": "base64",
            "size": text.len(),
            "name": path.rsplit('/').next(),
            "path": path,
            "content": in_lines(&STANDARD.encode(text)),
            "sha": "3d21ec53a331a6f037a91c368710b99387d012c1",
            "url": url,
            "git_url": blob,
            "html_url": html,
            "download_url": null,
            "_links": { "git": blob, "self": url, "html": html },
        })
    }
}

/// As GitHub breaks it: 60 characters a line.
fn in_lines(text: &str) -> String {
    text.as_bytes().chunks(60).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect::<Vec<_>>().concat()
}
