//! The answer of a drill.

use serde::{Deserialize, Serialize};

use super::{Finding, Severity};

/// Can a hotfix ship from the spare path?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Yes, and every part of the answer was done and read back.
    CanShip,
    /// Yes, with named gaps.
    Degraded,
    /// No.
    CannotShip,
    /// Something needed for the answer could not be verified.
    Unknown,
}

impl Verdict {
    /// The verdict that the findings of a finished drill add up to: what is known to be broken outranks what could
    /// not be verified, and that outranks gaps.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        match findings.iter().map(|finding| finding.severity).max() {
            Some(Severity::Blocker) => Self::CannotShip,
            Some(Severity::Unverified) => Self::Unknown,
            Some(Severity::Gap) => Self::Degraded,
            None => Self::CanShip,
        }
    }

    /// Whether a hotfix can ship, with gaps or without.
    #[must_use]
    pub fn is_yes(self) -> bool {
        matches!(self, Self::CanShip | Self::Degraded)
    }

    /// The word used in every machine-readable view.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::CanShip => "can-ship",
            Self::Degraded => "degraded",
            Self::CannotShip => "cannot-ship",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether the primary path is as it was before the drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restored {
    /// It was cut and given back, and that was read back.
    Yes,
    /// Nothing of it is cut any more, which was read back, but somebody removed a part of it meanwhile.
    Gone,
    /// It was cut and may still be.
    No,
    /// The drill took nothing away outside.
    NothingWasCut,
}
