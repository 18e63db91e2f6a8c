//! GitHub's workflow commands, which annotate lines. What is in a message can neither end its line nor begin another command.

use std::fmt::Write as _;

use super::clean;
use crate::audit::{Report, Severity};

pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let at = &finding.spot.at;
        let doubt = finding.doubt.as_deref().map(|doubt| format!(" Not certain: {doubt}.")).unwrap_or_default();
        // A question has its end already.
        let end = if finding.message.ends_with(['?', '!', '.', ':']) { "" } else { "." };
        let text = format!("{}{end}{doubt} {}", finding.message, finding.advice);
        let _written = writeln!(
            out,
            "::{command} file={},line={},col={},title={}::{}",
            property(&at.file),
            at.line,
            at.column,
            property(finding.rule.id),
            data(&text)
        );
    }
    out
}

/// Source: `escapeData` of actions/toolkit, `packages/core/src/command.ts`.
fn data(text: &str) -> String {
    clean(text).replace('%', "%25")
}

/// Source: `escapeProperty` of the same file.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
