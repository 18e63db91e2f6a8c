//! Static rules over plan and pipelines: where a release by a spare would fail, and where plan and pipelines have come apart.
//!
//! No network, nothing is run. One rule, one file under `rules`. Invariants: every finding has a place; a rule that cannot be
//! sure says why; what is passed over on purpose is counted and told with its reason, and a suppression that suppresses
//! nothing is a finding itself.

mod found;
mod order;
mod publishing;
mod rules;
mod subject;
mod suppress;

pub use found::{Finding, Report, Spot, Suppressed};
pub use rules::RULES;
pub use subject::{Subject, Written};

use found::Found;

/// How much a finding matters; later variants outrank earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing: a release by a spare works, with something less.
    Note,
    /// A release by a spare may fail, or takes a person who knows.
    Warning,
    /// A release by a spare fails here, or nobody can tell.
    Error,
}

impl Severity {
    /// Every severity.
    pub const ALL: [Self; 3] = [Self::Note, Self::Warning, Self::Error];

    /// Its name in output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A rule: what it looks for, and why.
#[derive(Debug)]
pub struct Rule {
    /// The stable id; it never changes its meaning.
    pub id: &'static str,
    /// How much its findings matter at most.
    pub severity: Severity,
    /// What a finding means, in a line.
    pub title: &'static str,
    /// What it detects.
    pub detects: &'static str,
    /// What it cannot see.
    pub misses: &'static str,
    /// Why that matters for a release by a spare.
    pub why: &'static str,
    /// What to do.
    pub advice: &'static str,
    check: fn(&Subject<'_>, &mut Found),
}

/// The rule of this id.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

/// Looks at plan and pipelines with every rule.
#[must_use]
pub fn check(subject: &Subject<'_>) -> Report {
    let mut found = Found::default();
    for rule in RULES {
        found.of(rule);
        (rule.check)(subject, &mut found);
    }
    suppress::apply(subject, found.findings)
}
