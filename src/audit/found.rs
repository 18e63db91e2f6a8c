//! What rules find.

use super::{Rule, Severity};
use crate::{pipeline::At, record::count};

/// The most findings of one rule; how many more there are is said in the last.
const MOST: usize = 200;

/// A place and how many characters are meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// Where.
    pub at: At,
    /// How many characters, on that line.
    pub length: usize,
}

/// One thing that a rule has found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How much it matters here.
    pub severity: Severity,
    /// Where.
    pub spot: Spot,
    /// What is wrong, on what: one line.
    pub message: String,
    /// Why the rule is not sure; none if it is.
    pub doubt: Option<String>,
    /// What belongs to it elsewhere, each with a few words.
    pub related: Vec<(Spot, String)>,
    /// What to do here.
    pub advice: String,
}

/// A finding that is accepted.
#[derive(Clone, Debug)]
pub struct Suppressed {
    /// The finding.
    pub finding: Finding,
    /// Why it is accepted.
    pub reason: String,
    /// Whether the plan says so; else a comment in the file.
    pub by_plan: bool,
}

/// All that was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What counts, by place.
    pub findings: Vec<Finding>,
    /// What is accepted.
    pub suppressed: Vec<Suppressed>,
}

impl Report {
    /// The highest severity of what counts.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

/// Takes in findings of one rule after the other.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) findings: Vec<Finding>,
    rule: Option<&'static Rule>,
    count: usize,
}

impl Found {
    /// Findings are of this rule from now on.
    pub(super) fn of(&mut self, rule: &'static Rule) {
        (self.rule, self.count) = (Some(rule), 0);
    }

    /// Whether this rule has found so much that no more is listed.
    pub(super) fn is_full(&self) -> bool {
        self.count >= MOST
    }

    /// Something was found; gives the finding, to say more about it.
    pub(super) fn add(&mut self, severity: Severity, spot: Spot, message: String) -> Option<&mut Finding> {
        let rule = self.rule?;
        self.count += 1;
        if self.count > MOST {
            let more = self.count - MOST;
            if let Some(last) = self.findings.last_mut() {
                last.doubt = Some(format!("not listed: {} of this rule", count(more, "more finding")));
            }
            return None;
        }
        let advice = rule.advice.to_owned();
        self.findings.push(Finding { rule, severity, spot, message, doubt: None, related: Vec::new(), advice });
        self.findings.last_mut()
    }
}

/// Says more about a finding that may be one too many.
pub(super) trait Say {
    /// Why the rule is not sure.
    fn doubt(self, doubt: impl Into<String>) -> Self;
    /// What belongs to it elsewhere.
    fn related(self, spot: Spot, what: impl Into<String>) -> Self;
    /// What to do here.
    fn advise(self, advice: impl Into<String>) -> Self;
}

impl Say for Option<&mut Finding> {
    fn doubt(mut self, doubt: impl Into<String>) -> Self {
        if let Some(finding) = self.as_deref_mut() {
            finding.doubt = Some(doubt.into());
        }
        self
    }

    fn related(mut self, spot: Spot, what: impl Into<String>) -> Self {
        if let Some(finding) = self.as_deref_mut() {
            finding.related.push((spot, what.into()));
        }
        self
    }

    fn advise(mut self, advice: impl Into<String>) -> Self {
        if let Some(finding) = self.as_deref_mut() {
            finding.advice = advice.into();
        }
        self
    }
}
