//! The keys of later versions, as they are written: read and checked for their form, not yet verified.

use schemars::JsonSchema;
use serde::Deserialize;

use super::raw::{RawDuration, RawRelease};

/// The CI that usually ships, `github` or `gitlab`, and what it has released.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Primary", extend(
    "anyOf" = [{ "required": ["github"] }, { "required": ["gitlab"] }, { "required": ["artifacts"] }],
    "not" = { "required": ["github", "gitlab"] },
))]
pub(super) struct RawPrimary {
    /// Workflows on GitHub.
    pub(super) github: Option<RawGithub>,
    /// Pipelines on GitLab.
    pub(super) gitlab: Option<RawGitlab>,
    /// What happens to runs that are queued or in progress. `refuse` if absent.
    #[expect(dead_code, reason = "its form is all that this version checks")]
    pub(super) running: Option<RawRunning>,
    /// The longest that the primary path may be cut.
    pub(super) max_cut: Option<RawDuration>,
    /// Windows of the week in which nothing is cut, `Fri 12:00 - Mon 06:00 Europe/Berlin`.
    #[schemars(length(min = 1))]
    pub(super) blackout: Option<Vec<String>>,
    /// What it has released of the version that is drilled: a drill says whether what it built is the same.
    #[schemars(length(min = 1))]
    pub(super) artifacts: Option<Vec<RawRelease>>,
}

/// What a cut does with runs that are queued or in progress.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Running")]
pub(super) enum RawRunning {
    /// The drill does not start.
    Refuse,
    /// They are cancelled.
    Cancel,
}

/// Workflows on GitHub.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Github")]
pub(super) struct RawGithub {
    /// The API's address. `https://api.github.com` if absent.
    #[schemars(extend("pattern" = "^https?://."))]
    pub(super) url: Option<String>,
    /// The repository, `owner/name`.
    #[schemars(extend("pattern" = "^[^/]+/[^/]+$"))]
    pub(super) repository: String,
    /// The workflow files that release.
    #[schemars(length(min = 1))]
    pub(super) workflows: Vec<String>,
    /// The secret that may disable and enable them.
    #[schemars(length(min = 1))]
    pub(super) token: Option<String>,
}

/// Pipelines on GitLab.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Gitlab")]
pub(super) struct RawGitlab {
    /// The forge's address. `https://gitlab.com` if absent.
    #[schemars(extend("pattern" = "^https?://."))]
    pub(super) url: Option<String>,
    /// The project, `group/name`.
    #[schemars(extend("pattern" = "^[^/]+(/[^/]+)+$"))]
    pub(super) project: String,
    /// The secret that may pause and resume.
    #[schemars(length(min = 1))]
    pub(super) token: Option<String>,
    /// The runners that are paused.
    #[schemars(length(min = 1))]
    pub(super) runners: Option<Vec<String>>,
    /// Whether pipeline schedules are switched off too.
    #[expect(dead_code, reason = "its form is all that this version checks")]
    pub(super) schedules: Option<bool>,
}

/// A spare runner of the forge.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Runner")]
pub(super) struct RawRunner {
    /// The labels a job asks for.
    #[schemars(length(min = 1))]
    pub(super) labels: Vec<String>,
    /// The workflow file that is dispatched.
    #[schemars(length(min = 1))]
    pub(super) workflow: String,
    /// How long the runner may take to pick the job up.
    pub(super) pick_up: Option<RawDuration>,
}

/// Who may decide and release.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "People")]
pub(super) struct RawPeople {
    /// Who decides that the spare path is used.
    #[schemars(length(min = 1))]
    pub(super) decide: Option<String>,
    /// Who can release: their handles.
    #[schemars(length(min = 1))]
    pub(super) release: Option<Vec<String>>,
}
