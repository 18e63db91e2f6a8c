//! The keys of later versions, as they are written: read and checked for their form, not yet verified.

use schemars::JsonSchema;
use serde::Deserialize;

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
