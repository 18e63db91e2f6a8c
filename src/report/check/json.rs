//! `canship check --format json`, version 1. Every key is always there; what is not known is `null`. Within a version keys
//! are only added.

use schemars::JsonSchema;
use serde::Serialize;

use super::{clean, elsewhere, fingerprints, pretty};
use crate::audit::{Finding, Report, Severity, Spot};

/// What `canship check` has found.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "canship check")]
struct CheckView {
    /// The version of this form.
    #[schemars(extend("const" = 1))]
    version: u32,
    /// What counts, by place.
    findings: Vec<FindingView>,
    /// What is accepted, and why.
    suppressed: Vec<SuppressedView>,
}

/// One thing that a rule has found.
#[derive(Serialize, JsonSchema)]
struct FindingView {
    /// The id of the rule.
    rule: &'static str,
    /// How much it matters.
    severity: SeverityView,
    /// What is wrong.
    message: String,
    /// Where.
    location: SpotView,
    /// Why the rule is not sure; `null` if it is.
    doubt: Option<String>,
    /// What belongs to it elsewhere.
    related: Vec<RelatedView>,
    /// What to do.
    advice: String,
    /// What it is known by from one run to the next, though lines move.
    fingerprint: String,
}

/// A finding that is accepted.
#[derive(Serialize, JsonSchema)]
struct SuppressedView {
    /// The finding.
    finding: FindingView,
    /// Why it is accepted.
    reason: String,
    /// `plan` or `comment`.
    by: &'static str,
}

/// How much a finding matters.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum SeverityView {
    /// Worth knowing.
    Note,
    /// A release by a spare may fail.
    Warning,
    /// A release by a spare fails here.
    Error,
}

/// A place.
#[derive(Serialize, JsonSchema)]
struct SpotView {
    /// The file, from the repository's root.
    file: String,
    /// The line, from one.
    line: u32,
    /// The column, from one, in characters.
    column: u32,
    /// How many characters are meant.
    length: usize,
}

/// What belongs to a finding elsewhere.
#[derive(Serialize, JsonSchema)]
struct RelatedView {
    /// Where.
    location: SpotView,
    /// What it is there.
    what: String,
}

pub(super) fn render(report: &Report) -> String {
    let prints = fingerprints(&report.findings);
    let suppressed: Vec<Finding> = report.suppressed.iter().map(|suppressed| suppressed.finding.clone()).collect();
    let suppressed_prints = fingerprints(&suppressed);
    pretty(&CheckView {
        version: 1,
        findings: report.findings.iter().zip(prints).map(view).collect(),
        suppressed: report
            .suppressed
            .iter()
            .zip(suppressed_prints)
            .map(|(suppressed, print)| SuppressedView {
                finding: view((&suppressed.finding, print)),
                reason: clean(&suppressed.reason),
                by: if suppressed.by_plan { "plan" } else { "comment" },
            })
            .collect(),
    })
}

/// The JSON Schema of `canship check --format json`, as kept in `pipelines/check.schema.json`.
#[must_use]
pub fn schema() -> String {
    pretty(&schemars::schema_for!(CheckView))
}

fn view((finding, fingerprint): (&Finding, String)) -> FindingView {
    FindingView {
        rule: finding.rule.id,
        severity: match finding.severity {
            Severity::Note => SeverityView::Note,
            Severity::Warning => SeverityView::Warning,
            Severity::Error => SeverityView::Error,
        },
        message: clean(&finding.message),
        location: spot(&finding.spot),
        doubt: finding.doubt.as_deref().map(clean),
        related: elsewhere(finding).into_iter().map(|(at, what)| RelatedView { location: spot(at), what: clean(what) }).collect(),
        advice: clean(&finding.advice),
        fingerprint,
    }
}

fn spot(spot: &Spot) -> SpotView {
    SpotView { file: clean(&spot.at.file), line: spot.at.line, column: spot.at.column, length: spot.length }
}
