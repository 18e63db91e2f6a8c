//! The keys of later versions, as they are written: read and checked for their form, not yet verified.

use schemars::JsonSchema;
use serde::Deserialize;

use super::raw::RawDuration;

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
