//! A pipeline that its forge does not take.

use crate::audit::{
    Rule, Severity, Subject,
    found::{Found, Say as _},
    subject::spot,
};

pub(super) static RULE: Rule = Rule {
    id: "forge-refuses",
    severity: Severity::Error,
    title: "the forge refuses a pipeline that makes releases: not one of its jobs runs",
    detects: "GitLab jobs whose stage is none of `stages`; jobs of either forge that need a job which is not there, is in a later \
              stage, or waits for them in a circle. A warning where an include from elsewhere may add what is missing.",
    misses: "All else that a forge refuses: its own linter knows more.",
    why: "The usual path makes no release at all then, and nobody sees it before the next tag.",
    advice: "Name the stage under `stages`, or the job as it is called; GitLab's `lint` and `actionlint` show the rest.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    for refused in &subject.pipeline.refused {
        let severity = if refused.doubt.is_some() { Severity::Warning } else { Severity::Error };
        let finding = found.add(severity, spot(Some(&refused.at), ""), refused.what.clone());
        if let Some(doubt) = &refused.doubt {
            let _told = finding.doubt(doubt.clone());
        }
    }
}
