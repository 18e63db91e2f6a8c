//! Nothing that gives back what was cut.

use std::collections::HashSet;

use crate::audit::{
    Rule, Severity, Subject,
    found::{Found, Say as _},
    subject::spot,
};

pub(super) static RULE: Rule = Rule {
    id: "no-recover",
    severity: Severity::Warning,
    title: "the usual path may be cut for a drill, and no pipeline gives it back",
    detects: "Plans whose `primary` names a forge and a token to cut it with, where no pipeline that was read calls `canship recover`; \
              or none that a schedule starts (a note).",
    misses: "Calls in pipelines of another repository or system, and GitLab's schedules, which are not in the files.",
    why: "If the machine that cut the path is lost, only a pipeline somewhere else gives it back.",
    advice: "Add a scheduled pipeline that runs `canship recover`, best not on the path that is cut.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    let Some(primary) = subject.plan().and_then(|plan| plan.primary.as_ref()) else { return };
    if primary.token.is_none() {
        return;
    }
    let calls: Vec<_> = subject.pipeline.calls.iter().filter(|call| call.command == "recover").collect();
    let Some(first) = calls.first() else {
        let finding = found.add(
            Severity::Warning,
            subject.in_plan("primary"),
            "a drill may cut the usual path, and no pipeline here runs `canship recover`".to_owned(),
        );
        let _told = finding.doubt("one in another repository is not seen");
        return;
    };
    let scheduled: HashSet<&str> = subject.pipeline.schedules.iter().map(|schedule| schedule.file.as_str()).collect();
    let is_scheduled = calls.iter().any(|call| scheduled.contains(&*call.at.file));
    let is_github = first.at.file.starts_with(".github/");
    if !is_scheduled && is_github {
        let message = "`canship recover` runs here, but no schedule starts it".to_owned();
        found.add(Severity::Note, spot(Some(&first.at), "canship recover"), message);
    }
}
