//! A schedule that the forge switches off.

use std::collections::HashMap;

use crate::audit::{
    Rule, Severity, Subject,
    found::{Found, Say as _},
    subject::spot,
};

pub(super) static RULE: Rule = Rule {
    id: "schedule-expires",
    severity: Severity::Warning,
    title: "a release or a drill is started by a schedule that GitHub switches off after 60 quiet days",
    detects: "`schedule` in GitHub workflows that make releases, or that call canship.",
    misses: "Whether the repository is public: in a private one schedules go on. GitLab's schedules are not in the files.",
    why: "After 60 days without a commit GitHub disables the schedules of a public repository, silently: the release, or the drill \
          that proves the spare, just stops.",
    advice: "Watch from elsewhere that it ran (`canship status --max-age`), or start it from another system.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    let releases: HashMap<&str, _> = subject.pipeline.releases.iter().map(|release| (release.file.as_str(), release)).collect();
    let calls: HashMap<&str, _> = subject.pipeline.calls.iter().rev().map(|call| (&*call.at.file, call)).collect();
    for schedule in &subject.pipeline.schedules {
        let (release, call) = (releases.get(schedule.file.as_str()), calls.get(schedule.file.as_str()));
        let otherwise = |event: &str| !matches!(event, "schedule" | "workflow_dispatch" | "workflow_call" | "repository_dispatch");
        let (severity, what) = match (call, release) {
            (Some(call), _) => (Severity::Warning, format!("`canship {}`", call.command)),
            (None, Some(release)) if release.triggers.iter().any(|trigger| otherwise(&trigger.event)) => {
                (Severity::Note, "a workflow that makes releases".to_owned())
            }
            (None, Some(_)) => (Severity::Warning, "a release".to_owned()),
            (None, None) => continue,
        };
        let message = format!("{what} is started by `{}`, which GitHub switches off after 60 days without a commit", schedule.cron);
        let finding = found.add(severity, spot(Some(&schedule.at), &schedule.cron), message);
        let _told = finding.doubt("it does so in public repositories only");
    }
}
