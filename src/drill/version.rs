//! The version that is released: read out of the commit, or told by a command in the room.

use std::time::Duration;

use super::{Drill, scope::Scope, steps, vault::Vault};
use crate::{
    plan::Version,
    record::{EventKind, Finding, Rule},
    source::{self, Checkout},
    spare::{self, Room},
};

/// Whether a command in the room tells it.
pub(super) fn is_told_in_room(drill: &Drill) -> bool {
    matches!(drill.plan.source.version, Version::Command(_))
}

/// Reads it out of the commit; none if it cannot be read.
pub(super) async fn of_commit(drill: &Drill, scope: &Scope, checkout: &Checkout, vault: &Vault) -> Option<String> {
    match checkout.read_version(&drill.plan.source.version, drill.plan.tag.as_ref()).await {
        Ok(version) => accept(scope, vault, version),
        Err(error) => {
            let advice = "correct `source.version`, or what it names in the commit";
            let summary = format!("the version cannot be read: {error}");
            scope.found(Finding::new(Rule::VersionUnreadable, scope.of(), summary, advice));
            None
        }
    }
}

/// Asks the command; none if it does not tell.
pub(super) async fn of_room(
    scope: &Scope,
    room: &mut dyn Room,
    (command, vault): (&[String], &Vault),
    time: Duration,
) -> Option<String> {
    let shown = command.join(" ");
    match steps::read(room, command, time).await {
        Ok((end, printed)) if end.is_success() => {
            let printed = String::from_utf8_lossy(&printed);
            // Before it is cut to a version: what is cut short no scrubber knows.
            if vault.holds_secret(&printed) {
                return accept(scope, vault, printed.into_owned());
            }
            match source::usable(&printed) {
                Ok(version) => return accept(scope, vault, version),
                Err(problem) => scope.found(unreadable(scope, format!("`{shown}` printed no version: {problem}"))),
            }
        }
        Ok((end, _)) => scope.found(unreadable(scope, format!("`{shown}` gave no version: {end}"))),
        Err(problem) => scope.found(spare::finding(&problem, scope.of())),
    }
    None
}

/// Takes a version, unless there is a secret in it: a tag would show that to everybody.
fn accept(scope: &Scope, vault: &Vault, version: String) -> Option<String> {
    if vault.holds_secret(&version) {
        scope.found(unreadable(scope, "what should be the version holds a secret of the plan, which must be in no tag".to_owned()));
        return None;
    }
    scope.emit(EventKind::VersionRead { version: version.as_str().into() });
    Some(version)
}

fn unreadable(scope: &Scope, summary: String) -> Finding {
    let advice = "make `source.version` give just the version, on one line";
    Finding::new(Rule::VersionUnreadable, scope.of(), summary, advice)
}
