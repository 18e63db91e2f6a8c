//! What `canship check` passes over, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

/// What `canship check` passes over.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Check")]
pub(super) struct RawCheck {
    /// Findings that are accepted, each with the reason.
    #[schemars(length(min = 1))]
    pub(super) ignore: Vec<RawIgnore>,
}

/// Findings that are accepted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ignore")]
pub(super) struct RawIgnore {
    /// The rule: an id of `canship explain`.
    #[schemars(length(min = 1))]
    pub(super) rule: String,
    /// Why they are accepted.
    #[schemars(length(min = 1))]
    pub(super) reason: String,
    /// The file they are in. All if absent.
    #[schemars(length(min = 1))]
    pub(super) file: Option<String>,
}
