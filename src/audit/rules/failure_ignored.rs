//! A step of a release that may fail without anybody seeing it.

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        publishing::Publishing,
        subject::spot,
    },
    pipeline::At,
};

pub(super) static RULE: Rule = Rule {
    id: "failure-ignored",
    severity: Severity::Warning,
    title: "a step of a release may fail, and the pipeline is green all the same",
    detects: "`continue-on-error` on jobs and steps of the release's path, and GitLab's `allow_failure`: a warning where something is \
              published, else a note.",
    misses: "`|| true` and other ways to drop an error within a script.",
    why: "A release that is green and lacks a part is found by its users.",
    advice: "Let it fail; what may be left out of a release belongs in a job of its own that nothing waits for.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    let publishing = Publishing::of(subject);
    for (_, job) in subject.jobs() {
        if let Some(at) = &job.may_fail {
            tell(subject, found, (at, "this job", !job.publishes.is_empty()));
        }
        for step in &job.steps {
            let Some(at) = &step.may_fail else { continue };
            tell(subject, found, (at, "this step", publishing.step(step)));
        }
    }
}

fn tell(subject: &Subject<'_>, found: &mut Found, (at, what, publishes): (&At, &str, bool)) {
    let severity = if publishes { Severity::Warning } else { Severity::Note };
    let does = if publishes { " publishes," } else { "" };
    let finding =
        found.add(severity, spot(Some(at), ""), format!("{what}{does} may fail, and the release goes on as if nothing were"));
    if subject.pipeline.line(&at.file, at.line).is_some_and(|line| line.contains("${{") || line.contains("exit_codes")) {
        let _told = finding.doubt("an expression decides whether it may");
    }
}
