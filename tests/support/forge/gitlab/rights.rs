//! Who asks, and what they may do.

use serde_json::json;

use super::{Answer, GitLab, Request, forbidden, not_found};

/// What somebody is in the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Guest = 10,
    Reporter = 20,
    Developer = 30,
    Maintainer = 40,
    Owner = 50,
}

/// What kind of token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Personal,
    /// A job's own `CI_JOB_TOKEN`.
    Job,
}

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) value: String,
    pub(crate) username: String,
    pub(crate) kind: TokenKind,
    /// None: not a member.
    pub(crate) role: Option<Role>,
    pub(crate) is_admin: bool,
    pub(crate) scopes: Vec<String>,
    /// A date.
    pub(crate) expires_at: Option<String>,
    /// Whether it is good: neither expired nor revoked.
    pub(crate) is_good: bool,
}

impl Token {
    /// Somebody's own, with the scope `api`.
    pub(crate) fn of(value: &str, role: Role) -> Self {
        Self {
            value: value.to_owned(),
            username: "release-captain".to_owned(),
            kind: TokenKind::Personal,
            role: Some(role),
            is_admin: false,
            scopes: vec!["api".to_owned()],
            expires_at: Some("2099-12-14".to_owned()),
            is_good: true,
        }
    }

    /// A job's own.
    pub(crate) fn of_job(value: &str) -> Self {
        Self { kind: TokenKind::Job, scopes: Vec::new(), expires_at: None, ..Self::of(value, Role::Developer) }
    }
}

impl GitLab {
    /// The token that the call came with.
    pub(super) fn caller(&self, request: &Request) -> Option<&Token> {
        let value = request.token()?;
        self.tokens.iter().find(|token| token.value == value && token.is_good)
    }

    /// A token that is not known is refused, and so is one that may only read when something is to change.
    pub(super) fn authenticate(&self, request: &Request) -> Result<(), Answer> {
        if request.token().is_none() {
            return Ok(());
        }
        let Some(token) = self.caller(request) else {
            let is_dead = self.tokens.iter().any(|token| Some(token.value.as_str()) == request.token());
            let why = "Token was revoked. You have to re-authorize from the user.";
            let dead = || Answer::json(401, json!({ "error": "invalid_token", "error_description": why }));
            return Err(if is_dead { dead() } else { unauthorized() });
        };
        let reads = request.method == "GET" && token.scopes.iter().any(|scope| scope == "read_api");
        if token.kind == TokenKind::Job || reads || token.scopes.iter().any(|scope| scope == "api") {
            return Ok(());
        }
        Err(Answer::json(
            403,
            json!({
                "error": "insufficient_scope",
                "error_description": "The request requires higher privileges than provided by the access token.",
                "scope": "api",
            }),
        ))
    }

    /// The project, if it is this one and the caller may see it.
    pub(super) fn find(&self, request: &Request, project: &str) -> Result<(), Answer> {
        let is_this = project == self.path || project == self.id.to_string();
        let is_member = self.caller(request).is_some_and(|token| token.role.is_some() || token.is_admin);
        if is_member && self.former.iter().any(|former| former == project) {
            return Err(self.moved(request));
        }
        if is_this && (is_member || !self.is_private) { Ok(()) } else { Err(not_found("Project")) }
    }

    /// Where it is by its number, which it keeps; nothing but reading is led there.
    fn moved(&self, request: &Request) -> Answer {
        if request.method != "GET" {
            return Answer::json(405, json!({ "message": "Non GET methods are not allowed for moved projects" }));
        }
        let below = request.path.splitn(6, '/').nth(5).map(|below| format!("/{below}")).unwrap_or_default();
        let to = format!("{}/api/v4/projects/{}{below}", self.root, self.id);
        Answer::json(301, json!({ "message": format!("This resource has been moved permanently to {to}") })).header("location", to)
    }

    /// Refuses whoever is less than this in the project.
    pub(super) fn allow(&self, request: &Request, role: Role) -> Result<(), Answer> {
        let Some(token) = self.caller(request) else { return Err(unauthorized()) };
        // A job's own token opens few doors, and those say so themselves.
        let may = token.kind == TokenKind::Personal && (token.is_admin || token.role >= Some(role));
        if may { Ok(()) } else { Err(forbidden()) }
    }
}

pub(super) fn unauthorized() -> Answer {
    Answer::json(401, json!({ "message": "401 Unauthorized" }))
}
