//! Nothing to compare with.

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        subject::spot,
    },
    pipeline::{At, Forge},
};

pub(super) static RULE: Rule = Rule {
    id: "no-release-found",
    severity: Severity::Warning,
    title: "no pipeline here makes a release, as far as the files say: nothing was compared",
    detects: "A repository with a plan or pipelines, in which no workflow or CI file is believed to make or publish a release.",
    misses: "Nothing: but what makes the release may be a system or a repository that is not read here.",
    why: "All rules that compare plan and pipelines have nothing to say then, which is no proof that they agree.",
    advice: "Look at `canship pipeline`; if another system makes the releases, suppress this with its name as the reason.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    let pipeline = subject.pipeline;
    if !pipeline.releases.is_empty() || (subject.plan.is_none() && pipeline.forges.is_empty()) {
        return;
    }
    let file = if pipeline.forges.contains(&Forge::Gitlab) { ".gitlab-ci.yml" } else { ".github/workflows" };
    let spot = match subject.plan {
        Some(written) => spot(Some(&At { file: written.file.into(), line: 1, column: 1 }), ""),
        None => spot(Some(&At { file: file.into(), line: 1, column: 1 }), ""),
    };
    let what = if pipeline.forges.is_empty() { "there are no pipelines here" } else { "no pipeline here makes a release" };
    let _told = found
        .add(Severity::Warning, spot, format!("{what}, as far as the files say: nothing was compared"))
        .doubt("the files may not tell");
}
