//! What builds were compared with, in the JSON report.

use schemars::JsonSchema;
use serde::Serialize;

use super::vocabulary::ComparedWith;
use crate::record::{ComparisonFacts, ComparisonResult, Difference, DifferenceKind};

/// One comparison of what was built.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Comparison")]
pub(super) struct ComparisonView {
    /// What the other build is.
    with: ComparedWith,
    /// What of this build was compared.
    subject: String,
    /// Where the other build was found.
    place: String,
    /// What came of it.
    result: Result,
    /// Why it could not be compared.
    reason: Option<String>,
    /// How many files are the same; null unless all are.
    files: Option<u64>,
    /// How many bytes they have.
    bytes: Option<u64>,
    /// How many differences there are; null if it could not be compared.
    differences_total: Option<u64>,
    /// The first of them.
    differences: Vec<DifferenceView>,
}

/// What came of a comparison; only `same` proves anything.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ComparisonResult")]
enum Result {
    /// Every byte is the same.
    Same,
    /// Something differs.
    Differs,
    /// It could not be compared.
    NotCompared,
}

/// One thing that differs.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Difference")]
struct DifferenceView {
    /// Its path in the artifact.
    path: String,
    /// How it differs.
    kind: How,
    /// How it differs, in words.
    text: String,
    /// The first byte that differs, from 0.
    offset: Option<u64>,
}

/// How something differs.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "DifferenceKind")]
enum How {
    /// Only the other build has it.
    Missing,
    /// Only this build has it.
    Extra,
    /// A file in one build, a folder or link in the other.
    Kind,
    /// It may be executed in one build only.
    Mode,
    /// A link leads elsewhere.
    Target,
    /// Its bytes differ.
    Content,
}

impl From<&ComparisonFacts> for ComparisonView {
    fn from(comparison: &ComparisonFacts) -> Self {
        let mut view = Self {
            with: comparison.with.into(),
            subject: comparison.subject.to_string(),
            place: comparison.place.to_string(),
            result: Result::Same,
            reason: None,
            files: None,
            bytes: None,
            differences_total: None,
            differences: Vec::new(),
        };
        match &comparison.result {
            ComparisonResult::Same { files, bytes } => {
                (view.files, view.bytes, view.differences_total) = (Some(*files), Some(*bytes), Some(0));
            }
            ComparisonResult::Differs { differences, total } => {
                (view.result, view.differences_total) = (Result::Differs, Some(*total));
                view.differences = differences.iter().map(Into::into).collect();
            }
            ComparisonResult::NotCompared { reason } => {
                (view.result, view.reason) = (Result::NotCompared, Some(reason.to_string()));
            }
        }
        view
    }
}

impl From<&Difference> for DifferenceView {
    fn from(difference: &Difference) -> Self {
        let (kind, offset) = match &difference.kind {
            DifferenceKind::Missing => (How::Missing, None),
            DifferenceKind::Extra => (How::Extra, None),
            DifferenceKind::Kind { .. } => (How::Kind, None),
            DifferenceKind::Mode { .. } => (How::Mode, None),
            DifferenceKind::Target { .. } => (How::Target, None),
            DifferenceKind::Content { offset, .. } => (How::Content, *offset),
        };
        Self { path: difference.path.to_string(), kind, text: difference.kind.to_string(), offset }
    }
}
