//! A spare runner of the forge, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::raw::RawDuration;

/// A spare runner of the forge.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Runner")]
pub(super) struct RawRunner {
    /// The labels, on GitLab the tags, that the spare has and its job asks for.
    #[schemars(length(min = 1))]
    pub(super) labels: Vec<String>,
    /// On GitHub the workflow file that is dispatched, by its last name; on GitLab the job.
    #[schemars(length(min = 1))]
    pub(super) workflow: String,
    /// How long the runner may take to pick the job up. 10m if absent.
    pub(super) pick_up: Option<RawDuration>,
    /// How long is waited between the first looks at the run; up to six times as long between later ones. 5s if absent.
    pub(super) poll: Option<RawDuration>,
}
