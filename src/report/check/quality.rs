//! GitLab's report on code quality: a JSON list in the form of Code Climate's issues.

use serde_json::{Value, json};

use super::{clean, fingerprints, pretty};
use crate::audit::{Report, Severity};

pub(super) fn render(report: &Report) -> String {
    let issues: Vec<Value> = report
        .findings
        .iter()
        .zip(fingerprints(&report.findings))
        .map(|(finding, fingerprint)| {
            let doubt = finding.doubt.as_deref().map(|doubt| format!(" (not certain: {})", clean(doubt))).unwrap_or_default();
            json!({
                "description": format!("{}{doubt}. {}", clean(&finding.message), clean(&finding.advice)),
                "check_name": format!("canship/{}", finding.rule.id),
                "fingerprint": fingerprint,
                "severity": match finding.severity {
                    Severity::Note => "info",
                    Severity::Warning => "minor",
                    Severity::Error => "major",
                },
                "location": { "path": clean(&finding.spot.at.file), "lines": { "begin": finding.spot.at.line } },
            })
        })
        .collect();
    pretty(&issues)
}
