//! What this drill can never prove: said with every answer, and never a reason for a worse verdict.

use super::{Drill, rehearsal, ways};
use crate::{
    plan::{OciTarget, Plan, Target},
    record::{CheckKind, EventKind, Outcome, Phase, Record, Rule},
    registry::Repository,
    spare::{RoomPlan, Spare},
};

/// Tells every limit that is known once the spare was looked at.
pub(super) fn tell(drill: &Drill, builder: &dyn Spare, (room, notes): (&RoomPlan, Vec<String>)) {
    let plan = &drill.plan;
    let mut limits = vec![
        "the network was not sealed: the build could reach everything this machine can, also what an outage would take away"
            .to_owned(),
    ];
    limits.extend(builder.limits(room).iter().map(ToString::to_string));
    if plan.source.mirror.is_none() {
        limits.push("there is no mirror: that the source can be had while its origin is out was not shown".to_owned());
    }
    limits.extend(match drill.bus.record() {
        _ if drill.is_rehearsal() => rehearsal::limits(drill),
        Some(record) => of_publishing(plan, &record),
        None => Vec::new(),
    });
    limits.extend(ways::limits(drill));
    limits.extend(not_searched(drill));
    limits.extend(plan.unverified.iter().cloned().chain(notes));
    for limit in limits {
        drill.bus.emit(EventKind::Limited { limit: limit.into() });
    }
}

/// Which secrets an image may hold without anybody noticing.
fn not_searched(drill: &Drill) -> Option<String> {
    let names: Vec<_> = drill.board.vault.get()?.not_telling().into_iter().map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| {
        format!(
            "what was built was not searched for these secrets, which are so short or so much like a word that they may \
             stand anywhere: {}",
            names.join(", ")
        )
    })
}

/// That the image starts was not shown: only what is in it ran, if it did.
fn of_starting(plan: &Plan, target: &OciTarget, record: &Record) -> Option<String> {
    let name = &target.repository;
    // Of a program that is known not to start there is nothing left to be shown.
    let is_told = target.base.is_none() && record.findings.iter().any(|finding| finding.rule == Rule::BaseMissing);
    let has_run = record.steps.iter().any(|step| step.step.phase == Phase::Smoke);
    (has_run && !is_told).then(|| match (&target.base, plan.build.artifacts.is_empty()) {
        (None, true) => format!("the smoke steps ran by a shell in the image of `{name}`: its own entrypoint was not started"),
        (Some(base), _) => {
            format!("the smoke steps did not run on `{base}`, the base of `{name}`, but where it was built: it may not start there")
        }
        (None, false) => format!(
            "the smoke steps ran where `{name}` was built: its image holds the artifacts alone, without a `base`, and may not start \
             by itself"
        ),
    })
}

/// What tagging and pushing prove less than they seem to, as far as it came to them.
fn of_publishing(plan: &Plan, record: &Record) -> Vec<String> {
    let mut limits = Vec::new();
    if let Some(tag) = plan.tag.as_ref().filter(|_| record.tag.is_some()) {
        limits.push(format!("the drill's tag says nothing about rules for the real one, `{}`", tag.as_str()));
    }
    let on_loopback = |name: &str| name.parse::<Repository>().is_ok_and(|repository| repository.is_loopback());
    for target in &plan.publish {
        if let Target::Oci(target) = target
            && on_loopback(&target.repository)
        {
            limits.push(format!(
                "`{}` is a registry on this machine: it proves the mechanics, not that users can be reached",
                target.repository
            ));
        }
        if let Target::Oci(target) = target {
            limits.extend(of_starting(plan, target, record));
            if was_let_in(record, &target.repository) {
                limits.push(format!(
                    "that `{}` takes a manifest and a tag was not tried: the right to push there was shown by an upload, opened \
                     and cancelled",
                    target.repository
                ));
            }
        }
    }
    limits
}

/// Whether the right to push to this repository was shown.
fn was_let_in(record: &Record, name: &str) -> bool {
    let mut checks = record.checks.iter();
    checks
        .any(|check| check.check == CheckKind::Registry && check.subject.as_str() == name && check.outcome == Some(Outcome::Passed))
}
