//! The CI that usually ships, as it is written.

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
    pub(super) running: Option<RawRunning>,
    /// The longest that the primary path may be cut. 45m if absent.
    pub(super) max_cut: Option<RawDuration>,
    /// How long after it was sent a call that was not answered may still take effect at the forge: so long is looked. 1m if absent.
    pub(super) late_effect: Option<RawDuration>,
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
    /// The API's address, of an Enterprise Server with its path: `https://ghe.example/api/v3`. `https://api.github.com` if
    /// absent.
    #[schemars(extend("pattern" = "^https?://."))]
    pub(super) url: Option<String>,
    /// The repository, `owner/name`.
    #[schemars(extend("pattern" = "^[^/]+/[^/]+$"))]
    pub(super) repository: String,
    /// The workflow files that release, by their last name: a cut disables those that are active.
    #[schemars(length(min = 1))]
    pub(super) workflows: Vec<String>,
    /// Labels that a cut takes off the repository's self-hosted runners, beside disabling the workflows.
    #[schemars(length(min = 1))]
    pub(super) labels: Option<Vec<String>>,
    /// The secret that may disable and enable them.
    #[schemars(length(min = 1))]
    pub(super) token: Option<String>,
}

/// Pipelines on GitLab.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Gitlab")]
pub(super) struct RawGitlab {
    /// The forge's address, with its relative root if it has one. `https://gitlab.com` if absent.
    #[schemars(extend("pattern" = "^https?://."))]
    pub(super) url: Option<String>,
    /// The project, `group/name`.
    #[schemars(extend("pattern" = "^[^/]+(/[^/]+)+$"))]
    pub(super) project: String,
    /// The secret that may pause and resume.
    #[schemars(length(min = 1))]
    pub(super) token: Option<String>,
    /// The project runners that a cut pauses, by description or number, beside turning the instance's and the groups'
    /// runners off for the project. If absent, all that serve no other project.
    #[schemars(length(min = 1))]
    pub(super) runners: Option<Vec<String>>,
    /// Whether a cut switches off the pipeline schedules that the token may touch, too. `false` if absent.
    pub(super) schedules: Option<bool>,
}
