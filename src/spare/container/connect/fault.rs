//! Why there is no way to an engine.

use super::address::Address;
use crate::{record::Rule, spare::SpareError};

/// What stands in the way, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// What was seen: one harmless line.
    pub(super) reason: String,
    pub(super) advice: String,
    rule: Rule,
}

impl Fault {
    pub(super) fn new(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { reason: reason.into(), advice: advice.into(), rule: Rule::EngineUnreachable }
    }

    /// The same, told under this rule.
    pub(super) fn with_rule(self, rule: Rule) -> Self {
        Self { rule, ..self }
    }

    /// It is in what names the engine.
    pub(super) fn of_name(self) -> SpareError {
        SpareError::Unlocated { reason: self.reason, advice: self.advice }
    }

    /// The engine does not answer at this address.
    pub(super) fn at(self, address: &Address) -> SpareError {
        SpareError::Unreachable { address: address.to_string(), reason: self.reason, advice: self.advice, rule: self.rule }
    }
}
