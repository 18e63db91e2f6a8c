//! Findings: where the release path is wanting.

use serde::{Deserialize, Serialize};

use super::{Phase, Rule, Text};

/// What a finding does to the verdict; later variants outrank earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Shippable, but with a named gap: the verdict is at best degraded.
    Gap,
    /// Something needed for the answer could not be verified: at best unknown.
    Unverified,
    /// A release would fail here: cannot ship.
    Blocker,
}

/// One way in which the release path is wanting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The stable id of what was found.
    pub rule: Rule,
    /// What it does to the verdict.
    pub severity: Severity,
    /// The phase in which it showed itself.
    pub phase: Phase,
    /// What is wrong, on what: one line.
    pub summary: Text,
    /// What was seen: the peer's words, the last lines of a step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Text>,
    /// What to do: one line.
    pub advice: Text,
}

impl Finding {
    /// A finding of `rule` with the severity the rule has by default and no evidence yet.
    #[must_use]
    pub fn new(rule: Rule, phase: Phase, summary: impl Into<Text>, advice: impl Into<Text>) -> Self {
        Self { rule, severity: rule.severity(), phase, summary: summary.into(), evidence: Vec::new(), advice: advice.into() }
    }

    /// The same finding with one more piece of evidence; empty ones are left out.
    #[must_use]
    pub fn with_evidence(mut self, evidence: impl Into<Text>) -> Self {
        let evidence = evidence.into();
        if !evidence.is_empty() {
            self.evidence.push(evidence);
        }
        self
    }
}
