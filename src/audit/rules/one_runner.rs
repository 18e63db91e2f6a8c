//! One label or one vendor for everything.

use std::collections::BTreeSet;

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
    },
    pipeline::{Sure, Topic},
    plan::SpareKind,
};

pub(super) static RULE: Rule = Rule {
    id: "one-runner",
    severity: Severity::Note,
    title: "every job of a release runs on one label, or at one vendor",
    detects: "Runner labels of the jobs on the release's path that are all the same, or all of the forge's own hosted runners.",
    misses: "Labels that are known only while the pipeline runs; what a self-hosted label stands for.",
    why: "Without runners of that kind (starved, deprecated, a bill unpaid) no release is made at all.",
    advice: "Have a spare that needs no runner of that vendor; a self-hosted runner of the same forge helps only while the forge works.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    let labels: Vec<_> = subject.facts(Topic::RunnerLabels).collect();
    let Some(first) = labels.first() else { return };
    if labels.iter().any(|label| label.sites.iter().any(|site| matches!(site.sure, Sure::Dynamic))) {
        return;
    }
    let vendors: BTreeSet<&str> = labels.iter().map(|label| vendor(label.value)).collect();
    let message = match labels.len() {
        1 => format!("every job of a release runs on `{}`", first.value),
        _ if vendors.len() == 1 && vendors.contains("GitHub") => {
            format!("every job of a release runs on GitHub's hosted runners ({} labels)", labels.len())
        }
        _ => return,
    };
    let other = subject.plan().map(|plan| plan.spares.iter().find(|spare| !matches!(spare.kind, SpareKind::Runner { .. })));
    let advice = match other {
        Some(Some(spare)) => {
            format!("The spare `{0}` of the plan needs none of them; that it works, `canship drill --spare {0}` shows.", spare.name)
        }
        Some(None) => format!(
            "Add one that needs none of them to `spares` in `{}`: `{{ name: clean-room, container: {{}} }}`.",
            subject.plan_file()
        ),
        None => "`canship init` writes a plan with a spare that needs none of them: a clean room on a container engine.".to_owned(),
    };
    let _told = found.add(Severity::Note, first.spot(), message).advise(advice);
}

/// Whose runners a label means, as far as it tells.
fn vendor(label: &str) -> &str {
    let lower = label.to_ascii_lowercase();
    let starts = |start: &&&str| lower.starts_with(**start);
    if ["ubuntu-", "windows-", "macos-"].iter().any(|start| starts(&start)) {
        return "GitHub";
    }
    ["depot-", "namespace-", "blacksmith-", "buildjet-", "warp-", "saas-"]
        .iter()
        .find(|start| starts(start))
        .copied()
        .unwrap_or("self-hosted")
}
