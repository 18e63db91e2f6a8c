//! What the real forges answer beyond their descriptions, and how that is known.

/// Contract, end of the operation's place in it, status, source.
type Entry = (&'static str, &'static str, u16, &'static str);

const KNOWN: &[Entry] = &[
    ("github", "/disable/put", 403, "recorded 2024-12: `Unable to disable a workflow that is not active.`"),
    ("github", "/dispatches/post", 422, "issue threads: a disabled workflow, no such ref, no such trigger, inputs"),
    ("github", "/variables/post", 409, "the documentation of this call: `Already exists - Variable already exists`"),
    ("github", "/git~1refs/post", 422, "the documentation of this call: `Reference already exists`"),
    ("github", "", 301, "docs.github.com, best practices: redirects; a repository that was renamed"),
    ("github", "", 307, "docs.github.com, best practices: redirects; a repository that was renamed"),
    ("github", "", 304, "docs.github.com, best practices: conditional requests"),
    ("github", "", 401, "recorded: get_rate_limit__401"),
    ("github", "", 403, "recorded: get_collaborators_username_permission__403; rights and rate limits"),
    ("github", "", 404, "recorded: get_actions_variables_name__404; also what is private and hidden"),
    ("github", "", 409, "incident of 2026-08-26: changes are answered 409 while the control plane is down"),
    ("github", "", 422, "docs.github.com, troubleshooting: validation failed"),
    ("github", "", 429, "docs.github.com, rate limits: 403 or 429"),
    ("gitlab", "", 301, "API documentation of projects: `id` by a path that has moved"),
    ("gitlab", "", 405, "lib/api/helpers.rb: `Non GET methods are not allowed for moved projects`"),
    ("gitlab", "", 400, "doc/api/rest/troubleshooting: a bad request's `message` or `error`"),
    ("gitlab", "", 409, "doc/api/rest/troubleshooting: a conflicting resource"),
    ("gitlab", "", 422, "doc/api/rest/troubleshooting: could not be processed"),
];

/// Whether there is such a status beyond the contract: where it is known from.
pub(super) fn find(contract: &str, operation: &str, status: u16) -> Option<(u16, &'static str)> {
    let known = KNOWN.iter().find(|(of, end, code, _)| *of == contract && operation.ends_with(end) && *code == status);
    known.map(|(_, _, code, source)| (*code, *source))
}
