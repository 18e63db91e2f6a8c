//! A suppression that suppresses nothing.

use crate::audit::{Rule, Severity};

pub(in crate::audit) static RULE: Rule = Rule {
    id: "suppression",
    severity: Severity::Warning,
    title: "a suppression suppresses nothing, names no rule, or has no reason",
    detects: "Comments `# canship: ignore[RULE] reason` and entries of the plan's `check.ignore` without a finding of that rule on \
              their line or the next (of the plan: in their file), without a reason, or for a rule that there is not.",
    misses: "Comments in files that no release reads.",
    why: "What was accepted once and is no longer there hides the next finding in the same place.",
    advice: "Remove it, or give it the rule's id and a reason.",
    // It looks at what became of the findings of all others: see `suppress`.
    check: |_, _| {},
};
