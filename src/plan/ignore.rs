//! What `canship check` passes over.

use super::{checks::Checks, cursor::Cursor, raw_check::RawCheck};

/// Findings that are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignore {
    /// The rule.
    pub rule: String,
    /// Why they are accepted.
    pub reason: String,
    /// The file they are in, from the repository's root; none for all.
    pub file: Option<String>,
}

/// Checks `check`. Whether there is such a rule is for `canship check` to say: plans outlive rules.
pub(super) fn ignored(checks: &mut Checks, at: &Cursor<'_>, raw: Option<&RawCheck>) -> Vec<Ignore> {
    let Some(raw) = raw else { return Vec::new() };
    let here = at.key("ignore");
    checks.list(&here, &raw.ignore);
    for (index, ignore) in raw.ignore.iter().enumerate() {
        let item = here.item(index);
        checks.line(&item.key("rule"), &ignore.rule);
        checks.line(&item.key("reason"), &ignore.reason);
        if let Some(file) = &ignore.file {
            checks.line(&item.key("file"), file);
        }
    }
    let ignore = |ignore: &super::raw_check::RawIgnore| Ignore {
        rule: ignore.rule.clone(),
        reason: ignore.reason.clone(),
        file: ignore.file.clone(),
    };
    raw.ignore.iter().map(ignore).collect()
}
