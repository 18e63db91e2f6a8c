//! A spare that stands on what it should replace.

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
    },
    pipeline::{Forge, registry_of},
    plan::{BuildImage, PrimaryParts, SpareKind},
};

pub(super) static RULE: Rule = Rule {
    id: "spare-same-control-plane",
    severity: Severity::Error,
    title: "a spare needs the forge that it should replace",
    detects: "Plans whose spares are all runners of the forge (an error); a runner beside other spares (a note); a source without a \
              mirror, or with one at the forge's own host; a build image from the forge's own registry.",
    misses: "What runs below: two hosts at one vendor, or a mirror that is only a proxy of the forge.",
    why: "Such a spare survives starved runners and an unpaid bill, but not an outage of the forge.",
    advice: "Have a spare that works without the forge: a clean room or a host, with a source mirror and images elsewhere.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    let Some(plan) = subject.plan() else { return };
    let is_runner = |kind: &SpareKind| matches!(kind, SpareKind::Runner { .. });
    let all = plan.spares.iter().all(|spare| is_runner(&spare.kind));
    for (number, spare) in plan.spares.iter().enumerate().filter(|(_, spare)| is_runner(&spare.kind)) {
        let spot = subject.in_plan(&format!("spares[{number}].name"));
        let message = format!("the spare `{}` is a runner of the forge that it should replace", spare.name);
        let message = if all { format!("{message}, and there is no other spare") } else { message };
        found.add(if all { Severity::Error } else { Severity::Note }, spot, message);
    }
    source(subject, found);
    image(subject, found);
}

/// The hosts of the forge that the plan or the pipelines are about.
fn forge_hosts(subject: &Subject<'_>) -> Vec<&'static str> {
    let parts = subject.plan().and_then(|plan| plan.primary.as_ref()).map(|primary| &primary.parts);
    let has = |forge: Forge| subject.pipeline.forges.contains(&forge);
    let github = matches!(parts, Some(PrimaryParts::Github { .. })) || (parts.is_none() && has(Forge::Github));
    let gitlab = matches!(parts, Some(PrimaryParts::Gitlab { .. })) || (parts.is_none() && has(Forge::Gitlab));
    let mut hosts = Vec::new();
    if github {
        hosts.extend(["github.com", "ghcr.io"]);
    }
    if gitlab {
        hosts.extend(["gitlab.com", "registry.gitlab.com"]);
    }
    hosts
}

fn source(subject: &Subject<'_>, found: &mut Found) {
    let Some(plan) = subject.plan() else { return };
    let hosts = forge_hosts(subject);
    if hosts.is_empty() {
        return;
    }
    let Some(mirror) = &plan.source.mirror else {
        let finding = found.add(
            Severity::Warning,
            subject.in_plan("source"),
            "the source has no mirror: with the forge out, a spare has nothing to build".to_owned(),
        );
        let _told = finding
            .doubt("where the repository's origin is, the files do not say")
            .advise("Keep a mirror at another host and name it under `source.mirror`.");
        return;
    };
    let host = mirror.split_once("://").map_or(mirror.as_str(), |(_, rest)| rest);
    let host = host.split_once('@').map_or(host, |(_, rest)| rest).split(['/', ':']).next().unwrap_or_default();
    if hosts.contains(&host) {
        let message = format!("the source's mirror is at `{host}`, the forge that a spare should replace");
        found.add(Severity::Warning, subject.in_plan("source.mirror"), message);
    }
}

fn image(subject: &Subject<'_>, found: &mut Found) {
    let Some(BuildImage::Image(image)) = subject.plan().and_then(|plan| plan.build.image.as_ref()) else { return };
    if let Some(host) = registry_of(image).filter(|host| forge_hosts(subject).contains(&host.as_str())) {
        let message = format!("the build image comes from `{host}`, a registry of the forge that a spare should replace");
        let finding = found.add(Severity::Note, subject.in_plan("build.image"), message);
        let _told = finding.doubt("an engine that has the image already needs no registry");
    }
}
