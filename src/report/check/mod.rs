//! Views of what `canship check` has found: for people with the lines shown, for programs, for code scanning, for a forge's
//! annotations.
//!
//! Invariants as in the other reports; besides, of a file only lines of findings are shown, and no text that looks like a token.

mod annotations;
mod json;
mod quality;
mod sarif;
mod text;

pub use json::schema;

use sha2::{Digest as _, Sha256};

use super::Colour;
use crate::{
    audit::{Finding, Report, Spot, Subject},
    plan::without_tokens,
    record::Text,
};

/// The forms that findings can be told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckFormat {
    /// For people, as a good compiler tells them.
    Text,
    /// For programs: versioned, with a schema.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// GitHub's workflow commands, which annotate lines.
    Github,
    /// GitLab's report on code quality.
    Gitlab,
}

/// The view of what was found; it ends with a line end.
#[must_use]
pub fn render(report: &Report, subject: &Subject<'_>, format: CheckFormat, colour: Colour) -> String {
    match format {
        CheckFormat::Text => text::render(report, subject, colour),
        CheckFormat::Json => json::render(report),
        CheckFormat::Sarif => sarif::render(report),
        CheckFormat::Github => annotations::render(report),
        CheckFormat::Gitlab => quality::render(report),
    }
}

/// A text of a finding: one line, harmless, and without anything that looks like a token.
fn clean(text: &str) -> String {
    Text::new(&without_tokens(text)).one_line()
}

/// What belongs to a finding at other places than its own, each once.
fn elsewhere(finding: &Finding) -> Vec<(&Spot, &str)> {
    let mut seen = vec![&finding.spot.at];
    let mut found = Vec::new();
    for (spot, what) in &finding.related {
        if !seen.contains(&&spot.at) {
            seen.push(&spot.at);
            found.push((spot, what.as_str()));
        }
    }
    found
}

/// What a finding is known by from one run to the next: its line does not count, since lines move.
fn fingerprints(findings: &[Finding]) -> Vec<String> {
    let mut seen: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    let print = |finding: &Finding| {
        let base = format!("{}\n{}\n{}", finding.rule.id, finding.spot.at.file, finding.message);
        let count = seen.entry(base.clone()).or_default();
        *count += 1;
        let digest = Sha256::digest(format!("{base}\n{count}"));
        digest.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    };
    findings.iter().map(print).collect()
}

fn pretty(value: &impl serde::Serialize) -> String {
    // Writing these types to memory cannot fail: they have text keys only.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
