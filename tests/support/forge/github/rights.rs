//! Who asks, and what they may do.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Answer, Answered, GitHub, Request, not_found, refusal};

/// How far a permission goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Read,
    Write,
}

/// What kind of token it is: each has its own words for what it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    FineGrained,
    /// With its scopes, and whether its owner is an administrator of the repository.
    Classic {
        scopes: Vec<String>,
        is_admin: bool,
    },
    /// A workflow's own `GITHUB_TOKEN`.
    Workflow,
}

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) value: String,
    pub(crate) login: String,
    pub(crate) kind: TokenKind,
    /// Of fine-grained ones and a workflow's own.
    pub(crate) permissions: BTreeMap<String, Level>,
    /// As the header tells it, in one of GitHub's two ways.
    pub(crate) expires: Option<String>,
    /// Whether it is good: neither expired nor revoked.
    pub(crate) is_good: bool,
    /// Whether it may see the repository at all.
    pub(crate) sees_repository: bool,
}

impl Token {
    /// A fine-grained one that may do all that canship ever does.
    pub(crate) fn full(value: &str) -> Self {
        let mut token = Self::fine_grained(value, &[]);
        for name in ["actions", "actions_variables", "administration", "contents", "statuses", "organization_self_hosted_runners"] {
            token.set(name, Some(Level::Write));
        }
        for name in ["metadata", "secrets", "environments", "deployments", "pull_requests", "checks"] {
            token.set(name, Some(Level::Read));
        }
        token
    }

    /// A fine-grained one with just these permissions, and with `metadata`, which all have.
    pub(crate) fn fine_grained(value: &str, permissions: &[(&str, Level)]) -> Self {
        let mut token = Self::of_kind(value, TokenKind::FineGrained);
        token.set("metadata", Some(Level::Read));
        for (name, level) in permissions {
            token.set(name, Some(*level));
        }
        token.expires = Some("2099-12-14 02:28:22 UTC".to_owned());
        token
    }

    /// A classic one.
    pub(crate) fn classic(value: &str, scopes: &[&str], is_admin: bool) -> Self {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Self::of_kind(value, TokenKind::Classic { scopes, is_admin })
    }

    /// A workflow's own, with what its `permissions:` ask for.
    pub(crate) fn of_workflow(value: &str, permissions: &[(&str, Level)]) -> Self {
        let given = Self::fine_grained(value, permissions);
        let login = "github-actions[bot]".to_owned();
        Self { kind: TokenKind::Workflow, login, expires: None, ..given }
    }

    fn of_kind(value: &str, kind: TokenKind) -> Self {
        Self {
            value: value.to_owned(),
            login: "release-captain".to_owned(),
            kind,
            permissions: BTreeMap::new(),
            expires: None,
            is_good: true,
            sees_repository: true,
        }
    }

    /// Gives or takes a permission.
    pub(crate) fn set(&mut self, permission: &str, level: Option<Level>) {
        match level {
            Some(level) => self.permissions.insert(permission.to_owned(), level),
            None => self.permissions.remove(permission),
        };
    }

    fn has(&self, permission: &str, level: Level) -> bool {
        match &self.kind {
            TokenKind::Classic { scopes, is_admin } => {
                let is_of_organization = permission.starts_with("organization_");
                let wanted = if is_of_organization { "admin:org" } else { "repo" };
                let needs_admin = permission == "administration" || (permission == "actions" && level == Level::Write);
                scopes.iter().any(|scope| scope == wanted) && (*is_admin || !needs_admin)
            }
            _ => self.permissions.get(permission).is_some_and(|had| *had >= level),
        }
    }

    /// How GitHub says that it lacks a permission.
    fn lacks(&self, permission: &str, level: Level) -> Answer {
        let message = match self.kind {
            TokenKind::FineGrained => "Resource not accessible by personal access token",
            TokenKind::Workflow => "Resource not accessible by integration",
            TokenKind::Classic { .. } => "Must have admin rights to Repository.",
        };
        let answer = refusal(403, message);
        if matches!(self.kind, TokenKind::Classic { .. }) { answer } else { accepted(answer, permission, level) }
    }
}

/// With the header that names the permission a call needs.
pub(super) fn accepted(answer: Answer, permission: &str, level: Level) -> Answer {
    let level = if level == Level::Read { "read" } else { "write" };
    answer.header("x-accepted-github-permissions", format!("{permission}={level}"))
}

impl GitHub {
    /// The token that the call came with.
    pub(super) fn caller(&self, request: &Request) -> Option<&Token> {
        let value = request.token()?;
        self.tokens.iter().find(|token| token.value == value && token.is_good)
    }

    /// A token that is not known is refused; none at all is no error yet.
    pub(super) fn authenticate(&self, request: &Request) -> Result<(), Answer> {
        let is_known = request.token().is_none() || self.caller(request).is_some();
        if is_known { Ok(()) } else { Err(refusal(401, "Bad credentials")) }
    }

    /// The repository, if it is this one and the caller may see it.
    pub(super) fn find(&self, request: &Request, owner: &str, name: &str) -> Result<(), Answer> {
        let is_this = owner.eq_ignore_ascii_case(&self.owner) && name.eq_ignore_ascii_case(&self.name);
        let is_seen = self.caller(request).map_or(!self.is_private, |token| token.sees_repository || !self.is_private);
        if is_seen && self.former.iter().any(|former| former.eq_ignore_ascii_case(&format!("{owner}/{name}"))) {
            return Err(self.moved(request));
        }
        if is_this && is_seen { Ok(()) } else { Err(not_found()) }
    }

    /// Where it is by its number, which it keeps.
    fn moved(&self, request: &Request) -> Answer {
        let below = request.path.splitn(5, '/').nth(4).map(|below| format!("/{below}")).unwrap_or_default();
        let to = format!("{}/repositories/{}{below}", self.api, super::shapes::REPOSITORY);
        let (status, message) = if super::is_get(request) { (301, "Moved Permanently") } else { (307, "Temporary Redirect") };
        let body = json!({ "message": message, "url": to, "documentation_url": "https://docs.github.com/rest" });
        Answer::json(status, body).header("location", to)
    }

    /// Refuses a caller without this permission; anybody may read what is public.
    pub(super) fn allow(&self, request: &Request, permission: &str, level: Level) -> Result<(), Answer> {
        let Some(token) = self.caller(request) else {
            let is_open = !self.is_private && level == Level::Read && ["actions", "metadata", "contents"].contains(&permission);
            return if is_open { Ok(()) } else { Err(refusal(401, "Requires authentication")) };
        };
        if token.has(permission, level) { Ok(()) } else { Err(token.lacks(permission, level)) }
    }

    /// The answer of a call that needs this permission, with the header that says so.
    pub(super) fn needs(&self, request: &Request, (permission, level): (&str, Level), answer: Answer) -> Answered {
        self.allow(request, permission, level)?;
        let is_fine = self.caller(request).is_some_and(|token| !matches!(token.kind, TokenKind::Classic { .. }));
        Ok(if is_fine { accepted(answer, permission, level) } else { answer })
    }
}
