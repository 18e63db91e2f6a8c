//! No plan, and so no spare.

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        subject::spot,
    },
    pipeline::At,
};

pub(super) static RULE: Rule = Rule {
    id: "no-spare",
    severity: Severity::Error,
    title: "there is no plan, and so no spare path at all",
    detects: "A repository whose pipelines make releases and that has no canship.yaml where it is looked for; a folder that has neither \
              a plan nor pipelines, as a wrong one has.",
    misses: "Spare paths that are written down somewhere else.",
    why: "When the usual CI is gone, nobody has a path that was ever tried.",
    advice: "`canship init` writes a first plan from the pipelines; then drill it.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    if subject.plan.is_some() {
        return;
    }
    let Some(release) = subject.pipeline.releases.first() else {
        if subject.pipeline.forges.is_empty() {
            nothing(found);
        }
        return;
    };
    let at = release.reasons.first().map(|(_, at)| at.clone());
    let at = at.unwrap_or_else(|| At { file: release.file.as_str().into(), line: 1, column: 1 });
    let finding = found.add(
        Severity::Error,
        spot(Some(&at), ""),
        "releases are made here, and there is no plan for a day without this CI".to_owned(),
    );
    let _told = finding.doubt("a plan elsewhere is named with `--plan FILE`");
}

/// There is nothing to look at: that is no proof of anything, and most likely the wrong folder.
fn nothing(found: &mut Found) {
    let at = At { file: "canship.yaml".into(), line: 1, column: 1 };
    let message = "there is neither a plan nor a pipeline here: nothing was looked at".to_owned();
    let finding = found.add(Severity::Error, spot(Some(&at), ""), message);
    let _told = finding
        .advise("Name the root of the repository, or a plan elsewhere with `--plan FILE`; `canship init` writes a first one.");
}
