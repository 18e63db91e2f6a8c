//! One person between a hotfix and its users.

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        subject::spot,
    },
    pipeline::Topic,
};

pub(super) static RULE: Rule = Rule {
    id: "one-approver",
    severity: Severity::Warning,
    title: "a release waits for one person",
    detects: "Steps that wait for an approval and name one approver; a plan whose `people.release` has one person, where the release \
              passes an environment or an approval.",
    misses: "Reviewers of an environment, and teams that have one member: the forge's settings know, the files do not.",
    why: "If that person is asleep, ill or locked out, nothing ships.",
    advice: "Name a second person, in the forge's settings and under `people.release`.",
    check,
};

/// The input of an action that names who may approve.
const APPROVERS: &str = "approvers";

fn check(subject: &Subject<'_>, found: &mut Found) {
    for (_, step) in subject.steps() {
        let Some(approvers) = step.input(APPROVERS).filter(|text| !text.contains("${{")) else { continue };
        let people: Vec<&str> = approvers.split([',', '\n']).map(str::trim).filter(|name| !name.is_empty()).collect();
        if let [one] = people.as_slice() {
            let finding = found.add(Severity::Warning, spot(Some(&step.at), ""), format!("the release waits for `{one}` alone"));
            let _told = finding.doubt("if that is a team, it may have more members");
        }
    }
    let release = subject.plan_says("people.release");
    let [one] = release.as_slice() else { return };
    let waits = subject.facts(Topic::Environments).chain(subject.facts(Topic::Approvals)).next();
    if let Some(waits) = waits {
        let message = format!("the plan names `{one}` alone as able to release, and a release waits for an approval");
        let finding = found.add(Severity::Warning, subject.in_plan("people.release[0]"), message);
        let _told = finding
            .related(waits.spot(), "here it may wait")
            .doubt("who else may approve is in the forge's settings, not in the files");
    }
}
