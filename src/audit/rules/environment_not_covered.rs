//! An environment that a release passes and the plan knows nothing of.

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
    },
    pipeline::{Sure, Topic},
};

pub(super) static RULE: Rule = Rule {
    id: "environment-not-covered",
    severity: Severity::Note,
    title: "a release passes an environment, and the plan does not say who may release",
    detects: "Environments of jobs on the release's path, where the plan has no `people`.",
    misses: "Which approvals, waiting times and secrets an environment has: the forge's settings know, the files do not.",
    why: "An environment asks people for approval at the forge. With the forge out, someone has to know who decides instead.",
    advice: "Name who decides and who can release under `people`.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    if subject.plan.is_none() || !subject.plan_says("people").is_empty() {
        return;
    }
    for environment in subject.facts(Topic::Environments) {
        if environment.sites.iter().all(|site| matches!(site.sure, Sure::Dynamic)) {
            continue;
        }
        let message =
            format!("the release passes the environment `{}`, and the plan does not say who may release", environment.value);
        let _told =
            found.add(Severity::Note, environment.spot(), message).doubt("what the environment asks for is not in the files");
    }
}
